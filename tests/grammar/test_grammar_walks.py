"""Token by token: right texts are accepted however they are cut, random walks through the masks end in texts that Lark
parses, within the budget if there is one, and masks are what trying every token gives.
"""

from __future__ import annotations

import random
from functools import cache
from zlib import crc32

import numpy as np
import pytest
from families import PAIRS, SAMPLES, Pair
from oracle import checked_completion, compiled, short_texts

import relark
from reference import split_utf8, unpack
from relark import Matcher, Vocabulary
from relark.language import EMPTY, Term, derive, is_empty

EOS = 0
HERE = PAIRS[1::6]


@cache
def vocabulary_of(pair: Pair) -> Vocabulary:
    """The bytes, and pieces of two to four bytes of the texts of the sample, some of them cut inside a character."""
    sample = pair.sample
    pieces: dict[bytes, None] = dict.fromkeys(bytes([b]) for b in range(256))
    for text in (*sample.texts, sample.alphabet * 2, sample.alphabet[::-1]):
        data = text.encode()[:60]
        for length in (2, 3, 4):
            for i in range(len(data) + 1 - length):
                if len(pieces) < 500:
                    pieces[data[i : i + length]] = None
    return Vocabulary.from_bytes([None, *pieces], eos_ids=[EOS])


@cache
def narrow_vocabulary_of(pair: Pair) -> Vocabulary:
    """The characters of the alphabet and some of their combinations: walks stay near what the sample is about."""
    sample = pair.sample
    rng = random.Random(sample.name)
    letters = sorted({*sample.alphabet, *"".join(sample.texts)})
    longer = ("".join(rng.choices(sample.alphabet, k=rng.choice((2, 2, 3)))) for _ in range(30))
    texts = (*letters, *longer, *sample.pieces, *(t[:6] for t in sample.texts if t))
    tokens = dict.fromkeys(text.encode() for text in texts)
    return Vocabulary.from_bytes([None, *tokens], eos_ids=[EOS])


@cache
def full_vocabulary_of(pair: Pair) -> Vocabulary:
    """All bytes, and the tokens of the narrow one: every text can be written."""
    tokens = dict.fromkeys(bytes([b]) for b in range(256)) | dict.fromkeys(narrow_vocabulary_of(pair).token_bytes[1:])
    return Vocabulary.from_bytes([None, *tokens], eos_ids=[EOS])


def seeded(pair: Pair, number: int) -> random.Random:
    return random.Random(crc32(f"{pair}/{number}".encode()))


def allowed_tokens(matcher: Matcher, tokens_left: int | None = None) -> list[int]:
    return sorted(unpack(matcher.mask(tokens_left), matcher.vocabulary.size))


