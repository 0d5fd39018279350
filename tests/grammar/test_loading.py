"""Loading Lark grammars: what Lark takes, its own errors with their place, and what relark refuses."""

from __future__ import annotations

import importlib.util
import io
import re
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token
from lark.exceptions import LarkError
from lark.indenter import PythonIndenter
from lark.lexer import Lexer

from relark.errors import ArgumentError, GrammarError, UnsupportedError
from relark.frontends.lark.loading import load
from relark.frontends.lark.places import definition, first_declared, first_use, import_of, line_and_column, written

AB = 'start: a+ B?\na: "a"i\nB: /b(?=c|$)/x\n%ignore /[ ]+/\n'


def rules_of(grammar: Any, **options: Any) -> list[str]:
    return [repr(rule) for rule in load(grammar, **options).rules]


# --- what comes in ----------------------------------------------------------------------------------------------------


def test_text_a_file_or_an_object_give_the_same(tmp_path: Path) -> None:
    file = tmp_path / "ab.lark"
    file.write_text(AB, encoding="utf-8")
    from_text = load(AB)
    for grammar in (load(file), load(str(file)), load(Lark(AB))):
        assert grammar.rules == from_text.rules
        assert grammar.terminals == from_text.terminals
        assert (grammar.start, grammar.ignored) == ("start", ("__IGNORE_0",))
    rules = (
        "start: __start_plus_0 B | start: __start_plus_0 | a: A | __start_plus_0: a | __start_plus_0: __start_plus_0 a"
    )
    assert [repr(rule) for rule in from_text.rules] == rules.split(" | ")
    assert {one.name: one.source for one in from_text.terminals} == {
        "B": "(?x:b(?=c|$))", "__IGNORE_0": "[ ]+", "A": "(?i:a)",
    }  # fmt: skip


def test_an_object_stays_the_judge() -> None:
    lark = Lark(AB)
    assert load(lark).lark is lark


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("earley", "dynamic")),
        ({"lexer": "dynamic_complete"}, ("earley", "dynamic_complete")),
        ({"lexer": "basic"}, ("earley", "basic")),
        ({"parser": "lalr"}, ("lalr", "contextual")),
        ({"parser": "lalr", "lexer": "basic"}, ("lalr", "basic")),
        ({"parser": "lalr", "debug": True}, ("lalr", "contextual")),
        ({"ambiguity": "explicit", "maybe_placeholders": False, "keep_all_tokens": True}, ("earley", "dynamic")),
    ],
)
def test_defaults_are_those_of_lark(options: dict[str, Any], expected: tuple[str, str]) -> None:
    grammar = load(AB, **options)
    assert (grammar.parser, grammar.lexer) == expected
    assert (grammar.module, grammar.flags) == ("re", 0)


def test_flags_and_the_regex_module() -> None:
    grammar = load('start: "a"', regex=True, g_regex_flags=re.IGNORECASE)
    assert (grammar.module, grammar.flags) == ("regex", re.IGNORECASE)


def test_imports_templates_and_the_rest_are_read_by_lark(tmp_path: Path) -> None:
    (tmp_path / "parts.lark").write_text('item: "x" | NAME\nNAME: /[a-z]+/\nlist{x}: x ("," x)*\n', encoding="utf-8")
    main = tmp_path / "main.lark"
    main.write_text(
        "start: list{item} more?\n%import .parts (item, list)\n%import common.INT -> N\n"
        'more.2: N~2..3 -> numbers\n%extend item: "y"\n%override N: /[0-9]/\n',
        encoding="utf-8",
    )
    rules = rules_of(main)
    assert "item: Y" in rules
    assert "item: parts__NAME" in rules
    assert "more: N N" in rules
    assert "more: N N N" in rules
    assert "list{item}: item" in rules
    assert {one.name: one.source for one in load(main).terminals}["N"] == "[0-9]"
    text = main.read_text(encoding="utf-8").replace(".parts", "parts")
    assert rules_of(text, import_paths=[str(tmp_path)]) == rules


def test_start_symbols() -> None:
    text = 'one: "1" | two\ntwo: "2"'
    assert load(text, start="two").start == "two"
    both = Lark(text, start=["one", "two"])
    assert load(both, start="one").start == "one"
    assert load(both, start="two").start == "two"
    assert load(Lark(text, start="one")).start == "one"
    with pytest.raises(ArgumentError, match=r"'one', 'two': choose one as start="):
        load(both)
    with pytest.raises(ArgumentError, match=r"start='three': .* was made to start with 'one', 'two'"):
        load(both, start="three")
    with pytest.raises(ArgumentError, match="expected the name of one rule"):
        load(text, start=["one", "two"])  # type: ignore[arg-type]


# --- terminals that are supplied --------------------------------------------------------------------------------------

