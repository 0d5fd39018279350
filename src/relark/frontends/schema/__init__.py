"""JSON Schema as terms: the JSON texts of the values that a schema allows.

`compile_schema` is the way in.  `document` reads the schema and follows references, `normal` and `keywords` split
it by JSON type into shapes, `compiler` turns shapes into terms through `numbers`, `strings` (with `ecma` and
`formats`), `objects` and `arrays`.  What is not visited by a text is never looked into.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from relark.caches import Cache
from relark.errors import ArgumentError
from relark.frontends.regex import compile_regex
from relark.frontends.schema.compiler import Compiler
from relark.frontends.schema.document import Node, load
from relark.frontends.schema.shapes import Layout
from relark.language import (
    EPSILON,
    Term,
    byte_set,
    complement,
    concat,
    intersection,
    is_empty,
    literal,
    repeat,
    union,
)

if TYPE_CHECKING:
    from referencing import Registry

__all__ = ["CompiledSchema", "PropertyOrder", "compile_schema"]

PropertyOrder = Literal["schema", "any"]
LONGEST_INDENT = 100  # blanks after a line break, in flexible whitespace


@dataclass(frozen=True, eq=False)
class CompiledSchema:
    """A schema as a language: ``term``, the JSON texts; ``node`` and ``compiler`` for what reports on it."""

    term: Term
    node: Node
    compiler: Compiler


def _cost(key: tuple[Any, ...], compiled: CompiledSchema) -> int:
    """Bytes, roughly: a document, its nodes, and what may become of it."""
    return 20_000 + 30 * len(key[0])


def compile_schema(
    schema: Mapping[str, Any] | bool | str,
    *,
    property_order: PropertyOrder = "schema",
    whitespace: str = "flexible",
    formats: Literal["assert", "annotate", "strict"] | Mapping[str, Term] = "assert",
    compact_numbers: bool = False,
    registry: Registry[Any] | None = None,
) -> CompiledSchema:
    """The texts of ``schema``; see `relark.schema` for the arguments (here ``formats`` maps to languages of decoded
    texts).

    Raises `SchemaError` for what is no schema, `UnsupportedError` for what cannot be enforced, `UnsatisfiableError`
    if there is no text; each names the JSON pointer.
    """
    if property_order not in get_args(PropertyOrder):
        raise ArgumentError(f"property_order={property_order!r}: expected 'schema' or 'any'")
    if isinstance(formats, str) and formats not in ("assert", "annotate", "strict"):
        raise ArgumentError(
            f"formats={formats!r}: expected 'assert', 'annotate', 'strict' or a dict from format names to patterns"
        )
    if not isinstance(whitespace, str):
        raise ArgumentError(f"whitespace={whitespace!r}: expected 'flexible', 'compact' or a regex")
    key = None
    if registry is None:
        shown = schema if isinstance(schema, str) else _text(schema)
        if shown is not None:
            custom = formats if isinstance(formats, str) else tuple(sorted(formats.items()))
            key = shown, property_order, whitespace, custom, compact_numbers
            known = _compiled.get(key)
            if known is not None:
                return known
    compiler = Compiler(
        layout(whitespace, property_order, compact_numbers),
        formats=formats if isinstance(formats, Mapping) else {},
        assert_formats=formats != "annotate",
        known_formats_only=formats == "strict",
    )
    node = load(schema, registry=registry)
    found = CompiledSchema(compiler.root(node), node, compiler)
    if key is not None:
        _compiled.put(key, found)
    return found


_compiled: Cache[tuple[Any, ...], CompiledSchema] = Cache("schemas", share=0.04, cost=_cost)


def _text(schema: object) -> str | None:
    """Equal for equal schemas; None for what is no JSON, which `load` will refuse."""
    try:
        return json.dumps(schema)
    except (TypeError, ValueError, RecursionError):
        return None


@lru_cache(maxsize=64)
def layout(whitespace: str = "flexible", order: PropertyOrder = "schema", compact_numbers: bool = False) -> Layout:
    """A way of writing.

    "flexible": a blank, or a line break and up to `LONGEST_INDENT` blanks or tabs, after ``{ [ ,`` and before ``}
    ]``; a blank after ``:``.  So everything that ``json.dumps`` writes, with default or compact separators or any
    indent. "compact": nothing.  Else a regex for the whitespace after ``{ [ , :`` and before ``} ]``, which must
    match JSON whitespace only.
    """
    space: Term = EPSILON
    after_colon: Term = EPSILON
    if whitespace == "flexible":
        blanks = repeat(byte_set(1 << ord(" ") | 1 << ord("\t")), 0, LONGEST_INDENT)
        space = union(EPSILON, literal(b" "), concat(literal(b"\n"), blanks))
        after_colon = repeat(literal(b" "), 0, 1)
    elif whitespace != "compact":
        space = after_colon = _space(whitespace)
    return Layout(space, concat(literal(b":"), after_colon), concat(literal(b","), space), order, compact_numbers)


def _space(pattern: str) -> Term:
    space = compile_regex(pattern).term
    blank = repeat(byte_set(sum(1 << ord(c) for c in " \t\n\r")), 0, None)
    if not is_empty(intersection(space, complement(blank))):
        raise ArgumentError(
            f"whitespace={pattern!r}: the pattern matches more than JSON whitespace (space, tab, line feed, carriage "
            'return); pass "flexible", "compact" or a pattern such as r"[ \\n]{0,2}"'
        )
    if is_empty(space):
        raise ArgumentError(f"whitespace={pattern!r}: the pattern matches nothing; pass 'compact' for no whitespace")
    return space
