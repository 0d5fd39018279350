"""The irregular cases of `patterns` once more, all on the partial-match engine, though `captures` may serve some of
them."""

from __future__ import annotations

import random

import pytest
from patterns import CASES, Case
from test_masks_against_rellm import compare
from test_walks import HAND_PICKED, TINY, check_budgets, check_least, walk

import relark
import relark.frontends.regex
from relark import Vocabulary

IRREGULAR = [c for c in CASES if c.family in {"backreference", "conditional", "define", "recursion", "fuzzy"}]


@pytest.fixture(autouse=True)
def partial_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relark.frontends.regex, "threads_term", lambda *_: None)


@pytest.mark.parametrize("case", IRREGULAR, ids=str)
def test_texts(case: Case) -> None:
    constraint = relark.regex(case.pattern, case.flags, **case.lists)
    assert constraint.sources[0].engine != "captures"
    for text in (*case.accept, *case.reject):
        for changed in (text, text[:-1], text + "a", text[1:]):
            assert constraint.fullmatch(changed) == bool(case.compiled.fullmatch(changed)), changed


@pytest.mark.parametrize("case", IRREGULAR, ids=str)
def test_masks(case: Case, small_vocabulary: Vocabulary) -> None:
    compare(case, small_vocabulary, 2)


@pytest.mark.parametrize("case", [c for c in IRREGULAR if c.accept], ids=str)
def test_walks(case: Case, small_vocabulary: Vocabulary) -> None:
    for seed in range(2):
        walk(case, small_vocabulary, random.Random(f"{case.number}/{seed}"), 2 + seed * 3)


@pytest.mark.parametrize("case", [c for c in IRREGULAR if c.accept], ids=str)
def test_budgets(case: Case, small_vocabulary: Vocabulary) -> None:
    check_budgets(case, small_vocabulary, (0, 4))


@pytest.mark.parametrize("pattern", [p for p in HAND_PICKED if any(s in p for s in ("\\1", "(?R)", "(?(1)", "{e<"))])
def test_least_tokens(pattern: str) -> None:
    check_least(pattern, TINY)


@pytest.mark.slow
@pytest.mark.parametrize("case", IRREGULAR, ids=str)
def test_masks_over_a_real_vocabulary(case: Case, smollm2: Vocabulary) -> None:
    compare(case, smollm2, 2)
