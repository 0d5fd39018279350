"""The vocabulary: shared per tokenizer object, never stale, never keeping the tokenizer alive."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders
from transformers import PreTrainedTokenizerFast

import relark
from relark import kernel
from relark.errors import ArgumentError, TokenizerError
from relark.tokens import vocabulary as vocabulary_module
from relark.tokens.vocabulary import Vocabulary

New = Callable[[str], Tokenizer]


@pytest.fixture
def tokenizer(new_tokenizer: New) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=new_tokenizer("byte-level"), eos_token="<|endoftext|>")


# -- what it says ---------------------------------------------------------------------------


def test_from_bytes() -> None:
    vocabulary = Vocabulary.from_bytes([b"a", b"", None, b"\xff", b"ab", b"ab", b"!"], eos_ids=[6, 2])
    assert (vocabulary.size, vocabulary.n_words, vocabulary.eos_ids) == (7, 1, (2, 6))
    assert vocabulary.token_bytes == (b"a", b"", None, b"\xff", b"ab", b"ab", None)
    assert vocabulary.single_byte_mask == 1 << ord("a") | 1 << 0xFF
    assert vocabulary.trie is vocabulary.trie
    assert vocabulary.encode(b"aab") == [0, 4]
    assert vocabulary.decode([4, 2, 6, 3]) == b"ab\xff"
    with pytest.raises(TokenizerError, match="at byte 2"):
        vocabulary.encode(b"abx")


@pytest.mark.parametrize(("size", "words"), [(1, 1), (31, 1), (32, 1), (33, 2), (64, 2)])
def test_words_of_a_mask(size: int, words: int) -> None:
    assert Vocabulary.from_bytes([b"a"] * size).n_words == words


def test_from_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    vocabulary = Vocabulary.from_tokenizer(tokenizer, size=600, eos_token_id=[0, 1])
    assert (vocabulary.size, vocabulary.n_words, vocabulary.eos_ids) == (600, 19, (0, 1))
    assert vocabulary.token_bytes[len(tokenizer) :] == (None,) * (600 - len(tokenizer))
    assert vocabulary.single_byte_mask == (1 << 256) - 1
    ids = tokenizer.encode("hello world", add_special_tokens=False)
    assert vocabulary.decode(ids) == b"hello world"
    assert vocabulary.decode(vocabulary.encode("日本 hello".encode())).decode() == "日本 hello"
    assert "byte-level" in repr(vocabulary)


@pytest.mark.parametrize("arguments", [{"size": 0}, {"size": -5}, {"eos_token_id": "</s>"}, {"eos_token_id": [None]}])
def test_wrong_arguments(tokenizer: PreTrainedTokenizerFast, arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        Vocabulary.from_tokenizer(tokenizer, **arguments)


def test_wrong_eos_of_from_bytes() -> None:
    with pytest.raises(ArgumentError, match=r"EOS id 1 is outside the vocabulary's ids 0\.\.0"):
        Vocabulary.from_bytes([b"a"], eos_ids=[1])


# -- sharing ----------------------------------------------------------------------------------


def test_is_shared_by_object_size_and_eos(tokenizer: PreTrainedTokenizerFast) -> None:
    one = Vocabulary.from_tokenizer(tokenizer)
    assert Vocabulary.from_tokenizer(tokenizer) is one
    assert Vocabulary.from_tokenizer(tokenizer, eos_token_id=1) is Vocabulary.from_tokenizer(
        tokenizer, eos_token_id=[1]
    )
    assert Vocabulary.from_tokenizer(tokenizer, size=512) is not one
    assert Vocabulary.from_tokenizer(tokenizer, size=512) is Vocabulary.from_tokenizer(tokenizer, size=512)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.add_tokens(["<new>"]),
        lambda t: t.add_special_tokens({"additional_special_tokens": ["hello"]}),
        lambda t: t.add_tokens(["Ġthe"]),  # an ordinary token, made an added one: no longer than before
        lambda t: setattr(t, "eos_token", "<|im_start|>"),
        lambda t: setattr(t, "pad_token", "!"),
        lambda t: setattr(t.backend_tokenizer, "decoder", decoders.Metaspace()),
    ],
)
def test_notices_a_changed_tokenizer(
    tokenizer: PreTrainedTokenizerFast, change: Callable[[PreTrainedTokenizerFast], object]
) -> None:
    before = Vocabulary.from_tokenizer(tokenizer)
    change(tokenizer)
    after = Vocabulary.from_tokenizer(tokenizer)
    assert after is not before
    assert (after.token_bytes, after.eos_ids) != (before.token_bytes, before.eos_ids)
    assert Vocabulary.from_tokenizer(tokenizer) is after


@pytest.mark.parametrize("wrap", [lambda t: t, lambda t: PreTrainedTokenizerFast(tokenizer_object=t)])
def test_does_not_keep_the_tokenizer_alive(new_tokenizer: New, wrap: Callable[[Tokenizer], Any]) -> None:
    tokenizer = wrap(new_tokenizer("byte-level"))
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    reference, entries = weakref.ref(tokenizer), len(vocabulary_module._entries)
    del tokenizer
    gc.collect()
    assert reference() is None
    assert len(vocabulary_module._entries) < entries
    assert vocabulary.trie.max_token_length > 1  # and lives on without it


def test_is_not_fooled_by_a_reused_id(new_tokenizer: New) -> None:
    json = {kind: new_tokenizer(kind).to_str() for kind in ("byte-level", "WordPiece")}
    for kind in ["byte-level", "WordPiece"] * 10:
        tokenizer = Tokenizer.from_str(json[kind])
        assert Vocabulary.from_tokenizer(tokenizer).kind == kind
        del tokenizer


def test_an_object_without_weak_references_is_read_anew() -> None:
    class Encoding:
        __slots__ = ()
        __module__ = "tiktoken.core"
        max_token_value = 1
        special_tokens_set: frozenset[str] = frozenset()

        def decode_single_token_bytes(self, i: int) -> bytes:
            return b"ab"[i : i + 1]

    encoding, entries = Encoding(), len(vocabulary_module._entries)
    one = Vocabulary.from_tokenizer(encoding)
    assert one.token_bytes == (b"a", b"b")
    assert len(vocabulary_module._entries) == entries
    assert Vocabulary.from_tokenizer(encoding) is one  # as for any other object with the same tokens


def test_threads_share_one(tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []

    def read(*args: Any) -> Any:
        reads.append(args)
        return original(*args)

    original = vocabulary_module.TokenSource
    monkeypatch.setattr(vocabulary_module, "TokenSource", read)
    barrier, found = threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        vocabulary = Vocabulary.from_tokenizer(tokenizer)
        found.append((vocabulary, vocabulary.trie))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    assert len(found) == 8
    assert len({id(v) for v, _ in found}) == len({id(t) for _, t in found}) == 1


@pytest.mark.parametrize("kind", ["byte-level", "Unigram, byte fallback", "WordPiece"])
def test_tokenizers_with_the_same_tokens_share_one(new_tokenizer: New, kind: str) -> None:
    json = new_tokenizer(kind).to_str()
    one, other = Tokenizer.from_str(json), Tokenizer.from_str(json)
    vocabulary = Vocabulary.from_tokenizer(one)
    assert Vocabulary.from_tokenizer(other) is vocabulary
    assert Vocabulary.from_tokenizer(other, size=700) is Vocabulary.from_tokenizer(one, size=700) is not vocabulary
    assert Vocabulary.from_tokenizer(other, eos_token_id=5) is Vocabulary.from_tokenizer(one, eos_token_id=[5])
    assert Vocabulary.from_tokenizer(other) is not Vocabulary.from_tokenizer(one, eos_token_id=5)
    other.add_tokens(["one more"])
    assert Vocabulary.from_tokenizer(other) is not vocabulary
    one.add_tokens(["one more"])
    assert Vocabulary.from_tokenizer(one) is Vocabulary.from_tokenizer(other)


def test_masks_are_shared_by_tokenizers_with_the_same_tokens(new_tokenizer: New) -> None:
    json = new_tokenizer("byte-level").to_str()
    constraint = relark.regex("[0-9a-f]{3}(?:-[0-9a-f]{3})?")
    rows = []
    for tokenizer in (Tokenizer.from_str(json), Tokenizer.from_str(json)):
        vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_token_id=0)
        row = np.zeros(vocabulary.n_words, dtype=np.int32)
        constraint.matcher(vocabulary).fill(row)
        rows.append((vocabulary, row))
    assert rows[0][0] is rows[1][0]
    assert rows[0][1].tolist() == rows[1][1].tolist()
    assert rows[0][1].any()


def test_an_equal_tokenizer_in_python_shares_too() -> None:
    class Encoding:
        max_token_value = 2
        special_tokens_set: frozenset[str] = frozenset()

        def __init__(self, tokens: list[bytes]) -> None:
            self.tokens = tokens

        def decode_single_token_bytes(self, i: int) -> bytes:
            return self.tokens[i]

    Encoding.__module__ = "tiktoken.core"
    one = Encoding([b"a", b"bc", b"d"])
    assert Vocabulary.from_tokenizer(one) is Vocabulary.from_tokenizer(Encoding([b"a", b"bc", b"d"]))
    assert Vocabulary.from_tokenizer(one) is not Vocabulary.from_tokenizer(Encoding([b"ab", b"c", b"d"]))


def test_a_shared_vocabulary_is_dropped_with_the_last_that_uses_it(new_tokenizer: New) -> None:
    json = new_tokenizer("byte-level").to_str()
    one, other = Tokenizer.from_str(json), Tokenizer.from_str(json)
    reference = weakref.ref(Vocabulary.from_tokenizer(one))
    assert Vocabulary.from_tokenizer(other) is reference()
    del one
    gc.collect()
    assert reference() is not None
    del other
    gc.collect()
    assert reference() is None


# -- tokens of any length ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compiled", "length"),
    [
        (True, 20_000),
        (False, 2_000),
        pytest.param(True, 100_000, marks=pytest.mark.slow),
        pytest.param(False, 100_000, marks=pytest.mark.slow),
    ],
)
def test_masks_of_very_long_tokens(compiled: bool, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if compiled and kernel.compiled is None:
        pytest.skip("the extension is not built")
    if not compiled:
        monkeypatch.setattr(kernel, "compiled", None)
    tokens = [b"x" * length, b"x", b"y", b"x" * (length - 1) + b"y", None, b'"', b'"' + b"x" * (length - 2) + b'"']
    vocabulary = Vocabulary.from_bytes(tokens, eos_ids=[4])

    def allowed(constraint: relark.Constraint, *written: int) -> list[int]:
        matcher = constraint.matcher(vocabulary)
        for token_id in written:
            matcher.advance(token_id)
        return [i for i in range(vocabulary.size) if matcher.allows(i)]

    assert allowed(relark.regex("x*")) == [0, 1, 4]
    assert allowed(relark.regex("x*"), 0, 1, 0) == [0, 1, 4]
    assert allowed(relark.regex("(?:xx)*y")) == [0, 1, 2, *([3] if length % 2 else [])]
    assert allowed(relark.regex(f"x{{{length - 1}}}")) == [1]
    assert allowed(relark.schema({"type": "string"})) == [5, 6]
    assert allowed(relark.schema({"type": "string"}), 5) == [0, 1, 2, 3, 5]
    assert allowed(relark.schema({"type": "string", "maxLength": 5})) == [5]
    if length < 5_000:  # a counter as high as the token is long takes steps in the square of that
        assert allowed(relark.schema({"type": "string", "maxLength": length - 2})) == [5, 6]
        assert allowed(relark.schema({"type": "string", "maxLength": length - 3})) == [5]


def test_imports_no_tokenizer_library() -> None:
    code = (
        "import sys, relark.tokens.vocabulary;"
        "libraries = {'torch', 'transformers', 'tokenizers', 'tiktoken', 'sentencepiece'};"
        "print(sorted(libraries & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
