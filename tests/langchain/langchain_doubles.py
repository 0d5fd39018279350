"""Stand-ins for the LangChain tests: a chat model that says what a function tells it, in whatever order it is asked."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch

import relark
from decoding.decoding_doubles import CORPUS, train


class TalkingModel:
    """A model that wants to go on after a prompt with ``reply(prompt)``, then EOS, and with nothing else.

    The reply's next token has the best logit, EOS the second; where the text has left the reply (a constraint did not
    allow it), the next token of what is left of it from its longest common beginning on, and EOS.  What belongs to the
    prompt ends with the last ``marker`` (a chat template's generation prompt).  It keeps no cache and knows of each row
    only its tokens, so rows may come, go and share batches as they like.
    """

    def __init__(self, tokenizer: Any, reply: Callable[[str], str], marker: str = "<assistant>") -> None:
        self.tokenizer, self.reply, self.marker = tokenizer, reply, marker
        self.size = len(tokenizer)
        self.vocabulary = relark.Vocabulary.from_tokenizer(tokenizer)
        self.config = SimpleNamespace(vocab_size=self.size, is_encoder_decoder=False, max_position_embeddings=8192)
        self.generation_config = SimpleNamespace(eos_token_id=tokenizer.eos_token_id)
        self.device = torch.device("cpu")
        self.batches: list[int] = []  # the rows of each forward pass

    def generate(self) -> None:
        """There, so that this counts as a model for generation."""

    def forward(self, input_ids: torch.Tensor, position_ids: torch.Tensor, attention_mask: Any = None) -> Any:
        rows, columns = input_ids.shape
        self.batches.append(rows)
        logits = torch.zeros((rows, columns, self.size))
        for row in range(rows):
            ids = input_ids[row] if attention_mask is None else input_ids[row][attention_mask[row].bool()]
            for token, score in zip(self._next(ids.tolist()), (20.0, 10.0), strict=False):
                logits[row, -1, token] = score
        return SimpleNamespace(logits=logits)

    def _next(self, ids: list[int]) -> list[int]:
        prompt, _, written = self.vocabulary.decode(ids).rpartition(self.marker.encode())
        reply = self.reply(prompt.decode()).encode()
        common = next((i for i, (a, b) in enumerate(zip(reply, written, strict=False)) if a != b), len(written))
        rest = reply[common:]
        fitting = [i for i, text in enumerate(self.vocabulary.token_bytes) if text and rest.startswith(text)]
        best = max(fitting, key=lambda i: len(self.vocabulary.token_bytes[i] or b""), default=None)
        return [*([] if best is None else [best]), self.tokenizer.eos_token_id]

    def __call__(self, *, return_dict: bool = True, **inputs: Any) -> Any:
        return self.forward(**inputs)


def talker(reply: Callable[[str], str], corpus: list[str] = CORPUS, **options: Any) -> tuple[TalkingModel, Any]:
    """A `TalkingModel` with a small byte-level tokenizer of its own, whose template marks turns ``<role>``."""
    tokenizer = train(corpus=corpus)
    return TalkingModel(tokenizer, reply, **options), tokenizer
