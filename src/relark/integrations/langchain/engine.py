"""One model behind LangChain's classes: jobs in, results or pieces out, in threads or in an event loop.

What it is: `Engine`, a `relark.Generator` that is loaded when it is first needed, with what LangChain asks of a model
beside it: stop strings, streams with their token counts, ``async`` forms that do not block the loop and end soon when
they are cancelled. When to use it: the classes of this package do; by hand never.

Stop strings. Free text is cut before the first of them. A text under a constraint contains none of them, for to cut it
would leave something that does not satisfy the constraint; but the model may write one behind the text, as it would
without a constraint, to say that it is done, and that is taken off. A constraint may know stop strings as parts of its
own texts (``own_stops``, as those of `agent_constraint` have): these may occur in them. With ``Job.cut`` the finished
text is cut all the same, wherever the first stop string stands.

Cost: that of the decoding loop, and of an intersection for stop strings under a constraint; asynchronous pieces some
100 us each for the thread. Threads may share an engine: it has no state of a run.

What it cannot do: stop a forward pass that has begun.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
import uuid
import weakref
from collections.abc import AsyncGenerator, Sequence
from collections.abc import Generator as Iteration
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from relark.constraint import Constraint, choices, text
from relark.decoding.generate import DEFAULT_BATCH_SIZE, Generator
from relark.errors import ArgumentError, UnsatisfiableError

if TYPE_CHECKING:
    from relark.decoding.generate import Result
    from relark.decoding.loop import Batch, Clock, Request
    from relark.decoding.sampling import Sampling
    from relark.tokens.vocabulary import Vocabulary

__all__ = ["Engine", "Job", "Options", "Piece"]

_nameless: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()  # models of unknown origin -> their name
_naming = threading.Lock()


@dataclass(frozen=True)
class Options:
    """How texts are written.

    constraint       what they must satisfy; None: free text
    max_new_tokens   None: 256, or what the model's context leaves
    stop             texts that end a text, and are not part of it
    fast_forward     whether forced text is written without asking the model
    """

    constraint: Constraint | None
    max_new_tokens: int | None
    sampling: Sampling
    stop: tuple[str, ...] = ()
    fast_forward: bool = True


@dataclass(frozen=True)
class Job:
    """One text to be written.

    prompt        a text, or token ids
    constraint    what it must satisfy; None: free text
    stop          texts that end it, and are not part of it
    text_tokens   special tokens that may be written as part of it
    cut           whether a constrained text that contains a stop string is cut before it, though what is left may not
                  satisfy the constraint
    """

    prompt: str | tuple[int, ...]
    constraint: Constraint | None = None
    stop: tuple[str, ...] = ()
    text_tokens: tuple[str, ...] = ()
    cut: bool = False


@dataclass(frozen=True)
class Piece:
    """A part of a text that is final, and how many tokens it took; the last, which may be empty, has the result of the
    whole.
    """

    text: str
    tokens: int
    result: Result | None = None


class _Cancelled(Exception):
    """Nobody waits for the texts any more."""


class Engine:
    """A model with its tokenizer.

    model, tokenizer   as for `relark.generate`
    pipeline           a text-generation pipeline, instead of ``model``
    batch_size         prompts that share one forward pass

    Objects are checked at once; names are loaded when the model is first needed.
    Raises what `relark.Generator` raises.
    """

    def __init__(
        self, model: Any = None, tokenizer: Any = None, pipeline: Any = None, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> None:
        if pipeline is not None and model is not None:
            raise ArgumentError("model= and pipeline= were given; pass one of them.")
        given = model if pipeline is None else pipeline
        if given is None and tokenizer is not None:
            raise ArgumentError("tokenizer= without model=: pass both, or neither for the embedded default model.")
        self._given = given, tokenizer
        self.batch_size = batch_size
        self._lock = threading.Lock()
        is_loaded = given is not None and not isinstance(given, (str, os.PathLike))
        self._generator = Generator(given, tokenizer, batch_size=batch_size) if is_loaded else None

    @property
    def generator(self) -> Generator:
        """The generator; the first call loads the model."""
        with self._lock:
            if self._generator is None:
                self._generator = Generator(*self._given, batch_size=self.batch_size)
            return self._generator

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self.generator.tokenizer

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The ids that end a text."""
        return self.generator.vocabulary.eos_ids

    @property
    def model_name(self) -> str:
        """What the model is called: a folder, a hub id, or the class of an object that has no name."""
        given = self._given[0]
        if given is None:
            return "SmolLM2-135M-Instruct"
        if isinstance(given, (str, os.PathLike)):
            return os.fspath(given)
        model = self.generator.model
        return _name_of(model) or type(model).__name__

    @property
    def identity(self) -> str:
        """Which model and tokenizer it is, for keys of caches. Objects that were loaded under one name count as the
        same; what has no name is known in this process only.
        """
        given, tokenizer = self._given
        if given is None or isinstance(given, (str, os.PathLike)):
            named = self.model_name
        else:
            named = _identity(self.generator.model)
            tokenizer = self.generator.tokenizer
        return named if tokenizer is None else f"{named} with {_identity(tokenizer)}"

    # --- whole texts --------------------------------------------------------------------------------------------------

    def run(self, jobs: Sequence[Job], options: Options, cancel: threading.Event | None = None) -> list[Result]:
        """The texts, in the order of ``jobs``; up to ``batch_size`` of them share each pass.

        options   how they are written; what they must satisfy and where they stop is each job's
        cancel    once set, the loop ends after the pass that it is in, with an exception

        Raises what `relark.generate` raises.
        """
        from relark.decoding.forced import Speller
        from relark.decoding.generate import _result
        from relark.decoding.loop import Clock, decode, starts

        generator = self.generator
        plans = _plans(jobs)
        groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}  # those that one batch may hold
        for place, (job, plan) in enumerate(zip(jobs, plans, strict=True)):
            groups.setdefault((plan.cuts, job.text_tokens), []).append(place)
        results: dict[int, Result] = {}
        for (cuts, text_tokens), places in groups.items():
            vocabulary = self._vocabulary(text_tokens)
            speller = Speller(generator.tokenizer, vocabulary) if options.fast_forward else None
            requests = generator._requests(
                [jobs[place].prompt for place in places],
                [plans[place].constraint for place in places],
                options.max_new_tokens,
                places,
            )
            matchers = starts(requests, vocabulary)
            for first in range(0, len(places), self.batch_size):
                batch = slice(first, first + self.batch_size)
                clock = Clock()
                _check(cancel)
                decoded = decode(
                    generator.model,
                    vocabulary,
                    requests[batch],
                    matchers[batch],
                    sampling=options.sampling,
                    stop=[cut.encode() for cut in cuts],
                    speller=speller,
                    all_logprobs=False,
                    clock=clock,
                    on_step=lambda tokens, finished: _check(cancel),
                )
                for place, found, request in zip(places[batch], decoded, requests[batch], strict=True):
                    results[place] = plans[place].finished(_result(found, request, clock))
        return [results[place] for place in range(len(jobs))]

    async def arun(self, jobs: Sequence[Job], options: Options) -> list[Result]:
        """As `run`, in a thread; when it is cancelled, the texts are given up."""
        cancel = threading.Event()
        try:
            return await asyncio.to_thread(self.run, jobs, options, cancel)
        finally:
            cancel.set()

    # --- pieces -------------------------------------------------------------------------------------------------------

    def pieces(self, job: Job, options: Options, cancel: threading.Event | None = None) -> Iteration[Piece, None, None]:
        """One text as it is written; closing the iterator, or dropping it, ends it.

        No piece ends inside a character, or holds what may become a stop string.
        Raises what `relark.stream` raises, when it does; arguments as for `run`.
        """
        from relark.decoding.forced import Speller
        from relark.decoding.loop import Batch, Clock, starts

        generator = self.generator
        [plan] = _plans([job])
        vocabulary = self._vocabulary(job.text_tokens)
        requests = generator._requests([job.prompt], [plan.constraint], options.max_new_tokens)
        clock = Clock()
        batch = Batch(
            generator.model,
            vocabulary,
            requests,
            starts(requests, vocabulary),
            sampling=options.sampling,
            stop=[cut.encode() for cut in plan.cuts],
            speller=Speller(generator.tokenizer, vocabulary) if options.fast_forward else None,
            all_logprobs=False,
            clock=clock,
        )
        return _pieces(plan, batch, requests[0], clock, cancel)

    async def apieces(self, job: Job, options: Options) -> AsyncGenerator[Piece, None]:
        """As `pieces`, each written in a thread, so that the event loop goes on."""
        cancel = threading.Event()
        try:
            pieces = await asyncio.to_thread(self.pieces, job, options, cancel)
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece
        finally:
            cancel.set()  # a thread may be at work on the next piece

    def _vocabulary(self, text_tokens: tuple[str, ...]) -> Vocabulary:
        generator = self.generator
        if not text_tokens:
            return generator.vocabulary
        from relark.decoding.models import eos_ids, logits_width
        from relark.tokens.vocabulary import Vocabulary

        return Vocabulary.from_tokenizer(
            generator.tokenizer,
            logits_width(generator.model),
            eos_ids(generator.model, generator.tokenizer) or None,
            text_tokens=text_tokens,
        )


