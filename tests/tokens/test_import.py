"""What ``import relark`` loads, and how long that takes."""

from __future__ import annotations

import statistics
import subprocess
import sys

# Needed by a single front-end, by a model, by the command line, or where a file is read: not before that is used.
NOT_NEEDED = {
    "asyncio",
    "gguf",
    "http",
    "idna",
    "jinja2",
    "jsonschema",
    "jsonschema_specifications",
    "lark",
    "multiprocessing",
    "platformdirs",
    "pydantic",
    "pydantic_core",
    "referencing",
    "rich",
    "safetensors",
    "sentencepiece",
    "tiktoken",
    "tokenizers",
    "torch",
    "transformers",
    "typer",
    "unittest",
}


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_loads_only_what_every_use_needs() -> None:
    loaded = python("import sys, relark; print(*{name.split('.')[0] for name in sys.modules})").split()
    assert {"relark", "numpy"} <= set(loaded)
    assert sorted(NOT_NEEDED & set(loaded)) == []


def test_takes_less_than_three_tenths_of_a_second() -> None:
    code = "import time; began = time.process_time(); import relark; print(time.process_time() - began)"
    assert statistics.median(float(python(code)) for _ in range(5)) < 0.3
