"""Block languages with an `Indenter` whose lines are plain: terms of lines, and of blocks what a line cannot see.

In most grammars with blocks no expression holds the end of a line, but within parentheses, where an `Indenter` drops
it.  So the rules fall into two kinds.  Those of *lines* are lowered as Earley's are, each twice: as they are, and as
they are within parentheses, where line breaks are ignored.  The others, of statements and blocks, are rules over an
alphabet of their own, whose letters are runs of symbols of lines, the newline token, INDENT and DEDENT.  What may
follow is then a `Place`: the rest of the sentence over that alphabet, which is a term too, and the indentation of the
open levels.  Within a line the state is a rest of the line and, behind it, a reference to the place after it: states
share what they have in common, where a parser's stack is one thing.

Every place that is entered can be completed: any letters over which the rules make a sentence can be written, because a
newline token takes any blanks, and nothing that may stand before a letter forbids it.  Grammars of which this cannot be
said are not taken (`lower` answers None): conflicts, contexts that say more than the next byte does, newline tokens
that follow each other.

Cost: that of two Earley grammars; a place that is new costs a millisecond, and states that end with it their linear
forms.  Shortest completions are searched for over places (Dijkstra 1959); a search that reaches `SEARCH_LIMIT` goes on
greedily.
"""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import NamedTuple

from relark.caches import Cache
from relark.frontends.lark.earley import TermsOfRules, derived
from relark.frontends.lark.grammar import Grammar, Rule, Symbol
from relark.frontends.lark.guarded import Exact, GuardedScanning, are_separated, is_separated
from relark.frontends.lark.indenter import Indentation, NewlineTokens
from relark.frontends.lark.lengths import ShortestTexts
from relark.frontends.lark.lexers import basic_scanner
from relark.frontends.lark.liveness import balance
from relark.frontends.lark.product import Inside, Nonterminal, Product, bits
from relark.frontends.lark.rules import by_origin, first_terminals, last_terminals, nullable, useful
from relark.frontends.lark.scanning import Context, Reads, Scanner, Scanning
from relark.language import (
    EMPTY,
    EPSILON,
    Completions,
    Leaf,
    Term,
    byte_set,
    concat,
    derive,
    guard,
    leaf,
    ref,
    transitions,
    union,
)

__all__ = ["lower"]

SEARCH_LIMIT = 2000  # places that one search for a shortest completion may look into before any one will do
MOST_LETTERS = 256
_NEWLINE, _INDENT, _DEDENT = range(3)  # letters; those of lines follow
_ROOT = "lines"


class Place(NamedTuple):
    """Between two lines, or two parts of one.

    ``sentence``: what may follow, over letters; ``levels``: the indentation of the open levels; ``context``: a number
    of the product's.
    """

    sentence: Term
    levels: tuple[int, ...]
    context: int


class Line(NamedTuple):
    """A newline token is being read: what may follow it over letters, the levels before it, the context after it."""

    sentence: Term
    levels: tuple[int, ...]
    context: int


@dataclass(frozen=True, eq=False, slots=True)
class _Rules:
    """A grammar in two: ``sentences`` over the names of letters, and ``lines``, those of each run of symbols.

    ``letters``: the names, of which the first three are those of the newline token, INDENT and DEDENT; ``inside``: the
    terminals within parentheses.
    """

    sentences: tuple[Rule, ...]
    lines: tuple[Rule, ...]
    letters: tuple[str, ...]
    inside: Mapping[str, str]


def lower(grammar: Grammar, scanning: Scanning, indentation: Indentation) -> Term | None:
    """The texts of ``grammar``, whose lexer is ``"basic"`` and which has no conflicts; None where that is not known."""
    rules = _read(grammar, indentation)
    if rules is None:
        return None
    lines = replace(grammar, parser="earley", rules=rules.lines, start=_ROOT)
    inside = Inside(rules.inside, indentation.newline)
    guarded = _guarded(lines, inside, scanning, indentation)
    blocks = _Blocks(grammar, rules, Exact(lines, guarded, inside), indentation)
    return blocks.text() if blocks.is_always_alive() else None


