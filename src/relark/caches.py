"""Caches with one byte limit for the whole process.

Everything that relark remembers between steps (derivatives, transition rows, masks, memoised advances, compiled
patterns) can be computed again, so all of it lives in :class:`Cache` objects, whose sizes together stay under one limit
(default 256 MiB, `set_cache_limit`).  Each cache has a fixed share of it.

Eviction is by two generations: entries are written to the young one; when that holds half the cache's bytes it becomes
the old one, and the former old one is dropped.  A hit in the old generation moves the entry to the young one.  So
recently used entries stay, a hit costs one dict look-up, and no list of uses is kept.  Sizes are estimates by the
owner of the entries.  Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from relark.errors import ArgumentError

__all__ = ["DEFAULT_LIMIT", "Cache", "cache_info", "clear_caches", "set_cache_limit"]

DEFAULT_LIMIT = 256 * 1024 * 1024  # bytes, all caches together

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_limit = DEFAULT_LIMIT
_caches: list[Any] = []  # Cache objects, and whatever else has name, bytes, limit and clear()


def register(cache: Any) -> None:
    """Count something that is not a `Cache` but has its ``name``, ``bytes``, ``limit`` and ``clear()``."""
    _caches.append(cache)


def limit_of(share: float) -> int:
    """``share`` of the process-wide limit, in bytes."""
    return int(_limit * share)


class Cache(Generic[K, V]):
    """A mapping that forgets.

    ``share`` is this cache's part of the process-wide limit, ``cost`` gives the bytes that an entry takes.  ``None`` is
    no value: `get` returns it for "absent".
    """

    def __init__(self, name: str, *, share: float, cost: Callable[[K, V], int]) -> None:
        self.name, self.share = name, share
        self._cost = cost
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._young_bytes = 0
        self._old_bytes = 0
        self._lock = threading.Lock()
        register(self)

    def get(self, key: K) -> V | None:
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        dropped: dict[K, V] | None = None  # freed outside the lock: finalisers may run any code
        with self._lock:
            if key not in self._young:
                self._young_bytes += self._cost(key, value)
            self._young[key] = value
            if self._young_bytes > _limit * self.share / 2:
                dropped = self._old
                self._old, self._old_bytes = self._young, self._young_bytes
                self._young, self._young_bytes = {}, 0
                if self._old_bytes > self.limit:  # a single entry larger than all: do not keep it
                    self._old, self._old_bytes = {}, 0
        del dropped

    def __contains__(self, key: K) -> bool:
        return key in self._young or key in self._old

    def clear(self) -> None:
        with self._lock:
            dropped = self._young, self._old
            self._young, self._old = {}, {}
            self._young_bytes = self._old_bytes = 0
        del dropped

    @property
    def limit(self) -> int:
        """Bytes that this cache may hold."""
        return limit_of(self.share)

    @property
    def bytes(self) -> int:
        """Bytes that its entries take, as estimated."""
        return self._young_bytes + self._old_bytes

    def __len__(self) -> int:
        return len(self._young) + sum(1 for key in self._old if key not in self._young)


def set_cache_limit(limit: int) -> None:
    """Set the bytes that all of relark's caches together may take (default 256 MiB); at least 1 MiB.

    Raises `ArgumentError` for less.  Entries over a lowered limit are dropped at once.
    """
    global _limit
    if limit < 1 << 20:
        raise ArgumentError(f"the cache limit must be at least 1 MiB (1048576 bytes), got {limit}")
    _limit = limit
    for cache in _caches:
        if cache.bytes > cache.limit:
            cache.clear()


def cache_info() -> dict[str, tuple[int, int]]:
    """``{cache name: (bytes held, bytes allowed)}``, estimates, in bytes."""
    return {cache.name: (cache.bytes, cache.limit) for cache in _caches}


def clear_caches() -> None:
    """Forget everything that can be computed again."""
    for cache in _caches:
        cache.clear()
