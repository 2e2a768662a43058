"""Artifacts that are unpacked: whole, programs and links as such, and nothing outside of their folder."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from lockstep.errors import DeployError
from lockstep.pipeline import archives


def packed(*files: tuple[str, str, int]) -> bytes:
    """A zip of files: each with its name, its text and its mode."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, text, mode in files:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, text)
    return content.getvalue()


FILE, PROGRAM, LINK = stat.S_IFREG | 0o644, stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777


def test_what_is_unpacked(tmp_path: Path) -> None:
    """Files come with their text, programs can be run, links lead where they led, folders are there though empty."""
    content = packed(("a/b", "text", FILE), ("run", "#!", PROGRAM), ("a/link", "../run", LINK), ("empty/", "", FILE))

    archives.unpack(content, tmp_path / "out", "it")

    out = tmp_path / "out"
    assert (out / "a/b").read_text() == "text"
    assert [bool((out / name).stat().st_mode & stat.S_IXUSR) for name in ("a/b", "run")] == [False, True]
    assert (out / "a/link").readlink() == Path("../run")
    assert (out / "empty").is_dir()


@pytest.mark.parametrize(
    "files",
    [
        [("../evil", "x", FILE)],
        [("/evil", "x", FILE)],
        [("a/../../evil", "x", FILE)],
        [("link", "../..", LINK)],
        [("link", "/etc", LINK)],
        [("a", ".", LINK), ("a/../../evil", "x", FILE)],
        # Each leads inside, as long as those after it are not there.
        [("0", "a/b/c/../../../x", LINK), ("a", ".", LINK), ("b", ".", LINK), ("c", ".", LINK)],
        [("a", "..", LINK), ("a/evil", "x", FILE)],
        [("a", "b", LINK), ("b", "a", LINK)],
        [("a", "x", FILE), ("a", "y", FILE)],
    ],
)
def test_what_would_lie_outside(tmp_path: Path, files: list[tuple[str, str, int]]) -> None:
    """A file or a link that would lie or lead outside of the folder fails the action, and nothing is written there."""
    with pytest.raises(DeployError, match="unpacking it"):
        archives.unpack(packed(*files), tmp_path / "in" / "out", "it")

    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]


def test_what_is_no_zip(tmp_path: Path) -> None:
    """What is no zip fails the action."""
    with pytest.raises(DeployError, match="unpacking it"):
        archives.unpack(b"no zip", tmp_path / "out", "it")


def test_a_file_as_text() -> None:
    """A file of an artifact is read as text; one that is missing or no UTF-8 is an error."""
    content = packed(("a", "täxt", FILE))
    broken = io.BytesIO()
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("a", b"\xff")

    assert archives.text(content, "a") == "täxt"
    for one, name in ((content, "b"), (broken.getvalue(), "a")):
        with pytest.raises(DeployError, match=f"reading {name}"):
            archives.text(one, name)
