"""Two places with the same git objects, each with a fresh sandbox of the same address, one after the other.

The address of a sandbox is part of the names of its images, so both have the same port and never run at once. Their
tools and the emulator's are installed once.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.e2e.conftest import Place, Ran, copy
from tests.e2e.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Ground:
    """What both places share: the repository that they are cloned from, the tools, the port."""

    def __init__(self, folder: Path, docker_host: str) -> None:
        self.folder = folder
        self.emulator: Path | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        recorder = Recorder()
        (folder / "origin" / "lockstep").mkdir(parents=True)
        self.origin = copy(folder / "origin" / "lockstep", docker_host, recorder)
        recorder.close()

    @contextmanager
    def place(self, name: str) -> Iterator[Place]:
        """Give a clone with a sandbox that runs, whose accounts are set up; stop it afterwards."""
        recorder = Recorder()
        folder, home = self.folder / name / "lockstep", self.folder / name / "home"
        home.mkdir(parents=True)
        env = {**self.origin.env, **recorder.env, "HOME": str(home)}
        place = Place(folder, env, recorder)
        good(self.origin.run("git", "clone", "-q", str(self.origin.folder), str(folder)))
        # The sessions' environment holds what run.txt pins, so the line of the buildspecs finds nothing to install.
        (folder / ".venv").symlink_to(sys.prefix)
        with (folder / ".git" / "info" / "exclude").open("a") as excluded:
            excluded.write("/.venv\n")
        home_of_sandbox = folder / ".lockstep" / "sandbox"
        home_of_sandbox.mkdir(parents=True)
        (home_of_sandbox / "server.json").write_text(json.dumps({"port": self.port}))
        if self.emulator is not None:
            (home_of_sandbox / "venv").symlink_to(self.emulator)
        try:
            good(place.invoke("sandbox.start"))
            self.emulator = self.emulator or home_of_sandbox / "venv"
            good(place.invoke("bootstrap", "--yes"))
            yield place
        finally:
            place.invoke("sandbox.stop")
            recorder.close()


def good(ran: Ran, status: int = 0) -> Ran:
    """Return how a command ended, which has to be so."""
    assert ran.status == status, ran.stdout + ran.stderr
    return ran
