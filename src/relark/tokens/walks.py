"""Walks: which tokens a state reaches alive, and where its words end in the byte trie.

A plain term has numbered states, which `spread` follows.  An `Exploration` takes terms apart, so that little is walked
twice, and remembers each part by the nodes that it starts from.  A concatenation is walked head by head, each from the
nodes where a word of the one before ends: where what stands before is long and one byte ends it (`_is_closed`), and
where there is a leaf that hangs on the text itself (the names that an object has already) and so has endlessly many
states, of which no table helps.  Such a leaf is unfolded, or a choice among words (`Leaf.choice`), or cut
(`Leaf.cuts`), or asked only at the nodes where one of its parts may have been left (`Leaf.parts`).  Where nothing of
that is known: one derivative a node.

An exploration may also price what it finds, in tokens: see `budget`.

Cost: that of the spreads (`spread`), of new rows (`language.states`), and some 10 us for each part taken apart.
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
from relark.language.states import IS_NULLABLE, States, current_states
from relark.language.terms import (
    CHECK,
    EMPTY,
    EPSILON,
    GUARD,
    LAZY,
    LOOK,
    ByteSet,
    Choice,
    Complement,
    Concat,
    Cut,
    Intersection,
    Leaf,
    LeafTerm,
    Ref,
    Repeat,
    Scope,
    Sealed,
    Term,
    Union,
    Words,
    concat,
    repeat,
    union,
)
from relark.tokens.spread import (
    NOWHERE,
    ROOT,
    Int32,
    Nodes,
    below,
    children_of,
    mark,
    marked,
    no_tokens,
    packed,
    spread,
    tokens_in,
)
from relark.tokens.trie import Trie

_SHORT = 8  # repetitions
_FEW = 256  # nodes
_COUNTS = (16, 32, 64, 1 << 14)  # bounds of the walks that serve all smaller ones
_LONGEST = 1 << 13  # bytes: with longer tokens each bound takes its walk
_NEVER = (1 << 15) - 1  # more than any bound
LAZY_SECONDS = 1.0  # of pricing the nodes of a term that is walked one derivative a node; the others are left out


def walk(trie: Trie, states: States, start: int) -> Int32:
    """The state at each trie node, int32 ``[nodes]``, DEAD where the walk does not get; the root's is ``start``.

    Call it with ``states.lock`` held.
    """
    reached = np.zeros(len(trie.byte), np.int32)
    found = spread(trie, states, ROOT, start)
    reached[found.nodes] = found.states
    for term, nodes in found.turned:
        reached[nodes] = states.number(term)
        for node in nodes.tolist():
            for below_it, after in walk_lazily(trie, term, node).items():
                reached[below_it] = states.number(after)
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


def live_tokens(trie: Trie, term: Term) -> Int32:
    """The tokens that ``term`` allows, whatever follows them, as packed bits."""
    found = Exploration(trie)
    found.go(ROOT, term)
    return found.bits


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
    """A plain term from some nodes.

    ``values``: the packed words of the tokens reached, at the indices ``words``, or with None all of them; ``ends``:
    the nodes where a word ends; ``turned``: those where the term turns LAZY, by term.
    """

    words: NDArray[np.intp] | None
    values: Int32
    ends: Nodes
    turned: tuple[tuple[Term, Nodes], ...]


@dataclass(frozen=True, eq=False, slots=True)
class _Counts:
    """Repetitions of one item before the byte that ends them, from the root.

    ``of_token``: how many each token begins that stays within them, int16 ``[V]``, `_NEVER` for the others; ``ends``:
    the nodes behind the last byte; ``of_end``: how many there were.
    """

    of_token: NDArray[np.int16]
    ends: Nodes
    of_end: NDArray[np.int16]


@dataclass(frozen=True, eq=False, slots=True)
class _Ahead:
    """What a cut leads to where every word is usual.

    ``bits``: the tokens reached; ``ends``: where a word of the head ends, with the word; ``deep``: those below which
    what usually follows ends too, so that more follows; ``further``: those of them where tokens go on with it.
    ``plain``: the nodes of the words without a byte of ``Cut.asked``, ``asked``: those of the others.
    """

    bits: Int32
    ends: tuple[tuple[int, bytes], ...]
    deep: frozenset[int]
    further: tuple[tuple[int, bytes], ...]
    plain: dict[bytes, list[int]]
    asked: tuple[tuple[int, bytes], ...]

    def unusual(self, cut: Cut) -> list[tuple[int, bytes]]:
        """Where words end that are not usual."""
        if cut.unusual is None:
            return [(node, word) for node, word in self.ends if not cut.is_usual(word)]
        found = [(node, word) for node, word in self.asked if not cut.is_usual(word)]
        few, many = sorted((self.plain, cut.unusual), key=len)
        return found + [(node, word) for word in few if word in many for node in self.plain[word]]


@dataclass(frozen=True, eq=False, slots=True)
class _Paths:
    """Where words lead.

    ``nodes``: each with the words (as a bit set of their indices) whose beginning leads there; ``ends``: words whose
    ends have nodes below, with these.
    """

    nodes: tuple[tuple[int, int], ...]
    ends: tuple[tuple[int, Nodes], ...]


_walked: Cache[tuple[int, Term, bytes], _Walked] = Cache(
    "walks", share=0.02, cost=lambda key, value: len(key[2]) + 3 * value.values.nbytes + value.ends.nbytes + 500
)
_counts: Cache[tuple[int, Term, Term], _Counts] = Cache(
    "counts", share=0.02, cost=lambda key, value: value.of_token.nbytes + 2 * value.ends.nbytes + 500
)
_aheads: Cache[tuple[int, Term, Term, int, bytes], _Ahead] = Cache(
    "cuts", share=0.02, cost=lambda key, value: value.bits.nbytes + 400 * len(value.ends) + len(key[4]) + 900
)
_paths: Cache[tuple[int, Words, bytes], _Paths] = Cache(
    "words", share=0.01, cost=lambda key, value: 130 * len(value.nodes) + 250 * len(value.ends) + len(key[2]) + 400
)
_worst: Cache[tuple[int, Term, Term | None], int] = Cache("prices", share=0.01, cost=lambda key, value: 250)


class Exploration:
    """One walk; see the module's text.

    ``bits``: the tokens that end at nodes reached alive, packed.  With ``prices``, ``worst`` is the highest price of
    completing the text from any of these nodes; `Unfinished` is raised where each node would have its own.  With
    ``most`` too, only tokens after which it takes no more are in ``bits``.
    """

    def __init__(self, trie: Trie, prices: Prices | None = None, most: int | None = None) -> None:
        self.trie = trie
        self.prices, self.most = prices, most
        self.bits = no_tokens(trie)
        self.worst = 0

    def go(self, roots: Nodes, term: Term, rest: int = 0) -> Nodes:
        """Walk ``term`` from each of ``roots``; the nodes where a word of it ends.  ``rest``: the price of what
        follows.
        """
        if is_empty(term):  # what stands before it would look alive
            return NOWHERE
        inner = roots if roots is ROOT else roots[self.trie.n_children[roots] > 0]
        if not inner.size:
            return roots if term.nullable else NOWHERE
        match term:
            case Concat():
                return self._spine(roots, term, rest)
            case Union() if self._is_apart(term):
                apart = [item for item in term.items if self._is_apart(item)]
                together = union(*[item for item in term.items if not self._is_apart(item)])
                ends = [self.go(roots, item, rest) for item in apart]
                if together is not EMPTY:
                    ends.append(self._plain(roots, together, rest))
                return _together(ends)
            case LeafTerm():
                leaf = term.leaf
                if is_unfoldable(leaf):
                    unfolded = leaf.unfolded()
                    assert unfolded is not None
                    return self.go(roots, unfolded, rest)
                choice = leaf.choice() if self.prices is None else None
                if choice is not None:
                    return self._choose(inner, choice)
                cuts = leaf.cuts()
                if cuts is not None:
                    ends = [roots] if term.nullable else [NOWHERE]
                    ends += [self._cut(inner, cut, rest) for cut in cuts]
                    return _together(ends)
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

    def _is_apart(self, term: Term) -> bool:
        """`is_walked_apart`, or, where nothing is priced, there is a leaf with a choice at the top."""
        if term.flags & LAZY:
            return True
        match term:
            case LeafTerm():
                return is_unfoldable(term.leaf) or (self.prices is None and has_choice(term.leaf))
            case Union():
                return any(map(self._is_apart, term.items))
            case Concat():
                rest: Term = term
                while isinstance(rest, Concat):
                    if isinstance(rest.head, LeafTerm) and self._is_apart(rest.head):
                        return True
                    rest = rest.tail
                return isinstance(rest, LeafTerm) and self._is_apart(rest)
        return False

    def _price(self, term: Term) -> int:
        return 0 if self.prices is None else self.prices.of(term)

    def _reach(self, nodes: Nodes, price: int) -> None:
        """Live nodes from where the text can be completed for ``price``."""
        self.worst = max(self.worst, price)
        if self.most is None or price <= self.most:
            mark(self.trie, nodes, self.bits)

    def _spine(self, roots: Nodes, term: Concat, rest: int) -> Nodes:
        """Head by head, plain ones that follow each other together; what no token is long enough for is left out."""
        plain: list[Term] = []
        at: Term = term
        length = 0
        while True:
            head, tail = (at.head, at.tail) if isinstance(at, Concat) else (at, EPSILON)
            if self.prices is None and length > self.trie.max_token_length:
                if plain:
                    self._plain(roots, concat(*plain), rest)
                return NOWHERE
            length += lower_bound(head)
            apart = self._is_apart(head)
            if not apart:
                plain.append(head)
            if plain and (apart or tail is EPSILON or (self.prices is None and _is_closed(plain))):
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
        if self.prices is None or (from_root and self.most is None):
            found = self._walked(roots, term)
            if found.words is None:
                self.bits |= found.values
            else:
                self.bits[found.words] |= found.values
            ends, turned = found.ends, found.turned
            if self.prices is not None:
                self.worst = max(self.worst, min(self._worst(term, states) + rest, NONE))
        else:
            with states.lock:
                there = spread(self.trie, states, roots, states.number(term))
                for number in states.distinct(there.states).tolist():
                    nodes = there.nodes[there.states == number]
                    self._reach(nodes, min(self._price(states.terms[number]) + rest, NONE))
                ends = _distinct(there.nodes[states.flags[there.states] & IS_NULLABLE != 0])
                turned = there.turned
        if turned:
            for after, nodes in turned:
                self._reach(nodes, min(self._price(after) + rest, NONE))
            return _together([ends, *[self.go(nodes, after, rest) for after, nodes in turned]])
        return ends

    def _worst(self, term: Term, states: States) -> int:
        """The highest price of all states that ``term`` reaches from the root."""
        assert self.prices is not None
        key = self.prices.serial, term, None
        worst = _worst.get(key)
        if worst is None:
            with states.lock:
                there = spread(self.trie, states, ROOT, states.number(term))
                reached = [states.terms[number] for number in states.distinct(there.states).tolist()]
            worst = max(map(self._price, reached), default=0)
            _worst.put(key, worst)
        return worst

    def _walked(self, roots: Nodes, term: Term) -> _Walked:
        key = _serial(self.trie), term, roots.tobytes()
        known = _walked.get(key)
        if known is None:
            bits = no_tokens(self.trie)
            turned: tuple[tuple[Term, Nodes], ...] = ()
            counted = self._counted(term) if len(roots) == 1 and not roots[0] else None
            if counted is not None:
                lo, hi = _bounds(term)
                bits = packed(np.flatnonzero(counted.of_token <= hi), len(bits))
                ends = counted.ends[(lo <= counted.of_end) & (counted.of_end <= hi)]
                mark(self.trie, ends, bits)
            else:
                states = current_states()
                with states.lock:
                    ends, turned = marked(self.trie, states, roots, states.number(term), bits)
                if len(roots) > 1:
                    ends = _distinct(ends)
            words = np.flatnonzero(bits)
            if 4 * len(words) < len(bits):
                known = _Walked(words, bits[words], ends, turned)
            else:
                known = _Walked(None, bits, ends, turned)
            _walked.put(key, known)
        return known

    def _counted(self, term: Term) -> _Counts | None:
        """For a counted repetition and the byte that ends it: how often each token repeats; None for other terms.

        So that not each bound takes a walk.
        """
        if not isinstance(term, Concat) or not isinstance(term.head, Repeat) or term.flags & (LAZY | CHECK):
            return None
        repeated, last, longest = term.head, term.tail, self.trie.max_token_length
        if repeated.item.nullable or not _is_closed([repeated, last]) or longest > _LONGEST:
            return None
        if repeated.hi is None:
            if not repeated.lo:
                return None
            most = None
        elif repeated.hi > longest:
            return None
        else:
            most = min(longest + 1, next(bound for bound in _COUNTS if bound > repeated.hi))
        key = _serial(self.trie), repeat(repeated.item, 0, most), last
        known = _counts.get(key)
        if known is None:
            known = _count(self.trie, repeated.item, most, last)
            _counts.put(key, known)
        return known if known.ends.size else None

    def _choose(self, roots: Nodes, choice: Choice) -> Nodes:
        """The words that are chosen, and behind each what follows it."""
        paths = self._paths(roots, choice.words)
        live = [node for node, among in paths.nodes if among & choice.chosen]
        if live:
            mark(self.trie, np.array(live, np.int32), self.bits)
        chosen = [(word, nodes) for word, nodes in paths.ends if choice.chosen >> word & 1]
        return _together([self.go(nodes, choice.then(word)) for word, nodes in chosen])

    def _paths(self, roots: Nodes, words: Words) -> _Paths:
        key = _serial(self.trie), words, roots.tobytes()
        known = _paths.get(key)
        if known is None:
            known = _find_paths(self.trie, roots.tolist(), words)
            _paths.put(key, known)
        return known

    def _cut(self, roots: Nodes, cut: Cut, rest: int) -> Nodes:
        """The head of a cut; where a word of it ends, what usually follows, and elsewhere what really does."""
        if self.prices is not None:
            return _together([self._cut_priced(root, cut, rest) for root in roots.tolist()])
        ahead = self._ahead(roots, cut)
        if ahead is None:
            return _together([self._cut(np.array([root], np.int32), cut, rest) for root in roots.tolist()])
        others = ahead.unusual(cut)
        if others:
            bits = ahead.bits.copy()
            self._unmark(bits, below(self.trie, np.array([node for node, _ in others], np.int32)))
            self.bits |= bits
        else:
            self.bits |= ahead.bits
        found = []
        among = {node for node, _ in others}
        for node, word in (*others, *[(node, word) for node, word in ahead.further if node not in among]):
            after = cut.then(word)
            if after is not EMPTY:
                at = np.array([node], np.int32)
                mark(self.trie, at, self.bits)
                found.append(self.go(at, after))
        return _together(found)

    def _cut_priced(self, root: int, cut: Cut, rest: int) -> Nodes:
        roots = np.array([root], np.int32)
        ahead = self._ahead(roots, cut)
        assert ahead is not None
        asked = [(node, word) for node, word in ahead.ends if node in ahead.deep or not cut.is_usual(word)]
        behind = min(self._price(cut.after) + cut.slack + rest, NONE)
        within = min(self._price(cut.usual) + behind, NONE)
        ends = np.array([node for node, _ in ahead.ends], np.int32)
        part = Exploration(self.trie, self.prices, self.most)
        part.go(roots, cut.head, within)
        if ends.size:
            assert self.prices is not None
            key = self.prices.serial, cut.head, cut.usual
            known = _worst.get(key) if not root and self.most is None else None
            if known is None:
                usual = Exploration(self.trie, self.prices, self.most)
                usual.go(ends, cut.usual, behind)
                part.bits |= usual.bits
                known = max(usual.worst - behind, 0)
                if not root and self.most is None:
                    _worst.put(key, known)
            part.worst = max(part.worst, min(known + behind, NONE))
        self.worst = max(self.worst, part.worst)
        bits = ahead.bits.copy() if self.most is None else part.bits
        others = [node for node, word in asked if not cut.is_usual(word)]
        if others:
            self._unmark(bits, below(self.trie, np.array(others, np.int32)))
        self.bits |= bits
        found = []
        for node, word in asked:
            after = cut.then(word)
            if after is not EMPTY:
                at = np.array([node], np.int32)
                self._reach(at, min(self._price(after) + rest, NONE))
                found.append(self.go(at, after, rest))
        return _together(found)

    def _unmark(self, bits: Int32, nodes: Nodes) -> None:
        off = no_tokens(self.trie)
        mark(self.trie, nodes, off)
        bits &= ~off

    def _ahead(self, roots: Nodes, cut: Cut) -> _Ahead | None:
        """None where one of ``roots`` is below another, so that a node may stand for two words."""
        key = _serial(self.trie), cut.head, cut.usual, cut.asked, roots.tobytes()
        known = _aheads.get(key)
        if known is None:
            starts = set(roots.tolist())
            if len(starts) > 1 and any(self._above(node, starts) >= 0 for node in starts):
                return None
            part = Exploration(self.trie)
            ends = part.go(roots, cut.head)
            among = set(ends.tolist())
            usual = part.go(ends, cut.usual)
            inner = usual[self.trie.n_children[usual] > 0]
            words = {node: _word(self.trie, starts, node) for node in ends.tolist()}
            deep, further = (
                {node if node in among else self._above(node, among) for node in nodes.tolist()}
                for nodes in (usual, inner)
            )
            plain: dict[bytes, list[int]] = {}
            asked: list[tuple[int, bytes]] = []
            for node, word in words.items():
                if any(cut.asked >> byte & 1 for byte in word):
                    asked.append((node, word))
                else:
                    plain.setdefault(word, []).append(node)
            known = _Ahead(
                part.bits,
                tuple(words.items()),
                frozenset(deep),
                tuple((node, words[node]) for node in sorted(further)),
                plain,
                tuple(asked),
            )
            _aheads.put(key, known)
        return known

    def _above(self, node: int, among: set[int]) -> int:
        """The nearest node above that is ``among`` some; -1 if there is none."""
        node = int(self.trie.parent[node])
        while node >= 0 and node not in among:
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
        found = [NOWHERE]
        for root in roots.tolist():
            start = np.array([root], np.int32)
            if whole.nullable:
                found.append(start)
            left: set[int] = set()
            for part, leaving in parts:
                inside = Exploration(trie)
                ends = inside.go(start, part)
                self._unmark(inside.bits, start)  # no word yet
                self.worst = max(self.worst, price)
                if self.most is None or price <= self.most:
                    self.bits |= inside.bits
                mask = leaving | following
                leaves = np.array([mask >> byte & 1 for byte in range(256)], np.bool_)
                children = children_of(trie, ends)
                left.update(children[leaves[trie.byte[children]]].tolist())
                if tail.nullable:  # a word of the leaf may end where a part does
                    found.append(ends)
            for node in sorted(left):  # parents before children
                if int(trie.parent[node]) in left:
                    continue  # walked with its parent
                after = whole
                for byte in _word(trie, {root}, node):
                    after = derive(after, byte)
                if after is not EMPTY and not is_empty(after):
                    at = np.array([node], np.int32)
                    self._reach(at, min(self._price(after) + rest, NONE))
                    found.append(self.go(at, after, rest))
        return _together(found)

    def _repeat(self, roots: Nodes, term: Repeat, rest: int) -> Nodes:
        found = [NOWHERE]
        visited = NOWHERE
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
                return _together(found)
            if not at.size:
                return _together(found)
            left = after

    def _lazily(self, roots: Nodes, term: Term, rest: int) -> Nodes:
        """One derivative a node.  With prices too dear for all nodes: see `LAZY_SECONDS`."""
        if self.prices is not None and self.most is None:
            raise Unfinished
        ends = roots.tolist() if term.nullable else []
        deadline = math.inf if self.prices is None else time.monotonic() + LAZY_SECONDS
        by_price: dict[int, list[int]] = {}
        for root in roots.tolist():
            for node, after in walk_lazily(self.trie, term, root).items():
                if time.monotonic() > deadline:
                    break
                by_price.setdefault(min(self._price(after) + rest, NONE), []).append(node)
                if after.nullable:
                    ends.append(node)
        for price, nodes in by_price.items():
            self._reach(np.array(nodes, np.int32), price)
        return np.unique(np.array(ends, np.int32))


def _find_paths(trie: Trie, roots: list[int], words: Words) -> _Paths:
    literals: list[tuple[int, bytes]] = []
    among: dict[int, int] = {}
    ends: dict[int, list[int]] = {}
    for index in range(len(words)):
        word = words.word(index)
        if isinstance(word, bytes):
            literals.append((index, word))
            continue
        states = current_states()
        with states.lock:
            found = spread(trie, states, np.array(roots, np.int32), states.number(word))
        for node in found.nodes[len(roots) :].tolist():
            among[node] = among.get(node, 0) | 1 << index
        ended = found.nodes[states.flags[found.states] & IS_NULLABLE != 0]
        ends[index] = ended[trie.n_children[ended] > 0].tolist()
    work = [(root, 0, literals) for root in roots] if literals else []
    while work:
        node, depth, going_on = work.pop()
        first, count = int(trie.first_child[node]), int(trie.n_children[node])
        if not count:
            continue
        by_byte: dict[int, list[tuple[int, bytes]]] = {}
        for index, word in going_on:
            if len(word) == depth:
                ends.setdefault(index, []).append(node)
            else:
                by_byte.setdefault(word[depth], []).append((index, word))
        offered = trie.byte[first : first + count].tobytes()
        for byte, part in by_byte.items():
            at = offered.find(byte)
            if at >= 0:
                child = first + at
                among[child] = among.get(child, 0) | sum(1 << index for index, _ in part)
                work.append((child, depth + 1, part))
    return _Paths(
        tuple(among.items()), tuple((index, np.array(nodes, np.int32)) for index, nodes in ends.items() if nodes)
    )


def has_choice(leaf: Leaf) -> bool:
    """Whether `Leaf.choice` may have an answer."""
    return type(leaf).choice is not Leaf.choice


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


def _bounds(term: Term) -> tuple[int, int]:
    """Those of the repetition at the head, without an upper one where it has none."""
    repeated = term.head if isinstance(term, Concat) else term
    assert isinstance(repeated, Repeat)
    return repeated.lo, _NEVER - 1 if repeated.hi is None else repeated.hi


def _count(trie: Trie, item: Term, most: int | None, last: Term) -> _Counts:
    """See `_Counts`; one without ends where a token may have repeated ``item`` in different ways."""
    if most is None:
        return _count_ends(trie, item, last)
    states = current_states()
    with states.lock:
        there = spread(trie, states, ROOT, states.number(concat(repeat(item, 0, most), last)))
        begun = np.zeros(len(states.terms), np.int16)
        for number in states.distinct(there.states).tolist():
            left = _left(states.terms[number], item)
            if left is None or there.turned:
                return _Counts(np.zeros(0, np.int16), NOWHERE, np.zeros(0, np.int16))
            begun[number] = most - left
        is_end = states.flags[there.states] & IS_NULLABLE != 0
    of_node = np.full(len(trie), _NEVER, np.int16)
    of_node[there.nodes] = begun[there.states]
    ends = there.nodes[is_end]
    of_node[ends] = _NEVER
    of_token = np.where(trie.node_of_token > 0, of_node[trie.node_of_token], _NEVER)
    return _Counts(of_token, ends, of_node[trie.parent[ends]])


def _count_ends(trie: Trie, item: Term, last: Term) -> _Counts:
    """`_count` without an upper bound: counts only matter where a word ends."""
    states = current_states()
    bits, most = no_tokens(trie), trie.max_token_length + 1
    with states.lock:
        ends, turned = marked(trie, states, ROOT, states.number(concat(repeat(item, 0, None), last)), bits)
    bounded = concat(repeat(item, 0, most), last)
    of_end = np.zeros(len(ends), np.int16)
    for i, node in enumerate(ends.tolist()):
        state = bounded
        for byte in _word(trie, {0}, node)[:-1]:
            state = derive(state, byte)
        left = _left(state, item)
        if left is None or turned:
            return _Counts(np.zeros(0, np.int16), NOWHERE, np.zeros(0, np.int16))
        of_end[i] = most - left
    at_ends = no_tokens(trie)
    mark(trie, ends, at_ends)
    of_token = np.full(len(trie.node_of_token), _NEVER, np.int16)
    of_token[tokens_in(bits & ~at_ends)] = 0
    return _Counts(of_token, ends, of_end)


def _left(term: Term, item: Term) -> int | None:
    """How often ``item`` may still be begun, in a derivative of a repetition of it and a last byte; None if it has no
    single answer.
    """
    while isinstance(term, Concat):
        if isinstance(term.head, Repeat) and term.head.item is item:
            return term.head.hi
        if _repeats(term.head, item):
            return None
        term = term.tail
    return None if _repeats(term, item) else 0


def _repeats(term: Term, item: Term) -> bool:
    """Whether a repetition of ``item`` is a part of ``term``, rules not unfolded."""
    match term:
        case Repeat():
            return term.item is item or _repeats(term.item, item)
        case Union() | Intersection():
            return any(_repeats(part, item) for part in term.items)
        case Concat():
            return _repeats(term.head, item) or _repeats(term.tail, item)
        case Complement() | Sealed() | Scope():
            return _repeats(term.item, item)
    return False


def _is_closed(heads: list[Term]) -> bool:
    """Whether ``heads`` end with a long repetition and a byte that ends it.

    A JSON string is the example.  Then few nodes are left to be walked with what follows, and the walk of the heads
    serves all terms that begin with them.
    """
    if len(heads) < 2:
        return False
    repeated, last = heads[-2:]
    return (
        isinstance(repeated, Repeat)
        and isinstance(last, ByteSet)
        and (repeated.hi is None or repeated.hi > _SHORT)
        and not repeated.item.first & last.mask
        and not any(head.flags & (LOOK | GUARD) for head in heads)
    )


def _together(parts: list[Nodes]) -> Nodes:
    """The nodes in any of ``parts``, ascending."""
    some = [part for part in parts if part.size]
    if len(some) > 1:
        return _distinct(np.concatenate(some))
    return some[0] if some else NOWHERE


def _distinct(nodes: Nodes) -> Nodes:
    """``nodes`` without repetition, ascending."""
    if nodes.size < _FEW:
        return np.unique(nodes)
    among = np.zeros(int(nodes.max()) + 1, np.bool_)  # linear, where `numpy.unique` hashes or sorts
    among[nodes] = True
    return np.flatnonzero(among).astype(np.int32)


def _word(trie: Trie, roots: set[int], node: int) -> bytes:
    """The bytes from the nearest of ``roots`` to ``node``."""
    word = bytearray()
    while node not in roots:
        word.append(trie.byte[node])
        node = int(trie.parent[node])
    word.reverse()
    return bytes(word)


_serials: Final = itertools.count()
_known: weakref.WeakKeyDictionary[Trie, int] = weakref.WeakKeyDictionary()


def _serial(trie: Trie) -> int:
    found = _known.get(trie)
    return _known.setdefault(trie, next(_serials)) if found is None else found
