"""TOML -> Settings: which accounts there are, in what order, and who may act in them.

Owns the one schema of infra/environments.toml and infra/sandbox.toml, which of the two is meant, and the words and
line of every complaint about them. Refuses keys that it does not know, and guesses no account, region or profile.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lockstep.errors import ConfigError
from lockstep.model import AccountId, Environment
from lockstep.names import RESERVED, Names

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ENVIRONMENTS = "infra/environments.toml"
SANDBOX = "infra/sandbox.toml"
EXAMPLE = "infra/environments.example.toml"

Key = tuple[str | int, ...]

_LARGEST = 32 * 1024
_LONGEST_PREFIX = 20
# tomllib lets the last two of what follows pass through: numbers of thousands of digits, endless nesting.
_UNREADABLE = (tomllib.TOMLDecodeError, ValueError, RecursionError)


@dataclass(frozen=True)
class _Form(ValueError):  # noqa: N818 - a form that was not kept is what pydantic wants raised
    """What a text must look like, and what to write where it does not."""

    pattern: str
    what: str
    cure: str

    def __call__(self, text: str) -> str:
        if re.fullmatch(self.pattern, text):
            return text
        raise self


_NAME = _Form("x", "y", "z")
