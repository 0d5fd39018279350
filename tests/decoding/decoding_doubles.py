"""Stand-ins: tiny models and a tokenizer, a model that follows a script, a constraint that is slow and obvious."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import relark
from reference import completes, least_tokens, rellm_mask
from relark.errors import TokenNotAllowed

CORPUS = [
    "The capital of France is Paris. The capital of Italy is Rome.",
    '{"name": "Alice", "age": 30, "tags": ["a", "b"]}, {"name": "Bob", "age": 41, "tags": []}',
    "12 345 6789 3.14 2026-01-31 yes no maybe red green blue the then there",
    "naïve café 日本 😀 ½ €",
] * 4

TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)

SPECIAL = ["<pad>", "<bos>", "<eos>", "<eot>"]  # ids 0, 1, 2, 3
WIDTH = 416  # of the logits: wider than the tokenizer


def train(vocab_size: int = 400, corpus: list[str] = CORPUS) -> Any:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(corpus, trainer)
    made: Any = PreTrainedTokenizerFast
    return made(
        tokenizer_object=backend,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def llama(seed: int = 0, **options: Any) -> Any:
    """A random Llama of 60,000 parameters whose logits are far from uniform, with two EOS ids."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        **{
            "vocab_size": WIDTH,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 256,
            "initializer_range": 0.4,
            "bos_token_id": 1,
            "eos_token_id": [2, 3],
            "pad_token_id": 0,
            **options,
        }
    )
    model: Any = LlamaForCausalLM(config)
    return model.eval()


class ScriptedModel:
    """Gives the next token of ``script`` the best logit, later ones of the script falling scores, and all others
    the same low one.

    Where a row stands in the script is told by the number of tokens that it has read beyond ``prompt_length``.
    Counts its forward passes and the rows in each.
    """

    def __init__(self, script: Sequence[int], size: int, prompt_length: int, eos_token_id: Any = None) -> None:
        self.script, self.size, self.prompt_length = list(script), size, prompt_length
        self.config = SimpleNamespace(vocab_size=size, is_encoder_decoder=False, max_position_embeddings=4096)
        self.generation_config = SimpleNamespace(eos_token_id=eos_token_id)
        self.device = torch.device("cpu")
        self.passes: list[tuple[int, int]] = []  # rows, columns

    def generate(self) -> None:
        """There, so that this counts as a model for generation."""

    def logits(self, position: int) -> torch.Tensor:
        scores = torch.full((self.size,), -10.0)
        for rank, token in enumerate(self.script[position:]):
            scores[token] = max(float(scores[token]), 10.0 - 0.1 * rank)
        return scores

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        past_key_values: Any = None,
        attention_mask: Any = None,
    ) -> Any:
        self.passes.append((input_ids.shape[0], input_ids.shape[1]))
        at = (position_ids + 1 - self.prompt_length).clamp(min=0).tolist()
        logits = torch.stack([torch.stack([self.logits(n) for n in row]) for row in at])
        return SimpleNamespace(logits=logits, past_key_values=past_key_values or _NoCache())

    def __call__(self, *, return_dict: bool = True, **inputs: Any) -> Any:
        return self.forward(**inputs)


class _NoCache:
    def reorder_cache(self, rows: torch.Tensor) -> None:
        """Nothing is kept."""


@dataclass(eq=False)
class SlowConstraint:
    """ReLLM's rule over a small vocabulary, with budgets by trying everything: the reference for the loop."""

    pattern: Any  # a regex.Pattern
    budgets: bool = True  # False: masks know nothing of budgets

    def matcher(self, vocabulary: relark.Vocabulary) -> SlowMatcher:
        return SlowMatcher(self, vocabulary)

    def fullmatch(self, text: str) -> bool:
        return self.pattern.fullmatch(text) is not None


@dataclass(eq=False)
class SlowMatcher:
    constraint: SlowConstraint
    vocabulary: relark.Vocabulary
    tokens: list[int] = field(default_factory=list)

    @property
    def text(self) -> bytes:
        return self.vocabulary.decode(self.tokens)

    @property
    def is_accepting(self) -> bool:
        return completes(self.constraint.pattern, self.text)

    @property
    def is_finished(self) -> bool:
        return self.is_accepting and not self._allowed(None)

    def _allowed(self, tokens_left: int | None) -> set[int]:
        pattern, known = self.constraint.pattern, self.vocabulary.token_bytes
        allowed = rellm_mask(pattern, self.text, known)
        if tokens_left is None or not self.constraint.budgets:
            return allowed
        return {
            t
            for t in allowed
            if least_tokens(pattern, self.text + (known[t] or b""), known, tokens_left - 1) is not None
        }

    def fill(self, row: Any, tokens_left: int | None = None) -> None:
        row[:] = 0
        words = row.view(np.uint32)
        for token in (*self._allowed(tokens_left), *(self.vocabulary.eos_ids if self.is_accepting else ())):
            words[token >> 5] |= np.uint32(1 << (token & 31))

    def advance(self, token: int) -> None:
        if token not in self._allowed(None):
            raise TokenNotAllowed(f"token {token}", token)
        self.tokens.append(token)

    def rollback(self, n: int = 1) -> None:
        del self.tokens[len(self.tokens) - n :]

    def fork(self) -> SlowMatcher:
        return SlowMatcher(self.constraint, self.vocabulary, list(self.tokens))

    def min_tokens(self, enough: int = 0) -> int:
        found = least_tokens(self.constraint.pattern, self.text, self.vocabulary.token_bytes, max(enough, 4))
        return 99 if found is None else found
