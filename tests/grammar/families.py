"""Small grammars by what they try: Lark's own style, and tiny ones that are nasty.

A `Sample` is a grammar with characters to make texts of, some texts that are worth trying, and the parsers and lexers
that Lark takes it with; whether a text is right is for Lark to say. `PAIRS` are all grammars with all their options.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from lark import Lark
from lark.exceptions import LarkError
from lark.indenter import Indenter, PythonIndenter

__all__ = ["MODES", "PAIRS", "SAMPLES", "Blocks", "Pair", "Sample"]

MODES: dict[str, dict[str, Any]] = {
    "dynamic": {"parser": "earley", "lexer": "dynamic"},
    "complete": {"parser": "earley", "lexer": "dynamic_complete"},
    "earley basic": {"parser": "earley", "lexer": "basic"},
    "contextual": {"parser": "lalr", "lexer": "contextual"},
    "basic": {"parser": "lalr", "lexer": "basic"},
}
EARLEY = ("dynamic", "complete", "earley basic")
LALR = ("contextual", "basic")
DYNAMIC = ("dynamic", "complete")
ALL = (*EARLEY, *LALR)


@dataclass(frozen=True, eq=False)
class Sample:
    """One grammar. ``alphabet``: the characters of exhaustive texts; ``texts``: to be mutated, right or wrong."""

    name: str
    grammar: str
    alphabet: str
    texts: tuple[str, ...]
    modes: tuple[str, ...]
    starts: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    pieces: tuple[str, ...] = ()  # to make texts of, where those of single characters tell little


@dataclass(frozen=True, eq=False)
class Pair:
    """A grammar with a parser, a lexer and a start rule."""

    sample: Sample
    mode: str
    start: str

    def __str__(self) -> str:
        start = f"/{self.start}" if len(self.sample.starts) > 1 else ""
        return f"{self.sample.name}{start}-{self.mode}".replace(" ", "_")

    @cached_property
    def lark(self) -> Lark:
        sample = self.sample
        return Lark(sample.grammar, **{"start": list(sample.starts), **MODES[self.mode], **sample.options})

    def accepts(self, text: str) -> bool:
        """Whether Lark parses ``text``.

        Where a text is complete both with and without what is ignored at its end, by two alternatives of the start
        rule, Lark's Earley parser finds both and then says that this should not be: that counts as accepted.
        """
        try:
            self.lark.parse(text, start=self.start)
        except LarkError:
            return False
        except (AssertionError, IndexError):
            if "postlex" in self.sample.options:  # an Indenter's, of a parenthesis that closes nothing, of no newline
                return False
            raise
        except RuntimeError as error:
            if str(error).startswith("Earley should not generate multiple start symbol items"):
                return True
            raise
        return True


SAMPLES: dict[str, Sample] = {}


def sample(
    name: str,
    grammar: str,
    alphabet: str,
    *texts: str,
    modes: tuple[str, ...] = ALL,
    starts: tuple[str, ...] = ("start",),
    pieces: tuple[str, ...] = (),
    **options: Any,
) -> None:
    SAMPLES[name] = Sample(name, grammar, alphabet, texts, modes, starts, options, pieces)


# --- as in Lark's examples ------------------------------------------------------------------------------

sample(
    "calculator",
    """
    ?start: sum | NAME "=" sum -> assign_var
    ?sum: product | sum "+" product -> add | sum "-" product -> sub
    ?product: atom | product "*" atom -> mul | product "/" atom -> div
    ?atom: NUMBER -> number | "-" atom -> neg | NAME -> var | "(" sum ")"
    %import common.CNAME -> NAME
    %import common.NUMBER
    %import common.WS_INLINE
    %ignore WS_INLINE
    """,
    "1a+-( ",
    "a = 1 + 2 * -3",
    "(1.5e3-x)/y_1",
    " 1 ",
    "a=.5",
    "1e5+1.",
    pieces=("a", " ", "1", "+", "-", "*", "(", ")", "="),
)
JSON = r"""
    ?start: value
    ?value: object | array | string | SIGNED_NUMBER -> number | "true" -> true | "false" -> false | "null" -> null
    array: "[" [value ("," value)*] "]"
    object: "{" [pair ("," pair)*] "}"
    pair: string ":" value
    string: ESCAPED_STRING
    %import common.ESCAPED_STRING
    %import common.SIGNED_NUMBER
    %import common.WS
    %ignore WS
    """
sample("json", JSON, '[],1"\\', '{"a": [1, -2.5e+3, "\\"é", true], "b": {}}', "[null,false]", '["\\\\",""]', " 1 ")
sample("json pieces", JSON, '{}"a:', '{"a":[1]}', pieces=('"a"', "{", "}", ":", ",", "[", "]", "1", " ", "true"))
sample("json objects", JSON, '{}:"a,', '{"a":{}, "a" : "a"}')
sample(
    "turtle",
    """
    start: instruction+
    instruction: MOVEMENT NUMBER -> movement | "c" COLOR [COLOR] -> change_color
               | "fill" code_block -> fill | "repeat" NUMBER code_block -> repeat
    code_block: "{" instruction+ "}"
    MOVEMENT: "f"|"b"|"l"|"r"
    COLOR: LETTER+
    %import common.LETTER
    %import common.INT -> NUMBER
    %import common.WS
    %ignore WS
    """,
    "f1 c{}",
    "c red yellow fill { repeat 36 { f200 l170 }}",
    "f1b2",
    "c c c f 1",
    "cred",
    "repeat 3 { f 1 }",
    pieces=("f", "1", " ", "c ", "red", "{", "}", "repeat ", "fill"),
)
sample(
    "configuration files",
    r"""
    start: _NL? section+
    section: "[" NAME "]" _NL item+
    item: NAME "=" VALUE? _NL
    NAME: /\w/+
    VALUE: /./+
    %import common.NEWLINE -> _NL
    %import common.WS_INLINE
    %ignore WS_INLINE
    """,
    "[]a=\n ",
    "[a]\nx = 1 2\ny=\n[b]\nz==[\n",
    "\n[a]\na= \n",
)
sample(
    "fruit flies",
    """
    sentence: noun verb noun -> simple | noun verb "like" noun -> comparative
    noun: adj? NOUN
    verb: VERB
    adj: ADJ
    NOUN: "flies" | "bananas" | "fruit"
    VERB: "like" | "flies"
    ADJ: "fruit"
    %import common.WS
    %ignore WS
    """,
    "fl ",
    "fruit flies like bananas",
    "fruit flies like like fruit",
    "fliesfliesflies",
    starts=("sentence",),
)


class Blocks(Indenter):
    """Two spaces or a tab for two."""

    NL_type = "_NL"
    OPEN_PAREN_types: ClassVar = ["LPAR"]
    CLOSE_PAREN_types: ClassVar = ["RPAR"]
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 2


sample(
    "indented tree",
    r"""
    ?start: _NL* tree
    tree: NAME _NL [_INDENT tree+ _DEDENT]
    %import common.CNAME -> NAME
    %import common.WS_INLINE
    %declare _INDENT _DEDENT
    %ignore WS_INLINE
    _NL: /(\r?\n[\t ]*)+/
    """,
    "a\n \t",
    "a\n  b\n  c\n    d\n",
    "a\n  b\n c\n",
    "\na\n\n\tb\n  c\n\n",
    modes=LALR,
    postlex=Blocks(),
    pieces=("a\n", " b\n", "  c\n", "\td\n", "    e\n", "\n", " "),
)
sample(
    "indented statements",
    r"""
    start: (_NL | stmt)*
    stmt: simple _NL | "if" expr ":" block
    ?block: _NL _INDENT stmt+ _DEDENT | simple _NL
    simple: expr | "pass"
    expr: NAME | expr "+" NAME | LPAR [expr] RPAR
    NAME: /[a-z]+/
    LPAR: "("
    RPAR: ")"
    %declare _INDENT _DEDENT
    _NL: /(\r?\n[\t ]*|#[^\n]*)+/
    %ignore /[ ]+/
    """,
    "a(:\n) ",
    "if a:\n  b\n  if c: pass\nd\n",
    "if (a\n +b):\n  pass\n",
    "(\n  (\n))\n",
    "if a:\n  if b:\n    c\n#d\n  e\n",
    "a)\n",
    modes=LALR,
    postlex=Blocks(),
    pieces=("a", "if a:", "\n", "\n  ", "\n    ", "\n ", "(", ")", "pass", "#c"),
)
sample(
    "python like",
    r"""
    file_input: (_NEWLINE | stmt)*
    ?stmt: "def" NAME LPAR [NAME ("," NAME)*] RPAR ":" suite | "return" [test] _NEWLINE | NAME "=" test _NEWLINE
    suite: _NEWLINE _INDENT stmt+ _DEDENT
    ?test: NAME | INT | LSQB [test ("," test)* [","]] RSQB | LBRACE RBRACE | STRING
    LPAR: "("
    RPAR: ")"
    LSQB: "["
    RSQB: "]"
    LBRACE: "{"
    RBRACE: "}"
    %declare _INDENT _DEDENT
    %import python.NAME
    %import python.STRING
    %import common.INT
    _NEWLINE: ( /\r?\n[\t ]*/ | COMMENT )+
    COMMENT: /#[^\n]*/
    %ignore /[\t \f]+/
    """,
    "a=1[\n ]",
    "def f(a, b):\n        x = [a,\n b]\n        return x\ny = {}\n",
    "def f():\n\treturn 'a'\n# end\n",
    "a = [1, ]\n",
    modes=LALR,
    starts=("file_input",),
    postlex=PythonIndenter(),
    pieces=("def f():", "x=[", "]", "\n", "\n    ", "\n\t", "return ", "a", "# c\n", " "),
)
sample(
    "list of templates",
    r"""
    start: list
    ?expr: list | INT | _quoted{LETTER}
    list: "[" _separated{expr, ","} "]"
    _separated{x, sep}: x (sep x)*
    _quoted{what}: "'" what "'"
    %import common.INT
    %import common.LETTER
    %ignore " "
    """,
    "[]1,'a",
    "[1, [2,'a'] ]",
    "['a']",
    "[]",
)
sample(
    "reduced lambda",
    r"""
    start: term
    ?term: abstraction | application
    abstraction: "\\" NAME "." term
    ?application: [application] atom
    ?atom: NAME | "(" term ")"
    NAME: /[a-z]/
    %ignore /\s+/
    """,
    "\\ab.( )",
    "\\a.\\b.a(b a)",
    "(\\x.x)",
    "ab",
)
sample(
    "dangling else",
    """
    start: stmt
    stmt: "if" COND "then" stmt | "if" COND "then" stmt "else" stmt | "x"
    COND: /[a-z]+/
    %ignore " "
    """,
    "ifx ",
    "if a then if b then x else x",
    "ifathenx",
    "if then then x",
    pieces=("if", "a", " ", "then", "else", "x"),
)
sample(
    "dangling else resolved",
    """
    start: stmt
    stmt: I c T stmt (E stmt)? | X
    c: C
    I: "i"
    T: "t"
    E: "e"
    X: "x"
    C: "c"
    """,
    "ictex",
    "ictictxexex",
    "ictictxex",
)
sample(
    "regular tags",
    """
    start: element
    element: "<" NAME attribute* ">" (element | TEXT)* "</" NAME ">" | "<" NAME attribute* "/>"
    attribute: NAME "=" ESCAPED_STRING
    NAME: /[a-z]+/
    TEXT: /[^<]+/
    %import common.ESCAPED_STRING
    WS: /[ ]+/
    """,
    '<a/> "=',
    "<a><b/>text<c></c></a>",
    "<a></b>",
    "<a></a >",
    '<ax="1"/>',
    pieces=("<", "a", ">", "/", " ", "=", '"b"'),
)
sample(
    "select statements",
    """
    start: "select"i columns "from"i NAME ["where"i condition]
    columns: "*" | NAME ("," NAME)*
    condition: NAME "=" (INT | STRING) | condition "and"i condition
    NAME: /[a-z_]+/i
    STRING: /'[^']*'/
    %import common.INT
    %ignore /\\s+/
    """,
    "aS*'= ",
    "SELECT a, B FROM t WHERE a=1 and b='x'",
    "select*from t",
    "select a fromt",
    "\u017felect * from x",
    modes=("dynamic", "complete", "earley basic", "contextual", "basic"),
    pieces=("select ", "from ", "a", "b ", "where ", "=", "1", "'x'", " and ", "*"),
)

# --- names and keywords ---------------------------------------------------------------------------------

sample(
    "keywords against names",
    """
    start: "if" NAME | NAME "=" NAME
    NAME: /[a-z]+/
    %ignore " "
    """,
    "if=a ",
    "if a",
    "iff=if",
    "if=a",
    "ifa",
    "if if",
    "iffa =a",
)
sample(
    "keywords by priority",
    """
    start: (IF | NAME)+
    IF.2: "if"
    NAME: /[a-z]+/
    """,
    "ifa",
    "iffy",
    "fif",
)
sample(
    "keywords by lower priority",
    """
    start: IF NAME
    IF.-1: "if"
    NAME: /[a-z]+/
    %ignore " "
    """,
    "if a",
    "if a",
    "if if",
)
sample(
    "keywords without case",
    """
    start: "if"i NAME
    NAME: /[a-z]+/
    %ignore " "
    """,
    "iIfF ",
    "IF a",
    "if a",
    "iF if",
    "İf a",
)
sample(
    "keywords without case among names without case",
    """
    start: "if"i NAME | NAME
    NAME: /[a-z]+/i
    %ignore " "
    """,
    "iIfF ",
    "IF a",
    "iF If",
    "IFF",
)
sample(
    "keyword inside a cased name",
    """
    start: "IF" | NAME NAME
    NAME: /[a-zA-Z]+/
    %ignore " "
    """,
    "IFif ",
    "IF",
    "IF IFF",
    "IFF IFF",
)
sample(
    "several keywords of one name",
    """
    start: stmt (";" stmt)*
    stmt: "in" | "int" NAME | "into" NAME NAME
    NAME: /[a-z]+/
    %ignore /[ ]/
    """,
    "into; ",
    "int a;in;into a b",
    "into into into",
    "in tot",
)
sample(
    "context decides",
    """
    start: "a" NAME "b" | NAME "a"
    NAME: /[ab]+/
    %ignore " "
    """,
    "ab ",
    "a a b",
    "a b b",
    "ab a",
    "a ab b",
)
sample(
    "only one context knows the keyword",
    """
    start: "let" NAME "in" expr
    expr: NAME | "(" expr ")" | expr NAME
    NAME: /[a-z]+/
    %ignore " "
    """,
    "letin( ",
    "let let in in",
    "let in in let",
    "let a in (let)",
)
sample(
    "prefix keywords",
    """
    start: ("a" | "ab" | "abc" | "c")+
    """,
    "abc",
    "abcaabc",
    "abccab",
)
sample(
    "operators of one, two and three characters",
    """
    start: INT (OP INT)*
    OP: "<" | "<=" | "<<" | "<<=" | "="
    INT: /[0-9]/
    """,
    "1<=",
    "1<<=2<=3",
    "1<<<2",
    "1<2==3",
)
sample(
    "operators as anonymous terminals",
    """
    start: e
    e: e "<" INT | e "<<" INT | e "<=" INT | INT
    INT: /[0-9]/
    """,
    "1<= ",
    "1<<2<=3",
    "1<<<2",
)
sample(
    "keyword ends in a letter that may begin a name",
    """
    start: "is" NAME | "isnot" NAME | "not"
    NAME: /[a-z]+/
    """,
    "isnot",
    "isa",
    "isnota",
    "isnotnot",
    "not",
)
sample(
    "same expression twice",
    """
    start: A B | B A "x"
    A: /[a-z]/
    B: /[a-z]/
    """,
    "axz",
    "ab",
    "abx",
)
sample(
    "same expression twice, the second first",
    """
    start: A B | B
    A: /[a-z]/
    B.1: /[a-z]/
    """,
    "axz",
    "ab",
    "a",
)
sample(
    "terminals in terminals",
    """
    start: (VERSION | INT | DOT | WORD)+
    VERSION: INT DOT INT
    INT: DIGIT+
    DIGIT: "0".."9"
    DOT: "."
    WORD: ("a".."c" | "é")+
    """,
    "1.aé",
    "1.2.3",
    "1..2",
    "a1.2é",
)
sample(
    "priority inverted",
    """
    start: (A | B)+ "c"
    A.2: "a"
    B: /a+b?/
    """,
    "abc",
    "aabc",
    "ac",
    "aac",
    priority="invert",
)
sample(
    "priority normal",
    """
    start: (A | B)+ "c"
    A.2: "a"
    B: /a+b?/
    """,
    "abc",
    "aabc",
    "ac",
    "aac",
)
sample(
    "priority off",
    """
    start: (A | B)+ "c"
    A.2: "a"
    B: /a+b?/
    """,
    "abc",
    "aabc",
    "ac",
    "aac",
    priority=None,
)

# --- ignored -------------------------------------------------------------------------------------------

sample("only ignored", 'start: "a"?\n%ignore " "\n%ignore /b+/', "a bc", " ", "bb", " a bb", "bab")
sample("nothing but ignored", 'start:\n%ignore "a"\n%ignore "bc"', "abc", "", "a", "abca", "b")
sample("ignored, or a token at the end", 'start: "a" | "a" " " "b"?\n%ignore " "', "ab ", "a ", "a  b", " a b ")
sample("ignored everywhere", 'start: "a" "b" "c"\n%ignore /[ \\n]+/', "abc \n", " a b\nc ", "abc", "ab")
sample(
    "ignored and used",
    """
    start: "a" SPACE "b" | "a" "b" "c"
    SPACE: " "
    %ignore SPACE
    """,
    "abc ",
    "a b",
    "a  b",
    "ab c",
    "a  b  ",
)
sample(
    "ignored word is a keyword elsewhere",
    """
    start: "of" NUMBER | NUMBER+
    NUMBER: /[0-9]/
    WORD: /[a-z]+/
    %ignore WORD
    %ignore " "
    """,
    "of1 ",
    "of 1",
    "1 of 2",
    "off 1",
    "1 a 2",
)
sample(
    "ignored text is a keyword of a name",
    """
    start: NAME ("," NAME)*
    NAME: /[a-z]+/
    %ignore "the"
    %ignore " "
    """,
    "the, ",
    "the cat",
    "a, the",
    "cat, the dog",
    "thecat",
)
sample(
    "ignored letter against a name",
    """
    start: NAME+
    NAME: /[ab]+/
    %ignore "b"
    %ignore " "
    """,
    "ab ",
    "abba",
    "b a b",
    "bab b",
)
sample(
    "comments",
    r"""
    start: WORD*
    WORD: /[a-z]+/
    COMMENT: "/*" /(.|\n)*?/ "*/" | "//" /[^\n]/*
    %ignore COMMENT
    %ignore /\s/
    """,
    "a/*\n",
    "a /* b */ c // d",
    "/***/a/*/*/",
    "//\na",
    "a/*b**/ */",
)
sample(
    "common comments",
    """
    start: WORD+
    %import common.WORD
    %import common.C_COMMENT
    %import common.CPP_COMMENT
    %import common.SH_COMMENT
    %import common.WS
    %ignore C_COMMENT
    %ignore CPP_COMMENT
    %ignore SH_COMMENT
    %ignore WS
    """,
    "a/*#\n",
    "a/*b*/c",
    "# a\nb//c",
    "a#/*\n*/",
)
sample(
    "ignored one character at a time",
    "start: A A\nA: /a+/\n%ignore /[ .]/",
    "a .",
    "aa.a",
    ". a.. a .",
)
sample(
    "two that are ignored share a beginning",
    'start: "x" "x"\n%ignore "ab"\n%ignore "abc"\n%ignore "cd"',
    "xabcd",
    "xabcdx",
    "abxabcx",
    "xabx",
)
sample(
    "ignored recursion of the start",
    """
    start: "(" start? ")" start?
    %ignore " "
    """,
    "() ",
    "(()) ()",
    " ( ) ",
)
sample(
    "ignored with lines",
    r"""
    start: (LINE _NL)*
    LINE: /[^\n\\]+/
    _NL: /\n+/
    %ignore /\\\n/
    """,
    "a\\\n ",
    "a\nb\n",
    "a\\\nb\n",
    "\\\na\n\\\n",
)

