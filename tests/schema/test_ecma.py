"""Patterns of schemas: read by the rules of ECMA-262, searched for in decoded text."""

from __future__ import annotations

import gzip
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relark.errors import PatternError, UnsupportedError
from relark.frontends.schema.ecma import pattern_term
from relark.frontends.schema.strings import json_text
from relark.language import EMPTY, TEXT, Term, derive, is_empty, shortest
from relark.language.terms import CHECK, LAZY

SUITES = Path(__file__).resolve().parents[2].parent / "shared" / "suites"


def accepts(term: Term, text: str) -> bool:
    for byte in text.encode():
        term = derive(term, byte)
        if term is EMPTY or is_empty(term):
            return False
    return term.nullable


# --- meaning ----------------------------------------------------------------------------------------------------------

CASES = {
    # the pattern matches somewhere
    "b": "b abc | a",
    "^b": "b bc | ab",
    "b$": "b ab | ba",
    "^b$": "b | ab bc",
    "^a|b$": "a ax b xb | xa bx",
    "^(a|b)$": "a b | ab ax",
    "(^a$)|b": "a b xbx | aa",
    "^(^a|b)$": "a b | ab",
    "a|": "| ",
    "^ab*?$": "a abb | b",
    "(a)(?:b)": "ab xabx | ba",
    "x{2}": "xx xxx | x",
    "^x{,2}$": "x xx | xxx",
    "^x{2,}$": "xx xxx | x",
    "x{": "x{ | x",
    "^x{1}{$": "x{ | x",
    "}]": "}] | ]}",
    "[]": "| a",
    "^[^]$": "a \n | ab",
    "[a\\]b]": "] a | c",
    "^[\\w-]+$": "a-b - | .",
    "^[\\w-.]+$": "a-. | ,",
    "^[a-c-e]$": "a - e | d",
    "^[+--]$": "+ , - | .",
    "^[\\b]$": "\b | b",
    # classes are ASCII but for space
    "^\\d$": "0 9 | ४ a",
    "^\\w$": "a _ 9 | é -",
    "^\\s$": "\t \u00a0 \u2003 \ufeff \u2028 | a \u200b",
    "^\\S$": "a é \u200b | \t \u00a0",
    "^\\W$": "é - | a",
    "^[^\\W\\d]$": "a _ | 1 -",
    "^.$": "a é 😀 \t | \n \r \u2028 \u2029 ab",
    "^\\p{L}$": "a é 字 | 1",
    "^\\p{Letter}$": "é | 1",
    "^\\p{Script=Greek}+$": "αβ | a",
    "^[\\p{Lu}\\d]+$": "A1É | a",
    "^\\P{L}$": "1 | a",
    # escapes
    "^\\x41\\u0042\\u{43}\\cJ\\0$": "ABC\n\0 | ABC",
    "^\\ud83d\\ude00$": "😀 | a",
    "^[\\ud83d\\ude00-\\u{1F602}]$": "😀 😂 | 😃",
    "^\\/\\-\\.\\_\\@$": "/-._@ | x",
    "^\\t\\n\\v\\f\\r$": "\t\n\v\f\r | t",
    # anchors are the very ends
    "^a$|^b$": "a b | a\n",
    "\\Aa\\Z": "a | a\n ba",
    "a\\b": "a a. -a | ab",
    "\\Bb": "ab | b",
    "\\bé": "aé | é -é",
    # looking around
    "^(?=.*\\d)(?=.*[a-z]).{3,}$": "1ab a1b | a1 abc",
    "a(?!b)": "ac a | ab",
    "(?<=a)b": "ab | b",
    "(?<!a)b": "b cb | ab",
    "^(?!foo).*$": "bar | foo foobar",
    "^(a(,|$))+$": "a, a,a | aa",
    # flags in front, groups of other engines
    "(?i)^abc$": "ABC abc | abd",
    "^(?i:a)b$": "Ab ab | AB",
    "(?s)^a.b$": "a\nb | ab",
    "(?m)^b$": "b a\nb | ab",
    "(?P<n>a)(?P=n)": "aa | a",
    "(?#nothing)a": "a | b",
    "^(?>a+)b$": "aab | aaa",
    "^a++b$": "aab | b",
    # references
    "^(a|b)\\1$": "aa bb | ab",
    "^(?<n>a|b)\\k<n>$": "aa | ab",
    "^(?:(a)|b)\\1$": "aa b | ab a",
    "^\\1(a)$": "a | aa",
    "^(\\1a)$": "a | aa",
}


@pytest.mark.parametrize("pattern", CASES)
def test_meaning(pattern: str) -> None:
    matching, other = (part.split(" ") for part in CASES[pattern].split("|", 1))
    term = pattern_term(pattern)
    text = json_text(term)
    for expected, samples in ((True, matching), (False, other)):
        for sample in filter(None, samples):
            assert accepts(term, sample) is expected, sample
            assert accepts(text, json.dumps(sample)) is expected, sample


