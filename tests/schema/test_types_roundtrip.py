"""Types against pydantic itself: every text of a type is a value of it, and what pydantic writes is a text."""

from __future__ import annotations

import collections
import dataclasses
import enum
import fractions
import ipaddress
import json
import pathlib
import re
import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter
from typing_extensions import Required, TypedDict

import relark
from relark.frontends.types import type_schema
from relark.language import Term, is_empty, shortest, transitions

Choices = list[tuple[int, int]]
CHOICES = st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), max_size=40)


def bytes_of(mask: int) -> list[int]:
    return [byte for byte in range(256) if mask >> byte & 1]


def text_of(term: Term, choices: Choices) -> str:
    """A text of the language: each choice takes a step, then the shortest way to an end."""
    written = bytearray()
    for which, byte in choices:
        steps = [step for step in transitions(term) if not is_empty(step[1])]
        if not steps:
            break
        mask, target = steps[which % len(steps)]
        offered = bytes_of(mask)
        written.append(offered[byte % len(offered)])
        term = target
    rest = shortest(term)
    assert rest is not None, f"nothing follows {bytes(written)!r}"
    return (bytes(written) + rest).decode()


# --- every text is a value --------------------------------------------------------------------------------------------


class Shade(str, enum.Enum):
    DARK = "dark"
    LIGHT = "light"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 20


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = Field(gt=0, lt=10)


class Dog(BaseModel, extra="forbid"):
    kind: Literal["dog", "wolf"]
    shade: Shade | None = None


class Black(BaseModel):
    pet: Literal["cat"] = "cat"
    color: Literal[Shade.DARK] = Shade.DARK
    name: Annotated[str, Field(max_length=3)]


class White(BaseModel):
    pet: Literal["cat"]
    color: Literal[Shade.LIGHT, "snow"] = Shade.LIGHT


class Lizard(BaseModel):
    pet: Literal["lizard", "reptile"] = "lizard"


Nested = Annotated[Annotated[Black | White, Field(discriminator="color")] | Lizard, Field(discriminator="pet")]


class Sum(BaseModel):
    op: Literal["+"] = Field("+", alias="Op")
    left: Expression
    right: Expression


class Constant(BaseModel):
    op: Literal["="] = Field("=", alias="Op")
    value: int


class Expression(pydantic.RootModel[Annotated[Sum | Constant, Field(discriminator="op")]]):
    """A recursive union with tags."""


Sum.model_rebuild()


class Nothing(BaseModel):
    """No fields."""


class Everything(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, Annotated[int, Field(ge=0, le=9)]]
    given: bool = Field(True, validation_alias=AliasChoices("given", "GIVEN"))


class Tree(BaseModel):
    value: float
    children: list[Tree] = Field([], max_length=2)


class Aliased(BaseModel):
    plain: int = Field(validation_alias=AliasChoices("x", AliasPath("y", 0)))
    deep: int = Field(3, validation_alias=AliasPath("y", 1, "z"))


class Strict(BaseModel, strict=True):
    numbers: dict[int, int] = {}
    price: Decimal = Decimal(1)
    data: bytes = b""
    pair: tuple[int, str] = (1, "")
    level: Level | None = None


class Encoded(BaseModel):
    model_config = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")
    data: Annotated[bytes, Field(min_length=2, max_length=5)]


class Loose(TypedDict, total=False):
    a: Required[int]
    b: str


@dataclasses.dataclass
class Standard:
    a: int
    b: list[int] = dataclasses.field(default_factory=list)


class Place(NamedTuple):
    x: int
    name: str = "here"


def decimals(**limits: Any) -> Any:
    return Annotated[Decimal, Field(**limits)]


def matching(pattern: str | re.Pattern[str]) -> Any:
    return Annotated[str, Field(pattern=pattern)]


