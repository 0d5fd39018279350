"""What LangChain's own classes for local models get wrong, one by one: RELLM, HuggingFacePipeline, ChatHuggingFace.

Each test says in its name or first line what happens there (langchain-huggingface 1.2, langchain-experimental 0.4).
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
import regex
import transformers
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_doubles import talker
from pydantic import BaseModel, Field

from relark.errors import RelarkError
from relark.integrations.langchain import RELLM, ChatRelark, RelarkLLM

PROMPT = "The capital of France is"
DATE = r"20\d\d-[01]\d"


@pytest.fixture(scope="module")
def pipeline(model: Any, tokenizer: Any) -> Any:
    return transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)


def both(pipeline: Any, **options: Any) -> list[Any]:
    return [RELLM(pipeline=pipeline, **options), RelarkLLM(pipeline=pipeline, **options)]


# --- RELLM ------------------------------------------------------------------------------------------------------------


async def test_every_way_of_calling_is_constrained(pipeline: Any) -> None:
    """RELLM overrides a method that nothing calls any more: text is free, and follows an echo of the prompt."""
    for llm in both(pipeline, regex=DATE, max_new_tokens=30):
        texts = [
            llm.invoke(PROMPT),
            llm.generate([PROMPT]).generations[0][0].text,
            llm.batch([PROMPT, "red"])[0],
            "".join(llm.stream(PROMPT)),
            await llm.ainvoke(PROMPT),
            (await llm.agenerate([PROMPT])).generations[0][0].text,
            (await llm.abatch([PROMPT, "red"]))[0],
            "".join([piece async for piece in llm.astream(PROMPT)]),
        ]
        assert re.fullmatch(DATE, texts[0])
        assert texts == [texts[0]] * len(texts)
        assert re.fullmatch(r"[a-f]{3}", llm.bind(regex=r"[a-f]{3}").invoke(PROMPT))


def test_predict_is_there(pipeline: Any) -> None:
    """``predict`` and calling the object are gone from LangChain 1.x, and old pages use them."""
    llm = RELLM(pipeline=pipeline, regex=DATE)
    assert llm.predict(PROMPT) == llm(PROMPT) == llm.invoke(PROMPT)


@pytest.mark.parametrize("pattern", [DATE, re.compile(DATE), regex.compile(DATE)], ids=["str", "re", "regex"])
def test_patterns_of_all_kinds(pattern: Any, pipeline: Any) -> None:
    """RELLM refuses ``str`` and ``re.compile``."""
    assert re.fullmatch(DATE, RELLM(pipeline=pipeline, regex=pattern).invoke(PROMPT))


def test_stop_strings_are_no_patterns(pipeline: Any) -> None:
    """RELLM reads ``stop=["."]`` as a regex and returns ''."""
    llm = RELLM(pipeline=pipeline, regex=r"[a-z]{2} [a-z]{2}\.")
    whole = llm.invoke(PROMPT)
    assert llm.invoke(PROMPT, stop=["."]) == whole[:-1]
    assert llm.invoke(PROMPT, stop=["[a-z]"]) == whole


def test_the_text_is_not_ended_by_its_first_match(pipeline: Any) -> None:
    """rellm stops at the first match: ``[ab]{1,3}!?`` would never be longer than one character."""
    texts = [RELLM(pipeline=pipeline, regex=rf"[ab]{{1,3}}|{word}").invoke(PROMPT) for word in ("aaaa", "bbbb", "abab")]
    assert max(map(len, texts)) > 1


def test_characters_of_several_tokens(pipeline: Any) -> None:
    """rellm gives '' for ``é{2}``: a token that ends inside a character matches nothing there."""
    assert RELLM(pipeline=pipeline, regex="é{2}").invoke(PROMPT) == "éé"
    assert RELLM(pipeline=pipeline, regex="[\U0001f600-\U0001f64f]").invoke(PROMPT) in map(chr, range(0x1F600, 0x1F650))


def test_texts_are_never_truncated(pipeline: Any) -> None:
    """rellm returns whatever it has when tokens run out."""
    long = r'\{"name": "[a-z ]*", "n": \d+\}'
    for llm in both(pipeline, regex=long, max_new_tokens=20):
        assert re.fullmatch(long, llm.invoke(PROMPT))
    for llm in both(pipeline, regex=long, max_new_tokens=2):
        with pytest.raises(RelarkError, match="max_new_tokens"):
            llm.invoke(PROMPT)


def test_the_cache_knows_the_constraint(pipeline: Any) -> None:
    """``_identifying_params`` of RELLM leaves the constraint out: the cache gives the answer to another one."""
    set_llm_cache(InMemoryCache())
    for made in (lambda **o: RELLM(pipeline=pipeline, **o), lambda **o: RelarkLLM(pipeline=pipeline, **o)):
        assert made(regex="red|blue").invoke(PROMPT) in ("red", "blue")
        assert made(regex="[0-9]{4}").invoke(PROMPT).isdigit()
        assert made(regex="red|blue").bind(regex="x{3}").invoke(PROMPT) == "xxx"
    chat = ChatRelark(pipeline=pipeline)
    assert chat.invoke(PROMPT, regex="red|blue").content in ("red", "blue")
    assert str(chat.bind(regex="[0-9]{4}").invoke(PROMPT).content).isdigit()


def test_the_pipeline_is_as_it_was(pipeline: Any) -> None:
    """LMFormatEnforcer's class (a sibling) puts hooks into the shared pipeline, where an error leaves them."""
    before = state(pipeline)
    for llm in both(pipeline, regex=DATE):
        llm.invoke(PROMPT)
        list(llm.stream(PROMPT))
        with pytest.raises(RelarkError):
            llm.invoke(PROMPT, max_new_tokens=1)
    ChatRelark(pipeline=pipeline, regex=DATE).invoke(PROMPT)
    assert state(pipeline) == before
    [one] = pipeline(PROMPT, max_new_tokens=5, do_sample=False)
    assert one["generated_text"].startswith(PROMPT)


