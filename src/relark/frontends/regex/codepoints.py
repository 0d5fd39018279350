"""Which code points a character-sized piece of a pattern matches, asked of the engine that owns the notation.

``\\w``, ``\\p{Lu}``, ``[[a-z]--[aeiou]]`` or ``(?i:k)`` depend on the Unicode version, the flags and the set rules
of `regex` or `re` (they differ from each other and from release to release), so nothing is tabulated here: the
piece is compiled by that engine and run once over a string of all code points, surrogates excluded.  Written-out
sets that ignore case are run only over the some 3,000 characters that have case at all, because elsewhere case
makes no difference.

Cost: 1 to 15 ms for a piece seen for the first time, then a dictionary look-up (the answers are shared by the
process and the number kept is bounded).  Plain characters and ranges cost microseconds.  What it cannot do: pieces
wider than one character; the multi-character foldings of `regex`'s FULLCASE are listed by `expansions` and
`unfoldings`.

The tests compare the answers with a character-by-character scan.
"""

from __future__ import annotations

import array
import functools
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import regex

from relark.caches import Cache

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of code points: sorted, disjoint, not touching, without surrogates."""

MAX_CODE_POINT = 0x10FFFF
EVERYTHING: Ranges = ((0, 0xD7FF), (0xE000, MAX_CODE_POINT))


@dataclass(frozen=True, slots=True)
class Judge:
    """The engine that answers, and the global flags under which it answers.

    ``encoding`` is "a" where the pattern as a whole is ASCII, else "u"; ``version`` is 0 or 1 (always 0 for `re`).
    """

    module: Literal["regex", "re"] = "regex"
    encoding: Literal["a", "u"] = "u"
    version: Literal[0, 1] = 0

    def compile(self, source: str, *, ignore_case: bool) -> regex.Pattern[str] | re.Pattern[str]:
        """``(?:source)+`` under this judge's flags, with simple case folding if any."""
        if self.module == "re":
            flags = "ai" if self.encoding == "a" and ignore_case else "i" if ignore_case else ""
            return re.compile(f"(?{flags}:(?:{source})+)", re.ASCII if self.encoding == "a" else 0)
        version = regex.V1 if self.version else regex.V0
        case = "i-f" if ignore_case else "-f" if self.version else ""
        encoding = regex.ASCII if self.encoding == "a" else 0
        return regex.compile(f"(?{case}:(?:{source})+)", version | encoding, cache_pattern=False)


# --- ranges as sets ---------------------------------------------------------------------------------------------------