# --- lazy, greedy, possessive: preferred matches -------------------------------------------------------------

sample("until the end", 'start: BODY "END"\nBODY: /.+?(?=END)/', "ENDa", "aEND", "ENDEND", "aENEND", "END", "aENDEND")
sample(
    "until the end, ignored",
    'start: (BODY END)+\nBODY: /.+?(?=;)/\nEND: ";"\n%ignore " "',
    "a; ",
    "a;b;",
    "a ; b ;",
    ";;",
    " a; ",
)
sample("lazy alone", "start: A B\nA: /a+?/\nB: /[ab]+/", "ab", "ab", "aab", "aa", "a")
sample("lazy and then", 'start: A "b"\nA: /a*?b/', "ab", "bb", "aabb", "b")
sample("lazy optional", 'start: A "b"?\nA: /ab??/', "ab", "a", "ab", "abb")
sample("lazy counted", 'start: A+ "c"\nA: /[ab]{2,3}?/', "abc", "abc", "abac", "ababac")
sample("lazy between", "start: S+\nS: /<.*?>/", "<a>", "<a><>", "<<>", "<a>>", "<><a>")
sample("lazy among others", 'start: (S | ">" | "a")+\nS: /<.*?>/', "<a>", "<a>>", "<a<>a", "a")
sample("greedy to the last", 'start: S ">"?\nS: /<.*>/', "<a>", "<a>>", "<>", "<a")
sample("the first alternative wins", 'start: A "c"\nA: /a|ab/', "abc", "ac", "abc")
sample("the first alternative wins, written as terminals", 'start: A "c"\nA: "a" | "ab"', "abc", "ac", "abc")
sample("the first alternative and then the rest", 'start: A "b" "c" | A "c"\nA: /a|ab/', "abc", "abc", "ac")
sample("an optional part goes first", 'start: A "b"\nA: /ab?/', "ab", "ab", "abb")
sample("nested repetitions", 'start: A "ab"\nA: /(?:a|ab)+/', "ab", "aab", "abab", "aabab")
sample("nothing is left to match", 'start: A "a"\nA: /a+/', "ab", "aa", "a")
sample("nothing is left unless between", 'start: A "a"\nA: /a+/\n%ignore "b"', "ab", "aba", "aaba", "ab")
sample(
    "escaped strings", 'start: S ("," S)*\n%import common.ESCAPED_STRING -> S', '"\\a,', '"a","\\""', '"\\\\"', '"""'
)
sample(
    "strings of two kinds",
    r"""
    start: (LONG | SHORT)+
    LONG: /\"\"\".*?\"\"\"/s
    SHORT: /"[^"\n]*"/
    """,
    '"a\n',
    '"a"""',
    '"""a"""',
    '"""""""',
    '""""a""',
)
sample(
    "python strings",
    "start: (S | L)+\n%import python.STRING -> S\n%import python.LONG_STRING -> L",
    "'a\\r",
    "'a'r'\\''",
    "'''a'''",
    "''''''",
    "rb'a'",
)
if sys.version_info >= (3, 11):  # `re` knows them since then
    sample("possessive", 'start: A "b"\nA: /a++/', "ab", "aab")