def state(pipeline: Any) -> dict[str, Any]:
    parts = {"pipeline": pipeline, "model": pipeline.model, "tokenizer": pipeline.tokenizer}
    found: dict[str, Any] = {name: sorted(vars(part)) for name, part in parts.items()}
    found["generation_config"] = copy.deepcopy(pipeline.model.generation_config.to_dict())
    found["parameters"] = copy.deepcopy(pipeline._forward_params)
    found["padding"] = (pipeline.tokenizer.padding_side, pipeline.tokenizer.pad_token)
    return found


# --- HuggingFacePipeline ----------------------------------------------------------------------------------------------


def test_the_prompt_is_not_echoed(pipeline: Any) -> None:
    llm = RelarkLLM(pipeline=pipeline, max_new_tokens=8)
    result = llm.generate([PROMPT, "red"])
    streamed = "".join(llm.stream(PROMPT))
    assert not result.generations[0][0].text.startswith(PROMPT)
    assert result.generations[0][0].text == streamed


def test_stop_is_heard() -> None:
    model, tokenizer = talker(lambda prompt: "Paris. Then the rest.", marker="France is")
    llm = RelarkLLM(model=model, tokenizer=tokenizer)
    assert llm.invoke(PROMPT) == "Paris. Then the rest."
    assert llm.invoke(PROMPT, stop=[" Then"]) == "Paris."
    assert llm.bind(stop=["."]).invoke(PROMPT) == "Paris"
    assert "".join(llm.stream(PROMPT, stop=["Then"])) == "Paris. "


def test_options_of_the_call_are_heard(pipeline: Any) -> None:
    """HuggingFacePipeline drops the keywords that it does not know, and ``pipeline_kwargs`` of the call."""
    llm = RelarkLLM(pipeline=pipeline, regex="[a-z]+", max_new_tokens=30)
    assert len(tokens(pipeline, llm.invoke(PROMPT, max_new_tokens=3))) <= 3
    different = {llm.invoke(PROMPT, temperature=5.0, seed=seed, max_new_tokens=8) for seed in range(4)}
    assert len(different) > 1
    with pytest.raises(RelarkError, match="max_new_token"):
        llm.invoke(PROMPT, max_new_token=3)
    with pytest.raises(RelarkError, match="regexp"):
        llm.bind(regexp="[a-z]").invoke(PROMPT)


