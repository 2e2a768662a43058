"""What account stacks are made of: the templates of infra/, the key's ARN, and what the services ask for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockstep import account_stacks, template
from lockstep.account_stacks import AccountStack, Granted
from lockstep.errors import ConfigError
from lockstep.model import StackName
from lockstep.ports import StackContent
from lockstep.testing import PROD

KEY = "arn:aws:kms:eu-west-1:111111111111:key/1"
TEXT = """
Resources:
  ExecutionRole: {Type: AWS::IAM::Role, Properties: {RoleName: execution}}
  Boundary:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Sid: Everybody, Effect: Allow, Action: logs:PutLogEvents, Resource: "*"}]
"""
STEP = AccountStack(PROD, "prod", StackName("shop-account-prod"), "environment.yaml", {"Project": "shop"}, {"a": "b"})
BASE = {"Sid": "Everybody", "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Have a working tree with the template of an environment."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "environment.yaml").write_text(TEXT)
    return tmp_path


def allow(action: str, **more: str) -> dict[str, Any]:
    """Return a statement that allows one action."""
    return {**more, "Effect": "Allow", "Action": action, "Resource": "arn:aws:ses:x"}


def granted(root: Path, *services: Granted) -> tuple[Any, Any]:
    """Return the policies of the execution role and the statements of the boundary, with what services ask for."""
    made = account_stacks.content(replace(STEP, granted=services), root, KEY)
    resources = template.read(made.template, "made")["Resources"]
    boundary = resources["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    return resources["ExecutionRole"]["Properties"]["Policies"], boundary


@pytest.mark.parametrize("needs_key", [False, True])
def test_a_template_as_it_is_written(root: Path, needs_key: bool) -> None:
    """A stack is made of its template as it is written; only one that takes the key is given it."""
    step = replace(STEP, needs_key=needs_key, protected=True)

    found = account_stacks.content(step, root, KEY)

    parameters = {"Project": "shop"} | ({"KeyArn": KEY} if needs_key else {})
    assert found == StackContent(TEXT, parameters, {"a": "b"}, protected=True)


def test_what_services_ask_for_is_allowed(root: Path) -> None:
    """What each service asks for its stack becomes a policy of its name, what it asks for its functions a wider bound.

    A statement's Sid is left out of the bound, where it would have to be the only one of its name.
    """
    hello = Granted("hello", (allow("ses:CreateTemplate", Sid="Mine"),), (allow("ses:SendEmail", Sid="Mine"),))
    orders = Granted("orders", (), (allow("ses:SendRawEmail", Sid="Mine"),))

    policies, boundary = granted(root, hello, orders)

    document = {"Version": "2012-10-17", "Statement": [allow("ses:CreateTemplate", Sid="Mine")]}
    assert policies == [{"PolicyName": "hello", "PolicyDocument": document}]
    assert boundary == [BASE, allow("ses:SendEmail"), allow("ses:SendRawEmail")]


LONG = tuple(allow(f"ses:SendEmail{number}") for number in range(200))


@pytest.mark.parametrize(
    ("services", "section", "most"),
    [
        ((Granted("hello", LONG, ()), Granted("orders", LONG, ())), "Execution", 10240),
        ((Granted("hello", (), LONG), Granted("orders", (), ())), "Boundary", 6144),
    ],
)
def test_services_that_ask_for_too_much(root: Path, services: tuple[Granted, ...], section: str, most: int) -> None:
    """More than IAM's policies hold is refused before anything is made, with the files that ask for it."""
    with pytest.raises(ConfigError) as caught:
        granted(root, *services)

    files = "services/hello/permissions.yaml, services/orders/permissions.yaml"
    assert caught.value.tried == f"adding {section} of {files} to prod"
    assert caught.value.answer.endswith(f" characters, and IAM takes {most}")
    assert caught.value.cure == "name fewer actions there"
