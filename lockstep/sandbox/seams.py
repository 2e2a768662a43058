"""Where MiniStack is taken apart: finds its functions, replaces them, and tells who calls and what they may.

Owns what the mends share; mends nothing itself. Runs in the sandbox's own Python environment: imports nothing
else of Lockstep, and of MiniStack nothing before it is asked to.
"""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

import functools
import importlib
import inspect
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCESS_KEY: ContextVar[str] = ContextVar("lockstep_access_key", default="")
SOURCE_ARN: ContextVar[str] = ContextVar("lockstep_source_arn", default="")
EXECUTION_ROLE: ContextVar[str] = ContextVar("lockstep_execution_role", default="")

# What the mends use of MiniStack beside the functions that they replace.
USED = {
    "app": ("SERVICE_HANDLERS", "_parse_execute_api_url", "_resolve_port"),
    "services.cloudtrail": ("_get_event_queue",),
    "core.iam_actions": ("SERVICE_TO_IAM_NAMESPACE", "_s3_action", "s3_service_context"),
    "core.iam_evaluator": (
        "AuthError", "EvalContext", "EvalResult", "PrincipalInfo", "combine_resource_policy", "evaluate",
        "evaluate_resource_policy", "resolve_principal", "_gather_role_policies", "_permissions_boundary",
    ),
    "core.responses": ("error_response_json", "get_account_id", "get_region", "json_response", "request_scope"),
    "core.router": ("SERVICE_PATTERNS", "extract_access_key_id"),
    "services.apigateway": ("_apis",),
    "services.apigateway_v1": ("_rest_apis",),
    "services.codebuild": ("_projects",),
    "services.cloudformation": ("_stacks",),
    "services.cloudformation.changesets": ("_find_change_set",),
    "services.cloudformation.handlers": ("_ACTION_HANDLERS", "_resolve_stack"),
    "services.cloudformation.helpers": ("_error", "_p"),
    "services.cloudformation.provisioners": ("_RESOURCE_HANDLERS", "_physical_name"),
    "services.ecr": ("_find_image", "_images", "_repo_policies", "_repositories"),
    "services.iam": ("_roles",),
    "services.lambda_svc": ("_func_arn", "_layers"),
    "services.s3": (
        "_bucket_owner_account", "_bucket_policies", "_policy_is_public", "_public_access_blocked",
    ),
}  # fmt: skip


def part(module: str) -> Any:
    """Return a module of MiniStack by its name inside the package."""
    return importlib.import_module(f"ministack.{module}")


def used(module: str, name: str) -> Any:
    """Return a name of a module; raises AttributeError, or ImportError, where MiniStack has it no more."""
    return getattr(part(module), name)


def replace(module: str, function: str, wrap: Callable[[Any], Any]) -> None:
    """Put `wrap(original)` in a function's place.

    `function` spells its parameters too: raises AttributeError where the function is gone or takes others.
    """
    name = function.partition("(")[0]
    original = used(module, name)
    found = f"{name}({', '.join(inspect.signature(original).parameters)})"
    if found != function:
        raise AttributeError(f"{module}.{function} is now {found}")
    setattr(part(module), name, functools.update_wrapper(wrap(original), original))


def replace_handler(resource_type: str, operation: str, function: str, wrap: Callable[[Any], Any]) -> None:
    """Replace what creates or updates a resource type of CloudFormation, in the table of types too."""
    module = "services.cloudformation.provisioners"
    replace(module, function, wrap)
    handlers = used(module, "_RESOURCE_HANDLERS")[resource_type]
    handlers[operation] = used(module, function.partition("(")[0])


def account() -> str:
    """Return the account that the request at hand is for; at start, the one that unsigned requests go to."""
    return str(used("core.responses", "get_account_id")())


def region() -> str:
    """Return the region that the request at hand is for."""
    return str(used("core.responses", "get_region")())


def scope(owner: str) -> Any:
    """Return a context in which MiniStack works for another account."""
    return used("core.responses", "request_scope")(owner, region())


def caller() -> Any:
    """Return the principal that signed the request, or the account's root where the account's own key did."""
    found = used("core.iam_evaluator", "resolve_principal")(ACCESS_KEY.get(), account())
    if isinstance(found, used("core.iam_evaluator", "AuthError")):
        return _principal("", "AssumedRole", account())
    return found


def creator() -> Any:
    """Return who creates a stack's resources: its execution role, or else the caller."""
    role = EXECUTION_ROLE.get()
    if not role:
        return caller()
    _, partition, _, _, owner, resource = role.split(":", 5)
    name = resource.rsplit("/", 1)[-1]
    return _principal(
        f"arn:{partition}:sts::{owner}:assumed-role/{name}/AWSCloudFormation",
        "AssumedRole",
        owner,
        used("core.iam_evaluator", "_gather_role_policies")(name, owner),
        used("core.iam_evaluator", "_permissions_boundary")(used("services.iam", "_roles"), name, owner),
    )


def service(name: str) -> Any:
    """Return an AWS service as a principal; it has no account and no policies."""
    return _principal(name, "Service", "")


def _principal(arn: str, kind: str, owner: str, policies: Any = (), limits: Any = ()) -> Any:
    make = used("core.iam_evaluator", "PrincipalInfo")
    return make(arn=arn, type=kind, account=owner, policies=list(policies), limits=list(limits))


def context(principal: Any, action: str, resource: str, keys: dict[str, Any] | None = None) -> Any:
    """Return what a policy is evaluated against: who, what, on what, with a request's own condition keys."""
    return used("core.iam_evaluator", "EvalContext")(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        principal_keys=principal.keys,
        action=action,
        resource_arn=resource,
        region=region(),
        service_context={key.lower(): value for key, value in (keys or {}).items()},
    )


def policy_allows(policy: str, asked: Any, service_name: str | None = None) -> bool:
    """Return whether a resource's own policy allows what is asked, and nothing in it denies that."""
    evaluate = used("core.iam_evaluator", "evaluate_resource_policy")
    return bool(evaluate(policy, asked, service=service_name).decision == "Allow")


def may(
    principal: Any, action: str, resource: str, policy: str, owner: str, keys: dict[str, Any] | None = None
) -> bool:
    """Return whether a principal may act: by its own policies and, across accounts, by the resource's too."""
    asked = context(principal, action, resource, keys)
    if principal.policies is None:  # an account's root
        identity = used("core.iam_evaluator", "EvalResult")("Allow", principal.arn)
    else:
        identity = used("core.iam_evaluator", "evaluate")(asked, principal.policies, *principal.limits)
    combine = used("core.iam_evaluator", "combine_resource_policy")
    return bool(combine(identity, asked, policy, owner, limits=principal.limits).decision == "Allow")


@contextmanager
def reading(principal: Any, bucket: str, key: str) -> Iterator[None]:
    """Work in the account of a bucket; raises PermissionError where the principal may not read the object."""
    owner = used("services.s3", "_bucket_owner_account")(bucket)
    if owner is not None:  # what MiniStack answers for a missing bucket is right as it is
        policy = used("services.s3", "_bucket_policies").get_scoped(owner, None, bucket) or ""
        if not may(principal, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", policy, owner):
            raise PermissionError(bucket, key)
    with scope(owner or account()):
        yield
