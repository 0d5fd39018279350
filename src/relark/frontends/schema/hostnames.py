r"""Host names: letters, digits and hyphens (RFC 1123), and internationalised ones (RFC 5890 to 5893).

An ordinary label is regular.  What IDNA asks of other labels is not: an A-label (``xn--...``) must be the Punycode of a
valid U-label, and a U-label must be in normal form C, keep to the code points and contexts of RFC 5892 and to the Bidi
rule of RFC 5893, and have a Punycode of at most 59 characters.  The package `idna` judges; here are leaves that
remember the label so far, reduced to what still matters.  A label so far is alive if one of a few short continuations
makes it valid; they are chosen so that each pending condition (a middle dot wants an l, a left-to-right label a letter
at its end, ...) is met by one of them.

The Bidi rule holds for a whole name: if one label reads from right to left, all labels must keep to it.  So a name is
either a sequence of labels without such characters, or one of labels that all keep to the rule.

Cost: a derivative inside a U-label or after ``xn--`` asks `idna` some times, 50 to 500 us, and its states are many: the
first mask of idn-hostname takes seconds.  Departures: a label that fills its 63 characters up to the last few may be
taken as alive, or as dead, wrongly; a combining mark right after an ASCII letter is refused; the length of an
internationalised name is counted as it is written.
"""

from __future__ import annotations

import bisect
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import idna
from idna import idnadata

from relark.frontends.regex import compile_regex
from relark.frontends.schema.texts import Measured, counted
from relark.language import EMPTY, Term, code_points, concat, derive, leaf, repeat, transitions, union

__all__ = ["hostname_term", "idn_hostname_term"]

Direction = Literal["any", "plain", "left", "right"]
# of a label: any valid one, one without right-to-left characters, and the two kinds that keep to the Bidi rule

_ROOM = 59  # characters of an A-label after its prefix
_LDH = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-")


def hostname_term() -> Term:
    """Names of at most 253 characters, labels of at most 63; A-labels are valid."""
    return _name(_label("any"), compile_regex(r"\.").term)


def idn_hostname_term() -> Term:
    """Names whose labels may also be U-labels."""
    dot = compile_regex(r"[.\u3002\uFF0E\uFF61]").term
    plain = union(_label("plain"), leaf(_ULabel("", b"", "plain")))
    by_rule = [_a_label("left"), _a_label("right"), leaf(_ULabel("", b"", "left")), leaf(_ULabel("", b"", "right"))]
    return union(_name(plain, dot), _name(union(_bidi_label(), *by_rule), dot))


def _name(label: Term, dot: Term) -> Term:
    return counted(concat(label, repeat(concat(dot, label), 0, None)), 0, 253)


def _label(direction: Direction) -> Term:
    return union(_ordinary("0-9A-WYZa-wyz", "Xx"), _a_label(direction))


def _ordinary(first: str, x: str) -> Term:
    """A label of letters, digits and hyphens that does not begin with ``xn--``."""
    some, end = "[0-9A-Za-z-]", "[0-9A-Za-z]"
    after_xn = f"(?:{end}(?:{some}{{0,59}}{end})?|-{end}(?:{some}{{0,58}}{end})?)?"
    after_x = f"(?:[0-9A-MO-Za-mo-z](?:{some}{{0,60}}{end})?|-{some}{{0,60}}{end}|[Nn]{after_xn})?"
    return compile_regex(f"[{first}](?:{some}{{0,61}}{end})?|[{x}]{after_x}").term


def _bidi_label() -> Term:
    """Such a label that keeps to the Bidi rule: it begins with a letter."""
    return _ordinary("A-WYZa-wyz", "Xx")


def _a_label(direction: Direction) -> Term:
    return concat(compile_regex("[Xx][Nn]--").term, leaf(_ALabel("", direction)))


# --- A-labels ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ALabel(Measured):
    """After ``xn--`` and ``text``."""

    text: str
    direction: Direction

    @property
    def nullable(self) -> bool:
        return _is_a_label(self.text, self.direction)

    def classes(self) -> tuple[int, ...]:
        pairs = [1 << byte | 1 << (byte - 32) for byte in b"abcdefghijklmnopqrstuvwxyz"]
        return (*pairs, *(1 << byte for byte in b"0123456789-"))

    def derive(self, byte: int) -> Term:
        if byte not in _LDH:
            return EMPTY
        text = self.text + chr(byte).lower()
        return leaf(_ALabel(text, self.direction)) if _begins_a_label(text, self.direction) else EMPTY

    def shortest(self, alphabet: int) -> bytes | None:
        for text in _a_labels(self.text, self.direction):
            rest = text[len(self.text) :].encode()
            if all(alphabet >> byte & 1 for byte in rest):
                return rest
        return None

    def lengths(self) -> tuple[int, int | None]:
        return 0 if self.nullable else 1, max(_ROOM - len(self.text), 1)

    def __str__(self) -> str:
        return f"rest of xn--{self.text}"


