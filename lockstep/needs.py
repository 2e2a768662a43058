"""What CloudFormation asks of IAM to create, read, update and delete a resource. Pure.

The handlers of a provider schema list every action that a resource type may ever take; `optional` knows which of them
a certain resource takes. Here is told what each is taken on. In doubt an action is only possible: what is told as
needed must never stop a deployment that would have succeeded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lockstep import intrinsics, optional
from lockstep.intrinsics import UNKNOWN, Properties, Stack
from lockstep.names import partition_of

OPERATIONS = ("create", "read", "update", "delete")
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


class Knowledge(Protocol):
    """What the provider schemas and IAM say; `schemas.Schemas` reads it."""

    def handlers(self, kind: str) -> Mapping[str, tuple[str, ...]]:
        """By operation the actions of a resource type."""

    def arn_forms(self, action: str) -> tuple[str, ...] | None:
        """What an action's resources look like; empty where it takes none, None where it is no action."""

    def actions_like(self, action: str) -> tuple[str, ...]:
        """The names of all actions of the same service, in small letters."""


@dataclass(frozen=True)
class Need:
    """One action on one resource. `certain`: without it the operation fails.

    `perhaps`: nobody here knows which properties ask for it. Else what is not certain is known to be asked for only by
    properties that are not set. `context` holds the condition keys that the request would have, `of` the logical id
    that it is for.
    """

    action: str
    resource: str
    of: str
    context: tuple[tuple[str, str], ...] = ()
    certain: bool = True
    perhaps: bool = False


# What these are known by, AWS chooses: no name tells beforehand which one it is.
_NUMBERED = frozenset({"AWS::Cognito::UserPool", "AWS::KMS::Key", "AWS::Lambda::EventSourceMapping"})
# Services that a role is passed to under another name than their actions have.
_PASSED_TO = {"ecs": "ecs-tasks"}
# Below which collection of API Gateway a resource type lies, by its second part and the start of its third.
_COLLECTIONS = (
    (r"AWS::ApiGateway::UsagePlan\w*", "usageplans"),
    (r"AWS::ApiGateway::ApiKey", "apikeys"),
    (r"AWS::ApiGateway(V2)?::(DomainName\w*|BasePathMapping\w*|ApiMapping)", "domainnames"),
    (r"AWS::ApiGateway(V2)?::VpcLink", "vpclinks"),
    (r"AWS::ApiGateway::ClientCertificate", "clientcertificates"),
    (r"AWS::ApiGateway::Account", "account"),
    (r"AWS::ApiGatewayV2::\w+", "apis"),
    (r"AWS::ApiGateway::\w+", "restapis"),
)


def of_template(
    template: Mapping[str, Any],
    stack: Stack,
    knowledge: Knowledge,
    images_in: str,
    operations: tuple[str, ...] = OPERATIONS,
) -> tuple[Need, ...]:
    """Return what CloudFormation needs for every resource of a plain template, each need once.

    A SAM template has to be translated first. `images_in` is the account whose registry holds the images.
    """
    made = intrinsics.resources(template, stack).items()
    kinds = [(body["Type"], logical_id, body.get("Properties") or {}) for logical_id, body in made]
    found = (of_resource(*kind, stack, knowledge, images_in, operations) for kind in kinds)
    return tuple(dict.fromkeys(need for needs in found for need in needs))


def of_resource(
    kind: str,
    logical_id: str,
    properties: Properties,
    stack: Stack,
    knowledge: Knowledge,
    images_in: str,
    operations: tuple[str, ...] = OPERATIONS,
) -> tuple[Need, ...]:
    """Return what CloudFormation needs for some operations on one resource; nothing where no schema says it."""
    handlers = knowledge.handlers(kind)
    own = optional.own_service(handlers, kind)
    is_blind = any(key.lower().endswith("name") and str(value).startswith(UNKNOWN) for key, value in properties.items())
    found: list[Need] = []
    done = {action for operation in operations for action in handlers.get(operation, ())}
    for action in dict.fromkeys(a for operation in (*operations, "tag") for a in handlers.get(operation, ())):
        forms = knowledge.arn_forms(action)
        # Schemas also name what IAM does not know, such as s3:REST.PUT.OBJECT.
        if forms is not None:
            certain = not is_blind and action in done and optional.is_certain(action, handlers, kind, properties)
            perhaps = not certain and action.partition(":")[0] == own and not optional.is_known(kind)
            context = _context(action, own, kind, properties, stack)
            for resource in _resources(action, forms, kind, logical_id, properties, stack):
                is_told = resource != UNKNOWN or not forms
                found.append(Need(action, resource, logical_id, context, certain and is_told, perhaps and is_told))
    if {"create", "update"} & set(operations):
        found += [Need(action, arn, logical_id) for arn in _images(properties, stack, images_in) for action in PULL]
    return tuple(found)


