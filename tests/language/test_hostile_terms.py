"""Terms made to be slow, deep or large: each derivative takes bounded time, or the term is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relark.constraint import Constraint, schema, text
from relark.errors import UnsupportedError
from relark.language import (
    ALL,
    EMPTY,
    EPSILON,
    Term,
    ahead,
    behind,
    byte_set,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    literal,
    one_of,
    ref,
    repeat,
    scope,
    shortest,
    transitions,
    union,
)
from relark.language.terms import MAX_DEPTH, MAX_START_DEPTH
from timing import timed

A, B, C = (byte_set(1 << b) for b in b"abc")
AB = byte_set(1 << 0x61 | 1 << 0x62)
SECONDS = 1.0  # that one derivative and its emptiness may take; most take milliseconds
LONG = b"abcde" * 10_000
LONGISH = LONG[:10_000]


def optional(term: Term) -> Term:
    return repeat(term, 0, 1)


def ambiguous() -> Term:
    """Two recursive calls, all parts optional: its stacks share their rests, and must not be walked one by one."""
    end = concat(byte_set(1 << 0x78), AB)
    rule = ref(
        "R", lambda: optional(concat(B, rule, optional(concat(B, optional(A))), rule, end)), nullable=True, check=False
    )
    return rule


# name -> (term, a word that stays alive as long as possible)
TERMS: dict[str, tuple[Callable[[], Term], bytes]] = {
    "a{0,100000}": (lambda: repeat(A, 0, 100_000), b"a" * 3000),
    "(x{1,1000}){1,1000}": (lambda: repeat(repeat(AB, 1, 1000), 1, 1000), b"ab" * 1000),
    "((ab?){1,1000}){1,1000}": (lambda: repeat(repeat(concat(A, optional(B)), 1, 1000), 1, 1000), b"ab" * 1000),
    "(a{2,3}b{0,1000}){2,1000}": (lambda: repeat(concat(repeat(A, 2, 3), repeat(B, 0, 1000)), 2, 1000), b"aab" * 300),
    "(a|b)*a(a|b){20}": (lambda: concat(repeat(AB, 0, None), A, repeat(AB, 20, 20)), b"abbab" * 100),
    "(a|b)*a(a|b){100}": (lambda: concat(repeat(AB, 0, None), A, repeat(AB, 100, 100)), b"abbabaaab" * 40),
    "not (a|b)*a(a|b){12}": (
        lambda: intersection(complement(concat(ALL, A, repeat(AB, 12, 12))), repeat(AB, 0, None)),
        b"abbba" * 40,
    ),
    "several counters at once": (
        lambda: intersection(*[repeat(union(A, literal(b"b" * (i + 2))), i, 1000 + i) for i in range(4)]),
        b"a" * 500 + b"bb",
    ),
    "not a counter": (lambda: complement(repeat(AB, 3, 1000)), b"ab" * 500),
    "not one of several counters": (
        lambda: intersection(*[complement(repeat(concat(A, repeat(B, 0, i)), i, 1000 * i)) for i in range(1, 5)]),
        b"ab" * 300,
    ),
    "multiples of 2 and 3, not too few": (
        lambda: intersection(
            repeat(literal(b"aa"), 0, 1000), repeat(literal(b"aaa"), 0, 1000), complement(repeat(A, 0, 50))
        ),
        b"a" * 600,
    ),
    "a literal of 50,000 bytes": (lambda: literal(LONG), LONG),
    "a long literal, but not another": (
        lambda: intersection(
            literal(LONGISH), complement(literal(LONGISH[:9_000])), complement(literal(LONGISH + b"x"))
        ),
        LONGISH[:3000],
    ),
    "long literals with one beginning": (
        lambda: union(*[literal(b"abc" * 2000 + bytes([i]) * 50) for i in range(20)]),
        b"abc" * 2000 + bytes([7]) * 50,
    ),
    "long literals with one end": (
        lambda: union(*[literal(bytes([i]) * 50 + b"abc" * 2000) for i in range(20)]),
        bytes([7]) * 50 + b"abc" * 2000,
    ),
    "literals that begin each other": (lambda: one_of([b"abc" * i + b"x" for i in range(400)]), b"abc" * 399),
    "repeats that begin each other": (
        lambda: union(*[literal(b"a" * i + b"x" * (i + 1)) for i in range(200)]),
        b"a" * 150,
    ),
    "a?{300}a{300}": (lambda: concat(*[optional(A)] * 300, *[A] * 300), b"a" * 500),
    "((a*)*)*b": (lambda: concat(repeat(repeat(repeat(A, 0, None), 0, None), 0, None), B), b"a" * 1000),
    "(a|aa)+b": (lambda: concat(repeat(union(A, concat(A, A)), 1, None), B), b"a" * 1000),
    "(a|ab|b|ba)*c": (
        lambda: concat(repeat(union(A, literal(b"ab"), B, literal(b"ba")), 0, None), C),
        b"ab" * 1000,
    ),
    "((a{1,10}b?){1,10}c?){1,10}": (
        lambda: repeat(concat(repeat(concat(repeat(A, 1, 10), optional(B)), 1, 10), optional(C)), 1, 10),
        b"aab" * 30,
    ),
    "(a{0,300}b{0,300}a{0,300}){0,300}": (
        lambda: repeat(concat(repeat(A, 0, 300), repeat(B, 0, 300), repeat(A, 0, 300)), 0, 300),
        b"aab" * 100,
    ),
    "(a{5,300}|b{7,300}|(ab){3,300}){3,300}": (
        lambda: repeat(union(repeat(A, 5, 300), repeat(B, 7, 300), repeat(literal(b"ab"), 3, 300)), 3, 300),
        b"a" * 300,
    ),
    "a lookahead into a counter": (
        lambda: scope(
            concat(
                ahead(concat(repeat(AB, 0, None), A, repeat(AB, 10, 10))), repeat(concat(A, repeat(B, 0, 2)), 5, 500)
            )
        ),
        b"ab" * 300,
    ),
    "a lookbehind over a counter": (
        lambda: scope(repeat(union(concat(behind(concat(ALL, A, repeat(AB, 5, 10)), True), B), A), 0, None)),
        b"bbba" * 2 + b"a" * 300,
    ),
    "eight letters in any order": (
        lambda: scope(
            concat(
                *[ahead(concat(ALL, byte_set(1 << b), ALL)) for b in b"abcdefgh"],
                repeat(byte_set(sum(1 << b for b in b"abcdefgh")), 8, 64),
            )
        ),
        b"abcdefgh" * 8,
    ),
    "a lookahead in a loop": (
        lambda: scope(repeat(concat(ahead(concat(repeat(AB, 0, 30), C, ALL), True), AB), 0, None)),
        b"ab" * 200,
    ),
    "nested lookbehinds": (
        lambda: nested(lambda t, _: concat(repeat(A, 0, 2), behind(concat(ALL, t))), 100),
        b"ab" * 9,
    ),
    "an ambiguous rule": (ambiguous, b"b" * 60),
}


def nested(grow: Callable[[Term, int], Term], depth: int) -> Term:
    """``grow`` applied until the term is ``depth`` operators deep."""
    term = last = B
    for i in range(10_000):
        last, term = term, grow(term, i)
        if term.depth > depth:
            return scope(last)
    raise AssertionError("it does not grow")


@pytest.mark.parametrize("name", TERMS)
def test_each_derivative_takes_bounded_time(name: str) -> None:
    make, word = TERMS[name]
    term = make()
    state = term
    worst = 0.0
    for byte in word:
        with timed() as watch:
            state = derive(state, byte)
            empty = is_empty(state)
        worst = max(worst, watch.seconds)
        if empty:
            break
    assert worst < SECONDS
    assert state.depth <= 2 * MAX_START_DEPTH
    if name not in ("eight letters in any order", "nested lookbehinds", "an ambiguous rule"):
        assert state is not EMPTY
        assert not is_empty(state)


def test_shortest_of_hostile_terms() -> None:
    assert shortest(repeat(repeat(AB, 1, 1000), 1000, 100_000)) == b"a" * 1000
    assert shortest(literal(LONG)) == LONG
    assert shortest(intersection(literal(LONGISH), complement(literal(LONGISH[:-1])))) == LONGISH
    assert shortest(union(literal(LONGISH), literal(LONGISH[:-2]))) == LONGISH[:-2]
    assert is_empty(intersection(literal(LONGISH), literal(LONGISH[:-1])))
    assert shortest(concat(repeat(AB, 0, None), A, repeat(AB, 20, 20))) == b"a" * 21


def test_long_literals_share_their_beginning_without_recursion() -> None:
    both = union(literal(LONGISH + b"x"), literal(LONGISH + b"yy"), literal(LONGISH))
    state = both
    for byte in LONGISH:
        state = derive(state, byte)
    assert state is union(EPSILON, byte_set(1 << 0x78), literal(b"yy"))
    assert intersection(literal(LONGISH + b"x"), concat(literal(LONGISH), ALL)) is literal(LONGISH + b"x")


# --- depth ----------------------------------------------------------------------------------------

WAYS: dict[str, Callable[[Term, int], Term]] = {
    "repeats": lambda t, i: repeat(concat(t, B), 0, 2 + i),
    "complements after an option": lambda t, i: complement(concat(optional(A), t)),
    "complements": lambda t, i: complement(concat(t, A)),
    "unions": lambda t, i: union(concat(A, t), concat(optional(B), t, C)),
    "intersections": lambda t, i: intersection(concat(repeat(A, 0, 2), t), repeat(union(AB, literal(b"cc")), 0, None)),
    "lookaheads": lambda t, i: concat(repeat(A, 0, 2), ahead(concat(t, ALL))),
    "negative lookaheads": lambda t, i: repeat(union(concat(ahead(concat(t, ALL), True), B), C), 0, None),
    "lookbehinds": lambda t, i: concat(repeat(A, 0, 2), behind(concat(ALL, t))),
}


def below(frames: int, call: Callable[[], Term]) -> Term:
    """``call`` with so many Python frames above it."""
    return call() if frames == 0 else below(frames - 1, call)


@pytest.mark.parametrize("way", WAYS)
def test_the_deepest_terms_have_derivatives(way: str) -> None:
    """A constraint may be MAX_START_DEPTH deep; what is derived from it stays within MAX_DEPTH and Python's stack."""
    # a lookbehind is kept as a condition beside each of its threads: four of Python's frames a level
    term = nested(WAYS[way], MAX_START_DEPTH - (40 if way == "lookbehinds" else 1))
    assert Constraint(term, "deep").term is term
    for word in (b"abababab", b"bbbbbbb", b"aaaaaaaaa", b"cbacba"):
        state = term
        for byte in word:
            state = below(60, lambda state=state, byte=byte: derive(state, byte))  # type: ignore[misc]
            assert state.depth <= MAX_DEPTH
            if is_empty(state):
                break


