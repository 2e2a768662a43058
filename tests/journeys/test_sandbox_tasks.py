"""The AWS on this machine: started, looked at, stopped, forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.testing import SETTINGS
from tests.journeys.terminal import text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal


@pytest.fixture(autouse=True)
def _sandbox_settings(terminal: Terminal) -> None:
    """Let the settings be those of a sandbox."""
    terminal.settings = SETTINGS.replace("[tooling]", "[sandbox]\n[tooling]")


def test_start_and_stop(terminal: Terminal) -> None:
    """The sandbox says what it does and where it is, when started, looked at and stopped."""
    seen = [terminal.invoke(f"sandbox.{name}") for name in ("start", "status", "stop", "status")]

    assert seen == [
        (0, text("starting", "endpoint: http://sandbox"), ""),
        (0, text("endpoint: http://sandbox"), ""),
        (0, text("stopping", "endpoint: none"), ""),
        (0, text("endpoint: none"), ""),
    ]


def test_a_stop_keeps_the_accounts(terminal: Terminal) -> None:
    """What was deployed to the sandbox is there again after a stop and a start."""
    terminal.invoke("deploy", "--env", "test")
    before = terminal.accounts()

    terminal.invoke("sandbox.stop", "sandbox.start")

    assert terminal.accounts() == before


def test_a_reset_forgets_the_accounts(terminal: Terminal) -> None:
    """After a reset nothing is deployed."""
    terminal.invoke("sandbox.start", "deploy", "--env", "test")

    seen = terminal.invoke("sandbox.reset")

    assert seen == (0, text("stopping", "endpoint: none"), "")
    assert "test         hello    not deployed  -        -       -    -\n" in terminal.invoke("status").out


def test_as_json(terminal: Terminal) -> None:
    """With --json each sandbox task is one document on stdout, and says what it does on stderr."""
    seen = [terminal.invoke(f"sandbox.{name}", "--json") for name in ("start", "status", "stop", "reset")]

    assert [one.document for one in seen] == [
        {"target": "sandbox", "endpoint": "http://sandbox"},
        {"target": "sandbox", "endpoint": "http://sandbox"},
        {"target": "sandbox", "endpoint": None},
        {"target": "sandbox", "endpoint": None},
    ]
    assert [one.err for one in seen] == ["starting\n", "", "stopping\n", "stopping\n"]


def test_documents_name_the_sandbox(terminal: Terminal) -> None:
    """Whatever is done to the sandbox says so in its document."""
    seen = terminal.invoke("deploy", "--env", "test", "--json")

    assert seen.document["target"] == "sandbox"
