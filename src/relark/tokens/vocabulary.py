"""A vocabulary: what relark needs to know of a tokenizer, once, immutable and shared.

What it is: the exact bytes of every token id, the EOS ids, the width of the logits, and (built when first
asked for) the byte trie. When to use it: ``Vocabulary.from_tokenizer`` for any tokenizer that
``tokens.token_bytes`` can read, ``Vocabulary.from_bytes`` where you know the bytes yourself.

Cost: later calls with the same object, size and EOS ids return the same ``Vocabulary`` in about the time it takes to
list the added tokens. That cache holds the tokenizer weakly, and notices tokens added, made special or a decoder
replaced afterwards. Another object with the same tokens shares the ``Vocabulary`` too, and so its masks, after 0.1 s
for 128,000 tokens: they must be listed to be compared. Where no such vocabulary lives, it comes from the disk
(``tokens.disk_cache``, in 0.03 s more), or the tokens are spelled and checked (0.15 s) and their trie built (0.1 s).

What it cannot do: it does not tokenize (``encode`` is a greedy longest match, for tests and forced text),
and it cannot tell the *first* text of an empty prompt: bytes are those of a token that continues a text (see
``tokens.token_bytes``).

Threads: everything here may be shared; the cache and the lazy parts are built once under a lock.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import index
from typing import Any

from relark.errors import ArgumentError, TokenizerError
from relark.tokens import disk_cache as on_disk
from relark.tokens.token_bytes import TokenSource, TokenTable, fingerprint
from relark.tokens.trie import Trie

__all__ = ["Vocabulary"]


class Vocabulary:
    """The tokens of one model: ids ``0 .. size - 1``, as wide as its logits. Compared by identity.

    size             int                     the width of the logits
    token_bytes      tuple[bytes | None]     of length ``size``; None: never text (special, EOS, a hole,
                                             padding)
    eos_ids          tuple[int, ...]         sorted; their ``token_bytes`` are None
    kind             str                     how the tokenizer was read, for people: "byte-level", "byte
                                             fallback" ...
    n_words          int                     ceil(size / 32): the length of a packed int32 mask
    single_byte_mask int                     256 bits: bit b is set where some token is exactly the byte b
    trie             Trie                    built when first asked for
    """

    __slots__ = (
        "__weakref__",
        "_digest",
        "_ids",
        "_lock",
        "_trie",
        "eos_ids",
        "kind",
        "n_words",
        "single_byte_mask",
        "size",
        "token_bytes",
    )

    size: int
    token_bytes: tuple[bytes | None, ...]
    eos_ids: tuple[int, ...]
    kind: str
    n_words: int
    single_byte_mask: int

    def __init__(self, token_bytes: Iterable[bytes | None], eos_ids: Iterable[int], *, kind: str) -> None:
        """Use ``from_tokenizer`` or ``from_bytes``."""
        table = list(token_bytes)
        eos = tuple(sorted(set(eos_ids)))
        for eos_id in eos:
            if not 0 <= eos_id < len(table):
                raise ArgumentError(
                    f"EOS id {eos_id} is outside the vocabulary's ids 0..{len(table) - 1}; "
                    "pass the EOS ids of this model."
                )
            table[eos_id] = None
        self.size = len(table)
        self.token_bytes = tuple(table)
        self.eos_ids = eos
        self.kind = kind
        self.n_words = (self.size + 31) // 32
        self.single_byte_mask = sum({1 << t[0] for t in table if t is not None and len(t) == 1})
        self._digest: str | None = None  # what to keep the trie under, once there is one
        self._trie: Trie | None = None
        self._ids: dict[bytes, int] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Vocabulary of {self.size} ids, {self.kind}, EOS {list(self.eos_ids)}>"

    @classmethod
    def from_bytes(cls, token_bytes: Sequence[bytes | None], eos_ids: Iterable[int] = ()) -> Vocabulary:
        """A vocabulary from the bytes of each id (None: never text). EOS ids are never text, whatever bytes
        they have.

        >>> vocabulary = Vocabulary.from_bytes([b"a", b"b", b"ab", None], eos_ids=[3])
        >>> vocabulary.encode(b"abb"), vocabulary.decode([2, 1])
        ([2, 1], b'abb')
        """
        return cls(token_bytes, eos_ids, kind="bytes")

    @classmethod
    def from_tokenizer(
        cls,
        tokenizer: Any,
        size: int | None = None,
        eos_token_id: int | Sequence[int] | None = None,
        *,
        text_tokens: Iterable[str] = (),
        disk_cache: bool = True,
    ) -> Vocabulary:
        """The vocabulary of ``tokenizer``, shared by all calls with the same tokens, size, EOS ids and text tokens.

        tokenizer      a transformers tokenizer (fast or slow), a ``tokenizers.Tokenizer``, a
                       ``tiktoken.Encoding``, a ``sentencepiece.SentencePieceProcessor`` or a mistral-common
                       tokenizer
        size           the width of the model's logits; by default the tokenizer's own. Wider: the ids that
                       the tokenizer lacks are never text. Narrower: added tokens that the model has no logit
                       for are left out (it can never produce them), but a missing ordinary token means the
                       wrong tokenizer, and raises
        eos_token_id   one EOS id or several (``model.generation_config.eos_token_id``); by default the
                       tokenizer's own
        text_tokens    special tokens that are text all the same, such as Mistral's ``[TOOL_CALLS]``, which a model
                       writes for somebody to read. All others are never text
        disk_cache     whether large vocabularies are kept in the user's cache folder, for the next process.
                       The environment variable RELARK_DISK_CACHE=off says no for all of them

        Raises TokenizerError for a tokenizer whose bytes relark cannot tell exactly, ArgumentError for a
        size, EOS id or text token that does not fit it.
        """
        if size is not None and size <= 0:
            raise ArgumentError(f"size={size}: expected the width of the model's logits, at least 1, or None.")
        eos = None if eos_token_id is None else _token_ids(eos_token_id)
        texts = _token_names(text_tokens)
        entry = _entry_of(tokenizer)
        with entry.lock:
            seen = fingerprint(tokenizer)
            if seen != entry.fingerprint:  # tokens were added, or a decoder replaced, since
                entry.fingerprint, entry.vocabularies = seen, {}
            found = entry.vocabularies.get((size, eos, texts))
            if found is None:
                found = _equal_or_new(TokenSource(tokenizer, texts), size, eos, disk_cache and on_disk.is_on())
                entry.vocabularies[size, eos, texts] = found
            return found

    @property
    def trie(self) -> Trie:
        """The byte trie of all the tokens that are text."""
        if self._trie is None:
            with self._lock:
                if self._trie is None:
                    self._trie = Trie.build(self.token_bytes)
                    if self._digest is not None:
                        on_disk.store(self._digest, TokenTable(self.token_bytes, self.eos_ids, self.kind), self._trie)
        return self._trie

    @property
    def ids(self) -> dict[bytes, int]:
        """The id of each distinct token text (the first, where ids share their bytes); do not change it."""
        if self._ids is None:
            with self._lock:
                if self._ids is None:
                    self._ids = {t: i for i, t in reversed(list(enumerate(self.token_bytes))) if t}
        return self._ids

    def decode(self, token_ids: Iterable[int]) -> bytes:
        """The bytes that ``token_ids`` add to a text; ids that are never text add none."""
        return b"".join(self.token_bytes[i] or b"" for i in token_ids)

    def encode(self, data: bytes) -> list[int]:
        """Token ids that spell ``data``, the longest match first: seldom what the tokenizer itself would
        choose.

        Raises TokenizerError where no token starts the rest; a greedy match can get stuck where another
        spelling exists.
        """
        ids, longest, position, result = self.ids, self.trie.max_token_length, 0, []
        while position < len(data):
            for end in range(min(len(data), position + longest), position, -1):
                token = ids.get(data[position:end])
                if token is not None:
                    break
            else:
                raise TokenizerError(
                    f"no token of the vocabulary starts {data[position : position + 20]!r}, "
                    f"at byte {position} of the text to encode."
                )
            result.append(token)
            position = end
        return result


def _token_ids(value: int | Sequence[int]) -> tuple[int, ...]:
    """One id or several as a sorted tuple of Python ints (NumPy and torch scalars are converted)."""
    try:
        return tuple(sorted({index(i) for i in value})) if isinstance(value, Iterable) else (index(value),)
    except TypeError:
        message = f"eos_token_id={value!r}: expected a token id, a list of token ids, or None."
        raise ArgumentError(message) from None


def _token_names(value: Iterable[str]) -> tuple[str, ...]:
    names = () if isinstance(value, str) else tuple(value)
    if isinstance(value, str) or not all(isinstance(name, str) and name for name in names):
        raise ArgumentError(f"text_tokens={value!r}: expected a list of special tokens, such as ['[TOOL_CALLS]'].")
    return tuple(sorted(set(names)))


_by_digest: weakref.WeakValueDictionary[str, Vocabulary] = weakref.WeakValueDictionary()
_by_digest_lock = threading.Lock()


def _equal_or_new(source: TokenSource, size: int | None, eos: tuple[int, ...] | None, keep: bool) -> Vocabulary:
    """The living vocabulary of equal tokens; else one from the disk; else one spelled and checked."""
    digest = source.digest(size, eos)
    table = None if source.is_plain else source.table(size, eos)  # its own decode() has to agree in any case
    with _by_digest_lock:
        found = _by_digest.get(digest)
    if found is not None:
        return found
    stored = on_disk.load(digest) if keep else None
    if stored is not None:
        table, trie = stored
        vocabulary = Vocabulary(table.token_bytes, table.eos_ids, kind=table.kind)
        vocabulary._trie = trie
    else:
        table = table or source.table(size, eos)
        vocabulary = Vocabulary(table.token_bytes, table.eos_ids, kind=table.kind)
        if keep and vocabulary.size >= on_disk.SMALLEST:
            vocabulary._digest = digest
    with _by_digest_lock:
        return _by_digest.setdefault(digest, vocabulary)  # another thread may have been faster


class _Entry:
    """The vocabularies made of one live tokenizer object, by (size, EOS ids, text tokens), while its fingerprint
    stays the same."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fingerprint: object = None
        self.vocabularies: dict[tuple[int | None, tuple[int, ...] | None, tuple[str, ...]], Vocabulary] = {}


_entries: dict[int, tuple[weakref.ref[Any], _Entry]] = {}
_entries_lock = threading.RLock()  # re-entrant: a weak reference's callback may run in a thread that holds it


def _entry_of(tokenizer: Any) -> _Entry:
    """The cache entry of this very object (not of an equal one); a fresh one where it cannot be held
    weakly."""
    key = id(tokenizer)

    def forget(reference: weakref.ref[Any]) -> None:
        with _entries_lock:
            found = _entries.get(key)
            if found is not None and found[0] is reference:  # the id may belong to a new object already
                del _entries[key]

    with _entries_lock:
        found = _entries.get(key)
        if found is not None and found[0]() is tokenizer:
            return found[1]
        entry = _Entry()
        with suppress(TypeError):  # no weak references to this type: read it anew rather than keep it alive
            _entries[key] = (weakref.ref(tokenizer, forget), entry)
        return entry
