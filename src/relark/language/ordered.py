"""Preferred (leftmost-first) matching: which of its matches a backtracking engine takes.

Atomic groups and possessive quantifiers commit to one match, so order matters, and a set is not enough.  An
*ordered* regex keeps the order in which a backtracking engine tries things.  Its state is a list of threads, best
first (Pike's simulation); a thread is a stack of what is still to match. Reading a byte advances every thread that
is better than the first one which could stop here; worse ones will never be taken.

Used by `lookaround.atomic`.  Cannot do: lookarounds and captures inside an ordered regex.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union as Either

from relark.language.derivative import derive
from relark.language.terms import EMPTY, EPSILON, Term, concat, repeat, union


@dataclass(frozen=True, slots=True)
class Unit:
    """A plain term no word of which is a proper prefix of another: one character, or a literal."""

    term: Term


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other."""

    parts: tuple[Ordered, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """The first that leads to a match."""

    choices: tuple[Ordered, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """``lo`` to ``hi`` times, as often as possible (``greedy``) or as seldom."""

    part: Ordered
    lo: int
    hi: int | None
    greedy: bool


Ordered = Unit | Seq | Alt | Loop
Stack = Either["tuple[Ordered, Stack]", None]  # what is still to match, next first


def ordered_unit(term: Term) -> Ordered:
    return Unit(term)


def ordered_seq(*parts: Ordered) -> Ordered:
    return parts[0] if len(parts) == 1 else Seq(parts)


def ordered_alt(*choices: Ordered) -> Ordered:
    return choices[0] if len(choices) == 1 else Alt(choices)


def ordered_repeat(part: Ordered, lo: int, hi: int | None, greedy: bool = True) -> Ordered:
    return Loop(part, lo, hi, greedy)


def plain(part: Ordered) -> Term:
    """The set of all matches, preferred or not."""
    match part:
        case Unit():
            return part.term
        case Seq():
            return concat(*[plain(p) for p in part.parts])
        case Alt():
            return union(*[plain(c) for c in part.choices])
        case Loop():
            return repeat(plain(part.part), part.lo, part.hi)


def plain_language(stack: Stack) -> Term:
    """All matches of a stack."""
    parts = []
    while stack is not None:
        parts.append(plain(stack[0]))
        stack = stack[1]
    return concat(*parts)


def expand(stack: Stack) -> Iterator[tuple[Term | None, Stack]]:
    """What a thread can do next, best first: read a unit and go on with a stack, or ``(None, None)``, stop here."""
    work: list[tuple[Stack, frozenset[object]]] = [(stack, frozenset())]
    while work:
        current, loops = work.pop()
        if current is None:
            yield None, None
            continue
        part, rest = current
        match part:
            case Unit():
                if part.term is EPSILON:
                    work.append((rest, loops))
                elif part.term is not EMPTY:
                    yield part.term, rest
            case Seq():
                for p in reversed(part.parts):
                    rest = (p, rest)
                work.append((rest, loops))
            case Alt():
                work.extend([((c, rest), loops) for c in reversed(part.choices)])
            case Loop():
                hi = None if part.hi is None else part.hi - 1
                if part.hi == 0:
                    work.append((rest, loops))
                elif part.lo > 0:
                    work.append(((part.part, (Loop(part.part, part.lo - 1, hi, part.greedy), rest)), loops))
                elif (part.part, rest) in loops:  # an iteration that read nothing ends the loop
                    work.append((rest, loops))
                else:
                    again = (part.part, (Loop(part.part, 0, hi, part.greedy), rest))
                    ways = [(again, loops | {(part.part, rest)}), (rest, loops)]
                    work.extend(reversed(ways) if part.greedy else ways)


def better(threads: tuple[Stack, ...]) -> tuple[list[tuple[Term, Stack]], bool]:
    """The units that threads better than the first possible stop may read, and whether there is such a stop."""
    found: dict[tuple[Term, Stack], None] = {}
    for thread in threads:
        for unit, stack in expand(thread):
            if unit is None:
                return list(found), True
            found[unit, stack] = None
    return list(found), False


def advance(threads: tuple[Stack, ...], byte: int) -> tuple[Stack, ...]:
    """The threads after ``byte``."""
    after: dict[Stack, None] = {}
    for unit, stack in better(threads)[0]:
        left = derive(unit, byte)
        if left is not EMPTY:
            after[stack if left is EPSILON else (Unit(left), stack)] = None
    return tuple(after)
