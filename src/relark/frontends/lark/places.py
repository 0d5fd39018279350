"""Where the text of a Lark grammar defines and uses its names, for error messages and reports.

Lark's compiled rules do not say where they were written.  This finds names in the text by the lexical rules of Lark's
grammar language, without parsing it; for a name that another file defines there is no place.
"""

from __future__ import annotations

import re

__all__ = ["definition", "first_declared", "first_use", "import_of", "line_and_column", "literal", "written"]

_NOT_NAMES = re.compile(r'//[^\n]*|#[^\n]*|"(?:\\"|\\\\|[^"\n])*?"i?|/(?!/)(?:\\/|\\\\|[^/])*?/[imslux]*')
_GENERATED = re.compile(r"__(?P<rule>.+)_(?:plus|star|repeat_a\d+_b\d+(?:_opt)?)_\d+")


def definition(source: str, name: str, occurrence: int = 0) -> int | None:
    """The offset at which ``source`` defines the rule or terminal ``name``; None if it does not.

    ``occurrence``: of several definitions the one with this index.  The rules that Lark makes out of ``x*`` and
    ``x{a, b}`` are where they were asked for.
    """
    name = written(name)
    start = r"^[ \t]*(?:%(?:override|extend)[ \t]+)?[?!]*"
    found = list(re.finditer(rf"{start}(?P<name>{re.escape(name)})(?![\w])[^:\n]*:", _names(source), re.MULTILINE))
    return found[occurrence].start("name") if len(found) > occurrence else None


def written(name: str) -> str:
    """The name in the grammar that the compiled rule ``name`` came from."""
    while generated := _GENERATED.fullmatch(name):
        name = generated["rule"]
    return name.partition("{")[0]


def first_use(source: str, name: str) -> int | None:
    """The offset of the first ``name`` in ``source``, outside of strings and comments."""
    found = re.search(rf"(?<![\w%]){re.escape(name)}(?!\w)", _names(source))
    return found.start() if found else None


def first_declared(source: str) -> tuple[str, int] | None:
    """The first name after a ``%declare`` that is nowhere defined, and its offset."""
    for line in re.finditer(r"^[ \t]*%declare\b(.*)", _names(source), re.MULTILINE):
        for name in re.finditer(r"\w+", line[1]):
            if definition(source, name[0]) is None:
                return name[0], line.start(1) + name.start()
    return None


def literal(source: str, written: str) -> int | None:
    """The offset of the first string or regex ``written``, quotes and flags included."""
    return next((found.start() for found in _NOT_NAMES.finditer(source) if found[0] == written), None)


def import_of(source: str, dotted: str) -> int | None:
    """The offset of the ``%import`` of the grammar ``dotted`` (such as ``common`` or ``folder.grammar``)."""
    found = re.search(rf"^[ \t]*%import[ \t]+\.?(?P<name>{re.escape(dotted)})(?!\w)", _names(source), re.MULTILINE)
    return found.start("name") if found else None


def line_and_column(source: str, position: int) -> tuple[int, int]:
    """The place of the offset ``position``, counted from 1."""
    return source.count("\n", 0, position) + 1, position - source.rfind("\n", 0, position)


def _names(source: str) -> str:
    """``source`` with blanks for strings, regexes and comments."""
    return _NOT_NAMES.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)
