"""Lookahead, lookbehind, anchors and word boundaries as terms.

A zero-width part is a condition on its surroundings: `ahead` on what follows up to the end of the scope, `behind`
on what precedes from its start. ``scope(term)`` closes a regex that contains such parts into a plain language, so
that it can be concatenated, negated or intersected with any other; inside the scope the parts keep their context as
the bytes go by:

- `Behind` carries the derivative of its language by everything read so far; `shift` moves it on by one byte
  wherever it stands in the term.
- `Ahead` turns into an *obligation*: a plain language in which the rest of the text must lie.  `step` gives the
  partial derivatives of a term by a byte (Antimirov 1996), each with its obligation, and
  ``D(scope(R), b)`` is the union over them of ``scope(rest) & obligation``.  `finish` is the obligation under which
  a term may end here.
- `Atomic` (see `ordered`) commits to the preferred match; that no better match exists is an obligation too.

So lookarounds cost an intersection, nothing is approximated, and any nesting is allowed (lookbehinds of any length,
lookaheads inside lookbehinds). The idea of lookarounds as intersections with the context: Varatalu, Veanes, Ernits,
"RE#", POPL 2025; the location-free form with obligations is ours.

Cost: a scope without zero-width parts is the term itself.  With them, a derivative is a few times dearer, and
states need a search for emptiness.
"""

from __future__ import annotations

from collections.abc import Iterable

from relark.caches import Cache
from relark.language.derivative import derive, transitions
from relark.language.ordered import Ordered, Stack, better, expand, plain_language
from relark.language.ordered import advance as advance_threads
from relark.language.terms import (
    AHEAD,
    ALL,
    BEHIND,
    CHECK,
    EMPTY,
    EPSILON,
    FULL,
    LAZY,
    LOOK,
    Ahead,
    Atomic,
    Behind,
    Concat,
    Repeat,
    Scope,
    Term,
    Union,
    _intern,
    complement,
    concat,
    intersection,
    repeat,
    union,
)

_steps: Cache[tuple[Term, int], dict[Term, Term]] = Cache(
    "lookaround steps", share=0.02, cost=lambda key, value: 300 + 700 * len(value)
)
_shifts: Cache[tuple[Term, int], Term] = Cache("lookaround shifts", share=0.02, cost=lambda key, value: 700)
_finishes: Cache[Term, Term] = Cache("lookaround ends", share=0.01, cost=lambda key, value: 700)
_masks: Cache[Term, frozenset[int]] = Cache(
    "lookaround bytes", share=0.01, cost=lambda key, value: 300 + 100 * len(value)
)


def ahead(rest: Term, negative: bool = False) -> Term:
    """Zero-width: what follows, to the end of the scope, is in ``rest`` (is not, if ``negative``).

    ``(?=X)`` is ``ahead(concat(X, ALL))``; ``\\Z`` is ``ahead(EPSILON)``.
    """
    if rest is ALL or rest is EMPTY:
        return EPSILON if (rest is ALL) is not negative else EMPTY

    def make() -> Ahead:
        term = Ahead()
        term.rest, term.negative = rest, negative
        term._setup(True, 0, AHEAD | (rest.flags & (BEHIND | LAZY | CHECK)), rest.depth + 1)
        return term

    return _intern((Ahead, rest, negative), make)


def behind(before: Term, negative: bool = False) -> Term:
    """Zero-width: all that precedes, from the start of the scope, is in ``before`` (is not, if ``negative``).

    ``(?<=X)`` is ``behind(concat(ALL, X))``; ``\\A`` is ``behind(EPSILON)``.
    """
    return _behind(((before, ALL),), negative)


def _behind(threads: tuple[tuple[Term, Term], ...], negative: bool) -> Term:
    threads = tuple((left, after) for left, after in threads if left is not EMPTY and after is not EMPTY)
    if not threads:
        return EPSILON if negative else EMPTY
    if any(left is ALL and after is ALL for left, after in threads):
        return EMPTY if negative else EPSILON

    def make() -> Behind:
        term = Behind()
        term.threads, term.negative = threads, negative
        flags = BEHIND
        depth = 0
        for left, after in threads:
            flags |= (left.flags | after.flags) & (LOOK | LAZY | CHECK)
            depth = max(depth, left.depth, after.depth)
        term._setup(True, 0, flags, depth + 1)
        return term

    return _intern((Behind, threads, negative), make)


def atomic(ordered: Ordered) -> Term:
    """The preferred match of ``ordered``, whatever follows: ``(?>...)``.  Only inside a scope."""
    return _atomic(((ordered, None),))


