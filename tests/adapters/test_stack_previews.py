"""What would become of a stack: how that is found out, and what is left waiting until it is agreed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from lockstep.aws.stack_changes import AccountStacks
from lockstep.errors import BusyError, IdentityError, StackError
from lockstep.model import Change, ResourceChange, StackPreview
from lockstep.ports import StackContent
from tests.adapters.stubbed_stacks import (
    ACCOUNT,
    AS_WANTED,
    BY_SET,
    CHANGED,
    EMPTY,
    ID,
    NEW,
    SET,
    STACK,
    TEMPLATE,
    WANTED,
    absent,
    account_stacks,
    differing,
    planned,
    seen,
    templated,
)

CloudFormation = tuple[AccountStacks, Stubber]
ROLE = {"Action": "Modify", "LogicalResourceId": "Role", "ResourceType": "AWS::IAM::Role"}
OF_TAGS = {"Target": {"Attribute": "Tags", "RequiresRecreation": "Never"}}


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in, where no look takes long."""
    with account_stacks() as found:
        yield found


def test_a_new_stack(cfn: CloudFormation) -> None:
    """For a stack that is not there nothing is made: what it would hold is read from its template."""
    stacks, stub = cfn
    absent(stub)

    assert stacks.preview(STACK, WANTED) == NEW


def test_what_a_new_stack_would_hold(cfn: CloudFormation) -> None:
    """A resource whose condition does not hold for the parameters is not shown."""
    stacks, stub = cfn
    absent(stub)
    template = """
Parameters: {Readers: {Type: CommaDelimitedList}}
Conditions: {Read: !Not [!Equals [!Join ["", !Ref Readers], ""]]}
Resources:
  Role: {Type: AWS::IAM::Role, Condition: Read}
  Key: {Type: AWS::KMS::Key}
"""

    shown = stacks.preview(STACK, StackContent(template, {"Readers": ""}))

    assert shown == StackPreview(Change.CREATE, (ResourceChange("add", "Key", "AWS::KMS::Key"),))


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_that_holds_nothing(cfn: CloudFormation, status: str) -> None:
    """A stack that an interrupted or failed creation left empty is shown as a new one."""
    stacks, stub = cfn
    seen(stub, status)

    assert stacks.preview(STACK, WANTED) == NEW


def test_a_stack_that_is_as_wanted(cfn: CloudFormation) -> None:
    """For a stack that is as wanted no change set is made."""
    stacks, stub = cfn
    seen(stub, "CREATE_COMPLETE", **AS_WANTED)
    templated(stub)

    assert stacks.preview(STACK, WANTED) == StackPreview(Change.NONE)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_that_would_change(cfn: CloudFormation, status: str) -> None:
    """A stack that is there gets a change set, which waits and says what would change; also after a rolled back one."""
    stacks, stub = cfn
    differing(stub, status)
    change = {**ROLE, "Replacement": "False", "Details": [OF_TAGS]}
    planned(stub, "UPDATE", "CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_COMPLETE", changes=(change,))

    assert stacks.preview(STACK, WANTED) == CHANGED


CHANGES: list[tuple[dict[str, Any], tuple[str, tuple[str, ...]]]] = [
    ({"Action": "Add"}, ("add", ())),
    ({"Action": "Remove"}, ("remove", ())),
    ({"Replacement": "False"}, ("modify", ())),
    ({"Replacement": "True"}, ("replace", ())),
    ({"Replacement": "Conditional"}, ("may_replace", ())),
    ({"Action": "Dynamic"}, ("may_replace", ())),
    (
        {
            "Details": [
                {"Target": {"Attribute": "Properties", "Name": "Policies"}},
                {"Target": {"Attribute": "Properties", "Name": "Policies"}},
                OF_TAGS,
                {"ChangeSource": "DirectModification"},
            ]
        },
        ("modify", ("Policies", "Tags")),
    ),
]


