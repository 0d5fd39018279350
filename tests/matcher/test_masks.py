"""Masks against spelling every word in every way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import relark
from language.set_semantics import ABC, Expression, checked, expressions
from matcher.spelling import Puzzle, puzzles, unpacked
from relark import caches
from relark.constraint import Constraint
from relark.language import (
    ALL,
    EMPTY,
    FULL,
    Completions,
    Leaf,
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
    union,
)
from relark.language.states import DEAD, States
from relark.language.terms import LAZY, Cut
from relark.tokens import walks
from relark.tokens.masks import Mask, masks_of
from relark.tokens.spread import spread, tokens_in
from relark.tokens.trie import Trie
from relark.tokens.vocabulary import Vocabulary
from relark.tokens.walks import live_tokens, walk, walk_lazily


def some_prefixes(puzzle: Puzzle, most: int = 8) -> list[bytes]:
    """Beginnings that the tokens can spell and complete, the empty one first."""
    found = {b"": None}
    for prefix in found.copy():
        work = [prefix]
        for at in work:
            for token in puzzle.texts:
                if len(found) < most and at + token not in found and puzzle.least(at + token) is not None:
                    found[at + token] = None
                    work.append(at + token)
    return list(found)


@checked(500)
@given(puzzles)
def test_masks_are_exact(puzzle: Puzzle) -> None:
    assume(puzzle.least(b"") is not None)
    vocabulary = puzzle.vocabulary()
    masks = masks_of(vocabulary)
    for prefix in some_prefixes(puzzle):
        state = puzzle.expression.term()
        for byte in prefix:
            state = derive(state, byte)
        mask = masks.mask(state)
        expected = puzzle.allowed(prefix)
        assert unpacked(mask.bits, vocabulary.size) == expected
        assert mask.bits.shape == (vocabulary.n_words,)
        assert mask.bits.dtype == np.int32
        assert not mask.bits.flags.writeable
        assert mask.has_text == bool(expected - set(puzzle.eos))
        ends = masks.ends(state)
        assert set(ends.tokens.tolist()) == expected - set(puzzle.eos)
        for token, index in zip(ends.tokens.tolist(), ends.index.tolist(), strict=True):
            assert ends.terms[index] is masks.after(state, token) or {
                w for w in puzzle.words if w.startswith(prefix + (puzzle.tokens[token] or b""))
            }


@checked(200)
@given(expressions(), puzzles)
def test_masks_of_endless_languages(expression: Expression, puzzle: Puzzle) -> None:
    """With a token for each byte, a token is allowed where its bytes lead to no empty language."""
    term = expression.term()
    vocabulary = Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), *puzzle.tokens])
    masks = masks_of(vocabulary)
    allowed = unpacked(masks.mask(term).bits, vocabulary.size)
    for token_id, data in enumerate(vocabulary.token_bytes):
        if not data:
            assert token_id not in allowed
            continue
        state = term
        for byte in data:
            state = derive(state, byte)
        assert (token_id in allowed) == (not is_empty(state))


@checked(200)
@given(expressions(), puzzles)
def test_each_node_of_the_walk(expression: Expression, puzzle: Puzzle) -> None:
    term = expression.term()
    trie = Trie.build(puzzle.tokens)
    paths = [b""]
    for node in range(1, len(trie)):
        paths.append(paths[trie.parent[node]] + bytes([trie.byte[node]]))
    states = States()
    every_node = Trie.build(paths)  # each node a token of its own number
    live = set(tokens_in(live_tokens(every_node, term)).tolist())
    lazily = walk_lazily(trie, term)
    reached = None if term.flags & LAZY else walk(trie, states, states.number(term))
    for node in range(1, len(trie)):
        end = term
        for byte in paths[node]:
            end = derive(end, byte)
        alive = not is_empty(end)
        assert (node in live) == alive
        assert (node in lazily) == alive
        if reached is not None:
            assert (reached[node] != DEAD) == alive
            if alive:
                found = states.terms[reached[node]]
                assert found is end or is_empty(intersection(union(found, end), complement(intersection(found, end))))


@checked(200)
@given(expressions(), expressions(), st.integers(0, 12), st.integers(9, 70), st.booleans(), st.data())
def test_repetitions_that_a_byte_ends(
    item: Expression, tail: Expression, lo: int, hi: int, is_bounded: bool, data: st.DataObject
) -> None:
    """They are walked apart from what follows, and one walk serves many bounds."""
    term = concat(repeat(item.term(), lo, hi if is_bounded else None), literal(b"!"), tail.term())
    words = data.draw(st.lists(st.text("abc!", max_size=9), min_size=1, max_size=25))
    runs = [letter * length for letter in ("a", "ab", "abc", "c") for length in (8, hi // 2, hi - 1, hi, hi + 1)]
    texts = [text.encode() for text in [*words, *runs, *[run + "!" + end for run in runs for end in ("", "a", "!b")]]]
    trie = Trie.build(texts)
    for byte in data.draw(st.text("abc", max_size=4)).encode():
        term = derive(term, byte)
    expected = {i for i, text in enumerate(texts) if text and not is_empty(_after(term, text))}
    assert set(tokens_in(live_tokens(trie, term)).tolist()) == expected


def _after(term: Term, data: bytes) -> Term:
    for byte in data:
        term = derive(term, byte)
    return term


def test_bounds_of_a_repetition_share_a_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    walked = []
    monkeypatch.setattr(walks, "spread", lambda *args: walked.append(args) or spread(*args))
    trie = Trie.build([bytes([byte]) * length for byte in b"abc" for length in range(1, 60)])
    letters = byte_set(0b1110 << 0x60)
    for most in range(40, 9, -1):
        tokens = tokens_in(live_tokens(trie, concat(repeat(letters, 0, most), literal(b'"'))))
        assert len(tokens) == 3 * most
    assert len(walked) == 3  # for bounds below 16, 32 and 64


def test_counters_larger_than_any_token() -> None:
    """Masks clamp counters; not where it would forget what the vocabulary can spell."""
    a, b = byte_set(1 << 0x61), byte_set(1 << 0x62)
    threes = Vocabulary.from_bytes([b"aaa", b"b", b"aaaaaa"])
    for count in (30, 31, 32):
        either = Constraint(union(repeat(a, count, count), concat(b, repeat(b, 0, 2000))), "counted")
        mask = unpacked(either.matcher(threes).mask(), 3)
        assert mask == ({0, 1, 2} if count % 3 == 0 else {1})
    singles = Vocabulary.from_bytes([b"a", b"aa", b"aaaa", b"b", b"bbbb"], eos_ids=())
    for lo, hi in ((0, 1000), (2, 3), (3, 5), (5, 5), (1000, 1000), (1000, None)):
        term = concat(repeat(a, lo, hi), repeat(b, lo, hi))
        masks = masks_of(singles)
        for steps in (0, 1, 2, 3, 5):
            state = term
            for _ in range(steps):
                state = derive(state, 0x61)
            if state is EMPTY:
                continue
            allowed = unpacked(masks.mask(state).bits, 5)
            for token_id, data in enumerate(singles.token_bytes):
                end = state
                for byte in data or b"":
                    end = derive(end, byte)
                assert (token_id in allowed) == (end is not EMPTY)


# --- caches ---------------------------------------------------------------------------------------


@pytest.fixture
def tiny_caches() -> Iterator[int]:
    limit = 1 << 20
    relark.set_cache_limit(limit)
    yield limit
    relark.set_cache_limit(caches.DEFAULT_LIMIT)


@checked(60)
@given(puzzles)
def test_masks_are_the_same_after_forgetting(puzzle: Puzzle) -> None:
    assume(puzzle.least(b"") is not None)
    vocabulary = puzzle.vocabulary()
    term = puzzle.expression.term()
    before = masks_of(vocabulary).mask(term).bits.copy()
    relark.clear_caches()
    assert all(held <= 2500 for held, _ in relark.cache_info().values())  # the first row of a table of states
    assert (masks_of(vocabulary).mask(term).bits == before).all()
    assert unpacked(before, vocabulary.size) == puzzle.allowed(b"")


def test_tiny_caches_give_the_same_masks(tiny_caches: int) -> None:
    """Thousands of states through caches of 1 MiB: the limit holds all the time, and nothing goes wrong."""
    tokens: list[bytes | None] = [bytes([b]) for b in range(256)]
    tokens += [b"ab" * n for n in range(1, 20)] + [b"abc", b"cab", b"a" * 9, b"b" * 9, None]
    vocabulary = Vocabulary.from_bytes(tokens, eos_ids=[len(tokens) - 1])
    letters = byte_set(sum(1 << b for b in ABC))
    for round_ in range(3):
        # a{n}b... with distinct counters: every state is new
        term = intersection(
            concat(repeat(union(letters, literal(b"xy")), 30 + round_, 60 + round_), literal(b"ab!")),
            complement(
                concat(
                    repeat(letters, 0, None), literal(b"b" * (3 + round_ % 3)), repeat(letters, 0, None), literal(b"!")
                )
            ),
        )
        matcher = Constraint(term, "a test").matcher(vocabulary)
        for step in range(30):
            allowed = unpacked(matcher.mask(), vocabulary.size)
            if step % 10 == 0:
                for token_id in (*range(0x60, 0x66), *range(256, len(tokens) - 1)):
                    end = matcher.state
                    for byte in tokens[token_id] or b"":
                        end = derive(end, byte)
                    assert (token_id in allowed) == (not is_empty(end))
            for name, (held, limit) in relark.cache_info().items():
                room = 400_000 if name == "states" else 4096  # a walk finishes on the table that it began on
                assert held <= limit + room, name
            choices = sorted(allowed - {len(tokens) - 1})
            if not choices:
                break
            matcher.advance(choices[(step * 7 + round_) % len(choices)])
    assert sum(limit for _, limit in relark.cache_info().values()) <= tiny_caches * 1.001


def test_the_shares_make_up_the_whole() -> None:
    assert sum(limit for _, limit in relark.cache_info().values()) <= caches.DEFAULT_LIMIT * 1.001


def test_cache_limits_are_checked() -> None:
    with pytest.raises(relark.ArgumentError, match="at least 1 MiB"):
        relark.set_cache_limit(1000)


def test_many_vocabularies_do_not_mix() -> None:
    term = literal(b"abc")
    for tokens, expected in (([b"a", b"b"], set()), ([b"abc", b"b"], {0}), ([b"b", b"abc", b"ab", b"c"], {1, 2})):
        vocabulary = Vocabulary.from_bytes(tokens)
        assert unpacked(masks_of(vocabulary).mask(term).bits, len(tokens)) == expected
        assert masks_of(vocabulary) is masks_of(vocabulary)


def test_words_of_masks_are_those_of_one_form() -> None:
    """No token of one word, shortened, reads as the first tokens of two words."""
    none = Mask.of(np.zeros(1, np.int32), False)
    two = Mask.of(np.array([1, 1], np.int32), True)
    assert none.words is not None
    assert none.bits.tolist() == [0]
    assert two.bits.tolist() == [1, 1]


def test_threads_share_masks() -> None:
    tokens: list[bytes | None] = [bytes([b]) for b in range(256)] + [b"ab", b"ba", b"abab", b"bb"]
    vocabulary = Vocabulary.from_bytes(tokens)
    letters = byte_set(sum(1 << b for b in ABC))
    constraints = [
        Constraint(intersection(repeat(letters, n, 40), complement(literal(b"ab" * n))), f"{n}") for n in range(8)
    ]
    expected = [masks_of(vocabulary).mask(c.term).bits.tobytes() for c in constraints]
    relark.clear_caches()
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for i in range(len(constraints)):
                at = (i + seed) % len(constraints)
                matcher = constraints[at].matcher(vocabulary)
                assert matcher.mask().tobytes() == expected[at]
                for token_id in (0x61, 256, 0x62, 259):
                    if matcher.allows(token_id):
                        matcher.advance(token_id)
                        assert matcher.mask().any()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures


# --- terms that are taken apart ---------------------------------------------------------------------------------------

AB_DOT = concat(repeat(byte_set(0b11 << 0x61), 0, 3), literal(b"."))


@dataclass(frozen=True)
class Echo(Leaf):
    """A word of `AB_DOT` after ``text``, then ``c`` and the word again; ``b.`` is none; after ``a.`` comes ``d``."""

    text: bytes = b""

    @property
    def nullable(self) -> bool:
        return False

    def is_prefix_free(self) -> bool:
        return True

    def derive(self, byte: int) -> Term:
        text = self.text + bytes([byte])
        if byte == 0x2E:
            return self._after(text)
        return leaf(Echo(text)) if byte in b"ab" and len(text) <= 3 else EMPTY

    def _after(self, text: bytes) -> Term:
        return {b"b.": EMPTY, b"a.": literal(b"d")}.get(text, concat(literal(b"c"), literal(text)))

    def cuts(self) -> list[Cut]:
        head = AB_DOT
        for byte in self.text:
            head = derive(head, byte)
        ordinary = literal(b"c"), lambda word: self.text + word not in (b"a.", b"b.")
        return [Cut(head, *ordinary, lambda word: self._after(self.text + word), literal(b"aaa."), 1)]

    def shortest(self, alphabet: int) -> bytes | None:
        return b".c" + self.text + b"." if self.text not in (b"a", b"b") else b"a.c" + self.text + b"a."


@dataclass(frozen=True)
class Folded(Leaf):
    """The same as ``term``, which is seen only by those who unfold it."""

    term: Term

    @property
    def nullable(self) -> bool:
        return self.term.nullable

    def classes(self) -> tuple[int, ...] | None:
        return tuple(1 << byte for byte in range(256))

    def derive(self, byte: int) -> Term:
        return derive(self.term, byte)

    def unfolded(self) -> Term:
        return self.term

    def shortest(self, alphabet: int) -> bytes | None:
        return Completions(alphabet).shortest(self.term)


ECHO = leaf(Echo())
A, B = literal(b"a"), literal(b"b")
APART = {
    "alone": ECHO,
    "after and before": concat(repeat(A, 0, 2), ECHO, repeat(B, 0, 2)),
    "one of two": union(concat(A, B, ECHO), concat(ECHO, A)),
    "repeated": concat(repeat(ECHO, 1, 3), literal(b"!")),
    "again and again": concat(repeat(concat(literal(b"c"), ECHO), 0, None), A),
    "twice": concat(ECHO, ECHO),
    "folded": concat(repeat(A, 1, None), leaf(Folded(union(concat(B, ECHO), literal(b"."))))),
    "folded and plain": concat(leaf(Folded(concat(A, repeat(B, 0, None)))), leaf(Folded(repeat(A, 0, 2)))),
    "behind a rule": concat(A, ref("rule", lambda: concat(B, ECHO), nullable=False)),
    "in an intersection": intersection(concat(A, ECHO), complement(concat(repeat(byte_set(FULL), 2, 2), A, ALL))),
    "before nothing": concat(ECHO, intersection(repeat(A, 2, 2), repeat(A, 3, 3))),
}
tokens = st.lists(st.text("abcd.!", min_size=1, max_size=12).map(str.encode), min_size=5, max_size=60)


@pytest.mark.parametrize("term", APART.values(), ids=APART)
@checked(40)
@given(tokens, st.text("abc.", max_size=6))
def test_what_is_taken_apart_is_as_derived(term: Term, words: list[bytes], prefix: str) -> None:
    words += [b"a.cd", b"ab.cab.", b"aab.caab.!", b"a.da.d!", b".c..c."]  # through several parts
    for byte in prefix.encode():
        term = derive(term, byte)
    trie = Trie.build(words)
    live = tokens_in(live_tokens(trie, term)).tolist()
    assert set(trie.node_of_token[live].tolist()) == set(walk_lazily(trie, term)) & set(trie.node_of_token.tolist())


@pytest.mark.parametrize("name", sorted(set(APART) - {"before nothing"}))
@pytest.mark.parametrize("lacking", [b"", b"\x00", b"c"])
def test_budgets_of_what_is_taken_apart(name: str, lacking: bytes) -> None:
    """Within a budget each token allowed leaves enough for the rest; a vocabulary may lack bytes."""
    singles = [bytes([b]) for b in range(256) if b not in lacking]
    vocabulary = Vocabulary.from_bytes([*singles, b"a.", b".d", b"ab.", b"ba", b""], eos_ids=[len(singles) + 4])
    constraint = Constraint(APART[name], name)
    try:
        matcher = constraint.matcher(vocabulary)
    except relark.UnsatisfiableError:
        assert lacking == b"c"
        return
    for left in range(matcher.min_tokens() + 2, 0, -1):
        mask = unpacked(matcher.mask(), vocabulary.size)
        within = unpacked(matcher.mask(tokens_left=left), vocabulary.size)
        assert within <= mask
        for token_id in mask - set(vocabulary.eos_ids):
            further = matcher.fork()
            further.advance(token_id)
            if token_id in within:
                assert further.min_tokens() < left
        choices = sorted(within - set(vocabulary.eos_ids))
        if not choices:
            break
        matcher.advance(choices[left % len(choices)])
    assert matcher.is_accepting
