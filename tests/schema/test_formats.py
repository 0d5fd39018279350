"""Formats, against the cases of the JSON Schema test suite and other people's parsers."""

from __future__ import annotations

import calendar
import datetime
import ipaddress
import itertools
import json
import random
import uuid
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relark.frontends.schema.ecma import pattern_term
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


DRAFTS = ["draft7", "draft2019-09", "draft2020-12"]
FILES = ["ecmascript-regex", *FORMATS]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n == "idn-hostname" else []) for n in FILES]
)
def test_every_case_of_the_suite(name: str) -> None:
    folder = SUITES / "json-schema-test-suite" / "tests"
    if not folder.exists():
        pytest.skip("needs the JSON Schema test suite in shared/suites")
    cases: dict[tuple[str, str, bool], str] = {}
    for path in [folder / draft / "optional" / "format" / f"{name}.json" for draft in DRAFTS]:
        for group in json.loads(path.read_text("utf-8")) if path.exists() else []:
            for test in group["tests"]:
                if isinstance(test["data"], str) and "format" in group["schema"]:
                    cases[group["schema"]["format"], test["data"], test["valid"]] = test["description"]
    assert cases
    wrong = [why for (form, text, valid), why in cases.items() if accepts(of(form), text) is not valid]
    assert wrong == []


NAMES = {
    True: "실례.테스트 l·l.b אבג.com xn--9n2bp8q.xn--9t4b11yi5a a。b क\u094d\u200dष a-b.ü",
    False: "a·l ᾳ 0a.א aא xn--X ab--ü -ü क\u200dष ex_ample ü. .ü ü-",
}


@pytest.mark.parametrize(("name", "valid"), [(name, valid) for valid in NAMES for name in NAMES[valid].split(" ")])
def test_internationalised_names(name: str, valid: bool) -> None:
    assert accepts(of("idn-hostname"), name) is valid


REGEXES = {
    True: r"a (?:b|c)* [^\w-]+? ^(a)\1$ (?<n>a)\k<n> \k<n>(?<n>) a{2,3}? \u{1F600}\x41\cJ\p{Lu} (?=a)(?!b) (?<=a)b"
    r" [] [^] é+ [a-z-] [--/] [\-] ([abc])+\s+$ a{2} (a)(b)\2 \0 [^é-]",
    False: r"(a a) [a \ \i \a * a** ^* (?=a)* {2} a{2 a{3,2} ] } [b-a] [\w-a] \1 (a)\2 \k<n> (?<n>)(?<n>)"
    r" (?P<n>a) (?i)a \x4 \u{110000} \p{Xx} \01 \- \Z (?#a) a++ (?>a)",
}


@pytest.mark.parametrize("valid", REGEXES)
def test_regular_expressions(valid: bool) -> None:
    texts = REGEXES[valid].split(" ")
    assert [t for t in texts if accepts(of("regex"), t) is not valid] == []


@given(st.text(r"ab1(?:=!<>)[]{}^$.*+|-\dnxukpL,09é", max_size=12))
def test_regular_expressions_can_be_finished_and_compiled(text: str) -> None:
    term = of("regex")
    for byte in text.encode():
        after = derive(term, byte)
        if after is EMPTY:
            if byte < 0x80 or byte >= 0xC0:
                continue
            return
        term = after
    assert not is_empty(term)
    rest = shortest(term)
    assert rest is not None


def test_what_is_a_regular_expression_compiles_as_pattern() -> None:
    rng = random.Random(4)
    for _ in range(80):
        state, text = of("regex"), bytearray()
        for _ in range(rng.randint(1, 14)):
            byte = rng.choice([b for b in rb"ab1(?:=!<>)[]{}^$.*+|-\dnxukpL,09" if derive(state, b) is not EMPTY])
            text.append(byte)
            state = derive(state, byte)
        rest = shortest(state)
        assert rest is not None
        text += rest
        assert accepts(of("regex"), text.decode())
        pattern_term(text.decode())


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
