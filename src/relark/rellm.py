"""ReLLM's own function, as a drop-in: ``from relark.rellm import complete_re``.

The same name, parameters and defaults as in rellm 0.0.5, for code written for it. New code: ``relark.generate``.

What is the same: one prompt; one pattern, or a list of which any may match; with ``stop_after_match`` the text
ends at its first full match (after one token at least), otherwise it goes on as long as the pattern and
``max_new_tokens`` allow; ``debug`` prints every step.

What differs:

- the text always fullmatches one of the patterns. rellm returned what it had when ``max_new_tokens`` ran out or no
  token was left. Where no match fits, `BudgetError` says how many tokens the shortest takes (mind the default of 3)
- ``stop_after_match=False`` ends earlier than ``max_new_tokens`` where nothing can follow; rellm went on with
  whatever token
- patterns may be strings and ``re`` patterns as well as ``regex`` ones
- the prompt is tokenized once, not the whole text at every step; tokens that hold part of a character work
  (``é{2}``); any device; a KV cache
- ``model_kwargs`` are those of sampling (do_sample, temperature, top_k, top_p, seed), with the model's generation
  config for defaults as in ``generate``. Others raise ArgumentError: use ``relark.LogitsProcessor`` with the
  model's own ``generate``
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any

from relark.constraint import Constraint, regex
from relark.decoding.generate import Generator, check_max_new_tokens
from relark.decoding.sampling import Sampling
from relark.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relark.decoding.generate import Pattern

__all__ = ["complete_re", "sampling_options"]

_IGNORED = {"pad_token_id", "use_cache"}  # settings of generate that mean nothing here
_TRIVIAL = {"num_beams": 1, "num_return_sequences": 1}


def complete_re(
    prompt: str,
    pattern: Pattern | Sequence[Pattern],
    tokenizer: Any = None,
    model: Any = None,
    max_new_tokens: int = 3,
    stop_after_match: bool = True,
    debug: bool = False,
    **model_kwargs: Any,
) -> str:
    """A continuation of ``prompt`` that ``pattern``, or one of a list of patterns, fullmatches.

    tokenizer, model    as for `relark.generate`; both None: the embedded model

    Raises ArgumentError, PatternError, BudgetError, UnsatisfiableError, ModelError.
    """
    if not isinstance(prompt, str):
        raise ArgumentError(f"prompt: expected a string, got {type(prompt).__name__}.")
    patterns: list[Any] = list(pattern) if isinstance(pattern, (list, tuple)) else [pattern]
    if not patterns:
        raise ArgumentError("pattern: the list is empty; give one pattern or more.")
    check_max_new_tokens(max_new_tokens)
    constraint: Constraint = functools.reduce(operator.or_, [regex(one) for one in patterns])
    generator = Generator(model, tokenizer)
    sampling = sampling_options(generator.model, model_kwargs)
    steps = iter(range(max_new_tokens + 1))

    def show(place: int, data: bytes) -> None:
        print(f"step={next(steps)} completion={data.decode(errors='replace')}")

    [result] = generator.decode(
        [prompt],
        [constraint],
        max_new_tokens,
        sampling,
        progress=False,
        ending="first" if stop_after_match else "longest",
        on_token=show if debug else None,
    )
    return result.text


def sampling_options(model: Any, given: dict[str, Any]) -> Sampling:
    """How tokens are chosen, from what rellm and parserllm call ``model_kwargs``.  Raises `ArgumentError`."""
    left = {name: value for name, value in given.items() if name not in _IGNORED and _TRIVIAL.get(name) != value}
    config = getattr(model, "generation_config", None)

    def option(name: str, default: Any) -> Any:
        configured = getattr(config, name, None)
        return left.pop(name, default if configured is None else configured)

    sample = option("do_sample", False)
    temperature, top_k, top_p = option("temperature", 1.0), option("top_k", 50), option("top_p", None)
    seed = left.pop("seed", None)
    if left:
        raise ArgumentError(
            f"{', '.join(sorted(left))}: not an option of relark's own loop, which takes do_sample, temperature, "
            "top_k, top_p and seed; for others use relark.LogitsProcessor with model.generate."
        )
    return Sampling(temperature, top_p, top_k or None, seed) if sample else Sampling(temperature=0, seed=seed)
