"""What CloudFormation needs for resources that services have, as the provider schemas and IAM's own list say it."""

from __future__ import annotations

import pytest

from lockstep import needs, schemas, transform
from lockstep.intrinsics import Stack
from lockstep.needs import Need
from lockstep.schemas import Schemas
from lockstep.testing import TEST, TOOLING

KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")
STACK = Stack(
    "shop-test-hello", TEST, "eu-west-1", {"PermissionsBoundary": f"arn:aws:iam::{TEST}:policy/shop-boundary"}
)
HERE = f"eu-west-1:{TEST}"
FUNCTION = f"arn:aws:lambda:{HERE}:function:shop-test-hello-Thing-*"
ROLE = f"arn:aws:iam::{TEST}:role/shop-test-hello-HelloRole-*"


def of(kind: str, **properties: object) -> tuple[Need, ...]:
    """Return what a resource, Thing, of a type needs."""
    return needs.of_resource(kind, "Thing", properties, STACK, KNOWLEDGE, TOOLING)


def certain(kind: str, **properties: object) -> set[str]:
    """Return the actions that a resource of a type needs for certain."""
    return {need.action for need in of(kind, **properties) if need.certain}


def test_a_service_like_hello() -> None:
    """A service with one image function behind an API needs its role, its function, its API and its image."""
    image = f"{TOOLING}.dkr.ecr.eu-west-1.amazonaws.com/shop/hello/hello@sha256:0"
    template = {
        "Transform": transform.SAM,
        "Parameters": {"PermissionsBoundary": {"Type": "String"}},
        "Resources": {
            "Hello": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "PackageType": "Image",
                    "ImageUri": image,
                    "PermissionsBoundary": {"Ref": "PermissionsBoundary"},
                    "Events": {"Get": {"Type": "Api", "Properties": {"Path": "/", "Method": "get"}}},
                },
            }
        },
    }
    plain = transform.plain(template, {}, "eu-west-1", "services/hello/template.yaml")

    found = needs.of_template(plain, STACK, KNOWLEDGE, TOOLING)

    told = {(need.action, need.resource, need.context) for need in found if need.certain}
    hello = f"arn:aws:lambda:{HERE}:function:shop-test-hello-Hello-*"
    repository = f"arn:aws:ecr:eu-west-1:{TOOLING}:repository/shop/hello/hello"
    assert told >= {
        ("lambda:CreateFunction", hello, ()),
        ("lambda:UpdateFunctionCode", hello, ()),
        ("lambda:DeleteFunction", hello, ()),
        ("ecr:BatchGetImage", repository, ()),
        ("ecr:GetDownloadUrlForLayer", repository, ()),
        ("iam:CreateRole", ROLE, (("iam:PermissionsBoundary", f"arn:aws:iam::{TEST}:policy/shop-boundary"),)),
        ("iam:PassRole", ROLE, (("iam:PassedToService", "lambda.amazonaws.com"),)),
        ("apigateway:POST", "arn:aws:apigateway:eu-west-1::/restapis", ()),
        ("apigateway:DELETE", "arn:aws:apigateway:eu-west-1::/restapis/*", ()),
    }
    assert {need.of for need in found} >= {"Hello", "HelloRole", "ServerlessRestApi"}


@pytest.mark.parametrize(
    ("property_", "value", "action"),
    [
        ("ReservedConcurrentExecutions", 0, "lambda:PutFunctionConcurrency"),
        ("ReservedConcurrentExecutions", 0, "lambda:DeleteFunctionConcurrency"),
        ("Layers", [f"arn:aws:lambda:{HERE}:layer:shop-test-x:1"], "lambda:GetLayerVersion"),
        ("RuntimeManagementConfig", {"UpdateRuntimeOn": "Auto"}, "lambda:PutRuntimeManagementConfig"),
        ("RecursiveLoop", "Allow", "lambda:PutFunctionRecursionConfig"),
        ("CodeSigningConfigArn", f"arn:aws:lambda:{HERE}:code-signing-config:csc-1", "lambda:GetCodeSigningConfig"),
    ],
)
def test_what_a_function_needs_for_a_property(property_: str, value: object, action: str) -> None:
    """An action that a function takes only with a property is needed where that is set, and only possible without."""
    with_it = certain("AWS::Lambda::Function", **{property_: value})
    without = certain("AWS::Lambda::Function")

    assert (action in with_it, action in without) == (True, False)
    assert action in {need.action for need in of("AWS::Lambda::Function")}


