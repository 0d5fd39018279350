"""Vocabularies on disk: the token bytes and the trie of a tokenizer, kept from one process to the next.

What it is: one file for each vocabulary in the folder ``vocabularies`` of the cache folder, named by the digest of all
that it was made from (``tokens.token_bytes.TokenSource.digest``). So a file is never out of date: a tokenizer that
changed has another name. When it is used: by ``Vocabulary.from_tokenizer``, for vocabularies of at least ``SMALLEST``
ids. ``RELARK_DISK_CACHE=off`` in the environment turns it off for the process, ``disk_cache=False`` for one call.

Nothing that happens to it is an error. A file counts only if its digest of itself agrees: torn, truncated and foreign
ones are no vocabulary, and are written anew. A file appears whole under its name or not at all, whoever else writes
it at the time. Where nothing can be written (no space, no permission), nothing is kept. Beyond ``MOST_FILES`` files or
``MOST_BYTES`` bytes those are dropped that were longest without use.

Cost: 55 bytes a token: 7 MB for 128,000 tokens, written in 0.03 s; read and verified in 0.04 s, where it takes 0.2 s
to spell the tokens and build the trie.

What it cannot do: guard against somebody who may write to the user's own cache folder, and forges a file with its
digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from relark.tokens.token_bytes import TokenTable
from relark.tokens.trie import Trie

__all__ = ["MOST_BYTES", "MOST_FILES", "SMALLEST", "folder", "is_on", "load", "store"]

SMALLEST = 10_000  # ids; smaller vocabularies are made as fast as they are read
MOST_FILES = 64
MOST_BYTES = 512 << 20

MAGIC = b"relark vocabulary 1\n"  # the number is that of the format below
ALIGNMENT = 64
SECONDS_TO_WRITE = 3600  # a temporary file older than that was left by a process that died

# The format: MAGIC, the SHA-256 of all that follows, and three blocks, each a length (8 bytes, little-endian) and data:
# a header in JSON, the tokens, the trie. Blocks of arrays hold them one after another, aligned, in the header's order.


def folder() -> Path:
    """``vocabularies`` in ``$RELARK_CACHE``, else in the platform's user cache folder + ``relark``."""
    chosen = os.environ.get("RELARK_CACHE")
    if chosen:
        return Path(chosen).expanduser() / "vocabularies"
    import platformdirs  # here: this is seldom needed, and takes time to import

    return platformdirs.user_cache_path("relark", appauthor=False) / "vocabularies"


def is_on() -> bool:
    """Whether the environment allows it: ``RELARK_DISK_CACHE`` is not off, 0, no or false."""
    return os.environ.get("RELARK_DISK_CACHE", "").strip().lower() not in ("off", "0", "no", "false")


def load(digest: str) -> tuple[TokenTable, Trie] | None:
    """What was stored under ``digest``, or None."""
    try:
        path = folder() / f"{digest}.bin"
        with path.open("rb") as file:
            found = _read(file.read(MOST_BYTES), digest)
    except Exception:  # whatever a foreign file makes of the reading, it is no vocabulary
        return None
    with suppress(OSError):
        os.utime(path)  # in use: the last to be dropped
    return found


def store(digest: str, table: TokenTable, trie: Trie) -> None:
    """Keep ``table`` and ``trie`` under ``digest``, if the disk lets us."""
    with suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        home = folder()
        home.mkdir(parents=True, exist_ok=True)
        temporary = home / f".{digest}-{os.urandom(8).hex()}.tmp"
        try:
            with temporary.open("xb") as file:
                file.writelines(_written(digest, table, trie))
            os.replace(temporary, home / f"{digest}.bin")
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _drop_old(home)


def _drop_old(home: Path) -> None:
    """Keep the most recently used files, within the limits."""
    files = []
    with os.scandir(home) as entries:
        for entry in entries:
            with suppress(OSError):  # another process dropped it
                status = entry.stat()
                if entry.name.endswith(".bin"):
                    files.append((status.st_mtime, status.st_size, entry.path))
                elif entry.name.endswith(".tmp") and status.st_mtime < time.time() - SECONDS_TO_WRITE:
                    os.unlink(entry.path)
    total = 0
    for number, (_, size, path) in enumerate(sorted(files, reverse=True), 1):
        total += size
        if number > MOST_FILES or total > MOST_BYTES:
            with suppress(OSError):
                os.unlink(path)


# ------------------------------------------------------------------------------------------
# The format

TRIE_ARRAYS = tuple(field.name for field in fields(Trie) if field.name != "max_token_length")


def _written(digest: str, table: TokenTable, trie: Trie) -> Iterator[bytes]:
    lengths = np.fromiter((-1 if t is None else len(t) for t in table.token_bytes), np.int32, len(table.token_bytes))
    text = np.frombuffer(b"".join(t for t in table.token_bytes if t), dtype=np.uint8)
    arrays = [getattr(trie, name) for name in TRIE_ARRAYS]
    header = {
        "digest": digest,
        "byteorder": sys.byteorder,
        "kind": table.kind,
        "eos_ids": table.eos_ids,
        "tokens": [("int32", len(lengths)), ("uint8", len(text))],
        "trie": [(str(array.dtype), len(array)) for array in arrays],
        "names": TRIE_ARRAYS,
        "max_token_length": trie.max_token_length,
    }
    blocks = [json.dumps(header).encode(), _packed([lengths, text]), _packed(arrays)]
    body = b"".join(part for block in blocks for part in (len(block).to_bytes(8, "little"), block))
    yield MAGIC
    yield hashlib.sha256(body).digest()
    yield body


def _packed(arrays: list[npt.NDArray[np.generic]]) -> bytes:
    return b"".join(array.tobytes() + bytes(-array.nbytes % ALIGNMENT) for array in arrays)


def _read(data: bytes, digest: str) -> tuple[TokenTable, Trie] | None:
    """Raises anything for data that is not in the format."""
    start = len(MAGIC) + hashlib.sha256().digest_size
    whole = memoryview(data)
    if whole[: len(MAGIC)] != MAGIC or hashlib.sha256(whole[start:]).digest() != whole[len(MAGIC) : start]:
        return None
    blocks = []
    while start < len(whole):
        end = start + 8 + int.from_bytes(whole[start : start + 8], "little")
        blocks.append(bytes(whole[start + 8 : end]))  # a copy: aligned, and no reason to keep the others
        start = end
    header = json.loads(blocks[0])
    if [header["digest"], header["byteorder"], header["names"]] != [digest, sys.byteorder, list(TRIE_ARRAYS)]:
        return None
    lengths, text = _unpacked(blocks[1], header["tokens"])
    flat, sizes = text.tobytes(), lengths.tolist()
    ends = accumulate(max(n, 0) for n in sizes)
    tokens = tuple([None if n < 0 else flat[end - n : end] for n, end in zip(sizes, ends, strict=True)])
    arrays: dict[str, Any] = dict(zip(TRIE_ARRAYS, _unpacked(blocks[2], header["trie"]), strict=True))
    trie = Trie(**arrays, max_token_length=header["max_token_length"])
    return TokenTable(tokens, tuple(header["eos_ids"]), header["kind"]), trie


def _unpacked(block: bytes, layout: list[tuple[str, int]]) -> list[npt.NDArray[np.generic]]:
    """Read-only arrays over the block."""
    arrays, position = [], 0
    for dtype, count in layout:
        array = np.frombuffer(block, dtype=dtype, count=count, offset=position)
        position += array.nbytes + -array.nbytes % ALIGNMENT
        arrays.append(array)
    return arrays
