"""Finite sets of texts: exactly their members, however many."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.set_semantics import ABC, accepts, checked, mask_of, members
from relark.language import (
    EMPTY,
    EPSILON,
    Completions,
    Term,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    literal,
    lower_bound,
    one_of,
    shortest,
    transitions,
    union,
)
from relark.language.terms import CHECK, PREFIX_FREE
from timing import timed

texts = st.lists(st.one_of(st.text("abc", max_size=4).map(str.encode), st.binary(max_size=3)), max_size=12)


@checked(300)
@given(texts, st.lists(st.binary(max_size=3), max_size=5))
def test_exactly_the_members(chosen: list[bytes], others: list[bytes]) -> None:
    term = one_of(chosen)
    assert members(term, ABC, 5) == {t for t in chosen if set(t) <= set(ABC)}
    for text in (*chosen, *others):
        assert accepts(term, text) == (text in chosen)
        for cut in range(len(text)):
            assert accepts(term, text[:cut]) == (text[:cut] in chosen)
    plain = union(*map(literal, chosen))
    assert members(plain, ABC, 5) == members(term, ABC, 5)


@checked(200)
@given(texts, st.binary(max_size=2))
def test_what_a_state_knows_of_itself(chosen: list[bytes], prefix: bytes) -> None:
    term = one_of(chosen)
    for byte in prefix:
        term = derive(term, byte)
    rests = {t[len(prefix) :] for t in chosen if t.startswith(prefix)}
    assert (term is EMPTY) == (not rests)
    if rests:
        assert not is_empty(term)
        assert not term.flags & CHECK
        assert term.nullable == (b"" in rests)
        assert lower_bound(term) == min(map(len, rests))
        found = shortest(term)
        assert found in rests
        assert len(found or b"") == min(map(len, rests))
        assert bool(term.flags & PREFIX_FREE) <= (not any(v != w and w.startswith(v) for v in rests for w in rests))
        length, rest = Completions().bounds(term)
        assert length >= min(map(len, rests))
        assert rest >= max(len(r) for r in rests) - 1
        live = 0
        for mask, _ in transitions(term):
            live |= mask
        assert live == mask_of(bytes(r[0] for r in rests if r)) == term.first


@checked(200)
@given(texts)
def test_over_a_smaller_alphabet(chosen: list[bytes]) -> None:
    possible = [t for t in chosen if set(t) <= set(b"ab")]
    found = Completions(mask_of(b"ab")).shortest(one_of(chosen))
    assert (found is None) == (not possible)
    if found is not None:
        assert found in possible
        assert len(found) == min(map(len, possible))


def test_a_hundred_thousand_members() -> None:
    chooser = random.Random(5)
    chosen = {f"{chooser.randrange(10**9)}-{i % 977}".encode() for i in range(100_000)}
    with timed() as building:
        term = one_of(chosen)
    sample = chooser.sample(sorted(chosen), 300)
    with timed() as walking:
        for text in sample:
            assert accepts(term, text)
            assert not accepts(term, text + b"x")
            assert accepts(term, text[:-1]) == (text[:-1] in chosen)
    assert building.seconds < 3
    assert walking.seconds < 3
    assert shortest(term) == min(sorted(chosen), key=len)


def test_in_the_algebra() -> None:
    colours = one_of([b"red", b"green", b"grey", b"gray"])
    assert members(intersection(colours, complement(one_of([b"green", b"blue"]))), b"adegnry", 5) == {
        b"red",
        b"grey",
        b"gray",
    }
    assert members(concat(colours, literal(b"!")), b"adegnry!", 6) == {b"red!", b"green!", b"grey!", b"gray!"}
    assert one_of([b"", b"a"]).nullable
    assert one_of([b"", b""]) is EPSILON


@pytest.mark.parametrize("last", [b"\xff", b"\xfe", b"\x00"])
def test_the_last_byte(last: bytes) -> None:
    """0xFF has no successor to bisect for."""
    chosen = [b"a" + last, b"a" + last + last, b"a\xff\xff", last, b"b"]
    term: Term = one_of(chosen)
    for text in chosen:
        assert accepts(term, text)
    assert not accepts(term, b"a")
    assert accepts(one_of([last, last + b"x", b""]), last)
