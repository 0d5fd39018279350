"""The cases of `patterns`: first that they are right by ``regex.fullmatch``, then that relark agrees, in every
tokenisation."""

from __future__ import annotations

import random

import pytest
from patterns import CASES, Case

import relark
from relark import Vocabulary


def test_there_are_enough_patterns() -> None:
    assert len(CASES) >= 200
    assert len({(c.pattern, c.flags) for c in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_texts_are_judged_as_by_the_regex_module(case: Case) -> None:
    compiled = case.compiled
    for text in case.accept:
        assert compiled.fullmatch(text), f"the case is wrong: {text!r} does not match"
    for text in case.reject:
        assert not compiled.fullmatch(text), f"the case is wrong: {text!r} matches"
    constraint = relark.regex(case.pattern, case.flags, **case.lists)
    for text in (*case.accept, *case.reject):
        assert constraint.fullmatch(text) == bool(compiled.fullmatch(text)), text
    for text in [*case.accept, *case.reject]:  # and what differs from them by one character
        for i in range(min(len(text), 12) + 1):
            for changed in (
                text[:i],
                text[:i] + text[i + 1 :],
                text[:i] + "a" + text[i:],
                text[:i] + "é" + text[i + 1 :],
            ):
                assert constraint.fullmatch(changed) == bool(compiled.fullmatch(changed)), changed


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_compiled_pattern_means_the_same(case: Case) -> None:
    constraint = relark.regex(case.compiled)
    for text in (*case.accept, *case.reject):
        assert constraint.fullmatch(text) == bool(case.compiled.fullmatch(text)), text


ALWAYS_IRREGULAR = {"backreference", "fuzzy"}
IRREGULAR = ALWAYS_IRREGULAR | {"recursion", "conditional", "grapheme", "reverse", "verb"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_engine_is_the_expected_one(case: Case) -> None:
    (source,) = relark.regex(case.pattern, case.flags, **case.lists).sources
    if source.engine == "derivative":
        assert not source.reasons
        assert case.family not in ALWAYS_IRREGULAR
    else:
        assert source.reasons
        assert case.family in IRREGULAR or "WORD flag" in source.reasons[0].why
    if source.engine == "captures":
        assert case.family in {"backreference", "conditional"}


@pytest.mark.parametrize("case", [c for c in CASES if c.accept], ids=str)
def test_accepted_texts_can_be_written_in_random_tokenisations(case: Case, small_vocabulary: Vocabulary) -> None:
    rng = random.Random(case.number)
    constraint = relark.regex(case.pattern, case.flags, **case.lists)
    for text in case.accept:
        for _ in range(2):
            matcher = constraint.matcher(small_vocabulary)
            for token_id in random_tokenisation(text.encode(), small_vocabulary, rng):
                assert matcher.allows(token_id), (text, small_vocabulary.token_bytes[token_id])
                matcher.advance(token_id)
            assert matcher.is_accepting
            assert matcher.allows(small_vocabulary.eos_ids[0])
            assert matcher.min_tokens() == 0


def random_tokenisation(data: bytes, vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    """Tokens that spell ``data``, each picked at random from those that fit."""
    ids = []
    while data:
        fitting = [i for n in range(1, 5) if len(data) >= n and (i := vocabulary.ids.get(data[:n])) is not None]
        ids.append(rng.choice(fitting))
        data = data[len(vocabulary.token_bytes[ids[-1]] or b"") :]
    return ids
