"""Integration tests: `integration` runs those of each service against what is deployed, and records nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockstep.names import branch_slug
from lockstep.ports import Suite
from lockstep.testing import FakeSuites, FakeWiring, a_digest, a_service
from tests.journeys.terminal import Outside, text

if TYPE_CHECKING:
    from lockstep.model import SuiteOutcome
    from lockstep.ports import Releases, Say, Target
    from tests.journeys.terminal import Terminal

HELLO, ORDERS = (a_service(name, has_integration=True) for name in ("hello", "orders"))
BRANCH = "feature/login"


@pytest.fixture
def tested(terminal: Terminal) -> Terminal:
    """A terminal in a working tree whose service hello has integration tests; it is deployed to test."""
    terminal.services = (HELLO,)
    terminal.invoke("deploy", "--env", "test")
    terminal.changes()
    return terminal


def test_what_is_deployed_is_tested(tested: Terminal) -> None:
    """Integration tests are told stack, outputs and functions, what they print is shown, and that they passed."""
    seen = tested.invoke("integration", "--env", "test")

    assert seen == (
        0,
        text(
            "AWS: a fake one",
            "hello: integration tests against shop-test-hello",
            "  test_hello.py::test_hello PASSED",
            "hello: integration tests passed: 1 passed in 0.01s",
        ),
        "",
    )
    told = 'shop-test-hello {"Environment": "test"} {"HelloFunction": "shop-test-hello-HelloFunction"}'
    assert tested.changes() == [f"integration tests of hello in test: {told}"]


def test_nothing_is_recorded(tested: Terminal) -> None:
    """Integration tests prove no release: what is recorded of an environment is the same before and after."""
    before = dict(tested.world.files)

    tested.invoke("integration", "--env", "test")

    assert tested.world.files == before


def test_as_json(tested: Terminal) -> None:
    """With --json stdout holds one document, and what the tests print goes to stderr with the other words."""
    seen = tested.invoke("integration", "--env", "test", "--json")

    assert seen.document == {
        "target": "aws",
        "environment": "test",
        "integration": [
            {
                "service": "hello",
                "passed": True,
                "summary": "1 passed in 0.01s",
                "report": "reports/integration-test-hello.xml",
            }
        ],
    }
    assert "  test_hello.py::test_hello PASSED" in seen.err


def test_tests_that_fail(two: Terminal) -> None:
    """A failing test ends with 6 and names service and report; the tests of the other services run all the same."""
    two.services = (HELLO, ORDERS)
    two.invoke("deploy", "--env", "test")
    two.world.failing["hello"] = "1 failed in 0.02s"

    seen = two.invoke("integration", "--env", "test")

    assert (seen.code, seen.out.splitlines()[-2:]) == (
        6,
        ["hello: integration tests FAILED: 1 failed in 0.02s", "orders: integration tests passed: 1 passed in 0.01s"],
    )
    assert seen.err == text(
        "error: integration tests of hello in test",
        "  answer: 1 failed in 0.02s",
        "  next: read reports/integration-test-hello.xml; to repeat: invoke integration --env test --service hello",
    )


def test_services_without_tests_are_left_out(two: Terminal) -> None:
    """Only services with integration tests are asked for: another one need not be deployed."""
    two.services = (HELLO, a_service("orders"))
    two.invoke("deploy", "--env", "test", "--service", "hello")
    two.changes()

    seen = two.invoke("integration", "--env", "test")

    assert (seen.code, seen.err) == (0, "")
    assert ["of hello" in call for call in two.changes()] == [True]


def test_no_service_with_tests(terminal: Terminal) -> None:
    """Where no service has integration tests, that is said, a report says it too, and the task ends well."""
    seen = terminal.invoke("integration", "--env", "test")

    assert seen == (0, text("AWS: a fake one", "Nothing was tested: no service has a folder integration/."), "")
    assert terminal.changes() == ["a report of test that no service has a folder integration/"]


def test_a_named_service_without_tests(two: Terminal) -> None:
    """A service that is named and has no integration tests is an error of usage, before any account is asked."""
    two.services = (HELLO, a_service("orders"))

    seen = two.invoke("integration", "--env", "test", "--service", "orders")

    assert seen == (
        2,
        text("AWS: a fake one"),
        text(
            "error: integration-testing orders",
            "  answer: there is no folder services/orders/integration",
            "  next: add tests there, or leave --service out",
        ),
    )


def test_what_is_not_deployed(terminal: Terminal) -> None:
    """A service with integration tests that does not run there ends with 6, as for smoke tests."""
    terminal.services = (HELLO,)

    seen = terminal.invoke("integration", "--env", "test")

    assert seen == (
        6,
        text("AWS: a fake one"),
        text(
            "error: integration-testing test",
            "  answer: hello does not run there",
            "  next: invoke deploy --env test",
        ),
    )


def test_another_digest_than_the_release(tested: Terminal) -> None:
    """Where a function runs another image than its release names nothing is tested: exit code 9."""
    tested.world.running["shop-test-hello-HelloFunction"] = a_digest("another")

    seen = tested.invoke("integration", "--env", "test")

    assert seen.code == 9
    assert "HelloFunction of hello runs another image" in seen.err
    assert tested.changes() == []


class Meanwhile(FakeSuites):
    """Tests during which somebody else deploys."""

    def run(self, suite: Suite, say: Say) -> SuiteOutcome:
        """Change the stack's release, then pass."""
        where, state = next((key, state) for key, state in self.world.stacks.items() if key[1] == suite.stack)
        self.world.stacks[where] = replace(state, tags={**state.tags, "lockstep:release": "another"})
        return super().run(suite, say)


