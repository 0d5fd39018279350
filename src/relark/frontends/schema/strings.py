r"""JSON strings: from a language of decoded texts to the language of their JSON texts.

What a schema says about a string it says about the decoded value, so lengths, patterns and formats are *terms over
decoded text* (subsets of `TEXT`) and combine by the algebra.  `json_text` then turns such a term into the texts that
spell its members in JSON (RFC 8259, section 7):

- printable ASCII stands for itself, ``"`` and ``\`` are ``\"`` and ``\\``, ``/`` may also be ``\/``;
- control characters are ``\b \f \n \r \t`` where these exist, or ``\u00XX``;
- anything beyond ASCII, and DEL, stands for itself in UTF-8, or is ``\uXXXX``, as a pair of surrogates beyond U+FFFF;
  hex digits in either case;
- no other escapes of ASCII characters, and no lone surrogates (they have no decoded form in UTF-8).

JSON escaping is a substitution of characters, so where a term is visibly made of whole characters the result is a plain
term again.  Elsewhere (intersections, complements, alternatives that share the first bytes of a character, leaves) it
is a `Leaf` whose state is the decoded term that is left: decoding is a function, hence exact for every operator.

Cost: a derivative costs one of the decoded term.  Cannot do: ``decoded`` beyond UTF-8; the caller keeps to `TEXT`.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from functools import lru_cache

from relark.caches import Cache
from relark.frontends.schema.texts import counted
from relark.language import (
    ANY_CHARACTER,
    EMPTY,
    EPSILON,
    TEXT,
    Completions,
    Leaf,
    Term,
    byte_set,
    code_points,
    concat,
    derive,
    intersection,
    is_empty,
    leaf,
    literal,
    lower_bound,
    repeat,
    transitions,
    union,
)
from relark.language.completion import NONE
from relark.language.derivative import clamp
from relark.language.terms import CHECK, LAZY, ByteSet, Concat, Repeat, Union
from relark.language.utf8 import MAX_CODE_POINT, normalise

__all__ = ["json_key", "json_string", "json_text", "length_term", "meet"]

Ranges = tuple[tuple[int, int], ...]


def _mask(*ranges: tuple[int, int]) -> int:
    """The bytes of disjoint ``ranges``."""
    return sum((2 << hi) - (1 << lo) for lo, hi in ranges)


_QUOTE, _BACKSLASH = 0x22, 0x5C
_CONTROL = _mask((0x00, 0x1F))
_RAW = _mask((0x20, 0xFF)) & ~(1 << _QUOTE | 1 << _BACKSLASH)  # bytes that stand for themselves
_LEADS = _mask((0xC2, 0xF4))  # first bytes of characters beyond ASCII
_SIMPLE = {0x22: '"', 0x5C: "\\", 0x2F: "/", 0x08: "b", 0x0C: "f", 0x0A: "n", 0x0D: "r", 0x09: "t"}
_SIMPLE_BYTES = {ord(letter): byte for byte, letter in _SIMPLE.items()}
_UNICODE = _CONTROL | 1 << 0x7F | _LEADS  # bytes with which a character begins that may be written \uXXXX
_ESCAPABLE = _UNICODE | sum(1 << byte for byte in _SIMPLE)
_HEX = _mask((0x30, 0x39), (0x61, 0x66))  # the digits that are enough to write any escape
_SPELLED = _HEX | sum(1 << byte for byte in b'"\\/bfnrtu')
_CLOSE = byte_set(1 << _QUOTE)
_ESCAPE = byte_set(1 << _BACKSLASH)
_U = byte_set(1 << 0x75)


# --- the public face --------------------------------------------------------------------------------------------------


def length_term(least: int = 0, most: int | None = None) -> Term:
    """Decoded texts of ``least`` to ``most`` code points."""
    return repeat(ANY_CHARACTER, least, most)


def meet(*terms: Term) -> Term:
    """Decoded texts that are in all of ``terms``; plain terms where that is easily seen, an intersection elsewhere."""
    result: Term = TEXT
    for term in terms:
        result = _meet(result, term)
    return result


def json_text(decoded: Term) -> Term:
    """The JSON texts, quotes included, of the strings whose value is in ``decoded``; no text is a prefix of another."""
    return concat(_CLOSE, _inside(decoded))


def json_key(decoded: Term) -> Term:
    """The JSON texts of member names: those of any other string."""
    return json_text(decoded)


def json_string(value: str) -> Term:
    """The JSON texts of one string."""
    return json_text(literal(value.encode("utf-8")))


# --- meet -------------------------------------------------------------------------------------------------------------


def _meet(a: Term, b: Term) -> Term:
    if a is b or b is TEXT:
        return a
    if a is TEXT:
        return b
    if isinstance(b, Repeat) and b.item is ANY_CHARACTER:
        a, b = b, a
    if isinstance(a, Repeat) and a.item is ANY_CHARACTER:
        item, lo, hi = (b.item, b.lo, b.hi) if isinstance(b, Repeat) else (b, 1, 1)
        if _as_characters(item) is not None:
            most = a.hi if hi is None else hi if a.hi is None else min(a.hi, hi)
            return repeat(item, max(a.lo, lo), most)
        return counted(b, a.lo, a.hi)
    return intersection(a, b)


# --- escaping as a substitution ---------------------------------------------------------------------------------------

_insides: Cache[Term, Term] = Cache("json strings", share=0.01, cost=lambda key, value: 300)


def _inside(decoded: Term) -> Term:
    """What follows the opening quote, or any character after it, closing quote included."""
    if decoded is EMPTY:
        return EMPTY
    known = _insides.get(decoded)
    if known is None:
        plain = _substituted(decoded) if _is_plain(decoded) else None
        known = leaf(_Inside(decoded)) if plain is None else concat(plain, _CLOSE)
        _insides.put(decoded, known)
    return known


_plain: Cache[Term, bool] = Cache("plain terms", share=0.002, cost=lambda key, value: 200)


def _is_plain(term: Term) -> bool:
    """Whether ``term`` is made of byte sets, concatenations, unions and repeats only."""
    known = _plain.get(term)
    if known is None:
        match term:
            case Concat():
                known = True
                rest: Term = term
                while known and isinstance(rest, Concat):
                    known, rest = _is_plain(rest.head), rest.tail
                known = known and _is_plain(rest)
            case Union():
                known = all(map(_is_plain, term.items))
            case Repeat():
                known = _is_plain(term.item)
            case _:
                known = isinstance(term, ByteSet) or term is EPSILON
        _plain.put(term, known)
    return known


def _substituted(term: Term) -> Term | None:
    """``term`` with its characters escaped in every way; None where it is not visibly made of whole characters."""
    if term is EPSILON:
        return EPSILON
    match term:
        case Concat():
            parts: list[Term] = []
            rest: Term = term
            while isinstance(rest, Concat):
                if isinstance(rest.head, ByteSet):
                    found = _characters(rest)
                    if len(found) != 1:
                        return None
                    ranges, rest = found[0]
                    parts.append(_escaped(ranges))
                else:
                    part = _substituted(rest.head)
                    if part is None:
                        return None
                    parts.append(part)
                    rest = rest.tail
            last = _substituted(rest)
            return None if last is None else concat(*parts, last)
        case Repeat():
            item = _substituted(term.item)
            return None if item is None else repeat(item, term.lo, term.hi)
    characters = _as_characters(term)
    if characters is not None:
        return _escaped(characters)
    if isinstance(term, Union):
        items = [_substituted(item) for item in term.items]
        return None if None in items else union(*items)  # type: ignore[arg-type]
    return None


def _as_characters(term: Term) -> Ranges | None:
    """The code points that ``term`` is a set of; None where it is anything else."""
    if term.nullable or not isinstance(term, ByteSet | Concat | Union) or not _is_plain(term):
        return None
    found = _characters(term)
    if len(found) != 1 or found[0][1] is not EPSILON:
        return None
    return found[0][0]


_forms: Cache[Term, tuple[tuple[Ranges, Term], ...]] = Cache(
    "first characters", share=0.01, cost=lambda key, value: 300 + sum(200 + 60 * len(ranges) for ranges, _ in value)
)


def _characters(term: Term) -> tuple[tuple[Ranges, Term], ...]:
    """The derivatives of ``term`` by whole characters: disjoint sets of code points, each with what may follow.

    Empty where ``term`` stands inside a character.
    """
    known = _forms.get(term)
    if known is None:
        found: dict[Term, list[tuple[int, int]]] = {}
        for mask, target in transitions(term):
            for lo, hi in _runs(mask & _mask((0x00, 0x7F))):
                found.setdefault(target, []).append((lo, hi))
            for width, first, last in ((1, 0xC2, 0xDF), (2, 0xE0, 0xEF), (3, 0xF0, 0xF4)):
                leads = mask & _mask((first, last))
                if leads:
                    base = 0xC0 if width == 1 else 0xE0 if width == 2 else 0xF0
                    for after, lows in _continued(target, width).items():
                        ranges = found.setdefault(after, [])
                        for lo, hi in _runs(leads):
                            ranges += _shifted(lo - base, hi - base, lows, width)
        known = tuple((tuple(normalise(ranges)), after) for after, ranges in found.items() if after is not EMPTY)
        _forms.put(term, known)
    return known


def _continued(term: Term, width: int) -> dict[Term, list[tuple[int, int]]]:
    """What follows ``width`` continuation bytes, with the numbers that they make up."""
    if width == 0:
        return {term: [(0, 0)]}
    found: dict[Term, list[tuple[int, int]]] = {}
    for mask, target in transitions(term):
        tops = mask >> 0x80 & ((1 << 64) - 1)
        if tops:
            for after, lows in _continued(target, width - 1).items():
                ranges = found.setdefault(after, [])
                for lo, hi in _runs(tops):
                    ranges += _shifted(lo, hi, lows, width - 1)
    return found


def _shifted(lo: int, hi: int, lows: list[tuple[int, int]], width: int) -> list[tuple[int, int]]:
    shift = 6 * width
    if lows == [(0, (1 << shift) - 1)]:
        return [(lo << shift, hi << shift | (1 << shift) - 1)]
    return [(top << shift | low, top << shift | high) for top in range(lo, hi + 1) for low, high in lows]


def _runs(mask: int) -> list[tuple[int, int]]:
    """The bits of ``mask`` as inclusive ranges."""
    runs = []
    while mask:
        lo = (mask & -mask).bit_length() - 1
        width = (~(mask >> lo) & (mask >> lo) + 1).bit_length() - 1
        runs.append((lo, lo + width - 1))
        mask &= ~(((1 << width) - 1) << lo)
    return runs


@lru_cache(maxsize=1024)
def _escaped(ranges: Ranges) -> Term:
    """One character out of ``ranges``, in each way that JSON has for it."""
    raw = [r for lo, hi in ranges for r in _overlaps(lo, hi, ((0x20, 0x21), (0x23, 0x5B), (0x5D, MAX_CODE_POINT)))]
    simple = sum(1 << ord(letter) for byte, letter in _SIMPLE.items() if any(lo <= byte <= hi for lo, hi in ranges))
    escapes = union(byte_set(simple), concat(_U, _hex_of(ranges)))
    return union(code_points(raw), concat(_ESCAPE, escapes))


def _overlaps(lo: int, hi: int, parts: Ranges) -> list[tuple[int, int]]:
    return [(max(lo, a), min(hi, b)) for a, b in parts if lo <= b and hi >= a]


def _hex_of(ranges: Ranges) -> Term:
    r"""What follows ``\u`` for the characters of ``ranges`` that may be written so."""
    units = [
        (max(lo, a), min(hi, b)) for lo, hi in ranges for a, b in ((0, 0x1F), (0x7F, 0xFFFF)) if lo <= b and hi >= a
    ]
    by_top: dict[int, list[tuple[int, int]]] = {}  # high surrogate -> low ones
    by_low: dict[Ranges, list[tuple[int, int]]] = {}  # low surrogates -> the high ones that they may follow
    for lo, hi in [(max(lo, 0x10000), hi) for lo, hi in ranges if hi >= 0x10000]:
        first, last = (lo - 0x10000) >> 10, (hi - 0x10000) >> 10
        for top in sorted({first, last}):
            low = (lo & 0x3FF if top == first else 0, hi & 0x3FF if top == last else 0x3FF)
            by_top.setdefault(0xD800 + top, []).append(low)
        if last - first > 1:
            by_low.setdefault(((0, 0x3FF),), []).append((0xD800 + first + 1, 0xD800 + last - 1))
    for top, lows in by_top.items():
        by_low.setdefault(tuple(lows), []).append((top, top))
    pairs = [
        concat(_digits(highs, 4), _ESCAPE, _U, _digits([(0xDC00 + lo, 0xDC00 + hi) for lo, hi in lows], 4))
        for lows, highs in by_low.items()
    ]
    return union(_digits(units, 4), *pairs)


def _digits(ranges: list[tuple[int, int]], count: int) -> Term:
    """The numbers of ``ranges`` as ``count`` hex digits."""
    ordered = tuple(sorted(ranges))
    return _hex_term(ordered, 0, len(ordered), 0, count)


def _hex_term(ranges: Ranges, lo: int, hi: int, base: int, count: int) -> Term:
    """``count`` hex digits that make up, with ``base``, a number of ``ranges[lo:hi]``."""
    if lo == hi:
        return EMPTY
    if count == 0:
        return EPSILON
    if ranges[lo][0] <= base and ranges[lo][1] >= base + (1 << 4 * count) - 1:
        return repeat(_ANY_DIGIT, count, count)
    return leaf(_Hex(ranges[lo:hi], base, count))


@dataclass(frozen=True, slots=True)
class _Hex(Leaf):
    """``count`` digits that make up, with ``base``, a number in ``ranges`` (sorted, disjoint).

    A leaf because a set like ``\\p{L}`` is some hundred ranges, of which few prefixes are ever asked for.
    """

    ranges: Ranges
    base: int
    count: int

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        return self.count

    def is_prefix_free(self) -> bool:
        return True

    def _tops(self) -> list[int]:
        shift = 4 * (self.count - 1)
        return [d for d in range(16) if self._within(self.base | d << shift, shift)]

    def _within(self, low: int, shift: int) -> bool:
        i = bisect.bisect_right(self.ranges, (low | (1 << shift) - 1, MAX_CODE_POINT)) - 1
        return i >= 0 and self.ranges[i][1] >= low

    def classes(self) -> tuple[int, ...]:
        return tuple(_digit(d) for d in self._tops())

    def derive(self, byte: int) -> Term:
        if not _HEX_DIGITS >> byte & 1:
            return EMPTY
        low = self.base | int(chr(byte), 16) << 4 * (self.count - 1)
        high = low | (1 << 4 * (self.count - 1)) - 1
        first = bisect.bisect_left(self.ranges, low, key=_end)
        last = bisect.bisect_right(self.ranges, high, key=_start)
        return _hex_term(self.ranges, first, last, low, self.count - 1)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        return None if _HEX & ~alphabet else (self.count, self.count)

    def shortest(self, alphabet: int) -> bytes | None:
        for digit in self._tops():
            usable = _digit(digit) & alphabet
            if usable:
                byte = usable.bit_length() - 1
                rest = Completions(alphabet).shortest(self.derive(byte))
                if rest is not None:
                    return bytes([byte]) + rest
        return None

    def __str__(self) -> str:
        return f"{self.count} hex digits"


def _start(item: tuple[int, int]) -> int:
    return item[0]


def _end(item: tuple[int, int]) -> int:
    return item[1]


def _digit(value: int) -> int:
    return 1 << ord(f"{value:x}") | 1 << ord(f"{value:X}")


_HEX_DIGITS = sum(map(_digit, range(16)))
_ANY_DIGIT = byte_set(_HEX_DIGITS)


# --- escaping as a leaf -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Inside(Leaf):
    """Between characters, or inside a raw one: ``decoded`` is left."""

    decoded: Term

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        return lower_bound(self.decoded) + 1

    def is_prefix_free(self) -> bool:
        return True

    @property
    def may_be_empty(self) -> bool:
        return bool(self.decoded.flags & CHECK)

    def is_empty(self) -> bool:
        return is_empty(self.decoded)

    def clamp(self, term: Term, limit: int) -> Term:
        return _inside(clamp(self.decoded, limit))

    def first(self) -> int | None:
        if self.decoded.flags & LAZY:
            return None
        first = self.decoded.first
        close = 1 << _QUOTE if self.decoded.nullable else 0
        return first & _RAW | close | (1 << _BACKSLASH if first & _ESCAPABLE else 0)

    def classes(self) -> tuple[int, ...] | None:
        if self.decoded.flags & LAZY:
            return None
        masks = [1 << _QUOTE] if self.decoded.nullable else []
        first = 0
        for mask, _ in transitions(self.decoded):
            first |= mask
            if mask & _RAW:
                masks.append(mask & _RAW)
        if first & _ESCAPABLE:
            masks.append(1 << _BACKSLASH)
        return tuple(masks)

    def derive(self, byte: int) -> Term:
        if byte == _QUOTE:
            return EPSILON if self.decoded.nullable else EMPTY
        if byte == _BACKSLASH:
            return leaf(_Escape(self.decoded)) if _begins(self.decoded, _ESCAPABLE) else EMPTY
        if not _RAW >> byte & 1:
            return EMPTY
        return _inside(derive(self.decoded, byte))

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        if _SPELLED & ~alphabet:
            return None
        length, rest = Completions(alphabet & _RAW, within).bounds(self.decoded)
        if length < NONE and rest < NONE:
            return length + 1, max(length, rest) + 1 + _ESCAPE_LENGTH
        length, rest = Completions(_spellable(alphabet), within).bounds(self.decoded)
        if length < NONE and rest < NONE:
            return 6 * length + 1, 6 * max(length, rest) + 1 + _ESCAPE_LENGTH  # \\uXXXX for a byte, at most
        return None

    def shortest(self, alphabet: int) -> bytes | None:
        if not alphabet >> _QUOTE & 1:
            return None
        found = []
        for usable in (alphabet & _RAW, _spellable(alphabet)):
            text = Completions(usable).shortest(self.decoded)
            if text is not None:
                found.append(_encode(text, alphabet) + b'"')
                if len(text) == lower_bound(self.decoded):
                    break
        return min(found, key=len, default=None)

    def __str__(self) -> str:
        return f"json string {self.decoded!r}"


_ESCAPE_LENGTH = 12  # bytes of the longest escape, a pair of surrogates


@dataclass(frozen=True, slots=True)
class _Escape(Leaf):
    r"""After ``\``."""

    decoded: Term

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        return 2

    def is_prefix_free(self) -> bool:
        return True

    def classes(self) -> tuple[int, ...] | None:
        if self.decoded.flags & LAZY:
            return None
        first = self.decoded.first
        masks = [1 << letter for letter, byte in _SIMPLE_BYTES.items() if first >> byte & 1]
        return (*masks, 1 << 0x75) if first & _UNICODE else tuple(masks)

    def derive(self, byte: int) -> Term:
        if byte == 0x75:
            return leaf(_Unicode(self.decoded)) if _begins(self.decoded, _UNICODE) else EMPTY
        meant = _SIMPLE_BYTES.get(byte)
        return EMPTY if meant is None else _inside(derive(self.decoded, meant))

    def shortest(self, alphabet: int) -> bytes | None:
        return _shortest_after(self, alphabet)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        found = _Inside(self.decoded).bounds(alphabet, within)
        return None if found is None else (found[1], found[1])

    def clamp(self, term: Term, limit: int) -> Term:
        return leaf(_Escape(clamp(self.decoded, limit)))

    def __str__(self) -> str:
        return f"json escape {self.decoded!r}"


@dataclass(frozen=True, slots=True)
class _Unicode(Leaf):
    r"""In the digits after ``\u``: ``left`` more of them make up ``value``; ``high``: a pair's first surrogate, or 0.

    Apart from `_Escape`, and digit by digit, because few tokens get here and a character class may be large.
    """

    decoded: Term
    high: int = 0
    value: int = 0
    left: int = 4

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        return self.left + 1

    def is_prefix_free(self) -> bool:
        return True

    def classes(self) -> tuple[int, ...] | None:
        return None if self.decoded.flags & LAZY else tuple(_digit(value) for value in range(16))

    def derive(self, byte: int) -> Term:
        if not _HEX_DIGITS >> byte & 1:
            return EMPTY
        shift = 4 * (self.left - 1)
        value = self.value | int(chr(byte), 16) << shift
        ranges = _meant(self.high, value, value | (1 << shift) - 1)
        if not any(_reaches(self.decoded, code_points([r]), ANY_CHARACTER) for r in ranges):
            return EMPTY
        if self.left > 1:
            return leaf(_Unicode(self.decoded, self.high, value, self.left - 1))
        if not self.high and 0xD800 <= value < 0xDC00:
            return concat(_ESCAPE, _U, leaf(_Unicode(self.decoded, value)))
        decoded = self.decoded
        for b in chr(ranges[0][0]).encode("utf-8"):
            decoded = derive(decoded, b)
        return _inside(decoded)

    def shortest(self, alphabet: int) -> bytes | None:
        for digit in range(16):
            usable = _digit(digit) & alphabet
            if usable:
                byte = usable.bit_length() - 1
                rest = Completions(alphabet).shortest(self.derive(byte))
                if rest is not None:
                    return bytes([byte]) + rest
        return None

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        found = _Inside(self.decoded).bounds(alphabet, within)
        return None if found is None else (found[1], found[1])

    def clamp(self, term: Term, limit: int) -> Term:
        return leaf(_Unicode(clamp(self.decoded, limit), self.high, self.value, self.left))

    def __str__(self) -> str:
        return f"json hex digits {self.decoded!r}"


def _meant(high: int, lo: int, hi: int) -> list[tuple[int, int]]:
    """The code points of the units ``lo`` to ``hi``, or of those after the surrogate ``high``."""
    if high:
        base = 0x10000 + ((high - 0xD800) << 10)
        return [(base + a - 0xDC00, base + b - 0xDC00) for a, b in _overlaps(lo, hi, ((0xDC00, 0xDFFF),))]
    pairs = [
        (0x10000 + ((a - 0xD800) << 10), 0x103FF + ((b - 0xD800) << 10))
        for a, b in _overlaps(lo, hi, ((0xD800, 0xDBFF),))
    ]
    return _overlaps(lo, hi, ((0, 0x1F), (0x7F, 0xD7FF), (0xE000, 0xFFFF))) + pairs


def _reaches(decoded: Term, characters: Term, any_character: Term) -> bool:
    """Whether ``decoded`` goes on with one of ``characters``; ``any_character``: what all characters look like here."""
    if characters is any_character:
        return decoded is not EMPTY and not is_empty(decoded)
    for mask, target in transitions(characters):
        rest = derive(any_character, (mask & -mask).bit_length() - 1)
        for lo, hi in _runs(mask & decoded.first):
            if any(_reaches(derive(decoded, byte), target, rest) for byte in range(lo, hi + 1)):
                return True
    return False


def _begins(decoded: Term, mask: int) -> bool:
    """Whether some member begins with a byte of ``mask``."""
    mask &= decoded.first
    if not mask:
        return False
    if decoded.flags & LAZY:
        return any(not is_empty(derive(decoded, lo)) for run in _runs(mask) for lo in range(run[0], run[1] + 1))
    return any(m & mask and not is_empty(target) for m, target in transitions(decoded))


def _shortest_after(state: Leaf, alphabet: int) -> bytes | None:
    """A shortest member of a state in the middle of an escape."""
    found = []
    for mask in state.classes() or ():
        usable = mask & alphabet
        if usable:
            byte = usable.bit_length() - 1
            rest = Completions(alphabet).shortest(state.derive(byte))
            if rest is not None:
                found.append(bytes([byte]) + rest)
    return min(found, key=len, default=None)


def _spellable(alphabet: int) -> int:
    """The bytes of decoded text that JSON text over ``alphabet`` can spell."""
    usable = alphabet & _RAW
    if alphabet >> _BACKSLASH & 1:
        usable |= sum(1 << byte for byte, letter in _SIMPLE.items() if alphabet >> ord(letter) & 1)
        if alphabet >> 0x75 & 1 and not _HEX & ~alphabet:
            usable |= _CONTROL | _mask((0x80, 0xFF))
    return usable


def _encode(text: bytes, alphabet: int) -> bytes:
    """A short JSON text, without quotes, of a decoded one."""
    begun = 0  # the rest of a character whose first bytes are read
    while begun < len(text) and text[begun] & 0xC0 == 0x80:
        begun += 1
    result = bytearray(text[:begun])
    for character in text[begun:].decode("utf-8"):
        raw = character.encode("utf-8")
        if all((alphabet & _RAW) >> byte & 1 for byte in raw):
            result += raw
        elif ord(character) in _SIMPLE and alphabet >> ord(_SIMPLE[ord(character)]) & 1:
            result += b"\\" + _SIMPLE[ord(character)].encode()
        else:
            units = character.encode("utf-16-be")
            for i in range(0, len(units), 2):
                result += b"\\u" + units[i : i + 2].hex().encode()
    return bytes(result)
