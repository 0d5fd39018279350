"""JSON strings: every spelling of every decoded text, and nothing else."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relark.frontends.regex import compile_regex
from relark.frontends.schema.strings import json_key, json_string, json_text, length_term, meet
from relark.frontends.schema.texts import containing, counted
from relark.language import (
    EMPTY,
    EPSILON,
    TEXT,
    Completions,
    Term,
    byte_set,
    code_points,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    literal,
    one_of,
    repeat,
    shortest,
    transitions,
    union,
)
from relark.language.derivative import clamp, derive_by_definition
from relark.language.terms import FULL, LAZY, LeafTerm

PRINTABLE = sum(1 << byte for byte in range(0x20, 0x7F))


def accepts(term: Term, text: str | bytes) -> bool:
    for byte in text.encode() if isinstance(text, str) else text:
        term = derive(term, byte)
        if term is EMPTY or is_empty(term):
            return False
    return term.nullable


def fullmatch(pattern: str) -> Term:
    return compile_regex(pattern).term


def spellings(character: str) -> set[str]:
    """Every way to write one character in a JSON string, by the book."""
    code = ord(character)
    ways = {character} if code >= 0x20 and character not in '"\\' else set()
    short = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
    if character in short:
        ways.add("\\" + short[character])
    if code < 0x20 or code >= 0x7F:
        units = character.encode("utf-16-be").hex()
        lower = "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
        ways |= {lower, lower.replace("\\u", "\0").upper().replace("\0", "\\u")}
    return ways


CHARACTERS = ["a", "/", '"', "\\", "\n", "\0", "\x1f", "\x7f", "é", "\uffff", "\ud7ff", "\ue000", "😀", "\U0010ffff"]
LANGUAGES = {
    "text": TEXT,
    "no text at all": EMPTY,
    "the empty text": EPSILON,
    "a word": literal(b"abc"),
    "lengths": length_term(1, 2),
    "a class": fullmatch(r"[^a-z]+"),
    "a class beyond ASCII": fullmatch(r"[\x00-\x20é-ÿ😀-😎]{1,2}"),
    "letters": fullmatch(r"\p{L}*"),
    "alternatives that share a byte": fullmatch("éx|èy|😀a|😁b"),
    "not a word": intersection(TEXT, complement(literal(b"abc"))),
    "two at once": intersection(fullmatch(r"(?s:.)*a(?s:.)*"), fullmatch(r"(?s:.)*\n(?s:.)*")),
    "a list": one_of([b"a/b", "né".encode(), b'"', b"\n"]),
    "containing": containing(literal("é".encode())),
    "counted": counted(fullmatch("(?:é|ab)*"), 2, 3),
}
SAMPLES = [
    "",
    "a",
    "abc",
    "é",
    "é\n",
    "\n\n",
    "éé",
    "abé",
    "ab",
    "éx",
    "èy",
    "éy",
    "😀a",
    "😁b",
    "😁a",
    "a/b",
    "né",
    '"',
]
SAMPLES += ["a\n", "\na", "\x00\x20", "ÿ😎", "xéx", "ababab", "A", "ǅ", "\\", "ab\x7f"]


@pytest.mark.parametrize("name", LANGUAGES)
def test_texts_are_those_of_the_members(name: str) -> None:
    decoded = LANGUAGES[name]
    term = json_text(decoded)
    for sample in SAMPLES:
        expected = accepts(decoded, sample)
        for escape in (True, False):
            assert accepts(term, json.dumps(sample, ensure_ascii=escape)) is expected, sample
        assert not accepts(term, json.dumps(sample) + '"')
        assert not accepts(term, json.dumps(sample)[:-1])


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("around", ["", "é"])
def test_every_spelling_of_a_character(character: str, around: str) -> None:
    terms = [json_text(TEXT), json_string(around + character), json_text(intersection(TEXT, length_term(0, 5)))]
    terms.append(json_text(containing(literal(character.encode()))))
    for term in terms:
        for spelling in spellings(character):
            text = f'"{around}{spelling}"'
            assert accepts(term, text)
            assert json.loads(text) == around + character


NO_STRINGS: list[str | bytes] = [
    '"\\u0041"', '"\\ud83d"', '"\\ude00"', '"\\ud83dx"', '"\\ud83d\\u0041"', '"\\x41"', '"\n"', '"a', 'a"', '"\\u00g0"',
    '"\\', '"\\u00e"', b'"\xed\xa0\x80"', b'"\xff"', b'"\xc3"', "'a'", "",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_STRINGS)
def test_what_is_no_json_string(text: str | bytes) -> None:
    assert not accepts(json_text(TEXT), text)
    assert not accepts(json_text(intersection(TEXT, complement(literal(b"zzz")))), text)


ALPHABET = ["a", '"', "\n", "é", "😀"]
terms = st.recursive(
    st.sampled_from([literal(c.encode()) for c in ALPHABET])
    | st.just(code_points([(0, 0x10FFFF)]))
    | st.just(code_points([(0xE8, 0xE9), (0x1F600, 0x1F601)])),
    lambda inner: st.one_of(
        st.builds(concat, inner, inner),
        st.builds(union, inner, inner),
        st.builds(repeat, inner, st.integers(0, 1), st.sampled_from([1, 2, None])),
        st.builds(lambda t: intersection(TEXT, complement(t)), inner),
        st.builds(intersection, inner, inner),
        st.builds(containing, inner),
        st.builds(lambda t, n: meet(t, length_term(n, 3)), inner, st.integers(0, 2)),
    ),
    max_leaves=5,
)
WORDS = ["".join(w) for n in range(4) for w in itertools.product(ALPHABET, repeat=n)]


@given(terms, st.sampled_from([True, False]))
def test_any_language(decoded: Term, escape: bool) -> None:
    term = json_text(decoded)
    for word in WORDS:
        assert accepts(term, json.dumps(word, ensure_ascii=escape)) is accepts(decoded, word)
    assert is_empty(term) is is_empty(decoded)


@given(terms, st.binary(max_size=5))
def test_derivatives_agree_with_the_equations(decoded: Term, steps: bytes) -> None:
    term = json_text(decoded)
    for byte in [0x22, *steps]:
        if not term.flags & LAZY:
            for mask, target in transitions(term):
                lowest = (mask & -mask).bit_length() - 1
                assert derive_by_definition(term, lowest) is target
        term = derive(term, byte)


@given(terms)
def test_shortest_members(decoded: Term) -> None:
    term = json_text(decoded)
    text = shortest(term)
    if text is None:
        assert is_empty(decoded)
        return
    assert accepts(decoded, json.loads(text))
    for alphabet in (PRINTABLE, FULL & ~(1 << ord("a"))):
        text = Completions(alphabet).shortest(term)
        if text is not None:
            assert accepts(term, text)
            assert all(alphabet >> byte & 1 for byte in text)


def test_shortest_member_by_escapes_alone() -> None:
    assert Completions(PRINTABLE).shortest(json_text(literal("é😀\0".encode()))) == b'"\\u00e9\\ud83d\\ude00\\u0000"'
    assert Completions(PRINTABLE).shortest(json_text(containing(literal("é".encode())))) == b'"\\u00e9"'


@given(terms, st.binary(max_size=4))
def test_bounds_hold(decoded: Term, steps: bytes) -> None:
    alphabet = FULL & ~(1 << 0x04 | 1 << 0xF1)
    completions = Completions(alphabet)
    term = json_text(decoded)
    length, rest = completions.bounds(term)
    if length >= 1 << 60 or rest >= 1 << 60 or is_empty(term):
        return
    text = completions.shortest(term)
    assert text is not None
    assert len(text) <= length
    for byte in b'"' + steps:
        term = derive(term, byte)
        if term is EMPTY or is_empty(term):
            return
        text = completions.shortest(term)
        assert text is not None
        assert len(text) <= max(length, rest)


def test_plain_terms_stay_plain() -> None:
    for decoded in (TEXT, length_term(0, 9), literal("né".encode()), fullmatch(r"[a-zé]{2,5}-\d+")):
        term = json_text(decoded)
        assert not term.flags & LAZY
        assert not isinstance(derive(term, 0x22), LeafTerm)


def test_keys_are_strings() -> None:
    assert json_key(literal(b"a")) is json_string("a")


# --- states that end --------------------------------------------------------------------------------------------------


def test_no_dead_ends_inside_escapes() -> None:
    term = json_text(intersection(TEXT, code_points([(0x400, 0x4FF), (0x1F600, 0x1F64F)])))
    for text, alive in [
        ('"\\', True), ('"\\u', True), ('"\\n', False), ('"\\u0', True), ('"\\u00', False), ('"\\u04', True),
        ('"\\uD', True), ('"\\uD8', True), ('"\\uD83', True), ('"\\uD83D', True), ('"\\uD83E', False),
        ('"\\uD83D\\uDE', True), ('"\\uD83D\\uDF', False), ('"\\uD83D\\uDE4', True), ('"\\uD83D\\uDE5', False),
        ('"\\uE', False), ('"a', False),
    ]:  # fmt: skip
        state = term
        for byte in text.encode():
            state = derive(state, byte)
        assert (state is not EMPTY and not is_empty(state)) is alive, text


def test_dead_states_of_the_decoded_term_are_dead() -> None:
    state = json_text(intersection(TEXT, repeat(byte_set(FULL), 2, 4)))
    for byte in b'"A\xf3\xb7':
        state = derive(state, byte)
    assert state is EMPTY or is_empty(state)


# --- meet, counted, containing ----------------------------------------------------------------------------------------


def test_meet_of_a_class_and_a_length_is_a_repeat() -> None:
    assert meet(length_term(2, 9), fullmatch("[a-z]{1,5}")) is fullmatch("[a-z]{2,5}")
    assert meet(fullmatch("[é-ÿ]+"), length_term(0, 3)) is fullmatch("[é-ÿ]{1,3}")
    assert meet(length_term(1, 5), length_term(3, None)) is length_term(3, 5)
    assert meet(TEXT, fullmatch("abc")) is fullmatch("abc")
    assert meet(length_term(3, 5), fullmatch("abc")) is fullmatch("abc")
    assert meet(length_term(4, 5), fullmatch("abc")) is EMPTY


@given(terms, st.integers(0, 3), st.sampled_from([None, 0, 1, 2, 3]))
def test_counted_is_the_intersection_with_a_length(term: Term, least: int, most: int | None) -> None:
    result = counted(term, least, most)
    for word in WORDS:
        inside = least <= len(word) and (most is None or len(word) <= most)
        assert accepts(result, word) is (inside and accepts(term, word))


@given(terms, st.integers(0, 6), st.sampled_from([None, 3, 5, 9]))
def test_counted_knows_when_it_is_empty(term: Term, least: int, most: int | None) -> None:
    assert is_empty(counted(term, least, most)) is is_empty(intersection(term, length_term(least, most)))


@pytest.mark.parametrize(("pattern", "least", "most", "alive"), [
    ("(?:abc)*", 4, 5, False), ("(?:abc)*", 4, 6, True), ("(?:abc)*", 100, 100, False), ("(?:aa|aaa)", 4, None, False),
    ("(?:ab){2,9}x?", 6, 7, True), ("(?:abcd){2,9}x?", 10, 11, False), ("a{3}|b{700}", 4, 699, False),
    ("a{3}|b{700}", 4, 700, True), ("(?:a{50})*b{7}", 99, 106, False), ("(?:a{50})*b{7}", 99, 107, True),
])  # fmt: skip
def test_lengths_with_gaps(pattern: str, least: int, most: int | None, alive: bool) -> None:
    assert (counted(fullmatch(pattern), least, most) is not EMPTY) is alive


def test_many_alternatives_are_counted() -> None:
    words = ["x" * n + str(n) for n in range(3, 90)]
    term = counted(one_of([w.encode() for w in words]), 10, 12)
    for word in words:
        assert accepts(term, word) is (10 <= len(word) <= 12)
    assert counted(one_of([b"a", b"bcd"]), 2, 2) is EMPTY


@given(st.sampled_from(["ab", "a|ba", "a+b", "é.", "[^a]b|😀"]), st.sampled_from(["", "a", "b*a"]))
def test_containing_is_a_search(anywhere: str, first: str) -> None:
    pattern = re.compile(f"(?s:.*)(?:{anywhere})(?s:.*)" + (f"|(?:{first})(?s:.*)" if first else ""))
    term = containing(fullmatch(anywhere), fullmatch(first) if first else EMPTY)
    for word in map("".join, itertools.product("abé😀\n", repeat=4)):
        assert accepts(term, word) is (pattern.fullmatch(word) is not None)


def test_after_a_match_anything_goes() -> None:
    term = containing(literal(b"ab"))
    for byte in b"xxab":
        term = derive(term, byte)
    assert term is TEXT


# --- clamp ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "decoded",
    [
        length_term(0, 300),
        length_term(200, 300),
        fullmatch(r"[a-z]{50,90}\d"),
        meet(fullmatch("[a-z]([a-z-]*[a-z])?"), length_term(0, 300)),
        meet(containing(literal(b"ab")), length_term(20, 300)),
        meet(fullmatch("éx|èy|a{100}[bc]*"), length_term(100, 250)),
        intersection(fullmatch("a{30}b*"), fullmatch("a*b{30}")),
    ],
)
def test_clamped_terms_allow_the_same_short_texts(decoded: Term) -> None:
    limit = 5
    term = derive(json_text(decoded), 0x22)
    pairs = [(term, clamp(term, limit))]
    for _ in range(limit - 1):
        after = []
        for exact, cut in pairs:
            for byte in b'ab-1"\\\xc3\xa9n':
                one, other = derive(exact, byte), derive(cut, byte)
                assert (one is EMPTY or is_empty(one)) == (other is EMPTY or is_empty(other))
                if one is not EMPTY:
                    after.append((one, other))
        pairs = list(dict.fromkeys(after))


def test_long_lengths_are_clamped_to_one_term() -> None:
    after = [derive(json_text(length_term(0, most)), 0x22) for most in (500, 501)]
    assert clamp(after[0], 100) is clamp(after[1], 100)
    counts = [derive(json_text(meet(fullmatch("[a-z]([a-z-]*[a-z])?"), length_term(0, n))), 0x22) for n in (500, 501)]
    assert clamp(counts[0], 100) is clamp(counts[1], 100)


def test_what_is_asked_lazily_stays_lazy() -> None:
    decoded = compile_regex(r"(a|bc)\1\d").term
    assert decoded.flags & LAZY
    term = json_text(decoded)
    assert term.flags & LAZY
    for text, expected in [('"aa1"', True), ('"bcbc2"', True), ('"abc1"', False), ('"a\\u00611"', False)]:
        assert accepts(term, text) is expected
