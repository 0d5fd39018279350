"""Ready grammars: each an attribute, as the `lark.Lark` object that relark's constraints and your parsing share.

    relark.generate(prompt, grammar=relark.grammars.json)
    relark.grammars.json.parse(text)

>>> from relark import grammars
>>> grammars.names()  # doctest: +ELLIPSIS
('arithmetic', 'cron', 'csv', ..., 'xml')
>>> grammars.arithmetic.parse("2 * pi").pretty()
'mul\\n  number\\t2\\n  constant\\tpi\\n'

The grammars are ``.lark`` files, which say at their top what standard they follow and what they leave out.  One of your
own can take rules from them:

>>> import lark
>>> text = '''
... start: "answer = " json_value
... %import json.value -> json_value
... %import json.WS
... %ignore WS
... '''
>>> mine = lark.Lark(text, parser="lalr", import_paths=[grammars.folder()])
>>> mine.parse("answer = [1, 2]").children[0].data
'json__array'

Cost: a grammar is read when it is first asked for, in some 10 to 100 ms, and kept.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from re import ASCII
from typing import Any, Final

from lark import Lark
from lark.indenter import PythonIndenter

arithmetic: Lark
cron: Lark
csv: Lark
email: Lark
graphql: Lark
iso8601: Lark
json: Lark
markdown_table: Lark
pgn: Lark
python: Lark
regex: Lark
sexpr: Lark
smiles: Lark
sql: Lark
toml: Lark
url: Lark
xml: Lark

# How Lark is to read each file.  "basic" where a keyword is reserved in all places.
_LALR: Final = {"parser": "lalr", "lexer": "contextual"}
_LALR_BASIC: Final = {"parser": "lalr", "lexer": "basic"}
_ASCII: Final = {"g_regex_flags": ASCII}  # in words of any case s is not the long s, nor k the Kelvin sign
_EARLEY: Final = {"parser": "earley", "lexer": "dynamic"}
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "arithmetic": _LALR,
    "cron": {**_LALR, **_ASCII},
    "csv": _LALR,
    "email": _LALR,
    "graphql": _LALR_BASIC,
    "iso8601": _EARLEY,
    "json": _LALR,
    "markdown_table": _LALR,
    "pgn": _LALR,
    "python": _LALR_BASIC,
    "regex": _LALR,
    "sexpr": _LALR,
    "smiles": _LALR,
    "sql": {**_LALR_BASIC, **_ASCII},
    "toml": _LALR,
    "url": _EARLEY,
    "xml": _LALR,
}


def names() -> tuple[str, ...]:
    """The names of all grammars, in order."""
    return tuple(_OPTIONS)


def folder() -> Path:
    """Where the ``.lark`` files are: for ``lark.Lark(..., import_paths=[relark.grammars.folder()])``."""
    here = Path(__file__).resolve()
    installed = here.with_name("lark_files")
    return installed if installed.is_dir() else here.parents[2] / "grammars"  # a checkout


def path(name: str) -> Path:
    """The file of a grammar. Raises `AttributeError` if there is none of that name."""
    if name not in _OPTIONS:
        raise AttributeError(f"there is no grammar {name!r}; there are {', '.join(_OPTIONS)}")
    return folder() / f"{name}.lark"


def options(name: str) -> dict[str, Any]:
    """The options that a grammar is read with, as ``lark.Lark`` takes them. Raises `AttributeError` as `path` does."""
    path(name)
    return {**_OPTIONS[name], **({"postlex": PythonIndenter()} if name == "python" else {})}


@cache
def _read(name: str) -> Lark:
    return Lark.open(str(path(name)), **options(name))


def __getattr__(name: str) -> Lark:
    if name not in _OPTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _read(name)


def __dir__() -> list[str]:
    return [*_OPTIONS, "folder", "names", "options", "path"]
