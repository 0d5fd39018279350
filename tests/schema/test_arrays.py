"""Arrays against the slow and obvious: every array of a small universe of values, written in several ways."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import relark
from relark.constraint import Constraint
from relark.errors import UnsupportedError
from relark.frontends.schema import arrays
from relark.frontends.schema.arrays import array_count, array_is_inhabited, array_least_text, array_term
from relark.frontends.schema.expressions import canonical
from relark.frontends.schema.shapes import ArrayShape, Contains, Layout
from relark.language import (
    EMPTY,
    EPSILON,
    FULL,
    Completions,
    Term,
    concat,
    derive,
    is_empty,
    literal,
    one_of,
    ref,
    repeat,
)
from relark.tokens.vocabulary import Vocabulary

Json = Any

COMPACT = Layout(EPSILON, literal(b":"), literal(b","))
SPACED = Layout(repeat(literal(b" "), 0, 1), literal(b":"), concat(literal(b","), repeat(literal(b" "), 0, 1)))

# Values, each in all the ways in which it may be written.  Some begin others, some are equal only as JSON.
UNIVERSE: tuple[tuple[str, ...], ...] = (
    ("1", "1.0"),
    ("12",),
    ("true",),
    ('"/"', '"\\/"'),
    ("[1]", "[1.0]"),
    ('{"a":1,"b":2}', '{"b":2,"a":1}'),
    ('{"a":1,"b":3}',),
)
N = len(UNIVERSE)
Values = frozenset  # of indices into the universe: the tests' schemas
ALL_VALUES: Values[int] = frozenset(range(N))
INDEX = {canonical(json.loads(texts[0])): i for i, texts in enumerate(UNIVERSE)}


@dataclass
class Universe:
    """What `arrays` may ask, answered by counting."""

    layout: Layout = COMPACT

    def __post_init__(self) -> None:
        self.terms: dict[Values[int], Term] = {}

    def value(self, schema: Values[int]) -> Term:
        if schema not in self.terms:
            term = one_of(text.encode() for i in schema for text in UNIVERSE[i])
            if len(schema) % 2:  # as real ones are: some unfold only when they are reached
                known = term
                term = ref("value", lambda: known, nullable=False, check=False)
            self.terms[schema] = term
        return self.terms[schema]

    def is_inhabited(self, schema: Values[int]) -> bool:
        return bool(schema)

    def count(self, schema: Values[int], limit: int) -> int:
        return min(len(schema), limit)

    def least_text(self, schema: Values[int], alphabet: int) -> bytes | None:
        texts = [text.encode() for i in schema for text in UNIVERSE[i]]
        return min((t for t in texts if all(alphabet >> b & 1 for b in t)), key=len, default=None)

    def both(self, *schemas: Values[int]) -> Values[int]:
        return ALL_VALUES.intersection(*schemas)

    def negated(self, schema: Values[int]) -> Values[int]:
        return ALL_VALUES - schema

    def without(self, schema: Values[int], values: Sequence[Json]) -> Values[int]:
        return schema - {INDEX[canonical(v)] for v in values if canonical(v) in INDEX}


def satisfies(shape: ArrayShape, items: Sequence[int]) -> bool:
    """What the shape says of an array of values, word by word."""
    if not shape.least <= len(items) <= (len(items) if shape.most is None else shape.most):
        return False
    for i, item in enumerate(items):
        if item not in (shape.prefix[i] if i < len(shape.prefix) else shape.items):
            return False
    for c in shape.contains:
        hits = sum(item in c.schema for item in items[c.start :])
        if hits < c.least or (c.most is not None and hits > c.most):
            return False
    distinct = len(set(items)) == len(items)
    return not (shape.unique and not distinct) and not (shape.repeated and distinct)


def accepts(term: Term, text: bytes) -> bool:
    for byte in text:
        term = derive(term, byte)
    return term.nullable


def spellings(items: Sequence[int], limit: int) -> Iterator[bytes]:
    """Ways to write an array without spaces."""
    for texts in itertools.islice(itertools.product(*[UNIVERSE[i] for i in items]), limit):
        yield b"[" + ",".join(texts).encode() + b"]"


def reachable(term: Term, length: int) -> Iterator[tuple[bytes, Term]]:
    """Live states by up to ``length`` bytes, each once, with a text that leads there."""
    seen = {term}
    work = [(b"", term)]
    while work:
        following = []
        for text, state in work:
            yield text, state
            if len(text) == length:
                continue
            for byte in set(b'[]{},: .0123456789trueab"\\/'):
                after = derive(state, byte)
                if after is not EMPTY and after not in seen and not is_empty(after):
                    seen.add(after)
                    following.append((text + bytes([byte]), after))
        work = following


def check(shape: ArrayShape, size: int = 4, limit: int = 3, depth: int = 14) -> None:
    """Every array up to ``size`` items; and from every state there is a way to the end."""
    lowering = Universe()
    term = array_term(shape, lowering)
    found = []
    values = sorted({*shape.items.union(*shape.prefix, *[c.schema for c in shape.contains]), 1})[:5]
    for n in range(size + 1):
        for items in itertools.product(values, repeat=n):
            expected = satisfies(shape, items)
            for text in spellings(items, limit):
                assert accepts(term, text) is expected, text
            if expected:
                found.append(items)
    inhabited = array_is_inhabited(shape, lowering)
    assert inhabited is (term is not EMPTY)
    assert inhabited or not found
    if not inhabited:
        assert array_least_text(shape, lowering, FULL) is None
        assert array_count(shape, lowering, 10) == 0
        return
    if shape.most is not None and shape.most <= size and not shape.repeated:
        everything = itertools.chain(*[itertools.product(range(N), repeat=n) for n in range(shape.most + 1)])
        several = sum(satisfies(shape, items) for items in everything)
        assert array_count(shape, lowering, 50) == min(several, 50)
    least = array_least_text(shape, lowering, FULL)
    assert least is not None
    assert accepts(term, least)
    assert satisfies(shape, [INDEX[canonical(v)] for v in json.loads(least)])
    if found:
        assert len(least) <= min(len(text) for items in found for text in spellings(items, 100))
    for text, state in reachable(term, depth):
        end = Completions().shortest(state)
        assert end is not None, text
        assert satisfies(shape, [INDEX[canonical(v)] for v in json.loads(text + end)]), text + end


def only(*indices: int) -> Values[int]:
    return frozenset(indices)


NUMBERS, OBJECTS = only(0, 1), only(5, 6)

SHAPES: dict[str, ArrayShape] = {
    "any": ArrayShape(items=ALL_VALUES),
    "counted": ArrayShape(items=NUMBERS, least=2, most=3),
    "empty": ArrayShape(items=NUMBERS, most=0),
    "none possible": ArrayShape(items=only()),
    "none possible but asked": ArrayShape(items=only(), least=1),
    "tuple": ArrayShape(prefix=(only(0), only(2), only(3)), items=only(), least=3),
    "prefix": ArrayShape(prefix=(only(0), only(1, 2)), items=only(3)),
    "prefix with an impossible position": ArrayShape(prefix=(only(0), only(), only(1)), items=only(3)),
    "impossible position asked for": ArrayShape(prefix=(only(0), only()), items=only(3), least=2),
    "prefix and counts": ArrayShape(prefix=(NUMBERS, only(2)), items=only(3), least=1, most=3),
    "contains": ArrayShape(items=ALL_VALUES, contains=(Contains(only(0)),)),
    "contains what items are not": ArrayShape(items=only(1), contains=(Contains(only(0)),)),
    "contains twice": ArrayShape(items=only(0, 1, 2), contains=(Contains(NUMBERS, 2),)),
    "contains at most": ArrayShape(items=only(0, 1, 2), contains=(Contains(NUMBERS, 0, 1),)),
    "contains exactly": ArrayShape(items=only(0, 1, 2), contains=(Contains(only(0, 2), 2, 2),), most=4),
    "contains none": ArrayShape(items=only(0, 1, 2), contains=(Contains(only(0, 2), 0, 0),)),
    "contains nothing at all": ArrayShape(items=only(0), contains=(Contains(ALL_VALUES, 0, 0),), least=1),
    "contains from an index": ArrayShape(prefix=(only(0),), items=ALL_VALUES, contains=(Contains(only(0), 1, 1, 1),)),
    "contains in the prefix only": ArrayShape(prefix=(NUMBERS, NUMBERS), items=only(2), contains=(Contains(only(0)),)),
    "two contains": ArrayShape(items=only(0, 1, 2), contains=(Contains(only(0)), Contains(only(2), 1, 1)), most=3),
    "two contains that exclude each other": ArrayShape(
        items=only(0, 1), contains=(Contains(only(0)), Contains(only(1))), most=1
    ),
    "contains and a minimum": ArrayShape(items=only(0, 1), least=3, contains=(Contains(only(0), 0, 1),)),
    "unique": ArrayShape(items=only(0, 1, 2), unique=True),
    "unique strings": ArrayShape(items=only(0, 3), unique=True, least=2),
    "unique objects": ArrayShape(items=only(4, 5, 6), unique=True),
    "unique, all of them": ArrayShape(items=only(5, 6), unique=True, least=2),
    "unique, more than there are": ArrayShape(items=only(5, 6), unique=True, least=3),
    "unique in a prefix": ArrayShape(prefix=(only(0, 1), only(0)), items=only(2), unique=True, least=2),
    "unique in a prefix that repeats": ArrayShape(prefix=(only(0), only(0)), items=ALL_VALUES, unique=True),
    "unique tuple": ArrayShape(prefix=(only(0, 1), only(0, 2)), items=only(), unique=True, least=1),
    "unique and contains": ArrayShape(items=only(0, 1, 2), unique=True, contains=(Contains(NUMBERS, 2),), most=3),
    "unique and contains too much": ArrayShape(items=only(0, 1, 2), unique=True, contains=(Contains(NUMBERS, 3),)),
    "unique with a limit": ArrayShape(items=ALL_VALUES, unique=True, contains=(Contains(NUMBERS, 0, 1),), least=3),
    "repeated": ArrayShape(items=only(0, 1), repeated=True),
    "repeated objects": ArrayShape(items=OBJECTS, repeated=True),
    "repeated in two": ArrayShape(items=only(0, 2, 5), repeated=True, most=2),
    "repeated in one": ArrayShape(items=only(0), repeated=True, most=1),
    "repeated in a prefix": ArrayShape(prefix=(only(0, 1), only(2), only(1, 3)), items=only(), repeated=True),
    "repeated and contains": ArrayShape(items=only(0, 2), repeated=True, contains=(Contains(only(2), 0, 1),), most=3),
    "repeated but unique": ArrayShape(items=only(0, 2), repeated=True, unique=True),
}


@pytest.fixture
def nothing_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if items had more values than can be listed: then their texts are kept and compared."""
    monkeypatch.setattr(arrays._Plan, "is_finite", False)


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name: str) -> None:
    check(SHAPES[name])