if sys.version_info >= (3, 11):  # `re` knows them since then
    sample("atomic", 'start: A "c"\nA: /(?>a|ab)c?/', "abc", "ac", "abc", "acc")

# --- maximal munch with a fallback -----------------------------------------------------------------------

sample(
    "ranges of numbers",
    """
    start: NUMBER (".." NUMBER)?
    NUMBER: INT | FLOAT
    INT: /[0-9]+/
    FLOAT: /[0-9]+\\.[0-9]+/
    """,
    "1.2",
    "1..2",
    "1.2..3",
    "1...2",
)
sample(
    "numbers as two terminals",
    """
    start: item+
    item: INT | FLOAT | ".." | "."
    INT: /[0-9]+/
    FLOAT: /[0-9]+\\.[0-9]+/
    """,
    "1.2",
    "1..2",
    "1.2..3",
    "1.",
)
sample(
    "an exponent that does not come",
    """
    start: NUM NAME? ("." NAME)*
    NUM: /[0-9]+(e[0-9]+)?/
    NAME: /[a-f]+/
    """,
    "1ef.",
    "1e5f",
    "1e",
    "1ef.e",
)
sample(
    "far fallback",
    """
    start: (A | B)+
    A: "a"
    B: "aaaab"
    """,
    "ab",
    "aaaab",
    "aaaaab",
    "aaaa",
)
sample(
    "fallback across ignored",
    """
    start: "a" | "a b c" | "a" "b" "d"
    %ignore " "
    """,
    "abcd ",
    "a b c",
    "a b d",
    "a  b d",
)
sample(
    "a better thread trails behind",
    """
    start: (SHORT | LONG | OTHER)*
    SHORT: /x/
    LONG: /xy*z/
    OTHER: /y/
    """,
    "xyz",
    "xyyz",
    "xyy",
    "xyxyz",
)
sample(
    "two obligations at once",
    """
    start: (A | B | C | D)*
    A: "a"
    B: /ab*c/
    C: "b"
    D: /bb*d/
    """,
    "abcd",
    "abbd",
    "abc",
    "abbbda",
)
sample("dead ends of greed", 'start: "<" TEXT ">"\nTEXT: /[^<]+/', "<a>", "<a>", "<a>>")
sample("dead ends unless ended", 'start: "<" TEXT ">" "!" | "<" TEXT\nTEXT: /[^<]+/', "<a>!", "<a>", "<a!")
sample("an end that may be swallowed", 'start: A ("." A)* "."\nA: /[a.]*a/', "a.", "a.", "a.a.", "aa.")
sample(
    "name then digits", "start: NAME DIGITS?\nNAME: /[a-z][a-z0-9]*/\nDIGITS: /[0-9]+/\n%ignore /-/", "a1-", "a1", "a-1"
)
sample(
    "dates against numbers",
    'start: (DATE | INT | "-")+\nDATE: /\\d\\d-\\d\\d/\nINT: /\\d+/',
    "1-",
    "11-11",
    "11-1",
    "1-11-11",
    "111-11",
)

