"""Matches as plain terms with contexts, against the matchers of `re` and `regex` themselves.

The slow and obvious reference cuts a text by calling ``match`` at every place that a match may begin; the reads are run
over the same text as guesses, each with its obligation.  There must be as many complete runs as complete cuts, with the
same labels and the same ends.
"""

from __future__ import annotations

import functools
import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence

import pytest
import regex

from relark.errors import PatternError, UnsupportedError
from relark.frontends.lark.characters import Characters
from relark.frontends.lark.guarded import unguarded
from relark.frontends.lark.obligations import Obligations
from relark.frontends.lark.scanning import Context, Scanner, Scanning, Terminal
from relark.frontends.regex import compile_regex
from relark.language import (
    EMPTY,
    EPSILON,
    Completions,
    Term,
    complement,
    concat,
    derive,
    intersection,
    is_empty,
    repeat,
    shortest,
    transitions,
    union,
)
from relark.language.terms import CHECK, LAZY
from timing import timed

Run = tuple[tuple[str, int], ...]  # (label, end of the match), one after the other


def scanning(*sources: str, flags: int = 0, module: str = "re") -> Scanning:
    """Terminals A, B, C, ..."""
    named = [Terminal(chr(ord("A") + i), source) for i, source in enumerate(sources)]
    return Scanning(named, flags=flags, module=module)  # type: ignore[arg-type]


@functools.lru_cache(maxsize=1 << 15)
def after(term: Term, character: str) -> Term:
    return after_bytes(term, character.encode())


def after_bytes(term: Term, text: bytes) -> Term:
    for byte in text:
        term = derive(term, byte)
    return term


def ends(words: Term, text: str, start: int) -> Iterator[int]:
    """Where the words that begin at ``start`` end."""
    term = words
    for end in range(start + 1, len(text) + 1):
        term = after(term, text[end - 1])
        if term is EMPTY:
            return
        if term.nullable:
            yield end


def guessed(
    scans: Scanning, scanners: Sequence[Scanner], text: str, *, settle: bool = False, decide: bool = False
) -> list[Run]:
    """Every chain of reads along the whole text, each by any of ``scanners``.

    ``settle``: with contexts as `Scanning.settled` leaves them; ``decide``: with a look at the next byte in place of
    what `Scanning.decided` says it is enough for.
    """
    found: list[Run] = []
    work: list[tuple[int, Context, Run]] = [(0, scans.start, ())]
    while work:
        at, context, run = work.pop()
        forbidden = scans.decided(context, scanners) if decide else None
        if forbidden is not None:
            if at < len(text) and forbidden >> text[at].encode()[0] & 1:
                continue
            context = unguarded(context)
        if at == len(text):
            if scans.may_end(context):
                found.append(run)
            continue
        if settle:
            context = scans.settled(context, scanners)
        for scanner in scanners:
            for (label, then), words in scans.reads(scanner, context).items():
                work += [(end, then, (*run, (label, end))) for end in ends(words, text, at)]
    return sorted(found)


def taken(matchers: Sequence[re.Pattern[str]], text: str, *, complete: bool = False) -> list[Run]:
    """Every way to cut the whole text, each match by any of ``matchers``; labels are the groups' names.

    ``complete``: and, as Lark does it, by what they match in each proper beginning of a match, cut out of the text.
    """
    found: list[Run] = []
    work: list[tuple[int, Run]] = [(0, ())]
    while work:
        at, run = work.pop()
        if at == len(text):
            found.append(run)
            continue
        for matcher in matchers:
            match = matcher.match(text, at)
            if match is None:
                continue
            assert match.lastgroup is not None
            stops = {match.end()}
            if complete:
                cut_out = [matcher.match(match[0][:-j]) for j in range(1, len(match[0]))]
                stops |= {at + shorter.end() for shorter in cut_out if shorter is not None}
            work += [(end, (*run, (match.lastgroup, end))) for end in stops if end > at]
    return sorted(found)


def joined(scans: Scanning, order: Iterable[str]) -> str:
    return "|".join(f"(?P<{name}>{scans.patterns[name].syntax.source})" for name in order)


def texts(alphabet: str, longest: int) -> Iterator[str]:
    for length in range(longest + 1):
        yield from map("".join, itertools.product(alphabet, repeat=length))


