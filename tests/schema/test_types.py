"""Types as schemas: which texts a type has, which it has not, and what a text means."""

from __future__ import annotations

import collections
import dataclasses
import enum
import fractions
import functools
import ipaddress
import pathlib
import re
import uuid
import zoneinfo
from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import pydantic
import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, RootModel, StringConstraints, TypeAdapter
from pydantic_core import SchemaError
from typing_extensions import NotRequired, TypedDict

import relark
from relark.errors import ArgumentError, UnsatisfiableError, UnsupportedError, ValidationFailed
from relark.frontends.types import type_schema
from relark.frontends.types.formats import python_format_term
from relark.frontends.types.patterns import pattern_schema

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Shade(str, enum.Enum):
    DARK = "dark"
    LIGHT = "light"


class Number(enum.IntEnum):
    ONE = 1
    TEN = 10


class Mixed(enum.Enum):
    WORD = "a"
    NUMBER = 2
    REAL = 2.5
    TRUE = True
    NOTHING = None
    PAIR = (1, 2)  # no JSON


class Point(BaseModel):
    x: int
    y: int = 0


class Frozen(BaseModel, frozen=True):
    x: int


class Rights(enum.Flag):
    READ = 1
    WRITE = 2
    ADMIN = 8


class OpenAliased(BaseModel, extra="allow"):
    chosen: int = Field(1, validation_alias=AliasChoices("a", "b", AliasPath("c", 0)))


class Open(BaseModel, extra="allow"):
    x: int


class OpenToNumbers(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, int]
    x: int


class Strict(BaseModel, strict=True):
    numbers: dict[int, int] = {}
    unique: set[int] = set()
    day: date | None = None


class Aliased(BaseModel):
    plain: int = Field(alias="Plain")
    chosen: int = Field(1, validation_alias=AliasChoices(AliasPath("a", 0), "b", "c"))
    first: int = Field(2, validation_alias=AliasPath("list", 0))
    third: int = Field(3, validation_alias=AliasPath("list", 2, "deep"))


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    name: int = Field(alias="Name")


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog", "wolf"]


class Big(BaseModel):
    size: Literal["big"] = Field("big", alias="Size")


class Small(BaseModel):
    size: Literal["small"] = Field("small", alias="Size")


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Owner(BaseModel):
    pet: Pet
    others: list[Pet] = []


class StrictUrl(BaseModel, strict=True):
    url: pydantic.HttpUrl


class Twice(BaseModel):
    one: Number
    by_number: dict[Number, int] = {}


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


class Pair(BaseModel, Generic[T]):
    left: T
    right: T


class Names(RootModel[list[str]]):
    """A list at the root."""


@dataclasses.dataclass
class Standard:
    a: int
    b: list[int] = dataclasses.field(default_factory=list)
    c: int = dataclasses.field(default=1, init=False)
    d: dataclasses.InitVar[int] = 5


@pydantic.dataclasses.dataclass
class Checked:
    a: Annotated[int, Field(gt=0)]


class Loose(TypedDict, total=False):
    a: int


class Tight(TypedDict):
    a: int
    b: NotRequired[str]


class Place(NamedTuple):
    x: int
    name: str = "here"


class Computed(BaseModel):
    a: int

    @pydantic.computed_field
    def double(self) -> int:
        return 2 * self.a


class Bytes(BaseModel):
    model_config = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")
    data: bytes
    few: Annotated[bytes, Field(min_length=2, max_length=4)] = b"ab"


class Hexadecimal(BaseModel):
    model_config = ConfigDict(val_json_bytes="hex", ser_json_bytes="hex")
    data: Annotated[bytes, Field(min_length=2)]


class Quiet(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_max_length=3)
    text: str


class Arbitrary:
    pass


