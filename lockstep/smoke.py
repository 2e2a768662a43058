"""Smoke tests: reads smoke.json and compares an answer with what it expects. Pure; invokes nothing."""

from __future__ import annotations

import json
from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockstep import canonical
from lockstep.errors import ConfigError
from lockstep.model import SmokeEvent


class _SmokeEvent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(min_length=1)
    function: str
    event: object
    expect: object


class _SmokeFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    events: list[_SmokeEvent] = Field(min_length=1)


def encode(events: tuple[SmokeEvent, ...]) -> bytes:
    """Return events as a smoke file that a release keeps."""
    fields = ("name", "function", "event", "expect")
    return canonical.encode({"events": [{field: getattr(event, field) for field in fields} for event in events]})


def read(text: str | bytes, file: str, functions: Collection[str] | None = None) -> tuple[SmokeEvent, ...]:
    """Read a smoke file; raises ConfigError naming file and key, or a function that is none of `functions`."""
    try:
        smoke = _SmokeFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"reading {file}", f"{where + ': ' if where else ''}{first['msg']}") from error
    for event in smoke.events:
        if functions is not None and event.function not in functions:
            raise ConfigError(
                f"reading {file}", f"'{event.name}' names the function '{event.function}', which the template lacks"
            )
    return tuple(SmokeEvent(e.name, e.function, e.event, e.expect) for e in smoke.events)


def difference(expected: object, answer: object, path: str = "answer") -> str:
    """Say how `answer` differs from `expected`, or nothing where it holds what is expected.

    A mapping must hold the expected keys; everything else must be equal. JSON text counts as what it encodes.
    """
    if isinstance(answer, str) and not isinstance(expected, str):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError):
            return f"{path} is the text {answer!r}, expected {json.dumps(expected)}"
    if isinstance(expected, dict) and isinstance(answer, dict):
        for key, value in expected.items():
            if key not in answer:
                return f"{path}.{key} is missing"
            if found := difference(value, answer[key], f"{path}.{key}"):
                return found
        return ""
    # As text: to Python 1, 1.0 and True are equal, in lists too.
    if json.dumps(expected, sort_keys=True) == json.dumps(answer, sort_keys=True):
        return ""
    return f"{path} is {json.dumps(answer)}, expected {json.dumps(expected)}"
