"""Earley grammars: small nasty ones against Lark, text by text; what terms look like; how deep and wide they go."""

from __future__ import annotations

from functools import cache

import pytest
from lark import Lark
from lark.exceptions import LarkError
from oracle import state_after, texts_up_to

from relark.frontends.lark import earley
from relark.frontends.lark.loading import load
from relark.frontends.lark.scanning import Scanning
from relark.language import (
    EMPTY,
    EPSILON,
    Completions,
    Term,
    byte_set,
    concat,
    derive,
    is_empty,
    literal,
    repeat,
    shortest,
    transitions,
    union,
)
from relark.language.terms import CHECK, FULL, GUARD, LAZY, Concat, Ref, Repeat
from timing import timed

LEXERS = ("dynamic", "dynamic_complete", "basic")

# name -> grammar, alphabet, length of the longest texts
GRAMMARS: dict[str, tuple[str, str, int]] = {
    # recursion
    "left": ('start: sum\nsum: sum "+" x | x\nx: "a"', "a+", 7),
    "right": ('start: l\nl: "a" "," l | "a"', "a,", 7),
    "middle": ('start: "(" start ")" | "a" start "a" | "b"', "(a)b", 5),
    "mutual left": ('start: a\na: b "x" | "y"\nb: a "z" | "w"', "xyzw", 5),
    "mutual left, three": ('start: a\na: b "x" | "1"\nb: c "y" | a | "2"\nc: a "z" | b "u"\n', "xyzu12", 4),
    "many mutual": (
        'start: a\na: b "x" | "1"\nb: c "y"\nc: d "z"\nd: e "u" | "2"\ne: f "v"\nf: a "w" | b\n',
        "xyzuvw12",
        3,
    ),
    "many mutual with names": (
        'start: a\na: b "x" | N\nb: c "y"\nc: d "z"\nd: e "u" | N "."\ne: f "v"\nf: a N | b\nN: /n+/\n%ignore " "',
        "xyzun. ",
        4,
    ),
    "hidden left": ('start: a\na: b? a "x" | "y"\nb: "b"', "bxy", 6),
    "hidden behind two": ('start: a\na: b c a "x" | "y"\nb: "b"?\nc: "c"*', "bcxy", 4),
    "left and nullable": ('start: a "."\na: a "x" |', "x.", 6),
    "cyclic": ('start: a\na: a | "x"', "xy", 4),
    "cyclic through three": ('start: a\na: b\nb: c | "x"\nc: a | a "y"', "xy", 5),
    "cyclic and nullable": ('start: a\na: a a | "x" |', "xy", 5),
    "start recursive": ('start: start "x" | "(" start ")" | "y"', "xy()", 5),
    "start recursive and nullable": ('start: start "x" start |', "xy", 6),
    "ambiguous": ('start: e\ne: e "+" e | e "*" e | "1" | "(" e ")"', "1+*()", 5),
    "very ambiguous": ('start: e\ne: e e | "a" | "b" e "c"', "abc", 6),
    "ternary": ('start: e\ne: e "?" e ":" e | "-" e | "1"', "?:-1", 6),
    "dangling": ('start: s\ns: "i" s ["e" s] | "x"', "iex", 6),
    # the empty text
    "nothing but empty": ("start: a b\na:\nb:", "a", 2),
    "empty chain": ('start: a b c\na: b | "a"\nb: c |\nc: "c" |', "ac", 4),
    "empty inside": ('start: "x" a "y"\na: b b\nb: "b" |', "xyb", 5),
    "optional all": ('start: [A] [B] [C] [D]\nA: "a"\nB: "b"\nC: "c"\nD: "ab"', "abc", 5),
    # ignored text
    "ignored": ('start: "a" "b"\n%ignore " "', "ab ", 5),
    "ignored, empty start": ('start: "a"*\n%ignore " "', "a ", 5),
    "ignored word": ("start: A+\nA: /a+/\n%ignore /b+/", "ab", 6),
    "ignored and used": ('start: A " " A | A\nA: /a+/\n%ignore " "', "a ", 6),
    "ignored and start recursive": ('start: start "a" | "b"\n%ignore /c+/', "abc", 6),
    "comments": ('start: A ("," A)*\nA: /a/\n%ignore /#[^n]*/\n%ignore /[ n]+/', "a,#n ", 5),
    "comment ends the text": ("start: A*\nA: /a+/\n%ignore /#[^n]*/", "a#n", 6),
    "ignored eats terminals": ('start: "a" "b" | "c"\n%ignore /b|cc/', "abc", 5),
    # terminals that mind what follows
    "greedy": ("start: A+\nA: /a+/", "ab", 5),
    "greedy, stuck": ('start: A B? A "c"\nA: /a+/\nB: /b+/', "abc", 6),
    "greedy, sometimes stuck": ('start: A x "c"\nx: A | B\nA: /a+/\nB: /b+/', "abc", 5),
    "greedy, stuck behind empty": ('start: A x? y?\nx: A "d"\ny: "b" A\nA: /a+/', "abd", 5),
    "greedy and keyword": ('start: N "in" N\nN: /[a-n]+/', "in", 6),
    "greedy and separated": ('start: N "in" N\nN: /[a-n]+/\n%ignore " "', "in ", 6),
    "longer later": ('start: I "." "x" | I\nI: /1+(\\.1+)?/', "1.x", 6),
    "longer later, separated": ('start: I ("." I)* "x"?\nI: /1+(\\.1+)?/\n%ignore / /', "1.x ", 5),
    "lazy": ('start: L "a"*\nL: /a+?b?/', "ab", 6),
    "quoted": ("start: S+\nS: /'([^']|'')*'/\n%ignore / /", "'a ", 6),
    "looks back": ('start: (A | B)+\nA: /(?<!a)a/\nB: /b/\n%ignore " "', "ab ", 5),
    "boundaries": (r'start: (W | "-")+' + "\n" + r"W: /\ba+\b/" + "\n%ignore / /", "a- ", 5),
    "end of text": (r'start: A "b"?' + "\n" + r"A: /a+$/", "ab", 5),
    "two ends": ('start: A (B | C)\nA: /a+b?/\nB: /b/\nC: /c/\n%ignore " "', "abc ", 5),
}
CASES = [(name, lexer) for name in GRAMMARS for lexer in LEXERS]


