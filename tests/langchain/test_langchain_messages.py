"""LangChain's messages as dicts for chat templates."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from relark.errors import ArgumentError
from relark.integrations.langchain.messages import in_turns, to_chat

CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
WRITTEN = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SystemMessage("Be brief."), {"role": "system", "content": "Be brief."}),
        (HumanMessage("Hi", name="ann"), {"role": "user", "content": "Hi", "name": "ann"}),
        (AIMessage("Hello"), {"role": "assistant", "content": "Hello"}),
        (ChatMessage("Hm.", role="critic"), {"role": "critic", "content": "Hm."}),
        (FunctionMessage("3", name="add"), {"role": "tool", "content": "3", "name": "add"}),
        (ToolMessage("3", tool_call_id="x"), {"role": "tool", "content": "3", "tool_call_id": "x"}),
        (HumanMessage(["Hi ", {"type": "text", "text": "there"}]), {"role": "user", "content": "Hi there"}),
        (HumanMessage([{"text": "bare"}]), {"role": "user", "content": "bare"}),
        (
            AIMessage(
                [
                    {"type": "thinking", "thinking": "..."},
                    {"type": "text", "text": "So:"},
                    {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}},
                ],
                tool_calls=[CALL],
            ),
            {"role": "assistant", "content": "So:", "tool_calls": [WRITTEN]},
        ),
    ],
)
def test_each_kind_of_message(message: BaseMessage, expected: dict[str, Any]) -> None:
    assert to_chat([message]) == [expected]


def test_a_result_gets_the_name_of_the_tool_that_was_called() -> None:
    chat = to_chat([AIMessage("", tool_calls=[CALL]), ToolMessage("2", tool_call_id="c1")])
    assert chat[1] == {"role": "tool", "content": "2", "tool_call_id": "c1", "name": "add"}


def test_calls_that_were_invalid_are_left_out() -> None:
    broken = {"name": "add", "args": '{"a":', "id": "c2", "error": "no JSON", "type": "invalid_tool_call"}
    assert to_chat([AIMessage("Oh", invalid_tool_calls=[broken])]) == [{"role": "assistant", "content": "Oh"}]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "there are none"),
        ([RemoveMessage(id="1")], r"messages\[0\]: a RemoveMessage"),
        ([HumanMessage("a"), HumanMessage([{"type": "image", "url": "x"}])], r"messages\[1\]\.content\[0\].*'image'"),
        ([HumanMessage([{"type": "text", "text": "a"}, {"type": "file"}])], r"messages\[0\]\.content\[1\].*'file'"),
    ],
)
def test_what_a_text_model_cannot_be_told_is_refused(messages: list[BaseMessage], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        to_chat(messages)


def test_turns_join_neighbours_of_one_role_but_not_calls_and_results() -> None:
    chat: list[dict[str, Any]] = [
        {"role": "system", "content": "A"},
        {"role": "system", "content": "B"},
        {"role": "user", "content": "C"},
        {"role": "assistant", "content": "D"},
        {"role": "assistant", "content": "", "tool_calls": [WRITTEN]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    ]
    assert in_turns(chat) == [{"role": "system", "content": "A\nB"}, *chat[2:]]
    assert chat[0]["content"] == "A"
