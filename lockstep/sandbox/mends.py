"""The gaps of MiniStack, mended by replacing its functions when the sandbox starts.

Owns the list of mends, and those of CloudFormation, Lambda and API Gateway. Each says what is missing, where
AWS documents what should happen, and how it is mended; tests/sandbox has a test for each that fails once
MiniStack needs it no more. Refuses to start where one does not fit. AWS pages are named by their last part.
"""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

import base64
import functools
import hashlib
import re
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lockstep.sandbox import (
    mended_changes,
    mended_execution,
    mended_images,
    mended_pipelines,
    mended_policies,
    mended_simulator,
    mended_trail,
    seams,
)
from lockstep.schemas import Schemas

_IMAGE = re.compile(r"(?:127\.0\.0\.1|localhost):(\d+)/([^@:]+)(?::([^@]+))?(?:@(.+))?")
_NO_IMAGE = "Source image {} does not exist. Provide a valid source image."
_NO_PULL = "Lambda does not have permission to access the ECR image. Check the ECR permissions."
_NO_CODE = (
    "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
)
_NO_ACCESS = (
    "Your access has been denied by S3, please make sure your request credentials have permission to "
    "GetObject for {}. S3 Error Code: AccessDenied. S3 Error Message: Access Denied"
)
_STACK_ACTIONS = (
    "CreateStack", "UpdateStack", "DeleteStack", "CreateChangeSet", "ExecuteChangeSet", "RollbackStack",
    "ContinueUpdateRollback",
)  # fmt: skip


class MendError(Exception):
    """A mend does not fit the MiniStack that is installed."""


class Refused(Exception):  # noqa: N818 - an answer of AWS, not a fault
    """What Lambda answers instead of making a function; in a stack, the resource's status reason."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.answer = (code, message, status)


def apply(schemas: Path) -> None:
    """Apply every mend, in order; raises MendError, naming the mend, where what it replaces has changed.

    `schemas` is where the provider schemas lie, which say what a stack takes.
    """
    mending = "seams"
    try:
        for module, names in seams.USED.items():
            for name in names:
                seams.used(module, name)
        for mend in MENDS:
            mending = mend.__name__
            mend()
        knowledge = functools.cache(functools.partial(Schemas, schemas))
        for mend_by in MENDS_BY_SCHEMAS:
            mending = mend_by.__name__
            mend_by(knowledge)
    except (AttributeError, ImportError, KeyError) as gone:
        fits_not = f"the mend '{mending}' does not fit ministack {version('ministack')}"
        raise MendError(f"{fits_not}: {gone}") from gone


def remember_the_execution_role() -> None:
    """A stack keeps the RoleARN that it was given and uses it from then on (using-iam-servicerole).

    MiniStack drops it. It is kept with the stack and its change set; what a stack operation starts in the
    background copies the operation's context, so what makes the resources knows the role.
    """
    helpers = "services.cloudformation.helpers"
    handlers = seams.used("services.cloudformation.handlers", "_ACTION_HANDLERS")

    def records(params: Any) -> list[Any]:
        field = seams.used(helpers, "_p")
        stack, name = field(params, "StackName"), field(params, "ChangeSetName")
        find = seams.used("services.cloudformation.changesets", "_find_change_set")
        change_set = (find(name, stack)[1] if name else None) or {}
        resolve = seams.used("services.cloudformation.handlers", "_resolve_stack")
        found = resolve(change_set.get("StackName", stack)) or {}
        return [change_set, {} if found.get("StackStatus") == "DELETE_COMPLETE" else found]

    def wrap(action: str, original: Any) -> Any:
        def handle(params: Any) -> Any:
            kept = [record["RoleARN"] for record in records(params) if "RoleARN" in record]
            role = seams.used(helpers, "_p")(params, "RoleARN") or next(iter(kept), "")
            token = seams.EXECUTION_ROLE.set(role)
            try:
                answer = original(params)
            finally:
                seams.EXECUTION_ROLE.reset(token)
            if role and answer[0] == 200:
                change_set, stack = records(params)
                (change_set if action == "CreateChangeSet" else stack)["RoleARN"] = role
            return answer

        return handle

    for action in _STACK_ACTIONS:
        handlers[action] = wrap(action, handlers[action])


def templates_of_other_accounts() -> None:
    """A TemplateURL is read with the caller's rights, whichever account has the bucket (API_CreateChangeSet).

    MiniStack looks in the caller's account only, and asks for no right.
    """

    def wrap(original: Any) -> Any:
        def resolve(params: Any, body_key: str, url_key: str, label: str) -> Any:
            field = seams.used("services.cloudformation.helpers", "_p")
            bucket, _, key = urlsplit(field(params, url_key)).path.lstrip("/").partition("/")
            if field(params, body_key) or not key:
                return original(params, body_key, url_key, label)
            try:
                with seams.reading(seams.caller(), bucket, key):
                    return original(params, body_key, url_key, label)
            except PermissionError:
                answer = seams.used("services.cloudformation.helpers", "_error")
                return None, answer("ValidationError", "S3 error: Access Denied")

        return resolve

    function = "_resolve_document(params, body_key, url_key, label)"
    seams.replace("services.cloudformation.helpers", function, wrap)


def _answering(original: Any) -> Any:
    """Let a function of Lambda's API answer with what it was refused for."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except Refused as refusal:
            return seams.used("core.responses", "error_response_json")(*refusal.answer)

    return call