# --- lookarounds, anchors ----------------------------------------------------------------------------------

sample(
    "not before a letter", 'start: (KEY | NAME | " ")+\nKEY.2: /if(?![a-z])/\nNAME: /[a-z]+/', "if a", "if iff", "ifif"
)
sample(
    "only before a bracket",
    'start: (CALL "(" ")" | NAME)+\nCALL.2: /[a-z]+(?=\\()/\nNAME: /[a-z]+/\n%ignore " "',
    "a() ",
    "a()",
    "a ()",
    "a b()",
)
sample("not after a letter", 'start: (A | X | "b")+\nA: /(?<!b)a/\nX: "x"', "abx", "axa", "ba", "xab")
sample("only after ignored", 'start: A+\nA: /(?<= )a/\n%ignore " "', "a b", " a a", "a", " aa")
sample("word boundaries", "start: (WORD | PART)+\nWORD.1: /\\bab?\\b/\nPART: /[ab-]/", "ab-", "ab-a", "aab", "a-")
sample("a word between boundaries", 'start: "x" W "y"\nW: /\\b ?a ?\\b/', "xy a", "x ay", "x a y", "xay")
sample("not at a boundary", 'start: (A | " ")+\nA: /a\\B|\\Ba/', "a ", "aa", "a a", "aaa")
sample("beginning of the text", "start: (FIRST | OTHER)+\nFIRST.1: /^a/\nOTHER: /[ab]/", "ab", "aa", "ba")
sample(
    "beginning of lines",
    "start: (FIRST | REST | NL)+\nFIRST.1: /^#.*/m\nREST: /[^#\\n]+/\nNL: /\\n/",
    "#a\n",
    "#a\nb\n#",
    "a#",
    "#\n#a",
)
sample("end of the text", "start: (LAST | OTHER)+\nLAST.1: /a$/\nOTHER: /[ab\\n]/", "ab\n", "aa", "ba\n", "a\nb")
sample("end of lines", "start: (LAST | OTHER)+\nLAST.1: /a+$/m\nOTHER: /[ab\\n]/", "ab\n", "aa\nb", "ba\n", "aab")
sample("very end of the text", "start: A+ B?\nA: /a/\nB: /b\\Z/", "ab", "aab", "ab", "abb")
sample("only at the end", 'start: "a" END | "a" "b"\nEND: /c(?!.|\\n)/', "abc", "ac", "ab", "acc")
sample("lookahead over the next terminal", "start: A B\nA: /a(?=bc)/\nB: /b./", "abcd", "abc", "abd")
sample("negative lookahead over the next two", 'start: A "b" ("c" | "d")\nA: /a(?!bc)/', "abcd", "abc", "abd")
sample("lookahead over ignored", 'start: A B\nA: /a(?= *b)/\nB: "b"\n%ignore " "', "ab c", "a b", "a  b", "ab")
sample("lookaheads that contradict", "start: A B\nA: /a(?=b)/\nB: /c|b(?=c)/", "abc", "abc", "ac")
sample("words that must match twice", "start: A+\nA: /(?=[ab]*c)[a-c]/", "abc", "abc", "c", "aac")
sample("lookahead to the end of the text", 'start: A+ "!"?\nA: /a(?=.*!$)/', "a!", "aa!", "a!!", "aa")
sample("the lookbehind of the next", "start: A B\nA: /[ab]+/\nB: /(?<=ab)c/", "abc", "abc", "bac", "babc")
sample("no lookbehind at the beginning", "start: A\nA: /(?<!^)a|ba/", "ab", "a", "ba")