@pytest.mark.parametrize(("told", "expected"), CHANGES)
def test_a_change_of_a_resource(
    cfn: CloudFormation, told: dict[str, Any], expected: tuple[str, tuple[str, ...]]
) -> None:
    """A change is told with its properties, each once; what AWS is not sure of is told as the worst it may be."""
    stacks, stub = cfn
    differing(stub)
    planned(stub, "UPDATE", "CREATE_COMPLETE", changes=(ROLE | told,))

    shown = stacks.preview(STACK, WANTED)

    action, properties = expected
    assert shown.resources == (ResourceChange(action, "Role", "AWS::IAM::Role", properties),)


def test_many_changes(cfn: CloudFormation) -> None:
    """All of a change set's changes are told, however many pages they fill."""
    stacks, stub = cfn
    differing(stub)
    stub.add_response("create_change_set", {"Id": SET, "StackId": ID})
    for number, token in enumerate(("2", "3", "")):
        change = {**ROLE, "LogicalResourceId": f"Role{number}"}
        page = {"Status": "CREATE_COMPLETE", "ChangeSetId": SET, "Changes": [{"ResourceChange": change}]}
        asked = BY_SET | ({"NextToken": str(number + 1)} if number else {})
        stub.add_response("describe_change_set", page | ({"NextToken": token} if token else {}), asked)

    shown = stacks.preview(STACK, WANTED)

    assert [change.logical_id for change in shown.resources] == ["Role0", "Role1", "Role2"]


@pytest.mark.parametrize("reason", [EMPTY, "No updates are to be performed."])
@pytest.mark.parametrize("protected", [False, True])
def test_a_stack_whose_resources_stay(cfn: CloudFormation, reason: str, protected: bool) -> None:
    """A change set without changes is taken away again: nothing is to be done, or the protection alone."""
    stacks, stub = cfn
    differing(stub)
    planned(stub, "UPDATE", "FAILED", reason=reason)
    stub.add_response("delete_change_set", {}, BY_SET)

    shown = stacks.preview(STACK, replace(WANTED, protected=protected))

    assert shown == (StackPreview(Change.UPDATE, protection=True) if protected else StackPreview(Change.NONE))


@pytest.mark.parametrize("on", [True, False])
def test_only_the_protection_would_change(cfn: CloudFormation, on: bool) -> None:
    """Where the protection alone is to change no change set is made, and it is told whether it goes on or off."""
    stacks, stub = cfn
    seen(stub, "CREATE_COMPLETE", **AS_WANTED, EnableTerminationProtection=not on)
    templated(stub)

    assert stacks.preview(STACK, replace(WANTED, protected=on)) == StackPreview(Change.UPDATE, protection=on)


def test_a_protection_that_would_change_too(cfn: CloudFormation) -> None:
    """A stack that changes and is to be protected is told with both."""
    stacks, stub = cfn
    differing(stub)
    change = {**ROLE, "Replacement": "False", "Details": [OF_TAGS]}
    planned(stub, "UPDATE", "CREATE_COMPLETE", changes=(change,))

    assert stacks.preview(STACK, replace(WANTED, protected=True)) == replace(CHANGED, protection=True)


def test_a_new_stack_that_would_be_protected(cfn: CloudFormation) -> None:
    """A new stack that is to be protected is told so."""
    stacks, stub = cfn
    absent(stub)

    assert stacks.preview(STACK, replace(WANTED, protected=True)) == replace(NEW, protection=True)


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_a_stack_that_is_being_changed(status: str) -> None:
    """A change that an interrupted run left under way is waited for, and that is said once."""
    said = list[str]()
    with account_stacks(said) as (stacks, stub):
        seen(stub, status)
        seen(stub, status)
        seen(stub, "UPDATE_COMPLETE", **AS_WANTED)
        templated(stub)

        found = stacks.preview(STACK, WANTED)

    assert found == StackPreview(Change.NONE)
    assert said == [f"  {STACK} in account {ACCOUNT} is {status}: waiting until that is done"]


