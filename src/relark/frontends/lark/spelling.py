"""The words between two states of a matcher, as plain terms over UTF-8.

Parts without cycles are written out directly and loops of one state as repeats (Arden 1961); a larger cycle is written
as a repeat too where it always passes through one state, otherwise its states become references to each other.  The
term of a state and an exit is made once, whatever scanner comes by.

Cost: linear in the states times the exits that each can reach.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_

from relark.errors import UnsupportedError
from relark.frontends.lark.characters import Characters, members
from relark.frontends.lark.components import components
from relark.frontends.lark.preferred import Exit, State
from relark.language import EMPTY, EPSILON, Completions, Term, concat, ref, repeat, union

MOST_AROUND = 60  # states of a cycle for which one is looked for that all cycles pass

_REST = sum(1 << byte for byte in range(0x80, 0xC0))  # all bytes of a longer character but the first
MOST_WAYS = 40_000  # of one scanner: states, times the exits that each can reach
MOST_NESTED = 24  # operators in a term; deeper ones get a name


class WordTerms:
    """The terms of one grammar's states.

    ``used``: the classes that words consist of.  ``bytes_used``: bytes that suffice to complete every word begun.
    """

    def __init__(self, characters: Characters, used: int) -> None:
        self.characters = characters
        self.bytes_used = self._spelling(used)
        self._done: set[State] = set()
        self._terms: dict[State, dict[Exit, Term]] = {}  # to every exit that can be reached

    def of(self, start: State) -> dict[Exit, Term]:
        """The words from ``start`` to every exit that can be reached; all states have been explored.

        Raises `UnsupportedError` where that is too many.
        """
        ways = 0
        for component in components(start, _moves, self._done):
            if len(component) == 1:
                self._terms[component[0]] = self._single(component[0])
            else:
                self._write_cycle(component)
            self._done.update(component)
            ways += sum(len(self._terms[state]) for state in component)
            if ways > MOST_WAYS:
                names = ", ".join(start.labels[:3])
                raise UnsupportedError(
                    f"terminal {names}: its matches may end early in more than {MOST_WAYS:,} ways, depending on what "
                    "follows; write it with smaller counts"
                )
        return self._terms[start]

    def _spelling(self, used: int) -> int:
        """Bytes that suffice to spell some character of each class of ``used``, and to complete every one begun."""
        found = 0
        for index in members(used):
            text = Completions().shortest(self.characters.utf8(1 << index))
            assert text is not None, "no class is empty"
            found |= reduce(or_, (1 << byte for byte in text))
            if self.characters.classes[index][-1][1] > 0x7F:
                found |= _REST
        return found

    def _single(self, state: State) -> dict[Exit, Term]:
        """The terms of a state on no cycle but its own loop."""
        loop: Term = EMPTY
        ways: dict[Exit, list[Term]] = {exit_: [EPSILON] for exit_ in state.exits}
        for classes, target in _moves(state):
            step = self.characters.utf8(classes)
            if target is state:
                loop = step
            else:
                for exit_, term in self._terms[target].items():
                    ways.setdefault(exit_, []).append(concat(step, term))
        looped = repeat(loop, 0, None)
        found = {exit_: concat(looped, union(*terms)) for exit_, terms in ways.items()}
        return {exit_: self._named(state, exit_, term) for exit_, term in found.items()}

    def _named(self, state: State, exit_: Exit, term: Term) -> Term:
        """``term``, or a reference to it where it nests deep."""
        if term.depth <= MOST_NESTED:
            return term
        return self._reference(state, exit_, term.first, lambda: term)

    def _reference(self, state: State, exit_: Exit, first: int, resolve: Callable[[], Term]) -> Term:
        return ref(
            exit_[0],
            resolve,
            nullable=exit_ in state.exits,
            check=False,
            first=first,
            shortest=self._shortest(state, exit_),
            spelling=self.bytes_used,
        )

    def _write_cycle(self, component: list[State]) -> None:
        inside = set(component)
        reached: dict[Exit, None] = {}
        for state in component:
            self._terms[state] = {}
            reached.update(dict.fromkeys(state.exits))
            for _, target in _moves(state):
                if target not in inside:
                    reached.update(dict.fromkeys(self._terms[target]))
        order = _around_one(component)
        for exit_ in reached:
            if order is None or not self._write_around(order, exit_):
                self._write_references(component, exit_)

    def _write_around(self, order: list[State], exit_: Exit) -> bool:
        """Whether that was possible; ``order``: see `_around_one`."""
        head, *others = order
        back: dict[State, Term] = {}  # to the head, for the first time
        out: dict[State, Term] = {}  # to the exit without the head
        for state in (*others, head):
            returns: list[Term] = []
            leaves: list[Term] = [EPSILON] if exit_ in state.exits else []
            loop: Term = EMPTY
            for classes, target in _moves(state):
                step = self.characters.utf8(classes)
                if target is state and state is not head:
                    loop = step
                elif target is head:
                    returns.append(step)
                elif target in back:
                    returns.append(concat(step, back[target]))
                    leaves.append(concat(step, out[target]))
                else:
                    leaves.append(concat(step, self._terms[target].get(exit_, EMPTY)))
            back[state] = concat(repeat(loop, 0, None), union(*returns))
            out[state] = concat(repeat(loop, 0, None), union(*leaves))
        whole = concat(repeat(back[head], 0, None), out[head])
        written = {state: union(concat(back[state], whole), out[state]) for state in others}
        written[head] = whole
        if any(term.depth > MOST_NESTED for term in written.values()):
            return False
        for state, term in written.items():
            self._terms[state][exit_] = term
        return True

    def _write_references(self, component: list[State], exit_: Exit) -> None:
        inside = set(component)
        for state in component:
            first = 0
            for classes, target in _moves(state):
                if target in inside or exit_ in self._terms[target]:
                    first |= self.characters.utf8(classes).first
            self._terms[state][exit_] = self._reference(state, exit_, first, self._unfolding(state, exit_))

    def _unfolding(self, state: State, exit_: Exit) -> Callable[[], Term]:
        def unfolded() -> Term:
            ways = [
                concat(self.characters.utf8(classes), self._terms[target].get(exit_, EMPTY))
                for classes, target in _moves(state)
            ]
            return union(*ways, *([EPSILON] if exit_ in state.exits else []))

        return unfolded

    def _shortest(self, state: State, exit_: Exit) -> Callable[[int], bytes | None]:
        known: dict[int, bytes | None] = {}

        def shortest(alphabet: int) -> bytes | None:
            if alphabet not in known:
                known[alphabet] = self._find_shortest(state, exit_, Completions(alphabet))
            return known[alphabet]

        return shortest

    def _find_shortest(self, start: State, exit_: Exit, completions: Completions) -> bytes | None:
        """A shortest word: the states in order of their distance (Dijkstra 1959, by numbers of bytes)."""
        buckets: dict[int, dict[State, bytes]] = {0: {start: b""}}
        closed: set[State] = set()
        while buckets:
            length = min(buckets)
            for state, text in buckets.pop(length).items():
                if state in closed:
                    continue
                closed.add(state)
                if exit_ in state.exits:
                    return text
                for classes, target in _moves(state):
                    if target not in closed and exit_ in self._terms[target]:
                        character = completions.shortest(self.characters.utf8(classes))
                        if character is not None:
                            buckets.setdefault(length + len(character), {}).setdefault(target, text + character)
        return None


def _moves(state: State) -> tuple[tuple[int, State], ...]:
    assert state.moves is not None, "explored before"
    return state.moves


def _around_one(component: list[State]) -> list[State] | None:
    """A state without which there are only loops left, then the others, each after those it leads to; None if there is
    no such state.
    """
    if len(component) > MOST_AROUND:
        return None
    for head in reversed(component):  # the one that was met first is the likeliest
        inside = set(component) - {head}
        order: list[State] = []
        marks: dict[State, bool] = {}  # False while what it leads to is being looked at
        work = [(state, False) for state in inside]
        cyclic = False
        while work and not cyclic:
            state, left = work.pop()
            if left:
                marks[state] = True
                order.append(state)
            elif state not in marks:
                marks[state] = False
                work.append((state, True))
                for _, target in _moves(state):
                    if target in inside and target is not state:
                        cyclic = cyclic or marks.get(target) is False
                        work.append((target, False))
        if not cyclic:
            return [head, *order]
    return None
