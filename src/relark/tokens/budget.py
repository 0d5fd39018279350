"""Budgets: how many tokens it takes to complete a text, and which tokens leave enough of them.

The *cost* of a state is the number of tokens of its cheapest completion.  An upper bound is quick: take the
shortest completion, a concrete byte string, and spell it in as few tokens as possible (dynamic programming over its
positions).  That need not be the true minimum, because a longer text can take fewer tokens.  `least` finds the true
minimum by A* over (state, tokens spent), and is asked only where the upper bound does not fit.

Both are remembered per state; a plan that was found is remembered for every state along it, so a walk that follows
it never loses it.

Cannot do: the A* search is bounded (`SEARCH_SECONDS`); beyond that the best cost found so far stands, an upper bound.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relark.caches import Cache
from relark.language.completion import NONE, lower_bound
from relark.language.terms import Leaf, Term
from relark.tokens.masks import Ends, Masks
from relark.tokens.spread import ROOT, Int32, tokens_in
from relark.tokens.walks import Exploration, Prices, Unfinished, is_walked_apart

SEARCH_SECONDS = 2.0  # of one search for the least number of tokens
LAZY_ROOM = 4  # a state that cannot be priced is left alone while so many times its own cost remains
SPELL_SECONDS = 0.1  # of one search for any spelling at all
_LONG = 100  # bytes; the spelling of a longer completion is shared with its suffixes

Plan = tuple[int, int, bool]  # tokens needed, the first of them or -1 where none is, whether no fewer will do
UNSPELLABLE: Final = NONE

_plans: Cache[tuple[int, Term], Plan] = Cache("budgets", share=0.03, cost=lambda key, value: 260)


def cost(masks: Masks, term: Term) -> int:
    """Tokens that complete ``term``, EOS not counted: an upper bound of the least; UNSPELLABLE if the vocabulary
    can't.
    """
    return _plan(masks, term)[0]


def can_be_spelled(masks: Masks, term: Term) -> bool:
    """Whether some completion of ``term`` consists of tokens of the vocabulary."""
    if term.nullable or masks.completions.spells(term) or masks.completions.shortest(term) is not None:
        return True
    known = _plans.get((masks.serial, term))
    if known is None:
        known, finished = _search(masks, term, UNSPELLABLE, SPELL_SECONDS)
        if not finished and known[0] >= UNSPELLABLE:
            return True  # not known: decoding goes back if it was not so
        _plans.put((masks.serial, term), known)
    return known[0] < UNSPELLABLE


def _plan(masks: Masks, term: Term) -> Plan:
    key = masks.serial, term
    known = _plans.get(key)
    if known is None:
        if term.nullable:
            known = 0, -1, True
        else:
            text = masks.completions.shortest(term)
            if text is not None:
                known = (*_spell(masks, text), False)
            else:
                known, _ = _search(masks, term, UNSPELLABLE, SEARCH_SECONDS)
        _plans.put(key, known)
    return known


_recent: deque[tuple[int, bytes, list[tuple[int, int]]]] = deque(maxlen=8)


def _spell(masks: Masks, text: bytes) -> tuple[int, int]:
    """The fewest tokens that spell ``text``, and the first of them."""
    known = b""
    plans: list[tuple[int, int]] = [(0, -1)]  # of the suffixes of the text, shortest first
    if len(text) > _LONG:
        for serial, other, others in list(_recent):
            if serial == masks.serial:
                if other.endswith(text):
                    return others[len(text)]
                if len(other) > len(known) and text.endswith(other):
                    known, plans = other, list(others)
    ids, longest, n = masks.ids, masks.trie.max_token_length, len(text)
    for start in range(n - len(known) - 1, -1, -1):
        best = UNSPELLABLE, -1
        for end in range(start + 1, min(n, start + longest) + 1):
            rest = plans[n - end][0] + 1
            if rest <= best[0]:
                token = ids.get(text[start:end])
                if token is not None:
                    best = rest, token
        plans.append(best)
    if n > _LONG:
        _recent.append((masks.serial, text, plans))
    return plans[n]


def least(masks: Masks, term: Term, enough: int = 0) -> int:
    """The least number of tokens that completes ``term``; any number not above ``enough`` will do."""
    upper, _, exact = _plan(masks, term)
    if exact or upper <= enough or upper <= _floor(masks, term):
        return upper
    upper = min(upper, _descend(masks, term, upper))
    if upper <= enough:
        return upper
    found, finished = _search(masks, term, upper, SEARCH_SECONDS)
    if found[0] < upper:
        return found[0]
    known = _plans.get((masks.serial, term))
    if finished and known is not None and known[0] == upper:
        _plans.put((masks.serial, term), (*known[:2], True))
    return upper


def _descend(masks: Masks, term: Term, upper: int) -> int:
    """Tokens of a greedy completion: always the token that leaves the shortest rest.  Kept if better than ``upper``."""
    path: list[tuple[Term, int]] = []
    state = term
    deadline = time.monotonic() + SEARCH_SECONDS
    while not state.nullable and len(path) < upper:
        try:
            ends = masks.ends(state, deadline)
            lengths = _lengths(masks, ends, deadline)
        except Unfinished:
            return upper
        best = int(np.argmin(lengths)) if lengths else 0
        if not lengths or lengths[best] >= NONE:
            return upper
        path.append((state, _first_tokens(ends)[best]))
        state = ends.terms[best]
    if not state.nullable or len(path) >= upper:
        return upper
    for i, (visited, token) in enumerate(path):
        needed = len(path) - i
        if needed < cost(masks, visited):
            _plans.put((masks.serial, visited), (needed, token, False))
    return len(path)


def _lengths(masks: Masks, ends: Ends, deadline: float) -> list[int]:
    """The lengths of shortest completions."""
    lengths = []
    for end in ends.terms:
        text = masks.completions.shortest(end)
        lengths.append(NONE if text is None else len(text))
        if time.monotonic() > deadline:
            raise Unfinished
    return lengths


def _floor(masks: Masks, term: Term) -> int:
    """A lower bound of the tokens needed."""
    if term.nullable:
        return 0
    return max(1, -(-lower_bound(term) // max(1, masks.trie.max_token_length)))


def _search(masks: Masks, term: Term, upper: int, seconds: float) -> tuple[Plan, bool]:
    """A* over states, an edge a token; the plan, and whether the search came to an end in time.

    Keeps what it finds, for every state of the path found.
    """
    deadline = time.monotonic() + seconds
    order = itertools.count()
    queue = [(_floor(masks, term), 0, next(order), term)]
    spent: dict[Term, int] = {term: 0}
    origin: dict[Term, tuple[Term, int]] = {}
    best: tuple[int, Term] | None = None  # cheapest total so far, and the state from which its known plan goes on
    finished = True
    while queue:
        total, unspent, _, state = heapq.heappop(queue)
        used = -unspent
        if total >= (upper if best is None else best[0]):
            break
        if used > spent[state]:
            continue
        if state.nullable:
            best = used, state
            break
        if time.monotonic() > deadline:
            finished = False
            break
        try:
            ends = masks.reachable(state, deadline)
        except Unfinished:
            finished = False
            break
        first = _first_tokens(ends)
        for target, token in zip(ends.terms, first, strict=True):
            new = used + 1
            if new >= spent.get(target, UNSPELLABLE):
                continue
            spent[target] = new
            origin[target] = state, token
            known = _plans.get((masks.serial, target))
            if known is not None and new + known[0] < (upper if best is None else best[0]):
                best = new + known[0], target
            bound = new + _floor(masks, target)
            if bound < (upper if best is None else best[0] + 1):
                heapq.heappush(queue, (bound, -new, next(order), target))  # of equals the deepest
    if best is None:
        return (UNSPELLABLE, -1, finished), finished
    total, state = best
    while state in origin and state is not term:
        previous, token = origin[state]
        _plans.put((masks.serial, previous), (total - spent[previous], token, finished))
        state = previous
    return _plans.get((masks.serial, term)) or (total, -1, finished), finished


def _first_tokens(ends: Ends) -> list[int]:
    """For each distinct end one token that leads there."""
    first = np.zeros(len(ends.terms), np.int64)
    first[ends.index[::-1]] = ends.tokens[::-1]
    return first.tolist()  # type: ignore[no-any-return]


_reach: Cache[tuple[int, Term], int] = Cache("reach", share=0.02, cost=lambda key, value: 220)


def reach(masks: Masks, term: Term) -> int:
    """Tokens with which every token allowed at ``term`` can be completed, itself included: an upper bound.

    With that many left no token needs to be withheld.
    """
    key = masks.serial, term
    known = _reach.get(key)
    if known is None:
        known = masks.completions.bounds(term)[1] + 1
        if known >= NONE and is_walked_apart(term):
            found = Exploration(masks.trie, _prices(masks))
            try:
                found.go(ROOT, term)
                known = found.worst + 1
            except Unfinished:
                known = LAZY_ROOM * (cost(masks, term) + 8)
        elif known >= NONE:
            known = 1 + max((_quick_cost(masks, target) for target in masks.ends(term).terms), default=0)
        _reach.put(key, known)
    return known


def _quick_cost(masks: Masks, term: Term) -> int:
    """An upper bound of the cost without spelling: one token for each byte of a shortest completion."""
    if term.nullable:
        return 0
    text = masks.completions.shortest(term)  # over the bytes that have a token each
    return cost(masks, term) if text is None else len(text)


def _fits(masks: Masks, term: Term, tokens: int) -> bool:
    """Whether the known cost of ``term`` is at most ``tokens``; spelled out only where lengths leave it open."""
    if tokens < 0:
        return False
    if term.nullable:
        return True
    text = masks.completions.shortest(term)
    if text is not None:
        if len(text) <= tokens:
            return True
        if len(text) > tokens * masks.trie.max_token_length and (masks.serial, term) not in _plans:
            return False
    return cost(masks, term) <= tokens


def _affordable(masks: Masks, term: Term, tokens_left: int) -> NDArray[np.int64]:
    if is_walked_apart(term):
        found = Exploration(masks.trie, _prices(masks), tokens_left - 1)
        found.go(ROOT, term)
        return tokens_in(found.bits)
    ends = masks.ends(term)
    fits = np.array([_fits(masks, end, tokens_left - 1) for end in ends.terms], np.bool_)
    return ends.tokens[fits[ends.index]]


def _prices(masks: Masks) -> Prices:
    def inside(leaf: Leaf) -> int:
        return leaf.price(masks.completions.alphabet, lambda text: _spell(masks, text)[0])

    return Prices(masks.serial, lambda term: cost(masks, term), inside)


def affordable(masks: Masks, term: Term, tokens_left: int) -> Int32:
    """The mask of ``term`` without the tokens after which ``tokens_left - 1`` more would not complete the text."""
    least(masks, term, enough=tokens_left)  # so that there is a plan, if there is any
    count, first, _ = _plan(masks, term)
    tokens = _affordable(masks, term, tokens_left)
    if first >= 0 and count <= tokens_left and first not in tokens:
        tokens = np.append(tokens, first)
    if (
        first >= 0
    ):  # the state after the plan's first token can follow the plan, whatever its own shortest completion is
        after = masks.after(term, first)
        rest = count - 1
        if cost(masks, after) > rest:
            _follow(masks, term)
    bits = masks.pack(tokens)
    if term.nullable:
        bits = bits | masks.pack(np.array(masks.eos_ids, np.int64))
    bits.flags.writeable = False
    return bits


def some_text(masks: Masks, term: Term) -> bytes | None:
    """A completion of ``term`` in few tokens of the vocabulary; None where none was found."""
    text, before = bytearray(), UNSPELLABLE
    while not term.nullable:
        count, first, _ = _plan(masks, term)
        if first < 0 or count >= before:
            return None
        before = count
        text += masks.token_bytes[first] or b""
        term = masks.after(term, first)
    return bytes(text)


def _follow(masks: Masks, term: Term) -> None:
    """Remember the plan of ``term``, which spells its shortest completion, for the states along it."""
    text = masks.completions.shortest(term)
    if text is None:
        return
    state = term
    while text:
        count, first = _spell(masks, text)
        if first < 0:
            return
        key = masks.serial, state
        known = _plans.get(key)
        if known is None or known[0] > count:
            _plans.put(key, (count, first, False))
        state = masks.after(state, first)
        text = text[len(masks.token_bytes[first] or b"") :]
    if not state.nullable:
        return
