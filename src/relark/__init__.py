"""relark: a local language model writes only what a regex, a schema, a Lark grammar or a combination of them allows.

    import relark
    relark.generate("What is 3 + 4? ", regex=r"\\d+")

The names of this module are the public surface; each has one home, named in ``docs/architecture.md``.  Importing
relark does not import torch or transformers; the first call that needs a model does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from relark import errors
from relark.caches import cache_info, clear_caches, set_cache_limit
from relark.constraint import Constraint, choices, grammar, regex, schema, text
from relark.errors import (
    ArgumentError,
    BudgetError,
    DeadEndError,
    GrammarError,
    ModelError,
    PatternError,
    RelarkError,
    SchemaError,
    TokenizerError,
    TokenNotAllowed,
    UnsatisfiableError,
    UnsupportedError,
)
from relark.matcher import Matcher, fill_masks
from relark.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from relark import grammars, parserllm, rellm
    from relark.decoding.events import Event
    from relark.decoding.generate import Generator, Result, generate
    from relark.decoding.processor import LogitsProcessor
    from relark.decoding.stream import stream, stream_objects
    from relark.report import explain

__version__ = "0.1.0"

_LAZY = {
    "Event": "relark.decoding.events",
    "Generator": "relark.decoding.generate",
    "LogitsProcessor": "relark.decoding.processor",
    "Result": "relark.decoding.generate",
    "explain": "relark.report",
    "generate": "relark.decoding.generate",
    "stream": "relark.decoding.stream",
    "stream_objects": "relark.decoding.stream",
}

__all__ = [
    "ArgumentError",
    "BudgetError",
    "Constraint",
    "DeadEndError",
    "Event",
    "Generator",
    "GrammarError",
    "LogitsProcessor",
    "Matcher",
    "ModelError",
    "PatternError",
    "RelarkError",
    "Result",
    "SchemaError",
    "TokenNotAllowed",
    "TokenizerError",
    "UnsatisfiableError",
    "UnsupportedError",
    "Vocabulary",
    "__version__",
    "cache_info",
    "choices",
    "clear_caches",
    "errors",
    "explain",
    "fill_masks",
    "generate",
    "grammar",
    "grammars",
    "parserllm",
    "regex",
    "rellm",
    "schema",
    "set_cache_limit",
    "stream",
    "stream_objects",
    "text",
]


def __getattr__(name: str) -> Any:
    if name in ("grammars", "parserllm", "rellm"):
        return importlib.import_module(f"relark.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'relark' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
