"""relark.stream: its pieces are the text of relark.generate, each of them final, early, in whole characters."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import Any, ClassVar

import pytest
import torch
from decoding_doubles import ScriptedModel
from hypothesis import given, settings
from hypothesis import strategies as st

import relark
from relark.decoding.loop import Batch, Clock, Request
from relark.decoding.sampling import Sampling
from relark.decoding.stream import _pieces, stream
from relark.errors import ArgumentError, BudgetError, DeadEndError, PatternError, UnsatisfiableError
from relark.language import completion

NAMES = ["choices", "number", "date", "list", "unicode", "until", "exclude"]


def drained(pieces: Generator[str, None, relark.Result]) -> tuple[list[str], relark.Result]:
    """All pieces, and what the iterator returned."""
    found = []
    while True:
        try:
            found.append(next(pieces))
        except StopIteration as end:
            return found, end.value


def scripted(tokenizer: Any, text: str) -> relark.Generator:
    """Writes ``text``, and then EOS."""
    ids = tokenizer(text)["input_ids"]
    return relark.Generator(ScriptedModel([*ids, 2], 416, prompt_length=1, eos_token_id=2), tokenizer)


def streamed(generator: relark.Generator, prompt: Any = "x", **options: Any) -> list[str]:
    return list(stream(prompt, model=generator.model, tokenizer=generator.tokenizer, **options))


# --- the same text


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_pieces_make_the_text_of_generate(
    data: st.DataObject,
    models_by_seed: Callable[[int], Any],
    tokenizer: Any,
    constraints: dict[str, relark.Constraint],
) -> None:
    generator = relark.Generator(models_by_seed(data.draw(st.integers(0, 7))), tokenizer)
    name = data.draw(st.sampled_from([*NAMES, None]))
    options: dict[str, Any] = {
        "constraint": None if name is None else constraints[name],
        "max_new_tokens": data.draw(st.integers(12, 24)),
        "temperature": data.draw(st.sampled_from([None, 0.7, 5.0])),
        "seed": data.draw(st.integers(0, 99)),
        "stop": data.draw(st.lists(st.sampled_from(["e", ", ", "red", "日", "-0", "ab"]), max_size=2)) or None,
    }
    expected = generator.run("The capital", **options)
    pieces, result = drained(stream("The capital", model=generator.model, tokenizer=tokenizer, **options))
    assert "".join(pieces) == expected.text == result.text
    assert all(pieces)
    assert (result.token_ids, result.logprobs) == (expected.token_ids, expected.logprobs)
    assert (result.finish_reason, result.prompt_tokens) == (expected.finish_reason, expected.prompt_tokens)


def test_messages(generator: relark.Generator) -> None:
    chat = [{"role": "user", "content": "yes"}]
    assert "".join(streamed(generator, chat, regex="[a-z]{5}")) == generator.run(chat, regex="[a-z]{5}").text


def test_the_result_is_what_yield_from_gives(generator: relark.Generator) -> None:
    results = []

    def passed_on() -> Iterator[str]:
        results.append((yield from stream("x", choices=["red"], model=generator.model, tokenizer=generator.tokenizer)))

    text = "".join(passed_on())
    assert (results[0].text, results[0].finish_reason) == (text, "stop") == ("red", "stop")
    assert results[0].timings.prefill > 0


# --- pieces


def test_a_piece_comes_before_the_next_forward_pass(tokenizer: Any) -> None:
    generator = scripted(tokenizer, "yes, maybe")
    pieces = stream("x", model=generator.model, tokenizer=tokenizer)
    assert generator.model.passes == []  # nothing happens before it is asked for
    for count, _ in enumerate(pieces, 1):
        assert len(generator.model.passes) == count


def test_pieces_hold_whole_characters(tokenizer: Any) -> None:
    text = "naïve café 日本 😀 𝔘"
    for options in ({}, {"constraint": relark.text()}):
        generator = scripted(tokenizer, text)
        pieces = streamed(generator, **options)
        assert "".join(pieces) == text
        assert "\ufffd" not in "".join(pieces)
        assert len(generator.model.passes) > len(pieces)  # some tokens ended inside a character


@settings(max_examples=100)
@given(tokens=st.lists(st.integers(0, 255), max_size=12), stop=st.sampled_from([None, "a", "aé", "é"]))
def test_rubbish_is_replaced_as_generate_replaces_it(tokens: list[int], stop: str | None) -> None:
    vocabulary = relark.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])
    model = ScriptedModel([*tokens, 256], 257, prompt_length=1)
    request = Request(0, (0,), None, 12)
    stops = [stop.encode()] if stop else []
    clock = Clock()
    batch = Batch(model, vocabulary, [request], [None], sampling=Sampling(), stop=stops, clock=clock)
    pieces, result = drained(_pieces(batch, request, clock))
    assert "".join(pieces) == result.text


@settings(max_examples=150)
@given(
    script=st.text("ab", max_size=10),
    stops=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
    pattern=st.sampled_from([None, "[ab]*", "(?:ab|b)*", "a*b*", "(?:[ab]{2})*"]),
)
def test_nothing_is_handed_out_that_a_stop_string_takes_back(
    script: str, stops: list[str], pattern: str | None
) -> None:
    vocabulary = relark.Vocabulary.from_bytes([b"a", b"b", None], eos_ids=[2])
    constraint = None if pattern is None else relark.regex(pattern)
    request = Request(0, (0,), constraint, 12)
    encoded = [stop.encode() for stop in stops]
    made = []
    for _ in range(2):
        matcher = None if constraint is None else constraint.matcher(vocabulary)
        model = ScriptedModel([*("ab".index(c) for c in script), 2], 3, prompt_length=1)
        clock = Clock()
        batch = Batch(model, vocabulary, [request], [matcher], sampling=Sampling(), stop=encoded, clock=clock)
        made.append((batch, clock))
    (plain, _), (watched, clock) = made
    for _ in plain.steps():
        pass
    expected = plain.finished(plain.rows[0])
    pieces, result = drained(_pieces(watched, request, clock))
    assert "".join(pieces) == result.text == expected.data.decode()
    assert result.finish_reason == expected.finish_reason


def test_only_what_may_become_a_stop_string_waits(tokenizer: Any) -> None:
    generator = scripted(tokenizer, "yes, maybe. no")
    pieces = iter(stream("x", model=generator.model, tokenizer=tokenizer, stop="maybe!"))
    shown = ""
    while "maybe. no" not in shown:
        written = tokenizer.decode(generator.model.script[: len(generator.model.passes)])
        assert written.startswith(shown)
        assert written == shown or "maybe!".startswith(written[len(shown) :])
        shown += next(pieces)


# --- ending early


def test_closing_leaves_the_model_usable(generator: relark.Generator, constraints: dict[str, Any]) -> None:
    options = {"constraint": constraints["list"], "max_new_tokens": 20}
    expected = generator.run("x", **options).text  # type: ignore[call-overload]
    for count in range(4):
        pieces = stream("x", model=generator.model, tokenizer=generator.tokenizer, **options)  # type: ignore[arg-type]
        taken = list(itertools.islice(pieces, count))
        pieces.close()
        assert expected.startswith("".join(taken))
        assert list(pieces) == []
    assert generator.run("x", **options).text == expected  # type: ignore[call-overload]


def test_between_pieces_torch_is_as_the_caller_left_it(generator: relark.Generator) -> None:
    weights = torch.ones(2, requires_grad=True)
    for _ in stream("x", regex="[ab]{8}", model=generator.model, tokenizer=generator.tokenizer):
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()
        (weights * 2).sum().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        pieces = stream("x", regex="[ab]{8}", model=generator.model, tokenizer=generator.tokenizer)
        next(pieces)
    assert len("".join(pieces)) < 8


def test_streams_side_by_side(generator: relark.Generator) -> None:
    model, tokenizer = generator.model, generator.tokenizer
    prompts = ["The capital", "12 345", "x"]
    several = [stream(p, model=model, tokenizer=tokenizer, max_new_tokens=10) for p in prompts]
    texts = [""] * 3
    for row in itertools.zip_longest(*several, fillvalue=""):
        texts = [text + piece for text, piece in zip(texts, row, strict=True)]
    assert texts == [generator.run(p, max_new_tokens=10).text for p in prompts]


# --- errors


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"prompt": ["x", "y"]}, ArgumentError, "one text, got a list of 2"),
        ({"prompt": 5}, ArgumentError, "prompt: expected"),
        ({"regex": "("}, PatternError, "missing"),
        ({"regex": "a", "choices": ["a"]}, ArgumentError, "regex and choices"),
        ({"temperature": -1}, ArgumentError, "temperature"),
        ({"max_new_tokens": 0}, ArgumentError, "max_new_tokens=0"),
        ({"stop": ""}, ArgumentError, "stop"),
        ({"choices": ["a much longer text than that"], "max_new_tokens": 2}, BudgetError, "max_new_tokens"),
        ({"regex": "a(?!a)a"}, UnsatisfiableError, "no text"),
    ],
)
def test_mistakes_are_reported_at_once(
    arguments: dict[str, Any], error: type[Exception], message: str, tokenizer: Any
) -> None:
    """By the call, not by the first piece, and before the model is asked."""
    model = ScriptedModel([5], 416, 1)
    given = {"prompt": "x", **arguments}
    with pytest.raises(error, match=message):
        stream(given.pop("prompt"), model=model, tokenizer=tokenizer, **given)
    assert model.passes == []


class Optimist:
    """A matcher of ``ac`` whose masks also allow ``ab``, which nothing completes; ``state`` says how sure it is."""

    words: ClassVar = {"": "a", "a": "cb", "ac": "", "ab": ""}

    def __init__(self, state: Any) -> None:
        self.text, self.state = "", state

    def fill(self, row: Any, tokens_left: int | None = None) -> None:
        row[0] = sum(1 << "abc".index(c) for c in self.words[self.text])

    @property
    def is_finished(self) -> bool:
        return self.text == "ac"

    is_accepting = is_finished

    def advance(self, token: int) -> None:
        self.text += "abc"[token]

    def rollback(self, n: int = 1) -> None:
        self.text = self.text[:-n]


@pytest.mark.parametrize("sure", [True, False])
def test_dead_ends(sure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be a dead end is not handed out, so that it can be backed out of."""
    vocabulary = relark.Vocabulary.from_bytes([b"a", b"b", b"c", None], eos_ids=[3])
    request = Request(0, (0,), relark.text(), 8)
    state = (relark.regex("[ab]+") & relark.regex("a.*")).term
    monkeypatch.setattr(completion, "undecided", weakref.WeakSet(() if sure else (state,)))
    for wrapped in (state, relark.Constraint(state, "").repeat(2, 2).term, (relark.Constraint(state, "") + "c").term):
        matcher: Any = Optimist(wrapped)
        clock = Clock()
        model = ScriptedModel([0, 1, 1], 4, prompt_length=1)
        pieces = _pieces(
            Batch(model, vocabulary, [request], [matcher], sampling=Sampling(), clock=clock), request, clock
        )
        if sure:  # wrongly so
            assert [next(pieces), next(pieces)] == ["a", "b"]
            with pytest.raises(DeadEndError, match="streamed already"):
                next(pieces)
        else:
            assert list(pieces) == ["ac"]
