"""Taking down what the demo made, on real tools: nothing of it is left in three accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockstep.model import AccountId
from lockstep.names import RELEASE_TAG, Names
from tests.e2e.conftest import PROD, REGION, TEST, TOOLING

if TYPE_CHECKING:
    from tests.e2e.conftest import Place

NAMES = Names("lockstep", AccountId(TOOLING), REGION)
ALL = ("destroy", "--all", "--unprotect", "--confirm", "lockstep")
NOTHING = '{"Resources": {"Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}'


def what_is_left(place: Place) -> dict[str, list[str]]:
    """Everything of the project in the three accounts, by its kind."""
    found: dict[str, list[str]] = {"stacks": [], "roles": [], "policies": [], "log groups": []}
    for account in (TOOLING, TEST, PROD):
        iam, logs = place.client("iam", account), place.client("logs", account)
        found["stacks"] += [s["StackName"] for s in place.client("cloudformation", account).describe_stacks()["Stacks"]]
        found["roles"] += [role["RoleName"] for role in iam.list_roles()["Roles"]]
        found["policies"] += [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]]
        found["log groups"] += [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    s3, ecr, kms = (place.client(name, TOOLING) for name in ("s3", "ecr", "kms"))
    found["buckets"] = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    found["repositories"] = [one["repositoryName"] for one in ecr.describe_repositories()["repositories"]]
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    found["keys"] = [key["Description"] for key in keys if key["KeyState"] != "PendingDeletion"]
    return {kind: [name for name in names if "lockstep" in name] for kind, names in found.items()}


def test_destroy_leaves_nothing(expendable: Place) -> None:
    """After destroy --all the three accounts hold nothing of the project; again, it finds nothing to do."""
    there = what_is_left(expendable)

    first = expendable.invoke(*ALL, "--json")
    left = what_is_left(expendable)
    second = expendable.invoke(*ALL, "--json")

    assert all(there.values())
    assert (first.status, second.status) == (0, 0), first.stderr + second.stderr
    assert {kind: names for kind, names in left.items() if names} == {}
    assert second.document["removals"] == []
    assert all("key " in one for one in first.document["left"])


def test_destroy_keeps_what_is_protected(place: Place) -> None:
    """Without --unprotect nothing of a protected environment goes, nor anything else; the exit code is 2."""
    before = place.accounts()

    ran = place.invoke("destroy", "--all", "--confirm", "lockstep")

    assert ran.status == 2
    assert "lockstep-prod-hello" in ran.stderr
    assert place.accounts() == before


def test_a_service_is_destroyed_in_one_environment(expendable: Place) -> None:
    """A service that is destroyed in test leaves its stack and its log there, and its images and prod as they are."""
    before = expendable.accounts()

    ran = expendable.invoke("destroy", "--service", "hello", "--env", "test", "--confirm", "lockstep")

    after = expendable.accounts()
    assert ran.status == 0, ran.stderr
    assert set(before[TEST]) - set(after[TEST]) == {"lockstep-test-hello"}
    assert {key: value for key, value in after.items() if key != TEST} == {
        key: value for key, value in before.items() if key != TEST
    }
    assert expendable.client("logs", TEST).describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"] == []


def test_a_branch_is_destroyed(place: Place) -> None:
    """The stack of a feature branch goes; another branch's stays, and so does one that has only such a name."""
    stack = NAMES.service_stack("test", "hello", "feature/login")
    other = NAMES.service_stack("test", "hello", "feature-login")
    foreign = NAMES.service_stack("prod", "hello", "feature/login")
    tags = [{"Key": RELEASE_TAG, "Value": "0" * 64}]
    for account, name, some in ((TEST, stack, tags), (TEST, other, tags), (PROD, foreign, [])):
        cloudformation = place.client("cloudformation", account)
        cloudformation.create_stack(StackName=name, TemplateBody=NOTHING, Tags=some)
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    before = place.accounts()

    ran = place.invoke("destroy", "--branch", "feature/login", "--confirm", "lockstep")

    after = place.accounts()
    assert ran.status == 0, ran.stderr
    assert set(before[TEST]) - set(after[TEST]) == {stack}
    assert after[PROD] == before[PROD]
    for account, name in ((TEST, other), (PROD, foreign)):
        place.client("cloudformation", account).delete_stack(StackName=name)
