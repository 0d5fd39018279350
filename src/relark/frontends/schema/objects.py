"""JSON objects as terms.

Between two members the state of an object is small: which properties may still come (an index where the order is the
schema's, a set where it is free), which must, how many members are missing and allowed, which needs are open, and,
where members without a declared name may follow, the names of those that came, because names are unique.  States are
kept in a canonical form that forgets what no longer matters, so that texts which can go on alike share their state,
its masks and its rows.  A state is entered only if the object can be completed from it, so there are no dead ends.

The declared names that may come next are one leaf over the sorted table of all of them (compare `literals.OneOf`); its
states are the sets of names that are left, so objects with a thousand properties share nearly all of them.  A name
that is not declared is read by a leaf that keeps its text up to the closing quote, and is looked up then.

Cost: a state between members some 20 us a property that may come; a byte of a name some 10 us.  Cannot do: where
``dependent`` links more than `MAX_LINKED` optional properties, the choice among them is looked at only roughly, and an
object whose counts no combination fits may be begun; sets of names that take more than `MAX_STATES` states are taken as
endless.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from relark.caches import Cache
from relark.frontends.schema.shapes import Lowering, ObjectShape, Property
from relark.frontends.schema.strings import json_text, meet
from relark.language import (
    EMPTY,
    EPSILON,
    Completions,
    Leaf,
    Term,
    byte_set,
    complement,
    concat,
    contains,
    derive,
    intersection,
    is_empty,
    leaf,
    literal,
    one_of,
    transitions,
    union,
)
from relark.language.completion import NONE
from relark.language.terms import FULL, SPELLING, Choice, Cut, Words

if TYPE_CHECKING:
    from relark.frontends.schema.expressions import Schema

__all__ = ["object_is_inhabited", "object_least_text", "object_term"]

MAX_LINKED = 10  # optional properties with dependencies whose combinations are all looked at
_FEW = 8  # names whose derivatives are all taken at once
MAX_STATES = 2_000  # of a language of names, when its members are counted
ENDLESS: Final = 1 << 40  # a number of names or members that no text reaches
NEVER: Final = 1 << 80  # more than are there, whatever is there

_QUOTE: Final = byte_set(1 << 0x22)
_OPEN: Final = byte_set(1 << 0x7B)
_CLOSE: Final = byte_set(1 << 0x7D)


def object_term(shape: ObjectShape, lowering: Lowering) -> Term:
    """The texts of the objects of ``shape``; EMPTY if there are none."""
    made = _object(shape, lowering)
    start = made.start
    if start is None:
        return EMPTY
    opening = lowering.layout.opening
    ways = [made.key(start)] if made.may_go_on(start) else []
    if made.accepts(start):
        ways.append(_CLOSE)
    return concat(_OPEN, opening, union(*ways))


def object_is_inhabited(shape: ObjectShape, lowering: Lowering) -> bool:
    """Whether there is an object of ``shape``, by what ``lowering`` now says of its members' schemas."""
    return _Object(shape, lowering).is_inhabited()


def object_least_text(shape: ObjectShape, lowering: Lowering, alphabet: int) -> bytes | None:
    """A shortest text over ``alphabet``, by what ``lowering`` now knows of its members' schemas; None if too little."""
    made = _Object(shape, lowering)
    return None if made.start is None else made.least_text(made.start, alphabet, first=True)


def _object(shape: ObjectShape, lowering: Lowering) -> _Object:
    """What the states of ``shape`` share, kept with the shape."""
    made: _Object | None = getattr(shape, "_made", None)
    if made is None or made.lowering is not lowering:
        made = _Object(shape, lowering)
        object.__setattr__(shape, "_made", made)
    return made


# --- states -------------------------------------------------------------------------------------------------------


class State(NamedTuple):
    """Where a text stands between two members; canonical.

    ``first``: the next property that may come, where the order is the schema's.  ``seen``: properties, as a bit set,
    that came: all of them where the order is free, else those on which one to come depends.  ``due``: properties that
    must come because of one that came.  ``missing``, ``room``: how many more members must and may come (None: any
    number).  ``needs``: those still open, as a bit set.  ``names``: the other names that came; None where no more of
    these may come.
    """

    first: int
    seen: int
    due: int
    missing: int
    room: int | None
    needs: int
    names: frozenset[bytes] | None


@dataclass(frozen=True, eq=False)
class _Group:
    """Other names that are treated alike: of one `Others`, in the keys of the same needs.

    ``count``: how many there are beside the properties' names.  ``needs``: as a bit set; ``covers``: which sets of them
    the value can satisfy at once.
    """

    keys: Term
    schema: Schema
    count: int
    needs: int
    covers: frozenset[int]


