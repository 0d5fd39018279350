"""The smart constructors: the normal form that they promise, and interning."""

from __future__ import annotations

import copy
import gc
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.set_semantics import (
    ABC,
    Expression,
    Letter,
    checked,
    expressions,
    members,
    rules,
    words_up_to,
)
from relark import clear_caches
from relark.errors import UnsupportedError
from relark.language import (
    ALL,
    EMPTY,
    EPSILON,
    FULL,
    TEXT,
    Term,
    byte_set,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    leaf,
    literal,
    one_of,
    ref,
    repeat,
    shortest,
    union,
)
from relark.language import Leaf as LeafProtocol
from relark.language.terms import CHECK, LAZY, MAX_DEPTH, PREFIX_FREE, Complement, Concat, Repeat, Union, interned_count

LENGTH = 4
A, B, C = (byte_set(1 << b) for b in ABC)


def three_terms() -> st.SearchStrategy[tuple[Term, Term, Term]]:
    one = expressions(depth=2).map(lambda e: e.term())
    return st.tuples(one, one, one)


# --- laws that hold as identity -------------------------------------------------------------------


@checked(300)
@given(three_terms())
def test_laws_of_union(terms: tuple[Term, Term, Term]) -> None:
    x, y, _z = terms
    assert union(x, y) is union(y, x)
    assert union(x, x) is x
    assert union(x, EMPTY) is x
    assert union(x, ALL) is ALL
    assert union() is EMPTY
    assert union(x, union(x, y)) is union(union(x, y), y) or members(union(x, union(x, y)), ABC, LENGTH) == members(
        union(x, y), ABC, LENGTH
    )


@checked(300)
@given(three_terms())
def test_laws_of_concatenation(terms: tuple[Term, Term, Term]) -> None:
    x, y, z = terms
    assert concat(x, EPSILON) is x
    assert concat(EPSILON, x) is x
    assert concat(x, EMPTY) is EMPTY
    assert concat(EMPTY, x) is EMPTY
    assert concat() is EPSILON
    assert concat(x, concat(y, z)) is concat(x, y, z)
    assert concat(concat(x, y), z) is concat(x, y, z)


@checked(300)
@given(three_terms())
def test_laws_of_intersection_and_complement(terms: tuple[Term, Term, Term]) -> None:
    x, y, _ = terms
    assert intersection(x, y) is intersection(y, x)
    assert intersection(x, x) is x
    assert intersection(x, ALL) is x
    assert intersection(x, EMPTY) is EMPTY
    assert intersection() is ALL
    assert is_empty(intersection(x, complement(x)))
    assert union(x, complement(x)) is ALL or is_empty(complement(union(x, complement(x))))
    assert members(complement(complement(x)), ABC, 3) == members(x, ABC, 3)
    assert complement(EMPTY) is ALL
    assert complement(ALL) is EMPTY
    assert intersection(x, EPSILON) is (EPSILON if x.nullable else EMPTY)
    assert members(complement(intersection(x, y)), ABC, 3) == members(union(complement(x), complement(y)), ABC, 3)


@checked(300)
@given(expressions(boolean=False), expressions(boolean=False))
def test_laws_of_contradiction(first: Expression, second: Expression) -> None:
    """As identities, where no simplification of another kind comes between."""
    x, y = first.term(), second.term()
    assert complement(complement(x)) is x
    assert intersection(x, complement(x)) is EMPTY
    assert is_empty(complement(union(x, complement(x))))
    both = intersection(x, y)
    assert complement(complement(both)) is both
    assert intersection(both, complement(both)) is EMPTY
    assert is_empty(complement(union(both, complement(both))))
    assert is_empty(intersection(union(x, y), complement(x), complement(y)))


@checked(300)
@given(three_terms())
def test_laws_of_repetition(terms: tuple[Term, Term, Term]) -> None:
    x, _, _ = terms
    assert repeat(x, 1, 1) is x
    assert repeat(x, 0, 0) is EPSILON
    assert repeat(x, 2, 1) is EMPTY
    star = repeat(x, 0, None)
    assert repeat(star, 0, None) is star
    assert repeat(repeat(x, 0, 1), 0, None) is star
    assert concat(star, star) is star
    if not isinstance(x, Repeat):  # (x{2,3})+ is x{2,}
        assert repeat(repeat(x, 1, None), 0, None) is star
    assert repeat(EPSILON, 3, 7) is EPSILON
    assert repeat(EMPTY, 0, 7) is EPSILON
    assert repeat(EMPTY, 1, 7) is EMPTY


