"""Stacks as their administrator changes them: exactly as was shown, waited for; and what there is to take down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.stub import Stubber

from lockstep.aws.stack_changes import AccountStacks
from lockstep.errors import BusyError, IdentityError, LockstepError, UnavailableError
from lockstep.model import Change, StackPreview
from tests.adapters.stubbed_stacks import (
    ACCOUNT,
    BY_ID,
    BY_SET,
    CHANGED,
    ID,
    NEW,
    SET,
    STACK,
    WANTED,
    WHERE,
    absent,
    account_stacks,
    began,
    described,
    planned,
    seen,
    templated,
)

CloudFormation = tuple[AccountStacks, Stubber]
UNPROTECTED = {**WHERE, "EnableTerminationProtection": False}
PROTECTED = {**WHERE, "EnableTerminationProtection": True}


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in, where no look takes long."""
    with account_stacks() as found:
        yield found


def test_a_new_stack(cfn: CloudFormation) -> None:
    """A stack that is not there is created, so that it takes itself away if that fails, and waited for."""
    stacks, stub = cfn
    absent(stub)
    planned(stub, "CREATE", "CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, BY_SET)
    described(stub, "CREATE_IN_PROGRESS", BY_ID)
    described(stub, "CREATE_COMPLETE", BY_ID)

    assert stacks.apply(STACK, WANTED, NEW) == "created"


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_that_holds_nothing(cfn: CloudFormation, status: str) -> None:
    """A stack that an interrupted or failed creation left empty is deleted and created anew."""
    stacks, stub = cfn
    for _ in range(2):
        seen(stub, status)
    described(stub, status)
    stub.add_response("delete_stack", {}, BY_ID)
    described(stub, "DELETE_COMPLETE", BY_ID)
    planned(stub, "CREATE", "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, BY_SET)
    described(stub, "CREATE_COMPLETE", BY_ID)

    assert stacks.apply(STACK, WANTED, NEW) == "created"


def test_a_changed_stack(cfn: CloudFormation) -> None:
    """A stack that is there is updated by the very change set that was shown."""
    stacks, stub = cfn
    stub.add_response("execute_change_set", {}, BY_SET)
    described(stub, "UPDATE_IN_PROGRESS")
    described(stub, "UPDATE_COMPLETE")

    assert stacks.apply(STACK, WANTED, CHANGED) == "updated"


def test_an_unchanged_stack(cfn: CloudFormation) -> None:
    """A stack that was shown as unchanged is not even looked at again."""
    stacks, _ = cfn

    assert stacks.apply(STACK, WANTED, StackPreview(Change.NONE)) == "unchanged"


@pytest.mark.parametrize(("on", "call"), [(True, PROTECTED), (False, UNPROTECTED)])
def test_only_the_protection_changes(cfn: CloudFormation, on: bool, call: dict[str, object]) -> None:
    """A stack of which only the protection is to change gets it, on or off, and no change set."""
    stacks, stub = cfn
    stub.add_response("update_termination_protection", {"StackId": ID}, call)

    shown = StackPreview(Change.UPDATE, protection=on)
    assert stacks.apply(STACK, replace(WANTED, protected=on), shown) == "updated"


def test_a_new_stack_is_protected(cfn: CloudFormation) -> None:
    """A stack that is to be protected is so as soon as it is there."""
    stacks, stub = cfn
    began(stub)
    described(stub, "CREATE_COMPLETE", BY_ID)
    stub.add_response("update_termination_protection", {"StackId": ID}, PROTECTED)

    assert stacks.apply(STACK, replace(WANTED, protected=True), replace(NEW, protection=True)) == "created"


def test_a_stack_that_somebody_else_made(cfn: CloudFormation) -> None:
    """A stack that was shown as new and is there by now is left to whoever made it."""
    stacks, stub = cfn
    seen(stub, "CREATE_COMPLETE")

    with pytest.raises(BusyError) as caught:
        stacks.apply(STACK, WANTED, NEW)

    assert str(caught.value) == (
        f"error: applying the stack {STACK} in account {ACCOUNT}\n"
        "  answer: somebody else made it meanwhile\n"
        "  next: repeat"
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidChangeSetStatus", "cannot be executed in its current status of [CREATE_IN_PROGRESS]"),
        ("ChangeSetNotFound", f"ChangeSet [{SET}] does not exist"),
    ],
)
def test_a_change_set_that_is_void(cfn: CloudFormation, code: str, message: str) -> None:
    """Where somebody else came first the change set that was shown is void, which ends with 8."""
    stacks, stub = cfn
    stub.add_client_error("execute_change_set", code, message)

    with pytest.raises(BusyError) as caught:
        stacks.apply(STACK, WANTED, CHANGED)

    assert caught.value.exit_code == 8
    assert message in caught.value.answer


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AlreadyExistsException", "ChangeSet lockstep-create already exists"),
        ("ValidationError", f"Stack [{STACK}] already exists and cannot be created again with the changeSet [x]."),
    ],
)
def test_two_who_create_at_once(cfn: CloudFormation, code: str, message: str) -> None:
    """Of two who create the same stack at once, the one that comes second ends with 8."""
    stacks, stub = cfn
    absent(stub)
    stub.add_client_error("create_change_set", code, message)

    with pytest.raises(BusyError) as caught:
        stacks.apply(STACK, WANTED, NEW)

    assert caught.value.exit_code == 8
    assert message in caught.value.answer


