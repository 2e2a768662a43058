"""What is left of the accounts after something was taken down, and what is never taken down."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest

from lockstep import destroy
from lockstep.destroy import Asked
from lockstep.errors import GateError, IdentityError, StackError
from lockstep.model import StackName
from lockstep.settings import Settings
from lockstep.testing import PROD, SETTINGS, TEST, TOOLING, World, a_digest, a_service, some_settings
from tests.unit.standing import BUCKET, give_bucket, opened, publish, run, stand

SERVICES = (a_service("hello"), a_service("hello-world"))


def everything(settings: Settings | None = None) -> World:
    """Return a world in which hello and hello-world run in test, and hello in prod."""
    world = publish(stand(World(), settings, SERVICES), "hello", "hello-world")
    for stack in ("shop-test-hello", "shop-test-hello-world"):
        run(world, TEST, stack)
    run(world, PROD, "shop-prod-hello")
    return world


def take_down(world: World, asked: Asked, settings: Settings | None = None) -> list[str]:
    """Take something down and return what was said of it; what names an environment is only noted."""
    known, said = settings or some_settings(), list[str]()
    accounts = opened(world, known)
    removals = destroy.plan(destroy.choose(known, asked), known, accounts)
    destroy.apply(removals, known, accounts, lambda: world.call("forget"), said.append)
    return said


def left(world: World) -> tuple[str, ...]:
    """Say what of the project is left in a world."""
    return destroy.left(some_settings(), opened(world, some_settings()))


def test_everything() -> None:
    """After all was taken down nothing is left but the key, which waits for its end."""
    world = everything()

    take_down(world, Asked(everything=True))

    assert left(world) == ("tooling: key 1 until 2026-01-08",)
    assert (world.stacks, world.account_stacks, world.running, world.repositories, world.buckets) == (
        {},
        {},
        {},
        set(),
        {},
    )


def test_what_is_said() -> None:
    """Each thing is said as it goes, so that a run that ends early shows how far it came."""
    world = World()
    run(world, TEST, "shop-test-hello")

    said = take_down(world, Asked(environment="test", service="hello"))

    assert said == ["  test: stack shop-test-hello", "  test: log group /aws/lambda/shop-test-hello-HelloFunction"]


def test_an_environment() -> None:
    """After an environment was taken down the other runs on, and tooling has what that one needs."""
    world = everything()

    take_down(world, Asked(environment="test"))

    assert {stack for _, stack in world.stacks} == {"shop-prod-hello"}
    assert set(world.running) == {"shop-prod-hello-HelloFunction"}
    assert "shop-deployer-test" not in {stack for _, stack in world.account_stacks}
    assert {stack for _, stack in world.account_stacks} >= {"shop-deployer-prod", "shop-account-prod"}
    assert f"environments/{TEST}/1" not in world.buckets[BUCKET]
    assert f"environments/{PROD}/1" in world.buckets[BUCKET]
    assert world.repositories == {"shop/hello/hellofunction", "shop/hello-world/hellofunction"}


def test_what_names_an_environment_goes_before_its_deployer() -> None:
    """What names an environment is updated while the deployer that it names is still there."""
    world = everything()

    take_down(world, Asked(environment="test"))

    calls = [
        call for call in world.calls if call in {"forget", "delete shop-deployer-test", "delete shop-account-test"}
    ]
    assert calls == ["delete shop-account-test", "forget", "delete shop-deployer-test"]


def test_a_service() -> None:
    """After a service was taken down one of a longer name has its stack, its logs, its images and its records."""
    world = everything()

    take_down(world, Asked(service="hello"))

    assert {stack for _, stack in world.stacks} == {"shop-test-hello-world"}
    assert world.logs[TEST] == {"/aws/lambda/shop-test-hello-world-HelloFunction"}
    assert world.repositories == {"shop/hello-world/hellofunction"}
    assert [file for file in world.buckets[BUCKET] if "hello" in file] == [
        "builds/hello-world/1.json",
        "packages/hello-world/1.json",
    ]
    assert {stack for _, stack in world.account_stacks if "repository" in stack} == {
        "shop-repository-hello-world-hellofunction"
    }


def test_a_bucket_of_a_service() -> None:
    """A bucket that goes with its service's stack is emptied first, with every version of its files."""
    world = World()
    run(world, TEST, "shop-test-hello")
    give_bucket(world, TEST, "shop-test-hello", "a", "a")

    take_down(world, Asked(environment="test", service="hello"))

    assert (world.buckets, world.stacks) == ({}, {})


