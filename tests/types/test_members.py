"""The typed parts of an unfinished value: compared with the same parts of the value that Pydantic makes of it."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from typing_extensions import TypeAliasType, TypedDict

from relark.decoding.events import JsonReader
from relark.frontends.types.members import Members

DAY = datetime.date(2026, 1, 31)
T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    day: datetime.date
    count: int


@dataclasses.dataclass
class Place:
    since: datetime.date
    point: Point | None = None


class Visit(TypedDict, total=False):
    place: Place
    price: decimal.Decimal


class Person(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)

    name: str
    born: Annotated[datetime.date | None, Field(alias="Born")] = None
    friends: list[Person] = []
    days: dict[int, datetime.date] = {}
    pair: tuple[int, datetime.date] = (1, DAY)
    many: tuple[datetime.date, ...] = ()
    colors: set[Color] = set()
    either: Annotated[datetime.date, Field(validation_alias=AliasChoices("one", "other"))] = DAY
    inner: Visit = {}


class Box(BaseModel, Generic[T]):
    content: T


class Cat(BaseModel):
    kind: Literal["cat"]
    born: datetime.date


class Dog(BaseModel):
    kind: Literal["dog"]
    born: str


class Days(pydantic.RootModel[list[datetime.date]]):
    pass


Tree = TypeAliasType("Tree", "list[Tree] | datetime.date")  # type: ignore[misc]


def function(day: datetime.date, *, times: list[datetime.time] | None = None) -> None:
    """A function whose arguments are parts."""


def parts(of: Any, text: str) -> dict[tuple[str | int, ...], Any]:
    members = Members(TypeAdapter(of).core_schema)
    reader = JsonReader()
    return {found.path: members.parse_part(found.path, found.text, found.around) for found in reader.read(text)}


@pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        (list[datetime.date], ["2026-01-31"], {(0,): DAY}),
        (Person, {"name": " A ", "Born": "2026-01-31"}, {("name",): "A", ("Born",): DAY}),
        (Person, {"name": "A", "born": "2026-01-31"}, {("born",): "2026-01-31"}),  # not by this name
        (Person, {"friends": [{"name": "B", "Born": "2026-01-31"}]}, {("friends", 0, "Born"): DAY}),
        (Person, {"friends": [{"name": "B"}]}, {("friends", 0): Person(name="B")}),
        (Person, {"days": {"3": "2026-01-31"}}, {("days", "3"): DAY, ("days",): {3: DAY}}),
        (Person, {"pair": [1, "2026-01-31"]}, {("pair", 0): 1, ("pair", 1): DAY, ("pair",): (1, DAY)}),
        (Person, {"many": ["2026-01-31"] * 2}, {("many", 1): DAY}),
        (Person, {"colors": ["red"]}, {("colors", 0): Color.RED, ("colors",): {Color.RED}}),
        (Person, {"one": "2026-01-31"}, {("one",): DAY}),
        (Person, {"other": "2026-01-31"}, {("other",): DAY}),
        (
            Person,
            {"inner": {"place": {"since": "2026-01-31", "point": ["2026-01-31", 2]}, "price": "1.50"}},
            {
                ("inner", "place", "since"): DAY,
                ("inner", "place", "point", 0): DAY,
                ("inner", "place", "point"): Point(DAY, 2),
                ("inner", "place"): Place(DAY, Point(DAY, 2)),
                ("inner", "price"): decimal.Decimal("1.50"),
            },
        ),
        (Box[datetime.date], {"content": "2026-01-31"}, {("content",): DAY}),
        (Box[list[uuid.UUID]], {"content": [str(uuid.UUID(int=5))]}, {("content", 0): uuid.UUID(int=5)}),
        (Days, ["2026-01-31"], {(0,): DAY, (): Days([DAY])}),
        (function, {"day": "2026-01-31", "times": ["10:00:00"]}, {("day",): DAY, ("times", 0): datetime.time(10)}),
        (Person | None, {"Born": "2026-01-31"}, {("Born",): DAY}),
        (int, 5, {}),
        # unions: where it is open which, plain JSON
        (Cat | Dog, {"born": "2026-01-31", "kind": "cat"}, {("born",): "2026-01-31"}),
        (Cat | Dog, {"kind": "cat", "born": "2026-01-31"}, {("born",): "2026-01-31"}),
        (list[int] | dict[str, datetime.date], {"a": "2026-01-31"}, {("a",): DAY}),
        (list[datetime.date] | tuple[datetime.date, int], ["2026-01-31"], {(0,): DAY}),
        (list[Cat | Dog], [{"kind": "cat", "born": "2026-01-31"}], {(0,): Cat(kind="cat", born=DAY)}),
        (
            Annotated[Cat | Dog, Field(discriminator="kind")],
            {"kind": "cat", "born": "2026-01-31"},
            {("kind",): "cat", ("born",): DAY},
        ),
        (
            Annotated[Cat | Dog, Field(discriminator="kind")],
            {"born": "2026-01-31", "kind": "cat"},
            {("born",): "2026-01-31"},
        ),
    ],
)
def test_parts(of: Any, value: Any, expected: dict[tuple[str | int, ...], Any]) -> None:
    found = parts(of, json.dumps(value))
    for path, part in expected.items():
        assert found[path] == part
        assert type(found[path]) is type(part)


def test_recursive_aliases() -> None:
    assert parts(Tree, '[["2026-01-31", ') == {(0, 0): DAY}
    assert parts(Tree, '[["2026-01-31"]')[(0,)] == [DAY]


# Any nesting: the parts are those of the whole.

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
SCALARS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (str, TEXTS),
    (bool, st.booleans()),
    (datetime.date, st.dates()),
    (datetime.time, st.times()),
    (uuid.UUID, st.uuids()),
    (Color, st.just(Color.RED)),
    (datetime.date | None, st.none() | st.dates()),
]


def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Pairs of a type and a strategy for its values."""
    return st.one_of(
        inner.map(lambda one: (list[one[0]], st.lists(one[1], max_size=3))),
        inner.map(lambda one: (dict[int, one[0]], st.dictionaries(st.integers(), one[1], max_size=3))),
        st.tuples(inner, inner).map(lambda two: (tuple[two[0][0], two[1][0]], st.tuples(two[0][1], two[1][1]))),
        inner.map(lambda one: (Box[one[0]], one[1].map(lambda value: Box[one[0]](content=value)))),
        inner.map(lambda one: (one[0] | None, one[1] | st.none())),
    )


