"""What relark makes of a JSON Schema: keyword by keyword, and what to mind.

`keyword_uses` says of every keyword that a value can meet whether it is enforced, checked after generation, ignored
(and why) or refused.  `findings` says what is well-formed and still seldom meant: strings, arrays and objects without a
largest size, branches and properties that no value can have, words that a tokenizer lacks the bytes for.

Cost: every schema of the document is looked into, mostly in less than a millisecond each; at most `SCHEMAS` of them,
and no new one after `SECONDS`; then what was found so far is reported, and that it is not all.  What it cannot do: see
that values of different places exclude each other, or that two keywords say the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from relark.errors import PatternError, SchemaError, UnsupportedError
from relark.frontends.schema.clash import explain_clash
from relark.frontends.schema.document import unknown_keywords
from relark.frontends.schema.expressions import TRUE, AllOf, AnyOf, Is, Schema
from relark.frontends.schema.formats import format_term
from relark.frontends.schema.normal import EVERYTHING, Mixed
from relark.frontends.schema.shapes import ArrayShape, ObjectShape
from relark.language import EMPTY, Term
from relark.report.lengths import longest_member

if TYPE_CHECKING:
    from relark.frontends.schema import CompiledSchema
    from relark.frontends.schema.compiler import Compiler
    from relark.frontends.schema.document import Node

__all__ = ["UNBOUNDED", "Finding", "KeywordUse", "findings", "keyword_uses"]

REFUSALS = (PatternError, SchemaError, UnsupportedError)
SCHEMAS = 5_000  # that a report looks into
BRANCHES = 12  # of a combination that is still looked into as a whole
SECONDS = 3.0  # that the search for findings may take
MANY = 1_000  # values of an item: an array without repetitions is no longer than there are

Treatment = Literal["exact", "checked", "ignored", "refused"]
Kind = Literal[
    "unbounded string",
    "unbounded array",
    "unbounded object",
    "any value",
    "no value",
    "unreachable",
    "unspellable",
    "cut off",
    "conflict",
    "collision",
    "unused",
    "never matches",
    "stumbles",
    "unbounded terminal",
    "unbounded rule",
    "ignored text",
]


@dataclass(frozen=True)
class KeywordUse:
    """A keyword where it stands, ``pointer``, and what relark does with it.

    treatment   "exact": enforced. "checked": Python looks at the finished value. "ignored": it says nothing about
                values, or relark is not asked to enforce it. "refused": generating raises, at the latest when a text
                gets there
    why         for all but "exact"
    """

    pointer: str
    keyword: str
    treatment: Treatment
    why: str = ""

    @property
    def is_annotation(self) -> bool:
        """Whether it never says anything about values: ``title`` and the like."""
        return self.why == ANNOTATION


@dataclass(frozen=True)
class Finding:
    """Something to mind about the schema at ``pointer``: its kind, and in words.

    For grammars ``pointer`` is the rule or the terminal, and ``line`` and ``column``, from 1, are where the grammar's
    text defines it, if it does.
    """

    kind: Kind
    pointer: str
    message: str
    line: int | None = None
    column: int | None = None


_STRUCTURE = {
    "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$defs", "definitions",
}  # fmt: skip
_ANNOTATIONS = {
    "title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples", "$comment",
    "contentEncoding", "contentMediaType", "contentSchema",
}  # fmt: skip
_NOTHING_WITHOUT = {
    "then": ("if",),
    "else": ("if",),
    "if": ("then", "else"),
    "minContains": ("contains",),
    "maxContains": ("contains",),
}
_COMBINING = {
    "$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas",
    "dependencies", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
ANNOTATION = "an annotation: it says nothing about values"
ANY = "any value is allowed, of any size: give a schema"
OTHERS = "objects may have any number of other members: give additionalProperties: false, or maxProperties"
UNBOUNDED: tuple[Kind, ...] = (
    "unbounded string", "unbounded array", "unbounded object", "any value", "unbounded terminal", "unbounded rule",
    "ignored text",
)  # fmt: skip


def _nodes(root: Node) -> Iterator[Node]:
    """The schemas that a value may meet, each once, in written order."""
    seen: set[Node] = set()
    pending = [root]
    while pending and len(seen) < SCHEMAS:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        inner = [child for _, child in node.children()]
        inner += [target for target in (node.reference(), node.dynamic_reference()) if target is not None]
        pending += reversed(inner)


def keyword_uses(compiled: CompiledSchema) -> list[KeywordUse]:
    """What is done with each keyword of the schema; see the module's docstring."""
    compiler = compiled.compiler
    found = []
    for node in _nodes(compiled.node):
        problem = _problem(compiler, node)
        for keyword in node.keywords():
            where = _inside(node.pointer, keyword)
            if keyword in _STRUCTURE or (problem is not None and problem.pointer == where):
                continue
            if keyword == "relark:checked":
                found += [KeywordUse(node.pointer, "validator", "checked", str(why)) for why in node.get(keyword)]
            elif not keyword.startswith("relark:"):
                why = _ignored(compiler, node, keyword)
                found.append(KeywordUse(where, keyword, "ignored" if why else "exact", why))
        if problem is not None:
            found.append(problem)
    for unknown in unknown_keywords(compiled.node):
        if not unknown.keyword.startswith("relark:"):
            why = "an unknown keyword, which by the specification says nothing"
            found.append(KeywordUse(unknown.pointer, unknown.keyword, "ignored", unknown.why or why))
    return list(dict.fromkeys(found))


