"""Shortest members and emptiness.

``is_empty(term)`` and ``shortest(term)`` answer structurally wherever the normal form allows it: only
intersections, complements, scopes and leaves need a search through derivatives (best first, by a lower bound of
what is left).  What a search finds out about the states on its way is kept on them.

A search is bounded (`SEARCH_LIMIT` states).  One that runs out is counted in `unfinished_searches`, and the state
is taken as alive: decoding then recovers by rolling back if it was not.  Recursive rules: lengths are a least
fixpoint (Knuth 1977).

`Completions(alphabet)` answers for the members that use only the bytes of ``alphabet``, because a vocabulary may
lack some.
"""

from __future__ import annotations

import heapq
import itertools
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from relark.caches import Cache
from relark.errors import UnsupportedError
from relark.language.derivative import contains, derive, transitions
from relark.language.terms import (
    CHECK,
    EMPTY,
    EPSILON,
    FULL,
    GUARD,
    LAZY,
    Ahead,
    Behind,
    ByteSet,
    Concat,
    Guard,
    Intersection,
    LeafTerm,
    Ref,
    Repeat,
    Scope,
    Sealed,
    Term,
    Union,
)

SEARCH_LIMIT = 20_000  # states that one search may visit
WITNESS_BYTES = 1000  # of a member that is tried
MOST_BYTES = 1 << 24  # of a shortest member that is spelled out
SEARCH_SECONDS = 2.0  # and how long it may take
NONE: Final = 1 << 60  # the length of the shortest member of a language without members

unfinished_searches = 0  # how many searches ran into the limit
undecided: weakref.WeakSet[Term] = weakref.WeakSet()  # the terms about which one did


def lower_bound(term: Term) -> int:
    """A lower bound, in bytes, of the length of every member; cheap, exact for plain regular terms without
    recursion.
    """
    known = term.length
    if known is None:
        if isinstance(term, Concat):  # from the end of the spine, without recursion
            spine: list[Concat] = []
            rest: Term = term
            while isinstance(rest, Concat) and rest.length is None:
                spine.append(rest)
                rest = rest.tail
            known = lower_bound(rest)
            for node in reversed(spine):
                known += lower_bound(node.head)
                node.length = known
        else:
            known = _lower_bound(term)
            term.length = known
    return known


def _lower_bound(term: Term) -> int:
    match term:
        case ByteSet():
            return 1
        case Union():
            return min(map(lower_bound, term.items))
        case Intersection():
            return max(map(lower_bound, term.items))
        case Repeat():
            return term.lo * lower_bound(term.item) if term.lo else 0
        case LeafTerm():
            return term.leaf.min_length
        case Scope():
            return 0 if term.nullable else max(1, lower_bound(term.item))
        case Sealed():
            return lower_bound(term.item)
        case Ahead() | Behind():
            return 0
    return 0 if term.nullable else 1


EPSILON.length = 0
EMPTY.length = NONE
EMPTY.alive = False
EPSILON.alive = True


def is_empty(term: Term) -> bool:
    """Whether the language has no member.  May say False of an empty one when the search ran out (see module
    docstring).
    """
    return not _alive(term)


def _alive(term: Term) -> bool:
    known = term.alive
    if known is not None:
        return known
    if term.nullable or not term.flags & CHECK:
        result = True
    else:
        match term:
            case Concat():  # from the end of the spine, kept on each part of it: the derivatives to come
                spine: list[Concat] = []
                rest: Term = term
                while isinstance(rest, Concat) and rest.alive is None:
                    spine.append(rest)
                    rest = rest.tail
                result = _alive(rest)
                for node in reversed(spine):
                    node.alive = result = result and _alive(node.head)
            case Union():
                result = any(map(_alive, term.items))
            case Repeat():
                result = term.lo == 0 or _alive(term.item)
            case LeafTerm():
                result = not term.leaf.is_empty()
            case Ref():
                result = True  # the maker of the rules drops unproductive ones
            case Intersection() if _witness(term, _ALL_BYTES) is not None:
                result = True
            case _:
                result = _search(term, FULL, greedy=True) is not None
    term.alive = result
    return result


