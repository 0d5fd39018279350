"""Every error that relark raises on purpose.

    RelarkError
    ├── ArgumentError        an argument of a public call is wrong (also a ValueError)
    ├── PatternError         the notation itself is malformed: text, position, caret (also a ValueError)
    ├── SchemaError          a JSON Schema is malformed: JSON pointer, what was found (also a ValueError)
    ├── GrammarError         a Lark grammar is malformed: file, line, column, caret (also a ValueError)
    ├── UnsupportedError     well-formed, but not something that relark can enforce exactly
    ├── UnsatisfiableError   no text at all satisfies the constraint (or none that the tokenizer can spell)
    ├── BudgetError          no text that satisfies the constraint fits in ``max_new_tokens``
    ├── TokenNotAllowed      a matcher was advanced by a token that its mask forbids
    ├── DeadEndError         decoding reached a state from which no allowed token leads on
    ├── TokenizerError       a tokenizer whose exact token bytes relark cannot tell
    ├── ModelError           a model that cannot be found, loaded or used
    └── ValidationFailed     the text satisfies the schema, but a Python validator of the type refuses it

Nothing else in relark raises a bare ``Exception``; an error of another kind is a bug worth reporting.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "BudgetError",
    "DeadEndError",
    "GrammarError",
    "ModelError",
    "PatternError",
    "RelarkError",
    "SchemaError",
    "TokenNotAllowed",
    "TokenizerError",
    "UnsatisfiableError",
    "UnsupportedError",
    "ValidationFailed",
]


class RelarkError(Exception):
    """The root of relark's exceptions."""


class ArgumentError(RelarkError, ValueError):
    """An argument of a public call is wrong; the message says which, what was found and what is expected."""


def caret(source: str, position: int) -> str:
    """The line of ``source`` that holds ``position`` (a code point index) and a caret under that column."""
    position = max(0, min(position, len(source)))
    start = source.rfind("\n", 0, position) + 1
    end = source.find("\n", position)
    line = source[start : end if end >= 0 else len(source)]
    column = position - start
    if column > 70:  # keep a long one-line pattern on the screen: show the neighbourhood only
        cut = column - 40
        line, column = "..." + line[cut:], column - cut + 3
    if len(line) > column + 60:
        line = line[: column + 57] + "..."
    pad = "".join("\t" if c == "\t" else " " for c in line[:column])
    return f"    {line}\n    {pad}^"


class PatternError(RelarkError, ValueError):
    """Malformed notation.

    ``source`` is the text as given, ``position`` the offset in it in code points (``None`` where unknown).
    """

    def __init__(self, message: str, source: str | None = None, position: int | None = None) -> None:
        self.message, self.source, self.position = message, source, position
        text = message
        if source is not None and position is not None:
            line = source.count("\n", 0, position) + 1
            column = position - (source.rfind("\n", 0, position) + 1) + 1
            where = f"column {column}" if "\n" not in source else f"line {line}, column {column}"
            text = f"{message} ({where})\n{caret(source, position)}"
        super().__init__(text)


class _Placed(RelarkError):
    """An error with a place: a JSON pointer, or an offset in code points in a text."""

    def __init__(
        self,
        message: str,
        *,
        pointer: str | None = None,
        source: str | None = None,
        position: int | None = None,
    ) -> None:
        self.message, self.pointer, self.source, self.position = message, pointer, source, position
        text = message if pointer is None else f"{pointer}: {message}"
        if source is not None and position is not None:
            text = f"{text}\n{caret(source, position)}"
        super().__init__(text)


class SchemaError(_Placed, ValueError):
    """A malformed JSON Schema: not JSON, a keyword whose value makes no sense, a reference that leads nowhere.

    ``pointer`` is a JSON pointer to the value at fault (``#/properties/age/minimum``; the document's URI is in front
    where it is not the schema that was given), ``position`` an offset in code points in ``source`` for text that is
    not JSON.
    """


class GrammarError(RelarkError, ValueError):
    """A malformed Lark grammar: what Lark's own loader says of it (its error is the ``__cause__``), with the place.

    ``path`` is the file (None for a grammar given as text), ``source`` the text of it, ``position`` the offset of the
    fault in code points; ``line`` and ``column`` count from 1.  All are None where the place is not known.
    """

    def __init__(
        self, message: str, *, path: str | None = None, source: str | None = None, position: int | None = None
    ) -> None:
        self.message, self.path, self.source, self.position = message, path, source, position
        self.line: int | None = None
        self.column: int | None = None
        where, shown = path, ""
        if source is not None and position is not None:
            self.line = source.count("\n", 0, position) + 1
            self.column = position - source.rfind("\n", 0, position)
            where = f"{path or 'grammar'}:{self.line}:{self.column}"
            shown = f"\n{caret(source, position)}"
        super().__init__(f"{where}: {message}{shown}" if where else f"{message}{shown}")


class UnsupportedError(_Placed):
    """Well-formed notation that relark cannot enforce exactly, and therefore refuses.

    ``pointer`` is a JSON pointer for schemas, ``position`` an offset in code points for texts.
    """


class UnsatisfiableError(RelarkError):
    """No text satisfies the constraint, or none that this vocabulary can spell."""


class BudgetError(RelarkError):
    """No text that satisfies the constraint fits in the tokens allowed.

    ``needed`` is the number of tokens of the cheapest text that was found.
    """

    def __init__(self, message: str, needed: int | None = None) -> None:
        self.needed = needed
        super().__init__(message)


class TokenNotAllowed(RelarkError):
    """``Matcher.advance`` was called with a token that the constraint does not allow here; the matcher has not
    moved.
    """

    def __init__(self, message: str, token_id: int | None = None) -> None:
        self.token_id = token_id
        super().__init__(message)


class DeadEndError(RelarkError):
    """No allowed token leads on and the text is not complete; never answered by unmasking."""


class TokenizerError(RelarkError):
    """A tokenizer of a kind whose exact token bytes relark does not know."""


class ModelError(RelarkError):
    """A model or tokenizer that cannot be found, loaded or used; the message says what to do."""


class ValidationFailed(RelarkError):
    """A generated text that a type refuses: its own Python validators say more than its schema.

    ``text`` is what was generated; pydantic's `ValidationError` is the ``__cause__``.
    """

    def __init__(self, message: str, text: str) -> None:
        self.text = text
        super().__init__(message)
