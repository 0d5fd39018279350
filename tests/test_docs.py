"""Everything that the documentation shows is run: docstring examples, code blocks of README.md and docs/, examples/.

In Markdown, ``pycon`` blocks are sessions whose output must be as shown, ``python`` blocks are run; the blocks of a
page share their names, in order.  ``console`` blocks are commands (``$ relark ...``) with their output.  A block
under the comment ``<!-- real model -->`` needs the embedded model; one under ``<!-- file: NAME -->`` is a file that
the commands of its page may read.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
import runpy
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import relark
from relark.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "grammars").glob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MODULES = sorted(
    info.name for info in pkgutil.walk_packages(relark.__path__, "relark.") if info.name != "relark.__main__"
)

BLOCK = re.compile(
    r"(?P<mark><!-- real model -->\n)?(?:<!-- file: (?P<file>\S+) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    line: int
    needs_model: bool
    file: str | None


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(m["language"], m["code"], text.count("\n", 0, m.start("code")) + 1, bool(m["mark"]), m["file"])
        for m in BLOCK.finditer(text)
    ]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks may write files.  They say that the compiled kernel walks, which need not be there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("relark.kernel.name", lambda: "compiled (Cython)")


def run(page: Path, chosen: list[Block]) -> None:
    names: dict[str, Any] = {"__name__": f"docs.{page.stem}"}
    for block in chosen:
        where = f"{page.name}, line {block.line}"
        if block.file is not None:
            Path(block.file).write_text(block.code, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)
        elif block.language == "pycon":
            test = doctest.DocTestParser().get_doctest(block.code, names, where, str(page), block.line - 1)
            report: list[str] = []
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            runner.run(test, out=report.append, clear_globs=False)
            assert not runner.failures, "".join(report)
            names.update(test.globs)
        elif block.language == "console":
            shown = block.code.rstrip("\n").split("\n")
            printed = []
            for command in (line for line in shown if line.startswith("$ ")):
                program, *arguments = shlex.split(command[2:])
                assert program == "relark", where
                printed += [command, *output_of(arguments)]
            assert printed == shown, where


def output_of(arguments: list[str]) -> list[str]:
    """What the command line prints, on both streams."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written), pytest.raises(SystemExit):
        main(arguments)
    return written.getvalue().rstrip("\n").split("\n")


LANGUAGES = ("python", "pycon", "console")


def with_code(pages: list[Path], needs_model: bool) -> list[Path]:
    return [
        page for page in pages if any(b.language in LANGUAGES and b.needs_model is needs_model for b in blocks(page))
    ]


@pytest.mark.parametrize("page", with_code(PAGES, False), ids=lambda p: p.name)
def test_blocks_without_a_model(page: Path) -> None:
    run(page, [block for block in blocks(page) if not block.needs_model])


@pytest.mark.real_model
@pytest.mark.parametrize("page", with_code(PAGES, True), ids=lambda p: p.name)
def test_blocks_with_the_embedded_model(page: Path) -> None:
    run(page, blocks(page))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    failures, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert not failures


@pytest.mark.real_model
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda p: p.stem)
def test_example_scripts(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name}: {target}"


def test_the_readme_holds_the_commands_that_ci_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("run", "test"):
        assert len(re.findall(rf"^<!-- ci: {name} -->\n```sh\n[^\n]+\n```$", text, re.MULTILINE)) == 1
    assert "<!-- ci: $1 -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
