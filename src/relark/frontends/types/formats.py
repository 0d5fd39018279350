r"""Formats of strings as Python's types read them: what pydantic makes a `datetime`, an `IPv6Network`, a URL of.

`python_format_term` gives the decoded texts of a format whose name begins with ``relark:``; `generator` writes those
names into schemas.  They are narrower than the formats of JSON Schema, because every text must become a value:
calendar days that exist, years 0001 to 9999, no leap second, offsets under 24 hours, networks without host bits.
They hold what `pydantic` writes when it serialises such a value, and more where it is harmless.

What is left out though pydantic reads it: dates as numbers or without separators, UUIDs without hyphens, netmasks,
IPv6 zones, URLs whose host needs IDNA or whose path needs percent-encoding, e-mail addresses with quoted or non-ASCII
parts, regular expressions beyond a plain core.

Names take parameters after a further colon:

    relark:date  relark:date:2020-01-01..2029-12-31 (either side may be empty)
    relark:date-time  relark:date-time:aware  relark:date-time:naive:2020-01-01T00:00:00..<2021-01-01T00:00:00
    relark:time  relark:time:aware  relark:time::09:00:00..17:00:00
    relark:duration  relark:uuid  relark:uuid4  relark:complex  relark:fraction  relark:byte-size  relark:time-zone
    relark:ipv4 -address, -interface, -network; relark:ipv6 ...; relark:ip ... (either)
    relark:url  relark:url:http,https  relark:multi-host-url:postgres (the schemes)  relark:email  relark:name-email
    relark:utf8:2..5  relark:base64  relark:base64-text  relark:base64url:2..5  relark:hex:2..5 (number of bytes)
    relark:stripped  relark:lower  relark:upper  relark:ascii  relark:assigned  relark:regex
    relark:search:FLAGS:PATTERN (Python's `re.search`; FLAGS as in ``(?flags)``)  relark:rust-search:PATTERN

Terms are made when first asked for and kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from zoneinfo import available_timezones

from relark.errors import ArgumentError, UnsupportedError
from relark.frontends.regex import compile_regex
from relark.language import Term
from relark.language.literals import one_of
from relark.language.terms import (
    EMPTY,
    EPSILON,
    FULL,
    byte_set,
    complement,
    concat,
    intersection,
    literal,
    repeat,
    union,
)
from relark.language.utf8 import TEXT, code_points

__all__ = ["PREFIX", "python_format_term"]

PREFIX = "relark:"


def python_format_term(name: str) -> Term:
    """The decoded texts of the format ``name``.

    Raises `ArgumentError` for a name that is not one of those above.

    >>> from relark.constraint import Constraint
    >>> leap_day = Constraint(python_format_term("relark:date"), "date")
    >>> leap_day.fullmatch("2024-02-29"), leap_day.fullmatch("2023-02-29")
    (True, False)
    """
    kind, _, parameter = name.removeprefix(PREFIX).partition(":")
    if not name.startswith(PREFIX) or kind not in _MAKERS:
        known = ", ".join(PREFIX + k for k in sorted(_MAKERS))
        raise ArgumentError(f"{name!r} is none of relark's own formats: {known}")
    return _term(kind, parameter)


@lru_cache(maxsize=256)
def _term(kind: str, parameter: str) -> Term:
    return _MAKERS[kind](parameter)


def _pattern(pattern: str) -> Term:
    return compile_regex(pattern).term


def _fixed(pattern: str) -> Callable[[str], Term]:
    return lambda parameter: _pattern(pattern)


# --- dates and times --------------------------------------------------------------------------------------------------

_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_ZONES = {"": _OFFSET + "?", "aware": _OFFSET, "naive": ""}


_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_FRACTION = r"(?:\.[0-9]{1,6})?"
_NO_FRACTION = r"(?:\.0{1,6})?"


def _date(bounds: str) -> Term:
    least, _, most = bounds.partition("..")
    term = _pattern(_DATE)
    if least:
        term = intersection(term, _pattern(_beyond(least, up=True, itself="")))
    if most:
        term = intersection(term, _pattern(_beyond(most, up=False, itself="")))
    return term


def _moment(shape: str) -> Callable[[str], Term]:
    """Times, or dates with times: their digits stand at fixed places, so that text order is order in time.

    That is so under any offset: pydantic compares with a bound without offset as if the value had none either.
    """

    def term(parameter: str) -> Term:
        zone, _, bounds = parameter.partition(":")
        least, _, most = bounds.partition("..")
        found = _pattern(shape + _FRACTION)
        if least:
            found = intersection(found, _pattern(_beyond(least, up=True, itself=_FRACTION)))
        if most:
            itself = None if most.startswith("<") else _NO_FRACTION
            found = intersection(found, _pattern(_beyond(most.removeprefix("<"), up=False, itself=itself)))
        return concat(found, _pattern(_ZONES[zone]))

    return term


def _beyond(bound: str, *, up: bool, itself: str | None) -> str:
    """Texts of the same shape that come after ``bound`` (``up``) or before it, and ``bound`` itself.

    ``itself``: what may follow that; None where it is not included, "" where there are no fractions at all.
    """
    fraction = _FRACTION if itself != "" else ""
    alternatives = [] if itself is None else [re.escape(bound) + itself]
    for i, c in enumerate(bound):
        if c.isdigit() and c != ("9" if up else "0"):
            digit = f"[{int(c) + 1}-9]" if up else f"[0-{int(c) - 1}]"
            rest = "".join("[0-9]" if d.isdigit() else re.escape(d) for d in bound[i + 1 :])
            alternatives.append(re.escape(bound[:i]) + digit + rest + fraction)
    return "|".join(alternatives) or "(?!)"


def _duration(parameter: str) -> Term:
    """ISO 8601 as `timedelta` can hold it; a year is 365 days, and ``timedelta.max`` 2739726 years and 9 days."""
    seconds = r"[0-9]{1,4}(?:\.[0-9]{1,6})?S"
    clock = f"T(?:[0-9]{{1,4}}H(?:[0-9]{{1,4}}M)?(?:{seconds})?|[0-9]{{1,4}}M(?:{seconds})?|{seconds})"
    few = f"(?:[0-9]{{1,8}}D(?:{clock})?|{clock}|[0-9]{{1,7}}W)"
    sixty = "[1-5]?[0-9]"
    second = rf"{sixty}(?:\.[0-9]{{1,6}})?S"
    hours = "(?:1?[0-9]|2[0-3])H"
    exact = f"T(?:{hours}(?:{sixty}M)?(?:{second})?|{sixty}M(?:{second})?|{second})"
    years = "(?:[1-9][0-9]{0,5}|1[0-9]{6}|2[0-6][0-9]{5}|27[0-2][0-9]{4}|273[0-8][0-9]{3}|2739[0-6][0-9]{2}"
    years += "|27397[01][0-9]|273972[0-5])"
    days = "(?:[12]?[0-9]{1,2}|3[0-5][0-9]|36[0-4])"
    many = f"{years}Y(?:{days}D)?(?:{exact})?"
    most = f"(?:2739726Y(?:[0-8]D)?(?:{exact})?|2739726Y9D)"
    return _pattern(f"-?P(?:{few}|{many}|{most})|P2739726Y9D{exact}")


# --- numbers and the like ---------------------------------------------------------------------------------------------

_HEX = "[0-9a-fA-F]"


def _uuid(version: str) -> Term:
    kind = f"{version}{_HEX}{{3}}-[89abAB]{_HEX}{{3}}" if version else f"{_HEX}{{4}}-{_HEX}{{4}}"
    return _pattern(f"{_HEX}{{8}}-{_HEX}{{4}}-{kind}-{_HEX}{{12}}")


_REAL = r"(?:[0-9]{1,309}(?:\.[0-9]{1,340})?(?:[eE][+-]?[0-9]{1,2})?)"
_COMPLEX = rf"[+-]?{_REAL}|(?:[+-]?{_REAL})?[+-]{_REAL}j|{_REAL}j"
_RATIO = r"-?(?:0|[1-9][0-9]{0,99})(?:/[1-9][0-9]{0,99}|\.[0-9]{1,99})?"
_BYTE_SIZE = r"[0-9]{1,15}(?:\.[0-9]{1,6})? ?(?:[kmgtpe]i?b|b|KB|MB|GB|TB|PB|EB|KiB|MiB|GiB|TiB|PiB|EiB|B)?"

# --- the network ------------------------------------------------------------------------------------------------------

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_V4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_GROUP = "[0-9a-fA-F]{1,4}"


def _v6() -> str:
    def groups(count: int) -> str:
        return f"{_GROUP}(?::{_GROUP}){{0,{count - 1}}}"

    forms = [f"(?:{_GROUP}:){{7}}{_GROUP}", f"(?:{_GROUP}:){{6}}{_V4}"]
    for before in range(8):  # exactly so many groups before the "::", which stands for one group or more
        head = ":".join([_GROUP] * before) + "::"
        room = 7 - before
        tails = [groups(room)] if room else []
        if room >= 2:
            tails.append(f"(?:{_GROUP}:){{0,{room - 2}}}{_V4}")
        forms.append(head + (f"(?:{'|'.join(tails)})?" if tails else ""))
    return f"(?:{'|'.join(forms)})"


_V6 = _v6()
_V4_PREFIX = "(?:/(?:[12]?[0-9]|3[0-2]))"
_V6_PREFIX = "(?:/(?:[1-9]?[0-9]|1[01][0-9]|12[0-8]))"


# A network is an address whose bits after the prefix are zero.  What decides is the last part (octet or group) that is
# not zero, and how many zero bits it ends with.  So each alternative commits to "this is the last", and those that read
# on do not: few alternatives live at a time, where one for each prefix would be 129.


def _from_prefix(least: int, most: int) -> Term:
    return concat(literal(b"/"), one_of(str(bits).encode() for bits in range(least, most + 1)))


def _v4_network() -> Term:
    octet, dot = _pattern(_OCTET), literal(b".")
    ending = [one_of(str(n).encode() for n in range(1 << zeros, 256, 2 << zeros)) for zeros in range(8)]
    read: Term = EMPTY
    for i in (4, 3, 2, 1):  # the octet that is read
        last = (
            concat(each, literal(b".0" * (4 - i)), _from_prefix(8 * i - zeros, 32)) for zeros, each in enumerate(ending)
        )
        read = union(*last, concat(octet, dot, read))
    return union(read, concat(literal(b"0.0.0.0"), _from_prefix(0, 32)), _pattern(_V4))


def _v6_network() -> Term:
    group, zero, colon, gap = _pattern(_GROUP), _pattern("0{1,4}"), literal(b":"), literal(b"::")
    ending = [
        _pattern(f"{_HEX}{{0,{3 - zeros // 4}}}[{_ENDING_DIGITS[zeros % 4]}]{'0' * (zeros // 4)}")
        for zeros in range(16)
    ]

    def last(i: int, then: Callable[[int], Term]) -> Iterator[Term]:
        """Group ``i`` of eight ends with so many zero bits; ``then`` follows for the prefixes that this allows."""
        for zeros, each in enumerate(ending):
            yield concat(each, then(16 * i - zeros))

    def zeros_to_the_end(room: int, least: int) -> Term:
        """Up to ``room`` groups of zeros after "::"."""
        some = concat(zero, repeat(concat(colon, zero), 0, room - 1)) if room else EMPTY
        return concat(union(EPSILON, some), _from_prefix(least, 128))

    def gap_after(i: int, least: int) -> Term:
        """After group ``i``: zeros, "::", zeros."""
        follows: Term = EMPTY
        for before in range(7 - i, -1, -1):
            follows = union(concat(gap, zeros_to_the_end(7 - i - before, least)), concat(colon, zero, follows))
        return follows

    tails: list[Term] = [EMPTY]  # after "::", up to so many groups, not all of them zeros
    for room in range(1, 8):
        commits = (
            concat(each, *[colon, zero] * after, _from_prefix(128 - 16 * after - zeros, 128))
            for after in range(room)
            for zeros, each in enumerate(ending)
        )
        tails.append(union(*commits, concat(group, colon, tails[-1])))
    read: Term = EMPTY
    for i in range(8, 0, -1):  # the group that is read
        whole = last(i, lambda least, i=i: concat(*[colon, zero] * (8 - i), _from_prefix(least, 128)))  # type: ignore[misc]
        gapped = last(i, lambda least, i=i: gap_after(i, least)) if i < 8 else ()  # type: ignore[misc]
        before = concat(group, gap, tails[7 - i]) if i < 8 else EMPTY
        read = union(*whole, *gapped, before, concat(group, colon, read))
    nothing = union(concat(gap, zeros_to_the_end(7, 0)), concat(zero, gap_after(1, 0)))
    zeros = concat(zero, repeat(concat(colon, zero), 7, 7), _from_prefix(0, 128))
    return union(read, concat(gap, tails[7]), nothing, zeros, _pattern(_V6))


_ENDING_DIGITS = ("13579bBdDfF", "26aAeE", "4cC", "8")  # with 0, 1, 2, 3 zero bits at the end


def _either(first: str, second: str) -> str:
    return f"(?:{first}|{second})"


# No label begins with "xn--", whose rest would have to be Punycode; the last one not with a digit, which would make the
# host an IPv4 address.  Lengths are free, as in https://url.spec.whatwg.org/, and so states are few.
_LABEL_BYTE = "[A-Za-z0-9_-]"
_LABEL_X = f"[Xx](?:[A-MO-Za-mo-z0-9_-]{_LABEL_BYTE}*|[Nn](?:[A-Za-z0-9_]{_LABEL_BYTE}*)?)?"
_LABEL = f"(?:[A-WYZa-wyz0-9_]{_LABEL_BYTE}*|{_LABEL_X})"
_LAST_LABEL = f"(?:[A-WYZa-wyz]{_LABEL_BYTE}*|{_LABEL_X})"
_HOST = rf"(?:(?:{_LABEL}\.)*{_LAST_LABEL}|{_V4}|\[{_V6}\])"
_PORT = "(?::(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))"
_ESCAPED = "%[0-9A-Fa-f]{2}"
_USER_BYTE = f"(?:[A-Za-z0-9._~-]|{_ESCAPED})"
_USER = f"(?:{_USER_BYTE}+(?::{_USER_BYTE}*)?@)"
_PATH_BYTE = f"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|{_ESCAPED})"
_REST = rf"(?:/{_PATH_BYTE}*)*(?:\?(?:{_PATH_BYTE}|[/?])*)?(?:\#(?:{_PATH_BYTE}|[/?])*)?"


def _url(schemes: str) -> Term:
    named = [s for s in schemes.split(",") if s]
    with_host = [s for s in named if s != "file"]
    forms = []
    if not named:
        forms.append(f"[a-z][a-z0-9+.-]*://{_USER}?{_HOST}{_PORT}?{_REST}")
        forms.append(f"(?:mailto|tel|urn|news):{_PATH_BYTE}+")
        forms.append(f"file:///{_PATH_BYTE}*{_REST}")
    if with_host:
        forms.append(f"(?:{'|'.join(map(re.escape, with_host))})://{_USER}?{_HOST}{_PORT}?{_REST}")
    if "file" in named:
        forms.append(f"file://(?:{_HOST})?/{_PATH_BYTE}*{_REST}")
    return _pattern("|".join(forms))


def _multi_host_url(schemes: str) -> Term:
    named = [s for s in schemes.split(",") if s]
    scheme = f"(?:{'|'.join(map(re.escape, named))})" if named else "[a-z][a-z0-9+.-]*"
    host = f"{_USER}?{_HOST}{_PORT}?"
    return _pattern(f"{scheme}://{host}(?:,{host})*{_REST}")


# As the package email-validator judges, which pydantic asks: a host with a dot, no reserved last label.  Parts with
# separators are short enough if they have up to 32 other characters.
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LOCAL = rf"(?:{_ATOM}(?:\.?{_ATOM}){{0,31}}|{_ATOM}{{33,64}})"
_MAIL_LABELS = r"(?:(?:[A-Za-z0-9](?:-?[A-Za-z0-9]){0,31}|[A-Za-z0-9]{33,63})\.){1,3}"
_RESERVED = "(?i:arpa|invalid|local(?:host)?|onion|test)"


def _email() -> Term:
    last = intersection(_pattern("[A-Za-z]{2,24}"), complement(_pattern(_RESERVED)))
    return concat(_pattern(f"{_LOCAL}@{_MAIL_LABELS}"), last)


def _name_email() -> Term:
    named = concat(_pattern("[A-Za-z0-9]+(?: [A-Za-z0-9]+){0,5} <"), _email(), literal(b">"))
    return union(named, _email())


# --- bytes in strings -------------------------------------------------------------------------------------------------


def _range(parameter: str) -> tuple[int, int | None]:
    least, _, most = parameter.partition("..")
    return int(least or 0), int(most) if most else None


def _utf8(parameter: str) -> Term:
    """Texts whose UTF-8 has so many bytes; with a limit over 64 only those in ASCII, or short enough anyway."""
    least, most = _range(parameter)
    if most is None:
        return intersection(TEXT, repeat(byte_set(FULL), least, None))
    character = code_points([(0, 0x10FFFF)])
    if most > 64:
        ascii_ = repeat(code_points([(0, 0x7F)]), least, most)
        return union(ascii_, repeat(character, least, most // 4)) if most // 4 >= least else ascii_
    sizes = [code_points([r]) for r in ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xFFFF), (0x10000, 0x10FFFF))]
    exactly: list[Term] = [EPSILON]  # of so many bytes
    for length in range(1, most + 1):
        exactly.append(union(*(concat(sizes[n - 1], exactly[length - n]) for n in range(1, min(4, length) + 1))))
    return union(*exactly[least:])


def _hex_bytes(parameter: str) -> Term:
    return repeat(_pattern("[0-9a-fA-F]{2}"), *_range(parameter))


def _base64(alphabet: str) -> Callable[[str], Term]:
    def term(parameter: str) -> Term:
        least, most = _range(parameter)
        quad = _pattern(f"[{alphabet}]{{4}}")
        tails = ["", f"[{alphabet}][AQgw]==", f"[{alphabet}]{{2}}[AEIMQUYcgkosw048]="]  # with 0, 1, 2 bytes
        forms = []
        for count, tail in enumerate(tails):
            low, high = max(0, -(-(least - count) // 3)), None if most is None else (most - count) // 3
            if high is None or high >= low:
                forms.append(concat(repeat(quad, low, high), _pattern(tail)))
        return union(*forms)

    return term


def _base64_text() -> str:
    """Base64 of ASCII texts: the highest bit of each byte is 0."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    first, second, third = ("".join(d for i, d in enumerate(digits) if not i & bit) for bit in (32, 8, 2))
    quad = f"[{first}][{second}][{third}][{digits}]"
    return f"(?:{quad})*(?:[{first}][AQgw]==|[{first}][{second}][AEIMQUYcgkosw048]=)?"


