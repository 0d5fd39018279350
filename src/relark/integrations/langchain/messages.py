"""LangChain's messages as the dicts that chat templates take.

What it is: `to_chat`, used by `ChatRelark` for every request; by hand, for ``tokenizer.apply_chat_template`` and for
`relark.generate`, which takes such dicts as a prompt. Text goes in as it stands: blocks are put together without
anything between them, the calls of an earlier turn keep their arguments as objects, what a model thought is left out.

Cost: microseconds a message.

What it cannot do: images, audio, video and files. A text model would not see them, so they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from relark.errors import ArgumentError

__all__ = ["in_turns", "to_chat"]

# Blocks that repeat what a message says elsewhere (its tool_calls), and thoughts: templates want neither.
_NOT_TEXT = {
    "tool_use",
    "tool_call",
    "tool_call_chunk",
    "invalid_tool_call",
    "function_call",
    "input_json_delta",
    "thinking",
    "redacted_thinking",
    "reasoning",
    "reasoning_content",
}


def to_chat(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """``messages`` in the format of transformers' chat templates.

    Roles are "system", "user", "assistant" and "tool" (a `ChatMessage` keeps its own). Tool calls are
    ``{"id", "type": "function", "function": {"name", "arguments": dict}}``; calls that LangChain holds for invalid,
    which nothing can answer, are left out. Results of tools get the tool's name from the call that they answer.

    Raises ArgumentError for an empty list, and for content that is not text.

    >>> to_chat([HumanMessage("What is 3 + 4?"), AIMessage("7")])
    [{'role': 'user', 'content': 'What is 3 + 4?'}, {'role': 'assistant', 'content': '7'}]
    """
    if not messages:
        raise ArgumentError("messages: there are none; give one at least.")
    names: dict[str | None, str] = {}
    chat = []
    for place, message in enumerate(messages):
        found: dict[str, Any] = {"role": _role(message, place), "content": _text(message, place)}
        name = message.name
        if isinstance(message, AIMessage):
            calls = _calls(message)
            names.update((call["id"], call["function"]["name"]) for call in calls)
            if calls:
                found["tool_calls"] = calls
        if isinstance(message, ToolMessage):
            name = name or names.get(message.tool_call_id)
            found["tool_call_id"] = message.tool_call_id
        if name:
            found["name"] = name
        chat.append(found)
    return chat


def in_turns(chat: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``chat`` for templates that want turns: neighbouring texts of one role are one message, joined by a line break.

    Messages with tool calls and results of tools stay as they are.

    >>> in_turns([{"role": "user", "content": "Hello."}, {"role": "user", "content": "Who are you?"}])
    [{'role': 'user', 'content': 'Hello.\\nWho are you?'}]
    """
    found: list[dict[str, Any]] = []
    for message in chat:
        last = found[-1] if found else None
        if last is not None and _is_plain(last) and _is_plain(message) and last["role"] == message["role"]:
            last["content"] = f"{last['content']}\n{message['content']}"
        else:
            found.append(dict(message))
    return found


def _is_plain(message: Mapping[str, Any]) -> bool:
    return message["role"] != "tool" and "tool_calls" not in message


def _role(message: BaseMessage, place: int) -> str:
    match message:
        case HumanMessage():
            return "user"
        case AIMessage():
            return "assistant"
        case SystemMessage():
            return "system"
        case ToolMessage() | FunctionMessage():
            return "tool"
        case ChatMessage():
            return message.role
    raise ArgumentError(f"messages[{place}]: a {type(message).__name__} cannot be said to a model.")


def _text(message: BaseMessage, place: int) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    return "".join(_block_text(block, place, n) for n, block in enumerate(content))


def _block_text(block: str | Mapping[str, Any], place: int, n: int) -> str:
    if isinstance(block, str):
        return block
    kind = block.get("type", "text" if "text" in block else None)
    if kind in _NOT_TEXT:
        return ""
    if kind in ("text", "text-plain") and isinstance(block.get("text"), str):
        return str(block["text"])
    raise ArgumentError(
        f"messages[{place}].content[{n}]: a block of type {kind!r}; this model reads text only, so take the block out "
        "or put in its place what it says."
    )


def _calls(message: AIMessage) -> list[dict[str, Any]]:
    return [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["args"]}}
        for call in message.tool_calls
    ]
