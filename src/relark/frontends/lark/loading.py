"""Lark grammars in: text, a file or a `lark.Lark`, read by Lark's own loader.

So imports, templates, ``%extend``, ``%override``, priorities, EBNF and flags mean what they mean to Lark: it has
compiled them to plain rules and regexes before relark looks.  What is wrong with a grammar, Lark says; this adds the
place.  What relark cannot follow exactly it refuses here, by name.

Cost: Lark's own, from a millisecond to a second (a large grammar with ``parser="lalr"``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import regex as regex_module
from lark import Lark
from lark.exceptions import ConfigurationError, LarkError, UnexpectedInput, UnexpectedToken
from lark.indenter import Indenter
from lark.load_grammar import load_grammar

from relark.errors import ArgumentError, GrammarError, UnsupportedError
from relark.frontends.lark.grammar import Grammar, Rule, Symbol, Terminal
from relark.frontends.lark.places import definition, first_declared, first_use, import_of

__all__ = ["load", "text_of"]

# What Lark raises for a malformed grammar: some mistakes run into its assertions, or into a file that is not there.
_REFUSALS = (
    LarkError, re.error, regex_module.error, OSError, AssertionError, AttributeError, KeyError, ValueError,
    RecursionError,
)  # fmt: skip


def load(
    grammar: str | os.PathLike[str] | Lark,
    *,
    start: str | None = None,
    terminals: Mapping[str, str] | None = None,
    **options: Any,
) -> Grammar:
    """The grammar that ``Lark(grammar, start=start, **options)`` has, with the one start symbol ``start``.

    grammar      text; a file, as a path or a string that ends in ``.lark``; or a Lark object, which has its options
    start        None: the grammar's own start, which is ``"start"`` unless a Lark object says otherwise
    terminals    regexes for terminals, by name: for those that ``%declare`` only declares, or in place of others
                 (Lark's ``%override``)
    options      Lark's; for text and files

    Raises `GrammarError` for what Lark refuses, `ArgumentError` for wrong options, `UnsupportedError` for what relark
    cannot enforce exactly.
    """
    if isinstance(grammar, Lark):
        given = [*options, *(["terminals"] if terminals else [])]
        if given:
            raise ArgumentError(
                f"{', '.join(given)}: a lark.Lark object has its options already; pass them to Lark(...), or pass "
                "relark the grammar's text"
            )
        lark = grammar
    else:
        lark = _constructed(grammar, start, terminals or {}, options)
    _check_options(lark)
    return _read(lark, _start(lark, start))


# --- Lark's loader ----------------------------------------------------------------------------------------------------


def _constructed(
    grammar: str | os.PathLike[str], start: str | None, terminals: Mapping[str, str], options: dict[str, Any]
) -> Lark:
    if start is not None and not isinstance(start, str):
        raise ArgumentError(f"start={start!r}: expected the name of one rule")
    if start is not None:
        options = {**options, "start": start}
    path = _path(grammar)
    if path is not None:
        options = {"source_path": path, **options}
    source = _with_terminals(text_of(grammar), terminals)
    try:
        return Lark(source, **options)
    except ConfigurationError as error:
        unknown = re.findall(r"'(\w+)'", str(error)) if str(error).startswith("Unknown options") else None
        why = f"Lark has no option {', '.join(unknown)}" if unknown else f"Lark refuses these options: {error}"
        raise ArgumentError(why) from error
    except _REFUSALS as error:
        if "interegular must be installed" in str(error):
            raise ArgumentError(f"strict=True: {error}") from error
        raise _grammar_error(error, source, path, options) from error


def text_of(grammar: str | os.PathLike[str]) -> str:
    """The text of a grammar that is given as text or as a file.  Raises `ArgumentError` if there is none."""
    path = _path(grammar)
    if path is None:
        return os.fspath(grammar)
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(
            f"{path}: cannot be read as UTF-8 text: {getattr(error, 'strerror', None) or error}"
        ) from error


def _path(grammar: str | os.PathLike[str]) -> str | None:
    """The file that ``grammar`` names; None if it is the text itself."""
    if isinstance(grammar, os.PathLike):
        return os.fspath(grammar)
    if not isinstance(grammar, str):
        raise ArgumentError(
            f"grammar: expected the text of a grammar, a path, or a lark.Lark object, got {type(grammar).__name__}"
        )
    return grammar if grammar.endswith(".lark") and "\n" not in grammar else None


def _with_terminals(source: str, terminals: Mapping[str, str]) -> str:
    """``source`` with definitions of ``terminals``, so that the Lark object that reads it can parse as well."""
    lines = []
    for name, pattern in terminals.items():
        if not isinstance(name, str) or not re.fullmatch(r"_?[A-Z][_A-Z0-9]*", name):
            raise ArgumentError(f"terminals: {name!r} is not a name that a terminal can have, such as NAME or _INDENT")
        if not isinstance(pattern, str) or not pattern:
            raise ArgumentError(f"terminals[{name!r}]: expected a regex, got {pattern!r}")
        lines.append(f"\n%override {name}: /{_in_lark(pattern)}/")
    return source + "".join(lines)


# Lark reads these escapes before the regex module does: /\x2e/ is a dot that matches anything.
_READ_BY_LARK = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[nftr])|\\.|/|\r", re.DOTALL)
_CONTROL = {"n": "\n", "f": "\f", "t": "\t", "r": "\r"}


def _in_lark(pattern: str) -> str:
    """``pattern`` so written between slashes that Lark reads the same regex."""

    def rewritten(found: re.Match[str]) -> str:
        text = found[0]
        if text == "/":
            return r"\/"
        if text == "\r":
            return r"\015"
        if text[1] in "nftr":
            return rf"\{ord(_CONTROL[text[1]]):03o}"
        if text[1] in "xuU" and len(text) > 2:
            code = int(text[2:], 16)
            return rf"\{code:03o}" if code < 0x80 else text
        return text

    return _READ_BY_LARK.sub(rewritten, pattern)


# --- errors -----------------------------------------------------------------------------------------------------------


def _grammar_error(error: Exception, source: str, path: str | None, options: Mapping[str, Any]) -> GrammarError:
    cause = next((one for one in _chain(error) if isinstance(one, UnexpectedInput)), None)
    if cause is not None:
        message = str(error) if error is not cause else _unexpected(cause)
        message = re.sub(
            r"(?:,| at) (?:at )?line \S+ col(?:umn)? \S+(?: in [^\n]*?: ?)?$", "", message.partition("\n\n")[0]
        )
        text, name = _text_being_read(error) or (source, path)
        return GrammarError(message, path=name, source=text, position=cause.pos_in_stream)
    if isinstance(error, RecursionError):
        return GrammarError("the grammar nests deeper than Lark can read", path=path)
    if isinstance(error, FileNotFoundError) and error.filename:
        wanted = os.path.splitext(str(error.filename))[0]
        place = import_of(source, ".".join(Path(wanted).parts))
        return GrammarError(
            f"no grammar file {error.filename} to import from", path=path, source=source, position=place
        )
    if isinstance(error, re.error | regex_module.error):
        begin = source.find(str(getattr(error, "pattern", None)))
        place = begin + (getattr(error, "pos", None) or 0) if begin >= 0 else None
        return GrammarError(
            f"malformed regex: {getattr(error, 'msg', error)}", path=path, source=source, position=place
        )
    if isinstance(error, AssertionError | AttributeError) and (declared := first_declared(source)):
        name, place = declared
        why = "other terminals are made of it" if name.isupper() else "rules cannot be declared"
        return GrammarError(f"Lark cannot %declare {name}: {why}", path=path, source=source, position=place)
    message = " ".join(str(one) for one in error.args) or f"Lark fails with {type(error).__name__}"
    undefined = re.fullmatch(r"Using an undefined rule: NonTerminal\('(.*)'\)", message)
    if undefined:  # any other rule that is not defined has been found before
        return GrammarError(f"there is no rule {undefined[1]!r} to start from; {_rules(source, options)}", path=path)
    return GrammarError(message, path=path, source=source, position=_place(message, source))


def _unexpected(error: UnexpectedInput) -> str:
    """What Lark's grammar of grammars did not expect, where Lark has no words for the mistake."""
    if not isinstance(error, UnexpectedToken):
        return str(error).partition("\n")[0]
    names = {"_NL": "end of line", "$END": "end of the grammar"}
    expected = sorted(names.get(name, name) for name in error.accepts or error.expected)
    return f"Unexpected {names.get(error.token.type, repr(str(error.token)))}; expected one of {', '.join(expected)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


def _text_being_read(error: Exception) -> tuple[str, str | None] | None:
    """The text and the file name of the grammar in which Lark's parser found ``error``: it may be an imported one,
    which only the frame of the parser's caller knows.
    """
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "_parse_grammar":
            text, name = trace.tb_frame.f_locals.get("text"), trace.tb_frame.f_locals.get("name")
            if isinstance(text, str):
                return text, None if name in (None, "<string>") else str(getattr(name, "path", name))
        trace = trace.tb_next
    return None


_NAMED = [  # the names in Lark's messages, those at fault first
    r"[Cc]annot (?:override|extend) a nonexisting \w+ (\w+)",
    r"[Cc]an't extend \w+ (\w+)",
    r"[Tt]emplate '(\w+)'",
    r"(?:Rule|Terminal|Symbol)s? '(\w+)'",
    r"\(Error at (\w+)\)",
    r"in terminal '(\w+)'",
    r"import '(\w+)'",
    r"inside terminals \((?:\w+\(')?(\w+)",
    r"used but not defined: (\w+)",
    r"(?:zero-width (?:terminals\. |regexps )\(?(?:Terminal\w*\(')?|token )(\w+)",
    r"(?:Rule |in template )(\w+)",
    r"cannot be empty \((\w+)\)",
    r"Terminals \{'(\w+)'",
    r"for terminal (\w+)",
    r"\(in (?:rule|terminal) (\w+)\)",
]


def _place(message: str, source: str) -> int | None:
    """Where the name is that ``message`` blames, if it blames one; of several, in no order, the first in the text."""
    several = re.findall(r"<(\w+) :|between Terminals (\w+) and (\w+)", message)
    places = [place for names in several for name in names if (place := definition(source, name)) is not None]
    if places:
        return min(places)
    for pattern in _NAMED:
        found = re.search(pattern, message)
        if found is None:
            continue
        name = found[1]
        place = None
        if "defined more than once" in message:
            place = definition(source, name, 1)
        if place is None and "not defined" not in message:
            place = definition(source, name)
        if place is None:
            place = first_use(source, name)
        if place is not None:
            return place
    return None


def _rules(source: str, options: Mapping[str, Any]) -> str:
    grammar, _ = load_grammar(  # type: ignore[no-untyped-call]
        source,
        options.get("source_path") or "<string>",
        options.get("import_paths") or [],
        bool(options.get("keep_all_tokens")),
    )
    names = [name for name, *_ in grammar.rule_defs]
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"the rules are {shown}: name one as start=" if names else "the grammar has no rules"


# --- what relark takes ------------------------------------------------------------------------------------------------


def _check_options(lark: Lark) -> None:
    options = lark.options
    if options.parser not in ("earley", "lalr"):
        raise UnsupportedError(
            f"parser={options.parser!r}: relark follows Lark's parsers 'earley' and 'lalr'"
            + ("; 'earley' accepts all that 'cyk' does" if options.parser == "cyk" else "")
        )
    if isinstance(options.lexer, type):
        raise UnsupportedError(
            f"lexer={options.lexer.__name__}: a lexer class of one's own can do anything; relark follows 'dynamic', "
            "'dynamic_complete', 'contextual' and 'basic'"
        )
    if options.postlex is not None and not (isinstance(options.postlex, Indenter) and options.parser == "lalr"):
        raise UnsupportedError(
            f"postlex={type(options.postlex).__name__}: a post-lexer can do anything; relark follows "
            "lark.indenter.Indenter, with parser='lalr'"
        )
    if options.use_bytes:
        raise UnsupportedError("use_bytes=True: relark writes text; leave it out")
    if options._plugins:
        raise UnsupportedError(f"_plugins={sorted(options._plugins)}: relark follows Lark's own parsers and lexers")
    changed = [name for name in lark.parser.lexer_conf.callbacks if name not in lark.parser.lexer_conf.ignore]
    if changed:
        raise UnsupportedError(
            f"lexer_callbacks for {', '.join(sorted(changed))}: a callback may turn a match into another terminal; "
            "relark takes callbacks for ignored terminals only"
        )


def _start(lark: Lark, start: str | None) -> str:
    starts = lark.options.start
    named = ", ".join(map(repr, starts))
    if start is None:
        if len(starts) != 1:
            raise ArgumentError(f"this lark.Lark object can start with {named}: choose one as start=")
        return starts[0]
    if start not in starts:
        raise ArgumentError(f"start={start!r}: this lark.Lark object was made to start with {named}")
    return start


def _read(lark: Lark, start: str) -> Grammar:
    conf = lark.parser.lexer_conf
    rules = tuple(
        Rule(str(rule.origin.name), tuple(Symbol(str(symbol.name), symbol.is_term) for symbol in rule.expansion))
        for rule in lark.parser.parser_conf.rules
    )
    terminals = tuple(Terminal(one.name, one.pattern.to_regexp()) for one in conf.terminals)
    _check_declared(lark, rules, terminals, start)
    return Grammar(
        lark=lark,
        start=start,
        parser="lalr" if lark.options.parser == "lalr" else "earley",
        lexer=lark.options.lexer,  # type: ignore[arg-type]  # `_check_options`
        rules=rules,
        terminals=terminals,
        ignored=tuple(dict.fromkeys(conf.ignore)),
        flags=conf.g_regex_flags,
        module="re" if conf.re_module is re else "regex",
    )


def _check_declared(lark: Lark, rules: tuple[Rule, ...], terminals: tuple[Terminal, ...], start: str) -> None:
    """Every terminal that can be met is defined, or is the post-lexer's own."""
    defined = {one.name for one in terminals}
    postlex = lark.options.postlex
    if isinstance(postlex, Indenter):
        defined |= {postlex.INDENT_type, postlex.DEDENT_type}
    met = {start}
    work = [start]
    while work:
        origin = work.pop()
        for symbol in [symbol for rule in rules if rule.origin == origin for symbol in rule.expansion]:
            if symbol.name not in met:
                met.add(symbol.name)
                work += [] if symbol.is_terminal else [symbol.name]
    names = {symbol.name for rule in rules for symbol in rule.expansion if symbol.is_terminal} & met
    missing = sorted((names | set(lark.parser.lexer_conf.ignore)) - defined)
    if missing:
        supplied = ", ".join(f'"{name}": r"..."' for name in missing)
        raise UnsupportedError(
            f"{', '.join(missing)}: declared with %declare, and nothing says what it matches; "
            f"pass terminals={{{supplied}}}, or a post-lexer that makes them (postlex=...)"
        )
