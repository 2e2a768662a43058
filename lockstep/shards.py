"""Splits the services of a release among machines: each makes the builds of its share, and one joins them. Pure.

The split is by the order of names alone, so every machine that reads the same tree comes to the same one. Any split
would give the same release: it says who makes a build, not what is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lockstep.errors import ConfigError
from lockstep.model import Service

_FORM = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")
_NUMBERS = re.compile(r"[^0-9]*([0-9]{1,4})[^0-9]+([0-9]{1,4})[^0-9]*")


@dataclass(frozen=True)
class Shard:
    """One machine's share of the work: the `number`th, counted from 1, of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def share(self, services: Sequence[Service]) -> tuple[Service, ...]:
        """Return the services that are this shard's: in the order of their names every `count`th."""
        return tuple(sorted(services, key=lambda service: service.name)[self.number - 1 :: self.count])


def parse(text: str) -> Shard:
    """Read a shard as a task is given it, 1/2 for the first of two; raises ConfigError, with the nearest."""
    found = _FORM.fullmatch(text)
    shard = Shard(int(found[1]), int(found[2])) if found else None
    if shard is not None and shard.number <= shard.count:
        return shard
    answer = "a shard is its number and how many there are, for example 1/2"
    if shard is not None:
        answer = f"of {shard.count} there are 1/{shard.count} to {shard.count}/{shard.count}"
    raise ConfigError(f"reading the shard {text[:60]!r}", answer, _near(text))


def _near(text: str) -> str:
    found = _NUMBERS.fullmatch(text)
    if found is None:
        return ""
    count = max(int(found[2]), 1)
    return f"did you mean '{Shard(min(max(int(found[1]), 1), count), count)}'?"