@lru_cache(maxsize=4096)
def _begins_a_label(text: str, direction: Direction) -> bool:
    return len(text) <= _ROOM and (bool(_a_labels(text, direction)) or len(text) > _ROOM - 8)


def _a_labels(text: str, direction: Direction) -> list[str]:
    """Some short A-labels, without prefix, that begin with ``text``."""
    found = [text] if _is_a_label(text, direction) else []
    for label in (text + "ß", "ß" + text, text + "aß", "ß" + text + "a"):
        candidate = label.encode("punycode").decode()
        if not found and candidate.startswith(text) and _is_a_label(candidate, direction):
            found.append(candidate)
    return found


@lru_cache(maxsize=4096)
def _is_a_label(text: str, direction: Direction) -> bool:
    if not text or len(text) > _ROOM or text.endswith("-"):
        return False
    try:
        label = text.encode().decode("punycode")
        return label.encode("punycode").decode() == text and _is_u_label(label, direction)
    except UnicodeError:  # idna's errors are of this kind too
        return False


# --- U-labels ---------------------------------------------------------------------------------------------------------

_RIGHT = ("R", "AL", "AN")
_CONTINUATIONS = ("", "ß", "a", "aß", "l", "β", "ぁ", "א", "ب", "ᠠ", "lぁ", "βぁ", "aぁ")


@lru_cache(maxsize=16384)
def _is_u_label(text: str, direction: Direction) -> bool:
    if not text or text.isascii():
        return False
    try:
        idna.check_label(text)
        if direction in ("left", "right"):
            idna.check_bidi(text, check_ltr=True)
    except idna.IDNAError:
        return False
    if direction == "right" and unicodedata.bidirectional(text[0]) not in _RIGHT:
        return False
    if direction in ("plain", "left") and any(unicodedata.bidirectional(c) in _RIGHT for c in text):
        return False
    return len(text.encode("punycode")) <= _ROOM


@lru_cache(maxsize=16384)
def _begins_u_label(text: str, direction: Direction) -> bool:
    return any(_is_u_label(text + rest, direction) for rest in _CONTINUATIONS)


@lru_cache(maxsize=4)
def _characters(direction: Direction) -> Term:
    """The characters that a U-label may have, ASCII included."""
    ranges = []
    left_out = ("L",) if direction == "right" else _RIGHT
    for kind in ("PVALID", "CONTEXTJ", "CONTEXTO"):
        for packed in idnadata.codepoint_classes[kind]:
            codes = range(packed >> 32, packed & 0xFFFFFFFF)
            if len(codes) > 2000:  # ideographs and the like, all of one direction
                ranges += [] if unicodedata.bidirectional(chr(codes[0])) in left_out else [(codes[0], codes[-1])]
            else:
                ranges += [(c, c) for c in codes if unicodedata.bidirectional(chr(c)) not in left_out]
    return code_points(ranges)


_SHORT = 44  # of Punycode: another character makes it no longer than 59, whatever it is


@lru_cache(maxsize=16384)
def _is_ordinary(character: str) -> bool:
    """A letter that may follow whatever may be followed by a letter, and leaves nothing to be met."""
    code = ord(character)
    if unicodedata.category(character) not in ("Ll", "Lo") or code < 0x80:
        return False
    composes = 0x1100 <= code < 0x1200 or 0xAC00 <= code < 0xD7A4 or character in _second_characters()
    return not composes and _is_pvalid(code)


def _is_pvalid(code: int) -> bool:
    ranges = idnadata.codepoint_classes["PVALID"]  # sorted; each has its start in the upper half, its end in the lower
    i = bisect.bisect_left(ranges, (code + 1) << 32) - 1
    return i >= 0 and ranges[i] >> 32 <= code < ranges[i] & 0xFFFFFFFF


@lru_cache(maxsize=1)
def _second_characters() -> frozenset[str]:
    """Characters that compose with one before them."""
    pairs = (unicodedata.decomposition(chr(code)) for code in range(0xC0, 0x1D200))
    return frozenset(chr(int(pair.split()[-1], 16)) for pair in pairs if pair and pair[0] != "<" and " " in pair)


@lru_cache(maxsize=16384)
def _takes_letters(text: str, direction: Direction) -> bool:
    """Whether any ordinary letter (of the direction) may follow ``text`` for sure."""
    if not text:
        return True
    last = text[-1]
    fits = last.isascii() or _is_ordinary(last)
    if not fits or len(text.encode("punycode")) > _SHORT or "\u30fb" in text or text[2:4] == "--":
        return False
    return direction != "right" or unicodedata.bidirectional(text[0]) in ("R", "AL")


