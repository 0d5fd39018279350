"""The claims that ``bench_memory`` supports. Run with ``-m benchmark`` on a quiet machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bench_memory
import pytest

pytestmark = pytest.mark.benchmark


def test_the_import_takes_less_than_three_tenths_of_a_second() -> None:
    _, processor = bench_memory.import_seconds()  # wall time is the same where nothing else runs
    assert processor < 0.3


@pytest.fixture
def llama() -> str:
    folder = Path(os.environ.get("RELARK_TOKENIZERS", "")) / "llama3_1"
    if "RELARK_TOKENIZERS" not in os.environ or not folder.exists():
        pytest.skip("RELARK_TOKENIZERS names no folder with llama3_1; tests/tokens/fetch_tokenizers.py fetches it")
    return str(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_vocabulary_of_128_000_tokens_takes_less_than_100_megabytes(llama: str) -> None:
    found = bench_memory.memory(llama)
    assert 1e6 < found.kept <= found.peak < 100e6
    assert found.resident < 100e6


def test_the_disk_cache_halves_the_time(llama: str) -> None:
    found = bench_memory.times(llama)
    assert found.from_disk < 0.6 * found.built
