"""``relark.explain``: what a constraint means, how it is served, and what to mind, before anything is generated.

Use it when a pattern is slow, when a text comes out longer than expected, to choose ``max_new_tokens``, or to see what
becomes of each keyword of a schema or each terminal of a grammar.  It loads no model.  Everything it says is derived
from the constraint itself; what it could not decide within its limits it reports as undecided (``None``), never as a
guess.

Cost: compiling the constraint, a search for a shortest text, and where lookarounds, ``&`` or ``~`` are involved a
search of at most `lengths.STATES` states and `lengths.SECONDS` for whether it has a longest one; for schemas see
`schemas`, for grammars `grammars`.  With a tokenizer also its trie (0.1 s for 128,000 tokens, once) and the cheapest
spelling.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import regex as regex_module

from relark import constraint as constraints
from relark import kernel
from relark.constraint import Constraint
from relark.errors import ArgumentError, PatternError, RelarkError, UnsatisfiableError, UnsupportedError, caret
from relark.frontends.regex import CompiledRegex
from relark.frontends.schema import CompiledSchema, layout
from relark.frontends.schema.compiler import Compiler
from relark.frontends.schema.document import load
from relark.language import EMPTY
from relark.report.lengths import longest_member, shortest_member
from relark.report.schemas import UNBOUNDED, Finding, KeywordUse, findings, keyword_uses
from relark.tokens.budget import can_be_spelled
from relark.tokens.masks import masks_of
from relark.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    import os

    from lark import Lark

    from relark.frontends.regex import Reason
    from relark.report.grammars import GrammarUse

__all__ = ["UNBOUNDED", "Explanation", "Finding", "KeywordUse", "Part", "explain"]

SHOWN = 120  # characters of a text in the printed form


@dataclass(frozen=True)
class Part:
    """One regex of the constraint.

    source    the pattern as given
    engine    "derivative": a regular language; states are shared and remembered. "captures": a state also holds what
              groups have matched. "partial-match": the ``regex`` module is asked about each new text; the slowest
    reasons   for the last two the constructs that are not regular: position (code points into ``source``), construct,
              why
    """

    source: str
    engine: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Explanation:
    """What `explain` found; ``str()`` of it is for people.

    constraint      the constraint as text
    parts           its regexes; literal texts, choices and ``text()`` always take the derivative engine and are not
                    listed
    empty           True: no text satisfies it. None: undecided
    shortest        a text that satisfies it; None where there is none or none was found
    is_shortest     whether ``shortest`` is proved to have the fewest bytes
    unbounded       True: texts of any length satisfy it. False: no text is longer than ``longest_bytes``. None:
                    undecided
    longest_bytes   an upper bound of the length in UTF-8 bytes; None unless ``unbounded`` is False
    vocabulary      the tokenizer, as text; None without one, and so for the next two
    spellable       whether the tokenizer has tokens for some text that satisfies it
    min_tokens      ``max_new_tokens`` that suffices for the cheapest text found, EOS not counted
    walk            how masks are computed, and by which code (`relark.kernel`)
    warnings        what to mind, as sentences
    refusals        what generating would raise, as sentences; among the warnings too
    keywords        for schemas: every keyword, and whether it is enforced
    findings        for schemas and grammars: what to mind about which part, for programs; ``warnings`` say the same
    grammars        for grammars: parser, lexer, and every terminal, and whether it is enforced
    """

    constraint: str
    parts: tuple[Part, ...]
    empty: bool | None
    shortest: str | None
    is_shortest: bool
    unbounded: bool | None
    longest_bytes: int | None
    vocabulary: str | None
    spellable: bool | None
    min_tokens: int | None
    walk: str
    warnings: tuple[str, ...]
    keywords: tuple[KeywordUse, ...] = ()
    findings: tuple[Finding, ...] = ()
    grammars: tuple[GrammarUse, ...] = ()
    refusals: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.constraint]

        def row(name: str, text: str) -> None:
            first, *others = text.split("\n")
            lines.append(f"  {name:<9} {first}".rstrip())
            lines.extend(f"  {'':<9} {line}".rstrip() for line in others)

        engines = {part.engine for part in self.parts}
        for name, uses in _by_treatment(self.keywords):
            row(name, uses)
        for use in self.grammars:
            for name, text in _grammar_rows(use):
                row(name, text)
        of_schema = bool(self.keywords or self.findings or self.grammars)
        if engines <= {"derivative"} and (self.parts or not of_schema):
            row("engine", f"derivative: {ENGINES['derivative']}")
        for part in self.parts:
            if part.engine != "derivative":
                row("engine", _engine(part))
            elif len(engines) > 1:
                row("engine", f"derivative for {_cut(part.source)!r}")
        if self.empty:
            row("texts", "none: nothing satisfies it")
        elif self.shortest is None:
            row("texts", "none found, and not shown that there are none")
        else:
            size = _bytes(len(self.shortest.encode()))
            name = "the shortest is" if self.is_shortest else "a short one is"
            row("texts", f"{name} {_cut(self.shortest)!r} ({size})")
        if not self.empty:
            if self.unbounded is False:
                row("length", f"at most {_bytes(self.longest_bytes)}")
            elif self.unbounded or not of_schema:
                row("length", "unbounded" if self.unbounded else "undecided")
        if self.vocabulary is not None:
            if self.spellable:
                row("tokens", f"max_new_tokens={self.min_tokens} suffices for the cheapest text found")
            elif self.spellable is False:
                row("tokens", "the tokenizer cannot spell any text that satisfies it")
            row("tokenizer", self.vocabulary)
        row("masks", self.walk)
        for warning in self.warnings:
            row("warning", warning)
        return "\n".join(lines)


def explain(
    *,
    regex: str | re.Pattern[str] | regex_module.Pattern[str] | None = None,
    schema: Any = None,
    grammar: str | os.PathLike[str] | Lark | None = None,
    choices: Iterable[str] | type[enum.Enum] | None = None,
    constraint: Constraint | None = None,
    start: str | None = None,
    flags: int = 0,
    tokenizer: Any = None,
    **options: Any,
) -> Explanation:
    """What a constraint means and how it is served.

    regex         a pattern, as for `relark.regex`, with its ``flags``; ``options`` are its named lists
    schema        a type or a JSON Schema, as for `relark.schema`
    grammar       as for `relark.grammar`, with its ``start``; ``options`` are Lark's, and ``terminals``
    choices       as for `relark.choices`
    constraint    any `relark.Constraint`, such as a schema with options of its own; exactly one of the five
    tokenizer     anything that `Vocabulary.from_tokenizer` reads, or a `Vocabulary`: tells also what the constraint
                  costs in tokens

    Raises `ArgumentError`, and what `relark.regex`, `relark.schema`, `relark.grammar` and `Vocabulary.from_tokenizer`
    raise; a constraint that nothing satisfies, or a schema or grammar that relark refuses, is not an error here.

    >>> found = explain(regex=r"[ab]{2,4}")
    >>> found.empty, found.shortest, found.unbounded, found.longest_bytes
    (False, 'aa', False, 4)
    """
    explained, trouble = _one(regex, schema, grammar, choices, constraint, start, flags, options)
    refused = trouble is not None and not isinstance(trouble, UnsatisfiableError)
    term = explained.term
    regexes = [source for source in explained.sources if isinstance(source, CompiledRegex)]
    schemas = [source for source in explained.sources if isinstance(source, CompiledSchema)]
    grammars = [one.grammar for one in explained.sources if not isinstance(one, CompiledRegex | CompiledSchema)]
    regular = not schemas and all(compiled.engine == "derivative" for compiled in regexes)
    empty, text, proved = (None, None, False) if refused else shortest_member(term, regular)
    longest, unbounded = (None, None) if empty or refused else longest_member(term, regular)
    vocabulary: Vocabulary | None = None
    if tokenizer is not None:
        vocabulary = tokenizer if isinstance(tokenizer, Vocabulary) else Vocabulary.from_tokenizer(tokenizer)
    spellable: bool | None = None
    min_tokens: int | None = None
    if vocabulary is not None and not empty and not refused:
        try:
            min_tokens = explained.matcher(vocabulary).min_tokens()
            spellable = True
        except UnsatisfiableError:
            spellable = False
    parts = tuple(_part(compiled) for compiled in regexes)
    uses = tuple(use for compiled in schemas for use in keyword_uses(compiled))
    if refused and schemas and not any(use.treatment == "refused" for use in uses):  # no keyword alone is to blame
        uses = (*uses, KeywordUse(getattr(trouble, "pointer", None) or "#", "", "refused", _cause(trouble)))
    spells = None if vocabulary is None else functools.partial(can_be_spelled, masks_of(vocabulary))
    found = tuple(finding for compiled in schemas for finding in findings(compiled, spells))
    cut: tuple[GrammarUse, ...] = ()
    if grammars:
        from relark.report.grammars import grammar_findings, grammar_use

        cut = tuple(map(grammar_use, grammars))
        found += tuple(finding for one in grammars for finding in grammar_findings(one, spells))
    if unbounded is None and not empty and not grammars and any(one.kind in UNBOUNDED for one in found):
        unbounded = True
    warnings = []
    if refused:
        warnings.append(f"relark refuses this {'schema' if schemas else 'grammar'}: {str(trouble).splitlines()[0]}")
    if empty:
        warnings.append("nothing satisfies this constraint; generating with it raises UnsatisfiableError")
    if empty and trouble is not None:
        warnings.append(str(trouble))
    refusals = tuple(warnings)
    warnings += _sentences(found)
    if spellable is False:
        warnings.append(
            "the tokenizer has no tokens for some bytes that every text needs; generating raises UnsatisfiableError"
        )
    if unbounded and not found:
        warnings.append(
            "texts have no longest length: a small model may write on until max_new_tokens, where the text is "
            "completed; bound what repeats ({0,80} instead of *), or let the text end in something that the model "
            "writes anyway, such as a full stop or a newline"
        )
    if any(part.engine == "captures" for part in parts):
        warnings.append("each text has states of its own in the captures engine, so masks are computed anew for each")
    if any(part.engine == "partial-match" for part in parts):
        warnings.append(
            "masks of the partial-match engine are computed anew for each text, and take longer the longer it gets"
        )
    return Explanation(
        constraint=str(explained),
        parts=parts,
        empty=empty,
        shortest=text,
        is_shortest=proved,
        unbounded=unbounded,
        longest_bytes=longest,
        vocabulary=None if vocabulary is None else f"{vocabulary.size} ids, {vocabulary.kind}",
        spellable=spellable,
        min_tokens=min_tokens,
        walk=f"walk over the byte trie: {kernel.name()}",
        warnings=tuple(warnings),
        keywords=uses,
        findings=found,
        grammars=cut,
        refusals=refusals,
    )


def _one(
    regex: str | re.Pattern[str] | regex_module.Pattern[str] | None,
    schema: Any,
    grammar: str | os.PathLike[str] | Lark | None,
    choices: Iterable[str] | type[enum.Enum] | None,
    constraint: Constraint | None,
    start: str | None,
    flags: int,
    options: dict[str, Any],
) -> tuple[Constraint, RelarkError | None]:
    """The constraint; and what using it would raise."""
    given = {"regex": regex, "schema": schema, "grammar": grammar, "choices": choices, "constraint": constraint}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        found = " and ".join(named) or "nothing"
        raise ArgumentError(
            f"explain: expected exactly one of regex, schema, grammar, choices and constraint, got {found}"
        )
    if start is not None and grammar is None:
        raise ArgumentError("explain: start goes with grammar= only")
    if flags and regex is None:
        raise ArgumentError("explain: flags go with regex= only")
    if regex is not None:
        return constraints.regex(regex, flags, **options), None
    if grammar is not None:
        return _grammar(grammar, start, options)
    if options:
        raise ArgumentError(f"explain: {', '.join(options)} go with regex= or grammar= only")
    if choices is not None:
        return constraints.choices(choices), None
    if schema is not None:
        return _schema(schema)
    if not isinstance(constraint, Constraint):
        raise ArgumentError(
            f"constraint: expected a relark constraint (relark.regex(...), relark.choices(...), ...), "
            f"got {type(constraint).__name__}"
        )
    return constraint, None


def _schema(of: Any) -> tuple[Constraint, RelarkError | None]:
    """The constraint, also where `relark.schema` refuses it, and its error."""
    try:
        return constraints.schema(of), None
    except (UnsatisfiableError, UnsupportedError, PatternError) as error:
        if isinstance(of, dict | bool | str):
            source = of
        else:
            from relark.frontends.types import type_schema

            source = type_schema(of).schema
        compiled = CompiledSchema(EMPTY, load(source), Compiler(layout()))
        shown = f"schema({source if isinstance(source, str) else json.dumps(source)})"
        return Constraint(EMPTY, _cut(shown), (compiled,)), error


def _grammar(
    of: str | os.PathLike[str] | Lark, start: str | None, options: dict[str, Any]
) -> tuple[Constraint, RelarkError | None]:
    """The constraint, also where `relark.grammar` refuses it, and its error."""
    from relark.frontends.lark import CompiledGrammar
    from relark.frontends.lark.loading import load

    try:
        return constraints.grammar(of, start=start, **options), None
    except (UnsatisfiableError, UnsupportedError) as error:
        sources: tuple[CompiledGrammar, ...] = ()
        with contextlib.suppress(UnsupportedError):  # the grammar as a whole, for its options
            sources = (CompiledGrammar(EMPTY, load(of, start=start, **options)),)
        return Constraint(EMPTY, constraints.description_of_grammar(of, start), sources), error


def _cause(error: RelarkError | None) -> str:
    return error.message if isinstance(error, UnsupportedError | PatternError) else str(error)


POINTERS = 6  # that a warning names


def _sentences(found: Sequence[Finding]) -> list[str]:
    """The findings, those about size together."""
    sentences = []
    for kind in UNBOUNDED:
        places = [finding for finding in found if finding.kind == kind]
        if places:
            what, _, advice = places[0].message.partition(": ")
            named = ", ".join(finding.pointer for finding in places[:POINTERS])
            more = f" and {len(places) - POINTERS} more" if len(places) > POINTERS else ""
            sentences.append(
                f"{what} ({named}{more}): {advice}, or a small model may write on until max_new_tokens, where the text "
                "is completed"
            )
    for finding in found:
        if finding.kind not in UNBOUNDED:
            place = finding.pointer if finding.line is None else f"{finding.line}:{finding.column}"
            sentences.append(f"{place}: {finding.message}")
    return sentences


def _by_treatment(uses: Sequence[KeywordUse]) -> Iterator[tuple[str, str]]:
    """Rows: the keywords with one treatment, counted; with their places where there is more to say than that."""
    exact = Counter(use.keyword for use in uses if use.treatment == "exact")
    if uses:
        yield "exact", ", ".join(_times(name, count) for name, count in exact.items()) or "nothing is asked for"
    for treatment in ("checked", "refused"):
        lines = [f"{use.pointer}: {use.why}" for use in uses if use.treatment == treatment]
        if lines:
            yield treatment, "\n".join(lines)
    ignored = [use for use in uses if use.treatment == "ignored"]
    lines = [f"{use.pointer}: {use.why}" for use in ignored if not use.is_annotation]
    annotations = Counter(use.keyword for use in ignored if use.is_annotation)
    if annotations:
        lines.append(f"{', '.join(_times(name, count) for name, count in annotations.items())}: annotations")
    if lines:
        yield "ignored", "\n".join(lines)


def _grammar_rows(use: GrammarUse) -> Iterator[tuple[str, str]]:
    yield "parser", f"{use.parser}, lexer {use.lexer}, from {use.start}; {_count(use.rules, 'rule')}"
    if use.as_lalr:
        yield "as lalr", use.as_lalr
    exact = [one.name for one in use.terminals if one.treatment == "exact"]
    if exact:
        yield "exact", _cut(f"{_count(len(exact), 'terminal')}: {', '.join(exact)}")
    refused = [f"{one.name}: {one.why}" for one in use.terminals if one.treatment == "refused"]
    if refused:
        yield "refused", "\n".join(refused)
    if use.ignored:
        yield "ignored", ", ".join(use.ignored)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _times(name: str, count: int) -> str:
    return name if count == 1 else f"{name} ({count})"


def _part(compiled: CompiledRegex) -> Part:
    return Part(compiled.source, compiled.engine, tuple(compiled.reasons))


ENGINES = {
    "derivative": "every state is a language of its own, shared and remembered",
    "captures": "a state also holds what groups have matched, because of",
    "partial-match": "the regex module is asked about each new text, because of",
}


def _engine(part: Part) -> str:
    lines = [f"{part.engine} for {_cut(part.source)!r}: {ENGINES[part.engine]}"]
    for reason in part.reasons:
        lines.append(f"  {reason.construct}: {reason.why}")
        lines.extend(caret(part.source, reason.position).split("\n"))
    return "\n".join(lines)


def _bytes(count: int | None) -> str:
    return f"{count} byte{'s' if count != 1 else ''}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