def test_protected_stacks() -> None:
    """A protected stack that is to go is no more protected first."""
    world = World()
    run(world, PROD, "shop-prod-hello", protected=True)

    take_down(world, Asked(environment="prod", service="hello"))

    assert world.calls[:2] == ["protect shop-prod-hello False", "delete shop-prod-hello"]
    assert world.stacks == {}


class Scheduled(World):
    """A world in which hello's function is called once more, and logs, before its stack is deleted."""

    def call(self, name: str) -> None:
        """Note a call, and have the function log."""
        super().call(name)
        if name == "delete shop-test-hello":
            self.logs[TEST].add("/aws/lambda/shop-test-hello-HelloFunction")


def test_a_function_that_is_called_meanwhile() -> None:
    """What a function logs until its stack is deleted goes as well: the log group goes after the stack."""
    world = Scheduled()
    run(world, TEST, "shop-test-hello")

    take_down(world, Asked(service="hello"))

    assert (world.stacks, world.logs) == ({}, {TEST: set()})


def test_the_key_goes_last() -> None:
    """Where a bucket cannot be deleted the key is not doomed, and the next run finds it though its stack is gone."""
    world = everything()
    world.fails["delete bucket"] = StackError("deleting it", "BucketNotEmpty")

    with pytest.raises(StackError):
        take_down(world, Asked(everything=True))
    doomed_by_the_first, world.fails = set(world.doomed), {}
    take_down(world, Asked(everything=True))

    assert (doomed_by_the_first, world.doomed) == (set(), {"1"})
    assert world.calls[-1] == "delete key 1"


def test_a_stack_that_is_gone_already() -> None:
    """What somebody else took down meanwhile is no error."""
    world, settings = World(), some_settings()
    run(world, TEST, "shop-test-hello")
    accounts = opened(world, settings)
    removals = destroy.plan(destroy.choose(settings, Asked(service="hello")), settings, accounts)
    world.stacks.clear()

    destroy.apply(removals, settings, accounts, lambda: None, lambda _: None)

    assert "delete shop-test-hello" not in world.calls


@pytest.mark.parametrize("asked", [Asked(service="hello"), Asked(everything=True)])
def test_an_image_that_somebody_runs(asked: Asked) -> None:
    """Images that a function of some environment still runs are never deleted, and nothing after them is."""
    world = everything()
    world.running["shop-prod-hello-HelloFunction"] = a_digest()
    world.stacks.pop((PROD, StackName("shop-prod-hello")))

    with pytest.raises(GateError) as caught:
        take_down(world, asked)

    assert str(caught.value) == (
        "error: deleting the repository shop/hello/hellofunction\n"
        "  answer: shop-prod-hello-HelloFunction in prod runs an image of it\n"
        "  next: destroy that service's stack first"
    )
    assert "shop/hello/hellofunction" in world.repositories
    assert (TOOLING, StackName("shop-repository-hello-hellofunction")) in world.account_stacks


