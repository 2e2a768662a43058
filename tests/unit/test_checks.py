"""What is looked at of the accounts, what is found, and what is said where something is not as it should be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from lockstep import account_stacks, checks
from lockstep.errors import ConfigError, IdentityError, LockstepError
from lockstep.model import AccountId, Service, StackName
from lockstep.ports import StackState, Target
from lockstep.testing import PROD, SETTINGS, TEST, TOOLING, FakeWiring, World, a_service, some_settings
from tests.unit.standing import ROOT, stand

Found = str | tuple[str, str, str]
BUCKET = f"shop-artifacts-{TOOLING}-eu-west-1"
ALL_WELL: dict[str, Found] = {
    "clock": "+0 s",
    "bucket": f"{BUCKET} in eu-west-1, account {TOOLING}",
    "stack shop-tooling-resources": "CREATE_COMPLETE, as in infra/tooling-resources.yaml",
    "stack shop-tooling-roles": "CREATE_COMPLETE, as in infra/tooling-roles.yaml",
    "stack shop-deployer-test": "CREATE_COMPLETE, as in infra/tooling-deployer.yaml",
    "stack shop-deployer-prod": "CREATE_COMPLETE, as in infra/tooling-deployer.yaml",
    "stack shop-repository-hello-hellofunction": "CREATE_COMPLETE, as in infra/tooling-repository.yaml",
    "stack shop-account-test": "CREATE_COMPLETE, as in infra/environment.yaml",
    "stack shop-account-prod": "CREATE_COMPLETE, as in infra/environment.yaml",
    "key policy": "as in infra/tooling-resources.yaml",
    "repository shop/hello/hellofunction": "for every environment",
    "services in test": "hello not deployed",
    "services in prod": "hello not deployed",
}


def row(look: Callable[[], str]) -> Found:
    """Return what a check found, or how it failed."""
    try:
        return look()
    except LockstepError as error:
        return error.tried, error.answer, error.cure


def found(world: World, services: tuple[Service, ...] = (a_service(),), text: str = SETTINGS) -> dict[str, Found]:
    """Make every check of the accounts of a world."""
    wiring = FakeWiring(ROOT, world=world, text=text)
    settings = wiring.settings()
    steps = account_stacks.plan(settings, services)
    made = checks.of_accounts(settings, services, steps, ROOT, wiring.overview(), wiring.reader)
    return {name: row(look) for name, look in made}


def changes(before: dict[str, Found], after: dict[str, Found]) -> dict[str, Found]:
    """Return those checks that found something else."""
    return {name: one for name, one in after.items() if one != before.get(name)}


def test_all_is_well() -> None:
    """Where the accounts are as bootstrap leaves them, every check says what it found."""
    made = found(stand(World()))

    assert made == ALL_WELL


def test_nothing_is_there() -> None:
    """Before bootstrap every stack, the key and the policies are missing, each with the way to make it."""
    made = found(World())

    assert made["stack shop-account-test"] == (
        "comparing shop-account-test with infra/environment.yaml",
        "it is not there",
        "invoke bootstrap",
    )
    assert made["key policy"] == ("reading the key's policy", "there is no key", "invoke bootstrap")
    assert len(changes(ALL_WELL, made)) == 9


@pytest.mark.parametrize(
    ("skew", "shown"),
    [
        (239.0, "+239 s"),
        (-240.0, "-240 s"),
        (241.4, ("comparing clocks", "this machine is 241 s ahead of AWS", "set its clock, by NTP")),
        (-3600.0, ("comparing clocks", "this machine is 3600 s behind AWS", "set its clock, by NTP")),
    ],
)
def test_the_clock(skew: float, shown: Found) -> None:
    """A clock that is four minutes off is told while AWS still takes what it signs."""
    world = stand(World(skew=skew))

    made = found(world)

    assert changes(ALL_WELL, made) == {"clock": shown}


def test_the_bucket_is_elsewhere() -> None:
    """A bucket of the project's name in another region is told with both regions."""
    text = SETTINGS.replace("eu-west-1", "eu-west-3")

    made = found(World(), text=text)

    assert made["bucket"] == (
        "looking for the artifact bucket",
        "it is in eu-west-1, not eu-west-3",
        "choose another project name, or that region",
    )


def test_the_bucket_is_missing() -> None:
    """A bucket that is missing fails its own check alone."""
    error = ConfigError("looking for it", "it is missing", "invoke bootstrap")

    made = found(stand(World(fails={"bucket": error})))

    assert changes(ALL_WELL, made) == {"bucket": ("looking for it", "it is missing", "invoke bootstrap")}


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"template": "Resources: {}"}, "not as there: its template"),
        ({"tags": {"Team": "x"}}, "not as there: its tags"),
        ({"protected": True, "tags": {"Team": "x"}}, "not as there: its tags and its protection"),
    ],
)
@pytest.mark.parametrize(
    ("account", "stack"), [(TOOLING, StackName("shop-tooling-roles")), (PROD, StackName("shop-account-prod"))]
)
def test_a_stack_differs(changed: dict[str, Any], answer: str, account: AccountId, stack: StackName) -> None:
    """A stack that is not as its template and the settings say is told with what differs."""
    world = stand(World())
    world.account_stacks[account, stack] = dataclasses.replace(world.account_stacks[account, stack], **changed)

    made = found(world)

    (told,) = changes(ALL_WELL, made).values()
    assert told[1:] == (answer, "invoke bootstrap --dry-run")


