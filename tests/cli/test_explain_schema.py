"""What `relark.explain` says about schemas: each keyword, what to mind, and that it is true."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel

import relark
from relark import Vocabulary, explain, kernel

BYTES = Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])
STRING = {"type": "string"}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
CLOSED: dict[str, Any] = {"type": "object", "additionalProperties": False}


def treatments(schema: Any, **options: Any) -> dict[str, str]:
    constraint = relark.schema(schema, **options)
    return {use.pointer: use.treatment for use in explain(constraint=constraint).keywords}


def found(schema: Any, tokenizer: Any = None) -> set[tuple[str, str]]:
    return {(finding.kind, finding.pointer) for finding in explain(schema=schema, tokenizer=tokenizer).findings}


# --- keywords


def test_every_keyword_is_listed() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A title",
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a"}, "b~/c": {"format": "date"}},
        "required": ["a"],
        "$defs": {"a": {"minimum": 3, "description": "x", "minimun": 4}, "unused": {"minLength": 1}},
    }
    assert treatments(schema) == {
        "#/title": "ignored",
        "#/type": "exact",
        "#/properties": "exact",
        "#/required": "exact",
        "#/properties/a/$ref": "exact",
        "#/$defs/a/minimum": "exact",
        "#/$defs/a/description": "ignored",
        "#/$defs/a/minimun": "ignored",
        "#/properties/b~0~1c/format": "exact",
    }


@pytest.mark.parametrize(
    ("schema", "options", "pointer", "why"),
    [
        ({"title": "x"}, {}, "#/title", "annotation"),
        ({"contentMediaType": "text/html"}, {}, "#/contentMediaType", "annotation"),
        ({"format": "postcode"}, {}, "#/format", "'postcode' is not a known format"),
        ({"format": "date"}, {"formats": "annotate"}, "#/format", 'formats="annotate"'),
        ({"minLenght": 3}, {}, "#/minLenght", "did you mean `minLength`?"),
        ({"x-note": 3}, {}, "#/x-note", "unknown keyword"),
        ({"then": {}}, {}, "#/then", "without `if`"),
        ({"if": {"type": "string"}}, {}, "#/if", "without `then` or `else`"),
        ({"minContains": 3}, {}, "#/minContains", "without `contains`"),
        ({"dependencies": {}}, {}, "#/dependencies", "`dependentRequired`"),
        ({"$schema": DRAFT_7, "$ref": "#/x", "x": {}, "minLength": 3}, {}, "#/minLength", "$ref"),
        ({"$schema": DRAFT_7, "additionalItems": {}}, {}, "#/additionalItems", "list"),
    ],
)  # fmt: skip
def test_what_is_ignored_and_why(schema: Any, options: dict[str, Any], pointer: str, why: str) -> None:
    uses = {use.pointer: use for use in explain(constraint=relark.schema(schema, **options)).keywords}
    assert uses[pointer].treatment == "ignored"
    assert why in uses[pointer].why
    assert relark.schema(schema, **options).fullmatch('"any text"')


def test_formats_of_ones_own_are_exact() -> None:
    schema = {"format": "postcode"}
    assert treatments(schema, formats={"postcode": r"\d{5}"}) == {"#/format": "exact"}


def test_what_is_refused() -> None:
    schema = {**CLOSED, "properties": {"a": {"type": "string", "pattern": "(?R)"}, "b": {"type": "null"}}}
    said = explain(schema=schema)
    [refused] = [use for use in said.keywords if use.treatment == "refused"]
    assert (refused.pointer, refused.keyword) == ("#/properties/a/pattern", "pattern")
    assert "unknown kind of group" in refused.why
    assert said.empty is None
    assert said.warnings[0].startswith("relark refuses this schema: #/properties/a/pattern")


def test_what_nests_too_deep_is_refused_or_looked_into_in_part() -> None:
    for wrap in (lambda inner: {"not": inner}, lambda inner: {**CLOSED, "properties": {"a": inner}, "required": ["a"]}):
        for levels in (50, 100, 150, 190):
            schema: Any = {"type": "null"}
            for _ in range(levels):
                schema = wrap(schema)
            try:
                relark.schema(schema)
                usable = True
            except relark.UnsupportedError:
                usable = False
            refused = [use for use in explain(schema=schema).keywords if use.treatment == "refused"]
            assert usable is (not refused)


def test_what_is_checked_afterwards() -> None:
    class Model(BaseModel):
        even: Annotated[int, AfterValidator(lambda n: n)]

    said = explain(schema=Model)
    [checked] = [use for use in said.keywords if use.treatment == "checked"]
    assert checked.pointer == "#/properties/even"
    assert "checked   #/properties/even" in str(said)
    assert not any(use.keyword.startswith("relark:") for use in said.keywords)


def test_the_printed_form() -> None:
    schema = {
        **CLOSED,
        "title": "Person",
        "properties": {"name": {"type": "string", "maxLength": 30, "title": "Name"}, "age": {"type": "integer"}},
        "required": ["name"],
        "colour": "red",
    }
    lines = str(explain(schema=schema)).splitlines()
    assert lines[1:6] == [
        "  exact     type (3), additionalProperties, properties, required, maxLength",
        "  ignored   #/colour: an unknown keyword, which by the specification says nothing",
        "            title (2): annotations",
        '  texts     the shortest is \'{"name":""}\' (11 bytes)',
        f"  masks     walk over the byte trie: {kernel.name()}",
    ]


def test_combinations_list_the_keywords_of_all_schemas() -> None:
    both = "Answer: " + relark.schema({"type": "integer"}) + relark.regex(r"(a)\1")
    said = explain(constraint=both)
    assert [use.pointer for use in said.keywords] == ["#/type"]
    assert [part.engine for part in said.parts] == ["captures"]


# --- sizes


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({"type": "string"}, {("unbounded string", "#")}),
        ({"type": "string", "maxLength": 5}, set()),
        ({"type": "string", "pattern": "^[a-z]{2,5}$"}, set()),
        ({"type": "string", "pattern": "^[a-z]+$"}, {("unbounded string", "#")}),
        ({"type": "string", "pattern": "^[a-z]+$", "maxLength": 7}, set()),
        ({"type": "string", "format": "date"}, set()),
        ({"type": "string", "format": "uri"}, {("unbounded string", "#")}),
        ({"type": "string", "format": "hostname"}, set()),
        ({"type": "string", "not": {"pattern": "b$"}}, {("unbounded string", "#")}),
        ({"enum": ["a", [], {}]}, set()),
        ({"const": {"a": [1]}}, set()),
        ({"type": "integer"}, set()),
        ({"type": "array", "items": {"type": "null"}}, {("unbounded array", "#")}),
        ({"type": "array", "items": {"type": "null"}, "maxItems": 3}, set()),
        ({"type": "array", "items": {"type": "boolean"}, "uniqueItems": True}, set()),
        ({"type": "array", "prefixItems": [STRING], "items": False}, {("unbounded string", "#/prefixItems/0")}),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 0}, set()),
        ({"type": "array", "items": {}, "maxItems": 2}, {("any value", "#/items")}),
        ({"type": "object"}, {("unbounded object", "#")}),
        ({"type": "object", "maxProperties": 0}, set()),
        (CLOSED, set()),
        ({**CLOSED, "properties": {"a": {"type": "string"}}}, {("unbounded string", "#/properties/a")}),
        ({**CLOSED, "properties": {"a": True}}, {("any value", "#/properties/a")}),
        ({**CLOSED, "patternProperties": {"^x": {"type": "null"}}}, {("unbounded object", "#")}),
        ({}, {("any value", "#")}),
        ({"$ref": "#/$defs/s", "$defs": {"s": {"type": "string"}}}, {("unbounded string", "#")}),
        ({"type": "string", "allOf": [{"maxLength": 5}]}, set()),
        (
            {**CLOSED, "properties": {"a": {"type": "string"}}, "allOf": [{"properties": {"a": {"maxLength": 3}}}]},
            set(),
        ),
        ({"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]}, set()),
        ({"not": {"type": ["object", "array", "string"]}}, set()),
    ],
)  # fmt: skip
def test_values_without_a_greatest_size(schema: Any, kinds: set[tuple[str, str]]) -> None:
    sizes = {one for one in found(schema) if one[0].startswith(("unbounded", "any"))}
    assert sizes == kinds
    said = explain(schema=schema)
    assert (said.unbounded is True) is bool(kinds)
    assert any("small model" in warning for warning in said.warnings) is bool(kinds)


def test_recursion_comes_to_an_end() -> None:
    tree = {**CLOSED, "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}
    assert found(tree) == {("unbounded array", "#/properties/kids")}


def test_warnings_about_sizes_name_some_places() -> None:
    schema = {**CLOSED, "properties": {name: {"type": "string"} for name in "abcdefghij"}}
    [warning] = [w for w in explain(schema=schema).warnings if "strings" in w]
    assert "#/properties/a, #/properties/b" in warning
    assert "and 4 more" in warning


# --- what no value can have


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({"anyOf": [{"type": "null"}, {"type": "string", "minLength": 3, "const": ""}]}, {("no value", "#/anyOf/1")}),
        ({"type": "null", "anyOf": [{"type": "null"}, {"type": "boolean"}]}, {("unreachable", "#/anyOf/1")}),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}, {"type": "null"}]}, {("unreachable", "#/oneOf/1")}),
        ({"type": "null", "anyOf": [{"const": None}, False]}, set()),
        ({"type": "boolean", "enum": [True, "true"]}, {("unreachable", "#/enum/1")}),
        ({**CLOSED, "properties": {"a": {"type": "null", "const": 1}}}, {("no value", "#/properties/a")}),
        ({**CLOSED, "properties": {"a": False}}, set()),
        ({"type": "null", "not": {"type": "string", "const": 1}}, set()),
        ({"type": "integer", "maximum": 2, "anyOf": [{"minimum": 1}, {"minimum": 3}]}, {("unreachable", "#/anyOf/1")}),
    ],
)  # fmt: skip
def test_what_no_value_can_have(schema: Any, kinds: set[tuple[str, str]]) -> None:
    assert {one for one in found(schema) if one[0] in ("no value", "unreachable")} == kinds


def test_a_schema_without_values() -> None:
    said = explain(schema={"type": "string", "minLength": 5, "maxLength": 3})
    assert said.empty is True
    assert said.shortest is None
    assert any("#/minLength" in warning and "#/maxLength" in warning for warning in said.warnings)
    assert [use.treatment for use in said.keywords] == ["exact"] * 3


# --- tokens


def test_tokens() -> None:
    said = explain(schema={"enum": ["yes", "no"]}, tokenizer=BYTES)
    assert (said.spellable, said.min_tokens, said.shortest) == (True, 4, '"no"')


def test_what_the_tokenizer_cannot_spell() -> None:
    without_z = Vocabulary.from_bytes([*(bytes([b]) for b in range(256) if b != ord("z")), None], eos_ids=[255])
    schema = {**CLOSED, "properties": {"zoo": {"enum": ["z", "a"]}, "b": {"const": ["z"]}, "é": {"const": 1}}}
    assert {one for one in found(schema, without_z) if one[0] == "unspellable"} == {
        ("unspellable", "#/properties/zoo"),
        ("unspellable", "#/properties/zoo/enum/0"),
        ("unspellable", "#/properties/b/const"),
    }


# --- arguments


@pytest.mark.parametrize("arguments", [{"schema": {}, "regex": "a"}, {"schema": {}, "constraint": relark.text()}])
def test_wrong_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(relark.ArgumentError, match="exactly one of"):
        explain(**arguments)


def test_malformed_schemas_raise() -> None:
    with pytest.raises(relark.errors.SchemaError, match="minLength"):
        explain(schema={"minLength": "5"})
