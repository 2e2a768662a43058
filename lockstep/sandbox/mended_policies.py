"""The mends of how MiniStack reads policies: principals, variables, transport, buckets of other accounts.

Each says what is missing, where AWS documents what should happen, and how it is mended. Loosens no rule; the
mend of the transport says why it does not. AWS pages are named by their last part.
"""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import replace as copy_with
from typing import Any

from lockstep import policy
from lockstep.sandbox import seams

SOURCE_HEADER = "x-lockstep-source-arn"
# The actions on roles whose requests carry a boundary, the new one or the one that the role has.
_BOUNDED = frozenset(
    f"iam:{name}"
    for name in (
        "AttachRolePolicy", "CreateRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DetachRolePolicy",
        "PutRolePermissionsBoundary", "PutRolePolicy",
    )
)  # fmt: skip
_VARIABLE = re.compile(r"\$\{([^},]+?)\s*(?:,\s*'([^']*)'\s*)?\}")


def remember_the_caller() -> None:
    """A policy is judged for the principal that signed the request (reference_policies_evaluation-logic).

    Where MiniStack serves one account from another, it knows only which account asks. The access key of each
    request is kept for the mends that need to know who.
    """

    def wrap(original: Any) -> Any:
        def pin(method: str, path: str, query: Any, headers: list[Any], **handshake: Any) -> None:
            original(method, path, query, headers, **handshake)
            sent = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
            seams.ACCESS_KEY.set(seams.used("core.router", "extract_access_key_id")(sent, query))
            seams.SOURCE_ARN.set(sent.get(SOURCE_HEADER, ""))

        return pin

    seams.replace("app", "pin_signed_request(method, raw_path, query_params, raw_headers, handshake)", wrap)


def services_name_their_source() -> None:
    """A service takes a role for a resource of its own, which a trust policy may ask for (confused-deputy).

    MiniStack takes an account's root for every service, and for no resource; AWS refuses a root every role. Here a
    root takes a service's role only as that service: with the ARN of the resource in the header SOURCE_HEADER, which
    is `aws:SourceArn` then. A pipeline that runs in the sandbox becomes its projects' roles so.
    """

    def wrap(original: Any) -> Any:
        def evaluate(trust_doc: Any, caller_arn: str, ctx: Any = None) -> bool:
            if not caller_arn.endswith(":root") or ctx is None:
                return bool(original(trust_doc, caller_arn, ctx))
            source = seams.SOURCE_ARN.get()
            service = f"{source.split(':')[2]}.amazonaws.com" if source else ""
            keys = {"aws:sourcearn": source, "aws:sourceaccount": source.split(":")[4]} if source else {}
            trust = json.loads(trust_doc) if isinstance(trust_doc, str) else trust_doc
            statements = [_as_root(statement, service, caller_arn) for statement in policy.statements(trust)]
            asked = copy_with(ctx, service_context={**(ctx.service_context or {}), **keys})
            return bool(original({**trust, "Statement": statements}, caller_arn, asked))

        return evaluate

    seams.replace("core.iam_evaluator", "evaluate_trust_policy(trust_doc, caller_arn, ctx)", wrap)


def _as_root(statement: Any, service: str, root: str) -> Any:
    """Return a statement of a trust policy in which a service, if it is the one that asks, is its account's root."""
    principal = statement.get("Principal")
    if not isinstance(principal, dict) or "Service" not in principal:
        return statement
    named = policy.listed(principal["Service"])
    others = {kind: value for kind, value in principal.items() if kind != "Service"}
    asking = [*policy.listed(others.get("AWS")), root] if service in named else policy.listed(others.get("AWS"))
    return {**statement, "Principal": {**others, "AWS": list(asking)}}


