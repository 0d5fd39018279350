r"""Sets of decoded texts with a memory of their own: containing a match, and holding so many characters.

Both could be said with the operators of the algebra, and are leaves because their states are fewer that way:

- `containing`: texts with a match somewhere.  As ``TEXT X TEXT`` a state keeps looking for further matches after the
  first; the leaf becomes `TEXT` there.
- `counted`: members of a language with so many code points.  As an intersection each state needs a search for
  emptiness, and counts cannot be clamped for masks; the leaf knows the lengths of what is left (an interval wherever
  lengths have no gaps, else a set) and drops a bound that can no longer be missed.

Cost: a derivative costs one of what is inside.
"""

from __future__ import annotations

from dataclasses import dataclass

from relark.caches import Cache
from relark.language import (
    ANY_CHARACTER,
    EMPTY,
    EPSILON,
    TEXT,
    Completions,
    Leaf,
    Term,
    byte_set,
    concat,
    derive,
    intersection,
    is_empty,
    leaf,
    lower_bound,
    repeat,
    transitions,
    union,
)
from relark.language.completion import NONE
from relark.language.derivative import clamp
from relark.language.literals import OneOf
from relark.language.terms import (
    CHECK,
    FULL,
    LAZY,
    PREFIX_FREE,
    ByteSet,
    Complement,
    Concat,
    Epsilon,
    Intersection,
    LeafTerm,
    Repeat,
    Union,
)

__all__ = ["Measured", "containing", "counted"]

_INNER = sum(1 << byte for byte in range(0x80, 0xC0))  # bytes that go on with a character
_OUTER = FULL & ~_INNER  # bytes that begin one
_UTF8 = FULL & ~(0b11 << 0xC0 | ((1 << 11) - 1) << 0xF5)  # bytes that occur in UTF-8
MAX_COUNT = 4096  # beyond it, lengths with gaps are not listed


# --- containing -------------------------------------------------------------------------------------------------------


def containing(anywhere: Term, first: Term = EMPTY) -> Term:
    """Texts that contain a member of ``anywhere``, or begin with one of ``first`` (both made of whole characters)."""
    return _containing(anywhere, first, EPSILON)


def _containing(anywhere: Term, begun: Term, character: Term) -> Term:
    if character is EPSILON and (anywhere.nullable or begun.nullable):
        return TEXT
    if anywhere is EMPTY and begun is EMPTY:
        return EMPTY
    return leaf(_Containing(anywhere, begun, character))


@dataclass(frozen=True, slots=True)
class _Containing(Leaf):
    """``begun``: what is left of matches that have begun; ``character``: what is left of the character being read."""

    anywhere: Term
    begun: Term
    character: Term

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        return min(lower_bound(self.begun), lower_bound(self.character) + lower_bound(self.anywhere))

    @property
    def may_be_empty(self) -> bool:
        return bool((self.anywhere.flags | self.begun.flags) & CHECK)

    def is_empty(self) -> bool:
        return is_empty(self.begun) and is_empty(self.anywhere)

    def _matches(self) -> Term:
        return union(self.begun, self.anywhere) if self.character is EPSILON else self.begun

    def first(self) -> int | None:
        if self._matches().flags & LAZY:
            return None
        return (ANY_CHARACTER if self.character is EPSILON else self.character).first

    def classes(self) -> tuple[int, ...] | None:
        matches = self._matches()
        if matches.flags & LAZY:
            return None
        masks = [mask for mask, _ in transitions(ANY_CHARACTER if self.character is EPSILON else self.character)]
        for split, _ in transitions(matches):
            masks = [part for mask in masks for part in (mask & split, mask & ~split) if part]
        return tuple(masks)

    def derive(self, byte: int) -> Term:
        character = derive(ANY_CHARACTER if self.character is EPSILON else self.character, byte)
        if character is EMPTY:
            return EMPTY
        return _containing(self.anywhere, derive(self._matches(), byte), character)

    def clamp(self, term: Term, limit: int) -> Term:
        return _containing(clamp(self.anywhere, limit), clamp(self.begun, limit), self.character)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        completions = Completions(alphabet, within)
        length = completions.bounds(self.anywhere)[0]
        if self.anywhere is EMPTY:
            length, rest = completions.bounds(self.begun)
            return None if rest >= NONE else (length, max(length, rest))
        if length >= NONE or _INNER & ~alphabet:
            return None
        return length + 3, length + 3  # the rest of a character, and a match

    def shortest(self, alphabet: int) -> bytes | None:
        completions = Completions(alphabet)
        begun, rest = completions.shortest(self.begun), completions.shortest(self.character)
        anew = completions.shortest(self.anywhere)
        found = [text for text in (begun, None if rest is None or anew is None else rest + anew) if text is not None]
        return min(found, key=len, default=None)

    def __str__(self) -> str:
        return (
            f"containing {self.anywhere!r}"
            if self.begun is EMPTY
            else f"containing {self.anywhere!r} or {self.begun!r}"
        )


