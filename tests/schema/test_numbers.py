"""Sets of numbers and their texts, against predicates on exact fractions, Python's json and jsonschema."""

from __future__ import annotations

import functools
import json
import math
import random
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relark.errors import UnsupportedError
from relark.frontends.schema.number_sets import exact
from relark.frontends.schema.numbers import PLACES, SPARE_ZEROS, WHOLE_DIGITS, NumberSet, number_term
from relark.language import EMPTY, FULL, Completions, Term, derive, lower_bound, transitions
from relark.language.derivative import clamp
from relark.language.terms import LeafTerm

ALL, INTEGERS = NumberSet.all(), NumberSet.integers()
between, multiples, values = NumberSet.interval, NumberSet.multiples, NumberSet.values

Holds = Callable[[Fraction], bool]
FORM = re.compile(
    r"-?(0|[1-9]\d{0,307})(\.\d+)?"
    r"|-?[1-9](\.\d{1,24})?[eE](\+?(0?\d|[1-9]\d|[12]\d\d|30[0-8])|-(0?[1-9]|[1-9]\d|[12]\d\d|3[01]\d|32[0-4]))"
)


def accepts(term: Term, text: str) -> bool:
    for byte in text.encode():
        term = derive(term, byte)
    return term.nullable


def says(text: str) -> Fraction:
    return Fraction(Decimal(text))


# --- sets, each with the predicate that it stands for -----------------------------------------------------------------

numbers = st.one_of(
    st.integers(-20, 120),
    st.builds(Fraction, st.integers(-2000, 2000), st.sampled_from([1, 10, 100, 1000, 10**4])),
    st.builds(lambda n, e: n * 10**e, st.integers(-9, 9), st.integers(0, 30)),
    st.builds(Fraction, st.integers(1, 99), st.sampled_from([10**5, 10**8, 10**12])),
).map(lambda x: exact(Fraction(x)))

STEPS = [1, 2, 3, 4, 5, 7, 10, 12, 25, 1000, *map(Fraction, ("0.5", "1.5", "0.01", "0.3", "0.007", "0.00000001"))]


@st.composite
def interval_sets(draw: Any) -> tuple[NumberSet, Holds]:
    lo, hi = sorted([draw(numbers), draw(numbers)])
    lo_open, hi_open = draw(st.booleans()), draw(st.booleans())
    low, high = draw(st.sampled_from([(lo, hi), (lo, None), (None, hi), (lo, lo)]))

    def holds(x: Fraction) -> bool:
        above = low is None or (x > low if lo_open else x >= low)
        return above and (high is None or (x < high if hi_open else x <= high))

    return between(low, high, lo_open=lo_open, hi_open=hi_open), holds


def _multiples(step: Any) -> tuple[NumberSet, Holds]:
    return multiples(step), lambda x: x % step == 0


def _values(xs: list[Any]) -> tuple[NumberSet, Holds]:
    return values(xs), lambda x: x in xs


basic = st.one_of(
    interval_sets(),
    st.sampled_from(STEPS).map(_multiples),
    st.lists(numbers, max_size=5).map(_values),
    st.just((ALL, lambda x: True)),
)
sets = st.recursive(
    basic,
    lambda inner: st.one_of(
        inner.map(lambda a: (a[0].negate(), lambda x: not a[1](x))),
        st.tuples(inner, inner).map(lambda p: (p[0][0].meet(p[1][0]), lambda x: p[0][1](x) and p[1][1](x))),
        st.tuples(inner, inner).map(lambda p: (p[0][0].join(p[1][0]), lambda x: p[0][1](x) or p[1][1](x))),
    ),
    max_leaves=4,
)


def near(found: NumberSet) -> list[Fraction]:
    """Where a set may change, and beside."""
    cuts = [0, *found.cuts[:6]]
    steps = (0, 1, -1, Fraction(1, 100), Fraction(-1, 1000), Fraction(1, 10**9), 3, Fraction(1, 2))
    return [Fraction(cut + step) for cut in cuts for step in steps]


