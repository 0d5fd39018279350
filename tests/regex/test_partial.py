"""The partial-match leaf on its own: with a partition and a guide given by hand."""

from __future__ import annotations

import random
import threading

import pytest
import regex
from random_patterns import TEXTS

from relark.errors import UnsupportedError
from relark.frontends.regex import partial
from relark.frontends.regex.partial import PartialMatch, partial_match_term
from relark.language import EMPTY, TEXT, Term, code_points, concat, derive, is_empty, literal, repeat, shortest
from relark.language.terms import LeafTerm
from timing import timed

ALL_BYTES = (1 << 256) - 1
WORD = [(48, 57), (65, 90), (95, 95), (97, 122)]


def singles(characters: str) -> list[list[tuple[int, int]]]:
    return [[(ord(c), ord(c))] for c in characters]


def after(term: Term, data: bytes) -> Term:
    for byte in data:
        term = derive(term, byte)
    return term


def the_leaf(term: Term) -> PartialMatch:
    assert isinstance(term, LeafTerm)
    assert isinstance(term.leaf, PartialMatch)
    return term.leaf


A_PLUS = repeat(literal(b"a"), 1, None)
EXAMPLES: dict[str, tuple[str, Term | None, str]] = {
    r"(a+)b\1": ("ab", concat(A_PLUS, literal(b"b"), A_PLUS), "aba"),
    r"(?a)(\w{20})-\1": (
        "-",
        concat(repeat(code_points(WORD), 20, 20), literal(b"-"), repeat(code_points(WORD), 20, 20)),
        "a" * 20 + "-" + "a" * 20,
    ),
    r"""(?P<q>['"]).*?(?P=q)""": ("'\"\n", None, '""'),
    r"(?:(?:foobar){e<=2})": ("fobar", None, "????"),
    r"\((?:[^()]|(?R))*\)": ("()", concat(literal(b"("), TEXT, literal(b")")), "()"),
    r"(a)?b(?(1)c|d)": ("abcd", None, "bd"),
    r"(?i)(straße)-\1": ("straße-", None, "?????????????"),
    r"(?=(a+b))\1c": ("abc", None, "abc"),
    r"(?r)\1b(a+)": ("ab", None, "aba"),
}


@pytest.mark.parametrize("guided", [True, False])
@pytest.mark.parametrize("pattern", EXAMPLES)
def test_completions_are_found_quickly(pattern: str, guided: bool) -> None:
    characters, guide, expected = EXAMPLES[pattern]
    partition = [WORD, *singles(characters)] if r"\w" in pattern else singles(characters)
    judge = regex.compile(pattern)
    with timed() as watch:
        term = partial_match_term(judge, partition, guide if guided else None)
        found = the_leaf(term).shortest(ALL_BYTES)
    assert watch.seconds < 3
    assert found is not None
    text = found.decode()
    assert judge.fullmatch(text)
    assert len(text) == len(expected)


def test_completions_after_a_prefix() -> None:
    term = partial_match_term(regex.compile(r"\((?:[^()]|(?R))*\)"), singles("()"), None)
    assert shortest(after(term, "(a((é".encode())) == b")))"
    term = partial_match_term(regex.compile(r"(\w+) and \1"), [WORD, *singles(" and")], None)
    assert shortest(after(term, b"fish and fi")) == b"sh"
    term = partial_match_term(regex.compile(r"(é|中)=\1"), singles("é中="), None)
    assert shortest(after(term, "中".encode()[:2])) == "中".encode()[2:] + "=中".encode()


def test_completions_use_the_alphabet() -> None:
    leaf = the_leaf(partial_match_term(regex.compile(r"([ab])\1"), singles("ab"), None))
    assert leaf.shortest(ALL_BYTES & ~(1 << ord("a"))) == b"bb"
    assert leaf.shortest(1 << ord("c")) is None


@pytest.mark.parametrize(
    ("pattern", "characters"),
    [(r"(a\2)(a)", "a"), (r"(?>(a+))\1", "a"), (r"(a)(?!a)\1", "a"), (r"(?=b)(a)\1", "ab"), (r"(a)(*F)\1", "a")],
)
def test_emptiness_is_proved_where_extensions_run_out(pattern: str, characters: str) -> None:
    term = partial_match_term(regex.compile(pattern), singles(characters), repeat(literal(b"a"), 0, 6))
    assert term is EMPTY or is_empty(term)


def test_a_state_is_verified_where_partial_matching_errs() -> None:
    judge = regex.compile(r"(?:(a)(?=b)a|(b))\2?")
    assert judge.fullmatch("a", partial=True)  # though nothing completes it
    term = partial_match_term(judge, singles("ab"), None)
    assert is_empty(derive(term, ord("a")))
    assert not is_empty(derive(term, ord("b")))