def check(sources: Sequence[str], alphabet: str, longest: int, *, flags: int = 0, module: str = "re") -> None:
    """Each terminal on its own scanner, any of them at any place; then all of them in one scanner."""
    scans = scanning(*sources, flags=flags, module=module)
    compiled = (re if module == "re" else regex).compile
    names = list(scans.patterns)
    for orders in ([(name,) for name in names], [tuple(names)]):
        scanners = [Scanner(order) for order in orders]
        matchers = [compiled(joined(scans, order), flags) for order in orders]
        for text in texts(alphabet, longest):
            expected = taken(matchers, text)
            assert guessed(scans, scanners, text) == expected, (orders, text)
            assert guessed(scans, scanners, text, settle=True) == expected, (orders, text)
            assert guessed(scans, scanners, text, decide=True) == expected, (orders, text)
    scanners = [Scanner((name,), complete=True) for name in names]
    matchers = [compiled(joined(scans, (name,)), flags) for name in names]
    for text in texts(alphabet, longest):
        expected = taken(matchers, text, complete=True)
        assert guessed(scans, scanners, text) == expected, ("complete", text)
        assert guessed(scans, scanners, text, settle=True) == expected, ("complete", text)
    for reads in scans._reads.values():
        for words in reads.values():
            assert words is not EMPTY
            assert not words.nullable
            assert not words.flags & (CHECK | LAZY)


# --- against the matchers ---------------------------------------------------------------------------------------------

COMMON_STRING = r'"(?:[^"\\\n]|\\.)*?(?<!\\)(\\\\)*?"'  # ESCAPED_STRING of Lark's common grammars, in one piece


