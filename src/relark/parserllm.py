"""ParserLLM's own function, as a drop-in: ``from relark.parserllm import complete_cf``.

The same name, parameters and defaults as in parserllm 0.0.2, for code written for it. New code:
``relark.generate(prompt, grammar=...)``.

What is the same: a prompt, a `lark.Lark` object, and a completion begun already, which is part of what is returned; the
text ends where it first parses (at once, where the given part does); ``debug`` prints every step.

What differs:

- the text always parses. parserllm returned what it had when ``max_new_tokens`` ran out. Where nothing that parses
  fits, `BudgetError` says how many tokens the shortest takes
- ``max_new_tokens`` bounded the terminals, and the tokens of each: n terminals of n tokens. Here the whole continuation
  has ``max_new_tokens ** 2`` tokens, as many as that could come to
- a terminal ends where the grammar's own matcher ends it, not at the first text that its regex matches; what the
  grammar ignores, such as blanks, may be written too
- the parser may be of any kind that `relark.grammar` takes, Earley included, and need not be a Lark object yet
- the prompt is tokenized once, not the whole text at every step; any device; a KV cache
- ``model_kwargs``, ``tokenizer`` and ``model`` are those of `relark.rellm.complete_re`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relark.constraint import Constraint, grammar
from relark.decoding.generate import Generator, check_max_new_tokens
from relark.errors import ArgumentError
from relark.language import EMPTY, derive
from relark.rellm import sampling_options

if TYPE_CHECKING:
    from relark.decoding.generate import LarkGrammar

__all__ = ["complete_cf"]


def complete_cf(
    prompt: str,
    parser: LarkGrammar,
    partial_completion: str,
    tokenizer: Any = None,
    model: Any = None,
    max_new_tokens: int = 3,
    debug: bool = False,
    **model_kwargs: Any,
) -> str:
    """``partial_completion`` and a continuation of it that together ``parser`` parses.

    parser              a `lark.Lark` object, or what else `relark.grammar` takes
    tokenizer, model    as for `relark.generate`; both None: the embedded model

    Raises ArgumentError, also where no text that parses begins with ``partial_completion``; GrammarError,
    UnsupportedError, UnsatisfiableError, BudgetError, ModelError.
    """
    for name, value in (("prompt", prompt), ("partial_completion", partial_completion)):
        if not isinstance(value, str):
            raise ArgumentError(f"{name}: expected a string, got {type(value).__name__}.")
    check_max_new_tokens(max_new_tokens)
    whole = grammar(parser)
    term = whole.term
    for byte in partial_completion.encode():
        term = derive(term, byte)
    if term is EMPTY:
        raise ArgumentError(f"partial_completion={partial_completion!r:.80}: no text that {whole} parses begins so.")
    if term.nullable:
        return partial_completion
    generator = Generator(model, tokenizer)
    written = partial_completion.encode()
    steps = iter(range(max_new_tokens**2 + 1))

    def show(place: int, data: bytes) -> None:
        print(f"step={next(steps)} completion={(written + data).decode(errors='replace')}")

    [result] = generator.decode(
        [prompt + partial_completion],
        [Constraint(term, f"{whole} after {partial_completion!r:.80}", whole.sources)],
        max_new_tokens**2,
        sampling_options(generator.model, model_kwargs),
        progress=False,
        ending="first",
        on_token=show if debug else None,
    )
    return partial_completion + result.text