# --- rules ------------------------------------------------------------------------------------------------------------


def _read(grammar: Grammar, indentation: Indentation) -> _Rules | None:
    """The two kinds of rules; None where parentheses, levels or the ends of lines are not where they should be."""
    newline, indent, dedent = ends = (indentation.newline, indentation.indent, indentation.dedent)
    brackets = indentation.opening | indentation.closing
    known = {terminal.name for terminal in grammar.terminals}
    if indentation.opening & indentation.closing or brackets & set(ends) or len(set(ends)) < 3:
        return None
    if {indent, dedent} & known or newline in grammar.ignored or brackets & set(grammar.ignored):
        return None
    rules = useful(grammar.rules, grammar.start)
    structure = _using(rules, ends)
    if grammar.start not in structure:
        return None
    of_lines = [rule for rule in rules if rule.origin not in structure]
    signs = dict.fromkeys(indentation.opening, 1) | dict.fromkeys(indentation.closing, -1)
    balances = balance(by_origin(of_lines), signs, None)
    if any(balances.get(rule.origin, (1, 0))[:2] != (0, 0) for rule in of_lines):
        return None
    levels = balance(by_origin(rules), {indent: 1, dedent: -1}, None).get(grammar.start)
    if levels is None or levels[:2] != (0, 0):
        return None
    empty = nullable(rules)
    runs: dict[tuple[Symbol, ...], str] = {}
    sentences: dict[Rule, None] = {}
    for rule in rules:
        if rule.origin not in structure:
            continue
        written: list[Symbol] = []
        for is_line, group in itertools.groupby(
            rule.expansion, lambda symbol: symbol.name not in structure and symbol.name not in ends
        ):
            symbols = tuple(group)
            if not is_line:
                written += symbols
                continue
            depth = list(itertools.accumulate(signs.get(symbol.name, 0) for symbol in symbols))
            if depth[-1] or min(depth) < 0:
                return None
            name = runs.setdefault(symbols, "line: " + " ".join(symbol.name for symbol in symbols))
            if all(symbol.name in empty for symbol in symbols):
                option = Symbol(f"{name}?", False)
                sentences |= {Rule(option.name, ()): None, Rule(option.name, (Symbol(name, True),)): None}
                written.append(option)
            else:
                written.append(Symbol(name, True))
        sentences[Rule(rule.origin, tuple(written))] = None
    if len(runs) + 3 > MOST_LETTERS or not _is_in_order(sentences, grammar.start, *ends):
        return None
    terminals = {symbol.name: f"{symbol.name}$" for rule in rules for symbol in rule.expansion if symbol.is_terminal}

    def placed(symbols: tuple[Symbol, ...], depth: int) -> tuple[Symbol, ...]:
        found = []
        for symbol in symbols:
            depth += signs.get(symbol.name, 0)
            found.append(Symbol(f"{symbol.name}$", symbol.is_terminal) if depth else symbol)
        return tuple(found)

    lines = [Rule(name, placed(symbols, 0)) for symbols, name in runs.items()]
    lines += [Rule(_ROOT, (Symbol(name, False),)) for name in runs.values()]
    for rule in of_lines:
        lines += [Rule(rule.origin, placed(rule.expansion, 0)), Rule(f"{rule.origin}$", placed(rule.expansion, 1))]
    letters = (*ends, *runs.values())
    return _Rules(tuple(sentences), tuple(lines), letters, {inner: name for name, inner in terminals.items()})


def _using(rules: Iterable[Rule], names: Iterable[str]) -> set[str]:
    """The rules whose derivations may use one of ``names``."""
    rules = list(rules)
    found: set[str] = set()
    wanted = set(names)
    changed = True
    while changed:
        changed = False
        for rule in rules:
            if rule.origin not in found and any(s.name in wanted or s.name in found for s in rule.expansion):
                found.add(rule.origin)
                changed = True
    return found


