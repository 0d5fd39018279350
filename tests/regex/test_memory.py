"""Thousands of distinct patterns in one process stay inside the cache limit."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Iterator

import pytest

import relark
from reference import unpack
from relark import Vocabulary
from relark.caches import DEFAULT_LIMIT
from relark.language.terms import interned_count

LIMIT = 8 << 20


@pytest.fixture
def small_limit() -> Iterator[None]:
    relark.clear_caches()
    relark.set_cache_limit(LIMIT)
    yield
    relark.set_cache_limit(DEFAULT_LIMIT)
    relark.clear_caches()


def use_patterns(first: int, count: int, vocabulary: Vocabulary) -> None:
    for i in range(first, first + count):
        rng = random.Random(i)
        pattern = rng.choice(
            [
                rf"item {i}: [a-z]{{1,{i % 50 + 1}}}",
                rf"(?:{i}|\w+ {i * 7})(?:, \d{{{i % 9 + 1}}})*",
                rf"(?=.*{i})[\w ]+",
                rf"(\w)-{i}-\1",
                rf"[a-z]+(?<!{chr(97 + i % 26)}{i})\d",
            ]
        )
        matcher = relark.regex(pattern).matcher(vocabulary)
        for _ in range(3):
            allowed = sorted(unpack(matcher.mask(), vocabulary.size) - {0})
            if not allowed:
                break
            matcher.advance(rng.choice(allowed))


def check(count: int, vocabulary: Vocabulary) -> None:
    use_patterns(0, count // 10, vocabulary)  # everything that is made only once has been made
    gc.collect()
    terms = interned_count()
    tracemalloc.start()
    try:
        use_patterns(count // 10, count, vocabulary)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    for name, (used, allowed) in relark.cache_info().items():
        assert used <= allowed, name
    assert sum(used for used, _ in relark.cache_info().values()) <= LIMIT
    assert held < 3 * LIMIT, f"{held / 1e6:.0f} MB are held"
    relark.clear_caches()
    gc.collect()
    assert interned_count() < terms + 20_000


@pytest.mark.usefixtures("small_limit")
def test_hundreds_of_patterns_stay_inside_the_limit(small_vocabulary: Vocabulary) -> None:
    check(150, small_vocabulary)


@pytest.mark.slow
@pytest.mark.usefixtures("small_limit")
def test_thousands_of_patterns_stay_inside_the_limit(small_vocabulary: Vocabulary) -> None:
    check(6_000, small_vocabulary)
