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
def test_generate_is_as_fast_as_the_bare_model_and_faster_where_text_is_forced() -> None:
    try:
        found = bench_generate.measure()
    except bench_generate.relark.ModelError as missing:
        pytest.skip(str(missing))
    for name in ("schema", "compact"):
        assert found[name].first_ratio >= 1.3, f"{name}: {found[name]}"
    for name in ("letters", "string"):
        assert found[name].later_ratio >= 0.97, f"{name}: {found[name]}"
