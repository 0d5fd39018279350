r"""Backreferences and conditions on groups, exactly: ``(['"]).*?\1``, ``<(\w+)>.*</\1>``, ``(\()?\d+(?(1)\))``.

Such a pattern is regular once it is known what its groups have matched.  So its state is a set of *threads*: what
is left of the part being matched (a plain term), a stack of the parts still to come, and the texts of the groups,
closed and open.  Reading a byte derives the plain term; at its end the stack says what is next: a reference becomes
the literal text of its group, a condition one of its branches.  As soon as nothing to come refers to a group, the
rest is a plain term and leaves the threads.  All ways to match are followed, so a text is accepted where
backtracking would find a match.

States of one text are few, but each text has its own, so they are derived byte by byte, for the bytes that tokens
offer.  Cost: some 10 us a byte.

Cannot do: parts with lookarounds, anchors (other than around the whole) or atomic groups, full case
folding, recursion, fuzzy matching; `threads_term` then answers None, and the pattern is served by `partial`.
"""

from __future__ import annotations

import heapq
import itertools
import re
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import regex

from relark.caches import Cache
from relark.errors import UnsupportedError
from relark.frontends.regex import codepoints
from relark.frontends.regex import lower as lowering
from relark.frontends.regex import syntax as tree
from relark.frontends.regex.codepoints import Ranges
from relark.language import (
    EMPTY,
    EPSILON,
    FULL,
    Completions,
    Leaf,
    Term,
    code_points,
    concat,
    derive,
    leaf,
    literal,
    lower_bound,
    repeat,
    terms,
    union,
)
from relark.language.completion import NONE
from relark.language.terms import CHECK, LOOK

MAX_THREADS = 1_000  # ways in which one text may go on
MATCH_SECONDS = 0.5  # of one match by the judge
WALK_SECONDS = 5.0  # of all its matches for one mask
SEARCH_LIMIT = 5_000  # steps that looking for a shortest completion may take

T = TypeVar("T")
Walk = Generator["Walk[Any]", Any, T]


# --- the pattern ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plain:
    """A part in which no group matters."""

    term: Term


@dataclass(frozen=True, slots=True, eq=False)
class Seq:
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Alt:
    choices: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    body: Part
    lo: int
    hi: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """A group that is referred to."""

    number: int
    body: Part


@dataclass(frozen=True, slots=True)
class Close:
    """The end of an open group."""

    number: int


