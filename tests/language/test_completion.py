"""Shortest members, emptiness and length bounds against explicit sets of words."""

from __future__ import annotations

import pytest
from hypothesis import assume, given

from language.set_semantics import (
    AB,
    ABC,
    Expression,
    Nesting,
    Rule,
    accepts,
    checked,
    expressions,
    mask_of,
    rules,
    words_up_to,
)
from relark import clear_caches
from relark.language import (
    ALL,
    EMPTY,
    EPSILON,
    FULL,
    Completions,
    Term,
    byte_set,
    code_points,
    complement,
    completion,
    concat,
    derive,
    intersection,
    is_empty,
    leaf,
    literal,
    lower_bound,
    one_of,
    ref,
    repeat,
    shortest,
    union,
)
from relark.language.completion import NONE

LENGTH = 5
A, B, C = (byte_set(1 << b) for b in ABC)


@checked(500)
@given(expressions())
def test_shortest_and_is_empty(expression: Expression) -> None:
    term = expression.term()
    words = expression.words(ABC, LENGTH)
    unfinished = completion.unfinished_searches
    found = shortest(term)
    assert is_empty(term) == (found is None)
    assert completion.unfinished_searches == unfinished
    if found is None:
        assert not words
        assert lower_bound(term) >= 0
    else:
        assert expression.holds(found)
        assert not words or len(found) <= min(map(len, words))
        assert lower_bound(term) <= len(found)
    assert term is EMPTY or lower_bound(term) < NONE or found is None


@checked(200)
@given(expressions(AB, depth=4))
def test_emptiness_before_shortest(expression: Expression) -> None:
    """Emptiness asked first, with nothing remembered: its search is another one."""
    term = intersection(expression.term(), complement(byte_set(1)))
    empty = is_empty(term)
    clear_caches()
    assert empty == (shortest(term) is None)
    assert not (empty and expression.words(AB, 6))


@checked(150)
@given(expressions(boolean=False, leaves=False))
def test_lower_bound_is_exact_for_plain_terms(expression: Expression) -> None:
    term = expression.term()
    found = shortest(term)
    assert lower_bound(term) == (NONE if found is None else len(found))


@checked(150)
@given(rules())
def test_recursive_rules(rule: Rule) -> None:
    term = rule.term()
    words = rule.words(ABC, LENGTH)
    found = shortest(term)
    assert found is not None
    assert accepts(term, found)
    assert not words or len(found) == min(map(len, words))
    assert lower_bound(term) <= len(found)
    after = derive(term, ABC[0])
    if after is not EMPTY:
        rest = shortest(after)
        suffixes = [w[1:] for w in words if w[:1] == b"a"]
        if suffixes:
            assert rest is not None
            assert len(rest) <= min(map(len, suffixes))
            assert accepts(after, rest)


@checked(80)
@given(rules(AB), expressions(AB, leaves=False, depth=2))
def test_recursive_rules_in_intersections(rule: Rule, other: Expression) -> None:
    """A search through endlessly many states may run out; what it answers is right, or 'not empty'."""
    limit = completion.SEARCH_LIMIT
    completion.SEARCH_LIMIT = 300
    try:
        term = intersection(rule.term(), other.term())
        before = completion.unfinished_searches
        words = rule.words(AB, 6) & other.words(AB, 6)
        empty = is_empty(term)
        assert not (empty and words)
        found = shortest(term)
        if found is not None:
            assert accepts(term, found)
            assert not empty
            if completion.unfinished_searches == before and words:
                assert len(found) <= min(map(len, words))
        elif completion.unfinished_searches == before:
            assert not words
    finally:
        completion.SEARCH_LIMIT = limit


@checked(300)
@given(expressions())
def test_an_alphabet_restricts_the_answer(expression: Expression) -> None:
    term = expression.term()
    for alphabet in (b"ab", b"c", b""):
        found = Completions(mask_of(alphabet)).shortest(term)
        words = expression.words(alphabet, LENGTH)
        if found is None:
            assert not words
        else:
            assert set(found) <= set(alphabet)
            assert expression.holds(found)
            assert not words or len(found) == min(map(len, words))


def reached(term: Term, steps: int, alphabet: bytes) -> list[Term]:
    """The live derivatives of a term by up to ``steps`` bytes, at least one."""
    states: dict[Term, None] = {}
    level = [term]
    for _ in range(steps):
        level = list({after: None for s in level for b in alphabet if not is_empty(after := derive(s, b))})
        states.update(dict.fromkeys(level))
    return list(states)


@checked(300)
@given(expressions())
def test_bounds_are_upper_bounds(expression: Expression) -> None:
    term = expression.term()
    assume(not is_empty(term))
    for alphabet, within in ((FULL, None), (mask_of(AB), None), (mask_of(AB), 2), (FULL, 1)):
        completions = Completions(alphabet, within)
        length, rest = completions.bounds(term)
        found = completions.shortest(term)
        if length < NONE:
            assert found is not None
            assert len(found) <= length
        if rest < NONE:
            for state in reached(term, within or 2, ABC if within is None else AB):
                completed = completions.shortest(state)
                assert completed is not None
                assert len(completed) <= rest


