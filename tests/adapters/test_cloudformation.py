"""CloudFormation: what a stack is, and how bootstrap makes, updates, resumes and explains one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from lockstep.aws.cloudformation import Stacks
from lockstep.errors import BusyError, IdentityError, LockstepError, StackError, UnavailableError
from lockstep.model import StackName
from lockstep.ports import StackState
from tests.adapters.stubs import stubbed

STACK = StackName("shop-account-test")
ID = f"arn:aws:cloudformation:eu-west-1:222222222222:stack/{STACK}/1"
WHERE = {"StackName": STACK}
CHANGE = {**WHERE, "ChangeSetName": ANY}
ABSENT = f"Stack with id {STACK} does not exist"
TRIED = f"error: applying the stack {STACK} in account 222222222222\n"
EMPTY = "The submitted information didn't contain changes. Submit different information to create a change set."

CloudFormation = tuple[Stacks, Stubber]


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in, where no look takes long."""
    with stubbed("cloudformation") as (session, stub):
        yield Stacks(session, "222222222222", 0.0001), stub


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


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_a_stack_that_is_being_changed(cfn: CloudFormation, status: str) -> None:
    """A change that an interrupted run left under way is waited for before the next."""
    stacks, stub = cfn
    seen(stub, status)
    found(stub, "UPDATE_COMPLETE")
    changed(stub, "UPDATE", "FAILED", reason=EMPTY)
    stub.add_response("delete_change_set", {}, CHANGE)

    assert apply(stacks) == "unchanged"


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
