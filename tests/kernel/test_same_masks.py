"""Masks of whole constraints, step by step: both kernels find the same bits, with a limit on tokens and without."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import relark
from matcher.spelling import Puzzle, puzzles
from relark import Constraint, Vocabulary

WithBoth = Callable[[Callable[[], Any]], tuple[Any, Any]]

BLOCKS = r"""
?start: statement+
?statement: NAME "=" sum ";" | "if" "(" sum ")" "{" statement* "}"
?sum: product | sum ("+" | "-") product
?product: atom | product "*" atom
?atom: NAME | NUMBER | "(" sum ")" | "-" atom
NAME: /(?!if\b)[a-z]\w{0,6}/
NUMBER: /\d{1,4}(\.\d+)?/
COMMENT: /#[^\n]*/
%ignore /\s+/
%ignore COMMENT
"""
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "born": {"type": "string", "format": "date"},
        "size": {"type": "number", "minimum": 0.5, "maximum": 250},
        "tags": {"type": "array", "items": {"enum": ["a", "ab", "é", None, 3]}, "uniqueItems": True, "maxItems": 4},
    },
    "required": ["name", "size"],
    "additionalProperties": {"type": "integer"},
    "propertyNames": {"pattern": "^[a-z]"},
}
CONSTRAINTS: dict[str, Callable[[], Constraint]] = {
    "words": lambda: relark.choices(["cat", "car", "cart", "dog", "日本", "naïve"]),
    "classes": lambda: relark.regex(r"(?i:[a-é]{2,8}|\p{Han}+)(, \d{1,3}(?!\d))*"),
    "dot": lambda: relark.regex(r".{0,40}"),
    "lookarounds": lambda: relark.regex(r"(?=.*\d)(?!.*--)[\w-]{4,12}(?<![-_])"),
    "backreference": lambda: relark.regex(r"([ab])(?:x|\1)+\1"),
    "recursion": lambda: relark.regex(r"\((?:[^()]|(?R)){0,3}\)"),
    "complement": lambda: ~relark.regex(r".*(the|fox).*") & relark.regex(r"[a-z ]{5,20}"),
    "schema": lambda: relark.schema(PERSON),
    "any JSON": lambda: relark.schema(True),
    "Earley": lambda: relark.grammar(BLOCKS),
    "LALR": lambda: relark.grammar(BLOCKS, parser="lalr"),
    "parts": lambda: "Answer: " + relark.regex(r"\d+") + relark.text(until="\n"),
}


def pieces() -> Vocabulary:
    """Every byte, common pieces of text, and pieces of characters."""
    text = '{"name": "naïve 日本", "size": 12.50, "tags": ["é", null]} if (x == 10) { y = -3; } the quick brown fox\n\n'
    data = text.encode()
    some = {data[at : at + length] for at in range(len(data)) for length in range(2, 7)}
    tokens = [*(bytes([b]) for b in range(256)), *sorted(some), b"    ", b"----", b"0000", None, None]
    return Vocabulary.from_bytes(tokens, eos_ids=[len(tokens) - 1])


def walk(constraint: Constraint, vocabulary: Vocabulary, steps: int, seed: int) -> list[tuple[int | None, bytes]]:
    """The masks of a random text, with the token taken after each."""
    choose = random.Random(seed)
    matcher = constraint.matcher(vocabulary)
    found: list[tuple[int | None, bytes]] = []
    for step in range(steps):
        left = None if step % 3 else matcher.min_tokens() + choose.randrange(4)
        if left is None or left >= matcher.min_tokens():
            limited = matcher.mask(left)
            row = np.full(len(limited), 77, np.int32)
            matcher.fill(row, left)
            assert row.tolist() == limited.tolist()
            found.append((left, limited.tobytes()))
        mask = matcher.mask()
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()
        assert allowed
        token = choose.choice(allowed)
        found.append((token, mask.tobytes()))
        matcher.advance(token)
        if matcher.is_finished:
            break
    return found


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_masks_of_a_small_vocabulary(name: str, with_both: WithBoth) -> None:
    def walks() -> list[Any]:
        return [walk(CONSTRAINTS[name](), pieces(), 20, seed) for seed in range(2)]

    compiled, arrays = with_both(walks)
    assert compiled == arrays
    assert sum(map(len, compiled)) > 5


@pytest.mark.real_model
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_masks_of_a_real_vocabulary(name: str, with_both: WithBoth, embedded: tuple[Any, Any]) -> None:
    def walks() -> list[Any]:
        return walk(CONSTRAINTS[name](), Vocabulary.from_tokenizer(embedded[1]), 10, 1)

    compiled, arrays = with_both(walks)
    assert compiled == arrays


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(puzzle=puzzles, seed=st.integers(0, 100))
def test_masks_of_random_constraints(with_both: WithBoth, puzzle: Puzzle, seed: int) -> None:
    if puzzle.least(b"") is None or not puzzle.eos:
        return
    compiled, arrays = with_both(lambda: walk(puzzle.constraint(), puzzle.vocabulary(), 5, seed))
    assert compiled == arrays
