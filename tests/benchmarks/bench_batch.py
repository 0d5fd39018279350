"""A batch of mixed constraints: the time to fill the masks of all its rows, step by step, on states seen before.

    python tests/benchmarks/bench_batch.py [--rows 256] [--tokenizer DIR]

Each row has its own text under one of a regex, two schemas, choices and a grammar, from a place of its own in it, so
that the rows of a step are in different states.  A step is `relark.fill_masks` over all rows; the advances are timed
apart.  Over the embedded model's vocabulary (49,152 tokens) and that of DIR (``tests/tokens/fetch_tokenizers.py``).
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from dataclasses import dataclass

import measuring
import numpy as np

import relark
from relark import Constraint, Vocabulary

STEPS = 20
COLOURS = [f"{tone} {colour}" for tone in ("dark", "light", "pale") for colour in ("red", "green", "blue", "grey")]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 60},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"enum": COLOURS}},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
EVENT = {
    "type": "object",
    "properties": {
        "on": {"type": "string", "format": "date"},
        "kind": {"enum": ["begin", "end"]},
        "notes": {"type": "string"},
    },
    "required": ["on", "kind"],
}


def mixture() -> list[tuple[Constraint, str]]:
    """Constraints, each with a text under it."""
    person = {"name": "Ada Lovelace", "age": 36, "tags": COLOURS[:5]}
    event = {"on": "2026-11-22", "kind": "begin", "notes": "It was a bright cold day in April.", "by": ["me", 1.5]}
    query = "SELECT name, age + 1 FROM people WHERE age > 30 AND name LIKE 'A%' ORDER BY age LIMIT 10"
    return [
        (relark.regex(r"(?:[a-z]+ = (?:\d+|\"[^\"\n]*\")\n){1,20}"), 'name = "Alice and Bob"\nage = 30\nsize = 7\n'),
        (relark.schema(PERSON), json.dumps(person)),
        (relark.schema(EVENT, property_order="any"), json.dumps(event)),
        (relark.choices(COLOURS), COLOURS[7]),
        (relark.grammar(relark.grammars.sql), query),
    ]


@dataclass(frozen=True)
class Times:
    """Of a step, in seconds: all masks, all advances.  ``rows``: their number."""

    rows: int
    masks: list[float]
    advances: list[float]


def measure(vocabulary: Vocabulary, n_rows: int = 256) -> Times:
    """Two rounds of `STEPS` steps, of which the second counts."""
    parts = [(constraint.matcher(vocabulary), vocabulary.encode(text.encode())) for constraint, text in mixture()]
    matchers, texts = [], []
    for i, (start, ids) in zip(range(n_rows), itertools.cycle(parts), strict=False):
        matcher = start.fork()
        begin = i // len(parts) % len(ids)
        for token_id in ids[:begin]:
            matcher.advance(token_id)
        matchers.append(matcher)
        texts.append((start, ids, begin))
    rows = np.zeros((n_rows, vocabulary.n_words), np.int32)
    times: Times
    for _ in range(2):
        current = [matcher.fork() for matcher in matchers]
        at = [begin for _, _, begin in texts]
        times = Times(n_rows, [], [])
        with measuring.undisturbed():
            for _ in range(STEPS):
                times.masks.append(measuring.seconds(relark.fill_masks, current, rows))
                times.advances.append(measuring.seconds(_advance, current, texts, at))
    return times


def _advance(current: list[relark.Matcher], texts: list[tuple[relark.Matcher, list[int], int]], at: list[int]) -> None:
    for i, (start, ids, _) in enumerate(texts):
        if at[i] == len(ids):  # the next text
            current[i], at[i] = start.fork(), 0
        current[i].advance(ids[at[i]])
        at[i] += 1


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--tokenizer", help="a folder, besides the embedded model's vocabulary")
    options = parser.parse_args()
    print(f"{measuring.circumstances()}\n")
    found = []
    for folder in (None, options.tokenizer) if options.tokenizer else (None,):
        vocabulary = measuring.vocabulary(folder)
        times = measure(vocabulary, options.rows)
        cells = [statistics.median(times.masks), max(times.masks), statistics.median(times.advances)]
        found.append([f"{vocabulary.size:,}", str(times.rows), *[measuring.short(t * 1e3) for t in cells]])
    head = ["tokens in the vocabulary", "rows", "all masks, ms, p50", "worst", "all advances, ms, p50"]
    print(measuring.markdown(head, found))


if __name__ == "__main__":
    main()
