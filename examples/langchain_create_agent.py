"""LangChain's `create_agent` with a tool and a Pydantic response, on the embedded model.

The agent calls the tool, reads its result, and answers with an object.  LangChain has two ways to get that object, and
both work: `ProviderStrategy`, where the model writes JSON instead of a call, and `ToolStrategy`, where the answer is a
call of one more tool.  Neither the call nor the answer can be malformed; which of the two it is, is the model's choice.
So small a model chooses well only where it was shown how, here in two earlier rounds.

    pip install "relark[langchain]" langchain
    python examples/langchain_create_agent.py
"""

from __future__ import annotations

from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from relark.integrations.langchain import ChatRelark

WEATHER = {"Paris": "sunny, 21 degrees", "Rome": "rain, 12 degrees", "Oslo": "snow, -4 degrees"}


@tool
def weather(city: str) -> str:
    """The weather in a city today."""
    return WEATHER.get(city, "not known")


class Report(BaseModel):
    """The weather report for one city."""

    city: str = Field(max_length=20)
    sky: str = Field(max_length=20)
    degrees: int = Field(ge=-90, le=60)


def asked(city: str) -> HumanMessage:
    return HumanMessage(f"What is the weather in {city} today?")


def shown(report: Report, by_call: bool) -> list[AnyMessage]:
    """A round as it should go: a question, a call of the tool, its result, the report."""
    messages = [
        asked(report.city),
        AIMessage("", tool_calls=[{"name": "weather", "args": {"city": report.city}, "id": f"{report.city}1"}]),
        ToolMessage(WEATHER[report.city], tool_call_id=f"{report.city}1"),
    ]
    if not by_call:
        return [*messages, AIMessage(report.model_dump_json())]
    return [
        *messages,
        AIMessage("", tool_calls=[{"name": "Report", "args": report.model_dump(), "id": f"{report.city}2"}]),
        ToolMessage("Returning structured response", tool_call_id=f"{report.city}2"),
    ]


def main() -> None:
    model = ChatRelark(max_new_tokens=120)
    rounds = [Report(city="Paris", sky="sunny", degrees=21), Report(city="Rome", sky="rain", degrees=12)]
    for strategy in (ProviderStrategy(Report), ToolStrategy(Report)):
        history = [message for report in rounds for message in shown(report, isinstance(strategy, ToolStrategy))]
        agent = create_agent(model, [weather], response_format=strategy)
        state = agent.invoke({"messages": [*history, asked("Oslo")]}, {"recursion_limit": 12})
        print(type(strategy).__name__)
        for message in state["messages"][len(history) :]:
            calls = ", ".join(f"{call['name']}({call['args']})" for call in getattr(message, "tool_calls", []))
            print(f"    {message.type}: {calls or message.text}")
        print(f"    -> {state['structured_response']!r}")


if __name__ == "__main__":
    main()
