"""What every use case begins and ends with: which AWS is said, an error is printed, an exit code comes back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Concatenate, ParamSpec

from lockstep import catalog
from lockstep.errors import INTERRUPTION, ConfigError, LockstepError
from lockstep.model import Environment, Service
from lockstep.ports import Wiring
from lockstep.settings import Settings

P = ParamSpec("P")
INTERRUPTED = 130


def use_case(case: Callable[Concatenate[Wiring, P], int]) -> Callable[Concatenate[Wiring, P], int]:
    """Print a use case's error and return its exit code; anything else is our bug and keeps its traceback."""

    @functools.wraps(case)
    def ended(wiring: Wiring, /, *args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return case(wiring, *args, **kwargs)
        except LockstepError as error:
            wiring.console.complain(str(error))
            return error.exit_code
        except KeyboardInterrupt:
            wiring.console.complain(INTERRUPTION)
            return INTERRUPTED

    return ended


def say_which(wiring: Wiring) -> None:
    """Say which AWS is meant: the first line of output of every task that touches AWS."""
    wiring.console.say(wiring.which_aws())


def target_of(wiring: Wiring) -> str:
    """Return which AWS a document is about: the sandbox or the real one."""
    return "sandbox" if wiring.settings().sandbox else "aws"


def environment_of(settings: Settings, named: str | None, flag: str = "--env") -> Environment:
    """Return the environment that a task was given by a flag; raises ConfigError where it was given none."""
    if not named:
        names = ", ".join(target.name for target in settings.targets)
        raise ConfigError("choosing the environment", f"none is named; {settings.path} has {names}", f"add {flag}")
    return settings.environment(named).value


def select_services(wiring: Wiring, services: Collection[str]) -> tuple[Service, ...]:
    """Say which AWS is meant and return the services that a task was given, all where it was given none."""
    say_which(wiring)
    return catalog.select(wiring.services(), services)


def number(given: str | int, flag: str, least: int, most: int) -> int:
    """Return the number that a flag was given; raises ConfigError for none, or one out of bounds."""
    text = str(given)
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise ConfigError(f"reading {flag}", f"it is '{text[:60]}'", f"give a number from {least} to {most}")
    return int(text)
