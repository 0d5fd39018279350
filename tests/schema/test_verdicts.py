"""Schemas chosen to be hard (recursion that meets negation, equality of values, names in disguise, classes of names),
with texts: the verdict on each is jsonschema's, numbers exact.
"""

from __future__ import annotations

import pytest
from schema_strategies import Json, judge, loads

import relark
from relark.errors import UnsatisfiableError

PARITY = {
    "even": {
        "oneOf": [
            {"const": None},
            {
                "type": "object",
                "required": ["n"],
                "properties": {"n": {"$ref": "#/$defs/odd"}},
                "additionalProperties": False,
            },
        ]
    },
    "odd": {
        "type": "object",
        "required": ["n"],
        "properties": {"n": {"$ref": "#/$defs/even"}},
        "additionalProperties": False,
    },
}  # of the levels that members nest
CASES: dict[str, tuple[Json, list[str]]] = {
    "guesses about recursion": (
        {
            "$defs": {
                "S": {
                    "anyOf": [
                        {"type": "array", "items": {"$ref": "#/$defs/C"}, "minItems": 1},
                        {"type": "object", "maxProperties": 0},
                    ]
                },
                "C": {
                    "allOf": [
                        {
                            "type": "object",
                            "required": ["a"],
                            "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/S"}, "minItems": 1}},
                        },
                        {"properties": {"a": {"type": "array", "maxItems": 3}}},
                    ]
                },
            },
            "$ref": "#/$defs/S",
        },
        ['[{"a": [{}]}]', "{}", "[]", '[{"a": []}]', '[{"a":[[{"a":[{}]}]]}]'],
    ),
    "recursion through not": (
        {"$defs": {"n": {"type": "array", "items": {"not": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"},
        ["[]", "[[]]", "[1]", "[[1]]", "[[[]]]", "[[[1]]]", "[[1],2]"],
    ),
    "recursion through additionalProperties": (
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": {"not": {"$ref": "#"}}},
        ["{}", '{"a":{}}', '{"b":{}}', '{"b":1}', '{"b":{"a":1}}', '{"b":{"b":{}}}'],
    ),
    "parity": (
        {
            "$defs": PARITY,
            "allOf": [{"$ref": "#/$defs/even"}],
        },
        ["null", '{"n":null}', '{"n":{"n":null}}', '{"n":{"n":{"n":null}}}'],
    ),
    "parity, impossible": (
        {
            "$defs": PARITY,
            "allOf": [{"$ref": "#/$defs/even"}, {"$ref": "#/$defs/odd"}],
        },
        ["null", '{"n":null}', '{"n":{"n":null}}'],
    ),
    "equal items": (
        {"type": "array", "uniqueItems": True},
        [
            "[1,1.0]",
            "[1,true]",
            '[{"a":1,"b":2},{"b":2.0,"a":1}]',
            "[[1],[true]]",
            '["a","\\u0061"]',
            "[0,-0]",
            "[0,false]",
            "[null,null]",
            "[[],{}]",
            "[1e1,10]",
            '[{"a":[1,{"x":1}]},{"a":[1,{"x":1e0}]}]',
            "[100, 1E2]",
        ],
    ),
    "equal values": (
        {"enum": [{"a": [1, 2.5, {"b": None}]}, "é", 100.0]},
        ['"\\u00e9"', '"é"', "100", "1E2", "1e+2", '{"a":[1,2.5,{}]}'],
    ),
    "equal objects": (
        {"const": {"a": 1, "b": 2}},
        ['{"b":2,"a":1}', '{"a":1}', '{"a":1,"b":2,"c":3}', '{"a":1,"b":2}'],
    ),
    "escaped names": (
        {
            "properties": {"é": {"type": "integer"}, '"': {"const": 1}, "a/b": {"const": 2}, "\x01": {"const": 3}},
            "additionalProperties": False,
        },
        ['{"\\u00e9":1}', '{"é":1}', '{"\\"":1}', '{"a\\/b":2}', '{"a/b":2}', '{"\\u0001":3}', '{"\\u00E9":"x"}'],
    ),
    "enumerated names": (
        {"minProperties": 2, "propertyNames": {"enum": ["a", "b"]}},
        ['{"a":1,"b":1}', '{"a":1}', '{"a":1,"c":1}'],
    ),
    "contains and unique": (
        {
            "contains": {"type": "integer"},
            "minContains": 2,
            "maxContains": 2,
            "items": {"type": ["integer", "string"]},
            "uniqueItems": True,
        },
        ["[1,2]", '[1,"a",2]', "[1,1]", "[1,2,3]", '["a"]', "[1]"],
    ),
    "no item": ({"not": {"contains": {"const": 1}}}, ["[]", "[1]", "[2]", "{}"]),
    "repeated items": ({"not": {"uniqueItems": True}}, ["[]", "[1,1]", "[1,2,1.0]", "[{},[]]", "1"]),
    "absent": ({"not": {"required": ["a"]}, "type": "object"}, ["{}", '{"a":1}', '{"b":1}', '{"\\u0061":1}']),
    "pattern classes": (
        {
            "type": "object",
            "patternProperties": {"^a": {"type": "integer"}, "b$": {"minimum": 5}},
            "additionalProperties": {"type": "string"},
        },
        ['{"ab":5}', '{"ab":4}', '{"a":4}', '{"b":4}', '{"b":5}', '{"b":"x"}', '{"c":"x"}', '{"c":1}', '{"a":"x"}'],
    ),
    "if": (
        {
            "if": {"properties": {"k": {"const": "x"}}, "required": ["k"]},
            "then": {"required": ["x"]},
            "else": {"required": ["y"]},
        },
        ['{"k":"x","x":1}', '{"x":1,"k":"x"}', '{"k":"x"}', '{"k":"y","y":1}', '{"k":"y"}', "{}", '{"y":1}', "1"],
    ),
    "hundredths": (
        {"type": "number", "multipleOf": 0.01},
        ["1.25", "1.255", "3", "1e-2", "1e-3", "0.10", "-0.07", "0", "19.99"],
    ),
    "lengths in code points": (
        {"minLength": 2, "maxLength": 2},
        ['"😀😀"', '"\\ud83d\\ude00\\ud83d\\ude00"', '"😀"', '"a\\n"', '"\\ud83d\\ude00"'],
    ),
    "bounds of integers": (
        {"type": "integer", "minimum": -5, "maximum": 5},
        ["-5", "-6", "5.0", "0", "-0", "-0.0", "1e0", "6", "4.5"],
    ),
    "$dynamicRef": (
        {"$dynamicAnchor": "x", "properties": {"a": {"$dynamicRef": "#x"}}, "type": "object"},
        ['{"a":{"a":{}}}', '{"a":1}'],
    ),
    "allOf is not one object": (
        {"allOf": [{"properties": {"a": {"type": "string"}}}, {"additionalProperties": {"type": "integer"}}]},
        ['{"a":"x"}', '{"a":1}', '{"b":1}', "{}"],
    ),
    "dependentSchemas": (
        {"dependentSchemas": {"a": {"properties": {"b": {"type": "integer"}}, "required": ["b"]}}},
        ['{"a":1,"b":1}', '{"b":"x"}', '{"a":1}', '{"b":"x","a":1}', '{"a":1,"b":"x"}'],
    ),
    "unevaluatedProperties": (
        {
            "unevaluatedProperties": False,
            "anyOf": [{"properties": {"a": True}, "required": ["a"]}, {"properties": {"b": True}, "required": ["b"]}],
        },
        ['{"a":1}', '{"a":1,"b":2}', '{"c":1}', "{}", '{"b":1}', '{"a":1,"c":1}'],
    ),
    "unevaluatedItems": (
        {"prefixItems": [{"type": "integer"}], "contains": {"type": "string"}, "unevaluatedItems": False},
        ['[1,"a"]', '[1,"a",2]', "[1]", '["a"]', '[1,"a","b"]'],
    ),
    "endless": (
        {
            "type": ["object", "array"],
            "properties": {"a": {"$ref": "#"}},
            "items": {"$ref": "#"},
            "required": ["a"],
            "minItems": 1,
        },
        ['{"a":[{}]}', "[[]]", "{}"],
    ),
    "a name that depends on itself": ({"not": {"dependentRequired": {"c": ["c"]}}}, ["{}", '{"c": 1}', "1"]),
    "nested false": ({"oneOf": [{"allOf": [False]}]}, ["{}", "1"]),
    "at least three different": ({"type": "array", "minItems": 3, "uniqueItems": True}, ['["a", 1]', '["a", 1, 2]']),
}

# JSON that no schema lets be written: other escapes, numbers that no one writes so, space in other places.
UNWRITTEN = (r'"\u0061"', r'"\u0022"', "25e-1", "100e-2", "[1,  2]", '{"a" : 1}', "[\r\n1]", " 1", "1 ")


@pytest.mark.parametrize("text", UNWRITTEN)
def test_forms_that_are_not_written(text: str) -> None:
    loads(text)
    assert not relark.schema(True).fullmatch(text)


@pytest.mark.parametrize("name", CASES)
def test_verdicts(name: str) -> None:
    schema, texts = CASES[name]
    is_valid = judge(schema)
    try:
        accepts = relark.schema(schema, property_order="any").fullmatch
    except UnsatisfiableError:
        accepts = lambda text: False  # noqa: E731
    assert {text: accepts(text) for text in texts} == {text: is_valid(loads(text)) for text in texts}


@pytest.mark.parametrize("name", CASES)
def test_a_given_order_accepts_no_more(name: str) -> None:
    schema, texts = CASES[name]
    try:
        ordered = relark.schema(schema)
    except UnsatisfiableError:
        return
    anyhow = relark.schema(schema, property_order="any")
    assert [text for text in texts if ordered.fullmatch(text) and not anyhow.fullmatch(text)] == []
    shortest = ordered.shortest()
    assert shortest is not None
    assert judge(schema)(loads(shortest))
