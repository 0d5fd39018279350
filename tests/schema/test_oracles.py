"""Other people's generator and judge: hypothesis-jsonschema writes values that must be accepted, and the package
jsonschema judges what the masks let through, and any texts.
"""

from __future__ import annotations

import json
import random
import types
from collections.abc import Iterable
from typing import Any

import pytest
import schema_strategies
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import utils as cu
from hypothesis_jsonschema import _from_schema, from_schema
from schema_strategies import DEFINITIONS, Json, documents, judge, loads, values

import relark
from reference import unpack
from relark import Constraint, Vocabulary
from relark.errors import UnsatisfiableError
from relark.language import EMPTY, derive, is_empty

EOS = 0
# The least that writes any JSON, and pieces that span keys, quotes, numbers and escapes.
PIECES = (
    *(bytes([b]) for b in range(256)),
    *(
        b'{"',
        b'":',
        b'": ',
        b'", "',
        b'","',
        b'"}',
        b"[[",
        b"]]",
        b"}}",
        b'"]',
        b"[{",
        b"}]",
        b'["',
        b", ",
        b"[]",
        b"{}",
    ),
    *(b'"a"', b'"b"', b'"ab', b'a"', b'b"', b"aa", b"ab", b'a": ', b'"a":', b'b":1', b'"c": ', b'{"a":'),
    *(b"10", b"12", b"00", b"1.", b".5", b"-1", b"1,", b"0]", b"1e", b"e+", b"1}", b", 1", b".0", b"1.0", b"e1"),
    *(
        b"true",
        b"false",
        b"null",
        b"tr",
        b"nu",
        b"ull",
        b"\\u",
        b"\\u00",
        b"0061",
        b'\\"',
        b"\\n",
        b"\\ud83d",
        b"\\ude00",
    ),
    *(b"\xc3\xa9", b"\xf0\x9f", b"\x98\x80", b"\n", b"\n  ", b" ", b"  "),
)
VOCABULARY = Vocabulary.from_bytes([None, *dict.fromkeys(PIECES)], eos_ids=[EOS])

few = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def compiled(schema: Json, **options: Any) -> Constraint | None:
    """None where nothing satisfies the schema."""
    options.setdefault("property_order", "any")
    try:
        return relark.schema(schema, **options)
    except UnsatisfiableError:
        return None


def writings(value: Json) -> Iterable[str]:
    yield json.dumps(value)
    yield json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# --- values that others make ----------------------------------------------------------------------------

FAMILY: dict[str, Json] = {
    "scalars": {"type": ["null", "boolean", "integer", "string"]},
    "integers": {"type": "integer", "minimum": -5, "exclusiveMaximum": 1000, "multipleOf": 3},
    "numbers": {"type": "number", "minimum": 0, "maximum": 1},
    "any number": {"type": "number"},
    "short strings": {"type": "string", "minLength": 1, "maxLength": 6},
    "patterns": {"type": "string", "pattern": r"^[A-Z]{2}-[0-9]{3,5}$"},
    "search patterns": {"type": "string", "pattern": "[a-c]x|y$"},
    "enum": {"enum": ["red", 1, None, [1, {"a": "é"}], {"b": 0.5, "a": ""}]},
    "dates": {"type": "string", "format": "date"},
    "addresses": {"type": "string", "format": "ipv4"},
    "lists": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 5},
    "tuples": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "integer"}],
        "items": {"type": "null"},
        "maxItems": 6,
    },
    "sets": {"type": "array", "items": {"enum": [1, 2, "a", "b", None]}, "uniqueItems": True},
    "sets of lists": {"type": "array", "items": {"type": "array", "maxItems": 2}, "uniqueItems": True, "maxItems": 4},
    "contains": {"type": "array", "contains": {"const": 1}, "minContains": 2, "maxContains": 3, "maxItems": 6},
    "person": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}, "tags": {"type": "array"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
    "open object": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
    "maps": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 4},
    "named maps": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z]{1,3}$"},
        "patternProperties": {"^x": {"type": "null"}},
    },
    "dependent": {
        "type": "object",
        "properties": {"card": {"type": "integer"}, "address": {"type": "string"}},
        "dependentRequired": {"card": ["address"]},
    },
    "union": {
        "anyOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}},
                "required": ["kind", "x"],
            },
            {
                "type": "object",
                "properties": {"kind": {"const": "b"}, "y": {"type": "string"}},
                "required": ["kind", "y"],
            },
        ]
    },
    "one of": {"oneOf": [{"type": "integer", "multipleOf": 2}, {"type": "integer", "multipleOf": 3}]},
    "conditional": {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "if": {"properties": {"a": {"const": True}}},
        "then": {"properties": {"b": {"minimum": 10}}},
        "else": {"properties": {"b": {"maximum": 9}}},
    },
    "not": {"type": "integer", "not": {"multipleOf": 2}},
    "anything": {},
}


class _Many(cu.many):
    """hypothesis-jsonschema 0.23 draws its objects with a method that Hypothesis has since renamed."""

    def more(self) -> bool:
        if self._depth is None:
            self.__enter__()
            self._steps = iter(self)
        going_on = next(self._steps, self) is not self
        if not going_on:
            self.__exit__(None, None, None)
        return going_on


@pytest.fixture(autouse=True)
def _objects_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(cu.many, "more"):
        monkeypatch.setattr(_from_schema, "cu", types.SimpleNamespace(**{**vars(cu), "many": _Many}))


