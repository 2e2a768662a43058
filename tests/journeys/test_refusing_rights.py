"""Deployments that the execution role could not carry out: refused with exit code 3 before anything changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.model import StackName
from lockstep.testing import TEST, a_service
from tests.journeys.terminal import changed, text

if TYPE_CHECKING:
    from tests.journeys.terminal import Seen, Terminal

EXECUTION = f"arn:aws:iam::{TEST}:role/shop-execution-test"
SAM = "AWS::Serverless-2016-10-31"


def forbid(terminal: Terminal, *actions: str) -> None:
    """Let the execution role of test do everything but some actions."""
    terminal.world.policies[EXECUTION] = {
        "Statement": [{"Effect": "Allow", "NotAction": list(actions), "Resource": "*"}]
    }


def refusal(service: str, actions: str) -> str:
    """Return the error of a deployment of a service that lacks some actions."""
    return text(
        f"error: deploying {service} to test with {EXECUTION}",
        f"  answer: it may not: {actions}; nothing was changed",
        f"  next: invoke permissions --env test --service {service}",
    )


@pytest.fixture
def ready(terminal: Terminal) -> Terminal:
    """A terminal at which hello, an image function, was released and not deployed."""
    terminal.write_template("hello", Transform=SAM)
    terminal.release()
    terminal.changes()
    return terminal


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_a_right_is_missing(ready: Terminal, flags: tuple[str, ...]) -> None:
    """A deployment without lambda:CreateFunction is refused by that name, as is its dry run, and calls nothing."""
    forbid(ready, "lambda:CreateFunction")
    before = ready.accounts()

    seen = ready.invoke("deploy", "--env", "test", *flags)

    assert (seen.code, seen.err) == (3, refusal("hello", "lambda:CreateFunction"))
    assert (ready.accounts(), ready.changes()) == (before, [])


def test_the_plan_is_shown(ready: Terminal) -> None:
    """What was to be deployed is shown before it is refused, and nothing is said to have been done."""
    forbid(ready, "lambda:CreateFunction")

    seen = ready.invoke("deploy", "--env", "test")

    assert "  create    shop-test-hello: it is not there yet" in seen.out.splitlines()
    assert "hello: create" not in seen.out


def test_as_json(ready: Terminal) -> None:
    """With --json nothing is on stdout of a deployment that is refused."""
    forbid(ready, "lambda:CreateFunction")

    seen = ready.invoke("deploy", "--env", "test", "--json")

    assert (seen.code, seen.out) == (3, "")


def test_many_rights_are_missing(ready: Terminal) -> None:
    """Every right that is missing is named once, whatever it is missing for."""
    forbid(ready, "iam:CreateRole", "ecr:BatchGetImage", "lambda:TagResource")

    seen = ready.invoke("deploy", "--env", "test")

    assert seen.err == refusal("hello", "lambda:TagResource, ecr:BatchGetImage, iam:CreateRole")


def deployed(terminal: Terminal, service: str) -> bool:
    """Is a service's stack in test?"""
    return (TEST, StackName(f"shop-test-{service}")) in terminal.world.stacks


def test_the_second_of_two_services(two: Terminal) -> None:
    """Where only the second service lacks a right, the first is not deployed either."""
    two.write_template("hello", Transform=SAM)
    two.write_template("orders", Transform=SAM, Resources={"Orders": {"Type": "AWS::DynamoDB::Table"}})
    two.services = (two.services[0], a_service("orders", images=(), smoke=()))
    forbid(two, "dynamodb:CreateTable")

    seen = two.invoke("deploy", "--env", "test")

    assert (seen.code, seen.err) == (3, refusal("orders", "dynamodb:CreateTable"))
    assert (deployed(two, "hello"), deployed(two, "orders")) == (False, False)


def test_a_service_that_was_not_asked_for(two: Terminal) -> None:
    """A service that lacks a right stops no deployment of another one."""
    two.write_template("hello", Transform=SAM)
    topic = {"News": {"Type": "AWS::SNS::Topic"}}
    two.write_template("orders", Transform=SAM, Resources={**topic, **orders_function()})
    forbid(two, "sns:CreateTopic")

    seen = two.invoke("deploy", "--env", "test", "--service", "hello")

    assert (seen.code, deployed(two, "hello"), deployed(two, "orders")) == (0, True, False)


def orders_function() -> dict[str, object]:
    """Return the resources of a template with one image function."""
    metadata = {"Dockerfile": "Dockerfile", "DockerContext": "app"}
    properties = {"PackageType": "Image"}
    return {"HelloFunction": {"Type": "AWS::Serverless::Function", "Metadata": metadata, "Properties": properties}}


def test_what_is_deployed_already(ready: Terminal) -> None:
    """What stays as it is needs no rights, so a role that lost one refuses nothing before something changes."""
    ready.invoke("deploy", "--env", "test")
    forbid(ready, "lambda:UpdateFunctionCode")

    unchanged = ready.invoke("deploy", "--env", "test")
    ready.services = (changed(ready.services[0]),)
    updated = ready.invoke("deploy", "--env", "test")

    assert (unchanged.code, unchanged.err) == (0, "")
    assert (updated.code, updated.err) == (3, refusal("hello", "lambda:UpdateFunctionCode"))


def test_after_the_right_was_granted(ready: Terminal) -> None:
    """Once the right is there the same command deploys what was refused."""
    forbid(ready, "lambda:CreateFunction")
    refused: Seen = ready.invoke("deploy", "--env", "test")
    forbid(ready)

    seen = ready.invoke("deploy", "--env", "test")

    assert (refused.code, seen.code, deployed(ready, "hello")) == (3, 0, True)
