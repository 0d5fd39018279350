"""``ChatRelark``: replies, streams, batches, caches and what it tells of itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField
from langchain_core.tools import tool
from langchain_doubles import talker
from pydantic import BaseModel, ValidationError

import relark
from relark.errors import ArgumentError, BudgetError, RelarkError
from relark.integrations.langchain import ChatRelark

CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 3, "b": 4}}\n</tool_call>'


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def paint(colour: str) -> str:
    """Paint a wall."""
    return colour


@pytest.fixture(scope="module")
def chat(model: Any, tokenizer: Any) -> ChatRelark:
    return ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=24)


def saying(reply: Any, **fields: Any) -> ChatRelark:
    """A chat model that wants to say ``reply``."""
    model, tokenizer = talker(reply if callable(reply) else lambda prompt: reply)
    return ChatRelark(**{"model": model, "tokenizer": tokenizer, "max_new_tokens": 120, **fields})


def streamed(chunks: Any) -> AIMessageChunk:
    chunks = list(chunks)
    assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert isinstance(whole, AIMessageChunk)
    return whole


def brief(message: Any) -> Any:
    calls = [(call["name"], call["args"]) for call in message.tool_calls]
    return message.content, calls, message.usage_metadata, message.response_metadata


# --- one reply --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "options", "reason"),
    [
        ("Good.", {}, "stop"),
        ("Good. Bad.", {"stop": ["Bad"]}, "stop"),
        ("red " * 40, {"max_new_tokens": 5}, "length"),
        (CALL, {"tools": [add]}, "tool_calls"),
    ],
)
async def test_a_reply_says_how_it_ended_and_what_it_took(reply: str, options: dict[str, Any], reason: str) -> None:
    chat = saying(reply)
    message = chat.invoke("Hello", **options)
    assert message.response_metadata == {"finish_reason": reason, "model_name": "TalkingModel"}
    usage = message.usage_metadata
    assert usage is not None
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == chat.get_num_tokens_from_messages([HumanMessage("Hello")], options.get("tools"))
    assert brief(streamed(chat.stream("Hello", **options))) == brief(message)
    assert brief(await chat.ainvoke("Hello", **options)) == brief(message)
    assert brief(streamed([chunk async for chunk in chat.astream("Hello", **options)])) == brief(message)


def test_text_is_cut_at_a_stop_string_and_constrained_text_has_none() -> None:
    chat = saying("one two three")
    assert chat.invoke("Hello", stop=["two"]).content == "one "
    assert chat.model_copy(update={"stop": ["three"]}).invoke("Hello").content == "one two "
    assert re.fullmatch(
        "(one|two|six) end", saying("two end", stop=["two"], regex="(one|two|six) end").invoke("a").text
    )


@pytest.mark.parametrize(
    ("given", "pattern"),
    [
        ({"regex": "[a-c]{3}"}, "[a-c]{3}"),
        ({"regex": re.compile("[A-C]{3}")}, "[A-C]{3}"),
        ({"schema": {"enum": ["x", "y"]}}, '"[xy]"'),
        ({"grammar": 'start: "a" "b"+'}, "ab+"),
        ({"choices": ["yes", "no"]}, "yes|no"),
        ({"constraint": relark.regex("x{3}")}, "xxx"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_each_constraint_as_a_field_in_bind_and_in_a_call(
    chat: ChatRelark, model: Any, tokenizer: Any, given: dict[str, Any], pattern: str
) -> None:
    text = ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=24, **given).invoke("Hello").text
    assert re.fullmatch(pattern, text)
    assert chat.bind(**given).invoke("Hello").text == text
    assert chat.invoke("Hello", **given).text == text
    assert "".join(chunk.text for chunk in chat.bind(**given).stream("Hello")) == text
    replaced = ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=24, regex="never")
    assert replaced.invoke("Hello", **given).text == text


def test_what_it_does_not_know_is_refused(chat: ChatRelark, model: Any, tokenizer: Any) -> None:
    with pytest.raises(ArgumentError, match="regx"):
        chat.invoke("Hello", regx="a")
    with pytest.raises(ArgumentError, match="regx"):
        chat.bind_tools([add], regx="a")
    with pytest.raises(ValidationError, match="regx"):
        ChatRelark(model=model, tokenizer=tokenizer, regx="a")
    with pytest.raises(ArgumentError, match="messages: there are none"):
        chat.invoke([])
    with pytest.raises(BudgetError):
        chat.invoke("Hello", regex="a{400}")


# --- tools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("any", {"add", "paint"}),
        ("required", {"add", "paint"}),
        (True, {"add", "paint"}),
        ("paint", {"paint"}),
        ({"type": "function", "function": {"name": "paint"}}, {"paint"}),
        ({"type": "tool", "name": "add"}, {"add"}),
    ],
)
def test_calls_that_are_asked_for_are_written(chat: ChatRelark, choice: Any, names: set[str]) -> None:
    bound = chat.bind_tools([add, paint], tool_choice=choice, max_new_tokens=90)
    message = bound.invoke("Hello")
    assert message.tool_calls
    assert message.content == ""
    assert {call["name"] for call in message.tool_calls} <= names
    ids = [call["id"] for call in [*message.tool_calls, *bound.invoke("Hello").tool_calls]]
    assert len(set(ids)) == len(ids)
    assert brief(streamed(bound.stream("Hello"))) == brief(message)
    for call in message.tool_calls:
        assert isinstance({"add": add, "paint": paint}[call["name"]].invoke(call), ToolMessage)


@pytest.mark.parametrize("choice", [None, "auto", False, "none"])
def test_calls_that_are_not_asked_for_may_be_text(choice: Any) -> None:
    said = saying("Seven.").bind_tools([add], tool_choice=choice).invoke("What is 3 + 4?")
    assert (said.content, said.tool_calls) == ("Seven.", [])
    called = saying(CALL).bind_tools([add], tool_choice=choice).invoke("What is 3 + 4?")
    if choice == "none":
        assert called.tool_calls == []
        assert "<tool_call>" not in called.text
    else:
        assert (called.content, [call["args"] for call in called.tool_calls]) == ("", [{"a": 3, "b": 4}])


def test_several_calls_unless_that_is_forbidden() -> None:
    chat = saying(f"{CALL}\n{CALL}")
    assert len(chat.bind_tools([add]).invoke("Hello").tool_calls) == 2
    assert len(chat.bind_tools([add], parallel_tool_calls=False).invoke("Hello").tool_calls) == 1
    chunks = list(chat.bind_tools([add]).stream("Hello"))
    pieces = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
    assert {piece["index"] for piece in pieces} == {0, 1}
    assert len(pieces) > 8
    assert [call["args"] for call in streamed(chunks).tool_calls] == [{"a": 3, "b": 4}] * 2


def test_text_before_calls_is_content() -> None:
    message = saying("I add.\n" + CALL).bind_tools([add]).invoke("Hello")
    assert message.text.strip() == "I add."
    assert len(message.tool_calls) == 1


def test_results_of_tools_in_last_place_are_read() -> None:
    seen: list[str] = []

    def reply(prompt: str) -> str:
        seen.append(prompt)
        return "It is 7." if "tool_response" in prompt else CALL

    bound = saying(reply).bind_tools([add])
    question = HumanMessage("What is 3 + 4?")
    called = bound.invoke([question])
    assert bound.invoke([question, called, add.invoke(called.tool_calls[0])]).content == "It is 7."
    assert "\n7\n" in seen[-1]


def test_bound_tools_can_be_shown_and_are_not_made_again(chat: ChatRelark, monkeypatch: pytest.MonkeyPatch) -> None:
    bound: Any = chat.bind_tools([add], tool_choice="any")
    assert json.loads(json.dumps(bound.kwargs))["tools"][0]["function"]["name"] == "add"
    monkeypatch.setattr("relark.integrations.langchain.tools.schema", None)
    assert bound.bind(max_new_tokens=90).invoke("Hello").tool_calls


class Sum(BaseModel):
    """A sum."""

    total: int


FORMAT = {"type": "json_schema", "json_schema": {"name": "Sum", "schema": Sum.model_json_schema()}}


@pytest.mark.parametrize("response_format", [FORMAT, Sum], ids=["dict", "type"])
def test_a_response_format_is_json_or_a_call(response_format: Any) -> None:
    answer = '{"total": 7}'
    for tools in ([], [add]):
        bound = saying(answer).bind_tools(tools, response_format=response_format)
        message = bound.invoke("Hello")
        assert (message.content, message.tool_calls) == (answer, [])
        assert brief(streamed(bound.stream("Hello"))) == brief(message)
    called = saying(CALL).bind_tools([add], response_format=response_format).invoke("Hello")
    assert (called.content, len(called.tool_calls)) == ("", 1)
    text = saying("Seven.").bind_tools([add], response_format=response_format).invoke("Hello")
    assert text.tool_calls or Sum.model_validate_json(text.text)


def test_other_response_formats(chat: ChatRelark) -> None:
    assert isinstance(json.loads(chat.invoke("Hello", response_format={"type": "json_object"}).text), dict)
    assert chat.invoke("Hello", response_format={"type": "text"}).text == chat.invoke("Hello").text
    loose = {"type": "json_schema", "json_schema": {"strict": False, "schema": {"type": "object", "maxProperties": 0}}}
    assert json.loads(chat.invoke("Hello", response_format=loose).text) == {}


def test_a_constraint_is_what_may_stand_instead_of_calls() -> None:
    assert saying("no way", choices=["yes", "no"]).bind_tools([add]).invoke("Hello").text == "no"
    assert saying(CALL, choices=["yes", "no"]).bind_tools([add]).invoke("Hello").tool_calls


@pytest.mark.parametrize(
    ("tools", "options", "said"),
    [
        ([], {"tool_choice": "any"}, "there are no tools"),
        ([add], {"tool_choice": "mul"}, "mul"),
        ([add], {"response_format": {"type": "xml"}}, "response_format"),
        ([add], {"response_format": {"type": "json_schema"}}, "response_format"),
        ([add], {"response_format": FORMAT, "regex": "a"}, "response_format and regex"),
        ([], {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nothing"}}}}, "nothing"),
    ],
)
def test_tools_that_cannot_be_bound_are_refused_at_once(
    chat: ChatRelark, tools: list[Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(RelarkError, match=said):
        chat.bind_tools(tools, **options)


def test_a_tool_choice_without_tools_is_refused_in_a_call(chat: ChatRelark) -> None:
    with pytest.raises(ArgumentError, match="there are no tools"):
        chat.invoke("Hello", tool_choice="any")


def test_a_template_that_wants_turns_gets_them(model: Any, tokenizer: Any) -> None:
    strict = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, eos_token=tokenizer.eos_token)
    strict.chat_template = (
        "{% for m in messages %}{% if not loop.first and loop.previtem.role == m.role %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}"
        "{% if m.role == 'critic' %}{{ raise_exception('no critics') }}{% endif %}<{{ m.role }}>{{ m.content }}"
        "{% endfor %}"
    )
    chat = ChatRelark(model=model, tokenizer=strict, max_new_tokens=3)
    assert chat.invoke([SystemMessage("a"), SystemMessage("b"), HumanMessage("c"), HumanMessage("d")]).content
    with pytest.raises(ArgumentError, match="no critics"):
        chat.invoke([HumanMessage("c"), HumanMessage("d"), ChatMessage("e", role="critic")])


# --- batches ----------------------------------------------------------------------------------------------------------


class Log(BaseCallbackHandler):
    def __init__(self) -> None:
        self.starts: list[str] = []
        self.ends: list[str] = []
        self.tokens: list[str] = []
        self.errors: list[BaseException] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.starts.append(messages[0][0].content)

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ends.append(response.generations[0][0].text)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.errors.append(error)


async def test_a_batch_shares_its_passes_and_each_has_its_own_callbacks() -> None:
    chat: Any = saying(lambda prompt: f"I heard {prompt.rpartition('>')[2]}", batch_size=32)
    questions = [f"number {n}" for n in range(32)]
    alone = [chat.invoke(question).content for question in questions]
    for way in ("batch", "abatch"):
        chat.model.batches.clear()
        logs = [Log() for _ in questions]
        configs: Any = [{"callbacks": [log]} for log in logs]
        found = chat.batch(questions, configs) if way == "batch" else await chat.abatch(questions, configs)
        assert [message.content for message in found] == alone
        assert max(chat.model.batches) == 32
        assert len(chat.model.batches) < 60
        assert [log.starts for log in logs] == [[question] for question in questions]
        assert [log.ends for log in logs] == [[text] for text in alone]
    chat.model.batches.clear()
    assert len(chat.batch(questions, {"max_concurrency": 3})) == 32
    assert max(chat.model.batches) == 3


async def test_in_a_batch_one_that_fails_fails_alone(chat: ChatRelark) -> None:
    questions = ["Hello", "long " * 3000, "red"]
    log = Log()
    found: list[Any] = chat.batch(questions, {"callbacks": [log]}, return_exceptions=True)
    assert [type(one) for one in found] == [AIMessage, ArgumentError, AIMessage]
    assert found[2].content == chat.invoke("red").content
    assert (len(log.ends), len(log.errors)) == (2, 1)
    again: list[Any] = await chat.abatch(questions, return_exceptions=True)
    assert [type(one) for one in again] == [AIMessage, ArgumentError, AIMessage]
    with pytest.raises(ArgumentError):
        chat.batch(questions)
    with pytest.raises(ArgumentError):
        await chat.abatch(questions)
    assert chat.batch([]) == []


async def test_chains_and_bound_models_share_passes_too() -> None:
    chat: Any = saying("Good.")
    chain = (
        ChatPromptTemplate.from_messages([("human", "{word}")]) | chat.bind(regex="(Good|Bad)[.]") | (lambda m: m.text)
    )
    words = [{"word": word} for word in ("a", "bb", "ccc", "dddd")]
    assert chain.batch(words) == ["Good."] * 4
    assert max(chat.model.batches) == 4
    chat.model.batches.clear()
    assert await chain.abatch(words) == ["Good."] * 4
    assert max(chat.model.batches) == 4


async def test_generate_with_several_prompts_shares_passes() -> None:
    chat: Any = saying("Good.")
    log = Log()
    prompts: Any = [[HumanMessage("a")], [HumanMessage("b")], [HumanMessage("c")]]
    for result in (chat.generate(prompts, callbacks=[log]), await chat.agenerate(prompts, callbacks=[log])):
        assert [one.text for [one] in result.generations] == ["Good."] * 3
        assert len(result.run) == 3
        assert min(chat.model.batches) == 3
    assert sorted(log.starts) == ["a", "a", "b", "b", "c", "c"]
    assert chat.generate([]).generations == []


def test_in_a_batch_known_answers_come_from_the_cache() -> None:
    chat: Any = saying("Good.", cache=InMemoryCache())
    chat.invoke("a")
    chat.model.batches.clear()
    assert [message.text for message in chat.batch(["a", "b", "c"])] == ["Good."] * 3
    assert max(chat.model.batches) == 2


# --- caches -----------------------------------------------------------------------------------------------------------


async def test_two_constraints_have_two_answers_in_a_cache(chat: ChatRelark) -> None:
    cache = InMemoryCache()
    set_llm_cache(cache)
    kinds: list[dict[str, Any]] = [
        {},
        {"regex": "[a-c]{3}"},
        {"regex": "[d-f]{3}"},
        {"choices": ["a", "b"]},
        {"schema": {"enum": [1, 2]}},
        {"grammar": 'start: "x"'},
        {"regex": "[a-c]{3}", "temperature": 3.0, "seed": 1},
        {"stop": ["a"]},
        {"max_new_tokens": 2},
        {"response_format": {"type": "json_object"}},
    ]
    first = [chat.invoke("Hello", **kind) for kind in kinds]
    keys = len(cache._cache)
    assert keys == len(kinds)
    again = [await chat.ainvoke("Hello", **kind) for kind in kinds]
    assert [one.text for one in again] == [one.text for one in first]
    assert len(cache._cache) == keys
    assert re.fullmatch("[a-c]{3}", first[1].text)
    assert re.fullmatch("[d-f]{3}", first[2].text)


def test_other_tools_and_choices_are_other_answers(chat: ChatRelark) -> None:
    cache = InMemoryCache()
    set_llm_cache(cache)
    bound = [
        chat.bind_tools([add], max_new_tokens=100),
        chat.bind_tools([add], tool_choice="any", max_new_tokens=100),
        chat.bind_tools([paint], tool_choice="any", max_new_tokens=100),
        chat.bind_tools([add, paint], tool_choice="add", max_new_tokens=100),
    ]
    for one in bound:
        one.invoke("Hello")
    assert len(cache._cache) == len(bound)
    for one in (chat.bind_tools([add], tool_choice="any", max_new_tokens=100), *bound):
        one.invoke("Hello")
    assert len(cache._cache) == len(bound)


# --- callbacks, what it tells of itself -------------------------------------------------------------------------------


async def test_callbacks_get_tokens_where_replies_are_streamed() -> None:
    log = Log()
    list(saying("Good, good.").stream("Hello", {"callbacks": [log]}))
    assert "".join(log.tokens) == "Good, good."
    log = Log()
    await saying("Good, good.", streaming=True).ainvoke("Hello", {"callbacks": [log]})
    assert "".join(log.tokens) == "Good, good."
    assert log.ends == ["Good, good."]
    log = Log()
    saying("Good, good.").invoke("Hello", {"callbacks": [log]})
    assert (log.tokens, log.ends) == ([], ["Good, good."])


async def test_events_of_a_stream() -> None:
    chat = saying(CALL).bind_tools([add])
    events = [event async for event in chat.astream_events("Hello", version="v2")]
    assert events[-1]["data"]["output"].tool_calls[0]["args"] == {"a": 3, "b": 4}
    stream = saying("Good.").stream_events("Hello", version="v3")
    assert "".join(stream.text) == "Good."


def test_what_it_tells_of_itself(model: Any, tokenizer: Any) -> None:
    chat = ChatRelark(
        model=model, tokenizer=tokenizer, max_tokens=7, temperature=0.5, stop=["x"], timeout=3, api_key="k"
    )
    assert chat.profile is not None
    assert chat.profile["structured_output"]
    assert chat.profile["tool_calling"]
    assert (chat.profile["max_input_tokens"], chat.profile["max_output_tokens"]) == (2048, 7)
    params = chat._get_ls_params(stop=["y"], max_tokens=3)
    assert params == {
        "ls_provider": "relark",
        "ls_model_type": "chat",
        "ls_model_name": chat.model_name,
        "ls_temperature": 0.5,
        "ls_max_tokens": 3,
        "ls_stop": ["y"],
    }
    assert chat._get_ls_params()["ls_stop"] == ["x"]
    assert ChatRelark(model=model, tokenizer=tokenizer, profile={"tool_calling": False}).profile == {
        "tool_calling": False
    }
    assert "LlamaModel" not in repr(chat)


def test_tokens_are_counted_by_the_models_own_tokenizer(chat: ChatRelark, tokenizer: Any) -> None:
    assert chat.get_num_tokens("naïve café") == len(tokenizer.encode("naïve café"))
    question = [HumanMessage("Hello")]
    used = chat.invoke(question).usage_metadata
    assert used is not None
    assert chat.get_num_tokens_from_messages(question) == used["input_tokens"]
    assert chat.get_num_tokens_from_messages(question, [add]) > used["input_tokens"]


def test_fields_can_be_configured(chat: ChatRelark) -> None:
    configurable: Any = chat.configurable_fields(max_new_tokens=ConfigurableField(id="most"))
    short = configurable.with_config(configurable={"most": 2}).invoke("Hello")
    assert short.usage_metadata["output_tokens"] == 2
    assert configurable.invoke("Hello").text == chat.invoke("Hello").text
