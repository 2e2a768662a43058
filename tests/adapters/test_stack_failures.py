"""CloudFormation: how a change that fails is told, by its cause and with what to do, as 6 or as 7."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from lockstep.aws.stack_changes import AccountStacks
from lockstep.errors import BusyError, DeployError, IdentityError, StackError
from tests.adapters.stubbed_stacks import (
    ACCOUNT,
    BY_ID,
    BY_SET,
    CHANGED,
    NEW,
    STACK,
    WANTED,
    WHERE,
    absent,
    account_stacks,
    began,
    described,
    event,
    own_event,
    planned,
    seen,
    told,
)

TRIED = f"error: applying the stack {STACK} in account {ACCOUNT}\n"

CloudFormation = tuple[AccountStacks, Stubber]


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in, where no look takes long."""
    with account_stacks() as found:
        yield found


def test_an_update_that_fails(cfn: CloudFormation) -> None:
    """A failed update is told by the event that failed first, not by what CloudFormation cancelled after it."""
    stacks, stub = cfn
    stub.add_response("execute_change_set", {}, BY_SET)
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
        event("Inner", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", physical=f"{STACK}-Inner-1"),
        event("Before", "AWS::IAM::Role", "UPDATE_FAILED", "The cause, before an inner stack began"),
        own_event("UPDATE_IN_PROGRESS", "User Initiated"),
        event("Old", "AWS::IAM::Role", "CREATE_FAILED", "A failure of last year"),
    ]
    stub.add_response("describe_stack_events", {"StackEvents": newest_first, "NextToken": "2"}, WHERE)
    stub.add_response("describe_stack_events", {"StackEvents": and_more}, {**WHERE, "NextToken": "2"})
    seen(stub, "UPDATE_ROLLBACK_COMPLETE")

    with pytest.raises(DeployError) as caught:
        stacks.apply(STACK, WANTED, CHANGED)

    assert caught.value.exit_code == 6
    assert str(caught.value) == (
        f"{TRIED}"
        "  answer: Before (AWS::IAM::Role) UPDATE_FAILED: The cause, before an inner stack began\n"
        "  next: mend the cause, then repeat"
    )


CREATED_IN_VAIN = (
    own_event("DELETE_COMPLETE"),
    event("Role", "AWS::IAM::Role", "DELETE_COMPLETE"),
    own_event("DELETE_IN_PROGRESS", "The following resource(s) failed to create: [Role]. Delete requested by user."),
    event("Files", "AWS::S3::Bucket", "CREATE_FAILED", "Resource creation cancelled"),
    event("Role", "AWS::IAM::Role", "CREATE_FAILED", "The policy is malformed"),
    own_event("CREATE_IN_PROGRESS", "User Initiated"),
    own_event("REVIEW_IN_PROGRESS", "User Initiated"),
)


def test_a_creation_that_fails(cfn: CloudFormation) -> None:
    """A stack whose creation failed has taken itself away: its cause is told all the same, and it may be repeated."""
    stacks, stub = cfn
    began(stub)
    described(stub, "CREATE_IN_PROGRESS", BY_ID)
    described(stub, "DELETE_IN_PROGRESS", BY_ID)
    described(stub, "DELETE_COMPLETE", BY_ID)
    told(stub, BY_ID, *CREATED_IN_VAIN)
    seen(stub, "DELETE_COMPLETE", BY_ID)

    with pytest.raises(DeployError) as caught:
        stacks.apply(STACK, WANTED, NEW)

    assert caught.value.exit_code == 6
    assert str(caught.value) == (
        f"{TRIED}"
        "  answer: Role (AWS::IAM::Role) CREATE_FAILED: The policy is malformed\n"
        "  next: mend the cause, then repeat"
    )


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue its rollback in the CloudFormation console, then repeat"),
        ("UPDATE_FAILED", "roll it back in the CloudFormation console, then repeat"),
    ],
)
def test_an_update_that_leaves_a_stack_stuck(cfn: CloudFormation, status: str, cure: str) -> None:
    """A stack that a failed change leaves stuck ends with 7, with the cause, its state and what a person has to do."""
    stacks, stub = cfn
    stub.add_response("execute_change_set", {}, BY_SET)
    described(stub, status)
    failed = event("Role", "AWS::IAM::Role", "UPDATE_FAILED", "The policy is malformed")
    told(stub, WHERE, own_event(status), failed, own_event("UPDATE_IN_PROGRESS"))
    seen(stub, status)

    with pytest.raises(StackError) as caught:
        stacks.apply(STACK, WANTED, CHANGED)

    assert caught.value.exit_code == 7
    cause = "Role (AWS::IAM::Role) UPDATE_FAILED: The policy is malformed"
    assert str(caught.value) == f"{TRIED}  answer: {cause}; it is {status}\n  next: {cure}"


def test_a_deletion_that_fails(cfn: CloudFormation) -> None:
    """A stack that cannot be deleted ends with 7 and the first reason, not that of a failed creation long before."""
    stacks, stub = cfn
    seen(stub, "CREATE_COMPLETE")
    described(stub, "CREATE_COMPLETE")
    stub.add_response("delete_stack", {}, BY_ID)
    described(stub, "DELETE_FAILED", BY_ID)
    told(
        stub,
        BY_ID,
        own_event("DELETE_FAILED", "The following resource(s) failed to delete: [Files]."),
        event("Files", "AWS::S3::Bucket", "DELETE_FAILED", "The bucket you tried to delete is not empty"),
        own_event("DELETE_IN_PROGRESS", "User Initiated"),
        event("Role", "AWS::IAM::Role", "UPDATE_FAILED", "A failure of last year"),
    )
    seen(stub, "DELETE_FAILED", BY_ID)

    with pytest.raises(StackError) as caught:
        stacks.delete(STACK)

    assert str(caught.value) == (
        f"error: deleting the stack {STACK} in account {ACCOUNT}\n"
        "  answer: Files (AWS::S3::Bucket) DELETE_FAILED: The bucket you tried to delete is not empty;"
        " it is DELETE_FAILED\n"
        "  next: remove what could not be deleted, delete the stack, then repeat"
    )


