"""How a change of a stack ends: waits for that, and finds what failed first. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lockstep.aws import planned

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# States from which no change set leads on, and what does.
_DELETE = "delete the stack, then repeat"
_ROLL_BACK = "roll it back in the CloudFormation console, then repeat"
_CONTINUE = "continue its rollback in the CloudFormation console, then repeat"
STUCK = {
    "CREATE_FAILED": _DELETE,
    "ROLLBACK_FAILED": _DELETE,
    "DELETE_FAILED": "remove what could not be deleted, delete the stack, then repeat",
    "UPDATE_FAILED": _ROLL_BACK,
    "UPDATE_ROLLBACK_FAILED": _CONTINUE,
}
Waiter = Literal["stack_create_complete", "stack_update_complete", "stack_delete_complete"]


def wait(cloudformation: CloudFormationClient, stack: str, waiter: Waiter, poll: float) -> None:
    """Wait for an hour, with `poll` seconds between two looks; raises WaiterError where it ends otherwise."""
    cloudformation.get_waiter(waiter).wait(
        StackName=stack,
        WaiterConfig={
            "Delay": poll,  # type: ignore[typeddict-item]  # it sleeps parts of a second as well
            "MaxAttempts": int(planned.LONGEST / poll),
        },
    )


def first_failure(cloudformation: CloudFormationClient, stack: str) -> str:
    """Return the first failed event of the last operation, which is the cause of the others."""
    failed = ""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    for event in (event for page in pages for event in page["StackEvents"]):
        status, reason = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
        if status.endswith("_FAILED") and "cancelled" not in reason:
            failed = f"{event['LogicalResourceId']} ({event['ResourceType']}) {status}: {reason}"
        # An inner stack has such an event too, under a name of its own.
        if event.get("PhysicalResourceId") == event["StackId"]:
            # What was created and failed is deleted; what had failed before that counts.
            began = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", *(["DELETE_IN_PROGRESS"] if failed else [])}
            if status in began:
                break
    return failed or "CloudFormation gave no reason"
