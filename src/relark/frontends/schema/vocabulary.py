"""The keywords of JSON Schema: which dialect knows which, and what their values must look like.

`document` looks every keyword of a schema up here once, when the schema is loaded.  A value is refused where it would
leave open what the schema means (``"minLength": "5"``); what a metaschema forbids for tidiness only (a name twice in
``required``) and annotations of a wrong type (``"title": 5``) pass.  Regular expressions and names of formats are not
looked into; that is done where they are compiled.

Sources: drafts 4, 6 and 7, 2019-09 and 2020-12 of the JSON Schema core and validation specifications, and their
metaschemas.  ``definitions`` still holds schemas in the last two dialects, as their metaschemas say; ``dependencies``
has no meaning there.  Draft 5 is the text of draft 4.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["DIALECTS", "TYPES", "URIS", "Dialect", "Keywords", "Rule", "Shape"]

Dialect = Literal["draft4", "draft6", "draft7", "2019-09", "2020-12"]
DIALECTS: tuple[Dialect, ...] = ("draft4", "draft6", "draft7", "2019-09", "2020-12")

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

Shape = Literal["value", "schema", "schemas", "schema map", "items", "dependencies"]
"""Where the schemas are in the value of a keyword: nowhere, it is one, it is a list of them, it is an object of them;
``items`` is a schema or a list of them, ``dependencies`` has schemas among lists of names.
"""


class Rule(NamedTuple):
    """What a keyword takes: ``fits`` tells whether a value will do (None: any), ``takes`` says it in words.

    ``evaluated``: the schemas in the value say something of the instance (those in ``$defs`` do not).
    """

    shape: Shape
    fits: Callable[[Any], bool] | None
    takes: str
    evaluated: bool = True


@dataclass(frozen=True, eq=False)
class Keywords:
    """The keywords that have a meaning in a dialect, or in a part of it that a metaschema's vocabularies chose."""

    dialect: Dialect
    rules: dict[str, Rule]
    identifier: Literal["id", "$id"]
    reference_alone: bool  # whether what stands beside ``$ref`` is ignored


# Values


def _is_count(value: Any) -> bool:
    if type(value) is int:
        return value >= 0
    if type(value) is float:
        return value >= 0 and value.is_integer()
    return isinstance(value, Decimal) and value.is_finite() and value >= 0 and value == value.to_integral_value()


def _is_number(value: Any) -> bool:
    if type(value) is int:
        return True
    if type(value) is float:
        return value - value == 0  # neither infinite nor NaN
    return isinstance(value, Decimal) and value.is_finite()


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_string(value: Any) -> bool:
    return type(value) is str


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


def _is_list(value: Any) -> bool:
    return type(value) is list


def _is_object(value: Any) -> bool:
    return type(value) is dict


def _is_names(value: Any) -> bool:
    return type(value) is list and all(type(name) is str for name in value)


def _is_schemas(value: Any) -> bool:
    return type(value) is list and bool(value)


def _is_type(value: Any) -> bool:
    if type(value) is str:
        return value in TYPES
    return type(value) is list and bool(value) and all(type(name) is str and name in TYPES for name in value)


def _is_names_by_name(value: Any) -> bool:
    return type(value) is dict and all(_is_names(names) for names in value.values())


def _is_anchor(value: Any) -> bool:
    return type(value) is str and value != "" and value[0] not in "#/" and not any(c.isspace() for c in value)


_ANNOTATION = Rule("value", None, "anything")
_STRING = Rule("value", _is_string, "a string")
_BOOLEAN = Rule("value", _is_boolean, "true or false")
_NUMBER = Rule("value", _is_number, "a number")
_COUNT = Rule("value", _is_count, "an integer of at least 0")
_NAMES = Rule("value", _is_names, "a list of property names")
_LIST = Rule("value", _is_list, "a list of values")
_SCHEMA = Rule("schema", None, "a schema: an object, true or false")
_SCHEMAS = Rule("schemas", _is_schemas, "a list of one or more schemas")
_SCHEMA_MAP = Rule("schema map", _is_object, "an object whose values are schemas")
_DEFINITIONS = _SCHEMA_MAP._replace(evaluated=False)
_ANCHOR = Rule("value", _is_anchor, 'a name, such as "item"')
_ITEMS = Rule("items", None, "a schema or a list of schemas")

