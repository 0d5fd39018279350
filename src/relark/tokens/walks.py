"""Walks: which nodes of the byte trie a state reaches alive.

A plain term is walked as a whole, over numbered states, level by level with arrays: each level is one gather from the
table of rows, and nodes whose state is dead are dropped with everything below them (`walk`).  This is the seam where a
compiled walk fits.  What hangs on the text itself (the names that an object has already) has endlessly many states, of
which no table helps: there `Exploration` takes the term apart.  A concatenation is walked head by head, each from the
nodes where a word of the one before ends, so that what stands before such a leaf is walked as the plain term that it
is, and once a vocabulary, whatever follows; the leaf itself is unfolded, or cut (`Leaf.cuts`), or asked only at the
nodes where one of its parts may have been left (`Leaf.parts`).  Where nothing of that is known: one derivative a node.

An exploration may also price what it finds, in tokens: see `budget`.

Cost: 20 us a level plus 30 ns a live node for a plain term; about 1 ms for a leaf whose parts were walked before.
"""

from __future__ import annotations

import itertools
import math
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relark.caches import Cache
from relark.language import terms
from relark.language.completion import NONE, is_empty, lower_bound
from relark.language.derivative import clamp, derive
from relark.language.states import DEAD, States, current_states
from relark.language.terms import (
    EMPTY,
    EPSILON,
    LAZY,
    Concat,
    Cut,
    Leaf,
    LeafTerm,
    Ref,
    Repeat,
    Term,
    Union,
    concat,
    repeat,
    union,
)
from relark.tokens.trie import Trie

Int32 = NDArray[np.int32]
Nodes = NDArray[np.intp]  # of a trie
_NOWHERE: Final[Nodes] = np.zeros(0, np.intp)
LAZY_SECONDS = 1.0  # of pricing the nodes of a term that is walked one derivative a node; the others are left out
ROOT: Final[Nodes] = np.zeros(1, np.intp)


def walk(trie: Trie, states: States, start: int) -> Int32:
    """The state at each trie node, int32 ``[nodes]``, DEAD where the walk does not get; the root's is ``start``.

    Call it with ``states.lock`` held.
    """
    reached = np.zeros(len(trie.byte), np.int32)
    reached[0] = start
    nodes: NDArray[np.intp] = np.zeros(1, np.intp)
    current = np.array([start], np.int32)
    while nodes.size:
        counts = trie.n_children[nodes]
        inner = counts > 0
        if not inner.all():
            nodes, current, counts = nodes[inner], current[inner], counts[inner]
        if not nodes.size:
            break
        total = int(counts.sum())
        ends = np.cumsum(counts)
        children = np.arange(total, dtype=np.intp) + np.repeat(trie.first_child[nodes] - (ends - counts), counts)
        after = states.successors(np.repeat(current, counts), trie.byte[children])
        alive = after != DEAD
        nodes, current = children[alive], after[alive]
        reached[nodes] = current
    return reached


class Unfinished(Exception):
    """A walk took too long."""


def walk_lazily(trie: Trie, start: Term, root: int = 0, deadline: float = math.inf) -> dict[int, Term]:
    """Live trie nodes below ``root`` with their terms, one derivative a node: for terms that derive byte by byte.

    Raises `Unfinished` when the monotonic clock reaches ``deadline``.
    """
    terms.walks += 1
    first_child, n_children, byte = trie.first_child, trie.n_children, trie.byte
    reached: dict[int, Term] = {}
    work = [(root, start)]
    while work:
        node, term = work.pop()
        first = int(first_child[node])
        for child in range(first, first + int(n_children[node])):
            target = derive(term, int(byte[child]))
            if target is not EMPTY and not is_empty(target):
                reached[child] = target
                work.append((child, target))
        if time.monotonic() > deadline:
            raise Unfinished
    return reached


def live_nodes(trie: Trie, term: Term) -> NDArray[np.bool_]:
    """Which trie nodes a walk from ``term`` reaches alive, bool ``[nodes]``."""
    found = Exploration(trie)
    found.go(ROOT, term)
    return found.live


@dataclass(frozen=True, eq=False, slots=True)
class Prices:
    """What it takes to complete a text, in tokens, at most.

    ``of``: a term; ``inside``: the text after one more word that stays in a part of a leaf (`Leaf.price`).
    """

    serial: int  # of the vocabulary and the way of pricing
    of: Callable[[Term], int]
    inside: Callable[[Leaf], int]