def lowered(grammar: str, **options: str) -> Term:
    loaded = load(grammar, **options)
    return earley.lower(loaded, Scanning(loaded.terminals, flags=loaded.flags, module=loaded.module))


@cache
def sample(name: str, lexer: str) -> Term:
    return lowered(GRAMMARS[name][0], lexer=lexer)


@cache
def judge(name: str, lexer: str) -> Lark:
    return Lark(GRAMMARS[name][0], lexer=lexer)


def is_right(lark: Lark, text: str) -> bool:
    try:
        lark.parse(text)
    except LarkError:
        return False
    except RuntimeError as error:  # Lark's own bug: complete with and without ignored text at the end
        if "multiple start symbol items" not in str(error):
            raise
    return True


@cache
def right_texts(name: str, lexer: str) -> frozenset[str]:
    _, alphabet, longest = GRAMMARS[name]
    lark = judge(name, lexer)
    return frozenset(text for text in texts_up_to(alphabet, longest) if is_right(lark, text))


# --- Lark as the judge ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "lexer"), CASES)
def test_accepts_what_lark_accepts(name: str, lexer: str) -> None:
    _, alphabet, longest = GRAMMARS[name]
    term = sample(name, lexer)
    found = {text for text in texts_up_to(alphabet, longest) if state_after(term, text).nullable}
    assert found == right_texts(name, lexer)


@pytest.mark.parametrize(("name", "lexer"), CASES)
def test_a_live_prefix_is_one_of_a_right_text(name: str, lexer: str) -> None:
    _, alphabet, longest = GRAMMARS[name]
    term, right, lark = sample(name, lexer), right_texts(name, lexer), judge(name, lexer)
    begun = {text[:i] for text in right for i in range(len(text) + 1)}
    for prefix in texts_up_to(alphabet, min(longest, 4)):
        state = state_after(term, prefix)
        if prefix in begun:
            assert state is not EMPTY
        if state is not EMPTY:
            assert not state.flags & (CHECK | LAZY)
            rest = shortest(state)
            assert rest is not None
            assert is_right(lark, prefix + rest.decode()), (prefix, rest)


