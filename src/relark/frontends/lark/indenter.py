"""Lark's `Indenter`: how much a line is indented, and which INDENT and DEDENT tokens that makes.

After a newline token the blanks of its last line are counted, a tab as ``tab`` spaces: more of them than the last
level has open a level (INDENT), fewer close levels (DEDENT) and must be those of one that is open.  Within parentheses
newline tokens are dropped.  Here is what depends on the newline token's text alone; the levels are part of the
parser's state (`lalr`).

The count is followed byte by byte while the newline token is being written, so that it may be cut by the model's tokens
anywhere.  Cannot do: post-lexers that are not an `Indenter`, or that change what it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lark.indenter import Indenter
from lark.lark import PostLex

from relark.errors import UnsupportedError
from relark.language import FULL, Completions, Term, byte_set, transitions

__all__ = ["Indentation", "NewlineTokens", "read_indenter"]

_METHODS = ("process", "_process", "handle_NL")
_TAB, _NEWLINE, _SPACE = 1 << 9, 1 << 10, 1 << 32
MOST_STATES = 2000  # of a newline token that is looked through for one where any blanks may follow
_BLANKS_AHEAD = 128  # how much deeper than the levels that are open an indentation is looked for


@dataclass(frozen=True, slots=True)
class Indentation:
    """The terminals that an `Indenter` reads and writes, and the ``tab`` length in spaces."""

    newline: str
    indent: str
    dedent: str
    opening: frozenset[str]
    closing: frozenset[str]
    tab: int


def read_indenter(postlex: PostLex | None) -> Indentation | None:
    """What ``postlex`` does; None if there is none.  Raises `UnsupportedError` for what is not a plain `Indenter`."""
    if postlex is None:
        return None
    kind = type(postlex)
    if not isinstance(postlex, Indenter):
        raise UnsupportedError(f"postlex={kind.__name__}: relark follows post-lexers that are a lark.indenter.Indenter")
    changed = [name for name in _METHODS if getattr(kind, name) is not getattr(Indenter, name) or name in vars(postlex)]
    if changed:
        raise UnsupportedError(
            f"postlex={kind.__name__}: {', '.join(changed)} is not lark.indenter.Indenter's own; relark follows that"
        )
    if not isinstance(postlex.tab_len, int):
        raise UnsupportedError(f"postlex={kind.__name__}: tab_len is {postlex.tab_len!r}; relark counts whole spaces")
    return Indentation(
        postlex.NL_type,
        postlex.INDENT_type,
        postlex.DEDENT_type,
        frozenset(postlex.OPEN_PAREN_types),
        frozenset(postlex.CLOSE_PAREN_types),
        postlex.tab_len,
    )


class NewlineTokens:
    """The words of newline tokens, with their blanks counted.

    A count is that of the blanks in the token's last line so far, None before its first newline.  What is found out
    about the rests of words is kept: they are the states of a few small automata.
    """

    def __init__(self, tab: int) -> None:
        self.tab = tab
        self._moves: dict[Term, tuple[tuple[int, Term, int | None], ...]] = {}
        self._free: dict[Term, bool] = {}

    def advance(self, words: Term, count: int | None) -> list[tuple[int, Term, int | None]]:
        """``(bytes, rest, count)``: where each byte leads.  Bytes are in one of them only, and never EMPTY the rest."""
        found: list[tuple[int, Term, int | None]] = []
        for mask, rest, blanks in self._split(words):
            if blanks is None:
                found.append((mask, rest, 0))
            else:
                found.append((mask, rest, None if count is None else count + blanks))
        return found

    def _split(self, words: Term) -> tuple[tuple[int, Term, int | None], ...]:
        """``(bytes, rest, blanks)``: how much each byte adds to the count; None for a newline."""
        known = self._moves.get(words)
        if known is None:
            kinds = ((_TAB, self.tab), (_NEWLINE, None), (_SPACE, 1), (FULL & ~(_TAB | _NEWLINE | _SPACE), 0))
            known = self._moves[words] = tuple(
                (mask & kind, rest, blanks)
                for mask, rest in transitions(words)
                for kind, blanks in kinds
                if mask & kind
            )
        return known

    def counts(
        self, words: Term, count: int | None, top: int, *, deeper: bool, completions: Completions
    ) -> Iterator[tuple[int, bytes]]:
        """The counts with which a newline token may end after one of ``words``, each with a shortest word that does it.

        Shortest words first.  Counts above ``top`` are given only if ``deeper``, and up to a limit.
        """
        most = max(top, count or 0) + _BLANKS_AHEAD if deeper else top
        level: dict[tuple[Term, int | None], bytes] = {(words, None if count is None else min(count, most + 1)): b""}
        seen = set(level)
        given: set[int] = set()
        while level:
            following: dict[tuple[Term, int | None], bytes] = {}
            for (rest, so_far), text in level.items():
                if rest.nullable and so_far is not None and so_far <= most and so_far not in given:
                    given.add(so_far)
                    yield so_far, text
                for mask, target, after in self.advance(rest, so_far):
                    state = target, None if after is None else min(after, most + 1)
                    if state not in seen:
                        byte = completions.shortest(byte_set(mask))
                        if byte is not None:
                            seen.add(state)
                            following[state] = text + byte
            level = following

    def takes_any_blanks(self, words: Term) -> bool:
        """Whether some of ``words`` end with a newline and any number of spaces, whatever was counted before."""
        known = self._free.get(words)
        if known is None:
            known = self._free[words] = self._find_free(words)
        return known

    def _find_free(self, words: Term) -> bool:
        """After a newline come spaces that change nothing but the count, then what is no blank, if anything."""
        unblank = Completions(FULL & ~(_TAB | _NEWLINE | _SPACE))
        seen = {words}
        work = [words]
        while work:
            for _, rest, blanks in self._split(work.pop()):
                loops = blanks is None and any(mask & _SPACE and to is rest for mask, to in transitions(rest))
                if loops and unblank.shortest(rest) is not None:
                    return True
                if rest not in seen and len(seen) < MOST_STATES:
                    seen.add(rest)
                    work.append(rest)
        return False
