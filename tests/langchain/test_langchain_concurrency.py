"""One model behind many callers: batches, threads and event loops give what one call after the other gives, and a
stream that is given up leaves the model as it was.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

from relark.integrations.langchain import RELLM, ChatRelark, RelarkLLM

# Of many lengths, so that a batch is padded; one twice, since equal prompts must not be confused.
PROMPTS = [f"{'The capital of France is Paris. ' * (i % 5)}{i % 31} red, green" for i in range(32)]
CHATS = [[HumanMessage(prompt)] for prompt in PROMPTS]
NAME = r'\{"name": "[a-z]{1,8}", "n": \d{1,4}\}'


@tool
def paint(colour: str, layers: int) -> str:
    """Paint a wall."""
    return f"{layers} x {colour}"


def brief(message: Any) -> Any:
    """What must be equal: everything but ids."""
    if isinstance(message, AIMessage):
        calls = [(call["name"], call["args"]) for call in message.tool_calls]
        return message.content, calls, message.usage_metadata, message.response_metadata.get("finish_reason")
    return message


@pytest.fixture(params=["free", "regex", "RELLM", "chat", "chat-tools", "chat-schema"], scope="module")
def runnable(request: pytest.FixtureRequest, model: Any, tokenizer: Any) -> tuple[Any, list[Any]]:
    """Something to run, and 32 inputs for it."""
    import transformers

    made: dict[str, Callable[[], Any]] = {
        "free": lambda: RelarkLLM(model=model, tokenizer=tokenizer, max_new_tokens=10),
        "regex": lambda: RelarkLLM(model=model, tokenizer=tokenizer, regex=NAME, max_new_tokens=40),
        "RELLM": lambda: RELLM(
            pipeline=transformers.pipeline("text-generation", model=model, tokenizer=tokenizer),
            regex=NAME,
            max_new_tokens=40,
        ),
        "chat": lambda: ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=10),
        "chat-tools": lambda: ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=80).bind_tools(
            [paint], tool_choice="any"
        ),
        "chat-schema": lambda: ChatRelark(model=model, tokenizer=tokenizer, max_new_tokens=60).with_structured_output(
            {
                "title": "Colour",
                "type": "object",
                "properties": {"colour": {"enum": ["red", "blue"]}, "n": {"type": "integer"}},
                "required": ["colour", "n"],
            }
        ),
    }
    return made[request.param](), CHATS if request.param.startswith("chat") else PROMPTS


@pytest.fixture(scope="module")
def one_by_one(runnable: tuple[Any, list[Any]]) -> list[Any]:
    chain, inputs = runnable
    return [brief(chain.invoke(one)) for one in inputs]


def test_a_batch_of_32_gives_what_one_by_one_gives(runnable: tuple[Any, list[Any]], one_by_one: list[Any]) -> None:
    chain, inputs = runnable
    assert len({str(result) for result in one_by_one}) > 1, "all results are alike: this would show nothing"
    assert [brief(result) for result in chain.batch(inputs)] == one_by_one


def test_8_threads_give_what_one_by_one_gives(runnable: tuple[Any, list[Any]], one_by_one: list[Any]) -> None:
    chain, inputs = runnable
    with ThreadPoolExecutor(8) as threads:
        assert [brief(result) for result in threads.map(chain.invoke, inputs)] == one_by_one


async def test_tasks_of_one_loop_give_what_one_by_one_gives(
    runnable: tuple[Any, list[Any]], one_by_one: list[Any]
) -> None:
    chain, inputs = runnable
    results = await asyncio.gather(*[chain.ainvoke(one) for one in inputs[:8]])
    assert [brief(result) for result in results] == one_by_one[:8]
    assert [brief(result) for result in await chain.abatch(inputs)] == one_by_one


def test_threads_with_different_constraints_on_one_model(model: Any, tokenizer: Any) -> None:
    llm = RelarkLLM(model=model, tokenizer=tokenizer, max_new_tokens=30)
    bound = [llm.bind(regex=rf"{word}: \d{{1,3}}") for word in ("red", "green", "blue", "yes")]
    expected = [chain.invoke(PROMPTS[0]) for chain in bound]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda i: bound[i % 4].invoke(PROMPTS[0]), range(32)))
    assert found == [expected[i % 4] for i in range(32)]
    assert len(set(expected)) == 4


@pytest.mark.parametrize("kind", ["llm", "chat"])
def test_an_abandoned_stream_leaves_the_model_usable(kind: str, model: Any, tokenizer: Any) -> None:
    chain, prompt = made(kind, model, tokenizer)
    expected = brief(chain.invoke(prompt))
    for taken in (0, 1, 3):
        stream = chain.stream(prompt)
        for _ in range(taken):
            next(stream)
        stream.close()
        assert brief(chain.invoke(prompt)) == expected


@pytest.mark.parametrize("kind", ["llm", "chat"])
def test_generation_ends_with_the_stream(kind: str, model: Any, tokenizer: Any) -> None:
    counting = Counting(model)
    chain, prompt = made(kind, counting, tokenizer, max_new_tokens=400)
    stream = chain.stream(prompt)
    next(stream)
    next(stream)
    stream.close()
    settled(counting)
    assert counting.passes < 100


@pytest.mark.parametrize("kind", ["llm", "chat"])
async def test_an_abandoned_async_stream_leaves_the_model_usable(kind: str, model: Any, tokenizer: Any) -> None:
    counting = Counting(model)
    chain, prompt = made(kind, counting, tokenizer, max_new_tokens=400)
    stream = chain.astream(prompt)
    await anext(stream)
    await anext(stream)
    await stream.aclose()
    await asyncio.to_thread(settled, counting)
    assert counting.passes < 100
    short, prompt = made(kind, model, tokenizer)
    assert brief(await short.ainvoke(prompt)) == brief(short.invoke(prompt))


@pytest.mark.parametrize("kind", ["llm", "chat"])
@pytest.mark.parametrize("call", ["ainvoke", "astream"])
async def test_a_cancelled_task_ends_generation(kind: str, call: str, model: Any, tokenizer: Any) -> None:
    counting = Counting(model)
    chain, prompt = made(kind, counting, tokenizer, max_new_tokens=1000)

    async def consume() -> None:
        if call == "ainvoke":
            await chain.ainvoke(prompt)
        else:
            async for _ in chain.astream(prompt):
                pass

    task = asyncio.create_task(consume())
    while counting.passes < 3:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(settled, counting)
    assert counting.passes < 500
    assert await made(kind, model, tokenizer)[0].ainvoke(prompt)


@pytest.mark.parametrize("kind", ["llm", "chat"])
async def test_the_loop_goes_on_while_the_model_runs(kind: str, model: Any, tokenizer: Any) -> None:
    counting = Counting(model)
    chain, prompt = made(kind, counting, tokenizer, max_new_tokens=100)
    task = asyncio.create_task(chain.ainvoke(prompt))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.002)
        turns += 1
    await task
    assert turns > 10


@pytest.mark.parametrize("kind", ["llm", "chat"])
@pytest.mark.parametrize("call", ["invoke", "stream", "ainvoke", "astream", "batch"])
async def test_what_the_model_raises_reaches_the_caller(kind: str, call: str, model: Any, tokenizer: Any) -> None:
    failing = Counting(model, fail_at=3)
    chain, prompt = made(kind, failing, tokenizer)
    with pytest.raises(RuntimeError, match="out of memory"):
        if call == "astream":
            async for _ in chain.astream(prompt):
                pass
        elif call == "ainvoke":
            await chain.ainvoke(prompt)
        elif call == "stream":
            list(chain.stream(prompt))
        elif call == "batch":
            chain.batch([prompt, prompt])
        else:
            chain.invoke(prompt)
    failing.fail_at = None
    assert brief(chain.invoke(prompt)) == brief(made(kind, model, tokenizer)[0].invoke(prompt))


def test_no_threads_are_left(model: Any, tokenizer: Any) -> None:
    before = threading.active_count()
    for kind in ("llm", "chat"):
        chain, prompt = made(kind, model, tokenizer)
        list(chain.stream(prompt))
        stream = chain.stream(prompt)
        next(stream)
        stream.close()
        asyncio.run(collect(chain, prompt))
    for _ in range(200):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before


async def collect(chain: Any, prompt: Any) -> list[Any]:
    return [chunk async for chunk in chain.astream(prompt)]


def made(kind: str, model: Any, tokenizer: Any, max_new_tokens: int = 24) -> tuple[Any, Any]:
    """A runnable that writes ``max_new_tokens`` tokens, and an input for it."""
    long = f"[a-z ]{{{max_new_tokens},}}"
    options = {"model": model, "tokenizer": tokenizer, "max_new_tokens": max_new_tokens, "regex": long}
    return (RelarkLLM(**options), PROMPTS[3]) if kind == "llm" else (ChatRelark(**options), CHATS[3])


def settled(counting: Counting) -> None:
    """Return when no more forward passes happen."""
    while True:
        before = counting.passes
        time.sleep(0.15)
        if counting.passes == before:
            return


class Counting:
    """``model``, which counts its forward passes, and runs out of memory at one of them."""

    def __init__(self, model: Any, fail_at: int | None = None) -> None:
        self.model, self.fail_at, self.passes = model, fail_at, 0
        self.config, self.generation_config, self.device = model.config, model.generation_config, model.device
        self.forward, self.generate = model.forward, model.generate

    def get_output_embeddings(self) -> Any:
        return self.model.get_output_embeddings()

    def __call__(self, **inputs: Any) -> Any:
        self.passes += 1
        if self.passes == self.fail_at:
            raise RuntimeError("out of memory")
        return self.model(**inputs)
