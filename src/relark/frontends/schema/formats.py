r"""The keyword ``format``: the texts of each format of JSON Schema as a term over decoded text.

`format_term` knows every format of drafts 7, 2019-09 and 2020-12; an unknown name is None, and the caller decides what
that means.  Each format is what its standard says:

- ``date``, ``time``, ``date-time``: RFC 3339, real calendar days of the years 0001 to 9999, second 60 only at 23:59
  UTC; ``duration``: RFC 3339, appendix A
- ``email``, ``idn-email``: the Mailbox of RFC 5321 (dot-string or quoted string; domain or address literal), and of
  RFC 6531
- ``hostname``: RFC 1123, labels of at most 63 and names of at most 253 characters; ``idn-hostname``: RFC 5890 to 5893
- ``ipv4``, ``ipv6``: RFC 2673 and RFC 4291, no zone; ``uuid``: RFC 4122
- ``uri``, ``uri-reference``: RFC 3986; ``iri``, ``iri-reference``: RFC 3987; ``uri-template``: RFC 6570
- ``json-pointer``: RFC 6901; ``relative-json-pointer``: draft-handrews-relative-json-pointer-01
- ``regex``: ECMA-262 with the flag ``u``

Cost: built when first asked for, and kept; some milliseconds each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from relark.frontends.regex import compile_regex
from relark.frontends.schema.regex_syntax import regex_syntax_term
from relark.frontends.schema.texts import counted
from relark.language import EMPTY, Leaf, Term, concat, leaf, literal, union

__all__ = ["FORMATS", "format_term"]


@lru_cache(maxsize=64)
def format_term(name: str) -> Term | None:
    """The decoded texts of the format ``name``; None if there is no such format."""
    make = _MAKERS.get(name)
    return None if make is None else make()


def _regex(source: str) -> Term:
    return compile_regex(source).term


# --- dates and times: RFC 3339, section 5.6 and appendix A ------------------------------------------------------------


def _date() -> Term:
    year = "(?!0000)[0-9]{4}"
    leap = "(?!0000)(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
    long, short = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])", "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    february = "02-(?:0[1-9]|1[0-9]|2[0-8])"
    return union(_regex(f"{year}-(?:{long}|{short}|{february})"), _regex(f"{leap}-02-29"))


_OFFSET = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_FRACTION = r"(?:\.[0-9]+)?"


def _time() -> Term:
    plain = _regex(rf"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]{_FRACTION}{_OFFSET}")
    return union(plain, leaf(_LeapSecond(b"")))


@dataclass(frozen=True, slots=True)
class _LeapSecond(Leaf):
    """A time with second 60, after ``read``, up to ``hh:mm`` of it: which offset makes it 23:59 UTC depends on both."""

    read: bytes

    @property
    def nullable(self) -> bool:
        return False

    @property
    def min_length(self) -> int:
        return 9 - len(self.read)

    def is_prefix_free(self) -> bool:
        return True

    def classes(self) -> tuple[int, ...]:
        options = (b"012", b"0123" if self.read[:1] == b"2" else b"0123456789", b":", b"012345", b"0123456789")
        return tuple(1 << byte for byte in options[len(self.read)])

    def derive(self, byte: int) -> Term:
        if 1 << byte not in self.classes():
            return EMPTY
        read = self.read + bytes([byte])
        if len(read) < 5:
            return leaf(_LeapSecond(read))
        return concat(_LEAP_FRACTION, union(*[literal(o) for o in _offsets(read)]))

    def bounds(self, alphabet: int, within: int | None) -> tuple[int, int] | None:
        if any(not alphabet >> byte & 1 for byte in b"0123456789:+"):
            return None
        return 14 - len(self.read), 14 - len(self.read)

    def shortest(self, alphabet: int) -> bytes | None:
        n = len(self.read)
        for time in (b"23:59", b"20:00", b"10:00", b"00:00"):
            if n < 3 and not time.startswith(self.read[:1]):
                continue
            for offset in reversed(_offsets(self.read + time[n:])):
                text = time[n:] + b":60" + offset
                if all(alphabet >> byte & 1 for byte in text):
                    return text
        return None

    def __str__(self) -> str:
        return "leap second"


_LEAP_FRACTION = compile_regex(r":60(?:\.[0-9]+)?").term


def _offsets(time: bytes) -> list[bytes]:
    """The offsets with which ``time``, ``hh:mm``, is 23:59 UTC."""
    east = (60 * int(time[:2]) + int(time[3:]) + 1) % 1440
    west = (1440 - east) % 1440
    offsets = [b"+%02d:%02d" % divmod(east, 60), b"-%02d:%02d" % divmod(west, 60)]
    return [*offsets, b"z", b"Z"] if east == 0 else offsets


def _date_time() -> Term:
    return concat(_known("date"), _regex("[Tt]"), _known("time"))


def _duration() -> Term:
    number = "[0-9]+"
    time = f"T(?:{number}H(?:{number}M(?:{number}S)?)?|{number}M(?:{number}S)?|{number}S)"
    date = f"(?:{number}Y(?:{number}M(?:{number}D)?)?|{number}M(?:{number}D)?|{number}D)"
    return _regex(f"P(?:{date}(?:{time})?|{time}|{number}W)")


# --- hosts and addresses ----------------------------------------------------------------------------------------------

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_H16 = "[0-9A-Fa-f]{1,4}"
_LS32 = f"(?:{_H16}:{_H16}|{_IPV4})"
_IPV6 = (
    f"(?:(?:{_H16}:){{6}}{_LS32}|::(?:{_H16}:){{5}}{_LS32}|(?:{_H16})?::(?:{_H16}:){{4}}{_LS32}"
    f"|(?:(?:{_H16}:){{0,1}}{_H16})?::(?:{_H16}:){{3}}{_LS32}|(?:(?:{_H16}:){{0,2}}{_H16})?::(?:{_H16}:){{2}}{_LS32}"
    f"|(?:(?:{_H16}:){{0,3}}{_H16})?::{_H16}:{_LS32}|(?:(?:{_H16}:){{0,4}}{_H16})?::{_LS32}"
    f"|(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}|(?:(?:{_H16}:){{0,6}}{_H16})?::)"
)


def _hostname() -> Term:
    from relark.frontends.schema.hostnames import hostname_term  # loads idna

    return hostname_term()


def _idn_hostname() -> Term:
    from relark.frontends.schema.hostnames import idn_hostname_term

    return idn_hostname_term()


def _email(beyond: str = "") -> Term:
    atom = rf"[0-9A-Za-z!\#$%\&'*+/=?\^_`{{|}}\~\-{beyond}]+"
    quoted = rf'"(?:[ !\#-\[\]-~{beyond}]|\\[ -~])*"'
    local = counted(_regex(rf"{atom}(?:\.{atom})*|{quoted}"), 0, 64)
    letter = f"[0-9A-Za-z{beyond}]"
    label = f"{letter}(?:[0-9A-Za-z{beyond}-]{{0,61}}{letter})?"
    domain = counted(_regex(rf"{label}(?:\.{label})*"), 0, 255)
    tagged = "[0-9A-Za-z-]*[0-9A-Za-z]:[!-Z\\^-~]+"  # General-address-literal, of which IPv6 is one
    other = _regex(rf"\[(?:{_IPV4}|[Ii][Pp][Vv]6:{_IPV6}|(?![Ii][Pp][Vv]6:){tagged})\]")
    return concat(local, literal(b"@"), union(domain, other))


def _idn_email() -> Term:
    return _email(r"\x80-\U0010FFFF")


# --- URIs: RFC 3986, appendix A; IRIs: RFC 3987, section 2.2; templates: RFC 6570, section 2 --------------------------

_UCSCHAR = r"\xA0-\uD7FF\uF900-\uFDCF\uFDF0-\uFFEF" + "".join(
    f"\\U{plane:04X}{'1000' if plane == 14 else '0000'}-\\U{plane:04X}FFFD" for plane in range(1, 15)
)
_IPRIVATE = r"\uE000-\uF8FF\U000F0000-\U000FFFFD\U00100000-\U0010FFFD"


def _uri(relative: bool, beyond: str = "", private: str = "") -> Term:
    percent = "%[0-9A-Fa-f]{2}"
    unreserved = rf"0-9A-Za-z\-._~{beyond}"
    subs = r"!$&'()*+,;="
    pchar = rf"(?:[{unreserved}{subs}:@]|{percent})"
    host = rf"(?:\[(?:{_IPV6}|[Vv][0-9A-Fa-f]+\.[0-9A-Za-z\-._~{subs}:]+)\]|(?:[{unreserved}{subs}]|{percent})*)"
    authority = rf"(?:(?:[{unreserved}{subs}:]|{percent})*@)?{host}(?::[0-9]*)?"
    segments = f"(?:/{pchar}*)*"
    absolute = f"/(?:{pchar}+{segments})?"
    query = rf"(?:\?(?:[{unreserved}{subs}:@/?{private}]|{percent})*)?"
    fragment = f"(?:\\#(?:[{unreserved}{subs}:@/?]|{percent})*)?"
    uri = rf"[A-Za-z][0-9A-Za-z+\-.]*:(?://{authority}{segments}|{absolute}|{pchar}+{segments}|){query}{fragment}"
    if not relative:
        return _regex(uri)
    no_colon = rf"(?:[{unreserved}{subs}@]|{percent})+"
    return _regex(f"{uri}|(?://{authority}{segments}|{absolute}|{no_colon}{segments}|){query}{fragment}")


def _uri_template() -> Term:
    percent = "%[0-9A-Fa-f]{2}"
    literals = rf"(?:[!\#$&-;=?-\[\]_a-z~{_UCSCHAR}{_IPRIVATE}]|{percent})"
    character = f"(?:[0-9A-Za-z_]|{percent})"
    name = rf"{character}(?:\.?{character})*"
    variable = rf"{name}(?::[1-9][0-9]{{0,3}}|\*)?"
    return _regex(rf"(?:{literals}|\{{[+\#./;?&=,!@|]?{variable}(?:,{variable})*\}})*")


# --- the rest ---------------------------------------------------------------------------------------------------------


def _uuid() -> Term:
    return _regex("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


_POINTER = "(?:/(?:[^/~]|~[01])*)*"


def _known(name: str) -> Term:
    term = format_term(name)
    assert term is not None
    return term


_MAKERS: dict[str, Callable[[], Term]] = {
    "date": _date,
    "time": _time,
    "date-time": _date_time,
    "duration": _duration,
    "hostname": _hostname,
    "idn-hostname": _idn_hostname,
    "email": _email,
    "idn-email": _idn_email,
    "ipv4": lambda: _regex(_IPV4),
    "ipv6": lambda: _regex(_IPV6),
    "uri": lambda: _uri(False),
    "uri-reference": lambda: _uri(True),
    "iri": lambda: _uri(False, _UCSCHAR, _IPRIVATE),
    "iri-reference": lambda: _uri(True, _UCSCHAR, _IPRIVATE),
    "uri-template": _uri_template,
    "uuid": _uuid,
    "json-pointer": lambda: _regex(f"(?s:{_POINTER})"),
    "relative-json-pointer": lambda: _regex(f"(?s:(?:0|[1-9][0-9]*)(?:\\#|{_POINTER}))"),
    "regex": regex_syntax_term,
}
FORMATS = tuple(_MAKERS)
