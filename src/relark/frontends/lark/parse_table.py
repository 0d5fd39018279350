"""Lark's LALR parse table with stacks that are never changed.

A `Stack` is a linked list of parser states, newest first.  Equal stacks are one object, so they serve as keys, and a
token costs what it shifts and reduces, not what lies below.  Conflicts are already resolved in the table, by Lark.

Cost: a few microseconds a token.  A stack is forgotten with its last use.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from typing import Any

from lark.parsers.lalr_analysis import Shift

from relark.frontends.lark.grammar import Grammar, Rule

__all__ = ["END", "Stack", "Table"]

END = "$END"


class Stack:
    """Parser states; make them with `Table.push`.

    What is known about completing it is kept with it (`known`).
    """

    __slots__ = ("__weakref__", "_known", "below", "depth", "state")

    def __init__(self, state: int, below: Stack | None) -> None:
        self.state, self.below = state, below
        self.depth: int = 0 if below is None else below.depth + 1
        self._known: dict[Any, dict[int, Any]] | None = None

    def known(self, to: object) -> dict[int, Any]:
        """What is known ``to`` somebody about completing it, by the state that stands on top of it."""
        if self._known is None:
            self._known = {}
        return self._known.setdefault(to, {})

    def pop(self, count: int) -> Stack:
        """The stack ``count`` states further down."""
        stack = self
        for _ in range(count):
            assert stack.below is not None, "Lark's table never reduces more than there is"
            stack = stack.below
        return stack


class Table:
    """The table of one grammar and start symbol.

    ``actions``  a state's terminals: the state to shift to, or (symbols to take off, the rule that they are)
    ``gotos``    a state's rules: the state to go to
    ``kernels``  a state's items other than those at their beginning: (rule, symbols that are already there)
    ``initial``  the stack at the beginning of the text
    """

    def __init__(self, grammar: Grammar) -> None:
        table = grammar.lark.parser.parser._parse_table
        self.names: tuple[Hashable, ...] = tuple(table.states)  # Lark's own for the states
        numbers = {name: number for number, name in enumerate(self.names)}
        self.actions: list[dict[str, int | tuple[int, str]]] = []
        self.gotos: list[dict[str, int]] = []
        origins = {rule.origin for rule in grammar.rules}
        for row in table.states.values():
            actions: dict[str, int | tuple[int, str]] = {}
            gotos: dict[str, int] = {}
            for symbol, (action, target) in row.items():
                if action is not Shift:
                    actions[str(symbol)] = len(target.expansion), str(target.origin.name)
                elif symbol in origins:
                    gotos[str(symbol)] = numbers[target]
                else:
                    actions[str(symbol)] = numbers[target]
            self.actions.append(actions)
            self.gotos.append(gotos)
        self.end = numbers[table.end_states[grammar.start]]
        self.initial = Stack(numbers[table.start_states[grammar.start]], None)
        self._stacks: weakref.WeakValueDictionary[tuple[int, int], Stack] = weakref.WeakValueDictionary()
        self.kernels = self._kernels(grammar.rules)

    def push(self, stack: Stack, state: int) -> Stack:
        key = id(stack), state  # what lies on a stack keeps it alive, hence its id its own
        found = self._stacks.get(key)
        if found is None:
            found = self._stacks[key] = Stack(state, stack)
        return found

    def feed(self, stack: Stack, terminal: str) -> Stack | None:
        """The stack after ``terminal``; None where Lark refuses it."""
        pushed: list[int] = []  # by reductions, on top of what is left of `stack`
        for _ in range(self._most_reductions(stack)):
            action = self.actions[pushed[-1] if pushed else stack.state].get(terminal)
            if action is None:
                return None
            if isinstance(action, int):
                for state in pushed:
                    stack = self.push(stack, state)
                return self.push(stack, action)
            stack = self._reduce(stack, pushed, *action)
        return None

    def accepts_end(self, stack: Stack) -> bool:
        """Whether the text may end here."""
        pushed: list[int] = []
        for _ in range(self._most_reductions(stack)):
            action = self.actions[pushed[-1] if pushed else stack.state].get(END)
            if not isinstance(action, tuple):
                return False
            stack = self._reduce(stack, pushed, *action)
            if pushed[-1] == self.end:
                return True
        return False

    def _reduce(self, stack: Stack, pushed: list[int], count: int, origin: str) -> Stack:
        if count > len(pushed):
            stack = stack.pop(count - len(pushed))
            pushed.clear()
        elif count:
            del pushed[-count:]
        pushed.append(self.gotos[pushed[-1] if pushed else stack.state][origin])
        return stack

    def _most_reductions(self, stack: Stack) -> int:
        """By one token: a table that makes more of them goes round in circles, and Lark never comes back (a rule that
        derives itself was preferred by its priority).
        """
        return (stack.depth + 2) * (len(self.names) + 10)

    def _kernels(self, rules: tuple[Rule, ...]) -> list[list[tuple[Rule, int]]]:
        """Items, found along their symbols: a state that goes on with a rule expects all of the rule's alternatives."""
        by_origin: dict[str, list[Rule]] = {}
        for rule in rules:
            by_origin.setdefault(rule.origin, []).append(rule)
        found: list[dict[tuple[Rule, int], None]] = [{} for _ in self.names]
        for start, gotos in enumerate(self.gotos):
            for origin in gotos:
                for rule in by_origin[origin]:
                    state = start
                    for index, symbol in enumerate(rule.expansion):
                        target = (self.actions if symbol.is_terminal else self.gotos)[state][symbol.name]
                        assert isinstance(target, int), "a conflict is resolved as a shift"
                        state = target
                        found[state][rule, index + 1] = None
        return [list(items) for items in found]