def test_named_simplifications() -> None:
    ab = concat(A, B)
    assert concat(A, A, A) is repeat(A, 3, 3)
    assert concat(repeat(A, 0, None), A) is repeat(A, 1, None)
    assert concat(repeat(A, 1, 2), repeat(A, 3, 5)) is repeat(A, 4, 7)
    assert concat(repeat(ab, 0, None), repeat(ab, 0, None)) is repeat(ab, 0, None)
    assert concat(repeat(B, 0, 4), ALL) is ALL
    assert union(A, B) is byte_set(1 << ABC[0] | 1 << ABC[1])
    assert union(concat(A, C), concat(B, C)) is concat(union(A, B), C)
    assert union(concat(A, B), concat(A, C)) is concat(A, union(B, C))
    assert union(EPSILON, A) is repeat(A, 0, 1)
    assert union(EPSILON, repeat(A, 0, None)) is repeat(A, 0, None)
    assert union(repeat(A, 1, 2), repeat(A, 3, 5)) is repeat(A, 1, 5)
    assert isinstance(union(repeat(A, 1, 2), repeat(A, 4, 5)), Union)
    assert union(literal(b"abc"), literal(b"ab")) is concat(A, B, repeat(C, 0, 1))
    assert repeat(union(repeat(ab, 0, None), C), 0, None) is repeat(union(ab, C), 0, None)
    assert repeat(repeat(A, 2, 3), 2, 3) is repeat(A, 4, 9)
    assert isinstance(repeat(repeat(A, 2, 2), 0, None), Repeat)  # an even number: not one range
    assert repeat(repeat(A, 2, 2), 0, None).item is repeat(A, 2, 2)
    assert intersection(union(A, ab), ab, B) is EMPTY
    x, y = repeat(B, 2, None), repeat(union(B, ab), 0, None)
    assert union(x, intersection(x, y)) is x
    assert intersection(x, union(x, concat(C, y))) is x
    assert intersection(complement(x), union(x, concat(C, y))) is intersection(complement(x), concat(C, y))
    assert union(x, complement(x)) is ALL
    assert intersection(concat(A, x), concat(A, y)) is concat(A, intersection(x, y))
    assert intersection(concat(A, x), complement(concat(A, y))) is concat(A, intersection(x, complement(y)))


def test_any_byte_is_not_everything() -> None:
    any_byte = byte_set(FULL)
    assert intersection(EPSILON, any_byte) is EMPTY
    assert intersection(any_byte, A) is A
    assert members(intersection(any_byte, repeat(A, 0, 5)), ABC, 3) == {b"a"}
    assert members(intersection(any_byte, complement(A)), ABC, 3) == {b"b", b"c"}


# --- the language stays the same ------------------------------------------------------------------


@checked(150)
@given(expressions(depth=4))
def test_normal_form_of_deep_terms_keeps_the_language(expression: Expression) -> None:
    assert members(expression.term(), ABC, LENGTH) == expression.words(ABC, LENGTH)


@checked(400)
@given(expressions(boolean=False, leaves=False, depth=4))
def test_normal_form_without_boolean_operators(expression: Expression) -> None:
    term = expression.term()
    assert not term.flags & CHECK
    assert members(term, ABC, LENGTH) == expression.words(ABC, LENGTH)


@checked(600)
@given(expressions(depth=2))
def test_prefix_free_is_true_when_it_is_set(expression: Expression) -> None:
    if expression.term().flags & PREFIX_FREE:
        words = expression.words(ABC, LENGTH)
        assert not any(w[:i] in words for w in words for i in range(len(w)))


def test_prefix_free_where_it_matters() -> None:
    quoted = concat(A, repeat(C, 3, 3), union(concat(B, A), C))
    assert quoted.flags & PREFIX_FREE
    assert one_of([b"ab", b"b", b"ac"]).flags & PREFIX_FREE
    assert not one_of([b"ab", b"a"]).flags & PREFIX_FREE
    assert not repeat(A, 1, 2).flags & PREFIX_FREE
    assert not repeat(A, 0, 1).flags & PREFIX_FREE
    assert not union(literal(b"ab"), repeat(A, 1, 1)).flags & PREFIX_FREE


@checked(200)
@given(three_terms())
def test_inherited_flags(terms: tuple[Term, Term, Term]) -> None:
    x, y, _ = terms
    for combined in (concat(x, y), union(x, y), intersection(x, y), complement(x), repeat(x, 2, 3)):
        assert not combined.flags & LAZY or (x.flags | y.flags) & LAZY
        assert not is_empty(combined) or combined is EMPTY or combined.flags & CHECK


def test_depth_is_limited() -> None:
    term = A
    with pytest.raises(UnsupportedError, match=r"nest more than \d+ deep"):
        for i in range(MAX_DEPTH + 1):
            term = repeat(concat(term, B), 0, 2 + i)
    for combine in (
        lambda t: complement(concat(t, A)),
        lambda t: union(concat(A, t), concat(B, repeat(t, 2, 4))),
        lambda t: intersection(concat(repeat(A, 0, 1), t), repeat(union(A, B, literal(b"cc")), 0, None)),
    ):
        term = B
        with pytest.raises(UnsupportedError, match="flatten the pattern"):
            for _ in range(MAX_DEPTH + 1):
                term = combine(term)


