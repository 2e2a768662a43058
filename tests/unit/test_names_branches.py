"""What the stacks of feature branches are called, and whose a stack or a log is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import names
from lockstep.testing import some_names

STACK = r"[a-zA-Z][-a-zA-Z0-9]{0,127}"
ENVIRONMENTS = st.from_regex("[a-z][a-z0-9]{1,9}", fullmatch=True)
SERVICES = st.from_regex("[a-z](-?[a-z0-9]){0,15}", fullmatch=True)
BRANCHES = st.text(min_size=1, max_size=40) | st.from_regex("[a-zA-Z/._-]{1,40}", fullmatch=True)


@pytest.mark.parametrize(
    ("branch", "slug"),
    [
        ("feature/login", "feature-login-df7c7aeb"),
        ("featurelogin", "featurelogin-e4a9304c"),
        ("Feature/Login", "feature-login-1ce27709"),
        ("a-very-long-name-of-a-branch", "a-very-long-name-of-3b6f2c0d"),
        ("--x--y--", "x-y-9038de3e"),
        ("日本", "cf2abf0c"),
    ],
)
def test_a_branch_as_part_of_a_name(branch: str, slug: str) -> None:
    """A branch is known by its words, as far as a name takes them, and by a hash that no other branch has."""
    found = names.branch_slug(branch)

    assert found == slug


def test_the_stack_of_a_branch() -> None:
    """A branch's stack is called after the service that it is of."""
    found = some_names().service_stack("test", "hello", "main")

    assert found == f"shop-test-hello--{names.branch_slug('main')}"


@pytest.mark.parametrize(
    ("stack", "environment", "service", "branch", "is_one"),
    [
        ("shop-test-hello", "test", "", "", True),
        ("shop-test-hello", "test", "hello", "", True),
        ("shop-test-hello", "test", "hell", "", False),
        ("shop-test-hello-world", "test", "hello", "", False),
        ("shop-test-hello-world", "test", "hello-world", "", True),
        ("shop-test-hello", "test2", "", "", False),
        ("shop-test2-hello", "test", "", "", False),
        ("shop-test2-hello", "test2", "hello", "", True),
        ("store-test-hello", "test", "", "", False),
        ("shop-account-test", "test", "", "", False),
        ("shop-test-hello", "test", "", "main", False),
        (f"shop-test-hello--{names.branch_slug('main')}", "test", "", "", True),
        (f"shop-test-hello--{names.branch_slug('main')}", "test", "hello", "", True),
        (f"shop-test-hello--{names.branch_slug('main')}", "test", "", "main", True),
        (f"shop-test-hello--{names.branch_slug('main')}", "test", "hello", "main", True),
        (f"shop-test-hello--{names.branch_slug('main')}", "test", "orders", "main", False),
        (f"shop-test-hello--{names.branch_slug('main')}", "test", "hello", "other", False),
        (f"shop-test-hello-world--{names.branch_slug('main')}", "test", "hello", "main", False),
    ],
)
def test_whose_a_stack_is(stack: str, environment: str, service: str, branch: str, is_one: bool) -> None:
    """A stack is that of one environment, service and branch, and of none whose name it merely begins with."""
    found = some_names().is_service_stack(stack, environment, service, branch)

    assert found is is_one


@pytest.mark.parametrize(
    ("stack", "service", "is_one"),
    [
        ("shop-repository-hello-hellofunction", "", True),
        ("shop-repository-hello-hellofunction", "hello", True),
        ("shop-repository-hello-world-hellofunction", "hello", False),
        ("shop-repository-hello-world-hellofunction", "hello-world", True),
        ("shop-repository-hello-hellofunction", "hello-hellofunction", False),
        ("shop-deployer-test", "", False),
        ("store-repository-hello-hellofunction", "", False),
    ],
)
def test_whose_a_repository_is(stack: str, service: str, is_one: bool) -> None:
    """A repository's stack is that of one service, and of none whose name it merely begins with."""
    found = some_names().is_repository_stack(stack, service)

    assert found is is_one


def test_what_a_repository_s_stack_holds() -> None:
    """A repository's stack tells by its name which repository it holds."""
    shop = some_names()

    found = [shop.repository_of(shop.repository_stack(service, "Api")) for service in ("hello", "hello-world")]

    assert found == [shop.repository("hello", "Api"), shop.repository("hello-world", "Api")]


@pytest.mark.parametrize(
    ("function", "stack"),
    [
        ("shop-test-hello-HelloFunction-1A2b3C", "shop-test-hello"),
        ("shop-test-hello-world-HelloFunction-1A2b3C", "shop-test-hello-world"),
        ("shop-test-hello-helloFunction-1a2b3c", "shop-test-hello"),
        (f"shop-test-hello--{names.branch_slug('main')}-F-1A", f"shop-test-hello--{names.branch_slug('main')}"),
        ("shop-test-cron", ""),
        ("HelloFunction", ""),
    ],
)
def test_the_stack_in_a_function_s_name(function: str, stack: str) -> None:
    """A function's name tells its stack, whatever hyphens that has, by the logical id that comes after it."""
    found = some_names().stack_of(function)

    assert found == stack


def test_logs() -> None:
    """A function logs below /aws/lambda, builds and deployments below /aws/codebuild."""
    shop = some_names()

    found = [shop.function_log("shop-test-hello-Hello-1"), shop.job_logs, shop.key_description]

    assert found == [
        "/aws/lambda/shop-test-hello-Hello-1",
        "/aws/codebuild/shop-",
        "Encrypts the releases and images of shop",
    ]


@given(ENVIRONMENTS, SERVICES, BRANCHES)
def test_every_branch_has_a_name(environment: str, service: str, branch: str) -> None:
    """Whatever a branch is called, CloudFormation takes the name of its stack."""
    found = some_names().service_stack(environment, service, branch)

    assert re.fullmatch(STACK, found)


@given(SERVICES, st.lists(BRANCHES, min_size=2, max_size=2, unique=True))
def test_two_branches(service: str, branches: list[str]) -> None:
    """No two branches share the name of a stack."""
    one, other = (some_names().service_stack("test", service, branch) for branch in branches)

    assert one != other


@given(SERVICES, SERVICES, BRANCHES)
def test_a_branch_is_no_other_service(service: str, other: str, branch: str) -> None:
    """The stack of a branch is neither the stack of any service nor that of another service's branch."""
    shop = some_names()

    stack = shop.service_stack("test", service, branch)

    assert stack != shop.service_stack("test", other)
    assert shop.is_service_stack(stack, "test", other) is (service == other)
    assert shop.is_service_stack(stack, "test", service, branch)
