"""Taking down: shown, asked for by the project's name, done in order, and what is left is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.model import StackName
from lockstep.names import branch_slug
from lockstep.testing import PROD, TEST, TOOLING, World, a_service
from tests.journeys.account_stacks_shown import AWS, link_templates, stacks
from tests.journeys.terminal import text
from tests.unit.standing import publish, run, run_foreign

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

HELLO = (
    "  test: stack shop-test-hello",
    "  test: log group /aws/lambda/shop-test-hello-HelloFunction",
)
HEAD = (AWS, "Plan for destroy, in this order:")
QUESTION = "This cannot be undone. The project's name, to go on (shop):"
DRY = "Dry run: nothing was removed."
BUCKET = f"shop-artifacts-{TOOLING}-eu-west-1"


@pytest.fixture
def standing(terminal: Terminal) -> Terminal:
    """A terminal whose accounts are set up; hello runs in test, also as a branch, and in prod."""
    link_templates(terminal)
    terminal.invoke("bootstrap", "--yes")
    publish(terminal.world, "hello")
    run(terminal.world, TEST, "shop-test-hello")
    run(terminal.world, TEST, f"shop-test-hello--{branch_slug('main')}")
    run(terminal.world, PROD, "shop-prod-hello")
    terminal.changes()
    return terminal


def services(terminal: Terminal) -> list[str]:
    """Return the services' stacks that are there."""
    return [stack for _, stack in terminal.world.stacks]


def test_a_dry_run(standing: Terminal) -> None:
    """A dry run shows what would go, in its order, and removes nothing."""
    before = standing.accounts()

    seen = standing.invoke("destroy", "--env", "prod", "--dry-run")

    assert seen == (
        0,
        text(
            *HEAD,
            "  prod: stack shop-prod-hello",
            "  prod: log group /aws/lambda/shop-prod-hello-HelloFunction",
            "  prod: stack shop-account-prod",
            f"  tooling: files {BUCKET}/environments/{PROD}/*",
            "  tooling: rights of prod",
            "  tooling: stack shop-deployer-prod",
            DRY,
        ),
        "",
    )
    assert (standing.accounts(), standing.changes()) == (before, [])


def test_a_dry_run_as_json(standing: Terminal) -> None:
    """With --json a dry run is one document that says what would go, and that nothing did."""
    seen = standing.invoke("destroy", "--env", "test", "--service", "hello", "--branch", "main", "--dry-run", "--json")

    stack = f"shop-test-hello--{branch_slug('main')}"
    place = {"where": "test", "account_id": TEST, "protected": False}
    assert seen.document == {
        "target": "aws",
        "dry_run": True,
        "removals": [
            {"kind": "stack", "name": stack, **place},
            {"kind": "log group", "name": f"/aws/lambda/{stack}-HelloFunction", **place},
        ],
        "left": None,
    }


def test_everything(standing: Terminal) -> None:
    """With --all, after the project's name was typed, all of it goes, and what is left is told: the key that waits."""
    standing.word = "shop"

    seen = standing.invoke("destroy", "--all")

    lines = seen.out.splitlines()
    count = (len(lines) - 4) // 2
    assert (seen.code, seen.err) == (0, text(f"{QUESTION} shop"))
    assert lines[2 : 2 + count] == lines[2 + count : 2 + 2 * count]
    assert lines[-2:] == [f"{count} removed. Left of the project:", "  tooling: key 1 until 2026-01-08"]
    assert (services(standing), stacks(standing), standing.world.buckets) == ([], [], {})


def test_an_environment(standing: Terminal) -> None:
    """With --env an environment goes; the stacks that named it are updated, and the other one stays whole."""
    seen = standing.invoke("destroy", "--env", "test", "--confirm", "shop")

    updated = [line for line in seen.out.splitlines() if line.endswith(" s)")]
    assert updated == [
        "  tooling: shop-tooling-resources updated (1.0 s)",
        "  tooling: shop-tooling-roles updated (1.0 s)",
        "  tooling: shop-deployer-prod updated (1.0 s)",
        "  tooling: shop-repository-hello-hellofunction updated (1.0 s)",
    ]
    assert seen.out.splitlines()[-1] == (
        "test stays in the settings: take it out there too, or bootstrap makes it again."
    )
    named = [stack for (_, stack), one in standing.world.account_stacks.items() if TEST in str(one.parameters)]
    assert (seen.code, services(standing), named) == (0, ["shop-prod-hello"], [])
    assert {"shop-account-prod", "shop-deployer-prod", "shop-tooling-roles"} <= set(stacks(standing))


def test_an_environment_that_was_never_set_up(terminal: Terminal) -> None:
    """Taking down an environment where nothing is set up makes nothing there, or in tooling."""
    link_templates(terminal)

    seen = terminal.invoke("destroy", "--env", "test", "--confirm", "shop")

    assert seen == (
        0,
        text(AWS, "Nothing is there to be destroyed.", "0 removed. Nothing is left of the project."),
        "",
    )
    assert (stacks(terminal), terminal.changes()) == ([], [])


@pytest.mark.parametrize("flags", [("--env", "test"), ("--service", "hello"), ("--branch", "main"), ("--all",)])
def test_a_second_time(standing: Terminal, flags: tuple[str, ...]) -> None:
    """What was taken down is not asked for again: a second run finds nothing."""
    standing.invoke("destroy", *flags, "--confirm", "shop")
    standing.changes()

    seen = standing.invoke("destroy", *flags)

    assert (seen.code, seen.err) == (0, "")
    assert seen.out.splitlines()[1] == "Nothing is there to be destroyed."
    assert standing.changes() == []