def _is_in_order(rules: Iterable[Rule], start: str, newline: str, indent: str, dedent: str) -> bool:
    """Whether levels change only after a newline token, and no two of these are without a line between them."""
    rules = list(rules)
    first, last = first_terminals(rules), last_terminals(rules)
    empty = nullable(rules)
    marks = {newline, indent, dedent}
    if first.get(start, frozenset()) & {indent, dedent}:
        return False

    def of(symbol: Symbol, names: Mapping[str, frozenset[str]]) -> frozenset[str]:
        return frozenset({symbol.name}) if symbol.is_terminal else names[symbol.name]

    for rule in rules:
        for i, symbol in enumerate(rule.expansion):
            for other in rule.expansion[i + 1 :]:
                before, after = of(symbol, last), of(other, first)
                if indent in after and not before <= {newline}:
                    return False
                if dedent in after and not before <= {newline, dedent}:
                    return False
                if newline in after and before & marks:
                    return False
                if other.is_terminal or other.name not in empty:
                    break
    return True


# --- contexts ---------------------------------------------------------------------------------------------------------


def _guarded(lines: Grammar, inside: Inside, scanning: Scanning, indentation: Indentation) -> GuardedScanning:
    """Guards for the contexts that nothing of a line and no newline token can get stuck in."""
    whole = basic_scanner(lines)
    kept: set[Context] = set()
    while True:
        guarded = GuardedScanning(scanning, [whole], kept)
        product = Product(lines, guarded, inside)
        after_lines: dict[Context, None] = {}
        for context in product.contexts:  # which grow
            for _, after in guarded.reads(whole, context):
                product.number(after)
            for label, after in scanning.reads(whole, context):
                if label != indentation.newline:
                    after_lines[after] = None
        newline = _first_of(indentation.newline, guarded.reads(whole, guarded.start))
        stuck = {
            context
            for context, mask in guarded.guards.items()
            if mask and not is_separated(guarded, product, context, also=newline if context in after_lines else 0)
        }
        if not stuck:
            return guarded
        kept |= stuck


def _first_of(label: str, reads: Reads) -> int:
    return reduce(or_, (words.first for (name, _), words in reads.items() if name == label), 0)


class _Letters:
    """How a sentence is cut into letters: each is one byte."""

    def __init__(self, start: Context, letters: Iterable[str]) -> None:
        self.start = start
        self._words = {name: byte_set(1 << number) for number, name in enumerate(letters)}
        self.bytes_used = (1 << len(self._words)) - 1

    def reads(self, scanner: Scanner, context: Context) -> Reads:
        """The letter that ``scanner`` stands for."""
        return {(name, context): self._words[name] for name in scanner.order}

    def may_end(self, context: Context) -> bool:
        """Always."""
        return True

    def settled(self, context: Context, scanners: Iterable[Scanner]) -> Context:
        """There is one."""
        return context


class _Rest(NamedTuple):
    """A completion: its ``length``, and ``text`` before the completion of the next place."""

    length: int
    text: bytes
    after: _Rest | None


_rests: Cache[tuple[int, Place], _Rest] = Cache("block ends", share=0.01, cost=lambda key, value: 500)


class _TermsOfLines(TermsOfRules):
    """With completions that know of what follows a line."""

    def __init__(self, product: Product, exact: Exact, spells: Callable[[int], bool]) -> None:
        super().__init__(product, exact)
        self._blocks_spell = spells

    def spells(self, alphabet: int) -> bool:
        """Whether ``alphabet`` completes every text begun."""
        return self._blocks_spell(alphabet)


