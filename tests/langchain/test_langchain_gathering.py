"""Callers that share one run."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from relark.integrations.langchain.gathering import agathered, gathered, seat_of

OWNER = object()


class Runs:
    """Doubles the parts, and notes which came together."""

    def __init__(self) -> None:
        self.parts: list[list[int]] = []

    def run(self, parts: list[int], interrupted: threading.Event) -> list[Any]:
        self.parts.append(sorted(parts))
        return [ValueError(str(part)) if part < 0 else 2 * part for part in parts]

    async def arun(self, parts: list[int]) -> list[Any]:
        await asyncio.sleep(0)
        return self.run(parts, threading.Event())


def double(part: int) -> int:
    seat = seat_of(OWNER)
    return -1 if seat is None else int(seat.take(part).result(timeout=10))


async def adouble(part: int) -> int:
    seat = seat_of(OWNER)
    return -1 if seat is None else int(await seat.take(part))


def absent() -> int:
    return 0


def failing() -> int:
    raise KeyError("mine")


def test_all_come_together_in_their_order() -> None:
    runs = Runs()
    assert gathered(OWNER, [partial(double, part) for part in (3, 1, 2)], runs.run) == [6, 2, 4]
    assert runs.parts == [[1, 2, 3]]


def test_those_who_do_not_come_are_not_waited_for() -> None:
    runs = Runs()
    calls: list[Callable[[], int]] = [partial(double, 3), absent, partial(double, 4)]
    assert gathered(OWNER, calls, runs.run) == [6, 0, 8]
    assert runs.parts == [[3, 4]]
    assert gathered(OWNER, [absent, absent], runs.run) == [0, 0]
    assert len(runs.parts) == 1


def test_an_error_of_a_caller_is_raised_when_all_have_ended() -> None:
    runs = Runs()
    calls: list[Callable[[], int]] = [failing, partial(double, 4)]
    with pytest.raises(KeyError, match="mine"):
        gathered(OWNER, calls, runs.run)
    assert runs.parts == [[4]]


def test_an_exception_among_the_results_is_one_callers_own() -> None:
    found: list[Any] = []

    def kept(part: int) -> None:
        try:
            found.append(double(part))
        except ValueError as error:
            found.append(str(error))

    gathered(OWNER, [partial(kept, 1), partial(kept, -5)], Runs().run)
    assert sorted(found, key=str) == ["-5", 2]


def test_an_error_of_the_run_reaches_all() -> None:
    def run(parts: list[int], interrupted: threading.Event) -> list[Any]:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        gathered(OWNER, [partial(double, 1), partial(double, 2)], run)


def test_a_seat_is_taken_once_and_by_its_owner_only() -> None:
    def twice() -> Any:
        first = double(1)
        return first, double(1), seat_of(object())

    assert gathered(OWNER, [twice, partial(double, 2)], Runs().run) == [(2, -1, None), 4]
    assert seat_of(OWNER) is None


def test_an_interrupt_is_told_to_the_run() -> None:
    seen: list[bool] = []

    def run(parts: list[int], interrupted: threading.Event) -> list[Any]:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        seen.append(interrupted.wait(timeout=10))
        return parts

    with pytest.raises(KeyboardInterrupt):
        gathered(OWNER, [partial(double, 1), partial(double, 2)], run)
    assert seen == [True]


async def test_tasks_come_together_too() -> None:
    runs = Runs()

    async def missing() -> int:
        return 0

    assert await agathered(OWNER, [partial(adouble, 3), missing, partial(adouble, 1)], runs.arun) == [6, 0, 2]
    assert runs.parts == [[1, 3]]

    async def broken() -> int:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await agathered(OWNER, [broken, partial(adouble, 1)], runs.arun)
    with pytest.raises(ValueError, match="-7"):
        await agathered(OWNER, [partial(adouble, 1), partial(adouble, -7)], runs.arun)


async def test_who_is_cancelled_cancels_the_run() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def arun(parts: list[int]) -> list[int]:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return parts

    task = asyncio.create_task(agathered(OWNER, [partial(adouble, 1), partial(adouble, 2)], arun))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