def _inside(pointer: str, step: str | int) -> str:
    return f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}"


def _problem(compiler: Compiler, node: Node) -> KeywordUse | None:
    """What of ``node`` itself cannot be enforced; schemas that it combines are looked into for themselves."""
    try:
        compiler.normal(compiler.place(node, frozenset(node.keywords()) - _COMBINING))
    except PatternError as error:
        pointer, _, why = error.message.partition(": ")  # written so by `ecma`
        return KeywordUse(pointer, pointer.rpartition("/")[2], "refused", why)
    except (SchemaError, UnsupportedError) as error:
        pointer = error.pointer or node.pointer
        return KeywordUse(pointer, pointer.rpartition("/")[2], "refused", error.message)
    except RecursionError:
        return None  # told where the whole is compiled
    return None


def _ignored(compiler: Compiler, node: Node, keyword: str) -> str:
    if keyword in _ANNOTATIONS:
        return ANNOTATION
    needed = _NOTHING_WITHOUT.get(keyword)
    if needed is not None and all(node.get(other) is None for other in needed):
        return f"it means nothing without {' or '.join(f'`{other}`' for other in needed)}"
    if keyword == "additionalItems" and not isinstance(node.get("items"), list):
        return "it means nothing unless `items` is a list"
    if keyword == "format":
        name = node.get(keyword)
        if not compiler.assert_formats and not name.startswith("relark:"):
            return 'formats="annotate" was asked for'
        if name not in compiler.formats and not name.startswith("relark:") and format_term(name) is None:
            return f"{name!r} is not a known format; define it with formats={{{name!r}: regex}}"
    return ""


# --- what to mind -----------------------------------------------------------------------------------------------------


def findings(compiled: CompiledSchema, spells: Callable[[Term], bool] | None = None) -> list[Finding]:
    """What to mind; ``spells`` tells whether a tokenizer can write some member of a language."""
    # The searches below give None now and then, so that they can be left.
    found: list[Finding] = []
    compiler, root = compiled.compiler, compiled.node
    deadline = time.monotonic() + SECONDS
    searches = [_sizes(compiler, root), _dead(compiler, root)]
    if spells is not None:
        searches.append(_unspellable(compiler, root, spells))
    for search in searches:
        try:
            for finding in search:
                if finding is not None:
                    found.append(finding)
                elif time.monotonic() > deadline:
                    why = f"only looked into for {SECONDS:g} s: not all was found"
                    found.append(Finding("cut off", root.pointer, why))
                    break
        except RecursionError:
            found.append(Finding("cut off", root.pointer, "schemas nest too deep in each other to look into all"))
    return list(dict.fromkeys(found))


def _sizes(compiler: Compiler, root: Node) -> Iterator[Finding | None]:
    """Values without a largest size: what schemas of one place say together is looked at together."""
    seen: set[Schema] = set()
    pending: list[tuple[Schema, str]] = [(compiler.place(root), root.pointer)]
    while pending:
        yield None
        schema, where = pending.pop()
        if schema in seen or not _is_inhabited(compiler, schema):
            continue
        if len(seen) >= SCHEMAS:
            yield Finding("cut off", root.pointer, f"only the first {SCHEMAS} schemas were looked into")
            return
        seen.add(schema)
        where = _pointer(schema) or where
        if schema is TRUE:
            yield Finding("any value", where, ANY)
            continue
        try:
            normal = compiler.normal(schema)
        except REFUSALS:  # `keyword_uses` tells
            continue
        if normal is EVERYTHING:
            yield Finding("any value", where, ANY)
            continue
        if normal.strings is not EMPTY and longest_member(normal.strings, True)[1]:
            yield Finding("unbounded string", where, "strings have no greatest length: give maxLength")
        inner: list[tuple[Schema, str]] = []
        for array in _cases(normal.arrays):
            if isinstance(array, ArrayShape):
                inner += [(item, _inside(where, f"prefixItems/{i}")) for i, item in enumerate(array.prefix)]
                if array.most is not None and array.most <= len(array.prefix):
                    continue
                inner.append((array.items, f"{where}/items"))
                if array.most is None and not _runs_out(compiler, array):
                    yield Finding("unbounded array", where, "arrays have no greatest length: give maxItems")
        for shape in _cases(normal.objects):
            if isinstance(shape, ObjectShape):
                inner += [(p.schema, _inside(f"{where}/properties", p.name)) for p in shape.properties]
                for others in shape.others:
                    if not _is_inhabited(compiler, others.schema):
                        continue
                    if shape.most is None:
                        yield Finding("unbounded object", where, OTHERS)
                    if others.schema is not TRUE:
                        inner.append((others.schema, f"{where}/additionalProperties"))
        pending += reversed(inner)


