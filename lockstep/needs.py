"""What CloudFormation asks of IAM to create, read, update and delete a resource. Pure.

The handlers of a provider schema list every action that a resource type may ever take. Which of them a certain
resource takes depends on the properties that it sets, and that is known here. In doubt an action is only possible:
what is told as needed must never stop a deployment that would have succeeded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lockstep import intrinsics
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
    """One action on one resource. `certain`: without it the operation fails; else it depends on what nobody can see.

    `context` holds the condition keys that the request would have, `of` the logical id that it is for.
    """

    action: str
    resource: str
    of: str
    context: tuple[tuple[str, str], ...] = ()
    certain: bool = True


# Of a type: which of its actions are taken only where a property is set. The first line that an action matches
# counts; with no property ("") an action is only ever possible.
_ONLY_WITH: dict[str, dict[str, str]] = {
    "AWS::ApiGateway::RestApi": {"apigateway:UpdateRestApiPolicy": "Policy"},
    "AWS::DynamoDB::Table": {
        "dynamodb:.*TimeToLive": "TimeToLiveSpecification",
        "dynamodb:.*ContributorInsights": "ContributorInsightsSpecification",
        "dynamodb:.*ContinuousBackups": "PointInTimeRecoverySpecification",
        "dynamodb:.*KinesisStreamingDestination": "KinesisStreamSpecification",
        "dynamodb:.*ResourcePolicy": "ResourcePolicy",
        "dynamodb:.*Import.*": "ImportSourceSpecification",
        "dynamodb:.*(Item|Query|Scan|Replica)": "",
    },
    "AWS::IAM::ManagedPolicy": {"iam:.*Group.*": "Groups", "iam:.*User.*": "Users", "iam:(At|De)tachRole.*": "Roles"},
    "AWS::IAM::Policy": {"iam:.*Group.*": "Groups", "iam:.*User.*": "Users", "iam:.*Role.*": "Roles"},
    "AWS::IAM::Role": {
        "iam:(At|De)tachRolePolicy": "ManagedPolicyArns",
        "iam:(Put|Get|Delete)RolePolicy": "Policies",
        "iam:PutRolePermissionsBoundary": "PermissionsBoundary",
        "iam:(DeleteRolePermissionsBoundary|UpdateAssumeRolePolicy|UpdateRole.*)": "",
    },
    "AWS::Lambda::Alias": {"lambda:.*ProvisionedConcurrency.*": "ProvisionedConcurrencyConfig"},
    "AWS::Lambda::Function": {
        "lambda:.*FunctionConcurrency": "ReservedConcurrentExecutions",
        "lambda:(Get|PutFunction|DeleteFunction)CodeSigningConfig": "CodeSigningConfigArn",
        "lambda:PutRuntimeManagementConfig": "RuntimeManagementConfig",
        "lambda:PutFunctionRecursionConfig": "RecursiveLoop",
        "lambda:.*FunctionScalingConfig": "FunctionScalingConfig",
        "lambda:(PassCapacityProvider|AssociateRuntimeAlias)": "CapacityProviderConfig",
        "lambda:GetLayerVersion": "Layers",
        "lambda:PublishVersion": "PublishToLatestPublished",
        "s3:GetObjectVersion": "S3ObjectVersion",
    },
    "AWS::Lambda::LayerVersion": {"s3:GetObjectVersion": "S3ObjectVersion"},
    "AWS::Lambda::Version": {
        "lambda:.*ProvisionedConcurrency.*": "ProvisionedConcurrencyConfig",
        "lambda:.*RuntimeManagementConfig": "RuntimePolicy",
        "lambda:.*FunctionScalingConfig": "FunctionScalingConfig",
    },
    "AWS::Logs::LogGroup": {
        "logs:(Put|Delete)RetentionPolicy": "RetentionInDays",
        "logs:.*DataProtectionPolicy": "DataProtectionPolicy",
        "logs:.*IndexPolic(y|ies)": "FieldIndexPolicies",
        "logs:.*ResourcePolic(y|ies)": "ResourcePolicyDocument",
        "logs:.*KmsKey": "KmsKeyId",
        "logs:PutBearerTokenAuthentication": "BearerTokenAuthenticationEnabled",
        "logs:PutLogGroupDeletionProtection": "DeletionProtectionEnabled",
        "logs:CreateLogDelivery": "",
    },
    "AWS::S3::Bucket": {
        "s3:.*Encryption.*": "BucketEncryption",
        "s3:.*Versioning": "VersioningConfiguration",
        "s3:.*PublicAccessBlock": "PublicAccessBlockConfiguration",
        "s3:.*OwnershipControls": "OwnershipControls",
        "s3:.*Lifecycle.*": "LifecycleConfiguration",
        "s3:.*Logging": "LoggingConfiguration",
        "s3:.*Notification": "NotificationConfiguration",
        "(?i)s3:.*cors": "CorsConfiguration",
        "s3:.*Website": "WebsiteConfiguration",
        "s3:.*Replication.*": "ReplicationConfiguration",
        "s3:.*Accelerate.*": "AccelerateConfiguration",
        "s3:.*Analytics.*": "AnalyticsConfigurations",
        "s3:.*Inventory.*": "InventoryConfigurations",
        "s3:.*Metrics.*": "MetricsConfigurations",
        "s3:.*IntelligentTiering.*": "IntelligentTieringConfigurations",
        "s3:.*ObjectLock.*": "ObjectLockEnabled",
        "s3:.*Metadata.*": "MetadataTableConfiguration|MetadataConfiguration",
        "s3:.*Abac": "AbacStatus",
        "s3:.*Acl": "AccessControl",
        "s3:DeleteObject": "",
    },
    "AWS::SNS::Topic": {
        "sns:(Subscribe|Unsubscribe|ListSubscriptionsByTopic)": "Subscription",
        "sns:.*DataProtectionPolicy": "DataProtectionPolicy",
    },
}  # fmt: skip
# Of another service than the type's own: actions that come with a property of such a name, wherever it stands.
_COMES_WITH: dict[str, str] = {
    "ec2:.*": "(?i).*(vpc|subnet|securitygroup).*",
    "elasticfilesystem:.*": "FileSystemConfigs",
    "kms:.*": "(?i).*kms.*key.*",
    "iam:PassRole": "(?i).*(role|credentials).*",
    "s3:GetObject(Version)?": "(S3)?Bucket",
}
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
    own = _own_service(kind, handlers)
    is_blind = any(key.lower().endswith("name") and str(value).startswith(UNKNOWN) for key, value in properties.items())
    found: list[Need] = []
    for action in dict.fromkeys(action for operation in operations for action in handlers.get(operation, ())):
        forms = knowledge.arn_forms(action)
        # Schemas also name what IAM does not know, such as s3:REST.PUT.OBJECT.
        if forms is not None:
            certain = not is_blind and _is_certain(action, own, kind, properties)
            context = _context(action, own, kind, properties, stack)
            for resource in _resources(action, forms, kind, logical_id, properties, stack):
                is_told = resource != UNKNOWN or not forms
                found.append(Need(action, resource, logical_id, context, certain and is_told))
    if {"create", "update"} & set(operations):
        found += [Need(action, arn, logical_id) for arn in _images(properties, stack, images_in) for action in PULL]
    return tuple(found)


def _own_service(kind: str, handlers: Mapping[str, tuple[str, ...]]) -> str:
    """Return the IAM prefix of a type's own service: the one called like it, or that of most of its actions."""
    prefixes = Counter(action.partition(":")[0] for actions in handlers.values() for action in actions)
    named, many = kind.partition("::")[2].partition("::")[0].lower(), [prefix for prefix, _ in prefixes.most_common()]
    shared = {pattern.partition(":")[0] for pattern in _COMES_WITH}
    return next((prefix for prefix in (named, *(p for p in many if p not in shared), *many) if prefix in prefixes), "")


