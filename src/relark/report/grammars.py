"""What relark makes of a Lark grammar: terminal by terminal, and what to mind.

`grammar_use` says how texts are cut and read, and of every terminal whether it is enforced exactly or refused.
`grammar_findings` says what is well-formed and still seldom meant: rules that nothing leads to, or that no text ends;
terminals that no rule uses, or that no text can hold; conflicts that Lark settles silently, terminals that match the
same words, repetitions without end, words that a tokenizer lacks the bytes for.

Cost: milliseconds for most; looking for terminals that no text holds compiles the grammar once for each, for at most
`SECONDS`.  What it cannot do: see that two rules say the same; with ``parser="lalr"``, see a terminal that the scanner
finds where the parse table never takes it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from lark.parsers.lalr_analysis import LALR_Analyzer

from relark.errors import UnsupportedError
from relark.frontends.lark import earley, parsing_stumbles
from relark.frontends.lark.grammar import Grammar, Lexing, Parsing, Rule, Symbol
from relark.frontends.lark.lexers import scanners
from relark.frontends.lark.places import definition, first_use, line_and_column, literal, written
from relark.frontends.lark.rules import nullable, productive, reachable
from relark.frontends.lark.scanning import Scanner, Scanning
from relark.language import ALL, Term, concat, intersection, is_empty, shortest, union
from relark.report.lengths import longest_member
from relark.report.schemas import Finding, Kind

if TYPE_CHECKING:
    from lark.lexer import TerminalDef

__all__ = ["GrammarUse", "TerminalUse", "grammar_findings", "grammar_use"]

SECONDS = 3.0  # that the search for terminals that no text holds, or that match the same words, may take
MARK = "!"  # no name in a grammar has it


@dataclass(frozen=True)
class TerminalUse:
    """A terminal, by name, or as it is written where it has none, and what relark does with it.

    regex          as Lark compiles it
    treatment      "exact": enforced as Python's matcher reads it. "refused": relark does not take the grammar, because
                   of ``why``
    line, column   from 1: where the grammar's text defines it, if it does
    """

    name: str
    regex: str
    treatment: Literal["exact", "refused"]
    why: str = ""
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class GrammarUse:
    """How texts of a grammar are cut into terminals and read.

    parser, lexer, start    Lark's options
    rules                   how many Lark has made of the grammar
    terminals               all of them, those ignored included
    ignored                 terminals that may stand anywhere
    as_lalr                 for ``parser="earley"``: what Lark would say with ``parser="lalr"``
    """

    parser: Parsing
    lexer: Lexing
    start: str
    rules: int
    terminals: tuple[TerminalUse, ...]
    ignored: tuple[str, ...]
    as_lalr: str = ""


def grammar_use(grammar: Grammar) -> GrammarUse:
    """What becomes of each terminal, and how the grammar is read; see the module's docstring."""
    shown = _Names(grammar)
    uses = []
    for terminal in grammar.terminals:
        why = ""
        try:
            Scanning([terminal], flags=grammar.flags, module=grammar.module)
        except UnsupportedError as error:
            why = error.message.removeprefix(f"terminal {terminal.name} is not supported: ")
        place = _place(grammar, terminal.name)
        uses.append(TerminalUse(shown(terminal.name), terminal.source, "refused" if why else "exact", why, *place))
    return GrammarUse(
        parser=grammar.parser,
        lexer=grammar.lexer,
        start=grammar.start,
        rules=len(grammar.rules),
        terminals=tuple(uses),
        ignored=tuple(map(shown, grammar.ignored)),
        as_lalr="" if grammar.parser == "lalr" else _as_lalr(grammar),
    )


def _place(grammar: Grammar, name: str) -> tuple[int | None, int | None]:
    """Line and column of the definition of ``name``, or of the first use of what has no name."""
    source: str = getattr(grammar.lark, "source_grammar", "")  # one that was loaded from a cache has none
    position = definition(source, name)
    if position is None:
        raws = [one.pattern.raw for one in grammar.lark.parser.lexer_conf.terminals if one.name == name]
        position = literal(source, raws[0]) if raws and raws[0] else None
    return (None, None) if position is None else line_and_column(source, position)


