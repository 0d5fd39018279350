r"""The keyword ``pattern``: regular expressions of ECMA-262 as terms over decoded text.

`pattern_term` gives the texts that *contain* a match, because that is what the keyword asks for (JSON Schema 2020-12
Validation, 6.3.3).  The pattern is read as ECMA-262 with the flag ``u``, translated into the notation of the `regex`
module, and compiled by the regex front-end.  Where the two notations differ, ECMA-262 decides: ``\d`` and ``\w`` are
ASCII, ``\s`` is every space of Unicode and U+FEFF, ``$`` is the very end, ``.`` leaves out the four line terminators,
``[]`` is nothing and ``[^]`` anything, and a backreference to a group that matched nothing is empty.

Schemas in the wild are read by many engines, so what ECMA-262 forbids and others agree on is understood as well:
escapes of punctuation (``\_``, ``\@``), braces and brackets that stand for themselves, ``\A``, ``\Z`` and ``\z``, flags
in front (``(?i)``), ``(?P<name>...)``, comments, ``{,5}``, atomic groups and possessive quantifiers.

Anchors at the edges of alternatives are taken off: an anchored side gets nothing, another any text.  So ordinary
patterns need none of the machinery for lookarounds.

Cost: linear in the pattern; up to some 15 ms for a class escape (``\p{...}``) seen for the first time.  Cannot do: the
flag ``v``, captures that ECMA-262 forgets when a group is repeated (a backreference to it sees its last match).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn

import regex

from relark.caches import Cache
from relark.errors import PatternError, UnsupportedError
from relark.frontends.regex import compile_regex
from relark.frontends.schema.texts import containing
from relark.language import EMPTY, TEXT, Term, concat, union

__all__ = ["pattern_term"]

MAX_NESTING = 100  # groups inside each other

_SPACE = "\\t-\\r \\xA0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000\\uFEFF"
_CLASSES = {
    "d": "0-9",
    "w": "0-9A-Z_a-z",
    "s": _SPACE,
    "D": "\\x00-/:-\\U0010FFFF",
    "W": "\\x00-/:-@\\[-\\^`\\{-\\U0010FFFF",
    "S": "\\x00-\\x08\\x0E-\\x1F!-\\x9F\\xA1-\\u167F\\u1681-\\u1FFF\\u200B-\\u2027\\u202A-\\u202E\\u2030-\\u205E"
    "\\u2060-\\u2FFF\\u3001-\\uFEFE\\uFF00-\\U0010FFFF",
}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "a": 7}
_NEWLINES = "\\n\\r\\u2028\\u2029"
_START, _END = r"\A", r"\Z"
_ANYTHING = "(?s:.*)"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a pattern in the notation of `regex`."""

    text: str
    is_assertion: bool = False  # zero-width, or a match that is committed to


@dataclass(frozen=True, slots=True)
class _Group:
    """Alternatives in parentheses: ``opening`` says of which kind."""

    opening: str
    body: tuple[tuple[_Item, ...], ...]


_Item = _Piece | _Group


def pattern_term(pattern: str, *, pointer: str = "") -> Term:
    """Decoded texts that contain a match of ``pattern``.

    Raises `PatternError` for what is no pattern, `UnsupportedError` for what cannot be enforced; both say ``pointer``.
    """
    known = _terms.get(pattern)
    if known is None:
        known = _compile(pattern, pointer)
        _terms.put(pattern, known)
    return known


_terms: Cache[str, Term] = Cache("schema patterns", share=0.01, cost=lambda key, value: 2000 + 100 * len(key))


