"""CloudFormation as an action of a pipeline uses it: which calls are made, and how each way to fail is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from lockstep.aws.action_stacks import ActionStacks
from lockstep.errors import DeniedError, DeployError
from lockstep.model import AccountId
from lockstep.pipeline_ports import StackOrder
from tests.adapters.stubbed_stacks import (
    ACCOUNT,
    BY_ID,
    EMPTY,
    ID,
    STACK,
    TEMPLATE,
    WHERE,
    absent,
    described,
    event,
    own_event,
    told,
)
from tests.adapters.stubs import stubbed

ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop-execution"
ORDER = StackOrder(STACK, TEMPLATE, {"Project": "shop"}, {"team": "a"}, ("CAPABILITY_IAM",), ROLE)
ASKED = {
    "TemplateBody": TEMPLATE,
    "Parameters": [{"ParameterKey": "Project", "ParameterValue": "shop"}],
    "Tags": [{"Key": "team", "Value": "a"}],
    "Capabilities": ["CAPABILITY_IAM"],
    "RoleARN": ROLE,
}
SET = {**WHERE, "ChangeSetName": "plan"}
CHANGE = {"ResourceChange": {"Action": "Add", "LogicalResourceId": "Role", "ResourceType": "AWS::IAM::Role"}}
CHANGING = f"changing the stack {STACK} in account {ACCOUNT}"

CloudFormation = tuple[ActionStacks, Stubber]


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in, where no look takes long."""
    with stubbed("cloudformation") as (session, stub):
        yield ActionStacks(session, AccountId(ACCOUNT), 0.0001), stub


def planned(stub: Stubber, status: str, reason: str = "") -> None:
    """Have a change set be looked at."""
    changes = [CHANGE] if status == "CREATE_COMPLETE" else []
    answer: dict[str, Any] = {"Status": status, "StatusReason": reason, "Changes": changes}
    stub.add_response("describe_change_set", answer, SET)


def test_a_stack_is_created(cfn: CloudFormation) -> None:
    """A stack that is not there is created with all that is asked for, and waited for."""
    stacks, stub = cfn
    absent(stub)
    stub.add_response("create_stack", {"StackId": ID}, {**WHERE, **ASKED})
    described(stub, "CREATE_IN_PROGRESS", BY_ID)
    described(stub, "CREATE_COMPLETE", BY_ID)

    assert stacks.apply(ORDER) == "created"


def test_a_stack_is_updated(cfn: CloudFormation) -> None:
    """A stack that is there is updated; without tags it keeps those that it has."""
    stacks, stub = cfn
    described(stub, "CREATE_COMPLETE")
    asked = {name: value for name, value in ASKED.items() if name != "Tags"}
    stub.add_response("update_stack", {"StackId": ID}, {**WHERE, **asked})
    described(stub, "UPDATE_COMPLETE")

    assert stacks.apply(replace(ORDER, tags={})) == "updated"


def test_nothing_to_change(cfn: CloudFormation) -> None:
    """An update with nothing to change is done."""
    stacks, stub = cfn
    described(stub, "CREATE_COMPLETE")
    stub.add_client_error("update_stack", "ValidationError", "No updates are to be performed.", 400)

    assert stacks.apply(ORDER) == "unchanged"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationError", f"Stack:{ID} is in ROLLBACK_COMPLETE state and can not be updated."),
        ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]"),
    ],
)
def test_an_order_that_is_wrong(cfn: CloudFormation, code: str, message: str) -> None:
    """What CloudFormation refuses is told in its words."""
    stacks, stub = cfn
    described(stub, "ROLLBACK_COMPLETE")
    stub.add_client_error("update_stack", code, message, 400)

    with pytest.raises(DeployError) as caught:
        stacks.apply(ORDER)

    assert (caught.value.tried, caught.value.answer) == (CHANGING, f"{code}: {message}")


def test_a_role_that_may_not(cfn: CloudFormation) -> None:
    """Who may not is told so, with AWS's words."""
    stacks, stub = cfn
    stub.add_client_error("describe_stacks", "AccessDenied", "not authorized to perform", 403)

    with pytest.raises(DeniedError, match=CHANGING):
        stacks.apply(ORDER)


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("ROLLBACK_COMPLETE", "mend the cause, then repeat"),
        ("ROLLBACK_FAILED", "delete the stack, then repeat"),
    ],
)
def test_a_stack_that_fails(cfn: CloudFormation, status: str, cure: str) -> None:
    """A stack that fails is told by its first failed resource, and by the state that it is left in."""
    stacks, stub = cfn
    absent(stub)
    stub.add_response("create_stack", {"StackId": ID}, {**WHERE, **ASKED})
    described(stub, status, BY_ID)
    told(
        stub,
        BY_ID,
        event("Later", "AWS::IAM::Role", "CREATE_FAILED", "Resource creation cancelled"),
        event("Role", "AWS::IAM::Role", "CREATE_FAILED", "The policy is malformed"),
        own_event("CREATE_IN_PROGRESS", "User Initiated"),
    )

    with pytest.raises(DeployError) as caught:
        stacks.apply(ORDER)

    reason = "Role (AWS::IAM::Role) CREATE_FAILED: The policy is malformed"
    assert (caught.value.answer, caught.value.cure) == (f"{reason}; it is {status}", cure)


