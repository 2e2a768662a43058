"""Taking down that is refused: without a name, protected, unnamed, or of an image that somebody runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.errors import StackError
from lockstep.model import StackName
from lockstep.names import branch_slug
from lockstep.testing import PROD, SETTINGS, TEST
from tests.journeys.account_stacks_shown import AWS, link_templates, stacks
from tests.journeys.terminal import text
from tests.unit.standing import publish, run

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

QUESTION = "This cannot be undone. The project's name, to go on (shop):"


@pytest.fixture
def standing(terminal: Terminal) -> Terminal:
    """A terminal whose accounts are set up, prod protected; hello runs in test, also as a branch, and in prod."""
    link_templates(terminal)
    terminal.settings = SETTINGS + "protect = true\n"
    terminal.invoke("bootstrap", "--yes")
    publish(terminal.world, "hello")
    run(terminal.world, TEST, "shop-test-hello")
    run(terminal.world, TEST, f"shop-test-hello--{branch_slug('main')}")
    run(terminal.world, PROD, "shop-prod-hello", protected=True)
    terminal.changes()
    return terminal


@pytest.mark.parametrize("word", ["store", "", "SHOP"])
def test_another_name_is_typed(standing: Terminal, word: str) -> None:
    """Who types anything else removes nothing: exit code 2."""
    standing.word = word

    seen = standing.invoke("destroy", "--branch", "main")

    error = (
        f"{QUESTION} {word}",
        "error: destroying what was listed",
        f"  answer: '{word}' is not the project's name; nothing was removed",
        "  next: give the project's name",
    )
    assert (seen.code, seen.err) == (2, text(*error))
    assert standing.changes() == []


def test_another_name_is_given(standing: Terminal) -> None:
    """A --confirm that is not the project's name removes nothing and asks nobody."""
    standing.word = "shop"

    seen = standing.invoke("destroy", "--branch", "main", "--confirm", "store")

    assert (seen.code, seen.err.splitlines()[1]) == (
        2,
        "  answer: 'store' is not the project's name; nothing was removed",
    )
    assert standing.changes() == []


def test_nobody_is_there(standing: Terminal) -> None:
    """Where nobody can type the name nothing is removed, and the flag that does it is told."""
    seen = standing.invoke("destroy", "--branch", "main")

    error = (
        "error: destroying what was listed",
        "  answer: nobody can give the project's name here",
        "  next: repeat it with --confirm shop",
    )
    assert (seen.code, seen.err) == (2, text(*error))
    assert standing.changes() == []


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        (("--env", "prod", "--service", "hello"), "shop-prod-hello"),
        (("--env", "prod"), "shop-prod-hello, shop-account-prod, shop-deployer-prod"),
    ],
)
def test_what_is_protected(standing: Terminal, flags: tuple[str, ...], kept: str) -> None:
    """What is protected is refused by name before the project's name is asked for, and nothing is removed."""
    standing.word = "shop"
    before = standing.accounts()

    seen = standing.invoke("destroy", *flags)

    error = (
        "error: destroying what was listed",
        f"  answer: protected from being deleted: {kept}",
        "  next: repeat it with --unprotect",
    )
    assert (seen.code, seen.err) == (2, text(*error))
    assert (standing.accounts(), standing.changes()) == (before, [])


def test_a_dry_run_of_what_is_protected(standing: Terminal) -> None:
    """A dry run shows what is protected."""
    seen = standing.invoke("destroy", "--env", "prod", "--service", "hello", "--dry-run")

    assert seen.code == 0
    assert "  prod: stack shop-prod-hello, which is protected" in seen.out.splitlines()


def test_unprotected(standing: Terminal) -> None:
    """With --unprotect what is protected goes as well, after the name was given."""
    seen = standing.invoke("destroy", "--env", "prod", "--unprotect", "--confirm", "shop")

    assert seen.code == 0
    assert [stack for stack in stacks(standing) if "prod" in stack] == []
    assert PROD not in {account for account, _ in standing.world.stacks}


@pytest.mark.parametrize(
    ("flags", "answer", "cure"),
    [
        ((), "nothing is named", "give --env, --service, --branch or --all"),
        (("--all", "--env", "test"), "--all leaves nothing to choose", "give --all alone, or leave it out"),
        (("--env=", "--service", "hello"), "a name is empty", "give it, or leave its flag out"),
        (("--service=",), "a name is empty", "give it, or leave its flag out"),
        (("--env", "test", "--branch="), "a name is empty", "give it, or leave its flag out"),
    ],
)
def test_what_is_not_chosen(standing: Terminal, flags: tuple[str, ...], answer: str, cure: str) -> None:
    """Without a choice, or with an empty one as a script's unset variable gives it, nothing is removed."""
    seen = standing.invoke("destroy", *flags, "--confirm", "shop", "--unprotect")

    error = ("error: choosing what to destroy", f"  answer: {answer}", f"  next: {cure}")
    assert seen == (2, text(AWS), text(*error))
    assert standing.changes() == []


def test_an_image_that_somebody_runs(standing: Terminal) -> None:
    """An image that a function runs whose stack is not to go is not deleted: exit code 9."""
    standing.world.stacks.pop((PROD, StackName("shop-prod-hello")))

    seen = standing.invoke("destroy", "--service", "hello", "--confirm", "shop", "--unprotect")

    error = (
        "error: deleting the repository shop/hello/hellofunction",
        "  answer: shop-prod-hello-HelloFunction in prod runs an image of it",
        "  next: destroy that service's stack first",
    )
    assert (seen.code, seen.err) == (9, text(*error))
    assert standing.world.repositories == {"shop/hello/hellofunction"}


def test_a_failure_and_once_more(standing: Terminal) -> None:
    """A run that fails shows how far it came, and the same command once more takes down the rest."""
    standing.world.fails["delete shop-account-test"] = StackError("deleting it", "DELETE_FAILED", "see its events")

    failed = standing.invoke("destroy", "--env", "test", "--confirm", "shop")
    standing.world.fails.clear()
    again = standing.invoke("destroy", "--env", "test", "--confirm", "shop")

    assert (failed.code, failed.out.splitlines()[-1]) == (7, "  test: stack shop-account-test")
    assert (again.code, [stack for stack in stacks(standing) if "test" in stack]) == (0, [])


def test_interrupted(standing: Terminal) -> None:
    """An interrupted run ends with exit code 130."""
    standing.world.fails["delete shop-test-hello"] = KeyboardInterrupt()

    seen = standing.invoke("destroy", "--env", "test", "--confirm", "shop")

    assert seen.code == 130
