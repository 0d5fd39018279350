"""LangChain's own unit tests for chat models."""

from __future__ import annotations

from functools import cache
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests

from decoding.decoding_doubles import llama, train
from relark.integrations.langchain import ChatRelark


@cache
def tiny() -> dict[str, Any]:
    return {"model": llama(max_position_embeddings=2048), "tokenizer": train()}


class TestChatRelarkUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatRelark

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return tiny()
