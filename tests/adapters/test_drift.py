"""CloudFormation: what of a stack was changed beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from lockstep.aws.cloudformation import Stacks
from lockstep.errors import IdentityError
from tests.adapters.stubbed_stacks import ACCOUNT, ID, MADE, STACK, WHERE
from tests.adapters.stubs import stubbed

CloudFormation = tuple[Stacks, Stubber]
ASKED = {**WHERE, "StackResourceDriftStatusFilters": ["MODIFIED", "DELETED"]}


@pytest.fixture
def cfn() -> Iterator[CloudFormation]:
    """Have an account whose answers a test puts in, where no look takes long."""
    with stubbed("cloudformation") as (session, stub):
        yield Stacks(session, ACCOUNT, pause=0.0001), stub


def looked(stub: Stubber, *statuses: str, reason: str = "") -> None:
    """Have AWS look at the stack, with these statuses one after the other."""
    stub.add_response("detect_stack_drift", {"StackDriftDetectionId": "1"}, WHERE)
    for status in statuses:
        told = {"StackId": ID, "StackDriftDetectionId": "1", "DetectionStatus": status, "Timestamp": MADE}
        more = {"DetectionStatusReason": reason} if reason else {}
        stub.add_response("describe_stack_drift_detection_status", {**told, **more}, {"StackDriftDetectionId": "1"})


def drifted(logical_id: str, status: str) -> dict[str, Any]:
    """Return what AWS says of a resource."""
    common = {"StackId": ID, "ResourceType": "AWS::Lambda::Function", "Timestamp": MADE}
    return {**common, "LogicalResourceId": logical_id, "StackResourceDriftStatus": status}


def test_a_stack_that_drifted(cfn: CloudFormation) -> None:
    """Once AWS has looked, every resource that was changed or deleted is named, on however many pages."""
    stacks, stub = cfn
    looked(stub, "DETECTION_IN_PROGRESS", "DETECTION_COMPLETE")
    first, second = [drifted("Hello", "MODIFIED")], [drifted("Table", "DELETED")]
    stub.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": first, "NextToken": "2"}, ASKED)
    stub.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": second}, {**ASKED, "NextToken": "2"})

    assert stacks.drift(STACK) == ("Hello modified", "Table deleted")


def test_a_stack_that_is_as_its_template_says(cfn: CloudFormation) -> None:
    """A stack of which nothing was changed has no drift."""
    stacks, stub = cfn
    looked(stub, "DETECTION_COMPLETE")
    stub.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": []}, ASKED)

    assert stacks.drift(STACK) == ()


def test_a_stack_of_which_not_all_was_seen(cfn: CloudFormation) -> None:
    """Where AWS could not look at everything it is not taken for unchanged: the reason is told."""
    stacks, stub = cfn
    looked(stub, "DETECTION_FAILED", reason="Failed to detect drift on resource [Role]")
    stub.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": [drifted("A", "MODIFIED")]}, ASKED)

    assert stacks.drift(STACK) == ("A modified", "not all was looked at: Failed to detect drift on resource [Role]")


def test_who_may_not_look(cfn: CloudFormation) -> None:
    """Who may not look for drift is told so, by the stack."""
    stacks, stub = cfn
    stub.add_client_error("detect_stack_drift", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"looking for drift of the stack {STACK}"):
        stacks.drift(STACK)
