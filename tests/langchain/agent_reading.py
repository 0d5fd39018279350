"""For the tests of `agent_constraint`: tools, the real parsers, what a text says to a reader, and random writers.

`intended` reads a text as a person does who knows the format but no parser: the first line that says what to do, and
all that follows. What the parsers make of the same text must be that.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from langchain_core.agents import AgentFinish
from langchain_core.tools import BaseTool, StructuredTool, Tool, tool
from pydantic import BaseModel, Field

import relark

with warnings.catch_warnings():  # langchain-community says that it is being sunset
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_classic.agents.chat.output_parser import ChatOutputParser
    from langchain_classic.agents.conversational.output_parser import ConvoOutputParser as LineParser
    from langchain_classic.agents.conversational_chat.output_parser import ConvoOutputParser as ChatParser
    from langchain_classic.agents.mrkl.output_parser import MRKLOutputParser
    from langchain_classic.agents.output_parsers import (
        JSONAgentOutputParser,
        ReActJsonSingleInputOutputParser,
        ReActSingleInputOutputParser,
        SelfAskOutputParser,
        XMLAgentOutputParser,
    )
    from langchain_classic.agents.react.output_parser import ReActOutputParser
    from langchain_classic.agents.structured_chat.output_parser import (
        StructuredChatOutputParser,
        StructuredChatOutputParserWithRetries,
    )

PARSERS: dict[str, list[Any]] = {
    "structured-chat": [
        StructuredChatOutputParser(),
        StructuredChatOutputParserWithRetries(),
        JSONAgentOutputParser(),
    ],
    "json": [JSONAgentOutputParser()],
    "conversational-chat": [ChatParser()],
    "react-json": [ReActJsonSingleInputOutputParser()],
    "chat": [ChatOutputParser()],
    "react": [ReActSingleInputOutputParser()],
    "mrkl": [MRKLOutputParser()],
    "conversational": [LineParser()],
    "xml": [XMLAgentOutputParser()],
    "self-ask": [SelfAskOutputParser()],
    "docstore": [ReActOutputParser()],
}
JSON_FORMATS = ("structured-chat", "json", "conversational-chat", "react-json", "chat")
ALL_FORMATS = tuple(PARSERS)

# ------------------------------------------------------------------------------------------
# Tools; each says what it was called with, and fails if that has not the type that it asks for


class Place(BaseModel):
    name: str
    position: tuple[float, float] | None = None


@tool
def search(query: str) -> str:
    """Looks something up."""
    assert isinstance(query, str)
    return f"search {query!r}"


@tool
def travel(
    days: int, unit: Literal["km", "mi"], place: Place, tags: list[str] | None = None, price: float = 1.0
) -> str:
    """Plans a journey."""
    assert isinstance(days, int)
    assert unit in ("km", "mi")
    assert isinstance(place, Place)
    return f"travel {days} {unit} {place} {tags} {price}"


@tool
def now() -> str:
    """Tells the time."""
    return "now"


class Choice(BaseModel):
    colour: Literal["red", "green", 'say "```"'] = Field(description="of the wall")


def _paint(colour: str) -> str:
    assert colour in ("red", "green", 'say "```"')
    return f"paint {colour}"


def _raw(**arguments: Any) -> str:
    assert arguments.keys() <= {"n", "action_input"}
    return f"raw {arguments}"


def _single(text: str) -> str:
    assert isinstance(text, str)
    return f"single {text}"


JSON_TOOLS: list[BaseTool] = [
    search,
    travel,
    now,
    StructuredTool(name="paint ```", description="Paints.", args_schema=Choice, func=_paint),
    StructuredTool(
        name="Observation: raw",
        description="Takes what its schema says.",
        args_schema={
            "type": "object",
            "properties": {"n": {"type": "integer"}, "action_input": {"type": "string"}},
            "required": ["action_input"],
        },
        func=_raw,
    ),
    Tool(name="Final Answer:", description="Takes a string.", func=_single),
]


def _lines(*names: str) -> list[BaseTool]:
    made: list[BaseTool] = [Tool(name=name, description="Takes a string.", func=_single) for name in names]
    painted = StructuredTool(name="paint", description="Paints.", args_schema=Choice, func=_paint)
    return [search, now, painted, *made]


TOOLS: dict[str, list[BaseTool]] = {
    **dict.fromkeys(JSON_FORMATS, JSON_TOOLS),
    "react": _lines("Action", "Input 1", "look: up", "a\nb"),
    "mrkl": _lines("Action", "Input 1", "look: up", "a\nb"),
    "conversational": _lines("Action", "Final Answer:", "look: up", "[x]"),
    "xml": _lines("a<b", "tool", "[[x]]", "</x>"),
    "self-ask": [Tool(name="Intermediate Answer", description="Takes a string.", func=_single)],
    "docstore": _lines("Finished", "look: up", "]", " "),
}


# ------------------------------------------------------------------------------------------
# Reading

_THOUGHT = r"(?:[^\n]*\n{1,2})??"
_FENCED = r"Action: ?\n?```(?:json)?\n(?P<json>\{.*\})\n?```"
_REACT = r"Action: (?P<tool>NAMES)\nAction Input: (?P<input>.*)|Final Answer: (?P<answer>.*)"
_SHAPES = {
    "structured-chat": _FENCED,
    **dict.fromkeys(("json", "conversational-chat"), r"(?P<json>\{.*\})|```(?:json)?\n(?P<fenced>\{.*\})\n?```"),
    **dict.fromkeys(("react-json", "chat"), _FENCED + "|Final Answer: (?P<answer>.*)"),
    **dict.fromkeys(("react", "mrkl"), _REACT),
    "conversational": _REACT.replace("Final Answer", "AI"),
    "xml": "<tool>(?P<tool>NAMES)</tool><tool_input>(?P<input>.*)</tool_input>|"
    "<final_answer>(?P<answer>.*)</final_answer>",
    "self-ask": r"Follow up: (?P<input>[^\n]*)|So the final answer is: (?P<answer>[^\n]*)",
    "docstore": r"Action: Finish\[(?P<answer>[^\n]*)\]|Action: (?P<tool>NAMES)\[(?P<input>[^\n]*)\]",
}


def intended(format: str, text: str, names: Sequence[str]) -> tuple[str, Any, Any]:
    """("tool", name, input) or ("finish", "", answer)."""
    shape = _SHAPES[format].replace("NAMES", "|".join(map(re.escape, names)))
    found = re.fullmatch(f"(?s){'' if format in ('json', 'conversational-chat') else _THOUGHT}(?:{shape})", text)
    assert found is not None, f"{format}: nobody can read {text!r}"
    parts = found.groupdict()
    blob = parts.get("json") or parts.get("fenced")
    if blob is not None:
        value = json.loads(blob)
        assert list(value) == ["action", "action_input"]
        if value["action"] == "Final Answer":
            return "finish", "", value["action_input"]
        return "tool", value["action"], value["action_input"]
    if parts["answer"] is not None:
        return "finish", "", parts["answer"]
    return "tool", parts.get("tool", "Intermediate Answer"), parts["input"]


def parsed(parser: Any, text: str) -> tuple[str, Any, Any]:
    """The same of a parser of LangChain."""
    found = parser.parse(text)
    if isinstance(found, AgentFinish):
        return "finish", "", found.return_values["output"]
    return "tool", found.tool, found.tool_input


def check(format: str, text: str, tools: Sequence[BaseTool]) -> tuple[str, Any, Any]:
    """``text`` means to the real parsers what it says, and can be done; what that is."""
    named = {tool.name: tool for tool in tools}
    meant = intended(format, text, list(named))
    for parser in PARSERS[format]:
        assert parsed(parser, text) == meant, (format, text)
    kind, name, given = meant
    if kind == "tool":
        named[name].run(given)
    return meant


# ------------------------------------------------------------------------------------------
# Writing

TRAPS = [
    "```",
    "``",
    "`",
    "```json",
    "```json\n",
    "```\n",
    "\n```",
    "json",
    '"',
    '""',
    "\\",
    '\\"',
    "\\n",
    "\\u00",
    "60",
    "\n",
    "\n\n",
    "\r",
    "\t",
    "\x0b",
    "\x1c",
    "\u2028",
    "\u00a0",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "]]",
    "[[",
    ":",
    ": ",
    "::",
    ",",
    "Action",
    "Action:",
    "\nAction:",
    "Action: ",
    "Action Input",
    "Action Input:",
    "Action Input: ",
    "\nAction Input: ",
    "Action 1:",
    " Input",
    "Input:",
    " 1",
    "Final Answer",
    "Final Answer:",
    "Final Answer: ",
    " Answer:",
    "\nFinal Answer: ",
    "Observation",
    "Observation:",
    "\nObservation",
    "\nObservation:",
    "Thought:",
    "Thought: ",
    "AI",
    "AI:",
    "AI: ",
    "\nAI: ",
    "I:",
    "<tool>",
    "</tool>",
    "<tool_input>",
    "</tool_input>",
    "<final_answer>",
    "</final_answer>",
    "<observation>",
    "</tool",
    "<",
    ">",
    "[[tool]]",
    "[[/tool]]",
    "[[tool_input]]",
    "[[/tool_input]]",
    "[[observation]]",
    "tool",
    "_input",
    "Follow up:",
    "Followup:",
    "Follow up: ",
    "\nFollow up: ",
    "So the final answer is:",
    "So the final answer is: ",
    "Finish",
    "Finish[",
    "Finish[x]",
    "Intermediate answer:",
    "\nIntermediate answer:",
    "search",
    "paint",
    "SELECT ",
    '"action"',
    '"action_input"',
    '"action": "',
    '"action_input": "',
    '{"action": "Final Answer", "action_input": "',
    "null",
    "true",
    "1",
    "-",
    "é",
    "日本",
    "😀",
    " ",
    "  ",
    "query",
]


class Writer:
    """A language model of random weights: what it says next depends on its last token only.

    Its tokens are all bytes, and the words that parsers stumble over.
    """

    def __init__(self, seed: int, *, more: Sequence[str] = ()) -> None:
        self.rng = np.random.default_rng(seed)
        words = list(dict.fromkeys([*TRAPS, *more]))
        self.tokens = [*(bytes([b]) for b in range(256)), *(w.encode() for w in words if len(w.encode()) > 1), None]
        self.vocabulary = relark.Vocabulary.from_bytes(self.tokens, eos_ids=[len(self.tokens) - 1])
        size = len(self.tokens)
        self.weights = self.rng.normal(size=(size, size)) * 1.5
        self.weights[:, :256] -= 2.0
        self.weights[:, -1] += 1.0

    def write(self, constraint: relark.Constraint, limit: int = 60) -> str:
        """A text of ``limit`` tokens, or little more than it takes to finish there."""
        matcher = constraint.matcher(self.vocabulary)
        written, last = bytearray(), int(self.rng.integers(256))
        for _ in range(limit):
            bits = np.unpackbits(matcher.mask().view(np.uint8), bitorder="little")
            allowed = np.flatnonzero(bits[: len(self.tokens)])
            assert len(allowed), f"a dead end after {bytes(written)!r}"
            scores = self.weights[last, allowed] + self.rng.gumbel(size=len(allowed))
            token = int(allowed[np.argmax(scores)])
            matcher.advance(token)
            if token == len(self.tokens) - 1:
                return written.decode()
            written += self.tokens[token] or b""
            last = token
        return (bytes(written) + matcher.shortest()).decode()

    def texts(self, constraint: relark.Constraint, count: int) -> Iterator[str]:
        for _ in range(count):
            yield self.write(constraint, int(self.rng.integers(5, 60)))
