"""Unpacks the zip of an artifact. Nothing of it may lie, or lead, outside of its folder."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path, PurePosixPath

from lockstep.errors import DeployError


def unpack(content: bytes, folder: Path, what: str) -> None:
    """Unpack a zip into a folder, programs and links as such; raises DeployError for what would lie outside of it."""
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for entry in packed.infolist():
                _unpack(packed, entry, folder, what)
    except zipfile.BadZipFile as error:
        raise DeployError(f"unpacking {what}", str(error), "see which action made it") from error


def text(content: bytes, name: str) -> str:
    """Return a file of a zip as text; raises DeployError where there is none, or it is not UTF-8."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return packed.read(name).decode("utf-8")
    except KeyError:
        raise DeployError(
            f"reading {name}", "the source has no such file", "commit it, or correct the pipeline"
        ) from None
    except UnicodeDecodeError as error:
        raise DeployError(f"reading {name}", "it is not UTF-8", "save it as UTF-8") from error


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, what: str) -> None:
    path, mode = PurePosixPath(entry.filename), entry.external_attr >> 16
    target = folder / path
    if not _is_inside(path) or not target.parent.resolve().is_relative_to(folder.resolve()):
        raise DeployError(f"unpacking {what}", f"{entry.filename!r} would lie outside of it", "see who made it")
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = packed.read(entry)
    if stat.S_ISLNK(mode):
        leads = PurePosixPath(content.decode("utf-8", "surrogateescape"))
        if leads.is_absolute() or not (target.parent / leads).resolve().is_relative_to(folder.resolve()):
            raise DeployError(
                f"unpacking {what}", f"the link {entry.filename!r} leads outside of it", "remove the link"
            )
        target.symlink_to(leads)
        return
    target.write_bytes(content)
    if mode & stat.S_IXUSR:
        target.chmod(0o755)


def _is_inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)