def _atomic(threads: tuple[Stack, ...]) -> Term:
    if not threads:
        return EMPTY
    if threads == (None,):
        return EPSILON

    def make() -> Atomic:
        term = Atomic()
        term.threads = threads
        found, finished = better(threads)
        first, flags, depth = 0, AHEAD, 0
        for unit, stack in found:
            language = concat(unit, plain_language(stack))
            first |= language.first
            flags |= language.flags & (LAZY | CHECK)
            depth = max(depth, language.depth)
        term._setup(finished, first, flags, depth + 1)
        return term

    return _intern((Atomic, threads), make)


def scope(term: Term) -> Term:
    """Close ``term``: the texts that it matches from their start to their end.  The term itself if nothing in it
    is zero-width.
    """
    if not term.flags & LOOK:
        return term
    if isinstance(term, Union):
        return union(*[scope(item) for item in term.items])
    if isinstance(term, Ahead | Behind):
        return intersection(finish(term), EPSILON)
    if isinstance(term, Concat):
        # Plain heads before parts that only look ahead stay outside; zero-width heads are conditions on all that is
        # left.
        heads: list[Term] = []
        conditions: list[tuple[int, Term]] = []
        rest: Term = term
        while isinstance(rest, Concat) and rest.flags & LOOK:
            if isinstance(rest.head, Ahead | Behind):
                conditions.append((len(heads), finish(rest.head)))
            elif not rest.head.flags & LOOK and not rest.tail.flags & BEHIND:
                heads.append(rest.head)
            else:
                break
            rest = rest.tail
        if rest is not term:
            result = scope(rest)
            for i in range(len(heads), -1, -1):
                result = intersection(result, *[c for at, c in conditions if at == i])
                if i:
                    result = concat(heads[i - 1], result)
            return result

    def make() -> Scope:
        node = Scope()
        node.item = term
        node._setup(finish(term).nullable, term.first, CHECK | (term.flags & LAZY), term.depth + 1)
        return node

    return _intern((Scope, term), make)


def finish(term: Term) -> Term:
    """What must hold of the rest of the text if ``term`` ends here without reading another byte; EMPTY if it can't."""
    if not term.flags & LOOK:
        return ALL if term.nullable else EMPTY
    known = _finishes.get(term)
    if known is None:
        known = _finish(term)
        _finishes.put(term, known)
    return known


def _finish(term: Term) -> Term:
    match term:
        case Ahead():
            rest = scope(term.rest)
            return complement(rest) if term.negative else rest
        case Behind():
            met: Term = EMPTY
            for left, after in term.threads:
                met = union(met, intersection(after, finish(left)))
            return complement(met) if term.negative else met
        case Atomic():
            found, finished = better(term.threads)
            if not finished:
                return EMPTY
            return complement(concat(union(*[concat(u, plain_language(k)) for u, k in found]), ALL))
        case Concat():
            condition = ALL
            rest = term
            while isinstance(rest, Concat) and condition is not EMPTY:
                condition = intersection(condition, finish(rest.head))
                rest = rest.tail
            return intersection(condition, finish(rest)) if condition is not EMPTY else EMPTY
        case Union():
            return union(*map(finish, term.items))
        case Repeat():
            return ALL if term.lo == 0 else finish(term.item)
    raise TypeError(f"no lookaround is possible inside {type(term).__name__}")


def step(term: Term, byte: int) -> dict[Term, Term]:
    """What may be left of ``term`` after ``byte``, each with what must then hold of the rest of the text."""
    if not term.flags & LOOK:
        left = derive(term, byte)
        return {} if left is EMPTY else {left: ALL}
    if not term.first >> byte & 1:
        return {}
    key = (term, byte)
    known = _steps.get(key)
    if known is None:
        known = _step(term, byte)
        _steps.put(key, known)
    return known


