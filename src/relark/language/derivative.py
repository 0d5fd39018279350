"""Derivatives: what may follow a byte.

``derive(L, b)`` is ``{w : b w in L}`` (Brzozowski 1964).  Two ways to it:

- `transitions` gives all of a term's derivatives at once, as disjoint byte masks with their targets (the "linear
  form").  It is composed from the linear forms
  of heads, which are remembered, so a class like ``\\w`` inside a counter is taken apart once, however often it
  repeats.  This is the way of the masks.
- `derive` takes one byte.  It follows the textbook equations node by node and is the way for terms with leaves that
  cannot list their byte classes;
  the tests compare the two.

Cost: a linear form is remembered per term (`relark.caches`); a new one costs about 10 us a node on the path.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import is_

from relark.caches import Cache
from relark.errors import UnsupportedError
from relark.language.terms import (
    ALL,
    CHECK,
    COSTLY,
    EMPTY,
    EPSILON,
    FULL,
    LAZY,
    Ahead,
    Atomic,
    Behind,
    ByteSet,
    Complement,
    Concat,
    Empty,
    Epsilon,
    Guard,
    Intersection,
    LeafTerm,
    Ref,
    Repeat,
    Scope,
    Sealed,
    Term,
    Union,
    _then,
    complement,
    concat,
    intersection,
    repeat,
    sealed,
    union,
)

Transitions = tuple[tuple[int, Term], ...]

_FEW = 8  # members of a union that are asked one by one

_transitions: Cache[Term, Transitions] = Cache(
    "transitions", share=0.10, cost=lambda key, value: 300 + 500 * len(value)
)


def transitions(term: Term) -> Transitions:
    """``((mask, target), ...)``: masks are disjoint, targets distinct and none is EMPTY; other bytes are dead.

    Slow for terms with the LAZY flag.
    """
    known = _transitions.get(term)
    if known is None:
        try:
            known = _compute(term)
        except RecursionError:  # deep lookarounds, or little of Python's stack left by the caller
            raise UnsupportedError("operators nest too deep for Python's stack; flatten the pattern") from None
        _transitions.put(term, known)
    return known


def _compute(term: Term) -> Transitions:
    match term:
        case ByteSet():
            return ((term.mask, EPSILON),)
        case Concat():
            if not term.head.nullable:
                tail = term.tail
                return _merge((mask, _then(target, tail)) for mask, target in transitions(term.head))
            # from the end of what may be left out, and remembered for each rest of it: those are the states to come
            spine: list[Concat] = []
            rest: Term = term
            while isinstance(rest, Concat) and rest.head.nullable and (rest is term or _transitions.get(rest) is None):
                spine.append(rest)
                rest = rest.tail
            form = transitions(rest)
            for node in reversed(spine):
                if node.head.guard:
                    form = tuple((left, t) for mask, t in form if (left := mask & ~node.head.guard))
                form = _overlay([[(mask, _then(target, node.tail)) for mask, target in transitions(node.head)], form])
                if node is not term:
                    _transitions.put(node, form)
            return form
        case Union():
            return _overlay(map(transitions, term.items))  # map, here and below: one frame less a level
        case Repeat():
            rest = repeat(term.item, max(term.lo - 1, 0), None if term.hi is None else term.hi - 1)
            return _merge((mask, _then(target, rest)) for mask, target in transitions(term.item))
        case Intersection():
            parts: list[tuple[int, tuple[Term, ...]]] = [(term.first, ())]
            # few classes first, so that the product stays small
            for form in sorted(map(transitions, term.items), key=len):
                parts = [
                    (common, (*targets, target))
                    for mask, targets in parts
                    for other, target in form
                    if (common := mask & other)
                ]
            return _merge((mask, intersection(*targets)) for mask, targets in parts)
        case Complement():
            rest_mask = FULL
            pairs = []
            for mask, target in transitions(term.item):
                rest_mask &= ~mask
                pairs.append((mask, complement(target)))
            if rest_mask:
                pairs.append((rest_mask, ALL))
            return _merge(pairs)
        case Ref():
            return transitions(term.term)
        case LeafTerm():
            classes = term.leaf.classes()
            if classes is None:  # rare: a walk that began outside the leaf has come to it
                return _merge((1 << byte, term.leaf.derive(byte)) for byte in range(256))
            return _merge((mask, term.leaf.derive(_lowest(mask))) for mask in classes)
        case Scope():
            from relark.language.lookaround import byte_classes, derive_scope

            return _merge((mask, derive_scope(term, _lowest(mask))) for mask in byte_classes(term.item))
        case Sealed():
            return _merge((mask, sealed(target)) for mask, target in transitions(term.item))
        case Empty() | Epsilon() | Guard():
            return ()
    raise TypeError(f"a zero-width term outside a scope has no derivative: {type(term).__name__}")


def derive(term: Term, byte: int) -> Term:
    """What may follow ``byte`` (0 to 255) in ``term``; EMPTY if nothing."""
    if not term.first >> byte & 1:
        return EMPTY
    if term.flags & (LAZY | COSTLY):
        return derive_by_definition(term, byte)
    for mask, target in transitions(term):
        if mask >> byte & 1:
            return target
    return EMPTY


def derive_once(term: Term, byte: int) -> Term:
    """`derive` where the term's other derivatives will hardly be needed: without its linear form, unless known."""
    return derive(term, byte) if _transitions.get(term) is not None else derive_by_definition(term, byte)


