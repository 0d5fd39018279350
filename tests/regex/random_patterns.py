"""Random patterns over the letters a and b and the hyphen (so that word boundaries differ), for comparison text by
text."""

from __future__ import annotations

import itertools
import random

__all__ = ["ALPHABET", "TEXTS", "random_irregular_pattern", "random_pattern"]

ALPHABET = "ab-"
TEXTS = ["".join(t) for n in range(6) for t in itertools.product(ALPHABET, repeat=n)]  # 364 of them

_ATOMS = ["a", "a", "b", "b", "-", "[ab]", "[^a]", ".", "ab", "(?i:A)"]
_ZERO_WIDTH = [r"\b", r"\B", "^", "$", r"\A", r"\Z", r"\m", r"\M", ""]
_QUANTIFIERS = ["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}"]


def random_pattern(rng: random.Random, depth: int, *, zero_width: bool = True, possessive: bool = True) -> str:
    """A regular pattern, nested up to ``depth``.

    ``zero_width``: with lookarounds, anchors and boundaries; ``possessive``: with atomic groups and possessive
    quantifiers.
    """

    def make(depth: int) -> str:
        if depth == 0:
            return rng.choice(_ZERO_WIDTH if zero_width and rng.random() < 0.2 else _ATOMS)
        kinds = ["sequence", "sequence", "sequence", "choice", "repeat", "repeat", "group"]
        kinds += ["ahead", "behind"] if zero_width else []
        kinds += ["atomic", "possessive"] if possessive else []
        match rng.choice(kinds):
            case "sequence":
                return make(depth - 1) + make(depth - 1)
            case "choice":
                return f"(?:{make(depth - 1)}|{make(depth - 1)})"
            case "repeat":
                return f"(?:{make(depth - 1)}){rng.choice(_QUANTIFIERS)}{rng.choice(['', '', '?'])}"
            case "group":
                return f"({make(depth - 1)})"
            case "ahead":
                return f"(?{rng.choice('=!')}{make(depth - 1)})"
            case "behind":
                return f"(?<{rng.choice('=!')}{make(depth - 1)})"
            case "atomic":
                return f"(?>{make(depth - 1)})"
            case _:
                return f"(?:{make(depth - 1)}){rng.choice(_QUANTIFIERS)}+"

    return make(depth)


def random_irregular_pattern(rng: random.Random) -> str:
    """A pattern with a group and something that refers to it, calls it, is conditional on it or fuzzy."""

    def part(depth: int = 1) -> str:
        return random_pattern(rng, depth, zero_width=rng.random() < 0.3, possessive=rng.random() < 0.3)

    group = f"({part()})" + rng.choice(["", "", "?", "+", "*"])
    special = rng.choice(
        [
            r"\1",
            r"\1",
            r"\1*",
            rf"(?:{part()}|\1)",
            rf"(?:\1{part()})?",
            rf"(?(1){part()}|{part()})",
            f"(?:{part()}){{e<=1}}",
            f"(?:{part()}){{s<=1,i<=1}}",
            f"(?:{part(0)}(?1)?{part(0)})",
            rf"(?=\1){part()}",
            rf"(?!\1){part()}",
            rf"(?i:\1){part(0)}",
        ]
    )
    return rng.choice(["", part()]) + group + rng.choice(["", part()]) + special + rng.choice(["", part()])
