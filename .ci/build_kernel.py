"""The build hook named in pyproject.toml: compiles ``src/relark/_kernel.pyx`` where there is a C compiler.

Where there is none, or it fails, the package is complete all the same: NumPy does what the extension would have done
(see `relark.kernel`).  The environment variable ``RELARK_KERNEL`` decides otherwise: with ``numpy`` nothing is
compiled; with ``compiled`` a failure is an error, as it has to be for wheels that are published.

A wheel with the extension is tagged for its platform and version of Python, one without it ``py3-none-any``.  For an
editable installation the extension is put beside its source.  Generated C never leaves a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("src", "relark", "_kernel.pyx")
NOTE = "relark: without the compiled extension (NumPy does its work, some five times slower): "


class CompileKernel(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        wanted = os.environ.get("RELARK_KERNEL", "").lower()
        if wanted == "numpy":
            self.app.display_warning(NOTE + "RELARK_KERNEL is numpy")
            return
        self._folder = TemporaryDirectory(prefix="relark-")  # a wheel takes the extension from there after this returns
        source = Path(self.root) / SOURCE
        try:
            extension = compiled(source, Path(self._folder.name))
        except subprocess.CalledProcessError as error:
            if wanted == "compiled":
                raise RuntimeError(f"RELARK_KERNEL is compiled, but:\n{error.output}") from None
            last = (error.output.strip() or "no output").splitlines()[-1]
            self.app.display_warning(f"{NOTE}no C compiler, or it failed ({shorten(last, 200)})")
            return
        if version == "editable":
            new = shutil.copy(extension, source.with_suffix(".new"))
            os.replace(new, source.with_name(extension.name))  # in one step: some process may be running the old one
        else:
            build_data["force_include"][str(extension)] = f"relark/{extension.name}"
            build_data["pure_python"] = False
            build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def compiled(source: Path, folder: Path) -> Path:
    """The extension of ``source``, built in ``folder``; CalledProcessError with what was printed if that fails."""
    package = folder / source.parent.name
    package.mkdir()
    (package / "__init__.py").touch()  # so that Cython knows the extension's full name
    copy = shutil.copy(source, package)
    subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "--inplace", "-3", str(copy)],
        check=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    [extension] = [path for path in package.iterdir() if path.suffix in (".so", ".pyd")]
    return extension