@given(sets, st.lists(numbers, max_size=8))
def test_sets_hold_what_their_predicate_holds(case: tuple[NumberSet, Holds], some: list[Any]) -> None:
    found, holds = case
    for x in [*near(found), *map(Fraction, some)]:
        assert found.contains(x) == holds(x)
        assert not (holds(x) and found.is_empty())


@given(sets)
def test_a_set_and_its_complement_are_apart_and_everything(case: tuple[NumberSet, Holds]) -> None:
    found, _ = case
    rest = found.negate()
    assert found.meet(rest).is_empty()
    assert found.join(rest).negate().is_empty()
    assert rest.negate().meet(rest).is_empty()
    assert found.join(found) == found == found.meet(found)


@given(sets)
def test_counts_are_exact(case: tuple[NumberSet, Holds]) -> None:
    found, holds = case
    count = found.count(50)
    members = found.members(49)
    assert (members is None) == (count == 50)
    if members is not None:
        assert len(members) == count == len(set(members))
        assert members == sorted(members)
        assert all(map(holds, map(Fraction, members)))
    assert (count == 0) == found.is_empty()


@pytest.mark.parametrize(
    ("empty", "nearly"),
    [
        (between(3, 4, lo_open=True, hi_open=True).meet(INTEGERS), between(3, 4, lo_open=True).meet(INTEGERS)),
        (between(1, 4, lo_open=True, hi_open=True).meet(multiples(5)), between(1, 5).meet(multiples(5))),
        (INTEGERS.meet(multiples(2).negate()).meet(multiples(2)), multiples(2).meet(multiples(3).negate())),
        (multiples(6).meet(multiples(2).negate()), multiples(2).meet(multiples(6).negate())),
        (between(5, 4), between(5, 5)),
        (values([]), values([0])),
        (INTEGERS.meet(values([0.5])), multiples(0.25).meet(values([0.5]))),
        (between(0.01, 0.02, lo_open=True, hi_open=True).meet(multiples(0.01)), multiples(0.01)),
    ],
)
def test_emptiness_is_exact(empty: NumberSet, nearly: NumberSet) -> None:
    assert empty.is_empty()
    assert number_term(empty, compact=False) is number_term(empty, compact=True) is EMPTY
    assert not nearly.is_empty()
    assert number_term(nearly, compact=False) is not EMPTY


def test_equal_sets_are_often_one_object() -> None:
    assert multiples(6).join(multiples(6).negate()) is ALL
    assert multiples(2).meet(multiples(3)) == multiples(6)
    assert multiples(2).join(multiples(4)) == multiples(2)
    assert multiples(1.0) is INTEGERS
    assert INTEGERS.meet(INTEGERS.negate()) is NumberSet.none()
    assert values([1, 2]).join(values([2, 3])) == values([3, 2, 1.0])


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, Decimal("Infinity"), Decimal("NaN")])
def test_what_is_no_number_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="not a number"):
        values([bad])


def test_malformed_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        multiples(0)
    with pytest.raises(UnsupportedError, match="multipleOf"):
        functools.reduce(NumberSet.join, map(multiples, range(1000, 1300)))
    with pytest.raises(UnsupportedError, match="digits"):
        between(Decimal("1e5000"), None)


# --- texts ------------------------------------------------------------------------------------------------------------


