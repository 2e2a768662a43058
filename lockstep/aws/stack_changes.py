"""Stacks as their account's administrator, for bootstrap and destroy alone: changes by change set, and deletes.

A run that was interrupted is taken up again: what is under way is waited for, what holds nothing is replaced.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import WaiterError

from lockstep import canonical, intrinsics
from lockstep import template as templates
from lockstep.aws import planned, stack_ends
from lockstep.aws.cloudformation import Stacks
from lockstep.aws.session import answers
from lockstep.aws.stack_ends import STUCK, Waiter
from lockstep.errors import BusyError, DeployError, LockstepError, StackError
from lockstep.intrinsics import Stack
from lockstep.model import Change, ResourceChange, StackName, StackPreview
from lockstep.ports import Say, StackContent, StackState

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import CreateChangeSetOutputTypeDef


@dataclass(frozen=True)
class AccountStacks(Stacks):
    """The stacks of one account in one region. `poll` is the pause between two looks, in seconds."""

    say: Say
    poll: float

    def names(self) -> tuple[StackName, ...]:
        """Return the name of every stack that is there."""
        with answers(f"listing the stacks of account {self.account}"):
            pages = self.cloudformation.get_paginator("describe_stacks").paginate()
            # An inner stack is its outer one's business.
            found = (stack for page in pages for stack in page["Stacks"] if "ParentId" not in stack)
            return tuple(StackName(stack["StackName"]) for stack in found)

    def buckets(self, stack: StackName) -> tuple[str, ...]:
        """Return the buckets that go with a stack; those that its template keeps are not among them."""
        state = self.describe(stack)
        if state is None or state.is_hollow:
            return ()
        resources = templates.read(self.template(stack), stack)["Resources"]
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
        goes = {
            logical_id
            for logical_id, body in resources.items()
            # A loop is a list.
            if isinstance(body, dict)
            and (body.get("Type"), body.get("DeletionPolicy", "Delete")) == ("AWS::S3::Bucket", "Delete")
        }
        return tuple(bucket for logical_id, bucket in state.resources.items() if logical_id in goes and bucket)

    def preview(self, stack: StackName, wanted: StackContent) -> StackPreview:
        """Say what applying would do; leaves a change set that waits where a stack that is there would change.

        A stack that is not there gets none: CloudFormation would make an empty stack to hold it. Waits for a change
        that is under way. Raises StackError for a stack that is stuck, BusyError where somebody else changes it.
        """
        tried = f"planning the stack {stack} in account {self.account}"
        before = self._ready(stack, tried)
        differences = self.compare(stack, before, wanted)
        if differences == ("missing",):
            return StackPreview(Change.CREATE, self._additions(stack, wanted), protection=wanted.protected or None)
        protection = wanted.protected if "protection" in differences else None
        unchanged = StackPreview(Change.NONE if protection is None else Change.UPDATE, protection=protection)
        if not {*differences} - {"protection"}:
            return unchanged
        name = "lockstep-" + canonical.hash_of([wanted.template, dict(wanted.parameters), dict(wanted.tags)])[:32]
        with answers(tried), planned.alone(tried):
            self.cloudformation.delete_change_set(StackName=stack, ChangeSetName=name)
            change_set = self._change_set(stack, name, wanted, "UPDATE")["Id"]
            changes = self._changes(stack, change_set, tried)
        # With no changes it is the same, put in other words.
        return unchanged if changes is None else StackPreview(Change.UPDATE, changes, change_set, protection)

    def apply(self, stack: StackName, wanted: StackContent, shown: StackPreview) -> str:
        """Do what was shown and wait for it; return 'created', 'updated' or 'unchanged'.

        Raises StackError with the first reason that CloudFormation gave, BusyError where somebody else came first.
        A new stack whose creation fails is taken away again. An interrupted run is taken up again: what is under way
        is waited for, and a stack that holds nothing is replaced.
        """
        tried = f"applying the stack {stack} in account {self.account}"
        if shown.change is Change.NONE:
            return "unchanged"
        if shown.change is Change.CREATE:
            self._create(stack, wanted, tried)
        elif shown.change_set:
            with answers(tried), planned.alone(tried):
                self.cloudformation.execute_change_set(StackName=stack, ChangeSetName=shown.change_set)
            self._wait(stack, "stack_update_complete", tried)
        if shown.protection is not None:
            self.protect(stack, on=shown.protection)
        return "created" if shown.change is Change.CREATE else "updated"

    def discard(self, stack: StackName, shown: StackPreview) -> None:
        """Take away the change set that was shown and will not be applied."""
        if shown.change_set:
            with answers(f"taking back the plan for {stack} in account {self.account}"):
                self.cloudformation.delete_change_set(StackName=stack, ChangeSetName=shown.change_set)

    def delete(self, stack: StackName) -> None:
        """Delete a stack and wait; nothing where there is none. Raises StackError with the first reason."""
        tried = f"deleting the stack {stack} in account {self.account}"
        if self._at_rest(stack, tried) is None:
            return
        with answers(tried):
            # By its id, since a stack that is gone has no name any more.
            found = self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
            self.cloudformation.delete_stack(StackName=found)
        self._wait(StackName(found), "stack_delete_complete", tried)

    def _create(self, stack: StackName, wanted: StackContent, tried: str) -> None:
        before = self._ready(stack, tried)
        if before is not None and not before.is_hollow:
            raise BusyError(tried, "somebody else made it meanwhile", "repeat")
        if before is not None:
            self.delete(stack)
        with answers(tried), planned.alone(tried):
            made = self._change_set(stack, "lockstep-create", wanted, "CREATE")
            try:
                self._changes(stack, made["Id"], tried)
            except StackError:
                # CloudFormation has made an empty stack to hold it.
                with suppress(LockstepError):
                    self.delete(StackName(made["StackId"]))
                raise
            self.cloudformation.execute_change_set(StackName=stack, ChangeSetName=made["Id"])
        self._wait(StackName(made["StackId"]), "stack_create_complete", tried)

    def _additions(self, stack: StackName, wanted: StackContent) -> tuple[ResourceChange, ...]:
        parsed = templates.read(wanted.template, stack)
        parameters = intrinsics.split_lists(parsed, wanted.parameters)
        where = Stack(stack, self.account, self.session.reach.region, parameters)
        resources = intrinsics.resources(parsed, where).items()
        return tuple(ResourceChange("add", logical_id, body["Type"]) for logical_id, body in resources)

    def _change_set(
        self, stack: StackName, name: str, wanted: StackContent, kind: Literal["CREATE", "UPDATE"]
    ) -> CreateChangeSetOutputTypeDef:
        """Make a change set. A new stack whose creation fails takes itself away again."""
        return self.cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateBody=wanted.template,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in wanted.parameters.items()],
            Tags=[{"Key": k, "Value": v} for k, v in wanted.tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            OnStackFailure="DELETE" if kind == "CREATE" else "ROLLBACK",
        )

    def _changes(self, stack: StackName, change_set: str, tried: str) -> tuple[ResourceChange, ...] | None:
        """Wait for a change set and return what it changes; None, and it is gone, where it changes nothing."""
        where: planned.Where = {"StackName": stack, "ChangeSetName": change_set}
        try:
            found = planned.changes(self.cloudformation, where, self.poll, tried)
        except StackError:
            self.cloudformation.delete_change_set(**where)
            raise
        if found is None:
            self.cloudformation.delete_change_set(**where)
        return found

    def _at_rest(self, stack: StackName, tried: str) -> StackState | None:
        """Wait until nothing changes a stack, and return it; raises BusyError where that does not end."""
        status = ""
        for number in planned.looks(self.poll):
            state = self.describe(stack)
            if state is None or state.is_hollow or not state.status.endswith("_IN_PROGRESS"):
                return state
            status = state.status
            if not number:
                self.say(f"  {stack} in account {self.account} is {status}: waiting until that is done")
        answer = f"somebody else changes it, and after an hour it is still {status}"
        raise BusyError(tried, answer, "wait until that is done, then repeat")

    def _ready(self, stack: StackName, tried: str) -> StackState | None:
        """Return a stack that can be changed, once nothing changes it; raises StackError for one that is stuck."""
        state = self._at_rest(stack, tried)
        if state is not None and state.status in STUCK:
            raise StackError(tried, f"it is {state.status}", STUCK[state.status])
        return state

    def _wait(self, stack: StackName, waiter: Waiter, tried: str) -> None:
        try:
            with answers(tried):
                stack_ends.wait(self.cloudformation, stack, waiter, self.poll)
        except WaiterError as error:
            reason, now = self.first_failure(stack), self.describe(stack)
            if now is not None and now.status in STUCK:
                raise StackError(tried, f"{reason}; it is {now.status}", STUCK[now.status]) from error
            if now is not None and now.status.endswith("_IN_PROGRESS"):
                raise DeployError(tried, f"the stack goes on: {now.status}", "wait, then repeat") from error
            raise DeployError(tried, reason, "mend the cause, then repeat") from error

    def first_failure(self, stack: StackName) -> str:
        """Return the first failed event of the last operation, which is the cause of the others."""
        with answers(f"reading the events of {stack} in account {self.account}"):
            return stack_ends.first_failure(self.cloudformation, stack)