def _check(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise _Cancelled


def _pieces(
    plan: _Plan, batch: Batch, request: Request, clock: Clock, cancel: threading.Event | None
) -> Iteration[Piece, None, None]:
    from relark.decoding.generate import _result
    from relark.decoding.stream import _final_bytes

    [row] = batch.rows
    decoder = codecs.getincrementaldecoder("utf-8")("replace" if request.constraint is None else "strict")
    held_back = [stop.encode() for stop in (*plan.cuts, *plan.behind, *plan.later)]
    later = [stop.encode() for stop in plan.later]
    counted, handed_out = 0, 0
    for _ in batch.steps():
        _check(cancel)
        if row.reason is not None:
            continue  # what is left comes with the result
        final = min([_final_bytes(row, held_back), *(at for stop in later if (at := row.data.find(stop)) >= 0)])
        piece = decoder.decode(bytes(row.data[row.handed_out : final]))
        row.handed_out = final
        if piece:
            handed_out += len(piece)
            tokens, counted = len(row.tokens) - counted, len(row.tokens)
            yield Piece(piece, tokens)
    result = plan.finished(_result(batch.finished(row), request, clock))
    yield Piece(result.text[handed_out:], len(result.token_ids) - counted, result)


# --- stop strings -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """How a text ends.

    asked        what it must satisfy
    constraint   what the loop writes: such a text, perhaps with a stop string behind it
    cuts         where the loop cuts free text
    behind       stop strings that may stand behind a constrained text
    excluded     those of them that may not stand in it
    later        where the finished text is cut
    """

    asked: Constraint | None
    constraint: Constraint | None
    cuts: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    later: tuple[str, ...] = ()

    def finished(self, result: Result) -> Result:
        """``result`` without stop strings and what follows them."""
        if self.asked is None:
            return result
        found = [at for stop in self.later if (at := result.text.find(stop)) >= 0]
        if found:
            return replace(result, text=result.text[: min(found)], finish_reason="stop_string")
        for stop in self.behind:
            whole = result.text.removesuffix(stop)
            if whole != result.text and self._is_whole(whole):
                return replace(result, text=whole, finish_reason="stop_string", parse=self.asked.parse)
        return replace(result, parse=self.asked.parse)

    def _is_whole(self, found: str) -> bool:
        constraint = self.asked
        return constraint is not None and constraint.fullmatch(found) and not any(s in found for s in self.excluded)


def _plans(jobs: Sequence[Job]) -> list[_Plan]:
    made: dict[tuple[int, tuple[str, ...], bool], _Plan] = {}  # by identity: constraints are shared by many jobs
    plans = []
    for job in jobs:
        key = id(job.constraint), job.stop, job.cut
        if key not in made:
            made[key] = _plan(job)
        plans.append(made[key])
    return plans


def _plan(job: Job) -> _Plan:
    constraint, stop = job.constraint, tuple(dict.fromkeys(job.stop))
    if constraint is None:
        return _Plan(None, None, cuts=stop)
    if not stop:
        return _Plan(constraint, constraint)
    if job.cut:
        return _Plan(constraint, constraint, later=stop)
    own: tuple[str, ...] = getattr(constraint, "own_stops", ())
    excluded = tuple(one for one in stop if one not in own)
    kept = constraint & ~(text() + choices(excluded) + text()) if excluded else constraint
    if excluded and kept.is_empty and not constraint.is_empty:
        raise UnsatisfiableError(
            f"stop={list(excluded)!r}: every text that satisfies {constraint!r:.200} contains one of these, and a "
            "text without its end would not satisfy it; leave them out of stop."
        )
    return _Plan(constraint, kept + choices(stop).repeat(0, 1), behind=stop, excluded=excluded)


# --- names ------------------------------------------------------------------------------------------------------------


def _name_of(made: Any) -> str | None:
    """Where a model or a tokenizer was loaded from, as far as it knows."""
    name = getattr(made, "name_or_path", None) or getattr(getattr(made, "config", None), "_name_or_path", None)
    return name if isinstance(name, str) and name else None


def _identity(made: Any) -> str:
    name = os.fspath(made) if isinstance(made, (str, os.PathLike)) else _name_of(made)
    if name is not None:
        return name
    with _naming:
        if made not in _nameless:
            _nameless[made] = f"{type(made).__name__} {uuid.uuid4().hex}"
        return _nameless[made]
