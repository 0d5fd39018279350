"""`relark.grammar`, and grammars in `relark.explain`: what users call."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError
from lark.indenter import Indenter

import relark
from relark.errors import ArgumentError, GrammarError, UnsatisfiableError, UnsupportedError
from relark.frontends.lark import CompiledGrammar, parsing_stumbles
from relark.frontends.lark.loading import load
from relark.language import EPSILON

SUM = """
start: sum
?sum: product | sum "+" product -> add
?product: atom | product "*" atom -> mul
?atom: NUMBER -> number | "(" sum ")"
NUMBER: /[0-9]+/
%ignore " "
"""
TEXTS = ["1", "1+2", "1 + 2*(3)", " 1", "1 ", "", "1+", "(1", "1 2", "1++2", "a", "((1))*2 + 3", "1\n"]


def accepts(lark: Lark, text: str) -> bool:
    try:
        lark.parse(text)
    except LarkError:
        return False
    return True


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lexer": "dynamic_complete"},
        {"lexer": "basic"},
        {"parser": "lalr"},
        {"parser": "lalr", "lexer": "basic"},
        {"parser": "lalr", "regex": True, "g_regex_flags": 2},
    ],
    ids=str,
)
def test_texts_are_those_that_lark_parses(options: dict[str, Any]) -> None:
    lark = Lark(SUM, **options)
    for constraint in (relark.grammar(SUM, **options), relark.grammar(lark)):
        for text in TEXTS:
            assert constraint.fullmatch(text) == accepts(lark, text), text
        assert constraint.shortest() in tuple("0123456789")


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "sum.lark"
    file.write_text(SUM, encoding="utf-8")
    for given in (file, str(file)):
        constraint = relark.grammar(given, start="product")
        assert constraint.fullmatch("2*3")
        assert not constraint.fullmatch("2+3")
        assert str(constraint) == f"grammar({file}, start='product')"


def test_shown_shortly() -> None:
    assert str(relark.grammar('start: "a"\n%ignore " "')) == 'grammar(start: "a" %ignore " ")'
    assert str(relark.grammar(Lark('start: "a"'))).startswith("grammar(Lark(open('<string>'), parser='earley'")
    assert len(str(relark.grammar(SUM))) < 120


def test_result_is_a_text_or_a_tree() -> None:
    assert relark.grammar(SUM).parse is None
    constraint = relark.grammar(SUM, result="tree")
    assert constraint.parse is not None
    tree = constraint.parse("1+2*3")
    assert tree == Lark(SUM).parse("1+2*3")
    assert tree.children[0].data == "add"
    with pytest.raises(ArgumentError, match="result='json': expected 'text' or 'tree'"):
        relark.grammar(SUM, result="json")  # type: ignore[arg-type]


class Evaluate(Transformer[Token, int]):
    def start(self, children: list[int]) -> int:
        return children[0]

    def number(self, children: list[Token]) -> int:
        return int(children[0])

    def add(self, children: list[int]) -> int:
        return children[0] + children[1]

    def mul(self, children: list[int]) -> int:
        return children[0] * children[1]


def test_transformers_run() -> None:
    inside = relark.grammar(Lark(SUM, parser="lalr", transformer=Evaluate()), result="tree")
    assert inside.parse is not None
    assert inside.parse("1 + 2*(3+4)") == 15
    outside = relark.grammar(SUM, result="tree")
    assert outside.parse is not None
    assert Evaluate().transform(outside.parse("1 + 2*(3+4)")) == 15


class Blocks(Indenter):
    NL_type = "_NL"
    OPEN_PAREN_types: list[str] = []  # noqa: RUF012  # as Lark's base class has it
    CLOSE_PAREN_types: list[str] = []  # noqa: RUF012
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 4


BLOCKS = r"""
start: (_NL | item)*
item: NAME (_NL | ":" _NL _INDENT item+ _DEDENT)
NAME: /[a-z]+/
_NL: /(\n *)+/
%declare _INDENT _DEDENT
"""


def test_indentation() -> None:
    constraint = relark.grammar(BLOCKS, parser="lalr", postlex=Blocks(), result="tree")
    assert constraint.fullmatch("a:\n  b\n  c:\n    d\ne\n")
    assert not constraint.fullmatch("a:\nb\n")
    assert not constraint.fullmatch("a:\n  b\n c\n")
    assert constraint.parse is not None
    assert isinstance(constraint.parse("a:\n  b\n"), Tree)


def test_combined_with_others() -> None:
    number = relark.grammar(SUM, start="product")
    assert ("= " + number + ";").fullmatch("= 2*3;")
    assert (number & relark.regex(".{3}")).fullmatch("2*3")
    assert not (number & relark.regex(".{3}")).fullmatch("2*33")
    assert (number & ~relark.regex(r".*\*.*")).fullmatch("7")
    assert not (number & ~relark.regex(r".*\*.*")).fullmatch("7*7")
    assert number.repeat(2, 2).fullmatch("(1)2")
    assert len((number | relark.regex("x")).sources) == 2


def test_the_same_grammar_is_compiled_once(tmp_path: Path) -> None:
    assert relark.grammar(SUM).term is relark.grammar(SUM).term
    lark = Lark(SUM)
    assert relark.grammar(lark).term is relark.grammar(lark).term
    main, part = tmp_path / "main.lark", tmp_path / "part.lark"
    main.write_text("start: x\n%import .part.x", encoding="utf-8")
    for word in ("one", "two"):  # another file may change
        part.write_text(f'x: "{word}"', encoding="utf-8")
        assert relark.grammar(main).fullmatch(word)
    assert "grammars" in relark.cache_info()


def test_declared_terminals_may_be_supplied() -> None:
    text = 'start: "FROM" TABLE\n%declare TABLE\n%ignore " "'
    with pytest.raises(UnsupportedError, match=r'terminals=\{"TABLE": r"..."\}'):
        relark.grammar(text)
    constraint = relark.grammar(text, terminals={"TABLE": "users|orders"}, result="tree")
    assert constraint.fullmatch("FROM orders")
    assert not constraint.fullmatch("FROM tables")
    assert constraint.parse is not None
    assert constraint.parse("FROM users").children == [Token("TABLE", "users")]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_errors_say_where() -> None:
    with pytest.raises(GrammarError) as caught:
        relark.grammar('start: a\na: "x" (\n')
    assert str(caught.value).splitlines()[1:] == ['    a: "x" (', "            ^"]
    with pytest.raises(UnsupportedError) as refused:
        relark.grammar("start: A\nA: /(x)\\1/")
    message, shown, caret = str(refused.value).splitlines()
    assert message.startswith("grammar:2:1: terminal A: backreference")
    assert (shown, caret) == ("    (x)\\1", "       ^")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('start: a\na: "x" a', "rule a never ends, because each way to write it needs it again"),
        ('start: "a" start', "rule start never ends"),
        ('start: ("a" b)+\nb: "(" b', "rule b never ends"),
        ('start: /.+/ "x"', "terminals that never match, or that take what should follow them"),
        ("start: /x(?!)/", "terminals that never match"),
    ],
)
def test_no_text_at_all(text: str, words: str) -> None:
    with pytest.raises(UnsatisfiableError, match=words):
        relark.grammar(text)


# --- a bug of Lark's --------------------------------------------------------------------------------------------------

STUMBLING = [
    ('start: "a" | "a" " "\n%ignore " "', "a ", "a"),
    ('start: "a" " "?\n%ignore " "', "a   ", "a"),
    ('start: A | A B\nA: "a"\nB: / +/\n%ignore " "', "a  ", "a"),
]


@pytest.mark.parametrize(("text", "written", "parsed"), STUMBLING)
def test_where_lark_stumbles_the_tree_is_that_of_the_text_without_its_ignored_end(
    text: str, written: str, parsed: str
) -> None:
    grammar = load(text)
    assert parsing_stumbles(grammar)
    with pytest.raises(RuntimeError, match="multiple start symbol items"):
        grammar.lark.parse(written)
    tree = CompiledGrammar(EPSILON, grammar).parse(written)
    expected = [t.value for t in grammar.lark.parse(parsed).children if isinstance(t, Token)]
    assert "".join(t.value for t in tree.children if isinstance(t, Token)).rstrip() == "".join(expected).rstrip()
    found = relark.explain(grammar=text)
    assert any("has several alternatives" in warning for warning in found.warnings)
    with pytest.raises(LarkError):
        CompiledGrammar(EPSILON, grammar).parse("b")


def test_grammars_that_cannot_stumble() -> None:
    assert not parsing_stumbles(load('start: x\nx: "a" | "a" " "\n%ignore " "'))
    assert not parsing_stumbles(load('start: "a" | "a" " "'))
    assert not parsing_stumbles(load('start: "a" | "a" " "\n%ignore " "', parser="lalr"))
    said = relark.explain(grammar='start: "a" | "b"\n%ignore " "')
    assert not any(finding.kind == "stumbles" for finding in said.findings)


# --- explain ----------------------------------------------------------------------------------------------------------

REPORTED = r"""
start: list | block
list: WORD ("," WORD)*
block: "{" block* "}" | ANY "end"
lost: "x" lost
loop: "(" loop ")"
WORD: /[a-z]{1,9}/
ANY: /[^,]+/
SPARE: /q/
DIGIT: /[0-9]/
%ignore /[ \t]+/
"""


def test_explain_tells_what_is_enforced_and_what_to_mind() -> None:
    found = relark.explain(grammar=REPORTED)
    [use] = found.grammars
    assert (use.parser, use.lexer, use.start) == ("earley", "dynamic", "start")
    assert use.ignored == (r"/[ \t]+/",)
    assert {one.name: (one.treatment, one.line) for one in use.terminals} == {
        "WORD": ("exact", 7), "ANY": ("exact", 8), r"/[ \t]+/": ("exact", 11), '","': ("exact", 3),
        '"{"': ("exact", 4), '"}"': ("exact", 4), '"end"': ("exact", 4),
    }  # fmt: skip
    told = {(one.kind, one.pointer): one for one in found.findings}
    assert {("unreachable", "lost"), ("unreachable", "loop"), ("unused", "SPARE"), ("unused", "DIGIT")} <= set(told)
    assert {("unbounded terminal", "ANY"), ("unbounded rule", "block"), ("ignored text", r"/[ \t]+/")} <= set(told)
    assert ("unbounded rule", "list") in told
    assert ("unbounded terminal", "WORD") not in told
    assert {pointer for kind, pointer in told if kind == "never matches"} == {"ANY", '"end"'}
    assert (told["unused", "SPARE"].line, told["unused", "SPARE"].column) == (9, 1)
    assert found.shortest is not None
    assert relark.grammar(REPORTED).fullmatch(found.shortest)
    assert (found.empty, found.unbounded, found.refusals) == (False, True, ())
    text = str(found)
    assert "  parser    earley, lexer dynamic, from start; " in text
    assert "  as lalr   no conflicts" in text
    assert "  warning   9:1: no rule uses terminal SPARE" in text
    assert "terminals have no longest match (ANY): bound what repeats" in text
    dataclasses.asdict(found)


def test_explain_with_lalr_tells_of_conflicts_and_of_shadows() -> None:
    text = """
