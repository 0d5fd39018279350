"""Equality of JSON values: reading the value of a text, and taking values out of a language of texts.

`read` gives a key that is equal for texts that say the same: ``1`` and ``1.0``, the members of an object in any order.

`excluding` is a language without the texts of some values, from their first byte on: what only an excluded value can
complete is dead already.  Its state is what may follow and what would complete an excluded value; as soon as the text
differs from all of them, only the former is left.  What turns LAZY (objects with free keys) is given back as it is,
because such a term is walked in parts and one about it is not; whoever excludes values then has to compare at the end.

Cost: `read` some us a token of the text; a state of `excluding` twice that of the language.
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING

from relark.frontends.schema.number_sets import Number, exact
from relark.frontends.schema.numbers import NumberSet, number_term
from relark.frontends.schema.strings import json_string
from relark.language import (
    EMPTY,
    Completions,
    Leaf,
    Term,
    concat,
    contains,
    derive,
    is_empty,
    leaf,
    literal,
    lower_bound,
    one_of,
    transitions,
    union,
)
from relark.language.terms import LAZY, PREFIX_FREE, SPELLING, LeafTerm

if TYPE_CHECKING:
    from relark.frontends.schema.shapes import Json, Layout

MAX_EXCLUDED = 200  # arrays, objects and strings with escapes that are taken out of a language
MAX_DEPTH = 32  # and how deeply they may nest
MAX_STATES = 2_000  # that one question about what is left may look at


# --- values -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Value:
    """What a JSON text says; ``key`` decides.  ``text``: a way to write it; ``depth``: how deeply it nests."""

    key: Hashable
    text: bytes = field(compare=False)
    depth: int = field(compare=False)

    @property
    def json(self) -> Json:
        return json.loads(self.text, parse_int=Decimal, parse_float=Decimal)


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^\s\[\]{},:"]+')
_WORDS = (b"null", b"true", b"false")


def read(text: bytes) -> Value:
    """The value of a JSON text, perhaps with a comma before it.  Without recursion, however deep it is."""
    stack: list[tuple[bytes, list[Hashable]]] = []
    values: list[Hashable] = []
    depth = 0
    for token in _TOKEN.findall(text):
        if token in b"[{":
            stack.append((token, values))
            values = []
            depth = max(depth, len(stack))
        elif token in b"]}":
            opening, outer = stack.pop()
            if opening == b"[":
                outer.append(("array", tuple(values)))
            else:
                outer.append(("object", frozenset(zip(values[::2], values[1::2], strict=True))))
            values = outer
        elif token[:1] == b'"':
            values.append(json.loads(token))
        elif token in _WORDS:
            values.append(("word", token))
        else:
            values.append(_number(token))
    (key,) = values
    return Value(key, text.lstrip(b", \t\r\n"), depth)


def _number(token: bytes) -> Hashable:
    try:
        return Decimal(token.decode())
    except InvalidOperation:  # an exponent beyond all bounds
        return "number", token


# --- texts of values --------------------------------------------------------------------------------------------------

_PLAIN = re.compile(rb'"[ !#-.0-\[\]-~]*"')  # strings that are written in one way only


def _is_simple(value: Value) -> bool:
    return isinstance(value.key, Decimal) or _PLAIN.fullmatch(value.text) is not None


_exact = lru_cache(maxsize=100_000)(exact)  # the same values are taken out again after each item


def equal_values(values: Iterable[Value], layout: Layout) -> Term:
    """The texts that say one of ``values``; the members of objects in any order."""
    plain: list[bytes] = []
    numbers: list[Number] = []
    others: list[Term] = []
    for value in values:
        if isinstance(value.key, Decimal):
            numbers.append(_exact(value.key))
        elif _PLAIN.fullmatch(value.text):
            plain.append(value.text)
        else:
            others.append(_equal(value.json, layout))
    if numbers:
        others.append(number_term(NumberSet.values(numbers), compact=False))
    return union(one_of(plain), *others)


def _equal(value: Json, layout: Layout) -> Term:
    if value is None:
        return literal(b"null")
    if isinstance(value, bool):
        return literal(b"true" if value else b"false")
    if isinstance(value, str):
        return json_string(value)
    if isinstance(value, list):
        items = [part for item in value for part in (layout.comma, _equal(item, layout))][1:]
        return concat(literal(b"["), layout.opening, *items, *([layout.opening] if items else []), literal(b"]"))
    if isinstance(value, dict):
        members = tuple(
            concat(json_string(name), layout.colon, _equal(member, layout)) for name, member in value.items()
        )
        return concat(literal(b"{"), layout.opening, _members(members, layout, first=True))
    return number_term(NumberSet.values([value]), compact=False)


def _members(members: tuple[Term, ...], layout: Layout, first: bool) -> Term:
    """The ``members`` in any order, and the end of the object."""
    if not members:
        return literal(b"}") if first else concat(layout.opening, literal(b"}"))
    if not first:
        return leaf(_Members(members, layout))
    return union(
        *[
            concat(member, _members((*members[:i], *members[i + 1 :]), layout, False))
            for i, member in enumerate(members)
        ]
    )


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
        return derive(concat(self.layout.comma, _members(self.members, self.layout, first=True)), byte)

    def shortest(self, alphabet: int) -> bytes | None:
        parts = [part for member in self.members for part in (self.layout.comma, member)]
        return Completions(alphabet).shortest(concat(*parts, self.layout.opening, literal(b"}")))

    def is_prefix_free(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"{len(self.members)} members"


# --- what is left -----------------------------------------------------------------------------------------------------


def excluding(term: Term, values: Sequence[Value], layout: Layout) -> Term:
    """``term`` without the texts of ``values``: numbers, plain strings, and of the others the last `MAX_EXCLUDED` that
    nest up to `MAX_DEPTH` deep.
    """
    others = [value for value in values if not _is_simple(value)]
    if len(others) > MAX_EXCLUDED or any(value.depth > MAX_DEPTH for value in others):
        kept = [value for value in others if value.depth <= MAX_DEPTH][-MAX_EXCLUDED:]
        values = [*(value for value in values if _is_simple(value)), *kept]
    return _but(term, equal_values(values, layout))


def _but(term: Term, excluded: Term) -> Term:
    if (
        excluded is EMPTY
        or term is EMPTY
        or term.flags & LAZY
        or not (term.first & excluded.first or (term.nullable and excluded.nullable))
    ):
        return term
    return leaf(_Excluding(term, excluded))


@dataclass(frozen=True, slots=True)
class _Excluding(Leaf):
    """``term`` without ``excluded``; neither is LAZY."""

    term: Term
    excluded: Term

    @property
    def nullable(self) -> bool:
        return self.term.nullable and not self.excluded.nullable

    @property
    def min_length(self) -> int:
        return max(lower_bound(self.term), 0 if self.nullable else 1)

    def classes(self) -> tuple[int, ...]:
        masks: list[int] = []
        excluded = [mask for mask, _ in transitions(self.excluded)]
        outside = ~sum(excluded)  # the masks are disjoint
        for whole, _ in transitions(self.term):
            masks += [common for mask in excluded if (common := whole & mask)]
            if rest := whole & outside:
                masks.append(rest)
        return tuple(masks)

    def derive(self, byte: int) -> Term:
        return _but(derive(self.term, byte), derive(self.excluded, byte))

    def is_spelled(self, alphabet: int) -> bool:
        return not SPELLING & ~alphabet

    def is_prefix_free(self) -> bool:
        return bool(self.term.flags & PREFIX_FREE)

    @property
    def may_be_empty(self) -> bool:
        return True

    def is_empty(self) -> bool:
        """Whether there is no other text: looks along the excluded ones for a place to leave them."""
        visited = {self}
        work = [self]
        while work:
            state = work.pop()
            if state.nullable or len(visited) > MAX_STATES:
                return False
            for mask in state.classes():
                after = _rest(state.derive(_lowest(mask)))
                if isinstance(after, Term):
                    if not is_empty(after):
                        return False
                elif after not in visited:
                    visited.add(after)
                    work.append(after)
        return True

    def shortest(self, alphabet: int) -> bytes | None:
        """Best first, by what completes ``term`` alone."""
        completions = Completions(alphabet)
        order = itertools.count()
        queue: list[tuple[int, int, bytes, bytes, Term, Term]] = []
        visited: set[tuple[Term, Term]] = set()

        def add(text: bytes, term: Term, excluded: Term) -> None:
            rest = None if term is EMPTY or (term, excluded) in visited else completions.shortest(term)
            if rest is not None:
                visited.add((term, excluded))
                heapq.heappush(queue, (len(text) + len(rest), next(order), text, rest, term, excluded))

        add(b"", self.term, self.excluded)
        while queue and len(visited) <= MAX_STATES:
            _, _, text, rest, term, excluded = heapq.heappop(queue)
            if not contains(excluded, rest):
                return text + rest
            for byte in _bytes(term, excluded, alphabet):
                add(text + bytes((byte,)), derive(term, byte), derive(excluded, byte))
        return None

    def __str__(self) -> str:
        return "other values"


def _rest(term: Term) -> _Excluding | Term:
    return term.leaf if isinstance(term, LeafTerm) and isinstance(term.leaf, _Excluding) else term


def _bytes(term: Term, excluded: Term, alphabet: int) -> list[int]:
    """A byte of each way on."""
    if term.flags & LAZY:
        return [byte for byte in range(256) if (alphabet & term.first) >> byte & 1]
    state = _rest(_but(term, excluded))
    masks = state.classes() if isinstance(state, _Excluding) else [mask for mask, _ in transitions(term)]
    return [_lowest(mask & alphabet) for mask in masks if mask & alphabet]


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