def _step(term: Term, byte: int) -> dict[Term, Term]:
    result: dict[Term, Term] = {}

    def add(left: Term, condition: Term) -> None:
        if left is not EMPTY and condition is not EMPTY:
            result[left] = union(result.get(left, EMPTY), condition)

    match term:
        case Ahead() | Behind():
            pass
        case Atomic():
            add(_atomic(advance_threads(term.threads, byte)), ALL)
        case Union():
            for item in term.items:
                for left, condition in step(item, byte).items():
                    add(left, condition)
        case Repeat():
            item, hi = term.item, None if term.hi is None else term.hi - 1
            more = shift(repeat(item, max(term.lo - 1, 0), hi), byte)
            for left, condition in step(item, byte).items():
                add(concat(left, more), condition)
            empty_iteration = finish(item) if term.lo > 1 else EMPTY
            if empty_iteration is not EMPTY:  # under its condition the item may match nothing here, any number of times
                met = derive(empty_iteration, byte)
                more = shift(repeat(item, 0, hi), byte)
                for left, condition in step(item, byte).items():
                    add(concat(left, more), intersection(condition, met))
        case Concat():
            gate = ALL  # what must hold, from before the byte on, for the heads so far to have ended here
            rest: Term = term
            while True:
                head, tail = (rest.head, rest.tail) if isinstance(rest, Concat) else (rest, EPSILON)
                met = derive(gate, byte)
                if met is not EMPTY:
                    parts = step(head, byte)
                    if parts:
                        after = shift(tail, byte)
                        for left, condition in parts.items():
                            add(concat(left, after), intersection(condition, met))
                if tail is EPSILON:
                    break
                gate = intersection(gate, finish(head))
                if gate is EMPTY:
                    break
                rest = tail
        case _:
            raise TypeError(f"no lookaround is possible inside {type(term).__name__}")
    return result


def shift(term: Term, byte: int) -> Term:
    """``term``, not yet begun, after one more byte went by before it."""
    if not term.flags & BEHIND:
        return term
    key = (term, byte)
    known = _shifts.get(key)
    if known is None:
        known = _shift(term, byte)
        _shifts.put(key, known)
    return known


def _shift(term: Term, byte: int) -> Term:
    match term:
        case Behind():
            by_condition: dict[Term, Term] = {}
            for left, after in term.threads:
                follows = derive(after, byte)
                for remaining, obligation in step(left, byte).items():
                    condition = intersection(obligation, follows)
                    by_condition[condition] = union(by_condition.get(condition, EMPTY), remaining)
            threads = sorted(((left, after) for after, left in by_condition.items()), key=lambda t: t[1].uid)
            return _behind(tuple(threads), term.negative)
        case Ahead():
            return ahead(shift(term.rest, byte), term.negative)
        case Concat():
            parts: list[Term] = []
            rest: Term = term
            while isinstance(rest, Concat) and rest.flags & BEHIND:
                parts.append(shift(rest.head, byte))
                rest = rest.tail
            return concat(*parts, shift(rest, byte))
        case Union():
            return union(*[shift(item, byte) for item in term.items])
        case Repeat():
            return repeat(shift(term.item, byte), term.lo, term.hi)
    raise TypeError(f"no lookaround is possible inside {type(term).__name__}")


def derive_scope(term: Scope, byte: int) -> Term:
    """The derivative of a closed regex."""
    return union(*[intersection(scope(left), condition) for left, condition in step(term.item, byte).items()])


def byte_classes(term: Term) -> list[int]:
    """Masks of bytes that `step` and `shift` cannot tell apart, covering every byte that may be read."""
    classes = [FULL]
    for mask in _distinctions(term):
        classes = [part for c in classes for part in (c & mask, c & ~mask) if part]
    return [c for c in classes if c & term.first]


def _distinctions(term: Term) -> frozenset[int]:
    known = _masks.get(term)
    if known is None:
        known = frozenset(_find_distinctions(term))
        _masks.put(term, known)
    return known


def _find_distinctions(term: Term) -> Iterable[int]:
    if not term.flags & LOOK:
        return [mask for mask, _ in transitions(term)]
    match term:
        case Ahead():
            return _distinctions(term.rest)
        case Behind():
            return {m for left, after in term.threads for t in (left, after) for m in _distinctions(t)}
        case Atomic():
            found = {m for stack in term.threads for unit, _ in expand(stack) for m in _unit_masks(unit)}
            return found | _distinctions(finish(term))
        case Union():
            return {m for item in term.items for m in _distinctions(item)}
        case Repeat():
            return _distinctions(term.item)
        case Concat():
            masks: set[int] = set()
            rest: Term = term
            reachable = True
            while True:
                head = rest.head if isinstance(rest, Concat) else rest
                if reachable or head.flags & BEHIND:
                    masks |= _distinctions(head)
                reachable = reachable and head.nullable
                if not isinstance(rest, Concat) or not (reachable or rest.tail.flags & BEHIND):
                    return masks
                rest = rest.tail
    raise TypeError(f"no lookaround is possible inside {type(term).__name__}")


def _unit_masks(unit: Term | None) -> list[int]:
    return [] if unit is None else [mask for mask, _ in transitions(unit)]
