"""How a service fits what its environment allows: what is missing, what is never used, what its boundary cuts off."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml

from lockstep import grants, needs, permissions, schemas
from lockstep.errors import ConfigError
from lockstep.intrinsics import Stack
from lockstep.model import StackName
from lockstep.needs import Need
from lockstep.permissions import Fit
from lockstep.policy import Document, Identity
from lockstep.schemas import Schemas
from lockstep.testing import TEST, TOOLING, some_names

KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")
ROLE = f"arn:aws:iam::{TEST}:role/shop-execution-test"
STACK = Stack("shop-test-orders", TEST, "eu-west-1")
HERE = f"eu-west-1:{TEST}"
TABLE = f"arn:aws:dynamodb:{HERE}:table/shop-test-orders-Orders-*"
EVERYTHING: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NOTHING: Document = {"Statement": []}


def allowing(*actions: str, resource: str = "*") -> Document:
    """Return a policy that allows some actions."""
    return {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource}]}


def fit(
    resources: dict[str, Any],
    execution: Document = EVERYTHING,
    boundary: Document = EVERYTHING,
    parameters: dict[str, str] | None = None,
    **sections: object,
) -> Fit:
    """Return how the service orders fits, with some resources in its template."""
    stack = dataclasses.replace(STACK, parameters=parameters or {})
    template = {**sections, "Resources": resources}
    role = Identity(ROLE, (execution,))
    return permissions.fit("orders", template, stack, role, boundary, KNOWLEDGE, some_names())


def a_fit(*missing: Need) -> Fit:
    """Return how the service orders fits that lacks some rights."""
    return Fit("orders", StackName("shop-test-orders"), missing, (), (), missing)


def test_nothing_is_missing() -> None:
    """Where the execution role may everything, nothing is missing and everything is needed that was."""
    found = fit({"Orders": {"Type": "AWS::DynamoDB::Table"}})

    assert (found.service, found.stack, found.missing, found.bounded) == ("orders", "shop-test-orders", (), ())
    assert Need("dynamodb:CreateTable", TABLE, "Orders") in found.needed


def test_what_is_missing() -> None:
    """What is needed for certain and not allowed is missing; what is only possible is not."""
    may = allowing("dynamodb:CreateTable", "dynamodb:De*", "dynamodb:*Tag*", resource=TABLE.replace("Orders-", ""))

    found = fit({"Orders": {"Type": "AWS::DynamoDB::Table"}}, may)

    assert found.missing == (Need("dynamodb:UpdateTable", TABLE, "Orders"),)


def test_a_denial_is_missing_too() -> None:
    """What the execution role is denied is missing, whatever else allows it."""
    denies = {"Effect": "Deny", "Action": "dynamodb:UpdateTable", "Resource": "*"}
    document: Document = {"Statement": [*EVERYTHING["Statement"], denies]}

    found = fit({"Orders": {"Type": "AWS::DynamoDB::Table"}}, document)

    assert [need.action for need in found.missing] == ["dynamodb:UpdateTable"]


def test_what_a_condition_asks_of_the_request() -> None:
    """A right that depends on the boundary of a role is there where the template sets that boundary, and else not."""
    condition = {"StringEquals": {"iam:PermissionsBoundary": "limit"}}
    document: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}]}

    found = [
        bool(fit({"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}, document).missing)
        for properties in ({"PermissionsBoundary": "limit"}, {"PermissionsBoundary": "none"}, {})
    ]

    assert found == [False, True, True]


def test_a_sam_template() -> None:
    """A SAM template is translated first, with its code in the artifact bucket where it is not uploaded yet."""
    properties = {"Handler": "a.b", "Runtime": "python3.13", "CodeUri": "src/"}
    resources = {"Hello": {"Type": "AWS::Serverless::Function", "Properties": properties}}

    found = fit(resources, NOTHING, Transform="AWS::Serverless-2016-10-31")

    code = "arn:aws:s3:::shop-artifacts-111111111111-eu-west-1/artifacts/code"
    assert Need("s3:GetObject", code, "Hello") in found.missing
    assert {need.of for need in found.missing} == {"Hello", "HelloRole"}


def test_a_template_that_sam_refuses() -> None:
    """A template that SAM does not translate is an error that names the service's file."""
    resources = {"Hello": {"Type": "AWS::Serverless::Function"}}

    with pytest.raises(ConfigError) as caught:
        fit(resources, Transform="AWS::Serverless-2016-10-31")

    assert caught.value.tried == "translating services/orders/template.yaml"


