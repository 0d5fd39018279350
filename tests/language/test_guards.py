"""Guards: what may not follow a match, settled by one byte.  The reference matches texts position by position."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relark import clear_caches
from relark.language import (
    ALL,
    EMPTY,
    EPSILON,
    Completions,
    Term,
    byte_set,
    complement,
    concat,
    derive,
    guard,
    intersection,
    is_empty,
    literal,
    ref,
    repeat,
    sealed,
    shortest,
    transitions,
    union,
)
from relark.language.derivative import derive_by_definition, step
from relark.language.terms import CHECK, GUARD, LAZY

A, B, C = (byte_set(1 << b) for b in b"abc")
TEXTS = [bytes(t) for n in range(5) for t in itertools.product(b"abc", repeat=n)]

Ends = Callable[[bytes, int], "set[int]"]


@dataclass(frozen=True)
class Sample:
    """A term, and where a match of it that begins at a position of a text may end."""

    term: Term
    ends: Ends


def mask_of(data: bytes) -> int:
    return sum(1 << b for b in set(data))


def a_set(data: bytes) -> Sample:
    return Sample(byte_set(mask_of(data)), lambda text, i: {i + 1} if text[i : i + 1] and text[i] in data else set())


def a_guard(data: bytes) -> Sample:
    return Sample(guard(mask_of(data)), lambda text, i: set() if text[i : i + 1] and text[i] in data else {i})


def a_sequence(first: Sample, second: Sample) -> Sample:
    return Sample(
        concat(first.term, second.term),
        lambda text, i: {end for middle in first.ends(text, i) for end in second.ends(text, middle)},
    )


def a_choice(first: Sample, second: Sample) -> Sample:
    return Sample(union(first.term, second.term), lambda text, i: first.ends(text, i) | second.ends(text, i))


def a_loop(part: Sample, most: int | None) -> Sample:
    """As many times as there is something to read; guards are asked each time."""

    def ends(text: bytes, i: int) -> set[int]:
        found = fresh = {i}
        for _ in range(len(text) + 1 if most is None else most):
            fresh = {end for at in fresh for end in part.ends(text, at)} - found
            found = found | fresh
        return found

    return Sample(repeat(part.term, 0, most), ends)


some_bytes = st.sampled_from([b"a", b"b", b"c", b"ab", b"bc", b"abc"])
samples = st.recursive(
    st.one_of(some_bytes.map(a_set), some_bytes.map(a_guard)),
    lambda inner: st.one_of(
        st.builds(a_sequence, inner, inner),
        st.builds(a_sequence, inner, inner),
        st.builds(a_choice, inner, inner),
        st.builds(a_loop, inner, st.sampled_from([1, None])),
    ),
    max_leaves=9,
)


def after(term: Term, text: bytes) -> Term:
    for byte in text:
        term = derive(term, byte)
    return term


def accepted(sample: Sample) -> Iterator[bytes]:
    return (text for text in TEXTS if len(text) in sample.ends(text, 0))


@given(samples)
def test_a_text_matches_where_the_reference_says_so(sample: Sample) -> None:
    expected = set(accepted(sample))
    assert {text for text in TEXTS if after(sample.term, text).nullable} == expected
    assert {text for text in TEXTS if after(sealed(sample.term), text).nullable} == expected


@given(samples)
def test_all_ways_of_deriving_agree(sample: Sample) -> None:
    forms = dict.fromkeys(b"abc", EMPTY)
    for mask, target in transitions(sample.term):
        forms.update((byte, target) for byte in forms if mask >> byte & 1)
    clear_caches()  # of linear forms, which a step would use
    for byte, target in forms.items():
        other = derive_by_definition(sample.term, byte)
        expected = [after(other, t).nullable for t in TEXTS]
        assert [after(target, t).nullable for t in TEXTS] == expected
        mask, stepped = step(sample.term, byte)
        assert mask >> byte & 1
        for alike in forms:
            if mask >> alike & 1:
                other = derive_by_definition(sample.term, alike)
                assert [after(other, t).nullable for t in TEXTS] == expected
        assert [after(stepped, t).nullable for t in TEXTS] == expected


@given(samples)
def test_the_shortest_member_heeds_guards(sample: Sample) -> None:
    expected = next(accepted(sample), None)
    found = shortest(sample.term)
    if expected is not None:
        assert found is not None
        assert len(found) == len(expected)
    if found is not None:
        assert after(sample.term, found).nullable
    for byte in b"abc":
        state = derive(sample.term, byte)
        rest = shortest(state)
        if rest is not None:
            assert len(rest) in sample_ends_after(sample, byte, rest)


def sample_ends_after(sample: Sample, byte: int, rest: bytes) -> set[int]:
    return {end - 1 for end in sample.ends(bytes([byte]) + rest, 0)}


@given(samples, samples)
def test_sealed_terms_combine_as_sets(first: Sample, second: Sample) -> None:
    one, two = set(accepted(first)), set(accepted(second))
    both = intersection(sealed(first.term), complement(sealed(second.term)))
    assert {text for text in TEXTS if after(both, text).nullable} == one - two
    joined = concat(sealed(first.term), sealed(second.term))
    expected = {x + y for x in one for y in two if len(x + y) <= 4}
    assert {text for text in TEXTS if after(joined, text).nullable} == expected


def test_guards_are_settled_where_they_stand() -> None:
    name = concat(repeat(A, 1, None), guard(mask_of(b"a")))
    assert concat(name, B) is concat(repeat(A, 1, None), B)
    assert concat(name, A) is EMPTY
    assert concat(guard(1), guard(2)) is guard(3)
    assert union(guard(3), guard(5)) is guard(1)
    assert union(guard(1), guard(2)) is EPSILON
    assert union(EPSILON, guard(1)) is EPSILON
    assert repeat(guard(1), 0, None) is EPSILON
    assert guard(0) is EPSILON
    assert derive(guard(1), ord("a")) is EMPTY
    assert not concat(name, union(A, B)).flags & (CHECK | LAZY)


def test_what_follows_is_seen_through_rules() -> None:
    name = concat(repeat(A, 1, None), guard(mask_of(b"a")))

    def texts(alphabet: int, forbidden: int) -> dict[int, bytes]:
        return {} if forbidden & mask_of(b"a") else {mask_of(b"a"): b"a"}

    rule = ref("name", lambda: name, nullable=False, check=False, first=mask_of(b"a"), texts=texts)
    assert rule.flags & GUARD
    blank = literal(b" ")
    either = concat(rule, union(concat(rule, B), concat(blank, rule)))
    assert shortest(either) == b"a a"
    assert is_empty(derive(concat(rule, rule), ord("a"))) or derive(concat(rule, rule), ord("a")) is EMPTY
    assert Completions(mask_of(b"a ")).shortest(either) == b"a a"
    assert Completions(mask_of(b"a")).shortest(either) is None


def test_an_alphabet_that_a_guard_leaves_nothing_of_does_not_spell_a_term() -> None:
    name = concat(repeat(byte_set(mask_of(b"ab")), 1, None), guard(mask_of(b"ab")))
    term = concat(repeat(name, 0, 1), byte_set(mask_of(b"bB")))
    assert Completions(mask_of(b"abB")).spells(term)
    assert not Completions(mask_of(b"ab")).spells(term)
    assert Completions(mask_of(b"ab")).shortest(derive(term, ord("a"))) is None


@pytest.mark.parametrize("depth", [10, 3000])
def test_long_spines_are_completed_without_recursion(depth: int) -> None:
    name = concat(repeat(A, 1, None), guard(mask_of(b"a")))
    term = concat(*[part for i in range(depth) for part in (name, B if i % 2 else C)])
    assert shortest(term) == b"acab" * (depth // 2)
    assert shortest(concat(term, ALL)) == b"acab" * (depth // 2)
