"""Tools of every kind: names, descriptions, the language of their arguments, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel, Field, RootModel
from pydantic.v1 import BaseModel as OldModel
from tool_examples import ALL, BARE, OPENAI, Booking, Note, add, get_weather, get_weather_now, ping, search

import relark
from relark.integrations.langchain.tools import BoundTool, ToolSet, closed_schema


def arguments(of: Any, **options: Any) -> relark.Constraint:
    [bound] = ToolSet.of([of], **options).tools
    return bound.arguments


def test_tools_of_all_kinds_have_names() -> None:
    bound = ToolSet.of(ALL)
    names = "get_weather get_weather_now ping add search by_schema convert flat bare Booking Note"
    assert [t.name for t in bound.tools] == names.split()
    assert [t["function"]["name"] for t in bound.openai] == names.split()
    assert bound.openai[0]["function"]["description"] == "Tells the weather."
    assert (bound.choice, bound.named, bound.several) == ("auto", None, True)


@pytest.mark.parametrize(
    ("of", "text", "expected"),
    [
        (get_weather, '{"city": "Bern"}', True),
        (get_weather, '{"city": "Bern", "days": 3}', True),
        (get_weather, '{"days": 3}', False),
        (get_weather, '{"city": "Bern", "days": "3"}', False),
        (get_weather, '{"city": "Bern", "other": 1}', False),
        (get_weather_now, '{"city": "Bern", "options": {"a": true}}', True),
        (get_weather_now, '{"city": "Bern", "user": "u"}', False),
        (get_weather_now, '{"city": "Bern", "call_id": "u"}', False),
        (get_weather, '{"city":"Bern"}', True),
        (get_weather, '{\n"city": "Bern"}', False),
        (ping, "{}", True),
        (ping, '{"a": 1}', False),
        (add, '{"a": 1, "b": 2.5}', True),
        (add, '{"a": 1.5}', False),
        (search, '{"__arg1": "x"}', True),
        (search, "{}", False),
        (OPENAI, '{"amount": 1, "to": "EUR"}', True),
        (OPENAI, '{"amount": 1, "to": "USD"}', False),
        (OPENAI, '{"amount": 1, "to": "EUR", "x": 0}', False),
        (Booking, '{"places": [], "day": "2026-02-28", "nights": 1}', True),
        (Booking, '{"places": [], "day": "2026-02-30", "nights": 1}', False),
        (Note, '{"title": "a", "stars": 3}', True),
        (Note, '{"title": "a", "stars": 4}', False),
    ],
)
def test_arguments_are_those_that_the_tool_takes(of: Any, text: str, expected: bool) -> None:
    assert arguments(of).fullmatch(text) is expected


def test_a_pydantic_class_says_more_than_its_schema() -> None:
    class Box(BaseModel):
        items: set[int] = Field(max_length=3)

    assert arguments(Box).fullmatch('{"items": [1, 2]}')
    assert not arguments(Box).fullmatch('{"items": [1, 2, 3, 4]}')


def test_old_pydantic_classes_are_tools() -> None:
    class Old(OldModel):
        """Old."""

        a: int

    assert arguments(Old).fullmatch('{"a": 1}')
    assert not arguments(Old).fullmatch('{"a": 1, "b": 1}')


def test_recursive_arguments() -> None:
    class Tree(BaseModel):
        """A tree."""

        children: list[Tree] = []

    Tree.model_rebuild(_types_namespace={"Tree": Tree})
    found = arguments(Tree)
    assert found.fullmatch('{"children": [{"children": []}, {}]}')
    assert not found.fullmatch('{"children": [{"children": [1]}]}')


def test_other_arguments_only_where_the_tool_says_so() -> None:
    parameters: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}
    of = {"name": "f", "description": "", "parameters": parameters}
    assert not arguments(of).fullmatch('{"a": 1, "b": 2}')
    assert arguments(of, strict=False).fullmatch('{"a": 1, "b": 2}')
    assert not arguments(of, strict=True).fullmatch('{"a": 1, "b": 2}')
    parameters["additionalProperties"] = {"type": "integer"}
    assert arguments(of).fullmatch('{"a": 1, "b": 2}')
    assert not arguments(of).fullmatch('{"a": 1, "b": "2"}')


@pytest.mark.parametrize(
    ("schema", "accepted", "refused"),
    [
        ({"properties": {"a": {}}}, '{"a": 1}', '{"b": 1}'),
        ({}, "{}", '{"b": 1}'),
        ({"properties": {"a": {"type": "object"}}}, '{"a": {"free": 1}}', '{"b": 1}'),
        ({"properties": {"a": {"items": {"properties": {"c": {}}}}}}, '{"a": [{"c": 1}]}', '{"a": [{"d": 1}]}'),
        ({"anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, '{"b": 1}', '{"c": 1}'),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {}}}}}, '{"a": 1}', '{"c": 1}'),
        # several schemas of one object: as they are
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, '{"a": 1, "b": 1}', "[]"),
        ({"properties": {"a": {}}, "anyOf": [{"required": ["b"]}]}, '{"a": 1, "b": 1}', '{"a": 1}'),
        ({"properties": {"a": {}}, "patternProperties": {"^x": {}}}, '{"a": 1, "x": 1}', "[]"),
        ({"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}}, '{"a": 1, "b": 2}', '{"a": 1}'),
    ],
)
def test_objects_are_closed_where_that_changes_nothing_else(
    schema: dict[str, Any], accepted: str, refused: str
) -> None:
    before = repr(schema)
    closed = relark.schema({**closed_schema({"type": "object", **schema})})
    assert repr(schema) == before
    assert closed.fullmatch(accepted)
    assert not closed.fullmatch(refused)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ("auto", None)),
        (False, ("auto", None)),
        ("auto", ("auto", None)),
        ("any", ("any", None)),
        ("required", ("any", None)),
        (True, ("any", None)),
        ("none", ("none", None)),
        ("ping", ("any", "ping")),
        ({"type": "function", "function": {"name": "ping"}}, ("any", "ping")),
        ({"type": "tool", "name": "ping"}, ("any", "ping")),
        ({"type": "any"}, ("any", None)),
    ],
)
def test_choices(choice: Any, expected: tuple[str, str | None]) -> None:
    found = ToolSet.of([get_weather, ping], choice)
    assert (found.choice, found.named) == expected
    may_be_called = {"none": []}.get(expected[0], [expected[1]] if expected[1] else ["get_weather", "ping"])
    assert [t.name for t in found.callable] == may_be_called
    assert len(found.openai) == 2


def test_several_calls() -> None:
    assert ToolSet.of([ping]).several
    assert not ToolSet.of([ping], parallel=False).several
    assert not ToolSet.of([ping], "ping").several
    assert ToolSet.of([ping], "ping", True).several


class Numbers(RootModel[list[int]]):
    """No object."""


def unsatisfiable(name: str = "f") -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2, "maxLength": 1}}}
    return {"name": name, "description": "", "parameters": {**parameters, "required": ["a"]}}


@pytest.mark.parametrize(
    ("tools", "choice", "error", "message"),
    [
        (ping, None, relark.ArgumentError, "expected a list of tools"),
        ("ping", None, relark.ArgumentError, "expected a list of tools"),
        ([3], None, relark.ArgumentError, r"tools\[0\]: LangChain cannot describe 3"),
        ([{"type": "object"}], None, relark.ArgumentError, r"tools\[0\]: LangChain cannot describe"),
        ([{"type": "web_search"}], None, relark.ArgumentError, "'web_search' is a tool of somebody's server"),
        ([ping, {**BARE, "function": {"name": "ping"}}], None, relark.ArgumentError, r"tools.1.: .* is named 'ping'"),
        ([ping], "pong", relark.ArgumentError, "tool_choice='pong': .* bound .'ping'."),
        ([ping], 3, relark.ArgumentError, "tool_choice=3"),
        ([ping], {"type": "function"}, relark.ArgumentError, "tool_choice="),
        ([], "any", relark.ArgumentError, "there are no tools"),
        ([{"name": 'a"b', "parameters": {}, "description": ""}], None, relark.ArgumentError, "cannot be written"),
        ([{"name": "a\nb", "parameters": {}, "description": ""}], None, relark.ArgumentError, "cannot be written"),
        ([{"name": "", "parameters": {}, "description": ""}], None, relark.ArgumentError, "with a name"),
        ([{"name": "f", "parameters": {"type": "string"}}], None, relark.ArgumentError, "have the type 'string'"),
        ([{"name": "f", "parameters": [1]}], None, relark.ArgumentError, "JSON Schema of an object"),
        ([Numbers], None, relark.ArgumentError, "have the type 'array'"),
        ([unsatisfiable()], None, relark.UnsatisfiableError, "the arguments of the tool 'f'"),
        ([{"name": "f", "parameters": {"required": 3}}], None, relark.SchemaError, "the arguments of the tool 'f'"),
    ],
)
def test_what_is_no_tool_is_refused(tools: Any, choice: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ToolSet.of(tools, choice)


def test_a_tool_that_is_given_twice_counts_once() -> None:
    tools = ToolSet.of([Booking, Booking.model_json_schema(), ping, ping]).tools
    assert [tool.name for tool in tools] == ["Booking", "ping"]


def test_parallel_is_a_truth_value() -> None:
    with pytest.raises(relark.ArgumentError, match="parallel_tool_calls='no'"):
        ToolSet.of([ping], parallel="no")  # type: ignore[arg-type]


def test_what_is_bound_can_be_bound_again() -> None:
    [bound] = ToolSet.of([ping]).tools
    assert isinstance(bound, BoundTool)
    assert ToolSet.of([bound, get_weather], "ping").tools[0] is bound


def test_fingerprints_tell_tools_and_choices_apart() -> None:
    def renamed(**schema: Any) -> StructuredTool:
        return StructuredTool(
            name="t", description="d", func=print, args_schema={"type": "object", "properties": {"a": schema}}
        )

    @tool
    def other() -> str:
        """Takes no arguments."""
        return ""

    sets = [
        ToolSet.of([ping]),
        ToolSet.of([ping], "any"),
        ToolSet.of([ping], "ping"),
        ToolSet.of([ping], parallel=False),
        ToolSet.of([other]),
        ToolSet.of([ping, other]),
        ToolSet.of([renamed(type="string")]),
        ToolSet.of([renamed(type="integer")]),
    ]
    prints = [s.fingerprint for s in sets]
    assert len(set(prints)) == len(sets)
    assert ToolSet.of([ping]).fingerprint == prints[0]
    assert not any(" at 0x" in p for p in prints)
