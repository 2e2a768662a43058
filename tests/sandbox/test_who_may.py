"""Who may do what, asked of the sandbox's IAM, in accounts that bootstrap has set up. Attacks are among it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lockstep import administration
from tests.sandbox.accounts import PROD, Accounts, attempt
from tests.sandbox.conftest import REGION, TEST, TOOLING, allow, policy, served

BUCKET = f"lockstep-artifacts-{TOOLING}-{REGION}"
REPOSITORY = "lockstep/hello/hellofunction"
STACK = "lockstep-test-hello"
NOTHING = json.dumps({"Resources": {"Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}})
TRUST = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})


@pytest.fixture(scope="module")
def accounts(sandbox_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """Have accounts that are set up."""
    with served(sandbox_python, tmp_path_factory.mktemp("who-may")) as server:
        found = Accounts(server, tmp_path_factory.mktemp("tree"))
        found.seed()
        assert administration.set_up(found.wiring(), yes=True) == 0
        yield found


@dataclass(frozen=True)
class Try:
    """One call of somebody, and whether it is allowed."""

    who: str
    operation: str
    arguments: dict[str, Any]
    allowed: bool = False

    def __str__(self) -> str:
        named = next(
            iter(str(value) for key, value in self.arguments.items() if key in {"Key", "RoleArn", "RoleName"}), ""
        )
        return f"{self.who} {self.operation} {named} {'may' if self.allowed else 'may not'}"


def may(who: str, operation: str, arguments: dict[str, Any]) -> Try:
    """Return a call that is allowed."""
    return Try(who, operation, arguments, allowed=True)


def may_not(who: str, operation: str, arguments: dict[str, Any]) -> Try:
    """Return a call that is refused."""
    return Try(who, operation, arguments)


def role(account: str, name: str) -> dict[str, str]:
    """The arguments by which a role is taken."""
    return {"RoleArn": f"arn:aws:iam::{account}:role/lockstep-{name}", "RoleSessionName": "tests"}


def file(key: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - what S3 takes
    """The arguments by which a file is named."""
    return {"Bucket": BUCKET, "Key": key, **more}


def change(stack: str, execution: str | None) -> dict[str, str]:
    """The arguments by which a stack is changed, with an execution role or without."""
    given = {"RoleARN": f"arn:aws:iam::{TEST}:role/{execution}"} if execution else {}
    return {"StackName": stack, "ChangeSetName": "tests", "ChangeSetType": "CREATE", "TemplateBody": NOTHING, **given}


def bounded(name: str, boundary: str | None) -> dict[str, str]:
    """The arguments by which a role is made, with a boundary or without."""
    given = {"PermissionsBoundary": f"arn:aws:iam::{TEST}:policy/{boundary}"} if boundary else {}
    return {"RoleName": name, "AssumeRolePolicyDocument": TRUST, **given}


ONCE = {"Body": b"x", "IfNoneMatch": "*"}
IMAGE = {"repositoryName": REPOSITORY, "imageIds": [{"imageTag": "x"}]}
TRIES = (
    # developer: publishes once, deletes nothing, becomes nobody who deploys by itself
    may("developer", "s3.put_object", file("releases/new.json", **ONCE)),
    may_not("developer", "s3.put_object", file("releases/again.json", Body=b"x")),
    may_not("developer", "s3.put_object", file(f"environments/{TEST}/x", **ONCE)),
    may_not("developer", "s3.delete_object", file("releases/new.json")),
    may("developer", "ecr.describe_images", IMAGE),
    may_not("developer", "ecr.batch_delete_image", IMAGE),
    may_not("developer", "ecr.delete_repository", {"repositoryName": REPOSITORY, "force": True}),
    may("developer", "sts.assume_role", role(TOOLING, "deployer-test")),
    may("developer", "sts.assume_role", role(PROD, "status-prod")),
    may_not("developer", "sts.assume_role", role(TOOLING, "deployer-prod")),
    may_not("developer", "sts.assume_role", role(TEST, "deploy-test")),
    may_not("developer", "sts.assume_role", role(TOOLING, "build")),
    # build: publishes, and becomes nobody
    may("build", "s3.put_object", file("releases/built.json", **ONCE)),
    may_not("build", "s3.put_object", file("releases/built.json", Body=b"x")),
    may_not("build", "ecr.batch_delete_image", IMAGE),
    *(
        may_not("build", "sts.assume_role", role(account, name))
        for account, names in (
            (TOOLING, ("developer", "deployer-test", "deployer-prod")),
            (TEST, ("deploy-test", "status-test", "execution-test")),
            (PROD, ("deploy-prod", "status-prod", "execution-prod")),
        )
        for name in names
    ),
    # planner: reads releases, looks where somebody approves, and becomes nobody who deploys
    may("planner", "s3.get_object", file("releases/none.json")),
    may("planner", "sts.assume_role", role(PROD, "status-prod")),
    may_not("planner", "s3.put_object", file("releases/planned.json", **ONCE)),
    may_not("planner", "s3.get_object", file(f"environments/{PROD}/deployments/1.json")),
    may_not("planner", "ecr.describe_images", IMAGE),
    *(
        may_not("planner", "sts.assume_role", role(account, name))
        for account, names in (
            (TOOLING, ("developer", "build", "deployer-test", "deployer-prod")),
            (TEST, ("deploy-test", "status-test", "execution-test")),
            (PROD, ("deploy-prod", "execution-prod")),
        )
        for name in names
    ),
    # deployers: read releases, become the roles of one environment
    may("deployer-test", "s3.get_object", file("releases/none.json")),
    may_not("deployer-test", "s3.put_object", file("releases/mine.json", **ONCE)),
    may("deployer-test", "ecr.describe_images", IMAGE),
    may_not("deployer-test", "ecr.batch_delete_image", IMAGE),
    may("deployer-test", "sts.assume_role", role(TEST, "deploy-test")),
    may_not("deployer-test", "sts.assume_role", role(TEST, "execution-test")),
    may_not("deployer-test", "sts.assume_role", role(PROD, "deploy-prod")),
    may_not("deployer-test", "sts.assume_role", role(PROD, "status-prod")),
    may_not("deployer-test", "sts.assume_role", role(TOOLING, "deployer-prod")),
    may("deployer-prod", "sts.assume_role", role(PROD, "deploy-prod")),
    may_not("deployer-prod", "sts.assume_role", role(TEST, "deploy-test")),
    # deploy roles: their own files, their own stacks, with their own execution role
    may("deploy-test", "s3.put_object", file(f"environments/{TEST}/x", Body=b"x")),
    may_not("deploy-test", "s3.put_object", file(f"environments/{PROD}/x", Body=b"x")),
    may_not("deploy-test", "s3.get_object", file(f"environments/{PROD}/x")),
    may_not("deploy-test", "s3.put_object", file("releases/mine.json", **ONCE)),
    may_not("deploy-prod", "s3.put_object", file(f"environments/{TEST}/x", Body=b"x")),
    may("deploy-test", "cloudformation.create_change_set", change(STACK, "lockstep-execution-test")),
    may_not("deploy-test", "cloudformation.create_change_set", change(STACK, "administrator")),
    may_not("deploy-test", "cloudformation.create_change_set", change(STACK, None)),
    may_not("deploy-test", "cloudformation.create_change_set", change("another", "lockstep-execution-test")),
    may_not("deploy-test", "cloudformation.delete_stack", {"StackName": STACK}),
    may_not("deploy-test", "cloudformation.update_termination_protection",
        {"StackName": STACK, "EnableTerminationProtection": False}),
    may_not("deploy-test", "iam.create_role", bounded("lockstep-test-own", "lockstep-boundary-test")),
    may("deploy-test", "iam.get_role", {"RoleName": "lockstep-execution-test"}),
    may_not("deploy-test", "ecr.describe_images", IMAGE),
    # execution roles: bounded roles of their own prefix, no users, no policies
    may("execution-test", "iam.create_role", bounded("lockstep-test-hello-r", "lockstep-boundary-test")),
    may_not("execution-test", "iam.create_role", bounded("lockstep-test-hello-s", None)),
    may_not("execution-test", "iam.create_role", bounded("lockstep-test-hello-t", "lockstep-execution-test")),
    may_not("execution-test", "iam.create_role", bounded("lockstep-deploy-other", "lockstep-boundary-test")),
    may_not("execution-test", "iam.delete_role_permissions_boundary", {"RoleName": "lockstep-test-hello-r"}),
    may_not("execution-test", "iam.update_assume_role_policy",
        {"RoleName": "lockstep-deploy-test", "PolicyDocument": TRUST}),
    may_not("execution-test", "iam.create_policy_version",
        {"PolicyArn": f"arn:aws:iam::{TEST}:policy/lockstep-boundary-test", "PolicyDocument": policy(allow("*"))}),
    may_not("execution-test", "iam.create_user", {"UserName": "lockstep-test-somebody"}),
    may_not("execution-test", "sts.assume_role", role(TEST, "deploy-test")),
    # status roles: look, and change nothing
    may("status-test", "cloudformation.describe_stacks", {"StackName": STACK}),
    may("status-test", "cloudformation.get_template", {"StackName": "lockstep-account-test"}),
    may_not("status-test", "cloudformation.create_change_set", change(STACK, "lockstep-execution-test")),
    may_not("status-test", "lambda.invoke", {"FunctionName": f"{STACK}-f"}),
    may_not("status-test", "iam.put_role_policy",
        {"RoleName": "lockstep-execution-test", "PolicyName": "x", "PolicyDocument": policy(allow("*"))}),
)  # fmt: skip


@pytest.mark.parametrize("one", TRIES, ids=str)
def test_who_may(accounts: Accounts, one: Try) -> None:
    """Each role may what it is for, and is refused what it is not for."""
    service, _, operation = one.operation.partition(".")

    found = attempt(accounts.become(one.who), service, operation, **one.arguments)

    assert found == ("allowed" if one.allowed else "refused")


DEPLOY_TEST = f"arn:aws:iam::{TEST}:role/lockstep-deploy-test"


def take(accounts: Accounts, account: str, name: str, **more: Any) -> str:  # noqa: ANN401 - what STS takes
    """Try test's deploy role as another role of an account, which may take every role; with tags, its own too."""
    tags = [{"Key": "lockstep:deployer", "Value": "test"}, {"Key": "Project", "Value": "lockstep"}]
    arn = accounts.server.role(account, name, allow(["sts:AssumeRole", "sts:TagSession"]), Tags=tags)
    client = accounts.server.client("sts", accounts.server.assume(arn))
    return _take(client, **more)


