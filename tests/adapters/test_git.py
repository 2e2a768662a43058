"""Git: which commit a release is made from, and whether the tree differs from it. Uses the real git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import git, process
from lockstep.errors import ConfigError
from lockstep.model import Commit

ENTRIES = ("1 .M N... 100644 100644 100644 a b f", "2 R. N... 100644 100644 100644 a b R100 f\tg", "u UU N... f", "? f")


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a person without any configuration but a name."""
    (home / ".gitconfig").write_text("[user]\nname = a\nemail = a@example.org\n[init]\ndefaultBranch = main\n")
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Have a home folder."""
    (tmp_path / "home").mkdir()
    return environment(tmp_path / "home")


@pytest.fixture
def tree(tmp_path: Path, env: dict[str, str]) -> Path:
    """Have a working tree with one commit of one file."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "file").write_text("one")
    for argv in (("init",), ("add", "--all"), ("commit", "--message", "first")):
        assert process.run(("git", *argv), env, cwd=root).status == 0
    return root


def head(tree: Path, env: dict[str, str]) -> str:
    """Return the commit that is checked out, as git itself names it."""
    return process.run(("git", "rev-parse", "HEAD"), env, cwd=tree).output


def test_a_clean_tree(tree: Path, env: dict[str, str]) -> None:
    """A tree without changes is its commit."""
    commit = git.commit(tree, env)

    assert commit == Commit(head(tree, env), "main", dirty=False)


def test_a_changed_file_makes_a_tree_dirty(tree: Path, env: dict[str, str]) -> None:
    """A tree with a changed file is dirty."""
    (tree / "file").write_text("two")

    commit = git.commit(tree, env)

    assert commit == Commit(head(tree, env), "main", dirty=True)


def test_a_new_file_makes_a_tree_dirty(tree: Path, env: dict[str, str]) -> None:
    """A tree with a new file is dirty, since the file may go into an image."""
    (tree / "new").touch()

    assert git.commit(tree, env).dirty


def test_a_new_file_counts_whatever_a_person_prefers_to_see(tree: Path, env: dict[str, str]) -> None:
    """A new file makes a tree dirty even for a person whose git does not show new files."""
    process.run(("git", "config", "status.showUntrackedFiles", "no"), env, cwd=tree)
    (tree / "new").touch()

    assert git.commit(tree, env).dirty


def test_a_remark_of_gits_does_not_make_a_tree_dirty(tree: Path, env: dict[str, str]) -> None:
    """A warning that git prints beside its answer does not count as a change."""
    commit = git.parse(f"warning: unable to access '/root/.config/git/ignore'\n# branch.oid {head(tree, env)}")

    assert not commit.dirty


def test_an_ignored_file_does_not_count(tree: Path, env: dict[str, str]) -> None:
    """A new file that git ignores leaves the tree clean."""
    (tree / ".git" / "info" / "exclude").write_text("scratch\n")
    (tree / "scratch").touch()

    assert not git.commit(tree, env).dirty


def test_a_detached_tree(tree: Path, env: dict[str, str]) -> None:
    """A commit that is checked out by itself, as CodeBuild does it, is on no branch."""
    process.run(("git", "checkout", "--detach"), env, cwd=tree)

    assert git.commit(tree, env).branch == "(detached)"


def test_nothing_committed_yet(tmp_path: Path, env: dict[str, str]) -> None:
    """A repository without a commit is an error that says what to do."""
    process.run(("git", "init"), env, cwd=tmp_path)

    with pytest.raises(ConfigError) as caught:
        git.commit(tmp_path, env)

    assert str(caught.value) == (
        "error: reading the commit\n  answer: nothing is committed yet\n  next: git add --all, git commit"
    )


def test_no_repository(tmp_path: Path, env: dict[str, str]) -> None:
    """A folder outside git is an error with git's own words and what to do."""
    env["GIT_CEILING_DIRECTORIES"] = str(tmp_path.parent)

    with pytest.raises(ConfigError) as caught:
        git.commit(tmp_path, env)

    assert str(caught.value) == (
        f"error: asking git about {tmp_path.name}\n"
        "  answer: fatal: not a git repository (or any of the parent directories): .git\n"
        "  next: a release names its commit: git init, git add --all, git commit"
    )


def test_a_silent_git_is_an_error_too(tmp_path: Path) -> None:
    """A git that fails without a word is still an error."""
    (tmp_path / "git").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "git").chmod(0o755)

    with pytest.raises(ConfigError, match="asking git about"):
        git.commit(tmp_path, {"PATH": f"{tmp_path}:{os.defpath}"})


@given(
    sha=st.text("0123456789abcdef", min_size=40, max_size=64),
    branch=st.text(st.characters(categories=("L", "N", "P")), min_size=1),
    entries=st.lists(st.sampled_from(ENTRIES)),
    upstream=st.booleans(),
)
def test_any_status_is_read(sha: str, branch: str, entries: list[str], *, upstream: bool) -> None:
    """Whatever the branch is called and whatever the changes are, they are read as git wrote them."""
    headers = [f"# branch.oid {sha}", f"# branch.head {branch}"]
    headers += ["# branch.upstream origin/main", "# branch.ab +1 -0", "# stash 1"] if upstream else []

    commit = git.parse("\n".join([*headers, *entries]))

    assert commit == Commit(sha, branch, dirty=bool(entries))