SOUND: list[Any] = [
    int,
    Annotated[int, Field(multiple_of=7, gt=3)],
    float,
    Annotated[float, Field(gt=0)],
    Annotated[float, Field(lt=1, ge=-1)],
    Annotated[float, Field(multiple_of=0.1)],
    Annotated[float, Field(multiple_of=0.01, ge=0, lt=10)],
    Decimal,
    decimals(max_digits=5, decimal_places=2),
    decimals(max_digits=3),
    decimals(max_digits=30),
    decimals(max_digits=20, decimal_places=2),
    decimals(max_digits=2, decimal_places=4),
    decimals(max_digits=4, ge=-3, le=Decimal("12.5")),
    decimals(decimal_places=2),
    decimals(gt=0, lt=1),
    decimals(multiple_of=Decimal("0.05")),
    fractions.Fraction,
    complex,
    pydantic.ByteSize,
    str,
    Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern="a", min_length=2)],
    Annotated[str, StringConstraints(to_upper=True, max_length=4)],
    matching(r"^\w+\s\d{2}$"),
    matching("(?i)^yes|no$"),
    matching(r"\bfoo\b"),
    matching(r"^[[:alpha:]]+\pL\z"),
    matching(re.compile("^a.c$", re.I)),
    bytes,
    Annotated[bytes, Field(min_length=2, max_length=4)],
    Encoded,
    pydantic.Base64Bytes,
    pydantic.Base64Str,
    pydantic.Base64UrlBytes,
    pydantic.SecretStr,
    pathlib.Path,
    re.Pattern,
    uuid.UUID,
    pydantic.UUID4,
    date,
    Annotated[date, Field(ge=date(2020, 1, 31), lt=date(2024, 2, 29))],
    datetime,
    Annotated[datetime, Field(ge=datetime(2019, 12, 31, 23, 5), lt=datetime(2021, 1, 1))],
    Annotated[datetime, Field(le=datetime(2021, 1, 1))],
    pydantic.AwareDatetime,
    pydantic.NaiveDatetime,
    time,
    Annotated[time, Field(ge=time(9), le=time(17, 30))],
    timedelta,
    ipaddress.IPv4Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Address,
    ipaddress.IPv6Interface,
    ipaddress.IPv6Network,
    pydantic.IPvAnyAddress,
    pydantic.IPvAnyInterface,
    pydantic.HttpUrl,
    pydantic.AnyUrl,
    pydantic.FileUrl,
    pydantic.PostgresDsn,
    pydantic.RedisDsn,
    pydantic.MongoDsn,
    pydantic.Json[list[str]],
    Literal["a", 1, True, None],
    Shade,
    Level,
    list[list[int]],
    Annotated[set[int], Field(min_length=2, max_length=3)],
    frozenset[Shade],
    tuple[int, str],
    tuple[int, ...],
    dict[int, int],
    dict[float, int],
    dict[Decimal, int],
    dict[Shade, int],
    dict[Level, int],
    dict[bool, int],
    dict[uuid.UUID, int],
    dict[int | str, int],
    dict[Annotated[str, Field(pattern="^[0-9]+$", max_length=3)], int],
    Annotated[dict[int, bool], Field(min_length=2)],
    collections.Counter[str],
    Place,
    Loose,
    Standard,
    Annotated[Cat | Dog, Field(discriminator="kind")],
    Tree,
    Aliased,
    Strict,
    Nested,
    Expression,
    Nothing,
    Everything,
    int | str | None,
]


def shown(value: object) -> str:
    return re.sub(r"[^A-Za-z0-9_.,\[\]]+", "-", str(value))[:60]


@pytest.mark.parametrize("tp", SOUND, ids=map(shown, SOUND))
def test_every_text_is_a_value(tp: Any) -> None:
    assert type_schema(tp).checked == ()
    check_texts(tp)


def check_texts(tp: Any) -> None:
    adapter, constraint = TypeAdapter(tp), relark.schema(tp, whitespace="compact")

    @settings(max_examples=15)
    @given(CHOICES)
    def check(choices: Choices) -> None:
        text = text_of(constraint.term, choices)
        adapter.validate_json(text)
        assert constraint.fullmatch(text)

    check()


def test_every_text_is_an_address() -> None:
    pytest.importorskip("email_validator")
    for tp in (pydantic.EmailStr, pydantic.NameEmail):
        check_texts(tp)


# --- what pydantic writes is a text -----------------------------------------------------------------------------------

Typed = tuple[Any, st.SearchStrategy[Any]]  # a type and values of it

OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)