def _take(client: Any, **more: Any) -> str:  # noqa: ANN401 - a boto3 client
    try:
        client.assume_role(RoleArn=DEPLOY_TEST, RoleSessionName="tests", **more)
    except client.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def test_another_role_of_tooling(accounts: Accounts) -> None:
    """A role of tooling that is not the deployer is refused, though it may take every role, whatever its tags are."""
    assert take(accounts, TOOLING, "another") == "AccessDenied"


def test_tags_of_a_session(accounts: Accounts) -> None:
    """Tags that a caller gives its session open nothing."""
    tags = [{"Key": "aws:PrincipalTag/deployer", "Value": "test"}, {"Key": "lockstep:deployer", "Value": "test"}]

    assert take(accounts, TOOLING, "tagged", Tags=tags) == "AccessDenied"


def test_the_same_name_in_another_account(accounts: Accounts) -> None:
    """A role that is called like the deployer, in another account, is refused."""
    assert take(accounts, PROD, "lockstep-deployer-test") == "AccessDenied"


def test_an_external_id(accounts: Accounts) -> None:
    """The deployer itself is refused where it brings an external id: somebody talked it into calling."""
    client = accounts.become("deployer-test").client("sts")

    assert (_take(client), _take(client, ExternalId="theirs")) == ("done", "AccessDenied")


def test_a_role_that_is_not_there(accounts: Accounts) -> None:
    """A role that does not exist is refused with the same code as one that does not trust the caller."""
    found = attempt(accounts.become("deployer-test"), "sts", "assume_role", **role(TEST, "nobody"))

    assert found == "refused"


def test_who_may_become_build(accounts: Accounts) -> None:
    """The build role is taken by CodeBuild for its own project, and for no other."""
    accounts.become("build")
    root = accounts.server.client("sts", TOOLING)

    with pytest.raises(root.exceptions.ClientError, match="AccessDenied"):
        root.assume_role(**role(TOOLING, "build"))
