"""Looks at the tools on this machine: which are there, in which version. Changes nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from importlib import metadata

from lockstep import process
from lockstep.errors import ConfigError, LockstepError
from lockstep.images import Images

_PACKAGES = ("invoke", "boto3", "docker", "aws-sam-cli")


def tools(env: Mapping[str, str], engine: Callable[[], str]) -> tuple[tuple[str, str | None, str], ...]:
    """Return each tool: its name, its version or None, and what to do where it is missing.

    `engine` finds the Docker engine's url; what it raises is told in the engine's row.
    """
    return (
        ("python", sys.version.split()[0], ""),
        *(
            (name, _package(name), "python3 -m pip install --no-deps --require-hashes -r requirements/run.txt")
            for name in _PACKAGES
        ),
        ("git", _command(("git", "--version"), env), "install git"),
        ("docker engine", *_engine(engine)),
    )


def _package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _command(argv: tuple[str, ...], env: Mapping[str, str]) -> str | None:
    try:
        output = process.run(argv, env).output
    except ConfigError:
        return None
    # Apple's git has a build number after its version.
    found = re.search(r"\d+(\.\d+)+", output)
    return found and found[0]


def _engine(find: Callable[[], str]) -> tuple[str | None, str]:
    try:
        return Images(find()).ping(), ""
    except LockstepError as error:
        return None, error.cure
