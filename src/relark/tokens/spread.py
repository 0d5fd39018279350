"""Spreads: one state followed through the byte trie, and sets of tokens as packed bits.

The innermost loop of every first visit, and the only code of which there are two: the compiled extension
(``relark._kernel``), if there is one, and NumPy, level by level.  They find the same.

Cost: about 5 ns a live node compiled; with NumPy 50 us a level plus 30 ns a live node, or 2 us a node where a level has
few, or, where a state leads back to itself for much of the trie, as within a name, 5 ns a node of the trie.  Memory: 8
bytes a live node, while it lasts.  Cannot do: terms with the LAZY flag, which have no numbered successors (`walks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relark import kernel
from relark.language.states import DEAD, IS_LAZY, IS_NULLABLE, States
from relark.language.terms import Term
from relark.tokens.trie import Trie

Int32 = NDArray[np.int32]
Nodes = NDArray[np.int32]  # of a trie
_FEW = 24  # nodes: one by one they take no longer than as arrays
_MANY = 2000  # nodes: worth passes over all nodes of the trie, if those are simple
_DEEP = 1 << 14  # levels: depths are int16 where runs are looked for
_WORTH = 4  # times as long as such passes over a node takes it to go to a node
NOWHERE: Final[Nodes] = np.zeros(0, np.int32)
ROOT: Final[Nodes] = np.zeros(1, np.int32)


@dataclass(frozen=True, eq=False, slots=True)
class Spread:
    """Where one state leads.

    ``nodes`` with the numbers of their ``states``, in pairs; ``turned``: those where the term turns LAZY, by term.
    """

    nodes: Nodes
    states: Int32
    turned: tuple[tuple[Term, Nodes], ...]


def spread(trie: Trie, states: States, roots: Nodes, start: int) -> Spread:
    """The nodes that the state ``start`` reaches alive from each of ``roots``, these too.

    Call it with ``states.lock`` held.
    """
    if start == DEAD:
        return Spread(NOWHERE, NOWHERE, ())
    if kernel.compiled is None:
        return _Levels(trie, states, roots, start).found()
    walk = _walk(trie, states, roots, start)
    pairs = np.frombuffer(walk.reached(), np.int32).reshape(-1, 2)
    return Spread(pairs[:, 0], pairs[:, 1], _turned(walk, states))


def marked(
    trie: Trie, states: States, roots: Nodes, start: int, bits: Int32
) -> tuple[Nodes, tuple[tuple[Term, Nodes], ...]]:
    """The nodes where a word ends, and those turned, as in `spread`; adds the tokens at all nodes to ``bits``."""
    if start == DEAD:
        return NOWHERE, ()
    if kernel.compiled is None:
        found = _Levels(trie, states, roots, start).found()
        for nodes in (found.nodes, *[nodes for _, nodes in found.turned]):
            mark(trie, nodes, bits)
        return found.nodes[states.flags[found.states] & IS_NULLABLE != 0], found.turned
    walk = _walk(trie, states, roots, start)
    walk.mark(bits)
    return np.frombuffer(walk.ends(states.table), np.int32), _turned(walk, states)


def _walk(trie: Trie, states: States, roots: Nodes, start: int) -> Any:
    walk = kernel.compiled.Spread(trie.tree, roots, start)
    while (wanting := walk.run(states.table)) >= 0:
        first = trie.first_child[walk.node]
        states.provide(wanting, trie.byte[first : first + trie.n_children[walk.node]].tobytes())
    return walk


def _turned(walk: Any, states: States) -> tuple[tuple[Term, Nodes], ...]:
    if not walk.n_aside:
        return ()
    pairs = np.frombuffer(walk.turned(), np.int32).reshape(-1, 2)
    nodes, numbers = np.ascontiguousarray(pairs[:, 0]), pairs[:, 1]
    return tuple((states.terms[number], nodes[numbers == number]) for number in states.distinct(numbers).tolist())


class _Levels:
    """`spread` with NumPy, level by level: all nodes that are to be gone on from, whatever their depth, at a time."""

    def __init__(self, trie: Trie, states: States, roots: Nodes, start: int) -> None:
        self.trie, self.states = trie, states
        self.reached, self.numbers = [roots], [np.full(len(roots), start, np.int32)]
        self.turned: dict[int, list[Nodes]] = {}
        if len(roots) == 1:
            self._go_on(roots, self.numbers[0])
        else:  # few of them may have a child that the term begins with
            children = _beginnings(trie, roots, states.terms[start].first)
            self._go_on(*self._enter(children, np.full(len(children), start, np.int32)))

    def found(self) -> Spread:
        terms = self.states.terms
        turned = tuple((terms[number], np.concatenate(nodes)) for number, nodes in sorted(self.turned.items()))
        return Spread(np.concatenate(self.reached), np.concatenate(self.numbers), turned)

    def _go_on(self, nodes: Nodes, current: Int32) -> None:
        n_children = self.trie.n_children
        while True:
            counts = n_children[nodes]
            inner = counts > 0
            nodes, current, counts = nodes[inner], current[inner], counts[inner]
            if not nodes.size:
                return
            if len(self.reached) > 1 and nodes.size <= _FEW and counts.sum() <= _FEW:
                nodes, current = self._one_by_one(nodes, current)
            else:
                nodes, current = self._enter(children_of(self.trie, nodes), np.repeat(current, counts))

    def _enter(self, children: Nodes, before: Int32) -> tuple[Nodes, Int32]:
        """``children`` of nodes in the states ``before``; returns those to go on from, with their states."""
        states = self.states
        after = states.successors(before, self.trie.byte[children])
        alive = after != DEAD
        nodes, before, current = children[alive], before[alive], after[alive]
        lazy = states.flags[current] & IS_LAZY != 0
        if lazy.any():
            for number in states.distinct(current[lazy]).tolist():
                self.turned.setdefault(number, []).append(nodes[current == number])
            nodes, before, current = nodes[~lazy], before[~lazy], current[~lazy]
        self.reached.append(nodes)
        self.numbers.append(current)
        stays = before == current
        if np.count_nonzero(stays) >= _MANY and self.trie.max_token_length < _DEEP:
            for number in states.distinct(current[stays]).tolist():
                nodes, current = self._run(number, nodes, current)
        return nodes, current

    def _run(self, state: int, nodes: Nodes, current: Int32) -> tuple[Nodes, Int32]:
        """From those of ``nodes`` in ``state``, by all bytes at once that lead back to it, as within a name."""
        order, place, end = self.trie.preorder
        here = current == state
        roots = nodes[here]
        starts, ends = place[roots] + 1, end[roots]
        if _WORTH * int((ends - starts).sum()) < len(order):
            return nodes, current
        bytes_ = self.states.rows[self.states.row_of[state]] == state
        inside, highest = self.trie.runs(bytes_.tobytes())
        depth = np.searchsorted(self.trie.level_start, roots, side="right").astype(np.int16)  # of the children
        change = np.zeros(len(order) + 1, np.int16)
        change[starts] = depth
        change[ends] -= depth
        offered = np.cumsum(change[:-1], dtype=np.int16) > highest
        stay = order[offered & inside]
        self.reached.append(stay)
        self.numbers.append(np.full(len(stay), state, np.int32))
        left = order[offered & ~inside]
        more, after = self._enter(left, np.full(len(left), state, np.int32))
        return np.concatenate([nodes[~here], more]), np.concatenate([current[~here], after])

    def _one_by_one(self, nodes: Nodes, current: Int32) -> tuple[Nodes, Int32]:
        """While few nodes are left, as in a long run of blanks; those from where there are more again."""
        states, trie = self.states, self.trie
        first_child, n_children, byte = trie.first_child, trie.n_children, trie.byte
        level = list(zip(nodes.tolist(), current.tolist(), strict=True))
        found: list[tuple[int, int]] = []
        while level:
            after: list[tuple[int, int]] = []
            inner = 0
            for node, state in level:
                first = first_child.item(node)
                offered = byte[first : first + n_children.item(node)].tobytes()
                for child, target in enumerate(states.targets(state, offered), first):
                    if not target:
                        continue
                    if states.flags.item(target) & IS_LAZY:
                        self.turned.setdefault(target, []).append(np.array([child], np.int32))
                        continue
                    found.append((child, target))
                    count = n_children.item(child)
                    if count:
                        after.append((child, target))
                        inner += count
            level = after
            if inner > _FEW:
                break
        if found:
            pairs = np.array(found, np.int32)
            self.reached.append(pairs[:, 0])
            self.numbers.append(pairs[:, 1])
        left = np.array(level, np.int32).reshape(-1, 2)
        return left[:, 0], left[:, 1]


def _beginnings(trie: Trie, roots: Nodes, first: int) -> Nodes:
    """The children of ``roots`` by a byte of the mask ``first``."""
    if len(roots) < _MANY:
        children = children_of(trie, roots[trie.n_children[roots] > 0])
        return children[_members(first)[trie.byte[children]]]
    order, starts = trie.by_byte
    nodes = np.concatenate([order[starts[b] : starts[b + 1]] for b in range(256) if first >> b & 1] or [NOWHERE])
    among = np.zeros(len(trie), np.bool_)
    among[roots] = True
    found: Nodes = nodes[among[trie.parent[nodes]]]
    return found


def _members(mask: int) -> NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(mask.to_bytes(32, "little"), np.uint8), bitorder="little").view(np.bool_)


def children_of(trie: Trie, nodes: Nodes) -> Nodes:
    """The children of ``nodes``, one after the other."""
    return _ranges(trie.first_child[nodes], trie.n_children[nodes])


def _ranges(starts: Int32, counts: Int32) -> Int32:
    ends = np.cumsum(counts, dtype=np.int32)
    total = int(ends[-1]) if ends.size else 0
    found: Int32 = np.arange(total, dtype=np.int32) + np.repeat(starts - (ends - counts), counts)
    return found


# --- sets of tokens -----------------------------------------------------------------------------------------------


def no_tokens(trie: Trie) -> Int32:
    """An empty set, int32 ``[ceil(V/32)]``: bit i % 32 of word i // 32 is token i."""
    return np.zeros((len(trie.node_of_token) + 31) // 32, np.int32)


def mark(trie: Trie, nodes: Nodes, bits: Int32) -> None:
    """Add the tokens that end at ``nodes``."""
    if kernel.compiled is not None:
        kernel.compiled.mark(trie.tree, nodes, bits)
        return
    if len(nodes) >= _MANY:
        there = np.zeros(len(trie) + 1, np.bool_)
        there[nodes] = True
        there[-1] = False  # where tokens are that are no text
        bits |= packed(np.flatnonzero(there[trie.node_of_token]), len(bits))
        return
    starts = trie.token_start[nodes]
    bits |= packed(trie.tokens[_ranges(starts, trie.token_start[nodes + 1] - starts)], len(bits))


def packed(tokens: NDArray[np.integer[Any]], n_words: int) -> Int32:
    """Token ids as a set."""
    flags = np.zeros(n_words * 32, np.bool_)
    flags[tokens] = True
    return np.packbits(flags, bitorder="little").view(np.int32)


def tokens_in(bits: Int32) -> NDArray[np.int64]:
    """The token ids of a set, ascending."""
    return np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little"))


def below(trie: Trie, nodes: Nodes) -> Nodes:
    """``nodes`` and the nodes below them."""
    level = nodes
    levels = []
    while level.size:
        levels.append(level)
        level = children_of(trie, level[trie.n_children[level] > 0])
    return np.concatenate(levels) if levels else NOWHERE