class _Names:
    """Symbols as a person wrote them."""

    def __init__(self, grammar: Grammar) -> None:
        self._terminals: dict[str, TerminalDef] = {one.name: one for one in grammar.lark.parser.lexer_conf.terminals}
        self._source: str = getattr(grammar.lark, "source_grammar", "")

    def __call__(self, name: str) -> str:
        if name in self._terminals:
            raw = self._terminals[name].pattern.raw
            return raw if raw and first_use(self._source, name) is None else name
        return "the end of the text" if name == "$END" else written(name)


# --- what to mind -----------------------------------------------------------------------------------------------------

ENDLESS = "rules repeat or nest without end: give a greatest number (~1..9 in place of + or *)"
LONG = "terminals have no longest match: bound what repeats ({1,80} in place of + or *)"
IGNORED = (
    "what is ignored may be written again and again, wherever a terminal may stand: leave %ignore out, or bound it"
)


def grammar_findings(grammar: Grammar, spells: Callable[[Term], bool] | None = None) -> list[Finding]:
    """What to mind; ``spells`` tells whether a tokenizer can write some member of a language."""
    report = _Report(grammar)
    found = list(report.unused())
    if grammar.parser == "lalr":
        found += report.conflicts()
    try:
        scanning = Scanning(grammar.terminals, flags=grammar.flags, module=grammar.module)
        found += report.of_scanning(scanning, spells)
    except UnsupportedError:  # `grammar_use` tells
        pass
    found += report.endless()
    return list(dict.fromkeys(found))


