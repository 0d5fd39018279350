"""How costs grow: with the length of the output, with nesting, with the size of an enum and of an object's schema.

    python tests/benchmarks/bench_growth.py --tokenizer DIR            # writes docs/growth_*.svg, prints the numbers
    python tests/benchmarks/bench_growth.py --only enum --most 1000 --out FOLDER

Each point is a constraint of its own in empty caches, along a text fed token by token (greedy longest tokens): its
compilation with the first mask, then the mean cost of a token, mask and advance, where every state is new (cold) and
again with a new matcher (warm, the best of three).  DIR: see ``tests/tokens/fetch_tokenizers.py``; without one, the
embedded model's vocabulary.  Plots need matplotlib (the extra ``bench``).
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measuring

import relark
from relark import Constraint, Vocabulary

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
WORDS = ["amber", "bright", "cold", "delta", "early", "forest", "gentle", "harbour", "island", "jolly", "kettle"]


@dataclass(frozen=True)
class Case:
    """A constraint to be made, and texts to be fed, at most ``limit`` tokens of each."""

    make: Callable[[], Constraint]
    texts: tuple[str, ...]
    limit: int | None = None


@dataclass(frozen=True)
class Point:
    """``first``: compiling and the first mask, in seconds; ``cold`` and ``warm``: a token, the mean."""

    size: int
    first: float
    cold: float
    warm: float


def sentence(n: int) -> str:
    words = random.Random(n)
    return " ".join(words.choice(WORDS) for _ in range(n))


def schema(value: Any, order: Any = "any") -> Callable[[], Constraint]:
    return lambda: relark.schema(value, property_order=order)


# --- what grows ---------------------------------------------------------------------------------------------------


def length(n: int) -> Iterator[tuple[str, Case]]:
    """Tokens of output."""
    objects = [{"id": i, "name": sentence(3), "tags": [sentence(1)]} for i in range(n // 10 + 1)]
    item = {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["id", "name"],
    }
    names = {f"{WORDS[i % len(WORDS)]} {i}": i for i in range(n // 3 + 1)}
    numbers = list(range(100, n // 2 + 101))
    yield "string", Case(schema({"type": "string"}), (json.dumps(sentence(n)),), n)
    yield "maxLength: 100,000", Case(schema({"type": "string", "maxLength": 100_000}), (json.dumps(sentence(n)),), n)
    yield "array of objects", Case(schema({"type": "array", "items": item}), (json.dumps(objects),), n)
    if n <= 1000:  # a cold mask grows with the items seen
        unique = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
        yield "uniqueItems", Case(schema(unique), (json.dumps(numbers),), n)
    yield "object, any names", Case(schema({"type": "object"}), (json.dumps(names),), n)
    yield "regex", Case(lambda: relark.regex(r"(?:[a-z]+ ?){1,}"), (sentence(n),), n)
    columns = "SELECT " + ", ".join(f"column_{i} + {i}" for i in range(n // 4 + 1)) + " FROM t"
    yield "SQL", Case(lambda: relark.grammar(relark.grammars.sql), (columns,), n)


def depth(n: int) -> Iterator[tuple[str, Case]]:
    """Levels of nesting."""
    node: dict[str, Any] = {"$ref": "#/$defs/node", "$defs": {}}
    node["$defs"]["node"] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "child": {"$ref": "#/$defs/node"}},
        "additionalProperties": False,
    }
    written: Any = {"name": "leaf"}
    named: Any = {"a": 1}
    schema_of: Any = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    for _ in range(n - 1):
        written, named = {"child": written}, {"a": named}
        schema_of = {"type": "object", "properties": {"a": schema_of}, "required": ["a"]}
    yield "recursive object", Case(schema(node), (spaced(written),))
    yield "recursive object, in order", Case(schema(node, "schema"), (spaced(written),))
    if n <= 50:  # beyond, Python's stack is too short, and relark says so
        yield "schema of that depth", Case(schema(schema_of), (spaced(named),))
    yield "any JSON, arrays", Case(schema({}), ("[" * n + "]" * n,))
    yield "grammar, JSON", Case(lambda: relark.grammar(relark.grammars.json), (spaced(written),))
    yield "grammar, brackets", Case(lambda: relark.grammar('start: "(" start ")" | "x"'), ("(" * n + "x" + ")" * n,))


def enum(n: int) -> Iterator[tuple[str, Case]]:
    """Members of an enum."""
    names = random.Random(1)
    values = [f"{names.choice(WORDS)} {names.choice(WORDS)} {i}" for i in range(n)]
    some = tuple(names.sample(values, min(n, 20)))
    numbers = names.sample(range(10 * n), n)
    texts = tuple(map(json.dumps, some))
    yield "choices", Case(lambda: relark.choices(values), some)
    yield "enum of strings", Case(schema({"enum": values}), texts)
    yield "enum of numbers", Case(schema({"enum": numbers}), tuple(str(v) for v in numbers[:20]))
    if n <= 1000:  # beyond, it takes seconds to compile
        objects = [{"id": v} for v in values]
        yield "enum of objects", Case(schema({"enum": objects}), tuple(json.dumps({"id": v}) for v in some))
    nested = {"type": "object", "properties": {"kind": {"enum": values}}, "required": ["kind"]}
    yield "enum in an object", Case(schema(nested), tuple(json.dumps({"kind": v}) for v in some))
    yield "alternatives of a regex", Case(lambda: relark.regex("|".join(values)), some)


def properties(n: int) -> Iterator[tuple[str, Case]]:
    """Properties of an object."""
    names = [f"{WORDS[i % len(WORDS)]}_{i}" for i in range(n)]
    kinds: list[Any] = [{"type": "string"}, {"type": "integer"}, {"enum": ["low", "high"]}, {"type": "boolean"}]
    values = ["text", 17, "low", True]
    members = {name: kinds[i % 4] for i, name in enumerate(names)}
    chosen = sorted(random.Random(1).sample(range(n), min(n, 50)))
    text = json.dumps({names[i]: values[i % 4] for i in chosen})
    closed = {"type": "object", "properties": members, "additionalProperties": False}
    opened = {"type": "object", "properties": members, "required": [names[i] for i in chosen[::10]]}
    whole = json.dumps({name: values[i % 4] for i, name in enumerate(names)})
    required = {**closed, "required": names}
    for order in ("any", "schema"):
        label = "any order" if order == "any" else "in order"
        yield f"optional, {label}", Case(schema(closed, order), (text,))
        yield f"open, {label}", Case(schema(opened, order), (text,))
        yield f"required, {label}", Case(schema(required, order), (whole,), 500)


def spaced(value: Any) -> str:
    """JSON text, without `json`'s own limit on nesting."""
    parts: list[str] = []
    closing: list[str] = []
    while isinstance(value, dict):
        *before, (key, inner) = value.items()
        parts += ["{", *[f'"{k}": {json.dumps(v)}, ' for k, v in before], f'"{key}": ']
        closing.append("}")
        value = inner
    return "".join([*parts, json.dumps(value), *closing])