REGEXES = [
    r"[a-z]+",
    r"a/b",
    r"a\/b",
    r"/",
    r"\x2e",  # Lark alone would read a dot that matches anything
    r"[\x5d\u005e]+",
    r"\u00e9|\U0001F600",
    r"[\n\t ]",
    r"""["']{1,3}""",
    r"\"\'",
    r"\\",
    r"\\/\\n",
    "a\rb",
    r"(?i:x) | y",
    r"\d+(?=;)",
    r"\N{DIGIT ONE}",
]


@pytest.mark.parametrize("regex", REGEXES)
def test_supplied_terminals_match_what_their_regex_matches(regex: str) -> None:
    grammar = load("start: T\n%declare T", terminals={"T": regex})
    [terminal] = grammar.terminals
    texts = ["a/b", "/", ".", "]", "^", "é", "😀", "\n", "\t", "'''", "\"'", "\\", "\\/\\n", "a\rb", "X y", "x | y"]
    texts += ["12;", "1", "abc", "\\x2e", "n", "z.", "x ", " y", "x", "X ", "\r", "\n\n"]
    for text in texts:
        assert bool(re.fullmatch(terminal.source, text)) == bool(re.fullmatch(regex, text)), text
        # and the object that judges agrees
        assert bool(re.fullmatch(regex, text)) == parses(grammar.lark, text), text


def parses(lark: Lark, text: str) -> bool:
    try:
        lark.parse(text)
    except LarkError:
        return False
    return True


def test_supplied_terminals_replace_others_and_serve_in_them() -> None:
    grammar = load(
        'start: "SELECT" TABLE\nTABLE: NAME\nNAME: /[a-z]+/\n%declare EXTRA\nOTHER: EXTRA "!"\n%ignore OTHER',
        terminals={"TABLE": "users|orders", "EXTRA": r"\d"},
    )
    assert {one.name: one.source for one in grammar.terminals} == {
        "TABLE": "users|orders", "OTHER": r"\d!", "SELECT": "SELECT",
    }  # fmt: skip
    assert parses(grammar.lark, "SELECTusers") or parses(grammar.lark, "SELECT1!users")


