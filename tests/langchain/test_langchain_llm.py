"""`RelarkLLM`: every way of calling it gives the same constrained text; what is told about it; caches; threads."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.load import dumps
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.outputs import GenerationChunk, LLMResult
from langchain_core.prompts import PromptTemplate
from langchain_doubles import talker
from pydantic import BaseModel, Field, ValidationError

import relark
from relark.errors import ArgumentError, BudgetError, PatternError, RelarkError, UnsatisfiableError
from relark.integrations.langchain import RelarkLLM

PROMPT = "The capital of France is"
PROMPTS = ["red", PROMPT, "", "12 345 6789 and so on", "The capital of Italy is Rome. " * 5]
JSON = r'\{"name": "[a-z]{1,9}", "n": \d{1,3}\}'


class Person(BaseModel):
    name: str = Field(max_length=6)
    age: int = Field(ge=0, le=120)


@pytest.fixture(scope="module")
def make(model: Any, tokenizer: Any) -> Callable[..., RelarkLLM]:
    return lambda **options: RelarkLLM(**{"model": model, "tokenizer": tokenizer, "max_new_tokens": 40, **options})


# --- one text, many ways ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"regex": JSON},
        {"schema": Person},
        {"grammar": 'start: ("a" | "b")+ "."'},
        {"choices": ["yes", "no"]},
        {"constraint": relark.regex("x{2}") | relark.choices(["y"])},
        {"regex": "[a-z ]{3,}", "stop": ["e", " t"]},
        {"stop": "a"},
        {"regex": JSON, "fast_forward": False},
        {"regex": "[a-z]{3,}", "temperature": 1.2, "seed": 5},
    ],
    ids=str,
)
async def test_every_way_of_calling_gives_the_same(options: dict[str, Any], make: Callable[..., RelarkLLM]) -> None:
    llm = make(**options)
    text = llm.invoke(PROMPT)
    assert (await llm.ainvoke(PROMPT)) == text
    assert "".join(llm.stream(PROMPT)) == text
    assert "".join([piece async for piece in llm.astream(PROMPT)]) == text
    assert llm.batch([PROMPT, "red"])[0] == text
    assert (await llm.abatch([PROMPT, "red"]))[0] == text
    assert llm.generate([PROMPT]).generations[0][0].text == text
    assert (await llm.agenerate([PROMPT])).generations[0][0].text == text
    bare = make()
    assert bare.invoke(PROMPT, **options) == text
    assert bare.bind(**options).invoke(PROMPT) == text
    assert "".join(bare.bind(**options).stream(PROMPT)) == text
    assert bare.bind(**options).batch(["red", PROMPT])[:1] == llm.batch(["red", PROMPT])[:1]
    assert "".join([piece async for piece in bare.astream(PROMPT, **options)]) == text


def test_texts_satisfy_the_constraint(make: Callable[..., RelarkLLM]) -> None:
    assert all(re.fullmatch(JSON, text) for text in make(regex=JSON).batch(PROMPTS))
    assert all(Person.model_validate_json(text) for text in make(schema=Person).batch(PROMPTS))
    assert make().bind(choices=["yes", "no"]).invoke(PROMPT) in ("yes", "no")


def test_the_constraint_of_a_call_replaces_that_of_the_field(make: Callable[..., RelarkLLM]) -> None:
    llm = make(regex="a+")
    assert llm.invoke(PROMPT, choices=["yes"]) == "yes"
    assert set(llm.bind(regex=None).invoke(PROMPT)) == {"a"}
    with pytest.raises(ArgumentError, match="regex and choices"):
        llm.invoke(PROMPT, regex="b", choices=["yes"])


def test_batches_give_what_one_by_one_gives(make: Callable[..., RelarkLLM]) -> None:
    for options in ({}, {"regex": JSON}, {"stop": ["e"]}):
        llm = make(**options, batch_size=3)
        alone = [llm.invoke(prompt) for prompt in PROMPTS]
        assert llm.batch(PROMPTS) == alone
        assert llm.batch(PROMPTS, {"max_concurrency": 2}) == alone
        assert [g[0].text for g in llm.generate(PROMPTS).generations] == alone
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(llm.invoke, PROMPTS * 4)) == alone * 4


def test_a_batch_is_padded_into_shared_passes() -> None:
    model, tokenizer = talker(lambda prompt: prompt[-3:] + "!", marker=":")
    llm = RelarkLLM(model=model, tokenizer=tokenizer, batch_size=8)
    assert llm.batch([f"{'.' * i} {i:03}:" for i in range(8)]) == [f"{i:03}!" for i in range(8)]
    assert set(model.batches) <= set(range(1, 9))
    assert model.batches[0] == 8
    assert len(model.batches) < 10


def test_the_prompt_is_not_repeated_and_chains_work(make: Callable[..., RelarkLLM]) -> None:
    chain = PromptTemplate.from_template("{who}, as JSON: ") | make(schema=Person) | JsonOutputParser()
    assert Person.model_validate(chain.invoke({"who": "Alice"}))
    assert list(chain.stream({"who": "Alice"}))[-1] == chain.invoke({"who": "Alice"})


def test_several_texts_for_a_prompt(make: Callable[..., RelarkLLM]) -> None:
    llm = make(regex="[a-z]{4}", n=3, temperature=2.0, seed=1)
    result = llm.generate(["red", PROMPT])
    texts = [[g.text for g in generations] for generations in result.generations]
    assert [len(found) for found in texts] == [3, 3]
    assert len(set(texts[0])) == 3
    assert all(re.fullmatch("[a-z]{4}", text) for found in texts for text in found)
    assert llm.batch(["red", PROMPT]) == [texts[0][0], texts[1][0]]
    prompts = sum(len(llm.get_token_ids(prompt)) for prompt in ("red", PROMPT))
    assert result.llm_output is not None
    assert result.llm_output["token_usage"]["prompt_tokens"] == prompts
    with pytest.raises(ArgumentError, match="n=2 greedy"):
        make(n=2).generate([PROMPT])


# --- what is told -----------------------------------------------------------------------------------------------------


def test_usage_and_finish_reason(make: Callable[..., RelarkLLM]) -> None:
    llm = make(regex="[a-z]{3}[a-z]*", max_new_tokens=5)
    result = llm.generate([PROMPT, "red"])
    read = [len(llm.get_token_ids(prompt)) for prompt in (PROMPT, "red")]
    written = []
    for [generation], prompt_tokens in zip(result.generations, read, strict=True):
        info = generation.generation_info
        assert info is not None
        usage = info["usage_metadata"]
        assert usage["input_tokens"] == prompt_tokens
        assert 1 <= usage["output_tokens"] <= 5
        assert usage["total_tokens"] == prompt_tokens + usage["output_tokens"]
        assert info["finish_reason"] == "length"
        written.append(usage["output_tokens"])
    assert result.llm_output is not None
    assert result.llm_output["token_usage"] == {
        "prompt_tokens": sum(read),
        "completion_tokens": sum(written),
        "total_tokens": sum(read) + sum(written),
    }
    assert llm.generate([PROMPT], regex="x{3}").generations[0][0].generation_info["finish_reason"] == "stop"  # type: ignore[index]


async def test_the_last_chunk_has_them_too(make: Callable[..., RelarkLLM]) -> None:
    for options in ({"regex": JSON}, {"stop": ["e"]}, {"regex": "x{3}"}):
        llm = make(**options)
        [[whole]] = llm.generate([PROMPT]).generations
        chunks = list(llm._stream(PROMPT))
        assert [chunk.generation_info for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
        assert chunks[-1].generation_info == whole.generation_info
        merged = chunks[0]
        for chunk in chunks[1:]:
            merged += chunk
        assert (merged.text, merged.generation_info) == (whole.text, whole.generation_info)
        assert [chunk async for chunk in llm._astream(PROMPT)] == chunks


class Told(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.ends: list[LLMResult] = []
        self.errors: list[BaseException] = []

    def on_llm_new_token(self, token: str, *, chunk: Any = None, **kwargs: Any) -> None:
        assert isinstance(chunk, GenerationChunk)
        assert chunk.text == token
        self.tokens.append(token)

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        self.ends.append(response)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.errors.append(error)


class ToldLater(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []

    async def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        self.tokens.append(token)


async def test_callbacks_hear_of_each_token(make: Callable[..., RelarkLLM]) -> None:
    llm = make(regex=JSON)
    told = Told()
    pieces = list(llm.stream(PROMPT, {"callbacks": [told]}))
    assert told.tokens == pieces
    assert len(pieces) > 5
    [[end]] = told.ends[0].generations
    assert end.text == "".join(pieces)
    assert end.generation_info is not None
    assert end.generation_info["usage_metadata"]["output_tokens"] > 5
    later = ToldLater()
    assert [piece async for piece in llm.astream(PROMPT, {"callbacks": [later]})] == pieces == later.tokens


async def test_streaming_tells_tokens_of_invoke(make: Callable[..., RelarkLLM]) -> None:
    llm, quiet = make(regex=JSON, streaming=True), make(regex=JSON)
    told, later, silent = Told(), ToldLater(), Told()
    text = llm.invoke(PROMPT, {"callbacks": [told]})
    assert await llm.ainvoke(PROMPT, {"callbacks": [later]}) == text
    assert quiet.invoke(PROMPT, {"callbacks": [silent]}) == text
    assert "".join(told.tokens) == "".join(later.tokens) == text
    assert not silent.tokens
    assert told.ends[0].generations[0][0].generation_info == silent.ends[0].generations[0][0].generation_info
    assert told.ends[0].llm_output == silent.ends[0].llm_output
    assert llm.batch([PROMPT, "red"], {"callbacks": [told]})[0] == text


async def test_errors_reach_caller_and_callbacks(make: Callable[..., RelarkLLM]) -> None:
    llm = make(regex="x{300}", max_new_tokens=3)
    told = Told()
    for call in (llm.invoke, lambda *a: list(llm.stream(*a)), lambda *a: llm.batch([a[0]] * 2, a[1])):
        with pytest.raises(BudgetError, match="max_new_tokens"):
            call(PROMPT, {"callbacks": [told]})
    with pytest.raises(BudgetError):
        await llm.ainvoke(PROMPT, {"callbacks": [told]})
    with pytest.raises(BudgetError):
        [piece async for piece in llm.astream(PROMPT, {"callbacks": [told]})]
    assert len(told.errors) == 6
    assert all(isinstance(error, BudgetError) for error in told.errors)
    assert isinstance(llm.batch([PROMPT], return_exceptions=True)[0], BudgetError)


async def test_events_of_a_chain(make: Callable[..., RelarkLLM]) -> None:
    chain = PromptTemplate.from_template("{x}") | make(regex=JSON)
    events = [event async for event in chain.astream_events({"x": PROMPT}, version="v2")]
    pieces = [e["data"]["chunk"].text for e in events if e["event"] == "on_llm_stream"]
    assert "".join(pieces) == make(regex=JSON).invoke(PROMPT)


# --- caches -----------------------------------------------------------------------------------------------------------


class CountingCache(InMemoryCache):
    """With a count of what it gave and what it did not have."""

    def __init__(self) -> None:
        super().__init__()
        self.hits = self.misses = 0

    def lookup(self, prompt: str, llm_string: str) -> Any:
        assert "0x" not in llm_string, "an address"
        found = super().lookup(prompt, llm_string)
        self.hits, self.misses = self.hits + (found is not None), self.misses + (found is None)
        return found


async def test_two_constraints_one_prompt_two_answers(make: Callable[..., RelarkLLM]) -> None:
    cache = CountingCache()
    set_llm_cache(cache)
    letters, digits = make(regex="[a-z]{4}"), make(regex="[0-9]{4}")
    assert letters.invoke(PROMPT).isalpha()
    assert digits.invoke(PROMPT).isdigit()
    bare = make()
    assert bare.invoke(PROMPT, choices=["yes"]) == "yes"
    assert bare.bind(choices=["no"]).invoke(PROMPT) == "no"
    assert (await bare.ainvoke(PROMPT, choices=["maybe"])) == "maybe"
    assert not bare.invoke(PROMPT).startswith(("yes", "no", "maybe"))
    assert letters.invoke(PROMPT, max_new_tokens=4, regex="[a-z]*") != letters.invoke(
        PROMPT, max_new_tokens=2, regex="[a-z]*"
    )
    assert bare.invoke(PROMPT, stop=["e"]) != bare.invoke(PROMPT)
    assert cache.hits == 1  # the last


async def test_equal_constraints_hit(make: Callable[..., RelarkLLM]) -> None:
    cache = CountingCache()
    set_llm_cache(cache)
    first = make(regex="[a-z]{4}").invoke(PROMPT)
    misses = cache.misses
    same = [
        make(regex="[a-z]{4}").invoke(PROMPT),
        make().bind(regex="[a-z]{4}").invoke(PROMPT),
        make(regex="x").invoke(PROMPT, constraint=relark.regex("[a-z]{4}")),
        make().batch([PROMPT], regex="[a-z]{4}")[0],
        await make(regex="[a-z]{4}").ainvoke(PROMPT),
        (await make().abatch([PROMPT], regex="[a-z]{4}"))[0],
    ]
    assert same == [first] * 6
    assert (cache.hits, cache.misses) == (6, misses)
    make(schema=Person).invoke(PROMPT)
    make(schema=Person).invoke(PROMPT)
    assert cache.hits == 7
    assert make(cache=False, regex="[a-z]{4}").invoke(PROMPT) == first
    assert cache.hits == 7


def test_other_models_have_other_answers(make: Callable[..., RelarkLLM], model: Any, tokenizer: Any) -> None:
    from decoding.decoding_doubles import llama

    cache = CountingCache()
    set_llm_cache(cache)
    texts = {
        make(model=m, regex="[a-z]{9}").invoke(PROMPT) for m in (model, llama(seed=1, max_position_embeddings=2048))
    }
    assert len(texts) == 2
    assert cache.hits == 0


def test_cached_results_say_what_the_first_did(make: Callable[..., RelarkLLM]) -> None:
    set_llm_cache(InMemoryCache())
    llm = make(regex=JSON)
    first, second = llm.generate([PROMPT, "red"]), llm.generate(["red", PROMPT])
    assert [g[0] for g in second.generations] == [g[0] for g in reversed(first.generations)]
    json.dumps(first.generations[0][0].generation_info)  # caches on disk write it


# --- arguments --------------------------------------------------------------------------------------------------------


def test_what_it_does_not_know_is_refused(make: Callable[..., RelarkLLM]) -> None:
    for wrong in ({"regx": "a"}, {"max_length": 3}, {"json_schema": {}}):
        [name] = wrong
        with pytest.raises(ValidationError, match=name):
            make(**wrong)
        for call in (make().bind(**wrong).invoke, lambda p, w=wrong: list(make().stream(p, **w))):
            with pytest.raises(ArgumentError, match=f"{name}: not an option of RelarkLLM; a call takes regex, schema"):
                call(PROMPT)


def test_wrong_values_are_reported_before_anything_runs(make: Callable[..., RelarkLLM]) -> None:
    for wrong, said in [
        ({"regex": "("}, "missing"),
        ({"regex": "a", "schema": int}, "regex and schema"),
        ({"grammar": "start: x"}, "x"),
        ({"temperature": -1.0}, "temperature"),
        ({"n": 0}, "n"),
        ({"model": 3}, "expected a transformers model"),
    ]:
        with pytest.raises(ValueError, match=said):
            make(**wrong)
    with pytest.raises(PatternError):
        make().invoke(PROMPT, regex="(")
    with pytest.raises(UnsatisfiableError):
        make(schema={"type": "integer", "minimum": 3, "maximum": 2})
    with pytest.raises(UnsatisfiableError, match="stop"):
        make(regex="a+b").invoke(PROMPT, stop=["a"])
    with pytest.raises(RelarkError, match="context"):
        make(max_new_tokens=4000).invoke(PROMPT)


def test_names_that_langchain_uses_are_taken(model: Any, tokenizer: Any) -> None:
    options = {"max_tokens": 3, "stop_sequences": "x", "api_key": "secret", "timeout": 3, "max_retries": 2}
    llm = RelarkLLM(model=model, tokenizer=tokenizer, regex="[a-z]*", **options)
    assert llm.max_new_tokens == 3
    assert llm.stop == ["x"]
    usage = llm.generate([PROMPT], max_tokens=2).generations[0][0].generation_info["usage_metadata"]  # type: ignore[index]
    assert usage["output_tokens"] <= 2


def test_the_default_budget_fits_the_context(tokenizer: Any) -> None:
    from decoding.decoding_doubles import llama

    llm = RelarkLLM(model=llama(max_position_embeddings=64), tokenizer=tokenizer, regex="[a-z]*")
    used = llm.generate([PROMPT]).generations[0][0].generation_info["usage_metadata"]["total_tokens"]  # type: ignore[index]
    assert used <= 64


# --- itself -----------------------------------------------------------------------------------------------------------


def test_what_is_written_down_of_it(make: Callable[..., RelarkLLM], tmp_path: Any) -> None:
    llm = make(regex="[a-z]+", api_key="secret", temperature=0.5)
    for shown in (dumps(llm), dumps(llm.bind(regex="x")), repr(llm), str(llm), json.dumps(llm.asdict())):
        assert "secret" not in shown
        assert "LlamaForCausalLM(" not in shown
    assert json.loads(dumps(llm))["type"] == "not_implemented"
    assert llm.asdict()["_type"] == "relark"
    llm.save(tmp_path / "llm.json")
    assert json.loads((tmp_path / "llm.json").read_text())["temperature"] == 0.5
    params = llm._get_ls_params()
    assert params.get("ls_provider") == "relark"
    assert params.get("ls_model_name") == "LlamaForCausalLM"
    assert params.get("ls_max_tokens") == 40
    assert "langchain-core" in (llm.metadata or {}).get("lc_versions", {})


def test_without_langchain_the_error_says_what_to_install() -> None:
    for name in ("RELLM", "RelarkLLM", "ChatRelark", "agent_constraint"):
        code = (
            "import sys; sys.modules['langchain_core'] = None\nimport relark.integrations.langchain as package\n"
            f"try: package.{name}\nexcept ImportError as error: print(error)"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert 'pip install "relark[langchain]"' in ran.stdout


def test_tokens_are_counted_by_the_models_tokenizer(make: Callable[..., RelarkLLM], tokenizer: Any) -> None:
    assert make().get_token_ids("The capital") == tokenizer("The capital", add_special_tokens=False)["input_ids"]
    assert make(custom_get_token_ids=lambda text: [1]).get_num_tokens("The capital") == 1


@pytest.mark.real_model
async def test_the_embedded_model() -> None:
    llm = RelarkLLM(regex=r" [A-Z][a-z]+\.", max_new_tokens=8)
    assert llm.invoke(PROMPT) == " Paris."
    assert "".join([piece async for piece in llm.astream(PROMPT)]) == " Paris."
    assert llm.generate([PROMPT]).llm_output["model_name"] == "SmolLM2-135M-Instruct"  # type: ignore[index]
