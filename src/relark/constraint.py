"""Constraints: what users build, combine and hand to `generate`.

A `Constraint` is a language with a description.  They combine across front-ends:

    >>> import relark
    >>> date = relark.regex(r"\\d{4}-\\d{2}-\\d{2}")
    >>> answer = relark.choices(["yes", "no"]) + relark.text(until="\\n") | date
    >>> answer.fullmatch("yes, because\\n"), answer.fullmatch("2026-01-31"), answer.fullmatch("maybe")
    (True, True, False)

``a + b`` one after the other, ``a | b`` either, ``a & b`` both, ``~a`` any text but a, ``a.repeat(lo, hi)``.
Immutable and thread-safe.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import regex as regex_module

from relark.errors import ArgumentError, UnsupportedError
from relark.language.completion import is_empty, shortest
from relark.language.derivative import contains
from relark.language.literals import one_of
from relark.language.terms import (
    ALL,
    FULL,
    MAX_START_DEPTH,
    Term,
    byte_set,
    complement,
    concat,
    intersection,
    literal,
    repeat,
    sealed,
    union,
)
from relark.language.utf8 import TEXT

if TYPE_CHECKING:
    from lark import Lark
    from referencing import Registry

    from relark.frontends.lark import CompiledGrammar
    from relark.frontends.regex import CompiledRegex
    from relark.frontends.schema import CompiledSchema, PropertyOrder
    from relark.matcher import Matcher
    from relark.tokens.vocabulary import Vocabulary

_PROCESS: Final = uuid.uuid4().hex

__all__ = ["Constraint", "choices", "grammar", "literal_text", "regex", "schema", "text"]


@dataclass(frozen=True, eq=False)
class Constraint:
    """A set of texts.

    ``term``: its UTF-8 encodings as a language; ``description``: what a person wrote; ``sources``: the compiled
    regexes, schemas and grammars it was made of (what `relark.explain` reports on).  ``parse``: what a finished text
    means, for constraints made from types and schemas, and from grammars with ``result="tree"``; ``parse_part``: the
    same for the value at a path inside it (path, text, the values around it from the outside in).  ``notation``: what
    it was made from, for its `fingerprint`.
    """

    term: Term
    description: str
    sources: tuple[CompiledRegex | CompiledSchema | CompiledGrammar, ...] = ()
    parse: Callable[[str], Any] | None = None
    parse_part: Callable[[tuple[str | int, ...], str, Sequence[Any]], Any] | None = None
    notation: tuple[Any, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.term.depth > MAX_START_DEPTH:
            raise UnsupportedError(
                f"operators nest {self.term.depth} deep, more than the {MAX_START_DEPTH} that relark takes; "
                "flatten the pattern"
            )

    def __repr__(self) -> str:
        return self.description

    # --- combining --------------------------------------------------------------------------------

    def __add__(self, other: Constraint | str) -> Constraint:
        return _sequence(self, _coerced(other))

    def __radd__(self, other: str) -> Constraint:
        return _sequence(_coerced(other), self)

    def __or__(self, other: Constraint | str) -> Constraint:
        return _combined(" | ", union, self, _coerced(other))

    def __ror__(self, other: str) -> Constraint:
        return _combined(" | ", union, _coerced(other), self)

    def __and__(self, other: Constraint | str) -> Constraint:
        return _combined(" & ", intersection, self, _coerced(other))

    def __rand__(self, other: str) -> Constraint:
        return _combined(" & ", intersection, _coerced(other), self)

    def __invert__(self) -> Constraint:
        return Constraint(
            intersection(TEXT, complement(sealed(self.term))),
            f"~{self._grouped()}",
            self.sources,
            notation=("~", self.fingerprint),
        )

    def repeat(self, lo: int, hi: int | None = None) -> Constraint:
        """``lo`` to ``hi`` texts of this constraint, one after the other; ``hi`` None: no limit."""
        if lo < 0 or (hi is not None and hi < lo):
            raise ArgumentError(f"repeat({lo}, {hi}): expected 0 <= lo <= hi")
        return Constraint(
            repeat(sealed(self.term), lo, hi),
            f"{self._grouped()}.repeat({lo}, {hi})",
            self.sources,
            notation=("repeat", self.fingerprint, lo, hi),
        )

    def _grouped(self) -> str:
        shown = self.description
        return f"({shown})" if shown.startswith("~") or any(op in shown for op in (" + ", " | ", " & ")) else shown

    # --- using ------------------------------------------------------------------------------------

    def matcher(self, vocabulary: Vocabulary) -> Matcher:
        """A `Matcher` of this constraint over ``vocabulary``, at the start of a text.

        Raises `UnsatisfiableError` if nothing satisfies it, or nothing that the vocabulary can spell.
        """
        from relark.matcher import Matcher

        return Matcher(self, vocabulary)

    def fullmatch(self, text: str) -> bool:
        """Whether ``text`` satisfies the constraint."""
        # an unpaired surrogate is no text: its bytes match nothing
        return contains(self.term, text.encode(errors="surrogatepass"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 (64 hexadecimal digits) of what the constraint was made from: a key for caches of what it wrote.

        Constraints made in the same way from the same notation have the same, in every process; those of other texts,
        or whose texts mean other things, have others.  Of a constraint that was made by hand it holds in this process.

        >>> regex("a+").fingerprint == regex("a+").fingerprint, regex("a+").fingerprint == regex("a*").fingerprint
        (True, False)
        """
        notation = self.notation or (_PROCESS, self.term.uid)
        return hashlib.sha256(repr(notation).encode(errors="surrogatepass")).hexdigest()

    @property
    def is_empty(self) -> bool:
        """Whether no text satisfies the constraint."""
        return is_empty(self.term)

    def shortest(self) -> str | None:
        """A shortest text that satisfies the constraint (fewest UTF-8 bytes); None if there is none."""
        found = shortest(self.term)
        return None if found is None else found.decode()


