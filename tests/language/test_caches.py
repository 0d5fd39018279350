"""The caches: what was used lately stays, and the sizes keep to the limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import relark
from relark import caches
from relark.caches import Cache


@pytest.fixture
def cache() -> Iterator[Cache[int, str]]:
    """A cache of its own, with room for 100 entries of 100 bytes."""
    made: Cache[int, str] = Cache("a test", share=10_000 / caches.DEFAULT_LIMIT, cost=lambda key, value: 100)
    yield made
    caches._caches.remove(made)


def test_get_and_put(cache: Cache[int, str]) -> None:
    assert cache.get(1) is None
    cache.put(1, "one")
    cache.put(1, "uno")
    assert cache.get(1) == "uno"
    assert 1 in cache
    assert 2 not in cache
    assert len(cache) == 1
    assert cache.bytes == 100
    cache.clear()
    assert cache.get(1) is None
    assert cache.bytes == 0


def test_the_limit_holds_and_the_latest_stay(cache: Cache[int, str]) -> None:
    for i in range(1000):
        cache.put(i, str(i))
        assert cache.bytes <= cache.limit + 100
    assert all(cache.get(i) == str(i) for i in range(960, 1000))
    assert cache.get(3) is None


def test_what_is_used_stays(cache: Cache[int, str]) -> None:
    cache.put(-1, "kept")
    for i in range(5000):
        cache.put(i, str(i))
        if i % 20 == 0:
            assert cache.get(-1) == "kept"
    assert cache.bytes <= cache.limit + 100


def test_an_entry_larger_than_the_cache_is_not_kept() -> None:
    cache: Cache[int, bytes] = Cache("large", share=1000 / caches.DEFAULT_LIMIT, cost=lambda key, value: len(value))
    try:
        cache.put(1, bytes(5000))
        assert cache.bytes == 0
        cache.put(2, bytes(300))
        assert cache.get(2) is not None
    finally:
        caches._caches.remove(cache)


def test_lowering_the_limit_drops_entries(cache: Cache[int, str]) -> None:
    for i in range(40):
        cache.put(i, str(i))
    try:
        relark.set_cache_limit(1 << 20)  # of it, this cache has 39 bytes
        assert cache.bytes == 0
        assert relark.cache_info()["a test"] == (0, 39)
    finally:
        relark.set_cache_limit(caches.DEFAULT_LIMIT)


def test_many_threads(cache: Cache[int, str]) -> None:
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for i in range(3000):
                key = (i * 7 + seed) % 150
                found = cache.get(key)
                assert found is None or found == str(key)
                cache.put(key, str(key))
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not failures
    assert cache.bytes <= cache.limit + 8 * 100
