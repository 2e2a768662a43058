"""Setting up the accounts: planned, asked, applied in order, repeatable, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockstep.errors import StackError
from tests.journeys.terminal import text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

PLAN = (
    "AWS: a fake one",
    "Plan for bootstrap, in this order:",
    "  tooling (111111111111): shop-tooling-roles from infra/tooling-roles.yaml",
    "  tooling (111111111111): shop-deployer-test from infra/tooling-deployer.yaml",
    "  tooling (111111111111): shop-deployer-prod from infra/tooling-deployer.yaml",
    "  tooling (111111111111): shop-tooling-resources from infra/tooling-resources.yaml",
    "  tooling (111111111111): shop-repository-hello-hellofunction from infra/tooling-repository.yaml",
    "  test (222222222222): shop-account-test from infra/environment.yaml",
    "  prod (333333333333): shop-account-prod from infra/environment.yaml",
)
STACKS = (
    "shop-tooling-roles",
    "shop-deployer-test",
    "shop-deployer-prod",
    "shop-tooling-resources",
    "shop-repository-hello-hellofunction",
    "shop-account-test",
    "shop-account-prod",
)


def done(*results: str) -> list[str]:
    """What is printed of each stack that is done."""
    where = ("tooling", "tooling", "tooling", "tooling", "tooling", "test", "prod")
    return [f"  {w}: {s} {r} (1.0 s)" for w, s, r in zip(where, STACKS, results, strict=False)]


@pytest.fixture(autouse=True)
def _our_account_templates(terminal: Terminal) -> None:
    """Let the working tree hold the account templates of this one."""
    (terminal.root / "infra").symlink_to(Path(__file__).parents[2] / "infra")


def test_the_plan(terminal: Terminal) -> None:
    """A dry run shows every stack in its order with its account, and changes nothing."""
    seen = terminal.invoke("bootstrap", "--dry-run")

    assert seen == (0, text(*PLAN, "Dry run: nothing was changed."), "")
    assert terminal.world.account_stacks == {}


def test_the_plan_as_json(terminal: Terminal) -> None:
    """With --json a dry run is one document in which nothing came of any stack."""
    seen = terminal.invoke("bootstrap", "--dry-run", "--json")

    assert seen.document == {"target": "aws", "dry_run": True, "stacks": dict.fromkeys(STACKS)}
    assert seen.err == text(*PLAN)


def test_applied(terminal: Terminal) -> None:
    """With --yes every stack is made in its order, and those that need the key get the one that was made."""
    seen = terminal.invoke("bootstrap", "--yes")

    assert seen == (0, text(*PLAN, *done(*["created"] * 7), "7 of 7 stacks changed."), "")
    keys = {stack: values.get("KeyArn") for (_, stack), (_, values) in terminal.world.account_stacks.items()}
    assert keys == {
        **dict.fromkeys(STACKS[:4]),
        **dict.fromkeys(STACKS[4:], "arn:aws:kms:::key/1"),
    }


def test_applied_again(terminal: Terminal) -> None:
    """The second run finds every stack as planned, and says that there was nothing to do."""
    terminal.invoke("bootstrap", "--yes")
    before = terminal.accounts()

    seen = terminal.invoke("bootstrap", "--yes")

    assert seen == (0, text(*PLAN, *done(*["unchanged"] * 7), "Nothing to do: every stack is as planned."), "")
    assert terminal.accounts() == before


def test_applied_as_json(terminal: Terminal) -> None:
    """With --json what came of each stack is one document."""
    seen = terminal.invoke("bootstrap", "--yes", "--json")

    assert seen.document == {"target": "aws", "dry_run": False, "stacks": dict.fromkeys(STACKS, "created")}


def test_agreed(terminal: Terminal) -> None:
    """Who answers yes gets what was planned."""
    terminal.answer = True

    seen = terminal.invoke("bootstrap")

    assert seen == (
        0,
        text(*PLAN, *done(*["created"] * 7), "7 of 7 stacks changed."),
        text("Apply it? [y/N] y"),
    )


def test_declined(terminal: Terminal) -> None:
    """Who answers no changes nothing, and is told how to go on."""
    terminal.answer = False

    seen = terminal.invoke("bootstrap")

    assert seen == (
        0,
        text(*PLAN, "Nothing was changed. To apply it without a question: invoke bootstrap --yes"),
        text("Apply it? [y/N] n"),
    )
    assert terminal.world.account_stacks == {}


def test_nobody_there_to_answer(terminal: Terminal) -> None:
    """Where nobody can answer nothing is changed, and that is an error with exit code 2: a build must not go on."""
    seen = terminal.invoke("bootstrap")

    assert seen == (
        2,
        text(*PLAN),
        text("error: asking whether to apply it", "  answer: nobody can answer here", "  next: invoke bootstrap --yes"),
    )
    assert terminal.world.account_stacks == {}


def test_interrupted_and_resumed(terminal: Terminal) -> None:
    """A run that is interrupted in the middle is taken up by the next one, and ends in the same state."""
    terminal.invoke("bootstrap", "--yes")
    whole = terminal.accounts()
    terminal.world.account_stacks.clear()
    terminal.world.fails["apply shop-tooling-resources"] = KeyboardInterrupt()

    interrupted = terminal.invoke("bootstrap", "--yes")
    terminal.world.fails.clear()
    resumed = terminal.invoke("bootstrap", "--yes")

    assert (interrupted.code, interrupted.out) == (130, text(*PLAN, *done(*["created"] * 3)))
    results = [*["unchanged"] * 3, *["created"] * 4]
    assert resumed == (0, text(*PLAN, *done(*results), "4 of 7 stacks changed."), "")
    assert terminal.accounts() == whole


def test_a_stack_fails(terminal: Terminal) -> None:
    """Where a stack fails, what is done is on the screen, the error says why, and the exit code is its own."""
    terminal.world.fails["apply shop-deployer-prod"] = StackError("applying it", "AccessDenied", "mend the cause")

    seen = terminal.invoke("bootstrap", "--yes", "--json")

    assert seen == (
        7,
        "",
        text(
            *PLAN,
            *done("created", "created"),
            "error: applying it",
            "  answer: AccessDenied",
            "  next: mend the cause",
        ),
    )