_CORE = {
    "$schema": _STRING,
    "$id": _STRING,
    "$ref": _STRING,
    "$anchor": _ANCHOR,
    "$vocabulary": _ANNOTATION,
    "$comment": _ANNOTATION,
    "$defs": _DEFINITIONS,
    "definitions": _DEFINITIONS,
}
_APPLICATOR = {
    "additionalProperties": _SCHEMA,
    "allOf": _SCHEMAS,
    "anyOf": _SCHEMAS,
    "contains": _SCHEMA,
    "dependentSchemas": _SCHEMA_MAP,
    "else": _SCHEMA,
    "if": _SCHEMA,
    "not": _SCHEMA,
    "oneOf": _SCHEMAS,
    "patternProperties": _SCHEMA_MAP,
    "properties": _SCHEMA_MAP,
    "propertyNames": _SCHEMA,
    "then": _SCHEMA,
}
_UNEVALUATED = {"unevaluatedItems": _SCHEMA, "unevaluatedProperties": _SCHEMA}
_VALIDATION = {
    "const": _ANNOTATION,
    "dependentRequired": Rule("value", _is_names_by_name, "an object whose values are lists of property names"),
    "enum": _LIST,
    "exclusiveMaximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "maxContains": _COUNT,
    "maxItems": _COUNT,
    "maxLength": _COUNT,
    "maxProperties": _COUNT,
    "maximum": _NUMBER,
    "minContains": _COUNT,
    "minItems": _COUNT,
    "minLength": _COUNT,
    "minProperties": _COUNT,
    "minimum": _NUMBER,
    "multipleOf": Rule("value", _is_positive, "a number greater than 0"),
    "pattern": _STRING,
    "required": _NAMES,
    "type": Rule("value", _is_type, f"one of {', '.join(TYPES)}, or a list of these"),
    "uniqueItems": _BOOLEAN,
}
_META_DATA = dict.fromkeys(
    ["title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples"], _ANNOTATION
)
_FORMAT = {"format": _STRING}
_CONTENT = {
    "contentEncoding": _ANNOTATION,
    "contentMediaType": _ANNOTATION,
    "contentSchema": _SCHEMA._replace(evaluated=False),
}

# What JSON Schema cannot say and the front-end for Python types must: see `relark.frontends.types`.
_PRIVATE = {
    "relark:checked": _ANNOTATION,
    "relark:compactNumbers": _BOOLEAN,
    "relark:contentSchema": _SCHEMA,
    "relark:unsupported": _ANNOTATION,
}

_VOCABULARIES: dict[str, dict[str, dict[str, Rule]]] = {
    "2019-09": {
        "core": {
            **_CORE,
            "$recursiveRef": Rule("value", lambda value: value == "#", '"#"'),
            "$recursiveAnchor": _BOOLEAN,
        },
        "applicator": {**_APPLICATOR, **_UNEVALUATED, "items": _ITEMS, "additionalItems": _SCHEMA},
        "validation": _VALIDATION,
        "meta-data": _META_DATA,
        "format": _FORMAT,
        "content": _CONTENT,
    },
    "2020-12": {
        "core": {**_CORE, "$dynamicRef": _STRING, "$dynamicAnchor": _ANCHOR},
        "applicator": {**_APPLICATOR, "items": _SCHEMA, "prefixItems": _SCHEMAS},
        "unevaluated": _UNEVALUATED,
        "validation": _VALIDATION,
        "meta-data": _META_DATA,
        "format-annotation": _FORMAT,
        "format-assertion": _FORMAT,
        "content": _CONTENT,
    },
}


def _only(rules: dict[str, Rule], names: str) -> dict[str, Rule]:
    return {name: rules[name] for name in names.split()}


