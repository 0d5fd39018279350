r"""Patterns as trees: the syntax of `regex` (both of its versions) and of `re`.

`parse` reads a pattern that its engine has compiled already, so it need not look for mistakes; it only has to read
what is there *as that engine reads it*: which braces are quantifiers, where flags begin and end, which group a
number means, what ends a set.  The reading rules are those of the `regex` documentation and of Python's ``re``
chapter, and, where these are silent, what the engines were seen to do.  A construct that is not known here raises
`NotUnderstood`; it is never guessed.  As a check, the groups that were counted are compared with the engine's own.

The tree (frozen dataclasses, one per construct) says what is written, flags resolved: a `Character` knows how its
case is folded, ``^`` is the assertion that it stands for under the flags in force, ``.`` is a class.  Three
simplifications: nested sequences are flattened, as the engines do; an empty group is an empty `Sequence`; and
quantifiers that `regex` ignores are left out.

Cost: one pass over the text, no recursion (nesting is kept on an explicit stack).  What it cannot do: find errors;
judge meaning (see `lower`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NoReturn

import regex

from relark.errors import UnsupportedError
from relark.frontends.regex.codepoints import Judge, set_source

Fold = Literal["", "simple", "full"]
"""How case is ignored: not at all, character by character, or with foldings of several characters (ß is ss)."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A piece of the pattern: ``source[at:end]``."""

    at: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Character(Node):
    code: int
    fold: Fold