def test_a_change_set_is_named_by_its_content(cfn: CloudFormation) -> None:
    """The same template, parameters and tags make the same change set, so that a rerun replaces what was begun."""
    stacks, stub = cfn
    names: list[str] = []
    stub.client.meta.events.register(
        "provide-client-params.cloudformation.CreateChangeSet",
        lambda params, **_: names.append(params["ChangeSetName"]),
    )
    for content in (WANTED, WANTED, replace(WANTED, template=f"{TEMPLATE}# more"), replace(WANTED, tags={})):
        differing(stub)
        stub.add_response("create_change_set", {"Id": SET, "StackId": ID})
        stub.add_response("describe_change_set", {"Status": "FAILED", "StatusReason": EMPTY})
        stub.add_response("delete_change_set", {})
        stacks.preview(STACK, content)

    assert names[0] == names[1]
    assert len({*names}) == 3
    assert names[0].startswith("lockstep-")


TRIED = f"error: planning the stack {STACK} in account {ACCOUNT}\n"


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("CREATE_FAILED", "delete the stack, then repeat"),
        ("ROLLBACK_FAILED", "delete the stack, then repeat"),
        ("DELETE_FAILED", "remove what could not be deleted, delete the stack, then repeat"),
        ("UPDATE_FAILED", "roll it back in the CloudFormation console, then repeat"),
        ("UPDATE_ROLLBACK_FAILED", "continue its rollback in the CloudFormation console, then repeat"),
    ],
)
def test_a_stack_that_needs_a_person(cfn: CloudFormation, status: str, cure: str) -> None:
    """A stack that takes no change ends with 7 and stays as it is; nobody is told to delete one that was whole."""
    stacks, stub = cfn
    seen(stub, status)

    with pytest.raises(StackError) as caught:
        stacks.preview(STACK, WANTED)

    assert caught.value.exit_code == 7
    assert str(caught.value) == f"{TRIED}  answer: it is {status}\n  next: {cure}"


def test_a_change_set_that_fails(cfn: CloudFormation) -> None:
    """A change set that fails for any other reason is an error in CloudFormation's words, and is taken away."""
    stacks, stub = cfn
    differing(stub)
    planned(stub, "UPDATE", "FAILED", reason="Unresolved resource dependencies [X]")
    stub.add_response("delete_change_set", {}, BY_SET)

    with pytest.raises(StackError) as caught:
        stacks.preview(STACK, WANTED)

    assert str(caught.value) == (
        f"{TRIED}  answer: Unresolved resource dependencies [X]\n  next: mend the template, then repeat"
    )


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        ("delete", "InvalidChangeSetStatus", "An operation on this ChangeSet is currently in progress."),
        ("create", "ValidationError", f"Stack:{ID} is in UPDATE_IN_PROGRESS state and can not be updated."),
        ("create", "AlreadyExistsException", "ChangeSet lockstep-x already exists"),
        ("describe", "ChangeSetNotFound", f"ChangeSet [{SET}] does not exist"),
    ],
)
def test_two_runs_at_once(cfn: CloudFormation, call: str, code: str, message: str) -> None:
    """Of two runs at once, the one that comes second ends with 8."""
    stacks, stub = cfn
    seen(stub, "CREATE_COMPLETE")
    templated(stub)
    if call != "delete":
        stub.add_response("delete_change_set", {})
    if call == "describe":
        planned(stub, "UPDATE")
    stub.add_client_error(f"{call}_change_set", code, message)

    with pytest.raises(BusyError) as caught:
        stacks.preview(STACK, WANTED)

    assert caught.value.exit_code == 8
    assert f"({code})" in caught.value.answer
    assert message in caught.value.answer


def test_who_may_not_plan(cfn: CloudFormation) -> None:
    """Who may not make a change set is told which stack it was for."""
    stacks, stub = cfn
    differing(stub)
    stub.add_client_error("create_change_set", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"planning the stack {STACK} in account {ACCOUNT}"):
        stacks.preview(STACK, WANTED)