def test_the_space_is_white() -> None:
    assert accepts(pattern_term(r"^\s$"), " ")
    assert accepts(pattern_term(r"^\ $"), " ")


def test_no_pattern_is_any_text() -> None:
    assert pattern_term("") is TEXT
    assert pattern_term("^") is TEXT or accepts(pattern_term("^"), "x")
    assert pattern_term("a*") is TEXT


@pytest.mark.parametrize("pattern", ["^[a-z]+$", "foo", "^a|b$", "^(a|b)$", r"^\d{3}-\p{L}", "(?i)x", "(^a$)|b"])
def test_ordinary_patterns_need_no_search_for_emptiness(pattern: str) -> None:
    assert not pattern_term(pattern).flags & (CHECK | LAZY)


# --- errors -----------------------------------------------------------------------------------------------------------

MALFORMED = {
    "(a": "does not end",
    "a)": "unbalanced",
    "[a": "does not end",
    "*a": "nothing to repeat",
    "a**": "nothing to repeat",
    "{2}": "nothing to repeat",
    "a{3,2}": "out of order",
    "[b-a]": "out of order",
    "\\": "a backslash ends",
    "\\i": "no meaning",
    "\\x4": "hexadecimal",
    "\\u{110000}": "no such code point",
    "\\u{zz}": "hexadecimal",
    "\\c1": "followed by a letter",
    "\\pL{": "nothing",
    "\\p{Nonsense}": "unknown property",
    "\\2(a)": "no group 2",
    "\\k<x>": "no group named x",
    "(?<a>x)(?<a>y)": "used twice",
    "(?<1>x)": "group name",
    "(?~x)": "unknown kind",
    "(?#x": "does not end",
}


@pytest.mark.parametrize("pattern", MALFORMED)
def test_malformed_patterns_say_where(pattern: str) -> None:
    if MALFORMED[pattern] == "nothing":
        assert accepts(pattern_term(pattern), "a{")
        return
    with pytest.raises(PatternError, match=MALFORMED[pattern]) as caught:
        pattern_term(pattern, pointer="#/properties/a/pattern")
    assert "#/properties/a/pattern" in str(caught.value)
    assert "^" in str(caught.value)
    assert caught.value.position is not None


@pytest.mark.parametrize("pattern", ["(?x)a b", "(" * 200 + ")" * 200])
def test_unsupported_patterns_say_where(pattern: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        pattern_term(pattern, pointer="#/pattern")
    assert caught.value.pointer == "#/pattern"
    assert "^" in str(caught.value)


# --- against other engines --------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    ["a", "b", "1", "-", "[ab]", "[^a]", "\\w", "\\d", "(?:a|b1)", "(ab)", "a?", "b*", "[a-b]+", "1{2}"]
)
bodies = st.lists(pieces, max_size=3).map("".join)
alternatives = st.tuples(st.sampled_from(["", "^"]), bodies, st.sampled_from(["", "$"])).map("".join)
patterns = st.lists(alternatives, min_size=1, max_size=3).map("|".join)


@given(patterns, st.lists(st.text("ab1-", max_size=6), min_size=1, max_size=8))
def test_search_as_python_does(pattern: str, texts: list[str]) -> None:
    term, expected = pattern_term(pattern), re.compile(pattern, re.ASCII)
    for text in texts:
        assert accepts(term, text) is (expected.search(text) is not None)


def _patterns(schema: Any) -> Iterator[str]:
    work = [schema]
    while work:
        node = work.pop()
        if isinstance(node, dict):
            if isinstance(node.get("pattern"), str):
                yield node["pattern"]
            if isinstance(node.get("patternProperties"), dict):
                yield from node["patternProperties"]
            work.extend(node.values())
        elif isinstance(node, list):
            work.extend(node)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def test_patterns_in_the_wild_agree_with_python() -> None:
    path = SUITES / "maskbench-dev.jsonl.gz"
    if not path.exists():
        pytest.skip("needs the MaskBench sample in shared/suites")
    found: dict[str, dict[str, None]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for case in map(json.loads, lines):
            texts = [t for test in case["tests"] if test["valid"] for t in _texts(json.loads(test["text"]))][:30]
            for pattern in _patterns(json.loads(case["spec"])):
                found.setdefault(pattern, {}).update(dict.fromkeys(texts))
    assert len(found) > 300
    for pattern, texts in found.items():
        term = pattern_term(pattern)
        member = shortest(term)
        assert member is not None
        if "\\p" in pattern:  # not in Python's re
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            judge = re.compile(pattern)
        assert judge.search(member.decode())
        for text in list(texts)[:20]:
            if text.isascii() and not text.endswith("\n"):
                assert accepts(term, text) is (judge.search(text) is not None), (pattern, text)
