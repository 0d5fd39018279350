"""The ready grammars: each text of their corpora is accepted or rejected as it should be by Lark, which is the judge,
and by relark, and means something to a reader of the format where there is one.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import datetime
import email.headerregistry
import ipaddress
import json
import math
import random
import re
import sqlite3
import sys
import urllib.parse
import warnings
import xml.etree.ElementTree
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import email_validator
import lark
import markdown_it
import numpy as np
import pytest
import regex
from library_corpora import CORPORA, texts

import relark
from relark import Constraint, Vocabulary, grammars
from timing import timed


@cache
def constraint(name: str) -> Constraint:
    return relark.grammar(getattr(grammars, name))


def lark_accepts(grammar: lark.Lark, text: str) -> bool:
    try:
        grammar.parse(text)
    except lark.exceptions.LarkError:
        return False
    return True


KINDS: tuple[Literal["accept"], Literal["reject"]] = ("accept", "reject")
CASES = [(name, kind) for name in grammars.names() for kind in KINDS]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_corpora_with_lark(name: str, kind: Literal["accept", "reject"]) -> None:
    corpus = texts(name, kind)
    assert len(corpus) >= 15
    assert len(set(corpus)) == len(corpus)
    grammar = getattr(grammars, name)
    assert [text for text in corpus if lark_accepts(grammar, text) != (kind == "accept")] == []


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_corpora_with_relark(name: str, kind: Literal["accept", "reject"]) -> None:
    wrong = [t for t in texts(name, kind) if bool(constraint(name).fullmatch(t)) != (kind == "accept")]
    assert wrong == []


@pytest.mark.parametrize("name", grammars.names())
def test_lark_parses_the_shortest_text(name: str) -> None:
    shortest = constraint(name).shortest()
    assert shortest is not None
    assert lark_accepts(getattr(grammars, name), shortest)


# --- what accepted texts mean -----------------------------------------------------------------------------------------


def read_arithmetic(text: str) -> None:
    names = {**vars(math), "abs": abs, "min": min, "max": max, "round": round, "__builtins__": {}}
    assert math.isfinite(eval(text.strip(), names))


def read_csv(text: str) -> None:
    rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    tree = grammars.csv.parse(text)
    assert [len(row) for row in rows] == [len(record.children) for record in tree.children]


def read_email(text: str) -> None:
    address = email.headerregistry.Address(addr_spec=text)
    assert address.domain == text.rpartition("@")[2]
    if address.username:  # not empty, as email_validator wants it
        email_validator.validate_email(
            text, check_deliverability=False, allow_quoted_local=True, allow_domain_literal=True, test_environment=True
        )


def read_iso8601(text: str) -> None:
    kind = grammars.iso8601.parse(text).data
    if sys.version_info >= (3, 11) and kind in ("calendar_date", "week_date"):
        assert datetime.date.fromisoformat(text)
    elif sys.version_info >= (3, 11) and kind == "time":
        assert datetime.time.fromisoformat(text) is not None
    elif sys.version_info >= (3, 11) and kind == "date_time" and not re.match(r"\d{4}-\d{3}T", text):
        assert datetime.datetime.fromisoformat(text)


def read_markdown_table(text: str) -> None:
    tokens = markdown_it.MarkdownIt().enable("table").parse(text)
    tree = grammars.markdown_table.parse(text)
    kinds = [token.type for token in tokens]
    assert kinds[0] == "table_open"
    assert kinds[-1] == "table_close"
    assert kinds.count("th_open") == len(list(tree.find_data("head"))) == len(list(tree.find_data("align")))
    assert kinds.count("tr_open") == 1 + len(list(tree.find_data("row")))


def read_python(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ast.parse(text).body


def read_regex(text: str) -> None:
    assert regex.compile(text)
    if sys.version_info >= (3, 11):  # possessive quantifiers and atomic groups
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert re.compile(text)


def read_sql(text: str) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(f"EXPLAIN {text}")
        except sqlite3.OperationalError as error:
            if not re.match("no such (table|column|function)", str(error)):  # SQLite could read it, but has no tables
                raise


def read_toml(text: str) -> None:
    if sys.version_info >= (3, 11):
        import tomllib

        assert isinstance(tomllib.loads(text), dict)


def read_url(text: str) -> None:
    parts = urllib.parse.urlsplit(text)
    assert parts.scheme
    assert parts.port is None or 0 <= parts.port < 2**16
    if "[" in text:
        assert ipaddress.IPv6Address(parts.hostname or "")


NOT_WELL_FORMED = {"<a></b>", '<a x="1" x="2"/>'}  # by what is not context-free


def read_xml(text: str) -> None:
    if text not in NOT_WELL_FORMED:
        assert xml.etree.ElementTree.fromstring(text).tag


READERS: dict[str, Callable[[str], Any]] = {
    "arithmetic": read_arithmetic,
    "csv": read_csv,
    "email": read_email,
    "iso8601": read_iso8601,
    "json": json.loads,
    "markdown_table": read_markdown_table,
    "python": read_python,
    "regex": read_regex,
    "sql": read_sql,
    "toml": read_toml,
    "url": read_url,
    "xml": read_xml,
}


@pytest.mark.parametrize("name", READERS)
def test_accepted_texts_mean_something(name: str) -> None:
    for text in texts(name, "accept"):
        try:
            READERS[name](text)
        except Exception as error:
            raise AssertionError(f"{text!r}: {error!r}") from error


# --- decoding ---------------------------------------------------------------------------------------------------------


@cache
def vocabulary() -> Vocabulary:
    """All bytes, and short pieces of all texts, so that tokens cross the borders of terminals."""
    rng = random.Random(1)
    pieces = {bytes([byte]) for byte in range(256)}
    for name, kind in CASES:
        for text in texts(name, kind):
            data = text.encode()
            for _ in range(3):
                at = rng.randrange(len(data) + 1)
                pieces.add(data[at : at + rng.randrange(2, 6)])
    table = [*sorted(pieces - {b""}), b""]
    return Vocabulary.from_bytes(table, eos_ids=[len(table) - 1])


@pytest.mark.parametrize("name", grammars.names())
def test_lark_parses_what_random_walks_write(name: str) -> None:
    rng = random.Random(name)
    start = constraint(name).matcher(vocabulary())
    (eos,) = vocabulary().eos_ids
    for more in (5, 20):
        matcher = start.fork()
        written = b""
        for left in range(matcher.min_tokens() + more, 0, -1):
            allowed = np.flatnonzero(np.unpackbits(matcher.mask(left).view(np.uint8), bitorder="little"))
            token = int(rng.choice(allowed))
            if token == eos:
                break
            matcher.advance(token)
            written += vocabulary().token_bytes[token] or b""
        assert matcher.is_accepting, written
        assert lark_accepts(getattr(grammars, name), written.decode()), written


# --- the module -------------------------------------------------------------------------------------------------------


def test_each_grammar_is_kept() -> None:
    assert grammars.json is grammars.json
    assert isinstance(grammars.json, lark.Lark)
    assert set(grammars.names()) <= set(dir(grammars))


def test_each_grammar_has_a_file_a_corpus_and_an_annotation() -> None:
    assert sorted(path.stem for path in grammars.folder().glob("*.lark")) == sorted(grammars.names())
    assert sorted(path.name for path in CORPORA.iterdir()) == sorted(grammars.names())
    assert sorted(name for name, kind in grammars.__annotations__.items() if kind == "Lark") == sorted(grammars.names())
    for name in grammars.names():
        assert grammars.path(name).read_text(encoding="utf-8").startswith("// ")


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'yaml'"):
        _ = grammars.yaml  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="there is no grammar 'yaml'; there are arithmetic, "):
        grammars.path("yaml")


def test_grammars_can_be_extended() -> None:
    text = """
        start: "select" json_value
        %import json.value -> json_value
        %import json.WS
        %ignore WS
    """
    mine = relark.grammar(text, parser="lalr", import_paths=[grammars.folder()])
    assert mine.fullmatch('select {"a": [1]}')
    assert not mine.fullmatch("select {a}")


def test_reading_takes_little_time() -> None:
    with timed() as watch:
        for name in grammars.names():
            lark.Lark.open(str(grammars.path(name)), **grammars.options(name))
    assert watch.seconds < 5
