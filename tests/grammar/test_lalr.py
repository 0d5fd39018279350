"""LALR grammars judged by Lark: all short texts of small grammars with both lexers, what is live, what completes it."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from lark import Lark
from lark.exceptions import LarkError
from oracle import state_after, texts_up_to

import relark
from relark.errors import GrammarError, UnsatisfiableError, UnsupportedError
from relark.frontends.lark import lalr
from relark.frontends.lark.lexers import scanners
from relark.frontends.lark.loading import load
from relark.frontends.lark.parse_table import Table
from relark.frontends.lark.scanning import Scanning
from relark.language import Term, completion, is_empty, shortest
from relark.language.terms import CHECK, EMPTY, LAZY
from timing import timed

GRAMMARS: dict[str, tuple[str, str, int]] = {  # grammar, characters, the longest text
    "brackets": ('start: "(" start ")" start |', "()", 8),
    "list": ('start: "[" [item ("," item)*] "]"\n?item: start | "1"', "[1,]", 6),
    "dangling else": (
        'start: "i" start ["e" start] | "x"',  # a conflict: Lark shifts the "e"
        "iex",
        8,
    ),
    "conflict that loses texts": ('start: a "b" | a "c"\na: "x" | "x" "b"', "xbc", 6),
    "shifted into nothing": ('start: "a"* "a" "b"', "ab", 8),
    "nullable chain": ('start: a b c "z"\na: "a" |\nb: "b"? a\nc: ["c"]', "abcz", 6),
    "left recursion": ('start: start "+" t | t\nt: t "*" f | f\nf: "1" | "(" start ")"', "+*1()", 5),
    "mutual left recursion": ('start: b "1" | "0"\nb: start "2" | "3"', "0123", 6),
    "keyword or name": ('start: "if" NAME | NAME "=" NAME\nNAME: /[a-z]+/\n%ignore " "', "if= ", 6),
    "keyword regardless of case": ('start: ("if"i | NAME)+\nNAME: /[a-z]+/\n%ignore " "', "ifIF ", 5),
    "keyword before longer name": ('start: IF NAME | NAME\nIF.2: "if"\nNAME: /[a-z]+/', "ifx", 6),
    "names in a row": ('start: NAME+\nNAME: /[ab]+/\n%ignore " "', "ab ", 6),
    "names without separators": ('start: NAME NAME "!" | "(" NAME ")" "!"\nNAME: /[ab]+/', "ab()!", 5),
    "range or number": (
        'start: (NUMBER | RANGE | ".")+\nNUMBER: /[0-9]+(\\.[0-9]+)?/\nRANGE: ".."',
        "1.",
        7,
    ),
    "longest first": ('start: (A | B | C)+\nA: "a"\nB: "aab"\nC: "b"', "ab", 7),
    "priority over length": ('start: (A | B)+\nA.2: "a"\nB: /a+b/', "ab", 7),
    "dependent on context": ('start: "x" A | "y" B\nA: /a+/\nB: /[ab]+/', "xyab", 5),
    "ignored at the edges": ('start: "a" ("," "a")*\n%ignore /[ \\n]+/\n%ignore /#[^\\n]*/', "a, #\n", 5),
    "ignored only": ('start: "a"*\n%ignore " "', "a ", 6),
    "ignored keyword": ('start: N ("," N)*\nN: /[a-z]+/\n%ignore "the"\n%ignore " "', "the,", 5),
    "ignored terminal that rules use": ('start: "a" SPACE "b" | "a" "b" "c"\nSPACE: " "\n%ignore SPACE', "abc ", 5),
    "ignored before a name": ('start: A B\nA: "a"\nB: /[ab]/\n%ignore /b+/', "ab", 6),
    "empty text": ("start: ", "a", 2),
    "lazy string": ('start: S ("+" S)*\nS: /"(?:[^"\\\\]|\\\\.)*?"/', '"\\+a', 5),
    "lookahead": ("start: (A | B)+\nA: /a(?=b)/\nB: /[ab]c?/", "abc", 6),
    "word boundary": ('start: (W | D)+\nW: /\\b[ab]+\\b/\nD: "-"', "ab-", 6),
    "two starts of one rule": ('start: x "1" | "(" x ")"\nx: "a"', "a1()", 4),
    "repeats": ('start: "a"~2..3 "b"?', "ab", 6),
    "templates": ('start: sep{"a", ","}\nsep{x, s}: x (s x)*', "a,", 6),
}
LEXERS = ("contextual", "basic")


@cache
def made(grammar: str, lexer: str, **options: Any) -> tuple[Lark, Term]:
    loaded = load(grammar, parser="lalr", lexer=lexer, **options)
    scanning = Scanning(loaded.terminals, flags=loaded.flags, module=loaded.module)
    return loaded.lark, lalr.lower(loaded, scanning)


def accepts(lark: Lark, text: str) -> bool:
    try:
        lark.parse(text)
    except LarkError:
        return False
    return True


@pytest.mark.parametrize("lexer", LEXERS)
@pytest.mark.parametrize("name", GRAMMARS)
def test_short_texts(name: str, lexer: str) -> None:
    """Acceptance; a prefix is live where a text that Lark accepts begins so; its completion is one, and a shortest."""
    grammar, characters, longest = GRAMMARS[name]
    lark, term = made(grammar, lexer)
    accepted = {text for text in texts_up_to(characters, longest) if accepts(lark, text)}
    states = {text: state_after(term, text) for text in texts_up_to(characters, longest)}
    for text, reached in states.items():
        assert reached.nullable == (text in accepted), text
    completions: dict[Term, str | None] = {}
    for text, reached in states.items():
        if reached not in completions:
            rest = None if is_empty(reached) else shortest(reached)
            assert rest is not None or is_empty(reached), text
            completions[reached] = None if rest is None else rest.decode()
            if rest is not None:
                assert accepts(lark, text + rest.decode()), (text, rest)
        known = completions[reached]
        longer = [len(other) - len(text) for other in accepted if other.startswith(text)]
        if longer:
            assert known is not None, text
            assert len(known) <= min(longer), (text, known)


@pytest.mark.parametrize("lexer", LEXERS)
def test_walks_never_end_dead(lexer: str) -> None:
    rng = random.Random(7)
    for name in GRAMMARS:
        grammar, characters, _ = GRAMMARS[name]
        lark, term = made(grammar, lexer)
        for _ in range(0 if term is EMPTY else 15):
            text, reached = "", term
            for _ in range(rng.randrange(25)):
                live = [c for c in characters if not is_empty(state_after(reached, c))]
                if not live:
                    break
                character = rng.choice(live)
                text, reached = text + character, state_after(reached, character)
            rest = shortest(reached)
            assert rest is not None, (name, text)
            assert accepts(lark, text + rest.decode()), (name, text, rest)


def test_no_search_runs_out() -> None:
    before = completion.unfinished_searches
    for grammar, _, _ in GRAMMARS.values():
        for lexer in LEXERS:
            made(grammar, lexer)
    assert completion.unfinished_searches == before


def test_starts() -> None:
    grammar = 'one: "1" two?\ntwo: "2" one?'
    for start, right, wrong in (("one", "121", "2"), ("two", "212", "1")):
        loaded = load(grammar, parser="lalr", start=start)
        term = lalr.lower(loaded, Scanning(loaded.terminals, flags=loaded.flags, module=loaded.module))
        assert state_after(term, right).nullable
        assert state_after(term, wrong) is EMPTY
    both = Lark(grammar, parser="lalr", start=["one", "two"])
    constraint = relark.grammar(both, start="two")
    assert constraint.fullmatch("21")
    assert not constraint.fullmatch("12")


def test_debug_and_cached_tables(tmp_path: Any) -> None:
    grammar = 'start: "a" start "b" | "c"'
    for lark in (
        Lark(grammar, parser="lalr", debug=True),
        *(Lark(grammar, parser="lalr", cache=str(tmp_path / "table")) for _ in range(2)),
    ):
        constraint = relark.grammar(lark)
        assert constraint.fullmatch("aacbb")
        assert not constraint.fullmatch("aacb")


def test_terms_are_plain() -> None:
    for lexer in LEXERS:
        for grammar, characters, _ in GRAMMARS.values():
            term = made(grammar, lexer)[1]
            for text in texts_up_to(characters, 2):
                assert not state_after(term, text).flags & (CHECK | LAZY)


def test_no_text() -> None:
    for grammar in ('start: "a" start', 'start: A B\nA: /a+/\nB: "a"'):
        with pytest.raises(UnsatisfiableError):
            relark.grammar(grammar, parser="lalr")


def test_deep_nesting() -> None:
    _, term = made('start: "(" start ")" | "[" start "]" |', "contextual")
    with timed() as watch:
        reached = state_after(term, "([" * 500)
        assert shortest(reached) == b"])" * 500
        assert state_after(reached, "])" * 500).nullable
        assert is_empty(state_after(reached, ")"))
    assert watch.seconds < 5


def test_a_table_that_goes_round_in_circles() -> None:
    """Lark never comes back from a text that makes it reduce for ever, so nothing may lead there."""
    grammar = 'start: e start "b" |\ne.2:'
    _, term = made(grammar, "contextual")
    assert is_empty(state_after(term, "b"))


def test_scanners() -> None:
    grammar = 'start: "if" NAME | "(" NAME\nNAME: /[a-z]+/\n%ignore " "'
    (basic,) = scanners(load(grammar, parser="lalr", lexer="basic"))
    assert basic.keywords == (("NAME", ("IF",)),)
    assert len(list(scanners(load(grammar, parser="lalr", lexer="contextual")))) == 3


def test_ignored_word_of_a_name_is_refused_where_it_cannot_be_told() -> None:
    with pytest.raises(UnsupportedError, match="ignored where it matches itself"):
        relark.grammar('start: N+\nN: /[a-z]+/\n%ignore "the"i', parser="lalr")


def test_terminals_that_do_not_compile_together() -> None:
    with pytest.raises(GrammarError, match="do not compile as one regex"):
        relark.grammar("start: A B\nA: /(?P<x>a)/\nB: /(?P<x>b)/", parser="lalr", lexer="basic")


def test_equal_stacks_are_one() -> None:
    table = Table(load('start: "(" start ")" |', parser="lalr"))
    once, again = (
        table.feed(first, "LPAR")
        for first in (table.feed(table.initial, "LPAR"), table.feed(table.initial, "LPAR"))
        if first
    )
    assert once is again is not None
    assert table.feed(table.initial, "RPAR") is None
    assert table.accepts_end(table.initial)
    assert not table.accepts_end(once)


def test_stacks_are_forgotten() -> None:
    loaded = load('start: "(" start ")" | "[" start "]" |', parser="lalr")
    term = lalr.lower(loaded, Scanning(loaded.terminals, flags=loaded.flags, module=loaded.module))
    rng = random.Random(3)
    relark.set_cache_limit(1 << 20)
    try:
        sizes = []
        for _ in range(6):
            for _ in range(40):
                state_after(term, "".join(rng.choice("([") for _ in range(30)))
            sizes.append(relark.language.terms.interned_count())
        assert sizes[-1] < 3 * sizes[0] + 20_000
    finally:
        relark.set_cache_limit(relark.caches.DEFAULT_LIMIT)