def written(x: Fraction) -> list[str]:
    """Ways to write a number."""
    number = Decimal(x.numerator) / Decimal(x.denominator)
    if Fraction(number) != x:
        return []
    plain = format(number, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    found = [plain, repr(float(x)), f"-{plain}", f"0{plain}", f"{plain}."]
    found += [f"{plain}0", f"{plain}000"] if "." in plain else [f"{plain}.0", f"{plain}.000", f"{plain}.5"]
    match = re.fullmatch(r"(-?\d(?:\.\d+)?)E([+-])(\d+)", format(number.normalize(), "E"))
    if match and x:
        digits, sign, power = match.groups()
        found += [f"{digits}e{sign}{power}", f"{digits}E{sign}{power:0>2}", f"{digits}e{sign}{power:0>3}"]
        found += [f"{digits}{'' if '.' in digits else '.'}0e{sign.strip('+')}{power}", f"{digits}e{sign}{power}0"]
    return found


def is_text(holds: Holds, text: str, compact: bool) -> bool | None:
    """Whether the documented forms have the text; None where a reader's rounding decides."""
    if not FORM.fullmatch(text):
        return False
    x = says(text)
    if not holds(x):
        return False
    if compact and x.denominator == 1:
        return re.fullmatch(r"0|-?[1-9]\d*", text) is not None
    if re.fullmatch(r"-?\d+", text):
        return True
    digits = re.sub(r"[eE].*|[-.]", "", text).strip("0")
    return True if len(digits) <= 15 and holds(Fraction(repr(float(text)))) else None


ODD = "- + 1. .5 01 -01 1e +1 1.e5 0e0 10e5 1e400 1e-400 --1 1e5.0 0x1 1,5 NaN Infinity -Infinity"


@given(sets, st.lists(numbers, max_size=4), st.booleans())
def test_texts_are_those_of_the_members(case: tuple[NumberSet, Holds], some: list[Any], compact: bool) -> None:
    found, holds = case
    term = number_term(found, compact=compact)
    dense = any(part.of is None for grid in found.gaps for part in grid)
    texts = {text for x in [*near(found), *map(Fraction, some)] for text in written(x)}
    for text in [*texts, *ODD.split(), "0", "-0", "0.0", "-0.0", "1e308", "5e-324", "2.25e1"]:
        expected = is_text(holds, text, compact)
        if expected is None:
            continue
        places = re.search(r"\.(\d+)", text)
        if expected and not dense and places and len(places[1]) > SPARE_ZEROS - 3:
            continue  # as many zeros as that are not always allowed
        assert accepts(term, text) == expected, text


@given(sets, st.booleans(), st.randoms(use_true_random=False))
def test_every_state_leads_to_a_member(case: tuple[NumberSet, Holds], compact: bool, rng: random.Random) -> None:
    found, holds = case
    state = number_term(found, compact=compact)
    assert (state is EMPTY) == found.is_empty()
    _, furthest = Completions().bounds(state)
    text = ""
    for _ in range(30):
        steps = transitions(state)
        if not steps:
            break
        mask, state = rng.choice(steps)
        text += chr(rng.choice([b for b in range(256) if mask >> b & 1]))
        rest = Completions().shortest(state)
        assert rest is not None
        assert lower_bound(state) <= len(rest)
        whole = text + rest.decode()
        assert FORM.fullmatch(whole)
        assert holds(says(whole)), whole
        assert holds(Fraction(repr(float(whole)))) or "." not in whole or len(whole) > 15
        assert accepts(state, rest.decode())
        assert len(rest) <= min(furthest, Completions().bounds(state)[0])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_written_as_python_writes_it(x: float) -> None:
    text = json.dumps(x)
    assert accepts(number_term(ALL, compact=False), text)
    assert accepts(number_term(between(-1.7976931348623157e308, 1.7976931348623157e308), compact=False), text)
    assert accepts(number_term(values([x]), compact=False), text)
    assert not accepts(number_term(values([x]).negate(), compact=False), text)
    assert accepts(number_term(between(x, None), compact=False), text)
    assert not accepts(number_term(between(x, None, lo_open=True), compact=False), text)
    if x.is_integer():
        fractional = "." in text and "e" in text  # 1.5e+16: not for integers, because 1.5 would be on the way to it
        assert accepts(number_term(INTEGERS, compact=False), text) is not fractional
        assert not accepts(number_term(INTEGERS, compact=True), text)
    after = math.nextafter(x, math.inf)
    assume(math.isfinite(after))
    assert accepts(number_term(between(x, None, lo_open=True), compact=False), json.dumps(after))


@given(st.integers(-(10**40), 10**40))
def test_every_integer_is_written_as_python_writes_it(x: int) -> None:
    for found in (ALL, INTEGERS, values([x]), between(x, x + 1), between(None, x)):
        for compact in (False, True):
            assert accepts(number_term(found, compact=compact), json.dumps(x))
    assert not accepts(number_term(values([x]).negate(), compact=True), json.dumps(x))
    assert not accepts(number_term(between(x, None, lo_open=True), compact=True), json.dumps(x))


EXAMPLES: dict[str, tuple[NumberSet, str, str]] = {
    "all": (ALL, "0 -0 1 1.50 -12.25 1e5 1E+05 1.5e-07 5e-324 1.7976931348623157e+308 0.000", "1e309 2e-324 00 1e005"),
    "integers": (INTEGERS, "3 -3 3.0 3.000000 3e0 3e+22 1E+2 1e308", "3.5 3. 3.0000000 1.5e1 1.25E+2 1e-1"),
    "at most 100": (between(0, 100).meet(INTEGERS), "0 -0 7 42 100 1e2 4e1 100.0", "101 -1 1e3 4e2 1000 4.2e1"),
    "a narrow interval": (between(5, 5.25, hi_open=True), "5 5.0 5.249 5.2499999 5e0 5.1e0", "4.99 5.25 5.250 50 5e1"),
    "hundredths": (multiples(0.01), "1.13 0.01 1e-2 1.5e-1 12.340 1e3", "0.001 1.135 1e-3 1.25e-1"),
    "0.0001 steps": (multiples(0.0001).meet(between(0, 1)), "0.0075 7.5e-3 1 1.0", "0.00751 0.00005 1.0001 -0.5"),
    "tiny steps": (multiples(1e-8), "12391239123 1e-8 0.00000001 1.5e-07", "1e-9 0.000000001 1.25e-8"),
    "threes": (multiples(3), "0 3 -9 12 12.0 3e17 6e1 111 999999999", "1 10 1e5 -1 112 1.0 1.2e1"),
    "1.5 steps": (multiples(1.5), "1.5 3 4.5 1.50 -4.5 4.5e0 1.5e1", "1 2 1.6 2e0"),
    "not twos": (INTEGERS.meet(multiples(2).negate()), "1 3 -7 5.0 5e0", "2 0 10 1.1e1 1e1"),
    "no integers": (INTEGERS.negate(), "0.5 1.25 -7.5 1e-7 1.5e-3", "0 1 1.0 1e5 1.5e1 0.0"),
    "one value": (values([1.5]), "1.5 1.50 1.5e0 1.5e+00 1.5E0", "1 1.51 15e-1 -1.5"),
    "1e400": (between(10**400, None), "1" + "0" * 400 + " 9" + "0" * 400, "1" + "0" * 399 + " 1e308 1e400"),
    "exactly 1e308": (values([1e308]), "1e+308 1e308 1" + "0" * 308, "1e307 2e308 10e307"),
    "a far interval": (between(1e16, 1e22), "10000000000000000.0 1e+16 1e+22 3.5e17", "9999999999999999 1e23 1.1e22"),
    "above zero": (between(0, None, lo_open=True), "1 0.1 5e-324 3e-324 1e-300 1e308", "0 -1 0.0 -0 2e-324 0.000"),
    "two intervals": (between(-2, -1).join(between(1, 2)), "-1 -1.5 -2.0 1 2 1.25e0", "0 -0 0.5 3 -2.1 -3e0"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    found, good, bad = EXAMPLES[name]
    term = number_term(found, compact=False)
    assert [text for text in good.split() if not accepts(term, text)] == []
    assert [text for text in bad.split() if accepts(term, text)] == []


def test_compact_numbers_are_plain_where_they_are_integral() -> None:
    term = number_term(between(-10, 1000), compact=True)
    good, bad = "0 7 -7 1000 0.5 -0.5 2.50 1.5e-7 1.25e1 0.0001", "-0 7.0 0.0 -0.0 1e2 1.5e1 1.0e0 1000.0 -10.0"
    assert [text for text in good.split() if not accepts(term, text)] == []
    assert [text for text in bad.split() if accepts(term, text)] == []


def test_lengths_are_limited() -> None:
    term = number_term(ALL, compact=False)
    assert accepts(term, "9" * WHOLE_DIGITS + "." + "9" * PLACES)
    assert not accepts(term, "9" * (WHOLE_DIGITS + 1))
    assert not accepts(term, "9." + "9" * (PLACES + 1))
    assert accepts(number_term(INTEGERS, compact=False), "9." + "0" * SPARE_ZEROS)
    assert not accepts(number_term(INTEGERS, compact=False), "9." + "0" * (SPARE_ZEROS + 1))


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"exclusiveMaximum": 5}, between(None, 5, hi_open=True)),
        ({"exclusiveMinimum": 0.1, "maximum": 0.3}, between(0.1, 0.3, lo_open=True)),
        ({"not": {"enum": [5, 0.1, 7.25]}}, values([5, 0.1, 7.25]).negate()),
        ({"exclusiveMinimum": 0}, between(0, None, lo_open=True)),
        ({"exclusiveMaximum": -9007199254740993}, between(None, -9007199254740993, hi_open=True)),
        ({"minimum": 9007199254740993, "maximum": 9007199254740999}, between(9007199254740993, 9007199254740999)),
        ({"type": "integer", "minimum": -3, "maximum": 10**17 + 1}, INTEGERS.meet(between(-3, 10**17 + 1))),
    ],
)
def test_what_is_read_as_a_float_stays_inside(schema: dict[str, Any], found: NumberSet) -> None:
    """Digits that keep as close to every bound as they may: the float that they are read as is on the same side."""
    validator = jsonschema.Draft202012Validator(schema)
    rng = random.Random(5)
    for compact in (False, True):
        start = number_term(found, compact=compact)
        for _ in range(150):
            state, text = start, ""
            while True:
                steps = [(b, after) for mask, after in transitions(state) for b in range(256) if mask >> b & 1]
                if not steps or (state.nullable and rng.random() < 0.02) or len(text) > 40:
                    break
                byte, state = rng.choice([min(steps, key=lambda s: s[0]), max(steps, key=lambda s: s[0]), *steps])
                text += chr(byte)
            rest = Completions().shortest(state)
            assert rest is not None
            text += rest.decode()
            assert found.contains(Decimal(text))
            assert validator.is_valid(json.loads(text)), text


