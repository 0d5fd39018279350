"""A recursive type: a tree of parts, as deep as the model likes, complete within its tokens.

python examples/recursive_tree.py
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

import relark


class Part(BaseModel):
    name: Annotated[str, Field(max_length=16)]
    parts: Annotated[list[Part], Field(max_length=4)] = []

    def show(self, indent: str = "") -> None:
        print(f"{indent}{self.name}")
        for part in self.parts:
            part.show(indent + "    ")


PROMPT = """\
The parts of a car, as JSON: {"name": "car", "parts": [{"name": "engine", "parts": [{"name": "piston", "parts": []}]}, \
{"name": "wheel", "parts": [{"name": "tyre", "parts": []}]}]}
The parts of a bicycle, as JSON: {"name": "bicycle", "parts": [{"name": "frame", "parts": []}, \
{"name": "wheel", "parts": [{"name": "tyre", "parts": []}, {"name": "rim", "parts": []}]}]}
The parts of a house, as JSON: """


def main() -> None:
    generator = relark.Generator()
    for tokens in (20, 100):  # the tree is whole, however few they are
        result = generator.run(PROMPT, schema=Part, max_new_tokens=tokens)
        print(f"{len(result.token_ids)} of at most {tokens} tokens:")
        result.value.show("  ")


if __name__ == "__main__":
    main()
