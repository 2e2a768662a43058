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
from lockstep.policy import Request

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

    `perhaps`: nobody can tell. Else what is not certain is known to be asked for only by properties that are not set.
    `guessed`: the action may be on another resource than the one that is named here. `context` holds the condition
    keys that the request would have, None for one that it would not; `of` is the logical id that it is for.
    """

    action: str
    resource: str
    of: str
    context: tuple[tuple[str, str | None], ...] = ()
    certain: bool = True
    perhaps: bool = False
    guessed: bool = False

    def asked(self, principal: str) -> Request:
        """Return what would be asked of IAM in somebody's name, as far as that can be told beforehand."""
        return Request(self.action, "" if self.guessed else self.resource, principal, dict(self.context))


# What these are known by, AWS chooses: no name tells beforehand which one it is.
_NUMBERED = frozenset({"AWS::Cognito::UserPool", "AWS::KMS::Key", "AWS::Lambda::EventSourceMapping"})
# What belongs to another resource, which such a property names; and that one's type.
_PART_OF = {
    "AWS::IAM::RolePolicy": ("RoleName", "AWS::IAM::Role"),
    "AWS::Logs::SubscriptionFilter": ("LogGroupName", "AWS::Logs::LogGroup"),
    "AWS::S3::BucketPolicy": ("Bucket", "AWS::S3::Bucket"),
    "AWS::SNS::Subscription": ("TopicArn", "AWS::SNS::Topic"),
}
# What a role is passed to, by the prefix of the actions of the type's own service.
_PASSED_TO = {
    name: name
    for name in ("apigateway", "codepipeline", "events", "firehose", "lambda", "pipes", "scheduler", "states")
} | {"ecs": "ecs-tasks"}
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
# What such a collection itself holds; everything else lies below one of these.
_TOPMOST = ("::RestApi", "::Api", "::ApiKey", "::UsagePlan", "::DomainName", "::VpcLink", "::ClientCertificate")


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
    found: list[Need] = []
    for logical_id, body in intrinsics.resources(template, stack).items():
        # What is kept is not deleted, and neither is it where a creation is rolled back.
        done = tuple(one for one in operations if one != "delete" or body.get("DeletionPolicy") != "Retain")
        found += of_resource(body["Type"], logical_id, body.get("Properties") or {}, stack, knowledge, images_in, done)
    return tuple(dict.fromkeys(found))


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
    found: list[Need] = []
    done = {action for operation in operations for action in handlers.get(operation, ())}
    for action in dict.fromkeys(a for operation in (*operations, "tag") for a in handlers.get(operation, ())):
        forms = knowledge.arn_forms(action)
        # Schemas also name what IAM does not know, such as s3:REST.PUT.OBJECT.
        if forms is not None:
            is_done = action in done and not optional.is_idle(action, kind, operations)
            certain = is_done and optional.is_certain(action, handlers, kind, properties)
            perhaps = not certain and optional.is_possible(action, handlers, kind, properties)
            context = _context(action, own, kind, properties, stack)
            for arn, guessed in _resources(action, forms, kind, logical_id, properties, stack):
                found.append(Need(action, arn, logical_id, context, certain, perhaps, guessed))
    if {"create", "update"} & set(operations):
        found += [Need(action, arn, logical_id) for arn in _images(properties, stack, images_in) for action in PULL]
    # Whoever makes a custom resource calls the function that stands for its type.
    found += [Need("lambda:InvokeFunction", arn, logical_id) for arn in _arns(properties.get("ServiceToken"), "lambda")]
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
) -> Iterator[tuple[str, bool]]:
    """Yield the ARNs of what an action is taken on, and whether each is a guess."""
    service, found = action.partition(":")[0], tuple[str, ...]()
    if not forms:
        yield UNKNOWN, False
        return
    if action == "iam:PassRole":
        arns = _arns(optional.find(properties, optional.COMES_WITH[action]), "iam")
        found = tuple(arn for arn in arns if f":{stack.account}:" in arn)
    elif service == "kms" and not kind.startswith("AWS::KMS::"):
        found = tuple(_arns(optional.find(properties, optional.COMES_WITH["kms:.*"]), "kms"))
    elif service == "s3" and not kind.startswith("AWS::S3::"):
        found = _objects(properties, stack)
    elif action == "lambda:GetLayerVersion" and "Layers" in properties:
        found = tuple(_arns(properties["Layers"], "lambda"))
    elif service == "apigateway":
        found = (_api(action, kind, stack),)
    else:
        yield _named(forms, kind, logical_id, properties, stack)
        return
    yield from ((arn, False) for arn in found)
    if not found:
        yield UNKNOWN, True


