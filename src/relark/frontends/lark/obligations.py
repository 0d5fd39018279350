"""Obligations: languages that the rest of a text must lie in, each kept as one term, the same for equal languages.

The normal form of terms finds most equal languages equal, but not all; contexts are compared often and must be few, so
here minimal automata decide.  The states of a new obligation's automaton are taken component by component, each after
those that it leads to, so most are recognised by their moves alone (as in the hash-consing of acyclic automata); only a
cycle of several states is minimised by refinement (Moore 1956).  A language whose automaton has more than `MOST` new
states keeps its own form: that costs contexts, not exactness.

Cost: linear in the new states; those of larger cycles, times the states of everything they lead to, squared at worst.
"""

from __future__ import annotations

from collections.abc import Iterable

from relark.frontends.lark.characters import Characters
from relark.frontends.lark.components import components
from relark.language import ALL, EMPTY, Term

MOST = 2000

_Row = tuple[bool, tuple[tuple[int, "Term | int"], ...]]
"""A state: whether it accepts, and its moves in order: classes, and a kept term or, inside a form, a number."""


class Obligations:
    """The obligations of one grammar, over the classes of ``characters``."""

    def __init__(self, characters: Characters) -> None:
        self.characters = characters
        self._kept: dict[Term, Term] = {EMPTY: EMPTY}
        self._rows: dict[Term, _Row] = {}  # of kept terms
        self._by_row: dict[_Row, Term] = {}
        self._by_loop: dict[_Row, Term] = {}  # 0 for the term itself
        self._by_form: dict[tuple[_Row, ...], Term] = {}  # the whole cycle, numbered as it is met
        self._keep_one(ALL)

    def kept(self, term: Term) -> Term:
        """The one term for this language; EMPTY if no text is in it."""
        known = self._kept.get(term)
        if known is None and not self._is_small(term):
            known = self._kept[term] = EMPTY if self.characters.is_empty(term) else term
        if known is None:
            for component in components(term, self.characters.moves, self._kept):
                if len(component) == 1:
                    self._keep_one(component[0])
                else:
                    self._keep_cycle(component)
            known = self._kept[term]
        return known

    def after(self, term: Term, index: int) -> Term:
        """What ``term`` asks of the rest after a character of class ``index``."""
        return term if term is ALL else self.kept(self.characters.derive(term, index))

    def _is_small(self, term: Term) -> bool:
        """Whether few states that are not kept yet can be reached."""
        fresh = {term}
        work = [term]
        while work and len(fresh) <= MOST:
            for _, target in self.characters.moves(work.pop()):
                if target not in fresh and target not in self._kept:
                    fresh.add(target)
                    work.append(target)
        return not work

    def _keep_one(self, term: Term) -> None:
        """A state on no cycle but its own loop."""
        moves = self.characters.moves(term)
        loop = sum(classes for classes, target in moves if target is term)
        onward = [(classes, self._kept[target]) for classes, target in moves if target is not term]
        onward = [(classes, target) for classes, target in onward if target is not EMPTY]
        if not onward and not term.nullable:
            self._kept[term] = EMPTY
            return
        found = None
        if loop:  # the same as a kept one that it leads to, or as one with the same loop
            for _, target in onward:
                if self._rows.get(target) == _row(term.nullable, [*onward, (loop, target)]):
                    found = target
            found = found or self._by_loop.get(_row(term.nullable, [*onward, (loop, 0)]))
        else:
            found = self._by_row.get(_row(term.nullable, onward))
        if found is None:
            found = term
            self._enter(term, [*onward, (loop, term)] if loop else onward)
        self._kept[term] = found

    def _enter(self, term: Term, moves: Iterable[tuple[int, Term | int]]) -> None:
        row = self._rows[term] = _row(term.nullable, moves)
        self._by_row[row] = term
        self._by_loop[_row(term.nullable, [(classes, 0 if to is term else to) for classes, to in row[1]])] = term

    def _keep_cycle(self, component: list[Term]) -> None:
        """States that lead to each other."""
        inside = set(component)
        moves: dict[Term, list[tuple[int, Term]]] = {}
        work = list(component)
        while work:  # and all the kept ones that they lead to
            state = work.pop()
            if state in moves or state is EMPTY:
                continue
            if state in inside:
                pairs = [(c, t if t in inside else self._kept[t]) for c, t in self.characters.moves(state)]
            else:
                pairs = [(c, t) for c, t in self._rows.get(state, (False, ()))[1] if isinstance(t, Term)]
            moves[state] = [(classes, target) for classes, target in pairs if target is not EMPTY]
            work += [target for _, target in moves[state]]
        if not any(state.nullable or any(t not in inside for _, t in moves[state]) for state in component):
            self._kept.update((state, EMPTY) for state in component)
            return
        block = _blocks(moves)
        outside = {block[state]: state for state in moves if state not in inside}
        if block[component[0]] in outside:  # then all of them are the same as kept ones
            self._kept.update((state, outside[block[state]]) for state in component)
            return
        example = {block[state]: state for state in reversed(component)}
        chosen: dict[int, Term] = {}
        for number, state in example.items():
            form = self._form(number, block, moves, example)
            known = self._by_loop.get(form[0]) if len(form) == 1 else self._by_form.setdefault(form, state)
            chosen[number] = known or state
        for number, state in example.items():
            if chosen[number] is state:
                self._enter(state, [(c, chosen.get(block[t], t)) for c, t in moves[state]])
        self._kept.update((state, chosen[block[state]]) for state in component)

    def _form(
        self,
        start: int,
        block: dict[Term, int],
        moves: dict[Term, list[tuple[int, Term]]],
        example: dict[int, Term],
    ) -> tuple[_Row, ...]:
        """The cycle from block ``start`` on; ``example``: a state for each of its blocks."""
        order = [start]
        rows: list[_Row] = []
        for number in order:
            state = example[number]
            grouped: dict[int | Term, int] = {}
            for classes, target in moves[state]:
                to = block[target] if block[target] in example else target
                grouped[to] = grouped.get(to, 0) | classes
            pairs: list[tuple[int, Term | int]] = []
            for to, classes in sorted(grouped.items(), key=lambda item: item[1] & -item[1]):
                if isinstance(to, int) and to not in order:
                    order.append(to)
                pairs.append((classes, order.index(to) if isinstance(to, int) else to))
            rows.append((state.nullable, tuple(pairs)))
        return tuple(rows)


def _row(nullable: bool, moves: Iterable[tuple[int, Term | int]]) -> _Row:
    grouped: dict[Term | int, int] = {}
    for classes, target in moves:
        grouped[target] = grouped.get(target, 0) | classes
    pairs = sorted(((classes, target) for target, classes in grouped.items()), key=lambda pair: pair[0] & -pair[0])
    return nullable, tuple(pairs)


def _blocks(moves: dict[Term, list[tuple[int, Term]]]) -> dict[Term, int]:
    """The coarsest partition of the states into ones that accept the same; what is not listed is dead."""
    block = {state: int(state.nullable) for state in moves}
    count = len(set(block.values()))
    while True:
        numbers: dict[tuple[int, frozenset[tuple[int, int]]], int] = {}
        refined = {}
        for state, pairs in moves.items():
            grouped: dict[int, int] = {}
            for classes, target in pairs:
                grouped[block[target]] = grouped.get(block[target], 0) | classes
            key = block[state], frozenset(grouped.items())
            refined[state] = numbers.setdefault(key, len(numbers))
        if len(numbers) == count:
            return block
        block, count = refined, len(numbers)