@pytest.mark.parametrize(
    "pattern",
    [r"(b)\B\1", r"(a)\b-\b\1", r"([ab])$|(-)\2", r"(a|-)(?<!a)\1?b", r"(a)\1(?:ba){1<=e<=2}", r"(b)\1(?:ba){2<=e<=3}"],
)
def test_prefixes_of_matches_live_where_partial_matching_errs(pattern: str) -> None:
    judge = regex.compile(pattern)
    term = partial_match_term(judge, singles("ab-"), None)
    for text in TEXTS:
        if judge.fullmatch(text):
            for i in range(len(text) + 1):
                assert not is_empty(after(term, text[:i].encode())), text[:i]
        assert after(term, text.encode()).nullable == bool(judge.fullmatch(text))


def test_bytes_of_unfinished_characters() -> None:
    term = partial_match_term(regex.compile(r"([à-ý])-\1"), [[(0xE0, 0xFD)], *singles("-")], None)
    assert not is_empty(after(term, b"\xc3"))
    assert after(term, b"\xc2") is EMPTY
    assert after(term, b"\xff") is EMPTY
    assert after(term, b"\xc3\x80") is EMPTY
    assert after(term, "é-".encode() + b"\xc3\xa9").nullable
    assert after(term, "é-".encode() + b"\xc3\xa8") is EMPTY
    emoji = partial_match_term(regex.compile(r"(.)\1"), singles("\n"), None)
    for data in (b"\xf0", b"\xf0\x9f\x98", b"\xe0\xa0", b"\xf4\x8f", b"\xed\x9f"):
        assert not is_empty(after(emoji, data)), data
    for data in (b"\xc0", b"\xc1\x80", b"\xe0\x80", b"\xed\xa0", b"\xf0\x80", b"\xf4\x90", b"\xf5", b"\x80", b"\xe4a"):
        assert after(emoji, data) is EMPTY, data


def test_interchangeable_characters_lead_to_one_state() -> None:
    term = partial_match_term(regex.compile(r"\((?:[^()]|(?R))*\)"), singles("()"), None)
    assert after(term, b"(ab") is after(term, "(é中".encode())
    assert after(term, "(é".encode()[:2]) is after(term, "(ü".encode()[:2])
    assert after(term, b"(ab") is not after(term, b"(abc")
    with_reference = partial_match_term(regex.compile(r"(.)-\1"), singles("-\n"), None)
    assert after(with_reference, b"a") is not after(with_reference, b"b")


def test_case_variants_are_told_apart_where_they_must_be() -> None:
    partition = [[(0, 0x2C), (0x2E, 0x10FFFF)], *singles("-")]
    judge = regex.compile(r"(?iV1)(.)-\1")
    term = partial_match_term(judge, partition, None)
    for first, second in ["kK", "k\u212a", "sſ", "σς", "ßẞ", "ab", "éÉ"]:
        assert after(term, f"{first}-{second}".encode()).nullable == bool(judge.fullmatch(f"{first}-{second}"))
    assert after(term, "ß-ss".encode()).nullable


def test_the_guide_prunes() -> None:
    judge = regex.compile(r"(a+)b\1")
    guide = repeat(code_points([(ord("a"), ord("b"))]), 0, 3)
    term = partial_match_term(judge, singles("ab"), guide)
    assert after(term, b"aba").nullable
    assert is_empty(after(term, b"aa")) or after(term, b"aabaa") is EMPTY


def test_a_catastrophic_match_ends_in_an_error() -> None:
    judge = regex.compile(r"(?:(?:a+)+b){e<=3}")
    term = partial_match_term(judge, singles("ab"), None)
    with timed() as watch, pytest.raises(UnsupportedError, match=r"\(\?:\(\?:a\+\)\+b\)\{e<=3\}.*more than"):
        after(term, b"a" * 40 + b"ccccc")
    assert watch.seconds < 15


def test_slow_matches_add_up_to_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    term = partial_match_term(regex.compile(r"(a*)-\1"), singles("a-"), None)
    monkeypatch.setattr(partial, "SLOW_LIMIT", 0.001)
    with pytest.raises(UnsupportedError, match="the matches for one mask take more than"):
        after(term, b"a" * 5000)


def test_states_are_shared_by_threads() -> None:
    judge = regex.compile(r"(\w+)-\1")
    term = partial_match_term(judge, [WORD, *singles("-")], None)
    failures: list[str] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(100):
            word = "".join(rng.choice("abc") for _ in range(rng.randrange(1, 6)))
            state = after(term, f"{word}-".encode())
            if shortest(state) != word.encode() or not after(state, word.encode()).nullable:
                failures.append(word)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
