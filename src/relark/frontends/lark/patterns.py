r"""Terminals' regexes as ordered trees: what a backtracking engine tries, in its order, over classes of characters.

Lookarounds, anchors, boundaries, atomic groups and possessive repeats become `Told` nodes: terms with zero-width parts
(`relark.language.lookaround`), of which the text around allows one match at most, so no order is needed among theirs.
A stack of trees is what a thread of the matcher (`preferred`) still has to match; `Trees.ways` says what it can do
next, best first.

Cost: linear in the pattern, copies of counted loops as far as they are walked.  Cannot do: what `frontends.regex` has
no exact term for, and commitment whose inside needs an order and looks around as well: both are refused with the
construct and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Literal

import regex

from relark.errors import PatternError, UnsupportedError
from relark.frontends.lark.characters import Characters, cut, lowest, members
from relark.frontends.regex import codepoints
from relark.frontends.regex.lower import Walk, _done, _foldings_matched, _Lowering, ranges_of, run_walk, walk
from relark.frontends.regex.syntax import (
    Alternation,
    Assertion,
    Atomic,
    Call,
    Character,
    CharacterClass,
    Group,
    Keep,
    Look,
    LookCondition,
    Newline,
    NotUnderstood,
    Repeat,
    Sequence,
    Syntax,
    Verb,
    parse,
)
from relark.frontends.regex.syntax import Node as SyntaxNode
from relark.language import ALL, EMPTY, EPSILON, Term, behind, complement, concat, derive, intersection, repeat, union
from relark.language import scope as closed
from relark.language.lookaround import _distinctions, finish, shift, step
from relark.language.terms import BEHIND, LOOK

MOST_MEMORIES = 64  # states of a lookbehind that are looked at to find out how far back it looks


# --- ordered trees ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """``plain``: the set of all matches, preferred or not.  Equal trees of one `Trees` are one object."""

    plain: Term


@dataclass(frozen=True, slots=True, eq=False)
class Unit(Tree):
    """One character out of ``classes``."""

    classes: int


@dataclass(frozen=True, slots=True, eq=False)
class Told(Tree):
    """A term, perhaps with zero-width parts, that matches in one way at most, given the text.

    ``tracked``: where what precedes the whole match matters, the number of the tracker that knows it.
    """

    tracked: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Seq(Tree):
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Alt(Tree):
    """The first that leads to a match."""

    choices: tuple[Tree, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Loop(Tree):
    part: Tree
    lo: int
    hi: int | None
    greedy: bool


class Stack:
    """What is still to match, next first; interned."""

    __slots__ = ("plain", "rest", "top", "ways")
    plain: Term

    def __init__(self, top: Tree, rest: Stack | None) -> None:
        self.top, self.rest = top, rest
        self.plain = top.plain if rest is None else concat(top.plain, rest.plain)
        self.ways: tuple[Way, ...] | None = None


Way = tuple[Term, Tree | None, Stack | None]
"""A condition on all that follows; a `Unit` or `Told` to read from, None to stop here; and what comes after it."""


class Trees:
    """Makes trees and stacks over the classes of ``characters``; equal ones are one object."""

    def __init__(self, characters: Characters) -> None:
        self.characters = characters
        self._trees: dict[tuple[object, ...], Tree] = {}
        self._stacks: dict[tuple[Tree, Stack | None], Stack] = {}
        self._shifted: dict[tuple[Tree, int], Tree] = {}

    def unit(self, classes: int) -> Tree:
        return self._tree((Unit, classes), lambda: Unit(self.characters.term(classes), classes))

    def told(self, term: Term, tracked: int | None = None) -> Tree:
        return self._tree((Told, term, tracked), lambda: Told(term, tracked))

    def seq(self, *parts: Tree) -> Tree:
        if len(parts) == 1:
            return parts[0]
        return self._tree((Seq, parts), lambda: Seq(concat(*[p.plain for p in parts]), parts))

    def alt(self, *choices: Tree) -> Tree:
        if len(choices) == 1:
            return choices[0]
        return self._tree((Alt, choices), lambda: Alt(union(*[c.plain for c in choices]), choices))

    def loop(self, part: Tree, lo: int, hi: int | None, greedy: bool) -> Tree:
        key = (Loop, part, lo, hi, greedy)
        return self._tree(key, lambda: Loop(repeat(part.plain, lo, hi), part, lo, hi, greedy))

    def stack(self, top: Tree, rest: Stack | None) -> Stack:
        key = top, rest
        known = self._stacks.get(key)
        if known is None:
            known = self._stacks[key] = Stack(top, rest)
        return known

    def _tree(self, key: tuple[object, ...], make: Callable[[], Tree]) -> Tree:
        known = self._trees.get(key)
        if known is None:
            known = self._trees[key] = make()
        return known

    def classes_read(self, tree: Tree) -> int:
        """All classes that a match may consist of, and perhaps more."""
        match tree:
            case Unit():
                return tree.classes
            case Told():
                return self.characters.all if tree.plain.first else 0
            case Seq(parts=parts) | Alt(choices=parts):
                return reduce(or_, map(self.classes_read, parts), 0)
            case Loop():
                return self.classes_read(tree.part)
        raise TypeError(f"no tree: {type(tree).__name__}")

    def replaced(self, tree: Tree, told: Callable[[Told], Tree]) -> Tree:
        """``tree`` with every `Told` node ``t`` as ``told(t)``."""
        match tree:
            case Told():
                return told(tree)
            case Seq() if tree.plain.flags & LOOK:
                return self.seq(*[self.replaced(p, told) for p in tree.parts])
            case Alt() if tree.plain.flags & LOOK:
                return self.alt(*[self.replaced(c, told) for c in tree.choices])
            case Loop() if tree.plain.flags & LOOK:
                return self.loop(self.replaced(tree.part, told), tree.lo, tree.hi, tree.greedy)
        return tree

    def shifted(self, stack: Stack | None, index: int) -> Stack | None:
        """``stack`` after a character of class ``index`` went by before it."""
        tops: list[Tree] = []
        while stack is not None and stack.plain.flags & BEHIND:
            tops.append(stack.top)
            stack = stack.rest
        for top in reversed(tops):
            key = (top, index)
            after = self._shifted.get(key)
            if after is None:
                after = self.replaced(top, lambda told: self.told(self.shifted_term(told.plain, index)))
                self._shifted[key] = after
            stack = self.stack(after, stack)
        return stack

    def memory(self, term: Term) -> int | None:
        """After how many characters it no longer matters to ``term`` what went before; None if it always may."""
        states = [term]
        for state in states:
            states += {self.shifted_term(state, lowest(part)) for part in self._parts([state])}.difference(states)
            if len(states) > MOST_MEMORIES:
                return None
        groups = {frozenset(states)}
        for length in range(MOST_MEMORIES):
            if all(len(group) == 1 for group in groups):
                return length
            groups = {
                frozenset(self.shifted_term(state, lowest(part)) for state in group)
                for group in groups
                for part in self._parts(group)
            }
        return None

    def _parts(self, terms: Iterable[Term]) -> list[int]:
        return cut(self.characters.all, [mask for term in terms for mask in self.distinctions(term)])

    def shifted_term(self, term: Term, index: int) -> Term:
        for byte in self.characters.symbol(index):
            term = shift(term, byte)
        return term

    def steps(self, term: Term, index: int) -> dict[Term, Term]:
        """What may be left of ``term`` after a character, each with what must then hold of the rest of the text."""
        found = {term: ALL}
        for byte in self.characters.symbol(index):
            after: dict[Term, Term] = {}
            for left, condition in found.items():
                met = derive(condition, byte)
                for further, more in step(left, byte).items():
                    after[further] = union(after.get(further, EMPTY), intersection(met, more))
            found = after
        return {left: condition for left, condition in found.items() if condition is not EMPTY}

    def ways(self, stack: Stack | None) -> tuple[Way, ...]:
        """What a thread can do next, best first."""
        if stack is None:
            return ((ALL, None, None),)
        if stack.ways is None:
            stack.ways = tuple(self._ways(stack))
        return stack.ways

    def _ways(self, stack: Stack) -> Iterable[Way]:
        start: tuple[Stack | None, frozenset[object], Term] = stack, frozenset(), ALL
        work = [start]
        while work:
            current, loops, condition = work.pop()
            if condition is EMPTY:
                continue
            if current is None:
                yield condition, None, None
                continue
            tree, rest = current.top, current.rest
            match tree:
                case Unit():
                    if tree.classes:
                        yield condition, tree, rest
                case Told():
                    if tree.plain.first:
                        yield condition, tree, rest
                    work.append((rest, loops, intersection(condition, finish(tree.plain))))
                case Seq():
                    for part in reversed(tree.parts):
                        rest = self.stack(part, rest)
                    work.append((rest, loops, condition))
                case Alt():
                    work += [(self.stack(c, rest), loops, condition) for c in reversed(tree.choices)]
                case Loop(part=part, lo=lo, hi=hi, greedy=greedy):
                    less = None if hi is None else hi - 1
                    if hi == 0:
                        work.append((rest, loops, condition))
                    elif lo > 0:
                        again = self.stack(part, self.stack(self.loop(part, lo - 1, less, greedy), rest))
                        work.append((again, loops, condition))
                    elif (part, rest) in loops:  # an iteration that read nothing ends the loop
                        work.append((rest, loops, condition))
                    else:
                        again = self.stack(part, self.stack(self.loop(part, 0, less, greedy), rest))
                        iterated = (again, loops | {(part, rest)}, condition)
                        left = (rest, loops, condition)
                        work += [left, iterated] if greedy else [iterated, left]

    def follows(self, way: Way) -> Term:
        """The texts, from here to their end, along which ``way`` leads to a match."""
        condition, read, rest = way
        if read is None:
            return condition
        parts = [read.plain, ALL] if rest is None else [read.plain, rest.plain, ALL]
        if isinstance(read, Told):  # where it may end here, that is its only way
            condition = intersection(condition, complement(finish(read.plain)))
        return intersection(condition, closed(concat(*parts)))

    def distinctions(self, term: Term) -> list[int]:
        """Sets of classes that a term with zero-width parts, not yet begun, tells apart."""
        if self.characters.width > 1:
            return [1 << index for index in members(self.characters.all)]
        return [mask & self.characters.all for mask in _distinctions(term)]


# --- reading patterns -------------------------------------------------------------------------------------------------

_LOCAL = -1  # tracked by no one: it starts anew with every match


@dataclass(frozen=True, slots=True)
class Pattern:
    """A terminal's regex, read.  ``switches``: it sets flags for more than its own groups."""

    name: str
    syntax: Syntax
    switches: bool

    def refuse(self, construct: str, why: str, position: int | None = None) -> UnsupportedError:
        """The error that says what is the matter with this terminal."""
        return UnsupportedError(
            f"terminal {self.name}: {construct}: {why}", source=self.syntax.source, position=position
        )