# --- other strings ----------------------------------------------------------------------------------------------------


def _assigned(parameter: str) -> Term:
    """Characters that Python's `unicodedata` knows: on others, engines with another Unicode differ about ``\\w``."""
    ranges: list[tuple[int, int]] = []
    start = None
    for point in (*range(0x40000), *range(0xE0000, 0xE1000), 0xE1000):  # the planes between are empty
        known = unicodedata.category(chr(point)) not in ("Cn", "Cs") and point != 0xE1000
        if known and start is None:
            start = point
        elif not known and start is not None:
            ranges.append((start, point - 1))
            start = None
    return repeat(code_points([*ranges, (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)]), 0, None)


_STRIPPED = r"(?:[^\p{White_Space}](?:.*[^\p{White_Space}])?)?"


def _python_regex() -> str:
    """A core of the notation of `re`: no look-around, no back-references, groups nested two deep."""
    escape = r"\\[dDsSwW.\\()\[\]{}*+?|^$/-]"
    in_class = r"(?:[^\\\[\]^&~|\-]|\\[dDsSwW\]\\\^\-]|a-z|A-Z|0-9)"
    class_ = rf"\[\^?{in_class}+\]"
    simple = rf"(?:[^\\()\[\]{{}}*+?|^$]|{escape}|{class_})"
    count = r"(?:(?:[*+?]|\{[0-9]{1,3}(?:,)?\})\??)?"
    anchor = r"(?:[\^$]|\\[bB])"
    sequence = f"(?:{simple}{count}|{anchor})*"
    for _ in range(2):
        body = rf"{sequence}(?:\|{sequence})*"
        sequence = rf"(?:{simple}{count}|\((?:\?:)?{body}\){count}|{anchor})*"
    return rf"{sequence}(?:\|{sequence})*"


