"""The ``relark`` command: generate, explain, check, demo.

Every command is a thin shell around the function of the same name; nothing can be done here that the library cannot do.
Importing this module imports neither torch nor transformers, so ``--help`` and mistakes answer at once.

Exit status: 0 done; 1 a relark error (no text fits, no such model, a schema that no value satisfies ...); 2 a mistake
in what was typed, a malformed pattern, schema or grammar included; 130 interrupted.  Errors go to stderr, without a
traceback; stdout holds the result alone.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

import relark
from relark import kernel
from relark.errors import ArgumentError, GrammarError, PatternError, RelarkError, SchemaError

if TYPE_CHECKING:
    from relark.decoding.generate import Result
    from relark.report import Explanation

__all__ = ["app", "main"]

EMBEDDED = "embedded"

app = typer.Typer(
    name="relark",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Regex = Annotated[
    str | None,
    typer.Option(
        "--regex", "-r", metavar="PATTERN", help="The text must fullmatch this pattern (the `regex` module's syntax)."
    ),
]
Schema = Annotated[
    str | None,
    typer.Option("--schema", "-s", metavar="FILE", help="The text must be JSON that this JSON Schema allows."),
]
Grammar = Annotated[
    str | None,
    typer.Option(
        "--grammar", "-g", metavar="FILE|TEXT", help="The text must parse with this Lark grammar: a file, or its text."
    ),
]
Start = Annotated[
    str | None,
    typer.Option(metavar="RULE", help="The rule that the grammar starts from.", show_default="start"),
]
Parser = Annotated[
    str | None, typer.Option(metavar="earley|lalr", help="Lark's parser for the grammar.", show_default="earley")
]
Lexer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Lark's lexer: `dynamic`, `dynamic_complete` or `basic` with earley, `contextual` or `basic` with lalr.",
        show_default="dynamic, or contextual",
    ),
]
Choices = Annotated[
    list[str] | None,
    typer.Option("--choices", "-c", metavar="TEXT", help="The text must be one of these; repeat the option for each."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version, and which code walks, and exit.", is_eager=True)
    ] = False,
) -> None:
    """A local language model writes only what you allow: by a regex, a JSON Schema, a Lark grammar, or a list.

    Start with

    ```
    relark demo
    relark generate "The capital of France is" --regex " [A-Z][a-z]+\\."
    relark explain --regex "(\\w+)-\\1"
    relark check schema.json
    relark check expressions.lark
    ```
    """
    if version:
        typer.echo(f"relark {relark.__version__}, walks: {kernel.name()}")
        raise typer.Exit


@app.command()
def generate(
    prompt: Annotated[
        str, typer.Argument(help="What the model continues; `-` reads it from stdin (less one final newline).")
    ],
    regex: Regex = None,
    schema: Schema = None,
    grammar: Grammar = None,
    choices: Choices = None,
    start: Start = None,
    parser: Parser = None,
    lexer: Lexer = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A local folder or a hub id; without it the embedded model."),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens",
            "-n",
            metavar="N",
            help="At most so many tokens; the text is complete all the same.",
            show_default="256",
        ),
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy, the default; above 0 samples.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Sample from the likeliest tokens that add up to this.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Sample from so many of the likeliest tokens.")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes sampling repeatable.")] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="End before this text, where that leaves a complete one; may be repeated."),
    ] = None,
    chat: Annotated[
        bool, typer.Option("--chat", help="Send PROMPT as a user's message, through the model's chat template.")
    ] = False,
    fast_forward: Annotated[
        bool, typer.Option(help="Append what the constraint forces without asking the model.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Continue PROMPT with text that the constraint allows.

    Without `--regex`, `--schema`, `--grammar` and `--choices` the text is free.  Examples:

    ```
    relark generate "The capital of France is" --regex " [A-Z][a-z]+\\."
    relark generate "The opposite of hot is" -c " cold" -c " warm" --json
    relark generate "When did a man first walk on the moon?" --chat -r "\\d{4}"
    echo "The value of pi is approximately" | relark generate - -r " \\d\\.\\d{5}"
    relark generate "Alice is 30 and lives in Paris. As JSON:" --schema person.json
    relark generate "Twice three plus four: " --grammar expressions.lark --start sum
    ```
    """
    if prompt == "-":
        prompt = sys.stdin.read()
        prompt = prompt[:-1] if prompt.endswith("\n") else prompt
    from relark.decoding.generate import Generator, check_max_new_tokens
    from relark.decoding.sampling import Sampling

    constraint = _constraint(regex, schema, grammar, choices, start, parser, lexer)
    check_max_new_tokens(max_new_tokens)  # these two: before a model is loaded
    Sampling(temperature, top_p, top_k, seed)
    result: Result = Generator(model).run(
        [{"role": "user", "content": prompt}] if chat else prompt,
        constraint=constraint,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        seed=seed,
        stop=stop or None,
        fast_forward=fast_forward,
    )
    typer.echo(json.dumps(_fields(result)) if as_json else result.text)


