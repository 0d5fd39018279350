r"""Preferred (leftmost-first) matching, one character at a time, with conditions on what follows.

A `State` is a list of threads, best first: each has a label (which terminal it is), a stack of what is still to match
(`patterns`), and an *obligation*, a language in which the rest of the text must lie, because a lookahead said so or
because a better thread would have matched otherwise.  So a state stands for all that a backtracking engine would try
(Pike's simulation), and where an engine looks at what comes, a state only says what must come.

That a match ends here is a guess, with the obligation that no better thread ever matches along the rest of the text,
and with what is left of the obligation that was there when the match began.

Cost: states are found once and shared by all scanners of a grammar; a step is linear in its ways times the parts into
which they cut the classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from relark.frontends.lark.characters import Characters, cut, lowest
from relark.frontends.lark.obligations import Obligations
from relark.frontends.lark.patterns import Stack, Tree, Trees, Unit
from relark.language import ALL, EMPTY, Term, complement, concat, intersection, ref, union
from relark.language.terms import BEHIND

Thread: TypeAlias = "tuple[str, Stack | None, Term]"
"""Label, what is still to match, what must hold of all that follows."""

Words = tuple[tuple[str, tuple[tuple[str, Term], ...]], ...]
"""For a label, the labels that its words may turn into, each with what is left of its own words."""

Exit = tuple[str, Term, tuple[Term, ...]]
"""Label, obligation on the rest of the text, trackers."""

_Read: TypeAlias = "tuple[str, Term, Tree, Stack | None]"
"""Label, obligation, what is read, what is then still to match."""


@dataclass(frozen=True, slots=True)
class _Threads:
    """A match, whatever the text before it promised, if it is not cut off (``complete``: wherever it may be)."""

    threads: tuple[Thread, ...]
    words: Words
    before: tuple[Term, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Obliged:
    """A match where the rest of the text must lie in ``after`` because the text before the match promised that."""

    match: State
    after: Term


@dataclass(frozen=True, slots=True)
class _Pair:
    """A match in its text, and what would be matched if the text ended further on, but before the match does."""

    whole: State
    alone: State | None


class State:
    """What the matcher knows somewhere in a match.

    ``labels``  the terminals that may be matched
    ``before``  the trackers, as they are here
    ``exits``   the ways to end the match here
    ``moves``   disjoint sets of classes with distinct states; None until the state is explored
    ``ways``    in how many ways the match may go on, a measure of the work for it
    """

    __slots__ = ("before", "exits", "key", "labels", "moves", "ways")

    def __init__(self, key: _Threads | _Obliged | _Pair) -> None:
        self.key = key
        match key:
            case _Threads():
                self.labels: tuple[str, ...] = tuple(dict.fromkeys(label for label, _, _ in key.threads))
                self.before = key.before
            case _Obliged(match=inner) | _Pair(whole=inner):
                self.labels, self.before = inner.labels, inner.before
        self.exits: tuple[Exit, ...] = ()
        self.moves: tuple[tuple[int, State], ...] | None = None
        self.ways = 1


class Matcher:
    """The states of one grammar's terminals."""

    def __init__(self, characters: Characters, trees: Trees) -> None:
        self.characters, self.trees = characters, trees
        self.obligations = Obligations(characters)
        self._states: dict[_Threads | _Obliged | _Pair, State] = {}
        self._ends: dict[tuple[State, bool], Term] = {}
        self._cut_off: dict[tuple[State, Term], Term] = {}

    def state(self, threads: tuple[Thread, ...], words: Words, before: tuple[Term, ...], complete: bool) -> State:
        """A match of ``threads``, the best first."""
        return self._state(_Threads(threads, words, before, complete))

    def obliged(self, match: State, after: Term) -> State:
        """``match`` where all that follows must lie in ``after``."""
        return match if after is ALL else self._state(_Obliged(match, after))

    def pair(self, whole: State, alone: State | None) -> State:
        """The words of ``whole``, and those that ``alone`` takes of a proper beginning of such a word.

        ``alone`` knows nothing of the text before the match, and the text ends with the beginning.
        """
        return self._state(_Pair(whole, alone))

    def _state(self, key: _Threads | _Obliged | _Pair) -> State:
        known = self._states.get(key)
        if known is None:
            known = self._states[key] = State(key)
        return known

    def explore(self, state: State) -> tuple[tuple[int, State], ...]:
        """The moves of ``state``, which from now on has its exits too."""
        if state.moves is not None:
            return state.moves
        match state.key:
            case _Threads():
                reads, ends = self._ways(state.key)
                pairs = self._thread_moves(state.key, reads)
                state.ways += len(reads)
            case _Obliged():
                ends = self._obliged_ends(state.key)
                pairs = self._obliged_moves(state.key)
            case _Pair():
                ends = self._pair_ends(state.key)
                pairs = self._pair_moves(state.key)
        found: dict[State, int] = {}
        for classes, target in pairs:
            found[target] = found.get(target, 0) | classes
        kept = ((label, self.obligations.kept(end), state.before) for label, end in ends.items())
        state.exits = tuple(exit_ for exit_ in kept if exit_[1] is not EMPTY)
        state.moves = tuple((classes, target) for target, classes in found.items())
        return state.moves

    # -- matches

    def _ways(self, key: _Threads) -> tuple[list[_Read], dict[str, Term]]:
        """What can be read from here, best first, and how the match can end here."""
        kept, trees = self.obligations.kept, self.trees
        reads: list[_Read] = []
        ends: dict[str, Term] = {}
        better: Term = EMPTY  # the texts along which a way before matches
        covered = 0  # how many of the reads are in it
        unmatched = ALL  # that no way before ends the match here
        for label, stack, obligation in key.threads:
            for condition, what, rest in trees.ways(stack):
                asked = obligation
                if condition is not ALL or unmatched is not ALL:
                    asked = kept(intersection(obligation, condition, unmatched))
                if asked is EMPTY:
                    continue
                if what is not None:
                    reads.append((label, asked, what, rest))
                    continue
                if not key.complete:
                    better = union(better, *[trees.follows((o, w, r)) for _, o, w, r in reads[covered:]])
                    covered = len(reads)
                    asked = kept(intersection(asked, complement(better)))
                name = next((n for at, names in key.words if at == label for n, left in names if left.nullable), label)
                ends[name] = union(ends.get(name, EMPTY), asked)
                unmatched = kept(intersection(unmatched, complement(intersection(obligation, condition))))
                if unmatched is EMPTY:
                    return reads, ends
        return reads, ends

    def _thread_moves(self, key: _Threads, reads: list[_Read]) -> Iterable[tuple[int, State]]:
        for part in cut(*self._distinctions(key, reads)):
            target = self._step(key, reads, lowest(part))
            if target is not None:
                yield part, target

    def _distinctions(self, key: _Threads, reads: list[_Read]) -> tuple[int, Iterable[int]]:
        """The classes that can be read, and sets of classes: those that are in the same ones lead to the same state."""
        masks: dict[int, None] = {}
        languages: dict[Term, None] = {}
        looking: dict[Term, None] = dict.fromkeys(key.before)
        universe = 0
        live = set()
        for label, obligation, what, rest in reads:
            live.add(label)
            if isinstance(what, Unit):
                masks[what.classes] = None
                universe |= what.classes
            else:
                looking[what.plain] = None
                universe = self.characters.all
            languages[obligation] = None
            if rest is not None and rest.plain.flags & BEHIND:
                looking[rest.plain] = None
        languages.update((left, None) for label, names in key.words if label in live for _, left in names)
        for language in languages:
            if language is not ALL:
                masks.update((classes, None) for classes, _ in self.characters.moves(language))
        for term in looking:
            masks.update((classes, None) for classes in self.trees.distinctions(term))
        return universe, masks

    def _step(self, key: _Threads, reads: list[_Read], index: int) -> State | None:
        """The state after a character of class ``index``; None if there is nothing to match any more."""
        threads: list[Thread] = []
        seen: set[tuple[Stack | None, Term]] = set()

        def add(label: str, stack: Stack | None, asked: Term) -> None:
            # A worse thread with the same rest is never taken.
            if asked is not EMPTY and (stack, ALL) not in seen and (stack, asked) not in seen:
                seen.add((stack, asked))
                threads.append((label, stack, asked))

        for label, obligation, what, rest in reads:
            if isinstance(what, Unit):
                if what.classes >> index & 1:
                    asked = self.obligations.after(obligation, index)
                    add(label, self.trees.shifted(rest, index), asked)
                continue
            steps = self.trees.steps(what.plain, index)
            if steps:
                asked = self.obligations.after(obligation, index)
                left = self.trees.shifted(rest, index)
                for remaining, condition in steps.items():
                    stack = self.trees.stack(self.trees.told(remaining), left)
                    add(label, stack, self.obligations.kept(intersection(asked, condition)))
        if not threads:
            return None
        live = {label for label, _, _ in threads}
        words: list[tuple[str, tuple[tuple[str, Term], ...]]] = []
        for label, names in key.words:
            if label in live:
                lefts = [(name, self.characters.derive(left, index)) for name, left in names]
                if any(left is not EMPTY for _, left in lefts):
                    words.append((label, tuple(pair for pair in lefts if pair[1] is not EMPTY)))
        before = tuple(self.trees.shifted_term(term, index) for term in key.before)
        return self.state(tuple(threads), tuple(words), before, key.complete)

    # -- matches after a promise

    def _obliged_ends(self, key: _Obliged) -> dict[str, Term]:
        self.explore(key.match)
        return {label: intersection(end, key.after) for label, end, _ in key.match.exits}

    def _obliged_moves(self, key: _Obliged) -> Iterable[tuple[int, State]]:
        promised = self.characters.moves(key.after)
        for classes, target in self.explore(key.match):
            for others, left in promised:
                if classes & others and (after := self.obligations.kept(left)) is not EMPTY:
                    yield classes & others, self.obliged(target, after)

    # -- words that are cut off

    def _pair_ends(self, key: _Pair) -> dict[str, Term]:
        self.explore(key.whole)
        ends = {label: end for label, end, _ in key.whole.exits}
        if key.alone is not None:
            self.explore(key.alone)
            for label, end, _ in key.alone.exits:
                ends[label] = union(ends.get(label, EMPTY), self._cut_off_after(key.whole, end))
        return ends

    def _pair_moves(self, key: _Pair) -> Iterable[tuple[int, State]]:
        for classes, whole in self.explore(key.whole):
            left = classes
            for others, alone in self.explore(key.alone) if key.alone is not None else ():
                if classes & others:
                    yield classes & others, self.pair(whole, alone)
                    left &= ~others
            if left:
                yield left, self.pair(whole, None)

    def _match_ends(self, state: State, now: bool) -> Term:
        """The rests of the text with which the match ends later, or ``now`` as well."""
        known = self._ends.get((state, now))
        if known is None:
            self.explore(state)

            def resolve() -> Term:
                rests = [after for _, after, _ in state.exits] if now else []
                for classes, target in self.explore(state):
                    rests.append(concat(self.characters.term(classes), self._match_ends(target, True)))
                return union(*rests)

            nullable = now and any(after.nullable for _, after, _ in state.exits)
            known = self._ends[state, now] = ref("rest", resolve, nullable=nullable)
        return known

    def _cut_off_after(self, state: State, rest: Term) -> Term:
        """The rests of the text that begin with a word of ``rest`` after which the match goes on."""
        known = self._cut_off.get((state, rest))
        if known is None:

            def resolve() -> Term:
                ways = [self._match_ends(state, False)] if rest.nullable else []
                for classes, target in self.explore(state):
                    for others, left in self.characters.moves(rest):
                        if classes & others:
                            further = self._cut_off_after(target, self.obligations.kept(left))
                            ways.append(concat(self.characters.term(classes & others), further))
                return union(*ways)

            known = self._cut_off[state, rest] = ref("rest", resolve, nullable=False)
        return known
