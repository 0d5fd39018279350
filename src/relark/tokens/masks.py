"""Masks: which tokens a state allows.

A token is allowed when deriving the state by its bytes reaches no empty language, and what is left can be spelled in
the vocabulary.  `walks` finds the tokens of which the first is true.

A mask belongs to a state and a vocabulary and is remembered (`relark.caches`), so a state seen before costs a look-up.

Cost: a first visit takes a walk (at most some 4 ms compiled, 13 ms with NumPy, where all 130k tokens are allowed), and
the new rows.  Memory: V/8 bytes for a mask of many tokens, shared by all that are equal; 8 bytes a non-zero word for
one of few.
Cannot do: budgets (see `budget`), anything about text.
"""

from __future__ import annotations

import itertools
import math
import weakref
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relark import kernel
from relark.caches import Cache
from relark.language.completion import NONE, Completions
from relark.language.derivative import clamp, derive_once
from relark.language.states import DEAD, current_states
from relark.language.terms import EMPTY, FULL, LAZY, Term
from relark.tokens.spread import ROOT, Int32, packed
from relark.tokens.vocabulary import Vocabulary
from relark.tokens.walks import (
    Exploration,
    Prices,
    Unfinished,
    is_walked_apart,
    live_tokens,
    walk,
    walk_lazily,
)

_SPARSE = 4  # a mask with fewer non-zero words than one in so many keeps only these
_AFTER = 64  # tokens of a state whose next states are kept with its mask
MANY_ENDS = 256  # beyond so many, ends of a LAZY term are not asked whether the vocabulary can spell what follows


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """The tokens that one state allows.

    ``values``: the packed words, int32, of which bit 1 is allowed, EOS ids included where the state is accepting: all
    of them, ``[ceil(V/32)]``, or, where most are zero, those at the indices ``words``; the first of ``words`` is then
    the length of the whole.  ``has_text``: whether any token that is text is allowed.  ``cost``: bytes of memory; less
    where other masks have the same words.  ``after``: the states that tokens lead to, of some that were asked for.
    ``held``: the array whose rows ``words`` and ``values`` are; to be held as long as others may share it.
    """

    values: Int32
    words: Int32 | None
    has_text: bool
    cost: int
    after: dict[int, Term]
    held: Int32

    @classmethod
    def of(cls, bits: Int32, has_text: bool) -> Mask:
        """A mask of packed words."""
        found = np.flatnonzero(bits)
        if len(found) * _SPARSE < len(bits):
            head = np.array([len(bits)], np.int32)
            shared, cost = _shared(np.stack([np.concatenate([head, found]), np.concatenate([head, bits[found]])]))
            return cls(shared[1], shared[0], has_text, cost, {}, shared)
        shared, cost = _shared(bits[None, :])
        return cls(shared[0], None, has_text, cost, {}, shared)

    @property
    def bits(self) -> Int32:
        """All words, int32 ``[ceil(V/32)]``, read-only."""
        if self.words is None:
            return self.values
        bits = np.zeros(self.words[0], np.int32)
        bits[self.words[1:]] = self.values[1:]
        bits.flags.writeable = False
        return bits

    def allows(self, token_id: int) -> bool:
        """Whether a token is allowed; ``token_id`` is one of the vocabulary's."""
        word = token_id >> 5
        if self.words is not None:
            at = int(np.searchsorted(self.words[1:], word)) + 1
            return at < len(self.words) and self.words[at] == word and bool(int(self.values[at]) >> (token_id & 31) & 1)
        return bool(int(self.values[word]) >> (token_id & 31) & 1)

    def write(self, row: Int32) -> bool:
        """Write all words into ``row``; whether that is an int32 array of their number."""
        if kernel.compiled is not None and kernel.compiled.write(row, self.words, self.values):
            return True
        n_words = len(self.values) if self.words is None else int(self.words[0])
        if row.shape != (n_words,) or row.dtype != np.int32:
            return False
        if self.words is None:
            row[:] = self.values
        else:
            row[:] = 0
            row[self.words[1:]] = self.values[1:]
        return True


