"""What rules say before any text is read: which matter, what may be empty, what comes first, what is left recursive.

Everything here is about names of rules and terminals; how texts are cut into terminals is for `scanning`.

Cost: linear in the rules for each pass of a least fixpoint, which takes a few.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import TypeVar

from relark.frontends.lark.grammar import Rule, Symbol

__all__ = [
    "by_origin",
    "components",
    "first_terminals",
    "last_terminals",
    "left_corners",
    "nullable",
    "productive",
    "reachable",
    "useful",
    "with_options",
    "without_ladders",
]

Node = TypeVar("Node", bound=Hashable)


def productive(rules: Iterable[Rule]) -> frozenset[str]:
    """Rules from which some sequence of terminals can be derived."""
    return _closure(rules, lambda symbol, found: symbol.is_terminal or symbol.name in found)


def nullable(rules: Iterable[Rule]) -> frozenset[str]:
    """Rules from which the empty sequence can be derived."""
    return _closure(rules, lambda symbol, found: symbol.name in found)


def _closure(rules: Iterable[Rule], holds: Callable[[Symbol, Collection[str]], bool]) -> frozenset[str]:
    """The least set of rules that have an alternative all of whose symbols ``holds`` takes, given the set."""
    found: dict[str, None] = {}
    waiting = list(rules)
    while True:
        left = []
        for rule in waiting:
            if rule.origin in found:
                continue
            if all(holds(symbol, found) for symbol in rule.expansion):
                found[rule.origin] = None
            else:
                left.append(rule)
        if len(left) == len(waiting):
            return frozenset(found)
        waiting = left


def reachable(rules: Iterable[Rule], start: str) -> frozenset[str]:
    """Rules and terminals that derivations from ``start`` can use, itself included."""
    expansions = by_origin(rules)
    found = {start}
    work = [start]
    while work:
        for rule in expansions.get(work.pop(), ()):
            for symbol in rule.expansion:
                if symbol.name not in found:
                    found.add(symbol.name)
                    work.append(symbol.name)
    return frozenset(found)


def last_terminals(rules: Iterable[Rule]) -> dict[str, frozenset[str]]:
    """For each rule, the terminals that non-empty derivations may end with."""
    return first_terminals(Rule(rule.origin, rule.expansion[::-1]) for rule in rules)


def useful(rules: Iterable[Rule], start: str) -> tuple[Rule, ...]:
    """The rules that some complete derivation from ``start`` uses, each once, in their order."""
    rules = list(dict.fromkeys(rules))
    possible = productive(rules)
    rules = [
        rule
        for rule in rules
        if rule.origin in possible and all(s.is_terminal or s.name in possible for s in rule.expansion)
    ]
    met = reachable(rules, start)
    return tuple(rule for rule in rules if rule.origin in met)


def by_origin(rules: Iterable[Rule]) -> dict[str, list[Rule]]:
    """The alternatives of each rule, in their order."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.origin, []).append(rule)
    return found


def left_corners(rules: Iterable[Rule]) -> dict[str, dict[str, None]]:
    """For each rule, the rules and terminals that one of its alternatives may begin with, if all before are empty."""
    rules = list(rules)
    empty = nullable(rules)
    found: dict[str, dict[str, None]] = {}
    for rule in rules:
        corners = found.setdefault(rule.origin, {})
        for symbol in rule.expansion:
            corners[symbol.name] = None
            if symbol.name not in empty:
                break
    return found


def first_terminals(rules: Iterable[Rule]) -> dict[str, frozenset[str]]:
    """For each rule, the terminals that non-empty derivations may begin with."""
    corners = left_corners(rules)
    found: dict[str, frozenset[str]] = {}
    for component in components(corners):
        first: set[str] = set()
        for name in component:
            for corner in corners[name]:
                first |= found.get(corner, set()) if corner in corners else {corner}
        for name in component:
            found[name] = frozenset(first)
    return found


def components(graph: Mapping[Node, Iterable[Node]]) -> list[list[Node]]:
    """The strongly connected components of ``graph``, each after those it leads to (Tarjan 1972).

    Targets that are not nodes of ``graph`` are passed over.
    """
    number: dict[Node, int] = {}
    low: dict[Node, int] = {}
    path: list[Node] = []  # numbered, and not yet in a component
    held: set[Node] = set()
    found: list[list[Node]] = []
    for root in graph:
        if root in number:
            continue
        work = [(root, iter(graph[root]))]
        number[root] = low[root] = len(number)
        path.append(root)
        held.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target in held:
                    low[node] = min(low[node], number[target])
                elif target in graph and target not in number:
                    number[target] = low[target] = len(number)
                    path.append(target)
                    held.add(target)
                    work.append((target, iter(graph[target])))
                    break
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    component: list[Node] = []
                    while not component or component[-1] != node:
                        component.append(path.pop())
                    held.difference_update(component)
                    component.reverse()
                    found.append(component)
    return found


