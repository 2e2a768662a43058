"""Locks: one at a time, for as long as the holder could change anything, and told to whoever comes second."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import locks
from lockstep.errors import BusyError, UnavailableError
from lockstep.locks import LONGEST, Locks
from lockstep.model import Holder, Lock
from lockstep.testing import TEST, FakeClock, FakeStore, World, an_environment, some_names

ANNA, BERT = Holder("arn:anna", "laptop"), Holder("arn:bert", "build", "job:1")
PREFIX = f"environments/{TEST}/locks/hello/"
DAMAGED = b'{"caller":1,"host":"","execution":"","start":"x","until":"y"}'
FIRST = f"{PREFIX}00000001.json"


@dataclass
class Office:
    """An environment's locks in one world, and what was said there."""

    world: World = field(default_factory=World)
    clock: FakeClock = field(default_factory=FakeClock)
    said: list[str] = field(default_factory=list)

    @property
    def locks(self) -> Locks:
        """The locks, opened anew."""
        return Locks(an_environment(), some_names(), FakeStore(self.world), self.clock, self.said.append)


def refusal(office: Office, holder: Holder = BERT) -> BusyError:
    """Return what somebody is told who may not take hello's lock."""
    with pytest.raises(BusyError) as caught:
        office.locks.take("hello", holder, wait=False)
    return caught.value


def test_the_first_takes_it_and_the_second_is_told() -> None:
    """Who comes second is told who holds the lock, where, since when, until when, and what to do."""
    office = Office()

    lock = office.locks.take("hello", ANNA, wait=False)

    error = refusal(office)
    assert (lock.number, lock.is_new) == (1, True)
    assert error.tried == "deploying hello to test"
    assert error.answer == (
        "somebody else does: arn:anna on laptop, since 2026-01-01T00:00:00+00:00, until 2026-01-01T01:05:00+00:00"
    )
    assert error.cure == "add --wait; if that one is dead: invoke unlock --env test --service hello"


def test_another_service_is_free() -> None:
    """The lock of one service keeps nobody from another."""
    office = Office()
    office.locks.take("hello", ANNA, wait=False)

    assert office.locks.take("orders", BERT, wait=False).is_new


def test_what_was_released_is_free() -> None:
    """A released lock is free, and the next holder has the next number; releasing twice does no harm."""
    office = Office()
    lock = office.locks.take("hello", ANNA, wait=False)

    office.locks.release(lock, "arn:anna")
    office.locks.release(lock, "arn:anna")

    assert office.locks.current("hello") is None
    assert office.locks.take("hello", BERT, wait=False).number == 2


def test_a_holder_that_died() -> None:
    """A killed holder keeps its lock for as long as its credentials could be good, and not longer."""
    office = Office()
    office.locks.take("hello", ANNA, wait=False)

    office.clock.sleep(LONGEST.total_seconds() - 1)
    told = refusal(office)
    office.clock.sleep(1)

    assert "arn:anna" in told.answer
    assert office.locks.take("hello", BERT, wait=False).number == 2


def test_a_holder_that_comes_back_too_late() -> None:
    """Whose lock was taken by another, was released or is over may not go on."""
    office = Office()
    lock = office.locks.take("hello", ANNA, wait=False)
    office.locks.check(lock)

    office.clock.sleep(LONGEST.total_seconds())
    with pytest.raises(BusyError, match="going on with hello in test"):
        office.locks.check(lock)
    office.locks.take("hello", BERT, wait=False)
    office.clock.moment -= timedelta(hours=1)

    with pytest.raises(BusyError) as caught:
        office.locks.check(lock)

    assert caught.value.answer == "its lock 1 is lost: it was released, or its time is over"


def test_waiting_until_it_is_free() -> None:
    """Who waits says once for whom, and gets the lock when the time of its holder is over."""
    office = Office()
    lock = office.locks.take("hello", ANNA, wait=False)

    office.clock.sleep(1800)
    taken = office.locks.take("hello", BERT, wait=True)

    assert (taken.number, taken.is_new) == (2, True)
    assert office.said == [f"hello: waiting for {locks.words(lock)}"]


def test_waiting_in_vain() -> None:
    """Who waited for an hour is told like whoever does not wait."""
    office = Office()
    office.world.files[FIRST] = b"damaged"

    with pytest.raises(BusyError, match="deploying hello to test"):
        office.locks.take("hello", BERT, wait=True)

    assert office.clock.ticks > 3600


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"caller":1,"host":"","execution":"","start":"x","until":"y"}']
)
def test_a_damaged_lock(content: bytes) -> None:
    """A lock whose file is damaged is held by nobody knows whom, until somebody releases it."""
    office = Office(World(files={FIRST: content}))

    found = office.locks.current("hello")

    assert found is not None
    assert "somebody whose lock is damaged" in refusal(office).answer
    assert locks.document(found)["until"] is None
    office.locks.release(found, "arn:anna")
    assert office.locks.take("hello", BERT, wait=False).number == 2


