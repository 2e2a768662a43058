"""Runs that are ended from outside: Ctrl-C, and the SIGTERM of a build that is stopped."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.journeys.terminal import Outside, text

if TYPE_CHECKING:
    from lockstep.model import Commit
    from tests.journeys.terminal import Terminal


def test_an_interrupt(terminal: Terminal) -> None:
    """Ctrl-C ends with exit code 130, says what goes on without us, and prints no half of a document."""
    terminal.world.fails["sam deploy"] = KeyboardInterrupt()
    release = terminal.release()

    seen = terminal.invoke("deploy", "--env", "test", "--release", release, "--json")

    assert (seen.code, seen.out, seen.err.splitlines()[-1]) == (
        130,
        "",
        "interrupted; where a deployment had begun, it goes on in AWS: see invoke status",
    )


class Stopped(Outside):
    """An outside in which the build is stopped while the commit is read."""

    def commit(self) -> Commit:
        """Stop this process as CodeBuild does."""
        signal.raise_signal(signal.SIGTERM)
        return replace(super().commit(), dirty=True)


def test_a_stopped_build(terminal: Terminal) -> None:
    """SIGTERM ends with exit code 143, and says what goes on without us."""
    terminal.outside = Stopped

    seen = terminal.invoke("release")

    assert seen == (
        143,
        text("AWS: a fake one"),
        text("interrupted; where a deployment had begun, it goes on in AWS: see invoke status"),
    )


def test_our_own_bug(terminal: Terminal) -> None:
    """What is no error of ours keeps its traceback, since only that helps to mend it."""
    terminal.world.fails["build hello"] = ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        terminal.invoke("release")