def _cases(cases: tuple[object, ...]) -> Iterator[object]:
    for case in cases:
        if isinstance(case, Mixed):
            for inner in case.all_of:
                yield from _cases(inner)
        else:
            yield case


def _runs_out(compiler: Compiler, array: ArrayShape) -> bool:
    """Whether there are no items for an endless array."""
    if not _is_inhabited(compiler, array.items):
        return True
    return array.unique and compiler.count(array.items, MANY) < MANY


def _pointer(schema: Schema) -> str | None:
    if isinstance(schema, Is):
        return schema.node.pointer
    if isinstance(schema, AllOf | AnyOf):
        return next((p for part in schema.parts if (p := _pointer(part)) is not None), None)
    return None


def _is_inhabited(compiler: Compiler, schema: Schema) -> bool:
    try:
        return compiler.is_plausible(schema)
    except REFUSALS:
        return True


# Subschemas that are there to be satisfied; under ``not`` and ``if`` one without values may be meant.
_WANTED = {
    "properties", "patternProperties", "additionalProperties", "items", "prefixItems", "additionalItems", "contains",
    "allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas", "dependencies",
}  # fmt: skip


def _dead(compiler: Compiler, root: Node) -> Iterator[Finding | None]:
    """What no value ever has."""
    for node in _nodes(root):
        here = _lightly(compiler, node)
        if not _is_inhabited(compiler, here):
            continue  # what is around it tells
        for path, child in node.children():
            yield None
            if path[0] not in _WANTED or child.schema is False:
                continue
            where = node.pointer + "".join(_inside("", step) for step in path)
            if not _is_inhabited(compiler, _lightly(compiler, child)):
                yield Finding("no value", where, explain_clash(compiler, child))
            elif path[0] in ("anyOf", "oneOf") and not _is_inhabited(
                compiler, compiler.both(here, compiler.place(child))
            ):
                reason = "what stands beside it" if path[0] == "anyOf" else "what stands beside it or in another branch"
                yield Finding("unreachable", where, f"no value takes this branch: {reason} excludes it")
        values = node.get("enum")
        for i, value in enumerate(values if isinstance(values, list) else ()):
            if not _is_inhabited(compiler, compiler.both(here, compiler.make.values([value]))):
                where = _inside(_inside(node.pointer, "enum"), i)
                yield Finding("unreachable", where, "the keywords beside it exclude this value")


def _lightly(compiler: Compiler, node: Node) -> Schema:
    """``node``, less what takes long without its surroundings: many branches, and what is looked into anyway."""
    keywords = frozenset(node.keywords())
    heavy = {name for name in ("oneOf", "anyOf") if len(node.get(name, ())) > BRANCHES}
    if keywords - _ANNOTATIONS - _STRUCTURE <= {"$ref"}:
        heavy.add("$ref")
    return compiler.place(node, keywords - heavy if heavy else None)


def _unspellable(compiler: Compiler, root: Node, spells: Callable[[Term], bool]) -> Iterator[Finding | None]:
    """Literal texts for which the tokenizer lacks bytes."""
    for node in _nodes(root):
        yield None
        for path, _ in node.children():
            if path[0] == "properties" and not spells(compiler.value(compiler.make.values([path[1]]))):
                where = _inside(_inside(node.pointer, "properties"), path[1])
                yield Finding("unspellable", where, "the tokenizer has no tokens for this name")
        values = node.get("enum")
        for where, value in [
            *([(_inside(node.pointer, "const"), node.get("const"))] if "const" in node.keywords() else []),
            *((_inside(_inside(node.pointer, "enum"), i), v) for i, v in enumerate(values or ())),
        ]:
            if not spells(compiler.value(compiler.make.values([value]))):
                yield Finding("unspellable", where, "the tokenizer has no tokens for this value")
