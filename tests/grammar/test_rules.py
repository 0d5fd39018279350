"""Analyses of rules, on grammars small enough to see the answer."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from relark.frontends.lark.grammar import Rule, Symbol
from relark.frontends.lark.rules import (
    components,
    first_terminals,
    left_corners,
    nullable,
    productive,
    reachable,
    useful,
    with_options,
)


def rules(*lines: str) -> list[Rule]:
    """``"a: b C"``: capitals are terminals."""
    found = []
    for line in lines:
        origin, _, right = line.partition(":")
        expansions = [[Symbol(name, name.isupper()) for name in names.split()] for names in right.split("|")]
        found += [Rule(origin, tuple(expansion)) for expansion in expansions]
    return found


def sentences(grammar: list[Rule] | tuple[Rule, ...], start: str, longest: int) -> set[tuple[str, ...]]:
    """The sequences of at most ``longest`` terminals that ``start`` derives: the least fixpoint, by lengths."""
    words: dict[str, set[tuple[str, ...]]] = {rule.origin: set() for rule in grammar}
    while True:
        before = sum(map(len, words.values()))
        for rule in grammar:
            parts = [{(s.name,)} if s.is_terminal else words[s.name] for s in rule.expansion]
            for chosen in itertools.product(*parts):
                word = tuple(itertools.chain(*chosen))
                if len(word) <= longest:
                    words[rule.origin].add(word)
        if sum(map(len, words.values())) == before:
            return words[start]


def test_productive_nullable_reachable() -> None:
    grammar = rules("s: a b | C", "a: A | a A", "b: b B", "c: C | c", "n: | n n", "m: n n n")
    assert productive(grammar) == {"s", "a", "c", "n", "m"}
    assert nullable(grammar) == {"n", "m"}
    assert reachable(grammar, "s") == {"s", "a", "b", "A", "B", "C"}
    assert useful(grammar, "s") == tuple(rules("s: C"))


def test_what_comes_first() -> None:
    grammar = rules("s: n a B", "n: | N n", "a: s C | b", "b: A")
    assert left_corners(grammar)["s"] == {"n": None, "a": None}
    assert first_terminals(grammar) == {
        "s": frozenset({"N", "A"}),
        "a": frozenset({"N", "A"}),
        "n": frozenset({"N"}),
        "b": frozenset({"A"}),
    }


def test_components_come_after_those_they_lead_to() -> None:
    assert components({1: [2], 2: [3, 1], 3: [4], 4: [4], 5: [1]}) == [[4], [3], [1, 2], [5]]
    assert components({"a": ["elsewhere"]}) == [["a"]]
    deep = components({i: [i + 1] for i in range(20_000)})
    assert deep[0] == [19_999]


@given(st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=3), min_size=1))
def test_components_are_those_that_reach_each_other(graph: dict[int, list[int]]) -> None:
    reach = {node: {node} for node in graph}
    for _ in graph:
        for node, targets in graph.items():
            for target in targets:
                reach[node] |= reach.get(target, set())
    found = components(graph)
    assert sorted(node for component in found for node in component) == sorted(graph)
    position = {node: i for i, component in enumerate(found) for node in component}
    for one, other in itertools.product(graph, repeat=2):
        together = other in reach[one] and one in reach[other]
        assert (position[one] == position[other]) == together
        if other in reach[one]:
            assert position[other] <= position[one]


def test_options_come_back() -> None:
    alternatives = [" ".join(x) for n in range(4) for x in itertools.combinations("ABC", n)]
    merged = with_options(rules("s:" + "|".join(alternatives)))
    assert merged[0] == Rule("s", tuple(Symbol(f"{name}?", False) for name in "ABC"))
    assert len(merged) == 1 + 2 * 3
    left = rules("a: a B | B | C")
    assert with_options(left) == tuple(left)  # a left corner of its own rule stays


@given(
    st.lists(st.lists(st.sampled_from(["A", "B", "s", "t"]), max_size=4), min_size=1, max_size=8),
    st.lists(st.lists(st.sampled_from(["A", "C", "s", "t"]), max_size=3), min_size=1, max_size=4),
)
def test_options_do_not_change_the_language(first: list[list[str]], second: list[list[str]]) -> None:
    grammar = rules("s:" + "|".join(map(" ".join, first)), "t:" + "|".join(map(" ".join, second)))
    assert sentences(with_options(grammar), "s", 4) == sentences(grammar, "s", 4)