def test_images_are_seen_where_accounts_are_open() -> None:
    """Only environments whose accounts are open can be asked what they run."""
    world, settings = publish(stand(World(), None, SERVICES), "hello"), some_settings()
    world.running["shop-prod-hello-HelloFunction"] = a_digest()
    accounts = opened(world, settings, TOOLING, TEST)
    scope = dataclasses.replace(
        destroy.choose(settings, Asked(service="hello")), environments=settings.environments[:1]
    )

    destroy.apply(destroy.plan(scope, settings, accounts), settings, accounts, lambda: None, lambda _: None)

    assert world.repositories == set()


def test_a_failure_ends_it() -> None:
    """Where something cannot be taken down, nothing after it is."""
    world = everything()
    world.fails["delete shop-account-test"] = StackError("deleting it", "DELETE_FAILED")

    with pytest.raises(StackError):
        take_down(world, Asked(everything=True))

    assert (TEST, StackName("shop-account-test")) in world.account_stacks
    assert world.repositories == {"shop/hello/hellofunction", "shop/hello-world/hellofunction"}
    assert world.calls[-1] == "delete shop-account-test"


def test_what_is_left() -> None:
    """What is left is told by account: stacks, roles, logs, buckets, repositories, keys; of other projects nothing."""
    mine, other = "Encrypts the releases and images of shop", "Encrypts the releases and images of store"
    world = publish(World(keys={"1": mine, "2": other, "3": mine}, doomed={"1"}), "hello")
    world.logs[TOOLING] = {"/aws/codebuild/shop-build", "/aws/codebuild/store-build"}
    run(world, TEST, "shop-test-hello")
    run(world, TEST, "store-test-hello")
    world.policies[f"arn:aws:iam::{PROD}:role/shop-execution-prod"] = {}
    world.policies[f"arn:aws:iam::{PROD}:role/store-execution-prod"] = {}
    world.repositories.add("store/hello/hellofunction")

    found = left(world)

    assert found == (
        "tooling: log group /aws/codebuild/shop-build",
        f"tooling: bucket {BUCKET}",
        f"tooling: bucket shop-logs-{TOOLING}-eu-west-1",
        "tooling: repository shop/hello/hellofunction",
        "tooling: key 1 until 2026-01-08",
        "tooling: key 3",
        "test: stack shop-test-hello",
        "test: log group /aws/lambda/shop-test-hello-HelloFunction",
        "prod: role shop-execution-prod",
    )


class Refusing:
    """An AWS service that this administrator may not use at all."""

    def __getattr__(self, asked: str) -> object:
        """Refuse whatever is asked."""
        raise IdentityError(f"asking for {asked}", "AccessDenied")


def test_what_is_left_of_an_environment() -> None:
    """An environment's administrator is not asked for buckets, repositories or keys, which only tooling has."""
    world, settings, refusing = World(), some_settings(), cast("Any", Refusing())
    run(world, TEST, "shop-test-hello")
    accounts = opened(world, settings)
    narrow = dataclasses.replace(accounts[TEST], buckets=refusing, repositories=refusing, keys=refusing)

    found = destroy.left(settings, accounts | {TEST: narrow})

    assert found == ("test: stack shop-test-hello", "test: log group /aws/lambda/shop-test-hello-HelloFunction")


def test_nothing_is_left() -> None:
    """Where nothing of the project is in the accounts, nothing is told."""
    found = left(World(logs={TEST: {"/aws/lambda/other"}}))

    assert found == ()


def test_an_environment_of_a_like_name() -> None:
    """Taking down test leaves test2 as it was."""
    settings = some_settings(SETTINGS.replace('name = "prod"', 'name = "test2"'))
    world = stand(World(), settings)
    run(world, TEST, "shop-test-hello")
    run(world, PROD, "shop-test2-hello")

    take_down(world, Asked(environment="test"), settings)

    assert {stack for _, stack in world.stacks} == {"shop-test2-hello"}
    assert world.logs[PROD] == {"/aws/lambda/shop-test2-hello-HelloFunction"}
    assert {stack for _, stack in world.account_stacks if "test" in stack} == {
        "shop-account-test2",
        "shop-deployer-test2",
    }
