"""Spreads: one state followed through the byte trie, and sets of tokens as packed bits.

The innermost loop of every first visit, and the only code of which there are two: the compiled extension
(``relark._kernel``), if there is one, and NumPy, level by level.  They find the same.

Cost: about 5 ns a live node compiled; with NumPy 50 us a level plus 30 ns a live node, or 2 us a node where a level has
few.  Memory: 8 bytes a live node, while it lasts.  Cannot do: terms with the LAZY flag, which have no numbered
successors (see `walks`).
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
        return _by_levels(trie, states, roots, start)
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
        found = _by_levels(trie, states, roots, start)
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
        states.provide(wanting, trie.byte[first : first + trie.n_children[walk.node]])
    return walk


def _turned(walk: Any, states: States) -> tuple[tuple[Term, Nodes], ...]:
    if not walk.n_aside:
        return ()
    pairs = np.frombuffer(walk.turned(), np.int32).reshape(-1, 2)
    nodes, numbers = np.ascontiguousarray(pairs[:, 0]), pairs[:, 1]
    return tuple((states.terms[number], nodes[numbers == number]) for number in states.distinct(numbers).tolist())


def _by_levels(trie: Trie, states: States, roots: Nodes, start: int) -> Spread:
    nodes, current = roots, np.full(len(roots), start, np.int32)
    reached, numbers = [nodes], [current]
    turned: dict[int, list[Nodes]] = {}
    while nodes.size:
        counts = trie.n_children[nodes]
        inner = counts > 0
        nodes, current, counts = nodes[inner], current[inner], counts[inner]
        if not nodes.size:
            break
        if len(reached) > 1 and nodes.size <= _FEW and counts.sum() <= _FEW:
            nodes, current = _one_by_one(trie, states, nodes, current, reached, numbers, turned)
            continue
        children, before = children_of(trie, nodes), np.repeat(current, counts)
        if nodes.size > 1 and len(reached) == 1:  # of many roots few may have a child that the term begins with
            begins = _members(states.terms[start].first)[trie.byte[children]]
            children, before = children[begins], before[begins]
        after = states.successors(before, trie.byte[children])
        alive = after != DEAD
        nodes, current = children[alive], after[alive]
        lazy = states.flags[current] & IS_LAZY != 0
        if lazy.any():
            for number in states.distinct(current[lazy]).tolist():
                turned.setdefault(number, []).append(nodes[current == number])
            nodes, current = nodes[~lazy], current[~lazy]
        reached.append(nodes)
        numbers.append(current)
    by_term = tuple((states.terms[number], np.concatenate(found)) for number, found in sorted(turned.items()))
    return Spread(np.concatenate(reached), np.concatenate(numbers), by_term)


def _one_by_one(
    trie: Trie,
    states: States,
    nodes: Nodes,
    current: Int32,
    reached: list[Nodes],
    numbers: list[Int32],
    turned: dict[int, list[Nodes]],
) -> tuple[Nodes, Int32]:
    """`_by_levels` while few nodes are left, as in a long run of blanks.

    Returns the nodes from where there are more again, with their states; adds to the three lists.
    """
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
                    turned.setdefault(target, []).append(np.array([child], np.int32))
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
        reached.append(pairs[:, 0])
        numbers.append(pairs[:, 1])
    left = np.array(level, np.int32).reshape(-1, 2)
    return left[:, 0], left[:, 1]


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
