"""What CloudFormation answers while a stack is looked at, planned and changed, put into a Stubber."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from botocore.stub import ANY, Stubber

from lockstep.aws.stack_changes import AccountStacks
from lockstep.model import Change, ResourceChange, StackName, StackPreview
from lockstep.ports import StackContent
from tests.adapters.stubs import stubbed

ACCOUNT = "222222222222"
STACK = StackName("shop-account-test")
MADE = datetime(2026, 1, 1, tzinfo=UTC)
ID = f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/{STACK}/1"
SET = f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:changeSet/lockstep-x/1"
WHERE, BY_ID, BY_SET = {"StackName": STACK}, {"StackName": ID}, {"StackName": STACK, "ChangeSetName": SET}
ABSENT = f"Stack with id {STACK} does not exist"
EMPTY = "The submitted information didn't contain changes. Submit different information to create a change set."
TEMPLATE = """
Parameters: {Project: {Type: String}}
Resources:
  Role: {Type: AWS::IAM::Role}
  Files: {Type: AWS::S3::Bucket}
"""
WANTED = StackContent(TEMPLATE, {"Project": "shop"}, {"team": "a"})
# A stack that is as WANTED says.
AS_WANTED: Mapping[str, Any] = {
    "Parameters": [{"ParameterKey": "Project", "ParameterValue": "shop"}],
    "Tags": [{"Key": "team", "Value": "a"}],
}
NEW = StackPreview(
    Change.CREATE, (ResourceChange("add", "Role", "AWS::IAM::Role"), ResourceChange("add", "Files", "AWS::S3::Bucket"))
)
CHANGED = StackPreview(Change.UPDATE, (ResourceChange("modify", "Role", "AWS::IAM::Role", ("Tags",)),), SET)


@contextmanager
def account_stacks(said: list[str] | None = None, poll: float = 0.0001) -> Iterator[tuple[AccountStacks, Stubber]]:
    """Open an account whose answers a test puts in, where no look takes long, and which says what it waits for."""
    say = (list[str]() if said is None else said).append
    with stubbed("cloudformation") as (session, stub):
        yield AccountStacks(session, ACCOUNT, say, poll), stub


def described(stub: Stubber, status: str, where: Mapping[str, str] = WHERE, **more: Any) -> None:  # noqa: ANN401 - what AWS answers
    """Have a stack be described by itself."""
    stack = {"StackName": STACK, "StackId": ID, "CreationTime": MADE, "StackStatus": status, **more}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, where)


def seen(stub: Stubber, status: str, where: Mapping[str, str] = WHERE, **more: Any) -> None:  # noqa: ANN401 - what AWS answers
    """Have a stack be looked at, which has no resource."""
    described(stub, status, where, **more)
    stub.add_response("list_stack_resources", {"StackResourceSummaries": []}, where)


def absent(stub: Stubber) -> None:
    """Have a stack not be there."""
    stub.add_client_error("describe_stacks", "ValidationError", ABSENT, 400, expected_params=WHERE)


def templated(stub: Stubber, text: str = TEMPLATE) -> None:
    """Have a stack's template be read."""
    stub.add_response("get_template", {"TemplateBody": text}, {**WHERE, "TemplateStage": "Original"})


def differing(stub: Stubber, status: str = "CREATE_COMPLETE", **more: Any) -> None:  # noqa: ANN401 - what AWS answers
    """Have a stack be compared that lacks parameters and tags, and the change set of an earlier run be taken away."""
    seen(stub, status, **more)
    templated(stub)
    stub.add_response("delete_change_set", {}, {**WHERE, "ChangeSetName": ANY})


def asked(kind: str) -> dict[str, Any]:
    """Return what a change set is asked for with."""
    return {
        **WHERE,
        "ChangeSetName": ANY,
        "ChangeSetType": kind,
        "TemplateBody": TEMPLATE,
        "Parameters": [{"ParameterKey": "Project", "ParameterValue": "shop"}],
        "Tags": [{"Key": "team", "Value": "a"}],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "OnStackFailure": "DELETE" if kind == "CREATE" else "ROLLBACK",
    }


def planned(stub: Stubber, kind: str, *statuses: str, reason: str = "", changes: tuple[Any, ...] = ()) -> None:
    """Have a change set be made, and be looked at until it is in the last of some statuses."""
    stub.add_response("create_change_set", {"Id": SET, "StackId": ID}, asked(kind))
    for status in statuses:
        answer = {"Status": status, "StatusReason": reason, "Changes": [{"ResourceChange": one} for one in changes]}
        stub.add_response("describe_change_set", answer, BY_SET)


def began(stub: Stubber) -> None:
    """Have a new stack be asked for, and its creation begin."""
    absent(stub)
    planned(stub, "CREATE", "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, BY_SET)


def event(name: str, kind: str, status: str, reason: str = "", physical: str = "") -> dict[str, str]:
    """Return one event of the stack."""
    told = {"StackId": ID, "EventId": f"{name}{status}", "StackName": STACK, "Timestamp": "2026-01-01",
            "LogicalResourceId": name, "PhysicalResourceId": physical, "ResourceType": kind,
            "ResourceStatus": status}  # fmt: skip
    return told | ({"ResourceStatusReason": reason} if reason else {})


def own_event(status: str, reason: str = "") -> dict[str, str]:
    """Return an event of the stack itself."""
    return event(STACK, "AWS::CloudFormation::Stack", status, reason, ID)


def told(stub: Stubber, where: Mapping[str, str], *events: dict[str, str]) -> None:
    """Have the events of a stack be told, the newest first."""
    stub.add_response("describe_stack_events", {"StackEvents": [*events]}, where)
