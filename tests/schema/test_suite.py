"""The JSON-Schema-Test-Suite: every instance is judged right, or is named in ``baseline/``.

What is in a baseline may only get less: `ratchet` measures and writes them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import ratchet
import schema_cases
from _pytest.mark import ParameterSet
from schema_cases import FORMATS, OPTIONAL, REQUIRED

pytestmark = pytest.mark.skipif(
    not schema_cases.is_present(), reason=f"needs the public test data in {schema_cases.ROOT}"
)

SLOW = {"idn-hostname.json": 120.0}  # seconds of processor time: long labels of several scripts cost seconds each


def files() -> Iterator[ParameterSet]:
    for suite in (*REQUIRED, *FORMATS, *OPTIONAL):
        for file in dict.fromkeys(case.file for case in schema_cases.cases(suite)):
            marks = [pytest.mark.slow] if file in SLOW else []
            yield pytest.param(suite, file, marks=marks, id=f"{suite}-{file.removesuffix('.json')}")


@pytest.mark.parametrize(("suite", "file"), list(files()) if schema_cases.is_present() else [])
def test_instances_are_judged_right(suite: str, file: str) -> None:
    found = ratchet.measure(suite, only=f"{file}#", limit=SLOW.get(file, ratchet.LIMIT))
    worse, better = ratchet.changes(suite, found)
    assert not worse
    assert not better, "better than the baseline: run python tests/schema/ratchet.py --update"


def test_baselines_name_instances_of_the_suites() -> None:
    for suite in schema_cases.SUITES:
        names = {f"{case.name}/{i.name}" for case in schema_cases.cases(suite) for i in case.instances}
        assert ratchet.baseline(suite).keys() <= names
