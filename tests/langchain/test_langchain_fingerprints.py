"""`Constraint.fingerprint`: equal for equal notation in every process, different wherever texts or meanings differ."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import regex
from lark import Lark
from lark.indenter import PythonIndenter
from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import TypedDict

import relark
from relark.constraint import Constraint

LISTS = '?list: "[" [item ("," item)*] "]"\n?item: list | NUMBER\nNUMBER: /[0-9]+/\n'
BLOCKS = """
start: line+
line: NAME _NL [_INDENT line+ _DEDENT]
_NL: /\\r?\\n[ ]*/
NAME: /[a-z]+/
%declare _INDENT _DEDENT
"""


class Blocks(PythonIndenter):
    NL_type = "_NL"
    OPEN_PAREN_types: list[str] = []  # noqa: RUF012
    CLOSE_PAREN_types: list[str] = []  # noqa: RUF012


class WideBlocks(Blocks):
    tab_len = 4


def even(value: int) -> int:
    return value


class Person(BaseModel):
    name: str
    age: Annotated[int, AfterValidator(even)] = Field(ge=0)
    born: datetime.date | None = None


class Twin(BaseModel):
    name: str
    age: Annotated[int, AfterValidator(even)] = Field(ge=0)
    born: datetime.date | None = None


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Movie(TypedDict):
    title: str
    year: int


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def search(query: str, limit: int = 3) -> str:
    return query * limit


OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
TURNED = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}

# What makes a constraint: no two of them say the same.
MAKERS: dict[str, Callable[[], Constraint]] = {
    "regex": lambda: relark.regex("a+b"),
    "regex flags": lambda: relark.regex("a+b", regex.I),
    "regex compiled": lambda: relark.regex(re.compile("a+b", re.S)),
    "regex inline": lambda: relark.regex("(?x)a+b"),
    "regex digits": lambda: relark.regex(r"\d+"),
    "regex ascii": lambda: relark.regex(re.compile(r"\d+", re.A)),
    "regex list": lambda: relark.regex(r"\L<words>", words=["one", "two"]),
    "regex other list": lambda: relark.regex(r"\L<words>", words=["one", "three"]),
    "regex backreference": lambda: relark.regex(r"(a+)b\1"),
    "schema": lambda: relark.schema(OBJECT),
    "schema order": lambda: relark.schema(TURNED),
    "schema any order": lambda: relark.schema(OBJECT, property_order="any"),
    "schema compact": lambda: relark.schema(OBJECT, whitespace="compact"),
    "schema numbers": lambda: relark.schema(OBJECT, compact_numbers=True),
    "schema format": lambda: relark.schema({"format": "x"}, formats={"x": "[a-z]"}),
    "schema other format": lambda: relark.schema({"format": "x"}, formats={"x": "[0-9]"}),
    "schema annotated": lambda: relark.schema({"format": "x"}, formats="annotate"),
    "schema true": lambda: relark.schema(True),
    "type": lambda: relark.schema(Person),
    "type of another name": lambda: relark.schema(Twin),
    "type list": lambda: relark.schema(list[Person]),
    "type dataclass": lambda: relark.schema(Point),
    "type dict": lambda: relark.schema(Movie),
    "type enum": lambda: relark.schema(Colour),
    "type function": lambda: relark.schema(search),
    "type union": lambda: relark.schema(int | None),
    "type literal": lambda: relark.schema(Literal["a", "b"]),
    "type annotated": lambda: relark.schema(Annotated[int, AfterValidator(even)]),
    "grammar": lambda: relark.grammar(LISTS, start="list"),
    "grammar start": lambda: relark.grammar(LISTS, start="item"),
    "grammar lalr": lambda: relark.grammar(LISTS, start="list", parser="lalr"),
    "grammar tree": lambda: relark.grammar(LISTS, start="list", result="tree"),
    "grammar complete": lambda: relark.grammar(LISTS, start="list", lexer="dynamic_complete"),
    "grammar flags": lambda: relark.grammar(LISTS, start="list", g_regex_flags=re.I),
    "grammar terminal": lambda: relark.grammar(LISTS, start="list", terminals={"NUMBER": "[01]+"}),
    "grammar blocks": lambda: relark.grammar(Lark(BLOCKS, parser="lalr", postlex=Blocks())),
    "grammar wide blocks": lambda: relark.grammar(Lark(BLOCKS, parser="lalr", postlex=WideBlocks())),
    "choices": lambda: relark.choices(["red", "blue"]),
    "choices others": lambda: relark.choices(["red", "blu", "e"]),
    "choices joined": lambda: relark.choices(["red', 'blue"]),
    "text": relark.text,
    "text until": lambda: relark.text(until="x"),
    "text until several": lambda: relark.text(until=["x", "y"]),
    "sum": lambda: "a" + relark.regex("b"),
    "sum turned": lambda: relark.regex("b") + "a",
    "sum of sums": lambda: "a" + ("b" + relark.regex("c")),
    "union": lambda: "a" | relark.regex("b"),
    "both": lambda: relark.text() & relark.regex("b"),
    "not": lambda: ~relark.regex("b"),
    "repeat": lambda: relark.regex("b").repeat(1, 2),
    "repeat more": lambda: relark.regex("b").repeat(1, 3),
}

TELL = "import test_langchain_fingerprints as t\nfor n, m in t.MAKERS.items(): print(n, m().fingerprint)"


def test_other_constraints_have_other_fingerprints() -> None:
    found: dict[str, str] = {}
    for name, make in MAKERS.items():
        fingerprint = make().fingerprint
        assert re.fullmatch("[0-9a-f]{64}", fingerprint)
        assert fingerprint not in found, f"{name} and {found[fingerprint]}"
        found[fingerprint] = name


def test_equal_constraints_have_equal_fingerprints() -> None:
    for name, make in MAKERS.items():
        assert make().fingerprint == make().fingerprint, name


def test_compiled_and_text_patterns_are_alike() -> None:
    assert relark.regex(regex.compile("a+b")).fingerprint == relark.regex("a+b").fingerprint
    assert relark.schema('{"type": "integer"}').fingerprint != relark.schema({"type": "string"}).fingerprint
    assert relark.choices(Colour).fingerprint == relark.choices(["red", "blue"]).fingerprint


def test_they_are_the_same_in_every_process() -> None:
    """Also where hashes and addresses are other ones."""
    here = Path(__file__).parent
    found = []
    for seed in ("1", "2"):
        path = os.pathsep.join([str(here), *sys.path])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        ran = subprocess.run(
            [sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        found.append(dict(line.rsplit(" ", 1) for line in ran.stdout.splitlines()))
    assert found[0] == found[1]
    assert set(found[0]) == set(MAKERS)


def test_what_is_made_by_hand_is_known_in_this_process() -> None:
    term = relark.regex("a+").term
    by_hand, again = Constraint(term, "a by hand"), Constraint(term, "a by hand")
    assert by_hand.fingerprint == again.fingerprint
    assert by_hand.fingerprint != Constraint(relark.regex("b+").term, "a by hand").fingerprint


def test_a_schema_that_is_changed_later_was_another_one() -> None:
    given: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}
    first = relark.schema(given)
    before = first.fingerprint
    given["properties"]["b"] = {"type": "string"}
    assert first.fingerprint == before
    assert relark.schema(given).fingerprint != before


@pytest.mark.parametrize("depth", [100, 2000])
def test_deep_schemas(depth: int) -> None:
    """One that is too deep is refused as before."""
    schema: Any = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    try:
        constraint = relark.schema(schema)
    except relark.RelarkError:
        assert depth > 100
    else:
        assert constraint.fingerprint == relark.schema(schema).fingerprint
