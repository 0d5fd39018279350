"""Grammars on the command line: --grammar, --start, and relark check for .lark files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lark import Lark

from relark.cli import main

SUM = """\
// sums
start: sum
?sum: NUMBER | sum "+" NUMBER
spare: "x"
NUMBER: /[0-9]{1,4}/
HEX: /[0-9a-f]+/
%ignore " "
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    captured = capsys.readouterr()
    return exit_.value.code or 0, captured.out, captured.err  # type: ignore[return-value]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "sum.lark"
    path.write_text(SUM, encoding="utf-8")
    return str(path)


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_names_file_line_and_column(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "check", file)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines == [
        f"{file}:4:1: warning: nothing leads to rule spare from start",
        f"{file}:6:1: warning: no rule uses terminal HEX",
        f'{file}:7:9: warning: " ": what is ignored may be written again and again, wherever a terminal may stand: '
        "leave %ignore out, or bound it",
        f"{file}:3:2: warning: sum: rules repeat or nest without end: "
        "give a greatest number (~1..9 in place of + or *)",
        "earley, lexer dynamic; as lalr: no conflicts",
        "3 rules, 3 terminals enforced, 0 errors, 4 warnings",
    ]


def test_check_as_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "check", file, "--parser", "lalr", "--json")
    assert status == 0
    found = json.loads(out)
    assert found["grammar"]["parser"] == "lalr"
    assert [one["name"] for one in found["grammar"]["terminals"]] == ["NUMBER", '" "', '"+"']
    assert {"level": "warning", "line": 6, "column": 1, "message": "no rule uses terminal HEX"} in found["found"]


def test_check_reports_conflicts_of_lalr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "if.lark"
    path.write_text('start: "if" start ["else" start] | "x"', encoding="utf-8")
    status, out, _ = run(capsys, "check", str(path), "--parser", "lalr")
    assert status == 0
    expected = 'shift/reduce conflict: before "else", `start: "if" start` could end; Lark goes on instead'
    assert f"{path}:1:1: warning: {expected}\n" in out
    assert "lalr, lexer contextual\n" in out
    _, out, _ = run(capsys, "check", str(path))
    assert "conflict:" not in out
    assert "as lalr: shift/reduce conflicts after start, where Lark would always go on" in out


def test_check_fails_for_what_relark_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "g.lark"
    path.write_text("start: A | B\nA: /(x)\\1/\nB: /b/", encoding="utf-8")
    status, out, err = run(capsys, "check", str(path))
    assert (status, err) == (1, "")
    assert out.startswith(f"{path}:2:1: error: terminal A is refused: ")
    assert out.endswith("2 rules, 1 terminal enforced, 1 error, 0 warnings\n")
    path.write_text('start: a\na: "x" a', encoding="utf-8")
    status, out, _ = run(capsys, "check", str(path))
    assert status == 1
    assert f"{path}: error: no text matches the grammar from 'start': rule a never ends" in out
    status, out, _ = run(capsys, "check", str(path), "--parser", "cyk")
    assert status == 1
    assert out == f"{path}: error: relark refuses this grammar: parser='cyk': relark follows Lark's parsers " + (
        "'earley' and 'lalr'; 'earley' accepts all that 'cyk' does\n"
    )


def test_malformed_grammars_get_a_caret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "g.lark"
    path.write_text('start: "a"\n  | ("b"\n', encoding="utf-8")
    for command in (["check", str(path)], ["explain", "-g", str(path)], ["generate", "x", "--grammar", str(path)]):
        status, out, err = run(capsys, *command)
        assert (status, out) == (2, "")
        place, shown, caret = err.splitlines()
        assert place.startswith(f"error: {path}:2:9: Unexpected end of line; expected one of ")
        assert (shown, caret) == ('      | ("b"', "            ^")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "no-such.lark"), "no-such.lark: cannot be read"),
        (("check", "FILE", "--start", "nothing"), "there is no rule 'nothing' to start from"),
        (("check", "FILE", "--lexer", "contextual"), "does not support lexer 'contextual'"),
        (("explain", "-g", "FILE", "-r", "a"), "--regex and --grammar were both given"),
        (("explain", "-r", "a", "--start", "b"), "--start: only with --grammar"),
        (("explain", "-c", "a", "--parser", "lalr", "--lexer", "basic"), "--parser, --lexer: only with --grammar"),
        (("check", "schema.json", "--start", "b"), "--start: only for grammars"),
        (("generate", "x", "-g", "start: ("), "Unclosed parenthesis"),
        (("generate", "x", "-g", "FILE", "-n", "0"), "max_new_tokens=0"),
    ],
)
def test_grammar_mistakes(
    arguments: tuple[str, ...], words: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, *(file if one == "FILE" else one for one in arguments))
    assert status == 2
    assert words in out + err
    assert "Traceback" not in out + err


# --- explain, generate ------------------------------------------------------------------------------------------------


def test_explain_a_grammar(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "explain", "--grammar", file, "--parser", "lalr", "--lexer", "basic")
    assert status == 0
    assert "  parser    lalr, lexer basic, from start; 3 rules\n" in out
    assert '  exact     3 terminals: NUMBER, " ", "+"\n' in out
    status, out, _ = run(capsys, "explain", "-g", SUM, "--start", "spare")
    assert status == 0
    assert "the shortest is 'x' (1 byte)" in out


@pytest.mark.real_model
def test_generate_by_a_grammar(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    for grammar in (file, SUM):
        status, out, err = run(capsys, "generate", "3 + 4 = ", "--grammar", grammar, "-n", "12")
        assert (status, err) == (0, "")
        Lark(SUM).parse(out.removesuffix("\n"))
