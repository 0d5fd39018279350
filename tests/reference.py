"""Slow, obvious reference engines.

`rellm_mask` is the method that ReLLM had: for every token, ask ``pattern.fullmatch(text + token, partial=True)``. Two
things are added, or it could not be compared with exact masks: tokens are bytes, and one that ends inside a UTF-8
character is allowed if some character with these first bytes is; and a special token is never text.

That rule is only an approximation (the ``regex`` module's partial matching errs at word boundaries, anchors,
lookarounds, fuzzy minima ...), so two more functions say who is right where masks differ: `completes` (fullmatch
decides) and `find_completion` (a bounded search for a text that fullmatches).

Cost: about 2 us a token, 0.1 s for 49,000.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import regex

__all__ = ["completes", "find_completion", "least_tokens", "rellm_mask", "split_utf8", "unpack"]

AnyPattern = regex.Pattern[str]


def rellm_mask(pattern: AnyPattern, prefix: bytes, token_bytes: Sequence[bytes | None]) -> set[int]:
    """The ids of the tokens that ReLLM's rule allows after ``prefix`` (EOS not among them)."""
    allowed: set[int] = set()
    verdicts: dict[tuple[str, bytes], bool] = {}
    for token_id, data in enumerate(token_bytes):
        if not data:
            continue
        parts = split_utf8(prefix + data)
        if parts is None:
            continue
        verdict = verdicts.get(parts)
        if verdict is None:
            verdict = verdicts[parts] = _may_go_on(pattern, *parts)
        if verdict:
            allowed.add(token_id)
    return allowed


def _may_go_on(pattern: AnyPattern, text: str, tail: bytes) -> bool:
    if not tail:
        return pattern.fullmatch(text, partial=True) is not None
    if pattern.fullmatch(text, partial=True) is None:
        return False
    return any(pattern.fullmatch(text + c, partial=True) for c in _starting_with(tail, _pattern_characters(pattern)))


def split_utf8(data: bytes) -> tuple[str, bytes] | None:
    """The characters of ``data`` and the bytes of an unfinished one at its end; None if it is no start of UTF-8."""
    for cut in range(min(4, len(data) + 1)):
        body, tail = data[: len(data) - cut], data[len(data) - cut :]
        try:
            text = body.decode()
        except UnicodeDecodeError:
            continue
        return (text, tail) if not tail or any(True for _ in _code_points(tail)) else None
    return None


def _code_points(tail: bytes) -> Sequence[int]:
    """The code points whose encoding starts with ``tail`` and goes on."""
    lead = tail[0]
    length = 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 0
    missing = length - len(tail)
    if missing <= 0 or any(not 0x80 <= b < 0xC0 for b in tail[1:]):
        return ()
    point = lead & (0x7F >> length)
    for byte in tail[1:]:
        point = point << 6 | byte & 0x3F
    least = {2: 0x80, 3: 0x800, 4: 0x10000}[length]
    span = range(point << 6 * missing, min((point + 1) << 6 * missing, 0x110000))
    if span.stop <= least or (span.start >= 0xD800 and span.stop <= 0xE000):
        return ()
    return range(max(span.start, least), span.stop)


def _starting_with(tail: bytes, special: frozenset[str]) -> Iterator[str]:
    """Characters that start with ``tail``: the special ones, and enough of the others."""
    points = _code_points(tail)
    yield from (c for c in special if ord(c) in points)
    yield from _samples(tail)


@lru_cache(maxsize=4096)
def _samples(tail: bytes) -> tuple[str, ...]:
    """One character of each category out of each 64 code points (1,024 beyond U+FFFF)."""
    chosen: dict[tuple[int, str], str] = {}
    for point in _code_points(tail):
        if not 0xD800 <= point < 0xE000:
            key = point >> (6 if point < 0x10000 else 10), unicodedata.category(chr(point))
            chosen.setdefault(key, chr(point))
    return tuple(chosen.values())


@lru_cache(maxsize=4096)
def _pattern_characters(pattern: AnyPattern) -> frozenset[str]:
    """Every character that the pattern or its named lists mention, escapes resolved, with its case variants and
    neighbours."""
    source = pattern.pattern + "".join("".join(words) for words in pattern.named_lists.values())
    escaped = re.findall(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))", source)
    mentioned = {*source, *(chr(int("".join(digits), 16)) for digits in escaped)}
    mentioned |= {unicodedata.lookup(name) for name in re.findall(r"\\N\{([^}]*)\}", source)}
    mentioned |= {chr(ord(c) + d) for c in mentioned for d in (-1, 1) if 0 < ord(c) < 0x10FFFF}
    return frozenset(v for c in mentioned for form in (c, c.lower(), c.upper(), c.casefold()) for v in form)


def completes(pattern: AnyPattern | re.Pattern[str], data: bytes) -> bool:
    """Whether ``data`` is UTF-8 that fullmatches."""
    try:
        return pattern.fullmatch(data.decode()) is not None
    except UnicodeDecodeError:
        return False


GENERIC = " aZ0_-.\n\"'(<é中😀\u0301"


def find_completion(pattern: AnyPattern, data: bytes, limit: int = 1500) -> str | None:
    """A text that starts with ``data`` and fullmatches, looked for breadth first over the characters that the pattern
    mentions and some more.

    None: not found within ``limit`` questions, or there is none. A text that partial matching calls dead gets two
    more characters to prove it wrong.
    """
    parts = split_utf8(data)
    if parts is None:
        return None
    text, tail = parts
    mentioned = _pattern_characters(pattern)
    alphabet = sorted(
        {*GENERIC, *(c for c in mentioned if not 0xD800 <= ord(c) < 0xE000)},
        key=lambda c: (c not in pattern.pattern, c),
    )
    starts = [text] if not tail else [text + c for c in _starting_with(tail, mentioned)]
    queue: deque[tuple[str, int]] = deque((s, 2) for s in starts)
    asked = 0
    while queue and asked < limit:
        at, grace = queue.popleft()
        asked += 1
        match = pattern.fullmatch(at, partial=True)
        if match is not None and not match.partial:
            return at
        grace = 2 if match is not None else grace - 1
        if grace >= 0 and len(queue) < limit:
            queue.extend((at + c, grace) for c in alphabet)
    return None


def least_tokens(pattern: AnyPattern, prefix: bytes, token_bytes: Sequence[bytes | None], most: int) -> int | None:
    """The least number of tokens that turn ``prefix`` into a match, by trying all sequences of up to ``most``
    tokens."""
    level = {prefix}
    for count in range(most + 1):
        if any(completes(pattern, data) for data in level):
            return count
        level = {data + token for data in level for token in token_bytes if token}
    return None


def unpack(words: Iterable[int], size: int) -> set[int]:
    """The token ids whose bits are set in a packed mask."""
    return {32 * i + b for i, word in enumerate(words) for b in range(32) if int(word) >> b & 1 and 32 * i + b < size}