@dataclass(frozen=True, slots=True, eq=False)
class CharacterClass(Node):
    """One character out of a set.

    ``source`` is the set in the engine's notation, with the encoding flags in force; ``plain`` gives it as
    (negative, ranges) where it is written out without escapes for classes and without operators.
    """

    source: str
    fold: Fold
    plain: tuple[bool, tuple[tuple[int, int], ...]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Alternation(Node):
    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Group(Node):
    number: int
    name: str | None
    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(Node):
    body: Node
    lo: int
    hi: int | None
    mode: Literal["greedy", "lazy", "possessive"]


@dataclass(frozen=True, slots=True, eq=False)
class Atomic(Node):
    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class Look(Node):
    behind: bool
    negative: bool
    body: Node


Place = Literal[
    "text start", "text end", "text end or before its last newline", "line start", "line end",
    "word boundary", "no word boundary", "word start", "word end", "search start",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Assertion(Node):
    """A place in the text.

    ``encoding`` is "a" or "u" where the flags say which word characters are meant; ``unicode_rules`` is `regex`'s
    WORD flag.
    """

    place: Place
    encoding: Literal["", "a", "u"] = ""
    unicode_rules: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Backreference(Node):
    """``encoding`` is said for `re`, where it decides how case is ignored (see `codepoints.reference_variants`)."""

    ref: str
    fold: Fold
    encoding: Literal["", "a", "u"] = ""


@dataclass(frozen=True, slots=True, eq=False)
class Condition(Node):
    """``(?(ref)yes|no)``; ``(?(DEFINE)...)`` where no group has that name."""

    ref: str
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True, eq=False)
class LookCondition(Node):
    """``(?(?=test)yes|no)``."""

    behind: bool
    negative: bool
    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    """``(?1)``, ``(?&name)``, ``(?R)``: match a group's pattern here; "0" is the whole."""

    ref: str


@dataclass(frozen=True, slots=True, eq=False)
class Fuzzy(Node):
    """``body`` with errors; ``test`` is what inserted and substituted characters must match, if that is said."""

    body: Node
    test: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class NamedList(Node):
    name: str
    fold: Fold


@dataclass(frozen=True, slots=True, eq=False)
class Newline(Node):
    r"""``\R``."""


@dataclass(frozen=True, slots=True, eq=False)
class Grapheme(Node):
    r"""``\X``."""


@dataclass(frozen=True, slots=True, eq=False)
class Keep(Node):
    r"""``\K``."""


@dataclass(frozen=True, slots=True, eq=False)
class Verb(Node):
    name: Literal["FAIL", "PRUNE", "SKIP"]


@dataclass(frozen=True, slots=True, eq=False)
class Syntax:
    """A pattern, read.

    ``flags`` are the engine's global flags as of the end of the pattern, ``loose`` those that were switched without
    a group to end them (``(?i)`` in the middle), whose value before the switch a compiled `regex` pattern does not
    tell.
    """

    source: str
    root: Node
    judge: Judge
    flags: int
    loose: int
    groups: dict[int, tuple[Group, ...]]
    names: dict[str, int]
    group_count: int

    def group(self, ref: str) -> int | None:
        """The number that ``ref`` means; None for ``DEFINE`` where no group has that name."""
        if ref.isdigit():
            return int(ref)
        return self.names.get(ref)

    @property
    def reverse(self) -> bool:
        """Whether the whole is matched from right to left."""
        return self.judge.module == "regex" and bool(self.flags & regex.REVERSE)


class NotUnderstood(Exception):
    """The engine compiles this pattern, and `parse` cannot read it."""

    def __init__(self, position: int, what: str) -> None:
        self.position, self.what = position, what
        super().__init__(f"{what} at {position}")


def parse(source: str, flags: int, *, module: Literal["regex", "re"] = "regex", names: Iterable[str] = ()) -> Syntax:
    """Read ``source`` as ``module`` does under ``flags`` (its own numbers); ``names`` are the named lists that were
    given.

    For `regex`, flags that were set by the caller, and the version and other global flags that the compiled pattern
    has.
    """
    reader = _RegexReader(source, flags, frozenset(names)) if module == "regex" else _ReReader(source, flags)
    return reader.read()


# --- what both notations share ----------------------------------------------------------------------------------------

_DIGITS = frozenset("0123456789")
_OCTAL = frozenset("01234567")
_HEX = frozenset("0123456789abcdefABCDEF")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CONTROLS = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_HEX_LENGTH = {"x": 2, "u": 4, "U": 8}


@dataclass(slots=True)
class _Open:
    """A group that is not closed yet; the one at the bottom of the stack is the pattern itself."""

    kind: Literal["whole", "plain", "group", "atomic", "look", "reset", "condition", "look test", "look condition"]
    at: int
    flags: int | None = None  # to be put back at the closing parenthesis
    fold: Fold = ""  # of plain characters, here and now
    items: list[Node] = field(default_factory=list)
    items_at: int = 0
    last_at: int = 0  # where the last item begins, its parenthesis included
    branches: list[Node] = field(default_factory=list)
    number: int = 0
    name: str | None = None
    ref: str = ""
    behind: bool = False
    negative: bool = False
    test: Node | None = None
    first_group: int = 0
    most_groups: int = 0


def _sequence(items: list[Node], at: int, end: int) -> Node:
    flat: list[Node] = []
    for item in items:
        if isinstance(item, Sequence):
            flat.extend(item.items)
        else:
            flat.append(item)
    return flat[0] if len(flat) == 1 else Sequence(at, end, tuple(flat))


def _alternation(branches: list[Node], at: int, end: int) -> Node:
    if len(branches) == 1:
        return branches[0]
    if all(is_empty(branch) for branch in branches):
        return Sequence(at, end, ())
    return Alternation(at, end, tuple(branches))


def is_empty(node: Node) -> bool:
    """Whether nothing is written there."""
    return isinstance(node, Sequence) and not node.items


class _Reader:
    """The stack of open groups, and the building of nodes, which the two notations share."""

    module: Literal["regex", "re"]
    VERBOSE: int

    def __init__(self, source: str, flags: int) -> None:
        self.source = source
        self.pos = 0
        self.flags = flags
        self.loose = 0
        self.verbose = bool(flags & self.VERBOSE)
        self.group_count = 0
        self.names: dict[str, int] = {}
        self.groups: dict[int, list[Group]] = {}
        self.open: list[_Open] = []

    def fail(self, what: str, at: int | None = None) -> NoReturn:
        raise NotUnderstood(self.pos if at is None else at, what)

    def fold(self) -> Fold:
        raise NotImplementedError

    def step(self) -> bool:
        """Read one item; False at the end of the pattern."""
        raise NotImplementedError

    def judge(self) -> Judge:
        raise NotImplementedError

    def final_flags(self) -> int:
        return self.flags

    def read(self) -> Syntax:
        self.begin(_Open("whole", 0))
        while self.step():
            pass
        if len(self.open) != 1:
            self.fail("a group that is not closed", self.open[-1].at)
        root = self.finish_branches(self.open.pop(), len(self.source))
        groups = {number: tuple(found) for number, found in self.groups.items()}
        return Syntax(
            self.source, root, self.judge(), self.final_flags(), self.loose, groups, self.names, self.group_count
        )

    # groups

    def begin(self, group: _Open) -> None:
        self.open.append(group)
        self.begin_sequence()

    def begin_sequence(self) -> None:
        top = self.open[-1]
        top.items, top.items_at, top.fold = [], self.pos, self.fold()

    def finish_sequence(self, end: int) -> None:
        top = self.open[-1]
        top.branches.append(_sequence(top.items, top.items_at, end))

    def finish_branches(self, top: _Open, end: int) -> Node:
        top.branches.append(_sequence(top.items, top.items_at, end))
        return _alternation(top.branches, top.at, end)

    def next_branch(self) -> None:
        """After a ``|``."""
        top = self.open[-1]
        self.finish_sequence(self.pos - 1)
        if top.kind == "reset":
            top.most_groups = max(top.most_groups, self.group_count)
            self.group_count = top.first_group
        self.begin_sequence()

    def close(self) -> None:
        """After a ``)``."""
        if len(self.open) == 1:
            self.fail("a closing parenthesis without an opening one", self.pos - 1)
        top = self.open.pop()
        at, end = top.at, self.pos
        if top.flags is not None:
            self.set_flags(top.flags)
        if top.kind in ("condition", "look condition"):
            top.branches.append(_sequence(top.items, top.items_at, end - 1))
            if len(top.branches) > 2:
                self.fail("a conditional with more than two branches", at)
            yes = top.branches[0]
            no = top.branches[1] if len(top.branches) == 2 else Sequence(end, end, ())
            if top.kind == "look condition":
                assert top.test is not None
                self.add(LookCondition(at, end, top.behind, top.negative, top.test, yes, no))
            elif is_empty(yes) and is_empty(no):
                self.add(Sequence(at, end, ()))
            else:
                self.add(Condition(at, end, top.ref, yes, no))
            return
        body = self.finish_branches(top, end - 1)
        match top.kind:
            case "group":
                group = Group(at, end, top.number, top.name, body)
                self.groups.setdefault(top.number, []).append(group)
                self.add(group)
            case "atomic":
                self.add(body if is_empty(body) else Atomic(at, end, body))
            case "look":
                empty = is_empty(body) and not top.negative
                self.add(body if empty else Look(at, end, top.behind, top.negative, body))
            case "look test":
                new = _Open("look condition", at, behind=top.behind, negative=top.negative, test=body)
                self.begin(new)
            case "reset":
                self.group_count = max(top.most_groups, self.group_count)
                self.add(body, at)
            case _:
                self.add(body, at)

    def set_flags(self, flags: int) -> None:
        self.flags = flags
        self.verbose = bool(flags & self.VERBOSE)

    def add(self, node: Node, at: int | None = None) -> None:
        top = self.open[-1]
        top.items.append(node)
        top.last_at = node.at if at is None else at

    def quantify(self, at: int, lo: int, hi: int | None, mode: Literal["greedy", "lazy", "possessive"]) -> None:
        top = self.open[-1]
        if not top.items:
            self.fail("a quantifier with nothing to repeat", at)
        body = top.items.pop()
        top.items.append(Repeat(top.last_at, self.pos, body, lo, hi, mode))


# --- regex ------------------------------------------------------------------------------------------------------------

_VERSIONS = regex.V0 | regex.V1
_ENCODINGS = regex.ASCII | regex.LOCALE | regex.UNICODE
_GLOBAL = _VERSIONS | regex.BESTMATCH | regex.DEBUG | regex.ENHANCEMATCH | regex.POSIX | regex.REVERSE
_REGEX_FLAGS = {
    "a": regex.ASCII, "b": regex.BESTMATCH, "e": regex.ENHANCEMATCH, "f": regex.FULLCASE, "i": regex.IGNORECASE,
    "L": regex.LOCALE, "m": regex.MULTILINE, "p": regex.POSIX, "r": regex.REVERSE, "s": regex.DOTALL,
    "u": regex.UNICODE, "V0": regex.V0, "V1": regex.V1, "w": regex.WORD, "x": regex.VERBOSE,
}  # fmt: skip
_REGEX_PLACES: dict[str, Place] = {
    "A": "text start", "Z": "text end", "z": "text end", "b": "word boundary", "B": "no word boundary",
    "m": "word start", "M": "word end", "G": "search start",
}  # fmt: skip
_VERBS: dict[str, Literal["FAIL", "PRUNE", "SKIP"]] = {"F": "FAIL", "FAIL": "FAIL", "PRUNE": "PRUNE", "SKIP": "SKIP"}
_NAME_PART = _LETTERS | _DIGITS | frozenset(" -")
_PROPERTY_PART = _LETTERS | _DIGITS | frozenset(" &_-.")
_VALUE_PART = _PROPERTY_PART | frozenset("/")
_SET_OPERATORS = ("||", "~~", "&&", "--")
_FUZZY_ITEM = re.compile(r"([deis])(?:(<=?)([0-9]+))?|([0-9]+)(<=?)([deis])(<=?)([0-9]+)")
_FUZZY_COST = re.compile(r"([0-9]*[dis](?:\+[0-9]*[dis])*)<=?[0-9]+")


_MAX_SET_DEPTH = 100  # sets in sets are read by recursion; `regex` itself gives up at a little more


@dataclass(slots=True)
class _Set:
    """A set as it is read; ``members`` holds ranges, and None for what is no plain character or range."""

    negative: bool
    members: list[tuple[int, int] | None] = field(default_factory=list)
    operators: bool = False

    @property
    def character(self) -> int | None:
        """The only member, if that is a character: then `regex` reads the set as that character."""
        if self.negative or self.operators or len(self.members) != 1 or self.members[0] is None:
            return None
        lo, hi = self.members[0]
        return lo if lo == hi else None


class _RegexReader(_Reader):
    module = "regex"
    VERBOSE = int(regex.VERBOSE)

    def __init__(self, source: str, flags: int, named_lists: frozenset[str]) -> None:
        flags = int(flags)
        self.version: Literal[0, 1] = 1 if flags & regex.V1 else 0
        if self.version:
            flags |= regex.FULLCASE
        super().__init__(source, flags)
        self.named_lists = named_lists
        self.number_names: dict[int, str] = {}
        self.open_numbers: list[int] = []

    def judge(self) -> Judge:
        return Judge("regex", "a" if self.flags & regex.ASCII else "u", self.version)

    def fold(self) -> Fold:
        if not self.flags & regex.IGNORECASE:
            return ""
        return "full" if self.flags & regex.FULLCASE and not self.flags & regex.ASCII else "simple"

    # scanning: under VERBOSE, white space and comments are skipped before each character

    def skip(self, pos: int) -> int:
        source = self.source
        while self.verbose and pos < len(source):
            if source[pos].isspace():
                pos += 1
            elif source[pos] == "#":
                newline = source.find("\n", pos)
                pos = newline if newline >= 0 else len(source)
            else:
                break
        return pos

    def get(self, *, raw: bool = False) -> str:
        if not raw:
            self.pos = self.skip(self.pos)
        if self.pos >= len(self.source):
            return ""
        self.pos += 1
        return self.source[self.pos - 1]

    def peek(self) -> str:
        pos = self.skip(self.pos)
        return self.source[pos : pos + 1]

    def match(self, text: str) -> bool:
        pos = self.pos
        for char in text:
            pos = self.skip(pos)
            if self.source[pos : pos + 1] != char:
                return False
            pos += 1
        self.pos = pos
        return True

    def expect(self, text: str) -> None:
        if not self.match(text):
            self.fail(f"no {text!r} where one is expected")

    def get_while(self, chars: frozenset[str], *, raw: bool = False) -> str:
        found: list[str] = []
        while True:
            pos = self.pos if raw else self.skip(self.pos)
            if pos >= len(self.source) or self.source[pos] not in chars:
                self.pos = pos
                return "".join(found)
            found.append(self.source[pos])
            self.pos = pos + 1

    def get_until(self, chars: str) -> str:
        found: list[str] = []
        while True:
            pos = self.skip(self.pos)
            if pos >= len(self.source) or self.source[pos] in chars:
                self.pos = pos
                return "".join(found)
            found.append(self.source[pos])
            self.pos = pos + 1

    # sequences

    def step(self) -> bool:
        at = self.skip(self.pos)
        char = self.get()
        top = self.open[-1]
        match char:
            case "":
                return False
            case "|":
                self.next_branch()
            case ")":
                self.close()
            case "(":
                self.read_group(at)
            case "\\":
                self.add(self.read_escape(at))
            case "[":
                self.add(self.read_set(at))
            case ".":
                self.add(self.dot(at))
            case "^" | "$":
                self.add(self.line_place(at, char))
            case "?" | "*" | "+" | "{":
                counts = self.read_counts(char)
                if counts is not None:
                    self.read_quantifier(at, *counts)
                elif not self.read_fuzzy():
                    self.add(Character(at, self.pos, ord(char), top.fold))
            case _:
                self.add(Character(at, self.pos, ord(char), top.fold))
        return True

    def dot(self, at: int) -> Node:
        if self.flags & regex.DOTALL:
            return CharacterClass(at, self.pos, "(?s:.)", "", (True, ()))
        if self.flags & regex.WORD:
            return CharacterClass(at, self.pos, "(?w:.)", "")
        return CharacterClass(at, self.pos, ".", "", (True, ((10, 10),)))

    def line_place(self, at: int, char: str) -> Node:
        unicode_rules = bool(self.flags & regex.WORD)
        if self.flags & regex.MULTILINE:
            return Assertion(at, self.pos, "line start" if char == "^" else "line end", "", unicode_rules)
        if char == "^":
            return Assertion(at, self.pos, "text start")
        return Assertion(at, self.pos, "text end or before its last newline", "", unicode_rules)

    def read_counts(self, char: str) -> tuple[int, int | None] | None:
        match char:
            case "?":
                return 0, 1
            case "*":
                return 0, None
            case "+":
                return 1, None
        start = self.pos
        lo = self.get_while(_DIGITS)
        if self.match(","):
            hi = self.get_while(_DIGITS)
            counts = int(lo or 0), int(hi) if hi else None
        elif lo:
            counts = int(lo), int(lo)
        else:
            self.pos = start
            return None
        if not self.match("}"):
            self.pos = start
            return None
        return counts

    def read_quantifier(self, at: int, lo: int, hi: int | None) -> None:
        before = self.pos
        mode: Literal["greedy", "lazy", "possessive"] = "greedy"
        match self.get():
            case "?":
                mode = "lazy"
            case "+":
                mode = "possessive"
            case _:
                self.pos = before
        items = self.open[-1].items
        if items and (is_empty(items[-1]) or lo == hi == 1):
            return  # `regex` ignores the quantifier, and that it is possessive
        if items and isinstance(item := items[-1], LookCondition) and is_empty(item.test) and is_empty(item.yes):
            return
        self.quantify(at, lo, hi, mode)

    def read_fuzzy(self) -> bool:
        """After a ``{``: whether this is a fuzzy constraint.  If so, it is applied to the last item."""
        start = self.pos
        seen: set[str] = set()
        limits: dict[str, bool] = {}  # error type -> whether it is limited to none at all
        while True:
            item_at = self.pos
            if not self.fuzzy_item(_FUZZY_ITEM, seen, limits):
                self.pos = item_at
                if not self.fuzzy_item(_FUZZY_COST, seen, limits):
                    self.pos = start
                    return False
            if not self.match(","):
                break
        test = self.read_fuzzy_test() if self.match(":") else None
        self.expect("}")
        if limits.get("e") or all(limits.get(kind) for kind in "dis"):
            return True  # no error is permitted: not fuzzy
        items = self.open[-1].items
        if not items:
            self.fail("a fuzzy constraint on nothing", start)
        body = items.pop()
        if isinstance(body, Group):  # what is fuzzy is in the group, so that it can be called
            body = self.replace_group(body, Fuzzy(body.at, self.pos, body.body, test))
            items.append(body)
        else:
            items.append(Fuzzy(self.open[-1].last_at, self.pos, body, test))
        return True

    def replace_group(self, group: Group, body: Node) -> Group:
        new = Group(group.at, group.end, group.number, group.name, body)
        found = self.groups[group.number]
        found[found.index(group)] = new
        return new

    def fuzzy_item(self, form: re.Pattern[str], seen: set[str], limits: dict[str, bool]) -> bool:
        start = self.pos
        text = self.get_until(",:}")
        found = form.match(text)
        if found is None:
            self.pos = start
            return False
        if form is _FUZZY_COST:
            kinds = re.sub("[^dis]", "", found[1])
            if found.end() != len(text) or "cost" in seen or len(set(kinds)) < len(kinds):
                return False
            seen.add("cost")
            return True
        kind = found[1] or found[6]
        if found.end() != len(text) or kind in seen:
            return False
        seen.add(kind)
        operator, limit = (found[2], found[3]) if found[1] else (found[7], found[8])
        limits[kind] = limit is not None and int(limit) - (operator == "<") == 0
        return True

    def read_fuzzy_test(self) -> Node:
        at = self.pos
        match self.get():
            case "\\":
                return self.read_escape(at)
            case "[":
                return self.read_set(at)
            case ".":
                return self.dot(at)
            case char:
                return Character(at, self.pos, ord(char), self.open[-1].fold)

    # groups

    def read_group(self, at: int) -> None:
        saved = self.flags
        start = self.pos
        char = self.get(raw=True)
        if char == "*":
            word = self.get_until(")>")
            if word[:1].isalpha():
                self.expect(")")
                if word not in _VERBS:
                    self.fail(f"the verb (*{word})", at)
                self.add(Verb(at, self.pos, _VERBS[word]))
                return
        if char != "?":
            self.pos = start
            self.begin_group(at, None)
            return
        after_mark = self.pos
        match self.get(raw=True):
            case "<":
                before = self.pos
                char = self.get()
                if char in ("=", "!"):
                    self.begin(_Open("look", at, saved, behind=True, negative=char == "!"))
                else:
                    self.pos = before
                    self.begin_group(at, self.name(">"))
            case "=" | "!" as char:
                self.begin(_Open("look", at, saved, negative=char == "!"))
            case "P":
                self.read_extension(at)
            case "#":
                self.read_comment()
                self.open[-1].fold = self.fold()
            case "(":
                self.read_condition(at)
            case ">":
                self.begin(_Open("atomic", at, saved))
            case "|":
                self.begin(_Open("reset", at, None, first_group=self.group_count, most_groups=self.group_count))
            case "R":
                self.expect(")")
                self.add(Call(at, self.pos, "0"))
            case "&":
                ref = self.name(")")
                self.add(Call(at, self.pos, ref))
            case char if "0" <= char <= "9":
                ref = char + self.get_while(_DIGITS)
                self.expect(")")
                self.add(Call(at, self.pos, str(int(ref))))
            case "+" | "-" as char if self.peek() in _DIGITS and self.peek():
                offset = int(self.get_while(_DIGITS))
                self.expect(")")
                number = self.group_count + offset if char == "+" else self.group_count - offset + 1
                self.add(Call(at, self.pos, str(number)))
            case _:
                self.pos = after_mark
                self.read_flags(at)

    def name(self, closing: str) -> str:
        name = self.get_until(")>")
        self.expect(closing)
        return str(int(name)) if name.isdigit() else name

    def begin_group(self, at: int, name: str | None) -> None:
        number = self.names.get(name) if name is not None else None
        if number is None:
            self.group_count += 1
            while name is not None and self.group_count in self.number_names:
                self.group_count += 1
            number = self.group_count
            if name is not None:
                self.names[name] = number
                self.number_names[number] = name
        self.open_numbers.append(number)
        self.begin(_Open("group", at, self.flags, number=number, name=name))

    def close(self) -> None:
        if self.open[-1].kind == "group":
            self.open_numbers.pop()
        super().close()

    def is_open(self, ref: str) -> bool:
        if self.version == 1:
            return False
        number = int(ref) if ref.isdigit() else self.names.get(ref)
        return number in self.open_numbers

    def read_extension(self, at: int) -> None:
        match self.get():
            case "<":
                self.begin_group(at, self.name(">"))
            case "=":
                ref = self.name(")")
                self.add(Backreference(at, self.pos, ref, self.fold()))
            case ">" | "&":
                ref = self.name(")")
                self.add(Call(at, self.pos, ref))
            case _:
                self.fail("an extension (?P... that is not known", at)

    def read_comment(self) -> None:
        while (char := self.get(raw=True)) != ")":
            if char == "\\":
                char = self.get(raw=True)
            if not char:
                self.fail("a comment that is not closed")

    def read_condition(self, at: int) -> None:
        saved = self.flags
        before = self.pos
        if self.get() == "?":
            char = self.get()
            behind = char == "<"
            if behind:
                char = self.get()
            if char not in ("=", "!"):
                self.fail("a conditional whose test is not a lookaround", at)
            self.begin(_Open("look test", at, saved, behind=behind, negative=char == "!"))
            return
        self.pos = before
        self.begin(_Open("condition", at, saved, ref=self.name(")")))

    def read_flags(self, at: int) -> None:
        on = self.flag_letters()
        off = self.flag_letters() if self.match("-") else 0
        if (on | self.flags) & regex.LOCALE:
            refuse_locale(self.source, at)
        on &= ~_GLOBAL  # these are in the compiled pattern's flags from its start
        if self.match(":"):
            saved = self.flags
            flags = (saved | on) & ~off
            if flags & _ENCODINGS:
                flags = (flags & ~_ENCODINGS) | on
            self.set_flags(flags)
            self.begin(_Open("plain", at, saved))
        elif self.match(")"):
            if all(group.flags is None for group in self.open):
                self.loose |= on | off
            self.set_flags((self.flags | on) & ~off)
            self.open[-1].fold = self.fold()
        else:
            self.fail("an extension (?... that is not known", at)

    def flag_letters(self) -> int:
        flags = 0
        while True:
            before = self.pos
            letter = self.get()
            if letter == "V":
                letter += self.get()
            if letter not in _REGEX_FLAGS:
                self.pos = before
                return flags
            flags |= int(_REGEX_FLAGS[letter])

    # escapes

    def encoding(self) -> Literal["", "a", "u"]:
        return "a" if self.flags & regex.ASCII else "u" if self.flags & regex.UNICODE else ""

    def in_encoding(self, text: str) -> str:
        encoding = self.encoding()
        return f"(?{encoding}:{text})" if encoding else text

    def read_escape(self, at: int) -> Node:
        r"""An escape outside sets, after its backslash."""
        char = self.get(raw=True)
        match char:
            case "g":
                return self.read_group_reference(at)
            case "L":
                self.expect("<")
                name = self.name(">")
                if name not in self.named_lists:
                    self.fail(f"the named list {name!r}", at)
                return NamedList(at, self.pos, name, self.fold())
            case "R":
                return Newline(at, self.pos)
            case "X":
                return Grapheme(at, self.pos)
            case "K":
                return Keep(at, self.pos)
        if char in _REGEX_PLACES:
            if char in "AZzG":
                return Assertion(at, self.pos, _REGEX_PLACES[char])
            if self.flags & regex.WORD:
                return Assertion(at, self.pos, _REGEX_PLACES[char], "", True)
            return Assertion(at, self.pos, _REGEX_PLACES[char], self.encoding())
        if char in _DIGITS and char != "0":
            digits = char
            before = self.pos
            if (char := self.get()) in _DIGITS and char:
                digits += char
                before = self.pos
                if set(digits) <= _OCTAL and (char := self.get()) in _OCTAL and char:
                    mask = 0xFF if self.flags & _ENCODINGS in (regex.ASCII, regex.LOCALE) else 0x1FF
                    return Character(at, self.pos, int(digits + char, 8) & mask, self.fold())
            self.pos = before
            return Backreference(at, self.pos, str(int(digits)), self.fold())
        found = self.read_character_escape(char)
        if isinstance(found, int):
            # Control characters are made without case, which matters to the packing of case-folded runs only.
            return Character(at, self.pos, found, "" if char in _CONTROLS else self.fold())
        return CharacterClass(at, self.pos, self.in_encoding(found), self.fold() if char in "pP" else "")

    def read_group_reference(self, at: int) -> Node:
        before = self.pos
        if self.match("<"):
            name = self.get_until(")>")
            good = int(name) >= 1 if name.isdigit() else name.isidentifier()
            if good and self.match(">") and not self.is_open(name):
                return Backreference(at, self.pos, str(int(name)) if name.isdigit() else name, self.fold())
        self.pos = before
        return Character(at, self.pos, ord("g"), self.fold())

    def read_character_escape(self, char: str) -> int | str:
        """What is the same in and out of sets: a code point, or the text of a class escape."""
        if char in _HEX_LENGTH:
            digits = [self.get() for _ in range(_HEX_LENGTH[char])]
            return int("".join(digits), 16)
        if char == "N":
            before = self.pos
            if self.match("{"):
                name = self.get_while(_NAME_PART, raw=True)
                if self.match("}"):
                    return ord(unicodedata.lookup(name))
            self.pos = before
            return ord("N")
        if char in ("p", "P"):
            return self.read_property(char)
        if char and char in "dDhsSwW":
            return "\\" + char
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in _DIGITS:
            digits = [char]
            while len(digits) < 3:
                before = self.pos
                char = self.get()
                if not char or char not in _OCTAL:
                    self.pos = before
                    break
                digits.append(char)
            return int("".join(digits), 8)
        if not char or char in _LETTERS:
            self.fail(f"the escape \\{char}")
        return ord(char)

    def read_property(self, char: str) -> int | str:
        before = self.pos
        following = self.get()
        if following == "{":
            negate = "^" if self.match("^") else ""
            name = self.property_name()
            if self.match("}"):
                return f"\\{char}{{{negate}{name}}}"
        elif following and following in "CLMNPSZ":
            return f"\\{char}{following}"
        self.pos = before
        return ord(char)

    def property_name(self) -> str:
        name = self.get_while(_PROPERTY_PART)
        before = self.pos
        separator = self.get()
        if separator and separator in ":=":
            value = self.get_while(_VALUE_PART).strip()
            if value:
                return f"{name}{separator}{value}"
        self.pos = before
        return name

    # sets

    def read_set(self, at: int) -> Node:
        """After the ``[``."""
        saved, self.verbose = self.verbose, False
        found = self.set_body(1)
        self.verbose = saved
        if found.character is not None:
            return Character(at, self.pos, found.character, self.fold())
        plain = None
        if not found.operators and None not in found.members:
            plain = (found.negative, tuple(member for member in found.members if member is not None))
        return CharacterClass(at, self.pos, self.in_encoding(self.source[at : self.pos]), self.fold(), plain)

    def set_body(self, depth: int) -> _Set:
        if depth > _MAX_SET_DEPTH:
            self.fail(f"sets that nest more than {_MAX_SET_DEPTH} deep")
        found = _Set(self.match("^"))
        self.set_member(found.members, depth)  # even if it is a "]"
        while not self.match("]"):
            if self.version == 1 and any(self.match(operator) for operator in _SET_OPERATORS):
                found.operators = True
            self.set_member(found.members, depth)
        return found

    def set_member(self, members: list[tuple[int, int] | None], depth: int) -> None:
        start = self.set_item(depth)
        if start is None:
            members.append(None)
            return
        before = self.pos
        if not self.match("-"):
            members.append((start, start))
            return
        after = self.pos
        if self.version == 1 and self.match("-"):
            self.pos = before
            members.append((start, start))
        elif self.match("]"):
            self.pos = after
            members += [(start, start), (45, 45)]
        elif (end := self.set_item(depth)) is None:
            members += [(start, start), (45, 45), None]
        else:
            members.append((start, end))

    def set_item(self, depth: int) -> int | None:
        """A character's code, or None for a class or a nested set; a nested set of one character is that character."""
        at = self.pos
        if self.match("\\"):
            found = self.read_character_escape(self.get(raw=True))
            return found if isinstance(found, int) else None
        if self.match("[:"):
            self.match("^")
            self.property_name()
            if self.match(":]"):
                return None
            self.pos = at
        if self.version == 1 and self.match("["):
            return self.set_body(depth + 1).character
        char = self.get()
        if not char:
            self.fail("a set that is not closed")
        return ord(char)


# --- re ---------------------------------------------------------------------------------------------------------------

_RE_FLAGS = {"a": re.A, "i": re.I, "L": re.L, "m": re.M, "s": re.S, "u": re.U, "x": re.X}
_RE_ENCODINGS = re.A | re.L | re.U
_RE_PLACES: dict[str, Place] = {
    "A": "text start", "Z": "text end", "z": "text end", "b": "word boundary", "B": "no word boundary",
}  # fmt: skip


class _ReReader(_Reader):
    module = "re"
    VERBOSE = int(re.VERBOSE)

    def __init__(self, source: str, flags: int) -> None:
        super().__init__(source, int(flags))
        self.global_flags = self.flags

    def judge(self) -> Judge:
        return Judge("re", "a" if self.global_flags & re.A else "u", 0)

    def fold(self) -> Fold:
        return "simple" if self.flags & re.I else ""

    # scanning: an escape is one token, and VERBOSE skips white space only where an item could begin

    def peek(self) -> str:
        token = self.source[self.pos : self.pos + 1]
        return self.source[self.pos : self.pos + 2] if token == "\\" else token

    def get(self) -> str:
        token = self.peek()
        self.pos += len(token)
        return token

    def match(self, char: str) -> bool:
        if self.peek() != char:
            return False
        self.pos += 1
        return True

    def get_while(self, limit: int, chars: frozenset[str]) -> str:
        start = self.pos
        while self.pos < min(start + limit, len(self.source)) and self.source[self.pos] in chars:
            self.pos += 1
        return self.source[start : self.pos]

    def get_until(self, closing: str) -> str:
        end = self.source.find(closing, self.pos)
        if end < 0:
            self.fail(f"no {closing!r} where one is expected")
        text = self.source[self.pos : end]
        self.pos = end + 1
        return text

    # sequences

    def step(self) -> bool:
        at = self.pos
        token = self.get()
        match token:
            case "":
                return False
            case "|":
                self.next_branch()
            case ")":
                self.close()
            case _ if self.verbose and token in " \t\n\r\v\f":
                pass
            case "#" if self.verbose:
                while self.get() not in ("", "\n"):
                    pass
            case "(":
                self.read_group(at)
            case "[":
                self.add(self.read_set(at))
            case ".":
                plain = (True, () if self.flags & re.S else ((10, 10),))
                self.add(CharacterClass(at, self.pos, "(?s:.)" if self.flags & re.S else ".", "", plain))
            case "^":
                self.add(Assertion(at, self.pos, "line start" if self.flags & re.M else "text start"))
            case "$":
                place: Place = "line end" if self.flags & re.M else "text end or before its last newline"
                self.add(Assertion(at, self.pos, place))
            case "?" | "*" | "+" | "{":
                self.read_quantifier(at, token)
            case _ if token[0] == "\\":
                self.add(self.read_escape(at, token))
            case _:
                self.add(Character(at, self.pos, ord(token), self.fold()))
        return True

    def read_quantifier(self, at: int, char: str) -> None:
        counts: dict[str, tuple[int, int | None]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}
        if char in counts:
            lo, hi = counts[char]
        else:
            start = self.pos
            low = high = self.get_while(len(self.source), _DIGITS)
            if comma := self.match(","):
                high = self.get_while(len(self.source), _DIGITS)
            if not self.match("}") or not (low or comma):
                self.pos = start
                self.add(Character(at, start, ord(char), self.fold()))
                return
            lo, hi = int(low or 0), int(high) if high else None
        if self.match("?"):
            self.quantify(at, lo, hi, "lazy")
        elif self.match("+"):
            items = self.open[-1].items
            if items:  # `re` does not go back into an iteration either
                items[-1] = Atomic(items[-1].at, items[-1].end, items[-1])
            self.quantify(at, lo, hi, "possessive")
        else:
            self.quantify(at, lo, hi, "greedy")

    # groups

    def read_group(self, at: int) -> None:
        saved = self.flags
        if not self.match("?"):
            self.begin_group(at, None)
            return
        match self.get():
            case "P":
                match self.get():
                    case "<":
                        self.begin_group(at, self.get_until(">"))
                    case "=":
                        ref = self.get_until(")")
                        self.add(Backreference(at, self.pos, ref, self.fold(), self.encoding()))
                    case _:
                        self.fail("an extension (?P... that is not known", at)
            case ":":
                self.begin(_Open("plain", at, saved))
            case "#":
                while (token := self.get()) != ")":
                    if not token:
                        self.fail("a comment that is not closed", at)
            case "=" | "!" as char:
                self.begin(_Open("look", at, saved, negative=char == "!"))
            case "<":
                char = self.get()
                if char not in ("=", "!"):
                    self.fail("an extension (?<... that is not known", at)
                self.begin(_Open("look", at, saved, behind=True, negative=char == "!"))
            case "(":
                ref = self.get_until(")")
                self.begin(_Open("condition", at, saved, ref=str(int(ref)) if ref.isdigit() else ref))
            case ">":
                self.begin(_Open("atomic", at, saved))
            case char:
                self.read_flags(at, char)

    def begin_group(self, at: int, name: str | None) -> None:
        self.group_count += 1
        if name is not None:
            self.names[name] = self.group_count
        self.begin(_Open("group", at, self.flags, number=self.group_count, name=name))

    def read_flags(self, at: int, char: str) -> None:
        on = off = 0
        negative = False
        while char not in (")", ":"):
            if char == "-" and not negative:
                negative = True
            elif char not in _RE_FLAGS:
                self.fail("an extension (?... that is not known", at)
            elif negative:
                off |= int(_RE_FLAGS[char])
            else:
                on |= int(_RE_FLAGS[char])
            char = self.get()
        if on & re.L:
            refuse_locale(self.source, at)
        if char == ")":
            return  # flags for the whole pattern; they are in the compiled pattern's flags
        saved = self.flags
        flags = saved & ~int(_RE_ENCODINGS) if on & _RE_ENCODINGS else saved
        self.set_flags((flags | on) & ~off)
        self.begin(_Open("plain", at, saved))

    # escapes

    def encoding(self) -> Literal["a", "u"]:
        return "a" if self.flags & re.A else "u"

    def in_encoding(self, text: str) -> str:
        return f"(?a:{text})" if self.flags & re.A else f"(?u:{text})" if self.global_flags & re.A else text

    def read_escape(self, at: int, token: str) -> Node:
        char = token[1:]
        if char in _RE_PLACES:
            if char not in "bB":
                return Assertion(at, self.pos, _RE_PLACES[char])
            return Assertion(at, self.pos, _RE_PLACES[char], self.encoding())
        if char in _DIGITS and char != "0":
            digits = char
            if self.peek() in _DIGITS and self.peek():
                digits += self.get()
                if set(digits) <= _OCTAL and self.peek() in _OCTAL and self.peek():
                    return Character(at, self.pos + 1, int(digits + self.get(), 8), self.fold())
            return Backreference(at, self.pos, digits, self.fold(), self.encoding())
        found = self.read_character_escape(token)
        if isinstance(found, int):
            return Character(at, self.pos, found, self.fold())
        return CharacterClass(at, self.pos, self.in_encoding(found), self.fold())

    def read_character_escape(self, token: str) -> int | str:
        char = token[1:]
        if char in _HEX_LENGTH:
            return int(self.get_while(_HEX_LENGTH[char], _HEX), 16)
        if char == "N":
            if not self.match("{"):
                self.fail("the escape \\N")
            return ord(unicodedata.lookup(self.get_until("}")))
        if char and char in "dDsSwW":
            return token
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in _OCTAL:
            return int(char + self.get_while(2, _OCTAL), 8)
        if not char or char in _LETTERS or char in _DIGITS:
            self.fail(f"the escape {token}")
        return ord(char)

    # sets

    def read_set(self, at: int) -> Node:
        members: list[str | tuple[int, int]] = []
        negative = self.match("^")
        while (token := self.get()) != "]" or not members:
            item = self.set_item(token, at)
            if not self.match("-"):
                members.append(item if isinstance(item, str) else (item, item))
            elif self.match("]"):
                members += [item if isinstance(item, str) else (item, item), (45, 45)]
                break
            else:
                end = self.set_item(self.get(), at)
                if isinstance(item, str) or isinstance(end, str):
                    self.fail("a range between classes", at)
                members.append((item, end))
        classes = [member for member in members if isinstance(member, str)]
        ranges = tuple(member for member in members if not isinstance(member, str))
        if not classes and not negative and len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return Character(at, self.pos, ranges[0][0], self.fold())
        inner = set_source(ranges, negative)[:-1] if ranges else "[^" if negative else "["
        source = self.in_encoding(inner + "".join(classes) + "]")
        return CharacterClass(at, self.pos, source, self.fold(), None if classes else (negative, ranges))

    def set_item(self, token: str, at: int) -> int | str:
        if not token:
            self.fail("a set that is not closed", at)
        return self.read_character_escape(token) if token[0] == "\\" else ord(token)


def refuse_locale(source: str, at: int | None) -> NoReturn:
    """There is no telling what the locale will be when the text is judged."""
    raise UnsupportedError(
        "the LOCALE flag makes the meaning of a pattern depend on where it runs, so relark cannot enforce it; "
        "remove the flag (UNICODE is the default for text patterns) or use ASCII",
        source=source,
        position=at,
    )
