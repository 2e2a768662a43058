"""The variables of a CodeBuild action or project, read strictly. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lockstep.pipeline.reading import Part

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html
_TYPES = ("PLAINTEXT",)
_LONGEST = 1000


@dataclass(frozen=True)
class Variable:
    """A variable of an action or a project."""

    name: str
    value: str


def of_text(text: str, what: str) -> tuple[Variable, ...]:
    """Return the variables of an action's EnvironmentVariables; raises ConfigError where it is not such JSON."""
    part = Part(what, "EnvironmentVariables", None)
    if len(text) > _LONGEST:
        raise part.refuse(f"it has {len(text)} letters, of which CodePipeline takes {_LONGEST}")
    try:
        return read(part.at(part.place, json.loads(text or "[]")))
    except ValueError as error:
        raise part.refuse(f"it is not JSON: {error}") from None


def read(part: Part) -> tuple[Variable, ...]:
    """Return a list of variables, as CodeBuild has them; raises ConfigError for two of a name."""
    found = []
    for one in part.items():
        given = one.value if isinstance(one.value, Mapping) else {}
        fields = one.fields(["name"], ["value", "type"])
        if not _VARIABLE.fullmatch(fields["name"].text()):
            raise fields["name"].refuse(f"'{fields['name'].text()}' is no name of a variable")
        if "type" in fields:
            fields["type"].choice(_TYPES)
        found.append(Variable(fields["name"].text(), one.at(f"{one.place}.value", given.get("value")).text()))
    twice = [one.name for one in found if [each.name for each in found].count(one.name) > 1]
    if twice:
        raise part.refuse(f"'{twice[0]}' stands there twice")
    return tuple(found)
