"""Backreferences and conditions: the thread engine against `regex` itself, on every short text of a small alphabet."""

from __future__ import annotations

import itertools

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

import relark
from relark.frontends.regex import compile_regex
from relark.language import derive, is_empty, shortest
from relark.tokens.vocabulary import Vocabulary

TEXTS = ["".join(t) for n in range(7) for t in itertools.product("ab", repeat=n)]

NAMED = [
    r"(a+)b\1",
    r"(a|b)\1",
    r"(a|ab)(b?)\1\2",
    r"(?:(a)|b\1)+",
    r"(?:(a)|b)*\1",
    r"(a)?b(?(1)a|b)",
    r"(?:(a)|(b))(?(1)b|a)(?(2)b|a)",
    r"(?P<q>[ab]).*?(?P=q)",
    r"^(a*)(b*)\2\1$",
    r"((a)b?)\1\2",
    r"(?:(a?)b)*\1",
    r"(a??)\1b",
    r"(?:(a)\1?){2}b",
    r"(?|(a)b|(b))\1",
    r"(a*)(?:b\1){2,}",
    r"(?(1)a|b)(a)",
    r"(?:(a)(?(1)b|a))+",
    r"()\1(a)\2",
    r"(?:(a)|b){0,3}(?(1)\1|b)",
]


def accepts(term, text):
    for byte in text.encode():
        term = derive(term, byte)
    return term.nullable


@pytest.mark.parametrize("pattern", NAMED)
def test_named_patterns_accept_what_regex_accepts(pattern):
    compiled = compile_regex(pattern)
    assert compiled.engine == "captures"
    judge = regex.compile(pattern)
    assert [t for t in TEXTS if accepts(compiled.term, t)] == [t for t in TEXTS if judge.fullmatch(t)]


def _patterns(depth):
    if depth == 0:
        return st.sampled_from(["a", "b", "[ab]", r"\1", r"\2", "(?(1)a|b)", "(?(2)b|)"])
    inner = _patterns(depth - 1)
    return st.one_of(
        inner,
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"(?:{p[0]}|{p[1]})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,2}", "*?", "??"])).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
    )


@settings(derandomize=True, max_examples=400, deadline=None)
@given(
    _patterns(1),
    _patterns(1),
    _patterns(2),
    st.sampled_from(["(?:({0}){2}|({1}))*{2}", "({0})?({1})+{2}", "({0}|{1})(){2}"]),
)
def test_random_patterns_accept_what_regex_accepts(first, second, rest, shape):
    # the groups come first, and nothing refers to a group from inside it, which `regex` refuses
    first, second = (regex.sub(r"\\[12]|\(\?\([12]\)[^)]*\)", "a", part) for part in (first, second))
    pattern = shape.format(first, second, rest)
    judge = regex.compile(pattern)
    compiled = compile_regex(pattern)
    expected = [t for t in TEXTS if len(t) < 6 and judge.fullmatch(t)]
    assert [t for t in TEXTS if len(t) < 6 and accepts(compiled.term, t)] == expected
    if compiled.engine == "captures" and not is_empty(compiled.term):
        text = shortest(compiled.term)
        assert text is not None
        assert judge.fullmatch(text.decode())
        if expected:
            assert len(text) == min(len(t) for t in expected)
    elif compiled.engine == "captures":
        assert not expected


VOCABULARY = Vocabulary.from_bytes(
    [b"a", b"b", b"aa", b"ab", b"ba", b"bb", b"aab", b"abab", b"baab", None], eos_ids=[9]
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.sampled_from(NAMED), st.integers(0, 6), st.randoms(use_true_random=False))
def test_walks_within_a_budget_end_in_a_match(pattern, slack, random):
    constraint = relark.regex(pattern)
    if constraint.is_empty:
        return
    matcher = constraint.matcher(VOCABULARY)
    left = matcher.min_tokens() + slack
    text = b""
    while True:
        mask = matcher.mask(left)
        allowed = [i for i in range(VOCABULARY.size) if int(mask[0]) >> i & 1]
        if left == 0 or allowed == [9] or (9 in allowed and random.random() < 0.2):
            break
        assert allowed, (pattern, text, left)
        token = random.choice([i for i in allowed if i != 9])
        matcher.advance(token)
        text += VOCABULARY.token_bytes[token]
        left -= 1
    assert regex.fullmatch(pattern, text.decode()), (pattern, text)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.sampled_from(NAMED), st.text("ab", max_size=4))
def test_masks_are_those_of_every_continuation(pattern, prefix):
    judge = regex.compile(pattern)
    constraint = relark.regex(pattern)
    matcher = constraint.matcher(VOCABULARY)
    for character in prefix:
        token = "ab".index(character)
        if not matcher.allows(token):
            return
        matcher.advance(token)
    mask = int(matcher.mask()[0])
    for token in range(9):
        start = prefix + VOCABULARY.token_bytes[token].decode()
        alive = any(judge.fullmatch(start + rest) for rest in TEXTS)
        if alive:
            assert mask >> token & 1, (pattern, start)
        elif mask >> token & 1:  # a longer continuation then
            assert len(constraint.shortest()) > 6 or _completes(constraint, judge, start)


def _completes(constraint, judge, start):
    term = constraint.term
    for byte in start.encode():
        term = derive(term, byte)
    text = shortest(term)
    return text is not None and judge.fullmatch(start + text.decode()) is not None


def test_what_is_not_served_goes_to_partial_matching():
    assert compile_regex(r"(?iV1)(ß)\1").engine == "partial-match"
    assert compile_regex(r"(a)(?=b)\1").engine == "partial-match"
    assert compile_regex(r"(a+)b\1").engine == "captures"
