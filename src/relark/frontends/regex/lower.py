r"""From the tree of a pattern to a term: what is regular exactly, what is not as a superset with the reasons.

The meaning is the engine's ``fullmatch``.  Most constructs are one constructor of `relark.language`; the ones worth
a word:

- Captures do not matter, lazy quantifiers mean the same texts as greedy ones, and calls of groups that are not
  recursive are copies.
- Lookarounds, anchors and word boundaries are conditions on the text before or after (`ahead`, `behind`), closed by
  one `scope` around the whole.
- Atomic groups and possessive quantifiers commit to the match that is found first.  Where the inside can end in one
  place only (whatever has a fixed length, or is atomic itself) that is no commitment; a repeat of such a thing runs
  until it cannot go on, so a negative lookaround says it; alternatives are taken only where the ones before them
  cannot match, which a lookaround says too; and for the rest there are the ordered terms of `relark.language`,
  which know no lookarounds and read forwards only.
- Ignored case is asked of the engine character by character (`codepoints`).  `regex`'s full case folding is applied
  to runs of literal characters as `regex` packs them, which decides whether "ss" also matches "ß".

Backreferences, recursion, conditions on groups, fuzzy matching, ``\X``, the word boundaries of the WORD flag,
``(*PRUNE)`` and ``(*SKIP)`` are not regular, or not worth it: each gives a `Reason`, and the term is then only a
superset (the *guide* of `partial`); `captures` and `partial` serve such patterns.

Cost: linear in the pattern, plus the first look at each character class.  No recursion: a walk over the tree is a
generator that yields the walks it depends on (`run_walk`), so nesting costs no stack.
"""

from __future__ import annotations

import itertools
import typing
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import regex

from relark.frontends.regex import codepoints
from relark.frontends.regex.codepoints import Judge, Ranges, normalised
from relark.frontends.regex.syntax import (
    Alternation,
    Assertion,
    Atomic,
    Backreference,
    Call,
    Character,
    CharacterClass,
    Condition,
    Fold,
    Fuzzy,
    Grapheme,
    Group,
    Keep,
    Look,
    LookCondition,
    NamedList,
    Newline,
    Node,
    Repeat,
    Sequence,
    Syntax,
    Verb,
)
from relark.language import (
    ALL,
    ANY_CHARACTER,
    EMPTY,
    EPSILON,
    TEXT,
    Ordered,
    Term,
    ahead,
    atomic,
    behind,
    code_points,
    concat,
    literal,
    one_of,
    ordered_alt,
    ordered_repeat,
    ordered_seq,
    ordered_unit,
    repeat,
    scope,
    union,
)

MAX_PIECES = 200_000  # nodes visited, copies for group calls included; beyond it calls are taken as recursive
MANY = 64  # literal alternatives that are worth a `one_of`

T = TypeVar("T")
Walk = Generator["Walk[Any]", Any, T]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pattern needs the partial-match engine: a construct, where it stands, and what is the matter with it."""

    position: int
    construct: str
    why: str


class Spelling:
    """How characters are written as terms: in UTF-8, unless a subclass has other symbols for them."""

    def one(self, ranges: Iterable[tuple[int, int]]) -> Term:
        """One character out of ``ranges``."""
        return code_points(ranges)

    def text(self, text: bytes) -> Term:
        """Exactly ``text``, which is given in UTF-8."""
        return literal(text)

    def one_of(self, texts: Iterable[bytes]) -> Term:
        """One of ``texts``, in UTF-8."""
        return one_of(texts)


_UTF8 = Spelling()


@dataclass(frozen=True, slots=True)
class Lowered:
    """``term`` is the language of the pattern, or, if there are ``reasons``, contains it."""

    term: Term
    reasons: tuple[Reason, ...]


def lower(syntax: Syntax, named_lists: Mapping[str, Iterable[str]]) -> Lowered:
    """The texts that the pattern matches from start to end."""
    lowering = _Lowering(syntax, {name: tuple(texts) for name, texts in named_lists.items()})
    term = run_walk(lowering.term(syntax.root, syntax.reverse))
    if lowering.unpredictable:
        term = TEXT
    return Lowered(scope(term), tuple(lowering.reasons.values()))


def alphabet(syntax: Syntax, named_lists: Mapping[str, Iterable[str]]) -> list[Ranges]:
    """Disjoint classes of the code points that the pattern cannot tell apart, but for backreferences."""
    return codepoints.partition(character_sets(syntax, named_lists))


def character_sets(syntax: Syntax, named_lists: Mapping[str, Iterable[str]]) -> list[Ranges]:
    """Every set of code points that the pattern asks about, but for backreferences."""
    judge = syntax.judge
    sets: list[Ranges] = []
    full = False

    def text(value: str, fold: Fold) -> None:
        nonlocal full
        for code in map(ord, value):
            sets.append(codepoints.case_variants(judge, code) if fold else ((code, code),))
        if fold == "full":
            full = True
            for c in codepoints.folded(value) if codepoints.expansions() else "":
                sets.append(codepoints.case_variants(judge, ord(c)))

    for node in walk(syntax.root):
        match node:
            case Character():
                text(chr(node.code), node.fold)
            case CharacterClass():
                sets.append(ranges_of(judge, node))
                full = full or node.fold == "full"
            case NamedList():
                for member in named_lists[node.name]:
                    text(member, node.fold)
            case Newline():
                sets += [((10, 10),), ((13, 13),), _NEWLINES]
            case Grapheme():
                sets += codepoints.segmentation_classes()
            case Assertion() if "word" in node.place:
                sets += codepoints.segmentation_classes() if node.unicode_rules else [_word(judge, node.encoding)]
            case Assertion() if "line" in node.place:
                sets += [((10, 10),), ((13, 13),), _line_separators(judge)] if node.unicode_rules else [((10, 10),)]
            case Backreference() if node.fold == "full":
                full = True
    if full:
        for character, folding in codepoints.expansions() or ():
            sets.append(((ord(character), ord(character)),))
            sets += [codepoints.case_variants(judge, ord(c)) for c in folding]
    return sets


def walk(root: Node) -> Iterable[Node]:
    """Every node of a tree."""
    work = [root]
    while work:
        node = work.pop()
        yield node
        work.extend(_children(node))


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Sequence():
            return node.items
        case Alternation():
            return node.branches
        case Group() | Repeat() | Atomic() | Look():
            return (node.body,)
        case Condition():
            return node.yes, node.no
        case LookCondition():
            return node.test, node.yes, node.no
        case Fuzzy():
            return (node.body,) if node.test is None else (node.body, node.test)
    return ()


def run_walk(walk: Walk[T]) -> T:
    """Run a walk to its end, with its sub-walks on a list instead of Python's stack."""
    stack: list[Walk[Any]] = [walk]
    value: Any = None
    while stack:
        try:
            stack.append(stack[-1].send(value))
            value = None
        except StopIteration as end:
            stack.pop()
            value = end.value
    result: T = value
    return result


