"""What relark costs before the first token: its import, and the memory and time of a tokenizer's vocabulary.

    python tests/benchmarks/bench_memory.py FOLDER...

Each FOLDER holds a tokenizer that transformers can load. Imports are medians over fresh interpreters. Memory is what
is added to a process that has loaded relark and the tokenizer, by the token bytes, the trie and the masks of a whole
JSON text: the peak of resident memory, and the peak and the rest that Python's own allocator counts. The disk cache is
off for memory, so that all is built. Times are processor time, with an empty and a filled disk cache.

Needs Linux for resident memory (the peak is reset through ``/proc/self/clear_refs``).
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}},
        "address": {"type": "object", "properties": {"city": {"type": "string"}, "zip": {"type": "string"}}},
    },
    "required": ["name", "age", "tags"],
}
TEXT = b'{"name": "Alice Liddell", "age": 30, "tags": ["a", "b"], "address": {"city": "Oxford", "zip": "OX1"}}'


@dataclass(frozen=True)
class Memory:
    """Bytes beyond those of the tokenizer. ``resident`` and ``peak`` are maxima; ``kept`` stays."""

    resident: int
    peak: int
    kept: int


@dataclass(frozen=True)
class Times:
    """Seconds of processor time for token bytes and trie of a tokenizer object seen for the first time."""

    built: float
    from_disk: float


def import_seconds(repetitions: int = 7) -> tuple[float, float]:
    """Wall and processor seconds of ``import relark``, medians over fresh interpreters."""
    code = (
        "import time; wall, processor = time.perf_counter(), time.process_time(); import relark;"
        "print(time.perf_counter() - wall, time.process_time() - processor)"
    )
    found = []
    for _ in range(repetitions):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        found.append([float(number) for number in done.stdout.split()])
    return statistics.median(wall for wall, _ in found), statistics.median(processor for _, processor in found)


def memory(folder: str) -> Memory:
    """Measured in two fresh processes: counting slows the allocator down, and takes memory itself."""
    return Memory(_in_fresh_process(_resident, folder), *_in_fresh_process(_traced, folder))


def times(folder: str) -> Times:
    """Measured in fresh processes; the last one finds what the one before it has left."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["RELARK_CACHE"] = cache
        os.environ.pop("RELARK_DISK_CACHE", None)
        try:
            return Times(*(_in_fresh_process(_seconds, folder) for _ in range(2)))
        finally:
            del os.environ["RELARK_CACHE"]


def _in_fresh_process(function: Callable[[str], Any], folder: str) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, folder).result()


def _load(folder: str) -> tuple[Any, Callable[[], object]]:
    """The tokenizer, and the function that makes its vocabulary and the masks of the text."""
    import numpy as np
    from transformers import AutoTokenizer

    import relark

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def work() -> object:
        vocabulary = relark.Vocabulary.from_tokenizer(tokenizer, disk_cache=False)
        matcher = relark.schema(SCHEMA).matcher(vocabulary)
        row = np.zeros(vocabulary.n_words, dtype=np.int32)
        for token_id in vocabulary.encode(TEXT):
            matcher.fill(row)
            matcher.advance(token_id)
        return matcher

    gc.collect()
    return tokenizer, work


def _resident_bytes(name: str) -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def _resident(folder: str) -> int:
    tokenizer, work = _load(folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present from now on
    before = _resident_bytes("VmRSS")
    result = work()
    after = _resident_bytes("VmHWM")
    del result, tokenizer
    return after - before


def _traced(folder: str) -> tuple[int, int]:
    tokenizer, work = _load(folder)
    tracemalloc.start()
    result = work()
    gc.collect()
    kept, peak = tracemalloc.get_traced_memory()
    del result, tokenizer
    return peak, kept


def _seconds(folder: str) -> float:
    from relark import Vocabulary

    tokenizer, _ = _load(folder)
    began = time.process_time()
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    nodes = len(vocabulary.trie)
    seconds = time.process_time() - began
    assert nodes > 1
    return seconds


def main() -> None:
    wall, processor = import_seconds()
    print(f"import relark: {wall:.3f} s, {processor:.3f} s of the processor")
    for folder in sys.argv[1:]:
        used, took = memory(folder), times(folder)
        print(
            f"{Path(folder).name}: resident {used.resident / 1e6:.1f} MB, peak {used.peak / 1e6:.1f} MB, "
            f"kept {used.kept / 1e6:.1f} MB; built in {took.built:.3f} s, from the disk in {took.from_disk:.3f} s"
        )


if __name__ == "__main__":
    main()