@pytest.mark.parametrize(
    ("property_", "value", "action"),
    [
        ("VpcConfig", {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}, "ec2:DescribeSubnets"),
        ("KmsKeyArn", f"arn:aws:kms:{HERE}:key/1", "kms:Decrypt"),
        ("FileSystemConfigs", [{"Arn": "x"}], "elasticfilesystem:DescribeMountTargets"),
    ],
)
def test_what_a_function_may_need_for_a_property(property_: str, value: object, action: str) -> None:
    """What a property may ask of another service is perhaps needed where it is set: a key's policy may allow it too."""
    found = [
        {need.action for need in needs_ if need.perhaps}
        for needs_ in (of("AWS::Lambda::Function", **{property_: value}), of("AWS::Lambda::Function"))
    ]

    assert [action in actions for actions in found] == [True, False]
    assert action not in certain("AWS::Lambda::Function", **{property_: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARTNER_ROLE_ARN", "arn:aws:iam::444444444444:role/partner"),
        ("Role", ROLE),
        ("DATA_KMS_KEY_ARN", f"arn:aws:kms:{HERE}:key/1"),
        ("VPC_ID", "vpc-1"),
        ("S3Bucket", "files"),
    ],
)
def test_names_of_ones_own(name: str, value: str) -> None:
    """What a service calls its environment's variables says nothing of what its function needs."""
    with_it = of("AWS::Lambda::Function", Environment={"Variables": {name: value}})

    assert with_it == of("AWS::Lambda::Function")


@pytest.mark.parametrize("value", [False, "false", None, "*"])
def test_properties_that_ask_for_nothing(value: object) -> None:
    """A property that is off, or that nobody can tell, asks for no action for certain."""
    assert certain("AWS::S3::Bucket", ObjectLockEnabled=value) == certain("AWS::S3::Bucket")


@pytest.mark.parametrize("layers", [["*"], [{"Ref": "x"}]])
def test_layers_that_are_not_told(layers: list[object]) -> None:
    """A layer that only AWS knows has to be read all the same, whichever it is."""
    found = [need for need in of("AWS::Lambda::Function", Layers=layers) if need.action == "lambda:GetLayerVersion"]

    assert found == [Need("lambda:GetLayerVersion", "*", "Thing", guessed=True)]


def test_no_layers() -> None:
    """Without layers no right to read one is needed."""
    assert "lambda:GetLayerVersion" not in certain("AWS::Lambda::Function", Layers=[])


def test_a_layer_of_the_template() -> None:
    """A function reads the layer of its own template under the name that the layer has."""
    template = {
        "Resources": {
            "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"LayerName": "shop-test-hello-deps"}},
            "Hello": {"Type": "AWS::Lambda::Function", "Properties": {"Layers": [{"Ref": "Layer"}]}},
        }
    }

    found = needs.of_template(template, STACK, KNOWLEDGE, TOOLING, ("create",))

    read = Need("lambda:GetLayerVersion", f"arn:aws:lambda:{HERE}:layer:shop-test-hello-deps:*", "Hello")
    assert [need for need in found if need.action == "lambda:GetLayerVersion" and need.of == "Hello"] == [read]


