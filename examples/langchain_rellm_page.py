"""LangChain's page on ReLLM, redone: the same prompt, pattern and stop, and a class of the same name.

The page shows a plain pipeline that neither answers nor keeps the format, then `RELLM`, which keeps it.  LangChain's
own RELLM has not been constraining anything since 2023; this one does, with the page's parameters, on the embedded
model:

    pip install "relark[langchain]"
    python examples/langchain_rellm_page.py
"""

from __future__ import annotations

import json

import regex
import transformers

import relark
from relark.integrations.langchain import RELLM

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
    generator = relark.Generator()  # the embedded model; any text-generation pipeline will do
    pipeline = transformers.pipeline("text-generation", model=generator.model, tokenizer=generator.tokenizer)
    model = RELLM(pipeline=pipeline, regex=PATTERN, max_new_tokens=200)

    generated = model.predict(PROMPT, stop=["Human:"])
    print(generated)
    print("parsed:", json.loads(generated))

    print("streamed:", "|".join(model.stream(PROMPT, stop=["Human:"])))


if __name__ == "__main__":
    main()
