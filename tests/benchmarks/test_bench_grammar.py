"""What `bench_grammar` supports: the first visit of a state takes milliseconds, a later one is a look-up. Run with ``-m
benchmark`` on a quiet machine.
"""

from __future__ import annotations

import statistics

import bench_grammar
import bench_mask
import pytest

from relark import Vocabulary, grammars

pytest.importorskip("gguf", reason="needs gguf")
pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    try:
        return bench_mask.smollm2()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", grammars.names())
def test_states_are_cheap(vocabulary: Vocabulary, name: str) -> None:
    costs = bench_grammar.measure(vocabulary, name)
    assert statistics.median(costs.masks) < 0.02
    assert statistics.median(costs.again) < 0.0002