class Measured(Leaf):
    """A leaf that knows how long its members are; for `counted`."""

    __slots__ = ()

    def lengths(self) -> tuple[int, int | None]:
        """The least and the greatest number of code points (None: no limit); all between occur."""
        raise NotImplementedError


# --- counted ----------------------------------------------------------------------------------------------------------


def counted(term: Term, least: int, most: int | None) -> Term:
    """Members of ``term``, a language of decoded text or of what is left of it, with ``least`` to ``most`` code points.

    A code point counts where it begins.
    """
    if most is not None and most < max(least, 0):
        return EMPTY
    if term.flags & LAZY or isinstance(term, Intersection | Complement):
        return intersection(term, _count(least, most))
    low, high, _ = _lengths(term)
    if low >= least:
        least = 0
    if most is not None and high is not None and high <= most:
        most = None
    if least <= 0 and most is None:
        return term
    if (most is not None and low > most) or (high is not None and high < least):
        return EMPTY
    if isinstance(term, Repeat) and term.item is ANY_CHARACTER:
        return repeat(ANY_CHARACTER, max(term.lo, least), most)
    if _meets(term, least, most) is False:
        return EMPTY
    return leaf(_Counted(term, max(least, 0), most))


def _count(least: int, most: int | None) -> Term:
    """So many beginnings of characters."""
    inner = repeat(byte_set(_INNER), 0, None)
    return concat(inner, repeat(concat(byte_set(_OUTER), inner), max(least, 0), most))


Lengths = tuple[int, "int | None", bool]  # the least, the greatest (None: no limit), and whether all between occur
_known_lengths: Cache[Term, Lengths] = Cache("lengths", share=0.005, cost=lambda key, value: 250)


def _lengths(term: Term) -> Lengths:
    """How many code points begin in members of ``term``: bounds, exact where the third is True."""
    known = _known_lengths.get(term)
    if known is None:
        known = _find_lengths(term)
        _known_lengths.put(term, known)
    return known


