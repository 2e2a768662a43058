"""CloudFormation in one account, as an action of a pipeline uses it: with the calls that CodePipeline makes.

Asks for no right beyond those that CodePipeline is documented to need:
https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError, WaiterError

from lockstep.aws import planned, stack_ends
from lockstep.aws.cloudformation import is_absence
from lockstep.aws.planned import Where
from lockstep.aws.session import Session, answers, code_of
from lockstep.aws.stack_ends import STUCK, Waiter
from lockstep.errors import DeniedError, DeployError, StackError
from lockstep.model import AccountId, StackName
from lockstep.pipeline_ports import StackOrder

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

# What CloudFormation answers where an order is wrong, or comes at a time when the stack cannot be changed.
_WRONG = {
    "AlreadyExistsException", "ChangeSetNotFound", "ChangeSetNotFoundException", "InsufficientCapabilitiesException",
    "InvalidChangeSetStatus", "TokenAlreadyExistsException", "ValidationError",
}  # fmt: skip
_NOTHING = "No updates are to be performed"
_EMPTY = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class ActionStacks:
    """The stacks of one account, as a role that a pipeline took; `poll` is the pause between two looks, in seconds."""

    session: Session
    account: AccountId
    poll: float

    @cached_property
    def _cloudformation(self) -> CloudFormationClient:
        client: CloudFormationClient = self.session.client("cloudformation")
        return client

    def apply(self, order: StackOrder) -> str:
        """Create or update a stack and wait; return 'created', 'updated' or 'unchanged'. Raises DeployError."""
        tried = self._tried("changing", order.stack)
        with _refused(tried):
            if self._find(order.stack) is None:
                made = self._cloudformation.create_stack(**_request(order))
                return self._ended(made["StackId"], "stack_create_complete", tried)
            try:
                self._cloudformation.update_stack(**_request(order))
            except ClientError as error:
                if _NOTHING in str(error):
                    return "unchanged"
                raise
        return self._ended(order.stack, "stack_update_complete", tried)

    def plan(self, order: StackOrder, change_set: str) -> bool:
        """Make a change set and leave it; False where it changes nothing. Raises DeployError where it cannot be made.

        One of the same name is taken away before; a stack that is not there becomes one that holds nothing.
        """
        stack, where = order.stack, _where(order.stack, change_set)
        tried = self._tried(f"making the change set {change_set} of", stack)
        with _refused(tried):
            found = self._find(stack)
            if found is not None:
                self._cloudformation.delete_change_set(**where)
            is_new = found is None or found["StackStatus"] == _EMPTY
            kind: Literal["CREATE", "UPDATE"] = "CREATE" if is_new else "UPDATE"
            self._cloudformation.create_change_set(**where, ChangeSetType=kind, **_content(order))
            return planned.changes(self._cloudformation, where, self.poll, tried) is not None

    def execute(self, stack: StackName, change_set: str) -> str:
        """Execute a change set and wait; return 'created', 'updated' or 'unchanged'. Raises DeployError."""
        tried, where = self._tried(f"executing the change set {change_set} of", stack), _where(stack, change_set)
        with _refused(tried):
            found = self._find(stack)
            if planned.changes(self._cloudformation, where, self.poll, tried) is None:
                return "unchanged"
            self._cloudformation.execute_change_set(**where)
        is_new = found is not None and found["StackStatus"] == _EMPTY
        return self._ended(stack, "stack_create_complete" if is_new else "stack_update_complete", tried)

    def delete(self, stack: StackName, role: str) -> bool:
        """Delete a stack with a role and wait; False where there is none. Raises DeployError."""
        tried = self._tried("deleting", stack)
        with _refused(tried):
            found = self._find(stack)
            if found is None:
                return False
            self._cloudformation.delete_stack(StackName=stack, RoleARN=role)
        # By its id, since a stack that is gone has no name any more.
        self._ended(found["StackId"], "stack_delete_complete", tried)
        return True

    def outputs(self, stack: StackName) -> Mapping[str, str]:
        """Return the outputs of a stack by their names; none where there is no stack."""
        with answers(self._tried("looking at", stack)):
            found = self._find(stack)
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])} if found else {}

    def _tried(self, doing: str, stack: StackName) -> str:
        return f"{doing} the stack {stack} in account {self.account}"

    def _find(self, stack: StackName) -> StackTypeDef | None:
        try:
            return self._cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError as error:
            if is_absence(error):
                return None
            raise

    def _ended(self, stack: str, waiter: Waiter, tried: str) -> str:
        """Wait for the end of a change, and return what it did."""
        try:
            with answers(tried):
                stack_ends.wait(self._cloudformation, stack, waiter, self.poll)
        except WaiterError as error:
            looked: Any = error.last_response
            status = looked["Stacks"][0]["StackStatus"]
            if status.endswith("_IN_PROGRESS"):
                raise DeployError(tried, f"the stack goes on: {status}", "wait, then repeat") from error
            cure = STUCK.get(status, "mend the cause, then repeat")
            raise DeployError(tried, f"{self._reason(stack)}; it is {status}", cure) from error
        return "created" if waiter == "stack_create_complete" else "updated"

    def _reason(self, stack: str) -> str:
        """Return why a change failed, as far as the role may know."""
        try:
            with answers("reading events"):
                return stack_ends.first_failure(self._cloudformation, stack)
        except DeniedError as error:
            return f"the reason is not known: {error.answer}"


def _where(stack: StackName, change_set: str) -> Where:
    return {"StackName": stack, "ChangeSetName": change_set}


def _content(order: StackOrder) -> Any:  # noqa: ANN401 - what three calls take
    """Return what a stack is made of; tags only where some are given, or an update would take away those that are."""
    tags = [{"Key": name, "Value": value} for name, value in order.tags.items()]
    return {
        "TemplateBody": order.template,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in order.parameters.items()],
        "Capabilities": [*order.capabilities],
        "RoleARN": order.role,
        **({"Tags": tags} if tags else {}),
    }


def _request(order: StackOrder) -> Any:  # noqa: ANN401 - what two calls take
    return {"StackName": order.stack, **_content(order)}


@contextmanager
def _refused(tried: str) -> Iterator[None]:
    """Raise DeployError with CloudFormation's words where it takes an order not, or cannot make its change set."""
    with answers(tried):
        try:
            yield
        except StackError as error:
            raise DeployError(error.tried, error.answer, error.cure) from error
        except ClientError as error:
            if code_of(error) not in _WRONG:
                raise
            answer = error.response["Error"].get("Message", "")
            raise DeployError(tried, f"{code_of(error)}: {answer}", "mend the cause, then repeat") from error