def _coerced(value: Constraint | str) -> Constraint:
    if isinstance(value, Constraint):
        return value
    if isinstance(value, str):
        return literal_text(value)
    raise ArgumentError(
        f"constraints combine with constraints and with plain strings, not with {type(value).__name__}; "
        "wrap it: relark.regex(...), relark.choices(...)"
    )


def _sequence(first: Constraint, second: Constraint) -> Constraint:
    def part(c: Constraint) -> str:
        return f"({c.description})" if " | " in c.description or " & " in c.description else c.description

    return Constraint(
        concat(sealed(first.term), sealed(second.term)),
        f"{part(first)} + {part(second)}",
        (*first.sources, *second.sources),
        notation=("+", first.fingerprint, second.fingerprint),
    )


def _combined(operator: str, combine: Any, first: Constraint, second: Constraint) -> Constraint:
    return Constraint(
        combine(sealed(first.term), sealed(second.term)),
        f"{first._grouped()}{operator}{second._grouped()}",
        (*first.sources, *second.sources),
        notation=(operator.strip(), first.fingerprint, second.fingerprint),
    )


def literal_text(value: str) -> Constraint:
    """Exactly ``value``.  In combinations a plain ``str`` means the same: ``"Answer: " + relark.regex(...)``."""
    return Constraint(literal(_encoded(value)), repr(value), notation=("text", value))


def regex(
    pattern: str | re.Pattern[str] | regex_module.Pattern[str], flags: int = 0, **named_lists: Iterable[str]
) -> Constraint:
    """Texts that ``pattern`` fullmatches.

    ``pattern``: a ``str`` in the syntax of the ``regex`` module (a superset of ``re``'s), or a compiled pattern of
    either module, which keeps its own flags and named lists.  ``flags``: the ``regex`` module's flags, for a
    ``str`` only.  ``named_lists``: for ``\\L<name>``.

    Every construct is enforced exactly; regular ones as derivatives, the others (backreferences, recursion,
    conditionals, fuzzy matching) through the ``regex`` module's partial matching, which is slower.
    `relark.explain` says which way a pattern takes and why.

    Raises `PatternError` for what ``regex.compile`` refuses, with a caret; `UnsupportedError` for bytes patterns
    and the LOCALE flag.

    >>> regex(r"(?<!-)\\d+").fullmatch("12")
    True
    """
    from relark.frontends.regex import compile_regex

    compiled = compile_regex(pattern, flags, **named_lists)
    shown = pattern if isinstance(pattern, str) else pattern.pattern
    lists = getattr(compiled.pattern, "named_lists", {})
    notation = ("regex", shown, compiled.flags, type(compiled.pattern).__module__)
    return Constraint(
        compiled.term,
        f"regex({shown!r})",
        (compiled,),
        notation=(*notation, sorted((name, sorted(words)) for name, words in lists.items())),
    )


