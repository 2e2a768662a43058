"""Asks git what the working tree was made from. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lockstep import process
from lockstep.errors import ConfigError
from lockstep.model import Commit

# How a changed, moved, unmerged or new file begins; anything else is a header or a remark.
# https://git-scm.com/docs/git-status#_porcelain_format_version_2
_ENTRIES = ("1 ", "2 ", "u ", "? ")


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
