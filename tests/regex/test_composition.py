"""``+ | & ~ repeat`` against sets of texts: on a small alphabet a language is the set of its members up to some
length."""

from __future__ import annotations

import itertools
import random

import pytest
import regex
from random_patterns import ALPHABET, TEXTS, random_pattern

import relark
from reference import unpack
from relark import Constraint, Vocabulary

LONGEST = max(map(len, TEXTS))
IRREGULAR = [r"(a+)b\1", r"(a|b)(a|b)\2\1?", r"-(?:[ab]|(?R))*-", r"(a)?b(?(1)a|-)", r"(?:ab){e<=1}", r"(?=(a+))\1b*"]
LETTERS = Vocabulary.from_bytes([None, *(c.encode() for c in ALPHABET)], eos_ids=[0])
Pair = tuple[Constraint, frozenset[str]]


def atom(rng: random.Random) -> Pair:
    pattern = rng.choice(IRREGULAR) if rng.random() < 0.25 else random_pattern(rng, 2)
    judge = regex.compile(pattern)
    return relark.regex(pattern), frozenset(t for t in TEXTS if judge.fullmatch(t))


def combined(rng: random.Random, depth: int) -> Pair:
    """A random combination and its members among `TEXTS`."""
    if depth == 0:
        return atom(rng)
    left, in_left = combined(rng, depth - 1)
    match rng.choice("+|&~r"):
        case "+":
            right, in_right = combined(rng, depth - 1)
            joined = {a + b for a, b in itertools.product(in_left, in_right) if len(a) + len(b) <= LONGEST}
            return left + right, frozenset(joined)
        case "|":
            right, in_right = combined(rng, depth - 1)
            return left | right, in_left | in_right
        case "&":
            right, in_right = combined(rng, depth - 1)
            return left & right, in_left & in_right
        case "~":
            return ~left, frozenset(TEXTS) - in_left
    lo = rng.randrange(3)
    hi = rng.choice([None, lo, lo + 1])
    times: set[str] = {""}
    members: set[str] = set()
    for count in range(LONGEST + lo + 1 if hi is None else hi + 1):
        if count >= lo:
            members |= times
        times = {a + b for a, b in itertools.product(times, in_left) if len(a) + len(b) <= LONGEST}
    return left.repeat(lo, hi), frozenset(members)


def check(constraint: Constraint, members: frozenset[str], rng: random.Random) -> None:
    for text in TEXTS:
        assert constraint.fullmatch(text) == (text in members), f"{constraint} on {text!r}"
    shortest = constraint.shortest()
    if members:
        assert not constraint.is_empty
        least = min(map(len, members))
        assert shortest is not None
        assert len(shortest) <= least, f"{constraint}: {shortest!r}, but {min(members, key=len)!r} is shorter"
        if set(shortest) <= set(ALPHABET) and len(shortest) <= LONGEST:
            assert shortest in members
    elif constraint.is_empty:
        assert shortest is None
    elif shortest is not None and set(shortest) <= set(ALPHABET):
        assert len(shortest) > LONGEST
    if members:
        walk(constraint, members, rng)


def walk(constraint: Constraint, members: frozenset[str], rng: random.Random) -> None:
    """Each mask on the way holds the letters that lead on to a member, at least."""
    matcher = constraint.matcher(LETTERS)
    written = ""
    while len(written) < LONGEST:
        leads_on = {m[len(written)] for m in members if m.startswith(written) and m != written}
        allowed = unpack(matcher.mask(), LETTERS.size)
        assert (0 in allowed) == (written in members)
        letters = {ALPHABET[i - 1] for i in allowed - {0}}
        assert leads_on <= letters, f"{constraint} after {written!r}: {leads_on - letters} should be allowed"
        if not leads_on:
            return
        letter = rng.choice(sorted(leads_on))
        matcher.advance(ALPHABET.index(letter) + 1)
        written += letter


@pytest.mark.parametrize("seed", range(40))
def test_combinations_are_set_operations(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(4):
        check(*combined(rng, 1 + seed % 2), rng)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40, 200))
def test_deeper_combinations_are_set_operations(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(4):
        check(*combined(rng, 1 + seed % 3), rng)


def test_laws() -> None:
    a, b = relark.regex("a+b?"), relark.regex("[ab]{2}")
    for text in TEXTS:
        assert (~~a).fullmatch(text) == a.fullmatch(text)
        assert (~(a | b)).fullmatch(text) == (~a & ~b).fullmatch(text)
        assert (a + "").fullmatch(text) == a.fullmatch(text)
    assert (a & ~a).is_empty
    assert not (a | ~a).is_empty
    assert a.repeat(0, 0).fullmatch("")
