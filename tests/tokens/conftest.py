"""What the token tests share: small tokenizers of every kind, and the comparison of bytes with decoding.

The tokenizers are trained here, on a few lines, in milliseconds; none comes from a file or a hub.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

Decode = Callable[[list[list[int]]], list[str]]

CORPUS = [
    "The quick brown fox jumps over the lazy dog. It's 12345 o'clock!",
    '{"name": "Alice", "age": 30, "tags": ["a", "b"], "ok": true}',
    "def f(x):\n    return x + 1  # done\n\n\tif y: pass",
    "naïve café, Ærøskøbing, žluťoučký kůň, ελληνικά, русский текст",
    "日本語のテキスト 中文字符 한국어 😀😀🎉👩‍👩‍👧 ½ € ™",
    "aaa abab abcabc hello hello world world the the the then there",
] * 3


def byte_level(*, add_prefix_space: bool = False, vocab_size: int = 500) -> Tokenizer:
    """GPT-2's kind: BPE over the 256-character alphabet."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<|endoftext|>", "<|im_start|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


BYTE_TOKENS = [f"<0x{b:02X}>" for b in range(256)]


def llama2_style() -> Tokenizer:
    """BPE with byte fallback; a normalizer puts a space first and writes spaces as U+2581; decoding strips
    it."""
    base = Tokenizer(models.BPE())
    base.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    base.train_from_iterator(CORPUS[:4], trainers.BpeTrainer(vocab_size=400, show_progress=False))
    trained = json.loads(base.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>", *BYTE_TOKENS, *sorted(trained["vocab"], key=trained["vocab"].get)]
    vocab = {token: i for i, token in enumerate(tokens)}
    merges = [tuple(merge) for merge in trained["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = base.normalizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


def unigram(*, byte_fallback: bool, mark: str = "▁", replace_last: bool = False) -> Tokenizer:
    """SentencePiece's Unigram, with Metaspace; ``replace_last`` joins bytes before it writes spaces."""
    base = Tokenizer(models.Unigram())
    base.pre_tokenizer = pre_tokenizers.Metaspace(replacement=mark)
    trainer = trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    base.train_from_iterator(CORPUS, trainer)
    pieces = [(piece, score) for piece, score in json.loads(base.to_str())["model"]["vocab"]]
    if byte_fallback:
        pieces += [(token, -20.0) for token in BYTE_TOKENS]
    tokenizer = Tokenizer(models.Unigram(pieces, 0, byte_fallback))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=mark)
    if replace_last:
        steps = [
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Replace(mark, " "),
            decoders.Strip(" ", 1, 0),
        ]
        tokenizer.decoder = decoders.Sequence(steps)
    elif byte_fallback:
        tokenizer.decoder = decoders.Sequence([decoders.Metaspace(replacement=mark), decoders.ByteFallback()])
    else:
        tokenizer.decoder = decoders.Metaspace(replacement=mark)
    return tokenizer


def wordpiece(*, cleanup: bool) -> Tokenizer:
    """BERT's kind, with every token that the decoder's cleanup rewrites."""
    words = [
        "[UNK]",
        "[CLS]",
        "the",
        "dog",
        "do",
        "don",
        "not",
        "un",
        "##able",
        "##s",
        "##'s",
        "##",
        "ß",
        "中",
        "#",
    ]
    words += [".", "?", "!", ",", "'", "n't", "'m", "'s", "'ve", "'re", "##.", "##n't", "##n", "##t", "a##b"]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=cleanup)
    tokenizer.add_special_tokens(["[UNK]", "[CLS]"])
    return tokenizer


def wordlevel() -> Tokenizer:
    """One token a word, no decoder: tokens are joined by spaces."""
    words = ["[UNK]", "the", "dog", "runs", "1", "2"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(" "), "removed")
    return tokenizer


TRAINED: dict[str, Callable[[], Tokenizer]] = {
    "byte-level": byte_level,
    "byte-level, prefix space": lambda: byte_level(add_prefix_space=True),
    "Llama 2 style": llama2_style,
    "Unigram": lambda: unigram(byte_fallback=False),
    "Unigram, another mark": lambda: unigram(byte_fallback=False, mark="_"),
    "Unigram, byte fallback": lambda: unigram(byte_fallback=True),
    "Unigram, marks last": lambda: unigram(byte_fallback=True, replace_last=True),
    "WordPiece": lambda: wordpiece(cleanup=False),
    "WordPiece, cleanup": lambda: wordpiece(cleanup=True),
    "WordLevel": wordlevel,
}


@pytest.fixture(params=list(TRAINED))
def trained(request: pytest.FixtureRequest) -> Tokenizer:
    """Each kind of small tokenizer in turn."""
    return TRAINED[request.param]()


@pytest.fixture
def new_byte_level() -> Callable[..., Tokenizer]:
    return byte_level


@pytest.fixture
def new_tokenizer() -> Callable[[str], Tokenizer]:
    """A small tokenizer by its name in ``TRAINED``."""
    return lambda name: TRAINED[name]()


# Bytes that can stand before, and after, a piece of a character to make it whole: of each length, and of each
# range that a second byte can have.
BEFORE = [
    b"",
    b"\xc3",
    b"\xe1",
    b"\xe1\x80",
    b"\xe0",
    b"\xed",
    b"\xf0",
    b"\xf3",
    b"\xf4",
    b"\xf0\x90",
    b"\xf0\x90\x80",
]
AFTER = [
    b"",
    b"\x80",
    b"\xa0",
    b"\x90",
    b"\x80\x80",
    b"\xa0\x80",
    b"\x90\x80",
    b"\x80\x80\x80",
    b"\x90\x80\x80",
]


def _whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _completion(fragment: bytes, single: dict[int, int]) -> tuple[bytes, bytes] | None:
    """Bytes that the vocabulary has as tokens and that make ``fragment`` whole characters."""
    for before in BEFORE:
        for after in AFTER:
            if _whole(before + fragment + after) and all(b in single for b in before + after):
                return before, after
    return None


@pytest.fixture(scope="session")
def disagreements() -> Callable[[Sequence[bytes | None], Decode], tuple[int, list[str]]]:
    """Compare EVERY id that is text with the tokenizer's decoding in context: (ids checked, disagreements).

    A token that is whole characters stands between two anchors. A piece of a character stands, between the
    same anchors, among byte tokens that complete the character; one that no bytes complete (0xC0, 0xFF) must
    come out as U+FFFD.
    """

    def compare(token_bytes: Sequence[bytes | None], decode: Decode) -> tuple[int, list[str]]:
        anchor, text = next(
            (i, t)
            for length in (3, 2, 4, 5, 1)
            for i, t in enumerate(token_bytes)
            if t and len(t) == length and t.strip().isalpha() and t.isascii()
        )
        start = decode([[anchor]])[0].encode()
        single = {t[0]: i for i, t in reversed(list(enumerate(token_bytes))) if t is not None and len(t) == 1}
        rows: list[list[int]] = []
        expected: list[str] = []
        for i, t in enumerate(token_bytes):
            if t is None:
                continue
            before, after = (b"", b"") if _whole(t) else _completion(t, single) or (b"", b"")
            rows.append([anchor, *(single[b] for b in before), i, *(single[b] for b in after), anchor])
            expected.append((start + before + t + after + text).decode(errors="replace"))
        found: list[str] = []
        for row, want, got in zip(rows, expected, _in_batches(decode, rows), strict=True):
            if want != got:
                found.append(f"{row}: bytes say {want!r}, decode says {got!r}")
        return len(rows), found

    return compare


def _in_batches(decode: Decode, rows: list[list[int]]) -> Iterable[str]:
    for first in range(0, len(rows), 10_000):
        yield from decode(rows[first : first + 10_000])


@pytest.fixture(scope="session")
def decode_of() -> Callable[[Any], Decode]:
    """A tokenizer's own decoding of many rows, special tokens kept and nothing cleaned up."""

    def of(tokenizer: Any) -> Decode:
        backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if isinstance(backend, Tokenizer):
            return lambda rows: backend.decode_batch(rows, skip_special_tokens=False)
        return lambda rows: [
            tokenizer.decode(row, skip_special_tokens=False, clean_up_tokenization_spaces=False) for row in rows
        ]

    return of
