"""Lets one deployment at a time change a service in an environment.

A deploy role may create files and neither change nor delete any. So a lock is no file that comes and goes but a row of
numbered ones: who takes a lock writes the next number, once, and who releases it writes a second file beside it. A lock
is held while its number is the highest, it is not released and its time has not passed. The number is the fencing
token: its holder may go on only as long as all that is true.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from lockstep import canonical
from lockstep.errors import BusyError, LockstepError
from lockstep.model import Environment, Holder, Lock
from lockstep.names import Names
from lockstep.ports import Clock, Say, Store

# A deployment's credentials come of role chaining, so they end after an hour, and whoever has held a lock for longer
# cannot change anything any more. Five minutes more are for clocks: AWS refuses those that are further off.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
LONGEST = timedelta(minutes=65)
# Longer than the lock of a holder that died.
LONGEST_WAIT = LONGEST.total_seconds() + 300
_PAUSE = 5.0
_RELEASED = ".released.json"
# How often a number is tried for, each time because somebody else was faster and is done already.
_ATTEMPTS = 10


@dataclass(frozen=True)
class Locks:
    """The locks of one environment."""

    environment: Environment
    names: Names
    store: Store
    clock: Clock
    say: Say

    def current(self, service: str) -> Lock | None:
        """Return the lock that somebody holds on a service, None where nobody does.

        One whose file is damaged is held by nobody knows whom, until it is released.
        """
        return self._held(service, self.store.keys(self._prefix(service))[-1:])

    def all_current(self, services: Collection[str] = ()) -> list[Lock]:
        """Return the locks that somebody holds on some services, by default on any that was ever locked."""
        return [lock for service in services or self._services() if (lock := self.current(service))]

    def _services(self) -> tuple[str, ...]:
        prefix = self._prefix("")[:-1]
        return tuple(sorted({key.removeprefix(prefix).partition("/")[0] for key in self.store.keys(prefix)}))

    def take(self, service: str, holder: Holder, *, wait: bool) -> Lock:
        """Take the lock of a service; raises BusyError, naming its holder, where somebody else keeps it."""
        end, told = self.clock.seconds() + LONGEST_WAIT, False
        while True:
            found = self._attempt(service, holder)
            if found.is_new:
                return found
            if not wait or self.clock.seconds() >= end:
                unlock = f"invoke unlock --env {self.environment.name} --service {service}"
                raise BusyError(
                    f"deploying {service} to {self.environment.name}",
                    f"somebody else does: {words(found)}",
                    f"add --wait; if that one is dead: {unlock}",
                )
            if not told:
                self.say(f"{service}: waiting for {words(found)}")
                told = True
            self.clock.sleep(_PAUSE)

    def check(self, lock: Lock) -> None:
        """See that a lock is still its holder's; raises BusyError where it ended, was released or taken by another."""
        key = f"{self._prefix(lock.service)}{lock.number:08d}.json"
        if self.store.keys(self._prefix(lock.service))[-1:] != (key,) or self._is_over(lock):
            raise BusyError(
                f"going on with {lock.service} in {self.environment.name}",
                f"its lock {lock.number} is lost: it was released, or its time is over",
                f"invoke status, then invoke history --env {self.environment.name}",
            )

    def release(self, lock: Lock, by: str) -> None:
        """Release a lock, whoever holds it; nothing where that was done."""
        content = canonical.encode({"by": by, "at": self.clock.now()})
        self.store.put_once(f"{self._prefix(lock.service)}{lock.number:08d}{_RELEASED}", content)

    def _held(self, service: str, last: tuple[str, ...]) -> Lock | None:
        """Return the lock of the last file in its row, None where that says that nobody holds one."""
        if not last or last[0].endswith(_RELEASED):
            return None
        lock = _read(self.store.get(last[0]) or b"", service, _number(last[0]))
        return None if lock.until and self._is_over(lock) else lock

    def _attempt(self, service: str, holder: Holder) -> Lock:
        """Take the next number, where nobody holds the one before; return ours, which is new, or that of who does.

        The number follows from the very look that found nobody: whoever came in between has it already.
        """
        for _ in range(_ATTEMPTS):
            last = self.store.keys(self._prefix(service))[-1:]
            if held_by := self._held(service, last):
                return held_by
            number = _number(last[0]) + 1 if last else 1
            until = (self._now() + LONGEST).isoformat(timespec="seconds")
            lock = Lock(service, number, holder, self.clock.now(), until, is_new=True)
            content = canonical.encode({**asdict(holder), "start": lock.start, "until": lock.until})
            key = f"{self._prefix(service)}{number:08d}.json"
            # A write whose answer was lost is repeated, and then refused for the sake of its own file.
            if self.store.put_once(key, content) or self.store.get(key) == content:
                return lock
        raise BusyError(f"taking the lock of {service} in {self.environment.name}", "others are faster", "try again")

    def _prefix(self, service: str) -> str:
        return self.names.locks_prefix(self.environment.account, service)

    def _now(self) -> datetime:
        return datetime.fromisoformat(self.clock.now())

    def _is_over(self, lock: Lock) -> bool:
        return datetime.fromisoformat(lock.until) <= self._now()


@contextmanager
def held(locks: Locks, services: tuple[str, ...], holder: Holder, *, wait: bool) -> Iterator[Callable[[], None]]:
    """Hold the locks of some services, and release them at the end; give what raises BusyError where one is lost.

    They are taken in the order of the services' names, so that two who want several never wait for each other.
    """
    taken: list[Lock] = []

    def fence() -> None:
        for lock in taken:
            locks.check(lock)

    try:
        for service in sorted(services):
            taken.append(locks.take(service, holder, wait=wait))  # noqa: PERF401 - those before a failure are released
        yield fence
    finally:
        for lock in taken:
            try:
                locks.release(lock, holder.caller)
            except LockstepError as error:
                locks.say(f"{lock.service}: its lock could not be released and ends at {lock.until}: {error.answer}")


def words(lock: Lock) -> str:
    """Say who holds a lock, where, since when and until when."""
    job = f" in {lock.holder.execution}" if lock.holder.execution else ""
    end = lock.until or "it is released"
    return f"{lock.holder.caller} on {lock.holder.host}{job}, since {lock.start}, until {end}"


def document(lock: Lock) -> dict[str, object]:
    """Return a lock as JSON."""
    who = {name: value for name, value in asdict(lock.holder).items() if name != "token"}
    return {"service": lock.service, "number": lock.number, **who, "start": lock.start, "until": lock.until or None}


def _number(key: str) -> int:
    return int(key.rpartition("/")[2].partition(".")[0])


def _read(content: bytes, service: str, number: int) -> Lock:
    try:
        found = json.loads(content)
        holder = Holder(*(str(found[name]) for name in ("caller", "host", "execution", "token")))
        start, until = (datetime.fromisoformat(found[key]).isoformat() for key in ("start", "until"))
    except (ValueError, KeyError, TypeError):
        unknown = Holder("somebody whose lock is damaged", "an unknown machine")
        return Lock(service, number, unknown, "an unknown time", "")
    return Lock(service, number, holder, start, until)