def test_a_reason_that_may_not_be_read(cfn: CloudFormation) -> None:
    """Without the right to read a stack's events its failure is told without the reason."""
    stacks, stub = cfn
    described(stub, "CREATE_COMPLETE")
    stub.add_response("update_stack", {"StackId": ID}, {**WHERE, **ASKED})
    described(stub, "UPDATE_ROLLBACK_COMPLETE")
    stub.add_client_error("describe_stack_events", "AccessDenied", "cloudformation:DescribeStackEvents", 403)

    with pytest.raises(DeployError) as caught:
        stacks.apply(ORDER)

    assert caught.value.answer == (
        "the reason is not known: AccessDenied: cloudformation:DescribeStackEvents; it is UPDATE_ROLLBACK_COMPLETE"
    )


def test_a_stack_that_does_not_end() -> None:
    """What goes on for too long is told to go on."""
    with stubbed("cloudformation") as (session, stub):
        described(stub, "CREATE_COMPLETE")
        stub.add_response("update_stack", {"StackId": ID}, {**WHERE, **ASKED})
        described(stub, "UPDATE_IN_PROGRESS")

        with pytest.raises(DeployError, match="the stack goes on: UPDATE_IN_PROGRESS"):
            ActionStacks(session, AccountId(ACCOUNT), 3600).apply(ORDER)


@pytest.mark.parametrize(
    ("before", "kind"), [("", "CREATE"), ("REVIEW_IN_PROGRESS", "CREATE"), ("UPDATE_COMPLETE", "UPDATE")]
)
def test_a_change_set_is_made(cfn: CloudFormation, before: str, kind: str) -> None:
    """A change set of a stack that holds nothing creates it, of another it updates it; an earlier one is taken away."""
    stacks, stub = cfn
    if before:
        described(stub, before)
        stub.add_response("delete_change_set", {}, SET)
    else:
        absent(stub)
    stub.add_response("create_change_set", {"Id": "x", "StackId": ID}, {**SET, "ChangeSetType": kind, **ASKED})
    planned(stub, "CREATE_PENDING")
    planned(stub, "CREATE_COMPLETE")

    assert stacks.plan(ORDER, "plan") is True


def test_a_change_set_with_nothing_in_it(cfn: CloudFormation) -> None:
    """A change set that changes nothing is left as it is; to execute it is to change nothing."""
    stacks, stub = cfn
    described(stub, "CREATE_COMPLETE")
    stub.add_response("delete_change_set", {}, SET)
    stub.add_response("create_change_set", {"Id": "x", "StackId": ID}, {**SET, "ChangeSetType": "UPDATE", **ASKED})
    planned(stub, "FAILED", EMPTY)
    described(stub, "CREATE_COMPLETE")
    planned(stub, "FAILED", EMPTY)

    made, executed = stacks.plan(ORDER, "plan"), stacks.execute(STACK, "plan")

    assert (made, executed) == (False, "unchanged")


def test_a_change_set_that_fails(cfn: CloudFormation) -> None:
    """A change set that CloudFormation cannot make is told with its reason."""
    stacks, stub = cfn
    absent(stub)
    stub.add_response("create_change_set", {"Id": "x", "StackId": ID}, {**SET, "ChangeSetType": "CREATE", **ASKED})
    planned(stub, "FAILED", "No such bucket")

    with pytest.raises(DeployError) as caught:
        stacks.plan(ORDER, "plan")

    assert (caught.value.tried, caught.value.answer) == (
        f"making the change set plan of the stack {STACK} in account {ACCOUNT}",
        "No such bucket",
    )


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [
        ("REVIEW_IN_PROGRESS", "CREATE_COMPLETE", "created"),
        ("CREATE_COMPLETE", "UPDATE_COMPLETE", "updated"),
    ],
)
def test_a_change_set_is_executed(cfn: CloudFormation, before: str, after: str, result: str) -> None:
    """A change set is executed and waited for."""
    stacks, stub = cfn
    described(stub, before)
    planned(stub, "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, SET)
    described(stub, after)

    assert stacks.execute(STACK, "plan") == result


def test_a_change_set_that_is_not_there(cfn: CloudFormation) -> None:
    """A change set that nobody has made fails the action by its name."""
    stacks, stub = cfn
    absent(stub)
    stub.add_client_error("describe_change_set", "ChangeSetNotFound", "ChangeSet [plan] does not exist", 404)

    with pytest.raises(DeployError, match=r"ChangeSet \[plan\] does not exist"):
        stacks.execute(STACK, "plan")


def test_a_stack_is_deleted(cfn: CloudFormation) -> None:
    """A stack is deleted with the role that is named, and waited for by its id; one that is not there is no error."""
    stacks, stub = cfn
    described(stub, "CREATE_COMPLETE")
    stub.add_response("delete_stack", {}, {**WHERE, "RoleARN": ROLE})
    described(stub, "DELETE_COMPLETE", BY_ID)
    absent(stub)

    assert stacks.delete(STACK, ROLE) is True
    assert stacks.delete(STACK, ROLE) is False


def test_outputs(cfn: CloudFormation) -> None:
    """A stack's outputs are told by their names; a stack that is not there, or has none, has none."""
    stacks, stub = cfn
    described(stub, "CREATE_COMPLETE", Outputs=[{"OutputKey": "Vpc", "OutputValue": "vpc-1"}])
    described(stub, "CREATE_COMPLETE")
    absent(stub)

    assert [stacks.outputs(STACK) for _ in range(3)] == [{"Vpc": "vpc-1"}, {}, {}]
