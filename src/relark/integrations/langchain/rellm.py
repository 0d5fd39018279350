"""``RELLM``: the class of that name in ``langchain_experimental``, as it was meant.

What it is: `RelarkLLM` with the fields of the original and what pages about it show: a required ``regex``, 200 new
tokens, ``predict``, the object itself as a function, and stop strings that cut. When to use it: for code written for
the original; new code: `RelarkLLM`.

    llm = RELLM(pipeline=pipeline, regex=regex.compile(r'\\{"answer": "[^"]*"\\}\\nHuman:'), max_new_tokens=200)
    llm.predict(prompt, stop=["Human:"])

What is the same: the text without its end, where it contains a stop string: ``stop=["Human:"]`` takes off what the
pattern itself ends with.

What differs:

- the text is constrained. The original has overridden a method that nothing calls since 2023
- patterns may be strings and patterns of ``re``, too; a text does not end at its first match
- stop strings are strings, not patterns
- texts are never broken off; where no match fits into ``max_new_tokens``, `BudgetError` says what it takes
- `RelarkLLM`'s other fields and options, batches, streams, async forms and caching
- ``model_kwargs`` and ``pipeline_kwargs`` are refused: the original, given a pipeline, did not use them

Cost: that of `relark.generate`; a stream goes on unseen behind a stop string until the text is complete.

What it cannot do: promise that what is left of a text that was cut satisfies the pattern; `RelarkLLM` promises that.
"""

from __future__ import annotations

import builtins
from typing import Any

from langchain_core.callbacks import Callbacks
from pydantic import Field

from relark.errors import ArgumentError
from relark.integrations.langchain.engine import Job, Options
from relark.integrations.langchain.llm import RelarkLLM

__all__ = ["RELLM"]


class RELLM(RelarkLLM):
    """A language model whose texts match a pattern.

    pipeline         a text-generation pipeline (or LangChain's ``HuggingFacePipeline``); None: ``model``, ``model_id``,
                     or the embedded model
    regex            the pattern that the text fullmatches, before it is cut at a stop string
    max_new_tokens   tokens to write at most
    model_id         what the model is called; loaded where no pipeline and no model is given
    others           as for `RelarkLLM`

    >>> from relark.integrations.langchain import RELLM
    >>> RELLM(regex=r"[0-9]{4}").max_new_tokens
    200
    """

    regex: Any = Field(exclude=True)
    max_new_tokens: int | None = 200
    model_id: str | None = None
    model_kwargs: builtins.dict[str, Any] | None = None
    pipeline_kwargs: builtins.dict[str, Any] | None = None

    def model_post_init(self, context: Any, /) -> None:
        """Check the fields; errors are those of `RelarkLLM`."""
        if self.regex is None:
            raise ArgumentError("regex=None: RELLM needs a pattern; RelarkLLM writes free text, too.")
        for name in ("model_kwargs", "pipeline_kwargs"):
            if getattr(self, name):
                raise ArgumentError(
                    f"{name}={getattr(self, name)!r:.80}: not used by RELLM. Give them to transformers.pipeline, and "
                    "max_new_tokens, temperature, top_p, top_k and seed to RELLM."
                )
        if self.pipeline is None and self.model is None:
            self.model = self.model_id
        super().model_post_init(context)
        if self.model_id is None:
            self.model_id = self.engine.model_name

    def __call__(
        self,
        prompt: str,
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        *,
        tags: list[str] | None = None,
        metadata: builtins.dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> str:
        """The text that continues ``prompt``, as with ``invoke``; gone from LangChain since its version 1."""
        return self.generate([prompt], stop, callbacks, tags=tags, metadata=metadata, **kwargs).generations[0][0].text

    def predict(self, text: str, *, stop: list[str] | None = None, **kwargs: Any) -> str:
        """The text that continues ``text``, as with ``invoke``; gone from LangChain since its version 1."""
        return self(text, stop, **kwargs)

    async def apredict(self, text: str, *, stop: list[str] | None = None, **kwargs: Any) -> str:
        """As `predict`."""
        result = await self.agenerate([text], stop, **kwargs)
        return result.generations[0][0].text

    @property
    def _llm_type(self) -> str:
        return "rellm"

    def _job(self, prompt: str, options: Options) -> Job:
        return Job(prompt, options.constraint, options.stop, cut=True)
