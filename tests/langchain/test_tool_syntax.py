"""What is found out from chat templates, the languages made of it, and the prompts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tool_examples import get_weather, ping
from tool_templates import TEMPLATES, family

import relark
from relark.integrations.langchain.tool_stream import ArgsDelta, CallStart, Event, TextDelta
from relark.integrations.langchain.tool_syntax import GENERIC, ToolSyntax, tool_syntax
from relark.integrations.langchain.tools import ToolSet

HERMES = {
    "start": ('<tool_call>\n{"name": "',),
    "middle": ('", "arguments": ',),
    "between": ('}\n</tool_call>\n<tool_call>\n{"name": "',),
    "end": ("}\n</tool_call>",),
    "trigger": "<tool_call>",
    "gap": "\n",
    "leading_text": True,
    "text_tokens": (),
    "thought": None,
}
DEEPSEEK = {
    "start": ("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>",),
    "middle": ("\n```json\n",),
    "between": ("\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>",),
    "end": ("\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",),
    "trigger": "<｜tool▁calls▁begin｜>",
    "leading_text": True,
    "keeps_text": False,
    "shows_tools": False,
}

EXPECTED: dict[str, dict[str, Any]] = {
    "hermes": {**HERMES, "shows_tools": True, "keeps_text": True},
    "thinking": {**HERMES, "shows_tools": True, "thought": "think"},
    "llama": {
        "start": ('{"name": "',),
        "middle": ('", "parameters": ',),
        "between": None,
        "end": ("}",),
        "trigger": '{"name": "',
        "leading_text": False,
        "text_tokens": (),
    },
    "mistral": {
        "start": ('[TOOL_CALLS] [{"name": "',),
        "middle": ('", "arguments": ',),
        "between": (', "id": "', '"}, {"name": "'),
        "end": (', "id": "', '"}]'),
        "trigger": "[TOOL_CALLS]",
        "leading_text": True,
        "keeps_text": False,
        "text_tokens": ("[TOOL_CALLS]",),
        "has_ids": True,
    },
    "mistral-args": {
        "start": ("[TOOL_CALLS]",),
        "middle": ("[ARGS]",),
        "between": ("[TOOL_CALLS]",),
        "end": ("",),
        "trigger": "[TOOL_CALLS]",
        "gap": "",
        "leading_text": True,
        "text_tokens": ("[ARGS]", "[TOOL_CALLS]"),
        "has_ids": False,
    },
    "deepseek": {
        **DEEPSEEK,
        "text_tokens": (
            *("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>"),
            *("<｜tool▁call▁end｜>", "<｜tool▁sep｜>"),
        ),
    },
    "channels": {
        "start": (" to=functions.",),
        "middle": ("<|channel|>commentary json<|message|>",),
        "between": None,
        "end": ("",),
        "answer": "<|channel|>final<|message|>",
        "leading_text": False,
        "text_tokens": ("<|channel|>", "<|message|>"),
    },
    "xml": {**HERMES, "form": None, "shows_tools": False},
    "name-in-id": {**HERMES, "form": None},
    "gemma": {**HERMES, "form": None, "system_role": False},
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_syntaxes_are_found_in_templates(name: str) -> None:
    found = tool_syntax(family(name))
    assert {key: getattr(found, key) for key in EXPECTED[name]} == EXPECTED[name]


def test_a_tokenizer_is_not_changed() -> None:
    tokenizer = family("deepseek")
    before = (tokenizer.chat_template, dict(tokenizer.special_tokens_map), len(tokenizer))
    tool_syntax(tokenizer)
    assert (tokenizer.chat_template, dict(tokenizer.special_tokens_map), len(tokenizer)) == before


def test_templates_that_fail_at_calls_mean_the_generic_syntax(tokenizer: Any) -> None:
    assert tool_syntax(tokenizer) == GENERIC  # it writes contents only
    bare = family("hermes")
    bare.chat_template = "{% for m in messages %}{{ m['role'] + m['content'] + m['no such'].thing }}{% endfor %}"
    assert tool_syntax(bare).form is None


def test_a_syntax_that_reads_something_else_back_is_refused() -> None:
    lying = family("hermes")
    lying.chat_template = TEMPLATES["hermes"].replace(
        "tool_call.function.name +", "(tool_call.function.name | replace('-', '_')) +"
    )
    assert tool_syntax(lying).form is None


def test_what_stands_behind_eos_is_not_written() -> None:
    tokenizer = family("hermes")
    tokenizer.chat_template = TEMPLATES["hermes"].replace("'}\\n</tool_call>'", "'}\\n</tool_call><|end|>'")
    found = tool_syntax(tokenizer)
    assert found.between == ('}\n</tool_call><|end|>\n<tool_call>\n{"name": "',)
    assert found.text_tokens == ("<|end|>",)
    found = tool_syntax(tokenizer, [tokenizer.convert_tokens_to_ids("<|end|>")])
    assert (found.end, found.between, found.text_tokens) == (("}\n</tool_call>",), None, ())


REAL = Path(os.environ.get("RELARK_TOKENIZERS", "does-not-exist"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwen3", {**HERMES, "shows_tools": True}),
        ("deepseek_v3", DEEPSEEK),
        ("gemma3", {**HERMES, "form": None, "system_role": True}),
        ("llama3_1", {**HERMES, "form": None}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_syntaxes_of_real_templates(name: str, expected: dict[str, Any]) -> None:
    if not (REAL / name).is_dir():
        pytest.skip("RELARK_TOKENIZERS does not name a folder with this tokenizer")
    from transformers import AutoTokenizer

    found = tool_syntax(AutoTokenizer.from_pretrained(REAL / name))
    assert {key: getattr(found, key) for key in expected} == expected


# --- languages --------------------------------------------------------------------------------------------------------


def language(syntax: ToolSyntax, choice: Any, parallel: bool | None = None, **options: Any) -> relark.Constraint:
    found = syntax.constraint(ToolSet.of([get_weather, ping], choice, parallel), **options)
    assert found is not None
    return found


ONE = '<tool_call>\n{"name": "ping", "arguments": {}}\n</tool_call>'
TWO = ONE + '\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "</tool_call>"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("choice", "parallel", "text", "expected"),
    [
        ("auto", None, "Just text with < and <tool.", True),
        ("auto", None, "", True),
        ("auto", None, ONE, True),
        ("auto", None, "Wait.\n" + TWO, True),
        ("auto", None, "<tool_cal" + ONE, True),
        ("auto", None, ONE + "\n", False),
        ("auto", None, ONE + "More.", False),
        ("auto", None, "It is called <tool_call>.", False),
        ("auto", None, "half of it: <tool_c", False),
        ("auto", None, "a <", True),
        ("auto", False, ONE, True),
        ("auto", False, TWO, False),
        ("any", None, ONE, True),
        ("any", None, TWO, True),
        ("any", False, TWO, False),
        ("any", None, "Wait.\n" + ONE, False),
        ("any", None, "", False),
        ("ping", None, ONE, True),
        ("ping", None, TWO, False),
        ("ping", True, ONE + "\n" + ONE, True),
        ("get_weather", None, ONE, False),
        ("none", None, "Text.", True),
        ("none", None, ONE, False),
        ("any", None, ONE.replace("ping", "pong"), False),
        ("any", None, ONE.replace("{}", '{"a": 1}'), False),
        ("any", None, ONE.replace(', "arguments": {}', ""), False),
    ],
)
def test_what_may_be_replied(choice: str, parallel: bool | None, text: str, expected: bool) -> None:
    assert language(GENERIC, choice, parallel).fullmatch(text) is expected


def test_a_bare_object_is_a_call_or_stands_for_itself() -> None:
    syntax = tool_syntax(family("llama"))
    auto = language(syntax, "auto")
    call = '{"name": "ping", "parameters": {}}'
    assert auto.fullmatch(call)
    assert auto.fullmatch(" \n" + call)
    assert not auto.fullmatch('{"name": "pong", "parameters": {}}')
    assert not auto.fullmatch('{"na')
    assert auto.fullmatch('An object is {"name": "x"}')
    assert not auto.fullmatch(call + call)


def test_channels_tell_text_from_calls() -> None:
    auto = language(tool_syntax(family("channels")), "auto")
    assert auto.fullmatch("<|channel|>final<|message|>to=functions.ping is a text")
    assert auto.fullmatch(" to=functions.ping<|channel|>commentary json<|message|>{}")
    assert not auto.fullmatch("Text.")
    assert not auto.fullmatch("<|channel|>final<|message|>no <|channel|> in it")
    plain = tool_syntax(family("channels")).constraint(None)
    assert plain is not None
    assert plain.fullmatch("<|channel|>final<|message|>Hi")


def test_an_answer_stands_in_place_of_text() -> None:
    answer = relark.schema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
    for name in ("hermes", "llama", "channels"):
        syntax = tool_syntax(family(name))
        auto = language(syntax, "auto", answer=answer)
        call = syntax.start[0] + "ping" + syntax.middle[0] + "{}" + syntax.end[0]
        assert auto.fullmatch(call)
        assert auto.fullmatch(syntax.answer + '{"name":"x"}')
        assert not auto.fullmatch("Text.")
        assert not auto.fullmatch("Text." + call)
        assert auto.fullmatch(syntax.answer + '{"name": "x"}') is (name != "llama")  # there it begins like a call
        assert language(syntax, "none", answer=answer).fullmatch(syntax.answer + '{"name": "x"}')
        assert not language(syntax, "any", answer=answer).fullmatch(syntax.answer + '{"name":"x"}')
        alone = syntax.constraint(None, answer)
        assert alone is not None
        assert alone.fullmatch(syntax.answer + '{"name": "x"}')


def test_without_tools_text_is_free() -> None:
    assert GENERIC.constraint() is None
    assert GENERIC.constraint(ToolSet.of([])) is None


def test_names_that_run_into_each_other_are_refused() -> None:
    syntax = ToolSyntax(("[X]",), (" ",), None, ("",), "[X]")

    def tool(name: str) -> dict[str, Any]:
        return {"name": name, "description": "", "parameters": {"type": "object", "properties": {}}}

    with pytest.raises(relark.ArgumentError, match="cannot be told apart"):
        syntax.constraint(ToolSet.of([tool("a b"), tool("a")], "any"))
    assert syntax.constraint(ToolSet.of([tool("a b"), tool("ab")], "any")) is not None


# --- prompts ----------------------------------------------------------------------------------------------------------


def call(name: str, arguments: dict[str, Any], id: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [call("get_weather", {"city": 'Zürich "x"'}, "call_1"), call("ping", {}, "call_2")],
    },
    {"role": "tool", "content": "Rain.", "name": "get_weather", "tool_call_id": "call_1"},
    {"role": "tool", "content": "Pong.", "name": "ping", "tool_call_id": "call_2"},
    {"role": "user", "content": "Thanks."},
]


def prompt(name: str, chat: list[dict[str, Any]], choice: str = "auto", **options: Any) -> str:
    tokenizer = family(name)
    ids = tool_syntax(tokenizer).prompt(tokenizer, chat, ToolSet.of([get_weather, ping], choice), **options)
    return str(tokenizer.decode(ids))


@pytest.mark.parametrize("name", TEMPLATES)
def test_prompts_hold_the_tools_and_the_calls_so_far(name: str) -> None:
    tokenizer = family(name)
    syntax = tool_syntax(tokenizer)
    rendered = prompt(name, CHAT)
    for part in ("Be brief.", "Weather?", "Rain.", "Pong.", "Thanks.", "Tells the weather."):
        assert rendered.count(part) == 1, part
    assert rendered.count("Let me see.") == (1 if syntax.keeps_text else 0)
    # the calls stand there as the model would have to write them
    at = rendered.index(syntax.start[0] + "get_weather" + syntax.middle[0] + "{")
    pieces: list[Event] = []
    calls = 1 if syntax.between is None else 2
    reader = syntax.reader(ToolSet.of([get_weather, ping], "any"))
    for character in rendered[at:]:
        try:
            pieces += reader.feed(character)
        except relark.ArgumentError:
            break  # the message is over
    assert [e.name for e in pieces if isinstance(e, CallStart)] == ["get_weather", "ping"][:calls]
    arguments = ["".join(e.text for e in pieces if isinstance(e, ArgsDelta) and e.index == i) for i in range(calls)]
    assert [json.loads(text) for text in arguments] == [{"city": 'Zürich "x"'}, {}][:calls]
    if calls == 1:
        assert rendered.index("Rain.") < rendered.index(syntax.start[0] + "ping") < rendered.index("Pong.")


def test_ids_fit_the_template() -> None:
    rendered = prompt("mistral", CHAT)
    [first, second] = [part[:9] for part in rendered.split('"id": "')[1:]]
    assert first != second
    for id in (first, second):
        assert id.isalnum()
        assert f'"call_id": "{id}"' in rendered
    fitting = [{**message, "tool_call_id": "Abcdefg12"} if "tool_call_id" in message else message for message in CHAT]
    assert prompt("mistral", fitting).count('"call_id": "Abcdefg12"') == 2


def test_a_thought_is_closed_where_calls_must_stand() -> None:
    user = [{"role": "user", "content": "Hi."}]
    assert prompt("thinking", user).endswith("assistant\n<think>\n")
    assert prompt("thinking", user, "any").endswith("assistant\n<think>\n\n</think>\n\n")
    assert prompt("thinking", user, think=False).endswith("assistant\n<think>\n\n</think>\n\n")
    assert prompt("hermes", user, "any").endswith("assistant\n")


def test_prompts_without_tools_are_the_templates_own() -> None:
    for name in ("hermes", "llama", "deepseek", "gemma"):
        tokenizer = family(name)
        chat = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}, *CHAT[-1:]]
        expected = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
        assert list(tool_syntax(tokenizer).prompt(tokenizer, chat)) == expected


def test_what_cannot_be_rendered_is_refused() -> None:
    tokenizer = family("gemma")
    with pytest.raises(relark.ArgumentError, match="refuses these messages: Conversation roles must alternate"):
        tool_syntax(tokenizer).prompt(tokenizer, [{"role": "assistant", "content": "Hi."}])
    tokenizer.chat_template = None
    assert tool_syntax(tokenizer) == GENERIC
    with pytest.raises(relark.ArgumentError, match="no chat template"):
        GENERIC.prompt(tokenizer, [{"role": "user", "content": "Hi."}])


def test_text_is_text_without_tools() -> None:
    reader = GENERIC.reader()
    assert [*reader.feed(ONE), *reader.close()] == [TextDelta(ONE)]
