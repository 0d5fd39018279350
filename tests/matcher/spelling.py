"""Vocabularies and finite languages, with everything that a matcher answers worked out by trying.

A `Puzzle` is a finite set of words and a list of tokens.  Which tokens may follow, and how few complete a text, is
found by spelling every word in every way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from hypothesis import strategies as st

from language.set_semantics import (
    ABC,
    Both,
    Choices,
    Either,
    Expression,
    Letter,
    Nil,
    Nothing,
    Sequence,
    Texts,
    Times,
    Words,
    build_expression,
    drawn,
)
from relark.constraint import Constraint
from relark.tokens.vocabulary import Vocabulary

LONGEST = 5  # bytes of a word


def longest(expression: Expression) -> int | None:
    """The length of the longest word, at most; None where there may be no longest."""
    match expression:
        case Nil() | Nothing():
            return 0
        case Letter(negated=False):
            return 1
        case Texts(texts):
            return max(map(len, texts), default=0)
        case Sequence(parts):
            lengths = [longest(p) for p in parts]
            return None if None in lengths else sum(n or 0 for n in lengths)
        case Either(parts):
            lengths = [longest(p) for p in parts]
            return None if None in lengths else max(n or 0 for n in lengths)
        case Times(part, _, hi):
            one = longest(part)
            return None if one is None or hi is None else one * hi
    return None


@dataclass(frozen=True)
class Puzzle:
    expression: Expression  # finite
    tokens: tuple[bytes | None, ...]  # None: never text
    eos: tuple[int, ...]
    _fewest: dict[bytes, int | None] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def words(self) -> Words:
        length = longest(self.expression)
        return self.expression.words(ABC, LONGEST if length is None else length)

    @cached_property
    def texts(self) -> tuple[bytes, ...]:
        return tuple({t for i, t in enumerate(self.tokens) if t and i not in self.eos})

    def constraint(self) -> Constraint:
        return Constraint(self.expression.term(), "puzzle")

    def vocabulary(self) -> Vocabulary:
        return Vocabulary.from_bytes(self.tokens, self.eos)

    def fewest(self, text: bytes) -> int | None:
        """The least number of tokens that spell ``text``; None if they cannot."""
        if not text:
            return 0
        if text not in self._fewest:
            rests = [n for t in self.texts if text.startswith(t) and (n := self.fewest(text[len(t) :])) is not None]
            self._fewest[text] = min(rests) + 1 if rests else None
        return self._fewest[text]

    def least(self, prefix: bytes) -> int | None:
        """The least number of tokens that make a word of ``prefix``; None if none do."""
        return self._leasts.get(prefix)

    @cached_property
    def _leasts(self) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for word in self.words:
            for cut in range(len(word) + 1):
                count = self.fewest(word[cut:])
                if count is not None:
                    found[word[:cut]] = min(count, found.get(word[:cut], count))
        return found

    def allowed(self, prefix: bytes, tokens_left: int | None = None) -> set[int]:
        """The ids that may follow ``prefix``, EOS included, given that ``prefix`` itself can be completed."""
        found = set(self.eos) if prefix in self.words else set()
        for i, token in enumerate(self.tokens):
            if token and i not in self.eos:
                rest = self.least(prefix + token)
                if rest is not None and (tokens_left is None or rest <= tokens_left - 1):
                    found.add(i)
        return found


def build_tokens(choose: Choices, alphabet: bytes = ABC) -> tuple[tuple[bytes | None, ...], tuple[int, ...]]:
    """Tokens of up to four letters: duplicates, empty ones, special ones; with all bytes, the letters only, or
    neither as single tokens.
    """
    tokens: list[bytes | None] = []
    match choose.below(4):
        case 0:
            tokens += [bytes([b]) for b in range(256)]
        case 1 | 2:
            tokens += [bytes([b]) for b in alphabet]
    for _ in range(choose.below(14) + 1):
        tokens.append(None if choose.below(9) == 8 else choose.word(alphabet, 4))
    tokens += [None] * choose.below(40)  # padding
    eos = tuple({choose.below(len(tokens)) for _ in range(choose.below(3))})
    eos = tuple(i for i in eos if tokens[i] is None or len(tokens[i] or b"") != 1)
    return tuple(tokens), eos


def build_puzzle(choose: Choices) -> Puzzle:
    expression = build_expression(choose, ABC, boolean=bool(choose.below(2)), leaves=bool(choose.below(2)), depth=3)
    length = longest(expression)
    if length is None or length > 6:
        expression = Both((expression, Times(Letter(ABC), 0, LONGEST)))
    return Puzzle(expression, *build_tokens(choose))


puzzles: st.SearchStrategy[Puzzle] = drawn(build_puzzle, 128)


def unpacked(words: object, size: int) -> set[int]:
    """The ids whose bits are set in a packed mask; bits past the last id must be clear."""
    # type: ignore[arg-type]
    bits = {32 * i + b for i, word in enumerate(words) for b in range(32) if int(word) >> b & 1}
    assert all(i < size for i in bits)
    return bits
