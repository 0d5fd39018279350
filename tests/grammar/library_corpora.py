"""The texts that the ready grammars accept and reject.

A corpus is two files, ``grammars/corpora/NAME/accept.txt`` and ``reject.txt``.  Where a file begins with ``=== ``, a
text is what stands between such lines, whose rest is its title; else each line is a text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

CORPORA = Path(__file__).resolve().parents[2] / "grammars" / "corpora"


def texts(name: str, kind: Literal["accept", "reject"]) -> list[str]:
    # in binary: a text may hold a carriage return
    whole = (CORPORA / name / f"{kind}.txt").read_bytes().decode().removesuffix("\n")
    if not whole.startswith("=== "):
        return whole.split("\n")
    return [block.partition("\n")[2] for block in f"\n{whole}".split("\n=== ")[1:]]
