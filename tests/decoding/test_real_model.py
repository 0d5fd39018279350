"""The embedded model: it loads, it is what its makers published, and ReLLM's page works on it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch

import relark

pytestmark = pytest.mark.real_model

PROMPT = """\
Human: "What's the capital of the United States?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "The capital of the United States is Washington D.C."
}
Human: "What's the capital of Pennsylvania?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "The capital of Pennsylvania is Harrisburg."
}
Human: "What 2 + 5?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "2 + 5 = 7."
}
Human: 'What's the capital of Maryland?'
AI Assistant:"""
PATTERN = r'\{\s*"action":\s*"Final Answer",\s*"action_input":\s*(\{.*\}|"[^"]*")\s*\}\nHuman:'


@pytest.fixture(scope="session")
def real(embedded: tuple[Any, Any]) -> relark.Generator:
    return relark.Generator(*embedded)


def test_the_tokenizer_splits_digits_and_spells_everything_else(real: relark.Generator) -> None:
    tokenizer = real.tokenizer
    assert tokenizer("x =  5")["input_ids"] == [104, 446, 256, 37]  # as llama.cpp has it
    text = "It's 2026-01-31, 3.14 naïve 日本 😀\n\n\tok<|im_end|>"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") == tokenizer.eos_token_id == 2
    assert real.vocabulary.eos_ids == (2,)


def test_the_weights_are_those_of_a_model_that_can_speak(real: relark.Generator) -> None:
    """Rows of Q and K in a wrong order would still give text, but a loss of 10 and more."""
    ids = torch.tensor(
        [real.tokenizer("The capital of France is Paris, and the capital of Italy is Rome.")["input_ids"]]
    )
    with torch.inference_mode():
        assert float(real.model(ids, labels=ids).loss) < 3.0
    assert not real.model.training
    assert real.model.generation_config.eos_token_id == 2


def test_it_is_loaded_once(real: relark.Generator) -> None:
    assert relark.Generator().model is real.model


def test_the_page_of_rellm(real: relark.Generator) -> None:
    result = real.run(PROMPT, regex=PATTERN, max_new_tokens=40, stop=["Human:"])
    assert re.fullmatch(PATTERN, result.text)
    assert result.finish_reason == "stop"
    found: Any = json.loads(result.text.removesuffix("Human:"))
    assert found["action"] == "Final Answer"
    assert isinstance(found["action_input"], str)


def test_a_chat(real: relark.Generator) -> None:
    question = [{"role": "user", "content": "What is the capital of France?"}]
    text = real.run(question, regex=r"The capital of France is [A-Z][a-z]{2,9}\.").text
    assert text == "The capital of France is Paris."
