"""Terms: languages (sets of byte strings) as small immutable trees.

A term is built only through the smart constructors of this module (`byte_set`, `concat`, `union`, ...), which keep a
normal form: concatenation is right-nested, unions and intersections are flat and sorted, common heads and tails are
factored, repeats of repeats are merged, and what is obviously empty is `EMPTY`.  Terms are interned: two terms of
the same form are the same object, so ``is`` compares and every cache is keyed by identity.  The normal form is what
keeps the number of derivatives of a regular term finite and small (Brzozowski 1964; Owens, Reppy, Turon,
"Regular-expression derivatives re-examined", JFP 2009).

Every term knows, from construction, whether it contains the empty string (`nullable`), which bytes may come first
(`first`, a superset where intersections are involved), how deeply heads nest in it (`depth`), and some `flags`.
Derivatives are in `derivative`, shortest members and emptiness in `completion`, lookarounds in `lookaround`.

Cost: construction is a few microseconds; a union of n members costs O(n).  Cannot do: names of characters, tokens,
anything about text; that is for the layers above.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from relark.caches import Cache
from relark.errors import UnsupportedError

FULL = (1 << 256) - 1  # the mask of all bytes
# Printable ASCII and the rests of longer characters: enough to complete whatever JSON text was begun, because strings
# may be escaped.
SPELLING = sum(1 << byte for byte in (*range(0x20, 0x7F), *range(0x80, 0xC0)))
MAX_DEPTH = 240  # nested operators; keeps every recursion over heads far from Python's own limit
MAX_START_DEPTH = 120  # of a constraint: derivatives may nest deeper than what they are derived from, up to twice

# Flags: facts that hold of a term when they hold of one of its parts.
CHECK = 1  # may be empty without being EMPTY: contains an intersection, complement, scope or leaf
LAZY = 2  # contains a leaf that is asked byte by byte
AHEAD = 4  # contains a zero-width part that looks at what follows (open: not inside a scope)
BEHIND = 8  # contains a zero-width part that looks at what precedes (open)
PREFIX_FREE = 16  # (a fact about the whole term) no word is a proper prefix of another
GUARD = 32  # contains a guard, or a reference to a rule with some (open: not inside a seal)
COSTLY = 64  # contains a leaf whose derivatives are dear (`Leaf.is_costly`): only those that are needed are taken
LOOK = AHEAD | BEHIND
_INHERITED = CHECK | LAZY | LOOK | GUARD | COSTLY


class Term:
    """A language.  Immutable, interned; compare with ``is``.

    ``guard``: where the term matches the empty string, the bytes that may then not follow.
    """

    __slots__ = ("__weakref__", "alive", "depth", "first", "flags", "guard", "length", "nullable", "uid")

    nullable: bool
    guard: int
    first: int
    flags: int
    depth: int
    uid: int
    length: int | None  # a lower bound of the bytes of a member, once asked for (completion.py)
    alive: bool | None  # whether there is a member at all, once known (completion.py)

    def _setup(self, nullable: bool, first: int, flags: int, depth: int, guard: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise UnsupportedError(f"operators nest more than {MAX_DEPTH} deep; flatten the pattern or name its parts")
        self.nullable, self.first, self.flags, self.depth, self.guard = nullable, first, flags, depth, guard
        self.uid = next(_uids)
        self.length = None
        self.alive = None

    def __repr__(self) -> str:
        from relark.language.show import show

        return show(self)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("terms are not pickled; pickle the pattern or schema that they were made from")


class Empty(Term):
    """No string at all."""

    __slots__ = ()


class Epsilon(Term):
    """The empty string only."""

    __slots__ = ()


class ByteSet(Term):
    """One byte out of ``mask`` (bit b set: byte b)."""

    __slots__ = ("mask",)
    mask: int


class Concat(Term):
    """``head`` then ``tail``; the head is never itself a Concat, so the tail is the stack of what is still to come."""

    __slots__ = ("head", "tail")
    head: Term
    tail: Term


class Union(Term):
    """At least two ``items``, sorted by age; never holds Epsilon (that is ``Repeat(x, 0, 1)``)."""

    __slots__ = ("items",)
    items: tuple[Term, ...]


class Intersection(Term):
    """At least two ``items``, sorted by age."""

    __slots__ = ("items",)
    items: tuple[Term, ...]


class Complement(Term):
    """Every byte string that is not in ``item``."""

    __slots__ = ("item",)
    item: Term


class Repeat(Term):
    """``lo`` to ``hi`` times ``item``; ``hi`` is None for no limit."""

    __slots__ = ("hi", "item", "lo")
    item: Term
    lo: int
    hi: int | None


class Ref(Term):
    """A named rule, unfolded when it is first needed: recursion.

    Two references are equal only if they are the same object.  The maker vouches that unfolding makes progress (no left
    recursion) and that ``nullable`` is right, because neither can be seen without unfolding.
    """

    __slots__ = ("_keep", "_resolve", "_term", "name", "shortest", "spelled", "texts")
    name: str
    shortest: Callable[[int], bytes | None] | None
    texts: Callable[[int, int], Mapping[int, bytes]] | None
    spelled: Callable[[int], bool]
    _keep: bool
    _resolve: Callable[[], Term] | None
    _term: Term | None

    @property
    def term(self) -> Term:
        """The rule's right-hand side."""
        term = self._term if self._keep else _unfoldings.get(self)
        if term is None:
            assert self._resolve is not None
            term = self._resolve()
            if self._keep:
                self._term, self._resolve = term, None
            else:
                _unfoldings.put(self, term)
        return term