def _is_certain(action: str, own: str, kind: str, properties: Properties) -> bool:
    for pattern, wanted in _ONLY_WITH.get(kind, {}).items():
        if re.fullmatch(pattern, action):
            return any(value not in ([], {}) for value in _find(properties, wanted))
    if action.partition(":")[0] == own:
        return True
    for pattern, wanted in _COMES_WITH.items():
        if re.fullmatch(pattern, action):
            return any(_is_told(value) for value in _find(properties, wanted))
    return False


def _is_told(value: object) -> bool:
    """Does a property name something of the template's own? Not an unknown, nor one of the keys that AWS manages."""
    return value not in ("", UNKNOWN, [], {}) and not str(value).startswith("alias/aws/")


def _find(properties: object, name: str) -> list[Any]:
    """Return the values of every property whose whole name matches, wherever it stands."""
    found: list[Any] = []
    if name and isinstance(properties, Mapping):
        for key, value in properties.items():
            found += [value] if re.fullmatch(name, str(key)) else _find(value, name)
    elif name and isinstance(properties, list):
        for item in properties:
            found += _find(item, name)
    return found


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
        return tuple(_arns(_find(properties, _COMES_WITH[action]), "iam")) or (UNKNOWN,)
    if service == "kms" and not kind.startswith("AWS::KMS::"):
        return tuple(_arns(_find(properties, _COMES_WITH["kms:.*"]), "kms")) or (UNKNOWN,)
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
    buckets, keys = _find(properties, "(S3)?Bucket"), _find(properties, "(S3)?Key")
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
