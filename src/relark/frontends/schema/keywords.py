"""What each keyword says, as a `Normal`.

`normal` meets what the keywords of one place say.  A keyword about one type is read only where the values before it may
have that type.  ``unevaluated*`` are in `unevaluated`; everything else of JSON Schema 2020-12 (and of draft 4 to
2019-09, which `vocabulary` maps to it as far as names go) is here.  Annotations (``title``, ``default``,
``contentEncoding``, ...) say nothing about values.

Keywords of relark's own, written by ``frontends.types``: ``relark:compactNumbers`` (numbers without fraction are
written without one), ``relark:contentSchema`` (the string is itself a JSON text of a schema), formats named
``relark:...``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from relark.errors import UnsupportedError
from relark.frontends.schema import unevaluated
from relark.frontends.schema.ecma import pattern_term
from relark.frontends.schema.expressions import FALSE, TRUE, Json, Loop, Schema, Values, canonical
from relark.frontends.schema.formats import FORMATS, format_term
from relark.frontends.schema.normal import (
    ALL_NUMBERS,
    ANY_ARRAY,
    ANY_OBJECT,
    EVERYTHING,
    NO_NUMBERS,
    NOTHING,
    Normal,
    accepts,
    as_dependency,
    join,
    meet,
    negate,
    without_texts,
)
from relark.frontends.schema.number_sets import NumberSet, exact
from relark.frontends.schema.shapes import ArrayShape, Contains, ObjectShape, Others, Property
from relark.frontends.schema.strings import length_term
from relark.frontends.schema.strings import meet as meet_texts
from relark.language import EMPTY, TEXT, Term, is_empty, one_of

if TYPE_CHECKING:
    from relark.frontends.schema.compiler import Compiler
    from relark.frontends.schema.document import Node

_INTEGERS = NumberSet.integers()
_TYPES = {
    "null": replace(NOTHING, null=True),
    "boolean": replace(NOTHING, booleans=3),
    "integer": replace(NOTHING, numbers=_INTEGERS, integers=_INTEGERS),
    "number": replace(NOTHING, numbers=ALL_NUMBERS, integers=ALL_NUMBERS),
    "string": replace(NOTHING, strings=TEXT),
    "array": replace(NOTHING, arrays=(ANY_ARRAY,)),
    "object": replace(NOTHING, objects=(ANY_OBJECT,)),
}
_DRAFT4_INTEGER = replace(NOTHING, numbers=NO_NUMBERS, integers=_INTEGERS)  # 1.0 is no integer there

MOST_CLASSES = 64  # of member names that match different patterns
NUMERIC = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
TEXTUAL = ("minLength", "maxLength", "pattern", "format")
ARRAYS = (
    "prefixItems", "items", "additionalItems", "contains", "minContains", "maxContains", "minItems", "maxItems",
    "uniqueItems",
)  # fmt: skip
OBJECTS = (
    "properties", "patternProperties", "additionalProperties", "propertyNames", "required", "minProperties",
    "maxProperties", "dependentRequired", "dependencies",
)  # fmt: skip
BRANCHING = (
    "not", "if", "dependentSchemas", "dependencies", "oneOf", "anyOf", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
APPLICATORS = ("$ref", "$dynamicRef", "$recursiveRef", "allOf", *BRANCHING)
SAYING = frozenset(
    (
        "type", "enum", "const", *NUMERIC, *TEXTUAL, *ARRAYS, *OBJECTS, *APPLICATORS, "then", "else",
        "relark:compactNumbers", "relark:contentSchema",
    )
)  # fmt: skip


def is_scalar(node: Node) -> bool:
    """Whether a place with a scalar type says nothing through other schemas."""
    return not any(node.get(keyword) is not None for keyword in APPLICATORS)


def normal(compiler: Compiler, node: Node, only: frozenset[str] | None = None) -> Normal:
    """What ``node`` says; with ``only``, what those of its keywords say."""
    if only is None and isinstance(node.schema, dict):
        target = _alias(node)
        if target is not None:
            return compiler.normal(compiler.place(target))
    return conjunction(compiler, [(node, only)])


def _alias(node: Node) -> Node | None:
    """The place that ``node`` refers to, if it says nothing else about values."""
    said = [keyword for keyword in node.keywords() if keyword in SAYING]
    return node.reference() if said == ["$ref"] else None


def conjunction(compiler: Compiler, places: Sequence[tuple[Node, frozenset[str] | None]]) -> Normal:
    """What all ``places`` say.

    What they say for all values (also through ``$ref`` and ``allOf``) comes first, and the branching keywords after
    it: so a branch is met with all that excludes it, and few cases are left.
    """
    found = EVERYTHING
    branching: list[tuple[Node, str, frozenset[str]]] = []
    work: list[tuple[Node, frozenset[str] | None, frozenset[Node]]]
    work = [(node, only, frozenset()) for node, only in reversed(places)]
    seen: set[tuple[Node, frozenset[str] | None]] = set()
    while work and found is not NOTHING:
        node, only, above = work.pop()
        if node in above:
            raise Loop(compiler.place(node))
        if node.schema is True or (node, only) in seen:
            continue
        if node.schema is False:
            return NOTHING
        seen.add((node, only))
        present = frozenset(node.keywords()) if only is None else only & frozenset(node.keywords())
        found = _own(compiler, node, present, found)
        below = above | {node}
        inside = always(node, present)
        work += [(child, None, below) for child in reversed(inside)]
        branching += [(node, keyword, present) for keyword in BRANCHING if keyword in present]
    for node, keyword, present in sorted(branching, key=lambda branch: BRANCHING.index(branch[1])):
        if found is NOTHING:
            break
        found = _branched(compiler, node, keyword, found, present)
    return found


def always(node: Node, present: frozenset[str]) -> list[Node]:
    """The other places whose schemas hold wherever that of ``node`` does."""
    inside = [node.child("allOf", i) for i in range(len(node.get("allOf")))] if "allOf" in present else []
    static = node.reference() if "$ref" in present else None
    dynamic = node.dynamic_reference() if present & {"$dynamicRef", "$recursiveRef"} else None
    return [*inside, *[target for target in (static, dynamic) if target is not None]]


def _own(compiler: Compiler, node: Node, present: frozenset[str], found: Normal) -> Normal:
    """``found`` with what the keywords of ``node`` say that apply no other schema to the same value."""
    if "type" in present:
        kinds = node.get("type")
        names = [kinds] if isinstance(kinds, str) else kinds
        typed = join([_DRAFT4_INTEGER if k == "integer" and node.dialect == "draft4" else _TYPES[k] for k in names])
        found = meet(compiler, found, typed)
    if "enum" in present:
        found = meet(compiler, found, compiler.normal(compiler.make.values(node.get("enum"))))
    if "const" in present:
        found = meet(compiler, found, compiler.normal(compiler.make.values([node.get("const")])))
    if (found.numbers is not NO_NUMBERS or found.integers is not NO_NUMBERS) and present.intersection(NUMERIC):
        numbers = _numbers(node, present)
        same = found.numbers is found.integers
        met = numbers if found.numbers is ALL_NUMBERS else found.numbers.meet(numbers)
        found = replace(found, numbers=met, integers=met if same else found.integers.meet(numbers))
    if "relark:compactNumbers" in present and node.get("relark:compactNumbers"):
        found = meet(compiler, found, replace(EVERYTHING, numbers=_INTEGERS.negate()))
    if found.strings is not EMPTY and present.intersection(TEXTUAL):
        found = replace(found, strings=_strings(compiler, node, present, found.strings))
    if found.strings is not EMPTY and "relark:contentSchema" in present:
        texts = compiler.value(compiler.place(node.child("relark:contentSchema")))
        found = replace(found, strings=_both(found.strings, texts))
    if found.arrays and present.intersection(ARRAYS):
        shape = _array(compiler, node, present)
        found = meet(compiler, found, replace(EVERYTHING, arrays=() if shape is None else (shape,)))
    if found.objects and present.intersection(OBJECTS):
        found = meet(compiler, found, replace(EVERYTHING, objects=(_object(compiler, node, present),)))
    return found


def values_normal(compiler: Compiler, values: Iterable[Json]) -> Normal:
    """One of ``values``."""
    null, booleans = False, 0
    numbers: list[int | Fraction] = []
    texts: list[bytes] = []
    arrays: list[ArrayShape] = []
    objects: list[ObjectShape] = []
    for value in values:
        if value is None:
            null = True
        elif isinstance(value, bool):
            booleans |= 2 if value else 1
        elif isinstance(value, str):
            if value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value):  # such a text cannot be written
                texts.append(value.encode())
        elif isinstance(value, list | tuple):
            items = tuple(compiler.make.values([v]) for v in value)
            arrays.append(ArrayShape(items, FALSE, len(items), len(items)))
        elif isinstance(value, dict):
            objects.append(ObjectShape(tuple(Property(n, compiler.make.values([v]), True) for n, v in value.items())))
        else:
            numbers.append(exact(value))
    found = NumberSet.values(numbers) if numbers else NO_NUMBERS
    return Normal(null, booleans, found, found, one_of(texts), tuple(arrays), tuple(objects))


# --- numbers and strings ----------------------------------------------------------------------------------------------


def _numbers(node: Node, present: frozenset[str]) -> NumberSet:
    found = ALL_NUMBERS
    for keyword, is_open in (("minimum", False), ("exclusiveMinimum", True)):
        if keyword in present:
            found = found.meet(NumberSet.interval(exact(node.get(keyword)), None, lo_open=is_open))
    for keyword, is_open in (("maximum", False), ("exclusiveMaximum", True)):
        if keyword in present:
            found = found.meet(NumberSet.interval(None, exact(node.get(keyword)), hi_open=is_open))
    if "multipleOf" in present:
        found = found.meet(NumberSet.multiples(exact(node.get("multipleOf"))))
    return found


def _strings(compiler: Compiler, node: Node, present: frozenset[str], found: Term) -> Term:
    if "pattern" in present:
        found = _both(found, pattern_term(node.get("pattern"), pointer=f"{node.pointer}/pattern"))
    if "format" in present:
        texts = _format(compiler, node)
        if texts is not None:
            found = _both(found, texts)
    if "minLength" in present or "maxLength" in present:
        least = int(node.get("minLength")) if "minLength" in present else 0
        most = int(node.get("maxLength")) if "maxLength" in present else None
        found = EMPTY if most is not None and most < least else _both(found, length_term(least, most))
    return found


def _both(a: Term, b: Term) -> Term:
    return b if a is TEXT else a if b is TEXT else meet_texts(a, b)


def _format(compiler: Compiler, node: Node) -> Term | None:
    name = node.get("format")
    if name in compiler.formats:
        return compiler.formats[name]
    if name.startswith("relark:"):
        from relark.frontends.types.formats import python_format_term

        return python_format_term(name)
    if not compiler.assert_formats:
        return None
    texts = format_term(name)
    if texts is None and compiler.known_formats_only:
        raise UnsupportedError(
            f"{name!r} is not a known format; relark knows {', '.join(sorted(FORMATS))}. "
            f'Pass formats={{"{name}": regex}} to define it',
            pointer=f"{node.pointer}/format",
        )
    return texts


# --- arrays -----------------------------------------------------------------------------------------------------------


def array_items(node: Node, present: Iterable[str]) -> tuple[list[tuple[str | int, ...]], tuple[str, ...] | None]:
    """Where the schemas of the first items and of those after them are: paths below ``node``."""
    prefix: list[tuple[str | int, ...]] = []
    rest: tuple[str, ...] | None = None
    if "prefixItems" in present:
        prefix = [("prefixItems", i) for i in range(len(node.get("prefixItems")))]
    if "items" in present:
        items = node.get("items")
        if isinstance(items, list):  # draft 2019-09 and before
            prefix = [("items", i) for i in range(len(items))]
            rest = ("additionalItems",) if "additionalItems" in present else None
        else:
            rest = ("items",)
    return prefix, rest


def _array(compiler: Compiler, node: Node, present: frozenset[str]) -> ArrayShape | None:
    paths, rest = array_items(node, present)
    prefix = tuple(compiler.place(node.child(*path)) for path in paths)
    items = TRUE if rest is None else compiler.place(node.child(*rest))
    least = int(node.get("minItems")) if "minItems" in present else 0
    most = int(node.get("maxItems")) if "maxItems" in present else None
    if most is not None and most < least:
        return None
    contains: tuple[Contains, ...] = ()
    if "contains" in present:
        low = int(node.get("minContains")) if "minContains" in present else 1
        high = int(node.get("maxContains")) if "maxContains" in present else None
        if high is not None and high < low:
            return None
        if low or high is not None:
            contains = (Contains(compiler.place(node.child("contains")), low, high),)
    unique = "uniqueItems" in present and bool(node.get("uniqueItems"))
    return ArrayShape(prefix, items, least, most, contains, unique)


# --- objects ----------------------------------------------------------------------------------------------------------


def _object(compiler: Compiler, node: Node, present: frozenset[str]) -> ObjectShape:
    declared = node.get("properties") if "properties" in present else {}
    patterns = [
        (
            compiler.place(node.child("patternProperties", p)),
            pattern_term(p, pointer=f"{node.pointer}/patternProperties"),
        )
        for p in (node.get("patternProperties") if "patternProperties" in present else {})
    ]
    additional = compiler.place(node.child("additionalProperties")) if "additionalProperties" in present else TRUE
    names = compiler.normal(compiler.place(node.child("propertyNames"))).strings if "propertyNames" in present else TEXT
    dependent = _dependent(node, present)
    asked_for = node.get("required") if "required" in present else ()
    required = dict.fromkeys(asked_for if isinstance(asked_for, list) else ())
    known = dict.fromkeys((*declared, *required, *[n for pair in dependent for n in pair]))
    properties = []
    for name in known:
        asked = [schema for schema, keys in patterns if accepts(keys, name)]
        if name in declared:
            asked.append(compiler.place(node.child("properties", name)))
        if not asked:
            asked.append(additional)
        schema = compiler.both(*asked) if accepts(names, name) else FALSE
        properties.append(Property(name, schema, name in required))
    classes: list[tuple[Term, list[Schema]]] = [(names, [])]
    for schema, keys in patterns:
        apart: list[tuple[Term, list[Schema]]] = []
        for texts, asked in classes:
            inside, outside = _both(texts, keys), without_texts(texts, keys)
            if not is_empty(inside):
                apart.append((inside, [*asked, schema]))
            if not is_empty(outside):
                apart.append((outside, asked))
        classes = apart
        if len(classes) > MOST_CLASSES:
            raise UnsupportedError(
                f"the patterns overlap in more than {MOST_CLASSES} ways; write patterns that exclude each other, "
                "anchored with ^ and $",
                pointer=f"{node.pointer}/patternProperties",
            )
    others = [Others(texts, compiler.both(*(asked or [additional]))) for texts, asked in classes if texts is not EMPTY]
    return ObjectShape(
        tuple(properties),
        tuple(o for o in others if o.schema is not FALSE),
        int(node.get("minProperties")) if "minProperties" in present else 0,
        int(node.get("maxProperties")) if "maxProperties" in present else None,
        (),
        dependent,
    )


def _dependent(node: Node, present: frozenset[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for keyword in ("dependentRequired", "dependencies"):
        if keyword in present:
            for name, asked in node.get(keyword).items():
                if isinstance(asked, list):
                    pairs += [(name, other) for other in asked]
                elif isinstance(asked, str):
                    pairs.append((name, asked))
    return tuple(pair for pair in pairs if pair[0] != pair[1])


# --- schemas that apply to the same value -----------------------------------------------------------------------------


def _branched(compiler: Compiler, node: Node, keyword: str, found: Normal, present: frozenset[str]) -> Normal:
    def branch(*path: str | int) -> Normal:
        return compiler.normal(compiler.place(node.child(*path)))

    match keyword:
        case "anyOf":
            return _any(compiler, found, [branch("anyOf", i) for i in range(len(node.get("anyOf")))])
        case "oneOf":
            return _one(compiler, found, [branch("oneOf", i) for i in range(len(node.get("oneOf")))])
        case "not":
            return meet(compiler, found, negate(compiler, branch("not")))
        case "if":
            if "then" not in present and "else" not in present:
                return found
            condition = branch("if")
            otherwise = negate(compiler, condition)
            if "else" not in present:
                implied = _dependency(compiler, otherwise, branch("then"))
                if implied is not None:
                    return meet(compiler, found, implied)
            holds, fails = meet(compiler, found, condition), meet(compiler, found, otherwise)
            if "then" in present:
                holds = meet(compiler, holds, branch("then"))
            if "else" in present:
                fails = meet(compiler, fails, branch("else"))
            return join([holds, fails])
        case "dependentSchemas" | "dependencies":
            for name, asked in node.get(keyword).items():
                if isinstance(asked, list | str) or not found.objects:
                    continue
                absent = replace(EVERYTHING, objects=(ObjectShape((Property(name, FALSE, False),), ANY_OBJECT.others),))
                asks = branch(keyword, name)
                implied = _dependency(compiler, absent, asks)
                if implied is not None:
                    found = meet(compiler, found, implied)
                    continue
                parts = [meet(compiler, found, absent), meet(compiler, found, asks)]
                found = replace(found, objects=join(parts).objects)
            return found
        case "unevaluatedItems":
            return unevaluated.items(compiler, node, found, present) if found.arrays else found
        case "unevaluatedProperties":
            return unevaluated.properties(compiler, node, found, present) if found.objects else found
    raise AssertionError(keyword)


def _dependency(compiler: Compiler, a: Normal, b: Normal) -> Normal | None:
    """Either of two, where that is a dependency between two names and says nothing of other types."""
    shape = as_dependency((*a.objects, *b.objects))
    if shape is None:
        return None
    rest = join([replace(a, objects=()), replace(b, objects=())])
    return replace(EVERYTHING, objects=(shape,)) if rest == replace(EVERYTHING, objects=()) else None


def _any(compiler: Compiler, found: Normal, branches: Sequence[Normal]) -> Normal:
    return join([meet(compiler, found, branch) for branch in branches])


def _one(compiler: Compiler, found: Normal, branches: Sequence[Normal]) -> Normal:
    """In exactly one of ``branches``: in each, without what others share with it."""
    inside = [meet(compiler, found, branch) for branch in branches]
    kinds = [_kinds(part) for part in inside]
    marks = [_marks(part) for part in inside]
    overlapping: list[list[int]] = [[] for _ in inside]
    for i, first in enumerate(inside):
        for j in range(i):
            if kinds[i] & kinds[j] and not _marked_apart(marks[i], marks[j]) and _overlap(compiler, first, inside[j]):
                overlapping[i].append(j)
                overlapping[j].append(i)
    parts = []
    for first, others in zip(inside, overlapping, strict=True):
        part = first
        for j in others:
            part = meet(compiler, part, negate(compiler, branches[j]))
        parts.append(part)
    return join(parts)


def _kinds(part: Normal) -> int:
    """The types that may have values, as a bit set."""
    said = (
        part.null,
        part.booleans & 1,
        part.booleans & 2,
        part.numbers is not NO_NUMBERS or part.integers is not NO_NUMBERS,
        part.strings is not EMPTY,
        part.arrays,
        part.objects,
    )
    return sum(1 << i for i, there in enumerate(said) if there)


def _marks(part: Normal) -> dict[str, frozenset[Hashable]]:
    """What tells the objects of ``part`` from others: required names with the few values that they may have."""
    found: dict[str, frozenset[Hashable]] | None = None
    if replace(part, objects=()) != replace(NOTHING, objects=()):
        return {}
    for case in part.objects:
        if not isinstance(case, ObjectShape):
            return {}
        marks = {
            p.name: frozenset(map(canonical, p.schema.values))
            for p in case.properties
            if p.required and isinstance(p.schema, Values)
        }
        found = marks if found is None else {n: found[n] | marks[n] for n in found.keys() & marks.keys()}
    return found or {}


def _marked_apart(a: dict[str, frozenset[Hashable]], b: dict[str, frozenset[Hashable]]) -> bool:
    return any(name in b and values.isdisjoint(b[name]) for name, values in a.items())


def _overlap(compiler: Compiler, a: Normal, b: Normal) -> bool:
    if a is NOTHING or b is NOTHING:
        return False
    return compiler.is_normal_plausible(meet(compiler, a, b))