# --- single characters ------------------------------------------------------------------------------------------------

_NEWLINES: Ranges = ((0x0A, 0x0D), (0x85, 0x85), (0x2028, 0x2029))


def ranges_of(judge: Judge, node: CharacterClass) -> Ranges:
    """The single characters that a class matches."""
    ignore_case = node.fold != ""
    if node.plain is not None:
        negative, members = node.plain
        return codepoints.plain_set(judge, members, negative, ignore_case)
    return codepoints.matched_by(judge, node.source, ignore_case)


def _word(judge: Judge, encoding: str) -> Ranges:
    """What counts as a word character at a boundary."""
    return codepoints.matched_by(judge, rf"(?{encoding}:\w)" if encoding else r"\w")


def _line_separators(judge: Judge) -> Ranges:
    """What ends a line under the WORD flag."""
    return ((0x0A, 0x0D),) if judge.encoding == "a" else _NEWLINES


# --- the whole --------------------------------------------------------------------------------------------------------

Width = tuple[int, "int | None"]  # the least and the greatest number of characters


class _Lowering:
    """One pattern on its way; ``backwards`` says that the engine matches a part from right to left."""

    def __init__(self, syntax: Syntax, named_lists: dict[str, tuple[str, ...]], spelling: Spelling = _UTF8) -> None:
        self.syntax = syntax
        self.spelling = spelling
        self.judge = syntax.judge
        self.is_regex = syntax.judge.module == "regex"
        self.named_lists = named_lists
        self.reasons: dict[tuple[int, str], Reason] = {}
        self.unpredictable = False  # not even a superset is known
        self.active = {0}  # groups that are being lowered: a call of one of them is recursion
        self.widthless = False  # drop everything zero-width: a superset is all that is wanted
        self.pieces = 0
        self.widths: dict[Node, Width] = {}
        self.directions = _directions(syntax)
        self.settled: set[Node] = set()  # alternations that `regex` will not rearrange any further

    def because(self, node: Node, construct: str, why: str) -> None:
        text = self.syntax.source[node.at : node.end]
        shown = text if len(text) <= 40 else text[:37] + "..."
        self.reasons.setdefault((node.at, construct), Reason(node.at, f"{construct} {shown}", why))

    # -- terms

    def term(self, node: Node, backwards: bool) -> Walk[Term]:
        """The term of ``node``: exact, or a superset after a reason was given."""
        self.pieces += 1
        match node:
            case Sequence():
                return self.sequence(node.items, backwards)
            case Alternation():
                return self.alternation(node, backwards)
            case Group():
                return self.called(node.number, node.body, backwards)
            case Repeat() if node.mode != "possessive":
                return self.repetition(node, backwards)
            case Repeat():
                return self.committed(node, node, backwards)
            case Atomic():
                return self.committed(node.body, node, backwards)
            case Look():
                return self.look(node.behind, node.negative, node.body)
            case LookCondition():
                return self.look_condition(node, backwards)
            case Condition():
                return self.condition(node, backwards)
            case Backreference():
                return self.backreference(node)
            case Call():
                return self.call(node, backwards)
            case NamedList():
                return self.named_list(node, backwards)
        return _done(self.single(node, backwards))

    def single(self, node: Node, backwards: bool) -> Term:
        """A node without parts."""
        match node:
            case Character():
                return self.character(node, node.code, node.fold)
            case CharacterClass():
                return self.character_class(node)
            case Assertion():
                return self.assertion(node)
            case Newline():
                # The pair is tried first, so neither half of it ever stands alone.
                pair, one = self.spelling.text(b"\r\n"), self.spelling.one(_NEWLINES)
                return union(pair, _without_earlier(one, [pair], backwards))
            case Keep():
                return EPSILON
            case Verb() if node.name == "FAIL":
                return EMPTY
            case Verb():
                self.because(node, "verb", "what it forbids depends on the way by which the match was looked for")
                return EPSILON
            case Fuzzy():
                self.because(node, "fuzzy matching of", "errors are counted over the whole of it")
                return TEXT
            case Grapheme():
                self.because(node, "grapheme", "its end depends on the characters around it (Unicode Annex 29)")
                return repeat(ANY_CHARACTER, 1, None)
        raise TypeError(f"no term for {type(node).__name__}")

    def sequence(self, items: tuple[Node, ...], backwards: bool) -> Walk[Term]:
        terms: list[Term] = []
        if any(_has_full(item) for item in items):
            items = yield self.rearranged(items, backwards)
        for part in self.packed(items):
            term: Term = (yield self.term(part, backwards)) if isinstance(part, Node) else part
            terms.append(term)
        return concat(*terms)

    def repetition(self, node: Repeat, backwards: bool) -> Walk[Term]:
        body: Term = yield self.term(node.body, backwards)
        return repeat(body, node.lo, node.hi)

    def alternation(self, node: Alternation, backwards: bool) -> Walk[Term]:
        if _has_full(node):
            items: tuple[Node, ...] = yield self.rearranged((node,), backwards)
            if len(items) > 1:
                result: Term = yield self.sequence(items, backwards)
                return result
            assert isinstance(items[0], Alternation)
            node = items[0]
        literals: list[bytes] = []
        ignoring: dict[tuple[Ranges, ...], None] = {}
        terms: list[Term] = []
        for branch in node.branches:
            text = self.literal_text(branch)
            if text is not None:
                literals.append(text)
            elif (ranges := self.literal_ranges(branch)) is not None:
                ignoring[ranges] = None
            else:
                terms.append((yield self.term(branch, backwards)))
        self.pieces += len(literals) + len(ignoring)
        terms += [self.spelling.one_of(literals)] if len(literals) >= MANY else map(self.spelling.text, literals)
        if ignoring:
            terms.append(self.one_of_ranges(list(ignoring)))
        return union(*terms)

    def literal_text(self, node: Node) -> bytes | None:
        """The only text of ``node``, in UTF-8, if it is written out and case makes no difference."""
        items = node.items if isinstance(node, Sequence) else (node,)
        codes = []
        for item in items:
            if not isinstance(item, Character) or 0xD800 <= item.code <= 0xDFFF:
                return None
            if item.fold and (
                item.fold == "full" or codepoints.case_variants(self.judge, item.code) != ((item.code, item.code),)
            ):
                return None
            codes.append(item.code)
        return "".join(map(chr, codes)).encode()

    def literal_ranges(self, node: Node) -> tuple[Ranges, ...] | None:
        """The same where case is ignored character by character: a set for each."""
        items = node.items if isinstance(node, Sequence) else (node,)
        if not all(isinstance(item, Character) and item.fold == "simple" for item in items):
            return None
        return tuple(codepoints.case_variants(self.judge, item.code) for item in items if isinstance(item, Character))

    def named_list(self, node: NamedList, backwards: bool) -> Walk[Term]:
        texts = self.named_lists[node.name]
        self.pieces += len(texts)
        if not texts:
            return EPSILON  # as `regex` has it
        if node.fold == "full":
            result: Term = yield self.alternation(self.spelled_out(node), backwards)
            return result
        if node.fold == "simple":
            words = (tuple(codepoints.case_variants(self.judge, ord(c)) for c in text) for text in texts)
            return self.one_of_ranges(list(dict.fromkeys(words)))
        return self.spelling.one_of(_encodable(texts))

    def spelled_out(self, node: NamedList) -> Alternation:
        """A named list as the alternatives that `regex` makes of it: longest first."""
        texts = sorted(self.named_lists[node.name], key=len, reverse=True)
        branches = ([Character(node.at, node.end, ord(c), node.fold) for c in text] for text in texts)
        return Alternation(node.at, node.end, tuple(_sequence_of(branch, node) for branch in branches))

    # -- groups, calls, references

    def called(self, number: int, body: Node, backwards: bool) -> Walk[Term]:
        entered = number not in self.active
        self.active.add(number)
        term: Term = yield self.term(body, backwards)
        if entered:
            self.active.discard(number)
        return term

    def call(self, node: Call, backwards: bool) -> Walk[Term]:
        number = self.syntax.group(node.ref)
        assert number is not None, "regex refuses calls of groups that do not exist"
        if number in self.active or number not in self.syntax.groups:
            self.because(node, "recursion", "the pattern is matched inside itself, to any depth")
            return TEXT
        if self.pieces > MAX_PIECES:
            self.because(node, "group call", f"copied out, the pattern would have more than {MAX_PIECES} pieces")
            return TEXT
        group = self.syntax.groups[number][0]
        if self.is_regex and self.directions[group] != backwards:
            why = "regex loses matches where a group is called from a lookbehind, or is defined in one"
            self.because(node, "group call", why)
            return TEXT
        term: Term = yield self.called(number, group.body, backwards)
        return term

    def backreference(self, node: Backreference) -> Walk[Term]:
        number = self.syntax.group(node.ref)
        assert number is not None, "the engine refuses references to groups that do not exist"
        self.because(node, "backreference", "what it matches depends on what the group has matched")
        groups = self.syntax.groups.get(number, ())
        if node.fold or number in self.active or self.pieces > MAX_PIECES:
            return TEXT
        saved, self.widthless = self.widthless, True
        terms: list[Term] = []
        for group in groups:
            term: Term = yield self.called(number, group.body, False)
            terms.append(term)
        self.widthless = saved
        return union(*terms)

    def condition(self, node: Condition, backwards: bool) -> Walk[Term]:
        number = self.syntax.group(node.ref)
        no: Term = yield self.term(node.no, backwards)
        if number is None:  # (?(DEFINE)...)
            return no
        self.because(node, "condition", "which branch is taken depends on whether the group has matched")
        yes: Term = yield self.term(node.yes, backwards)
        return union(yes, no)

    # -- zero-width parts

    def look(self, behind_: bool, negative: bool, body: Node) -> Walk[Term]:
        before = len(self.reasons)
        term: Term = yield self.term(body, behind_ and self.is_regex)
        if self.widthless or (negative and len(self.reasons) > before):
            return EPSILON
        return behind(concat(ALL, term), negative) if behind_ else ahead(concat(term, ALL), negative)

    def look_condition(self, node: LookCondition, backwards: bool) -> Walk[Term]:
        yes: Term = yield self.term(node.yes, backwards)
        no: Term = yield self.term(node.no, backwards)
        if node.negative:
            why = "after a negative test regex does not try everything that the branch could match"
            self.because(node, "condition", why)
            return union(yes, no)
        if _has_full(node):
            self.unpredictable_folding(node)
        met: Term = yield self.look(node.behind, False, node.test)
        unmet: Term = yield self.look(node.behind, True, node.test)
        if backwards:
            return union(concat(yes, met), concat(no, unmet))
        return union(concat(met, yes), concat(unmet, no))

    def assertion(self, node: Assertion) -> Term:
        if self.widthless:
            return EPSILON
        if node.unicode_rules and "word" in node.place:
            self.because(
                node, "word boundary", "the WORD flag makes it depend on several characters (Unicode Annex 29)"
            )
            return EPSILON
        match node.place:
            case "text start":
                return behind(EPSILON)
            case "text end":
                return ahead(EPSILON)
            case "search start":
                return ahead(EPSILON) if self.syntax.reverse else behind(EPSILON)
        if "line" in node.place:
            return self.unicode_line(node) if node.unicode_rules else self.line(node)
        word = self.spelling.one(_word(self.judge, node.encoding))
        left, right = concat(ALL, word), concat(word, ALL)
        start = concat(behind(left, negative=True), ahead(right))
        end = concat(behind(left), ahead(right, negative=True))
        match node.place:
            case "word start":
                return start
            case "word end":
                return end
            case "word boundary":
                return union(start, end)
        inside = concat(behind(left), ahead(right))
        outside = concat(behind(left, negative=True), ahead(right, negative=True))
        if not self.is_regex and not empty_text_has_no_boundary():
            outside = concat(outside, union(behind(EPSILON, negative=True), ahead(EPSILON, negative=True)))
        return union(inside, outside)

    def line(self, node: Assertion) -> Term:
        match node.place:
            case "line start":
                return behind(union(EPSILON, concat(ALL, self.spelling.text(b"\n"))))
            case "line end":
                return ahead(union(EPSILON, concat(self.spelling.text(b"\n"), ALL)))
        return ahead(union(EPSILON, self.spelling.text(b"\n")))

    def unicode_line(self, node: Assertion) -> Term:
        """Lines under the WORD flag: more separators, and no line ends inside CR LF."""
        separators = codepoints.complement(codepoints.complement(_line_separators(self.judge)))
        cr, lf = self.spelling.text(b"\r"), self.spelling.text(b"\n")
        if node.place == "line start":
            others = self.spelling.one(_without(separators, 13))
            after_cr = concat(behind(concat(ALL, cr)), ahead(concat(lf, ALL), negative=True))
            return union(behind(union(EPSILON, concat(ALL, others))), after_cr)
        others = self.spelling.one(_without(separators, 10))
        rest = ALL if node.place == "line end" else EPSILON
        tails = union(EPSILON, concat(others, rest), concat(cr, lf, rest))
        return union(ahead(tails), concat(behind(concat(ALL, cr), negative=True), ahead(concat(lf, rest))))

    # -- commitment: atomic groups and possessive quantifiers

    def committed(self, node: Node, reported: Node, backwards: bool) -> Walk[Term]:
        """The first match of ``node`` that the engine finds, and no other."""
        if isinstance(node, Repeat) and node.mode == "possessive":
            node = Repeat(node.at, node.end, node.body, node.lo, node.hi, "greedy")
        free: bool = yield self.ends_in_one_place(node)
        if self.widthless or free:
            plain: Term = yield self.term(node, backwards)
            return plain
        before = len(self.reasons)
        for way in (self.committed_parts, self.committed_in_order, self.committed_choice):
            term: Term | None = yield way(node, reported, backwards)
            if term is not None:
                return term
        if len(self.reasons) == before:
            why = "it matches backwards" if backwards else "that in turn on lookarounds, boundaries or anchors"
            self.because(reported, "atomic", f"what it commits to depends on its context, and {why}")
        saved, self.widthless = self.widthless, True
        superset: Term = yield self.term(node, backwards)
        self.widthless = saved
        return superset

    def committed_parts(self, node: Node, reported: Node, backwards: bool) -> Walk[Term | None]:
        """By taking off what can end in one place only: that is no commitment, so it can stand outside."""
        match node:
            case Group():
                inner: Term = yield self.committed(node.body, reported, backwards)
                return inner
            case Sequence():
                items = list(node.items)
                outside: list[Term] = []
                while len(items) > 1:
                    free: bool = yield self.ends_in_one_place(items[-1 if backwards else 0])
                    if not free:
                        break
                    outside.append((yield self.term(items.pop(-1 if backwards else 0), backwards)))
                if outside:
                    rest: Term = yield self.committed(_sequence_of(items, node), reported, backwards)
                    return concat(rest, *reversed(outside)) if backwards else concat(*outside, rest)
            case Repeat():
                free = yield self.ends_in_one_place(node.body)
                least, _ = yield self.width(node.body)
                if free and least > 0:
                    run: Term = yield self.run(node, backwards)
                    return run
        return None

    def run(self, node: Repeat, backwards: bool) -> Walk[Term]:
        """A committed repeat of something that can end in one place only: it goes on until it cannot."""
        before = len(self.reasons)
        body: Term = yield self.term(node.body, backwards)
        if node.mode == "lazy":
            return repeat(body, node.lo, node.lo)
        if node.hi == node.lo or len(self.reasons) > before:
            return repeat(body, node.lo, node.hi)
        stop = _without_earlier(EPSILON, [body], backwards)
        shorter = repeat(body, node.lo, None if node.hi is None else node.hi - 1)
        stopped = concat(stop, shorter) if backwards else concat(shorter, stop)
        return stopped if node.hi is None else union(stopped, repeat(body, node.hi, node.hi))

    def committed_in_order(self, node: Node, reported: Node, backwards: bool) -> Walk[Term | None]:
        """By an ordered term."""
        if backwards:
            return None
        ordered: Ordered | None = yield self.ordered(node)
        return None if ordered is None else atomic(ordered)

    def committed_choice(self, node: Node, reported: Node, backwards: bool) -> Walk[Term | None]:
        """By lookarounds: an alternative is taken where none of those before it can match."""
        before = len(self.reasons)
        match node:
            case Alternation() if not _has_full(node):
                branches = node.branches
            case Repeat() if node.lo == 0 and node.mode == "lazy":
                return EPSILON
            case Repeat() if (node.lo, node.hi) == (0, 1):
                branches = (node.body, Sequence(node.end, node.end, ()))
            case _:
                return None
        chosen: list[Term] = []
        earlier: list[Term] = []
        for branch in branches:
            term: Term = yield self.committed(branch, reported, backwards)
            chosen.append(_without_earlier(term, earlier, backwards))
            earlier.append((yield self.term(branch, backwards)))
        return union(*chosen) if len(self.reasons) == before else None

    def ends_in_one_place(self, node: Node) -> Walk[bool]:
        """Whether all matches of ``node`` from one place are known to end in the same one."""
        least, most = yield self.width(node)
        if least == most:
            return True
        parts: tuple[Node, ...]
        match node:
            case Atomic() | Newline():
                return True
            case Repeat() if node.mode == "possessive":
                return True
            case Repeat() if node.lo == node.hi:
                parts = (node.body,)
            case Group():
                parts = (node.body,)
            case Sequence():
                parts = node.items
            case _:
                return False
        for part in parts:
            free: bool = yield self.ends_in_one_place(part)
            if not free:
                return False
        return True

    def ordered(self, node: Node) -> Walk[Ordered | None]:
        """``node`` with the order in which the engine tries things; None if ordered terms cannot say it."""
        self.pieces += 1
        match node:
            case Sequence():
                return self.ordered_sequence(node.items)
            case Alternation():
                return self.ordered_choice(node)
            case Group():
                return self.ordered_call(node.number, node.body)
            case Call():
                number = self.syntax.group(node.ref)
                if number is None or number in self.active or self.pieces > MAX_PIECES:
                    return _done(None)
                return self.ordered_call(number, self.syntax.groups[number][0].body)
            case NamedList() if not node.fold:
                texts = sorted(_encodable(self.named_lists[node.name]), key=lambda t: len(t.decode()), reverse=True)
                by_length = [
                    self.spelling.one_of(group) for _, group in itertools.groupby(texts, lambda t: len(t.decode()))
                ]
                choices = [ordered_unit(group) for group in by_length]
                return _done(ordered_alt(*choices) if choices else ordered_seq())
            case Keep():
                return _done(ordered_seq())
            case Verb() if node.name == "FAIL":
                return _done(ordered_unit(EMPTY))
            case Character() | CharacterClass() | Repeat() | Atomic():
                return self.ordered_if_fixed(node)
        return _done(None)

    def ordered_if_fixed(self, node: Character | CharacterClass | Repeat | Atomic) -> Walk[Ordered | None]:
        """For the nodes where a fixed length makes the difference."""
        least, most = yield self.width(node)
        match node:
            case Character() | CharacterClass():
                return ordered_unit(self.single(node, False)) if least == most else None
            case Repeat() if node.mode != "possessive" or least == most:
                part: Ordered | None = yield self.ordered(node.body)
                return None if part is None else ordered_repeat(part, node.lo, node.hi, node.mode != "lazy")
            case Atomic() if least == most:
                inside: Ordered | None = yield self.ordered(node.body)
                return inside
        return None

    def ordered_sequence(self, items: tuple[Node, ...]) -> Walk[Ordered | None]:
        if any(_has_full(item) for item in items):
            items = yield self.rearranged(items, False)
        parts: list[Ordered] = []
        for part in self.packed(items):
            found: Ordered | None = (yield self.ordered(part)) if isinstance(part, Node) else ordered_unit(part)
            if found is None:
                return None
            parts.append(found)
        return ordered_seq(*parts)

    def ordered_choice(self, node: Alternation) -> Walk[Ordered | None]:
        if _has_full(node):
            items: tuple[Node, ...] = yield self.rearranged((node,), False)
            if len(items) > 1:
                moved: Ordered | None = yield self.ordered_sequence(items)
                return moved
            assert isinstance(items[0], Alternation)
            node = items[0]
        choices: list[Ordered] = []
        for is_literal, branches in itertools.groupby(
            node.branches, lambda branch: self.literal_text(branch) is not None
        ):
            if is_literal:
                choices += self.ordered_literals([self.literal_text(branch) or b"" for branch in branches])
                continue
            for branch in branches:
                choice: Ordered | None = yield self.ordered(branch)
                if choice is None:
                    return None
                choices.append(choice)
        return ordered_alt(*choices)

    def ordered_call(self, number: int, body: Node) -> Walk[Ordered | None]:
        entered = number not in self.active
        self.active.add(number)
        found: Ordered | None = yield self.ordered(body)
        if entered:
            self.active.discard(number)
        return found

    # -- widths

    def width(self, node: Node) -> Walk[Width]:
        """The least and the greatest number of characters that ``node`` matches."""
        known = self.widths.get(node)
        if known is None:
            known = self.widths[node] = yield self.measured(node)
        return known

    def measured(self, node: Node) -> Walk[Width]:
        match node:
            case Character() | CharacterClass():
                return (1, 1) if node.fold != "full" else (1, None)
            case Newline():
                return 1, 2
            case Look() | Assertion() | Keep() | Verb():
                return 0, 0
            case NamedList():
                lengths = [len(text) for text in self.named_lists[node.name]] or [0]
                return (min(lengths), max(lengths)) if node.fold != "full" else (0, None)
            case Sequence():
                widths: list[Width] = yield self.all_widths(node.items)
                return sum(low for low, _ in widths), _sum(high for _, high in widths)
            case Alternation():
                return _widest((yield self.all_widths(node.branches)))
            case LookCondition():
                return _widest((yield self.all_widths((node.yes, node.no))))
            case Condition() if self.syntax.group(node.ref) is not None:
                return _widest((yield self.all_widths((node.yes, node.no))))
            case Condition():
                return _widest((yield self.all_widths((node.no,))))
            case Group() | Atomic():
                return _widest((yield self.all_widths((node.body,))))
            case Repeat():
                low, high = yield self.width(node.body)
                if node.hi == 0 or high == 0:
                    return low * node.lo, 0
                return low * node.lo, None if node.hi is None or high is None else node.hi * high
        return 0, None

    def all_widths(self, nodes: Iterable[Node]) -> Walk[list[Width]]:
        widths: list[Width] = []
        for node in nodes:
            width: Width = yield self.width(node)
            widths.append(width)
        return widths

    # -- ignored case

    def character(self, node: Node, code: int, fold: Fold) -> Term:
        """A character on its own, not part of a longer run."""
        if not fold:
            return self.spelling.one([(code, code)])
        single = self.spelling.one(codepoints.case_variants(self.judge, code))
        if fold == "simple":
            return single
        if not self.can_fold(node):
            return single
        folding = codepoints.folded(chr(code)) if not 0xD800 <= code <= 0xDFFF else ""
        return union(single, self.folded_run(node, folding)) if len(folding) > 1 else single

    def character_class(self, node: CharacterClass) -> Term:
        single = self.spelling.one(ranges_of(self.judge, node))
        if node.fold != "full" or not self.can_fold(node):
            return single
        foldings = _foldings_matched(self.judge, node)
        return union(single, *[self.folded_run(node, folding) for folding in foldings])

    def can_fold(self, node: Node) -> bool:
        if codepoints.expansions() is not None:
            return True
        self.because(
            node, "full case folding of", "this release of regex does not tell which characters fold to several"
        )
        self.unpredictable = True
        return False

    def folded_run(self, node: Node, folding: str) -> Term:
        """Every spelling of ``folding``, which is folded already."""
        if not self.syntax.flags & regex.IGNORECASE or self.judge.encoding == "a":
            self.because(
                node,
                "full case folding of",
                "regex searches for the text without full folding first, unless the whole pattern ignores case",
            )
            self.unpredictable = True
        rest: list[Term] = [EMPTY] * len(folding) + [EPSILON]
        for start in range(len(folding) - 1, -1, -1):
            ways = codepoints.unfoldings(self.judge, folding, start)
            rest[start] = union(*[concat(self.spelling.one(chars), rest[start + width]) for width, chars in ways])
        return rest[0]

    def packed(self, items: tuple[Node, ...]) -> Iterable[Node | Term]:
        """The items of a sequence; runs of characters that are folded as a whole become terms."""
        if not any(_is_full(item) for item in items):
            yield from items
            return
        run: list[Character] = []
        fold: Fold = ""
        for item in items:
            if isinstance(item, Character):
                if item.fold != fold and (item.fold or self.has_case(item)):
                    yield from self.flushed(run, fold)
                    run, fold = [], item.fold
                run.append(item)
            else:
                yield from self.flushed(run, fold)
                run = []
                yield item
        yield from self.flushed(run, fold)

    def has_case(self, item: Character) -> bool:
        if codepoints.case_variants(self.judge, item.code) != ((item.code, item.code),):
            return True
        full = regex.FULLCASE | regex.IGNORECASE
        if self.syntax.flags & full != full or self.judge.encoding == "a" or codepoints.expansions() is None:
            return False
        return len(codepoints.folded(chr(item.code))) > 1

    def flushed(self, run: list[Character], fold: Fold) -> Iterable[Term]:
        """A run of characters as `regex` compiles it: strings that are folded as a whole between ones that are not."""
        if fold and not any(self.has_case(item) for item in run):
            fold = ""
        if fold != "full" or not run or not self.can_fold(run[0]):
            for item in run:
                yield self.character(item, item.code, "simple" if fold else "")
            return
        for start, end, whole in _chunks("".join(chr(item.code) for item in run)):
            part = run[start:end]
            if not whole:
                for item in part:
                    yield self.character(item, item.code, "simple")
            elif len(part) == 1:
                yield self.character(part[0], part[0].code, "full")
            elif part:
                yield self.folded_run(part[0], codepoints.folded("".join(chr(item.code) for item in part)))

    def unpredictable_folding(self, node: Node) -> None:
        self.because(
            node, "full case folding in", "which letters fold together depends on how regex rearranges the pattern"
        )
        self.unpredictable = True

    def rearranged(self, items: tuple[Node, ...], backwards: bool) -> Walk[tuple[Node, ...]]:
        """Move what all alternatives have in common out to the left, as `regex` does.

        It matters only where characters are folded in runs, because the common start joins the run before it.
        """
        result: list[Node] = []
        for item in items:
            if not isinstance(item, NamedList | Alternation) or not _has_full(item) or item in self.settled:
                result.append(item)
                continue
            node = self.spelled_out(item) if isinstance(item, NamedList) else item
            alternatives: list[tuple[Node, ...]] = []
            for branch in node.branches:
                inner: tuple[Node, ...] = yield self.rearranged(_items(branch), backwards)
                if len(inner) == 1 and isinstance(inner[0], Alternation):
                    alternatives += [_items(alternative) for alternative in inner[0].branches]
                else:
                    alternatives.append(inner)
            count = 0 if backwards else self.common_start(alternatives)
            if count is None or (backwards and any(_is_full(i) for items in alternatives for i in items)):
                self.unpredictable_folding(item)
                count = 0
            rest = tuple(_sequence_of(list(alternative[count:]), node) for alternative in alternatives)
            settled = Alternation(node.at, node.end, rest)
            self.settled.add(settled)
            result += [*alternatives[0][:count], settled]
        return tuple(result)

    def common_start(self, alternatives: list[tuple[Node, ...]]) -> int | None:
        """How many items `regex` moves out of all alternatives; None where that is not known."""
        most = min(len(items) for items in alternatives)
        count = 0
        while count < most:
            column = [items[count] for items in alternatives]
            if not all(isinstance(item, Character) for item in column):
                movable = (CharacterClass, Assertion, Look, Atomic, Condition, Newline, Grapheme, Keep, Call, Verb)
                if all(isinstance(item, movable) for item in column):
                    return None  # whether they are equal is for `regex` to say
                break
            if len({(item.code, item.fold) for item in column if isinstance(item, Character)}) > 1:
                break
            count += 1
        while count and not all(_can_split(items, count) for items in alternatives):
            count -= 1
        return count

    # -- texts

    def ordered_literals(self, texts: list[bytes]) -> list[Ordered]:
        """The texts in this order of preference, few units."""
        unique = sorted(set(texts))
        if not any(later.startswith(text) for text, later in itertools.pairwise(unique)):
            return [ordered_unit(self.spelling.one_of(texts))]
        return [ordered_unit(self.spelling.text(text)) for text in texts]

    def one_of_ranges(self, words: list[tuple[Ranges, ...]]) -> Term:
        """One of ``words``, each a sequence of character sets, with their common starts shared."""
        return run_walk(self.shared(words, 0))

    def shared(self, words: list[tuple[Ranges, ...]], depth: int) -> Walk[Term]:
        terms: list[Term] = []
        following: dict[Ranges, list[tuple[Ranges, ...]]] = {}
        for word in words:
            if len(word) == depth:
                terms.append(EPSILON)
            else:
                following.setdefault(word[depth], []).append(word)
        for ranges, longer in following.items():
            rest = yield self.shared(longer, depth + 1)
            terms.append(concat(self.spelling.one(ranges), rest))
        return union(*terms)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _directions(syntax: Syntax) -> dict[Node, bool]:
    """Whether each group stands where it is matched backwards."""
    found: dict[Node, bool] = {}
    work: list[tuple[Node, bool]] = [(syntax.root, syntax.reverse)]
    while work:
        node, backwards = work.pop()
        if isinstance(node, Group):
            found[node] = backwards
        for child in _children(node):
            tested = isinstance(node, Look) or (isinstance(node, LookCondition) and child is node.test)
            work.append((child, node.behind if tested and isinstance(node, Look | LookCondition) else backwards))
    return found