@pytest.mark.parametrize("name", FAMILY)
def test_values_of_hypothesis_jsonschema_are_accepted(name: str) -> None:
    schema = FAMILY[name]
    constraint = compiled(schema)
    assert constraint is not None
    is_valid = judge(schema)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(value=from_schema(schema, allow_x00=True))
    def accepts(value: Json) -> None:
        text = json.dumps(value)
        assume(is_valid(loads(text)))
        assume(not _has_lone_surrogate(text))
        for text in writings(value):
            assert constraint.fullmatch(text), text

    accepts()


def _has_lone_surrogate(text: str) -> bool:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


# --- any schema, any value ------------------------------------------------------------------------------


@few
@given(schema=documents(), chosen=st.lists(values(), min_size=20, max_size=20))
def test_verdicts_are_those_of_jsonschema(schema: Json, chosen: list[Json]) -> None:
    constraint = compiled(schema)
    is_valid = judge(schema)
    for value in (*schema_strategies.LITERALS, *chosen):
        expected = is_valid(loads(json.dumps(value)))
        for text in writings(value):
            got = constraint is not None and constraint.fullmatch(text)
            assert got == expected, f"{text}: jsonschema says {expected}, relark {got}"


# --- what the masks let through -------------------------------------------------------------------------


def walk(constraint: Constraint, rng: random.Random, steps: int, vocabulary: Vocabulary = VOCABULARY) -> str:
    """A text written with random allowed tokens, and a shortest end after ``steps`` of them."""
    matcher = constraint.matcher(vocabulary)
    written = b""
    for _ in range(steps):
        allowed = sorted(unpack(matcher.mask(), vocabulary.size))
        assert allowed, f"the walk died after {written!r}"
        longer = [t for t in allowed if t > 256]  # else most tokens are single letters of strings
        token_id = rng.choice(longer if longer and rng.random() < 0.5 else allowed)
        if token_id in vocabulary.eos_ids and rng.random() < 0.5 and len(allowed) > 1:
            continue
        matcher.advance(token_id)
        if token_id in vocabulary.eos_ids:
            return written.decode()
        written += vocabulary.token_bytes[token_id] or b""
    rest = matcher.shortest()
    for token_id in vocabulary.encode(rest):
        matcher.advance(token_id)
    assert matcher.is_accepting, f"{written!r} is not completed by {rest!r}"
    return (written + rest).decode()


def check_walks(schema: Json, seeds: Iterable[int], **options: Any) -> None:
    constraint = compiled(schema, **options)
    if constraint is None:
        return
    is_valid = judge(schema)
    for seed in seeds:
        text = walk(constraint, random.Random(seed), 4 + seed * 7)
        value = loads(text)
        assert is_valid(value), f"{text} was written, and is not valid"


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("name", FAMILY)
def test_walks_are_valid(name: str, order: str) -> None:
    check_walks(FAMILY[name], range(4), property_order=order)


@few
@given(schema=documents(), order=st.sampled_from(["any", "schema"]))
def test_walks_through_random_schemas_are_valid(schema: Json, order: str) -> None:
    check_walks(schema, range(3), property_order=order)


def check_masks(schema: Json, seed: int, steps: int = 6) -> None:
    """Each mask against the derivatives, one token after the other."""
    constraint = compiled(schema)
    if constraint is None:
        return
    rng = random.Random(seed)
    matcher = constraint.matcher(VOCABULARY)
    written = b""
    for _ in range(steps):
        allowed = unpack(matcher.mask(), VOCABULARY.size)
        expected = {EOS} if matcher.is_accepting else set()
        for token_id, data in enumerate(VOCABULARY.token_bytes):
            term = matcher.state
            for byte in data or b"":
                term = derive(term, byte)
                if term is EMPTY:
                    break
            if data and not is_empty(term):
                expected.add(token_id)
        assert allowed == expected, f"after {written!r}: {_shown(allowed ^ expected)}"
        following = sorted(allowed - {EOS})
        if not following:
            return
        token_id = rng.choice([t for t in following if t > 256] or following)
        matcher.advance(token_id)
        written += VOCABULARY.token_bytes[token_id] or b""


def _shown(ids: set[int]) -> list[bytes | None]:
    return [VOCABULARY.token_bytes[i] for i in sorted(ids)][:10]


@pytest.mark.parametrize("name", FAMILY)
def test_masks_are_the_live_tokens(name: str) -> None:
    for seed in range(2):
        check_masks(FAMILY[name], seed, 10)


@few
@given(schema=documents(), seed=st.integers(0, 9))
def test_masks_of_random_schemas_are_the_live_tokens(schema: Json, seed: int) -> None:
    check_masks(schema, seed)


@pytest.mark.parametrize("name", ["tree", "nest"])
def test_recursive_schemas(name: str) -> None:
    schema = {"$ref": f"#/$defs/{name}", "$defs": DEFINITIONS}
    check_walks(schema, range(8))
    check_masks(schema, 1, 12)


# --- the two orders -------------------------------------------------------------------------------------


@few
@given(schema=documents(), chosen=st.lists(values(), min_size=10, max_size=10))
def test_what_is_written_in_order_is_valid_in_any(schema: Json, chosen: list[Json]) -> None:
    ordered, free = compiled(schema, property_order="schema"), compiled(schema)
    assert (ordered is None) == (free is None)
    if ordered is None or free is None:
        return
    for value in (*schema_strategies.LITERALS, *chosen):
        text = json.dumps(value)
        if ordered.fullmatch(text):
            assert free.fullmatch(text), text
        elif not isinstance(value, (dict, list)):
            assert not free.fullmatch(text), text
