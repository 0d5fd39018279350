"""Lookarounds, anchors and atomic groups against the ``regex`` module and a plain backtracking search."""

from __future__ import annotations

import pytest
import regex as regex_module
from hypothesis import given
from hypothesis import strategies as st

from language.regexes import (
    ALPHABET,
    ANCHORS,
    NEWLINE,
    Alt,
    Anchor,
    Atom,
    Char,
    Look,
    Regex,
    Rep,
    Seq,
    Shape,
    regexes,
)
from language.set_semantics import Words, accepts, checked, joined, members, repeated, words_up_to
from relark.language import (
    ALL,
    EMPTY,
    EPSILON,
    FULL,
    Term,
    ahead,
    atomic,
    behind,
    byte_set,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    leaf,
    literal,
    ordered_alt,
    ordered_repeat,
    ordered_seq,
    ordered_unit,
    repeat,
    scope,
    shortest,
    transitions,
    union,
)
from relark.language.derivative import derive_by_definition
from relark.language.terms import LAZY

LENGTH = 5
WORDS = words_up_to(ALPHABET, LENGTH)
A, B = byte_set(1 << 0x61), byte_set(1 << 0x62)


def matched(pattern: str, words: tuple[bytes, ...] = WORDS) -> Words:
    """What the regex module says."""
    compiled = regex_module.compile(pattern)
    return frozenset(w for w in words if compiled.fullmatch(w.decode()))


def searched(regex: Regex, length: int = LENGTH) -> Words:
    """What the plain search says."""
    return frozenset(w for w in words_up_to(ALPHABET, length) if regex.holds(w))


# --- random regexes -------------------------------------------------------------------------------


@checked(1200)
@given(regexes(Shape()))
def test_lookarounds_as_the_regex_module_has_them(regex: Regex) -> None:
    assert members(regex.closed(), ALPHABET, LENGTH) == matched(regex.pattern())


@checked(500)
@given(regexes(Shape(depth=5)))
def test_deeply_nested_lookarounds_as_the_regex_module_has_them(regex: Regex) -> None:
    assert members(regex.closed(), ALPHABET, LENGTH) == matched(regex.pattern())


@checked(600)
@given(regexes(Shape(zero_width=False, atoms=True)))
def test_atomic_groups_as_the_regex_module_has_them(regex: Regex) -> None:
    assert members(regex.closed(), ALPHABET, LENGTH) == matched(regex.pattern())


@checked(600)
@given(regexes(Shape(atoms=True)))
def test_lookarounds_with_atomic_groups_as_the_regex_module_has_them(regex: Regex) -> None:
    assert members(regex.closed(), ALPHABET, LENGTH) == matched(regex.pattern())


@checked(120)
@given(regexes(Shape()))
def test_on_longer_words(regex: Regex) -> None:
    words = words_up_to(ALPHABET, 7)
    assert members(regex.closed(), ALPHABET, 7) == matched(regex.pattern(), words)


@checked(200)
@given(regexes(Shape(atoms=True, atoms_behind=True)))
def test_as_the_plain_search_has_them(regex: Regex) -> None:
    assert members(regex.closed(), ALPHABET, 4) == searched(regex, 4)


# --- inside the algebra ---------------------------------------------------------------------------


@checked(150)
@given(regexes(Shape(depth=2, atoms=True)), regexes(Shape(depth=2)), st.sampled_from("+&~|*"))
def test_a_scope_is_a_plain_language(first: Regex, second: Regex, operator: str) -> None:
    """Scopes do not see each other: they combine as the sets of words that they are."""
    x, y = first.closed(), second.closed()
    xs, ys = matched(first.pattern(), words_up_to(ALPHABET, 4)), matched(second.pattern(), words_up_to(ALPHABET, 4))
    everything = frozenset(words_up_to(ALPHABET, 4))
    combined, expected = {
        "+": lambda: (concat(x, y), joined(xs, ys, 4)),
        "&": lambda: (intersection(x, y), xs & ys),
        "~": lambda: (intersection(complement(x), y), (everything - xs) & ys),
        "|": lambda: (union(x, y, concat(x, x)), xs | ys | joined(xs, xs, 4)),
        "*": lambda: (repeat(x, 1, 3), repeated(xs, 1, 3, 4)),
    }[operator]()
    assert members(combined, ALPHABET, 4) == expected


