"""A schema that nothing satisfies is named as such when it is compiled, with the pointers that clash."""

from __future__ import annotations

from typing import Any

import pytest

import relark
from relark.errors import UnsatisfiableError

CLASHES: dict[str, tuple[Any, list[str]]] = {
    "false": (False, ["#"]),
    "lengths": ({"type": "string", "minLength": 5, "maxLength": 3}, ["#/minLength", "#/maxLength"]),
    "bounds": ({"type": "number", "minimum": 5, "maximum": 3}, ["#/minimum", "#/maximum"]),
    "open bounds": ({"type": "number", "exclusiveMinimum": 3, "maximum": 3}, ["#/exclusiveMinimum", "#/maximum"]),
    "no integer between": ({"type": "integer", "minimum": 0.2, "maximum": 0.8}, ["#/minimum", "#/maximum"]),
    "no multiple": (
        {"type": "integer", "multipleOf": 7, "minimum": 8, "maximum": 13},
        ["#/multipleOf", "#/minimum", "#/maximum"],
    ),
    "item counts": ({"type": "array", "minItems": 3, "maxItems": 2}, ["#/minItems", "#/maxItems"]),
    "property counts": (
        {"type": "object", "minProperties": 3, "maxProperties": 2},
        ["#/minProperties", "#/maxProperties"],
    ),
    "types of allOf": ({"allOf": [{"type": "string"}, {"type": "integer"}]}, ["#/allOf/0/type", "#/allOf/1/type"]),
    "type and enum": ({"type": "string", "enum": [1, None]}, ["#/type", "#/enum"]),
    "type and const": ({"type": "string", "const": 1}, ["#/type", "#/const"]),
    "enums": ({"allOf": [{"enum": [1, 2]}, {"enum": [3]}]}, ["#/allOf/0/enum", "#/allOf/1/enum"]),
    "pattern and length": (
        {"type": "string", "pattern": "^[a-z]{3}$", "minLength": 4},
        ["#/pattern", "#/minLength"],
    ),
    "patterns": (
        {"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "^b"}]},
        ["#/allOf/0/pattern", "#/allOf/1/pattern"],
    ),
    "required and false": (
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        ["#/required", "#/properties/a"],
    ),
    "required and closed": (
        {"type": "object", "required": ["a"], "additionalProperties": False},
        ["#/required", "#/additionalProperties"],
    ),
    "required and names": (
        {"type": "object", "required": ["ab"], "propertyNames": {"maxLength": 1}},
        ["#/required", "#/propertyNames"],
    ),
    "required member": (
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 5, "maximum": 4}}},
        ["#/required", "#/properties/a"],
    ),
    "too many required": (
        {"type": "object", "required": ["a", "b"], "maxProperties": 1},
        ["#/required", "#/maxProperties"],
    ),
    "items that cannot be": ({"type": "array", "items": False, "minItems": 1}, ["#/items", "#/minItems"]),
    "too few different items": (
        {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 3},
        ["#/uniqueItems", "#/minItems"],
    ),
    "contains": (
        {"type": "array", "contains": {"type": "string"}, "items": {"type": "null"}},
        ["#/contains", "#/items"],
    ),
    "not anything": ({"not": {}}, ["#/not"]),
    "not its own type": ({"type": "string", "not": {"type": "string"}}, ["#/type", "#/not"]),
    "anyOf": (
        {"type": "string", "anyOf": [{"type": "integer"}, {"maxLength": 2, "minLength": 3}]},
        ["#/anyOf"],
    ),
    "oneOf twice the same": ({"oneOf": [{"type": "integer"}, {"type": "integer"}]}, ["#/oneOf"]),
    "endless": (
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        ["#/properties/a", "#/required"],
    ),
    "behind a reference": (
        {"$ref": "#/$defs/word", "maxLength": 2, "$defs": {"word": {"type": "string", "minLength": 3}}},
        ["#/maxLength", "#/$defs/word/minLength"],
    ),
    "format and length": ({"type": "string", "format": "date", "maxLength": 9}, ["#/format", "#/maxLength"]),
}


@pytest.mark.parametrize("name", CLASHES)
@pytest.mark.parametrize("order", ["any", "schema"])
def test_is_named_when_compiled(name: str, order: Any) -> None:
    schema, pointers = CLASHES[name]
    with pytest.raises(UnsatisfiableError) as caught:
        relark.schema(schema, property_order=order)
    for pointer in pointers:
        assert pointer in str(caught.value)


SATISFIABLE: dict[str, tuple[Any, str]] = {
    "no type": ({"minLength": 5, "maxLength": 3}, "1"),
    "no type, bounds": ({"minimum": 5, "maximum": 3}, '"a"'),
    "optional member": ({"type": "object", "properties": {"a": False}}, "{}"),
    "optional clash": ({"properties": {"a": {"type": "string", "minLength": 2, "maxLength": 1}}}, "{}"),
    "empty list": ({"type": "array", "items": False}, "[]"),
    "one branch of two": ({"anyOf": [False, {"const": 1}]}, "1"),
    "equal bounds": ({"type": "integer", "minimum": 3, "maximum": 3}, "3"),
    "recursion with an end": ({"type": "object", "properties": {"a": {"$ref": "#"}}}, '{"a": {}}'),
    "no reference to itself": ({"type": "array", "items": {"$ref": "#"}}, "[[], []]"),
}


@pytest.mark.parametrize("name", SATISFIABLE)
def test_what_can_be_satisfied_is_not(name: str) -> None:
    schema, text = SATISFIABLE[name]
    constraint = relark.schema(schema)
    assert constraint.fullmatch(text)
    assert not constraint.is_empty


def test_a_clash_in_a_member_does_not_hide_the_rest() -> None:
    constraint = relark.schema(
        {
            "type": "object",
            "properties": {"a": {"allOf": [{"type": "string"}, {"type": "null"}]}, "b": {"type": "null"}},
        }
    )
    assert constraint.fullmatch('{"b": null}')
    assert not constraint.fullmatch('{"a": null}')
    assert not constraint.fullmatch('{"a": "x"}')
