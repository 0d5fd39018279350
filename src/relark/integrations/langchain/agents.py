r"""Agents that write their actions as text: every text that `agent_constraint` allows, their parser understands.

What it is: for each text format of the agents in ``langchain_classic``, the texts that its output parser reads as what
they say: one of the tools with an input that this tool takes, or a final answer. What a parser strips, which words
turn an action into an answer, what it takes for something else without an error: all that is in here.

When to use it: with ``RelarkLLM(constraint=...)`` or ``llm.bind(constraint=...)`` under the agents below. Agents that
call tools natively (``create_agent``, LangGraph, ``create_tool_calling_agent``) want `ChatRelark.bind_tools` instead.

    format                  parser
    "structured-chat"       StructuredChatOutputParser; JSONAgentOutputParser (create_structured_chat_agent)
    "json"                  JSONAgentOutputParser (create_json_chat_agent)
    "conversational-chat"   ConvoOutputParser of conversational_chat
    "react-json"            ReActJsonSingleInputOutputParser
    "chat"                  ChatOutputParser
    "react"                 ReActSingleInputOutputParser (create_react_agent)
    "mrkl"                  MRKLOutputParser (ZeroShotAgent)
    "conversational"        ConvoOutputParser of conversational
    "xml"                   XMLAgentOutputParser (create_xml_agent)
    "self-ask"              SelfAskOutputParser (create_self_ask_with_search_agent)
    "docstore"              ReActOutputParser (ReActDocstoreAgent, ReActTextWorldAgent)

The first five write JSON, so their tools may have any arguments. The others hand a tool one string as it stands in the
text; a tool that needs more than that, or something else, is refused.

Cost: that of the tools' schemas. At first visits, over 50,000 tokens, JSON takes less than 1 ms a token, thoughts,
inputs and answers 3 to 6: free text is an intersection with "contains none of these words".

What it cannot do: foresee what a tool's own Python validators refuse; inject arguments (``InjectedToolArg`` and its
kind), which these agents do not do either.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from langchain_core.tools import BaseTool, InjectedToolCallId
from langchain_core.tools import Tool as SingleInputTool
from langchain_core.tools import tool as make_tool
from pydantic import BaseModel

from relark.constraint import Constraint, choices, literal_text, regex, schema, text
from relark.errors import ArgumentError, SchemaError, UnsatisfiableError, UnsupportedError
from relark.integrations.langchain.escaping import respelled, without_words
from relark.integrations.langchain.tools import closed_schema

__all__ = ["FORMATS", "AgentConstraint", "agent_constraint"]

THOUGHT_LENGTH = 400  # characters, unless ``thoughts`` says otherwise


@dataclass(frozen=True, eq=False, repr=False)
class AgentConstraint(Constraint):
    """The texts of an agent; made by `agent_constraint`.

    own_stops   stop strings that are kept out of whatever is free in the texts. A text that holds one nevertheless,
                like the closing tag of ``<tool_input>``, needs it: it belongs to the format
    """

    own_stops: tuple[str, ...] = ()


# ------------------------------------------------------------------------------------------
# The formats

_Source = bool | Constraint | Mapping[str, Any] | type


@dataclass(frozen=True)
class _JsonFormat:
    """Actions are ``{"action": ..., "action_input": ...}``.

    fence       what stands before the JSON, as a regex; None: a fence or none, and nothing else
    words       what the JSON may not hold: fences, marks of an answer, stops
    thoughts    how thoughts begin, and what they are made of, as a regex; None: there is no place for them
    answer      what stands before a final answer; None: the answer is an action named "Final Answer"
    """

    fence: str | None = None
    words: tuple[str, ...] = ()
    thoughts: tuple[str, str] | None = None
    answer: str | None = None
    stops: tuple[str, ...] = ()


@dataclass(frozen=True)
class _TextFormat:
    """Actions are lines, or tags, around a string.

    action      what stands before the tool's name, between it and the input, and after that
    answer      what stands before a final answer, and after it
    input       the inputs that come out of the parser as they went in
    text        the same for answers
    words       what answers that are JSON may not hold; None: what JSON needs cannot stand in an answer at all
    thoughts    what thoughts are made of, as a regex
    reads       the name of the tool that the parser reads in a text
    """

    action: tuple[str, str, str]
    answer: tuple[str, str]
    input: Constraint
    text: Constraint
    words: tuple[str, ...] | None
    thoughts: str
    reads: Callable[[str], object]
    stops: tuple[str, ...]
    named: bool = True
    thinks: bool = True


# What a blank is to `str.strip` and to the parsers' regexes: four controls more than ``\s`` has here.
_BLANK = r"\s\x1c-\x1f"


def _pieces(colon: str, without: str = "", phrases: str = "") -> str:
    r"""What a thought is made of, as a regex: mostly single characters, but no line breaks.

    No colon stands behind a blank, a digit or one of ``colon``: the last letters of the words that mean something
    before a colon, like ``Action:``. To forbid these words alone would take an intersection, a hundred times as slow
    where a count bounds the text. ``without``: characters that stand in one of the ``phrases`` only.
    """
    return rf"(?:[^:\n{_BLANK}\d{colon}{without}]:?|[{colon}\d]|[^\S\n]|[\x1c-\x1f]{phrases})"


# Code in backticks, so that no three of them meet; quotes in pairs, because the parser of JSON counts them.
_CODE = r"|`[^`\n:\"{}\[\]\\]+`"
_QUOTED = r'|"[^`\n:"{}\[\]\\]*"'

_FENCE = r"Action: ?\n?```(?:json)?\n"
_OBSERVATION = ("\nObservation", "\nObservation:", "\n\tObservation:")
_REACT_JSON = _JsonFormat(
    _FENCE,
    ("```", "Final Answer:", "Observation:"),
    ("", _pieces("nr", "`", _CODE)),
    "Final Answer: ",
    (*_OBSERVATION, "Observation:"),
)
_JSON_FORMATS = {
    # JSONAgentOutputParser tries the text as a whole before it looks for a fence. A bracket in a thought that closes
    # nothing, or an odd quote, makes it see None; a thought that begins like a JSON value, that value.
    "structured-chat": _JsonFormat(
        _FENCE,
        ("```", "Observation:"),
        ("Thought:", _pieces("n", r'`"{}\[\]\\', _CODE + _QUOTED)),
        stops=(*_OBSERVATION, "Observation:"),
    ),
    "json": _JsonFormat(stops=_OBSERVATION),
    "conversational-chat": _JsonFormat(stops=_OBSERVATION),
    "react-json": _REACT_JSON,
    "chat": _REACT_JSON,
}


def _without(shape: str, *words: str) -> Constraint:
    """Texts of the regex ``shape``, in which a point is any character, without ``words``."""
    found = regex(f"(?s:{shape})")
    return found & ~(text() + choices(words) + text()) if words else found


_ACTION = rf"Action[{_BLANK}]*\d*[{_BLANK}]*:"
_ACTION_INPUT = rf"Action[{_BLANK}]*\d*[{_BLANK}]*Input[{_BLANK}]*\d*[{_BLANK}]*:"
_EDGE = rf"[^{_BLANK}]"
_BARE_EDGE = rf'[^{_BLANK}"]'  # quotes at the edges of an input are taken off
_NAMES = ("tool", "/tool", "tool_input", "/tool_input", "observation", "/observation")
_ESCAPED_TAGS = tuple(f"[[{name}]]" for name in _NAMES)  # the parser makes tags of them
_TAGS = (*(f"<{name}>" for name in _NAMES), *_ESCAPED_TAGS, "<final_answer>", "</final_answer>")


def _react(sql: bool, multiline: bool) -> _TextFormat:
    """``sql``: a SELECT keeps its quotes."""
    inner = "." if multiline else r"[^\n]"
    query = f"|SELECT {inner}*{_EDGE}" if sql else ""

    def reads(written: str) -> object:
        found = re.search(rf"{_ACTION}\s*(.*?){_ACTION_INPUT}", written, re.DOTALL)
        return None if found is None or "Final Answer:" in written else found[1].strip()

    return _TextFormat(
        ("Action: ", "\nAction Input: ", ""),
        ("Final Answer: ", ""),
        _without(f"{_BARE_EDGE}(?:{inner}*{_BARE_EDGE})?{query}", "Final Answer:", "Observation:", "\nObservation"),
        _without(f"{_EDGE}(?:.*{_EDGE})?", "Final Answer:", "Observation:", "\nObservation")
        & ~regex(f"(?s:.*{_ACTION}.*{_ACTION_INPUT}.*)"),
        ("Final Answer:", "Observation:", "Input"),
        _pieces("nr"),
        reads,
        (*_OBSERVATION, "Observation:"),
    )


def _conversational(ai_prefix: str, multiline: bool) -> _TextFormat:
    mark = f"{ai_prefix}:"
    inner = "." if multiline else r"[^\n]"

    def reads(written: str) -> object:
        found = re.search(r"Action: (.*?)[\n]*Action Input: ", written, re.DOTALL)
        return None if found is None or mark in written else found[1].strip()

    return _TextFormat(
        ("Action: ", "\nAction Input: ", ""),
        (f"{mark} ", ""),
        _without(f"{_BARE_EDGE}(?:{inner}*{_BARE_EDGE})?", mark, "Observation:", "\nObservation"),
        _without(f"{_EDGE}(?:.*{_EDGE})?", mark, "Observation:", "\nObservation"),
        (mark,) if mark in "Observation:" else (mark, "Observation:"),
        _pieces(f"n{re.escape(ai_prefix[-1])}"),
        reads,
        (*_OBSERVATION, "Observation:"),
    )


def _xml() -> _TextFormat:
    def reads(written: str) -> object:
        found = re.findall("<tool>(.*?)</tool>", written, re.DOTALL)
        return found[0] if len(found) == 1 and not any(tag in written for tag in _ESCAPED_TAGS) else None

    value = _without(".+", *_TAGS)
    return _TextFormat(
        ("<tool>", "</tool><tool_input>", "</tool_input>"),
        ("<final_answer>", "</final_answer>"),
        value,
        value,
        _TAGS,
        r"[^<\n]",
        reads,
        ("</tool_input>", "</final_answer>"),
        thinks=False,
    )


def _self_ask() -> _TextFormat:
    return _TextFormat(
        ("Follow up: ", "", ""),
        ("So the final answer is: ", ""),
        _without(rf"[^{_BLANK}:](?:[^:\n]*[^{_BLANK}:])?"),
        _without(rf"{_EDGE}(?:[^\n]*{_EDGE})?", "Follow up:", "Followup:"),
        ("Follow up:", "Followup:"),
        _pieces("ps"),
        lambda written: "Intermediate Answer",
        ("\nIntermediate answer:",),
        named=False,
    )


def _docstore() -> _TextFormat:
    def reads(written: str) -> object:
        line = written.strip().split("\n")[-1]
        found = re.search(r"(.*?)\[(.*?)\]", line.removeprefix("Action: "))
        return None if found is None or found[1] == "Finish" else found[1]

    value = _without(r"[^\]\n]+")
    return _TextFormat(
        ("Action: ", "[", "]"), ("Action: Finish[", "]"), value, value, None, _pieces("n"), reads, _OBSERVATION
    )


FORMATS = (*_JSON_FORMATS, "react", "mrkl", "conversational", "xml", "self-ask", "docstore")


# ------------------------------------------------------------------------------------------
# The constraint


def agent_constraint(
    format: str,
    tools: Sequence[BaseTool | Callable[..., Any]],
    *,
    thoughts: bool | int | None = None,
    final_answer: bool | Constraint | Mapping[str, Any] | type = True,
    ai_prefix: str = "AI",
    multiline: bool = False,
    whitespace: str = "flexible",
) -> AgentConstraint:
    r"""The texts that the parser of an agent reads as an action with one of ``tools``, or as a final answer.

    format        one of "structured-chat", "json", "conversational-chat", "react-json", "chat", "react", "mrkl",
                  "conversational", "xml", "self-ask", "docstore"
    tools         those that the agent has; functions become tools as LangChain's ``tool`` makes them
    thoughts      a line of thoughts before: True (of up to 400 characters), False, or its greatest length; None: where
                  the format's own prompt asks for it. There is none in "json" and "conversational-chat"
    final_answer  False: there is none. A constraint: of its text. A type or a JSON Schema: of a value, which text
                  formats have as JSON, but for "docstore"
    ai_prefix     that of the agent, in "conversational"
    multiline     whether inputs of tools may have more than one line, in "react", "mrkl" and "conversational"
    whitespace    in JSON, as `relark.schema` takes it

    Inputs and answers in text formats are not empty, have no blanks at their edges except in "xml" and "docstore", and
    hold nothing that the parser would take for something else. In "react", for example, an input neither begins nor
    ends with a quote, which the parser takes off, and does not hold ``Final Answer:``. JSON can hold every value.

    Raises ArgumentError for what is no format, and for tools and options that do not go with it; UnsatisfiableError
    where the format can hold no input of a tool, or no answer; SchemaError or UnsupportedError for arguments that
    cannot be enforced.

    >>> from langchain_core.tools import tool
    >>> @tool
    ... def search(query: str) -> str:
    ...     "Looks something up."
    ...     return "nothing"
    >>> react = agent_constraint("react", [search])
    >>> react.fullmatch("I should look.\nAction: search\nAction Input: weather in Rome")
    True
    >>> react.fullmatch("Action: find\nAction Input: weather in Rome")
    False
    """
    if format == "tools":
        raise ArgumentError(
            "agent_constraint: agents of the format 'tools' read tool calls, not text; "
            "use ChatRelark(...).bind_tools(tools)."
        )
    if format not in FORMATS:
        raise ArgumentError(
            f"agent_constraint: {format!r} is no format; expected one of {', '.join(map(repr, FORMATS))}."
        )
    named = _named(format, tools)
    if not named and final_answer is False:
        raise ArgumentError("agent_constraint: no tools and no final answer leave nothing to say; give tools.")
    if format in _JSON_FORMATS:
        form = _JSON_FORMATS[format]
        length = _length(format, thoughts, thinks=form.thoughts is not None, possible=form.thoughts is not None)
        found = _json_texts(format, form, named, final_answer, length, whitespace)
        own_stops = form.stops
    else:
        lines = _text_format(format, ai_prefix, multiline)
        length = _length(format, thoughts, thinks=lines.thinks, possible=True)
        found = _line_texts(format, lines, named, final_answer, length, whitespace)
        openings = [f"{lines.action[0]}{name}{lines.action[1]}" for name in named if lines.named]
        own_stops = tuple(stop for stop in lines.stops if not any(stop in opening for opening in openings))
    shown = f"agent_constraint({format!r}, [{', '.join(named)}])"
    parts = {field.name: getattr(found, field.name) for field in fields(found)}
    return AgentConstraint(**{**parts, "description": shown}, own_stops=own_stops)


def _text_format(format: str, ai_prefix: str, multiline: bool) -> _TextFormat:
    match format:
        case "react" | "mrkl":
            return _react(format == "mrkl", multiline)
        case "conversational":
            if not ai_prefix or set(ai_prefix) & set(':\n"\\') or f"{ai_prefix}:" in "Action: \nAction Input: ":
                raise ArgumentError(
                    f"ai_prefix={ai_prefix!r}: expected a word without : \" and \\ that is no end of 'Action Input'."
                )
            return _conversational(ai_prefix, multiline)
        case "xml":
            return _xml()
        case "self-ask":
            return _self_ask()
    return _docstore()


def _length(format: str, thoughts: object, *, thinks: bool, possible: bool) -> int:
    """The greatest length of a thought."""
    if thoughts is None:
        thoughts = thinks
    if not isinstance(thoughts, int) or thoughts < 0:
        raise ArgumentError(f"thoughts={thoughts!r}: expected True, False or a greatest length in characters.")
    if thoughts and not possible:
        raise ArgumentError(f"thoughts={thoughts!r}: {format!r} is JSON and nothing else; leave thoughts out.")
    return THOUGHT_LENGTH if thoughts is True else int(thoughts)


def _named(format: str, tools: object) -> dict[str, BaseTool]:
    """The tools by their names."""
    if isinstance(tools, str | bytes | Mapping | BaseTool) or not isinstance(tools, Sequence):
        raise ArgumentError(f"tools: expected a list of tools, got {type(tools).__name__}; write [tool].")
    named: dict[str, BaseTool] = {}
    for place, given in enumerate(tools):
        if isinstance(given, BaseTool):
            found = given
        elif inspect.isfunction(given) or inspect.ismethod(given):
            found = _made(given, place)
        else:
            raise ArgumentError(
                f"tools[{place}]: expected a BaseTool or a function, which an agent can run, got {given!r:.60}."
            )
        if not found.name or any(0xD800 <= ord(c) < 0xE000 for c in found.name):
            raise ArgumentError(f"tools[{place}]: the name {found.name!r} is no text; rename the tool.")
        if found.name in named:
            raise ArgumentError(f"tools: two of them are named {found.name!r}; give each a name of its own.")
        named[found.name] = found
    if format == "self-ask" and list(named) != ["Intermediate Answer"]:
        raise ArgumentError(
            "self-ask names no tool: its agent has exactly one, named 'Intermediate Answer', "
            f"not {', '.join(map(repr, named)) or 'none'}."
        )
    return named


def _made(function: Callable[..., Any], place: int) -> BaseTool:
    try:
        return make_tool(function)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"tools[{place}]: LangChain cannot make a tool of {function!r:.60}: {error}") from error


def _alternatives(parts: Sequence[Constraint]) -> Constraint:
    found = parts[0]
    for part in parts[1:]:
        found |= part
    return found


def _thinking(begin: str, pieces: str, length: int) -> Constraint:
    return regex(rf"(?:{begin}{pieces}{{0,{length}}}\n{{1,2}})?") if length else literal_text("")


# ------------------------------------------------------------------------------------------
# JSON formats


def _json_texts(
    format: str, form: _JsonFormat, tools: Mapping[str, BaseTool], answer: _Source, length: int, whitespace: str
) -> Constraint:
    blobs = []
    for name, tool in tools.items():
        if name == "Final Answer" and form.answer is None:
            raise ArgumentError(f"the tool name {name!r} is what {format} calls its final answer; rename the tool.")
        blobs.append(_blob(name, _arguments(tool, whitespace), form.words, whitespace))
    if answer is not False and form.answer is None:
        blobs.append(_blob("Final Answer", _json_answer(answer, whitespace), form.words, whitespace))
    texts = []
    if blobs:
        blob = _alternatives(blobs)
        if form.fence is None:
            texts.append(blob | regex("```(?:json)?\n") + blob + regex("\n?```"))
        else:
            texts.append(regex(form.fence) + blob + regex("\n?```"))
    if answer is not False and form.answer is not None:
        free = _without(f"{_EDGE}(?:.*{_EDGE})?", "Final Answer:", "Observation:", "\nObservation")
        words = ("Final Answer:", "Observation:")
        texts.append(form.answer + _text_answer(format, answer, free, words, whitespace))
    found = _alternatives(texts)
    return found if form.thoughts is None else _thinking(*form.thoughts, length) + found


def _blob(name: str, value: Constraint, words: tuple[str, ...], whitespace: str) -> Constraint:
    if whitespace == "flexible":
        space, after_colon = regex(r" ?|\n[ \t]{0,8}"), regex(" ?")
    else:
        space = after_colon = regex("" if whitespace == "compact" else whitespace)
    written = respelled(json.dumps(name, ensure_ascii=False), words)
    value = without_words(value, words)
    return (
        ("{" + space + '"action":' + after_colon + written + ",")
        + (space + '"action_input":' + after_colon + value + space + "}")
    )  # fmt: skip


def _json_answer(answer: _Source, whitespace: str) -> Constraint:
    if answer is True:
        return schema({"type": "string", "minLength": 1})
    if isinstance(answer, Constraint):
        _refuse_nothing(answer, "final_answer: no text satisfies the constraint.")
        return schema({"type": "string", "format": "answer"}, formats={"answer": answer})
    return _schema_answer(answer, whitespace)


def _schema_answer(answer: object, whitespace: str) -> Constraint:
    try:
        return schema(answer, whitespace=whitespace)
    except (ArgumentError, SchemaError, UnsupportedError, UnsatisfiableError) as error:
        raise type(error)(f"final_answer: {error}") from error


def _arguments(tool: BaseTool, whitespace: str) -> Constraint:
    """The inputs of ``tool`` as JSON: an object of its arguments, or a string where a string is its only one."""
    _refuse_injected(tool)
    try:
        if isinstance(tool, SingleInputTool) and tool.args_schema is None:
            return schema(
                {
                    "anyOf": [
                        {"type": "string"},
                        {
                            "type": "object",
                            "properties": {"tool_input": {"type": "string"}},
                            "required": ["tool_input"],
                            "additionalProperties": False,
                        },
                    ]
                },
                whitespace=whitespace,
            )
        model = _model(tool)
        if isinstance(model, Mapping):
            return schema(model, whitespace=whitespace)
        arguments = schema(model, whitespace=whitespace)
        first = _first_argument(tool)
        return arguments | schema(first.string) if first.string is not None and first.only else arguments
    except (SchemaError, UnsupportedError, UnsatisfiableError) as error:
        raise type(error)(f"the arguments of the tool {tool.name!r}: {error}") from error


# ------------------------------------------------------------------------------------------
# Text formats


def _line_texts(
    format: str, form: _TextFormat, tools: Mapping[str, BaseTool], answer: _Source, length: int, whitespace: str
) -> Constraint:
    before, between, after = form.action
    space = " ?" if format == "self-ask" and whitespace != "compact" else whitespace  # one line
    texts = []
    for name, tool in tools.items():
        opening = f"{before}{name}{between}" if form.named else before + between
        if form.reads(f"{opening}x{after}") != name:
            raise ArgumentError(
                f"the tool name {name!r} cannot be written in the format {format!r}, whose parser would read something "
                "else; rename the tool."
            )
        texts.append(opening + _input(format, tool, form.input) + after)
    if answer is not False:
        texts.append(form.answer[0] + _text_answer(format, answer, form.text, form.words, space) + form.answer[1])
    return _thinking("", form.thoughts, length) + _alternatives(texts)


def _text_answer(
    format: str, answer: _Source, free: Constraint, words: tuple[str, ...] | None, whitespace: str
) -> Constraint:
    if answer is True:
        return free
    if not isinstance(answer, Constraint):
        if words is None:
            raise ArgumentError(
                f"final_answer: {format!r} cannot hold the brackets of JSON; give a constraint of texts."
            )
        return without_words(_schema_answer(answer, whitespace), words)
    found = free & answer
    _refuse_nothing(found, f"final_answer: the format {format!r} can hold none of its texts.")
    return found


def _input(format: str, tool: BaseTool, free: Constraint) -> Constraint:
    """The texts that ``tool`` can be called with."""
    _refuse_injected(tool)
    if isinstance(tool.args_schema, dict):
        raise ArgumentError(
            f"the tool {tool.name!r} cannot be used in the format {format!r}, which hands it a string: LangChain "
            "refuses that where args_schema is a JSON Schema. Use a Pydantic args_schema, or 'structured-chat'."
        )
    if isinstance(tool, SingleInputTool) and tool.args_schema is None:
        return free
    first = _first_argument(tool)
    if first.name is None:
        return literal_text("")
    if first.string is None:
        raise ArgumentError(
            f"the tool {tool.name!r} cannot be used in the format {format!r}, which hands it a string as it stands in "
            f"the text: {first.problem}. Use the format 'structured-chat', or a tool with one string argument."
        )
    if "enum" in first.string:
        found = free & choices(first.string["enum"])
    elif first.string.keys() & {"minLength", "maxLength"}:
        found = free & regex(f"(?s:.{{{first.string.get('minLength', 0)},{first.string.get('maxLength', '')}}})")
    else:
        return free
    _refuse_nothing(
        found,
        f"the tool {tool.name!r}: the format {format!r} can hold no value of its argument {first.name!r}.",
    )
    return found


def _refuse_nothing(found: Constraint, message: str) -> None:
    if found.is_empty:
        raise UnsatisfiableError(message)


# ------------------------------------------------------------------------------------------
# What a tool takes


@dataclass(frozen=True)
class _First:
    """The argument that a tool takes a bare string for.

    name        None: the tool has no arguments
    string      its strings, as a JSON Schema; None: it takes none as it stands
    only        whether there is no other argument
    problem     what keeps a string from being the tool's input, where ``string`` is None
    """

    name: str | None
    string: dict[str, Any] | None = None
    only: bool = True
    problem: str = ""


def _model(tool: BaseTool) -> type[BaseModel] | dict[str, Any]:
    """What the arguments of ``tool`` are: a Pydantic class, or a JSON Schema."""
    given: Any = tool.args_schema
    if given is None:
        parameters = inspect.signature(tool._run).parameters.values()
        if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
            raise ArgumentError(f"the tool {tool.name!r} does not say what arguments it takes; give it an args_schema.")
        given = tool.get_input_schema()
    if isinstance(given, Mapping):
        return closed_schema({"type": "object", **given})
    shown: Any = tool.tool_call_schema
    if issubclass(given, BaseModel):
        found: type[BaseModel] = given if _fields(shown).keys() == _fields(given).keys() else shown
        return found
    return closed_schema(shown.schema())  # a class of Pydantic's first version


def _fields(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.model_fields if issubclass(model, BaseModel) else model.__fields__
    return found


def _refuse_injected(tool: BaseTool) -> None:
    """LangChain's text agents call a tool with what the model wrote, and nothing else."""
    missing = set()
    given: Any = tool.args_schema
    if isinstance(given, type):
        for name in _fields(given).keys() - _fields(tool.tool_call_schema).keys():
            field = _fields(given)[name]
            required = field.is_required() if issubclass(given, BaseModel) else field.required
            marks = getattr(field, "metadata", ())
            if required or any(m is InjectedToolCallId or isinstance(m, InjectedToolCallId) for m in marks):
                missing.add(name)
    try:
        for name in getattr(tool, "_injected_args_keys", frozenset()):
            parameter = inspect.signature(_function(tool)).parameters.get(name)
            if name == "tool_call_id" or parameter is None or parameter.default is parameter.empty:
                missing.add(name)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"the tool {tool.name!r}: LangChain cannot call it: {error}") from error
    if missing:
        raise ArgumentError(
            f"the tool {tool.name!r} needs {', '.join(map(repr, sorted(missing)))} injected, which text agents do not "
            "do; use create_agent, or a tool without injected arguments."
        )


