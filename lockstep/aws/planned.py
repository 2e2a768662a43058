"""Reads what a change set would change, once CloudFormation is done with it. Makes none and takes none away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from lockstep.aws.session import code_of
from lockstep.errors import BusyError, StackError
from lockstep.model import ResourceChange

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        ChangeTypeDef,
        DescribeChangeSetOutputTypeDef,
        ResourceChangeTypeDef,
    )

# What the second of two runs is told, whose change set the first has made void, or made before it.
_LATE = ("InvalidChangeSetStatus", "ChangeSetNotFound")
TAKEN = ("can not be updated", "already exists")
_EMPTY = ("didn't contain changes", "No updates are to be performed")
_ACTIONS = {"Add": "add", "Modify": "modify", "Remove": "remove"}
_REPLACING = {"True": "replace", "Conditional": "may_replace"}
# How long something is looked at that does not end, in seconds.
LONGEST = 3600


class Where(TypedDict):
    """A change set: its id or name, and its stack, since rights are given by the names of stacks."""

    ChangeSetName: str
    StackName: str


@contextmanager
def alone(tried: str) -> Iterator[None]:
    """Raise BusyError where CloudFormation says that somebody else changes the stack."""
    try:
        yield
    except ClientError as error:
        if code_of(error).startswith(_LATE) or any(text in str(error) for text in TAKEN):
            raise BusyError(tried, str(error), "try again when the other run is done") from error
        raise


def looks(poll: float) -> Iterator[int]:
    """Number the looks at something, with a pause of `poll` seconds between two, for an hour."""
    for number in range(int(LONGEST / poll)):
        if number:
            time.sleep(poll)
        yield number


def changes(
    cloudformation: CloudFormationClient, where: Where, poll: float, tried: str
) -> tuple[ResourceChange, ...] | None:
    """Wait for a change set and return what it changes; None where that is nothing.

    Raises StackError with CloudFormation's reason where it failed, BusyError where it does not end.
    """
    status = ""
    for _ in looks(poll):
        answer = cloudformation.describe_change_set(**where)
        status = answer["Status"]
        if status == "CREATE_COMPLETE":
            return tuple(_change(one["ResourceChange"]) for one in _pages(cloudformation, where, answer))
        if status == "FAILED":
            reason = answer.get("StatusReason", "")
            if any(text in reason for text in _EMPTY):
                return None
            raise StackError(tried, reason, "mend the template, then repeat")
    raise BusyError(tried, f"after an hour its change set is still {status}", "wait, then repeat")


def _pages(
    cloudformation: CloudFormationClient, where: Where, answer: DescribeChangeSetOutputTypeDef
) -> Iterator[ChangeTypeDef]:
    yield from answer["Changes"]
    while token := answer.get("NextToken"):
        answer = cloudformation.describe_change_set(**where, NextToken=token)
        yield from answer["Changes"]


def _change(told: ResourceChangeTypeDef) -> ResourceChange:
    """Return one change as people are shown it; of what AWS is not sure, such as Dynamic, it may be a replacement."""
    action = _ACTIONS.get(told["Action"], "may_replace")
    if action == "modify":
        action = _REPLACING.get(told.get("Replacement", ""), action)
    targets = (detail.get("Target", {}) for detail in told.get("Details", []))
    names = (target.get("Name") or target.get("Attribute", "") for target in targets)
    properties = tuple(dict.fromkeys(name for name in names if name))
    return ResourceChange(action, told["LogicalResourceId"], told["ResourceType"], properties)
