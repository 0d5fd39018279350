"""relark in LangChain: language models and chat models over Hugging Face models, and agent formats that always parse.

Needs ``pip install "relark[langchain]"`` (langchain-core 1.6 or newer).

RELLM              LangChain's experimental class of that name, as it was meant
RelarkLLM          texts to texts
ChatRelark         messages to messages, with tools and structured output
agent_constraint   what an agent of the classic kind may write, as a constraint
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relark.integrations.langchain.agents import agent_constraint
    from relark.integrations.langchain.chat import ChatRelark
    from relark.integrations.langchain.llm import RelarkLLM
    from relark.integrations.langchain.rellm import RELLM

__all__ = ["RELLM", "ChatRelark", "RelarkLLM", "agent_constraint"]

_HOMES = {"RELLM": "rellm", "RelarkLLM": "llm", "ChatRelark": "chat", "agent_constraint": "agents"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "langchain_core":
            raise
        raise ImportError('relark.integrations.langchain needs LangChain: pip install "relark[langchain]"') from error
    found = getattr(home, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