def _arns(value: object, service: str) -> Iterator[str]:
    """Yield the ARNs of a service in a value, however deep."""
    if isinstance(value, str) and re.match(rf"arn:[\w-]+:{service}:", value):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _arns(item, service)
    elif isinstance(value, list):
        for item in value:
            yield from _arns(item, service)


def _resources(
    action: str, forms: tuple[str, ...], kind: str, logical_id: str, properties: Properties, stack: Stack
) -> tuple[str, ...]:
    """Return the ARNs of what an action is taken on, as far as they can be told beforehand."""
    if not forms:
        return (UNKNOWN,)
    service = action.partition(":")[0]
    if action == "iam:PassRole":
        return tuple(_arns(optional.find(properties, optional.COMES_WITH[action]), "iam")) or (UNKNOWN,)
    if service == "kms" and not kind.startswith("AWS::KMS::"):
        return tuple(_arns(optional.find(properties, optional.COMES_WITH["kms:.*"]), "kms")) or (UNKNOWN,)
    if service == "s3" and not kind.startswith("AWS::S3::"):
        return (_object(properties, stack),)
    if action == "lambda:GetLayerVersion" and "Layers" in properties:
        return tuple(_arns(properties["Layers"], "lambda")) or (UNKNOWN,)
    if service == "apigateway":
        return _api_resources(action, kind, stack)
    return (_named(forms, kind, logical_id, properties, stack),)


def _named(forms: tuple[str, ...], kind: str, logical_id: str, properties: Properties, stack: Stack) -> str:
    """Return an ARN of the form that fits the type best, with the name that its properties give."""
    noun = kind.rpartition("::")[2].lower()
    nouns = {form: re.split("[:/]", form.removesuffix(".*").rstrip(":/"))[-1].replace("-", "") for form in forms}
    values = {"Partition": partition_of(stack.region), "Region": stack.region, "Account": stack.account}
    starts = {
        form: re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], UNKNOWN), form.removesuffix(".*"))
        for form in forms
    }
    known = intrinsics.arn(kind, UNKNOWN, stack.account, stack.region)
    named_so = (form for form in forms if nouns[form].lower() == noun)
    form = next((form for form in forms if known.startswith(starts[form])), None) or next(named_so, forms[0])
    keys = {f"{nouns[form]}name".lower(): 0, f"{noun}name": 1, "name": 2}
    named = sorted((keys[key.lower()], str(value)) for key, value in properties.items() if key.lower() in keys)
    name = named[0][1] if named else intrinsics.generated_name(kind, logical_id, stack.name)
    if kind in _NUMBERED:
        name = UNKNOWN
    if name.startswith("arn:"):
        return name
    return starts[form] + name.removeprefix("/") if starts[form].endswith("/") else starts[form] + name


def _object(properties: Properties, stack: Stack) -> str:
    """Return the ARN of the file in a bucket that a type's code or body is read from."""
    buckets, keys = optional.find(properties, "(S3)?Bucket"), optional.find(properties, "(S3)?Key")
    partition = partition_of(stack.region)
    return f"arn:{partition}:s3:::{buckets[0]}/{keys[0]}" if buckets and keys else UNKNOWN


def _api_resources(action: str, kind: str, stack: Stack) -> tuple[str, ...]:
    """Return the paths below API Gateway: their ids cannot be told beforehand.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-resource-reference.html
    """
    collection = next((name for pattern, name in _COLLECTIONS if re.fullmatch(pattern, kind)), UNKNOWN)
    base = f"arn:{partition_of(stack.region)}:apigateway:{stack.region}::/{collection}"
    makes_one = action == "apigateway:POST" and kind.endswith(("::RestApi", "::Api"))
    return (base,) if makes_one or collection == "account" else (f"{base}/{UNKNOWN}",)


def _images(properties: Properties, stack: Stack, images_in: str) -> Iterator[str]:
    """Yield the repository of a function's image, which who makes the function pulls.

    https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
    """
    code = properties.get("Code")
    uri = code.get("ImageUri") if isinstance(code, Mapping) else None
    repository = str(uri).partition("@")[0].partition("/")[2].partition(":")[0]
    if repository:
        yield f"arn:{partition_of(stack.region)}:ecr:{stack.region}:{images_in}:repository/{repository}"


def _context(action: str, own: str, kind: str, properties: Properties, stack: Stack) -> tuple[tuple[str, str], ...]:
    """Return the condition keys that policies here ask for, as the request would have them."""
    service = action.partition(":")[0]
    if action == "iam:PassRole":
        return (("iam:PassedToService", f"{_PASSED_TO.get(own, own)}.amazonaws.com"),)
    if service == "iam" and properties.get("PermissionsBoundary"):
        return (("iam:PermissionsBoundary", str(properties["PermissionsBoundary"])),)
    if kind == "AWS::Lambda::EventSourceMapping":
        name = str(properties.get("FunctionName", UNKNOWN))
        of = intrinsics.arn("AWS::Lambda::Function", name, stack.account, stack.region)
        return (("lambda:FunctionArn", name if name.startswith("arn:") else of),)
    return ()