@pytest.mark.parametrize("name", [name for name in SHAPES if SHAPES[name].unique])
@pytest.mark.usefixtures("nothing_listed")
def test_shape_compared(name: str) -> None:
    check(SHAPES[name])


sets = st.frozensets(st.integers(0, N - 1), max_size=4)
counts = st.integers(0, 3)
limits = st.none() | st.integers(0, 4)
contained = st.builds(Contains, sets, counts, limits, st.integers(0, 2))


@st.composite
def shapes(draw: st.DrawFn) -> ArrayShape:
    comparison = draw(st.sampled_from(["", "", "unique", "repeated"]))
    return ArrayShape(
        tuple(draw(st.lists(sets, max_size=2))),
        draw(sets),
        draw(counts),
        draw(limits),
        tuple(draw(st.lists(contained, max_size=2))),
        unique=comparison == "unique",
        repeated=comparison == "repeated",
    )


@given(shapes())
def test_shapes(shape: ArrayShape) -> None:
    check(shape, size=3, limit=2, depth=10)


# --- large counts -----------------------------------------------------------------------------------------------------

LARGE: dict[str, tuple[dict[str, Any], int]] = {  # with the least number of items
    "many": ({"items": {"type": "integer"}, "minItems": 3_000}, 3_000),
    "many hits": ({"items": {"type": "integer"}, "contains": {"const": 1}, "minContains": 300}, 300),
    "few hits among many": ({"items": {"type": "integer"}, "contains": {"const": 1}, "minItems": 300}, 300),
    "a long prefix": ({"prefixItems": [{"const": i} for i in range(500)], "items": False, "minItems": 400}, 400),
    "many different integers": ({"items": {"type": "integer"}, "uniqueItems": True, "minItems": 100}, 100),
    "many different strings": ({"items": {"type": "string"}, "uniqueItems": True, "minItems": 300}, 300),
    "half of a range": (
        {"items": {"type": "integer", "minimum": 1, "maximum": 200}, "uniqueItems": True, "minItems": 100},
        100,
    ),
    "different objects": (
        {"items": {"type": "object", "required": ["a"]}, "uniqueItems": True, "minItems": 20},
        20,
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_counts(name: str) -> None:
    schema, least = LARGE[name]
    constraint = relark.schema({"type": "array", **schema})
    matcher = constraint.matcher(EVERYTHING)
    matcher.advance(ord("["))
    text = "[" + matcher.shortest().decode()
    assert len(json.loads(text)) == least
    assert constraint.fullmatch(text)
    assert not constraint.fullmatch(json.dumps(json.loads(text)[:-1]))


def test_counts_that_combine_in_too_many_ways() -> None:
    shape = ArrayShape(items=only(0, 1), most=300, contains=(Contains(only(0), 200, 250), Contains(only(1), 200, 250)))
    with pytest.raises(UnsupportedError, match="more than 20000 ways; use smaller minContains"):
        array_is_inhabited(shape, Universe())


# --- masks ------------------------------------------------------------------------------------------------------------

TOKENS = [bytes([b]) for b in b'[]{},: .0123456789trueab"\\/\n'] + [
    text.encode()
    for text in (
        '","',
        "],",
        "1,",
        ",1",
        "[1",
        "[[",
        "]]",
        '"/',
        '/","/',
        ", ",
        "12,1",
        '{"a":',
        '},{"a":1,',
        '":',
        "1.0",
    )
]
EVERYTHING = Vocabulary.from_bytes([*[bytes([b]) for b in range(256)], *TOKENS, None], [256 + len(TOKENS)])
SOME = Vocabulary.from_bytes([*TOKENS, None], [len(TOKENS)])


@pytest.mark.parametrize("name", SHAPES)
def test_masks(name: str) -> None:
    term = array_term(SHAPES[name], Universe(SPACED))
    if term is not EMPTY:
        check_masks(term, EVERYTHING if len(name) % 2 else SOME, 25)


@pytest.mark.parametrize("name", [name for name in SHAPES if SHAPES[name].unique])
@pytest.mark.usefixtures("nothing_listed")
def test_masks_compared(name: str) -> None:
    term = array_term(SHAPES[name], Universe())
    if term is not EMPTY:
        check_masks(term, SOME, 25)


def check_masks(term: Term, vocabulary: Vocabulary, states: int, budgets: int = 3) -> None:
    """At up to so many states: exactly the tokens that lead to live states, and within budgets those that can end."""
    rng = random.Random(1)
    work = [Constraint(term, "arrays", ()).matcher(vocabulary)]
    visited = {work[0].state}
    while work and len(visited) <= states:
        matcher = work.pop(rng.randrange(len(work)))
        allowed = set()
        for token, data in enumerate(vocabulary.token_bytes):
            state = matcher.state
            for byte in data or b"":
                state = derive(state, byte)
            if (data and not is_empty(state)) or (data is None and matcher.is_accepting):
                allowed.add(token)
        assert tokens_of(matcher.mask()) == allowed, (matcher.state, vocabulary)
        needed = matcher.min_tokens() if budgets else 0
        for left in range(needed, needed + budgets):
            within = tokens_of(matcher.mask(left))
            assert within <= allowed
            assert within
            for token in within:
                if vocabulary.token_bytes[token] is not None:
                    after = matcher.fork()
                    after.advance(token)
                    assert after.min_tokens() < left, (left, vocabulary.token_bytes[token])
        for token in allowed:
            if vocabulary.token_bytes[token] is not None:
                after = matcher.fork()
                after.advance(token)
                if after.state not in visited:
                    visited.add(after.state)
                    work.append(after)


def tokens_of(mask: Any) -> set[int]:
    return set(np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist())
