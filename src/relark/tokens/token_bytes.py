"""The exact bytes of every token id of a tokenizer object.

What it is: the only module that knows the objects of tokenizer libraries. ``read_tokenizer`` looks at what
the object itself says about decoding, turns that into bytes for each id, and checks a sample against the
object's own ``decode`` before it answers. A kind that it does not know, or a check that fails, is a
TokenizerError; nothing is guessed.

It works in two steps, so that the second can be left out where its result is known: ``TokenSource`` lists the
tokens and everything else that their bytes depend on, and names that by a digest; ``TokenSource.table`` spells
and checks them.

The definition. The bytes of a token are what it adds to a text that it continues:

    decode(prompt ids + [..., id]) = decode(prompt ids + [...]) + bytes of id

for a prompt that ends in text. That is the case of generation, and it makes the bytes independent of what
stands around them. ``decode([id])`` alone is something else: it strips the space that starts a SentencePiece
text (wrong for half of Llama 2's vocabulary), and shows a piece of a character as U+FFFD.

Kinds, by what the tokenizer's own decoder says
    byte-level       (GPT-2, Llama 3, Qwen ..., and tiktoken ranks converted to it) each of the alphabet's
                     256 characters stands for a byte. A token that holds any other character is raw text
                     (this is how added tokens with spaces are spelled). An added token that the alphabet's
                     rule would garble ("é" would be byte 0xE9) is read in two ways by its own library, by
                     the letter when encoding and by the alphabet when decoding; it is never text here.
    byte fallback    (SentencePiece BPE and Unigram: Llama 2, Gemma) U+2581 or another mark is a space,
                     ``<0xNN>`` a byte. Literal text "<0x41>" is spelled by other tokens. Where the decoder
                     replaces the mark after joining the bytes, U+2581 itself cannot be decoded: its three
                     byte tokens come out as a space.
    Metaspace        the same without byte tokens (T5 ...). The space that such tokenizers put before the
                     first word of a text, and strip when decoding, is an ordinary space in the middle.
    WordPiece        ``##x`` is "x", any other token has a space before it, the first of the generated text
                     too, because it continues the prompt. The decoder's own ``cleanup`` (" ." is written
                     ".") is per token, and counted.
    WordLevel        no decoder: tokens are joined by spaces, so a space and the token.
    SentencePiece    the processor object of that library: its own piece types.
    tiktoken, tekken the ranks are the bytes.

Never text (None): special tokens, EOS, the unknown token, ids that no token has, ids of the logits beyond
the tokenizer. Tokens that were added and are not special are ordinary text. So are the special tokens named in
``text_tokens``: those in which a model writes something that is to be read, such as the markers around its tool calls.

``clean_up_tokenization_spaces`` of transformers rewrites text after decoding, across tokens; no token has
bytes under it. Decode with ``clean_up_tokenization_spaces=False``.

Cost: for 128,000 tokens of a transformers tokenizer, 0.08 s to list and digest them, 0.1 s to spell them, and up
to 0.08 s to check a sample.

Sources: the decoders of huggingface/tokenizers (``tokenizers/src/decoders``), ``bytes_to_unicode`` of
openai/gpt-2, google/sentencepiece's ``sentencepiece_model.proto`` (piece types), openai/tiktoken and
mistralai/mistral-common.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from relark.errors import ArgumentError, TokenizerError

__all__ = ["TokenSource", "TokenTable", "fingerprint", "read_tokenizer"]

VERSION = 1  # of the meaning of a digest: a change of what this module makes of a tokenizer needs another

HOW_OUT = (
    "If you know the bytes of its tokens, build the vocabulary yourself: "
    "relark.Vocabulary.from_bytes([bytes or None for each id], eos_ids=[...])."
)


@dataclass(frozen=True)
class TokenTable:
    """token_bytes[id] is None where the id is never text; ``eos_ids`` are sorted; ``kind`` is for people."""

    token_bytes: tuple[bytes | None, ...]
    eos_ids: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class _Listing:
    """What the bytes of a tokenizer's tokens depend on, and the function that spells them."""

    tokens: Sequence[str | bytes | None]  # by id; bytes where the library tells them at once
    added: Mapping[int, Any]  # tokenizers' AddedToken by id
    never: frozenset[int]  # special and unknown tokens
    eos_ids: tuple[int, ...]
    about: tuple[object, ...]  # anything else; equal reprs, equal meaning
    spell: Callable[[], _Reading]


