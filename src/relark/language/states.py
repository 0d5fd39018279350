"""Terms as numbers, and their derivatives as rows of numbers: what an array walk needs.

`States` numbers the terms that walks come across and keeps for each a row of 256 successors (int32; 0 is dead).  A
state whose language is empty has number 0, so a walk never enters it.  Rows are filled when a walk asks, from a
term's linear form; those of COSTLY terms byte by byte, unless many bytes are asked for.

Cannot do: terms with the LAZY flag, which derive byte by byte and whose states seldom recur.

The table is shared by all constraints and vocabularies.  It holds its terms; when it outgrows its share of the
cache limit a new one is begun, and walks in progress finish on the old one (numbers are only meaningful within one
table).
"""

from __future__ import annotations

import threading
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from relark import caches
from relark.language.completion import is_empty
from relark.language.derivative import derive, transitions
from relark.language.terms import CHECK, COSTLY, EMPTY, LAZY, Term, Union, union

DEAD = 0
_UNKNOWN = -1  # a successor that has not been asked for
_MANY = 48  # bytes that are worth a whole row
_ROW_BYTES = 256 * 4 + 300
_NUMBER_BYTES = 500


class States:
    """A table of numbered states.  Use it under its ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.terms: list[Term] = [EMPTY]
        self.rows: NDArray[np.int32] = np.full((64, 256), DEAD, np.int32)
        self.rows[DEAD] = DEAD
        self.known = np.zeros(64, np.bool_)  # whether the whole row is filled
        self.known[DEAD] = True
        self.lazy = np.zeros(64, np.bool_)  # whether the term has the LAZY flag
        self._numbers: dict[Term, int] = {EMPTY: DEAD}
        self._some_costly = False

    def number(self, term: Term) -> int:
        """The number of ``term``; DEAD if its language is empty."""
        known = self._numbers.get(term)
        if known is not None:
            return known
        live = EMPTY if is_empty(term) else term
        if live.flags & CHECK and isinstance(live, Union):  # members that died keep growing otherwise
            live = union(*[item for item in live.items if not is_empty(item)])
        number = self._numbers.get(live)
        if number is None:
            number = len(self.terms)
            if number == len(self.rows):
                self.rows = np.concatenate([self.rows, np.full_like(self.rows, DEAD)])
                self.known = np.concatenate([self.known, np.zeros_like(self.known)])
                self.lazy = np.concatenate([self.lazy, np.zeros_like(self.lazy)])
            self.lazy[number] = bool(live.flags & LAZY)
            self.terms.append(live)
            self._numbers[live] = number
        self._numbers[term] = number
        return number

    def fill(self, number: int) -> None:
        """Fill the row of a state."""
        targets = [(_members(mask), self.number(target)) for mask, target in transitions(self.terms[number])]
        row = self.rows[number]  # after numbering: that may have moved the table
        row[:] = DEAD
        for members, target in targets:
            row[members] = target
        self.known[number] = True

    def successors(self, states: NDArray[np.int32], bytes_: NDArray[np.uint8]) -> NDArray[np.int32]:
        """The successor of each state by each byte."""
        missing = states[~self.known[states]]
        if missing.size:
            for number in self.distinct(missing).tolist():
                self._prepare(number)
        after = self.rows[states, bytes_]
        if self._some_costly and (unknown := after == _UNKNOWN).any():
            self._ask(states[unknown], bytes_[unknown])
            after = self.rows[states, bytes_]
        return after

    def _prepare(self, number: int) -> None:
        term = self.terms[number]
        if not term.flags & COSTLY:
            self.fill(number)
            return
        self.rows[number] = _UNKNOWN
        self.known[number] = self._some_costly = True

    def _ask(self, states: NDArray[np.int32], bytes_: NDArray[np.uint8]) -> None:
        """Find the successors of costly states by these bytes."""
        wanted: dict[int, set[int]] = {}
        for number, byte in zip(states.tolist(), bytes_.tolist(), strict=True):
            wanted.setdefault(number, set()).add(byte)
        for number, asked in wanted.items():
            if len(asked) >= _MANY:
                self.fill(number)
                continue
            for byte in asked:
                target = self.number(derive(self.terms[number], byte))
                self.rows[number, byte] = target

    def distinct(self, numbers: NDArray[np.int32]) -> NDArray[np.intp]:
        """``numbers`` without repetition, ascending; linear, where `numpy.unique` sorts."""
        seen = np.zeros(len(self.terms), np.bool_)
        seen[numbers] = True
        return np.flatnonzero(seen)

    @property
    def bytes(self) -> int:
        return len(self.terms) * _ROW_BYTES + len(self._numbers) * _NUMBER_BYTES  # many numbers are of dead terms


class _Shared:
    """The table in use, and its place among the caches."""

    name = "states"
    share = 0.13

    def __init__(self) -> None:
        self.table = States()
        caches.register(self)

    @property
    def bytes(self) -> int:
        return self.table.bytes

    @property
    def limit(self) -> int:
        return caches.limit_of(self.share)

    def clear(self) -> None:
        self.table = States()


_shared = _Shared()


def current_states() -> States:
    """The shared table; a new one if the last outgrew its share."""
    if _shared.bytes > _shared.limit:
        _shared.clear()
    return _shared.table


@lru_cache(maxsize=4096)
def _members(mask: int) -> NDArray[np.intp]:
    return np.array([b for b in range(256) if mask >> b & 1], np.intp)
