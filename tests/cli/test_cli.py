"""The command line: what it prints, where, and with which exit status."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import regex

import relark
from relark import kernel
from relark.cli import PAGE_PATTERN, PAGE_PROMPT, main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    captured = capsys.readouterr()
    return exit_.value.code or 0, captured.out, captured.err  # type: ignore[return-value]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"relark {relark.__version__}, walks: {kernel.name()}\n", "")


@pytest.mark.parametrize("command", ["generate", "explain", "check", "demo"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    assert command == "demo" or f"relark {command} " in out


def test_help_shows_patterns_unharmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert r'--regex " [A-Z][a-z]+\."' in run(capsys, "generate", "--help")[1]
    assert r'| relark generate - -r " \d\.\d{5}"' in run(capsys, "generate", "--help")[1]


def test_help_and_mistakes_need_no_model() -> None:
    code = (
        "import sys\nfrom relark.cli import main\n"
        "for arguments in ('--help', 'generate --help', 'generate x -r (', 'generate x -n 0', 'generate x --top-p 2',\n"
        "                  'explain -r a'):\n"
        "    try: main(arguments.split())\n"
        "    except SystemExit: pass\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_module_runs() -> None:
    done = subprocess.run([sys.executable, "-m", "relark", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"relark {relark.__version__}, walks: {kernel.name()}\n"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_malformed_pattern_gets_a_caret(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "explain", "--regex", "[a](b[/]")
    assert (status, out) == (2, "")
    assert err.splitlines() == ["error: missing ) (column 9)", "    [a](b[/]", "            ^"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 2, "Usage"),
        (("generate",), 2, "Missing argument"),
        (("generate", "x", "--bad"), 2, "No such option"),
        (("generate", "x", "-r", "a", "-c", "b"), 2, "--regex and --choices"),
        (("generate", "x", "-r", "a", "-n", "0"), 2, "max_new_tokens=0"),
        (("generate", "x", "-r", "a", "--temperature", "-1"), 2, "temperature=-1.0"),
        (("generate", "x", "-r", "a", "--model", "no/such/folder"), 1, "not a folder"),
        (("generate", "x", "-r", "a", "-s", "b.json", "-c", "b"), 2, "--regex and --schema and --choices were given"),
        (("generate", "x", "-s", "no-such-file.json"), 2, "no-such-file.json: cannot be read"),
        (("explain",), 2, "--regex, --schema, --grammar or --choices"),
        (("explain", "-r", "a", "-s", "b.json"), 2, "--regex and --schema were both given"),
        (("check",), 2, "Missing argument"),
        (("check", "no-such-file.json"), 2, "no-such-file.json: cannot be read"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], status: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    found, out, err = run(capsys, *arguments)
    assert found == status
    assert words in out + err
    assert "Traceback" not in out + err


# --- explain ----------------------------------------------------------------------------------------------------------


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "explain", "-c", "yes", "-c", "no")
    assert (status, err) == (0, "")
    assert out == str(relark.explain(choices=["yes", "no"])) + "\n"


def test_explain_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "explain", "-r", r"ab(?:foo){e<=1}", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["parts"][0]["engine"] == "partial-match"
    assert found["parts"][0]["reasons"][0]["position"] == 2
    assert found["is_shortest"] in (True, False)


# --- schemas ----------------------------------------------------------------------------------------------------------


def written(folder: Path, schema: object) -> str:
    """The name of a file with this schema, or with this text."""
    file = folder / "schema.json"
    file.write_text(schema if isinstance(schema, str) else json.dumps(schema), encoding="utf-8")
    return str(file)


CLEAN = {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": False}


def test_explain_a_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, CLEAN)
    status, out, err = run(capsys, "explain", "--schema", file)
    assert (status, err) == (0, "")
    assert out == str(relark.explain(schema=json.dumps(CLEAN))) + "\n"
    found = json.loads(run(capsys, "explain", "--schema", file, "--json")[1])
    assert found["keywords"][0] == {"pointer": "#/type", "keyword": "type", "treatment": "exact", "why": ""}


def test_check_a_clean_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", written(tmp_path, CLEAN)) == (0, "4 keywords enforced, 0 errors, 0 warnings\n", "")


def test_check_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, {**CLEAN, "title": "A", "properties": {"a": {"type": "string", "minLenght": 1}}})
    status, out, err = run(capsys, "check", file)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{file}#/properties/a: warning: strings have no greatest length: give maxLength",
        f"{file}#/properties/a/minLenght: warning: ignored: did you mean `minLength`?",
        "4 keywords enforced, 0 errors, 2 warnings",
    ]
    found = json.loads(run(capsys, "check", file, "--json")[1])
    assert found["exact"] == 4
    assert [(one["level"], one["pointer"]) for one in found["found"]] == [
        ("warning", "#/properties/a"),
        ("warning", "#/properties/a/minLenght"),
    ]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "minLength": 5, "maxLength": 3}, "#: error: no value satisfies"),
        ({"properties": {"a": {"pattern": "(?R)"}}}, "#/properties/a/pattern: error: not a regular expression"),
    ],
)
def test_check_finds_errors(schema: object, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, schema)
    status, out, err = run(capsys, "check", file)
    assert (status, err) == (1, "")
    assert out.startswith(f"{file}{words}")
    assert " 1 error, " in out


@pytest.mark.parametrize("command", [("check",), ("explain", "--schema"), ("generate", "x", "--schema")])
@pytest.mark.parametrize(
    ("schema", "words"), [("{", "not JSON"), ({"minLength": "5"}, "#/minLength"), ({"$ref": "#/nowhere"}, "#/$ref")]
)
def test_a_malformed_schema_is_a_mistake(
    command: tuple[str, ...], schema: object, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, *command, written(tmp_path, schema))
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err


# --- with the embedded model ------------------------------------------------------------------------------------------


@pytest.mark.real_model
def test_generate(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "generate", "The value of pi is approximately", "-r", r" \d\.\d{2,5}")
    assert (status, err) == (0, "")
    assert regex.fullmatch(r" \d\.\d{2,5}\n", out)


@pytest.mark.real_model
def test_generate_as_json_from_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = {}
    for name, prompt in (("argument", "Pick:"), ("stdin", "-")):
        monkeypatch.setattr(sys, "stdin", io.StringIO("Pick:\n"))
        status, out, _ = run(capsys, "generate", prompt, "-c", " cat", "-c", " dog", "--json")
        assert status == 0
        prompts[name] = json.loads(out)
    found = prompts["stdin"]
    assert found["text"] in (" cat", " dog")
    assert found["finish_reason"] == "stop"
    assert len(found["token_ids"]) == len(found["logprobs"]) > 0
    assert set(found["timings"]) == {"prefill", "decode", "mask", "tokens_per_second"}
    assert found["prompt_tokens"] == prompts["argument"]["prompt_tokens"]
    assert found["token_ids"] == prompts["argument"]["token_ids"]


@pytest.mark.real_model
def test_generate_by_a_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, {"type": "object", "properties": {"sum": {"enum": [6, 7, 8]}}, "required": ["sum"],
                              "additionalProperties": False})  # fmt: skip
    status, out, err = run(capsys, "generate", "3 + 4 as JSON, key sum:", "--schema", file)
    assert (status, err) == (0, "")
    assert json.loads(out)["sum"] in (6, 7, 8)
    found = json.loads(run(capsys, "generate", "3 + 4 as JSON, key sum:", "--schema", file, "--json")[1])
    assert found["value"] == json.loads(found["text"]) == json.loads(out)
    assert "parse" not in found


@pytest.mark.real_model
def test_generate_options(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--chat", "-n", "4", "--temperature", "1.5", "--top-p", "0.9", "--top-k", "50", "--seed", "1"]
    first = run(capsys, "generate", "A word?", "-r", "[a-z]{2,8}", *options)
    assert first == run(capsys, "generate", "A word?", "-r", "[a-z]{2,8}", *options)
    assert regex.fullmatch(r"[a-z]{2,8}\n", first[1])
    free = run(capsys, "generate", "One, two, three,", "-n", "8", "--stop", ",")
    assert free[0] == 0
    assert "," not in free[1]


@pytest.mark.real_model
def test_errors_of_generation(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "generate", "x", "-r", "a{50}", "-n", "3")
    assert (status, out) == (1, "")
    assert err.startswith("error: the shortest text that satisfies")
    status, out, err = run(capsys, "generate", "x", "-r", "a(?!a)a")
    assert (status, out, err) == (1, "", "error: no text satisfies regex('a(?!a)a')\n")


@pytest.mark.real_model
def test_explain_with_the_embedded_model(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "explain", "-c", "yes", "-c", "no", "--model", "embedded", "--json")
    assert status == 0
    assert json.loads(out)["min_tokens"] == 1


@pytest.mark.real_model
def test_demo(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "demo")
    assert (status, err) == (0, "")
    assert out.count("free text") == out.count("relark  ") == 4
    assert "negative" in out


def test_the_demo_shows_the_page_that_examples_show() -> None:
    script = (Path(__file__).resolve().parents[2] / "examples" / "rellm_page.py").read_text(encoding="utf-8")
    assert PAGE_PROMPT in script
    assert PAGE_PATTERN in script
