"""relark.stream_objects: every value once, as soon as it is complete, with the type of its field; the whole last."""

from __future__ import annotations

import datetime
import enum
import json
from typing import Annotated, Any, Literal

import pydantic
import pytest
from decoding_doubles import ScriptedModel
from pydantic import BaseModel, Field

import relark
from relark.decoding.stream import stream_objects
from relark.errors import ArgumentError, BudgetError, UnsatisfiableError

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 6},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "tags", "age"],
    "additionalProperties": False,
}
TEXT = '{"name": "Al\\u00e9", "tags": ["a", "b"], "age": 30}'


class Color(enum.Enum):
    RED = "red"


class Item(BaseModel):
    kind: Literal["item"] = "item"
    day: datetime.date
    color: Color | None = None


class Note(BaseModel):
    kind: Literal["note"]
    text: str


class Order(BaseModel):
    number: Annotated[int, Field(alias="no", ge=0)]
    items: list[Annotated[Item | Note, Field(discriminator="kind")]]


def scripted(tokenizer: Any, text: str) -> dict[str, Any]:
    """A model that writes ``text``."""
    ids = tokenizer(text)["input_ids"]
    model = ScriptedModel([*ids, 2], 416, prompt_length=1, eos_token_id=2)
    return {"model": model, "tokenizer": tokenizer}


def test_events_of_a_schema(tokenizer: Any) -> None:
    events = list(stream_objects("x", schema=SCHEMA, **scripted(tokenizer, TEXT)))
    assert [(event.path, event.value) for event in events] == [
        (("name",), "Alé"),
        (("tags", 0), "a"),
        (("tags", 1), "b"),
        (("tags",), ["a", "b"]),
        (("age",), 30),
        ((), json.loads(TEXT)),
    ]


def test_events_come_early(tokenizer: Any) -> None:
    options = scripted(tokenizer, TEXT)
    model, ids = options["model"], tokenizer(TEXT)["input_ids"]
    assert len(model.passes) == 0
    for event in stream_objects("x", schema=SCHEMA, fast_forward=False, **options):
        written = tokenizer.decode(ids[: len(model.passes)])
        before = tokenizer.decode(ids[: len(model.passes) - 1])
        if event.path == ("name",):
            assert '\\u00e9"' in written
            assert '\\u00e9"' not in before
        if event.path == ("tags", 1):
            assert '"b"' in written
            assert '"b"' not in before
        if event.path == ("age",):  # known at the brace
            assert written == TEXT


def test_events_of_a_type(tokenizer: Any) -> None:
    text = '{"no": 7, "items": [{"kind": "item", "day": "2026-01-31", "color": "red"}, {"kind": "note", "text": "a"}]}'
    events = list(stream_objects("x", schema=Order, **scripted(tokenizer, text)))
    day = datetime.date(2026, 1, 31)
    item, note = Item(day=day, color=Color.RED), Note(kind="note", text="a")
    assert [(event.path, event.value) for event in events] == [
        (("no",), 7),
        (("items", 0, "kind"), "item"),
        (("items", 0, "day"), day),
        (("items", 0, "color"), Color.RED),
        (("items", 0), item),
        (("items", 1, "kind"), "note"),
        (("items", 1, "text"), "a"),
        (("items", 1), note),
        (("items",), [item, note]),
        ((), Order(no=7, items=[item, note])),
    ]


def test_events_of_a_function(tokenizer: Any) -> None:
    def book(day: datetime.date, seats: int = 1) -> None: ...

    events = list(stream_objects("x", schema=book, **scripted(tokenizer, '{"day": "2026-01-31", "seats": 2}')))
    day = datetime.date(2026, 1, 31)
    assert [(e.path, e.value) for e in events] == [
        (("day",), day),
        (("seats",), 2),
        ((), {"day": day, "seats": 2}),
    ]


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "integer"}, "123", 123),
        ({"type": "string"}, '"ab"', "ab"),
        (bool, "true", True),
        (datetime.date, '"2026-01-31"', datetime.date(2026, 1, 31)),
        ({"enum": [[], {}]}, "[]", []),
    ],
)
def test_a_value_without_parts_is_one_event(schema: Any, text: str, value: Any, tokenizer: Any) -> None:
    [event] = stream_objects("x", schema=schema, **scripted(tokenizer, text))
    assert event == relark.Event((), value)


def test_options_of_schemas_go_through_relark_schema(tokenizer: Any) -> None:
    constraint = relark.schema(SCHEMA, property_order="any", whitespace="compact")
    text = '{"age":30,"name":"","tags":[]}'
    events = list(stream_objects("x", schema=constraint, **scripted(tokenizer, text)))
    assert [event.path for event in events] == [("age",), ("name",), ("tags",), ()]


def test_the_last_event_is_what_generate_returns(model: Any, tokenizer: Any) -> None:
    options: dict[str, Any] = {"model": model, "tokenizer": tokenizer, "max_new_tokens": 60}
    for schema in (SCHEMA, Order, list[Color], dict[str, int]):
        for seed in range(3):
            sampled = {**options, "temperature": 1.5, "seed": seed}
            *parts, last = stream_objects("x", schema=schema, **sampled)
            assert last == relark.Event((), relark.generate("x", schema=schema, **sampled))
            assert all(event.path for event in parts)


def test_the_result_is_what_yield_from_gives(tokenizer: Any) -> None:
    results = []

    def watched() -> Any:
        results.append((yield from stream_objects("x", schema=SCHEMA, **scripted(tokenizer, TEXT))))

    assert len(list(watched())) == 6
    assert results[0].text == TEXT
    assert results[0].value == json.loads(TEXT)


def test_closing_early(model: Any, tokenizer: Any) -> None:
    events = stream_objects("x", schema=SCHEMA, model=model, tokenizer=tokenizer)
    assert next(events).path == ("name",)
    events.close()
    assert list(events) == []
    assert relark.generate("x", schema=SCHEMA, model=model, tokenizer=tokenizer)["age"] >= 0


def test_a_validator_that_refuses_the_whole(tokenizer: Any) -> None:
    class Even(BaseModel):
        number: int

        @pydantic.model_validator(mode="after")
        def even(self) -> Even:
            if self.number % 2:
                raise ValueError("odd")
            return self

    events = stream_objects("x", schema=Even, **scripted(tokenizer, '{"number": 3}'))
    assert next(events) == relark.Event(("number",), 3)
    with pytest.raises(relark.errors.ValidationFailed, match="odd"):
        next(events)


@pytest.mark.parametrize(
    ("schema", "options", "error", "message"),
    [
        (None, {}, ArgumentError, "schema=None"),
        (relark.regex("a"), {}, ArgumentError, "does not say what its texts mean"),
        (relark.schema({}) | "none", {}, ArgumentError, "does not say what its texts mean"),
        ([int], {}, ArgumentError, "one type or schema"),
        ({"type": "string", "minLength": 5, "maxLength": 3}, {}, UnsatisfiableError, "#/minLength"),
        ({"const": "a much longer text than that"}, {"max_new_tokens": 2}, BudgetError, "max_new_tokens"),
        (int, {"temperature": -1}, ArgumentError, "temperature"),
    ],
)
def test_mistakes_are_reported_at_once(
    schema: Any, options: dict[str, Any], error: type[Exception], message: str, tokenizer: Any
) -> None:
    given = scripted(tokenizer, "x")
    with pytest.raises(error, match=message):
        stream_objects("x", schema=schema, **given, **options)
    assert given["model"].passes == []
