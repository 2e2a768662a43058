"""Git: what a build's source is, with and without git. Uses the real git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockstep import git, process
from lockstep.errors import ConfigError
from lockstep.model import Commit
from tests.adapters.outside import wiring
from tests.adapters.test_git import environment

SHA = "0123456789abcdef0123456789abcdef01234567"
IN_BUILD = {"CODEBUILD_BUILD_ID": "shop-build:1"}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Have a home folder."""
    (tmp_path / "home").mkdir()
    return environment(tmp_path / "home")


@pytest.fixture
def tree(tmp_path: Path, env: dict[str, str]) -> Path:
    """Have a working tree with one commit of three files, one of which no archive holds."""
    root = tmp_path / "tree"
    root.mkdir()
    for name, text in {"changed": "one", "gone": "", "hidden": "", ".gitattributes": "hidden export-ignore"}.items():
        (root / name).write_text(text)
    for argv in (("init",), ("add", "--all"), ("commit", "--message", "first")):
        assert process.run(("git", *argv), env, cwd=root).status == 0
    return root


def test_a_copy_of_the_source(tree: Path, env: dict[str, str], tmp_path: Path) -> None:
    """A copy holds what git tracks, as it is now, and the working tree and its index stay as they are."""
    (tree / "changed").write_text("two")
    (tree / "gone").unlink()
    (tree / "new").touch()
    (tree / "new\nline $(id)").touch()
    process.run(("git", "add", "new\nline $(id)"), env, cwd=tree)
    before = process.run(("git", "status", "--porcelain"), env, cwd=tree).output

    git.copy(tree, tmp_path / "copy", env)

    copied = {path.name: path.read_text() for path in (tmp_path / "copy").iterdir()}
    assert copied == {"changed": "two", "new\nline $(id)": "", ".gitattributes": "hidden export-ignore"}
    assert process.run(("git", "status", "--porcelain"), env, cwd=tree).output == before


def test_a_copy_with_a_link_to_elsewhere(tree: Path, env: dict[str, str], tmp_path: Path) -> None:
    """A link that leads out of the source is refused, and nothing behind it is copied."""
    (tree / "link").symlink_to("/etc")
    process.run(("git", "add", "link"), env, cwd=tree)

    with pytest.raises(ConfigError, match="copying tree"):
        git.copy(tree, tmp_path / "copy", env)


def test_a_copy_without_git(tmp_path: Path, env: dict[str, str]) -> None:
    """A folder outside git cannot be copied, and git's own words say why."""
    env["GIT_CEILING_DIRECTORIES"] = str(tmp_path.parent)

    with pytest.raises(ConfigError) as caught:
        git.copy(tmp_path / "home", tmp_path / "copy", env)

    assert "not a git repository" in caught.value.answer


def test_a_build_without_git(tmp_path: Path) -> None:
    """In a build whose source has no .git, the pipeline's variables say the commit and the branch; it is not dirty."""
    opened = wiring(tmp_path, None, {**IN_BUILD, "LOCKSTEP_COMMIT": SHA, "LOCKSTEP_BRANCH": "feature/$(id)'\""})

    assert opened.commit() == Commit(SHA, "feature/$(id)'\"", dirty=False)


def test_a_build_with_git(tree: Path, env: dict[str, str]) -> None:
    """In a build whose source has a .git, git is asked, whatever the variables say."""
    given = {**IN_BUILD, "LOCKSTEP_COMMIT": SHA, "LOCKSTEP_BRANCH": "b", "HOME": env["HOME"]}

    assert wiring(tree, None, given).commit().branch == "main"


def test_outside_of_a_build(tmp_path: Path) -> None:
    """Outside of a build, variables do not stand for a commit."""
    opened = wiring(tmp_path, None, {"LOCKSTEP_COMMIT": SHA, "LOCKSTEP_BRANCH": "b"})

    with pytest.raises(ConfigError, match="asking git"):
        opened.commit()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "LOCKSTEP_COMMIT is not set, and there is no .git"),
        ({"LOCKSTEP_COMMIT": SHA}, "LOCKSTEP_BRANCH is not set, and there is no .git"),
        ({"LOCKSTEP_COMMIT": SHA[:7], "LOCKSTEP_BRANCH": "b"}, "'0123456' is not 40 hexadecimal digits"),
        ({"LOCKSTEP_COMMIT": SHA + "\n", "LOCKSTEP_BRANCH": "b"}, f"'{SHA}\\n' is not 40 hexadecimal digits"),
        ({"LOCKSTEP_COMMIT": SHA.upper(), "LOCKSTEP_BRANCH": "b"}, f"'{SHA.upper()}' is not 40 hexadecimal digits"),
        ({"LOCKSTEP_COMMIT": SHA, "LOCKSTEP_BRANCH": "a\nb"}, "'a\\nb' holds characters that cannot be shown"),
        ({"LOCKSTEP_COMMIT": SHA, "LOCKSTEP_BRANCH": "\x1b[2J"}, "'\\x1b[2J' holds characters that cannot be shown"),
        ({"LOCKSTEP_COMMIT": SHA, "LOCKSTEP_BRANCH": "a\u202eb"}, "'a\\u202eb' holds characters that cannot be shown"),
    ],
)
def test_variables_that_name_no_commit(given: dict[str, str], told: str) -> None:
    """A commit or a branch that is missing, that is none or that would disturb a terminal is refused."""
    with pytest.raises(ConfigError) as caught:
        git.given(given)

    assert caught.value.answer == told


def test_an_outfit_says_nothing_of_the_caller(tmp_path: Path) -> None:
    """A build begins with the tools of this interpreter and of the system, and the way to the package registries."""
    planted = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_PROFILE": "p", "PATH": "/mine", "PIP_INDEX_URL": "i"}

    found = wiring(tmp_path, None, planted).outfit()

    path = found.pop("PATH").split(os.pathsep)
    assert found == {"LANG": "C.UTF-8", "TERM": "xterm", "PIP_INDEX_URL": "i"}
    assert (Path(path[0], "python").exists(), "/mine" in path) == (True, False)
