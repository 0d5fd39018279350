"""Why a schema has no value: the keywords that clash, by pointer.

Keywords are left out one by one as long as no value comes back (delta debugging, Zeller and Hildebrandt 2002, in its
simplest form); what is left clashes.  A required member or an applied subschema that has no value by itself is
looked into instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relark.frontends.schema.keywords import always

if TYPE_CHECKING:
    from relark.frontends.schema.compiler import Compiler
    from relark.frontends.schema.document import Node

ALWAYS = ("$ref", "$dynamicRef", "$recursiveRef", "allOf")
_LAST = ("properties", "required", "prefixItems", "items", "minItems", "type")  # left out last: they say where
_COMPANIONS = {"if": {"then", "else"}, "contains": {"minContains", "maxContains"}}


def explain_clash(compiler: Compiler, node: Node) -> str:
    """One sentence with the pointers of the keywords that leave no value."""
    visited = [node]
    asking: list[str] = []  # why a value is needed there
    while True:
        clashing = _clashing(compiler, node)
        if not clashing[0][1]:
            node = clashing[0][0]
            break
        found = next(
            ((place, child) for place, said in clashing for child in _empty_inside(compiler, place, said)), None
        )
        if found is None:
            break
        place, inner = found
        asking += [f"{place.pointer}/{k}" for k in ("required", "minItems") if k in place.keywords()]
        if inner in visited:
            why = f"every value of {inner.pointer} needs another one inside, without end"
            return f"no value satisfies the schema: {why}{_because(asking)}"
        visited.append(inner)
        node = inner
    if node.schema is False:
        return f"no value satisfies the schema: {node.pointer} is false{_because(asking)}"
    pointers = [f"{place.pointer}/{keyword}" for place, said in clashing for keyword in said]
    if len(pointers) == 1:
        return f"no value satisfies the schema: {pointers[0]} leaves none{_because(asking)}"
    listed = f"{', '.join(pointers[:-1])} and {pointers[-1]}"
    return f"no value satisfies the schema: {listed} contradict each other{_because(asking)}"


def _because(asking: list[str]) -> str:
    asking = list(dict.fromkeys(asking))
    return f", and {' and '.join(asking)} {'ask' if len(asking) > 1 else 'asks'} for a value there" if asking else ""


def _clashing(compiler: Compiler, node: Node) -> list[tuple[Node, list[str]]]:
    """As few keywords as leave no value, of ``node`` and of the places that hold wherever it does."""
    places: list[Node] = []
    work = [node]
    while work:
        place = work.pop()
        if place not in places and place.schema is not True:
            places.append(place)
            if place.schema is not False:
                work += reversed(always(place, frozenset(place.keywords())))
    false = next((place for place in places if place.schema is False), None)
    if false is not None:
        return [(false, [])]
    left = [(place, keyword) for place in places for keyword in place.keywords() if keyword not in ALWAYS]
    for item in sorted(left, key=lambda item: _LAST.index(item[1]) if item[1] in _LAST else -1):
        fewer = [other for other in left if other != item and other[1] not in _COMPANIONS.get(item[1], ())]
        if fewer and not _is_plausible(compiler, fewer):
            left = fewer
    return [(place, [k for p, k in left if p is place]) for place in places if any(p is place for p, _ in left)]


def _is_plausible(compiler: Compiler, said: list[tuple[Node, str]]) -> bool:
    only: dict[Node, list[str]] = {}
    for place, keyword in said:
        only.setdefault(place, []).append(keyword)
    return compiler.is_plausible_all([(place, frozenset(keywords)) for place, keywords in only.items()])


def _empty_inside(compiler: Compiler, node: Node, clashing: list[str]) -> list[Node]:
    """A subschema under the ``clashing`` keywords that has no value by itself and needs one."""
    inside = [node.child(k, 0) for k in ("anyOf", "oneOf") if clashing == [k] and len(node.get(k)) == 1]
    if "properties" in clashing and "required" in node.keywords():
        declared = node.get("properties")
        inside += [node.child("properties", name) for name in node.get("required") if name in declared]
    if "items" in clashing and "minItems" in clashing and not isinstance(node.get("items"), list):
        inside.append(node.child("items"))
    if "prefixItems" in clashing and "minItems" in clashing:
        several = min(len(node.get("prefixItems")), int(node.get("minItems")))
        inside += [node.child("prefixItems", i) for i in range(several)]
    if "contains" in clashing:
        inside.append(node.child("contains"))
    return [child for child in inside if not compiler.is_plausible(compiler.place(child))][:1]
