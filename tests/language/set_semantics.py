"""Languages the slow and obvious way.

An `Expression` is a small tree that says a language three times: as a term (what is under test), as the explicit
set of its words up to a length over a small alphabet, and as a relation between positions of one word of any
length.  The last two know nothing of derivatives, normal forms or automata.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from collections.abc import Sequence as Ordered
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from relark.language import (
    EMPTY,
    EPSILON,
    Leaf,
    Term,
    byte_set,
    complement,
    concat,
    derive,
    intersection,
    leaf,
    one_of,
    ref,
    repeat,
    union,
)

T = TypeVar("T")
Words = frozenset[bytes]

AB = b"ab"
ABC = b"abc"


def checked(max_examples: int) -> settings:
    """Deterministic and bounded: the same examples on each run."""
    return settings(
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=max_examples,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )


def mask_of(data: bytes) -> int:
    return sum({1 << b for b in data})


@lru_cache(maxsize=64)
def words_up_to(alphabet: bytes, length: int) -> tuple[bytes, ...]:
    """Every word over ``alphabet`` of at most ``length`` bytes, shortest first."""
    letters = [bytes([b]) for b in alphabet]
    return tuple(b"".join(w) for n in range(length + 1) for w in itertools.product(letters, repeat=n))


def accepts(term: Term, word: bytes) -> bool:
    """Whether ``word`` is in ``term``, byte by byte."""
    for byte in word:
        term = derive(term, byte)
    return term.nullable


def members(term: Term, alphabet: bytes, length: int) -> Words:
    """The words of ``term`` over ``alphabet``, by derivatives, going down the tree of prefixes."""
    found = []
    level = [(b"", term)]
    for _ in range(length + 1):
        following = []
        for word, state in level:
            if state.nullable:
                found.append(word)
            if len(word) < length:
                for b in alphabet:
                    after = derive(state, b)
                    if after is not EMPTY:
                        following.append((word + bytes([b]), after))
        level = following
    return frozenset(found)


# --- sets of words --------------------------------------------------------------------------------


def joined(first: Words, second: Words, length: int) -> Words:
    by_length: dict[int, list[bytes]] = {}
    for word in second:
        by_length.setdefault(len(word), []).append(word)
    return frozenset(v + w for v in first for n in range(length - len(v) + 1) for w in by_length.get(n, ()))


def repeated(words: Words, lo: int, hi: int | None, length: int) -> Words:
    if b"" in words:
        lo, words = 0, words - {b""}
    power: Words = frozenset([b""])
    result: Words = frozenset()
    for count in range(length + 1 if hi is None else min(hi, length) + 1):
        if count >= lo:
            result |= power
        power = joined(power, words, length)
    return result


# --- expressions ----------------------------------------------------------------------------------


class Expression:
    """See the module docstring.  ``ends(word, i)``: the positions j such that word[i:j] is in the language."""

    def term(self) -> Term:
        raise NotImplementedError

    def words(self, alphabet: bytes, length: int) -> Words:
        raise NotImplementedError

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        raise NotImplementedError

    def holds(self, word: bytes) -> bool:
        return len(word) in self.ends(word, 0)


@dataclass(frozen=True)
class Nothing(Expression):
    def term(self) -> Term:
        return EMPTY

    def words(self, alphabet: bytes, length: int) -> Words:
        return frozenset()

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        return frozenset()


@dataclass(frozen=True)
class Nil(Expression):
    def term(self) -> Term:
        return EPSILON

    def words(self, alphabet: bytes, length: int) -> Words:
        return frozenset([b""])

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        return frozenset([i])


@dataclass(frozen=True)
class Letter(Expression):
    """One byte: out of ``letters``, or any other if ``negated``."""

    letters: bytes
    negated: bool = False

    def mask(self) -> int:
        mask = mask_of(self.letters)
        return ~mask & ((1 << 256) - 1) if self.negated else mask

    def term(self) -> Term:
        return byte_set(self.mask())

    def words(self, alphabet: bytes, length: int) -> Words:
        return (
            frozenset(bytes([b]) for b in alphabet if (b in self.letters) is not self.negated)
            if length
            else frozenset()
        )

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        return frozenset([i + 1] if i < len(word) and (word[i] in self.letters) is not self.negated else [])


@dataclass(frozen=True)
class Texts(Expression):
    """A finite set of words, through `one_of`."""

    texts: tuple[bytes, ...]

    def term(self) -> Term:
        return one_of(self.texts)

    def words(self, alphabet: bytes, length: int) -> Words:
        return frozenset(t for t in self.texts if len(t) <= length and all(b in alphabet for b in t))

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        return frozenset(i + len(t) for t in self.texts if word.startswith(t, i))


@dataclass(frozen=True)
class Sequence(Expression):
    parts: tuple[Expression, ...]

    def term(self) -> Term:
        return concat(*[p.term() for p in self.parts])

    def words(self, alphabet: bytes, length: int) -> Words:
        result: Words = frozenset([b""])
        for part in self.parts:
            result = joined(result, part.words(alphabet, length), length)
        return result

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        at = frozenset([i])
        for part in self.parts:
            at = frozenset(k for j in at for k in part.ends(word, j))
        return at


@dataclass(frozen=True)
class Either(Expression):
    parts: tuple[Expression, ...]

    def term(self) -> Term:
        return union(*[p.term() for p in self.parts])

    def words(self, alphabet: bytes, length: int) -> Words:
        return frozenset().union(*[p.words(alphabet, length) for p in self.parts])

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        return frozenset().union(*[p.ends(word, i) for p in self.parts])


@dataclass(frozen=True)
class Both(Expression):
    parts: tuple[Expression, ...]

    def term(self) -> Term:
        return intersection(*[p.term() for p in self.parts])

    def words(self, alphabet: bytes, length: int) -> Words:
        return frozenset(words_up_to(alphabet, length)).intersection(*[p.words(alphabet, length) for p in self.parts])

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        return frozenset(range(i, len(word) + 1)).intersection(*[p.ends(word, i) for p in self.parts])


@dataclass(frozen=True)
class Not(Expression):
    part: Expression

    def term(self) -> Term:
        return complement(self.part.term())

    def words(self, alphabet: bytes, length: int) -> Words:
        return frozenset(words_up_to(alphabet, length)) - self.part.words(alphabet, length)

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        return frozenset(range(i, len(word) + 1)) - self.part.ends(word, i)


@dataclass(frozen=True)
class Times(Expression):
    part: Expression
    lo: int
    hi: int | None

    def term(self) -> Term:
        return repeat(self.part.term(), self.lo, self.hi)

    def words(self, alphabet: bytes, length: int) -> Words:
        return repeated(self.part.words(alphabet, length), self.lo, self.hi, length)

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        at, result = frozenset([i]), frozenset[int]()
        rounds = self.lo + len(word) + 1 if self.hi is None else self.hi
        for count in range(rounds + 1):
            if count >= self.lo:
                result |= at
            at = frozenset(k for j in at for k in self.part.ends(word, j))
            if not at:
                break
        return result


@dataclass(frozen=True)
class Rule(Expression):
    """``R = base | guard R link R tail`` or, not ``double``, ``R = base | guard R tail``; the guard is never empty."""

    base: Expression
    guard: Expression
    link: Expression
    tail: Expression
    double: bool

    def term(self) -> Term:
        base = self.base.term()

        def body() -> Term:
            inner = concat(rule, self.link.term(), rule) if self.double else rule
            return union(base, concat(self.guard.term(), inner, self.tail.term()))

        rule = ref("R", body, nullable=base.nullable)
        return rule

    def words(self, alphabet: bytes, length: int) -> Words:
        base, guard, link, tail = (p.words(alphabet, length) for p in (self.base, self.guard, self.link, self.tail))
        result: Words = frozenset()
        while True:
            inner = joined(joined(result, link, length), result, length) if self.double else result
            more = base | joined(joined(guard, inner, length), tail, length)
            if more == result:
                return result
            result = more

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        result = self.base.ends(word, i)
        at = frozenset(self.guard.ends(word, i)) - {i}
        at = frozenset(k for j in at for k in self.ends(word, j))
        if self.double:
            at = frozenset(k for j in at for k in self.link.ends(word, j))
            at = frozenset(k for j in at for k in self.ends(word, j))
        return result | frozenset(k for j in at for k in self.tail.ends(word, j))


@dataclass(frozen=True)
class Nesting(Leaf):
    """A leaf: a goes down (to ``deepest`` at most), b comes up, c (only on top) ends.  Accepts on top.  Not
    regular without ``deepest``.
    """

    depth: int
    lazy: bool
    deepest: int = 2

    @property
    def nullable(self) -> bool:
        return self.depth == 0

    @property
    def min_length(self) -> int:
        return self.depth

    def shortest(self, alphabet: int) -> bytes | None:
        return b"b" * self.depth if not self.depth or alphabet >> 0x62 & 1 else None

    def classes(self) -> tuple[int, ...] | None:
        if self.lazy:
            return None
        return (1 << 0x61, 1 << 0x62, 1 << 0x63)

    def derive(self, byte: int) -> Term:
        if byte == 0x61 and self.depth < self.deepest:
            return leaf(replace(self, depth=self.depth + 1))
        if byte == 0x62 and self.depth:
            return leaf(replace(self, depth=self.depth - 1))
        return EPSILON if byte == 0x63 and not self.depth else EMPTY


@dataclass(frozen=True)
class Nested(Expression):
    depth: int
    lazy: bool
    deepest: int = 2

    def term(self) -> Term:
        return leaf(Nesting(self.depth, self.lazy, self.deepest))

    def words(self, alphabet: bytes, length: int) -> Words:
        return frozenset(w for w in words_up_to(alphabet, length) if self.holds(w))

    def ends(self, word: bytes, i: int) -> frozenset[int]:
        depth, found = self.depth, set()
        for j in range(i, len(word) + 1):
            if depth == 0:
                found.add(j)
            if j == len(word):
                break
            if word[j : j + 1] == b"a" and depth < self.deepest:
                depth += 1
            elif word[j : j + 1] == b"b" and depth:
                depth -= 1
            else:
                if word[j : j + 1] == b"c" and not depth:
                    found.add(j + 1)
                break
        return frozenset(found)


# --- strategies -----------------------------------------------------------------------------------


class Choices:
    """Decisions read off a byte string, zeros after its end: one Hypothesis draw a tree, which is fast, and
    smaller bytes make simpler trees.
    """

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, n: int) -> int:
        return next(self._data, 0) % n

    def one_of(self, options: Ordered[T]) -> T:
        return options[self.below(len(options))]

    def word(self, alphabet: bytes, most: int) -> bytes:
        return bytes(self.one_of(alphabet) for _ in range(self.below(most + 1)))

    def count(self) -> tuple[int, int | None]:
        """(lo, hi): small, or without limit."""
        lo, more = self.below(4), self.below(5)
        return lo, None if more == 4 else lo + more


def drawn(build: Callable[[Choices], T], size: int = 64) -> st.SearchStrategy[T]:
    """What ``build`` makes of random decisions."""
    return st.binary(min_size=size, max_size=size).map(lambda data: build(Choices(data)))


def _letters(choose: Choices, alphabet: bytes) -> Letter:
    chosen = choose.below((1 << len(alphabet)) - 1) + 1
    return Letter(bytes(b for i, b in enumerate(alphabet) if chosen >> i & 1), choose.below(5) == 4)


_ATOMS = ("letter", "letter", "text", "letter", "texts", "any", "all", "nil", "nothing", "nested")


def _atom(choose: Choices, alphabet: bytes, leaves: bool) -> Expression:
    match choose.one_of(_ATOMS[: None if leaves else -1]):
        case "text":
            return Sequence(tuple(Letter(bytes([b])) for b in choose.word(alphabet, 3)))
        case "texts":
            return Texts(tuple(choose.word(alphabet, 3) for _ in range(choose.below(5) + 1)))
        case "any":
            return Letter(b"", True)
        case "all":
            return Times(Letter(b"", True), 0, None)
        case "nil":
            return Nil()
        case "nothing":
            return Nothing()
        case "nested":
            return Nested(choose.below(3), bool(choose.below(2)))
    return _letters(choose, alphabet)


def build_expression(choose: Choices, alphabet: bytes, boolean: bool, leaves: bool, depth: int) -> Expression:
    kinds = ["sequence", "either", "times", "sequence", "either", "times", "atom"]
    if boolean:
        kinds += ["both", "not", "both", "not"]
    kind = choose.one_of(kinds) if depth else "atom"
    if kind == "atom":
        return _atom(choose, alphabet, leaves)

    def inner() -> Expression:
        return build_expression(choose, alphabet, boolean, leaves, depth - 1)

    if kind == "not":
        return Not(inner())
    if kind == "times":
        return Times(inner(), *choose.count())
    parts = tuple(inner() for _ in range(choose.below(2) + 2))
    if kind == "sequence":
        return Sequence(parts)
    return Either(parts) if kind == "either" else Both(parts)


def expressions(
    alphabet: bytes = ABC, *, boolean: bool = True, leaves: bool = True, depth: int = 3
) -> st.SearchStrategy[Expression]:
    """Random languages over ``alphabet`` and, through negation, other bytes."""
    return drawn(lambda choose: build_expression(choose, alphabet, boolean, leaves, depth))


def rules(alphabet: bytes = ABC, *, boolean: bool = False) -> st.SearchStrategy[Rule]:
    """Recursive languages; the recursion itself is context free, its parts may be boolean combinations."""

    def build(choose: Choices) -> Rule:
        base = Nil() if choose.below(2) else _letters(choose, alphabet)
        guard = _letters(choose, alphabet)
        link, tail = (build_expression(choose, alphabet, boolean, False, 1) for _ in range(2))
        return Rule(base, guard, link, tail, bool(choose.below(2)))

    return drawn(build)