def _is_full(node: Node) -> bool:
    return isinstance(node, Character) and node.fold == "full"


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else (node,)


def _sequence_of(items: typing.Sequence[Node], original: Node) -> Node:
    return items[0] if len(items) == 1 else Sequence(original.at, original.end, tuple(items))


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = list(numbers)
    return None if None in known else sum(number for number in known if number is not None)


def _widest(widths: list[Width]) -> Width:
    highs = [high for _, high in widths if high is not None]
    return min(low for low, _ in widths), max(highs) if len(highs) == len(widths) else None


def _done(value: T) -> Walk[T]:
    """A walk that has arrived."""
    return value
    yield  # the yield that makes it a generator


def _has_full(node: Node) -> bool:
    """Whether characters in ``node``, at its own level or in its alternatives, are folded in runs."""
    work = [node]
    while work:
        node = work.pop()
        if isinstance(node, Character | NamedList) and node.fold == "full":
            return True
        if isinstance(node, Sequence | Alternation | LookCondition):
            work.extend(_children(node))
    return False


def _can_split(items: tuple[Node, ...], count: int) -> bool:
    """Whether `regex` finds that cutting ``items`` at ``count`` tears no folding apart."""
    if not (_full_at(items, count - 1) and _full_at(items, count)):
        return True
    if _is_folding(items[count - 1 : count + 1]):
        return False
    if _full_at(items, count + 2) and _is_folding(items[count - 1 : count + 2]):
        return False
    return not (_full_at(items, count - 2) and _is_folding(items[max(count - 2, 0) : count + 1]))


