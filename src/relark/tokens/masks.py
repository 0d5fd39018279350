"""Masks: which tokens a state allows.

A token is allowed when deriving the state by its bytes reaches no empty language, and what is left can be spelled in
the vocabulary.  `walks` finds the nodes of the byte trie of which the first is true.

A mask belongs to a state and a vocabulary and is remembered (`relark.caches`), so a state seen before costs a look-up.

Cost: a first visit takes a walk (13 ms where all 130k tokens are allowed), and the new rows.  Memory: V/8 bytes a mask.
Cannot do: budgets (see `budget`), anything about text.
"""

from __future__ import annotations

import itertools
import math
import weakref
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relark.caches import Cache
from relark.language.completion import NONE, Completions
from relark.language.derivative import clamp, derive
from relark.language.states import DEAD, current_states
from relark.language.terms import EMPTY, FULL, LAZY, Term
from relark.tokens.vocabulary import Vocabulary
from relark.tokens.walks import (
    ROOT,
    Exploration,
    Prices,
    Unfinished,
    is_walked_apart,
    live_nodes,
    walk,
    walk_lazily,
)

Int32 = NDArray[np.int32]
MANY_ENDS = 256  # beyond so many, ends of a LAZY term are not asked whether the vocabulary can spell what follows


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """The tokens that one state allows.

    ``bits``: int32 ``[ceil(V/32)]``, read-only, bit 1 = allowed, EOS ids included where the state is accepting.
    ``has_text``: whether any token that is text is allowed.
    """

    bits: Int32
    has_text: bool


@dataclass(frozen=True, eq=False, slots=True)
class Ends:
    """Where the allowed tokens of one state lead: ``tokens`` (int64 ids) and for each the index of its end in
    ``terms``.
    """

    tokens: NDArray[np.int64]
    index: NDArray[np.int64]
    terms: tuple[Term, ...]


_masks: Cache[tuple[int, Term], Mask] = Cache("masks", share=0.13, cost=lambda key, value: value.bits.nbytes + 300)
_advances: Cache[tuple[int, Term, int], Term] = Cache("advances", share=0.03, cost=lambda key, value: 250)
_ends: Cache[tuple[int, Term], Ends] = Cache(
    "ends", share=0.04, cost=lambda key, value: value.tokens.nbytes * 2 + 64 * len(value.terms) + 300
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
                return self.mask(clamped)
            allowed = self.tokens_at(live_nodes(self.trie, term))
        elif is_walked_apart(term):
            try:
                allowed = self.tokens_at(self._spelled_nodes(term))
            except Unfinished:
                allowed = self.ends(term).tokens
        else:
            allowed = self.ends(term).tokens
        bits = self.pack(allowed)
        if term.nullable:
            bits = bits | self._eos_bits
        bits.flags.writeable = False
        return Mask(bits, bool(allowed.size))

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

    def _spelled_nodes(self, term: Term) -> NDArray[np.bool_]:
        """The live nodes from where the vocabulary can complete the text."""
        from relark.tokens.budget import can_be_spelled

        prices = Prices(
            -1 - self.serial,
            lambda state: 0 if can_be_spelled(self, state) else NONE,
            lambda leaf: 0 if leaf.price(self.completions.alphabet, len) < NONE else NONE,
        )
        found = Exploration(self.trie, prices)
        found.go(ROOT, term)
        if found.worst < NONE:
            return live_nodes(self.trie, term)
        found = Exploration(self.trie, prices, most=NONE - 1)
        found.go(ROOT, term)
        return found.live

    def _spelled_wherever_it_leads(self, term: Term) -> bool:
        return self.completions.spells(term) or self.completions.bounds(term)[1] < NONE

    def after(self, term: Term, token_id: int) -> Term:
        """The state after a token that the mask allows."""
        key = self.serial, term, token_id
        known = _advances.get(key)
        if known is None:
            data = self.token_bytes[token_id]
            known = term
            for byte in data or b"":
                known = derive(known, byte)
            if known is not EMPTY and not known.flags & LAZY:
                states = current_states()
                with states.lock:
                    known = states.terms[
                        states.number(known)
                    ]  # the same object that the walk uses: dead members dropped
            _advances.put(key, known)
        return known

    def tokens_at(self, live: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The ids of the tokens that end at one of the trie nodes ``live``, bool ``[nodes]``."""
        return self._text_tokens[live[self._text_nodes]]

    def pack(self, tokens: NDArray[np.int64]) -> Int32:
        """Token ids as a packed mask, int32 ``[ceil(V/32)]``."""
        flags = np.zeros(self.n_words * 32, np.bool_)
        flags[tokens] = True
        return np.packbits(flags, bitorder="little").view(np.int32)


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
