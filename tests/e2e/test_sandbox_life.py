"""The sandbox comes and goes: it keeps its accounts, and leaves nothing running."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockstep.images import Images

if TYPE_CHECKING:
    from tests.e2e.conftest import Place


def processes_of(folder: Path) -> list[str]:
    """The commands of processes that name a folder, or work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text(errors="replace").replace("\0", " ")
            works_in = (process / "cwd").resolve()
        except OSError:
            continue
        if str(folder) in command or works_in.is_relative_to(folder):
            found.append(command)
    return found


def test_the_accounts_survive_a_stop(place: Place) -> None:
    """Stopping and starting the sandbox keeps what was deployed, and a deployment goes on as before."""
    before = place.invoke("status", "--json").document
    place.invoke("sandbox.stop")

    place.invoke("sandbox.start")

    assert place.invoke("status", "--json").document == before
    assert place.invoke("smoke", "--env", "prod", "--profile", "lockstep-sandbox-releaser").status == 0


def test_a_stopped_sandbox_leaves_nothing(place: Place, docker_host: str) -> None:
    """Stopping the sandbox leaves none of its processes, containers or mounts."""
    repository = place.invoke("status", "--json").document["environments"][0]["services"][0]["images"]
    digest = repository["HelloFunction"]

    stopped = place.invoke("sandbox.stop")

    left = processes_of(place.folder / ".lockstep"), [n for n in Images(docker_host).running() if digest in n]
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(place.folder) in line]
    place.invoke("sandbox.start")
    assert stopped.status == 0
    assert (*left, mounts) == ([], [], [])


def test_a_stopped_sandbox_is_said_to_be(place: Place) -> None:
    """A task that needs a stopped sandbox says how to start it, and ends with exit code 10."""
    place.invoke("sandbox.stop")

    ran = place.invoke("status")

    place.invoke("sandbox.start")
    assert ran.status == 10
    assert "invoke sandbox.start" in ran.stderr
