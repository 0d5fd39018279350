"""``RelarkLLM``: a language model of LangChain, texts to texts, whose texts satisfy constraints.

What it is: a ``BaseLLM`` over a local model that relark decodes with. When to use it: in chains of prompts and parsers,
and with the text formats of classic agents (`agent_constraint`); for messages and tools there is `ChatRelark`.

    llm = RelarkLLM(model="folder or hub id", regex=r"\\d{4}")
    llm.invoke("The year of the moon landing: ")
    llm.bind(schema=Person).invoke("Someone famous, as JSON: ")

The prompt is not repeated. ``batch`` and ``generate`` take several prompts through each forward pass; ``stream`` gives
each token as soon as it is final; the async forms run in threads and end soon when they are cancelled. A generation's
``generation_info`` has ``finish_reason`` ("stop" or "length"; a constrained text is complete either way) and
``usage_metadata``; in streams the last chunk has them. LangChain's caches see the constraint, a bound one too.

Cost: that of `relark.generate`. Threads may share an object.

What it cannot do: beams; stream several prompts at once. Where a cache is set, drawn texts come from it as well, as
with all models of LangChain: pass ``cache=False`` for a new one each time.
"""

from __future__ import annotations

import builtins
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun, Callbacks
from langchain_core.language_models import BaseLLM
from langchain_core.language_models.base import LangSmithParams
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from pydantic import ConfigDict, Field

from relark.decoding.generate import Result
from relark.errors import ArgumentError
from relark.integrations.langchain.engine import Job, Options, Piece
from relark.integrations.langchain.settings import Settings

__all__ = ["RelarkLLM"]


class RelarkLLM(Settings, BaseLLM):
    """A language model whose texts satisfy a constraint; for the fields see `Settings`, and

    n   texts for each prompt in ``generate``; more than one are drawn, so they need a ``temperature``. ``invoke`` and
        ``batch`` give the first

    Errors are those of `relark.generate`; a wrong field is reported in pydantic's ``ValidationError``.

    >>> from relark.integrations.langchain import RelarkLLM
    >>> llm = RelarkLLM(choices=["red", "blue"])  # the embedded model, loaded when it is first needed
    >>> llm.bind(regex="[a-z]+", max_new_tokens=5).kwargs
    {'regex': '[a-z]+', 'max_new_tokens': 5}
    """

    model_config = ConfigDict(extra="forbid")

    n: int = Field(default=1, ge=1)

    # --- what LangChain calls -----------------------------------------------------------------------------------------

    def generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        *,
        tags: list[str] | list[list[str]] | None = None,
        metadata: builtins.dict[str, Any] | list[builtins.dict[str, Any]] | None = None,
        run_name: str | list[str] | None = None,
        run_id: uuid.UUID | list[uuid.UUID | None] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """As LangChain's ``generate``, which shows ``kwargs`` to no cache; so here they become fields first."""
        return super(RelarkLLM, self.replaced(kwargs)).generate(
            prompts, stop, callbacks, tags=tags, metadata=metadata, run_name=run_name, run_id=run_id
        )

    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        *,
        tags: list[str] | list[list[str]] | None = None,
        metadata: builtins.dict[str, Any] | list[builtins.dict[str, Any]] | None = None,
        run_name: str | list[str] | None = None,
        run_id: uuid.UUID | list[uuid.UUID | None] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """As LangChain's ``agenerate``; see `generate`."""
        return await super(RelarkLLM, self.replaced(kwargs)).agenerate(
            prompts, stop, callbacks, tags=tags, metadata=metadata, run_name=run_name, run_id=run_id
        )

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        options = self._checked(stop, kwargs)
        if self._tells_tokens(prompts) and run_manager is not None:
            chunks = list(self._stream(prompts[0], stop, run_manager, **kwargs))
            return self._joined(chunks)
        return self._result(self.engine.run(self._jobs(prompts, options), options))

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        options = self._checked(stop, kwargs)
        if self._tells_tokens(prompts) and run_manager is not None:
            chunks = [chunk async for chunk in self._astream(prompts[0], stop, run_manager, **kwargs)]
            return self._joined(chunks)
        return self._result(await self.engine.arun(self._jobs(prompts, options), options))

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        options = self.resolved(stop, kwargs)
        with closing(self.engine.pieces(self._job(prompt, options), options)) as pieces:
            for piece in pieces:
                chunk = _chunk(piece)
                if run_manager is not None:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        options = self.resolved(stop, kwargs)
        async with aclosing(self.engine.apieces(self._job(prompt, options), options)) as pieces:
            async for piece in pieces:
                chunk = _chunk(piece)
                if run_manager is not None:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    # --- what it asks of the engine -----------------------------------------------------------------------------------

    def _job(self, prompt: str, options: Options) -> Job:
        return Job(prompt, options.constraint, options.stop)

    def _jobs(self, prompts: Sequence[str], options: Options) -> list[Job]:
        return [self._job(prompt, options) for prompt in prompts for _ in range(self.n)]

    def _checked(self, stop: list[str] | None, kwargs: Mapping[str, Any]) -> Options:
        options = self.resolved(stop, kwargs)
        if self.n > 1 and options.sampling.greedy:
            raise ArgumentError(
                f"n={self.n} greedy texts would be the same text {self.n} times; pass temperature=1.0, or n=1."
            )
        return options

    def _tells_tokens(self, prompts: Sequence[str]) -> bool:
        return self.streaming and len(prompts) == 1 and self.n == 1

    def _result(self, results: Sequence[Result]) -> LLMResult:
        made = [Generation(text=result.text, generation_info=_info(result)) for result in results]
        read = sum(result.prompt_tokens for result in results[:: self.n])
        written = sum(len(result.token_ids) for result in results)
        return LLMResult(
            generations=[made[first : first + self.n] for first in range(0, len(made), self.n)],
            llm_output=self._output(read, written),
        )

    def _joined(self, chunks: Sequence[GenerationChunk]) -> LLMResult:
        info = chunks[-1].generation_info or {}
        usage = info["usage_metadata"]
        text = "".join(chunk.text for chunk in chunks)
        return LLMResult(
            generations=[[Generation(text=text, generation_info=info)]],
            llm_output=self._output(usage["input_tokens"], usage["output_tokens"]),
        )

    def _output(self, read: int, written: int) -> builtins.dict[str, Any]:
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        return {"model_name": self.engine.model_name, "token_usage": usage}

    # --- what it says of itself ---------------------------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "relark"

    @property
    def _identifying_params(self) -> builtins.dict[str, Any]:
        options = self.resolved(None, {})
        return {
            "model_name": self.engine.model_name,
            "max_new_tokens": options.max_new_tokens,
            "temperature": options.sampling.temperature,
            "n": self.n,
            "settings": self.fingerprint(options),
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "relark"
        params["ls_model_name"] = self.engine.model_name
        if self.max_new_tokens is not None:
            params["ls_max_tokens"] = self.max_new_tokens
        return params

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of ``text``, by the model's own tokenizer, unless ``custom_get_token_ids`` says otherwise."""
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        return list(self.engine.tokenizer(text, add_special_tokens=False)["input_ids"])


def _info(result: Result) -> dict[str, Any]:
    written = len(result.token_ids)
    return {
        "finish_reason": "length" if result.finish_reason == "length" else "stop",
        "usage_metadata": {
            "input_tokens": result.prompt_tokens,
            "output_tokens": written,
            "total_tokens": result.prompt_tokens + written,
        },
    }


def _chunk(piece: Piece) -> GenerationChunk:
    return GenerationChunk(text=piece.text, generation_info=None if piece.result is None else _info(piece.result))
