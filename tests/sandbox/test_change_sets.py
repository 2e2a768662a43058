"""What an update would change, asked of the sandbox's CloudFormation as the deploy role that bootstrap made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lockstep import administration, iam_changes
from lockstep.iam_changes import AccessChange, Verdict
from lockstep.intrinsics import Stack
from lockstep.model import ResourceChange, StackName
from lockstep.ports import StackUpdate
from tests.sandbox.accounts import Accounts
from tests.sandbox.conftest import REGION, TEST, TOOLING, allow, served, until

STACK = StackName("lockstep-test-hello")
WHERE = Stack(STACK, TEST, REGION)
LOG = "/aws/lambda/lockstep-test-hello"
BOUNDARY = f"arn:aws:iam::{TEST}:policy/lockstep-boundary-test"
TRUSTED = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def template(log: str, level: str, *actions: str, **more: object) -> bytes:
    """Return a template with a log, and a role that may do something."""
    statement = allow([*actions]) | {"Resource": {"Fn::GetAtt": ["Log", "Arn"]}}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [TRUSTED]},
        "PermissionsBoundary": BOUNDARY,
        "Policies": [{"PolicyName": "own", "PolicyDocument": document}],
        "Description": {"Ref": "LogLevel"},
    }
    resources = {
        "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": log}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": properties},
        **more,
    }
    parameters = {"LogLevel": {"Type": "String", "Default": level}}
    return json.dumps({"Parameters": parameters, "Resources": resources}).encode()


FIRST = template(f"{LOG}-a", "INFO", "logs:PutLogEvents", Gone={"Type": "AWS::CloudFormation::WaitConditionHandle"})
SECOND = template(f"{LOG}-b", "INFO", "logs:*", New={"Type": "AWS::CloudFormation::WaitConditionHandle"})


@pytest.fixture(scope="module")
def accounts(sandbox_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """Have accounts that are set up, and a stack in test."""
    with served(sandbox_python, tmp_path_factory.mktemp("change-sets")) as server:
        found = Accounts(server, tmp_path_factory.mktemp("tree"))
        found.seed()
        assert administration.set_up(found.wiring(), yes=True) == 0
        client = found.become("deploy-test").client("cloudformation")
        named = {"StackName": STACK, "ChangeSetName": "first"}
        role = found.names.execution_role("test", found.settings.environment("test").value.account)
        client.create_change_set(
            **named,
            ChangeSetType="CREATE",
            TemplateBody=FIRST.decode(),
            RoleARN=role,
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": "team", "Value": "a"}],
        )
        until(lambda: client.describe_change_set(**named)["Status"] == "CREATE_COMPLETE", "change set")
        client.execute_change_set(**named)
        until(lambda: status(found) == "CREATE_COMPLETE", "stack")
        yield found


def stack(accounts: Accounts) -> Any:  # noqa: ANN401 - what boto3 answers
    """Return the stack as it is."""
    return accounts.server.client("cloudformation", TEST).describe_stacks(StackName=STACK)["Stacks"][0]


def status(accounts: Accounts) -> str:
    """Return how the stack is."""
    return str(stack(accounts)["StackStatus"])


def left(accounts: Accounts) -> list[str]:
    """Return the change sets of the stack that are left, but for the one that made it."""
    found = accounts.server.client("cloudformation", TEST).list_change_sets(StackName=STACK)["Summaries"]
    return [one["ChangeSetName"] for one in found if one["ChangeSetName"] != "first"]


def preview(accounts: Accounts, content: bytes, **more: Any) -> StackUpdate:  # noqa: ANN401 - of either kind
    """Ask what an update to a template would do, as a deployment does."""
    _, target = accounts.wiring().deployer("test")
    given = {"parameters": {"LogLevel": "INFO"}, "tags": {"team": "a"}} | more
    return target.change_sets.preview(STACK, content, **given)


def test_what_an_update_would_change(accounts: Accounts) -> None:
    """Each resource is told with its properties; no change set is left, and the stack is as it was."""
    before = stack(accounts)

    found = preview(accounts, SECOND)

    assert {one.logical_id: one for one in found.resources} == {
        "Gone": ResourceChange("remove", "Gone", "AWS::CloudFormation::WaitConditionHandle"),
        "Log": ResourceChange("replace", "Log", "AWS::Logs::LogGroup", ("LogGroupName",)),
        "New": ResourceChange("add", "New", "AWS::CloudFormation::WaitConditionHandle"),
        "Role": ResourceChange("modify", "Role", "AWS::IAM::Role", ("Policies",)),
    }
    assert (left(accounts), stack(accounts)) == ([], before)
    assert iam_changes.compare(found.before, WHERE, found.after, WHERE) == (
        AccessChange("Role", Verdict.BROADER, ("may now logs:* on ${Log.Arn}",)),
    )


def test_another_parameter_and_tag(accounts: Accounts) -> None:
    """A parameter changes the property that uses it, a tag of the stack those of its resources."""
    parameter = preview(accounts, FIRST, parameters={"LogLevel": "DEBUG"})
    tag = preview(accounts, FIRST, tags={"team": "b"})

    assert parameter.resources == (ResourceChange("modify", "Role", "AWS::IAM::Role", ("Description",)),)
    assert ResourceChange("modify", "Log", "AWS::Logs::LogGroup", ("Tags",)) in tag.resources
    assert left(accounts) == []


def test_no_change(accounts: Accounts) -> None:
    """An update that changes nothing says so, and its change set is gone too."""
    assert preview(accounts, FIRST) == StackUpdate()
    assert left(accounts) == []


def test_the_same_template_again(accounts: Accounts) -> None:
    """A template is uploaded once, however often it is looked at, below what is the environment's own."""
    content = template(f"{LOG}-c", "INFO", "logs:*")
    preview(accounts, content)
    preview(accounts, content)

    _, target = accounts.wiring().deployer("test")
    keys = target.store.keys(f"environments/{TEST}/templates/")
    versions = accounts.server.client("s3", TOOLING).list_object_versions(
        Bucket=accounts.names.bucket, Prefix=f"environments/{TEST}/templates/"
    )["Versions"]
    assert len(keys) == len({*keys}) == len(versions)
