"""What each format of `agent_constraint` allows and refuses, its options, and what cannot be asked of it."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from agent_reading import ALL_FORMATS, JSON_FORMATS, JSON_TOOLS, TOOLS, Place, Writer, check, now, search, travel
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId, StructuredTool, Tool, tool
from pydantic import BaseModel, Field

import relark
from relark.errors import ArgumentError, UnsatisfiableError
from relark.integrations.langchain.agents import FORMATS, AgentConstraint, agent_constraint

BLOB = '{"action": "search", "action_input": {"query": "x"}}'
ANSWER = '{"action": "Final Answer", "action_input": "x"}'
ASK = Tool(name="Intermediate Answer", description="Answers.", func=lambda question: question)


def made(format: str, **options: Any) -> AgentConstraint:
    return agent_constraint(format, [ASK] if format == "self-ask" else [search, now], **options)


def named(name: str) -> Tool:
    return Tool(name=name, description="Takes a string.", func=str)


EXAMPLES: dict[str, tuple[list[str], list[str]]] = {
    "structured-chat": (
        [
            f'Thought: I use the `search` of "things"\nAction:\n```json\n{BLOB}\n```',
            f"Action:\n```\n{BLOB}\n```",
            f"Action:```json\n{ANSWER}```",
            'Action:\n```\n{\n  "action": "Final Answer",\n  "action_input": "``\\u0060"\n}\n```',
            'Thought: done\n\nAction:\n```\n{"action": "search", "action_input": "x"}\n```',
            'Action:\n```\n{"action": "now", "action_input": {}}\n```',
        ],
        [
            BLOB,
            "I know.",
            f"Action:\n```json{BLOB}\n```",
            f"I see.\nAction:\n```\n{BLOB}\n```",
            f"Thought: a }} b\nAction:\n```\n{BLOB}\n```",
            f'Thought: 5" disks\nAction:\n```\n{BLOB}\n```',
            f"Thought: ```x```\nAction:\n```\n{BLOB}\n```",
            'Action:\n```\n{"action": "Final Answer", "action_input": "```"}\n```',
            'Action:\n```\n{"action": "Final Answer"}\n```',
            'Action:\n```\n{"action": "find", "action_input": "x"}\n```',
            'Action:\n```\n{"action": "search", "action_input": 3}\n```',
            'Action:\n```\n{"action": "search", "action_input": {"query": "x", "more": 1}}\n```',
        ],
    ),
    **dict.fromkeys(
        ("json", "conversational-chat"),
        (
            [BLOB, f"```json\n{BLOB}\n```", f"```\n{ANSWER}\n```", '{"action":"Final Answer","action_input":"```"}'],
            [f"Sure: {BLOB}", f"[{BLOB}]", BLOB[:-1], '{"action": "search"}', f"```json\n{BLOB}", f"{BLOB}\n```"],
        ),
    ),
    **dict.fromkeys(
        ("react-json", "chat"),
        (
            [
                f"I look.\nAction:\n```\n{BLOB}\n```",
                f"Action:\n```json\n{BLOB}\n```",
                "I know: it's {x}.\nFinal Answer: 42\n```\ncode\n```",
                'Action:\n```\n{"action": "search", "action_input": "Final Answer\\u003a x"}\n```',
            ],
            [
                f"Action:\n```\n{ANSWER}\n```",
                f"Final Answer: x\nAction:\n```\n{BLOB}\n```\nFinal Answer: y",
                'Action:\n```\n{"action": "search", "action_input": "Final Answer: x"}\n```',
                f"```x```\nAction:\n```\n{BLOB}\n```",
                f"Action:\n``` {BLOB}\n```",
            ],
        ),
    ),
    **dict.fromkeys(
        ("react", "mrkl"),
        (
            [
                " I should look.\nAction: search\nAction Input: the weather",
                "Action: now\nAction Input: ",
                'Action: search\nAction Input: a "b" c',
                "Final Answer: a\nb",
            ],
            [
                "Action: find\nAction Input: x",
                "Action: search",
                "Action: search\nAction Input:  x",
                "Action: search\nAction Input: x ",
                'Action: search\nAction Input: "x"',
                "Action: search\nAction Input: x\ny",
                "Action: search\nAction Input: Final Answer: x",
                "Action: search\nAction Input: x\nObservation: y",
                "An Action: x\nAction: search\nAction Input: x",
                "Final Answer: x\nAction: search\nAction Input: x",
                "Final Answer: x\nObservation: y",
                "Final Answer:  x",
                "I know.",
            ],
        ),
    ),
    "conversational": (
        [
            "Thought: Do I need to use a tool? Yes\nAction: search\nAction Input: x",
            "Thought: Do I need to use a tool? No\nAI: Hello.\nHow are you?",
            "AI: Action: rest",
        ],
        ["AI:x", "Action: search\nAction Input: AI: x", "AI: a AI: b", "Final Answer: x", "I am AI: x\nAI: y"],
    ),
    "xml": (
        [
            "<tool>search</tool><tool_input>a < b\nc</tool_input>",
            "<tool>now</tool><tool_input></tool_input>",
            "<final_answer> x </final_answer>",
        ],
        [
            "<tool>search</tool><tool_input>x",
            "<tool>search</tool>",
            "<tool>search</tool><tool_input></tool_input>",
            "<tool>search</tool><tool_input><tool></tool_input>",
            "<tool>search</tool><tool_input>[[tool]]</tool_input>",
            "<final_answer><tool>x</tool></final_answer>",
            "I think.\n<final_answer>x</final_answer>",
        ],
    ),
    "self-ask": (
        [" Yes.\nFollow up: How old?", "Follow up: How old?", "So the final answer is: 12:30"],
        [
            "Follow up: a: b?",
            "Follow up: a\n",
            " So the final answer is: a",
            "So the final answer is: Follow up: a",
            "So the final answer is: a\nb",
            "Follow up: a?\nSo the final answer is: b",
        ],
    ),
    "docstore": (
        ["I look.\nAction: search[a [b ]", "Action: Finish[a, b]", "Action: now[]"],
        ["Action: search[a]]", "Action: search[a]\n", "Action: search[a\nb]", "Action: find[a]", "Finish[a]"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("format", ALL_FORMATS)
def test_examples(format: str) -> None:
    constraint = made(format)
    good, bad = EXAMPLES[format]
    tools: list[BaseTool] = [ASK] if format == "self-ask" else [search, now]
    for text in good:
        assert constraint.fullmatch(text), text
        check(format, text, tools)
    for text in bad:
        assert not constraint.fullmatch(text), text


def test_the_formats_are_those_of_the_parsers() -> None:
    assert set(FORMATS) == set(ALL_FORMATS)


# ------------------------------------------------------------------------------------------
# Options


@pytest.mark.parametrize("format", [f for f in ALL_FORMATS if f not in ("json", "conversational-chat")])
def test_thoughts(format: str) -> None:
    answer = EXAMPLES[format][0][2] if format == "xml" else made(format, thoughts=False).shortest()
    assert answer is not None
    begin = "Thought: " if format == "structured-chat" else ""
    assert made(format, thoughts=True).fullmatch(f"{begin}{'a' * 390}\n{answer}")
    assert not made(format, thoughts=True).fullmatch(f"{begin}{'a' * 410}\n{answer}")
    short = made(format, thoughts=20)
    assert short.fullmatch(f"{begin}I see.\n{answer}")
    assert not short.fullmatch(f"{begin}{'a' * 21}\n{answer}")
    assert not made(format, thoughts=False).fullmatch(f"{begin}I see.\n{answer}")
    for constraint in (short, made(format, thoughts=False)):
        assert constraint.fullmatch(answer)


@pytest.mark.parametrize("format", ALL_FORMATS)
def test_final_answers_may_be_restricted(format: str) -> None:
    tools = TOOLS[format]
    none = agent_constraint(format, tools, final_answer=False)
    words = agent_constraint(format, tools, final_answer=relark.choices(["yes", "no way"]))
    writer = Writer(4)
    answers = set()
    for text in writer.texts(none, 6):
        assert check(format, text, tools)[0] == "tool"
    for text in writer.texts(words, 40):
        kind, _, value = check(format, text, tools)
        if kind == "finish":
            answers.add(value)
    assert answers
    assert answers <= {"yes", "no way"}


@pytest.mark.parametrize("format", ["structured-chat", "json", "conversational-chat"])
def test_final_answers_may_be_values(format: str) -> None:
    constraint = agent_constraint(format, [], final_answer=Place)
    for text in Writer(4).texts(constraint, 20):
        Place.model_validate(check(format, text, [])[2])


@pytest.mark.parametrize(
    "format", [f for f in ALL_FORMATS if f not in ("docstore", "structured-chat", "json", "conversational-chat")]
)
def test_final_answers_of_text_formats_may_be_json(format: str) -> None:
    tools = [ASK] if format == "self-ask" else []
    constraint = agent_constraint(format, tools, final_answer={"type": "object", "required": ["a"]})
    words = ["a", '"a"', "Input", "Action: x Action Input: y", "Final Answer:", "Follow up:"]
    for text in Writer(4, more=words).texts(constraint, 20):
        kind, _, answer = check(format, text, tools)
        assert kind == "tool" or "a" in json.loads(answer)


def test_the_conversational_agent_has_a_name() -> None:
    constraint = agent_constraint("conversational", [search], ai_prefix="Robot")
    assert constraint.fullmatch("Thought: I am an AI: yes\nRobot: AI: hello") is False  # no colon behind an I
    assert constraint.fullmatch("I am.\nRobot: AI: hello")
    assert not constraint.fullmatch("I am.\nAI: hello")
    assert not constraint.fullmatch("Action: search\nAction Input: Robot: x")


def test_inputs_may_have_lines() -> None:
    text = "Action: search\nAction Input: a\n  b"
    for format in ("react", "mrkl", "conversational"):
        assert agent_constraint(format, [search], multiline=True).fullmatch(text)
        assert not agent_constraint(format, [search]).fullmatch(text)
        assert not agent_constraint(format, [search], multiline=True).fullmatch(f"{text}\nObservation: c")


def test_queries_keep_their_quotes() -> None:
    text = 'Action: search\nAction Input: SELECT "a"'
    assert agent_constraint("mrkl", [search]).fullmatch(text)
    check("mrkl", text, [search])
    assert not agent_constraint("react", [search]).fullmatch(text)


def test_whitespace() -> None:
    compact = agent_constraint("json", [search], whitespace="compact")
    assert compact.fullmatch('{"action":"search","action_input":{"query":"x"}}')
    assert not compact.fullmatch(BLOB)


# ------------------------------------------------------------------------------------------
# Tools


def test_functions_are_tools() -> None:
    def add(a: int, b: int = 2) -> int:
        """Adds."""
        return a + b

    constraint = agent_constraint("json", [add])
    assert constraint.fullmatch('{"action": "add", "action_input": {"a": 1}}')
    assert not constraint.fullmatch('{"action": "add", "action_input": {"b": 1}}')


class Colour(enum.Enum):
    RED = "red"
    MARK = "Final Answer: red"


@tool
def paint(colour: Colour) -> str:
    """Paints."""
    return str(colour)


def test_strings_of_an_argument() -> None:
    constraint = agent_constraint("react", [paint])
    assert constraint.fullmatch("Action: paint\nAction Input: red")
    assert not constraint.fullmatch("Action: paint\nAction Input: blue")
    assert not constraint.fullmatch("Action: paint\nAction Input: Final Answer: red")
    # in JSON it is no more than a string with a colon
    assert agent_constraint("chat", [paint]).fullmatch(
        'Action:\n```\n{"action": "paint", "action_input": "Final Answer\\u003a red"}\n```'
    )

    class Short(BaseModel):
        text: str = Field(min_length=2, max_length=3)

    short = StructuredTool(name="short", description="-", args_schema=Short, func=lambda text: text)
    lengths = agent_constraint("xml", [short])
    for text, allowed in (("a", False), ("ab", True), ("abc", True), ("abcd", False)):
        assert lengths.fullmatch(f"<tool>short</tool><tool_input>{text}</tool_input>") is allowed


def test_other_arguments_may_have_defaults() -> None:
    @tool
    def find(query: str, limit: int = 3) -> str:
        """Finds."""
        return query * limit

    for text in Writer(1).texts(agent_constraint("react", [find], final_answer=False), 10):
        check("react", text, [find])


def test_arguments_with_defaults_need_no_injection() -> None:
    @tool
    def greet(name: str, greeting: Annotated[str, InjectedToolArg] = "Hello") -> str:
        """Greets."""
        return f"{greeting}, {name}"

    constraint = agent_constraint("json", [greet], final_answer=False)
    for text in Writer(1).texts(constraint, 20):
        check("json", text, [greet])
    assert not constraint.fullmatch('{"action": "greet", "action_input": {"name": "a", "greeting": "b"}}')


# ------------------------------------------------------------------------------------------
# Stops and caches


@pytest.mark.parametrize("format", ALL_FORMATS)
def test_own_stops_are_in_no_text_but_where_they_belong(format: str) -> None:
    tools = TOOLS[format]
    constraint = agent_constraint(format, tools)
    assert constraint.own_stops
    for text in Writer(9, more=constraint.own_stops).texts(constraint, 15):
        for stop in constraint.own_stops:
            assert stop not in text or (format == "xml" and text.endswith(stop) and text.count(stop) == 1)


def test_a_stop_in_the_name_of_a_tool_is_not_an_own_stop() -> None:
    assert "Observation:" in agent_constraint("react", [search]).own_stops
    assert "Observation:" not in agent_constraint("react", [named("Observation: now")]).own_stops


def test_fingerprints_and_names() -> None:
    constraints = [
        agent_constraint("react", [search]),
        agent_constraint("react", [now]),
        agent_constraint("react", [search], final_answer=False),
        agent_constraint("react", [search], thoughts=20),
        agent_constraint("xml", [search]),
        agent_constraint("structured-chat", [search]),
        agent_constraint("json", [search]),
    ]
    assert len({c.fingerprint for c in constraints}) == len(constraints)
    assert agent_constraint("react", [search]).fingerprint == constraints[0].fingerprint
    assert repr(constraints[0]) == "agent_constraint('react', [search])"


# ------------------------------------------------------------------------------------------
# Refusals


@tool
def square(n: int) -> int:
    """Squares."""
    return n * n


@tool
def day(date: datetime.date) -> str:
    """Names a day."""
    return str(date)


@tool
def injected(query: str, user: Annotated[str, InjectedToolArg]) -> str:
    """Needs a user."""
    return query + user


@tool
def called(query: str, call: Annotated[str, InjectedToolCallId] = "") -> str:
    """Needs the id of the call."""
    return query + call


class Vague(BaseTool):
    name: str = "vague"
    description: str = "Takes anything."

    def _run(self, *args: Any, **kwargs: Any) -> str:
        return "vague"


class OnlyMark(enum.Enum):
    MARK = "Final Answer: red"


@tool
def mark(colour: OnlyMark) -> str:
    """Marks."""
    return str(colour)


REFUSED: list[tuple[str, Callable[[], object], type[Exception], str]] = [
    ("tools", lambda: agent_constraint("tools", [search]), ArgumentError, "bind_tools"),
    ("no format", lambda: agent_constraint("reakt", [search]), ArgumentError, "'reakt' is no format.*'react'"),
    ("nothing", lambda: agent_constraint("react", [], final_answer=False), ArgumentError, "no tools and no final"),
    ("one tool", lambda: agent_constraint("react", search), ArgumentError, r"write \[tool\]"),  # type: ignore[arg-type]
    ("a dict", lambda: agent_constraint("json", [{}]), ArgumentError, r"tools\[0\].*BaseTool"),  # type: ignore[list-item]
    ("a lambda", lambda: agent_constraint("json", [lambda x: x]), ArgumentError, "docstring"),
    ("twice", lambda: agent_constraint("json", [search, search]), ArgumentError, "two of them are named 'search'"),
    ("no name", lambda: agent_constraint("json", [named("")]), ArgumentError, "no text"),
    ("half a pair", lambda: agent_constraint("json", [named("\ud800")]), ArgumentError, "no text"),
    ("answer", lambda: agent_constraint("json", [named("Final Answer")]), ArgumentError, "rename"),
    ("react name", lambda: agent_constraint("react", [named("a Action Input: b")]), ArgumentError, "rename"),
    ("react answer", lambda: agent_constraint("react", [named("Final Answer: b")]), ArgumentError, "rename"),
    ("mrkl blank", lambda: agent_constraint("mrkl", [named(" a")]), ArgumentError, "rename"),
    ("AI", lambda: agent_constraint("conversational", [named("AI: a")]), ArgumentError, "rename"),
    ("tag", lambda: agent_constraint("xml", [named("a</tool>")]), ArgumentError, "rename"),
    ("escaped tag", lambda: agent_constraint("xml", [named("[[tool]]")]), ArgumentError, "rename"),
    ("Finish", lambda: agent_constraint("docstore", [named("Finish")]), ArgumentError, "rename"),
    ("bracket", lambda: agent_constraint("docstore", [named("a[b")]), ArgumentError, "rename"),
    ("line", lambda: agent_constraint("docstore", [named("a\nb")]), ArgumentError, "rename"),
    ("self-ask", lambda: agent_constraint("self-ask", [search]), ArgumentError, "'Intermediate Answer', not 'search'"),
    ("ai_prefix", lambda: made("conversational", ai_prefix="a:"), ArgumentError, "ai_prefix='a:'"),
    ("prefix Input", lambda: made("conversational", ai_prefix="Input"), ArgumentError, "ai_prefix='Input'"),
    ("thoughts", lambda: made("json", thoughts=True), ArgumentError, "JSON and nothing else"),
    ("no length", lambda: made("react", thoughts=-1), ArgumentError, "thoughts=-1"),
    ("arguments", lambda: agent_constraint("react", [travel]), ArgumentError, "it has 5 arguments.*structured-chat"),
    ("number", lambda: agent_constraint("react", [square]), ArgumentError, "'n' is not a plain string"),
    ("date", lambda: agent_constraint("xml", [day]), ArgumentError, "'date' is not a plain string"),
    ("JSON Schema", lambda: agent_constraint("xml", [JSON_TOOLS[4]]), ArgumentError, "args_schema is a JSON Schema"),
    ("injected", lambda: agent_constraint("json", [injected]), ArgumentError, "needs 'user' injected"),
    ("call id", lambda: agent_constraint("json", [called]), ArgumentError, "needs 'call' injected"),
    ("vague", lambda: agent_constraint("json", [Vague()]), ArgumentError, "give it an args_schema"),
    ("values", lambda: agent_constraint("react", [mark]), UnsatisfiableError, "no value of its argument 'colour'"),
    (
        "answers",
        lambda: made("react", final_answer=relark.choices(["a\nObservation: b"])),
        UnsatisfiableError,
        "final_answer: the format 'react'",
    ),
    ("docstore list", lambda: made("docstore", final_answer=list[int]), ArgumentError, "brackets of JSON"),
    ("no type", lambda: made("json", final_answer=3), ArgumentError, "final_answer"),
    (
        "no answer",
        lambda: made("json", final_answer=relark.regex("a") & relark.regex("b")),
        UnsatisfiableError,
        "final_answer",
    ),
]


@pytest.mark.parametrize(
    ("make", "error", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_cannot_be_is_refused_when_built(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"(?s){message}"):
        make()


@pytest.mark.parametrize("format", JSON_FORMATS)
def test_json_needs_no_refusal_of_values(format: str) -> None:
    """What text formats cannot hold, JSON spells."""
    for text in Writer(2).texts(agent_constraint(format, [mark, square, day], final_answer=False), 10):
        check(format, text, [mark, square, day])
