"""Who there is and what they may do, read out of the account templates for the settings of our fakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockstep import access, account_stacks, policy
from lockstep.access import Access
from lockstep.model import Grants, Service
from lockstep.policy import Decision, Document, Request
from lockstep.testing import PROD, SETTINGS, TEST, TOOLING, a_service, some_settings

ROOT = Path(__file__).parents[2]
DEVELOPER = f"arn:aws:iam::{TOOLING}:role/shop-developer"
DEPLOYER = f"arn:aws:iam::{TOOLING}:role/shop-deployer-test"
DEPLOY = f"arn:aws:iam::{TEST}:role/shop-deploy-test"
EXECUTION = f"arn:aws:iam::{TEST}:role/shop-execution-test"
TABLE = f"arn:aws:dynamodb:eu-west-1:{TEST}:table/shop-test-orders-Orders-1"


def read(*services: Service, text: str = SETTINGS) -> Access:
    """Read what bootstrap would make for some services."""
    settings = some_settings(text)
    return access.read(account_stacks.plan(settings, services), ROOT, settings.region)


def test_everybody() -> None:
    """Every role of every account is read, and nothing but roles, policies of resources and boundaries."""
    found = read(a_service("hello"), a_service("orders"))

    names = {arn.partition(":iam::")[2] for arn in found.roles}
    assert names == {
        *(f"{TOOLING}:role/shop-{name}" for name in ("build", "developer", "deployer-test", "deployer-prod")),
        *(f"{TEST}:role/shop-{name}-test" for name in ("deploy", "execution", "status")),
        *(f"{PROD}:role/shop-{name}-prod" for name in ("deploy", "execution", "status")),
    }
    assert set(found.resources) == {
        "AWS::KMS::Key",
        f"shop-artifacts-{TOOLING}-eu-west-1",
        f"shop-logs-{TOOLING}-eu-west-1",
        "shop/hello/hellofunction",
        "shop/orders/hellofunction",
    }
    assert {arn.partition(":policy/")[2] for arn in found.boundaries} == {
        "shop-publish",
        *(f"shop-{name}-{environment}" for name in ("execution", "boundary") for environment in ("test", "prod")),
    }


def test_no_developers() -> None:
    """Where the settings name no developers, there is no role of theirs."""
    text = "\n".join(line for line in SETTINGS.splitlines() if not line.startswith(("developers", "deployers")))

    found = read(text=text)

    assert DEVELOPER not in found.roles


def test_who_becomes_whom() -> None:
    """The chain from a developer to the deploy role of test is there, and it does not lead to prod."""
    found = read()
    pairs = [
        (DEVELOPER, DEPLOYER),
        (DEPLOYER, DEPLOY),
        (DEVELOPER, DEPLOY),
        (DEVELOPER, DEPLOYER.replace("test", "prod")),
        (DEPLOYER, f"arn:aws:iam::{PROD}:role/shop-deploy-prod"),
        (f"arn:aws:iam::{TOOLING}:role/shop-build", DEPLOYER),
    ]

    chain = [found.roles[who].identity.may_become(role, found.roles[role].trust) for who, role in pairs]

    assert chain == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("service", "source", "takes"),
    [
        ("codebuild.amazonaws.com", "project/shop-build", True),
        ("codebuild.amazonaws.com", "project/shop-deploy-prod", False),
        ("lambda.amazonaws.com", "project/shop-build", False),
    ],
)
def test_whom_services_become(service: str, source: str, takes: bool) -> None:
    """CodeBuild takes the build role for the project that builds, and for no other."""
    role = f"arn:aws:iam::{TOOLING}:role/shop-build"
    context = {"aws:SourceAccount": TOOLING, "aws:SourceArn": f"arn:aws:codebuild:eu-west-1:{TOOLING}:{source}"}

    found = policy.service_may(service, "sts:AssumeRole", role, read().roles[role].trust, context)

    assert found is takes


def test_attached_and_own_policies() -> None:
    """A role has the policies that are attached to it and its own ones."""
    identity = read().roles[f"arn:aws:iam::{TOOLING}:role/shop-build"].identity
    repository = f"arn:aws:ecr:eu-west-1:{TOOLING}:repository/shop/hello/hellofunction"
    log = f"arn:aws:logs:eu-west-1:{TOOLING}:log-group:/aws/codebuild/shop-build:*"

    found = [
        identity.decide(Request(*asked, identity.arn))
        for asked in (("ecr:PutImage", repository), ("logs:PutLogEvents", log), ("sts:AssumeRole", DEPLOY))
    ]

    assert found == [Decision.ALLOWED, Decision.ALLOWED, Decision.NOT_ALLOWED]


def test_across_accounts() -> None:
    """A deploy role writes its own files into the bucket of tooling, by both policies, and nobody else's."""
    found = read()
    identity, bucket = found.roles[DEPLOY].identity, f"shop-artifacts-{TOOLING}-eu-west-1"

    may = [
        identity.may(
            Request("s3:PutObject", f"arn:aws:s3:::{bucket}/environments/{account}/x", DEPLOY),
            found.resources[bucket],
            TOOLING,
        )
        for account in (TEST, PROD)
    ]

    assert may == [True, False]


