"""The error tree. Owns what an error says and the exit code it ends with; raises nothing itself.

    LockstepError            1   our bug
    ├── ConfigError          2   bad configuration, bad usage, bad input file
    ├── IdentityError        3   credentials, wrong account, AssumeRole refused; DeniedError: AWS said no
    ├── BuildError           4   Docker engine, Dockerfile, image
    ├── RegistryError        5   repository missing, push refused
    ├── DeployError          6   deployment, a test of it or build by a buildspec failed, stacks left in a clean state
    ├── StackError           7   the stack needs a person
    ├── BusyError            8   somebody else's deployment holds it
    ├── GateError            9   a release that may not go on: missing, altered, unproven
    └── UnavailableError    10   AWS, or the sandbox, does not answer

An interrupted run ends with 130 (Ctrl-C) or 143 (SIGTERM).
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import ClassVar

# A signature that is five minutes off is refused; S3 takes fifteen.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_MOST_SKEW = 240.0
INTERRUPTION = "interrupted; where a deployment had begun, it goes on in AWS: see invoke status"


class LockstepError(Exception):
    """Say what was tried on what, what came back, and what to do next.

    `tried` is one sentence that names the thing and where it is; `answer` is what came back, word for word
    where it was another tool's; `cure` is the next thing to try, a command where there is one.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, tried: str, answer: str = "", cure: str = "") -> None:
        super().__init__(tried)
        self.tried = tried
        self.answer = answer
        self.cure = cure

    def __str__(self) -> str:
        lines = [f"error: {self.tried}"]
        if self.answer:
            lines.append(f"  answer: {self.answer}")
        if self.cure:
            lines.append(f"  next: {self.cure}")
        return "\n".join(lines)


class ConfigError(LockstepError):
    """Configuration, a flag or an input file is wrong."""

    exit_code = 2


class IdentityError(LockstepError):
    """The caller is not who the configuration says, or may not become it."""

    exit_code = 3


class DeniedError(IdentityError):
    """AWS knows the caller, and the caller may not."""


class BuildError(LockstepError):
    """An image could not be built, or is not one that Lambda runs."""

    exit_code = 4


class RegistryError(LockstepError):
    """The registry lacks the repository or refused the image."""

    exit_code = 5


class DeployError(LockstepError):
    """A deployment failed, its stack in a state that the next one can start from; or a build by a buildspec failed."""

    exit_code = 6


class StackError(LockstepError):
    """A stack is in a state that only a person can resolve."""

    exit_code = 7


class BusyError(LockstepError):
    """Another deployment is changing the same thing."""

    exit_code = 8


class GateError(LockstepError):
    """A release may not be deployed, being missing or altered; or its images may not go, since they are run."""

    exit_code = 9


class UnavailableError(LockstepError):
    """A service did not answer, after retries."""

    exit_code = 10


def wrong_clock(tried: str, skew: float, answer: str = "") -> IdentityError | None:
    """Return what is said of a clock that is so many seconds ahead of AWS's; None where it is right enough."""
    if abs(skew) <= _MOST_SKEW:
        return None
    late = f"this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} AWS"
    return IdentityError(tried, f"{answer}; {late}" if answer else late, "set its clock, by NTP")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return the cure for a mistyped word: the nearest of those that are known, or nothing where none is near."""
    near = get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else ""