class _Object:
    """What the states of one shape share.  Bit j of a set of properties stands for the j-th."""

    def __init__(self, shape: ObjectShape, lowering: Lowering) -> None:
        self.shape, self.lowering = shape, lowering
        self.ordered = lowering.layout.order == "schema"
        self.index_of = {p.name: j for j, p in enumerate(shape.properties)}
        self.all = (1 << len(shape.properties)) - 1
        self.targets = self._closure()  # of a property: those that must be there with it
        self.sources = _bits(self.targets)
        self.linked = self.sources
        for targets in self.targets.values():
            self.linked |= targets
        self.required = _bits(j for j, p in enumerate(shape.properties) if p.required)
        for j in _members(self.required & self.sources):
            self.required |= self.targets[j]
        self.plain = not (shape.least or shape.most is not None or shape.needs or self.targets)
        self._covers: dict[tuple[Schema, int], frozenset[int]] = {}
        self._applicable: dict[int, int] = {}

    def _closure(self) -> dict[int, int]:
        direct: dict[int, int] = {}
        for name, needed in self.shape.dependent:
            if name in self.index_of and needed in self.index_of and name != needed:
                j = self.index_of[name]
                direct[j] = direct.get(j, 0) | 1 << self.index_of[needed]
        closed: dict[int, int] = {}
        for j in direct:
            found, work = 0, direct[j]
            while work:
                found |= work
                work = _union_of(direct.get(k, 0) for k in _members(work)) & ~found
            closed[j] = found & ~(1 << j)
        return closed

    # --- what the schemas of the members say ---------------------------------------------------------------------

    @cached_property
    def live(self) -> int:
        """The properties that have a value."""
        return _bits(j for j, p in enumerate(self.shape.properties) if self._is_possible(p))

    def _is_possible(self, property: Property) -> bool:
        return _can_be_written(property.name) and self.lowering.is_inhabited(property.schema)

    @cached_property
    def groups(self) -> tuple[_Group, ...]:
        """The other names, where their members have a value."""
        needs = range(len(self.shape.needs))
        groups = []
        for others in self.shape.others:
            if not self.lowering.is_inhabited(others.schema):
                continue
            atoms: list[tuple[Term, int]] = [(others.keys, 0)]
            for i in needs:
                keys = self.shape.needs[i].keys
                atoms = [
                    (part, mask)
                    for term, before in atoms
                    for part, mask in (
                        (intersection(term, complement(keys)), before),
                        (meet(term, keys), before | 1 << i),
                    )
                    if not is_empty(part)
                ]
            for keys, mask in atoms:
                count = _count(keys)
                if count < ENDLESS:
                    count -= sum(contains(keys, _encoded(p.name)) for p in self.shape.properties)
                if count > 0:
                    groups.append(_Group(keys, others.schema, count, mask, self.covers(others.schema, mask)))
        return tuple(groups)

    def covers(self, schema: Schema, needs: int) -> frozenset[int]:
        """The sets of ``needs`` that one value of ``schema`` can satisfy."""
        if not needs:
            return frozenset((0,))
        key = schema, needs
        known = self._covers.get(key)
        if known is None:
            known = frozenset(
                part for part in _subsets(needs) if not part or self.lowering.is_inhabited(self.joined(schema, part))
            )
            self._covers[key] = known
        return known

    def joined(self, schema: Schema, needs: int) -> Schema:
        """``schema`` and what ``needs`` ask."""
        if not needs:
            return schema
        return self.lowering.both(schema, *[self.shape.needs[i].schema for i in _members(needs)])

    def applicable(self, j: int) -> int:
        """The needs that ask for a property's name."""
        if not self.shape.needs:
            return 0
        known = self._applicable.get(j)
        if known is None:
            name = _encoded(self.shape.properties[j].name)
            known = _bits(i for i, need in enumerate(self.shape.needs) if contains(need.keys, name))
            self._applicable[j] = known
        return known

    def covers_of(self, j: int, needs: int) -> frozenset[int]:
        """The sets of ``needs`` that the value of the j-th property can satisfy."""
        return self.covers(self.shape.properties[j].schema, self.applicable(j) & needs)

    # --- states ----------------------------------------------------------------------------------------------------

    def is_inhabited(self) -> bool:
        """Whether there is an object of the shape; asks for no more than it takes."""
        if self.plain:
            return all(self._is_possible(p) for p in self.shape.properties if p.required)
        return self.start is not None

    @cached_property
    def start(self) -> State | None:
        """The state of an object without members; None if the object cannot be completed."""
        shape = self.shape
        if shape.most is not None and shape.least > shape.most:
            return None
        return self.settled(0, 0, 0, shape.least, shape.most, (1 << len(shape.needs)) - 1, frozenset())

    def may(self, index: int, seen: int) -> int:
        """The properties that may still come, as far as order and dependencies go."""
        found = self.live & (self.all >> index << index if self.ordered else ~seen)
        for j in _members(found & self.sources):
            if self.targets[j] & ~(seen | found):
                found &= ~(1 << j)
        return found

    def must(self, index: int, seen: int, due: int) -> int:
        """The properties that must still come."""
        return self.required & (self.all >> index << index if self.ordered else ~seen) | due

    def left(self, names: frozenset[bytes] | None) -> list[int]:
        """For each group how many names are left."""
        if names is None:
            return [0] * len(self.groups)
        return [
            g.count if g.count >= ENDLESS or not names else g.count - sum(contains(g.keys, name) for name in names)
            for g in self.groups
        ]

    def settled(
        self,
        index: int,
        seen: int,
        due: int,
        missing: int,
        room: int | None,
        needs: int,
        names: frozenset[bytes] | None,
        group: int | None = None,
    ) -> State | None:
        """The state in its canonical form; None if the object cannot be completed from it.

        ``group``: one more name of it is taken, whichever.
        """
        may = self.may(index, seen)
        must = self.must(index, seen, due)
        if must & ~may:
            return None
        left = self.left(names)
        if group is not None:
            left[group] -= 1
        fewest = must.bit_count()
        if not self.plain:
            if not self._fits(may, must, seen, missing, room, needs, left):
                return None
            if missing <= fewest:
                missing = 0
            if room is not None and room >= may.bit_count() + sum(left):
                room = None
            if room == fewest:
                may = must
        others = any(n > 0 for n in left) and room != fewest
        if self.ordered:
            index = _lowest(may) if may else len(self.shape.properties)
            seen &= _union_of(self.targets[j] for j in _members(may & self.sources))
        return State(index, seen, due, missing, room, needs, names if others else None)

    def _fits(
        self, may: int, must: int, seen: int, missing: int, room: int | None, needs: int, left: list[int]
    ) -> bool:
        """Whether some choice of members meets the counts and needs."""
        most = ENDLESS if room is None else room
        others = sum(left)
        if must.bit_count() > most:
            return False
        for forced, loose in self._choices(may, must, seen):
            fewest = forced.bit_count() + self._extra(forced, loose, needs, left)
            several = forced.bit_count() + loose.bit_count() + others
            if max(fewest, missing) <= min(several, most):
                return True
        return False

    def _choices(self, may: int, must: int, seen: int) -> Iterator[tuple[int, int]]:
        """Sets of properties that may come together, with those that may be added to them at will."""
        linked = may & ~must & self.linked
        parts: Iterable[int] = _subsets(linked) if linked.bit_count() <= MAX_LINKED else (0, linked)
        for part in parts:
            there = seen | must | part
            if not any(self.targets[j] & ~there for j in _members(part & self.sources)):
                yield must | part, may & ~must & ~linked

    def _extra(self, forced: int, loose: int, needs: int, left: list[int]) -> int:
        """How many members beside the ``forced`` ones it takes at least to satisfy ``needs``."""
        if not needs:
            return 0
        fewest = {0: 0}
        for j in _members(forced):
            fewest = _covered(fewest, self.covers_of(j, needs), 0)
        for j in _members(loose):
            fewest = _covered(fewest, self.covers_of(j, needs), 1)
        for group, count in zip(self.groups, left, strict=True):
            for _ in range(min(count, needs.bit_count())):
                fewest = _covered(fewest, {part & needs for part in group.covers}, 1)
        return fewest.get(needs, NEVER)

    def accepts(self, state: State) -> bool:
        """Whether the object may end."""
        return not (state.missing or state.needs or self.must(state.first, state.seen, state.due))

    def may_go_on(self, state: State) -> bool:
        """Whether a member may follow; may say so wrongly."""
        if state.room == 0:
            return False
        return bool(self.may(state.first, state.seen)) or any(n > 0 for n in self.left(state.names))

    # --- from state to state -----------------------------------------------------------------------------------------

    def after_property(self, base: State, j: int, covered: int) -> State | None:
        """The state after the j-th property, whose value satisfies the needs ``covered``."""
        bit = 1 << j
        seen = base.seen | bit
        due = (base.due | self.targets.get(j, 0)) & ~seen
        room = None if base.room is None else base.room - 1
        return self.settled(
            j + 1 if self.ordered else 0,
            seen if not self.ordered or bit & self.linked else base.seen,
            due,
            max(base.missing - 1, 0),
            room,
            base.needs & ~covered,
            base.names,
        )

    def after_other(self, base: State, group: int, name: bytes | None, covered: int) -> State | None:
        """The state after a member of a group, called ``name`` (None: whichever)."""
        return self.settled(
            len(self.shape.properties) if self.ordered else 0,
            base.seen,
            base.due,
            max(base.missing - 1, 0),
            None if base.room is None else base.room - 1,
            base.needs & ~covered,
            base.names if name is None or base.names is None else base.names | {name},
            group if name is None else None,
        )

    def offered(self, state: State) -> int:
        """The properties that may come next."""
        may = self.may(state.first, state.seen)
        if self.ordered:
            must = self.must(state.first, state.seen, state.due)
            if must:
                may &= ((must & -must) << 1) - 1
        if self.plain:
            return may
        return _bits(
            j
            for j in _members(may)
            if any(self.after_property(state, j, part) for part in self.covers_of(j, state.needs))
        )

    def offered_groups(self, state: State) -> list[int]:
        """The groups of which a name may come next."""
        if self.ordered and self.must(state.first, state.seen, state.due):
            return []
        left = self.left(state.names)
        if self.plain:
            return [i for i, count in enumerate(left) if count > 0]
        return [
            i
            for i, count in enumerate(left)
            if count > 0
            and state.room != 0
            and any(self.after_other(state, i, None, part & state.needs) for part in self.groups[i].covers)
        ]

    # --- terms -------------------------------------------------------------------------------------------------------

    def key(self, state: State) -> Term:
        """A member's name, quotes included, and all that follows it."""
        known = _keys.get((self, state))
        if known is None:
            base = state._replace(first=0) if self.ordered else state
            declared = self.declared(base, self.table.ranks(self.offered(state)), 0)
            parts = tuple((i, self.name_term(state, i)) for i in self.offered_groups(state))
            free = leaf(_Name(self, base._replace(first=0), b"", parts)) if parts else EMPTY
            known = concat(_QUOTE, union(declared, free))
            _keys.put((self, state), known)
        return known

    @cached_property
    def encoded(self) -> frozenset[bytes]:
        """The properties' names."""
        return frozenset(_encoded(p.name) for p in self.shape.properties)

    @cached_property
    def table(self) -> _Table:
        return _Table([p.name for p in self.shape.properties])

    def declared(self, base: State, ranks: int, depth: int) -> Term:
        """One of the names in ``ranks`` from ``depth`` on, closing quote included, and all that follows it."""
        if ranks & (ranks - 1):
            return leaf(_Keys(self, base, ranks, depth))
        if not ranks:
            return EMPTY
        rank = _lowest(ranks)
        return concat(self.table.rest(rank, depth), self.property_member(base, self.table.properties[rank]))

    def name_term(self, state: State, group: int) -> Term:
        """What follows the opening quote of a group's name, closing quote included."""
        found = self.groups[group]
        if found.keys not in self._extensible:
            self._extensible[found.keys] = _is_extensible(found.keys)
        keys = found.keys
        if not self._extensible[found.keys]:
            taken = list(self.encoded) + list(state.names or ())
            keys = intersection(keys, complement(one_of(taken))) if taken else keys
        return derive(json_text(keys), 0x22)

    @cached_property
    def _extensible(self) -> dict[Term, bool]:
        return {}

    def property_member(self, base: State, j: int) -> Term:
        """What follows the name of the j-th property."""
        schema = self.shape.properties[j].schema
        return union(
            *[
                self._member(schema, part, after)
                for part in sorted(self.covers_of(j, base.needs))
                if (after := self.after_property(base, j, part)) is not None
            ]
        )

    def other_member(self, base: State, group: int, name: bytes) -> Term:
        """What follows a name of a group."""
        found = self.groups[group]
        return union(
            *[
                self._member(found.schema, part, after)
                for part in sorted({part & base.needs for part in found.covers})
                if (after := self.after_other(base, group, name, part)) is not None
            ]
        )

    def usual_member(self, base: State, group: int) -> Term:
        """How what follows a name of a group begins, whichever the name is: up to the end of the value."""
        found = self.groups[group]
        return union(
            *[
                concat(self.lowering.layout.colon, self.lowering.value(self.joined(found.schema, part)))
                for part in sorted({part & base.needs for part in found.covers})
                if self.after_other(base, group, None, part) is not None
            ]
        )

    def _member(self, schema: Schema, covered: int, after: State) -> Term:
        value = self.lowering.value(self.joined(schema, covered))
        return concat(self.lowering.layout.colon, value, self.after(after))

    def after(self, state: State) -> Term:
        """What follows a member."""
        if not self.may_go_on(state):
            return self.end
        return leaf(_After(self, state))

    @cached_property
    def end(self) -> Term:
        return concat(self.lowering.layout.opening, _CLOSE)

    def unfolded(self, state: State) -> Term:
        """What follows a member, as a term of its parts."""
        comma = concat(self.lowering.layout.comma, self.key(state))
        return union(comma, self.end) if self.accepts(state) else comma

    # --- shortest texts ----------------------------------------------------------------------------------------------

    def is_spelled(self, alphabet: int) -> bool:
        """`Leaf.is_spelled` of all states."""
        known = self._spelled.get(alphabet)
        if known is None:
            layout, completions = self.lowering.layout, Completions(alphabet)
            space = (layout.opening, layout.colon, layout.comma)
            known = not SPELLING & ~alphabet and all(max(completions.bounds(term)) < NONE for term in space)
            self._spelled[alphabet] = known
        return known

    @cached_property
    def _spelled(self) -> dict[int, bool]:
        return {}

    def writing(self, alphabet: int) -> _Writing:
        """How texts over ``alphabet`` are written in the shortest way."""
        known = self._writings.get(alphabet)
        if known is None:
            known = self._writings.setdefault(alphabet, _Writing(self, alphabet))
        return known

    @cached_property
    def _writings(self) -> dict[int, _Writing]:
        return {}

    def least_text(self, state: State, alphabet: int, *, first: bool = False) -> bytes | None:
        """A shortest rest of the object, or (``first``) a shortest object; None where none is known."""
        writing = self.writing(alphabet)
        members = self._least_members(state, alphabet)
        if members is None or writing.close is None:
            return None
        if not members:
            return writing.nothing if first else writing.close
        if writing.comma is None or writing.open is None:
            return None
        text = writing.comma.join(members) + writing.close
        return writing.open + text if first else writing.comma + text

    def least_length(self, state: State, alphabet: int) -> int | None:
        """The length of `least_text`."""
        writing = self.writing(alphabet)
        if self.is_simple(state):
            return writing.length_of(self.must(state.first, state.seen, state.due))
        text = self.least_text(state, alphabet)
        return None if text is None else len(text)

    def is_simple(self, state: State) -> bool:
        """Whether the properties that must come complete the object."""
        return not (state.needs or state.missing)

    def _least_members(self, state: State, alphabet: int) -> list[bytes] | None:
        if self.is_simple(state):
            writing = self.writing(alphabet)
            members = [writing.member(j) for j in _members(self.must(state.first, state.seen, state.due))]
            return None if None in members else members  # type: ignore[return-value]
        key = self, state, alphabet
        known = _fillings.get(key)
        if known is None:
            found = self._fillings(state, alphabet)
            known = min(found, key=lambda members: sum(map(len, members)) + len(members), default=None)
            if known is not None:
                _fillings.put(key, known)
        return known

    def _fillings(self, state: State, alphabet: int) -> Iterator[list[bytes]]:
        """Short lists of members that complete the object; the texts of members in an order that is allowed."""
        may = self.may(state.first, state.seen)
        must = self.must(state.first, state.seen, state.due)
        most = ENDLESS if state.room is None else state.room
        for forced, loose in self._choices(may, must, state.seen):
            if forced.bit_count() > most:
                continue
            found = self._filling(state, forced, loose, most, alphabet)
            if found is not None:
                yield found
            if not state.needs and not state.missing:
                break  # more properties only make it longer

    def _filling(self, state: State, forced: int, loose: int, most: int, alphabet: int) -> list[bytes] | None:
        if not state.needs:
            return self._padded(state, forced, loose, alphabet)
        # covered needs, how many members -> length, members as (order, text)
        Members = tuple[tuple[int, bytes], ...]
        ways: dict[tuple[int, int], tuple[int, Members]] = {(0, 0): (0, ())}
        for j in _members(forced):
            ways = self._extended(ways, self._texts_of(j, state.needs, alphabet), j, optional=False, most=most)
            if not ways:
                return None
        n = len(self.shape.properties)
        lacking = bool(state.needs) or state.missing > forced.bit_count()
        if lacking:
            for j in _members(loose):
                ways = self._extended(ways, self._texts_of(j, state.needs, alphabet), j, optional=True, most=most)
            wanted = state.needs.bit_count() + max(state.missing - forced.bit_count(), 0)
            for i, count in enumerate(self.left(state.names)):
                group = self.groups[i]
                for _, name in self._free_names(group, state, min(count, wanted), alphabet):
                    texts = self._member_texts(name, group.schema, {c & state.needs for c in group.covers}, alphabet)
                    ways = self._extended(ways, texts, n, optional=True, most=most)
        done = [
            (length, members)
            for (covered, count), (length, members) in ways.items()
            if covered == state.needs and count >= state.missing
        ]
        if not done:
            return None
        _, members = min(done, key=lambda way: way[0])
        return [text for _, text in sorted(members, key=lambda member: member[0])]

    def _padded(self, state: State, forced: int, loose: int, alphabet: int) -> list[bytes] | None:
        """The ``forced`` members and the shortest others of which the object has too few."""
        found = [(j, self.writing(alphabet).member(j)) for j in _members(forced)]
        wanted = max(state.missing - len(found), 0)
        if wanted:
            more = [(j, self.writing(alphabet).member(j)) for j in _members(loose)]
            for i, count in enumerate(self.left(state.names)):
                group = self.groups[i]
                for _, name in self._free_names(group, state, min(count, wanted), alphabet):
                    texts = self._member_texts(name, group.schema, (0,), alphabet)
                    more.append((len(self.shape.properties), texts.get(0)))
            known = sorted((len(text), j, text) for j, text in more if text is not None)
            if len(known) < wanted:
                return None
            found += [(j, text) for _, j, text in known[:wanted]]
        if any(text is None for _, text in found):
            return None
        return [text for _, text in sorted(found) if text is not None]

    def _extended(
        self,
        ways: dict[tuple[int, int], tuple[int, tuple[tuple[int, bytes], ...]]],
        texts: dict[int, bytes],
        order: int,
        *,
        optional: bool,
        most: int,
    ) -> dict[tuple[int, int], tuple[int, tuple[tuple[int, bytes], ...]]]:
        grown = dict(ways) if optional else {}
        for (covered, count), (length, members) in ways.items():
            if count == most:
                continue
            for part, text in texts.items():
                key = covered | part, count + 1
                total = length + len(text) + 1
                if key not in grown or total < grown[key][0]:
                    grown[key] = total, (*members, (order, text))
        return grown

    def _texts_of(self, j: int, needs: int, alphabet: int) -> dict[int, bytes]:
        writing = self.writing(alphabet)
        key = writing.key(j)
        if key is None:
            return {}
        if not (self.shape.needs and self.applicable(j) & needs):
            member = writing.member(j)
            return {} if member is None else {0: member}
        return self._member_texts(key, self.shape.properties[j].schema, self.covers_of(j, needs), alphabet)

    def _member_texts(self, key: bytes, schema: Schema, covers: Iterable[int], alphabet: int) -> dict[int, bytes]:
        """A shortest member for each set of needs that it satisfies."""
        colon = Completions(alphabet).shortest(self.lowering.layout.colon)
        texts = {}
        for part in covers:
            value = self.lowering.least_text(self.joined(schema, part), alphabet)
            if value is not None and colon is not None:
                texts[part] = key + colon + value
        return texts

    def _free_names(self, group: _Group, state: State, wanted: int, alphabet: int) -> list[tuple[bytes, bytes]]:
        """At most so many short names of a group that may still come, decoded and as JSON."""
        taken = set(self.encoded) | (state.names or frozenset())
        found: list[tuple[bytes, bytes]] = []
        if alphabet >> 0x22 & 1:
            for name in _short_names(alphabet):
                if len(found) == wanted:
                    break
                if name not in taken and contains(group.keys, name):
                    found.append((name, b'"%b"' % name))
                    taken.add(name)
        while len(found) < wanted:
            keys = intersection(group.keys, complement(one_of(taken))) if taken else group.keys
            text = Completions(alphabet).shortest(json_text(keys))
            if text is None:
                break
            name = json.loads(text).encode()
            found.append((name, text))
            taken.add(name)
        return found


