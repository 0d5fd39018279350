"""Regular expressions: patterns of `regex` and of `re` as terms.

`compile_regex` is the way in.  A pattern is compiled by the engine that owns its notation first, so that what the
engine refuses is refused with its own message; then it is read (`syntax`), and turned into a term (`lower`), which
is exact where every construct in it is regular.  Otherwise the engine's partial matching serves it (`partial`), and
the result says why.
"""

from __future__ import annotations

import copyreg
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import regex

from relark.errors import ArgumentError, PatternError, UnsupportedError
from relark.frontends.regex import lower as lowering
from relark.frontends.regex.captures import threads_term
from relark.frontends.regex.lower import Reason
from relark.frontends.regex.partial import partial_match_term
from relark.frontends.regex.syntax import NotUnderstood, Syntax, parse, refuse_locale
from relark.frontends.regex.translate import translate
from relark.language import Term

__all__ = ["CompiledRegex", "Reason", "compile_regex"]


@dataclass(frozen=True)
class CompiledRegex:
    """A pattern as a language.

    ``engine`` is "derivative" where ``term`` is a regular one, "captures" where it also keeps what groups have
    matched (exact as well), "partial-match" where the regex engine is asked for every step; for the last two
    ``reasons`` says why.  ``pattern`` is the object whose ``fullmatch`` decides; ``flags`` are its flags.
    """

    term: Term
    engine: Literal["derivative", "captures", "partial-match"]
    reasons: tuple[Reason, ...]
    source: str
    flags: int
    pattern: regex.Pattern[str] | re.Pattern[str] = field(repr=False)


def compile_regex(
    pattern: str | re.Pattern[str] | regex.Pattern[str], flags: int = 0, **named_lists: Iterable[str]
) -> CompiledRegex:
    r"""The texts that ``pattern.fullmatch`` accepts.

    ``pattern``: text in the notation of the `regex` module, or a compiled pattern of `regex` or `re`, which keeps
    the meaning that it has there. ``flags``: flags of `regex` (``regex.I | regex.V1``); those of `re` are
    understood as well.  ``named_lists``: for ``\L<name>``.

    Raises `PatternError` for what the engine refuses, `ArgumentError` for other arguments, `UnsupportedError` for
    byte patterns, the LOCALE flag, and patterns that nest too deeply.

    >>> compile_regex(r"\d+(?=;)").engine
    'derivative'
    >>> compile_regex(r"(a+)b\1").reasons[0].construct
    'backreference \\1'
    """
    if isinstance(pattern, bytes) or (
        isinstance(pattern, re.Pattern | regex.Pattern) and isinstance(pattern.pattern, bytes)
    ):
        raise UnsupportedError("byte patterns are not supported; write the pattern as text (str)")
    if isinstance(pattern, re.Pattern | regex.Pattern):
        if flags or named_lists:
            raise ArgumentError("a compiled pattern has its flags and named lists already; pass none beside it")
        if isinstance(pattern, re.Pattern):
            return _from_re(pattern)
        return _from_regex(pattern, None)
    if not isinstance(pattern, str):
        raise ArgumentError(f"pattern must be a str or a compiled pattern, not {type(pattern).__name__}")
    flags = _regex_flags(flags)
    return _from_regex(_compiled(pattern, flags, named_lists), flags)


# --- regex ------------------------------------------------------------------------------------------------------------


def _regex_flags(flags: int) -> int:
    """``flags`` in the numbers of `regex`, which has other numbers than `re` for some."""
    if not isinstance(flags, int):
        raise ArgumentError(f"flags must be flags of regex or re, not {type(flags).__name__}")
    if isinstance(flags, re.RegexFlag):
        flags = sum(
            int(getattr(regex, name))
            for name in ("ASCII", "IGNORECASE", "LOCALE", "MULTILINE", "DOTALL", "UNICODE", "VERBOSE")
            if flags & getattr(re, name)
        )
    if flags & regex.V0 and flags & regex.V1:
        raise ArgumentError("the flags V0 and V1 are mutually incompatible")
    return int(flags) & ~int(regex.DEBUG)


def _compiled(source: str, flags: int, named_lists: dict[str, Iterable[str]]) -> regex.Pattern[str]:
    lists: dict[str, Any] = {name: _texts(name, texts) for name, texts in named_lists.items()}
    try:
        return regex.compile(source, flags, cache_pattern=False, **lists)
    except regex.error as error:
        message, position = getattr(error, "msg", str(error)), getattr(error, "pos", None)
        raise PatternError(message, source, position) from None
    except RecursionError:
        raise UnsupportedError(
            "the pattern nests its groups too deeply for the regex module; write it with fewer levels"
        ) from None
    except ValueError as error:  # flags that contradict each other; a named list that the pattern has no use for
        raise ArgumentError(f"regex refuses the pattern {source!r}: {error}") from None
    except (TypeError, KeyError, IndexError, OverflowError, MemoryError) as error:
        # What regex lets through: named sequences of characters, contradicting inline versions, giant counts.
        raise PatternError(f"regex cannot compile the pattern: {error}", source, None) from None


