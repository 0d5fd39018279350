"""LangGraph with relark: a node whose answer is one of the graph's edges, and a small ReAct loop of model and tools.

Both run on the embedded model:

    pip install "relark[langchain]" langgraph
    python examples/langchain_langgraph.py
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from relark.integrations.langchain import ChatRelark, RelarkLLM

# --- a node that routes: whatever the model thinks, what it writes is the name of an edge -----------------------------

TOPICS = ["billing", "delivery", "other"]

ROUTE = """\
Message: I was charged twice this month.
Topic: billing
Message: My parcel has not arrived.
Topic: delivery
Message: Do you have shops in Spain?
Topic: other
Message: The sum that I should pay is wrong.
Topic: billing
Message: {message}
Topic:"""


class Ticket(TypedDict):
    message: str
    topic: Literal["billing", "delivery", "other"]
    answer: str


def routing_graph(llm: RelarkLLM) -> Any:
    classify = llm.bind(choices=[f" {topic}" for topic in TOPICS]) | str.strip
    answers = {
        "billing": "Our accountants will look at your invoice.",
        "delivery": "We are asking the carrier.",
        "other": "Somebody will call you back.",
    }
    graph = StateGraph(Ticket)
    graph.add_node("classify", lambda state: {"topic": classify.invoke(ROUTE.format(message=state["message"]))})
    graph.add_edge(START, "classify")
    for topic in TOPICS:
        graph.add_node(topic, lambda state, topic=topic: {"answer": answers[topic]})
        graph.add_edge(topic, END)
    graph.add_conditional_edges("classify", lambda state: state["topic"], TOPICS)
    return graph.compile()


# --- a ReAct loop: the model calls tools until it answers -------------------------------------------------------------


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two whole numbers."""
    return a * b


@tool
def weather(city: str) -> str:
    """The weather in a city today."""
    return {"Paris": "sunny, 21 degrees", "Oslo": "snow, -4 degrees"}.get(city, "not known")


# So small a model has to be shown how to call a tool, and how to answer.
SHOWN = [
    HumanMessage("What is the weather in Rome?"),
    AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Rome"}, "id": "1"}]),
    ToolMessage("rain, 12 degrees", tool_call_id="1"),
    AIMessage("The answer is: rain, 12 degrees."),
    HumanMessage("What is 12 times 11?"),
    AIMessage("", tool_calls=[{"name": "multiply", "args": {"a": 12, "b": 11}, "id": "2"}]),
    ToolMessage("132", tool_call_id="2"),
    AIMessage("The answer is: 132."),
]


def react_graph(chat: ChatRelark) -> Any:
    tools = [multiply, weather]
    ask = chat.bind_tools(tools, tool_choice="any", parallel_tool_calls=False)
    answer = chat.bind_tools(tools, parallel_tool_calls=False)

    def model(state: MessagesState) -> dict[str, Any]:
        messages = state["messages"]  # a question must be looked up; after a result the model may call again, or answer
        chosen = ask if isinstance(messages[-1], HumanMessage) else answer
        return {"messages": [chosen.invoke([*SHOWN, *messages])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", model)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile()


def main() -> None:
    tickets = routing_graph(RelarkLLM())
    for message in ("The invoice has a wrong amount.", "Where is my package?"):
        ticket = tickets.invoke({"message": message})
        print(f"{ticket['topic']}: {ticket['answer']}")

    react = react_graph(ChatRelark(max_new_tokens=60))
    for question in ("What is the weather in Paris?", "What is 37 times 24?"):
        state = react.invoke({"messages": [HumanMessage(question)]}, {"recursion_limit": 10})
        for message in state["messages"]:
            calls = ", ".join(f"{call['name']}({call['args']})" for call in getattr(message, "tool_calls", []))
            print(f"{message.type}: {calls or message.text}")


if __name__ == "__main__":
    main()
