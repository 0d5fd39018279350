"""Regexes that are not regular, through the ``regex`` module's own partial matching: ReLLM's method as a leaf.

What it is: recursion, fuzzy matching and the like have no derivative, but the ``regex`` module can say of a text
whether it is still the start of a match: ``pattern.fullmatch(text, partial=True)`` (ReLLM asked that of every token
of the vocabulary). Here the text so far, with the bytes of an unfinished UTF-8 character, is the state of a `Leaf`;
it lives while that answer, and a regular language that is known to contain the pattern's (the *guide*), let it. So a
dead prefix is never extended, and such a regex composes with every other constraint.

When to use it: only for constructs that neither ``lower`` nor ``captures`` can serve.

Two things keep the number of questions down. The *partition* lists sets of characters that the pattern cannot tell
apart: one character of each set answers for all. Without backreferences such characters are interchangeable for ever,
so texts are spelled with one member of each set, and states that differ only in spelling are one state. With
backreferences a character is told apart from the others once it occurs in the text; one that does not, nor a case
variant of it, still answers for the rest of its set.

``shortest()`` searches the extensions of the text, best first by the length that the guide still asks for. It finds a
completion, tries a while for a shorter one, and where it runs out of extensions has proved that there is none.

Where partial matching errs:

- it may call a text dead that is not: at ``\\b``, ``\\B``, ``$``, ``\\Z`` and lookbehinds it takes the end of the
  text so far for the end of the text, and it wants the least number of fuzzy errors at once. A minimum is left out
  when asking whether a text lives; with the others, a text is dead only if it stays so after one and two more
  characters of any kind.
- it may call a text alive that is not (lookarounds, atomic groups, a reference to a group that cannot have matched).
  The guide knows better about the regular ones; where the pattern contains lookarounds, atomic groups, possessive
  quantifiers or verbs, a search for a completion verifies it (`is_empty`).
- with the REVERSE flag it is about ends instead of starts, so only the guide and the search are used.

Cost: some 10 us for each trie node that lives, growing with the text: 0.1 to 1 s for a mask where everything is
allowed, as for ReLLM. A single match is given `MATCH_LIMIT` seconds, and all the matches for one mask `SLOW_LIMIT`:
catastrophic patterns end in `UnsupportedError`, not in a hang.

Cannot do: the search for a completion is bounded. A text whose completion it does not find stays allowed, but counts
as one that does not fit in any budget.
"""

from __future__ import annotations

import heapq
import itertools
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import regex

from relark.caches import Cache
from relark.errors import UnsupportedError
from relark.language import EMPTY, TEXT, Leaf, Term, derive, leaf, lower_bound, terms

__all__ = ["MATCH_LIMIT", "SLOW_LIMIT", "PartialMatch", "partial_match_term"]

MATCH_LIMIT = 1.0  # seconds of processor time for one match
SLOW_LIMIT = 5.0  # seconds spent in all the matches for one mask
SEARCH_LIMIT = 20_000  # questions that one search for a completion may ask
IMPROVE_LIMIT = 1_000  # of these, for a shorter completion than the first one found
SEARCH_SECONDS = 2.0  # that one search may take
VERIFY_LIMIT = 2_000  # questions that `is_empty` may ask before a text is taken to be alive
DIVE = 50  # characters that the greedy queue adds before it looks around
FEW_CLASSES = 16  # sets of characters for which a state lists all its successors at once

ALL_BYTES = (1 << 256) - 1
DEAD, ALIVE, FULL = 1, 2, 3  # what a text is: no start of a match, a start of one, a match itself

_verdicts: Cache[tuple[int, str], int] = Cache(
    "partial matches", share=0.03, cost=lambda key, value: 200 + 2 * len(key[1])
)
_completions: Cache[tuple[int, str], str | bool] = Cache(  # True: there is none; False: not found
    "partial match completions", share=0.02, cost=lambda key, value: 200 + 2 * len(key[1])
)

# Read off the source, erring on the side of "yes", which costs time only.
_IDENTITY = regex.compile(r"\\[1-9g]|\(\?P=")  # two equal characters are told from two different ones
_RECURSION = regex.compile(r"\(\?(?:R|[-+]?\d|&|P>)")
_CASELESS = regex.compile(r"\(\?\w*i")
_END_SENSITIVE = regex.compile(r"\\[bBmMzZG]|\$|\(\?<[=!]|\(\*")
_FUZZY_MINIMUM = regex.compile(r"(?<=(?<!\\)\{(?:[^{}]*,)?)\d+<=?(?=[eids](?:<=?\d+)?(?:[,:][^{}]*)?\})")
_DOUBTFUL = regex.compile(r"\(\?<?[=!]|\(\?>|[*+?}]\+|\(\*|\(\?\(\?")


