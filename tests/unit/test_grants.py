"""What a service's permissions.yaml may ask for, and what is refused in it."""

from __future__ import annotations

import pytest

from lockstep.model import Grants
from tests.unit.permission_files import FILE, TABLE, one, read, refusal

SEE = "see docs/tour.md"


def test_a_file() -> None:
    """A file holds statements for what CloudFormation makes and for what functions do, as IAM writes them."""
    text = f"""
    Execution:
      - Sid: Tables
        Action: [dynamodb:CreateTable, dynamodb:DeleteTable]
        Resource: "{TABLE}"
    Boundary:
      - Action: dynamodb:PutItem
        Resource: ["{TABLE}"]
        Condition: {{StringEquals: {{"aws:PrincipalAccount": "${{AWS::AccountId}}"}}}}
    """

    found = read(text)

    assert found == Grants(
        ({"Sid": "Tables", "Action": ["dynamodb:CreateTable", "dynamodb:DeleteTable"], "Resource": TABLE},),
        (
            {
                "Action": "dynamodb:PutItem",
                "Resource": [TABLE],
                "Condition": {"StringEquals": {"aws:PrincipalAccount": "${AWS::AccountId}"}},
            },
        ),
    )


@pytest.mark.parametrize("text", ["Execution:", "Boundary: []", "{Execution: null, Boundary: []}"])
def test_sections_that_ask_for_nothing(text: str) -> None:
    """A section may be empty, and either may be left out."""
    found = read(text)

    assert found == Grants()


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "Execution", "- Execution: []"])
def test_no_sections(text: str) -> None:
    """A file that holds no sections is refused, with the names that they have."""
    found = refusal(text)

    assert found == (
        f"reading {FILE}",
        "it is not a mapping",
        "give it the sections Execution and Boundary, or remove it",
    )


@pytest.mark.parametrize(
    ("section", "cure"),
    [
        ("Exection", "did you mean 'Execution'?"),
        ("Policies", "it may have: Execution, Boundary"),
        ("1", "it may have: Execution, Boundary"),
    ],
)
def test_an_unknown_section(section: str, cure: str) -> None:
    """An unknown section is refused, with the nearest one or with all."""
    found = refusal(f"{section}: []")

    shown = section if section == "1" else repr(section)
    assert found == (f"reading {FILE}", f"unknown section {shown}", cure)


