"""Tools as LangChain's users give them, brought into one form: what a chat template is told, what may be called, and
the language of each tool's arguments.

What it is: `ToolSet.of` takes everything that LangChain calls a tool (``BaseTool``s, functions, Pydantic classes,
TypedDicts, dicts in OpenAI's and other formats, JSON Schemas with a title), and what ``bind_tools`` says about them.
When to use it: ``ChatRelark.bind_tools`` does; by hand with `tool_syntax`.

Names and descriptions are what LangChain itself makes of a tool. Its arguments are a `relark.schema`: of the
Pydantic class where there is one, which knows more than its JSON Schema does, and of the JSON Schema elsewhere.
Arguments that LangChain injects are neither shown nor written. Objects with declared properties have no others,
unless the schema says so (``additionalProperties``), or ``strict=False`` was given: a model that may invent
arguments does. They are written in one line, as chat templates write them: a model that may indent wastes tokens.

Cost: some milliseconds for each tool.

What it cannot do: foresee what a tool's own Python validators refuse; call anything. Tools that run on somebody's
server (OpenAI's web search) are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.tools import BaseTool, create_schema_from_function
from langchain_core.tools import Tool as SingleInputTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json_schema import dereference_refs
from pydantic import BaseModel

from relark.constraint import Constraint, schema
from relark.errors import ArgumentError, RelarkError, SchemaError, UnsatisfiableError, UnsupportedError

__all__ = ["BoundTool", "ToolSet", "closed_schema"]

Choice = Literal["auto", "any", "none"]

CHOICES: dict[str, Choice] = {"auto": "auto", "any": "any", "required": "any", "none": "none"}


@dataclass(frozen=True)
class BoundTool:
    """A tool that a model may call.

    name        as it stands in the call
    openai      its description in OpenAI's format, which chat templates take
    arguments   the JSON objects that it can be called with
    """

    name: str
    openai: Mapping[str, Any]
    arguments: Constraint


@dataclass(frozen=True)
class ToolSet:
    """The tools of one request.

    tools     all of them, in the order given: what the model is told of
    choice    "auto": text, or calls, or text and then calls; "any": calls; "none": text
    named     the only tool that may be called; None: any of them
    several   whether more than one call may be written
    """

    tools: tuple[BoundTool, ...]
    choice: Choice = "auto"
    named: str | None = None
    several: bool = True

    @classmethod
    def of(
        cls,
        tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | BaseTool | BoundTool],
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        parallel: bool | None = None,
        strict: bool | None = None,
    ) -> ToolSet:
        """What ``bind_tools`` was given.

        tools         everything that LangChain takes for a tool, and what this has made of one before
        tool_choice   "auto", None or False; "any", "required" or True; "none"; the name of a tool, or a dict that holds
                      one, as OpenAI or Anthropic write it
        parallel      whether several calls may be written at once; None: yes, but a tool that is named is called once
        strict        False: arguments beyond the declared ones may be written where the JSON Schema allows them. True:
                      as None, and the model is told

        A tool that was given twice counts once.
        Raises ArgumentError for what is no tool, for two tools with one name, for names that no syntax can hold and for
        a choice that is none; SchemaError, UnsupportedError or UnsatisfiableError for a tool whose arguments cannot be
        enforced.

        >>> def add(a: int, b: int) -> int:
        ...     '''Adds two numbers.'''
        ...     return a + b
        >>> bound = ToolSet.of([add], tool_choice="any")
        >>> bound.callable[0].arguments.fullmatch('{"a": 1, "b": 2}')
        True
        """
        if isinstance(tools, str | bytes | Mapping) or not isinstance(tools, Sequence):
            raise ArgumentError(f"tools: expected a list of tools, got {type(tools).__name__}; write [tool].")
        if parallel not in (None, True, False):
            raise ArgumentError(f"parallel_tool_calls={parallel!r}: expected True, False or None.")
        found: dict[str, BoundTool] = {}
        for place, tool in enumerate(tools):
            bound = _bound(tool, place, strict)
            first = found.setdefault(bound.name, bound)
            if first is not bound and _parameters(first) != _parameters(bound):
                raise ArgumentError(
                    f"tools[{place}]: another tool with other arguments is named {bound.name!r}; rename one."
                )
        choice, named = _choice(tool_choice, list(found))
        if choice == "any" and not found:
            raise ArgumentError(f"tool_choice={tool_choice!r}, but there are no tools; bind some, or leave it out.")
        return cls(tuple(found.values()), choice, named, named is None if parallel is None else bool(parallel))

    @property
    def callable(self) -> tuple[BoundTool, ...]:
        """The tools that may be called."""
        if self.choice == "none":
            return ()
        return tuple(tool for tool in self.tools if self.named in (None, tool.name))

    @property
    def openai(self) -> list[dict[str, Any]]:
        """All tools in OpenAI's format."""
        return [dict(tool.openai) for tool in self.tools]

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digits that are equal for equal tools and choices, in every process: for keys of caches."""
        parts = [self.choice, self.named, self.several, self.openai, [t.arguments.fingerprint for t in self.tools]]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _parameters(tool: BoundTool) -> object:
    """The schema of a tool's arguments without words for people: a class and its own JSON Schema have the same."""
    parameters = tool.openai["function"].get("parameters")
    return _wordless(dereference_refs(parameters)) if isinstance(parameters, dict) else parameters