@dataclass(frozen=True, eq=False, slots=True)
class _Walked:
    """A plain term from the root.

    ``live``: nodes, packed; ``states``: at them; ``ends``: where a word ends; ``turned``: where the term turns
    LAZY, by term.
    """

    live: NDArray[np.uint8]
    states: tuple[Term, ...]
    ends: Nodes
    turned: tuple[tuple[Term, Nodes], ...]


@dataclass(frozen=True, eq=False, slots=True)
class _Ahead:
    """What a cut leads to where every word is usual.

    ``live``: nodes, packed; ``ends``: where a word of the head ends, with the word; ``deep``: those below which what
    usually follows ends too, so that more follows.
    """

    live: NDArray[np.uint8]
    ends: tuple[tuple[int, bytes], ...]
    deep: frozenset[int]


_walked: Cache[tuple[int, Term], _Walked] = Cache(
    "walks", share=0.02, cost=lambda key, value: value.live.nbytes + 8 * (len(value.ends) + len(value.states)) + 400
)
_aheads: Cache[tuple[int, Term, Term], _Ahead] = Cache(
    "cuts", share=0.02, cost=lambda key, value: value.live.nbytes + 200 * len(value.ends) + 300
)
_worst: Cache[tuple[int, Term, Term | None], int] = Cache("prices", share=0.01, cost=lambda key, value: 250)