@pytest.mark.parametrize(
    ("text", "place", "answer", "cure"),
    [
        ("Execution: {}", "Execution", "it is not a list of statements", SEE),
        ("Boundary: text", "Boundary", "it is not a list of statements", SEE),
        ("Execution: [text]", "Execution, statement 1", "it is not a mapping", SEE),
        (
            "Execution: [{Effect: Deny}]",
            "Execution, statement 1",
            "unknown element 'Effect'",
            "it may have: Sid, Action, Resource, Condition",
        ),
        (
            "Execution: [{NotAction: 'iam:*'}]",
            "Execution, statement 1",
            "unknown element 'NotAction'",
            "it may have: Sid, Action, Resource, Condition",
        ),
        (one(Sid="My tables"), "Execution, statement 1", "the Sid 'My tables' is not 1 to 64 letters and digits", SEE),
        (one(Sid=""), "Execution, statement 1", "the Sid '' is not 1 to 64 letters and digits", SEE),
        (one(Action=None), "Execution, statement 1", "its Action is neither a text nor a list of them", SEE),
        (one(Action=[]), "Execution, statement 1", "its Action is neither a text nor a list of them", SEE),
        (one(Action=[1]), "Execution, statement 1", "its Action is neither a text nor a list of them", SEE),
        (one(Resource=None), "Execution, statement 1", "its Resource is neither a text nor a list of them", SEE),
        (one(Resource={"a": 1}), "Execution, statement 1", "its Resource is neither a text nor a list of them", SEE),
        (
            one(Condition="x"),
            "Execution, statement 1",
            "its Condition is not a mapping of operators to keys",
            SEE,
        ),
        (
            one(Condition={"StringEquals": "x"}),
            "Execution, statement 1",
            "its Condition is not a mapping of operators to keys",
            SEE,
        ),
        (
            one(Condition={"StringEqual": {"a:b": "c"}}),
            "Execution, statement 1",
            "unknown condition operator 'StringEqual'",
            "did you mean 'StringEquals'?",
        ),
        (
            one(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            "Execution, statement 1",
            "unknown condition operator 'IpAddress'",
            "use StringEquals or ArnLike",
        ),
    ],
)
def test_the_form_of_a_statement(text: str, place: str, answer: str, cure: str) -> None:
    """A statement that is not one is refused by its section and number, with what may stand there."""
    found = refusal(text)

    assert found == (f"reading {FILE}: {place}", answer, cure)


def test_the_number_of_a_statement() -> None:
    """The refusal counts statements from one, in their own section."""
    text = f"Execution: []\nBoundary: [{{Action: dynamodb:PutItem, Resource: '{TABLE}'}}, text]"

    found = refusal(text)

    assert found[0] == f"reading {FILE}: Boundary, statement 2"


@pytest.mark.parametrize(
    ("action", "answer", "cure"),
    [
        ("dynamodb:*", "'dynamodb:*' is not one whole action", "name each action, without *"),
        ("*", "'*' is not one whole action", "name each action, without *"),
        ("dynamodb", "'dynamodb' is not one whole action", "name each action, without *"),
        ("dynamodb:Put?tem", "'dynamodb:Put?tem' is not one whole action", "name each action, without *"),
        ("IAM:PassRole", "'IAM:PassRole' is not one whole action", "name each action, without *"),
        ("dynamodb:CreateTabel", "there is no action dynamodb:CreateTabel", "did you mean 'dynamodb:createtable'?"),
        ("nobody:Knows", "there is no action nobody:Knows", "see the service authorization reference"),
        ("iam:CreateRole", "iam:CreateRole gives rights away", "leave it to what every service may"),
        ("iam:passrole", "iam:passrole gives rights away", "leave it to what every service may"),
        ("sts:AssumeRole", "sts:AssumeRole gives rights away", "leave it to what every service may"),
        ("organizations:LeaveOrganization", "organizations:LeaveOrganization gives rights away", None),
        ("account:CloseAccount", "account:CloseAccount gives rights away", None),
    ],
)
def test_actions(action: str, answer: str, cure: str | None) -> None:
    """Only whole actions that there are, and that give no rights away, may be asked for."""
    found = refusal(one(Action=["dynamodb:CreateTable", action]))

    place = f"reading {FILE}: Execution, statement 1"
    assert found == (place, answer, cure or "leave it to what every service may")


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:dynamodb:eu-west-1:222222222222:table/*",
        "arn:aws:dynamodb:eu-west-1:222222222222:table/order?",
        "arn:${AWS::Partition}:dynamodb:${AWS::Region}:*:table/orders",
        "table/orders",
        "dynamodb:*",
        "",
        "**",
        "${AWS::StackName}-*",
        "arn:${AWS::Partition}:s3:::*:apigateway:",
    ],
)
def test_resources_of_others(resource: str) -> None:
    """A resource that is neither the service's own nor an exact one is refused."""
    found = refusal(one(Resource=resource))

    assert found == (
        f"reading {FILE}: Execution, statement 1",
        f"{resource!r} is neither an ARN of the service's own nor an exact one",
        "name the stack with ${AWS::StackName}, or this account with ${AWS::AccountId}",
    )


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("dynamodb:CreateTable", TABLE),
        ("dynamodb:CreateTable", "arn:aws:dynamodb:eu-west-1:222222222222:table/orders"),
        ("dynamodb:CreateTable", "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*"),
        ("s3:CreateBucket", "arn:${AWS::Partition}:s3:::${AWS::StackName}-*"),
        ("apigateway:POST", "arn:${AWS::Partition}:apigateway:${AWS::Region}::/usageplans/*"),
        ("apigateway:POST", "arn:aws:apigateway:*::/usageplans"),
        ("logs:DescribeLogGroups", "*"),
    ],
)
def test_resources_of_ones_own(action: str, resource: str) -> None:
    """A resource of the stack or of the account, an exact one, and API Gateway's, which name no account, are taken."""
    found = read(one(Action=action, Resource=resource))

    assert found == Grants(({"Action": action, "Resource": resource},))


def test_everything() -> None:
    """An action on every resource is refused where it could be on one, and shows what that would look like."""
    found = refusal(one(Resource="*"))

    assert found == (
        f"reading {FILE}: Execution, statement 1",
        "dynamodb:CreateTable on every resource",
        f"name what it is for, like {TABLE}",
    )


@pytest.mark.parametrize("condition", [{"StringNotEquals": {"a:b": "c"}}, {"Null": {"a:b": "true"}}])
def test_everything_under_a_condition_that_says_nothing(condition: dict[str, object]) -> None:
    """A condition that holds for whatever does not have its key narrows nothing."""
    found = refusal(one(Resource="*", Condition=condition))

    assert found[1] == "dynamodb:CreateTable on every resource"


def test_everything_under_a_condition() -> None:
    """An action may be on every resource under a condition that asks for a value."""
    condition = {"StringEquals": {"aws:ResourceTag/aws:cloudformation:stack-name": "${AWS::StackName}"}}

    found = read(one(Resource="*", Condition=condition))

    assert found.execution[0]["Condition"] == condition