def test_deeper_terms_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"operators nest \d+ deep, more than the 120"):
        Constraint(nested(WAYS["repeats"], MAX_START_DEPTH + 9), "deep")
    with pytest.raises(UnsupportedError, match="nest more than 240 deep"):
        nested(WAYS["complements"], MAX_DEPTH + 1)


def test_a_stack_that_is_too_small_is_named() -> None:
    """Called from deep inside other code there is not enough of Python's stack: an error says so."""
    term = nested(WAYS["intersections"], MAX_START_DEPTH)
    transitions(derive(term, 0x61))
    deep = nested(lambda t, i: complement(concat(optional(C), optional(A), t)), MAX_START_DEPTH)
    with pytest.raises(UnsupportedError, match="too deep for Python's stack"):
        below(740, lambda: derive(deep, 0x61))
    assert derive(deep, 0x61) is not EMPTY


def test_json_without_a_blank_line() -> None:
    """Endlessly many states of an intersection, each with a short member: nothing is searched for."""
    json = schema({"type": "object", "properties": {"n": {"type": "integer"}}})
    state = (json & ~(text() + "\n\n" + text())).term
    with timed() as watch:
        for byte in b'{"n": 12, "other": [1, {"a": "b"}]':
            state = derive(state, byte)
            assert not is_empty(state)
            transitions(state)
    assert is_empty(derive(derive(state, 0x0A), 0x0A))
    assert watch.seconds < 5
