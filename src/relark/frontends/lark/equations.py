"""Right-linear equations between languages: ``X[q] = ends[q] | steps[q][r] X[r] | ...``

Loops of one state become repeats (Arden 1961), a few states that lead to each other are eliminated one after the
other, and more than that become references to each other: then the size stays linear.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from relark.frontends.lark.rules import components
from relark.language import EMPTY, Completions, Term, concat, ref, repeat, union
from relark.language.terms import GUARD, Repeat

__all__ = ["looped", "reaching", "solve"]

MOST_ELIMINATED = 4  # states that lead to each other

State = TypeVar("State", bound=Hashable)


def solve(
    ends: Mapping[State, Term],
    steps: Mapping[State, Mapping[State, Term]],
    *,
    name: str,
    spelling: int,
) -> dict[State, Term]:
    """The least solution, for every state of ``ends``.

    ``steps``: without the empty word and not empty; from each state some end can be reached.  ``name`` and ``spelling``
    are those of references (`relark.language.ref`).
    """
    found: dict[State, Term] = {}
    for component in components({state: steps[state].keys() for state in ends}):
        inside = set(component)
        own = {
            state: union(
                ends[state], *[concat(step, found[to]) for to, step in steps[state].items() if to not in inside]
            )
            for state in component
        }
        around = {state: {to: step for to, step in steps[state].items() if to in inside} for state in component}
        guarded = any(term.flags & GUARD for row in around.values() for term in row.values())
        few = len(component) <= MOST_ELIMINATED or guarded
        found |= _eliminated(own, around) if few else _referring(own, around, name, spelling)
    return found


def reaching(ends: Iterable[State], moves: Mapping[State, Iterable[State]]) -> dict[State, None]:
    """The states from which ``moves`` lead to one of ``ends``, those included, in the order of ``moves``."""
    sources: dict[State, list[State]] = {}
    for state, targets in moves.items():
        for target in targets:
            sources.setdefault(target, []).append(state)
    work = list(ends)
    found = set(work)
    while work:
        for source in sources.get(work.pop(), ()):
            if source not in found:
                found.add(source)
                work.append(source)
    return {state: None for state in moves if state in found}


def looped(first: Term, rest: Term) -> Term:
    """``concat(first, rest)``, with ``first`` as one more round of a repeat of it at the beginning of ``rest``."""
    if isinstance(rest, Repeat) and rest.item is first:
        return repeat(first, rest.lo + 1, None if rest.hi is None else rest.hi + 1)
    return concat(first, rest)


def _eliminated(ends: dict[State, Term], steps: dict[State, dict[State, Term]]) -> dict[State, Term]:
    """Each state in terms of those that are left, then the other way round."""
    order = list(ends)
    ends, steps = dict(ends), {state: dict(row) for state, row in steps.items()}
    for i, state in enumerate(order):
        again = repeat(steps[state].pop(state, EMPTY), 0, None)
        steps[state] = {to: concat(again, step) for to, step in steps[state].items()}
        ends[state] = concat(again, ends[state])
        for other in order[i + 1 :]:
            through = steps[other].pop(state, EMPTY)
            if through is not EMPTY:
                ends[other] = union(ends[other], concat(through, ends[state]))
                for to, step in steps[state].items():
                    steps[other][to] = union(steps[other].get(to, EMPTY), concat(through, step))
    found: dict[State, Term] = {}
    for state in reversed(order):
        found[state] = union(ends[state], *[concat(step, found[to]) for to, step in steps[state].items()])
    return found


def _referring(
    ends: dict[State, Term], steps: dict[State, dict[State, Term]], name: str, spelling: int
) -> dict[State, Term]:
    found: dict[State, Term] = {}

    def unfolding(state: State) -> Callable[[], Term]:
        return lambda: union(ends[state], *[concat(step, found[to]) for to, step in steps[state].items()])

    def completing(state: State) -> Callable[[int], bytes | None]:
        return lambda alphabet: _shortest(ends, steps, state, Completions(alphabet))

    for state in ends:
        first = ends[state].first
        for step in steps[state].values():
            first |= step.first
        found[state] = ref(
            name,
            unfolding(state),
            nullable=ends[state].nullable,
            check=False,
            first=first,
            shortest=completing(state),
            spelling=spelling,
        )
    return found


def _shortest(
    ends: dict[State, Term], steps: dict[State, dict[State, Term]], start: State, completions: Completions
) -> bytes | None:
    """A shortest word of one state (Dijkstra 1959)."""
    order = itertools.count()
    queue: list[tuple[int, int, bytes, State | None]] = [(0, next(order), b"", start)]
    closed: set[State] = set()
    while queue:
        _, _, text, state = heapq.heappop(queue)
        if state is None:  # at an end
            return text
        if state in closed:
            continue
        closed.add(state)
        onward: list[tuple[Term, State | None]] = [(ends[state], None)]
        onward += [(step, to) for to, step in steps[state].items() if to not in closed]
        for term, to in onward:
            more = None if term is EMPTY else completions.shortest(term)
            if more is not None:
                heapq.heappush(queue, (len(text) + len(more), next(order), text + more, to))
    return None
