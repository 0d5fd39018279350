"""Random walks through the masks: whatever is written, it can be completed, and the completed text fullmatches,
within the budget if there is one."""

from __future__ import annotations

import random

import numpy as np
import pytest
import regex
from patterns import CASES, Case
from random_patterns import random_pattern

import relark
from reference import completes, least_tokens, unpack
from relark import Matcher, Vocabulary
from relark.errors import UnsatisfiableError

SATISFIABLE = [case for case in CASES if case.accept]


def allowed_tokens(matcher: Matcher, tokens_left: int | None = None) -> list[int]:
    return sorted(unpack(matcher.mask(tokens_left), matcher.vocabulary.size))


def walk(case: Case, vocabulary: Vocabulary, rng: random.Random, steps: int) -> None:
    matcher = relark.regex(case.pattern, case.flags, **case.lists).matcher(vocabulary)
    written = b""
    for _ in range(steps):
        allowed = allowed_tokens(matcher)
        assert allowed, f"the walk died after {written!r}"
        token_id = rng.choice(allowed)
        matcher.advance(token_id)
        if token_id in vocabulary.eos_ids:
            assert completes(case.compiled, written)
            assert matcher.is_finished
            return
        written += vocabulary.token_bytes[token_id] or b""
    rest = matcher.shortest()
    assert completes(case.compiled, written + rest), f"{written!r} is completed by {rest!r}"
    for token_id in vocabulary.encode(rest):
        matcher.advance(token_id)
    assert matcher.is_accepting


@pytest.mark.parametrize("case", SATISFIABLE, ids=str)
def test_walks_can_be_completed_and_match(case: Case, small_vocabulary: Vocabulary) -> None:
    for seed in range(3):
        walk(case, small_vocabulary, random.Random(f"{case.number}/{seed}"), seed * 3)


@pytest.mark.slow
@pytest.mark.parametrize("case", SATISFIABLE, ids=str)
def test_long_walks_can_be_completed_and_match(case: Case, smollm2: Vocabulary) -> None:
    for seed in range(3):
        walk(case, smollm2, random.Random(f"{case.number}/{seed}"), 3 + seed * 4)


def write_within(matcher: Matcher, budget: int, rng: random.Random) -> bytes:
    """A text of at most ``budget`` tokens, each picked at random from those that ``mask(tokens_left)`` allows."""
    vocabulary = matcher.vocabulary
    written = b""
    for left in range(budget, 0, -1):
        allowed = allowed_tokens(matcher, left)
        assert allowed, f"nothing is allowed after {written!r} with {left} tokens left"
        # EOS only where nothing else goes, so that the budget is really used up
        token_id = rng.choice([t for t in allowed if t not in vocabulary.eos_ids] or allowed)
        matcher.advance(token_id)
        if token_id in vocabulary.eos_ids:
            break
        written += vocabulary.token_bytes[token_id] or b""
    assert matcher.is_accepting or matcher.is_finished, f"{written!r} is not complete"
    return written


def check_budgets(case: Case, vocabulary: Vocabulary, extras: tuple[int, ...]) -> None:
    constraint = relark.regex(case.pattern, case.flags, **case.lists)
    least = constraint.matcher(vocabulary).min_tokens()
    for extra in extras:
        matcher = constraint.matcher(vocabulary)
        rng = random.Random(f"{case.number}/{extra}")
        written = write_within(matcher, least + extra, rng)
        assert completes(case.compiled, written), f"budget {least} + {extra}: {written!r}"


@pytest.mark.parametrize("case", SATISFIABLE, ids=str)
def test_every_feasible_budget_is_kept(case: Case, small_vocabulary: Vocabulary) -> None:
    check_budgets(case, small_vocabulary, (0, 2, 7))


@pytest.mark.slow
@pytest.mark.parametrize("case", SATISFIABLE, ids=str)
def test_every_feasible_budget_is_kept_with_a_real_vocabulary(case: Case, smollm2: Vocabulary) -> None:
    check_budgets(case, smollm2, (0, 1, 3, 10))


TINY = Vocabulary.from_bytes([None, b"a", b"b", b"-", b"ab", b"ba", b"aab", b"b-", b"-a-", b"bbbb"], eos_ids=[0])
NO_SINGLE_A = Vocabulary.from_bytes([None, b"b", b"aa", b"ab", b"ba", b"baa", b"-"], eos_ids=[0])
MOST = 4  # tokens that brute force tries: 9 ** 4 texts