_DRAFT4 = {
    "id": _STRING,
    "$schema": _STRING,
    "$ref": _STRING,
    "definitions": _DEFINITIONS,
    "title": _ANNOTATION,
    "description": _ANNOTATION,
    "default": _ANNOTATION,
    **_only(_VALIDATION, "enum maxItems maxLength maxProperties maximum minItems minLength minProperties minimum"),
    **_only(_VALIDATION, "multipleOf pattern required type uniqueItems"),
    **_only(_APPLICATOR, "additionalProperties allOf anyOf not oneOf patternProperties properties"),
    "exclusiveMaximum": _BOOLEAN,
    "exclusiveMinimum": _BOOLEAN,
    "items": _ITEMS,
    "additionalItems": _SCHEMA,
    "dependencies": Rule("dependencies", _is_object, "an object whose values are schemas or lists of property names"),
    "format": _STRING,
}
_DRAFT6 = {
    **_DRAFT4,
    "$id": _STRING,
    "examples": _ANNOTATION,
    **_only(_VALIDATION, "const exclusiveMaximum exclusiveMinimum"),
    **_only(_APPLICATOR, "contains propertyNames"),
}
del _DRAFT6["id"]
_DRAFT7 = {
    **_DRAFT6,
    "$comment": _ANNOTATION,
    "readOnly": _ANNOTATION,
    "writeOnly": _ANNOTATION,
    "contentEncoding": _ANNOTATION,
    "contentMediaType": _ANNOTATION,
    **_only(_APPLICATOR, "if then else"),
}


def _all(dialect: str) -> dict[str, Rule]:
    return {name: rule for rules in _VOCABULARIES[dialect].values() for name, rule in rules.items()} | _PRIVATE


_KEYWORDS: dict[Dialect, Keywords] = {
    "draft4": Keywords("draft4", _DRAFT4 | _PRIVATE, "id", True),
    "draft6": Keywords("draft6", _DRAFT6 | _PRIVATE, "$id", True),
    "draft7": Keywords("draft7", _DRAFT7 | _PRIVATE, "$id", True),
    "2019-09": Keywords("2019-09", _all("2019-09"), "$id", False),
    "2020-12": Keywords("2020-12", _all("2020-12"), "$id", False),
}

URIS: dict[Dialect, str] = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft4": "http://json-schema.org/draft-04/schema#",
}
_DIALECTS: dict[str, Dialect] = {
    **{uri.rstrip("#").partition("://")[2]: dialect for dialect, uri in URIS.items()},
    "json-schema.org/draft-05/schema": "draft4",
    "json-schema.org/schema": "2020-12",
}


def keywords_of(dialect: Dialect, vocabularies: Iterable[str] | None = None) -> Keywords:
    """The keywords of ``dialect``; with ``vocabularies``, URIs that a metaschema lists, only theirs and the core."""
    whole = _KEYWORDS[dialect]
    if vocabularies is None or dialect not in _VOCABULARIES:
        return whole
    rules = _VOCABULARIES[dialect]["core"] | _PRIVATE
    for uri in vocabularies:
        rules.update(rules_of(uri) or {})
    return Keywords(dialect, rules, whole.identifier, whole.reference_alone)


def rules_of(uri: str) -> dict[str, Rule] | None:
    """The rules of the vocabulary with this URI; None if relark does not know it."""
    for dialect, vocabularies in _VOCABULARIES.items():
        prefix = f"https://json-schema.org/draft/{dialect}/vocab/"
        if uri.startswith(prefix):
            return vocabularies.get(uri[len(prefix) :])
    return None


def dialect_of(uri: str) -> Dialect | None:
    """The dialect that a ``$schema`` names (with ``http`` or ``https``, with or without ``#``); None if none."""
    scheme, _, rest = uri.rstrip("#").partition("://")
    return _DIALECTS.get(rest) if scheme in ("http", "https") else None


# Words about them


def shown(value: Any) -> str:
    """``value`` as JSON, cut to a length that fits in a message."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):  # not JSON: a set, a Decimal, a list that contains itself
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def close_to(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that ``name`` may have been meant to be."""
    by_fold = {other.casefold(): other for other in names}
    found = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.75)
    return by_fold[found[0]] if found else None