class Exploration:
    """One walk; see the module's text.

    ``live``: the nodes reached alive, bool ``[nodes]``.  With ``prices``, ``worst`` is the highest price of completing
    the text from any of them; `Unfinished` is raised where each node would have its own.  With ``most`` too, only nodes
    from where it takes no more are in ``live``.
    """

    def __init__(self, trie: Trie, prices: Prices | None = None, most: int | None = None) -> None:
        self.trie = trie
        self.prices, self.most = prices, most
        self.live = np.zeros(len(trie.byte), np.bool_)
        self.worst = 0

    def go(self, roots: Nodes, term: Term, rest: int = 0) -> Nodes:
        """Walk ``term`` from each of ``roots``; the nodes where a word of it ends.  ``rest``: the price of what
        follows.
        """
        if is_empty(term):  # what stands before it would look alive
            return _NOWHERE
        inner = roots[self.trie.n_children[roots] > 0]
        if not inner.size:
            return roots if term.nullable else _NOWHERE
        match term:
            case Concat():
                return self._spine(roots, term, rest)
            case Union() if is_walked_apart(term):
                apart = [item for item in term.items if is_walked_apart(item)]
                together = union(*[item for item in term.items if not is_walked_apart(item)])
                ends = [self.go(roots, item, rest) for item in apart]
                if together is not EMPTY:
                    ends.append(self._plain(roots, together, rest))
                return self._together(ends)
            case LeafTerm():
                leaf = term.leaf
                if is_unfoldable(leaf):
                    unfolded = leaf.unfolded()
                    assert unfolded is not None
                    return self.go(roots, unfolded, rest)
                cuts = leaf.cuts()
                if cuts is not None:
                    ends = [roots] if term.nullable else [_NOWHERE]
                    ends += [self._cut(root, cut, rest) for root in inner.tolist() for cut in cuts]
                    return self._together(ends)
                parts = leaf.parts() if term.flags & LAZY else None
                if parts is not None:
                    return self._leave(roots, leaf, term, EPSILON, parts, rest)
            case Ref() if term.flags & LAZY:
                return self.go(roots, term.term, rest)
            case Repeat() if term.flags & LAZY:
                return self._repeat(roots, term, rest)
        if not term.flags & LAZY:
            return self._plain(roots, term, rest)
        return self._lazily(roots, term, rest)

    def _price(self, term: Term) -> int:
        return 0 if self.prices is None else self.prices.of(term)

    def _reach(self, nodes: Nodes | list[int], price: int) -> None:
        """Live nodes from where the text can be completed for ``price``."""
        self.worst = max(self.worst, price)
        if self.most is None or price <= self.most:
            self.live[nodes] = True

    def _spine(self, roots: Nodes, term: Concat, rest: int) -> Nodes:
        """Head by head, plain ones that follow each other together."""
        plain: list[Term] = []
        at: Term = term
        while True:
            head, tail = (at.head, at.tail) if isinstance(at, Concat) else (at, EPSILON)
            apart = is_walked_apart(head)
            if not apart:
                plain.append(head)
            if plain and (apart or tail is EPSILON):
                after = at if apart else EPSILON
                roots = self._plain(roots, concat(*plain), rest + self._price(after))
                plain = []
            if apart and roots.size:
                if isinstance(head, LeafTerm) and tail is not EPSILON and not is_unfoldable(head.leaf):
                    parts = head.leaf.parts() if head.leaf.cuts() is None else None
                    if parts is not None:  # where the leaf ends is not known: what follows it is derived with it
                        return self._leave(roots, head.leaf, head, tail, parts, rest)
                roots = self.go(roots, head, rest + self._price(tail))
            if tail is EPSILON or not roots.size:
                return roots
            at = tail

    def _plain(self, roots: Nodes, term: Term, rest: int) -> Nodes:
        """A term that is walked as a whole; where it turns LAZY, it is taken apart again."""
        from_root = len(roots) == 1 and not roots[0]
        if from_root and self.most is None:  # so that counts beyond the longest token share their walk
            clamped = clamp(term, self.trie.max_token_length + 1)
            if self.prices is None or lower_bound(clamped) == lower_bound(term):
                term = clamped
        states = current_states()  # numbers mean something in one table only
        if self.prices is None:
            if from_root:
                found = self._walked(term)
                self.live |= np.unpackbits(found.live, count=len(self.live)).view(np.bool_)
                ends, turned = found.ends, found.turned
            else:
                nodes, numbers, turned = self._spread(roots, term, states)
                self.live[nodes] = True
                ends = self._nullable(nodes, numbers, states)
        elif from_root and self.most is None:
            found = self._walked(term)
            ends, turned = found.ends, found.turned
            key = self.prices.serial, term, None
            worst = _worst.get(key)
            if worst is None:
                worst = max(map(self._price, found.states), default=0)
                _worst.put(key, worst)
            self.worst = max(self.worst, min(worst + rest, NONE))
        else:
            nodes, numbers, turned = self._spread(roots, term, states)
            for number, state in _distinct(numbers, states):
                self._reach(nodes[numbers == number], min(self._price(state) + rest, NONE))
            ends = self._nullable(nodes, numbers, states)
        if turned:
            for after, nodes in turned:
                self._reach(nodes, min(self._price(after) + rest, NONE))
            ends = self._together([ends, *[self.go(nodes, after, rest) for after, nodes in turned]])
        return ends

    def _walked(self, term: Term) -> _Walked:
        key = _serial(self.trie), term
        known = _walked.get(key)
        if known is None:
            states = current_states()
            nodes, numbers, turned = self._spread(ROOT, term, states)
            live = np.zeros(len(self.live), np.bool_)
            live[nodes] = True
            for _, at in turned:
                live[at] = True
            distinct = tuple(state for _, state in _distinct(numbers, states))
            known = _Walked(np.packbits(live), distinct, self._nullable(nodes, numbers, states), turned)
            _walked.put(key, known)
        return known

    def _nullable(self, nodes: Nodes, numbers: Int32, states: States) -> Nodes:
        ends = [number for number, state in _distinct(numbers, states) if state.nullable]
        if not ends:
            return _NOWHERE
        is_end = np.zeros(len(states.terms), np.bool_)
        is_end[ends] = True
        return self._together([nodes[is_end[numbers]]])

    def _together(self, parts: list[Nodes]) -> Nodes:
        """The nodes in any of ``parts``, ascending; linear, where `numpy.unique` sorts or hashes."""
        seen = np.zeros(len(self.live), np.bool_)
        for part in parts:
            seen[part] = True
        return np.flatnonzero(seen)

    def _spread(self, roots: Nodes, term: Term, states: States) -> tuple[Nodes, Int32, tuple[tuple[Term, Nodes], ...]]:
        """The nodes from ``roots`` on with the numbers of their states, in pairs; those where the term turns LAZY
        are apart, by term.
        """
        trie = self.trie
        with states.lock:
            start = states.number(term)
            if start == DEAD:
                return _NOWHERE, np.zeros(0, np.int32), ()
            nodes, current = roots, np.full(len(roots), start, np.int32)
            reached, numbers = [nodes], [current]
            turned: dict[int, list[Nodes]] = {}
            while nodes.size:
                counts = trie.n_children[nodes]
                inner = counts > 0
                nodes, current, counts = nodes[inner], current[inner], counts[inner]
                if not nodes.size:
                    break
                children = _children(trie, nodes, counts)
                after = states.successors(np.repeat(current, counts), trie.byte[children])
                alive = after != DEAD
                nodes, current = children[alive], after[alive]
                lazy = states.lazy[current]
                if lazy.any():
                    for number in states.distinct(current[lazy]).tolist():
                        turned.setdefault(number, []).append(nodes[current == number])
                    nodes, current = nodes[~lazy], current[~lazy]
                reached.append(nodes)
                numbers.append(current)
            by_term = tuple((states.terms[number], np.concatenate(found)) for number, found in turned.items())
            all_numbers = np.concatenate(numbers)
        return np.concatenate(reached), all_numbers, by_term

    def _cut(self, root: int, cut: Cut, rest: int) -> Nodes:
        """The head of a cut; where a word of it ends, what usually follows, and elsewhere what really does."""
        ahead = self._ahead(root, cut)
        asked = [(node, word) for node, word in ahead.ends if node in ahead.deep or not cut.is_usual(word)]
        if self.prices is None:
            live = np.unpackbits(ahead.live, count=len(self.live)).view(np.bool_)
        else:
            behind = min(self._price(cut.after) + cut.slack + rest, NONE)
            within = min(self._price(cut.usual) + behind, NONE)
            roots, ends = np.array([root], np.intp), np.array([node for node, _ in ahead.ends], np.intp)
            part = Exploration(self.trie, self.prices, self.most)
            part.go(roots, cut.head, within)
            if ends.size:
                key = self.prices.serial, cut.head, cut.usual
                known = _worst.get(key) if not root and self.most is None else None
                if known is None:
                    usual = Exploration(self.trie, self.prices, self.most)
                    usual.go(ends, cut.usual, behind)
                    part.live |= usual.live
                    known = max(usual.worst - behind, 0)
                    if not root and self.most is None:
                        _worst.put(key, known)
                part.worst = max(part.worst, min(known + behind, NONE))
            self.worst = max(self.worst, part.worst)
            live = part.live
        for node, word in asked:
            if not cut.is_usual(word):
                live[_below(self.trie, node)] = False
        self.live |= live
        found = []
        for node, word in asked:
            after = cut.then(word)
            if after is not EMPTY:
                at = np.array([node], np.intp)
                self._reach(at, min(self._price(after) + rest, NONE))
                found.append(self.go(at, after, rest))
        return self._together(found) if found else _NOWHERE

    def _ahead(self, root: int, cut: Cut) -> _Ahead:
        key = _serial(self.trie), cut.head, cut.usual
        known = None if root else _aheads.get(key)
        if known is None:
            part = Exploration(self.trie)
            ends = part.go(np.array([root], np.intp), cut.head)
            among = set(ends.tolist())
            deep = {self._above(node, among) for node in part.go(ends, cut.usual).tolist()} if among else set()
            words = tuple((node, _word(self.trie, root, node)) for node in ends.tolist())
            known = _Ahead(np.packbits(part.live), words, frozenset(deep))
            if not root:
                _aheads.put(key, known)
        return known

    def _above(self, node: int, among: set[int]) -> int:
        while node not in among:
            node = int(self.trie.parent[node])
        return node

    def _leave(
        self, roots: Nodes, leaf: Leaf, head: Term, tail: Term, parts: list[tuple[Term, int]], rest: int
    ) -> Nodes:
        """A leaf with parts and what follows it: each node where a part may have been left is derived."""
        trie = self.trie
        whole = concat(head, tail)
        following = tail.first if tail is not EPSILON else 0
        price = 0 if self.prices is None else min(self.prices.inside(leaf) + self._price(tail) + rest, NONE)
        if price >= NONE:  # not known: each word has its own
            return self._lazily(roots, whole, rest)
        found = [_NOWHERE]
        for root in roots.tolist():
            start = np.array([root], np.intp)
            if whole.nullable:
                found.append(start)
            left: set[int] = set()
            for part, leaving in parts:
                inside = Exploration(trie)
                ends = inside.go(start, part)
                inside.live[root] = False  # no word yet
                self._reach(np.flatnonzero(inside.live), price)
                mask = leaving | following
                leaves = np.array([mask >> byte & 1 for byte in range(256)], np.bool_)
                children = _children(trie, ends, trie.n_children[ends])
                left.update(children[leaves[trie.byte[children]]].tolist())
                if tail.nullable:  # a word of the leaf may end where a part does
                    found.append(ends)
            for node in sorted(left):  # parents before children
                if int(trie.parent[node]) in left:
                    continue  # walked with its parent
                after = whole
                for byte in _word(trie, root, node):
                    after = derive(after, byte)
                if after is not EMPTY and not is_empty(after):
                    at = np.array([node], np.intp)
                    self._reach(at, min(self._price(after) + rest, NONE))
                    found.append(self.go(at, after, rest))
        return self._together(found)

    def _repeat(self, roots: Nodes, term: Repeat, rest: int) -> Nodes:
        found = [_NOWHERE]
        visited = _NOWHERE
        at, left = roots, term
        while True:
            if left.lo == 0:
                found.append(at)
                if left.hi is None:
                    at = np.setdiff1d(at, visited)
                    visited = np.union1d(visited, at)
            after = repeat(left.item, max(left.lo - 1, 0), None if left.hi is None else left.hi - 1)
            at = self.go(at[self.trie.n_children[at] > 0], left.item, rest + self._price(after))
            if not isinstance(after, Repeat) or after.item is not left.item:  # the last one
                found.append(self.go(at, after, rest) if at.size and after is not EPSILON else at)
                return self._together(found)
            if not at.size:
                return self._together(found)
            left = after

    def _lazily(self, roots: Nodes, term: Term, rest: int) -> Nodes:
        """One derivative a node.  With prices too dear for all nodes: see `LAZY_SECONDS`."""
        if self.prices is not None and self.most is None:
            raise Unfinished
        ends = roots.tolist() if term.nullable else []
        deadline = math.inf if self.prices is None else time.monotonic() + LAZY_SECONDS
        for root in roots.tolist():
            for node, after in walk_lazily(self.trie, term, root).items():
                if time.monotonic() > deadline:
                    break
                self._reach([node], min(self._price(after) + rest, NONE))
                if after.nullable:
                    ends.append(node)
        return np.unique(np.array(ends, np.intp))