def test_a_service_that_was_not_set_up_yet(standing: Terminal) -> None:
    """Taking down an environment makes no repository for a service that is new in the working tree."""
    standing.services = (*standing.services, a_service("orders"))

    seen = standing.invoke("destroy", "--env", "test", "--confirm", "shop")

    assert seen.code == 0
    assert [stack for stack in stacks(standing) if "repository" in stack] == ["shop-repository-hello-hellofunction"]


def test_an_environment_after_a_service_was_removed(standing: Terminal) -> None:
    """An environment is named nowhere any more, also where a service's folder is gone and its images are not."""
    standing.services = ()

    seen = standing.invoke("destroy", "--env", "test", "--confirm", "shop")
    again = standing.invoke("destroy", "--env", "test")

    assert "  tooling: shop-repository-hello-hellofunction updated (1.0 s)" in seen.out.splitlines()
    named = [stack for (_, stack), one in standing.world.account_stacks.items() if TEST in str(one.parameters)]
    assert (seen.code, named, again.code) == (0, [], 0)
    assert again.out.splitlines()[1] == "Nothing is there to be destroyed."


def test_an_environment_that_only_a_repository_names(standing: Terminal) -> None:
    """Where of tooling only a repository's stack is left, that one is updated, and keeps its key."""
    repository = TOOLING, StackName("shop-repository-hello-hellofunction")
    standing.world.account_stacks = {repository: standing.world.account_stacks[repository]}
    standing.services = ()

    seen = standing.invoke("destroy", "--env", "test", "--confirm", "shop")

    parameters = standing.world.account_stacks[repository].parameters
    assert (seen.code, parameters["EnvironmentAccounts"], parameters["KeyArn"]) == (0, PROD, "arn:aws:kms:::key/1")


class TakenDown(World):
    """A world in which somebody else takes down all of tooling while an environment's stack is deleted."""

    def call(self, name: str) -> None:
        """Note a call, and have everything of tooling go."""
        super().call(name)
        if name == "delete shop-account-test":
            self.account_stacks = {where: one for where, one in self.account_stacks.items() if where[0] != TOOLING}


def test_an_environment_that_nothing_names_any_more(standing: Terminal) -> None:
    """Where the stacks that name an environment go meanwhile, there is nothing to update, which is no error."""
    standing.world = TakenDown(**vars(standing.world))

    seen = standing.invoke("destroy", "--env", "test", "--confirm", "shop")

    assert (seen.code, stacks(standing)) == (0, ["shop-account-prod"])


def test_what_is_somebody_else_s(standing: Terminal) -> None:
    """A stack that is only called like a service's stays, is not shown as going, and is told as left."""
    run_foreign(standing.world, TEST, "shop-test-network")

    seen = standing.invoke("destroy", "--env", "test", "--confirm", "shop")

    lines = [line for line in seen.out.splitlines() if "network" in line]
    assert seen.code == 0
    assert lines == [
        "  test: stack shop-test-network",
        "  test: log group /aws/lambda/shop-test-network-Other",
    ]
    assert seen.out.index("Left of the project:") < seen.out.index("network")


def test_a_service(standing: Terminal) -> None:
    """With --service a service goes from everywhere, with its images and its records."""
    seen = standing.invoke("destroy", "--service", "hello", "--confirm", "shop")

    assert (seen.code, services(standing), standing.world.repositories) == (0, [], set())
    assert "  tooling: repository with its images shop/hello/hellofunction" in seen.out.splitlines()
    assert seen.out.splitlines()[-1] == "services/hello stays in your tree: delete it there too, or it is made again."
    assert standing.world.buckets[BUCKET] == ["releases/1.json", f"environments/{TEST}/1", f"environments/{PROD}/1"]


def test_a_branch(standing: Terminal) -> None:
    """With --branch the stacks of a branch go, and those of its service stay."""
    seen = standing.invoke("destroy", "--branch", "main", "--confirm", "shop")

    assert (seen.code, services(standing)) == (0, ["shop-test-hello", "shop-prod-hello"])


def test_the_name_is_typed(standing: Terminal) -> None:
    """Who types the project's name gets what was shown, step by step, and is told what is left."""
    standing.word = "shop"

    seen = standing.invoke("destroy", "--env", "test", "--service", "hello")

    lines = seen.out.splitlines()
    assert (seen.code, seen.err) == (0, text(f"{QUESTION} shop"))
    assert tuple(lines[:4]) == (*HEAD, *HELLO)
    assert lines[6:10] == [*HELLO, *lines[4:6]]
    assert lines[10] == "4 removed. Left of the project:"


def test_as_json(standing: Terminal) -> None:
    """With --json one document says what was removed and what is left."""
    seen = standing.invoke("destroy", "--env", "prod", "--service", "hello", "--confirm", "shop", "--json")

    prod = ("  prod: stack shop-prod-hello", "  prod: log group /aws/lambda/shop-prod-hello-HelloFunction")
    assert (seen.code, seen.err) == (0, text(*HEAD, *prod, *prod))
    document = seen.document
    assert (document["dry_run"], [one["name"] for one in document["removals"]]) == (
        False,
        ["shop-prod-hello", "/aws/lambda/shop-prod-hello-HelloFunction"],
    )
    assert "prod: stack shop-account-prod" in document["left"]
