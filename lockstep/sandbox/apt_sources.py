"""Reads apt's sources: which addresses offer which components. Fetches nothing.

Knows both forms of such a file, one-line and deb822: https://manpages.debian.org/stable/apt/sources.list.5
"""

from __future__ import annotations

import re
from collections.abc import Iterator


def read(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield each source of packages that a file's text names and does not disable: its URIs and its components."""
    yield from _one_line(text)
    yield from _deb822(text)


def _one_line(text: str) -> Iterator[tuple[list[str], list[str]]]:
    for found in re.finditer(r"^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+\S+([^#\n]*)", text, re.MULTILINE):
        yield [found[1]], found[2].split()


def _deb822(text: str) -> Iterator[tuple[list[str], list[str]]]:
    plain = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for paragraph in re.split(r"\n\s*\n", plain):
        found = re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", paragraph, re.MULTILINE)
        fields = {name.lower(): value.split() for name, value in found}
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
            yield fields.get("uris", []), fields.get("components", [])
