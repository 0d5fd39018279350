"""LangChain's own integration tests for chat models, on a model that knows what to say.

Nothing of the way from messages to messages is replaced, only the weights: a `Scripted` model wants to say what `reply`
makes of the prompt that it reads.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_doubles import TalkingModel
from langchain_tests.integration_tests import ChatModelIntegrationTests

from decoding.decoding_doubles import train
from relark.integrations.langchain import ChatRelark
from relark.tokens.vocabulary import Vocabulary


def reply(prompt: str) -> str:
    """What somebody with a head would say: calls where the last message asks for them."""
    asked = prompt.rpartition("<user>")[2]
    for pattern, name, arguments in CALLS:
        found = re.search(pattern, asked)
        if found and f'"name": "{name}"' in prompt:
            values = {key: value.format(*found.groups()) if isinstance(value, str) else value
                      for key, value in arguments.items()}  # fmt: skip
            call = json.dumps({"name": name, "arguments": values}, ensure_ascii=False)
            return f"<tool_call>\n{call}\n</tool_call>"
    if "joke" in asked:
        return '{"setup": "Why do cats sit on keyboards?", "punchline": "To be near the mouse."}'
    return "It is good to hear from you."


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    (r"magic_function\(3\)", "magic_function", {"input": 3}),
    (r"magic_function_no_args\(\)", "magic_function_no_args", {}),
    (r"generate a (\w+) greeting", "greeting_generator", {"answer_style": "{0}"}),
    (r"weather in ([^?]+)", "get_weather", {"location": "{0}"}),
    (r"customer named '([^']+)'", "unicode_customer", {"customer_name": "{0}", "description": "A company"}),
    (r"What is 3 \+ 4", "my_adder_tool", {"a": 3, "b": 4}),
]


class Scripted(TalkingModel):
    """Goes by bytes: its tokens end inside the characters that the suite asks for."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer, reply)
        self.vocabulary = Vocabulary.from_tokenizer(tokenizer)

    def _next(self, ids: list[int]) -> list[int]:
        prompt, _, written = self.vocabulary.decode(ids).rpartition(self.marker.encode())
        wanted = self.reply(prompt.decode()).encode()
        common = next((i for i, (a, b) in enumerate(zip(wanted, written, strict=False)) if a != b), len(written))
        rest = wanted[common:]
        known = {data: token for token, data in enumerate(self.vocabulary.token_bytes) if data}
        fitting = [known[rest[:size]] for size in range(len(rest), 0, -1) if rest[:size] in known]
        return [*fitting[:1], self.tokenizer.eos_token_id]


@cache
def scripted() -> dict[str, Any]:
    tokenizer = train()
    return {"model": Scripted(tokenizer), "tokenizer": tokenizer}


class TestChatRelarkScripted(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatRelark

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return scripted()

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True


class TestChatRelarkScriptedFunctionCalling(TestChatRelarkScripted):
    """The same with structured output through tools."""

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "function_calling"}