def tokens(pipeline: Any, text: str) -> list[int]:
    return list(pipeline.tokenizer(text)["input_ids"])


def test_constraints_that_are_misspelt_are_refused(pipeline: Any) -> None:
    with pytest.raises((RelarkError, ValueError), match="regexp"):
        RelarkLLM(pipeline=pipeline, regexp="[a-z]")
    with pytest.raises((RelarkError, ValueError), match="regexp"):
        ChatRelark(pipeline=pipeline, regexp="[a-z]")


# --- ChatHuggingFace --------------------------------------------------------------------------------------------------


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@tool
def multiply(a: int, b: int) -> int:
    """The product of two numbers."""
    return a * b


class Person(BaseModel):
    name: str = Field(max_length=8)
    age: int = Field(ge=0, le=150)


@pytest.fixture(scope="module")
def chat(pipeline: Any) -> ChatRelark:
    return ChatRelark(pipeline=pipeline, max_new_tokens=80)


def test_tools_are_told_to_the_model() -> None:
    seen = []

    def reply(prompt: str) -> str:
        seen.append(prompt)
        return "Hello."

    model, tokenizer = talker(reply)
    ChatRelark(model=model, tokenizer=tokenizer).bind_tools([weather, multiply]).invoke("Hello?")
    for told in ("weather", "The weather in a city.", "multiply", "Hello?"):
        assert told in seen[0]


def test_there_are_tool_calls(chat: ChatRelark) -> None:
    for choice in ("any", "weather"):
        message = chat.bind_tools([weather, multiply], tool_choice=choice).invoke("red")
        assert message.tool_calls
        assert not message.invalid_tool_calls
        for call in message.tool_calls:
            {"weather": weather, "multiply": multiply}[call["name"]].invoke(call["args"])


def test_a_tool_message_may_be_the_last(chat: ChatRelark) -> None:
    messages = [
        HumanMessage("What is the weather in Rome?"),
        AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Rome"}, "id": "1"}]),
        ToolMessage("sunny", tool_call_id="1"),
    ]
    assert isinstance(chat.bind_tools([weather]).invoke(messages), AIMessage)


async def test_async_calls_work(chat: ChatRelark) -> None:
    whole = chat.invoke("red", regex=DATE)
    assert (await chat.ainvoke("red", regex=DATE)).content == whole.content
    pieces = [chunk async for chunk in chat.astream("red", regex=DATE)]
    assert "".join(str(chunk.content) for chunk in pieces) == whole.content
    assert len(pieces) > 2


def test_usage_is_told(chat: ChatRelark) -> None:
    message = chat.invoke("red", regex=DATE)
    usage = message.usage_metadata
    assert usage is not None
    assert usage["input_tokens"] > 3
    assert usage["output_tokens"] > 3
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert message.response_metadata["finish_reason"] == "stop"
    whole = None
    for chunk in chat.stream("red", regex=DATE):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.usage_metadata == usage


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("kind", ["class", "dict"])
def test_structured_output_is_an_object(method: Any, kind: str, chat: ChatRelark) -> None:
    """ChatHuggingFace raises or silently returns None."""
    asked: Any = Person if kind == "class" else Person.model_json_schema()
    found = chat.with_structured_output(asked, method=method).invoke("Alice is 30.")
    person = found if kind == "class" else Person.model_validate(found)
    assert isinstance(person, Person)


def test_structured_output_with_the_message(chat: ChatRelark) -> None:
    found: Any = chat.with_structured_output(Person, include_raw=True).invoke("Alice is 30.")
    assert set(found) == {"raw", "parsed", "parsing_error"}
    assert found["parsing_error"] is None
    assert Person.model_validate(json.loads(found["raw"].text)) == found["parsed"]


def test_a_chat_streams_token_by_token(chat: ChatRelark) -> None:
    """transformers' TextStreamer waits for spaces: JSON without any comes as one chunk."""
    pieces = list(chat.stream("red", regex=r'\{"n":\[(\d{1,2},){5}\d{1,2}\]\}'))
    assert len([piece for piece in pieces if piece.content]) > 6
