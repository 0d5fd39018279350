"""Spreads over random tries and random tables of states: the compiled kernel, NumPy, and a slow search agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relark import kernel
from relark.language.states import DEAD, IS_LAZY, IS_NULLABLE, KNOWN, PARTLY, UNKNOWN, States
from relark.language.terms import COSTLY
from relark.tokens.spread import Nodes, mark, marked, no_tokens, spread, tokens_in
from relark.tokens.trie import Trie

BYTES = b"\x00ab\x7f\x80\xff"
WithBoth = Callable[[Callable[[], Any]], tuple[Any, Any]]

# Nothing of what `with_both` patches lasts longer than its call.
each = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@dataclass(frozen=True)
class State:
    successors: dict[int, int]
    nullable: bool
    lazy: bool
    costly: bool


class Table(States):
    """States that are given, and told only when a walk asks; those of costly ones byte by byte, or all."""

    def __init__(self, given: list[State]) -> None:
        super().__init__()
        self.given = given
        self.asked = 0
        for state in given[1:]:
            number = len(self.terms)
            if number == len(self.flags):
                self._grow()
            self.flags[number] = (IS_LAZY if state.lazy else 0) | (IS_NULLABLE if state.nullable else 0)
            first = sum(1 << byte for byte, target in state.successors.items() if target != DEAD)
            term = SimpleNamespace(flags=COSTLY if state.costly else 0, first=first, number=number)
            self.terms.append(term)  # type: ignore[arg-type]

    def provide(self, number: int, bytes_: Iterable[int]) -> None:
        self.asked += 1
        assert self.asked < 10_000
        successors = self.given[number].successors
        if self.given[number].costly:
            if not self.flags[number] & KNOWN:
                self._row(number)[:] = UNKNOWN
                self.flags[number] |= PARTLY
                self._some_partly = True
            row = self.rows[self.row_of[number]]
            for byte in bytes_:
                row[byte] = successors.get(byte, DEAD)
        elif len(successors) == 1:
            [(self.only_byte[number], self.only_next[number])] = successors.items()
        elif successors:
            row = self._row(number)
            for byte, target in successors.items():
                row[byte] = target
        self.flags[number] |= KNOWN


@st.composite
def states(draw: st.DrawFn) -> list[State]:
    n = draw(st.sampled_from([2, 3, 4, 6, 90]))  # 90: the table grows, and may do so in the middle of a walk
    numbers = st.integers(0, n - 1)
    successors = st.one_of(
        st.dictionaries(st.sampled_from(BYTES), numbers.filter(bool), max_size=6),
        st.fixed_dictionaries(dict.fromkeys(BYTES, numbers)),
    )
    some = st.builds(State, successors, st.booleans(), st.sampled_from([False, False, False, True]), st.booleans())
    few = draw(st.lists(some, min_size=min(n, 6) - 1, max_size=min(n, 6) - 1))
    found = [State({}, False, False, False), *few]
    for number, state in enumerate(found[1:], 1):  # as within names
        state.successors.update(dict.fromkeys(draw(st.sets(st.sampled_from(BYTES))), number))
    while len(found) < n:  # the others: a chain of many distinct rows
        at = len(found)
        found.append(State({b: (at + 1 + i) % n for i, b in enumerate(BYTES)}, at % 3 == 0, False, at % 7 == 0))
    return found


tokens = st.lists(
    st.one_of(st.none(), st.lists(st.sampled_from(BYTES), max_size=6).map(bytes)), min_size=1, max_size=70
)


def search(trie: Trie, given: list[State], roots: list[int], start: int) -> tuple[set[tuple[int, int]], ...]:
    """The nodes reached with their states, and those where a lazy one is; one by one."""
    reached, turned = set(), set()
    work = [(node, start) for node in roots] if start != DEAD else []
    while work:
        node, state = work.pop()
        reached.add((node, state))
        for child in range(trie.first_child[node], trie.first_child[node] + trie.n_children[node]):
            after = given[state].successors.get(int(trie.byte[child]), DEAD)
            if after != DEAD and given[after].lazy:
                turned.add((child, after))
            elif after != DEAD:
                work.append((child, after))
    return reached, turned


def tokens_at(trie: Trie, nodes: set[int]) -> list[int]:
    return [i for i, node in enumerate(trie.node_of_token.tolist()) if node in nodes]


def pairs(found: Any) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    turned = [(node, term.number) for term, nodes in found.turned for node in nodes.tolist()]
    return sorted(zip(found.nodes.tolist(), found.states.tolist(), strict=True)), sorted(turned)


def roots_of(trie: Trie, wanted: list[int]) -> Nodes:
    """Nodes of which none lies below another."""
    level = np.unique([at % len(trie) for at in wanted])
    depth = np.searchsorted(trie.level_start, level, side="right")
    return level[depth == np.bincount(depth).argmax()].astype(np.int32)


@pytest.fixture(params=["as it is", "for few nodes as for many"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy has other ways where there are few nodes, and where there are many."""
    if request.param != "as it is":
        for name, value in {"_FEW": 0, "_MANY": 1, "_WORTH": 1000}.items():
            monkeypatch.setattr(f"relark.tokens.spread.{name}", value)