@dataclass(frozen=True, eq=False, slots=True)
class Ends:
    """Where the allowed tokens of one state lead: ``tokens`` (int64 ids) and for each the index of its end in
    ``terms``.
    """

    tokens: NDArray[np.int64]
    index: NDArray[np.int64]
    terms: tuple[Term, ...]


_masks: Cache[tuple[int, Term], Mask] = Cache("masks", share=0.08, cost=lambda key, value: value.cost + 600)
_words: weakref.WeakValueDictionary[tuple[int, bytes], Int32] = weakref.WeakValueDictionary()  # of masks, to be shared
_words_lock: Final = Lock()


def _shared(words: NDArray[np.signedinteger[Any]]) -> tuple[Int32, int]:
    """``words`` as the one array of this content, int32, read-only; and what it costs, in bytes."""
    words = words.astype(np.int32, copy=False)
    data = words.tobytes()
    key = len(words), data  # a few words of one vocabulary may look like all those of another
    with _words_lock:
        known = _words.get(key)
        if known is not None:
            return known, len(data) // 32
        _words[key] = new = np.frombuffer(data, np.int32).reshape(words.shape)
    return new, 2 * len(data)


_advances: Cache[tuple[int, Term, int], Term] = Cache("advances", share=0.03, cost=lambda key, value: 250)
_ends: Cache[tuple[int, Term], Ends] = Cache(
    "ends", share=0.03, cost=lambda key, value: value.tokens.nbytes * 2 + 64 * len(value.terms) + 300
)


