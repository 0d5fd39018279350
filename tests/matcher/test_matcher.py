"""The matcher: moving, looking ahead, and budgets, against spelling every word in every way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import relark
from language.set_semantics import (
    ABC,
    Choices,
    Expression,
    Nesting,
    build_expression,
    checked,
    drawn,
    expressions,
    words_up_to,
)
from matcher.spelling import Puzzle, build_puzzle, build_tokens, puzzles, unpacked
from relark.constraint import Constraint, choices, literal_text, text
from relark.errors import ArgumentError, TokenNotAllowed, UnsatisfiableError
from relark.language import (
    ALL,
    EMPTY,
    byte_set,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    leaf,
    literal,
    one_of,
    repeat,
    scope,
    union,
)
from relark.language import behind as behind_
from relark.matcher import Matcher
from relark.tokens.vocabulary import Vocabulary

A, B, C = (byte_set(1 << b) for b in ABC)
BYTES = [bytes([b]) for b in range(256)]


def walks() -> st.SearchStrategy[tuple[Puzzle, Choices]]:
    """A puzzle and decisions for a walk through it."""
    return drawn(lambda choose: (build_puzzle(choose), choose), 192)


def text_of(puzzle: Puzzle, ids: list[int]) -> bytes:
    return b"".join(puzzle.tokens[i] or b"" for i in ids if i not in puzzle.eos)


# --- walks ----------------------------------------------------------------------------------------


@checked(300)
@given(walks())
def test_random_walks_keep_to_the_language(walk: tuple[Puzzle, Choices]) -> None:
    """At every step the allowed tokens are the ones that lead on, and what is refused leaves the matcher where it
    was.
    """
    puzzle, choose = walk
    assume(puzzle.least(b"") is not None)
    matcher = puzzle.constraint().matcher(puzzle.vocabulary())
    taken: list[int] = []
    row = np.zeros(matcher.vocabulary.n_words, np.int32)
    for _ in range(12):
        prefix = text_of(puzzle, taken)
        expected = puzzle.allowed(prefix)
        matcher.fill(row)
        assert unpacked(row, len(puzzle.tokens)) == expected
        assert matcher.is_accepting == (prefix in puzzle.words)
        assert matcher.is_finished == (prefix in puzzle.words and not expected - set(puzzle.eos))
        assert matcher.min_tokens() == puzzle.least(prefix)
        state = matcher.state
        refused = [i for i in range(len(puzzle.tokens)) if i not in expected]
        for i in (*refused[:5], -1, len(puzzle.tokens)):
            assert not matcher.allows(i)
            with pytest.raises(TokenNotAllowed) as caught:
                matcher.advance(i)
            assert caught.value.token_id == i
            assert matcher.state is state
        onward = sorted(expected - set(puzzle.eos))
        if not onward:
            break
        token = choose.one_of(onward)
        assert matcher.allows(token)
        matcher.advance(token)
        taken.append(token)


@checked(150)
@given(walks())
def test_rollback_and_fork(walk: tuple[Puzzle, Choices]) -> None:
    puzzle, choose = walk
    assume(puzzle.least(b"") is not None)
    matcher = puzzle.constraint().matcher(puzzle.vocabulary())
    masks = [matcher.mask().tobytes()]
    states = [matcher.state]
    for _ in range(8):
        options = sorted(unpacked(matcher.mask(), len(puzzle.tokens)))
        if not options:
            break
        twin = matcher.fork()
        matcher.advance(choose.one_of(options))
        assert twin.state is states[-1]
        assert twin.mask().tobytes() == masks[-1]
        masks.append(matcher.mask().tobytes())
        states.append(matcher.state)
    last = len(states) - 1
    fork = matcher.fork()
    back = choose.below(last + 1)
    matcher.rollback(back)
    assert matcher.state is states[last - back]
    assert matcher.mask().tobytes() == masks[last - back]
    assert fork.state is states[last]
    with pytest.raises(ArgumentError, match=f"only {last - back} tokens"):
        matcher.rollback(last - back + 1)
    assert matcher.state is states[last - back]
    matcher.rollback(last - back)
    assert matcher.state is puzzle.expression.term()
    matcher.rollback(0)


@checked(200)
@given(puzzles)
def test_what_cannot_be_spelled_is_refused(puzzle: Puzzle) -> None:
    if puzzle.least(b"") is None:
        with pytest.raises(UnsatisfiableError, match="no text" if not puzzle.words else "cannot spell"):
            puzzle.constraint().matcher(puzzle.vocabulary())
    else:
        matcher = puzzle.constraint().matcher(puzzle.vocabulary())
        assert unpacked(matcher.mask(), len(puzzle.tokens)) or b"" in puzzle.words
        assert matcher.shortest() in puzzle.words


# --- looking ahead --------------------------------------------------------------------------------


def forced(words: frozenset[bytes]) -> bytes:
    """What every word starts with, up to the end of a word."""
    result = b""
    while words and b"" not in words:
        first = {w[:1] for w in words}
        if len(first) > 1:
            break
        result += first.pop()
        words = frozenset(w[1:] for w in words)
    return result


@checked(300)
@given(puzzles)
def test_forced_bytes(puzzle: Puzzle) -> None:
    assume(puzzle.words)
    vocabulary = Vocabulary.from_bytes([*BYTES, *puzzle.tokens])
    matcher = puzzle.constraint().matcher(vocabulary)
    assert matcher.forced_bytes() == forced(puzzle.words)


def test_forced_bytes_go_no_further_than_sure() -> None:
    vocabulary = Vocabulary.from_bytes(BYTES)

    def forced_by(term: object) -> bytes:
        return Constraint(term, "a test").matcher(vocabulary).forced_bytes()  # type: ignore[arg-type]

    assert forced_by(literal(b"hello")) == b"hello"
    assert forced_by(concat(literal(b"he"), repeat(A, 0, 1), B)) == b"he"
    assert forced_by(one_of([b"prefix one", b"prefix two"])) == b"prefix "
    assert forced_by(one_of([b"one", b"one two"])) == b"one"
    assert forced_by(repeat(A, 5, None)) == b"aaaaa"
    assert forced_by(repeat(A, 0, None)) == b""
    assert forced_by(intersection(union(literal(b"xab"), literal(b"xcd")), complement(concat(ALL, B)))) == b"xcd"
    assert forced_by(scope(concat(A, behind_(concat(ALL, A)), B))) == b"ab"
    assert forced_by(leaf(Nesting(2, lazy=True, deepest=2))) == b"b"
    assert len(forced_by(repeat(A, 100_000, 100_000))) == 10_000


@checked(200)
@given(expressions(), puzzles)
def test_shortest_is_a_completion(expression: Expression, puzzle: Puzzle) -> None:
    term = expression.term()
    assume(not is_empty(term))
    constraint = Constraint(term, "random")
    vocabulary = Vocabulary.from_bytes([*BYTES, *puzzle.tokens])
    matcher = constraint.matcher(vocabulary)
    found = matcher.shortest()
    state = term
    for byte in found:
        state = derive(state, byte)
    assert state.nullable
    least = matcher.min_tokens()
    assert least <= len(found)
    assert matcher.min_tokens(enough=100) >= least


# --- budgets --------------------------------------------------------------------------------------


@checked(300)
@given(puzzles, st.integers(0, 4))
def test_a_budget_withholds_what_it_cannot_pay_for(puzzle: Puzzle, spare: int) -> None:
    """Sound: whatever is allowed can be completed in what is left.  Never stuck: if the least fits, something is
    allowed.
    """
    least = puzzle.least(b"")
    assume(least is not None)
    assert least is not None
    matcher = puzzle.constraint().matcher(puzzle.vocabulary())
    everything = puzzle.allowed(b"")
    for tokens_left in sorted({0, max(0, least - 1), least, least + spare}):
        allowed = unpacked(matcher.mask(tokens_left), len(puzzle.tokens))
        assert allowed <= puzzle.allowed(b"", tokens_left)
        assert allowed & set(puzzle.eos) == everything & set(puzzle.eos)
        if tokens_left >= least and least > 0:
            assert allowed - set(puzzle.eos)
    assert unpacked(matcher.mask(1000), len(puzzle.tokens)) == everything


@checked(400)
@given(walks(), st.integers(0, 3))
def test_walks_within_a_budget_end_in_time(walk: tuple[Puzzle, Choices], spare: int) -> None:
    puzzle, choose = walk
    least = puzzle.least(b"")
    assume(least is not None)
    assert least is not None
    matcher = puzzle.constraint().matcher(puzzle.vocabulary())
    budget = least + spare
    taken: list[int] = []
    while len(taken) < budget:
        left = budget - len(taken)
        assert matcher.min_tokens(enough=left) <= left
        onward = sorted(unpacked(matcher.mask(left), len(puzzle.tokens)) - set(puzzle.eos))
        if not onward or (matcher.is_accepting and choose.below(2)):
            break
        token = choose.one_of(onward)
        matcher.advance(token)
        taken.append(token)
    assert matcher.is_accepting
    assert text_of(puzzle, taken) in puzzle.words


@checked(60)
@given(walks(), st.integers(0, 2))
def test_walks_within_a_budget_survive_forgetting(walk: tuple[Puzzle, Choices], spare: int) -> None:
    """Plans are only remembered; losing them changes nothing."""
    puzzle, choose = walk
    least = puzzle.least(b"")
    assume(least is not None and least > 1)
    assert least is not None
    matcher = puzzle.constraint().matcher(puzzle.vocabulary())
    for left in range(least + spare, 0, -1):
        relark.clear_caches()
        onward = sorted(unpacked(matcher.mask(left), len(puzzle.tokens)) - set(puzzle.eos))
        if not onward:
            break
        matcher.advance(choose.one_of(onward))
        relark.clear_caches()
        assert matcher.min_tokens() == puzzle.least(text_of(puzzle, [s.token_id for s in _steps(matcher)]))
    assert matcher.is_accepting


def _steps(matcher: Matcher) -> list:  # type: ignore[type-arg]
    steps = []
    step = matcher._step
    while step.previous is not None:
        steps.append(step)
        step = step.previous
    return steps[::-1]


@checked(250)
@given(drawn(lambda choose: (build_expression(choose, ABC, True, True, 3), build_tokens(choose)[0]), 128))
def test_least_tokens_of_endless_languages(puzzle: tuple[Expression, tuple[bytes | None, ...]]) -> None:
    """All sequences of up to three tokens, tried one by one."""
    expression, tokens = puzzle
    texts = sorted({t for t in tokens if t and set(t) <= set(ABC)})[:9]
    least, level = None, {b""}
    for count in range(4):
        if any(expression.holds(word) for word in level):
            least = count
            break
        level = {word + t for word in level for t in texts}
    constraint = Constraint(expression.term(), "random")
    vocabulary = Vocabulary.from_bytes(texts)
    try:
        matcher = constraint.matcher(vocabulary)
    except UnsatisfiableError:
        assert least is None
        return
    found = matcher.min_tokens()
    assert found == least or (least is None and found > 3)
    assert expression.holds(matcher.shortest())
    if least:
        assert not unpacked(matcher.mask(least - 1), len(texts))
        for i in unpacked(matcher.mask(least), len(texts)):
            matcher.advance(i)
            assert matcher.min_tokens() == least - 1
            matcher.rollback()


def test_the_cheapest_text_need_not_be_the_shortest() -> None:
    vocabulary = Vocabulary.from_bytes([*BYTES, b"longer word", b"er"])
    matcher = choices(["xyz", "longer word"]).matcher(vocabulary)
    assert matcher.shortest() == b"xyz"
    assert matcher.min_tokens() == 1
    assert matcher.min_tokens(enough=3) <= 3
    assert unpacked(matcher.mask(1), 258) == {256}
    assert unpacked(matcher.mask(2), 258) == {256}
    assert ord("x") in unpacked(matcher.mask(3), 258)
    assert unpacked(matcher.mask(0), 258) == set()


def test_exactness_outlives_the_plan() -> None:
    """Which plans are known to be best must not be remembered longer than the plans."""
    vocabulary = Vocabulary.from_bytes([*BYTES, b"longer word", b"er"])
    matcher = choices(["xyz", "longer word"]).matcher(vocabulary)
    assert matcher.min_tokens() == 1
    from relark.tokens import budget

    budget._plans.clear()
    assert matcher.min_tokens() == 1
    assert unpacked(matcher.mask(1), 258) == {256}


def test_min_tokens_of_long_texts() -> None:
    vocabulary = Vocabulary.from_bytes([*BYTES, b"ab" * 8, b"aaaa"])
    assert Constraint(literal(b"ab" * 800), "long").matcher(vocabulary).min_tokens() == 100
    assert Constraint(repeat(A, 4000, None), "long").matcher(vocabulary).min_tokens() == 1000
    assert Constraint(repeat(A, 4001, 4001), "long").matcher(vocabulary).min_tokens() == 1001


def test_vocabularies_that_lack_bytes() -> None:
    pairs = Vocabulary.from_bytes([b"aa", b"bb", b"ab"])
    odd = Constraint(repeat(A, 3, 3), "aaa")
    with pytest.raises(UnsatisfiableError, match="cannot spell"):
        odd.matcher(pairs)
    assert Constraint(repeat(A, 3, 4), "aaa?").matcher(pairs).min_tokens() == 2
    matcher = Constraint(concat(A, repeat(union(A, B), 0, None), B), "a.*b").matcher(pairs)
    assert matcher.min_tokens() == 1
    assert unpacked(matcher.mask(), 3) == {0, 2}
    assert unpacked(matcher.mask(1), 3) == {2}
    assert matcher.shortest() == b"ab"
    nothing = Vocabulary.from_bytes([None, None], eos_ids=[0])
    assert text().matcher(nothing).is_finished
    assert unpacked(text().matcher(nothing).mask(), 2) == {0}
    with pytest.raises(UnsatisfiableError):
        choices(["a"]).matcher(nothing)


# --- the end of a text ----------------------------------------------------------------------------


def test_eos() -> None:
    vocabulary = Vocabulary.from_bytes([b"a", b"b", None, b"eos too", None], eos_ids=[2, 3])
    matcher = Constraint(repeat(A, 1, 2), "aa?").matcher(vocabulary)
    assert unpacked(matcher.mask(), 5) == {0}
    with pytest.raises(TokenNotAllowed, match="the text is not complete"):
        matcher.advance(2)
    with pytest.raises(TokenNotAllowed, match="special token"):
        matcher.advance(4)
    with pytest.raises(TokenNotAllowed, match="not allowed here"):
        matcher.advance(1)
    with pytest.raises(TokenNotAllowed, match=r"outside the vocabulary's ids 0\.\.4"):
        matcher.advance(5)
    with pytest.raises(TokenNotAllowed, match="outside"):
        matcher.advance(-1)
    matcher.advance(0)
    assert unpacked(matcher.mask(), 5) == {0, 2, 3}
    assert matcher.is_accepting
    assert not matcher.is_finished
    matcher.advance(3)
    assert matcher.is_finished
    assert matcher.is_accepting
    assert unpacked(matcher.mask(), 5) == {2, 3}
    assert unpacked(matcher.mask(0), 5) == {2, 3}
    assert matcher.min_tokens() == 0
    assert matcher.shortest() == b""
    assert matcher.forced_bytes() == b""
    with pytest.raises(TokenNotAllowed, match="after EOS"):
        matcher.advance(0)
    matcher.advance(2)  # padding with EOS
    matcher.rollback(2)
    assert not matcher.is_finished
    matcher.advance(0)
    assert matcher.is_finished  # only EOS could follow
    assert unpacked(matcher.mask(), 5) == {2, 3}


def test_no_eos_at_all() -> None:
    vocabulary = Vocabulary.from_bytes([b"a"])
    matcher = Constraint(A, "a").matcher(vocabulary)
    matcher.advance(0)
    assert matcher.is_finished
    assert not matcher.mask().any()


def test_wrong_arguments() -> None:
    vocabulary = Vocabulary.from_bytes(BYTES)
    matcher = literal_text("a").matcher(vocabulary)
    for row in (np.zeros(7, np.int32), np.zeros(8, np.int64), np.zeros((1, 8), np.int32)):
        with pytest.raises(ArgumentError, match=r"row: expected int32\[8\] for a vocabulary of 256 ids"):
            matcher.fill(row)
    with pytest.raises(ArgumentError, match="not negative"):
        matcher.rollback(-1)
    with pytest.raises(UnsatisfiableError, match="no text satisfies"):
        Constraint(EMPTY, "nothing").matcher(vocabulary)
    with pytest.raises(UnsatisfiableError, match="no text satisfies"):
        (literal_text("a") & literal_text("b")).matcher(vocabulary)


def test_token_ids_of_any_integer_type() -> None:
    matcher = literal_text("ab").matcher(Vocabulary.from_bytes(BYTES))
    matcher.advance(np.int64(0x61))
    matcher.advance(np.uint8(0x62))  # type: ignore[arg-type]
    assert matcher.is_finished


def test_tokens_that_end_inside_a_character() -> None:
    euro = "€".encode()
    vocabulary = Vocabulary.from_bytes([*BYTES, euro[:2], euro[1:], euro, b"\xff\xff"])
    matcher = (literal_text("€") | literal_text("é")).matcher(vocabulary)
    assert unpacked(matcher.mask(), 260) == {0xE2, 0xC3, 256, 258}
    matcher.advance(256)
    assert matcher.forced_bytes() == euro[2:]
    assert unpacked(matcher.mask(), 260) == {0xAC}


@checked(100)
@given(st.binary(max_size=12), puzzles)
def test_every_tokenisation_of_a_word_is_accepted(data: bytes, puzzle: Puzzle) -> None:
    word = bytes(ABC[b % 3] for b in data[:7])
    vocabulary = Vocabulary.from_bytes([*BYTES, *puzzle.tokens])
    constraint = Constraint(intersection(literal(word), repeat(byte_set((1 << 256) - 1), 0, 9)), "one word")

    def spellings(rest: bytes) -> list[list[int]]:
        if not rest:
            return [[]]
        return [
            [i, *more]
            for i, t in enumerate(vocabulary.token_bytes)
            if t and rest.startswith(t)
            for more in spellings(rest[len(t) :])
        ][:20]

    for ids in spellings(word):
        matcher = constraint.matcher(vocabulary)
        for i in ids:
            assert unpacked(matcher.mask(), vocabulary.size)
            matcher.advance(i)
        assert matcher.is_accepting
        assert matcher.is_finished


def test_words_of_a_matcher_are_those_of_the_constraint() -> None:
    vocabulary = Vocabulary.from_bytes([b"a", b"b", b"c"])
    term = concat(repeat(union(A, literal(b"bc")), 1, 3), repeat(C, 0, 1))
    constraint = Constraint(term, "a test")
    for word in words_up_to(ABC, 5):
        matcher = constraint.matcher(vocabulary)
        try:
            for byte in word:
                matcher.advance(ABC.index(byte))
            accepted = matcher.is_accepting
        except TokenNotAllowed:
            accepted = False
        assert accepted == constraint.fullmatch(word.decode())
