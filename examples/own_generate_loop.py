"""``relark.LogitsProcessor`` inside the model's own ``generate``: beam search, three different answers.

python examples/own_generate_loop.py
"""

from __future__ import annotations

import relark

PROMPT = "Some well-known colours, one word each: red, blue,"
NEW_TOKENS = 8


def main() -> None:
    generator = relark.Generator()  # any model and tokenizer from transformers will do
    model, tokenizer = generator.model, generator.tokenizer
    inputs = tokenizer(PROMPT, return_tensors="pt").to(model.device)
    processor = relark.LogitsProcessor(
        relark.regex(r" [a-z]{3,12},") & ~relark.choices([" red,", " blue,"]),
        tokenizer=tokenizer,
        model=model,
        max_new_tokens=NEW_TOKENS,
        prompt=inputs,
    )
    options = {"max_new_tokens": NEW_TOKENS, "num_beams": 6, "num_return_sequences": 3, "do_sample": False}
    processor.check(**options)  # settings that would break the constraint are named here
    sequences = model.generate(**inputs, **options, logits_processor=[processor])
    for text in processor.texts(sequences):  # exact, and verified against the constraint
        print(repr(text))


if __name__ == "__main__":
    main()