def test_parameters() -> None:
    """What is needed is told with the values of the parameters, those of lists as lists."""
    resources = {
        "Jobs": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": {"Fn::Select": [1, {"Ref": "Queues"}]}},
        }
    }
    declared = {"Queues": {"Type": "CommaDelimitedList"}}

    found = fit(resources, NOTHING, parameters={"Queues": "mails, jobs"}, Parameters=declared)

    assert {need.resource for need in found.missing} == {f"arn:aws:sqs:{HERE}:jobs"}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::IAM::Role", {"Policies": [{"PolicyName": "x", "PolicyDocument": "DOCUMENT"}]}),
        ("AWS::IAM::Policy", {"PolicyDocument": "DOCUMENT", "Roles": ["r"]}),
        ("AWS::IAM::RolePolicy", {"PolicyDocument": "DOCUMENT", "RoleName": "r"}),
    ],
)
def test_what_the_boundary_cuts_off(kind: str, properties: dict[str, Any]) -> None:
    """What a role of the service may by its own policy and not by the boundary is told, each once."""
    document = {
        "Statement": [
            {"Effect": "Allow", "Action": ["dynamodb:PutItem", "s3:GetObject"], "Resource": "arn:a"},
            {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": ["arn:a", {"Fn::Sub": "${AWS::StackName}"}]},
            {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"},
        ]
    }
    given = yaml.safe_load(yaml.safe_dump(properties).replace("DOCUMENT", repr(document)))

    found = fit({"Thing": {"Type": kind, "Properties": given}}, boundary=allowing("s3:*"))

    assert found.bounded == (("dynamodb:PutItem", "arn:a"), ("dynamodb:PutItem", "shop-test-orders"))


@pytest.mark.parametrize(
    "body",
    [
        {"Type": "AWS::SQS::QueuePolicy", "Properties": {"PolicyDocument": EVERYTHING}},
        {
            "Type": "AWS::IAM::Role",
            "Properties": {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        },
        {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "x"}, "*"]}},
        {"Type": "AWS::IAM::Role"},
    ],
)
def test_what_no_boundary_cuts_off(body: dict[str, Any]) -> None:
    """Policies of resources, and those that AWS manages, are not compared with the boundary."""
    found = fit({"Thing": body}, boundary=NOTHING)

    assert found.bounded == ()


def test_what_nobody_uses() -> None:
    """What the execution role may and no service ever takes is unused, in whatever case it is written."""
    documents = (allowing("dynamodb:createtable", "dynamodb:PutItem"), allowing("sqs:CreateQueue", "s3:*", "sqs:S*"))
    fits = [fit({"Orders": {"Type": "AWS::DynamoDB::Table"}}), fit({"Jobs": {"Type": "AWS::SQS::Queue"}})]

    found = permissions.unused(Identity(ROLE, documents), fits)

    # PutItem is only possible, and so is reading what a table is imported from in S3; that is enough.
    assert found == ()


@pytest.mark.parametrize(
    ("action", "unused"),
    [
        ("sns:Publish", True),
        ("sns:*", True),
        ("dynamodb:*", False),
        ("*", False),
        ("cloudformation:CreateChangeSet", False),
        ("cloudformation:DeleteStack", True),
    ],
)
def test_an_action_that_nobody_uses(action: str, unused: bool) -> None:
    """An action counts as used where a service may take it, or CloudFormation itself for a template's transform."""
    fits = [fit({"Orders": {"Type": "AWS::DynamoDB::Table"}})]

    found = permissions.unused(Identity(ROLE, (allowing(action),)), fits)

    assert found == ((action,) if unused else ())


def test_a_suggestion() -> None:
    """What is missing is suggested by resource, with placeholders, and without what gives rights away."""
    missing = (
        Need("dynamodb:UpdateTable", TABLE, "Orders"),
        Need("dynamodb:CreateTable", TABLE, "Orders"),
        Need("dynamodb:CreateTable", TABLE, "Others"),
        Need("iam:PassRole", f"arn:aws:iam::{TEST}:role/x", "Orders"),
        Need("logs:DescribeLogGroups", "*", "Logs"),
    )

    found = permissions.suggestion(a_fit(*missing), STACK)

    table = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${AWS::StackName}-Orders-*"
    assert found == {
        "Execution": [
            {"Action": ["dynamodb:CreateTable", "dynamodb:UpdateTable"], "Resource": table},
            {"Action": ["logs:DescribeLogGroups"], "Resource": "*"},
        ]
    }


def test_nothing_to_suggest() -> None:
    """Where nothing is missing, or only what may not be granted, nothing is suggested."""
    role = Need("iam:CreateRole", f"arn:aws:iam::{TEST}:role/x", "Role")

    found = permissions.suggestion(a_fit(), STACK), permissions.suggestion(a_fit(role), STACK)

    assert found == ({}, {})


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::ApiGateway::UsagePlan",
        "AWS::CloudWatch::Alarm",
        "AWS::Cognito::UserPool",
        "AWS::DynamoDB::Table",
        "AWS::Events::Rule",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Url",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
        "AWS::SecretsManager::Secret",
        "AWS::StepFunctions::StateMachine",
    ],
)
def test_a_suggestion_that_is_followed(kind: str) -> None:
    """A suggestion may stand in a permissions.yaml as it is, and once it is granted nothing is missing."""
    resources = {"Thing": {"Type": kind}}
    lacking = fit(resources, NOTHING)
    text = yaml.safe_dump(permissions.suggestion(lacking, STACK))

    read = grants.read(text, "services/orders/permissions.yaml", KNOWLEDGE)
    statements = grants.resolved(read.execution, STACK.name, TEST, "eu-west-1")

    assert lacking.missing
    assert fit(resources, {"Statement": statements}).missing == ()


def test_who_holds_the_images() -> None:
    """The images of a service are pulled from the tooling account."""
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ImageUri": "r/shop/orders/api@sha256:0"}}}

    found = fit({"Api": function}, NOTHING)

    images = {need.resource for need in found.missing if need.action in needs.PULL}
    assert images == {f"arn:aws:ecr:eu-west-1:{TOOLING}:repository/shop/orders/api"}