def code_of_other_accounts() -> None:
    """Zip code and layers come from whichever account has the bucket, and must be there (API_FunctionCode).

    Who makes the function needs s3:GetObject: the caller, or its stack's execution role. MiniStack looks in
    the function's account only, asks for no right, and makes a function without code where it finds none.
    """

    def wrap_fetch(original: Any) -> Any:
        def fetch(bucket: str, key: str, version_id: str | None = None) -> Any:
            try:
                with seams.reading(seams.creator(), bucket, key):
                    code = original(bucket, key, version_id)
            except PermissionError as denied:
                raise Refused("AccessDeniedException", _NO_ACCESS.format(f"{bucket}/{key}"), 403) from denied
            if code is None:
                raise Refused("InvalidParameterValueException", _NO_CODE, 400)
            return code

        return fetch

    seams.replace("services.lambda_svc", "_fetch_code_from_s3(bucket, key, version_id)", wrap_fetch)
    seams.replace("services.lambda_svc", "_create_function(data)", _answering)
    seams.replace("services.lambda_svc", "_update_code(name, data)", _answering)
    seams.replace("services.lambda_svc", "_publish_layer_version(layer_name, data)", _answering)
    layer = "_lambda_layer_create(logical_id, props, stack_name)"
    seams.replace_handler("AWS::Lambda::LayerVersion", "create", layer, _with_foreign_layer)


def _with_foreign_layer(original: Any) -> Any:
    def create(logical_id: str, props: Any, stack_name: str) -> Any:
        content = props.get("Content", {})
        where = (content.get("S3Bucket", ""), content.get("S3Key", ""), content.get("S3ObjectVersion"))
        code = seams.used("services.lambda_svc", "_fetch_code_from_s3")(*where)
        arn, attributes = original(logical_id, props, stack_name)
        layer = seams.used("services.lambda_svc", "_layers")[arn.split(":")[6]]["versions"][-1]
        layer["_zip_data"] = code
        layer["Content"]["CodeSha256"] = base64.b64encode(hashlib.sha256(code).digest()).decode()
        layer["Content"]["CodeSize"] = len(code)
        return arn, attributes

    return create


def images_must_exist() -> None:
    """An image function needs an image that is there and that Lambda and its maker may pull (images-create).

    Across accounts the repository's policy must let both pull it: the maker, and lambda.amazonaws.com for
    that function's ARN. MiniStack takes any text for an image. Only the sandbox's own registry is looked at.
    """
    owner = seams.account()  # outside of a request: the one that the registry's unsigned requests go to

    def wrap_create(original: Any) -> Any:
        def create(data: Any) -> Any:
            _check_image(owner, data.get("Code", {}).get("ImageUri"), data.get("FunctionName", ""))
            return original(data)

        return _answering(create)

    def wrap_update(original: Any) -> Any:
        def update(name: str, data: Any) -> Any:
            _check_image(owner, data.get("ImageUri"), name)
            return original(name, data)

        return _answering(update)

    def wrap_creator(original: Any) -> Any:
        def create(logical_id: str, props: Any, stack_name: str) -> Any:
            named = seams.used("services.cloudformation.provisioners", "_physical_name")
            name = props.get("FunctionName") or named(stack_name, logical_id, max_len=64)
            _check_image(owner, props.get("Code", {}).get("ImageUri"), name)
            return original(logical_id, props, stack_name)

        return create

    seams.replace("services.lambda_svc", "_create_function(data)", wrap_create)
    seams.replace("services.lambda_svc", "_update_code(name, data)", wrap_update)
    creator = "_lambda_create(logical_id, props, stack_name)"
    seams.replace_handler("AWS::Lambda::Function", "create", creator, wrap_creator)