def normalised(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same set of code points in normal form."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        for lo, hi in ((low, min(high, 0xD7FF)), (max(low, 0xE000), high)):
            if lo > hi:
                continue
            if result and lo <= result[-1][1] + 1:
                result[-1] = (result[-1][0], max(result[-1][1], hi))
            else:
                result.append((lo, hi))
    return tuple(result)


def complement(ranges: Ranges) -> Ranges:
    """Every code point that is not in ``ranges``."""
    result = []
    start = 0
    for low, high in ranges:
        result.append((start, low - 1))
        start = high + 1
    result.append((start, MAX_CODE_POINT))
    return normalised((lo, hi) for lo, hi in result if lo <= hi)


def partition(sets: Iterable[Ranges]) -> list[Ranges]:
    """The coarsest disjoint classes, together every code point, such that each of ``sets`` is a union of classes."""
    edges: dict[int, set[int]] = {0: set(), 0xD800: set(), 0xE000: set(), MAX_CODE_POINT + 1: set()}
    for index, ranges in enumerate(dict.fromkeys(sets)):
        for low, high in ranges:
            edges.setdefault(low, set()).symmetric_difference_update((index,))
            edges.setdefault(high + 1, set()).symmetric_difference_update((index,))
    classes: dict[frozenset[int], list[tuple[int, int]]] = {}
    inside: frozenset[int] = frozenset()
    starts = sorted(edges)
    for low, after in itertools.pairwise(starts):
        inside = inside ^ frozenset(edges[low])
        if low != 0xD800:
            classes.setdefault(inside, []).append((low, after - 1))
    return [normalised(ranges) for ranges in classes.values()]


# --- asking the engine ------------------------------------------------------------------------------------------------


@functools.cache
def _universe() -> str:
    """All code points in order, surrogates left out."""
    codes = array.array("I", (*range(0xD800), *range(0xE000, MAX_CODE_POINT + 1)))
    return codes.tobytes().decode("utf-32-le" if sys.byteorder == "little" else "utf-32-be")


def _code_point(index: int) -> int:
    return index if index < 0xD800 else index + 0x800


_answers: Cache[tuple[Judge, str, bool], Ranges] = Cache(
    "code points", share=0.04, cost=lambda key, ranges: 300 + 120 * len(ranges)
)


def matched_by(judge: Judge, source: str, ignore_case: bool = False) -> Ranges:
    """The code points that the character-sized pattern ``source`` matches."""
    key = judge, source, ignore_case
    ranges = _answers.get(key)
    if ranges is None:
        pattern = judge.compile(source, ignore_case=ignore_case)
        is_ascii, has_property = judge.encoding == "a" or "(?a:" in source, "\\p" in source.lower() or "[:" in source
        if ignore_case and is_ascii and has_property:
            # For these `regex` disagrees with itself: what a search finds is not what fullmatch accepts.
            ranges = normalised((ord(c), ord(c)) for c in _universe() if pattern.fullmatch(c))
        else:
            found = pattern.finditer(_universe())
            ranges = normalised((_code_point(match.start()), _code_point(match.end() - 1)) for match in found)
        _answers.put(key, ranges)
    return ranges


def plain_set(judge: Judge, members: Sequence[tuple[int, int]], negative: bool, ignore_case: bool) -> Ranges:
    """The code points of a set that is written out as characters and ranges."""
    ranges = normalised(members)
    exact = complement(ranges) if negative else ranges
    if not ignore_case:
        return exact
    if not negative and all(not _cased(judge, low, high) for low, high in ranges):
        return exact
    source = set_source(members, negative)
    key = judge, source, True
    answer = _answers.get(key)
    if answer is None:
        answer = _ignoring_case(judge, source, exact)
        _answers.put(key, answer)
    return answer


@functools.lru_cache(maxsize=4096)
def case_variants(judge: Judge, code: int) -> Ranges:
    """The code points that match the character ``code`` when case is ignored (by simple folding); itself included."""
    if 0xD800 <= code <= 0xDFFF:
        return ()
    if not _cased(judge, code, code):
        return ((code, code),)
    return _ignoring_case(judge, escaped(code), ((code, code),))


@functools.lru_cache(maxsize=4096)
def reference_variants(judge: Judge, code: int, encoding: Literal["", "a", "u"] = "") -> Ranges:
    """What a backreference that ignores case takes for the character ``code``, itself included.

    For `re` that is less than `case_variants`: it compares lower-case forms and nothing else.  ``encoding`` is the one
    in force where the reference stands, if it is not the pattern's; `regex` does not care.
    """
    if judge.module == "regex" or 0xD800 <= code <= 0xDFFF:
        return case_variants(judge, code)
    pattern = re.compile(r"(.)\1", re.I | re.S | (re.A if (encoding or judge.encoding) == "a" else 0))
    same = [c for c in {chr(code), *_cased_characters("re")} if pattern.fullmatch(chr(code) + c)]
    return normalised((ord(c), ord(c)) for c in same)


def _ignoring_case(judge: Judge, source: str, exact: Ranges) -> Ranges:
    """``exact`` outside the characters that have case; what the engine says of those that have."""
    cased = _cased_characters(judge.module)
    matched = judge.compile(source, ignore_case=True)
    inside = [(ord(c), ord(c)) for match in matched.finditer(cased) for c in match.group()]
    return normalised([*_difference(exact, _cased_ranges(judge.module)), *inside])


def _difference(ranges: Ranges, removed: Ranges) -> Iterator[tuple[int, int]]:
    kept = [(lo, hi, 1) for lo, hi in ranges]
    taken = [(lo, hi, 2) for lo, hi in removed]
    edges: dict[int, int] = {}
    for lo, hi, bit in (*kept, *taken):
        edges[lo] = edges.get(lo, 0) ^ bit
        edges[hi + 1] = edges.get(hi + 1, 0) ^ bit
    state = 0
    starts = sorted(edges)
    for low, after in itertools.pairwise(starts):
        state ^= edges[low]
        if state == 1:
            yield low, after - 1


def _cased(judge: Judge, low: int, high: int) -> bool:
    return any(lo <= high and low <= hi for lo, hi in _cased_ranges(judge.module))


@functools.cache
def _cased_ranges(module: str) -> Ranges:
    return normalised((ord(c), ord(c)) for c in _cased_characters(module))


@functools.cache
def _cased_characters(module: str) -> str:
    """A superset of the characters for which the engine makes a difference when it ignores case."""
    text = _universe()
    if module == "regex":
        return "".join(regex.findall(r"[\p{CWCM}\p{CWCF}]+", text))
    # `re` follows Python's own case mappings; most blocks of 256 have none, so they are ruled out whole.
    found = []
    for start in range(0, len(text), 256):
        block = text[start : start + 256]
        if not (block == block.lower() == block.upper() == block.title() == block.casefold()):
            found += [c for c in block if not c == c.lower() == c.upper() == c.title() == c.casefold()]
    return "".join(found)


# --- writing sets -----------------------------------------------------------------------------------------------------


def escaped(code: int) -> str:
    """The character as `regex` and `re` both read it, in a set or out of one, whatever the flags."""
    if code < 0x80 and chr(code).isalnum():
        return chr(code)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def set_source(members: Iterable[tuple[int, int]], negative: bool = False) -> str:
    """A set of ranges in the notation of `regex` and `re`; an empty one matches nothing."""
    inner = "".join(escaped(lo) if lo == hi else f"{escaped(lo)}-{escaped(hi)}" for lo, hi in members)
    if not inner:
        return r"[\x00-\U0010ffff]" if negative else r"[^\x00-\U0010ffff]"
    return f"[{'^' if negative else ''}{inner}]"


# --- full case folding (`regex` only) ---------------------------------------------------------------------------------


@functools.cache
def expansions() -> tuple[tuple[str, str], ...] | None:
    """(character, its folding of two or more characters), or None where this release of `regex` does not tell."""
    characters = _core("get_expand_on_folding")
    if characters is None:
        return None
    pairs = [(c, folded(c)) for c in characters()]
    return tuple((c, f) for c, f in pairs if len(f) > 1)


@functools.lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """``text`` under `regex`'s full case folding.  Only where `expansions` is not None."""
    fold = _core("fold_case")
    assert fold is not None
    result: str = fold(regex.UNICODE | regex.FULLCASE | regex.IGNORECASE, text)
    return result


def _core(name: str) -> Callable[..., Any] | None:
    """A function of `regex`'s C core that has no public name; None where it is gone."""
    return getattr(regex._regex, name, None) if hasattr(regex, "_regex") else None


@functools.cache
def _by_folding() -> dict[str, tuple[int, ...]]:
    """Folding -> the characters that have it, for every character with case or with an expansion."""
    table: dict[str, list[int]] = {}
    characters = dict.fromkeys(_cased_characters("regex"))
    characters.update(dict.fromkeys(c for c, _ in expansions() or ()))
    for c in characters:
        table.setdefault(folded(c), []).append(ord(c))
    return {key: tuple(codes) for key, codes in table.items()}


def unfoldings(judge: Judge, text: str, start: int) -> Iterator[tuple[int, Ranges]]:
    """(width, characters): single characters whose full folding stands at ``text[start : start + width]``.

    ``text`` is folded already.  As in `regex`, the characters of the foldings are themselves compared without
    regard to case, which matters for the Turkish i.
    """
    table = _by_folding()
    at = [
        [chr(c) for lo, hi in case_variants(judge, ord(ch)) for c in range(lo, hi + 1)]
        for ch in text[start : start + 3]
    ]
    single = {code for ch in at[0] for code in table.get(ch, (ord(ch),) if folded(ch) == ch else ())}
    if single:
        yield 1, normalised((code, code) for code in single)
    for width in (2, 3):
        if width > len(at):
            break
        wide = [ord(c) for c, f in expansions() or () if len(f) == width and all(f[i] in at[i] for i in range(width))]
        if wide:
            yield width, normalised((code, code) for code in wide)


# --- what \X and the WORD flag look at --------------------------------------------------------------------------------

_BREAKS = {
    "Grapheme_Cluster_Break": "CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT E_Base "
    "E_Modifier E_Base_GAZ Glue_After_Zwj",
    "Word_Break": "CR LF Newline Extend ZWJ Regional_Indicator Format Katakana Hebrew_Letter ALetter Single_Quote "
    "Double_Quote MidNumLet MidLetter MidNum Numeric ExtendNumLet WSegSpace E_Base E_Modifier E_Base_GAZ "
    "Glue_After_Zwj",
    "Indic_Conjunct_Break": "Extend Linker Consonant",
}
_APOSTROPHES_AND_VOWELS = "'\u2019aeiouàáâèéêìíîòóôùúû"  # `regex` breaks words between these two


@functools.cache
def segmentation_classes() -> tuple[Ranges, ...]:
    r"""Classes of code points that ``\X`` and the word boundaries of the WORD flag tell apart (Unicode Annex 29)."""
    judge = Judge()
    sources = [rf"\p{{{name}={value}}}" for name, values in _BREAKS.items() for value in values.split()]
    sets: list[Ranges] = [((ord(c), ord(c)),) for char in _APOSTROPHES_AND_VOWELS for c in {char, char.upper()}]
    sets.append(((0x130, 0x130),))  # its lower case is the vowel i
    for source in (*sources, r"\p{Extended_Pictographic}", r"\p{Alphabetic}", r"\w"):
        try:
            sets.append(matched_by(judge, source))
        except regex.error:  # this release has no such property, so its boundaries do not depend on it
            continue
    return tuple(partition(sets))
