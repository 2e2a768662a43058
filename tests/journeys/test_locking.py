"""One deployment at a time for each service of an environment: who holds the lock, and how it is let go."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lockstep import canonical
from lockstep.testing import TEST, FakeClock, FakeStore, World
from tests.journeys.terminal import Outside

if TYPE_CHECKING:
    from lockstep.ports import Target
    from tests.journeys.terminal import Terminal

HELLO = f"environments/{TEST}/locks/hello/"
HOLDER = {"caller": "arn:aws:sts::111111111111:assumed-role/shop-deployer-test/other", "host": "elsewhere"}
START = datetime.fromisoformat(FakeClock().now())
WORDS = f"{HOLDER['caller']} on elsewhere in job:7, since {START.isoformat()}"
DEPLOY, UNLOCK = ("deploy", "--env", "test"), ("unlock", "--env", "test")


def hold(terminal: Terminal, service: str = "hello", minutes: int = 65) -> str:
    """Have somebody else hold a service's lock for so long; return its key."""
    until = (START + timedelta(minutes=minutes)).isoformat()
    key = f"environments/{TEST}/locks/{service}/00000001.json"
    lock = {**HOLDER, "execution": "job:7", "token": "1", "start": START.isoformat(), "until": until}
    terminal.world.files[key] = canonical.encode(lock)
    return key


def locks(terminal: Terminal) -> list[str]:
    """Return the files of hello's lock."""
    return [key.removeprefix(HELLO) for key in terminal.world.files if key.startswith(HELLO)]


def test_a_lock_that_somebody_holds(terminal: Terminal) -> None:
    """A second deployment ends with 8 and names the holder, and nothing is deployed."""
    hold(terminal)

    seen = terminal.invoke(*DEPLOY)

    assert (seen.code, terminal.world.stacks) == (8, {})
    assert f"answer: somebody else does: {WORDS}, until 2026-01-01T01:05:00+00:00" in seen.err
    assert "next: add --wait; if that one is dead: invoke unlock --env test --service hello" in seen.err


def test_a_lock_is_let_go(terminal: Terminal) -> None:
    """A deployment takes the next lock of each service and lets it go at its end, also where it failed."""
    terminal.invoke(*DEPLOY)
    terminal.world.answers["shop-test-hello-HelloFunction"] = {"statusCode": 500}
    terminal.commit = replace(terminal.commit, sha="1" * 40)
    failed = terminal.invoke(*DEPLOY)

    lock = json.loads(terminal.world.files[f"{HELLO}00000001.json"])
    assert failed.code == 6
    assert locks(terminal) == ["00000001.json", "00000001.released.json", "00000002.json", "00000002.released.json"]
    assert (lock["caller"], lock["host"]) == ("deployer", "laptop")


def test_a_dry_run_locks_nothing(terminal: Terminal) -> None:
    """A dry run takes no lock, and is not kept by one."""
    hold(terminal)

    seen = terminal.invoke(*DEPLOY, "--dry-run")

    assert (seen.code, locks(terminal)) == (0, ["00000001.json"])


def test_another_service(two: Terminal) -> None:
    """Who deploys another service is not kept."""
    hold(two, "orders")

    assert two.invoke(*DEPLOY, "--service", "hello").code == 0
    assert two.invoke(*DEPLOY).code == 8


def test_a_killed_holder(terminal: Terminal) -> None:
    """The lock of a holder that was killed ends by time, and the next deployment takes the one after it."""
    hold(terminal, minutes=0)

    assert terminal.invoke(*DEPLOY).code == 0
    assert locks(terminal)[1:] == ["00000002.json", "00000002.released.json"]


def test_waiting(terminal: Terminal) -> None:
    """With --wait a deployment waits for the holder, says for whom, and goes on once the lock has ended."""
    hold(terminal, minutes=10)

    seen = terminal.invoke(*DEPLOY, "--wait")

    assert seen.code == 0, seen.err
    assert f"hello: waiting for {WORDS}, until 2026-01-01T00:10:00+00:00" in seen.out.splitlines()


def test_waiting_ends(terminal: Terminal) -> None:
    """Who waits in vain, for longer than any lock lasts, ends with 8."""
    hold(terminal, minutes=1000)

    assert terminal.invoke(*DEPLOY, "--wait").code == 8


