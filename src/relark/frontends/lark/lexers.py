"""Lark's lexers as scanners: what one of them tries at a place in the text, in which order.

Lark sorts terminals by priority and width, takes the first that matches, and then turns a word of a regex terminal
into the keyword that it spells, if there is one.  All that is read off the lexer objects; so Lark's own errors come up
here, and not when a text first gets to a scanner.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Mapping

import regex as regex_module
from lark.exceptions import LarkError
from lark.lexer import BasicLexer, CallChain, ContextualLexer, UnlessCallback
from lark.parser_frontends import PostLexConnector

from relark.errors import GrammarError, UnsupportedError
from relark.frontends.lark.grammar import Grammar
from relark.frontends.lark.scanning import Scanner

__all__ = ["basic_scanner", "contextual_scanners", "is_ignored", "scanners"]


def scanners(grammar: Grammar) -> Iterable[Scanner]:
    """Every scanner of a grammar with one of the lexers "basic" and "contextual", each once.

    Raises `GrammarError` where terminals do not compile as one regex.
    """
    if grammar.lexer == "basic":
        return [basic_scanner(grammar)]
    return list(dict.fromkeys(contextual_scanners(grammar).values()))


def basic_scanner(grammar: Grammar) -> Scanner:
    """The one scanner of a grammar with ``lexer="basic"``; raises as `scanners`."""
    lexer = _lexer(grammar)
    assert isinstance(lexer, BasicLexer)
    return _scanner(lexer, grammar.ignored)


def contextual_scanners(grammar: Grammar) -> Mapping[Hashable, Scanner]:
    """The scanner of each state of the parse table, by Lark's name for the state; raises as `scanners`."""
    lexer = _lexer(grammar)
    assert isinstance(lexer, ContextualLexer)
    made: dict[int, Scanner] = {}  # states that expect the same terminals share a lexer
    found: dict[Hashable, Scanner] = {}
    for state, one in lexer.lexers.items():
        if id(one) not in made:
            assert isinstance(one, BasicLexer)
            made[id(one)] = _scanner(one, grammar.ignored)
        found[state] = made[id(one)]
    return found


def is_ignored(scanner: Scanner, label: str, ignored: Collection[str]) -> bool:
    """Whether a match of ``scanner`` with ``label`` is left out.

    What has matched decides, not the keyword that its word turns into.  Raises `UnsupportedError` for a terminal that
    is met in both ways.
    """
    if label not in ignored or label not in scanner.order:
        return False
    for origin, names in scanner.keywords:
        if label in names:
            raise UnsupportedError(
                f"terminal {label}: ignored where it matches itself, but not as a word of {origin}; give one of them "
                "other flags or another priority"
            )
    return True


def _lexer(grammar: Grammar) -> BasicLexer | ContextualLexer:
    """The lexer, without the post-lexer that may be around it."""
    lexer = grammar.lark.parser.lexer
    found: BasicLexer | ContextualLexer = lexer.lexer if isinstance(lexer, PostLexConnector) else lexer
    return found


def _scanner(lexer: BasicLexer, ignored: Collection[str]) -> Scanner:
    try:
        order = tuple(terminal.name for terminal in lexer.scanner.terminals)
    except (re.error, regex_module.error, LarkError, AssertionError) as error:
        names = ", ".join(terminal.name for terminal in lexer.terminals)
        raise GrammarError(f"the terminals {names} do not compile as one regex: {error}") from error
    keywords = []
    for label in order:
        callback = lexer.callback.get(label)
        if isinstance(callback, CallChain):
            callback = callback.callback1
        if isinstance(callback, UnlessCallback) and label not in ignored:
            keywords.append((label, tuple(terminal.name for terminal in callback.scanner.terminals)))
    return Scanner(order, tuple(keywords))
