"""One constraint over one vocabulary: which tokens are allowed next.

    matcher = relark.regex(r"\\d+").matcher(vocabulary)
    matcher.fill(row)            # the allowed tokens, as a packed mask
    matcher.advance(token_id)    # go on with one of them

States are immutable, so `fork` and `rollback` cost nothing, and everything found out about a state (its mask, where
its tokens lead) serves every other matcher over the same vocabulary.  Costs: see `tokens.masks`; on a state seen
before, `fill` is a copy and `advance` a look-up.

A matcher is not thread-safe; its constraint and vocabulary are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from relark.errors import ArgumentError, TokenNotAllowed, UnsatisfiableError
from relark.language.completion import is_empty
from relark.language.derivative import derive, transitions
from relark.language.show import show
from relark.language.terms import EPSILON, LAZY, ByteSet, Concat, Term
from relark.tokens import budget
from relark.tokens.masks import Mask, Masks, masks_of
from relark.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from relark.constraint import Constraint

__all__ = ["Matcher", "fill_masks"]

FORCED_LIMIT = 10_000  # bytes that `forced_bytes` looks ahead


class _Step(NamedTuple):
    """A linked list of the states so far, newest first."""

    term: Term
    ended: bool  # EOS was taken
    token_id: int
    previous: _Step | None


class Matcher:
    """The state of one text under a constraint.

    Raises `UnsatisfiableError` when created if no text of the vocabulary's tokens satisfies the constraint.
    """

    __slots__ = ("_here", "_masks", "_step", "constraint", "vocabulary")

    def __init__(self, constraint: Constraint, vocabulary: Vocabulary) -> None:
        self.constraint, self.vocabulary = constraint, vocabulary
        self._masks = masks_of(vocabulary)
        term = constraint.term
        if is_empty(term):
            raise UnsatisfiableError(f"no text satisfies {constraint}")
        if not self._masks.spells_all and not budget.can_be_spelled(self._masks, term):
            raise UnsatisfiableError(
                f"this vocabulary cannot spell any text that satisfies {constraint}: "
                "it has no tokens for some of the bytes needed"
            )
        self._step = _Step(term, False, -1, None)
        self._here: Mask | None = None  # the mask of `_step`, once asked for

    # --- where we are -----------------------------------------------------------------------------

    @property
    def state(self) -> Term:
        """The language of what may still follow."""
        return self._step.term

    @property
    def is_accepting(self) -> bool:
        """Whether the text so far satisfies the constraint."""
        return self._step.term.nullable

    @property
    def is_finished(self) -> bool:
        """Whether no text can follow: EOS was taken, or the text is complete and no token is allowed after it."""
        step = self._step
        if step.ended or step.term is EPSILON:
            return True
        return step.term.nullable and not self._masks.mask(step.term).has_text

    # --- masks ------------------------------------------------------------------------------------

    def mask(self, tokens_left: int | None = None) -> NDArray[np.int32]:
        """The allowed tokens: int32 ``[ceil(V/32)]``, read-only, bit ``i % 32`` of word ``i // 32`` set if token i is.

        EOS ids are allowed exactly where the text is complete.  With ``tokens_left=n`` only tokens after which n -
        1 more tokens (EOS not counted) still can complete the text.
        """
        return self._mask(tokens_left).bits

    def _mask(self, tokens_left: int | None) -> Mask:
        step = self._step
        masks = self._masks
        if step.ended:
            return masks.end
        if tokens_left is None or budget.reach(masks, step.term) <= tokens_left:
            here = self._here
            if here is None:
                here = self._here = masks.mask(step.term)
            return here
        return Mask.of(budget.affordable(masks, step.term, tokens_left), True)

    def fill(self, row: NDArray[np.int32], tokens_left: int | None = None) -> None:
        """Write the `mask` into ``row``, an int32 array ``[ceil(V/32)]``."""
        here = self._here
        if here is None or tokens_left is not None:
            here = self._mask(tokens_left)
        if not here.write(row):
            raise ArgumentError(
                f"row: expected int32[{self.vocabulary.n_words}] for a vocabulary of {self.vocabulary.size} ids, "
                f"got {row.dtype}{list(row.shape)}"
            )

    def allows(self, token_id: int) -> bool:
        """Whether ``token_id`` may come next."""
        if not 0 <= token_id < self.vocabulary.size:
            return False
        return self._mask(None).allows(token_id)

    # --- moving -----------------------------------------------------------------------------------

    def advance(self, token_id: int) -> None:
        """Go on with ``token_id``; an EOS id ends the text.

        Raises `TokenNotAllowed`, without moving, where the mask forbids it.
        """
        step, here = self._step, self._here
        after = None if here is None else here.after.get(token_id)
        if after is None:
            token_id = int(token_id)
            if not self.allows(token_id):
                raise TokenNotAllowed(self._refusal(token_id), token_id)
            if token_id in self.vocabulary.eos_ids:
                self._step, self._here = _Step(EPSILON, True, token_id, step), None
                return
            after = self._masks.after(step.term, token_id)
        self._step, self._here = _Step(after, False, token_id, step), None

    def rollback(self, n: int = 1) -> None:
        """Take back the last ``n`` tokens.  Raises `ArgumentError` if there were fewer."""
        step: _Step = self._step
        for taken in range(n):
            if step.previous is None:
                raise ArgumentError(f"rollback({n}): only {taken} tokens have been taken")
            step = step.previous
        if n < 0:
            raise ArgumentError(f"rollback({n}): a number of tokens is not negative")
        self._step, self._here = step, None

    def fork(self) -> Matcher:
        """An independent matcher in the same state."""
        other: Matcher = object.__new__(Matcher)
        other.constraint, other.vocabulary = self.constraint, self.vocabulary
        other._masks, other._step, other._here = self._masks, self._step, self._here
        return other

    # --- looking ahead ----------------------------------------------------------------------------

    def forced_bytes(self, limit: int = FORCED_LIMIT) -> bytes:
        """The bytes that must come next, whatever else, ``limit`` at most: empty where there is a choice or the text
        may end.
        """
        term = self._step.term
        forced = bytearray()
        while not term.nullable and len(forced) < limit:
            following = _only_successor(term, self._masks)
            if following is None:
                break
            byte, term = following
            forced.append(byte)
        return bytes(forced)

    def shortest(self) -> bytes:
        """A shortest completion (by bytes, not by tokens) in bytes that are tokens of this vocabulary.

        Where there is none in such bytes, a completion in few of its tokens.
        """
        if self._step.ended:
            return b""
        text = self._masks.completions.shortest(self._step.term)
        if text is None:
            text = budget.some_text(self._masks, self._step.term)
        if text is None:
            raise UnsatisfiableError(f"no completion of {show(self._step.term, 80)} was found")
        return text

    def min_tokens(self, enough: int = 0) -> int:
        """How many tokens the cheapest completion takes, EOS not counted.

        The exact minimum, except that any number not above ``enough`` will do (that is faster), and that a search which
        takes longer than `budget.SEARCH_SECONDS` gives the best found.
        """
        if self._step.ended:
            return 0
        least = budget.least(self._masks, self._step.term, enough)
        if least >= budget.UNSPELLABLE:
            raise UnsatisfiableError(f"this vocabulary cannot complete {show(self._step.term, 80)}")
        return least

    def _refusal(self, token_id: int) -> str:
        if not 0 <= token_id < self.vocabulary.size:
            return f"token {token_id} is outside the vocabulary's ids 0..{self.vocabulary.size - 1}"
        data = self.vocabulary.token_bytes[token_id]
        if token_id in self.vocabulary.eos_ids:
            what = f"token {token_id} (EOS) is not allowed: the text is not complete"
        elif data is None:
            what = f"token {token_id} is a special token and never text"
        elif self._step.ended:
            what = f"token {token_id} ({data!r}) is not allowed after EOS"
        else:
            what = f"token {token_id} ({data!r}) is not allowed here"
        return f"{what}; {show(self._step.term, 80)} must follow"


def fill_masks(
    matchers: Sequence[Matcher | None], rows: NDArray[np.int32], tokens_left: Sequence[int | None] | None = None
) -> None:
    """Write the mask of each matcher into its row of ``rows``, int32 ``[len(matchers), ceil(V/32)]``.

    Where there is no matcher (None), everything is allowed: all bits are set.  ``tokens_left``: for each row, see
    `Matcher.mask`.  All matchers have the same vocabulary.
    """
    if rows.ndim != 2 or rows.dtype != np.int32 or len(rows) != len(matchers):
        raise ArgumentError(f"rows: expected int32[{len(matchers)}, words], got {rows.dtype}{list(rows.shape)}")
    if tokens_left is not None and len(tokens_left) != len(matchers):
        raise ArgumentError(f"tokens_left: expected {len(matchers)} numbers, one for each row, got {len(tokens_left)}")
    for i, (matcher, row) in enumerate(zip(matchers, rows, strict=True)):
        if matcher is None:
            row[:] = -1
        else:
            matcher.fill(row, None if tokens_left is None else tokens_left[i])


def _only_successor(term: Term, masks: Masks) -> tuple[int, Term] | None:
    if isinstance(term, Concat) and isinstance(term.head, ByteSet):  # within a literal
        byte = term.head.mask.bit_length() - 1
        return None if term.head.mask != 1 << byte else (byte, term.tail)
    if term.flags & LAZY:
        # where each byte is a token, the mask knows
        live = masks.single_bytes(term) if masks.spells_all else range(256)
        after = None
        for byte in live:
            target = derive(term, byte)
            if not is_empty(target):
                if after is not None:
                    return None
                after = byte, target
        return after
    found: tuple[int, Term] | None = None
    for mask, target in transitions(term):
        if target.nullable or not is_empty(target):
            if found is not None or mask & (mask - 1):
                return None
            found = mask.bit_length() - 1, target
    return found
