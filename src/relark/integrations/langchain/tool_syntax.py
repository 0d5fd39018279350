"""How a model writes calls of tools: found out from its chat template, or a generic way where it has none.

What it is: `tool_syntax` renders short conversations with made-up calls through the tokenizer's own chat template,
and looks for the made-up names and arguments in the result. What stands around them is the syntax: ``<tool_call>``
tags (Hermes, Qwen), a bare JSON object (Llama 3), ``[TOOL_CALLS]`` (Mistral), fenced JSON between markers
(DeepSeek), a message to ``functions.NAME`` (gpt-oss). So no model is known by its name, and a template that nobody
has seen yet works. What was found is then used to read another rendered conversation, and counts only if it gives
that conversation's calls. When to use it: `ChatRelark` does for each model.

A `ToolSyntax` has four uses: ``prompt`` renders messages and tools, ``constraint`` is the language of the reply,
``reader`` takes the reply apart, ``text_tokens`` are the special tokens that it is written with
(``Vocabulary.from_tokenizer`` has to be told, else they are never text).

`GENERIC` is for templates that know nothing of tools, and for syntaxes whose arguments are no JSON object (XML with
one element for each argument, Python calls), whose ids hold the name of the tool, or that write the arguments first:
calls in Hermes' form, described in the system message together with the tools. The template is then given ordinary
messages only.

Where text and calls meet. Text does not contain what calls begin with (``ToolSyntax.trigger``), and does not end
with two characters or more of its beginning, so where calls begin is never in doubt. Where the template renders text
before calls, or calls begin with a token of their own, text may stand before them; where a call is a bare object,
the reply is either.

Cost: about ten renderings, some milliseconds; keep the result. A constraint costs what the schemas of its tools
cost.

What it cannot do: tell thinking from text (a ``<think>`` block is text, and the trigger is not for use in it); write
text that names the trigger; change the order in which a template renders things.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any, Literal, TypeAlias

from relark.constraint import Constraint, choices, literal_text, regex, text
from relark.errors import ArgumentError
from relark.integrations.langchain.tool_stream import (
    ALPHABET,
    BLANKS,
    ID_LENGTH,
    ArgsDelta,
    CallReader,
    CallStart,
    identifier,
)
from relark.integrations.langchain.tools import BoundTool, ToolSet

__all__ = ["GENERIC", "Pattern", "ToolSyntax", "tool_syntax"]

Pattern: TypeAlias = tuple[str, ...]  # literals; between two of them stands an id
Chat: TypeAlias = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Form:
    """What a template wants to be given for an assistant's message with calls.

    arguments   "object", or "text": their JSON
    content     "text": "" where there is none; "none": None; "absent"
    """

    arguments: Literal["object", "text"] = "object"
    content: Literal["text", "none", "absent"] = "text"


FORMS = tuple(Form(arguments, content) for arguments in ("object", "text") for content in ("text", "none", "absent"))


@dataclass(frozen=True)
class ToolSyntax:
    """How calls are written: ``start`` NAME ``middle`` ARGUMENTS, then any number of times ``between`` NAME ``middle``
    ARGUMENTS, then ``end`` and EOS.

    start, middle, between, end   literals with ids between them; ``between`` None: a reply holds one call at most
    trigger        what ``start`` begins with: who writes it must go on with a call
    gap            what stands between text and ``start``
    leading_text   whether text may stand before calls
    answer         what a reply that is text begins with; "" almost everywhere
    text_tokens    special tokens that all this is written with
    form           what the template is given; None: it renders no calls
    shows_tools    whether the template itself tells the model of the tools
    keeps_text     whether it renders the text of a message with calls
    system_role    whether it takes system messages
    opening        what is put behind the generation prompt
    thought        the tag, such as "think", of a thought that its generation prompt opens
    """

    start: Pattern
    middle: Pattern
    between: Pattern | None
    end: Pattern
    trigger: str
    gap: str = ""
    leading_text: bool = True
    answer: str = ""
    text_tokens: tuple[str, ...] = ()
    form: Form | None = None
    shows_tools: bool = False
    keeps_text: bool = True
    system_role: bool = True
    opening: str = ""
    thought: str | None = None

    @property
    def has_ids(self) -> bool:
        """Whether ids are written."""
        return any(len(pattern) > 1 for pattern in (self.start, self.middle, self.between or (), self.end))

    # --- the language -------------------------------------------------------------------------------------------------

    def constraint(self, tools: ToolSet | None = None, answer: Constraint | None = None) -> Constraint | None:
        """What the model may reply; None where that is any text.

        tools    what may be called, and whether it must be
        answer   what may be replied instead of calls; None: text

        Raises ArgumentError for tools whose names this syntax cannot tell apart.
        """
        if tools is None or not tools.tools:
            return self._answer(answer or text()) if answer is not None or self.answer else None
        if not tools.callable:
            return self._plain() if answer is None else self._answer(answer)
        self._check_names([tool.name for tool in tools.callable])
        calls = self._calls(tools.callable, tools.several)
        names = ", ".join(tool.name for tool in tools.callable)
        if tools.choice == "any":
            return replace(calls, description=f"calls of {names}")
        if answer is not None:
            instead = self._answer(answer if self.answer else _without_start(answer, self.trigger))
            return replace(instead | calls, description=f"{answer} or calls of {names}")
        if self.leading_text:
            calls = self._unmarked() + calls
        elif self.blanks:
            calls = regex(f"[{self.blanks}]*") + calls
        return replace(self._plain() | calls, description=f"text or calls of {names}")

    def _check_names(self, names: Sequence[str]) -> None:
        """Raises ArgumentError where the end of a name would be in doubt."""
        for one in names:
            for other in names:
                if one != other and (one + self.middle[0]).startswith(other + self.middle[0]):
                    raise ArgumentError(
                        f"the tools {other!r} and {one!r} cannot be told apart in this model's syntax, where "
                        f"{self.middle[0]!r} follows a name; rename one."
                    )

    def _answer(self, answer: Constraint) -> Constraint:
        return self.answer + answer if self.answer else answer

    def _calls(self, tools: Sequence[BoundTool], several: bool) -> Constraint:
        one = reduce(or_, (tool.name + _written(self.middle) + tool.arguments for tool in tools))
        calls = _written(self.start) + one
        if several and self.between is not None:
            calls += (_written(self.between) + one).repeat(0)
        return calls + _written(self.end)

    def _plain(self) -> Constraint:
        """Text that is nothing but text."""
        if self.answer:  # what it begins with tells it from calls
            return self.answer + self._unmarked()
        unfinished = choices([self.trigger[:size] for size in range(2, len(self.trigger))] or [self.trigger])
        if self.leading_text:
            return self._unmarked() & ~(text() + unfinished)
        blanks = regex(f"[{self.blanks}]*") if self.blanks else literal_text("")
        return self._unmarked() & ~(blanks + (unfinished | self.trigger + text()))

    def _unmarked(self) -> Constraint:
        """Text without the special tokens of calls, and without the trigger where it may stand anywhere."""
        markers = {*self.text_tokens, *([self.trigger] if self.leading_text else [])}
        return ~(text() + choices(sorted(markers)) + text()) if markers else text()

    @property
    def blanks(self) -> str:
        """What may stand before calls that nothing else may stand before."""
        return "" if self.trigger[0] in BLANKS else BLANKS

    def reader(self, tools: ToolSet | None = None, answer: bool = False) -> CallReader:
        """A reader of what ``constraint`` of the same tools (and with an answer or without) has let the model write."""
        names = () if tools is None else [tool.name for tool in tools.callable]
        return CallReader(self, names, calls=tools is not None and tools.choice == "any", answer=answer)

    # --- the prompt ---------------------------------------------------------------------------------------------------

    def prompt(
        self, tokenizer: Any, chat: Chat, tools: ToolSet | None = None, *, think: bool = True
    ) -> tuple[int, ...]:
        """The token ids that the model is to continue.

        chat    messages as chat templates take them; the arguments of calls are objects
        tools   what the model is told of
        think   False: a thought that the template's generation prompt opens is closed at once, as it has to be where a
                constraint leaves no room for it. Done anyhow where calls must be written

        Raises ArgumentError for a tokenizer without a chat template, and messages that the template refuses.
        """
        if getattr(tokenizer, "chat_template", None) is None:
            raise ArgumentError(
                "the tokenizer has no chat template, so there is no way to give it messages: set "
                "tokenizer.chat_template, or use RelarkLLM with plain text."
            )
        known = tools is not None and bool(tools.tools)
        single = self.form is not None and self.between is None
        messages = [self._message(message) for message in (_one_by_one(chat) if single else chat)]
        if self.form is None:
            messages = _joined(messages)
        if tools is not None and known and not self.shows_tools:
            messages = self._with_tools(messages, tools)
        if not self.system_role:
            messages = _without_system(messages)
        given = tools.openai if tools is not None and known and self.shows_tools else None
        rendered = _rendered(tokenizer, messages, given, True)
        if isinstance(rendered, Exception):
            raise ArgumentError(f"the chat template refuses these messages: {rendered}") from rendered
        rendered += self.opening
        if self.thought is not None and (not think or (tools is not None and tools.choice == "any")):
            rendered += f"\n</{self.thought}>\n\n"
        return tuple(tokenizer(rendered, add_special_tokens=False)["input_ids"])

    def _message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """``message`` as this model's template wants it."""
        found = dict(message)
        calls = found.get("tool_calls")
        if self.form is None:
            if calls:
                content = found.get("content") or ""
                found["content"] = (content + self.gap if content else "") + self._text_of(calls)
            found.pop("tool_calls", None)
            if found.get("role") == "tool":
                found = {"role": "user", "content": f"<tool_response>\n{found.get('content') or ''}\n</tool_response>"}
            return found
        if self.has_ids and found.get("tool_call_id"):
            found["tool_call_id"] = _fitting_id(found["tool_call_id"])
        if calls:
            found["tool_calls"] = [self._given(call) for call in calls]
            if not found.get("content") or not self.keeps_text:
                found["content"] = "" if self.form.content == "text" else None
                if self.form.content == "absent":
                    del found["content"]
        return found

    def _given(self, call: Mapping[str, Any]) -> dict[str, Any]:
        function = call["function"]
        arguments = function["arguments"]
        if self.form is not None and self.form.arguments == "text":
            arguments = json.dumps(arguments, ensure_ascii=False)
        found = {**call, "function": {"name": function["name"], "arguments": arguments}}
        if self.has_ids:
            found["id"] = _fitting_id(call.get("id") or "")
        return found

    def _text_of(self, calls: Sequence[Mapping[str, Any]]) -> str:
        """Calls as the model would have written them; for the generic syntax, which has no ids."""
        found = self.start[0]
        for number, call in enumerate(calls):
            function = call["function"]
            arguments = json.dumps(function["arguments"], ensure_ascii=False)
            found += (self.between or self.start)[0] if number else ""
            found += function["name"] + self.middle[0] + arguments
        return found + self.end[0]

    def _with_tools(self, messages: list[dict[str, Any]], tools: ToolSet) -> list[dict[str, Any]]:
        """``messages`` with the tools and how to call them in the system message."""
        told = self.instructions(tools)
        if messages and messages[0].get("role") == "system":
            first = {**messages[0], "content": f"{messages[0].get('content') or ''}\n\n{told}".lstrip()}
            return [first, *messages[1:]]
        return [{"role": "system", "content": told}, *messages]

    def instructions(self, tools: ToolSet) -> str:
        """What a model is told of ``tools`` whose template does not tell it."""
        listed = "\n".join(json.dumps(tool, ensure_ascii=False, default=str) for tool in tools.openai)
        example = _shown(self.start) + "<function-name>" + _shown(self.middle) + "<args-json-object>" + _shown(self.end)
        return (
            "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
            "You are provided with function signatures within <tools></tools> XML tags:\n"
            f"<tools>\n{listed}\n</tools>\n\n"
            f"To call a function, write its name and a JSON object of its arguments in this form:\n{example}"
        )


