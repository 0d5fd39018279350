"""Values of JSON texts, and languages without some of them, against `json` and enumeration."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relark.frontends.schema.equality import equal_values, excluding, read
from relark.frontends.schema.numbers import NumberSet, number_term
from relark.frontends.schema.shapes import Layout
from relark.frontends.schema.strings import json_text
from relark.language import (
    EPSILON,
    TEXT,
    Completions,
    Term,
    concat,
    derive,
    is_empty,
    literal,
    one_of,
    ref,
    repeat,
)

COMPACT = Layout(EPSILON, literal(b":"), literal(b","))
SPACE = repeat(literal(b" "), 0, 1)
SPACED = Layout(SPACE, concat(literal(b":"), SPACE), concat(literal(b","), SPACE))

values = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.sampled_from([0.5, 1e16, 1.0, -0.0]) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


def accepts(term: Term, text: bytes) -> bool:
    for byte in text:
        term = derive(term, byte)
    return term.nullable


def says(text: str) -> object:
    """Equal for equal JSON values, by way of Python's own equality."""

    def shown(value: object) -> object:
        match value:
            case bool() | None:
                return repr(value)
            case list():
                return [shown(v) for v in value]
            case dict():
                return {name: shown(v) for name, v in value.items()}
        return value

    return shown(json.loads(text))


@given(values, values)
def test_reads_what_json_reads(a: object, b: object) -> None:
    one, other = json.dumps(a), json.dumps(b, ensure_ascii=False, indent=1)
    assert (read(one.encode()) == read(other.encode())) == (says(one) == says(other))
    assert read(b", " + one.encode()) == read(json.dumps(a, indent=2).encode())


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("1", "1.0", True),
        ("100", "1e2", True),
        ("1", "true", False),
        ('"1"', "1", False),
        ('{"a":1,"b":[2]}', '{"b": [2.0], "a": 1}', True),
        ("[1,2]", "[2,1]", False),
        ('"\\u00e9"', '"\N{LATIN SMALL LETTER E WITH ACUTE}"', True),
        ('"null"', "null", False),
        ("[]", "{}", False),
        ("1e99999999999999999999", "1e99999999999999999998", False),
    ],
)
def test_equality(a: str, b: str, equal: bool) -> None:
    assert (read(a.encode()) == read(b.encode())) is equal


def test_depth_costs_no_recursion() -> None:
    deep = read(b"[" * 5000 + b"]" * 5000)
    assert deep.depth == 5000
    assert accepts(excluding(literal(b"[]"), [deep], COMPACT), b"[]")


@given(st.lists(values, max_size=4), values)
def test_texts_of_values(several: list[object], other: object) -> None:
    term = equal_values([read(json.dumps(v).encode()) for v in several], SPACED)
    for value in [*several, other]:
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, separators=(",", ":"))):
            expected = any(says(text) == says(json.dumps(v)) for v in several)
            assert accepts(term, text.encode()) == expected, text


TEXTS = [
    "1",
    "1.0",
    "12",
    "2",
    "true",
    '"a"',
    '"ab"',
    "[1]",
    "[1.0]",
    "[12]",
    '{"a":1,"b":2}',
    '{"b":2,"a":1}',
    '{"a":1}',
]


@given(st.sets(st.sampled_from(TEXTS), min_size=1), st.lists(st.sampled_from(TEXTS), max_size=4))
def test_excluding(texts: set[str], excluded: list[str]) -> None:
    term = excluding(one_of(t.encode() for t in texts), [read(t.encode()) for t in excluded], COMPACT)
    gone = {read(t.encode()) for t in excluded}
    left = {t for t in texts if read(t.encode()) not in gone}
    assert {t for t in TEXTS if accepts(term, t.encode())} == left
    assert is_empty(term) == (not left)
    shortest = Completions().shortest(term)
    if shortest is None:
        assert not left
    else:
        assert shortest.decode() in left
        assert len(shortest) == min(map(len, left))
    for text in texts:  # what only an excluded value could complete is dead
        for n in range(len(text) + 1):
            state = term
            for byte in text[:n].encode():
                state = derive(state, byte)
            assert is_empty(state) == (not any(t.startswith(text[:n]) for t in left))


def test_excluding_from_many() -> None:
    strings = json_text(TEXT)
    taken = [read(json.dumps(letter).encode()) for letter in "abc"]
    term = excluding(strings, taken, COMPACT)
    assert not accepts(term, b'"a"')
    assert accepts(term, b'"ad"')
    assert accepts(term, b'"d"')
    state = derive(derive(term, ord('"')), ord("d"))
    assert state is derive(derive(strings, ord('"')), ord("d"))  # nothing is left to exclude
    integers = number_term(NumberSet.integers(), compact=True)
    term = excluding(integers, [read(str(n).encode()) for n in range(10)], COMPACT)
    found = Completions().shortest(term)
    assert found is not None
    assert len(found) == 2
    assert int(found) not in range(10)
    assert not accepts(term, b"7")
    assert accepts(term, b"77")


def test_recursive_values() -> None:
    arrays = ref(
        "arrays",
        lambda: concat(literal(b"["), repeat(arrays, 0, 1), literal(b"]")),
        nullable=False,
        check=False,
        shortest=lambda alphabet: b"[]",
    )
    term = excluding(arrays, [read(b"[]"), read(b"[[]]")], COMPACT)
    assert Completions().shortest(term) == b"[[[]]]"
    assert not accepts(term, b"[[]]")
    assert not is_empty(term)