@lru_cache(maxsize=16)
def _short_names(alphabet: int) -> tuple[bytes, ...]:
    """The names of at most one printable character that stands for itself, and those of two letters."""
    single = [bytes((b,)) for b in range(0x20, 0x7F) if alphabet >> b & 1 and b not in b'"\\/']
    letters = [name for name in single if name.isalpha()]
    return (b"", *single, *(a + b for a in letters for b in letters))


class _Writing:
    """The shortest texts over one alphabet of what an object consists of; None where there is none.

    ``nothing``: the object without members; ``open``: up to the first member; ``close``: after the last one.
    """

    def __init__(self, made: _Object, alphabet: int) -> None:
        layout, completions = made.lowering.layout, Completions(alphabet)
        self.made, self.alphabet = made, alphabet
        self.nothing = completions.shortest(concat(_OPEN, layout.opening, _CLOSE))
        self.open = completions.shortest(concat(_OPEN, layout.opening))
        self.colon = completions.shortest(layout.colon)
        self.comma = completions.shortest(layout.comma)
        self.close = completions.shortest(made.end)
        self._keys: dict[int, bytes | None] = {}
        self._values: dict[int, bytes] = {}
        self._lengths: dict[int, int] = {}

    def key_from(self, j: int, depth: int) -> bytes | None:
        """The name of the j-th property after the opening quote and ``depth`` bytes."""
        table = self.made.table
        rank = table.rank_of[j]
        body = table.bodies[rank][depth:]
        if self.alphabet == FULL or all(self.alphabet >> byte & 1 for byte in body):
            return body
        return Completions(self.alphabet).shortest(table.rest(rank, depth))

    def key(self, j: int) -> bytes | None:
        if j not in self._keys:
            body = self.key_from(j, 0)
            self._keys[j] = None if body is None or not self.alphabet >> 0x22 & 1 else b'"' + body
        return self._keys[j]

    def value(self, j: int) -> bytes | None:
        """The colon and the value of the j-th property."""
        known = self._values.get(j)
        if known is None:
            value = self.made.lowering.least_text(self.made.shape.properties[j].schema, self.alphabet)
            if value is None or self.colon is None:
                return None  # perhaps only not yet
            known = self._values[j] = self.colon + value
        return known

    def member(self, j: int) -> bytes | None:
        key, value = self.key(j), self.value(j)
        return None if key is None or value is None else key + value

    def length_of(self, must: int) -> int | None:
        """The length of the rest of an object of which these properties are missing; None where there is no text."""
        if self.close is None:
            return None
        total = self._lengths.get(must)
        if total is None:
            total = len(self.close)
            comma = -1 if self.comma is None else len(self.comma)
            for j in _members(must):
                member = self.member(j)
                if member is None or comma < 0:
                    return None
                total += comma + len(member)
            if len(self._lengths) > MAX_STATES:
                self._lengths.clear()
            self._lengths[must] = total
        return total


