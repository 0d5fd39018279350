"""Grammars read with ``parser="lalr"``, on Lark's own parse table.

What may follow a text is decided by the parser's stack, by the context that its last match left (`scanning`) and, with
an `Indenter`, by the open levels: together a `Config`.  Each has one rule of its own, a reference that unfolds into
the matches that the scanner of its parser state can make there, each followed by the rule of the config after it.  So
conflicts that Lark resolves, scanners that know the parser's state and keywords come out as they are in Lark.

A config from where no text can be completed is never entered.  For most grammars that it can be is proved (`liveness`).
Otherwise a completion is searched for, best first, by how much is still to be read (`finishing`); what a search finds
out about the configs on its way is remembered, and most searches end with their first step.  Shortest completions are
found the same way (Hart, Nilsson, Raphael 1968, "A formal basis for the heuristic determination of minimum cost
paths").

Where a table without conflicts reads what one scanner cuts, whatever the parser's state, that is the language of the
rules, and `earley`, or with an `Indenter` `blocks`, gives the better term.

Cost: half a millisecond for a config that is met for the first time, plus what its scanner costs; the tokens of a large
vocabulary lead from one config into some hundred others.  Cannot do: post-lexers other than `Indenter`.  A search that
reaches `SEARCH_LIMIT` gives up: the config is then taken as alive (`completion.unfinished_searches`), and a completion
may be longer than a shortest one.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from relark.caches import Cache
from relark.errors import UnsupportedError
from relark.frontends.lark import blocks, earley, finishing
from relark.frontends.lark.finishing import NEVER, Costs, Finishing
from relark.frontends.lark.grammar import Grammar
from relark.frontends.lark.indenter import Indentation, NewlineTokens, read_indenter
from relark.frontends.lark.lexers import basic_scanner, contextual_scanners, is_ignored
from relark.frontends.lark.liveness import Liveness, has_conflicts
from relark.frontends.lark.parse_table import END, Stack, Table
from relark.frontends.lark.scanning import Context, Scanner, Scanning
from relark.language import EMPTY, FULL, Completions, Leaf, Term, completion, concat, leaf, ref, transitions, union

SEARCH_LIMIT = 3000  # configs that one search may look into
PATIENCE = 100  # of them before costs are counted more exactly, which takes some preparation
_NAMES_SHOWN = 3


class Config(NamedTuple):
    """Where a text has got to, between two matches; equal configs allow the same rests.

    ``context``: an index; ``ends``: whether the text may end here; ``levels``: the indentation of the open levels,
    ``parens``: how many parentheses are open (both only with an `Indenter`).
    """

    stack: Stack
    context: int
    ends: bool
    levels: tuple[int, ...]
    parens: int


class Line(NamedTuple):
    """A newline token is being read that will count: the state before it, and the context after it."""

    stack: Stack
    context: int
    levels: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Move:
    """One match: its words, and where they lead."""

    words: Term
    target: Config | Line


class Beginning(NamedTuple):
    """A match of which one byte has been read: the ``rest`` of its words, the blanks so far of a newline token."""

    label: str
    context: int
    rest: Term
    blanks: int | None


class Begun(NamedTuple):
    """The matches that begin with the bytes of ``mask``."""

    mask: int
    beginnings: tuple[Beginning, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Leading:
    """The matches at a config that begin with some bytes and from where a text can be completed.

    ``ends``: whether the text may end after one byte; ``lines``: newline tokens that count, of which both is not known;
    ``spelling``: bytes that suffice to complete what is begun.
    """

    beginnings: tuple[Beginning, ...]
    ends: bool
    lines: tuple[Beginning, ...]
    spelling: int


@dataclass(frozen=True, eq=False, slots=True)
class Rest:
    """A completion of ``length`` bytes: ``text`` and what follows it."""

    length: int
    text: bytes
    after: Rest | None


_moves: Cache[Config, tuple[Move, ...]] = Cache("parses", share=0.01, cost=lambda key, value: 500 + 150 * len(value))
_alive: Cache[Hashable, bool] = Cache("parses alive", share=0.01, cost=lambda key, value: 500)
_leads: Cache[Hashable, Leading] = Cache("parses ahead", share=0.01, cost=lambda key, value: 500)
_rests: Cache[tuple[int, Config], Rest] = Cache("parse ends", share=0.01, cost=lambda key, value: 500)


def lower(grammar: Grammar, scanning: Scanning) -> Term:
    """The texts of ``grammar``, whose parser is ``"lalr"``; EMPTY if there is none.

    Raises `GrammarError` where Lark's scanners do not compile, `UnsupportedError` for a post-lexer that does not do
    what `Indenter` does, and where a search for some text gave up.
    """
    if grammar.lexer == "basic" and grammar.lark.options.postlex is None and not has_conflicts(grammar):
        # The tokens do not hang on the parser, and the table takes what the rules take: so does Earley's term, in which
        # the ends of rules are shared where here every stack has its own.
        return earley.lower(replace(grammar, parser="earley"), scanning)
    indentation = read_indenter(grammar.lark.options.postlex)
    if grammar.lexer == "basic" and indentation is not None and not has_conflicts(grammar):
        term = blocks.lower(grammar, scanning, indentation)
        if term is not None:
            return term
    before = completion.unfinished_searches
    term = _Parser(grammar, scanning).start()
    if completion.unfinished_searches > before:
        raise UnsupportedError(
            f"no text was found that Lark parses from {grammar.start!r}; Lark resolves conflicts of the grammar by "
            "shifting, which may leave none: write it without conflicts"
        )
    return term


class _Parser:
    """The configs of one grammar."""

    def __init__(self, grammar: Grammar, scanning: Scanning) -> None:
        self.scanning = scanning
        self.indentation: Indentation | None = read_indenter(grammar.lark.options.postlex)
        self.grammar = grammar
        self.table = Table(grammar)
        if grammar.lexer == "basic":
            self.scanners: list[Scanner] = [basic_scanner(grammar)] * len(self.table.names)
        else:
            by_name = contextual_scanners(grammar)
            self.scanners = [by_name[name] for name in self.table.names]
        ignored = grammar.ignored
        self.dropped = {
            scanner: frozenset(label for label in ignored if is_ignored(scanner, label, ignored))
            for scanner in dict.fromkeys(self.scanners)
        }
        self.names = [self._name(state) for state in range(len(self.table.names))]
        self.lock = threading.RLock()
        self._contexts: list[Context] = []
        self._numbers: dict[Context, int] = {}
        self._begun_terms: weakref.WeakValueDictionary[tuple[Config, int], Term] = weakref.WeakValueDictionary()
        self._forms: dict[tuple[Scanner, int], tuple[Begun, ...]] = {}
        self.newlines = NewlineTokens(1 if self.indentation is None else self.indentation.tab)
        self._liveness = Liveness(
            grammar, self.table, scanning, self.scanners, self.dropped, self.indentation, self.newlines
        )
        self._settled: dict[tuple[int, int], int] = {}  # by context and parser state
        self._behind: dict[tuple[int, int], Context] = {}  # a context that is settled to one, by that and parser state
        self._last_line_form: tuple[tuple[Term, int | None, Line], dict[int, Term]] | None = None
        self._rough: Finishing | None = None
        self._exact: dict[int, tuple[Finishing, dict[Context, int]]] = {}  # by alphabet

    def start(self) -> Term:
        return self._term(self._config(self.table.initial, self._number(self.scanning.start), (0,), 0))

    # --- configs ------------------------------------------------------------------------------------------------------

    def _number(self, context: Context) -> int:
        number = self._numbers.get(context)
        if number is None:
            number = self._numbers[context] = len(self._contexts)
            self._contexts.append(context)
        return number

    def _config(self, stack: Stack, context: int, levels: tuple[int, ...], parens: int) -> Config:
        left = self._contexts[context]
        settled = self._settled.get((context, stack.state))
        if settled is None:
            settled = self._number(self.scanning.settled(left, (self.scanners[stack.state],)))
            self._settled[context, stack.state] = settled
            self._behind.setdefault((settled, stack.state), left)
        ends = self.scanning.may_end(left) and self._accepts_end(stack, len(levels) - 1)
        return Config(stack, settled, ends, levels, parens)

    def _accepts_end(self, stack: Stack, open_levels: int) -> bool:
        dedented: Stack | None = stack
        for _ in range(open_levels):
            assert self.indentation is not None
            dedented = self.table.feed(dedented, self.indentation.dedent) if dedented is not None else None
        return dedented is not None and self.table.accepts_end(dedented)

    def _moves(self, config: Config) -> tuple[Move, ...]:
        """The matches that Lark can make at ``config`` and goes on after."""
        known = _moves.get(config)
        if known is None:
            known = tuple(self._find_moves(config))
            _moves.put(config, known)
        return known

    def _find_moves(self, config: Config) -> Iterator[Move]:
        scanner = self.scanners[config.stack.state]
        fed: dict[str, Stack | None] = {}
        for (label, context), words in self.scanning.reads(scanner, self._contexts[config.context]).items():
            target = self._target(config, label, self._number(context), fed)
            if target is not None:
                yield Move(words, target)

    def _target(self, config: Config, label: str, context: int, fed: dict[str, Stack | None]) -> Config | Line | None:
        """Where a match leads; None where Lark refuses it.  ``fed``: the stacks after tokens, as far as known."""
        stack, _, _, levels, parens = config
        following: Stack | None = stack
        if label not in self.dropped[self.scanners[stack.state]]:
            is_newline = self.indentation is not None and label == self.indentation.newline
            if not (is_newline and parens):  # newline tokens within parentheses are dropped
                if label not in fed:
                    fed[label] = self.table.feed(stack, label)
                following = fed[label]
            if is_newline and not parens:
                return None if following is None else Line(stack, context, levels)
            inside = self._parens(label, parens)
            if inside is None:
                return None
            parens = inside
        return None if following is None else self._config(following, context, levels, parens)

    def _parens(self, label: str, parens: int) -> int | None:
        """Open parentheses after a token; None where it closes none, which Lark's `Indenter` does not survive."""
        if self.indentation is None:
            return 0
        if label in self.indentation.opening:
            return parens + 1
        if label in self.indentation.closing:
            return parens - 1 if parens else None
        return parens

    def _after_line(self, line: Line, count: int) -> Config | None:
        """After a newline token whose last line is indented by ``count``."""
        indentation = self.indentation
        assert indentation is not None
        stack = self.table.feed(line.stack, indentation.newline)
        levels = line.levels
        if count > levels[-1]:
            levels = (*levels, count)
            stack = self.table.feed(stack, indentation.indent) if stack is not None else None
        while stack is not None and count < levels[-1]:
            levels = levels[:-1]
            stack = self.table.feed(stack, indentation.dedent)
        if stack is None or count != levels[-1]:
            return None
        parens = self._parens(indentation.newline, 0)
        return None if parens is None else self._config(stack, line.context, levels, parens)

    def _may_indent(self, line: Line) -> bool:
        indentation = self.indentation
        assert indentation is not None
        stack = self.table.feed(line.stack, indentation.newline)
        return stack is not None and self.table.feed(stack, indentation.indent) is not None

    # --- terms --------------------------------------------------------------------------------------------------------

    def _term(self, config: Config) -> Term:
        """What may follow at ``config``; EMPTY if nothing can."""
        return leaf(AtConfig(self, config)) if self._is_alive(config) else EMPTY

    def spelling(self, config: Config) -> int:
        """Bytes that suffice to complete what is begun at ``config``."""
        proved = self._liveness.spells and self._is_proved(config)
        return self._liveness.spelling if proved else self.scanning.bytes_used

    def form(self, config: Config) -> tuple[Begun, ...]:
        """The matches that the scanner may begin at ``config``, by first bytes."""
        scanner = self.scanners[config.stack.state]
        key = scanner, config.context
        found = self._forms.get(key)
        if found is None:
            with self.lock:
                found = self._forms[key] = self._find_form(scanner, self._contexts[config.context])
        return found

    def _find_form(self, scanner: Scanner, context: Context) -> tuple[Begun, ...]:
        newline = self.indentation.newline if self.indentation is not None else None
        parts: list[tuple[int, tuple[Beginning, ...]]] = []
        for (label, left), words in self.scanning.reads(scanner, context).items():
            number = self._number(left)
            if label == newline:
                steps = self.newlines.advance(words, None)
            else:
                steps = [(mask, rest, None) for mask, rest in transitions(words)]
            for step, rest, count in steps:
                mask = step
                refined = []
                beginning = Beginning(label, number, rest, count)
                for part, beginnings in parts:
                    if part & mask:
                        refined.append((part & mask, (*beginnings, beginning)))
                    if part & ~mask:
                        refined.append((part & ~mask, beginnings))
                    mask &= ~part
                if mask:
                    refined.append((mask, (beginning,)))
                parts = refined
        return tuple(Begun(mask, beginnings) for mask, beginnings in parts)

    def begun(self, config: Config, index: int) -> Term:
        """What may follow the first byte of the matches ``form(config)[index]``."""
        key = config, index
        found = self._begun_terms.get(key)
        if found is not None:
            return found
        leading = self._leading(config, index)
        beginnings, nullable = leading.beginnings, leading.ends
        for beginning in leading.lines:
            line = Line(config.stack, beginning.context, config.levels)
            term = self._line_term(beginning.rest, beginning.blanks, line)
            if term is not EMPTY:
                beginnings = (*beginnings, beginning)
                nullable = nullable or term.nullable
        if not beginnings:
            return EMPTY
        term = self._begun_terms[key] = ref(
            self.names[config.stack.state],
            lambda: self._unfold(config, beginnings),
            nullable=nullable,
            check=False,
            costly=True,
            keep=False,
            shortest=lambda alphabet: self._shortest_begun(config, beginnings, alphabet),
            spelling=leading.spelling,
        )
        return term

    def _leading(self, config: Config, index: int) -> Leading:
        shape = _shape(config), index
        known = _leads.get(shape)
        if known is None:
            known = _leads.get((config, index))
        if known is None:
            with self.lock:
                known, general = self._find_leading(config, self.form(config)[index].beginnings)
                _leads.put(shape if general else (config, index), known)
        return known

    def _find_leading(self, config: Config, beginnings: tuple[Beginning, ...]) -> tuple[Leading, bool]:
        """And whether it is the same with other levels, if they are as many."""
        live: list[Beginning] = []
        lines: list[Beginning] = []
        ends = False
        general = True
        fed: dict[str, Stack | None] = {}
        for one in beginnings:
            target = self._target(config, one.label, one.context, fed)
            if isinstance(target, Line):
                lines.append(one)
            elif target is not None:
                proved = target.ends or self._is_proved(target)
                general = general and proved
                if proved or self._is_alive(target):
                    live.append(one)
                    ends = ends or (one.rest.nullable and target.ends)
        return Leading(tuple(live), ends, tuple(lines), self.spelling(config)), general

    def _unfold(self, config: Config, beginnings: tuple[Beginning, ...]) -> Term:
        with self.lock:
            fed: dict[str, Stack | None] = {}
            parts = []
            for label, context, rest, count in beginnings:
                target = self._target(config, label, context, fed)
                if isinstance(target, Line):
                    parts.append(self._line_term(rest, count, target))
                elif target is not None:
                    parts.append(concat(rest, self._term(target)))
            return union(*parts)

    def _line_term(self, words: Term, count: int | None, line: Line) -> Term:
        """What may follow within a newline token of which ``words`` are left, with that count; EMPTY if nothing can."""
        if count is not None and count > line.levels[-1] and not self._may_indent(line):
            count = line.levels[-1] + 1  # all that is deeper is wrong alike
        if not self._is_line_alive(words, count, line):
            return EMPTY
        ended = self.ended_line(words, count, line)
        return leaf(InLine(self, words, count, line, ended is not None and ended.ends))

    def ended_line(self, words: Term, count: int | None, line: Line) -> Config | None:
        """The config after the newline token if it ends here, and a text can be completed from there."""
        after = self._after_line(line, count) if words.nullable and count is not None else None
        return after if after is not None and self._is_alive(after) else None

    def line_form(self, words: Term, count: int | None, line: Line) -> dict[int, Term]:
        """What follows within a newline token, by first bytes (masks)."""
        key = words, count, line
        last = self._last_line_form
        if last is None or last[0] != key:
            last = self._last_line_form = key, self._find_line_form(*key)
        return last[1]

    def _find_line_form(self, words: Term, count: int | None, line: Line) -> dict[int, Term]:
        with self.lock:
            own = [
                (mask, self._line_term(rest, after, line)) for mask, rest, after in self.newlines.advance(words, count)
            ]
            ended = self.ended_line(words, count, line)
            if ended is None:
                return dict(own)
            found: dict[int, Term] = {}
            for index, begun in enumerate(self.form(ended)):
                left = begun.mask
                after_it = self.begun(ended, index)
                for mask, term in own:
                    if mask & left:
                        found[mask & left] = union(term, after_it)
                        left &= ~mask
                if left:
                    found[left] = after_it
            covered = 0
            for begun in self.form(ended):
                covered |= begun.mask
            found.update((mask & ~covered, term) for mask, term in own if mask & ~covered)
            return found

    def _name(self, state: int) -> str:
        names = [name for name in self.table.actions[state] if name != END]
        return "|".join(names[:_NAMES_SHOWN]) + ("|..." if len(names) > _NAMES_SHOWN else "")

    # --- whether a text can be completed ------------------------------------------------------------------------------

    def _is_alive(self, config: Config) -> bool:
        known = self._known(config)
        return self._search(config) if known is None else known

    def _search(self, config: Config) -> bool:
        """Best first, by the number of terminals that are still to be read at least."""
        if self._tokens_left(config.stack) >= NEVER:
            return False
        order = itertools.count()
        origin: dict[Config, tuple[Config, bool] | None] = {config: None}
        queue: list[tuple[int, int, Config]] = [(0, 0, config)]
        looked_into = 0
        cost: Callable[[Config], int] = lambda found: self._tokens_left(found.stack)  # noqa: E731
        while queue:
            _, _, current = heapq.heappop(queue)
            looked_into += 1
            if looked_into == PATIENCE:  # terminals that no scanner reads, or not after each other
                cost = lambda found: self._bytes_left(found, FULL)  # noqa: E731
                queue = [(left, number, found) for _, number, found in queue if (left := cost(found)) < NEVER]
                heapq.heapify(queue)
                if cost(current) >= NEVER:
                    continue
            if looked_into > SEARCH_LIMIT:
                completion.unfinished_searches += 1
                _alive.put(config, True)
                return True
            for following, general in self._successors(current):
                if following in origin:
                    continue
                known = self._known(following)
                if known is False:
                    continue
                origin[following] = current, general
                if known:
                    self._mark(following, origin)
                    return True
                left = cost(following)
                if left < NEVER:
                    heapq.heappush(queue, (left, next(order), following))
        for found in origin:
            _alive.put(found, False)
        return False

    def _known(self, config: Config) -> bool | None:
        if config.ends or self._is_proved(config):
            return True
        known = _alive.get(_shape(config))
        return known if known is not None else _alive.get(config)

    def _is_proved(self, config: Config) -> bool:
        return self._liveness.proves(config.stack, self._behind[config.context, config.stack.state])

    def _mark(self, config: Config, origin: dict[Config, tuple[Config, bool] | None]) -> None:
        """All on the way to ``config`` is alive; with whatever levels, if the way does not hang on these."""
        general = config.ends or _alive.get(_shape(config)) is not None
        step = origin[config]
        while step is not None:
            before, free = step
            general = general and free
            _alive.put(_shape(before) if general else before, True)
            step = origin[before]

    def _successors(self, config: Config) -> Iterator[tuple[Config, bool]]:
        """The configs after one match, and whether there are such with all levels that are as many."""
        for move in self._moves(config):
            target = move.target
            if isinstance(target, Config):
                yield target, True
                continue
            free = self.newlines.takes_any_blanks(move.words)
            found: Iterable[int] = (*target.levels, target.levels[-1] + 1)
            if not free:
                found = (count for count, _ in self._counts(move.words, None, target, FULL))
            for count in found:
                after = self._after_line(target, count)
                if after is not None:
                    yield after, free

    def _counts(self, words: Term, count: int | None, line: Line, alphabet: int) -> Iterator[tuple[int, bytes]]:
        """The indentations with which the newline token may end, with a shortest text for each; of those that open a
        level the ones that none is both shorter and less deep than.
        """
        assert self.indentation is not None
        top = line.levels[-1]
        deepest = NEVER
        deeper = self._may_indent(line)
        completions = Completions(alphabet)
        wanted = set(line.levels)
        for found, text in self.newlines.counts(words, count, top, deeper=deeper, completions=completions):
            if found in wanted:
                wanted.discard(found)
                yield found, text
            elif top < found < deepest:
                deepest = found
                yield found, text
            if not wanted and (deepest <= top + 1 or not deeper):
                return

    def _is_line_alive(self, words: Term, count: int | None, line: Line) -> bool:
        if self.newlines.takes_any_blanks(words) and self._is_some_level_alive(line):
            return True
        key = words, count, line
        known = _alive.get(key)
        if known is None:
            known = any(
                (after := self._after_line(line, found)) is not None and self._is_alive(after)
                for found, _ in self._counts(words, count, line, FULL)
            )
            _alive.put(key, known)
        return known

    def _is_some_level_alive(self, line: Line) -> bool:
        """Whether there is an indentation of the next line from where a text can be completed."""
        known = _alive.get(line)
        if known is None:
            known = any(
                (after := self._after_line(line, count)) is not None and self._is_alive(after)
                for count in (*line.levels, line.levels[-1] + 1)
            )
            _alive.put(line, known)
        return known

    def line_spelling(self, words: Term, line: Line) -> int:
        """Bytes that suffice to complete a newline token, and what is begun after it."""
        if self._liveness.spells and self.newlines.takes_any_blanks(words):
            for count in (*line.levels, line.levels[-1] + 1):
                after = self._after_line(line, count)
                if after is not None and self._is_proved(after):
                    spelling: int = self._liveness.spelling
                    return spelling
        return self.scanning.bytes_used

    def _tokens_left(self, stack: Stack) -> int:
        if self._rough is None:
            one: Costs = ({0: 1},)
            terminals = {name: one for actions in self.table.actions for name in actions if name != END}
            self._rough = self._finishing(terminals, 1)
        return self._rough.of(stack)[0]

    def _finishing(self, terminals: dict[str, Costs], contexts: int) -> Finishing:
        grammar = self.grammar
        return Finishing(self.table, grammar.rules, terminals, contexts=contexts, start=grammar.start)

    # --- shortest completions -----------------------------------------------------------------------------------------

    def shortest(self, config: Config, alphabet: int) -> bytes | None:
        with self.lock:
            rest = self._rest(config, alphabet)
        return None if rest is None else _text(rest)

    def _shortest_begun(self, config: Config, beginnings: tuple[Beginning, ...], alphabet: int) -> bytes | None:
        return Completions(alphabet).shortest(self._unfold(config, beginnings))

    def shortest_line(self, words: Term, count: int | None, line: Line, alphabet: int) -> bytes | None:
        best: bytes | None = None
        with self.lock:
            for found, text in self._counts(words, count, line, alphabet):
                after = self._after_line(line, found)
                if after is None or not self._is_alive(after):
                    continue
                rest = self._rest(after, alphabet)
                if rest is not None and (best is None or len(text) + rest.length < len(best)):
                    best = text + _text(rest)
        return best

    def _rest(self, config: Config, alphabet: int) -> Rest | None:
        """A shortest completion over ``alphabet``; None if there is none."""
        known = _rests.get((alphabet, config))
        if known is not None:
            return known
        if config.ends:
            return _DONE
        completions = Completions(alphabet)
        order = itertools.count()
        origin: dict[Config, tuple[Config, bytes] | None] = {config: None}
        distance = {config: 0}
        queue: list[tuple[int, int, int, Config]] = [(0, 0, next(order), config)]
        closed: set[Config] = set()
        greedy = False
        while queue:
            _, _, _, current = heapq.heappop(queue)
            if current in closed:
                continue
            closed.add(current)
            if current.ends:
                return self._keep(current, _DONE, origin, alphabet)
            known = _rests.get((alphabet, current))
            if known is not None:
                return self._keep(current, known, origin, alphabet)
            if len(closed) == PATIENCE * 5:  # from now on any completion will do
                greedy = True
                queue = [(rank - distance[found], 0, number, found) for rank, _, number, found in queue]
                heapq.heapify(queue)
            if len(closed) > SEARCH_LIMIT:
                completion.unfinished_searches += 1
                return None
            travelled = distance[current]
            for following, text in self._steps(current, completions):
                new = travelled + len(text)
                if new >= distance.get(following, NEVER) or self._known(following) is False:
                    continue
                left = self._left(following, alphabet)
                if left >= NEVER:
                    continue
                distance[following] = new
                origin[following] = current, text
                closed.discard(following)
                rank = left if greedy else new + left
                heapq.heappush(queue, (rank, left, next(order), following))
        return None

    def _keep(
        self, config: Config, rest: Rest, origin: dict[Config, tuple[Config, bytes] | None], alphabet: int
    ) -> Rest:
        step = origin[config]
        while step is not None:
            before, text = step
            rest = Rest(rest.length + len(text), text, rest)
            _rests.put((alphabet, before), rest)
            step = origin[before]
        return rest

    def _left(self, config: Config, alphabet: int) -> int:
        """A lower bound of the bytes to a complete text."""
        if config.ends:
            return 0
        known = _rests.get((alphabet, config))
        return self._bytes_left(config, alphabet) if known is None else known.length

    def _steps(self, config: Config, completions: Completions) -> Iterator[tuple[Config, bytes]]:
        for move in self._moves(config):
            if isinstance(move.target, Line):
                for count, text in self._counts(move.words, None, move.target, completions.alphabet):
                    after = self._after_line(move.target, count)
                    if after is not None:
                        yield after, text
            else:
                word = completions.shortest(move.words)
                if word is not None:
                    yield move.target, word

    def _bytes_left(self, config: Config, alphabet: int) -> int:
        known = self._exact.get(alphabet)
        if known is None:
            known = self._exact[alphabet] = self._prepare(alphabet)
        exact, places = known
        bounds = exact.of(config.stack)
        place = places.get(self._common(self._contexts[config.context]))
        return min(bounds) if place is None else bounds[place]

    def _common(self, context: Context) -> Context:
        """A context that is the same for all scanners."""
        return self.scanning.settled(context, self.dropped)

    def _prepare(self, alphabet: int) -> tuple[Finishing, dict[Context, int]]:
        """The bounds where every scanner can be used at any place."""
        completions = Completions(alphabet)
        places: dict[Context, int] = {self._common(self.scanning.start): 0}
        terminals: dict[str, dict[tuple[int, int], int]] = {}
        dropped: dict[tuple[int, int], int] = {}
        newline = self.indentation.newline if self.indentation is not None else None
        work = list(places)
        for context in work:
            for scanner in self.dropped:
                for (label, left), words in self.scanning.reads(scanner, context).items():
                    word = completions.shortest(words)
                    if word is None:
                        continue
                    after = self._common(left)
                    if after not in places:
                        places[after] = len(places)
                        work.append(after)
                    step = places[context], places[after]
                    ignored = label in self.dropped[scanner]
                    if ignored or label == newline:
                        dropped[step] = min(dropped.get(step, NEVER), len(word))
                    if not ignored:
                        costs = terminals.setdefault(label, {})
                        costs[step] = min(costs.get(step, NEVER), len(word))
        size = len(places)
        between = finishing.closed(_matrix(dropped, size))
        all_costs = {name: finishing.then(between, _matrix(costs, size)) for name, costs in terminals.items()}
        if self.indentation is not None:
            for name in (self.indentation.indent, self.indentation.dedent):  # they stand for no characters
                all_costs[name] = finishing.least(all_costs.get(name, ({},) * size), finishing.closed(({},) * size))
        return self._finishing(all_costs, size), places