class _Blocks:
    """The places of one grammar."""

    def __init__(self, grammar: Grammar, rules: _Rules, exact: Exact, indentation: Indentation) -> None:
        self.exact, self.indentation = exact, indentation
        self.guarded = exact.scanning
        self.product = Product(exact.grammar, self.guarded, exact.inside)
        self.product.find_exits()
        self.whole = basic_scanner(grammar)
        self.newlines = NewlineTokens(indentation.tab)
        self.lines = _TermsOfLines(self.product, exact, self.spells)
        self.lock = self.lines.lock
        self._end = ref(  # without text: it answers `spells` for every state of a line
            "line",
            lambda: EPSILON,
            nullable=True,
            check=False,
            first=0,
            texts=lambda alphabet, forbidden: {},
            spelled=self.spells,
        )
        self.nodes: dict[int, Nonterminal] = {}
        for letter, name in enumerate(rules.letters):
            node = self.product.nonterminals.get(name)
            if letter > _DEDENT and node is not None and self._exits(node, self.product.start):
                self.nodes[letter] = node
        self._names = rules.letters
        self._rules = self._possible(rules, grammar.start)
        letters = Product(
            replace(grammar, parser="earley", lexer="dynamic", rules=self._rules, ignored=()),
            _Letters(self.guarded.start, rules.letters),
        )
        self._sentences = TermsOfRules(letters)
        self._of_lines = reduce(or_, (1 << letter for letter in self.nodes), 0)
        self._begun: weakref.WeakValueDictionary[Place | tuple[Term, int | None, Line], Term] = (
            weakref.WeakValueDictionary()
        )
        self._firsts: dict[tuple[int, int], int] = {}
        self._spelled: dict[int, bool] = {}
        self._ways: dict[tuple[int, int, int], list[tuple[bytes, int]]] = {}
        self._level_ends: dict[tuple[Term, int | None, tuple[int, ...], bool], bool] = {}

    def _possible(self, rules: _Rules, start: str) -> tuple[Rule, ...]:
        """The rules without letters that no text can spell."""
        written = {self._names[letter] for letter in self.nodes} | set(self._names[: _DEDENT + 1])
        kept = [r for r in rules.sentences if all(not s.is_terminal or s.name in written for s in r.expansion)]
        return useful(kept, start)

    def text(self) -> Term:
        """The whole text; EMPTY if there is none."""
        sentence = self._sentences.text()
        if sentence is EMPTY:
            return EMPTY
        start = Place(sentence, (0,), self.product.start)
        for words in self._lines_at(start).values():
            derived(words)
        return self._from(*start)

    # --- contexts -----------------------------------------------------------------------------------------------------

    def _exits(self, node: Nonterminal, context: int) -> int:
        return self.product.exits(node, self.product.settle(node, context))

    def _newline_ways(self, context: int) -> list[tuple[int, Term]]:
        """The newline tokens that may be read from a context, by the context after them."""
        reads = self.guarded.reads(self.whole, self.product.contexts[context])
        return [
            (self.product.number(after), words)
            for (label, after), words in reads.items()
            if label == self.indentation.newline
        ]

    def _last_gaps(self, context: int) -> list[tuple[int, Term]]:
        """What is ignored before the end of a line, where nothing of the line can follow it."""
        product = self.product
        if product.gap is None:
            return []
        moves = product.moves(product.gap, product.settle(product.gap, context))
        whole = product.is_last(context)
        return [(after, words) for after, words in moves.items() if whole or product.is_last(after)]

    def is_always_alive(self) -> bool:
        """Whether all that the rules say about letters can be written, wherever a text gets to."""
        if not self._rules:
            return True
        product = self.product
        after_newlines: dict[int, None] = dict.fromkeys(bits(product.past_gap(product.gap, product.start)))
        in_lines: dict[int, None] = {}
        seen: set[int] = set()
        while work := [c for c in (*after_newlines, *in_lines) if c not in seen]:
            seen.update(work)
            for context in work:
                for node in self.nodes.values():
                    in_lines.update(dict.fromkeys(bits(self._exits(node, context))))
                in_lines.update(dict.fromkeys(after for after, _ in self._last_gaps(context)))
                for after, _ in self._newline_ways(context):
                    after_newlines.update(dict.fromkeys(bits(product.past_gap(product.gap, after))))
        if _lines_follow(self._rules, {self._names[letter] for letter in self.nodes}):
            return False
        first = reduce(or_, (product.first_bytes(node, product.start) for node in self.nodes.values()), 0)
        ends = after_line = after_newline = 0
        for context in seen:
            if not product.scanning.may_end(product.contexts[context]):
                return False
            ends |= reduce(or_, (words.first for _, words in self._newline_ways(context)), 0)
            gaps = reduce(or_, (words.first for _, words in self._last_gaps(context)), 0)
            first, ends = first | gaps, ends | gaps
        for context_before in list(product.contexts):
            for label, left in self.guarded.scanning.reads(self.whole, context_before):
                if label == self.indentation.newline:
                    after_newline |= self.guarded.guard(left) or 0
                else:
                    after_line |= self.guarded.guard(left) or 0
        if after_newline & first or after_line & ends:  # a place is the same after all guards
            return False
        for context in seen:
            lasts = product.is_last(context)
            readable = all(self._exits(node, context) for node in self.nodes.values())
            if context in after_newlines and not lasts and not readable:
                return False
            ways = [words for _, words in self._newline_ways(context)]
            if context in in_lines and not any(map(self.newlines.takes_any_blanks, ways)):
                return False
        return True

    # --- places -------------------------------------------------------------------------------------------------------

    def _from(self, sentence: Term, levels: tuple[int, ...], context: int) -> Term:
        """What may follow in ``context``, where something ignored may come first."""
        product = self.product
        by_place: dict[Term, int] = {}
        for after in bits(product.past_gap(product.gap, context)):
            place = self.place(Place(sentence, levels, after))
            by_place[place] = by_place.get(place, 0) | 1 << after
        return union(*[concat(self.lines.ignored(product.gap, context, exits), p) for p, exits in by_place.items()])

    def place(self, place: Place) -> Term:
        """What may follow at a place that is alive."""
        return leaf(AtPlace(self, place, self._may_end(place.sentence, place.levels)))

    def _may_end(self, sentence: Term, levels: tuple[int, ...]) -> bool:
        for _ in levels[1:]:
            sentence = derive(sentence, _DEDENT)
        return sentence.nullable

    def first(self, place: Place) -> int:
        """The bytes that may come first: those of places whose sentences begin with the same letters are the same."""
        letters = place.sentence.first
        key = letters, place.context
        found = self._firsts.get(key)
        if found is None:
            with self.lock:
                found = 0
                for letter, node in self.nodes.items():
                    if letters >> letter & 1:
                        found |= self.product.first_bytes(node, place.context)
                if letters >> _NEWLINE & 1:
                    found |= reduce(or_, (words.first for _, words in self._newline_ways(place.context)), 0)
                found |= reduce(or_, (words.first for _, words in self._last_gaps(place.context)), 0)
            self._firsts[key] = found
        return found

    def unfolded(self, at: AtPlace) -> Term:
        """The ways to go on at a place."""
        found = _unfolded.get(at)
        if found is None:
            with self.lock:
                found = self._unfold(at.place)
            _unfolded.put(at, found)
        return found

    def _lines_at(self, place: Place) -> dict[Term, Term]:
        """What of a line may be read at a place, by what follows it."""
        sentence, levels, context = place
        found: dict[Term, list[Term]] = {}
        for letters, after in transitions(sentence):
            for letter in bits(letters & self._of_lines):
                node = self.nodes[letter]
                exits: dict[Term, int] = {}
                for end in bits(self._exits(node, context)):
                    if self._is_alive(after, levels, end):
                        target = self.place(Place(after, levels, end))
                        exits[target] = exits.get(target, 0) | 1 << end
                for target, mask in exits.items():
                    words = self.lines.words(node, self.product.settle(node, context), mask)
                    found.setdefault(target, []).append(words)
        return {target: concat(union(*words), self._end) for target, words in found.items()}

    def _unfold(self, place: Place) -> Term:
        sentence, levels, context = place
        parts = [concat(words, target) for target, words in self._lines_at(place).items()]
        for letters, after in transitions(sentence):
            if letters >> _NEWLINE & 1:
                parts += [self._line(w, None, Line(after, levels, end)) for end, w in self._newline_ways(context)]
        may_end = EPSILON if self._may_end(sentence, levels) else EMPTY
        return union(may_end, *parts, self._last_gap(place))

    def _last_gap(self, place: Place) -> Term:
        """What is ignored where nothing of the line follows, and what follows that; EMPTY if nothing can."""
        found = self._begun.get(place)
        if found is None:
            ways = [
                (words, Place(place.sentence, place.levels, end))
                for end, words in self._last_gaps(place.context)
                if self._is_alive(place.sentence, place.levels, end)
            ]
            if not ways:
                return EMPTY
            found = self._begun[place] = ref(
                "ignored",
                lambda: union(*[concat(words, self.place(after)) for words, after in ways]),
                nullable=False,
                check=False,
                costly=True,
                first=reduce(or_, (words.first for words, _ in ways)),
                keep=False,
            )
        return found

    def _is_alive(self, sentence: Term, levels: tuple[int, ...], context: int) -> bool:
        """Where nothing of a line can follow, the line has to end."""
        if not self.product.is_last(context):
            return True
        return bool(sentence.first >> _NEWLINE & 1) or self._may_end(sentence, levels)

    # --- newline tokens -----------------------------------------------------------------------------------------------

    def _after(self, line: Line, count: int) -> tuple[Term, tuple[int, ...]] | None:
        """The sentence and the levels after a newline token whose last line is indented by ``count``."""
        sentence, levels, _ = line
        if count > levels[-1]:
            levels = (*levels, count)
            sentence = derive(sentence, _INDENT)
        while count < levels[-1]:
            levels = levels[:-1]
            sentence = derive(sentence, _DEDENT)
        if count != levels[-1] or sentence is EMPTY:
            return None
        if not sentence.first & self._of_lines and not self._may_end(sentence, levels):
            return None
        return sentence, levels

    def _may_indent(self, line: Line) -> bool:
        return bool(line.sentence.first >> _INDENT & 1)

    def _line(self, words: Term, count: int | None, line: Line) -> Term:
        """What may follow within a newline token of which ``words`` are left; EMPTY if nothing can."""
        if count is not None and count > line.levels[-1] and not self._may_indent(line):
            count = line.levels[-1] + 1  # all that is deeper is wrong alike
        return union(self._more(words, count, line), self._ended(words, count, line))

    def _ended(self, words: Term, count: int | None, line: Line) -> Term:
        """What may follow if the newline token ends here."""
        after = self._after(line, count) if words.nullable and count is not None else None
        return EMPTY if after is None else concat(guard(words.guard), self._from(*after, line.context))

    def _more(self, words: Term, count: int | None, line: Line) -> Term:
        """What may follow if it goes on."""
        key = words, count, line
        found = self._begun.get(key)
        if found is not None:
            return found
        alive = [
            (mask, rest, after)
            for mask, rest, after in self.newlines.advance(words, count)
            if self._ends_at_some_level(rest, after, line)
        ]
        if not alive:
            return EMPTY
        made = self._begun[key] = ref(
            "newline",
            lambda: self._unfold_line(alive, line),
            nullable=False,
            check=False,
            costly=True,
            first=reduce(or_, (mask for mask, _, _ in alive)),
            shortest=lambda alphabet: self._shortest_line(alive, line, alphabet),
            spelled=self.spells,
            keep=False,
        )
        return made

    def _unfold_line(self, moves: list[tuple[int, Term, int | None]], line: Line) -> Term:
        with self.lock:
            return union(*[concat(byte_set(mask), self._line(rest, after, line)) for mask, rest, after in moves])

    def _ends_at_some_level(self, words: Term, count: int | None, line: Line) -> bool:
        if self.newlines.takes_any_blanks(words):
            return True
        right = tuple(level for level in line.levels if self._after(line, level) is not None)
        deeper = self._may_indent(line)
        key = words, count, (*right, line.levels[-1]), deeper
        known = self._level_ends.get(key)
        if known is None:
            found = self.newlines.counts(words, count, line.levels[-1], deeper=deeper, completions=Completions())
            known = any(end in right or end > line.levels[-1] for end, _ in found)
            if len(self._level_ends) > MOST_ENDS:
                self._level_ends.clear()
            self._level_ends[key] = known
        return known

    # --- completions --------------------------------------------------------------------------------------------------

    def spells(self, alphabet: int) -> bool:
        """Whether ``alphabet`` completes every text begun."""
        with self.lock:
            known = self._spelled.get(alphabet)
            if known is None:
                known = self._spelled[alphabet] = self._find_spells(alphabet)
            return known

    def _find_spells(self, alphabet: int) -> bool:
        product = self.product
        completions = Completions(alphabet)
        if not alphabet >> 0x20 & 1 or not are_separated(self.guarded, product, alphabet):
            return False
        for context in range(len(product.contexts)):
            if not all(completions.spells(words) for _, words in self._newline_ways(context)):
                return False
        return ShortestTexts(product, alphabet).always

    def shortest(self, place: Place, alphabet: int) -> bytes | None:
        """A shortest completion; None if there is none."""
        with self.lock:
            rest = self._rest(place, alphabet)
        return None if rest is None else _text(rest)

    def _shortest_line(self, moves: list[tuple[int, Term, int | None]], line: Line, alphabet: int) -> bytes | None:
        best: bytes | None = None
        completions = Completions(alphabet)
        with self.lock:
            for mask, rest, count in moves:
                byte = completions.shortest(byte_set(mask))
                if byte is None:
                    continue
                for text, place in self._line_ends(rest, count, line, alphabet):
                    end = self._rest(place, alphabet)
                    if end is not None and (best is None or 1 + len(text) + end.length < len(best)):
                        best = byte + text + _text(end)
        return best

    def _line_ends(self, words: Term, count: int | None, line: Line, alphabet: int) -> Iterator[tuple[bytes, Place]]:
        """A shortest text to each level at which the newline token may end, of those that open one the shortest."""
        completions = Completions(alphabet)
        top = line.levels[-1]
        wanted = set(line.levels)
        deeper = self._may_indent(line)
        found = self.newlines.counts(words, count, top, deeper=deeper, completions=completions)
        for end, text in found:
            if end in wanted:
                wanted.discard(end)
            elif end <= top or not deeper:
                continue
            after = self._after(line, end)
            if after is not None:
                yield text, Place(*after, line.context)
            deeper = deeper and end <= top
            if not wanted and not deeper:
                return

    def _rest(self, place: Place, alphabet: int) -> _Rest | None:
        """A shortest completion over ``alphabet``; None if there is none."""
        order = itertools.count()
        origin: dict[Place, tuple[Place, bytes] | None] = {place: None}
        distance = {place: 0}
        queue: list[tuple[int, int, int, Place, _Rest | None]] = [(0, 0, next(order), place, None)]
        closed: set[Place] = set()
        while queue:
            _, _, _, current, ended = heapq.heappop(queue)
            if ended is not None:
                return self._keep(current, ended, origin, alphabet)
            if current in closed:
                continue
            closed.add(current)
            travelled = distance[current]
            known = _DONE if self._may_end(current.sentence, current.levels) else _rests.get((alphabet, current))
            if known is not None:
                rank = -1 if len(closed) > SEARCH_LIMIT else travelled + known.length
                heapq.heappush(queue, (rank, 0, next(order), current, known))
                continue
            for text, following in self._steps(current, alphabet):
                new = travelled + len(text)
                if new < distance.get(following, new + 1):
                    distance[following] = new
                    origin[following] = current, text
                    depth = len(following.levels)
                    rank = 0 if len(closed) > SEARCH_LIMIT else new
                    heapq.heappush(queue, (rank, depth, next(order), following, None))
        return None

    def _keep(self, found: Place, rest: _Rest, origin: dict[Place, tuple[Place, bytes] | None], alphabet: int) -> _Rest:
        step = origin[found]
        while step is not None:
            before, text = step
            rest = _Rest(rest.length + len(text), text, rest)
            _rests.put((alphabet, before), rest)
            step = origin[before]
        return rest

    def _steps(self, place: Place, alphabet: int) -> Iterator[tuple[bytes, Place]]:
        sentence, levels, context = place
        for letters, after in transitions(sentence):
            for letter in bits(letters & self._of_lines):
                for text, end in self._texts_of(letter, context, alphabet):
                    if self._is_alive(after, levels, end):
                        yield text, Place(after, levels, end)
            if letters >> _NEWLINE & 1:
                for end, words in self._newline_ways(context):
                    yield from self._line_ends(words, None, Line(after, levels, end), alphabet)

    def _texts_of(self, letter: int, context: int, alphabet: int) -> list[tuple[bytes, int]]:
        """Shortest texts of a letter, with the context after each."""
        key = letter, context, alphabet
        found = self._ways.get(key)
        if found is None:
            contexts = self.product.contexts
            node = self.nodes[letter]
            found = []
            for end in bits(self._exits(node, context)):
                texts = self.exact.texts(node.name, contexts[context], [contexts[end]], alphabet, 0).values()
                if texts:
                    found.append((min(texts, key=len), end))
            self._ways[key] = found
        return found