class Removing(FakeSuites):
    """Tests during which somebody removes every stack."""

    def run(self, suite: Suite, say: Say) -> SuiteOutcome:
        """Remove them, then pass."""
        self.world.stacks.clear()
        return super().run(suite, say)


class Busy(Outside):
    """An outside in which somebody else deploys while tests run."""

    suites: type[FakeSuites] = Meanwhile

    def deployer(self, environment: str) -> tuple[Releases, Target]:
        """Open it with such tests."""
        releases, target = FakeWiring.deployer(self, environment)
        return releases, replace(target, suites=self.suites(self.world, environment))


class Dwindling(Busy):
    """An outside in which somebody removes stacks while tests run."""

    suites = Removing


def test_a_deployment_meanwhile(tested: Terminal) -> None:
    """Where what runs was changed while the tests ran nobody knows what passed: exit code 8."""
    tested.outside = Busy

    seen = tested.invoke("integration", "--env", "test")

    assert seen.code == 8
    assert seen.err == text(
        "error: integration-testing test", "  answer: what runs there was changed meanwhile", "  next: repeat"
    )


def test_a_stack_that_goes_meanwhile(two: Terminal) -> None:
    """A stack that is removed while another service's tests run is told of, and its tests are not run: exit code 8."""
    two.services = (HELLO, ORDERS)
    two.invoke("deploy", "--env", "test")
    two.outside = Dwindling

    seen = two.invoke("integration", "--env", "test")

    assert (seen.code, seen.err) == (
        8,
        text(
            "error: integration-testing shop-test-orders",
            "  answer: it was removed meanwhile",
            "  next: invoke status",
        ),
    )


def test_a_feature_branch(tested: Terminal) -> None:
    """With --branch the stacks that a feature branch has beside the environment are tested, and no other."""
    missing = tested.invoke("integration", "--env", "test", "--branch", BRANCH)
    tested.invoke("deploy", "--env", "test", "--branch", BRANCH)
    tested.changes()

    seen = tested.invoke("integration", "--env", "test", "--branch", BRANCH)

    stack = f"shop-test-hello--{branch_slug(BRANCH)}"
    assert missing.err.splitlines()[1:] == [
        "  answer: hello does not run there",
        f"  next: invoke deploy --env test --branch {BRANCH}",
    ]
    assert (missing.code, seen.code) == (6, 0)
    assert [stack in call for call in tested.changes()] == [True]


def test_a_branch_without_a_name(tested: Terminal) -> None:
    """An empty --branch, as of a variable that is not set, is refused: the environment's own stacks are not meant."""
    seen = tested.invoke("integration", "--env", "test", "--branch=")

    assert (seen.code, tested.changes()) == (2, [])
    assert seen.err == text(
        "error: integration-testing a branch of test",
        "  answer: its name is empty",
        "  next: give it, or leave --branch out",
    )


def test_by_who_may_not(terminal: Terminal) -> None:
    """Who is no deployer of an environment may not test it: exit code 3."""
    terminal.services = (HELLO,)

    seen = terminal.invoke("integration", "--env", "prod")

    assert seen.code == 3