def _search(term: Term, alphabet: int, *, greedy: bool) -> bytes | None:
    """A member of ``term`` over ``alphabet``, a shortest one unless ``greedy``; None if there is none.

    Raises `_Unfinished` (not greedy) when the limit is reached; greedy answers ``b""`` then, which no caller uses
    as a text.
    """
    global unfinished_searches
    order = itertools.count()
    origin: dict[Term, tuple[Term, int] | None] = {term: None}
    distance: dict[Term, int] = {term: 0}
    queue: list[tuple[int, int, int, Term]] = [(lower_bound(term), next(order), 0, term)]
    closed: set[Term] = set()
    expanded = 0
    deadline = time.monotonic() + SEARCH_SECONDS
    while queue:
        _, _, travelled, state = heapq.heappop(queue)
        if travelled > distance[state]:
            continue
        closed.add(state)
        if state.nullable:
            return _path(origin, state)
        if greedy and (state.alive or not state.flags & CHECK):
            for visited in _chain(origin, state):
                visited.alive = True
                if state in undecided:
                    undecided.add(visited)
            return b""
        expanded += 1
        moves = None
        if expanded <= SEARCH_LIMIT and (expanded & 31 or time.monotonic() <= deadline):
            with suppress(UnsupportedError):  # a state of an ambiguous recursive rule that nests too deep
                moves = _moves(state, alphabet)
        if moves is None:
            unfinished_searches += 1
            undecided.add(term)
            if greedy:
                return b""
            raise _Unfinished
        for byte, target in moves:
            if target.alive is False:
                continue
            new = travelled + 1
            if new < distance.get(target, NONE):  # a closed state too: bounds of leaves need not be consistent
                distance[target] = new
                origin[target] = (state, byte)
                rank = lower_bound(target)
                heapq.heappush(queue, ((rank if greedy else new + rank), next(order), new, target))
    if alphabet == FULL:
        for state in closed:
            state.alive = False
    return None


def _witness(term: Intersection, completions: Completions) -> bytes | None:
    """A shortest member of one item that all others have too, and so a shortest of all.

    Most of what is combined hardly gets into the other's way: JSON and no blank line in it.
    """
    for item in term.items:
        if item.flags & (CHECK | GUARD) or lower_bound(item) > WITNESS_BYTES:
            continue  # to ask it may take a search; or a long text through all others
        text = completions.shortest(item)
        if text is None:
            return None
        if all(other is item or contains(other, text) for other in term.items):
            return text
    return None


class _Unfinished(Exception):
    """A search for a shortest member reached the limit."""


def _moves(state: Term, alphabet: int) -> list[tuple[int, Term]]:
    if not state.flags & LAZY:
        return [(_pick(mask & alphabet), t) for mask, t in transitions(state) if mask & alphabet]
    moves: dict[Term, int] = {}
    for byte in range(256):
        if (alphabet & state.first) >> byte & 1:
            target = derive(state, byte)
            if target is not EMPTY and target not in moves:
                moves[target] = byte
    return [(byte, target) for target, byte in moves.items()]