@pytest.mark.parametrize(
    ("kind", "property_", "service"),
    [
        ("AWS::Lambda::Function", "Role", "lambda"),
        ("AWS::StepFunctions::StateMachine", "RoleArn", "states"),
        ("AWS::ApiGateway::RestApi", "CredentialsArn", "apigateway"),
        ("AWS::Scheduler::Schedule", "RoleArn", "scheduler"),
        ("AWS::Pipes::Pipe", "RoleArn", "pipes"),
        ("AWS::KinesisFirehose::DeliveryStream", "RoleARN", "firehose"),
        ("AWS::ECS::TaskDefinition", "TaskRoleArn", "ecs-tasks"),
        ("AWS::Events::Rule", "RoleArn", "events"),
        ("AWS::CodePipeline::Pipeline", "RoleArn", "codepipeline"),
    ],
)
def test_whom_a_role_is_passed_to(kind: str, property_: str, service: str) -> None:
    """A role is passed to the service that will use it, by the name that this service goes by."""
    found = of(kind, **{property_: ROLE})

    passed = [(need.resource, need.context, need.certain) for need in found if need.action == "iam:PassRole"]
    assert passed == [(ROLE, (("iam:PassedToService", f"{service}.amazonaws.com"),), True)]


def test_a_role_for_somebody_else() -> None:
    """To which service a role is passed is not told where that service's name is not known here."""
    found = of("AWS::CodeDeploy::DeploymentGroup", ServiceRoleArn=ROLE)

    passed = [need for need in found if need.action == "iam:PassRole"]
    assert passed == [Need("iam:PassRole", ROLE, "Thing")]


def test_a_role_of_another_account() -> None:
    """A role of another account cannot be passed: which one is, nobody can tell."""
    found = of("AWS::Lambda::Function", Role="arn:aws:iam::444444444444:role/theirs")

    assert [(need.resource, need.guessed) for need in found if need.action == "iam:PassRole"] == [("*", True)]


def test_a_role_with_a_path() -> None:
    """A role that has a path has it in its ARN, also where it is passed."""
    template = {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"Path": "/services/", "RoleName": "shop-test-x"}},
            "Hello": {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}},
        }
    }

    found = needs.of_template(template, STACK, KNOWLEDGE, TOOLING, ("create",))

    told = {need.resource for need in found if need.action in {"iam:CreateRole", "iam:PassRole"}}
    assert told == {f"arn:aws:iam::{TEST}:role/services/shop-test-x"}


@pytest.mark.parametrize("kind", ["AWS::IAM::Policy", "AWS::IAM::RolePolicy"])
def test_policies_of_other_roles(kind: str) -> None:
    """Which boundary the role has that a policy is for is not told, nor for certain which role it is."""
    found = [need for need in of(kind, RoleName="shop-test-x", PolicyName="p") if need.action == "iam:PutRolePolicy"]

    assert [(need.context, need.guessed) for need in found] == [((), True)] * len(found)


@pytest.mark.parametrize(
    ("kind", "properties", "resource"),
    [
        ("AWS::S3::BucketPolicy", {"Bucket": "files"}, "arn:aws:s3:::files"),
        ("AWS::SNS::Subscription", {"TopicArn": f"arn:aws:sns:{HERE}:news"}, f"arn:aws:sns:{HERE}:news"),
        ("AWS::Logs::SubscriptionFilter", {"LogGroupName": "g"}, f"arn:aws:logs:{HERE}:log-group:g:*"),
        ("AWS::IAM::RolePolicy", {"RoleName": "shop-test-x"}, f"arn:aws:iam::{TEST}:role/shop-test-x"),
    ],
)
def test_what_belongs_to_another_resource(kind: str, properties: dict[str, object], resource: str) -> None:
    """What is part of another resource is suggested on that one."""
    own = kind.split("::")[1].lower()
    found = {n.resource for n in of(kind, **properties) if n.action.startswith(f"{own}:") and n.certain}

    assert found == {resource}


def test_what_is_kept_is_not_deleted() -> None:
    """A resource that its template keeps needs no right to be deleted."""
    queue = {"Type": "AWS::SQS::Queue"}

    found = [
        "sqs:DeleteQueue" in {need.action for need in needs.of_template(one, STACK, KNOWLEDGE, TOOLING)}
        for one in ({"Resources": {"Jobs": queue}}, {"Resources": {"Jobs": {**queue, "DeletionPolicy": "Retain"}}})
    ]

    assert found == [True, False]


