"""Settings as texts, and what is said of one that is refused."""

from __future__ import annotations

import pytest

from lockstep import settings
from lockstep.errors import ConfigError

FILE = "infra/environments.toml"
TOOLING = 'account = "111111111111"'
TEST = 'name = "test"\naccount = "222222222222"'
PROD = TEST.replace("test", "prod").replace("2", "3")
ARN = "arn:aws:iam::111111111111"


def toml(
    *environments: str, project: str = "acme", region: str = "eu-west-1", top: str = "", tooling: str = TOOLING
) -> str:
    """Return a settings text: project in line 1, region 2, `top` 3, [tooling] 4, the environments from 7."""
    tables = "".join(f"[[environments]]\n{environment}\n" for environment in environments or (TEST, PROD))
    return f'project = "{project}"\nregion = "{region}"\n{top}\n[tooling]\n{tooling}\n\n{tables}'


def complaint(text: str) -> str:
    """Return what is said of a text that is refused."""
    with pytest.raises(ConfigError) as caught:
        settings.parse(text, FILE)
    return str(caught.value)


def said(place: str, answer: str, cure: str = f"correct it; {settings.EXAMPLE} explains every key") -> str:
    """Return the three lines of a complaint; `place` is a line and a key, "3 region"."""
    line, key = place.split(" ", 1)
    return f"error: {FILE}:{line}: cannot use {key}\n  answer: {answer}\n  next: {cure}"