@checked(150)
@given(regexes(Shape(depth=2)), regexes(Shape(depth=2)), st.booleans(), st.booleans())
def test_a_scope_inside_a_scope(inner: Regex, outer: Regex, back: bool, negative: bool) -> None:
    """A closed regex within another one's lookaround still ends where it began to look."""
    language = inner.closed()
    part = behind(concat(ALL, language), negative) if back else ahead(concat(language, ALL), negative)
    words = frozenset(w for w in words_up_to(ALPHABET, 4) if inner.holds(w))

    class Closed(Regex):
        def term(self) -> Term:
            return part

        def ends(self, word: bytes, i: int):  # type: ignore[no-untyped-def]
            pieces = (word[j:i] for j in range(i + 1)) if back else (word[i:j] for j in range(i, len(word) + 1))
            if any(piece in words for piece in pieces) is not negative:
                yield i

    whole = Seq((Rep(Char(b"ab"), 0, 2, False), Closed(), outer))
    assert members(whole.closed(), ALPHABET, 4) == searched(whole, 4)


@checked(200)
@given(regexes(Shape(atoms=True)))
def test_emptiness_and_shortest_of_scopes(regex: Regex) -> None:
    term = regex.closed()
    words = matched(regex.pattern())
    found = shortest(term)
    assert is_empty(term) == (found is None)
    if found is None:
        assert not words
    else:
        assert accepts(term, found)
        assert not words or len(found) <= min(map(len, words))
        if not (set(found) - set(ALPHABET)):
            assert regex_module.fullmatch(regex.pattern(), found.decode())


