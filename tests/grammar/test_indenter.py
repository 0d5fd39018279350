"""Block languages with Lark's `Indenter`, judged by Lark: levels, tabs, parentheses, comments, the end of the text."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import ClassVar

import pytest
from lark import Lark
from lark.exceptions import LarkError
from lark.indenter import Indenter, PythonIndenter
from lark.lexer import Token
from oracle import state_after, texts_up_to

import relark
from relark.errors import UnsupportedError
from relark.frontends.lark import blocks
from relark.frontends.lark.indenter import NewlineTokens, read_indenter
from relark.frontends.lark.loading import load
from relark.frontends.lark.scanning import Scanning
from relark.language import Completions, Term, byte_set, concat, is_empty, literal, one_of, repeat, shortest
from relark.language.terms import CHECK, FULL, LAZY, Concat
from timing import timed


class Blocks(Indenter):
    NL_type = "_NL"
    OPEN_PAREN_types: ClassVar = ["LPAR"]
    CLOSE_PAREN_types: ClassVar = ["RPAR"]
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 2


TREE = """
    start: _NL* node+
    node: NAME ":" _NL _INDENT node+ _DEDENT | NAME _NL
    NAME: "a"
    %declare _INDENT _DEDENT
"""
GRAMMARS: dict[str, tuple[str, str, int]] = {  # grammar, characters, the longest text
    "tree": (TREE + r"_NL: /(\r?\n[\t ]*)+/", "a:\n \t", 7),
    "last line without an end": (
        r"""
        start: _NL? stmt (_NL stmt)* _NL?
        stmt: "a" | "a" ":" _NL _INDENT stmt (_NL stmt)* _NL? _DEDENT
        _NL: /(\n[\t ]*)+/
        %declare _INDENT _DEDENT
        """,
        "a:\n ",
        8,
    ),
    "parentheses": (
        r"""
        start: (stmt _NL)+
        stmt: "a" | "(" stmt ")" | "a" ":" _NL _INDENT (stmt _NL)+ _DEDENT
        _NL: /(\n *)+/
        %declare _INDENT _DEDENT
        """,
        "a:(\n )",
        6,
    ),
    "a closing one too many": (
        r"""
        start: ("a" | "(" | ")" | _NL)+
        _NL: /\n */
        %declare _INDENT _DEDENT
        """,
        "a()\n ",
        5,
    ),
    "comments count": (
        TREE.replace("_INDENT node+ _DEDENT", "_INDENT node+ _DEDENT | COMMENT _NL")
        + 'COMMENT: "#"\n_NL: (/\\n[ ]*/ | /#[^\\n]*/)+\n%ignore " "',
        "a:\n #",
        6,
    ),
    "ends of lines without a newline": (
        r"""
        start: ("a" _NL)+
        _NL: /[;\n] */
        %declare _INDENT _DEDENT
        """,
        "a;\n ",
        6,
    ),
    "even levels only": (TREE + r"_NL: /(\n(  )*)+/", "a:\n ", 9),
    "at most two levels deep": (TREE + r"_NL: /\n {0,2}/", "a:\n ", 9),
    "conflicts": (
        r"""
        start: stmt+
        stmt: "a" _NL | "i" body ["e" body]
        body: stmt | _NL _INDENT stmt+ _DEDENT
        _NL: /(\n *)+/
        %declare _INDENT _DEDENT
        """,
        "aie\n ",
        7,
    ),
}
LEXERS = ("contextual", "basic")
PYTHON = r"""
    start: (_NL | stmt)*
    ?stmt: simple | "if" test ":" suite ("elif" test ":" suite)* ["else" ":" suite] | "while" test ":" suite
         | "def" NAME "(" [NAME ("," NAME)*] ")" ":" suite
    simple: small (";" small)* _NL
    ?small: NAME "=" test | test | "pass" | "return" [test]
    suite: simple | _NL _INDENT stmt+ _DEDENT
    ?test: sum (("<" | "==" | "in") sum)*
    ?sum: atom (("+" | "-") atom)*
    ?atom: NAME | NUMBER | STRING | "(" [test ("," test)*] ")" | "[" [test ("," test)*] "]" | atom "(" [test] ")"
    NAME: /[^\W\d]\w*/
    NUMBER: /\d+(\.\d+)?/
    STRING: /"[^"\n]*"/
    _NL: (/\r?\n[\t ]*/ | COMMENT)+
    COMMENT: /#[^\n]*/
    %ignore /[\t \f]+/
    %ignore COMMENT
    %declare _INDENT _DEDENT