def _full_at(items: tuple[Node, ...], index: int) -> bool:
    return 0 <= index < len(items) and _is_full(items[index])


def _is_folding(items: tuple[Node, ...]) -> bool:
    """Whether the characters are what some single character folds to."""
    if len(items) < 2 or not all(isinstance(item, Character) and item.fold for item in items):
        return False
    text = codepoints.folded("".join(chr(item.code) for item in items if isinstance(item, Character)))
    return any(text == folding for _, folding in codepoints.expansions() or ())


def _without_earlier(term: Term, earlier: list[Term], backwards: bool) -> Term:
    """``term``, where none of ``earlier`` matches from the same place."""
    if not earlier:
        return term
    if backwards:
        return concat(term, behind(concat(ALL, union(*earlier)), negative=True))
    return concat(ahead(concat(union(*earlier), ALL), negative=True), term)


def _encodable(texts: Iterable[str]) -> list[bytes]:
    """In UTF-8, without those that have lone surrogates, which no text has."""
    return [text.encode() for text in texts if not any("\ud800" <= c <= "\udfff" for c in text)]


def _without(ranges: Ranges, code: int) -> Ranges:
    parts = [(lo, min(hi, code - 1)) for lo, hi in ranges] + [(max(lo, code + 1), hi) for lo, hi in ranges]
    return normalised((lo, hi) for lo, hi in parts if lo <= hi)