def test_bounds_are_walked_along_to_the_last_float() -> None:
    term = number_term(between(None, 5, hi_open=True), compact=False)
    assert accepts(term, "4.999999999999999")
    assert not accepts(term, "4.9999999999999999")  # is read as 5.0
    assert accepts(number_term(between(None, 5), compact=False), "4.9999999999999999")


# --- states -----------------------------------------------------------------------------------------------------------


def states(start: Term, alphabet: bytes, most: int) -> set[Term]:
    found, work = {start}, [start]
    while work and len(found) <= most:
        term = work.pop()
        for mask, after in transitions(term):
            if after not in found and any(mask >> b & 1 for b in alphabet):
                found.add(after)
                work.append(after)
    return found


@pytest.mark.parametrize(
    ("found", "most"),
    [
        (between(0, 100).meet(INTEGERS), 5),
        (between(-1000, 1000), 300),
        (between(5, 5.25, hi_open=True), 80),
        (between(1500, 2500).meet(INTEGERS), 10),
        (multiples(0.01).meet(between(0, 1)), 70),
        (multiples(7).meet(between(0, 10**6)), 40),
        (multiples(1000).meet(between(0, 10**9)), 40),
        (values([1, 2, 3]), 2),
    ],
)
def test_few_states_for_digits(found: NumberSet, most: int) -> None:
    assert len(states(number_term(found, compact=True), b"-0123456789.", 1000)) <= most


