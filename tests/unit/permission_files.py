"""Texts of a permissions.yaml, read or refused, for the tests of what may stand in one."""

from __future__ import annotations

import pytest

from lockstep import grants, schemas
from lockstep.errors import ConfigError
from lockstep.model import Grants
from lockstep.schemas import Schemas

FILE = "services/orders/permissions.yaml"
KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")
TABLE = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${AWS::StackName}-*"


def read(text: str) -> Grants:
    """Read a file of this text."""
    return grants.read(text, FILE, KNOWLEDGE)


def refusal(text: str) -> tuple[str, str, str]:
    """Return how a file of this text is refused: what was read, the answer, the cure."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    error = caught.value
    return error.tried, error.answer, error.cure


def one(**elements: object) -> str:
    """Return a file with one statement about a table, but for what a test says; None leaves an element out."""
    statement = {"Action": "dynamodb:CreateTable", "Resource": TABLE, **elements}
    return repr({"Execution": [{name: value for name, value in statement.items() if value is not None}]})
