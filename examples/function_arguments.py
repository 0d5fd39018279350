"""Arguments for a function: its signature is the schema, and what comes back can be passed to it.

python examples/function_arguments.py
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field

import relark


def book_table(
    day: datetime.date,
    time: Annotated[str, Field(pattern=r"^(1[1-9]|2[0-2]):(00|30)$")],
    people: Annotated[int, Field(ge=1, le=12)],
    where: Literal["inside", "outside", "any"] = "any",
) -> str:
    return f"A table for {people} on {day:%A, %d %B %Y}, at {time}, {where}."


EXAMPLES = """\
Request: A table for 4 outside on 7 May 2026 at 19:30.
Arguments: {"day": "2026-05-07", "time": "19:30", "people": 4, "where": "outside"}

Request: For 2 people on 24 December 2026 at 12:00, inside.
Arguments: {"day": "2026-12-24", "time": "12:00", "people": 2, "where": "inside"}

"""
REQUESTS = [
    "A table for 6 on 14 June 2026 at 20:00, outside.",
    "A table for 40 people on 31 June 2026 at 21:15.",  # no such day, and neither that many seats nor such a time
]


def main() -> None:
    prompts = [f"{EXAMPLES}Request: {request}\nArguments: " for request in REQUESTS]
    for request, arguments in zip(REQUESTS, relark.generate(prompts, schema=book_table), strict=True):
        print(f"{request}\n    {book_table(**arguments)}")


if __name__ == "__main__":
    main()
