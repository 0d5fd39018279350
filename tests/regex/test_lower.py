r"""From tree to term: every construct against ``fullmatch`` of the engine that owns it, text by text.

Membership is decided by derivatives over the bytes; all texts up to some length over a small alphabet are compared.
Where the engines err, the case has a name here (`TestWhereTheEnginesErr`) and is kept out of the comparisons.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from relark.errors import ArgumentError, PatternError, RelarkError, UnsupportedError
from relark.frontends.regex import compile_regex
from relark.frontends.regex.lower import Lowered, alphabet, lower
from relark.frontends.regex.syntax import parse
from relark.language import EMPTY, Term, derive

V1 = regex.V1
needs_atomic_re = pytest.mark.skipif(sys.version_info < (3, 11), reason="atomic groups came to re with Python 3.11")


def texts(letters: str, longest: int) -> Iterator[str]:
    """All texts over ``letters`` up to a length."""
    for length in range(longest + 1):
        for chars in itertools.product(letters, repeat=length):
            yield "".join(chars)


def members(term: Term, letters: str, longest: int) -> set[str]:
    """Those of them that are in the language: a walk over the tree of all texts."""
    found = set()

    def walk(term: Term, text: str) -> None:
        if term.nullable:
            found.add(text)
        if len(text) < longest:
            for letter in letters:
                after = follow(term, letter)
                if after is not EMPTY:
                    walk(after, text + letter)

    walk(term, "")
    return found


def follow(term: Term, text: str) -> Term:
    for byte in text.encode():
        term = derive(term, byte)
    return term


def lowered(pattern: Any, flags: int = 0, **lists: Iterable[str]) -> Lowered:
    """The term of a compiled pattern; ``flags`` as it was compiled with."""
    if isinstance(pattern, re.Pattern):
        return lower(parse(pattern.pattern, pattern.flags, module="re"), {})
    globally = pattern.flags & (regex.V0 | V1 | regex.REVERSE)
    return lower(parse(pattern.pattern, flags | globally, names=lists), lists)


def check(pattern: Any, flags: int, letters: str, longest: int) -> None:
    """Same verdict as fullmatch on all texts where the pattern is served exactly; elsewhere no text is missing."""
    result = lowered(pattern, flags)
    found = members(result.term, letters, longest)
    judged = {text for text in texts(letters, longest) if pattern.fullmatch(text)}
    if result.reasons:
        assert judged <= found, sorted(judged - found, key=len)[:5]
    else:
        assert sorted(found - judged, key=len)[:5] == []
        assert sorted(judged - found, key=len)[:5] == []


# --- construct by construct -------------------------------------------------------------------------------------------

WORDS, LINES, LETTERS = "ab -", "ab\n", "abA"
CASES: list[tuple[str, str]] = [
    *((p, LETTERS) for p in [
        "", "a", "a|ab", "a*", "a+b?", "a*?b", "(?:a|ab)(?:b|)", "a{2,3}", "a{,2}b", "(?:ab){2}", "(?:a{2}){1,2}",
        "a{0}b", "[ab]",
        "[^a]", "[^ab]*", "(a)(b)?", "(?P<x>a)+", "(?i)ab", "a(?i)b", "(?i:a)b", "(?i)[a-b]*", "(?i)[^b]",
        "a(?#no)b", "(?x) a b # c",
        "(?|(a)|(b))*", r"\x61\141", r"\N{LATIN SMALL LETTER A}b", "a(*FAIL)|b", r"\Ka\Kb", r"\Gab", r"a\G",
        "(?(DEFINE)(?<x>ab))(?&x)+",
        "(a|b(?2))(ab?)", "(?:(a|ab)|b(?1)a)", "(a)(?1)*b", r"(?(DEFINE)(?<n>a|b)(?<m>(?&n)(?&n)))(?&m)(?&n)",
    ]),
    *((p, LINES) for p in [
        ".", ".*", "(?s).*", "^a$", "a$.*", "(?s)a$.*", "(?m)^a$\n^b$", "(?ms).*^b.*", "(?ms).*a$.*", r"\Aa\Z\n?",
        r"(?s).\Z", "(?m)^", "(?s)(?m:^)*.",
        r"\R", r"a\Rb", r"\s+", r"(?:a$\n)?b",
    ]),
    *((p, WORDS) for p in [
        r"\ba", r"a\b.*", r"\Ba", r".*\Bb.*", r"\b", r"\B", r"(?:\w+\b.?)*", r"\m\w+\M", r".*\Ma.*",
        r"\w+(?: \w+)*", r"[^\w]+", r"(?:\b|a){3}b",
        r"(?a)\b\w.*", r"(?:a|\b)*b",
    ]),
    *((p, LETTERS) for p in [
        r"(?=a)\w+", r"(?!a)\w*", r"\w+(?<=b)", r"\w*(?<!b)", "(?=a*b)(?=.*a$)[ab]+", "(?!.*aa)[ab]+", "(?<!a)b*",
        "(?<=a)b|a", "(?:a(?!b))+b?",
        "(?:(?=a)|b)*a", "(?:a(?=b)|b(?=a))*[ab]", "(?=(?=a)ab)ab", "(?<=(?<!b)a)b|a*", "(?!(?=a)ab)a*b*",
        r"a(?<=\ba)b", "(?<=a*b)a|b+a", "(?=)a",
        "(?!)|a", "(?<!)|b", "(?(?=a)a*b|b*)", "(?(?<=a)b|a)*", "x?(?(?=a)ab)", "(?:(?=ab)a|b)+",
        "(?!a{2})a{1,3}b?", "(?<!b{2})a|b+",
    ]),
    *((p, "ab") for p in [
        "(?>a|ab)b", "(?>ab|a)b", "a*+a", "a*+b", "(?>a*)ab", "a?+ab", "(?:ab?)*+b", "(?>a*b|a)b", "(?>a*?)b",
        "(?:a|ab)*+b", "(?:a|ab){2}+b",
        "(?:a|ab){1}+b", "(?>(?:ab|a)*)b", "(?>(a|ab)(b|))b", "(?>a?b??)b", "(?>a(?>b*))b", "a++b++",
        "(?:a{1,2}+b)*", "(?>a{1,2})a*b", "[ab]{2,3}+b",
        "(?:a?b?)*+a", "(?>(?:a|)(?:ab|))b", "(?>a(?:b|))*b", "(?>ab|a)(?>b|ab)", "(?>(?:)|a)b", "(?>a|b|ab)b",
        "(?:aa|a)?+ab",
        r"(?>\ba*)b", "(?>a(?=b)|ab)b?", "(?>(?=a)a|ab)b?", "(?>(?!b)[ab]*)", "(?<=(?>a|ba))b*|b",
        "(?>(?:a|b(?=a))*+)b?", r"(?>\Ba?|b)b",
        "(?<!(?>ab|b))b*|ab", r"(?>(?<=a)b|a|)b",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "letters"), CASES)
@pytest.mark.parametrize("flags", [0, regex.V1, regex.REVERSE], ids=["V0", "V1", "REVERSE"])
def test_regex(source: str, letters: str, flags: int) -> None:
    if flags == regex.REVERSE and r"\G" in source:
        pytest.skip("the place where the search starts is the other end")
    check(regex.compile(source, flags), flags, letters, 6 if len(letters) == 2 else 5 if len(letters) == 3 else 4)


@pytest.mark.parametrize(("source", "letters"), CASES)
def test_these_cases_are_served_exactly(source: str, letters: str) -> None:
    assert lowered(regex.compile(source)).reasons == ()


@pytest.mark.parametrize(("source", "letters"), CASES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_re(source: str, letters: str) -> None:
    try:
        pattern = re.compile(source)
    except re.error:
        pytest.skip("not in the notation of re")
    check(pattern, 0, letters, 6 if len(letters) == 2 else 5 if len(letters) == 3 else 4)


@pytest.mark.parametrize(
    "source",
    ["^.$", "(?m)^.*$", r"(?s).*$", "(?ms).*^a.*", "(?ms).*a$.*", r"a\Rb", r"\R\R", r"\R+\n", "(?>\r\n?|a)\n", ".*"],
)
def test_lines_under_the_word_flag(source: str) -> None:
    check(regex.compile(source, regex.W), regex.W, "a\r\n\x85\u2028", 4)
    check(regex.compile(source, regex.W | regex.A), regex.W | regex.A, "a\r\n\x85\x0b", 4)


def test_search_anchor_of_a_reversed_pattern_is_its_end() -> None:
    for source in (r"\Gab", r"ab\G"):
        check(regex.compile(source, regex.R), regex.R, "ab", 3)


@pytest.mark.parametrize(
    "source",
    [
        r"\w\d",
        r"\W",
        r"(?a:\w)\w",
        r"(?i)é[à-ý]",
        r"(?ia)é",
        r"[\p{L}--[a-z]]",
        r"(?u)\s",
        r"\p{Lu}\p{Ll}",
        "[[:alpha:]]",
        r"\h",
    ],
)
@pytest.mark.parametrize("flags", [0, V1, regex.A])
def test_characters_beyond_ascii(source: str, flags: int) -> None:
    try:
        pattern = regex.compile(source, flags)
    except (regex.error, ValueError):
        pytest.skip("refused under this flag")
    check(pattern, flags, "aÉé5٣_ \xa0K\u212a", 2)


def test_sets_end_where_regex_ends_them() -> None:
    """All short texts over the characters that matter in sets."""
    for length in range(1, 5):
        for chars in itertools.product("a-]^[&", repeat=length):
            for flags in (0, V1):
                try:
                    pattern = regex.compile("[" + "".join(chars) + "z", flags)
                except regex.error:
                    continue
                check(pattern, flags, "a-]^[&z", 3)


# --- random patterns --------------------------------------------------------------------------------------------------

quantifiers = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{2,}", "{1}", "{0}"])


def patterns(atoms: list[str], wrappers: list[str], possessive: bool) -> st.SearchStrategy[str]:
    """Patterns over ``atoms``, nested in ``wrappers`` (each with a ``%s``), alternatives, sequences and quantifiers."""
    suffixes = st.sampled_from(["", "", "?", "+"] if possessive else ["", "?"])

    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
            st.tuples(inner, quantifiers, suffixes).map(lambda parts: f"(?:{parts[0]}){parts[1]}{parts[2]}"),
            st.tuples(st.sampled_from(wrappers), inner).map(lambda pair: pair[0] % pair[1]),
        )

    return st.recursive(st.sampled_from(atoms), extend, max_leaves=6)


plain_patterns = patterns(
    ["a", "b", ".", "[ab]", "[^a]", "ab", "", r"\w", "(*FAIL)", r"\K"],
    ["(%s)", "(?i:%s)", "(?s:%s)", "(?|%s|b)"],
    False,
)
atomic_patterns = patterns(["a", "b", "ab", "[ab]", "a?", "b*", ""], ["(?>%s)", "(%s)", "(?:%s|)"], True)
look_patterns = patterns(
    ["a", "b", ".", "[ab]", r"\b", r"\B", "^", "$", r"\A", r"\Z", "(?m:^)", "(?m:$)", r"\m", r"\M"],
    ["(?=%s)", "(?!%s)", "(?<=%s)", "(?<!%s)", "(?(?=%s)a|b)", "(?(?<=%s)a|b)", "(?(?=a)%s|b)", "(?>%s)", "(%s)"],
    True,
)
call_patterns = st.tuples(
    patterns(["a", "b", "ab", "(?1)", "[ab]"], ["(?:%s)", "(?=%s)", "(?>%s)"], True),
    patterns(["a", "b", "ab?"], ["(?:%s|b)"], False),
).map(lambda pair: f"{pair[0]}({pair[1]})(?:(?1)|b)")


def compiled_or_none(engine: Any, source: str, flags: int = 0) -> Any:
    try:
        return engine.compile(source, flags)
    except (regex.error, re.error, ValueError):
        return None


@settings(max_examples=150)
@given(source=plain_patterns, flags=st.sampled_from([0, V1, regex.I, regex.S, regex.R]))
def test_random_plain_patterns(source: str, flags: int) -> None:
    pattern = regex.compile(source, flags)
    assert lowered(pattern, flags).reasons == ()
    check(pattern, flags, "aB\n", 5)


@settings(max_examples=150)
@given(source=atomic_patterns, flags=st.sampled_from([0, 0, regex.R]))
def test_random_atomic_patterns(source: str, flags: int) -> None:
    check(regex.compile(source, flags), flags, "ab", 6)


@settings(max_examples=200)
@given(source=look_patterns, flags=st.sampled_from([0, 0, regex.R]))
def test_random_lookarounds_and_anchors(source: str, flags: int) -> None:
    check(regex.compile(source, flags), flags, "ab\n ", 4)


@settings(max_examples=80)
@given(source=call_patterns)
def test_random_group_calls(source: str) -> None:
    pattern = compiled_or_none(regex, source)
    if pattern is not None:
        check(pattern, 0, "ab", 5)


@needs_atomic_re
@settings(max_examples=120)
@given(source=look_patterns)
def test_random_patterns_of_re(source: str) -> None:
    if not re.search(r"[+*?}]\+", source):  # see test_re_never_returns_from_a_possessive_repeat_of_nothing
        pattern = compiled_or_none(re, source)
        if pattern is not None:
            check(pattern, 0, "ab\n ", 4)


@needs_atomic_re
@settings(max_examples=80)
@given(source=patterns(["a", "b", "ab", "[ab]", "ab?"], ["(?>%s)", "(%s)", "(?:%s|b)"], True))
def test_random_atomic_patterns_of_re(source: str) -> None:
    if not re.search(r"\*[^)]*\).*\+|[?0,][}]?\)[^)]*\+", source):
        pattern = compiled_or_none(re, source)
        if pattern is not None and not pattern.fullmatch(""):
            check(pattern, 0, "ab", 6)


# --- ignored case -----------------------------------------------------------------------------------------------------

folded_patterns = patterns(
    ["s", "S", "ß", "f", "i", "fi", "t", "st", "ss", "[s]", "[ß]", "[sf]", "ﬁ", "a", "(?-i:s)", "(?-f:s)", "1"],
    ["(%s)", "(?:%s|s)", "(?:s|s%s)", "(?:fi|f%s)", "f%s", "%sf", "s%s", "(?:s%s|ss)", "(?=%s)", "(?<!%s)"],
    False,
).filter(lambda source: not re.search(r"[*+?}]", source.replace("(?", "")))


@settings(max_examples=150)
@given(source=folded_patterns)
def test_full_case_folding(source: str) -> None:
    """How letters are packed into runs that fold together; without quantifiers, see `TestWhereTheEnginesErr`."""
    flags = V1 | regex.I
    check(regex.compile(source, flags), flags, "sßfiﬁ", 4)


@pytest.mark.parametrize(
    ("source", "accepted", "refused"),
    [
        ("straße", ["STRASSE", "strasse", "Straße", "straſſe"], ["strase", "strasße"]),
        ("ss", ["ß", "ẞ", "sS", "ſs"], ["s", "sß"]),
        ("ß", ["ss", "ẞ", "Ss"], ["s"]),
        ("office", ["OFFICE", "oﬃce", "oﬀice", "ofﬁce"], ["ofice"]),
        ("[ß]", ["ss", "ẞ"], ["s"]),
        (r"[\w-]", ["ss", "ﬃ", "ffi", "k"], ["aa"]),
        ("(?-f:ss)", ["ss", "Sſ"], ["ß"]),
        ("(?:yes|no|first)", ["YES", "ﬁrst", "firﬆ", "No"], ["ye"]),
        ("s(?:sa|sb)", ["ßa", "SSB"], []),
        ("s(?:sa|tb)", ["ssa", "stb"], ["ßa"]),
        ("s(s)", ["ss"], ["ß"]),
    ],
)
def test_known_foldings(source: str, accepted: list[str], refused: list[str]) -> None:
    pattern = regex.compile(source, V1 | regex.I)
    result = lowered(pattern, V1 | regex.I)
    assert result.reasons == ()
    for text in [*accepted, *refused]:
        assert bool(pattern.fullmatch(text)) == (text in accepted), text
        assert follow(result.term, text).nullable == (text in accepted), text


# --- named lists ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", [r"\L<w>", r"a\L<w>b?", r"\L<w>*+a", r"(?>\L<w>)b", r"(?!\L<w>)[ab]+", r"(?i)\L<w>+", r"(?iV1)\L<w>"]
)
@pytest.mark.parametrize(
    "words", [[], [""], ["a"], ["a", "ab", "b"], ["ab", "a", ""], ["aB", "ba", "bab"], ["Aa", "aab"]]
)
def test_named_lists(source: str, words: list[str]) -> None:
    pattern = regex.compile(source, w=words)
    result = lowered(pattern, w=words)
    assert result.reasons == ()
    assert members(result.term, "abA", 4) == {text for text in texts("abA", 4) if pattern.fullmatch(text)}


def test_long_lists_and_long_alternations() -> None:
    words = [format(i, "b").replace("1", "a").replace("0", "b") for i in range(1, 300)]
    for source, lists in [
        (r"\L<w>b", {"w": words}),
        (f"(?:{'|'.join(words)})b", {}),
        (f"(?i)(?:{'|'.join(words)})b", {}),
        (f"(?>{'|'.join(words)})b", {}),
    ]:
        pattern = regex.compile(source, **lists)
        result = lowered(pattern, **lists)
        assert result.reasons == ()
        assert members(result.term, "ab", 9) == {text for text in texts("ab", 9) if pattern.fullmatch(text)}


# --- other people's patterns ------------------------------------------------------------------------------------------


def test_cpython_s_own_cases() -> None:
    """Each pattern of CPython's test suite on each of its texts, under both engines."""
    cases = pytest.importorskip("test.re_tests", reason="CPython's test package is not installed").tests
    subjects = sorted({case[1] for case in cases})
    compared = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for engine, source in itertools.product((regex, re), sorted({case[0] for case in cases})):
            pattern = compiled_or_none(engine, source)
            if pattern is None:
                continue
            result = lowered(pattern)
            for text in subjects:
                verdict = follow(result.term, text).nullable
                if result.reasons:
                    assert verdict or not pattern.fullmatch(text), (source, text)
                else:
                    assert verdict == bool(pattern.fullmatch(text)), (source, text)
                    compared += 1
    assert compared > 80_000


