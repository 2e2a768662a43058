"""Compares what CloudFormation needs for a service with what an environment's execution role may. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lockstep import grants, intrinsics, making, needs, policy, transform
from lockstep.errors import ConfigError, IdentityError
from lockstep.intrinsics import Stack
from lockstep.model import Change, DeployStack, Grants, Plan, StackName
from lockstep.names import Names, partition_of
from lockstep.needs import Knowledge, Need
from lockstep.policy import Document, Identity, Request
from lockstep.ports import Policies, Say, Store
from lockstep.template import Template

# What making a stack takes, and taking it back where that fails.
_CREATING = ("create", "read", "delete")


@dataclass(frozen=True)
class Fit:
    """How one service's stack fits its environment.

    Without what is `missing` its deployment fails, without what is `doubtful` perhaps. What is `bounded` its own roles
    allow and the boundary does not: pairs of action and resource. `needed` is everything that it may ever take.
    """

    service: str
    stack: StackName
    missing: tuple[Need, ...]
    doubtful: tuple[Need, ...]
    bounded: tuple[tuple[str, str], ...]
    needed: tuple[Need, ...]


def fit(
    service: str,
    template: Template,
    stack: Stack,
    execution: Identity,
    boundary: Document,
    knowledge: Knowledge,
    names: Names,
) -> Fit:
    """Return how a service fits; raises ConfigError for a template that SAM cannot translate."""
    file = f"services/{service}/template.yaml"
    code = {"Bucket": names.bucket, "Key": "artifacts/code"}
    plain = transform.plain(template, stack.parameters, stack.region, file, code)
    stack = _with_lists(stack, plain)
    found = needs.of_template(plain, stack, knowledge, names.tooling)
    beyond = tuple(dict.fromkeys(_beyond(plain, stack, boundary)))
    doubtful = tuple(need for need in found if need.perhaps and not _allows(execution, need))
    return Fit(service, StackName(stack.name), missing(execution, found), doubtful, beyond, found)


def missing(execution: Identity, wanted: Iterable[Need]) -> tuple[Need, ...]:
    """Return what is needed for certain and not allowed."""
    return tuple(need for need in wanted if need.certain and not _allows(execution, need))


def unused(execution: Identity, fits: Iterable[Fit]) -> tuple[str, ...]:
    """Return the actions that an execution role may take and that no service ever does."""
    taken = {need.action.lower() for one in fits for need in one.needed}
    # CloudFormation asks for this one itself, for a template that has a transform.
    taken.add("cloudformation:createchangeset")
    allowed = policy.actions(execution.policies)
    return tuple(one for one in allowed if not any(policy.matches(action, one, is_action=True) for action in taken))


def declared(one: Fit, asked: Grants, stack: Stack) -> tuple[Need, ...]:
    """Return what a service lacks though its permissions.yaml asks for it: bootstrap did not put it into place yet."""
    statements = grants.resolved(asked.execution, stack.name, stack.account, stack.region)
    granted = Identity("", ({"Statement": list(statements)},))
    return tuple(need for need in (*one.missing, *one.doubtful) if _allows(granted, need))


def suggestion(one: Fit, stack: Stack, without: Collection[Need] = ()) -> dict[str, Any]:
    """Return what to add to the service's permissions.yaml; what may not be granted there is left out."""
    placeholders = {
        one.stack: grants.STACK,
        stack.account: grants.ACCOUNT,
        stack.region: "${AWS::Region}",
        f"arn:{partition_of(stack.region)}:": "arn:${AWS::Partition}:",
    }
    by_resource: dict[str, list[str]] = {}
    for need in (*one.missing, *one.doubtful):
        if need not in without and grants.may_grant(need.action):
            resource = need.resource
            for value, placeholder in placeholders.items():
                resource = resource.replace(value, placeholder)
            by_resource.setdefault(resource, []).append(need.action)
    statements = [{"Action": sorted(set(actions)), "Resource": resource} for resource, actions in by_resource.items()]
    return {"Execution": statements} if statements else {}


def check(steps: Plan, store: Store, policies: Policies, knowledge: Knowledge, names: Names, say: Say) -> None:
    """Refuse a deployment that the execution role could not carry out, before any change set; raises IdentityError.

    Looks at the templates of the release, as they will be deployed. One that SAM here cannot translate is passed: AWS
    may have a newer SAM.
    """
    environment = steps.environment
    changing = [s for s in steps.steps if isinstance(s, DeployStack) and s.change is not Change.NONE]
    if not changing:
        return
    role = names.execution_role(environment.name, environment.account)
    execution = policies.identity(role)
    for step in changing:
        template = json.loads(making.read_template(store, step.build))
        stack = Stack(step.stack, environment.account, environment.region, dict(step.parameters))
        try:
            plain = transform.plain(template, stack.parameters, stack.region, f"services/{step.service}/template.yaml")
        except ConfigError as error:
            say(f"{step.service}: whether its rights are there was not looked at: {error.answer}")
            continue
        operations = _CREATING if step.change is Change.CREATE else needs.OPERATIONS
        found = needs.of_template(plain, _with_lists(stack, plain), knowledge, names.tooling, operations)
        refused = missing(execution, found)
        if refused:
            actions = ", ".join(dict.fromkeys(need.action for need in refused))
            raise IdentityError(
                f"deploying {step.service} to {environment.name} with {role}",
                f"it may not: {actions}; nothing was changed",
                f"invoke permissions --env {environment.name} --service {step.service}",
            )


def _with_lists(stack: Stack, template: Template) -> Stack:
    """Return a stack whose parameters, given as text, are what they are for its template."""
    return replace(stack, parameters=intrinsics.split_lists(template, stack.parameters))


def _allows(execution: Identity, need: Need) -> bool:
    return execution.might(need.asked(execution.arn))


def _beyond(plain: Template, stack: Stack, boundary: Document) -> Iterator[tuple[str, str]]:
    """Yield what the roles of a template allow and its boundary does not; of policies that AWS manages, nothing."""
    limit = Identity("", (boundary,))
    for body in intrinsics.resources(plain, stack).values():
        properties = body.get("Properties") or {}
        documents = [one.get("PolicyDocument") for one in properties.get("Policies", ()) if isinstance(one, Mapping)]
        if body["Type"] in {"AWS::IAM::Policy", "AWS::IAM::RolePolicy"}:
            documents.append(properties.get("PolicyDocument"))
        for document in documents if body["Type"].startswith("AWS::IAM::") else ():
            for statement in policy.statements(document or {}):
                pairs = (
                    (a, r)
                    for a in policy.listed(statement.get("Action"))
                    for r in policy.listed(statement.get("Resource"))
                )
                for action, resource in pairs if statement.get("Effect") == "Allow" else ():
                    if not limit.might(Request(str(action), str(resource))):
                        yield str(action), str(resource)
