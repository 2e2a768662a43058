"""What the mends make true of a stack's role: who may give it, and what it may make; and that each is still needed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.conftest import FOR_STACKS, REGION, TEST, TOOLING, Keys, Server, allow, message, policy

QUEUE = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made"}}}
ALL_OF_SQS = allow(["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:Get*", "sqs:ListQueueTags", "sqs:TagQueue"])


def deployer(server: Server, name: str, *statements: dict[str, Any]) -> Keys:
    """Return a session that may change stacks, and what the statements say."""
    return server.assume(server.role(TEST, name, allow("cloudformation:*"), *statements))


def deploy(server: Server, name: str, *rights: dict[str, Any], resources: dict[str, Any] = QUEUE) -> tuple[str, str]:
    """Deploy resources with an execution role that has some rights; return how it ended, and why."""
    role = server.role(TEST, name, *rights, trust=FOR_STACKS)
    caller = deployer(server, f"{name}-deployer", allow("iam:PassRole"))
    return server.deploy(caller, name, resources, RoleARN=role, Capabilities=["CAPABILITY_NAMED_IAM"])


def test_a_role_that_may(mended: Server) -> None:
    """A stack is made where its execution role may take every action that its resources take."""
    found = deploy(mended, "may-make", ALL_OF_SQS)

    assert found == ("CREATE_COMPLETE", "")


def test_a_role_that_may_not(mended: Server) -> None:
    """A stack whose execution role lacks an action is rolled back, with the words of AWS."""
    status, reason = deploy(mended, "may-not-make", allow(["sqs:Get*", "sqs:ListQueueTags", "sqs:TagQueue"]))

    form = (
        rf'Resource handler returned message: "User: arn:aws:sts::{TEST}:assumed-role/may-not-make/AWSCloudFormation '
        rf"is not authorized to perform: sqs:CreateQueue on resource: arn:aws:sqs:{REGION}:{TEST}:made because no "
        r"identity-based policy allows the sqs:CreateQueue action \(Service: Sqs, Status Code: 403, Request ID: "
        r'[0-9a-f-]{36}\)" \(RequestToken: [0-9a-f-]{36}, HandlerErrorCode: AccessDenied\)'
    )
    assert status == "ROLLBACK_COMPLETE"
    assert re.fullmatch(form, reason)


def test_upstream_still_lacks_limits(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `execution_roles_are_limits`."""
    found = deploy(unmended, "powerless")

    assert found == ("CREATE_COMPLETE", "")


def test_a_role_that_may_not_delete(mended: Server) -> None:
    """A stack is not deleted where its execution role may not, whoever asks for it."""
    rights = allow(["sqs:CreateQueue", "sqs:Get*", "sqs:ListQueueTags", "sqs:TagQueue"])
    made, _ = deploy(mended, "may-not-delete", rights)
    stacks = mended.client("cloudformation", TEST)

    stacks.delete_stack(StackName="may-not-delete")

    mended.settled("may-not-delete", TEST)
    status = stacks.describe_stacks(StackName="may-not-delete")["Stacks"][0]["StackStatus"]
    assert (made, status) == ("CREATE_COMPLETE", "DELETE_FAILED")


def test_a_caller_without_a_role(mended: Server) -> None:
    """A stack without an execution role is made with the rights of whoever changes it."""
    caller = deployer(mended, "own-rights")

    status, reason = mended.deploy(caller, "own-rights", QUEUE)

    assert status == "ROLLBACK_COMPLETE"
    assert "assumed-role/own-rights/tester is not authorized to perform: sqs:CreateQueue" in reason


def test_a_caller_who_may_by_cloudformation_alone(mended: Server) -> None:
    """What CloudFormation does for its caller is called via it: who may so, may not by a call of their own."""
    via = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}
    caller = deployer(mended, "by-stacks", {**ALL_OF_SQS, "Condition": via})

    made = mended.deploy(caller, "by-stacks", QUEUE)

    assert made == ("CREATE_COMPLETE", "")
    assert "sqs:CreateQueue" in message(mended.client("sqs", caller).create_queue, QueueName="by-hand")


