"""Validation over `document.Node`s: slow and obvious, a judge for what nodes say of keywords, children and references.

Keywords that look into nothing (``type``, ``minimum`` ...) are left to jsonschema, one at a time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jsonschema

if TYPE_CHECKING:
    from relark.frontends.schema.document import Node

_PLAIN = {
    "const", "dependentRequired", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems", "maxLength",
    "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern",
    "required", "type", "uniqueItems",
}  # fmt: skip


def is_valid(node: Node, value: Any) -> bool:
    """Whether ``value`` satisfies the schema at ``node``."""
    return _evaluated(node, value) is not None


def _evaluated(node: Node, value: Any) -> set[str | int] | None:
    """The members or items that the keywords of ``node`` evaluate; None where ``value`` does not satisfy it."""
    if isinstance(node.schema, bool):
        return set() if node.schema else None
    seen: set[str | int] = set()
    for keyword in node.keywords():
        if keyword in _PLAIN:
            # 2020-12 has all of them, with the values that Node.get promises; but 1.0 is no integer in draft 4
            judge = jsonschema.Draft4Validator if node.dialect == "draft4" and keyword == "type" else None
            if not (judge or jsonschema.Draft202012Validator)({keyword: node.get(keyword)}).is_valid(value):
                return None
    whole = [node.child("allOf", i) for i in range(len(node.get("allOf", ())))]
    whole += [target for target in (node.reference(), node.dynamic_reference()) if target is not None]
    if isinstance(value, dict):
        whole += [node.child("dependentSchemas", name) for name in node.get("dependentSchemas", ()) if name in value]
        for name, needed in node.get("dependencies", {}).items():
            if name in value:
                if not isinstance(needed, list):
                    whole.append(node.child("dependencies", name))
                elif not value.keys() >= set(needed):
                    return None
    if node.get("if") is not None:
        taken = _evaluated(node.child("if"), value)
        seen |= taken or set()
        branch = "else" if taken is None else "then"
        if node.get(branch) is not None:
            whole.append(node.child(branch))
    for part in whole:
        found = _evaluated(part, value)
        if found is None:
            return None
        seen |= found
    for keyword in ("anyOf", "oneOf"):
        if node.get(keyword) is not None:
            results = [_evaluated(node.child(keyword, i), value) for i in range(len(node.get(keyword)))]
            passed = [found for found in results if found is not None]
            if not passed or (keyword == "oneOf" and len(passed) > 1):
                return None
            seen |= set().union(*passed)
    if node.get("not") is not None and is_valid(node.child("not"), value):
        return None
    if isinstance(value, dict):
        return _object(node, value, seen)
    if isinstance(value, list):
        return _array(node, value, seen)
    return seen


def _object(node: Node, value: dict[str, Any], seen: set[str | int]) -> set[str | int] | None:
    if node.get("propertyNames") is not None:
        names = node.child("propertyNames")
        if not all(is_valid(names, name) for name in value):
            return None
    here: set[str | int] = set()
    for name, member in value.items():
        schemas = [node.child("properties", name)] if name in node.get("properties", ()) else []
        schemas += [node.child("patternProperties", p) for p in node.get("patternProperties", ()) if re.search(p, name)]
        if not schemas and node.get("additionalProperties") is not None:
            schemas.append(node.child("additionalProperties"))
        if not all(is_valid(schema, member) for schema in schemas):
            return None
        if schemas:
            here.add(name)
    seen |= here
    if node.get("unevaluatedProperties") is not None:
        rest = node.child("unevaluatedProperties")
        if not all(is_valid(rest, member) for name, member in value.items() if name not in seen):
            return None
        seen |= value.keys()
    return seen


def _array(node: Node, value: list[Any], seen: set[str | int]) -> set[str | int] | None:
    items = node.get("items")
    prefix, rest = "prefixItems", "items"
    if isinstance(items, list):
        prefix, rest = "items", "additionalItems"
    count = len(node.get(prefix, ())) if isinstance(node.get(prefix), list) else 0
    for i, item in enumerate(value):
        if i < count:
            schema = node.child(prefix, i)
        elif node.get(rest) is not None:
            schema = node.child(rest)
        else:
            continue
        if not is_valid(schema, item):
            return None
        seen.add(i)
    if node.get("contains") is not None:
        matching = {i for i, item in enumerate(value) if is_valid(node.child("contains"), item)}
        most = node.get("maxContains")
        if len(matching) < node.get("minContains", 1) or (most is not None and len(matching) > most):
            return None
        if node.dialect == "2020-12":
            seen |= matching
    if node.get("unevaluatedItems") is not None:
        schema = node.child("unevaluatedItems")
        if not all(is_valid(schema, item) for i, item in enumerate(value) if i not in seen):
            return None
        seen |= set(range(len(value)))
    return seen