def _find_lengths(term: Term) -> Lengths:
    match term:
        case Epsilon():
            return 0, 0, True
        case ByteSet():
            return (0 if term.mask & _INNER else 1), (1 if term.mask & _OUTER else 0), True
        case Concat():
            parts: list[Lengths] = []
            rest: Term = term
            while isinstance(rest, Concat):
                parts.append(_lengths(rest.head))
                rest = rest.tail
            parts.append(_lengths(rest))
            return (
                sum(p[0] for p in parts),
                None if any(p[1] is None for p in parts) else sum(p[1] or 0 for p in parts),
                all(p[2] for p in parts),
            )
        case Union():
            spans = sorted((_lengths(item) for item in term.items), key=lambda s: s[0])
            least, greatest, dense = spans[0]
            for low, high, inside in spans[1:]:
                dense = dense and inside and (greatest is None or low <= greatest + 1)
                greatest = None if greatest is None or high is None else max(greatest, high)
            return least, greatest, dense
        case Repeat():
            low, high, dense = _lengths(term.item)
            if term.hi != term.lo:  # the counts of characters in k items, for each k, must touch
                first = max(term.lo, 1)
                touch = high is None or term.hi == first or high * first >= low * (first + 1) - 1
                dense = dense and touch and (term.lo > 0 or low <= 1)
            endless = high is None or (term.hi is None and high > 0)
            return term.lo * low, None if endless else (term.hi or 0) * (high or 0), dense
        case LeafTerm(leaf=_Containing() as inside):
            return min(_lengths(t)[0] for t in (inside.begun, inside.anywhere) if t is not EMPTY), None, True
        case LeafTerm(leaf=_Counted() as count):
            low, high, dense = _lengths(count.term)
            bounds = [bound for bound in (high, count.most) if bound is not None]
            return max(low, count.least), min(bounds, default=None), dense
        case LeafTerm(leaf=Measured() as measured):
            return (*measured.lengths(), True)
        case LeafTerm(leaf=OneOf() as texts):
            lengths = _lengths_of_texts(texts)
            return min(lengths), max(lengths), False
    return 0, None, False


def _lengths_of_texts(texts: OneOf) -> set[int]:
    return {_begun(text[texts.depth :]) for text in texts.texts.items[texts.lo : texts.hi]}


def _meets(term: Term, least: int, most: int | None) -> bool | None:
    """Whether some member of ``term`` has ``least`` to ``most`` code points; None where that is not known."""
    _, high, dense = _lengths(term)
    if dense:
        return True  # the bounds overlap, as the caller knows
    if most is None:
        most = high
    limit = least if most is None else most
    if limit > MAX_COUNT:
        return None
    found = _listed(term, max(1 << limit.bit_length(), 64))  # one list for all the counts of a long text
    if found is None:
        return None
    wanted = ((1 << (limit + 1)) - 1) & ~((1 << least) - 1)
    return bool(found & wanted) or most is None


_lists: Cache[tuple[Term, int], int] = Cache(
    "listed lengths", share=0.005, cost=lambda key, value: 250 + value.bit_length() // 8
)


def _listed(term: Term, limit: int) -> int | None:
    """Bit n: some member of ``term`` has n code points, up to ``limit``; None where that is not known."""
    low, high, dense = _lengths(term)
    everything = (1 << (limit + 1)) - 1
    if dense:
        most = limit if high is None else min(high, limit)
        return 0 if low > most else ((1 << (most + 1)) - 1) & ~((1 << low) - 1)
    known = _lists.get((term, limit))
    if known is not None:
        return known - 1 if known else None
    found: int | None = None
    match term:
        case Concat():
            found = 1
            rest: Term = term
            while found is not None:
                head, rest = (rest.head, rest.tail) if isinstance(rest, Concat) else (rest, EPSILON)
                found = _sums(found, _listed(head, limit), everything)
                if rest is EPSILON:
                    break
        case Union():
            parts = [_listed(item, limit) for item in term.items]
            found = None if None in parts else 0
            for part in parts:
                if found is not None and part is not None:
                    found |= part
        case LeafTerm(leaf=OneOf() as texts):
            found = sum(1 << length for length in _lengths_of_texts(texts) if length <= limit)
        case Repeat():
            item = _listed(term.item, limit)
            if item is not None:
                found = _power(item, term.lo, everything)
                times = limit if term.hi is None else min(term.hi - term.lo, limit)
                while times > 0 and found is not None:
                    more = _sums(found, item, everything)
                    if more is None or found | more == found:
                        break
                    found |= more
                    times -= 1
    _lists.put((term, limit), 0 if found is None else found + 1)
    return found