def read_pattern(name: str, source: str, flags: int, module: Literal["re", "regex"]) -> Pattern:
    """``source`` as ``module`` reads it under ``flags``.

    Raises `PatternError` for what the module refuses, `UnsupportedError` for what has no preferred match here.
    """
    try:
        compiled: Any = re.compile(source, flags) if module == "re" else regex.compile(source, flags)
    except (re.error, regex.error) as error:
        message = f"terminal {name}: {getattr(error, 'msg', error)}"
        raise PatternError(message, source, getattr(error, "pos", None)) from None
    given = flags if module == "regex" else compiled.flags
    if module == "regex":  # the version and the other global flags hold wherever they are set
        given = flags & ~int(regex.UNICODE) | compiled.flags & (regex.V0 | regex.V1 | regex.REVERSE | regex.POSIX)
    try:
        syntax = parse(source, given, module=module)
    except NotUnderstood as error:
        raise UnsupportedError(
            f"terminal {name}: {module} compiles it, but relark cannot read it: {error.what}; please report it",
            source=source,
            position=error.position,
        ) from None
    plain: Any = re.compile("", flags) if module == "re" else regex.compile("", flags)
    pattern = Pattern(name, syntax, compiled.flags != plain.flags)
    if syntax.group_count != compiled.groups or compiled.flags & (regex.LOCALE if module == "regex" else re.LOCALE):
        raise pattern.refuse("the pattern", "its groups or its flags are not understood")
    if syntax.reverse:
        raise pattern.refuse("the REVERSE flag", "the pattern is matched from its end")
    if module == "regex" and compiled.flags & regex.POSIX:
        raise pattern.refuse("the POSIX flag", "it asks for the longest match instead of the first")
    return pattern


