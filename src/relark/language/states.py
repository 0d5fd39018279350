"""Terms as numbers, and their derivatives as rows of numbers: what an array walk needs.

`States` numbers the terms that walks come across and keeps for each a row of 256 successors (int32; 0 is dead), or,
within a literal, the one byte that leads on.  A state whose language is empty has number 0, so a walk never enters
it.  Successors are filled in when a walk asks: from a term's linear form, or class by class, for walks ask for few of
the bytes that may follow; those of COSTLY terms byte by byte, unless many bytes are asked for.

Cannot do: terms with the LAZY flag, which derive byte by byte and whose states seldom recur.

The table is shared by all constraints and vocabularies.  It holds its terms; when it outgrows its share of the
cache limit a new one is begun, and walks in progress finish on the old one (numbers are only meaningful within one
table).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relark import caches, kernel
from relark.language.completion import is_empty
from relark.language.derivative import Transitions, derive, step, transitions
from relark.language.terms import CHECK, COSTLY, EMPTY, LAZY, ByteSet, Concat, Term, Union, union

DEAD = 0
UNKNOWN = -1  # a successor that has not been asked for
KNOWN = 1  # flags of a state: its successors were filled in, or those that were asked for (PARTLY)
IS_LAZY = 2  # its term has the LAZY flag
IS_NULLABLE = 4
PARTLY = 8  # some of its successors may be UNKNOWN
_MANY = 48  # bytes that are worth a whole row
_ROOM = 64  # states, and rows, to begin with
_ROW_BYTES = 256 * 4 + 200
_NUMBER_BYTES = 500


class States:
    """A table of numbered states.  Use it under its ``lock``.

    For state k, ``flags[k]`` (uint8) says what is known of it.  With KNOWN, its successors are ``only_next[k]`` by
    ``only_byte[k]`` if that is not DEAD, and else by byte b ``rows[row_of[k], b]``, UNKNOWN where a COSTLY term was
    not asked.

    ``room``: rows to reserve.  Memory that is not written to is only addresses, and a table that grows is copied, which
    takes as long as some hundred rows.
    """

    def __init__(self, room: int = _ROOM) -> None:
        self.lock = threading.RLock()
        self.terms: list[Term] = [EMPTY]
        self.flags = np.zeros(_ROOM, np.uint8)
        self.flags[DEAD] = KNOWN
        self.row_of = np.zeros(_ROOM, np.int32)
        self.only_byte = np.zeros(_ROOM, np.uint8)
        self.only_next = np.zeros(_ROOM, np.int32)
        self.rows: NDArray[np.int32] = np.zeros((room, 256), np.int32)  # the first is that of states without any
        self.n_rows = 1
        self._table: Any = None
        self._numbers: dict[Term, int] = {EMPTY: DEAD}
        self._some_partly = False

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
            if number == len(self.flags):
                self._grow()
            self.flags[number] = (IS_LAZY if live.flags & LAZY else 0) | (IS_NULLABLE if live.nullable else 0)
            self.terms.append(live)
            self._numbers[live] = number
        self._numbers[term] = number
        return number

    @property
    def table(self) -> Any:
        """The arrays for the compiled kernel."""
        if self._table is None:
            self._table = kernel.compiled.Table(self.flags, self.row_of, self.rows, self.only_byte, self.only_next)
        return self._table

    def _grow(self) -> None:
        self._table = None
        for name in ("flags", "row_of", "only_byte", "only_next"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old)]))

    def _row(self, number: int) -> NDArray[np.int32]:
        """A new row, all DEAD, for a state."""
        index = self.n_rows
        if index == len(self.rows):
            self._table = None
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
        self.row_of[number] = index
        self.n_rows += 1
        row: NDArray[np.int32] = self.rows[index]
        return row

    def provide(self, number: int, bytes_: Iterable[int]) -> None:
        """Fill in the successors of a state, at least those by ``bytes_``."""
        term = self.terms[number]
        costly = term.flags & COSTLY
        if not (costly or _is_long(term)):
            self._fill(number, term)
            return
        if not self.flags[number] & KNOWN:
            self._row(number)[_members(term.first)] = UNKNOWN
            self.flags[number] |= KNOWN | PARTLY
            self._some_partly = True
        index = self.row_of.item(number)
        asked = [byte for byte in bytes_ if self.rows.item(index, byte) == UNKNOWN]
        if costly and len(asked) >= _MANY:
            self._fill(number, term)
            return
        for byte in asked:
            if self.rows.item(index, byte) == UNKNOWN:
                mask, after = (1 << byte, derive(term, byte)) if costly else step(term, byte)
                target = self.number(after)
                self.rows[index, _members(mask)] = target

    def _fill(self, number: int, term: Term) -> None:
        if isinstance(term, Concat) and isinstance(term.head, ByteSet):  # what literals are made of
            form: Transitions = ((term.head.mask, term.tail),)
        else:
            form = transitions(term)
        if len(form) == 1 and not form[0][0] & (form[0][0] - 1) and not self.row_of[number]:
            self.only_next[number] = self.number(form[0][1])
            self.only_byte[number] = form[0][0].bit_length() - 1
        else:
            targets = [(_members(mask), self.number(target)) for mask, target in form]
            row = self.rows[self.row_of[number]] if self.row_of[number] else self._row(number)
            row[:] = DEAD
            for members, target in targets:
                row[members] = target
        self.flags[number] = int(self.flags[number]) & ~PARTLY | KNOWN

    def successors(self, states: NDArray[np.int32], bytes_: NDArray[np.uint8]) -> NDArray[np.int32]:
        """The successor of each state by each byte."""
        unknown = self.flags[states] & KNOWN == 0
        if unknown.any():
            self._provide_all(states[unknown], bytes_[unknown])
        after = self.rows[self.row_of[states], bytes_]
        if self._some_partly and (unknown := after == UNKNOWN).any():
            self._provide_all(states[unknown], bytes_[unknown])
            after = self.rows[self.row_of[states], bytes_]
        only = self.only_next[states]
        return np.where((only != DEAD) & (self.only_byte[states] == bytes_), only, after)

    def targets(self, state: int, bytes_: bytes) -> list[int]:
        """The successors of one state by each of a few bytes."""
        if not self.flags.item(state) & KNOWN:
            self.provide(state, bytes_)
        only = self.only_next.item(state)
        if only != DEAD:
            byte = self.only_byte.item(state)
            return [only if other == byte else DEAD for other in bytes_]
        row = self.rows[self.row_of.item(state)]
        found = [row.item(byte) for byte in bytes_]
        if UNKNOWN in found:
            self.provide(state, bytes_)
            row = self.rows[self.row_of.item(state)]
            found = [row.item(byte) for byte in bytes_]
        return found

    def _provide_all(self, states: NDArray[np.int32], bytes_: NDArray[np.uint8]) -> None:
        numbers = self.distinct(states)
        index = np.zeros(len(self.terms), np.intp)
        index[numbers] = np.arange(len(numbers))
        asked = np.zeros((len(numbers), 256), np.bool_)
        asked[index[states], bytes_] = True
        for number, of_it in zip(numbers.tolist(), asked, strict=True):
            self.provide(number, np.flatnonzero(of_it).tolist())

    def distinct(self, numbers: NDArray[np.int32]) -> NDArray[np.intp]:
        """``numbers`` without repetition, ascending; linear, where `numpy.unique` sorts."""
        seen = np.zeros(len(self.terms), np.bool_)
        seen[numbers] = True
        return np.flatnonzero(seen)

    @property
    def bytes(self) -> int:
        return self.n_rows * _ROW_BYTES + len(self._numbers) * _NUMBER_BYTES  # many numbers are of dead terms


class _Shared:
    """The table in use, and its place among the caches."""

    name = "states"
    share = 0.16

    def __init__(self) -> None:
        self.clear()
        caches.register(self)

    @property
    def bytes(self) -> int:
        return self.table.bytes

    @property
    def limit(self) -> int:
        return caches.limit_of(self.share)

    def clear(self) -> None:
        self.table = States(room=max(_ROOM, self.limit // _ROW_BYTES))


_shared = _Shared()


def current_states() -> States:
    """The shared table; a new one if the last outgrew its share."""
    if _shared.bytes > _shared.limit:
        _shared.clear()
    return _shared.table


def _is_long(term: Term) -> bool:
    """Whether filling in a few successors takes much less than all: most lie behind what may be left out."""
    return isinstance(term, Concat) and not isinstance(term.head, ByteSet) and bool(term.first & (term.first - 1))


@lru_cache(maxsize=4096)
def _members(mask: int) -> NDArray[np.intp]:
    return np.array([b for b in range(256) if mask >> b & 1], np.intp)
