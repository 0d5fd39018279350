"""A hundred objects from the embedded model, at budgets that just suffice and at ample ones, greedy and sampled:
each is a value of its type, by the judgement of Pydantic or jsonschema.
"""

from __future__ import annotations

import datetime
import enum
import json
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import jsonschema
import pytest
from pydantic import BaseModel, Field, TypeAdapter

import relark

pytestmark = pytest.mark.real_model

PROMPTS = [
    "Ada Lovelace, born on 10 December 1815 in London, wrote the first program. As JSON: ",
    "Invoice 17: two lamps at 19.99 each, one table at 120.50. As JSON: ",
    "The meeting is on Tuesday at 14:30 in Berlin, and Bob will bring cake. As JSON: ",
    "def add(a, b): return a + b\n\nThe same as JSON: ",
    "{",
]


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Line(BaseModel):
    name: Annotated[str, Field(max_length=12)]
    price: Annotated[Decimal, Field(max_digits=5, decimal_places=2, ge=0)]
    count: Annotated[int, Field(ge=1, le=99)] = 1


class Order(BaseModel):
    lines: Annotated[list[Line], Field(min_length=1, max_length=2)]
    size: Size
    paid: Optional[datetime.date]  # noqa: UP045, as users write it


class Tree(BaseModel):
    label: Literal["leaf", "node"]
    children: Annotated[list[Tree], Field(max_length=2)] = []


class Event(BaseModel):
    id: UUID
    at: datetime.datetime
    who: dict[Annotated[str, Field(pattern="^[A-Z][a-z]{1,8}$")], bool]


OPEN = {
    "type": "object",
    "properties": {"kind": {"enum": ["a", "b"]}, "value": {"type": "number", "minimum": 0, "maximum": 100}},
    "required": ["kind"],
    "if": {"properties": {"kind": {"const": "a"}}},
    "then": {"required": ["value"]},
    "maxProperties": 3,
    "additionalProperties": {"type": "string", "maxLength": 8},
}


@pytest.fixture(scope="session")
def real(embedded: tuple[Any, Any]) -> relark.Generator:
    return relark.Generator(*embedded)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize("budget", ["tight", "ample"])
@pytest.mark.parametrize("schema", [Line, Order, Tree, Event, OPEN], ids=["line", "order", "tree", "event", "open"])
def test_all_are_valid(real: relark.Generator, schema: Any, budget: str, temperature: int) -> None:
    constraint = relark.schema(schema)
    least = constraint.matcher(real.vocabulary).min_tokens()
    most = least + 3 if budget == "tight" else least + 60
    results = real.run(PROMPTS, schema=schema, max_new_tokens=most, temperature=temperature, seed=11)
    assert len(results) == len(PROMPTS)
    for result in results:
        assert len(result.token_ids) <= most
        if isinstance(schema, dict):
            jsonschema.Draft202012Validator(schema).validate(json.loads(result.text))
            assert result.value == json.loads(result.text)
        else:
            assert result.value == TypeAdapter(schema).validate_json(result.text)
