"""Callers that share one run: how ``ChatRelark.batch`` gets one forward pass for many ``invoke``s.

What it is: LangChain's batches are threads (or tasks), each of which does everything that belongs to one call:
callbacks, caches, rate limits, errors. That is kept, and only where a call comes to its model it is held up: each
caller of one `gathered` has a `Seat`, and the last of them to come with its part runs all parts at once. A caller that
will not come, because its answer was in the cache or something failed, leaves its seat.

When to use it: `gathered` and `agathered` run callers; the function that they share asks `seat_of` whether it was
called by one of them.

Cost: a thread for each caller of one run. Nothing is held while nobody waits.

What it cannot do: let several callers wait who share a thread (or, asynchronously, a task).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, wait
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

from langchain_core.runnables.config import ContextThreadPoolExecutor

__all__ = ["Run", "Seat", "agathered", "gathered", "seat_of"]

T = TypeVar("T")

Run: TypeAlias = Callable[[list[Any], threading.Event], Sequence[Any]]
ARun: TypeAlias = Callable[[list[Any]], Awaitable[Sequence[Any]]]


class Seat:
    """One caller's place among those who share a run; taken once, or left.

    owner   whose run it is
    part    what the caller brought
    found   a future of what the run gave for it
    """

    def __init__(self, owner: object, found: Any, arrived: Callable[[Seat], None]) -> None:
        self.owner, self.found, self._arrived = owner, found, arrived
        self.part: Any = None
        self.is_free, self.is_taken = True, False
        self._lock = threading.Lock()

    def take(self, part: Any) -> Any:
        """Come with ``part``; the future of what the run gives for it."""
        self.part = part
        self.is_taken = self._close()
        if self.is_taken:
            self._arrived(self)
        else:  # it was left meanwhile: all this was interrupted
            self.found.cancel()
        return self.found

    def leave(self) -> None:
        """Not come any more; nothing for those who have come."""
        if self._close():
            self._arrived(self)

    def _close(self) -> bool:
        """Whether it was free until now."""
        with self._lock:
            was_free, self.is_free = self.is_free, False
            return was_free


_SEAT: ContextVar[Seat | None] = ContextVar("relark_langchain_seat", default=None)


def seat_of(owner: object) -> Seat | None:
    """The free seat of the present caller in a run of ``owner``; None outside of those, and once it was taken."""
    seat = _SEAT.get()
    return seat if seat is not None and seat.owner is owner and seat.is_free else None


def gathered(owner: object, calls: Sequence[Callable[[], T]], run: Run) -> list[T]:
    """What ``calls`` give, each called in a thread of its own, with a seat in one ``run``.

    ``run`` gets the parts of those who came, and gives as many results, in order; an exception among them is raised to
    that caller, an exception raised by ``run`` to all who came. If a call raises, the first of these exceptions is
    raised when all calls have ended. The event that ``run`` gets is set when somebody interrupts all this (Ctrl-C).
    """
    lock = threading.Lock()
    interrupted = threading.Event()
    missing = len(calls)

    def arrived(_: Seat) -> None:
        nonlocal missing
        with lock:
            missing -= 1
            is_last = missing == 0
        if is_last:
            came = [seat for seat in seats if seat.is_taken]
            try:
                results = run([seat.part for seat in came], interrupted) if came else []
            except BaseException as error:  # their own threads raise it
                results = [error] * len(came)
            _hand_out(came, results)

    seats = [Seat(owner, Future(), arrived) for _ in calls]

    def called(seat: Seat, call: Callable[[], T]) -> T:
        _SEAT.set(seat)
        try:
            return call()
        finally:
            seat.leave()

    with ContextThreadPoolExecutor(max_workers=len(calls)) as threads:
        running: list[Future[T]] = []
        try:
            for seat, call in zip(seats, calls, strict=True):
                running.append(threads.submit(called, seat, call))
            wait(running)  # for all: the others would wait for one that is cancelled before it begins
        except BaseException:  # the executor waits for its threads; they must not wait for those that never begin
            interrupted.set()
            for seat in seats[len(running) :]:
                seat.leave()
            raise
    return [one.result() for one in running]


async def agathered(owner: object, calls: Sequence[Callable[[], Awaitable[T]]], run: ARun) -> list[T]:
    """`gathered` with a task for each call; cancelling it cancels the run."""
    missing = len(calls)
    loop = asyncio.get_running_loop()
    running: list[asyncio.Task[None]] = []

    def arrived(_: Seat) -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            running.append(loop.create_task(run_all([seat for seat in seats if seat.is_taken])))

    async def run_all(came: list[Seat]) -> None:
        try:
            results = await run([seat.part for seat in came]) if came else []
        except Exception as error:
            results = [error] * len(came)
        _hand_out([seat for seat in came if not seat.found.done()], results)

    seats = [Seat(owner, loop.create_future(), arrived) for _ in calls]

    async def called(seat: Seat, call: Callable[[], Awaitable[T]]) -> T:
        _SEAT.set(seat)
        try:
            return await call()
        finally:
            seat.leave()

    try:
        tasks = [loop.create_task(called(seat, call)) for seat, call in zip(seats, calls, strict=True)]
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in running:  # on its way only where this was cancelled
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return [task.result() for task in tasks]


def _hand_out(seats: Sequence[Seat], results: Sequence[Any]) -> None:
    for seat, result in zip(seats, results, strict=True):
        if isinstance(result, BaseException):
            seat.found.set_exception(result)
        else:
            seat.found.set_result(result)
