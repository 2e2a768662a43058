"""Statements, policies and requests of one role, for the tests that judge by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lockstep.policy import Decision, Identity, Request
from lockstep.testing import TEST

ROLE = f"arn:aws:iam::{TEST}:role/shop-execution-test"
FUNCTION = f"arn:aws:lambda:eu-west-1:{TEST}:function:shop-test-hello"


def allow(**elements: object) -> dict[str, Any]:
    """Return a statement that allows everything, but for what a test says otherwise."""
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **elements}


def deny(**elements: object) -> dict[str, Any]:
    """Return a statement that denies everything, but for what a test says otherwise."""
    return allow(**elements) | {"Effect": "Deny"}


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy of some statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def request(action: str = "lambda:GetFunction", resource: str = FUNCTION, **context: str) -> Request:
    """Return a request of a role in test; condition keys are written with __ for their colon."""
    return Request(action, resource, ROLE, {key.replace("__", ":"): value for key, value in context.items()})


def decided(statement: Mapping[str, Any], asked: Request) -> Decision:
    """Say what one statement, alone, makes of a request."""
    return Identity(ROLE, (document(statement),)).decide(asked)