def _own_cases_of_regex() -> set[tuple[str, int, str]]:
    """(pattern, flags, text) of every call in the test suite that `regex` installs, as far as they are written out."""
    tests = pytest.importorskip("regex.tests.test_regex", reason="regex came without its tests")
    with open(tests.__file__, encoding="utf-8") as file:
        calls = [node for node in ast.walk(ast.parse(file.read())) if isinstance(node, ast.Call)]
    found = set()
    for call in calls:
        if not (isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "regex"):
            continue
        given_ = {word.arg: word.value for word in call.keywords}
        constants = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if not constants or not isinstance(call.args[0], ast.Constant) or set(given_) - {"flags", "partial", "pos"}:
            continue
        flags = eval(ast.unparse(given_["flags"]), {"regex": regex}) if "flags" in given_ else 0
        found.add((constants[0], int(flags), constants[1] if len(constants) > 1 else ""))
    return found


@pytest.mark.slow
def test_regex_s_own_cases() -> None:
    exact = 0
    for source, flags, text in sorted(_own_cases_of_regex()):
        pattern = compiled_or_none(regex, source, flags)
        if pattern is None or pattern.flags & regex.LOCALE:
            continue
        result = lowered(pattern, flags)
        for part in {text[:12][i:j] for i, j in itertools.combinations(range(14), 2)} | {"", "a", "abc"}:
            if any("\ud800" <= c <= "\udfff" for c in part):
                continue
            try:
                judged = pattern.fullmatch(part, timeout=2) is not None
            except (TimeoutError, MemoryError):  # its own affair; some of these are there because they once did
                continue
            verdict = follow(result.term, part).nullable
            assert verdict == judged or (verdict and result.reasons), (source, part)
        exact += not result.reasons
    assert exact > 400