def advice(keyword: str, value: Any, dialect: Dialect) -> str:
    """What may have been meant by a value that ``keyword`` does not take: a sentence, or nothing."""
    if keyword == "required" and type(value) is bool:
        return "List the names of the required properties in the enclosing object (true and false were draft 3)."
    if keyword in ("exclusiveMinimum", "exclusiveMaximum"):
        plain = "minimum" if keyword == "exclusiveMinimum" else "maximum"
        if type(value) is bool:
            return f"Give the bound itself, in place of `{plain}` (true and false were draft 4)."
        if dialect == "draft4" and _is_number(value):
            return f'In draft 4 the bound is in `{plain}`; numbers came with draft 6: declare a later "$schema".'
    if keyword == "items" and type(value) is list:
        return 'Lists are `prefixItems` since 2020-12; or declare "$schema": "http://json-schema.org/draft-07/schema#".'
    if keyword == "type":
        names = value if type(value) is list else [value]
        for name in names:
            if type(name) is str and name not in TYPES:
                if name in ("any", "Any"):
                    return "Leave `type` out to allow any."
                close = _TYPE_WORDS.get(name.casefold()) or close_to(name, TYPES)
                if close:
                    return f'Did you mean "{close}"?'
    if type(value) is str and re.fullmatch(r"true|false|-?[0-9]+(\.[0-9]+)?", value):
        return f"Did you mean {value}, without quotes?"
    return ""


_TYPE_WORDS = {
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "str": "string",
    "text": "string",
    "bool": "boolean",
    "dict": "object",
    "map": "object",
    "list": "array",
    "tuple": "array",
    "none": "null",
    "nil": "null",
    "nonetype": "null",
}


@lru_cache(maxsize=512)
def unknown(keyword: str, keywords: Keywords) -> str:
    """Why ``keyword`` has no meaning among ``keywords``, and what may have been meant; "" where nothing is known."""
    since = [dialect for dialect in DIALECTS if keyword in _KEYWORDS[dialect].rules]
    if keyword in _REPLACED and _REPLACED[keyword][0] in keywords.rules:
        return _REPLACED[keyword][1]
    if keywords.dialect in since:
        return "the vocabularies of the metaschema leave it out"
    if since:
        return f"a keyword of {', '.join(since)}, not of {keywords.dialect}"
    if keyword in _FOREIGN:
        return _FOREIGN[keyword]
    if keyword.startswith(("x-", "_")):
        return ""
    close = close_to(keyword, keywords.rules)
    return f"did you mean `{close}`?" if close else ""


# keyword -> what must be known for the words to apply, words
_REPLACED = {
    "id": ("$id", "it is `$id` since draft 6"),
    "$id": ("id", "it is `id` in draft 4"),
    "dependencies": ("dependentRequired", "it is `dependentRequired` and `dependentSchemas` since 2019-09"),
    "additionalItems": ("prefixItems", "it is `items`, beside `prefixItems`, since 2020-12"),
    "prefixItems": ("additionalItems", "it is a list of schemas in `items` before 2020-12"),
    "$recursiveRef": ("$dynamicRef", "it is `$dynamicRef` since 2020-12"),
    "$recursiveAnchor": ("$dynamicAnchor", "it is `$dynamicAnchor` since 2020-12"),
    "$dynamicRef": ("$recursiveRef", "it is `$recursiveRef` in 2019-09"),
    "$dynamicAnchor": ("$recursiveAnchor", "it is `$recursiveAnchor` in 2019-09"),
}
_FOREIGN = {
    "nullable": 'OpenAPI 3.0; in JSON Schema null is a type: "type": ["string", "null"]',
    "discriminator": "OpenAPI; `anyOf` with `const` properties tells the branches apart",
    "example": "OpenAPI; an annotation",
    "xml": "OpenAPI; an annotation",
    "externalDocs": "OpenAPI; an annotation",
    "divisibleBy": "draft 3; it is `multipleOf`",
    "disallow": "draft 3; it is `not`",
    "extends": "draft 3; it is `allOf`",
    "optional": "list the required properties in `required`",
    "regex": "did you mean `pattern`?",
    "formatMinimum": "proposed, never a part of JSON Schema",
    "formatMaximum": "proposed, never a part of JSON Schema",
}
