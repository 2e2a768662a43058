"""Services whose permissions.yaml is enough on AWS: with the shipped execution role, nothing of them counts as missing.

A deployment that would succeed must not be refused, however little can be told of it beforehand.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from lockstep import access, grants, permissions, schemas
from lockstep.intrinsics import Stack
from lockstep.policy import Document, Identity
from lockstep.schemas import Schemas
from lockstep.template import read
from lockstep.testing import TEST, some_names
from tests.templates.sample import ROOT, projects

KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")
STACK = Stack("shop-test-orders", TEST, "eu-west-1")
EVERYTHING: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
HERE = "${AWS::Region}:${AWS::AccountId}"
QUEUE = """[sqs:CreateQueue, sqs:DeleteQueue, sqs:GetQueueAttributes, sqs:GetQueueUrl, sqs:ListQueueTags,
  sqs:SetQueueAttributes, sqs:TagQueue]"""
ROLE = """
  Role:
    Type: AWS::IAM::Role
    Properties:
      PermissionsBoundary: !Sub arn:aws:iam::${AWS::AccountId}:policy/shop-boundary-test
      AssumeRolePolicyDocument: {Statement: []}
"""
# By what is special about it: a service's resources, and its permissions.yaml.
SERVICES: dict[str, tuple[str, str]] = {
    "variables of the environment": (
        """
  Hello:
    Type: AWS::Lambda::Function
    Properties:
      Code: {ImageUri: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/orders/hello@sha256:0}
      Environment:
        Variables:
          PARTNER_ROLE_ARN: arn:aws:iam::444444444444:role/partner
          DATA_KMS_KEY_ARN: arn:aws:kms:eu-west-1:222222222222:key/1
          VPC_ID: vpc-1
          SUBNETS: subnet-1
""",
        "",
    ),
    "a policy for a role of its own": (
        ROLE
        + """
  Policy:
    Type: AWS::IAM::Policy
    Properties: {PolicyName: more, Roles: [!Ref Role], PolicyDocument: {Statement: []}}
  Inline:
    Type: AWS::IAM::RolePolicy
    Properties: {PolicyName: most, RoleName: !Ref Role, PolicyDocument: {Statement: []}}
""",
        "",
    ),
    "a bucket with a policy": (
        """
  Files: {Type: AWS::S3::Bucket}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties: {Bucket: !Ref Files, PolicyDocument: {Statement: []}}
""",
        """
Execution:
  - Action: [s3:CreateBucket, s3:DeleteBucket, s3:ListBucket, s3:PutBucketTagging, s3:GetBucketTagging,
      s3:DeleteBucketPolicy, s3:GetBucketPolicy, s3:PutBucketPolicy, s3:GetBucketLocation]
    Resource: arn:${AWS::Partition}:s3:::${AWS::StackName}-*
""",
    ),
    "a subscription to a topic that is there": (
        """
  News:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Sub "arn:aws:sns:eu-west-1:${AWS::AccountId}:news", Protocol: https, Endpoint: "https://x"}
""",
        f"""
Execution:
  - Action: [sns:Subscribe, sns:Unsubscribe, sns:GetSubscriptionAttributes, sns:SetSubscriptionAttributes]
    Resource: arn:${{AWS::Partition}}:sns:{HERE}:news
""",
    ),
    "a filter on its log": (
        """
  Filter:
    Type: AWS::Logs::SubscriptionFilter
    Properties: {LogGroupName: /aws/lambda/shop-test-orders-x, FilterPattern: "", DestinationArn: arn:aws:lambda:x}
""",
        f"""
Execution:
  - Action: [logs:PutSubscriptionFilter, logs:DeleteSubscriptionFilter, logs:DescribeSubscriptionFilters]
    Resource: arn:${{AWS::Partition}}:logs:{HERE}:log-group:/aws/lambda/${{AWS::StackName}}-*
""",
    ),
    "a queue with a policy": (
        """
  Jobs: {Type: AWS::SQS::Queue}
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties: {Queues: [!Ref Jobs], PolicyDocument: {Statement: []}}
""",
        f"""
Execution:
  - Action: {QUEUE}
    Resource: arn:${{AWS::Partition}}:sqs:{HERE}:${{AWS::StackName}}-Jobs-*
""",
    ),
    "conditions that nobody can judge beforehand": (
        """
  Jobs:
    Type: AWS::SQS::Queue
    Properties: {KmsMasterKeyId: !Sub "arn:aws:kms:eu-west-1:${AWS::AccountId}:key/1"}
""",
        f"""
Execution:
  - Action: {QUEUE}
    Resource: arn:${{AWS::Partition}}:sqs:{HERE}:${{AWS::StackName}}-*
    Condition: {{StringEquals: {{"aws:RequestedRegion": eu-west-1}}}}