def _fields(result: Result) -> dict[str, Any]:
    found = {field.name: getattr(result, field.name) for field in dataclasses.fields(result) if field.name != "parse"}
    found["timings"] = dataclasses.asdict(result.timings)
    return found if result.parse is None else {**found, "value": result.value}


@app.command()
def explain(
    regex: Regex = None,
    schema: Schema = None,
    grammar: Grammar = None,
    choices: Choices = None,
    start: Start = None,
    parser: Parser = None,
    lexer: Lexer = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help=f"Count tokens as this model does: a local folder, a hub id, or `{EMBEDDED}`."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a constraint means: what is enforced and how, shortest text, whether it is bounded, cost in tokens.

    Examples:

    ```
    relark explain --regex "(?<!-)\\d+"
    relark explain --regex "(\\w+)-\\1"
    relark explain -c yes -c no --model embedded
    relark explain --schema person.json
    relark explain --grammar expressions.lark --parser lalr
    ```
    """
    _only_one(regex, schema, grammar, choices)
    if schema is not None:
        found = relark.explain(schema=_read(schema), tokenizer=_vocabulary(model))
    elif grammar is not None:
        options = _lark_options(start, parser, lexer)
        found = relark.explain(grammar=_grammar(grammar), tokenizer=_vocabulary(model), **options)
    else:
        constraint = _constraint(regex, None, None, choices, start, parser, lexer)
        if constraint is None:
            raise ArgumentError("nothing to explain: pass --regex, --schema, --grammar or --choices")
        found = relark.explain(constraint=constraint, tokenizer=_vocabulary(model))
    typer.echo(json.dumps(dataclasses.asdict(found)) if as_json else str(found))


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A JSON Schema, or a Lark grammar (`*.lark`).")],
    start: Start = None,
    parser: Parser = None,
    lexer: Lexer = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help=f"Also find words that its tokenizer cannot spell: a local folder, a hub id, or `{EMBEDDED}`.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with a JSON Schema or a Lark grammar, or seldom meant, before a model writes by it.

    Errors (exit status 1) are what relark refuses to enforce, and that nothing satisfies the schema or the grammar.

    Warnings about a schema are strings, arrays and objects without a greatest size, where a small model writes on and
    on; branches and properties that no value can have; keywords that mean nothing where they stand.

    Warnings about a grammar are conflicts that Lark settles silently; rules that nothing leads to, or that never end;
    terminals that no rule uses, that never match, or that match the same words; repetitions without end.

    ```
    relark check person.json
    relark check expressions.lark --parser lalr
    ```
    """
    options = _lark_options(start, parser, lexer)
    if file.endswith(".lark"):
        _check_grammar(file, relark.explain(grammar=Path(file), tokenizer=_vocabulary(model), **options), as_json)
    elif options:
        raise ArgumentError(f"{', '.join(f'--{name}' for name in options)}: only for grammars (*.lark)")
    else:
        _check_schema(file, relark.explain(schema=_read(file), tokenizer=_vocabulary(model)), as_json)


def _check_schema(file: str, found: Explanation, as_json: bool) -> None:
    errors = [(use.pointer, use.why) for use in found.keywords if use.treatment == "refused"]
    errors += [("#", warning) for warning in found.warnings[:2][-1:] if found.empty]
    warnings = [(finding.pointer, finding.message) for finding in found.findings]
    warnings += [
        (use.pointer, f"ignored: {use.why}")
        for use in found.keywords
        if use.treatment == "ignored" and not use.is_annotation
    ]
    exact = sum(use.treatment == "exact" for use in found.keywords)
    if as_json:
        shown = [
            {"level": level, "pointer": pointer, "message": message}
            for level, some in (("error", errors), ("warning", warnings))
            for pointer, message in some
        ]
        typer.echo(json.dumps({"exact": exact, "found": shown}))
    else:
        for level, some in (("error", errors), ("warning", warnings)):
            for pointer, message in some:
                typer.echo(f"{file}{pointer}: {level}: {message}")
        typer.echo(
            f"{_count(exact, 'keyword')} enforced, {_count(len(errors), 'error')}, {_count(len(warnings), 'warning')}"
        )
    raise typer.Exit(1 if errors else 0)


def _check_grammar(file: str, found: Explanation, as_json: bool) -> None:
    from relark.report import UNBOUNDED

    [use] = found.grammars or [None]
    refused = [one for one in use.terminals if one.treatment == "refused"] if use is not None else []
    errors = [(one.line, one.column, f"terminal {one.name} is refused: {one.why}") for one in refused]
    if not errors:
        errors = [(None, None, message) for message in found.refusals[-1:]]
    warnings = [
        (one.line, one.column, f"{one.pointer}: {one.message}" if one.kind in UNBOUNDED else one.message)
        for one in found.findings
    ]
    levels = (("error", errors), ("warning", warnings))
    if as_json:
        shown = [
            {"level": level, "line": line, "column": column, "message": message}
            for level, some in levels
            for line, column, message in some
        ]
        typer.echo(json.dumps({"grammar": None if use is None else dataclasses.asdict(use), "found": shown}))
    else:
        for level, some in levels:
            for line, column, message in some:
                place = "" if line is None else f":{line}:{column}"
                typer.echo(f"{file}{place}: {level}: {message}")
        if use is not None:
            exact = len(use.terminals) - len(refused)
            typer.echo(f"{use.parser}, lexer {use.lexer}" + (f"; as lalr: {use.as_lalr}" if use.as_lalr else ""))
            typer.echo(
                f"{_count(use.rules, 'rule')}, {_count(exact, 'terminal')} enforced, {_count(len(errors), 'error')}, "
                f"{_count(len(warnings), 'warning')}"
            )
    raise typer.Exit(1 if errors else 0)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


PAGE_PROMPT = """\
Human: "What's the capital of the United States?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "The capital of the United States is Washington D.C."
}
Human: "What's the capital of Pennsylvania?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "The capital of Pennsylvania is Harrisburg."
}
Human: "What 2 + 5?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "2 + 5 = 7."
}
Human: 'What's the capital of Maryland?'
AI Assistant:"""
PAGE_PATTERN = r'\{\s*"action":\s*"Final Answer",\s*"action_input":\s*(\{.*\}|"[^"]*")\s*\}\nHuman:'

FREE_TOKENS = 48  # of the unconstrained text that the demo shows beside each constrained one


@app.command()
def demo() -> None:
    """Show what relark does, on the embedded model: free text, and then the same prompt under a constraint.

    Needs no network, account or GPU; under a minute on a laptop.  The first run unpacks the model
    (some 10 s, 540 MB of disk).
    """
    from relark.decoding.generate import Generator

    out = Console(highlight=False)
    out.print("Loading SmolLM2-135M-Instruct ...", style="dim")
    generator = Generator()
    shown = [
        ("The last question of a conversation in an agent's format", PAGE_PROMPT, relark.regex(PAGE_PATTERN)),
        (
            "One of a list",
            "The food was cold and the waiter rude. Sentiment:",
            relark.choices([" positive", " negative", " neutral"]),
        ),
        ("A number", "Question: What is 3 + 4?\nAnswer:", relark.regex(r" \d+")),
        (
            "Parts, put together",
            "Text: Alice is 30 and lives in Paris.\nJSON: ",
            '{"name": '
            + relark.regex(r'"[A-Z][a-z]{1,20}"')
            + ', "age": '
            + relark.regex(r"[1-9]\d?")
            + ', "city": '
            + relark.regex(r'"[A-Z][a-z]{1,20}"')
            + "}",
        ),
    ]
    for title, prompt, constraint in shown:
        out.rule(Text(title, "bold"), align="left")
        _show(out, "prompt", prompt, "")
        _show(out, "allowed", str(constraint), "")
        free: Result = generator.run(prompt, max_new_tokens=FREE_TOKENS, progress=False)
        _show(out, f"free text, {FREE_TOKENS} tokens at most", free.text, _speed(free), "red")
        result: Result = generator.run(prompt, constraint=constraint, progress=False)
        _show(out, "relark", result.text, _speed(result), "green")


def _show(out: Console, name: str, text: str, note: str, style: str = "") -> None:
    out.print(Text.assemble((name, "bold"), (f"  {note}" if note else "", "dim")))
    out.print(Padding(Text(text, style), (0, 0, 1, 4)))


def _speed(result: Result) -> str:
    tokens, timings = len(result.token_ids), result.timings
    seconds = timings.prefill + timings.decode
    count = f"{tokens} token{'s' if tokens != 1 else ''}"
    return f"{count} in {seconds:.2f} s, of which {timings.mask * 1000:.0f} ms for masks"


def _only_one(regex: str | None, schema: str | None, grammar: str | None, choices: Sequence[str] | None) -> None:
    options = {"--regex": regex, "--schema": schema, "--grammar": grammar, "--choices": choices or None}
    given = [name for name, value in options.items() if value]
    if len(given) > 1:
        raise ArgumentError(f"{' and '.join(given)} were {'both ' if len(given) == 2 else ''}given; pass one of them")


def _constraint(
    regex: str | None,
    schema: str | None,
    grammar: str | None,
    choices: Sequence[str] | None,
    start: str | None,
    parser: str | None,
    lexer: str | None,
) -> relark.Constraint | None:
    _only_one(regex, schema, grammar, choices)
    options = _lark_options(start, parser, lexer)
    if grammar is not None:
        return relark.grammar(_grammar(grammar), **options)
    if options:
        raise ArgumentError(f"{', '.join(f'--{name}' for name in options)}: only with --grammar")
    if regex is not None:
        return relark.regex(regex)
    if schema is not None:
        return relark.schema(_read(schema))
    return relark.choices(choices) if choices else None


def _lark_options(start: str | None, parser: str | None, lexer: str | None) -> dict[str, Any]:
    options = {"start": start, "parser": parser, "lexer": lexer}
    return {name: value for name, value in options.items() if value is not None}


def _grammar(given: str) -> str | Path:
    """What was typed: a file if there is one, or if it looks like one, else the text of a grammar."""
    if given.endswith(".lark") or ("\n" not in given and len(given) < 256 and Path(given).is_file()):
        return Path(given)
    return given


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(
            f"{file}: cannot be read as UTF-8 text: {getattr(error, 'strerror', None) or error}"
        ) from error


def _vocabulary(model: str | None) -> relark.Vocabulary | None:
    if model is None:
        return None
    from relark.decoding.generate import Generator

    return Generator(None if model == EMBEDDED else model).vocabulary


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; always ends in `SystemExit`."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character shows its escape, and nothing fails
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=args, prog_name="relark")
    except RelarkError as error:
        message = Text.assemble(("error: ", "bold red"), str(error))
        Console(stderr=True, highlight=False).print(message, soft_wrap=True)
        sys.exit(2 if isinstance(error, ArgumentError | PatternError | SchemaError | GrammarError) else 1)