def schema(
    of: Any,
    *,
    property_order: PropertyOrder = "schema",
    whitespace: str = "flexible",
    formats: Literal["assert", "annotate", "strict"] | Mapping[str, str | Constraint] = "assert",
    compact_numbers: bool = False,
    registry: Registry[Any] | None = None,
) -> Constraint:
    """JSON texts of the values of a type or a schema.

    ``of``: a JSON Schema (``dict``, ``bool``, or its JSON text), or a type: a Pydantic model, dataclass, TypedDict,
    Enum, ``list[Item]``, ``int``, a union, a function (an object of its arguments) and whatever else Pydantic
    understands.

    ``property_order``: "schema" writes declared properties in the schema's order, others after them; "any" accepts
    any order, as JSON Schema does.  ``whitespace``: "flexible" (what ``json.dumps`` writes with any separators or
    indent), "compact", or a regex for the whitespace after ``{ [ , :`` and before ``} ]``.  ``formats``: "assert"
    enforces the standard ``format``s, and takes unknown names for annotations, as JSON Schema does; "strict"
    refuses unknown names; "annotate" enforces none; a dict from names to patterns (or constraints) adds formats to
    the standard ones.  ``compact_numbers``: ``1``, never ``1.0`` or ``1e0``.  ``registry``: a
    `referencing.Registry` for ``$ref``s to other documents; nothing is ever fetched.

    Raises `SchemaError` for a malformed schema, `UnsupportedError` for what cannot be enforced,
    `UnsatisfiableError` where no value exists, naming the keywords that clash; all with JSON pointers.

    >>> schema({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}).fullmatch('{"age": 7}')
    True
    """
    from relark.frontends.schema import compile_schema

    source: Any = of
    parse: Callable[[str], Any] = json.loads
    parse_part = None
    if not isinstance(of, dict | bool | str):
        from relark.frontends.types import type_schema

        found = type_schema(of)
        source, parse, parse_part = found.schema, found.parse, found.parse_part
    compiled = compile_schema(
        source,
        property_order=property_order,
        whitespace=whitespace,
        formats=formats if isinstance(formats, str) else {n: _format(n, f) for n, f in formats.items()},
        compact_numbers=compact_numbers,
        registry=registry,
    )
    shown = _shown(of)
    notation = (
        "schema",
        source if isinstance(source, str) else json.dumps(source, default=repr),
        "" if source is of else _name(of),
        (property_order, whitespace, compact_numbers),
        formats if isinstance(formats, str) else sorted((n, _fingerprint(f)) for n, f in formats.items()),
        [] if registry is None else sorted((uri, json.dumps(registry.contents(uri), default=repr)) for uri in registry),
    )
    return Constraint(compiled.term, f"schema({shown})", (compiled,), parse, parse_part, notation)


def grammar(
    grammar: str | os.PathLike[str] | Lark,
    *,
    start: str | None = None,
    result: Literal["text", "tree"] = "text",
    terminals: Mapping[str, str] | None = None,
    **options: Any,
) -> Constraint:
    """Texts that a Lark grammar parses: exactly those that ``Lark(grammar, **options).parse`` accepts.

    ``grammar``: the text of a grammar; a file, as a path or as a string that ends in ``.lark``; or a `lark.Lark`
    object.  ``start``: the rule to start from; None: ``"start"``, or the only one that a Lark object has.
    ``result``: what `relark.generate` returns: the text, or with "tree" what Lark itself parses from it (a `lark.Tree`,
    or what the transformer makes of it that the Lark object has).  ``terminals``: regexes for terminals, by name: for
    those that ``%declare`` only declares, or in place of others, as by ``%override``.  ``options``: any of Lark's,
    for grammars that are no Lark object yet: ``parser="lalr"``, ``lexer="dynamic_complete"``, ``import_paths=[...]``,
    ``postlex=...``.

    Raises `GrammarError` for what Lark refuses, with file, line and caret; `ArgumentError` for wrong options;
    `UnsupportedError` for what cannot be enforced exactly (``parser="cyk"``, lexer classes of one's own, terminals
    with backreferences), `UnsatisfiableError` if no text matches.

    >>> sums = grammar(r'''
    ... start: NUMBER ("+" NUMBER)*
    ... NUMBER: /[0-9]+/
    ... ''', result="tree")
    >>> sums.fullmatch("1+20"), sums.fullmatch("1+")
    (True, False)
    >>> sums.parse("1+20").children
    [Token('NUMBER', '1'), Token('NUMBER', '20')]
    """
    from relark.frontends.lark import compile_grammar

    if result not in ("text", "tree"):
        raise ArgumentError(f"result={result!r}: expected 'text' or 'tree'")
    compiled = compile_grammar(grammar, start=start, terminals=terminals, **options)
    shown = description_of_grammar(grammar, start)
    read = compiled.grammar
    notation = ("grammar", read.start, read.parser, read.lexer, read.rules, read.terminals, read.ignored, read.flags)
    return Constraint(
        compiled.term,
        shown,
        (compiled,),
        compiled.parse if result == "tree" else None,
        notation=(*notation, read.module, _indentation(read.lark), result),
    )


