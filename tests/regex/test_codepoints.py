"""Character classes: the answers of `codepoints` against the engines, one character at a time."""

from __future__ import annotations

import itertools
import random
import re
import unicodedata
from typing import Any

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from relark.frontends.regex import codepoints
from relark.frontends.regex.codepoints import (
    EVERYTHING,
    Judge,
    Ranges,
    case_variants,
    complement,
    escaped,
    matched_by,
    normalised,
    partition,
    plain_set,
    set_source,
)

REGEX, REGEX_V1, RE = Judge(), Judge(version=1), Judge("re")
ASCII_REGEX, ASCII_RE = Judge(encoding="a"), Judge("re", "a")
ALL_JUDGES = [REGEX, REGEX_V1, RE, ASCII_REGEX, ASCII_RE]

_chance = random.Random(20)
SAMPLE = sorted(
    {*range(0x250), *_chance.sample(range(0x250, 0xD800), 600), *_chance.sample(range(0xE000, 0x110000), 300), 0x10FFFF}
    | {ord(c) for c in "ſ\u212a\u212bİıẞßΣςσﬀﬁǅǆᲄѠ\u0345\u1fbe\u2028\u2029\x85"}
)

code_point = st.integers(0, 0x10FFFF).filter(lambda c: not 0xD800 <= c <= 0xDFFF)
range_list = st.lists(st.tuples(code_point, code_point).map(lambda pair: (min(pair), max(pair))), max_size=5)


def contains(ranges: Ranges, code: int) -> bool:
    return any(lo <= code <= hi for lo, hi in ranges)


def members(ranges: Ranges) -> set[int]:
    return {code for lo, hi in ranges for code in range(lo, hi + 1)}


def pattern_of(judge: Judge, source: str, flags: str = "") -> Any:
    """``source`` compiled without any help from `codepoints`; V1's full case folding is switched off by hand."""
    letters = flags + ("a" if judge.encoding == "a" else "")
    wrapped = f"(?{letters}){source}" if letters else source
    if judge.module == "re":
        return re.compile(wrapped)
    return regex.compile(f"(?V1{letters}-f:{source})" if judge.version else wrapped)


