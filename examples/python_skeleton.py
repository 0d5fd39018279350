"""The skeleton of a Python function: a grammar with blocks by indentation.

A signature with annotations, a docstring, and a body of ``if``, ``for``, ``return`` and calls. Lark's `PythonIndenter`
turns indentation into tokens; what comes out is Python, whatever the model thinks.

    python examples/python_skeleton.py
"""

from __future__ import annotations

import ast
import keyword

from lark import Lark
from lark.indenter import PythonIndenter

import relark

SKELETON = r'''
start: "def" " " NAME "(" parameters? ")" " -> " TYPE ":" _NEWLINE _INDENT DOCSTRING _NEWLINE statement+ _DEDENT
parameters: parameter (", " parameter)~0..2
parameter: NAME ": " TYPE

statement: "return " expression _NEWLINE
         | NAME " = " expression _NEWLINE
         | "if " expression ":" block
         | "for " NAME " in " expression ":" block
block: _NEWLINE _INDENT statement+ _DEDENT
expression: value (OPERATOR value)?
value: NAME | NUMBER | NAME "(" (value (", " value)~0..1)? ")"

TYPE: "int" | "float" | "str" | "bool" | "list"
OPERATOR: " + " | " - " | " * " | " / " | " == " | " < " | " > "
NAME: /(?!(KEYWORDS)\b)[a-z_]{1,16}/
NUMBER: /0|[1-9][0-9]{0,3}/
DOCSTRING: /"""[A-Z][a-z ,]{3,60}\."""/
_NEWLINE: /\n */
%declare _INDENT _DEDENT
'''.replace("KEYWORDS", "|".join(keyword.kwlist))

PROMPT = '''\
Write a Python function that adds up the squares of a list.

def add_squares(numbers: list) -> int:
    """Add up the squares of all numbers."""
    total = 0
    for number in numbers:
        total = total + number
    return total

Write a Python function that finds the largest number of a list.

'''


def main() -> None:
    grammar = Lark(SKELETON, parser="lalr", postlex=PythonIndenter())
    text = relark.generate(PROMPT, grammar=grammar, max_new_tokens=100)
    print(text)
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    print(f"{function.name} takes {len(function.args.args)} parameters; its body has {len(function.body)} statements")


if __name__ == "__main__":
    main()
