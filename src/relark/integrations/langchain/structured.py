"""Objects instead of messages: what ``ChatRelark.with_structured_output`` is made of.

What it is: `wanted` reads what a user asks for, a type, a JSON Schema or a constraint, into a `Wanted`: the texts that
say it, and what such a text means. `StructuredParser` makes the objects from a model's messages. When to use it:
``with_structured_output`` does; by hand, to put the parser behind a chain of one's own.

What a text means: a type gives its objects, checked by Pydantic; a JSON Schema what ``json.loads`` gives; a grammar
with ``result="tree"`` its tree; any other constraint the text.

Streams: dicts grow (JSON Schemas, TypedDicts), texts come in pieces, everything else comes once it is complete: half a
text may be a valid object, and not the one that was meant.

Cost: a growing dict is read again with every token.

What it cannot do: repair. The text was written under the constraint; what can still fail is a type's own Python
validator, which is an ``OutputParserException``.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal, TypeAlias

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json import parse_partial_json
from lark import Lark
from pydantic import BaseModel, RootModel, TypeAdapter
from typing_extensions import is_typeddict

from relark import constraint as constraints
from relark.constraint import Constraint
from relark.errors import ArgumentError, RelarkError
from relark.integrations.langchain.tools import BoundTool, closed_schema

__all__ = ["Growth", "StructuredParser", "Wanted", "wanted"]

Growth: TypeAlias = Literal["dict", "text", "whole"]

UNTITLED = "answer"  # the name of the tool for a JSON Schema without a title


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    constraint   the texts that say it
    parse        what such a text means
    growth       how a stream shows it: "dict", a dict that grows; "text", pieces; "whole", at the end
    tool         a tool whose arguments say it; None: it is no object
    """

    constraint: Constraint
    parse: Callable[[str], Any]
    growth: Growth
    tool: BoundTool | None = None


def wanted(of: Any, *, strict: bool | None = None) -> Wanted:
    """What ``of`` asks for.

    of       a Pydantic model (of version 1, too), dataclass, TypedDict or another type that `relark.schema` takes; a
             JSON Schema, or a tool in the formats of OpenAI, Anthropic or Bedrock; a compiled regex, a `lark.Lark`, a
             `relark.Constraint`
    strict   False: objects of a JSON Schema may have properties that it does not declare, where it does not say
             otherwise

    Raises ArgumentError for anything else, and what `relark.schema`, `relark.regex` and `relark.grammar` raise.

    >>> wanted(list[int]).parse("[1, 2]")
    [1, 2]
    """
    match of:
        case Constraint():
            return _of_constraint(of)
        case Lark():
            return _of_constraint(constraints.grammar(of))
        case Mapping():
            return _of_json_schema(dict(of), strict)
        case bool() | str() | None:
            raise ArgumentError(
                f"with_structured_output({of!r:.60}): expected a type, a JSON Schema (a dict) or a constraint, such as "
                "relark.regex(...)."
            )
    if hasattr(of, "fullmatch") and hasattr(of, "pattern"):  # compiled, by re or by regex
        return _of_constraint(constraints.regex(of))
    if _is_old_model(of):
        constraint = constraints.schema(closed_schema(of.schema()))
        return Wanted(constraint, of.parse_raw, "whole", _tool(convert_to_openai_tool(of), constraint))
    constraint = constraints.schema(of)
    if constraint.parse is None:
        raise ArgumentError(f"with_structured_output({of!r:.60}): its texts have no values; this is a bug in relark.")
    return Wanted(constraint, constraint.parse, "dict" if is_typeddict(of) else "whole", _tool_of_type(of, constraint))


def _of_constraint(of: Constraint) -> Wanted:
    return Wanted(of, str, "text") if of.parse is None else Wanted(of, of.parse, "whole")


def _of_json_schema(of: dict[str, Any], strict: bool | None) -> Wanted:
    described = of
    schema = _parameters(of)
    if schema is None:
        schema = of
        described = _described(of.get("title", UNTITLED), of)
    constraint = constraints.schema(schema if strict is False else closed_schema(schema))
    if schema.get("type") != "object" and "properties" not in schema:
        return Wanted(constraint, json.loads, "whole")
    return Wanted(constraint, json.loads, "dict", _tool(convert_to_openai_tool(described), constraint))