# --- flags -------------------------------------------------------------------------------------------------

sample("dot and newline", "start: A B\nA: /a.b/s\nB: /c.d/", "abcd\n", "a\nbc\nd", "a\nbcbd")
sample("verbose terminals", "start: A\nA: /a b  [ ] c/x", "abc ", "ab c", "a b c")
sample("several flags", "start: A+\nA: /a . b/xsi", "aAbB\n", "a\nB", "AxB")
sample("case of strangers", 'start: A B\nA: "k"i\nB: "ß"i', "kßs\u212a\u1e9eS", "kß", "\u212a\u1e9e", "kss")
sample("global flags", 'start: A B\nA: /a.b/\nB: "c"', "abcABC\n", "a\nbC", "A.Bc", g_regex_flags=re.I | re.S)
sample("global lines", "start: A (NL A)*\nA: /^a$/\nNL: /\\n/", "ab\n", "a\na", "a\n", g_regex_flags=re.M)
sample("global verbose", 'start: A "a b"\nA: /a b/', "ab ", "aba b", "a ba b", g_regex_flags=re.X)
sample("ascii", "start: A+ B* C?\nC: /#/\nA: /(?a:\\w)/\nB: /(?a:\\W)/", "aé!", "aé!", "éa", "a")
sample("unicode words", "start: WORD (SPACE WORD)*\nWORD: /\\w+/\nSPACE: /\\s/", "aé\u00a0 -", "é\u00a0a", "中 a", "a")
sample(
    "properties",
    "start: A B* C?\nA: /\\p{Lu}/\nB: /\\p{Ll}|\\p{Han}/\nC: /[#]/",
    "aAéÉ中",
    "Aa中",
    "Éé",
    "a",
    regex=True,
)
sample(
    "character sets of the regex module",
    "start: A+ B C?\nA: /\\p{L}(?<!a)/\nB: /\\h++/\nC: /[a]/",
    "ab \t",
    "b ",
    "bé\t",
    "ab ",
    regex=True,
)
sample("outside the plane", 'start: (FACE | WORD)+\nFACE: "😀" | "😁"\nWORD: /[é-ü]+/', "😀😁éß", "😀é😁", "éß")
sample("any but one", 'start: A "é" A\nA: /[^é]/', "éa中😀", "aéa", "中é😀", "éé中")
sample("ranges of characters", 'start: A+ B\nA: "a".."c" | "α".."ω"\nB: "0".."9"', "abαω1", "aω1", "b1")
sample("flags in flags", 'start: A\nA: "a"i /b(?i:c)d/', "abcdABCD", "AbCd", "abcd", "aBcd")

