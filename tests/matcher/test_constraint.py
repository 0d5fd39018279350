"""Constraints as people combine them: operators, coercion, errors, descriptions."""

from __future__ import annotations

import enum
import itertools
import re
import threading

import pytest
import regex as regex_module
from hypothesis import given
from hypothesis import strategies as st

import relark
from language.set_semantics import checked
from relark import ArgumentError, Constraint, choices, regex, text
from relark.constraint import literal_text
from relark.errors import PatternError, RelarkError

ALPHABET = "ab!\n"
WORDS = ["".join(w) for n in range(5) for w in itertools.product(ALPHABET, repeat=n)]

PATTERNS = [
    "a*", "(?:ab)+", "[ab]{1,3}", ".?", r"(?s).*b.*", "a|!!|", r"(?<!a)b+", r"\w+\b!?", r"[^a]*", r"(?m:^a$)\n?",
    "(?=a)[ab]{2}", "(?>a|ab)b", r"(a|b)\1", "(?!b).*",
]  # fmt: skip


def matching(pattern: str) -> set[str]:
    return {w for w in WORDS if regex_module.fullmatch(pattern, w)}


def accepted(constraint: Constraint) -> set[str]:
    return {w for w in WORDS if constraint.fullmatch(w)}


patterns = st.sampled_from(PATTERNS)


@checked(200)
@given(patterns, patterns, st.sampled_from("+|&~-*"), st.integers(0, 2), st.integers(0, 2))
def test_operators_are_those_of_sets(first: str, second: str, operator: str, lo: int, more: int) -> None:
    x, y = regex(first), regex(second)
    xs, ys = matching(first), matching(second)
    everything = set(WORDS)
    match operator:
        case "+":
            assert accepted(x + y) == {v + w for v in xs for w in ys} & everything
        case "|":
            assert accepted(x | y) == xs | ys
        case "&":
            assert accepted(x & y) == xs & ys
        case "~":
            assert accepted(~x) == everything - xs
        case "-":
            assert accepted(~(x | ~y) & (x | y)) == ys - xs
        case "*":
            powers = [{""}]
            for _ in range(lo + more):
                powers.append({v + w for v in powers[-1] for w in xs if len(v + w) < 5})
            assert accepted(x.repeat(lo, lo + more)) == set().union(*powers[lo:])


def test_strings_stand_for_themselves() -> None:
    number = regex(r"\d+")
    assert ("Answer: " + number).fullmatch("Answer: 42")
    assert (number + "!").fullmatch("42!")
    assert ("none" | number).fullmatch("none")
    assert (number | "none").fullmatch("none")
    assert ("7" & number).fullmatch("7")
    assert (number & "7").fullmatch("7")
    assert not (number & "7").fullmatch("8")
    assert ("(a" + number).fullmatch("(a1")  # plain strings, not patterns
    assert (number + "").fullmatch("1")
    assert literal_text("é€😀").fullmatch("é€😀")


def test_precedence_is_pythons() -> None:
    a, b, c = (literal_text(x) for x in "abc")
    assert accepted(a + b | c) == {"ab"}
    assert (a + b | c).fullmatch("c")
    assert accepted(a + (b | a)) == {"ab", "aa"}
    assert accepted(~a & regex("[ab]")) == {"b"}


@pytest.mark.parametrize("other", [5, None, b"bytes", ["a"], re.compile("a")])
def test_what_does_not_combine(other: object) -> None:
    constraint = literal_text("a")
    for combine in (
        lambda: constraint + other,
        lambda: constraint | other,
        lambda: constraint & other,
        lambda: other | constraint,
        lambda: other & constraint,
    ):
        with pytest.raises(ArgumentError, match=f"not with {type(other).__name__}"):
            combine()


def test_repeat() -> None:
    pair = literal_text("ab")
    assert pair.repeat(0).fullmatch("")
    assert pair.repeat(2).fullmatch("abababab")
    assert not pair.repeat(2).fullmatch("ab")
    assert accepted(pair.repeat(1, 2)) == {"ab", "abab"}
    assert pair.repeat(0, 0).fullmatch("")
    for lo, hi in ((-1, None), (3, 2), (0, -1)):
        with pytest.raises(ArgumentError, match="expected 0 <= lo <= hi"):
            pair.repeat(lo, hi)


# --- text -----------------------------------------------------------------------------------------


def ends_at_first(word: str, ends: list[str]) -> bool:
    """``word`` ends with one of ``ends``, and none of them is complete before."""
    return any(map(word.endswith, ends)) and not any(end in word[:-1] for end in ends)


@checked(150)
@given(st.lists(st.text(ALPHABET[:3], min_size=1, max_size=3), min_size=1, max_size=3))
def test_text_until(ends: list[str]) -> None:
    constraint = text(until=ends)
    assert accepted(constraint) == {w for w in WORDS if ends_at_first(w, ends)}
    if len(ends) == 1:
        assert accepted(text(until=ends[0])) == accepted(constraint)


def test_text() -> None:
    assert text().fullmatch("")
    assert text().fullmatch("any é€😀\n\x00")
    thought = text(until="</think>") + choices(["yes", "no"])
    assert thought.fullmatch("Hm. < /think> So</think>yes")
    assert not thought.fullmatch("Hm.</think>yes</think>no")
    assert not thought.fullmatch("yes")
    assert thought.shortest() == "</think>no"
    assert text(until="é").fullmatch("aé")
    assert not text(until="é").fullmatch("aéé")
    assert text(until="aab").fullmatch("aaaab")
    assert text(until=iter(["x", "y"])).fullmatch("abcy")
    for wrong in ("", [], ["a", ""], [3], 5):
        with pytest.raises(ArgumentError, match="until must be a non-empty string or a list of them"):
            text(until=wrong)  # type: ignore[arg-type]


