"""CloudFormation: looks at stacks, and keeps them from being deleted. Changes nothing in them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lockstep import template as templates
from lockstep.aws.session import Session, answers, code_of
from lockstep.model import StackName
from lockstep.ports import StackContent, StackState

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


# How often is looked whether drift was detected: for ten minutes.
_LOOKS = 300


def is_absence(error: ClientError) -> bool:
    """Does an error say that there is no such stack?"""
    return code_of(error) == "ValidationError" and "does not exist" in str(error)


@dataclass(frozen=True)
class Stacks:
    """The stacks of one account in one region. `pause` is the time between two looks at drift, in seconds."""

    session: Session
    account: str
    pause: float = field(default=2.0, kw_only=True)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """The client of the account."""
        client: CloudFormationClient = self.session.client("cloudformation")
        return client

    def describe(self, stack: StackName) -> StackState | None:
        """Return a stack as it is now, None where there is none."""
        with answers(f"looking at the stack {stack} in account {self.account}"):
            try:
                found = self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
                pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
                resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
            except ClientError as error:
                if is_absence(error):
                    return None
                raise
        return StackState(
            status=found["StackStatus"],
            tags={tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
            resources={r["LogicalResourceId"]: r.get("PhysicalResourceId", "") for r in resources},
            functions=tuple(r["LogicalResourceId"] for r in resources if r["ResourceType"] == "AWS::Lambda::Function"),
            outputs={o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])},
            parameters={p["ParameterKey"]: p["ParameterValue"] for p in found.get("Parameters", [])},
            protected=found.get("EnableTerminationProtection", False),
            changed=found.get("LastUpdatedTime", found["CreationTime"]).isoformat(timespec="seconds"),
        )

    def template(self, stack: StackName) -> str:
        """Return the text of a stack's template, as it was given."""
        with answers(f"reading the template of {stack} in account {self.account}"):
            answer = self.cloudformation.get_template(StackName=stack, TemplateStage="Original")
        # botocore parses a template in JSON; one in YAML is text.
        body: Any = answer["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body)

    def differences(self, stack: StackName, wanted: StackContent) -> tuple[str, ...]:
        """Say in what a stack is not as wanted; empty where it is, ('missing',) where there is none."""
        return self.compare(stack, self.describe(stack), wanted)

    def compare(self, stack: StackName, state: StackState | None, wanted: StackContent) -> tuple[str, ...]:
        """Say the same of a stack that was looked at already."""
        if state is None or state.is_hollow:
            return ("missing",)
        parts = {
            "template": templates.read(self.template(stack), stack) != templates.read(wanted.template, stack),
            "parameters": dict(state.parameters) != dict(wanted.parameters),
            "tags": dict(state.tags) != dict(wanted.tags),
            "protection": state.protected != wanted.protected,
        }
        return tuple(part for part, differs in parts.items() if differs)

    def drift(self, stack: StackName) -> tuple[str, ...]:
        """Return which resources of a stack are not as its template says, each with how; waits until AWS has looked.

        AWS looks at those types alone that it can tell of:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/detect-drift-stack.html
        """
        with answers(f"looking for drift of the stack {stack} in account {self.account}"):
            looking = self.cloudformation.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
            now = self.cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=looking)
            for _ in range(_LOOKS):
                if now["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                    break
                time.sleep(self.pause)
                now = self.cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=looking)
            found = tuple(self._drifts(stack))
        whole = now["DetectionStatus"] == "DETECTION_COMPLETE"
        return found if whole else (*found, f"not all was looked at: {now.get('DetectionStatusReason', 'too slow')}")

    def _drifts(self, stack: StackName) -> Iterator[str]:
        wanted: dict[str, Any] = {"StackName": stack, "StackResourceDriftStatusFilters": ["MODIFIED", "DELETED"]}
        while True:
            page = self.cloudformation.describe_stack_resource_drifts(**wanted)
            for one in page["StackResourceDrifts"]:
                yield f"{one['LogicalResourceId']} {one['StackResourceDriftStatus'].lower()}"
            if "NextToken" not in page:
                return
            wanted["NextToken"] = page["NextToken"]

    def protect(self, stack: StackName, *, on: bool) -> None:
        """Keep a stack from being deleted, or no more."""
        with answers(f"protecting the stack {stack} in account {self.account}"):
            self.cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=on)