# --- rules -------------------------------------------------------------------------------------------------

sample("left recursion", 'start: start "a" | "b"', "ab", "baa", "ab")
sample("right recursion", 'start: "a" start | "b"', "ab", "aab", "ba")
sample("left and right", 'start: "a" start | start "a" | "b"', "ab", "aba", "aab")
sample("both sides", 'start: start start | "a" | "(" start ")"', "a()", "aaa", "(a)a")
sample("both sides with the empty", 'start: start start | "a" |', "ab", "aaa", "", modes=EARLEY)
sample("mutual left recursion", 'start: a\na: b "x" | "a"\nb: a "y" | "b"', "abxy", "ayx", "bx", "bxyx")
sample(
    "mutual left recursion of three",
    'start: a\na: b "1" | "a"\nb: c "2" | a\nc: a "3" | "c"',
    "ac123",
    "a31",
    "c21",
    "a321",
)
sample("hidden left recursion", 'start: n start "a" | "b"\nn: "c" |', "abc", "ba", "cba", "ccbaa")
sample("hidden left recursion behind two", 'start: m n start "a" | "b"\nn: "c" |\nm: n | "d"', "abcd", "dcba", "ccba")
sample("hidden mutual left recursion", 'start: a\na: n b "1" | "x"\nb: n a "2" | "y"\nn: | "-"', "xy12-", "x21", "-y1")
sample("hidden left recursion, ignored", 'start: n start "a" | "b"\nn: "c"?\n%ignore " "', "abc ", " b a ", "c ba")
sample("hidden right recursion", 'start: "a" start n | "b"\nn: "c"?', "abc", "aabc", "abcc")
sample("nullable chain", 'start: a b c d\na: "1"?\nb: a | "2"\nc: b b\nd: c | "4"', "124", "", "1241", "22")
sample("nullable middle", 'start: "a" n "b" n "c"\nn: | n "x"', "abcx", "axbxxc", "abc")
sample("nullable all the way", 'start: a\na: b\nb: c*\nc: "x" | "y" d\nd: e?\ne: "z"', "xyz", "xyzy", "")
sample("ambiguous lists", 'start: list\nlist: item*\nitem: "a"+ | "b"', "ab", "aaab", "")
sample("ambiguous lists of lists", 'start: (a b*)*\na: "x" | b\nb: "x" "y"?', "xy", "xyx", "", modes=EARLEY)
sample("ambiguous sums", 'start: start "+" start | start "*" start | "1"', "1+*", "1+1*1")
sample("cycle", 'start: a\na: b | "x"\nb: a | "y"', "xy", "x", "xx", modes=EARLEY)
sample("cycle with more", 'start: a "."\na: b | a b | "x"\nb: a | "y" b |', "xy.", "xyx.", ".", modes=EARLEY)
sample("cycle through the empty", 'start: start n | "x"\nn: n n | "y" |', "xy", "xyy", "x", modes=EARLEY)
sample("palindromes", 'start: "a" start "a" | "b" start "b" | "c"?', "abc", "abcba", "abba", "c")
sample("marked palindromes", 'start: "a" start "a" | "b" start "b" | "c"', "abc", "abcba", "abba", "c")
sample("counting", 'start: "a" start "b" |', "ab", "aabb", "aab", "")
sample(
    "counting three is not free of context",
    'start: a b | c d\na: "a" a "b" |\nb: "c"*\nc: "a"*\nd: "b" d "c" |',
    "abc",
    "aabbcc",
    "abcc",
    modes=EARLEY,
)
sample("brackets", 'start: ("(" start ")" | "[" start "]")*', "()[]", "([])()", "([)]")
sample("brackets with more", 'start: x*\nx: "(" x* ")" | A\nA: /[a-z]+/\n%ignore " "', "(a) ", "(a (b c)) d", "a b")
sample(
    "unproductive and unreachable", 'start: "a" | dead "b" | "c" dead\ndead: "d" dead\nlonely: "e"', "abcde", "a", "db"
)
sample("unproductive behind the first", 'start: "a" "b" dead | "a" "c"\ndead: dead "x" | "y" dead', "abcxy", "ac", "ab")
sample("unproductive by lexing", 'start: "x" | A B\nA: /a+/\nB: /a+/', "xa", "x", "aa")
sample(
    "unproductive by lexing, deep",
    'start: ("[" inner "]" | "x")+\ninner: A B | "y"\nA: /a+/\nB: /ab/',
    "[]axyb",
    "[y]x",
    "[aab]",
)
sample("nothing at all", 'start: "a" start', "ab", "a")
sample("counted", 'start: "a"~2..4 "b"~3 ("c" "d"?)~0..2', "abcd", "aabbb", "aaaabbbcdc", "abbb")
sample("counted many", 'start: ("a" "b"?)~60', "ab", "a" * 60, "ab" * 60, "a" * 59)
sample("counted terminals", 'start: A B\nA: "a"~2..3\nB: ("b" | "c")~2', "abc", "aabc", "aaabb", "abbb")
sample("optional and maybe", 'start: ["a"] ("b")? ["c" "d"]', "abcd", "abcd", "", "c")
sample(
    "aliases and inlining",
    'start: _list\n_list: item ("," item)*\n?item: "a" -> letter | "(" other ")"\n!other: item',
    "a,()",
    "a,(a)",
    "((a))",
)
sample("shared beginnings", 'start: a | b\na: X X "1"\nb: X X "2"\nX: "x"', "x12", "xx1", "xx2")
sample("rules by priority", 'start: a | b\na.2: "x" "y"\nb: "x" c\nc: "y" | "z"', "xyz", "xy", "xz")
sample("reduce by priority", 'start: a "1" | b "1"\na.2: "x"\nb: "x"', "x1", "x1")
sample("shift wins", 'start: e\ne: e "+" e | "1"', "1+", "1+1+1")
sample("not LR(1)", 'start: a "x" "p" | b "x" "q"\na: "1"\nb: "1"', "1xpq", "1xp", "1xq", modes=EARLEY)
sample(
    "LR(1) but not LALR(1)",
    'start: "a" e "c" | "a" f "d" | "b" f "c" | "b" e "d"\ne: "e"\nf: "e"',
    "abcde",
    "aec",
    "bed",
    modes=EARLEY,
)
sample("one symbol of lookahead", 'start: a ";" | b "."\na: "x" a | "x"\nb: "x" b | "x"', "x;.", "xx;", "x.")
sample("a terminal as its own separator", 'start: A ("," A)* ","?\nA: /a,?/', "a,", "a,a", "a,,a", "a,")
sample(
    "several starts",
    'first: "a" second?\nsecond: "b" first | "c"',
    "abc",
    "abac",
    "bac",
    "c",
    starts=("first", "second"),
)
sample(
    "start from the middle",
    'start: "[" part "]"\npart: NAME | part "." NAME\nNAME: /[a-z]+/\n%ignore " "',
    "[]a. ",
    "[a.b]",
    "a . b",
    starts=("start", "part"),
)
sample("interference at the joint", 'start: a b\na: "x" | a "x"\nb: X2 | "y" b\nX2: "xx"', "xy", "xyxx", "xxx", "xxxx")
sample("interference in a loop", "start: (A | B)*\nA: /ab*/\nB: /b+c?/", "abc", "abbc", "bcab", "ac")
sample(
    "interference with names",
    'start: item*\nitem: NAME | INT | NAME INT ";"\nNAME: /[a-z][a-z0-9]*/\nINT: /[0-9]+/\n%ignore " "',
    "a1; ",
    "a 1;",
    "a1 1",
    "1a",
)
sample("interference only at the end", 'start: "(" NAME* ")" | NAME\nNAME: /[a-z]+/', "a()", "(a)", "a", "(ab)")
sample(
    "a separator that may be left out",
    'start: NAME (_SEP? NUM)*\n_SEP: ","\nNAME: /[a-z]+/\nNUM: /[0-9]+/\n%ignore " "',
    "a1, ",
    "a 1 2",
    "a,1,1",
    "a1",
)
sample("empty and ignored", "start: a*\na: A | B\nA: /x+/\nB: /y/\n%ignore /-+/", "xy-", "x-x", "-", "--y-")

