"""How accounts are set up: what would change, whether it may be done, and that it is done, in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

import pytest

from lockstep import bootstrap, schemas
from lockstep.bootstrap import Planned
from lockstep.errors import IdentityError, StackError
from lockstep.model import Change, ResourceChange, StackName, StackPreview
from lockstep.schemas import Schemas
from lockstep.testing import PROD, SETTINGS, TEST, TOOLING, FakeRights, World
from tests.unit.set_up import STACKS, TAGGED, admins, apply, preview, set_up, waiting
from tests.unit.standing import KEY, stand

KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")


def test_nothing_is_there_yet() -> None:
    """Before the first run every stack would be made, with every resource of it, and nothing waits to be applied."""
    world = World()

    found = preview(world)

    assert [(one.step.stack, one.shown.change if one.shown else None) for one in found] == [
        (stack, Change.CREATE) for stack in STACKS
    ]
    assert found[3].shown is not None
    assert found[3].shown.resources == (
        ResourceChange("add", "DeployerRole", "AWS::IAM::Role"),
        ResourceChange("add", "DeployLog", "AWS::Logs::LogGroup"),
    )
    assert (world.calls, world.account_stacks) == ([], {})


def test_all_is_as_planned() -> None:
    """Where every stack is as it should be nothing is needed."""
    found = preview(stand(World()))

    assert [one.is_needed for one in found] == [False] * 7


def test_what_would_be_updated() -> None:
    """What would be updated is shown by a change set that waits for each stack."""
    world = stand(World())

    found = preview(world, TAGGED)

    assert {one.shown.change for one in found if one.shown} == {Change.UPDATE}
    assert waiting(world) == set(STACKS)


def test_a_stack_without_the_key() -> None:
    """What a stack that is there would become cannot be told before the key is made that it takes."""
    world = stand(World())
    del world.account_stacks[TOOLING, StackName("shop-tooling-resources")]
    del world.account_stacks[TEST, StackName("shop-account-test")]

    found = preview(world)

    shown = {one.step.stack: one.shown.change if one.shown else None for one in found}
    assert shown == dict.fromkeys(STACKS) | {
        "shop-tooling-resources": Change.CREATE,
        "shop-account-test": Change.CREATE,
    }
    assert all(one.is_needed for one in found)


def test_applied_with_the_key() -> None:
    """Every stack that takes the key gets the one that the first stack made, also where it was not known before."""
    world = stand(World())
    del world.account_stacks[TOOLING, StackName("shop-tooling-resources")]

    results = set_up(world)

    assert [(one.step.stack, one.result) for one in results] == [
        ("shop-tooling-resources", "created"),
        *((stack, "unchanged") for stack in STACKS[1:]),
    ]
    keys = {content.parameters.get("KeyArn") for content in world.account_stacks.values()}
    assert keys == {None, KEY}


def test_an_interrupted_preview() -> None:
    """Where looking at a stack fails, what waits for the stacks before it is taken away."""
    world = stand(World())
    world.fails["plan shop-account-test"] = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        preview(world, TAGGED)

    assert waiting(world) == {"shop-account-test"}  # its own is the adapter's to take away


def test_in_order() -> None:
    """Every stack is made in its order, and what came of each is said with its time."""
    world, said = World(), list[str]()

    results = apply(world, preview(world), said)

    assert world.calls == [f"apply {stack}" for stack in STACKS]
    assert [(one.step.stack, one.result, one.seconds) for one in results] == [(s, "created", 1.0) for s in STACKS]
    where = ["tooling"] * 5 + ["test", "prod"]
    assert said == [f"  {w}: {stack} created (1.0 s)" for w, stack in zip(where, STACKS, strict=True)]


def test_what_is_as_it_should_be() -> None:
    """A stack that needs nothing is passed over without a word."""
    world, said = stand(World()), list[str]()
    del world.account_stacks[PROD, StackName("shop-account-prod")]

    results = apply(world, preview(world), said)

    assert said == ["  prod: shop-account-prod created (1.0 s)"]
    assert [one.result for one in results] == ["unchanged"] * 6 + ["created"]


def test_a_failure_leaves_nothing_waiting() -> None:
    """Where a stack fails nothing after it is done, and what waits for the rest is taken away."""
    world = stand(World())
    planned = preview(world, TAGGED)
    world.fails["apply shop-deployer-test"] = StackError("applying it", "UPDATE_ROLLBACK_COMPLETE")

    with pytest.raises(StackError):
        apply(world, planned)

    changed = {stack for (_, stack), content in world.account_stacks.items() if content.tags}
    assert changed == {"shop-tooling-resources", "shop-tooling-roles"}
    assert waiting(world) == set()


def test_what_was_declined() -> None:
    """What was shown and is not wanted is taken away."""
    world = stand(World())
    planned = preview(world, TAGGED)

    bootstrap.discard(planned, admins(world))

    assert waiting(world) == set()
    assert {tuple(content.tags) for content in world.account_stacks.values()} == {()}


def test_what_cannot_be_taken_away() -> None:
    """What cannot be taken away keeps nothing else waiting, and hides no error before it: each is tried."""
    world = stand(World())
    world.fails["discard shop-tooling-resources"] = StackError("discarding it", "Throttling")

    bootstrap.discard(preview(world, TAGGED), admins(world))

    assert waiting(world) == set()


def test_what_is_not_known_leaves_nothing_waiting() -> None:
    """A stack of which nothing could be shown has nothing to be taken away."""
    world = stand(World())
    del world.account_stacks[TOOLING, StackName("shop-tooling-resources")]

    bootstrap.discard(preview(world), admins(world))

    assert world.calls == []


def refusal(world: World, planned: tuple[Planned, ...]) -> tuple[str, str, str]:
    """Return how a plan is refused that its administrators may not carry out."""
    with pytest.raises(IdentityError) as caught:
        bootstrap.check_rights(planned, admins(world), KNOWLEDGE, "eu-west-1")
    return caught.value.tried, caught.value.answer, caught.value.cure


def test_rights_are_there() -> None:
    """Administrators who may do what the plan takes are let through, whatever else they may not."""
    world = World(lacking={PROD: ("dynamodb:CreateTable",)})

    bootstrap.check_rights(preview(world), admins(world), KNOWLEDGE, "eu-west-1")

    assert world.calls == []


def test_rights_are_missing() -> None:
    """An administrator who may not do what the plan takes is named, with the account and the actions."""
    world = World(lacking={TEST: ("iam:CreateRole", "iam:CreatePolicy", "sqs:CreateQueue")})

    found = refusal(world, preview(world))

    assert found == (
        f"changing test, account {TEST}, as arn:aws:iam::{TEST}:user/administrator",
        "it may not: iam:CreateRole, iam:CreatePolicy",
        "use an administrator of that account; nothing was changed",
    )
    assert (world.calls, world.account_stacks) == ([], {})


def test_many_rights_are_missing() -> None:
    """Of many rights that are missing the first are named and the rest counted."""
    lacking = ("kms:CreateKey", "kms:PutKeyPolicy", "s3:CreateBucket", "ecr:CreateRepository", "iam:CreateRole")
    world = World(lacking={TOOLING: (*lacking, "iam:TagRole", "iam:GetRole", "logs:CreateLogGroup")})

    found = refusal(world, preview(world))

    assert found[1] == f"it may not: {', '.join(lacking)}, iam:TagRole, and 2 more"


@pytest.mark.parametrize(
    ("action", "needed", "others"),
    [
        ("modify", "ecr:SetRepositoryPolicy", ("ecr:CreateRepository", "ecr:DeleteRepository")),
        ("may_replace", "ecr:SetRepositoryPolicy", ("ecr:CreateRepository", "ecr:DeleteRepository")),
        ("replace", "ecr:DeleteRepository", ("ecr:PutImageScanningConfiguration",)),
        ("add", "ecr:CreateRepository", ("ecr:DeleteRepository", "ecr:PutImageScanningConfiguration")),
    ],
)
def test_rights_for_what_changes(action: str, needed: str, others: tuple[str, ...]) -> None:
    """Only those rights are asked for that what happens to a resource takes."""
    world = stand(World())
    planned = preview(world, TAGGED)
    shown = StackPreview(Change.UPDATE, (ResourceChange(action, "ImageRepository", "AWS::ECR::Repository"),))
    changed = tuple(dataclasses.replace(one, shown=shown) for one in planned)
    world.lacking[TOOLING] = (*others, needed)

    found = refusal(world, changed)

    assert found[1] == f"it may not: {needed}"


OF_CLOUDFORMATION = (
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:ListStackResources",
)


@pytest.mark.parametrize("text", [SETTINGS, TAGGED])
def test_rights_for_the_stacks_themselves(text: str) -> None:
    """Who may make every resource and no stack is refused too, be the stacks new or not, and nothing is changed."""
    world = World() if text is SETTINGS else stand(World())
    world.lacking[PROD] = OF_CLOUDFORMATION
    planned = preview(world, text)
    world.calls.clear()

    found = refusal(world, planned)

    assert found[1] == f"it may not: {', '.join(OF_CLOUDFORMATION)}"
    assert world.calls == []


def test_rights_are_asked_for_each_stack() -> None:
    """Whether an administrator may change a stack is asked of that stack, whatever the end of its ARN will be."""
    asked: dict[str, list[str]] = {}

    class Asked(FakeRights):
        def refused(self, wanted: Mapping[str, Collection[str]]) -> tuple[str, ...]:
            asked.update({arn: list(actions) for arn, actions in wanted.items() if ":cloudformation:" in arn})
            return ()

    world = World()
    opened = {a: dataclasses.replace(admin, rights=Asked(world, a)) for a, admin in admins(world).items()}
    bootstrap.check_rights(preview(world), opened, KNOWLEDGE, "eu-west-1")

    accounts = [TOOLING] * 5 + [TEST, PROD]
    assert list(asked) == [
        f"arn:aws:cloudformation:eu-west-1:{account}:stack/{stack}/*"
        for account, stack in zip(accounts, STACKS, strict=True)
    ]


PROTECTED = SETTINGS + "protect = true\n"


@pytest.mark.parametrize(("before", "after"), [(SETTINGS, PROTECTED), (PROTECTED, SETTINGS)])
def test_rights_for_the_protection(before: str, after: str) -> None:
    """Who may not protect a stack, or let it go, is refused where that is what is to change."""
    world = World(lacking={PROD: ("cloudformation:UpdateTerminationProtection",)})
    set_up(world, before)

    found = refusal(world, preview(world, after))

    assert found[1] == "it may not: cloudformation:UpdateTerminationProtection"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_protection_that_stays(is_there: bool) -> None:
    """Who may not protect a stack changes one whose protection stays, and makes one that has none."""
    world = stand(World()) if is_there else World()
    world.lacking[PROD] = ("cloudformation:UpdateTerminationProtection",)

    bootstrap.check_rights(preview(world, TAGGED), admins(world), KNOWLEDGE, "eu-west-1")

    assert [one.is_needed for one in preview(world, TAGGED)] == [True] * 7


def test_rights_for_nothing() -> None:
    """Where nothing changes, or nobody can tell what will, no right is missing."""
    world = stand(World(lacking={TOOLING: ("iam:CreateRole", "iam:UpdateRole"), TEST: ("iam:CreateRole",)}))
    as_planned = preview(world)
    unknown = tuple(dataclasses.replace(one, shown=None) for one in as_planned)

    for planned in (as_planned, unknown):
        bootstrap.check_rights(planned, admins(world), KNOWLEDGE, "eu-west-1")

    assert world.calls == []
