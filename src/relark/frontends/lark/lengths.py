"""Shortest texts of a grammar: the least fixpoint over everything that has words, shortest first (Knuth 1977).

Cost: as much as finding the exits, once an alphabet; a text is put together when it is asked for.
"""

from __future__ import annotations

import heapq
import itertools
from functools import cached_property
from typing import TypeAlias

from relark.frontends.lark.product import Entry, Gap, Node, Product, Token, bits
from relark.language import Completions

__all__ = ["ShortestTexts"]

Word: TypeAlias = "tuple[Entry, int]"  # of an entry, that ends in a context
Made: TypeAlias = "bytes | tuple[Word, ...]"


class ShortestTexts:
    """The shortest words over ``alphabet`` (256-bit mask of bytes) of all that ``product`` has looked into."""

    def __init__(self, product: Product, alphabet: int) -> None:
        self._product = product
        self._completions = Completions(alphabet)
        self._order = itertools.count()
        self._queue: list[tuple[int, int, Word, Made]] = []
        self._found: dict[Word, tuple[int, Made]] = {}
        self._find()

    def of(self, node: Node, context: int, exits: int) -> bytes | None:
        """A shortest non-empty word of ``node`` that begins in ``context`` and ends in one of ``exits``."""
        entry = node.entries[context]
        words = [(entry, exit_) for exit_ in bits(exits & entry.exits) if (entry, exit_) in self._found]
        if not words:
            return None
        work: list[Word] = [min(words, key=lambda word: self._found[word][0])]
        parts: list[bytes] = []
        while work:
            made = self._found[work.pop()][1]
            if isinstance(made, bytes):
                parts.append(made)
            else:
                work.extend(reversed(made))
        return b"".join(parts)

    @cached_property
    def always(self) -> bool:
        """Whether the alphabet completes whatever it has begun: every word to its end, every node to each exit."""
        product = self._product
        matched: list[Token | Gap] = [*product.tokens.values()]
        matched += [gap for gap in (product.gap, product.inner, product.tail) if gap is not None]
        for one in matched:
            for moves in one.moves.values():
                if not all(map(self._completions.spells, moves.values())):
                    return False
        for node in (*matched, *product.nonterminals.values(), *product.sequences()):
            for entry in node.entries.values():
                if not all((entry, exit_) in self._found for exit_ in bits(entry.exits)):
                    return False
        return True

    def _find(self) -> None:
        product = self._product
        for gap in (product.gap, product.tail):
            if gap is not None:
                for context, entry in gap.entries.items():
                    for exit_, ignored in self._gap_texts(gap, context).items():
                        self._offer(len(ignored), (entry, exit_), ignored)
        for token in product.tokens.values():
            for context, entry in token.entries.items():
                for after, words in product.moves(token, context).items():
                    text = self._completions.shortest(words)
                    if text is None:
                        continue
                    self._offer(len(text), (entry, after), text)
                    if token.gap is not None:
                        past = self._gap_texts(token.gap, product.settle(token.gap, after))
                        for exit_, ignored in past.items():
                            self._offer(len(text) + len(ignored), (entry, exit_), text + ignored)
        waiting: dict[Entry, list[tuple[Entry, Word]]] = {}  # for words that go on with words of an entry
        ended: dict[Entry, list[int]] = {}
        while self._queue:
            length, _, word, made = heapq.heappop(self._queue)
            if word in self._found:
                continue
            self._found[word] = length, made
            entry, exit_ = word
            ended.setdefault(entry, []).append(exit_)
            for target, before in waiting.get(entry, ()):
                self._offer(self._found[before][0] + length, (target, exit_), (before, word))
            for target, rest, ends in entry.listeners:
                if ends:
                    self._offer(length, (target, exit_), (word,))
                if rest is not None:
                    onward = rest.entries[product.settle(rest, exit_)]
                    waiting.setdefault(onward, []).append((target, word))
                    for end in ended.get(onward, ()):
                        self._offer(length + self._found[onward, end][0], (target, end), (word, (onward, end)))

    def _offer(self, length: int, word: Word, made: Made) -> None:
        if word not in self._found:
            heapq.heappush(self._queue, (length, next(self._order), word, made))

    def _gap_texts(self, gap: Gap, context: int) -> dict[int, bytes]:
        """The shortest ignored text, not empty, to each context that is an exit."""
        order = itertools.count()
        queue: list[tuple[int, int, bytes, int]] = [(0, next(order), b"", context)]
        begun: set[int] = set()
        found: dict[int, bytes] = {}
        while queue:
            _, _, text, after = heapq.heappop(queue)
            if text:
                if after in found:
                    continue
                found[after] = text
                after = self._product.settle(gap, after)
            if after in begun:
                continue
            begun.add(after)
            for target, words in self._product.moves(gap, after).items():
                more = self._completions.shortest(words)
                if more is not None and target not in found:
                    heapq.heappush(queue, (len(text) + len(more), next(order), text + more, target))
        return {exit_: text for exit_, text in found.items() if self._product.is_last(exit_) == gap.ends}
