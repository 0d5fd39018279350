"""Terms as text, for error messages, `explain` and debugging; never parsed back, cut at a length."""

from __future__ import annotations

from relark.language.terms import (
    FULL,
    Ahead,
    Atomic,
    Behind,
    ByteSet,
    Complement,
    Concat,
    Empty,
    Epsilon,
    Guard,
    Intersection,
    LeafTerm,
    Ref,
    Repeat,
    Scope,
    Sealed,
    Term,
    Union,
)

LIMIT = 400  # characters


def show(term: Term, limit: int = LIMIT) -> str:
    """``term`` in regex-like notation (``&`` intersection, ``~`` complement), at most ``limit`` characters."""
    pieces: list[str] = []
    room = limit
    work: list[Term | str] = [term]
    while work and room > 0:
        item = work.pop()
        if isinstance(item, Term):
            expanded = _parts(item)
            if isinstance(expanded, str):
                item = expanded
            else:
                work.extend(reversed(expanded))
                continue
        pieces.append(item)
        room -= len(item)
    text = "".join(pieces)
    return text if not work and len(text) <= limit else text[: limit - 3] + "..."


def _joined(items: tuple[Term, ...], operator: str) -> list[Term | str]:
    parts: list[Term | str] = ["("]
    for i, item in enumerate(items):
        parts += [operator, item] if i else [item]
    return [*parts, ")"]


def _parts(term: Term) -> list[Term | str] | str:
    match term:
        case Empty():
            return "∅"
        case Epsilon():
            return "ε"
        case ByteSet():
            return _bytes(term.mask)
        case Concat():
            return [term.head, term.tail]
        case Union():
            return _joined(term.items, "|")
        case Intersection():
            return _joined(term.items, "&")
        case Complement():
            return ["~(", term.item, ")"]
        case Repeat():
            if term.hi is None:
                count = {0: "*", 1: "+"}.get(term.lo, f"{{{term.lo},}}")
            elif (term.lo, term.hi) == (0, 1):
                count = "?"
            else:
                count = f"{{{term.lo},{term.hi}}}" if term.lo != term.hi else f"{{{term.lo}}}"
            inner: list[Term | str] = [term.item] if isinstance(term.item, ByteSet | Union) else ["(", term.item, ")"]
            return [*inner, count]
        case Ref():
            return f"<{term.name}>"
        case LeafTerm():
            return f"<{term.leaf}>"
        case Ahead():
            return ["(?!" if term.negative else "(?=", term.rest, "\\Z)"]
        case Behind():
            before: list[Term | str] = ["(?<!" if term.negative else "(?<="]
            for i, (left, _) in enumerate(term.threads):
                before += ["|", left] if i else [left]
            return [*before, ")"]
        case Atomic():
            return "(?>...)"
        case Scope():
            return ["[[", term.item, "]]"]
        case Guard():
            return f"(?!{_bytes(term.guard)})"
        case Sealed():
            return _parts(term.item)
    return f"<{type(term).__name__}>"


def _bytes(mask: int) -> str:
    if mask == FULL:
        return "Σ"
    bytes_ = [b for b in range(256) if mask >> b & 1]
    if len(bytes_) == 1:
        return _byte(bytes_[0])
    if len(bytes_) > 128:
        return "[^" + _ranges([b for b in range(256) if not mask >> b & 1]) + "]"
    return "[" + _ranges(bytes_) + "]"


def _byte(byte: int) -> str:
    return chr(byte) if 32 < byte < 127 else f"\\x{byte:02x}"


def _ranges(bytes_: list[int]) -> str:
    text, i = "", 0
    while i < len(bytes_):
        j = i
        while j + 1 < len(bytes_) and bytes_[j + 1] == bytes_[j] + 1:
            j += 1
        text += _byte(bytes_[i]) + (("-" if j > i + 1 else "") + _byte(bytes_[j]) if j > i else "")
        i = j + 1
    return text
