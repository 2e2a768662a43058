"""Which resources hold data."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from lockstep.model import ResourceChange
from lockstep.stateful import gives_up_data, is_stateful


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::EFS::FileSystem", "AWS::RDS::DBInstance", "AWS::SQS::Queue",
        "AWS::Kinesis::Stream", "AWS::Cognito::UserPool", "AWS::KMS::Key", "AWS::Logs::LogGroup",
        "AWS::SecretsManager::Secret", "AWS::SSM::Parameter", "AWS::EC2::Volume", "AWS::Serverless::SimpleTable",
    ],
)  # fmt: skip
def test_what_holds_data(kind: str) -> None:
    """Tables, buckets, file systems, databases, queues, streams, users, keys, logs, secrets, volumes hold data."""
    assert is_stateful(kind)


@pytest.mark.parametrize(
    "kind", ["AWS::Lambda::Function", "AWS::IAM::Role", "AWS::ApiGateway::RestApi", "AWS::Events::Rule", "Custom::Data"]
)
def test_what_holds_none(kind: str) -> None:
    """Code, roles, interfaces and rules hold none: what a template says of them is all there is."""
    assert not is_stateful(kind)


def test_all_that_cfn_lint_knows() -> None:
    """Every type that cfn-lint takes for one that holds data is one here."""
    listed = resources.files("cfnlint").joinpath("data/AdditionalSpecs/StatefulResources.json").read_text()

    assert [kind for kind in json.loads(listed)["ResourceTypes"] if not is_stateful(kind)] == []


@pytest.mark.parametrize("kind", ["AWS::CloudFormation::Stack", "AWS::Serverless::Application"])
def test_a_nested_stack_that_changes(kind: str) -> None:
    """A nested stack may lose data whenever it changes, since nobody looks into it; a new one has none."""
    assert gives_up_data(ResourceChange("modify", "Inner", kind))
    assert not gives_up_data(ResourceChange("add", "Inner", kind))
