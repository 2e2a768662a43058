"""The findings of image scans that were reviewed and accepted: reads infra/scan-exceptions.toml."""

from __future__ import annotations

import tomllib
from datetime import date

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockstep.errors import ConfigError
from lockstep.model import ScanException

FILE = "infra/scan-exceptions.toml"
_CURE = "each [[exceptions]] has finding, until (a date), reason, and perhaps service"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Exception(_Table):
    finding: str = Field(min_length=1)
    until: date
    reason: str = Field(min_length=1)
    service: str | None = None


class _File(_Table):
    exceptions: tuple[_Exception, ...] = ()


def parse(text: str) -> tuple[ScanException, ...]:
    """Read the text of the file; raises ConfigError for anything that is not an exception."""
    try:
        found = _File.model_validate(tomllib.loads(text)).exceptions
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"reading {FILE}", str(error), "mend it") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"reading {where} of {FILE}", first["msg"].lower(), _CURE) from error
    return tuple(ScanException(one.finding, one.until.isoformat(), one.reason, one.service) for one in found)