@dataclass(frozen=True, slots=True)
class AtConfig(Leaf):
    """What may follow at a config from where a text can be completed."""

    parser: _Parser
    config: Config

    def __str__(self) -> str:
        return self.parser.names[self.config.stack.state]

    @property
    def nullable(self) -> bool:
        return self.config.ends

    def classes(self) -> tuple[int, ...]:
        return tuple(begun.mask for begun in self.parser.form(self.config))

    def derive(self, byte: int) -> Term:
        for index, begun in enumerate(self.parser.form(self.config)):
            if begun.mask >> byte & 1:
                return self.parser.begun(self.config, index)
        return EMPTY

    @property
    def is_costly(self) -> bool:
        return True

    def shortest(self, alphabet: int) -> bytes | None:
        return self.parser.shortest(self.config, alphabet)

    def is_spelled(self, alphabet: int) -> bool:
        return not self.parser.spelling(self.config) & ~alphabet


@dataclass(frozen=True, slots=True)
class InLine(Leaf):
    """What may follow within a newline token; ``ends``: whether the text may end here."""

    parser: _Parser
    words: Term
    count: int | None
    line: Line
    ends: bool

    def __str__(self) -> str:
        return self.parser.names[self.line.stack.state]

    @property
    def nullable(self) -> bool:
        return self.ends

    def classes(self) -> tuple[int, ...]:
        return tuple(self.parser.line_form(self.words, self.count, self.line))

    def first(self) -> int:
        return FULL

    def derive(self, byte: int) -> Term:
        for mask, term in self.parser.line_form(self.words, self.count, self.line).items():
            if mask >> byte & 1:
                return term
        return EMPTY

    @property
    def is_costly(self) -> bool:
        return True

    def shortest(self, alphabet: int) -> bytes | None:
        return self.parser.shortest_line(self.words, self.count, self.line, alphabet)

    def is_spelled(self, alphabet: int) -> bool:
        return not self.parser.line_spelling(self.words, self.line) & ~alphabet


_DONE: Final = Rest(0, b"", None)


def _shape(config: Config) -> tuple[Any, ...]:
    """``config`` without how deep its levels are."""
    return config.stack, config.context, config.ends, len(config.levels), config.parens


def _text(rest: Rest | None) -> bytes:
    parts = []
    while rest is not None:
        parts.append(rest.text)
        rest = rest.after
    return b"".join(parts)


def _matrix(costs: dict[tuple[int, int], int], size: int) -> Costs:
    rows: tuple[dict[int, int], ...] = tuple({} for _ in range(size))
    for (before, after), cost in costs.items():
        rows[before][after] = cost
    return rows
