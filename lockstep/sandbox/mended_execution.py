"""The mend of what limits a stack: who may give it which role, and what that role may then make.

Which actions a resource takes is what `lockstep/needs.py` says, the same that a deployment is checked by before. AWS
pages are named by their last part.
"""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from lockstep import needs, policy
from lockstep.intrinsics import Stack
from lockstep.needs import Need
from lockstep.sandbox import seams
from lockstep.schemas import Schemas

_CLOUDFORMATION = "cloudformation.amazonaws.com"
_TAKES_A_ROLE = (
    "ContinueUpdateRollback", "CreateChangeSet", "CreateStack", "DeleteStack", "RollbackStack", "UpdateStack",
)  # fmt: skip


class NotAuthorized(Exception):  # noqa: N818 - an answer of AWS, not a fault
    """Why a resource was not made; in a stack, the resource's status reason."""


def roles_are_passed() -> None:
    """Who gives a stack a role needs iam:PassRole on it, and it must trust CloudFormation (using-iam-servicerole).

    MiniStack takes any role from anybody.
    """
    handlers = seams.used("services.cloudformation.handlers", "_ACTION_HANDLERS")

    def wrap(original: Any) -> Any:
        def handle(params: Any) -> Any:
            role = seams.used("services.cloudformation.helpers", "_p")(params, "RoleARN")
            caller, answer = seams.caller(), seams.used("services.cloudformation.helpers", "_error")
            passed = {"iam:PassedToService": _CLOUDFORMATION}
            if role and not seams.may(caller, "iam:PassRole", role, "", caller.account, passed):
                refused = f"User: {caller.arn} is not authorized to perform: iam:PassRole on resource: {role}"
                return answer("AccessDenied", refused, 403)
            if role and not _is_trusting(role):
                return answer("ValidationError", f"Role {role} is invalid or cannot be assumed")
            return original(params)

        return handle

    for action in _TAKES_A_ROLE:
        handlers[action] = wrap(handlers[action])


def _is_trusting(role: str) -> bool:
    found = seams.used("services.iam", "_roles").get_scoped(role.split(":")[4], None, role.rsplit("/", 1)[-1]) or {}
    trust = found.get("AssumeRolePolicyDocument") or {}
    document = json.loads(trust) if isinstance(trust, str) else trust
    return policy.service_may(_CLOUDFORMATION, "sts:AssumeRole", role, document, {})


def execution_roles_are_limits(knowledge: Callable[[str], Schemas]) -> None:
    """What a stack makes is made with its role's rights, or else with its caller's (using-iam-servicerole).

    MiniStack makes everything for everybody. Each action that CloudFormation would take, by the provider schemas of a
    region, is judged before; where one is refused, the resource fails with the words of AWS. A root may everything.
    """

    def check(kind: str, logical_id: str, props: Any, stack: str, operations: tuple[str, ...]) -> None:
        _check(kind, logical_id, props, Stack(stack, seams.account(), seams.region()), knowledge, operations)

    def wrap_create(original: Any) -> Any:
        def create(resource_type: str, logical_id: str, props: Any, stack_name: str) -> Any:
            check(resource_type, logical_id, props, stack_name, ("create", "read"))
            return original(resource_type, logical_id, props, stack_name)

        return create

    def wrap_update(original: Any) -> Any:
        def update(resource_type: str, physical_id: str, old: Any, new: Any, stack_name: str, *rest: Any) -> Any:
            if old != new:
                check(resource_type, str(rest[0] if rest else physical_id), new, stack_name, ("read", "update"))
            return original(resource_type, physical_id, old, new, stack_name, *rest)

        return update

    def wrap_delete(original: Any) -> Any:
        def delete(resource_type: str, physical_id: str, props: Any, *named: Any) -> Any:
            stack_name, logical_id = named or (None, None)
            check(resource_type, str(logical_id or physical_id), props, str(stack_name or physical_id), ("delete",))
            return original(resource_type, physical_id, props, *named)

        return delete

    module = "services.cloudformation.stacks"
    seams.replace(module, "_provision_resource(resource_type, logical_id, props, stack_name)", wrap_create)
    updating = "resource_type, physical_id, old_props, new_props, stack_name, logical_id, old_attrs"
    seams.replace(module, f"_update_resource({updating})", wrap_update)
    seams.replace(module, "_delete_resource(resource_type, physical_id, props, stack_name, logical_id)", wrap_delete)


def _check(
    kind: str,
    logical_id: str,
    props: Any,
    where: Stack,
    knowledge: Callable[[str], Schemas],
    operations: tuple[str, ...],
) -> None:
    """Raise NotAuthorized where whoever makes a stack's resources may not take one of the actions that it takes."""
    maker = seams.creator()
    if maker.policies is None:
        return
    # Whether an image may be pulled is judged where the function is made: its registry has no account in its name.
    found = needs.of_resource(kind, logical_id, _without_image(props), where, knowledge(where.region), "", operations)
    # What CloudFormation does with its caller's rights, it does on the caller's behalf (condition-keys-calledvia).
    via = {} if seams.EXECUTION_ROLE.get() else {"aws:CalledVia": [_CLOUDFORMATION]}
    for need in found:
        context = {**via, **{key: value for key, value in need.context if value is not None}}
        is_told = need.certain and not need.guessed
        if is_told and not seams.may(maker, need.action, need.resource, "", where.account, context):
            raise NotAuthorized(_refusal(maker.arn, need))


def _without_image(props: Any) -> Any:
    return {key: value for key, value in props.items() if key != "Code" or "ImageUri" not in value}


def _refusal(arn: str, need: Need) -> str:
    """Return the words of AWS, as github.com/aws/aws-cdk/issues/27067 has them."""
    service = need.action.partition(":")[0].capitalize()
    resource = need.resource.replace("*", uuid.uuid4().hex[:12].upper())
    return (
        f'Resource handler returned message: "User: {arn} is not authorized to perform: {need.action} on resource: '
        f"{resource} because no identity-based policy allows the {need.action} action (Service: {service}, "
        f'Status Code: 403, Request ID: {uuid.uuid4()})" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: AccessDenied)'
    )
