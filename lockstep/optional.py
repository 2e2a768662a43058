"""Which of the actions that a resource type may take depend on the properties that it sets. Pure.

A provider schema lists them all and does not say when; the properties are those of the resource type reference.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from lockstep.intrinsics import UNKNOWN, Properties

# Of a type: which of its actions are taken only where a property is set; all others of its own service are always. The
# first line that an action matches counts; with no property ("") an action is only ever possible.
_ONLY_WITH: dict[str, dict[str, str]] = {
    "AWS::ApiGateway::RestApi": {"apigateway:UpdateRestApiPolicy": "Policy"},
    "AWS::CloudWatch::Alarm": {"(?i)cloudwatch:.*tag.*": ""},
    "AWS::DynamoDB::Table": {
        "dynamodb:.*TimeToLive": "TimeToLiveSpecification",
        "dynamodb:.*ContributorInsights": "ContributorInsightsSpecification",
        "dynamodb:.*ContinuousBackups": "PointInTimeRecoverySpecification",
        "dynamodb:.*KinesisStreamingDestination": "KinesisStreamSpecification",
        "dynamodb:.*ResourcePolicy": "ResourcePolicy",
        "dynamodb:.*Import.*": "ImportSourceSpecification",
        "dynamodb:.*(Item|Query|Scan|Replica)": "",
    },
    "AWS::ECR::Repository": {
        "ecr:.*LifecyclePolicy": "LifecyclePolicy",
        "ecr:.*RepositoryPolicy": "RepositoryPolicyText",
        "ecr:PutImage.*": "",
    },
    "AWS::Events::Rule": {"events:.*Targets.*": "Targets", "(?i)events:.*tag.*": ""},
    "AWS::IAM::ManagedPolicy": {"iam:.*Group.*": "Groups", "iam:.*User.*": "Users", "iam:(At|De)tachRole.*": "Roles"},
    "AWS::IAM::Policy": {"iam:.*Group.*": "Groups", "iam:.*User.*": "Users", "iam:.*Role.*": "Roles"},
    "AWS::IAM::Role": {
        "iam:(At|De)tachRolePolicy": "ManagedPolicyArns",
        "iam:(Put|Get|Delete)RolePolicy": "Policies",
        "iam:PutRolePermissionsBoundary": "PermissionsBoundary",
        "iam:(DeleteRolePermissionsBoundary|UpdateAssumeRolePolicy|UpdateRole.*)": "",
    },
    "AWS::KMS::Key": {
        "kms:.*KeyRotation.*": "EnableKeyRotation",
        "kms:(DisableKey|EnableKey|UpdateKeyDescription)": "",
    },
    "AWS::Lambda::Alias": {"lambda:.*ProvisionedConcurrency.*": "ProvisionedConcurrencyConfig"},
    "AWS::Lambda::EventSourceMapping": {},
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
    "AWS::S3::BucketPolicy": {},
    "AWS::SNS::Subscription": {},
    "AWS::SNS::Topic": {
        "sns:(Subscribe|Unsubscribe|ListSubscriptionsByTopic)": "Subscription",
        "sns:.*DataProtectionPolicy": "DataProtectionPolicy",
    },
    "AWS::SQS::Queue": {},
    "AWS::StepFunctions::StateMachine": {},
}  # fmt: skip
# Of another service than the type's own: what comes with a property of such a name.
COMES_WITH: dict[str, str] = {
    "ec2:.*": "(?i).*(vpc|subnet|securitygroup).*",
    "elasticfilesystem:.*": "FileSystemConfigs",
    "kms:.*": "(?i).*kms.*key.*",
    "iam:PassRole": "Role|.*Role(Arn|ARN)|Credentials(Arn)?",
    "s3:GetObject(Version)?": "(S3)?Bucket",
}
# Of those, what whoever makes the resource has to be allowed by its own policies. A key's policy can do without them; a
# bucket's can too, but only in the bucket's account, and packages are in tooling.
_IN_ANY_CASE = re.compile("iam:PassRole|s3:GetObject(Version)?")
# What is asked only where a tag goes away; and what of a bucket's tags is asked of some and not of all.
_IN_DOUBT = re.compile(r"(?i)[\w-]+:untag\w*|s3:(TagResource|ListTagsForResource)")
_VERBS = "Create|Register|Put|Add|Get|List|Describe|Update|Modify|Set|Delete|Deregister|Remove"
# Whose keys are anybody's words: they say nothing of the resource.
_FREE = re.compile(
    "Environment(Variables)?|.*Tags|(AssumeRole)?PolicyDocument|Policies|Body|Definition(String|Substitutions)?"
    "|Parameters|Input|Payload|Metadata|RequestParameters|ResponseParameters"
)


def is_known(kind: str) -> bool:
    """Is it written down here which actions a type takes only with certain properties?"""
    return kind in _ONLY_WITH


def is_certain(action: str, handlers: Mapping[str, tuple[str, ...]], kind: str, properties: Properties) -> bool:
    """Does a resource with such properties take an action for certain? `handlers` are its type's, by operation."""
    for pattern, wanted in _ONLY_WITH.get(kind, {}).items():
        if re.fullmatch(pattern, action):
            return any(_is_set(value) for value in find(properties, wanted))
    if is_own(action, handlers, kind):
        return not _IN_DOUBT.fullmatch(action) and (is_known(kind) or _is_the_work(action, handlers, kind))
    return bool(_IN_ANY_CASE.fullmatch(action)) and _comes_along(action, properties)


