"""relark.rellm.complete_re: what callers of rellm 0.0.5 rely on, and what is better."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import regex
from decoding_doubles import ScriptedModel

import relark
from relark.errors import ArgumentError, BudgetError
from relark.rellm import complete_re


def test_parameters_are_those_of_rellm() -> None:
    parameters = inspect.signature(complete_re).parameters
    assert list(parameters) == [
        "prompt", "pattern", "tokenizer", "model", "max_new_tokens", "stop_after_match", "debug", "model_kwargs",
    ]  # fmt: skip
    assert parameters["max_new_tokens"].default == 3
    assert parameters["stop_after_match"].default is True
    assert parameters["debug"].default is False


def test_one_pattern_or_any_of_several(model: Any, tokenizer: Any) -> None:
    pattern = regex.compile(r"(?:red|green), \d+")
    text = complete_re("x", pattern, tokenizer, model, max_new_tokens=20)
    assert pattern.fullmatch(text)
    several = [regex.compile("yes"), re.compile("no"), "maybe"]
    assert complete_re("x", several, tokenizer=tokenizer, model=model, max_new_tokens=9) in ("yes", "no", "maybe")
    assert relark.rellm.complete_re is complete_re


def test_it_stops_at_the_first_match_or_goes_on(tokenizer: Any) -> None:
    digit = tokenizer("7")["input_ids"][0]
    for stop, expected in ((True, "7"), (False, "777777")):
        model = ScriptedModel([digit] * 9, 416, prompt_length=1, eos_token_id=2)
        found = complete_re("x", regex.compile(r"\d+"), tokenizer, model, max_new_tokens=6, stop_after_match=stop)
        assert found == expected
    # the model's wish to end does not count: rellm never let it
    model = ScriptedModel([2, 2, 2, digit], 416, prompt_length=1, eos_token_id=2)
    found = complete_re("x", regex.compile("7{0,3}"), tokenizer, model, max_new_tokens=6, stop_after_match=False)
    assert found == "777"
    model = ScriptedModel([2, digit], 416, prompt_length=1, eos_token_id=2)
    assert complete_re("x", regex.compile("7*"), tokenizer, model, max_new_tokens=6) == "7"


def test_the_text_is_never_a_fragment(model: Any, tokenizer: Any) -> None:
    with pytest.raises(BudgetError, match="max_new_tokens is 3"):
        complete_re("x", r"\d{4}-\d{2}-\d{2}", tokenizer, model)
    for budget in range(10, 14):
        found = complete_re(
            "x", r"\d{4}-\d{2}-\d{2}(?: and more)*", tokenizer, model, max_new_tokens=budget, stop_after_match=False
        )
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}(?: and more)*", found)


def test_characters_of_several_tokens(model: Any, tokenizer: Any) -> None:
    assert complete_re("x", regex.compile("[éè]{2}"), tokenizer, model, max_new_tokens=8) in ("éé", "éè", "èé", "èè")


def test_debug_prints_each_step(model: Any, tokenizer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    text = complete_re("x", "[ab]{3}", tokenizer, model, debug=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("step=0 completion=")
    assert lines[-1] == f"step={len(lines) - 1} completion={text}"


def test_sampling_options(model: Any, tokenizer: Any) -> None:
    def sample(**options: Any) -> str:
        return complete_re("x", "[a-z]{6}", tokenizer, model, max_new_tokens=6, **options)

    assert sample(do_sample=True, seed=1) == sample(do_sample=True, seed=1, pad_token_id=0, num_beams=1)
    assert len({sample(do_sample=True, temperature=3.0, top_k=0, seed=s) for s in range(6)}) > 1
    assert sample() == sample(do_sample=False, temperature=3.0)
    with pytest.raises(ArgumentError, match="num_beams, penalty_alpha: not an option"):
        sample(num_beams=4, penalty_alpha=0.6)


def test_wrong_arguments(model: Any, tokenizer: Any) -> None:
    with pytest.raises(ArgumentError, match="prompt"):
        complete_re(["x"], "a", tokenizer, model)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="the list is empty"):
        complete_re("x", [], tokenizer, model)
    with pytest.raises(ArgumentError, match="max_new_tokens=0"):
        complete_re("x", "a", tokenizer, model, max_new_tokens=0)
