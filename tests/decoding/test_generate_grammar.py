"""relark.generate(grammar=...): what comes out parses with Lark, as a text or as Lark's own tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token, Transformer, Tree

import relark
from relark.errors import ArgumentError, BudgetError, GrammarError, UnsupportedError

SUM = """
start: sum
?sum: product | sum "+" product -> add
?product: atom | product "*" atom -> mul
?atom: NUMBER -> number | "(" sum ")"
NUMBER: /[0-9]+/
%ignore " "
"""


class Evaluate(Transformer[Token, int]):
    def start(self, children: list[int]) -> int:
        return children[0]

    def number(self, children: list[Token]) -> int:
        return int(children[0])

    def add(self, children: list[int]) -> int:
        return children[0] + children[1]

    def mul(self, children: list[int]) -> int:
        return children[0] * children[1]


def generate(generator: relark.Generator, grammar: Any, **options: Any) -> Any:
    return relark.generate(
        "x", grammar=grammar, model=generator.model, tokenizer=generator.tokenizer, max_new_tokens=12, **options
    )


def test_text_files_objects_and_constraints(generator: relark.Generator, tmp_path: Path) -> None:
    file = tmp_path / "sum.lark"
    file.write_text(SUM, encoding="utf-8")
    lark = Lark(SUM, parser="lalr")
    for grammar in (SUM, file, str(file), lark, relark.grammar(SUM, lexer="dynamic_complete")):
        text = generate(generator, grammar)
        assert isinstance(text, str)
        lark.parse(text)
    assert generate(generator, 'start: "a"\nb: "b" ~ 3', start="b") == "bbb"


def test_trees(generator: relark.Generator) -> None:
    lark = Lark(SUM, parser="lalr")
    tree = generate(generator, lark, result="tree")
    assert isinstance(tree, Tree)
    assert isinstance(Evaluate().transform(tree), int)
    assert isinstance(generate(generator, Lark(SUM, parser="lalr", transformer=Evaluate()), result="tree"), int)
    assert isinstance(generate(generator, relark.grammar(SUM, result="tree")), Tree)
    options: dict[str, Any] = {"model": generator.model, "tokenizer": generator.tokenizer, "max_new_tokens": 9}
    trees = relark.generate(["x", "y"], grammar=SUM, result="tree", **options)
    assert [type(one) for one in trees] == [Tree, Tree]
    assert relark.generate([], grammar=SUM, **options) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", [{}, {"parser": "lalr"}], ids=str)
def test_any_budget_that_suffices_gives_a_whole_text(
    generator: relark.Generator, options: dict[str, Any], seed: int
) -> None:
    text = 'start: "<" item+ ">"\nitem: NAME "=" /".*?"/ | "(" item ")"\nNAME: /[a-z]+/\n%ignore / /'
    lark = Lark(text, **options)
    constraint = relark.grammar(lark)
    needed = constraint.matcher(generator.vocabulary).min_tokens()
    with pytest.raises(BudgetError):
        generator.run("x", grammar=lark, max_new_tokens=needed - 1)
    for budget in range(needed, needed + 8):
        result = generator.run("x", grammar=constraint, max_new_tokens=budget, temperature=2.0, seed=seed)
        assert len(result.token_ids) <= budget
        lark.parse(result.text)


def test_generator_has_text_and_value(generator: relark.Generator) -> None:
    result = generator.run("x", grammar=SUM, result="tree", max_new_tokens=12)
    assert result.value == Lark(SUM).parse(result.text)
    assert generator.run("x", grammar=SUM, max_new_tokens=12).value is None


def test_streams(generator: relark.Generator) -> None:
    def pieces() -> Any:
        options: dict[str, Any] = {"model": generator.model, "tokenizer": generator.tokenizer, "max_new_tokens": 12}
        ended = yield from relark.stream("x", grammar=SUM, result="tree", **options)
        results.append(ended)

    results: list[relark.Result] = []
    text = "".join(pieces())
    assert text == results[0].text
    assert results[0].value == Lark(SUM).parse(text)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"grammar": SUM, "regex": "a"}, ArgumentError, "regex and grammar were given"),
        ({"grammar": [SUM, SUM]}, ArgumentError, "takes one grammar"),
        ({"grammar": 5}, ArgumentError, "expected the text of a grammar, a path, or a lark.Lark object, got int"),
        ({"grammar": SUM, "result": "xml"}, ArgumentError, "result='xml': expected 'text' or 'tree'"),
        ({"grammar": SUM, "start": "nothing"}, GrammarError, "there is no rule 'nothing' to start from"),
        ({"grammar": "start: ("}, GrammarError, "Unclosed parenthesis"),
        ({"grammar": Lark('start: "a"', parser="cyk")}, UnsupportedError, "parser='cyk'"),
        ({"grammar": relark.regex("a"), "start": "b"}, ArgumentError, "start= goes with grammars that"),
        ({"grammar": relark.grammar(SUM), "result": "tree"}, ArgumentError, "result= goes with grammars that"),
        ({"regex": "a", "start": "b"}, ArgumentError, "start= goes with grammar= only"),
        ({"result": "tree"}, ArgumentError, "result= goes with grammar= only"),
    ],
)
def test_wrong_grammars_are_refused_before_a_model_is_touched(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        relark.generate("x", model="no/such/model", **options)
    assert words in str(caught.value)


def test_checking_a_grammar_needs_no_torch() -> None:
    code = (
        "import sys, relark\n"
        "assert 'lark' not in sys.modules\n"
        "try: relark.generate('x', grammar='start: (')\n"
        "except relark.GrammarError: pass\n"
        "relark.grammar('start: \"a\"')\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
