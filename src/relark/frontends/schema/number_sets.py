"""Sets of decimal numbers: what minimum, maximum, multipleOf, enum and their boolean combinations mean.

The line is cut at finitely many places; a cut is in the set or not, and what lies between two cuts is a `Grid`: a union
of lattices, "the multiples of this that are no multiples of those".  So meets, joins and complements are one pass over
the cuts of both, and emptiness is exact: an unbounded lattice has members unless it excludes itself, a bounded one is
asked for its first.

Numbers are exact: int where integral, else Fraction; a float stands for its shortest decimal text, as it would be
written in a schema (0.1 is one tenth).

Cost: some 10 us an operation, a few more for each cut.  Cannot do: more than `MAX_LATTICES` lattices in one grid, as a
long ``anyOf`` of different multipleOf would need; numbers of more than `MAX_DIGITS` digits.  `numbers` writes the
members as JSON texts.
"""

from __future__ import annotations

import heapq
import itertools
import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from relark.errors import UnsupportedError

Number: TypeAlias = "int | Fraction"  # an integral value is always an int
MAX_DIGITS = 4300  # of a number in a schema, before or after the decimal point: what Python reads by default


def exact(value: int | float | Decimal | Fraction) -> Number:
    """``value`` exactly; a float stands for its shortest decimal text.

    Raises ValueError for infinities and NaN, `UnsupportedError` for numbers of more than `MAX_DIGITS` digits.
    """
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number that JSON can write")
        if abs(value.adjusted()) > MAX_DIGITS:
            raise UnsupportedError(f"{value}: numbers have at most {MAX_DIGITS} digits before or after the point")
    found = Fraction(value)
    return found.numerator if found.denominator == 1 else found