def _sums(a: int | None, b: int | None, everything: int) -> int | None:
    """All sums of one of ``a`` and one of ``b``."""
    if a is None or b is None:
        return None
    if a.bit_count() > b.bit_count():
        a, b = b, a
    result = 0
    while a:
        shift = (a & -a).bit_length() - 1
        result |= b << shift
        a &= a - 1
    return result & everything


def _power(item: int, times: int, everything: int) -> int | None:
    result: int | None = 1
    while times and result:
        if times & 1:
            result = _sums(result, item, everything)
        times >>= 1
        if times:
            item = _sums(item, item, everything) or 0
    return result


@dataclass(frozen=True, slots=True)
class _Counted(Leaf):
    term: Term
    least: int
    most: int | None

    @property
    def nullable(self) -> bool:
        return self.term.nullable and self.least <= 0

    @property
    def min_length(self) -> int:
        return max(lower_bound(self.term), self.least)

    @property
    def may_be_empty(self) -> bool:
        return bool(self.term.flags & CHECK) or _meets(self.term, self.least, self.most) is None

    def is_empty(self) -> bool:
        return is_empty(intersection(self.term, _count(self.least, self.most)))

    def is_prefix_free(self) -> bool:
        return bool(self.term.flags & PREFIX_FREE)

    def first(self) -> int:
        return self.term.first & (FULL if self.most != 0 else _INNER)

    def classes(self) -> tuple[int, ...] | None:
        usable = FULL if self.most != 0 else _INNER
        masks = [mask & usable for mask, _ in transitions(self.term)]
        return tuple(part for mask in masks for part in (mask & _INNER, mask & _OUTER) if part)

    def derive(self, byte: int) -> Term:
        target = derive(self.term, byte)
        if target is EMPTY:
            return EMPTY
        if _INNER >> byte & 1:
            return counted(target, self.least, self.most)
        if self.most == 0:
            return EMPTY
        return counted(target, self.least - 1, None if self.most is None else self.most - 1)

    def clamp(self, term: Term, limit: int) -> Term:
        """Without the upper bound where so few bytes leave enough room for the longest way to an end."""
        if self.term.flags & CHECK or (self.least > 0 and not _is_gapless(self.term)):
            return term
        rest = Completions().bounds(self.term)[1] if self.most is not None else 0
        most = None if self.most is None or (rest < NONE and self.most >= limit + max(rest, self.least)) else self.most
        least = self.least if self.least < limit else limit
        if (least, most) == (self.least, self.most):
            return term
        return counted(clamp(self.term, limit) if most is None else self.term, least, most)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        if _UTF8 & ~alphabet:
            return None
        # What is alive has a member whose code points are within the bound; a code point takes four bytes at most.
        length, rest = Completions(alphabet, within).bounds(self.term)
        limits = [] if self.most is None else [self.most]
        if max(length, rest) < NONE and (self.least <= 0 or _is_gapless(self.term)):
            limits.append(max(length, rest, self.least))
        return (4 * min(limits) + 3, 4 * min(limits) + 3) if limits else None

    def shortest(self, alphabet: int) -> bytes | None:
        completions = Completions(alphabet)
        text = completions.shortest(self.term)
        if text is not None and self.least <= (n := _begun(text)) and (self.most is None or n <= self.most):
            return text
        return completions.shortest(intersection(self.term, _count(self.least, self.most)))

    def __str__(self) -> str:
        return f"{self.least} to {'any' if self.most is None else self.most} characters of {self.term!r}"


def _is_gapless(term: Term) -> bool:
    """Whether every derivative of ``term`` has members of every length from that of its shortest on."""
    match term:
        case Repeat():
            return term.hi is None and _lengths(term.item)[0] <= 1
        case Concat():
            last = term.tail
            while isinstance(last, Concat):
                last = last.tail
            return _is_gapless(last)
        case Union():
            return all(map(_is_gapless, term.items))
        case LeafTerm():
            return isinstance(term.leaf, _Containing)
    return False


def _begun(text: bytes) -> int:
    return sum(1 for byte in text if _OUTER >> byte & 1)