GENERIC = ToolSyntax(
    start=('<tool_call>\n{"name": "',),
    middle=('", "arguments": ',),
    between=('}\n</tool_call>\n<tool_call>\n{"name": "',),
    end=("}\n</tool_call>",),
    trigger="<tool_call>",
    gap="\n",
)


def _written(pattern: Pattern) -> Constraint:
    """The language of ``pattern``."""
    found = literal_text(pattern[0])
    for literal in pattern[1:]:
        found = found + regex(f"[{ALPHABET}]{{{ID_LENGTH}}}") + literal
    return found


def _shown(pattern: Pattern) -> str:
    return "<id>".join(pattern)


def _without_start(answer: Constraint, trigger: str) -> Constraint:
    """The texts of ``answer`` that do not begin with ``trigger``."""
    begins = literal_text(trigger) + text()
    return answer if (answer & begins).is_empty else replace(answer & ~begins, description=answer.description)


def _fitting_id(value: str) -> str:
    """``value``, or an id made of it where it has not the form that templates insist on."""
    if len(value) == ID_LENGTH and not set(value) - set(ALPHABET):
        return value
    return identifier(int.from_bytes(hashlib.sha256(value.encode()).digest(), "big"))


def _one_by_one(chat: Chat) -> list[Mapping[str, Any]]:
    """Messages with one call each, and its result after it: such templates drop or refuse the others."""
    found: list[Mapping[str, Any]] = []
    moved: set[int] = set()
    for place, message in enumerate(chat):
        calls = message.get("tool_calls") or ()
        if len(calls) < 2:
            found += [] if place in moved else [message]
            continue
        for number, call in enumerate(calls):
            content = message.get("content") if number == 0 else ""
            found.append({**message, "content": content, "tool_calls": [call]})
            for later in range(place + 1, len(chat)):
                if chat[later].get("role") != "tool":
                    break
                if later not in moved and chat[later].get("tool_call_id") == call.get("id"):
                    found.append(chat[later])
                    moved.add(later)
                    break
    return found


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The system message as the beginning of what the user says first; for templates that refuse one."""
    if not messages or messages[0].get("role") != "system":
        return messages
    system, *others = messages
    if others and others[0].get("role") == "user":
        content = f"{system.get('content') or ''}\n\n{others[0].get('content') or ''}"
        return [{**others[0], "content": content}, *others[1:]]
    return [{**system, "role": "user"}, *others]


def _joined(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring messages of the user as one: templates without tools may insist on turns."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if found and message.get("role") == found[-1].get("role") == "user":
            one, other = found[-1].get("content"), message.get("content")
            if isinstance(one, str) and isinstance(other, str):
                found[-1] = {**found[-1], "content": f"{one}\n{other}"}
                continue
        found.append(message)
    return found


# ------------------------------------------------------------------------------------------
# Finding out

_NAMES = ("probe_alpha", "probe_beta")
_IDS = ("pRobe0id1", "pRobe0id2")
_KEYS = (("kappa1", "vau1"), ("kappa2", "vau2"))
_TEXT = "Zephyr quartz."
_USER = {"role": "user", "content": "Hello."}
_FINDERS = tuple(re.compile(rf'\{{\s*"{key}"\s*:\s*"{value}"\s*\}}') for key, value in _KEYS)
# What ends a message besides the tokenizer's own EOS, for tokenizers that do not say so.
_ENDS = ("<|call|>", "<|return|>", "<|eom_id|>", "<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<turn|>")
_HARD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("other-name", {"a": ['é"\\', 1.5, None, {"b": True}], "c": "}</tool_call>{"}),
    ("third_name", {}),
)


def tool_syntax(tokenizer: Any, eos_ids: Iterable[int] = ()) -> ToolSyntax:
    """The syntax of the model that ``tokenizer`` belongs to, by its chat template.

    tokenizer   a transformers tokenizer; not changed
    eos_ids     the ids that end a text of this model, besides the tokenizer's own
    """
    if getattr(tokenizer, "chat_template", None) is None:
        return GENERIC
    probe = _Probe(tokenizer, eos_ids)
    for form in FORMS:
        found = probe.syntax(form)
        if found is not None:
            return found
    return replace(GENERIC, system_role=probe.takes_system(), opening=probe.answer, thought=probe.thought)


def _rendered(tokenizer: Any, chat: Chat, tools: list[dict[str, Any]] | None, prompting: bool) -> str | Exception:
    """``chat`` through the template, or what it raises: it is a program, and may stumble in many ways."""
    from jinja2.exceptions import TemplateError

    messages = [dict(message) for message in chat]
    try:
        if any("content" in message and message["content"] is None for message in messages):
            return _as_it_stands(tokenizer, messages, tools, prompting)
        return str(
            tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=prompting, tokenize=False)
        )
    except (TemplateError, TypeError, ValueError, LookupError, AttributeError) as error:
        return error


def _as_it_stands(
    tokenizer: Any, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, prompting: bool
) -> str:
    """The same with contents that are None, which ``apply_chat_template`` takes out, and some templates ask for."""
    from transformers.utils import chat_template_utils

    render: Any = chat_template_utils.render_jinja_template
    rendered, _ = render(
        conversations=[messages],
        tools=tools,
        chat_template=tokenizer.get_chat_template(None, tools),
        add_generation_prompt=prompting,
        **tokenizer.special_tokens_map,
    )
    return str(rendered[0])


def _shared(*texts: str) -> str:
    """What all of ``texts`` begin with."""
    for place, characters in enumerate(zip(*texts, strict=False)):
        if len(set(characters)) > 1:
            return texts[0][:place]
    return min(texts, key=len)


def _has_border(word: str) -> bool:
    """Whether an end of ``word`` is a beginning of it, so that two occurrences may overlap."""
    return any(word.startswith(word[size:]) for size in range(1, len(word)))


def _call(number: int, name: str, arguments: Mapping[str, Any], form: Form) -> dict[str, Any]:
    given = json.dumps(arguments, ensure_ascii=False) if form.arguments == "text" else arguments
    return {"id": _IDS[number], "type": "function", "function": {"name": name, "arguments": given}}


def _described(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": name, "description": "A tool.", "parameters": parameters}}


class _Probe:
    """Renders conversations through one tokenizer's template."""

    def __init__(self, tokenizer: Any, eos_ids: Iterable[int]) -> None:
        self._tokenizer = tokenizer
        added = getattr(tokenizer, "added_tokens_decoder", {})
        names = set(getattr(tokenizer, "all_special_tokens", ()))
        self._special = {t.content for t in added.values() if t.special} | names
        self._added = {t.content for t in added.values()} | names
        eos = {added[i].content for i in eos_ids if i in added}
        self._ends = {*eos, *(end for end in _ENDS if end in self._added)}
        if getattr(tokenizer, "eos_token", None):
            self._ends.add(tokenizer.eos_token)
        self._tools = [_described(name) for name in (*_NAMES, *(name for name, _ in _HARD))]
        self._before = self._render([_USER], False) or ""
        prompt = self._render([_USER], True) or ""
        self._shows_tools = _NAMES[0] in prompt and _NAMES[1] in prompt
        self._opening = prompt.removeprefix(self._before) if prompt.startswith(self._before) else ""
        self._reply = self._tail([{"role": "assistant", "content": _TEXT}], _USER)
        self._header = ""
        self.answer = ""
        if self._reply is not None and _TEXT in self._reply:
            header = _shared(self._opening, self._reply)
            begin, _, rest = self._reply.partition(_TEXT)
            ending = self._first(self._added, rest)
            if ending is not None:
                self._ends.add(ending)
            if self._tokens_of(begin.removeprefix(header)):
                self.answer = begin.removeprefix(header)

    def _render(self, chat: Chat, prompting: bool, tools: bool = True) -> str | None:
        found = _rendered(self._tokenizer, chat, self._tools if tools else None, prompting)
        return None if isinstance(found, Exception) else found

    def _tail(self, messages: Sequence[Mapping[str, Any]], *others: Mapping[str, Any]) -> str | None:
        """What the template writes for ``messages`` after the user's; ``others`` follow if it takes them."""
        for chat in ([_USER, *messages], [_USER, *messages, *others]):
            found = self._render(chat, False)
            if found is not None and found.startswith(self._before):
                return found[len(self._before) :]
        return None

    def takes_system(self) -> bool:
        found = self._render([{"role": "system", "content": _TEXT}, _USER], True, tools=False)
        return found is not None and _TEXT in found

    def _tokens_of(self, *texts: str) -> tuple[str, ...]:
        """The special tokens in ``texts``."""
        return tuple(sorted(token for token in self._special if token and any(token in t for t in texts)))

    @staticmethod
    def _first(tokens: Iterable[str], of: str) -> str | None:
        """The one of ``tokens`` that stands first in a text."""
        places = [(of.find(token), -len(token), token) for token in tokens if token and token in of]
        return min(places)[2] if places else None

    @property
    def thought(self) -> str | None:
        """The tag that the generation prompt opens."""
        opened = re.search(r"<(\w*(?:think|thought|reason)\w*)>\s*\Z", self._opening)
        return opened[1] if opened else None

    def _border(self, of: str, place: int) -> int:
        """``place``, or the beginning of the token or tag that it lies in."""
        spans = [found.span() for found in re.finditer(r"<[^<>\s]+>", of)]
        for token in filter(of.__contains__, self._added - {""}):
            spans += [found.span() for found in re.finditer(re.escape(token), of)]
        return min((start for start, end in spans if start < place < end), default=place)

    # --- calls --------------------------------------------------------------------------------------------------------

    def _calls(self, form: Form, calls: Sequence[tuple[str, Mapping[str, Any]]], content: str = "") -> str | None:
        """What the template writes for a message with these calls, after the generation prompt's part of it."""
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if not content and form.content != "text":
            message["content"] = None
        if not content and form.content == "absent":
            del message["content"]
        message["tool_calls"] = [_call(n, name, arguments, form) for n, (name, arguments) in enumerate(calls)]
        results = [
            {"role": "tool", "name": name, "tool_call_id": _IDS[n], "content": "Done."}
            for n, (name, _) in enumerate(calls)
        ]
        for chat in ([_USER, message, *results], [_USER, message]):
            found = self._render(chat, False)
            if found is not None and found.startswith(self._before):
                tail = found[len(self._before) :]
                size = len(_shared(self._opening, self._reply or self._opening, tail))
                return tail[self._border(tail, size) :]
        return None

    def _parts(self, tail: str, count: int) -> tuple[list[Pattern], bool] | None:
        """``tail`` cut at the names and arguments of ``count`` calls, up to the end of the message; and whether that is
        there. None if a name or arguments are not there exactly once, or not in this order."""
        places = []
        for name, finder in zip(_NAMES[:count], _FINDERS, strict=False):
            arguments = finder.search(tail)
            if arguments is None:
                return None
            at = tail.find(name)
            places += [(at, at + len(name)), arguments.span()]
        if any(start < 0 for start, _ in places) or places != sorted(places):
            return None
        final = places[-1][1]
        ending = self._first(self._ends, tail[final:])
        message = tail if ending is None else tail[: tail.index(ending, final)]
        if any(message.count(name) != 1 for name in _NAMES[:count]):
            return None
        borders = [0, *(at for place in places for at in place), len(message)]
        literals = [message[borders[i] : borders[i + 1]] for i in range(0, len(borders), 2)]
        return [tuple(re.split("|".join(_IDS), literal)) for literal in literals], ending is not None

    def syntax(self, form: Form) -> ToolSyntax | None:
        """The syntax that the template writes when it is given messages in ``form``."""
        probes = [(name, {key: value}) for name, (key, value) in zip(_NAMES, _KEYS, strict=True)]
        one, two = self._calls(form, probes[:1]), self._calls(form, probes)
        first = None if one is None else self._parts(one, 1)
        if first is None:
            return None
        (start, middle, end), ended = first
        both = None if two is None else self._parts(two, 2)
        between: Pattern | None = None
        if both is not None and both[1]:
            start2, middle2, between2, middle3, end2 = both[0]
            if start2 == start and middle2 == middle3 == middle and (end2 == end or not ended):
                between, end, ended = None if self._first(self._ends, "".join(between2)) else between2, end2, True
        trigger = self._trigger(start)
        if not ended or trigger is None or _has_border(trigger) or between == ("",):
            return None
        if self._first(self._ends, "".join(start + middle)):  # the model could not go on from there
            return None
        literals = [literal for pattern in (start, middle, between or (), end) for literal in pattern]
        gap = self._gap(form, probes[0], start)
        found = ToolSyntax(
            start,
            middle,
            between,
            end,
            trigger,
            gap=gap or "",
            leading_text=not self.answer and (gap is not None or trigger.strip() in self._added or trigger != start[0]),
            answer=self.answer,
            text_tokens=self._tokens_of(self.answer, *literals),
            form=form,
            shows_tools=self._shows_tools,
            keeps_text=gap is not None,
            system_role=self.takes_system(),
            thought=self.thought,
        )
        return found if self._is_right(found, form, first[1]) else None

    def _trigger(self, start: Pattern) -> str | None:
        """The token or tag that ``start`` begins with; else all of it, up to an id or name."""
        literal = start[0]
        if not literal.strip():
            return None
        blanks = literal[: len(literal) - len(literal.lstrip())]
        rest = literal.lstrip()
        tokens = [token for token in self._added if token and rest.startswith(token)]
        tag = re.match(r"<[^<>\s]+>|\[[A-Z_]+\]", rest)
        return blanks + max(tokens, key=len) if tokens else blanks + tag[0] if tag else literal

    def _gap(self, form: Form, probe: tuple[str, Mapping[str, Any]], start: Pattern) -> str | None:
        """What stands between text and calls; None where the template does not render both."""
        tail = self._calls(form, [probe], _TEXT)
        if tail is None:
            return None
        before, found, after = tail.partition(_TEXT)
        gap, called, _ = after.partition(start[0])
        if not found or not called or probe[0] not in after or self._tokens_of(before, gap):
            return None
        return gap

    def _is_right(self, syntax: ToolSyntax, form: Form, single: bool) -> bool:
        """Whether ``syntax`` reads what the template makes of other calls."""
        several = len(_HARD) if syntax.between is not None else 0
        for count in {1 if single else 0, several} - {0}:
            tail = self._calls(form, _HARD[:count])
            if tail is None:
                return False
            last = tail.rfind(_HARD[count - 1][0])
            ends = [tail.find(end, last) for end in self._ends if end in tail[last:]]
            reader = CallReader(syntax, [name for name, _ in _HARD], calls=True)
            try:
                events = [*reader.feed(tail[: min(ends)] if ends else tail), *reader.close()]
            except ArgumentError:
                return False
            read = [
                (e.name, "".join(d.text for d in events if isinstance(d, ArgsDelta) and d.index == e.index))
                for e in events
                if isinstance(e, CallStart)
            ]
            if [(name, json.loads(arguments)) for name, arguments in read] != list(_HARD[:count]):
                return False
        return True