def without_ladders(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The same language with fewer levels of operators, of which a text may be on all at once.

    Precedence is for trees: ``sum: product ("+" product)*`` over ``product: factor ("*" factor)*`` are the texts of
    ``sum: factor (("*" | "+") factor)*``, as ``c t* (s c t*)*`` is ``c (t | s c)*`` whatever the letters stand for.
    """
    rules = list(rules)
    corners = components(left_corners(rules))
    component_of = {name: i for i, component in enumerate(corners) for name in component}
    written = {origin: [rule.expansion for rule in alternatives] for origin, alternatives in by_origin(rules).items()}
    for upper in list(written):
        while True:
            bases, steps = _climbing(upper, written)
            if len(bases) != 1 or len(bases[0]) != 1 or not steps:
                break
            lower = bases[0][0]
            if lower.is_terminal or component_of[lower.name] == component_of[upper]:
                break
            inner_bases, inner_steps = _climbing(lower.name, written)
            if not inner_steps or any(len(step) == 1 or step[-1] != lower for step in steps):
                break
            if len(inner_bases) > 1:
                first = Symbol(f"{lower.name}^", False)
                written[first.name] = inner_bases
                component_of[first.name] = component_of[lower.name]
                inner_bases = [(first,)]
            (begin,) = inner_bases
            again = Symbol(upper, False)
            steps = list(dict.fromkeys([*inner_steps, *[(*step[:-1], *begin) for step in steps]]))
            written[upper] = [begin, *[(again, *step) for step in steps]]
    return tuple(Rule(origin, expansion) for origin, expansions in written.items() for expansion in expansions)


_Expansions = list[tuple[Symbol, ...]]


def _climbing(name: str, written: Mapping[str, _Expansions]) -> tuple[_Expansions, _Expansions]:
    """A rule as ``(bases, steps)``: one of the bases, then any number of the steps."""
    expansions = written[name]
    if len(expansions) == 2:
        shorter, longer = sorted(expansions, key=len)
        more = longer[-1] if longer and longer[:-1] == shorter else None
        if more is not None and not more.is_terminal and more.name != name:  # ``x: b s*`` is ``x: b | b more``
            bases, steps = _climbing_left(more.name, written[more.name])
            if steps and set(bases) == set(steps):
                return [shorter], steps
    return _climbing_left(name, expansions)


def _climbing_left(name: str, expansions: _Expansions) -> tuple[_Expansions, _Expansions]:
    bases = [expansion for expansion in expansions if not expansion or expansion[0].name != name]
    steps = [expansion[1:] for expansion in expansions if len(expansion) > 1 and expansion[0].name == name]
    return bases, steps


def with_options(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The same language with fewer alternatives: two that differ in one symbol become one with that symbol optional.

    Lark writes ``x: [a] [b] [c]`` out as eight alternatives.  Here it is ``x: a? b? c?`` again, where ``a?`` is a new
    rule with the alternatives ``a`` and nothing.  A left corner of a left-recursive rule stays as it is.
    """
    rules = list(rules)
    corners = left_corners(rules)
    component_of = {name: i for i, component in enumerate(components(corners)) for name in component}
    options: dict[str, Rule] = {}
    written: list[Rule] = []
    for origin, alternatives in by_origin(rules).items():
        expansions = dict.fromkeys(rule.expansion for rule in alternatives)
        changed = len(expansions) > 1
        while changed:
            changed = False
            for expansion in list(expansions):
                if expansion not in expansions:
                    continue  # has become part of another
                for i in reversed(range(len(expansion))):
                    symbol = expansion[i]
                    shorter = expansion[:i] + expansion[i + 1 :]
                    recursive = component_of.get(symbol.name) == component_of[origin]
                    if shorter not in expansions or recursive or symbol.name in options:
                        continue
                    option = Symbol(f"{symbol.name}?", False)
                    options[option.name] = Rule(option.name, (symbol,))
                    del expansions[expansion], expansions[shorter]
                    merged = (*expansion[:i], option, *expansion[i + 1 :])
                    expansions[merged] = None
                    changed = True
                    break
        written += [Rule(origin, expansion) for expansion in expansions]
    for name, rule in options.items():
        written += [rule, Rule(name, ())]
    return tuple(written)
