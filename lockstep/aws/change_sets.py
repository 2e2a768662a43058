"""Previews the update of a service's stack by a change set that is never executed, and takes it away again.

It is made as SAM makes one: as the deploy role, with the execution role, from a template in the artifact bucket.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lockstep import canonical
from lockstep import template as templates
from lockstep.aws import planned
from lockstep.aws.planned import Where
from lockstep.aws.s3 import Bucket
from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import DeployError, LockstepError, StackError
from lockstep.model import AccountId, StackName
from lockstep.names import plan_template_key
from lockstep.ports import StackUpdate
from lockstep.template import Template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_WRONG = ("InsufficientCapabilitiesException", "ValidationError")
# How often a change set is asked to go that CloudFormation still works on.
_ATTEMPTS = 20


@dataclass(frozen=True)
class ChangeSets:
    """The change sets of one account, made with its execution `role`; `poll` is the pause between two looks."""

    session: Session
    account: AccountId
    role: str
    store: Bucket
    poll: float

    @cached_property
    def _cloudformation(self) -> CloudFormationClient:
        client: CloudFormationClient = self.session.client("cloudformation")
        return client

    def preview(
        self, stack: StackName, template: bytes, parameters: Mapping[str, str], tags: Mapping[str, str]
    ) -> StackUpdate:
        """Say what an update would do to a stack that is there; no change set is left of it, however it ends.

        Puts the template into the artifact bucket, once for each content. Raises DeployError where CloudFormation
        cannot make the change set, BusyError where somebody else changes the stack.
        """
        tried = f"planning the stack {stack} in account {self.account}"
        key = plan_template_key(self.account, canonical.sha256(template))
        self.store.put_once(key, template)
        where: Where = {"StackName": stack, "ChangeSetName": f"lockstep-plan-{uuid.uuid4().hex}"}
        with answers(tried), planned.alone(tried), _wrong(tried), self._taken_away(where):
            self._cloudformation.create_change_set(
                **where,
                ChangeSetType="UPDATE",
                TemplateURL=self.store.url(key),
                Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
                Tags=[{"Key": k, "Value": v} for k, v in tags.items()],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
                RoleARN=self.role,
            )
            resources = planned.changes(self._cloudformation, where, self.poll, tried)
            if resources is None:
                return StackUpdate()
            return StackUpdate(resources, self._processed({"StackName": stack}), self._processed(where))

    def _processed(self, where: Mapping[str, Any]) -> Template:
        answer = self._cloudformation.get_template(**where, TemplateStage="Processed")
        # botocore parses a template in JSON; one in YAML is text.
        body: Any = answer["TemplateBody"]
        return templates.read(body if isinstance(body, str) else json.dumps(body), where["StackName"])

    @contextmanager
    def _taken_away(self, where: Where) -> Iterator[None]:
        """Take a change set away in the end; what failed before is told rather than that this failed too."""
        try:
            yield
        except BaseException:
            with suppress(ClientError, LockstepError):
                self._delete(where)
            raise
        self._delete(where)

    def _delete(self, where: Where) -> None:
        for number in range(_ATTEMPTS):
            try:
                self._cloudformation.delete_change_set(**where)
            except ClientError as error:
                # It is still being made: an interruption came first.
                if code_of(error) != "InvalidChangeSetStatus" or number == _ATTEMPTS - 1:
                    raise
                time.sleep(self.poll)
            else:
                return


@contextmanager
def _wrong(tried: str) -> Iterator[None]:
    """Raise DeployError, as the deployment itself would, where the template or what it is given is wrong."""
    try:
        yield
    except StackError as error:
        raise DeployError(error.tried, error.answer, error.cure) from error
    except ClientError as error:
        if code_of(error) not in _WRONG or any(text in str(error) for text in planned.TAKEN):
            raise
        raise DeployError(tried, str(error), "mend the template, then repeat") from error