def _compile(pattern: str, pointer: str) -> Term:
    reader = _Reader(pattern, pointer)
    alternatives = reader.read()
    flags = regex.V0 | (regex.I if reader.ignore_case else 0)
    plain: dict[tuple[bool, bool], list[str]] = {}  # alternatives without conditions on their surroundings, by anchors
    others: list[str] = []
    for items in _flattened(alternatives):
        starts, ends = items[:1] == (_Piece(_START, True),), items[-1:] == (_Piece(_END, True),)
        inner = items[1 if starts else 0 : len(items) - (1 if ends else 0)]
        source = _written(inner, bool(reader.references))
        if reader.references or any(map(_looks_around, inner)):
            others.append(("" if starts else _ANYTHING) + source + ("" if ends else _ANYTHING))
        else:
            plain.setdefault((starts, ends), []).append(source)
    terms = [_fullmatch("|".join(others), flags, reader)] if others else []
    body = {anchors: _fullmatch("|".join(sources), flags, reader) for anchors, sources in plain.items()}
    terms.append(body.get((True, True), EMPTY))
    terms.append(concat(TEXT, body.get((False, True), EMPTY)))
    terms.append(containing(body.get((False, False), EMPTY), body.get((True, False), EMPTY)))
    return union(*terms)


def _fullmatch(source: str, flags: int, reader: _Reader) -> Term:
    try:
        return compile_regex(source, flags).term
    except PatternError as error:
        raise _refused(PatternError, error.message, reader, None) from None
    except UnsupportedError as error:
        raise UnsupportedError(
            error.message, pointer=reader.pointer or None, source=reader.source, position=0
        ) from None


def _flattened(alternatives: tuple[tuple[_Item, ...], ...]) -> list[tuple[_Item, ...]]:
    """Alternatives that are a group as a whole, replaced by what is in it."""
    result: list[tuple[_Item, ...]] = []
    work = list(reversed(alternatives))
    while work:
        items = work.pop()
        if len(items) == 1 and isinstance(items[0], _Group) and items[0].opening in ("(", "(?:"):
            work.extend(reversed(items[0].body))
        else:
            result.append(items)
    return result


def _looks_around(item: _Item) -> bool:
    if isinstance(item, _Piece):
        return item.is_assertion
    return item.opening not in ("(", "(?:", "(?i:", "(?-i:") or any(
        _looks_around(i) for part in item.body for i in part
    )


def _written(items: tuple[_Item, ...], capturing: bool) -> str:
    return "".join(_written_item(item, capturing) for item in items)


def _written_item(item: _Item, capturing: bool) -> str:
    if isinstance(item, _Piece):
        return item.text
    opening = "(?:" if item.opening == "(" and not capturing else item.opening
    return opening + "|".join(_written(part, capturing) for part in item.body) + ")"


