"""``ChatRelark``: a chat model of LangChain whose replies satisfy constraints.

What it is: a ``BaseChatModel`` over a local model that relark decodes with. When to use it: wherever LangChain or
LangGraph take a chat model: chains, ``create_agent``, ``ToolNode`` loops, ``with_structured_output``. For prompts that
are plain text there is `RelarkLLM`.

Messages go through the tokenizer's chat template, and so do tools where it knows them; `tool_syntax` finds out how a
model writes its calls. Tool calls cannot be malformed: names are those of bound tools, arguments satisfy their schemas.
A template that refuses two messages of one role in a row gets them joined.

Cost: beside `relark.generate` a rendering of the messages; ``batch`` takes a thread for each text of a forward pass.

What it cannot do: images, audio and files; several replies to one prompt; tell a model of a schema that its prompt
does not speak of (bind a tool, or say it in a message).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig, RunnableMap, RunnablePassthrough
from langchain_core.runnables.config import get_config_list
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, PrivateAttr

from relark.constraint import Constraint
from relark.constraint import schema as schema_constraint
from relark.errors import ArgumentError, RelarkError
from relark.integrations.langchain.engine import Job, Options
from relark.integrations.langchain.gathering import agathered, gathered, seat_of
from relark.integrations.langchain.messages import in_turns, to_chat
from relark.integrations.langchain.settings import CONSTRAINTS, Settings
from relark.integrations.langchain.structured import StructuredParser, Wanted, wanted
from relark.integrations.langchain.tool_stream import ArgsDelta, CallReader, CallStart, Event
from relark.integrations.langchain.tool_syntax import ToolSyntax, tool_syntax
from relark.integrations.langchain.tools import BoundTool, ToolSet, closed_schema

if TYPE_CHECKING:
    from relark.decoding.generate import Result

__all__ = ["ChatRelark"]

T = TypeVar("T")

Method = Literal["function_calling", "json_schema", "json_mode"]

# What LangChain itself hands on beside the options of a call.
_LANGCHAINS_OWN = ("ls_structured_output_format", "structured_output_format", "stream")
_TOOLING = ("tools", "tool_choice", "parallel_tool_calls", "strict", "response_format")


class _Described(dict[str, Any]):
    """A dict that callbacks can show, and what was made of it when it was bound."""

    def __init__(self, shown: Mapping[str, Any], meaning: BoundTool | Constraint) -> None:
        super().__init__(shown)
        self.meaning = meaning


@dataclass(frozen=True)
class _Request:
    """One reply to be written; ``reader``: makes a reader of it."""

    job: Job
    options: Options
    reader: Callable[[], CallReader]


class ChatRelark(Settings, BaseChatModel):
    """A chat model whose replies satisfy a constraint, and whose tool calls are well-formed.

    model, tokenizer   as for `relark.generate`: a transformers model with its tokenizer, a pipeline, a folder or hub
                       id; None: the embedded model
    regex, schema, grammar, choices, constraint
                       at most one of them; what replies must satisfy. One that is given to a call, or through ``bind``,
                       takes the place of this one. With tools: what is replied instead of calls
    max_new_tokens (or max_tokens), temperature, top_p, top_k, seed
                       as for `relark.generate`; greedy by default
    stop               texts that end a reply and are not part of it; constrained text is never cut, but has none in it
    streaming          whether ``invoke`` writes through the stream, so that callbacks see each token

    Raises ArgumentError for options that it does not know, and what `relark.generate` raises.

    >>> from relark.integrations.langchain import ChatRelark
    >>> chat = ChatRelark(choices=["yes", "no"])
    >>> chat.invoke("Is the sky green?").text in ("yes", "no")
    True
    >>> chat.bind(regex=r"[0-9]{4}").invoke("When did the second world war end?").text.isdigit()
    True
    """

    model_config = ConfigDict(extra="forbid")  # LangChain's own class would ignore a misspelt field

    _syntax: ToolSyntax | None = PrivateAttr(default=None)

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "relark-chat"

    @property
    def model_name(self) -> str:
        """What the model is called."""
        return self.engine.model_name

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "settings": self.fingerprint(self.resolved(None, {}))}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        tools, answer, rest = _tooling(kwargs)
        parts = {
            "type": self._llm_type,
            "settings": self.fingerprint(self.resolved(stop, rest)),
            "tools": None if tools is None else tools.fingerprint,
            "answer": None if answer is None else answer.fingerprint,
        }
        return json.dumps(parts, sort_keys=True)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "relark"
        params.setdefault("ls_model_name", self.model_name)
        most = kwargs.get("max_tokens", kwargs.get("max_new_tokens", self.max_new_tokens))
        if isinstance(most, int):
            params["ls_max_tokens"] = most
        if not stop and self.stop:
            params["ls_stop"] = self.stop
        return params

    def _resolve_model_profile(self) -> ModelProfile:
        profile = ModelProfile(
            name=self.model_name,
            open_weights=True,
            text_inputs=True,
            image_inputs=False,
            audio_inputs=False,
            video_inputs=False,
            text_outputs=True,
            tool_calling=True,
            tool_choice=True,
            tool_call_streaming=True,
            structured_output=True,
            attachment=False,
            temperature=True,
        )
        if isinstance(self.max_new_tokens, int):
            profile["max_output_tokens"] = self.max_new_tokens
        context = getattr(getattr(self.model, "config", None), "max_position_embeddings", None)
        if isinstance(context, int):
            profile["max_input_tokens"] = context
        return profile

    # --- tokens ------------------------------------------------------------------------------------------------------

    def get_token_ids(self, text: str) -> list[int]:
        """The tokens of ``text`` by the model's own tokenizer."""
        return list(self.engine.tokenizer(text, add_special_tokens=False)["input_ids"])

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
    ) -> int:
        """How many tokens the prompt for ``messages`` (and ``tools``) has, all marks of the template included."""
        return len(self._prompt(to_chat(messages), None if tools is None else ToolSet.of(tools), think=True))

    # --- one request -------------------------------------------------------------------------------------------------

    @property
    def tool_syntax(self) -> ToolSyntax:
        """How this model writes calls of tools; loads the model."""
        if self._syntax is None:
            self._syntax = tool_syntax(self.engine.tokenizer, self.engine.eos_ids)
        return self._syntax

    def _prompt(self, chat: list[dict[str, Any]], tools: ToolSet | None, *, think: bool) -> tuple[int, ...]:
        tokenizer = self.engine.tokenizer
        try:
            return self.tool_syntax.prompt(tokenizer, chat, tools, think=think)
        except ArgumentError:
            joined = in_turns(chat)
            if len(joined) == len(chat):
                raise
            return self.tool_syntax.prompt(tokenizer, joined, tools, think=think)

    def _prepare(
        self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, kwargs: Mapping[str, Any]
    ) -> _Request:
        """What a call asks for: the same for whole replies, streams and batches."""
        tools, answer, rest = _tooling(kwargs)
        options = self.resolved(stop, rest)
        answer = options.constraint if answer is None else answer
        syntax = self.tool_syntax
        can_call = tools is not None and bool(tools.callable)
        job = Job(
            self._prompt(to_chat(messages), tools, think=answer is None),
            syntax.constraint(tools, answer),
            options.stop,
            syntax.text_tokens if can_call or syntax.answer else (),
        )
        return _Request(job, replace(options, constraint=None), partial(syntax.reader, tools, answer is not None))

    def _run_all(self, requests: Sequence[_Request], interrupted: threading.Event) -> list[Result | Exception]:
        """Their results; where one of them cannot be written, it alone has an exception for a result."""
        found: dict[int, Result | Exception] = {}
        for options, places in _by_options(requests):
            jobs = [requests[place].job for place in places]
            try:
                found.update(zip(places, self.engine.run(jobs, options, interrupted), strict=True))
            except RelarkError as error:
                if len(places) == 1:
                    found[places[0]] = error
                else:
                    found.update((place, self._run_all([requests[place]], interrupted)[0]) for place in places)
        return [found[place] for place in range(len(requests))]

    async def _arun_all(self, requests: Sequence[_Request]) -> list[Result | Exception]:
        found: dict[int, Result | Exception] = {}
        for options, places in _by_options(requests):
            jobs = [requests[place].job for place in places]
            try:
                found.update(zip(places, await self.engine.arun(jobs, options), strict=True))
            except RelarkError as error:
                if len(places) == 1:
                    found[places[0]] = error
                else:
                    for place in places:
                        [found[place]] = await self._arun_all([requests[place]])
        return [found[place] for place in range(len(requests))]

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        request = self._prepare(messages, stop, kwargs)
        seat = seat_of(self)
        if seat is None:
            [result] = self.engine.run([request.job], request.options)
        else:
            result = seat.take(request).result()
        return self._reply(request, result)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        request = await asyncio.to_thread(self._prepare, messages, stop, kwargs)
        seat = seat_of(self)
        if seat is None:
            [result] = await self.engine.arun([request.job], request.options)
        else:
            result = await seat.take(request)
        return self._reply(request, result)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        writing = _Writing(self._prepare(messages, stop, kwargs), self.model_name)
        with closing(self.engine.pieces(writing.request.job, writing.request.options)) as pieces:
            for piece in pieces:
                for chunk in writing.chunks(piece.text, piece.result):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        writing = _Writing(await asyncio.to_thread(self._prepare, messages, stop, kwargs), self.model_name)
        async with aclosing(self.engine.apieces(writing.request.job, writing.request.options)) as pieces:
            async for piece in pieces:
                for chunk in writing.chunks(piece.text, piece.result):
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk

    def _reply(self, request: _Request, result: Result) -> ChatResult:
        reader = request.reader()
        text, calls, arguments = "", [], []
        for event in [*reader.feed(result.text), *reader.close()]:
            match event:
                case CallStart():
                    calls.append(event)
                    arguments.append("")
                case ArgsDelta():
                    arguments[event.index] += event.text
                case _:
                    text += event.text
        message = AIMessage(
            content=text,
            tool_calls=[
                tool_call(name=call.name, args=json.loads(written), id=call.id)
                for call, written in zip(calls, arguments, strict=True)
            ],
            response_metadata=_metadata(result, bool(calls), self.model_name),
            usage_metadata=_usage(result),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    # --- batches -----------------------------------------------------------------------------------------------------

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Replies to all ``inputs``; up to ``batch_size`` of them (or ``max_concurrency``) share each forward pass.

        Each has its own callbacks, configuration and place in the cache, as with ``invoke``. With
        ``return_exceptions=True`` exceptions stand in the place of replies.
        """

        def invoke(input: LanguageModelInput, config: RunnableConfig) -> Any:
            try:
                return self.invoke(input, config, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return error
                raise

        configs = get_config_list(config, len(inputs))
        calls = [partial(invoke, input, own) for input, own in zip(inputs, configs, strict=True)]
        return self._gathered(calls, configs[0].get("max_concurrency") if configs else None)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """As ``batch``, without blocking the event loop."""

        async def invoke(input: LanguageModelInput, config: RunnableConfig) -> Any:
            try:
                return await self.ainvoke(input, config, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return error
                raise

        configs = get_config_list(config, len(inputs))
        calls = [partial(invoke, input, own) for input, own in zip(inputs, configs, strict=True)]
        return await self._agathered(calls, configs[0].get("max_concurrency") if configs else None)

    def generate(
        self, messages: list[list[BaseMessage]], *args: Any, run_id: UUID | None = None, **kwargs: Any
    ) -> LLMResult:
        """As ``BaseChatModel.generate``; the replies share forward passes."""
        one = super().generate
        calls = [
            partial(one, [own], *args, run_id=None if place else run_id, **kwargs) for place, own in enumerate(messages)
        ]
        return one([], *args, **kwargs) if not calls else self._joined(self._gathered(calls, None))

    async def agenerate(
        self, messages: list[list[BaseMessage]], *args: Any, run_id: UUID | None = None, **kwargs: Any
    ) -> LLMResult:
        """As ``BaseChatModel.agenerate``; the replies share forward passes."""
        one = super().agenerate
        calls = [
            partial(one, [own], *args, run_id=None if place else run_id, **kwargs) for place, own in enumerate(messages)
        ]
        return await one([], *args, **kwargs) if not calls else self._joined(await self._agathered(calls, None))

    def _joined(self, results: Sequence[LLMResult]) -> LLMResult:
        found = LLMResult(
            generations=[generations for result in results for generations in result.generations],
            llm_output=self._combine_llm_outputs([result.llm_output for result in results]),
        )
        found.run = [run for result in results for run in result.run or []] or None
        return found

    def _gathered(self, calls: Sequence[Callable[[], T]], most: int | None) -> list[T]:
        size = min(self.batch_size, most or self.batch_size)
        found: list[T] = []
        for first in range(0, len(calls), size):
            some = calls[first : first + size]
            found += [some[0]()] if len(some) == 1 else gathered(self, some, self._run_all)
        return found

    async def _agathered(self, calls: Sequence[Callable[[], Awaitable[T]]], most: int | None) -> list[T]:
        size = min(self.batch_size, most or self.batch_size)
        found: list[T] = []
        for first in range(0, len(calls), size):
            some = calls[first : first + size]
            found += [await some[0]()] if len(some) == 1 else await agathered(self, some, self._arun_all)
        return found

    # --- tools and structured output ---------------------------------------------------------------------------------

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        strict: bool | None = None,
        response_format: dict[str, Any] | type | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with tools that it may call.

        tools                 whatever LangChain takes for tools: ``BaseTool``s, functions, Pydantic classes, dicts
        tool_choice           "auto" (or None, False): text, calls, or text and then calls; "any" ("required", True):
                              calls; "none"; the name of the tool to call, also as a dict in OpenAI's or Anthropic's
                              form
        parallel_tool_calls   False: one call at most
        strict                False: arguments beyond the declared ones, where a JSON Schema does not forbid them
        response_format       what is replied instead of calls: {"type": "json_schema", "json_schema": {"schema":
                              ...}}, {"type": "json_object"}, {"type": "text"}, or a type. No tools are needed then
        kwargs                options of the call: max_new_tokens, temperature, regex ...

        Raises ArgumentError, SchemaError, UnsupportedError or UnsatisfiableError at once for what cannot be bound.
        """
        bound = ToolSet.of(tools, tool_choice, parallel_tool_calls, strict)
        given = {
            "tools": [_Described(tool.openai, tool) for tool in bound.tools] or None,
            "tool_choice": tool_choice,
            "parallel_tool_calls": parallel_tool_calls,
            "strict": strict,
            "response_format": None if response_format is None else _described_format(response_format),
        }
        given = {name: value for name, value in given.items() if value is not None}
        _tooling({**given, **kwargs})
        self.resolved(None, {name: value for name, value in kwargs.items() if name not in (*_LANGCHAINS_OWN, "stop")})
        return self.bind(**given, **kwargs)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        include_raw: bool = False,
        method: Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """This model, giving objects instead of messages.

        schema        a type (a Pydantic model, a dataclass, a TypedDict, ``list[int]`` ...), whose objects are given; a
                      JSON Schema or a tool as a dict, for which a dict is given; a constraint (`relark.regex(...)`), a
                      compiled pattern or a ``lark.Lark``, for which the text is given, or the tree if it was asked for.
                      None: what ``regex=``, ``grammar=``, ``choices=`` or ``constraint=`` among ``kwargs`` say; with
                      "json_mode" any JSON object
        include_raw   give {"raw": message, "parsed": object or None, "parsing_error": exception or None}
        method        "json_schema" (or "json_mode"): the reply is JSON of ``schema``; nobody tells the model, so the
                      prompt should. "function_calling": it calls a tool with these arguments, which the prompt shows
        strict        False: properties that a JSON Schema does not declare, where it does not forbid them
        kwargs        options of the call

        Raises ArgumentError and what `relark.schema` raises, at once. The result raises LangChain's
        OutputParserException where a Python validator of the type refuses an object.
        """
        if method not in ("function_calling", "json_schema", "json_mode"):
            raise ArgumentError(f"method={method!r}: expected 'json_schema', 'function_calling' or 'json_mode'.")
        given = {name: kwargs.pop(name) for name in CONSTRAINTS if kwargs.get(name) is not None}
        if (schema is not None) + len(given) > 1:
            raise ArgumentError(f"with_structured_output: schema and {', '.join(given)} were given; pass one of them.")
        if given:
            constraint = self.resolved(None, given).constraint
            found = wanted(constraint)
        else:
            found = wanted({"type": "object"} if schema is None and method == "json_mode" else schema, strict=strict)
        shown = _shown_schema(found)
        if shown is not None:
            settings = {"method": method, "strict": strict}
            kwargs["ls_structured_output_format"] = {"kwargs": settings, "schema": shown}
        parser = StructuredParser(wanted=found, called=method == "function_calling")
        llm = self._bound_to(found, method, kwargs)
        if not include_raw:
            return llm | parser
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=llm) | parsed.with_fallbacks([failed], exception_key="parsing_error")

    def _bound_to(
        self, found: Wanted, method: Method, kwargs: dict[str, Any]
    ) -> Runnable[LanguageModelInput, AIMessage]:
        if method != "function_calling":
            self.resolved(None, {name: kwargs[name] for name in kwargs if name not in (*_LANGCHAINS_OWN, "stop")})
            return self.bind(constraint=found.constraint, **kwargs)
        if found.tool is None:
            raise ArgumentError(
                f"method='function_calling': {found.constraint!r} has no objects with names, which a tool's arguments "
                "have to be; use method='json_schema'."
            )
        return self.bind_tools([found.tool], tool_choice=found.tool.name, parallel_tool_calls=False, **kwargs)  # type: ignore[list-item]