def is_possible(action: str, handlers: Mapping[str, tuple[str, ...]], kind: str, properties: Properties) -> bool:
    """May a resource with such properties take an action, though nobody can tell for certain?"""
    if any(re.fullmatch(pattern, action) for pattern in _ONLY_WITH.get(kind, {})):
        return False
    if is_own(action, handlers, kind):
        return not is_known(kind) or bool(_IN_DOUBT.fullmatch(action))
    return _comes_along(action, properties)


def is_idle(action: str, kind: str, operations: Collection[str]) -> bool:
    """Does an action update a thing as a whole, where nothing is updated? Schemas list it for a creation as well."""
    return "update" not in operations and bool(re.fullmatch(rf"[\w-]+:Update(?i:{_noun(kind)})", action))


def is_own(action: str, handlers: Mapping[str, tuple[str, ...]], kind: str) -> bool:
    """Is an action of a type's own service?"""
    return action.partition(":")[0] == own_service(handlers, kind)


def own_service(handlers: Mapping[str, tuple[str, ...]], kind: str) -> str:
    """Return the IAM prefix of a type's own service: the one called like it, or that of most of its actions."""
    prefixes = Counter(action.partition(":")[0] for actions in handlers.values() for action in actions)
    named, many = kind.partition("::")[2].partition("::")[0].lower(), [prefix for prefix, _ in prefixes.most_common()]
    shared = {pattern.partition(":")[0] for pattern in COMES_WITH}
    return next((prefix for prefix in (named, *(p for p in many if p not in shared), *many) if prefix in prefixes), "")


def _is_the_work(action: str, handlers: Mapping[str, tuple[str, ...]], kind: str) -> bool:
    """Is an action what a type is about? All that is certain of a type about which nothing is written down above.

    It is called like the type after a usual verb, as kinesis:CreateStream is and kinesis:StartStreamEncryption is not;
    or the only one of its service in an operation. API Gateway's actions are verbs alone.
    """
    service, _, name = action.partition(":")
    if service == "apigateway" or re.fullmatch(rf"({_VERBS})(?i:{_noun(kind)})s?", name):
        return True
    work = (handlers.get(operation, ()) for operation in ("create", "update", "delete"))
    return any({one for one in actions if is_own(one, handlers, kind)} == {action} for actions in work)


def _noun(kind: str) -> str:
    """Return what a type is called within its service, as its actions mostly call it too."""
    return kind.rpartition("::")[2]


def _comes_along(action: str, properties: Properties) -> bool:
    """Does an action of another service come with one of the properties?"""
    return any(
        _is_set(value)
        for pattern, wanted in COMES_WITH.items()
        if re.fullmatch(pattern, action)
        for value in find(properties, wanted)
    )


def _is_set(value: object) -> bool:
    """Does a property ask for something of the template's own? An unknown may not, nor a key that AWS manages."""
    nothing = value is False or value in (None, "", "false", UNKNOWN, [], {})
    return not nothing and not str(value).startswith("alias/aws/")


def find(properties: object, name: str) -> list[Any]:
    """Return the values of every property whose whole name matches, wherever it stands but below anybody's words."""
    found: list[Any] = []
    if name and isinstance(properties, Mapping):
        for key, value in properties.items():
            if re.fullmatch(name, str(key)):
                found.append(value)
            elif not _FREE.fullmatch(str(key)):
                found += find(value, name)
    elif name and isinstance(properties, list):
        for item in properties:
            found += find(item, name)
    return found
