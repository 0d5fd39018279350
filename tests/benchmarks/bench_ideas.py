"""What each idea gives: the same masks, found in the naive way and in each better one, in one run.

    python tests/benchmarks/bench_ideas.py --tokenizer DIR

For some typical states, the milliseconds of one mask over the vocabulary of DIR (``tests/tokens/fetch_tokenizers.py``;
without it, the embedded model's):

- naive: every token by itself, one derivative a byte;
- trie: tokens that begin alike share their derivatives, and a dead prefix drops all of them;
- levels: states are numbers, their derivatives rows of a table, and a level of the trie is one gather (NumPy);
- compiled: the same in compiled code, node by node;
- head shared: what stands at the beginning (a JSON string) was walked for another constraint;
- seen: the state itself was asked for before.

Each begins with empty caches, so derivatives and rows are a part of the cost.  All find the same tokens, which is
checked.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import measuring
import numpy as np

import relark
from relark import Constraint, Vocabulary, kernel
from relark.language import derive, is_empty
from relark.language.terms import EMPTY, Term
from relark.tokens.masks import Mask, masks_of
from relark.tokens.spread import tokens_in
from relark.tokens.walks import walk_lazily

IDEAS = ("naive", "trie", "levels", "compiled", "head shared", "seen")
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "price": {"type": "number", "minimum": 0},
        "state": {"enum": ["open", "paid", "sent"]},
    },
    "required": ["name", "price", "state"],
    "additionalProperties": False,
}
OTHER = {"type": "array", "items": {"type": "string"}}  # has the same heads


@dataclass(frozen=True)
class State:
    """The state of ``make()`` after ``text``; ``shared``: a state of another constraint with the same head."""

    make: Callable[[], Constraint]
    text: str
    shared: tuple[Callable[[], Constraint], str] | None = None


STATES = {
    "JSON string": State(lambda: relark.schema(SCHEMA), '{"name": "A', (lambda: relark.schema(OTHER), '["A')),
    "name of a property": State(lambda: relark.schema(SCHEMA), '{"'),
    "number": State(lambda: relark.schema(SCHEMA), '{"name": "A", "price": 1'),
    "member of an enum": State(lambda: relark.schema(SCHEMA), '{"name": "A", "price": 1, "state": "'),
    "SQL, after SELECT": State(lambda: relark.grammar(relark.grammars.sql), "SELECT "),
}


def after(constraint: Constraint, text: str) -> Term:
    term = constraint.term
    for byte in text.encode():
        term = derive(term, byte)
    return term


def naive(vocabulary: Vocabulary, term: Term) -> list[int]:
    """The tokens."""
    found = []
    for token_id, data in enumerate(vocabulary.token_bytes):
        state = term if data else EMPTY
        for byte in data or b"":
            state = derive(state, byte)
            if is_empty(state):
                break
        if not is_empty(state):
            found.append(token_id)
    return found


def by_trie(vocabulary: Vocabulary, term: Term) -> list[int]:
    """The nodes of the trie."""
    return list(walk_lazily(vocabulary.trie, term))


def by_mask(vocabulary: Vocabulary, term: Term) -> Mask:
    return masks_of(vocabulary).mask(term)


def at_nodes(vocabulary: Vocabulary, nodes: list[int]) -> list[int]:
    alive = np.zeros(len(vocabulary.trie), np.bool_)
    alive[nodes] = True
    of = vocabulary.trie.node_of_token
    return np.flatnonzero((of > 0) & alive[of]).tolist()


def measure(vocabulary: Vocabulary, state: State) -> dict[str, float]:
    """Seconds by idea; without ``compiled`` where there is no such kernel."""
    times: dict[str, float] = {}
    relark.clear_caches()
    expected = naive(vocabulary, after(state.make(), state.text))

    def take(idea: str, find: Callable[[Vocabulary, Term], Any], prepared: Callable[[], object]) -> None:
        relark.clear_caches()
        prepared()
        term = after(state.make(), state.text)
        found: list[Any] = []
        times[idea] = measuring.seconds(lambda: found.append(find(vocabulary, term)))
        tokens = found[0]
        if isinstance(tokens, Mask):
            tokens = [t for t in tokens_in(tokens.bits).tolist() if t not in vocabulary.eos_ids]
        elif find is by_trie:
            tokens = at_nodes(vocabulary, tokens)
        if tokens != expected:
            raise AssertionError(f"{idea} finds other tokens")

    def others() -> None:
        if state.shared is not None:
            by_mask(vocabulary, after(state.shared[0](), state.shared[1]))

    def itself() -> None:
        by_mask(vocabulary, after(state.make(), state.text))

    compiled = kernel.compiled
    with measuring.undisturbed():
        take("naive", naive, lambda: None)
        take("trie", by_trie, lambda: None)
        try:
            kernel.compiled = None
            take("levels", by_mask, lambda: None)
        finally:
            kernel.compiled = compiled
        if compiled is not None:
            take("compiled", by_mask, lambda: None)
        if state.shared is not None:
            take("head shared", by_mask, others)
        take("seen", by_mask, itself)
    return times


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", help="folder of a tokenizer")
    options = parser.parse_args()
    vocabulary = measuring.vocabulary(options.tokenizer)
    print(f"{measuring.circumstances()}; {vocabulary.size:,} tokens\n")
    rows = []
    for name, state in STATES.items():
        times = measure(vocabulary, state)
        rows.append([name, *[measuring.short(times[idea] * 1e3) if idea in times else "" for idea in IDEAS]])
    print(measuring.markdown(["milliseconds a mask", *IDEAS], rows))


if __name__ == "__main__":
    main()