AXES: dict[str, tuple[Callable[[int], Iterator[tuple[str, Case]]], str, tuple[int, ...]]] = {
    "length": (length, "tokens of output", (10, 100, 1000, 10_000)),
    "depth": (depth, "levels of nesting", (1, 5, 20, 50, 100, 500)),
    "enum": (enum, "members of the enum", (10, 100, 1000, 10_000, 100_000)),
    "properties": (properties, "properties of the object", (10, 50, 200, 1000, 5000)),
}


# --- measuring ----------------------------------------------------------------------------------------------------


def measure(vocabulary: Vocabulary, size: int, case: Case) -> Point:
    texts = [list(itertools.islice(vocabulary.encode(text.encode()), case.limit)) for text in case.texts]
    relark.clear_caches()
    made: list[relark.Matcher] = []

    def first() -> None:
        made.append(case.make().matcher(vocabulary))
        made[0].mask()

    with measuring.undisturbed():
        took = measuring.seconds(first)
        passes = [statistics.fmean(t for ids in texts for t in measuring.feed(made[0].fork(), ids)) for _ in range(4)]
    return Point(size, took, passes[0], min(passes[1:]))


def measure_axis(vocabulary: Vocabulary, axis: str, most: int | None = None) -> dict[str, list[Point]]:
    cases, _, sizes = AXES[axis]
    curves: dict[str, list[Point]] = {}
    for _, case in cases(sizes[0]):
        measure(vocabulary, sizes[0], case)  # what a process does once
    for size in sizes:
        if most is None or size <= most:
            for label, case in cases(size):
                curves.setdefault(label, []).append(measure(vocabulary, size, case))
    return curves


PANELS = (
    ("first", "compile + first mask, ms", 1e3),
    ("cold", "a token, cold, µs", 1e6),
    ("warm", "a token, warm, µs", 1e6),
)


def plot(axis: str, curves: dict[str, list[Point]], file: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "relark", "svg.fonttype": "none"})  # the same numbers, the same file
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for panel, (name, title, unit) in zip(panels, PANELS, strict=True):
        for label, points in curves.items():
            panel.loglog([p.size for p in points], [getattr(p, name) * unit for p in points], "o-", ms=3, label=label)
        panel.set(title=title, xlabel=AXES[axis][1])
        panel.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize="small")
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def table(axis: str, curves: dict[str, list[Point]]) -> str:
    sizes = sorted({p.size for points in curves.values() for p in points})
    rows = []
    for label, points in curves.items():
        at = {p.size: p for p in points}
        for name, title, unit in PANELS:
            cells = [measuring.short(getattr(at[size], name) * unit) if size in at else "" for size in sizes]
            rows.append([f"{label}: {title}", *cells])
    return measuring.markdown([AXES[axis][1], *[f"{size:,}" for size in sizes]], rows)


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer")
    parser.add_argument("--only", choices=AXES, nargs="*", help="these axes; all without")
    parser.add_argument("--most", type=int, help="no larger sizes")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder for the pictures")
    options = parser.parse_args()
    vocabulary = measuring.vocabulary(options.tokenizer)
    print(f"{measuring.circumstances()}; {vocabulary.size:,} tokens", flush=True)
    for axis in options.only or AXES:
        curves = measure_axis(vocabulary, axis, options.most)
        plot(axis, curves, options.out / f"growth_{axis}.svg")
        print(f"\n{table(axis, curves)}", flush=True)


if __name__ == "__main__":
    main()
