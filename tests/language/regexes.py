"""Small regexes with zero-width parts, said three times: as a term, as a pattern for the ``regex`` module, and as a
plain backtracking search.

The backtracking search (`Regex.ends`) is the definition: all ends of a match from one position, best first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

from hypothesis import strategies as st

from language.set_semantics import Choices, drawn, mask_of
from relark.language import (
    ALL,
    EPSILON,
    Ordered,
    Term,
    ahead,
    atomic,
    behind,
    byte_set,
    concat,
    ordered_alt,
    ordered_repeat,
    ordered_seq,
    ordered_unit,
    repeat,
    scope,
    union,
)

ALPHABET = b"ab\n"
WORD = b"ab"  # the word characters among them


def distinct(ends: Iterator[int]) -> Iterator[int]:
    """The first of each."""
    seen = set()
    for end in ends:
        if end not in seen:
            seen.add(end)
            yield end


class Regex:
    def term(self) -> Term:
        """The term, open: to be closed by `scope`."""
        raise NotImplementedError

    def ordered(self) -> Ordered:
        """For atomic groups; not for zero-width parts."""
        raise NotImplementedError

    def pattern(self) -> str:
        """What the ``regex`` module calls it; one item, so that a quantifier may follow."""
        raise NotImplementedError

    def ends(self, word: bytes, i: int) -> Iterator[int]:
        """Where a match that begins at i may end, best first; repetitions are possible."""
        raise NotImplementedError

    def holds(self, word: bytes) -> bool:
        return len(word) in self.ends(word, 0)

    def closed(self) -> Term:
        return scope(self.term())


@dataclass(frozen=True)
class Char(Regex):
    letters: bytes

    def term(self) -> Term:
        return byte_set(mask_of(self.letters))

    def ordered(self) -> Ordered:
        return ordered_unit(self.term())

    def pattern(self) -> str:
        return "[" + self.letters.decode().replace("\n", r"\n") + "]"

    def ends(self, word: bytes, i: int) -> Iterator[int]:
        if i < len(word) and word[i] in self.letters:
            yield i + 1


@dataclass(frozen=True)
class Seq(Regex):
    parts: tuple[Regex, ...]

    def term(self) -> Term:
        return concat(*[p.term() for p in self.parts])

    def ordered(self) -> Ordered:
        return ordered_seq(*[p.ordered() for p in self.parts])

    def pattern(self) -> str:
        return "(?:" + "".join(p.pattern() for p in self.parts) + ")"

    def ends(self, word: bytes, i: int) -> Iterator[int]:
        def then(at: Iterator[int], part: Regex) -> Iterator[int]:
            return (k for j in distinct(at) for k in part.ends(word, j))

        return reduce(then, self.parts, iter([i]))


@dataclass(frozen=True)
class Alt(Regex):
    parts: tuple[Regex, ...]

    def term(self) -> Term:
        return union(*[p.term() for p in self.parts])

    def ordered(self) -> Ordered:
        return ordered_alt(*[p.ordered() for p in self.parts])

    def pattern(self) -> str:
        return "(?:" + "|".join(p.pattern() for p in self.parts) + ")"

    def ends(self, word: bytes, i: int) -> Iterator[int]:
        for part in self.parts:
            yield from part.ends(word, i)


@dataclass(frozen=True)
class Rep(Regex):
    part: Regex
    lo: int
    hi: int | None
    lazy: bool

    def term(self) -> Term:
        return repeat(self.part.term(), self.lo, self.hi)

    def ordered(self) -> Ordered:
        return ordered_repeat(self.part.ordered(), self.lo, self.hi, not self.lazy)

    def pattern(self) -> str:
        hi = "" if self.hi is None else self.hi
        return f"(?:{self.part.pattern()}{{{self.lo},{hi}}}{'?' if self.lazy else ''})"

    def ends(self, word: bytes, i: int) -> Iterator[int]:
        seen: set[tuple[int, int]] = set()

        def go_on(i: int, count: int) -> Iterator[int]:
            if (i, count) in seen:  # all ends from here are worse copies
                return
            seen.add((i, count))
            if count >= self.lo and self.lazy:
                yield i
            if self.hi is None or count < self.hi:
                for j in distinct(self.part.ends(word, i)):
                    if j > i or count < self.lo:
                        yield from go_on(j, min(count + 1, self.lo) if self.hi is None else count + 1)
                    else:  # an empty iteration that was not due ends the loop
                        yield j
            if count >= self.lo and not self.lazy:
                yield i

        return go_on(i, 0)


@dataclass(frozen=True)
class Look(Regex):
    part: Regex
    back: bool
    negative: bool

    def term(self) -> Term:
        if self.back:
            return behind(concat(ALL, self.part.term()), self.negative)
        return ahead(concat(self.part.term(), ALL), self.negative)

    def pattern(self) -> str:
        return f"(?{'<' if self.back else ''}{'!' if self.negative else '='}{self.part.pattern()})"

    def ends(self, word: bytes, i: int) -> Iterator[int]:
        if self.back:
            found = any(i in self.part.ends(word, j) for j in range(i + 1))
        else:
            found = any(True for _ in self.part.ends(word, i))
        if found is not self.negative:
            yield i


def _boundary(negative: bool) -> Term:
    letter = byte_set(mask_of(WORD))
    after, before = ahead(concat(letter, ALL)), behind(concat(ALL, letter))
    not_after, not_before = ahead(concat(letter, ALL), True), behind(concat(ALL, letter), True)
    if negative:
        return union(concat(before, after), concat(not_before, not_after))
    return union(concat(before, not_after), concat(not_before, after))


NEWLINE = byte_set(1 << 10)
ANCHORS: dict[str, Term] = {
    r"\A": behind(EPSILON),
    r"\Z": ahead(EPSILON),
    r"(?m:^)": behind(union(EPSILON, concat(ALL, NEWLINE))),
    r"(?m:$)": ahead(union(EPSILON, concat(NEWLINE, ALL))),
    r"$": ahead(union(EPSILON, NEWLINE)),
    r"\b": _boundary(False),
    r"\B": _boundary(True),
}


@dataclass(frozen=True)
class Anchor(Regex):
    kind: str

    def term(self) -> Term:
        return ANCHORS[self.kind]

    def pattern(self) -> str:
        return f"(?:{self.kind})"

    def ends(self, word: bytes, i: int) -> Iterator[int]:
        before, after = i > 0 and word[i - 1] in WORD, i < len(word) and word[i] in WORD
        rest = word[i:]
        holds = {
            r"\A": i == 0,
            r"\Z": rest == b"",
            r"(?m:^)": i == 0 or word[i - 1] == 10,
            r"(?m:$)": rest == b"" or rest[0] == 10,
            r"$": rest in (b"", b"\n"),
            r"\b": before is not after,
            r"\B": before is after,
        }[self.kind]
        if holds:
            yield i


@dataclass(frozen=True)
class Atom(Regex):
    """An atomic group."""

    part: Regex

    def term(self) -> Term:
        return atomic(self.part.ordered())

    def ordered(self) -> Ordered:
        raise NotImplementedError

    def pattern(self) -> str:
        return f"(?>{self.part.pattern()})"

    def ends(self, word: bytes, i: int) -> Iterator[int]:
        for j in self.part.ends(word, i):
            yield j
            return


# --- strategies -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """What random regexes are made of."""

    depth: int = 3
    zero_width: bool = True
    atoms: bool = False
    atoms_behind: bool = False  # atomic groups in lookbehinds too: the regex module matches those from right to left,
    # so which match an atomic group prefers differs there


def _regex(choose: Choices, shape: Shape) -> Regex:
    kinds = ["char", "seq", "alt", "rep", "seq", "alt", "rep"]
    if shape.zero_width:
        kinds += ["look", "look", "look", "anchor"]
    if shape.atoms:
        kinds += ["atom", "atom"]
    kind = choose.one_of(kinds) if shape.depth else "char"
    below = replace(shape, depth=shape.depth - 1)
    match kind:
        case "seq":
            return Seq(tuple(_regex(choose, below) for _ in range(choose.below(3) + 1)))
        case "alt":
            return Alt(tuple(_regex(choose, below) for _ in range(choose.below(2) + 2)))
        case "rep":
            return Rep(_regex(choose, below), *choose.count(), lazy=bool(choose.below(2)))
        case "look":
            back = bool(choose.below(2))
            below = replace(below, atoms=shape.atoms and (shape.atoms_behind or not back))
            return Look(_regex(choose, below), back, bool(choose.below(2)))
        case "anchor":
            return Anchor(choose.one_of(list(ANCHORS)))
        case "atom":
            return Atom(_regex(choose, replace(below, zero_width=False, atoms=False)))
    if not shape.zero_width and not choose.below(6):
        return Seq(())
    return Char(choose.one_of([b"a", b"b", b"ab", b"\n", b"a\n", b"ab\n"]))


def build_regex(choose: Choices, shape: Shape) -> Regex:
    regex = _regex(choose, shape)
    small = replace(shape, depth=min(shape.depth, 2))
    match choose.below(4):
        case 0:  # something before and after, or most lookarounds have nothing to look at
            around = Rep(Char(ALPHABET), 0, 2, False)
            return Seq((around, regex, around))
        case 1:
            return Seq((_regex(choose, small), regex, _regex(choose, small)))
        case 2:
            return Rep(Alt((regex, Char(choose.one_of([b"a", b"b", b"a\n"])))), *choose.count(), lazy=False)
    return regex


def regexes(shape: Shape) -> st.SearchStrategy[Regex]:
    return drawn(lambda choose: build_regex(choose, shape), 100)
