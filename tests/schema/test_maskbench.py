"""Real schemas with marked instances (MaskBench): no valid one is refused, no invalid one accepted.

Every twelfth schema in the normal run, on whole texts; all of them, token by token through the masks of a real
vocabulary, with ``-m slow``.
"""

from __future__ import annotations

import pytest
import ratchet
import schema_cases

from benchmarks.bench_mask import smollm2

pytestmark = pytest.mark.skipif(
    not schema_cases.is_present(), reason=f"needs the public test data in {schema_cases.ROOT}"
)

CASES = schema_cases.cases("maskbench") if schema_cases.is_present() else ()
COMPILING = 0.995  # of the schemas, at least


def measure(cases: tuple[schema_cases.Case, ...], judge: ratchet.Judge) -> dict[str, tuple[ratchet.Verdict, str]]:
    found: dict[str, tuple[ratchet.Verdict, str]] = {}
    for case in cases:
        found |= ratchet.verdicts(case, judge)
    return found


def check(found: dict[str, tuple[ratchet.Verdict, str]]) -> None:
    worse, better = ratchet.changes("maskbench", found)
    assert not worse
    assert not better, "better than the baseline: run python tests/schema/ratchet.py --update"


def test_a_sample_is_judged_right() -> None:
    check(measure(CASES[::12], ratchet.by_texts))


@pytest.mark.slow
def test_all_are_judged_right_through_the_masks() -> None:
    try:
        vocabulary = smollm2()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    found = measure(CASES, ratchet.by_masks(vocabulary))
    check(found)
    refused = {name.rpartition("/")[0] for name, (verdict, _) in found.items() if verdict == "refused"}
    assert len(refused) <= (1 - COMPILING) * len(CASES)


def test_the_baseline_holds_refusals_only() -> None:
    assert set(ratchet.baseline("maskbench").values()) <= {"refused"}