@dataclass(frozen=True, slots=True)
class Reference:
    """What a group has matched; ``variants``: the characters that count as equal to one, where case is ignored."""

    number: int
    variants: Callable[[int], Ranges] | None

    def matches(self, text: bytes) -> Term:
        if self.variants is None:
            return literal(text)
        return concat(*[code_points(self.variants(ord(c))) for c in text.decode()])


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A condition: ``yes`` if the group has matched."""

    number: int
    yes: Part
    no: Part


Part = Plain | Seq | Alt | Loop | Capture | Close | Reference | Choice
Texts = tuple[tuple[int, bytes], ...]  # of groups, by number


@dataclass(frozen=True, slots=True)
class Stack:
    """What is still to match, next first.  ``refers``: the groups that something in it refers to."""

    part: Part
    rest: Stack | None
    refers: frozenset[int] = field(compare=False)


def _push(part: Part, rest: Stack | None) -> Stack:
    below = rest.refers if rest is not None else frozenset()
    return Stack(part, rest, below | _referred(part))


def _referred(part: Part) -> frozenset[int]:
    match part:
        case Reference():
            return frozenset((part.number,))
        case Choice():
            return frozenset((part.number,)) | _referred(part.yes) | _referred(part.no)
        case Seq():
            return frozenset().union(*map(_referred, part.parts))
        case Alt():
            return frozenset().union(*map(_referred, part.choices))
        case Loop() | Capture():
            return _referred(part.body)
    return frozenset()


def _plain(part: Part) -> Term:
    """A part that refers to no group, as a term."""
    match part:
        case Plain():
            return part.term
        case Seq():
            return concat(*[_plain(p) for p in part.parts])
        case Alt():
            return union(*[_plain(p) for p in part.choices])
        case Loop():
            return repeat(_plain(part.body), part.lo, part.hi)
        case Capture():
            return _plain(part.body)
        case Close():
            return EPSILON
    raise TypeError(f"a {type(part).__name__} depends on groups")


def _plain_stack(stack: Stack | None) -> Term:
    parts = []
    while stack is not None:
        parts.append(_plain(stack.part))
        stack = stack.rest
    return concat(*parts)


# --- states ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thread:
    """``term`` and then ``stack``; ``closed``: what groups have matched; ``open``: what those begun have so far,
    outermost first.
    """

    term: Term
    stack: Stack | None
    closed: Texts
    open: Texts


@dataclass(frozen=True, slots=True, eq=False)
class _Pattern:
    """What all states of a pattern share.

    ``doomed``: some ways may lead nowhere, because they meet a group that was never matched.  ``judge``: the
    compiled pattern, where it may lose matches that its notation has: `regex` does not try a loop again at the same
    place, even if its groups have matched otherwise (`re` does).  A text counts then only if the judge accepts it.
    """

    doomed: bool
    judge: regex.Pattern[str] | None
    source: str
    clock: _Clock

    def confirms(self, text: bytes) -> bool:
        """Whether a text that is complete by the threads really matches; raises `UnsupportedError` if that takes
        too long.
        """
        if self.judge is None:
            return True
        known = _verdicts.get((self, text))
        if known is None:
            began = time.monotonic()
            try:
                known = self.judge.fullmatch(text.decode(), timeout=MATCH_SECONDS) is not None
            except TimeoutError:
                raise self.refusal(f"regex takes more than {MATCH_SECONDS:g} s to match a text of it") from None
            if self.clock.add(time.monotonic() - began) > WALK_SECONDS:
                raise self.refusal(f"regex takes more than {WALK_SECONDS:g} s to match the texts of one step")
            _verdicts.put((self, text), known)
        return known

    def refusal(self, what: str) -> UnsupportedError:
        shown = self.source if len(self.source) <= 80 else self.source[:77] + "..."
        return UnsupportedError(
            f"the pattern {shown!r} refers to its own groups, and {what}; make its parts less ambiguous"
        )


@dataclass(slots=True, eq=False)
class _Clock:
    """Seconds spent in matches since the last walk began."""

    walk: int = 0
    spent: float = 0.0

    def add(self, seconds: float) -> float:
        if self.walk != terms.walks:
            self.walk, self.spent = terms.walks, 0.0
        self.spent += seconds
        return self.spent


_verdicts: Cache[tuple[_Pattern, bytes], bool] = Cache(
    "verdicts", share=0.01, cost=lambda key, value: 250 + len(key[1])
)


@dataclass(frozen=True, slots=True)
class Threads(Leaf):
    """All the ways in which a text may go on.

    ``accepting``: one of them may end here.  ``checked``: the text so far, kept only where ``pattern.judge`` has
    the last word (see `_Pattern`).
    """

    threads: frozenset[Thread]
    accepting: bool
    checked: bytes
    pattern: _Pattern = field(compare=False)

    @property
    def nullable(self) -> bool:
        return self.accepting and self.pattern.confirms(self.checked)

    @property
    def may_be_empty(self) -> bool:
        return self.pattern.doomed

    @property
    def min_length(self) -> int:
        if self.accepting:
            return 0 if self.nullable else 1
        return max(1, min(lower_bound(t.term) + _least_of(t.stack) for t in self.threads))

    def derive(self, byte: int) -> Term:
        plain: list[Term] = []
        threads: set[Thread] = set()
        accepting = False
        for thread in self.threads:
            term = derive(thread.term, byte)
            if term is EMPTY:
                continue
            grown = tuple((n, text + bytes((byte,))) for n, text in thread.open)
            if term is not EPSILON:
                threads.add(Thread(term, thread.stack, thread.closed, grown))
            if term.nullable:
                accepting |= _go_on(thread.stack, thread.closed, grown, threads, plain)
        text = self.checked + bytes((byte,)) if self.pattern.judge is not None else b""
        return _state(threads, accepting, plain, text, self.pattern)

    def parts(self) -> list[tuple[Term, int]] | None:
        if self.pattern.doomed:
            return None
        return [(t.term, _first_of(t.stack, t.closed, t.open)) for t in self.threads]

    def price(self, alphabet: int, spell: Callable[[bytes], int]) -> int:
        completions = Completions(alphabet)
        worst = 0
        for thread in self.threads:
            prices = {number: spell(text) for number, text in thread.closed}
            prices.update({number: spell(text) + 1 for number, text in thread.open})
            total = completions.bounds(thread.term)[1]
            stack = thread.stack
            while stack is not None and total < NONE:
                total += _price(stack.part, prices, completions)
                stack = stack.rest
            worst = max(worst, total)
        return min(worst, NONE)

    def is_empty(self) -> bool:
        if not self.pattern.doomed:
            return False
        try:
            return self._shortest(FULL) is None
        except _Unfinished:
            return False

    def shortest(self, alphabet: int) -> bytes | None:
        try:
            return self._shortest(alphabet)
        except _Unfinished:
            return None

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        if within is None:  # then a group may become as long as it likes
            return None
        completions = Completions(alphabet, within)
        worst = 0
        for thread in self.threads:
            length, rest = completions.bounds(thread.term)
            total = max(length, rest)
            texts = {n: len(text) for n, text in thread.closed}
            for n, text in thread.open:
                texts[n] = max(texts.get(n, 0), len(text) + within)
            stack = thread.stack
            while stack is not None and total < NONE:
                total += _worst(stack.part, texts, within, completions)
                stack = stack.rest
            worst = max(worst, total)
        return min(worst, NONE), min(worst, NONE)

    def _shortest(self, alphabet: int) -> bytes | None:
        """Uniform-cost search over parts: each plain part is completed in its shortest way, since no longer one
        can help.
        """
        if self.nullable:
            return b""
        completions = Completions(alphabet)
        order = itertools.count()
        queue: list[tuple[int, int, bytes, Stack | None, Texts, Texts]] = []
        seen: set[tuple[Stack | None, Texts, Texts]] = set()

        def add(text: bytes, stack: Stack | None, closed: Texts, opened: Texts) -> None:
            heapq.heappush(queue, (len(text), next(order), text, stack, closed, opened))

        for thread in self.threads:
            end = completions.shortest(thread.term)
            if end is not None:
                add(end, thread.stack, thread.closed, _grown(thread.open, end))
        for _ in range(SEARCH_LIMIT):
            if not queue:
                return None
            _, _, text, stack, closed, opened = heapq.heappop(queue)
            if stack is None:
                if self.pattern.confirms(self.checked + text):
                    return text
                continue
            if (stack, closed, opened) in seen:
                continue
            seen.add((stack, closed, opened))
            part, rest = stack.part, stack.rest
            end = b""
            match part:
                case Plain():
                    found = completions.shortest(part.term)
                    if found is None:
                        continue
                    end = found
                case Reference():
                    referred = _text_of(closed, part.number)
                    if referred is None or any(not alphabet >> b & 1 for b in referred):
                        continue
                    end = referred
                case _:
                    for next_stack, next_closed, next_opened in _unfold(part, rest, closed, opened):
                        add(text, next_stack, next_closed, next_opened)
                    continue
            add(text + end, rest, closed, _grown(opened, end))
        raise _Unfinished

    def __str__(self) -> str:
        return "a pattern with references to its groups"


class _Unfinished(Exception):
    """Looking for a shortest completion took too many steps."""


def _state(threads: set[Thread], accepting: bool, plain: list[Term], text: bytes, pattern: _Pattern) -> Term:
    if len(threads) > MAX_THREADS:
        raise pattern.refusal(
            f"after {len(text)} bytes of text there are more than {MAX_THREADS} ways in which it may go on"
        )
    if pattern.judge is not None:  # then nothing is let go before it has been asked
        accepting = accepting or any(term.nullable for term in plain)
        threads |= {Thread(term, None, (), ()) for term in plain if term is not EPSILON and term is not EMPTY}
        if threads or accepting:
            found = Threads(frozenset(threads), accepting, text, pattern)
            return leaf(found) if threads else EPSILON if found.nullable else EMPTY
        return EMPTY
    if not threads:
        return union(*plain, EPSILON) if accepting else union(*plain)
    return union(*plain, leaf(Threads(frozenset(threads), accepting, b"", pattern)))


def _go_on(stack: Stack | None, closed: Texts, opened: Texts, threads: set[Thread], plain: list[Term]) -> bool:
    """Add what may be matched next to ``threads``, or to ``plain`` once no group matters; whether the text may end
    here.
    """
    accepting = False
    work = [(stack, closed, opened)]
    seen = set()
    while work:
        state = work.pop()
        if state in seen:
            continue
        seen.add(state)
        stack, closed, opened = state
        if stack is None:
            accepting = True
            continue
        if not stack.refers:
            plain.append(_plain_stack(stack))
            continue
        part, rest = stack.part, stack.rest
        term: Term = EPSILON
        match part:
            case Plain():
                term = part.term
            case Reference():
                text = _text_of(closed, part.number)
                if text is None:
                    continue
                term = part.matches(text)
            case _:
                work.extend(_unfold(part, rest, closed, opened))
                continue
        kept = _kept(closed, rest)
        if term is not EPSILON and term is not EMPTY:
            if not opened and (rest is None or not rest.refers):
                plain.append(concat(term, _plain_stack(rest)))
                continue
            threads.add(Thread(term, rest, kept, opened))
        if term.nullable:
            work.append((rest, kept, opened))
    return accepting


def _first_of(stack: Stack | None, closed: Texts, opened: Texts) -> int:
    """A superset of the bytes with which ``stack`` may go on, when the open groups may have grown before."""
    mask = 0
    work = [(stack, closed, opened)]
    seen = set()
    while work:
        state = work.pop()
        stack, closed, opened = state
        if state in seen or stack is None:
            continue
        seen.add(state)
        part, rest = stack.part, stack.rest
        match part:
            case Plain():
                mask |= part.term.first
                if part.term.nullable:
                    work.append((rest, closed, opened))
            case Reference():
                text = _text_of(closed, part.number)
                if not text:  # never matched, or empty so far
                    return FULL
                if part.variants is not None:  # perhaps not even a whole character
                    return FULL
                mask |= 1 << text[0]
            case _:
                work.extend(_unfold(part, rest, closed, opened))
    return mask


def _unfold(part: Part, rest: Stack | None, closed: Texts, opened: Texts) -> list[tuple[Stack | None, Texts, Texts]]:
    """The stacks, with the texts of the groups, that a part without text of its own stands for."""
    match part:
        case Seq():
            for p in reversed(part.parts):
                rest = _push(p, rest)
            return [(rest, closed, opened)]
        case Alt():
            return [(_push(choice, rest), closed, opened) for choice in part.choices]
        case Loop():
            found = []
            if part.lo == 0:
                found.append((rest, closed, opened))
            if part.hi != 0:
                again = Loop(part.body, max(part.lo - 1, 0), None if part.hi is None else part.hi - 1)
                found.append((_push(part.body, _push(again, rest)), closed, opened))
            return found
        case Capture():
            return [(_push(part.body, _push(Close(part.number), rest)), closed, (*opened, (part.number, b"")))]
        case Close():
            number, text = opened[-1]
            others = tuple(c for c in closed if c[0] != number)
            if rest is not None and number in rest.refers:
                others = tuple(sorted((*others, (number, text))))
            return [(rest, others, opened[:-1])]
        case Choice():
            branch = part.no if _text_of(closed, part.number) is None else part.yes
            return [(_push(branch, rest), closed, opened)]
    raise TypeError(f"{type(part).__name__} is not a part without text")


def _text_of(closed: Texts, number: int) -> bytes | None:
    for n, text in closed:
        if n == number:
            return text
    return None


def _kept(closed: Texts, stack: Stack | None) -> Texts:
    """The texts that something to come refers to: states that differ in others are one."""
    if stack is None:
        return ()
    return tuple(c for c in closed if c[0] in stack.refers)


def _grown(opened: Texts, text: bytes) -> Texts:
    return tuple((n, before + text) for n, before in opened) if text else opened


def _least_of(stack: Stack | None) -> int:
    total = 0
    while stack is not None:
        total += _least(stack.part)
        stack = stack.rest
    return total


def _least(part: Part) -> int:
    match part:
        case Plain():
            return lower_bound(part.term)
        case Seq():
            return sum(map(_least, part.parts))
        case Alt():
            return min(map(_least, part.choices))
        case Loop():
            return part.lo * _least(part.body) if part.lo else 0
        case Capture():
            return _least(part.body)
        case Choice():
            return min(_least(part.yes), _least(part.no))
    return 0


def _worst(part: Part, texts: Mapping[int, int], within: int, completions: Completions) -> int:
    """An upper bound of what the part still costs, wherever in it the next ``within`` bytes lead."""
    match part:
        case Plain():
            return max(completions.bounds(part.term))
        case Seq():
            return sum(_worst(p, texts, within, completions) for p in part.parts)
        case Alt():
            return max(_worst(p, texts, within, completions) for p in part.choices)
        case Loop():
            return (part.lo + 1) * _worst(part.body, texts, within, completions)
        case Capture():
            return _worst(part.body, texts, within, completions)
        case Reference():
            return max(texts.get(part.number, 0), within)
        case Choice():
            return max(_worst(part.yes, texts, within, completions), _worst(part.no, texts, within, completions))
    return 0


def _price(part: Part, prices: dict[int, int], completions: Completions) -> int:
    """An upper bound of what ``part`` costs from its beginning; keeps what the groups in it cost in ``prices``."""
    match part:
        case Plain():
            return completions.bounds(part.term)[0]
        case Seq():
            return sum(_price(p, prices, completions) for p in part.parts)
        case Alt():
            return max(_price(p, prices, completions) for p in part.choices)
        case Loop():
            return max(part.lo, 1) * _price(part.body, prices, completions)
        case Capture():
            price = _price(part.body, prices, completions)
            prices[part.number] = max(price, prices.get(part.number, 0))
            return price
        case Reference():
            return prices.get(part.number, 0)
        case Choice():
            return max(_price(part.yes, prices, completions), _price(part.no, prices, completions))
    return 0


# --- from a pattern -------------------------------------------------------------------------------


def threads_term(
    syntax: tree.Syntax, named_lists: Mapping[str, Iterable[str]], judge: regex.Pattern[str] | re.Pattern[str]
) -> Term | None:
    """The pattern's language, exactly; None if it has constructs beside references and conditions that are not
    plain.
    """
    try:
        builder = _Builder(syntax, named_lists)
        part = lowering.run_walk(builder.part(_without_outer_anchors(syntax.root)))
    except _NotServed:
        return None
    plain: list[Term] = []
    threads: set[Thread] = set()
    doomed = builder.certain(part, frozenset()) is None
    asked = judge if isinstance(judge, regex.Pattern) and builder.loses_matches() else None
    pattern = _Pattern(doomed, asked, syntax.source, _Clock())
    accepting = _go_on(_push(part, None), (), (), threads, plain)
    return _state(threads, accepting, plain, b"", pattern)


class _NotServed(Exception):
    """Something in the pattern is neither plain nor about groups."""


_TRUE_AT_START = ("text start", "line start", "search start")
_TRUE_AT_END = ("text end", "line end", "text end or before its last newline")


def _without_outer_anchors(root: tree.Node) -> tree.Node:
    """``root`` without anchors at its very start and end, which hold wherever the whole text is matched."""
    items = list(root.items) if isinstance(root, tree.Sequence) else [root]
    while items and isinstance(items[0], tree.Assertion) and items[0].place in _TRUE_AT_START:
        del items[0]
    while items and isinstance(items[-1], tree.Assertion) and items[-1].place in _TRUE_AT_END:
        del items[-1]
    return tree.Sequence(root.at, root.end, tuple(items))


class _Builder:
    def __init__(self, syntax: tree.Syntax, named_lists: Mapping[str, Iterable[str]]) -> None:
        self.syntax = syntax
        self.lowering = lowering._Lowering(syntax, {name: tuple(texts) for name, texts in named_lists.items()})
        self.referred: set[int] = set()
        for node in lowering.walk(syntax.root):
            match node:
                case tree.Backreference() | tree.Condition():
                    number = syntax.group(node.ref)
                    if number is None or (isinstance(node, tree.Backreference) and node.fold == "full"):
                        raise _NotServed
                    self.referred.add(number)
                case tree.Call():
                    raise _NotServed
                case tree.Character() | tree.CharacterClass() | tree.NamedList() if node.fold == "full":
                    raise _NotServed  # `regex` folds runs of characters as a whole
        if syntax.reverse:
            raise _NotServed

    def loses_matches(self) -> bool:
        """Whether `regex` may not find every match (see `_Pattern`): where anything but single characters is
        repeated.
        """
        return any(
            isinstance(node, tree.Repeat) and not isinstance(node.body, tree.Character | tree.CharacterClass)
            for node in lowering.walk(self.syntax.root)
        )

    def depends(self, node: tree.Node) -> bool:
        """Whether groups matter in ``node``."""
        return any(
            isinstance(n, tree.Backreference | tree.Condition)
            or (isinstance(n, tree.Group) and n.number in self.referred)
            for n in lowering.walk(node)
        )

    def part(self, node: tree.Node) -> Walk[Part]:
        if not self.depends(node):
            return self.plain(node)
        match node:
            case tree.Sequence():
                return self.sequence(node)
            case tree.Alternation():
                return self.alternation(node)
            case tree.Group():
                return self.group(node)
            case tree.Repeat() if node.mode != "possessive":
                return self.loop(node)
            case tree.Condition():
                return self.condition(node)
            case tree.Backreference():
                return self.reference(node)
        raise _NotServed  # groups inside lookarounds, atomic groups, fuzzy matching

    def plain(self, node: tree.Node) -> Walk[Part]:
        term: Term = yield self.lowering.term(node, False)
        if term.flags & (LOOK | CHECK) or self.lowering.reasons:
            raise _NotServed
        return Plain(term)

    def sequence(self, node: tree.Sequence) -> Walk[Part]:
        parts: list[Part] = []
        for item in node.items:
            part: Part = yield self.part(item)
            if isinstance(part, Plain) and parts and isinstance(parts[-1], Plain):
                parts[-1] = Plain(concat(parts[-1].term, part.term))
            else:
                parts.append(part)
        return Seq(tuple(parts))

    def alternation(self, node: tree.Alternation) -> Walk[Part]:
        choices: list[Part] = []
        for branch in node.branches:
            choice: Part = yield self.part(branch)
            choices.append(choice)
        return Alt(tuple(choices))

    def group(self, node: tree.Group) -> Walk[Part]:
        body: Part = yield self.part(node.body)
        return Capture(node.number, body) if node.number in self.referred else body

    def loop(self, node: tree.Repeat) -> Walk[Part]:
        body: Part = yield self.part(node.body)
        return Loop(body, node.lo, node.hi)

    def condition(self, node: tree.Condition) -> Walk[Part]:
        number = self.syntax.group(node.ref)
        assert number is not None
        yes: Part = yield self.part(node.yes)
        no: Part = yield self.part(node.no)
        return Choice(number, yes, no)

    def reference(self, node: tree.Backreference) -> Walk[Part]:
        number = self.syntax.group(node.ref)
        assert number is not None
        judge = self.syntax.judge
        return Reference(
            number, partial(codepoints.reference_variants, judge, encoding=node.encoding) if node.fold else None
        )
        yield

    def certain(self, part: Part, matched: frozenset[int]) -> frozenset[int] | None:
        """The groups that have matched after ``part`` on every way through it; None if a reference may meet one
        that has not.
        """
        match part:
            case Plain():
                return None if part.term is EMPTY else matched
            case Seq():
                after: frozenset[int] | None = matched
                for p in part.parts:
                    if after is not None:
                        after = self.certain(p, after)
                return after
            case Alt():
                ends = [self.certain(c, matched) for c in part.choices]
                return None if None in ends else frozenset.intersection(*[e for e in ends if e is not None])
            case Loop():
                end = self.certain(part.body, matched)
                return end if end is None or part.lo else matched
            case Capture():
                end = self.certain(part.body, matched)
                return None if end is None else end | {part.number}
            case Reference():
                return matched if part.number in matched else None
            case Choice():
                yes, no = self.certain(part.yes, matched | {part.number}), self.certain(part.no, matched)
                return None if yes is None or no is None else yes & no
        return matched
