"""Grammars and texts that are large, deep or badly ambiguous: answered or refused in bounded time."""

from __future__ import annotations

from typing import Any

import pytest
from lark import Lark

import relark
from reference import unpack
from relark import Constraint, Vocabulary
from relark.errors import UnsupportedError
from timing import timed

EARLEY = {"parser": "earley", "lexer": "dynamic"}
COMPLETE = {"parser": "earley", "lexer": "dynamic_complete"}
LALR = {"parser": "lalr", "lexer": "contextual"}
BASIC = {"parser": "lalr", "lexer": "basic"}
EVERY = pytest.mark.parametrize(
    "options",
    [
        EARLEY,
        pytest.param(COMPLETE, marks=pytest.mark.slow),
        LALR,
        pytest.param(BASIC, marks=pytest.mark.slow),
    ],
    ids=["earley", "complete", "lalr", "basic"],
)
BYTES = Vocabulary.from_bytes([None, *(bytes([b]) for b in range(256)), b"((", b"))", b"()", b"aa", b", "], eos_ids=[0])


def compiled(grammar: str, options: dict[str, Any]) -> tuple[Lark, Constraint]:
    """The constraint, after what Lark itself needs to load the grammar."""
    lark = Lark(grammar, **options)
    return lark, relark.grammar(lark)


def parses(lark: Lark, text: str) -> bool:
    return bool(lark.parse(text))


def check_walk(constraint: Constraint, text: str, vocabulary: Vocabulary = BYTES) -> None:
    """The text, token by token with all masks, up to 60 of them."""
    matcher = constraint.matcher(vocabulary)
    for token_id in vocabulary.encode(text.encode())[:60]:
        assert token_id in unpack(matcher.mask(), vocabulary.size)
        matcher.advance(token_id)
    matcher.min_tokens(enough=1000)
    assert (text.encode()[:60]).decode() + matcher.shortest().decode()


@EVERY
def test_deep_nesting(options: dict[str, Any]) -> None:
    with timed() as watch:
        _, constraint = compiled('start: "(" start ")" | "x"', options)
        for depth in (500, 5000):
            text = "(" * depth + "x" + ")" * depth
            assert constraint.fullmatch(text)
            assert not constraint.fullmatch(text[:-1])
            assert not constraint.fullmatch(text + ")")
        matcher = constraint.matcher(BYTES)
        for _ in range(500):
            matcher.advance(1 + ord("("))
        assert matcher.shortest() == b"x" + b")" * 500
        assert matcher.min_tokens() == 251
        assert unpack(matcher.mask(252), BYTES.size) >= {1 + ord("x")}
    assert watch.seconds < 10


@EVERY
def test_deep_nesting_of_lists(options: dict[str, Any]) -> None:
    with timed() as watch:
        lark, constraint = compiled('start: "[" [start ("," start)*] "]"\n%ignore " "', options)
        text = "[[], [" * 150 + "]]" * 150
        assert constraint.fullmatch(text)
        assert not constraint.fullmatch(text + "]")
        assert parses(lark, "[[], [" * 20 + "]]" * 20)
        check_walk(constraint, text)
    assert watch.seconds < 10


@EVERY
def test_many_rules(options: dict[str, Any]) -> None:
    count = 400
    rules = [f'r{i}: "k{i}" r{(i * 7 + 1) % count} | "({i}" r{(i * 3 + 2) % count} ")" | "e{i}"' for i in range(count)]
    grammar = "start: r0\n" + "\n".join(rules)
    lark = Lark(grammar, **options)
    with timed() as watch:
        constraint = relark.grammar(lark)
        for text in ("k0e1", "k0k1k8e57", "(0k2k15e106)", "e0"):
            assert parses(lark, text)
            assert constraint.fullmatch(text)
            check_walk(constraint, text)
        for text in ("k0e2", "k0", "(0e1)", "e1"):
            assert not constraint.fullmatch(text)
    assert watch.seconds < 20


