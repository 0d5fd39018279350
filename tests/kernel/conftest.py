"""What the kernel tests share: running a piece of code once with each kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

import relark
from relark import kernel

T = TypeVar("T")


@pytest.fixture
def with_both(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], T]], tuple[T, T]]:
    """What a function returns with the compiled kernel, and with NumPy; nothing is remembered from one to the other."""
    compiled = kernel.compiled
    if compiled is None:
        pytest.skip("there is no compiled kernel here")

    def run(function: Callable[[], T]) -> tuple[T, T]:
        found = []
        for extension in (compiled, None):
            with monkeypatch.context() as patch:
                patch.setattr(kernel, "compiled", extension)
                relark.clear_caches()
                found.append(function())
        return found[0], found[1]

    return run