def principal_arn_is_the_role() -> None:
    """`aws:PrincipalArn` of a role's session is the role's ARN (reference_policies_condition-keys).

    MiniStack gives the session's sts ARN, which no condition on a role ever matches. The role is looked up,
    since the session's ARN lacks the role's path.
    """

    def wrap(original: Any) -> Any:
        def resolve(key: str, ctx: Any) -> Any:
            if key.lower() != "aws:principalarn" or ":assumed-role/" not in ctx.principal_arn:
                return original(key, ctx)
            _, partition, _, _, owner, resource = ctx.principal_arn.split(":", 5)
            name = resource.split("/")[1]
            role = seams.used("services.iam", "_roles").get_scoped(owner, None, name) or {}
            return role.get("Arn") or f"arn:{partition}:iam::{owner}:role/{name}"

        return resolve

    seams.replace("core.iam_evaluator", "_resolve_condition_key(key, ctx)", wrap)


def policy_variables() -> None:
    """A variable such as `${aws:PrincipalAccount}` stands for its value (reference_policies_variables).

    MiniStack compares it as it is written, in resources and in conditions. "If AWS cannot resolve a variable,
    this might cause the entire statement to be invalid": such a statement does not apply here.
    """

    def wrap_match(original: Any) -> Any:
        def first_match(ctx: Any, stmts: list[Any], effect: str) -> Any:
            return original(ctx, [filled for stmt in stmts for filled in _with_resources(stmt, ctx)], effect)

        return first_match

    def wrap_conditions(original: Any) -> Any:
        def conditions_met(conditions: Any, ctx: Any) -> bool:
            try:
                return bool(original(_filled(conditions, ctx), ctx))
            except LookupError:
                return False

        return conditions_met

    seams.replace("core.iam_evaluator", "_first_match(ctx, stmts, effect)", wrap_match)
    seams.replace("core.iam_evaluator", "_conditions_met(conditions, ctx)", wrap_conditions)


def _with_resources(stmt: Any, ctx: Any) -> list[Any]:
    """Return the statement with the variables in its resources replaced; nothing where one has no value."""
    try:
        resources, others = _filled(stmt.resources, ctx), _filled(stmt.not_resources, ctx)
    except LookupError:
        return []
    return [copy_with(stmt, resources=resources, not_resources=others)]


def _filled(value: Any, ctx: Any) -> Any:
    """Return a policy's value with its variables replaced; raises LookupError where one has no value."""
    if isinstance(value, dict):
        return {key: _filled(inner, ctx) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, ctx) for inner in value]
    if not isinstance(value, str) or "${" not in value:
        return value

    def resolved(match: re.Match[str]) -> str:
        found = seams.used("core.iam_evaluator", "_resolve_condition_key")(match[1].strip(), ctx)
        text = match[2] if found is None else found
        # A wildcard inside a value stands for itself on AWS; MiniStack's matcher has no way to say that.
        if not isinstance(text, str) or "*" in text or "?" in text:
            raise LookupError(match[0])
        return text

    return _VARIABLE.sub(resolved, value)


def loopback_is_secure() -> None:
    """`aws:SecureTransport` is true over TLS (reference_policies_condition-keys), and here over loopback.

    MiniStack serves plain http in the sandbox, so a bucket policy that refuses it would refuse everything,
    and no template is weakened for the sandbox. It listens on loopback alone, where no other machine can
    listen in; a request from anywhere else stays insecure.
    """

    def wrap(original: Any) -> Any:
        def pin(source_ip: str, secure_transport: Any) -> None:
            original(source_ip, secure_transport or ipaddress.ip_address(source_ip).is_loopback)

        return pin

    seams.replace("app", "pin_request_origin(source_ip, secure_transport)", wrap)


def bucket_policies_see_the_caller() -> None:
    """A bucket's policy is judged for who calls from another account (access-control-auth-workflow-object).

    MiniStack judges it for that account's root, so that a role as principal never matches and conditions see
    the root. Access lists are not asked: the buckets that Lockstep makes have them disabled.
    """

    def wrap(original: Any) -> Any:
        def allows(owner: str, bucket: str, key: str, method: str, query: Any, *who: Any) -> bool:
            principal = seams.caller()
            if not who[0] or principal.policies is None:  # nobody, or an account's root: the original is right
                return bool(original(owner, bucket, key, method, query, *who))
            headers = who[1] if who[1:] else {}
            path = f"{bucket}/{key}" if key else bucket
            action = f"s3:{seams.used('core.iam_actions', '_s3_action')(method, f'/{path}', query)}"
            keys_of = seams.used("core.iam_actions", "s3_service_context")
            with seams.scope(owner):
                keys = keys_of(action, query, f"/{path}", headers)
            document = seams.used("services.s3", "_bucket_policies").get_scoped(owner, None, bucket) or ""
            is_blocked = seams.used("services.s3", "_public_access_blocked")
            if is_blocked(owner, bucket, "RestrictPublicBuckets"):
                document = "" if seams.used("services.s3", "_policy_is_public")(document) else document
            return seams.policy_allows(document, seams.context(principal, action, f"arn:aws:s3:::{path}", keys))

        return allows

    seams.replace(
        "services.s3",
        "_foreign_bucket_allows(owner_account, bucket_name, key, method, query_params, caller, headers)",
        wrap,
    )


