"""JSON without certain words: the same values, none of the words, one spelling for each text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_reading import Writer
from hypothesis import given
from hypothesis import strategies as st

import relark
from relark.integrations.langchain.escaping import respelled, without_words
from relark.language import Completions, is_empty, lower_bound

WORDS = ["```", "Final Answer:", "abab"]
SCHEMAS: list[Any] = [
    {"type": "string"},
    {"type": "string", "maxLength": 6},
    {"enum": ["a```b", "abab", "ababab", "``", 'x"Final Answer:"', "Final Answer", 3, None]},
    {
        "type": "object",
        "properties": {"```": {"type": "string"}, "n": {"type": "integer"}, "ab": {"type": "array"}},
        "required": ["```"],
        "additionalProperties": {"type": "string"},
    },
    {"type": "object", "properties": {"s": {"type": "string", "pattern": "^[`ab]+$"}}, "required": ["s"]},
    {"type": "array", "items": {"type": "string", "enum": ["```", "abab"]}, "minItems": 1},
]
WRITER = Writer(3, more=["ab", "aba", "bab", "````", "u0060", "\\u0060", '"```"', "nswer:"])

texts = st.lists(st.sampled_from(["`", "``", "ab", "a", "Final Answer", ":", '"', "\\", "\n", "é", "x", "u0060"])).map(
    "".join
)


def spelled_out(text: str, words: list[str] = WORDS) -> str:
    """The definition: from the left, what would end a word is written as an escape."""
    done = ""
    for c in text:
        done += c
        if any(done.endswith(word) for word in words):
            done = done[:-1] + f"\\u{ord(c):04x}"
    return done


@given(texts)
def test_a_string_has_its_one_spelling(value: str) -> None:
    constraint = without_words(relark.schema({"type": "string"}), WORDS)
    text = json.dumps(value, ensure_ascii=False)
    spelling = spelled_out(text)
    assert respelled(text, WORDS) == spelling
    assert json.loads(spelling) == value
    assert constraint.fullmatch(spelling)
    assert constraint.fullmatch(text) == (text == spelling)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_random_texts_are_spellings_of_texts_of_the_schema(schema: Any) -> None:
    plain = relark.schema(schema)
    constraint = without_words(plain, WORDS)
    for text in WRITER.texts(constraint, 40):
        assert not any(word in text for word in WORDS), text
        value = json.loads(text)
        # undone, it is a text of the schema, of which this is the spelling
        undone = text.replace("\\u0060", "`").replace("\\u003a", ":").replace("aba\\u0062", "abab")
        assert plain.fullmatch(undone)
        assert json.loads(undone) == value
        assert spelled_out(undone) == text


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_texts_of_the_schema_have_spellings(schema: Any) -> None:
    plain = relark.schema(schema)
    constraint = without_words(plain, WORDS)
    for text in WRITER.texts(plain, 40):
        assert constraint.fullmatch(spelled_out(text)), text
        assert constraint.fullmatch(text) == (not any(word in text for word in WORDS))


def test_shortest_members_and_bounds() -> None:
    constraint = without_words(relark.schema({"enum": ["```", "a```````"]}), ["```"])
    assert constraint.shortest() == '"``\\u0060"'
    assert not constraint.is_empty
    term = constraint.term
    assert lower_bound(term) <= len('"``\\u0060"')
    low, high = Completions((1 << 256) - 1).bounds(term)
    assert len('"``\\u0060"') <= low <= high
    # without a backslash, it cannot be written
    assert Completions((1 << 256) - 1 & ~(1 << ord("\\"))).shortest(term) is None
    assert is_empty(without_words(relark.schema({"type": "string"}) & relark.schema(int), ["```"]).term)


def test_without_words_to_avoid_nothing_changes() -> None:
    plain = relark.schema({"type": "string"})
    assert without_words(plain, []) is plain


def test_fingerprints_tell_words_apart() -> None:
    plain = relark.schema({"type": "string"})
    found = {plain.fingerprint, without_words(plain, ["```"]).fingerprint, without_words(plain, ["x"]).fingerprint}
    assert len(found) == 3
    assert without_words(plain, ["```"]).fingerprint in found


@pytest.mark.parametrize("limit", [3, 5, 8, 12, 20])
def test_texts_finish_in_their_budget(limit: int) -> None:
    constraint = without_words(relark.schema({"type": "object", "required": ["a"]}), ["```"])
    matcher = constraint.matcher(WRITER.vocabulary)
    needed = matcher.min_tokens()
    limit += needed
    written = b""
    for left in range(limit, 0, -1):
        mask = matcher.mask(left)
        allowed = [i for i in range(len(WRITER.tokens) - 1) if int(mask[i // 32]) >> i % 32 & 1]
        if not allowed:
            break
        ticks = [i for i in allowed if b"`" in WRITER.tokens[i]]  # type: ignore[operator]
        token = (ticks or allowed)[0]
        matcher.advance(token)
        written += WRITER.tokens[token]  # type: ignore[operator]
    assert matcher.is_accepting
    assert "a" in json.loads(written)