def test_a_custom_resource() -> None:
    """A custom resource needs the function to be called that stands for it."""
    found = of("Custom::Thing", ServiceToken=FUNCTION)

    assert found == (Need("lambda:InvokeFunction", FUNCTION, "Thing"),)


def test_an_alarm() -> None:
    """An alarm needs to be put, seen and deleted, though one of the actions is not called like it."""
    assert certain("AWS::CloudWatch::Alarm") == {
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DeleteAlarms",
    }


def test_an_image_of_another_registry() -> None:
    """An image is pulled from the registry that its address names."""
    found = of("AWS::Lambda::Function", Code={"ImageUri": "444444444444.dkr.ecr.eu-west-1.amazonaws.com/x/y@sha256:0"})

    pulled = {need.resource for need in found if need.action in needs.PULL}
    assert pulled == {"arn:aws:ecr:eu-west-1:444444444444:repository/x/y"}


def test_roles_are_bounded_from_the_first() -> None:
    """Every request about a role says which boundary it has."""
    found = of("AWS::IAM::Role", PermissionsBoundary="arn:aws:iam::1:policy/limit", Policies=[{"PolicyName": "x"}])

    assert {need.context for need in found} == {(("iam:PermissionsBoundary", "arn:aws:iam::1:policy/limit"),)}
    assert {need.context for need in of("AWS::IAM::Role")} == {(("iam:PermissionsBoundary", None),)}
    assert {need.context for need in of("AWS::IAM::Role", PermissionsBoundary="*")} == {()}


@pytest.mark.parametrize(
    ("kind", "action", "path"),
    [
        ("AWS::ApiGateway::RestApi", "POST", "restapis"),
        ("AWS::ApiGateway::RestApi", "PATCH", "restapis/*"),
        ("AWS::ApiGateway::Deployment", "POST", "restapis/*"),
        ("AWS::ApiGateway::UsagePlanKey", "POST", "usageplans/*"),
        ("AWS::ApiGateway::ApiKey", "DELETE", "apikeys/*"),
        ("AWS::ApiGateway::Account", "PATCH", "account"),
        ("AWS::ApiGateway::DomainName", "GET", "domainnames/*"),
        ("AWS::ApiGateway::VpcLink", "GET", "vpclinks/*"),
        ("AWS::ApiGateway::ClientCertificate", "POST", "clientcertificates"),
        ("AWS::ApiGateway::ApiKey", "POST", "apikeys"),
        ("AWS::ApiGateway::UsagePlan", "POST", "usageplans"),
        ("AWS::ApiGatewayV2::Api", "POST", "apis"),
        ("AWS::ApiGatewayV2::Api", "GET", "apis/*"),
        ("AWS::ApiGatewayV2::Integration", "POST", "apis/*"),
        ("AWS::ApiGatewayV2::ApiMapping", "GET", "domainnames/*"),
    ],
)
def test_paths_of_api_gateway(kind: str, action: str, path: str) -> None:
    """What belongs to an API is made, seen and deleted below the path of its collection."""
    found = {need.resource for need in of(kind) if need.action == f"apigateway:{action}"}

    assert found == {f"arn:aws:apigateway:eu-west-1::/{path}"}


def test_api_gateway_for_another_type() -> None:
    """A type that is not API Gateway's own may reach any of its collections."""
    found = {need.resource for need in of("AWS::WAFv2::WebACLAssociation") if need.action.startswith("apigateway:")}

    assert found == {"arn:aws:apigateway:eu-west-1::/*/*"}


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("shop-test-hello-Fn-*", f"arn:aws:lambda:{HERE}:function:shop-test-hello-Fn-*"),
        (f"arn:aws:lambda:{HERE}:function:mine", f"arn:aws:lambda:{HERE}:function:mine"),
    ],
)
def test_the_function_of_an_event_source(name: str, arn: str) -> None:
    """An event source is allowed by the function that it calls; its own id AWS chooses."""
    found = {(need.resource, need.context) for need in of("AWS::Lambda::EventSourceMapping", FunctionName=name)}

    context = (("lambda:FunctionArn", arn),)
    assert found == {("*", context), (f"arn:aws:lambda:{HERE}:event-source-mapping:*", context)}


