"""Setting up the accounts: planned, asked, applied in order, repeatable, resumable, looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.errors import IdentityError, StackError
from lockstep.model import StackName
from lockstep.testing import PROD, SETTINGS, TOOLING
from tests.journeys.account_stacks_shown import AWS, LOOKED, STACKS, done, link_templates, plan, stacks
from tests.journeys.terminal import text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

NOTHING = "Nothing to do: every stack is as planned."
DECLINED = "Nothing was changed. To apply it without a question: invoke bootstrap --yes"
TAGGED = SETTINGS.replace("[tooling]", '[tooling]\ntags = { Team = "shop" }')
PROTECTED = SETTINGS + "protect = true\n"
OF_TOOLING = [stack for stack, (where, *_) in STACKS.items() if where.startswith("tooling")]


@pytest.fixture(autouse=True)
def _our_account_templates(terminal: Terminal) -> None:
    """Let the working tree hold the account templates of this one."""
    link_templates(terminal)


def test_the_plan(terminal: Terminal) -> None:
    """A dry run shows every stack in its order, with its account and its resources, and changes nothing."""
    seen = terminal.invoke("bootstrap", "--dry-run")

    assert seen == (0, text(*plan(), "Dry run: nothing was changed."), "")
    assert (stacks(terminal), terminal.changes()) == ([], [])


def test_the_plan_as_json(terminal: Terminal) -> None:
    """With --json a dry run is one document with every change, in which nothing came of any stack."""
    seen = terminal.invoke("bootstrap", "--dry-run", "--json")

    assert seen.err == text(*plan())
    document = seen.document
    assert {name: document[name] for name in ("target", "dry_run", "stacks", "trust", "not_looked_at")} == {
        "target": "aws",
        "dry_run": True,
        "stacks": {},
        "trust": [],
        "not_looked_at": None,
    }
    assert [one["stack"] for one in document["plan"]] == list(STACKS)
    assert document["plan"][4] == {
        "stack": "shop-repository-hello-hellofunction",
        "where": "tooling",
        "account_id": TOOLING,
        "template": "infra/tooling-repository.yaml",
        "change": "create",
        "protection": None,
        "resources": [
            {"action": "add", "logical_id": "ImageRepository", "type": "AWS::ECR::Repository", "properties": []}
        ],
    }


def test_the_plan_of_an_update(terminal: Terminal) -> None:
    """A dry run of a change of settings shows what it changes of which resource, and leaves nothing waiting."""
    terminal.invoke("bootstrap", "--yes")
    terminal.settings = TAGGED
    terminal.changes()

    seen = terminal.invoke("bootstrap", "--dry-run")

    updated = {stack.replace("-", "_"): "is updated" for stack in OF_TOOLING}
    assert seen == (0, text(*plan(all="stays", **updated), "Dry run: nothing was changed."), "")
    assert terminal.changes() == [f"{verb} {stack}" for verb in ("plan", "discard") for stack in OF_TOOLING]


@pytest.mark.parametrize(("before", "after", "word"), [(SETTINGS, PROTECTED, "on"), (PROTECTED, SETTINGS, "off")])
def test_the_plan_of_a_protection(terminal: Terminal, before: str, after: str, word: str) -> None:
    """Of a stack whose termination protection alone changes, the plan says whether it goes on or off."""
    terminal.settings = before
    terminal.invoke("bootstrap", "--yes")
    terminal.settings = after
    terminal.changes()

    words, document = terminal.invoke("bootstrap", "--dry-run"), terminal.invoke("bootstrap", "--dry-run", "--json")

    where, template, _ = STACKS["shop-deployer-prod"]
    line = f"  {where}: shop-deployer-prod is updated, from infra/{template}"
    assert text(line, f"    ~ termination protection: {word}") in words.out
    told = {one["stack"]: one["protection"] for one in document.document["plan"]}
    unprotected = ("shop-deployer-test", "shop-account-test")
    assert told == {stack: None if stack in unprotected else word == "on" for stack in STACKS}


def test_a_new_stack_that_is_protected(terminal: Terminal) -> None:
    """The plan of a new stack says that it will be protected, after its resources."""
    terminal.settings = PROTECTED

    seen = terminal.invoke("bootstrap", "--dry-run")

    assert "    + DeployLog AWS::Logs::LogGroup\n    + termination protection: on\n" in seen.out


def test_applied(terminal: Terminal) -> None:
    """With --yes every stack is made in its order, with the key that was made, and everybody's roles are tried."""
    seen = terminal.invoke("bootstrap", "--yes")

    assert seen == (0, text(*plan(), *done(), LOOKED, "7 of 7 stacks changed."), "")
    keys = {stack: values.get("KeyArn") for (_, stack), (values) in parameters(terminal).items()}
    assert keys == dict.fromkeys(STACKS, "arn:aws:kms:::key/1") | {"shop-tooling-resources": None}


def parameters(terminal: Terminal) -> dict[tuple[str, str], dict[str, str]]:
    """Return the parameters of the account stacks that are there."""
    return {where: dict(content.parameters) for where, content in terminal.world.account_stacks.items()}


def test_applied_again(terminal: Terminal) -> None:
    """The second run finds every stack as planned, asks nobody, and says that there was nothing to do."""
    terminal.invoke("bootstrap", "--yes")
    before = terminal.accounts()
    terminal.changes()

    seen = terminal.invoke("bootstrap")

    assert seen == (0, text(*plan(all="stays"), LOOKED, NOTHING), "")
    assert (terminal.accounts(), terminal.changes()) == (before, [])