_PREFERRED: Final = [
    sum(1 << b for b in b"abcdefghijklmnopqrstuvwxyz"),
    sum(1 << b for b in b"0123456789"),
    sum(1 << b for b in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    sum(1 << b for b in range(32, 127)),
]


def _pick(mask: int) -> int:
    """The byte that a person would write: a letter, a digit, printable, any."""
    for preferred in _PREFERRED:
        if mask & preferred:
            mask &= preferred
            break
    return (mask & -mask).bit_length() - 1


def _chain(origin: dict[Term, tuple[Term, int] | None], state: Term) -> list[Term]:
    states = [state]
    step = origin[state]
    while step is not None:
        states.append(step[0])
        step = origin[step[0]]
    return states


def _path(origin: dict[Term, tuple[Term, int] | None], state: Term) -> bytes:
    text = bytearray()
    step = origin[state]
    state.alive = True
    while step is not None:
        text.append(step[1])
        step[0].alive = True
        step = origin[step[0]]
    return bytes(reversed(text))


_texts: Cache[tuple[int, Term], bytes | bool] = Cache(
    "completions", share=0.03, cost=lambda key, value: 250 + (len(value) if isinstance(value, bytes) else 0)
)


_guarded_texts: Cache[tuple[int, Term, int], bytes | bool] = Cache(
    "guarded completions", share=0.01, cost=lambda key, value: 250 + (len(value) if isinstance(value, bytes) else 0)
)
_guarded_ways: Cache[tuple[int, Term, int], dict[int, bytes]] = Cache(
    "guarded words", share=0.01, cost=lambda key, value: 400 + 150 * len(value)
)
_bounds: Cache[tuple[int, int | None, Term], tuple[int, int]] = Cache("bounds", share=0.02, cost=lambda key, value: 280)


_spelled: Cache[tuple[int, int | None, Term], int] = Cache("spelled", share=0.003, cost=lambda key, value: 250)


def _undominated(ways: Iterable[tuple[int, bytes]]) -> dict[int, bytes]:
    """The shortest text for each guard left behind, but for those that allow less after a text that is no shorter."""
    kept: dict[int, bytes] = {}
    for left, text in sorted(ways, key=lambda way: (len(way[1]), way[0].bit_count())):
        if not any(not other & ~left for other in kept):
            kept[left] = text
    return kept


class Completions:
    """Shortest members over an ``alphabet`` (256-bit mask of bytes).

    ``within``: how many bytes, of the alphabet, `bounds` looks ahead; None where that is not limited.
    """

    def __init__(self, alphabet: int = FULL, within: int | None = None) -> None:
        self.alphabet, self.within = alphabet, within

    def shortest(self, term: Term) -> bytes | None:
        """A shortest member over the alphabet, always the same one; None if there is none.

        Where the search for it ran out, any member (hence an upper bound).
        """
        key = self.alphabet, term
        known = _texts.get(key)
        if known is None:
            text = self._shortest(term, frozenset())
            known = False if text is None else text
            _texts.put(key, known)
        return known if isinstance(known, bytes) else None

    def bounds(self, term: Term) -> tuple[int, int]:
        """``(length, rest)``: bounds for the shortest member of ``term``, and of every derivative of it by at most
        ``within`` bytes.

        Upper bounds in bytes over the alphabet; NONE where no bound is known without a search.  So a finite
        ``rest`` means that no derivative is out of reach of the alphabet, and how far each is at most from a
        complete text.
        """
        key = self.alphabet, self.within, term
        known = _bounds.get(key)
        if known is None:
            known = self._bounds(term)
            _bounds.put(key, known)
        return known

    def spells(self, term: Term) -> bool:
        """Whether every live state that bytes of the alphabet lead to, ``term`` too, has a member over it.

        False where that is not known without a search.
        """
        key = self.alphabet, self.within, term
        known = _spelled.get(key)
        if known is None:
            known = 2 if self._spells(term) else 1
            _spelled.put(key, known)
        return known == 2

    def _spells(self, term: Term) -> bool:
        if term.flags & GUARD:
            return self._spells_guarded(term)
        match term:
            case Concat():
                spine: list[Concat] = []
                tail: Term = term
                while isinstance(tail, Concat) and _spelled.get((self.alphabet, self.within, tail)) is None:
                    spine.append(tail)
                    tail = tail.tail
                result = self.spells(tail)
                for node in reversed(spine):
                    result = result and self.spells(node.head)
                    _spelled.put((self.alphabet, self.within, node), 2 if result else 1)
                return result
            case Union():
                return all(map(self.spells, term.items))
            case Repeat():
                return self.spells(term.item)
            case LeafTerm() if term.leaf.is_spelled(self.alphabet):
                return True
            case Ref() if term.shortest is not None:
                return term.spelled(self.alphabet)
            case Sealed():
                return self.spells(term.item)
        return max(self.bounds(term)) < NONE

    def _spells_guarded(self, term: Term) -> bool:
        """One rule with guards answers for all of its grammar; else every guard may meet whatever comes after it."""
        guarded = 0
        tails: list[Term] = []
        work = [term]
        while work:
            part = work.pop()
            if not part.flags & GUARD:
                if not self.spells(part):
                    return False
                continue
            match part:
                case Ref():
                    return part.spelled(self.alphabet)
                case Guard():
                    guarded |= part.guard
                case Concat():
                    if part.head.flags & GUARD:
                        tails.append(part.tail)
                    work += part.tail, part.head
                case Union():
                    work += part.items
                case Repeat():
                    if part.lo > 1:
                        tails.append(part.item)
                    work.append(part.item)
        usable = self.alphabet & ~guarded
        return all(tail.nullable or tail.first & usable for tail in tails)

    def _bounds(self, term: Term) -> tuple[int, int]:
        if term.flags & GUARD or isinstance(term, Sealed):
            text = self.shortest(term)
            return NONE if text is None else len(text), NONE
        match term:
            case ByteSet():
                return (1 if term.mask & self.alphabet else NONE), 0
            case Concat():
                spine: list[Concat] = []
                tail: Term = term
                while isinstance(tail, Concat) and _bounds.get((self.alphabet, self.within, tail)) is None:
                    spine.append(tail)
                    tail = tail.tail
                length, rest = self.bounds(tail)
                for node in reversed(spine):
                    head_length, head_rest = self.bounds(node.head)
                    rest = min(max(rest, head_rest + length), NONE)
                    length = min(length + head_length, NONE)
                    _bounds.put((self.alphabet, self.within, node), (length, rest))
                return length, rest
            case Union():
                parts = [self.bounds(i) for i in term.items]
                return (0 if term.nullable else min(p[0] for p in parts)), max(p[1] for p in parts)
            case Repeat():
                length, rest = self.bounds(term.item)
                more = max(term.lo - 1, 0)
                return min(length * term.lo, NONE) if term.lo else 0, min(rest + length * more if more else rest, NONE)
            case LeafTerm():
                found = term.leaf.bounds(self.alphabet, self.within)
                if found is not None:
                    return found
            case Ref() if term.shortest is not None:
                text = term.shortest(self.alphabet)
                return NONE if text is None else len(text), NONE
        if term is EPSILON:
            return 0, 0
        return 0 if term.nullable else NONE, NONE

    def _shortest(self, term: Term, unfolding: frozenset[Term]) -> bytes | None:
        if term.nullable:
            return b""
        if term.flags & GUARD:
            return self._guarded(term)
        match term:
            case ByteSet():
                usable = term.mask & self.alphabet
                return bytes([_pick(usable)]) if usable else None
            case Concat():
                parts = []
                rest: Term = term
                while isinstance(rest, Concat):
                    parts.append(self._part(rest.head, unfolding))
                    rest = rest.tail
                parts.append(self._part(rest, unfolding))
                return None if None in parts else b"".join(parts)  # type: ignore[arg-type]
            case Union():
                found = [t for i in term.items if (t := self._part(i, unfolding)) is not None]
                return min(found, key=len) if found else None
            case Repeat():
                part = self._part(term.item, unfolding)
                if part is not None and len(part) * term.lo > MOST_BYTES:
                    raise UnsupportedError(
                        f"the shortest text has at least {len(part) * term.lo:,} bytes; relark completes up to "
                        f"{MOST_BYTES:,}"
                    )
                return None if part is None else part * term.lo
            case Ref():
                if term.shortest is not None:
                    return term.shortest(self.alphabet)
                if term in unfolding:
                    return None  # a shortest member never contains itself
                return self._shortest(term.term, unfolding | {term})
            case LeafTerm():
                return term.leaf.shortest(self.alphabet)
            case Sealed():
                return self._part(term.item, unfolding)
        return self._searched(term)

    def _guarded(self, term: Term) -> bytes | None:
        """A shortest member of a term with guards, from the end of the spine and remembered for each part of it."""
        found: dict[tuple[Term, int], bytes | None] = {}
        work = [(term, 0)]
        while work:
            part, forbidden = work[-1]
            key = self.alphabet, part, forbidden
            known = _guarded_texts.get(key)
            if known is None:
                options = self._ways(part.head if isinstance(part, Concat) else part, forbidden)
                texts = list(options.values())
                if isinstance(part, Concat):
                    rests = [(part.tail, left) for left in options]
                    missing = [rest for rest in rests if rest not in found]
                    if missing:
                        work += missing
                        continue
                    texts = [t + r for t, rest in zip(texts, rests, strict=True) if (r := found[rest]) is not None]
                known = min(texts, key=len, default=False)
                _guarded_texts.put(key, known)
            found[part, forbidden] = known if isinstance(known, bytes) else None
            work.pop()
        return found[term, 0]

    def _ways(self, term: Term, forbidden: int) -> dict[int, bytes]:
        """Shortest members of ``term`` whose first byte is not ``forbidden``, by the guard that they leave behind.

        The empty string leaves behind what was forbidden before it.
        """
        key = self.alphabet, term, forbidden
        known = _guarded_ways.get(key)
        if known is None:
            known = _undominated(self._find_ways(term, forbidden))
            _guarded_ways.put(key, known)
        return known

    def _find_ways(self, term: Term, forbidden: int) -> Iterable[tuple[int, bytes]]:
        if not term.flags & GUARD:
            if term.nullable:
                yield forbidden, b""
                if not forbidden:
                    return
            text = None if term.nullable else self.shortest(term)
            if text is None or forbidden >> text[0] & 1:
                usable = self.alphabet & ~forbidden
                nexts = [(mask & usable, target) for mask, target in transitions(term) if mask & usable]
                texts = [bytes([_pick(m)]) + r for m, t in nexts if (r := self.shortest(t)) is not None]
                text = min(texts, key=len, default=None)
            if text is not None:
                yield 0, text
            return
        match term:
            case Guard():
                yield forbidden | term.guard, b""
            case Concat():
                found = {forbidden: b""}
                rest: Term = term
                while isinstance(rest, Concat):
                    found = self._then(found, rest.head)
                    rest = rest.tail
                yield from self._then(found, rest).items()
            case Union():
                for item in term.items:
                    yield from self._ways(item, forbidden).items()
            case Repeat():
                found = {forbidden: b""}
                for _ in range(term.lo):
                    found = self._then(found, term.item)
                yield from found.items()
                for _ in range(2 if term.hi is None else min(term.hi - term.lo, 2)):  # to come out of a guard
                    found = self._then(found, term.item)
                    yield from found.items()
            case Ref():
                if term.nullable:
                    yield forbidden, b""
                if term.texts is not None:
                    yield from term.texts(self.alphabet, forbidden).items()

    def _then(self, found: dict[int, bytes], term: Term) -> dict[int, bytes]:
        return _undominated(
            (left, text + more)
            for forbidden, text in found.items()
            for left, more in self._ways(term, forbidden).items()
        )

    def _part(self, term: Term, unfolding: frozenset[Term]) -> bytes | None:
        return self._shortest(term, unfolding) if unfolding else self.shortest(term)

    def _searched(self, term: Term) -> bytes | None:
        if isinstance(term, Intersection):
            text = _witness(term, self)
            if text is not None:
                return text
        try:
            return _search(term, self.alphabet, greedy=False)
        except _Unfinished:
            return self._greedy(term)

    def _greedy(self, term: Term) -> bytes | None:
        """Any member, by walking towards smaller lower bounds; None if that fails too."""
        text = bytearray()
        seen: set[Term] = set()
        deadline = time.monotonic() + SEARCH_SECONDS
        while not term.nullable:
            seen.add(term)
            moves = [
                (lower_bound(t), byte, t)
                for byte, t in _moves(term, self.alphabet)
                if t not in seen and not is_empty(t)
            ]
            if not moves or len(text) > SEARCH_LIMIT or time.monotonic() > deadline:
                return None
            _, byte, term = min(moves, key=lambda m: m[:2])
            text.append(byte)
        return bytes(text)


_ALL_BYTES = Completions()


def shortest(term: Term) -> bytes | None:
    """A shortest member; None if the language is empty."""
    return _ALL_BYTES.shortest(term)