@dataclass
class Racing(FakeStore):
    """A bucket in which somebody else takes each number that we try for, and releases it if `brief`."""

    brief: bool = False

    def put_once(self, key: str, content: bytes) -> bool:
        """Let the other be faster."""
        if key.endswith(".released.json"):
            return super().put_once(key, content)
        held = content.replace(b"arn:bert", b"arn:anna")
        super().put_once(key, held)
        if self.brief:
            super().put_once(key.replace(".json", ".released.json"), b"{}")
        return False


def test_somebody_else_is_faster() -> None:
    """Of two that try for the same number the slower one is told who was faster."""
    office = Office()
    racing = replace(office.locks, store=Racing(office.world))

    with pytest.raises(BusyError, match="deploying hello to test") as caught:
        racing.take("hello", BERT, wait=False)

    assert "arn:anna" in caught.value.answer


def test_others_are_always_faster() -> None:
    """Who loses the race again and again, each time to somebody who is done already, is told to try again."""
    office = Office()

    with pytest.raises(BusyError, match="taking the lock of hello in test"):
        replace(office.locks, store=Racing(office.world, brief=True)).take("hello", BERT, wait=False)


def test_several_are_held_together_and_released() -> None:
    """Several services are locked in the order of their names, and free again afterwards, whatever happened."""
    office = Office()

    def work() -> None:
        with locks.held(office.locks, ("orders", "hello"), ANNA, wait=False) as fence:
            fence()
            assert office.locks.current("hello")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()

    assert (office.locks.current("hello"), office.locks.current("orders")) == (None, None)


def test_what_was_taken_is_given_back_where_one_is_held() -> None:
    """Where the second of two services is locked by another, the first is released again."""
    office = Office()
    office.locks.take("orders", ANNA, wait=False)

    with pytest.raises(BusyError), locks.held(office.locks, ("hello", "orders"), BERT, wait=False):
        raise AssertionError("nobody may get here")

    assert office.locks.current("hello") is None
    assert office.locks.current("orders") is not None


def test_a_lock_that_is_lost_meanwhile() -> None:
    """The fence raises once somebody has released the lock."""
    office = Office()

    with locks.held(office.locks, ("hello",), ANNA, wait=False) as fence:
        held = office.locks.current("hello")
        assert held is not None
        office.locks.release(held, "arn:bert")
        with pytest.raises(BusyError, match="going on with hello"):
            fence()


def test_a_lock_that_cannot_be_released() -> None:
    """Where the bucket does not answer at the end, it is said when the lock ends, and nothing else goes wrong."""
    office = Office()

    with locks.held(office.locks, ("hello",), ANNA, wait=False):
        office.world.fails["put environments"] = UnavailableError("writing", "SlowDown")

    assert office.said == ["hello: its lock could not be released and ends at 2026-01-01T01:05:00+00:00: SlowDown"]


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["take", "check", "release", "die", "later"])), max_size=60
)


@given(STEPS)
def test_never_two_may_go_on(steps: list[tuple[int, str]]) -> None:
    """Whatever some clients do, and whoever dies, at any moment at most one of them is let go on."""
    office = Office()
    mine: dict[int, Lock] = {}
    for who, step in steps:
        if step == "take" and who not in mine:
            with suppress(BusyError):
                mine[who] = office.locks.take("hello", Holder(f"arn:{who}", "x"), wait=False)
        elif step == "release" and who in mine:
            office.locks.release(mine.pop(who), f"arn:{who}")
        elif step == "die":
            mine.pop(who, None)
        elif step == "later":
            office.clock.sleep(LONGEST.total_seconds() * (who + 1) / 3)
        going = [one for one in mine if may_go_on(office, mine[one])]
        assert len(going) <= 1


def may_go_on(office: Office, lock: Lock) -> bool:
    """Is a holder let go on?"""
    try:
        office.locks.check(lock)
    except BusyError:
        return False
    return True


@dataclass
class Interleaved(FakeStore):
    """A bucket in which, right after it was listed so often, somebody else takes the lock and keeps it."""

    other: Locks | None = None
    left: int = 0

    def keys(self, prefix: str) -> tuple[str, ...]:
        """List; then let the other come in between."""
        found = super().keys(prefix)
        self.left -= 1
        if self.left == 0 and self.other is not None:
            with suppress(BusyError):
                self.other.take("hello", BERT, wait=False)
        return found


@pytest.mark.parametrize("after", [1, 2, 3])
def test_somebody_comes_in_between(after: int) -> None:
    """Between a look at a lock and its taking somebody else may take it: then that one holds it, and only that one."""
    office = Office()
    slow = replace(office.locks, store=Interleaved(office.world, office.locks, after))

    with suppress(BusyError):
        mine = slow.take("hello", ANNA, wait=False)
        assert may_go_on(office, mine)

    numbers = [key for key in office.world.files if not key.endswith(".released.json")]
    assert len(numbers) == 1
