"""The package builds with a C compiler and without one; the wheel says which, by its name.

Builds as pip does, less its separate environment: with the hatchling, Cython and setuptools that are installed here.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("hatchling", "Cython", "setuptools")),
        reason="what builds the package is not installed",
    ),
    pytest.mark.skipif(not (ROOT / ".ci").is_dir(), reason="not a source checkout"),
]

PLAIN = "py3-none-any"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build reads, with a stale extension in it, as an editable installation leaves them."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, copy)
    for name in (".ci", "src", "grammars"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd"))
    (copy / "src" / "relark" / "_kernel.stale.so").touch()
    return copy


def build(checkout: Path, folder: Path, target: str = "wheel", **environment: str) -> tuple[Path, str]:
    """What was built, and everything that was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=checkout,
        env={**os.environ, "RELARK_KERNEL": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    [built] = folder.iterdir()
    return built, done.stdout


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def extensions(names: set[str]) -> set[str]:
    return {name for name in names if name.endswith((".so", ".pyd", ".pyx", ".c"))}


def test_a_wheel_with_the_extension_is_for_one_platform(checkout: Path, tmp_path: Path) -> None:
    wheel, printed = build(checkout, tmp_path, CFLAGS="-O0")  # quicker to compile
    if PLAIN in wheel.name:
        assert os.environ.get("RELARK_KERNEL") != "compiled", printed
        pytest.skip("there is no C compiler here")
    assert f"cp{sys.version_info[0]}{sys.version_info[1]}" in wheel.name
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert extensions(names_in(wheel)) == {f"relark/_kernel{suffix}"}
    assert {"relark/kernel.py", "relark/lark_files/json.lark"} <= names_in(wheel)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "there")
    code = "import relark; from relark import kernel; print(relark.__file__); print(kernel.compiled.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "RELARK_KERNEL": "", "PYTHONPATH": str(tmp_path / "there")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(line.startswith(str(tmp_path / "there")) for line in done.stdout.splitlines()), done.stdout
    assert "without" not in printed


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is not chosen by CC there")
def test_without_a_compiler_the_wheel_is_for_all_platforms(checkout: Path, tmp_path: Path) -> None:
    wheel, printed = build(checkout, tmp_path, CC="false")
    assert wheel.name.endswith(f"-{PLAIN}.whl")
    assert not extensions(names_in(wheel))
    [note] = [line for line in printed.splitlines() if line.startswith("relark: without the compiled extension")]
    assert "no C compiler, or it failed" in note


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is not chosen by CC there")
def test_where_it_is_wanted_a_failure_is_an_error(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        build(checkout, tmp_path, CC="no-such-compiler", RELARK_KERNEL="compiled")
    assert "RELARK_KERNEL is compiled, but" in caught.value.output
    assert not list(tmp_path.iterdir())


def test_where_it_is_not_wanted_nothing_is_compiled(checkout: Path, tmp_path: Path) -> None:
    wheel, printed = build(checkout, tmp_path, RELARK_KERNEL="numpy")
    assert wheel.name.endswith(f"-{PLAIN}.whl")
    assert not extensions(names_in(wheel))
    assert "RELARK_KERNEL is numpy" in printed


def test_the_source_distribution_has_what_a_build_needs(checkout: Path, tmp_path: Path) -> None:
    archive, _ = build(checkout, tmp_path, "sdist")
    shutil.unpack_archive(archive, tmp_path / "unpacked")
    [folder] = (tmp_path / "unpacked").iterdir()
    assert {path.name for path in (folder / "src" / "relark").glob("_kernel*")} == {"_kernel.pyx"}
    assert (folder / ".ci" / "build_kernel.py").is_file()
    assert (folder / "grammars" / "json.lark").is_file()
