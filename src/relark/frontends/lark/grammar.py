"""A Lark grammar as relark reads it: rules over symbols, terminals as regexes, and how texts are cut into them.

What `loading` takes out of a `lark.Lark` object, and all that the other modules here need.  The object itself stays
at hand for its parse table and for its `parse`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from lark import Lark

__all__ = ["Grammar", "Lexing", "Parsing", "Rule", "Symbol", "Terminal"]

Parsing: TypeAlias = Literal["earley", "lalr"]
Lexing: TypeAlias = Literal["dynamic", "dynamic_complete", "basic", "contextual"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A rule or a terminal, by name; no name is both."""

    name: str
    is_terminal: bool

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Rule:
    """One alternative of the rule ``origin``; ``expansion`` may be empty."""

    origin: str
    expansion: tuple[Symbol, ...]

    def __repr__(self) -> str:
        return f"{self.origin}: {' '.join(map(repr, self.expansion))}".rstrip()


@dataclass(frozen=True, slots=True)
class Terminal:
    """``source``: the regex as Lark compiles it, the terminal's own flags inside as ``(?i:...)``."""

    name: str
    source: str


@dataclass(frozen=True, eq=False)
class Grammar:
    """A grammar with one start symbol.

    ``lark``        what judges: `Lark.parse` accepts exactly the texts
    ``rules``       those of the Lark object, in its order; some may be unreachable from ``start`` or unproductive
    ``terminals``   all that have a regex, ignored ones included, in Lark's order; a terminal that a rule names and
                    that is not here comes from the post-lexer
    ``ignored``     names of terminals that may stand between any two matches
    ``flags``       of ``module``, for all terminals (``g_regex_flags``)
    ``module``      whose matcher cuts the text
    """

    lark: Lark
    start: str
    parser: Parsing
    lexer: Lexing
    rules: tuple[Rule, ...]
    terminals: tuple[Terminal, ...]
    ignored: tuple[str, ...]
    flags: int
    module: Literal["re", "regex"]
