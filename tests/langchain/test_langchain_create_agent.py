"""LangChain's ``create_agent`` over ``ChatRelark``: both strategies, several steps, scripted and embedded models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.tools import tool
from langchain_doubles import talker
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from relark.integrations.langchain import ChatRelark


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"It is sunny in {city}, 24 degrees."


@tool
def fahrenheit(degrees: int) -> int:
    """Degrees Celsius in Fahrenheit."""
    return degrees * 9 // 5 + 32


class Report(BaseModel):
    """A weather report."""

    city: str = Field(max_length=20)
    sky: Literal["sunny", "cloudy", "rainy"]
    degrees: int = Field(ge=-99, le=150)


class ReportDict(TypedDict):
    """A weather report."""

    city: str
    degrees: int


@dataclass
class ReportClass:
    """A weather report."""

    city: str
    degrees: int


def called(name: str, **arguments: Any) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {json.dumps(arguments)}}}\n</tool_call>'


def scripted(answer: str) -> ChatRelark:
    """A model that asks for the weather, converts it and gives ``answer``."""

    def reply(prompt: str) -> str:
        if "75" in prompt:
            return answer
        if "24 degrees" in prompt:
            return called("fahrenheit", degrees=24)
        return called("weather", city="Rome")

    model, tokenizer = talker(reply)
    return ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=150)


ANSWER = {"city": "Rome", "sky": "sunny", "degrees": 75}
BRIEF = {"city": "Rome", "degrees": 75}
QUESTION = "How warm is it in Rome?"


def steps(messages: list[Any]) -> list[Any]:
    """What was called, in order."""
    return [call["name"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]


@pytest.mark.parametrize(
    ("wanted", "said", "expected"),
    [
        (Report, ANSWER, Report(**ANSWER)),
        (ProviderStrategy(Report), ANSWER, Report(**ANSWER)),
        (ProviderStrategy(ReportDict), BRIEF, BRIEF),
        (ProviderStrategy(ReportClass), BRIEF, ReportClass("Rome", 75)),
        (ProviderStrategy({**Report.model_json_schema()}), ANSWER, ANSWER),
    ],
    ids=["auto", "pydantic", "typeddict", "dataclass", "json schema"],
)
async def test_provider_strategy_calls_tools_and_then_answers_in_json(wanted: Any, said: Any, expected: Any) -> None:
    agent = create_agent(scripted(json.dumps(said)), [weather, fahrenheit], response_format=wanted)
    state = agent.invoke({"messages": [("user", QUESTION)]})
    assert steps(state["messages"]) == ["weather", "fahrenheit"]
    assert json.loads(state["messages"][-1].content) == said
    assert state["structured_response"] == expected
    state = await agent.ainvoke({"messages": [("user", QUESTION)]})
    assert state["structured_response"] == expected


@pytest.mark.parametrize(
    ("wanted", "name", "said", "expected"),
    [
        (Report, "Report", ANSWER, Report(**ANSWER)),
        (ReportDict, "ReportDict", BRIEF, BRIEF),
        (ReportClass, "ReportClass", BRIEF, ReportClass("Rome", 75)),
        (Report.model_json_schema(), "Report", ANSWER, ANSWER),
        (Report | ReportClass, "ReportClass", BRIEF, ReportClass("Rome", 75)),
    ],
    ids=["pydantic", "typeddict", "dataclass", "json schema", "union"],
)
async def test_tool_strategy_calls_tools_and_then_one_that_is_the_answer(
    wanted: Any, name: str, said: Any, expected: Any
) -> None:
    chat = scripted(called(name, **said))
    agent = create_agent(chat, [weather, fahrenheit], response_format=ToolStrategy(wanted))
    state = agent.invoke({"messages": [("user", QUESTION)]})
    assert steps(state["messages"]) == ["weather", "fahrenheit", name]
    assert state["structured_response"] == expected
    state = await agent.ainvoke({"messages": [("user", QUESTION)]})
    assert state["structured_response"] == expected


def test_an_agent_without_a_response_format_answers_in_text() -> None:
    agent = create_agent(scripted("It is 75 F."), [weather, fahrenheit])
    state = agent.invoke({"messages": [("user", QUESTION)]})
    assert steps(state["messages"]) == ["weather", "fahrenheit"]
    assert state["messages"][-1].content == "It is 75 F."
    chunks = [chunk for chunk, _ in agent.stream({"messages": [("user", QUESTION)]}, stream_mode="messages")]
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, AIMessageChunk)) == "It is 75 F."
    assert sum(bool(chunk.tool_call_chunks) for chunk in chunks if isinstance(chunk, AIMessageChunk)) > 6


def test_without_tools_the_answer_is_all_there_is() -> None:
    for strategy in (ProviderStrategy(Report), ToolStrategy(Report)):
        model, tokenizer = talker(lambda prompt: json.dumps(ANSWER))
        agent: Any = create_agent(
            ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=150), [], response_format=strategy
        )
        assert isinstance(agent.invoke({"messages": [("user", QUESTION)]})["structured_response"], Report)


# --- the embedded model -----------------------------------------------------------------------------------------------


class OneStepAfterAnother(AgentMiddleware[Any, Any, Any]):
    """First a tool has to be called, then there are none: a model of 135M parameters would call it for ever."""

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        if any(isinstance(message, ToolMessage) for message in request.messages):
            return handler(request.override(tools=[]))
        settings = {"parallel_tool_calls": False}
        return handler(request.override(response_format=None, tool_choice="any", model_settings=settings))


@cache
def embedded() -> ChatRelark:
    return ChatRelark(max_new_tokens=60)


@pytest.mark.real_model
@pytest.mark.parametrize("strategy", [ProviderStrategy, pytest.param(ToolStrategy, marks=pytest.mark.slow)])
def test_the_embedded_model_in_several_steps(strategy: Any) -> None:
    agent: Any = create_agent(
        embedded(),
        [weather],
        response_format=strategy(Report),
        middleware=[OneStepAfterAnother()],
    )
    state = agent.invoke({"messages": [("user", "What is the weather in Paris?")]}, {"recursion_limit": 8})
    kinds = [type(message).__name__ for message in state["messages"]]
    assert kinds[:3] == ["HumanMessage", "AIMessage", "ToolMessage"]
    assert steps(state["messages"])[0] == "weather"
    assert isinstance(state["structured_response"], Report)
    assert state["structured_response"].city == "Paris"