def description_of_grammar(grammar: str | os.PathLike[str] | Lark, start: str | None) -> str:
    """How a constraint made from ``grammar`` is shown."""
    of = os.fspath(grammar) if isinstance(grammar, str | os.PathLike) else grammar
    return f"grammar({_shown(of)})" if start is None else f"grammar({_shown(of)}, start={start!r})"


def _shown(of: Any) -> str:
    if isinstance(of, str):
        shown = " ".join(of.split())
    elif isinstance(of, dict | bool) or getattr(of, "__args__", None) or not hasattr(of, "__name__"):
        shown = repr(of)
    else:
        shown = of.__name__
    return f"{shown[:97]}..." if len(shown) > 100 else shown


def _name(of: Any) -> str:
    """Which of all types with one schema it is."""
    return ".".join(str(getattr(of, name, "")) for name in ("__module__", "__qualname__"))


def _indentation(lark: Lark) -> list[tuple[str, Any]]:
    """What the post-lexer of a grammar is, if it has one: the only ones are `Indenter`s, of constants."""
    post: Any = lark.options.postlex
    names = ("NL_type", "OPEN_PAREN_types", "CLOSE_PAREN_types", "INDENT_type", "DEDENT_type", "tab_len")
    return [] if post is None else [(name, getattr(post, name)) for name in names]


def _fingerprint(meaning: Any) -> str:
    return meaning.fingerprint if isinstance(meaning, Constraint) else regex(meaning).fingerprint


def _format(name: str, meaning: object) -> Term:
    if isinstance(meaning, Constraint):
        return sealed(meaning.term)
    if isinstance(meaning, str | re.Pattern | regex_module.Pattern):
        return regex(meaning).term
    raise ArgumentError(f"formats[{name!r}]: expected a regex or a constraint, got {type(meaning).__name__}")


def choices(options: Iterable[str] | type[enum.Enum]) -> Constraint:
    """One of ``options``: strings, or an Enum class, whose members' values count (``str(value)``).

    Raises `ArgumentError` if there are none, or one is not a string.

    >>> choices(["red", "green"]).fullmatch("green")
    True
    """
    if isinstance(options, str):
        raise ArgumentError(
            f"choices: expected a list of strings, got the single string {options!r}; write choices=[{options!r}]"
        )
    if isinstance(options, type) and issubclass(options, enum.Enum):
        values = [m.value if isinstance(m.value, str) else str(m.value) for m in options]
    elif isinstance(options, Iterable):
        values = list(options)
    else:
        raise ArgumentError(f"choices: expected a list of strings or an Enum class, got {type(options).__name__}")
    for i, value in enumerate(values):
        if not isinstance(value, str):
            raise ArgumentError(
                f"choices[{i}]: expected a string, got {type(value).__name__} {value!r}; write str({value!r})"
            )
    if not values:
        raise ArgumentError("choices: expected at least one string, got none")
    shown = ", ".join(map(repr, values[:4])) + (f", ... {len(values)} in all" if len(values) > 4 else "")
    return Constraint(one_of(_encoded(v) for v in values), f"choices([{shown}])", notation=("choices", values))


def text(until: str | Iterable[str] | None = None) -> Constraint:
    """Any text; with ``until``, any text up to and including the first occurrence of that string (or of one of
    those strings).

    >>> (text(until="</think>") + choices(["yes", "no"])).fullmatch("Hm. So</think>yes")
    True
    """
    if until is None:
        return Constraint(TEXT, "text()", notation=("text()",))
    ends = [until] if isinstance(until, str) else list(until) if isinstance(until, Iterable) else []
    if not ends or not all(isinstance(e, str) and e for e in ends):
        raise ArgumentError(f"text: until must be a non-empty string or a list of them, got {until!r}")
    stop = one_of(_encoded(e) for e in ends)
    # the end must not occur earlier: nowhere in the text without its last character
    early = concat(ALL, stop, byte_set(FULL), ALL)
    term = intersection(concat(TEXT, stop), complement(early))
    shown = until if isinstance(until, str) else ends
    return Constraint(term, f"text(until={shown!r})", notation=("text(until)", ends))


def _encoded(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"{value!r} has an unpaired surrogate at position {error.start}, which no UTF-8 text can contain"
        ) from error
