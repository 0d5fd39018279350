"""Texts that nest hundreds of levels deep: no recursion limit, no blow-up, masks and budgets as elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

import relark
from relark import Vocabulary

LEVELS = 500  # beyond what Python's own recursion allows, at three frames a level
SAME: dict[str, Any] = {"$ref": "#"}
TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"c": {"type": "array", "items": SAME}},
    "required": ["c"],
    "additionalProperties": False,
}
UNIQUE_TREE = {**TREE, "properties": {"c": {"type": "array", "items": SAME, "uniqueItems": True}}}

# A schema, what opens and closes a level, what stands in the middle, and what must not.
CASES: dict[str, tuple[Any, str, str, str, str]] = {
    "arrays": ({"type": "array", "items": SAME}, "[", "]", "[]", "1"),
    "anything in arrays": (True, "[", "]", '"a"', "]"),
    "anything in objects": (True, '{"a":', "}", "1", '"'),
    "a prefix": ({"type": "array", "prefixItems": [SAME], "items": {"type": "string"}}, "[", ',"a"]', "[]", '["a"]'),
    "contains": (
        {"anyOf": [{"type": "null"}, {"type": "array", "items": SAME, "contains": {"type": "null"}}]},
        "[null,",
        "]",
        "null",
        "[]",
    ),
    "contains at most": (
        {"type": "array", "items": SAME, "contains": {"maxItems": 0}, "minContains": 0, "maxContains": 1},
        "[",
        "]",
        "[[]]",
        "[[],[]]",
    ),
    "at least two": (
        {"anyOf": [{"type": "null"}, {"type": "array", "items": SAME, "minItems": 2}]},
        "[null,",
        "]",
        "null",
        "[null]",
    ),
    "unique": ({"type": "array", "items": SAME, "uniqueItems": True}, "[", "]", "[],[[]]", "[],[]"),
    "unique, with others before": ({"type": "array", "items": SAME, "uniqueItems": True}, "[[],", "]", "[[]]", "[]"),
    "tree": (TREE, '{"c":[', "]}", '{"c":[]}', '{"c":{}}'),
    "unique tree": (UNIQUE_TREE, '{"c":[', "]}", '{"c":[]}', '{"c":[]},{"c":[]}'),
    "not unique": (
        {"anyOf": [{"type": "null"}, {"type": "array", "items": SAME, "not": {"uniqueItems": True}}]},
        "[null,null,",
        "]",
        "[null,null]",
        "[null]",
    ),
}


TOKENS = [*[bytes([b]) for b in range(256)], *{case[1].encode() for case in CASES.values()}, b"[[", b"]]", b"],["]
IDS = {data: token for token, data in enumerate(TOKENS)}  # longer ones last
VOCABULARY = Vocabulary.from_bytes([*TOKENS, None], [len(TOKENS)])


@pytest.mark.parametrize("name", CASES)
def test_judges(name: str) -> None:
    schema, opening, closing, right, wrong = CASES[name]
    constraint = relark.schema(schema)
    assert constraint.fullmatch(opening * LEVELS + right + closing * LEVELS)
    assert not constraint.fullmatch(opening * LEVELS + wrong + closing * LEVELS)


@pytest.mark.parametrize("name", CASES)
def test_generates(name: str) -> None:
    """Half a thousand levels in: masks with and without a budget, and a way to the end."""
    schema, opening, _, _, _ = CASES[name]
    constraint = relark.schema(schema, whitespace="compact")
    matcher = constraint.matcher(VOCABULARY)
    levels = LEVELS if "unique" not in name else LEVELS // 5  # states that keep texts cost more
    for _ in range(levels):
        matcher.advance(IDS[opening.encode()])
    end = matcher.shortest()
    assert constraint.fullmatch(opening * levels + end.decode())
    assert matcher.mask().any()
    within = matcher.mask(len(end))
    assert within.any()
    assert not (within & ~matcher.mask()).any()


def test_ends_within_a_budget() -> None:
    """From 50 levels deep, with no more tokens than there are levels."""
    constraint = relark.schema({"type": "array", "items": SAME, "uniqueItems": True}, whitespace="compact")
    matcher = constraint.matcher(VOCABULARY)
    for _ in range(50):
        matcher.advance(IDS[b"["])
    text = "[" * 50
    for left in range(50, 0, -1):
        bits = matcher.mask(left)
        token = next(token for token in IDS.values() if bits[token >> 5] >> (token & 31) & 1)
        matcher.advance(token)
        text += TOKENS[token].decode()
        if matcher.is_accepting:
            break
    assert json.loads(text)
    assert constraint.fullmatch(text)
