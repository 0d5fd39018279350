"""The command line: what it prints, where, and with which exit status."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
import regex

import relark
from relark.cli import PAGE_PATTERN, PAGE_PROMPT, main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    captured = capsys.readouterr()
    return exit_.value.code or 0, captured.out, captured.err  # type: ignore[return-value]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"relark {relark.__version__}\n", "")


@pytest.mark.parametrize("command", ["generate", "explain", "demo"])
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
    assert done.stdout == f"relark {relark.__version__}\n"


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
        (("explain",), 2, "--regex or --choices"),
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
    from pathlib import Path

    script = (Path(__file__).resolve().parents[2] / "examples" / "rellm_page.py").read_text(encoding="utf-8")
    assert PAGE_PROMPT in script
    assert PAGE_PATTERN in script
