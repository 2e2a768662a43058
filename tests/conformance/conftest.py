"""The terminal at which buildspecs are run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.cases import KEPT
from tests.journeys.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    """A terminal in a working tree with the file that artifacts are made of; SIGTERM is as before in the end."""
    before = signal.getsignal(signal.SIGTERM)
    (tmp_path / KEPT).touch()
    yield Terminal(tmp_path, capsys)
    signal.signal(signal.SIGTERM, before)