def _refused(kind: type[PatternError], message: str, reader: _Reader, position: int | None) -> PatternError:
    where = f"{reader.pointer}: " if reader.pointer else ""
    return kind(where + message, reader.source, position)


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Flags:
    dot_all: bool = False
    multiline: bool = False


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, source: str, pointer: str) -> None:
        self.source, self.pointer = source, pointer
        self.at = 0
        self.ignore_case = False
        self.group_count = 0
        self.names: dict[str, int] = {}
        self.references: list[tuple[int, int]] = []  # (group, position)
        self.begun: set[int] = set()  # groups that are being read

    def read(self) -> tuple[tuple[_Item, ...], ...]:
        self.groups_before = _count_groups(self.source)
        flags = self.leading_flags()
        body = self.alternatives(flags, 0)
        if self.at < len(self.source):
            self.fail("unbalanced closing parenthesis", self.at)
        return body

    def fail(self, message: str, position: int) -> NoReturn:
        raise _refused(PatternError, f"not a regular expression of ECMA-262: {message}", self, position)

    def peek(self, text: str) -> bool:
        return self.source.startswith(text, self.at)

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.at += len(text)
            return True
        return False

    def leading_flags(self) -> _Flags:
        """``(?i)`` and the like in front of everything."""
        flags = _Flags()
        while found := _LEADING.match(self.source, self.at):
            letters = found[1]
            if "x" in letters:
                raise UnsupportedError(
                    "the flag x (verbose) is no part of ECMA-262; write the pattern without comments and spaces",
                    pointer=self.pointer or None,
                    source=self.source,
                    position=self.at,
                )
            self.ignore_case = self.ignore_case or "i" in letters
            flags = _Flags(flags.dot_all or "s" in letters, flags.multiline or "m" in letters)
            self.at = found.end()
        return flags

    def alternatives(self, flags: _Flags, depth: int) -> tuple[tuple[_Item, ...], ...]:
        if depth > MAX_NESTING:
            raise UnsupportedError(
                f"the pattern nests more than {MAX_NESTING} groups",
                pointer=self.pointer or None,
                source=self.source,
                position=self.at,
            )
        result = []
        items: list[_Item] = []
        while self.at < len(self.source) and not self.peek(")"):
            if self.take("|"):
                result.append(tuple(items))
                items = []
                continue
            item = self.item(flags, depth)
            if item is not None:
                items.append(self.quantified(item))
        result.append(tuple(items))
        return tuple(result)

    def item(self, flags: _Flags, depth: int) -> _Item | None:
        start = self.at
        character = self.source[start]
        self.at += 1
        match character:
            case "(":
                return self.group(flags, depth, start)
            case "[":
                return self.character_class(start)
            case ".":
                return _Piece("(?s:.)" if flags.dot_all else f"[^{_NEWLINES}]")
            case "^":
                return _Piece(f"(?<![^{_NEWLINES}])" if flags.multiline else _START, True)
            case "$":
                return _Piece(f"(?![^{_NEWLINES}])" if flags.multiline else _END, True)
            case "\\":
                return self.escape(start)
            case "*" | "+" | "?":
                self.fail(f"nothing to repeat before {character}", start)
            case "{":
                if _BRACES.match(self.source, start):
                    self.fail("nothing to repeat before {", start)
        return _Piece(_literal(ord(character)))

    def quantified(self, item: _Item) -> _Item:
        start = self.at
        found = _QUANTIFIER.match(self.source, start)
        if found is None:
            return item
        self.at = found.end()
        text = found[0]
        if found[1] is not None:
            low, comma, high = found[2], found[3], found[4]
            if comma and low and high and int(low) > int(high):
                self.fail("the numbers in braces are out of order", start)
            text = "{" + (low or "0") + comma + (high or "") + "}" + found[5]
        if isinstance(item, _Piece) and not item.is_assertion:
            return _Piece(item.text + text, text.endswith("+") and len(text) > 1)
        if isinstance(item, _Piece):
            return _Piece(f"(?:{item.text}){text}", True)
        if text.startswith("{1}") and not text.endswith("+"):
            return item
        possessive = text.endswith("+") and len(text) > 1
        return _repeated(item, text, possessive)

    def group(self, flags: _Flags, depth: int, start: int) -> _Item | None:
        opening = "("
        if self.take("?"):
            if self.take("#"):
                end = self.source.find(")", self.at)
                if end < 0:
                    self.fail("the comment does not end", start)
                self.at = end + 1
                return None
            if self.take("P="):
                return self.named_reference(self.name(")", start), start)
            if self.take("P<") or (self.peek("<") and not self.peek("<=") and not self.peek("<!") and self.take("<")):
                name = self.name(">", start)
                if name in self.names:
                    self.fail(f"the group name {name} is used twice", start)
                self.names[name] = self.group_count + 1
            elif found := _OPENINGS.match(self.source, self.at):
                self.at = found.end()
                opening = "(?" + found[0]
                if found[1] is not None:
                    on, off = found[1], found[2] or ""
                    flags = _Flags(
                        (flags.dot_all or "s" in on) and "s" not in off,
                        (flags.multiline or "m" in on) and "m" not in off,
                    )
                    opening = "(?i:" if "i" in on else "(?-i:" if "i" in off else "(?:"
            else:
                self.fail("unknown kind of group", start)
        number = 0
        if opening == "(":
            self.group_count += 1
            number = self.group_count
            self.begun.add(number)
        body = self.alternatives(flags, depth + 1)
        self.begun.discard(number)
        if not self.take(")"):
            self.fail("the group does not end: a closing parenthesis is missing", start)
        return _Group(opening, body)

    def name(self, end: str, start: int) -> str:
        at = self.source.find(end, self.at)
        name = self.source[self.at : at] if at >= 0 else ""
        if not name.replace("$", "_").isidentifier():
            self.fail("a group name is expected here", start)
        self.at = at + 1
        return name

    def named_reference(self, name: str, start: int) -> _Piece:
        number = self.names.get(name)
        if number is None:
            number = _named_groups(self.source).get(name)
        if number is None:
            self.fail(f"there is no group named {name}", start)
        return self.reference(number, start)

    def reference(self, number: int, start: int) -> _Piece:
        if number > self.groups_before:
            self.fail(f"there is no group {number}", start)
        self.references.append((number, start))
        if number > self.group_count or number in self.begun:  # a group that is not over has not matched
            return _Piece("(?:)", True)
        return _Piece(f"(?({number})\\g<{number}>|)", True)

    def escape(self, start: int) -> _Item:
        found = _REFERENCE.match(self.source, self.at)
        if found:
            self.at = found.end()
            return self.reference(int(found[0]), start)
        if self.take("k<"):
            return self.named_reference(self.name(">", start), start)
        character = self.source[self.at : self.at + 1]
        if character in ("b", "B"):
            self.at += 1
            # said with the word characters of ECMA-262, which are ASCII
            word = _CLASSES["w"]
            if character == "b":
                return _Piece(f"(?:(?<=[{word}])(?![{word}])|(?<![{word}])(?=[{word}]))", True)
            return _Piece(f"(?:(?<=[{word}])(?=[{word}])|(?<![{word}])(?![{word}]))", True)
        if character in ("A", "Z", "z"):
            self.at += 1
            return _Piece(_START if character == "A" else _END, True)
        code = self.class_escape(start)
        if isinstance(code, int):
            return _Piece(_literal(code))
        return _Piece(f"[{code}]")

    def class_escape(self, start: int) -> int | str:
        """After a backslash: a code point, or what a set of `regex` has for a class of characters."""
        if self.at >= len(self.source):
            self.fail("a backslash ends the pattern", start)
        character = self.source[self.at]
        self.at += 1
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return _CONTROLS[character]
        match character:
            case "p" | "P":
                return self.property(character, start)
            case "c":
                letter = self.source[self.at : self.at + 1]
                if not (letter.isascii() and letter.isalpha()):
                    self.fail(r"\c must be followed by a letter", start)
                self.at += 1
                return ord(letter) % 32
            case "0":
                found = _OCTAL.match(self.source, self.at)
                if found:
                    self.at = found.end()
                    return int(found[0], 8)
                return 0
            case "x" | "u" | "U":
                return self.hexadecimal(character, start)
        if character.isascii() and character.isalnum():
            self.fail(f"\\{character} has no meaning", start)
        return ord(character)

    def hexadecimal(self, letter: Literal["x", "u", "U"] | str, start: int) -> int:
        found = _HEX[letter].match(self.source, self.at)
        if found is None:
            self.fail(f"\\{letter} must be followed by hexadecimal digits", start)
        self.at = found.end()
        code = int(found[1] or found[2], 16) if letter == "u" else int(found[0], 16)
        if code > 0x10FFFF:
            self.fail("there is no such code point", start)
        if 0xD800 <= code < 0xDC00 and letter == "u" and found[1]:
            low = _LOW_SURROGATE.match(self.source, self.at)
            if low:
                self.at = low.end()
                return 0x10000 + ((code - 0xD800) << 10) + (int(low[1], 16) - 0xDC00)
        return code

    def property(self, letter: str, start: int) -> str:
        found = _PROPERTY.match(self.source, self.at)
        if found is None:
            self.fail(f"\\{letter} must be followed by a property in braces, as in \\{letter}{{L}}", start)
        self.at = found.end()
        source = f"\\{letter}{{{found[1] or found[2]}}}"
        try:
            regex.compile(source, regex.V0, cache_pattern=False)
        except regex.error:
            self.fail(f"unknown property {source}", start)
        return source

    def character_class(self, start: int) -> _Piece:
        negative = self.take("^")
        parts: list[str] = []
        while not self.take("]"):
            first = self.class_atom(start)
            if self.peek("-") and not self.peek("-]"):
                mark = self.at
                self.at += 1
                second = self.class_atom(start)
                if isinstance(first, int) and isinstance(second, int):
                    if first > second:
                        self.fail("the range is out of order", mark - 1)
                    parts.append(f"{_member(first)}-{_member(second)}")
                    continue
                self.at = mark  # as in [\w-.]: the dash stands for itself
            parts.append(_member(first) if isinstance(first, int) else first)
        if not parts:
            return _Piece("(?s:.)" if negative else "(?!)", not negative)
        return _Piece(f"[{'^' if negative else ''}{''.join(parts)}]")

    def class_atom(self, start: int) -> int | str:
        if self.at >= len(self.source):
            self.fail("the class does not end: a closing bracket is missing", start)
        character = self.source[self.at]
        self.at += 1
        if character != "\\":
            return ord(character)
        if self.take("b"):
            return 8
        return self.class_escape(self.at - 1)


