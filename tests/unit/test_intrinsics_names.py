"""What a template's resources are called and how they are referred to, before they are made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import intrinsics
from lockstep.intrinsics import Stack
from lockstep.testing import TEST

STACK = Stack("shop-test-hello", TEST, "eu-west-1")
HERE = f"eu-west-1:{TEST}"
NAMED = [
    ("AWS::CloudWatch::Alarm", "AlarmName", f"arn:aws:cloudwatch:{HERE}:alarm:NAME"),
    ("AWS::DynamoDB::Table", "TableName", f"arn:aws:dynamodb:{HERE}:table/NAME"),
    ("AWS::ECR::Repository", "RepositoryName", f"arn:aws:ecr:{HERE}:repository/NAME"),
    ("AWS::Events::Rule", "Name", f"arn:aws:events:{HERE}:rule/NAME"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", f"arn:aws:iam::{TEST}:policy/NAME"),
    ("AWS::IAM::Role", "RoleName", f"arn:aws:iam::{TEST}:role/NAME"),
    ("AWS::Lambda::Function", "FunctionName", f"arn:aws:lambda:{HERE}:function:NAME"),
    ("AWS::Lambda::LayerVersion", "LayerName", f"arn:aws:lambda:{HERE}:layer:NAME:*"),
    ("AWS::Logs::LogGroup", "LogGroupName", f"arn:aws:logs:{HERE}:log-group:NAME:*"),
    ("AWS::S3::Bucket", "BucketName", "arn:aws:s3:::NAME"),
    ("AWS::SNS::Topic", "TopicName", f"arn:aws:sns:{HERE}:NAME"),
    ("AWS::SQS::Queue", "QueueName", f"arn:aws:sqs:{HERE}:NAME"),
    ("AWS::StepFunctions::StateMachine", "StateMachineName", f"arn:aws:states:{HERE}:stateMachine:NAME"),
]
REF_IS_ARN = {
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::LayerVersion",
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
}
SMALL = {"AWS::ECR::Repository", "AWS::S3::Bucket"}
WITHOUT_STACK = {"AWS::StepFunctions::StateMachine"}


def referred(body: dict[str, Any], *references: dict[str, object]) -> list[object]:
    """Return what references to a resource, Thing, give."""
    values = dict(enumerate(references))
    asking = {"Type": "AWS::Test::Asking", "Properties": {str(n): value for n, value in values.items()}}
    made = intrinsics.resources({"Resources": {"Thing": body, "Asking": asking}}, STACK)
    return list(made["Asking"]["Properties"].values())


@pytest.mark.parametrize(("kind", "key", "form"), NAMED)
def test_a_name_that_is_given(kind: str, key: str, form: str) -> None:
    """A resource that has a name is known by it: Ref and the ARN have it, whichever of the two Ref gives."""
    body = {"Type": kind, "Properties": {key: {"Fn::Sub": "${AWS::StackName}-mine"}}}

    found = referred(body, {"Ref": "Thing"}, {"Fn::GetAtt": ["Thing", "Arn"]}, {"Fn::Sub": "${Thing.Arn}"})

    arn = form.replace("NAME", "shop-test-hello-mine")
    assert found == [arn if kind in REF_IS_ARN else "shop-test-hello-mine", arn, arn]


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind, _, form in NAMED])
def test_a_name_that_is_generated(kind: str, form: str) -> None:
    """A resource without a name is called after its stack and logical id, as its type's names are."""
    found = referred({"Type": kind}, {"Ref": "Thing"}, {"Fn::GetAtt": "Thing.Arn"})

    name = "shop-test-hello-thing-*" if kind in SMALL else "shop-test-hello-Thing-*"
    name = "Thing-*" if kind in WITHOUT_STACK else name
    arn = form.replace("NAME", name)
    assert found == [arn if kind in REF_IS_ARN else name, arn]


def test_a_key() -> None:
    """What a key is called, AWS chooses."""
    found = referred({"Type": "AWS::KMS::Key", "Properties": {}}, {"Fn::GetAtt": ["Thing", "Arn"]})

    assert found == [f"arn:aws:kms:{HERE}:key/*"]


@pytest.mark.parametrize(
    ("kind", "reference", "found"),
    [
        ("AWS::SQS::Queue", {"Fn::GetAtt": ["Thing", "QueueUrl"]}, "*"),
        ("AWS::CloudFormation::Stack", {"Fn::GetAtt": "Thing.Outputs.Url"}, "*"),
        ("AWS::SecretsManager::Secret", {"Fn::GetAtt": "Thing.Arn"}, "*"),
        ("AWS::SQS::Queue", {"Fn::GetAtt": ["Thing", {"Ref": "AWS::Region"}]}, "*"),
        ("AWS::SQS::Queue", {"Fn::Sub": "x-${Thing.QueueUrl}"}, "x-*"),
        ("AWS::SecretsManager::Secret", {"Ref": "Thing"}, "shop-test-hello-Thing-*"),
    ],
)
def test_attributes_that_only_aws_knows(kind: str, reference: dict[str, object], found: str) -> None:
    """Any attribute but the ARN of a known type is a *."""
    made = referred({"Type": kind}, reference)

    assert made == [found]


def test_a_name_that_refers_to_another() -> None:
    """A name may be made of another resource's name, as that of a function's log group is."""
    template = {
        "Resources": {
            "Hello": {"Type": "AWS::Lambda::Function"},
            "Logs": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": {"Fn::Sub": "/aws/lambda/${Hello}"}},
            },
        }
    }

    made = intrinsics.resources(template, STACK)

    assert made["Logs"]["Properties"] == {"LogGroupName": "/aws/lambda/shop-test-hello-Hello-*"}


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("cn-north-1", f"arn:aws-cn:sqs:cn-north-1:{TEST}:jobs"),
        ("us-gov-west-1", f"arn:aws-us-gov:sqs:us-gov-west-1:{TEST}:jobs"),
    ],
)
def test_arns_of_other_partitions(region: str, arn: str) -> None:
    """An ARN is of the partition that its region belongs to."""
    found = intrinsics.arn("AWS::SQS::Queue", "jobs", TEST, region)

    assert found == arn


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abR:", max_size=4), inner, max_size=3),
    max_leaves=20,
)
BODIES = st.fixed_dictionaries(
    {"Type": st.sampled_from(["AWS::SQS::Queue", "AWS::IAM::Role", "Custom::Thing"])},
    optional={"Properties": st.dictionaries(st.text("abN", min_size=1, max_size=4), PLAIN), "Metadata": PLAIN},
)


@given(st.dictionaries(st.text("AbC", min_size=1, max_size=4), BODIES, max_size=4))
def test_a_template_without_functions(resources: dict[str, Any]) -> None:
    """A template without functions comes back as it is."""
    made = intrinsics.resources({"Resources": resources}, STACK)

    assert made == resources
