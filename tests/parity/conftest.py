"""The two sides: tasks by hand from a plain checkout, and the pipeline, each in a fresh sandbox."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.conftest import RELEASER, Place, docker_host
from tests.parity import repeating, sides
from tests.parity.comparing import Call
from tests.parity.places import Ground, good
from tests.parity.sides import Side

__all__ = ["docker_host"]


@dataclass(frozen=True)
class Done:
    """A side, and what its deploy roles called when test was deployed to once more, to the release that it runs."""

    side: Side
    again: tuple[Call, ...]


@dataclass(frozen=True)
class Piped(Done):
    """The pipeline's side, whose sandbox still runs."""

    place: Place


@pytest.fixture(scope="session")
def ground(docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The repository that both sides have a clone of."""
    folder = tmp_path_factory.mktemp("parity")
    yield Ground(folder, docker_host)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def by_hand(ground: Ground) -> Done:
    """What a developer and a releaser do: deploy to test, promote to prod, test both as the pipeline's stages do."""
    with ground.place("hand") as place:
        begin = sides.now()
        good(place.invoke("deploy", "--env", "test"))
        good(place.invoke("promote", "--to", "prod", "--profile", RELEASER))
        for task in ("smoke", "integration"):
            good(place.invoke(task, "--env", "test"))
            good(place.invoke(task, "--env", "prod", "--profile", RELEASER))
        side = sides.side(place, begin)
        release = side.state["status"]["environments"][0]["services"][0]["release"]
        begin = sides.now()
        good(place.invoke("deploy", "--env", "test", "--release", release))
        return Done(side, sides.calls(place, begin))


@pytest.fixture(scope="session")
def piped(ground: Ground, by_hand: Done) -> Iterator[Piped]:
    """What the pipeline does, from the same commit: up to the approval, and with it to prod."""
    assert by_hand.side.calls, "both sides have one address, so the other has to be done"
    with ground.place("pipeline") as place:
        good(place.invoke("pipeline.deploy", "--yes"))
        begin = sides.now()
        waits = good(place.invoke("pipeline.run", "--json"), 3).document
        good(place.invoke("pipeline.run", "--approve", "Approve-prod"))
        side = sides.side(place, begin, waits["execution"])
        begin = sides.now()
        repeating.run_again(place)
        yield Piped(side, sides.calls(place, begin), place)