def _wordless(node: Any) -> Any:
    if isinstance(node, list):
        return [_wordless(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    words = {key for key in ("title", "description") if isinstance(node.get(key), str)} | {"$defs", "definitions"}
    return {key: _wordless(value) for key, value in node.items() if key not in words}


def _choice(value: object, names: Sequence[str]) -> tuple[Choice, str | None]:
    """What ``tool_choice`` says, and the tool that it names."""
    if value is None or value is False:
        return "auto", None
    if value is True:
        return "any", None
    if isinstance(value, str) and value in CHOICES:
        return CHOICES[value], None
    name: object = value
    if isinstance(value, Mapping):
        inner = value.get("function")
        name = inner.get("name") if isinstance(inner, Mapping) else value.get("name")
        if name is None and value.get("type") in CHOICES:
            return CHOICES[value["type"]], None
    if isinstance(name, str) and name in names:
        return "any", name
    known = ", ".join(map(repr, names)) or "none"
    raise ArgumentError(
        f"tool_choice={value!r}: expected 'auto', 'any', 'none' or the name of a tool that is bound ({known})."
    )


# ------------------------------------------------------------------------------------------
# One tool


def _bound(tool: Any, place: int, strict: bool | None) -> BoundTool:
    if isinstance(tool, BoundTool):
        return tool
    described = _described(tool, place, strict)
    function = described["function"]
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"tools[{place}]: expected a tool with a name, got {name!r}.")
    if not name.isprintable() or set(name) & set('"\\<>'):
        raise ArgumentError(
            f"tools[{place}]: the name {name!r} cannot be written in a call; "
            'rename the tool: no ", \\, <, > and control characters.'
        )
    parameters = function.get("parameters")
    kind = parameters.get("type", "object") if isinstance(parameters, Mapping) else "object"
    if kind != "object":
        raise ArgumentError(
            f"the tool {name!r}: arguments are an object with names, but its parameters have the type {kind!r}; "
            "put that into a property."
        )
    try:
        of = _arguments_type(tool) or _arguments_schema(parameters, name, strict)
        arguments = schema(of, whitespace=" ?")
    except (SchemaError, UnsupportedError, UnsatisfiableError) as error:
        raise type(error)(f"the arguments of the tool {name!r}: {error}") from error
    return BoundTool(name, described, arguments)


def _described(tool: Any, place: int, strict: bool | None) -> dict[str, Any]:
    """``tool`` in OpenAI's format, by LangChain's own conversion."""
    source = tool
    if isinstance(tool, Mapping):
        source = dict(tool)
        if source.get("type") == "function" and "function" not in source:  # the form of OpenAI's Responses API
            del source["type"]
    try:
        described = convert_to_openai_tool(source, strict=strict or None)
    except RelarkError:
        raise
    except Exception as error:  # whatever LangChain or the tool's own code raises, it says what is wrong with the tool
        raise ArgumentError(f"tools[{place}]: LangChain cannot describe {tool!r:.60}: {error}") from error
    if described.get("type") != "function" or not isinstance(described.get("function"), Mapping):
        raise ArgumentError(
            f"tools[{place}]: {described.get('type')!r} is a tool of somebody's server, no local model can call it; "
            "give a tool with a name and parameters."
        )
    return described


def _arguments_type(tool: Any) -> type | None:
    """The Pydantic class of the arguments that a model writes, where there is one."""
    if isinstance(tool, BaseTool):
        found: Any = None if isinstance(tool, SingleInputTool) and not tool.args_schema else tool.tool_call_schema
    elif isinstance(tool, type):
        found = tool
    elif callable(tool):
        found = create_schema_from_function(
            tool.__name__,
            tool,
            filter_args=(),
            parse_docstring=True,
            error_on_invalid_docstring=False,
            include_injected=False,
        )
    else:
        return None
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _arguments_schema(parameters: object, name: str, strict: bool | None) -> dict[str, Any]:
    if parameters is None:
        return {"type": "object", "additionalProperties": False}
    if not isinstance(parameters, Mapping):
        raise ArgumentError(
            f"the tool {name!r}: its parameters are a JSON Schema of an object, not {parameters!r:.60}."
        )
    found = {**parameters, "type": "object"}
    return found if strict is False else closed_schema(found)


_IN_PLACE = {"$ref", "allOf", "anyOf", "oneOf", "properties"}
_CONDITIONS = {"if", "not", "dependentSchemas", "dependencies", "$dynamicRef"}
_OPEN = {"additionalProperties", "unevaluatedProperties", "patternProperties"}
_SCHEMAS_BY_NAME = {"properties", "$defs", "definitions"}
_SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems", "items", "additionalProperties"}


def closed_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """``schema``, a JSON Schema of an object, in which objects have the properties only that they declare.

    Those that say something of others (``additionalProperties``, ``unevaluatedProperties``, ``patternProperties``) stay
    as they are. Where several schemas speak of one object, each would forbid what the others declare: a schema that
    holds such a place is given back as it is.

    >>> closed_schema({"type": "object", "properties": {"a": {"type": "integer"}}})["additionalProperties"]
    False
    """
    return _closed(schema, top=True) if _can_be_closed(schema) else dict(schema)


def _can_be_closed(node: object) -> bool:
    if isinstance(node, list):
        return all(map(_can_be_closed, node))
    if not isinstance(node, Mapping):
        return True
    if _CONDITIONS & node.keys() or len(_IN_PLACE & node.keys()) > 1 or len(node.get("allOf") or ()) > 1:
        return False
    return all(map(_can_be_closed, node.values()))


def _closed(node: Any, *, top: bool = False) -> Any:
    if not isinstance(node, Mapping):  # true, false
        return node
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            found[key] = {name: _closed(inner) for name, inner in value.items()}
        elif key in _SCHEMAS:
            found[key] = [_closed(inner) for inner in value] if isinstance(value, list) else _closed(value)
        else:
            found[key] = value
    if not _OPEN & node.keys() and ("properties" in node or (top and not _IN_PLACE & node.keys())):
        found["additionalProperties"] = False
    return found