class _Writing:
    """The chunks of one stream."""

    def __init__(self, request: _Request, model_name: str) -> None:
        self.request, self.model_name = request, model_name
        self.reader = request.reader()
        self.has_calls = False

    def chunks(self, piece: str, result: Result | None) -> Iterator[ChatGenerationChunk]:
        """What is certain with ``piece``; with a ``result``, all the rest."""
        events = self.reader.feed(piece)
        if result is not None:
            events += self.reader.close()
        for event in events:
            yield ChatGenerationChunk(message=self._chunk(event))
        if result is not None:
            last = AIMessageChunk(
                content="",
                response_metadata=_metadata(result, self.has_calls, self.model_name),
                usage_metadata=_usage(result),
                chunk_position="last",
            )
            yield ChatGenerationChunk(message=last)

    def _chunk(self, event: Event) -> AIMessageChunk:
        match event:
            case CallStart():
                self.has_calls = True
                call = tool_call_chunk(name=event.name, args="", id=event.id, index=event.index)
            case ArgsDelta():
                call = tool_call_chunk(args=event.text, index=event.index)
            case _:
                return AIMessageChunk(content=event.text)
        return AIMessageChunk(content="", tool_call_chunks=[call])


# --- what calls are given -------------------------------------------------------------------------------------------