def _function(tool: BaseTool) -> Callable[..., Any]:
    """What runs when the tool does."""
    found: Callable[..., Any] = getattr(tool, "func", None) or getattr(tool, "coroutine", None) or tool._run
    return found


def _first_argument(tool: BaseTool) -> _First:
    given: Any = tool.args_schema or tool.get_input_schema()
    modern = issubclass(given, BaseModel)
    described = given.model_json_schema(by_alias=False) if modern else given.schema(by_alias=False)
    properties = described.get("properties", {})
    if not properties:
        return _First(None)
    name, *others = properties
    if set(others) & set(described.get("required", ())):
        return _First(name, problem=f"it has {len(properties)} arguments ({', '.join(properties)})", only=False)
    if others and next(iter(inspect.signature(_function(tool)).parameters), None) != name:
        return _First(name, problem=f"its function takes another argument before {name!r}", only=False)
    field = given.model_fields[name] if modern else given.__fields__[name]
    alias = (field.validation_alias or field.alias) if modern else (field.alias if field.alias != name else None)
    if alias is not None:
        return _First(name, problem=f"its argument {name!r} has an alias", only=not others)
    string = _string(properties[name], described.get("$defs", described.get("definitions", {})))
    problem = f"its argument {name!r} is not a plain string"
    return _First(name, string, not others, "" if string else problem)


_NOTES = {"title", "description", "default", "examples", "deprecated"}


def _string(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any] | None:
    """The strings of a property, as a JSON Schema of enum or lengths only; None where there is more to them."""
    for key in ("anyOf", "oneOf"):
        if key in node and not node.keys() - _NOTES - {key}:
            found = [_string(member, definitions) for member in node[key]]
            return next((member for member in found if member), None)
    if "$ref" in node:
        target = definitions.get(node["$ref"].rsplit("/", 1)[-1])
        return None if target is None else _string(target, {})
    said = {key: value for key, value in node.items() if key not in _NOTES}
    if not said:
        return {"type": "string"}
    if "const" in said:
        said = {**{k: v for k, v in said.items() if k != "const"}, "enum": [said["const"]]}
    if "enum" in said and not said.keys() - {"enum", "type"}:
        values = [value for value in said["enum"] if isinstance(value, str)]
        return {"enum": values} if values else None
    return said if said.get("type") == "string" and not said.keys() - {"type", "minLength", "maxLength"} else None
