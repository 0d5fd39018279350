"""Texts and patterns that nobody wrote: Hypothesis' texts for the cases of `patterns`, and random patterns compared
with ``regex`` text by text."""

from __future__ import annotations

import random
import re

import pytest
import regex
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, Unsatisfiable
from patterns import CASES, Case
from random_patterns import TEXTS, random_irregular_pattern, random_pattern

import relark
import relark.frontends.regex
from relark import Vocabulary
from relark.language import derive, is_empty

_COMMON_FLAGS = int(regex.I | regex.S | regex.M | regex.X | regex.A)


def _as_re(case: Case) -> re.Pattern[str] | None:
    """The same pattern for ``re``, which Hypothesis reads; None if it has other syntax."""
    if case.lists or case.flags & ~_COMMON_FLAGS:
        return None
    try:
        return re.compile(case.pattern, case.flags)
    except (re.error, OverflowError, FutureWarning, DeprecationWarning):
        return None


READABLE = [(case, compiled) for case in CASES if (compiled := _as_re(case)) is not None]
HARD_TO_WRITE = {
    r"(?>a*)ab",
    r"(?>(a+))\1",
    r"(a+?)\1+",
    r"[\u0000-\U0010FFFF]",
    r"\b(\w+)\b \b\1\b",
}  # ten seconds each
QUICK = [(case, compiled) for case, compiled in READABLE if case.pattern not in HARD_TO_WRITE]
relaxed = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def check_generated(case: Case, compiled: re.Pattern[str], vocabulary: Vocabulary, examples: int) -> None:
    try:
        st.from_regex(compiled, fullmatch=True).validate()
    except (InvalidArgument, NotImplementedError):
        pytest.skip("Hypothesis does not know this syntax")
    constraint = relark.regex(case.pattern, case.flags)
    judge = case.compiled

    @settings(relaxed, max_examples=examples)
    @given(text=st.from_regex(compiled, fullmatch=True), seed=st.integers(0, 1 << 30))
    def check(text: str, seed: int) -> None:
        assume(not any("\ud800" <= c <= "\udfff" for c in text) and len(text) < 200)
        matches = judge.fullmatch(text) is not None  # `re` and `regex` differ here and there
        assert constraint.fullmatch(text) == matches
        if matches:
            rng = random.Random(seed)
            matcher = constraint.matcher(vocabulary)
            data = text.encode()
            while data:
                fitting = [
                    i for n in (1, 2, 3, 4) if len(data) >= n and (i := vocabulary.ids.get(data[:n])) is not None
                ]
                token_id = rng.choice(fitting)
                matcher.advance(token_id)
                data = data[len(vocabulary.token_bytes[token_id] or b"") :]
            assert matcher.is_accepting

    try:
        check()
    except Unsatisfiable:
        pytest.skip("Hypothesis writes no matching text for this pattern")


def test_most_cases_are_generated_from() -> None:
    assert len(READABLE) >= 120


@pytest.mark.parametrize(("case", "compiled"), QUICK, ids=lambda v: str(v) if isinstance(v, Case) else "")
def test_texts_of_hypothesis_are_accepted(case: Case, compiled: re.Pattern[str], small_vocabulary: Vocabulary) -> None:
    check_generated(case, compiled, small_vocabulary, 8)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "compiled"), READABLE, ids=lambda v: str(v) if isinstance(v, Case) else "")
def test_many_texts_of_hypothesis_are_accepted(
    case: Case, compiled: re.Pattern[str], small_vocabulary: Vocabulary
) -> None:
    check_generated(case, compiled, small_vocabulary, 200)


def compare_random_patterns(seed: int, count: int, depth: int) -> None:
    rng = random.Random(seed)
    for _ in range(count):
        pattern = random_pattern(rng, depth)
        judge = regex.compile(pattern)
        constraint = relark.regex(pattern)
        for text in TEXTS:
            expected = judge.fullmatch(text, timeout=5) is not None
            assert constraint.fullmatch(text) == expected, f"{pattern} on {text!r}: regex says {expected}"


@pytest.mark.parametrize("seed", range(6))
def test_random_patterns_mean_what_the_regex_module_says(seed: int) -> None:
    compare_random_patterns(seed, 25, 2 + seed % 3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 30))
def test_many_random_patterns_mean_what_the_regex_module_says(seed: int) -> None:
    compare_random_patterns(seed, 150, 2 + seed % 3)


def compare_irregular_patterns(seed: int, count: int) -> None:
    """Members by ``regex.fullmatch``, and every start of a member is alive."""
    rng = random.Random(seed)
    for _ in range(count):
        pattern = random_irregular_pattern(rng)
        judge = regex.compile(pattern)
        try:
            members = {text for text in TEXTS if judge.fullmatch(text, timeout=1)}
        except TimeoutError:
            continue
        constraint = relark.regex(pattern)
        starts = {m[:i] for m in members for i in range(len(m) + 1)}
        terms = {"": constraint.term}
        for text in TEXTS:  # shorter ones first
            if text:
                terms[text] = derive(terms[text[:-1]], ord(text[-1]))
            term = terms[text]
            assert term.nullable == (text in members), f"{pattern} on {text!r}: regex says {text in members}"
            assert text not in starts or not is_empty(term), f"{pattern}: {text!r} can be completed"


@pytest.mark.parametrize("engine", ["as chosen", "partial-match"])
@pytest.mark.parametrize("seed", range(3))
def test_random_irregular_patterns_mean_what_the_regex_module_says(
    seed: int, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "partial-match":
        monkeypatch.setattr(relark.frontends.regex, "threads_term", lambda *_: None)
    compare_irregular_patterns(seed, 25)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["as chosen", "partial-match"])
@pytest.mark.parametrize("seed", range(10, 30))
def test_many_random_irregular_patterns_mean_what_the_regex_module_says(
    seed: int, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "partial-match":
        monkeypatch.setattr(relark.frontends.regex, "threads_term", lambda *_: None)
    compare_irregular_patterns(seed, 100)