@EVERY
def test_ten_thousand_names(options: dict[str, Any]) -> None:
    names = [f"n{i * 7919 % 100_003}x" for i in range(10_000 if options is LALR else 2_000)]
    grammar = 'start: NAME ("," NAME)*\nNAME: ' + " | ".join(f'"{name}"' for name in names)
    lark = Lark(grammar, **options)
    with timed() as watch:
        constraint = relark.grammar(lark)
        text = ",".join(names[:20])
        assert parses(lark, text)
        assert constraint.fullmatch(text)
        assert not constraint.fullmatch(text + "x")
        assert not constraint.fullmatch("nx")
        check_walk(constraint, text)
    assert watch.seconds < 30


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_keywords(count: int) -> None:
    """Each a terminal of its own, against names that look the same."""
    words = [f"w{3 * i}" for i in range(count)]
    grammar = (
        "start: (k | NAME)+\nk: " + " | ".join(f'"{w}" ";"' for w in words) + '\nNAME: /[a-z][a-z0-9]*/\n%ignore " "'
    )
    for options in (BASIC, EARLEY):
        lark = Lark(grammar, **options)
        with timed() as watch:
            constraint = relark.grammar(lark)
            for text in ("w3;", "w4", "w3; w33 ; w1", "w3x w2"):
                assert parses(lark, text), text
                assert constraint.fullmatch(text), text
            assert not constraint.fullmatch("w1;")
            assert constraint.fullmatch("w3") == (options is EARLEY)
            check_walk(constraint, "w3; w33 ; w1")
        assert watch.seconds < 30


@EVERY
@pytest.mark.parametrize("inside", ['"a"', '"a" "b"?', "x"], ids=["letter", "letters", "rule"])
def test_long_counted_repetitions(options: dict[str, Any], inside: str) -> None:
    most = 1000
    grammar = f'start: ({inside})~1..{most}\nx: "a" | "c"'
    try:
        lark = Lark(grammar, **options)
    except RecursionError:
        pytest.skip("too long for Lark")
    with timed() as watch:
        try:
            constraint = relark.grammar(lark)
        except UnsupportedError:
            return
        assert constraint.fullmatch("a" * most)
        assert constraint.fullmatch("a")
        assert not constraint.fullmatch("a" * (most + 1))
        assert not constraint.fullmatch("")
        check_walk(constraint, "a" * most)
    assert watch.seconds < 30


@EVERY
def test_long_counted_repetitions_in_a_terminal(options: dict[str, Any]) -> None:
    lark = Lark('start: A "b"\nA: "a"~1..5000', **options)
    with timed() as watch:
        constraint = relark.grammar(lark)
        assert constraint.fullmatch("a" * 5000 + "b")
        assert not constraint.fullmatch("a" * 5001 + "b")
        assert not constraint.fullmatch("b")
        check_walk(constraint, "a" * 100 + "b")
    assert watch.seconds < 30


AMBIGUOUS = {
    "pairs": ('start: start start | "a"', "a"),
    "triples": ('start: start start start | start start | "a"', "a"),
    "lists of lists": ('start: a*\na: b+\nb: c* "a"\nc: "a"', "a"),
    "empty lists of lists": ('start: a*\na: b*\nb: "a"?', "a"),
    "both ends": ('start: "a" start | start "a" | "a"', "a"),
    "operators": ('start: start "a" start | "a"', "a"),
    "optional letters": ("start: " + "A? " * 12 + '\nA: "a"', "a"),
    "terminals in each other": ("start: (A | B | C)+\nA: /a+/\nB: /aa+/\nC: /(aaa)+/", "a"),
    "ignored in each other": ('start: "a"+\n%ignore /a/\n%ignore /aa/\n%ignore /a+/', "a"),
}