# fmt: off
HAND_PICKED = [
    "a{5}", "a{5}b*", "(?:ab){2,}", "(?:aab|b){3}", r"(a+)b\1", r"(a|b)(a|b)\2\1", "[ab]*-[ab]*",
    "(?=.*bbbb)[ab]{5,}", "a(?!b).{3}", "(?<!a)b+-", "b{7}|a{5}", "(?>a|ab)-", "a++b", r"\bab\b-",
    "(?:(?:aab){e<=1})", "-(?:[ab]|(?R))*-", "(a)?b(?(1)a|-)", "(?:aa)+", "(?:b|aa)+a", "a",
]
# fmt: on


def check_least(pattern: str, vocabulary: Vocabulary) -> None:
    judge = regex.compile(pattern)
    expected = least_tokens(judge, b"", vocabulary.token_bytes, MOST)
    try:
        matcher = relark.regex(pattern).matcher(vocabulary)
        found = matcher.min_tokens()
    except UnsatisfiableError:
        assert expected is None, f"{pattern} can be written in {expected} tokens"
        return
    assert found == expected if expected is not None else found > MOST, (
        f"{pattern}: brute force needs {expected} tokens"
    )
    if expected is None:
        return
    for _ in range(2):  # and so it goes on after a token
        allowed = [t for t in allowed_tokens(matcher) if t not in vocabulary.eos_ids]
        if not allowed:
            return
        matcher.advance(random.Random(pattern).choice(allowed))
        written = vocabulary.decode(step_ids(matcher))
        expected = least_tokens(judge, written, vocabulary.token_bytes, MOST - 1)
        found = matcher.min_tokens()
        assert found == expected if expected is not None else found >= MOST, (pattern, written, found, expected)


def step_ids(matcher: Matcher) -> list[int]:
    ids = []
    step = matcher._step
    while step.previous is not None:
        ids.append(step.token_id)
        step = step.previous
    return ids[::-1]


@pytest.mark.parametrize("vocabulary", [TINY, NO_SINGLE_A], ids=["tiny", "no single a"])
@pytest.mark.parametrize("pattern", HAND_PICKED)
def test_min_tokens_is_the_least_by_brute_force(pattern: str, vocabulary: Vocabulary) -> None:
    check_least(pattern, vocabulary)


def test_min_tokens_of_random_patterns_is_the_least_by_brute_force() -> None:
    rng = random.Random(7)
    for _ in range(40):
        check_least(random_pattern(rng, 3), TINY if rng.random() < 0.5 else NO_SINGLE_A)


def test_budgets_of_random_patterns_are_kept() -> None:
    rng = random.Random(8)
    for _ in range(60):
        pattern = random_pattern(rng, 4)
        try:
            start = relark.regex(pattern).matcher(TINY)
        except UnsatisfiableError:
            continue
        least = start.min_tokens()
        for budget in (least, least + 1, least + 4):
            written = write_within(start.fork(), budget, rng)
            assert completes(regex.compile(pattern), written), (pattern, budget, written)


@pytest.mark.parametrize("case", SATISFIABLE[::4], ids=str)
def test_rollback_gives_the_same_masks_and_forks_are_independent(case: Case, small_vocabulary: Vocabulary) -> None:
    rng = random.Random(case.number)
    matcher = relark.regex(case.pattern, case.flags, **case.lists).matcher(small_vocabulary)
    masks, forks = [matcher.mask().copy()], [matcher.fork()]
    for _ in range(5):
        allowed = [t for t in allowed_tokens(matcher) if t not in small_vocabulary.eos_ids]
        if not allowed:
            break
        matcher.advance(rng.choice(allowed))
        masks.append(matcher.mask().copy())
        forks.append(matcher.fork())
    for back in range(len(masks)):
        assert np.array_equal(matcher.mask(), masks[-1 - back])
        if back + 1 < len(masks):
            matcher.rollback()
    for fork, mask in zip(forks, masks, strict=True):
        assert np.array_equal(fork.mask(), mask)
    relark.clear_caches()  # and nothing hangs on what was remembered
    for fork, mask in zip(forks, masks, strict=True):
        assert np.array_equal(fork.mask(), mask)
