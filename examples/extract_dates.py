"""Extraction with constraints put together from parts: ``+``, ``|``, ``&``, ``~`` and ``.repeat``.

A list of one to three dates as ``2026-01-31``, each a day that exists: months of 30 days, February and leap years
included.

    python examples/extract_dates.py
"""

from __future__ import annotations

import datetime

import relark

DATE = relark.regex(r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
IMPOSSIBLE = relark.regex(r"\d{4}-(0[469]|11)-31|\d{4}-02-3\d")
FEBRUARY_29 = relark.regex(r"\d{4}-02-29")
LEAP_YEAR = relark.regex(r"\d\d(0[48]|[2468][048]|[13579][26])-.*|2000-.*")

DAY = DATE & ~IMPOSSIBLE & (~FEBRUARY_29 | LEAP_YEAR)
DAYS = " " + DAY + (", " + DAY).repeat(0, 2) + "\n"  # the newline is how the model says that the list is complete

EXAMPLES = """\
Text: Born on 3 May 1990, she married on 12 June 2015.
Dates: 1990-05-03, 2015-06-12

Text: The bridge was opened on 7 August 1932.
Dates: 1932-08-07

"""
TEXTS = [
    "The war began on 28 July 1914 and ended on 11 November 1918.",
    "On 29 February 2024 the shop opened.",
    "On 31 June 2020 nothing happened.",  # no such day: whatever the model thinks, it has to write one that exists
]


def main() -> None:
    prompts = [f"{EXAMPLES}Text: {text}\nDates:" for text in TEXTS]
    for text, answer in zip(TEXTS, relark.generate(prompts, constraint=DAYS, max_new_tokens=50), strict=True):
        days = [datetime.date.fromisoformat(day) for day in answer.strip().split(", ")]
        print(f"{text}\n    {', '.join(day.strftime('%d %B %Y') for day in days)}")


if __name__ == "__main__":
    main()
