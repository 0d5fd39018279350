"""``relark.stream`` and ``relark.stream_objects``: a text while it is being written.

Use `stream` to show a text early, `stream_objects` to act on the fields of an object before the object is complete;
otherwise `relark.generate`, which writes the same text.

What is handed out is final.  So a piece never ends inside a character, does not hold the beginning of what may become
a stop string, and waits while it is open whether the text leads anywhere (emptiness, where a search for it was given
up).  The iterators do nothing between two pieces; closing one, or leaving a loop over it, ends the text.

Cost: beside `relark.generate` some microseconds a piece.  What it cannot do: several prompts in one batch.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator as Iteration
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from relark.decoding import generate as generation
from relark.decoding.events import Event, JsonReader
from relark.decoding.sampling import Sampling
from relark.errors import ArgumentError

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from relark.constraint import Constraint
    from relark.decoding.generate import LarkGrammar, Pattern, Prompt, Result
    from relark.decoding.loop import Batch, Clock, Request, Row
    from relark.language import Term

    ParsePart: TypeAlias = Callable[[tuple[str | int, ...], str, Sequence[Any]], Any]

__all__ = ["stream", "stream_objects"]


def stream(
    prompt: Prompt,
    *,
    regex: Pattern | None = None,
    schema: Any = None,
    grammar: LarkGrammar | Constraint | None = None,
    choices: Iterable[str] | type[enum.Enum] | None = None,
    constraint: Constraint | None = None,
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
) -> Iteration[str, None, Result]:
    """The text of `relark.generate` in pieces, as it is written.

    prompt   a text, or messages
    others   as for `relark.generate`

    Returns an iterator over non-empty strings, which put together are the text (also with ``schema``, and with
    ``result="tree"``).  What ``yield from`` gives at its end is the `Result`, whose ``value`` is the object or the
    tree.  Close it, or drop it, to end early.
    Raises what `relark.generate` raises, at once; during iteration only ModelError and DeadEndError.
    """
    stops = generation._stops(stop)
    [found] = generation._constraints(
        1, regex, choices, constraint, schema=schema, grammar=grammar, start=start, result=result
    )
    sampling = Sampling(temperature, top_p, top_k, seed)
    return _pieces(*_started(prompt, found, model, tokenizer, max_new_tokens, sampling, stops, fast_forward))


def stream_objects(
    prompt: Prompt,
    *,
    schema: Any,
    model: Any = None,
    tokenizer: Any = None,
    max_new_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    seed: int | None = None,
    fast_forward: bool = True,
) -> Iteration[Event, None, Result]:
    """The values of a JSON text, each as soon as it is complete.

    prompt   a text, or messages
    schema   a type, a function or a JSON Schema, or what `relark.schema` made of one
    others   as for `relark.generate`

    Returns an iterator over `Event`s: members and items before the objects and arrays that they are in, the whole
    last, at path ``()``.  The value of the last is what `relark.generate` returns for this schema.  Values inside
    have the types of their fields where the type of the whole tells (a ``datetime.date`` and not its text), and are
    plain JSON elsewhere: for a JSON Schema; where a union leaves open which of its types it will be (a discriminator
    that was written before decides); where a validator wants other fields, or Pydantic refuses the part by itself.
    What ``yield from`` gives at the end is the `Result`.  Close it, or drop it, to end early.
    Raises what `relark.generate` raises: at once, except ModelError and DeadEndError, and ValidationFailed at the end.
    """
    if schema is None:
        raise ArgumentError("schema=None: expected a type, a JSON Schema, or what relark.schema(...) made of one.")
    [constraint] = generation._constraints(1, None, None, None, schema=schema)
    sampling = Sampling(temperature, top_p, top_k, seed)
    pieces = _pieces(*_started(prompt, constraint, model, tokenizer, max_new_tokens, sampling, (), fast_forward))
    return _events(pieces, None if constraint is None else constraint.parse_part)


def _events(pieces: Iteration[str, None, Result], parse_part: ParsePart | None) -> Iteration[Event, None, Result]:
    reader = JsonReader()
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            result: Result = end.value
            break
        for found in reader.read(piece):
            if found.path:
                value = found.value if parse_part is None else parse_part(found.path, found.text, found.around)
                yield Event(found.path, value)
    yield Event((), result.value)
    return result


def _started(
    prompt: Prompt,
    constraint: Constraint | None,
    model: Any,
    tokenizer: Any,
    max_new_tokens: int | None,
    sampling: Sampling,
    stops: Sequence[bytes],
    fast_forward: bool,
) -> tuple[Batch, Request, Clock]:
    """Everything that can be checked is checked; nothing has been generated."""
    prompts, single = generation._prompts(prompt)
    if not single:
        raise ArgumentError(
            f"prompt: streams are of one text, got a list of {len(prompts)}; give one prompt, or use relark.generate."
        )
    generation.check_max_new_tokens(max_new_tokens)
    generation.check_fast_forward(fast_forward)
    from relark.decoding.forced import Speller
    from relark.decoding.loop import Batch, Clock, starts

    generator = generation.Generator(model, tokenizer)
    requests = generator._requests(prompts, [constraint], max_new_tokens)
    vocabulary = generator.vocabulary
    clock = Clock()
    matchers = starts(requests, vocabulary)
    batch = Batch(
        generator.model,
        vocabulary,
        requests,
        matchers,
        sampling=sampling,
        stop=stops,
        speller=Speller(generator.tokenizer, vocabulary) if fast_forward else None,
        clock=clock,
    )
    return batch, requests[0], clock


def _pieces(batch: Batch, request: Request, clock: Clock) -> Iteration[str, None, Result]:
    [row] = batch.rows
    decoder = codecs.getincrementaldecoder("utf-8")("replace" if request.constraint is None else "strict")
    for _ in batch.steps():
        final = _final_bytes(row, batch.stop)
        piece = decoder.decode(bytes(row.data[row.handed_out : final]), final=row.reason is not None)
        row.handed_out = final
        if piece:
            yield piece
    return generation._result(batch.finished(row), request, clock)


def _final_bytes(row: Row, stops: Sequence[bytes]) -> int:
    """How many bytes of the text are there to stay."""
    size = len(row.data)
    if row.reason is not None:
        return size
    if row.matcher is not None and not _is_alive(row.matcher.state):
        return row.handed_out
    longest = max(map(len, stops), default=1)
    for start in range(max(row.handed_out, size - longest), size):  # a whole one, too: a longer one may follow
        if any(stop.startswith(row.data[start:]) for stop in stops):
            return start
    return size


def _is_alive(state: Term) -> bool:
    """Whether it is proved that some text leads on from ``state``; then the loop does not go back behind it."""
    from relark.language import completion
    from relark.language.terms import CHECK, Concat, Repeat, Union

    if not completion.undecided or not state.flags & CHECK:
        return True
    work = [state]
    while work:
        part = work.pop()
        if part in completion.undecided:
            return False
        match part:
            case Concat():
                work += [part.head, part.tail]
            case Union():
                work += part.items
            case Repeat():
                work.append(part.item)
    return True