def _parameters(of: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON Schema in ``of``, if that is a tool; None if it is a schema itself."""
    function = of.get("function") if of.get("type") == "function" else of.get("toolSpec", of)
    if isinstance(function, Mapping):
        bedrock = function.get("inputSchema")
        for found in (function.get("parameters"), function.get("input_schema"), bedrock and bedrock.get("json")):
            if isinstance(found, Mapping):
                return found
    return None


def _tool(described: dict[str, Any], constraint: Constraint) -> BoundTool:
    return BoundTool(described["function"]["name"], described, constraint)


def _described(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool in OpenAI's format, whose arguments are ``schema``."""
    about = {key: schema[key] for key in ("description",) if key in schema}
    parameters = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {"type": "function", "function": {"name": name, **about, "parameters": parameters}}


def _tool_of_type(of: Any, constraint: Constraint) -> BoundTool | None:
    if isinstance(of, type) and issubclass(of, BaseModel) and not issubclass(of, RootModel):
        return _tool(convert_to_openai_tool(of), constraint)
    if is_typeddict(of):
        try:
            return _tool(convert_to_openai_tool(of), constraint)
        except TypeError:  # LangChain cannot read every annotation of a TypedDict: NotRequired, for one
            return _tool(_described(of.__name__, TypeAdapter(of).json_schema()), constraint)
    if is_dataclass(of) and isinstance(of, type):
        return _tool(_described(of.__name__, TypeAdapter(of).json_schema()), constraint)
    return None


def _is_old_model(of: Any) -> bool:
    """Whether ``of`` is a model of Pydantic's version 1, which version 2 takes for any class."""
    return (
        isinstance(of, type)
        and not issubclass(of, BaseModel)
        and hasattr(of, "__fields__")
        and hasattr(of, "parse_raw")
    )


class StructuredParser(BaseTransformOutputParser[Any]):
    """A model's message to what it says.

    wanted   what was asked for
    called   the object is the arguments of the message's first tool call, and not its text

    Raises langchain_core's OutputParserException where a validator of the type refuses the object, and where there is
    no call.
    """

    wanted: Any  # a Wanted; Pydantic would look into it
    called: bool = False

    @property
    def _type(self) -> str:
        return "relark-structured"

    def parse(self, text: str) -> Any:
        try:
            return self.wanted.parse(text)
        except (RelarkError, ValueError) as error:  # a ValueError: Pydantic's version 1
            raise OutputParserException(str(error), llm_output=text) from error

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        first = result[0]
        return self._whole(first.message) if isinstance(first, ChatGeneration) else self.parse(first.text)

    def _whole(self, message: BaseMessage) -> Any:
        if not self.called:
            return self.parse(message.text)
        calls = message.tool_calls if isinstance(message, AIMessage) else []
        if not calls:
            raise OutputParserException("the message has no tool call", llm_output=message.text)
        return self.parse(json.dumps(calls[0]["args"], ensure_ascii=False))

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        reading = _Reading(self)
        for piece in input:
            yield from reading.read(piece)
        yield from reading.end()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        reading = _Reading(self)
        async for piece in input:
            for found in reading.read(piece):
                yield found
        for found in reading.end():
            yield found


class _Reading:
    """One stream that a `StructuredParser` reads."""

    def __init__(self, parser: StructuredParser) -> None:
        self.parser, self.growth = parser, parser.wanted.growth
        self.message: Any = None
        self.shown: Any = None

    def read(self, piece: str | BaseMessage) -> Iterator[Any]:
        """What is there to be shown with ``piece``."""
        message: Any = AIMessageChunk(content=piece) if isinstance(piece, str) else piece
        self.message = message if self.message is None else self.message + message
        if self.growth == "text" and message.text:
            yield message.text
        elif self.growth == "dict":
            found = self._grown()
            if isinstance(found, dict) and found != self.shown:
                self.shown = found
                yield found

    def _grown(self) -> Any:
        if self.parser.called:
            calls = self.message.tool_calls
            return calls[0]["args"] if calls else None
        try:
            return parse_partial_json(self.message.text)
        except json.JSONDecodeError:  # nothing is certain yet
            return None

    def end(self) -> Iterator[Any]:
        """What is there to be shown at the end."""
        if self.message is not None and self.growth != "text":
            found = self.parser._whole(self.message)
            if self.growth == "whole" or found != self.shown:
                yield found
