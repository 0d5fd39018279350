"""``unevaluatedProperties`` and ``unevaluatedItems``.

Which members count as evaluated depends on which subschemas of the same value hold.  So they are taken apart into
cases: each says which branches hold (a schema) and what those evaluate.  A case need not say that the other
branches fail: if they hold too, more is evaluated and less is asked, which the case with them covers.

Sources: JSON Schema 2020-12 Core, sections 11.2 and 11.3 (and 10.3.1.3: ``contains`` evaluates the items that it
matches); 2019-09 Core, sections 9.3.1.3 and 9.3.2.4.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from relark.errors import UnsupportedError
from relark.frontends.schema.ecma import pattern_term
from relark.frontends.schema.expressions import FALSE, TRUE, Schema
from relark.frontends.schema.normal import EVERYTHING, Normal, accepts, join, meet, without_texts
from relark.frontends.schema.shapes import ArrayShape, ObjectShape, Others, Property
from relark.language import EMPTY, TEXT, Term, is_empty, union

if TYPE_CHECKING:
    from relark.frontends.schema.compiler import Compiler
    from relark.frontends.schema.document import Node

MOST_CASES = 2_000
Kind = Literal["properties", "items"]


@dataclass(frozen=True)
class Evaluated:
    """What is evaluated: members by name and by language of names; the first items, and items by schema."""

    names: frozenset[str] = frozenset()
    keys: Term = EMPTY
    first: float = 0  # how many items; infinite for all
    matching: frozenset[Schema] = frozenset()

    def __or__(self, other: Evaluated) -> Evaluated:
        keys = self.keys if other.keys is EMPTY else other.keys if self.keys is EMPTY else union(self.keys, other.keys)
        return Evaluated(self.names | other.names, keys, max(self.first, other.first), self.matching | other.matching)


NONE = Evaluated()
ALL = Evaluated(keys=TEXT, first=float("inf"))
Case = tuple[Schema, Evaluated]


def properties(compiler: Compiler, node: Node, found: Normal, present: Iterable[str]) -> Normal:
    """``found`` with what ``unevaluatedProperties`` of ``node`` asks."""
    asked = compiler.place(node.child("unevaluatedProperties"))
    if asked is TRUE:
        return found
    return _applied(
        compiler, node, found, present, "properties", lambda e: replace(EVERYTHING, objects=(_object(asked, e),))
    )


def items(compiler: Compiler, node: Node, found: Normal, present: Iterable[str]) -> Normal:
    """``found`` with what ``unevaluatedItems`` of ``node`` asks."""
    asked = compiler.place(node.child("unevaluatedItems"))
    if asked is TRUE:
        return found
    return _applied(
        compiler, node, found, present, "items", lambda e: replace(EVERYTHING, arrays=(_array(compiler, asked, e),))
    )


def _applied(
    compiler: Compiler, node: Node, found: Normal, present: Iterable[str], kind: Kind, shape: object
) -> Normal:
    keywords = frozenset(present) - {"unevaluatedItems", "unevaluatedProperties"}
    parts = []
    for condition, evaluated in _cases(compiler, node, kind, keywords):
        part = found if condition is TRUE else meet(compiler, found, compiler.normal(condition))
        parts.append(meet(compiler, part, shape(evaluated)))  # type: ignore[operator]
    met = join(parts)
    return replace(found, objects=met.objects) if kind == "properties" else replace(found, arrays=met.arrays)


def _object(asked: Schema, evaluated: Evaluated) -> ObjectShape:
    known = tuple(Property(name, TRUE, False) for name in sorted(evaluated.names))
    others = []
    if evaluated.keys is not EMPTY:
        others.append(Others(evaluated.keys, TRUE))
    rest = without_texts(TEXT, evaluated.keys)
    if asked is not FALSE and not is_empty(rest):
        others.append(Others(rest, asked))
    return ObjectShape(tuple(p for p in known if not accepts(evaluated.keys, p.name)), tuple(others))


def _array(compiler: Compiler, asked: Schema, evaluated: Evaluated) -> ArrayShape:
    if evaluated.first == float("inf"):
        return ArrayShape(items=TRUE)
    rest = compiler.make.either(asked, *evaluated.matching)
    return ArrayShape((TRUE,) * int(evaluated.first), rest)


# --- cases ------------------------------------------------------------------------------------------------------------


def _cases(compiler: Compiler, node: Node, kind: Kind, present: frozenset[str] | None = None) -> list[Case]:
    """Schemas with what is evaluated where they hold; together they cover all values of ``node``."""
    if isinstance(node.schema, bool):
        return [(TRUE, NONE)]
    if present is None:
        present = frozenset(node.keywords())
    cases: list[Case] = [(TRUE, _own(compiler, node, kind, present))]

    def branch(*path: str | int) -> list[Case]:
        child = node.child(*path)
        place = compiler.place(child)
        return [(compiler.both(place, c), e) for c, e in _cases(compiler, child, kind)]

    def optional(found: list[Case]) -> list[Case]:
        useful = [case for case in found if case[1] != NONE]
        return [(TRUE, NONE), *useful]

    for keyword, target in (
        ("$ref", node.reference if "$ref" in present else None),
        ("$dynamicRef", node.dynamic_reference if present & {"$dynamicRef", "$recursiveRef"} else None),
    ):
        del keyword
        place = target() if target is not None else None
        if place is not None:
            cases = _crossed(compiler, node, cases, _cases(compiler, place, kind))
    if "allOf" in present:
        for i in range(len(node.get("allOf"))):
            cases = _crossed(compiler, node, cases, branch("allOf", i))
    if "anyOf" in present:
        for i in range(len(node.get("anyOf"))):
            cases = _crossed(compiler, node, cases, optional(branch("anyOf", i)))
    if "oneOf" in present:
        one = [case for i in range(len(node.get("oneOf"))) for case in branch("oneOf", i)]
        cases = _crossed(compiler, node, cases, optional(one))
    if "if" in present:
        holds = branch("if")
        if "then" in present:
            holds = _crossed(compiler, node, holds, branch("then"))
        fails: list[Case] = [(compiler.negated(compiler.place(node.child("if"))), NONE)]
        if "else" in present:
            fails = _crossed(compiler, node, fails, branch("else"))
        cases = _crossed(compiler, node, cases, [*holds, *fails])
    for keyword in ("dependentSchemas", "dependencies"):
        if keyword in present:
            for name, asked in node.get(keyword).items():
                if not isinstance(asked, list | str):
                    there = compiler.having(name)
                    found = [(compiler.both(there, c), e) for c, e in branch(keyword, name)]
                    cases = _crossed(compiler, node, cases, optional(found))
    return cases


def _crossed(compiler: Compiler, node: Node, a: list[Case], b: list[Case]) -> list[Case]:
    found: dict[Case, None] = {}
    for (c, e), (d, f) in itertools.product(a, b):
        both = compiler.both(c, d)
        if both is not FALSE:
            found[both, e | f] = None
        if len(found) > MOST_CASES:
            raise UnsupportedError(
                f"more than {MOST_CASES} combinations of branches decide what is unevaluated; "
                "write fewer anyOf branches",
                pointer=node.pointer,
            )
    return list(found)


def _own(compiler: Compiler, node: Node, kind: Kind, present: frozenset[str]) -> Evaluated:
    """What the keywords of ``node`` itself evaluate."""
    if kind == "properties":
        if present & {"additionalProperties", "unevaluatedProperties"}:
            return ALL
        names = frozenset(node.get("properties")) if "properties" in present else frozenset()
        keys = [
            pattern_term(p, pointer=f"{node.pointer}/patternProperties")
            for p in (node.get("patternProperties") if "patternProperties" in present else ())
        ]
        return Evaluated(names, union(*keys))
    from relark.frontends.schema.keywords import array_items

    prefix, rest = array_items(node, present)
    if rest is not None or "unevaluatedItems" in present:
        return ALL
    matching = frozenset[Schema]()
    if "contains" in present and node.dialect == "2020-12":
        matching = frozenset({compiler.place(node.child("contains"))})
    return Evaluated(first=len(prefix), matching=matching)
