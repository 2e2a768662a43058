"""The local repository as a pipeline's source: a commit's own words and files, and no command run by either."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from lockstep import process
from lockstep.errors import ConfigError
from lockstep.repository import Repository

HOSTILE = "Fix $(touch planted) `touch planted`\n\n\"quotes\", 'more' and ../../x\n#{Release.X}"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one commit on main, of hostile words and a hostile file."""
    root = tmp_path / "work"
    root.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_AUTHOR_DATE": "2030-01-02T03:04:05+00:00"}
    (root / "$(touch planted)").write_text("x")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.invalid")
    for argv in (("init", "-q", "-b", "main"), ("add", "--all"), (*who, "commit", "-q", "-m", HOSTILE)):
        assert process.run(("git", "-C", str(root), *argv), env).status == 0
    (root / "new").write_text("not committed")
    return Repository(root, env)


def test_what_a_commit_says(repository: Repository) -> None:
    """A branch's newest commit is told with its date and whole message, and so is one by the start of its id."""
    found = repository.revision(None, "main")

    assert (found.branch, found.date, found.message) == ("main", "2030-01-02T03:04:05+00:00", HOSTILE)
    assert len(found.commit) == 40
    assert repository.revision(found.commit[:8], "main") == found


def test_the_files_of_a_commit(repository: Repository, tmp_path: Path) -> None:
    """The zip has the files of the commit: no .git, nothing that was not committed, programs as such."""
    repository.archive(repository.revision(None, "main").commit, tmp_path / "source.zip")

    with zipfile.ZipFile(tmp_path / "source.zip") as packed:
        assert sorted(packed.namelist()) == ["$(touch planted)", "run"]
        assert (packed.getinfo("run").external_attr >> 16) & 0o100
    assert not list(tmp_path.rglob("planted"))


@pytest.mark.parametrize("commit", ["0" * 40, "--output=planted", "$(touch planted)", "main:run", "HEAD^{tree}"])
def test_a_commit_that_is_none(repository: Repository, commit: str, tmp_path: Path) -> None:
    """What names no commit is refused, and is no option of git's."""
    with pytest.raises(ConfigError, match="looking for the commit"):
        repository.revision(commit, "main")

    assert not list(tmp_path.rglob("planted"))


@pytest.mark.parametrize("branch", ["other", "../main", "--all", "main; touch planted"])
def test_a_branch_that_is_none(repository: Repository, branch: str) -> None:
    """A branch that there is none of is refused."""
    with pytest.raises(ConfigError, match="looking for the branch"):
        repository.revision(None, branch)


def test_files_of_what_is_no_commit(repository: Repository, tmp_path: Path) -> None:
    """Where git has no such files, that is an error in its words."""
    with pytest.raises(ConfigError, match="taking the files"):
        repository.archive("0" * 40, tmp_path / "source.zip")
