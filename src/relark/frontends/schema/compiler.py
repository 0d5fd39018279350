"""From schemas to terms: what `objects` and `arrays` ask, answered.

A `Compiler` belongs to one document and one way of writing.  It remembers the `Normal` of every schema that was looked
into, and the term of its values.  Terms of objects and arrays unfold when a text gets there, so a schema costs what is
visited of it.

Whether a schema has a value at all is decided here, where recursion can be seen: a value is finite, so a schema
that needs a value of itself has none (a least fixpoint); shortest texts are one too (Knuth, "A generalization of
Dijkstra's algorithm", 1977).
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from relark.errors import UnsatisfiableError, UnsupportedError
from relark.frontends.schema import keywords
from relark.frontends.schema.arrays import array_count, array_is_inhabited, array_least_text, array_term
from relark.frontends.schema.expressions import (
    FALSE,
    TRUE,
    AllOf,
    AnyOf,
    Expressions,
    Having,
    Is,
    Json,
    Loop,
    Not,
    Schema,
    Values,
)
from relark.frontends.schema.normal import (
    ANY_ARRAY,
    ANY_OBJECT,
    ARRAYS,
    EVERYTHING,
    NO_NUMBERS,
    NOTHING,
    OBJECTS,
    ArrayCase,
    Mixed,
    Normal,
    ObjectCase,
    find_case,
    join,
    meet,
    negate,
)
from relark.frontends.schema.numbers import NumberSet, number_term
from relark.frontends.schema.objects import object_is_inhabited, object_least_text, object_term
from relark.frontends.schema.shapes import Layout, ObjectShape, Property
from relark.frontends.schema.strings import json_text
from relark.language import (
    EMPTY,
    TEXT,
    Term,
    byte_set,
    complement,
    concat,
    intersection,
    is_empty,
    literal,
    ref,
    repeat,
    transitions,
    union,
)
from relark.language.completion import Completions

if TYPE_CHECKING:
    from relark.frontends.schema.document import Node

_FIRST = sum(1 << byte for byte in b'{["-0123456789tfn')


F = TypeVar("F", bound=Callable[..., Any])


def _locked(method: F) -> F:
    """One thread at a time: what is being found out is kept in the compiler meanwhile."""

    @functools.wraps(method)
    def run(self: Compiler, *args: Any) -> Any:
        with self.lock:
            return method(self, *args)

    return run  # type: ignore[return-value]


@dataclass(eq=False)
class Compiler:
    """The schemas of one document, written in one way.

    ``formats``: what ``format`` names mean beyond the standard ones (decoded texts); ``assert_formats``: whether
    formats are enforced; ``known_formats_only``: whether an unknown one is refused.
    """

    layout: Layout
    formats: Mapping[str, Term] = field(default_factory=dict)
    assert_formats: bool = True
    known_formats_only: bool = False

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.make = Expressions()
        self._normals: dict[Schema, Normal | None] = {}  # None: being found out
        self._values: dict[Schema, Term] = {}
        self._inhabited: dict[Schema, bool] = {}
        self._asking: set[Schema] = set()  # whether inhabited
        self._guesses = 0  # how often an answer relied on one that was being found out
        self._counts: dict[Schema, int] = {}
        self._texts: dict[tuple[Schema, int], bytes | None] = {}  # upper bounds, until final
        self._final: set[tuple[Schema, int]] = set()
        self._round: set[tuple[Schema, int]] | None = None  # asked for in this round of the fixpoint
        self._improved = self._provisional = False

    # --- handles ------------------------------------------------------------------------------------------------------

    @_locked
    def place(self, node: Node, only: frozenset[str] | None = None) -> Schema:
        return self.make.place(node, only)

    @_locked
    def both(self, *schemas: Schema) -> Schema:
        return self.make.both(*schemas)

    @_locked
    def negated(self, schema: Schema) -> Schema:
        return self.make.negated(schema)

    @_locked
    def without(self, schema: Schema, values: Sequence[Json]) -> Schema:
        return self.make.both(schema, self.make.negated(self.make.values(values))) if values else schema

    @_locked
    def having(self, name: str) -> Schema:
        """Objects with a member of that name."""
        return self.make.having(name)

    # --- meaning ------------------------------------------------------------------------------------------------------

    @_locked
    def normal(self, schema: Schema) -> Normal:
        """What ``schema`` says, type by type."""
        if schema in self._normals:
            known = self._normals[schema]
            if known is None:
                raise Loop(schema)
            return known
        self._normals[schema] = None
        try:
            found = self._normal(schema)
        except BaseException:
            del self._normals[schema]
            raise
        self._normals[schema] = found
        return found

    def _normal(self, schema: Schema) -> Normal:
        if schema is TRUE:
            return EVERYTHING
        if schema is FALSE:
            return NOTHING
        match schema:
            case Is():
                return keywords.normal(self, schema.node, schema.only)
            case Having():
                there = ObjectShape((Property(schema.name, TRUE, True),), ANY_OBJECT.others)
                return replace(NOTHING, objects=(there,))
            case Values():
                return keywords.values_normal(self, schema.values)
            case AllOf():
                # negations last: they are met with fewer cases then
                places = [part for part in schema.parts if isinstance(part, Is)]
                found = keywords.conjunction(self, [(p.node, p.only) for p in places])
                parts = sorted(schema.parts, key=lambda part: isinstance(part, Not))
                for part in parts:
                    if not isinstance(part, Is):
                        found = meet(self, found, self.normal(part))
                return found
            case AnyOf():
                return join([self.normal(part) for part in schema.parts])
            case Not():
                return negate(self, self.normal(schema.part))
        raise AssertionError(schema)

    # --- whether there is a value -------------------------------------------------------------------------------------

    @_locked
    def is_plausible(self, schema: Schema) -> bool:
        """Whether any value satisfies ``schema``; True where that depends on a schema that is being looked into."""
        try:
            return self.is_inhabited(schema)
        except Loop:
            return True

    @_locked
    def is_normal_plausible(self, normal: Normal) -> bool:
        """Whether ``normal`` has a value; True where that depends on a schema that is being looked into."""
        try:
            return self._has_value(normal)
        except Loop:
            return True

    @_locked
    def is_plausible_all(self, places: Sequence[tuple[Node, frozenset[str] | None]]) -> bool:
        """Whether any value satisfies all ``places``, of which only the given keywords count."""
        try:
            return self._has_value(keywords.conjunction(self, places))
        except Loop:
            return True

    @_locked
    def is_inhabited(self, schema: Schema) -> bool:
        known = self._inhabited.get(schema)
        if known is not None:
            return known
        if schema in self._asking:
            self._guesses += 1
            return False
        before = self._guesses
        self._asking.add(schema)
        try:
            found = self._has_value(self.normal(schema))
        finally:
            self._asking.discard(schema)
        if found or self._guesses == before or not self._asking:
            self._inhabited[schema] = found
        return found

    def _has_value(self, normal: Normal) -> bool:
        return (
            normal.null
            or bool(normal.booleans)
            or self._has_number(normal)
            or (normal.strings is not EMPTY and not is_empty(normal.strings))
            or any(self._array_has_value(case) for case in normal.arrays)
            or any(self._object_has_value(case) for case in normal.objects)
        )

    def _has_number(self, normal: Normal) -> bool:
        if normal.numbers is normal.integers:
            return not normal.numbers.is_empty()
        return not normal.integers.meet(NumberSet.integers()).is_empty() or not normal.numbers.is_empty()

    def _array_has_value(self, case: ArrayCase) -> bool:
        if isinstance(case, Mixed):
            found = find_case(self, ARRAYS, case, lambda shape: array_is_inhabited(shape, self))
            return not is_empty(self._array(case)) if found is None else found
        return array_is_inhabited(case, self)

    def _object_has_value(self, case: ObjectCase) -> bool:
        if isinstance(case, Mixed):
            found = find_case(self, OBJECTS, case, lambda shape: object_is_inhabited(shape, self))
            return not is_empty(self._object(case)) if found is None else found
        return object_is_inhabited(case, self)

    # --- how many values ----------------------------------------------------------------------------------------------

    @_locked
    def count(self, schema: Schema, limit: int) -> int:
        known = self._counts.get(schema)
        if known is not None and known < limit:
            return known
        if schema in self._asking:
            return limit  # it contains itself
        self._asking.add(schema)
        try:
            found = self._count(self.normal(schema), limit)
        finally:
            self._asking.discard(schema)
        if found < limit:
            self._counts[schema] = found
        return found

    def _count(self, normal: Normal, limit: int) -> int:
        total = int(normal.null) + normal.booleans.bit_count()
        total += normal.numbers.count(limit) if normal.numbers is normal.integers else limit
        if total < limit:
            total += _count_texts(normal.strings, limit - total)
        for array in normal.arrays:
            if total < limit and self._array_has_value(array):
                total += self._count_array(array, limit - total)
        for obj in normal.objects:
            if total < limit and self._object_has_value(obj):
                total += self._count_object(obj, limit - total)
        return min(total, limit)

    def _count_array(self, case: ArrayCase, limit: int) -> int:
        return limit if isinstance(case, Mixed) else array_count(case, self, limit)

    def _count_object(self, case: ObjectCase, limit: int) -> int:
        if isinstance(case, Mixed) or case.needs or case.dependent:
            return limit
        if any(self.is_inhabited(o.schema) for o in case.others):
            return limit
        by_size = {0: 1}
        for p in case.properties:
            several = self.count(p.schema, limit + 1)
            grown: dict[int, int] = {}
            for size, ways in by_size.items():
                if not p.required:
                    grown[size] = grown.get(size, 0) + ways
                if several:
                    grown[size + 1] = grown.get(size + 1, 0) + ways * several
            by_size = grown
        within = (n for size, n in by_size.items() if size >= case.least and (case.most is None or size <= case.most))
        return min(sum(within), limit)

    # --- texts --------------------------------------------------------------------------------------------------------

    @_locked
    def value(self, schema: Schema) -> Term:
        known = self._values.get(schema)
        if known is None:
            known = self._direct(schema)
            if known is None:
                known = ref(
                    "value",
                    lambda: self.term(schema),
                    nullable=False,
                    check=False,
                    first=_FIRST,
                    shortest=lambda alphabet: self.least_text(schema, alphabet),
                )
            self._values[schema] = known
        return known

    def _direct(self, schema: Schema) -> Term | None:
        """The term itself where it is simple: its exact length and first bytes serve those around it."""
        if isinstance(schema, Is) and isinstance(schema.node.schema, dict):
            kind = schema.node.schema.get("type")
            if isinstance(kind, str) and kind not in ("object", "array") and keywords.is_scalar(schema.node):
                return self.term(schema)
        if isinstance(schema, Values) and not any(isinstance(v, list | dict) for v in schema.values):
            return self.term(schema)
        return None

    @_locked
    def term(self, schema: Schema) -> Term:
        """The texts of the values of ``schema``, unfolded at the top."""
        normal = self.normal(schema)
        parts = []
        if normal.null:
            parts.append(literal(b"null"))
        if normal.booleans & 1:
            parts.append(literal(b"false"))
        if normal.booleans & 2:
            parts.append(literal(b"true"))
        parts += self._number(normal)
        if normal.strings is not EMPTY:
            parts.append(json_text(normal.strings))
        parts += [self._array(case) for case in normal.arrays if self._array_has_value(case)]
        parts += [self._object(case) for case in normal.objects if self._object_has_value(case)]
        return union(*parts)

    def _number(self, normal: Normal) -> list[Term]:
        compact = self.layout.compact_numbers
        if normal.numbers is normal.integers:
            return [] if normal.numbers is NO_NUMBERS else [number_term(normal.numbers, compact=compact)]
        whole = NumberSet.integers()
        written = normal.integers.meet(whole)
        broken = normal.numbers.meet(whole.negate())
        parts = [number_term(written, compact=True), number_term(broken, compact=compact)]
        padded = normal.numbers.meet(whole)
        if not compact and not padded.is_empty():
            not_plain = complement(_INTEGER)
            parts.append(intersection(number_term(padded, compact=False), not_plain))
        return parts

    def _array(self, case: ArrayCase) -> Term:
        if isinstance(case, Mixed):
            return self._mixed(case, self._array, ANY_ARRAY)
        return array_term(case, self)

    def _object(self, case: ObjectCase) -> Term:
        if isinstance(case, Mixed):
            return self._mixed(case, self._object, ANY_OBJECT)
        return object_term(case, self)

    def _mixed(self, case: Mixed[Any], term: Callable[[Any], Term], anything: Any) -> Term:
        parts = [union(*map(term, cases)) for cases in case.all_of] or [term(anything)]
        return intersection(*parts, *[complement(term(c)) for c in case.none_of])

    # --- shortest texts -----------------------------------------------------------------------------------------------

    @_locked
    @_locked
    def least_text(self, schema: Schema, alphabet: int) -> bytes | None:
        key = schema, alphabet
        if key in self._final:
            return self._texts[key]
        if self._round is not None:
            if key in self._round:
                self._provisional = True
            else:
                self._round.add(key)
                self._improve(key)
            return self._texts.get(key)
        while True:
            self._round, self._improved, self._provisional = {key}, False, False
            try:
                self._improve(key)
                visited = self._round
            finally:
                self._round = None
            if not (self._improved and self._provisional):
                break
        for other in visited:
            self._texts.setdefault(other, None)
        self._final |= visited
        return self._texts[key]

    def _improve(self, key: tuple[Schema, int]) -> None:
        found = self._least(*key)
        known = self._texts.get(key)
        if found is not None and (known is None or len(found) < len(known)):
            self._texts[key] = found
            self._improved = True

    def _least(self, schema: Schema, alphabet: int) -> bytes | None:
        normal = self.normal(schema)
        plain = [literal(b"null")] if normal.null else []
        plain += [literal(b"false")] if normal.booleans & 1 else []
        plain += [literal(b"true")] if normal.booleans & 2 else []
        plain += self._number(normal)
        if normal.strings is not EMPTY:
            plain.append(json_text(normal.strings))
        completions = Completions(alphabet)
        found = [completions.shortest(part) for part in plain]
        for array in normal.arrays:
            if isinstance(array, Mixed):
                found.append(completions.shortest(self._array(array)))
            else:
                found.append(array_least_text(array, self, alphabet))
        for obj in normal.objects:
            if isinstance(obj, Mixed):
                found.append(completions.shortest(self._object(obj)))
            else:
                found.append(object_least_text(obj, self, alphabet))
        return min((text for text in found if text is not None), key=len, default=None)

    # --- the whole ----------------------------------------------------------------------------------------------------

    @_locked
    def root(self, node: Node) -> Term:
        """The texts of a document.  Raises `UnsatisfiableError` if there are none, naming what clashes."""
        from relark.frontends.schema.clash import explain_clash

        schema = self.place(node)
        try:
            if not self.is_inhabited(schema):
                raise UnsatisfiableError(explain_clash(self, node))
            return self.term(schema)
        except RecursionError:
            raise UnsupportedError(
                "schemas nest too deep in each other for Python's stack; "
                "name inner ones with $defs and $ref, or flatten",
                pointer=node.pointer,
            ) from None
        except Loop as loop:
            where = loop.schema.node.pointer if isinstance(loop.schema, Is) else node.pointer
            raise UnsupportedError(
                "the reference leads back to this schema without going into a member or an item, so it says "
                "nothing; remove it",
                pointer=where,
            ) from None


def _count_texts(texts: Term, limit: int) -> int:
    """How many members ``texts`` has, at most ``limit``."""
    if texts is EMPTY:
        return 0
    if texts is TEXT:
        return limit
    ways: dict[Term, int] = {texts: 1}
    total = 0
    for _ in itertools.repeat(None, 10_000):
        grown: dict[Term, int] = {}
        for term, several in ways.items():
            if term.nullable:
                total += several
            if total >= limit:
                return limit
            for mask, target in transitions(term):
                if target.nullable or not is_empty(target):
                    grown[target] = grown.get(target, 0) + several * mask.bit_count()
        if not grown:
            return total
        if sum(grown.values()) > 1000 * limit or len(grown) > 1000:
            return limit
        ways = grown
    return limit


_DIGIT = byte_set(sum(1 << b for b in b"0123456789"))
_INTEGER = concat(repeat(literal(b"-"), 0, 1), repeat(_DIGIT, 1, None))  # written without fraction and exponent