# --- the directives ----------------------------------------------------------------------------------------

sample(
    "extended",
    'start: a\na: "x"\n%extend a: "y" | A\nA: "w"\n%extend A: "z"\nb: A "."\n%extend start: b',
    "xywz.",
    "x",
    "y",
    "z",
    "w",
    "w.",
)
sample("overridden", 'start: NUMBER\n%import common.NUMBER\n%override NUMBER: /[0-9]/ | "#"', "12#.", "1", "#", "12")
sample(
    "common",
    """
    start: (SIGNED_FLOAT | HEXDIGIT | UCASE_LETTER | WORD | CNAME | NEWLINE)+
    %import common (SIGNED_FLOAT, HEXDIGIT, UCASE_LETTER, WORD, CNAME, NEWLINE)
    """,
    "1.e-A\n",
    "1.5e-3AB_\n",
    "+.5",
    "1e1",
)
sample(
    "imported and renamed",
    'start: N ("," N)*\n%import common.SIGNED_INT -> N\n%import common.WS_INLINE -> _W\n%ignore _W',
    "1-+, ",
    "+1, -2",
    "1 ,1",
)
sample(
    "imported from python",
    "start: (HEX_NUMBER | FLOAT_NUMBER | NAME)+\n%import python (HEX_NUMBER, FLOAT_NUMBER, NAME)",
    "10x_.e",
    "0x1",
    "1_0",
    "1.e",
    "0xx",
    "é1",
)
sample(
    "imported spaces",
    'start: "a" "b"\n%import unicode.WS\n%ignore WS',
    "ab \u00a0\f",
    "a\u00a0b",
    "\fab\u00a0",
    "a\u2028b",
)
sample("grammars of lark", 'start: RULE ("|" RULE)*\n%import lark.RULE\n%ignore " "', "a_|! ", "a|b", "!a | _b", "?a")

# --- where relark and Lark once disagreed --------------------------------------------------------------------

sample(
    "words that are cut out stand alone",
    "start: T+\nT: /\\bab?\\b/\n%ignore /[bc] ?/",
    "abc ",
    "ab ",
    "ab a",
)
sample(
    "possessive and horizontal", "start: A B C?\nA: /b++/\nB: /\\h++/\nC: /[a]/", "ab \t", "b ", "bb\t a", regex=True
)
sample(
    "a keyword that only words without case leave",
    'start: T0 T1 | T1\nT0: /[ab]+/\nT1: "b"i',
    "abB",
    "aB",
    "b",
    "ab",
)
sample(
    "nothing but shifts", 'start: T start | "bc"+ T~1..2\nT.1: "bc"\n%ignore "b"', "bc", "bcbc", "bcbcbc", modes=EARLEY
)
sample(
    "an ignored word is the keyword of a name",
    'start: N ("," N)*\nN: /[a-z]+/\n%ignore "the"\n%ignore " "',
    "the, ",
    "the cat",
    "a,thea",
)
sample(
    "a word of what is ignored is a keyword",
    'start: "of" N | N+\nN: /[0-9]/\nW: /[a-z]+/\n%ignore W',
    "of1",
    "1of",
    "of1",
    "1off1",
)
sample(
    "repetitions in repetitions",
    'start: r0 | start\nr0: T1 T0 | r0* "c"* T0? |\nr1: T0 | r1* T1\nT0.2: /a+/\nT1.1: "bc"',
    "abc",
    "bcaca",
    "ccaa",
    modes=EARLEY,
)

