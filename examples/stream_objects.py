"""Streaming: the fields of an object, each as soon as it is complete, and the text of it in pieces.

python examples/stream_objects.py
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

import relark


class Ingredient(BaseModel):
    name: Annotated[str, Field(max_length=20)]
    grams: Annotated[int, Field(ge=1, le=2000)]


class Recipe(BaseModel):
    title: Annotated[str, Field(max_length=40)]
    difficulty: Literal["easy", "medium", "hard"]
    ingredients: Annotated[list[Ingredient], Field(min_length=2, max_length=4)]


PROMPT = """\
A recipe for an omelette, as JSON: {"title": "Omelette", "difficulty": "easy", "ingredients": \
[{"name": "eggs", "grams": 180}, {"name": "butter", "grams": 20}]}
A recipe for a tomato soup, as JSON: """


def main() -> None:
    print("--- pieces of text")
    pieces = list(relark.stream(PROMPT, schema=Recipe, max_new_tokens=100))
    print("|".join(pieces))

    print("\n--- fields")
    for event in relark.stream_objects(PROMPT, schema=Recipe, max_new_tokens=100):
        match event.path:
            case (
                "ingredients",
                int(),
            ):
                print(f"weigh {event.value.grams} g of {event.value.name}")  # the model writes on meanwhile
            case (str(name),) if name != "ingredients":
                print(f"{name}: {event.value}")
            case ():
                print(f"done: {sum(i.grams for i in event.value.ingredients)} g in all")


if __name__ == "__main__":
    main()