# --- what is not regular ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "flags", "position", "construct"),
    [
        (r"(a+)b\1", 0, 5, r"backreference \1"),
        (r"(?<n>a)\g<n>", 0, 7, r"backreference \g<n>"),
        ("(?P<n>a)(?P=n)", 0, 8, "backreference (?P=n)"),
        (r"(a)?(?(1)b|c)", 0, 4, "condition (?(1)b|c)"),
        (r"x(?(?!a)b|c)", 0, 1, "condition (?(?!a)b|c)"),
        (r"\((?R)?\)", 0, 2, "recursion (?R)"),
        (r"(a(?1)?b)", 0, 2, "recursion (?1)"),
        (r"(?<p>a(?&p)?)", 0, 6, "recursion (?&p)"),
        (r"(?:abc){e<=1}", 0, 0, "fuzzy matching of (?:abc){e<=1}"),
        (r"a\X", 0, 1, r"grapheme \X"),
        (r"a\b", regex.W, 1, r"word boundary \b"),
        (r"\w+(*PRUNE)b", 0, 3, "verb (*PRUNE)"),
        (r"\w+(*SKIP)b", 0, 3, "verb (*SKIP)"),
        (r"(?>\w+\b)b", 0, 0, r"atomic (?>\w+\b)"),
        (r"x(?:a?$)*+b", 0, 1, r"atomic (?:a?$)*+"),
        (r"(?<=(?>a*b?)x)y", 0, 4, "atomic (?>a*b?)"),
        (r"(a)(?<=(?1))", 0, 7, "group call (?1)"),
        (r"(?i:ss)", V1, 4, "full case folding of s"),
    ],
)
def test_reasons(source: str, flags: int, position: int, construct: str) -> None:
    reasons = lowered(regex.compile(source, flags), flags).reasons
    assert [(reason.position, reason.construct) for reason in reasons] == [(position, construct)]
    assert reasons[0].why


