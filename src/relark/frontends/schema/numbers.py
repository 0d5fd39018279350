"""Numbers as JSON texts: the term of all texts whose value is in a `NumberSet`.

A member may be written in these forms, where ``-`` precedes a negative number and may precede zero:

- *plain*, an integral value: ``0`` or up to `WHOLE_DIGITS` digits without leading zero (more, where the set has a bound
  with more);
- *with a point*: up to `WHOLE_DIGITS` digits as above, the point, one to `PLACES` digits (more, where a bound needs
  them; where the set is made of single values and multiples only, as many as those need and `SPARE_ZEROS` more);
- *with an exponent*: one digit other than 0, then perhaps the point and one to `PLACES` digits, then ``e`` or ``E``, an
  optional ``+`` (or ``-``) and an exponent that has one leading zero at most, and only before a single digit:
  ``1e5``, ``1.5e-07``, ``1E+22``; where any integer of a range or multiple is meant, without a point: ``3.7``, on the
  way to ``3.7e1``, would mislead.

``compact``: an integral value only plain, and zero without sign.  So everything that Python's ``json.dumps`` writes for
a number of the set is a text of the term (but for floats such as ``1.5e+16`` where any integer is meant), and no text
is so long or so far from the set that it would not be read back.

What a text says is its exact decimal value.  But most readers round it to a float (Python's ``json`` and whoever
validates what it returns), so a text with a point or an exponent does not come closer to an excluded value than the
next float does: ``x < 5`` ends at 4.999999999999999.  And it is neither greater than the greatest float nor so small
that it is read as zero.  Of multiples only the exact value counts.

How it works.  A number with a first digit d and the power of ten e of that digit is between d 10^e and (d+1) 10^e.  For
most e all of that interval is in the set or none of it is, and such a range of e is a regular term (any digits, so
many), or, where multiples count, a leaf that knows the residue of the digits so far (`_Run`, `_Mantissa`).  The few
e whose interval has a bound of the set inside become a leaf each, which holds the rest of the set as integers of a
fixed number of digits (`_Digits`, `_Pointed`).  All of them answer "is there any member that begins so" in closed form,
so no state is a dead end.  A state keeps nothing but what still matters: what is left of the set, relative to the
digits so far.

Cost: about 0.2 ms for a term, some 20 us a state; of a set of many bounds 0.1 ms more for each.  Cannot do: numbers
that are not decimal (a third) or not finite; JSON cannot either.
"""

from __future__ import annotations

import itertools
import math
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import TypeAlias

from relark.caches import Cache
from relark.frontends.schema.number_sets import ANYTHING, Grid, Lattice, Number, NumberSet, exact, lattice, lcm
from relark.language import (
    EMPTY,
    EPSILON,
    Completions,
    Leaf,
    Term,
    byte_set,
    concat,
    derive,
    leaf,
    literal,
    repeat,
    union,
)
from relark.language.terms import LeafTerm

__all__ = ["PLACES", "SPARE_ZEROS", "WHOLE_DIGITS", "NumberSet", "number_term"]

WHOLE_DIGITS = 308  # before the point: all that is less than 1e308
PLACES = 24  # after the point; Python's floats need 20
SPARE_ZEROS = 6  # after the point, beyond the digits that a set without intervals needs

LEAST_EXPONENT, MOST_EXPONENT = -324, 308  # of floats
_GREATEST = int(exact(sys.float_info.max))
_INTEGERS = NumberSet.integers()
_BROKEN = _INTEGERS.negate()

_DIGIT = byte_set(0x3FF << 48)
_ZERO, _POINT, _MINUS, _PLUS = (literal(c) for c in (b"0", b".", b"-", b"+"))
_E_BYTES = 1 << ord("e") | 1 << ord("E")
_E = byte_set(_E_BYTES)
_DIGIT_BYTES = 0x3FF << 48
_FIXED = _DIGIT_BYTES | 1 << ord(".")
_SIGNS = _FIXED | 1 << ord("-")
_SCIENTIFIC = _SIGNS | _E_BYTES

Ranges: TypeAlias = "tuple[tuple[int, int, Grid], ...]"
"""A set of integers >= 0: what of a grid is from the first number to the second, both included; in order, disjoint."""


# --- integers ---------------------------------------------------------------------------------------------------------

_TENS: list[int] = [10**n for n in range(800)]


def _ten(n: int) -> int:
    return _TENS[n] if n < len(_TENS) else int(10**n)


def _size(x: int) -> int:
    """The number of decimal digits of ``x`` > 0."""
    n = x.bit_length() * 1233 >> 12  # a little less than log10(2) a bit
    while _ten(n) <= x:
        n += 1
    return n


