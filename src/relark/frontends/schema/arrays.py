"""Arrays: the texts of the values of an `ArrayShape`.

Items that are only counted are a plain repetition.  Elsewhere the place between two items is a leaf, `_Rest`, whose
state is what still matters: which position comes next, how many items are missing and allowed, and how many hits each
``contains`` still needs and allows.  An item that may or may not be a hit is offered as either; where hits are limited,
what is no hit satisfies the negation, so they are counted exactly.  An item is only offered if the array can then
still be completed.

Where items are compared (``unique``, ``repeated``), an item is a leaf too, `_Item`, which keeps the text of its item,
because its value is compared with those before it when it ends.  Values that must not come again are taken out of the
item's language from its beginning (`equality.excluding`), so that it does not run into a dead end.  Each text has its
own such states, but walks cut them where the item ends (`Leaf.cuts`), and walk the item as the plain term that it is.
If all items are among a few known values (enums), no text is kept: a state is the set of those used.

Cost: a state takes some 20 us; one inside an item that is compared some 10 us a byte, plus the size of its text.

Cannot do: see ahead into items that are compared and themselves depend on their text (objects with free keys, arrays
that compare): these are compared when they end, so one of few values may run into a dead end; counts of several
``contains`` at once beyond `MAX_STATES` combinations (refused).
"""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from relark.errors import UnsupportedError
from relark.frontends.schema.equality import MAX_DEPTH, Value, equal_values, excluding, read
from relark.frontends.schema.strings import json_text
from relark.language import (
    ALL,
    EMPTY,
    EPSILON,
    FULL,
    TEXT,
    Completions,
    Leaf,
    Term,
    byte_set,
    concat,
    contains,
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
from relark.language.completion import NONE
from relark.language.terms import CHECK, LAZY, SPELLING, ByteSet, Concat, Cut, LeafTerm, Ref, Repeat, Union

if TYPE_CHECKING:
    from relark.frontends.schema.expressions import Schema
    from relark.frontends.schema.shapes import ArrayShape, Contains, Lowering

MAX_STATES = 20_000  # combinations of counts that one question about several ``contains`` may look at
MAX_TRIES = 3_000  # choices of values that one question about unique items and ``contains`` may look at
MAX_WEIGHED = 200  # items for which the shortest way to satisfy ``contains`` is looked for
MAX_GUESSED = 4  # hits still needed, up to which hits may go uncounted
SLACK = 8  # bytes by which another value may be longer, where one is taken
MAX_LISTED = 64  # values of a schema that are listed

Path = tuple[tuple["Schema", int], ...]  # items to come: their schemas, and how many of each
_UNKNOWN = object()
_ANY_STRING = json_text(TEXT)
_BLANK = sum(1 << byte for byte in b", \t\r\n")
_BLANKS = repeat(byte_set(_BLANK), 0, None)
_NUMERIC = sum(1 << byte for byte in b"-0123456789")
_NUMBER = concat(_BLANKS, byte_set(_NUMERIC), ALL)  # texts that begin with a number, perhaps after a comma
_NO_NUMBER = concat(_BLANKS, byte_set(FULL & ~_NUMERIC & ~_BLANK), ALL)
_OPEN, _CLOSE = literal(b"["), literal(b"]")


def array_term(shape: ArrayShape, lowering: Lowering) -> Term:
    """The texts of the arrays of ``shape``."""
    plan = _Plan(shape, lowering)
    if not plan.is_completable(plan.start, plan.nothing_seen):
        return EMPTY
    return plan.term()


def array_is_inhabited(shape: ArrayShape, lowering: Lowering) -> bool:
    """Whether there is an array of ``shape``, by what ``lowering`` knows of its items now."""
    if shape.contains or shape.unique or shape.repeated:
        plan = _Plan(shape, lowering)
        return plan.is_completable(plan.start, plan.nothing_seen)
    if shape.most is not None and shape.most < shape.least:
        return False
    return all(lowering.is_inhabited(schema) for schema, _ in _needed(shape))


def array_count(shape: ArrayShape, lowering: Lowering, limit: int) -> int:
    """How many different arrays ``shape`` has: at most ``limit``, and that too where it is too much to find out."""
    return _Plan(shape, lowering).how_many(limit) if array_is_inhabited(shape, lowering) else 0


def array_least_text(shape: ArrayShape, lowering: Lowering, alphabet: int) -> bytes | None:
    """A shortest text of ``shape`` over the bytes of ``alphabet``; None if there is none, by what ``lowering`` knows of
    its items now.
    """
    if shape.contains or shape.unique or shape.repeated:
        return _Plan(shape, lowering).least_text(alphabet)
    if shape.most is not None and shape.most < shape.least:
        return None
    items: list[bytes] = []
    for schema, several in _needed(shape):
        text = lowering.least_text(schema, alphabet)
        if text is None:
            return None
        items += [text] * several
    return _Texts(_Plan(shape, lowering), alphabet).joined(items, first=True)


def _needed(shape: ArrayShape) -> Path:
    """The items that there must be: their schemas, and how many of each."""
    first = [(schema, 1) for schema in shape.prefix[: shape.least]]
    return (*first, (shape.items, shape.least - len(first))) if shape.least > len(first) else tuple(first)


# --- what is asked of the items to come -------------------------------------------------------------------------------

Left = tuple[int, int | None] | None  # hits that a `contains` still needs and allows; None: it does not matter any more


def _miss(left: Left) -> bool | None:
    """What is asked of an item that is not counted: that it is no hit, or nothing where hits cannot harm.

    The latter spares the negation, but then all the ways to count come along, so it is for few hits only.
    """
    return None if left is None or (left[1] is None and left[0] <= MAX_GUESSED) else False


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

    @property
    def is_free(self) -> bool:
        """Whether hits do not matter."""
        return all(left is None for left in self.left)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The values of the items so far; ``order`` has them as they came."""

    values: frozenset[Value]
    order: tuple[Value, ...] = field(compare=False)

    def __contains__(self, value: Value) -> bool:
        return value in self.values

    def __len__(self) -> int:
        return len(self.values)

    def plus(self, value: Value) -> _Seen:
        return self if value in self.values else _Seen(self.values | {value}, (*self.order, value))


_NOTHING_SEEN = _Seen(frozenset(), ())


class _Plan:
    """A shape, with what all states of its arrays share.  Compared by identity."""

    def __init__(self, shape: ArrayShape, lowering: Lowering) -> None:
        self.shape, self.lowering, self.layout = shape, lowering, lowering.layout
        self.contains = tuple(c for c in shape.contains if c.least or c.most is not None)
        self.head = max(len(shape.prefix), *(c.start for c in self.contains), 0)
        self.start = _Counts(0, shape.least, shape.most, tuple((c.least, c.most) for c in self.contains))
        self.compares = shape.unique or shape.repeated
        self.nothing_seen = _NOTHING_SEEN if self.compares else None
        self.close = concat(self.layout.opening, _CLOSE)
        self._combined: dict[tuple[int, tuple[bool | None, ...]], Schema] = {}
        self._inhabited: dict[Schema, bool] = {}
        self._paths: dict[_Counts, Path | None] = {}
        self._plenty: dict[Schema, tuple[int, int]] = {}
        self._members: dict[Schema, tuple[Value, ...] | None] = {}
        self._singles: dict[tuple[Schema, Value], Term] = {}
        self._bounds: dict[tuple[_Counts, int, int | None], tuple[int, int]] = {}
        self._spelled: dict[int, bool] = {}
        self._matches: dict[_Counts, tuple[Schema, ...]] = {}

    @cached_property
    def is_finite(self) -> bool:
        """Whether items are compared and can all be listed: then no text needs to be kept."""
        if not self.shape.unique:
            return False
        return all(
            self.members(self.schema(index)) is not None
            for index in range(self.head + 1)
            if self.shape.most is None or index < self.shape.most
        )

    @cached_property
    def following(self) -> tuple[int, ...]:
        """Classes of the bytes that may follow an item."""
        return tuple(mask for mask, _ in transitions(union(concat(self.layout.comma, _CLOSE), self.close)))

    @cached_property
    def follow(self) -> int:
        """All those bytes."""
        return sum(self.following)  # disjoint masks

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
        """Whether an item is a hit (None: perhaps, where hits cannot harm), with what is then left."""
        if left is None or index < contains.start:
            return [(None, left)]
        least, most = left
        choices: list[tuple[bool | None, Left]] = []
        if most != 0:
            after = max(least - 1, 0), None if most is None else most - 1
            choices.append((True, None if after == (0, None) else after))
        choices.append((_miss(left), left))
        return choices

    def live_steps(self, counts: _Counts) -> Iterator[tuple[Schema, _Counts]]:
        """The `steps` after which the array can be completed, as far as counts go."""
        for schema, after in self.steps(counts):
            if self.is_inhabited(schema) and self.path(after) is not None:
                yield schema, after

    # --- whether it can be completed ----------------------------------------------------------------------------------

    def is_completable(self, counts: _Counts, seen: _Seen | None) -> bool:
        if self.shape.unique and self.shape.repeated:
            return False
        if seen is None:
            return self.path(counts) is not None
        return self._is_unique_possible(counts, seen) if self.shape.unique else self._is_repeat_possible(counts, seen)

    def path(self, counts: _Counts) -> Path | None:
        """A way to complete the array, as far as counts go: schemas of items, and how many of each."""
        if counts.may_close:
            return ()
        known = self._paths.get(counts, _UNKNOWN)
        if known is _UNKNOWN:
            active = [j for j, left in enumerate(counts.left) if left is not None]
            known = self._paths[counts] = (
                self._search(counts) if len(active) > 1 else self._straight(counts, active[0] if active else None)
            )
        return known  # type: ignore[return-value]

    def _straight(self, counts: _Counts, j: int | None) -> Path | None:
        """`path` by arithmetic, for at most one ``contains``: with as few items as will do, because more of them can
        only force more hits.
        """
        least, most = (0, None) if j is None else counts.left[j] or (0, None)
        index, room, taken, possible, forced = counts.index, counts.room, 0, 0, 0
        positions: list[tuple[Schema | None, Schema | None, int]] = []
        while taken < counts.need or possible < least:
            hit, miss = self._ways(counts, index, j)
            if (hit is None and miss is None) or taken == room:
                return None
            several = 1
            if index >= self.head:
                if possible < least and hit is None:
                    return None
                several = max(counts.need - taken, least - possible)
                if room is not None and taken + several > room:
                    return None
            taken += several
            possible += several if hit is not None else 0
            forced += several if miss is None else 0
            positions.append((hit, miss, several))
            index = min(index + 1, self.head)
        if most is not None and forced > most:
            return None
        path: list[tuple[Schema, int]] = []
        wanted = max(least, forced) - forced  # hits where there is a choice
        for hit, miss, several in positions:
            hits = 0 if hit is None else several if miss is None else min(several, wanted)
            if hit is not None and hits:
                path.append((hit, hits))
                wanted -= hits if miss is not None else 0
            if miss is not None and hits < several:
                path.append((miss, several - hits))
        return tuple(path)

    def _ways(self, counts: _Counts, index: int, j: int | None) -> tuple[Schema | None, Schema | None]:
        """The schema of an item at ``index`` that is a hit of ``contains[j]``, and of one that need not be."""
        none: tuple[bool | None, ...] = (None,) * len(self.contains)
        hit, miss = None, self.schema(index)
        if j is not None and index >= self.contains[j].start:
            hit = self.combined(index, (*none[:j], True, *none[j + 1 :]))
            miss = self.combined(index, (*none[:j], _miss(counts.left[j]), *none[j + 1 :]))
        return (
            hit if hit is not None and self.is_inhabited(hit) else None,
            miss if self.is_inhabited(miss) else None,
        )

    def _search(self, counts: _Counts) -> Path | None:
        """`path` by looking at everything that can be reached; keeps what it finds out."""
        known = self._paths
        stack: list[tuple[_Counts, Schema | None, Iterator[tuple[Schema, _Counts]]]] = [
            (counts, None, self.steps(counts))
        ]
        visited = {counts}
        while stack:
            state, _, steps = stack[-1]
            for schema, after in steps:
                if not self.is_inhabited(schema):
                    continue
                found = () if after.may_close else known.get(after)
                if found is not None:
                    chosen: Schema | None = schema
                    for back, into, _ in reversed(stack):
                        assert chosen is not None
                        found = ((chosen, 1), *found)
                        known[back] = found
                        chosen = into
                    return known[counts]
                if after not in visited and after not in known:
                    visited.add(after)
                    stack.append((after, schema, self.steps(after)))
                    break
            else:
                known[state] = None
                stack.pop()
            if len(visited) > MAX_STATES:
                raise UnsupportedError(
                    f"the counts of several 'contains' combine in more than {MAX_STATES} ways; "
                    "use smaller minContains, maxContains, minItems"
                )
        return None

    # --- all different ------------------------------------------------------------------------------------------------

    def count(self, schema: Schema, limit: int) -> int:
        """`Lowering.count`, remembered."""
        known, found = self._plenty.get(schema, (0, 0))
        if known < limit and found == known:
            known = max(limit, 2 * MAX_LISTED)
            found = self.lowering.count(schema, known)
            self._plenty[schema] = known, found
        return min(found, limit)

    def members(self, schema: Schema) -> tuple[Value, ...] | None:
        """All values of ``schema``; None if they are more than `MAX_LISTED`."""
        known = self._members.get(schema, _UNKNOWN)
        if known is _UNKNOWN:
            known = self._members[schema] = self._listed(schema)
        return known  # type: ignore[return-value]

    def _listed(self, schema: Schema) -> tuple[Value, ...] | None:
        if not self.is_inhabited(schema):
            return ()
        if self.count(schema, MAX_LISTED + 1) > MAX_LISTED:
            return None
        term = self.lowering.value(schema)
        if term.flags & LAZY:
            return None
        found: list[Value] = []
        while (text := Completions().shortest(excluding(term, found, self.layout))) is not None:
            found.append(read(text))
            if len(found) > MAX_LISTED or found[-1] in found[:-1]:
                return None
        return tuple(found)

    def has(self, schema: Schema, value: Value) -> bool:
        return not is_empty(intersection(self.lowering.value(schema), equal_values([value], self.layout)))

    def single(self, schema: Schema, value: Value) -> Term:
        """The texts of ``schema`` that say ``value``."""
        key = schema, value
        known = self._singles.get(key)
        if known is None:
            lowering = self.lowering
            known = self._singles[key] = lowering.value(lowering.both(schema, self.one_of([value])))
        return known

    def one_of(self, values: Iterable[Value]) -> Schema:
        """The values that equal one of ``values``, as far as these do not nest too deep."""
        lowering = self.lowering
        simple = [value.json for value in values if value.depth <= MAX_DEPTH]
        return lowering.negated(lowering.without(lowering.both(), simple))

    def _is_unique_possible(self, counts: _Counts, seen: _Seen) -> bool:
        path = self.path(counts)
        if not path:
            return path is not None
        enough = sum(several for _, several in path) + len(seen)
        scarce = [(schema, several) for schema, several in path if self.count(schema, enough) < enough]
        if not scarce:
            return True
        if counts.is_free:
            return self._is_matching_possible(scarce, seen)
        return self._search_distinct(counts, seen)

    def _is_matching_possible(self, scarce: Sequence[tuple[Schema, int]], seen: _Seen) -> bool:
        """Whether each item can have a value of its own (by augmenting paths; those of other schemas have plenty)."""
        needed: dict[Schema, int] = {}
        for schema, several in scarce:
            needed[schema] = needed.get(schema, 0) + several
        if len(needed) == 1:
            ((schema, several),) = needed.items()
            if self.count(schema, several + len(seen)) < several:
                return False
            return self.count(schema, several + len(seen)) - sum(self.has(schema, v) for v in seen.order) >= several
        options = []
        for schema, several in needed.items():
            members = self.members(schema)
            if members is None:
                continue  # more than `MAX_LISTED`: taken as plenty
            free = [v for v in members if v not in seen]
            if len(free) < several:
                return False
            options += [free] * several
        owner: dict[Value, int] = {}

        def place(item: int, tried: set[Value]) -> bool:
            for value in options[item]:
                if value not in tried:
                    tried.add(value)
                    if value not in owner or place(owner[value], tried):
                        owner[value] = item
                        return True
            return False

        return all(place(item, set()) for item in range(len(options)))

    def _search_distinct(self, counts: _Counts, seen: _Seen) -> bool:
        """Whether values can be chosen, by trying; True where `MAX_TRIES` did not tell."""
        work: list[tuple[_Counts, frozenset[Value]]] = [(counts, seen.values)]
        visited = set(work)
        while work:
            state, used = work.pop()
            if state.may_close or len(visited) > MAX_TRIES:
                return True
            following: list[tuple[_Counts, frozenset[Value]]] = []
            for schema, after in self.live_steps(state):
                members = self.members(schema)
                if members is None:
                    following.append((after, used))
                else:
                    following += [(after, used | {value}) for value in members if value not in used]
            for item in reversed(following):
                if item not in visited:
                    visited.add(item)
                    work.append(item)
        return False

    def how_many(self, limit: int) -> int:
        """The number of arrays; ``limit`` if they are as many or more, or hard to count."""
        if self.shape.repeated:
            return limit
        ways: dict[tuple[_Counts, frozenset[Value]], int] = {(self.start, frozenset()): 1}
        total = 0
        while ways:
            longer: dict[tuple[_Counts, frozenset[Value]], int] = {}
            for (counts, used), several in ways.items():
                total += several * counts.may_close
                is_endless = counts.room is None and counts.index >= self.head and not self.shape.unique
                if is_endless and counts.may_close and any(self.live_steps(counts)):
                    return limit
                for schema, after in self._disjoint_steps(counts):
                    if self.path(after) is None:
                        continue
                    if not self.shape.unique:
                        longer[after, used] = longer.get((after, used), 0) + several * self.count(schema, limit)
                        continue
                    members = self.members(schema)
                    if members is None:
                        return limit
                    for value in members:
                        if value not in used:
                            state = after, used | {value}
                            longer[state] = longer.get(state, 0) + several
            if total >= limit or len(longer) > MAX_TRIES:
                return limit
            ways = {state: several for state, several in longer.items() if several}
        return total

    def _disjoint_steps(self, counts: _Counts) -> Iterator[tuple[Schema, _Counts]]:
        """`steps` with each item in one of them only."""
        for schema, after in self.steps(counts):
            asked = [
                c.schema
                for c, before, now in zip(self.contains, counts.left, after.left, strict=True)
                if before is not None and before == now and _miss(before) is None and counts.index >= c.start
            ]
            yield self.lowering.both(schema, *map(self.lowering.negated, asked)) if asked else schema, after

    def barred(self, counts: _Counts, after: _Counts, seen: _Seen) -> list[Value]:
        """Values that the next item must leave to those after it."""
        if after.may_close or (counts.is_free and counts.index >= self.head):
            return []
        candidates: dict[Value, None] = {}
        for index in range(after.index, self.head + 1):
            for schema, _ in self.steps(_Counts(index, after.need, after.room, after.left)):
                candidates.update((value, None) for value in self.members(schema) or ())
        return [v for v in candidates if v not in seen and not self.is_completable(after, seen.plus(v))]

    # --- some equal ---------------------------------------------------------------------------------------------------

    def matches(self, counts: _Counts) -> tuple[Schema, ...]:
        """The schemas of items to come after which, if they repeat a value, the array can be completed."""
        known = self._matches.get(counts)
        if known is None:
            found: dict[Schema, None] = {}
            for state in self._ahead(counts):
                found.update((schema, None) for schema, _ in self.live_steps(state))
            known = self._matches[counts] = tuple(found)
        return known

    def _ahead(self, counts: _Counts) -> Iterator[_Counts]:
        work, visited = [counts], {counts}
        while work:
            state = work.pop()
            yield state
            for _, after in self.live_steps(state):
                if after not in visited:
                    visited.add(after)
                    work.append(after)
            if len(visited) > MAX_STATES:
                raise UnsupportedError(
                    f"what 'not uniqueItems' leaves to the other keywords combines in more than {MAX_STATES} ways; "
                    "use smaller minItems, maxItems, minContains, maxContains"
                )

    def _is_repeat_possible(self, counts: _Counts, seen: _Seen) -> bool:
        lowering = self.lowering
        if seen.order:
            before = self.one_of(seen.order)
            if any(self.lowering.is_inhabited(lowering.both(schema, before)) for schema in self.matches(counts)):
                return True
        return self._is_pair_possible(counts)

    def _is_pair_possible(self, counts: _Counts) -> bool:
        """Whether two items to come can be equal."""
        for state in self._ahead(counts):
            for schema, after in self.live_steps(state):
                if any(self.is_inhabited(self.lowering.both(schema, other)) for other in self.matches(after)):
                    return True
        return False

    # --- terms --------------------------------------------------------------------------------------------------------

    def term(self) -> Term:
        opening, seen = self.layout.opening, self.nothing_seen
        if seen is not None and not self.is_finite:
            items = self.items(self.start, seen, opening)
            return concat(_OPEN, union(*items, self.close) if self.may_close(self.start, seen) else union(*items))
        after_opening = self.items(self.start, seen, EPSILON)
        if self.may_close(self.start, seen):
            after_opening.append(_CLOSE)
        return concat(_OPEN, opening, union(*after_opening))

    def may_close(self, counts: _Counts, seen: _Seen | None) -> bool:
        return counts.may_close and not (seen is not None and self.shape.repeated)

    def items(self, counts: _Counts, seen: _Seen | None, before: Term) -> list[Term]:
        """``before``, then the next item and all that follows it."""
        found: list[Term] = []
        for schema, after in self.live_steps(counts):
            if seen is None:
                found.append(concat(before, self.lowering.value(schema), self.rest(after, None)))
            elif self.shape.repeated:
                found += self._repeating(schema, after, seen, before)
            elif self.is_finite:
                found += self._listed_items(schema, after, seen, before)
            else:
                found += self._different(schema, counts, after, seen, before)
        return found

    def rest(self, counts: _Counts, seen: _Seen | None) -> Term:
        """What follows an item."""
        if seen is not None and not self.is_finite:
            return leaf(_ComparedRest(self, counts, seen))
        if seen is not None or not counts.is_free:
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
                item = concat(self.layout.comma, self.lowering.value(self.shape.items))
                parts.append(repeat(item, need, room))
            parts.append(self.close)
        return concat(*parts)

    def _listed_items(self, schema: Schema, after: _Counts, seen: _Seen, before: Term) -> list[Term]:
        return [
            concat(before, self.single(schema, value), self.rest(after, seen.plus(value)))
            for value in self.members(schema) or ()
            if value not in seen and (after.may_close or self.is_completable(after, seen.plus(value)))
        ]

    def _different(self, schema: Schema, counts: _Counts, after: _Counts, seen: _Seen, before: Term) -> list[Term]:
        excluded = [*seen.order, *self.barred(counts, after, seen)]
        term = excluding(self.lowering.value(schema), excluded, self.layout)
        if self.count(schema, len(excluded) + 1) <= len(excluded) and is_empty(term):
            return []
        return [_inside(concat(before, term), b"", _frame(self, after, seen, 0, EPSILON, None))]

    def _repeating(self, schema: Schema, after: _Counts, seen: _Seen, before: Term) -> list[Term]:
        lowering = self.lowering
        schemas = [schema]
        if not self._is_repeat_possible(after, seen):
            parts = [*([self.one_of(seen.order)] if seen.order else []), *self.matches(after)]
            schemas = [s for part in parts if self.is_inhabited(s := lowering.both(schema, part))]
        frame = _frame(self, after, seen, 0, EPSILON, None)
        terms = [concat(before, lowering.value(s)) for s in schemas]
        return [_inside(term, b"", frame) for term in terms]

    def after_value(self, after: _Counts, seen: _Seen, text: bytes) -> tuple[_Counts, _Seen | None] | None:
        """The state after an item of ``text``; None if it must not be that."""
        value = read(text)
        if value in seen:
            return None if self.shape.unique else (after, None)
        seen = seen.plus(value)
        if (not after.may_close or self.shape.repeated) and not self.is_completable(after, seen):
            return None
        return after, seen

    def after_item(self, after: _Counts, seen: _Seen, text: bytes) -> Term:
        """What follows an item of ``text``."""
        state = self.after_value(after, seen, text)
        return EMPTY if state is None else self.rest(*state)

    # --- shortest texts -----------------------------------------------------------------------------------------------

    def is_spelled(self, alphabet: int) -> bool:
        """`Leaf.is_spelled` of all states."""
        known = self._spelled.get(alphabet)
        if known is None:
            completions = Completions(alphabet)
            space = (self.layout.opening, self.layout.comma)
            known = not SPELLING & ~alphabet and all(max(completions.bounds(term)) < NONE for term in space)
            self._spelled[alphabet] = known
        return known

    def bounds(self, counts: _Counts, seen: _Seen | None, completions: Completions) -> tuple[int, int]:
        """`Leaf.bounds` of what follows an item."""
        key = counts, completions.alphabet, completions.within
        known = self._bounds.get(key)
        if known is None:
            longest, rest = 0, 0
            for index in range(counts.index, self.head + 1):
                for schema, _ in self.steps(replace(counts, index=index)):
                    if self.is_inhabited(schema):
                        item = completions.bounds(self.lowering.value(schema))
                        longest, rest = max(longest, item[0]), max(rest, item[1])
                if self.is_finite:
                    longest = max([longest, *(len(v.text) for v in self.members(self.schema(index)) or ())])
            comma, close = completions.bounds(self.layout.comma), completions.bounds(self.close)
            needed = counts.need + sum(left[0] for left in counts.left if left is not None)
            if needed:
                needed += self.head - counts.index
            length = min(needed * (comma[0] + longest) + close[0], NONE)
            inside = max(rest, longest, comma[1] + longest, close[1])
            known = self._bounds[key] = length, min(inside + length, NONE) if rest < NONE else NONE
        return known

    def least_text(self, alphabet: int) -> bytes | None:
        """A shortest text of the whole; asks only for shortest texts of items, which may not be known yet."""
        if self.shape.unique and self.shape.repeated:
            return None
        texts = _Texts(self, alphabet, during_search=True)
        return texts.joined(texts.items(self.start, self.nothing_seen), first=True)


class _Texts:
    """Shortest texts of what follows an item, over the bytes of ``alphabet``.

    ``during_search``: those of items are being found out, so their terms are left alone.
    """

    def __init__(self, plan: _Plan, alphabet: int, *, during_search: bool = False) -> None:
        self.plan, self.during_search = plan, during_search
        self.alphabet, self.completions = alphabet, Completions(alphabet)
        layout = plan.layout
        self.opening, self.comma = self.completions.shortest(layout.opening), self.completions.shortest(layout.comma)
        self.close = self.completions.shortest(plan.close)
        self._spare: dict[Schema, Iterator[bytes]] = {}

    def item(self, schema: Schema) -> bytes | None:
        return self.plan.lowering.least_text(schema, self.alphabet)

    def rest(self, counts: _Counts, seen: _Seen | None) -> bytes | None:
        """The end of the array, with all the items that are needed before."""
        return self.joined(self.items(counts, seen))

    def joined(self, items: Sequence[bytes] | None, *, first: bool = False) -> bytes | None:
        """``items`` and the end of the array, behind another item; if ``first``, with the beginning of the array."""
        if items is None or self.close is None:
            return None
        text = self.close
        if items:
            if self.comma is None or self.opening is None:
                return None
            text = (self.opening if first else self.comma) + self.comma.join(items) + text
        return b"[" + text if first else text

    def items(self, counts: _Counts, seen: _Seen | None) -> list[bytes] | None:
        if seen is None:
            return self.counted(counts)
        return self.repeated(counts, seen) if self.plan.shape.repeated else self.different(counts, seen)

    def counted(self, counts: _Counts) -> list[bytes] | None:
        steps = self.steps(counts)
        if steps is None:
            return None
        return [text for schema, several in steps for text in [self.item(schema) or b""] * several]

    def steps(self, counts: _Counts) -> Path | None:
        """Schemas of items that complete the array in the shortest way."""
        if counts.is_free:
            path: list[tuple[Schema, int]] = []
            index, need = counts.index, counts.need
            if counts.room is not None and counts.room < need:
                return None
            while need:
                several = 1 if index < self.plan.head else need
                if self.item(self.plan.schema(index)) is None:
                    return None
                path.append((self.plan.schema(index), several))
                index, need = index + 1, need - several
            return tuple(path)
        if counts.need + sum(left[0] for left in counts.left if left is not None) > MAX_WEIGHED:
            straight = self.plan.path(counts)
            return None if straight is None or any(self.item(s) is None for s, _ in straight) else straight
        order = itertools.count()
        queue: list[tuple[int, int, _Counts, Any]] = [(0, next(order), counts, None)]
        done: set[_Counts] = set()
        comma = len(self.comma or b"")
        while queue:
            length, _, state, back = heapq.heappop(queue)
            if state in done:
                continue
            done.add(state)
            if state.may_close:
                found: list[tuple[Schema, int]] = []
                while back is not None:
                    back, schema = back
                    found.append((schema, 1))
                return tuple(reversed(found))
            if len(done) > MAX_STATES:
                return self.plan.path(counts)
            for schema, after in self.plan.steps(state):
                if after not in done and (item := self.item(schema)) is not None:
                    heapq.heappush(queue, (length + comma + len(item), next(order), after, (back, schema)))
        return None

    def different(self, counts: _Counts, seen: _Seen) -> list[bytes] | None:
        """One after the other, each the shortest that leaves enough to the others."""
        items: list[bytes] = []
        while not counts.may_close:
            path = self.steps(counts)
            ways = list(self.plan.live_steps(counts))
            if path:  # first as it would be if items could be equal
                ways.sort(key=lambda way: way[0] is not path[0][0])
            for schema, after in ways:
                excluded = seen.values.union(self.plan.barred(counts, after, seen))
                text = self.item(schema)
                if text is not None and read(text) in excluded:
                    text = self.other(schema, excluded)
                if text is None or (value := read(text)) in excluded:
                    continue
                if after.may_close or self.plan.is_completable(after, seen.plus(value)):
                    break
            else:
                return None
            items.append(text)
            counts, seen = after, seen.plus(value)
        return items

    def other(self, schema: Schema, excluded: frozenset[Value]) -> bytes | None:
        """A short text of ``schema`` that says none of ``excluded``."""
        for text in self.spare(schema):
            if read(text) not in excluded:
                return text
        lowering, values = self.plan.lowering, sorted(excluded, key=lambda value: value.text)
        if self.during_search:
            return lowering.least_text(lowering.without(schema, [value.json for value in values]), self.alphabet)
        return self.completions.shortest(excluding(lowering.value(schema), values, self.plan.layout))

    def spare(self, schema: Schema) -> Iterator[bytes]:
        """Texts of ``schema``, if small numbers or words are; each once."""
        known = self._spare.get(schema)
        if known is None:
            term = self.plan.lowering.value(schema)
            simple: Iterable[bytes] = () if self.during_search and isinstance(term, Ref) else _simple_texts()
            usable = (t for t in simple if all(self.alphabet >> byte & 1 for byte in t) and contains(term, t))
            known = self._spare[schema] = usable
        return known

    def repeated(self, counts: _Counts, seen: _Seen) -> list[bytes] | None:
        """The shortest way by which some item is repeated."""
        plan, lowering = self.plan, self.plan.lowering
        order = itertools.count()
        start: tuple[_Counts, Any] = (counts, seen)
        queue: list[tuple[int, int, tuple[_Counts, Any], tuple[bytes, ...]]] = [(0, next(order), start, ())]
        done: set[tuple[_Counts, Any]] = set()
        while queue:
            length, _, state, items = heapq.heappop(queue)
            if state in done:
                continue
            done.add(state)
            counts, known = state
            if known is None:
                rest = self.counted(counts)
                if rest is not None:
                    return [*items, *rest]
                continue
            for schema, after in plan.live_steps(counts):
                choices: list[tuple[Schema, Any]] = []
                if known.order:
                    choices.append((lowering.both(schema, plan.one_of(known.order)), None))
                choices += [(lowering.both(schema, other), known) for other in plan.matches(after)]
                choices.append((schema, known))
                for chosen, then in choices:
                    text = self.item(chosen)
                    if text is not None:
                        following = after, None if then is None else then.plus(read(text))
                        heapq.heappush(queue, (length + len(text), next(order), following, (*items, text)))
        return None


def _simple_texts() -> Iterator[bytes]:
    """The small numbers and short words, in turn."""
    letters = b"abcdefghijklmnopqrstuvwxyz"
    words = (bytes(word) for length in (1, 2) for word in itertools.product(letters, repeat=length))
    for number, word in zip(itertools.count(), words, strict=False):
        yield b"%d" % number
        yield b'"%b"' % word


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

    def spelled_out(self) -> Term:
        """The same as a term."""
        items = self.plan.items(self.counts, self.seen, self.plan.layout.comma)
        return union(*items, self.plan.close) if self.plan.may_close(self.counts, self.seen) else union(*items)

    def classes(self) -> tuple[int, ...] | None:
        return self.plan.following  # what is behind the comma is not looked into: it may come back here

    def derive(self, byte: int) -> Term:
        return derive(self.spelled_out(), byte)

    def shortest(self, alphabet: int) -> bytes | None:
        return _Texts(self.plan, alphabet).rest(self.counts, self.seen)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        return self.plan.bounds(self.counts, self.seen, Completions(alphabet, within))

    def is_spelled(self, alphabet: int) -> bool:
        return self.plan.is_spelled(alphabet)

    def is_prefix_free(self) -> bool:
        return True

    def __str__(self) -> str:
        return "more items"


@dataclass(frozen=True, slots=True)
class _ComparedRest(_Rest):
    """Where the next item is compared: LAZY."""

    def unfolded(self) -> Term:
        return self.spelled_out()

    def classes(self) -> tuple[int, ...] | None:
        return None


# --- items that are compared ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Frame:
    """An array that compares the item which is being read; interned, compare with ``is``.

    ``after``: what is asked of the items after it; ``start``: where it begins in the text; ``then``: what follows the
    array within the item of the array around, ``outer``.
    """

    plan: _Plan
    after: _Counts
    seen: _Seen
    start: int
    then: Term
    outer: _Frame | None


_frames: weakref.WeakValueDictionary[tuple[Any, ...], _Frame] = weakref.WeakValueDictionary()


def _frame(plan: _Plan, after: _Counts, seen: _Seen, start: int, then: Term, outer: _Frame | None) -> _Frame:
    key = plan, after, seen, start, then, outer
    known = _frames.get(key)
    return _frames.setdefault(key, _Frame(*key)) if known is None else known


@dataclass(frozen=True, slots=True)
class _Item(Leaf):
    """Inside an item that is compared, and what follows it in its array.

    Arrays within arrays that all compare are one such state, so that depth costs no recursion.

    ``term``: how the item of the innermost array may go on; ``text``: of the outermost array's item so far, with what
    came before it.
    """

    term: Term
    text: bytes
    frame: _Frame

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        return lower_bound(self.term) + 1

    @property
    def may_be_empty(self) -> bool:
        return bool(self.term.flags & CHECK)

    def is_empty(self) -> bool:
        return is_empty(self.term)

    def derive(self, byte: int) -> Term:
        term = derive(self.term, byte)
        following = _inside(term, self.text + bytes((byte,)), self.frame)
        if not self.term.nullable:
            return following
        return union(following, derive(_after(self.text, self.frame), byte))

    def cuts(self) -> list[Cut] | None:
        return _joined([self._cuts(term) for term in _alternatives(self.term)])

    def _cuts(self, term: Term) -> list[Cut] | None:
        if not term.flags & LAZY:
            return self._cuts_at_end(term)
        plain: list[Term] = []
        while isinstance(term, Concat) and not term.head.flags & LAZY:
            plain.append(term.head)
            term = term.tail
        if plain:
            return [Cut(concat(*plain), EPSILON, _always, partial(self._moved, term), self._rest(term), 0)]
        head, tail = (term.head, term.tail) if isinstance(term, Concat) else (term, EPSILON)
        if isinstance(head, Union):
            return _joined([self._cuts(concat(choice, tail)) for choice in head.items])
        if not isinstance(head, LeafTerm):
            return None
        inner = head.leaf.cuts()
        if inner is None:
            unfolded = head.leaf.unfolded()
            return None if unfolded is None else _cuts_of(_inside(concat(unfolded, tail), self.text, self.frame))
        rest = self._rest(tail)
        return [replace(cut, then=partial(self._moved_cut, cut, tail), after=concat(cut.after, rest)) for cut in inner]

    def _cuts_at_end(self, term: Term) -> list[Cut]:
        """Cut where the item ends; if it is a number, behind the byte that follows it and tells that it ended."""
        frame = self.frame
        begun = self.text[frame.start :].lstrip(b", \t\r\n")[:1]
        slack = SLACK + (len(self.text) - frame.start if frame.plan.shape.repeated else 0)  # it may have to come again
        after = self._rest(EPSILON, 1)
        if begun:
            number, other = (term, EMPTY) if begun in b"-0123456789" else (EMPTY, term)
        else:
            number, other = _numbers_apart(term)
        head = concat(number, byte_set(frame.plan.follow))
        cuts = [
            Cut(head, EPSILON, self._ends_number, self._after_number, after, slack),
            Cut(other, self._usual(), self._is_usual, self._after, after, slack),
        ]
        return [cut for cut in cuts if not is_empty(cut.head)]

    def _usual(self) -> Term:
        """With what everything begins that may follow an item, whatever its value; nothing, where that may matter."""
        plan, after, seen = self.frame.plan, self.frame.after, self.frame.seen
        usual = [plan.close] if plan.may_close(after, seen) else []
        following = [schema for schema, _ in plan.live_steps(after)]
        if following:
            plenty = len(seen) + 2 + MAX_LISTED * (plan.head - after.index + 1)  # more than can be excluded
            if all(plan.count(schema, plenty) < plenty for schema in following):
                return EPSILON
            # inside a string without conditions no text is a dead end; elsewhere the next item is not looked into here
            is_any_string = len(following) == 1 and plan.lowering.value(following[0]) is _ANY_STRING
            usual.append(concat(plan.layout.comma, _ANY_STRING if is_any_string else EPSILON))
        return union(*usual) if usual else EPSILON

    def _rest(self, then: Term, need: int = 0) -> Term:
        """``then``, and what follows it where no value matters: to tell how much there is to come."""
        parts = [then]
        frame: _Frame | None = self.frame
        while frame is not None:
            after = replace(frame.after, need=max(frame.after.need, need))
            seen = None if frame.plan.shape.repeated else frame.seen
            possible = after if frame.plan.is_completable(after, seen) else frame.after
            parts += [frame.plan.rest(possible, seen), frame.then]
            frame, need = frame.outer, 0
        return concat(*parts)

    def _is_usual(self, word: bytes) -> bool:
        frame = self.frame
        text = self.text[frame.start :] + word
        return (frame.plan.after_value(frame.after, frame.seen, text) or (None, None))[1] is not None

    def _after(self, word: bytes) -> Term:
        return _after(self.text + word, self.frame)

    def _ends_number(self, word: bytes) -> bool:
        return self._after_number(word) is not EMPTY

    def _after_number(self, word: bytes) -> Term:
        return derive(_after(self.text + word[:-1], self.frame), word[-1])

    def _moved(self, term: Term, word: bytes) -> Term:
        return _inside(term, self.text + word, self.frame)

    def _moved_cut(self, cut: Cut, tail: Term, word: bytes) -> Term:
        return self._moved(concat(cut.then(word), tail), word)

    def shortest(self, alphabet: int) -> bytes | None:
        completions = Completions(alphabet)
        item = completions.shortest(self.term)
        if item is None:
            return None
        text, frame = self.text + item, self.frame  # then the arrays, the innermost first
        inside: Callable[[int], bytes | None] | None = None  # the text with so many more items in the array before
        longer = 0
        while True:
            state = frame.plan.after_value(frame.after, frame.seen, text[frame.start :])
            if state is None:  # the array before is an item that must not be
                longer += 1
                other = inside(longer) if inside is not None and longer <= len(frame.seen) + 1 else None
                if other is None:
                    return None
                text = other
                continue
            inside, longer = partial(self._with_more, text, frame, state, completions), 0
            whole = inside(0)
            if whole is None:
                return None
            text = whole
            if frame.outer is None:
                return text[len(self.text) :]
            frame = frame.outer

    def _with_more(
        self, text: bytes, frame: _Frame, state: tuple[_Counts, _Seen | None], completions: Completions, more: int
    ) -> bytes | None:
        """``text``, at least ``more`` items, the end of the array of ``frame``, and what follows it."""
        counts, seen = state
        if counts.room is not None and counts.room < more:
            return None
        rest = _Texts(frame.plan, completions.alphabet).rest(replace(counts, need=max(counts.need, more)), seen)
        then = completions.shortest(frame.then)
        return None if rest is None or then is None else text + rest + then

    def is_spelled(self, alphabet: int) -> bool:
        return self.frame.plan.is_spelled(alphabet)

    def is_prefix_free(self) -> bool:
        return True

    def __str__(self) -> str:
        return "an item"


def _cuts_of(term: Term) -> list[Cut] | None:
    """The cuts of alternatives that are all of this kind."""
    found: list[Cut] = []
    for item in term.items if isinstance(term, Union) else (term,):
        cuts = item.leaf.cuts() if isinstance(item, LeafTerm) and isinstance(item.leaf, _Item) else None
        if cuts is None:
            return None
        found += cuts
    return found


def _joined(parts: list[list[Cut] | None]) -> list[Cut] | None:
    """All the cuts; None if some are not known."""
    found: list[Cut] = []
    for cuts in parts:
        if cuts is None:
            return None
        found += cuts
    return found


def _alternatives(term: Term) -> list[Term]:
    """The LAZY members of a union one by one, the others together."""
    if not isinstance(term, Union) or not term.flags & LAZY:
        return [term]
    lazy = [item for item in term.items if item.flags & LAZY]
    together = union(*[item for item in term.items if not item.flags & LAZY])
    return lazy if together is EMPTY else [*lazy, together]


def _numbers_apart(term: Term) -> tuple[Term, Term]:
    """The texts of an item that begin with a number, perhaps after a comma, and the others."""
    if not term.first & _BLANK and not term.nullable:
        if not term.first & _NUMERIC:
            return EMPTY, term
        number = [concat(byte_set(mask & _NUMERIC), after) for mask, after in transitions(term) if mask & _NUMERIC]
        other = [concat(byte_set(mask & ~_NUMERIC), after) for mask, after in transitions(term) if mask & ~_NUMERIC]
        return union(*number), union(*other)
    if isinstance(term, Concat) and _is_blank(term.head):
        number_after, other_after = _numbers_apart(term.tail)
        return concat(term.head, number_after), concat(term.head, other_after)
    if isinstance(term, Union):
        parts = [_numbers_apart(item) for item in term.items]
        return union(*[number for number, _ in parts]), union(*[other for _, other in parts])
    return intersection(term, _NUMBER), intersection(term, _NO_NUMBER)


def _is_blank(term: Term) -> bool:
    """Whether ``term`` surely says nothing but blanks and commas."""
    match term:
        case ByteSet():
            return not term.mask & ~_BLANK
        case Repeat():
            return _is_blank(term.item)
        case Union():
            return all(map(_is_blank, term.items))
        case Concat():
            return _is_blank(term.head) and _is_blank(term.tail)
    return term is EPSILON


def _always(word: bytes) -> bool:
    return True


def _inside(term: Term, text: bytes, frame: _Frame) -> Term:
    """``term`` within an item, after ``text``: without leaves of this kind in its own first place."""
    if term is EMPTY:
        return EMPTY
    if term is EPSILON:
        return _after(text, frame)
    if not term.flags & LAZY:
        return leaf(_Item(term, text, frame))
    found: list[Term] = []
    others: list[Term] = []
    work = [term]
    while work:
        term = work.pop()
        head, tail = (term.head, term.tail) if isinstance(term, Concat) else (term, EPSILON)
        if isinstance(head, Union) and head.flags & LAZY:
            work.extend(concat(item, tail) for item in head.items)
        elif isinstance(head, LeafTerm) and isinstance(head.leaf, _Item):
            inner = head.leaf
            found.append(leaf(_Item(inner.term, text, _nested(inner, tail, text, frame))))
        elif term is EPSILON:
            found.append(_after(text, frame))
        else:
            others.append(term)
    if others:
        found.append(leaf(_Item(union(*others), text, frame)))
    return union(*found)


def _nested(inner: _Item, tail: Term, text: bytes, outer: _Frame) -> _Frame:
    """The frames of ``inner``, which begins an item of ``outer`` after ``text`` and is followed there by ``tail``."""
    frames: list[_Frame] = []
    frame: _Frame | None = inner.frame
    while frame is not None:
        frames.append(frame)
        frame = frame.outer
    offset = len(text) - len(inner.text)
    for frame in reversed(frames):
        then = tail if frame.outer is None else frame.then
        outer = _frame(frame.plan, frame.after, frame.seen, frame.start + offset, then, outer)
    return outer


def _after(text: bytes, frame: _Frame) -> Term:
    """What follows the innermost item, which ends with ``text``."""
    rest = frame.plan.after_item(frame.after, frame.seen, text[frame.start :])
    if frame.outer is None or rest is EMPTY:
        return rest
    term = concat(rest, frame.then)
    return _inside(term, text, frame.outer)