def _texts(name: str, texts: Iterable[str]) -> list[str]:
    found = list(texts)
    for text in found:
        if not isinstance(text, str):
            raise ArgumentError(f"the named list {name!r} must hold str, not {type(text).__name__}")
    return found


def _from_regex(pattern: regex.Pattern[str], flags: int | None) -> CompiledRegex:
    """``flags``: those that the pattern was compiled with, where that is known."""
    if pattern.flags & regex.LOCALE:
        refuse_locale(pattern.pattern, None)
    lists = pattern.named_lists
    syntax = _read(pattern, flags, lists)
    found = lowering.lower(syntax, lists)
    if not found.reasons:
        return CompiledRegex(found.term, "derivative", (), pattern.pattern, pattern.flags, pattern)
    term = threads_term(syntax, lists, pattern)
    if term is not None:
        return CompiledRegex(term, "captures", found.reasons, pattern.pattern, pattern.flags, pattern)
    term = partial_match_term(pattern, lowering.alphabet(syntax, lists), found.term)
    return CompiledRegex(term, "partial-match", found.reasons, pattern.pattern, pattern.flags, pattern)


def _read(pattern: regex.Pattern[str], flags: int | None, lists: Mapping[str, Any]) -> Syntax:
    try:
        if flags is None:
            flags = _flags_at_start(pattern, lists)
        # A pattern keeps its global flags wherever in it they are set; its version may also be regex's default.
        globally = pattern.flags & (regex.V0 | regex.V1 | regex.REVERSE | regex.POSIX)
        syntax = parse(pattern.pattern, flags & ~int(regex.UNICODE) | globally, names=lists)
        _check_groups(syntax, pattern)
    except NotUnderstood as error:
        raise _unread("regex", pattern.pattern, error) from None
    return syntax


def _flags_at_start(pattern: regex.Pattern[str], lists: Mapping[str, Any]) -> int:
    """The flags that ``pattern`` was compiled with.

    It tells the flags as of its end; they differ where ``(?i)`` and the like stand in the middle.  Then candidates
    are compiled until one gives the same code.
    """
    known = pattern.flags & ~int(regex.UNICODE)
    loose = parse(pattern.pattern, known, names=lists).loose
    if not loose:
        return known
    bits = [1 << i for i in range(loose.bit_length()) if loose >> i & 1]
    code = _code(pattern)
    for chosen in itertools.product((0, 1), repeat=len(bits)):
        flags = known & ~loose | sum(bit for bit, on in zip(bits, chosen, strict=True) if on)
        for encoding in (0, int(regex.UNICODE)):
            try:
                candidate = regex.compile(pattern.pattern, flags | encoding, cache_pattern=False, **lists)
            except (regex.error, ValueError):
                continue
            if _code(candidate) == code:
                return flags
    raise UnsupportedError(
        "the flags under which this pattern was compiled cannot be told, because it switches flags in its middle; "
        "pass its text and its flags instead",
        source=pattern.pattern,
        position=0,
    )


def _code(pattern: regex.Pattern[str]) -> Any:
    """What identifies a compiled pattern: the state that it is pickled with."""
    return copyreg.dispatch_table[type(pattern)](pattern)[1]


def _check_groups(syntax: Syntax, pattern: regex.Pattern[str] | re.Pattern[str]) -> None:
    if syntax.group_count != pattern.groups or syntax.names != dict(pattern.groupindex):
        raise NotUnderstood(0, f"{pattern.groups} groups where {syntax.group_count} were read")


def _unread(module: str, source: str, error: NotUnderstood) -> UnsupportedError:
    return UnsupportedError(
        f"{module} compiles this pattern, but relark cannot read it: {error.what}; please report it",
        source=source,
        position=error.position,
    )


# --- re ---------------------------------------------------------------------------------------------------------------


def _from_re(pattern: re.Pattern[str]) -> CompiledRegex:
    try:
        syntax = parse(pattern.pattern, pattern.flags, module="re")
        _check_groups(syntax, pattern)
    except NotUnderstood as error:
        raise _unread("re", pattern.pattern, error) from None
    found = lowering.lower(syntax, {})
    if not found.reasons:
        return CompiledRegex(found.term, "derivative", (), pattern.pattern, pattern.flags, pattern)
    term = threads_term(syntax, {}, pattern)
    if term is not None:
        return CompiledRegex(term, "captures", found.reasons, pattern.pattern, pattern.flags, pattern)
    term = partial_match_term(translate(syntax), lowering.alphabet(syntax, {}), found.term)
    return CompiledRegex(term, "partial-match", found.reasons, pattern.pattern, pattern.flags, pattern)
