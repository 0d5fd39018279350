"""LangChain's own agents run on what `agent_constraint` allows: several steps, the stops that they bind, no errors."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from agent_reading import TOOLS, Writer, check, now, search, travel
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.llms import LLM
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.tools import BaseTool, Tool
from pydantic import PrivateAttr

import relark
from relark.integrations.langchain import RelarkLLM, agent_constraint

with warnings.catch_warnings():  # langchain-community says that it is being sunset
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_classic.agents import (
        AgentExecutor,
        ConversationalAgent,
        ConversationalChatAgent,
        StructuredChatAgent,
        ZeroShotAgent,
        create_json_chat_agent,
        create_react_agent,
        create_self_ask_with_search_agent,
        create_structured_chat_agent,
        create_xml_agent,
    )
    from langchain_classic.agents.chat.base import ChatAgent
    from langchain_classic.agents.react.base import ReActDocstoreAgent

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainDeprecationWarning")

LINES = PromptTemplate.from_template("{tools} {tool_names} Question: {input}\nThought:{agent_scratchpad}")
XML = PromptTemplate.from_template("{tools} Question: {input}\n{agent_scratchpad}")
ASK = PromptTemplate.from_template("Question: {input}\nAre followup questions needed here:{agent_scratchpad}")
STRUCTURED = ChatPromptTemplate.from_messages(
    [("system", "{tools} {tool_names}"), ("human", "{input}\n\n{agent_scratchpad}\n(reminder: JSON)")]
)
CHAT = ChatPromptTemplate.from_messages(
    [("system", "{tools} {tool_names}"), ("human", "{input}"), MessagesPlaceholder("agent_scratchpad")]
)

WIKI: list[BaseTool] = [
    Tool(name="Search", description="Searches.", func=lambda term: f"found {term}"),
    Tool(name="Lookup", description="Looks up.", func=lambda term: f"saw {term}"),
]
ONE_STRING: list[BaseTool] = [tool for tool in TOOLS["react"] if tool.is_single_input]

AGENTS: dict[str, tuple[str, list[BaseTool], Any]] = {
    "create_structured_chat_agent": (
        "structured-chat",
        TOOLS["structured-chat"],
        lambda llm, tools: create_structured_chat_agent(llm, tools, STRUCTURED),
    ),
    "create_json_chat_agent": ("json", TOOLS["json"], lambda llm, tools: create_json_chat_agent(llm, tools, CHAT)),
    "create_react_agent": ("react", TOOLS["react"], lambda llm, tools: create_react_agent(llm, tools, LINES)),
    "create_xml_agent": ("xml", TOOLS["xml"], lambda llm, tools: create_xml_agent(llm, tools, XML)),
    "create_self_ask_with_search_agent": (
        "self-ask",
        TOOLS["self-ask"],
        lambda llm, tools: create_self_ask_with_search_agent(llm, tools, ASK),
    ),
    "ZeroShotAgent": ("mrkl", ONE_STRING, ZeroShotAgent.from_llm_and_tools),
    "ConversationalAgent": ("conversational", ONE_STRING, ConversationalAgent.from_llm_and_tools),
    "ConversationalChatAgent": ("conversational-chat", ONE_STRING, ConversationalChatAgent.from_llm_and_tools),
    "ChatAgent": ("chat", ONE_STRING, ChatAgent.from_llm_and_tools),
    "StructuredChatAgent": ("structured-chat", TOOLS["structured-chat"], StructuredChatAgent.from_llm_and_tools),
    "ReActDocstoreAgent": ("docstore", WIKI, ReActDocstoreAgent.from_llm_and_tools),
}
SHORT = [agent for agent in AGENTS if agent.startswith("create")]  # the prompts of the others are long


class WritingLLM(LLM):
    """Writes at random what the constraint allows, and cuts it at the stops, as remote models do."""

    constraint: Any
    _writer: Writer = PrivateAttr(default_factory=lambda: Writer(1))

    @property
    def _llm_type(self) -> str:
        return "writing"

    def _call(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        text = self._writer.write(self.constraint, 40)
        # the format's own closing tag has to be written, see `AgentConstraint.own_stops`
        assert not any(other in text.removesuffix("</tool_input>") for other in stop or ())
        return text


def run(agent: Any, tools: list[BaseTool], format: str) -> int:
    """How many tools were called, each as the text says."""
    executor = AgentExecutor(agent=agent, tools=tools, max_iterations=5, return_intermediate_steps=True)
    found = executor.invoke({"input": "What is the weather?", "chat_history": []})
    named = {tool.name: tool for tool in tools}
    for action, observation in found["intermediate_steps"]:
        assert check(format, action.log, tools) == ("tool", action.tool, action.tool_input)
        assert observation == named[action.tool].run(action.tool_input)
    assert isinstance(found["output"], str)
    return len(found["intermediate_steps"])


@pytest.mark.parametrize("agent", AGENTS)
def test_agents_run_for_several_steps(agent: str) -> None:
    format, tools, make = AGENTS[agent]
    llm = WritingLLM(constraint=agent_constraint(format, tools))
    for _ in range(3):
        run(make(llm, tools), tools, format)
    calls_only = WritingLLM(constraint=agent_constraint(format, tools, final_answer=False))
    assert run(make(calls_only, tools), tools, format) == 5


@pytest.mark.parametrize("agent", SHORT)
def test_agents_run_on_a_local_model(agent: str, model: Any, tokenizer: Any) -> None:
    format, tools, make = AGENTS[agent]
    constraint = agent_constraint(format, tools, final_answer=False, thoughts=0)
    llm = RelarkLLM(model=model, tokenizer=tokenizer, constraint=constraint, max_new_tokens=60, temperature=1.5, seed=3)
    short = [tool.model_copy(update={"description": "-"}) for tool in tools]
    executor = AgentExecutor(agent=make(llm, short), tools=tools, max_iterations=2, return_intermediate_steps=True)
    found = executor.invoke({"input": "Why?"})
    assert len(found["intermediate_steps"]) == 2
    for action, _ in found["intermediate_steps"]:
        assert check(format, action.log, tools)[1] == action.tool


def test_a_closing_tag_that_is_a_stop_is_written(model: Any, tokenizer: Any) -> None:
    constraint = agent_constraint("xml", [search], final_answer=False)
    llm = RelarkLLM(model=model, tokenizer=tokenizer, constraint=constraint, max_new_tokens=60)
    text = llm.invoke("Q", stop=["</tool_input>"])
    assert check("xml", text, [search])[:2] == ("tool", "search")
    assert text.endswith("</tool_input>")


def test_a_stop_ends_a_text_that_is_complete(model: Any, tokenizer: Any) -> None:
    """What an agent binds as a stop is no part of the text, and forbids nothing that the format needs."""
    for format in ("react", "structured-chat"):
        tools: list[BaseTool] = [search, now] if format == "react" else [search, now, travel]
        constraint = agent_constraint(format, tools)
        llm = RelarkLLM(model=model, tokenizer=tokenizer, constraint=constraint, max_new_tokens=80, temperature=1.0)
        for seed in range(4):
            text = llm.invoke("Thought:", stop=["\nObservation"], seed=seed)
            assert constraint.fullmatch(text)
            check(format, text, tools)


def test_relark_generates_the_same_texts(model: Any, tokenizer: Any) -> None:
    constraint = agent_constraint("react", [search, now], final_answer=relark.choices(["yes", "no"]))
    text = relark.generate("Q", constraint=constraint, model=model, tokenizer=tokenizer, max_new_tokens=60)
    check("react", text, [search, now])
