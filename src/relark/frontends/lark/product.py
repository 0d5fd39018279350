"""The product of a grammar with the contexts that its texts are cut in: which symbols lead from where to where.

The rules, and what terminals say of the text around them, are one context-free grammar whose symbols are pairs of
contexts (Bar-Hillel, Perles, Shamir 1961).  A `Node` is a symbol or the rest of an alternative; its *exits* from a
context are the contexts in which its non-empty words may end.  They are a least fixpoint, found by tabulation from the
start of the text, so a node without exits has no words there, and whatever has exits can be completed.

Ignored text belongs to the terminal before it; `Product.gap` stands for what is ignored before the first.  Where no
terminal can follow any more (in a comment that the end of the line must end), a context is *last*; what is ignored to
get there belongs to nothing but the text, `Product.tail`, so that rules need not tell whether the text ends with them.

    product = Product(grammar, scanning)
    product.exits(product.text, product.start)  # a set of contexts as a mask: bit i for `product.contexts[i]`

Cost: a few microseconds for each node, context and exit; some 50 ms for a grammar of 200 rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Protocol, TypeAlias

from relark.frontends.lark.grammar import Grammar, Symbol
from relark.frontends.lark.lexers import basic_scanner, is_ignored
from relark.frontends.lark.rules import (
    by_origin,
    first_terminals,
    nullable,
    useful,
    with_options,
    without_ladders,
)
from relark.frontends.lark.scanning import Context, Reads, Scanner
from relark.language import Term, union

__all__ = ["Entry", "Gap", "Inside", "Node", "Nonterminal", "Product", "Sequence", "Token", "bits"]

Moves = Mapping[int, Term]  # what leads to each context


class Cutting(Protocol):
    """How texts are cut: a `Scanning`, or something like it."""

    @property
    def start(self) -> Context: ...
    @property
    def bytes_used(self) -> int: ...
    def reads(self, scanner: Scanner, context: Context) -> Reads: ...
    def may_end(self, context: Context) -> bool: ...
    def settled(self, context: Context, scanners: Iterable[Scanner]) -> Context: ...


class Node:
    """What can be read from a context.

    ``nullable``: whether nothing is a way to read it.  ``first``: the terminals that words may begin with.
    """

    __slots__ = ("begins", "entries", "first", "name", "nullable", "settled")

    def __init__(self, name: str, *, nullable: bool) -> None:
        self.name, self.nullable = name, nullable
        self.first: frozenset[Token | Gap] = frozenset()
        self.begins: frozenset[Scanner] = frozenset()
        self.settled: dict[int, int] = {}
        self.entries: dict[int, Entry] = {}

    def __repr__(self) -> str:
        return self.name


class Token(Node):
    """A terminal, which the ``scanner`` calls ``label``, and what is ignored after it, the ``gap``."""

    __slots__ = ("gap", "label", "moves", "scanner")

    def __init__(self, name: str, scanner: Scanner, label: str, gap: Gap | None) -> None:
        super().__init__(name, nullable=False)
        self.scanner, self.label, self.gap = scanner, label, gap
        self.moves: dict[int, Moves] = {}


class Gap(Node):
    """Any number of ignored matches; after the first, those to last contexts only, if it ``ends`` the text."""

    __slots__ = ("ends", "labels", "moves")

    def __init__(self, labels: tuple[tuple[Scanner, str], ...], *, ends: bool) -> None:
        super().__init__("ignored", nullable=True)
        self.labels, self.ends = labels, ends
        self.first = frozenset({self})
        self.begins = frozenset(scanner for scanner, _ in labels)
        self.moves: dict[int, Moves] = {}


class Nonterminal(Node):
    """A rule: one of its ``choices``, or nothing."""

    __slots__ = ("choices",)
    choices: tuple[Sequence, ...]


class Sequence(Node):
    """``head``, then ``rest``: an alternative from one of its symbols on.  Equal ones are one object."""

    __slots__ = ("head", "length", "rest")

    def __init__(self, head: Node, rest: Sequence | None) -> None:
        super().__init__(
            head.name if rest is None else f"{head.name} {rest.name}",
            nullable=head.nullable and (rest is None or rest.nullable),
        )
        self.head, self.rest = head, rest
        self.length: int = 1 if rest is None else rest.length + 1
        self.first = head.first | rest.first if head.nullable and rest is not None else head.first


class Entry:
    """A node at a context.

    ``exits``      in which its non-empty words may end
    ``listeners``  what such words are the beginning of
    ``behind``     what such words are the end of, after another beginning
    """

    __slots__ = ("behind", "exits", "listeners")

    def __init__(self) -> None:
        self.exits = 0
        self.listeners: dict[_Listener, None] = {}
        self.behind: dict[Entry, None] = {}


# Words of an entry are words of the first, if the flag says so; and so they are if words of the second follow them,
# from where they end.
_Listener: TypeAlias = "tuple[Entry, Sequence | None, bool]"


def bits(mask: int) -> Iterator[int]:
    """The contexts in a set of them."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


