"""The trie against a slow dict of dicts, and its shape."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relark.tokens.trie import Trie
from timing import timed

# Few different bytes, so that prefixes and duplicates are common; extremes of the byte order included. Some tokens go
# on for longer than the eight bytes that are sorted at a time.
pieces = st.lists(st.sampled_from(b"\x00ab\x7f\x80\xff"), max_size=6).map(bytes)
starts = st.sampled_from([b"", b"", b"\x00" * 7, b"\x00" * 8, b"a" * 6, b"ab" * 8, b"\xff" * 15])
tokens = st.one_of(st.none(), st.builds(bytes.__add__, starts, pieces))
vocabularies = st.lists(tokens, max_size=40)


def breadth_first(token_bytes: list[bytes | None]) -> list[bytes]:
    """The prefix of each node, by a dict of dicts walked level by level, children in byte order."""
    root: dict[int, Any] = {}
    for token in token_bytes:
        node = root
        for byte in token or b"":
            node = node.setdefault(byte, {})
    prefixes, level = [b""], [(b"", root)]
    while level:
        level = [(prefix + bytes([b]), node[b]) for prefix, node in level for b in sorted(node)]
        prefixes += [prefix for prefix, _ in level]
    return prefixes


def prefix_of(trie: Trie, node: int) -> bytes:
    path = []
    while node:
        path.append(int(trie.byte[node]))
        node = int(trie.parent[node])
    return bytes(reversed(path))


@given(vocabularies)
def test_agrees_with_a_dict_of_dicts(token_bytes: list[bytes | None]) -> None:
    trie = Trie.build(token_bytes)
    prefixes = breadth_first(token_bytes)
    assert [prefix_of(trie, node) for node in range(len(trie))] == prefixes
    for token, node in zip(token_bytes, trie.node_of_token.tolist(), strict=True):
        assert node == (prefixes.index(token) if token else -1)
    for node in range(len(trie)):
        first, count = int(trie.first_child[node]), int(trie.n_children[node])
        children = [n for n in range(len(trie)) if trie.parent[n] == node]
        assert children == list(range(first, first + count))
        assert 1 <= first <= len(trie)
    assert len(trie.token_start) == len(trie) + 1
    for node, prefix in enumerate(prefixes):
        here = trie.tokens[trie.token_start[node] : trie.token_start[node + 1]].tolist()
        assert here == [i for i, token in enumerate(token_bytes) if token and token == prefix]
    assert len(trie.tokens) == sum(bool(token) for token in token_bytes)
    depth = max((len(t) for t in token_bytes if t), default=0)
    assert trie.max_token_length == depth
    assert len(trie.level_start) == depth + 2
    assert trie.level_start[-1] == len(trie)
    for level in range(depth + 1):
        nodes = range(trie.level_start[level], trie.level_start[level + 1])
        assert [len(prefixes[n]) for n in nodes] == [level] * len(nodes)


def test_types_and_protection() -> None:
    trie = Trie.build([b"ab", None, b"", b"b"])
    assert trie.byte.dtype == np.uint8
    for name in (
        "parent",
        "first_child",
        "n_children",
        "level_start",
        "node_of_token",
        "token_start",
        "tokens",
    ):
        assert getattr(trie, name).dtype == np.int32
        with pytest.raises(ValueError, match="read-only"):
            getattr(trie, name)[0] = 7
    assert trie.node_of_token.tolist() == [3, -1, -1, 2]
    assert trie.token_start.tolist() == [0, 0, 0, 1, 2]
    assert trie.tokens.tolist() == [3, 0]


def test_an_empty_vocabulary_is_a_root() -> None:
    trie = Trie.build([])
    assert len(trie) == 1
    assert trie.level_start.tolist() == [0, 1]
    assert len(Trie.build([None, b""])) == 1


def test_one_very_long_token() -> None:
    trie = Trie.build([b"x" * 20_000, b"y", b"x" * 3])
    assert trie.max_token_length == 20_000
    assert len(trie) == 20_002
    assert trie.node_of_token.tolist() == [20_001, 2, 4]


def test_is_built_in_well_under_two_seconds_for_128_000_tokens() -> None:
    rng = random.Random(5)
    syllables = [bytes(rng.choices(b"aeiourstlnm \xc3\xa9", k=rng.randint(1, 4))) for _ in range(400)]
    token_bytes = list({b"".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(160_000)})[:128_000]
    with timed() as watch:
        trie = Trie.build(token_bytes)
    assert watch.seconds < 2.0
    assert len(trie) > 100_000


@given(vocabularies)
def test_nodes_by_byte(token_bytes: list[bytes | None]) -> None:
    trie = Trie.build(token_bytes)
    nodes, starts = trie.by_byte
    for byte in range(256):
        here = [node for node in range(1, len(trie)) if trie.byte[node] == byte]
        assert nodes[starts[byte] : starts[byte + 1]].tolist() == here


@given(vocabularies)
def test_depth_first(token_bytes: list[bytes | None]) -> None:
    trie = Trie.build(token_bytes)
    prefixes = breadth_first(token_bytes)
    nodes, place, end = trie.preorder
    assert [prefixes[node] for node in nodes] == sorted(prefixes)
    for node, prefix in enumerate(prefixes):
        below = {prefixes[other] for other in nodes[place[node] : end[node]]}
        assert below == {other for other in prefixes if other.startswith(prefix)}


@given(vocabularies, st.lists(st.sets(st.sampled_from(b"\x00ab\x7f\x80\xff")), min_size=1, max_size=12))
def test_runs(token_bytes: list[bytes | None], classes: list[set[int]]) -> None:
    trie = Trie.build(token_bytes)
    order = [prefix_of(trie, node) for node in trie.preorder[0].tolist()]
    for bytes_ in classes:
        inside, highest = trie.runs(bytes(byte in bytes_ for byte in range(256)))
        assert inside.tolist()[1:] == [prefix[-1] in bytes_ for prefix in order[1:]]
        for prefix, depth in zip(order[1:], highest.tolist()[1:], strict=True):
            assert depth == len(prefix[:-1].rstrip(bytes(bytes_)))
