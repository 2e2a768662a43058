"""Who may use a resource that has a policy of its own: within an account, across accounts, services, roles."""

from __future__ import annotations

from typing import Any

import pytest

from lockstep import policy
from lockstep.policy import Document, Identity, Request
from lockstep.testing import PROD, TEST, TOOLING

BUCKET = "arn:aws:s3:::shop-artifacts/releases/x"
DEPLOY = f"arn:aws:iam::{TEST}:role/shop-deploy-test"
DEPLOYER = f"arn:aws:iam::{TOOLING}:role/shop-deployer-test"
ALLOWS: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NOTHING: Document = {"Statement": []}
DENIES: Document = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}


def resource(principal: object, **elements: object) -> Document:
    """Return the policy of a resource that lets a principal do everything, but for what a test says otherwise."""
    return {"Statement": [{"Effect": "Allow", "Action": "*", "Principal": principal, **elements}]}


def may(identity: Identity, theirs: Document | None, owner: str) -> bool:
    """May somebody read a file of a bucket that is an account's and has this policy?"""
    return identity.may(Request("s3:GetObject", BUCKET, identity.arn), theirs, owner)


@pytest.mark.parametrize(
    ("principal", "names"),
    [
        ({"AWS": DEPLOY}, True),
        ({"AWS": [DEPLOYER, DEPLOY]}, True),
        ({"AWS": f"arn:aws:iam::{TEST}:root"}, True),
        ({"AWS": TEST}, True),
        ({"AWS": "*"}, True),
        ("*", True),
        ({"AWS": DEPLOYER}, False),
        ({"AWS": DEPLOY + "2"}, False),
        ({"AWS": f"arn:aws:iam::{TOOLING}:root"}, False),
        ({"AWS": TOOLING}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
        ({}, False),
    ],
)
def test_who_is_named(principal: object, names: bool) -> None:
    """A resource's policy names a role by its exact ARN, by its account as an id or a root, or as everybody."""
    identity = Identity(DEPLOY, (ALLOWS,))

    found = may(identity, resource(principal), TOOLING)

    assert found is names


@pytest.mark.parametrize(
    ("mine", "theirs", "allowed"),
    [
        (ALLOWS, resource({"AWS": DEPLOY}), True),
        (NOTHING, resource({"AWS": DEPLOY}), False),
        (ALLOWS, NOTHING, False),
        (ALLOWS, None, True),
        (NOTHING, None, False),
        (DENIES, resource({"AWS": DEPLOY}), False),
        (ALLOWS, resource({"AWS": DEPLOY}, Effect="Deny"), False),
    ],
)
def test_across_accounts(mine: Document, theirs: Document | None, allowed: bool) -> None:
    """What is another account's takes both: the caller's own policies and those of the resource."""
    identity = Identity(DEPLOY, (mine,))

    found = may(identity, theirs, TOOLING)

    assert found is allowed


@pytest.mark.parametrize(
    ("mine", "theirs", "allowed"),
    [
        (ALLOWS, NOTHING, True),
        (NOTHING, resource({"AWS": DEPLOY}), True),
        (NOTHING, resource({"AWS": "*"}), True),
        (NOTHING, resource("*"), True),
        (NOTHING, resource({"AWS": f"arn:aws:iam::{TEST}:root"}), False),
        (NOTHING, resource({"AWS": TEST}), False),
        (ALLOWS, resource({"AWS": TEST}), True),
        (NOTHING, NOTHING, False),
        (DENIES, resource({"AWS": DEPLOY}), False),
        (ALLOWS, resource({"AWS": DEPLOY}, Effect="Deny"), False),
    ],
)
@pytest.mark.parametrize("owner", [TEST, ""])
def test_within_an_account(mine: Document, theirs: Document, allowed: bool, owner: str) -> None:
    """Within an account one of both policies suffices, but a policy that names the account leaves it to the others."""
    identity = Identity(DEPLOY, (mine,))

    found = may(identity, theirs, owner)

    assert found is allowed


def test_a_statement_that_names_more() -> None:
    """A role that is named where something else is allowed gets nothing of what the account is allowed."""
    theirs: Document = {
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": TEST}},
            {"Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": DEPLOY}},
        ]
    }

    found = may(Identity(DEPLOY), theirs, TEST)

    assert found is False


def test_a_boundary_within_an_account() -> None:
    """A denial in a boundary holds against the policy of a resource too."""
    identity = Identity(DEPLOY, (ALLOWS,), DENIES)

    found = may(identity, resource({"AWS": DEPLOY}), TEST)

    assert found is False


