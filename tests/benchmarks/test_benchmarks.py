"""The claims that the benchmarks next to this file support. Run with ``-m benchmark`` on a quiet machine."""

from __future__ import annotations

import statistics

import bench_generate
import bench_mask
import pytest

pytest.importorskip("gguf", reason="needs gguf")
pytestmark = pytest.mark.benchmark


def test_a_step_costs_a_hundredth_of_rellms() -> None:
    try:
        rows = bench_mask.measure_all()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    assert bench_mask.ratio(rows) >= 100
    assert statistics.median(r.rellm / r.again for r in rows) >= 1000


@pytest.mark.real_model
def test_generate_keeps_nine_tenths_of_the_speed() -> None:
    try:
        rates = bench_generate.measure()
    except bench_generate.relark.ModelError as missing:
        pytest.skip(str(missing))
    for name, (unconstrained, ours) in rates.items():
        assert ours >= 0.9 * unconstrained, f"{name}: {ours:.2f} against {unconstrained:.2f} tokens/s"
