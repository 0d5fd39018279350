r"""Reading patterns: what tree a text stands for, in the notation of `regex` (V0 and V1) and of `re`."""

from __future__ import annotations

import re
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from relark.errors import UnsupportedError
from relark.frontends.regex import syntax as tree
from relark.frontends.regex.syntax import NotUnderstood, Syntax, parse

V1 = regex.V1


def read(source: str, flags: int = 0, **lists: list[str]) -> Syntax:
    """The tree, as `compile_regex` would ask for it; first the engine has to accept the pattern."""
    compiled = regex.compile(source, flags, **lists)
    globally = compiled.flags & (regex.V0 | regex.V1 | regex.REVERSE)
    syntax = parse(source, flags | globally, names=lists)
    assert syntax.group_count == compiled.groups
    assert syntax.names == dict(compiled.groupindex)
    return syntax


def read_re(source: str, flags: int = 0) -> Syntax:
    compiled = re.compile(source, flags)
    syntax = parse(source, compiled.flags, module="re")
    assert syntax.group_count == compiled.groups
    assert syntax.names == dict(compiled.groupindex)
    return syntax


FOLD = {"": "", "simple": "~", "full": "~~"}


def shape(node: tree.Node) -> Any:
    """A tree in short: characters as themselves (``~``: case ignored, ``~~``: fully folded), sequences as lists."""
    match node:
        case tree.Character():
            return chr(node.code) + FOLD[node.fold]
        case tree.CharacterClass():
            return f"<{node.source}>{FOLD[node.fold]}"
        case tree.Sequence():
            return [shape(item) for item in node.items]
        case tree.Alternation():
            return ("|", *map(shape, node.branches))
        case tree.Group():
            return ("group", node.name or node.number, shape(node.body))
        case tree.Repeat():
            return (f"{node.lo},{'' if node.hi is None else node.hi} {node.mode}", shape(node.body))
        case tree.Atomic():
            return ("atomic", shape(node.body))
        case tree.Look():
            return (f"{'not ' if node.negative else ''}{'behind' if node.behind else 'ahead'}", shape(node.body))
        case tree.Assertion():
            return f"({node.place}{':' + node.encoding if node.encoding else ''}{':w' if node.unicode_rules else ''})"
        case tree.Backreference():
            return ("back", node.ref + FOLD[node.fold])
        case tree.Condition():
            return ("if", node.ref, shape(node.yes), shape(node.no))
        case tree.LookCondition():
            test = f"if {'not ' if node.negative else ''}{'behind' if node.behind else 'ahead'}"
            return (test, shape(node.test), shape(node.yes), shape(node.no))
        case tree.Call():
            return ("call", node.ref)
        case tree.Fuzzy():
            return ("fuzzy", shape(node.body), *([] if node.test is None else [shape(node.test)]))
        case tree.NamedList():
            return ("list", node.name + FOLD[node.fold])
        case tree.Verb():
            return f"(*{node.name})"
        case tree.Newline():
            return "newline"
        case tree.Grapheme():
            return "grapheme"
        case tree.Keep():
            return "keep"
    raise TypeError(node)


ANY = "<.>"
GREEDY = {"*": "0, greedy", "+": "1, greedy", "?": "0,1 greedy"}

