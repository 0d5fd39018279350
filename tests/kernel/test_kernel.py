"""Which kernel is in use, and who says so."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import relark
from relark import kernel

WALKS = {"compiled": "compiled (Cython)", "numpy": "NumPy"}


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_compiled_kernel_is_there_where_it_was_asked_for() -> None:
    """With ``RELARK_KERNEL=compiled`` relark cannot have been built without it."""
    if os.environ.get("RELARK_KERNEL") != "compiled":
        pytest.skip("RELARK_KERNEL is not compiled")
    assert kernel.compiled is not None


def test_the_environment_can_choose_numpy() -> None:
    code = "from relark import kernel; print(kernel.compiled is None, kernel.name())"
    assert python(code, RELARK_KERNEL="numpy") == python(code, RELARK_KERNEL="NumPy") == "True NumPy"
    assert python(code, RELARK_KERNEL="") in ("True NumPy", "False compiled (Cython)")


@pytest.mark.parametrize("chosen", ["numpy", "compiled"])
def test_the_kernel_is_named(chosen: str) -> None:
    if chosen == "compiled" and kernel.compiled is None:
        pytest.skip("there is no compiled kernel here")
    code = "import relark, relark.cli; print(relark.explain(regex='a').walk); relark.cli.main(['--version'])"
    assert python(code, RELARK_KERNEL=chosen).splitlines() == [
        f"walk over the byte trie: {WALKS[chosen]}",
        f"relark {relark.__version__}, walks: {WALKS[chosen]}",
    ]


@pytest.mark.parametrize(
    "extension",
    [
        SimpleNamespace(),
        SimpleNamespace(VERSION=kernel.VERSION - 1),
        SimpleNamespace(VERSION=str(kernel.VERSION)),
        ImportError("undefined symbol"),
    ],
    ids=["nameless", "older", "foreign", "broken"],
)
def test_an_extension_of_another_version_is_left_alone(extension: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(name: str) -> Any:
        assert name == "relark._kernel"
        if isinstance(extension, Exception):
            raise extension
        return extension

    monkeypatch.delenv("RELARK_KERNEL", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(importlib, "import_module", import_module)
        assert kernel._load() is None
        patch.setattr(importlib, "import_module", lambda name: SimpleNamespace(VERSION=kernel.VERSION))
        assert kernel._load() is not None