@pytest.mark.usefixtures("sizes")
@each
@given(
    token_bytes=tokens,
    table=states(),
    start=st.integers(0, 5),
    wanted=st.just([0]) | st.lists(st.integers(0, 200), min_size=1, max_size=8),
)
def test_spreads_agree(
    with_both: WithBoth, token_bytes: list[bytes | None], table: list[State], start: int, wanted: list[int]
) -> None:
    trie = Trie.build(token_bytes)
    roots = roots_of(trie, wanted)
    start %= len(table)
    reached, turned = search(trie, table, roots.tolist(), start)

    compiled, arrays = with_both(lambda: spread(trie, Table(table), roots, start))
    assert pairs(compiled) == pairs(arrays) == (sorted(reached), sorted(turned))
    assert compiled.nodes.dtype == compiled.states.dtype == np.int32

    def tokens_and_ends() -> tuple[list[int], list[int], list[int]]:
        bits = no_tokens(trie)
        ends, turns = marked(trie, Table(table), roots, start, bits)
        at = [node for _, nodes in turns for node in nodes.tolist()]
        return tokens_in(bits).tolist(), sorted(ends.tolist()), sorted(at)

    expected = (
        tokens_at(trie, {node for node, _ in reached | turned}),
        sorted(node for node, state in reached if table[state].nullable),
        sorted(node for node, _ in turned),
    )
    assert with_both(tokens_and_ends) == (expected, expected)


@pytest.mark.usefixtures("sizes")
@each
@given(token_bytes=tokens, wanted=st.sets(st.integers(0, 200)), before=st.sets(st.integers(0, 69)))
def test_marks_agree(with_both: WithBoth, token_bytes: list[bytes | None], wanted: set[int], before: set[int]) -> None:
    trie = Trie.build(token_bytes)
    nodes = np.array(sorted({at % len(trie) for at in wanted}), np.int32)
    there = {token for token in before if token < len(token_bytes)}

    def marks() -> list[int]:
        bits = no_tokens(trie)
        for token in there:
            bits.view(np.uint32)[token >> 5] |= np.uint32(1 << (token & 31))
        mark(trie, nodes, bits)
        return tokens_in(bits).tolist()

    expected = sorted(there | set(tokens_at(trie, set(nodes.tolist()))))
    assert with_both(marks) == (expected, expected)


@pytest.mark.parametrize("depth", [1, 300, 20_000])
def test_a_long_token_takes_no_recursion(depth: int, with_both: WithBoth) -> None:
    trie = Trie.build([b"a" * depth])
    state = State({ord("a"): 1}, True, False, False)
    compiled, arrays = with_both(lambda: spread(trie, Table([state, state]), np.zeros(1, np.int32), 1))
    assert compiled.nodes.tolist() == arrays.nodes.tolist() == list(range(depth + 1))


@pytest.mark.skipif(kernel.compiled is None, reason="there is no compiled kernel here")
class TestWrite:
    VALUES = np.array([7, -1, 0, 5], np.int32)
    SPARSE = (np.array([4, 1, 3], np.int32), np.array([0, -1, 5], np.int32))  # the first of each: the length, nothing

    def test_all_words(self) -> None:
        row = np.full(4, 99, np.int32)
        assert kernel.compiled.write(row, None, self.VALUES)
        assert row.tolist() == [7, -1, 0, 5]

    def test_some_words(self) -> None:
        row = np.full(4, 99, np.int32)
        assert kernel.compiled.write(row, *self.SPARSE)
        assert row.tolist() == [0, -1, 0, 5]

    @pytest.mark.parametrize("words_and_values", [(None, VALUES), SPARSE], ids=["all", "some"])
    @pytest.mark.parametrize(
        "row",
        [
            np.full(5, 99, np.int32),
            np.full(3, 99, np.int32),
            np.full(4, 99, np.int64),
            np.full(2, 99, np.int64),
            np.full(4, 99, np.uint32),
            np.full(4, 99, np.float32),
            np.full(4, 99, ">i4"),
            np.full((2, 2), 99, np.int32),
            np.full((4, 1), 99, np.int32),
            np.full(8, 99, np.int32)[::2],
            np.broadcast_to(np.int32(99), 4),
            [99, 99, 99, 99],
            None,
        ],
        ids=lambda row: f"{row.dtype.str}{list(row.shape)}{row.strides}" if isinstance(row, np.ndarray) else repr(row),
    )
    def test_other_rows_are_left_alone(self, row: Any, words_and_values: Any) -> None:
        before = np.array(row).tolist()
        assert not kernel.compiled.write(row, *words_and_values)
        assert np.array(row).tolist() == before
