"""The scripts about speed run, on a small vocabulary: their cases are what they say, and their tables are complete."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bench_batch
import bench_growth
import bench_ideas
import bench_peers
import measuring
import pytest

from relark import Vocabulary

WORDS = b'the cold name {" ": ": " ", " "}, 10 200 SELECT FROM open paid true false null [[ ]] }} -07'.split()


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.from_bytes([*[bytes((b,)) for b in range(256)], *WORDS, None], eos_ids=[256 + len(WORDS)])


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    pairs = {character: i for i, character in enumerate([*alphabet, "<eos>"])}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(pairs, []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<eos>")


@pytest.mark.parametrize("axis", bench_growth.AXES)
def test_growth(vocabulary: Vocabulary, axis: str, tmp_path: Path) -> None:
    smallest = bench_growth.AXES[axis][2][0]
    curves = bench_growth.measure_axis(vocabulary, axis, smallest)
    assert all(point.cold > 0 and point.warm > 0 for points in curves.values() for point in points)
    assert bench_growth.table(axis, curves).count("\n") == 1 + 3 * len(curves)
    pytest.importorskip("matplotlib")
    bench_growth.plot(axis, curves, tmp_path / "growth.svg")
    assert "<svg" in (tmp_path / "growth.svg").read_text(encoding="utf-8")


def test_batch(vocabulary: Vocabulary) -> None:
    times = bench_batch.measure(vocabulary, 10)
    assert len(times.masks) == len(times.advances) == bench_batch.STEPS


@pytest.mark.parametrize("name", bench_ideas.STATES)
def test_all_ideas_find_the_same_tokens(vocabulary: Vocabulary, name: str) -> None:
    times = bench_ideas.measure(vocabulary, bench_ideas.STATES[name])
    assert {"naive", "trie", "levels", "seen"} <= times.keys() <= set(bench_ideas.IDEAS)


def test_relark_judges_the_peers_cases(tokenizer: Any) -> None:
    engine = bench_peers.Relark(tokenizer)
    outcomes = [bench_peers.run_case(engine, tokenizer, case) for case in bench_peers.own_cases()]
    assert not [o for o in outcomes if o.failed or o.wrong]
    assert all(o.cold and o.warm and o.first > o.compile for o in outcomes)
    refused = [bench_peers.Outcome("no") for _ in outcomes]
    text = bench_peers.table({"relark": outcomes, "another": refused})
    assert f"| {len(outcomes)} of {len(outcomes)} | 0 of {len(outcomes)} |" in text
    assert "0 cases that all compile" in text


def test_numbers_are_short() -> None:
    assert [measuring.short(v) for v in (12345.6, 12.345, 0.012345, math.nan)] == ["12,346", "12.3", "0.0123", "-"]
    assert measuring.quantile([3.0, 1.0, 2.0], 0.5) == 2.0
