"""CloudFormation: looks at stacks, and for bootstrap alone changes them by change set."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from lockstep import canonical
from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import BusyError, StackError
from lockstep.model import StackName
from lockstep.ports import StackState

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# States from which no change set leads on, and what does. Only what was never whole may be deleted.
_DELETE = "delete the stack, then repeat"
_ROLL_BACK = "roll it back in the CloudFormation console, then repeat"
_CONTINUE = "continue its rollback in the CloudFormation console, then repeat"
_STUCK = {
    "CREATE_FAILED": _DELETE,
    "ROLLBACK_COMPLETE": _DELETE,
    "ROLLBACK_FAILED": _DELETE,
    "DELETE_FAILED": _DELETE,
    "UPDATE_FAILED": _ROLL_BACK,
    "UPDATE_ROLLBACK_FAILED": _CONTINUE,
}
# What the second of two runs is told, whose change set the first has made void.
_LATE = ("InvalidChangeSetStatus", "ChangeSetNotFound")
_EMPTY = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Stacks:
    """The stacks of one account in one region. `poll` is the pause between two looks, in seconds."""

    session: Session
    account: str
    poll: float

    @cached_property
    def _cloudformation(self) -> CloudFormationClient:
        client: CloudFormationClient = self.session.client("cloudformation")
        return client

    def describe(self, stack: StackName) -> StackState | None:
        """Return a stack as it is now, None where there is none."""
        with answers(f"looking at the stack {stack} in account {self.account}"):
            try:
                found = self._cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
                pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
                resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
            except ClientError as error:
                if code_of(error) == "ValidationError" and "does not exist" in str(error):
                    return None
                raise
        return StackState(
            status=found["StackStatus"],
            tags={tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
            resources={r["LogicalResourceId"]: r.get("PhysicalResourceId", "") for r in resources},
            functions=tuple(r["LogicalResourceId"] for r in resources if r["ResourceType"] == "AWS::Lambda::Function"),
            outputs={o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])},
        )

    def apply(self, stack: StackName, template: str, parameters: Mapping[str, str], tags: Mapping[str, str]) -> str:
        """Create or update a stack by change set and wait for it; return 'created', 'updated' or 'unchanged'.

        Raises StackError with the first reason that CloudFormation gave, BusyError where another run came first. An
        interrupted run is taken up again: a change that is under way is waited for, and the change set's name is
        that of its content.
        """
        tried = f"applying the stack {stack} in account {self.account}"
        before = self._at_rest(stack)
        if before is not None and before.status in _STUCK:
            raise StackError(tried, f"it is {before.status}", _STUCK[before.status])
        new = before is None or before.status == "REVIEW_IN_PROGRESS"
        name = "lockstep-" + canonical.hash_of([template, dict(parameters), dict(tags)])[:32]
        with answers(tried), _alone(tried):
            client = self._cloudformation
            if before is not None:
                client.delete_change_set(StackName=stack, ChangeSetName=name)
            client.create_change_set(
                StackName=stack,
                ChangeSetName=name,
                ChangeSetType="CREATE" if new else "UPDATE",
                TemplateBody=template,
                Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
                Tags=[{"Key": k, "Value": v} for k, v in tags.items()],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
            if not self._change_set_ready(stack, name, tried):
                client.delete_change_set(StackName=stack, ChangeSetName=name)
                return "unchanged"
            client.execute_change_set(StackName=stack, ChangeSetName=name)
        self._wait(stack, tried, new=new)
        return "created" if new else "updated"

    def _at_rest(self, stack: StackName) -> StackState | None:
        """Wait until nothing changes a stack, and return it."""
        while True:
            state = self.describe(stack)
            if state is None or state.status == "REVIEW_IN_PROGRESS" or not state.status.endswith("_IN_PROGRESS"):
                return state
            time.sleep(self.poll)

    def _change_set_ready(self, stack: StackName, name: str, tried: str) -> bool:
        """Wait for a change set; False where it holds no change."""
        while True:
            answer = self._cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
            if answer["Status"] == "CREATE_COMPLETE":
                return True
            if answer["Status"] == "FAILED":
                reason = answer.get("StatusReason", "")
                if any(text in reason for text in _EMPTY):
                    return False
                raise StackError(tried, reason, "mend the template, then repeat")
            time.sleep(self.poll)

    def _wait(self, stack: StackName, tried: str, *, new: bool) -> None:
        waiter = self._cloudformation.get_waiter("stack_create_complete" if new else "stack_update_complete")
        try:
            with answers(tried):
                waiter.wait(
                    StackName=stack,
                    WaiterConfig={
                        "Delay": self.poll,  # type: ignore[typeddict-item]  # it sleeps parts of a second as well
                        "MaxAttempts": int(3600 / self.poll),
                    },
                )
        except WaiterError as error:
            raise StackError(tried, self.first_failure(stack), "mend the cause, then repeat") from error

    def first_failure(self, stack: StackName) -> str:
        """Return the first failed event of the last operation, which is the cause of the others."""
        failed = ""
        with answers(f"reading the events of {stack} in account {self.account}"):
            pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
            for event in (event for page in pages for event in page["StackEvents"]):
                status, reason = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
                if status.endswith("_FAILED") and "cancelled" not in reason:
                    failed = f"{event['LogicalResourceId']} ({event['ResourceType']}) {status}: {reason}"
                # An inner stack has such an event too, under a name of its own.
                if event["LogicalResourceId"] == stack and status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}:
                    break
        return failed or "CloudFormation gave no reason"


@contextmanager
def _alone(tried: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if code_of(error).startswith(_LATE) or "can not be updated" in str(error):
            raise BusyError(tried, str(error), "try again when the other run is done") from error
        raise