class Partly(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    a: int
    b: int | Arbitrary = 1
    c: Arbitrary | None = None
    d: Callable[[], int] = lambda: 1


DIGITS = Annotated[Decimal, Field(max_digits=5, decimal_places=2)]

CASES: list[tuple[Any, list[str], list[str]]] = [
    # numbers
    (int, ["0", "-7", "123456789012345678901234567890"], ["1.0", "1e2", '"1"', "true", "01"]),
    (float, ["0", "1.5", "-2e5", "1.0", "1e-7", "3.549001217979407e+16"], ["NaN", "Infinity", "1e400", '"1"']),
    (Annotated[float, Field(lt=1)], ["0.9999999999999999", "-1"], ["1", "1.0", "0.99999999999999999999"]),
    (Annotated[float, Field(gt=0)], ["0.1", "1e300"], ["0", "-0.0", "-1"]),
    (Annotated[float, Field(ge=0, le=2.5)], ["0", "2.5", "1.25"], ["2.51", "-1"]),
    (Annotated[float, Field(multiple_of=0.01)], ["0.1", "19.99", "-3"], ["0.001", "19.999"]),
    (Annotated[int, Field(gt=3, le=20, multiple_of=5)], ["5", "20"], ["0", "6", "25"]),
    (bool, ["true", "false"], ["1", '"true"']),
    (None, ["null"], ["0"]),
    (DIGITS, ["1.10", "999.99", "0", '"12.50"', "-0.01", "1e2"], ["1000", "0.001", '"1000"', '"0.001"', '"x"']),
    (Annotated[Decimal, Field(max_digits=3)], ["12.3", "0.001", "999", '"0.12"'], ["1000", "12.34", "0.0001"]),
    (Annotated[Decimal, Field(max_digits=2, decimal_places=2)], ["0.5", '"0.05"'], ["0", "1", '"0"', "0.125"]),
    (Annotated[Decimal, Field(ge=Decimal("0.5"), lt=3)], ["0.5", '"2.75"'], ["3", '"3"', "0.4"]),
    (Annotated[Decimal, Field(multiple_of=Decimal("0.05"))], ["0.15", '"1.05"'], ["0.01", '"0.01"']),
    (Decimal, ["1.5", '"1.5"', '"-12345678901234567890.5"'], ['"NaN"', '""']),
    (fractions.Fraction, ['"1.5"', '"1/3"', '"-2"'], ['"1/0"', '"a"']),
    (complex, ['"1+2j"', '"-1.5"'], ['"j+"']),
    (pydantic.ByteSize, ["1000", '"5 MB"', '"1.5KiB"'], ["-1", '"5 apples"']),
    # strings
    (str, ['""', '"a\\n\\u00e9é"'], ["1", "a"]),
    (Annotated[str, Field(min_length=1, max_length=2)], ['"a"', '"é😀"'], ['""', '"abc"']),
    (Annotated[str, Field(pattern=r"^\d{2}-[a-z]+$")], ['"12-ab"', '"٣٣-ab"'], ['"1-ab"', '"12-"']),
    (Annotated[str, Field(pattern=r"b+")], ['"abc"'], ['"ac"']),
    (Annotated[str, Field(pattern="(?i)^yes$")], ['"YES"', '"yes"'], ['"no"']),
    (Annotated[str, Field(pattern=re.compile("^a.c$", re.I))], ['"aBC"', '"abc\\n"'], ['"abcd"']),
    (Annotated[str, StringConstraints(strip_whitespace=True)], ['"a b"', '""'], ['" a"', '"a "']),
    (Annotated[str, StringConstraints(to_lower=True)], ['"ab1"'], ['"Ab"']),
    (Annotated[str, StringConstraints(to_upper=True)], ['"AB1"'], ['"Ab"']),
    (Quiet, ['{"text":"a b"}'], ['{"text":" a"}', '{"text":"abcd"}']),
    (Annotated[pydantic.SecretStr, Field(min_length=2)], ['"ab"'], ['"a"']),
    (pydantic.SecretStr, ['"a"'], ["1"]),
    (pathlib.Path, ['"/a/b.txt"'], ["1"]),
    (uuid.UUID, ['"12345678-1234-5678-1234-567812345678"'], ['"12345678"', '"12345678123456781234567812345678"']),
    (pydantic.UUID4, ['"12345678-1234-4678-8234-567812345678"'], ['"12345678-1234-1678-8234-567812345678"']),
    (re.Pattern, ['"a+(b|[^cd]e)*$"', '"\\\\d{2}"'], ['"("', '"*"']),
    # bytes
    (bytes, ['"aé"'], ["1"]),
    (Annotated[bytes, Field(min_length=2, max_length=3)], ['"ab"', '"é"', '"€"'], ['"a"', '"éé"', '"abcd"']),
    (Annotated[bytes, Field(max_length=100)], ['"é"', f'"{"a" * 100}"'], [f'"{"a" * 101}"']),
    (Bytes, ['{"data":""}', '{"data":"_-8=","few":"YWI="}'], ['{"data":"/+8="}', '{"data":"","few":"YQ=="}']),
    (Hexadecimal, ['{"data":"00ff"}'], ['{"data":"00"}', '{"data":"0g00"}']),
    (pydantic.Base64Bytes, ['"YQ=="', '"/+8="'], ['"YQ"', '"Y"']),
    (pydantic.Base64Str, ['"YQ=="', '"YWJj"'], ['"/w=="', '"YQ"']),
    (pydantic.Json[list[int]], ['"[1, 2]"', '"[]"'], ["[1]", '"[1.5]"', '"["']),
    # time
    (date, ['"2024-02-29"', '"0001-01-01"', '"9999-12-31"'], ['"2023-02-29"', '"0000-01-01"', '"2023-04-31"', "5"]),
    (
        Annotated[date, Field(ge=date(2020, 1, 31), lt=date(2021, 3, 1))],
        ['"2020-01-31"', '"2021-02-28"'],
        ['"2020-01-30"', '"2021-03-01"', '"2019-12-31"'],
    ),
    (
        datetime,
        ['"2024-01-01T00:00:00"', '"2024-01-01T23:59:59.123456+05:30"', '"2024-01-01T00:00:00Z"'],
        ['"2024-01-01T24:00:00"', '"2024-01-01T00:00:60Z"', '"2024-01-01T00:00:00+24:00"', '"2024-01-01"'],
    ),
    (
        Annotated[datetime, Field(ge=datetime(2020, 1, 1), lt=datetime(2021, 1, 1))],
        ['"2020-01-01T00:00:00"', '"2020-01-01T00:00:00+05:00"', '"2020-12-31T23:59:59.9-12:00"'],
        ['"2021-01-01T00:00:00"', '"2019-12-31T23:00:00-05:00"'],
    ),
    (
        Annotated[time, Field(ge=time(9), le=time(17, 30))],
        ['"09:00:00"', '"17:30:00.000Z"', '"12:15:00.5"'],
        ['"08:59:59"', '"17:30:00.000001"', '"17:30:01"'],
    ),
    (pydantic.AwareDatetime, ['"2024-01-01T00:00:00Z"'], ['"2024-01-01T00:00:00"']),
    (pydantic.NaiveDatetime, ['"2024-01-01T00:00:00"'], ['"2024-01-01T00:00:00Z"']),
    (time, ['"12:30:00"', '"12:30:00.5Z"'], ['"25:00:00"', '"12:60:00"']),
    (timedelta, ['"P1DT2H"', '"-PT0.000001S"', '"P1Y35D"', '"P3W"'], ['"P"', '"PT"', '"P1000000000D"', "5"]),
    # networks
    (ipaddress.IPv4Address, ['"255.0.0.1"'], ['"256.0.0.1"', '"01.2.3.4"', '"1.2.3"']),
    (ipaddress.IPv4Network, ['"10.0.0.0/8"', '"1.2.3.4"'], ['"10.0.0.1/8"', '"10.0.0.0/33"']),
    (ipaddress.IPv4Interface, ['"10.0.0.1/8"', '"10.0.0.1"'], ['"10.0.0.1/33"']),
    (ipaddress.IPv6Address, ['"::"', '"1:2:3:4:5:6:7:8"', '"::ffff:1.2.3.4"'], ['"1::2::3"', '"12345::"', '"1:2"']),
    (ipaddress.IPv6Network, ['"2001:db8::/32"', '"::2:8000/116"', '"::/0"', '"::1"'], ['"::1/64"', '"2001:db8::/16"']),
    (pydantic.IPvAnyAddress, ['"1.2.3.4"', '"::1"'], ['"1.2.3"']),
    (pydantic.HttpUrl, ['"https://example.org/a?b=c#d"', '"http://[::1]:80"'], ['"ftp://a"', '"http://"', '"a.org"']),
    (StrictUrl, ['{"url":"https://a.org/%C3%A9"}'], ['{"url":"https://a.org/%x"}']),
    (pydantic.AnyUrl, ['"ftp://a.org/x"', '"mailto:a@b.org"'], ['"a"', '"http://1.2.3.999/"']),
    (pydantic.PostgresDsn, ['"postgresql://u:p@a:1,b:2/db"'], ['"http://a"']),
    (pydantic.FileUrl, ['"file:///a/b"'], ['"http://a"']),
    # listed values
    (Literal["a", 1, None], ['"a"', "1", "null"], ["1.0", "true", '"b"']),
    (Literal[Shade.DARK, "b"], ['"dark"', '"b"'], ['"light"']),
    (Color, ['"red"', '"green"'], ['"blue"', "1"]),
    (Number, ["1", "10"], ["1.0", "2", '"1"']),
    (Rights, ["0", "3", "11"], ["4", "16", "-1"]),
    (Mixed, ['"a"', "2", "2.5", "true", "null"], ["[1,2]", "false", "3"]),
    # containers
    (list[int], ["[]", "[1, 2]"], ["[1.5]", "{}"]),
    (Annotated[list[int], Field(min_length=1, max_length=2)], ["[1]", "[1,2]"], ["[]", "[1,2,3]"]),
    (Sequence[str], ['["a"]'], ['"a"']),
    (collections.deque[int], ["[1]"], ["1"]),
    (set[int], ["[1,2]", "[]"], ["[1,1]"]),
    (set, ['[1,"a",null]'], ["[[]]", "[{}]"]),
    (set[list[int] | int], ["[1,2]", "[]"], ["[[1]]"]),
    (set[Frozen], ['[{"x":1},{"x":2}]'], ['[{"x":1},{"x":1}]']),
    (set[Point], ["[]"], ['[{"x":1}]']),
    (frozenset[str], ['["a","b"]'], ['["a","a"]', '["a","\\u0061"]']),
    (tuple[int, str], ['[1,"a"]'], ["[1]", '[1,"a",2]', '["a",1]']),
    (tuple[int, ...], ["[]", "[1,2,3]"], ['["a"]']),
    (tuple[()], ["[]"], ["[1]"]),
    (dict[str, int], ['{"a":1}', "{}"], ['{"a":"b"}', '{"a":1,"a":2}', "[]"]),
    (dict[int, int], ['{"-1":1,"20":2}'], ['{"a":1}', '{"1.5":1}', '{"01":1}', '{"-0":1}']),
    (dict[float, int], ['{"1.5":1}'], ['{"a":1}']),
    (dict[Color, int], ['{"red":1}'], ['{"blue":1}']),
    (dict[Number, int], ['{"10":1}'], ['{"2":1}']),
    (dict[Literal["a", "b"], int], ['{"b":1}'], ['{"c":1}']),
    (dict[bool, int], ['{"true":1}'], ['{"yes":1}']),
    (dict[uuid.UUID, int], ['{"12345678-1234-5678-1234-567812345678":1}'], ['{"a":1}']),
    (dict[date, int], ['{"2024-02-29":1}'], ['{"2023-02-29":1}']),
    (dict[tuple[int, int], int], ["{}"], ['{"1,2":1}']),
    (dict[Annotated[str, Field(pattern="^x")], int], ['{"xa":1}'], ['{"a":1}']),
    (Annotated[dict[str, int], Field(min_length=1, max_length=1)], ['{"a":1}'], ["{}", '{"a":1,"b":2}']),
    (collections.Counter[str], ['{"a":1}'], ['{"a":1.5}']),
    (collections.defaultdict[str, list[int]], ['{"a":[1]}'], ['{"a":1}']),
    (Place, ['[1,"a"]', "[1]"], ["[]", '[1,"a",2]', '{"x":1}']),
    (Annotated[list[int] | set[str], Field(max_length=1)], ["[1]", '["a"]'], ["[1,2]", '["a","b"]']),
    (zoneinfo.ZoneInfo, ['"Europe/Berlin"', '"UTC"'], ['"Nowhere"']),
    (Hashable, ["1", '"a"', "null"], ["[]", "{}"]),
    (pydantic.JsonValue, ["[1, {}]", "null"], ["nothing"]),
    (Any, ["[1, {}]", "null"], ["nothing"]),
    # objects
    (Point, ['{"x":1}', '{"x": 1, "y": 2}', '{\n  "x": 1\n}'], ["{}", '{"x":1,"z":2}', '{"y":2,"x":1}', '{"x":1.0}']),
    (Open, ['{"x":1}', '{"x":1,"z":[2]}'], ["{}"]),
    (OpenToNumbers, ['{"x":1,"z":2}'], ['{"x":1,"z":"a"}']),
    (OpenAliased, ['{"a":1,"x":[]}', '{"chosen":"x"}'], ['{"b":"x"}', '{"c":1}', '{"a":"x"}']),
    (Strict, ['{"numbers":{"1":2},"unique":[1],"day":"2024-01-01"}'], ['{"numbers":{"1":2.0}}']),
    (
        Aliased,
        ['{"Plain":1}', '{"Plain":1,"b":2,"list":[5,{"a":[]},{"deep":7}]}', '{"Plain":1,"list":[]}'],
        ['{"plain":1}', '{"Plain":1,"c":2}', '{"Plain":1,"list":["a"]}', '{"Plain":1,"list":[1,2,{"deep":"a"}]}'],
    ),
    (ByName, ['{"Name":1}'], ['{"name":1}']),
    (Pet, ['{"kind":"cat","lives":9}', '{"kind":"wolf"}'], ['{"lives":9}', '{"kind":"dog","lives":9}']),
    (Owner, ['{"pet":{"kind":"dog"},"others":[{"kind":"cat","lives":1}]}'], ['{"pet":{"lives":1}}']),
    (
        Annotated[Big | Small, Field(discriminator="size")],
        ['{"Size":"small"}', '{"Size":"big"}'],
        ["{}", '{"size":"small"}'],
    ),
    (Twice, ['{"one":1,"by_number":{"10":2}}'], ['{"one":1,"by_number":{"2":2}}', '{"one":1,"by_number":{"":2}}']),
    (Tree, ['{"value":1,"children":[{"value":2}]}'], ['{"value":1,"children":[{}]}']),
    (Pair[int], ['{"left":1,"right":2}'], ['{"left":"a","right":2}']),
    (Names, ['["a"]'], ['{"root":["a"]}']),
    (Standard, ['{"a":1}', '{"a":1,"b":[2],"d":3}'], ['{"a":1,"c":2}', "[1]"]),
    (Checked, ['{"a":1}'], ['{"a":0}']),
    (Loose, ["{}", '{"a":1}'], ['{"b":1}']),
    (Tight, ['{"a":1}', '{"a":1,"b":"x"}'], ["{}", '{"a":1,"c":1}']),
    (Computed, ['{"a":1}'], ['{"a":1,"double":2}']),
    (Partly, ['{"a":1}', '{"a":1,"b":2}', '{"a":1,"c":null}'], ['{"a":1,"d":1}', '{"a":1,"b":"x"}']),
    # unions
    (int | None, ["1", "null"], ["1.0", '"a"']),
    (int | float, ["1", "1.0", "1e5"], ["true"]),
    (int | list[int | str], ["1", '[1,"a"]'], ['"a"']),
]


def shown(value: object) -> str:
    return re.sub(r"[^A-Za-z0-9_.,\[\]]+", "-", str(value))[:60]


@pytest.mark.parametrize(("tp", "accepted", "refused"), CASES, ids=[shown(tp) for tp, _, _ in CASES])
def test_texts_of_a_type(tp: Any, accepted: list[str], refused: list[str]) -> None:
    constraint = relark.schema(tp)
    assert [text for text in accepted if not constraint.fullmatch(text)] == []
    assert [text for text in refused if constraint.fullmatch(text)] == []
    for text in accepted:
        TypeAdapter(tp).validate_json(text)


def test_email_addresses() -> None:
    pytest.importorskip("email_validator")
    for tp in (pydantic.EmailStr, pydantic.NameEmail):
        constraint = relark.schema(tp)
        assert constraint.fullmatch('"jane.doe+x@mail.example.org"')
        for text in ('"a@b"', '"a@b.local"', '".a@b.org"', '"a..b@c.org"', f'"{"a" * 65}@b.org"'):
            assert not constraint.fullmatch(text), text
    assert relark.schema(pydantic.NameEmail).fullmatch('"Jane Doe <jane@example.org>"')


# --- what a text means ------------------------------------------------------------------------------------------------


def test_values_have_the_type() -> None:
    assert type_schema(Point).parse('{"x":1}') == Point(x=1)
    assert type_schema(list[Point]).parse('[{"x":1,"y":2}]') == [Point(x=1, y=2)]
    assert type_schema(date).parse('"2024-02-29"') == date(2024, 2, 29)
    assert type_schema(Standard).parse('{"a":1}') == Standard(1)
    assert type_schema(Place).parse("[1]") == Place(1)
    assert type_schema(set[int]).parse("[2,1]") == {1, 2}
    assert type_schema(Pair[date]).parse('{"left":"2024-01-01","right":"2024-01-02"}').left == date(2024, 1, 1)
    assert type_schema(TypeAdapter(int)).parse("5") == 5
    constraint = relark.schema(Point)
    assert constraint.parse is not None
    assert constraint.parse('{"x":1}') == Point(x=1)


def test_python_checks_are_listed_and_may_refuse() -> None:
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value

    class Order(BaseModel):
        count: Annotated[int, pydantic.AfterValidator(even)]
        day: pydantic.FutureDate | None = None

        @pydantic.field_validator("day")
        @classmethod
        def weekday(cls, value: Any) -> Any:
            return value

        @pydantic.model_validator(mode="after")
        def whole(self) -> Order:
            return self

    found = type_schema(Order)
    listed = [(pointer, what.rpartition(".")[2]) for pointer, what in found.checked]
    assert ("#/properties/count", "even") in listed
    assert ("#/properties/day", "weekday") in listed
    assert ("#", "whole") in listed
    assert any("future" in what for _, what in found.checked)
    with pytest.raises(ValidationFailed, match=r"#/count: .*must be even") as caught:
        found.parse('{"count": 1}')
    assert caught.value.text == '{"count": 1}'
    assert isinstance(caught.value.__cause__, pydantic.ValidationError)

    class Private(BaseModel):
        a: int
        _b: int = 1

    assert type_schema(Private).checked == ()
    assert type_schema(Point).checked == ()
    assert type_schema(collections.defaultdict[str, int]).checked == ()
    assert type_schema(pydantic.HttpUrl).checked == ()


def test_validators_that_replace_the_schema() -> None:
    plain = Annotated[int, pydantic.PlainValidator(lambda v: v)]
    assert [what for _, what in type_schema(plain).checked] == [
        "test_validators_that_replace_the_schema.<locals>.<lambda>"
    ]
    given = Annotated[int, pydantic.BeforeValidator(int, json_schema_input_type=Literal["1", "2"])]
    assert relark.schema(given).fullmatch('"2"')
    assert not relark.schema(given).fullmatch("2")
    written = Annotated[Any, pydantic.WithJsonSchema({"type": "string", "maxLength": 2})]
    assert relark.schema(written).fullmatch('"ab"')
    assert not relark.schema(written).fullmatch('"abc"')


# --- functions --------------------------------------------------------------------------------------------------------


def book(room: str, nights: Annotated[int, Field(gt=0)], *, day: date = date(2024, 1, 1)) -> None:
    """A function to call."""


class Hotel:
    def book(self, room: str, pets: list[Cat] | None = None) -> None:
        """A method."""


def test_functions_are_their_arguments() -> None:
    constraint = relark.schema(book)
    assert constraint.fullmatch('{"room": "blue", "nights": 2}')
    assert constraint.fullmatch('{"room": "blue", "nights": 2, "day": "2024-02-29"}')
    for text in ('{"room": "blue"}', '{"room": "blue", "nights": 0}', '{"room": "blue", "nights": 1, "x": 1}'):
        assert not constraint.fullmatch(text)
    arguments = type_schema(book).parse('{"room": "blue", "nights": 2, "day": "2024-02-29"}')
    assert arguments == {"room": "blue", "nights": 2, "day": date(2024, 2, 29)}
    assert type_schema(book).parse('{"room": "blue", "nights": 2}') == {"room": "blue", "nights": 2}
    assert relark.schema(Hotel().book).fullmatch('{"room":"a","pets":[{"lives":1}]}')
    assert relark.schema(functools.partial(book, "blue")).fullmatch('{"nights":1}')


def test_objects_that_can_be_called() -> None:
    class Booking:
        def __call__(self, nights: int) -> None: ...

    assert relark.schema(Booking()).fullmatch('{"nights":1}')


def test_further_arguments_by_name() -> None:
    def call(a: int = Field(5, gt=3), **others: bool) -> None:
        """With a default in pydantic's way."""

    constraint = relark.schema(call)
    assert constraint.fullmatch('{"a":4,"b":true}')
    assert constraint.fullmatch("{}")
    assert not constraint.fullmatch('{"a":3}')
    assert not constraint.fullmatch('{"b":1}')


def test_arguments_that_have_no_name() -> None:
    def several(*numbers: int) -> None: ...

    def by_place(a: int, /) -> None: ...

    for function in (several, by_place):
        with pytest.raises(ArgumentError, match="cannot be given by name"):
            type_schema(function)

    def unknown(a: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821
        ...

    with pytest.raises(ArgumentError, match="Missing"):
        type_schema(unknown)
    with pytest.raises(ArgumentError, match="cannot be told"):
        type_schema(dict.update)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_what_is_no_type() -> None:
    for wrong in (5, Arbitrary, object()):
        with pytest.raises(ArgumentError, match="pydantic has no schema"):
            type_schema(wrong)


def test_parts_without_a_json_form() -> None:
    class Broken(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        a: int
        b: Arbitrary

    class Outer(BaseModel):
        inner: list[Broken] = Field(min_length=1)

    for tp in (Broken, Outer, tuple[int, Broken], Broken | Callable[[], int]):
        with pytest.raises(UnsupportedError, match=r"/(b|anyOf/0).*Arbitrary.* has no JSON form"):
            relark.schema(tp)
    with pytest.raises(UnsupportedError, match="has no JSON form"):
        relark.schema(Callable[[], int])
    assert relark.schema(list[Callable[[], int]]).fullmatch("[]")


def test_a_model_that_nothing_satisfies() -> None:
    class Impossible(BaseModel):
        a: Annotated[int, Field(gt=5, lt=6)]

    with pytest.raises(UnsatisfiableError, match="properties/a"):
        relark.schema(Impossible)


def test_schemas_are_made_once_for_a_class() -> None:
    assert type_schema(Point) is type_schema(Point)
    assert type_schema(int | str).schema != type_schema(str | int).schema


# --- patterns and formats ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "schema"),
    [
        ("^[a-z]+$", {"pattern": "^[a-z]+$"}),
        (r"a.b\-\z", {"pattern": "a[^\\n]b-$"}),
        (r"(?P<name>a)|(b)", {"pattern": "(?:a)|(?:b)"}),
        (r"\x41\u{1F600}\t", {"pattern": "\\u{41}\\u{1f600}\\u0009"}),
        (r"[[:digit:]_]{1,2}", {"pattern": "[0-9_]{1,2}"}),
        (r"[]a]{2,}?", {"pattern": r"[\]a]{2,}?"}),
        (r"\bword\b", {"format": r"relark:rust-search:\bword\b"}),
        (r"[a-z&&[^b]]", {"relark:checked": ["the pattern '[a-z&&[^b]]'"]}),
    ],
)
def test_patterns_in_rusts_notation(pattern: str, schema: dict[str, Any]) -> None:
    TypeAdapter(Annotated[str, Field(pattern=pattern)])  # Rust knows it
    assert pattern_schema(pattern) == schema


@pytest.mark.parametrize(
    "pattern",
    [r"^\d+\w*$", r"\W\s", r"x$|y", r"b?(a$)", r"^(?:ab|c)?$", r"(?<=a)b", r"\Aa\Z", r"[\d.]+\S", "a{2,3}", r"[\W]"],
)
@pytest.mark.parametrize("engine", ["rust-regex", "python-re"])
def test_patterns_mean_what_the_engine_means(pattern: str, engine: Any) -> None:
    class Model(BaseModel):
        model_config = ConfigDict(regex_engine=engine)
        text: str

    try:
        tp = pydantic.create_model("Pattern", __base__=Model, text=(Annotated[str, Field(pattern=pattern)], ...))
    except SchemaError:
        assert engine == "rust-regex"  # which has no look-around, and writes \\z
        return
    adapter, constraint = TypeAdapter(tp), relark.schema(tp)
    checked = type_schema(tp).checked
    for text in (
        "",
        "a",
        "b",
        "ab",
        "aab",
        "c",
        "x",
        "x\n",
        "y",
        "7",
        "٣",
        "7é",
        " ",
        "-\t",
        "a\n",
        "1.2é",
        "x\ny",
        "_ ",
    ):
        instance = Model.model_construct(text=text).model_dump_json()
        try:
            adapter.validate_json(instance)
            valid = True
        except pydantic.ValidationError:
            valid = False
        assert constraint.fullmatch(instance) == valid or (checked and not valid), (text, valid)


def test_formats_of_pythons_types() -> None:
    with pytest.raises(ArgumentError, match="none of relark's own formats"):
        python_format_term("relark:unheard-of")
    with pytest.raises(ArgumentError, match="date"):
        python_format_term("date")


def test_offsets_that_the_type_fixes_are_checked() -> None:
    schema = pydantic.TypeAdapter(datetime).core_schema | {"tz_constraint": 3600}

    class Fixed:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            return schema

    assert "3600" in type_schema(Fixed).checked[0][1]