start: e
e: e "+" e | "if" e ["else" e] | NAME | HEX | WORD
NAME: /[a-z]+/
HEX: /[0-9a-f]+/
WORD.-1: /[a-c]{2}/
"""
    found = relark.explain(grammar=text, parser="lalr")
    conflicts = [one.message for one in found.findings if one.kind == "conflict"]
    assert conflicts == [
        'shift/reduce conflict: before "+", `e: e "+" e` could end; Lark goes on instead',
        'shift/reduce conflict: before "+", `e: "if" e "else" e` could end; Lark goes on instead',
        'shift/reduce conflict: before "else" or "+", `e: "if" e` could end; Lark goes on instead',
    ]
    [never] = [one for one in found.findings if one.kind == "never matches"]
    assert never.message == "terminal WORD never matches: HEX is tried before it, and matches wherever it could"
    [collision] = [one for one in found.findings if one.kind == "collision"]
    assert {"HEX", "NAME"} <= set(collision.message.replace("'", " ").split())
    [use] = relark.explain(grammar=text).grammars
    assert use.as_lalr == "shift/reduce conflicts after e, where Lark would always go on"
    [use] = relark.explain(grammar='start: a | b\na: "x"\nb: "x"').grammars
    assert use.as_lalr == "refused: reduce/reduce collisions between alternatives of a, b"


def test_explain_of_what_is_refused_or_empty() -> None:
    found = relark.explain(grammar='start: A B\nA: /(x)\\1/\nB: "b"')
    [use] = found.grammars
    assert {one.name: one.treatment for one in use.terminals} == {"A": "refused", "B": "exact"}
    assert (found.empty, found.shortest) == (None, None)
    assert found.refusals[0].startswith("relark refuses this grammar: grammar:2:1: terminal A")
    assert "  refused   A: " in str(found)
    found = relark.explain(grammar='start: "a"', parser="cyk")
    assert found.grammars == ()
    assert "parser='cyk'" in found.warnings[0]
    found = relark.explain(grammar='start: a\na: "x" a')
    assert found.empty is True
    assert "rule a never ends" in found.refusals[-1]
    assert any(one.kind == "no value" and one.pointer == "a" for one in found.findings)
    with pytest.raises(GrammarError):
        relark.explain(grammar="start: (")
    with pytest.raises(ArgumentError, match="start goes with grammar= only"):
        relark.explain(regex="a", start="x")


def test_explain_finds_what_a_tokenizer_cannot_spell() -> None:
    vocabulary = relark.Vocabulary([b"a", b"b", None], eos_ids=[2], kind="test")
    found = relark.explain(grammar='start: "a" | "c"', tokenizer=vocabulary)
    assert [one.pointer for one in found.findings if one.kind == "unspellable"] == ['"c"']
    assert found.min_tokens == 1


def test_explain_a_constraint_made_of_a_grammar() -> None:
    constraint = relark.grammar(SUM, parser="lalr") + "\n"
    found = relark.explain(constraint=constraint)
    assert [use.parser for use in found.grammars] == ["lalr"]
    assert found.shortest is not None
    assert found.shortest.endswith("\n")
