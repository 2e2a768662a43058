"""The records in the bucket: read in order, added under the next number, never changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from lockstep import deployments, history
from lockstep.errors import GateError
from lockstep.model import Kind, Result
from lockstep.testing import TEST, FakeStore, World, some_names
from tests.unit.deployed import a_record, a_service_in

NAMES = some_names()
PREFIX = f"environments/{TEST}/deployments/"


@dataclass
class Contested(FakeStore):
    """A bucket in which somebody else is faster, for the first of our attempts."""

    world: World
    faster: list[bytes] = field(default_factory=list)

    def put_once(self, key: str, content: bytes) -> bool:
        """Let the other write first, as long as there is another."""
        if self.faster:
            self.world.files[key] = self.faster.pop()
        return super().put_once(key, content)


def test_records_are_numbered_in_their_order() -> None:
    """Each record gets the next number, and they are read in this order."""
    store = FakeStore(World())

    for name in "ABC":
        deployments.append_news(store, NAMES, TEST, a_record(name))

    assert [(one.number, one.release[:4]) for one in deployments.read(store, NAMES, TEST)] == [
        (number, a_record(name).release[:4]) for number, name in enumerate("ABC", 1)
    ]
    assert store.keys("") == tuple(f"{PREFIX}{number:08d}.json" for number in (1, 2, 3))


def test_what_is_no_news_is_not_recorded() -> None:
    """A deployment that changed nothing and proved nothing new leaves no record."""
    store = FakeStore(World())
    again = a_record("A", a_service_in(result=Result.UNCHANGED), kind=Kind.SMOKE)

    for one in (a_record("A"), again):
        deployments.append_news(store, NAMES, TEST, one)

    assert len(deployments.read(store, NAMES, TEST)) == 1


def test_two_at_once() -> None:
    """Of two that write at once one gets the number, the other the next; neither record is lost."""
    other = replace(a_record("A"), number=1)
    store = Contested(World(), [history.encode(other)])

    deployments.append_news(store, NAMES, TEST, a_record("B"))

    assert deployments.read(store, NAMES, TEST) == (other, replace(a_record("B"), number=2))


def test_a_damaged_record() -> None:
    """A damaged record is refused by its key: what it said may have been the proof of something."""
    store = FakeStore(World(files={f"{PREFIX}00000001.json": b"{}"}))

    with pytest.raises(GateError, match=f"reading the record {PREFIX}00000001.json"):
        deployments.read(store, NAMES, TEST)


def test_the_last_records_are_read() -> None:
    """Of very many records the last ones are read, and the next one is still numbered after all of them."""
    store = FakeStore(World())
    for number in range(1, deployments.LAST + 3):
        store.put_once(NAMES.deployment_key(TEST, number), history.encode(a_record("A", number=number)))

    deployments.append_news(store, NAMES, TEST, a_record("B"))

    found = deployments.read(store, NAMES, TEST)
    assert (len(found), found[0].number, found[-1].number) == (deployments.LAST, 4, deployments.LAST + 3)