def tree_of(pattern: Pattern, trees: Trees) -> Tree:
    """The pattern with the order in which its engine tries things."""
    reading = _Reading(pattern, trees)
    for node in walk(pattern.syntax.root):
        if isinstance(node, Keep):
            raise pattern.refuse("\\K", "it moves the start of the match", node.at)
        if isinstance(node, Call):
            raise pattern.refuse("group call", "Lark numbers the groups anew where it joins terminals", node.at)
        if reading.folds(node):
            why = "which letters fold together depends on how regex rearranges what stands around"
            raise pattern.refuse("full case folding", why, node.at)
    try:
        tree: Tree = run_walk(reading.tree(pattern.syntax.root))
    except UnsupportedError as error:  # of terms: nested too deep
        raise pattern.refuse("the pattern", str(error)) from None
    for reason in reading.reasons.values():
        raise pattern.refuse(reason.construct, reason.why, reason.position)
    return tree


class _Reading(_Lowering):
    """One pattern on its way; what makes no difference to the order is left to `_Lowering`."""

    def __init__(self, pattern: Pattern, trees: Trees) -> None:
        super().__init__(pattern.syntax, {}, trees.characters)
        self.pattern, self.trees = pattern, trees

    def folds(self, node: SyntaxNode) -> bool:
        """Whether ``node`` may match other numbers of characters because case is ignored."""
        match node:
            case Character(fold="full"):
                return codepoints.expansions() is None or self.has_case(node)
            case CharacterClass(fold="full"):
                return codepoints.expansions() is None or bool(_foldings_matched(self.judge, node))
        return False

    def tree(self, node: SyntaxNode) -> Walk[Tree]:
        self.pieces += 1
        match node:
            case Sequence():
                return self.tree_of_sequence(node.items)
            case Alternation():
                return self.tree_of_choice(node)
            case Group():
                return self.tree(node.body)
            case Repeat() if node.mode != "possessive":
                return self.tree_of_loop(node)
            case Repeat() | Atomic() | Look():
                return self.tree_of_told(node)
            case LookCondition():
                return self.tree_of_condition(node)
            case Character():
                single = ((node.code, node.code),)
                ranges = codepoints.case_variants(self.judge, node.code) if node.fold == "simple" else single
                return _done(self.trees.unit(self.trees.characters.set_of(ranges)))
            case CharacterClass():
                return _done(self.trees.unit(self.trees.characters.set_of(ranges_of(self.judge, node))))
            case Assertion(place="search start"):
                return _done(self.trees.told(behind(EPSILON), _LOCAL))
            case Assertion() | Newline():
                return _done(self.trees.told(self.single(node, False)))
            case Verb(name="FAIL"):
                return _done(self.trees.unit(0))
        return self.tree_of_told(node)  # which gives the reason why not

    def tree_of_told(self, node: SyntaxNode) -> Walk[Tree]:
        term: Term = yield self.term(node, False)
        return self.trees.told(term)

    def tree_of_sequence(self, items: tuple[SyntaxNode, ...]) -> Walk[Tree]:
        parts: list[Tree] = []
        for item in items:
            part: Tree = yield self.tree(item)
            parts.append(part)
        return self.trees.seq(*parts)

    def tree_of_choice(self, node: Alternation) -> Walk[Tree]:
        choices: list[Tree] = []
        for branch in node.branches:
            choice: Tree = yield self.tree(branch)
            choices.append(choice)
        return self.trees.alt(*choices)

    def tree_of_loop(self, node: Repeat) -> Walk[Tree]:
        part: Tree = yield self.tree(node.body)
        return self.trees.loop(part, node.lo, node.hi, node.mode != "lazy")

    def tree_of_condition(self, node: LookCondition) -> Walk[Tree]:
        if node.negative:
            told: Tree = yield self.tree_of_told(node)
            return told
        yes: Tree = yield self.tree(node.yes)
        no: Tree = yield self.tree(node.no)
        met: Term = yield self.look(node.behind, False, node.test)
        unmet: Term = yield self.look(node.behind, True, node.test)
        return self.trees.alt(self.trees.seq(self.trees.told(met), yes), self.trees.seq(self.trees.told(unmet), no))