def test_a_stack_is_stuck() -> None:
    """A stack in a state that only a person resolves is told with that state."""
    world = stand(World())
    del world.account_stacks[TEST, StackName("shop-account-test")]
    world.stacks[TEST, StackName("shop-account-test")] = StackState("UPDATE_ROLLBACK_FAILED", {}, {})

    made = found(world)

    assert changes(ALL_WELL, made) == {
        "stack shop-account-test": (
            f"changing the stack shop-account-test in account {TEST}",
            "the stack is UPDATE_ROLLBACK_FAILED",
            "continue its rollback in the CloudFormation console, then try again",
        )
    }


def test_the_key_was_opened() -> None:
    """A key whose policy was changed by hand is told."""
    world = stand(World())
    world.policies["AWS::KMS::Key"] = {"Statement": []}

    made = found(world)

    assert changes(ALL_WELL, made) == {
        "key policy": (
            "comparing the key's policy",
            "it is not the one that infra/tooling-resources.yaml gives it",
            "invoke bootstrap; if that finds nothing to do, put that policy back by hand, in the KMS console",
        )
    }


def test_a_repository_was_opened() -> None:
    """A repository whose policy is not for the environments of the settings is told."""
    world = stand(World())
    world.policies["shop/hello/hellofunction"] = {}

    made = found(world)

    assert changes(ALL_WELL, made) == {
        "repository shop/hello/hellofunction": (
            "comparing the policy of shop/hello/hellofunction",
            "it is not the one for the environments of the settings",
            "invoke bootstrap; if that finds nothing to do, put that policy back by hand, in the ECR console",
        )
    }


def test_services_that_run() -> None:
    """What runs of each service is told by environment."""
    world = stand(World())
    world.stacks[TEST, StackName("shop-test-hello")] = StackState("UPDATE_COMPLETE", {}, {})

    made = found(world)

    assert changes(ALL_WELL, made) == {"services in test": "hello UPDATE_COMPLETE"}


def test_a_service_that_cannot_be_deployed() -> None:
    """A service's stack that is stuck is told with the way out."""
    world = stand(World())
    world.stacks[PROD, StackName("shop-prod-hello")] = StackState("ROLLBACK_COMPLETE", {}, {})

    made = found(world)

    assert changes(ALL_WELL, made) == {
        "services in prod": (
            f"changing the stack shop-prod-hello in account {PROD}",
            "the stack is ROLLBACK_COMPLETE",
            "its first creation failed, so it holds nothing: delete the stack, then try again",
        )
    }


def test_a_caller_who_may_not_look() -> None:
    """What the caller may not see fails those checks that need it, and no others."""
    wiring = FakeWiring(ROOT, world=stand(World()))
    settings, services = wiring.settings(), (a_service(),)

    def reader(environment: str) -> Target:
        if environment == "prod":
            raise IdentityError("assuming the status role of prod", "AccessDenied", "invoke bootstrap")
        return wiring.reader(environment)

    steps = account_stacks.plan(settings, services)
    made = checks.of_accounts(settings, services, steps, ROOT, wiring.overview(), reader)
    rows = {name: row(look) for name, look in made}

    assert set(changes(ALL_WELL, rows)) == {"stack shop-account-prod", "services in prod"}


def test_a_permissions_file_that_is_too_long() -> None:
    """Where the templates cannot be read, the checks that need them say so and the others are made all the same."""
    many = tuple({"Action": "sqs:CreateQueue", "Resource": f"arn:aws:sqs:eu-west-1:1:{n}" * 9} for n in range(99))
    services = (a_service(grants=dataclasses.replace(a_service().grants, execution=many)),)

    made = found(stand(World()), services)

    assert set(changes(ALL_WELL, made)) == {
        "stack shop-account-test",
        "stack shop-account-prod",
        "key policy",
        "repository shop/hello/hellofunction",
    }


def roles(world: World) -> dict[str, Found]:
    """Make every check of the roles that the developer may, or may not, become."""
    wiring = FakeWiring(ROOT, world=world)
    return {name: row(look) for name, look in checks.of_roles(some_settings(), wiring.overview())}


def test_roles() -> None:
    """Each role is told as taken or refused, also those that a deployer becomes in turn."""
    made = roles(World())

    assert len(made) == 18
    assert made["shop-developer as shop-build"] == "refused, as it should be"
    assert made["shop-deployer-test as shop-deploy-test"] == "may, as it should"


@pytest.mark.parametrize(
    ("pair", "may", "answer", "cure"),
    [
        (("shop-developer", "shop-status-prod"), False, "AccessDenied", "invoke bootstrap"),
        (
            ("shop-developer", "shop-deploy-prod"),
            True,
            "nobody refused it",
            "invoke bootstrap; then see who changed that role's trust",
        ),
    ],
)
def test_a_role_that_is_wrong(pair: tuple[str, str], may: bool, answer: str, cure: str) -> None:
    """A role that cannot be taken by who may, or can by who may not, is told with who and which."""
    made = roles(World(trusts={pair: may}))

    (wrong,) = changes(roles(World()), made).values()
    caller = f"arn:aws:sts::{TOOLING}:assumed-role/shop-developer/developer"
    assert wrong == (f"{caller} becoming arn:aws:iam::{PROD}:role/{pair[1]}", answer, cure)


def test_checks_change_nothing() -> None:
    """Looking at the accounts changes nothing in them."""
    world = stand(World())

    found(world)
    roles(world)

    assert world.calls == []
