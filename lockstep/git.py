"""Asks git, or in a build the pipeline's variables, what the working tree was made from. Changes no file."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lockstep import process
from lockstep.errors import ConfigError
from lockstep.model import Commit

# How a changed, moved, unmerged or new file begins; anything else is a header or a remark.
# https://git-scm.com/docs/git-status#_porcelain_format_version_2
_ENTRIES = ("1 ", "2 ", "u ", "? ")
# Where a pipeline says of its source, which has no .git, what it was made from.
COMMIT, BRANCH = "LOCKSTEP_COMMIT", "LOCKSTEP_BRANCH"


def commit(root: Path, env: Mapping[str, str]) -> Commit:
    """Return the commit that is checked out and whether the tree differs from it; raises ConfigError outside git."""
    # New files are asked for by name: a person's own configuration may hide them, an image would hold them.
    argv = ("git", "-C", str(root), "status", "--porcelain=v2", "--branch", "--untracked-files=normal")
    status = process.run(argv, env)
    if status.status != 0:
        raise ConfigError(
            f"asking git about {root.name}",
            status.output.splitlines()[-1] if status.output else "",
            "a release names its commit: git init, git add --all, git commit",
        )
    return parse(status.output)


def parse(output: str) -> Commit:
    """Read `git status --porcelain=v2 --branch`; raises ConfigError where there is no commit yet."""
    heads = dict(line[2:].split(" ", 1) for line in output.splitlines() if line.startswith("# "))
    sha = heads.get("branch.oid", "(initial)")
    if sha == "(initial)":
        raise ConfigError("reading the commit", "nothing is committed yet", "git add --all, git commit")
    dirty = any(line.startswith(_ENTRIES) for line in output.splitlines())
    return Commit(sha=sha, branch=heads.get("branch.head", "(detached)"), dirty=dirty)


def is_given(root: Path, environ: Mapping[str, str]) -> bool:
    """Is this a build in CodeBuild whose source came without git?"""
    return bool(environ.get("CODEBUILD_BUILD_ID")) and not (root / ".git").exists()


def given(environ: Mapping[str, str]) -> Commit:
    """Return the commit that a pipeline's variables name; raises ConfigError where they name none.

    Whoever may push chooses a branch's name: it is shown and never run, and what would move the cursor is refused.
    """
    for name, value in ((name, environ.get(name, "")) for name in (COMMIT, BRANCH)):
        if not value:
            raise ConfigError(
                "reading what this source was made from",
                f"{name} is not set, and there is no .git",
                f"set {name} as a variable of the pipeline's action",
            )
    sha, branch = environ[COMMIT], environ[BRANCH]
    if not re.fullmatch("[0-9a-f]{40}", sha):
        raise ConfigError(f"using {COMMIT}", f"{sha[:80]!r} is not 40 hexadecimal digits")
    if not branch.isprintable():
        raise ConfigError(f"using {BRANCH}", f"{branch[:80]!r} holds characters that cannot be shown")
    return Commit(sha=sha, branch=branch, dirty=False)


def copy(root: Path, folder: Path, env: Mapping[str, str]) -> None:
    """Copy every file that git tracks, as it is now, into a new folder; raises ConfigError where git does not.

    It goes by `git archive`, as a pipeline's source does: no .git, no new file, nothing that export-ignore names.
    The index is a copy too, so that nobody's stays changed.
    """
    with tempfile.TemporaryDirectory(prefix="lockstep-") as scratch:
        index, archive = Path(scratch, "index"), Path(scratch, "source.tar")
        shutil.copyfile(_ask(root, env, "rev-parse", "--path-format=absolute", "--git-path", "index"), index)
        own = {**env, "GIT_INDEX_FILE": str(index)}
        _ask(root, own, "add", "--update", ":/")
        tree = _ask(root, own, "write-tree")
        _ask(root, env, "archive", "--format=tar", f"--output={archive}", tree)
        with tarfile.open(archive) as packed:
            try:
                packed.extractall(folder, filter="data")
            except tarfile.FilterError as error:
                raise ConfigError(f"copying {root.name}", str(error), "remove that link from the source") from error


def _ask(root: Path, env: Mapping[str, str], *argv: str) -> str:
    """Run git and return what it says; raises ConfigError."""
    ended = process.run(("git", "-C", str(root), *argv), env)
    if ended.status != 0:
        raise ConfigError(f"asking git to {argv[0]} {root.name}", process.tail(ended.output, 1), "git status")
    # What comes before is a warning.
    return ended.output.splitlines()[-1] if ended.output else ""