class Masks:
    """The masks of one vocabulary; one object a vocabulary (`masks_of`)."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.serial = next(_serials)
        self.size = vocabulary.size
        self.n_words = vocabulary.n_words
        self.trie = vocabulary.trie
        self.token_bytes = vocabulary.token_bytes
        self.eos_ids = vocabulary.eos_ids
        self.ids = vocabulary.ids
        self.spells_all = vocabulary.single_byte_mask == FULL
        used = sum(1 << byte for byte in np.unique(self.trie.byte[1:]).tolist())
        closed = used == vocabulary.single_byte_mask  # whatever tokens spell, single bytes can
        self.completions = Completions(vocabulary.single_byte_mask, self.trie.max_token_length if closed else None)
        self._text_tokens = np.flatnonzero(self.trie.node_of_token > 0)
        self._text_nodes = self.trie.node_of_token[self._text_tokens]
        self._eos_bits = self.pack(np.array(self.eos_ids, np.int64))
        single = {token[0]: token_id for token_id, token in enumerate(self.token_bytes) if token and len(token) == 1}
        self._bytes = np.array([*single], np.int64)
        self._byte_tokens = np.array([*single.values()], np.int64)
        self.end = Mask.of(self._eos_bits, False)

    def mask(self, term: Term) -> Mask:
        """The mask of a state."""
        key = self.serial, term
        known = _masks.get(key)
        if known is None:
            known = self._mask(term)
            _masks.put(key, known)
        return known

    def _mask(self, term: Term) -> Mask:
        if self.spells_all or self._spelled_wherever_it_leads(term):
            clamped = clamp(term, self.trie.max_token_length + 1)
            if clamped is not term:
                return replace(self.mask(clamped), cost=0, after={})
            bits = live_tokens(self.trie, term)
        elif is_walked_apart(term):
            try:
                bits = self._spelled_tokens(term)
            except Unfinished:
                bits = self.pack(self.ends(term).tokens)
        else:
            bits = self.pack(self.ends(term).tokens)
        return Mask.of(bits | self._eos_bits if term.nullable else bits, bool(bits.any()))

    def ends(self, term: Term, deadline: float = math.inf) -> Ends:
        """The allowed tokens with the states after them; for ``deadline`` see `reachable`."""
        key = self.serial, term
        known = _ends.get(key)
        if known is None:
            found = self.reachable(term, deadline)
            tokens, index, after = found.tokens, found.index, found.terms
            many = bool(term.flags & LAZY) and len(after) > MANY_ENDS  # each would be searched for
            if not (self.spells_all or many or self._spelled_wherever_it_leads(term)):
                from relark.tokens.budget import can_be_spelled

                spelled = np.array([can_be_spelled(self, t) for t in after], np.bool_)
                if not spelled.all():
                    keep = spelled[index]
                    tokens, index = tokens[keep], (np.cumsum(spelled) - 1)[index[keep]]
                    after = tuple(t for t, ok in zip(after, spelled.tolist(), strict=True) if ok)
            known = Ends(tokens, index, after)
            _ends.put(key, known)
        return known

    def reachable(self, term: Term, deadline: float = math.inf) -> Ends:
        """`ends` without asking whether what follows can be spelled.

        Raises `walks.Unfinished` at the ``deadline``, where each node takes a derivative.
        """
        if term.flags & LAZY:
            at_node = walk_lazily(self.trie, term, deadline=deadline)
            numbers: dict[Term, int] = {}
            pairs = [
                (token, numbers.setdefault(end, len(numbers)))
                for token, node in zip(self._text_tokens.tolist(), self._text_nodes.tolist(), strict=True)
                if (end := at_node.get(node)) is not None
            ]
            array = np.array(pairs, np.int64).reshape(-1, 2)
            return Ends(array[:, 0], array[:, 1], tuple(numbers))
        states = current_states()
        with states.lock:
            reached = walk(self.trie, states, states.number(term))
            ends = reached[self._text_nodes]
            allowed = ends != DEAD
            ends = ends[allowed]
            distinct = states.distinct(ends)
            rank = np.zeros(len(states.terms), np.int64)
            rank[distinct] = np.arange(len(distinct))
            index = rank[ends]
            after = tuple(states.terms[n] for n in distinct.tolist())
        return Ends(self._text_tokens[allowed], index, after)

    def _spelled_tokens(self, term: Term) -> Int32:
        """The tokens after which the vocabulary can complete the text."""
        from relark.tokens.budget import can_be_spelled

        prices = Prices(
            -1 - self.serial,
            lambda state: 0 if can_be_spelled(self, state) else NONE,
            lambda leaf: 0 if leaf.price(self.completions.alphabet, len) < NONE else NONE,
        )
        found = Exploration(self.trie, prices)
        found.go(ROOT, term)
        if found.worst < NONE:
            return found.bits
        found = Exploration(self.trie, prices, most=NONE - 1)
        found.go(ROOT, term)
        return found.bits

    def _spelled_wherever_it_leads(self, term: Term) -> bool:
        return self.completions.spells(term) or self.completions.bounds(term)[1] < NONE

    def after(self, term: Term, token_id: int) -> Term:
        """The state after a token that the mask allows."""
        key = self.serial, term, token_id
        known = _advances.get(key)
        if known is None:
            known = term
            for byte in self.token_bytes[token_id] or b"":
                known = derive_once(known, byte)
            if known is not EMPTY and not known.flags & LAZY:
                states = current_states()
                with states.lock:
                    known = states.terms[states.number(known)]  # as the walk has it: dead members dropped
            _advances.put(key, known)
        mask = _masks.get((self.serial, term))
        if mask is not None and len(mask.after) < _AFTER:
            mask.after[token_id] = known
        return known

    def single_bytes(self, term: Term) -> list[int]:
        """The bytes that are allowed tokens of their own."""
        words = self.mask(term).bits[self._byte_tokens >> 5]
        return self._bytes[words >> (self._byte_tokens & 31) & 1 != 0].tolist()  # type: ignore[no-any-return]

    def pack(self, tokens: NDArray[np.int64]) -> Int32:
        """Token ids as a packed mask, int32 ``[ceil(V/32)]``."""
        return packed(tokens, self.n_words)


_serials: Final = itertools.count()
_known: weakref.WeakKeyDictionary[Vocabulary, Masks] = weakref.WeakKeyDictionary()
_lock: Final = Lock()


def masks_of(vocabulary: Vocabulary) -> Masks:
    """The masks of ``vocabulary``, shared by all matchers over it."""
    found = _known.get(vocabulary)
    if found is None:
        with _lock:
            found = _known.get(vocabulary)
            if found is None:
                found = Masks(vocabulary)
                _known[vocabulary] = found
    return found
