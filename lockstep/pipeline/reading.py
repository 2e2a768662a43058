"""Takes apart what AWS answers, field by field. Pure; a field that nobody knows is an error by its place and name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Part:
    """A value in what was read: `place` leads to it, `what` names the whole, `remedy` is what mends most."""

    what: str
    place: str
    value: Any
    remedy: str = "invoke pipeline.deploy"

    def refuse(self, answer: str, cure: str = "") -> ConfigError:
        """Return the error that says what is wrong here."""
        where = f"{self.place}: " if self.place else ""
        return ConfigError(f"reading {self.what}", where + answer, cure or self.remedy)

    def at(self, place: str, value: object) -> Part:
        """Return a part of this one."""
        return Part(self.what, place, value, self.remedy)

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Part]:
        """Return the fields that have a value, by name; raises ConfigError for an unknown and for a missing one."""
        if not isinstance(self.value, Mapping):
            raise self.refuse("it is not a table of fields")
        known = {*required, *optional}
        found = {name: one for name, one in self.value.items() if one is not None and one not in ("", [], {})}
        if unknown := [name for name in found if name not in known]:
            cure = did_you_mean(str(unknown[0]), known) or "the local runner skips nothing: teach it, or take it out"
            raise self.refuse(f"unknown field '{unknown[0]}'", cure)
        if missing := [name for name in required if name not in found]:
            raise self.refuse(f"'{missing[0]}' is missing")
        return {name: self.at(f"{self.place}.{name}" if self.place else name, one) for name, one in found.items()}

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            raise self.refuse("it is not text")
        return self.value

    def number(self) -> int:
        """Return a whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.refuse("it is not a whole number")
        return self.value

    def truth(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.refuse("it is neither true nor false")
        return self.value

    def choice(self, known: Collection[str]) -> str:
        """Return one of some words; raises ConfigError for any other."""
        if self.text() not in known:
            raise self.refuse(f"'{self.value}' is not one that the local runner knows: {', '.join(known)}")
        return self.text()

    def items(self) -> list[Part]:
        """Return the parts of a list."""
        if not isinstance(self.value, list | tuple):
            raise self.refuse("it is not a list")
        return [self.at(f"{self.place}[{number}]", one) for number, one in enumerate(self.value)]