# --- together ------------------------------------------------------------------------------------------------

sample(
    "a small language",
    r"""
    start: stmt*
    stmt: "var" NAME ["=" expr] ";" | "{" stmt* "}" | expr ";"
    ?expr: expr "+" term | term
    ?term: NAME | NUMBER | STRING | "(" expr ")" | NAME "(" [expr ("," expr)*] ")"
    NAME: /[a-z_]\w*/
    NUMBER: /\d+(\.\d+)?/
    STRING: /'(\\.|[^'\\])*'/
    COMMENT: /#[^\n]*/
    %ignore COMMENT
    %ignore /\s+/
    """,
    "a1;('+",
    "var a = 1.5 + f('x\\'', b); # c\n{ a; }",
    "var vara; {;}",
    "varx;",
    "1 .5;",
    pieces=("var ", "a", "=", "1", ";", "{", "}", "(", " "),
)
sample(
    "lines with words",
    r"""
    start: line (_NL line)*
    line: (WORD | NUMBER | PUNCT)*
    WORD: /[^\W\d_]+/
    NUMBER: /\d+/
    PUNCT: /[.,!?]/
    _NL: /\n/
    %ignore /[ \t]+/
    """,
    "aé1.\n ",
    "Hello, wörld 1!\n",
    "a1b",
    "",
)
sample(
    "markdown table",
    r"""
    start: row rule row*
    row: "|" (CELL "|")+ _NL
    rule: "|" (DASHES "|")+ _NL
    CELL: /[^|\n]+/
    DASHES: /:?-+:?/
    _NL: "\n"
    """,
    "|-a\n:",
    "|a|b|\n|-|:-:|\n|c|d|\n",
    "|-|\n|-|\n",
    "|a|\n|--|\n|-|\n",
)
sample(
    "molecules",
    """
    start: chain
    chain: atom (BOND? (atom | DIGIT | "(" BOND? chain ")"))*
    atom: "Cl" | "C" | "l" | "N" | "[" ISOTOPE? "Cl" "]"
    BOND: "=" | "#"
    DIGIT: /[1-9]/
    ISOTOPE: /[0-9]+/
    """,
    "Cl=(1)",
    "C(=N)Cl1",
    "[35Cl]",
    "ClC",
)
sample(
    "chess",
    r"""
    start: move+ RESULT
    move: NUMBER "." SAN SAN?
    NUMBER: /[1-9]\d*/
    SAN: /[KQRBN]?[a-h]?x?[a-h][1-8]\+?|O-O(-O)?/
    RESULT: "1-0" | "0-1" | "*"
    %ignore " "
    """,
    "1.ae-0*O ",
    "1. e4 e5 2. Nf3 1-0",
    "1.e4*",
    "1. O-O O-O-O 0-1",
    "1. O-O-O 1-0",
)
sample(
    "urls",
    r"""
    start: SCHEME "://" HOST [":" PORT] ["/" PATH] ["?" QUERY]
    SCHEME: "http" "s"?
    HOST: LABEL ("." LABEL)*
    LABEL: /[a-z]([a-z-]*[a-z])?/
    PORT: /\d+/
    PATH: /[^?#\s]+/
    QUERY: /[^#\s]+/
    """,
    "a:/.?1",
    "http://a.b:80/c/d?e=f",
    "https://a-b",
    "http://a.",
    "http://a-:1",
)
sample(
    "csv",
    r"""
    start: row (_NL row)* _NL?
    row: field ("," field)*
    field: QUOTED | PLAIN |
    QUOTED: /"(""|[^"])*"/
    PLAIN: /[^",\n]+/
    _NL: /\r?\n/
    """,
    'a",\n',
    'a,"b ""c""",\n,d\n',
    '"a"b',
    '"a""b"',
    "a,b\r\n",
    modes=EARLEY,
)
sample(
    "cron",
    """
    start: field " " field
    field: item ("," item)*
    item: ("*" | VALUE ["-" VALUE]) ["/" VALUE]
    VALUE: /[1-5]?[0-9]/
    """,
    "*1,-/ ",
    "*/5 1,2-59",
    "60 *",
    "1 1",
)
sample(
    "regular expressions",
    r"""
    start: branch ("|" branch)*
    branch: piece*
    piece: atom QUANTIFIER?
    atom: CHAR | "." | "(" start ")" | "[" "^"? (CHAR | "." | "^")+ "]" | ESCAPE
    QUANTIFIER: /[*+?]\??|\{\d+(,\d*)?\}/
    CHAR: /[^\\|.()\[\]^*+?{}]/
    ESCAPE: /\\./
    """,
    "a*?({|",
    "a*?|(b|)",
    "[^a.]{2,}",
    "\\*a{2}",
    "a{",
)
sample(
    "s-expressions",
    r"""
    start: expr*
    ?expr: atom | "(" expr* ["." expr] ")" | "'" expr
    ?atom: SYMBOL | NUMBER | STRING
    SYMBOL: /[^\s().'"0-9;][^\s().'"]*/
    NUMBER: /-?\d+(\.\d+)?/
    STRING: /"[^"]*"/
    %ignore /\s+/
    %ignore /;[^\n]*/
    """,
    "(a).-1",
    '(a . (b \'c)) ; d\n"e"',
    "(- -1 1.5)",
    "a1 1a",
)
sample(
    "quoted with interpolation",
    """
    start: "$" part* "$"
    part: TEXT | "{" expr "}"
    expr: NAME | expr "." NAME
    TEXT: /[^${}]+/
    NAME: /[a-z]+/
    """,
    "$a{.}",
    "$ab{c.d}e$",
    "$$",
    "${a}{b}$",
)

PAIRS: list[Pair] = [
    Pair(found, mode, start) for found in SAMPLES.values() for mode in found.modes for start in found.starts
]