def test_a_long_sequence_is_not_deep() -> None:
    term = concat(*[union(A, concat(B, C)) if i % 2 else repeat(B, 1, i + 2) for i in range(5000)])
    assert term.depth < 5
    assert derive(term, ABC[1]) is not EMPTY


# --- interning ------------------------------------------------------------------------------------


@checked(200)
@given(expressions())
def test_the_same_form_is_the_same_object(expression: Expression) -> None:
    assert expression.term() is expression.term()


@checked(100)
@given(rules())
def test_rules_are_equal_only_to_themselves(rule: Expression) -> None:
    assert rule.term() is not rule.term()


def test_leaves_are_interned_by_equality() -> None:
    texts = [b"one", b"two", b"three"]
    assert one_of(texts) is one_of(reversed(texts))
    assert one_of(texts) is not one_of(texts[:2])
    assert one_of([*texts, b"one"]) is one_of(texts)
    assert one_of([b"x"]) is literal(b"x")
    assert one_of([]) is EMPTY
    assert one_of([b""]) is EPSILON


def test_terms_are_freed() -> None:
    clear_caches()
    gc.collect()
    before = interned_count()
    term: Term | None = intersection(
        repeat(union(literal(b"some unusual text"), literal(b"sombre")), 3, 4711), complement(literal(b"some other"))
    )
    kept = [derive(term, b) for b in range(256)]
    assert shortest(term) is not None
    assert interned_count() > before + 20
    del kept, term
    clear_caches()
    gc.collect()
    assert interned_count() <= before


def test_freeing_a_long_literal_does_not_overflow_the_stack() -> None:
    clear_caches()
    gc.collect()
    before = interned_count()
    term: Term | None = literal(bytes(range(256)) * 400)
    assert interned_count() > before + 100_000
    del term
    gc.collect()
    assert interned_count() <= before


def test_interning_under_threads() -> None:
    """Many threads build, derive and drop the same terms: equal forms are always one object."""
    rounds, threads = 60, 8
    barrier = threading.Barrier(threads)
    made: list[list[Term]] = [[] for _ in range(threads)]
    failures: list[BaseException] = []

    def build(i: int) -> Term:
        body = union(literal(b"x%d" % (i % 7)), concat(repeat(byte_set(0b1110 << (i % 11)), i % 3, i % 5 + 3), B))
        return intersection(concat(body, repeat(body, 0, i + 2)), complement(literal(b"y%d" % i)))

    def work(mine: list[Term]) -> None:
        try:
            for i in range(rounds):
                barrier.wait(30)
                term = build(i)
                for b in (0x78, 0x30 + i % 7, 0x62, 1):
                    derive(term, b)
                    build(i + 1000)  # dropped at once, by every thread
                mine.append(term)
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    workers = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not failures
    for same in zip(*made, strict=True):
        assert all(term is same[0] for term in same)


def test_terms_are_immutable_values() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(A)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(literal(b"ab"))


def test_leaf_protocol_defaults() -> None:
    class Never(LeafProtocol):
        @property
        def nullable(self) -> bool:
            return False

        @property
        def may_be_empty(self) -> bool:
            return True

        def is_empty(self) -> bool:
            return True

        def derive(self, byte: int) -> Term:
            return EMPTY

    assert leaf(Never()).flags & CHECK
    assert leaf(Never()).flags & LAZY
    assert Never().min_length == 1
    assert is_empty(leaf(Never()))
    assert is_empty(concat(A, leaf(Never())))
    assert not is_empty(union(A, leaf(Never())))


@checked(300)
@given(expressions(depth=2))
def test_repr_is_short_and_never_fails(expression: Expression) -> None:
    assert 0 < len(repr(expression.term())) <= 400


def test_repr_reads_like_a_regex() -> None:
    assert repr(concat(A, repeat(union(B, literal(b"cc")), 2, None))) in ("a(b|c{2}){2,}", "a(c{2}|b){2,}")
    assert repr(complement(A)) == "~(a)"
    assert repr(byte_set(FULL)) == "Σ"
    assert repr(EMPTY) == "∅"
    assert repr(EPSILON) == "ε"
    assert repr(ref("rule", lambda: A, nullable=False)) == "<rule>"
    assert repr(one_of([b"ab", b"b"])) == "<2 texts>"
    assert len(repr(literal(b"ab" * 10_000))) == 400
    assert isinstance(TEXT, Repeat)


def test_words_of_the_reference() -> None:
    """The reference's own two readings agree."""
    for expression in (Letter(b"ab"), Letter(b"a", True)):
        assert {w for w in words_up_to(ABC, 3) if expression.holds(w)} == expression.words(ABC, 3)
    assert isinstance(complement(literal(b"ab")), Complement)
    assert isinstance(literal(b"ab"), Concat)
