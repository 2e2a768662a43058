"""What the adapters' tests share: a machine on which nobody has set up anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters import outside as an_outside


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take away whatever of AWS, Docker or a proxy this machine's environment holds; return an empty home folder."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "DOCKER_", "CODEBUILD_", "LOCKSTEP_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return home


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[an_outside.Outside]:
    """Have a sandbox that runs, with its people and the roles that bootstrap makes."""
    with an_outside.running(tmp_path) as found:
        yield found
