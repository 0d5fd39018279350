"""Classification: one of a list of labels, for many texts at once.

python examples/choices_sentiment.py
"""

from __future__ import annotations

import enum
import math

import relark


class Sentiment(enum.Enum):
    POSITIVE = " positive"  # with the space that a model writes after "Sentiment:"
    NEGATIVE = " negative"


EXAMPLES = """\
Review: I loved it.
Sentiment: positive

Review: I hated it.
Sentiment: negative

"""
REVIEWS = [
    "What a wonderful evening, the cook is a genius!",
    "The food was cold and the waiter rude.",
    "I will come back with all my friends.",
    "Never again. I was ill for three days.",
]


def main() -> None:
    generator = relark.Generator()
    prompts = [f"{EXAMPLES}Review: {review}\nSentiment:" for review in REVIEWS]
    for review, result in zip(REVIEWS, generator.run(prompts, choices=Sentiment), strict=True):
        label = Sentiment(result.text)
        print(f"{label.name:<8}  {math.exp(sum(result.logprobs)):4.0%}  {review}")


if __name__ == "__main__":
    main()
