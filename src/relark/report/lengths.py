"""How short and how long the members of a language are: what `explain` says about texts.

Cost: a search for a shortest text; a look at every part of the term for a longest; where intersections and the like are
involved, a walk over at most `STATES` states and for `SECONDS`.  What is not decided within that is None.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from relark.frontends.regex.partial import PartialMatch
from relark.language import Term, completion, is_empty, lower_bound, shortest, transitions
from relark.language.literals import OneOf
from relark.language.terms import (
    CHECK,
    Ahead,
    Behind,
    ByteSet,
    Complement,
    Concat,
    Epsilon,
    Guard,
    Intersection,
    LeafTerm,
    Ref,
    Repeat,
    Scope,
    Sealed,
    Union,
)

__all__ = ["longest_member", "shortest_member"]

STATES = 2_000  # that the search for a longest text may visit
SECONDS = 1.0  # and how long it may take


def shortest_member(term: Term, regular: bool) -> tuple[bool | None, str | None, bool]:
    """Whether the language is empty (None: undecided), a short member, and whether none is shorter."""
    if is_empty(term):
        return True, None, False
    found = shortest(term)
    if found is None:
        return None, None, False
    return False, found.decode(), len(found) == lower_bound(term) or (regular and _is_decided(_parts(term)))


def _is_decided(states: Iterable[Term]) -> bool:
    """Whether no search for a member of one of these was given up."""
    return not any(state in completion.undecided for state in states)


def longest_member(term: Term, regular: bool) -> tuple[int | None, bool | None]:
    """An upper bound of the length of every member, in bytes, and whether there is none (None: undecided)."""
    bounds: dict[Term, int | None] = {}
    bound = _upper_bound(term, bounds)
    if bound is not None:
        return bound, False
    if not term.flags & CHECK and not any(isinstance(part, Ref | Guard) or _unknown(part) for part in bounds):
        return None, True  # without intersections, guards and the like every part of a term has members
    return _longest_walk(term) if regular else (None, None)


def _parts(term: Term) -> Iterable[Term]:
    """``term`` and the terms that it consists of."""
    work = [term]
    while work:
        part = work.pop()
        yield part
        match part:
            case Concat():
                work += [part.head, part.tail]
            case Union() | Intersection():
                work += part.items
            case Repeat() | Scope() | Sealed() | Complement():
                work.append(part.item)


def _upper_bound(term: Term, known: dict[Term, int | None]) -> int | None:
    """An upper bound read off the term, exact for terms without CHECK; None where that gives none.

    ``known``: those of its parts.
    """
    if term not in known:
        known[term] = _computed_bound(term, known)
    return known[term]


def _computed_bound(term: Term, known: dict[Term, int | None]) -> int | None:
    match term:
        case Epsilon() | Ahead() | Behind() | Guard():
            return 0
        case ByteSet():
            return 1
        case Concat():
            parts = []
            rest: Term = term
            while isinstance(rest, Concat):
                parts.append(_upper_bound(rest.head, known))
                rest = rest.tail
            return _unless_none(sum, [*parts, _upper_bound(rest, known)])
        case Union():
            return _unless_none(max, [_upper_bound(item, known) for item in term.items])
        case Intersection():
            return min((b for item in term.items if (b := _upper_bound(item, known)) is not None), default=None)
        case Repeat():
            part = _upper_bound(term.item, known)
            return None if part is None or term.hi is None else part * term.hi
        case Scope() | Sealed():
            return _upper_bound(term.item, known)
        case LeafTerm():
            if isinstance(term.leaf, PartialMatch):  # its language is part of its guide's
                return _upper_bound(term.leaf.guide, known)
            if isinstance(term.leaf, OneOf):
                return max(map(len, term.leaf.texts.items[term.leaf.lo : term.leaf.hi])) - term.leaf.depth
    return None


def _unknown(part: Term) -> bool:
    return isinstance(part, LeafTerm) and not isinstance(part.leaf, OneOf)


def _unless_none(combine: Callable[[list[int]], int], bounds: list[int | None]) -> int | None:
    return None if None in bounds else combine([b for b in bounds if b is not None])


def _longest_walk(term: Term) -> tuple[int | None, bool | None]:
    """The same by walking all states: the longest path to the end, unless a live state comes back to itself."""
    deadline = time.monotonic() + SECONDS
    depth: dict[Term, int] = {}  # of finished states: the longest way on
    path: list[tuple[Term, list[Term], int]] = []
    on_path: set[Term] = set()

    def enter(state: Term) -> None:
        following = [target for _, target in transitions(state) if not is_empty(target)]
        path.append((state, following, 0))
        on_path.add(state)

    enter(term)
    while path:
        state, following, best = path.pop()
        if not following:
            on_path.discard(state)
            depth[state] = best
            if path:
                above, left, so_far = path.pop()
                path.append((above, left, max(so_far, best + 1)))
            continue
        target = following.pop()
        if target in on_path:
            return None, True if _is_decided([*depth, *on_path]) else None
        if target in depth:
            path.append((state, following, max(best, depth[target] + 1)))
            continue
        path.append((state, following, best))
        if len(depth) + len(path) >= STATES or time.monotonic() > deadline:
            return None, None
        enter(target)
    return depth[term], False