def test_residues_are_shared_whatever_the_length() -> None:
    start = number_term(multiples(7), compact=True)
    term = start
    seen = set()
    for byte in b"1" + b"234567" * 20:
        term = derive(term, byte)
        seen.add(clamp(term, 20))
    assert len(seen) <= 8


@given(st.sampled_from([3, 7, 12, 1000, 10**9 + 7]), st.integers(0, 10**12), st.integers(1, 8))
def test_cut_counts_allow_the_same(step: int, read: int, limit: int) -> None:
    term = number_term(multiples(step).meet(between(0, 10**30)), compact=True)
    for byte in b"%d" % read:
        term = derive(term, byte)
    short = clamp(term, limit)
    rng = random.Random(read)
    for _ in range(limit - 1):
        byte = rng.choice(b"0123456789")
        term, short = derive(term, byte), derive(short, byte)
        assert (term is EMPTY) == (short is EMPTY)
        assert term.nullable == short.nullable


def test_many_excluded_and_many_listed_values() -> None:
    rng = random.Random(2)
    some = sorted({round(rng.uniform(-1000, 1000), rng.randint(0, 4)) for _ in range(1000)})
    without, only = number_term(values(some).negate(), compact=False), number_term(values(some), compact=False)
    for x in some:
        assert not accepts(without, json.dumps(x))
        assert accepts(only, json.dumps(x))
    for x in (0.12345, 1001, -7.00001):
        assert accepts(without, json.dumps(x))
        assert not accepts(only, json.dumps(x))