"""


class Python(PythonIndenter):
    NL_type = "_NL"


@cache
def made(grammar: str, lexer: str) -> tuple[Lark, Term]:
    lark = Lark(grammar, parser="lalr", lexer=lexer, postlex=Python() if grammar is PYTHON else Blocks())
    return lark, relark.grammar(lark).term


def accepts(lark: Lark, text: str) -> bool:
    try:
        lark.parse(text)
    except (LarkError, AssertionError, IndexError):  # the last two: how `Indenter` says no
        return False
    return True


@pytest.mark.parametrize("lexer", LEXERS)
@pytest.mark.parametrize("name", GRAMMARS)
def test_short_texts(name: str, lexer: str) -> None:
    """Walked as far as texts are live; what is refused begins no text that Lark accepts."""
    grammar, characters, longest = GRAMMARS[name]
    lark, term = made(grammar, lexer)
    level = {"": term}
    completions: dict[Term, str] = {}
    for _ in range(longest):
        following = {}
        for text, reached in level.items():
            assert reached.nullable == accepts(lark, text), text
            if reached not in completions:
                rest = shortest(reached)
                assert rest is not None, text
                completions[reached] = rest.decode()
                assert accepts(lark, text + completions[reached]), (text, rest)
            for character in characters:
                after = state_after(reached, character)
                if not is_empty(after):
                    following[text + character] = after
                else:
                    for end in ("", "\n", "a", "a\n", "\n a", "a)\n", ")\na\n"):
                        assert not accepts(lark, text + character + end), text + character + end
        level = following


def shortest_by_hand(lark: Lark, prefix: str, characters: str, longest: int) -> int | None:
    return next((len(end) for end in texts_up_to(characters, longest) if accepts(lark, prefix + end)), None)


def test_shortest_completions() -> None:
    for name, prefix in (
        ("tree", "a:"),
        ("tree", "a:\n a:"),
        ("tree", "a:\n\ta\n"),
        ("last line without an end", "a:"),
        ("parentheses", "((a"),
        ("even levels only", "a:\n"),
    ):
        grammar, characters, _ = GRAMMARS[name]
        lark, term = made(grammar, "contextual")
        rest = shortest(state_after(term, prefix))
        assert rest is not None
        assert len(rest) == shortest_by_hand(lark, prefix, characters, 5)


def test_walks_in_a_python_subset() -> None:
    lark, term = made(PYTHON, "contextual")
    pieces = [
        "if",
        "x",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "\n\t",
        " ",
        "(",
        ")",
        "[",
        "]",
        "1",
        "else",
        "def f",
        "# a b",
        ",",
    ]
    rng = random.Random(5)
    for _ in range(40):
        text, reached = "", term
        for _ in range(rng.randrange(30)):
            piece = rng.choice(pieces)
            after = state_after(reached, piece)
            if not is_empty(after):
                text, reached = text + piece, after
        assert reached.nullable == accepts(lark, text), text
        rest = shortest(reached)
        assert rest is not None
        assert accepts(lark, text + rest.decode()), (text, rest)
        assert not reached.flags & (CHECK | LAZY)


def test_python_programs() -> None:
    _, term = made(PYTHON, "contextual")
    program = 'def f(a):\n    if a < 1:  # small\n\n        return (1,\n  2)\n    else: pass\n\n    x = f(a)\n"end"\n'
    assert state_after(term, program).nullable
    for wrong in ("if x:\npass\n", "if x:\n  y\n z\n", "x)\n", "def f(a):\n\t\tx\n        y\n"):
        assert not state_after(term, wrong).nullable, wrong
    assert is_empty(state_after(term, "if x:\n  y\n z"))
    assert state_after(term, "if x:\n        y\n\tz\n").nullable  # a tab is eight spaces


def test_many_levels() -> None:
    lark, term = made(TREE + r"_NL: /(\r?\n[\t ]*)+/", "contextual")
    text = "".join(f"{' ' * depth}a:\n" for depth in range(60))
    with timed() as watch:
        rest = shortest(state_after(term, text))
    assert rest is not None
    assert accepts(lark, text + rest.decode())
    assert watch.seconds < 5


# --- lines and blocks apart -------------------------------------------------------------------------------------------

LINES: dict[str, tuple[str, str, list[str]]] = {  # grammar, characters of short texts, pieces of long ones
    "statements": (
        r"""
        start: _NL? stmt+
        stmt: "a" _NL | "a" ":" _NL _INDENT stmt+ _DEDENT ["e" ":" _NL _INDENT stmt+ _DEDENT]
        _NL: /(\r?\n[\t ]*)+/
        %declare _INDENT _DEDENT
        """,
        "ae:\n \t",
        ["a", "e", ":", "a:", "\n", "\n ", "\n  ", "\n\t", "\r\n", "a\n", "a:\n  a\n"],
    ),
    "parentheses and comments": (
        r"""
        start: stmt+
        stmt: sum _NL | "if" sum ":" _NL _INDENT stmt+ _DEDENT
        sum: atom ("+" atom)*
        atom: NAME | LPAR [sum ("," sum)*] RPAR
        NAME: /[a-z]+/
        LPAR: "("
        RPAR: ")"
        _NL: /\n{1,2} */
        SPACES: /(?!\A) +/
        COMMENT: /#[^\n]*/
        %ignore SPACES
        %ignore COMMENT
        %declare _INDENT _DEDENT
        """,
        "a(\n) #",
        ["if a:", "a", "(", ")", "+", ",", "\n", "\n  ", "\n    ", "\n\n", " ", "# x", "(\n", " if", "ifa"],
    ),
    "words that end where they must": (
        r"""
        start: item+
        item: WORD _NL | WORD ":" _NL _INDENT item+ _DEDENT
        WORD: /[ab]{1,2}/
        _NL: /\n */
        %declare _INDENT _DEDENT
        """,
        "a:\n ",
        ["a", "ab", "b:", "\n", "\n ", "\n   ", ":"],
    ),
}


@cache
def apart(name: str) -> tuple[Lark, Term]:
    lark = Lark(LINES[name][0], parser="lalr", lexer="basic", postlex=Blocks())
    grammar = load(lark)
    scanning = Scanning(grammar.terminals, flags=grammar.flags, module=grammar.module)
    indentation = read_indenter(lark.options.postlex)
    assert indentation is not None
    term = blocks.lower(grammar, scanning, indentation)
    assert term is not None
    return lark, term


@pytest.mark.parametrize("name", LINES)
def test_short_texts_with_lines_apart(name: str) -> None:
    lark, term = apart(name)
    characters = LINES[name][1]
    level = {"": term}
    for _ in range(6):
        following = {}
        for text, reached in level.items():
            assert reached.nullable == accepts(lark, text), text
            rest = shortest(reached)
            assert rest is not None, text
            assert accepts(lark, text + rest.decode()), (text, rest)
            for character in characters:
                after = state_after(reached, character)
                if not is_empty(after):
                    following[text + character] = after
                else:
                    for end in ("", "\n", "a", "a\n", "\n a\n", ")\n", ":\n a\n"):
                        assert not accepts(lark, text + character + end), text + character + end
        level = following


@pytest.mark.parametrize("name", LINES)
def test_long_texts_with_lines_apart(name: str) -> None:
    """Texts with many levels, right and wrong, whether they end within a line or not."""
    lark, term = apart(name)
    rng = random.Random(7)
    accepted = 0
    for _ in range(150):
        text, reached = "", term
        for _ in range(rng.randrange(25)):
            piece = rng.choice(LINES[name][2])
            after = state_after(reached, piece)
            if is_empty(after):
                assert not accepts(lark, text + piece), text + piece
            else:
                text, reached = text + piece, after
        assert reached.nullable == accepts(lark, text), text
        accepted += reached.nullable
        rest = shortest(reached)
        assert rest is not None
        assert accepts(lark, text + rest.decode()), (text, rest)
    assert accepted > 5


def test_shortest_completions_with_lines_apart() -> None:
    for name, prefix, characters in (
        ("statements", "a:", "a:\n \t"),
        ("statements", "a:\n a:", "a:\n \t"),
        ("statements", "a:\n\ta\ne", "a:\n \t"),
        ("parentheses and comments", "if a", "a:\n )"),
        ("parentheses and comments", "if a:\n  a #", "a:\n )"),
        ("parentheses and comments", "((a", "a:\n )"),
        ("words that end where they must", "ab:\n ", "a:\n "),
    ):
        lark, term = apart(name)
        rest = shortest(state_after(term, prefix))
        assert rest is not None
        assert len(rest) == shortest_by_hand(lark, prefix, characters, 5), (prefix, rest)


def test_a_line_is_the_same_at_all_levels() -> None:
    """The state within a line is the rest of the line, and apart from it the place after it."""
    _, term = apart("parentheses and comments")
    lines = [state_after(term, text + "a + (") for text in ("", "if a:\n  ", "if a:\n  if b:\n    ")]
    heads = set()
    for reached in lines:
        spine, rest = [], reached
        while isinstance(rest, Concat):
            spine.append(rest.head)
            rest = rest.tail
        heads.add(tuple(spine))
    assert len(heads) == 1


@pytest.mark.parametrize(
    "grammar",
    [
        "start: _NL* stmt+\nstmt: A _NL | A _NL _INDENT stmt+ _DEDENT\n_NL: /\\n */",  # two newline tokens in a row
        "start: A _NL _INDENT A _DEDENT\n_NL: /\\n */",  # a level that ends without a newline token
        "start: stmt+\nstmt: A _NL | A _NL _INDENT stmt+ _DEDENT\n_NL: /\\n {0,4}/",  # blanks that are counted
        "start: stmt+\nstmt: A _NL | LPAR stmt RPAR _NL | A _NL _INDENT stmt+ _DEDENT\n_NL: /\\n */",  # lines in them
        "start: stmt+\nstmt: A b | A _NL _INDENT stmt+ _DEDENT\nb: A _NL\n_NL: /\\n */",  # parts of lines
    ],
)
def test_other_blocks_are_left_to_the_parser(grammar: str) -> None:
    grammar += '\nA: "a"\nLPAR: "("\nRPAR: ")"\n%declare _INDENT _DEDENT\n'
    lark = Lark(grammar, parser="lalr", lexer="basic", postlex=Blocks())
    loaded = load(lark)
    scanning = Scanning(loaded.terminals, flags=loaded.flags, module=loaded.module)
    indentation = read_indenter(lark.options.postlex)
    assert indentation is not None
    assert blocks.lower(loaded, scanning, indentation) is None
    assert relark.grammar(lark).shortest() is not None


# --- newline tokens --------------------------------------------------------------------------------------------------


def test_counting() -> None:
    tokens = NewlineTokens(8)
    blanks = repeat(one_of([b" ", b"\t"]), 0, None)
    words = concat(literal(b"\n"), blanks)
    ((mask, rest, count),) = tokens.advance(words, None)
    assert (mask, rest, count) == (1 << 10, blanks, 0)
    assert sorted(count for _, _, count in tokens.advance(rest, 3)) == [4, 11]
    found = dict(tokens.counts(words, None, 2, deeper=False, completions=Completions()))
    assert found == {0: b"\n", 1: b"\n ", 2: b"\n  "}
    assert tokens.takes_any_blanks(words)
    assert not tokens.takes_any_blanks(concat(literal(b"\n"), repeat(literal(b" "), 0, 3)))
    assert not tokens.takes_any_blanks(repeat(byte_set(FULL & ~(1 << 10)), 0, None))


class Louder(Blocks):
    def handle_NL(self, token: Token) -> Iterator[Token]:
        yield from super().handle_NL(token)


def test_post_lexers_that_do_something_else_are_refused() -> None:
    grammar = TREE + r"_NL: /\n */"
    with pytest.raises(UnsupportedError, match="handle_NL is not "):
        relark.grammar(grammar, parser="lalr", postlex=Louder())
    assert read_indenter(None) is None
    one_of_its_own = Blocks()
    one_of_its_own.process = lambda stream: stream  # type: ignore[method-assign]
    with pytest.raises(UnsupportedError, match="process is not"):
        read_indenter(one_of_its_own)