def test_each_irregular_construct_is_reported_once() -> None:
    reasons = lowered(regex.compile(r"(a)\1\1(?:b\1)*")).reasons
    assert [reason.position for reason in reasons] == [3, 5, 11]


IRREGULAR = [
    r"(a+)b\1", r"(a|b)(?:\1|b)*", r"(?i)(a)b\1", r"(a)?(?(1)b|a)+", r"a(?R)?b", r"(a|b(?1))(?1)", r"(?:ab){e<=1}",
    r"\X+", r"(a*)(*PRUNE)ab|b", r"(?>a*(?:b|\b))b",
    r"((?=a)ab|b)\1", r"(?!(a)b\1)[ab]*", r"(?:(a)|b)*\1", r"(a)(?!\1)b?a?", r"(?<=(a))b\1|a*", r"(?(?!a)b|ab)*",
    r"(a)(?<=(?1))b", r"(?V1)(a\1?)+b",
]  # fmt: skip


@pytest.mark.parametrize("source", IRREGULAR)
def test_the_guide_loses_no_text(source: str) -> None:
    pattern = regex.compile(source)
    result = lowered(pattern)
    assert result.reasons
    check(pattern, 0, "abA", 5)


@pytest.mark.parametrize(
    "source", [*IRREGULAR, r"(?w)\b\w+\b.", r"[\w--\d]\d(?:a){e<=1:\d}", r"(?iV1)(ß)|\X", r"\R\X", r"\L<w>(?R)?"]
)
def test_characters_of_a_class_are_interchangeable(source: str) -> None:
    lists = {"w": ["ab", "né"]} if "<w>" in source else {}
    pattern = regex.compile(source, **lists)
    syntax = parse(source, pattern.flags & (regex.V0 | V1), names=lists)
    classes = alphabet(syntax, lists)
    assert sum(hi - lo + 1 for ranges in classes for lo, hi in ranges) == 0x110000 - 0x800
    if r"\1" in source:
        return  # a backreference tells any two characters apart
    samples = [[chr(lo) for lo, _ in ranges[:2]] + [chr(hi) for _, hi in ranges[-2:]] for ranges in classes]
    for text in ["ab", "ba", "a1", "\r\n", "né", "s"]:
        by_class = [next(alike for alike in samples if _same_class(classes, c, alike[0])) for c in text]
        judged = {bool(pattern.fullmatch("".join(chars))) for chars in itertools.product(*by_class)}
        assert len(judged) == 1, text


