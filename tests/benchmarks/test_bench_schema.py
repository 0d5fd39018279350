"""What `bench_schema` supports: compiling and the first mask take milliseconds, and no mask seconds. Run with ``-m
benchmark`` on a quiet machine.
"""

from __future__ import annotations

import statistics

import bench_mask
import bench_schema
import pytest
import schema_cases

from relark import Vocabulary

pytest.importorskip("gguf", reason="needs gguf")
pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    try:
        return bench_mask.smollm2()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


def test_real_schemas(vocabulary: Vocabulary) -> None:
    if not schema_cases.is_present():
        pytest.skip(f"needs the public test data in {schema_cases.ROOT}")
    costs = [bench_schema.measure(vocabulary, *sample) for sample in bench_schema.samples()]
    good = [c for c in costs if not c.failed]
    assert len(good) >= 0.995 * len(costs)
    assert statistics.median(c.first for c in good) < 0.005
    assert max(c.first for c in good) < 0.5
    assert max(c.worst for c in good) < 2


@pytest.mark.parametrize("special", bench_schema.special(), ids=lambda s: s[0])
def test_recursion_and_a_thousand_properties(
    vocabulary: Vocabulary, special: tuple[str, object, list[str], str]
) -> None:
    costs = bench_schema.measure(vocabulary, *special)
    assert not costs.failed
    assert costs.first < 0.5
    assert costs.worst < 2