def test_many_intervals() -> None:
    found = NumberSet.none()
    for i in range(100):
        found = found.join(between(10 * i, 10 * i + 5, hi_open=True))
    term = number_term(found, compact=False)
    for x in (0, 4, 4.5, 990, 994.999, 103.25):
        assert accepts(term, json.dumps(x))
    for x in (5, 5.5, -1, 995, 999, 1000, 108.25):
        assert not accepts(term, json.dumps(x))


@pytest.mark.parametrize(
    ("found", "least"),
    [
        (between(10**4000, None), "1" + "0" * 4000),
        (values([Fraction(1, 10**400)]), "0." + "0" * 399 + "1"),
        (multiples(10**400).meet(between(1, None)), "1" + "0" * 400),
        (multiples(2**61 - 1).meet(between(1, 2**62)), str(2**61 - 1)),
        (multiples(Fraction(1, 10**30)).negate().meet(between(0, 1)), "1e-31"),
        (between(0.1, Fraction(1, 10) + Fraction(1, 10**60), lo_open=True), "0.1" + "0" * 59 + "1"),
        (multiples(1e-320).meet(between(1e-319, 1e-319)), "1e-319"),
        (between(sys.float_info.max, None, lo_open=True), "17976931348623157" + "0" * 291 + "1"),
    ],
    ids=["4,001 digits", "1e-400", "multiples of 1e400", "prime", "no 1e-30", "narrow", "subnormal", "above floats"],
)
def test_extreme_numbers(found: NumberSet, least: str) -> None:
    term = number_term(found, compact=False)
    assert accepts(term, least)
    text = Completions().shortest(term)
    assert text is not None
    assert len(text) <= len(least)
    assert accepts(term, text.decode())


@pytest.mark.parametrize("missing", [b"e", b"E", b"eE", b".", b"-", b"+", b"7", b"0", b"13579", b"eE.0"])
@pytest.mark.parametrize("name", ["all", "a narrow interval", "threes", "a far interval", "no integers", "hundredths"])
def test_completions_keep_to_the_alphabet(name: str, missing: bytes) -> None:
    alphabet = FULL & ~sum(1 << byte for byte in missing)
    found, _, _ = EXAMPLES[name]
    term = number_term(found, compact=False)
    for prefix in (b"", b"5", b"5.", b"5.1", b"2.5", b"12", b"10000"):
        state = term
        for byte in prefix:
            state = derive(state, byte)
        rest = Completions(alphabet).shortest(state)
        if isinstance(state, LeafTerm) and state.leaf.is_spelled(alphabet):
            assert rest is not None
        if rest is None:
            assert state is EMPTY or missing not in (b"e", b"E", b"-", b"+", b"7")
        else:
            assert not set(rest) & set(missing)
            assert accepts(state, rest.decode())


@pytest.mark.parametrize("name", EXAMPLES)
def test_shortest_texts_are_shortest(name: str) -> None:
    """No text that is shorter leads anywhere: level by level."""
    found, good, _ = EXAMPLES[name]
    term = number_term(found, compact=False)
    for prefix in ["", *[text[:i] for text in good.split() for i in range(1, min(len(text), 8))]]:
        state = term
        for byte in prefix.encode():
            state = derive(state, byte)
        best = Completions().shortest(state)
        assert best is not None
        level = {state}
        for _ in range(min(len(best), 3)):
            assert not any(s.nullable for s in level)
            level = {after for s in level for _, after in transitions(s)}
