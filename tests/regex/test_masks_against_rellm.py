"""Masks against ReLLM's own rule, token by token over a whole vocabulary.

Where the two differ one of them must be wrong, and ``regex.fullmatch`` says which: a token that only relark allows
must have a completion that matches; for a token that only ReLLM allows a search for a completion must find none.
"""

from __future__ import annotations

import random

import pytest
from patterns import CASES, Case

import relark
from reference import completes, find_completion, rellm_mask, unpack
from relark import Matcher, Vocabulary

DIFFERENCES_SHOWN = 6  # of each kind, at each prefix


def prefixes(case: Case, matcher: Matcher, rng: random.Random, count: int) -> list[Matcher]:
    """The start, cuts through accepted texts and the ends of random walks."""
    vocabulary = matcher.vocabulary
    found = [matcher]
    while len(found) < count:
        at = matcher.fork()
        if case.accept and rng.random() < 0.6:
            data = rng.choice(case.accept).encode()
            for token_id in vocabulary.encode(data[: rng.randrange(len(data) + 1)]):
                at.advance(token_id)
        else:
            for _ in range(rng.randrange(1, 5)):
                allowed = sorted(unpack(at.mask(), vocabulary.size) - set(vocabulary.eos_ids))
                if not allowed:
                    break
                at.advance(rng.choice(allowed))
        found.append(at)
    return found


def text_so_far(matcher: Matcher, start: Matcher) -> bytes:
    """The bytes that led from ``start`` to ``matcher``."""
    ids: list[int] = []
    step = matcher._step
    while step is not start._step:
        ids.append(step.token_id)
        assert step.previous is not None
        step = step.previous
    return matcher.vocabulary.decode(reversed(ids))


def compare(case: Case, vocabulary: Vocabulary, count: int) -> None:
    compiled = case.compiled
    rng = random.Random(case.number)
    try:
        start = relark.regex(case.pattern, case.flags, **case.lists).matcher(vocabulary)
    except relark.errors.UnsatisfiableError:
        assert not case.accept
        assert find_completion(compiled, b"") is None
        return
    eos = set(vocabulary.eos_ids)
    for matcher in prefixes(case, start, rng, count):
        prefix = text_so_far(matcher, start)
        ours = unpack(matcher.mask(), vocabulary.size)
        assert (ours & eos == eos) == completes(compiled, prefix), f"EOS after {prefix!r}"
        ours -= eos
        theirs = rellm_mask(compiled, prefix, vocabulary.token_bytes)
        for token_id in some(ours - theirs, rng):
            after = matcher.fork()
            after.advance(token_id)
            text = prefix + (vocabulary.token_bytes[token_id] or b"") + after.shortest()
            assert completes(compiled, text), (
                f"{prefix!r} + {vocabulary.token_bytes[token_id]!r}: only ReLLM refuses it, but {text!r} does not match"
            )
        for token_id in some(theirs - ours, rng):
            data = prefix + (vocabulary.token_bytes[token_id] or b"")
            completion = find_completion(compiled, data)
            assert completion is None, (
                f"{prefix!r} + {vocabulary.token_bytes[token_id]!r} is refused, but {completion!r} matches"
            )


def some(tokens: set[int], rng: random.Random) -> list[int]:
    return rng.sample(sorted(tokens), min(len(tokens), DIFFERENCES_SHOWN))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mask_is_rellms(case: Case, small_vocabulary: Vocabulary) -> None:
    compare(case, small_vocabulary, 3)


@pytest.mark.parametrize("case", CASES[::15], ids=str)
def test_mask_is_rellms_over_a_real_vocabulary_sampled(case: Case, smollm2: Vocabulary) -> None:
    compare(case, smollm2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_mask_is_rellms_over_a_real_vocabulary(case: Case, smollm2: Vocabulary) -> None:
    compare(case, smollm2, 4)
