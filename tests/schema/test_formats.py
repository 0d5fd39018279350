"""Formats, against the cases of the JSON Schema test suite and other people's parsers."""

from __future__ import annotations

import calendar
import datetime
import ipaddress
import itertools
import json
import uuid
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relark.frontends.schema.formats import FORMATS, format_term
from relark.frontends.schema.strings import json_text
from relark.language import EMPTY, Completions, Term, derive, is_empty, shortest
from relark.language.terms import FULL

SUITES = Path(__file__).resolve().parents[2].parent / "shared" / "suites"


def accepts(term: Term, text: str) -> bool:
    for byte in text.encode():
        term = derive(term, byte)
        if term is EMPTY or is_empty(term):
            return False
    return term.nullable


def of(name: str) -> Term:
    term = format_term(name)
    assert term is not None
    return term


@pytest.mark.parametrize("draft", ["draft7", "draft2019-09", "draft2020-12"])
def test_every_case_of_the_suite(draft: str) -> None:
    folder = SUITES / "json-schema-test-suite" / "tests" / draft / "optional" / "format"
    if not folder.exists():
        pytest.skip("needs the JSON Schema test suite in shared/suites")
    wrong = []
    for path in sorted(folder.glob("*.json")):
        for group in json.loads(path.read_text("utf-8")):
            term = format_term(group["schema"].get("format", ""))
            if term is None:
                continue
            for test in group["tests"]:
                if isinstance(test["data"], str) and accepts(term, test["data"]) is not test["valid"]:
                    wrong.append((path.stem, test["description"]))
    assert wrong == []


def test_unknown_names_are_no_formats() -> None:
    assert format_term("color") is None
    assert format_term("DATE") is None


@pytest.mark.parametrize("name", FORMATS)
def test_each_has_members_that_can_be_written(name: str) -> None:
    text = shortest(json_text(of(name)))
    assert text is not None
    decoded = json.loads(text)
    assert accepts(of(name), decoded)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    if name in checker.checkers and name != "regex":
        checker.check(decoded, name)


@pytest.mark.parametrize("name", ["time", "date-time", "hostname", "email"])
def test_shortest_members_over_part_of_the_bytes(name: str) -> None:
    for without in (b"zZ", b"zZ+", b"a"):
        alphabet = FULL & ~sum(1 << byte for byte in without)
        text = Completions(alphabet).shortest(of(name))
        assert text is not None
        assert not set(without) & set(text)
        assert accepts(of(name), text.decode())


# --- against Python's own parsers -------------------------------------------------------------------------------------


def test_every_day_is_a_real_one() -> None:
    term = of("date")
    for year in [1, 4, 99, 100, 400, 1582, 1900, 1999, 2000, 2023, 2024, 2100, 9996, 9999]:
        for month, day in itertools.product(range(14), range(33)):
            real = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
            assert accepts(term, f"{year:04}-{month:02}-{day:02}") is real
    assert not accepts(term, "0000-01-01")


@given(st.dates())
def test_dates_of_python(date: datetime.date) -> None:
    assert accepts(of("date"), date.isoformat())


@given(st.datetimes(timezones=st.integers(-1439, 1439).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))))
def test_times_of_python(moment: datetime.datetime) -> None:
    assert accepts(of("date-time"), moment.isoformat())
    assert accepts(of("time"), moment.isoformat().partition("T")[2])


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59))
def test_leap_seconds_are_at_the_end_of_a_day(hour: int, minute: int, sign: str, h: int, m: int) -> None:
    offset = (60 * h + m) * (1 if sign == "+" else -1)
    expected = (60 * hour + minute - offset) % 1440 == 1439
    assert accepts(of("time"), f"{hour:02}:{minute:02}:60{sign}{h:02}:{m:02}") is expected
    assert accepts(of("time"), f"{hour:02}:{minute:02}:60.5z") is ((hour, minute) == (23, 59))


def test_each_leap_second_exists() -> None:
    term = of("time")
    for minute in range(1440):
        local = f"{minute // 60:02}:{minute % 60:02}"
        east = (minute + 1) % 1440
        assert accepts(term, f"{local}:60+{east // 60:02}:{east % 60:02}")


@given(st.ip_addresses(v=4))
def test_ipv4_of_python(address: ipaddress.IPv4Address) -> None:
    assert accepts(of("ipv4"), str(address))


@given(st.ip_addresses(v=6))
def test_ipv6_of_python(address: ipaddress.IPv6Address) -> None:
    assert accepts(of("ipv6"), str(address))
    assert accepts(of("ipv6"), address.exploded)
    assert accepts(of("uri"), f"http://[{address}]:80/")


@given(st.text("0:a1.", max_size=12))
def test_ipv6_as_python_reads_it(text: str) -> None:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        assert not accepts(of("ipv6"), text)
    else:
        assert accepts(of("ipv6"), text)


@given(st.uuids())
def test_uuids_of_python(value: uuid.UUID) -> None:
    assert accepts(of("uuid"), str(value))
    assert not accepts(of("uuid"), value.hex)


@given(st.emails())
def test_emails_of_hypothesis(address: str) -> None:
    assert accepts(of("email"), address)
    assert accepts(of("idn-email"), address)


@given(st.from_regex(r"[0-9A-Za-z-]{1,4}(\.[0-9A-Za-z-]{0,4}){0,2}", fullmatch=True))
def test_hostnames_by_the_letter(name: str) -> None:
    labels = name.split(".")
    valid = all(label and not label.startswith("-") and not label.endswith("-") for label in labels)
    if not any(label.lower().startswith("xn--") for label in labels):
        assert accepts(of("hostname"), name) is valid


def test_lengths_of_names() -> None:
    label = "a" * 63
    assert accepts(of("hostname"), ".".join([label, label, label, "a" * 61]))
    assert not accepts(of("hostname"), ".".join([label, label, label, "a" * 62]))
    assert not accepts(of("hostname"), "a" * 64)
    assert accepts(of("email"), "a" * 64 + "@a")
    assert not accepts(of("email"), "a" * 65 + "@a")


@given(
    st.sampled_from(
        ["http://a/%41?x#y", "a:b", "//a", "?q", "#f", "a/b:c", "urn:x:y", "./a:b", "a%20b", "http://[::1]/"]
    )
)
def test_uris_are_references_and_iris(text: str) -> None:
    pytest.importorskip("rfc3987")
    import rfc3987

    for name in ("uri", "uri-reference", "iri", "iri-reference"):
        rule = {"uri": "URI", "uri-reference": "URI_reference", "iri": "IRI", "iri-reference": "IRI_reference"}[name]
        assert accepts(of(name), text) is (rfc3987.match(text, rule=rule) is not None)


@given(st.text("a0~1/#", max_size=6))
def test_pointers_by_the_letter(text: str) -> None:
    pointer = (text == "" or text.startswith("/")) and "~" not in text.replace("~0", "").replace("~1", "")
    assert accepts(of("json-pointer"), text) is pointer