def _same_class(classes: list[Any], one: str, two: str) -> bool:
    return any(all(any(lo <= ord(c) <= hi for lo, hi in ranges) for c in (one, two)) for ranges in classes)


# --- compile_regex ----------------------------------------------------------------------------------------------------


class TestCompileRegex:
    def test_from_text(self) -> None:
        compiled = compile_regex(r"\d+(?=;)", regex.V1)
        assert compiled.engine == "derivative"
        assert compiled.source == r"\d+(?=;)"
        assert compiled.flags & V1
        assert compiled.pattern.fullmatch("1") is None

    def test_compiled_patterns_keep_their_own_flags_and_lists(self) -> None:
        pattern = regex.compile(r"\L<w>b", regex.I, w=["a"])
        assert compile_regex(pattern).pattern is pattern
        assert follow(compile_regex(pattern).term, "AB").nullable
        own = re.compile("a.", re.S)
        assert compile_regex(own).pattern is own
        assert follow(compile_regex(own).term, "a\n").nullable

    @pytest.mark.parametrize("flags", [0, regex.I, regex.V1, regex.I | regex.V1, regex.U, regex.A | regex.I])
    @pytest.mark.parametrize("source", ["a(?i)b", "a(?-i)b", "(?|a(?i)b|c)[d]", "a(?i)b(?-i)a", "(?s)a.(?-s)."])
    def test_flags_switched_in_the_middle_of_a_compiled_pattern(self, source: str, flags: int) -> None:
        pattern = regex.compile(source, flags)
        term = compile_regex(pattern).term
        assert members(term, "abBA\n", 4) == {text for text in texts("abBA\n", 4) if pattern.fullmatch(text)}

    def test_flags_of_re_are_understood(self) -> None:
        # re.ASCII has the number of regex.V1, and re.DEBUG that of regex.ASCII.
        compiled = compile_regex(r"\w", re.ASCII | re.IGNORECASE)
        assert compiled.flags & regex.ASCII
        assert compiled.flags & regex.IGNORECASE
        assert not compiled.flags & regex.V1

    @pytest.mark.parametrize(
        ("source", "column", "message"),
        [
            ("a(b", 4, "missing )"),
            ("a**", 3, "multiple repeat"),
            ("[a", 3, "unterminated"),
            (r"\q", 3, "bad escape"),
            ("x\n(?<1>a)", 5, "group name"),
        ],
    )
    def test_what_regex_refuses(self, source: str, column: int, message: str) -> None:
        with pytest.raises(PatternError, match=re.escape(message)) as caught:
            compile_regex(source)
        shown = str(caught.value)
        assert f"column {column}" in shown
        assert shown.endswith("^")

    @pytest.mark.parametrize("pattern", [b"a", re.compile(b"a"), regex.compile(b"a")])
    def test_byte_patterns_are_refused(self, pattern: Any) -> None:
        with pytest.raises(UnsupportedError, match="str"):
            compile_regex(pattern)

    def test_locale_is_refused(self) -> None:
        with pytest.raises(UnsupportedError, match="LOCALE"):
            compile_regex("a", regex.L)
        with pytest.raises(UnsupportedError, match="LOCALE"):
            compile_regex("a(?L:b)")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((7,), "str"), ((None,), "str"), (("a", "i"), "flags"), ((regex.compile("a"), regex.I), "compiled"),
            ((re.compile("a"), re.I), "compiled"),
            (("a", regex.V0 | regex.V1), "mutually incompatible"),
        ],
    )  # fmt: skip
    def test_wrong_arguments(self, arguments: tuple[Any, ...], message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            compile_regex(*arguments)

    def test_wrong_named_lists(self) -> None:
        with pytest.raises(ArgumentError, match="unused"):
            compile_regex("a", w=["a"])
        with pytest.raises(ArgumentError, match="int"):
            compile_regex(r"\L<w>", w=[1])  # type: ignore[list-item]
        with pytest.raises(PatternError, match="undefined named list"):
            compile_regex(r"\L<w>")

    @pytest.mark.parametrize(
        "source",
        [
            "(" * 5000 + "a" + ")" * 5000,
            "(?:" * 150 + "a" + "b)*" * 150,
            "(?=" * 150 + "a" + ")" * 150,
            "[" * 5000,
            "(?V1)" + "[" * 120 + "a" + "]" * 120,
        ],
    )
    def test_deep_nesting_is_answered_or_refused(self, source: str) -> None:
        limit = sys.getrecursionlimit()
        with contextlib.suppress(UnsupportedError, PatternError):
            compile_regex(source)
        assert sys.getrecursionlimit() == limit

    @pytest.mark.parametrize(
        "source",
        [
            "(?:a{1,1000}){1,1000}",
            ".{0,100000}",
            "a{1000000}",
            "(a+)+$",
            "(a|a)*b",
            "|".join(f"w{i}" for i in range(5000)),
            "a" * 30_000,
            "a?" * 2000 + "a" * 2000,
        ],
    )
    def test_hostile_patterns_compile_quickly(self, source: str) -> None:
        assert compile_regex(source).engine == "derivative"

    def test_calls_that_multiply_are_not_copied_out(self) -> None:
        source = "(a|b)" + "".join(f"((?{i})(?{i}))" for i in range(1, 25))
        reasons = lowered(regex.compile(source)).reasons
        assert reasons
        assert "pieces" in reasons[0].why


# --- patterns of re through regex -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        r"(a+)b\1", r"(a)?(?(1)b|a)", r"(?s)(.)\1", r"(?m)(a)\n^\1$", r"(a|b)\1*\b", r"(\w)\1", r"(?P<q>[ab])x?(?P=q)",
        r"(a)(?!\1)b", r"(a)\1\B|b", r"(?a)(\w)\1",
    ],
)  # fmt: skip
def test_irregular_patterns_of_re(source: str) -> None:
    pattern = re.compile(source)
    compiled = compile_regex(pattern)
    assert compiled.engine != "derivative"
    for text in texts("ab\né", 4):
        assert follow(compiled.term, text).nullable == bool(pattern.fullmatch(text)), text