def _repeated(group: _Group, text: str, possessive: bool) -> _Group:
    """``group`` with a quantifier behind it."""
    inner = _Group(group.opening, group.body)
    return _Group("(?>" if possessive else "(?:", ((inner, _Piece(text.removesuffix("+") if possessive else text)),))


def _literal(code: int) -> str:
    character = chr(code)
    if code < 0x80:
        return character if character.isalnum() or character in "_" else f"\\x{code:02X}"
    return _member(code)


def _member(code: int) -> str:
    """A character of a set."""
    if code < 0x80 and chr(code).isalnum():
        return chr(code)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _count_groups(source: str) -> int:
    return sum(1 for found in _GROUPS.finditer(source) if found["group"] is not None)


def _named_groups(source: str) -> dict[str, int]:
    names: dict[str, int] = {}
    count = 0
    for found in _GROUPS.finditer(source):
        if found["group"] is not None:
            count += 1
            if found["name"]:
                names[found["name"]] = count
    return names


_LEADING = regex.compile(r"\(\?([aimsux]+)\)")
_BRACES = regex.compile(r"\{(?:\d+(?:,\d*)?|,\d+)\}")
_QUANTIFIER = regex.compile(r"(?:[*+?]|(\{(\d*)(,?)(\d*)\})(?<!\{,?\}))([?+]?)")
_OPENINGS = regex.compile(r":|=|!|>|<=|<!|([ims]*)(?:-([ims]+))?:")
_REFERENCE = regex.compile(r"[1-9]\d*")
_OCTAL = regex.compile(r"[0-7]{1,2}")
_HEX = {
    "x": regex.compile(r"[0-9A-Fa-f]{2}"),
    "u": regex.compile(r"([0-9A-Fa-f]{4})|\{([0-9A-Fa-f]{1,8})\}"),
    "U": regex.compile(r"[0-9A-Fa-f]{8}"),
}
_LOW_SURROGATE = regex.compile(r"\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})")
_PROPERTY = regex.compile(r"\{([\w.:= -]+)\}|([A-Z])")
_GROUPS = regex.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|(?P<group>\((?!\?)|\(\?P?<(?![=!])(?P<name>[^>]*)>)", regex.DOTALL)