@pytest.mark.parametrize(("name", "lexer"), CASES)
def test_the_shortest_completion_is_as_short_as_any(name: str, lexer: str) -> None:
    _, alphabet, longest = GRAMMARS[name]
    term, right = sample(name, lexer), right_texts(name, lexer)
    for prefix in texts_up_to(alphabet, min(longest, 3)):
        lengths = [len(text) - len(prefix) for text in right if text.startswith(prefix)]
        rest = shortest(state_after(term, prefix))
        if lengths:
            assert rest is not None
            assert len(rest) == min(lengths)
        elif rest is not None:
            assert len(prefix) + len(rest) > longest


@pytest.mark.parametrize("name", list(GRAMMARS))
def test_contexts_say_what_guards_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without guards everything is in the contexts."""
    _, alphabet, longest = GRAMMARS[name]
    monkeypatch.setattr(earley, "never_stuck", lambda *_: False)
    for lexer in LEXERS:
        term = lowered(GRAMMARS[name][0], lexer=lexer)
        assert not term.flags & GUARD
        for text in texts_up_to(alphabet, min(longest, 5)):
            state = state_after(term, text)
            assert state.nullable == (text in right_texts(name, lexer))
            other = state_after(sample(name, lexer), text)
            assert (state is EMPTY) == (other is EMPTY)
            one, two = shortest(state), shortest(other)
            assert (None if one is None else len(one)) == (None if two is None else len(two))


def test_no_text_at_all() -> None:
    assert lowered('start: "a" start') is EMPTY
    assert lowered('start: a "x"\na: a "y" | b\nb: a') is EMPTY
    assert lowered("start: A A\nA: /a+/") is EMPTY
    assert lowered("start: A B\nA: /a(?=b)/\nB: /c/") is EMPTY


def test_a_start_that_no_text_can_reach_is_not_in_the_way() -> None:
    assert lowered('start: "a" | b\nb: b "x"\nc: "c" start') is literal(b"a")


# --- what terms look like ---------------------------------------------------------------------------------------------


def one(letters: str) -> Term:
    return byte_set(sum(1 << ord(letter) for letter in letters))


def many(term: Term) -> Term:
    return repeat(term, 0, None)


def test_without_interference_terms_are_the_rules() -> None:
    assert lowered('start: "a" ["b"] "c"*') is concat(one("a"), repeat(one("b"), 0, 1), many(one("c")))
    assert lowered('start: "a" x "d"\nx: "b" | "c"') is concat(one("a"), one("bc"), one("d"))
    assert lowered('start: X ("," X)*\nX: /[ab]/') is concat(one("ab"), many(concat(one(","), one("ab"))))
    assert lowered('start: "ab"+') is repeat(literal(b"ab"), 1, None)
    assert lowered('start: "ab"*') is many(literal(b"ab"))
    assert lowered('start: "a"~3..5') is repeat(one("a"), 3, 5)


def test_left_recursion_becomes_a_loop() -> None:
    x = one("ab")
    assert lowered('start: sum\nsum: sum "+" x | x\nx: "a" | "b"') is concat(x, many(concat(one("+"), x)))
    both = many(concat(one("+-"), x))
    assert lowered('start: sum\nsum: sum "+" x | sum "-" x | x\nx: "a" | "b"') is concat(x, both)
    assert lowered('start: a\na: a "y" | b\nb: a "z" | "x"') is concat(one("x"), many(one("yz")))
    assert lowered('start: a\na: n a "y" | "x"\nn:') is concat(one("x"), many(one("y")))
    loop = many(literal(b"zx"))
    assert lowered('start: a\na: b "x" | "y"\nb: a "z" | "w"') is union(
        concat(one("y"), loop), concat(literal(b"wx"), loop)
    )


def test_cycles_without_text_are_nothing() -> None:
    assert lowered('start: a\na: a | "x"') is one("x")
    assert lowered('start: a\na: b | "x"\nb: a | "y"') is one("xy")


def test_eight_alternatives_are_three_options() -> None:
    a, b, c = (repeat(one(letter), 0, 1) for letter in "abc")
    assert lowered('start: [X] [Y] [Z]\nX: "a"\nY: "b"\nZ: "c"') is concat(a, b, c)


def test_ignored_text_stands_after_terminals() -> None:
    blank = many(one(" "))
    term = lowered('start: "a" "b"\n%ignore " "')
    assert term is concat(blank, one("a"), blank, one("b"), blank)
    assert lowered('start: ("," "a")*\n%ignore " "') is concat(blank, many(concat(one(","), blank, one("a"), blank)))


def test_what_a_byte_settles_is_a_guard() -> None:
    name = lowered('start: N ("," N)*\nN: /[a-z]+/\n%ignore / +/')
    assert name.flags & GUARD
    assert not name.flags & (CHECK | LAZY)
    state = state_after(name, "ab ,c")
    assert state is state_after(name, "z,cc")  # one state for a name that has begun


@pytest.mark.parametrize(
    ("grammar", "guarded"),
    [
        ("start: A+\nA: /a+/\n%ignore / +/", True),  # a blank can always be written
        ('start: A "," A\nA: /a+/', True),  # nothing is ever forbidden that must follow
        ("start: (A B)+\nA: /a+/\nB: /b+/", True),
        ('start: A e | A "c"\ne: A e "d" | A\nA: /a+/', False),  # an e after an A is stuck
        ("start: A+\nA: /a+/\n%ignore /#[^n]*/", False),  # and so is anything in a comment that nothing ends
        ("start: A+\nA: /a+/\n%ignore /#[^n]*/\n%ignore /[ n]+/", True),
        (r"start: W+" + "\n" + r"W: /\ba+\b/" + "\n%ignore / /", True),
    ],
)
def test_guards_only_where_no_text_gets_stuck(grammar: str, guarded: bool) -> None:
    assert bool(lowered(grammar).flags & GUARD) == guarded


def test_terms_are_plain() -> None:
    for name, lexer in CASES:
        assert not sample(name, lexer).flags & (CHECK | LAZY)


# --- size -------------------------------------------------------------------------------------------------------------


def states_along(term: Term, text: str) -> int:
    seen = {term}
    for byte in text.encode():
        term = derive(term, byte)
        seen.add(term)
    return len(seen)


def test_ambiguous_grammars_have_few_states() -> None:
    term = lowered('start: e\ne: e "+" e | e "*" e | NUMBER\nNUMBER: /[0-9]+/')
    assert states_along(term, "1+2*3+45*6+7*8+9" * 5) <= 4
    assert states_along(lowered('start: e\ne: e e | "a"'), "a" * 200) <= 3
    assert states_along(lowered('start: e\ne: e "?" e ":" e | "1"'), "1" + "?1:1" * 50) <= 5


def test_lists_have_few_states() -> None:
    assert states_along(lowered('start: l\nl: "a" "," l | "a"'), "a," * 100) <= 3
    assert states_along(lowered('start: "[" [x ("," x)*] "]"\nx: /[0-9]+/'), "[" + "1,2," * 100) <= 5


def test_deep_nesting() -> None:
    term = lowered('start: e\ne: "(" e ")" | e "+" e | NAME\nNAME: /[a-z]+/\n%ignore / +/')
    depth = 500
    inside = state_after(term, "( " * depth + "a + bc")
    assert state_after(inside, ")" * depth).nullable
    assert shortest(inside) == b")" * depth
    assert state_after(inside, ")" * (depth + 1)) is EMPTY


def test_chains_of_rules_are_no_chains_of_calls() -> None:
    chain = "start: a0\n" + "".join(f'a{i}: a{i + 1} "x"?\n' for i in range(250)) + 'a250: "y" | "(" start ")"\n'
    term = lowered(chain)
    assert state_after(term, "((yxx)x)").nullable
    climbs = "start: a0\n" + "".join(f'a{i}: a{i + 1} | a{i} "{i}" a{i + 1}\n' for i in range(200))
    term = lowered(climbs + 'a200: "y" | "(" a0 ")"\n')
    assert state_after(term, "(y0y)7y").nullable
    assert shortest(state_after(term, "((y0(")) == b"y)))"


def test_rules_that_double_stay_small() -> None:
    doubling = "start: a0\n" + "".join(f'a{i}: a{i + 1} "," a{i + 1}\n' for i in range(16)) + 'a16: "y"'
    term = lowered(doubling)
    assert shortest(term) == b",".join([b"y"] * 2**16)


def test_long_alternatives() -> None:
    term = lowered("start: " + " ".join(["A B?"] * 9) + '\nA: "a"\nB: "b"')
    assert state_after(term, "ab" * 9).nullable
    many_rules = lowered("start: x\nx: " + " | ".join(f'"k{i}" x' for i in range(60)) + ' | "."')
    assert state_after(many_rules, "k1k10k59.").nullable


def precedence(levels: int) -> str:
    rules = ["start: e0"]
    rules += [f'e{i}: e{i + 1} | e{i} ("o{i}" | "p{i}") e{i + 1} | "u{i}" e{i}' for i in range(levels)]
    return "\n".join([*rules, f'e{levels}: NAME | NUMBER | "(" e0 ")" | NAME "(" [e0 ("," e0)*] ")"'])


def test_lowering_takes_little_time() -> None:
    grammar = precedence(40) + "\nNAME: /[a-z]+/\nNUMBER: /[0-9]+/\n%ignore /[ ]+/"
    loaded = load(grammar)
    scanning = Scanning(loaded.terminals, flags=loaded.flags, module=loaded.module)
    with timed() as watch:
        earley.lower(loaded, scanning)
    assert watch.seconds < 3


# --- references -------------------------------------------------------------------------------------------------------


def references(term: Term) -> list[Ref]:
    """Those at the top of ``term``, and next to it."""
    found: list[Ref] = []
    work = [term, *[target for _, target in transitions(term)]]
    while work:
        term = work.pop()
        if isinstance(term, Ref):
            found.append(term)
        elif isinstance(term, Concat):
            work += [term.head, term.tail]
        elif isinstance(term, Repeat):
            work.append(term.item)
    return found


def test_references_know_their_beginning_and_their_shortest_words() -> None:
    term = lowered('start: e\ne: "(" e ")" | e "+" e | N\nN: /[a-z]+/\n%ignore / +/')
    reference = references(term)[0]
    letters = sum(1 << b for b in range(ord("a"), ord("z") + 1))
    assert reference.first == letters | 1 << ord("(")
    assert reference.texts is not None
    assert min(reference.texts(FULL, 0).values(), key=len) == b"a"
    assert min(map(len, reference.texts(FULL, letters).values())) == len("(a)")
    assert reference.texts(FULL & ~letters, 0) == {}


def test_an_alphabet_spells_a_grammar_or_not() -> None:
    for grammar in (
        'start: e\ne: "(" e ")" | "x" | N\nN: /[^()x]+/\n%ignore / +/',
        'start: e\ne: "(" e ")" | "x"',
    ):
        reference = references(lowered(grammar))[0]
        assert reference.spelled(FULL)
        assert reference.spelled(FULL & ~(1 << 0xF1) & ~(1 << 4)) or "N" not in grammar
        assert not reference.spelled(FULL & ~(1 << ord(")")))
        assert not reference.spelled(1 << ord("("))


def test_completions_over_an_alphabet() -> None:
    term = lowered('start: e\ne: "(" e ")" | "[" e "]" | "ab" | N\nN: /[0-9]+/')
    alphabet = sum(1 << b for b in b"[]9(")
    assert Completions(alphabet).shortest(state_after(term, "[")) == b"9]"
    assert Completions(alphabet).shortest(state_after(term, "(")) is None
    assert not is_empty(state_after(term, "("))
    assert Completions(FULL).shortest(EPSILON) == b""