@dataclass(frozen=True)
class _Reading:
    """What one family of tokenizer objects says: before EOS ids and the width of the logits are applied."""

    token_bytes: list[bytes | None]
    kind: str
    eos_ids: tuple[int, ...]
    added_ids: frozenset[int]  # tokens that a model may lack although it belongs to the tokenizer
    decode: Callable[[list[int]], str] | None  # to check against; None where the bytes come from the library itself


class TokenSource:
    """A tokenizer whose tokens are listed but not yet spelled. It is for use at once: it keeps the tokenizer alive.

    text_tokens   special tokens that are text like any other

    Raises TokenizerError for an object that is no tokenizer that relark knows, ArgumentError for a text token that the
    tokenizer does not have.
    """

    def __init__(self, tokenizer: Any, text_tokens: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._text_ids = {_id_of(tokenizer, token): token for token in text_tokens}
        self._listing = _list(tokenizer, frozenset(self._text_ids))

    def digest(self, size: int | None = None, eos_token_id: Sequence[int] | None = None) -> str:
        """A name (64 hexadecimal digits) for all that ``table`` depends on: equal digests, equal tables.

        The tokens by id, which of them are added, special, unknown or text all the same, the EOS ids, the decoder, the
        arguments, the class of the tokenizer, and the versions of the libraries (their ``decode`` is what a sample is
        compared with) and of this module.
        """
        listing = self._listing
        kind = type(self._tokenizer)
        versions = [getattr(sys.modules.get(name), "__version__", "") for name in ("tokenizers", "transformers")]
        about = (VERSION, kind.__module__, kind.__qualname__, versions, listing.about, listing.eos_ids)
        added = sorted((i, t.content, t.special) for i, t in listing.added.items())
        eos = None if eos_token_id is None else sorted(set(eos_token_id))
        texts = [t for t in listing.tokens if t is not None]
        holes = [i for i, t in enumerate(listing.tokens) if t is None]
        text_ids = sorted(self._text_ids)
        head = repr((*about, sorted(listing.never), text_ids, added, size, eos, len(listing.tokens), holes)).encode()
        digest = hashlib.sha256(len(head).to_bytes(8, "little") + head)
        digest.update(np.fromiter(map(len, texts), dtype="<i8", count=len(texts)).tobytes())
        digest.update("".join([t for t in texts if isinstance(t, str)]).encode())  # a listing has only these,
        digest.update(b"".join([t for t in texts if isinstance(t, bytes)]))  # or only those
        return digest.hexdigest()

    @property
    def is_plain(self) -> bool:
        """Whether ``decode`` is the libraries' own, so that a check that an equal tokenizer passed holds for this one.

        Of a class that somebody else wrote, equal names do not say equal code.
        """
        ours = ("tokenizers", "transformers", "sentencepiece", "tiktoken", "mistral_common")
        replaced = {"decode", "_decode"} & getattr(self._tokenizer, "__dict__", {}).keys()
        return type(self._tokenizer).__module__.split(".")[0] in ours and not replaced

    def table(self, size: int | None = None, eos_token_id: Sequence[int] | None = None) -> TokenTable:
        """The bytes of each id, for logits ``size`` wide; errors as ``read_tokenizer`` says."""
        reading = self._listing.spell()
        if reading.decode is not None:
            _check(reading, reading.decode, self._tokenizer, self._text_ids)
        table = reading.token_bytes
        width = len(table) if size is None else size
        missing = [i for i in range(width, len(table)) if table[i] is not None and i not in reading.added_ids]
        if missing:
            raise ArgumentError(
                f"the logits have {width} entries, but {_name(self._tokenizer)} has ordinary tokens up to id "
                f"{missing[-1]} ({table[missing[-1]]!r}): it does not belong to this model. Pass the model's own "
                "tokenizer, and as size the width of its logits."
            )
        table = table[:width] + [None] * (width - len(table))
        eos_ids = reading.eos_ids if eos_token_id is None else tuple(sorted(set(eos_token_id)))
        for i, token in self._text_ids.items():
            if i in eos_ids:
                raise ArgumentError(
                    f"text_tokens: {token!r} is EOS, which ends a text and is never part of it; leave it out."
                )
            if i >= width or table[i] is None:
                raise TokenizerError(
                    f"text_tokens: {_name(self._tokenizer)} has no bytes that relark can tell for {token!r} (id {i} of "
                    f"{width}). {HOW_OUT}"
                )
        for eos_id in eos_ids:
            if not 0 <= eos_id < width:
                raise ArgumentError(
                    f"EOS id {eos_id} is outside the {width} ids of the vocabulary; "
                    "pass eos_token_id=model.generation_config.eos_token_id and size=<width of the logits>."
                )
            table[eos_id] = None
        return TokenTable(tuple(table), eos_ids, reading.kind)


def read_tokenizer(tokenizer: Any, size: int | None = None, eos_token_id: Sequence[int] | None = None) -> TokenTable:
    """The bytes of each id of ``tokenizer``, for logits ``size`` wide (default: as wide as the tokenizer
    needs).

    Raises TokenizerError for a tokenizer that cannot be read exactly, and ArgumentError for a size or for
    EOS ids that do not fit it. Neither changes nor keeps the tokenizer.
    """
    return TokenSource(tokenizer).table(size, eos_token_id)


def fingerprint(tokenizer: Any) -> object:
    """A cheap value that changes when tokens are added or made special, or the decoder is replaced."""
    backend = _backend(tokenizer)
    seen: list[object] = [_eos_of(tokenizer), _special_ids(tokenizer)]
    if backend is not None:
        seen += [backend.get_vocab_size(), type(backend.model).__name__, _decoder_json(backend)]
        seen += [(i, t.content, t.special) for i, t in backend.get_added_tokens_decoder().items()]
    elif _is_a(tokenizer, "transformers", "PreTrainedTokenizerBase") and _mistral(tokenizer) is None:
        seen += [len(tokenizer)]
        seen += [(i, t.content, t.special) for i, t in tokenizer.added_tokens_decoder.items()]
    return tuple(seen)


# ------------------------------------------------------------------------------------------
# Which object is it? By the names of its classes, so that no tokenizer library is imported, or even needed.


def _list(tokenizer: Any, text_ids: frozenset[int]) -> _Listing:
    backend = _backend(tokenizer)
    if backend is not None:
        return _list_backend(backend, tokenizer, text_ids)
    reading = _read(tokenizer, text_ids)  # to ask these for their tokens is to ask for the bytes
    about = (reading.kind, sorted(reading.added_ids))
    return _Listing(reading.token_bytes, {}, frozenset(), reading.eos_ids, about, lambda: reading)


def _read(tokenizer: Any, text_ids: frozenset[int]) -> _Reading:
    if _is_a(tokenizer, "tiktoken", "Encoding"):
        return _read_tiktoken(tokenizer, text_ids)
    if _is_a(tokenizer, "sentencepiece", "SentencePieceProcessor"):
        return _read_sentencepiece(tokenizer)
    mistral = _mistral(tokenizer)
    if mistral is not None:
        return _read_mistral(mistral, tokenizer)
    if _is_a(tokenizer, "transformers", "PreTrainedTokenizerBase"):
        return _read_slow(tokenizer, text_ids)
    raise TokenizerError(
        f"{_name(tokenizer)} is not a tokenizer that relark can read. Expected a transformers tokenizer, a "
        "tokenizers.Tokenizer, a tiktoken.Encoding, a sentencepiece.SentencePieceProcessor or a "
        f"mistral-common tokenizer. {HOW_OUT}"
    )


def _is_a(value: Any, package: str, name: str) -> bool:
    """Whether ``package`` defines a class ``name`` among the classes of ``value``."""
    return any(c.__name__ == name and c.__module__.split(".")[0] == package for c in type(value).__mro__)


def _name(tokenizer: Any) -> str:
    return f"{type(tokenizer).__module__.split('.')[0]}'s {type(tokenizer).__name__}"


def _backend(tokenizer: Any) -> Any:
    """The ``tokenizers.Tokenizer`` that does the work, or None."""
    if _is_a(tokenizer, "tokenizers", "Tokenizer"):
        return tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend if _is_a(backend, "tokenizers", "Tokenizer") else None


def _mistral(tokenizer: Any) -> Any:
    """mistral-common's own tokenizer (Tekkenizer or SentencePieceTokenizer) inside its wrappers, or None."""
    inner = tokenizer
    if _is_a(inner, "transformers", "MistralCommonBackend"):
        inner = inner.tokenizer
    if _is_a(inner, "mistral_common", "MistralTokenizer"):
        inner = inner.instruct_tokenizer.tokenizer
    names = ("Tekkenizer", "SentencePieceTokenizer")
    return inner if any(_is_a(inner, "mistral_common", name) for name in names) else None


def _eos_of(tokenizer: Any) -> tuple[int, ...]:
    """The EOS id that the object itself names."""
    if _is_a(tokenizer, "transformers", "PreTrainedTokenizerBase"):
        eos = tokenizer.eos_token_id
        return () if eos is None else (int(eos),)
    return ()


def _id_of(tokenizer: Any, token: str) -> int:
    """The id of a special token that is to be text."""
    backend = _backend(tokenizer)
    if backend is not None:
        found = backend.token_to_id(token)
    elif _is_a(tokenizer, "tiktoken", "Encoding"):
        found = tokenizer.encode_single_token(token) if token in tokenizer.special_tokens_set else None
    elif _is_a(tokenizer, "transformers", "PreTrainedTokenizerBase") and _mistral(tokenizer) is None:
        found = next((i for i, added in tokenizer.added_tokens_decoder.items() if added.content == token), None)
    else:
        raise ArgumentError(f"text_tokens: relark cannot tell the special tokens of {_name(tokenizer)} by their names.")
    if found is None:
        raise ArgumentError(f"text_tokens: {_name(tokenizer)} has no token {token!r}; name tokens that it has.")
    return int(found)


def _special_ids(tokenizer: Any) -> frozenset[int]:
    if _is_a(tokenizer, "transformers", "PreTrainedTokenizerBase"):
        return frozenset(i for i in tokenizer.all_special_ids if i is not None)
    return frozenset()


# ------------------------------------------------------------------------------------------
# huggingface/tokenizers: a decoder is a list of steps from the strings of the tokens to a text.


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's alphabet: printable Latin-1 characters stand for themselves, the other 68 bytes for U+0100 and
    up."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(b): b for b in printable}
    alphabet.update((chr(0x100 + n), b) for n, b in enumerate(b for b in range(256) if b not in printable))
    return alphabet


BYTE_OF = _byte_alphabet()
BYTE_TOKEN = re.compile(r"<0x[0-9A-Fa-f]{2}>")


def _decoder_json(backend: Any) -> bytes | None:
    """The decoder as tokenizers itself writes it; None where there is none."""
    if backend.decoder is None:
        return None
    if type(backend.decoder).__name__ == "Decoder":  # Rust's decoders are subclasses; this one wraps a Python object
        raise TokenizerError(
            "the tokenizer's decoder is written in Python (tokenizers.decoders.Decoder.custom), so relark "
            f"cannot tell what bytes its tokens are. {HOW_OUT}"
        )
    return bytes(backend.decoder.__getstate__())


def _list_backend(backend: Any, tokenizer: Any, text_ids: frozenset[int]) -> _Listing:
    model, decoder = type(backend.model).__name__, _decoder_json(backend)
    kind, spell = _speller(decoder, model)
    added = dict(backend.get_added_tokens_decoder())
    tokens = _tokens_of(backend, added)

    never = {i for i, token in added.items() if token.special} | _special_ids(tokenizer)
    unknown = getattr(backend.model, "unk_token", None)
    if unknown is not None:
        never |= {backend.token_to_id(unknown)} - {None}
    if model == "Unigram":
        found = re.match(rb'\{"type":"Unigram","unk_id":(\d+)', backend.model.__getstate__())
        if found:
            never.add(int(found[1]))
    never -= text_ids

    if _is_a(tokenizer, "transformers", "PreTrainedTokenizerBase"):
        decode = _transformers_decode(tokenizer)
    else:

        def decode(token_ids: list[int]) -> str:
            return str(backend.decode(token_ids, skip_special_tokens=False))

    def read() -> _Reading:
        table = [None if token is None else spell(token) for token in tokens]
        garbled = (i for i, t in added.items() if kind == "byte-level" and table[i] != t.content.encode())
        for i in (*never, *garbled):
            if i < len(table):
                table[i] = None
        return _Reading(table, kind, _eos_of(tokenizer), frozenset(added), decode)

    return _Listing(tokens, added, frozenset(never), _eos_of(tokenizer), (model, decoder), read)


def _tokens_of(backend: Any, added: Mapping[int, Any]) -> list[str | None]:
    """The token of each id, None for a hole.

    ``get_vocab`` costs twice as much as asking for each id, and keeps one of several ids with the same token. But
    only it tells the largest id, where there are holes.
    """
    expected = backend.get_vocab_size(with_added_tokens=False)
    end = max(expected, max(added, default=-1) + 1)
    tokens = list(map(backend.id_to_token, range(end)))
    in_model = sum(backend.model.id_to_token(i) is not None for i in added)
    if len(tokens) - tokens.count(None) - len(added) + in_model == expected:
        return tokens
    end = max(end, max(backend.get_vocab(with_added_tokens=True).values(), default=-1) + 1)
    return list(map(backend.id_to_token, range(end)))


def _speller(decoder_json: bytes | None, model: str) -> tuple[str, Callable[[str], bytes]]:
    """The kind, and the function from a token's string to what it adds to a text that it continues."""
    if decoder_json is None:
        if model == "WordLevel":
            return "WordLevel, joined by spaces", lambda token: b" " + token.encode()
        raise TokenizerError(
            f"the tokenizer is a {model} model without a decoder, so its own decode() does not write its "
            "text. Set backend_tokenizer.decoder (tokenizers.decoders.ByteLevel(), Metaspace(), WordPiece() "
            f"...) to the one that the model was trained with. {HOW_OUT}"
        )
    steps = _steps(json.loads(decoder_json))
    names = [step["type"] for step in steps]
    if "ByteLevel" in names:
        if names == ["ByteLevel"]:
            return "byte-level", _spell_byte_level
    elif names == ["WordPiece"]:
        return "WordPiece", _wordpiece_speller(steps[0]["prefix"], steps[0]["cleanup"])
    else:
        rules: list[tuple[str, str] | None] = []  # replacements, and None for the byte fallback between them
        fused = False
        for step in steps:
            name = step["type"]
            if name == "Replace" and "String" in step["pattern"]:
                old = step["pattern"]["String"]
                if (fused or None in rules) and (len(old) > 1 or old.isascii()):
                    break  # it may match across tokens, or what a byte token wrote
                rules.append((old, step["content"]))
            elif name == "Metaspace" and not fused and None not in rules:
                rules.append((step["replacement"], " "))
            elif name == "ByteFallback" and not fused:
                rules.append(None)
            elif name == "Fuse":
                fused = True
            elif name == "Strip" and fused and step["stop"] == 0:
                pass  # only at the start of the whole text, which the prompt holds
            else:
                break
        else:
            if rules:
                return "byte fallback" if None in rules else "Metaspace", _piece_speller(rules)
    raise TokenizerError(
        f"the tokenizer ({model}) decodes by {decoder_json.decode()}, which relark does not know: what a "
        f"token adds to a text may depend on its neighbours. {HOW_OUT}"
    )


def _steps(decoder: dict[str, Any]) -> list[dict[str, Any]]:
    if decoder["type"] == "Sequence":
        return [step for inner in decoder["decoders"] for step in _steps(inner)]
    return [decoder]


def _spell_byte_level(token: str) -> bytes:
    try:
        return bytes(map(BYTE_OF.__getitem__, token))
    except KeyError:  # one foreign character, and tokenizers takes the whole token as it stands
        return token.encode()


def _piece_speller(rules: list[tuple[str, str] | None]) -> Callable[[str], bytes]:
    def spell(token: str) -> bytes:
        for rule in rules:
            if rule is not None:
                token = token.replace(*rule)
            elif BYTE_TOKEN.fullmatch(token):
                return bytes([int(token[3:5], 16)])
        return token.encode()

    return spell


# What tokenizers' WordPiece decoder rewrites in each token, with the space before it (decoders/wordpiece.rs).
WORDPIECE_CLEANUP = (
    *((" " + mark, mark) for mark in ".?!,"),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


def _wordpiece_speller(prefix: str, cleanup: bool) -> Callable[[str], bytes]:
    def spell(token: str) -> bytes:
        text = token[len(prefix) :] if token.startswith(prefix) else " " + token
        if cleanup:
            for old, new in WORDPIECE_CLEANUP:
                text = text.replace(old, new)
        return text.encode()

    return spell


# ------------------------------------------------------------------------------------------
# Libraries that know their own bytes


def _read_tiktoken(encoding: Any, text_ids: frozenset[int]) -> _Reading:
    table: list[bytes | None] = [None] * (encoding.max_token_value + 1)
    special = {encoding.encode_single_token(name) for name in encoding.special_tokens_set}
    for i in range(len(table)):
        if i not in special or i in text_ids:
            with suppress(KeyError):  # a hole
                table[i] = encoding.decode_single_token_bytes(i)
    eos = (encoding.eot_token,) if "<|endoftext|>" in encoding.special_tokens_set else ()
    return _Reading(table, "tiktoken", eos, frozenset(special), None)


def _read_mistral(inner: Any, tokenizer: Any) -> _Reading:
    if _is_a(inner, "mistral_common", "SentencePieceTokenizer"):
        reading = _read_sentencepiece(inner._model)
        return _Reading(reading.token_bytes, reading.kind, (inner.eos_id,), frozenset(), reading.decode)
    special = inner.num_special_tokens
    table = [None if i < special else inner.id_to_byte_piece(i) for i in range(inner.n_words)]
    return _Reading(table, "tekken", (inner.eos_id,), frozenset(), None)


def _read_sentencepiece(processor: Any) -> _Reading:
    table = [_spell_piece(processor, i) for i in range(processor.get_piece_size())]
    eos = processor.eos_id()
    return _Reading(table, "SentencePiece", () if eos < 0 else (eos,), frozenset(), processor.decode)


def _spell_piece(processor: Any, i: int) -> bytes | None:
    if processor.is_control(i) or processor.is_unknown(i) or processor.is_unused(i):
        return None
    piece: str = processor.id_to_piece(i)
    if processor.is_byte(i):
        return bytes([int(piece[3:5], 16)])
    return piece.replace("\u2581", " ").encode()


# ------------------------------------------------------------------------------------------
# transformers tokenizers written in Python


def _read_slow(tokenizer: Any, text_ids: frozenset[int]) -> _Reading:
    """By what does the work inside: a SentencePiece processor, a tiktoken encoding, or GPT-2's byte
    alphabet."""
    added = dict(tokenizer.added_tokens_decoder)
    inner = [getattr(tokenizer, name, None) for name in ("sp_model", "tokenizer", "model")]
    processor = next((p for p in inner if _is_a(p, "sentencepiece", "SentencePieceProcessor")), None)
    encoding = next((e for e in inner if _is_a(e, "tiktoken", "Encoding")), None)
    size = max([len(tokenizer) - 1, *added]) + 1
    table: list[bytes | None]
    if encoding is not None:
        reading = _read_tiktoken(encoding, text_ids)
        table = reading.token_bytes + [None] * (size - len(reading.token_bytes))
        kind = "tiktoken"
    elif processor is not None or getattr(tokenizer, "byte_decoder", None) == BYTE_OF:
        table = []
        for token in tokenizer.convert_ids_to_tokens(list(range(size))):
            if token is None:
                table.append(None)
            elif processor is None:
                table.append(_spell_byte_level(token))
            else:
                i = processor.piece_to_id(token)  # the tokenizer may number the pieces in its own way
                known = processor.id_to_piece(i) == token
                table.append(_spell_piece(processor, i) if known else None)
        kind = "byte-level" if processor is None else "SentencePiece"
    else:
        raise TokenizerError(
            f"{_name(tokenizer)} is written in Python and holds neither a SentencePiece model, a tiktoken "
            f"encoding nor GPT-2's byte alphabet. Load it with use_fast=True if it has a fast version. "
            f"{HOW_OUT}"
        )
    for i, token in added.items():
        table[i] = token.content.encode() if not token.special or i in text_ids else None
    for i in _special_ids(tokenizer) - text_ids:
        if i < len(table):
            table[i] = None
    return _Reading(table, kind, _eos_of(tokenizer), frozenset(added), _transformers_decode(tokenizer))


def _transformers_decode(tokenizer: Any) -> Callable[[list[int]], str]:
    def decode(token_ids: list[int]) -> str:
        text = tokenizer.decode(
            token_ids,
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
            spaces_between_special_tokens=False,
        )
        return str(text)

    return decode


# ------------------------------------------------------------------------------------------
# The check


def _check(reading: _Reading, decode: Callable[[list[int]], str], tokenizer: Any, text_ids: Iterable[int] = ()) -> None:
    """Compare a sample of the table with the tokenizer's own decode, each token between two anchors.

    The anchor after it keeps a decoder that strips the end of a text from hiding a token's last space.
    """
    table = reading.token_bytes
    anchor = _anchor(table)
    if anchor is None:
        if any(table):
            raise TokenizerError(
                f"no token of {_name(tokenizer)} is text by itself, so its bytes cannot be compared with "
                f"its own decode(). {HOW_OUT}"
            )
        return
    start, end = decode([anchor]), table[anchor]
    texts = [i for i in text_ids if i < len(table) and table[i] is not None]
    for i in [anchor, *texts, *_sample(reading)]:
        middle = table[i]
        expected = start.encode() + (middle or b"") + (end or b"")
        text = decode([anchor, i, anchor])
        # A lone piece of a character is shown as U+FFFD, or dropped.
        if text not in (expected.decode(errors="replace"), expected.decode(errors="ignore")):
            raise TokenizerError(
                f"{_name(tokenizer)} looks like {reading.kind}, in which token {i} is {middle!r}; but "
                f"between two tokens {anchor} ({end!r}) its own decode() gives {text!r}. relark will not "
                f"guess. {HOW_OUT}"
            )


def _anchor(table: Sequence[bytes | None]) -> int | None:
    """A short token of plain letters or digits; of two bytes if possible, so that it is no byte token.

    In a vocabulary without any, the first token that is text by itself and not white space.
    """
    texts = [(i, t) for i, t in enumerate(table) if t and t.decode(errors="ignore").strip()]
    plain = [(len(t) == 1, len(t), i) for i, t in texts if t.isascii() and t.strip(b" ").isalnum()]
    if plain:
        return min(plain)[2]
    return next((i for i, t in texts if t.decode(errors="ignore").encode() == t), None)


def _sample(reading: _Reading) -> Iterable[int]:
    """Token ids of every sort: single bytes, added tokens, the start, the end and an even spread."""
    texts = [i for i, t in enumerate(reading.token_bytes) if t is not None]
    single = [i for i in texts if len(reading.token_bytes[i] or b"") == 1]
    added = [i for i in texts if i in reading.added_ids]
    spread = texts[:: max(1, len(texts) // 128)]
    return sorted({*single[:300], *added[:64], *texts[:32], *texts[-32:], *spread})
