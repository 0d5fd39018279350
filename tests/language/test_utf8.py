"""Sets of code points against Python's own encoder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.set_semantics import accepts, checked
from relark.language import (
    ANY_CHARACTER,
    EMPTY,
    TEXT,
    Term,
    byte_set,
    code_points,
    derive,
    literal,
    transitions,
)
from relark.language.terms import PREFIX_FREE
from relark.language.utf8 import MAX_CODE_POINT, normalise

BORDERS = [
    0,
    0x7F,
    0x80,
    0x7FF,
    0x800,
    0xFFF,
    0x1000,
    0xCFFF,
    0xD7FF,
    0xE000,
    0xFFFF,
    0x10000,
    0x3FFFF,
    0x40000,
    0xFFFFF,
    0x100000,
    0x10FFFF,
]
SURROGATES = range(0xD800, 0xE000)

points = st.one_of(
    st.sampled_from(BORDERS),
    st.sampled_from(BORDERS).flatmap(lambda b: st.integers(max(0, b - 70), min(MAX_CODE_POINT, b + 70))),
    st.integers(0, MAX_CODE_POINT),
    st.integers(0xD700, 0xE100),
)
near = st.tuples(points, st.integers(0, 200)).map(lambda t: (t[0], min(MAX_CODE_POINT, t[0] + t[1])))
ranges = st.lists(st.one_of(near, st.tuples(points, points).map(lambda t: (min(t), max(t)))), max_size=6)


def characters(term: Term, data: bytes = b"") -> Iterator[bytes]:
    """All members, by derivatives."""
    if term.nullable:
        yield data
    for mask, target in transitions(term):
        for b in range(256):
            if mask >> b & 1:
                yield from characters(target, data + bytes([b]))


@checked(60)
@given(st.lists(near, max_size=6))
def test_exactly_these_characters(chosen: list[tuple[int, int]]) -> None:
    expected = {chr(p).encode() for lo, hi in chosen for p in range(lo, hi + 1) if p not in SURROGATES}
    found = list(characters(code_points(chosen)))
    assert len(found) == len(set(found))
    assert set(found) == expected


@checked(300)
@given(ranges, st.lists(points, max_size=20))
def test_in_and_out(chosen: list[tuple[int, int]], asked: list[int]) -> None:
    term = code_points(chosen)
    edges = [p for pair in chosen for end in pair for p in (end - 1, end, end + 1) if 0 <= p <= MAX_CODE_POINT]
    for point in (*asked, *edges):
        inside = any(lo <= point <= hi for lo, hi in chosen)
        if point in SURROGATES:
            assert not accepts(term, chr(point).encode(errors="surrogatepass"))
        else:
            assert accepts(term, chr(point).encode()) == inside
            assert not accepts(term, chr(point).encode() + b"\x80")


@checked(200)
@given(ranges)
def test_normalise(chosen: list[tuple[int, int]]) -> None:
    result = normalise(chosen)
    assert all(lo <= hi for lo, hi in result)
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(result))
    assert not any(lo <= 0xDFFF and hi >= 0xD800 for lo, hi in result)
    assert normalise(reversed(result)) == result
    assert code_points(result) is code_points(chosen)


def test_every_character() -> None:
    """All 1,112,064 of them, counted through the derivatives, and nothing else."""
    sizes: dict[Term, int] = {}

    def size(term: Term) -> int:
        if term not in sizes:
            sizes[term] = term.nullable + sum(mask.bit_count() * size(target) for mask, target in transitions(term))
        return sizes[term]

    assert size(ANY_CHARACTER) == 0x110000 - 0x800
    assert size(code_points([(0xD800, 0xDFFF)])) == 0
    assert code_points([(0xD800, 0xDFFF)]) is EMPTY
    assert code_points([]) is EMPTY


@checked(300)
@given(st.binary(max_size=8))
def test_text_is_what_decodes(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        assert not accepts(TEXT, data)
    else:
        assert accepts(TEXT, data)


@checked(200)
@given(st.text(max_size=8), st.integers(0, 7))
def test_text_cut_inside_a_character_is_alive(text: str, cut: int) -> None:
    state = TEXT
    for byte in text.encode()[: max(0, len(text.encode()) - cut)]:
        state = derive(state, byte)
        assert state is not EMPTY


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf0\x80\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5",
        b"\x80",
        b"\xff",
    ],
)
def test_what_is_no_utf8(data: bytes) -> None:
    assert not accepts(TEXT, data)
    assert not accepts(ANY_CHARACTER, data)


def test_small_and_shared() -> None:
    assert ANY_CHARACTER.flags & PREFIX_FREE
    assert code_points([(0x61, 0x63), (0x62, 0x7A)]) is byte_set(sum(1 << b for b in range(0x61, 0x7B)))
    assert code_points([(0xE9, 0xE9)]) is literal("é".encode())
    many = code_points([(p, p) for p in range(0x4E00, 0x9FFF, 2)])
    assert len({t for _, t in transitions(many)}) <= 16
