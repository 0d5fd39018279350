"""What objects and arrays must look like, and what their lowering may ask.

A schema is split by JSON type first (`normal`); what it says of objects becomes a few `ObjectShape`s, of arrays a few
`ArrayShape`s, of which a value must have one.  Shapes are data: all boolean combinations are already resolved, and
schemas of members and items are handles, which are looked into when a text gets there.  `objects` and `arrays` turn
shapes into terms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from relark.language import Term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relark.frontends.schema.expressions import Schema

Json = Any  # None, bool, int, float, Decimal, str, list, dict: what a JSON text says


@dataclass(frozen=True, eq=False)
class Layout:
    """How values are written: where JSON leaves a choice, which of the choices are texts of the language.

    ``opening`` may follow ``[`` and ``{`` and precede ``]`` and ``}``; ``colon`` is the colon with the space around it,
    ``comma`` the comma with the space around it: terms over bytes.  ``order``: whether declared properties come in the
    schema's order, others after them ("schema"), or in any ("any").  ``compact_numbers``: an integral value has no
    fraction and no exponent.  ``key``: one layout object is one way of writing, so compare layouts with ``is``.
    """

    opening: Term
    colon: Term
    comma: Term
    order: Literal["schema", "any"] = "schema"
    compact_numbers: bool = False


@dataclass(frozen=True, eq=False)
class Property:
    """A member with a known name: its schema is everything that is asked of its value.

    A property whose schema has no value must not occur.
    """

    name: str
    schema: Schema
    required: bool


@dataclass(frozen=True, eq=False)
class Others:
    """Members whose name is in ``keys``, a language of decoded names in UTF-8, and is no property's."""

    keys: Term
    schema: Schema


@dataclass(frozen=True, eq=False)
class Need:
    """At least one member, a property or another, whose name is in ``keys`` and whose value satisfies ``schema``."""

    keys: Term
    schema: Schema


@dataclass(frozen=True, eq=False)
class ObjectShape:
    """Objects of one shape; compare with ``is``.

    ``properties``: in declared order, every name that the shape mentions.  ``others``: with disjoint ``keys``; a name
    outside all of them, and no property's, must not occur.  ``least`` and ``most``: how many members.  ``dependent``:
    pairs of property names; if the first occurs, so does the second.  Names are unique.
    """

    properties: tuple[Property, ...] = ()
    others: tuple[Others, ...] = ()
    least: int = 0
    most: int | None = None
    needs: tuple[Need, ...] = ()
    dependent: tuple[tuple[str, str], ...] = ()
    by_name: dict[str, Property] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {p.name: p for p in self.properties})


@dataclass(frozen=True, eq=False)
class Contains:
    """From index ``start`` on, at least ``least`` and at most ``most`` items satisfy ``schema``."""

    schema: Schema
    least: int = 1
    most: int | None = None
    start: int = 0


@dataclass(frozen=True, eq=False)
class ArrayShape:
    """Arrays of one shape; compare with ``is``.

    ``prefix``: the schemas of the first items, ``items`` that of all after them.  ``least`` and ``most``: how many
    items. ``unique``: no two items are equal (as JSON values: ``1`` equals ``1.0``); ``repeated``: some two are.
    """

    prefix: tuple[Schema, ...] = ()
    items: Schema = None  # type: ignore[assignment]  # never None
    least: int = 0
    most: int | None = None
    contains: tuple[Contains, ...] = ()
    unique: bool = False
    repeated: bool = False


class Lowering(Protocol):
    """What `objects` and `arrays` may ask about the schemas in a shape."""

    layout: Layout

    def value(self, schema: Schema) -> Term:
        """The texts of the values of ``schema``, without surrounding space; the same term each time, unfolded when
        it is derived.  No text is a proper prefix of another unless both are numbers.
        """

    def is_inhabited(self, schema: Schema) -> bool:
        """Whether any value satisfies ``schema`` (True also where that could not be decided)."""

    def count(self, schema: Schema, limit: int) -> int:
        """How many different values satisfy ``schema``: exact below ``limit``, else ``limit``."""

    def least_text(self, schema: Schema, alphabet: int) -> bytes | None:
        """A shortest text of ``schema`` over the bytes of ``alphabet`` (256-bit mask); None if there is none.

        During the computation of a recursive schema also None, "not known yet"; the caller is then asked again.
        """

    def both(self, *schemas: Schema) -> Schema:
        """All of the schemas."""

    def negated(self, schema: Schema) -> Schema:
        """What does not satisfy ``schema``."""

    def without(self, schema: Schema, values: Sequence[Json]) -> Schema:
        """``schema`` without the given values (equality of JSON values)."""
