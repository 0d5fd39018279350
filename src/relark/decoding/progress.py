"""A progress line on stderr for long work: texts finished, tokens, tokens per second.

It appears after `PATIENCE` seconds, only on a terminal unless asked for, and leaves nothing behind. Cost: a
comparison per step. It never touches stdout.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["Progress"]

PATIENCE = 1.0  # seconds


class Progress:
    """``with Progress(3) as progress: ... progress.step(2, 1)``.

    texts     how many texts will be written
    enabled   None: where stderr is a terminal. True: at once, wherever stderr goes. False: never
    """

    def __init__(self, texts: int, enabled: bool | None = None) -> None:
        if enabled is None:
            enabled = sys.stderr is not None and sys.stderr.isatty()
            self._due = time.monotonic() + PATIENCE
        else:
            self._due = time.monotonic()
        self._enabled = enabled
        self._texts, self._finished, self._tokens = texts, 0, 0
        self._began = time.monotonic()
        self._live: Live | None = None

    def step(self, tokens: int, finished: int) -> None:
        """``tokens`` more were written, ``finished`` more texts are complete."""
        self._tokens += tokens
        self._finished += finished
        if not self._enabled:
            return
        if self._live is not None:
            self._live.update(self._line())
        elif time.monotonic() >= self._due:
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, highlight=False)
            self._live = Live(self._line(), console=console, refresh_per_second=4, transient=True)
            self._live.start()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _line(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        return (
            f"{self._finished} of {self._texts} text{'s' if self._texts != 1 else ''}, "
            f"{self._tokens} tokens, {self._tokens / seconds:.1f} tokens/s"
        )
