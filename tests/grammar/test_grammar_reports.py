"""What `relark.explain` claims of grammars, against what Lark does with short texts."""

from __future__ import annotations

import pytest
from families import PAIRS, Pair
from lark import Token, Tree
from lark.exceptions import LarkError
from oracle import short_texts

import relark

TEXTS = 1_500  # for each grammar


def trees(pair: Pair) -> list[tuple[str, Tree[Token]]]:
    found = []
    for text in [*short_texts(pair.sample.alphabet, TEXTS), *pair.sample.texts]:
        if pair.accepts(text):
            try:
                found.append((text, pair.lark.parse(text, pair.start)))
            except (LarkError, RuntimeError):  # what `accepts` counts as accepted, and has no tree
                continue
    return found


def check_claims(pair: Pair) -> None:
    found = relark.explain(grammar=pair.lark, start=pair.start)
    parsed = trees(pair)
    if found.empty:
        assert not parsed
    if found.shortest is not None:
        assert pair.accepts(found.shortest)
        if found.is_shortest:
            assert all(len(text.encode()) >= len(found.shortest.encode()) for text, _ in parsed)
    if found.unbounded is False:
        assert found.longest_bytes is not None
        assert all(len(text.encode()) <= found.longest_bytes for text, _ in parsed)
    never = {finding.pointer for finding in found.findings if finding.kind == "never matches"}
    rules = {finding.pointer for finding in found.findings if finding.kind in ("unreachable", "no value")}
    for text, tree in parsed:
        assert not never & {str(one.type) for one in tree.scan_values(lambda value: isinstance(value, Token))}, text
        assert not rules & {str(one.data) for one in tree.iter_subtrees()}, text
    assert str(found).startswith("grammar(")


@pytest.mark.parametrize("pair", PAIRS[::25], ids=str)
def test_claims_hold(pair: Pair) -> None:
    check_claims(pair)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_all_claims_hold(pair: Pair) -> None:
    check_claims(pair)
