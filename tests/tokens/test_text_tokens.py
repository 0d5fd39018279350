"""Special tokens that are text all the same: their bytes, who shares them, and what is refused."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

import relark
from relark.tokens import disk_cache
from relark.tokens import vocabulary as vocabulary_module
from relark.tokens.vocabulary import Vocabulary

New = Callable[[str], Tokenizer]

MARKERS = ["[TOOL_CALLS]", "<｜tool▁sep｜>", "<|call|>"]


def new(new_tokenizer: New, kind: str = "byte-level") -> PreTrainedTokenizerFast:
    backend = new_tokenizer(kind)
    backend.add_special_tokens([AddedToken(marker, normalized=False) for marker in MARKERS])
    backend.add_tokens(["<think>"])
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|call|>")


@pytest.mark.parametrize("kind", ["byte-level", "Llama 2 style", "Unigram, byte fallback"])
def test_text_tokens_are_text_and_other_special_tokens_never(new_tokenizer: New, kind: str) -> None:
    tokenizer = new(new_tokenizer, kind)
    [call, sep, eos] = tokenizer.convert_tokens_to_ids(MARKERS)
    plain = Vocabulary.from_tokenizer(tokenizer)
    assert plain.token_bytes[call] is plain.token_bytes[sep] is None
    one = Vocabulary.from_tokenizer(tokenizer, text_tokens=["[TOOL_CALLS]"])
    assert one.token_bytes[call] == b"[TOOL_CALLS]"
    assert one.token_bytes[sep] is one.token_bytes[eos] is None
    assert one.eos_ids == plain.eos_ids == (eos,)
    assert [t for i, t in enumerate(one.token_bytes) if i != call] == [
        t for i, t in enumerate(plain.token_bytes) if i != call
    ]


def test_names_with_other_letters(new_tokenizer: New) -> None:
    tokenizer = new(new_tokenizer)
    vocabulary = Vocabulary.from_tokenizer(tokenizer, text_tokens=MARKERS[:2])
    assert vocabulary.token_bytes[tokenizer.convert_tokens_to_ids(MARKERS[1])] == MARKERS[1].encode()
    text = "Hm. [TOOL_CALLS]x<｜tool▁sep｜>{}"
    assert vocabulary.decode(tokenizer(text, add_special_tokens=False)["input_ids"]).decode() == text


def test_a_constraint_writes_them(new_tokenizer: New) -> None:
    tokenizer = new(new_tokenizer)
    [call, sep, _] = tokenizer.convert_tokens_to_ids(MARKERS)
    constraint = relark.choices(["[TOOL_CALLS]"])
    matcher = constraint.matcher(Vocabulary.from_tokenizer(tokenizer, text_tokens=MARKERS[:2]))
    assert matcher.allows(call)
    assert not matcher.allows(sep)
    assert matcher.min_tokens() == 1
    matcher.advance(call)
    assert matcher.is_finished
    assert not constraint.matcher(Vocabulary.from_tokenizer(tokenizer)).allows(call)
    free = relark.text().matcher(Vocabulary.from_tokenizer(tokenizer, text_tokens=MARKERS[:1]))
    assert free.allows(call)
    assert not free.allows(sep)


def test_sharing(new_tokenizer: New) -> None:
    tokenizer, equal = new(new_tokenizer), new(new_tokenizer)
    vocabulary = Vocabulary.from_tokenizer(tokenizer, text_tokens=MARKERS[:2])
    assert Vocabulary.from_tokenizer(tokenizer, text_tokens=MARKERS[1::-1]) is vocabulary
    assert Vocabulary.from_tokenizer(equal, text_tokens=MARKERS[:2]) is vocabulary
    assert Vocabulary.from_tokenizer(tokenizer) is not vocabulary
    assert Vocabulary.from_tokenizer(tokenizer, text_tokens=MARKERS[:1]) is not vocabulary
    assert Vocabulary.from_tokenizer(tokenizer, text_tokens=()) is Vocabulary.from_tokenizer(tokenizer)


def test_the_disk_keeps_them_apart(new_tokenizer: New, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELARK_CACHE", str(tmp_path))
    monkeypatch.delenv("RELARK_DISK_CACHE")
    monkeypatch.setattr(disk_cache, "SMALLEST", 0)
    expected = {}
    for texts in ((), ("[TOOL_CALLS]",), tuple(MARKERS[:2])):
        vocabulary = Vocabulary.from_tokenizer(new(new_tokenizer), text_tokens=texts)
        _ = vocabulary.trie  # now it is stored
        expected[texts] = vocabulary.token_bytes
    del vocabulary
    assert len(list((tmp_path / "vocabularies").glob("*.bin"))) == 3
    vocabulary_module._entries.clear()
    gc.collect()
    monkeypatch.setattr("relark.tokens.token_bytes.TokenSource.table", None)  # nothing is spelled again
    for texts, token_bytes in expected.items():
        assert Vocabulary.from_tokenizer(new(new_tokenizer), text_tokens=texts).token_bytes == token_bytes


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("[TOOL_CALLS]", relark.ArgumentError, r"expected a list of special tokens"),
        ([3], relark.ArgumentError, r"expected a list of special tokens"),
        ([""], relark.ArgumentError, r"expected a list of special tokens"),
        (["[NO_SUCH]"], relark.ArgumentError, r"has no token '\[NO_SUCH\]'"),
        (["<|call|>"], relark.ArgumentError, r"'<\|call\|>' is EOS"),
        (["é"], relark.TokenizerError, r"no bytes that relark can tell for 'é'"),
    ],
)
def test_what_cannot_be_text_is_refused(new_tokenizer: New, texts: Any, error: type[Exception], message: str) -> None:
    tokenizer = new(new_tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["é"]})  # its own library reads it in two ways
    with pytest.raises(error, match=message):
        Vocabulary.from_tokenizer(tokenizer, text_tokens=texts)


def test_an_ordinary_token_that_is_eos_is_refused_whoever_came_before(new_tokenizer: New) -> None:
    tokenizer = new(new_tokenizer)
    think = tokenizer.convert_tokens_to_ids("<think>")
    assert Vocabulary.from_tokenizer(tokenizer, None, think).token_bytes[think] is None
    with pytest.raises(relark.ArgumentError, match="is EOS"):
        Vocabulary.from_tokenizer(tokenizer, None, think, text_tokens=["<think>"])


def test_a_token_beyond_the_logits_is_refused(new_tokenizer: New) -> None:
    tokenizer = new(new_tokenizer)
    width = tokenizer.convert_tokens_to_ids("[TOOL_CALLS]")
    with pytest.raises(relark.TokenizerError, match="no bytes"):
        Vocabulary.from_tokenizer(tokenizer, width, 0, text_tokens=["[TOOL_CALLS]"])


def test_tiktoken() -> None:
    ranks = {bytes([b]): b for b in range(256)}
    encoding = tiktoken.Encoding(
        "small", pat_str=r"\w+|\W+", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256, "<|call|>": 257}
    )
    assert Vocabulary.from_tokenizer(encoding).token_bytes[257] is None
    assert Vocabulary.from_tokenizer(encoding, text_tokens=["<|call|>"]).token_bytes[257] == b"<|call|>"
    with pytest.raises(relark.ArgumentError, match="has no token 'a'"):
        Vocabulary.from_tokenizer(encoding, text_tokens=["a"])
