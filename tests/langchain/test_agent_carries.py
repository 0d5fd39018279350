"""`agent_constraint` allows what a format can hold, and nothing else: judged by LangChain's own parsers."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from agent_reading import JSON_FORMATS, PARSERS, TRAPS, Place, parsed, search, travel
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import Tool

from relark.integrations.langchain.agents import AgentConstraint, agent_constraint

ASK = Tool(name="Intermediate Answer", description="Answers.", func=str)
TEMPLATES = {
    **dict.fromkeys(("react", "mrkl"), ("Action: search\nAction Input: {}", "Final Answer: {}")),
    "conversational": ("Action: search\nAction Input: {}", "AI: {}"),
    "xml": ("<tool>search</tool><tool_input>{}</tool_input>", "<final_answer>{}</final_answer>"),
    "self-ask": ("Follow up: {}", "So the final answer is: {}"),
    "docstore": ("Action: search[{}]", "Action: Finish[{}]"),
}
STOPS: dict[str, tuple[str, ...]] = {"xml": (), "docstore": (), "self-ask": ()}

values = st.one_of(
    st.lists(st.sampled_from([*TRAPS, "a", "b", "x y"]), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@cache
def constrained(format: str) -> AgentConstraint:
    tools = [ASK] if format == "self-ask" else [search, travel] if format in JSON_FORMATS else [search]
    return agent_constraint(format, tools, thoughts=False, multiline=True)


@pytest.mark.parametrize("format", TEMPLATES)
@given(value=values, answers=st.booleans())
def test_a_value_is_allowed_exactly_if_the_parser_returns_it(format: str, value: str, answers: bool) -> None:
    text = TEMPLATES[format][answers].replace("{}", value)
    name = "Intermediate Answer" if format == "self-ask" else "search"
    meant = ("finish", "", value) if answers else ("tool", name, value)
    try:
        carried = all(parsed(parser, text) == meant for parser in PARSERS[format])
    except Exception:
        carried = False
    # what the format could hold, and is left out on purpose: nothing, blanks at the edges, marks of the next turn, and,
    # in XML, tags that mean nothing where they stand
    spared = not value or any(stop in value for stop in STOPS.get(format, ("\nObservation", "Observation:")))
    if format not in ("xml", "docstore"):
        spared |= value != value.strip()
    if format == "xml":
        spared |= any(tag in value for tag in ("tool>", "tool_input>", "observation>", "final_answer>"))
    allowed = constrained(format).fullmatch(text)
    if carried and not spared:
        assert allowed
    if allowed:
        assert carried


WORDS = {
    "structured-chat": {"```": "``\\u0060", "Observation:": "Observation\\u003a"},
    "react-json": {"```": "``\\u0060", "Observation:": "Observation\\u003a", "Final Answer:": "Final Answer\\u003a"},
    "chat": {"```": "``\\u0060", "Observation:": "Observation\\u003a", "Final Answer:": "Final Answer\\u003a"},
}
places = st.builds(Place, name=values)
arguments = st.one_of(
    st.tuples(st.just("search"), st.one_of(values, st.builds(lambda q: {"query": q}, values))),
    st.tuples(
        st.just("travel"),
        st.fixed_dictionaries(
            {
                "days": st.integers(-(10**6), 10**6),
                "unit": st.sampled_from(["km", "mi"]),
                "place": places.map(lambda place: place.model_dump(exclude_none=True)),
            },
            optional={"tags": st.lists(values, max_size=3), "price": st.floats(-1e6, 1e6).map(lambda x: round(x, 3))},
        ).map(lambda found: {name: found[name] for name in travel.args if name in found}),
    ),
    st.tuples(st.just("Final Answer"), values.filter(bool)),
)


@pytest.mark.parametrize("format", JSON_FORMATS)
@given(action=arguments, ascii_only=st.booleans(), indent=st.sampled_from([None, 2, 4]))
def test_every_value_can_be_written_as_json(
    format: str, action: tuple[str, Any], ascii_only: bool, indent: int | None
) -> None:
    name, value = action
    blob = json.dumps({"action": name, "action_input": value}, ensure_ascii=ascii_only, indent=indent)
    for word, spelled in WORDS.get(format, {}).items():
        blob = blob.replace(word, spelled)
    text = blob if format in ("json", "conversational-chat") else f"Action:\n```json\n{blob}\n```"
    if name == "Final Answer" and format in ("react-json", "chat"):
        return
    meant = ("finish", "", value) if name == "Final Answer" else ("tool", name, value)
    assert constrained(format).fullmatch(text)
    assert all(parsed(parser, text) == meant for parser in PARSERS[format])
