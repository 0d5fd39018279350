"""Hostile patterns: an answer or a clear refusal, in bounded time and memory."""

from __future__ import annotations

import pytest
import regex

import relark
from reference import unpack
from relark import RelarkError, Vocabulary
from timing import timed

SECONDS = 60.0  # a pattern may take on a busy machine; most take milliseconds

HOSTILE = {
    "nested plus": (r"(a+)+$", "a" * 40),
    "nested plus, then b": (r"(a+)+b", "a" * 40),
    "same alternatives": (r"(a|a)*b", "a" * 40),
    "overlapping alternatives": (r"(a|aa)+$", "a" * 40),
    "nested star": (r"((a*)*)*", "a" * 40),
    "long dot": (r".{0,100000}", "any text"),
    "long dot, then x": (r".{0,100000}x", "any text"),
    "huge minimum": (r"a{100000}", "aaaa"),
    "nested counters": (r"(?:a{1,1000}){1,1000}", "a" * 50),
    "three nested counters": (r"(?:(?:a{1,100}){1,100}b?){1,1000}", "a" * 50),
    "counters of alternatives": (r"(?:a|ab|abc){50,500}", "abcabaab"),
    "classic blow-up": (r".*a.{20}", "abcabc" * 6),
    "many optional": ("a?" * 60 + "a" * 60, "a" * 60),
    "5,000 alternatives": ("|".join(f"alternative number {i}" for i in range(5000)), "alternative number 17"),
    "5,000 alternatives repeated": ("(?:" + "|".join(f"w{i}x" for i in range(5000)) + ")*", "w17xw4999x"),
    "many classes": (r"(?:\w\p{L}\d?[^\W\d_]){40}", "ab1cab1c"),
    "unicode class repeats": (r"\p{L}{0,2000}\p{N}{0,2000}", "abc123"),
    "many lookaheads": ("".join(f"(?=.*{c})" for c in "abcdefghij") + ".*", "abcdefghij"),
    "nested lookaheads": ("(?=a" * 12 + ")" * 12 + "a*", "aaaaaaaaaaaaa"),
    "lookahead in a loop": (r"(?:(?!ab|ba|aaa).)*(?:(?=.*x)[ab])*x", "ab"),
    "lookbehind in a loop": (r"(?:(?<!a{3})[ab])*", "aab"),
    "possessive loop": (r"(?:a|ab|b)*+c", "abab"),
    "atomic loop": (r"(?>a+|b+|ab)*c", "abab"),
    "intersection of lookaheads": (r"(?=(?:aa)*$)(?=(?:aaa)*$)(?=(?:a{5})*$)(?=(?:a{7})*$)a+", "aaaa"),
    "backreference blow-up": (r"(a*)*\1b", "a" * 30),
    "backreference to a long group": (r"(\w{1000})\1", "ab"),
    "many backreferences": (r"(a+)(a+)(a+)(a+)\4\3\2\1b", "a" * 30),
    "left recursion": (r"(?R)?a", "a"),
    "infinite recursion": (r"(a|(?R))*b", "a"),
    "recursion and backtracking": (r"(?:a+|(?R))*b", "a" * 25),
    "fuzzy blow-up": (r"(?:(?:a+)+b){e<=3}", "a" * 25),
    "many fuzzy errors": (r"(?:the quick brown fox jumps){e<=12}", "the quick"),
    "10,000 items in a list": (r"\L<words>", "word 17"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_patterns_are_answered_or_refused_in_time(name: str, small_vocabulary: Vocabulary) -> None:
    pattern, text = HOSTILE[name]
    lists = {"words": [f"word {i}" for i in range(10_000)]} if "L<words>" in pattern else {}
    with timed() as watch:
        refusal = rest = None
        try:
            constraint = relark.regex(pattern, **lists)
            matcher = constraint.matcher(small_vocabulary)
            for token_id in small_vocabulary.encode(text.encode()):
                allowed = unpack(matcher.mask(), small_vocabulary.size)
                assert token_id in allowed or not regex.compile(pattern, **lists).fullmatch(
                    text, partial=True, timeout=5
                )
                if token_id not in allowed:
                    break
                matcher.advance(token_id)
            matcher.mask(tokens_left=1000)
            matcher.forced_bytes()
            rest = matcher.shortest()
            matcher.min_tokens(enough=10_000)
        except RelarkError as error:
            refusal = str(error)
    assert watch.seconds < SECONDS
    if rest is not None:
        taken = small_vocabulary.decode(_ids(matcher))
        assert constraint.fullmatch((taken + rest).decode())
    assert refusal != "", "an error says what is wrong"


def _ids(matcher: relark.Matcher) -> list[int]:
    ids = []
    step = matcher._step
    while step.previous is not None:
        ids.append(step.token_id)
        step = step.previous
    return ids[::-1]


def nested(depth: int, kind: str) -> str:
    match kind:
        case "groups":
            return "(" * depth + "a" + ")" * depth
        case "non-capturing":
            return "(?:" * depth + "a" + ")" * depth
        case "quantified":
            return "(?:" * depth + "a" + ")?" * depth
        case "alternatives":
            return "(?:b|" * depth + "a" + ")" * depth
        case "concatenated":
            return "(?:b" * depth + "a" + "c)*" * depth
        case "lookaheads":
            return "(?=" * depth + "a" + ")" * depth + "a"
        case _:
            return "[" * depth + "a" + "]" * depth


@pytest.mark.parametrize(
    "kind", ["groups", "non-capturing", "quantified", "alternatives", "concatenated", "lookaheads", "sets"]
)
@pytest.mark.parametrize("depth", [50, 1_000, 100_000])
def test_deep_nesting_is_answered_or_refused_in_time(depth: int, kind: str, small_vocabulary: Vocabulary) -> None:
    pattern = nested(depth, kind)
    with timed() as watch:
        refusal = ""
        try:
            constraint = relark.regex(pattern, flags=regex.VERSION1)
            matcher = constraint.matcher(small_vocabulary)
            matcher.mask()
            assert constraint.fullmatch(matcher.shortest().decode())
        except RelarkError as error:
            refusal = str(error)
    assert watch.seconds < SECONDS
    assert len(refusal) < 2_000, "an error that people can read"
    assert depth > 50 or not refusal, f"an everyday depth is refused: {refusal}"


def test_a_catastrophic_backreference_is_refused_by_name(small_vocabulary: Vocabulary) -> None:
    matcher = relark.regex(r"((?:a|a)*)*\1c|a*d").matcher(small_vocabulary)
    with timed() as watch:
        refusal = None
        try:
            for token_id in small_vocabulary.encode(b"a" * 60):
                matcher.mask()
                matcher.advance(token_id)
        except relark.UnsupportedError as error:
            refusal = str(error)
    assert watch.seconds < SECONDS
    assert refusal is None or "((?:a|a)*)*" in refusal