@pytest.mark.parametrize(
    ("terminals", "error", "words"),
    [
        ({"name": "x"}, ArgumentError, "'name' is not a name that a terminal can have"),
        ({"T": ""}, ArgumentError, r"terminals\['T'\]: expected a regex, got ''"),
        ({"T": 5}, ArgumentError, "expected a regex, got 5"),
        ({"T": "("}, GrammarError, "malformed regex: missing"),
        ({"T": "x*"}, GrammarError, "zero-width"),
        ({"U": "x"}, GrammarError, "Cannot override a nonexisting terminal U"),
        ({"T": "a\nb"}, GrammarError, "newlines"),
    ],
)
def test_terminals_that_cannot_be_supplied(terminals: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        load("start: T\n%declare T", terminals=terminals)


# --- Lark's errors ----------------------------------------------------------------------------------------------------

# What is wrong, where (line and column; None: Lark does not say, nor can it be seen), and what Lark says of it.
MALFORMED: list[tuple[str, dict[str, Any], tuple[int, int] | None, str]] = [
    ("start: (", {}, (1, 9), "Unclosed parenthesis"),
    ("start: a\n\na: )\n", {}, (3, 4), "Expecting a value"),
    ("start: $\n", {}, (1, 8), "Unexpected input"),
    ('start: "a" ? ?\n', {}, (1, 14), "Misplaced operator"),
    ('start "a"\n', {}, (1, 7), "missing colon"),
    ("start: foo\n", {}, (1, 8), "Rule 'foo' used but not defined (in rule start)"),
    ('start: "foo" /foo/ FOO // FOO\n', {}, (1, 20), "'FOO' used but not defined"),
    ('start: A\nA: "x"\nA: "y"\n', {}, (3, 1), "Terminal 'A' defined more than once"),
    ("start: A\nA: /(/\n", {}, (2, 6), "malformed regex: missing )"),
    ("start: A\nA: /x*/\n", {}, (2, 1), "Dynamic Earley doesn't allow zero-width regexps"),
    ("start: A\nA: /x*/\n", {"parser": "lalr"}, (2, 1), "Lexer does not allow zero-width terminals"),
    ('start: a "x" | b "x"\na: "a"\nb: "a"\n', {"parser": "lalr"}, (2, 1), "Reduce/Reduce collision"),
    ('start: a+\na: "a"+\n', {"parser": "lalr", "strict": True}, (2, 1), "Shift/Reduce conflict for terminal A"),
    ('start: A | B\nA: /a+/\nB: /a|b/', {"parser": "lalr", "strict": True}, (2, 1), "Collision between Terminals"),
    ('foo: "a"\n', {}, None, "there is no rule 'start' to start from; the rules are foo: name one as start="),
    ('start: "a"\n', {"start": "b"}, None, "there is no rule 'b' to start from"),
    ('start: x\n%import nothing.x', {}, (2, 9), "no grammar file nothing.lark to import from"),
    ("start: DA\n%import common.DA", {}, (1, 8), "'DA' used but not defined"),
    ('start: "a"\n%extend xx: "b"', {}, (2, 9), "Can't extend rule xx"),
    ('start: "a"\n%override XX: "b"', {}, (2, 11), "Cannot override a nonexisting terminal XX"),
    ('start: A\nA: b\nb: "x"', {}, (3, 1), "Rules aren't allowed inside terminals"),
    ('start: A\nA: "y" A "x"', {}, (2, 1), "Recursion in terminal 'A'"),
    ("start: A\nA: B\n%declare B", {}, (3, 10), "Lark cannot %declare B: other terminals are made of it"),
    ("start: a\n%declare a", {}, (2, 10), "Lark cannot %declare a: rules cannot be declared"),
    ('start: "a"\n%ignore B\n', {}, (2, 9), "were marked to ignore but were not defined"),
    ('start: A\nA: "a" -> b', {}, None, "Aliasing not allowed in terminals"),
    ('start: "a" ~ 3..2', {}, None, "Bad Range"),
    ('start: ""', {}, None, "Empty terminals are not allowed"),
    ('start: x{"a", "b"}\nx{a}: a', {}, (1, 1), "Wrong number of template arguments used for x"),
    ("start: " + "(" * 3000 + '"a"' + ")" * 3000, {}, None, "nests deeper than Lark can read"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "place", "words"), MALFORMED, ids=[case[3][:40] for case in MALFORMED])
def test_lark_says_what_is_wrong_and_relark_where(
    text: str, options: dict[str, Any], place: tuple[int, int] | None, words: str
) -> None:
    if "Collision between" in words:
        pytest.importorskip("interegular")
    with pytest.raises(GrammarError) as caught:
        load(text, **options)
    error = caught.value
    assert words in error.message
    assert isinstance(error, ValueError)
    assert error.__cause__ is not None  # what Lark raised
    assert (error.line, error.column) == (place or (None, None))
    if place is not None:
        line, column = place
        where, *_, shown, caret = str(error).splitlines()
        assert where.startswith(f"grammar:{line}:{column}: ")
        assert shown == "    " + text.splitlines()[line - 1]
        assert caret == " " * (3 + column) + "^"


def test_errors_in_files_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "g.lark"
    file.write_text("start: x\n%import .part.x\n", encoding="utf-8")
    part = tmp_path / "part.lark"
    part.write_text('x: "a"\n\n x: (\n', encoding="utf-8")
    with pytest.raises(GrammarError, match=r"part\.lark:3:") as caught:
        load(file)
    assert caught.value.path == str(part)
    assert caught.value.source == part.read_text(encoding="utf-8")
    part.unlink()
    with pytest.raises(GrammarError, match=r"g\.lark:2:10: no grammar file part.lark to import from"):
        load(file)
    file.write_text("start: a\n", encoding="utf-8")
    with pytest.raises(GrammarError, match=r"g\.lark:1:8: Rule 'a' used but not defined"):
        load(file)


@pytest.mark.parametrize(
    ("grammar", "options", "words"),
    [
        (17, {}, "expected the text of a grammar, a path, or a lark.Lark object, got int"),
        ("no-such.lark", {}, "no-such.lark: cannot be read as UTF-8 text: No such file"),
        (Path("no-such"), {}, "no-such: cannot be read"),
        ('start: "a"', {"nix": 3}, "Lark has no option nix"),
        ('start: "a"', {"parser": "lr"}, "Lark refuses these options: Got 'lr'"),
        ('start: "a"', {"parser": "lalr", "lexer": "dynamic"}, "does not support lexer 'dynamic'"),
        (Lark('start: "a"'), {"parser": "lalr"}, "parser: a lark.Lark object has its options already"),
        (Lark('start: "a"'), {"terminals": {"A": "b"}}, "terminals: a lark.Lark object has its options already"),
    ],
)
def test_wrong_arguments(grammar: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(words)):
        load(grammar, **options)


def test_strict_needs_what_lark_needs_for_it() -> None:
    if importlib.util.find_spec("interegular") is None:
        with pytest.raises(ArgumentError, match="strict=True: interegular must be installed"):
            load(AB, parser="lalr", strict=True)
    else:
        assert load(AB, parser="lalr", strict=True).lexer == "contextual"


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "g.lark"
    file.write_bytes(b'start: "\xff"\n')
    with pytest.raises(ArgumentError, match="cannot be read as UTF-8 text"):
        load(file)


# --- what relark refuses ----------------------------------------------------------------------------------------------


class MyLexer(Lexer):
    def __init__(self, conf: Any) -> None: ...

    def lex(self, lexer_state: Any, parser_state: Any) -> Any: ...


class Shout:
    always_accept = ()

    def process(self, stream: Any) -> Any:
        return stream


BLOCK = "start: NAME _NL _INDENT NAME _DEDENT\nNAME: /[a-z]+/\n_NL: /\\n[ ]*/\n%declare _INDENT _DEDENT"


class BlockIndenter(PythonIndenter):
    NL_type = "_NL"
    OPEN_PAREN_types: list[str] = []  # noqa: RUF012  # as Lark's base class has it
    CLOSE_PAREN_types: list[str] = []  # noqa: RUF012


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parser": "cyk"}, "parser='cyk': relark follows Lark's parsers 'earley' and 'lalr'; 'earley' accepts all"),
        ({"parser": None, "lexer": "basic"}, "parser=None"),
        ({"parser": "lalr", "lexer": MyLexer}, "lexer=MyLexer: a lexer class of one's own"),
        ({"parser": "lalr", "postlex": Shout()}, "postlex=Shout: a post-lexer can do anything"),
        ({"lexer": "basic", "postlex": BlockIndenter()}, "relark follows lark.indenter.Indenter, with parser='lalr'"),
        ({"use_bytes": True}, "use_bytes=True"),
        ({"parser": "lalr", "lexer_callbacks": {"A": lambda t: t}}, "lexer_callbacks for A"),
        ({"parser": "lalr", "_plugins": {"BasicLexer": MyLexer}}, "_plugins"),
    ],
)
def test_options_that_relark_cannot_follow(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedError, match=re.escape(words)):
        load('start: A\nA: "a"', **options)