@checked(200)
@given(regexes(Shape(atoms=True)), st.binary(max_size=4))
def test_the_linear_form_of_a_scope_agrees_with_single_bytes(regex: Regex, prefix: bytes) -> None:
    term = regex.closed()
    for byte in prefix:
        term = derive(term, ALPHABET[byte % 3])
    covered = 0
    for mask, target in transitions(term):
        assert not mask & covered
        covered |= mask
        bits = [b for b in range(256) if mask >> b & 1]
        for b in (bits[0], bits[-1], bits[len(bits) // 2]):
            assert members(derive_by_definition(term, b), ALPHABET, 3) == members(target, ALPHABET, 3)
    assert not any(
        members(derive_by_definition(term, b), ALPHABET, 2) for b in (*ALPHABET, 0xFF) if not covered >> b & 1
    )


# --- named cases ----------------------------------------------------------------------------------


CASES: list[Regex] = [
    # a lookbehind inside a lookahead that looks back to before the lookahead, and the reverse
    Seq(
        (
            Char(b"a"),
            Look(Seq((Char(b"b"), Look(Seq((Char(b"a"), Char(b"b"))), True, False))), False, False),
            Char(b"b"),
        )
    ),
    Seq(
        (
            Char(b"a"),
            Look(Seq((Char(b"a"), Look(Char(b"b"), False, False))), True, False),
            Rep(Char(b"b"), 0, None, False),
        )
    ),
    Seq(
        (
            Char(b"a"),
            Look(Seq((Char(b"a"), Look(Char(b"b"), False, True))), True, True),
            Rep(Char(b"b"), 0, None, False),
        )
    ),
    # an iteration that may match nothing where it is due
    Rep(Alt((Seq((Char(b"\n"), Char(ALPHABET))), Look(Char(b"a"), True, False))), 3, 3, True),
    Rep(Alt((Look(Char(b"a"), False, False), Char(b"b"))), 2, 3, False),
    Rep(Seq((Look(Char(b"a"), False, False), Rep(Char(b"ab"), 0, 1, False))), 2, None, False),
    Rep(Seq((Rep(Char(b"a"), 0, 1, False), Look(Char(b"b"), True, True))), 1, 4, False),
    # zero-width parts alone, repeated
    Rep(Look(Char(b"a"), False, False), 0, None, False),
    Rep(Look(Char(b"a"), False, True), 5, 9, False),
    Rep(Anchor(r"\b"), 2, 2, False),
    # anchors away from the ends
    Rep(
        Seq((Anchor("(?m:^)"), Rep(Char(b"ab"), 1, None, True), Anchor("(?m:$)"), Rep(Char(b"\n"), 0, 1, False))),
        1,
        None,
        False,
    ),
    Rep(
        Seq((Anchor(r"\b"), Rep(Char(b"ab"), 1, None, False), Anchor(r"\b"), Rep(Char(b"\n"), 0, 1, False))),
        0,
        None,
        False,
    ),
    Seq((Rep(Char(b"ab\n"), 0, None, False), Anchor("$"), Rep(Char(b"\n"), 0, 1, False))),
    Seq((Rep(Char(b"a"), 0, None, False), Anchor(r"\A"), Rep(Char(b"b"), 0, None, False), Anchor(r"\Z"))),
    Seq((Look(Anchor(r"\A"), True, True), Char(b"a"))),
    # the preferred match is taken, whatever follows
    Seq((Atom(Alt((Char(b"a"), Seq((Char(b"a"), Char(b"b")))))), Char(b"b"))),
    Seq((Atom(Alt((Seq((Char(b"a"), Char(b"b"))), Char(b"a")))), Char(b"b"))),
    Seq((Atom(Rep(Char(b"ab"), 0, None, False)), Char(b"b"))),
    Seq((Atom(Rep(Char(b"ab"), 1, 2, True)), Char(b"b"))),
    Rep(Atom(Alt((Seq(()), Char(b"a")))), 0, None, False),
    Seq((Atom(Rep(Rep(Char(b"a"), 0, 1, False), 2, 3, True)), Char(b"b"))),
    Seq((Look(Atom(Rep(Char(b"a"), 0, None, False)), False, False), Rep(Char(b"ab"), 0, None, False))),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.pattern())
def test_named_cases(case: Regex) -> None:
    found = members(case.closed(), ALPHABET, 6)
    assert found == matched(case.pattern(), words_up_to(ALPHABET, 6))
    assert found == searched(case, 6)


def test_an_atomic_group_in_a_lookbehind_prefers_from_the_left() -> None:
    """Where `atomic` and the regex module differ: that one matches a lookbehind from right to left, so its group
    prefers among the beginnings of the match, not among the ends.  The front-end must not hand such a pattern to
    `atomic` as it stands.
    """
    case = Seq(
        (
            Rep(Char(b"ab"), 0, None, False),
            Look(Seq((Char(b"a"), Atom(Alt((Char(b"b"), Seq((Char(b"b"), Char(b"b")))))))), True, False),
        )
    )
    assert members(case.closed(), ALPHABET, 4) == searched(case, 4)
    both = Seq(
        (
            Char(b"a"),
            Char(b"b"),
            Look(Seq((Char(b"a"), Atom(Alt((Char(b"b"), Seq((Char(b"a"), Char(b"b")))))))), True, False),
        )
    )
    assert accepts(both.closed(), b"ab")
    assert regex_module.fullmatch(both.pattern(), "ab")
    greedy = Seq(
        (Char(b"a"), Char(b"b"), Look(Seq((Char(b"ab"), Atom(Rep(Char(b"ab"), 0, None, False)))), True, False))
    )
    assert accepts(greedy.closed(), b"ab")  # a, then the group takes b
    # the group takes ab from the right; nothing is left for [ab]
    assert not regex_module.fullmatch(greedy.pattern(), "ab")


def test_what_needs_no_scope_has_none() -> None:
    plain = concat(A, repeat(B, 0, 3))
    assert scope(plain) is plain
    assert scope(EMPTY) is EMPTY
    assert scope(EPSILON) is EPSILON
    assert scope(scope(concat(A, ANCHORS[r"\b"], B))) is scope(concat(A, ANCHORS[r"\b"], B))


def test_constant_lookarounds() -> None:
    assert ahead(ALL) is EPSILON
    assert ahead(ALL, True) is EMPTY
    assert ahead(EMPTY) is EMPTY
    assert ahead(EMPTY, True) is EPSILON
    assert behind(ALL) is EPSILON
    assert behind(ALL, True) is EMPTY
    assert behind(EMPTY) is EMPTY
    assert behind(EMPTY, True) is EPSILON
    assert scope(concat(A, ahead(concat(B, ALL)))) is EMPTY or is_empty(scope(concat(A, ahead(concat(B, ALL)))))
    assert scope(concat(ahead(EPSILON), A)) is EMPTY
    assert scope(ahead(EPSILON)) is EPSILON
    assert scope(behind(EPSILON)) is EPSILON
    assert scope(behind(A)) is EMPTY


def test_conditions_on_what_follows_become_intersections() -> None:
    """No scope is left where lookaheads stand before or between plain parts."""
    line = repeat(byte_set(FULL & ~(1 << 10)), 0, None)
    assert scope(concat(ahead(concat(A, ALL)), line)) is intersection(concat(A, ALL), line)
    assert scope(concat(ahead(concat(A, ALL), True), line)) is intersection(complement(concat(A, ALL)), line)
    assert scope(concat(B, ahead(concat(A, ALL)), line)) is concat(B, intersection(concat(A, ALL), line))


def test_zero_width_parts_have_no_derivative_of_their_own() -> None:
    with pytest.raises(TypeError, match="outside a scope"):
        derive_by_definition(ahead(A), 0x61)
    with pytest.raises(TypeError, match="outside a scope"):
        transitions(behind(A))


def test_password_rules() -> None:
    """Several lookaheads at the start: the classical use."""
    letter, digit = byte_set(sum(1 << b for b in b"abcxyz")), byte_set(sum(1 << b for b in b"0123456789"))
    term = scope(
        concat(
            ahead(concat(repeat(union(letter, digit), 0, None), digit, ALL)),
            ahead(concat(repeat(union(letter, digit), 0, None), letter, ALL)),
            ahead(concat(ALL, literal(b"aa"), ALL), True),
            repeat(union(letter, digit), 4, 8),
        )
    )
    pattern = regex_module.compile(r"(?=[a-cx-z0-9]*[0-9])(?=[a-cx-z0-9]*[a-cx-z])(?!.*aa)[a-cx-z0-9]{4,8}")
    for word in (b"a1b2", b"aa12", b"1234", b"abcd", b"a1", b"x9y8z7a6", b"x9y8z7a6b", b"1aa1", b"1a1a1a"):
        assert accepts(term, word) == bool(pattern.fullmatch(word.decode()))
    found = shortest(term)
    assert found is not None
    assert len(found) == 4
    assert pattern.fullmatch(found.decode())


def test_word_boundaries_in_a_long_text() -> None:
    words = scope(repeat(union(concat(ANCHORS[r"\b"], repeat(A, 1, None), ANCHORS[r"\b"]), NEWLINE), 0, None))
    state, seen = words, set()
    for byte in b"aaa\naa\n" * 200:
        state = derive(state, byte)
        seen.add(state)
    assert len(seen) < 6  # states come back: nothing piles up
    assert state.nullable


def test_ordered_parts() -> None:
    """Possessive and lazy quantifiers, built by hand."""
    a, b = ordered_unit(A), ordered_unit(B)
    possessive = scope(concat(atomic(ordered_repeat(ordered_alt(a, b), 0, None)), A))
    assert is_empty(possessive)
    lazy = scope(concat(atomic(ordered_repeat(a, 1, None, greedy=False)), repeat(A, 0, None)))
    assert members(lazy, ALPHABET, 3) == {b"a", b"aa", b"aaa"}
    first = scope(concat(atomic(ordered_alt(ordered_seq(a, b), a)), union(B, A)))
    assert members(first, ALPHABET, 3) == {b"aa", b"aba", b"abb"}
    assert members(scope(atomic(ordered_unit(EPSILON))), ALPHABET, 2) == {b""}
    assert is_empty(scope(atomic(ordered_unit(EMPTY))))
    assert scope(atomic(ordered_alt(ordered_unit(EMPTY), a))) is not EMPTY


def test_a_lazy_leaf_beside_lookarounds() -> None:
    from language.set_semantics import Nesting

    nested = leaf(Nesting(1, lazy=True))
    term = scope(concat(ahead(concat(ALL, B), False), nested, ANCHORS[r"\b"]))
    assert term.flags & LAZY
    for word in words_up_to(b"ab", 6):
        depth = 1
        alive = True
        for byte in word:
            depth += 1 if byte == 0x61 else -1
            alive = alive and 0 <= depth <= 2
        expected = alive and depth == 0 and word.endswith(b"b")
        assert accepts(term, word) == expected
