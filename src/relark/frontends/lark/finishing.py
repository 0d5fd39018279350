"""Lower bounds of what it takes to complete a stack of the parser.

A stack is completed by finishing, for each of its states, a rule that is being read there.  `Finishing` has the least
cost of this in a relaxed world, where conflicts are not resolved and a terminal is read by whatever scanner has it.
The cost may depend on contexts, numbered from 0 (where a name ended, no letter may follow without a blank): costs are
sparse matrices from the context before to the one after, and least costs are the least fixpoint of the rules (Knuth
1977).

Cost: a fixpoint over the grammar's rules at first, then a few hundred table look-ups for each new stack.  Cannot do:
upper bounds; what is finite here may still be impossible.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TypeAlias

from relark.frontends.lark.grammar import Rule
from relark.frontends.lark.parse_table import Stack, Table

__all__ = ["NEVER", "Costs", "Finishing", "closed", "least", "then"]

NEVER = 1 << 60
Costs: TypeAlias = "tuple[dict[int, int], ...]"
"""The context before (an index) -> the context after -> the least cost."""
Vector: TypeAlias = "tuple[int, ...]"
"""The context before (an index) -> the least cost to the end."""


def then(first: Costs, second: Costs) -> Costs:
    """One after the other."""
    result = []
    for row in first:
        found: dict[int, int] = {}
        for between, cost in row.items():
            for after, more in second[between].items():
                if cost + more < found.get(after, NEVER):
                    found[after] = cost + more
        result.append(found)
    return tuple(result)


def least(first: Costs, second: Costs) -> Costs:
    """One or the other; ``first`` itself where ``second`` is nowhere cheaper."""
    changed = False
    result = []
    for row, other in zip(first, second, strict=True):
        cheaper = {after: cost for after, cost in other.items() if cost < row.get(after, NEVER)}
        changed = changed or bool(cheaper)
        result.append({**row, **cheaper} if cheaper else row)
    return tuple(result) if changed else first


def closed(step: Costs) -> Costs:
    """Any number of times."""
    result = identity(len(step))
    while True:
        more = least(result, then(result, step))
        if more is result:
            return result
        result = more


def identity(size: int) -> Costs:
    """Nothing is read."""
    return tuple({context: 0} for context in range(size))


class Finishing:
    """The bounds for stacks of ``table``, given the costs of the terminals."""

    def __init__(
        self, table: Table, rules: tuple[Rule, ...], terminals: Mapping[str, Costs], *, contexts: int, start: str
    ) -> None:
        self.table = table
        self._nothing = identity(contexts)
        self._never: Costs = ({},) * contexts
        self._costs = dict(terminals)
        self._rests: dict[tuple[Rule, int], Costs] = {}
        self._exits: dict[tuple[int, int], list[tuple[int, str | None, Costs]]] = {}
        self._find_costs(rules)
        self._whole = self._vector(self._costs.get(start, self._never), (0,) * contexts)

    def of(self, stack: Stack) -> Vector:
        """Bounds for completing ``stack``."""
        if stack.below is None:
            return self._whole
        base, state = stack.below, stack.state
        known: dict[int, Vector] = base.known(self)
        if state not in known:
            self._find(base, state)
        return known[state]

    def _find(self, base: Stack, state: int) -> None:
        """Without recursion: stacks are as deep as texts nest."""
        work = [(base, state)]
        while work:
            base, state = work[-1]
            known = base.known(self)
            if state in known:
                work.pop()
                continue
            best: Vector = (NEVER,) * len(self._nothing)
            missing = False
            for count, origin, costs in self.exits(base.state, state):
                if origin is None:
                    after: Vector | None = (0,) * len(best)
                else:
                    lower = base.pop(count)
                    target = self.table.gotos[lower.state][origin]
                    after = lower.known(self).get(target)
                    if after is None:
                        missing = True
                        work.append((lower, target))
                if after is not None and not missing:
                    best = tuple(map(min, best, self._vector(costs, after)))
            if not missing:
                known[state] = best
                work.pop()

    def exits(self, base: int, state: int) -> list[tuple[int, str | None, Costs]]:
        """How what was begun on ``base``, with ``state`` now on top of it, may be left: the states to take off, that
        one included, the rule that is then complete (None: the whole text), and the costs up to there.

        The first state to take off is ``base`` itself; ``state`` above it is not counted.
        """
        key = base, state
        found = self._exits.get(key)
        if found is not None:
            return found
        inner: dict[int, Costs] = {state: self._nothing}  # states on top of the same base
        leaving: dict[tuple[int, str | None], Costs] = {}
        work = deque([state])
        while work:
            top = work.popleft()
            so_far = inner[top]
            if top == self.table.end and base == self.table.initial.state:
                self._improve(leaving, (0, None), so_far)
            for rule, index in self.table.kernels[top]:
                costs = then(so_far, self._rest(rule, index))
                if not any(costs):
                    continue
                if index > 1:
                    self._improve(leaving, (index - 1, rule.origin), costs)
                else:
                    target = self.table.gotos[base][rule.origin]
                    if self._improve(inner, target, costs) and target not in work:
                        work.append(target)
        found = [(count, origin, costs) for (count, origin), costs in leaving.items()]
        self._exits[key] = found
        return found

    def _improve(self, found: dict, key: object, costs: Costs) -> bool:  # type: ignore[type-arg]
        before = found.get(key, self._never)
        after = found[key] = least(before, costs)
        return after is not before

    def _rest(self, rule: Rule, index: int) -> Costs:
        """Of the symbols of ``rule`` from ``index`` on."""
        found = self._rests.get((rule, index))
        if found is None:
            found = self._nothing
            for at in range(len(rule.expansion) - 1, index - 1, -1):
                found = then(self._costs.get(rule.expansion[at].name, self._never), found)
            self._rests[rule, index] = found
        return found

    def _vector(self, costs: Costs, after: Vector) -> Vector:
        return tuple(min((cost + after[to] for to, cost in row.items()), default=NEVER) for row in costs)

    def _find_costs(self, rules: tuple[Rule, ...]) -> None:
        using: dict[str, list[Rule]] = {}
        for rule in rules:
            for symbol in rule.expansion:
                if not symbol.is_terminal:
                    using.setdefault(symbol.name, []).append(rule)
        work = deque(dict.fromkeys(rules))
        waiting = set(work)
        while work:
            rule = work.popleft()
            waiting.discard(rule)
            costs = self._nothing
            for symbol in rule.expansion:
                costs = then(costs, self._costs.get(symbol.name, self._never))
            if any(costs) and self._improve(self._costs, rule.origin, costs):
                for other in using.get(rule.origin, ()):
                    if other not in waiting:
                        waiting.add(other)
                        work.append(other)