class Guard(Term):
    """Zero-width: the next byte is not in ``guard``; the end of the text is fine.

    It is what a match of a terminal leaves behind where it would have been longer, had such a byte followed.  Unlike a
    lookahead it is settled by one byte, so terms with guards stay plain.
    """

    __slots__ = ()


class Sealed(Term):
    """``item`` as a language of its own: what follows it is none of its guards' business."""

    __slots__ = ("item",)
    item: Term


@dataclass(frozen=True, eq=False, slots=True)
class Cut:
    """Words of ``head``, each followed by what depends on it.

    ``head``: without the LAZY flag; no word of it is a proper prefix of another.  ``then``: what follows a word, EMPTY
    if that is none.  It is ``usual`` and something more, never nothing, for every word for which ``is_usual``.
    Completing that more takes no more bytes than completing ``after``, but for ``slack``; after another beginning,
    ``slack`` more bytes lead to a usual word.  ``unusual``: all words that are not usual and have no byte of the mask
    ``asked``; None where they are not known.
    """

    head: Term
    usual: Term
    is_usual: Callable[[bytes], bool]
    then: Callable[[bytes], Term]
    after: Term
    slack: int
    unusual: Collection[bytes] | None = None
    asked: int = 0


class Words:
    """A sequence of words that many leaves choose from; ``==`` means the same words.  Immutable and hashable."""

    __slots__ = ()

    def __len__(self) -> int:
        raise NotImplementedError

    def word(self, index: int) -> bytes | Term:
        """One of them, not empty; several that mean the same as a term without the LAZY flag."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """Some of ``words``, as a bit set of their indices, each followed by what depends on it.

    ``then``: what follows a word, by its index; the empty string does not, and for each word that is chosen there is
    something that may.  No word is a proper prefix of another.
    """

    words: Words
    chosen: int
    then: Callable[[int], Term]


class Leaf:
    """A language that is not a term itself but joins the algebra: derive from this, immutable and hashable.

    ``==`` must mean "the same state".  ``derive`` answers EMPTY where nothing may follow.
    """

    __slots__ = ()

    @property
    def nullable(self) -> bool:
        """Whether the empty string is in the language."""
        raise NotImplementedError

    @property
    def min_length(self) -> int:
        """A lower bound, in bytes, of the length of every member; cheap."""
        return 0 if self.nullable else 1

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        """Upper bounds in bytes over ``alphabet``: of a shortest member, and of one of any derivative by up to
        ``within`` bytes of it (None: by any bytes, of the alphabet or not).

        None where they are not cheaply known.
        """
        return None

    def derive(self, byte: int) -> Term:
        """What may follow ``byte``."""
        raise NotImplementedError

    def classes(self) -> tuple[int, ...] | None:
        """Disjoint 256-bit masks of bytes that behave alike; bytes outside all of them are dead.

        None where that is not cheaply known: then `derive` is asked byte by byte, only for bytes that a token
        really offers.
        """
        return None

    def first(self) -> int | None:
        """A superset of the bytes that may come first, where that is cheaper to say than `classes`; these are then not
        None.
        """
        return None

    def parts(self) -> list[tuple[Term, int]] | None:
        """The language up to where the leaf is needed: plain terms, each with a mask of the bytes that may leave it.

        A string leads to a live state if it leads to one of a part, or if, from a nullable state of a part, the
        next byte is in the part's mask and the leaf says so.  None where that is not known.
        """
        return None

    def unfolded(self) -> Term | None:
        """The same language as a term of smaller parts; None where there is no such term."""
        return None

    def cuts(self) -> list[Cut] | None:
        """The same language cut in two, where what follows depends on what was read; None where that is not known.

        Where a leaf has both, cuts are used rather than `parts`.
        """
        return None

    def choice(self) -> Choice | None:
        """The same language as words out of a list, each with what follows it; None where that is not known."""
        return None

    def price(self, alphabet: int, spell: Callable[[bytes], int]) -> int:
        """With `parts`: what completes the text after one more word that stays inside a part, at most.

        In words, of which each byte of ``alphabet`` is one; ``spell`` gives the number of words that a text takes.
        """
        raise NotImplementedError

    def shortest(self, alphabet: int) -> bytes | None:
        """A shortest member over the bytes of ``alphabet`` (256-bit mask); None where none was found."""
        raise NotImplementedError

    def is_spelled(self, alphabet: int) -> bool:
        """Whether every live state that bytes of ``alphabet`` lead to, this one too, has a member over it.

        A promise, given without a search: False where that is not certain.  JSON leaves give it (see `SPELLING`).
        """
        return False

    @property
    def is_costly(self) -> bool:
        """Whether a derivative takes so long that it is better not taken by every byte of `classes` at once."""
        return False

    @property
    def may_be_empty(self) -> bool:
        """Whether `is_empty` needs to be asked at all."""
        return False

    def is_empty(self) -> bool:
        """Whether there is no member."""
        return False

    def clamp(self, term: Term, limit: int) -> Term:
        """A term for ``term``, which is this leaf, with counts cut at ``limit``: see `derivative.clamp`."""
        return term

    def is_prefix_free(self) -> bool:
        """Whether no member is a proper prefix of another; False where that is not cheaply known."""
        return False


class LeafTerm(Term):
    """A `Leaf` as a term."""

    __slots__ = ("leaf",)
    leaf: Leaf


class Ahead(Term):
    """Zero-width: what follows, to the end of the scope, is (not, if ``negative``) in ``rest``."""

    __slots__ = ("negative", "rest")
    rest: Term
    negative: bool


class Behind(Term):
    """Zero-width: what precedes, from the start of the scope, is (not) in ``before``.

    ``threads``: what is left of ``before`` after the bytes read so far, each with an obligation on what follows
    (ALL, unless ``before`` itself looks ahead).
    """

    __slots__ = ("negative", "threads")
    threads: tuple[tuple[Term, Term], ...]
    negative: bool


class Atomic(Term):
    """The preferred match of an ordered regex (`ordered`), whatever follows it."""

    __slots__ = ("threads",)
    threads: tuple[Any, ...]  # stacks of `ordered`


class Scope(Term):
    """A regex with zero-width parts, closed: its start and end are the start and end of the text they see."""

    __slots__ = ("item",)
    item: Term


walks = 0  # how many walks of LAZY terms have begun: leaves that limit their time start counting anew with each
_uids = itertools.count()
_lock = threading.RLock()  # re-entrant: a weak reference's callback may run while it is held
_interned: dict[Hashable, _Interned] = {}
T = TypeVar("T", bound=Term)


class _Interned(weakref.ref[Term]):
    __slots__ = ("key",)
    key: Hashable


def _forget(reference: weakref.ref[Term]) -> None:
    key = reference.key  # type: ignore[attr-defined]
    with _lock:
        if _interned.get(key) is reference:
            del _interned[key]


def _intern(key: Hashable, make: Callable[[], T]) -> T:
    reference = _interned.get(key)
    if reference is not None:
        term = reference()
        if term is not None:
            return term  # type: ignore[return-value]
    return _enter(key, make())


def _enter(key: Hashable, made: T) -> T:
    """The one term of this key: ``made``, unless another thread was faster."""
    new = _Interned(made, _forget)
    new.key = key
    reference = _interned.setdefault(key, new)  # atomic
    if reference is not new:
        with _lock:
            found = _interned.get(key)
            if found is not None:
                term = found()
                if term is not None:
                    return term  # type: ignore[return-value]
            _interned[key] = new
    return made


_unfoldings: Cache[Ref, Term] = Cache("unfoldings", share=0.03, cost=lambda key, value: 3000)
_unions: Cache[tuple[frozenset[Term], bool], Term] = Cache(
    "unions", share=0.02, cost=lambda key, value: 450 + 60 * len(key[0])
)


def interned_count() -> int:
    """How many terms are alive."""
    return len(_interned)


# --- the constants --------------------------------------------------------------------------------

EMPTY = Empty()
EMPTY._setup(False, 0, PREFIX_FREE, 0)
EPSILON = Epsilon()
EPSILON._setup(True, 0, PREFIX_FREE, 0)


def byte_set(mask: int) -> Term:
    """One byte out of ``mask``, an int whose bit b stands for byte b."""
    if not mask:
        return EMPTY

    def make() -> ByteSet:
        term = ByteSet()
        term.mask = mask
        term._setup(False, mask, PREFIX_FREE, 0)
        return term

    return _intern(mask, make)


def guard(mask: int) -> Term:
    """Zero-width: the next byte is not in ``mask``; see `Guard`."""
    if not mask:
        return EPSILON

    def make() -> Guard:
        term = Guard()
        term._setup(True, 0, GUARD, 0, mask)
        return term

    return _intern((Guard, mask), make)


def sealed(term: Term) -> Term:
    """``term`` without guards that look beyond its end; to be combined with any other."""
    if not term.flags & GUARD:
        return term
    if isinstance(term, Guard):
        return EPSILON

    def make() -> Sealed:
        node = Sealed()
        node.item = term
        node._setup(term.nullable, term.first, term.flags & _INHERITED & ~GUARD, term.depth + 1)
        return node

    return _intern((Sealed, term), make)


def literal(data: bytes) -> Term:
    """Exactly ``data``."""
    return concat(*[byte_set(1 << b) for b in data])


# --- concatenation --------------------------------------------------------------------------------


def concat(*terms: Term) -> Term:
    """The terms one after the other."""
    result: Term = EPSILON
    for term in reversed(terms):
        result = _then(term, result)
    return result


def _then(first: Term, rest: Term) -> Term:
    """concat(first, rest), unrolling the spine of ``first`` without recursion."""
    if first is EMPTY or rest is EMPTY:
        return EMPTY
    if not isinstance(first, Concat):
        return _cons(first, rest)
    if rest is EPSILON:
        return first
    heads: list[Term] = []
    while isinstance(first, Concat):
        heads.append(first.head)
        first = first.tail
    result = _cons(first, rest)
    for head in reversed(heads):
        result = _cons(head, result)
    return result


def _cons(head: Term, tail: Term) -> Term:
    key = head, tail
    reference = _interned.get(key)
    if reference is not None:
        known = reference()
        if known is not None:  # what was once found to need no other form
            return known
    if head is EPSILON or tail is EMPTY:  # which a guard may have made of it
        return tail
    if tail is EPSILON:
        return head
    next_head, rest = (tail.head, tail.tail) if isinstance(tail, Concat) else (tail, EPSILON)
    if isinstance(head, Guard):
        if isinstance(next_head, Guard):
            return _cons(guard(head.guard | next_head.guard), rest)
        if not tail.nullable and not tail.first & ~head.guard:
            return EMPTY
        if not tail.first & head.guard and (not tail.nullable or not head.guard & ~tail.guard):
            return tail
    elif not head.flags & LOOK:
        if head.nullable and not head.guard and next_head is ALL:
            return tail
        a, alo, ahi = _as_repeat(head)
        b, blo, bhi = _as_repeat(next_head)
        if a is b:
            return _cons(repeat(a, alo + blo, None if ahi is None or bhi is None else ahi + bhi), rest)

    term = Concat()
    term.head, term.tail = head, tail
    flags = (head.flags | tail.flags) & _INHERITED
    if head.flags & tail.flags & PREFIX_FREE and not flags & (LOOK | GUARD):
        flags |= PREFIX_FREE
    if head.nullable:
        first = head.first | (tail.first & ~head.guard)
        term._setup(
            tail.nullable,
            first,
            flags,
            max(head.depth + 1, tail.depth),
            head.guard | tail.guard if tail.nullable else 0,
        )
    else:
        term._setup(False, head.first, flags, max(head.depth + 1, tail.depth))
    return _enter(key, term)


def _as_repeat(term: Term) -> tuple[Term, int, int | None]:
    if isinstance(term, Repeat):
        return term.item, term.lo, term.hi
    return term, 1, 1


# --- repetition -----------------------------------------------------------------------------------


def repeat(item: Term, lo: int, hi: int | None) -> Term:
    """``lo`` to ``hi`` times ``item``; ``hi`` None: no limit."""
    if hi is not None and hi < lo:
        return EMPTY
    if hi == 0 or item is EPSILON:
        return EPSILON
    if item is EMPTY:
        return EPSILON if lo == 0 else EMPTY
    if isinstance(item, Guard):
        return EPSILON if lo == 0 else item
    if not item.flags & LOOK:
        if item.nullable and not item.guard:
            lo = 0
        if isinstance(item, Repeat):
            merged = _merge_repeats(item, lo, hi)
            if merged is not None:
                return repeat(item.item, *merged)
        if hi is None and lo <= 1 and isinstance(item, Union):
            # (x*|y)* = (x|y)*
            plain = [i.item if isinstance(i, Repeat) and i.lo <= 1 else i for i in item.items]
            if any(p is not i for p, i in zip(plain, item.items, strict=True)):
                lo = 0 if item.nullable and not item.guard else lo
                return repeat(union(*plain), lo, hi)
    if lo == 1 and hi == 1:
        return item
    if lo == 0 and hi == 1 and _may_be_left_out(item):
        return item

    def make() -> Repeat:
        term = Repeat()
        term.item, term.lo, term.hi = item, lo, hi
        flags = item.flags & _INHERITED
        if lo == hi and item.flags & PREFIX_FREE and not flags & (LOOK | GUARD):
            flags |= PREFIX_FREE
        term._setup(lo == 0 or item.nullable, item.first, flags, item.depth + 1, item.guard if lo else 0)
        return term

    return _intern((Repeat, item, lo, hi), make)


def _may_be_left_out(term: Term) -> bool:
    """Whether the empty string is a member, whatever surrounds it."""
    return term.nullable and not term.guard and not term.flags & LOOK


def _merge_repeats(inner: Repeat, lo: int, hi: int | None) -> tuple[int, int | None] | None:
    """The one range that ``(x{a,b}){lo,hi}`` covers, or None where the counts have gaps."""
    a, b = inner.lo, inner.hi
    if hi != lo:
        # The counts are the union of [a*k, b*k] for k in [lo, hi]: no gap if each range touches the next; the first
        # step is the widest.
        if b is None:
            if lo == 0 and a > 1:
                return None
        elif (b - a) * lo < a - 1:
            return None
    return a * lo, None if hi is None or b is None else b * hi


# --- union ----------------------------------------------------------------------------------------


def union(*terms: Term) -> Term:
    """Any of the terms."""
    items: dict[Term, None] = {}
    optional = False
    mask = 0
    guarded: int | None = None  # what the guards among the terms have in common
    work = list(reversed(terms))
    while work:
        term = work.pop()
        if term is EMPTY or term in items:
            continue
        if term is EPSILON:
            optional = True
        elif isinstance(term, ByteSet):
            mask |= term.mask
        elif isinstance(term, Guard):
            guarded = term.guard if guarded is None else guarded & term.guard
        elif isinstance(term, Union):
            work.extend(reversed(term.items))
        elif isinstance(term, Repeat) and term.lo == 0 and term.hi == 1:
            optional = True
            work.append(term.item)
        elif term is ALL:
            return ALL
        else:
            items[term] = None
    if mask:
        items[byte_set(mask)] = None
    if guarded == 0:
        optional = True
    elif guarded is not None and not optional:
        items[guard(guarded)] = None
    if len(items) < 2:
        return _joined(items, optional)
    # Remembered, because the stacks of an ambiguous recursive rule share most of their rests: without this, 2^depth
    # unions.
    key = frozenset(items), optional
    known = _unions.get(key)
    if known is None:
        try:
            items = _factor(items)
        except RecursionError:  # alternatives that begin each other, hundreds deep
            raise UnsupportedError("alternatives share beginnings too deep for Python's stack") from None
        known = _joined(_absorb(items) if len(items) > 1 else items, optional)
        _unions.put(key, known)
    return known


def _joined(items: dict[Term, None], optional: bool) -> Term:
    """The union of factored items."""
    if not items:
        return EPSILON if optional else EMPTY
    if len(items) == 1:
        (result,) = items
        if not optional or _may_be_left_out(result):
            return result
        return repeat(result, 0, 1)
    if any(isinstance(i, Union | Epsilon) or (isinstance(i, Repeat) and i.lo == 0 and i.hi == 1) for i in items):
        return union(*items, *([EPSILON] if optional else []))
    result = _union_node(tuple(sorted(items, key=_age)))
    if not optional or any(map(_may_be_left_out, items)):
        return result
    return repeat(result, 0, 1)


def _age(term: Term) -> int:
    return term.uid


def _union_node(items: tuple[Term, ...]) -> Term:
    def make() -> Union:
        term = Union()
        term.items = items
        nullable, first, flags, depth, prefix_free, before = False, 0, 0, 0, True, FULL
        for item in items:
            if item.nullable:
                nullable = True
                before &= item.guard
            prefix_free = prefix_free and bool(item.flags & PREFIX_FREE) and not first & item.first
            first |= item.first
            flags |= item.flags & _INHERITED
            depth = max(depth, item.depth)
        if prefix_free and not nullable and not flags & (LOOK | GUARD):
            flags |= PREFIX_FREE
        term._setup(nullable, first, flags, depth + 1, before if nullable else 0)
        return term

    return _intern((Union, items), make)


def _factor(items: dict[Term, None]) -> dict[Term, None]:
    """Common heads and tails: ``Xa|Xb -> X(a|b)``, ``aX|bX -> (a|b)X``; repeats of one item that touch are one
    range.
    """
    by_head: dict[Term, list[Term]] = {}
    for item in items:
        by_head.setdefault(item.head if isinstance(item, Concat) else item, []).append(item)
    if len(by_head) < len(items):
        items = {}
        for group in by_head.values():
            items[_common_head(group) if len(group) > 1 else group[0]] = None
    if len(items) == 1:
        return items

    by_tail: dict[Term, list[Term]] = {}
    by_repeated: dict[Term, list[Repeat]] = {}
    for item in items:
        if isinstance(item, Concat):
            by_tail.setdefault(item.tail, []).append(item)
        else:
            repeated, _, _ = _as_repeat(item)
            by_repeated.setdefault(repeated, []).append(item)  # type: ignore[arg-type]
    if any(len(g) > 1 for g in by_repeated.values()):
        ranges: dict[Term, None] = {item: None for item in items if isinstance(item, Concat)}
        for repeated, same in by_repeated.items():
            for term in same if len(same) == 1 or repeated.flags & LOOK else _touching(repeated, same):
                ranges[term] = None
        items = ranges
    # a tail with its own first item: X | aX -> a?X would hide the head X from later factoring, and is left alone
    if any(len(g) > 1 for g in by_tail.values()):
        joined: dict[Term, None] = {item: None for item in items if not isinstance(item, Concat)}
        for tail, concats in by_tail.items():
            if len(concats) == 1:
                joined[concats[0]] = None
            else:
                joined[_then(union(*[c.head for c in concats]), tail)] = None  # type: ignore[attr-defined]
        items = joined
    return items


def _common_head(group: list[Term]) -> Term:
    """The union of terms that start with the same head, taking off the longest common prefix without recursion."""
    prefix: list[Term] = []
    rests = group
    while True:
        heads = {r.head if isinstance(r, Concat) else r for r in rests}
        if len(heads) > 1 or EPSILON in heads:
            break
        prefix.append(next(iter(heads)))
        rests = [r.tail if isinstance(r, Concat) else EPSILON for r in rests]
    return concat(*prefix, union(*rests))


def _touching(item: Term, same: list[Repeat]) -> list[Term]:
    """Union of repeats of one item, as few ranges as possible."""
    ranges = sorted((_as_repeat(r)[1:] for r in same), key=lambda r: r[0])
    merged: list[tuple[int, int | None]] = []
    for lo, hi in ranges:
        if merged:
            last_lo, last_hi = merged[-1]
            if last_hi is None or lo <= last_hi + 1:
                merged[-1] = (last_lo, None if last_hi is None or hi is None else max(last_hi, hi))
                continue
        merged.append((lo, hi))
    return [repeat(item, lo, hi) for lo, hi in merged]


def _absorb(items: dict[Term, None]) -> dict[Term, None]:
    """``a | (a & b) -> a``; ``a | (~a & b) -> a | b``; ``a | ~a -> everything``."""
    conjunctions = [i for i in items if isinstance(i, Intersection)]
    drop: set[Term] = set()
    if conjunctions:
        opposites = {i.item for i in items if isinstance(i, Complement)}
        opposites |= {i for c in conjunctions for i in c.items if isinstance(i, Complement) and i.item in items}
        if any(not opposites.isdisjoint(c.items) for c in conjunctions):
            reduced = [
                intersection(*[j for j in i.items if j not in opposites]) if isinstance(i, Intersection) else i
                for i in items
            ]
            return {union(*reduced): None}
        parts = {c: frozenset(c.items) for c in conjunctions}
        for c in conjunctions:
            if any(i in items for i in c.items) or any(parts[d] < parts[c] for d in conjunctions if d is not c):
                drop.add(c)
    for item in items:
        if isinstance(item, Complement) and item.item in items:
            return {ALL: None}
    return {i: None for i in items if i not in drop} if drop else items


# --- intersection and complement ------------------------------------------------------------------


def intersection(*terms: Term) -> Term:
    """All of the terms at once."""
    items: dict[Term, None] = {}
    mask: int | None = None  # of the byte sets among the terms
    epsilon = False
    work = list(reversed(terms))
    while work:
        term = work.pop()
        if term is EMPTY:
            return EMPTY
        if term is ALL or term in items:
            continue
        if term is EPSILON:
            epsilon = True
        elif isinstance(term, ByteSet):
            mask = term.mask if mask is None else mask & term.mask
            if not mask:
                return EMPTY
        elif isinstance(term, Intersection):
            work.extend(reversed(term.items))
        else:
            items[term] = None
    if epsilon:
        return EPSILON if mask is None and all(i.nullable for i in items) else EMPTY
    if mask is not None:
        items[byte_set(mask)] = None
    for item in items:
        if isinstance(item, Complement) and item.item in items:
            return EMPTY
    if len(items) > 1:
        first = FULL
        nullable = True
        for item in items:
            first &= item.first
            nullable = nullable and item.nullable
        if not first:  # no byte can start a member of all
            return EPSILON if nullable else EMPTY
        # a & (a | b) -> a
        covered = {i for i in items if isinstance(i, Union) and any(j in items for j in i.items)}
        if covered:
            items = {i: None for i in items if i not in covered}
        # ~a & (a | b) -> ~a & b; a & ~(a & b) -> a & ~b
        excluded = {i.item for i in items if isinstance(i, Complement)}
        reduced = [_without(i, items, excluded) for i in items]
        if any(new is not old for new, old in zip(reduced, items, strict=True)):
            return intersection(*reduced)
    if len(items) > 1:
        try:
            shared = _share_heads(items)
        except RecursionError:
            raise UnsupportedError("intersections share beginnings too deep for Python's stack") from None
        if shared is not items:
            return intersection(*shared)
    if not items:
        return ALL
    if len(items) == 1:
        (result,) = items
        return result
    ordered = tuple(sorted(items, key=_age))

    def make() -> Intersection:
        term = Intersection()
        term.items = ordered
        nullable, first, flags, depth = True, FULL, CHECK, 0
        for item in ordered:
            nullable = nullable and item.nullable
            first &= item.first
            flags |= item.flags & (_INHERITED | PREFIX_FREE)
            depth = max(depth, item.depth)
        term._setup(nullable, first, flags, depth + 1)
        return term

    return _intern((Intersection, ordered), make)


def _without(item: Term, held: dict[Term, None], excluded: set[Term]) -> Term:
    """``item`` as it matters where all of ``held`` hold and none of ``excluded``."""
    if isinstance(item, Union):
        possible = [i for i in item.items if i not in excluded and not (isinstance(i, Complement) and i.item in held)]
        return item if len(possible) == len(item.items) else union(*possible)
    if isinstance(item, Complement) and isinstance(item.item, Intersection) and any(i in held for i in item.item.items):
        return complement(intersection(*[i for i in item.item.items if i not in held]))
    return item


def _share_heads(items: dict[Term, None]) -> dict[Term, None]:
    """``Xa & Xb -> X(a & b)`` and ``Xa & ~(Xb) -> X(a & ~b)`` where X is prefix-free: two stacks become one."""
    groups: dict[Term, list[Term]] = {}
    negated: dict[Term, list[Term]] = {}
    others: dict[Term, None] = {}
    for item in items:
        inner = item.item if isinstance(item, Complement) else item
        head, tail = (inner.head, inner.tail) if isinstance(inner, Concat) else (inner, EPSILON)
        if not head.flags & PREFIX_FREE or inner.flags & LOOK:
            others[item] = None
        else:
            (negated if isinstance(item, Complement) else groups).setdefault(head, []).append(tail)
    if all(len(tails) + len(negated.get(head, ())) == 1 for head, tails in groups.items()):
        return items
    for head, tails in negated.items():
        if head not in groups:
            others.update((complement(_then(head, tail)), None) for tail in tails)
    for head, tails in groups.items():
        merged = _shared(head, tails, negated.get(head, []))
        if merged is EMPTY:
            return {EMPTY: None}
        others[merged] = None
    return others


def _shared(head: Term, tails: list[Term], excluded: list[Term]) -> Term:
    """``head`` and then all of ``tails`` and none of ``excluded``; takes off common heads without recursion."""
    prefix = [head]
    while True:
        rests = [*tails, *excluded]
        first = rests[0].head if isinstance(rests[0], Concat) else EPSILON
        if not first.flags & PREFIX_FREE or first.flags & LOOK:
            break
        if not all(isinstance(r, Concat) and r.head is first for r in rests):
            break
        prefix.append(first)
        tails, excluded = ([r.tail for r in part if isinstance(r, Concat)] for part in (tails, excluded))
    return concat(*prefix, intersection(*tails, *[complement(t) for t in excluded]))


def complement(term: Term) -> Term:
    """Every byte string that is not in ``term``."""
    if term is EMPTY:
        return ALL
    if term is ALL:
        return EMPTY
    if isinstance(term, Complement):
        return term.item
    if isinstance(term, Union):
        return intersection(*[complement(i) for i in term.items])
    if isinstance(term, Intersection) and any(isinstance(i, Complement) for i in term.items):
        return union(*[complement(i) for i in term.items])

    def make() -> Complement:
        node = Complement()
        node.item = term
        node._setup(not term.nullable, FULL, CHECK | (term.flags & _INHERITED), term.depth + 1)
        return node

    return _intern((Complement, term), make)


# --- references and leaves ------------------------------------------------------------------------


def ref(
    name: str,
    resolve: Callable[[], Term],
    *,
    nullable: bool,
    check: bool = True,
    lazy: bool = False,
    costly: bool = False,
    first: int = FULL,
    shortest: Callable[[int], bytes | None] | None = None,
    texts: Callable[[int, int], Mapping[int, bytes]] | None = None,
    spelling: int = SPELLING,
    spelled: Callable[[int], bool] | None = None,
    keep: bool = True,
) -> Ref:
    """A rule to be unfolded later; each call makes a new, distinct rule.

    ``check``: whether the rule may involve intersections, complements, scopes or leaves (then emptiness is searched
    for). ``lazy``: whether it may involve leaves without `Leaf.classes`, ``costly``: such with `Leaf.is_costly`.
    ``first``: a superset of the bytes that may come first.  ``shortest``: gives a shortest member over the bytes of an
    alphabet (256-bit mask), None if there is none; needed where the recursion goes through leaves, which completions
    cannot see, and where following it through many rules would take long.  ``texts``, instead of it, for a rule that
    contains guards: of an alphabet and a mask of bytes that may not come first, shortest members by the guard that they
    leave behind (a mask, 0 for none).  ``spelling``, with one of these: bytes that suffice to complete whatever was
    begun; or ``spelled``, which says of an alphabet whether it does, in every state of a text that the rule is part of.
    ``keep``: whether the rule holds what it unfolds to; for rules that are made without end as a text goes on, False,
    and ``resolve`` answers the same each time.
    """
    term = Ref()
    term.name, term._resolve, term._term, term._keep = name, resolve, None, keep
    term.shortest, term.texts = shortest, texts
    term.spelled = spelled or (lambda alphabet: not spelling & ~alphabet)
    flags = (
        (CHECK if check else 0) | (LAZY if lazy else 0) | (COSTLY if costly else 0) | (0 if texts is None else GUARD)
    )
    term._setup(nullable, first, flags, 0)
    return term


def leaf(obj: Leaf) -> Term:
    """``obj`` as a term; see `Leaf`."""

    def make() -> LeafTerm:
        term = LeafTerm()
        term.leaf = obj
        first, flags = obj.first(), CHECK
        if first is None:
            classes = obj.classes()
            if classes is None:
                first = FULL
                flags |= LAZY
            else:
                first = 0
                for mask in classes:
                    first |= mask
        if obj.is_prefix_free():
            flags |= PREFIX_FREE
        if obj.is_costly:
            flags |= COSTLY
        if not obj.may_be_empty:
            flags &= ~CHECK
        term._setup(obj.nullable, first, flags, 1)
        return term

    return _intern((LeafTerm, obj), make)


ALL: Term = EMPTY  # while the next line builds the real one
ALL = repeat(byte_set(FULL), 0, None)
