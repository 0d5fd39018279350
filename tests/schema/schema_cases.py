"""The public test data for JSON Schema as cases: a schema, and texts that are marked valid or invalid.

The data lies beside the repository (``../shared/suites``) and is no part of it; `is_present` says whether it is there.

- The JSON-Schema-Test-Suite of the drafts 7, 2019-09 and 2020-12: each instance as `json.dumps` writes it, with default
  and with compact separators, indented, ASCII and not.  Three suites a draft: ``draft7`` (what is required; there
  ``format`` is an annotation), ``draft7-format`` (optional/format, where formats are asserted) and ``draft7-optional``.
- ``maskbench``: 715 schemas in use somewhere, with their instances.  The marks are those of the package
  `jsonschema`, formats asserted, 2020-12 where a schema does not say otherwise.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import referencing
import referencing.jsonschema

Json = Any

ROOT = Path(__file__).resolve().parents[3] / "shared" / "suites"
OFFICIAL = ROOT / "json-schema-test-suite"
MASKBENCH = ROOT / "maskbench-dev.jsonl.gz"

DIALECTS = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
REQUIRED = tuple(DIALECTS)
FORMATS = tuple(f"{draft}-format" for draft in DIALECTS)
OPTIONAL = tuple(f"{draft}-optional" for draft in DIALECTS)
SUITES = (*REQUIRED, *FORMATS, *OPTIONAL, "maskbench")
REMOTES = "http://" + "local" + "host:1234/"  # where the suite expects its remotes/ (not a trace of some machine)


@dataclass(frozen=True)
class Instance:
    """One value, in each way of writing that must be judged alike."""

    name: str
    texts: tuple[str, ...]
    valid: bool


@dataclass(frozen=True)
class Case:
    """``name``: unique in its suite, ``FILE#INDEX`` in the official ones."""

    name: str
    schema: Json
    instances: tuple[Instance, ...]
    formats: Literal["assert", "annotate"] = "assert"
    draft: str | None = None

    @property
    def file(self) -> str:
        return self.name.partition("#")[0]

    def __str__(self) -> str:
        return self.name


def is_present() -> bool:
    return OFFICIAL.is_dir() and MASKBENCH.is_file()


@functools.cache
def cases(suite: str) -> tuple[Case, ...]:
    """All cases of one of `SUITES`."""
    if suite == "maskbench":
        return tuple(_maskbench())
    draft, _, part = suite.rpartition("-") if suite not in DIALECTS else (suite, "", "")
    folder = OFFICIAL / "tests" / draft
    pattern = {"": "*.json", "format": "optional/format/*.json", "optional": "optional/*.json"}[part]
    return tuple(case for file in sorted(folder.glob(pattern)) for case in _official(file, draft, bool(part)))


def _official(file: Path, draft: str, optional: bool) -> Iterator[Case]:
    for index, group in enumerate(json.loads(file.read_text("utf-8"))):
        schema = group["schema"]
        if isinstance(schema, dict) and "$schema" not in schema:
            schema = {"$schema": DIALECTS[draft], **schema}
        yield Case(
            f"{file.name}#{index}",
            schema,
            tuple(Instance(str(n), writings(test["data"]), test["valid"]) for n, test in enumerate(group["tests"])),
            "assert" if optional else "annotate",
            draft,
        )


def _maskbench() -> Iterator[Case]:
    with gzip.open(MASKBENCH, "rt", encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            tests = tuple(Instance(t["name"], (t["text"],), t["valid"]) for t in case["tests"])
            yield Case(case["id"], json.loads(case["spec"]), tests)


def writings(value: Json) -> tuple[str, ...]:
    """What `json.dumps` makes of ``value`` with its several options."""
    ways: list[dict[str, Any]] = [
        {},
        {"separators": (",", ":")},
        {"indent": 2},
        {"ensure_ascii": False},
        {"ensure_ascii": False, "separators": (",", ":")},
    ]
    return tuple(dict.fromkeys(json.dumps(value, **way) for way in ways))


@functools.cache
def registry(draft: str | None) -> referencing.Registry[Json]:
    """The suite's remotes; documents that do not name their dialect are of ``draft``."""
    found: referencing.Registry[Json] = referencing.Registry()
    if draft is None:
        return found
    folder = OFFICIAL / "remotes"
    for file in sorted(folder.rglob("*.json")):
        path = file.relative_to(folder)
        dialect = DIALECTS.get(path.parts[0], DIALECTS[draft])
        default = referencing.jsonschema.specification_with(dialect)
        resource = referencing.Resource.from_contents(json.loads(file.read_text("utf-8")), default)
        found = found.with_resource(REMOTES + path.as_posix(), resource)
    return found