_fillings: Cache[tuple[_Object, State, int], list[bytes]] = Cache(
    "object members", share=0.005, cost=lambda key, value: 600 + sum(60 + len(text) for text in value)
)
_keys: Cache[tuple[_Object, State], Term] = Cache("object names", share=0.01, cost=lambda key, value: 600)


# --- leaves -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _After(Leaf):
    """What follows a member."""

    made: _Object
    state: State

    @property
    def nullable(self) -> bool:
        return False

    def is_prefix_free(self) -> bool:
        return True

    def unfolded(self) -> Term:
        return self.made.unfolded(self.state)

    def is_spelled(self, alphabet: int) -> bool:
        return self.made.is_spelled(alphabet)

    def classes(self) -> tuple[int, ...]:
        first = self.made.lowering.layout.comma.first
        if self.made.accepts(self.state):
            first |= self.made.end.first
        return tuple(1 << byte for byte in _members(first))

    def derive(self, byte: int) -> Term:
        return derive(self.unfolded(), byte)

    def shortest(self, alphabet: int) -> bytes | None:
        return self.made.least_text(self.state, alphabet)

    def __str__(self) -> str:
        return "rest of an object"


@dataclass(frozen=True, slots=True)
class _Keys(Leaf):
    """One of the names in ``ranks`` of the table, which share their first ``depth`` bytes, and all that follows it.

    At least two names, but for a derivative of such a state, which becomes a plain term by the next byte.
    """

    made: _Object
    base: State
    ranks: int
    depth: int

    @property
    def nullable(self) -> bool:
        return False

    def is_prefix_free(self) -> bool:
        return True

    def is_spelled(self, alphabet: int) -> bool:
        return self.made.is_spelled(alphabet)

    def classes(self) -> tuple[int, ...]:
        masks = [1 << byte for byte, _ in self.made.table.children(self.ranks, self.depth)]
        if self.made.table.other_forms(self.ranks, self.depth) and 1 << 0x5C not in masks:
            masks.append(1 << 0x5C)
        return tuple(masks)

    def choice(self) -> Choice:
        made, table = self.made, self.made.table
        words = table.sharing(self.ranks, self.depth)

        def then(index: int) -> Term:
            return made.property_member(self.base, table.properties[words.lo + index])

        return Choice(words, self.ranks >> words.lo, then)

    @property
    def is_costly(self) -> bool:
        return self.ranks.bit_count() > _FEW

    def derive(self, byte: int) -> Term:
        table, made = self.made.table, self.made
        ranks = table.child(self.ranks, self.depth, byte)
        found = []
        if ranks == self.ranks or table.is_read(ranks, self.depth + 1):
            found.append(made.declared(self.base, ranks, self.depth + 1))
        elif ranks:  # a leaf for a single name, too: of those offered, few are taken
            found.append(leaf(_Keys(made, self.base, ranks, self.depth + 1)))
        if byte == 0x5C:
            for form, ranks, depth in table.other_forms(self.ranks, self.depth):
                found.append(concat(derive(form, byte), made.declared(self.base, ranks, depth)))
        return union(*found)

    def shortest(self, alphabet: int) -> bytes | None:
        made, table = self.made, self.made.table
        writing, completions = made.writing(alphabet), Completions(alphabet)
        best: tuple[int, int, State] | None = None
        for rank in _members(self.ranks):
            j = table.properties[rank]
            after = made.after_property(self.base, j, 0) if made.plain or not made.shape.needs else None
            if after is None:
                continue
            key, value, rest = writing.key_from(j, self.depth), writing.value(j), made.least_length(after, alphabet)
            if key is not None and value is not None and rest is not None:
                length = len(key) + len(value) + rest
                if best is None or length < best[0]:
                    best = length, j, after
        if best is not None:
            _, j, after = best
            parts = writing.key_from(j, self.depth), writing.value(j), made.least_text(after, alphabet)
            return None if None in parts else b"".join(parts)  # type: ignore[arg-type]
        found = None
        for rank in _members(self.ranks):
            text = completions.shortest(
                concat(table.rest(rank, self.depth), made.property_member(self.base, table.properties[rank]))
            )
            if text is not None and (found is None or len(text) < len(found)):
                found = text
        return found

    def __str__(self) -> str:
        return f"one of {self.ranks.bit_count()} names"


