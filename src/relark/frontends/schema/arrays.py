"""Arrays: the texts of the values of an `ArrayShape`.

Items that are only counted are a plain repetition.  Elsewhere the place between two items is a leaf, `_Rest`, whose
state is what still matters: which position comes next, how many items are missing and allowed, and how many hits each
``contains`` still needs and allows.  An item that may or may not be a hit is offered as either; where hits are limited,
what is no hit satisfies the negation, so they are counted exactly.  An item is only offered if the array can then
still be completed.

Where items are compared (``unique``, ``repeated``), an item is a leaf too, `_Item`, which keeps the text of its item,
because its value is compared with those before it when it ends.  Values that must not come again are taken out of the
item's language from its beginning (`equal_values`), so that it does not run into a dead end.  Such states are derived
byte by byte.

Cost: a state takes some 20 us; one inside an item that is compared some 10 us a byte, plus the size of its text.

Cannot do: see ahead into items with any number of free keys (`_Item` then compares at the end only); counts of several
``contains`` at once beyond `MAX_STATES` combinations.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from relark.errors import UnsupportedError
from relark.frontends.schema.expressions import canonical
from relark.frontends.schema.numbers import NumberSet, number_term
from relark.frontends.schema.strings import json_string
from relark.language import (
    EMPTY,
    EPSILON,
    Completions,
    Leaf,
    Term,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    leaf,
    literal,
    lower_bound,
    repeat,
    transitions,
    union,
)
from relark.language.terms import LAZY

if TYPE_CHECKING:
    from relark.frontends.schema.expressions import Schema
    from relark.frontends.schema.shapes import ArrayShape, Contains, Json, Layout, Lowering

MAX_STATES = 20_000  # combinations of counts that one question about several ``contains`` may look at
MAX_TAKEN_OUT = 200  # arrays and objects that are taken out of the language of the next item

_OPEN, _CLOSE = literal(b"["), literal(b"]")


def array_term(shape: ArrayShape, lowering: Lowering) -> Term:
    """The texts of the arrays of ``shape``."""
    plan = _Plan(shape, lowering)
    if not plan.is_completable(plan.start, plan.nothing_seen):
        return EMPTY
    return plan.term()


def array_is_inhabited(shape: ArrayShape, lowering: Lowering) -> bool:
    """Whether there is an array of ``shape``, by what ``lowering`` knows of its items now."""
    plan = _Plan(shape, lowering)
    return plan.is_completable(plan.start, plan.nothing_seen)


def array_least_text(shape: ArrayShape, lowering: Lowering, alphabet: int) -> bytes | None:
    """A shortest text of ``shape`` over the bytes of ``alphabet``; None if there is none, by what ``lowering`` knows of
    its items now.
    """
    plan = _Plan(shape, lowering)
    return plan.least_text(alphabet)


# --- what is asked of the items to come -------------------------------------------------------------------------------

Left = tuple[int, int | None] | None  # hits that a `contains` still needs and allows; None: it does not matter any more


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the items to come are asked.

    ``index`` of the next item, as far as positions differ; ``need`` and ``room``: how many items are missing, and
    allowed; ``left``: for each ``contains``.
    """

    index: int
    need: int
    room: int | None
    left: tuple[Left, ...]

    @property
    def may_close(self) -> bool:
        return not self.need and all(left is None or not left[0] for left in self.left)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The values of the items so far."""

    keys: frozenset[Hashable]
    values: tuple[Json, ...] = field(compare=False)

    def __contains__(self, key: Hashable) -> bool:
        return key in self.keys

    def plus(self, key: Hashable, value: Json) -> _Seen:
        return _Seen(self.keys | {key}, (*self.values, value))


_NOTHING_SEEN = _Seen(frozenset(), ())


class _Plan:
    """A shape with what all states of its arrays share.  Compared by identity."""

    def __init__(self, shape: ArrayShape, lowering: Lowering) -> None:
        self.shape, self.lowering, self.layout = shape, lowering, lowering.layout
        self.contains = tuple(c for c in shape.contains if c.least or c.most is not None)
        self.head = max(len(shape.prefix), *(c.start for c in self.contains), 0) if self.contains else len(shape.prefix)
        self.start = _Counts(0, shape.least, shape.most, tuple((c.least, c.most) for c in self.contains))
        self.compares = shape.unique or shape.repeated
        self.nothing_seen = _NOTHING_SEEN if self.compares else None
        self.close = concat(self.layout.opening, _CLOSE)
        self._combined: dict[tuple[int, tuple[bool | None, ...]], Schema] = {}
        self._inhabited: dict[Schema, bool] = {}
        self._completable: dict[_Counts, bool] = {}

    # --- items --------------------------------------------------------------------------------------------------------

    def schema(self, index: int) -> Schema:
        prefix = self.shape.prefix
        return prefix[index] if index < len(prefix) else self.shape.items

    def is_inhabited(self, schema: Schema) -> bool:
        known = self._inhabited.get(schema)
        if known is None:
            known = self._inhabited[schema] = self.lowering.is_inhabited(schema)
        return known

    def combined(self, index: int, hits: tuple[bool | None, ...]) -> Schema:
        """The schema of an item that does (not) satisfy the ``contains``; None: either."""
        if all(hit is None for hit in hits):
            return self.schema(index)
        key = min(index, self.head), hits
        known = self._combined.get(key)
        if known is None:
            lowering = self.lowering
            asked = [
                c.schema if hit else lowering.negated(c.schema)
                for c, hit in zip(self.contains, hits, strict=True)
                if hit is not None
            ]
            known = self._combined[key] = lowering.both(self.schema(index), *asked)
        return known

    def steps(self, counts: _Counts) -> Iterator[tuple[Schema, _Counts]]:
        """What the next item may be, by its hits, with what is then asked of those after it.  Hits first."""
        if counts.room == 0:
            return
        choices = [self._choices(c, left, counts.index) for c, left in zip(self.contains, counts.left, strict=True)]
        for chosen in itertools.product(*choices):
            schema = self.combined(counts.index, tuple(hit for hit, _ in chosen))
            yield (
                schema,
                _Counts(
                    min(counts.index + 1, self.head),
                    max(counts.need - 1, 0),
                    None if counts.room is None else counts.room - 1,
                    tuple(left for _, left in chosen),
                ),
            )

    def _choices(self, contains: Contains, left: Left, index: int) -> list[tuple[bool | None, Left]]:
        if left is None or index < contains.start:
            return [(None, left)]
        least, most = left
        choices: list[tuple[bool | None, Left]] = []
        if most != 0:
            after = max(least - 1, 0), None if most is None else most - 1
            choices.append((True, None if after == (0, None) else after))
        choices.append((None if most is None else False, left))
        return choices

    def live_steps(self, counts: _Counts, seen: _Seen | None) -> Iterator[tuple[Schema, _Counts]]:
        """The `steps` after which the array can be completed."""
        for schema, after in self.steps(counts):
            if self.is_inhabited(schema) and (self.is_simple(after) or self.is_completable(after, seen)):
                yield schema, after

    def is_simple(self, counts: _Counts) -> bool:
        """Whether positions still to come differ in nothing that a state after a live state could lack."""
        return not self.compares and all(left is None for left in counts.left)

    # --- whether it can be completed ----------------------------------------------------------------------------------

    def is_completable(self, counts: _Counts, seen: _Seen | None) -> bool:
        active = [j for j, left in enumerate(counts.left) if left is not None]
        if len(active) <= 1:
            return self._fits(counts, active[0] if active else None)
        known = self._completable.get(counts)
        if known is None:
            known = self._search(counts)
        return known

    def _fits(self, counts: _Counts, j: int | None) -> bool:
        """`is_completable` by arithmetic, for at most one ``contains``: by as few items as will do, because more of
        them can only force more hits.
        """
        least, most = (0, None) if j is None else counts.left[j] or (0, None)
        index, room, taken, possible, forced = counts.index, counts.room, 0, 0, 0
        while taken < counts.need or possible < least:
            may_hit, may_miss = self._may(counts, index, j)
            if not (may_hit or may_miss) or taken == room:
                return False
            several = 1
            if index >= self.head:
                if possible < least and not may_hit:
                    return False
                several = max(counts.need - taken, least - possible)
                if room is not None and taken + several > room:
                    return False
            taken += several
            possible += several * may_hit
            forced += several * (not may_miss)
            index = min(index + 1, self.head)
        return most is None or forced <= most

    def _may(self, counts: _Counts, index: int, j: int | None) -> tuple[bool, bool]:
        """Whether the item at ``index`` may be a hit of ``contains[j]``, and whether it may be none."""
        none: tuple[bool | None, ...] = (None,) * len(self.contains)
        if j is None or index < self.contains[j].start:
            return False, self.is_inhabited(self.schema(index))
        hit = self.is_inhabited(self.combined(index, (*none[:j], True, *none[j + 1 :])))
        left = counts.left[j]
        miss = None if left is None or left[1] is None else False
        return hit, self.is_inhabited(self.combined(index, (*none[:j], miss, *none[j + 1 :])))

    def _search(self, counts: _Counts) -> bool:
        """`is_completable` by looking at what can be reached; keeps what it finds out."""
        known = self._completable
        path = [(counts, self.steps(counts))]
        known[counts] = counts.may_close
        while path and not known[counts]:
            state, steps = path[-1]
            for schema, after in steps:
                if known.get(after) or (after not in known and self.is_inhabited(schema) and after.may_close):
                    if not self.is_inhabited(schema):
                        continue
                    for visited, _ in path:
                        known[visited] = True
                    known[after] = True
                    break
                if after not in known and self.is_inhabited(schema):
                    known[after] = False
                    path.append((after, self.steps(after)))
                    break
            else:
                path.pop()
            if known[state]:
                break
            if len(known) > MAX_STATES:
                raise UnsupportedError(
                    f"the counts of several 'contains' combine in more than {MAX_STATES} ways; "
                    "use smaller minContains, maxContains, minItems"
                )
        return known[counts]

    # --- terms --------------------------------------------------------------------------------------------------------

    def term(self) -> Term:
        parts: list[Term] = []
        if self.start.may_close:
            parts.append(self.close)
        parts += self.items(self.start, self.nothing_seen, self.layout.opening)
        if self.start.may_close and len(parts) > 1 and not any(p.flags & LAZY for p in parts):
            # share the opening
            return concat(
                _OPEN, self.layout.opening, union(_CLOSE, *self.items(self.start, self.nothing_seen, EPSILON))
            )
        return concat(_OPEN, union(*parts))

    def items(self, counts: _Counts, seen: _Seen | None, before: Term) -> list[Term]:
        """``before``, then the next item and all that follows it."""
        found = []
        for schema, after in self.live_steps(counts, seen):
            if seen is not None:
                found.append(self._compared(schema, after, seen, before))
            else:
                found.append(concat(before, self.lowering.value(schema), self.rest(after, None)))
        return found

    def rest(self, counts: _Counts, seen: _Seen | None) -> Term:
        """What follows an item."""
        if seen is not None or any(left is not None for left in counts.left):
            return leaf(_Rest(self, counts, seen))
        parts: list[Term] = []
        index, need, room = counts.index, counts.need, counts.room
        while index < self.head and need:
            parts += (self.layout.comma, self.lowering.value(self.schema(index)))
            index, need, room = index + 1, need - 1, None if room is None else room - 1
        counts = _Counts(index, need, room, counts.left)
        if index < self.head and room != 0 and self.is_inhabited(self.schema(index)):
            parts.append(leaf(_Rest(self, counts, None)))
        else:
            if index >= self.head and room != 0 and self.is_inhabited(self.shape.items):
                parts.append(repeat(concat(self.layout.comma, self.lowering.value(self.shape.items)), need, room))
            parts.append(self.close)
        return concat(*parts)

    def _compared(self, schema: Schema, after: _Counts, seen: _Seen, before: Term) -> Term:
        term = self.lowering.value(schema)
        if self.shape.unique and seen.values and not term.flags & LAZY:
            term = intersection(term, complement(equal_values(seen.values, self.layout)))
            if is_empty(term):
                return EMPTY
        return leaf(_Item(self, after, seen, b"", concat(before, term)))

    def after_item(self, after: _Counts, seen: _Seen, text: bytes) -> Term:
        """What follows an item of ``text``."""
        value = json.loads(text.lstrip(b", \t\r\n"), parse_int=_number, parse_float=_number)
        key = canonical(value)
        if key in seen:
            return EMPTY if self.shape.unique else self.rest(after, None)
        return self.rest(after, seen.plus(key, value))

    # --- shortest texts -----------------------------------------------------------------------------------------------

    def least_text(self, alphabet: int) -> bytes | None:
        rest = self.least_rest(self.start, self.nothing_seen, alphabet, first=True)
        return None if rest is None else b"[" + rest

    def least_rest(self, counts: _Counts, seen: _Seen | None, alphabet: int, first: bool = False) -> bytes | None:
        """A shortest text of what follows an item, or the opening bracket."""
        completions = Completions(alphabet)
        close, comma = completions.shortest(self.close), completions.shortest(self.layout.comma)
        opening = completions.shortest(self.layout.opening)
        if close is None or comma is None or opening is None:
            return None
        order = itertools.count()
        queue: list[tuple[int, int, bytes, _Counts, bool]] = [(0, next(order), b"", counts, first)]
        done: set[_Counts] = set()
        while queue:
            _, _, text, state, at_start = heapq.heappop(queue)
            if state in done:
                continue
            done.add(state)
            if state.may_close:
                return text + close
            for schema, after in self.steps(state):
                item = self.lowering.least_text(schema, alphabet)
                if item is not None and after not in done:
                    longer = text + (opening if at_start else comma) + item
                    heapq.heappush(queue, (len(longer), next(order), longer, after, False))
        return None


def _number(text: str) -> int | Decimal:
    return Decimal(text)


# --- between items ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rest(Leaf):
    """What follows an item: the end, or a comma and the next item."""

    plan: _Plan
    counts: _Counts
    seen: _Seen | None

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        needed = max(self.counts.need, *(left[0] for left in self.counts.left if left is not None), 0)
        return 1 + 2 * needed

    def unfolded(self) -> Term:
        items = self.plan.items(self.counts, self.seen, self.plan.layout.comma)
        return union(*items, self.plan.close) if self.counts.may_close else union(*items)

    def classes(self) -> tuple[int, ...] | None:
        if self.seen is not None:
            return None
        plan = self.plan  # what is behind the comma is not looked into: it may come back here
        return tuple(mask for mask, _ in transitions(union(concat(plan.layout.comma, _CLOSE), plan.close)))

    def derive(self, byte: int) -> Term:
        return derive(self.unfolded(), byte)

    def shortest(self, alphabet: int) -> bytes | None:
        return self.plan.least_rest(self.counts, self.seen, alphabet)

    def is_prefix_free(self) -> bool:
        return True

    def __str__(self) -> str:
        return "more items"


# --- items that are compared ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Item(Leaf):
    """Inside an item that is compared, and what follows it.

    ``text``: of the item so far, with what came before it; ``term``: how it may go on; ``after``: what is asked of the
    items after it.
    """

    plan: _Plan
    after: _Counts
    seen: _Seen
    text: bytes
    term: Term

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        return lower_bound(self.term) + 1

    def derive(self, byte: int) -> Term:
        results = []
        going_on = derive(self.term, byte)
        text = self.text + bytes((byte,))
        if going_on is EPSILON:
            results.append(self.plan.after_item(self.after, self.seen, text))
        elif going_on is not EMPTY:
            results.append(leaf(_Item(self.plan, self.after, self.seen, text, going_on)))
        if self.term.nullable:
            results.append(derive(self.plan.after_item(self.after, self.seen, self.text), byte))
        return union(*results)

    def parts(self) -> list[tuple[Term, int]] | None:
        return None

    def shortest(self, alphabet: int) -> bytes | None:
        item = Completions(alphabet).shortest(self.term)
        if item is None:
            return None
        rest = Completions(alphabet).shortest(self.plan.after_item(self.after, self.seen, self.text + item))
        return None if rest is None else item + rest

    def is_prefix_free(self) -> bool:
        return True

    def __str__(self) -> str:
        return "an item"


# --- texts of a value -------------------------------------------------------------------------------------------------


def equal_values(values: Iterable[Json], layout: Layout) -> Term:
    """The texts of values that are equal to one of ``values``; objects with their members in any order."""
    return union(*[_equal(value, layout) for value in values])


def _equal(value: Json, layout: Layout) -> Term:
    if value is None:
        return literal(b"null")
    if isinstance(value, bool):
        return literal(b"true" if value else b"false")
    if isinstance(value, str):
        return json_string(value)
    if isinstance(value, list):
        items = [part for item in value for part in (layout.comma, _equal(item, layout))][1:]
        return concat(_OPEN, layout.opening, *items, *([layout.opening] if items else []), _CLOSE)
    if isinstance(value, dict):
        members = tuple(
            concat(_equal(name, layout), layout.colon, _equal(member, layout)) for name, member in value.items()
        )
        return concat(literal(b"{"), layout.opening, _members(members, layout, first=True))
    return number_term(NumberSet.values([value]), compact=False)


def _members(members: tuple[Term, ...], layout: Layout, first: bool) -> Term:
    """The ``members`` in any order, and the end of the object."""
    if not members:
        return literal(b"}") if first else concat(layout.opening, literal(b"}"))
    if first:
        return union(
            *[
                concat(member, _members((*members[:i], *members[i + 1 :]), layout, False))
                for i, member in enumerate(members)
            ]
        )
    return leaf(_Members(members, layout))


@dataclass(frozen=True, slots=True)
class _Members(Leaf):
    """A comma and the ``members`` that are left of an object, in any order, and its end."""

    members: tuple[Term, ...]
    layout: Layout

    @property
    def nullable(self) -> bool:
        return False

    def classes(self) -> tuple[int, ...]:
        return tuple(mask for mask, _ in transitions(self.layout.comma))

    def derive(self, byte: int) -> Term:
        members = self.members
        return derive(concat(self.layout.comma, _members(members, self.layout, first=True)), byte)

    def shortest(self, alphabet: int) -> bytes | None:
        parts = [part for member in self.members for part in (self.layout.comma, member)]
        return Completions(alphabet).shortest(concat(*parts, self.layout.opening, literal(b"}")))

    def is_prefix_free(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"{len(self.members)} members"
