"""What is read is what was written: random texts of every syntax, choice and tool, in pieces of every size."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tool_examples import ALL, check, get_weather, ping
from tool_templates import TEMPLATES, family

import relark
from decoding.decoding_doubles import llama
from relark.decoding.sampling import Sampling
from relark.integrations.langchain.engine import Engine, Job, Options
from relark.integrations.langchain.tool_stream import ArgsDelta, CallReader, CallStart, Event, TextDelta, new_id
from relark.integrations.langchain.tool_syntax import GENERIC, Pattern, ToolSyntax, tool_syntax
from relark.integrations.langchain.tools import ToolSet

CHOICES = ("auto", "any", "get_weather", "none")
Calls = list[tuple[str, str]]


def random_text(
    constraint: relark.Constraint, vocabulary: relark.Vocabulary, draw: random.Random, budget: int, wish: str
) -> str:
    """What a model writes that wants to begin with ``wish``, and has no other plan."""
    matcher = constraint.matcher(vocabulary)
    assert matcher.min_tokens(budget) <= budget
    wished, written = vocabulary.encode(wish.encode()), []
    while not matcher.is_finished and len(written) < budget:
        packed = matcher.mask(budget - len(written))
        allowed = np.unpackbits(packed.view(np.uint8), bitorder="little").nonzero()[0].tolist()
        assert allowed
        token = draw.choice(allowed)
        if wished and wished[0] in allowed:
            token = wished.pop(0)
        elif draw.random() < 0.3:  # else strings hardly ever end
            marks = [t for t in allowed if (vocabulary.token_bytes[t] or b"a")[0] in b'"}],:{[<\n']
            token = draw.choice(marks or allowed)
        if token in vocabulary.eos_ids:
            break
        matcher.advance(token)
        written.append(token)
    assert matcher.is_accepting
    return vocabulary.decode(written).decode()


def read(reader: CallReader, pieces: Sequence[str]) -> tuple[str, Calls]:
    events: list[Event] = []
    for piece in pieces:
        events += reader.feed(piece)
    events += reader.close()
    text, calls, ids = "", [], set()
    for event in events:
        match event:
            case TextDelta():
                assert event.text
                assert not calls
                text += event.text
            case CallStart():
                assert event.index == len(calls)
                ids.add(event.id)
                calls.append((event.name, ""))
            case ArgsDelta():
                assert event.text
                assert event.index == len(calls) - 1
                calls[-1] = (calls[-1][0], calls[-1][1] + event.text)
    assert len(ids) == len(calls)
    return text, calls


def cut(text: str, draw: random.Random) -> list[str]:
    pieces = []
    while text:
        size = draw.choice([1, 1, 2, 3, 7, 50])
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def regex_of(pattern: Pattern) -> str:
    return "[0-9a-zA-Z]{9}".join(map(re.escape, pattern))


def read_slowly(syntax: ToolSyntax, names: Sequence[str], choice: str, text: str) -> tuple[str, Calls]:
    """The same by regexes and the json module, for a whole text."""
    said = ""
    if choice in ("auto", "none"):
        if choice == "none" or (syntax.answer and text.startswith(syntax.answer)):
            return text.removeprefix(syntax.answer), []
        if syntax.leading_text:
            said, trigger, text = text.partition(syntax.trigger)
            if not trigger:
                return said, []
            said, text = said.removesuffix(syntax.gap), trigger + text
        else:
            at = len(text) - len(text.lstrip(syntax.blanks))
            if not text.startswith(syntax.trigger, at):
                return text, []
            text = text[at:]
    head = re.compile(f"({'|'.join(map(re.escape, names))}){regex_of(syntax.middle)}")
    calls = []
    found = re.compile(regex_of(syntax.start)).match(text)
    while found:
        named = head.match(text, found.end())
        assert named
        _, at = json.JSONDecoder().raw_decode(text, named.end())
        calls.append((named[1], text[named.end() : at]))
        found = None if syntax.between is None else re.compile(regex_of(syntax.between)).match(text, at)
    assert re.compile(regex_of(syntax.end)).fullmatch(text, at)
    return said, calls


def wishes(syntax: ToolSyntax) -> list[str]:
    trigger, gap = syntax.trigger, syntax.gap
    return [
        *("", trigger, "Hi." + gap + trigger, "<" + gap[:1] + trigger[:-1], gap * 2 + trigger, " \n" + trigger),
        *(trigger[:3] + trigger, "It is " + trigger, syntax.start[0] + "get_weather" + syntax.middle[0] + '{"city": "'),
    ]


def fuzz(name: str, rounds: int) -> Counter[Any]:
    tokenizer = family(name)
    syntax = tool_syntax(tokenizer)
    vocabulary = relark.Vocabulary.from_tokenizer(tokenizer, text_tokens=syntax.text_tokens)
    seen: Counter[Any] = Counter()
    for choice in CHOICES:
        for parallel in (None, False):
            tools = ToolSet.of(ALL, choice, parallel)
            constraint = syntax.constraint(tools)
            assert constraint is not None
            least = constraint.matcher(vocabulary).min_tokens()
            for number in range(rounds):
                draw = random.Random(f"{name} {choice} {parallel} {number}")
                budget = draw.choice([least, least + 1, 60, 120, 250])
                text = random_text(constraint, vocabulary, draw, max(budget, least), draw.choice(wishes(syntax)))
                found = read(syntax.reader(tools), [text])
                assert found == read_slowly(syntax, [tool.name for tool in tools.tools], choice, text), text
                assert found == read(syntax.reader(tools), cut(text, draw)), text
                assert found == read(syntax.reader(tools), list(text)), text
                said, calls = found
                for called, arguments in calls:
                    check(called, json.loads(arguments))
                    seen[called] += 1
                if choice not in ("auto", "none"):
                    assert calls
                    assert not said
                else:
                    assert syntax.trigger not in said or not syntax.leading_text
                if choice == "get_weather":
                    assert {called for called, _ in calls} == {choice}
                assert len(calls) <= (0 if choice == "none" else len(calls) if tools.several and syntax.between else 1)
                seen[choice, bool(said), min(len(calls), 2)] += 1
    return seen


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_read_is_what_was_written(name: str) -> None:
    seen = fuzz(name, 8)
    assert seen["auto", True, 0]
    assert seen["any", False, 1]


@pytest.mark.slow
@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_read_is_what_was_written_at_length(name: str) -> None:
    seen = fuzz(name, 400)
    syntax = tool_syntax(family(name))
    assert all(seen[tool.name] for tool in ToolSet.of(ALL).tools)
    assert seen["auto", True, 0]
    assert seen["auto", False, 1]
    assert bool(seen["auto", True, 1]) is syntax.leading_text
    assert bool(seen["any", False, 2]) is (syntax.between is not None)


@pytest.mark.parametrize("name", ["mistral", "deepseek", "gemma"])
def test_models_write_calls_that_are_read(name: str) -> None:
    """Random weights, through the decoding loop: forced text, batches, special tokens and all."""
    tokenizer = family(name)
    model = llama(seed=3, vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, max_position_embeddings=8192)
    engine = Engine(model, tokenizer)
    syntax = tool_syntax(engine.tokenizer, engine.eos_ids)
    calls = 0
    for choice in ("auto", "any"):
        tools = ToolSet.of([*ALL[:6], *ALL[9:]], choice)
        prompt = syntax.prompt(tokenizer, [{"role": "user", "content": "Hello."}], tools)
        jobs = [Job(prompt, syntax.constraint(tools), text_tokens=syntax.text_tokens)] * 6
        for result in engine.run(jobs, Options(None, 120, Sampling(1.0, None, None, 5))):
            said, found = read(syntax.reader(tools), [result.text])
            for called, arguments in found:
                check(called, json.loads(arguments))
            calls += len(found)
            assert said or found
    assert calls >= 6


def test_calls_are_told_as_soon_as_they_are_certain() -> None:
    reader = GENERIC.reader(ToolSet.of([get_weather, ping]))
    pieces = ["Hm", "\n<", "b>\n", "\n", "<tool", '_call>\n{"name": "get_', 'weather", "ar', 'guments": {"ci']
    *told, last = [reader.feed(piece) for piece in pieces]
    assert told == [[TextDelta("Hm")], [], [TextDelta("\n<b>")], [TextDelta("\n")], [], [], []]
    [start, arguments] = last
    assert isinstance(start, CallStart)
    assert (start.index, start.name, arguments) == (0, "get_weather", ArgsDelta(0, '{"ci'))
    assert reader.feed('ty": "{\\"}"') == [ArgsDelta(0, 'ty": "{\\"}"')]
    assert reader.feed("}}\n</tool_call>") == [ArgsDelta(0, "}")]
    [start, rest] = reader.feed('\n<tool_call>\n{"name": "ping", "arguments": {}')
    assert isinstance(start, CallStart)
    assert (start.index, start.name, rest) == (1, "ping", ArgsDelta(1, "{}"))
    assert reader.feed("}\n</tool_call>") == []
    assert reader.close() == []


def test_a_name_may_begin_another() -> None:
    tools = ToolSet.of(
        [{"name": n, "description": "", "parameters": {}} for n in ("get", "get_all", "get_all_now")], True
    )
    for name in ("get", "get_all", "get_all_now"):
        text = '<tool_call>\n{"name": "' + name + '", "arguments": {}}\n</tool_call>'
        assert read(GENERIC.reader(tools), list(text)) == ("", [(name, "{}")])


def test_half_a_trigger_is_text() -> None:
    reader = GENERIC.reader(ToolSet.of([ping]))
    assert reader.feed("a\n<tool_call") == [TextDelta("a")]
    assert reader.close() == [TextDelta("\n<tool_call")]


def test_an_answer_may_hold_the_trigger() -> None:
    tools = ToolSet.of([ping])
    answer = '{"a": "<tool_call>"}'
    assert read(GENERIC.reader(tools, answer=True), list(answer)) == (answer, [])
    call = '<tool_call>\n{"name": "ping", "arguments": {}}\n</tool_call>'
    assert read(GENERIC.reader(tools, answer=True), list(call)) == ("", [("ping", "{}")])
    syntax = tool_syntax(family("llama"))
    answer = '{"name":"ping"}'
    assert read(syntax.reader(tools, answer=True), list(answer)) == (answer, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hi.", "was expected"),
        ("<tool_call>\n", "a call is not complete"),
        ('<tool_call>\n{"name": "pong"', "the name of a tool was expected"),
        ('<tool_call>\n{"name": "ping", "arguments": 3', "an object of arguments was expected"),
        ('<tool_call>\n{"name": "ping", "arguments": [1]', "an object of arguments was expected"),
        ('<tool_call>\n{"name": "ping", "arguments": {"a": ', "a call is not complete"),
        ('<tool_call>\n{"name": "ping", "arguments": {}}\n</tool', "the calls are not complete"),
        ('<tool_call>\n{"name": "ping", "arguments": {}}\n</tool_call> so', "another call or the end"),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    for pieces in ([text], list(text)):
        with pytest.raises(relark.ArgumentError, match=message):
            read(GENERIC.reader(ToolSet.of([ping], "any")), pieces)


def test_ids_are_unique() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("[0-9a-zA-Z]{9}", id) for id in ids)


# --- transformers as the judge ----------------------------------------------------------------------------------------

RESPONSE_TEMPLATE = {
    "version": 1,
    "start_anchor": "<|im_start|>assistant\n",
    "fields": {
        "content": {"repeats": True, "join": ""},
        "tool_calls": {"open": "<tool_call>\n", "close": "\n</tool_call>", "content": "json", "repeats": True},
    },
}


def test_transformers_reads_the_same() -> None:
    tokenizer = family("hermes")
    parse = getattr(tokenizer, "parse_response", None)
    if parse is None:
        pytest.skip("this version of transformers does not parse responses")
    syntax = tool_syntax(tokenizer)
    vocabulary = relark.Vocabulary.from_tokenizer(tokenizer)
    compared = 0
    for number in range(40):
        draw = random.Random(number)
        tools = ToolSet.of(ALL, draw.choice(["auto", "any"]))
        constraint = syntax.constraint(tools)
        assert constraint is not None
        text = random_text(constraint, vocabulary, draw, 150, draw.choice(wishes(syntax)))
        said, calls = read(syntax.reader(tools), [text])
        if any("</tool_call>" in arguments for _, arguments in calls):
            continue  # it looks for the first closing tag, in strings too
        judged = parse(text, RESPONSE_TEMPLATE, prefix="<|im_start|>assistant\n")
        expected = [{"name": name, "arguments": json.loads(arguments)} for name, arguments in calls]
        assert judged.get("tool_calls", []) == expected, text
        assert judged.get("content", "").strip() == said.strip()
        compared += len(calls)
    assert compared > 20