def test_any_other_refusal_keeps_its_words(cfn: CloudFormation) -> None:
    """A template that CloudFormation does not take is an error in its words."""
    stacks, stub = cfn
    absent(stub)
    stub.add_client_error("create_change_set", "ValidationError", "Template format error: x")

    with pytest.raises(LockstepError) as caught:
        stacks.apply(STACK, WANTED, NEW)

    assert caught.value.answer == "ValidationError: Template format error: x"


def test_a_plan_that_is_declined(cfn: CloudFormation) -> None:
    """A change set that nobody agreed to is taken away; where none waits nobody is asked."""
    stacks, stub = cfn
    stub.add_response("delete_change_set", {}, BY_SET)

    stacks.discard(STACK, CHANGED)
    stacks.discard(STACK, NEW)


def test_a_stack_is_deleted(cfn: CloudFormation) -> None:
    """A stack is deleted once nothing changes it, and waited for by its id, since its name is gone then."""
    stacks, stub = cfn
    seen(stub, "CREATE_IN_PROGRESS")
    seen(stub, "CREATE_COMPLETE")
    described(stub, "CREATE_COMPLETE")
    stub.add_response("delete_stack", {}, BY_ID)
    described(stub, "DELETE_IN_PROGRESS", BY_ID)
    described(stub, "DELETE_COMPLETE", BY_ID)

    stacks.delete(STACK)


def test_a_stack_that_is_not_there_is_not_deleted(cfn: CloudFormation) -> None:
    """Deleting a stack that is gone already is no error; one that is going is waited for."""
    stacks, stub = cfn
    seen(stub, "DELETE_IN_PROGRESS")
    absent(stub)

    stacks.delete(STACK)


def test_the_stacks_of_an_account(cfn: CloudFormation) -> None:
    """Every stack of an account is named, however many; what is inside another is that one's business."""
    stacks, stub = cfn
    common = {"CreationTime": "2026-01-01", "StackStatus": "CREATE_COMPLETE"}
    one, two, inner = ({"StackName": name, **common} for name in ("one", "two", "two-Inner-1"))
    stub.add_response("describe_stacks", {"Stacks": [one], "NextToken": "2"}, {})
    stub.add_response("describe_stacks", {"Stacks": [two, inner | {"ParentId": ID}]}, {"NextToken": "2"})

    assert stacks.names() == ("one", "two")


def test_an_account_whose_stacks_cannot_be_listed(cfn: CloudFormation) -> None:
    """An account that does not tell its stacks is an error, and not one without stacks."""
    stacks, stub = cfn
    stub.add_client_error("describe_stacks", "Throttling", "Rate exceeded")

    with pytest.raises(UnavailableError, match=f"listing the stacks of account {ACCOUNT}"):
        stacks.names()


KEEPING = """
Resources:
  Goes: {Type: AWS::S3::Bucket}
  GoesToo: {Type: AWS::S3::Bucket, DeletionPolicy: Delete}
  Stays: {Type: AWS::S3::Bucket, DeletionPolicy: Retain}
  StaysToo: {Type: AWS::S3::Bucket, DeletionPolicy: RetainExceptOnCreate}
  NeverMade: {Type: AWS::S3::Bucket}
  Role: {Type: AWS::IAM::Role}
  Fn::ForEach::Looped: [Name, [One], {"${Name}": {Type: AWS::S3::Bucket}}]
"""


def test_the_buckets_that_go_with_a_stack(cfn: CloudFormation) -> None:
    """The buckets of a stack go with it, but for those that its template keeps and those that were never made."""
    stacks, stub = cfn
    described(stub, "CREATE_COMPLETE")
    common = {"LastUpdatedTimestamp": "2026-01-01", "ResourceStatus": "CREATE_COMPLETE"}
    made = [
        {"LogicalResourceId": name, "PhysicalResourceId": name.lower(), "ResourceType": kind, **common}
        for name, kind in (
            *((name, "AWS::S3::Bucket") for name in ("Goes", "GoesToo", "Stays", "StaysToo")),
            ("Role", "AWS::IAM::Role"),
        )
    ]
    never = {"LogicalResourceId": "NeverMade", "ResourceType": "AWS::S3::Bucket", **common}
    stub.add_response("list_stack_resources", {"StackResourceSummaries": [*made, never]}, WHERE)
    templated(stub, KEEPING)

    assert stacks.buckets(STACK) == ("goes", "goestoo")


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_the_buckets_of_no_stack(cfn: CloudFormation, status: str | None) -> None:
    """A stack that is not there, or holds nothing, has no buckets."""
    stacks, stub = cfn
    if status is None:
        absent(stub)
    else:
        seen(stub, status)

    assert stacks.buckets(STACK) == ()


def test_who_may_not_apply(cfn: CloudFormation) -> None:
    """Who may not carry out a change set is told which stack it was for."""
    stacks, stub = cfn
    stub.add_client_error("execute_change_set", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"applying the stack {STACK} in account {ACCOUNT}"):
        stacks.apply(STACK, WANTED, CHANGED)
