"""Which files a pattern of a buildspec names. Pure: no pattern can name a file outside of its folder.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html has a file, `folder/*`, `folder/**/*` and
`**/*`. What else CodeBuild takes it does not say, so nothing else is taken.
"""

from __future__ import annotations

import re

_STRANGE = re.compile(r"[?\[\]{}!$`\\]")


def fault(pattern: str) -> str:
    """Return why a pattern or a folder cannot be used, nothing where it can."""
    if pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
        return "it leads out of the folder"
    if found := _STRANGE.search(pattern):
        return f"it holds {found.group()}, of which no documentation says what CodeBuild makes of it"
    return "" if _parts(pattern) or pattern.strip("/") == "." else "it names nothing"


def matches(pattern: str, path: str) -> bool:
    """Does a path, relative and with slashes, fit a pattern?"""
    parts = _parts(pattern)
    if parts[-1:] == ["**"]:
        parts.append("*")
    wanted = [_ANY if part == "**" else _part(part) + "/" for part in parts]
    return re.fullmatch("".join(wanted), path + "/") is not None


_ANY = "(?:[^/]+/)*"


def _parts(pattern: str) -> list[str]:
    """Return the parts of a pattern that say something; `**` after `**` says nothing new."""
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    return [part for number, part in enumerate(parts) if part != "**" or parts[number - 1 : number] != ["**"]]


def _part(part: str) -> str:
    return "[^/]*".join(re.escape(text) for text in re.split(r"\*+", part))
