"""What the LangChain tests share; nothing of it takes a second."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from decoding.decoding_doubles import llama, train


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_shared_cache() -> Any:
    """A test may set LangChain's process-wide cache; the next one must not find it."""
    from langchain_core.globals import get_llm_cache, set_llm_cache

    before = get_llm_cache()
    yield
    set_llm_cache(before)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """A small byte-level tokenizer with a chat template that knows no tools."""
    return train()


@pytest.fixture(scope="session")
def model() -> Any:
    """A random Llama of 60,000 parameters with a context of 2,048 tokens."""
    return llama(max_position_embeddings=2048)
