"""The permission proof on real tools: a deployment that would fail is refused before, and what is declared is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.e2e.conftest import TEST
from tests.e2e.test_main_job import change_handler

if TYPE_CHECKING:
    from tests.e2e.conftest import Place

EXECUTION = f"arn:aws:iam::{TEST}:policy/lockstep-execution-test"
TABLE = """
  Visits:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
"""
CERTAIN = (
    "CreateTable",
    "DeleteTable",
    "DescribeTable",
    "ListTagsOfResource",
    "TagResource",
    "UpdateTable",
)


@contextmanager
def without(place: Place, action: str) -> Iterator[None]:
    """Take an action from test's execution role, and give it back."""
    iam = place.client("iam", TEST)
    version = iam.get_policy(PolicyArn=EXECUTION)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=EXECUTION, VersionId=version)["PolicyVersion"]["Document"]
    taken = json.dumps(document).replace(f'"{action}", ', "")
    made = iam.create_policy_version(PolicyArn=EXECUTION, PolicyDocument=taken, SetAsDefault=True)
    yield
    iam.create_policy_version(PolicyArn=EXECUTION, PolicyDocument=json.dumps(document), SetAsDefault=True)
    iam.delete_policy_version(PolicyArn=EXECUTION, VersionId=made["PolicyVersion"]["VersionId"])


def add_table(place: Place) -> None:
    """Let hello keep something in a table."""
    file = place.folder / "services" / "hello" / "template.yaml"
    file.write_text(file.read_text().replace("\nOutputs:", f"{TABLE}\nOutputs:"))


def stacks(place: Place) -> object:
    """The stacks of test with their state and tags, and every change set."""
    cloudformation = place.client("cloudformation", TEST)
    names = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
    sets = {
        name: [s["ChangeSetName"] for s in cloudformation.list_change_sets(StackName=name)["Summaries"]]
        for name in names
    }
    return place.accounts()[TEST], sets


def test_what_the_execution_role_lacks_is_said_before(place: Place) -> None:
    """Where the execution role lacks lambda:CreateFunction, deploy names it and makes no change set."""
    change_handler(place, "as refused")
    before = stacks(place)

    with without(place, "lambda:CreateFunction"):
        ran = place.invoke("deploy", "--env", "test")
        told = place.invoke("permissions", "--env", "test", "--json")

    assert ran.status == 3
    assert ran.stderr.splitlines()[1] == "  answer: it may not: lambda:CreateFunction; nothing was changed"
    assert ran.stderr.count("error: ") == 1
    assert told.status == 3
    assert [one["action"] for one in told.document["services"][0]["missing"]] == ["lambda:CreateFunction"]
    assert stacks(place) == before


def test_a_table_needs_its_permissions(expendable: Place) -> None:
    """A table in a service without permissions.yaml is refused, its actions named; once declared, it is deployed."""
    add_table(expendable)
    before = stacks(expendable)

    refused = expendable.invoke("deploy", "--env", "test")
    told = expendable.invoke("permissions", "--env", "test", "--service", "hello", "--json")
    unchanged = stacks(expendable) == before
    declared = expendable.folder / "services" / "hello" / "permissions.yaml"
    declared.write_text(json.dumps(told.document["services"][0]["suggestion"]))
    bootstrapped = expendable.invoke("bootstrap", "--yes", "--env", "test")
    deployed = expendable.invoke("deploy", "--env", "test")
    again = expendable.invoke("permissions", "--env", "test", "--service", "hello", "--json")

    said = refused.stderr
    assert (refused.status, bootstrapped.status, deployed.status) == (3, 0, 0), (
        said + bootstrapped.stderr + deployed.stderr
    )
    assert (again.status, again.document["services"][0]["missing"]) == (0, [])
    assert all(f"dynamodb:{name}" in said for name in CERTAIN)
    assert unchanged
    resources = expendable.client("cloudformation", TEST).list_stack_resources(StackName="lockstep-test-hello")
    assert "Visits" in {one["LogicalResourceId"] for one in resources["StackResourceSummaries"]}


def test_nothing_is_missing(place: Place) -> None:
    """The services that we ship need nothing that their environments do not allow."""
    for environment in ("test", "prod"):
        ran = place.invoke("permissions", "--env", environment, "--json")

        assert ran.status == 0
        assert [(one["missing"], one["beyond_boundary"]) for one in ran.document["services"]] == [([], [])]


def test_a_well_machine(place: Place) -> None:
    """Doctor finds everything well where the demo has run: tools, accounts, and every role."""
    ran = place.invoke("doctor", "--json")

    wrong = [one for one in ran.document["checks"] if one["found"] in {"FAILED", "MISSING"}]
    assert (ran.status, ran.document["ok"], wrong) == (0, True, [])