@dataclass
class Takeover(World):
    """A world in which somebody releases a deployment's lock while it works on its first stack."""

    def call(self, name: str) -> None:
        """Note a call; release the lock as the first stack is deployed."""
        super().call(name)
        if name == "sam deploy shop-test-hello":
            self.files[f"{HELLO}00000001.released.json"] = b"{}"


def test_a_lock_that_is_lost(two: Terminal) -> None:
    """A deployment whose lock was released meanwhile ends at its next stack with 8, and says what was not started."""
    two.world = Takeover()

    seen = two.invoke(*DEPLOY)

    assert seen.code == 8
    assert "going on with hello in test" in seen.err
    assert "not started: smoke shop-test-orders: greets" in seen.out
    assert [stack for _, stack in two.world.stacks] == ["shop-test-hello"]


@pytest.mark.parametrize(("answer", "code", "released"), [(True, 0, True), (False, 0, False), (None, 2, False)])
def test_unlocking(terminal: Terminal, answer: bool | None, code: int, released: bool) -> None:
    """Unlock shows the holder and asks; who says yes releases the lock, and where nobody can answer it ends with 2."""
    hold(terminal)
    terminal.answer = answer

    seen = terminal.invoke(*UNLOCK)

    assert (seen.code, "00000001.released.json" in locks(terminal)) == (code, released)
    assert f"hello: held by {WORDS}" in seen.out


def test_unlocking_without_a_question(two: Terminal) -> None:
    """With --yes it is released at once, of the services that are named; the next deployment goes well."""
    hold(two, "hello")
    hold(two, "orders")

    document: Any = two.invoke(*UNLOCK, "--service", "hello", "--yes", "--json").document

    assert (document["released"], [lock["service"] for lock in document["locks"]]) == (True, ["hello"])
    assert two.invoke(*DEPLOY, "--service", "hello").code == 0
    assert two.invoke(*DEPLOY, "--service", "orders").code == 8


def test_nothing_to_unlock(terminal: Terminal) -> None:
    """Where nothing is locked unlock says so and asks nothing."""
    seen = terminal.invoke(*UNLOCK)

    assert (seen.code, seen.out.splitlines()[-1]) == (0, "Nothing is locked in test.")


def test_a_damaged_lock(terminal: Terminal) -> None:
    """A lock whose file is damaged is held by nobody knows whom, until it is released."""
    terminal.world.files[hold(terminal)] = b"?"

    refused = terminal.invoke(*DEPLOY)
    terminal.invoke(*UNLOCK, "--yes")

    assert (refused.code, "somebody whose lock is damaged" in refused.err) == (8, True)
    assert terminal.invoke(*DEPLOY).code == 0


class Job(Outside):
    """A run in a pipeline's execution."""

    def execution(self) -> str:
        """The execution."""
        return "pipeline:9"


def test_the_execution_is_recorded(terminal: Terminal) -> None:
    """In a pipeline, lock and record name the execution."""
    terminal.outside = Job

    terminal.invoke(*DEPLOY)

    lock = json.loads(terminal.world.files[f"{HELLO}00000001.json"])
    (record,) = terminal.invoke("history", "--env", "test", "--json").document["deployments"]
    assert (lock["execution"], record["execution"]) == ("pipeline:9", "pipeline:9")


class Repeating(FakeStore):
    """A bucket to which each write comes twice; what is told is the answer to the second."""

    def put_once(self, key: str, content: bytes) -> bool:
        """Write, and answer for the repetition."""
        super().put_once(key, content)
        return super().put_once(key, content)


class Lossy(Outside):
    """An outside that loses the first answer to each write into an environment's files."""

    def reader(self, environment: str, through: str | None = None) -> Target:
        """Open the environment with such a bucket."""
        return replace(super().reader(environment, through), store=Repeating(self.world))


def test_a_write_whose_answer_was_lost(terminal: Terminal) -> None:
    """A deployment whose writes were repeated knows its own lock again, and leaves one record."""
    terminal.outside = Lossy

    seen = terminal.invoke(*DEPLOY)

    records = [key for key in terminal.world.files if "/deployments/" in key]
    assert (seen.code, len(records)) == (0, 1), seen.err
    assert locks(terminal) == ["00000001.json", "00000001.released.json"]


def test_unlocking_what_is_in_the_tree_no_more(two: Terminal) -> None:
    """A service's lock is released also where its folder is gone."""
    hold(two, "orders")
    two.services = two.services[:1]

    seen = two.invoke(*UNLOCK, "--yes")

    assert (seen.code, "orders: held by" in seen.out) == (0, True), seen.err
