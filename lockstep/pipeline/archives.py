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
            names = [entry.filename for entry in packed.infolist()]
            if len(set(names)) != len(names):
                raise DeployError(f"unpacking {what}", "it holds a name twice", "see who made it")
            # Links last: nothing is written through one, and where one leads depends on the others.
            links = [entry for entry in packed.infolist() if stat.S_ISLNK(entry.external_attr >> 16)]
            for entry in packed.infolist():
                if entry not in links:
                    _unpack(packed, entry, folder, what)
            for entry in links:
                _link(packed, entry, folder, what)
            for entry in links:
                _see_where_it_leads(entry, folder, what)
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


def packed(name: str, content: str) -> bytes:
    """Return a zip with one file, the same for the same."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def _place(entry: zipfile.ZipInfo, folder: Path, what: str) -> Path:
    """Return where an entry lies; raises DeployError where that is outside, by its name or by a link on the way."""
    path = PurePosixPath(entry.filename)
    target = folder / path
    if not _is_inside(path) or not target.parent.resolve().is_relative_to(folder.resolve()):
        raise DeployError(f"unpacking {what}", f"{entry.filename!r} would lie outside of it", "see who made it")
    return target


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, what: str) -> None:
    target, mode = _place(entry, folder, what), entry.external_attr >> 16
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(packed.read(entry))
    if mode & stat.S_IXUSR:
        target.chmod(0o755)


def _link(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, what: str) -> None:
    target = _place(entry, folder, what)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(packed.read(entry).decode("utf-8", "surrogateescape"))
    except FileExistsError:
        answer = f"the link {entry.filename!r} lies where a folder is"
        raise DeployError(f"unpacking {what}", answer, "see who made it") from None


def _see_where_it_leads(entry: zipfile.ZipInfo, folder: Path, what: str) -> None:
    """Refuse a link that leads outside, by all the others that are there; and one that leads in circles."""
    target = folder / entry.filename
    try:
        inside = target.resolve(strict=False).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        inside = False
    if not inside or PurePosixPath(target.readlink()).is_absolute():
        target.unlink()
        raise DeployError(f"unpacking {what}", f"the link {entry.filename!r} leads outside of it", "remove the link")


def _is_inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)