def test_a_role_is_not_called_via_cloudformation(mended: Server) -> None:
    """A stack's role acts for itself: what it may only for a caller of CloudFormation, it may not."""
    via = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}

    status, reason = deploy(mended, "not-via", {**ALL_OF_SQS, "Condition": via})

    assert status == "ROLLBACK_COMPLETE"
    assert "sqs:CreateQueue" in reason


def role_in_stack(boundary: str | None) -> dict[str, Any]:
    """Return a role as a stack makes it, with a boundary or without."""
    trust = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    bounded = {"PermissionsBoundary": boundary} if boundary else {}
    return {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **bounded}}}


@pytest.mark.parametrize(("name", "is_bounded"), [("bounded-role", True), ("unbounded-role", False)])
def test_a_role_needs_its_boundary(mended: Server, name: str, is_bounded: bool) -> None:
    """An execution role that may make roles with a boundary only makes no role without it."""
    boundary = f"arn:aws:iam::{TEST}:policy/{name}"
    mended.client("iam", TEST).create_policy(PolicyName=name, PolicyDocument=policy(allow("sqs:*")))
    only = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    rights = (allow(["iam:CreateRole", "iam:PutRolePermissionsBoundary"], Condition=only),
              allow(["iam:Get*", "iam:List*", "iam:TagRole", "iam:DeleteRole", "iam:UntagRole"]))  # fmt: skip

    status, reason = deploy(mended, name, *rights, resources=role_in_stack(boundary if is_bounded else None))

    assert status == ("CREATE_COMPLETE" if is_bounded else "ROLLBACK_COMPLETE")
    assert ("iam:CreateRole" in reason) is not is_bounded


def give_role(server: Server, name: str, *rights: dict[str, Any], trust: dict[str, Any]) -> str:
    """Make a change set with a role, as somebody with some rights; return the answer."""
    role = server.role(TEST, name, trust=trust)
    client = server.client("cloudformation", deployer(server, f"{name}-giver", *rights))
    body = '{"Resources": {"Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}'
    named = {"StackName": name, "ChangeSetName": "change", "ChangeSetType": "CREATE", "TemplateBody": body}
    return message(client.create_change_set, RoleARN=role, **named)


def pass_to(service: str, role: str) -> dict[str, Any]:
    """Return a statement that lets a role be passed to one service."""
    only = {"StringEquals": {"iam:PassedToService": service}}
    return allow("iam:PassRole", f"arn:aws:iam::{TEST}:role/{role}", Condition=only)


def test_a_role_is_passed(mended: Server) -> None:
    """Who may pass a role to CloudFormation may give it to a stack."""
    found = give_role(mended, "passed", pass_to("cloudformation.amazonaws.com", "passed"), trust=FOR_STACKS)

    assert found == "done"


@pytest.mark.parametrize(("name", "service"), [("unpassed", ""), ("passed-elsewhere", "lambda.amazonaws.com")])
def test_a_role_is_not_passed(mended: Server, name: str, service: str) -> None:
    """Who may pass a role to nobody, or to another service, cannot give it to a stack."""
    rights = [pass_to(service, name)] if service else []

    found = give_role(mended, name, *rights, trust=FOR_STACKS)

    role = f"arn:aws:iam::{TEST}:role/{name}"
    caller = f"arn:aws:sts::{TEST}:assumed-role/{name}-giver/tester"
    assert found == f"User: {caller} is not authorized to perform: iam:PassRole on resource: {role}"


def test_a_role_that_is_not_for_stacks(mended: Server) -> None:
    """A role that does not trust CloudFormation is not taken for a stack."""
    trusted = {"Effect": "Allow", "Principal": {"AWS": TOOLING}, "Action": "sts:AssumeRole"}

    found = give_role(mended, "not-for-stacks", allow("iam:PassRole"), trust=trusted)

    assert found == f"Role arn:aws:iam::{TEST}:role/not-for-stacks is invalid or cannot be assumed"


def test_upstream_still_lacks_passed_roles(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `roles_are_passed`."""
    found = give_role(unmended, "unpassed", trust=FOR_STACKS)

    assert found == "done"
