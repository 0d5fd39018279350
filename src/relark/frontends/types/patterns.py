r"""Patterns of `pydantic` string types, in JSON Schema's notation where that can say the same.

`pydantic` searches with Rust's regex engine, or with Python's `re` for compiled patterns and
``regex_engine="python-re"``.  JSON Schema's ``pattern`` is ECMA-262: there ``\d`` is ASCII, and Unicode in the other
two; Python's ``$`` also stands before a newline at the end.  `pattern_schema` translates such differences away; what
cannot be translated (case-insensitive parts, word boundaries, nested classes) becomes a format that carries the pattern
(``relark:search:...``), which the regex front-end reads.

Rust: https://docs.rs/regex/latest/regex/#syntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from relark.errors import RelarkError
from relark.frontends.types.formats import python_format_term

__all__ = ["pattern_schema"]

Engine = Literal["rust-regex", "python-re"]

# What \d, \w, \s stand for inside a class, in ECMA's notation.
_RUST = {"d": r"\p{Nd}", "s": r"\p{White_Space}", "w": r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d"}
_PYTHON = {"d": r"\p{Nd}", "s": r"\p{White_Space}\u001c-\u001f", "w": r"\p{L}\p{N}_"}
_CONTROLS = {"a": 0x07, "f": 0x0C, "t": 0x09, "n": 0x0A, "r": 0x0D, "v": 0x0B}
_SYNTAX = set("^$\\.*+?()[]{}|/")
_CATEGORIES = re.compile(
    "C|Cc|Cf|Cn|Co|L|Ll|Lm|Lo|Lt|Lu|M|Mc|Me|Mn|N|Nd|Nl|No|P|Pc|Pd|Pe|Pf|Pi|Po|Ps|S|Sc|Sk|Sm|So|Z|Zl|Zp|Zs"
)
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r"\t ",
    "digit": "0-9",
    "lower": "a-z",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_FLAGS = (("i", re.I), ("m", re.M), ("s", re.S), ("x", re.X), ("a", re.A))


def pattern_schema(pattern: str | re.Pattern[str], engine: Engine = "rust-regex") -> dict[str, Any]:
    r"""The schema of the strings in which ``pattern`` matches somewhere.

    >>> pattern_schema(r"^\d+$")
    {'pattern': '^\\p{Nd}+$', 'format': 'relark:assigned'}
    >>> pattern_schema("(?i)yes")
    {'format': 'relark:rust-search:(?i)yes'}
    """
    flags = 0
    if isinstance(pattern, re.Pattern):
        flags = pattern.flags & ~re.UNICODE
        pattern, engine = pattern.pattern, "python-re"
    if not flags:
        try:
            written = _Translation(pattern, engine).run()
            return (
                {"pattern": written, "format": "relark:assigned"} if "\\p" in written.lower() else {"pattern": written}
            )
        except _NotTranslated:
            pass
    letters = "".join(letter for letter, flag in _FLAGS if flags & flag)
    name = f"relark:search:{letters}:{pattern}" if engine == "python-re" else f"relark:rust-search:{pattern}"
    try:
        python_format_term(name)
    except RelarkError:  # a notation that Rust has and the regex module has not
        return {"relark:checked": [f"the pattern {pattern!r}"]}
    return {"format": name}


class _NotTranslated(Exception):
    """The pattern has a construct that ECMA-262 lacks, or gives another meaning."""


@dataclass
class _Translation:
    """Reads a pattern once, from left to right."""

    source: str
    engine: Engine
    at: int = 0

    def run(self) -> str:
        written: list[str] = []
        depth = 0
        while self.at < len(self.source):
            c = self.source[self.at]
            if c == "\\":
                written.append(self._escape())
                continue
            if c == "[":
                written.append(self._class())
                continue
            if c == "(":
                written.append(self._group())
                depth += 1
                continue
            if c == "$" and self.engine == "python-re":
                if depth or self.source[self.at + 1 :][:1] not in ("", "|"):
                    raise _NotTranslated
                written.append("\\n?$")
            elif c == ".":
                written.append("[^\\n]")
            elif c == "{":
                written.append(self._count())
                continue
            elif c == "}" or c == "]":
                written.append("\\" + c)
            else:
                written.append(c)
                depth -= c == ")"
            self.at += 1
            if c in "*+?" and self.source[self.at : self.at + 1] == "+":
                raise _NotTranslated  # possessive in Python, a repeated repeat in Rust
        return "".join(written)

    def _count(self) -> str:
        found = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}").match(self.source, self.at)
        if found is None or not (found[1] or found[3]):
            raise _NotTranslated
        self.at = found.end()
        if self.source[self.at : self.at + 1] == "+":
            raise _NotTranslated
        return "{" + (found[1] or "0") + found[2] + found[3] + "}"

    def _group(self) -> str:
        found = re.compile(r"\((?:\?(?:P?<[A-Za-z_]\w*>|:|=|!))?").match(self.source, self.at)
        assert found is not None
        if self.source[found.end() : found.end() + 1] == "?":
            raise _NotTranslated  # flags, look-behind and the like
        self.at = found.end()
        return found[0] if found[0] in ("(?=", "(?!") else "(?:"

    def _sets(self) -> dict[str, str]:
        return _PYTHON if self.engine == "python-re" else _RUST

    def _escape(self, *, in_class: bool = False) -> str:
        if self.at + 1 >= len(self.source):
            raise _NotTranslated
        c = self.source[self.at + 1]
        if c in "dwsDWS":
            self.at += 2
            inside = self._sets()[c.lower()]
            single = inside.startswith("\\p{") and inside.endswith("}") and inside.count("\\") == 1
            if in_class:
                if c.isupper() and not single:
                    raise _NotTranslated
                return inside if c.islower() else "\\P" + inside[2:]
            if single:
                return inside if c.islower() else "\\P" + inside[2:]
            return f"[{inside}]" if c.islower() else f"[^{inside}]"
        if c in _CONTROLS:
            self.at += 2
            return f"\\u{_CONTROLS[c]:04x}"
        if c in "xuU":
            return self._code_point()
        if c in "pP" and self.engine == "rust-regex":
            found = re.compile(r"\\[pP](?:([A-Z])|\{([A-Za-z_]+)\})").match(self.source, self.at)
            if found is None or not _CATEGORIES.fullmatch(found[1] or found[2]):
                raise _NotTranslated
            self.at = found.end()
            return f"\\{c}{{{found[1] or found[2]}}}"
        if c == "A" and not in_class:
            self.at += 2
            return "^"
        if c == ("Z" if self.engine == "python-re" else "z") and not in_class:
            self.at += 2
            return "$"
        if c.isalnum():
            raise _NotTranslated
        self.at += 2
        if in_class:
            return "\\" + c if c in _SYNTAX or c == "-" else c
        return "\\" + c if c in _SYNTAX else c

    def _code_point(self) -> str:
        digits = {"x": 2, "u": 4, "U": 8}[self.source[self.at + 1]]
        found = re.compile(rf"\\[xuU](?:\{{([0-9A-Fa-f]+)\}}|([0-9A-Fa-f]{{{digits}}}))").match(self.source, self.at)
        if found is None or (found[1] and self.engine == "python-re"):
            raise _NotTranslated
        self.at = found.end()
        return f"\\u{{{int(found[1] or found[2], 16):x}}}"

    def _class(self) -> str:
        written = ["["]
        self.at += 1
        if self.source[self.at : self.at + 1] == "^":
            written.append("^")
            self.at += 1
        first = self.at
        while True:
            c = self.source[self.at : self.at + 1]
            if not c:
                raise _NotTranslated
            if c == "]" and self.at > first:
                self.at += 1
                return "".join(written) + "]"
            if self.source[self.at : self.at + 2] in ("&&", "--", "~~", "||"):
                raise _NotTranslated
            if c == "[":
                written.append(self._posix())
                continue
            if c == "\\":
                written.append(self._escape(in_class=True))
                continue
            written.append("\\" + c if c in _SYNTAX and c != "." else c)
            self.at += 1

    def _posix(self) -> str:
        if self.engine == "python-re":
            self.at += 1
            return "\\["
        found = re.compile(r"\[:([a-z]+):\]").match(self.source, self.at)
        if found is None or found[1] not in _POSIX:
            raise _NotTranslated
        self.at = found.end()
        return _POSIX[found[1]]
