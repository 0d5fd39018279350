"""Proofs that a stack of the parser can be completed, without a search.

In a table without conflicts a stack is completed by any terminals that finish the rules that are being read; it remains
to be seen that scanners read these terminals, one after the other.  Which scanner that is depends on the parser's
state, so a terminal counts as readable only if every scanner that has to read it does.  So the places (contexts, made
few) from where a symbol can be read such that the text goes on at one of some other places are a least fixpoint over
the grammar's rules, and so are those from where a stack can be completed.

With an `Indenter`, levels and parentheses must balance in every sentence of the grammar; of newline tokens those count
that take any blanks: then a line can always be indented as the sentence wants it.

Cost: every scanner is asked at every place once, a few tenths of a second for a large grammar, and then some ten
microseconds a stack.  Cannot do: refutations.  A stack that is not proved may be alive; with conflicts none is proved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lark.parsers.lalr_analysis import LALR_Analyzer

from relark.frontends.lark.grammar import Grammar, Rule, Symbol
from relark.frontends.lark.indenter import Indentation, NewlineTokens
from relark.frontends.lark.parse_table import END, Stack, Table
from relark.frontends.lark.scanning import Context, Scanner, Scanning
from relark.language import Completions, Term, transitions, union
from relark.language.completion import NONE
from relark.language.terms import SPELLING

__all__ = ["Liveness", "balance", "has_conflicts"]

_WRITTEN = SPELLING | 1 << 9 | 1 << 10 | 1 << 13  # what every vocabulary has
MOST_STATES = 2000  # of a terminal that is looked through
MOST_FACTS = 100_000  # of the form "from these places the symbol can be read such that ..."


class Liveness:
    """What can be proved of the stacks of one grammar.

    ``scanners``: by state; ``dropped``: the labels that each ignores.  A set of places is an int: bit i for place i,
    then, with an `Indenter`, the same places right after a newline token, and a last bit for the end of the text.
    ``spelling``: some of the bytes of the scanners' words; ``spells``: whether they suffice to complete whatever was
    begun, where that is proved.
    """

    def __init__(
        self,
        grammar: Grammar,
        table: Table,
        scanning: Scanning,
        scanners: Sequence[Scanner],
        dropped: Mapping[Scanner, frozenset[str]],
        indentation: Indentation | None,
        newlines: NewlineTokens,
    ) -> None:
        self.table, self.scanning, self.dropped, self.indentation = table, scanning, dropped, indentation
        self.newlines = newlines
        self.start = grammar.start
        self._rules: dict[str, list[Rule]] = {}
        for rule in grammar.rules:
            self._rules.setdefault(rule.origin, []).append(rule)
        self._places: dict[Context, int] = {}
        self._numbers: dict[Context, int] = {}  # of contexts that are not common themselves too; -1 for no place
        self._may_end: list[bool] = []
        self._readers: dict[str, set[Scanner]] = {}  # the scanners of the states that expect a terminal
        for actions, scanner in zip(table.actions, scanners, strict=True):
            for name in actions:
                self._readers.setdefault(name, set()).add(scanner)
        self._facts: dict[tuple[str, int], int] = {}
        self._inners: dict[tuple[int, int], tuple[list[int], list[tuple[int, str]]]] = {}  # by two parser states
        self._terminal_facts: dict[tuple[str, int], int] = {}
        self._rest_facts: dict[tuple[int, int, int], int] = {}  # by the identity of a rule, which is cheap to hash
        self.spelling = scanning.bytes_used & _WRITTEN
        self.spells = True
        self.applies = not has_conflicts(grammar) and (
            indentation is None or _is_balanced(grammar, self._rules, indentation)
        )
        self._explore()
        if self.applies:
            self._end = self._at_end(END) | (1 << 2 * len(self._places) if indentation is not None else 0)
            self._whole = self._before(Symbol(self.start, False), self._end)

    def proves(self, stack: Stack, context: Context) -> bool:
        """Whether a text that has got to ``stack``, with ``context`` between two matches, can be completed."""
        if not self.applies:
            return False
        place = self._numbers.get(context)
        if place is None:
            place = self._numbers[context] = self._places.get(self._common(context), -1)
        return place >= 0 and bool(self._of(stack) >> place & 1)

    # --- scanners -----------------------------------------------------------------------------------------------------

    def _common(self, context: Context) -> Context:
        return self.scanning.settled(context, self.dropped)

    def _explore(self) -> None:
        """Find all places, and what each scanner reads there."""
        completions = Completions(self.spelling)
        checked: set[Term] = set()
        self._reads: dict[tuple[Scanner, int], dict[str, int]] = {}  # label -> places after it
        self._skips: dict[tuple[Scanner, int], int] = {}  # places after any number of ignored matches
        contexts = [self._common(self.scanning.start)]
        self._places[contexts[0]] = 0
        self._may_end.append(self.scanning.may_end(self.scanning.start))
        for place, context in enumerate(contexts):
            for scanner, dropped in self.dropped.items():
                found: dict[str, int] = {}
                skipped = 0
                by_label: dict[str, list[Term]] = {}
                for (label, left), words in self.scanning.reads(scanner, context).items():
                    by_label.setdefault(label, []).append(words)
                    after = self._common(left)
                    number = self._places.get(after)
                    if number is None:
                        number = self._places[after] = len(contexts)
                        contexts.append(after)
                        self._may_end.append(True)
                    if not self.scanning.may_end(left):
                        self._may_end[number] = False
                    if completions.shortest(words) is None:
                        continue
                    if label in dropped:
                        skipped |= 1 << number
                    elif not self._is_line(label) or self.newlines.takes_any_blanks(words):
                        found[label] = found.get(label, 0) | 1 << number
                self._reads[scanner, place] = found
                self._skips[scanner, place] = skipped
                for parts in by_label.values():
                    words = union(*parts)
                    if words not in checked:
                        checked.add(words)
                        self.spells = self.spells and _is_spelled(words, completions)
        for scanner in self.dropped:
            for place in range(len(contexts)):
                self._skips[scanner, place] = self._skipped(scanner, place)

    def _is_line(self, label: str) -> bool:
        return self.indentation is not None and label == self.indentation.newline

    def _skipped(self, scanner: Scanner, place: int) -> int:
        found = 1 << place
        work = [place]
        while work:
            for after in _bits(self._skips[scanner, work.pop()] & ~found):
                found |= 1 << after
                work.append(after)
        return found

    def _at_end(self, name: str) -> int:
        """The places where every scanner that expects ``name`` comes to the end of the text."""
        size = len(self._places)
        found = 0
        for place in range(size):
            if all(
                any(self._may_end[after] for after in _bits(self._skips[scanner, place]))
                for scanner in self._readers.get(name, ())
            ):
                found |= 1 << place
        return found | found << size if self.indentation is not None else found

    def _before_terminal(self, name: str, after: int) -> int:
        key = name, after
        found = self._terminal_facts.get(key)
        if found is None:
            found = self._terminal_facts[key] = self._find_before_terminal(name, after)
        return found

    def _find_before_terminal(self, name: str, after: int) -> int:
        size = len(self._places)
        all_places = (1 << size) - 1
        middle, fresh, ended = after & all_places, after >> size & all_places, after >> 2 * size
        indentation = self.indentation
        if indentation is not None and name == indentation.indent:
            return middle << size
        if indentation is not None and name == indentation.dedent:
            return fresh << size | (self._at_end(name) | 1 << 2 * size if ended else 0)
        wanted = fresh if indentation is not None and name == indentation.newline else middle
        found = 0
        for place in range(size):
            if all(
                any(self._reads[scanner, at].get(name, 0) & wanted for at in _bits(self._skips[scanner, place]))
                for scanner in self._readers.get(name, ())
            ):
                found |= 1 << place
        return found | found << size if indentation is not None else found

    # --- rules --------------------------------------------------------------------------------------------------------

    def _before(self, symbol: Symbol, after: int) -> int:
        """The places from where ``symbol`` can be read such that the text goes on at one of ``after``."""
        if symbol.is_terminal:
            return self._before_terminal(symbol.name, after)
        key = symbol.name, after
        if key not in self._facts:
            self._solve(key)
        return self._facts[key]

    def _solve(self, key: tuple[str, int]) -> None:
        """The least fixpoint of all facts that ``key`` rests on."""
        facts = self._facts
        facts[key] = 0
        users: dict[tuple[str, int], set[tuple[str, int]]] = {}
        work = [key]
        while work and self.applies:
            current = work.pop()
            origin, after = current
            found = 0
            for rule in self._rules.get(origin, ()):
                places = after
                for symbol in reversed(rule.expansion):
                    if not places:
                        break
                    if symbol.is_terminal:
                        places = self._before_terminal(symbol.name, places)
                        continue
                    part = symbol.name, places
                    if part not in facts:
                        facts[part] = 0
                        work.append(part)
                    users.setdefault(part, set()).add(current)
                    places = facts[part]
                found |= places
            if found != facts[current]:
                facts[current] = found
                work.extend(users.get(current, ()))
            if len(facts) > MOST_FACTS:
                self.applies = False

    def _before_rest(self, rule: Rule, index: int, after: int) -> int:
        key = id(rule), index, after
        found = self._rest_facts.get(key)
        if found is None:
            found = after
            for symbol in reversed(rule.expansion[index:]):
                found = self._before(symbol, found)
            self._rest_facts[key] = found
        return found

    # --- stacks -------------------------------------------------------------------------------------------------------

    def _of(self, stack: Stack) -> int:
        """The places from where ``stack`` can be completed."""
        if stack.below is None:
            return self._whole
        known: dict[int, int] = stack.below.known(self)
        if stack.state not in known:
            self._find(stack.below, stack.state)
        return known[stack.state]

    def _find(self, base: Stack, state: int) -> None:
        """Without recursion: stacks are as deep as texts nest."""
        work = [(base, state)]
        while work:
            base, state = work[-1]
            known = base.known(self)
            if state in known:
                work.pop()
                continue
            inner, deeper = self._inner(base.state, state)
            missing = []
            for count, origin in deeper:
                lower = base.pop(count)
                target = self.table.gotos[lower.state][origin]
                if target not in lower.known(self):
                    missing.append((lower, target))
            if missing:
                work.extend(missing)
                continue
            values = dict.fromkeys(inner, 0)
            changed = True
            while changed:
                changed = False
                for top in reversed(inner):
                    found = self._value(base, top, values)
                    if found != values[top]:
                        values[top] = found
                        changed = True
            known.update(values)
            work.pop()

    def _inner(self, base: int, state: int) -> tuple[list[int], list[tuple[int, str]]]:
        """``state`` and the states that it may be replaced by on top of ``base``; then the rules whose ends take more
        off than that, each with how much.
        """
        found = self._inners.get((base, state))
        if found is None:
            inner = [state]
            deeper: dict[tuple[int, str], None] = {}
            for top in inner:
                for rule, index in self.table.kernels[top]:
                    if index > 1:
                        deeper[index - 1, rule.origin] = None
                        continue
                    target = self.table.gotos[base][rule.origin]
                    if target not in inner:
                        inner.append(target)
            found = self._inners[base, state] = inner, list(deeper)
        return found

    def _value(self, base: Stack, top: int, values: Mapping[int, int]) -> int:
        found = self._end if top == self.table.end and base.below is None else 0
        for rule, index in self.table.kernels[top]:
            if index == 1:
                after = values[self.table.gotos[base.state][rule.origin]]
            else:
                lower = base.pop(index - 1)
                after = lower.known(self)[self.table.gotos[lower.state][rule.origin]]
            found |= self._before_rest(rule, index, after)
        return found


def _bits(places: int) -> Iterator[int]:
    while places:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest


def _is_spelled(words: Term, completions: Completions) -> bool:
    """Whether each of ``words``, once begun with whatever bytes, can be completed with those of ``completions``."""
    if completions.bounds(words)[1] < NONE:
        return True
    seen: set[Term] = set()
    work = [words]
    while work:
        for _, target in transitions(work.pop()):
            if target not in seen:
                if completions.shortest(target) is None or len(seen) > MOST_STATES:
                    return False
                seen.add(target)
                work.append(target)
    return True


def has_conflicts(grammar: Grammar) -> bool:
    """Whether Lark had to choose between actions, or would have."""
    analysis: Any = LALR_Analyzer(grammar.lark.parser.parser_conf)
    analysis.compute_lr0_states()
    analysis.compute_reads_relations()
    analysis.compute_includes_lookback()
    analysis.compute_lookaheads()
    return any(
        len(rules) > 1 or terminal in state.transitions
        for state in analysis.lr0_itemsets
        for terminal, rules in state.lookaheads.items()
    )


def _is_balanced(grammar: Grammar, rules: Mapping[str, list[Rule]], indentation: Indentation) -> bool:
    """Whether levels and parentheses balance in all sentences, and lines end outside of parentheses only."""
    newline, indent, dedent = indentation.newline, indentation.indent, indentation.dedent
    brackets = indentation.opening | indentation.closing
    if indentation.opening & indentation.closing or {newline, indent, dedent} & brackets:
        return False
    if {indent, dedent} & {terminal.name for terminal in grammar.terminals} or newline in grammar.ignored:
        return False
    levels = balance(rules, {indent: 1, dedent: -1}, None).get(grammar.start)
    signs = dict.fromkeys(indentation.opening, 1) | dict.fromkeys(indentation.closing, -1)
    parens = balance(rules, signs, newline).get(grammar.start)
    return (
        levels is not None
        and levels[:2] == (0, 0)
        and parens is not None
        and parens[1] >= 0
        and (parens[2] is None or parens[2] <= 0)
    )


_Balance = tuple[int, int, "int | None"]
"""How a count changes, its least value on the way, its greatest value before a marked terminal."""


def balance(rules: Mapping[str, list[Rule]], signs: Mapping[str, int], marked: str | None) -> dict[str, _Balance]:
    """Of the rules whose sentences all change the count alike; {} if some do not."""
    found: dict[str, _Balance] = {}
    rounds = 0
    changed = True
    while changed:
        changed = False
        rounds += 1
        for origin, alternatives in rules.items():
            for rule in alternatives:
                balance = _of_rule(rule, found, signs, marked)
                before = found.get(origin)
                if balance is None:
                    continue
                if before is not None:
                    if before[0] != balance[0]:
                        return {}
                    highest = [value for value in (before[2], balance[2]) if value is not None]
                    balance = (balance[0], min(before[1], balance[1]), max(highest, default=None))
                if balance != before:
                    found[origin] = balance
                    changed = True
        if rounds > 2 * len(rules) + 10:  # the least value falls for ever
            return {}
    return found


def _of_rule(
    rule: Rule, known: Mapping[str, _Balance], signs: Mapping[str, int], marked: str | None
) -> _Balance | None:
    total = lowest = 0
    highest: int | None = None
    for symbol in rule.expansion:
        if symbol.is_terminal:
            if symbol.name == marked:
                highest = total if highest is None else max(highest, total)
            total += signs.get(symbol.name, 0)
            lowest = min(lowest, total)
            continue
        part = known.get(symbol.name)
        if part is None:
            return None
        lowest = min(lowest, total + part[1])
        if part[2] is not None:
            highest = total + part[2] if highest is None else max(highest, total + part[2])
        total += part[0]
    return total, lowest, highest
