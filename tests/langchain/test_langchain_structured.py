"""``with_structured_output``: every kind of schema, every method, whole and streamed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from enum import Enum
from itertools import pairwise
from typing import Annotated, Any, Literal

import pytest
import regex
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from lark import Lark, Tree
from pydantic import BaseModel, Field, RootModel, field_validator
from pydantic.v1 import BaseModel as OldModel
from typing_extensions import NotRequired, TypedDict

import relark
from relark.errors import ArgumentError, RelarkError
from relark.integrations.langchain import ChatRelark
from relark.integrations.langchain.structured import StructuredParser, wanted


class Trip(BaseModel):
    """A trip."""

    city: Annotated[str, Field(max_length=8)]
    day: date
    by: Literal["train", "plane"] = "train"


class TripDict(TypedDict):
    """A trip."""

    city: Annotated[str, ..., "where to"]
    days: NotRequired[int]


@dataclass
class Point:
    """A point."""

    x: int
    y: int


class OldTrip(OldModel):
    city: str


class Size(Enum):
    S = "s"
    L = "l"


SCHEMA = {"title": "Trip", "type": "object", "properties": {"city": {"type": "string", "maxLength": 5}}}
NEEDED = {**SCHEMA, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "trip", "description": "A trip.", "parameters": NEEDED}}
ANTHROPIC = {"name": "trip", "description": "A trip.", "input_schema": NEEDED}
SUM = 'start: NUMBER ("+" NUMBER)*\nNUMBER: /[0-9]{1,3}/'


@pytest.fixture(scope="module")
def chat(model: Any, tokenizer: Any) -> ChatRelark:
    return ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=120)


def is_city(found: Any) -> bool:
    return isinstance(found, dict) and list(found) == ["city"] and len(found["city"]) <= 5


OBJECTS: list[Any] = [
    (Trip, lambda found: isinstance(found, Trip)),
    (TripDict, lambda found: isinstance(found, dict) and set(found) <= {"city", "days"} and "city" in found),
    (Point, lambda found: isinstance(found, Point)),
    (OldTrip, lambda found: isinstance(found, OldTrip)),
    (NEEDED, is_city),
    (TOOL, is_city),
    (ANTHROPIC, is_city),
]
OTHERS: list[Any] = [
    (list[int], lambda found: all(isinstance(n, int) for n in found)),
    (RootModel[int], lambda found: isinstance(found.root, int)),
    (Size, lambda found: isinstance(found, Size)),
    ({"enum": [1, "a"]}, lambda found: found in (1, "a")),
    (relark.regex("[a-c]{3}"), lambda found: re.fullmatch("[a-c]{3}", found)),
    (re.compile("[a-c]{3}"), lambda found: re.fullmatch("[a-c]{3}", found)),
    (regex.compile("[a-c]{3}"), lambda found: re.fullmatch("[a-c]{3}", found)),
    (relark.choices(["yes", "no"]), lambda found: found in ("yes", "no")),
    (Lark(SUM), lambda found: isinstance(found, str) and Lark(SUM).parse(found)),
    (relark.grammar(SUM, result="tree"), lambda found: isinstance(found, Tree)),
]


def named(value: Any) -> str | None:
    return None if callable(value) and value.__name__ == "<lambda>" else getattr(value, "__name__", None)


@pytest.mark.parametrize(("of", "is_right"), OBJECTS, ids=named)
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
async def test_objects_by_every_method(chat: ChatRelark, of: Any, is_right: Any, method: Any) -> None:
    chain = chat.with_structured_output(of, method=method)
    found = chain.invoke("Where?")
    assert is_right(found)
    assert [part async for part in chain.astream("Where?")][-1] == found
    assert await chain.ainvoke("Where?") == found
    whole = chat.with_structured_output(of, method=method, include_raw=True).invoke("Where?")
    assert whole["parsed"] == found
    assert isinstance(whole["raw"], AIMessage)
    assert whole["parsing_error"] is None


@pytest.mark.parametrize(("of", "is_right"), OTHERS, ids=named)
def test_what_is_no_object_is_written_as_text(chat: ChatRelark, of: Any, is_right: Any) -> None:
    found = chat.with_structured_output(of).invoke("Which?")
    assert is_right(found)
    with pytest.raises(ArgumentError, match="use method='json_schema'"):
        chat.with_structured_output(of, method="function_calling")


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"regex": "[a-c]{3}"}, "[a-c]{3}"), ({"choices": ["x", "y"]}, "x|y"), ({"grammar": SUM}, ".*")],
)
def test_constraints_by_keyword(chat: ChatRelark, given: dict[str, Any], expected: str) -> None:
    assert re.fullmatch(expected, chat.with_structured_output(**given).invoke("Which?"))


def test_an_object_of_any_kind_in_json_mode(chat: ChatRelark) -> None:
    assert isinstance(chat.with_structured_output(method="json_mode").invoke("Which?"), dict)


def test_a_json_schema_is_closed_unless_it_or_strict_says_otherwise() -> None:
    opened = '{"city": "Rome", "other": 1}'
    assert not wanted(SCHEMA).constraint.fullmatch(opened)
    assert wanted(SCHEMA, strict=False).constraint.fullmatch(opened)
    assert wanted({**SCHEMA, "additionalProperties": True}).constraint.fullmatch(opened)
    assert wanted(SCHEMA).constraint.fullmatch('{"city": "Rome"}')


def test_dicts_grow_in_a_stream_and_objects_come_whole(chat: ChatRelark) -> None:
    for method in ("json_schema", "function_calling"):
        grown = list(chat.with_structured_output(NEEDED, method=method).stream("Where?"))
        assert len(grown) > 2
        assert all(len(json.dumps(a)) <= len(json.dumps(b)) for a, b in pairwise(grown))
        assert len(list(chat.with_structured_output(Trip, method=method).stream("Where?"))) == 1
    pieces = list(chat.with_structured_output(relark.regex("[a-c]{9}")).stream("Which?"))
    assert len(pieces) > 1
    assert re.fullmatch("[a-c]{9}", "".join(pieces))


class Even(BaseModel):
    """An even number."""

    n: Annotated[int, Field(ge=1, le=1)]

    @field_validator("n")
    @classmethod
    def _even(cls, n: int) -> int:
        if n % 2:
            raise ValueError("n is odd")
        return n


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_what_a_validator_refuses_is_a_parsing_error(chat: ChatRelark, method: Any) -> None:
    with pytest.raises(OutputParserException, match="n is odd"):
        chat.with_structured_output(Even, method=method).invoke("Which?")
    with pytest.raises(OutputParserException, match="n is odd"):
        list(chat.with_structured_output(Even, method=method).stream("Which?"))
    whole = chat.with_structured_output(Even, method=method, include_raw=True).invoke("Which?")
    assert whole["parsed"] is None
    assert isinstance(whole["parsing_error"], OutputParserException)


def test_a_message_without_a_call_is_a_parsing_error() -> None:
    parser = StructuredParser(wanted=wanted(Trip), called=True)
    with pytest.raises(OutputParserException, match="no tool call"):
        parser.invoke(AIMessage("No."))


def test_the_parser_reads_text_and_whole_messages_in_a_stream() -> None:
    parser = StructuredParser(wanted=wanted(NEEDED))
    assert parser.invoke('{"city": "Rome"}') == {"city": "Rome"}
    assert list(parser.transform(iter(['{"city": ', '"Ro', 'me"}']))) == [{}, {"city": "Ro"}, {"city": "Rome"}]
    assert list(parser.transform(iter([AIMessage('{"city": "Rome"}')]))) == [{"city": "Rome"}]
    called = AIMessage("", tool_calls=[{"name": "trip", "args": {"city": "Rome"}, "id": "1"}])
    assert list(StructuredParser(wanted=wanted(NEEDED), called=True).transform(iter([called]))) == [{"city": "Rome"}]


class Seen(BaseCallbackHandler):
    def __init__(self) -> None:
        self.options: list[Any] = []

    def on_chat_model_start(self, *args: Any, options: Any = None, **kwargs: Any) -> None:
        self.options.append(options)


@pytest.mark.parametrize("of", [Trip, Point, NEEDED], ids=named)
def test_tracing_is_told_of_the_schema(chat: ChatRelark, of: Any) -> None:
    seen = Seen()
    chat.with_structured_output(of, method="function_calling").invoke("Where?", {"callbacks": [seen]})
    shown = seen.options[0]["ls_structured_output_format"]
    assert shown["kwargs"]["method"] == "function_calling"
    assert set(shown["schema"]["properties"]) == {"city", "day", "by", "x", "y"} & set(shown["schema"]["properties"])
    assert shown["schema"]["title"] in ("Trip", "Point")


@pytest.mark.parametrize(
    ("schema", "options", "said"),
    [
        ("[0-9]+", {}, "expected a type"),
        (None, {}, "expected a type"),
        (Trip, {"method": "magic"}, "method='magic'"),
        (Trip, {"regex": "a"}, "schema and regex"),
        (Trip, {"regx": "a"}, "regx"),
        (Trip, {"temperature": -1}, "temperature"),
        (Trip, {"method": "function_calling", "regx": "a"}, "regx"),
    ],
)
def test_wrong_arguments_are_refused_at_once(chat: ChatRelark, schema: Any, options: Any, said: str) -> None:
    with pytest.raises(RelarkError, match=said):
        chat.with_structured_output(schema, **options)


def test_a_batch_gives_objects(chat: ChatRelark) -> None:
    chain = chat.with_structured_output(Trip)
    questions = [f"Where to on day {n}?" for n in range(5)]
    assert chain.batch(questions) == [chain.invoke(question) for question in questions]