TYPED = st.recursive(st.sampled_from(SCALARS), grown, max_leaves=5)


def part(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(value, Box):
            value = getattr(value, str(step))
        elif isinstance(value, dict):
            value = value[int(step)]
        else:
            value = value[step]
    return value


@given(st.data())
def test_parts_are_parts_of_the_whole(data: st.DataObject) -> None:
    of, values = data.draw(TYPED)
    adapter = TypeAdapter(of)
    value = data.draw(values)
    found = parts(of, adapter.dump_json(value, indent=data.draw(st.sampled_from([None, 2]))).decode() + " ")
    assert () in found
    for path, typed in found.items():
        assert typed == part(value, path)
        assert type(typed) is type(part(value, path))


# --- validators


def test_validators_of_the_field_are_applied() -> None:
    class Model(BaseModel):
        a: Annotated[int, AfterValidator(lambda n: n * 2)]
        b: Annotated[int, BeforeValidator(lambda n: int(n) + 1)]

    assert parts(Model, '{"a": 3, "b": 3, ') == {("a",): 6, ("b",): 4}


def test_what_depends_on_what_is_not_there_stays_plain() -> None:
    class Around(BaseModel):
        a: datetime.date
        b: datetime.date

        @pydantic.field_validator("b")
        @classmethod
        def later(cls, value: datetime.date, info: pydantic.ValidationInfo) -> datetime.date:
            assert value > info.data["a"]
            return value

    class Changed(BaseModel):
        a: datetime.date

        @pydantic.model_validator(mode="before")
        @classmethod
        def renamed(cls, value: Any) -> Any:
            return {"a": value["a"] + "-01"}

    assert parts(Around, '{"a": "2026-01-30", "b": "2026-01-31", ') == {
        ("a",): datetime.date(2026, 1, 30),
        ("b",): "2026-01-31",
    }
    assert parts(list[Around], '[{"a": "2026-01-30", "b": "2026-01-31"}, ')[(0,)] == Around(
        a=datetime.date(2026, 1, 30), b=DAY
    )
    assert parts(Changed, '{"a": "2026-01", ') == {("a",): "2026-01"}
    assert parts(list[Changed], '[{"a": "2026-01"}, ')[(0,)] == Changed.model_construct(a=datetime.date(2026, 1, 1))


def test_what_is_refused_stays_plain() -> None:
    class Model(BaseModel):
        a: Annotated[int, AfterValidator(lambda n: 1 // 0 if n < 0 else n), Field(lt=5)]

    assert parts(Model, '{"a": 7, ') == {("a",): 7}