def step(term: Term, byte: int) -> tuple[int, Term]:
    """Bytes with the same derivative as ``byte``, and it: a pair of `transitions` or a part of one, without the others.

    For states of which few bytes are asked: behind what may be left out, as behind an operand with all the operators
    that may follow, most of a linear form leads where no token does.
    """
    known = _transitions.get(term)
    if known is None:
        match term:
            case Concat():
                return _step_of_spine(term, byte)
            case Union() if len(term.items) <= _FEW:
                mask = FULL
                targets = []
                for item in term.items:
                    among, target = step(item, byte)
                    mask &= among
                    targets.append(target)
                return mask, union(*targets)
        known = transitions(term)
    others = 0
    for mask, target in known:
        if mask >> byte & 1:
            return mask, target
        others |= mask
    return FULL & ~others, EMPTY


def _step_of_spine(term: Term, byte: int) -> tuple[int, Term]:
    mask = FULL
    found: Term = EMPTY
    targets = []
    while isinstance(term, Concat):
        head, tail = term.head, term.tail
        if head.first >> byte & 1:
            among, target = step(head, byte)
            mask &= among
            if target is not EMPTY:
                found = _then(target, tail)
                targets.append(found)
        else:
            mask &= ~head.first
        if not head.nullable:
            break
        if head.guard >> byte & 1:
            mask &= head.guard
            break
        mask &= ~head.guard
        term = tail
    else:
        among, found = step(term, byte)
        mask &= among
        targets.append(found)
    return mask, found if len(targets) == 1 else union(*targets)


def derive_by_definition(term: Term, byte: int) -> Term:
    """`derive` straight from the equations, part by part."""
    match term:
        case ByteSet():
            return EPSILON if term.mask >> byte & 1 else EMPTY
        case Concat():
            results = []
            rest: Term = term
            while isinstance(rest, Concat):
                results.append(_then(derive(rest.head, byte), rest.tail))
                if not rest.head.nullable or rest.head.guard >> byte & 1:
                    break
                rest = rest.tail
            else:
                results.append(derive(rest, byte))
            return union(*results)
        case Union():
            return union(*[derive(item, byte) for item in term.items])
        case Intersection():
            return intersection(*[derive(item, byte) for item in term.items])
        case Complement():
            return complement(derive(term.item, byte))
        case Repeat():
            rest = repeat(term.item, max(term.lo - 1, 0), None if term.hi is None else term.hi - 1)
            return _then(derive(term.item, byte), rest)
        case Ref():
            return derive(term.term, byte)
        case LeafTerm():
            return term.leaf.derive(byte)
        case Scope():
            from relark.language.lookaround import derive_scope

            return derive_scope(term, byte)
        case Sealed():
            return sealed(derive(term.item, byte))
        case Empty() | Epsilon() | Guard():
            return EMPTY
        case Ahead() | Behind() | Atomic():
            pass
    raise TypeError(f"a zero-width term outside a scope has no derivative: {type(term).__name__}")