def test_applied_as_json(terminal: Terminal) -> None:
    """With --json one document holds the plan, what came of each stack, and who could become whom."""
    seen = terminal.invoke("bootstrap", "--yes", "--json")

    assert seen.err == text(*plan(), *done())
    document = seen.document
    assert (document["dry_run"], len(document["plan"])) == (False, 7)
    assert document["stacks"] == {stack: {"result": "created", "seconds": 1.0} for stack in STACKS}
    assert (len(document["trust"]), document["not_looked_at"]) == (28, None)
    assert document["trust"][0] == {
        "who": f"arn:aws:sts::{TOOLING}:assumed-role/shop-developer/developer",
        "role": f"arn:aws:iam::{TOOLING}:role/shop-build",
        "expected": False,
        "allowed": False,
    }


def test_one_environment(terminal: Terminal) -> None:
    """With --env only tooling and that environment are opened and set up, and only their roles are tried."""
    terminal.world.fails[f"admin {PROD}"] = IdentityError("opening prod", "AccessDenied")

    seen = terminal.invoke("bootstrap", "--env", "test", "--yes")

    made = [stack for stack in STACKS if stack != "shop-account-prod"]
    looked = "Looked again: 4 roles could be taken, as they should; 15 were refused, as they should be."
    assert seen == (0, text(*plan(shop_account_prod=""), *done(*made), looked, "6 of 6 stacks changed."), "")
    assert stacks(terminal) == made


@pytest.mark.parametrize(
    ("env", "answer"),
    [
        (
            "tset",
            [
                "error: unknown environment 'tset'",
                "  answer: infra/environments.toml names test, prod",
                "  next: did you mean 'test'?",
            ],
        ),
        (
            "",
            [
                "error: choosing the environment",
                "  answer: none is named; infra/environments.toml has test, prod",
                "  next: add --env",
            ],
        ),
    ],
)
def test_an_environment_that_there_is_not(terminal: Terminal, env: str, answer: list[str]) -> None:
    """An unknown environment, and an empty name as a script's unset variable gives it, set nothing up."""
    seen = terminal.invoke("bootstrap", f"--env={env}", "--yes")

    assert seen == (2, text(AWS), text(*answer))
    assert stacks(terminal) == []


def test_agreed(terminal: Terminal) -> None:
    """Who answers yes gets what was planned."""
    terminal.answer = True

    seen = terminal.invoke("bootstrap")

    assert seen == (0, text(*plan(), *done(), LOOKED, "7 of 7 stacks changed."), text("Apply it? [y/N] y"))


def test_declined(terminal: Terminal) -> None:
    """Who answers no changes nothing, and is told how to go on."""
    terminal.answer = False

    seen = terminal.invoke("bootstrap")

    assert seen == (0, text(*plan(), DECLINED), text("Apply it? [y/N] n"))
    assert stacks(terminal) == []


def test_declined_updates(terminal: Terminal) -> None:
    """What was shown and declined is taken away."""
    terminal.invoke("bootstrap", "--yes")
    terminal.settings, terminal.answer = TAGGED, False
    before = terminal.accounts()
    terminal.changes()

    seen = terminal.invoke("bootstrap")

    assert (seen.code, terminal.accounts()) == (0, before)
    assert terminal.changes() == [f"{verb} {stack}" for verb in ("plan", "discard") for stack in OF_TOOLING]


def test_nobody_there_to_answer(terminal: Terminal) -> None:
    """Where nobody can answer nothing is changed, and that is an error with exit code 2: a build must not go on."""
    seen = terminal.invoke("bootstrap")

    assert seen == (
        2,
        text(*plan()),
        text("error: asking whether to apply it", "  answer: nobody can answer here", "  next: invoke bootstrap --yes"),
    )
    assert stacks(terminal) == []


def test_interrupted_and_resumed(terminal: Terminal) -> None:
    """A run that is interrupted in the middle is taken up by the next one, and ends in the same state."""
    terminal.invoke("bootstrap", "--yes")
    whole = terminal.accounts()
    terminal.world.account_stacks.clear()
    terminal.world.fails["apply shop-deployer-prod"] = KeyboardInterrupt()

    interrupted = terminal.invoke("bootstrap", "--yes")
    terminal.world.fails.clear()
    resumed = terminal.invoke("bootstrap", "--yes")

    first, rest = list(STACKS)[:3], list(STACKS)[3:]
    staying = {stack.replace("-", "_"): "stays" for stack in first}
    assert (interrupted.code, interrupted.out) == (130, text(*plan(), *done(*first)))
    assert resumed == (0, text(*plan(**staying), *done(*rest), LOOKED, "4 of 7 stacks changed."), "")
    assert terminal.accounts() == whole


def test_the_key_is_gone(terminal: Terminal) -> None:
    """What changes only because the key is made anew cannot be shown before it is, and is applied all the same."""
    terminal.invoke("bootstrap", "--yes")
    del terminal.world.account_stacks[TOOLING, StackName("shop-tooling-resources")]

    seen = terminal.invoke("bootstrap", "--yes")

    resources = "shop-tooling-resources"
    unknown = plan(all="changes once the key is made", shop_tooling_resources="is created")
    unchanged = done(*[stack for stack in STACKS if stack != resources], result="unchanged")
    assert seen == (0, text(*unknown, *done(resources), *unchanged, LOOKED, "1 of 7 stacks changed."), "")


def test_a_stack_fails(terminal: Terminal) -> None:
    """Where a stack fails, what is done is on the screen, the error says why, and the exit code is its own."""
    terminal.world.fails["apply shop-deployer-test"] = StackError("applying it", "AccessDenied", "mend the cause")

    seen = terminal.invoke("bootstrap", "--yes", "--json")

    error = ("error: applying it", "  answer: AccessDenied", "  next: mend the cause")
    assert seen == (7, "", text(*plan(), *done("shop-tooling-resources", "shop-tooling-roles"), *error))
