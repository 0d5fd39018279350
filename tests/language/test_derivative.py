"""Derivatives against explicit sets of words, and the linear forms against the textbook equations."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from language.set_semantics import (
    AB,
    ABC,
    Expression,
    Nesting,
    Rule,
    accepts,
    checked,
    expressions,
    members,
    rules,
    words_up_to,
)
from relark import clear_caches
from relark.language import (
    EMPTY,
    EPSILON,
    FULL,
    Term,
    byte_set,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    leaf,
    literal,
    ref,
    repeat,
    transitions,
    union,
)
from relark.language.derivative import derive_by_definition, step
from relark.language.terms import LAZY

LENGTH = 5


def some_states(term: Term, most: int = 12) -> list[Term]:
    """The term and some of its derivatives, breadth first."""
    found = {term: None}
    work = [term]
    for state in work:
        for b in (*ABC, 0x00):
            after = derive(state, b)
            if after not in found and len(found) < most:
                found[after] = None
                work.append(after)
    return list(found)


@checked(250)
@given(expressions())
def test_membership_is_that_of_the_set(expression: Expression) -> None:
    assert members(expression.term(), ABC, LENGTH) == expression.words(ABC, LENGTH)


@checked(150)
@given(expressions(AB, depth=4))
def test_membership_in_deeper_terms(expression: Expression) -> None:
    assert members(expression.term(), AB, 6) == expression.words(AB, 6)


@checked(100)
@given(rules(boolean=True))
def test_membership_in_recursive_rules(rule: Rule) -> None:
    assert members(rule.term(), ABC, LENGTH) == rule.words(ABC, LENGTH)


@checked(60)
@given(rules(AB), expressions(AB, leaves=False, depth=2), st.sampled_from("&~|+"))
def test_membership_in_combinations_of_recursive_rules(rule: Rule, other: Expression, operator: str) -> None:
    term, words = rule.term(), rule.words(AB, 6)
    match operator:
        case "&":
            assert members(intersection(term, other.term()), AB, 6) == words & other.words(AB, 6)
        case "~":
            assert members(intersection(other.term(), complement(term)), AB, 6) == other.words(AB, 6) - words
        case "|":
            assert members(union(term, other.term()), AB, 6) == words | other.words(AB, 6)
        case "+":
            assert members(concat(other.term(), term), AB, 4) == {
                v + w for v in other.words(AB, 4) for w in words if len(v + w) <= 4
            }


def test_balanced_parentheses() -> None:
    balanced = ref(
        "balanced", lambda: union(EPSILON, concat(literal(b"("), balanced, literal(b")"), balanced)), nullable=True
    )

    def is_balanced(word: bytes) -> bool:
        depth = 0
        for b in word:
            depth += 1 if b == ord("(") else -1
            if depth < 0:
                return False
        return depth == 0

    for word in words_up_to(b"()", 10):
        assert accepts(balanced, word) == is_balanced(word)
    deep = b"(" * 3000 + b")" * 3000
    assert accepts(balanced, deep)
    assert not accepts(balanced, deep + b")")


@checked(200)
@given(expressions())
def test_linear_forms_agree_with_the_equations(expression: Expression) -> None:
    for state in some_states(expression.term()):
        by_definition = [derive_by_definition(state, b) for b in range(256)]
        # The two ways may reach different terms of one language; they are the same where they are compared word by
        # word.
        for b in (*ABC, 0x00, 0xFF):
            found = derive(state, b)
            assert found is by_definition[b] or members(found, ABC, 3) == members(by_definition[b], ABC, 3)
        if state.flags & LAZY:
            continue
        form = transitions(state)
        covered = 0
        for mask, target in form:
            assert target is not EMPTY
            assert mask
            assert not mask & covered
            covered |= mask
            for b in range(256):
                if mask >> b & 1:
                    assert derive(state, b) is target
        assert len({target for _, target in form}) == len(form)
        for b in range(256):
            if not covered >> b & 1:
                assert not members(by_definition[b], ABC, 3)


@checked(200)
@given(expressions())
def test_a_step_agrees_with_the_equations(expression: Expression) -> None:
    for state in some_states(expression.term()):
        if state.flags & LAZY:
            continue
        clear_caches()  # of linear forms, which a step would use
        for b in (*ABC, 0x00, 0xFF):
            mask, target = step(state, b)
            assert mask >> b & 1
            assert 0 < mask <= FULL
            expected = members(derive_by_definition(state, b), ABC, 3)
            assert members(target, ABC, 3) == expected
            for other in ABC:  # the same by all bytes of the class
                if mask >> other & 1:
                    assert members(derive_by_definition(state, other), ABC, 3) == expected


@checked(200)
@given(expressions())
def test_nullable_and_first(expression: Expression) -> None:
    term = expression.term()
    words = expression.words(ABC, LENGTH)
    assert term.nullable == (b"" in words)
    assert all(term.first >> w[0] & 1 for w in words if w)
    assert 0 <= term.first <= FULL


@checked(100)
@given(expressions(), st.binary(max_size=4))
def test_bytes_outside_the_alphabet(expression: Expression, word: bytes) -> None:
    assert accepts(expression.term(), word) == expression.holds(word)


def test_a_rule_with_a_lazy_leaf() -> None:
    """Its maker says so, since nobody can see it without unfolding."""
    nested = leaf(Nesting(1, lazy=True))
    rule = ref("lazy", lambda: concat(nested, union(EPSILON, concat(literal(b"c"), rule))), nullable=False, lazy=True)
    for word, expected in (
        (b"b", True),
        (b"abb", True),
        (b"bcb", True),
        (b"abbcb", True),
        (b"bc", True),
        (b"ab", False),
    ):
        assert accepts(rule, word) == expected
        assert not is_empty(derive(rule, word[0]))


def test_a_bytes_derivative_is_epsilon() -> None:
    assert derive(byte_set(FULL), 0) is EPSILON
    assert derive(repeat(byte_set(1), 0, None), 0) is repeat(byte_set(1), 0, None)
    assert derive(EMPTY, 7) is EMPTY
    assert derive(EPSILON, 7) is EMPTY
