"""A pipeline's CloudFormation action in the sandbox: who may reach another account, and what its role may make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lockstep.errors import DeployError, IdentityError, LockstepError
from lockstep.model import AccountId, StackName
from lockstep.pipeline_ports import ActionStacks, Machinery, StackOrder
from tests.sandbox.accounts import Accounts
from tests.sandbox.conftest import FOR_STACKS, REGION, TEST, TOOLING, Server, allow, served

PIPELINE = f"arn:aws:codepipeline:{REGION}:{TOOLING}:ours"
FOR_PIPELINES = {
    "Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}, "Action": "sts:AssumeRole",
}  # fmt: skip
DEPLOYER, EXECUTION, POWERLESS = (f"arn:aws:iam::{TEST}:role/{name}" for name in ("action", "execution", "powerless"))
TEMPLATE = """
Parameters: {Name: {Type: String}, Wait: {Type: String, Default: "30"}}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Name, VisibilityTimeout: !Ref Wait}}
Outputs: {QueueName: {Value: !GetAtt Queue.QueueName}}
"""
# What CodePipeline is documented to need, and no more.
RIGHTS = [
    f"cloudformation:{name}"
    for name in (
        "CreateChangeSet", "CreateStack", "DeleteChangeSet", "DeleteStack", "DescribeChangeSet", "DescribeStackEvents",
        "DescribeStacks", "ExecuteChangeSet", "UpdateStack",
    )
]  # fmt: skip
QUEUES = [
    "sqs:CreateQueue",
    "sqs:DeleteQueue",
    "sqs:Get*",
    "sqs:SetQueueAttributes",
    "sqs:ListQueueTags",
    "sqs:TagQueue",
]


@pytest.fixture(scope="module")
def server(sandbox_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Have a MiniStack of our own."""
    with served(sandbox_python, tmp_path_factory.mktemp("actions")) as found:
        yield found


@pytest.fixture(scope="module")
def machinery(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Machinery:
    """Have a pipeline's role in tooling, and in test a role that it may take and one that makes queues."""
    found = Accounts(server, tmp_path_factory.mktemp("tree"))
    found.anew()
    ours = f"arn:aws:iam::{TOOLING}:role/pipeline"
    server.role(TOOLING, "pipeline", allow("sts:AssumeRole", DEPLOYER), trust=FOR_PIPELINES)
    trusted = {"Effect": "Allow", "Principal": {"AWS": ours}, "Action": "sts:AssumeRole"}
    passed = (allow("iam:PassRole", EXECUTION), allow("iam:PassRole", POWERLESS))
    server.role(TEST, "action", allow(RIGHTS), *passed, trust=trusted)
    server.role(TEST, "untrusting", allow(RIGHTS))
    server.role(TEST, "execution", allow(QUEUES), trust=FOR_STACKS)
    server.role(TEST, "powerless", trust=FOR_STACKS)
    return found.wiring().machinery()


@pytest.fixture(scope="module")
def stacks(machinery: Machinery) -> ActionStacks:
    """Have the stacks of test, as the role of an action."""
    agent = machinery.become(f"arn:aws:iam::{TOOLING}:role/pipeline", PIPELINE, "run-1").become(DEPLOYER)
    return agent.stacks(AccountId(TEST))


def order(name: str, **changes: Any) -> StackOrder:  # noqa: ANN401 - any field
    """Return an order for a queue of a name."""
    whole = {"role": EXECUTION, "tags": {"team": "shop"}, "capabilities": (), "parameters": {"Name": name}}
    return StackOrder(stack=StackName(name), template=TEMPLATE, **(whole | changes))


def test_the_life_of_a_stack(stacks: ActionStacks) -> None:
    """A stack in another account is created, found unchanged, updated and deleted, with the documented rights alone."""
    wanted, other = order("life"), order("life", parameters={"Name": "life", "Wait": "60"})

    lived = [stacks.apply(wanted), stacks.apply(wanted), stacks.outputs(wanted.stack), stacks.apply(other)]

    assert lived == ["created", "unchanged", {"QueueName": "life"}, "updated"]
    assert (stacks.delete(wanted.stack, EXECUTION), stacks.delete(wanted.stack, EXECUTION)) == (True, False)
    assert stacks.outputs(wanted.stack) == {}


def test_change_sets(stacks: ActionStacks) -> None:
    """A change set waits until it is executed, is replaced by a later one, and may be empty."""
    wanted = order("planned")

    first, again = stacks.plan(wanted, "plan"), stacks.plan(wanted, "plan")
    made = stacks.execute(wanted.stack, "plan")
    empty, unchanged = stacks.plan(wanted, "plan"), stacks.execute(wanted.stack, "plan")
    other = stacks.plan(order("planned", parameters={"Name": "planned", "Wait": "60"}), "plan")
    updated = stacks.execute(wanted.stack, "plan")

    assert (first, again, made) == (True, True, "created")
    assert (empty, unchanged) == (False, "unchanged")
    assert (other, updated) == (True, "updated")


def test_a_resource_that_fails(stacks: ActionStacks) -> None:
    """What the role of a stack may not make fails the action with that resource's reason."""
    with pytest.raises(DeployError) as caught:
        stacks.apply(order("failing", role=POWERLESS))

    assert "Queue (AWS::SQS::Queue) CREATE_FAILED" in caught.value.answer
    assert "assumed-role/powerless" in caught.value.answer
    assert caught.value.answer.endswith("; it is ROLLBACK_COMPLETE")


def test_a_role_that_may_not_be_passed(stacks: ActionStacks) -> None:
    """An action's role that may not pass the stack's role makes nothing."""
    with pytest.raises(IdentityError, match="iam:PassRole"):
        stacks.apply(order("unpassed", role=DEPLOYER))

    assert stacks.outputs(StackName("unpassed")) == {}


def test_a_role_that_does_not_trust(machinery: Machinery) -> None:
    """A pipeline reaches no account whose role does not trust its own."""
    pipeline = machinery.become(f"arn:aws:iam::{TOOLING}:role/pipeline", PIPELINE, "run-1")

    with pytest.raises(LockstepError, match="role/untrusting") as caught:
        pipeline.become(f"arn:aws:iam::{TEST}:role/untrusting")

    assert "see whom" in caught.value.cure