@dataclass(frozen=True, slots=True)
class _ULabel(Measured):
    """After ``text`` (reduced) and the bytes ``begun`` of a character more."""

    text: str
    begun: bytes
    direction: Direction

    @property
    def nullable(self) -> bool:
        return not self.begun and _is_u_label(self.text, self.direction)

    def _character(self) -> Term:
        return _after(self.begun, self.direction)

    def first(self) -> int:
        return self._character().first

    def classes(self) -> tuple[int, ...]:
        bytes_ = [byte for mask, _ in transitions(self._character()) for byte in range(256) if mask >> byte & 1]
        return tuple(1 << byte for byte in bytes_)

    def derive(self, byte: int) -> Term:
        rest = derive(self._character(), byte)
        if rest is EMPTY:
            return EMPTY
        begun = self.begun + bytes([byte])
        if not rest.nullable:
            return leaf(_ULabel(self.text, begun, self.direction)) if self._goes_on(begun) else EMPTY
        character = begun.decode()
        if self._is_joined(character):
            return EMPTY
        text = _reduced(self.text, character, self.direction)
        sure = _is_ordinary(character) and _takes_letters(self.text, self.direction)
        return leaf(_ULabel(text, b"", self.direction)) if sure or _begins_u_label(text, self.direction) else EMPTY

    def _goes_on(self, begun: bytes) -> bool:
        """Whether some character that begins with ``begun`` is possible here."""
        if _takes_letters(self.text, self.direction) and _has_letter(begun, self.direction):
            return True
        usable = [c for c in _beginning(begun, self.direction) if not self._is_joined(c)]
        if len(self.text.encode("punycode")) > _SHORT:  # nearly full: a few will have to do
            usable = usable[:3]
        return any(_begins_u_label(self.text + c, self.direction) for c in usable)

    def _is_joined(self, character: str) -> bool:
        """Whether ``character`` is a mark after an ASCII letter: which letter it was is not remembered."""
        mark = unicodedata.combining(character) or character in _second_characters()
        return bool(mark) and self.text[-1:].isascii() and self.text != ""

    def shortest(self, alphabet: int) -> bytes | None:
        found = []
        for c in _beginning(self.begun, self.direction) if self.begun else ("",):
            for rest in _CONTINUATIONS:
                if _is_u_label(self.text + c + rest, self.direction):
                    text = (c + rest).encode()[len(self.begun) :]
                    if all(alphabet >> byte & 1 for byte in text):
                        found.append(text)
            if found:
                break
        return min(found, key=len, default=None)

    def lengths(self) -> tuple[int, int | None]:
        return 0 if self.nullable or self.begun else 1, max(_ROOM - len(self.text), 1)

    def __str__(self) -> str:
        return f"rest of U-label {self.text}"


def _reduced(text: str, character: str, direction: Direction) -> str:
    """``text`` and ``character``, with ASCII characters that no longer matter replaced by others."""
    if text and character.isascii():
        dots = [i for i, c in enumerate(text) if c == "·"]
        text = "".join(c if i + 1 in dots else _anonymous(c, i, direction) for i, c in enumerate(text))
    return text + ("a" if character.isascii() and character.isalpha() and character != "l" else character)


def _anonymous(c: str, i: int, direction: Direction) -> str:
    if not c.isascii() or (c == "-" and i in (2, 3)) or (c.isdigit() and (i == 0 or direction == "right")):
        return c
    return "a" if direction != "right" else c


@lru_cache(maxsize=1024)
def _has_letter(begun: bytes, direction: Direction) -> bool:
    return any(_is_ordinary((begun + rest).decode()) for rest in _members(_after(begun, direction)))


def _after(begun: bytes, direction: Direction) -> Term:
    term = _characters(direction)
    for byte in begun:
        term = derive(term, byte)
    return term


@lru_cache(maxsize=1024)
def _beginning(begun: bytes, direction: Direction) -> tuple[str, ...]:
    """Characters whose first bytes are ``begun``: one of each sort that the rules tell apart."""
    joining, contextual = _joining_types(), ("\u00b7", "\u0375", "\u05f3", "\u05f4", "\u200c", "\u200d", "\u30fb")
    sorts: dict[tuple[str, ...], str] = {}
    for rest in _members(_after(begun, direction)):
        character = (begun + rest).decode()
        combines = unicodedata.combining(character) or not unicodedata.is_normalized("NFC", "a" + character)
        sort = (
            unicodedata.bidirectional(character),
            unicodedata.category(character)[0],
            character if combines or character in contextual else "",
            joining.get(character, ""),
        )
        sorts.setdefault(sort, character)
    return tuple(sorts.values())


@lru_cache(maxsize=1)
def _joining_types() -> dict[str, str]:
    return {
        chr(code): kind
        for kind, ranges in idnadata.joining_types.items()
        for packed in ranges
        for code in range(packed >> 32, packed & 0xFFFFFFFF)
    }


def _members(term: Term) -> Iterator[bytes]:
    if term.nullable:
        yield b""
        return
    for mask, target in transitions(term):
        for byte in range(256):
            if mask >> byte & 1:
                for rest in _members(target):
                    yield bytes([byte]) + rest
