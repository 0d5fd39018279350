"""What a model has read: a batch of texts, its KV cache, and the attention mask and positions that go with it.

    context = Context(model)
    logits = context.prefill([[1, 5, 9], [1, 7]])   # float32[2, 1, V]: after the last token of each
    logits, read = context.extend([[4, 4], [8]])    # float32[2, 2, V]: row 1 has one column, the last
    context.keep([1])

Columns are aligned on the right: the last one is that of the last token read in each row.  Prompts of different
lengths are padded on the left, and so is what rows read together: a *hole* in the cache of the rows with less to read,
masked for ever.  Holes are right only where each layer's cache is plain attention over everything and the model takes
positions and a mask; a sliding window would count them in.  With one, rows read as many tokens as the row with the
fewest; with recurrent states, and caches of unknown kinds, one token at a time.  Models that return no cache that is
known here (``past_key_values``, ``cache_params``) are run over the whole text each time: slow, and correct.

Cost: one forward pass a call.  A padded position costs as much as one that is read, so there are at most
`POSITIONS_ON_CPU` or `POSITIONS` positions in a pass with padding; once more than half of the cache would be holes they
are closed, by one copy of it.

What it cannot do: take single tokens back (`prefill` forgets everything); encoder-decoder models.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import cache_utils

from relark.errors import ModelError

__all__ = ["Context"]

# Of one pass with padding.  On one core of a CPU a pass over 1 position costs some 12 positions of a longer pass.
POSITIONS_ON_CPU = 12
POSITIONS = 256
_SLACK = 64  # columns of the cache that may be holes in any case


class Context:
    """The state of ``model``, a causal language model, for the rows of one batch."""

    def __init__(self, model: Any) -> None:
        self.model = model
        whole = getattr(model, "_orig_mod", model)  # torch.compile
        whole = whole.get_base_model() if hasattr(whole, "get_base_model") else whole  # PEFT
        self._accepts = set(inspect.signature(whole.forward).parameters)
        self._is_stateful = bool(getattr(whole, "_is_stateful", False))
        self.device: torch.device = getattr(model, "device", None) or next(model.parameters()).device
        self._cache_name: str | None = None
        self._cache: Any = None
        self._attention: torch.Tensor | None = None  # int64[B, columns]; None where nothing is padding
        self._columns = 0  # of the cache
        self._lengths: list[int] = []  # tokens of each row that the model has read
        self._sequences: list[list[int]] | None = None  # kept only for models without a cache

    def prefill(self, sequences: Sequence[Sequence[int]], columns: int = 1) -> torch.Tensor:
        """Forget everything, read ``sequences``; the logits after the last ``columns`` tokens, float32[B, n, V].

        There are fewer columns where no sequence is as long; and what a shorter sequence has in its first columns means
        nothing.
        """
        self._cache, self._cache_name, self._sequences = None, None, None
        self._lengths = [len(s) for s in sequences]
        longest = self._columns = max(self._lengths)
        padding = [longest - n for n in self._lengths]
        ids = torch.tensor([[0] * n + [*s] for n, s in zip(padding, sequences, strict=True)], device=self.device)
        positions = torch.tensor([[0] * n + list(range(longest - n)) for n in padding], device=self.device)
        self._attention = None
        if any(padding):
            if "attention_mask" not in self._accepts:
                raise ModelError(
                    f"{type(self.model).__name__} takes no attention_mask, so prompts of different lengths cannot "
                    "share a batch; pass batch_size=1."
                )
            self._attention = torch.tensor([[0] * n + [1] * (longest - n) for n in padding], device=self.device)
        outputs = self._forward(ids, positions, columns)
        for name in ("past_key_values", "cache_params"):
            cache = getattr(outputs, name, None)
            if cache is not None and name in self._accepts and hasattr(cache, "reorder_cache"):
                self._cache_name, self._cache = name, cache
                break
        else:
            self._sequences = [[*s] for s in sequences]
        return _logits(outputs, min(columns, longest))

    def extend(self, tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, list[int]]:
        """Read more tokens in each row.

        tokens    for each row those that come next, 1 or more
        Returns   the logits after each token that was read, float32[B, n, V], the last one of each row in the last
                  column; and how many of the row's tokens were read, 1 or more
        """
        if self._sequences is not None:
            whole = [[*s, *new] for s, new in zip(self._sequences, tokens, strict=True)]
            return self.prefill(whole, max(map(len, tokens))), [len(new) for new in tokens]
        width = self._width([len(new) for new in tokens])
        tokens = [new[:width] for new in tokens]
        read = [len(new) for new in tokens]
        padding = [width - n for n in read]
        ids = torch.tensor([[0] * n + [*new] for n, new in zip(padding, tokens, strict=True)], device=self.device)
        positions = torch.tensor(
            [[0] * n + list(range(at, at + width - n)) for n, at in zip(padding, self._lengths, strict=True)],
            device=self.device,
        )
        if any(padding) and self._attention is None:
            self._attention = torch.ones((len(tokens), self._columns), dtype=torch.int64, device=self.device)
        if self._attention is not None:
            new_columns = torch.tensor([[0] * n + [1] * (width - n) for n in padding], device=self.device)
            self._attention = torch.cat((self._attention, new_columns), dim=1)
        self._lengths = [n + more for n, more in zip(self._lengths, read, strict=True)]
        self._columns += width
        logits = _logits(self._forward(ids, positions, width), width)
        if self._columns > 2 * max(self._lengths) + _SLACK:
            self._close_holes()
        return logits, read

    def keep(self, rows: list[int]) -> None:
        """Drop all rows but these."""
        if not rows:
            self._cache = self._attention = None
            return
        self._lengths = [self._lengths[i] for i in rows]
        if self._sequences is not None:
            self._sequences = [self._sequences[i] for i in rows]
        index = torch.tensor(rows, device=self.device)
        if self._attention is not None:
            self._attention = self._attention[index]
        if self._cache is not None:
            self._cache.reorder_cache(index)

    # --- several tokens at once -----------------------------------------------------------------------------------

    def _kinds(self) -> set[type]:
        """The kinds of the cache's layers, if they can take several tokens at once; else none."""
        if self._is_stateful or type(self._cache) is not cache_utils.DynamicCache:
            return set()
        kinds = set(map(type, self._cache.layers))
        return kinds if kinds <= {cache_utils.DynamicLayer, cache_utils.DynamicSlidingWindowLayer} else set()

    def _may_have_holes(self) -> bool:
        return self._kinds() == {cache_utils.DynamicLayer} and {"attention_mask", "position_ids"} <= self._accepts

    def _width(self, lengths: list[int]) -> int:
        """How many columns the next pass has, where rows have ``lengths`` to read."""
        if not self._kinds():
            return 1
        if not self._may_have_holes():
            return min(lengths)
        positions = POSITIONS_ON_CPU if self.device.type == "cpu" else POSITIONS
        return min(max(lengths), max(min(lengths), positions // len(lengths)))

    def _close_holes(self) -> None:
        """Move what each row has read to the right end of the cache."""
        if self._attention is None or not self._may_have_holes():
            return
        longest = max(self._lengths)
        order = self._attention.argsort(dim=1, stable=True)[:, -longest:]  # holes first, then the row's own columns
        self._attention = self._attention.gather(1, order)
        self._columns = longest
        for layer in self._cache.layers:
            index = order.to(layer.keys.device)[:, None, :, None]
            layer.keys = layer.keys.gather(2, index.expand(*layer.keys.shape[:2], -1, layer.keys.shape[3]))
            layer.values = layer.values.gather(2, index.expand(*layer.values.shape[:2], -1, layer.values.shape[3]))

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor, columns: int) -> Any:
        options: dict[str, Any] = {"input_ids": ids, "return_dict": True}
        if "use_cache" in self._accepts:
            options["use_cache"] = True
        if "position_ids" in self._accepts:
            options["position_ids"] = positions
        if self._cache_name is not None:
            options[self._cache_name] = self._cache
        if self._attention is not None and self._cache_name != "cache_params":
            options["attention_mask"] = self._attention  # a recurrent state has read its padding, masked, already
        if "logits_to_keep" in self._accepts:
            options["logits_to_keep"] = columns
        return self.model(**options)


def _logits(outputs: Any, columns: int) -> torch.Tensor:
    logits: torch.Tensor = outputs.logits[:, -columns:]
    if logits.shape[1] < columns:
        raise ModelError(
            f"the model was asked for the logits of {columns} positions and gives {logits.shape[1]}; "
            "pass fast_forward=False to write forced text token by token."
        )
    return logits.float()
