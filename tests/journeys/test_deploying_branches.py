"""Feature branches: a stack of their own beside the environment's, which proves nothing and goes by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.names import branch_slug
from lockstep.testing import CODECOMMIT, SETTINGS

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

BRANCH = "feature/$(login)"
STACK = f"shop-test-hello--{branch_slug(BRANCH)}"


def test_beside(terminal: Terminal) -> None:
    """A branch gets stacks of its own, named by its slug and hash; those of the environment stay as they are."""
    terminal.invoke("deploy", "--env", "test")
    before = dict(terminal.world.stacks)

    seen = terminal.invoke("deploy", "--env", "test", "--branch", BRANCH)

    assert seen.code == 0, seen
    made = {stack: state for stack, state in terminal.world.stacks.items() if stack not in before}
    assert [stack for _, stack in made] == [STACK]
    assert {key: terminal.world.stacks[key] for key in before} == before
    assert f" {STACK}" in seen.out


def test_it_proves_nothing(terminal: Terminal) -> None:
    """What was deployed for a branch is no deployment to the environment: it is not recorded, and goes no further."""
    terminal.invoke("deploy", "--env", "test", "--branch", BRANCH)

    history = terminal.invoke("history", "--env", "test", "--json")
    promoted = terminal.invoke("promote", "--to", "prod", "--profile", "releaser")

    assert history.document["deployments"] == []
    assert promoted.code != 0


@pytest.mark.parametrize(
    ("environment", "branch", "answer"),
    [
        ("test", "main", "that is the branch that is released"),
        ("test", "", "its name is empty"),
        ("prod", BRANCH, "releases come here from another environment"),
    ],
)
def test_refused(terminal: Terminal, environment: str, branch: str, answer: str) -> None:
    """The branch that is released has no stack beside, and no branch has one where releases come from elsewhere."""
    terminal.settings = SETTINGS + CODECOMMIT

    seen = terminal.invoke("deploy", "--env", environment, "--branch", branch)

    assert (seen.code, f"answer: {answer}" in seen.err, terminal.changes()) == (2, True, [])


def test_refused_where_it_is_protected(terminal: Terminal) -> None:
    """In an environment that is protected a branch has no stack, since it has to go again."""
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nprotect = true')

    seen = terminal.invoke("deploy", "--env", "test", "--branch", BRANCH)

    assert (seen.code, "answer: it is protected" in seen.err) == (2, True)


def test_taken_away(terminal: Terminal) -> None:
    """Destroying a branch takes its stacks, and leaves those of the environment and of other branches."""
    for branch in ((), ("--branch", BRANCH), ("--branch", "other")):
        terminal.invoke("deploy", "--env", "test", *branch)

    seen = terminal.invoke("destroy", "--branch", BRANCH, "--dry-run")

    removed = [line for line in seen.out.splitlines() if ": stack " in line]
    assert removed == [f"  test: stack {STACK}"]
