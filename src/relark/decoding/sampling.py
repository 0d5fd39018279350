"""How the next token is picked from the logits that are left after the mask.

Greedy: the largest logit. Sampling: temperature, then top-k, then top-p, in transformers' order and with its own
warpers, then one draw per row. A draw depends on the seed, the place of the row in the request, and where in the text
the token starts: not on the rows that share the batch or finish before, nor on whether the text before was
drawn or forced, or in which tokens.

Cost: with top-p, a sort of the vocabulary per row and step, as in transformers. What it cannot do: beams; use
``relark.LogitsProcessor`` with the model's own ``generate`` for those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relark.errors import ArgumentError

if TYPE_CHECKING:
    import torch

__all__ = ["Sampler", "Sampling"]


@dataclass(frozen=True)
class Sampling:
    """The options; raises ArgumentError for values that mean nothing.

    temperature   None: 1.0 where top_p or top_k is given, else greedy. 0: greedy. Above 0: sampling
    top_p         keep the most probable tokens whose probabilities add up to top_p, in (0, 1]
    top_k         keep the top_k most probable tokens, 1 or more
    seed          an int for repeatable draws; None draws a seed from torch's global generator, so that
                  ``torch.manual_seed`` repeats them as well
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        t = self.temperature
        if t is not None and not (_is_number(t) and 0 <= t < math.inf):
            raise ArgumentError(f"temperature={t!r}: expected a number, 0 (greedy) or more, or None.")
        if self.top_p is not None and not (_is_number(self.top_p) and 0 < self.top_p <= 1):
            raise ArgumentError(f"top_p={self.top_p!r}: expected a number above 0 and up to 1, or None.")
        if self.top_k is not None and not (_is_int(self.top_k) and self.top_k >= 1):
            raise ArgumentError(f"top_k={self.top_k!r}: expected an int of 1 or more, or None.")
        if self.seed is not None and not _is_int(self.seed):
            raise ArgumentError(f"seed={self.seed!r}: expected an int or None.")

    @property
    def greedy(self) -> bool:
        if self.temperature is None:
            return self.top_p is None and self.top_k is None
        return self.temperature == 0


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Sampler:
    """Draws tokens for the rows of one request, as its `Sampling` says; ``is_greedy``: by the largest logit."""

    def __init__(self, sampling: Sampling) -> None:
        import torch
        from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

        self.is_greedy = sampling.greedy
        self._generators: dict[int, tuple[int, torch.Generator]] = {}  # row -> where it was seeded last, its generator
        self._warpers: list[Any] = []
        if self.is_greedy:
            return
        seed = sampling.seed
        self._seed = int(torch.randint(2**62, ())) if seed is None else seed
        if sampling.temperature is not None and sampling.temperature != 1:
            self._warpers.append(TemperatureLogitsWarper(float(sampling.temperature)))
        if sampling.top_k is not None:
            self._warpers.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p is not None and sampling.top_p < 1:
            self._warpers.append(TopPLogitsWarper(float(sampling.top_p)))

    def choose(self, scores: torch.Tensor, rows: Sequence[tuple[int, int]]) -> torch.Tensor:
        """A token for each row of ``scores``.

        scores   float32[B, V], -inf for forbidden tokens, at least one finite value in each row; not modified
        rows     for each its place in the request, and the bytes of its text so far; B of them
        Returns  int64[B]
        """
        import torch

        if self.is_greedy:
            return scores.argmax(dim=-1)
        for warper in self._warpers:
            scores = warper(None, scores)
        probabilities = scores.softmax(dim=-1)
        chosen = [
            torch.multinomial(probabilities[i], 1, generator=self._generator(row, size, scores.device))
            for i, (row, size) in enumerate(rows)
        ]
        return torch.cat(chosen)

    def _generator(self, row: int, size: int, device: torch.device) -> torch.Generator:
        """The row's generator, seeded for this place in the text; not again if it was seeded for it last."""
        import torch

        seeded, generator = self._generators.get(row) or (-1, torch.Generator(device=device))
        if seeded != size:
            # Odd 64-bit constants (golden ratio ...): consecutive numbers give unrelated generators.
            mixed = (self._seed * 2 + 1) * 0x9E3779B97F4A7C15 + row * 0xBF58476D1CE4E5B9 + size * 0x94D049BB133111EB
            generator.manual_seed(mixed % 2**63)
            self._generators[row] = size, generator
        return generator
