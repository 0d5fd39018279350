r"""The format ``regex``: texts that are regular expressions of ECMA-262 with the flag ``u``.

Parentheses nest, references need their groups, and ranges and counts must be in order, so this is a leaf that reads the
pattern from left to right: what has begun (`place`), the open groups, and what is still owed (groups that references
name).  Whatever has begun can be finished, so every state is alive.

Cost: microseconds a derivative.  Departures, all of them texts that are refused: modifiers (``(?i:...)``), group names
beyond ASCII, two groups of one name, hexadecimal, control and property escapes inside a class, properties other than
general categories, references beyond group 999, least counts beyond 9999.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from relark.language import ANY_CHARACTER, EMPTY, Leaf, Term, concat, derive, leaf, one_of, transitions

__all__ = ["regex_syntax_term"]

_SYNTAX = "^$\\.*+?()[]{}|/"
_SETS = "dDsSwW"
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_CATEGORIES = "C Cc Cf Cn Co L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs"
_COUNT = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,5}))?", re.ASCII)  # one digit more, so that what begins can end
_HEX = "0123456789abcdefABCDEF"
_HIGH = sum(1 << byte for byte in range(0x80, 0x100))


def regex_syntax_term() -> Term:
    """Every text that a checker of ``"format": "regex"`` accepts, but for the departures above."""
    return leaf(_Pattern())


@dataclass(frozen=True, slots=True)
class _Pattern(Leaf):
    """``place``: the text of what has begun and is not complete; inside a class ``[`` and how the next item may go on.

    ``repeatable``: whether a quantifier may follow; ``open``: for each open group, whether one may follow it;
    ``groups``: how many groups have begun; ``needed``: the greatest number referred to; ``names``, ``wanted``: names of
    groups, and names that are referred to and not yet there.
    """

    place: str = ""
    repeatable: bool = False
    open: tuple[bool, ...] = ()
    groups: int = 0
    needed: int = 0
    names: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()

    @property
    def nullable(self) -> bool:
        done = self.place in ("", "q", "\\0") or (self.place[1:].isdigit() and self.place[0] == "\\")
        settled = self._settled()
        return done and not self.open and settled.needed <= self.groups and not self.wanted

    @property
    def min_length(self) -> int:
        return 0 if self.nullable else 1

    def classes(self) -> tuple[int, ...]:
        masks: dict[object, int] = {}
        for byte in range(0x80):
            after = self._after(chr(byte))
            if after is not None:
                masks[after] = masks.get(after, 0) | 1 << byte
        if self._beyond_ascii() is not None:
            return (*masks.values(), *(mask & _HIGH for mask, _ in transitions(ANY_CHARACTER) if mask & _HIGH))
        return tuple(masks.values())

    def derive(self, byte: int) -> Term:
        if byte >= 0x80:
            after = self._beyond_ascii()
            return EMPTY if after is None else concat(derive(ANY_CHARACTER, byte), leaf(after))
        after = self._after(chr(byte))
        if after is None:
            return EMPTY
        if after.place in ("\\p{", "\\P{"):
            return concat(one_of([f"{name}}}".encode() for name in _CATEGORIES.split()]), leaf(after._atom()))
        return leaf(after)

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        return None

    def shortest(self, alphabet: int) -> bytes | None:
        text, state = "", self
        if self.place in ("\\p", "\\P"):
            text, state = "{L}", self._atom()
        elif self.place.startswith("["):
            text = "-]" if self.place.endswith("\\") else "]"
        elif self.place and self.place != "q":
            text = next((t for t in _ENDINGS if self._finishes(t) is not None), "")
        if state is self:
            state = self._finishes(text) or self
        state = state._settled()
        text += ")" * len(state.open) + "()" * (state.needed - state.groups)
        text += "".join(f"(?<{name}>)" for name in sorted(state.wanted))
        return text.encode() if all(alphabet >> ord(c) & 1 for c in text) else None

    def _finishes(self, text: str) -> _Pattern | None:
        """The state after ``text`` if nothing has begun there that is not complete."""
        state: _Pattern | None = self
        for character in text:
            state = None if state is None else state._after(character)
        return state if state is not None and state.place in ("", "q") else None

    # -- steps; None where a character may not follow

    def _settled(self) -> _Pattern:
        """With a reference by number, which ends where its digits do, taken into account."""
        if self.place[:1] == "\\" and self.place[1:].isdigit():
            return replace(self._atom(), needed=max(self.needed, int(self.place[1:])))
        return self

    def _atom(self, repeatable: bool = True) -> _Pattern:
        return replace(self, place="", repeatable=repeatable)

    def _begun(self, text: str) -> _Pattern:
        return replace(self, place=text)

    def _opened(self, repeatable: bool, group: bool = False) -> _Pattern:
        return replace(
            self, place="", repeatable=False, open=(*self.open, repeatable), groups=self.groups + (1 if group else 0)
        )

    def _beyond_ascii(self) -> _Pattern | None:
        """After a character that is not ASCII."""
        if self.place[:1] == "[" and not self.place.endswith("\\") and self.place != "[s-":
            return self._begun("[." if self.place.endswith("-") else "[s")
        if self.place in ("", "q", "(") or self.place[1:].isdigit():
            state = self._opened(True, group=True) if self.place == "(" else self._settled()
            return state._atom()
        return None

    def _after(self, c: str) -> _Pattern | None:
        place = self.place
        if not place:
            return self._top(c)
        if place == "q":
            return self._atom(False) if c == "?" else self._atom(False)._top(c)
        if place[0] == "[":
            return self._in_class(c)
        if place[0] == "{":
            return self._in_count(c)
        if place[0] == "(":
            return self._in_opening(c)
        return self._in_escape(c)

    def _top(self, c: str) -> _Pattern | None:
        match c:
            case "\\" | "[" | "(":
                return self._begun(c)
            case ")":
                return replace(self, place="", repeatable=self.open[-1], open=self.open[:-1]) if self.open else None
            case "|" | "^" | "$":
                return self._atom(False)
            case "*" | "+" | "?":
                return replace(self, place="q", repeatable=False) if self.repeatable else None
            case "{":
                return replace(self, place="{", repeatable=False) if self.repeatable else None
            case "]" | "}":
                return None
        return self._atom()

    def _in_count(self, c: str) -> _Pattern | None:
        if c == "}":
            found = _COUNT.fullmatch(self.place)
            if found is None or (found[3] and int(found[1]) > int(found[3])):
                return None
            return self._begun("q")
        text = self.place + c
        found = _COUNT.fullmatch(text)
        if found is None or (found[3] and int(found[3].ljust(5, "9")) < int(found[1])):
            return None
        return self._begun(text)

    def _in_opening(self, c: str) -> _Pattern | None:
        place = self.place
        if place == "(":
            return self._begun("(?") if c == "?" else self._opened(True, group=True)._top(c)
        if place == "(?":
            return self._begun("(?<") if c == "<" else self._opened(c == ":") if c in ":=!" else None
        if place == "(?<" and c in "=!":
            return self._opened(False)
        name = place[3:]
        if c == ">" and name and name not in self.names:
            opened = self._opened(True, group=True)
            return replace(opened, names=self.names | {name}, wanted=self.wanted - {name})
        return self._begun(place + c) if _is_name(name + c) else None

    def _in_escape(self, c: str) -> _Pattern | None:
        place = self.place
        if place == "\\":
            if c in _SETS or c in _CONTROLS or c in _SYNTAX:
                return self._atom()
            if c in "bB":
                return self._atom(False)
            return self._begun(place + c) if c in "0123456789cxukpP" else None
        kind, rest = place[1], place[2:]
        if kind == "0":
            return None if c.isdigit() else self._atom()._top(c)
        if kind.isdigit():
            if c.isdigit():
                return self._begun(place + c) if len(place) < 4 else None
            return self._settled()._top(c)
        if kind == "c":
            return self._atom() if c.isascii() and c.isalpha() else None
        if kind in "pP":
            return self._begun(place + c) if c == "{" else None
        if kind == "k":
            if not rest:
                return self._begun(place + c) if c == "<" else None
            name = rest[1:]
            if c == ">" and name:
                return replace(self._atom(), wanted=self.wanted | ({name} - self.names))
            return self._begun(place + c) if _is_name(name + c) else None
        if kind == "u" and rest[:1] == "{":
            if c == "}":
                return self._atom() if len(rest) > 1 else None
            return self._begun(place + c) if c in _HEX and int(rest[1:] + c, 16) <= 0x10FFFF and len(rest) < 7 else None
        if kind == "u" and not rest and c == "{":
            return self._begun(place + c)
        if c not in _HEX:
            return None
        return self._atom() if len(rest) + 1 == (2 if kind == "x" else 4) else self._begun(place + c)

    def _in_class(self, c: str) -> _Pattern | None:
        """Place: ``[``, maybe a low end (``=`` and its code) or ``s`` for a set, maybe a dash, maybe a backslash."""
        place = self.place
        escaped = place.endswith("\\")
        before = place[:-1] if escaped else place
        if escaped:
            if c in _SETS:
                return None if before.endswith("-") else self._begun("[s")
            code = _CONTROLS.get(c, 8 if c == "b" else ord(c) if c in _SYNTAX or c == "-" else -1)
            return None if code < 0 else self._with_member(before, code)
        if c == "]":
            return self._atom()
        if c == "\\":
            return None if before == "[s-" else self._begun(place + "\\")
        if c == "^" and place == "[":
            return self._begun("[^")
        if c == "-" and before[1:2] in ("=", "s") and not before.endswith("-"):
            return self._begun(before + "-")
        return self._with_member(before, ord(c))

    def _with_member(self, before: str, code: int) -> _Pattern | None:
        if before == "[s-":
            return None
        if before.endswith("-"):
            return self._begun("[.") if int(before[2:-1]) <= code else None
        return self._begun(f"[={code}")


_ENDINGS = [
    "",
    *("9" * n + "}" for n in range(6)),
    "]",
    ")",
    ":)",
    "n",
    "A",
    "00",
    "0",
    "000",
    "0000",
    "<a>",
    "a>",
    ">",
    "b",
    "bb",
    "L}",
    "{L}",
]


def _is_name(text: str) -> bool:
    return text.isascii() and text.replace("$", "_").isidentifier()
