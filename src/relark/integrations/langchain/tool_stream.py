"""Calls in a text in the making: an incremental reader of what a `ToolSyntax` lets a model write.

What it is: `CallReader`, fed with pieces of one text, gives text, the beginnings of calls and pieces of their
arguments as soon as they are certain, however the text was cut into pieces. When to use it:
``syntax.reader(tools)``.

It reads what the constraint of the same syntax and tools has written, so it has no opinion of its own on what a call
may look like: literals are compared, names are those of the tools, arguments end where their JSON object ends.

Cost: one look at each character. It holds back what may still become the beginning of a call.

What it cannot do: repair anything. A text that the constraint has not written is an ArgumentError.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

from relark.errors import ArgumentError

if TYPE_CHECKING:
    from relark.integrations.langchain.tool_syntax import Pattern, ToolSyntax

__all__ = ["ID_LENGTH", "ArgsDelta", "CallReader", "CallStart", "Event", "TextDelta", "new_id"]

ALPHABET = string.digits + string.ascii_letters
ID_LENGTH = 9  # letters and digits: what Mistral's templates insist on, and no other one minds
BLANKS = " \t\n"


@dataclass(frozen=True)
class TextDelta:
    """A piece of the text beside the calls; never empty."""

    text: str


@dataclass(frozen=True)
class CallStart:
    """The ``index``-th call of the message begins, from 0; ``id`` is unique."""

    index: int
    id: str
    name: str


@dataclass(frozen=True)
class ArgsDelta:
    """A piece of the arguments of call ``index``; never empty. Together they are one JSON object."""

    index: int
    text: str


Event: TypeAlias = TextDelta | CallStart | ArgsDelta


def new_id() -> str:
    """Nine letters and digits, at random."""
    return identifier(uuid4().int)


def identifier(number: int) -> str:
    """``number`` as nine letters and digits; numbers beyond 62**9 share them."""
    found = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        found.append(ALPHABET[digit])
    return "".join(found)


class CallReader:
    """Reads one text.

    syntax   how calls are written
    names    of the tools that may be called; none: all is text
    calls    the text is calls from its first character on
    answer   the text is either an answer or calls, with nothing before them
    ids      makes the ids

    What a syntax writes as an id is read and forgotten: a small model repeats itself, and ids must not.
    """

    def __init__(
        self,
        syntax: ToolSyntax,
        names: Sequence[str],
        *,
        calls: bool = False,
        answer: bool = False,
        ids: Callable[[], str] = new_id,
    ) -> None:
        self._syntax, self._names, self._ids = syntax, tuple(names), ids
        self._blanks = "" if answer or syntax.answer else syntax.blanks
        self._text_may_lead = syntax.leading_text and not answer
        self._held = ""
        self._index = -1
        self._depth, self._in_string, self._escaped = 0, False, False
        self._events: list[Event] = []
        if calls:
            self._step = self._first_call
        elif syntax.answer:
            self._step = self._answer_or_call
        else:
            self._step = self._text_or_call()

    def feed(self, piece: str) -> list[Event]:
        """What is certain with ``piece``, the next of the text.

        Raises ArgumentError where the text is not of this syntax.
        """
        self._held += piece
        while self._step():
            pass
        events, self._events = self._events, []
        return events

    def close(self) -> list[Event]:
        """What was held back, at the end of the text.

        Raises ArgumentError if a call is not complete.
        """
        if self._step == self._after_call:
            if _read(self._syntax.end, self._held) != len(self._held):
                raise self._error("the calls are not complete")
        elif self._step in (self._first_call, self._name, self._arguments):
            raise self._error("a call is not complete")
        else:
            self._say(len(self._held))
        events, self._events = self._events, []
        return events

    # --- steps: each reads from what is held, and tells whether there may be more to read -----------------------------

    def _text_or_call(self) -> Callable[[], bool]:
        if not self._names:
            return self._text
        return self._text_then_call if self._text_may_lead else self._call_or_text

    def _text(self) -> bool:
        self._say(len(self._held))
        return False

    def _answer_or_call(self) -> bool:
        """A syntax whose answers have a beginning of their own."""
        answer = self._syntax.answer
        if answer.startswith(self._held) and self._held != answer:
            return False
        if self._held.startswith(answer):
            self._held = self._held.removeprefix(answer)
            self._step = self._text
        else:
            self._step = self._text_or_call()
        return True

    def _call_or_text(self) -> bool:
        """Calls stand first, or not at all."""
        trigger, rest = self._syntax.trigger, self._held.lstrip(self._blanks)
        if trigger.startswith(rest) and rest != trigger:
            return False
        if rest.startswith(trigger):
            self._held, self._step = rest, self._first_call
        else:
            self._step = self._text
        return True

    def _text_then_call(self) -> bool:
        syntax = self._syntax
        at = self._held.find(syntax.trigger)
        if at >= 0:
            text = self._held[:at].removesuffix(syntax.gap)
            rest = self._held[at:]
            self._say(len(text))
            self._held, self._step = rest, self._first_call
            return True
        self._say(len(self._held) - max(_overlap(self._held, b) for b in (syntax.trigger, syntax.gap + syntax.trigger)))
        return False

    def _first_call(self) -> bool:
        return self._literal(self._syntax.start, self._name)

    def _literal(self, pattern: Pattern, after: Callable[[], bool]) -> bool:
        size = _read(pattern, self._held)
        if size is None:
            if not _may_become(pattern, self._held):
                raise self._error(f"{pattern[0]!r} was expected")
            return False
        self._held, self._step = self._held[size:], after
        return True

    def _name(self) -> bool:
        first, *others = self._syntax.middle
        waiting = False
        for name in self._names:
            head = (name + first, *others)
            size = _read(head, self._held)
            if size is not None:
                self._index += 1
                self._events.append(CallStart(self._index, self._ids(), name))
                self._held, self._step = self._held[size:], self._arguments
                return True
            waiting = waiting or _may_become(head, self._held)
        if not waiting:
            raise self._error(f"the name of a tool was expected ({', '.join(self._names)})")
        return False

    def _arguments(self) -> bool:
        for place, character in enumerate(self._held):
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif character == "\\":
                    self._escaped = True
                elif character == '"':
                    self._in_string = False
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
            if self._depth == 0:
                if character != "}":
                    raise self._error("an object of arguments was expected")
                self._argue(place + 1)
                self._step = self._after_call
                return True
        self._argue(len(self._held))
        return False

    def _after_call(self) -> bool:
        """Another call, or the end; which one, ``close`` may have to tell."""
        syntax = self._syntax
        if syntax.between is not None:
            size = _read(syntax.between, self._held)
            if size is not None:
                self._held, self._step = self._held[size:], self._name
                return True
            if _may_become(syntax.between, self._held):
                return False
        if _read(syntax.end, self._held) not in (None, len(self._held)) or not _may_become(syntax.end, self._held):
            raise self._error("another call or the end was expected")
        return False

    # --- events -------------------------------------------------------------------------------------------------------

    def _say(self, size: int) -> None:
        if size:
            self._events.append(TextDelta(self._held[:size]))
        self._held = self._held[size:]

    def _argue(self, size: int) -> None:
        if size:
            self._events.append(ArgsDelta(self._index, self._held[:size]))
        self._held = self._held[size:]

    def _error(self, what: str) -> ArgumentError:
        return ArgumentError(f"{what}, but the text goes on with {self._held[:60]!r}; did its constraint write it?")


def _read(pattern: Pattern, text: str) -> int | None:
    """How many characters of ``text`` are ``pattern``; None if it does not begin with it."""
    position = 0
    for number, literal in enumerate(pattern):
        if number:
            written = text[position : position + ID_LENGTH]
            if len(written) < ID_LENGTH or set(written) - set(ALPHABET):
                return None
            position += ID_LENGTH
        if not text.startswith(literal, position):
            return None
        position += len(literal)
    return position


def _may_become(pattern: Pattern, text: str) -> bool:
    """Whether ``text`` begins with ``pattern``, or may when it goes on."""
    position = 0
    for number, literal in enumerate(pattern):
        if number:
            if set(text[position : position + ID_LENGTH]) - set(ALPHABET):
                return False
            position += ID_LENGTH
        if not literal.startswith(text[position : position + len(literal)]):
            return False
        position += len(literal)
    return True


def _overlap(text: str, beginning: str) -> int:
    """The length of the longest end of ``text`` that ``beginning`` goes on from."""
    for size in range(min(len(text), len(beginning) - 1), 0, -1):
        if text.endswith(beginning[:size]):
            return size
    return 0