@pytest.mark.parametrize(
    ("sources", "alphabet", "longest"),
    [
        (["ab", "a", "abab", "b"], "ab", 6),
        ([r"[a-z]\w*", r"\d+", " ", "if"], "i1f ", 5),
        ([r"\d+(\.\d+)?", r"\.", r"\d"], "1.", 7),
        ([r"\d+(\.\d+)?([eE][+-]?\d+)?", "[.e+]", "e1"], "1.e+", 5),
        ([COMMON_STRING, "a", r"\\"], '"\\a', 6),
        ([r"/\*(.|\n)*?\*/", r"[/*]", "\n"], "/*\n", 6),
        ([r"//[^\n]*", "/", "\n"], "/\na", 6),
        (["<=|>=|<>|<|>|=", "="], "<>=", 6),
        ([".+?(?=EN)", "EN", "E"], "ENx", 6),
        ([r"[ab]+(?!b)", "b", "ba"], "ab", 6),
        ([r"a*?b|a", "a+?", "[ab]{2,3}?"], "ab", 6),
        ([r"(?:a|ab)(?:c|bcd)?", "[a-d]"], "abcd", 5),
        ([r"\bab?\b", "[ab]", " "], "ab ", 6),
        ([r"\Bb", r"a\B", "[ab ]"], "ab ", 6),
        ([r"^a+$", "(?m:^)b", "(?m:a$)", "[ab\n]"], "ab\n", 6),
        ([r"\Aab", r"b\Z", "[ab]", "\n"], "ab\n", 6),
        ([r"(?<=a)b+", "(?<!a)b", "a"], "ab", 6),
        ([r"(?<=aa)b|a(?<!ba)", "[ab]"], "ab", 6),
        ([r"(?=a(?!b))\w+", r"\w", " "], "ab ", 6),
        ([r"(?<=(?=b).)a", "[ab]"], "ab", 6),
        (["a(?:b|(?=c))*c?", "[bc]"], "abc", 6),
        ([r"(?s:.)a", "(?i:B)+", "."], "aB\n", 5),
        ([r"(?:a?)*b|a", "(?:a|b?){2,3}c|c", "b"], "abc", 5),
        (["(?:(?:ab)*?a?)+b", "a", "b"], "ab", 6),
        (["a{2,4}", "a{3}b?", "[ab]"], "ab", 6),
        (["(?:ab){1,2}a??", "[ab]"], "ab", 6),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_cuts_are_the_matchers_own(sources: list[str], alphabet: str, longest: int) -> None:
    check(sources, alphabet, longest)


@pytest.mark.parametrize(
    ("sources", "alphabet", "longest"),
    [
        ([r"a++b?", "(?:ab|a)*+b", "b"], "ab", 6),
        (["(?>a|ab)c?", "(?>ab?)b", "[abc]"], "abc", 5),
        (["(?>a+?)b?", "(?>a*)b", "a"], "ab", 6),
        (["(?:a|(?>ab?))+c", "[abc]"], "abc", 5),
        ([r"a?+(?=b)b|[ab]", "a(?>b(?!a))"], "ab", 6),
        ([r"(?<=a+b)a|b", "(?<!b.*)a"], "ab", 6),
        ([r"\Gab|b", r"a\b", "a"], "ab", 6),
        ([r"(?(?=ab)a|b+)", "a"], "ab", 6),
        ([r"a\R?", r"\n", r"\r"], "a\r\n", 6),
        ([r"\m\w+", r"\w\M", " "], "ab ", 6),
        ([r"[[a-c]--[b]]+", "b"], "abc", 5),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_cuts_are_those_of_regex(sources: list[str], alphabet: str, longest: int) -> None:
    flags = regex.V1 if any("--" in source for source in sources) else 0
    check(sources, alphabet, longest, flags=flags, module="regex")


@pytest.mark.parametrize(
    ("sources", "alphabet", "flags"),
    [
        (["select", r"\w+", " "], "sSſ ", re.I),
        (["straße", "[a-k]+", r"\W"], "kK\u212a-", re.I),
        ([r"\w+", r"\d", r"\s"], "é٣ \u3000", 0),
        ([r"\w+", r"\W"], "aé ", re.A),
        (["^a.", ".", "a$"], "a\n", re.M | re.S),
        ([r"a\ b # a comment" + "\n", "[ab]", r"\ "], "ab ", re.X),
        (["[^\x00-\x7f]+", "."], "aé€😀", 0),
    ],
    ids=repr,
)
def test_flags_and_characters(sources: list[str], alphabet: str, flags: int) -> None:
    check(sources, alphabet, 4, flags=flags)
    check(sources, alphabet, 4, flags=_as_regex(flags), module="regex")


def _as_regex(flags: int) -> int:
    names = ("I", "A", "M", "S", "X")
    return sum(int(getattr(regex, name)) for name in names if flags & getattr(re, name))


ATOMS = ["a", "b", "[ab]", "[^a]", ".", "ab", "ba", "\n"]
LOOKS = [
    "(?<=a)",
    "(?<!a)",
    "(?<=ab)",
    "(?<![bc])",
    "(?<=\n)",
    "^",
    "$",
    r"\b",
    r"\B",
    r"\A",
    r"\Z",
    "(?m:^)",
    "(?m:$)",
]
COUNTS = ["*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}"]


def random_pattern(chance: random.Random, depth: int, possessive: bool) -> str:
    kind = chance.randrange(13)
    if depth <= 0 or kind < 3:
        return chance.choice(ATOMS)
    inner = random_pattern(chance, depth - 1, possessive)
    if kind < 5:
        return inner + random_pattern(chance, depth - 1, possessive)
    if kind < 7:
        return f"(?:{inner}|{random_pattern(chance, depth - 1, possessive)})"
    if kind < 9:
        return f"(?:{inner}){chance.choice(COUNTS)}{chance.choice(['', '', '?', '+' if possessive else ''])}"
    if kind == 11:
        return chance.choice(LOOKS)
    return f"({'?=' if kind == 9 else '?!' if kind == 10 else '?>' if possessive else '?:'}{inner})"


def check_random(seeds: Iterable[int], module: str) -> None:
    compiled = (re if module == "re" else regex).compile
    checked = 0
    for seed in seeds:
        chance = random.Random(seed)
        sources = [
            random_pattern(chance, chance.randrange(1, 4), module == "regex") for _ in range(chance.randrange(1, 4))
        ]
        sources = [source for source in sources if not compiled(source).match("")] or ["a"]
        try:
            check(sources, "ab\n", 4, module=module)
            checked += 1
        except UnsupportedError as error:
            if not re.search("empty text|what it commits to depends on its context", str(error)):
                raise
    assert checked > 50


@pytest.mark.parametrize("module", ["re", "regex"])
def test_random_patterns(module: str) -> None:
    check_random(range(150), module)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["re", "regex"])
def test_many_random_patterns(module: str) -> None:
    check_random(range(1000, 4000), module)


# --- keywords ---------------------------------------------------------------------------------------------------------


def test_keywords_take_the_words_of_a_name() -> None:
    scans = Scanning(
        [
            Terminal("NAME", r"[a-z]\w*"),
            Terminal("IF", "if"),
            Terminal("IFS", "(?i:IFS?)"),
            Terminal("NUM", r"\d+"),
            Terminal("WS", " "),
        ],
        flags=0,
        module="re",
    )
    scanner = Scanner(("NAME", "NUM", "WS"), (("NAME", ("IF", "IFS")),))
    matcher = re.compile(r"(?P<NAME>[a-z]\w*)|(?P<NUM>\d+)|(?P<WS> )")
    keywords = re.compile("(?P<IF>if)|(?P<IFS>(?i:IFS?))")
    for text in texts("ifs1 ", 5):
        expected = []
        for run in taken([matcher], text):
            starts = [0, *(end for _, end in run)]
            words = [(label, text[start:end]) for start, (label, end) in zip(starts, run, strict=False)]
            found = [keywords.fullmatch(word) if label == "NAME" else None for label, word in words]
            labels = [label if k is None else k.lastgroup for (label, _), k in zip(words, found, strict=True)]
            expected.append(tuple(zip(labels, starts[1:], strict=True)))
        assert guessed(scans, [scanner], text) == expected, text
    assert {label for label, _ in scans.reads(scanner, scans.start)} == {"NAME", "IF", "IFS", "NUM", "WS"}


# --- the interface ----------------------------------------------------------------------------------------------------


def only(scans: Scanning, name: str, context: Context | None = None) -> tuple[Context, Term]:
    (((_, then), words),) = scans.reads(Scanner((name,)), context or scans.start).items()
    return then, words


@pytest.mark.parametrize("source", ["[a-z]+", r"[^\W\d]\w*", "while", r"/\*[^*]*\*/", r'"(?:[^"\\]|\\.)*"', "[0-9]{3}"])
def test_a_simple_terminal_is_the_term_of_its_regex(source: str) -> None:
    assert only(scanning(source, r"\w"), "A")[1] is compile_regex(re.compile(source)).term


def test_a_comment_is_a_small_repeat() -> None:
    (then, words) = only(scanning(r"/\*(.|\n)*?\*/"), "A")
    assert then.after.nullable
    assert words.depth <= 8
    assert b"x" not in (shortest(words) or b"x")


def test_answers_are_the_same_objects() -> None:
    scans = scanning(r"\w+", "a", " ")
    scanner = Scanner(("A", "B"))
    assert scans.reads(scanner, scans.start) is scans.reads(Scanner(("A", "B")), scans.start)
    narrow = dict(scans.reads(Scanner(("A",)), scans.start))
    wide = dict(scans.reads(Scanner(("A", "C")), scans.start))
    (key,) = narrow
    assert wide[key] is narrow[key]  # the other terminal begins elsewhere


def test_contexts() -> None:
    scans = scanning(r"[a-z]+", r"\(", r"\d+(\.\d+)?", " ")
    names, bracket, number, blank = (Scanner((name,)) for name in "ABCD")
    after_name, _ = only(scans, "A")
    assert scans.may_end(scans.start)
    assert scans.may_end(after_name)
    assert not scans.reads(names, after_name)
    assert scans.settled(after_name, [bracket, number]) == scans.start
    assert scans.settled(after_name, [bracket, names]) == after_name
    letters = sum(1 << b for b in b"abcdefghijklmnopqrstuvwxyz")
    assert scans.decided(after_name, [names, bracket, number, blank]) == letters
    assert scans.decided(after_name, [bracket]) == 0
    assert scans.decided(scans.start, [names]) == 0
    longer = [then for (_, then), _ in scans.reads(number, scans.start).items()]
    assert len(longer) == 2
    assert scans.first(names, scans.start) == letters
    assert scans.first(names, after_name) == 0
    assert scans.first(bracket, after_name) == 1 << ord("(")


def test_a_point_before_a_digit_needs_more_than_a_byte() -> None:
    scans = scanning(r"\d+(\.\d+)?", r"\.")
    undecided = {
        scans.decided(then, [Scanner(("A",)), Scanner(("B",))]) for _, then in scans.reads(Scanner(("A",)), scans.start)
    }
    assert None in undecided


def test_what_was_read_before_is_forgotten_where_it_does_not_matter() -> None:
    scans = scanning(r"\bx", "[a-z]", r"[ (]")
    after_letter, _ = next(iter(scans.reads(Scanner(("B",)), scans.start)))[1], None
    after_blank, _ = next(iter(scans.reads(Scanner(("C",)), scans.start)))[1], None
    assert after_letter != after_blank
    others = [Scanner(("B",)), Scanner(("C",))]
    assert scans.settled(after_letter, others) == scans.settled(after_blank, others)
    assert scans.settled(after_letter, [Scanner(("A",))]) != scans.settled(after_blank, [Scanner(("A",))])
    assert scanning(r"a(?<=a)b", "a").start.before == ()  # it never looks further back than its own start


def test_bytes_used_complete_every_word() -> None:
    scans = scanning(r'"(\\.|[^"\\])*"', "[à-ü]+", "if|of", r"[\t ]++")
    completions = Completions(scans.bytes_used)
    assert scans.bytes_used.bit_count() < 80  # with the 64 that continue a character
    for name in "ABCD":
        for words in scans.reads(Scanner((name,)), scans.start).values():
            states = [words]
            for state in states:
                found = completions.shortest(state)
                assert found is not None
                assert after_bytes(state, found).nullable
                states += [target for _, target in transitions(state) if target not in states]


def test_more_classes_than_bytes() -> None:
    characters = [chr(0x4E00 + i) for i in range(300)]
    scans = Scanning(
        [Terminal(f"C{i}", c) for i, c in enumerate(characters)]
        + [
            Terminal("A", r"[\u4e00-\u4e05]+(?=\u4e06)|\u4e06|x"),
            Terminal("B", r"(?<![\u4e00-\u4e80])[\u4e00-\u4e03]+\b"),
        ],
        flags=0,
        module="re",
    )
    assert len(scans.characters.classes) > 256
    scanners = [Scanner(("A",)), Scanner(("B",)), Scanner(("C0", "C1", "C7"))]
    matchers = [re.compile(joined(scans, scanner.order)) for scanner in scanners]
    for text in texts("\u4e00\u4e01\u4e06x", 5):
        expected = taken(matchers, text)
        assert guessed(scans, scanners, text) == expected, text
        assert guessed(scans, scanners, text, settle=True) == expected, text


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "module", "construct"),
    [
        (r"(a)\1", "re", "backreference"),
        ("(a)?(?(1)b|c)", "re", "condition"),
        (r"\X", "regex", "grapheme"),
        (r"a\Kb", "regex", r"\\K"),
        ("(?:abc){e<=1}", "regex", "fuzzy"),
        ("(?<x>a)(?&x)", "regex", "group call"),
        ("a(*SKIP)b", "regex", "verb"),
        ("(?r)ab", "regex", "REVERSE"),
        ("(?p)a|ab", "regex", "POSIX"),
        (r"(?w)\bx", "regex", "word boundary"),
        ("(?if)ss", "regex", "full case folding"),
        (r"(?>(?:a|ba)$)b?", "regex", "atomic"),
        (r"a(?>b+(?!a))", "regex", "atomic"),
        ("(?:" * 150 + "a" + ")?b" * 150, "re", "nest"),
    ],
)
def test_what_has_no_exact_term_is_refused_with_the_reason(source: str, module: str, construct: str) -> None:
    with pytest.raises(UnsupportedError, match=f"^terminal A: .*{construct}"):
        scanning(source, module=module)


def test_matches_of_nothing_are_refused() -> None:
    scans = scanning("(?=a)b*")
    with pytest.raises(UnsupportedError, match="terminal A: it may match the empty text"):
        scans.reads(Scanner(("A",)), scans.start)


def test_automata_are_bounded() -> None:
    scans = scanning("(?:a[^a]{1,3}){4000}")
    with pytest.raises(UnsupportedError, match="terminal A: its matcher has more than"):
        scans.reads(Scanner(("A",)), scans.start)
    scans = scanning("((a|b){1,30}c?){1,30}d")
    with pytest.raises(UnsupportedError, match=r"terminal A: its matcher .* ways to go on"):
        scans.reads(Scanner(("A",)), scans.start)
    scans = scanning(".{0,250}b")
    with pytest.raises(UnsupportedError, match="terminal A: its matches may end early"):
        scans.reads(Scanner(("A",)), scans.start)


def test_what_the_module_refuses() -> None:
    with pytest.raises(PatternError, match="terminal A: missing \\)"):
        scanning("(")


def test_flags_for_a_whole_pattern_do_not_join_others() -> None:
    scans = scanning("(?i)ab", "ab", module="regex")
    assert guessed(scans, [Scanner(("A",))], "aB") == [(("A", 2),)]
    with pytest.raises(UnsupportedError, match="terminal A: flags for the whole pattern"):
        scans.reads(Scanner(("A", "B")), scans.start)


# --- cost -------------------------------------------------------------------------------------------------------------

WORDS = """
select from where group by having order limit offset insert into values update set delete create table index
view drop alter add column primary key foreign references unique not null default check constraint and or in is like
between exists case when then else end as on inner left right full outer join cross union all distinct asc desc true
false cast count sum avg min max coalesce integer text real blob varchar date time timestamp boolean decimal
"""


def test_a_language_like_sql_takes_little_time() -> None:
    operators = ["=", "<>", "!=", "<", "<=", ">", ">=", "||", "+", "-", "*", "/", "%", "(", ")", ",", ".", ";"]
    terminals = [Terminal(word.upper(), f"(?i:{word})") for word in WORDS.split()]
    terminals += [Terminal(f"OP{i}", re.escape(operator)) for i, operator in enumerate(operators)]
    terminals += [
        Terminal("NAME", r'[^\W\d]\w*|"(""|[^"])*"'),
        Terminal("FLOAT", r"\d+\.\d*([eE][+-]?\d+)?"),
        Terminal("INT", r"\d+"),
        Terminal("STRING", "'(''|[^'])*'"),
        Terminal("COMMENT", r"--[^\n]*|/\*(.|\n)*?\*/"),
        Terminal("WS", r"\s+"),
    ]
    Scanning(terminals, flags=0, module="re")  # what is asked of `re` about characters is remembered by the process
    rest = tuple(t.name for t in terminals[len(WORDS.split()) :])
    chance = random.Random(0)
    allowed = [chance.sample([word.upper() for word in WORDS.split()], 20) for _ in range(40)]
    scanners = [Scanner(rest, (("NAME", tuple(words)),)) for words in allowed]
    with timed() as watch:
        scans = Scanning(terminals, flags=0, module="re")
        contexts = [scans.start]
        for context in contexts:
            for scanner in scanners[:: 1 if context is scans.start else 8]:
                fresh = dict.fromkeys(then for _, then in scans.reads(scanner, context))
                contexts += [then for then in fresh if then not in contexts]
    assert len(contexts) < 12
    assert watch.seconds < 3


# --- obligations ------------------------------------------------------------------------------------------------------


def test_equal_obligations_are_one_term() -> None:
    classes = Characters([((97, 97),), ((98, 98),)])
    a, b = (classes.one(((code, code),)) for code in (97, 98))
    chance = random.Random(7)

    def some(depth: int) -> Term:
        if depth == 0:
            return chance.choice([a, b, EPSILON])
        left, right = some(depth - 1), some(depth - 1)
        kind = chance.randrange(6)
        if kind == 0:
            return intersection(left, right)
        if kind == 1:
            return complement(left)
        if kind == 2:
            return repeat(left, 0, None)
        return union(left, right) if kind == 3 else concat(left, right)

    obligations = Obligations(classes)
    kept: dict[Term, None] = {}
    for _ in range(400):
        term = some(chance.randrange(1, 5))
        found = obligations.kept(term)
        assert _equal(found, term)
        assert obligations.kept(found) is found
        kept[found] = None
    assert len(kept) > 50
    for one, other in itertools.combinations(kept, 2):
        assert not _equal(one, other), (one, other)


def _equal(one: Term, other: Term) -> bool:
    return is_empty(intersection(one, complement(other))) and is_empty(intersection(other, complement(one)))
