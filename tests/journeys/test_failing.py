"""Deployments that fail on the way: what was done, what failed, what was not started, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockstep.errors import DeployError, IdentityError
from lockstep.model import Digest
from lockstep.testing import a_digest
from tests.journeys.terminal import made, text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

ROLLED_BACK = DeployError(
    "deploying shop-test-orders in account 222222222222, eu-west-1",
    "CREATE_FAILED AWS::IAM::Role OrdersRole: AccessDenied",
    "invoke status",
)


def test_the_second_of_two_services_fails(two: Terminal) -> None:
    """Where sam fails for one service, what was done stays, the rest is named as not started, nothing is tested."""
    two.release()
    two.changes()
    two.world.fails["sam deploy shop-test-orders"] = ROLLED_BACK

    seen = two.invoke("deploy", "--env", "test")

    release = two.release()[:12]
    assert seen == (
        6,
        text(
            "AWS: a fake one",
            "hello: nothing changed since it was built",
            "orders: nothing changed since it was built",
            f"Plan for test, release {release}:",
            "  be arn:aws:iam::222222222222:role/shop-deploy-test in account 222222222222",
            "  create    shop-test-hello: it is not there yet",
            "  create    shop-test-orders: it is not there yet",
            "  smoke     shop-test-hello: greets",
            "  smoke     shop-test-orders: greets",
            *made("test"),
            *made("test", "orders"),
            "hello: create shop-test-hello in test (it is not there yet)",
            "  CREATE_COMPLETE shop-test-hello",
            "orders: create shop-test-orders in test (it is not there yet)",
            "hello: created in test (1.0 s)",
            "orders: failed in test (1.0 s)",
            "not started: smoke shop-test-hello: greets",
            "not started: smoke shop-test-orders: greets",
            f"test was not brought to release {release}.",
        ),
        text(
            "error: deploying shop-test-orders in account 222222222222, eu-west-1",
            "  answer: CREATE_FAILED AWS::IAM::Role OrdersRole: AccessDenied",
            "  next: invoke status",
        ),
    )
    assert two.changes() == ["sam deploy shop-test-hello", "sam deploy shop-test-orders"]
    assert [stack for _, stack in two.world.stacks] == ["shop-test-hello"]


def test_the_first_of_two_services_fails(two: Terminal) -> None:
    """Where sam fails for the first service, the second is named as not started."""
    two.world.fails["sam deploy shop-test-hello"] = ROLLED_BACK

    seen = two.invoke("deploy", "--env", "test")

    assert (seen.code, seen.out.splitlines()[-5:]) == (
        6,
        [
            "hello: failed in test (1.0 s)",
            "not started: create shop-test-orders: it is not there yet",
            "not started: smoke shop-test-hello: greets",
            "not started: smoke shop-test-orders: greets",
            f"test was not brought to release {two.release()[:12]}.",
        ],
    )
    assert two.environments() == ({}, {})


def test_the_next_run_goes_on(two: Terminal) -> None:
    """After a failure the same command leaves what is done as it is and does the rest."""
    two.world.fails["sam deploy shop-test-orders"] = ROLLED_BACK
    two.invoke("deploy", "--env", "test")
    two.world.fails.clear()

    seen = two.invoke("deploy", "--env", "test", "--json")

    assert seen.document["services"] == [
        {"name": "hello", "result": "unchanged", "seconds": 1.0},
        {"name": "orders", "result": "created", "seconds": 1.0},
    ]


def test_a_failure_as_json(two: Terminal) -> None:
    """With --json a failed deployment is a document still, and the error is on stderr."""
    two.world.fails["sam deploy shop-test-orders"] = ROLLED_BACK

    seen = two.invoke("deploy", "--env", "test", "--json")

    assert (seen.code, seen.document) == (
        6,
        {
            "target": "aws",
            "environment": "test",
            "release": two.release(),
            "services": [
                {"name": "hello", "result": "created", "seconds": 1.0},
                {"name": "orders", "result": "failed", "seconds": 1.0},
            ],
            "smoke": [],
        },
    )
    assert seen.err.splitlines()[-3:] == [
        "error: deploying shop-test-orders in account 222222222222, eu-west-1",
        "  answer: CREATE_FAILED AWS::IAM::Role OrdersRole: AccessDenied",
        "  next: invoke status",
    ]


def test_a_smoke_test_fails(terminal: Terminal) -> None:
    """A failed smoke test ends with exit code 6 and says how the answer differs, though the stack is deployed."""
    terminal.release()
    terminal.world.answers["shop-test-hello-HelloFunction"] = {"statusCode": 500, "body": "{}"}

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, seen.out.splitlines()[-3:], seen.err) == (
        6,
        [
            "hello: created in test (1.0 s)",
            "hello: smoke test 'greets' FAILED",
            f"test runs release {terminal.release()[:12]}, but not every smoke test passed.",
        ],
        text(
            "error: smoke test 'greets' of hello in test",
            "  answer: answer.statusCode is 500, expected 200",
            "  next: mend the service or its smoke.json; to repeat the test: invoke smoke --env test",
        ),
    )


def test_a_failed_smoke_test_as_json(terminal: Terminal) -> None:
    """With --json a failed smoke test is in the document, and how the answer differs is on stderr."""
    terminal.world.answers["shop-test-hello-HelloFunction"] = {"statusCode": 500, "body": "{}"}

    seen = terminal.invoke("deploy", "--env", "test", "--json")

    assert seen.code == 6
    assert seen.document["services"] == [{"name": "hello", "result": "created", "seconds": 1.0}]
    assert seen.document["smoke"] == [{"service": "hello", "name": "greets", "passed": False}]
    assert seen.err.splitlines()[-2] == "  answer: answer.statusCode is 500, expected 200"


def test_a_function_that_cannot_be_called(two: Terminal) -> None:
    """A function that AWS does not let be called fails its test with its own exit code, after all was reported."""
    two.world.fails["invoke shop-test-hello"] = IdentityError("invoking HelloFunction", "AccessDenied")

    seen = two.invoke("deploy", "--env", "test", "--json")

    assert (seen.code, seen.document["smoke"]) == (
        3,
        [
            {"service": "hello", "name": "greets", "passed": False},
            {"service": "orders", "name": "greets", "passed": True},
        ],
    )
    assert seen.err.splitlines()[-2] == "  answer: invoking HelloFunction: AccessDenied"


class Stubborn(dict[str, Digest]):
    """Functions that keep running what they ran, whatever is deployed."""

    def __setitem__(self, function: str, digest: Digest) -> None:
        """Keep the digest that is there."""


def test_another_digest_runs_afterwards(terminal: Terminal) -> None:
    """A deployment after which a function runs another digest than the release names has failed, with exit code 6."""
    terminal.release()
    terminal.world.running = Stubborn({"shop-test-hello-HelloFunction": a_digest("older")})

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, seen.out.splitlines()[-3:], seen.err) == (
        6,
        [
            "hello: failed in test (1.0 s)",
            "not started: smoke shop-test-hello: greets",
            f"test was not brought to release {terminal.release()[:12]}.",
        ],
        text(
            "error: verifying shop-test-hello after its deployment",
            "  answer: HelloFunction does not run the digest that the release names",
            "  next: invoke status",
        ),
    )