def test_an_event_source_of_somebody() -> None:
    """Where only AWS knows which function an event source calls, nobody can tell whether it is allowed by that."""
    found = {need.context for need in of("AWS::Lambda::EventSourceMapping", FunctionName="*")}

    assert found == {()}


def test_a_table() -> None:
    """A table needs to be made, described, tagged, updated and deleted; all else depends on its properties."""
    plain = certain("AWS::DynamoDB::Table")
    full = certain(
        "AWS::DynamoDB::Table",
        TimeToLiveSpecification={"Enabled": True},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        SSESpecification={"KMSMasterKeyId": f"arn:aws:kms:{HERE}:key/1"},
    )

    assert plain == {
        f"dynamodb:{name}"
        for name in (
            "CreateTable",
            "DescribeTable",
            "UpdateTable",
            "DeleteTable",
            "ListTagsOfResource",
            "TagResource",
        )
    }
    assert {name for name in full - plain if name.startswith("dynamodb:")} == {
        "dynamodb:DescribeTimeToLive",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:UpdateContinuousBackups",
    }
    assert "kms:Decrypt" not in full
    assert {need.resource for need in of("AWS::DynamoDB::Table") if need.action == "dynamodb:PutItem"} == {
        f"arn:aws:dynamodb:{HERE}:table/shop-test-hello-Thing-*"
    }


def test_an_alias() -> None:
    """An alias of a key is known by its name, in which its ARN begins as it does."""
    found = {need.resource for need in of("AWS::KMS::Alias", AliasName="alias/mine", TargetKeyId="1") if need.certain}

    assert f"arn:aws:kms:{HERE}:alias/mine" in found
    assert not any("alias/alias" in resource for resource in found)


def test_a_state_machine() -> None:
    """A state machine without a name is called after its logical id alone, and that is known."""
    found = {(need.resource, need.guessed) for need in of("AWS::StepFunctions::StateMachine") if need.certain}

    assert (f"arn:aws:states:{HERE}:stateMachine:Thing-*", False) in found


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("AWS::DynamoDB::Table", "dynamodb:UntagResource"),
        ("AWS::SQS::Queue", "sqs:UntagQueue"),
        ("AWS::S3::Bucket", "s3:TagResource"),
        ("AWS::S3::Bucket", "s3:ListTagsForResource"),
    ],
)
def test_what_tags_perhaps_take(kind: str, action: str) -> None:
    """What takes tags away, and a newer way to a bucket's tags, are needed perhaps, and not for certain."""
    found = {(need.certain, need.perhaps) for need in of(kind) if need.action == action}

    assert found == {(False, True)}


def test_a_bucket() -> None:
    """Everything that a bucket needs for certain is on the bucket, under the small name that it gets."""
    found = {need.resource for need in of("AWS::S3::Bucket") if need.certain}

    assert found == {"arn:aws:s3:::shop-test-hello-thing-*"}


def test_a_user_pool() -> None:
    """A user pool needs what its own service asks, on an id that AWS chooses, and no key unless it names one."""
    found = {(need.action.partition(":")[0], need.resource) for need in of("AWS::Cognito::UserPool") if need.certain}

    assert found == {("cognito-idp", "*"), ("cognito-idp", f"arn:aws:cognito-idp:{HERE}:userpool/*")}


def test_a_key() -> None:
    """A key needs what is done to any key of the account, since AWS chooses its id."""
    found = {need.resource for need in of("AWS::KMS::Key") if need.certain}

    assert found == {"*", f"arn:aws:kms:{HERE}:key/*"}


@pytest.mark.parametrize("kind", ["Custom::Thing", "AWS::Nobody::Knows", "AWS::Serverless::Function"])
def test_a_type_without_a_schema(kind: str) -> None:
    """A type of one's own, or one that CloudFormation does not know, needs nothing."""
    found = of(kind, Name="x")

    assert found == ()
