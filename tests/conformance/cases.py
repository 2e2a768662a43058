"""The buildspecs of this folder, what each is to show, and how a build's log tells what it did."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
# The file that artifacts are made of.
KEPT = "kept"
# The local agent puts the name of its container before each line.
_CONTAINER = re.compile(r"^[\w.-]+ +\| ?")
_COMPLETE = re.compile(r"^\[Container\] \S+ \S+ Phase complete: (\w+) State: (\w+)\s*$")
_SAYS = "says "
_SOURCE, _GOOD = "DOWNLOAD_SOURCE", "SUCCEEDED"


@dataclass(frozen=True)
class Case:
    """A buildspec: what it shows, which phases run once the source is there, what its commands say if that counts."""

    name: str
    shows: str
    phases: str
    basis: str
    says: tuple[str, ...] | None = None

    @property
    def file(self) -> Path:
        """Where it is."""
        return FOLDER / f"{self.name}.yml"


@dataclass(frozen=True)
class Outcome:
    """What a build did, by its log."""

    phases: str
    says: tuple[str, ...]

    def is_that_of(self, case: Case) -> bool:
        """Is it what a buildspec is to show?"""
        return self.phases == case.phases and case.says in (None, self.says)


def cases() -> tuple[Case, ...]:
    """Return every case of the table."""
    table = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))
    return tuple(
        Case(name, one["shows"], one["phases"], one["basis"], tuple(one["says"]) if "says" in one else None)
        for name, one in table.items()
    )


def outcome(log: Iterable[str]) -> Outcome:
    """Return what a log tells: each phase in order, with ! where it failed, the source's only then; what was said."""
    phases, said = list[str](), list[str]()
    for raw in log:
        line = _CONTAINER.sub("", raw.rstrip("\r\n"))
        if found := _COMPLETE.match(line):
            name, state = found.groups()
            if state != _GOOD or name != _SOURCE:
                phases.append(name if state == _GOOD else f"{name}!")
        elif line.startswith(_SAYS):
            said.append(line.removeprefix(_SAYS))
    return Outcome(" ".join(phases), tuple(said))
