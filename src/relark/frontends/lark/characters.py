"""Classes of characters that no terminal of a grammar tells apart, as the symbols of small automata.

Matchers run over classes instead of bytes: a name is two states, whatever alphabets it takes letters from.  A set of
classes is an int, bit ``i`` for class ``i``.  A language over classes is a term whose bytes spell classes: one byte a
class, or two where there are more than 256 of them (then first and second bytes are different ones, so that a class is
never read in the middle of another).

Cost: the partition is linear in the ranges of all sets together; sets of classes and their terms are remembered.
Cannot do: more than `MOST` classes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from relark.errors import UnsupportedError
from relark.frontends.regex import codepoints
from relark.frontends.regex.codepoints import Ranges, normalised
from relark.frontends.regex.lower import Spelling
from relark.language import (
    ALL,
    EMPTY,
    FULL,
    Term,
    byte_set,
    code_points,
    concat,
    derive,
    intersection,
    is_empty,
    repeat,
    transitions,
    union,
)

_HEADS = 16  # with two bytes a class: first bytes are below it, second ones not
_TAILS = 256 - _HEADS
MOST = _HEADS * _TAILS


class Characters(Spelling):
    """The classes, and how characters are written in them."""

    def __init__(self, sets: Iterable[Ranges]) -> None:
        self.classes = codepoints.partition(sets)
        if len(self.classes) > MOST:
            raise UnsupportedError(
                f"the terminals tell {len(self.classes):,} classes of characters apart; relark keeps up to {MOST:,}"
            )
        self.all = (1 << len(self.classes)) - 1
        self.width = 1 if len(self.classes) <= 256 else 2  # bytes a class
        bounds = sorted((low, high, index) for index, ranges in enumerate(self.classes) for low, high in ranges)
        self._starts = [low for low, _, _ in bounds]
        self._owners = [index for _, _, index in bounds]
        self._sets: dict[Ranges, int] = {}
        self._terms: dict[int, Term] = {}
        self._utf8: dict[int, Term] = {}
        self._moves: dict[Term, tuple[tuple[int, Term], ...]] = {}
        self._texts = repeat(self.term(self.all), 0, None)

    # -- sets of characters

    def set_of(self, ranges: Iterable[tuple[int, int]]) -> int:
        """The classes that ``ranges`` consists of."""
        wanted = normalised(ranges)
        known = self._sets.get(wanted)
        if known is None:
            known = size = 0
            for low, high in wanted:
                at = bisect_right(self._starts, low) - 1
                while at < len(self._starts) and self._starts[at] <= high:
                    known |= 1 << self._owners[at]
                    at += 1
            size = sum(high - low + 1 for index in members(known) for low, high in self.classes[index])
            if size != sum(high - low + 1 for low, high in wanted):
                raise UnsupportedError("its ignored case asks about characters in more ways than were foreseen")
            self._sets[wanted] = known
        return known

    def utf8(self, classes: int) -> Term:
        """One character of ``classes``, in UTF-8."""
        known = self._utf8.get(classes)
        if known is None:
            known = code_points(pair for index in members(classes) for pair in self.classes[index])
            self._utf8[classes] = known
        return known

    # -- as symbols

    def term(self, classes: int) -> Term:
        """One symbol out of ``classes``."""
        known = self._terms.get(classes)
        if known is None:
            known = EMPTY
            if self.width == 1:
                known = byte_set(self._filled(classes))
            else:
                for head in range(_HEADS):
                    tails = classes >> head * _TAILS & (1 << _TAILS) - 1
                    known = union(known, concat(byte_set(1 << head), byte_set(tails << _HEADS)))
            self._terms[classes] = known
        return known

    def _filled(self, classes: int) -> int:
        """As bytes: the last class has all the bytes that are left, so that all classes are all bytes."""
        last = len(self.classes) - 1
        return classes | (FULL & ~self.all if classes >> last & 1 else 0)

    def one(self, ranges: Iterable[tuple[int, int]]) -> Term:
        return self.term(self.set_of(ranges))

    def text(self, text: bytes) -> Term:
        return concat(*[self.one(((ord(c), ord(c)),)) for c in text.decode()])

    def one_of(self, texts: Iterable[bytes]) -> Term:
        return union(*map(self.text, texts))

    # -- derivatives

    def moves(self, term: Term) -> tuple[tuple[int, Term], ...]:
        """``((classes, target), ...)``: disjoint sets with distinct targets; other classes are dead."""
        known = self._moves.get(term)
        if known is None:
            by_target: dict[Term, int] = {}
            for mask, target in transitions(term):
                if self.width == 1:
                    by_target[target] = by_target.get(target, 0) | mask & self.all
                    continue
                for mask2, target2 in transitions(target):
                    tails = mask2 >> _HEADS
                    classes = sum(tails << head * _TAILS for head in members(mask & (1 << _HEADS) - 1)) & self.all
                    by_target[target2] = by_target.get(target2, 0) | classes
            known = tuple((classes, target) for target, classes in by_target.items() if classes)
            self._moves[term] = known
        return known

    def symbol(self, index: int) -> bytes:
        """The bytes of one class."""
        return bytes([index]) if self.width == 1 else bytes([index // _TAILS, index % _TAILS + _HEADS])

    def beginning(self, mask: int) -> int:
        """The classes whose symbols begin with a byte of ``mask``."""
        if self.width == 1:
            return mask & self.all
        tails = (1 << _TAILS) - 1
        return sum(tails << head * _TAILS for head in members(mask & (1 << _HEADS) - 1)) & self.all

    def derive(self, term: Term, index: int) -> Term:
        """What may follow a character of class ``index``."""
        for byte in self.symbol(index):
            term = derive(term, byte)
        return term

    def is_empty(self, term: Term) -> bool:
        """Whether no text is in ``term``."""
        if term is ALL:
            return False
        return is_empty(term if self.width == 1 else intersection(term, self._texts))


def members(mask: int) -> Iterable[int]:
    """The bits of ``mask``."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def lowest(mask: int) -> int:
    """The first bit of ``mask``."""
    return (mask & -mask).bit_length() - 1


def cut(universe: int, masks: Iterable[int]) -> list[int]:
    """``universe``, cut wherever one of ``masks`` tells two classes apart."""
    parts = [universe] if universe else []
    for mask in masks:
        if any(part & mask and part & ~mask for part in parts):
            parts = [piece for part in parts for piece in (part & mask, part & ~mask) if piece]
    return parts