def _tooling(kwargs: Mapping[str, Any]) -> tuple[ToolSet | None, Constraint | None, dict[str, Any]]:
    """The tools, what may be replied instead of calls, and the rest, which are options."""
    rest = {name: value for name, value in kwargs.items() if name not in _LANGCHAINS_OWN + _TOOLING}
    tools, choice = kwargs.get("tools"), kwargs.get("tool_choice")
    bound = None
    if tools:
        known: list[Any] = [tool.meaning if isinstance(tool, _Described) else tool for tool in tools]
        bound = ToolSet.of(known, choice, kwargs.get("parallel_tool_calls"), kwargs.get("strict"))
    elif choice not in (None, False, "auto", "none"):
        raise ArgumentError(f"tool_choice={choice!r}, but there are no tools; bind some, or leave it out.")
    answer = None
    given = kwargs.get("response_format")
    if given is not None:
        meaning = getattr(_described_format(given), "meaning", None)
        answer = meaning if isinstance(meaning, Constraint) else None
        both = [name for name in CONSTRAINTS if rest.get(name) is not None]
        if answer is not None and both:
            raise ArgumentError(f"response_format and {both[0]} were given; pass one of them.")
    return bound, answer, rest


def _described_format(given: Any) -> dict[str, Any]:
    """``response_format`` with what it means; that of type "text" means nothing."""
    if isinstance(given, _Described):
        return given
    if isinstance(given, type):
        found = wanted(given)
        return _Described({"type": "json_schema", "json_schema": {"name": given.__name__}}, found.constraint)
    kind = given.get("type") if isinstance(given, Mapping) else None
    if kind == "text":
        return dict(given)
    if kind == "json_object":
        return _Described(given, schema_constraint({"type": "object"}))
    inner = given.get("json_schema") if kind == "json_schema" else None
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(schema, Mapping):
        raise ArgumentError(
            f"response_format={given!r:.80}: expected {{'type': 'json_schema', 'json_schema': {{'schema': ...}}}}, "
            "{'type': 'json_object'}, {'type': 'text'} or a type."
        )
    enforced = dict(schema) if inner.get("strict") is False else closed_schema(schema)
    return _Described(given, schema_constraint(enforced))


def _shown_schema(found: Wanted) -> dict[str, Any] | None:
    """What is asked for, as LangChain's tracing takes it; None: it has no use for it."""
    if found.tool is None:
        return None
    function = found.tool.openai["function"]
    about = {"title": function["name"], **{key: function[key] for key in ("description",) if key in function}}
    return {**about, **function["parameters"]}


# --- what replies are given -----------------------------------------------------------------------------------------


def _by_options(requests: Sequence[_Request]) -> list[tuple[Options, list[int]]]:
    """The places of requests that can share a run."""
    found: list[tuple[Options, list[int]]] = []
    for place, request in enumerate(requests):
        for options, places in found:
            if options == request.options:
                places.append(place)
                break
        else:
            found.append((request.options, [place]))
    return found


def _metadata(result: Result, has_calls: bool, model_name: str) -> dict[str, Any]:
    reason = "tool_calls" if has_calls else "length" if result.finish_reason == "length" else "stop"
    return {"finish_reason": reason, "model_name": model_name}


def _usage(result: Result) -> UsageMetadata:
    written = len(result.token_ids)
    return UsageMetadata(
        input_tokens=result.prompt_tokens, output_tokens=written, total_tokens=result.prompt_tokens + written
    )