def contains(term: Term, text: bytes) -> bool:
    """Whether ``text`` is in ``term``."""
    for byte in text:
        term = derive(term, byte)
        if term is EMPTY:
            return False
    return term.nullable


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _merge(pairs: Iterable[tuple[int, Term]]) -> Transitions:
    """Join the masks of equal targets and drop the dead ones."""
    by_target: dict[Term, int] = {}
    for mask, target in pairs:
        if target is not EMPTY:
            by_target[target] = by_target.get(target, 0) | mask
    return tuple((mask, target) for target, mask in by_target.items())


def _overlay(forms: Iterable[Iterable[tuple[int, Term]]]) -> Transitions:
    """The union of linear forms: refine the masks until they are disjoint."""
    parts: list[tuple[int, list[Term]]] = []
    covered = 0
    for form in forms:
        for mask, target in form:
            if not mask & covered:
                parts.append((mask, [target]))
                covered |= mask
                continue
            fresh = mask & ~covered
            refined: list[tuple[int, list[Term]]] = []
            for part, targets in parts:
                both = part & mask
                if not both:
                    refined.append((part, targets))
                elif both == part:
                    targets.append(target)
                    refined.append((part, targets))
                else:
                    refined.append((both, [*targets, target]))
                    refined.append((part & ~mask, targets))
            if fresh:
                refined.append((fresh, [target]))
                covered |= fresh
            parts = refined
    return _merge((mask, targets[0] if len(targets) == 1 else union(*targets)) for mask, targets in parts)


def clamp(term: Term, limit: int) -> Term:
    """A term with the same derivatives' emptiness for every string of less than ``limit`` bytes, with counts cut at
    ``limit``.

    So few bytes cannot exhaust a larger count, hence all larger counts allow the same.  Where emptiness of
    intersections may depend on counts, the term itself.
    """
    return term if term.flags & CHECK else _clamped(term, limit, {})


def _clamped(term: Term, limit: int, known: dict[Term, Term]) -> Term:
    """``known``: of parts; the stacks of ambiguous rules share most of theirs."""
    found = known.get(term)
    if found is None:
        found = known[term] = _find_clamped(term, limit, known)
    return found


def _find_clamped(term: Term, limit: int, known: dict[Term, Term]) -> Term:
    match term:
        case Repeat():
            hi = None if term.hi is None or term.hi >= limit else term.hi
            return term if hi == term.hi and term.lo <= limit else repeat(term.item, min(term.lo, limit), hi)
        case LeafTerm():
            return term.leaf.clamp(term, limit)
        case Union():
            items = [_clamped(item, limit, known) for item in term.items]
            return term if all(map(is_, items, term.items)) else union(*items)
        case Concat():
            parts: list[Term] = []
            rest: Term = term
            room = limit
            while isinstance(rest, Concat) and room > 0:
                head = rest.head
                parts.append(_clamped(head, limit, known) if isinstance(head, Repeat | LeafTerm | Union) else head)
                room -= 0 if head.nullable else 1
                rest = rest.tail
            if isinstance(rest, Repeat | LeafTerm):
                rest = _clamped(rest, limit, known)
            same: Term = term
            for part in parts:
                if not isinstance(same, Concat) or part is not same.head:
                    return concat(*parts, rest)
                same = same.tail
            return term if rest is same else concat(*parts, rest)
    return term
