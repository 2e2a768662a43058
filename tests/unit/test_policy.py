"""What a principal's own policies allow: statements, wildcards, the Not forms, a boundary."""

from __future__ import annotations

from typing import Any

import pytest

from lockstep import policy
from lockstep.policy import Decision, Identity
from lockstep.testing import TEST, TOOLING
from tests.unit.statements import FUNCTION, ROLE, allow, decided, deny, document, request


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([], Decision.NOT_ALLOWED),
        ([allow()], Decision.ALLOWED),
        ([allow(Action="s3:GetObject")], Decision.NOT_ALLOWED),
        ([allow(), deny()], Decision.DENIED),
        ([allow(), deny(Action="s3:GetObject")], Decision.ALLOWED),
        ([deny()], Decision.DENIED),
    ],
)
def test_a_denial_wins(statements: list[dict[str, Any]], decision: Decision) -> None:
    """Nothing is allowed that no statement allows, and nothing that one denies."""
    identity = Identity(ROLE, (document(*statements),))

    found = identity.decide(request())

    assert found is decision


def test_policies_add_up() -> None:
    """A denial in one policy of a role wins over what another one allows."""
    identity = Identity(ROLE, (document(allow()), document(deny(Action="lambda:*"))))

    found = [identity.decide(request()), identity.decide(request("s3:ListBucket"))]

    assert found == [Decision.DENIED, Decision.ALLOWED]


def test_one_statement_without_a_list() -> None:
    """A policy may hold one statement instead of a list of them."""
    identity = Identity(ROLE, ({"Statement": allow()},))

    found = identity.decide(request())

    assert found is Decision.ALLOWED


@pytest.mark.parametrize(
    ("own", "boundary", "decision"),
    [
        (allow(), allow(), Decision.ALLOWED),
        (allow(), allow(Action="s3:*"), Decision.NOT_ALLOWED),
        (allow(Action="s3:*"), allow(), Decision.NOT_ALLOWED),
        (allow(), deny(), Decision.DENIED),
        (deny(), allow(), Decision.DENIED),
    ],
)
def test_a_boundary_limits(own: dict[str, Any], boundary: dict[str, Any], decision: Decision) -> None:
    """A role may do what both its own policies and its boundary allow, and a denial in either wins."""
    identity = Identity(ROLE, (document(own),), document(boundary))

    found = identity.decide(request())

    assert found is decision


@pytest.mark.parametrize(
    ("pattern", "action", "matches"),
    [
        ("lambda:GetFunction", "lambda:GetFunction", True),
        ("LAMBDA:getfunction", "lambda:GetFunction", True),
        ("lambda:Get*", "lambda:GetFunction", True),
        ("lambda:GetFunctio?", "lambda:GetFunction", True),
        ("lambda:Get?", "lambda:GetFunction", False),
        ("lambda.GetFunction", "lambda:GetFunction", False),
        ("*", "lambda:GetFunction", True),
        (["s3:*", "lambda:*"], "lambda:GetFunction", True),
    ],
)
def test_actions(pattern: object, action: str, matches: bool) -> None:
    """Actions match by * and ?, in any case."""
    statement = allow(Action=pattern)

    found = decided(statement, request(action))

    assert (found is Decision.ALLOWED) is matches


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (FUNCTION, True),
        (FUNCTION.upper(), False),
        (FUNCTION.replace("hello", "Hello"), False),
        (f"arn:aws:lambda:*:{TEST}:function:shop-test-*", True),
        (f"arn:aws:lambda:*:{TEST}:function:shop-test2-*", False),
        (f"arn:aws:lambda:*:{TEST}:function:shop-test-hell?", True),
        (f"arn:aws:lambda:*:{TOOLING}:function:*", False),
        (FUNCTION + "-world", False),
        (FUNCTION[:-1], False),
    ],
)
def test_resources(pattern: str, matches: bool) -> None:
    """Resources match by * and ?, as a whole and in their own case."""
    statement = allow(Resource=pattern)

    found = decided(statement, request())

    assert (found is Decision.ALLOWED) is matches


@pytest.mark.parametrize(
    ("elements", "allowed"),
    [
        ({"NotAction": "iam:*"}, True),
        ({"NotAction": ["iam:*", "lambda:*"]}, False),
        ({"NotResource": f"arn:aws:lambda:eu-west-1:{TEST}:function:shop-prod-*"}, True),
        ({"NotResource": [FUNCTION, "arn:aws:s3:::*"]}, False),
    ],
)
def test_the_not_forms(elements: dict[str, object], allowed: bool) -> None:
    """NotAction and NotResource cover everything but what they name."""
    left_out = {name.removeprefix("Not") for name in elements}
    statement = {name: value for name, value in allow(**elements).items() if name not in left_out}

    found = decided(statement, request())

    assert (found is Decision.ALLOWED) is allowed


def test_what_policies_allow() -> None:
    """The actions that policies allow are listed once each, in their order, without what they deny."""
    documents = (
        document(allow(Action=["s3:GetObject", "s3:PutObject"]), deny(Action="s3:DeleteObject")),
        document(allow(Action="s3:GetObject"), {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
    )

    found = policy.actions(documents)

    assert found == ("s3:GetObject", "s3:PutObject")