def partial_match_term(
    pattern: regex.Pattern[str], partition: Sequence[Sequence[tuple[int, int]]], guide: Term | None
) -> Term:
    """The texts that ``pattern.fullmatch`` accepts, in UTF-8.

    ``partition``: disjoint sets of code points, as inclusive ranges, each of characters that the pattern cannot tell
    apart, except by comparing
    parts of the text; code points in none of them form one more set.  ``guide``: a language that contains the
                                                                       pattern's, or None.

    EMPTY where a search shows that no text matches. Raises `UnsupportedError` for a pattern that takes too long even
    there.
    """
    judge = _Judge(pattern, partition)
    start = TEXT if guide is None else guide
    if start is EMPTY or judge.verdict("") == DEAD:
        return EMPTY
    first = PartialMatch(judge, "", b"", start)
    return EMPTY if first.shortest() is None and judge.known_completion("") is True else leaf(first)


@dataclass(frozen=True, repr=False)
class PartialMatch(Leaf):
    """What is left of a pattern after ``text`` and the bytes ``pending`` of an unfinished character."""

    judge: _Judge
    text: str
    pending: bytes
    guide: Term = field(compare=False)  # after ``text``; follows from the other fields
    ancestor: int = field(compare=False, default=0)  # an earlier length of the text, whose completion may be known

    def __repr__(self) -> str:
        return f"the rest of {self.judge.shown()!r} after {self.text[-40:]!r}"

    @property
    def nullable(self) -> bool:
        return not self.pending and self.judge.verdict(self.text) == FULL

    @property
    def min_length(self) -> int:
        if self.nullable:
            return 0
        return max(1, lower_bound(self.guide) - len(self.pending))

    def classes(self) -> tuple[int, ...] | None:
        judge = self.judge
        if judge.identity or len(judge.members) > FEW_CLASSES:
            return None
        return tuple(mask for mask, _ in judge.moves(self.pending))

    def derive(self, byte: int) -> Term:
        judge = self.judge
        prefix = self.pending + bytes((byte,))
        span = judge.span(prefix)
        if span is None:
            return EMPTY
        if span[0] == span[1] and _is_complete(prefix):
            successor = self._after(chr(span[0]))
            return EMPTY if successor is None else leaf(successor)
        for character in judge.candidates(self.text, span):
            if self._after(character) is not None:
                if not judge.identity:
                    prefix = judge.canonical_prefix(prefix)
                return leaf(PartialMatch(judge, self.text, prefix, self.guide, self.ancestor))
        return EMPTY

    def _after(self, character: str) -> PartialMatch | None:
        """The state after one more character; None if it is dead."""
        guide = self.guide
        for byte in character.encode():
            guide = derive(guide, byte)
            if guide is EMPTY:
                return None
        text = self.text + self.judge.spelling(character)
        if self.judge.verdict_of_last(self.text, character) == DEAD:
            return None
        ancestor = len(self.text) if self.judge.known_completion(self.text) else self.ancestor
        return PartialMatch(self.judge, text, b"", guide, ancestor)

    def _starts(self) -> list[tuple[str, str, Term, int]]:
        if not self.pending:
            return [("", self.text, self.guide, 0)]
        span = self.judge.span(self.pending)
        assert span is not None, "derive makes no state with bytes that start no character"
        after = [(c, self._after(c)) for c in self.judge.candidates(self.text, span)]
        return [(c, s.text, s.guide, len(c.encode())) for c, s in after if s is not None]

    def shortest(self, alphabet: int = ALL_BYTES) -> bytes | None:
        """A completion that uses only the bytes of ``alphabet`` (256-bit mask); None where none was found.

        A shortest one, as far as the search went, unless an earlier text of this walk is known to have a completion:
        then what that one becomes after the characters since, which costs only a few questions.
        """
        found = self._completion(SEARCH_LIMIT, alphabet)
        return found.encode()[len(self.pending) :] if isinstance(found, str) else None

    @property
    def may_be_empty(self) -> bool:
        return self.judge.doubtful

    def is_empty(self) -> bool:
        """Whether a search has shown that there is no completion."""
        return self._completion(VERIFY_LIMIT, ALL_BYTES) is True

    def _completion(self, limit: int, alphabet: int) -> str | bool:
        """What completes the text (the pending character included); True: nothing does; False: not found."""
        judge, starts = self.judge, self._starts()
        if alphabet == ALL_BYTES:
            for added, text, _, _ in starts:
                known = judge.known_completion(text)
                if known is None:
                    known = judge.adapt(text, self.ancestor)
                if isinstance(known, str):
                    return added + known
                if known is True and not self.pending:
                    return True
        found = judge.search(starts, limit, alphabet)
        if not self.pending and alphabet == ALL_BYTES:
            if isinstance(found, str):
                judge.remember(self.text, found)
            elif found is True:
                _completions.put((judge.uid, self.text), True)
        return found


