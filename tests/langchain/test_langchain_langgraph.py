"""relark in LangGraph: nodes, conditional edges, a loop of model and tools, streams of tokens, checkpoints, fan-out."""

from __future__ import annotations

import json
import operator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_doubles import talker
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Send

from relark.integrations.langchain import ChatRelark, RelarkLLM


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two whole numbers."""
    return a * b


@tool
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


TOOLS = [multiply, add]


def call(name: str, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def calculator(prompt: str) -> str:
    """What a model would say that can do (2 * 3) + 4 with tools: one step for each result that it was told."""
    turn = prompt.rpartition("(2 * 3) + 4")[2]
    if "10" in turn:
        return "It is 10."
    if "6" in turn:
        return call("add", a=6, b=4)
    return call("multiply", a=2, b=3)


def react(chat: ChatRelark, **options: Any) -> Any:
    bound = chat.bind_tools(TOOLS)
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [bound.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode(TOOLS))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(**options)


@pytest.fixture(scope="module")
def chat() -> ChatRelark:
    model, tokenizer = talker(calculator)
    return ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=100)


def question() -> dict[str, Any]:
    return {"messages": [HumanMessage("What is (2 * 3) + 4?")]}


def told(messages: list[AnyMessage]) -> list[Any]:
    return [
        [(c["name"], c["args"]) for c in m.tool_calls] or m.text if isinstance(m, AIMessage) else m.text
        for m in messages
    ]


STEPS = [
    "What is (2 * 3) + 4?",
    [("multiply", {"a": 2, "b": 3})],
    "6",
    [("add", {"a": 6, "b": 4})],
    "10",
    "It is 10.",
]


def test_a_react_loop_of_several_steps(chat: ChatRelark) -> None:
    state = react(chat).invoke(question())
    assert told(state["messages"]) == STEPS
    results = [m for m in state["messages"] if isinstance(m, ToolMessage)]
    asked = [c["id"] for m in state["messages"] if isinstance(m, AIMessage) for c in m.tool_calls]
    assert [m.tool_call_id for m in results] == asked
    assert len(set(asked)) == 2
    assert all(m.status == "success" for m in results)


async def test_the_same_in_an_event_loop(chat: ChatRelark) -> None:
    bound = chat.bind_tools(TOOLS)

    async def model(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", model)
    graph.add_node("tools", ToolNode(TOOLS))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    state = await graph.compile().ainvoke(question())
    assert told(state["messages"]) == STEPS


def test_tokens_are_streamed_out_of_nodes(chat: ChatRelark) -> None:
    chunks = [
        chunk
        for chunk, data in react(chat).stream(question(), stream_mode="messages")
        if data["langgraph_node"] == "model" and isinstance(chunk, AIMessageChunk)
    ]
    assert len(chunks) > 12
    whole: dict[str | None, AIMessageChunk] = {}
    for chunk in chunks:
        whole[chunk.id] = whole[chunk.id] + chunk if chunk.id in whole else chunk
    assert told(list(whole.values())) == [STEPS[1], STEPS[3], STEPS[5]]
    assert all(message.usage_metadata for message in whole.values())


def test_a_conversation_goes_on_from_a_checkpoint(chat: ChatRelark) -> None:
    graph = react(chat, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    first = graph.invoke(question(), thread)
    again = graph.invoke(question(), thread)
    assert told(first["messages"]) == STEPS
    assert told(again["messages"]) == STEPS + STEPS
    assert graph.get_state(thread).values["messages"] == again["messages"]


def test_parallel_calls_are_all_answered() -> None:
    calls = call("multiply", a=3, b=4) + "\n" + call("add", a=3, b=4)
    model, tokenizer = talker(lambda prompt: "Both are known." if "12" in prompt else calls)
    state = react(ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=150)).invoke(
        {"messages": [HumanMessage("Product and sum of three and four?")]}
    )
    assert told(state["messages"])[1:] == [
        [("multiply", {"a": 3, "b": 4}), ("add", {"a": 3, "b": 4})],
        "12",
        "7",
        "Both are known.",
    ]


class Ticket(TypedDict):
    message: str
    topic: str
    answer: str


@pytest.mark.parametrize("message", ["Paris", "Rome", "1 2 3", "{", "日本"])
def test_a_node_can_only_name_an_edge(message: str, model: Any, tokenizer: Any) -> None:
    """The weights are random: what they write is a topic all the same, or the graph would raise."""
    topics = ["billing", "delivery", "other"]
    classify = RelarkLLM(model=model, tokenizer=tokenizer).bind(choices=topics)
    graph = StateGraph(Ticket)
    graph.add_node("classify", lambda state: {"topic": classify.invoke(state["message"])})
    graph.add_edge(START, "classify")
    for topic in topics:
        graph.add_node(topic, lambda state, topic=topic: {"answer": f"about {topic}"})
        graph.add_edge(topic, END)
    graph.add_conditional_edges("classify", lambda state: state["topic"], topics)
    ticket = graph.compile().invoke({"message": message})
    assert ticket["topic"] in topics
    assert ticket["answer"] == f"about {ticket['topic']}"


class Many(TypedDict):
    prompts: list[str]
    found: Annotated[list[tuple[str, str]], operator.add]


def test_nodes_that_run_at_the_same_time(model: Any, tokenizer: Any) -> None:
    llm = RelarkLLM(model=model, tokenizer=tokenizer, regex=r"[a-z]{3,9}", max_new_tokens=12)
    graph = StateGraph(Many)
    graph.add_node("ask", lambda state: {"found": [(state["prompt"], llm.invoke(state["prompt"]))]})
    graph.add_conditional_edges(START, lambda state: [Send("ask", {"prompt": p}) for p in state["prompts"]], ["ask"])
    graph.add_edge("ask", END)
    prompts = [f"{i} red" for i in range(12)]
    state = graph.compile().invoke({"prompts": prompts, "found": []})
    assert state["found"] == [(prompt, llm.invoke(prompt)) for prompt in prompts]
