"""Objects against the slow and obvious: every object of a small universe of names and values, in every order."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.set_semantics import checked, mask_of
from matcher.spelling import unpacked
from relark.constraint import Constraint
from relark.frontends.schema import compile_schema
from relark.frontends.schema.objects import object_is_inhabited, object_least_text, object_term
from relark.frontends.schema.shapes import Layout, Need, ObjectShape, Others, Property
from relark.language import (
    EMPTY,
    EPSILON,
    FULL,
    TEXT,
    Completions,
    Term,
    byte_set,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    literal,
    one_of,
    ref,
    repeat,
    union,
)
from relark.language.states import current_states
from relark.tokens.vocabulary import Vocabulary

Value = frozenset[str]  # the tests' schemas: the texts of the values that satisfy one
VALUES = frozenset({"1", "2", "12"})  # one begins another, as numbers do
NAMES = ("a", "b", "c", "", "x", "y", "xx", "xy")

COMPACT = Layout(EPSILON, literal(b":"), literal(b","))
COMPACT_ANY = Layout(EPSILON, literal(b":"), literal(b","), order="any")


@dataclass
class Sets:
    """What `objects` may ask, where a schema is a set of values."""

    layout: Layout = COMPACT

    def value(self, schema: Any) -> Term:
        return one_of(text.encode() for text in schema)

    def is_inhabited(self, schema: Any) -> bool:
        return bool(schema)

    def count(self, schema: Any, limit: int) -> int:
        return min(len(schema), limit)

    def least_text(self, schema: Any, alphabet: int) -> bytes | None:
        return Completions(alphabet).shortest(self.value(schema))

    def both(self, *schemas: Any) -> Any:
        return frozenset.intersection(*schemas)

    def negated(self, schema: Any) -> Any:
        return VALUES - schema

    def without(self, schema: Any, values: Any) -> Any:
        return schema - {json.dumps(value) for value in values}


# --- the reference: what a shape says, read literally -----------------------------------------------------------------

Object = tuple[tuple[str, str], ...]  # names and texts of values, in order


def has(keys: Term, name: str) -> bool:
    for byte in name.encode():
        keys = derive(keys, byte)
    return keys.nullable


def schema_of(shape: ObjectShape, name: str) -> Any:
    """What is asked of the member; the empty set if it must not occur."""
    if name in shape.by_name:
        return shape.by_name[name].schema
    for others in shape.others:
        if has(others.keys, name):
            return others.schema
    return frozenset()


def satisfies(shape: ObjectShape, members: Object, names: dict[str, Any], needs: list[set[str]], order: str) -> bool:
    here = [name for name, _ in members]
    if not shape.least <= len(here) <= (len(here) if shape.most is None else shape.most):
        return False
    if any(p.required and p.name not in here for p in shape.properties):
        return False
    if any(first in here and second not in here for first, second in shape.dependent):
        return False
    if any(text not in names[name] for name, text in members):
        return False
    if order == "schema":
        declared = [p.name for p in shape.properties]
        ranks = [declared.index(name) if name in declared else len(declared) for name in here]
        if ranks != sorted(ranks):
            return False
    return all(
        any(name in among and text in need.schema for name, text in members)
        for need, among in zip(shape.needs, needs, strict=True)
    )


def objects_of(shape: ObjectShape, most: int, order: str) -> set[Object]:
    """All objects of at most so many members, with names in the universe."""
    names = {name: schema_of(shape, name) for name in NAMES}
    needs = [{name for name in NAMES if has(need.keys, name)} for need in shape.needs]
    return {
        members
        for n in range(most + 1)
        for chosen in itertools.permutations([name for name in NAMES if names[name]], n)
        for texts in itertools.product(*[sorted(names[name]) for name in chosen])
        if satisfies(shape, members := tuple(zip(chosen, texts, strict=True)), names, needs, order)
    }


def text_of(members: Iterable[tuple[str, str]]) -> bytes:
    return b"{%b}" % b",".join(f"{json.dumps(name)}:{text}".encode() for name, text in members)


def read(term: Term, text: bytes) -> Term:
    for byte in text:
        term = derive(term, byte)
    return term


def accepted(term: Term, most: int) -> set[Object]:
    """The objects with names in the universe that a term accepts; each state on the way can be completed."""
    found: set[Object] = set()

    def go(state: Term, before: Object) -> None:
        if state is EMPTY:
            return
        assert not is_empty(state)
        completion = Completions(FULL).shortest(state)
        assert completion is not None
        assert read(state, completion).nullable
        if read(state, b"}").nullable:
            found.add(before)
        if len(before) == most:
            return
        for name in NAMES:
            key = (b"," if before else b"") + json.dumps(name).encode() + b":"
            after = read(state, key)
            if after is not EMPTY:
                for text in VALUES:
                    go(read(after, text.encode()), (*before, (name, text)))

    go(read(term, b"{"), ())
    return found


# --- random shapes ----------------------------------------------------------------------------------------------------

XY = byte_set(mask_of(b"xy"))
schemas = st.frozensets(st.sampled_from(sorted(VALUES)))
partitions = st.sampled_from(
    [
        (),
        (one_of([b"x", b"y"]),),
        (literal(b"x"), literal(b"y")),
        (repeat(XY, 0, None),),
        (TEXT,),
        (concat(literal(b"x"), repeat(XY, 0, None)), one_of([b"", b"y"])),
        (intersection(TEXT, complement(repeat(byte_set(mask_of(b"ax")), 0, 2))),),
    ]
)
needed_keys = st.sampled_from(
    [
        TEXT,
        one_of([b"a", b"x"]),
        concat(literal(b"x"), TEXT),
        literal(b"c"),
        intersection(TEXT, complement(one_of([b"a"]))),
    ]
)


@st.composite
def shapes(draw: st.DrawFn) -> ObjectShape:
    """Shapes over the universe; about half of them plain."""
    names = draw(st.permutations(["a", "b", "c"]))[: draw(st.integers(0, 3))]
    properties = tuple(Property(name, draw(schemas), draw(st.booleans())) for name in names)
    others = tuple(Others(keys, draw(schemas)) for keys in draw(partitions))
    if draw(st.booleans()):
        return ObjectShape(properties, others)
    least = draw(st.integers(0, 3))
    most = draw(st.none() | st.integers(0, 4))
    needs = tuple(Need(draw(needed_keys), draw(schemas)) for _ in range(draw(st.integers(0, 2))))
    pairs = [(a, b) for a in names for b in names if a != b]
    dependent = tuple(draw(st.lists(st.sampled_from(pairs), unique=True, max_size=3))) if pairs else ()
    return ObjectShape(properties, others, least, most, needs, dependent)


layouts = st.sampled_from([COMPACT, COMPACT_ANY])


@checked(120)
@given(shapes(), layouts)
def test_objects_are_those_of_the_shape(shape: ObjectShape, layout: Layout) -> None:
    lowering: Any = Sets(layout)
    expected = objects_of(shape, 3, layout.order)
    term = object_term(shape, lowering)
    assert accepted(term, 3) == expected
    least = object_least_text(shape, lowering, FULL)
    assert (term is EMPTY) == (least is None) == (not object_is_inhabited(shape, lowering))
    if expected:
        assert least is not None
        assert len(least) <= min(len(text_of(members)) for members in expected)
    elif least is not None:  # only larger ones
        members = tuple((name, str(value)) for name, value in json.loads(least).items())
        names = {name: schema_of(shape, name) for name, _ in members}
        needs = [{name for name in names if has(need.keys, name)} for need in shape.needs]
        assert len(members) > 3
        assert satisfies(shape, members, names, needs, layout.order)
    if least is not None:
        assert read(term, least).nullable


@checked(60)
@given(shapes(), layouts)
def test_an_empty_shape_has_no_larger_objects(shape: ObjectShape, layout: Layout) -> None:
    if not object_is_inhabited(shape, Sets(layout)):  # type: ignore[arg-type]
        assert not objects_of(shape, 5, "any")


WORDS = [
    b'{"',
    b'":',
    b'":1',
    b'":1,"',
    b'":1,"x":1',
    b'":1,"x":1,"x":1',
    b'a":1,"b":2}',
    b'"a":1',
    b'xy":1',
    b'x"',
    b'x":2,"x":1}',
    b'x":2,"y":12',
    b"xxx",
    b',"',
    b',"a":1',
    b',"x',
    b'1,"x":1}',
    b"12}",
    b"1}",
    b'\\u0078":1',
]


VOCABULARY = Vocabulary.from_bytes([*(bytes([b]) for b in b'{}":,abcxy12\\u078 '), *WORDS, b""], eos_ids=[38])
SPELLING_ALL = Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), *WORDS, b""], eos_ids=[256 + len(WORDS)])


@checked(60)
@given(shapes(), layouts, st.integers(0, 2**32))
def test_masks_are_those_of_the_derivatives(shape: ObjectShape, layout: Layout, seed: int) -> None:
    """The walk that takes terms apart finds what deriving token by token finds, with and without a budget."""
    term = object_term(shape, Sets(layout))  # type: ignore[arg-type]
    if term is EMPTY:
        return
    vocabulary = VOCABULARY
    matcher = Constraint(term, "an object").matcher(vocabulary)
    chance = random.Random(seed)
    for _ in range(8):
        allowed = unpacked(matcher.mask(), vocabulary.size)
        for token_id, data in enumerate(vocabulary.token_bytes):
            if data:
                after = read(matcher.state, data)
                assert (token_id in allowed) == (after is not EMPTY and not is_empty(after)), data
        least = matcher.min_tokens()
        assert matcher.mask(tokens_left=least).any()
        for left in (least, least + 2):
            for token_id in unpacked(matcher.mask(tokens_left=left), vocabulary.size):
                further = matcher.fork()
                further.advance(token_id)
                assert token_id in vocabulary.eos_ids or further.min_tokens() < left
        choices = sorted(allowed - set(vocabulary.eos_ids))
        if not choices:
            break
        matcher.advance(chance.choice([c for c in choices if len(vocabulary.token_bytes[c] or b"") > 1] or choices))


def test_names_that_end_alike_are_priced_apart() -> None:
    """A vocabulary that does not spell everything: what follows a name is priced once, and allowed each time."""
    term = object_term(ObjectShape((), (Others(one_of([b"a", b"b"]), ONE),)), Sets())  # type: ignore[arg-type]
    for name in (b"a", b"b"):
        matcher = Constraint(term, "an object").matcher(VOCABULARY)
        for byte in (b"{", b'"', name):
            matcher.advance(VOCABULARY.ids[byte])
        allowed = {VOCABULARY.token_bytes[t] for t in unpacked(matcher.mask(), VOCABULARY.size)}
        assert allowed == {b'"', b'":', b'":1', b'":1,"'}


@checked(80)
@given(shapes(), layouts, st.integers(0, 2**32))
def test_masks_of_a_vocabulary_that_spells_everything(shape: ObjectShape, layout: Layout, seed: int) -> None:
    """Nothing is priced then: the walk looks words up that were walked for other states of the object."""
    term = object_term(shape, Sets(layout))  # type: ignore[arg-type]
    if term is EMPTY:
        return
    matcher = Constraint(term, "an object").matcher(SPELLING_ALL)
    chance = random.Random(seed)
    for _ in range(8):
        allowed = unpacked(matcher.mask(), SPELLING_ALL.size)
        for token_id, data in enumerate(SPELLING_ALL.token_bytes):
            if data:
                after = read(matcher.state, data)
                assert (token_id in allowed) == (after is not EMPTY and not is_empty(after)), data
        choices = [t for t in sorted(allowed) if len(SPELLING_ALL.token_bytes[t] or b"") > 1]
        if not choices:
            break
        matcher.advance(chance.choice(choices))


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize("others", [False, True], ids=["closed", "open"])
def test_masks_within_names_that_share_beginnings(order: Any, others: bool) -> None:
    names = [
        "a",
        "ab",
        "abc",
        "b/c",
        "b\\d",
        'b"',
        "\u00e9",
        "\u00e9t\u00e9",
        "\u00eat",
        "",
        *(f"k{i}" for i in range(12)),
    ]
    # two kinds of objects at once: their tables of names are walked together
    kinds = [{name: {"enum": [value]} for name in names if len(name) != value} for value in (1, 3)]
    schema = {"anyOf": [{"type": "object", "properties": kind, "additionalProperties": others} for kind in kinds]}
    texts = [
        '{"abc": 1, "ab": 1, "b/c": 1, "k11": 1, "k1": 1}',
        '{"a":3,"b\\/c":3,"":3,"k10":3,"\\u00e9t\\u00E9":3}',
        '{"b\\\\d":1,"b\\"":1,"\u00e9":1,"\u00eat":1}',
        '{"k2":3,"k":[],"k3":3,"k2x":0}',
    ]
    data = [text.encode() for text in texts]
    pieces = sorted(
        {text[i:j] for text in data for i in range(len(text)) for j in range(i + 2, min(i + 7, len(text) + 1))}
    )
    tokens = [*(bytes([b]) for b in range(256)), *pieces, b'","', b'{"k1":1,"k', b'":1,"":1,"":1']
    vocabulary = Vocabulary.from_bytes([*tokens, b""], eos_ids=[len(tokens)])
    start = compile_schema(schema, property_order=order).term
    chance = random.Random(1)
    for text in data:
        left = text
        matcher = Constraint(start, "names").matcher(vocabulary)
        while left:
            allowed = unpacked(matcher.mask(), vocabulary.size)
            for token_id in [*chance.sample(range(len(tokens)), 150), *range(len(tokens) - 3, len(tokens))]:
                after = read(matcher.state, tokens[token_id])
                assert (token_id in allowed) == (after is not EMPTY and not is_empty(after)), tokens[token_id]
            fitting = [t for t in sorted(allowed) if t < len(tokens) and left.startswith(tokens[t])]
            if not fitting:  # a text of open objects, or of the other order
                break
            token_id = chance.choice(fitting)
            matcher.advance(token_id)
            left = left[len(tokens[token_id]) :]
        else:
            assert matcher.is_accepting


@checked(60)
@given(shapes(), layouts, st.integers(0, 2**32), st.integers(0, 6))
def test_a_walk_in_a_budget_finishes(shape: ObjectShape, layout: Layout, seed: int, more: int) -> None:
    term = object_term(shape, Sets(layout))  # type: ignore[arg-type]
    if term is EMPTY:
        return
    vocabulary = VOCABULARY
    matcher = Constraint(term, "an object").matcher(vocabulary)
    chance = random.Random(seed)
    for left in range(matcher.min_tokens() + more, -1, -1):
        if matcher.is_accepting and (left == 0 or chance.random() < 0.2):
            break
        choices = sorted(unpacked(matcher.mask(tokens_left=left), vocabulary.size) - set(vocabulary.eos_ids))
        if not choices:
            break
        matcher.advance(chance.choice(choices))
    assert matcher.is_accepting


# --- names ------------------------------------------------------------------------------------------------------------

ONE: Any = frozenset({"1"})
TWO: Any = frozenset({"2"})
HARD = ("é", "éa", "ê", "/", "a/é", '"', "\\", "\n", "\x1f", "\x7f", "😀", "😀b", "", "a")


def forms(name: str) -> set[str]:
    """A name in the ways in which writers of JSON write it."""
    ascii_only = json.dumps(name)
    found = {json.dumps(name, ensure_ascii=False), ascii_only, json.dumps(name, ensure_ascii=False).replace("/", "\\/")}
    if "\\u" in ascii_only:
        found.add(
            "".join(
                "\\u" + part[:4].upper() + part[4:] if i else part for i, part in enumerate(ascii_only.split("\\u"))
            )
        )
    return found


@pytest.mark.parametrize("layout", [COMPACT, COMPACT_ANY], ids=["ordered", "any order"])
def test_declared_names_in_all_their_forms(layout: Layout) -> None:
    lowering: Any = Sets(layout)
    together = object_term(ObjectShape(tuple(Property(name, ONE, False) for name in HARD)), lowering)
    for name in HARD:
        alone = object_term(ObjectShape((Property(name, ONE, True),)), lowering)
        for form in forms(name):
            text = f"{{{form}:1}}".encode()
            assert read(alone, text).nullable, form
            assert read(together, text).nullable, form
            for again in forms(name):
                assert read(together, f"{{{form}:1,{again}:1}}".encode()) is EMPTY
    assert read(together, b'{"\\u0061') is EMPTY  # letters stand for themselves


def test_other_names_are_known_again_in_another_form() -> None:
    shape = ObjectShape((Property("é", TWO, False),), (Others(TEXT, ONE),))
    for layout in (COMPACT, COMPACT_ANY):
        term = object_term(shape, Sets(layout))  # type: ignore[arg-type]
        for text, fine in {
            '{"é":2}': True,
            '{"\\u00e9":2}': True,
            '{"\\u00E9":1}': False,
            '{"è":1,"\\u00e8":1}': False,
            '{"è":1,"\\u00ea":1}': True,
            '{"/":1,"\\/":1}': False,
            '{"😀":1,"\\ud83d\\ude00":1}': False,
            '{"":1,"":1}': False,
            '{"\\ud83d":1}': False,
        }.items():
            assert read(term, text.encode()).nullable == fine, text


def test_a_name_that_no_text_can_hold() -> None:
    half = Property("\ud800", ONE, False)
    lowering: Any = Sets()
    term = object_term(ObjectShape((half, Property("a", ONE, False)), (Others(TEXT, ONE),)), lowering)
    assert read(term, b'{"a":1,"b":1}').nullable
    assert read(term, b'{"\\ud800"') is EMPTY
    assert not object_is_inhabited(ObjectShape((Property("\ud800", ONE, True),)), lowering)


def test_few_names_are_never_a_dead_end() -> None:
    """Where names run out, no name is begun that could not be ended."""
    names = intersection(TEXT, complement(concat(literal(b"x"), TEXT)))  # all but those with x
    few = one_of([b"aa", b"ab", b"b"])
    lowering: Any = Sets()
    term = object_term(ObjectShape((Property("ab", ONE, False),), (Others(few, ONE),), least=2), lowering)
    assert accepted(object_term(ObjectShape((), (Others(names, ONE),), least=2, most=2), lowering), 2)
    assert read(term, b'{"ab":1,"aa":1,"b') is not EMPTY
    assert read(term, b'{"ab":1,"aa":1,"a') is EMPTY
    assert read(term, b'{"aa":1,"b":1}').nullable
    assert read(term, b'{"aa":1,"b":1,') is EMPTY
    assert not object_is_inhabited(ObjectShape((), (Others(few, ONE),), least=4), lowering)


# --- size and depth ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [COMPACT, COMPACT_ANY], ids=["ordered", "any order"])
def test_a_thousand_properties_share_their_states(layout: Layout) -> None:
    names = [f"property_{i:04}" for i in range(1000)]
    term = object_term(ObjectShape(tuple(Property(n, ONE, False) for n in names)), Sets(layout))  # type: ignore[arg-type]
    vocabulary = Vocabulary.from_bytes(
        [*(bytes([b]) for b in range(256)), b'"property', *(b"_%02d" % i for i in range(100)), b'":1,', b""],
        eos_ids=[358],
    )
    matcher = Constraint(term, "a wide object").matcher(vocabulary)
    before = 0
    for i in range(30):
        for token in (b"{" if i == 0 else b"", b'"property', b"_00", *(bytes([b]) for b in b"%02d" % i), b'":1,'):
            if token:
                matcher.mask()
                matcher.advance(vocabulary.ids[token])
        if i == 3:
            before = len(current_states().terms)
    if layout is COMPACT:
        assert len(current_states().terms) - before < 26 * 40
    assert read(term, text_of((name, "1") for name in names)).nullable


@dataclass
class Recursive(Sets):
    """One more schema: "nested", an object with a member ``a`` of the same kind, or without one."""

    shape: ObjectShape | None = None

    def value(self, schema: Any) -> Term:
        if schema != "nested":
            return super().value(schema)
        if self._nested is None:
            assert self.shape is not None
            shape = self.shape
            self._nested = ref("nested", lambda: object_term(shape, self), nullable=False)  # type: ignore[arg-type]
        return self._nested

    def least_text(self, schema: Any, alphabet: int) -> bytes | None:
        return b"{}" if schema == "nested" else super().least_text(schema, alphabet)

    def __post_init__(self) -> None:
        self._nested: Term | None = None


@pytest.mark.parametrize("others", [(), (Others(TEXT, ONE),)], ids=["closed", "open"])
def test_five_hundred_levels(others: tuple[Others, ...]) -> None:
    nested: Any = "nested"
    lowering = Recursive(shape=ObjectShape((Property("a", nested, False),), others))
    term = lowering.value("nested")
    text = b'{"a":' * 500 + b"{" + b"}" * 501
    assert read(term, text).nullable
    vocabulary = Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b'{"a":', b"}}", b""], eos_ids=[258])
    matcher = Constraint(term, "nested objects").matcher(vocabulary)
    for _ in range(500):
        matcher.advance(vocabulary.ids[b'{"a":'])
    assert len(matcher.shortest()) == 502
    assert matcher.mask(tokens_left=600).any()
    left = matcher.min_tokens(enough=600)
    assert left <= 502
    matcher.advance(vocabulary.ids[b"{"])
    for _ in range(501):
        matcher.mask()
        matcher.advance(vocabulary.ids[b"}"])
    assert matcher.is_accepting


def test_space_around_members() -> None:
    space = repeat(byte_set(mask_of(b" ")), 0, 2)
    layout = Layout(space, concat(literal(b":"), space), concat(space, literal(b","), space))
    term = object_term(ObjectShape((Property("a", ONE, True),), (Others(TEXT, ONE),)), Sets(layout))  # type: ignore[arg-type]
    for text, fine in {
        '{"a":1}': True,
        '{  "a": 1 ,  "b":1  }': True,
        '{   "a":1}': False,
        "{ }": False,
        '{"a" :1}': False,
        '{"a":1, }': False,
    }.items():
        assert read(term, text.encode()).nullable == fine, text
    empty = object_term(ObjectShape(), Sets(layout))  # type: ignore[arg-type]
    assert read(empty, b"{  }").nullable
    assert union(empty, EMPTY) is empty