def test_what_a_service_asks_for() -> None:
    """What a service asks for is its execution role's and its boundary's, in each environment for that alone."""
    here = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${AWS::StackName}-*"
    asked = Grants(
        ({"Action": "dynamodb:CreateTable", "Resource": here},), ({"Action": "dynamodb:PutItem", "Resource": here},)
    )

    found = [
        (
            one.roles[EXECUTION].identity.decide(Request("dynamodb:CreateTable", TABLE, EXECUTION)),
            policy.Identity("", (one.boundaries[f"arn:aws:iam::{TEST}:policy/shop-boundary-test"],)).decide(
                Request("dynamodb:PutItem", TABLE)
            ),
            one.roles[EXECUTION.replace(TEST, PROD).replace("test", "prod")].identity.decide(
                Request("dynamodb:CreateTable", TABLE)
            ),
        )
        for one in (read(a_service("orders", grants=asked)), read(a_service("orders")))
    ]

    assert found == [
        (Decision.ALLOWED, Decision.ALLOWED, Decision.NOT_ALLOWED),
        (Decision.NOT_ALLOWED, Decision.NOT_ALLOWED, Decision.NOT_ALLOWED),
    ]


def statement(**elements: object) -> Document:
    """Return a policy of one statement, but for what a test says otherwise."""
    plain = {"Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": "*", "Principal": {"AWS": TEST}}
    return {"Version": "2012-10-17", "Statement": [plain | elements]}


@pytest.mark.parametrize(
    "other",
    [
        statement(),
        statement(Action=["a:C", "a:B"]),
        statement(Resource=["*"]),
        statement(Principal={"AWS": f"arn:aws:iam::{TEST}:root"}),
        statement(Principal={"AWS": [TEST]}),
        statement(Condition={}),
        {"Id": "x", "Statement": statement()["Statement"][0]},
    ],
)
def test_the_same_policy(other: Document) -> None:
    """A policy is the same with its lists in another order, single values as lists, and accounts as roots."""
    found = access.same(statement(), other), access.same(other, statement())

    assert found == (True, True)


@pytest.mark.parametrize(
    "other",
    [
        statement(Action=["a:B"]),
        statement(Action=["a:B", "a:C", "a:D"]),
        statement(Effect="Deny"),
        statement(Principal={"AWS": PROD}),
        statement(Principal={"AWS": f"arn:aws:iam::{TEST}:role/root"}),
        statement(Principal={"Service": TEST}),
        statement(Condition={"StringEquals": {"a:B": "c"}}),
        statement(Sid="Named"),
        {"Statement": []},
        {"Statement": statement()["Statement"] * 2},
        {},
    ],
)
def test_another_policy(other: Document) -> None:
    """A policy is another one as soon as one statement says more, less or something else."""
    found = access.same(statement(), other), access.same(other, statement())

    assert found == (False, False)


def test_the_order_of_statements() -> None:
    """A policy is the same with its statements in another order."""
    one, two = statement()["Statement"][0], statement(Effect="Deny")["Statement"][0]

    found = access.same({"Statement": [one, two]}, {"Statement": [two, one]})

    assert found is True