# --- what holds between two cuts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lattice:
    """The multiples of ``of`` (None: all decimal numbers) that are multiples of none of ``but``.

    ``but`` is sorted; each of it is a multiple of ``of``, but not ``of`` itself.
    """

    of: Number | None
    but: tuple[Number, ...] = ()

    def __contains__(self, x: Number) -> bool:
        return (self.of is None or x % self.of == 0) and all(x % b for b in self.but)

    def members(self, lo: Number, hi: Number) -> Iterator[Number]:
        """Those strictly between ``lo`` and ``hi``, in order; not for all decimal numbers."""
        step = self.of or 1
        x = (lo // step + 1) * step
        while x < hi:
            if all(x % b for b in self.but):
                yield x
            x += step

    def has_member(self, lo: Number | None, hi: Number | None) -> bool:
        """Whether there is one strictly between ``lo`` and ``hi`` (None: unbounded), where ``lo < hi``."""
        if self.of is None or lo is None or hi is None:
            return True
        return next(self.members(lo, hi), None) is not None


Grid: TypeAlias = tuple[Lattice, ...]  # a union
_EVERY = Lattice(None)
NOTHING: Grid = ()
ANYTHING: Grid = (_EVERY,)
MAX_LATTICES = 200  # that one combination of multipleOf may need


def lcm(a: Number, b: Number) -> Number:
    """The least number that is a multiple of both."""
    if isinstance(a, int) and isinstance(b, int):
        return math.lcm(a, b)
    found = Fraction(math.lcm(a.numerator, b.numerator), math.gcd(a.denominator, b.denominator))
    return found.numerator if found.denominator == 1 else found


def lattice(of: Number | None, but: Iterable[Number]) -> Lattice | None:
    """The normal form; None if it has no members."""
    kept: list[Number] = []
    for b in sorted({b if of is None else lcm(of, b) for b in but}):
        if b == of:
            return None
        if all(b % k for k in kept):
            kept.append(b)
    return Lattice(of, tuple(kept))


def _within(a: Lattice, b: Lattice) -> bool:
    """Whether ``a`` is obviously a part of ``b``."""
    if b.of is not None and (a.of is None or a.of % b.of):
        return False
    for x in b.but:
        common = x if a.of is None else lcm(a.of, x)
        if all(common % y for y in a.but):
            return False
    return True


def _grid(lattices: Iterable[Lattice | None]) -> Grid:
    found = list(dict.fromkeys(x for x in lattices if x is not None))
    changed = True
    while changed:
        changed = False
        if len(found) > MAX_LATTICES:
            raise UnsupportedError(f"multipleOf: a combination of more than {MAX_LATTICES} different multiples")
        found = [
            a
            for i, a in enumerate(found)
            if not any(_within(a, b) and (i > j or not _within(b, a)) for j, b in enumerate(found) if i != j)
        ]
        for i, a in enumerate(found):  # what one excludes another may bring back
            for x in a.but:
                others = tuple(y for y in a.but if y != x)
                excluded = lattice(x, others)
                if excluded is None or any(_within(excluded, b) for b in found):
                    found[i] = Lattice(a.of, others)
                    changed = True
                    break
    return tuple(sorted(found, key=lambda x: (x.of is not None, x.of or 0, x.but)))


def _grid_join(a: Grid, b: Grid) -> Grid:
    if a in (b, ANYTHING) or b == NOTHING:
        return a
    if a == NOTHING or b == ANYTHING:
        return b
    return _grid((*a, *b))


def _grid_meet(a: Grid, b: Grid) -> Grid:
    if a in (b, NOTHING) or b == ANYTHING:
        return a
    if a == ANYTHING or b == NOTHING:
        return b
    return _grid(
        lattice(x.of if y.of is None else y.of if x.of is None else lcm(x.of, y.of), (*x.but, *y.but))
        for x in a
        for y in b
    )


def _grid_negate(grid: Grid) -> Grid:
    found = ANYTHING
    for x in grid:
        outside: list[Lattice | None] = [Lattice(b) for b in x.but]
        if x.of is not None:
            outside.append(Lattice(None, (x.of,)))
        found = _grid_meet(found, _grid(outside))
    return found


# --- the sets ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NumberSet:
    """A set of decimal numbers: those of ``gaps[i]`` between ``cuts[i-1]`` and ``cuts[i]``, and the cuts where ``at``.

    Immutable; made by `all`, `none`, `integers`, `interval`, `multiples`, `values` and by `meet`, `join`, `negate`.
    """

    cuts: tuple[Number, ...]
    at: tuple[bool, ...]
    gaps: tuple[Grid, ...]

    @staticmethod
    def all() -> NumberSet:
        """Every number."""
        return _ALL

    @staticmethod
    def none() -> NumberSet:
        """No number."""
        return _NONE

    @staticmethod
    def integers() -> NumberSet:
        """Every integral number, 1.0 too."""
        return _INTEGERS

    @staticmethod
    def interval(
        lo: int | float | Decimal | Fraction | None,
        hi: int | float | Decimal | Fraction | None,
        *,
        lo_open: bool = False,
        hi_open: bool = False,
    ) -> NumberSet:
        """From ``lo`` to ``hi`` (None: unbounded), without them where open."""
        low, high = (None if x is None else exact(x) for x in (lo, hi))
        if low is None and high is None:
            return _ALL
        if low is None:
            return NumberSet((high,), (not hi_open,), (ANYTHING, NOTHING))  # type: ignore[arg-type]
        if high is None:
            return NumberSet((low,), (not lo_open,), (NOTHING, ANYTHING))
        if low > high or (low == high and (lo_open or hi_open)):
            return _NONE
        if low == high:
            return _normal((low,), (True,), (NOTHING, NOTHING))
        return NumberSet((low, high), (not lo_open, not hi_open), (NOTHING, ANYTHING, NOTHING))

    @staticmethod
    def multiples(of: int | float | Decimal | Fraction) -> NumberSet:
        """The multiples of ``of``, which must be greater than 0 and decimal."""
        step = exact(of)
        if step <= 0:
            raise ValueError(f"multiples of {of}: must be greater than 0")
        if step == 1:
            return _INTEGERS
        return NumberSet((), (), ((Lattice(step),),))

    @staticmethod
    def values(values: Iterable[int | float | Decimal | Fraction]) -> NumberSet:
        """Exactly ``values``."""
        cuts = tuple(sorted({exact(v) for v in values}))
        if not cuts:
            return _NONE
        return NumberSet(cuts, (True,) * len(cuts), (NOTHING,) * (len(cuts) + 1))

    def meet(self, other: NumberSet) -> NumberSet:
        """What is in both."""
        if self is other or other is _ALL or self is _NONE:
            return self
        if self is _ALL or other is _NONE:
            return other
        return _combined(self, other, _grid_meet, lambda a, b: a and b)

    def join(self, other: NumberSet) -> NumberSet:
        """What is in either."""
        if self is other or other is _NONE or self is _ALL:
            return self
        if self is _NONE or other is _ALL:
            return other
        return _combined(self, other, _grid_join, lambda a, b: a or b)

    def negate(self) -> NumberSet:
        """All other numbers."""
        if self is _ALL:
            return _NONE
        if self is _NONE:
            return _ALL
        known: dict[Grid, Grid] = {}
        gaps = tuple(known[g] if g in known else known.setdefault(g, _grid_negate(g)) for g in self.gaps)
        return _normal(self.cuts, tuple(not a for a in self.at), gaps)

    def is_empty(self) -> bool:
        """Whether no number is in it; exact."""
        return not any(self.at) and not any(self.gaps)

    def contains(self, value: int | float | Decimal | Fraction) -> bool:
        """Whether ``value`` is in it."""
        x = exact(value)
        i = bisect_left(self.cuts, x)
        if i < len(self.cuts) and self.cuts[i] == x:
            return self.at[i]
        return any(x in part for part in self.gaps[i])

    def count(self, limit: int) -> int:
        """How many numbers are in it: exact below ``limit``, else ``limit``."""
        found = sum(self.at)
        for lo, hi, grid in self._between():
            if found >= limit:
                break
            if not grid:
                continue
            if lo is None or hi is None or any(part.of is None for part in grid):
                return limit
            step = grid[0].of or 1
            if len(grid) == 1 and not grid[0].but:
                found += int(-(-hi // step) - lo // step - 1)
            else:
                members = _merged([part.members(lo, hi) for part in grid])
                found += sum(1 for _ in itertools.islice(members, limit - found))
        return min(found, limit)

    def members(self, limit: int) -> list[Number] | None:
        """Its members in order; None if there are more than ``limit``."""
        if self.count(limit + 1) > limit:
            return None
        found: list[Number] = []
        for (lo, hi, grid), cut, held in zip(self._between(), [*self.cuts, None], [*self.at, False], strict=True):
            if lo is not None and hi is not None:
                found += _merged([part.members(lo, hi) for part in grid])
            if cut is not None and held:
                found.append(cut)
        return found

    def _between(self) -> Iterator[tuple[Number | None, Number | None, Grid]]:
        """The gaps with what they are between."""
        return zip([None, *self.cuts], [*self.cuts, None], self.gaps, strict=True)


def _merged(streams: list[Iterator[Number]]) -> Iterator[Number]:
    """Ascending streams as one, each number once."""
    return (x for x, _ in itertools.groupby(heapq.merge(*streams)))


def _normal(cuts: tuple[Number, ...], at: tuple[bool, ...], gaps: Iterable[Grid]) -> NumberSet:
    """Without members that a bounded gap is too narrow for, and without cuts that cut nothing."""
    bounds = [None, *cuts, None]
    clean = [
        grid
        if not grid or (grid[0].of is None and len(grid) == 1)
        else tuple(x for x in grid if x.has_member(bounds[i], bounds[i + 1]))
        for i, grid in enumerate(gaps)
    ]
    keep = [
        i for i, cut in enumerate(cuts) if clean[i] != clean[i + 1] or at[i] != any(cut in part for part in clean[i])
    ]
    if not keep:
        if clean[0] == ANYTHING:
            return _ALL
        if clean[0] == NOTHING:
            return _NONE
        return _INTEGERS if clean[0] == _WHOLE else NumberSet((), (), (clean[0],))
    return NumberSet(
        tuple(cuts[i] for i in keep), tuple(at[i] for i in keep), (clean[0], *(clean[i + 1] for i in keep))
    )


def _combined(
    a: NumberSet, b: NumberSet, grids: Callable[[Grid, Grid], Grid], at: Callable[[bool, bool], bool]
) -> NumberSet:
    cuts: list[Number] = []
    held: list[bool] = []
    known: dict[tuple[Grid, Grid], Grid] = {}
    gaps: list[Grid] = []
    i = j = 0
    n, m = len(a.cuts), len(b.cuts)
    while True:
        pair = a.gaps[i], b.gaps[j]
        grid = known.get(pair)
        if grid is None:
            grid = known[pair] = grids(*pair)
        gaps.append(grid)
        if i == n and j == m:
            break
        if j == m or (i < n and a.cuts[i] < b.cuts[j]):
            cut, x, y = a.cuts[i], a.at[i], any(a.cuts[i] in part for part in b.gaps[j])
            i += 1
        elif i == n or b.cuts[j] < a.cuts[i]:
            cut, x, y = b.cuts[j], any(b.cuts[j] in part for part in a.gaps[i]), b.at[j]
            j += 1
        else:
            cut, x, y = a.cuts[i], a.at[i], b.at[j]
            i += 1
            j += 1
        cuts.append(cut)
        held.append(at(x, y))
    return _normal(tuple(cuts), tuple(held), gaps)


_WHOLE: Grid = (Lattice(1),)
_ALL = NumberSet((), (), (ANYTHING,))
_NONE = NumberSet((), (), (NOTHING,))
_INTEGERS = NumberSet((), (), (_WHOLE,))