def test_bounds_of_what_masks_ask_for() -> None:
    """Plain regular terms and choices have finite bounds, without a search."""
    completions = Completions()
    assert completions.bounds(literal(b"abc")) == (3, 2)
    assert completions.bounds(repeat(A, 0, None)) == (0, 0)
    assert completions.bounds(concat(repeat(union(A, literal(b"bcc")), 2, 5), C)) <= (7, 7)
    assert completions.bounds(one_of([b"ab", b"abcd"])) == (2, 4)
    assert completions.bounds(code_points([(0, 0x10FFFF)]))[1] == 3
    assert Completions(mask_of(b"ab")).bounds(C) == (NONE, 0)


# --- named cases ----------------------------------------------------------------------------------


def test_people_like_letters() -> None:
    assert shortest(byte_set(FULL)) == b"a"
    assert shortest(byte_set(mask_of(b"\x00\x80Z~"))) == b"Z"
    assert shortest(byte_set(mask_of(b"\x00\x80"))) == b"\x00"


def test_the_same_answer_each_time() -> None:
    term = intersection(repeat(union(A, B), 2, 4), complement(concat(ALL, A)))
    first = shortest(term)
    clear_caches()
    assert shortest(term) == first


def test_shortest_of_huge_counters() -> None:
    assert shortest(repeat(A, 100_000, None)) == b"a" * 100_000
    assert shortest(repeat(literal(b"ab"), 50_000, 70_000)) == b"ab" * 50_000
    assert shortest(repeat(union(A, B), 0, 100_000)) == b""
    assert lower_bound(concat(repeat(A, 10**9, None), B)) == 10**9 + 1
    found = shortest(intersection(repeat(A, 300, None), repeat(literal(b"aa"), 0, None)))
    assert found == b"a" * 300


def test_empty_intersections_are_found() -> None:
    even, odd = repeat(literal(b"aa"), 0, None), concat(A, repeat(literal(b"aa"), 0, None))
    assert is_empty(intersection(even, odd))
    assert shortest(intersection(even, odd)) is None
    assert not is_empty(intersection(even, repeat(A, 3, None)))
    assert shortest(intersection(even, repeat(A, 3, None))) == b"aaaa"
    three = repeat(literal(b"aaa"), 1, None)
    assert shortest(intersection(repeat(literal(b"aa"), 1, None), three)) == b"a" * 6
    assert is_empty(intersection(concat(ALL, A), concat(ALL, B)))
    assert is_empty(concat(B, intersection(even, odd), A))
    assert is_empty(repeat(intersection(even, odd), 1, 5))
    assert not is_empty(repeat(intersection(even, odd), 0, 5))
    assert shortest(union(intersection(even, odd), C)) == b"c"


def test_not_even_the_whole_text() -> None:
    assert is_empty(intersection(complement(ALL), A))
    assert shortest(complement(EPSILON)) == b"a"
    assert shortest(complement(repeat(byte_set(FULL), 0, 3))) == b"aaaa"
    assert shortest(complement(EMPTY)) == b""


@pytest.mark.parametrize("lazy", [False, True])
def test_an_endless_search_stops(lazy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deeper and deeper, never the end: the state counts as alive, and the event is counted."""
    monkeypatch.setattr(completion, "SEARCH_LIMIT", 200)
    endless = leaf(Nesting(3, lazy=lazy, deepest=1 << 60))
    term = intersection(endless, concat(A, repeat(union(A, B), 0, None), literal(b"ac")))
    before = completion.unfinished_searches
    assert not is_empty(term)
    assert shortest(term) is None
    assert completion.unfinished_searches > before


def test_rules_that_need_the_fixpoint() -> None:
    """The shortest member never unfolds a rule inside itself."""
    nest = ref("nest", lambda: union(concat(A, nest, nest), concat(B, C, C, C)), nullable=False)
    assert shortest(nest) == b"bccc"
    assert shortest(concat(nest, nest)) == b"bccc" * 2
    first = ref("first", lambda: union(concat(A, second), literal(b"bbbbbb")), nullable=False)
    second = ref("second", lambda: union(concat(A, first, first), C), nullable=False)
    assert shortest(first) == b"ac"
    assert shortest(second) == b"c"
    assert Completions(mask_of(AB)).shortest(second) == b"a" + b"b" * 12


def test_shortest_over_all_short_words() -> None:
    """Among the words of one length any may be the answer, but it is one of them."""
    for word in words_up_to(AB, 5):
        assert shortest(literal(word)) == word
    assert shortest(EPSILON) == b""
