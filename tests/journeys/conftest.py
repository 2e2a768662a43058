"""The terminal that every journey begins at."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from lockstep.testing import a_service
from tests.journeys import piped
from tests.journeys.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Put back the handler of SIGTERM, which every task sets for its own process."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal in a working tree with one service, hello; nothing is in any account yet."""
    return Terminal(tmp_path, capsys)


@pytest.fixture
def deployed(terminal: Terminal) -> Terminal:
    """A terminal with a pipeline: Source, Release, Approve-prod, Deploy-prod. The release is r1."""
    return piped.deploy(terminal)


@pytest.fixture
def two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal in a working tree with two services: hello, then orders."""
    return Terminal(tmp_path, capsys, services=(a_service("hello"), a_service("orders")))