def empty_text_has_no_boundary() -> bool:
    r"""Whether ``\B`` of `re` matches in the empty text (it did not before Python 3.14)."""
    import re

    return re.fullmatch(r"\B", "") is not None


def _foldings_matched(judge: Judge, node: CharacterClass) -> list[str]:
    """The foldings of several characters that `regex` lets a set match as well."""
    version = regex.V1 if judge.version else regex.V0
    flags = version | regex.FULLCASE | regex.IGNORECASE
    pattern = regex.compile(node.source, flags, cache_pattern=False)
    return [f for f in dict.fromkeys(f for _, f in codepoints.expansions() or ()) if pattern.fullmatch(f)]


def _chunks(text: str) -> Iterable[tuple[int, int, bool]]:
    """``text`` cut as `regex` cuts a run that ignores case fully: (start, end, whether it is folded as a whole).

    Where a folding of several characters occurs in the folded text, the characters at those places are folded
    together; `regex` counts the places in the folded text, but cuts the unfolded one, and so must we.
    """
    folded = codepoints.folded(text).lower()
    found: list[tuple[int, int]] = []
    for _, expansion in codepoints.expansions() or ():
        start = folded.find(expansion)
        while start >= 0:
            found.append((start, start + len(expansion)))
            start = folded.find(expansion, start + 1)
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    position = 0
    for start, end in merged:
        if position < start:
            yield position, start, False
        yield start, end, True
        position = end
    if position < len(text):
        yield position, len(text), False
