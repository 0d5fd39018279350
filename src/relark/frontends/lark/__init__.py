"""Lark grammars as terms: the texts that ``Lark(grammar, **options).parse`` accepts, exactly.

`compile_grammar` is the way in.  `loading` has Lark's own loader read the grammar, `scanning` says how texts are cut
into terminals, `earley` and `lalr` which sequences of them the grammar accepts.  What is not visited by a text is
never looked into.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import regex
from lark import Lark
from lark.exceptions import UnexpectedInput

from relark.caches import Cache
from relark.errors import UnsatisfiableError, UnsupportedError
from relark.frontends.lark import earley, lalr
from relark.frontends.lark.grammar import Grammar
from relark.frontends.lark.loading import load, text_of
from relark.frontends.lark.places import definition, line_and_column, written
from relark.frontends.lark.rules import productive, reachable
from relark.frontends.lark.scanning import Scanning
from relark.language import Term, is_empty

__all__ = ["CompiledGrammar", "compile_grammar", "lower", "parsing_stumbles"]


@dataclass(frozen=True, eq=False)
class CompiledGrammar:
    """A grammar as a language: ``term``, its texts."""

    term: Term
    grammar: Grammar
    _parsing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def parse(self, text: str) -> Any:
        """What Lark makes of ``text``: a tree, or the result of the transformer that the Lark object has.

        Where Lark stumbles over its own bookkeeping (`parsing_stumbles`): of the text without what is ignored at its
        end.
        """
        lark, start = self.grammar.lark, self.grammar.start
        with self._parsing:  # a post-lexer is one object with a state
            try:
                return lark.parse(text, start)
            except RuntimeError as error:
                if STUMBLE not in str(error):
                    raise
                for end in _ends_before_ignored(self.grammar, text):
                    with contextlib.suppress(RuntimeError, UnexpectedInput):
                        return lark.parse(text[:end], start)
                raise


def compile_grammar(
    grammar: str | os.PathLike[str] | Lark,
    *,
    start: str | None = None,
    terminals: Mapping[str, str] | None = None,
    **options: Any,
) -> CompiledGrammar:
    """The texts of ``grammar``; the arguments are those of `loading.load`.

    Raises `GrammarError` for what Lark refuses, `ArgumentError` for wrong options, `UnsupportedError` for what cannot
    be enforced exactly, `UnsatisfiableError` if there is no text.
    """
    key = _key(grammar, start, terminals, options)
    found = None if key is None else _compiled.get(key)
    if found is None:
        loaded = load(grammar, start=start, terminals=terminals, **options)
        found = CompiledGrammar(lower(loaded), loaded)
        if key is not None:
            _compiled.put(key, found)
    return found


def lower(grammar: Grammar) -> Term:
    """The texts that ``grammar.lark`` parses from ``grammar.start``.

    Raises `UnsupportedError` for a terminal that cannot be followed exactly, `UnsatisfiableError` if there is no text.
    """
    try:
        scanning = Scanning(grammar.terminals, flags=grammar.flags, module=grammar.module)
        term = lalr.lower(grammar, scanning) if grammar.parser == "lalr" else earley.lower(grammar, scanning)
    except UnsupportedError as error:
        place = _place(error, grammar)
        if place is None:
            raise
        raise UnsupportedError(f"{place}: {error.message}", source=error.source, position=error.position) from error
    if is_empty(term):
        raise UnsatisfiableError(f"no text matches the grammar from {grammar.start!r}: {_why_empty(grammar)}")
    return term


def _why_empty(grammar: Grammar) -> str:
    ending = productive(grammar.rules)
    for rule in grammar.rules:
        name = rule.origin
        needed = [inner for inner in grammar.rules if inner.origin == name]
        if name in reachable(grammar.rules, grammar.start) - ending and all(
            any(not symbol.is_terminal and name in reachable(grammar.rules, symbol.name) for symbol in one.expansion)
            for one in needed
        ):
            return f"rule {written(name)} never ends, because each way to write it needs it again"
    return "terminals that never match, or that take what should follow them, leave none (see relark.explain)"


def _place(error: UnsupportedError, grammar: Grammar) -> str | None:
    """File, line and column of the terminal that ``error`` names, where the grammar's text defines it."""
    named = re.search(r"\bterminals? (\w+)", error.message)
    source: str = getattr(grammar.lark, "source_grammar", "")  # a Lark that was loaded from a cache has none
    place = definition(source, named[1]) if named else None
    if place is None:
        return None
    path = grammar.lark.source_path
    line, column = line_and_column(source, place)
    return f"{'grammar' if path == '<string>' else path}:{line}:{column}"


STUMBLE = "Earley should not generate multiple start symbol items"  # Lark's RuntimeError


def parsing_stumbles(grammar: Grammar) -> bool:
    """Whether there may be texts that Lark recognises, but fails to build a tree of.

    With the dynamic lexers, Lark's Earley parser carries a finished start symbol over what is ignored behind it, and
    does not expect another alternative of the start symbol to end at the same place.
    """
    alternatives = sum(rule.origin == grammar.start for rule in grammar.rules)
    return grammar.lexer in ("dynamic", "dynamic_complete") and alternatives > 1 and bool(grammar.ignored)


def _ends_before_ignored(grammar: Grammar, text: str) -> Iterator[int]:
    """The offsets from which on ``text`` consists of ignored matches, the last first."""
    module: Any = re if grammar.module == "re" else regex
    patterns = [module.compile(one.source, grammar.flags) for one in grammar.terminals if one.name in grammar.ignored]
    ignored_from = {len(text)}
    for begin in range(len(text) - 1, -1, -1):
        found = (pattern.match(text, begin) for pattern in patterns)
        if any(one is not None and one.end() in ignored_from for one in found):
            ignored_from.add(begin)
            yield begin


# --- remembering ------------------------------------------------------------------------------------------------------


def _cost(key: tuple[Any, ...], compiled: CompiledGrammar) -> int:
    """Bytes, roughly: Lark's rules and tables."""
    return 100_000 + 4000 * len(compiled.grammar.rules)


_compiled: Cache[tuple[Any, ...], CompiledGrammar] = Cache("grammars", share=0.02, cost=_cost)


def _key(
    grammar: str | os.PathLike[str] | Lark,
    start: str | None,
    terminals: Mapping[str, str] | None,
    options: Mapping[str, Any],
) -> tuple[Any, ...] | None:
    """Equal for equal grammars; None where other files, or objects that may change, have a say."""
    if isinstance(grammar, Lark):
        return id(grammar), start  # the entry holds the object, so that no other can have this id meanwhile
    source = text_of(grammar)
    plain = all(isinstance(value, str | int | None) for value in options.values())
    if not plain or re.search(r"^\s*%import\s+\.", source, re.MULTILINE):
        return None
    return source, start, tuple(sorted((terminals or {}).items())), tuple(sorted(options.items()))
