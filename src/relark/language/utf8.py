"""Sets of code points as terms over their UTF-8 bytes (RFC 3629).

A set becomes a union with one alternative per distinct rest after the lead byte, so ``\\w`` with its 770 ranges is some
hundred nodes, shared with every other set that contains the same blocks.  Surrogates (U+D800 to U+DFFF) have no
UTF-8 form and are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from relark.language.terms import Term, byte_set, concat, repeat, union

MAX_CODE_POINT = 0x10FFFF
_LENGTHS = ((0x00, 0x7F), (0x80, 0x7FF), (0x800, 0xFFFF), (0x10000, MAX_CODE_POINT))


def code_points(ranges: Iterable[tuple[int, int]]) -> Term:
    """One character out of ``ranges``, inclusive pairs of code points in any order."""
    return _code_points(tuple(normalise(ranges)))


def normalise(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same set as sorted, disjoint, non-touching ranges, without surrogates."""
    result: list[tuple[int, int]] = []
    for lo, hi in sorted(ranges):
        for part_lo, part_hi in ((lo, min(hi, 0xD7FF)), (max(lo, 0xE000), hi)):
            if part_lo > part_hi:
                continue
            if result and part_lo <= result[-1][1] + 1:
                result[-1] = (result[-1][0], max(result[-1][1], part_hi))
            else:
                result.append((part_lo, part_hi))
    return result


@lru_cache(maxsize=1024)
def _code_points(ranges: tuple[tuple[int, int], ...]) -> Term:
    parts: list[Term] = []
    for length, (first, last) in enumerate(_LENGTHS, start=1):
        inside = [(max(lo, first), min(hi, last)) for lo, hi in ranges if lo <= last and hi >= first]
        if inside:
            parts.append(_sequences(inside, length - 1, 0 if length == 1 else (0xF00 >> length) & 0xFF))
    return union(*parts)


def _sequences(ranges: list[tuple[int, int]], rest: int, marker: int) -> Term:
    """Code units for ``ranges``: one byte ``marker | top bits`` and ``rest`` continuation bytes of six bits each."""
    if rest == 0:
        mask = 0
        for lo, hi in ranges:
            mask |= ((1 << (hi - lo + 1)) - 1) << (marker | lo)
        return byte_set(mask)
    shift = 6 * rest
    below = (1 << shift) - 1
    by_rest: dict[tuple[tuple[int, int], ...], int] = {}  # what follows -> mask of the first bytes
    by_top: dict[int, list[tuple[int, int]]] = {}
    for lo, hi in ranges:
        for top in range(lo >> shift, (hi >> shift) + 1):
            inside = (lo & below if top == lo >> shift else 0, hi & below if top == hi >> shift else below)
            by_top.setdefault(top, []).append(inside)
    for top, inner in by_top.items():
        key = tuple(inner)
        by_rest[key] = by_rest.get(key, 0) | 1 << (marker | top)
    return union(*[concat(byte_set(mask), _sequences(list(key), rest - 1, 0x80)) for key, mask in by_rest.items()])


ANY_CHARACTER = code_points([(0, MAX_CODE_POINT)])
TEXT = repeat(ANY_CHARACTER, 0, None)  # every well-formed UTF-8 string