def test_callbacks_of_ignored_terminals_are_harmless() -> None:
    comments: list[Token] = []
    grammar = load(
        "start: A+\nA: /a/\nC: /#.*/\n%ignore C",
        parser="lalr",
        lexer_callbacks={"C": lambda t: comments.append(t) or t},
    )
    assert grammar.ignored == ("C",)
    grammar.lark.parse("aa#b")
    assert comments == ["#b"]


def test_declared_terminals_need_someone_who_makes_them() -> None:
    with pytest.raises(UnsupportedError, match=r'_DEDENT, _INDENT: declared .* terminals=\{"_DEDENT": r"..."'):
        load(BLOCK, parser="lalr")
    grammar = load(BLOCK, parser="lalr", postlex=BlockIndenter())
    assert "_INDENT" not in {one.name for one in grammar.terminals}
    assert load('start: "a"\n%declare T').start == "start"  # not used
    assert load('start: "a"\nb: T b\n%declare T').start == "start"  # not reached
    with pytest.raises(UnsupportedError, match="T: declared with %declare"):
        load('start: "a"\n%declare T\n%ignore T')


def test_objects_from_a_cache() -> None:
    stored = io.BytesIO()
    Lark(AB, parser="lalr").save(stored)  # type: ignore[no-untyped-call]
    stored.seek(0)
    grammar = load(Lark.load(stored))
    assert grammar.rules == load(AB, parser="lalr").rules
    assert grammar.ignored == ("__IGNORE_0",)


# --- places -----------------------------------------------------------------------------------------------------------

TEXT = """\
// foo: in a comment
start: "foo:" /foo: \\/x/ foo  # foo
?foo{x, y}.2: x
%override !bar : foo
%declare T _U foo
%import deep.down.name -> foo2
"""


def test_names_are_found_outside_of_strings_and_comments() -> None:
    def place(position: int | None) -> tuple[int, int] | None:
        return None if position is None else line_and_column(TEXT, position)

    assert place(definition(TEXT, "start")) == (2, 1)
    assert place(definition(TEXT, "foo")) == (3, 2)
    assert place(definition(TEXT, "foo{a,b}")) == (3, 2)
    assert place(definition(TEXT, "__foo_star_3")) == (3, 2)
    assert place(definition(TEXT, "bar")) == (4, 12)
    assert definition(TEXT, "fo") is None
    assert definition(TEXT, "foo", 1) is None
    assert place(first_use(TEXT, "foo")) == (2, 26)
    assert first_use(TEXT, "comment") is None
    assert place(import_of(TEXT, "deep.down")) == (6, 9)
    assert import_of(TEXT, "deep.dow") is None
    declared = first_declared(TEXT)
    assert declared is not None
    assert (declared[0], place(declared[1])) == ("T", (5, 10))
    assert written("__a_star_1") == "a"
    assert written("____a_plus_0_star_1") == "a"
    assert written("list{x,y}") == "list"
