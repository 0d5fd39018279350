"""relark.parserllm.complete_cf: what callers of parserllm 0.0.2 rely on, and what is better."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from decoding_doubles import ScriptedModel
from lark import Lark

import relark
from relark.errors import ArgumentError, BudgetError, GrammarError
from relark.parserllm import complete_cf

JSON = r"""
?start: value
?value: object | array | string | SIGNED_NUMBER -> number | "true" -> true | "false" -> false | "null" -> null
array: "[" [value ("," value)*] "]"
object: "{" [pair ("," pair)*] "}"
pair: string ":" value
string: ESCAPED_STRING
%import common.ESCAPED_STRING
%import common.SIGNED_NUMBER
%import common.WS
%ignore WS
"""


@pytest.fixture(scope="module")
def json_parser() -> Lark:
    """As the example of parserllm makes it."""
    return Lark(JSON, parser="lalr", lexer="basic", propagate_positions=False, maybe_placeholders=False, regex=True)


def test_parameters_are_those_of_parserllm() -> None:
    parameters = inspect.signature(complete_cf).parameters
    assert list(parameters) == [
        "prompt", "parser", "partial_completion", "tokenizer", "model", "max_new_tokens", "debug", "model_kwargs",
    ]  # fmt: skip
    assert parameters["max_new_tokens"].default == 3
    assert parameters["debug"].default is False
    assert relark.parserllm.complete_cf is complete_cf


@pytest.mark.parametrize("begun", ["", "[", '{"a": [', "[1, 2", '"x'])
def test_what_was_begun_is_completed(begun: str, json_parser: Lark, model: Any, tokenizer: Any) -> None:
    text = complete_cf("Letters in JSON: ", json_parser, begun, tokenizer, model, max_new_tokens=6)
    assert text.startswith(begun)
    json_parser.parse(text)
    assert len(tokenizer(text[len(begun) :])["input_ids"]) <= 36 + 1


def test_the_text_ends_where_it_first_parses(json_parser: Lark, tokenizer: Any) -> None:
    for wanted in ("[7]", '{"a":1}'):
        ids = tokenizer(wanted)["input_ids"]
        model = ScriptedModel([*ids, *tokenizer(" " * 9)["input_ids"]], 416, prompt_length=1, eos_token_id=2)
        assert complete_cf("x", json_parser, "", tokenizer, model, max_new_tokens=9) == wanted
    for complete in ("[]", " 1", "null"):  # nothing to do: no model is asked
        assert complete_cf("x", json_parser, complete, tokenizer, None) == complete


def test_the_text_is_never_a_broken_one(json_parser: Lark, model: Any, tokenizer: Any) -> None:
    words = Lark('start: "one" "two" "three" "four" "five" "six"', parser="lalr")
    with pytest.raises(BudgetError, match="max_new_tokens is 4"):
        complete_cf("x", words, "", tokenizer, model, max_new_tokens=2)
    assert complete_cf("x", words, "onetwo", tokenizer, model, max_new_tokens=6) == "onetwothreefourfivesix"
    for budget in (2, 3, 4):
        json_parser.parse(complete_cf("x", json_parser, "", tokenizer, model, max_new_tokens=budget))


def test_any_parser_that_relark_takes(model: Any, tokenizer: Any) -> None:
    text = 'start: start "+" start | /[0-9]/'
    for parser in (Lark(text), text):
        Lark(text).parse(complete_cf("x", parser, "1+", tokenizer, model))


def test_debug_prints_each_step_of_the_completion(
    json_parser: Lark, model: Any, tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = complete_cf("x", json_parser, "[[", tokenizer, model, max_new_tokens=3, debug=True)
    steps = capsys.readouterr().out.split("step=")[1:]
    assert steps[0].startswith("0 completion=[[")
    assert steps[-1] == f"{len(steps) - 1} completion={text}\n"


def test_model_options(json_parser: Lark, model: Any, tokenizer: Any) -> None:
    def sample(**options: Any) -> str:
        return complete_cf("x", json_parser, '["', tokenizer, model, max_new_tokens=4, **options)

    assert sample(do_sample=True, seed=1) == sample(do_sample=True, seed=1, pad_token_id=0)
    assert len({sample(do_sample=True, temperature=3.0, top_k=0, seed=s) for s in range(6)}) > 1
    with pytest.raises(ArgumentError, match="num_beams: not an option"):
        sample(num_beams=4)


def test_wrong_arguments_of_complete_cf(json_parser: Lark, model: Any, tokenizer: Any) -> None:
    with pytest.raises(ArgumentError, match="prompt"):
        complete_cf(["x"], json_parser, "", tokenizer, model)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="partial_completion: expected a string, got NoneType"):
        complete_cf("x", json_parser, None, tokenizer, model)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"partial_completion='\]': no text that grammar\(.* parses begins so"):
        complete_cf("x", json_parser, "]", tokenizer, model)
    with pytest.raises(ArgumentError, match="max_new_tokens=0"):
        complete_cf("x", json_parser, "", tokenizer, model, max_new_tokens=0)
    with pytest.raises(GrammarError):
        complete_cf("x", "start: (", "", tokenizer, model)


@pytest.mark.real_model
def test_with_the_embedded_model(json_parser: Lark) -> None:
    """The example of parserllm's page."""
    prompt = "Write the first three letters of the alphabet in valid JSON format\n"
    text = complete_cf(prompt, json_parser, '["a",', max_new_tokens=6)
    assert json.loads(text)[0] == "a"