def roles_of_stacks_have_boundaries() -> None:
    """A stack's role has the PermissionsBoundary that its template gives it (aws-resource-iam-role).

    MiniStack drops it, so the role may do all that its own policies say. It is set on the role that was made or
    updated, where MiniStack keeps, enforces and shows the boundary of a role made by IAM's API.
    """

    def wrap(original: Any, properties: int) -> Any:
        def provision(*given: Any, **named: Any) -> Any:
            name, attributes = original(*given, **named)
            role = seams.used("services.iam", "_roles")[name]
            role["PermissionsBoundary"] = given[properties].get("PermissionsBoundary")
            return name, attributes

        return provision

    created = "_iam_role_create(logical_id, props, stack_name)"
    updated = "_iam_role_update(physical_id, old_props, new_props, stack_name, logical_id)"
    seams.replace_handler("AWS::IAM::Role", "create", created, lambda original: wrap(original, 1))
    seams.replace_handler("AWS::IAM::Role", "update", updated, lambda original: wrap(original, 2))


def conditional_writes_are_seen() -> None:
    """`s3:if-none-match` and `s3:if-match` carry a write's headers (conditional-writes-enforce).

    MiniStack honours the headers but gives policies no such key, so a policy that insists on them refuses all.
    """

    def wrap(original: Any) -> Any:
        def context(iam_action: str, query_params: Any, path: str = "", headers: Any = None) -> Any:
            found = original(iam_action, query_params, path, headers)
            if iam_action != "s3:PutObject":
                return found
            sent = {name: value for name in ("if-none-match", "if-match") if (value := (headers or {}).get(name))}
            return found | {f"s3:{name}": value for name, value in sent.items()}

        return context

    seams.replace("core.iam_actions", "s3_service_context(iam_action, query_params, path, headers)", wrap)


def role_calls_name_the_boundary() -> None:
    """`iam:PermissionsBoundary` is that of the role which a call changes (reference_policies_iam-condition-keys).

    MiniStack gives policies no such key, so who may change only bounded roles may change none.
    """

    def wrap(original: Any) -> Any:
        def context(service: str, iam_action: str, body: bytes, params: Any) -> Any:
            found = original(service, iam_action, body, params)
            if service != "iam" or iam_action not in _BOUNDED:
                return found
            given = {key: value[0] if isinstance(value, list) else value for key, value in params.items()}
            role = seams.used("services.iam", "_roles").get(given.get("RoleName", "")) or {}
            boundary = given.get("PermissionsBoundary") or role.get("PermissionsBoundary")
            return found | ({"iam:PermissionsBoundary": boundary} if boundary else {})

        return context

    seams.replace("core.iam_actions", "request_tag_context(service, iam_action, body, params)", wrap)


def stack_calls_name_their_role() -> None:
    """`cloudformation:RoleArn` is the role that a call gives a stack (list_awscloudformation).

    MiniStack gives policies no such key, so a deploy role that may only use its execution role may do nothing.
    """

    def wrap(original: Any) -> Any:
        def context(service: str, iam_action: str, body: bytes, params: Any) -> Any:
            found = original(service, iam_action, body, params)
            role = params.get("RoleARN") if service == "cloudformation" else None
            return found | {"cloudformation:RoleArn": role[0] if isinstance(role, list) else role} if role else found

        return context

    seams.replace("core.iam_actions", "request_tag_context(service, iam_action, body, params)", wrap)
