"""Whatever a model of random weights writes under `agent_constraint`, LangChain's own parsers read as what it says, and
its tools run on it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from agent_reading import ALL_FORMATS, PARSERS, TOOLS, Writer, check, intended, parsed

import relark
from relark.integrations.langchain.agents import agent_constraint

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "react": [{}, {"multiline": True}],
    "mrkl": [{}, {"multiline": True}],
    "conversational": [{}, {"multiline": True}],
    "xml": [{}, {"thoughts": True}],
}


def fuzz(format: str, seeds: range, count: int) -> Counter[str]:
    """How often each tool was called, in ``count`` texts by each of the models ``seeds``."""
    seen: Counter[str] = Counter()
    tools = TOOLS[format]
    for seed in seeds:
        for options in VARIANTS.get(format, [{}]):
            writer = Writer(seed, more=[tool.name for tool in tools])
            for final_answer in (True, False):
                constraint = agent_constraint(format, tools, final_answer=final_answer, **options)
                for text in writer.texts(constraint, count):
                    kind, name, _ = check(format, text, tools)
                    seen[name] += 1
                    assert kind == "tool" or final_answer
    return seen


@pytest.mark.parametrize("format", ALL_FORMATS)
def test_random_texts_mean_to_the_parsers_what_they_say(format: str) -> None:
    seen = fuzz(format, range(3), 10 // len(VARIANTS.get(format, [{}])))
    assert seen[""]  # final answers
    assert len(seen) > (1 if format == "self-ask" else 3)


@pytest.mark.slow
@pytest.mark.parametrize("format", ALL_FORMATS)
def test_thousands_of_random_texts_mean_to_the_parsers_what_they_say(format: str) -> None:
    seen = fuzz(format, range(100, 125), 50)
    assert sum(seen.values()) >= 2500
    assert set(seen) == {"", *(tool.name for tool in TOOLS[format])}


@pytest.mark.parametrize("format", ALL_FORMATS)
def test_texts_without_the_constraint_would_be_misread(format: str) -> None:
    """The fuzz can fail: without what the constraint knows of the parsers, the same models write what they misread."""
    loose = {
        "structured-chat": '(?s)Thought:.{0,80}\nAction:\n```json\n{"action": "search", "action_input": ".*"}\n```',
        "json": r'(?s)(.{0,9}\n)?{"action": "search", "action_input": "[^"]*"}',
        "conversational-chat": r'(?s)(.{0,9}\n)?{"action": "search", "action_input": "[^"]*"}',
        "react-json": r'(?s)(.{0,80}\n)?Action:\n```\n{"action": "search", "action_input": "[^"\\\n]*"}\n```',
        "chat": r'(?s)(.{0,80}\n)?Action:\n```\n{"action": "search", "action_input": "[^"\\\n]*"}\n```',
        "react": r"(?s)(.{0,40}\n)?(Action: search\nAction Input: .*|Final Answer: .*)",
        "mrkl": r"(?s)(.{0,40}\n)?(Action: search\nAction Input: .*|Final Answer: .*)",
        "conversational": r"(?s)(.{0,40}\n)?(Action: search\nAction Input: .*|AI: .*)",
        "xml": "(?s)<tool>search</tool><tool_input>.*</tool_input>|<final_answer>.*</final_answer>",
        "self-ask": r"(.{0,40}\n)?(Follow up: .*|So the final answer is: .*)",
        "docstore": r"(.{0,40}\n)?Action: (search\[.*\]|Finish\[.*\])",
    }
    writer = Writer(5)
    misread = 0
    for text in writer.texts(relark.regex(loose[format]), 40):
        try:
            meant = intended(format, text, ["search"])
            misread += any(parsed(parser, text) != meant for parser in PARSERS[format])
        except Exception:
            misread += 1
    assert misread
