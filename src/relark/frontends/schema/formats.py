r"""The keyword ``format``: the texts of each format of JSON Schema as a term over decoded text.

`format_term` knows every format of drafts 7, 2019-09 and 2020-12; an unknown name is None, and the caller decides what
that means.  Each format is what its standard says:

- ``date``, ``time``, ``date-time``: RFC 3339, real calendar days of the years 0001 to 9999; second 60 only at 23:59 UTC;
  ``duration``: RFC 3339, appendix A
- ``email``, ``idn-email``: the Mailbox of RFC 5321 (dot-string or quoted string, domain or address literal), and of RFC 6531
- ``hostname``: RFC 1123, labels of at most 63 and names of at most 253 characters; ``idn-hostname``: RFC 5890 to 5893
- ``ipv4``, ``ipv6``: RFC 2673 and RFC 4291, no zone; ``uuid``: RFC 4122
- ``uri``, ``uri-reference``: RFC 3986; ``iri``, ``iri-reference``: RFC 3987; ``uri-template``: RFC 6570
- ``json-pointer``: RFC 6901; ``relative-json-pointer``: draft-handrews-relative-json-pointer-01
- ``regex``: ECMA-262 with the flag ``u``

Cost: built when first asked for, and kept; some milliseconds each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from relark.frontends.regex import compile_regex
from relark.language import Term, concat, literal, union

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
    days = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])"
    return union(_regex(f"{year}-(?:{days})"), _regex(f"{leap}-02-29"))


_OFFSET = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_FRACTION = r"(?:\.[0-9]+)?"


def _time() -> Term:
    plain = _regex(rf"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]{_FRACTION}{_OFFSET}")
    fraction = _regex(":60" + _FRACTION)
    leap = []
    for hour in range(24):
        minutes = []
        for minute in range(60):
            east = (60 * hour + minute - 1439) % 1440  # the offset at which it is 23:59 UTC
            west = (1440 - east) % 1440
            offsets = [literal(b"%s%02d:%02d" % (s, m // 60, m % 60)) for s, m in ((b"+", east), (b"-", west))]
            if east == 0:
                offsets += [literal(b"Z"), literal(b"z")]
            minutes.append(concat(literal(b"%02d" % minute), fraction, union(*offsets)))
        leap.append(concat(literal(b"%02d:" % hour), union(*minutes)))
    return union(plain, *leap)


def _date_time() -> Term:
    return concat(_known("date"), _regex("[Tt]"), _known("time"))


def _duration() -> Term:
    number = "[0-9]+"
    time = f"T(?:{number}H(?:{number}M(?:{number}S)?)?|{number}M(?:{number}S)?|{number}S)"
    date = f"(?:{number}Y(?:{number}M(?:{number}D)?)?|{number}M(?:{number}D)?|{number}D)"
    return _regex(f"P(?:{date}(?:{time})?|{time}|{number}W)")


# --- hosts and addresses ----------------------------------------------------------------------------------------------

_LABEL = "[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
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
    return _regex(rf"{_LABEL}(?:\.{_LABEL})*")


def _idn_hostname() -> Term:
    letter = r"[\p{L}\p{N}]"
    label = rf"{letter}(?:[\p{{L}}\p{{M}}\p{{N}}-]{{0,61}}[\p{{L}}\p{{M}}\p{{N}}])?"
    return _regex(rf"{label}(?:[.\u3002\uFF0E\uFF61]{label})*")


def _email(beyond: str = "", host: Callable[[], Term] = _hostname) -> Term:
    atom = rf"[0-9A-Za-z!#$%&'*+/=?\^_`{{|}}~\-{beyond}]+"
    quoted = rf'"(?:[ !#-\[\]-~{beyond}]|\\[ -~])*"'
    literal_part = rf"\[(?:{_IPV4}|IPv6:{_IPV6}|(?!IPv6:)[0-9A-Za-z-]*[0-9A-Za-z]:[!-Z\^-~]+)\]"
    local = _regex(rf"{atom}(?:\.{atom})*|{quoted}")
    return concat(local, literal(b"@"), union(host(), _regex(literal_part)))


def _idn_email() -> Term:
    return _email(r"\x80-\U0010FFFF", _idn_hostname)


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
    host = (
        rf"(?:\[(?:{_IPV6}|[Vv][0-9A-Fa-f]+\.[0-9A-Za-z\-._~{subs}:]+)\]|(?:[{unreserved}{subs}]|{percent})*)"
    )
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
    "regex": lambda: _regex("(?s:.*)"),
}
FORMATS = tuple(_MAKERS)
