"""What the benchmarks share: tokenizers from a folder, a clock, texts fed token by token, a line about the machine."""

from __future__ import annotations

import datetime
import gc
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import bench_mask
import numpy as np

import relark
from relark import Vocabulary, kernel

_DISTURBED = 50_000  # nanoseconds between wall and processor time that only the scheduler explains


def seconds(call: Callable[..., object], *arguments: Any) -> float:
    """What one call takes: wall time, the finer clock, or processor time where something else ran meanwhile."""
    spent, began = time.thread_time_ns(), time.perf_counter_ns()
    call(*arguments)
    wall, spent = time.perf_counter_ns() - began, time.thread_time_ns() - spent
    return (spent if wall - spent > _DISTURBED else wall) / 1e9


@contextmanager
def undisturbed() -> Iterator[None]:
    """Python's cycle collector off: one collection over all that a process has imported would be the worst of all."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def tokenizer(folder: str | Path) -> Any:
    """The tokenizer in a folder, such as ``tests/tokens/fetch_tokenizers.py`` fetches."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def vocabulary(folder: str | Path | None) -> Vocabulary:
    """The vocabulary of a tokenizer, ready to walk; without a folder, the embedded model's (49,152 tokens)."""
    found = bench_mask.smollm2() if folder is None else Vocabulary.from_tokenizer(tokenizer(folder))
    relark.regex("a").matcher(found).mask()  # imports, the trie
    return found


def feed(matcher: relark.Matcher, ids: Iterable[int]) -> list[float]:
    """Seconds for each token: its mask and the advance."""
    row = np.zeros(matcher.vocabulary.n_words, np.int32)

    def step(token_id: int) -> None:
        matcher.fill(row)
        matcher.advance(token_id)

    return [seconds(step, token_id) for token_id in ids]


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan


def short(value: float) -> str:
    """Three digits that mean something."""
    return "-" if math.isnan(value) else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def circumstances(*packages: str) -> str:
    """One line: the date, the machine, versions of relark, its kernel, and ``packages``."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = models[0] if models else cpu
    date = datetime.datetime.now(datetime.timezone.utc).date()
    versions = [f"relark {relark.__version__}, {kernel.name()} kernel", f"CPython {platform.python_version()}"]
    versions += [f"{name} {found}" for name in ("numpy", *packages) if (found := version_of(name))]
    return f"{date}; {cpu}, {os.cpu_count()} cores, {platform.system()}; " + ", ".join(versions)


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
