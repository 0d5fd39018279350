"""What `docs/architecture.md` promises of the code as a whole: layers, light imports, a tidy top level, no machine's
traces.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "relark"

# Each layer with the layers that it may import.  A layer is a module or a folder of src/relark.
CORE = {"errors", "caches", "language"}
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "caches": {"errors"},
    "kernel": set(),
    "language": {"errors", "caches", "kernel"},
    "frontends": CORE,
    "tokens": {*CORE, "kernel"},
    "constraint": {
        *CORE,
        "frontends",
        "tokens",
        "matcher",
    },  # the last two in annotations, and for `Constraint.matcher`
    "matcher": {*CORE, "tokens", "constraint"},  # the last in annotations
    "decoding": {*CORE, "tokens", "constraint", "matcher"},
    "rellm": {"errors", "constraint", "decoding"},
    "parserllm": {"errors", "language", "constraint", "decoding", "rellm"},
    "grammars": set(),
    "report": {*CORE, "kernel", "frontends", "tokens", "constraint", "matcher"},
    "integrations": {*CORE, "tokens", "constraint", "matcher", "decoding", "report"},
    "cli": {*CORE, "constraint", "decoding", "report"},
}

# Where each third-party package may be imported.
HEAVY = {"decoding", "integrations"}
THIRD_PARTY: dict[str, set[str]] = {
    "numpy": {"language", "tokens", "matcher", "decoding"},
    "regex": {"frontends", "constraint", "decoding", "report", "integrations"},
    "torch": HEAVY,
    "transformers": HEAVY,
    "tokenizers": HEAVY,
    "safetensors": HEAVY,
    "gguf": HEAVY,
    "jinja2": HEAVY,
    "platformdirs": {"decoding", "tokens"},
    "typing_extensions": {"decoding", "frontends", "integrations"},
    "referencing": {"frontends", "constraint"},
    "jsonschema_specifications": {"frontends"},
    "idna": {"frontends"},
    "lark": {"frontends", "grammars", "report", "constraint", "decoding", "integrations"},  # or in annotations
    "pydantic": {"frontends", "integrations"},
    "pydantic_core": {"frontends"},
    "langchain_core": {"integrations"},  # never langchain, langchain_classic or langgraph
    "rich": {"cli", "decoding"},
    "typer": {"cli"},
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(module: Path) -> Iterator[tuple[str, int]]:
    """The dotted names that ``module`` imports anywhere, with their lines.

    ``from relark import x`` counts as ``relark.x``.
    """
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: relative import"
            if node.module == "relark":
                for alias in node.names:
                    yield f"relark.{alias.name}", node.lineno
            else:
                yield str(node.module), node.lineno


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_point_downwards(module: Path) -> None:
    layer = layer_of(module)
    if layer in ("__init__", "__main__"):
        return
    assert layer in LAYERS, f"{layer} is not in the layer table; add it here and to docs/architecture.md"
    for name, line in imports(module):
        parts = name.split(".")
        if parts[0] == "relark":
            allowed = {*LAYERS[layer], layer}
            if layer == "cli":  # a thin shell around the public names
                continue
            assert len(parts) > 1, f"{module}:{line}: imports the package root"
            assert parts[1] in allowed, f"{module}:{line}: {layer} must not import {name}"
        elif parts[0] in THIRD_PARTY:
            assert layer in THIRD_PARTY[parts[0]], f"{module}:{line}: {layer} must not import {parts[0]}"
        else:
            assert parts[0] in sys.stdlib_module_names, (
                f"{module}:{line}: {parts[0]} is not in the table of dependencies"
            )


def test_integrations_do_not_know_each_other() -> None:
    folder = PACKAGE / "integrations"
    for module in folder.rglob("*.py"):
        own = module.relative_to(folder).parts[0].removesuffix(".py")
        for name, line in imports(module):
            parts = name.split(".")
            if parts[:2] == ["relark", "integrations"]:
                assert parts[2:3] == [own], f"{module}:{line}: imports {name}"


@pytest.mark.parametrize(
    "statement", ["import relark", "import relark.cli", "import relark.report", "import relark.tokens.vocabulary"]
)
def test_importing_is_light(statement: str) -> None:
    heavy = ["torch", "transformers", "tokenizers", "safetensors", "gguf", "langchain_core"]
    code = f"import sys\n{statement}\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_every_public_name_exists() -> None:
    import relark

    for name in relark.__all__:
        assert getattr(relark, name) is not None
    assert set(dir(relark)) == set(relark.__all__)
    assert len(set(relark.__all__)) == len(relark.__all__)


def test_modules_open_with_what_they_are() -> None:
    for module in MODULES:
        text = module.read_text(encoding="utf-8")
        assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{module} has no docstring"


def test_no_state_changes_inside_assert() -> None:
    """``python -O`` drops asserts: none may call a method that moves something."""
    moving = {"advance", "append", "pop", "put", "add", "clear", "rollback", "update", "setdefault"}
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert):
                called = {
                    n.func.attr for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
                }
                assert not called & moving, f"{module}:{node.lineno}"


# --- the repository ---------------------------------------------------------------------------------------------------


def repository_files() -> list[Path]:
    """What is or would be committed, relative to the root."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return [Path(name) for name in listed if name and (ROOT / name).is_file()]


def test_the_top_level_is_what_it_should_be() -> None:
    found = {path.parts[0] for path in repository_files()}
    files = {"pyproject.toml", "README.md", "LICENSE", ".gitignore"}
    folders = {"src", "grammars", "tests", "docs", "examples", ".ci", ".github"}
    assert found == files | folders


def test_no_traces_of_one_machine() -> None:
    # pieced together so that this file does not hold them
    traces = [
        "/wo" + "rk/",
        "/op" + "t/",
        "/ro" + "ot/",
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "registry." + "npmjs",
    ]
    traces += ["huggingface" + ".co", "download." + "pytorch", "local" + "host"]
    for path in repository_files():
        data = (ROOT / path).read_bytes()
        for trace in traces:
            assert trace.encode() not in data, f"{path} holds {trace!r}"


def test_no_junk_drawers() -> None:
    for path in repository_files():
        assert path.stem not in {"utils", "util", "helpers", "helper", "misc", "common"}, path