class _Judge:
    """One pattern and all that is known about its alphabet. Compared by identity; every state of a constraint shares
    it."""

    def __init__(self, pattern: regex.Pattern[str], partition: Sequence[Sequence[tuple[int, int]]]) -> None:
        self.pattern = pattern
        self.uid = next(_uids)
        source = pattern.pattern
        self.reverse = bool(pattern.flags & regex.REVERSE)
        self.identity = _IDENTITY.search(source) is not None
        self.mirrors = self.identity and _RECURSION.search(source) is not None  # palindromes, perhaps
        self.caseless = bool(pattern.flags & regex.IGNORECASE) or _CASELESS.search(source) is not None
        self.relaxed = pattern
        without_minima = _FUZZY_MINIMUM.sub("", source)
        if without_minima != source:
            self.relaxed = regex.compile(without_minima, pattern.flags, **dict[str, Any](pattern.named_lists))
        # Whether partial matching is known to err about such patterns, so that a text also needs a completion.
        self.doubtful = self.reverse or self.relaxed is not pattern or _DOUBTFUL.search(source) is not None
        # How many more characters a dead text gets to come alive again.
        self.horizon = 2 if _END_SENSITIVE.search(source) or pattern.flags & regex.WORD else 0
        self._runs = _runs(partition)  # sorted (lo, hi, class) that cover every code point but surrogates
        self._run_starts = [lo for lo, _, _ in self._runs]
        self.members: dict[int, list[tuple[int, int]]] = {}  # what a person would write comes first
        for first, last in _PREFERRED:
            for lo, hi, kind in self._within((first, last)):
                self.members.setdefault(kind, []).append((lo, hi))
        self._first_of_class = {kind: chr(ranges[0][0]) for kind, ranges in self.members.items()}
        self._canonical: dict[tuple[object, ...], bytes] = {}
        self._moves: dict[bytes, list[tuple[int, bytes]]] = {}
        self._place = 0  # where `adapt` put the new characters last, counted from the end
        self._patience = SEARCH_LIMIT
        self._spent = 0.0  # seconds in matches ...
        self._walk = terms.walks  # ... since this walk over a trie began

    def shown(self) -> str:
        source: str = self.pattern.pattern
        return source if len(source) <= 80 else source[:77] + "..."

    # --- the alphabet -------------------------------------------------------------------------------------------------

    def class_of(self, character: str) -> int:
        return self._runs[bisect_right(self._run_starts, ord(character)) - 1][2]

    def spelling(self, character: str) -> str:
        """The character that stands for it in the text of a state."""
        return character if self.identity else self._first_of_class[self.class_of(character)]

    def span(self, prefix: bytes) -> tuple[int, int] | None:
        """The code points whose encoding starts with ``prefix``, first and last; None if there is none."""
        return _span(prefix)

    def _within(self, span: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
        lo, hi = span
        for i in range(bisect_right(self._run_starts, lo) - 1, len(self._runs)):
            start, end, kind = self._runs[i]
            if start > hi:
                return
            if end >= lo:
                yield max(start, lo), min(end, hi), kind

    def candidates(self, text: str, span: tuple[int, int]) -> list[str]:
        """Characters within ``span`` that answer for all of it after ``text``."""
        lo, hi = span
        told_apart = self.told_apart(text)
        if span == _ANY:
            answers = [self.fresh(kind, told_apart) for kind in self.members]
            usual = [*sorted({*text} & told_apart), *(c for c in answers if c is not None)]
            return [*usual, *sorted(told_apart.difference(usual))]
        fresh: dict[int, str] = {}
        for start, end, kind in self._within(span):
            if kind not in fresh:
                for point in range(start, end + 1):
                    if chr(point) not in told_apart:
                        fresh[kind] = chr(point)
                        break
        return [*(c for c in sorted(told_apart) if lo <= ord(c) <= hi), *fresh.values()]

    def told_apart(self, text: str) -> frozenset[str]:
        """The characters that a backreference into ``text`` could tell from the others of their class."""
        if not self.identity:
            return frozenset()
        characters = frozenset(text)
        return _with_variants(characters) if self.caseless else characters

    def fresh(self, kind: int, told_apart: frozenset[str]) -> str | None:
        """The first character of a class that a backreference cannot tell from the rest of it."""
        for lo, hi in self.members[kind]:
            for point in range(lo, hi + 1):
                if chr(point) not in told_apart:
                    return chr(point)
        return None

    def canonical_prefix(self, prefix: bytes) -> bytes:
        """Of all the prefixes that lead to the same classes, the one seen first."""
        span = _span(prefix)
        assert span is not None, "the caller has found characters with this prefix"
        base, left = _unclipped(prefix)
        key: list[object] = [left]
        previous: tuple[int, int] | None = None  # class, end
        for lo, hi, kind in self._within(span):
            if previous is not None and previous == (kind, lo - 1):
                key[-1] = hi - base
            else:
                key += [kind, lo - base, hi - base]
            previous = kind, hi
        return self._canonical.setdefault(tuple(key), prefix)

    def moves(self, pending: bytes) -> list[tuple[int, bytes]]:
        """Masks of next bytes that lead to the same state, each with ``pending`` and one of its bytes (not for
        identity)."""
        known = self._moves.get(pending)
        if known is None:
            masks: dict[object, int] = {}
            for byte in range(256):
                prefix = pending + bytes((byte,))
                span = _span(prefix)
                if span is not None:
                    state = self.class_of(chr(span[0])) if _is_complete(prefix) else self.canonical_prefix(prefix)
                    masks[state] = masks.get(state, 0) | 1 << byte
            known = [(mask, pending + bytes(((mask & -mask).bit_length() - 1,))) for mask in masks.values()]
            self._moves[pending] = known
        return known

    # --- verdicts -----------------------------------------------------------------------------------------------------

    def verdict_of_last(self, text: str, character: str) -> int:
        """The verdict on ``text + character``; characters that answer for each other share it."""
        if not self.identity:
            return self.verdict(text + self.spelling(character))
        told_apart = self.told_apart(text)
        if character not in told_apart:
            character = self.fresh(self.class_of(character), told_apart) or character
        return self.verdict(text + character)

    def verdict(self, text: str) -> int:
        """DEAD, ALIVE or FULL, after a second look at the dead (see ``horizon``)."""
        key = self.uid, text
        known = _verdicts.get(key)
        if known is None:
            known = self._look_on(text, self.horizon)
            _verdicts.put(key, known)
        return known

    def _look_on(self, text: str, horizon: int) -> int:
        found = self._match(text)
        if found == DEAD and horizon:
            characters = self.candidates(text, _ANY)
            if any(self._match(text + c) != DEAD for c in characters):
                return ALIVE
            if horizon > 1 and any(self._look_on(text + c, horizon - 1) != DEAD for c in characters):
                return ALIVE
        return found

    def _match(self, text: str) -> int:
        if self._walk != terms.walks:
            self._walk, self._spent = terms.walks, 0.0
        if self._spent > SLOW_LIMIT:
            raise self._too_slow(text, f"the matches for one mask take more than {SLOW_LIMIT:g} s")
        start = time.monotonic()
        matches = True
        try:
            match = self.relaxed.fullmatch(text, partial=not self.reverse, timeout=MATCH_LIMIT)
            if match is not None and self.relaxed is not self.pattern:
                matches = self.pattern.fullmatch(text, timeout=MATCH_LIMIT) is not None
        except TimeoutError:
            raise self._too_slow(text, f"one match takes more than {MATCH_LIMIT:g} s") from None
        except MemoryError:
            raise self._too_slow(text, "one match takes more memory than there is") from None
        self._spent += time.monotonic() - start
        if match is None:
            return ALIVE if self.reverse else DEAD
        return FULL if matches and not match.partial else ALIVE

    def _too_slow(self, text: str, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"the pattern {self.shown()!r} is matched by backtracking, because it is not regular, and after "
            f"{len(text)} characters of text {what}; avoid nested or overlapping repeats in it "
            "(or the construct that makes it irregular: relark.explain names it)"
        )

    # --- completions --------------------------------------------------------------------------------------------------

    def known_completion(self, text: str) -> str | bool | None:
        return _completions.get((self.uid, text))

    def remember(self, text: str, completion: str) -> None:
        """``completion`` completes ``text``, and what is left of it completes the texts on the way."""
        for i, character in enumerate(completion):
            _completions.put((self.uid, text), completion[i:])
            text += self.spelling(character)

    def adapt(self, text: str, ancestor: int) -> str | None:
        """A completion of ``text``, guessed from one of its first ``ancestor`` characters."""
        known = self.known_completion(text[:ancestor]) if ancestor < len(text) else None
        if isinstance(known, str):
            since = text[ancestor:]
            if self.verdict(text + known) == FULL:
                return self._adapted(text, known)
            # What was added may have to come again, as a backreference: try first where it had to the last time.
            for place in sorted(range(min(len(known), 16) + 1), key=lambda i: abs(i - self._place)):
                guess = known[: len(known) - place] + since + known[len(known) - place :]
                if self._match(text + guess) == FULL:
                    self._place = place
                    return self._adapted(text, guess)
        if self.mirrors:
            for guess in (text[-2::-1], text[::-1]):
                if self._match(text + guess) == FULL:
                    return self._adapted(text, guess)
        return None

    def _adapted(self, text: str, completion: str) -> str:
        _completions.put((self.uid, text), completion)
        return completion

    def search(self, starts: list[tuple[str, str, Term, int]], limit: int, alphabet: int) -> str | bool:
        """What completes the best of ``starts`` (what was added, text, guide, bytes added): the characters from before
        ``starts`` on. True if nothing does, False if nothing was found within ``limit`` questions.

        After searches in vain the next ones are given less time, because there may be one for every token.
        """
        found: str | bool = False
        if self.horizon:  # quick: without second looks
            found = self._search(starts, min(limit, self._patience), alphabet, self._match)
        if not isinstance(found, str):
            found = self._search(starts, min(limit, self._patience), alphabet, self.verdict)
        if found is False:
            self._patience = max(self._patience // 4, 50)
        else:
            self._patience = min(self._patience * 2, SEARCH_LIMIT)
        return found

    def _search(
        self, starts: list[tuple[str, str, Term, int]], limit: int, alphabet: int, judge: Callable[[str], int]
    ) -> str | bool:
        """`search`, once, with ``judge`` for the verdicts.

        Two queues share one set of texts: the greedy one, nearest to the end first as far as the guide knows, finds a
        completion; the other, shortest total first, shows that there is no shorter one. They take turns, because a
        guide may mislead the greedy one for ever.
        """
        order = itertools.count()
        greedy: list[tuple[int, int, int, str, str, Term, int]] = []
        careful: list[tuple[int, int, int, str, str, Term, int]] = []
        best: str | None = None
        best_cost = 1 << 60
        seen: set[str] = set()
        expanded: set[str] = set()
        questions = 0
        exhaustive = True

        def reach(added: str, text: str, guide: Term, cost: int) -> None:
            nonlocal best, best_cost, limit, exhaustive
            if text in seen:
                return
            seen.add(text)
            try:
                verdict = judge(text)
            except UnsupportedError:  # too slow: for all we know it may be completed, but not by us
                exhaustive = False
                return
            if verdict == DEAD:
                return
            if verdict == FULL:
                if cost < best_cost:
                    if best is None:
                        limit = min(limit, questions + IMPROVE_LIMIT)
                    best, best_cost = added, cost
                return
            left = max(1, lower_bound(guide))
            if cost + left < best_cost:
                number = next(order)
                heapq.heappush(greedy, (left + len(added) // DIVE, -len(added), number, added, text, guide, cost))
                heapq.heappush(careful, (cost + left, -len(added), number, added, text, guide, cost))

        for added, text, guide, cost in starts:
            reach(added, text, guide, cost)
        deadline = time.monotonic() + SEARCH_SECONDS
        while careful and questions < limit and time.monotonic() < deadline:
            use_greedy = best is None and len(expanded) % 4 and greedy
            _, _, _, added, text, guide, cost = heapq.heappop(greedy if use_greedy else careful)
            if text in expanded:
                continue
            if not use_greedy and cost + max(1, lower_bound(guide)) >= best_cost:
                break  # no shorter one
            expanded.add(text)
            for character in self.candidates(text, _ANY):
                after = guide
                encoded = character.encode()
                for byte in encoded:
                    after = derive(after, byte) if alphabet >> byte & 1 else EMPTY
                    if after is EMPTY:
                        break
                else:
                    questions += 1 + len(text) // 100
                    reach(added + character, text + self.spelling(character), after, cost + len(encoded))
        if best is not None:
            return best
        return exhaustive and not careful


_uids = itertools.count()
_ANY: Final = (0, 0x10FFFF)
_PREFERRED: Final = (*((ord(a), ord(b)) for a, b in ("az", "09", "AZ", " ~")), _ANY)


# --- UTF-8 and Unicode ------------------------------------------------------------------------------------------


def _runs(partition: Sequence[Sequence[tuple[int, int]]]) -> list[tuple[int, int, int]]:
    """The partition as sorted (first, last, class), completed to all code points but the surrogates."""
    given = sorted((lo, hi, kind) for kind, ranges in enumerate(partition) for lo, hi in ranges)
    rest = len(partition)
    covered: list[tuple[int, int, int]] = []
    position = 0
    for lo, hi, kind in given:
        if lo > position:
            covered.append((position, lo - 1, rest))
        covered.append((lo, hi, kind))
        position = hi + 1
    if position <= 0x10FFFF:
        covered.append((position, 0x10FFFF, rest))
    result: list[tuple[int, int, int]] = []
    for lo, hi, kind in covered:
        for part_lo, part_hi in ((lo, min(hi, 0xD7FF)), (max(lo, 0xE000), hi)):
            if part_lo <= part_hi:
                result.append((part_lo, part_hi, kind))
    return result


_SHORTEST_LENGTH: Final = {1: 0, 2: 0x80, 3: 0x800, 4: 0x10000}  # the first code point of each encoded length


def _length(lead: int) -> int:
    """How many bytes a character with this lead byte has; 0 if none has it."""
    if lead < 0x80:
        return 1
    if lead < 0xC2:
        return 0
    if lead < 0xE0:
        return 2
    if lead < 0xF0:
        return 3
    return 4 if lead < 0xF5 else 0


def _is_complete(prefix: bytes) -> bool:
    return len(prefix) == _length(prefix[0])


def _unclipped(prefix: bytes) -> tuple[int, int]:
    """The code point of ``prefix`` with zeros for the missing bits, and the number of missing bytes."""
    length = _length(prefix[0])
    point = prefix[0] if length == 1 else prefix[0] & (0x7F >> length)
    for byte in prefix[1:]:
        point = point << 6 | byte & 0x3F
    missing = length - len(prefix)
    return point << 6 * missing, missing


@lru_cache(maxsize=1 << 16)
def _span(prefix: bytes) -> tuple[int, int] | None:
    length = _length(prefix[0])
    if length < len(prefix) or any(byte & 0xC0 != 0x80 for byte in prefix[1:]):
        return None
    lo, missing = _unclipped(prefix)
    hi = min(lo + (1 << 6 * missing) - 1, 0x10FFFF)
    lo = max(lo, _SHORTEST_LENGTH[length])
    if 0xD800 <= lo <= 0xDFFF:
        lo = 0xE000
    if 0xD800 <= hi <= 0xDFFF:
        hi = 0xD7FF
    return (lo, hi) if lo <= hi else None


@lru_cache(maxsize=1)
def _variants() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """For each character with case, the characters it may be compared as; and the characters compared as a given one.

    A superset of what any case folding does, the full one ("ß" as "ss") and the Turkic one included.
    """
    everything = "".join(map(chr, itertools.chain(range(0xD800), range(0xE000, 0x110000))))
    compared_as: dict[str, frozenset[str]] = {}
    inverse: dict[str, set[str]] = {}
    for c in regex.findall(r"[\p{CWCM}\p{CWCF}\p{Cased}]", everything):
        forms = frozenset((c, *c.lower(), *c.upper(), *c.title(), *c.casefold()))
        if len(forms) > 1:
            compared_as[c] = forms
            for form in forms:
                inverse.setdefault(form, set()).add(c)
    for turkic in "iIıİ":
        compared_as[turkic] = compared_as.get(turkic, frozenset()) | frozenset("iIıİ")
        inverse.setdefault(turkic, set()).update("iIıİ")
    return compared_as, {form: frozenset(characters) for form, characters in inverse.items()}


@lru_cache(maxsize=4096)
def _with_variants(characters: frozenset[str]) -> frozenset[str]:
    compared_as, inverse = _variants()
    forms = frozenset().union(characters, *(compared_as[c] for c in characters if c in compared_as))
    return forms.union(*(inverse[f] for f in forms if f in inverse))
