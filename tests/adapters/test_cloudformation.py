"""CloudFormation: what a stack is, and how bootstrap makes and updates one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from lockstep.aws.cloudformation import Stacks
from lockstep.errors import IdentityError, LockstepError, UnavailableError
from lockstep.ports import StackState
from tests.adapters.stubbed_stacks import CHANGE, EMPTY, STACK, WHERE, apply, changed, described, found, seen
from tests.adapters.stubs import stubbed

CloudFormation = tuple[Stacks, Stubber]


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in, where no look takes long."""
    with stubbed("cloudformation") as (session, stub):
        yield Stacks(session, "222222222222", 0.0001), stub


def test_a_stack_as_it_is(cfn: CloudFormation) -> None:
    """A stack is told with its tags, outputs and functions, and with all its resources, however many."""
    stacks, stub = cfn
    described(
        stub,
        "UPDATE_COMPLETE",
        Tags=[{"Key": "lockstep:release", "Value": "1"}],
        Outputs=[{"OutputKey": "Url", "OutputValue": "https://x"}],
    )
    common = {"LastUpdatedTimestamp": "2026-01-01", "ResourceStatus": "CREATE_COMPLETE"}
    made = {"LogicalResourceId": "Hello", "PhysicalResourceId": "shop-hello", "ResourceType": "AWS::Lambda::Function"}
    not_yet = {"LogicalResourceId": "Role", "ResourceType": "AWS::IAM::Role"}
    first, second = {"StackResourceSummaries": [made | common]}, {"StackResourceSummaries": [not_yet | common]}
    stub.add_response("list_stack_resources", {**first, "NextToken": "2"}, WHERE)
    stub.add_response("list_stack_resources", second, {**WHERE, "NextToken": "2"})

    state = stacks.describe(STACK)

    assert state == StackState(
        status="UPDATE_COMPLETE",
        tags={"lockstep:release": "1"},
        resources={"Hello": "shop-hello", "Role": ""},
        functions=("Hello",),
        outputs={"Url": "https://x"},
    )


def test_a_stack_that_is_not_there(cfn: CloudFormation) -> None:
    """A stack that does not exist is no error."""
    stacks, stub = cfn
    found(stub, None)

    assert stacks.describe(STACK) is None


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        ("ValidationError", "1 validation error detected", LockstepError),
        ("AccessDenied", "User: A is not authorized", IdentityError),
        ("ExpiredToken", "The security token included in the request is expired", IdentityError),
        ("Throttling", "Rate exceeded", UnavailableError),
    ],
)
def test_a_stack_that_cannot_be_looked_at(
    cfn: CloudFormation, code: str, message: str, error: type[LockstepError]
) -> None:
    """A stack that AWS does not tell of is never taken for one that is not there."""
    stacks, stub = cfn
    stub.add_client_error("describe_stacks", code, message)

    with pytest.raises(error) as caught:
        stacks.describe(STACK)

    assert caught.value.tried == f"looking at the stack {STACK} in account 222222222222"
    assert caught.value.answer == f"{code}: {message}"


def test_a_new_stack(cfn: CloudFormation) -> None:
    """A stack that is not there is created, and waited for."""
    stacks, stub = cfn
    found(stub, None)
    changed(stub, "CREATE", "CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, CHANGE)
    described(stub, "CREATE_IN_PROGRESS")
    described(stub, "CREATE_COMPLETE")

    assert apply(stacks) == "created"


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_changed_stack(cfn: CloudFormation, status: str) -> None:
    """A stack that is there is updated, also after an update that was rolled back."""
    stacks, stub = cfn
    found(stub, status)
    changed(stub, "UPDATE", "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, CHANGE)
    described(stub, "UPDATE_COMPLETE")

    assert apply(stacks) == "updated"


def test_a_stack_that_was_begun(cfn: CloudFormation) -> None:
    """A stack that an interrupted run left before its creation is created by the next one."""
    stacks, stub = cfn
    found(stub, "REVIEW_IN_PROGRESS")
    changed(stub, "CREATE", "CREATE_COMPLETE")
    stub.add_response("execute_change_set", {}, CHANGE)
    described(stub, "CREATE_COMPLETE")

    assert apply(stacks) == "created"


def test_a_change_set_is_named_by_its_content(cfn: CloudFormation) -> None:
    """The same template, parameters and tags make the same change set, so that a rerun takes up what was begun."""
    stacks, stub = cfn
    names: list[str] = []
    stub.client.meta.events.register(
        "provide-client-params.cloudformation.CreateChangeSet",
        lambda params, **_: names.append(params["ChangeSetName"]),
    )
    for template in ("one", "one", "two"):
        found(stub, "CREATE_COMPLETE")
        stub.add_response("create_change_set", {})
        stub.add_response("describe_change_set", {"Status": "FAILED", "StatusReason": EMPTY})
        stub.add_response("delete_change_set", {})
        stacks.apply(STACK, template, {}, {})

    assert names[0] == names[1] != names[2]
    assert names[0].startswith("lockstep-")


@pytest.mark.parametrize("reason", [EMPTY, "No updates are to be performed."])
def test_a_stack_that_needs_no_change(cfn: CloudFormation, reason: str) -> None:
    """A change set without changes means that there is nothing to do, and is not left lying about."""
    stacks, stub = cfn
    found(stub, "CREATE_COMPLETE")
    changed(stub, "UPDATE", "FAILED", reason=reason)
    stub.add_response("delete_change_set", {}, CHANGE)

    assert apply(stacks) == "unchanged"


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_a_stack_that_is_being_changed(cfn: CloudFormation, status: str) -> None:
    """A change that an interrupted run left under way is waited for before the next."""
    stacks, stub = cfn
    seen(stub, status)
    found(stub, "UPDATE_COMPLETE")
    changed(stub, "UPDATE", "FAILED", reason=EMPTY)
    stub.add_response("delete_change_set", {}, CHANGE)

    assert apply(stacks) == "unchanged"