PLAIN: list[Typed] = [
    (int, st.integers()),
    (Annotated[int, Field(ge=-5, lt=100)], st.integers(-5, 99)),
    (float, FINITE),
    (Annotated[float, Field(ge=0, lt=1e10)], st.floats(0, 9e9)),
    (bool, st.booleans()),
    (str, TEXTS),
    (Annotated[str, Field(min_length=2, max_length=8)], TEXTS.filter(lambda t: len(t) > 1)),
    (Annotated[str, Field(pattern="^[a-z]+[0-9]?$")], st.from_regex("[a-z]+[0-9]?", fullmatch=True)),
    (bytes, TEXTS.map(str.encode)),
    (date, st.dates()),
    (datetime, st.datetimes(timezones=st.none() | OFFSETS)),
    (pydantic.AwareDatetime, st.datetimes(timezones=OFFSETS)),
    (time, st.times()),
    (timedelta, st.timedeltas()),
    (uuid.UUID, st.uuids()),
    (decimals(max_digits=8, decimal_places=3), st.decimals(-99999, 99999, places=3)),
    (decimals(ge=0, lt=10), st.decimals(0, 9, places=5)),
    (fractions.Fraction, st.fractions(max_denominator=1000)),
    (ipaddress.IPv4Address, st.ip_addresses(v=4)),
    (ipaddress.IPv6Address, st.ip_addresses(v=6)),
    (ipaddress.IPv4Network, st.from_type(ipaddress.IPv4Network)),
    (ipaddress.IPv6Network, st.from_type(ipaddress.IPv6Network)),
    (ipaddress.IPv6Interface, st.from_type(ipaddress.IPv6Interface).filter(lambda i: "%" not in str(i))),
    (pathlib.Path, TEXTS.map(pathlib.Path)),
    (Shade, st.sampled_from(Shade)),
    (Level, st.sampled_from(Level)),
    (Literal["a", 7, None], st.sampled_from(["a", 7, None])),
    (Tree, st.builds(Tree, value=FINITE, children=st.lists(st.builds(Tree, value=FINITE), max_size=2))),
    (Standard, st.builds(Standard, st.integers(), st.lists(st.integers(), max_size=3))),
    (Place, st.builds(Place, st.integers(), TEXTS)),
    (Annotated[Cat | Dog, Field(discriminator="kind")], st.builds(Cat, lives=st.integers(1, 9)) | st.builds(Dog)),
]
KEYS: list[Typed] = [
    (str, TEXTS),
    (int, st.integers()),
    (Shade, st.sampled_from(Shade)),
    (date, st.dates()),
    (uuid.UUID, st.uuids()),
]
HASHABLE: list[Typed] = [KEYS[0], KEYS[1], KEYS[2], (tuple[int, bool], st.tuples(st.integers(), st.booleans()))]


def grown(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    def record(fields: list[tuple[Typed, bool]]) -> Typed:
        made = {f"field_{i}": (tp, ...) if needed else (tp | None, None) for i, ((tp, _), needed) in enumerate(fields)}
        model = pydantic.create_model("Record", **made)  # type: ignore[call-overload]
        values = {f"field_{i}": each for i, ((_, each), _) in enumerate(fields)}
        return model, st.builds(model, **values)

    def choice(a: Typed, b: Typed) -> Typed:
        return a[0] | b[0] if not isinstance(a[0], str) else a[0], a[1] | b[1]

    return st.one_of(
        inner.map(lambda t: (list[t[0]], st.lists(t[1], max_size=3))),  # type: ignore[name-defined]
        inner.map(lambda t: (t[0] | None, t[1] | st.none())),
        st.tuples(inner, inner).map(lambda p: (tuple[p[0][0], p[1][0]], st.tuples(p[0][1], p[1][1]))),  # type: ignore[name-defined]
        st.tuples(st.sampled_from(KEYS), inner).map(
            lambda p: (dict[p[0][0], p[1][0]], st.dictionaries(p[0][1], p[1][1], max_size=3))  # type: ignore[name-defined]
        ),
        st.sampled_from(HASHABLE).map(lambda t: (set[t[0]], st.sets(t[1], max_size=3))),  # type: ignore[name-defined]
        st.lists(st.tuples(inner, st.booleans()), min_size=1, max_size=3).map(record),
        st.tuples(inner, inner).map(lambda p: choice(*p)),
    )


TYPES = st.recursive(st.sampled_from(PLAIN), grown, max_leaves=4)


def check_written(tp: Any, value: Any, fullmatch: Callable[[str], bool]) -> None:
    adapter = TypeAdapter(tp)
    text = adapter.dump_json(value, warnings=False).decode()
    adapter.validate_json(text)
    assert fullmatch(text), text
    assert fullmatch(json.dumps(json.loads(text))), text
    assert fullmatch(json.dumps(json.loads(text), indent=2, ensure_ascii=False)), text


@pytest.mark.parametrize("typed", PLAIN, ids=[shown(tp) for tp, _ in PLAIN])
def test_what_pydantic_writes_is_a_text(typed: Typed) -> None:
    constraint = relark.schema(typed[0])

    @settings(max_examples=15)
    @given(typed[1])
    def check(value: Any) -> None:
        check_written(typed[0], value, constraint.fullmatch)

    check()


@settings(max_examples=60)
@given(st.data())
def test_types_made_of_types(data: st.DataObject) -> None:
    tp, values = data.draw(TYPES)
    constraint = relark.schema(tp)
    check_written(tp, data.draw(values), constraint.fullmatch)
    text = text_of(constraint.term, data.draw(CHOICES))
    TypeAdapter(tp).validate_json(text)
