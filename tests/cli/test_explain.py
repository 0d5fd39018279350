"""What `relark.explain` says, and that it is true."""

from __future__ import annotations

import re

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

import relark
from relark import Vocabulary, explain

BYTES = Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b"ab", b"abc", None], eos_ids=[258])


@pytest.mark.parametrize(
    ("pattern", "shortest", "unbounded", "longest"),
    [
        ("", "", False, 0),
        ("abc", "abc", False, 3),
        ("[ab]{2,4}", "aa", False, 4),
        ("é?", "", False, 2),
        (".", "a", False, 4),
        ("a*", "", True, None),
        ("a|bc+", "a", True, None),
        ("(?:a{1,10}){2,10}", "aa", False, 100),
        (r"(?=.*b)[ab]{2,3}", "ab", False, 3),
        (r"(?!a)[ab]+", "b", True, None),
        (r"\bab\b", "ab", False, 2),
        (r"a*(?<!aaa)b?", "", False, 3),
        (r"(?>a|ab)c", "ac", False, 2),
        (r"a++b", "ab", True, None),
        (r"(?=a{1,3}$).*", "a", False, 4),  # an upper bound: a newline may stand behind $
        (r"(?!.{5}).*", "", False, 16),
        (r"(?:abc){e<=1}", "ab", None, None),
    ],
)
def test_lengths(pattern: str, shortest: str, unbounded: bool | None, longest: int | None) -> None:
    found = explain(regex=pattern)
    assert found.empty is False
    assert found.shortest is not None
    assert len(found.shortest) == len(shortest)
    assert regex.fullmatch(pattern, found.shortest)
    assert found.unbounded is unbounded
    assert found.longest_bytes == longest
    assert any("no longest length" in warning for warning in found.warnings) is (unbounded is True)


@pytest.mark.parametrize("pattern", ["(?!)", "a(?!a)a", r"a*+a", r"a\bb", "(?=a)b", "[ab](?<!a|b)"])
def test_nothing_matches(pattern: str) -> None:
    found = explain(regex=pattern, tokenizer=BYTES)
    assert found.empty is True
    assert (found.shortest, found.unbounded, found.longest_bytes, found.min_tokens) == (None, None, None, None)
    assert "nothing satisfies" in found.warnings[0]
    assert "none" in str(found)


def test_the_engine_and_why() -> None:
    found = explain(regex=r"(\w+)-\1")
    [part] = found.parts
    assert part.engine == "captures"
    [reason] = part.reasons
    assert (reason.position, reason.construct) == (6, r"backreference \1")
    lines = str(found).splitlines()
    column = next(i for i, line in enumerate(lines) if line.endswith(" ^"))
    assert lines[column - 1][lines[column].index("^") :] == r"\1"
    assert found.unbounded is None  # undecided, and said so
    assert "undecided" in str(found)


@pytest.mark.parametrize(
    ("pattern", "engine"),
    [(r"a(?=b).*", "derivative"), (r"(a|b+)\1", "captures"), (r"\((?:a|(?R))*\)", "partial-match")],
)
def test_engines(pattern: str, engine: str) -> None:
    found = explain(regex=pattern)
    assert [part.engine for part in found.parts] == [engine]
    assert f"{engine}" in str(found).splitlines()[1]
    assert bool(found.parts[0].reasons) is (engine != "derivative")
    assert any(engine in warning for warning in found.warnings) is (engine != "derivative")


def test_parts_of_a_combination() -> None:
    found = explain(constraint=relark.regex("a+") + relark.regex(r"(b)\1") + relark.choices(["x", "y"]))
    assert [part.engine for part in found.parts] == ["derivative", "captures"]
    assert found.shortest == "abbx"
    assert "derivative for 'a+'" in str(found)
    assert "captures for" in str(found)


def test_choices_and_text() -> None:
    assert explain(choices=["yes", "no"]).longest_bytes == 3
    assert explain(choices=["yes", "no"]).parts == ()
    assert explain(constraint=relark.text()).unbounded is True
    until = explain(constraint=relark.text(until="</think>") + relark.choices(["a"]))
    assert (until.unbounded, until.shortest) == (True, "</think>a")


def test_flags_and_named_lists() -> None:
    assert explain(regex="a b", flags=regex.VERBOSE).longest_bytes == 2
    assert explain(regex=r"\L<words>", words=["one", "three"]).longest_bytes == 5
    assert explain(regex=re.compile(r"\d", re.ASCII)).longest_bytes == 1


def test_tokens() -> None:
    found = explain(regex="abcabc|c{7}", tokenizer=BYTES)
    assert (found.spellable, found.min_tokens) == (True, 2)
    assert "max_new_tokens=2" in str(found)
    assert "259 ids, bytes" in str(found)


def test_what_the_tokenizer_cannot_spell() -> None:
    vocabulary = Vocabulary.from_bytes([b"a", b"b", None], eos_ids=[2])
    found = explain(regex="[ab]c", tokenizer=vocabulary)
    assert (found.empty, found.spellable, found.min_tokens) == (False, False, None)
    assert any("no tokens" in warning for warning in found.warnings)
    assert explain(regex="[ab]c?", tokenizer=vocabulary).min_tokens == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"regex": "a", "choices": ["a"]},
        {"constraint": "a"},
        {"choices": ["a"], "flags": 2},
        {"choices": ["a"], "words": ["b"]},
        {"regex": 3},
    ],
)
def test_wrong_arguments(arguments: dict[str, object]) -> None:
    with pytest.raises(relark.ArgumentError):
        explain(**arguments)  # type: ignore[arg-type]


# Any combination: what is claimed is compared with a look at all texts of up to 7 characters.

ATOMS = st.sampled_from(["a", "b", "[ab]", "(?=a)", "(?!b)", "(?<=a)", r"\b", "a*+", "(?>a|ab)", "$", "^"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=2).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["?", "{1,2}", "*"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)
TEXTS = [""]
for _ in range(7):
    TEXTS += [text + c for text in TEXTS if len(text) == len(TEXTS[-1]) for c in "ab"]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(PATTERNS)
def test_claims_hold_of_all_short_texts(pattern: str) -> None:
    found = explain(regex=pattern)
    matching = [text for text in TEXTS if regex.fullmatch(pattern, text)]
    if found.empty:
        assert not matching
        return
    assert found.shortest is not None
    assert regex.fullmatch(pattern, found.shortest)
    if found.is_shortest and matching:
        assert len(found.shortest) == len(matching[0])
    assert found.unbounded is not None
    if found.unbounded:  # then short texts cannot be all; a cycle of this size shows up by 7 characters
        assert len(matching[-1]) >= 5
    else:
        assert found.longest_bytes is not None
        assert all(len(text) <= found.longest_bytes for text in matching)
