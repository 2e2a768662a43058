"""CloudFormation: how a stack that fails, is stuck or is somebody else's just now is told of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from lockstep.aws.cloudformation import Stacks
from lockstep.errors import BusyError, IdentityError, LockstepError, StackError
from tests.adapters.stubbed_stacks import (
    CHANGE,
    ID,
    STACK,
    WHERE,
    apply,
    changed,
    described,
    event,
    found,
    own_event,
    seen,
)
from tests.adapters.stubs import stubbed

TRIED = f"error: applying the stack {STACK} in account 222222222222\n"

CloudFormation = tuple[Stacks, Stubber]


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in, where no look takes long."""
    with stubbed("cloudformation") as (session, stub):
        yield Stacks(session, "222222222222", 0.0001), stub


def test_a_change_set_that_fails(cfn: CloudFormation) -> None:
    """A change set that fails for any other reason is an error in CloudFormation's words."""
    stacks, stub = cfn
    found(stub, None)
    changed(stub, "CREATE", "FAILED", reason="Unresolved resource dependencies [X]")

    with pytest.raises(StackError) as caught:
        apply(stacks)

    assert str(caught.value) == (
        f"{TRIED}  answer: Unresolved resource dependencies [X]\n  next: mend the template, then repeat"
    )


def test_a_stack_that_fails(cfn: CloudFormation) -> None:
    """A failed update is told by the event that failed first, not by what CloudFormation cancelled after it."""
    stacks, stub = cfn
    found(stub, "CREATE_COMPLETE")
    changed(stub, "UPDATE", "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, CHANGE)
    described(stub, "UPDATE_ROLLBACK_COMPLETE")
    newest_first = [
        own_event("UPDATE_ROLLBACK_COMPLETE"),
        own_event("UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Role, Key]."),
        event("Policy", "AWS::IAM::Policy", "UPDATE_FAILED", "A later failure"),
        event("Key", "AWS::KMS::Key", "UPDATE_FAILED", "Resource update cancelled"),
    ]
    and_more = [
        event("Role", "AWS::IAM::Role", "UPDATE_FAILED", "The policy is malformed"),
        event("Bucket", "AWS::S3::Bucket", "UPDATE_FAILED", "Resource update cancelled"),
        event("Inner", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS"),
        event("Before", "AWS::IAM::Role", "UPDATE_FAILED", "The cause, before an inner stack began"),
        own_event("UPDATE_IN_PROGRESS", "User Initiated"),
        event("Old", "AWS::IAM::Role", "CREATE_FAILED", "A failure of last year"),
    ]
    stub.add_response("describe_stack_events", {"StackEvents": newest_first, "NextToken": "2"}, WHERE)
    stub.add_response("describe_stack_events", {"StackEvents": and_more}, {**WHERE, "NextToken": "2"})

    with pytest.raises(StackError) as caught:
        apply(stacks)

    assert caught.value.exit_code == 7
    assert str(caught.value) == (
        f"{TRIED}"
        "  answer: Before (AWS::IAM::Role) UPDATE_FAILED: The cause, before an inner stack began\n"
        "  next: mend the cause, then repeat"
    )


def test_a_stack_that_fails_without_a_reason(cfn: CloudFormation) -> None:
    """A stack that ends badly without any failed event is still an error."""
    stacks, stub = cfn
    stub.add_response("describe_stack_events", {"StackEvents": [own_event("DELETE_COMPLETE")]}, WHERE)

    assert stacks.first_failure(STACK) == "CloudFormation gave no reason"


def test_a_failed_look_is_no_failed_stack(cfn: CloudFormation) -> None:
    """Credentials that expire while a stack is being made are told as that: the stack may be well."""
    stacks, stub = cfn
    found(stub, None)
    changed(stub, "CREATE", "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, CHANGE)
    stub.add_client_error("describe_stacks", "ExpiredToken", "The security token included in the request is expired")

    with pytest.raises(IdentityError, match="applying the stack"):
        apply(stacks)


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("CREATE_FAILED", "delete the stack, then repeat"),
        ("ROLLBACK_COMPLETE", "delete the stack, then repeat"),
        ("ROLLBACK_FAILED", "delete the stack, then repeat"),
        ("DELETE_FAILED", "delete the stack, then repeat"),
        ("UPDATE_FAILED", "roll it back in the CloudFormation console, then repeat"),
        ("UPDATE_ROLLBACK_FAILED", "continue its rollback in the CloudFormation console, then repeat"),
    ],
)
def test_a_stack_that_needs_a_person(cfn: CloudFormation, status: str, cure: str) -> None:
    """A stack that takes no change ends with 7 and stays as it is; nobody is told to delete one that was whole."""
    stacks, stub = cfn
    seen(stub, status)

    with pytest.raises(StackError) as caught:
        apply(stacks)

    assert caught.value.exit_code == 7
    assert str(caught.value) == f"{TRIED}  answer: it is {status}\n  next: {cure}"


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        ("delete", "InvalidChangeSetStatus", "An operation on this ChangeSet is currently in progress."),
        ("create", "ValidationError", f"Stack:{ID} is in UPDATE_IN_PROGRESS state and can not be updated."),
        ("execute", "InvalidChangeSetStatus", "cannot be executed in its current status of [CREATE_IN_PROGRESS]"),
        ("execute", "ChangeSetNotFound", "ChangeSet [x] does not exist"),
    ],
)
def test_two_runs_at_once(cfn: CloudFormation, call: str, code: str, message: str) -> None:
    """Of two runs at once, the one that comes second ends with 8."""
    stacks, stub = cfn
    seen(stub, "CREATE_COMPLETE")
    if call != "delete":
        stub.add_response("delete_change_set", {}, CHANGE)
    if call == "execute":
        changed(stub, "UPDATE", "CREATE_COMPLETE")
    stub.add_client_error(f"{call}_change_set", code, message)

    with pytest.raises(BusyError) as caught:
        apply(stacks)

    assert caught.value.exit_code == 8
    assert f"({code})" in caught.value.answer
    assert message in caught.value.answer


def test_any_other_refusal_keeps_its_words(cfn: CloudFormation) -> None:
    """A template that CloudFormation does not take is an error in its words."""
    stacks, stub = cfn
    found(stub, None)
    stub.add_client_error("create_change_set", "ValidationError", "Template format error: x")

    with pytest.raises(LockstepError) as caught:
        apply(stacks)

    assert caught.value.answer == "ValidationError: Template format error: x"
