"""Compares what two sides did and left, value by value, with the differences that are allowed. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("allowed.toml")
ABSENT = "absent"
_SESSION = re.compile("(arn:[a-z-]+:sts::[0-9]{12}:assumed-role/[^/]+)/([^/]+)")


@dataclass(frozen=True)
class Call:
    """A call to AWS as its trail has it: in which account, as which role, which operation, on what, with what."""

    account: str
    role: str
    operation: str
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """A value that the sides do not have in common, and where it stands."""

    at: str
    first: str
    second: str


@dataclass(frozen=True)
class Allowance:
    """A difference that is allowed: where, and what both values then have to look like."""

    at: str
    like: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Is it this difference that is allowed?"""
        return fnmatchcase(difference.at, self.at) and all(
            re.fullmatch(self.like, value, re.DOTALL) for value in (difference.first, difference.second)
        )


@dataclass(frozen=True)
class Allowed:
    """What may differ, and which calls are repeated as often as somebody has to wait."""

    differences: tuple[Allowance, ...]
    repeated: Mapping[str, str]


def allowed(file: Path = FILE) -> Allowed:
    """Read the file of allowed differences."""
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    return Allowed(tuple(Allowance(**one) for one in found["differences"]), found["repeated"])


def settled(calls: Sequence[Call], repeated: Iterable[str]) -> tuple[Call, ...]:
    """Return calls without repetitions: of an unbroken run of calls that wait, each is kept once, in its order."""
    waiting, kept, run = set(repeated), list[Call](), list[Call]()
    for call in calls:
        if call.operation not in waiting:
            run = []
        elif call in run:
            continue
        else:
            run.append(call)
        kept.append(call)
    return tuple(kept)


def flat(value: Any, at: str) -> dict[str, str]:  # noqa: ANN401 - any JSON
    """Return every value of a document by where it stands; of a role's session the role and the session apart."""
    if isinstance(value, Mapping):
        return {place: one for key in value for place, one in flat(value[key], f"{at}/{key}").items()}
    if isinstance(value, list | tuple):
        return {place: one for i, item in enumerate(value) for place, one in flat(item, f"{at}/{i}").items()}
    session = _SESSION.fullmatch(str(value))
    return {f"{at}/role": session[1], f"{at}/session": session[2]} if session else {at: str(value)}


def of_calls(first: Sequence[Call], second: Sequence[Call]) -> tuple[Difference, ...]:
    """Return every difference between two orders of calls: one that only one side made, and other values in one."""
    names = [[(call.role, call.operation) for call in side] for side in (first, second)]
    found: list[Difference] = []
    for kind, begin, end, start, stop in SequenceMatcher(None, names[0], names[1], autojunk=False).get_opcodes():
        if kind == "equal":
            for one, other in zip(first[begin:end], second[start:stop], strict=True):
                at = f"{one.role}/{one.operation}"
                found += differences(*(flat({"account": call.account, **call.given}, at) for call in (one, other)))
        else:
            found += [Difference(f"{one.role}/call", one.operation, ABSENT) for one in first[begin:end]]
            found += [Difference(f"{one.role}/call", ABSENT, one.operation) for one in second[start:stop]]
    return tuple(found)


def differences(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[Difference, ...]:
    """Return every place at which two sides have different values, or one has none."""
    places = sorted({*first, *second})
    found = (Difference(at, first.get(at, ABSENT), second.get(at, ABSENT)) for at in places)
    return tuple(one for one in found if one.first != one.second)


def judged(found: Sequence[Difference], allowances: Sequence[Allowance]) -> tuple[Difference, ...]:
    """Return the differences that are not allowed."""
    return tuple(one for one in found if not any(allowance.covers(one) for allowance in allowances))


def unused(allowances: Sequence[Allowance], found: Sequence[Difference]) -> tuple[Allowance, ...]:
    """Return what is allowed although nothing differs so."""
    return tuple(one for one in allowances if not any(one.covers(difference) for difference in found))
