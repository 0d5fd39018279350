"""Extraction into a nested Pydantic model: dates, amounts of money, a list of items, and one of a few words.

The text that the model writes is JSON that the model class accepts, whatever it thinks; what comes back is the object.

    python examples/extract_order.py
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated

from pydantic import BaseModel, Field

import relark


class Unit(Enum):
    PIECE = "piece"
    BOX = "box"
    KILOGRAM = "kg"


class Item(BaseModel):
    name: Annotated[str, Field(max_length=20)]
    amount: Annotated[int, Field(ge=1, le=99)]
    unit: Unit


class Order(BaseModel):
    customer: Annotated[str, Field(max_length=30)]
    due: datetime.date
    price: Annotated[Decimal, Field(max_digits=6, decimal_places=2)]
    items: Annotated[list[Item], Field(min_length=1, max_length=3)]


EXAMPLES = [
    (
        "Carol King ordered 7 kg of flour for 9.80, due on 2025-11-20.",
        Order(
            customer="Carol King",
            due=datetime.date(2025, 11, 20),
            price=Decimal("9.80"),
            items=[Item(name="flour", amount=7, unit=Unit.KILOGRAM)],
        ),
    ),
    (
        "Bob Miller ordered 2 boxes of pens and 1 piece of soap for 45.50, due on 2025-05-03.",
        Order(
            customer="Bob Miller",
            due=datetime.date(2025, 5, 3),
            price=Decimal("45.50"),
            items=[Item(name="pens", amount=2, unit=Unit.BOX), Item(name="soap", amount=1, unit=Unit.PIECE)],
        ),
    ),
]
TEXT = "Alice Brown ordered 5 kg of apples and 3 boxes of eggs for 24.90, due on 2026-03-12."


def main() -> None:
    prompt = "".join(f"Text: {text}\nOrder: {order.model_dump_json()}\n\n" for text, order in EXAMPLES)
    order = relark.generate(f"{prompt}Text: {TEXT}\nOrder: ", schema=Order)
    print(f"{order.customer} pays {order.price} on {order.due:%d %B %Y} for")
    for item in order.items:
        print(f"    {item.amount} {item.unit.value} {item.name}")


if __name__ == "__main__":
    main()
