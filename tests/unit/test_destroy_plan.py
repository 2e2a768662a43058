"""What there is to take down, in which order, and what is never mixed up with it."""

from __future__ import annotations

import dataclasses

import pytest

from lockstep import destroy
from lockstep.destroy import Asked, Scope
from lockstep.errors import ConfigError
from lockstep.model import StackName
from lockstep.names import branch_slug
from lockstep.settings import Settings
from lockstep.testing import PROD, SETTINGS, TEST, TOOLING, FakeAccountStacks, World, a_service, some_settings
from tests.unit.standing import BUCKET, opened, publish, run, stand

BOTH = some_settings().environments
ALONE = some_settings(SETTINGS[: SETTINGS.rindex("[[environments]]")])
MAIN = f"shop-test-hello--{branch_slug('main')}"
SERVICES = (a_service("hello"), a_service("hello-world"))


def planned(world: World, asked: Asked, settings: Settings | None = None) -> list[str]:
    """Say what is to be taken down of a world, in its order."""
    known = settings or some_settings()
    return [str(one) for one in destroy.plan(destroy.choose(known, asked), known, opened(world, known))]


def everything(settings: Settings | None = None) -> World:
    """Return a world in which hello and hello-world run in test, hello also as a branch, and hello in prod."""
    world = publish(stand(World(), settings, SERVICES), "hello", "hello-world")
    for stack in ("shop-test-hello", "shop-test-hello-world", MAIN):
        run(world, TEST, stack)
    run(world, PROD, "shop-prod-hello")
    return world


@pytest.mark.parametrize(
    ("asked", "answer", "cure"),
    [
        (Asked(), "nothing is named", "give --env, --service, --branch or --all"),
        (
            Asked(everything=True, environment="test"),
            "--all leaves nothing to choose",
            "give --all alone, or leave it out",
        ),
        (
            Asked(everything=True, service="hello"),
            "--all leaves nothing to choose",
            "give --all alone, or leave it out",
        ),
        (Asked(everything=True, branch="main"), "--all leaves nothing to choose", "give --all alone, or leave it out"),
        (Asked(environment=""), "a name is empty", "give it, or leave its flag out"),
        (Asked(environment="", service="hello"), "a name is empty", "give it, or leave its flag out"),
        (Asked(environment="test", service=""), "a name is empty", "give it, or leave its flag out"),
        (Asked(service="hello", branch=""), "a name is empty", "give it, or leave its flag out"),
    ],
)
def test_what_is_refused(asked: Asked, answer: str, cure: str) -> None:
    """Taking down takes a choice, and no part of it may be empty or more than it can be."""
    with pytest.raises(ConfigError) as caught:
        destroy.choose(some_settings(), asked)

    assert (caught.value.tried, caught.value.answer, caught.value.cure) == ("choosing what to destroy", answer, cure)


def test_the_only_environment() -> None:
    """The only environment of a project goes with all of it, since the rest is of no use without one."""
    with pytest.raises(ConfigError) as caught:
        destroy.choose(ALONE, Asked(environment="test"))

    assert (caught.value.answer, caught.value.cure) == ("test is the only environment", "invoke destroy --all")


def test_an_unknown_environment() -> None:
    """An environment that the settings do not name is refused with the nearest that they do."""
    with pytest.raises(ConfigError) as caught:
        destroy.choose(some_settings(), Asked(environment="tset", service="hello"))

    assert caught.value.cure == "did you mean 'test'?"


@pytest.mark.parametrize(
    ("asked", "scope"),
    [
        (Asked(everything=True), Scope(BOTH, everything=True)),
        (Asked(environment="test"), Scope(BOTH[:1], is_everywhere=False)),
        (Asked(service="hello"), Scope(BOTH, service="hello")),
        (Asked(branch="main"), Scope(BOTH, branch="main")),
        (
            Asked(environment="prod", service="hello", branch="main"),
            Scope(BOTH[1:], service="hello", branch="main", is_everywhere=False),
        ),
    ],
)
def test_what_is_chosen(asked: Asked, scope: Scope) -> None:
    """A service or a branch goes everywhere, or in the environment that is named with it."""
    found = destroy.choose(some_settings(), asked)

    assert found == scope


def test_a_service_in_the_only_environment() -> None:
    """A service may be taken down in the only environment of a project."""
    found = destroy.choose(ALONE, Asked(environment="test", service="hello"))

    assert found == Scope(ALONE.environments, service="hello", is_everywhere=False)


def test_everything_there_is() -> None:
    """All goes in this order: services, each before its logs, accounts, images, roles, buckets, and the key last."""
    found = planned(everything(), Asked(everything=True))

    assert found == [
        "test: stack shop-test-hello",
        "test: log group /aws/lambda/shop-test-hello-HelloFunction",
        "test: stack shop-test-hello-world",
        "test: log group /aws/lambda/shop-test-hello-world-HelloFunction",
        f"test: stack {MAIN}",
        f"test: log group /aws/lambda/{MAIN}-HelloFunction",
        "prod: stack shop-prod-hello",
        "prod: log group /aws/lambda/shop-prod-hello-HelloFunction",
        "test: stack shop-account-test",
        "prod: stack shop-account-prod",
        "tooling: repository with its images shop/hello/hellofunction",
        "tooling: stack shop-repository-hello-hellofunction",
        "tooling: repository with its images shop/hello-world/hellofunction",
        "tooling: stack shop-repository-hello-world-hellofunction",
        "tooling: stack shop-deployer-test",
        "tooling: stack shop-deployer-prod",
        "tooling: stack shop-tooling-roles",
        "tooling: stack shop-tooling-resources",
        f"tooling: files {BUCKET}/*",
        f"tooling: bucket {BUCKET}",
        f"tooling: files shop-logs-{TOOLING}-eu-west-1/*",
        f"tooling: bucket shop-logs-{TOOLING}-eu-west-1",
        "tooling: key 1",
    ]


