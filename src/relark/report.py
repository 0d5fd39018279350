"""``relark.explain``: what a constraint means, how it is served, and what to mind, before anything is generated.

Use it when a pattern is slow, when a text comes out longer than expected, or to choose ``max_new_tokens``.  It
loads no model.  Everything it says is derived from the constraint itself; what it could not decide within its
limits it reports as undecided (``None``), never as a guess.

Cost: compiling the constraint, a search for a shortest text, and where lookarounds, ``&`` or ``~`` are involved a
search of at most `STATES` states for whether it has a longest one.  With a tokenizer also its trie (0.1 s for
128,000 tokens, once) and the cheapest spelling.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import regex as regex_module

from relark import constraint as constraints
from relark.constraint import Constraint
from relark.errors import ArgumentError, UnsatisfiableError, caret
from relark.frontends.regex.partial import PartialMatch
from relark.language import Term, completion, is_empty, lower_bound, shortest, transitions
from relark.language.literals import OneOf
from relark.language.terms import (
    CHECK,
    Ahead,
    Behind,
    ByteSet,
    Complement,
    Concat,
    Epsilon,
    Intersection,
    LeafTerm,
    Ref,
    Repeat,
    Scope,
    Union,
)
from relark.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from relark.frontends.regex import CompiledRegex, Reason

__all__ = ["Explanation", "Part", "explain"]

STATES = 2_000  # that the search for a longest text may visit
SHOWN = 120  # characters of a text in the printed form


@dataclass(frozen=True)
class Part:
    """One regex of the constraint.

    source    the pattern as given
    engine    "derivative": a regular language; states are shared and remembered. "captures": a state also holds what
              groups have matched. "partial-match": the ``regex`` module is asked about each new text; the slowest
    reasons   for the last two the constructs that are not regular: position (code points into ``source``), construct,
              why
    """

    source: str
    engine: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Explanation:
    """What `explain` found; ``str()`` of it is for people.

    constraint      the constraint as text
    parts           its regexes; literal texts, choices and ``text()`` always take the derivative engine and are not
                    listed
    empty           True: no text satisfies it. None: undecided
    shortest        a text that satisfies it; None where there is none or none was found
    is_shortest     whether ``shortest`` is proved to have the fewest bytes
    unbounded       True: texts of any length satisfy it. False: no text is longer than ``longest_bytes``. None:
                    undecided
    longest_bytes   an upper bound of the length in UTF-8 bytes; None unless ``unbounded`` is False
    vocabulary      the tokenizer, as text; None without one, and so for the next two
    spellable       whether the tokenizer has tokens for some text that satisfies it
    min_tokens      ``max_new_tokens`` that suffices for the cheapest text found, EOS not counted
    walk            how masks are computed
    warnings        what to mind, as sentences
    """

    constraint: str
    parts: tuple[Part, ...]
    empty: bool | None
    shortest: str | None
    is_shortest: bool
    unbounded: bool | None
    longest_bytes: int | None
    vocabulary: str | None
    spellable: bool | None
    min_tokens: int | None
    walk: str
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        lines = [self.constraint]

        def row(name: str, text: str) -> None:
            first, *others = text.split("\n")
            lines.append(f"  {name:<9} {first}".rstrip())
            lines.extend(f"  {'':<9} {line}".rstrip() for line in others)

        engines = {part.engine for part in self.parts}
        if engines <= {"derivative"}:
            row("engine", f"derivative: {ENGINES['derivative']}")
        for part in self.parts:
            if part.engine != "derivative":
                row("engine", _engine(part))
            elif len(engines) > 1:
                row("engine", f"derivative for {_cut(part.source)!r}")
        if self.empty:
            row("texts", "none: nothing satisfies it")
        elif self.shortest is None:
            row("texts", "none found, and not shown that there are none")
        else:
            size = _bytes(len(self.shortest.encode()))
            name = "the shortest is" if self.is_shortest else "a short one is"
            row("texts", f"{name} {_cut(self.shortest)!r} ({size})")
        if not self.empty:
            if self.unbounded is False:
                row("length", f"at most {_bytes(self.longest_bytes)}")
            else:
                row("length", "unbounded" if self.unbounded else "undecided")
        if self.vocabulary is not None:
            if self.spellable:
                row("tokens", f"max_new_tokens={self.min_tokens} suffices for the cheapest text found")
            elif self.spellable is False:
                row("tokens", "the tokenizer cannot spell any text that satisfies it")
            row("tokenizer", self.vocabulary)
        row("masks", self.walk)
        for warning in self.warnings:
            row("warning", warning)
        return "\n".join(lines)


def explain(
    *,
    regex: str | re.Pattern[str] | regex_module.Pattern[str] | None = None,
    choices: Iterable[str] | type[enum.Enum] | None = None,
    constraint: Constraint | None = None,
    flags: int = 0,
    tokenizer: Any = None,
    **named_lists: Iterable[str],
) -> Explanation:
    """What a constraint means and how it is served.

    regex         a pattern, as for `relark.regex`, with its ``flags`` and ``named_lists``
    choices       as for `relark.choices`
    constraint    any `relark.Constraint`; exactly one of the three
    tokenizer     anything that `Vocabulary.from_tokenizer` reads, or a `Vocabulary`: tells also what the constraint
                  costs in tokens

    Raises `ArgumentError`, and what `relark.regex` and `Vocabulary.from_tokenizer` raise; a constraint that nothing
    satisfies is not an error here.

    >>> found = explain(regex=r"[ab]{2,4}")
    >>> found.empty, found.shortest, found.unbounded, found.longest_bytes
    (False, 'aa', False, 4)
    """
    explained = _one(regex, choices, constraint, flags, named_lists)
    term = explained.term
    regular = all(compiled.engine == "derivative" for compiled in explained.sources)
    empty, text, proved = _shortest(term, regular)
    longest, unbounded = (None, None) if empty else _longest(term, regular)
    vocabulary: Vocabulary | None = None
    if tokenizer is not None:
        vocabulary = tokenizer if isinstance(tokenizer, Vocabulary) else Vocabulary.from_tokenizer(tokenizer)
    spellable: bool | None = None
    min_tokens: int | None = None
    if vocabulary is not None and not empty:
        try:
            min_tokens = explained.matcher(vocabulary).min_tokens()
            spellable = True
        except UnsatisfiableError:
            spellable = False
    parts = tuple(_part(compiled) for compiled in explained.sources)
    warnings = []
    if empty:
        warnings.append("nothing satisfies this constraint; generating with it raises UnsatisfiableError")
    if spellable is False:
        warnings.append(
            "the tokenizer has no tokens for some bytes that every text needs; generating raises UnsatisfiableError"
        )
    if unbounded:
        warnings.append(
            "texts have no longest length: a small model may write on until max_new_tokens, where the text is "
            "completed; bound what repeats ({0,80} instead of *), or let the text end in something that the model "
            "writes anyway, such as a full stop or a newline"
        )
    if any(part.engine == "captures" for part in parts):
        warnings.append("each text has states of its own in the captures engine, so masks are computed anew for each")
    if any(part.engine == "partial-match" for part in parts):
        warnings.append(
            "masks of the partial-match engine are computed anew for each text, and take longer the longer it gets"
        )
    return Explanation(
        constraint=str(explained),
        parts=parts,
        empty=empty,
        shortest=text,
        is_shortest=proved,
        unbounded=unbounded,
        longest_bytes=longest,
        vocabulary=None if vocabulary is None else f"{vocabulary.size} ids, {vocabulary.kind}",
        spellable=spellable,
        min_tokens=min_tokens,
        walk="NumPy walk over the byte trie",
        warnings=tuple(warnings),
    )


def _one(
    regex: str | re.Pattern[str] | regex_module.Pattern[str] | None,
    choices: Iterable[str] | type[enum.Enum] | None,
    constraint: Constraint | None,
    flags: int,
    named_lists: dict[str, Iterable[str]],
) -> Constraint:
    given = {"regex": regex, "choices": choices, "constraint": constraint}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        found = " and ".join(named) or "nothing"
        raise ArgumentError(f"explain: expected exactly one of regex, choices and constraint, got {found}")
    if regex is not None:
        return constraints.regex(regex, flags, **named_lists)
    if flags or named_lists:
        raise ArgumentError(f"explain: {', '.join(['flags'] * bool(flags) + list(named_lists))} go with regex= only")
    if choices is not None:
        return constraints.choices(choices)
    if not isinstance(constraint, Constraint):
        raise ArgumentError(
            f"constraint: expected a relark constraint (relark.regex(...), relark.choices(...), ...), "
            f"got {type(constraint).__name__}"
        )
    return constraint


def _part(compiled: CompiledRegex) -> Part:
    return Part(compiled.source, compiled.engine, tuple(compiled.reasons))


ENGINES = {
    "derivative": "every state is a language of its own, shared and remembered",
    "captures": "a state also holds what groups have matched, because of",
    "partial-match": "the regex module is asked about each new text, because of",
}


def _engine(part: Part) -> str:
    lines = [f"{part.engine} for {_cut(part.source)!r}: {ENGINES[part.engine]}"]
    for reason in part.reasons:
        lines.append(f"  {reason.construct}: {reason.why}")
        lines.extend(caret(part.source, reason.position).split("\n"))
    return "\n".join(lines)


def _bytes(count: int | None) -> str:
    return f"{count} byte{'s' if count != 1 else ''}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _shortest(term: Term, regular: bool) -> tuple[bool | None, str | None, bool]:
    """Whether the language is empty (None: undecided), a short member, and whether none is shorter."""
    if is_empty(term):
        return True, None, False
    found = shortest(term)
    if found is None:
        return None, None, False
    return False, found.decode(), len(found) == lower_bound(term) or (regular and _is_decided(_parts(term)))


def _is_decided(states: Iterable[Term]) -> bool:
    """Whether no search for a member of one of these was given up."""
    return not any(state in completion.undecided for state in states)


def _longest(term: Term, regular: bool) -> tuple[int | None, bool | None]:
    """An upper bound of the length of every member, in bytes, and whether there is none (None: undecided)."""
    bounds: dict[Term, int | None] = {}
    bound = _upper_bound(term, bounds)
    if bound is not None:
        return bound, False
    if not term.flags & CHECK and not any(isinstance(part, Ref) or _unknown(part) for part in bounds):
        return None, True  # without intersections and the like every part of a term has members
    return _longest_walk(term) if regular else (None, None)


def _parts(term: Term) -> Iterable[Term]:
    """``term`` and the terms that it consists of."""
    work = [term]
    while work:
        part = work.pop()
        yield part
        match part:
            case Concat():
                work += [part.head, part.tail]
            case Union() | Intersection():
                work += part.items
            case Repeat() | Scope() | Complement():
                work.append(part.item)


def _upper_bound(term: Term, known: dict[Term, int | None]) -> int | None:
    """An upper bound read off the term, exact for terms without CHECK; None where that gives none.

    ``known``: those of its parts.
    """
    if term not in known:
        known[term] = _computed_bound(term, known)
    return known[term]


def _computed_bound(term: Term, known: dict[Term, int | None]) -> int | None:
    match term:
        case Epsilon() | Ahead() | Behind():
            return 0
        case ByteSet():
            return 1
        case Concat():
            parts = []
            rest: Term = term
            while isinstance(rest, Concat):
                parts.append(_upper_bound(rest.head, known))
                rest = rest.tail
            return _unless_none(sum, [*parts, _upper_bound(rest, known)])
        case Union():
            return _unless_none(max, [_upper_bound(item, known) for item in term.items])
        case Intersection():
            return min((b for item in term.items if (b := _upper_bound(item, known)) is not None), default=None)
        case Repeat():
            part = _upper_bound(term.item, known)
            return None if part is None or term.hi is None else part * term.hi
        case Scope():
            return _upper_bound(term.item, known)
        case LeafTerm():
            if isinstance(term.leaf, PartialMatch):  # its language is part of its guide's
                return _upper_bound(term.leaf.guide, known)
            if isinstance(term.leaf, OneOf):
                return max(map(len, term.leaf.texts.items[term.leaf.lo : term.leaf.hi])) - term.leaf.depth
    return None


def _unknown(part: Term) -> bool:
    return isinstance(part, LeafTerm) and not isinstance(part.leaf, OneOf)


def _unless_none(combine: Callable[[list[int]], int], bounds: list[int | None]) -> int | None:
    return None if None in bounds else combine([b for b in bounds if b is not None])


def _longest_walk(term: Term) -> tuple[int | None, bool | None]:
    """The same by walking all states: the longest path to the end, unless a live state comes back to itself."""
    depth: dict[Term, int] = {}  # of finished states: the longest way on
    path: list[tuple[Term, list[Term], int]] = []
    on_path: set[Term] = set()

    def enter(state: Term) -> None:
        following = [target for _, target in transitions(state) if not is_empty(target)]
        path.append((state, following, 0))
        on_path.add(state)

    enter(term)
    while path:
        state, following, best = path.pop()
        if not following:
            on_path.discard(state)
            depth[state] = best
            if path:
                above, left, so_far = path.pop()
                path.append((above, left, max(so_far, best + 1)))
            continue
        target = following.pop()
        if target in on_path:
            return None, True if _is_decided([*depth, *on_path]) else None
        if target in depth:
            path.append((state, following, max(best, depth[target] + 1)))
            continue
        path.append((state, following, best))
        if len(depth) + len(path) >= STATES:
            return None, None
        enter(target)
    return depth[term], False