def _numeral(x: int, width: int) -> bytes:
    """``x`` in ``width`` digits, however many (Python converts only so many at once)."""
    if width < 4000:
        return b"%0*d" % (width, x) if width else b""
    high, low = divmod(x, _ten(width // 2))
    return _numeral(high, width - width // 2) + _numeral(low, width // 2)


def _following(grid: Grid, x: int) -> int | None:
    """The least member of a grid of integers from ``x`` on; None if the grid is empty."""
    found: int | None = None
    for part in grid:
        of = int(part.of or 1)
        y = -(-x // of) * of
        while any(y % b == 0 for b in part.but):
            y += of
        if found is None or y < found:
            found = y
    return found


def _preceding(grid: Grid, x: int) -> int:
    """The greatest member up to ``x`` of a grid that is not empty."""
    found: int | None = None
    for part in grid:
        of = int(part.of or 1)
        y = x // of * of
        while any(y % b == 0 for b in part.but):
            y -= of
        if found is None or y > found:
            found = y
    assert found is not None
    return found


@lru_cache(maxsize=4096)
def _period(grid: Grid) -> int:
    """A number by which every grid of integers repeats itself."""
    return math.lcm(*[int(m) for part in grid for m in (part.of or 1, *part.but)])


_start = itemgetter(0)


def _window(ranges: Ranges, phase: int, start: int, size: int) -> tuple[Ranges, int]:
    """What of ``ranges`` is in ``[start, start + size)``, counted from ``start``, in normal form: each range begins and
    ends with a member.

    ``phase``: what is to be added to a number before its multiples are asked for.
    """
    first = max(bisect_right(ranges, start, key=_start) - 1, 0)
    found: list[tuple[int, int, Grid]] = []
    period = 1
    for i in range(first, len(ranges)):
        lo, hi, grid = ranges[i]
        if lo >= start + size:
            break
        a, b = max(lo, start), min(hi, start + size - 1)
        if a > b:
            continue
        if grid is not ANYTHING:
            grid = _between(grid, phase + a, phase + b)
            if not grid:
                continue
            a, b = _least(grid, phase + a) - phase, _preceding(grid, phase + b) - phase
            if a == b:
                grid = ANYTHING
            else:
                period = math.lcm(period, _period(grid))
        a, b = a - start, b - start
        if found and grid is ANYTHING and found[-1][1] == a - 1 and found[-1][2] is ANYTHING:
            found[-1] = found[-1][0], b, grid
        else:
            found.append((a, b, grid))
    return tuple(found), (phase + start) % period


# --- digits -----------------------------------------------------------------------------------------------------------


def _digits(ranges: Ranges, phase: int, least: int, most: int) -> Term:
    """``least`` to ``most`` digits, which, with zeros put behind them to make them ``most``, are a number of
    ``ranges``.
    """
    if not ranges:
        return EMPTY
    if most == 0:
        return EPSILON
    if len(ranges) == 1:
        a, b, grid = ranges[0]
        if a == b:
            text = _numeral(a, most)
            if least < most:
                text = text[: max(least, len(text.rstrip(b"0")))]
            return concat(literal(text), repeat(_ZERO, 0, most - len(text)))
        if grid is ANYTHING and a == 0 and b == _ten(most) - 1:
            return repeat(_DIGIT, least, most)
    return leaf(_Digits(ranges, phase, least, most))


class _Numeric(Leaf):
    """Every leaf of this module."""

    __slots__ = ()

    def is_spelled(self, alphabet: int) -> bool:
        return alphabet & _SIGNS == _SIGNS and bool(alphabet & _E_BYTES)


@dataclass(frozen=True, slots=True)
class _Digits(_Numeric):
    """See `_digits`, which makes it."""

    ranges: Ranges
    phase: int
    least: int
    most: int

    @property
    def nullable(self) -> bool:
        return self.least == 0 and self.ranges[0][0] == 0

    def classes(self) -> tuple[int, ...]:
        return _digit_classes(self.ranges, self.most)

    def derive(self, byte: int) -> Term:
        if not 48 <= byte < 58:
            return EMPTY
        size = _ten(self.most - 1)
        rest = _window(self.ranges, self.phase, (byte - 48) * size, size)
        return _digits(*rest, max(self.least - 1, 0), self.most - 1)

    @property
    def min_length(self) -> int:
        return _shortest_digits(self)[0]

    def shortest(self, alphabet: int) -> bytes | None:
        if alphabet & _DIGIT_BYTES != _DIGIT_BYTES:
            return _searched(self, alphabet)
        length, value = _shortest_digits(self)
        return _numeral(value, self.most)[:length]

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        if alphabet & _DIGIT_BYTES != _DIGIT_BYTES:
            return None
        return self.min_length, self.most

    def __str__(self) -> str:
        return f"{self.most} digits of a bounded number"


@lru_cache(maxsize=1024)
def _shortest_digits(digits: _Digits) -> tuple[int, int]:
    """How many digits a shortest member has, and its value."""
    for length in range(digits.least, digits.most):
        step = _ten(digits.most - length)
        for a, b, grid in digits.ranges:
            for part in grid:
                found = _aligned(part, digits.phase, step, a, b)
                if found is not None:
                    return length, found
    return digits.most, digits.ranges[0][0]


def _aligned(part: Lattice, phase: int, step: int, a: int, b: int) -> int | None:
    """A multiple of ``step`` from ``a`` to ``b`` that is in ``part`` once ``phase`` is added; None if there is none."""
    of = int(part.of or 1)
    common = math.gcd(of, step)
    if phase % common:
        return None
    by = of // common
    x = step * (-(phase // common) * pow(step // common, -1, by) % by)
    period = step * by
    x += -((x - a) // period) * period
    for _ in range(1000):  # where what is excluded recurs in step, only so many are looked at
        if x > b:
            return None
        if all((x + phase) % m for m in part.but):
            return x
        x += period
    return None


def _digit_classes(ranges: Ranges, count: int) -> tuple[int, ...]:
    """The first digits of ``count`` that may lead to a member; those that behave alike together."""
    size = _ten(count - 1)
    first, last = ranges[0][0] // size, ranges[-1][1] // size
    if len(ranges) == 1 and ranges[0][2] is ANYTHING and last - first > 1:
        return 1 << 48 + first, ((1 << last - first - 1) - 1) << 49 + first, 1 << 48 + last
    return tuple(1 << 48 + d for d in range(first, last + 1))


def _between(grid: Grid, a: int, b: int) -> Grid:
    """What of the grid matters from ``a`` to ``b``; empty if it has no member there."""
    found = []
    for part in grid:
        least = _following((part,), a)
        if least is not None and least <= b:
            but = tuple(m for m in part.but if -(-a // m) * m <= b)
            if part.of in (None, 1) and not but:
                return ANYTHING
            found.append(part if len(but) == len(part.but) else Lattice(part.of, but))
    return tuple(found)


def _pointed(ranges: Ranges, phase: int, before: int, after: int) -> Term:
    """``before`` digits, the point, one to ``after`` digits: in units of the last, a number of ``ranges``."""
    if not ranges:
        return EMPTY
    if before == 0:
        return concat(_POINT, _digits(ranges, phase, 1, after))
    if len(ranges) == 1:
        a, b, grid = ranges[0]
        if (
            _ten(after) % _period(grid) == 0
            and a == _least(grid, phase) - phase
            and b == _preceding(grid, phase + _ten(before + after) - 1) - phase
        ):
            return concat(repeat(_DIGIT, before, before), _POINT, _fraction(grid, phase, after))
    return leaf(_Pointed(ranges, phase, before, after))


def _least(grid: Grid, x: int) -> int:
    found = _following(grid, x)
    assert found is not None
    return found


def _fraction(grid: Grid, phase: int, after: int) -> Term:
    """One to ``after`` digits whose number is in the grid once ``phase`` is added."""
    return _digits(*_window(((0, _ten(after) - 1, grid),), phase, 0, _ten(after)), 1, after)


@dataclass(frozen=True, slots=True)
class _Pointed(_Numeric):
    """See `_pointed`, which makes it."""

    ranges: Ranges
    phase: int
    before: int  # > 0
    after: int

    @property
    def nullable(self) -> bool:
        return False

    def classes(self) -> tuple[int, ...]:
        return _digit_classes(self.ranges, self.before + self.after)

    def derive(self, byte: int) -> Term:
        if not 48 <= byte < 58:
            return EMPTY
        size = _ten(self.before - 1 + self.after)
        rest = _window(self.ranges, self.phase, (byte - 48) * size, size)
        return _pointed(*rest, self.before - 1, self.after)

    @property
    def min_length(self) -> int:
        length, _ = _shortest_digits(self._joined())
        return length + 1

    def _joined(self) -> _Digits:
        return _Digits(self.ranges, self.phase, self.before + 1, self.before + self.after)

    def shortest(self, alphabet: int) -> bytes | None:
        if alphabet & _FIXED != _FIXED:
            return _searched(self, alphabet)
        text = self._joined().shortest(alphabet)
        return None if text is None else text[: self.before] + b"." + text[self.before :]

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        return (self.min_length, self.before + 1 + self.after) if alphabet & _FIXED == _FIXED else None

    def __str__(self) -> str:
        return f"{self.before} digits and a fraction of a bounded number"


# --- as many digits as one likes --------------------------------------------------------------------------------------


def _run(grid: Grid, read: int, least: int, most: int, after: int) -> Term:
    """``least`` to ``most`` digits (and, unless ``after`` is 0, the point and one to ``after`` digits) that come after
    the digits of ``read`` and make a number in the grid, which counts in units of the last.
    """
    period = _period(grid)
    if _ten(after) % period == 0:
        rest = concat(_POINT, _fraction(grid, 0, after)) if after else EPSILON
        return concat(repeat(_DIGIT, least, most), rest)
    while least <= most and not _begins(grid, read, least + after):
        least += 1
    while least <= most and not _begins(grid, read, most + after):
        most -= 1
    if least > most:
        return EMPTY
    return leaf(_Run(grid, read % (period // math.gcd(period, _ten(least + after))), least, most, after))


def _begins(grid: Grid, read: int, more: int) -> bool:
    """Whether ``read`` and ``more`` digits make a number in the grid."""
    found = _following(grid, read * _ten(more))
    return found is not None and found < (read + 1) * _ten(more)


@dataclass(frozen=True, slots=True)
class _Run(_Numeric):
    """See `_run`, which makes it: ``least`` and ``most`` are such that there is a member with as many digits."""

    grid: Grid
    read: int  # as far as its multiples matter
    least: int
    most: int
    after: int

    @property
    def nullable(self) -> bool:
        return self.least == 0 and self.after == 0

    def classes(self) -> tuple[int, ...]:
        digits = tuple(1 << d for d in range(48, 58)) if self.most else ()
        return (*digits, 1 << 46) if self.least == 0 and self.after else digits

    def derive(self, byte: int) -> Term:
        if 48 <= byte < 58 and self.most:
            return _run(self.grid, self.read * 10 + byte - 48, max(self.least - 1, 0), self.most - 1, self.after)
        if byte == 46 and self.least == 0 and self.after:
            return _fraction(self.grid, self.read * _ten(self.after), self.after)
        return EMPTY

    @property
    def min_length(self) -> int:
        return self.least + (2 if self.after else 0)

    def shortest(self, alphabet: int) -> bytes | None:
        if alphabet & _FIXED != _FIXED:
            return _searched(self, alphabet)
        text = _Digits(*self._rest(), self.least + bool(self.after), self.least + self.after).shortest(alphabet)
        return text if text is None or not self.after else text[: self.least] + b"." + text[self.least :]

    def _rest(self) -> tuple[Ranges, int]:
        size = _ten(self.least + self.after)
        return _window(((0, size - 1, self.grid),), self.read * size, 0, size)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        text = self.shortest(alphabet) if alphabet & _FIXED == _FIXED else None
        if text is None:
            return None
        return len(text), min(self.most, max(self.least, _size(_period(self.grid)))) + (
            1 + self.after if self.after else 0
        )

    def clamp(self, term: Term, limit: int) -> Term:
        most = max(self.least, limit) + _size(_period(self.grid))
        return term if most >= self.most else leaf(_Run(self.grid, self.read, self.least, most, self.after))

    def __str__(self) -> str:
        return "digits of a multiple"


# --- exponents --------------------------------------------------------------------------------------------------------

Spans: TypeAlias = "tuple[tuple[int, int], ...]"  # of exponents, both ends included; in order, disjoint


@lru_cache(maxsize=4096)
def _exponent(spans: Spans) -> Term:
    """``e`` and one of the exponents."""
    positive = _numerals([(max(lo, 0), hi) for lo, hi in spans if hi >= 0])
    negative = _numerals([(max(-hi, 1), -lo) for lo, hi in reversed(spans) if lo < 0])
    return concat(_E, union(concat(repeat(_PLUS, 0, 1), positive), concat(_MINUS, negative)))


def _numerals(spans: list[tuple[int, int]]) -> Term:
    ranges = tuple((lo, hi, ANYTHING) for lo, hi in spans)
    parts = [concat(repeat(_ZERO, 0, 1), _digits(*_window(ranges, 0, 0, 10), 1, 1))]
    for length in (2, 3):
        found = [(max(lo, _ten(length - 1)), min(hi, _ten(length) - 1), ANYTHING) for lo, hi in spans]
        parts.append(_digits(tuple(r for r in found if r[0] <= r[1]), 0, length, length))
    return union(*parts)


Factors: TypeAlias = "tuple[int, int, int]"  # u, a, b: the number u 2^a 5^b, where 10 and u have no common factor
Clause: TypeAlias = "tuple[Factors | None, tuple[Factors, ...]]"  # a Lattice


def _factors(unit: int, places: int) -> Factors:
    """Of ``unit / 10**places``."""
    twos = _valuation(unit, 2)
    fives = _valuation(unit, 5)
    return unit // (2**twos * 5**fives), twos - places, fives - places


def _clause(part: Lattice, places: int) -> Clause:
    """Of a lattice of integers in units of ``10**-places``."""
    of = None if part.of is None else _factors(int(part.of), places)
    return of, tuple(_factors(int(b), places) for b in part.but)


def _valuation(x: int, p: int) -> int:
    if p == 2:
        return (x & -x).bit_length() - 1
    n = 0
    while x % p == 0:
        x //= p
        n += 1
    return n


def _coarse(factors: Factors, e: int) -> int:
    """The least positive integer whose product with 10^e is a multiple of the number."""
    u, a, b = factors
    twos, fives = max(0, a - e), max(0, b - e)
    return (u << twos) * int(5**fives)


def _shift(n: int, factors: Factors) -> int | None:
    """The least s such that n 10^s is a multiple of the number; None if there is none."""
    if n == 0:
        return -_ALWAYS
    u, a, b = factors
    return None if n % u else max(a - _valuation(n, 2), b - _valuation(n, 5))


_ALWAYS = 1 << 40


def _mantissa(clauses: tuple[Clause, ...], n: int, places: int, stage: int, lo: int, hi: int) -> Term:
    """What follows the digits ``n`` of a mantissa, ``places`` of them after the point: more places and an exponent from
    ``lo`` to ``hi`` that make a number in one of the clauses.

    ``stage``: 0 before the point, 1 right after it, 2 later.
    """
    left = PLACES - places
    if left == 0 and stage == 1:
        return EMPTY
    if all(of is not None and not but for of, but in clauses):
        while lo <= hi and not _reaches(clauses, n, left, lo):  # what is possible stays so with a greater exponent
            lo += 1
        if lo > hi:
            return EMPTY
        period = math.lcm(*[_coarse(of, lo - places) for of, _ in clauses if of is not None])
        if period == 1 and any(_coarse(of, lo - PLACES) == 1 for of, _ in clauses if of is not None):
            return _free(left, stage, ((lo, hi),))
        n %= period
    else:
        if not _reaches_any(clauses, n, left, lo, hi):
            return EMPTY
        factors = [f for of, but in clauses for f in ((of,) if of else ()) + but]
        if all(a == b for _, a, b in factors):  # then of n only its residue counts, and the zeros at its end
            most = max(hi - a + 1 for _, a, _ in factors)
            zeros = max(min(_valuation(n, 2), _valuation(n, 5)), places - most)
            if zeros == places - most and all(of is None for of, _ in clauses):
                return _free(left, stage, ((lo, hi),))
            period = math.lcm(*[u for u, _, _ in factors])
            n = n * pow(10, -zeros, period) % period
            n = (n if n % 10 else n + period) * _ten(zeros)
    return leaf(_Mantissa(clauses, n, places, stage, lo, hi))


def _free(left: int, stage: int, spans: Spans) -> Term:
    """``left`` more places at most, whichever, and an exponent."""
    if stage:
        return concat(repeat(_DIGIT, 1 if stage == 1 else 0, left), _exponent(spans))
    return concat(repeat(concat(_POINT, repeat(_DIGIT, 1, left)), 0, 1), _exponent(spans))


def _reaches(clauses: tuple[Clause, ...], n: int, left: int, e: int) -> bool:
    """Whether ``n`` and ``left`` more places are the mantissa of a number with exponent ``e``."""
    return any(_extended(of, but, n, left, e - PLACES) is not None for of, but in clauses)


def _reaches_any(clauses: tuple[Clause, ...], n: int, left: int, lo: int, hi: int) -> bool:
    for clause in clauses:
        of, but = clause
        if not but:
            exponents: Iterable[int] = (hi,)
        elif of is None:
            exponents = (lo,)  # what is no multiple is none with a smaller exponent
        else:
            exponents = range(hi, lo - 1, -1)
            likely = PLACES - left + max(of[1:])
            near = range(max(lo, likely), min(hi, likely + 2 + _size(of[0])) + 1)
            exponents = itertools.chain(near, exponents)
        if any(_reaches((clause,), n, left, e) for e in exponents):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Mantissa(_Numeric):
    """See `_mantissa`, which makes it."""

    clauses: tuple[Clause, ...]
    n: int  # as far as its multiples matter
    places: int
    stage: int
    lo: int
    hi: int

    @property
    def nullable(self) -> bool:
        return False

    def spans(self) -> Spans:
        """The exponents with which the mantissa may end here."""
        if self.stage == 1:
            return ()
        found = []
        for of, but in self.clauses:
            lo, hi = self.lo, self.hi
            if of is not None:
                shift = _shift(self.n, of)
                if shift is None:
                    continue
                lo = max(lo, self.places + shift)
            for b in but:
                shift = _shift(self.n, b)
                if shift is not None:
                    hi = min(hi, self.places + shift - 1)
            if lo <= hi:
                found.append((lo, hi))
        joined: list[tuple[int, int]] = []
        for lo, hi in sorted(found):
            if joined and lo <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(hi, joined[-1][1])
            else:
                joined.append((lo, hi))
        return tuple(joined)

    def classes(self) -> tuple[int, ...]:
        return (*(tuple(1 << d for d in range(48, 58)) if self.stage else (1 << 46,)), 1 << 101 | 1 << 69)

    def derive(self, byte: int) -> Term:
        if byte in b"eE":
            spans = self.spans()
            return derive(_exponent(spans), byte) if spans else EMPTY
        if byte == 46 and self.stage == 0:
            return _mantissa(self.clauses, self.n, 0, 1, self.lo, self.hi)
        if 48 <= byte < 58 and self.stage and self.places < PLACES:
            return _mantissa(self.clauses, self.n * 10 + byte - 48, self.places + 1, 2, self.lo, self.hi)
        return EMPTY

    @property
    def min_length(self) -> int:
        return 3 if self.stage == 1 else 2

    def shortest(self, alphabet: int) -> bytes | None:
        if not alphabet & _E_BYTES:
            return None
        return _searched(self, alphabet) if alphabet & _SCIENTIFIC != _SCIENTIFIC else _shortest_mantissa(self)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        if alphabet & _SCIENTIFIC != _SCIENTIFIC:
            return None
        return len(_shortest_mantissa(self)), PLACES - self.places + 6

    def __str__(self) -> str:
        return "the mantissa of a multiple"


@lru_cache(maxsize=1024)
def _shortest_mantissa(start: _Mantissa) -> bytes:
    """A shortest member, over all bytes."""
    best: bytes | None = None
    for more in range(1 if start.stage == 1 else 0, PLACES - start.places + 1):
        if best is not None and more + 2 >= len(best):
            break
        places = start.places + more
        for of, but in start.clauses:
            likeliest = start.lo if of is None else start.hi
            if (of is None or not but) and _extended(of, but, start.n, more, likeliest - places) is None:
                continue  # nor with any other exponent
            for e in sorted(range(start.lo, start.hi + 1), key=abs):
                found = _extended(of, but, start.n, more, e - places)
                if found is not None:
                    digits = _numeral(found, more)
                    text = (b"." if more and not start.stage else b"") + digits + b"e%d" % e
                    if best is None or len(text) < len(best):
                        best = text
                    break
    assert best is not None
    return best


def _extended(of: Factors | None, but: tuple[Factors, ...], n: int, more: int, e: int) -> int | None:
    """The least ``more`` digits that after ``n`` make, times 10^e, a number in the clause; None if there are none."""
    part = lattice(1 if of is None else _coarse(of, e), [_coarse(b, e) for b in but])
    found = None if part is None else _following((part,), n * _ten(more))
    return None if found is None or found >= (n + 1) * _ten(more) else found - n * _ten(more)


def _searched(start: Leaf, alphabet: int) -> bytes | None:
    """A shortest member over ``alphabet``, level by level; None where none was found."""
    completions = Completions(alphabet)
    best: bytes | None = None
    level: dict[Term, bytes] = {leaf(start): b""}
    while level and (best is None or len(next(iter(level.values()))) < len(best)):
        after: dict[Term, bytes] = {}
        for term, text in level.items():
            if not isinstance(term, LeafTerm):
                rest = completions.shortest(term)
                if rest is not None and (best is None or len(text) + len(rest) < len(best)):
                    best = text + rest
                continue
            if term.nullable:
                return text if best is None or len(text) < len(best) else best
            for mask in term.leaf.classes() or ():
                byte = next((b for b in range(128) if (mask & alphabet) >> b & 1), None)
                if byte is not None:
                    after.setdefault(term.leaf.derive(byte), text + bytes([byte]))
        after.pop(EMPTY, None)
        level = dict(itertools.islice(after.items(), _SEARCHED))
    return best


_SEARCHED = 200  # states that a search for a shortest text keeps a level


# --- whole numbers ----------------------------------------------------------------------------------------------------


def _units(numbers: NumberSet, places: int, most: int) -> Ranges:
    """The members from 0 on, in units of ``10**-places``, less than ``most`` units; members between two units are left
    out.  `Lattice.of` stays None where there were such, unless the unit is 1.
    """
    scale = _ten(places)
    found: list[tuple[int, int, Grid]] = []
    grids: dict[Grid, Grid] = {}

    def add(a: int, b: int, grid: Grid) -> None:
        if not grid or a > b:
            return
        if found:
            x, y, other = found[-1]
            if y + 1 == a:
                if other == grid or (a == b and grid is ANYTHING and any(a in part for part in other)):
                    found[-1] = x, b, other
                    return
                if x == y and other is ANYTHING and any(x in part for part in grid):
                    found[-1] = x, b, grid
                    return
        found.append((a, b, grid))

    cuts = numbers.cuts
    i = bisect_left(cuts, 0)
    if numbers.contains(0):
        add(0, 0, ANYTHING)
    last = 0
    if i < len(cuts) and cuts[i] == 0:
        i += 1
    while True:
        cut = cuts[i] if i < len(cuts) else None
        low, over = (most, 0) if cut is None else divmod(cut.numerator * scale, cut.denominator)
        grid = grids.get(numbers.gaps[i])
        if grid is None:
            grid = grids[numbers.gaps[i]] = _scaled(numbers.gaps[i], places)
        add(last + 1, min(low + bool(over), most) - 1, grid)
        if low >= most:
            return tuple(found)
        last = low
        if numbers.at[i] and not over:
            add(last, last, ANYTHING)
        i += 1


def _scaled(grid: Grid, places: int) -> Grid:
    """The grid in units of ``10**-places``."""
    scale = _ten(places)
    unit = exact(Fraction(1, scale))
    found: list[Lattice] = []
    for part in grid:
        fine = lattice(None if part.of is None and places else lcm(part.of or unit, unit), part.but)
        if fine is not None:
            of = None if fine.of is None or fine.of == unit else int(fine.of * scale)
            found.append(Lattice(of, tuple(int(b * scale) for b in fine.but)))
    return ANYTHING if ANYTHING[0] in found else tuple(found)


def _coarser(grid: Grid, by: int) -> Grid:
    """A grid of integers in units of ``10**by``."""
    found = []
    for part in grid:
        if by <= 0:
            of = None if part.of is None else part.of * _ten(-by)
            found.append(Lattice(of, tuple(b * _ten(-by) for b in part.but)))
            continue
        unit = _ten(by)
        fine = lattice(lcm(part.of or 1, unit), part.but)
        if fine is not None:
            of = None if fine.of == unit else fine.of // unit  # type: ignore[operator]
            found.append(Lattice(of, tuple(b // unit for b in fine.but)))
    return ANYTHING if ANYTHING[0] in found else tuple(found)


class _Scaled:
    """The members from 0 on of a set, in units of ``10**-places``, less than ``most`` units."""

    def __init__(self, numbers: NumberSet, places: int, most: int) -> None:
        self.places = places
        self.ranges = _units(numbers, places, most)
        self.ends = sorted({_size(x) - 1 - places for a, b, _ in self.ranges for x in (a, b + 1) if x})

    def window(self, digit: int, e: int) -> tuple[Ranges, int]:
        """What has that first digit and exponent, relative to the digit."""
        size = _ten(e + self.places)
        return _window(self.ranges, 0, digit * size, size)

    def covering(self, x: int) -> int:
        """The index of the range that ``x`` is in or that follows it."""
        i = bisect_right(self.ranges, x, key=_start)
        return i - 1 if i and self.ranges[i - 1][1] >= x else i

    def levels(self, digit: int, lo: int, hi: int) -> list[tuple[int, int, Grid]]:
        """The exponents from ``lo`` to ``hi`` in spans: all numbers with that first digit are in the grid, or (a single
        exponent, an empty grid) some are in the set; other exponents have no member.
        """
        found: list[tuple[int, int, Grid]] = []

        def add(first: int, last: int, grid: Grid) -> None:
            if grid and found and found[-1][1] == first - 1 and found[-1][2] == grid:
                found[-1] = found[-1][0], last, grid
            else:
                found.append((first, last, grid))

        ranges, unit = self.ranges, self.places
        first = lo
        for e in [*[e for e in self.ends if lo <= e <= hi], hi + 1]:
            if first < e:  # no bound from here to e - 1
                x = digit * _ten(e - 1 + unit) if e - 1 + unit >= 0 else 1
                i = self.covering(x)
                if i < len(ranges) and ranges[i][0] <= x:
                    add(first, e - 1, ranges[i][2])
            if e <= hi:
                x, y = digit * _ten(e + unit), (digit + 1) * _ten(e + unit) - 1
                i = self.covering(x)
                if i < len(ranges) and ranges[i][0] <= y:
                    add(e, e, ranges[i][2] if ranges[i][0] <= x and y <= ranges[i][1] else ())
            first = e + 1
        return found


class _Magnitudes:
    """The texts of the numbers from 0 on, without sign, by their first digit."""

    def __init__(self, numbers: NumberSet, read: NumberSet, *, zero: bool) -> None:
        """``numbers``: what may be plain; ``read``: what may have a point or an exponent; ``zero``: whether zero may be
        plain.
        """
        self.zero = zero and numbers.contains(0)
        self.integral = any(read.gaps) and read.meet(_BROKEN).is_empty()
        self.digits = max([WHOLE_DIGITS, *[_size(math.floor(x)) for x in _constants(numbers, -1) if x >= 1]])
        self.plain = _Scaled(numbers, 0, _ten(self.digits))
        needed = max([_decimals(x) for x in _constants(read, None)], default=0)
        dense = any(part.of is None for grid in read.gaps for part in grid)
        self.places = max(PLACES, needed + 2) if dense else needed + SPARE_ZEROS
        self.read = _Scaled(read, self.places, _GREATEST * _ten(self.places) + 1)
        self._after: dict[int, Term] = {}

    def after(self, digit: int) -> Term:
        """What may follow the first digit."""
        found = self._after.get(digit)
        if found is None:
            found = union(*(self._number(digit) if digit else self._zero()))
            self._after[digit] = found
        return found

    def _zero(self) -> Iterator[Term]:
        if self.zero:
            yield EPSILON
        yield concat(_POINT, _digits(*_window(self.read.ranges, 0, 0, _ten(self.places)), 1, self.places))

    def _number(self, digit: int) -> Iterator[Term]:
        for lo, hi, grid in self.plain.levels(digit, 0, self.digits - 1):
            yield _run(grid, digit, lo, hi, 0) if grid else _digits(*self.plain.window(digit, lo), lo, lo)
        places = self.places
        for lo, hi, grid in self.read.levels(digit, 0, WHOLE_DIGITS - 1):
            yield _run(grid, digit, lo, hi, places) if grid else _pointed(*self.read.window(digit, lo), lo, places)
        least = LEAST_EXPONENT + (digit < 3)  # less is read as zero
        free: list[tuple[int, int]] = []
        for lo, hi, grid in self.read.levels(digit, least, MOST_EXPONENT):
            if not grid:
                yield self._bare(self._bounded(digit, lo))
            elif any(part.of is None and not part.but for part in grid):
                free.append((lo, hi))
            else:
                first = lo
                if all(part.of is not None for part in grid):
                    first = max(lo, min(_size(int(part.of or 1)) for part in grid) - 1 - places)
                clauses = tuple(_clause(part, places) for part in grid)
                yield self._bare(_mantissa(clauses, digit, 0, 0, first, hi))
        if free:
            yield self._bare(_free(PLACES, 0, tuple(free)))

    def _bare(self, mantissa: Term) -> Term:
        """Of integers, a mantissa without a point: else ``3.7`` would be on the way to ``3.7e1``."""
        if not self.integral:
            return mantissa
        return concat(byte_set(1 << ord("e") | 1 << ord("E")), derive(mantissa, ord("e")))

    def _bounded(self, digit: int, e: int) -> Term:
        """What may follow with the exponent ``e``."""
        by = e - PLACES + self.places  # from units of the set to units of the last place of the mantissa
        one = _ten(e + self.places)
        found = []
        for i in range(self.read.covering(digit * one), len(self.read.ranges)):
            lo, hi, fine = self.read.ranges[i]
            if lo >= (digit + 1) * one:
                break
            grid = fine if fine is ANYTHING else _coarser(fine, by)
            a, b = (-(-lo // _ten(by)), hi // _ten(by)) if by > 0 else (lo * _ten(-by), hi * _ten(-by))
            if grid and a <= b:
                found.append((a, b, grid))
        rest = _window(tuple(found), 0, digit * _ten(PLACES), _ten(PLACES))
        whole = EPSILON if rest[0] and rest[0][0][0] == 0 else EMPTY
        return concat(union(whole, concat(_POINT, _digits(*rest, 1, PLACES))), _exponent(((e, e),)))


def _constants(numbers: NumberSet, end: int | None) -> set[Number]:
    """The numbers of its multiples and its bounds, of these only from index ``end`` on unless that is None."""
    found: set[Number] = set(numbers.cuts[end:])
    for grid in set(numbers.gaps):
        for part in grid:
            found.update((part.of or 0, *part.but))
    return found


def _decimals(x: Number) -> int:
    """How many digits after the point a number has; 0 where it is not decimal."""
    return 0 if isinstance(x, int) else _decimals_over(x.denominator)


@lru_cache(maxsize=1024)
def _decimals_over(denominator: int) -> int:
    twos, fives = _valuation(denominator, 2), _valuation(denominator, 5)
    return max(twos, fives) if denominator == 2**twos * 5**fives else 0


# --- numbers as others read them --------------------------------------------------------------------------------------


def as_floats(numbers: NumberSet) -> NumberSet:
    """``numbers`` without those that are read as a float outside of it, as far as that can be: intervals end at the
    last float inside, and an integer that is no float is left out.
    """
    cuts: list[Number] = []
    at: list[bool] = []
    gaps: list[Grid] = []
    bounds = [None, *numbers.cuts, None]
    for i, grid in enumerate(numbers.gaps):
        lo, hi = bounds[i], bounds[i + 1]
        low, high = lo, hi
        if any(part.of is None for part in grid):
            low = None if lo is None else _beside(numbers, lo, math.inf)
            high = None if hi is None else _beside(numbers, hi, -math.inf)
            if low is not None and high is not None and low > high:
                low, high = lo, hi  # no float is inside
        if low is not None and low != lo:
            gaps.append(())
            cuts.append(low)
            at.append(any(low in part for part in grid))
        gaps.append(grid)
        if high is not None and high != hi:
            if low != high:
                cuts.append(high)
                at.append(any(high in part for part in grid))
            else:
                gaps.pop()
            gaps.append(())
        if hi is not None:
            cuts.append(hi)
            at.append(numbers.at[i] and not (isinstance(hi, int) and _read(hi) != hi))
    return NumberSet(tuple(cuts), tuple(at), tuple(gaps))


def _read(x: Number) -> Number | None:
    """``x`` as it is read and written again; None for what is too great."""
    if isinstance(x, int) and -_EXACT <= x <= _EXACT:
        return x
    try:
        return exact(float(x))
    except OverflowError:
        return None


def _beside(numbers: NumberSet, bound: Number, towards: float) -> Number:
    """Where the interval of ``numbers`` that ends at ``bound`` and goes ``towards`` may begin."""
    read = _read(bound)
    if bound == 0 or read is None or (read > bound if towards > 0 else read < bound) or numbers.contains(read):
        return bound
    after = math.nextafter(float(bound), towards)
    return bound if math.isinf(after) else exact(after)


_EXACT = 1 << 53  # integers up to here are floats


# --- the term ---------------------------------------------------------------------------------------------------------


class _Signed:
    """The texts of a set by their sign; what begins with which digit is worked out when it is asked for."""

    def __init__(self, numbers: NumberSet, compact: bool) -> None:
        self._numbers, self._compact = numbers, compact

    @cached_property
    def _read(self) -> NumberSet:
        read = as_floats(self._numbers)
        return read.meet(_BROKEN) if self._compact else read

    @cached_property
    def above(self) -> _Magnitudes:
        return _Magnitudes(self._numbers, self._read, zero=True)

    @cached_property
    def below(self) -> _Magnitudes:
        return _Magnitudes(_mirrored(self._numbers), _mirrored(self._read), zero=not self._compact)

    @cached_property
    def has_minus(self) -> bool:
        """Whether some text may begin with a minus; cheap, and perhaps wrongly True."""
        cuts, at, gaps = self._numbers.cuts, self._numbers.at, self._numbers.gaps
        zero = bisect_left(cuts, 0)
        return any(gaps[: zero + 1]) or any(at[:zero]) or (not self._compact and self._numbers.contains(0))

    @cached_property
    def after_minus(self) -> Term:
        if not self.has_minus or all(self.below.after(digit) is EMPTY for digit in range(10)):
            return EMPTY
        return leaf(_First(self, True))


def _mirrored(numbers: NumberSet) -> NumberSet:
    return NumberSet(tuple(-cut for cut in reversed(numbers.cuts)), numbers.at[::-1], numbers.gaps[::-1])


@dataclass(frozen=True, slots=True)
class _First(_Numeric):
    """Up to the first digit, before or after a minus."""

    texts: _Signed
    minus: bool

    @property
    def nullable(self) -> bool:
        return False

    def classes(self) -> tuple[int, ...]:
        digits = tuple(1 << d for d in range(48, 58))
        return (*digits, 1 << 45) if not self.minus and self.texts.has_minus else digits

    def derive(self, byte: int) -> Term:
        if 48 <= byte < 58:
            return (self.texts.below if self.minus else self.texts.above).after(byte - 48)
        return self.texts.after_minus if byte == 45 and not self.minus else EMPTY

    @property
    def min_length(self) -> int:
        return 1

    def _next(self, alphabet: int) -> list[tuple[bytes, Term]]:
        steps = [(bytes([b]), self.derive(b)) for b in b"0123456789-" if alphabet >> b & 1]
        return [(text, term) for text, term in steps if term is not EMPTY]

    def shortest(self, alphabet: int) -> bytes | None:
        completions = Completions(alphabet)
        texts = [(text, completions.shortest(term)) for text, term in self._next(alphabet)]
        return min((text + rest for text, rest in texts if rest is not None), key=len, default=None)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        completions = Completions(alphabet, within)
        found = [completions.bounds(term) for _, term in self._next(alphabet)]
        if not found:
            return None
        return 1 + min(length for length, _ in found), max(max(pair) for pair in found)

    def __str__(self) -> str:
        return "a number"


_terms: Cache[tuple[NumberSet, bool], Term] = Cache(
    "numbers", share=0.01, cost=lambda key, value: 8_000 + 400 * len(key[0].cuts)
)


def number_term(numbers: NumberSet, *, compact: bool) -> Term:
    """The JSON texts of the members of ``numbers``, in the forms that the module's docstring lists."""
    key = numbers, compact
    known = _terms.get(key)
    if known is None:
        known = EMPTY if numbers.is_empty() else _number_term(numbers, compact)
        _terms.put(key, known)
    return known


def _number_term(numbers: NumberSet, compact: bool) -> Term:
    first = _First(_Signed(numbers, compact), False)
    return leaf(first) if any(first.derive(byte) is not EMPTY for byte in b"1023456789-") else EMPTY
