"""The progress line: on a terminal only, late, on stderr, and gone afterwards."""

from __future__ import annotations

import io
import sys

import pytest

import relark
from relark.decoding import progress
from relark.decoding.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_shown_where_stderr_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, generator: relark.Generator
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    generator.run(["x"] * 3, regex="[ab]{2,4}")
    assert capsys.readouterr() == ("", "")


def test_it_is_shown_on_a_terminal_and_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, generator: relark.Generator
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    for enabled in (None, True):
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        generator.run(["x"] * 3, regex="[ab]{2,4}", progress=enabled)
        assert "of 3 texts" in stderr.getvalue()
        assert "tokens/s" in stderr.getvalue()


def test_short_work_shows_nothing_and_false_never(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    with Progress(1) as shown:
        shown.step(3, 1)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with Progress(1, False) as shown:
        shown.step(3, 1)
    assert stderr.getvalue() == ""


def test_it_is_closed_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    shown = Progress(2, True)

    def work() -> None:
        with shown:
            shown.step(3, 1)
            assert shown._live is not None
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert shown._live is None