@dataclass(frozen=True, slots=True)
class _Name(Leaf):
    """A name that is no property's, after ``text``, and all that follows it.

    ``ways``: groups, each with what may follow ``text`` in a name of it, closing quote included.
    """

    made: _Object
    base: State
    text: bytes
    ways: tuple[tuple[int, Term], ...]

    @property
    def nullable(self) -> bool:
        return False

    def is_prefix_free(self) -> bool:
        return True

    def derive(self, byte: int) -> Term:
        parts = []
        for group, term in self.ways:
            after = derive(term, byte)
            if after.nullable:  # the closing quote
                return self._closed(group, self.text)
            if after is not EMPTY and not is_empty(after):
                parts.append((group, after))
        return leaf(_Name(self.made, self.base, self.text + bytes((byte,)), tuple(parts))) if parts else EMPTY

    def is_spelled(self, alphabet: int) -> bool:
        return self.made.is_spelled(alphabet)

    def cuts(self) -> list[Cut]:
        return [self._cut(group, term) for group, term in self.ways]

    def _cut(self, group: int, term: Term) -> Cut:
        made, text, names = self.made, self.text, self.base.names or ()

        def is_usual(word: bytes) -> bool:
            body = text + word[:-1]
            name = json.loads(b'"%b"' % body).encode() if b"\\" in body else body
            return name not in made.encoded and name not in names

        def then(word: bytes) -> Term:
            return self._closed(group, text + word[:-1])

        after = made.after_other(self.base, group, None, 0) or made.after_other(self.base, group, None, self.base.needs)
        end = made.end if after is None else made.after(after)
        taken = len(made.encoded) + len(names)
        slack = (2 + taken // 50) * (1 + self.base.missing + self.base.needs.bit_count())
        unusual = None
        if b"\\" not in text:
            unusual = made.table.bodies_after(text)
            unusual.update(name[len(text) :] + b'"' for name in names if name.startswith(text))
        return Cut(term, made.usual_member(self.base, group), is_usual, then, end, slack, unusual, 1 << 0x5C)

    def _closed(self, group: int, body: bytes) -> Term:
        name: str = json.loads(b'"%b"' % body)
        if name in self.made.index_of:
            return EMPTY
        encoded = name.encode()
        return EMPTY if encoded in (self.base.names or ()) else self.made.other_member(self.base, group, encoded)

    def shortest(self, alphabet: int) -> bytes | None:
        completions = Completions(alphabet)
        found = []
        for group, term in self.ways:
            name = completions.shortest(term)
            if name is None:
                continue
            try:
                decoded = json.loads(b'"' + self.text + name)
            except ValueError:
                continue
            if decoded in self.made.index_of or decoded.encode() in (self.base.names or ()):
                name = self._another(term, alphabet)
                if name is None:
                    continue
                decoded = json.loads(b'"' + self.text + name)
            rest = completions.shortest(self.made.other_member(self.base, group, decoded.encode()))
            if rest is not None:
                found.append(name + rest)
        return min(found, key=len, default=None)

    def _another(self, term: Term, alphabet: int) -> bytes | None:
        """A short rest of a name that is not taken."""
        work = [(term, b"")]
        for state, rest in work:
            if len(work) > MAX_STATES:
                break
            for mask, target in transitions(state):
                usable = mask & alphabet
                if not usable:
                    continue
                if target is EPSILON:
                    name = json.loads(b'"' + self.text + rest + b'"')
                    if name not in self.made.index_of and name.encode() not in (self.base.names or ()):
                        return rest + b'"'
                    continue
                work.extend((target, rest + bytes((byte,))) for byte in _members(usable))
        return None

    def __str__(self) -> str:
        return f"a name after {self.text!r}"


# --- the table of declared names ------------------------------------------------------------------------------------


class _Table:
    """Names, sorted as JSON writes them; a set of names is an int, bit r for the r-th."""

    def __init__(self, names: list[str]) -> None:
        bodies = [_encoded(json.dumps(name, ensure_ascii=False)[1:]) for name in names]
        self.properties = sorted(range(len(names)), key=bodies.__getitem__)
        self.bodies = [bodies[j] for j in self.properties]  # closing quote included
        self.rank_of = [0] * len(names)
        for rank, j in enumerate(self.properties):
            self.rank_of[j] = rank
        self.in_order = self.properties == list(range(len(names)))
        self.forms: dict[int, dict[int, tuple[Term, int]]] = {}  # rank -> depth -> a character's other forms, its end
        self.formed: dict[int, int] = {}  # depth -> ranks with other forms there
        for rank, j in enumerate(self.properties):
            forms = _other_forms(names[j])
            if forms:
                self.forms[rank] = forms
                for depth in forms:
                    self.formed[depth] = self.formed.get(depth, 0) | 1 << rank

    def ranks(self, properties: int) -> int:
        """The names of a set of properties."""
        if self.in_order:
            return properties
        return _bits(self.rank_of[j] for j in _members(properties))

    def children(self, ranks: int, depth: int) -> Iterator[tuple[int, int]]:
        """The next bytes of names that share their first ``depth`` bytes, each with the names that go on so."""
        bodies = self.bodies
        while ranks:
            lo = _lowest(ranks)
            prefix = bodies[lo][: depth + 1]
            hi = ranks.bit_length()
            if not bodies[hi - 1].startswith(prefix):
                hi = _first_beyond(bodies, prefix, lo, hi)
            part = ranks & ((1 << hi) - 1)
            yield prefix[depth], part
            ranks ^= part

    def child(self, ranks: int, depth: int, byte: int) -> int:
        """Those of ``ranks``, which share their first ``depth`` bytes, that go on with ``byte``."""
        prefix = self.bodies[_lowest(ranks)][:depth] + bytes((byte,))
        lo = bisect.bisect_left(self.bodies, prefix)
        return ranks >> lo << lo & (1 << _first_beyond(self.bodies, prefix, lo, len(self.bodies))) - 1

    def bodies_after(self, prefix: bytes) -> set[bytes]:
        """The names that begin with ``prefix``, without it, closing quote included."""
        if not prefix:
            return set(self.bodies)
        lo = bisect.bisect_left(self.bodies, prefix)
        hi = _first_beyond(self.bodies, prefix, lo, len(self.bodies))
        return {body[len(prefix) :] for body in self.bodies[lo:hi]}

    def is_read(self, ranks: int, depth: int) -> bool:
        """Whether ``ranks`` is a name of ``depth`` bytes, closing quote included."""
        return bool(ranks) and len(self.bodies[_lowest(ranks)]) == depth

    def sharing(self, ranks: int, depth: int) -> _Rests:
        """The names that begin like ``ranks``, which share their first ``depth`` bytes."""
        prefix = self.bodies[_lowest(ranks)][:depth]
        lo = bisect.bisect_left(self.bodies, prefix)
        return _Rests(self, lo, _first_beyond(self.bodies, prefix, lo, len(self.bodies)), depth)

    def other_forms(self, ranks: int, depth: int) -> list[tuple[Term, int, int]]:
        """Characters at ``depth`` that may also be escaped: how, in which names, and where they end."""
        found: dict[bytes, tuple[Term, int, int]] = {}
        for rank in _members(ranks & self.formed.get(depth, 0)):
            form, end = self.forms[rank][depth]
            character = self.bodies[rank][depth:end]
            _, before, _ = found.get(character, (form, 0, end))
            found[character] = form, before | 1 << rank, end
        return list(found.values())

    def rest(self, rank: int, depth: int) -> Term:
        """A name from ``depth`` on, closing quote included, in all its forms."""
        body, forms = self.bodies[rank], self.forms.get(rank)
        if forms is None:
            return literal(body[depth:])
        parts = []
        while depth < len(body):
            form, end = forms.get(depth, (EMPTY, depth + 1))
            parts.append(union(literal(body[depth:end]), form))
            depth = end
        return concat(*parts)


@dataclass(frozen=True, slots=True)
class _Rests(Words):
    """The names ``lo`` to ``hi`` (exclusive) of a table from ``depth`` on, closing quote included."""

    table: _Table
    lo: int
    hi: int
    depth: int

    def __len__(self) -> int:
        return self.hi - self.lo

    def word(self, index: int) -> bytes | Term:
        rank = self.lo + index
        return self.table.rest(rank, self.depth) if rank in self.table.forms else self.table.bodies[rank][self.depth :]


def _first_beyond(bodies: list[bytes], prefix: bytes, lo: int, hi: int) -> int:
    """The first rank from ``lo`` on whose body does not start with ``prefix``, at most ``hi``."""
    while lo < hi:
        middle = (lo + hi) // 2
        if bodies[middle][: len(prefix)] <= prefix:
            lo = middle + 1
        else:
            hi = middle
    return lo


_NAMED = "\b\f\n\r\t"


def _other_forms(name: str) -> dict[int, tuple[Term, int]]:
    """Where a character of ``name``, as `json.dumps` writes it, may be escaped otherwise: how, and where it ends."""
    if (name.isascii() and name.isprintable() and "/" not in name) or not _can_be_written(name):
        return {}
    forms, depth = {}, 0
    for character in name:
        end = depth + len(json.dumps(character, ensure_ascii=False).encode()) - 2
        if character == "/":
            forms[depth] = literal(b"\\/"), end
        elif character < " " or character >= "\x7f":
            units = character.encode("utf-16-be")
            forms[depth] = concat(*[_escaped(units[i : i + 2]) for i in range(0, len(units), 2)]), end
        depth = end
    return forms


def _escaped(unit: bytes) -> Term:
    digits = unit.hex()
    either = [byte_set(1 << ord(d) | 1 << ord(d.upper())) for d in digits]
    return concat(literal(b"\\u"), *either)


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _can_be_written(name: str) -> bool:
    """Whether a text can hold the name: half of a surrogate pair has no form in UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


# --- sets of names ----------------------------------------------------------------------------------------------------


def _count(keys: Term) -> int:
    """How many names there are; ENDLESS if many."""
    ways = {keys: 1}
    total = 0
    while ways:
        grown: dict[Term, int] = {}
        for term, several in ways.items():
            if term.nullable:
                total += several
            for mask, target in transitions(term):
                if not is_empty(target):
                    grown[target] = grown.get(target, 0) + several * mask.bit_count()
        if total + sum(grown.values()) > MAX_STATES:  # each beginning leads to a name of its own
            return ENDLESS
        ways = grown
    return total


def _is_extensible(keys: Term) -> bool:
    """Whether endlessly many names go on from every beginning of one; False where that takes long to see."""
    finished: set[Term] = set()
    entered: dict[Term, None] = {}  # on the path, or with a way to a cycle
    endless: set[Term] = set()
    work: list[tuple[Term, Iterator[Term]]] = []

    def enter(term: Term) -> None:
        entered[term] = None
        work.append((term, (t for _, t in transitions(term) if not is_empty(t))))

    on_path: set[Term] = {keys}
    enter(keys)
    while work:
        if len(entered) > 200:
            return False
        term, successors = work[-1]
        for target in successors:
            if target in on_path or target in endless:
                endless.add(term)
            elif target not in entered:
                on_path.add(target)
                enter(target)
                break
        else:
            work.pop()
            on_path.discard(term)
            finished.add(term)
            if term not in endless:
                return False
            if work:
                endless.add(work[-1][0])
    return True


# --- small sets as ints -----------------------------------------------------------------------------------------------


def _bits(members: Iterable[int]) -> int:
    found = 0
    for member in members:
        found |= 1 << member
    return found


def _union_of(sets: Iterable[int]) -> int:
    found = 0
    for part in sets:
        found |= part
    return found


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _members(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def _subsets(bits: int) -> Iterator[int]:
    """All subsets, the empty one first."""
    part = 0
    while True:
        yield part
        if part == bits:
            return
        part = (part - bits) & bits


def _covered(fewest: dict[int, int], covers: Iterable[int], price: int) -> dict[int, int]:
    """The sets of needs that are satisfied with one more member, each with the fewest members for it."""
    grown = dict(fewest)
    for before, count in fewest.items():
        for part in covers:
            if count + price < grown.get(before | part, ENDLESS):
                grown[before | part] = count + price
    return grown