""",
    ),
    "another name for a key": (
        """
  Name:
    Type: AWS::KMS::Alias
    Properties: {AliasName: alias/orders, TargetKeyId: !Sub "arn:aws:kms:eu-west-1:${AWS::AccountId}:key/1"}
""",
        f"""
Execution:
  - Action: [kms:CreateAlias, kms:DeleteAlias, kms:UpdateAlias]
    Resource:
      - arn:${{AWS::Partition}}:kms:{HERE}:alias/orders
      - arn:${{AWS::Partition}}:kms:{HERE}:key/1
""",
    ),
    "a database": (
        """
  Data:
    Type: AWS::RDS::DBInstance
    Properties: {DBInstanceClass: db.t4g.micro, Engine: postgres, AllocatedStorage: 20}
""",
        f"""
Execution:
  - Action: [rds:CreateDBInstance, rds:DeleteDBInstance, rds:DescribeDBInstances, rds:ModifyDBInstance]
    Resource: arn:${{AWS::Partition}}:rds:{HERE}:db:*
""",
    ),
    "a schedule": (
        """
  Nightly:
    Type: AWS::Events::Rule
    Properties: {ScheduleExpression: rate(1 day), Targets: [{Id: a, Arn: arn:aws:lambda:x}]}
""",
        f"""
Execution:
  - Action: [events:PutRule, events:DeleteRule, events:DescribeRule, events:PutTargets, events:RemoveTargets,
      events:ListTargetsByRule]
    Resource: arn:${{AWS::Partition}}:events:{HERE}:rule/${{AWS::StackName}}-*
""",
    ),
    "a plan of who may use its API": (
        """
  Key: {Type: AWS::ApiGateway::ApiKey}
  Plan: {Type: AWS::ApiGateway::UsagePlan}
""",
        """
Execution:
  - Action: [apigateway:POST, apigateway:GET, apigateway:PATCH, apigateway:PUT, apigateway:DELETE]
    Resource: ["arn:${AWS::Partition}:apigateway:${AWS::Region}::/apikeys*",
      "arn:${AWS::Partition}:apigateway:${AWS::Region}::/usageplans*"]
""",
    ),
    "a resource of a type of its own": (
        """
  Thing:
    Type: Custom::Thing
    Properties: {ServiceToken: !Sub "arn:aws:lambda:eu-west-1:${AWS::AccountId}:function:maker"}
""",
        f"""
Execution:
  - Action: lambda:InvokeFunction
    Resource: arn:${{AWS::Partition}}:lambda:{HERE}:function:maker
""",
    ),
    "an alarm": (
        """
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties: {ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}
""",
        f"""
Execution:
  - Action: [cloudwatch:PutMetricAlarm, cloudwatch:DescribeAlarms, cloudwatch:DeleteAlarms]
    Resource: arn:${{AWS::Partition}}:cloudwatch:{HERE}:alarm:${{AWS::StackName}}-*
""",
    ),
}


@pytest.fixture(scope="module")
def execution() -> Identity:
    """The execution role of test, as its account template makes it for services that ask for nothing."""
    roles = access.read(projects()[0].steps, ROOT, "eu-west-1").roles
    return next(role.identity for arn, role in roles.items() if arn.endswith("role/shop-execution-test"))


def lacking(execution: Identity, resources: str, asked: str) -> set[tuple[str, str]]:
    """Return what a service lacks where the execution role has what its permissions.yaml asks for."""
    granted = grants.read(asked, "permissions.yaml", KNOWLEDGE).execution if asked else ()
    document: Document = {"Statement": grants.resolved(granted, STACK.name, STACK.account, STACK.region)}
    role = replace(execution, policies=(*execution.policies, document))
    template = read(f"Resources:\n{resources}", "template.yaml")
    found = permissions.fit("orders", template, STACK, role, EVERYTHING, KNOWLEDGE, some_names())
    return {(need.action, need.resource) for need in found.missing}


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_enough(execution: Identity, name: str) -> None:
    """A service that asks for what AWS will ask of it lacks nothing."""
    assert lacking(execution, *SERVICES[name]) == set()


@pytest.mark.parametrize("name", [name for name, (_, asked) in SERVICES.items() if asked])
def test_what_is_not_enough(execution: Identity, name: str) -> None:
    """Without its permissions.yaml the same service lacks actions that stand there, and no others."""
    resources, asked = SERVICES[name]
    listed = {one for statement in yaml.safe_load(asked)["Execution"] for one in statement["Action"]}

    found = {action for action, _ in lacking(execution, resources, "")}

    assert found
    assert found <= listed | {"lambda:InvokeFunction"}
