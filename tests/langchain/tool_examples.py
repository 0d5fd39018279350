"""Tools of every kind that LangChain knows, and what judges their arguments."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated, Any, Literal, TypedDict

import jsonschema
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId, StructuredTool, Tool, tool
from pydantic import BaseModel, ConfigDict, Field


class Unit(enum.Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


class Place(BaseModel):
    city: str = Field(max_length=12)
    at: tuple[float, float] | None = None


class Booking(BaseModel):
    """Books a room."""

    model_config = ConfigDict(extra="forbid")

    places: list[Place] = Field(max_length=2)
    day: datetime.date
    unit: Unit = Unit.CELSIUS
    nights: int = Field(ge=1, le=14)


class Note(TypedDict):
    """Keeps a note."""

    title: Annotated[str, ..., "its title"]
    stars: Literal[1, 2, 3]


@tool
def get_weather(city: str, days: int = 1) -> str:
    """Tells the weather."""
    return f"{city} {days}"


@tool
def get_weather_now(
    city: Annotated[str, "where"],
    call_id: Annotated[str, InjectedToolCallId],
    user: Annotated[str, InjectedToolArg],
    options: dict[str, bool] | None = None,
) -> str:
    """Tells the weather at once."""
    return city


@tool
def ping() -> str:
    """Takes no arguments."""
    return "pong"


def add(a: int, b: float = 0.5) -> float:
    """Adds two numbers.

    Args:
        a: the first
        b: the second
    """
    return a + b


search = Tool(name="search", description="Searches.", func=lambda query: query)

BY_SCHEMA = StructuredTool(
    name="by_schema",
    description="Its arguments are a JSON Schema.",
    func=lambda **kwargs: kwargs,
    args_schema={
        "type": "object",
        "properties": {"level": {"enum": ["low", "high"]}, "flags": {"type": "array", "items": {"type": "boolean"}}},
        "required": ["level"],
    },
)

OPENAI = {
    "type": "function",
    "function": {
        "name": "convert",
        "description": "Converts.",
        "parameters": {
            "type": "object",
            "properties": {"amount": {"type": "number"}, "to": {"$ref": "#/$defs/Currency"}},
            "required": ["amount", "to"],
            "$defs": {"Currency": {"enum": ["EUR", "CHF"]}},
        },
    },
}

RESPONSES_API = {"type": "function", "name": "flat", "parameters": {"type": "object", "properties": {}}}

BARE: dict[str, Any] = {"type": "function", "function": {"name": "bare"}}

ALL: list[Any] = [
    get_weather,
    get_weather_now,
    ping,
    add,
    search,
    BY_SCHEMA,
    OPENAI,
    RESPONSES_API,
    BARE,
    Booking,
    Note,
]


def check(name: str, arguments: dict[str, Any]) -> None:
    """Raises where the tool called ``name`` does not take ``arguments``; by LangChain, Pydantic and jsonschema."""
    found = {
        "get_weather": get_weather,
        "get_weather_now": get_weather_now,
        "ping": ping,
        "search": search,
        "by_schema": BY_SCHEMA,
    }.get(name)
    if name == "Booking":
        Booking(**arguments)
    elif name == "add":
        assert set(arguments) <= {"a", "b"}
        add(**arguments)
    elif name == "Note":
        assert set(arguments) == {"title", "stars"}
        assert isinstance(arguments["title"], str)
        assert arguments["stars"] in (1, 2, 3)
    elif name == "convert":
        jsonschema.validate(arguments, OPENAI["function"]["parameters"])  # type: ignore[index]
    elif name in ("flat", "bare"):
        assert arguments == {}
    else:
        assert isinstance(found, BaseTool), name
        assert not {"call_id", "user"} & arguments.keys()
        if name == "by_schema":
            jsonschema.validate(arguments, BY_SCHEMA.args_schema)
        elif name == "search":
            assert set(arguments) == {"__arg1"}
            assert isinstance(arguments["__arg1"], str)
        else:
            injected = {"user": "u"} if name == "get_weather_now" else {}
            found._parse_input({**arguments, **injected}, "id")
            assert set(arguments) <= set(found.tool_call_schema.model_fields)  # type: ignore[union-attr]
