"""Looking: `status` and `smoke` show what is, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.errors import IdentityError, LockstepError, UnavailableError
from lockstep.testing import a_service
from tests.journeys.terminal import Outside, text

if TYPE_CHECKING:
    from lockstep.ports import Target
    from tests.journeys.terminal import Terminal

DIGEST = "sha256:772eefccb53dfe1db992bab2518007d3a8579f06a448ed7478572860ddd82e0d"


def test_status_of_nothing(terminal: Terminal) -> None:
    """Before anything is deployed, status says so for each environment."""
    seen = terminal.invoke("status")

    assert seen == (
        0,
        text(
            "AWS: a fake one",
            "ENVIRONMENT  SERVICE  STACK         RELEASE  COMMIT  AGE  RUNS",
            "test         hello    not deployed  -        -       -    -",
            "prod         hello    not deployed  -        -       -    -",
        ),
        "",
    )


def test_status_of_what_runs(terminal: Terminal) -> None:
    """Status shows the stack, the release and the digest of each service in each environment."""
    terminal.invoke("deploy", "--env", "test")
    release = terminal.release()
    terminal.changes()

    seen = terminal.invoke("status")

    assert seen == (
        0,
        text(
            "AWS: a fake one",
            "ENVIRONMENT  SERVICE  STACK            RELEASE       COMMIT   AGE  RUNS",
            f"test         hello    CREATE_COMPLETE  {release[:12]}  c0ffee0  3 d  HelloFunction 772eefccb53d",
            "prod         hello    not deployed     -             -        -    -",
            "prod runs nothing of what test runs.",
        ),
        "",
    )
    assert terminal.changes() == []


def test_status_as_json(terminal: Terminal) -> None:
    """With --json status is one document, with an environment that runs nothing as null and empty."""
    terminal.invoke("deploy", "--env", "test")

    seen = terminal.invoke("status", "--json")

    release = terminal.invoke("release", "--json").document
    absent = dict.fromkeys(("stack_status", "release", "commit", "template_sha256", "changed"))
    assert (seen.document, seen.err) == (
        {
            "target": "aws",
            "environments": [
                {
                    "name": "test",
                    "account_id": "222222222222",
                    "release": release["release"],
                    "services": [
                        {
                            "name": "hello",
                            "stack_status": "CREATE_COMPLETE",
                            "release": release["release"],
                            "commit": "c0ffee" + "0" * 34,
                            "template_sha256": release["services"]["hello"]["template_sha256"],
                            "changed": "2025-12-29T00:00:00+00:00",
                            "images": {"HelloFunction": DIGEST},
                        }
                    ],
                },
                {
                    "name": "prod",
                    "account_id": "333333333333",
                    "release": None,
                    "services": [{"name": "hello", **absent, "images": {}}],
                },
            ],
            "notes": ["prod runs nothing of what test runs."],
        },
        text("AWS: a fake one"),
    )


class HalfOpen(Outside):
    """An outside in which the caller may not look at test."""

    def reader(self, environment: str, through: str | None = None) -> Target:
        """Open prod alone."""
        if environment == "test":
            raise IdentityError("assuming the status role of test", "AccessDenied", "invoke bootstrap")
        return super().reader(environment, through)


def test_status_of_what_may_not_be_seen(terminal: Terminal) -> None:
    """An environment that the caller may not look at is said to be so, the others are shown: exit code 3."""
    terminal.outside = HalfOpen

    seen = terminal.invoke("status")

    assert seen == (
        3,
        text(
            "AWS: a fake one",
            "ENVIRONMENT  SERVICE  STACK         RELEASE  COMMIT  AGE  RUNS",
            "test         -        not allowed   -        -       -    -",
            "prod         hello    not deployed  -        -       -    -",
        ),
        text("error: assuming the status role of test", "  answer: AccessDenied", "  next: invoke bootstrap"),
    )


def test_smoke_of_what_runs(terminal: Terminal) -> None:
    """Smoke calls each function that runs in an environment and says that it passed."""
    terminal.invoke("deploy", "--env", "test")
    terminal.changes()

    seen = terminal.invoke("smoke", "--env", "test")

    assert seen == (
        0,
        text("AWS: a fake one", "hello: smoke test 'greets'", "hello: smoke test 'greets' passed"),
        "",
    )
    assert terminal.changes() == ["invoke shop-test-hello-HelloFunction {}"]


def test_smoke_as_json(two: Terminal) -> None:
    """With --json smoke is one document, of the named service alone."""
    two.invoke("deploy", "--env", "test")

    seen = two.invoke("smoke", "--env", "test", "--service", "orders", "--json")

    assert seen.document == {
        "target": "aws",
        "environment": "test",
        "smoke": [{"service": "orders", "name": "greets", "passed": True}],
    }


def test_smoke_of_nothing(terminal: Terminal) -> None:
    """Smoke of an environment in which nothing runs ends with exit code 6 and says that."""
    seen = terminal.invoke("smoke", "--env", "test")

    assert seen == (
        6,
        text("AWS: a fake one"),
        text(
            "error: smoke-testing test",
            "  answer: hello does not run there",
            "  next: invoke deploy --env test",
        ),
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [(IdentityError("invoking it", "ExpiredToken", "log in"), 3), (UnavailableError("invoking it"), 10)],
)
def test_smoke_that_gets_no_answer(terminal: Terminal, error: LockstepError, code: int) -> None:
    """A smoke test that gets no answer at all ends with the exit code of the reason, not of a wrong answer."""
    terminal.invoke("deploy", "--env", "test")
    terminal.world.fails["invoke"] = error

    seen = terminal.invoke("smoke", "--env", "test")

    assert (seen.code, seen.out.splitlines()[-1]) == (code, "hello: smoke test 'greets' FAILED")


def test_smoke_without_tests(terminal: Terminal) -> None:
    """Where no service has a smoke test, smoke says that nothing was tested."""
    terminal.services = (a_service(smoke=()),)
    terminal.invoke("deploy", "--env", "test")

    seen = terminal.invoke("smoke", "--env", "test")

    assert seen == (0, text("AWS: a fake one", "Nothing was tested: hello has no smoke test there."), "")


def test_smoke_by_who_may_not(terminal: Terminal) -> None:
    """Who is no deployer of an environment may not smoke-test it: exit code 3."""
    seen = terminal.invoke("smoke", "--env", "prod", "--json")

    assert seen == (
        3,
        "",
        text(
            "AWS: a fake one",
            "error: assuming the deployer of prod",
            "  answer: AccessDenied",
            "  next: ask who may do this",
        ),
    )
