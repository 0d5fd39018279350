"""Why a schema has no value: the keywords that clash, by pointer.

Keywords are left out one by one as long as no value comes back (delta debugging, Zeller and Hildebrandt 2002, in its
simplest form); what is left clashes.  A required member or an applied subschema that has no value by itself is looked into
instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relark.frontends.schema.compiler import Compiler
    from relark.frontends.schema.document import Node

_COMPANIONS = {"if": {"then", "else"}, "contains": {"minContains", "maxContains"}, "minimum": {"exclusiveMinimum"}}
MOST_STEPS = 50  # levels of schemas looked into


def explain_clash(compiler: Compiler, node: Node) -> str:
    """One sentence with the pointers of the keywords that leave no value."""
    for _ in range(MOST_STEPS):
        if node.schema is False:
            return f"no value satisfies {node.pointer}: the schema is false"
        clashing = _clashing(compiler, node)
        if len(clashing) != 1:
            break
        inner = _empty_inside(compiler, node, clashing[0])
        if inner is None:
            break
        node = inner
    if node.schema is False:
        return f"no value satisfies the schema: {node.pointer} is false, and a value is required there"
    pointers = [f"{node.pointer}/{keyword}" for keyword in clashing]
    if not pointers:
        return f"no value satisfies {node.pointer}"
    if len(pointers) == 1:
        return f"no value satisfies the schema: {pointers[0]} leaves none"
    return f"no value satisfies the schema: {', '.join(pointers[:-1])} and {pointers[-1]} contradict each other"


def _clashing(compiler: Compiler, node: Node) -> list[str]:
    left = list(node.keywords())
    for keyword in list(left):
        fewer = [k for k in left if k != keyword and k not in _COMPANIONS.get(keyword, ())]
        if fewer and not compiler.is_plausible(compiler.place(node, frozenset(fewer))):
            left = fewer
    return left


def _empty_inside(compiler: Compiler, node: Node, keyword: str) -> Node | None:
    """The one subschema under ``keyword`` that has no value and should have one."""
    value = node.get(keyword)
    inside: list[Node] = []
    if keyword == "$ref":
        target = node.reference()
        inside = [target] if target is not None else []
    elif keyword in ("allOf", "anyOf", "oneOf") and isinstance(value, list):
        inside = [node.child(keyword, i) for i in range(len(value))]
        if keyword != "allOf" and len(inside) > 1:
            return None
    elif keyword in ("items", "contains") and not isinstance(value, list):
        inside = [node.child(keyword)]
    return next((child for child in inside if not compiler.is_plausible(compiler.place(child))), None)
