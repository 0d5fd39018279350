"""Finite sets of byte strings: choices, enums, long alternations, named lists.

A leaf over one shared, sorted tuple: its state is a range of that tuple and how many bytes of it are read, so a
derivative is two bisections and nothing is built per member.  100,000 members cost one sort.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass

from relark.language.terms import EMPTY, EPSILON, FULL, Leaf, Term, leaf, literal


class _Texts:
    """The shared, sorted members; compared by content, hashed once."""

    __slots__ = ("bytes", "hash", "items")

    def __init__(self, items: tuple[bytes, ...]) -> None:
        self.items = items
        self.bytes = sum(1 << byte for byte in set().union(*items))  # those that occur, as a mask
        self.hash = hash(items)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Texts) and self.hash == other.hash and self.items == other.items)

    def __hash__(self) -> int:
        return self.hash


@dataclass(frozen=True, slots=True)
class OneOf(Leaf):
    """Members ``lo`` to ``hi`` (exclusive) of ``texts``, which share their first ``depth`` bytes, from there on."""

    texts: _Texts
    lo: int
    hi: int
    depth: int

    @property
    def nullable(self) -> bool:
        return len(self.texts.items[self.lo]) == self.depth

    def is_prefix_free(self) -> bool:
        items = self.texts.items
        return not any(items[i + 1].startswith(items[i]) for i in range(self.lo, self.hi - 1))

    @property
    def min_length(self) -> int:
        items = self.texts.items
        return min(len(items[i]) for i in range(self.lo, self.hi)) - self.depth

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        if self.texts.bytes & ~alphabet:
            return None
        lengths = [len(item) for item in self.texts.items[self.lo : self.hi]]
        return min(lengths) - self.depth, max(lengths) - self.depth

    def shortest(self, alphabet: int) -> bytes | None:
        rests = (item[self.depth :] for item in self.texts.items[self.lo : self.hi])
        if alphabet != FULL:
            rests = (rest for rest in rests if all(alphabet >> byte & 1 for byte in rest))
        return min(rests, key=len, default=None)

    def classes(self) -> tuple[int, ...]:
        items, depth = self.texts.items, self.depth
        masks = []
        i = self.lo + (1 if self.nullable else 0)
        while i < self.hi:
            byte = items[i][depth]
            masks.append(1 << byte)
            i = self._after(i, byte)
        return tuple(masks)

    def derive(self, byte: int) -> Term:
        items, depth = self.texts.items, self.depth
        start = self.lo + (1 if self.nullable else 0)
        if start == self.hi:
            return EMPTY
        prefix = items[self.lo if not self.nullable else start][:depth]
        lo = bisect.bisect_left(items, prefix + bytes([byte]), start, self.hi)
        if lo == self.hi or items[lo][depth] != byte:
            return EMPTY
        hi = self._after(lo, byte)
        if hi - lo == 1:
            return literal(items[lo][depth + 1 :])
        return leaf(OneOf(self.texts, lo, hi, depth + 1))

    def _after(self, i: int, byte: int) -> int:
        """The first member past ``i`` whose byte at ``depth`` is not ``byte``."""
        items, depth = self.texts.items, self.depth
        if byte == 255:
            return self.hi
        return bisect.bisect_left(items, items[i][:depth] + bytes([byte + 1]), i, self.hi)

    def __str__(self) -> str:
        return f"{self.hi - self.lo} texts"


def one_of(texts: Iterable[bytes]) -> Term:
    """Exactly one of ``texts``; duplicates count once."""
    items = tuple(sorted(set(texts)))
    if not items:
        return EMPTY
    if len(items) == 1:
        return literal(items[0]) if items[0] else EPSILON
    return leaf(OneOf(_Texts(items), 0, len(items), 0))