def test_an_environment() -> None:
    """An environment goes with its services, account, files, what names it and its deployer; nothing else does."""
    found = planned(everything(), Asked(environment="prod"))

    assert found == [
        "prod: stack shop-prod-hello",
        "prod: log group /aws/lambda/shop-prod-hello-HelloFunction",
        "prod: stack shop-account-prod",
        f"tooling: files {BUCKET}/environments/{PROD}/*",
        "tooling: rights of prod",
        "tooling: stack shop-deployer-prod",
    ]


def test_a_service() -> None:
    """A service goes with its branches, its images and the records of its builds, and leaves one of a longer name."""
    found = planned(everything(), Asked(service="hello"))

    assert found == [
        "test: stack shop-test-hello",
        "test: log group /aws/lambda/shop-test-hello-HelloFunction",
        f"test: stack {MAIN}",
        f"test: log group /aws/lambda/{MAIN}-HelloFunction",
        "prod: stack shop-prod-hello",
        "prod: log group /aws/lambda/shop-prod-hello-HelloFunction",
        "tooling: repository with its images shop/hello/hellofunction",
        "tooling: stack shop-repository-hello-hellofunction",
        f"tooling: files {BUCKET}/builds/hello/*",
        f"tooling: files {BUCKET}/packages/hello/*",
    ]


def test_a_service_of_a_longer_name() -> None:
    """A service whose name begins like another's goes alone."""
    found = planned(everything(), Asked(service="hello-world"))

    assert [line for line in found if "hello-world" not in line] == []
    assert len(found) == 6


def test_a_service_in_one_environment() -> None:
    """A service in one environment keeps its images, since the others run them."""
    found = planned(everything(), Asked(environment="prod", service="hello"))

    assert found == [
        "prod: stack shop-prod-hello",
        "prod: log group /aws/lambda/shop-prod-hello-HelloFunction",
    ]


@pytest.mark.parametrize(
    "asked", [Asked(branch="main"), Asked(service="hello", branch="main"), Asked(environment="test", branch="main")]
)
def test_a_branch(asked: Asked) -> None:
    """A branch goes alone: the stack of its service stays, and so do the images."""
    found = planned(everything(), asked)

    assert found == [f"test: stack {MAIN}", f"test: log group /aws/lambda/{MAIN}-HelloFunction"]


def test_environments_of_like_names() -> None:
    """An environment whose name begins like another's is left alone."""
    settings = some_settings(SETTINGS.replace('name = "prod"', 'name = "test2"'))
    world = stand(World(), settings)
    for account in (TEST, PROD):
        run(world, account, "shop-test-hello")
        run(world, account, "shop-test2-hello")

    found = planned(world, Asked(environment="test"), settings)

    assert [line for line in found if "test2" in line or "tooling: stack shop-deployer-test" in line] == [
        "tooling: stack shop-deployer-test"
    ]


def test_what_is_protected() -> None:
    """A protected stack is said to be so."""
    settings = some_settings(SETTINGS + "protect = true\n")
    world = stand(World(), settings)
    run(world, PROD, "shop-prod-hello", protected=True)

    found = planned(world, Asked(environment="prod"), settings)

    assert [line for line in found if "protected" in line] == [
        "prod: stack shop-prod-hello, which is protected",
        "prod: stack shop-account-prod, which is protected",
        "tooling: stack shop-deployer-prod, which is protected",
    ]


def test_logs_without_a_function() -> None:
    """A stack whose functions never logged has no log group to be taken down."""
    world = World()
    run(world, TEST, "shop-test-hello")
    world.logs.clear()

    found = planned(world, Asked(environment="test", service="hello"))

    assert found == ["test: stack shop-test-hello"]


class Stale(FakeAccountStacks):
    """Stacks of an account whose list still has one that is gone."""

    def names(self) -> tuple[StackName, ...]:
        """Every stack that is there, and one more."""
        return (StackName("shop-test-hello--gone"), *super().names())


def test_a_stack_that_goes_meanwhile() -> None:
    """A stack that is gone by the time it is looked at is not to be taken down."""
    world, settings = World(), some_settings()
    run(world, TEST, "shop-test-hello")
    accounts = opened(world, settings)
    accounts[TEST] = dataclasses.replace(accounts[TEST], stacks=Stale(world, TEST))

    found = destroy.plan(destroy.choose(settings, Asked(environment="test", service="hello")), settings, accounts)

    assert [one.name for one in found] == ["shop-test-hello", "/aws/lambda/shop-test-hello-HelloFunction"]


@pytest.mark.parametrize(
    "asked",
    [
        Asked(everything=True),
        Asked(environment="test"),
        Asked(service="hello"),
        Asked(branch="main"),
        Asked(environment="test", service="hello", branch="main"),
    ],
)
def test_nothing_is_there(asked: Asked) -> None:
    """Where nothing was ever made there is nothing to take down."""
    found = planned(World(), asked)

    assert found == []