@pytest.mark.parametrize("source", [r"(?i)(\w)\1", r"(?ai)(\w)\1", r"(?i)(\w)(?a:\1)", r"(?i:(\w))\1"])
def test_references_of_re_that_ignore_case(source: str) -> None:
    # They compare lower-case forms only: an "s" and a "ſ" match each other's letter, but not each other's reference.
    pattern = re.compile(source)
    compiled = compile_regex(pattern)
    assert compiled.engine != "derivative"
    for text in itertools.product("sSſkK\u212aiIİıσΣςµ\u03bcǅǆß", repeat=2):
        assert follow(compiled.term, "".join(text)).nullable == bool(pattern.fullmatch("".join(text))), text


def test_where_regex_has_to_match_for_re_such_a_reference_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="compile the pattern with the regex module"):
        compile_regex(re.compile(r"(?i)(a)\1(?=b)b"))


# --- where the engines err --------------------------------------------------------------------------------------------


class TestWhereTheEnginesErr:
    """Evidence for each departure: what the engine answers, and what its own notation says."""

    def test_full_case_folding_after_a_repeat(self) -> None:
        # "ss" + "ß" is "ßß" folded, and the "s?" may be left out; `regex` forgets that once it has tried the "s".
        flags = V1 | regex.I
        assert regex.fullmatch("ßß", "ssß", flags=flags)
        assert not regex.fullmatch("s?ßß", "ssß", flags=flags)
        assert follow(compile_regex("s?ßß", flags).term, "ssß").nullable

    def test_turkish_dotless_i(self) -> None:
        # Whether a "ı" passes for an "i" depends on whether `regex` has searched for the text beforehand.
        flags = V1 | regex.I
        assert regex.fullmatch("fi", "fı", flags=flags)
        assert not regex.fullmatch("(?:fi|x)", "fı", flags=flags)
        assert not follow(compile_regex("fi", flags).term, "fı").nullable

    def test_scoped_full_folding_is_left_to_regex(self) -> None:
        # `regex` looks for a required "ss" without full folding first, unless the whole pattern ignores case.
        assert regex.fullmatch("(?V1)(?i)ss", "ß")
        assert not regex.fullmatch("(?V1i:ss)", "ß")
        compiled = compile_regex("(?V1i:ss)")
        assert compiled.engine == "partial-match"
        assert not follow(compiled.term, "ß").nullable

    def test_negative_lookaround_conditions_are_left_to_regex(self) -> None:
        # After a negative test, only the first alternative of the branch is tried.
        assert regex.fullmatch("(?:cc|b)", "b")
        assert not regex.fullmatch("(?(?!a)(?:cc|b)|d)", "b")
        compiled = compile_regex("(?(?!a)(?:cc|b)|d)")
        assert compiled.engine == "partial-match"
        assert not follow(compiled.term, "b").nullable

    def test_calls_from_lookbehinds_are_left_to_regex(self) -> None:
        # What stands behind the first character should not depend on how many characters follow.
        assert regex.match("(?(DEFINE)(?<x>.)).(?<=(?&x))", "abc")
        assert not regex.fullmatch("(?(DEFINE)(?<x>.)).(?<=(?&x))", "a")
        assert compile_regex("(?(DEFINE)(?<x>.)).(?<=(?&x))").engine == "partial-match"

    def test_an_empty_named_list_matches_the_empty_text(self) -> None:
        assert regex.fullmatch(r"a\L<w>", "a", w=[])
        assert follow(compile_regex(r"a\L<w>", w=[]).term, "a").nullable

    def test_no_word_boundary_of_re_in_the_empty_text(self) -> None:
        expected = sys.version_info >= (3, 14)
        assert bool(re.fullmatch(r"\B", "")) == expected
        assert compile_regex(re.compile(r"\B")).term.nullable == expected
        assert compile_regex(r"\B").term.nullable

    @needs_atomic_re
    def test_re_never_returns_from_a_possessive_repeat_of_nothing(self) -> None:
        # re.fullmatch("(?:b*){2}+", ...) does not end in CPython 3.11; a term has no such trouble.
        assert follow(lowered(re.compile("(?:b*){2}+")).term, "bbb").nullable

    def test_relark_s_errors_are_its_own(self) -> None:
        assert issubclass(PatternError, RelarkError)
