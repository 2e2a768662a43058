"""CloudFormation: what a stack is, in what it differs from what is wanted, and that it is kept from being deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.stub import Stubber

from lockstep.aws.cloudformation import Stacks
from lockstep.errors import IdentityError, LockstepError, UnavailableError
from lockstep.ports import StackContent, StackState
from lockstep.template import read
from tests.adapters.stubbed_stacks import (
    ACCOUNT,
    AS_WANTED,
    STACK,
    TEMPLATE,
    WANTED,
    WHERE,
    absent,
    described,
    seen,
    templated,
)
from tests.adapters.stubs import stubbed

CloudFormation = tuple[Stacks, Stubber]


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in."""
    with stubbed("cloudformation") as (session, stub):
        yield Stacks(session, ACCOUNT), stub


def test_a_stack_as_it_is(cfn: CloudFormation) -> None:
    """A stack is told with tags, parameters, outputs, functions and protection, and all its resources, however many."""
    stacks, stub = cfn
    described(
        stub,
        "UPDATE_COMPLETE",
        Tags=[{"Key": "lockstep:release", "Value": "1"}],
        Outputs=[{"OutputKey": "Url", "OutputValue": "https://x"}],
        Parameters=[{"ParameterKey": "Project", "ParameterValue": "shop"}],
        EnableTerminationProtection=True,
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
        parameters={"Project": "shop"},
        protected=True,
        changed="2026-01-01T00:00:00+00:00",
    )


def test_a_stack_that_is_not_there(cfn: CloudFormation) -> None:
    """A stack that does not exist is no error."""
    stacks, stub = cfn
    absent(stub)

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


@pytest.mark.parametrize("body", [TEMPLATE, f"# as it was written\n{TEMPLATE}", json.dumps(read(TEMPLATE, "template"))])
def test_a_stack_that_is_as_wanted(cfn: CloudFormation, body: str) -> None:
    """A stack differs in nothing from what it was made of, be its template written in YAML or in JSON."""
    stacks, stub = cfn
    seen(stub, "UPDATE_COMPLETE", **AS_WANTED)
    templated(stub, body)

    assert stacks.differences(STACK, WANTED) == ()


DIFFERING: list[tuple[StackContent, tuple[str, ...]]] = [
    (replace(WANTED, template=TEMPLATE.replace("Files", "Others")), ("template",)),
    (replace(WANTED, parameters={"Project": "other"}), ("parameters",)),
    (replace(WANTED, parameters={}), ("parameters",)),
    (replace(WANTED, tags={"team": "a", "more": "b"}), ("tags",)),
    (replace(WANTED, protected=True), ("protection",)),
    (StackContent(TEMPLATE, protected=True), ("parameters", "tags", "protection")),
]


@pytest.mark.parametrize(("wanted", "expected"), DIFFERING)
def test_a_stack_that_differs(cfn: CloudFormation, wanted: StackContent, expected: tuple[str, ...]) -> None:
    """A stack is told to differ in exactly the parts that are not as wanted."""
    stacks, stub = cfn
    seen(stub, "CREATE_COMPLETE", **AS_WANTED)
    templated(stub)

    assert stacks.differences(STACK, wanted) == expected


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_that_is_missing(cfn: CloudFormation, status: str | None) -> None:
    """A stack that is not there, or holds nothing, is missing; it is not read any further."""
    stacks, stub = cfn
    if status is None:
        absent(stub)
    else:
        seen(stub, status)

    assert stacks.differences(STACK, WANTED) == ("missing",)


@pytest.mark.parametrize("on", [True, False])
def test_a_stack_is_protected(cfn: CloudFormation, on: bool) -> None:
    """A stack can be kept from being deleted, and let go again."""
    stacks, stub = cfn
    stub.add_response("update_termination_protection", {"StackId": "1"}, {**WHERE, "EnableTerminationProtection": on})

    stacks.protect(STACK, on=on)


def test_a_stack_that_may_not_be_protected(cfn: CloudFormation) -> None:
    """Who may not protect a stack is told which, and in which account."""
    stacks, stub = cfn
    stub.add_client_error("update_termination_protection", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"protecting the stack {STACK} in account {ACCOUNT}"):
        stacks.protect(STACK, on=True)


def test_a_template_that_may_not_be_read(cfn: CloudFormation) -> None:
    """Who may not read a stack's template is told so; the stack is not told to differ."""
    stacks, stub = cfn
    seen(stub, "CREATE_COMPLETE")
    stub.add_client_error("get_template", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"reading the template of {STACK} in account {ACCOUNT}"):
        stacks.differences(STACK, WANTED)
