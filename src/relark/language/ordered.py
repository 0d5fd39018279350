"""Preferred (leftmost-first) matching: which of its matches a backtracking engine takes.

Atomic groups and possessive quantifiers commit to one match, so order matters, and a set is not enough.  An
*ordered* regex keeps the order in which a backtracking engine tries things.  Its state is a list of threads, best
first (Pike's simulation); a thread is a stack of what is still to match. Reading a byte advances every thread that
is better than the first one which could stop here; worse ones will never be taken.

Used by `lookaround.atomic`.  Cannot do: lookarounds and captures inside an ordered regex.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Hashable, Iterator
from typing import Any

from relark.language.derivative import derive
from relark.language.terms import CHECK, EMPTY, EPSILON, LAZY, Term, concat, repeat, union


class _Interned:
    """Compared by identity: equal parts, and equal stacks, are one object."""

    __slots__ = ("__weakref__", "_language", "flags")

    flags: int  # of the terms in it: LAZY, CHECK
    _language: Term | None  # all matches, once asked for


class Unit(_Interned):
    """A plain term no word of which is a proper prefix of another: one character, or a literal."""

    __slots__ = ("term",)
    term: Term


class Seq(_Interned):
    """One after the other."""

    __slots__ = ("parts",)
    parts: tuple[Ordered, ...]


class Alt(_Interned):
    """The first that leads to a match."""

    __slots__ = ("choices",)
    choices: tuple[Ordered, ...]


class Loop(_Interned):
    """``lo`` to ``hi`` times, as often as possible (``greedy``) or as seldom."""

    __slots__ = ("greedy", "hi", "lo", "part")
    part: Ordered
    lo: int
    hi: int | None
    greedy: bool


class Pending(_Interned):
    """A stack: what is still to match, next first."""

    __slots__ = ("part", "rest")
    part: Ordered
    rest: Stack


Ordered = Unit | Seq | Alt | Loop
Stack = Pending | None  # None: nothing is left to match

_known: weakref.WeakValueDictionary[Hashable, Any] = weakref.WeakValueDictionary()
_lock = threading.RLock()


def _made(kind: Any, flags: int, **fields: Any) -> Any:
    key = (kind, *fields.values())
    found = _known.get(key)
    if found is None:
        made = kind()
        made.flags, made._language = flags & (LAZY | CHECK), None
        for name, value in fields.items():
            setattr(made, name, value)
        with _lock:
            found = _known.setdefault(key, made)
    return found


def _flags(parts: tuple[Ordered, ...]) -> int:
    flags = 0
    for part in parts:
        flags |= part.flags
    return flags


def ordered_unit(term: Term) -> Ordered:
    unit: Unit = _made(Unit, term.flags, term=term)
    return unit


def ordered_seq(*parts: Ordered) -> Ordered:
    seq: Seq = _made(Seq, _flags(parts), parts=parts)
    return parts[0] if len(parts) == 1 else seq


def ordered_alt(*choices: Ordered) -> Ordered:
    alt: Alt = _made(Alt, _flags(choices), choices=choices)
    return choices[0] if len(choices) == 1 else alt


def ordered_repeat(part: Ordered, lo: int, hi: int | None, greedy: bool = True) -> Ordered:
    loop: Loop = _made(Loop, part.flags, part=part, lo=lo, hi=hi, greedy=greedy)
    return loop


def push(part: Ordered, rest: Stack) -> Pending:
    """``part``, then ``rest``."""
    pending: Pending = _made(Pending, part.flags | (rest.flags if rest else 0), part=part, rest=rest)
    return pending


def plain(part: Ordered) -> Term:
    """The set of all matches, preferred or not."""
    language = part._language
    if language is None:
        match part:
            case Unit():
                language = part.term
            case Seq():
                language = concat(*map(plain, part.parts))
            case Alt():
                language = union(*map(plain, part.choices))
            case Loop():
                language = repeat(plain(part.part), part.lo, part.hi)
        part._language = language
    return language


def plain_language(stack: Stack) -> Term:
    """All matches of a stack."""
    pending: list[Pending] = []
    while stack is not None and stack._language is None:
        pending.append(stack)
        stack = stack.rest
    language = EPSILON if stack is None or stack._language is None else stack._language
    for node in reversed(pending):
        node._language = language = concat(plain(node.part), language)
    return language


def expand(stack: Stack, seen: set[Pending]) -> Iterator[tuple[Term | None, Stack]]:
    """What a thread can do next, best first: read a unit and go on with a stack, or ``(None, None)``, stop here.

    ``seen``: stacks that this or a better thread has been at, to which those met are added.  What follows from one of
    them would be a worse copy.  (An iteration that read nothing ends its loop, so a stack may have been cut short when
    it was first met: then inside that very loop, whose own ways on come first and comprise what was cut.)
    """
    work: list[tuple[Stack, frozenset[tuple[Ordered, Stack]]]] = [(stack, frozenset())]
    while work:
        current, loops = work.pop()
        if current is None:
            yield None, None
            continue
        if current in seen:
            continue
        seen.add(current)
        part, rest = current.part, current.rest
        match part:
            case Unit():
                if part.term is EPSILON:
                    work.append((rest, loops))
                elif part.term is not EMPTY:
                    yield part.term, rest
            case Seq():
                for p in reversed(part.parts):
                    rest = push(p, rest)
                work.append((rest, loops))
            case Alt():
                work.extend([(push(c, rest), loops) for c in reversed(part.choices)])
            case Loop():
                hi = None if part.hi is None else part.hi - 1
                if part.hi == 0:
                    work.append((rest, loops))
                elif part.lo > 0:
                    due = push(ordered_repeat(part.part, part.lo - 1, hi, part.greedy), rest)
                    work.append((push(part.part, due), loops))
                elif (part.part, rest) in loops:  # an iteration that read nothing ends the loop
                    work.append((rest, loops))
                else:
                    again = push(part.part, push(ordered_repeat(part.part, 0, hi, part.greedy), rest))
                    ways = [(again, loops | {(part.part, rest)}), (rest, loops)]
                    work.extend(reversed(ways) if part.greedy else ways)


def better(threads: tuple[Stack, ...]) -> tuple[list[tuple[Term, Stack]], bool]:
    """The units that threads better than the first possible stop may read, and whether there is such a stop."""
    found: dict[tuple[Term, Stack], None] = {}
    seen: set[Pending] = set()
    for thread in threads:
        for unit, stack in expand(thread, seen):
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
            after[stack if left is EPSILON else push(ordered_unit(left), stack)] = None
    return tuple(after)
