"""The term algebra: every constraint is a set of byte strings that can be asked for its derivative.

Read `terms` first (what a language is made of), then `derivative`, `lookaround` and `ordered` (what regexes need beyond
the regular operators), `completion` (shortest members, emptiness), `utf8` and `literals` (building blocks), `states`
(terms as numbers, for array walks).
"""

from __future__ import annotations

from relark.language.completion import Completions, is_empty, lower_bound, shortest
from relark.language.derivative import contains, derive, transitions
from relark.language.literals import one_of
from relark.language.lookaround import ahead, atomic, behind, scope
from relark.language.ordered import (
    Ordered,
    ordered_alt,
    ordered_repeat,
    ordered_seq,
    ordered_unit,
)
from relark.language.terms import (
    ALL,
    EMPTY,
    EPSILON,
    FULL,
    Leaf,
    Term,
    byte_set,
    complement,
    concat,
    guard,
    intersection,
    leaf,
    literal,
    ref,
    repeat,
    sealed,
    union,
)
from relark.language.utf8 import ANY_CHARACTER, TEXT, code_points

__all__ = [
    "ALL",
    "ANY_CHARACTER",
    "EMPTY",
    "EPSILON",
    "FULL",
    "TEXT",
    "Completions",
    "Leaf",
    "Ordered",
    "Term",
    "ahead",
    "atomic",
    "behind",
    "byte_set",
    "code_points",
    "complement",
    "concat",
    "contains",
    "derive",
    "guard",
    "intersection",
    "is_empty",
    "leaf",
    "literal",
    "lower_bound",
    "one_of",
    "ordered_alt",
    "ordered_repeat",
    "ordered_seq",
    "ordered_unit",
    "ref",
    "repeat",
    "scope",
    "sealed",
    "shortest",
    "transitions",
    "union",
]