def _named(
    forms: tuple[str, ...], kind: str, logical_id: str, properties: Properties, stack: Stack
) -> tuple[str, bool]:
    """Return an ARN of the form that fits the type best, and whether that is a guess: not of its own known form."""
    if kind in _PART_OF and (whole := str(properties.get(_PART_OF[kind][0], ""))):
        arn = intrinsics.arn(_PART_OF[kind][1], whole, stack.account, stack.region)
        return (whole if whole.startswith("arn:") else arn), True
    noun = kind.rpartition("::")[2].lower()
    nouns = {form: re.split("[:/]", form.removesuffix(".*").rstrip(":/"))[-1].replace("-", "") for form in forms}
    values = {"Partition": partition_of(stack.region), "Region": stack.region, "Account": stack.account}
    starts = {
        form: re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], UNKNOWN), form.removesuffix(".*"))
        for form in forms
    }
    known = intrinsics.arn(kind, UNKNOWN, stack.account, stack.region)
    is_known = next((form for form in forms if known.startswith(starts[form])), None)
    named_so = (form for form in forms if nouns[form].lower() == noun)
    form = is_known or next(named_so, forms[0])
    keys = {f"{nouns[form]}name".lower(): 0, f"{noun}name": 1, "name": 2}
    named = sorted((keys[key.lower()], str(value)) for key, value in properties.items() if key.lower() in keys)
    name = named[0][1] if named else intrinsics.generated_name(kind, logical_id, stack.name)
    if kind in _NUMBERED:
        name = UNKNOWN
    if name.startswith("arn:"):
        return name, True
    path = str(properties.get("Path", "")).strip("/") if kind.startswith("AWS::IAM::") else ""
    # An alias' name begins as its ARN's last part does.
    name = name.removeprefix(starts[form].rpartition(":")[2])
    last = "/".join(part for part in (path, name.removeprefix("/")) if part)
    arn = starts[form] + (last if starts[form].endswith("/") else name)
    return arn, is_known is None or name.startswith(UNKNOWN)


def _objects(properties: Properties, stack: Stack) -> tuple[str, ...]:
    """Return the ARN of the file in a bucket that a type's code or body is read from, where both are told."""
    buckets, keys = optional.find(properties, "(S3)?Bucket"), optional.find(properties, "(S3)?Key")
    is_told = buckets and keys and not str(buckets[0]).startswith(UNKNOWN)
    return (f"arn:{partition_of(stack.region)}:s3:::{buckets[0]}/{keys[0]}",) if is_told else ()


def _api(action: str, kind: str, stack: Stack) -> str:
    """Return the path below API Gateway that a type is at: the ids in it cannot be told beforehand.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-resource-reference.html
    """
    collection = next((name for pattern, name in _COLLECTIONS if re.fullmatch(pattern, kind)), UNKNOWN)
    base = f"arn:{partition_of(stack.region)}:apigateway:{stack.region}::/{collection}"
    makes_one = action == "apigateway:POST" and kind.endswith(_TOPMOST)
    return base if makes_one or collection == "account" else f"{base}/{UNKNOWN}"


def _images(properties: Properties, stack: Stack, images_in: str) -> Iterator[str]:
    """Yield the repository of a function's image, which who makes the function pulls.

    https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
    """
    code = properties.get("Code")
    uri = code.get("ImageUri") if isinstance(code, Mapping) else None
    registry, _, rest = str(uri).partition("@")[0].partition("/")
    named, repository = re.match(r"(\d{12})\.dkr\.ecr\.", registry), rest.partition(":")[0]
    if repository:
        account = named[1] if named else images_in
        yield f"arn:{partition_of(stack.region)}:ecr:{stack.region}:{account}:repository/{repository}"


def _context(
    action: str, own: str, kind: str, properties: Properties, stack: Stack
) -> tuple[tuple[str, str | None], ...]:
    """Return those condition keys of the request that can be told."""
    if action == "iam:PassRole":
        return (("iam:PassedToService", f"{_PASSED_TO[own]}.amazonaws.com"),) if own in _PASSED_TO else ()
    boundary, function = properties.get("PermissionsBoundary"), str(properties.get("FunctionName", UNKNOWN))
    if kind == "AWS::IAM::Role" and UNKNOWN not in str(boundary):
        return (("iam:PermissionsBoundary", str(boundary) if boundary else None),)
    if kind == "AWS::Lambda::EventSourceMapping" and not function.startswith(UNKNOWN):
        of = intrinsics.arn("AWS::Lambda::Function", function, stack.account, stack.region)
        return (("lambda:FunctionArn", function if function.startswith("arn:") else of),)
    return ()