class _Report:
    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.shown = _Names(grammar)
        self.inner: dict[str, set[str]] = defaultdict(set)
        for rule in grammar.rules:
            self.inner[rule.origin] |= {symbol.name for symbol in rule.expansion}
        self.reachable = reachable(grammar.rules, grammar.start)
        self.productive = productive(grammar.rules)
        defined = {terminal.name for terminal in grammar.terminals}
        self.terminals = [name for name in self.reachable & defined if name not in self.inner]
        self.terminals.sort(key=[terminal.name for terminal in grammar.terminals].index)

    def finding(self, kind: Kind, name: str, message: str) -> Finding:
        return Finding(kind, self.shown(name), message, *_place(self.grammar, name))

    def cut_off(self) -> Finding:
        why = f"terminals were only looked into for {SECONDS:g} s: not all was found"
        return self.finding("cut off", self.grammar.start, why)

    def unused(self) -> Iterator[Finding]:
        """Rules and terminals that nothing leads to, and rules that lead nowhere."""
        compiled: Any = getattr(self.grammar.lark, "grammar", None)
        used = {written(name) for name in self.reachable}
        for name, *_ in () if compiled is None else compiled.rule_defs:
            if name not in used:
                yield self.finding("unreachable", name, f"nothing leads to rule {name} from {self.grammar.start}")
        for name in dict.fromkeys(rule.origin for rule in self.grammar.rules):
            if name in self.reachable - self.productive and name in _closure(self.inner, self.inner[name]):
                shown = self.shown(name)
                yield self.finding("no value", name, f"rule {shown} never ends: each way to write it needs it again")
        postlex = self.grammar.lark.options.postlex
        kept = {*self.reachable, *self.grammar.ignored, *(() if postlex is None else postlex.always_accept)}
        trees = {} if compiled is None else {name: tree for name, (tree, _) in compiled.term_defs if tree is not None}
        parts = {id(part) for tree in trees.values() for part in tree.iter_subtrees() if part is not tree}
        for name, tree in trees.items():
            if name not in kept and id(tree) not in parts:
                yield self.finding("unused", name, f"no rule uses terminal {name}")

    def endless(self) -> Iterator[Finding]:
        """Rules that come back to themselves."""
        for name in dict.fromkeys(rule.origin for rule in self.grammar.rules):
            if name in self.reachable & self.productive and name in _closure(self.inner, self.inner[name]):
                yield self.finding("unbounded rule", written(name), ENDLESS)

    def conflicts(self) -> Iterator[Finding]:
        """Where an LALR parser could end a rule or go on: Lark goes on."""
        shifts, _ = _conflicts(self.grammar)
        for rule, terminals in shifts.items():
            before = " or ".join(self.shown(name) for name in sorted(terminals))
            ended = f"{self.shown(rule.origin)}: {' '.join(self.shown(s.name) for s in rule.expansion)}".rstrip()
            message = f"shift/reduce conflict: before {before}, `{ended}` could end; Lark goes on instead"
            yield self.finding("conflict", rule.origin, message)

    def of_scanning(self, scanning: Scanning, spells: Callable[[Term], bool] | None) -> Iterator[Finding]:
        words = {
            name: union(*scanning.reads(Scanner((name,)), scanning.start).values())
            for name in [*self.terminals, *(name for name in self.grammar.ignored if name not in self.terminals)]
        }
        if self.grammar.lexer in ("basic", "contextual"):
            tried = list(scanners(self.grammar))
            shadowed = list(self.shadowed(scanning, tried))
            yield from shadowed
            hidden = {finding.pointer for finding in shadowed}
            yield from self.collisions({name: w for name, w in words.items() if self.shown(name) not in hidden}, tried)
        else:
            yield from self.swallowed(scanning)
            yield from self.stumbles(words)
        for name, language in words.items():
            if spells is not None and not is_empty(language) and not spells(language):
                yield self.finding("unspellable", name, f"the tokenizer has no tokens for terminal {self.shown(name)}")
        for name in self.grammar.ignored:
            yield self.finding("ignored text", name, IGNORED)
        for name in self.terminals:
            if longest_member(words[name], True)[1]:
                yield self.finding("unbounded terminal", name, LONG)

    def shadowed(self, scanning: Scanning, tried: Iterable[Scanner]) -> Iterator[Finding]:
        """Terminals that another takes the words of, wherever they are tried."""
        if scanning.start.before:
            return  # what a match looks back on differs from place to place
        matched = {label for scanner in tried for label, _ in scanning.reads(scanner, scanning.start)}
        for name in self.terminals:
            if name not in matched:
                winners = [
                    other
                    for scanner in tried
                    if name in scanner.order
                    for other in scanner.order[: scanner.order.index(name)]
                    if all(label != name for label, _ in scanning.reads(Scanner((other, name)), scanning.start))
                ]
                why = f": {self.shown(winners[0])} is tried before it, and matches wherever it could" if winners else ""
                yield self.finding("never matches", name, f"terminal {self.shown(name)} never matches{why}")

    def collisions(self, words: Mapping[str, Term], tried: Iterable[Scanner]) -> Iterator[Finding]:
        """Regexes that match the same words at the same place, where the grammar does not say which comes first."""
        defined = {one.name: one for one in self.grammar.lark.parser.lexer_conf.terminals}
        pairs = dict.fromkeys(
            pair
            for scanner in tried
            for pair in combinations([name for name in scanner.order if name in words], 2)
            if all(defined[name].pattern.type == "re" for name in pair)
        )
        deadline = time.monotonic() + SECONDS
        for first, second in pairs:
            if time.monotonic() > deadline:
                yield self.cut_off()
                return
            if defined[first].priority == defined[second].priority:
                both = shortest(intersection(words[first], words[second]))
                if both is not None:
                    a, b = self.shown(first), self.shown(second)
                    why = f"terminals {a} and {b} both match {both.decode()!r}, and Lark takes {a}; give one a priority"
                    yield self.finding("collision", second, why)

    def swallowed(self, scanning: Scanning) -> Iterator[Finding]:
        """Terminals that no text holds, though a rule that is reached has them."""
        deadline = time.monotonic() + SECONDS
        for name in self.terminals:
            if time.monotonic() > deadline:
                yield self.cut_off()
                return
            if is_empty(earley.lower(_holding(self.grammar, name), scanning)):
                why = f"terminal {self.shown(name)} never matches"
                if scanning.reads(Scanner((name,)), scanning.start):
                    why = f"no text holds terminal {self.shown(name)}: what stands around it leaves it nothing"
                yield self.finding("never matches", name, why)

    def stumbles(self, words: Mapping[str, Term]) -> Iterator[Finding]:
        """Whether Lark may fail to build the tree of a text that it recognises."""
        if not parsing_stumbles(self.grammar):
            return
        for name in _last_terminals(self.grammar):
            for ignored in self.grammar.ignored:
                if name in words and not is_empty(intersection(concat(ALL, words[name]), concat(ALL, words[ignored]))):
                    start = self.grammar.start
                    yield self.finding(
                        "stumbles",
                        start,
                        f"Lark fails on texts that end in what may be {self.shown(name)} or ignored, because "
                        f"{start} has several alternatives (relark then gives the tree of the text without what is "
                        "ignored at its end); let it have one, a rule with these alternatives",
                    )
                    return


