"""``relark.generate`` and ``relark.Generator``: prompts in, texts and objects out.

Use `generate` for a call or two, `Generator` to keep a model and to get more than the text (`Result`). This module
checks arguments and turns prompts into token ids; ``decoding.loop`` does the work. Wrong arguments are reported
before torch is imported or a model is loaded.

Threads: a `Generator` holds no state of a run, so threads may share one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeGuard, TypeVar, overload

from relark.decoding.sampling import Sampling
from relark.errors import ArgumentError

if TYPE_CHECKING:
    import os
    import re
    from typing import TypedDict

    import regex as regex_module
    from lark import Lark
    from typing_extensions import Unpack

    from relark.constraint import Constraint
    from relark.decoding.loop import Clock, Decoded, Ending, FinishReason, Request
    from relark.tokens.vocabulary import Vocabulary

    Pattern: TypeAlias = str | re.Pattern[str] | regex_module.Pattern[str]
    LarkGrammar: TypeAlias = str | os.PathLike[str] | Lark

    T = TypeVar("T")

    class _PlainOptions(TypedDict, total=False):
        max_new_tokens: int | None
        temperature: float | None
        top_p: float | None
        top_k: int | None
        seed: int | None
        stop: str | Sequence[str] | None
        fast_forward: bool
        progress: bool | None

    class _TextOptions(_PlainOptions, total=False):
        regex: Pattern | None
        choices: Iterable[str] | type[enum.Enum] | None
        constraint: Constraint | Sequence[Constraint | None] | None

    class _RunOptions(_TextOptions, total=False):
        schema: Any
        grammar: LarkGrammar | Constraint | None
        start: str | None
        result: Literal["text", "tree"]

    class _ModelOptions(TypedDict, total=False):
        model: Any
        tokenizer: Any

    class _GenerateOptions(_TextOptions, _ModelOptions, total=False):
        grammar: LarkGrammar | None
        start: str | None
        result: Literal["text"]

    class _SchemaOptions(_PlainOptions, _ModelOptions, total=False):
        pass

    class _GrammarOptions(_PlainOptions, _ModelOptions, total=False):
        start: str | None


__all__ = ["DEFAULT_MAX_NEW_TOKENS", "Chat", "Generator", "Prompt", "Result", "Timings", "generate"]

DEFAULT_MAX_NEW_TOKENS = 256
DEFAULT_BATCH_SIZE = 16

Chat: TypeAlias = Sequence[Mapping[str, Any]]  # messages, [{"role": "user", "content": "..."}]
Prompt: TypeAlias = str | Chat


@dataclass(frozen=True)
class Timings:
    """Where the time of the batch that a text was part of went, in seconds.

    prefill             reading the prompts
    decode              everything after that, masks included
    mask                masks and matchers
    tokens_per_second   tokens that the whole batch wrote, per second of ``decode``
    """

    prefill: float
    decode: float
    mask: float
    tokens_per_second: float


@dataclass(frozen=True)
class Result:
    """One generated text.

    text            the text alone, without prompt and EOS
    token_ids       the tokens written, without the EOS; where a stop string cut the text, those that it cut off
                    are included
    logprobs        for each of them its log-probability under the model itself (natural log, before mask,
                    temperature and top-k / top-p): what the model would have given it without any constraint
    finish_reason   "stop": the model ended the text, or nothing can follow. "length": ``max_new_tokens`` were
                    written; under a constraint the text is complete all the same. "stop_string": it was cut at one
                    of ``stop``
    prompt_tokens   tokens of the prompt
    timings         of the batch that the text was part of
    value           what the text means: under a schema the object of the type, the arguments of the function, the
                    parsed JSON; under a grammar with result="tree" Lark's tree; None under other constraints. Worked
                    out when first asked for; raises ValidationFailed where a Python validator of the type refuses it
    """

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: FinishReason
    prompt_tokens: int
    timings: Timings
    parse: Callable[[str], Any] | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    @cached_property
    def value(self) -> Any:
        return None if self.parse is None else self.parse(self.text)


class Generator:
    """A model with its tokenizer, ready to write constrained text.

    model        as for `generate`
    tokenizer    as for `generate`
    batch_size   prompts that share one forward pass; more is faster until memory runs out
    """

    def __init__(self, model: Any = None, tokenizer: Any = None, *, batch_size: int = DEFAULT_BATCH_SIZE) -> None:
        if not _is_int(batch_size) or batch_size < 1:
            raise ArgumentError(f"batch_size={batch_size!r}: expected an int of 1 or more.")
        from relark.decoding.models import resolve

        self.model, self.tokenizer = resolve(model, tokenizer)
        self.batch_size = batch_size

    @property
    def vocabulary(self) -> Vocabulary:
        """The bytes of the tokenizer's tokens, as wide as the model's logits."""
        from relark.decoding.models import eos_ids, logits_width
        from relark.tokens.vocabulary import Vocabulary

        return Vocabulary.from_tokenizer(
            self.tokenizer, logits_width(self.model), eos_ids(self.model, self.tokenizer) or None
        )

    @overload
    def run(self, prompt: Prompt, **options: Unpack[_RunOptions]) -> Result: ...
    @overload
    def run(
        self, prompt: list[str] | tuple[str, ...] | list[list[dict[str, Any]]], **options: Unpack[_RunOptions]
    ) -> list[Result]: ...
    @overload
    def run(self, prompt: Prompt | Sequence[Prompt], **options: Unpack[_RunOptions]) -> Result | list[Result]: ...

    def run(
        self,
        prompt: Prompt | Sequence[Prompt],
        *,
        regex: Pattern | None = None,
        schema: Any = None,
        grammar: LarkGrammar | Constraint | None = None,
        choices: Iterable[str] | type[enum.Enum] | None = None,
        constraint: Constraint | Sequence[Constraint | None] | None = None,
        start: str | None = None,
        result: Literal["text", "tree"] = "text",
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        fast_forward: bool = True,
        progress: bool | None = None,
    ) -> Result | list[Result]:
        """As `generate`, but gives a `Result` for each prompt; the object of a schema, or the tree of a grammar with
        ``result="tree"``, is its ``value``.
        """
        prompts, single = _prompts(prompt)
        constraints = _constraints(
            len(prompts), regex, choices, constraint, schema=schema, grammar=grammar, start=start, result=result
        )
        sampling = Sampling(temperature, top_p, top_k, seed)
        stops = _stops(stop)
        check_max_new_tokens(max_new_tokens)
        check_fast_forward(fast_forward)
        _check_progress(progress)
        if not prompts:
            return []
        results = self.decode(
            prompts, constraints, max_new_tokens, sampling, stop=stops, fast_forward=fast_forward, progress=progress
        )
        return results[0] if single else results

    def decode(
        self,
        prompts: Sequence[Prompt],
        constraints: Sequence[Constraint | None],
        max_new_tokens: int | None,
        sampling: Sampling,
        *,
        stop: Sequence[bytes] = (),
        fast_forward: bool = True,
        progress: bool | None = None,
        ending: Ending = "eos",
        all_logprobs: bool = True,
        on_token: Callable[[int, bytes], None] | None = None,
    ) -> list[Result]:
        """`run` with its arguments checked and brought into one form; ``ending``, ``all_logprobs`` and ``on_token`` as
        for the loop.
        """
        from relark.decoding.forced import Speller
        from relark.decoding.loop import Clock, decode, starts
        from relark.decoding.progress import Progress

        requests = self._requests(prompts, constraints, max_new_tokens)
        vocabulary = self.vocabulary
        speller = Speller(self.tokenizer, vocabulary) if fast_forward else None
        matchers = starts(requests, vocabulary)
        results: list[Result] = []
        with Progress(len(prompts), progress) as shown:
            for first in range(0, len(requests), self.batch_size):
                batch = slice(first, first + self.batch_size)
                clock = Clock()
                decoded = decode(
                    self.model,
                    vocabulary,
                    requests[batch],
                    matchers[batch],
                    sampling=sampling,
                    stop=stop,
                    ending=ending,
                    speller=speller,
                    all_logprobs=all_logprobs,
                    clock=clock,
                    on_token=on_token,
                    on_step=shown.step,
                )
                results += [_result(d, r, clock) for d, r in zip(decoded, requests[batch], strict=True)]
        return results

    def _requests(
        self,
        prompts: Sequence[Prompt | tuple[int, ...]],
        constraints: Sequence[Constraint | None],
        max_new_tokens: int | None,
        places: Sequence[int] | None = None,
    ) -> list[Request]:
        """``places``: theirs in what the user asked for, where this is a part of it."""
        from relark.decoding.loop import Request

        config = (
            self.model.config.get_text_config() if hasattr(self.model.config, "get_text_config") else self.model.config
        )
        context = getattr(config, "max_position_embeddings", None)
        requests = []
        for place, prompt, constraint in zip(places or range(len(prompts)), prompts, constraints, strict=True):
            ids = self._prompt_ids(prompt, place)
            budget = DEFAULT_MAX_NEW_TOKENS if max_new_tokens is None else max_new_tokens
            if context is not None and len(ids) + budget > context:
                room = context - len(ids)
                if max_new_tokens is not None or room < 1:
                    raise ArgumentError(
                        f"prompt {place + 1} has {len(ids)} tokens and max_new_tokens is {budget}, but the model's "
                        f"context holds {context}; "
                        + (f"pass max_new_tokens={room} or less." if room > 0 else "shorten the prompt.")
                    )
                budget = room
            requests.append(Request(place, ids, constraint, budget))
        return requests

    def _prompt_ids(self, prompt: Prompt | tuple[int, ...], place: int) -> tuple[int, ...]:
        ids: Any
        if isinstance(prompt, str):
            ids = self.tokenizer(prompt)["input_ids"]
        elif isinstance(prompt, tuple) and all(map(_is_int, prompt)):
            ids = list(prompt)
        else:
            if getattr(self.tokenizer, "chat_template", None) is None:
                raise ArgumentError(
                    f"prompt {place + 1} is a list of messages, but the tokenizer has no chat template: "
                    "pass plain text, or a tokenizer with one."
                )
            from jinja2.exceptions import TemplateError

            messages: Any = prompt
            try:
                ids = self.tokenizer.apply_chat_template(
                    [dict(message) for message in messages],
                    add_generation_prompt=True,
                    tokenize=True,
                    return_dict=False,
                )
            except TemplateError as error:
                raise ArgumentError(f"prompt {place + 1}: the chat template refuses these messages: {error}") from error
        if not ids:
            first = getattr(self.tokenizer, "bos_token_id", None)
            if first is None:
                raise ArgumentError(
                    f"prompt {place + 1} is empty, and the tokenizer has no BOS token to start from: give it some text."
                )
            ids = [first]
        return tuple(ids)


@overload
def generate(prompt: Prompt, *, schema: type[T], **options: Unpack[_SchemaOptions]) -> T: ...
@overload
def generate(
    prompt: list[str] | tuple[str, ...] | list[list[dict[str, Any]]],
    *,
    schema: type[T],
    **options: Unpack[_SchemaOptions],
) -> list[T]: ...
@overload
def generate(prompt: Prompt | Sequence[Prompt], *, schema: object, **options: Unpack[_SchemaOptions]) -> Any: ...
@overload
def generate(
    prompt: Prompt | Sequence[Prompt],
    *,
    grammar: LarkGrammar | Constraint,
    result: Literal["tree"],
    **options: Unpack[_GrammarOptions],
) -> Any: ...
@overload
def generate(prompt: Prompt | Sequence[Prompt], *, grammar: Constraint, **options: Unpack[_GrammarOptions]) -> Any: ...
@overload
def generate(prompt: Prompt, **options: Unpack[_GenerateOptions]) -> str: ...
@overload
def generate(
    prompt: list[str] | tuple[str, ...] | list[list[dict[str, Any]]], **options: Unpack[_GenerateOptions]
) -> list[str]: ...
@overload
def generate(prompt: Prompt | Sequence[Prompt], **options: Unpack[_GenerateOptions]) -> str | list[str]: ...


def generate(
    prompt: Prompt | Sequence[Prompt],
    *,
    regex: Pattern | None = None,
    schema: Any = None,
    grammar: LarkGrammar | Constraint | None = None,
    choices: Iterable[str] | type[enum.Enum] | None = None,
    constraint: Constraint | Sequence[Constraint | None] | None = None,
    start: str | None = None,
    result: Literal["text", "tree"] = "text",
    model: Any = None,
    tokenizer: Any = None,
    max_new_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    seed: int | None = None,
    stop: str | Sequence[str] | None = None,
    fast_forward: bool = True,
    progress: bool | None = None,
) -> Any:
    """Text that continues ``prompt`` and satisfies the constraint, always complete.

    prompt           a text; or messages (dicts with "role" and "content"), which go through the tokenizer's chat
                     template; or a list of either, which gives a list of texts
    regex            a pattern that the text must fullmatch: a string in the syntax of the ``regex`` module, or a
                     compiled pattern of ``regex`` or ``re``
    schema           a type (a Pydantic model, a dataclass, ``list[Item]``, ``int`` ...), a function, or a JSON Schema
                     (a dict, a bool, JSON text): the text is JSON of it, and its value is returned. `relark.schema`
                     has options; what it makes can be given here too
    grammar          a Lark grammar: its text, a file (a path, or a string that ends in ``.lark``), or a `lark.Lark`
                     object. `relark.grammar` takes Lark's options; what it makes can be given here too
    start            the rule that the grammar starts from; None: ``"start"``, or the Lark object's own
    result           for grammars: "text", or "tree" for what Lark itself parses from the text
    choices          strings, or an Enum class, one of which the text must be
    constraint       any `relark.Constraint`; or a list with one for each prompt, where None means free text.
                     At most one of regex, schema, grammar, choices and constraint; without any the text is free and
                     ends at EOS
    model            a transformers causal language model, a text-generation pipeline, a local folder, a hub id;
                     None: the embedded model, SmolLM2-135M-Instruct
    tokenizer        needed with a model object only
    max_new_tokens   at most so many tokens, EOS not counted; None: 256, or what the model's context still holds
    temperature      None or 0: greedy; above 0: sampling. With top_p or top_k it defaults to 1
    top_p, top_k     restrict sampling to the most probable tokens, among those that the constraint allows
    seed             an int makes sampling repeatable, whatever else is in the batch
    stop             a string or several. Free text is cut before the first one. Text under a constraint is cut
                     before one only where what is left satisfies the constraint; otherwise the stop string is an
                     ordinary part of it
    fast_forward     append text that the constraint forces without asking the model, in the tokens that its tokenizer
                     would write. False: the model writes that too, token by token
    progress         None: a progress line on stderr where it is a terminal; True or False: always or never

    Returns the text, without the prompt; with ``schema`` the value that it means: an object of the type, a dict of
    arguments for a function, parsed JSON for a JSON Schema; with ``result="tree"`` a `lark.Tree`. A list of those for
    a list of prompts.
    Raises ArgumentError, PatternError, SchemaError, GrammarError, UnsupportedError, UnsatisfiableError;
    ValidationFailed where a Python validator of the type refuses what was written; BudgetError where nothing that
    satisfies the constraint fits into max_new_tokens; ModelError; DeadEndError (never seen without a constraint that
    takes intersections or complements of recursive languages, or a model whose logits rule out whole texts).
    """
    prompts, single = _prompts(prompt)
    constraints = _constraints(
        len(prompts), regex, choices, constraint, schema=schema, grammar=grammar, start=start, result=result
    )
    sampling = Sampling(temperature, top_p, top_k, seed)
    stops = _stops(stop)
    check_max_new_tokens(max_new_tokens)
    check_fast_forward(fast_forward)
    _check_progress(progress)
    if not prompts:
        return []
    results = Generator(model, tokenizer).decode(
        prompts,
        constraints,
        max_new_tokens,
        sampling,
        stop=stops,
        fast_forward=fast_forward,
        progress=progress,
        all_logprobs=False,
    )
    has_values = schema is not None or grammar is not None
    found = [one.value if has_values and one.parse is not None else one.text for one in results]
    return found[0] if single else found


# Arguments


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_chat(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, (str, bytes))
        and len(value) > 0
        and all(isinstance(message, Mapping) for message in value)
    )


def _prompts(prompt: object) -> tuple[list[Prompt], bool]:
    """The prompts as a list, and whether the user gave a single one."""
    if isinstance(prompt, str) or _is_chat(prompt):
        found: list[Any] = [prompt]
        single = True
    elif isinstance(prompt, Sequence) and not isinstance(prompt, (str, bytes)):
        found, single = list(prompt), False
    else:
        raise ArgumentError(
            f"prompt: expected a string, a list of messages, or a list of either, got {type(prompt).__name__}."
        )
    for place, one in enumerate(found):
        if isinstance(one, str):
            continue
        if not _is_chat(one):
            raise ArgumentError(
                f"prompt[{place}]: expected a string or a list of messages, got {type(one).__name__} {one!r:.60}."
            )
        for message in one:
            if "role" not in message or "content" not in message:
                raise ArgumentError(f'prompt: a message needs "role" and "content", got {dict(message)!r:.80}.')
    return found, single


def _constraints(
    count: int,
    regex: Pattern | None,
    choices: Iterable[str] | type[enum.Enum] | None,
    constraint: Constraint | Sequence[Constraint | None] | None,
    *,
    schema: Any = None,
    grammar: LarkGrammar | Constraint | None = None,
    start: str | None = None,
    result: Literal["text", "tree"] = "text",
) -> list[Constraint | None]:
    """One constraint or None for each prompt."""
    given = {"regex": regex, "schema": schema, "grammar": grammar, "choices": choices, "constraint": constraint}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ArgumentError(
            f"{' and '.join(named)} were given; pass one of them, or combine constraints: "
            "relark.regex(...) & relark.choices(...)."
        )
    if grammar is None and (start is not None or result != "text"):
        raise ArgumentError(f"{'result' if start is None else 'start'}= goes with grammar= only.")
    from relark import constraint as constraints

    if grammar is not None:
        return [_grammar(grammar, start, result)] * count
    if regex is not None:
        if isinstance(regex, (list, tuple)):
            raise ArgumentError(
                "regex= takes one pattern; for one per prompt pass constraint=[relark.regex(p) for p in patterns], "
                "for any of several relark.regex(a) | relark.regex(b)."
            )
        return [constraints.regex(regex)] * count
    if schema is not None:
        return [_schema(schema)] * count
    if choices is not None:
        return [constraints.choices(choices)] * count
    several: object = constraint
    if not isinstance(several, (list, tuple)):
        if several is None or _is_constraint(several):
            return [several] * count
    else:
        for place, one in enumerate(several):
            if one is not None and not _is_constraint(one):
                raise ArgumentError(
                    f"constraint[{place}]: expected a relark constraint or None, got {type(one).__name__} "
                    f"{one!r:.60}; make one with relark.regex(...) or relark.choices(...)."
                )
        if len(several) != count:
            raise ArgumentError(
                f"constraint has {len(several)} entries for {count} prompt{'s' if count != 1 else ''}; "
                "give one for each (None for free text), or a single constraint for all."
            )
        return list(several)
    raise ArgumentError(
        f"constraint={constraint!r:.60}: expected a relark constraint (relark.regex(...), relark.choices(...), "
        f"...), a list with one per prompt, or None; got {type(constraint).__name__}."
    )


def _schema(schema: Any) -> Constraint:
    from relark import constraint as constraints

    if isinstance(schema, constraints.Constraint):
        if schema.parse is None:
            raise ArgumentError(
                f"schema={schema!r:.60}: this constraint does not say what its texts mean; pass it as constraint=, "
                "or a constraint that relark.schema(...) alone has made."
            )
        return schema
    if isinstance(schema, (list, tuple)):
        raise ArgumentError(
            "schema= takes one type or schema; for one per prompt pass constraint=[relark.schema(s) for s in schemas] "
            'to Generator.run, for any of several a union, or {"anyOf": [...]}.'
        )
    return constraints.schema(schema)


def _grammar(grammar: Any, start: str | None, result: Literal["text", "tree"]) -> Constraint:
    from relark import constraint as constraints

    if isinstance(grammar, constraints.Constraint):
        if start is not None or result != "text":
            raise ArgumentError(
                f"{'result' if start is None else 'start'}= goes with grammars that relark.grammar(...) has not been "
                "given yet; pass it to relark.grammar."
            )
        return grammar
    if isinstance(grammar, (list, tuple)):
        raise ArgumentError(
            "grammar= takes one grammar; for one per prompt pass constraint=[relark.grammar(g) for g in grammars], "
            "for any of several relark.grammar(a) | relark.grammar(b)."
        )
    return constraints.grammar(grammar, start=start, result=result)


def _is_constraint(value: object) -> TypeGuard[Constraint]:
    return callable(getattr(value, "matcher", None))


def _stops(stop: object) -> list[bytes]:
    if stop is None:
        return []
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, Sequence) or isinstance(stops, bytes) or not all(isinstance(s, str) and s for s in stops):
        raise ArgumentError(f"stop={stop!r:.60}: expected a non-empty string, or a list of them.")
    return [s.encode() for s in stops]


def check_max_new_tokens(value: object) -> None:
    if value is not None and (not _is_int(value) or value < 1):  # type: ignore[operator]
        raise ArgumentError(f"max_new_tokens={value!r}: expected an int of 1 or more, or None.")


def check_fast_forward(value: object) -> None:
    if value not in (True, False):
        raise ArgumentError(f"fast_forward={value!r}: expected True or False.")


def _check_progress(value: object) -> None:
    if value not in (None, True, False):
        raise ArgumentError(f"progress={value!r}: expected True, False or None.")


def _result(decoded: Decoded, request: Request, clock: Clock) -> Result:
    # A constrained text is UTF-8 by construction; free text may end inside a character, or the model may write rubbish.
    text = decoded.data.decode("utf-8", errors="replace" if request.constraint is None else "strict")
    timings = Timings(clock.prefill, clock.decode, clock.mask, clock.tokens / max(clock.decode, 1e-9))
    parse = getattr(request.constraint, "parse", None)
    return Result(
        text, decoded.token_ids, decoded.logprobs, decoded.finish_reason, len(request.prompt_ids), timings, parse
    )
