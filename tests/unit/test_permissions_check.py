"""Before a deployment: what its execution role may not do is refused while nothing is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lockstep import canonical, permissions, schemas
from lockstep.errors import IdentityError
from lockstep.model import Change, DeployStack, Plan, ProveAccount, ReleaseId, StackName
from lockstep.policy import Document
from lockstep.schemas import Schemas
from lockstep.testing import TEST, FakePolicies, FakeStore, World, a_build, an_environment, some_names

KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")
ROLE = f"arn:aws:iam::{TEST}:role/shop-execution-test"
QUEUE = {"Jobs": {"Type": "AWS::SQS::Queue"}}
LISTED = {"Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Select": ["1", {"Ref": "Queues"}]}}}}


def allowing(action: str, resource: str = "*") -> Document:
    """Return a policy that allows an action."""
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


def deploying(
    world: World,
    service: str,
    resources: dict[str, Any],
    change: Change = Change.CREATE,
    parameters: tuple[tuple[str, str], ...] = (),
    **sections: object,
) -> DeployStack:
    """Publish a service's packaged template and return the step that deploys it."""
    content = json.dumps({**sections, "Resources": resources}).encode()
    sha256 = canonical.sha256(content)
    world.files[f"templates/{sha256}.json"] = content
    build = a_build(service, template_sha256=sha256)
    return DeployStack(service, StackName(f"shop-test-{service}"), change, "", build, parameters, ())


def check(world: World, *steps: DeployStack) -> None:
    """Check a deployment of some steps to test."""
    prove = ProveAccount(TEST, "role")
    plan = Plan(an_environment(), ReleaseId("r"), (prove, *steps))
    permissions.check(plan, FakeStore(world), FakePolicies(world, TEST), KNOWLEDGE, some_names(), world.call)


def refusal(world: World, *steps: DeployStack) -> tuple[str, str, str]:
    """Return how a deployment is refused."""
    with pytest.raises(IdentityError) as caught:
        check(world, *steps)
    error = caught.value
    return error.tried, error.answer, error.cure


def test_what_may_be_deployed() -> None:
    """A deployment whose every need is allowed goes on."""
    world = World(policies={ROLE: allowing("sqs:*", f"arn:aws:sqs:eu-west-1:{TEST}:shop-test-*")})

    check(world, deploying(world, "orders", QUEUE))

    assert world.calls == []


def test_what_may_not_be_deployed() -> None:
    """A deployment that the execution role could not finish is refused, with each action that it lacks."""
    document: Document = {"Statement": [{"Effect": "Allow", "NotAction": ["*:*eQueue"], "Resource": "*"}]}
    world = World(policies={ROLE: document})

    found = refusal(world, deploying(world, "orders", {**QUEUE, "Mails": {"Type": "AWS::SQS::Queue"}}))

    assert found == (
        f"deploying orders to test with {ROLE}",
        "it may not: sqs:CreateQueue, sqs:DeleteQueue; nothing was changed",
        "invoke permissions --env test --service orders",
    )


def test_the_second_of_two_services() -> None:
    """Each service of a deployment is looked at, and the first that cannot be deployed is named."""
    world = World(policies={ROLE: allowing("sns:*")})
    topic = {"News": {"Type": "AWS::SNS::Topic"}}

    found = refusal(world, deploying(world, "hello", topic), deploying(world, "orders", QUEUE))

    assert found[0] == f"deploying orders to test with {ROLE}"


def test_what_is_not_changed() -> None:
    """A service that stays as it is needs nothing, and where none changes nobody's rights are read."""
    world = World(policies={ROLE: allowing("sns:*")})

    check(world, deploying(world, "orders", QUEUE, Change.NONE))

    assert world.calls == []


def test_parameters_of_the_release() -> None:
    """What a deployment needs is told with the parameters that it sets, lists among them."""
    world = World(policies={ROLE: allowing("sqs:*", f"arn:aws:sqs:eu-west-1:{TEST}:jobs")})
    declared = {"Queues": {"Type": "CommaDelimitedList"}}
    step = deploying(world, "orders", LISTED, Change.UPDATE, (("Queues", "mails,jobs"),), Parameters=declared)

    check(world, step)

    assert world.calls == []


def test_a_name_that_nobody_can_tell() -> None:
    """A deployment is not refused for a resource of which only AWS knows the name."""
    world = World(policies={ROLE: allowing("sqs:*", f"arn:aws:sqs:eu-west-1:{TEST}:jobs")})
    imported = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::ImportValue": "queue"}}}

    check(world, deploying(world, "orders", {"Jobs": imported}))

    assert world.calls == []


def test_a_name_beyond_what_is_allowed() -> None:
    """A deployment is refused for a resource whose name is told and is not one that the execution role may make."""
    world = World(policies={ROLE: allowing("sqs:*", f"arn:aws:sqs:eu-west-1:{TEST}:shop-test-*")})
    mine = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "mine"}}

    found = refusal(world, deploying(world, "orders", {"Jobs": mine}))

    assert found[1].startswith("it may not: sqs:CreateQueue, ")


def test_a_newer_sam() -> None:
    """A template that SAM here does not know how to translate is passed, and said so: AWS may know."""
    world = World(policies={ROLE: allowing("sns:*")})
    function = {"Type": "AWS::Serverless::Function", "Properties": {"FromTheFuture": True}}

    check(world, deploying(world, "orders", {"Hello": function}, Transform="AWS::Serverless-2016-10-31"))

    (said,) = world.calls
    assert said.startswith("orders: whether its rights are there was not looked at: ")


def test_a_template_with_a_loop() -> None:
    """A deployment is not refused for what a loop makes, which is known only once it is unrolled."""
    world = World(policies={ROLE: allowing("sns:*")})
    loop = ["Name", ["A"], {"Q${Name}": {"Type": "AWS::SQS::Queue"}}]
    transforms = ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]

    check(world, deploying(world, "orders", {"Fn::ForEach::Queues": loop}, Transform=transforms))

    assert world.calls == []


@pytest.mark.parametrize(
    ("change", "answer"),
    [(Change.CREATE, ""), (Change.UPDATE, "it may not: dynamodb:UpdateTable; nothing was changed")],
)
def test_what_only_an_update_takes(change: Change, answer: str) -> None:
    """What only updates a resource is not missing where its stack is new, and is where it is there already."""
    actions = [f"dynamodb:{verb}Table" for verb in ("Create", "Describe", "Delete")]
    actions += ["dynamodb:TagResource", "dynamodb:ListTagsOfResource"]
    world = World(policies={ROLE: {"Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}})
    step = deploying(world, "orders", {"Visits": {"Type": "AWS::DynamoDB::Table"}}, change)

    if answer:
        assert refusal(world, step)[1] == answer
    else:
        check(world, step)
        assert world.calls == []
