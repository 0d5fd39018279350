r"""How a text is cut into matches of terminals: what Python's matcher takes, as plain terms over UTF-8.

Lark's lexers call ``pattern.match(text, i)`` and take what it finds, so where a match ends may depend on what comes
after it: ``\d+(\.\d+)?`` takes the dot only if a digit follows.  `Scanning.reads` lists the ways to match once, each
with the words that lead there and the `Context` in which the text goes on: what the match has promised about the rest
(no better match along it), and what lookbehinds need to know of what went before.  A text is cut as Lark cuts it if
there is a chain of reads along it from `Scanning.start` whose last context `may_end`; contexts are finite in number, so
rules over symbols and contexts are an ordinary context-free grammar.

    scanning = Scanning([Terminal("INT", r"\d+"), Terminal("WORD", r"\w+")], flags=0, module="re")
    for (label, after), words in scanning.reads(Scanner(("INT",)), scanning.start).items(): ...

Cost: a few milliseconds for the terminals of a programming language and a few for each scanner; reads are remembered,
and their terms share all that they have in common.  Cannot do: what `patterns` refuses; terminals that may match the
empty text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import Literal

from relark.errors import ArgumentError, UnsupportedError
from relark.frontends.lark.characters import Characters
from relark.frontends.lark.grammar import Terminal
from relark.frontends.lark.patterns import Alt, Loop, Pattern, Seq, Told, Tree, Trees, read_pattern, tree_of
from relark.frontends.lark.preferred import Matcher, State, Words
from relark.frontends.lark.spelling import WordTerms
from relark.frontends.regex.lower import character_sets
from relark.language import ALL, EMPTY, Term, lower_bound, scope
from relark.language.terms import AHEAD, BEHIND

__all__ = ["Context", "Scanner", "Scanning", "Terminal"]

MOST_STATES = 10_000  # of the automaton of one scanner
MOST_WAYS = 100_000  # to go on, in all of them together


@dataclass(frozen=True, slots=True)
class Context:
    """What the text so far says about the rest.

    ``after``: the language (over classes of characters) that the rest must lie in.  ``before``: the conditions on what
    precedes that later matches may ask about, as they stand now.
    """

    after: Term
    before: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Scanner:
    """Terminals tried at one place.

    ``order``     the terminals, best first: the first that matches is taken
    ``keywords``  regex terminal -> terminals that its words turn into if these match them whole, the first that does
    ``complete``  also every shorter word that the terminal's regex would take if it stood alone
    """

    order: tuple[str, ...]
    keywords: tuple[tuple[str, tuple[str, ...]], ...] = ()
    complete: bool = False


Reads = Mapping["tuple[str, Context]", Term]


class Scanning:
    """The terminals of one grammar.

    ``flags`` are flags of ``module``, for all terminals.  ``start`` is the context at the beginning of the text,
    ``bytes_used`` a mask of bytes that suffice to complete every word begun.

    Raises `UnsupportedError` for a terminal with a construct that has no exact term.
    """

    def __init__(self, terminals: Iterable[Terminal], *, flags: int, module: Literal["re", "regex"]) -> None:
        self.patterns: dict[str, Pattern] = {}
        for terminal in terminals:
            self.patterns[terminal.name] = read_pattern(terminal.name, terminal.source, flags, module)
        self.characters = Characters(
            ranges for pattern in self.patterns.values() for ranges in character_sets(pattern.syntax, {})
        )
        self._trees = Trees(self.characters)
        self._matcher = Matcher(self.characters, self._trees)
        self._ordered: dict[str, Tree] = {}
        self._asked: dict[str, set[int]] = {}  # the numbers of the trackers that a terminal asks
        self._trackers: dict[Term, int] = {}  # conditions on what precedes that may look before a match: their numbers
        for name, pattern in self.patterns.items():
            tree = tree_of(pattern, self._trees)
            self._asked[name] = set()
            self._ordered[name] = self._tracked(tree, 0, self._asked[name])
        self.start = Context(ALL, tuple(self._trackers))
        used = reduce(or_, map(self._trees.classes_read, self._ordered.values()), 0)
        self._words = WordTerms(self.characters, used)
        self.bytes_used = self._words.bytes_used
        self._memories = [self._trees.memory(term) for term in self._trackers]
        self._explored: set[State] = set()  # with all that can be reached from them
        self._reads: dict[tuple[Scanner, Context], Reads] = {}
        self._firsts: dict[tuple[Scanner, Context], int] = {}
        self._begins: dict[Scanner, int] = {}
        self._settled: dict[tuple[Context, frozenset[Scanner]], Context] = {}
        self._decided: dict[tuple[Context, frozenset[Scanner]], int | None] = {}
        self._examples: dict[tuple[int, frozenset[tuple[Term, int]]], Term] = {}

    def reads(self, scanner: Scanner, context: Context) -> Reads:
        """The ways to match once from ``context``: (label, context after) -> the words that lead there.

        The terms are plain: not empty, without the empty word, without CHECK or LAZY flags.  Two ways share words only
        where they differ in what they say of the rest of the text.
        """
        key = scanner, context
        known = self._reads.get(key)
        if known is None:
            start = self._begun(scanner, context)
            self._explore(start)
            if start.exits:
                labels = ", ".join(sorted({label for label, _, _ in start.exits}))
                raise UnsupportedError(f"terminal {labels}: it may match the empty text, of which Lark makes no token")
            found = {
                (label, Context(after, before)): words
                for (label, after, before), words in self._words.of(start).items()
            }
            known = self._reads[key] = MappingProxyType(found)
        return known

    def may_end(self, context: Context) -> bool:
        """Whether the text may end here."""
        return context.after.nullable

    def first(self, scanner: Scanner, context: Context) -> int:
        """The bytes that a match may start with, as a 256-bit mask."""
        key = scanner, context
        known = self._firsts.get(key)
        if known is None:
            known = self._firsts[key] = reduce(or_, (words.first for words in self.reads(scanner, context).values()), 0)
        return known

    def settled(self, context: Context, scanners: Iterable[Scanner]) -> Context:
        """A context with the same reads for all of ``scanners``, the same one for many: what cannot matter is dropped.

        Only for what follows if that is not empty and begins with a match of one of ``scanners``.
        """
        asked = frozenset(scanners)
        key = context, asked
        known = self._settled.get(key)
        if known is None:
            known = self._settled[key] = self._find_settled(context, asked)
        return known

    def decided(self, context: Context, begins: Iterable[Scanner]) -> int | None:
        """Where the next byte alone tells whether ``context`` allows what follows: the bytes that it forbids.

        A 256-bit mask, 0 if everything may follow.  For texts that end here or go on with a match of one of ``begins``;
        None where more than a byte has to be seen.  What ``context.before`` says is not looked at.
        """
        if context.after is ALL:
            return 0
        if not context.after.nullable:
            return None
        asked = frozenset(begins)
        key = context, asked
        if key not in self._decided:
            self._decided[key] = self._find_decided(context, asked)
        return self._decided[key]

    def _find_decided(self, context: Context, begins: frozenset[Scanner]) -> int | None:
        possible = reduce(or_, map(self._first_classes, begins), 0)
        allowed = 0
        for classes, target in self._kept_moves(context.after):
            if classes & possible and target is not ALL:
                return None
            allowed |= classes & possible
        forbidden = self.characters.utf8(possible & ~allowed).first
        return None if forbidden & self.characters.utf8(allowed).first else forbidden

    def _find_settled(self, context: Context, scanners: frozenset[Scanner]) -> Context:
        before = context.before
        if before:
            asked = {number for scanner in scanners for name in scanner.order for number in self._asked[name]}
            before = tuple(
                self.start.before[number] if number not in asked and self._memories[number] in (0, 1) else term
                for number, term in enumerate(before)
            )
        if context.after is ALL:
            return Context(ALL, before)
        begins = reduce(or_, map(self._first_classes, scanners), 0)
        after = frozenset(
            (target, classes & begins) for classes, target in self._kept_moves(context.after) if classes & begins
        )
        if after == {(ALL, begins)}:
            return Context(ALL, before)
        return Context(self._examples.setdefault((begins, after), context.after), before)

    def _kept_moves(self, after: Term) -> list[tuple[int, Term]]:
        by_target: dict[Term, int] = {}
        for classes, target in self.characters.moves(after):
            kept = self._matcher.obligations.kept(target)
            if kept is not EMPTY:
                by_target[kept] = by_target.get(kept, 0) | classes
        return [(classes, target) for target, classes in by_target.items()]

    def _first_classes(self, scanner: Scanner) -> int:
        """The classes that a match of ``scanner`` may start with in some context."""
        known = self._begins.get(scanner)
        if known is None:
            first = reduce(or_, (self._ordered[name].plain.first for name in scanner.order), 0)
            known = self.characters.beginning(first)
            self._begins[scanner] = known
        return known

    def _tracked(self, tree: Tree, least: int, asked: set[int]) -> Tree:
        """``tree``, ``least`` characters into a match at the earliest, with numbers for the trackers that it asks."""
        if not tree.plain.flags & BEHIND:
            return tree
        match tree:
            case Told() if tree.tracked is None:
                memory = self._trees.memory(tree.plain)
                if memory is not None and memory <= least:
                    return tree
                number = self._trackers.setdefault(tree.plain, len(self._trackers))
                asked.add(number)
                return self._trees.told(tree.plain, number)
            case Seq():
                parts = []
                for part in tree.parts:
                    parts.append(self._tracked(part, least, asked))
                    least += lower_bound(part.plain) // self.characters.width
                return self._trees.seq(*parts)
            case Alt():
                return self._trees.alt(*[self._tracked(choice, least, asked) for choice in tree.choices])
            case Loop():
                return self._trees.loop(self._tracked(tree.part, least, asked), tree.lo, tree.hi, tree.greedy)
        return tree

    def _begun(self, scanner: Scanner, context: Context) -> State:
        def told(node: Told) -> Tree:
            if node.tracked is None or node.tracked < 0:
                return node
            return self._trees.told(context.before[node.tracked])

        if scanner.complete and (len(scanner.order) > 1 or scanner.keywords):
            raise ArgumentError("a complete scanner has one terminal and no keywords")
        if len(scanner.order) > 1:
            for name in scanner.order:
                if self.patterns[name].switches:
                    raise self.patterns[name].refuse("flags for the whole pattern", "they hold for all terminals then")
        threads = tuple(
            (name, self._trees.stack(self._trees.replaced(self._ordered[name], told), None), ALL)
            for name in dict.fromkeys(scanner.order)
        )
        if scanner.complete and any(self._looks_out(self._ordered[name]) for name in scanner.order):
            whole = self._matcher.obliged(self._matcher.state(threads, (), context.before, False), context.after)
            alone = tuple((name, self._trees.stack(self._ordered[name], None), ALL) for name in scanner.order)
            return self._matcher.pair(whole, self._matcher.state(alone, (), self.start.before, False))
        words: Words = tuple(
            (label, tuple((name, scope(self._ordered[name].plain)) for name in names))
            for label, names in scanner.keywords
            if label in scanner.order
        )
        start = self._matcher.state(threads, words, context.before, scanner.complete)
        return self._matcher.obliged(start, context.after)

    def _looks_out(self, tree: Tree) -> bool:
        """Whether what ``tree`` matches may depend on more than the match itself."""
        match tree:
            case Told():
                return bool(tree.plain.flags & AHEAD) or tree.tracked is not None
            case Seq():
                return any(map(self._looks_out, tree.parts))
            case Alt():
                return any(map(self._looks_out, tree.choices))
            case Loop():
                return self._looks_out(tree.part)
        return False

    def _explore(self, start: State) -> None:
        """Find every state that can be reached from ``start``."""
        if start in self._explored:
            return
        seen = {start}
        work = [start]
        ways = 0
        while work:
            state = work.pop()
            for _, target in self._matcher.explore(state):
                if target not in seen and target not in self._explored:
                    seen.add(target)
                    work.append(target)
            ways += state.ways
            if len(seen) > MOST_STATES or ways > MOST_WAYS:
                raise UnsupportedError(
                    f"terminal {', '.join(state.labels)}: its matcher has more than {MOST_STATES:,} states or "
                    f"{MOST_WAYS:,} ways to go on; write it with smaller counts or without alternatives that overlap"
                )
        self._explored |= seen