def cut(data: bytes, vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    """A random tokenisation."""
    ids = {token: i for i, token in enumerate(vocabulary.token_bytes) if token}
    written = []
    at = 0
    while at < len(data):
        found = [ids[piece] for n in range(1, 7) if (piece := data[at : at + n]) in ids and len(piece) == n]
        written.append(rng.choice(found))
        at += len(vocabulary.token_bytes[written[-1]] or b"")
    return written


# --- right texts ----------------------------------------------------------------------------------------


def check_tokenisations(pair: Pair, count: int, times: int) -> None:
    constraint = compiled(pair)
    texts = [text for text in (*pair.sample.texts, *short_texts(pair.sample.alphabet, count)) if pair.accepts(text)]
    vocabulary = vocabulary_of(pair)
    for number, text in enumerate((texts[:20] + texts[-20:]) * times):
        assert constraint is not None
        matcher = constraint.matcher(vocabulary)
        for token_id in cut(text.encode(), vocabulary, seeded(pair, number)):
            matcher.advance(token_id)
        assert matcher.is_accepting, text
        matcher.advance(EOS)


@pytest.mark.parametrize("pair", HERE, ids=str)
def test_right_texts_are_accepted_in_any_tokenisation(pair: Pair) -> None:
    check_tokenisations(pair, 40, 1)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_right_texts_are_accepted_in_many_tokenisations(pair: Pair) -> None:
    check_tokenisations(pair, 400, 4)


# --- walks ---------------------------------------------------------------------------------------------------


def walk(pair: Pair, vocabulary: Vocabulary, rng: random.Random, steps: int) -> str:
    """A text written with random allowed tokens, and a shortest end after ``steps`` of them."""
    constraint = compiled(pair)
    assert constraint is not None
    matcher = constraint.matcher(vocabulary)
    written = b""
    for _ in range(steps):
        allowed = allowed_tokens(matcher)
        assert allowed, f"the walk died after {written!r}"
        token_id = rng.choice(allowed)
        if token_id == EOS and len(allowed) > 1 and rng.random() < 0.5:
            continue
        matcher.advance(token_id)
        if token_id == EOS:
            return written.decode()
        written += vocabulary.token_bytes[token_id] or b""
    rest = matcher.shortest()
    for token_id in vocabulary.encode(rest):
        matcher.advance(token_id)
    assert matcher.is_accepting, f"{written!r} is not completed by {rest!r}"
    return (written + rest).decode()


def write_within(matcher: Matcher, budget: int, rng: random.Random) -> str:
    """A text of at most ``budget`` tokens, each picked at random from those that ``mask(tokens_left)`` allows."""
    written = b""
    for left in range(budget, 0, -1):
        allowed = allowed_tokens(matcher, left)
        assert allowed, f"nothing is allowed after {written!r} with {left} tokens left"
        token_id = rng.choice([t for t in allowed if t != EOS] or allowed)  # so that the budget is really used up
        matcher.advance(token_id)
        if token_id == EOS:
            break
        written += matcher.vocabulary.token_bytes[token_id] or b""
    assert matcher.is_accepting or matcher.is_finished, f"{written!r} is not complete"
    return written.decode()


def check_walks(pair: Pair, count: int) -> None:
    constraint = compiled(pair)
    if constraint is None:
        return
    trees = relark.grammar(pair.lark, start=pair.start, result="tree")
    assert trees.parse is not None
    for number in range(count):
        vocabulary = vocabulary_of(pair) if number % 2 else narrow_vocabulary_of(pair)
        text = walk(pair, vocabulary, seeded(pair, number), number * 3 + 1)
        assert pair.accepts(text), f"{text!r} was written, and Lark refuses it"
        assert trees.parse(text) is not None


def check_budgets(pair: Pair, extras: tuple[int, ...]) -> None:
    constraint = compiled(pair)
    if constraint is None:
        return
    for vocabulary in (narrow_vocabulary_of(pair), vocabulary_of(pair)):
        least = constraint.matcher(vocabulary).min_tokens()
        for extra in extras:
            text = write_within(constraint.matcher(vocabulary), least + extra, seeded(pair, extra))
            assert pair.accepts(text), f"budget {least} + {extra}: {text!r} was written, and Lark refuses it"


@pytest.mark.parametrize("pair", HERE, ids=str)
def test_walks_are_parsed(pair: Pair) -> None:
    check_walks(pair, 4)


@pytest.mark.parametrize("mode", ["dynamic", "complete"])
@pytest.mark.parametrize("text", ["a", "a ", "a  ", " a  ", "a b", "a  b "])
def test_trees_where_lark_stumbles(mode: str, text: str) -> None:
    """Over a text that is complete with and without what is ignored at its end."""
    pair = Pair(SAMPLES["ignored, or a token at the end"], mode, "start")
    trees = relark.grammar(pair.lark, result="tree")
    assert trees.fullmatch(text)
    assert trees.parse is not None
    assert trees.parse(text).data == "start"


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_many_walks_are_parsed(pair: Pair) -> None:
    check_walks(pair, 16)


@pytest.mark.parametrize("pair", PAIRS[2::6], ids=str)
def test_every_feasible_budget_is_kept(pair: Pair) -> None:
    check_budgets(pair, (0, 3))


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_many_feasible_budgets_are_kept(pair: Pair) -> None:
    check_budgets(pair, (0, 1, 2, 5, 9))


# --- masks ---------------------------------------------------------------------------------------------------


def check_masks(pair: Pair, steps: int, number: int) -> None:
    """Each mask against every token, byte by byte; and against Lark: what an allowed token leads to is completed to a
    text that it parses, and no short text that it parses goes on with a token that is not allowed."""
    constraint = compiled(pair)
    if constraint is None:
        return
    vocabulary = full_vocabulary_of(pair)
    right = [text.encode() for text in short_texts(pair.sample.alphabet, 200) if pair.accepts(text)]
    rng = seeded(pair, number)
    matcher = constraint.matcher(vocabulary)
    written = b""
    checked: set[Term] = set()
    for _ in range(steps):
        allowed = unpack(matcher.mask(), vocabulary.size)
        expected = {EOS} if matcher.is_accepting else set()
        for token_id, data in enumerate(vocabulary.token_bytes):
            term = matcher.state
            for byte in data or b"":
                term = derive(term, byte)
                if term is EMPTY:
                    break
            if data and not is_empty(term):
                expected.add(token_id)
                if term not in checked:
                    checked.add(term)
                    checked_completion(pair, term, written + data)
            elif data:
                assert not [text for text in right if text.startswith(written + data)]
        assert allowed == expected, f"after {written!r}: {allowed ^ expected}"
        if split_utf8(written) == (written.decode(errors="replace"), b""):  # not inside a character
            assert (EOS in allowed) == pair.accepts(written.decode())
        following = sorted(allowed - {EOS})
        if not following:
            return
        token_id = rng.choice(following)
        matcher.advance(token_id)
        written += vocabulary.token_bytes[token_id] or b""


def check_ways_out(pair: Pair, steps: int, number: int) -> None:
    """Whatever is allowed, the vocabulary has the tokens to complete it, although it lacks most bytes."""
    constraint = compiled(pair)
    if constraint is None:
        return
    vocabulary = narrow_vocabulary_of(pair)
    rng = seeded(pair, number)
    matcher = constraint.matcher(vocabulary)
    written = b""
    checked: set[Term] = set()
    for _ in range(steps):
        allowed = [t for t in allowed_tokens(matcher) if t != EOS]
        for token_id in allowed:
            fork = matcher.fork()
            fork.advance(token_id)
            if fork.state not in checked:
                checked.add(fork.state)
                text = written + (vocabulary.token_bytes[token_id] or b"") + fork.shortest()
                assert pair.accepts(text.decode()), text
        if not allowed:
            return
        token_id = rng.choice(allowed)
        matcher.advance(token_id)
        written += vocabulary.token_bytes[token_id] or b""


@pytest.mark.parametrize("pair", PAIRS[4::6], ids=str)
def test_every_allowed_token_leads_out(pair: Pair) -> None:
    check_ways_out(pair, 4, 0)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_allowed_token_leads_out_everywhere(pair: Pair) -> None:
    for number in range(3):
        check_ways_out(pair, 12, number)


@pytest.mark.parametrize("pair", PAIRS[3::6], ids=str)
def test_masks_are_the_live_tokens(pair: Pair) -> None:
    check_masks(pair, 4, 0)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_masks_are_the_live_tokens_everywhere(pair: Pair) -> None:
    for number in range(3):
        check_masks(pair, 12, number)


@pytest.mark.parametrize("pair", PAIRS[5::24], ids=str)
def test_rollback_gives_the_same_masks_and_forks_are_independent(pair: Pair) -> None:
    constraint = compiled(pair)
    if constraint is None:
        return
    rng = seeded(pair, 0)
    matcher = constraint.matcher(vocabulary_of(pair))
    masks, forks = [matcher.mask().copy()], [matcher.fork()]
    for _ in range(5):
        allowed = [t for t in allowed_tokens(matcher) if t != EOS]
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
