"""Setting up accounts by who may not, and accounts in which somebody becomes whom they may not: exit code 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.errors import IdentityError
from lockstep.testing import PROD, TEST
from tests.journeys.account_stacks_shown import AWS, STACKS, done, link_templates, plan, stacks
from tests.journeys.terminal import Ending, text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal


@pytest.fixture(autouse=True)
def _our_account_templates(terminal: Terminal) -> None:
    """Let the working tree hold the account templates of this one."""
    link_templates(terminal)


@pytest.mark.parametrize("flag", ["--yes", "--dry-run"])
def test_rights_are_missing(terminal: Terminal, flag: str) -> None:
    """An administrator who may not do what the plan takes is told so with exit code 3, before anything is changed."""
    terminal.world.lacking[TEST] = ("iam:CreateRole",)

    seen = terminal.invoke("bootstrap", flag)

    error = (
        f"error: changing test, account {TEST}, as arn:aws:iam::{TEST}:user/administrator",
        "  answer: it may not: iam:CreateRole",
        "  next: use an administrator of that account; nothing was changed",
    )
    assert seen == (3, text(*plan()), text(*error))
    assert (stacks(terminal), terminal.changes()) == ([], [])


def test_an_account_that_cannot_be_opened(terminal: Terminal) -> None:
    """Where one account cannot be opened, nothing is changed in any."""
    terminal.world.fails[f"admin {PROD}"] = IdentityError("opening prod", "the profile prod-admin is unknown", "log in")

    seen = terminal.invoke("bootstrap", "--yes")

    error = ("error: opening prod", "  answer: the profile prod-admin is unknown", "  next: log in")
    assert seen == (3, text(AWS), text(*error))
    assert stacks(terminal) == []


@pytest.mark.parametrize(
    ("pair", "may", "counts", "answer"),
    [
        (("shop-developer", "shop-deploy-prod"), True, (5, 22), "shop-developer can become shop-deploy-prod"),
        (("administrator", "shop-execution-test"), True, (5, 22), "administrator can become shop-execution-test"),
        (
            ("shop-developer", "shop-status-test"),
            False,
            (4, 23),
            "shop-developer cannot become shop-status-test: AccessDenied",
        ),
    ],
)
def test_a_role_that_is_wrong(
    terminal: Terminal, pair: tuple[str, str], may: bool, counts: tuple[int, int], answer: str
) -> None:
    """A role that is taken by who may not, or refused to who may, is exit code 3 of a run that applied everything."""
    terminal.world.trusts[pair] = may

    seen = terminal.invoke("bootstrap", "--yes")

    looked = "Looked again: {} roles could be taken, as they should; {} were refused, as they should be.".format(
        *counts
    )
    error = (
        "error: looking whether everybody can become whom they may",
        f"  answer: {answer}",
        "  next: invoke doctor; see who changed that role's trust",
    )
    assert seen == (3, text(*plan(), *done(), looked, "7 of 7 stacks changed."), text(*error))
    assert stacks(terminal) == list(STACKS)


def test_a_session_that_ends_while_looking(terminal: Terminal) -> None:
    """Where looking again fails, what was applied is told all the same, and then what failed."""
    terminal.outside = Ending

    seen = terminal.invoke("bootstrap", "--yes", "--json")

    assert (seen.code, seen.document["trust"]) == (3, [])
    assert {one["result"] for one in seen.document["stacks"].values()} == {"created"}
    assert "ExpiredToken" in seen.err


def test_nobody_of_the_developers_is_here(terminal: Terminal) -> None:
    """An administrator without a developer's credentials sets everything up, and is told what was not looked at."""
    terminal.world.fails["identity"] = IdentityError("opening the tooling account", "no credentials", "log in")

    seen = terminal.invoke("bootstrap", "--yes")

    looked = (
        "Not looked at as a developer: opening the tooling account: no credentials. log in",
        "Looked again: 0 roles could be taken, as they should; 10 were refused, as they should be.",
    )
    assert seen == (0, text(*plan(), *done(), *looked, "7 of 7 stacks changed."), "")


def test_nobody_of_the_developers_is_here_as_json(terminal: Terminal) -> None:
    """With --json the document says in words why nobody looked as a developer."""
    terminal.world.fails["identity"] = IdentityError("opening the tooling account", "no credentials", "log in")

    seen = terminal.invoke("bootstrap", "--yes", "--json")

    assert seen.document["not_looked_at"] == "opening the tooling account: no credentials. log in"
    assert len(seen.document["trust"]) == 10
