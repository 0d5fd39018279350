"""Schemas split by JSON type, and their boolean algebra.

A `Normal` says for each type which values are meant.  Null, booleans, numbers and strings are closed under all boolean
operations; arrays and objects are a union of cases, each an `ArrayShape` or `ObjectShape`.  Shapes can be merged
(`meet`) and taken apart (`negate`) without looking into the schemas of members and items, which only get combined
as handles (after "Witness Generation for JSON Schema", Attouche et al., VLDB 2022, whose normal form removes
``not`` likewise). Where that would take more than `MOST_CASES` cases, a `Mixed` case leaves the rest to the term
algebra's ``&`` and ``~``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from relark.frontends.schema.expressions import FALSE, TRUE, AllOf, Is, Schema, Values
from relark.frontends.schema.numbers import NumberSet
from relark.frontends.schema.shapes import ArrayShape, Contains, Need, ObjectShape, Others, Property
from relark.frontends.schema.strings import meet as meet_strings
from relark.language import EMPTY, TEXT, Term, complement, contains, intersection, is_empty, one_of, union

MOST_CASES = 1_100
FEW_CASES = 64
MOST_STEPS = 5_000  # in the search for a shape inside a `Mixed` case

Shape = TypeVar("Shape", ArrayShape, ObjectShape)


@dataclass(frozen=True, eq=False)
class Mixed(Generic[Shape]):
    """In a case of each of ``all_of``, in no case of ``none_of``: left to the term algebra."""

    all_of: tuple[tuple[Shape | Mixed[Shape], ...], ...]
    none_of: tuple[Shape | Mixed[Shape], ...] = ()


ArrayCase = ArrayShape | Mixed[ArrayShape]
ObjectCase = ObjectShape | Mixed[ObjectShape]

ANY_ARRAY = ArrayShape(items=TRUE)
ANY_OBJECT = ObjectShape(others=(Others(TEXT, TRUE),))


@dataclass(frozen=True)
class Normal:
    """What a schema says, type by type.

    ``booleans``: bit 0 for false, bit 1 for true.  ``strings``: the decoded texts.  ``numbers``: of any form;
    ``integers``: of numbers written without fraction and exponent (another set in draft 4 only, where ``1.0`` is no
    integer).
    """

    null: bool
    booleans: int
    numbers: NumberSet
    integers: NumberSet
    strings: Term
    arrays: tuple[ArrayCase, ...]
    objects: tuple[ObjectCase, ...]


ALL_NUMBERS, NO_NUMBERS = NumberSet.all(), NumberSet.none()
EVERYTHING = Normal(True, 3, ALL_NUMBERS, ALL_NUMBERS, TEXT, (ANY_ARRAY,), (ANY_OBJECT,))
NOTHING = Normal(False, 0, NO_NUMBERS, NO_NUMBERS, EMPTY, (), ())


class Judge(Protocol):
    """What the algebra asks about handles."""

    def both(self, *schemas: Schema) -> Schema: ...
    def negated(self, schema: Schema) -> Schema: ...
    def is_plausible(self, schema: Schema) -> bool:
        """False if ``schema`` has no value, as far as that is quickly known."""


# --- the algebra ------------------------------------------------------------------------------------------------------


def meet(judge: Judge, a: Normal, b: Normal) -> Normal:
    """What both say."""
    if a is EVERYTHING:
        return b
    if b is EVERYTHING:
        return a
    if a is NOTHING or b is NOTHING:
        return NOTHING
    numbers = _meet_numbers(a.numbers, b.numbers)
    same = a.numbers is a.integers and b.numbers is b.integers
    found = Normal(
        a.null and b.null,
        a.booleans & b.booleans,
        numbers,
        numbers if same else _meet_numbers(a.integers, b.integers),
        _meet_texts(a.strings, b.strings),
        _meet_cases(judge, ARRAYS, a.arrays, b.arrays),
        _meet_cases(judge, OBJECTS, a.objects, b.objects),
    )
    if found.null or found.booleans or found.strings is not EMPTY or found.arrays or found.objects:
        return found
    return found if found.numbers is not NO_NUMBERS or found.integers is not NO_NUMBERS else NOTHING


def join(parts: Iterable[Normal]) -> Normal:
    """What any says."""
    found = [p for p in parts if p is not NOTHING]
    if EVERYTHING in found:
        return EVERYTHING
    if len(found) == 1:
        return found[0]
    numbers, integers, same, booleans = NO_NUMBERS, NO_NUMBERS, True, 0
    for part in found:
        booleans |= part.booleans
        numbers = part.numbers if numbers is NO_NUMBERS else numbers.join(part.numbers)
        same = same and part.numbers is part.integers
    if not same:
        for part in found:
            integers = integers.join(part.integers)
    return Normal(
        any(p.null for p in found),
        booleans,
        numbers,
        numbers if same else integers,
        union(*[p.strings for p in found]),
        _joined([p.arrays for p in found], ANY_ARRAY),
        _joined([p.objects for p in found], ANY_OBJECT),
    )


def negate(judge: Judge, a: Normal) -> Normal:
    """What ``a`` does not say."""
    if a is EVERYTHING:
        return NOTHING
    if a is NOTHING:
        return EVERYTHING
    numbers = a.numbers.negate()
    return Normal(
        not a.null,
        3 & ~a.booleans,
        numbers,
        numbers if a.numbers is a.integers else a.integers.negate(),
        without_texts(TEXT, a.strings),
        _negate_cases(judge, ARRAYS, a.arrays),
        _negate_cases(judge, OBJECTS, a.objects),
    )


def _meet_numbers(a: NumberSet, b: NumberSet) -> NumberSet:
    if a is ALL_NUMBERS or b is NO_NUMBERS:
        return b
    if b is ALL_NUMBERS or a is NO_NUMBERS:
        return a
    met = a.meet(b)
    return NO_NUMBERS if met.is_empty() else met


def _meet_texts(a: Term, b: Term) -> Term:
    if a is TEXT or a is b or b is EMPTY:
        return b
    if b is TEXT or a is EMPTY:
        return a
    return meet_strings(a, b)


def without_texts(a: Term, b: Term) -> Term:
    """The texts of ``a`` that are not in ``b``."""
    if a is EMPTY or b is TEXT:
        return EMPTY
    return a if b is EMPTY else intersection(a, complement(b))


@dataclass(frozen=True, eq=False)
class Kind(Generic[Shape]):
    """What the algebra does with the shapes of one type: arrays or objects."""

    anything: Shape
    merge: Callable[[Judge, Shape, Shape], Shape | None]
    negate: Callable[[Judge, Shape], list[Shape]]


def _meet_cases(
    judge: Judge,
    kind: Kind[Shape],
    a: tuple[Shape | Mixed[Shape], ...],
    b: tuple[Shape | Mixed[Shape], ...],
) -> tuple[Shape | Mixed[Shape], ...]:
    if not a or not b:
        return ()
    if len(a) == 1 and a[0] is kind.anything:
        return b
    if len(b) == 1 and b[0] is kind.anything:
        return a
    plain = not any(isinstance(case, Mixed) for case in (*a, *b))
    if plain:
        found: list[Shape | Mixed[Shape]] = []
        for x in a:
            for y in b:
                merged = x if x is y else kind.merge(judge, x, y)  # type: ignore[arg-type]
                if merged is None:
                    continue
                if len(found) <= FEW_CASES:  # more seldom repeat each other, and comparing all takes long
                    if any(_is_within(merged, other) for other in found):
                        continue
                    found = [other for other in found if not _is_within(other, merged)]
                found.append(merged)
            if len(found) > MOST_CASES:
                break
        else:
            return tuple(found)
    all_of: list[tuple[Shape | Mixed[Shape], ...]] = []
    none_of: tuple[Shape | Mixed[Shape], ...] = ()
    for cases in (a, b):
        if len(cases) == 1 and isinstance(cases[0], Mixed):
            all_of += cases[0].all_of
            none_of += cases[0].none_of
        else:
            all_of.append(cases)
    return (Mixed(tuple(all_of), none_of),)


def _negate_cases(
    judge: Judge, kind: Kind[Shape], cases: tuple[Shape | Mixed[Shape], ...]
) -> tuple[Shape | Mixed[Shape], ...]:
    if not cases:
        return (kind.anything,)
    if any(isinstance(case, Mixed) for case in cases):
        return (Mixed((), cases),)
    result: tuple[Shape | Mixed[Shape], ...] = (kind.anything,)
    for case in cases:
        apart = kind.negate(judge, case)  # type: ignore[arg-type]
        if len(result) * len(apart) > MOST_STEPS:
            return (Mixed((), cases),)
        result = _meet_cases(judge, kind, result, tuple(apart))
        if any(isinstance(found, Mixed) for found in result):
            return (Mixed((), cases),)
    return result


def _joined(parts: list[tuple[Shape | Mixed[Shape], ...]], anything: Shape) -> tuple[Shape | Mixed[Shape], ...]:
    found = dict.fromkeys(case for cases in parts for case in cases)
    return (anything,) if anything in found else tuple(found)


def _is_within(a: ArrayCase | ObjectCase, b: ArrayCase | ObjectCase) -> bool:
    """Whether every value of ``a`` is one of ``b``, as far as handles show it."""
    if a is b:
        return True
    if not (isinstance(a, ObjectShape) and isinstance(b, ObjectShape)):
        return False
    if b.least > a.least or (b.most is not None and (a.most is None or a.most > b.most)):
        return False
    if any(need not in a.needs for need in b.needs) or not set(b.dependent) <= set(a.dependent):
        return False
    for p in b.properties:
        q = a.by_name.get(p.name)
        if q is None or (p.required and not q.required) or not _implies(q.schema, p.schema):
            return False
    if len(b.others) == 1 and b.others[0].keys is TEXT:
        asked = b.others[0].schema
        return all(_implies(p.schema, asked) for p in a.properties if p.name not in b.by_name) and all(
            _implies(other.schema, asked) for other in a.others
        )
    if len(a.properties) != len(b.properties) or len(a.others) != len(b.others):
        return False
    return all(x.keys is y.keys and _implies(x.schema, y.schema) for x, y in zip(a.others, b.others, strict=True))


def _implies(a: Schema, b: Schema) -> bool:
    if a is b or b is TRUE or a is FALSE:
        return True
    parts = a.parts if isinstance(a, AllOf) else (a,)
    return all(part in parts for part in (b.parts if isinstance(b, AllOf) else (b,)))


def find_case(judge: Judge, kind: Kind[Shape], mixed: Mixed[Shape], holds: Callable[[Shape], bool]) -> bool | None:
    """Whether there is a shape all of whose values are in ``mixed`` and that ``holds``; None if that was not found out
    in `MOST_STEPS` steps.
    """
    rows: list[list[Shape]] = []
    for cases in mixed.all_of:
        rows.append([])
        for case in cases:
            if isinstance(case, Mixed):
                return None
            rows[-1].append(case)
    for case in mixed.none_of:
        if isinstance(case, Mixed):
            return None
        rows.append(kind.negate(judge, case))
    rows.sort(key=len)
    steps = 0
    work: list[tuple[int, Shape | None]] = [(0, None)]
    while work:
        depth, so_far = work.pop()
        if depth == len(rows):
            if so_far is not None and holds(so_far):
                return True
            continue
        steps += 1
        if steps > MOST_STEPS:
            return None
        for case in reversed(rows[depth]):
            merged = case if so_far is None else kind.merge(judge, so_far, case)
            if merged is not None:
                work.append((depth + 1, merged))
    return False


# --- objects ----------------------------------------------------------------------------------------------------------


def accepts(texts: Term, text: str) -> bool:
    """Whether ``text`` is one of the decoded ``texts``."""
    if texts is TEXT:
        return True
    return contains(texts, text.encode(errors="surrogatepass"))


def schema_of(shape: ObjectShape, name: str) -> Schema:
    """What ``shape`` asks of a member of that name; `FALSE` if there must be none."""
    known = shape.by_name.get(name)
    if known is not None:
        return known.schema
    for other in shape.others:
        if accepts(other.keys, name):
            return other.schema
    return FALSE


def meet_objects(judge: Judge, a: ObjectShape, b: ObjectShape) -> ObjectShape | None:
    """The objects that both describe; None if there is none, as far as that is quickly seen."""
    least = max(a.least, b.least)
    most = a.most if b.most is None else b.most if a.most is None else min(a.most, b.most)
    if most is not None and least > most:
        return None
    properties = []
    for name in (*a.by_name, *[n for n in b.by_name if n not in a.by_name]):
        x, y = a.by_name.get(name), b.by_name.get(name)
        schema = judge.both(x.schema if x else schema_of(a, name), y.schema if y else schema_of(b, name))
        required = bool(x and x.required) or bool(y and y.required)
        if required and (
            schema is FALSE
            or (schema is not (x and x.schema) and schema is not (y and y.schema) and not judge.is_plausible(schema))
        ):
            return None
        properties.append(Property(name, schema, required))
    others = []
    for p in a.others:
        for q in b.others:
            schema = judge.both(p.schema, q.schema)
            keys = q.keys if p.keys is TEXT else p.keys if q.keys is TEXT else meet_strings(p.keys, q.keys)
            if schema is not FALSE and not (keys is not p.keys and keys is not q.keys and is_empty(keys)):
                others.append(Others(keys, schema))
    needs = (*a.needs, *[n for n in b.needs if n not in a.needs])
    return ObjectShape(
        tuple(properties), tuple(others), least, most, needs, tuple(dict.fromkeys((*a.dependent, *b.dependent)))
    )


def as_dependency(cases: tuple[ObjectCase, ...]) -> ObjectShape | None:
    """ "One name is missing or another is there" as one shape, where that is all that two cases say."""
    if len(cases) != 2:
        return None
    missing = there = None
    for case in cases:
        if isinstance(case, Mixed) or len(case.properties) != 1:
            return None
        p = case.properties[0]
        if not _is_within(ObjectShape((p,), ANY_OBJECT.others), case):
            return None
        if p.schema is FALSE and not p.required:
            missing = p.name
        elif p.schema is TRUE and p.required:
            there = p.name
    if missing is None or there is None:
        return None
    known = (Property(missing, TRUE, False), Property(there, TRUE, False))
    return ObjectShape(known, ANY_OBJECT.others, dependent=((missing, there),))


def _is_choice(schema: Schema) -> bool:
    """Whether ``schema`` plainly lists its values."""
    if isinstance(schema, Values):
        return True
    if isinstance(schema, AllOf):
        return any(_is_choice(part) for part in schema.parts)
    return (
        isinstance(schema, Is)
        and isinstance(schema.node.schema, dict)
        and ("const" in schema.node.schema or "enum" in schema.node.schema)
    )


def negate_object(judge: Judge, shape: ObjectShape) -> list[ObjectShape]:
    """Shapes of which every object that is not of ``shape`` has one."""
    # Disjoint as far as the properties go: each shape says of the properties before it that they are right.  One
    # with few
    # values comes first, so that what is left of "not this kind, not that kind" stays short.
    found: list[ObjectShape] = []
    anything = ANY_OBJECT.others
    right: tuple[Property, ...] = ()
    for p in sorted(shape.properties, key=lambda p: (not (p.required and _is_choice(p.schema)), not p.required)):
        wrong = judge.negated(p.schema)
        if p.required or wrong is not FALSE:
            found.append(ObjectShape((*right, Property(p.name, wrong, not p.required)), anything))
        right = (*right, p)
    names = one_of(p.name.encode(errors="surrogatepass") for p in shape.properties)
    rest = without_texts(TEXT, names)
    for other in shape.others:
        wrong = judge.negated(other.schema)
        if wrong is not FALSE:
            found.append(ObjectShape(right, anything, needs=(Need(without_texts(other.keys, names), wrong),)))
        rest = without_texts(rest, other.keys)
    if not is_empty(rest):
        found.append(ObjectShape(right, anything, needs=(Need(rest, TRUE),)))
    if shape.least:
        found.append(replace(ANY_OBJECT, most=shape.least - 1))
    if shape.most is not None:
        found.append(replace(ANY_OBJECT, least=shape.most + 1))
    for need in shape.needs:
        outside = without_texts(TEXT, need.keys)
        others = [Others(need.keys, judge.negated(need.schema))]
        if not is_empty(outside):
            others.append(Others(outside, TRUE))
        found.append(ObjectShape(others=tuple(o for o in others if o.schema is not FALSE)))
    for first, second in shape.dependent:
        found.append(ObjectShape((Property(first, TRUE, True), Property(second, FALSE, False)), anything))
    return found


# --- arrays -----------------------------------------------------------------------------------------------------------


def meet_arrays(judge: Judge, a: ArrayShape, b: ArrayShape) -> ArrayShape | None:
    """The arrays that both describe; None if there is none, as far as that is quickly seen."""
    least = max(a.least, b.least)
    most = a.most if b.most is None else b.most if a.most is None else min(a.most, b.most)
    unique, repeated = a.unique or b.unique, a.repeated or b.repeated
    if (most is not None and least > most) or (unique and repeated):
        return None
    width = max(len(a.prefix), len(b.prefix))
    prefix = tuple(
        judge.both(
            a.prefix[i] if i < len(a.prefix) else a.items,
            b.prefix[i] if i < len(b.prefix) else b.items,
        )
        for i in range(width)
    )
    for i, schema in enumerate(prefix[:least]):
        known = (a.prefix[i] if i < len(a.prefix) else a.items, b.prefix[i] if i < len(b.prefix) else b.items)
        if schema is FALSE or (schema not in known and not judge.is_plausible(schema)):
            return None
    contains = (*a.contains, *[c for c in b.contains if c not in a.contains])
    return ArrayShape(prefix, judge.both(a.items, b.items), least, most, contains, unique, repeated)


def negate_array(judge: Judge, shape: ArrayShape) -> list[ArrayShape]:
    """Shapes of which every array that is not of ``shape`` has one."""
    found = []
    for i, schema in enumerate(shape.prefix):
        wrong = judge.negated(schema)
        if wrong is not FALSE:
            found.append(ArrayShape((*[TRUE] * i, wrong), TRUE, least=i + 1))
    wrong = judge.negated(shape.items)
    if wrong is not FALSE:
        found.append(replace(ANY_ARRAY, contains=(Contains(wrong, 1, None, len(shape.prefix)),)))
    if shape.least:
        found.append(replace(ANY_ARRAY, most=shape.least - 1))
    if shape.most is not None:
        found.append(replace(ANY_ARRAY, least=shape.most + 1))
    for c in shape.contains:
        if c.least:
            found.append(replace(ANY_ARRAY, contains=(Contains(c.schema, 0, c.least - 1, c.start),)))
        if c.most is not None:
            found.append(replace(ANY_ARRAY, contains=(Contains(c.schema, c.most + 1, None, c.start),)))
    if shape.unique:
        found.append(replace(ANY_ARRAY, repeated=True))
    if shape.repeated:
        found.append(replace(ANY_ARRAY, unique=True))
    return found


ARRAYS: Kind[ArrayShape] = Kind(ANY_ARRAY, meet_arrays, negate_array)
OBJECTS: Kind[ObjectShape] = Kind(ANY_OBJECT, meet_objects, negate_object)
