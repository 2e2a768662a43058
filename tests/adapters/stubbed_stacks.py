"""What CloudFormation answers while a stack is looked at and applied, put into a Stubber."""

from __future__ import annotations

from typing import Any

from botocore.stub import ANY, Stubber

from lockstep.aws.cloudformation import Stacks
from lockstep.model import StackName

STACK = StackName("shop-account-test")
ID = f"arn:aws:cloudformation:eu-west-1:222222222222:stack/{STACK}/1"
WHERE = {"StackName": STACK}
CHANGE = {**WHERE, "ChangeSetName": ANY}
ABSENT = f"Stack with id {STACK} does not exist"
EMPTY = "The submitted information didn't contain changes. Submit different information to create a change set."


def described(stub: Stubber, status: str, **more: Any) -> None:  # noqa: ANN401 - what AWS answers
    """Have a stack be described by itself."""
    stack = {"StackName": STACK, "StackId": ID, "CreationTime": "2026-01-01", "StackStatus": status, **more}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, WHERE)


def seen(stub: Stubber, status: str) -> None:
    """Have a stack be looked at, which has no resource."""
    described(stub, status)
    stub.add_response("list_stack_resources", {"StackResourceSummaries": []}, WHERE)


def found(stub: Stubber, status: str | None) -> None:
    """Have a stack be found before it is applied, or be absent."""
    if status is None:
        stub.add_client_error("describe_stacks", "ValidationError", ABSENT, 400, expected_params=WHERE)
        return
    seen(stub, status)
    stub.add_response("delete_change_set", {}, CHANGE)


def changed(stub: Stubber, kind: str, *statuses: str, reason: str = "") -> None:
    """Have a change set be made, and be looked at until it is in the last of some statuses."""
    expected = {
        **CHANGE,
        "ChangeSetType": kind,
        "TemplateBody": "TEMPLATE",
        "Parameters": [{"ParameterKey": "Project", "ParameterValue": "shop"}],
        "Tags": [{"Key": "team", "Value": "a"}],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    stub.add_response("create_change_set", {}, expected)
    for status in statuses:
        stub.add_response("describe_change_set", {"Status": status, "StatusReason": reason}, CHANGE)


def event(name: str, kind: str, status: str, reason: str = "") -> dict[str, str]:
    """Return one event of the stack."""
    told = {"StackId": ID, "EventId": f"{name}{status}", "StackName": STACK, "Timestamp": "2026-01-01",
            "LogicalResourceId": name, "ResourceType": kind, "ResourceStatus": status}  # fmt: skip
    return told | ({"ResourceStatusReason": reason} if reason else {})


def own_event(status: str, reason: str = "") -> dict[str, str]:
    """Return an event of the stack itself."""
    return event(STACK, "AWS::CloudFormation::Stack", status, reason)


def apply(stacks: Stacks) -> str:
    """Apply a template."""
    return stacks.apply(STACK, "TEMPLATE", {"Project": "shop"}, {"team": "a"})
