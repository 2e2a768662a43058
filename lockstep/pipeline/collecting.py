"""Collects what a build leaves: artifacts as zips, and reports. Follows no link and no pattern out of the folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZipFile

from lockstep.errors import ConfigError
from lockstep.pipeline import globs
from lockstep.pipeline.buildspec import COBERTURA, JUNIT, Files, Report

# What the outermost element of each kind of report is called.
_ROOTS = {JUNIT: {"testsuites", "testsuite"}, COBERTURA: {"coverage"}}


def collect(source: Path, files: Files, log: Callable[[str], None]) -> dict[str, Path]:
    """Return the files that `files` names, by the names that they have in an artifact; raises ConfigError for none."""
    log(f"Expanding base directory path: {files.base}")
    base = source / files.base
    if not base.is_dir() or not base.resolve().is_relative_to(source.resolve()):
        raise ConfigError("collecting files", f"no matching base directory path found for {files.base}")
    log(f"Expanding file paths for base directory {files.base}")
    there = [name for name in _walk(base) if not any(globs.matches(glob, name) for glob in files.excluded)]
    found: dict[str, Path] = {}
    for pattern in files.patterns:
        log(f"Expanding {pattern}")
        fitting = [name for name in there if globs.matches(pattern, name)]
        log(f"Found {len(fitting)} file(s)" if fitting else f"Skipping invalid file path {pattern}")
        for name in fitting:
            _add(found, name.rpartition("/")[2] if files.discard_paths else name, base / name)
    if not found:
        raise ConfigError("collecting files", "no matching artifact paths found")
    for path in found.values():
        if not path.resolve().is_relative_to(source.resolve()):
            raise ConfigError("collecting files", f"{path.relative_to(source)} is a link that leads out of the source")
    return found


def pack(found: dict[str, Path], target: Path) -> None:
    """Write files into a zip; raises ConfigError for a name that no zip can hold."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(target, "w", ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, path in sorted(found.items()):
            try:
                archive.write(path, name)
            except UnicodeEncodeError as error:
                raise ConfigError("collecting files", f"the name {name!r} is not UTF-8") from error


def check_report(path: Path, report: Report) -> None:
    """Raise ConfigError where a file is no report of its kind. Declarations of entities, harmful ones too, are none."""
    names: list[str] = []

    def refuse(*_declared: object) -> None:
        raise ConfigError("reading a report", f"{path.name} declares a document type")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _attributes: names.append(name)
    try:
        parser.Parse(path.read_bytes(), True)  # noqa: FBT003 - expat takes it by place
    except expat.ExpatError as error:
        raise ConfigError("reading a report", f"{path.name} is not XML: {error}") from error
    if names[0] not in _ROOTS[report.format]:
        raise ConfigError("reading a report", f"{path.name} begins with <{names[0]}>, which is not {report.format}")


def _walk(base: Path) -> list[str]:
    """Return every regular file below a folder by its relative name; folders that are links are not entered."""
    paths = (Path(folder, name) for folder, _, names in os.walk(base) for name in names)
    files = (path for path in paths if path.exists() and stat.S_ISREG(path.stat().st_mode))
    return sorted(path.relative_to(base).as_posix() for path in files)


def _add(found: dict[str, Path], name: str, path: Path) -> None:
    if found.setdefault(name, path) != path:
        raise ConfigError("collecting files", f"two files are called {name}, and discard-paths is on")
