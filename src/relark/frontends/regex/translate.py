"""A pattern of `re` written in the notation of `regex`, with the meaning that it has in `re`.

The partial-match engine needs `regex`, because `re` cannot say whether a text may still become a match.  The two
read the same text differently (Unicode versions, case, sets, ``{e}``), so every class, character and boundary is
written out as the set of code points that `re` gives it.

Cannot do: backreferences that ignore case, which the two engines compare by different rules; such a pattern is refused.
"""

from __future__ import annotations

import regex

from relark.errors import UnsupportedError
from relark.frontends.regex import codepoints
from relark.frontends.regex.lower import Walk, empty_text_has_no_boundary, ranges_of, run_walk
from relark.frontends.regex.syntax import (
    Alternation,
    Assertion,
    Atomic,
    Backreference,
    Character,
    CharacterClass,
    Condition,
    Group,
    Look,
    Node,
    Repeat,
    Sequence,
    Syntax,
)

_PLACES = {
    "text start": r"\A",
    "text end": r"\Z",
    "text end or before its last newline": "$",
    "line start": "(?m:^)",
    "line end": "(?m:$)",
}


def translate(syntax: Syntax) -> regex.Pattern[str]:
    """The same pattern for `regex`."""
    return regex.compile(run_walk(_written(syntax, syntax.root)), regex.V0, cache_pattern=False)


def _written(syntax: Syntax, node: Node) -> Walk[str]:
    judge = syntax.judge
    match node:
        case Character():
            ranges = codepoints.case_variants(judge, node.code) if node.fold else ((node.code, node.code),)
            alone = ranges == ((node.code, node.code),)
            return codepoints.escaped(node.code) if alone else codepoints.set_source(ranges)
        case CharacterClass():
            return codepoints.set_source(ranges_of(judge, node))
        case Assertion() if node.place in _PLACES:
            return _PLACES[node.place]
        case Assertion():
            word = codepoints.set_source(codepoints.matched_by(judge, rf"(?{node.encoding}:\w)"))
            if node.place == "word boundary":
                return f"(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"
            somewhere = "" if empty_text_has_no_boundary() else r"(?!\A\Z)"
            return f"(?:{somewhere}(?:(?<={word})(?={word})|(?<!{word})(?!{word})))"
        case Backreference():
            if node.fold:
                raise UnsupportedError(
                    "a backreference that ignores case is compared by rules of re that relark cannot follow; "
                    "compile the pattern with the regex module instead",
                    source=syntax.source,
                    position=node.at,
                )
            return rf"\g<{syntax.group(node.ref)}>"
        case Sequence():
            parts: list[str] = []
            for item in node.items:
                part: str = yield _written(syntax, item)
                parts.append(part)
            return "".join(parts)
        case Alternation():
            branches: list[str] = []
            for branch in node.branches:
                written: str = yield _written(syntax, branch)
                branches.append(written)
            return f"(?:{'|'.join(branches)})"
        case Condition():
            yes: str = yield _written(syntax, node.yes)
            no: str = yield _written(syntax, node.no)
            return f"(?({syntax.group(node.ref)}){yes}|{no})"
        case Group():
            body: str = yield _written(syntax, node.body)
            return f"(?P<{node.name}>{body})" if node.name else f"({body})"
        case Atomic():
            body = yield _written(syntax, node.body)
            return f"(?>{body})"
        case Look():
            body = yield _written(syntax, node.body)
            return f"(?{'<' if node.behind else ''}{'!' if node.negative else '='}{body})"
        case Repeat():
            body = yield _written(syntax, node.body)
            counts = f"{{{node.lo},{'' if node.hi is None else node.hi}}}"
            if node.mode == "possessive":
                return f"(?>(?:{body}){counts})"
            return f"(?:{body}){counts}{'?' if node.mode == 'lazy' else ''}"
    raise TypeError(f"re has no {type(node).__name__}")
