"""Random small grammars over three or four characters: terminals that compete, and rules that do what they like."""

from __future__ import annotations

import random
from typing import Any

from families import LALR, MODES, Pair, Sample

__all__ = ["random_pairs", "wordy_pairs"]

PLAIN = ('"a"', '"b"', '"c"', '"ab"', '"abc"', '"bc"', '"aa"', '"ba"', '"b"i', '" "')
REGULAR = (
    *(
        "/a+/",
        "/[ab]+/",
        "/[a-c]/",
        "/a|ab/",
        "/ab|a/",
        "/ab?c?/",
        "/(ab)+/",
        "/[^a]/",
        "/[^b ]+/",
        "/b+c?/",
        "/a{1,2}/",
    ),
    *("/a*b/", "/[ab]+c/", "/(a|ab)(c|bc)?/", "/ +/", "/[a ]+/", "/.a/", "/ab*/"),
)
LAZY = ("/a+?/", "/ab??/", "/a*?b/", "/[ab]+?c?/", "/.+?c/", "/(ab|a)+?/", "/a{1,3}?/", "/.+?(?=c)/", "/(a|ab)c??/")
LOOKING = (
    *(
        "/a(?!b)/",
        "/a(?=b)/",
        "/(?<=a)b/",
        "/(?<!a)b/",
        "/(?<!b)[ab]/",
        r"/\bab?\b/",
        r"/a\b/",
        r"/\Bb/",
        "/^a/",
        "/b$/",
    ),
    *("/a+(?=c)/", "/[ab](?!.*c)/", "/(?<= )a/", "/a(?=.b)/", "/c(?!.)/", "/(?<!^)a/", "/^./m", r"/a\Z/", "/b(?=a|$)/"),
)
IGNORED = ('" "', "/ +/", '"b"', "/c+/", "/ |b/", "/[bc] ?/", '"ab"', "/ +(?=a)/", "/ +?/")


NAMES = ("/[ab]+/", "/[ab][ab1]*/", "/[a-b]+/i", "/ab?/", "/(?i:b)[ab]*/", "/b[ab]*(?=1)/", "/[ab]+1?/", "/[^1 ]+/")
NUMBERS = ("/1+/", "/1+(b1+)?/", "/1+b1*/", "/1(11)*/", "/1{2,3}/", '"1" "1"~0..2', '"1"+ | "b1"', "/1+?b?/")
KEYWORDS = ('"a"', '"b"', '"ab"', '"ba"', '"aa"', '"b"i', '"AB"i', '"bb"i', '"1"', '"a1"', '"11"')
SPACES = ('" "', "/ +/", '" " | "b"', "/ ?a1/", "/b1*/", '"ba"', "/[ab]b/")


def random_pairs(seed: int) -> list[Pair]:
    """One grammar of nasty terminals, with everything that Lark may take it with."""
    rng = random.Random(seed)
    nasty = rng.random()
    kinds = [PLAIN, REGULAR] + [LAZY] * (nasty > 0.3) + [LOOKING] * (nasty > 0.6)
    terminals = {f"T{i}": rng.choice(rng.choice(kinds)) for i in range(rng.randint(1, 4))}
    return _pairs(rng, f"random {seed}", "abc ", terminals, PLAIN[:6], IGNORED)


def wordy_pairs(seed: int) -> list[Pair]:
    """One grammar of names, numbers and keywords, with everything that Lark may take it with."""
    rng = random.Random(-seed - 1)
    terminals = {f"NAME{i}": rng.choice(NAMES) for i in range(rng.choice((1, 1, 2)))}
    terminals |= {f"NUMBER{i}": rng.choice(NUMBERS) for i in range(rng.choice((0, 1, 1, 2)))}
    terminals |= {f"KEYWORD{i}": text for i, text in enumerate(rng.sample(KEYWORDS, rng.randint(0, 3)))}
    options = {"priority": rng.choice(("normal", "normal", "normal", "invert", None))}
    return _pairs(rng, f"wordy {seed}", "abAB1 ", terminals, KEYWORDS, SPACES, **options)


def _pairs(
    rng: random.Random,
    name: str,
    alphabet: str,
    terminals: dict[str, str],
    anonymous: tuple[str, ...],
    ignored: tuple[str, ...],
    **options: Any,
) -> list[Pair]:
    rules = ["start", *(f"r{i}" for i in range(rng.randint(0, 3)))]
    lines = [f"{rule}: {_alternatives(rng, rules, list(terminals), anonymous)}" for rule in rules]
    for terminal, pattern in terminals.items():
        priority = rng.choice(("", "", "", ".1", ".-1", ".2"))
        lines.append(f"{terminal}{priority}: {pattern}")
    if rng.random() < 0.5:
        lines += [f"%ignore {pattern}" for pattern in rng.sample(ignored, rng.choice((1, 1, 2)))]
    sample = Sample(name, "\n".join(lines), alphabet, (), tuple(MODES), ("start",), options)
    return [
        Pair(sample, mode, "start")
        for mode in MODES
        if mode not in LALR or options.get("priority", "normal") is not None
    ]


def _alternatives(rng: random.Random, rules: list[str], terminals: list[str], anonymous: tuple[str, ...]) -> str:
    written = []
    for _ in range(rng.choice((1, 2, 2, 3))):
        symbols = []
        for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
            symbol = rng.choice(terminals if rng.random() < 0.6 else [*rules, *anonymous])
            symbols.append(symbol + rng.choice(("", "", "", "", "?", "*", "+", "~1..2")))
        written.append(" ".join(symbols))
    return " | ".join(written)
