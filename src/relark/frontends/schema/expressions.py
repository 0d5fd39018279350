"""Schemas as boolean expressions: the handles that shapes hold.

A `Schema` is a place in a document, a finite set of values, or a combination of schemas.  Nothing is looked into until
`compiler.Compiler.normal` is asked.  Handles are made by one `Expressions` and interned by it, so equal ones are one
object; the constructors keep a small normal form (flat, without duplicates, ``x and not x`` is `FALSE`).
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from relark.frontends.schema.number_sets import exact

if TYPE_CHECKING:
    from relark.frontends.schema.document import Node

Json = Any


class Schema:
    """A schema; compare with ``is``."""

    __slots__ = ("uid",)
    uid: int


class Is(Schema):
    """What a subschema of a document says; with ``only``, what those of its keywords say."""

    __slots__ = ("node", "only")
    node: Node
    only: frozenset[str] | None


class Values(Schema):
    """One of ``values``."""

    __slots__ = ("values",)
    values: tuple[Json, ...]


class Having(Schema):
    """Objects with a member of that name."""

    __slots__ = ("name",)
    name: str


class AllOf(Schema):
    """At least two ``parts``, sorted by age."""

    __slots__ = ("parts",)
    parts: tuple[Schema, ...]


class AnyOf(Schema):
    """At least two ``parts``, sorted by age."""

    __slots__ = ("parts",)
    parts: tuple[Schema, ...]


class Not(Schema):
    """What does not satisfy ``part``."""

    __slots__ = ("part",)
    part: Schema


class Loop(Exception):
    """The meaning of a schema was asked for while it was being found out."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema


class _Constant(Schema):
    __slots__ = ()

    def __repr__(self) -> str:
        return "TRUE" if self is TRUE else "FALSE"


_uids = itertools.count()
TRUE: Schema = _Constant()
FALSE: Schema = _Constant()
TRUE.uid, FALSE.uid = next(_uids), next(_uids)


def canonical(value: Json) -> Hashable:
    """Equal for equal JSON values: ``1`` and ``1.0`` are, ``1`` and ``true`` are not."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return "string", value
    if isinstance(value, int | float | Decimal | Fraction):
        return "number", exact(value)
    if isinstance(value, dict):
        return "object", frozenset((name, canonical(v)) for name, v in value.items())
    if isinstance(value, list | tuple):
        return "array", tuple(canonical(v) for v in value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


_LISTED = frozenset(("enum", "const"))
_SILENT = frozenset(("title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"))
_KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "null": (type(None),), "boolean": (bool,), "object": (dict,)}


def _listed(node: Node) -> list[Json] | None:
    """The values of a place that does nothing but list them."""
    said = [k for k in node.keywords() if k not in _SILENT]
    kind = node.get("type") if "type" in said else None
    if len(said) != (1 if kind is None else 2) or not _LISTED.intersection(said):
        return None
    values: list[Json] = node.get("enum") if "enum" in said else [node.get("const")]
    if kind is None:
        return values
    types = _KINDS.get(kind) if isinstance(kind, str) else None
    return None if types is None else [v for v in values if isinstance(v, types)]


class Expressions:
    """Makes and interns handles."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Schema] = {}

    def _made(self, kind: type[Schema], key: Hashable, **fields: Any) -> Any:
        found = self._known.get((kind, key))
        if found is None:
            found = kind()
            found.uid = next(_uids)
            for name, value in fields.items():
                setattr(found, name, value)
            self._known[kind, key] = found
        return found

    def place(self, node: Node, only: frozenset[str] | None = None) -> Schema:
        """What ``node`` says."""
        if node.schema is True or node.schema == {}:
            return TRUE
        if node.schema is False:
            return FALSE
        if only is None and isinstance(node.schema, dict) and _LISTED.intersection(node.schema):
            listed = _listed(node)
            if listed is not None:
                return self.values(listed)
        found: Schema = self._made(Is, (node, only), node=node, only=only)
        return found

    def values(self, values: Iterable[Json]) -> Schema:
        """One of ``values``."""
        by_key = {canonical(v): v for v in values}
        if not by_key:
            return FALSE
        found: Schema = self._made(Values, frozenset(by_key), values=tuple(by_key.values()))
        return found

    def having(self, name: str) -> Schema:
        """Objects with a member of that name."""
        found: Schema = self._made(Having, name, name=name)
        return found

    def both(self, *schemas: Schema) -> Schema:
        """All of ``schemas``."""
        return self._combined(AllOf, schemas, TRUE, FALSE)

    def either(self, *schemas: Schema) -> Schema:
        """Any of ``schemas``."""
        return self._combined(AnyOf, schemas, FALSE, TRUE)

    def _combined(
        self, kind: type[AllOf] | type[AnyOf], schemas: Sequence[Schema], neutral: Schema, absorbing: Schema
    ) -> Schema:
        parts: dict[Schema, None] = {}
        for schema in schemas:
            if schema is absorbing:
                return absorbing
            if schema is neutral:
                continue
            for part in schema.parts if isinstance(schema, kind) else (schema,):
                parts[part] = None
        if kind is AllOf and len(parts) > 1:
            listed = [part for part in parts if isinstance(part, Values)]
            if listed:
                parts = self._selected(listed, [part for part in parts if not isinstance(part, Values)])
                if FALSE in parts:
                    return FALSE
        if any(isinstance(p, Not) and p.part in parts for p in parts):
            return absorbing
        if not parts:
            return neutral
        if len(parts) == 1:
            return next(iter(parts))
        ordered = tuple(sorted(parts, key=lambda p: p.uid))
        found: Schema = self._made(kind, ordered, parts=ordered)
        return found

    def _selected(self, listed: list[Values], others: list[Schema]) -> dict[Schema, None]:
        """What several lists of values and ``others`` have in common, lists counted out."""
        common = {canonical(v): v for v in listed[0].values}
        for more in listed[1:]:
            keys = {canonical(v) for v in more.values}
            common = {k: v for k, v in common.items() if k in keys}
        rest: dict[Schema, None] = {}
        for other in others:
            if isinstance(other, Not) and isinstance(other.part, Values):
                keys = {canonical(v) for v in other.part.values}
                common = {k: v for k, v in common.items() if k not in keys}
            else:
                rest[other] = None
        return {self.values(common.values()): None, **rest}

    def negated(self, schema: Schema) -> Schema:
        """What does not satisfy ``schema``."""
        if schema is TRUE:
            return FALSE
        if schema is FALSE:
            return TRUE
        if isinstance(schema, Not):
            return schema.part
        found: Schema = self._made(Not, schema, part=schema)
        return found