def _search(parameter: str) -> Term:
    flags, _, pattern = parameter.partition(":")
    number = 0
    for flag in flags:
        number |= getattr(re, flag.upper())
    return compile_regex(re.compile(rf"[\s\S]*(?:{pattern})[\s\S]*", number)).term


def _rust_search(pattern: str) -> Term:
    """Rust's notation is close to that of `regex`: ``$`` is the very end, ``\\pL`` is ``\\p{L}``, classes nest."""
    written, at, nested = [], 0, False
    for found in re.finditer(r"\\p([A-Z])|\\P([A-Z])|\\z|\\[xu]\{([0-9A-Fa-f]+)\}|\\.|\$|\[\[|&&|--|~~", pattern, re.S):
        text = found[0]
        nested = nested or text in ("[[", "&&", "--", "~~")
        written.append(pattern[at : found.start()])
        if found[1] or found[2]:
            text = f"\\{text[1]}{{{text[2]}}}"
        elif text in ("\\z", "$"):
            text = r"\Z"
        elif found[3]:
            text = f"\\U{int(found[3], 16):08x}"
        written.append(text)
        at = found.end()
    written.append(pattern[at:])
    if nested or "[:" in pattern:
        raise UnsupportedError(f"the pattern {pattern!r} has a class within a class")
    flags = re.match(r"\(\?[ims]+\)", "".join(written))
    body = "".join(written)[flags.end() if flags else 0 :]
    return compile_regex(f"(?s:.*)({flags[0][1:-1] if flags else '?'}:{body})(?s:.*)").term