@dataclass(frozen=True, slots=True)
class AtPlace(Leaf):
    """What may follow at a place that is alive; ``ends``: whether the text may end here."""

    blocks: _Blocks
    place: Place
    ends: bool

    def __str__(self) -> str:
        return "line"

    @property
    def nullable(self) -> bool:
        return self.ends

    def first(self) -> int:
        return self.blocks.first(self.place)

    def classes(self) -> tuple[int, ...]:
        return tuple(mask for mask, _ in transitions(self.unfolded()))

    def derive(self, byte: int) -> Term:
        return derive(self.unfolded(), byte)

    def unfolded(self) -> Term:
        return self.blocks.unfolded(self)

    @property
    def is_costly(self) -> bool:
        return True

    def shortest(self, alphabet: int) -> bytes | None:
        return self.blocks.shortest(self.place, alphabet)

    def is_spelled(self, alphabet: int) -> bool:
        return self.blocks.spells(alphabet)


_unfolded: Cache[AtPlace, Term] = Cache("blocks", share=0.01, cost=lambda key, value: 3000)
_DONE = _Rest(0, b"", None)
MOST_ENDS = 10_000  # facts about newline tokens, and texts of letters, that are kept


def _text(rest: _Rest | None) -> bytes:
    parts = []
    while rest is not None:
        parts.append(rest.text)
        rest = rest.after
    return b"".join(parts)


def _lines_follow(rules: Iterable[Rule], letters: set[str]) -> bool:
    """Whether two letters of lines may follow each other."""
    rules = list(rules)
    first, last, empty = first_terminals(rules), last_terminals(rules), nullable(rules)
    for rule in rules:
        for i, symbol in enumerate(rule.expansion):
            before = {symbol.name} if symbol.is_terminal else last[symbol.name]
            for other in rule.expansion[i + 1 :]:
                after = {other.name} if other.is_terminal else first[other.name]
                if before & letters and after & letters:
                    return True
                if other.is_terminal or other.name not in empty:
                    break
    return False
