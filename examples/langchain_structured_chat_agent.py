"""LangChain's structured-chat agent with three tools, on a model of 135 million parameters, without one parsing error.

The format is the agent's own: a thought, then a fenced JSON blob that names a tool and its arguments, or the final
answer.  `agent_constraint` makes a constraint of it, from the format's name and the tools: the action is one of theirs,
the arguments are what its `args_schema` accepts, and the agent's own parser reads the text as it was meant.

    pip install "relark[langchain]" langchain-classic
    python examples/langchain_structured_chat_agent.py
"""

from __future__ import annotations

from typing import Annotated, Literal

from langchain_classic.agents import AgentExecutor, create_structured_chat_agent
from langchain_core.prompts import PromptTemplate
from langchain_core.tools import tool
from pydantic import Field

from relark.integrations.langchain import RelarkLLM, agent_constraint

CAPITALS = {"Italy": "Rome", "Portugal": "Lisbon", "Japan": "Tokyo", "Peru": "Lima"}


@tool
def capital(country: Annotated[str, Field(max_length=20)]) -> str:
    """The capital of a country."""
    return CAPITALS.get(country, "not known")


@tool
def multiply(a: Annotated[int, Field(ge=0, le=9999)], b: Annotated[int, Field(ge=0, le=9999)]) -> int:
    """The product of two whole numbers."""
    return a * b


@tool
def convert(amount: Annotated[int, Field(ge=0, le=9999)], unit: Literal["km", "kg"]) -> str:
    """Kilometres in miles, or kilograms in pounds."""
    return f"{amount * 0.6214:.0f} miles" if unit == "km" else f"{amount * 2.2046:.0f} pounds"


TOOLS = [capital, multiply, convert]

# A model this small needs to be shown what is wanted, once for each tool.  After an observation LangChain ends the
# prompt with "Thought: "; there these go on without one.
SHOWN = """\
Question: What is the capital of Italy?
Thought: I need the tool capital.
Action:
```json
{"action": "capital", "action_input": {"country": "Italy"}}
```
Observation: Rome
Thought: Action:
```json
{"action": "Final Answer", "action_input": "The capital of Italy is Rome."}
```

Question: What is 12 times 11?
Thought: I need the tool multiply.
Action:
```json
{"action": "multiply", "action_input": {"a": 12, "b": 11}}
```
Observation: 132
Thought: Action:
```json
{"action": "Final Answer", "action_input": "12 times 11 is 132."}
```

Question: How many miles are 8 km?
Thought: I need the tool convert.
Action:
```json
{"action": "convert", "action_input": {"amount": 8, "unit": "km"}}
```
Observation: 5 miles
Thought: Action:
```json
{"action": "Final Answer", "action_input": "8 km are 5 miles."}
```
"""

PROMPT = PromptTemplate.from_template(
    """\
Answer each question with the help of these tools:

{tools}

The action is "Final Answer" or one of {tool_names}.

{shown}
Question: {input}
{agent_scratchpad}"""
).partial(shown=SHOWN)


def main() -> None:
    llm = RelarkLLM(constraint=agent_constraint("structured-chat", TOOLS), max_new_tokens=200)
    agent = create_structured_chat_agent(llm, TOOLS, PROMPT)
    executor = AgentExecutor(agent=agent, tools=TOOLS, max_iterations=4, return_intermediate_steps=True)
    for question in ("What is the capital of Portugal?", "What is 37 times 24?", "How many pounds are 70 kg?"):
        result = executor.invoke({"input": question})
        print(question)
        for action, observation in result["intermediate_steps"]:
            print(f"    {action.tool}({action.tool_input}) -> {observation}")
        print(f"    {result['output']}")


if __name__ == "__main__":
    main()
