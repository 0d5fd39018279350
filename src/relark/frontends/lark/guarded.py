"""Scanning where one byte tells what a match may not be followed by: such contexts become guards.

After a name no letter may follow; whether one does, the next byte says.  A guard behind the words says the same as a
context, so the context after them is that of the beginning, and a grammar needs no copies of its rules for it.  This is
right as long as what follows a guard is never all forbidden: where something ignored can always be written between two
terminals, or where the exact `product` has shown it.

Cost: that of `scanning`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property, reduce
from operator import or_

from relark.frontends.lark.grammar import Grammar
from relark.frontends.lark.lengths import ShortestTexts
from relark.frontends.lark.product import Inside, Product, bits
from relark.frontends.lark.scanning import Context, Reads, Scanner, Scanning
from relark.language import ALL, EMPTY, FULL, Completions, Term, byte_set, concat, guard, transitions, union
from relark.language.terms import Guard

__all__ = ["Exact", "GuardedScanning", "are_separated", "is_separated", "never_stuck", "unguarded"]


class GuardedScanning:
    """``scanning`` with guards in the place of contexts that one byte settles, for matches of ``begins``.

    ``guards``: the contexts that are gone, with the bytes that may not follow; none of ``kept`` is.
    """

    def __init__(self, scanning: Scanning, begins: Iterable[Scanner], kept: Iterable[Context] = ()) -> None:
        self.scanning = scanning
        self.begins = frozenset(begins)
        self.kept = frozenset(kept)
        self.start = scanning.start
        self.bytes_used = scanning.bytes_used
        self.guards: dict[Context, int] = {}
        self._reads: dict[tuple[Scanner, Context], Reads] = {}

    def guard(self, context: Context) -> int | None:
        """The bytes that may not follow ``context``; None if it takes more than that to say what may."""
        if context.after is ALL:
            return 0
        if context in self.kept:
            return None
        if context not in self.guards:
            mask = self.scanning.decided(context, self.begins)
            if mask is None:
                return None
            self.guards[context] = mask
        return self.guards[context]

    def left(self, context: Context) -> Context:
        """``context`` without what a guard says in its place."""
        return context if self.guard(context) is None else unguarded(context)

    def reads(self, scanner: Scanner, context: Context) -> Reads:
        """As `Scanning.reads`; words may end with guards."""
        key = scanner, context
        known = self._reads.get(key)
        if known is None:
            found: dict[tuple[str, Context], list[Term]] = {}
            for (label, after), words in self.scanning.reads(scanner, context).items():
                guarded = concat(words, guard(self.guard(after) or 0))
                found.setdefault((label, self.left(after)), []).append(guarded)
            known = self._reads[key] = {way: union(*words) for way, words in found.items()}
        return known

    def may_end(self, context: Context) -> bool:
        """Whether the text may end here."""
        return self.scanning.may_end(context)

    def settled(self, context: Context, scanners: Iterable[Scanner]) -> Context:
        """As `Scanning.settled`."""
        return self.scanning.settled(context, scanners)


def unguarded(context: Context) -> Context:
    """``context``, if anything may follow."""
    return Context(ALL, context.before)


class BegunScanning:
    """``scanning``, with more contexts: those in which anything may follow, but for some first bytes (`after`)."""

    def __init__(self, scanning: Scanning) -> None:
        self.scanning = scanning
        self.start = scanning.start
        self.bytes_used = scanning.bytes_used

    def after(self, context: Context, forbidden: int) -> Context:
        """``context``, in which anything may follow, if the next byte is not one of a mask."""
        return Context(guard(forbidden), context.before) if forbidden else context

    def reads(self, scanner: Scanner, context: Context) -> Reads:
        """As `Scanning.reads`."""
        if not isinstance(context.after, Guard):
            return self.scanning.reads(scanner, context)
        found = {}
        for way, words in self.scanning.reads(scanner, unguarded(context)).items():
            moves = [(mask & ~context.after.guard, target) for mask, target in transitions(words)]
            left = union(*[concat(byte_set(mask), target) for mask, target in moves])
            if left is not EMPTY:
                found[way] = left
        return found

    def may_end(self, context: Context) -> bool:
        """Whether the text may end here."""
        return isinstance(context.after, Guard) or self.scanning.may_end(context)

    def settled(self, context: Context, scanners: Iterable[Scanner]) -> Context:
        """As `Scanning.settled`."""
        return context if isinstance(context.after, Guard) else self.scanning.settled(context, scanners)


class Exact:
    """The product of a grammar with the contexts themselves, for what guards cannot say: made when it is asked."""

    def __init__(self, grammar: Grammar, scanning: GuardedScanning, inside: Inside | None = None) -> None:
        self.grammar, self.scanning, self.inside = grammar, scanning, inside
        self._begun = BegunScanning(scanning.scanning)
        self._shortest: dict[int, ShortestTexts] = {}

    @cached_property
    def product(self) -> Product:
        """The product."""
        product = Product(self.grammar, self._begun, self.inside)
        product.find_exits()
        return product

    def _enter(self) -> None:
        """Look into all rules after all guards, so that shortest texts are searched for once."""
        for begun in dict.fromkeys(self._begun.after(unguarded(c), mask) for c, mask in self.scanning.guards.items()):
            number = self.product.number(begun)
            for node in self.product.nonterminals.values():
                self.product.exits(node, self.product.settle(node, number))

    def shortest(self, alphabet: int) -> ShortestTexts:
        """The shortest texts over ``alphabet``."""
        if not self._shortest:
            self._enter()
        known = self._shortest.get(alphabet)
        if known is None:
            known = self._shortest[alphabet] = ShortestTexts(self.product, alphabet)
        return known

    def texts(
        self, name: str, context: Context, exits: Collection[Context], alphabet: int, forbidden: int
    ) -> dict[int, bytes]:
        """Shortest words of a rule over ``alphabet`` without a ``forbidden`` first byte, by the guard that they leave.

        From ``context`` to one of ``exits``, both of the `GuardedScanning`.
        """
        product = self.product
        self.shortest(alphabet)
        node = product.nonterminals[name]
        begun = self._begun.after(context, forbidden) if context.after is ALL else context
        at = product.settle(node, product.number(begun))
        if at not in node.entries:
            self._shortest.clear()
        ends = product.exits(node, at)
        shortest = self.shortest(alphabet)
        by_guard: dict[int, int] = {}
        for end in bits(ends):
            left = product.contexts[end]
            mask = self.scanning.guard(left)
            if self.scanning.left(left) in exits:
                by_guard[mask or 0] = by_guard.get(mask or 0, 0) | 1 << end
        found = {mask: shortest.of(node, at, some) for mask, some in by_guard.items()}
        return {mask: text for mask, text in found.items() if text is not None}


def never_stuck(scanning: GuardedScanning, guarded: Product, exact: Exact) -> bool:
    """Whether after each guard something may follow that can be completed.

    ``guarded``: the product of the grammar with ``scanning``, where all exits of the text have been found; ``exact`` is
    asked only where there is not always something to be ignored.
    """
    return are_separated(scanning, guarded) or _goes_on(exact.product)


def are_separated(scanning: GuardedScanning, guarded: Product, alphabet: int = FULL) -> bool:
    """Whether after each guard all terminals may follow, or something ignored over ``alphabet``, and then they all."""
    completions = None if alphabet == FULL else Completions(alphabet)
    return all(
        is_separated(scanning, guarded, context, completions) for context, mask in scanning.guards.items() if mask
    )


def is_separated(
    scanning: GuardedScanning,
    product: Product,
    context: Context,
    completions: Completions | None = None,
    *,
    also: int = 0,
) -> bool:
    """Whether all terminals may follow ``context``, or something ignored, and all terminals that.

    With ``completions``: something ignored that its alphabet writes.  ``also``: more bytes that may have to follow.
    """
    tokens = product.tokens.values()
    first = reduce(or_, (product.first_bytes(token, product.start) for token in tokens), also)

    def is_free(after: Context) -> bool:
        if (scanning.guard(after) or 0) & first:
            return False
        number = product.number(scanning.left(after))
        return all(product.settle(token, number) == product.settle(token, product.start) for token in tokens)

    if is_free(context):
        return True
    for scanner, wanted in () if product.gap is None else product.gap.labels:
        for (label, after), words in scanning.scanning.reads(scanner, context).items():
            if label == wanted and is_free(after) and (completions is None or completions.shortest(words) is not None):
                return True
    return False


def _goes_on(product: Product) -> bool:
    """Whether no exit of the first part of a sequence is one from which the rest has no words."""
    if product.find_exits() & ~product.ends:
        return False
    for node in product.sequences():
        rest = node.rest
        if rest is None or rest.nullable:
            continue
        for context in list(node.entries):
            for after in bits(product.exits(node.head, product.settle(node.head, context))):
                if not product.exits(rest, product.settle(rest, after)):
                    return False
    for gap in (product.gap, product.tail):
        for moves in () if gap is None else gap.moves.values():
            if any(map(product.is_last, moves)):
                return False
    return True