BOTH: list[tuple[str, Any]] = [  # read alike by both engines
    ("", []),
    ("a", "a"),
    ("abc", ["a", "b", "c"]),
    ("a|bc|", ("|", "a", ["b", "c"], [])),
    ("(?:ab)c", ["a", "b", "c"]),
    ("(a)(?P<n>b)", [("group", 1, "a"), ("group", "n", "b")]),
    ("((a)b)", ("group", 1, [("group", 2, "a"), "b"])),
    ("a*", ("0, greedy", "a")),
    ("a+?", ("1, lazy", "a")),
    ("a??", ("0,1 lazy", "a")),
    ("(?:ab)*", ("0, greedy", ["a", "b"])),
    ("ab*", ["a", ("0, greedy", "b")]),
    ("a{2}", ("2,2 greedy", "a")),
    ("a{2,}", ("2, greedy", "a")),
    ("a{,3}", ("0,3 greedy", "a")),
    ("a{2,3}?", ("2,3 lazy", "a")),
    ("a{,}", ("0, greedy", "a")),
    ("a{", ["a", "{"]),
    ("a{}", ["a", "{", "}"]),
    ("a{x}", ["a", "{", "x", "}"]),
    ("a{1", ["a", "{", "1"]),
    ("a{1,2", ["a", "{", "1", ",", "2"]),
    ("{", "{"),
    ("x{-1}", ["x", "{", "-", "1", "}"]),
    ("}]", ["}", "]"]),
    (".", ANY),
    ("(?s:.)", "<(?s:.)>"),
    ("^$", ["(text start)", "(text end or before its last newline)"]),
    ("(?m)^$", ["(line start)", "(line end)"]),
    ("(?m:^)$", ["(line start)", "(text end or before its last newline)"]),
    (r"\A\Z", ["(text start)", "(text end)"]),
    (r"\d\D\s\S\w\W", [r"<\d>", r"<\D>", r"<\s>", r"<\S>", r"<\w>", r"<\W>"]),
    (r"\n\t\a\f\v\r", list("\n\t\a\f\v\r")),
    (r"\x41\u0042\U00000043\0\07\101", ["A", "B", "C", "\0", "\7", "A"]),
    (r"\N{LATIN SMALL LETTER A}", "a"),
    (r"\.\*\-\ ", [".", "*", "-", " "]),
    (r"(a)\1", [("group", 1, "a"), ("back", "1")]),
    (r"(?P<n>a)(?P=n)", [("group", "n", "a"), ("back", "n")]),
    ("(?=a)(?!b)(?<=c)(?<!d)", [("ahead", "a"), ("not ahead", "b"), ("behind", "c"), ("not behind", "d")]),
    ("(?=)(?!)", ("not ahead", [])),
    ("(a)(?(1)b|c)", [("group", 1, "a"), ("if", "1", "b", "c")]),
    ("(?P<n>a)(?(n)b)", [("group", "n", "a"), ("if", "n", "b", [])]),
    ("(?#comment)a(?#)b", ["a", "b"]),
    ("(?#a\\)b)c", "c"),
    ("a(?#x)*", ("0, greedy", "a")),
    ("(?i)aB1", ["a~", "B~", "1~"]),
    ("(?i:a)b", ["a~", "b"]),
    ("(?x) a b # c\n d", ["a", "b", "d"]),
    ("(?x)a\\ b[ #]", ["a", " ", "b", "<[\\x20\\x23]>"]),
    ("(?x: a )b ", ["a", "b", " "]),
    ("(?x)a # c\n*", ("0, greedy", "a")),
    ("(?x)\\#", "#"),
    ("[a]", "a"),
    ("[^a]", "<[^a]>"),
    ("[a-c]", "<[a-c]>"),
    ("[]a]", "<[\\x5da]>"),
    ("[^]a]", "<[^\\x5da]>"),
    ("[a-]", "<[a\\x2d]>"),
    (r"[\w-]", r"<[\x2d\w]>"),
    (r"[\n\]\\]", "<[\\x0a\\x5d\\x5c]>"),
    (r"[\b]", "\b"),
    (r"[\101-\x43]", "<[A-C]>"),
    ("(?>a|b)", ("atomic", ("|", "a", "b"))),
]  # fmt: skip


def same_set(one: Any, two: Any) -> bool:
    """Whether two shapes are equal, sets compared by what they match (each engine keeps its own spelling)."""
    if isinstance(one, str) and isinstance(two, str) and one.startswith("<[") and two.startswith("<["):
        probes = [chr(c) for c in range(0x80)]
        return [bool(regex.fullmatch(one[1:-1], p)) for p in probes] == [
            bool(regex.fullmatch(two[1:-1], p)) for p in probes
        ]
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(same_set, one, two))
    return bool(one == two)


@pytest.mark.parametrize(("source", "expected"), BOTH)
@pytest.mark.parametrize("engine", ["regex V0", "regex V1", "re"])
def test_what_all_read_alike(engine: str, source: str, expected: Any) -> None:
    if engine == "re":
        if "(?>" in source and not hasattr(re, "NOFLAG"):
            pytest.skip("atomic groups came to re with Python 3.11")
        found = shape(read_re(source).root)
    elif "V1" in engine and "(?i" in source:
        found = shape(read(source, V1).root)
        expected = eval(repr(expected).replace("~", "~~"))
    else:
        found = shape(read(source, V1 if "V1" in engine else 0).root)
    assert same_set(found, expected), found