def _check_image(owner: str, uri: str | None, function: str) -> None:
    """Raise Refused where an image of our registry does not exist or may not be pulled for the function."""
    found = _IMAGE.fullmatch(uri or "")
    if found is None or found[1] != seams.used("app", "_resolve_port")():
        return
    _, name, tag, digest = found.groups()
    images = seams.used("services.ecr", "_images").get_scoped(owner, seams.region(), name) or []
    known = {key for image in images for key in (image["imageDigest"], *image["imageTags"])}
    if (digest or tag or "latest") not in known:
        raise Refused("InvalidParameterValueException", _NO_IMAGE.format(uri), 400)
    if seams.account() != owner:
        _check_pull(owner, name, function)


def _check_pull(owner: str, name: str, function: str) -> None:
    """Raise Refused where another account's repository does not let Lambda and the function's maker pull."""
    policy = seams.used("services.ecr", "_repo_policies").get_scoped(owner, seams.region(), name) or ""
    arn = f"arn:aws:ecr:{seams.region()}:{owner}:repository/{name}"
    keys = {
        "aws:SourceArn": seams.used("services.lambda_svc", "_func_arn")(function),
        "aws:SourceAccount": seams.account(),
    }
    runtime, maker = seams.service("lambda.amazonaws.com"), seams.creator()
    for action in ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"):
        pulls = seams.policy_allows(policy, seams.context(runtime, action, arn, keys), runtime.arn)
        if not (pulls and seams.may(maker, action, arn, policy, owner)):
            raise Refused("AccessDeniedException", _NO_PULL, 403)


def apis_of_other_accounts() -> None:
    """An API answers at its own address whoever calls, signed or not (how-to-call-api).

    MiniStack looks for it in the caller's account, which for an unsigned call is the default one.
    """

    def wrap(original: Any) -> Any:
        async def handle(host: str, path: str, *request: Any, **raw: Any) -> Any:
            called = seams.used("app", "_parse_execute_api_url")(host, path)
            rest = seams.used("services.apigateway_v1", "_rest_apis").all_items()
            http = seams.used("services.apigateway", "_apis").all_items()
            owners = {key[0] for key, _ in (*rest, *http) if called and key[2] == called[0]}
            here = not owners or seams.account() in owners
            with nullcontext() if here else seams.scope(owners.pop()):
                return await original(host, path, *request, **raw)

        return handle

    request = "host, path, method, headers, body, query_params, raw_path, raw_query_string"
    seams.replace("app", f"_handle_execute_api_request({request})", wrap)


MENDS = (
    mended_policies.remember_the_caller,
    mended_policies.services_name_their_source,
    mended_policies.principal_arn_is_the_role,
    mended_policies.policy_variables,
    mended_policies.loopback_is_secure,
    mended_policies.bucket_policies_see_the_caller,
    mended_policies.conditional_writes_are_seen,
    mended_policies.stack_calls_name_their_role,
    mended_policies.role_calls_name_the_boundary,
    mended_policies.roles_of_stacks_have_boundaries,
    remember_the_execution_role,
    mended_execution.roles_are_passed,
    templates_of_other_accounts,
    code_of_other_accounts,
    images_must_exist,
    apis_of_other_accounts,
    mended_images.images_have_their_size,
    mended_images.scans_find_nothing,
    mended_pipelines.stacks_have_pipelines,
    mended_pipelines.pipelines_are_told,
    mended_pipelines.projects_have_batches,
    mended_simulator.simulations_are_of_somebody,
    mended_simulator.simulations_tell_what_they_miss,
    mended_trail.trail_names_call_and_caller,
)
MENDS_BY_SCHEMAS = (
    mended_execution.execution_roles_are_limits,
    mended_changes.change_sets_know_what_is_made_anew,
)