_MAKERS: dict[str, Callable[[str], Term]] = {
    "ascii": _fixed(r"[\x00-\x7f]*"),
    "assigned": _assigned,
    "base64": _base64("A-Za-z0-9+/"),
    "base64-text": _fixed(_base64_text()),
    "base64url": _base64("A-Za-z0-9_-"),
    "byte-size": _fixed(_BYTE_SIZE),
    "complex": _fixed(_COMPLEX),
    "date": _date,
    "date-time": _moment(f"{_DATE}T{_CLOCK}"),
    "duration": _duration,
    "email": lambda parameter: _email(),
    "fraction": _fixed(_RATIO),
    "hex": _hex_bytes,
    "ip-address": _fixed(_either(_V4, _V6)),
    "ip-interface": _fixed(_either(f"{_V4}{_V4_PREFIX}?", f"{_V6}{_V6_PREFIX}?")),
    "ip-network": lambda parameter: union(_v4_network(), _v6_network()),
    "ipv4-address": _fixed(_V4),
    "ipv4-interface": _fixed(f"{_V4}{_V4_PREFIX}?"),
    "ipv4-network": lambda parameter: _v4_network(),
    "ipv6-address": _fixed(_V6),
    "ipv6-interface": _fixed(f"{_V6}{_V6_PREFIX}?"),
    "ipv6-network": lambda parameter: _v6_network(),
    "lower": _fixed(r"\P{Changes_When_Lowercased}*"),
    "multi-host-url": _multi_host_url,
    "name-email": lambda parameter: _name_email(),
    "regex": lambda parameter: _pattern(_python_regex()),
    "rust-search": _rust_search,
    "search": _search,
    "stripped": _fixed(f"(?s:{_STRIPPED})"),
    "time": _moment(_CLOCK),
    "time-zone": lambda parameter: one_of(name.encode() for name in available_timezones()),
    "upper": _fixed(r"\P{Changes_When_Uppercased}*"),
    "url": _url,
    "utf8": _utf8,
    "uuid": _uuid,
    **{f"uuid{n}": (lambda parameter, n=n: _uuid(str(n))) for n in range(1, 9)},  # type: ignore[misc]
}
