"""Texts to judge a grammar by, and what must hold of them: all short texts, changes to right ones, and those that
Hypothesis makes of the grammar.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from families import Pair
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.extra.lark import from_lark

import relark
from relark import Constraint
from relark.errors import UnsatisfiableError
from relark.language import EMPTY, Term, derive, is_empty, shortest

__all__ = ["check_completions", "check_texts", "compiled", "hypothetical_texts", "mutants", "short_texts"]


@cache
def compiled(pair: Pair) -> Constraint | None:
    """None where no text is accepted."""
    try:
        return relark.grammar(pair.lark, start=pair.start)
    except UnsatisfiableError:
        return None


# --- texts ----------------------------------------------------------------------------------------------


def short_texts(alphabet: Sequence[str], most: int) -> Iterator[str]:
    """All texts of the letters or pieces up to some length, at most ``most``."""
    count = 0
    for length in itertools.count():
        count += len(alphabet) ** length
        if count > most:
            return
        for letters in itertools.product(alphabet, repeat=length):
            yield "".join(letters)


def texts_up_to(alphabet: str, longest: int) -> Iterator[str]:
    """All texts of the letters with at most ``longest`` of them."""
    for length in range(longest + 1):
        for letters in itertools.product(alphabet, repeat=length):
            yield "".join(letters)


def state_after(term: Term, text: str) -> Term:
    """What may follow ``text``."""
    for byte in text.encode():
        term = derive(term, byte)
    return term


def mutants(texts: Sequence[str], alphabet: str, count: int, rng: random.Random) -> Iterator[str]:
    """Texts with one to three changes: letters put in, taken out, replaced, swapped, parts doubled, texts joined."""
    for _ in range(count if texts else 0):
        text = rng.choice(texts)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            i, j = sorted(rng.randrange(len(text) + 1) for _ in range(2))
            letter = rng.choice(alphabet + text)
            match rng.randrange(7):
                case 0 | 1:
                    text = text[:i] + letter + text[i:]
                case 2:
                    text = text[:i] + text[i + 1 :]
                case 3:
                    text = text[:i] + letter + text[i + 1 :]
                case 4:
                    text = text[:i] + text[i + 1 : i + 2] + text[i : i + 1] + text[i + 2 :]
                case 5:
                    text = text[:j] + text[i : min(j, i + 20)] + text[j:]
                case _:
                    text = text[:i] + rng.choice(texts)[:40]
        yield text


def hypothetical_texts(pair: Pair, count: int) -> tuple[str, ...]:
    """What ``from_lark`` makes, right or wrong, first with the letters of the sample; nothing where it cannot."""
    found: dict[str, None] = {}
    letters = sorted({*"".join(pair.sample.texts), *pair.sample.alphabet, " "})
    for alphabet in (st.sampled_from(letters), st.characters(codec="utf-8")):

        @settings(
            max_examples=count,
            phases=[Phase.generate],
            database=None,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(from_lark(pair.lark, start=pair.start, alphabet=alphabet))
        def collect(text: str) -> None:
            if len(text) < 300:
                found.setdefault(text)

        try:
            collect()
        except (HypothesisException, AssertionError, ValueError, KeyError, re.error):
            continue  # terminals that it cannot write: lookbehinds, the syntax of `regex`, %declare, other letters
    return tuple(found)


# --- what must hold -----------------------------------------------------------------------------------------


def check_texts(pair: Pair, texts: Iterable[str]) -> list[str]:
    """Relark says of each text what Lark says. The texts that Lark parses."""
    constraint = compiled(pair)
    accepted = []
    for text in dict.fromkeys(texts):
        expected = pair.accepts(text)
        got = constraint is not None and constraint.fullmatch(text)
        assert got == expected, f"{text!r}: Lark says {expected}, relark {got}"
        if expected:
            accepted.append(text)
    return accepted


def check_completions(pair: Pair, accepted: Iterable[str], prefixes: Iterable[str], most: int) -> None:
    """Every prefix of an accepted text is live, and its completion no longer than the rest of the text; whatever is
    live is completed to a text that Lark parses. Up to ``most`` states are looked at."""
    constraint = compiled(pair)
    if constraint is None:
        assert not list(accepted)
        return
    completions: dict[Term, bytes] = {}
    for text in (*accepted, *prefixes):
        data = text.encode()
        term = constraint.term
        for i in range(len(data) + 1):
            if term not in completions:
                if len(completions) >= most:
                    break
                completions[term] = checked_completion(pair, term, data[:i])
            if i < len(data):
                term = derive(term, data[i])
                if term is EMPTY or is_empty(term):
                    break
    for text in accepted:
        data = text.encode()
        term = constraint.term
        for i in range(len(data) + 1):
            assert not is_empty(term), f"{data[:i]!r} is refused, although {text!r} is right"
            rest = completions.get(term)
            assert rest is None or len(rest) <= len(data) - i, f"{data[:i]!r} + {rest!r} is longer than {text!r}"
            if i < len(data):
                term = derive(term, data[i])


def checked_completion(pair: Pair, term: Term, prefix: bytes) -> bytes:
    """The completion of ``prefix``, whose state is ``term``, after Lark has parsed both."""
    rest = shortest(term)
    assert rest is not None, f"{prefix!r} is live, and nothing completes it"
    text = (prefix + rest).decode()
    assert pair.accepts(text), f"{prefix!r} is completed by {rest!r}, which Lark refuses"
    return rest
