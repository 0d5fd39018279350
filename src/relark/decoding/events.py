"""Reading a JSON text while it is being written: which of its values are complete.

Use it, through ``relark.stream_objects``, to act on the first fields of an object while the model writes the last.
A value is complete with its last character: a string at its closing quote, an object or array at its bracket, a
number only at what follows it, because ``12`` may become ``125``.  Members come before the object or array that they
belong to.

Cost: each character is looked at once, and each value is built once.  What it cannot do: find mistakes.  It reads
texts that a schema constrained, and takes from others what it can.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["Event", "Found", "JsonReader", "Path"]

Path: TypeAlias = tuple[str | int, ...]  # names and indices from the outermost value; () is that value itself


@dataclass(frozen=True)
class Event:
    """A value that will not change any more.

    path     where it stands: names of members, and indices of items, from the outside in; ``()`` is the whole
    value    what `relark.stream_objects` says
    """

    path: Path
    value: Any


@dataclass(frozen=True)
class Found:
    """A complete value: where it stands, its text, and what ``json.loads`` makes of the text.

    ``around``: the objects and arrays that it is in, from the outside in, with what is complete of them by then.
    """

    path: Path
    text: str
    value: Any
    around: tuple[Any, ...] = field(default=(), compare=False)


@dataclass
class _Open:
    """An object or array that has not ended."""

    start: int
    value: dict[str, Any] | list[Any]
    name: str | None = None  # of the member whose value comes next

    @property
    def step(self) -> str | int:
        return len(self.value) if self.name is None else self.name


@dataclass
class JsonReader:
    """Takes a text piece by piece.

    >>> reader = JsonReader()
    >>> [found.path for found in reader.read('{"a": 1, "b": [tr')]
    [('a',)]
    >>> list(reader.read("ue"))
    []
    >>> [(found.path, found.value) for found in reader.read(', 2]}')]
    [(('b', 0), True), (('b', 1), 2), (('b',), [True, 2]), ((), {'a': 1, 'b': [True, 2]})]
    """

    _text: str = ""
    _at: int = 0  # everything before is read
    _start: int | None = None  # of the string, number or word that is being read
    _open: list[_Open] = field(default_factory=list)

    def read(self, text: str) -> Iterator[Found]:
        """The values that ``text``, the next piece, completes; to be taken to the end before the next piece."""
        self._text += text
        while self._at < len(self._text):
            if self._start is None:
                yield from self._begin()
            elif self._text[self._start] == '"':
                if not self._read_to_quote():
                    break
                yield from self._complete_string()
            else:
                end = _AFTER_SCALAR.search(self._text, self._at)
                self._at = end.start() if end else len(self._text)
                if end:
                    yield self._complete_scalar()

    def end(self) -> Iterator[Found]:
        """The value that is complete because nothing follows: a number or a word all by itself."""
        if self._start is not None and self._text[self._start] != '"':
            yield self._complete_scalar()

    def _begin(self) -> Iterator[Found]:
        """One character between values."""
        character = self._text[self._at]
        self._at += 1
        if character in "{[":
            self._open.append(_Open(self._at - 1, {} if character == "{" else []))
        elif character in "}]":
            if self._open:
                ended = self._open.pop()
                yield self._complete(ended.start, ended.value)
        elif character not in " \t\r\n,:":
            self._start = self._at - 1

    def _read_to_quote(self) -> bool:
        """Whether the string ended."""
        rest = _REST_OF_STRING.match(self._text, self._at)
        self._at = rest.end() if rest else self._at
        if self._at == len(self._text) or self._text[self._at] == "\\":  # or an escape that is cut in two
            return False
        self._at += 1
        return True

    def _complete_string(self) -> Iterator[Found]:
        start, self._start = self._start or 0, None
        value = json.loads(self._text[start : self._at])
        inside = self._open[-1] if self._open else None
        if inside is not None and isinstance(inside.value, dict) and inside.name is None:
            inside.name = value
        else:
            yield self._complete(start, value)

    def _complete_scalar(self) -> Found:
        start, self._start = self._start or 0, None
        return self._complete(start, json.loads(self._text[start : self._at]))

    def _complete(self, start: int, value: Any) -> Found:
        path, around = tuple(inside.step for inside in self._open), tuple(inside.value for inside in self._open)
        if self._open:
            inside = self._open[-1]
            if isinstance(inside.value, list):
                inside.value.append(value)
            elif inside.name is not None:
                inside.value[inside.name], inside.name = value, None
        return Found(path, self._text[start : self._at], value, around)


_AFTER_SCALAR = re.compile(r"[\s,\]}]")
_REST_OF_STRING = re.compile(r'(?:[^"\\]+|\\.)*', re.DOTALL)