def trust(*statements: dict[str, Any]) -> Document:
    """Return a trust policy: that of a deploy role, with more statements where a test gives them."""
    first = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": DEPLOYER}}
    return {"Statement": [first, *statements]}


@pytest.mark.parametrize(
    ("who", "mine", "becomes"),
    [
        (DEPLOYER, ALLOWS, True),
        (DEPLOYER, NOTHING, False),
        (f"arn:aws:iam::{TOOLING}:role/shop-deployer-prod", ALLOWS, False),
        (f"arn:aws:iam::{TEST}:role/administrator", ALLOWS, False),
    ],
)
def test_who_becomes_a_role(who: str, mine: Document, becomes: bool) -> None:
    """A role of another account is taken by whom it trusts and whose own policies let it; by no administrator."""
    identity = Identity(who, (mine,))

    found = identity.may_become(DEPLOY, trust())

    assert found is becomes


def test_who_becomes_a_role_of_its_own_account() -> None:
    """A role that is named in the trust of another one of its account needs no policy of its own to take it."""
    target = f"arn:aws:iam::{TOOLING}:role/shop-developer"

    found = [Identity(DEPLOYER).may_become(target, one) for one in (trust(), NOTHING)]

    assert found == [True, False]


def test_the_account_of_a_role_trusts_nobody_by_itself() -> None:
    """A role that no statement trusts with anybody is taken by nobody, whatever their own policies allow."""
    target = f"arn:aws:iam::{TOOLING}:role/shop-build"

    found = Identity(DEPLOYER, (ALLOWS,)).may_become(target, NOTHING)

    assert found is False


@pytest.mark.parametrize(("context", "becomes"), [({}, True), ({"sts:ExternalId": "x"}, False)])
def test_an_external_id(context: dict[str, str], becomes: bool) -> None:
    """A role that denies callers with an external id is taken without one only."""
    refusal = {
        "Effect": "Deny",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": DEPLOYER},
        "Condition": {"Null": {"sts:ExternalId": "false"}},
    }

    found = Identity(DEPLOYER, (ALLOWS,)).may_become(DEPLOY, trust(refusal), context)

    assert found is becomes


@pytest.mark.parametrize(
    ("service", "source", "allowed"),
    [
        ("lambda.amazonaws.com", f"arn:aws:lambda:eu-west-1:{PROD}:function:shop-prod-hello", True),
        ("lambda.amazonaws.com", f"arn:aws:lambda:eu-west-1:{PROD}:function:store-prod-hello", False),
        ("lambda.amazonaws.com", "", False),
        ("codebuild.amazonaws.com", f"arn:aws:lambda:eu-west-1:{PROD}:function:shop-prod-hello", False),
    ],
)
def test_services(service: str, source: str, allowed: bool) -> None:
    """A service of AWS acts where a policy names it, and only for what its condition on the source names."""
    pattern = f"arn:aws:lambda:eu-west-1:{PROD}:function:shop-prod-*"
    theirs = resource({"Service": "lambda.amazonaws.com"}, Condition={"ArnLike": {"aws:SourceArn": pattern}})
    context = {"aws:SourceArn": source} if source else {}

    found = policy.service_may(service, "ecr:BatchGetImage", "arn:x", theirs, context)

    assert found is allowed


def test_everybody_is_a_service_too() -> None:
    """A policy for everybody is for services as well; one for accounts is for none of them."""
    found = [
        policy.service_may("lambda.amazonaws.com", "s3:GetObject", BUCKET, resource(principal), {})
        for principal in ("*", {"AWS": "*"})
    ]

    assert found == [True, False]


@pytest.mark.parametrize(
    ("caller", "role"),
    [
        (f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/me", DEPLOY),
        (f"arn:aws-cn:sts::{TEST}:assumed-role/x/a/b", f"arn:aws-cn:iam::{TEST}:role/x"),
        (f"arn:aws:iam::{TEST}:user/people/anna", f"arn:aws:iam::{TEST}:user/people/anna"),
        (f"arn:aws:iam::{TEST}:root", f"arn:aws:iam::{TEST}:root"),
    ],
)
def test_the_role_of_a_session(caller: str, role: str) -> None:
    """A session is known by the role that it is of, and everybody else by their own ARN."""
    found = policy.role_of(caller)

    assert found == role
