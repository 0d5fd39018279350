"""The engine below the model classes: stop strings, pieces, batches, threads, event loops; and the settings."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import time
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
import transformers
from langchain_doubles import talker

import relark
from relark.constraint import Constraint
from relark.decoding.sampling import Sampling
from relark.errors import ArgumentError, BudgetError, ModelError, UnsatisfiableError
from relark.integrations.langchain.engine import Engine, Job, Options, Piece
from relark.integrations.langchain.settings import OPTIONS, Settings

GREEDY = Options(None, 30, Sampling())
PROMPT = "The capital of France is"


@pytest.fixture(scope="module")
def engine(model: Any, tokenizer: Any) -> Engine:
    return Engine(model, tokenizer)


def saying(reply: str) -> Engine:
    """An engine whose model wants to say ``reply``."""
    return Engine(*talker(lambda prompt: reply, marker="France is"))


def joined(pieces: Iterable[Piece]) -> str:
    """The text of ``pieces``, which must agree with the result that the last one has."""
    found = list(pieces)
    assert [piece.result is not None for piece in found] == [False] * (len(found) - 1) + [True]
    result = found[-1].result
    assert result is not None
    text = "".join(piece.text for piece in found)
    assert text == result.text
    assert all(piece.text for piece in found[:-1])
    assert sum(piece.tokens for piece in found) == len(result.token_ids)
    return text


# --- stop strings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "stop", "expected"),
    [
        ("Paris. Rome.", ["."], "Paris"),
        ("Paris. Rome.", [" Rome", "."], "Paris"),
        ("Paris. Rome.", ["Rom"], "Paris. "),
        ("Paris. Rome.", ["[a-z]"], "Paris. Rome."),
        ("Paris. Rome.", ["Paris"], ""),
        ("a\n\nb", ["\n\n", "\n"], "a"),
    ],
)
def test_free_text_is_cut_before_the_first_stop(reply: str, stop: list[str], expected: str) -> None:
    engine = saying(reply)
    job = Job(PROMPT, None, tuple(stop))
    assert engine.run([job], GREEDY)[0].text == expected
    assert joined(engine.pieces(job, GREEDY)) == expected


@pytest.mark.parametrize(
    ("reply", "pattern", "stop", "expected"),
    [
        ("red\nObservation: no", r"[a-z\n:A-Z ]+", ["\nObservation"], "red"),  # written behind the text, taken off
        ("red\nblue", r"[a-z\n]+", ["\n"], "red"),
        ("abbb", r"a?[a-c]+", ["bb"], "ab"),  # "a" is a text, too; but which stop is meant is the model's choice
        ("a\n\n", r"[a-z]+\n*", ["\n", "\n\n"], "a"),
        ("Paris.", r"[A-Za-z.]+", ["."], "Paris"),
        ("Paris", r"Paris", ["."], "Paris"),
    ],
)
def test_a_constrained_text_is_never_cut(reply: str, pattern: str, stop: list[str], expected: str) -> None:
    engine = saying(reply)
    job = Job(PROMPT, relark.regex(pattern), tuple(stop))
    [result] = engine.run([job], GREEDY)
    assert re.fullmatch(pattern, result.text)
    assert not any(one in result.text for one in stop)
    assert joined(engine.pieces(job, GREEDY)) == result.text
    assert result.text == expected


def test_what_was_asked_for_keeps_its_meaning() -> None:
    engine = saying('{"n": 12}\n\nHuman: more')
    constraint = relark.schema({"type": "object", "properties": {"n": {"type": "integer"}}})  # others, too: any JSON
    [result] = engine.run([Job(PROMPT, constraint, ("\n\n",))], GREEDY)
    assert result.value == {"n": 12}
    assert result.finish_reason == "stop_string"


def test_a_stop_that_every_text_contains_is_refused(engine: Engine) -> None:
    for stop in (("a",), ("x", "b")):
        with pytest.raises(UnsatisfiableError, match="contains one of these"):
            engine.run([Job(PROMPT, relark.regex("a+b"), stop)], GREEDY)
        with pytest.raises(UnsatisfiableError, match="contains one of these"):
            engine.pieces(Job(PROMPT, relark.regex("a+b"), stop), GREEDY)


class Tagged(Constraint):
    own_stops = ("</a>",)


def test_stops_that_a_constraint_knows_may_occur_in_its_texts() -> None:
    engine = saying("<a>x</a>y</a>")
    plain = relark.regex(r"<a>x</a>(y+)?")
    known = Tagged(plain.term, plain.description)
    job = Job(PROMPT, known, ("</a>",))
    [result] = engine.run([job], GREEDY)
    assert result.text == "<a>x</a>y"
    assert joined(engine.pieces(job, GREEDY)) == result.text
    with pytest.raises(UnsatisfiableError):
        engine.run([Job(PROMPT, plain, ("</a>",))], GREEDY)


@pytest.mark.parametrize(
    ("stop", "expected"), [(["Human:"], '{"a": 1}\n'), (["a"], '{"'), (['{"'], ""), (["x"], '{"a": 1}\nHuman:')]
)
def test_with_cut_the_finished_text_is_cut(stop: list[str], expected: str) -> None:
    engine = saying('{"a": 1}\nHuman:')
    job = Job(PROMPT, relark.regex(r'\{"a": \d\}\nHuman:'), tuple(stop), cut=True)
    assert engine.run([job], GREEDY)[0].text == expected
    assert joined(engine.pieces(job, GREEDY)) == expected


# --- pieces -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", [None, "[a-z 0-9]{4,20}", "[é日😀]{1,6}", r'\{"a": "(red|blue)", "b": \d+\}', "x"])
@pytest.mark.parametrize("stop", [(), ("e",), ("1", "th")])
@pytest.mark.parametrize("fast_forward", [True, False])
def test_pieces_are_the_text(pattern: str | None, stop: tuple[str, ...], fast_forward: bool, engine: Engine) -> None:
    constraint = None if pattern is None else relark.regex(pattern)
    if constraint is not None and "red" in str(pattern) and stop == ("e",):
        return  # every text contains it
    options = Options(None, 20, Sampling(), fast_forward=fast_forward)
    job = Job(PROMPT, constraint, stop)
    [result] = engine.run([job], options)
    assert joined(engine.pieces(job, options)) == result.text


def test_pieces_do_not_end_inside_characters(engine: Engine) -> None:
    """The tokens of these are single bytes; only the last piece may come with nothing."""
    for pattern in ("[日本😀é]{9}", "(日😀é){3}"):
        [*found, last] = [piece.text for piece in engine.pieces(Job(PROMPT, relark.regex(pattern)), MANY)]
        assert re.fullmatch(pattern, "".join(found) + last)
        assert all(found)
    assert joined(engine.pieces(Job(PROMPT), GREEDY)) == engine.run([Job(PROMPT)], GREEDY)[0].text


def test_drawn_texts_are_the_same_in_pieces_and_on_every_run(engine: Engine) -> None:
    options = Options(None, 20, Sampling(temperature=1.5, seed=3))
    job = Job(PROMPT, relark.regex("[a-z]{3,20}"))
    [once] = engine.run([job], options)
    assert joined(engine.pieces(job, options)) == once.text == engine.run([job], options)[0].text
    others = Options(None, 20, Sampling(temperature=1.5, seed=4))
    assert engine.run([job], others)[0].text != once.text


# --- batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_of_all_kinds_is_what_each_is_alone(model: Any, tokenizer: Any) -> None:
    engine = Engine(model, tokenizer, batch_size=4)
    jobs = [
        Job(prompt, constraint, stop)
        for prompt in ("red", "The capital of Italy is", tuple(tokenizer("green")["input_ids"]))
        for constraint in (None, relark.regex("[a-z]{2,9}"), relark.choices(["yes", "no"]))
        for stop in ((), ("e",))
        if not (stop and constraint is not None and constraint.fullmatch("yes") and constraint.fullmatch("no"))
    ]
    together = engine.run(jobs, GREEDY)
    alone = [engine.run([job], GREEDY)[0] for job in jobs]
    assert [result.text for result in together] == [result.text for result in alone]
    assert [result.prompt_tokens for result in together] == [result.prompt_tokens for result in alone]
    assert len({result.text for result in together}) > 4


def test_forward_passes_are_shared() -> None:
    model, tokenizer = talker(lambda prompt: "Paris.", marker="France is")
    engine = Engine(model, tokenizer, batch_size=3)
    engine.run([Job(f"{i} {PROMPT}") for i in range(7)], GREEDY)
    assert max(model.batches) == 3
    assert sum(model.batches) < 7 * 10
    assert engine.run([], GREEDY) == []


def test_draws_depend_on_the_place_in_the_request(model: Any, tokenizer: Any) -> None:
    """Not on how it was cut into batches, nor on what else was in it."""
    options = Options(None, 12, Sampling(temperature=2.0, seed=1))
    jobs = [Job(PROMPT, relark.regex("[a-z ]{5,30}"), ("x",) if i % 2 else ()) for i in range(6)]
    whole = [r.text for r in Engine(model, tokenizer, batch_size=16).run(jobs, options)]
    assert whole == [r.text for r in Engine(model, tokenizer, batch_size=2).run(jobs, options)]
    assert len(set(whole)) == 6


def test_text_tokens_may_be_written(model: Any, tokenizer: Any) -> None:
    """In one batch with texts in which they are spelled out."""
    engine = Engine(model, tokenizer)
    constraint = relark.regex("<pad>[a-z]")
    plain, marked, again = engine.run(
        [Job(PROMPT, constraint, text_tokens=tokens) for tokens in ((), ("<pad>",), ())], GREEDY
    )
    pad = tokenizer.convert_tokens_to_ids("<pad>")
    assert marked.token_ids[0] == pad
    assert pad not in plain.token_ids
    assert (plain.text, plain.token_ids) == (again.text, again.token_ids)
    assert joined(engine.pieces(Job(PROMPT, constraint, text_tokens=("<pad>",)), GREEDY)) == marked.text


# --- giving up --------------------------------------------------------------------------------------------------------


class Counting:
    """``model``, which counts its passes, waits at each, and fails at one."""

    def __init__(self, model: Any, wait: float = 0.0, fail_at: int | None = None) -> None:
        self.model, self.wait, self.fail_at, self.passes = model, wait, fail_at, 0
        self.config, self.generation_config, self.device = model.config, model.generation_config, model.device
        self.forward, self.generate = model.forward, model.generate

    def get_output_embeddings(self) -> Any:
        return self.model.get_output_embeddings()

    def __call__(self, **inputs: Any) -> Any:
        self.passes += 1
        time.sleep(self.wait)
        if self.passes == self.fail_at:
            raise MemoryError("out of memory")
        return self.model(**inputs)


LONG = Job(PROMPT, relark.regex("[a-z ]{900,}"))
MANY = Options(None, 1000, Sampling())


def test_an_event_ends_a_run(model: Any, tokenizer: Any) -> None:
    counting = Counting(model)
    cancel = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            Engine(counting, tokenizer).run([LONG], MANY, cancel)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while counting.passes < 5:
        time.sleep(0.001)
    cancel.set()
    thread.join(10)
    assert not thread.is_alive()
    assert counting.passes < 500
    assert len(errors) == 1


@pytest.mark.parametrize("close", [True, False])
def test_pieces_that_are_closed_or_dropped_end_generation(close: bool, model: Any, tokenizer: Any) -> None:
    counting = Counting(model)
    pieces = Engine(counting, tokenizer).pieces(LONG, MANY)
    next(pieces)
    next(pieces)
    if close:
        pieces.close()
    del pieces
    gc.collect()
    before = counting.passes
    time.sleep(0.05)
    assert counting.passes == before < 20


async def test_a_cancelled_run_ends_soon(model: Any, tokenizer: Any) -> None:
    counting = Counting(model)
    engine = Engine(counting, tokenizer)
    task = asyncio.create_task(engine.arun([LONG], MANY))
    await cancelled(task, counting)
    assert counting.passes < 500
    assert (await engine.arun([Job(PROMPT, relark.regex("x{3}"))], MANY))[0].text == "xxx"


async def test_cancelled_pieces_end_even_where_nothing_may_be_shown(model: Any, tokenizer: Any) -> None:
    """All that is written may become the stop string: a thread is at work on one piece until the end."""
    counting = Counting(model, wait=0.002)
    job = Job(PROMPT, relark.regex("b[a-z ]{900,}"), ("b",), cut=True)
    pieces = Engine(counting, tokenizer).apieces(job, MANY)
    task = asyncio.ensure_future(anext(pieces))
    await cancelled(task, counting)
    assert counting.passes < 400


async def rests(counting: Counting) -> None:
    """Return when no more passes happen."""
    while True:
        before = counting.passes
        await asyncio.sleep(0.1)
        if counting.passes == before:
            return


async def cancelled(task: asyncio.Future[Any], counting: Counting) -> None:
    """Cancel ``task`` in the middle of its work, and wait until no pass runs any more."""
    while counting.passes < 5:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await rests(counting)


@pytest.mark.parametrize("way", ["run", "pieces", "arun", "apieces"])
async def test_what_the_model_raises_is_raised(way: str, model: Any, tokenizer: Any) -> None:
    engine = Engine(Counting(model, fail_at=4), tokenizer)
    with pytest.raises(MemoryError, match="out of memory"):
        if way == "run":
            engine.run([LONG], MANY)
        elif way == "pieces":
            list(engine.pieces(LONG, MANY))
        elif way == "arun":
            await engine.arun([LONG], MANY)
        else:
            [piece async for piece in engine.apieces(LONG, MANY)]


@pytest.mark.parametrize("way", ["run", "pieces", "arun", "apieces"])
async def test_errors_come_before_the_first_piece(way: str, engine: Engine) -> None:
    job, options = Job(PROMPT, relark.regex("x{300}")), Options(None, 2, Sampling())
    with pytest.raises(BudgetError, match="max_new_tokens"):
        if way == "run":
            engine.run([job], options)
        elif way == "pieces":
            engine.pieces(job, options)
        elif way == "arun":
            await engine.arun([job], options)
        else:
            await anext(engine.apieces(job, options))


async def test_the_async_forms_are_the_same(engine: Engine) -> None:
    job = Job(PROMPT, relark.regex("[a-z ]{5,40}"))
    [result] = engine.run([job], GREEDY)
    assert [r.text for r in await engine.arun([job, job], GREEDY)] == [result.text] * 2
    found = [piece async for piece in engine.apieces(job, GREEDY)]
    assert joined(found) == result.text
    assert [p.text for p in found] == [p.text for p in engine.pieces(job, GREEDY)]


async def test_the_event_loop_goes_on(model: Any, tokenizer: Any) -> None:
    engine = Engine(Counting(model, wait=0.01), tokenizer)
    job = Job(PROMPT, relark.regex("[a-z ]{20,}"))
    longest, before, done = 0.0, time.perf_counter(), False

    async def consume() -> None:
        nonlocal done
        async for _ in engine.apieces(job, Options(None, 20, Sampling())):
            pass
        await engine.arun([job], Options(None, 20, Sampling()))
        done = True

    task = asyncio.create_task(consume())
    while not done:
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
        if task.done():
            await task
    assert longest < 0.15  # forty passes of 10 ms


# --- the model --------------------------------------------------------------------------------------------------------


def test_the_model_is_loaded_once_by_whoever_comes_first(monkeypatch: pytest.MonkeyPatch, model: Any) -> None:
    from relark.decoding import models

    loads = []

    def load() -> tuple[Any, Any]:
        loads.append(1)
        time.sleep(0.05)
        return talker(lambda prompt: "Paris.")

    monkeypatch.setattr(models, "embedded_model", load)
    engine = Engine()
    assert not loads
    assert engine.model_name == "SmolLM2-135M-Instruct"
    threads = [threading.Thread(target=lambda: engine.tokenizer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]


def test_wrong_models_are_refused_at_once(model: Any, tokenizer: Any) -> None:
    with pytest.raises(ArgumentError, match="model= and pipeline="):
        Engine(model, tokenizer, pipeline=object())
    with pytest.raises(ArgumentError, match="tokenizer= without model="):
        Engine(tokenizer=tokenizer)
    with pytest.raises(ArgumentError, match="pass tokenizer="):
        Engine(model)
    with pytest.raises(ArgumentError, match="expected a transformers model"):
        Engine(3)
    with pytest.raises(ModelError, match="not a folder"):
        Engine("no/such/folder").run([Job(PROMPT)], GREEDY)


def test_models_are_told_apart(model: Any, tokenizer: Any) -> None:
    from decoding.decoding_doubles import llama

    other = llama(seed=1)
    assert Engine(model, tokenizer).identity == Engine(model, tokenizer).identity
    assert Engine(model, tokenizer).identity != Engine(other, tokenizer).identity
    assert Engine(model, tokenizer).model_name == Engine(other, tokenizer).model_name == "LlamaForCausalLM"
    assert Engine("org/one").identity == "org/one" != Engine("org/two").identity
    assert Engine("org/one", "org/two").identity != Engine("org/one").identity
    assert "0x" not in Engine(model, tokenizer).identity


# --- settings ---------------------------------------------------------------------------------------------------------


def test_a_pipeline_or_langchains_wrapper_of_it_will_do(model: Any, tokenizer: Any) -> None:
    pipeline = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)
    for given in (pipeline, SimpleNamespace(pipeline=pipeline)):
        assert Settings(pipeline=given).engine.generator.model is model
    assert Settings(model=pipeline).engine.tokenizer is tokenizer


def test_a_call_changes_what_it_names(model: Any, tokenizer: Any) -> None:
    settings = Settings(
        model=model, tokenizer=tokenizer, regex="[a-z]+", max_tokens=9, temperature=0.5, stop="x", top_k=4
    )
    fields = settings.resolved(None, {})
    assert fields.constraint is not None
    assert fields.constraint.description == "regex('[a-z]+')"
    assert (fields.max_new_tokens, fields.sampling, fields.stop) == (9, Sampling(0.5, None, 4, None), ("x",))
    call = settings.resolved(["y", "z"], {"choices": ["a"], "max_tokens": 3, "temperature": 0.0, "seed": 1})
    assert call.constraint is not None
    assert call.constraint.description == "choices(['a'])"
    assert (call.max_new_tokens, call.sampling, call.stop) == (3, Sampling(0.0, None, 4, 1), ("y", "z"))
    assert settings.resolved([], {}).stop == ()
    assert settings.resolved(None, {"regex": None, "seed": None}) == fields


def test_a_copy_with_the_options_of_a_call(model: Any, tokenizer: Any) -> None:
    settings = Settings(model=model, tokenizer=tokenizer, regex="[a-z]+", max_new_tokens=9)
    given = {"schema": {"type": "integer"}, "max_tokens": 4, "top_p": 0.5, "fast_forward": False}
    copy = settings.replaced(given)
    assert copy.engine is settings.engine
    assert copy.resolved(None, {}) == Options(copy.constraint, 4, Sampling(None, 0.5), (), False)
    assert copy.fingerprint(copy.resolved(None, {})) == settings.fingerprint(settings.resolved(None, given))
    assert settings.regex == "[a-z]+"
    assert settings.replaced({}) is settings


def test_wrong_settings_are_refused(model: Any, tokenizer: Any) -> None:
    good = {"model": model, "tokenizer": tokenizer}
    for wrong, said in [
        ({"regexp": "a"}, "regexp"),
        ({"regex": "a", "choices": ["b"]}, "regex and choices"),
        ({"regex": "("}, "missing"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"temperature": -1.0}, "temperature"),
        ({"stop": [""]}, "stop"),
        ({"batch_size": 0}, "batch_size"),
    ]:
        with pytest.raises(ValueError, match=said):
            Settings(**{**good, **wrong})
    settings = Settings(**good)
    with pytest.raises(ArgumentError, match=r"regx, tempreature: not an option of Settings") as error:
        settings.resolved(None, {"regx": "a", "tempreature": 1})
    assert all(name in str(error.value) for name in OPTIONS)
    with pytest.raises(ArgumentError, match="temperature"):
        settings.resolved(None, {"temperature": "hot"})
    with pytest.raises(ArgumentError, match="stop"):
        settings.resolved(3, {})  # type: ignore[arg-type]


def test_a_fingerprint_says_everything_that_matters(model: Any, tokenizer: Any) -> None:
    settings = Settings(model=model, tokenizer=tokenizer)
    calls: list[dict[str, Any]] = [
        {},
        {"regex": "a+"},
        {"regex": "a*"},
        {"choices": ["a"]},
        {"temperature": 0.5},
        {"temperature": 0.5, "seed": 1},
        {"top_p": 0.5},
        {"max_new_tokens": 7},
        {"fast_forward": False},
    ]
    found = [settings.fingerprint(settings.resolved(None, call)) for call in calls]
    found += [settings.fingerprint(settings.resolved(stop, {})) for stop in (["a"], ["b"], ["a", "b"])]
    assert len(set(found)) == len(found)
    assert not any("0x" in one for one in found)
    assert found[1] == settings.fingerprint(settings.resolved(None, {"constraint": relark.regex("a+")}))
