"""What is taken down is Lockstep's own: not what is merely called like it, and nothing of it is left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockstep import destroy
from lockstep.destroy import Asked
from lockstep.model import AccountId, StackName
from lockstep.names import branch_slug
from lockstep.ports import StackContent, StackState
from lockstep.testing import PROD, TEST, TOOLING, World, some_settings
from tests.unit.standing import BUCKET, give_bucket, opened, publish, run, run_foreign, stand

EVERYTHING, OF_TEST = Asked(everything=True), Asked(environment="test")
LOG = "/aws/lambda/"
MAIN = f"shop-test-hello--{branch_slug('main')}"


def planned(world: World, asked: Asked) -> list[str]:
    """Say what is to be taken down of a world, in its order."""
    known = some_settings()
    return [str(one) for one in destroy.plan(destroy.choose(known, asked), known, opened(world, known))]


def put(world: World, account: AccountId, stack: str, **parameters: str) -> None:
    """Put a stack with some parameters into a world."""
    world.account_stacks[account, StackName(stack)] = StackContent("{}", parameters)


@pytest.mark.parametrize("asked", [EVERYTHING, OF_TEST, Asked(service="network")])
def test_a_stack_that_no_deployment_made(asked: Asked) -> None:
    """A stack in an environment that does not carry Lockstep's tag stays, with the log of its function."""
    world = World()
    run_foreign(world, TEST, "shop-test-network")

    assert planned(world, asked) == []


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_that_holds_nothing(status: str) -> None:
    """A stack that a deployment began and that holds nothing goes, though it may not have its tag yet."""
    world = World(stacks={(TEST, StackName("shop-test-hello")): StackState(status, {}, {})})

    assert planned(world, Asked(service="hello")) == ["test: stack shop-test-hello"]


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
@pytest.mark.parametrize(("account", "stack"), [(TEST, "shop-test-network"), (TOOLING, "shop-deployer-bot")])
def test_a_stack_of_somebody_that_holds_nothing(account: AccountId, stack: str, status: str) -> None:
    """A stack that holds nothing stays where its tags or its parameters say that somebody else began it."""
    for state in (
        StackState(status, {"owner": "somebody"}, {}),
        StackState(status, {}, {}, parameters={"Project": "store"}),
    ):
        world = World(stacks={(account, StackName(stack)): state})

        assert planned(world, EVERYTHING) == []


def test_a_bucket_of_a_service() -> None:
    """Files in a bucket that goes with its service's stack are to be taken down before it, and are shown."""
    world = World()
    run(world, TEST, "shop-test-hello")
    bucket = give_bucket(world, TEST, "shop-test-hello", "a")

    found = planned(world, Asked(service="hello"))

    assert found == [
        f"test: files {bucket}/*",
        "test: stack shop-test-hello",
        f"test: log group {LOG}shop-test-hello-HelloFunction",
    ]


@pytest.mark.parametrize(
    ("account", "stack", "parameters"),
    [
        (TOOLING, "shop-deployer-bot", {}),
        (TOOLING, "shop-deployer-bot", {"Project": "shop", "Environment": "test"}),
        (TOOLING, "shop-deployer-bot", {"Project": "store", "Environment": "bot"}),
        (TOOLING, "shop-repository-of-tools", {}),
        (TOOLING, "shop-repository-of-tools", {"Repository": "tools"}),
        (TOOLING, "shop-repository-of-tools", {"Repository": "store/of/tools"}),
        (TOOLING, "shop-repository-of-tools", {"Repository": "shop/hello/hellofunction"}),
        (TOOLING, "shop-tooling-roles", {"Project": "store"}),
        (TOOLING, "shop-tooling-resources", {}),
        (TEST, "shop-account-test", {"Environment": "test"}),
    ],
)
def test_an_account_stack_that_is_not_ours(account: AccountId, stack: str, parameters: dict[str, str]) -> None:
    """An account stack whose parameters do not say what its name says stays, and so does any repository it names."""
    world = World(repositories={"shop/of/tools", "shop/hello/hellofunction"})
    put(world, account, stack, **parameters)

    assert planned(world, EVERYTHING) == []


def test_account_stacks_of_what_is_gone() -> None:
    """The deployer of an environment and the repository of a service that nobody names any more go with all."""
    world = World(repositories={"shop/of/tools"})
    put(world, TOOLING, "shop-deployer-old", Project="shop", Environment="old")
    put(world, TOOLING, "shop-repository-of-tools", Repository="shop/of/tools")

    assert planned(world, EVERYTHING) == [
        "tooling: repository with its images shop/of/tools",
        "tooling: stack shop-repository-of-tools",
        "tooling: stack shop-deployer-old",
    ]


@pytest.mark.parametrize("asked", [EVERYTHING, Asked(service="hello")])
def test_a_repository_that_no_stack_of_ours_holds(asked: Asked) -> None:
    """A repository below the project's name that no stack of ours holds stays, and is told as left."""
    world, settings = World(repositories={"shop/base", "shop/hello/other"}), some_settings()

    found = planned(world, asked), destroy.left(settings, opened(world, settings))

    assert found == ([], ("tooling: repository shop/base", "tooling: repository shop/hello/other"))


