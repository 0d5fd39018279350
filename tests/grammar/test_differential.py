"""Lark is the judge: whatever it parses is accepted, whatever it refuses is refused, with every parser and lexer; and
what is live can be completed to a text that Lark parses.
"""

from __future__ import annotations

import random
from functools import cache
from zlib import crc32

import pytest
from families import LALR, MODES, PAIRS, SAMPLES, Pair, Sample
from lark.exceptions import LarkError
from oracle import check_completions, check_texts, hypothetical_texts, mutants, short_texts
from random_grammars import random_pairs, wordy_pairs

import relark
from relark.errors import UnsatisfiableError, UnsupportedError

HERE = PAIRS[::6]  # the others take minutes


def check(pair: Pair, *, short: int, changed: int, states: int, more: tuple[str, ...] = ()) -> list[str]:
    """Short texts, those of the sample and ``more``, and changes to what of them is right. The right ones."""
    sample = pair.sample
    rng = random.Random(crc32(str(pair).encode()))
    texts = [*short_texts(sample.alphabet, short), *sample.texts, *more]
    if sample.pieces:
        texts += short_texts(sample.pieces, 2 * short)
    accepted = check_texts(pair, texts)
    accepted += check_texts(pair, mutants([*accepted[-30:], *sample.texts], sample.alphabet, changed, rng))
    check_completions(pair, accepted[:50] + accepted[-50:], texts, states)
    return accepted


@cache
def made_by_hypothesis(sample: Sample, start: str, count: int) -> tuple[str, ...]:
    return hypothetical_texts(Pair(sample, sample.modes[0], start), count)


def test_there_are_enough_pairs() -> None:
    assert len(SAMPLES) >= 80
    assert len(PAIRS) >= 200
    assert {pair.mode for pair in PAIRS} == set(MODES)


@pytest.mark.parametrize("pair", HERE, ids=str)
def test_verdicts_and_completions(pair: Pair) -> None:
    check(pair, short=60, changed=20, states=25)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_many_verdicts_and_completions(pair: Pair) -> None:
    more = made_by_hypothesis(pair.sample, pair.start, 30)
    accepted = check(pair, short=3000, changed=300, states=300, more=more)
    assert accepted or pair.sample.name in EMPTY, "no text is accepted at all"


EMPTY = {"lookaheads that contradict", "nothing at all"}  # whatever the options


@pytest.mark.parametrize("name", ["json", "turtle", "a small language", "chess"])
def test_texts_of_hypothesis(name: str) -> None:
    sample = SAMPLES[name]
    texts = made_by_hypothesis(sample, "start", 8)
    assert texts
    for mode in ("dynamic", "contextual"):
        assert check_texts(Pair(sample, mode, "start"), texts)


ONCE_WRONG = (
    "words that are cut out stand alone",
    "possessive",
    "possessive and horizontal",
    "a keyword that only words without case leave",
    "nothing but shifts",
    "an ignored word is the keyword of a name",
    "a word of what is ignored is a keyword",
    "ignored and used",
    "ignored, or a token at the end",
    "repetitions in repetitions",
)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.sample.name in ONCE_WRONG], ids=str)
def test_what_was_once_wrong(pair: Pair) -> None:
    check(pair, short=150, changed=30, states=40)


@pytest.mark.parametrize("lexer", ["contextual", "basic"])
def test_a_table_that_always_shifts_is_refused(lexer: str) -> None:
    """Its conflicts are resolved so that no text is ever complete, however long."""
    grammar = SAMPLES["nothing but shifts"].grammar
    assert not any(Pair(SAMPLES["nothing but shifts"], lexer, "start").accepts("bc" * n) for n in range(8))
    with pytest.raises((UnsupportedError, UnsatisfiableError)):
        relark.grammar(grammar, parser="lalr", lexer=lexer)


# --- random grammars --------------------------------------------------------------------------------------


def check_random(pairs: list[Pair], short: int) -> None:
    for pair in pairs:
        try:
            _ = pair.lark
        except LarkError:
            continue  # conflicts
        except AttributeError:
            continue  # of interegular, where Lark finds it installed and it can read none of the terminals
        try:
            check(pair, short=short, changed=0, states=60)
        except UnsupportedError:
            assert pair.mode in LALR
            assert not any(map(pair.accepts, short_texts(pair.sample.alphabet, short)))
        except AssertionError as error:
            raise AssertionError(f"{pair}\n{pair.sample.grammar}\n{error}") from error


@pytest.mark.parametrize("seed", range(30))
def test_random_grammars(seed: int) -> None:
    check_random(random_pairs(seed) if seed % 2 else wordy_pairs(seed), 90)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1600))
def test_many_random_grammars(seed: int) -> None:
    check_random(random_pairs(seed), 400)
    check_random(wordy_pairs(seed), 400)
