"""How long the code under test takes, whatever else the machine and the interpreter are busy with."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stopwatch:
    """The processor time that passes inside ``timed()``, in seconds; it can be read while it runs."""

    began: float = field(default_factory=time.process_time)
    ended: float | None = None

    @property
    def seconds(self) -> float:
        return (time.process_time() if self.ended is None else self.ended) - self.began


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Measure what runs inside, with the garbage collector off as in ``timeit``.

    One full collection over the objects of some thousand other tests takes up to half a second, and a busy machine
    takes any time it likes: neither says anything about the code.
    """
    collected = gc.isenabled()
    gc.disable()
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch.ended = time.process_time()
        if collected:
            gc.enable()
