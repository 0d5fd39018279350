"""Grammars for Lark's Earley parser as terms: all that some derivation spells, however its texts are cut.

A term is the words of one node of the `product` between a context and a set of contexts.  Ends of a symbol that the
same text may follow are taken together, so where terminals do not interfere nothing is left of the contexts, and the
terms are the rules as they were written.  Where the next byte alone tells what a match does not allow after it, guards
take the place of contexts (`guarded`), and nothing is left of most others.

Left recursion of every kind, direct, mutual, hidden behind what may be empty, becomes a loop by the left-corner
transform (Rosenkrantz, Lewis 1970) in each strongly connected component of left corners: a word of A is a word of some
B that does not begin with a rule of the component, and then steps up, each the rest of an alternative that begins with
the rule reached before.  The steps are right-linear `equations`.  Rules that contain themselves in another way are cut
by references, which are unfolded when a text gets there.

Cost: the product at once, some 30 ms for 200 rules and 70 terminals; terms of rules when a text first gets there.
Cannot do: tell derivations apart; priorities choose between them, never between texts.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from relark.errors import UnsupportedError
from relark.frontends.lark.equations import looped, reaching, solve
from relark.frontends.lark.grammar import Grammar
from relark.frontends.lark.guarded import Exact, GuardedScanning, are_separated, never_stuck
from relark.frontends.lark.lengths import ShortestTexts
from relark.frontends.lark.lexers import basic_scanner
from relark.frontends.lark.product import Gap, Node, Nonterminal, Product, Sequence, Token, bits
from relark.frontends.lark.rules import components
from relark.frontends.lark.scanning import Scanner, Scanning
from relark.language import EMPTY, EPSILON, Term, concat, ref, transitions, union
from relark.language.terms import Concat, Ref, Repeat, Union

__all__ = ["TermsOfRules", "derived", "lower"]

MOST_INLINED = 40  # symbols of a rule, with those of the rules written out in it; larger ones become references
MOST_NESTED = 10  # rules written out in each other
MOST_DERIVED = 200  # states of which the derivatives are found in advance


def lower(grammar: Grammar, scanning: Scanning) -> Term:
    """The texts that Lark's Earley parser accepts; EMPTY if there are none.

    The term is plain: no intersections, no leaves, and no reference without words.
    """
    begins = [basic_scanner(grammar)] if grammar.lexer == "basic" else [Scanner((t.name,)) for t in grammar.terminals]
    guarded = GuardedScanning(scanning, begins)
    product = Product(grammar, guarded)
    product.find_exits()
    if not any(guarded.guards.values()):
        return derived(TermsOfRules(product).text())
    exact = Exact(grammar, guarded)
    if never_stuck(guarded, product, exact):
        return derived(TermsOfRules(product, exact).text())
    return derived(TermsOfRules(exact.product).text())


def derived(term: Term, most: int = MOST_DERIVED) -> Term:
    """``term``, of which the derivatives by the first few bytes have been taken: every vocabulary will ask for them."""
    seen = {term}
    work = deque(seen)
    with suppress(UnsupportedError):  # rules that nest too deep for a text that perhaps nobody writes
        while work and most > 0:
            most -= 1
            for _, target in transitions(work.popleft()):
                if target not in seen:
                    seen.add(target)
                    work.append(target)
    return term


@dataclass(frozen=True, slots=True)
class _Corners:
    """What left corners a component of rules has.

    ``bases``   ways to begin: symbols outside the component, with what follows them in an alternative of a rule
    ``climbs``  what leads from a rule, or one that is reached from it without text, to the next: the rest of an
                alternative of that one, not empty
    ``units``   the rules that are complete when a rule is, itself included
    """

    bases: tuple[tuple[Node, Sequence | None, Nonterminal], ...]
    climbs: dict[Nonterminal, tuple[tuple[Sequence, Nonterminal], ...]]
    units: dict[Nonterminal, frozenset[Nonterminal]]


# What can still be done on the way up: whether the text so far is a whole word, and what may follow, from which
# context, to complete which rule.
_Rung: TypeAlias = "tuple[bool, tuple[tuple[Sequence, int, Nonterminal], ...]]"
_Key: TypeAlias = "tuple[Sequence, int, int, bool]"  # the context before, the contexts after, whether nothing is a word
_Rest: TypeAlias = "_Key | Term"
_Way: TypeAlias = "tuple[int, _Rest]"  # an exit, as a mask, and what follows
_Instance: TypeAlias = "tuple[Nonterminal, int, int]"  # the context before, the contexts after


class TermsOfRules:
    """Terms of one product; with ``exact``, of one where guards stand for contexts.  Thread-safe but for `text`."""

    def __init__(self, product: Product, exact: Exact | None = None) -> None:
        self.product, self.exact = product, exact
        self.lock = threading.RLock()
        self._corners: dict[Nonterminal, _Corners] = {}
        for component in components(_corner_graph(product.nonterminals.values())):
            self._find_corners(component)
        self._referred = self._find_referred()
        self._tokens: dict[tuple[Token | Gap, int, int], Term] = {}
        self._gaps: dict[tuple[Gap, tuple[int, bool], int], Term] = {}
        self._sequences: dict[_Key, Term] = {}
        self._bodies: dict[tuple[Nonterminal, int, int, bool], Term] = {}
        self._instances: dict[_Instance, Term] = {}
        self._references: dict[Term, _Instance] = {}
        self._unfolded: dict[_Instance, Term] = {}  # for references that will ask for it
        self._ladders: dict[tuple[Nonterminal, int], dict[_Rung, Term]] = {}
        self._shortest: dict[int, ShortestTexts] = {}
        self._spelled: dict[int, bool] = {}

    def text(self) -> Term:
        """The whole text."""
        product = self.product
        if product.text is None:
            return EMPTY
        empty = product.text.nullable and bool(product.ends >> product.start & 1)
        return self.words(product.text, product.settle(product.text, product.start), product.text_exits, empty=empty)

    # --- words of nodes -----------------------------------------------------------------------------------------------

    def words(self, node: Node, context: int, exits: int, *, empty: bool = False) -> Term:
        """The words of ``node`` from ``context``, settled, to one of ``exits``; and the empty one, if ``empty``."""
        if not exits:
            return EPSILON if empty else EMPTY
        if isinstance(node, Sequence):
            return self._sequence((node, context, exits, empty))
        if isinstance(node, Nonterminal) and node not in self._referred and node not in self._corners:
            return self._inlined((node, context, exits, empty))
        term = self._instance((node, context, exits)) if isinstance(node, Nonterminal) else EMPTY
        if isinstance(node, Token | Gap):
            key = node, context, exits
            term = self._tokens.get(key) or self._match(key)
        return union(term, EPSILON) if empty else term

    def _match(self, key: tuple[Token | Gap, int, int]) -> Term:
        node, context, exits = key
        gap = node if isinstance(node, Gap) else node.gap
        by_rest: dict[Term, list[Term]] = {}
        for after, words in self.product.moves(node, context).items():
            by_rest.setdefault(self.ignored(gap, after, exits), []).append(words)
        parts = [looped(union(*words), rest) for rest, words in by_rest.items()]
        term = self._tokens[key] = union(*parts)
        return term

    def ignored(self, gap: Gap | None, context: int, exits: int) -> Term:
        """What may be ignored between ``context`` and one of ``exits``: nothing, too, if that is one of them."""
        if gap is None:
            return EPSILON if exits >> context & 1 else EMPTY

        def state(at: int) -> tuple[int, bool]:
            return self.product.settle(gap, at), bool(exits >> at & 1)

        here = state(context)
        known = self._gaps.get((gap, here, exits))
        if known is None:
            moves: dict[tuple[int, bool], list[tuple[Term, tuple[int, bool]]]] = {}
            work = [here]
            while work:
                one = work.pop()
                if one not in moves:
                    moves[one] = [(words, state(after)) for after, words in self.product.moves(gap, one[0]).items()]
                    work += [target for _, target in moves[one]]
            alive = reaching(
                (one for one in moves if one[1]), {one: [to for _, to in row] for one, row in moves.items()}
            )
            ends: dict[tuple[int, bool], Term] = {one: EPSILON if one[1] else EMPTY for one in alive}
            steps: dict[tuple[int, bool], dict[tuple[int, bool], Term]] = {}
            for one in alive:
                row: dict[tuple[int, bool], Term] = {}
                for words, target in moves[one]:
                    if target in alive:
                        row[target] = union(row.get(target, EMPTY), words)
                steps[one] = row
            solved = solve(ends, steps, name=gap.name, spelling=self.product.scanning.bytes_used)
            for one in moves:
                self._gaps[gap, one, exits] = solved.get(one, EMPTY)
            known = self._gaps[gap, here, exits]
        return known

    def _sequence(self, key: _Key) -> Term:
        """Shorter rests first, without recursion: an alternative may have hundreds of symbols."""
        known = self._sequences.get(key)
        if known is not None:
            return known
        found: dict[_Key, tuple[list[_Way], _Rest]] = {}
        work = [key]
        while work:
            one = work.pop()
            if one not in found and one not in self._sequences:
                node, context, exits, empty = one
                ways = list(self._ways(node.head, node.rest, context, exits))
                skipped: _Rest = EMPTY
                if node.head.nullable:
                    skipped = self._rest(node.rest, context, exits, empty=empty)
                found[one] = ways, skipped
                work += [rest for _, rest in (*ways, (0, skipped)) if not isinstance(rest, Term)]
        for one in sorted(found, key=lambda one: one[0].length):
            node, context, _, _ = one
            ways, skipped = found[one]
            self._sequences[one] = self._joined(node.head, context, ways, self._known(skipped))
        return self._sequences[key]

    def _ways(self, head: Node, rest: Sequence | None, context: int, exits: int) -> Iterator[_Way]:
        """The exits of ``head``, each with what of ``rest`` leads from there to ``exits``."""
        for after in bits(self.product.exits(head, self.product.settle(head, context))):
            empty = (rest is None or rest.nullable) and bool(exits >> after & 1)
            onward = self._rest(rest, after, exits, empty=empty)
            if onward is not EMPTY:
                yield 1 << after, onward

    def _rest(self, rest: Sequence | None, context: int, exits: int, *, empty: bool) -> _Rest:
        if rest is not None:
            begun = self.product.settle(rest, context)
            possible = self.product.exits(rest, begun) & exits
            if possible:
                return rest, begun, possible, empty
        return EPSILON if empty else EMPTY

    def _known(self, rest: _Rest) -> Term:
        return rest if isinstance(rest, Term) else self._sequences[rest]

    def _joined(self, head: Node, context: int, ways: Iterable[_Way], skipped: Term = EMPTY) -> Term:
        """Words of ``head``, each with what follows it; or ``skipped``.  The rests are known."""
        begun = self.product.settle(head, context)
        by_rest: dict[Term, int] = {}
        for after, rest in ways:
            term = self._known(rest)
            by_rest[term] = by_rest.get(term, 0) | after
        parts: list[Term] = []
        if skipped is not EMPTY:
            exits = by_rest.pop(skipped, 0)
            parts.append(concat(self.words(head, begun, exits, empty=True), skipped))
        parts += [looped(self.words(head, begun, exits), rest) for rest, exits in by_rest.items()]
        return union(*parts)

    # --- rules --------------------------------------------------------------------------------------------------------

    def _inlined(self, key: tuple[Nonterminal, int, int, bool]) -> Term:
        known = self._bodies.get(key)
        if known is None:
            known = self._bodies[key] = self._body(*key)
        return known

    def _body(self, node: Nonterminal, context: int, exits: int, empty: bool) -> Term:
        parts: list[Term] = []
        for choice in node.choices:
            begun = self.product.settle(choice, context)
            possible = self.product.exits(choice, begun) & exits
            parts.append(self.words(choice, begun, possible, empty=empty and choice.nullable))
        return union(*parts, EPSILON if empty else EMPTY)

    def _instance(self, instance: _Instance) -> Term:
        known = self._instances.get(instance)
        if known is None:
            known = self._reference(instance) if instance[0] in self._referred else self._climbed(instance)
            self._instances[instance] = known
        return known

    def _reference(self, instance: _Instance) -> Term:
        node, context, _ = instance
        made = ref(
            node.name,
            lambda: self._unfold(instance),
            nullable=False,
            check=False,
            first=self.product.first_bytes(node, context),
            shortest=None if self.exact is not None else lambda alphabet: self._complete(instance, alphabet),
            texts=None if self.exact is None else lambda *asked: self._complete_guarded(instance, *asked),
            spelled=self.spells,
        )
        self._references[made] = instance
        return made

    def _complete(self, instance: _Instance, alphabet: int) -> bytes | None:
        with self.lock:
            return self._texts(alphabet).of(*instance)

    def spells(self, alphabet: int) -> bool:
        """Whether ``alphabet`` completes every word begun."""
        with self.lock:
            known = self._spelled.get(alphabet)
            if known is None:
                texts = None
                if self.exact is not None and are_separated(self.exact.scanning, self.product, alphabet):
                    texts = ShortestTexts(self.product, alphabet)  # what a guard forbids something ignored allows
                known = self._spelled[alphabet] = (texts or self._texts(alphabet)).always
            return known

    def _texts(self, alphabet: int) -> ShortestTexts:
        if self.exact is not None:
            return self.exact.shortest(alphabet)
        known = self._shortest.get(alphabet)
        if known is None:
            known = self._shortest[alphabet] = ShortestTexts(self.product, alphabet)
        return known

    def _complete_guarded(self, instance: _Instance, alphabet: int, forbidden: int) -> dict[int, bytes]:
        node, context, exits = instance
        contexts = self.product.contexts
        with self.lock:
            assert self.exact is not None
            ends = [contexts[end] for end in bits(exits)]
            return self.exact.texts(node.name, contexts[context], ends, alphabet, forbidden)

    def _unfold(self, instance: _Instance) -> Term:
        """The body, after the derivatives of all references that it may begin with, so that chains of rules are no
        chains of calls.
        """
        with self.lock:
            if instance not in self._unfolded:
                order: list[Term] = []
                work: list[tuple[_Instance, Term | None]] = [(instance, None)]
                while work:
                    one, done = work.pop()
                    if done is not None:
                        order.append(done)
                    elif one not in self._unfolded:
                        body = self._climbed(one) if one[0] in self._corners else self._body(*one, empty=False)
                        self._unfolded[one] = body
                        for leading in _leading(body):
                            inner = self._references.get(leading)
                            if inner is not None and inner not in self._unfolded:
                                work += [(inner, leading), (inner, None)]
                for one_before in order:
                    transitions(one_before)
            return self._unfolded[instance]

    # --- left recursion -----------------------------------------------------------------------------------------------

    def _climbed(self, instance: _Instance) -> Term:
        node, context, exits = instance
        corners = self._corners[node]
        begun: list[tuple[Node, Sequence | None, dict[_Rung, int]]] = []
        for head, rest, origin in corners.bases:
            by_rung: dict[_Rung, int] = {}
            for after in bits(self._exits_of(head, rest, context)):
                rung = self._rung(node, exits, origin, after)
                by_rung[rung] = by_rung.get(rung, 0) | 1 << after
            begun.append((head, rest, by_rung))
        ladder = self._ladder(node, exits, [rung for _, _, by_rung in begun for rung in by_rung])
        by_rest: dict[Term, list[Term]] = {}
        for head, rest, by_rung in begun:
            by_term: dict[Term, int] = {}
            for rung, afters in by_rung.items():
                by_term[ladder[rung]] = by_term.get(ladder[rung], 0) | afters
            for term, afters in by_term.items():
                if term is not EMPTY:
                    ways = list(self._ways(head, rest, context, afters))
                    for _, onward in ways:
                        if not isinstance(onward, Term):
                            self._sequence(onward)
                    by_rest.setdefault(term, []).append(self._joined(head, context, ways))
        return union(*[looped(union(*bases), rest) for rest, bases in by_rest.items()])

    def _exits_of(self, head: Node, rest: Sequence | None, context: int) -> int:
        """Where a non-empty word of ``head`` and then ``rest`` may end."""
        product = self.product
        found = 0
        for after in bits(product.exits(head, product.settle(head, context))):
            if rest is None or rest.nullable:
                found |= 1 << after
            if rest is not None:
                found |= product.exits(rest, product.settle(rest, after))
        return found

    def _rung(self, node: Nonterminal, exits: int, reached: Nonterminal, context: int) -> _Rung:
        corners = self._corners[node]
        climbs = []
        for rest, above in corners.climbs[reached]:
            begun = self.product.settle(rest, context)
            if self.product.exits(rest, begun):
                climbs.append((rest, begun, above))
        return node in corners.units[reached] and bool(exits >> context & 1), tuple(climbs)

    def _ladder(self, node: Nonterminal, exits: int, rungs: Iterable[_Rung]) -> dict[_Rung, Term]:
        """What completes ``node`` from each of ``rungs``; EMPTY where nothing does."""
        known = self._ladders.setdefault((node, exits), {})
        moves: dict[_Rung, dict[_Rung, dict[tuple[Sequence, int], int]]] = {}
        work = [rung for rung in rungs if rung not in known]
        while work:
            rung = work.pop()
            if rung in moves:
                continue
            row: dict[_Rung, dict[tuple[Sequence, int], int]] = {}
            for rest, begun, above in rung[1]:
                for after in bits(self.product.exits(rest, begun)):
                    target = self._rung(node, exits, above, after)
                    masks = row.setdefault(target, {})
                    masks[rest, begun] = masks.get((rest, begun), 0) | 1 << after
            moves[rung] = row
            work += row
        if moves:
            alive = reaching((rung for rung in moves if rung[0]), moves)
            ends: dict[_Rung, Term] = {rung: EPSILON if rung[0] else EMPTY for rung in alive}
            steps = {
                rung: {
                    target: union(*[self.words(rest, begun, mask) for (rest, begun), mask in masks.items()])
                    for target, masks in moves[rung].items()
                    if target in alive
                }
                for rung in alive
            }
            solved = solve(ends, steps, name=node.name, spelling=self.product.scanning.bytes_used)
            for rung in moves:
                known.setdefault(rung, solved.get(rung, EMPTY))
        return known

    def _find_corners(self, component: list[Nonterminal]) -> None:
        inside = set(component)
        bases: dict[tuple[Node, Sequence | None, Nonterminal], None] = {}
        steps: dict[Nonterminal, dict[tuple[Sequence, Nonterminal], None]] = {one: {} for one in component}
        units: dict[Nonterminal, dict[Nonterminal, None]] = {one: {} for one in component}
        for origin in component:
            for corner in _left_corners(origin):
                head, rest = corner.head, corner.rest
                if not isinstance(head, Nonterminal) or head not in inside:
                    bases[head, rest, origin] = None
                    continue
                if rest is not None:
                    steps[head][rest, origin] = None
                if rest is None or rest.nullable:
                    units[head][origin] = None
        if not any(units.values()) and not any(steps.values()):
            return
        closed: dict[Nonterminal, dict[Nonterminal, None]] = {}
        for one in component:
            reached = {one: None}
            work = [one]
            while work:
                for above in units[work.pop()]:
                    if above not in reached:
                        reached[above] = None
                        work.append(above)
            closed[one] = reached
        corners = _Corners(
            tuple(bases),
            {one: tuple(dict.fromkeys(step for at in closed[one] for step in steps[at])) for one in component},
            {one: frozenset(closed[one]) for one in component},
        )
        for one in component:
            self._corners[one] = corners

    # --- references ---------------------------------------------------------------------------------------------------

    def _find_referred(self) -> set[Nonterminal]:
        """Rules such that none contains itself but through one of them, and none grows large without them."""
        uses = {node: self._uses(node) for node in self.product.nonterminals.values()}
        referred: set[Nonterminal] = set()
        while True:
            cyclic = False
            order = components({node: used for node, used in uses.items() if node not in referred})
            for component in order:
                inside = set(component)
                counts = dict.fromkeys(component, 0)
                for node in component:
                    for used in uses[node]:
                        if used in inside:
                            counts[used] += 1
                if any(counts.values()):
                    cyclic = True
                    referred.add(max(component, key=lambda node: (node not in self._corners, counts[node])))
            if not cyclic:
                break
        weight: dict[Nonterminal, int] = {}
        nested: dict[Nonterminal, int] = {}
        for (node,) in order:
            inner = [used for used in uses[node] if used not in referred]
            weight[node] = sum(weight[used] for used in inner) + self._symbols(node)
            nested[node] = 1 + max((nested[used] for used in inner), default=0)
            if weight[node] > MOST_INLINED or nested[node] > MOST_NESTED:
                referred.add(node)
        return referred

    def _uses(self, node: Nonterminal) -> list[Nonterminal]:
        """The rules that the term of ``node`` is made of, as often as they occur."""
        corners = self._corners.get(node)
        family = [node] if corners is None else list(corners.units)
        found = []
        for one in family:
            for choice in one.choices:
                for i, symbol in enumerate(_symbols(choice)):
                    if isinstance(symbol, Nonterminal) and (i > 0 or corners is None or symbol not in corners.units):
                        found.append(symbol)
        return found

    def _symbols(self, node: Nonterminal) -> int:
        corners = self._corners.get(node)
        return sum(choice.length for one in ([node] if corners is None else corners.units) for choice in one.choices)


def _symbols(sequence: Sequence | None) -> Iterator[Node]:
    while sequence is not None:
        yield sequence.head
        sequence = sequence.rest


def _left_corners(node: Nonterminal) -> Iterator[Sequence]:
    """The alternatives of ``node`` from each symbol on that may be the first with text."""
    for choice in node.choices:
        at: Sequence | None = choice
        while at is not None:
            yield at
            at = at.rest if at.head.nullable else None


def _corner_graph(nodes: Iterable[Nonterminal]) -> dict[Nonterminal, list[Nonterminal]]:
    return {node: [at.head for at in _left_corners(node) if isinstance(at.head, Nonterminal)] for node in nodes}


def _leading(term: Term) -> list[Ref]:
    """The references that a word of ``term`` may begin with."""
    found: list[Ref] = []
    seen: set[Term] = set()
    work: list[Term] = [term]
    while work:
        one = work.pop()
        if one in seen:
            continue
        seen.add(one)
        if isinstance(one, Ref):
            found.append(one)
        elif isinstance(one, Concat):
            work.append(one.head)
            if one.head.nullable:
                work.append(one.tail)
        elif isinstance(one, Union):
            work += one.items
        elif isinstance(one, Repeat):
            work.append(one.item)
    return found