# --- choices --------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"
    CRIMSON = "red"  # noqa: PIE796 (an alias)


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 20


def test_choices() -> None:
    colours = choices(["red", "green", "dark red", ""])
    for value in ("red", "green", "dark red", ""):
        assert colours.fullmatch(value)
    for value in ("re", "redd", "dark", "Red"):
        assert not colours.fullmatch(value)
    assert choices({"a": 1, "b": 2}).fullmatch("b")
    assert choices(x for x in ("one", "two")).fullmatch("two")
    assert choices(Colour).fullmatch("red")
    assert not choices(Colour).fullmatch("RED")
    assert choices(Size).fullmatch("20")
    assert choices(["naïve", "日本"]).fullmatch("日本")


def test_wrong_choices() -> None:
    with pytest.raises(ArgumentError, match=r"got the single string 'yes'; write choices=\['yes'\]"):
        choices("yes")
    with pytest.raises(ArgumentError, match="at least one string"):
        choices([])
    with pytest.raises(ArgumentError, match="at least one string"):
        choices(enum.Enum("Nothing", []))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"choices\[1\]: expected a string, got int 2; write str\(2\)"):
        choices(["a", 2])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="expected a list of strings or an Enum class, got int"):
        choices(5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="unpaired surrogate at position 1"):
        choices(["ok", "a\ud800"])
    with pytest.raises(ArgumentError, match="unpaired surrogate at position 0"):
        "\udfff" + text()


def test_a_hundred_thousand_choices() -> None:
    many = choices([f"item {i:06d}" for i in range(100_000)])
    assert many.fullmatch("item 099999")
    assert not many.fullmatch("item 100000")
    assert "100000 in all" in many.description


# --- other questions ------------------------------------------------------------------------------


def test_fullmatch_of_what_is_no_text() -> None:
    assert not text().fullmatch("\ud800")
    assert not (~literal_text("a")).fullmatch("\ud800")


def test_is_empty_and_shortest() -> None:
    assert (literal_text("a") & "b").is_empty
    assert (literal_text("a") & "b").shortest() is None
    assert not (literal_text("a") | "b").is_empty
    assert (~text()).is_empty
    assert (regex("[ab]{3,}") & regex("a.*b")).shortest() in ("aab", "abb")
    assert regex("é{2}").shortest() == "éé"
    assert (~choices(["", "a"])).shortest() == "b"


def test_descriptions() -> None:
    a, b = regex("a+"), choices(["x", "y"])
    assert str(a) == repr(a) == a.description == "regex('a+')"
    assert str(b) == "choices(['x', 'y'])"
    assert str(choices(list("abcdef"))) == "choices(['a', 'b', 'c', 'd', ... 6 in all])"
    assert str(a + b) == "regex('a+') + choices(['x', 'y'])"
    assert str("k: " + a) == "'k: ' + regex('a+')"
    assert str((a | b) + a) == "(regex('a+') | choices(['x', 'y'])) + regex('a+')"
    assert str(a & (b | a)) == "regex('a+') & (choices(['x', 'y']) | regex('a+'))"
    assert str(~a) == "~regex('a+')"
    assert str(~(a | b)) == "~(regex('a+') | choices(['x', 'y']))"
    assert str(a.repeat(1, 3)) == "regex('a+').repeat(1, 3)"
    assert str((~a).repeat(1, 3)) == "(~regex('a+')).repeat(1, 3)"
    assert str(~a.repeat(1, 3)) == "~regex('a+').repeat(1, 3)"
    assert str(text()) == "text()"
    assert str(text(until="END")) == "text(until='END')"
    assert str(text(until=("A", "B"))) == "text(until=['A', 'B'])"


def test_sources_are_kept() -> None:
    """What `relark.explain` reports on."""
    a, b = regex("a+"), regex("(b)\\1")
    combined = (a + "x" | ~b).repeat(1, 2) & text()
    assert combined.sources == (*a.sources, *b.sources)
    assert choices(["a"]).sources == ()


def test_errors_are_of_one_family() -> None:
    with pytest.raises(PatternError):
        regex("(")
    for error in (
        ArgumentError,
        PatternError,
        relark.TokenNotAllowed,
        relark.UnsatisfiableError,
        relark.UnsupportedError,
    ):
        assert issubclass(error, RelarkError)
    assert issubclass(ArgumentError, ValueError)


def test_constraints_are_compared_by_identity_and_frozen() -> None:
    a = literal_text("a")
    assert a != literal_text("a")
    assert a.term is literal_text("a").term
    assert len({a, a}) == 1
    with pytest.raises(AttributeError):
        a.term = a.term  # type: ignore[misc]


def test_one_constraint_for_many_threads() -> None:
    constraint = (regex(r"(?<!b)[ab]*!?") | text(until="!\n")) & ~choices(["ab", "ba"])
    expected = accepted(constraint)
    relark.clear_caches()
    answers: list[set[str]] = []
    workers = [threading.Thread(target=lambda: answers.append(accepted(constraint))) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert answers == [expected] * 6