@pytest.mark.parametrize("options", [EARLEY, COMPLETE], ids=["earley", "complete"])
@pytest.mark.parametrize("name", AMBIGUOUS)
def test_exponential_ambiguity(name: str, options: dict[str, Any]) -> None:
    grammar, letter = AMBIGUOUS[name]
    with timed() as watch:
        lark, constraint = compiled(grammar, options)
        for count in range(1, 6):
            try:
                expected = parses(lark, letter * count)
            except Exception:
                expected = False
            assert constraint.fullmatch(letter * count) == expected, count
        for count in (30, 200):
            constraint.fullmatch(letter * count)
        check_walk(constraint, letter * 12)
    assert watch.seconds < 20


BLOWN_UP = {
    "far behind": "start: (A | B)+\nA: /[ab]*a[ab]{14}c/\nB: /[ab]/",
    "counted in counted": "start: A+\nA: /((a|b){1,30}c?){1,30}d/",
    "looking far ahead": "start: (A | B)+\nA: /a(?=[ab]{12}c)/\nB: /[abc]/",
    "looking far behind": "start: (A | B)+\nA.1: /(?<=a[ab]{10})c/\nB: /[abc]/",
    "overlapping alternatives": "start: A+\nA: /(a|ab|abc|bcd|cde)+?f|(ab|bc|cd)+g/",
    "lazy in lazy": "start: A+\nA: /(a+?b*?)+?c|(ab*?)*?d/",
}


@EVERY
@pytest.mark.parametrize("name", BLOWN_UP)
def test_terminals_with_large_automata(name: str, options: dict[str, Any]) -> None:
    lark = Lark(BLOWN_UP[name], **options)
    with timed() as watch:
        try:
            constraint = relark.grammar(lark)
            for text in ("ab" * 9 + "c", "abcd", "abcf", "a" * 15 + "c", "abab"):
                try:
                    lark.parse(text)
                    expected = True
                except Exception:
                    expected = False
                assert constraint.fullmatch(text) == expected, text
        except UnsupportedError:
            return
    assert watch.seconds < 30


@pytest.mark.parametrize("options", [EARLEY, LALR], ids=["earley", "lalr"])
def test_long_chains_of_rules(options: dict[str, Any]) -> None:
    """Nothing recurses as deep as rules call each other."""
    count = 500 if options is EARLEY else 200  # Lark's own analysis recurses
    grammar = "start: r0\n" + "\n".join(f"r{i}: r{i + 1}" for i in range(count)) + f'\nr{count}: "a" | "b" r0'
    lark = Lark(grammar, **options)
    with timed() as watch:
        constraint = relark.grammar(lark)
        assert constraint.fullmatch("bba")
        assert not constraint.fullmatch("bb")
        assert constraint.shortest() == "a"
        check_walk(constraint, "bba")
    assert watch.seconds < 20


@pytest.mark.parametrize("options", [EARLEY, LALR], ids=["earley", "lalr"])
def test_long_sequences(options: dict[str, Any]) -> None:
    """Nothing recurses as deep as a rule is long."""
    grammar = "start: " + " ".join(f'"{c}"' for c in "abcde" * 40)
    lark = Lark(grammar, **options)
    with timed() as watch:
        constraint = relark.grammar(lark)
        assert constraint.fullmatch("abcde" * 40)
        assert not constraint.fullmatch("abcde" * 39)
        assert constraint.shortest() == "abcde" * 40
        check_walk(constraint, "abcde" * 40)
    assert watch.seconds < 20


@EVERY
def test_long_texts(options: dict[str, Any]) -> None:
    """What is kept does not grow with what was written."""
    lark = Lark('start: item ("," item)*\nitem: NAME | "(" start ")"\nNAME: /[a-z]+/\n%ignore " "', **options)
    with timed() as watch:
        constraint = relark.grammar(lark)
        text = ", ".join(["abc", "(a, b)", "((c))"] * 1500)
        assert constraint.fullmatch(text)
        assert not constraint.fullmatch(text + ",")
    assert watch.seconds < 10
