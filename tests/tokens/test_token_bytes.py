"""Bytes of the tokens of small tokenizers of every kind, against the tokenizers' own decoding."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizer, PreTrainedTokenizerFast

from relark.errors import ArgumentError, TokenizerError
from relark.tokens.token_bytes import BYTE_OF, read_tokenizer

New = Callable[[str], Tokenizer]


# -- every id -------------------------------------------------------------------------------


def test_every_id_agrees_with_decoding(trained: Tokenizer, disagreements: Any, decode_of: Any) -> None:
    table = read_tokenizer(trained)
    checked, found = disagreements(table.token_bytes, decode_of(trained))
    assert found == []
    assert checked >= 5
    assert len(table.token_bytes) == trained.get_vocab_size()


def test_the_comparison_notices_a_single_wrong_byte(new_tokenizer: New, disagreements: Any, decode_of: Any) -> None:
    tokenizer = new_tokenizer("byte-level")
    table = list(read_tokenizer(tokenizer).token_bytes)
    for i, token in enumerate(table):
        # not those that no character has, nor 0xF4, whose neighbour is one of them
        if token is not None and len(token) == 1 and token < b"\xf4" and token not in b"\xc0\xc1":
            wrong = [*table[:i], bytes([token[0] ^ 1]), *table[i + 1 :]]
            assert disagreements(wrong, decode_of(tokenizer))[1], token


def test_transformers_and_tokenizers_objects_are_read_alike(trained: Tokenizer) -> None:
    wrapped = PreTrainedTokenizerFast(tokenizer_object=trained)
    assert read_tokenizer(wrapped).token_bytes == read_tokenizer(trained).token_bytes


@pytest.mark.parametrize("kind", ["byte-level", "byte-level, prefix space", "Llama 2 style", "Unigram, byte fallback"])
def test_the_tokens_of_a_text_spell_it(new_tokenizer: New, kind: str) -> None:
    tokenizer = new_tokenizer(kind)
    table = read_tokenizer(tokenizer).token_bytes

    @settings(deadline=None, max_examples=60)
    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"), max_size=20))
    def spells(text: str) -> None:
        text = "x" + text  # the tokenizers put a space before the start, and some join it with spaces there
        spelled = b"".join(table[i] or b"<never text>" for i in tokenizer.encode(text).ids)
        assert spelled.decode().removeprefix(" ") == text

    spells()


# -- by kind --------------------------------------------------------------------------------


def test_the_byte_alphabet_is_gpt2s() -> None:
    assert sorted(BYTE_OF.values()) == list(range(256))
    assert set(BYTE_OF) == set(pre_tokenizers.ByteLevel.alphabet())
    assert (BYTE_OF["Ġ"], BYTE_OF["Ċ"], BYTE_OF["!"], BYTE_OF["é"]) == (0x20, 0x0A, 0x21, 0xE9)


def test_byte_fallback(new_tokenizer: New) -> None:
    tokenizer = new_tokenizer("Llama 2 style")
    table = read_tokenizer(tokenizer)
    assert table.kind == "byte fallback"
    for byte in range(256):
        assert table.token_bytes[tokenizer.token_to_id(f"<0x{byte:02X}>")] == bytes([byte])
    spaced = next(t for t in tokenizer.get_vocab() if t.startswith("▁t"))
    assert table.token_bytes[tokenizer.token_to_id(spaced)] == spaced.replace("▁", " ").encode()
    # two ids with the same bytes: both are kept
    assert [i for i, t in enumerate(table.token_bytes) if t == b"a"] == [
        tokenizer.token_to_id("<0x61>"),
        tokenizer.token_to_id("a"),
    ]
    assert table.token_bytes[tokenizer.token_to_id("<unk>")] is None
    # the text "<0x41>" is spelled by ordinary characters
    ids = tokenizer.encode("<0x41>").ids
    assert tokenizer.token_to_id("<0x41>") not in ids
    assert b"".join(table.token_bytes[i] or b"" for i in ids) == b" <0x41>"


def test_wordpiece(new_tokenizer: New) -> None:
    plain, clean = new_tokenizer("WordPiece"), new_tokenizer("WordPiece, cleanup")
    table, cleaned = read_tokenizer(plain).token_bytes, read_tokenizer(clean).token_bytes
    of = plain.token_to_id
    assert [table[of(t)] for t in ("the", "##able", "##", "a##b", "[CLS]", "[UNK]")] == [
        b" the",
        b"able",
        b"",
        b" a##b",
        None,
        None,
    ]
    assert [table[of(t)] for t in (".", "n't", "##.")] == [b" .", b" n't", b"."]
    assert [cleaned[of(t)] for t in (".", "n't", "##.")] == [b".", b"n't", b"."]
    # the rule for the first token of generated text: what the tokenizer itself adds to the prompt
    assert plain.decode([of("the"), of("dog")]).removeprefix(plain.decode([of("the")])) == " dog"


def test_unigram_unknown_is_never_text_even_where_no_token_is_marked_special(new_tokenizer: New) -> None:
    assert read_tokenizer(new_tokenizer("Unigram")).token_bytes[0] is None


def test_two_ids_with_the_same_piece() -> None:
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁ab", -1.0), ("▁ab", -2.0), ("cd", -3.0)], 0, False))
    tokenizer.decoder = decoders.Metaspace()
    assert read_tokenizer(tokenizer).token_bytes == (None, b" ab", b" ab", b"cd")


# -- added and special tokens, holes ----------------------------------------------------------


def test_special_tokens_are_never_text_and_added_ones_are(
    new_tokenizer: New, disagreements: Any, decode_of: Any
) -> None:
    tokenizer = new_tokenizer("byte-level")
    tokenizer.add_special_tokens(["<|tool|>"])
    tokenizer.add_tokens(["<think>", "    ", "日本", AddedToken("two words", single_word=True)])
    table = read_tokenizer(tokenizer)
    of = tokenizer.token_to_id
    assert table.token_bytes[of("<|tool|>")] is None
    assert table.token_bytes[of("<|endoftext|>")] is None
    for text in ("<think>", "    ", "日本", "two words"):
        assert table.token_bytes[of(text)] == text.encode()
    assert disagreements(table.token_bytes, decode_of(tokenizer))[1] == []


def test_an_added_token_that_its_own_decoder_garbles_is_never_text(new_tokenizer: New) -> None:
    tokenizer = new_tokenizer("byte-level")
    tokenizer.add_tokens(["Überzeugung", "Ġx"])  # letters of the byte alphabet: decode() would read them as bytes
    assert tokenizer.decode(tokenizer.encode("Überzeugung").ids) != "Überzeugung"
    table = read_tokenizer(tokenizer).token_bytes
    assert table[tokenizer.token_to_id("Überzeugung")] is None
    assert table[tokenizer.token_to_id("Ġx")] is None


def test_special_tokens_that_only_transformers_knows(new_tokenizer: New) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=new_tokenizer("byte-level"))
    tokenizer.pad_token = "!"
    table = read_tokenizer(tokenizer).token_bytes
    assert table[tokenizer.convert_tokens_to_ids("!")] is None


def test_holes_and_padding() -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 3, "Ġ": 7}, []))
    tokenizer.decoder = decoders.ByteLevel()
    table = read_tokenizer(tokenizer, size=10).token_bytes
    assert table == (b"a", None, None, b"b", None, None, None, b" ", None, None)


# -- size and EOS -----------------------------------------------------------------------------


def test_logits_narrower_than_the_tokenizer(new_tokenizer: New) -> None:
    tokenizer = new_tokenizer("byte-level")
    base = tokenizer.get_vocab_size()
    tokenizer.add_tokens(["<image>"])  # as Gemma 3's text models, which have no logit for it
    assert len(read_tokenizer(tokenizer, size=base).token_bytes) == base
    with pytest.raises(ArgumentError, match="does not belong to this model"):
        read_tokenizer(tokenizer, size=base - 1)


def test_eos(new_tokenizer: New) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=new_tokenizer("byte-level"), eos_token="<|endoftext|>")
    assert read_tokenizer(tokenizer).eos_ids == (0,)
    table = read_tokenizer(tokenizer, eos_token_id=[7, 1, 7])
    assert table.eos_ids == (1, 7)
    assert table.token_bytes[7] is None  # although it is an ordinary token
    with pytest.raises(ArgumentError, match="EOS id 9999 is outside"):
        read_tokenizer(tokenizer, eos_token_id=[9999])


# -- refusals -----------------------------------------------------------------------------------


def new_bpe(decoder: Any) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE({"ab": 0, "c</w>": 1, "d": 2}, []))
    tokenizer.decoder = decoder
    return tokenizer


class Reverse:
    def decode_chain(self, tokens: list[str]) -> list[str]:
        return [t[::-1] for t in tokens]


@pytest.mark.parametrize(
    ("decoder", "found"),
    [
        (decoders.BPEDecoder(), "BPEDecoder"),
        (decoders.CTC(), "CTC"),
        (decoders.Fuse(), "Fuse"),
        (decoders.Sequence([decoders.Replace("▁", " "), decoders.Strip(" ", 1, 0)]), "Strip"),
        (
            decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 1)]),
            "Strip",
        ),
        (decoders.Sequence([decoders.Fuse(), decoders.Replace("dd", " ")]), "Replace"),
        (decoders.Sequence([decoders.ByteLevel(), decoders.Replace("d", " ")]), "ByteLevel"),
        (decoders.Decoder.custom(Reverse()), "written in Python"),
        (None, "without a decoder"),
    ],
)
def test_an_unknown_decoder_is_refused(decoder: Any, found: str) -> None:
    with pytest.raises(TokenizerError, match=found) as caught:
        read_tokenizer(new_bpe(decoder))
    assert "Vocabulary.from_bytes" in str(caught.value)


def test_an_object_that_is_no_tokenizer_is_refused() -> None:
    with pytest.raises(TokenizerError, match="str is not a tokenizer"):
        read_tokenizer("gpt2")


def test_a_tokenizer_whose_own_decode_disagrees_is_refused(new_tokenizer: New) -> None:
    class Shouting(PreTrainedTokenizerFast):  # type: ignore[misc]
        def _decode(self, *args: Any, **kwargs: Any) -> str:
            return str(super()._decode(*args, **kwargs)).upper()

    with pytest.raises(TokenizerError, match="looks like byte-level") as caught:
        read_tokenizer(Shouting(tokenizer_object=new_tokenizer("byte-level")))
    assert "will not guess" in str(caught.value)


# -- other libraries -----------------------------------------------------------------------------


def new_encoding() -> Any:
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([b]): b for b in range(256)} | {b"ab": 256, b"\xe6\x97": 257}
    return tiktoken.Encoding("tiny", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 260})


def test_tiktoken() -> None:
    table = read_tokenizer(new_encoding())
    assert table.token_bytes == (*(bytes([b]) for b in range(256)), b"ab", b"\xe6\x97", None, None, None)
    assert (table.eos_ids, table.kind) == ((260,), "tiktoken")


def new_sentencepiece(path: Path, **options: Any) -> Path:
    sentencepiece = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    lines = ["hello world the the then", "abab abc hello é 日本 x y z 1 2 3", "user defined <sep> here"] * 5
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, minloglevel=2, hard_vocab_limit=False, **options
    )
    file = path / "spiece.model"
    file.write_bytes(model.getvalue())
    return file


@pytest.mark.parametrize("model_type", ["bpe", "unigram"])
@pytest.mark.parametrize("byte_fallback", [True, False])
def test_sentencepiece(tmp_path: Path, model_type: str, byte_fallback: bool, disagreements: Any) -> None:
    file = new_sentencepiece(
        tmp_path,
        model_type=model_type,
        byte_fallback=byte_fallback,
        vocab_size=360 if byte_fallback else 60,
        user_defined_symbols=["<sep>"],
    )
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(file))
    table = read_tokenizer(processor)
    assert table.kind == "SentencePiece"
    assert table.eos_ids == (processor.eos_id(),)
    assert table.token_bytes[processor.unk_id()] is None
    assert table.token_bytes[processor.piece_to_id("<sep>")] == b"<sep>"
    assert disagreements(table.token_bytes, processor.decode)[1] == []
    ids = processor.encode("hello abc 日本")
    assert b"".join(table.token_bytes[i] or b"" for i in ids).decode() == " hello abc 日本"


def test_a_slow_tokenizer_with_a_sentencepiece_model(tmp_path: Path, disagreements: Any, decode_of: Any) -> None:
    from transformers import GPTSw3Tokenizer

    file = new_sentencepiece(tmp_path, model_type="bpe", byte_fallback=True, vocab_size=360)
    tokenizer = GPTSw3Tokenizer(vocab_file=str(file), eos_token="</s>", pad_token="<pad>")
    tokenizer.add_tokens(["extra"])
    table = read_tokenizer(tokenizer)
    assert table.eos_ids == (tokenizer.eos_token_id,)
    assert table.token_bytes[tokenizer.convert_tokens_to_ids("extra")] == b"extra"
    assert table.token_bytes[tokenizer.pad_token_id] is None
    assert table.token_bytes[tokenizer.convert_tokens_to_ids("<0x0A>")] == b"\n"
    assert disagreements(table.token_bytes, decode_of(tokenizer))[1] == []


def test_a_slow_tokenizer_that_writes_byte_tokens_as_text_is_refused(tmp_path: Path) -> None:
    from transformers.tokenization_utils_sentencepiece import SentencePieceBackend

    file = new_sentencepiece(tmp_path, model_type="bpe", byte_fallback=True, vocab_size=360)
    with pytest.raises(TokenizerError, match="will not guess"):
        read_tokenizer(SentencePieceBackend(vocab_file=str(file), unk_token="<unk>"))


class SlowByteLevel(PreTrainedTokenizer):  # type: ignore[misc]
    """As tokenizers written in Python do it since GPT-2."""

    def __init__(self, **kwargs: Any) -> None:
        self.byte_decoder = dict(BYTE_OF)
        self.tokens = [*BYTE_OF, "Ġa", "æĹ"]
        super().__init__(**kwargs)

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    def get_vocab(self) -> dict[str, int]:
        return {t: i for i, t in enumerate(self.tokens)} | self.added_tokens_encoder

    def _tokenize(self, text: str, **kwargs: Any) -> list[str]:
        raise NotImplementedError

    def _convert_token_to_id(self, token: str) -> int | None:
        return self.tokens.index(token) if token in self.tokens else None

    def _convert_id_to_token(self, index: int) -> str:
        return self.tokens[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return bytes(self.byte_decoder[c] for c in "".join(tokens)).decode(errors="replace")


class SlowTiktoken(SlowByteLevel):
    """As the tokenizers of Kimi and of the first Qwen: Python around a tiktoken encoding."""

    def __init__(self, **kwargs: Any) -> None:
        self.model = new_encoding()
        super().__init__(**kwargs)
        self.byte_decoder = {}

    @property
    def vocab_size(self) -> int:
        return 258

    def get_vocab(self) -> dict[str, int]:
        return {f"token {i}": i for i in range(self.vocab_size)} | self.added_tokens_encoder

    def _convert_token_to_id(self, token: str) -> int | None:
        return int(token.split()[1]) if token.startswith("token ") else None

    def _convert_id_to_token(self, index: int) -> str:
        return f"token {index}"

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return str(self.model.decode([int(t.split()[1]) for t in tokens]))


@pytest.mark.parametrize("new", [SlowByteLevel, SlowTiktoken])
def test_a_slow_tokenizer_over_bytes(new: Any, disagreements: Any, decode_of: Any) -> None:
    tokenizer = new(eos_token="<eos>")
    table = read_tokenizer(tokenizer)
    assert set(table.token_bytes[:256]) == {bytes([b]) for b in range(256)}
    assert table.token_bytes[257] == b"\xe6\x97"
    assert table.eos_ids == (258,)
    assert table.token_bytes[258] is None
    assert disagreements(table.token_bytes, decode_of(tokenizer))[1] == []


def test_a_slow_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    from transformers import ByT5Tokenizer

    with pytest.raises(TokenizerError, match="written in Python") as caught:
        read_tokenizer(ByT5Tokenizer())
    assert "use_fast=True" in str(caught.value)
