"""What the decoding tests share; models and tokenizer are made in well under a second, offline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from decoding_doubles import llama, train

import relark


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return train()


@pytest.fixture(scope="session")
def model() -> Any:
    return llama()


@pytest.fixture(scope="session")
def models_by_seed() -> Callable[[int], Any]:
    made: dict[int, Any] = {}

    def make(seed: int) -> Any:
        if seed not in made:
            made[seed] = llama(seed)
        return made[seed]

    return make


@pytest.fixture(scope="session")
def generator(model: Any, tokenizer: Any) -> relark.Generator:
    return relark.Generator(model, tokenizer)


@pytest.fixture(scope="session")
def constraints() -> dict[str, relark.Constraint]:
    """Constraints of several shapes: finite, endless, long, with multi-byte characters, of any text."""
    digit = relark.choices(list("0123456789"))
    word = relark.choices(["red", "green", "blue", "the", "then"])
    return {
        "choices": relark.choices(["Paris", "Rome", "Rome, Italy", "yes"]),
        "number": digit.repeat(1),
        "date": digit.repeat(4, 4) + "-" + digit.repeat(2, 2) + "-" + digit.repeat(2, 2),
        "list": "[" + word + (", " + word).repeat(0) + "]",
        "unicode": relark.choices(["é", "日本", "😀"]).repeat(2, 5),
        "until": relark.text(until="."),
        "exclude": ~relark.choices(["", "a", "b"]) & (relark.choices(list("abc")).repeat(0)),
    }