class TestClasses:
    @pytest.mark.parametrize("judge", ALL_JUDGES)
    @pytest.mark.parametrize(
        "source", [r"\w", r"\d", r"\s", r"\W", r"\D", r"\S", ".", "[a-z_]", r"[^\w-]", r"[\d\s]", "[^x]"]
    )
    @pytest.mark.parametrize("ignore_case", [False, True])
    def test_agrees_with_fullmatch(self, judge: Judge, source: str, ignore_case: bool) -> None:
        pattern = pattern_of(judge, source, "i" if ignore_case else "")
        found = matched_by(judge, source, ignore_case)
        wrong = [hex(c) for c in SAMPLE if contains(found, c) != bool(pattern.fullmatch(chr(c)))]
        assert wrong == []

    @pytest.mark.parametrize(
        "source",
        [
            r"\p{Lu}", r"\P{Ll}", r"\p{^Greek}", r"\p{Script=Cyrillic}", r"\pN", r"[[:punct:]]", r"[[:^alpha:]]",
            r"\h", r"[\p{L}a-f]",
            r"[^\p{L}\d]", r"\p{InLatin1Supplement}", r"\p{Horiz_Space}", r"\p{ASCII}",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("ignore_case", [False, True])
    def test_properties(self, source: str, ignore_case: bool) -> None:
        for judge in (REGEX, REGEX_V1, ASCII_REGEX):
            pattern = pattern_of(judge, source, "i" if ignore_case else "")
            found = matched_by(judge, source, ignore_case)
            assert [hex(c) for c in SAMPLE if contains(found, c) != bool(pattern.fullmatch(chr(c)))] == []

    @pytest.mark.parametrize(
        "source",
        [
            "[[a-z]--[aeiou]]",
            "[a-z&&[^m-p]]",
            "[a-f~~d-k]",
            "[a||[0-9]]",
            r"[\w--[\d_]]",
            r"[^[a-z]--[b]]",
            r"[[:alpha:]--\p{Lu}]",
        ],
    )
    @pytest.mark.parametrize("ignore_case", [False, True])
    def test_set_operators(self, source: str, ignore_case: bool) -> None:
        pattern = pattern_of(REGEX_V1, source, "i" if ignore_case else "")
        found = matched_by(REGEX_V1, source, ignore_case)
        assert [hex(c) for c in SAMPLE if contains(found, c) != bool(pattern.fullmatch(chr(c)))] == []

    def test_complementary_classes_are_everything_even_when_negated(self) -> None:
        # `regex` reads a set with a class and its opposite as "any character" before it looks at the "^".
        assert regex.fullmatch(r"[^\w\W]", "a") is not None
        assert matched_by(REGEX, r"[^\w\W]") == EVERYTHING
        assert matched_by(RE, r"[^\w\W]") == ()

    def test_properties_of_ascii_patterns_that_ignore_case_are_those_of_fullmatch(self) -> None:
        pattern = regex.compile(r"(?ai)\p{Lu}+")
        assert pattern.fullmatch("a") is not None
        assert pattern.findall("aA1") == ["A"]  # `regex` searches by another rule than it matches
        assert contains(matched_by(ASCII_REGEX, r"\p{Lu}", True), ord("a"))

    def test_answers_are_remembered(self) -> None:
        first = matched_by(REGEX, r"\p{Han}")
        assert matched_by(REGEX, r"\p{Han}") is first

    def test_surrogates_are_left_out(self) -> None:
        assert matched_by(REGEX, r"\p{Cs}") == ()
        assert matched_by(REGEX, ".", False) == ((0, 9), (11, 0xD7FF), (0xE000, 0x10FFFF))
        assert case_variants(REGEX, 0xD800) == ()


class TestCase:
    @pytest.mark.parametrize("judge", ALL_JUDGES)
    def test_variants_agree_with_fullmatch(self, judge: Judge) -> None:
        for char in "kKsSiIıİſ\u212aßẞåÅ\u212bσςΣµμǅﬁﬅﬆ9-^]\\Ѡᲀ\u0345":
            pattern = pattern_of(judge, escaped(ord(char)), "i")
            variants = case_variants(judge, ord(char))
            assert [hex(c) for c in SAMPLE if contains(variants, c) != bool(pattern.fullmatch(chr(c)))] == [], char

    @pytest.mark.parametrize("judge", [REGEX, RE])
    def test_no_character_with_case_is_overlooked(self, judge: Judge) -> None:
        # What is not in the list must match itself only; the engine is asked over all code points.
        everything = codepoints._universe()
        listed = set(codepoints._cased_characters(judge.module))
        for char in _chance.sample(everything, 150):
            if char not in listed:
                found = [m.group() for m in pattern_of(judge, escaped(ord(char)), "i").finditer(everything)]
                assert found == [char]

    @pytest.mark.slow
    @pytest.mark.parametrize("judge", [REGEX, RE])
    def test_every_variant_of_every_character_with_case(self, judge: Judge) -> None:
        everything = codepoints._universe()
        for char in codepoints._cased_characters(judge.module):
            found = {ord(m.group()) for m in pattern_of(judge, escaped(ord(char)), "i").finditer(everything)}
            assert members(case_variants(judge, ord(char))) == found

    def test_known_answers(self) -> None:
        assert members(case_variants(REGEX, ord("k"))) == {ord(c) for c in "kK\u212a"}
        assert members(case_variants(ASCII_REGEX, ord("k"))) == {ord(c) for c in "kK"}
        assert members(case_variants(REGEX, ord("i"))) == {ord(c) for c in "iIİ"}
        assert case_variants(REGEX, ord("7")) == ((55, 55),)
        # `re` also compares by lower case alone, so a long s is an s only where a table says so.
        assert members(case_variants(RE, ord("s"))) == {ord(c) for c in "sSſ"}

    @given(ranges=range_list, negative=st.booleans(), judge=st.sampled_from(ALL_JUDGES), ignore_case=st.booleans())
    def test_plain_sets(self, ranges: list[tuple[int, int]], negative: bool, judge: Judge, ignore_case: bool) -> None:
        ranges = [*ranges, (ord("h"), ord("l"))]
        found = plain_set(judge, ranges, negative, ignore_case)
        pattern = pattern_of(judge, set_source(ranges, negative), "i" if ignore_case else "")
        probes = {c for lo, hi in ranges for c in (lo, hi, lo - 1, hi + 1)} | {ord(c) for c in "kK\u212aſSsİiIßẞ"}
        for code in probes:
            if 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
                assert contains(found, code) == bool(pattern.fullmatch(chr(code)))


class TestFullFolding:
    def test_expansions_are_python_s_own_where_both_know_the_character(self) -> None:
        for char, folding in codepoints.expansions() or ():
            if char != "İ" and unicodedata.category(char) != "Cn":
                assert char.casefold() == folding

    @pytest.mark.parametrize("text", ["ss", "fi", "ffi", "st", "ʼn", "i\u0307", "\u03b9\u0308\u0301", "ass", "tess"])
    def test_unfoldings_spell_what_regex_accepts(self, text: str) -> None:
        pattern = regex.compile(regex.escape(text), regex.I | regex.V1)
        ends: dict[int, set[str]] = {0: {""}}
        for start in range(len(text)):
            for width, chars in codepoints.unfoldings(REGEX_V1, text, start):
                for before in ends.get(start, ()):
                    ends.setdefault(start + width, set()).update(before + chr(c) for c in members(chars))
        spelled = ends[len(text)]
        assert text in spelled
        assert [ascii(word) for word in spelled if not pattern.fullmatch(word)] == []
        # Without the Turkish ı: `regex` takes it for an i only where it finds the text by searching for it first.
        alphabet = {c for word in spelled for c in word} | {"a", "ﬀ", "ﬅ"}
        for width in (1, 2):
            words = alphabet if width == 1 else {a + b for a in alphabet for b in alphabet}
            assert {w for w in words if pattern.fullmatch(w)} == {w for w in spelled if len(w) == width}


class TestSets:
    @given(ranges=range_list)
    def test_normal_form(self, ranges: list[tuple[int, int]]) -> None:
        result = normalised(ranges)
        for (_, hi), (lo, _) in itertools.pairwise(result):
            assert hi + 1 < lo or (hi, lo) == (0xD7FF, 0xE000)
        for code in {c for pair in ranges for c in pair}:
            assert contains(result, code)
        assert not any(contains(result, c) for c in (0xD800, 0xDABC, 0xDFFF))

    @given(ranges=range_list)
    def test_complement(self, ranges: list[tuple[int, int]]) -> None:
        result = normalised(ranges)
        assert complement(complement(result)) == result
        assert normalised([*result, *complement(result)]) == EVERYTHING

    @settings(max_examples=30)
    @given(ranges=range_list, negative=st.booleans())
    def test_written_sets_are_read_alike_by_both_engines(self, ranges: list[tuple[int, int]], negative: bool) -> None:
        source = set_source(ranges, negative)
        expected = complement(normalised(ranges)) if negative else normalised(ranges)
        assert matched_by(REGEX, source) == matched_by(REGEX_V1, source) == matched_by(RE, source) == expected

    @given(code=code_point)
    def test_escapes_stand_for_their_character(self, code: int) -> None:
        for compile_ in (re.compile, regex.compile):
            assert compile_(escaped(code)).fullmatch(chr(code))
            assert compile_(f"(?x)[{escaped(code)}]").fullmatch(chr(code))

    @given(sets=st.lists(range_list, max_size=5))
    def test_partition(self, sets: list[list[tuple[int, int]]]) -> None:
        wanted = [normalised(ranges) for ranges in sets]
        classes = partition(wanted)
        assert normalised(pair for ranges in classes for pair in ranges) == EVERYTHING
        assert sum(hi - lo + 1 for ranges in classes for lo, hi in ranges) == 0x110000 - 0x800
        signatures = [tuple(contains(w, ranges[0][0]) for w in wanted) for ranges in classes]
        assert len(set(signatures)) == len(classes)
        for ranges, signature in zip(classes, signatures, strict=True):
            for lo, hi in ranges:
                for code in (lo, (lo + hi) // 2, hi):
                    if not 0xD800 <= code <= 0xDFFF:
                        assert tuple(contains(w, code) for w in wanted) == signature

    def test_segmentation_classes_cover_everything_once(self) -> None:
        classes = codepoints.segmentation_classes()
        assert sum(hi - lo + 1 for ranges in classes for lo, hi in ranges) == 0x110000 - 0x800
        assert len(classes) > 30