def unplanned(stub: Stubber) -> None:
    """Have a new stack be planned in vain, and what was to hold it be looked at."""
    absent(stub)
    planned(stub, "CREATE", "FAILED", reason="Unresolved resource dependencies [X]")
    stub.add_response("delete_change_set", {}, BY_SET)
    seen(stub, "REVIEW_IN_PROGRESS", BY_ID)
    described(stub, "REVIEW_IN_PROGRESS", BY_ID)


def test_a_new_stack_whose_change_set_fails(cfn: CloudFormation) -> None:
    """A new stack that CloudFormation cannot plan is an error in its words; what was to hold it is taken away."""
    stacks, stub = cfn
    unplanned(stub)
    stub.add_response("delete_stack", {}, BY_ID)
    described(stub, "DELETE_COMPLETE", BY_ID)

    with pytest.raises(StackError) as caught:
        stacks.apply(STACK, WANTED, NEW)

    assert str(caught.value) == (
        f"{TRIED}  answer: Unresolved resource dependencies [X]\n  next: mend the template, then repeat"
    )


def test_an_empty_stack_that_cannot_be_taken_away(cfn: CloudFormation) -> None:
    """Where what was to hold a new stack cannot be taken away, the error is still why it was not planned."""
    stacks, stub = cfn
    unplanned(stub)
    stub.add_client_error("delete_stack", "AccessDenied", "User: A is not authorized")

    with pytest.raises(StackError) as caught:
        stacks.apply(STACK, WANTED, NEW)

    assert caught.value.answer == "Unresolved resource dependencies [X]"


def test_a_stack_that_is_stuck_by_now(cfn: CloudFormation) -> None:
    """A stack that was shown as new and is stuck by now ends with 7 and stays as it is."""
    stacks, stub = cfn
    seen(stub, "DELETE_FAILED")

    with pytest.raises(StackError) as caught:
        stacks.apply(STACK, WANTED, NEW)

    cure = "remove what could not be deleted, delete the stack, then repeat"
    assert str(caught.value) == f"{TRIED}  answer: it is DELETE_FAILED\n  next: {cure}"


def test_a_stack_that_fails_without_a_reason(cfn: CloudFormation) -> None:
    """A stack that ends badly without any failed event is still an error."""
    stacks, stub = cfn
    told(stub, WHERE, own_event("DELETE_COMPLETE"))

    assert stacks.first_failure(STACK) == "CloudFormation gave no reason"


def test_a_stack_that_is_not_done_in_an_hour() -> None:
    """A change that does not end is waited for an hour, and then said to go on: nobody knows how it will end."""
    with account_stacks(poll=3600.0) as (stacks, stub):
        stub.add_response("execute_change_set", {}, BY_SET)
        described(stub, "UPDATE_IN_PROGRESS")
        told(stub, WHERE, own_event("UPDATE_IN_PROGRESS"))
        seen(stub, "UPDATE_IN_PROGRESS")

        with pytest.raises(DeployError) as caught:
            stacks.apply(STACK, WANTED, CHANGED)

    assert str(caught.value) == f"{TRIED}  answer: the stack goes on: UPDATE_IN_PROGRESS\n  next: wait, then repeat"


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_a_stack_that_somebody_changes_for_an_hour(status: str) -> None:
    """What somebody else does to a stack is waited for, for an hour, and then ends with 8."""
    with account_stacks(poll=3600.0) as (stacks, stub):
        seen(stub, status)

        with pytest.raises(BusyError) as caught:
            stacks.preview(STACK, WANTED)

    assert caught.value.exit_code == 8
    assert str(caught.value) == (
        f"error: planning the stack {STACK} in account {ACCOUNT}\n"
        f"  answer: somebody else changes it, and after an hour it is still {status}\n"
        "  next: wait until that is done, then repeat"
    )


def test_a_deletion_of_a_stack_that_somebody_changes() -> None:
    """A stack that somebody else changes for an hour is not deleted."""
    with account_stacks(poll=3600.0) as (stacks, stub):
        seen(stub, "UPDATE_IN_PROGRESS")

        with pytest.raises(BusyError, match=f"deleting the stack {STACK} in account {ACCOUNT}"):
            stacks.delete(STACK)


def test_a_change_set_that_is_never_made() -> None:
    """A change set that is not made within an hour is not waited for any longer: a run ends with 8."""
    with account_stacks(poll=3600.0) as (stacks, stub):
        absent(stub)
        planned(stub, "CREATE", "CREATE_IN_PROGRESS")

        with pytest.raises(BusyError) as caught:
            stacks.apply(STACK, WANTED, NEW)

    assert str(caught.value) == (
        f"{TRIED}  answer: after an hour its change set is still CREATE_IN_PROGRESS\n  next: wait, then repeat"
    )


def test_a_failed_look_is_no_failed_stack(cfn: CloudFormation) -> None:
    """Credentials that expire while a stack is being made are told as that: the stack may be well."""
    stacks, stub = cfn
    began(stub)
    stub.add_client_error("describe_stacks", "ExpiredToken", "The security token included in the request is expired")

    with pytest.raises(IdentityError, match="applying the stack"):
        stacks.apply(STACK, WANTED, NEW)
