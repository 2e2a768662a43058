"""Asks git what the working tree was made from. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lockstep import process
from lockstep.errors import ConfigError
from lockstep.model import Commit


def commit(root: Path, env: Mapping[str, str]) -> Commit:
    """Return the commit that is checked out and whether the tree differs from it; raises ConfigError outside git."""
    status = process.run(("git", "-C", str(root), "status", "--porcelain=v2", "--branch"), env)
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
    dirty = any(not line.startswith("# ") for line in output.splitlines())
    return Commit(sha=sha, branch=heads.get("branch.head", "(detached)"), dirty=dirty)
