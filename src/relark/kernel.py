"""Which code walks the byte trie: the compiled extension ``relark._kernel``, or NumPy.

The extension is optional: where it was not built, or is another version's, or the environment variable
``RELARK_KERNEL`` is ``numpy``, the same masks are found with arrays, some five times slower.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

VERSION = 1  # of what `compiled` offers; an extension of another version is not used

__all__ = ["compiled", "name"]


def _load() -> Any:
    if os.environ.get("RELARK_KERNEL", "").lower() == "numpy":
        return None
    try:
        extension = importlib.import_module("relark._kernel")
    except ImportError:
        return None
    return extension if getattr(extension, "VERSION", None) == VERSION else None


compiled: Any = _load()


def name() -> str:
    """What is in use, for people."""
    return "NumPy" if compiled is None else "compiled (Cython)"
