"""First visits of states along real texts stay cheap: what `tests/benchmarks/bench_grammar.py` measures, with room."""

from __future__ import annotations

import itertools
import statistics
import string
from functools import cache

import pytest
from library_corpora import texts

import relark
from relark import Vocabulary
from timing import timed


@cache
def vocabulary() -> Vocabulary:
    """Some ten thousand pieces: all pairs of printable characters, words of the corpora with and without a blank before
    them, runs of blanks and line breaks.
    """
    pieces: dict[bytes, None] = dict.fromkeys(bytes([b]) for b in range(256))
    pieces |= dict.fromkeys("".join(pair).encode() for pair in itertools.product(string.printable[:95], repeat=2))
    for name in ("python", "sql"):
        for word in " ".join(texts(name, "accept")).split():
            pieces |= dict.fromkeys((word[:8].encode(), b" " + word[:8].encode(), word[:4].lower().encode()))
    pieces |= dict.fromkeys(b" " * count for count in range(2, 40))
    pieces |= dict.fromkeys(b"\n" * lines + b" " * count for lines in (1, 2) for count in range(20))
    return Vocabulary.from_bytes([None, *pieces], eos_ids=[0])


@pytest.mark.parametrize("name", ["python", "sql"])
def test_first_visits_are_cheap(name: str) -> None:
    vocabulary().trie  # noqa: B018 - built once
    relark.clear_caches()
    constraint = relark.grammar(getattr(relark.grammars, name))
    with timed() as first:
        start = constraint.matcher(vocabulary())
        start.mask()
    assert first.seconds < 0.3
    seconds = []
    for text in texts(name, "accept")[:4]:
        matcher = start.fork()
        for token_id in vocabulary().encode(text.encode()):
            with timed() as watch:
                matcher.advance(token_id)
                matcher.mask()
            seconds.append(watch.seconds)
    assert statistics.median(seconds) < 0.05
    assert statistics.quantiles(seconds, n=10)[-1] < 0.15
    assert max(seconds) < 0.4