def _last_terminals(grammar: Grammar) -> list[str]:
    """The terminals that texts may end in."""
    empty = nullable(grammar.rules)
    last: dict[str, set[str]] = defaultdict(set)
    for rule in grammar.rules:
        for symbol in reversed(rule.expansion):
            last[rule.origin].add(symbol.name)
            if symbol.name not in empty:
                break
    return sorted(name for name in _closure(last, {grammar.start}) if name not in last)


def _closure(inner: Mapping[str, set[str]], names: Iterable[str]) -> set[str]:
    """``names`` and all that they lead to."""
    found = set(names)
    work = list(found)
    while work:
        new = inner.get(work.pop(), set()) - found
        found |= new
        work += new
    return found


def _holding(grammar: Grammar, terminal: str) -> Grammar:
    """The texts of ``grammar`` that hold ``terminal``: each rule a second time, marked, for the texts with it."""
    rules = list(grammar.rules)
    for rule in grammar.rules:
        for i, symbol in enumerate(rule.expansion):
            if symbol.name == terminal and symbol.is_terminal:
                rules.append(Rule(rule.origin + MARK, rule.expansion))
            elif not symbol.is_terminal:
                marked = Symbol(symbol.name + MARK, False)
                rules.append(Rule(rule.origin + MARK, (*rule.expansion[:i], marked, *rule.expansion[i + 1 :])))
    found = dict.fromkeys(rules)
    ending = productive(found)
    kept = tuple(rule for rule in found if all(s.is_terminal or s.name in ending for s in rule.expansion))
    return replace(grammar, rules=kept, start=grammar.start + MARK)


# --- LALR -------------------------------------------------------------------------------------------------------------


def _conflicts(grammar: Grammar) -> tuple[dict[Rule, set[str]], set[Rule]]:
    """Rules with the terminals before which they could end while Lark goes on; and rules that Lark could not choose
    between.
    """
    analysis: Any = LALR_Analyzer(grammar.lark.parser.parser_conf)
    for step in ("lr0_states", "reads_relations", "includes_lookback", "lookaheads"):
        getattr(analysis, f"compute_{step}")()
    shifts: dict[Rule, set[str]] = {}
    undecided: set[Rule] = set()
    for state in analysis.lr0_itemsets:
        for ahead, rules in state.lookaheads.items():
            read = sorted(rules, key=lambda rule: -(rule.options.priority or 0))
            if len(read) > 1 and (read[0].options.priority or 0) == (read[1].options.priority or 0):
                undecided |= {_rule(rule) for rule in read}
            elif ahead in state.transitions:
                shifts.setdefault(_rule(read[0]), set()).add(ahead.name)
    order = {rule: i for i, rule in enumerate(grammar.rules)}
    return {rule: shifts[rule] for rule in sorted(shifts, key=lambda rule: order.get(rule, -1))}, undecided


def _rule(rule: Any) -> Rule:
    """Lark's rule as relark's."""
    return Rule(str(rule.origin.name), tuple(Symbol(str(s.name), s.is_term) for s in rule.expansion))


def _as_lalr(grammar: Grammar) -> str:
    shifts, undecided = _conflicts(grammar)
    if undecided:
        named = ", ".join(dict.fromkeys(written(rule.origin) for rule in grammar.rules if rule in undecided))
        return f"refused: reduce/reduce collisions between alternatives of {named}"
    if shifts:
        named = ", ".join(dict.fromkeys(written(rule.origin) for rule in shifts))
        return f"shift/reduce conflicts after {named}, where Lark would always go on"
    return "no conflicts"
