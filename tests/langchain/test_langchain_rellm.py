"""`RELLM`: the fields of LangChain's experimental class, its pages' example, and texts that match."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import regex
import transformers
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.prompts import PromptTemplate
from langchain_doubles import talker
from pydantic import ValidationError

import relark
from relark.errors import ArgumentError, BudgetError
from relark.integrations.langchain import RELLM

PROMPT = "The capital of France is"
ANSWER = r'\{"answer": "[a-z]{1,8}"\}\nHuman:'


@pytest.fixture(scope="module")
def pipeline(model: Any, tokenizer: Any) -> Any:
    return transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)


@pytest.mark.parametrize("pattern", [ANSWER, re.compile(ANSWER), regex.compile(ANSWER)], ids=["str", "re", "regex"])
async def test_every_way_of_calling_gives_the_same(pattern: Any, pipeline: Any) -> None:
    llm = RELLM(pipeline=pipeline, regex=pattern, max_new_tokens=200)
    for stop in (None, ["Human:"], ["\n", '"}'], ["x{3}", "."]):
        text = llm.invoke(PROMPT, stop=stop)
        whole = llm.invoke(PROMPT)
        assert re.fullmatch(ANSWER, whole)
        assert text == min((whole.split(one)[0] for one in stop or [whole + "!"]), key=len)
        assert llm.predict(PROMPT, stop=stop) == text == llm(PROMPT, stop)
        assert await llm.apredict(PROMPT, stop=stop) == text == await llm.ainvoke(PROMPT, stop=stop)
        assert "".join(llm.stream(PROMPT, stop=stop)) == text
        assert "".join([piece async for piece in llm.astream(PROMPT, stop=stop)]) == text
        assert llm.batch([PROMPT, "red"], stop=stop)[0] == text
        assert (await llm.abatch(["red", PROMPT], stop=stop))[1] == text
        assert llm.generate([PROMPT], stop=stop).generations[0][0].text == text


def test_the_finished_text_is_cut(pipeline: Any) -> None:
    llm = RELLM(pipeline=pipeline, regex=ANSWER)
    text = llm.predict(PROMPT, stop=["Human:"])
    assert list(json.loads(text)) == ["answer"]
    [[generation]] = llm.generate([PROMPT], stop=["Human:"]).generations
    assert generation.generation_info is not None
    assert generation.generation_info["finish_reason"] == "stop"
    [*_, last] = llm._stream(PROMPT, stop=["Human:"])
    assert last.generation_info == generation.generation_info
    assert llm.bind(stop=["action", "answer"]).invoke(PROMPT) == '{"'


def test_what_it_differs_in_from_the_original(pipeline: Any) -> None:
    assert RELLM(pipeline=pipeline, regex="x{30}").predict(PROMPT) == "x" * 30  # not the first match, nor 3 tokens
    with pytest.raises(BudgetError, match="pass max_new_tokens="):
        RELLM(pipeline=pipeline, regex="x{30}", max_new_tokens=1).predict(PROMPT)
    model, tokenizer = talker(lambda prompt: "abc.def.", marker="France is")
    assert RELLM(model=model, tokenizer=tokenizer, regex="[a-z.]+").predict(PROMPT, stop=["."]) == "abc"


def test_fields_of_the_original(pipeline: Any) -> None:
    llm = RELLM(pipeline=pipeline, regex="a+", model_kwargs=None, pipeline_kwargs={}, batch_size=4, model_id="mine")
    assert (llm.max_new_tokens, llm.model_id, llm.batch_size) == (200, "mine", 4)
    assert llm.pipeline is pipeline
    assert RELLM(pipeline=pipeline, regex="a+").model_id == "LlamaForCausalLM"
    assert RELLM(regex="a+").model_id == "SmolLM2-135M-Instruct"
    assert RELLM(model_id="org/model", regex="a+").engine.model_name == "org/model"
    for wrong, said in [
        ({}, "regex"),
        ({"regex": None}, "needs a pattern"),
        ({"regex": "("}, "missing"),
        ({"regex": "a", "schema": int}, "regex and schema"),
        ({"regex": "a", "pipeline_kwargs": {"max_new_tokens": 3}}, "pipeline_kwargs"),
        ({"regex": "a", "model_kwargs": {"torch_dtype": "x"}}, "model_kwargs"),
        ({"regex": "a", "patern": "b"}, "patern"),
    ]:
        with pytest.raises(ValidationError, match=said):
            RELLM(pipeline=pipeline, **wrong)
    with pytest.raises(ArgumentError, match="patern: not an option of RELLM"):
        RELLM(pipeline=pipeline, regex="a").predict(PROMPT, patern="b")


def test_other_constraints_through_bind(pipeline: Any) -> None:
    llm = RELLM(pipeline=pipeline, regex="a+")
    assert llm.bind(choices=["yes"]).invoke(PROMPT) == "yes"
    assert llm.bind(constraint=relark.regex("b{3}")).invoke(PROMPT, stop=["bb"]) == ""
    chain = PromptTemplate.from_template("{x}") | llm.bind(regex="[0-9]{2}")
    assert chain.invoke({"x": PROMPT}).isdigit()


def test_the_cache_knows_pattern_and_stop(pipeline: Any) -> None:
    set_llm_cache(InMemoryCache())
    llm = RELLM(pipeline=pipeline, regex=ANSWER)
    whole = llm.invoke(PROMPT)
    assert llm.invoke(PROMPT, stop=["Human:"]) == whole.removesuffix("Human:")
    assert llm.invoke(PROMPT) == whole
    assert RELLM(pipeline=pipeline, regex="x{3}").invoke(PROMPT) == "xxx"
    assert llm(PROMPT, regex="[0-9]") != whole


@pytest.mark.real_model
def test_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Its prompt, pattern and stop: what ``print(model.predict(...))`` prints is JSON."""
    path = Path(__file__).parents[2] / "examples" / "rellm_page.py"
    spec = importlib.util.spec_from_file_location("rellm_page", path)
    assert spec is not None
    assert spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    generator = relark.Generator()
    pipeline = transformers.pipeline("text-generation", model=generator.model, tokenizer=generator.tokenizer)
    model = RELLM(pipeline=pipeline, regex=page.PATTERN, max_new_tokens=200)
    print(model.predict(page.PROMPT, stop=["Human:"]))
    printed = json.loads(capsys.readouterr().out)
    assert printed["action"] == "Final Answer"
    assert "Maryland" in printed["action_input"]
