"""One batch, a constraint of its own for each prompt, one of them free: one forward pass a step serves all.

python examples/batch_mixed_constraints.py
"""

from __future__ import annotations

import relark

PROMPTS_AND_CONSTRAINTS = [
    ("The capital of France is", relark.regex(r" [A-Z][a-z]+\.")),
    ("Question: What is 3 + 4?\nAnswer:", relark.regex(r" \d{1,3}")),
    ("The opposite of hot is", relark.choices([" cold", " warm", " red"])),
    ("Question: What do bees make?\nAnswer:", relark.text(until=".")),
    ("Question: Why is the sky blue?\nAnswer: Because", None),  # free text, up to max_new_tokens
]


def main() -> None:
    prompts = [prompt for prompt, _ in PROMPTS_AND_CONSTRAINTS]
    constraints = [constraint for _, constraint in PROMPTS_AND_CONSTRAINTS]
    results = relark.Generator().run(prompts, constraint=constraints, max_new_tokens=24)
    for prompt, constraint, result in zip(prompts, constraints, results, strict=True):
        print(prompt.replace("\n", " "))
        print(f"    {constraint or 'free text'} -> {result.text!r}")
        print(f"    {len(result.token_ids)} tokens, {result.finish_reason}")
    timings = results[0].timings
    print(
        f"\n{timings.tokens_per_second:.1f} tokens/s, {timings.mask * 1000:.0f} ms of {timings.decode:.2f} s for masks"
    )


if __name__ == "__main__":
    main()
