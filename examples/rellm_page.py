"""An agent's answer in a fixed format: first the plain pipeline, then relark.

The prompt and the pattern are those of LangChain's page on its (experimental) ReLLM integration.  There, the
baseline is a transformers pipeline, which neither answers nor keeps the format; ReLLM constrains it.  Here the same
with relark, on the embedded model:

    python examples/rellm_page.py
"""

from __future__ import annotations

import json

import regex
import transformers

import relark

PROMPT = """\
Human: "What's the capital of the United States?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "The capital of the United States is Washington D.C."
}
Human: "What's the capital of Pennsylvania?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "The capital of Pennsylvania is Harrisburg."
}
Human: "What 2 + 5?"
AI Assistant:{
  "action": "Final Answer",
  "action_input": "2 + 5 = 7."
}
Human: 'What's the capital of Maryland?'
AI Assistant:"""

PATTERN = regex.compile(r'\{\s*"action":\s*"Final Answer",\s*"action_input":\s*(\{.*\}|"[^"]*")\s*\}\nHuman:')


def main() -> None:
    generator = relark.Generator()  # loads the embedded model; any causal language model will do

    print("--- the plain pipeline")
    pipeline = transformers.pipeline("text-generation", model=generator.model, tokenizer=generator.tokenizer)
    eos = generator.tokenizer.eos_token_id
    config = transformers.GenerationConfig(max_new_tokens=60, do_sample=False, eos_token_id=eos, pad_token_id=eos)
    [baseline] = pipeline(PROMPT, generation_config=config, return_full_text=False)
    print(baseline["generated_text"])
    print(f"matches the pattern: {PATTERN.fullmatch(baseline['generated_text']) is not None}")

    print("\n--- relark")
    text = relark.generate(PROMPT, regex=PATTERN, model=pipeline, max_new_tokens=200)
    print(text)

    if PATTERN.fullmatch(text) is None:
        raise SystemExit("relark's output must match the pattern")
    answer = json.loads(text.removesuffix("Human:"))
    print(f"\nparsed: {answer}")


if __name__ == "__main__":
    main()
