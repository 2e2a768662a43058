"""What a service may ask of IAM itself, and how its statements stand in an account's policy."""

from __future__ import annotations

import pytest

from lockstep import grants
from lockstep.model import Grants
from lockstep.testing import TEST
from tests.unit.permission_files import FILE, TABLE, one, read, refusal


@pytest.mark.parametrize(
    "condition",
    [
        None,
        {"StringEquals": {"aws:PrincipalAccount": "1"}},
        {"StringNotEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        {"StringLike": {"iam:PassedToService": "*"}},
        {"Null": {"iam:PassedToService": "false"}},
    ],
)
def test_passing_a_role_to_anybody(condition: object) -> None:
    """A role may be passed only to services that a condition names exactly."""
    own = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-*"

    found = refusal(one(Action="iam:PassRole", Resource=own, Condition=condition))

    assert found == (
        f"reading {FILE}: Execution, statement 1",
        "iam:PassRole needs a Condition on iam:PassedToService",
        "say with StringEquals which service it is for",
    )


@pytest.mark.parametrize(
    "resource",
    [
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*",
        "arn:aws:iam::222222222222:role/admin",
        "*",
        ["arn:aws:iam::${AWS::AccountId}:role/${AWS::StackName}-x", "arn:aws:iam::${AWS::AccountId}:role/x"],
    ],
)
def test_passing_the_role_of_another(resource: object) -> None:
    """Only a service's own roles may be passed."""
    condition = {"StringEquals": {"iam:PassedToService": "states.amazonaws.com"}}

    found = refusal(one(Action="iam:PassRole", Resource=resource, Condition=condition))

    assert found == (
        f"reading {FILE}: Execution, statement 1",
        "iam:PassRole is for the service's own roles",
        "name them role/${AWS::StackName}-*",
    )


@pytest.mark.parametrize(
    ("action", "resource", "key"),
    [
        (
            "iam:PassRole",
            "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-*",
            "iam:PassedToService",
        ),
        ("iam:CreateServiceLinkedRole", "*", "iam:AWSServiceName"),
    ],
)
def test_rights_of_iam_that_may_be_asked_for(action: str, resource: str, key: str) -> None:
    """A service's own roles may be passed to a named service, and a named service's own role be made."""
    condition = {"StringEquals": {key: "states.amazonaws.com"}}

    found = read(one(Action=action, Resource=resource, Condition=condition))

    assert found == Grants(({"Action": action, "Resource": resource, "Condition": condition},))


def test_placeholders() -> None:
    """In an account's policy every placeholder stands for that account's stack, wherever in a statement it stands."""
    statement = {
        "Sid": "Tables",
        "Action": ["dynamodb:CreateTable"],
        "Resource": [TABLE, "*"],
        "Condition": {
            "Bool": {"aws:SecureTransport": True},
            "StringEquals": {"aws:PrincipalAccount": "${AWS::AccountId}"},
        },
    }

    found = grants.resolved((statement,), "shop-test-orders", TEST, "cn-north-1")

    assert found == (
        {
            "Effect": "Allow",
            "Sid": "Tables",
            "Action": ["dynamodb:CreateTable"],
            "Resource": [f"arn:aws-cn:dynamodb:cn-north-1:{TEST}:table/shop-test-orders-*", "*"],
            "Condition": {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:PrincipalAccount": TEST}},
        },
    )


@pytest.mark.parametrize(
    ("action", "granted"),
    [("dynamodb:CreateTable", True), ("iam:PassRole", False), ("sts:AssumeRole", False), ("iamx:Y", True)],
)
def test_what_may_be_suggested(action: str, granted: bool) -> None:
    """What gives rights away is nothing that a service is told to ask for."""
    found = grants.may_grant(action)

    assert found is granted