@dataclass(frozen=True, slots=True)
class Inside:
    """Terminals after which a line break is ignored, too: their ``labels``, by name, and that of a line break."""

    labels: Mapping[str, str]
    newline: str


class Product:
    """The nodes of one grammar.

    ``text`` is the whole text, which begins in the context ``start``; ``ends`` is the set of contexts in which a text
    may end.  Contexts are numbers, indices of ``contexts``; sets of them are masks.  Not thread-safe.
    """

    def __init__(self, grammar: Grammar, scanning: Cutting, inside: Inside | None = None) -> None:
        self.scanning = scanning
        self.contexts: list[Context] = []
        self._numbers: dict[Context, int] = {}
        self.start = self.number(scanning.start)
        self._sequences: dict[tuple[Node, Sequence | None], Sequence] = {}
        self._news: list[tuple[int, _Listener]] = []  # exits that a listener has not been told of
        self._past: dict[tuple[Gap, int], int] = {}
        self._last: dict[int, bool] = {}
        self._alike: dict[tuple[frozenset[Token | Gap], frozenset[object]], int] = {}  # contexts by first matches
        rules = without_ladders(useful(grammar.rules, grammar.start))
        self.rules = with_options(useful(rules, grammar.start))
        self.ignored = frozenset(grammar.ignored)
        self.whole = basic_scanner(grammar) if grammar.lexer == "basic" else None
        self.complete = grammar.lexer == "dynamic_complete"
        labels = self._ignored_labels(grammar)
        self.gap = Gap(labels, ends=False) if labels else None
        self.tail = Gap(labels, ends=True) if labels else None
        self._inside = inside
        self.inner: Gap | None = None
        if inside is not None and self.whole is not None:
            self.inner = Gap((*labels, (self.whole, inside.newline)), ends=False)
        self.nonterminals: dict[str, Nonterminal] = {}
        self.tokens: dict[str, Token] = {}
        self.text = self._read(grammar.start)

    # --- nodes --------------------------------------------------------------------------------------------------------

    def _read(self, start: str) -> Sequence | None:
        """Make the nodes; the whole text, None if there is no rule to start with."""
        empty, first = nullable(self.rules), first_terminals(self.rules)
        alternatives = by_origin(self.rules)
        if start not in alternatives:
            return None
        for name in alternatives:
            self.nonterminals[name] = Nonterminal(name, nullable=name in empty)
        for name, node in self.nonterminals.items():
            node.first = frozenset(map(self._token, first[name]))
            node.begins = self._begins(node)
        for name, rules in alternatives.items():
            made = dict.fromkeys(self._sequence(rule.expansion) for rule in rules)
            self.nonterminals[name].choices = tuple(choice for choice in made if choice is not None)
        if self.gap is None or self.tail is None:
            return self._join(self.nonterminals[start], None)
        return self._join(self.gap, self._join(self.nonterminals[start], self._join(self.tail, None)))

    def _sequence(self, symbols: tuple[Symbol, ...]) -> Sequence | None:
        """Without rules that have only the empty word; None if that leaves nothing."""
        found: Sequence | None = None
        for symbol in reversed(symbols):
            node = self._token(symbol.name) if symbol.is_terminal else self.nonterminals[symbol.name]
            if node.first:
                found = self._join(node, found)
        return found

    def _join(self, head: Node, rest: Sequence | None) -> Sequence:
        key = head, rest
        known = self._sequences.get(key)
        if known is None:
            known = self._sequences[key] = Sequence(head, rest)
            known.begins = self._begins(known)
        return known

    def _token(self, name: str) -> Token:
        known = self.tokens.get(name)
        if known is None:
            scanner = self.whole or Scanner((name,), complete=self.complete)
            inner = self._inside is not None and name in self._inside.labels
            label = self._inside.labels[name] if self._inside is not None and inner else name
            known = self.tokens[name] = Token(name, scanner, label, self.inner if inner else self.gap)
            known.first, known.begins = frozenset({known}), frozenset({scanner})
        return known

    def _ignored_labels(self, grammar: Grammar) -> tuple[tuple[Scanner, str], ...]:
        if self.whole is None:
            return tuple((Scanner((name,)), name) for name in grammar.ignored)
        whole = self.whole
        return tuple((whole, name) for name in grammar.ignored if is_ignored(whole, name, self.ignored))

    @staticmethod
    def _begins(node: Node) -> frozenset[Scanner]:
        return frozenset(scanner for one in node.first for scanner in one.begins)

    def sequences(self) -> list[Sequence]:
        """All of them."""
        return list(self._sequences.values())

    # --- contexts -----------------------------------------------------------------------------------------------------

    def number(self, context: Context) -> int:
        """The number of ``context``."""
        number = self._numbers.get(context)
        if number is None:
            number = self._numbers[context] = len(self.contexts)
            self.contexts.append(context)
        return number

    @property
    def ends(self) -> int:
        """The contexts, of all that were met, in which a text may end."""
        return sum(1 << i for i, context in enumerate(self.contexts) if self.scanning.may_end(context))

    def find_exits(self) -> int:
        """All contexts to which some text leads that is not empty; with them, those of all rules that it uses."""
        return 0 if self.text is None else self.exits(self.text, self.settle(self.text, self.start))

    @property
    def text_exits(self) -> int:
        """The contexts in which a text that is not empty may end."""
        return self.find_exits() & self.ends

    def settle(self, node: Node, context: int) -> int:
        """The context that stands for ``context`` if a word of ``node`` follows."""
        known = node.settled.get(context)
        if known is None:
            known = self.number(self.scanning.settled(self.contexts[context], node.begins))
            if known != context:
                known = self.settle(node, known)
            else:  # what the first match does not tell apart is the same, too
                if context != self.start:
                    self.settle(node, self.start)
                told = frozenset(
                    self.moves(node, context).items()
                    if isinstance(node, Token | Gap)
                    else ((one, self.settle(one, context)) for one in node.first)
                )
                known = self._alike.setdefault((node.first, told), context)
            node.settled[context] = known
        return known

    def moves(self, node: Token | Gap, context: int) -> Moves:
        """The words of one match, before what is ignored after it, by the context they lead to; ``context`` settled."""
        known = node.moves.get(context)
        if known is None:
            labels = node.labels if isinstance(node, Gap) else ((node.scanner, node.label),)
            found: dict[int, list[Term]] = {}
            for scanner, wanted in labels:
                for (label, after), words in self.scanning.reads(scanner, self.contexts[context]).items():
                    if label == wanted and (isinstance(node, Gap) or not self._is_dropped(scanner, label)):
                        found.setdefault(self.number(after), []).append(words)
            known = node.moves[context] = {
                after: union(*words)
                for after, words in found.items()
                if not (isinstance(node, Gap) and node.ends) or self.is_last(after)
            }
        return known

    def is_last(self, context: int) -> bool:
        """Whether no terminal that is not ignored can follow."""
        known = self._last.get(context)
        if known is None:
            known = not any(self.moves(token, self.settle(token, context)) for token in self.tokens.values())
            self._last[context] = known
        return known

    def _is_dropped(self, scanner: Scanner, label: str) -> bool:
        return scanner is self.whole and is_ignored(scanner, label, self.ignored)

    def first_bytes(self, node: Node, context: int) -> int:
        """A superset of the bytes that words of ``node`` begin with, as a 256-bit mask."""
        mask = 0
        for one in node.first:
            for words in self.moves(one, self.settle(one, context)).values():
                mask |= words.first
        return mask

    def past_gap(self, gap: Gap | None, context: int) -> int:
        """The contexts after ``context`` and any number of matches that ``gap`` ignores, none included."""
        here = 1 << context
        return here if gap is None else here | self._gap_exits(gap, self.settle(gap, context))

    # --- exits --------------------------------------------------------------------------------------------------------

    def exits(self, node: Node, context: int) -> int:
        """The contexts in which a non-empty word of ``node`` may end that begins in ``context``, which is settled."""
        entry = node.entries.get(context)
        if entry is None:
            entry = self._enter(node, context)
            while self._news:
                fresh, listener = self._news.pop()
                self._tell(fresh, listener)
        return entry.exits

    def _enter(self, node: Node, context: int) -> Entry:
        """The entry, new or not; what its exits depend on is entered as well, and listened to."""
        known = node.entries.get(context)
        if known is not None:
            return known
        entry = node.entries[context] = Entry()
        work: list[tuple[Node, int]] = [(node, context)]
        while work:
            one, at = work.pop()
            target = one.entries[at]
            heard: list[tuple[Node, _Listener]] = []
            if isinstance(one, Gap):
                self._add(target, self._gap_exits(one, at))
            elif isinstance(one, Token):
                self._add(target, reduce(or_, [self.past_gap(one.gap, after) for after in self.moves(one, at)], 0))
            elif isinstance(one, Nonterminal):
                heard += [(choice, (target, None, True)) for choice in one.choices]
            elif isinstance(one, Sequence):
                rest = one.rest
                heard.append((one.head, (target, rest, rest is None or rest.nullable)))
                if one.head.nullable and rest is not None:
                    heard.append((rest, (target, None, True)))
            for source, listener in heard:
                begun = self.settle(source, at)
                if begun not in source.entries:
                    source.entries[begun] = Entry()
                    work.append((source, begun))
                self._listen(source.entries[begun], listener)
        return entry

    def _listen(self, entry: Entry, listener: _Listener) -> None:
        if listener not in entry.listeners:
            entry.listeners[listener] = None
            if entry.exits:
                self._news.append((entry.exits, listener))

    def _tell(self, fresh: int, listener: _Listener) -> None:
        target, rest, ends = listener
        if ends:
            self._add(target, fresh)
        if rest is not None:
            for context in bits(fresh):
                after = self._enter(rest, self.settle(rest, context))
                if target not in after.behind:
                    after.behind[target] = None
                    self._add(target, after.exits)

    def _add(self, entry: Entry, exits: int) -> None:
        fresh = exits & ~entry.exits
        if fresh:
            entry.exits |= fresh
            self._news += [(fresh, listener) for listener in entry.listeners]
            self._news += [(fresh, (target, None, True)) for target in entry.behind]

    def _gap_exits(self, gap: Gap, context: int) -> int:
        known = self._past.get((gap, context))
        if known is None:
            known = 0
            seen: set[int] = set()
            work = [context]
            while work:
                for after in self.moves(gap, work.pop()):
                    if after not in seen:
                        seen.add(after)
                        work.append(self.settle(gap, after))
                        if self.is_last(after) == gap.ends:
                            known |= 1 << after
            self._past[gap, context] = known
        return known
