"""The arguments of relark.generate and Generator.run: what is accepted, what is refused, and when."""

from __future__ import annotations

import enum
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import regex as regex_module
from decoding_doubles import ScriptedModel, train

import relark
from relark.errors import ArgumentError, PatternError, UnsatisfiableError


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


def test_regex_choices_and_constraint(generator: relark.Generator) -> None:
    model, tokenizer = generator.model, generator.tokenizer
    for pattern in (r"\d{2,4}", re.compile(r"\d{2,4}"), regex_module.compile(r"\d{2,4}")):
        assert re.fullmatch(r"\d{2,4}", relark.generate("x", regex=pattern, model=model, tokenizer=tokenizer))
    assert relark.generate("x", choices=["red", "blue"], model=model, tokenizer=tokenizer) in ("red", "blue")
    assert generator.run("x", choices=Color).text in ("red", "green")
    assert generator.run("x", choices=(c for c in ["one"])).text == "one"
    assert generator.run("x", constraint=relark.regex("a") | relark.regex("b")).text in ("a", "b")


def test_a_list_of_prompts_gives_a_list(generator: relark.Generator) -> None:
    model, tokenizer = generator.model, generator.tokenizer
    texts = relark.generate(["x", "y"], regex="[ab]", model=model, tokenizer=tokenizer)
    assert isinstance(texts, list)
    assert len(texts) == 2
    assert relark.generate([], regex="[ab]", model=model, tokenizer=tokenizer) == []
    assert relark.generate(("x",), regex="[ab]", model=model, tokenizer=tokenizer)[0] in "ab"
    assert [str(r) in "ab" for r in generator.run(["x"], regex="[ab]")] == [True]


def test_messages_go_through_the_chat_template(tokenizer: Any) -> None:
    messages = [{"role": "system", "content": "yes"}, {"role": "user", "content": "no"}]
    ids = tokenizer("<system>yes\n<user>no\n<assistant>")["input_ids"]
    model = ScriptedModel([2], 416, len(ids), eos_token_id=2)
    generator = relark.Generator(model, tokenizer)
    assert generator.run(messages).prompt_tokens == len(ids)
    [one, two, three] = generator.run([messages, "x", messages])
    assert (one.prompt_tokens, two.prompt_tokens, three.prompt_tokens) == (len(ids), 1, len(ids))


def test_messages_without_a_chat_template(model: Any) -> None:
    plain = train(300)
    plain.chat_template = None
    with pytest.raises(ArgumentError, match="no chat template"):
        relark.generate([{"role": "user", "content": "x"}], model=model, tokenizer=plain)


def test_messages_that_the_template_refuses(model: Any) -> None:
    strict = train(300)
    strict.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(ArgumentError, match="roles must alternate"):
        relark.generate([{"role": "user", "content": "x"}], model=model, tokenizer=strict)


def test_empty_prompt_starts_from_bos_or_is_refused(model: Any, generator: relark.Generator) -> None:
    assert generator.run("", regex="[ab]").prompt_tokens == 1
    without = train(300)
    without.bos_token = None
    with pytest.raises(ArgumentError, match="prompt 1 is empty"):
        relark.generate("", model=model, tokenizer=without)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": 5}, "prompt: expected a string"),
        ({"prompt": b"x"}, "prompt: expected a string"),
        ({"prompt": ["x", 5]}, r"prompt\[1\]: expected a string or a list of messages"),
        ({"prompt": [[]]}, r"prompt\[0\]"),
        ({"prompt": [{"role": "user"}]}, '"content"'),
        ({"regex": "a", "choices": ["a"]}, "regex and choices were given"),
        ({"regex": ["a", "b"]}, "one per prompt"),
        ({"choices": "abc"}, r"choices=\['abc'\]"),
        ({"choices": []}, "at least one"),
        ({"constraint": "a"}, "expected a relark constraint"),
        ({"constraint": ["a"]}, r"constraint\[0\]"),
        ({"prompt": ["x", "y"], "constraint": [None]}, "1 entries for 2 prompts"),
        ({"constraint": [None, None]}, "2 entries for 1 prompt;"),
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"max_new_tokens": 2.5}, "max_new_tokens=2.5"),
        ({"max_new_tokens": True}, "max_new_tokens=True"),
        ({"temperature": -1}, "temperature=-1"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"temperature": "hot"}, "temperature='hot'"),
        ({"top_p": 0}, "top_p=0"),
        ({"top_p": 1.5}, "top_p=1.5"),
        ({"top_k": 0}, "top_k=0"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"stop": ""}, "stop=''"),
        ({"stop": ["a", 5]}, "stop="),
        ({"stop": 5}, "stop=5"),
        ({"progress": "yes"}, "progress='yes'"),
    ],
)
def test_wrong_arguments_are_refused_before_a_model_is_touched(arguments: dict[str, Any], message: str) -> None:
    """No model is given, and none is loaded: the embedded one would take a second."""
    given = {"prompt": "x", **arguments}
    with pytest.raises(ArgumentError, match=message):
        relark.generate(given.pop("prompt"), model=object(), **given)


def test_errors_of_constraints_come_through(generator: relark.Generator) -> None:
    with pytest.raises(PatternError):
        generator.run("x", regex="(")
    with pytest.raises(UnsatisfiableError):
        generator.run("x", constraint=relark.choices(["a"]) & relark.choices(["b"]))
    with pytest.raises(ArgumentError, match="batch_size=0"):
        relark.Generator(generator.model, generator.tokenizer, batch_size=0)
    with pytest.raises(TypeError):
        generator.run("x", unknown=1)  # type: ignore[call-overload]


def test_results(generator: relark.Generator) -> None:
    result = generator.run("The capital", regex="(?:red|green), yes")
    assert result.text == str(result)
    assert result.finish_reason == "stop"
    assert len(result.logprobs) == len(result.token_ids) > 0
    assert all(p <= 0 for p in result.logprobs)
    assert result.prompt_tokens == 2
    assert result.timings.prefill > 0
    assert result.timings.tokens_per_second > 0
    assert 0 < result.timings.mask < result.timings.decode
    with pytest.raises(AttributeError):
        result.text = "other"  # type: ignore[misc]


def test_importing_and_checking_arguments_needs_no_torch() -> None:
    code = (
        "import sys, relark\n"
        "try: relark.generate('x', regex='a', choices=['b'])\n"
        "except relark.ArgumentError: pass\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    source = Path(relark.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(source)}
    )
    assert found.stdout.strip() == "[]"
