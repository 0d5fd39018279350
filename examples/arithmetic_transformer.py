"""Arithmetic: the model writes the calculation, Lark parses it, and a Transformer evaluates it.

``result="tree"`` gives the tree that Lark makes of the finished text; that parse cannot fail.

    python examples/arithmetic_transformer.py
"""

from __future__ import annotations

import operator

from lark import Transformer, v_args

import relark

# `relark.grammars.arithmetic` has more; this one writes spaces as the examples below do, and ends with a line break.
GRAMMAR = r"""
start: sum "\n"
?sum: product
    | sum " + " product -> add
    | sum " - " product -> sub
?product: atom
        | product " * " atom -> mul
        | product " / " atom -> div
?atom: NUMBER -> number
     | "(" sum ")"
NUMBER: /[1-9][0-9]{0,3}/
"""


@v_args(inline=True)
class Calculator(Transformer[object, float]):
    add, sub, mul, div = operator.add, operator.sub, operator.mul, operator.truediv
    number = float

    def start(self, value: float) -> float:
        return value


EXAMPLES = """\
Question: Ann has 3 boxes with 12 eggs each and breaks 5 eggs. How many are left?
Calculation: 3 * 12 - 5
Question: 90 euros are shared by 4 people. How much does each get?
Calculation: 90 / 4
Question: Bob had 15 pens and bought 4 pens. How many has he now?
Calculation: 15 + 4
"""
QUESTIONS = [
    "A train drives at 80 km an hour for 3 hours. How far does it get?",
    "Tom had 20 apples and ate 2 apples. How many has he now?",
]


def main() -> None:
    for question in QUESTIONS:
        prompt = f"{EXAMPLES}Question: {question}\nCalculation: "
        tree = relark.generate(prompt, grammar=GRAMMAR, result="tree", max_new_tokens=16)
        print(f"{question}\n{tree.pretty('    ')}    = {Calculator().transform(tree):g}")


if __name__ == "__main__":
    main()
