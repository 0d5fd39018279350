"""Hypothesis strategies: small schemas that combine keywords in any way, and values that often just meet or miss them;
and the judge, the package `jsonschema`, with exact numbers.

Names, values and bounds come from small pools, so that keywords meet each other. What the pools leave out: formats
(judged in ``test_suite.py``) and patterns that ECMA-262 and Python read differently (``\\d``, ``.``).
"""

from __future__ import annotations

import decimal
import functools
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import jsonschema
from hypothesis import strategies as st

Json = Any
Strategy = st.SearchStrategy[Json]

NAMES = ("a", "b", "ab", "c")
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
PATTERNS = ("^a", "b$", "^[ab]*$", "a|b", "^(ab)+$", "[0-9]", "[^\\n]", "^[^1]{2}$", "[^a]", "^a?b?$")
SCALARS: tuple[Json, ...] = (
    *(None, True, False, 0, 1, 2, 3, -1, 7, 10, 100, 0.5, 1.5, 0.1, -2.5, 1e16, 12345),
    *("", "a", "b", "ab", "ba", "abab", "1", "é", "\n", '"', "aaa", "😀"),
)
LITERALS: tuple[Json, ...] = (
    *SCALARS,
    *([], [1], [1, 1], [1, 2], ["a"], [[]], {}, {"a": 1}, {"b": 1}, {"a": 1, "b": "a"}, {"c": None}),
)
DEFINITIONS: dict[str, Json] = {
    "tree": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/scalar"}, "b": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        "required": ["a"],
        "additionalProperties": False,
    },
    "nest": {
        "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/nest"}, "maxItems": 2}, {"$ref": "#/$defs/scalar"}]
    },
    "scalar": {"type": ["integer", "string"]},
    "any": True,
}

names = st.sampled_from(NAMES)
counts = st.integers(0, 3)
bounds = st.sampled_from([-1, 0, 1, 2, 3, 10, 0.5, 1.5])
literals = st.sampled_from(LITERALS)


def lists(elements: Strategy, least: int = 0, most: int = 2) -> Strategy:
    return st.lists(elements, min_size=least, max_size=most)


def maps(keys: Strategy, values: Strategy, most: int = 3) -> Strategy:
    return st.dictionaries(keys, values, max_size=most)


@functools.cache
def schemas(depth: int = 2) -> Strategy:
    """Schemas with up to ``depth`` levels of subschemas; `DEFINITIONS` must be under their root's ``$defs``."""
    simple = st.one_of(
        st.booleans(),
        st.builds(lambda t: {"type": t}, st.sampled_from(TYPES)),
        st.builds(lambda v: {"const": v}, literals),
        st.builds(lambda vs: {"enum": vs}, lists(literals, 1, 3)),
        st.builds(lambda name: {"$ref": f"#/$defs/{name}"}, st.sampled_from(sorted(DEFINITIONS))),
    )
    if depth == 0:
        return simple
    inner = schemas(depth - 1)
    keywords: dict[str, Strategy] = {
        "type": st.one_of(
            st.sampled_from(TYPES), lists(st.sampled_from(TYPES), 1, 3).map(lambda t: [*dict.fromkeys(t)])
        ),
        "enum": lists(literals, 1, 4),
        "minimum": bounds,
        "maximum": bounds,
        "exclusiveMinimum": bounds,
        "exclusiveMaximum": bounds,
        "multipleOf": st.sampled_from([1, 2, 3, 0.5, 0.1, 1.5, 10]),
        "minLength": counts,
        "maxLength": counts,
        "pattern": st.sampled_from(PATTERNS),
        "items": inner,
        "prefixItems": lists(inner, 1),
        "minItems": counts,
        "maxItems": counts,
        "uniqueItems": st.booleans(),
        "contains": inner,
        "minContains": counts,
        "maxContains": counts,
        "unevaluatedItems": inner,
        "properties": maps(names, inner),
        "required": lists(names).map(lambda names: [*dict.fromkeys(names)]),
        "additionalProperties": inner,
        "patternProperties": maps(st.sampled_from(PATTERNS), inner, 2),
        "propertyNames": inner,
        "minProperties": counts,
        "maxProperties": counts,
        "dependentRequired": maps(names, lists(names).map(lambda names: [*dict.fromkeys(names)]), 2),
        "dependentSchemas": maps(names, inner, 2),
        "unevaluatedProperties": inner,
        "allOf": lists(inner, 1),
        "anyOf": lists(inner, 1),
        "oneOf": lists(inner, 1, 3),
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "$ref": st.sampled_from(sorted(DEFINITIONS)).map(lambda name: f"#/$defs/{name}"),
    }
    groups = (
        ("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        ("type", "minLength", "maxLength", "pattern"),
        ("type", "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "unevaluatedItems"),
        ("type", "contains", "minContains", "maxContains", "uniqueItems", "items"),
        ("type", "properties", "required", "additionalProperties", "patternProperties", "minProperties"),
        ("properties", "propertyNames", "minProperties", "maxProperties", "dependentRequired", "required"),
        ("properties", "unevaluatedProperties", "allOf", "dependentSchemas", "anyOf"),
        ("if", "then", "else", "type"),
        ("allOf", "anyOf", "oneOf", "not", "enum", "$ref"),
        tuple(keywords),
    )

    @st.composite
    def composed(draw: st.DrawFn) -> Json:
        group = draw(st.sampled_from(groups))
        chosen = draw(st.lists(st.sampled_from(group), min_size=1, max_size=4, unique=True))
        return {keyword: draw(keywords[keyword]) for keyword in chosen}

    return st.one_of(composed(), composed(), composed(), simple)


def documents(depth: int = 2) -> Strategy:
    """Whole schemas."""
    return schemas(depth).map(lambda s: {**s, "$defs": DEFINITIONS} if isinstance(s, dict) else s)


@functools.cache
def values(depth: int = 2) -> Strategy:
    """Values made of the pools."""
    if depth == 0:
        return literals
    inner = values(depth - 1)
    return st.one_of(literals, lists(inner, 0, 4), maps(names, inner, 4))


# --- the judge ----------------------------------------------------------------------------------------


def _exact(digits: str) -> int | Decimal:
    number = Decimal(digits)
    return int(number) if number.adjusted() < 5000 and number == number.to_integral_value() else number


def loads(text: str) -> Json:
    """The value of a JSON text, numbers exactly: integral ones are ints, as JSON Schema has it."""
    return json.loads(text, parse_float=_exact)


def judge(schema: Json) -> Callable[[Json], bool]:
    """Whether a value from `loads` satisfies ``schema``, according to jsonschema."""
    validator = jsonschema.Draft202012Validator(_in_python(loads(json.dumps(schema))))

    def is_valid(value: Json) -> bool:
        with decimal.localcontext() as context:
            context.prec = 10_000  # digits, for the remainders of long numbers
            return bool(validator.is_valid(value))

    return is_valid


def _in_python(schema: Json) -> Json:
    """``schema`` with its patterns in the syntax of ``re``, where ``$`` also matches before a last line break."""
    if isinstance(schema, list):
        return [_in_python(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {}
    for key, value in schema.items():
        if key == "pattern" and isinstance(value, str):
            found[key] = value.replace("$", r"\Z")
        elif key == "patternProperties":
            found[key] = {pattern.replace("$", r"\Z"): _in_python(inner) for pattern, inner in value.items()}
        else:
            found[key] = value if key in ("const", "enum") else _in_python(value)
    return found