REGEX_ONLY: list[tuple[str, int, Any]] = [
    # quantifiers
    ("a*+", 0, ("0, possessive", "a")),
    ("a{2,3}+", 0, ("2,3 possessive", "a")),
    ("a{1}+", 0, "a"),  # a count of exactly one is dropped, and with it the possession
    ("(?:a|b){1}+", 0, ("|", "a", "b")),
    ("(?:)*a", 0, "a"),
    ("(?:|)+", 0, []),
    (r"\b*", 0, ("0, greedy", "(word boundary)")),
    ("(?x)a * ? b", 0, [("0, lazy", "a"), "b"]),
    ("(?x)a { 2 , 3 } +", 0, ("2,3 possessive", "a")),
    ("(?(?=)|x)*", 0, ("if ahead", [], [], "x")),  # `regex` takes it for empty and drops the star
    # groups
    ("(?<n>a)(?<m>b)", 0, [("group", "n", "a"), ("group", "m", "b")]),
    ("(?<n>a)|(?<n>b)(c)", 0, ("|", ("group", "n", "a"), [("group", "n", "b"), ("group", 2, "c")])),
    ("(?|(a)|(b)(c))(d)", 0, [("|", ("group", 1, "a"), [("group", 1, "b"), ("group", 2, "c")]), ("group", 3, "d")]),
    ("(?|(?<n>a)|(b))(c)", 0, [("|", ("group", "n", "a"), ("group", 1, "b")), ("group", 2, "c")]),
    ("(?>)a", 0, "a"),
    # flags
    ("a(?i)b", 0, ["a", "b~"]),
    ("(?:a(?i)b)c", 0, ["a", "b~", "c"]),
    # Flags outlive a branch reset, but plain characters of the sequence around it do not notice.
    ("(?|a(?i)b|c)d[e]", 0, [("|", ["a", "b~"], "c~"), "d", "e~"]),
    ("(?i)a(?-i)b(?-i:c)", 0, ["a~", "b", "c"]),
    ("(?i)a", V1, "a~~"),
    ("(?if)a", 0, "a~~"),
    ("(?i-f:a)b", V1, ["a~", "b"]),
    ("(?iV1)a", 0, "a~~"),
    ("a(?V1)(?i)b", 0, ["a", "b~~"]),
    ("(?ia)a", V1, "a~"),
    (r"(?a:\w)\w(?u:\w)", 0, [r"<(?a:\w)>", r"<\w>", r"<(?u:\w)>"]),
    (r"\b\B\m\M", 0, ["(word boundary)", "(no word boundary)", "(word start)", "(word end)"]),
    (r"(?a)\b", 0, "(word boundary:a)"),
    (r"(?w)\b.^$", 0, ["(word boundary:w)", "<(?w:.)>", "(text start)", "(text end or before its last newline:w)"]),
    ("(?mw)^$", 0, ["(line start:w)", "(line end:w)"]),
    ("(?x)(?-x: a)b c", 0, [" ", "a", "b", "c"]),
    ("(?x)(?:a # )\n)", 0, "a"),
    # escapes
    (r"\z\G\K\R\X", 0, ["(text end)", "(search start)", "keep", "newline", "grapheme"]),
    (r"\h\p{Lu}\P{Lu}\p{^Lu}\pL", 0, [r"<\h>", r"<\p{Lu}>", r"<\P{Lu}>", r"<\p{^Lu}>", r"<\pL>"]),
    (r"\p{Script=Latin}\p{gc:Lu}\p", 0, [r"<\p{Script=Latin}>", r"<\p{gc:Lu}>", "p"]),
    (r"\p{", 0, ["p", "{"]),
    (r"(?x)\p { Lu }", 0, r"<\p{Lu}>"),
    (r"\N", 0, "N"),
    (r"\777", 0, "\u01ff"),
    (r"(a)\g<1>\g<n>(?<n>b)", 0, [("group", 1, "a"), ("back", "1"), ("back", "n"), ("group", "n", "b")]),
    (r"\g", 0, "g"),
    (r"(a\g<1>)", 0, ("group", 1, ["a", "g", "<", "1", ">"])),  # V0 knows no reference into an open group
    (r"(a\g<1>)", V1, ("group", 1, ["a", ("back", "1")])),
    (r"(?i)(a)\1", 0, [("group", 1, "a~"), ("back", "1~")]),
    # sets
    ("[[a]", 0, "<[[a]>"),
    ("[[a]", V1 | regex.I, None),  # a set in a set that is not closed: refused
    ("[[a-z]--[b]]", V1, "<[[a-z]--[b]]>"),
    ("[[a-z]--[b]]", 0, ["<[[a-z]>", "-", "-", "b", "]"]),
    ("[[a]]", V1, "a"),
    ("[[^a]]", V1, "<[[^a]]>"),
    ("[[a]-z]", V1, "<[[a]-z]>"),
    ("[a-[b]]", V1, "<[a-[b]]>"),
    ("[a&&]]", V1, "<[a&&]]>"),
    ("[[:alpha:]x]", 0, "<[[:alpha:]x]>"),
    ("[[:nope]", 0, "<[[:nope]>"),
    ("[a-a]", 0, "a"),
    ("(?i)[a]", V1, "a~~"),
    (r"[\p{L}\N{DIGIT ONE}]", 0, r"<[\p{L}\N{DIGIT ONE}]>"),
    ("(?a)[a-z]", 0, "<(?a:[a-z])>"),
    # conditions, calls, verbs
    ("(?(?=a)b|c)", 0, ("if ahead", "a", "b", "c")),
    ("(?(?<!a)b)", 0, ("if not behind", "a", "b", [])),
    ("(?(DEFINE)(?<x>a))(?&x)(?P>x)(?P&x)", 0, [("if", "DEFINE", ("group", "x", "a"), []), *[("call", "x")] * 3]),
    ("(a)(?(1)|)b", 0, [("group", 1, "a"), "b"]),
    ("(a)(?1)(?R)?", 0, [("group", 1, "a"), ("call", "1"), ("0,1 greedy", ("call", "0"))]),
    ("(?0)?", 0, ("0,1 greedy", ("call", "0"))),
    ("(a)(?-1)(?+1)(b)", 0, [("group", 1, "a"), ("call", "1"), ("call", "2"), ("group", 2, "b")]),
    ("a(*PRUNE)b(*SKIP)c(*FAIL)|(*F)", 0, ("|", ["a", "(*PRUNE)", "b", "(*SKIP)", "c", "(*FAIL)"], "(*FAIL)")),
    # fuzzy
    ("(?:abc){e}", 0, ("fuzzy", ["a", "b", "c"])),
    ("(abc){e<=1}", 0, ("group", 1, ("fuzzy", ["a", "b", "c"]))),
    ("a{i<=1,d<=2,1i+2d<=3}", 0, ("fuzzy", "a")),
    ("a{2<=i<5}", 0, ("fuzzy", "a")),
    ("a{e<=1:[xy]}b", 0, [("fuzzy", "a", "<[xy]>"), "b"]),
    ("a{e<=1:\\d}", 0, ("fuzzy", "a", "<\\d>")),
    ("a{e<=0}b", 0, ["a", "b"]),
    ("a{s<=0,i<1,d<=0}", 0, "a"),
    ("a{q}", 0, ["a", "{", "q", "}"]),
    ("a{e<=}", 0, None),
    ("a{i,i}", 0, ["a", "{", "i", ",", "i", "}"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "flags", "expected"), REGEX_ONLY)
def test_what_regex_reads(source: str, flags: int, expected: Any) -> None:
    if expected is None:
        with pytest.raises(regex.error):
            regex.compile(source, flags)
        return
    assert shape(read(source, flags).root) == expected


RE_ONLY: list[tuple[str, int, Any]] = [
    ("(?x)a{2, 3}", 0, ["a", "{", "2", ",", "3", "}"]),
    ("a{e<=1}", 0, ["a", *"{e<=1}"]),
    ("(?a)\\b", 0, "(word boundary:a)"),
    ("\\b\\B", 0, ["(word boundary:u)", "(no word boundary:u)"]),
    ("(?a:\\w)\\w", 0, ["<(?a:\\w)>", "<\\w>"]),
    ("(?a)(?u:\\w)\\w", 0, ["<(?u:\\w)>", "<(?a:\\w)>"]),
    ("(?i)(?-i:a)b", 0, ["a", "b~"]),
    ("(?ms)^.$", 0, ["(line start)", "<(?s:.)>", "(line end)"]),
    (r"(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\10\018", 0, None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "flags", "expected"), RE_ONLY)
def test_what_re_reads(source: str, flags: int, expected: Any) -> None:
    found = shape(read_re(source, flags).root)
    if expected is None:
        assert found[-3:] == [("back", "10"), "\x01", "8"]
    else:
        assert found == expected


def test_possessive_repeats_of_re_do_not_go_back_into_an_iteration() -> None:
    if not hasattr(re, "NOFLAG"):
        pytest.skip("possessive quantifiers came to re with Python 3.11")
    assert shape(read_re("(?:ab?)*+").root) == ("0, possessive", ("atomic", ["a", ("0,1 greedy", "b")]))
    assert re.fullmatch("(?:ab?){2}+", "aba") is not None
    assert re.fullmatch("(?:[ab]a?){2}+", "aa") is None  # though giving back an "a" would do
    assert regex.fullmatch("(?:[ab]a?){2}+", "aa") is not None


def test_named_lists() -> None:
    assert shape(read(r"\L<a>x\L<b>", 0, a=["1"], b=["2", "3"]).root) == [("list", "a"), "x", ("list", "b")]
    assert shape(read(r"(?i)\L<a>", V1, a=["1"]).root) == ("list", "a~~")


def test_positions_are_those_of_the_construct() -> None:
    source = r"ab(?<n>c)\g<n>(?&n)(?:xy)*+\bz{e}"
    found = {type(node).__name__: source[node.at : node.end] for node in _walk(read(source).root)}
    assert found["Backreference"] == r"\g<n>"
    assert found["Call"] == "(?&n)"
    assert found["Group"] == "(?<n>c)"
    assert found["Repeat"] == "(?:xy)*+"
    assert found["Assertion"] == r"\b"
    assert found["Fuzzy"] == "z{e}"


def _walk(node: tree.Node) -> Any:
    from relark.frontends.regex.lower import walk

    return walk(node)


def test_loose_flags_are_told() -> None:
    assert read("a(?i)b").loose == regex.I
    assert read("(?:a(?i)b)").loose == 0
    assert read("(?|a(?i)b)").loose == regex.I
    assert read("(?i:a)").loose == 0


def test_locale_is_refused() -> None:
    for source in ("(?L)a", "a(?L:b)"):
        with pytest.raises(UnsupportedError, match="LOCALE"):
            read(source)


@pytest.mark.parametrize("source", ["(", ")", "[a", "(?", "a(?Q)", "(?P!)", "(*NOPE)", r"\q", "*"])
@pytest.mark.parametrize("module", ["regex", "re"])
def test_what_is_not_known_is_not_guessed(source: str, module: Any) -> None:
    # Both engines refuse these, so they never get here; a release that knew them would be told so.
    if module == "re" and source == "(*NOPE)":
        source = "(?Z)"
    with pytest.raises((NotUnderstood, UnsupportedError)):
        parse(source, 0, module=module)


def test_sets_in_sets_have_a_limit() -> None:
    assert shape(read("[" * 60 + "a" + "]" * 60, V1).root) == "a"
    with pytest.raises(NotUnderstood, match="nest"):
        parse("[" * 101 + "a" + "]" * 101, V1)


def test_nesting_needs_no_stack() -> None:
    depth = 20_000  # more than either engine compiles, and more than Python's own limit
    syntax = parse("(" * depth + "a" + ")" * depth, 0)
    assert syntax.group_count == depth
    assert parse("(?:" * depth + "a" + ")*" * depth, 0, module="re").group_count == 0


_PIECES = [
    "a", "b", "(", ")", "(?:", "(?=", "(?<!", "(?>", "(?|", "(?i)", "(?-i:", "(?x)", "(?V1)", "(?#c)", "(?<n>",
    "(?P<m>", "(?P=n)",
    "(?(1)", "(?(?=a)", "(?1)", "(?&n)", "|", "*", "+", "?", "{2}", "{,2}", "{e<=1}", "{", "}", "[", "]", "^", "$",
    ".", "-", "--", "&&",
    "[:alpha:]", "\\", r"\w", r"\b", r"\1", r"\g<1>", r"\p{Lu}", r"\x41", r"\N{DIGIT ONE}", " ", "#", "\n", "1",
    ",", "<", ">", "é",
]  # fmt: skip


@given(pieces=st.lists(st.sampled_from(_PIECES), max_size=9), version=st.sampled_from([regex.V0, regex.V1]))
def test_whatever_regex_compiles_is_read(pieces: list[str], version: int) -> None:
    source = "".join(pieces)
    try:
        compiled = regex.compile(source, version)
    except (regex.error, ValueError):
        return
    syntax = parse(source, compiled.flags & (regex.V0 | regex.V1))
    assert syntax.group_count == compiled.groups
    assert syntax.names == dict(compiled.groupindex)


@given(pieces=st.lists(st.sampled_from(_PIECES), max_size=9))
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_whatever_re_compiles_is_read(pieces: list[str]) -> None:
    source = "".join(pieces)
    try:
        compiled = re.compile(source)
    except (re.error, OverflowError):
        return
    syntax = parse(source, compiled.flags, module="re")
    assert syntax.group_count == compiled.groups
    assert syntax.names == dict(compiled.groupindex)