def is_unfoldable(leaf: Leaf) -> bool:
    """Whether `Leaf.unfolded` has an answer."""
    return type(leaf).unfolded is not Leaf.unfolded


def is_walked_apart(term: Term) -> bool:
    """Whether a walk takes the term apart: it is LAZY, or at its top there is a leaf that can be unfolded."""
    if term.flags & LAZY:
        return True
    match term:
        case LeafTerm():
            return is_unfoldable(term.leaf)
        case Union():
            return any(map(is_walked_apart, term.items))
        case Concat():
            rest: Term = term
            while isinstance(rest, Concat):
                if isinstance(rest.head, LeafTerm) and is_unfoldable(rest.head.leaf):
                    return True
                rest = rest.tail
            return isinstance(rest, LeafTerm) and is_unfoldable(rest.leaf)
    return False


def _distinct(numbers: Int32, states: States) -> list[tuple[int, Term]]:
    return [(number, states.terms[number]) for number in states.distinct(numbers).tolist()]


def _children(trie: Trie, nodes: Nodes, counts: Int32) -> Nodes:
    """The children of ``nodes``, one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if ends.size else 0
    found: Nodes = np.arange(total, dtype=np.intp) + np.repeat(trie.first_child[nodes] - (ends - counts), counts)
    return found


def _word(trie: Trie, root: int, node: int) -> bytes:
    """The bytes from ``root`` to ``node``."""
    word = bytearray()
    while node != root:
        word.append(trie.byte[node])
        node = int(trie.parent[node])
    word.reverse()
    return bytes(word)


def _below(trie: Trie, node: int) -> list[int]:
    """``node`` and the nodes below it."""
    found = [node]
    for at in found:
        first = int(trie.first_child[at])
        found.extend(range(first, first + int(trie.n_children[at])))
    return found


_serials: Final = itertools.count()
_known: weakref.WeakKeyDictionary[Trie, int] = weakref.WeakKeyDictionary()


def _serial(trie: Trie) -> int:
    found = _known.get(trie)
    return _known.setdefault(trie, next(_serials)) if found is None else found
