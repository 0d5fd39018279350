"""What is complete in a JSON text that is still being written."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relark.decoding.events import Found, JsonReader, Path

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
LAYOUTS = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 2]),
        "separators": st.sampled_from([None, (",", ":"), (" ,  ", " :\n")]),
        "ensure_ascii": st.booleans(),
    }
)


def inside(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """All values in ``value``, members before what they belong to."""
    found: list[tuple[Path, Any]] = []
    if isinstance(value, dict):
        for name, member in value.items():
            found += inside(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += inside(item, (*path, index))
    return [*found, (path, value)]


def read(pieces: list[str]) -> list[Found]:
    reader = JsonReader()
    return [*(found for piece in pieces for found in reader.read(piece)), *reader.end()]


def cut(text: str, places: list[int]) -> list[str]:
    ends = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(ends)] or [""]


@given(value=VALUES, layout=LAYOUTS, places=st.lists(st.integers(0, 60), max_size=8))
def test_every_value_is_found_once_wherever_the_text_is_cut(value: Any, layout: Any, places: list[int]) -> None:
    text = json.dumps(value, **layout)
    found = read(cut(text, places))
    assert [(one.path, one.value) for one in found] == inside(value)
    assert [json.loads(one.text) for one in found] == [one.value for one in found]
    assert found == read(list(text))


@given(value=VALUES, layout=LAYOUTS)
def test_a_value_is_found_with_its_last_character(value: Any, layout: Any) -> None:
    """Numbers and words one character later: that is when it is known."""
    text = json.dumps(value, **layout)
    reader = JsonReader()
    for end in range(1, len(text) + 1):
        for one in reader.read(text[end - 1]):
            number = not isinstance(one.value, (str, list, dict))
            assert text[: end - number].endswith(one.text)


@pytest.mark.parametrize(
    ("pieces", "paths"),
    [
        (['"a\\', '"b"'], [()]),
        (['"\\u00', 'e9"'], [()]),
        (['"\\\\"'], [()]),
        (["1", "2"], [()]),
        (["tr", "ue"], [()]),
        ([" [ ", " ] "], [()]),
        (["{ }"], [()]),
        (["[[], {}]"], [(0,), (1,), ()]),
        (['{"":{"a":[1 ]}}'], [("", "a", 0), ("", "a"), ("",), ()]),
        (['{"a,}":"]"}'], [("a,}",), ()]),
        (['{"1": 1}'], [("1",), ()]),
        ([""], []),
    ],
)
def test_cases(pieces: list[str], paths: list[Path]) -> None:
    found = read(pieces)
    assert [one.path for one in found] == paths
    if found:
        assert found[-1].value == json.loads("".join(pieces))


def test_an_unfinished_text_has_no_last_value() -> None:
    assert read(['{"a": [1, "b']) == [Found(("a", 0), "1", 1)]
    assert read(['{"a": 1, "b"']) == [Found(("a",), "1", 1)]
    assert read(['"a']) == []


def test_deep_and_long_texts() -> None:
    depth = 500
    found = read(list("[" * depth + "]" * depth))
    assert [len(one.path) for one in found] == list(range(depth - 1, -1, -1))
    assert read(['"', *["ab\\n"] * 20_000, '"'])[0].value == "ab\n" * 20_000