def test_a_repository_that_is_not_the_stack_s() -> None:
    """A repository for whose name a stack failed to be made is not that stack's: the stack goes alone."""
    stack = "shop-repository-hello-hellofunction"
    state = StackState("ROLLBACK_COMPLETE", {}, {}, parameters={"Repository": "shop/hello/hellofunction"})
    world = World(stacks={(TOOLING, StackName(stack)): state}, repositories={"shop/hello/hellofunction"})

    assert planned(world, Asked(service="hello")) == [f"tooling: stack {stack}"]


def test_a_repository_that_is_gone_already() -> None:
    """After a run that ended between a repository and its stack, the stack is found."""
    world = stand(World())

    found = planned(world, Asked(service="hello"))

    assert found == ["tooling: stack shop-repository-hello-hellofunction"]


def test_logs_of_functions() -> None:
    """The logs of functions that are gone go with their environment; those without a stack's name in theirs stay."""
    names = ("shop-test-gone-F", "shop-test-cron", "shop-test2-gone-F", "other")
    world = World(logs={TEST: {LOG + name for name in names}})
    run_foreign(world, TEST, "shop-test-network")

    assert planned(world, OF_TEST) == [f"test: log group {LOG}shop-test-gone-F"]


def test_the_log_of_a_function_that_somebody_removed() -> None:
    """The log of a function that is gone stays where a stack is there by its name and is not ours."""
    world = World(logs={TEST: {f"{LOG}shop-test-network-Audit-1A", f"{LOG}shop-test-hello-Audit-1A"}})
    run_foreign(world, TEST, "shop-test-network")
    run(world, TEST, "shop-test-hello")

    found = planned(world, OF_TEST)

    assert f"test: log group {LOG}shop-test-hello-Audit-1A" in found
    assert f"test: log group {LOG}shop-test-network-Audit-1A" not in found


@pytest.mark.parametrize(
    ("asked", "groups"),
    [
        (Asked(service="hello"), ["shop-test-hello-F-1A", f"{MAIN}-F-1A"]),
        (Asked(service="hello-world"), ["shop-test-hello-world-F-1A"]),
        (Asked(branch="main"), [f"{MAIN}-F-1A"]),
    ],
)
def test_logs_of_a_part(asked: Asked, groups: list[str]) -> None:
    """After a run that ended between a stack and its logs, those are found by the stack's name in theirs."""
    names = ("shop-test-hello-F-1A", "shop-test-hello-world-F-1A", f"{MAIN}-F-1A", "shop-test-hello-cron")
    world = World(logs={TEST: {LOG + name for name in names}})

    assert planned(world, asked) == [f"test: log group {LOG}{name}" for name in sorted(groups)]


def test_a_function_that_was_deleted_by_hand() -> None:
    """The log of a function that its stack has and Lambda has no more is to be taken down once."""
    world = World()
    run(world, TEST, "shop-test-hello")
    world.running.clear()

    assert planned(world, OF_TEST) == [
        "test: stack shop-test-hello",
        f"test: log group {LOG}shop-test-hello-HelloFunction",
    ]


def test_half_of_tooling() -> None:
    """Of a tooling account that was taken down in part, the rest is found: buckets and a key outlive their stack."""
    world = publish(World(keys={"1": "Encrypts the releases and images of shop"}))

    assert planned(world, EVERYTHING) == [
        f"tooling: files {BUCKET}/*",
        f"tooling: bucket {BUCKET}",
        f"tooling: files shop-logs-{TOOLING}-eu-west-1/*",
        f"tooling: bucket shop-logs-{TOOLING}-eu-west-1",
        "tooling: key 1",
    ]


def test_a_key_that_waits() -> None:
    """A key that waits for its deletion already is not to be taken down, and neither is another project's."""
    mine, other = "Encrypts the releases and images of shop", "Encrypts the releases and images of store"
    world = World(keys={"1": mine, "2": other, "3": mine}, doomed={"1"})

    assert planned(world, EVERYTHING) == ["tooling: key 3"]


def test_who_names_an_environment() -> None:
    """Only stacks of ours are updated when an environment goes, but for those that hold nothing."""
    world = World()
    role = f"arn:aws:iam::{TEST}:role/shop-execution-test"
    put(world, TOOLING, "shop-network", Readers=f"{role},arn:aws:iam::{PROD}:role/shop-execution-prod")
    parameters = {"Repository": "shop/hello/f", "ExecutionRoles": role}
    hollow = StackState("REVIEW_IN_PROGRESS", {}, {}, parameters=parameters)
    where = TOOLING, StackName("shop-repository-hello-f")
    world.stacks[where] = hollow
    before = planned(world, OF_TEST)

    world.stacks[where] = replace(hollow, status="UPDATE_COMPLETE")

    assert (before, planned(world, OF_TEST)) == ([], ["tooling: rights of test"])
