"""Deployments that are refused: one error, the documented exit code, and no change in any account."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockstep.errors import IdentityError
from lockstep.model import StackName
from lockstep.ports import StackState
from lockstep.testing import PROD, SETTINGS, TEST, FakeStore, engine_down
from tests.journeys.terminal import Outside, changed, text

if TYPE_CHECKING:
    from lockstep.ports import Target
    from tests.journeys.terminal import Terminal

AWS = text("AWS: a fake one")


def test_who_may_not_deploy(terminal: Terminal) -> None:
    """Who is no deployer of prod is refused with exit code 3 before anything is built."""
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "prod")

    assert seen == (
        3,
        AWS,
        text("error: assuming the deployer of prod", "  answer: AccessDenied", "  next: ask who may do this"),
    )
    assert terminal.changes() == []
    assert terminal.accounts() == before


def test_credentials_of_another_account(terminal: Terminal) -> None:
    """A caller of another account is refused with exit code 3, and nothing is changed."""
    terminal.world.fails["identity"] = IdentityError(
        "opening the tooling account", f"the caller is in {TEST}", "doctor"
    )
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "test", "--json")

    assert seen == (
        3,
        "",
        AWS + text("error: opening the tooling account", "  answer: the caller is in 222222222222", "  next: doctor"),
    )
    assert terminal.accounts() == before


class Elsewhere(Outside):
    """An outside whose every environment is opened in the account of prod."""

    def reader(self, environment: str, through: str | None = None) -> Target:
        """Open an environment in the wrong account."""
        opened = super().reader(environment, through)
        caller = f"arn:aws:sts::{PROD}:assumed-role/shop-deploy-test/x"
        return replace(opened, caller=caller)


def test_a_role_of_another_account(terminal: Terminal) -> None:
    """A deployment whose role turns out to be in another account ends with exit code 3 before the first write."""
    release = terminal.release()
    terminal.outside = Elsewhere
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "test", "--release", release)

    assert (seen.code, seen.err) == (
        3,
        text(
            "error: deploying to account 222222222222",
            "  answer: the caller is arn:aws:sts::333333333333:assumed-role/shop-deploy-test/x",
            "  next: invoke doctor",
        ),
    )
    assert terminal.accounts() == before


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_an_execution_role_that_may_not(terminal: Terminal, flags: tuple[str, ...]) -> None:
    """A release that CloudFormation could not deploy for want of a right is refused before anything is changed."""
    terminal.write_template("hello", Transform="AWS::Serverless-2016-10-31")
    release = terminal.release()
    role = f"arn:aws:iam::{TEST}:role/shop-execution-test"
    everything_but = {"Effect": "Allow", "NotAction": "lambda:CreateFunction", "Resource": "*"}
    terminal.world.policies[role] = {"Version": "2012-10-17", "Statement": [everything_but]}
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "test", "--release", release, *flags)

    assert (seen.code, seen.err) == (
        3,
        text(
            f"error: deploying hello to test with {role}",
            "  answer: it may not: lambda:CreateFunction; nothing was changed",
            "  next: invoke permissions --env test --service hello",
        ),
    )
    assert terminal.accounts() == before


def test_an_unknown_environment(terminal: Terminal) -> None:
    """An unknown environment ends with exit code 2 and the nearest name."""
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "tset")

    assert seen == (
        2,
        AWS,
        text(
            "error: unknown environment 'tset'",
            "  answer: infra/environments.toml names test, prod",
            "  next: did you mean 'test'?",
        ),
    )
    assert terminal.accounts() == before


def test_an_unknown_service(terminal: Terminal) -> None:
    """An unknown service ends with exit code 2 and the nearest name."""
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "test", "--service", "helo")

    assert seen == (
        2,
        AWS,
        text(
            "error: looking for service 'helo' in services/",
            "  answer: there are: hello",
            "  next: did you mean 'hello'?",
        ),
    )
    assert terminal.accounts() == before


def test_a_parameter_that_the_template_lacks(terminal: Terminal) -> None:
    """A parameter of the settings that the template does not declare ends with exit code 2 before sam is called."""
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nparameters.hello.LogLevle = "DEBUG"')
    terminal.release()
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, seen.err.splitlines()[:2]) == (
        2,
        ["error: setting the parameter LogLevle of hello in test", "  answer: its template declares: Environment"],
    )
    assert terminal.accounts() == before


def test_no_engine(terminal: Terminal) -> None:
    """Without an engine, what is not built yet ends with exit code 4 and no change in any account."""
    terminal.invoke("deploy", "--env", "test")
    terminal.services = (changed(terminal.services[0]),)
    terminal.world.fails["engine"] = engine_down()
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "test")

    assert seen == (
        4,
        AWS + text("hello: building HelloFunction from services/hello/app"),
        text("error: talking to the Docker engine", "  answer: no such file", "  next: start Docker"),
    )
    assert terminal.accounts() == before


@pytest.mark.parametrize("name", ["0" * 64, "00000000", "abc", "latest", "../builds", ""])
def test_an_unknown_release(terminal: Terminal, name: str) -> None:
    """A release that is not there, or no name of one, even an empty one, ends with exit code 9."""
    terminal.release()
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "test", f"--release={name}")

    assert seen == (
        9,
        AWS,
        text(
            f"error: looking for release '{name}'",
            "  answer: there is no such release",
            "  next: invoke status, or invoke release",
        ),
    )
    assert terminal.accounts() == before


def test_an_ambiguous_release(terminal: Terminal) -> None:
    """The beginning of more than one release ends with exit code 9."""
    FakeStore(terminal.world).put_once("releases/" + "abcd" * 16 + ".json", b"{}")
    FakeStore(terminal.world).put_once("releases/" + "abcde" * 12 + "0000.json", b"{}")

    seen = terminal.invoke("deploy", "--env", "test", "--release", "abcd")

    assert seen == (
        9,
        AWS,
        text("error: looking for release 'abcd'", "  answer: 2 releases begin so", "  next: give more of its name"),
    )


def test_an_altered_manifest(terminal: Terminal) -> None:
    """A release whose stored manifest was altered ends with exit code 9, and nothing is deployed."""
    release = terminal.release()
    stored = json.loads(terminal.world.files[f"releases/{release}.json"])
    stored["manifest"]["commit"]["sha"] = "badc0de" + "0" * 33
    terminal.world.files[f"releases/{release}.json"] = json.dumps(stored).encode()

    seen = terminal.invoke("deploy", "--env", "test", "--release", release)

    assert seen == (
        9,
        AWS,
        text(
            f"error: verifying the manifest of release {release}",
            "  answer: its content is not what its name says: it was altered",
            "  next: see the versions of that file in S3; deploy another release meanwhile",
        ),
    )
    assert terminal.environments() == ({}, {})


def test_an_altered_template(two: Terminal) -> None:
    """A release of which one template was altered ends with exit code 9, and no service of it is deployed."""
    two.write_template("orders", Description="orders")
    release = two.invoke("release", "--json").document
    sha256 = release["services"]["orders"]["template_sha256"]
    two.world.files[f"templates/{sha256}.json"] = b"{}"

    seen = two.invoke("deploy", "--env", "test", "--release", release["release"])

    assert seen == (
        9,
        AWS,
        text(
            "error: verifying the packaged template of orders",
            "  answer: its SHA-256 is 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a,"
            f" the release says {sha256}: it was altered",
            "  next: see the versions of that file in S3; deploy another release meanwhile",
        ),
    )
    assert two.environments() == ({}, {})


def test_a_release_that_lacks_a_service(two: Terminal) -> None:
    """A named service that a release does not hold ends with exit code 2 and what it holds."""
    both, two.services = two.services, two.services[:1]
    release = two.release()
    two.services = both

    seen = two.invoke("deploy", "--env", "test", "--release", release, "--service", "orders")

    assert seen == (
        2,
        AWS,
        text(
            f"error: looking for service 'orders' in release {release[:12]}",
            "  answer: it holds: hello",
            "  next: invoke release",
        ),
    )
    assert two.environments() == ({}, {})


@pytest.mark.parametrize(
    ("status", "code", "answer", "cure"),
    [
        (
            "UPDATE_IN_PROGRESS",
            8,
            "the stack is UPDATE_IN_PROGRESS: another deployment is changing it",
            "try again when it is done",
        ),
        (
            "ROLLBACK_COMPLETE",
            7,
            "the stack is ROLLBACK_COMPLETE",
            "its first creation failed, so it holds nothing: delete the stack, then try again",
        ),
    ],
)
def test_a_stack_that_cannot_be_deployed_to(terminal: Terminal, status: str, code: int, answer: str, cure: str) -> None:
    """A stack that is being changed ends with exit code 8, one that is stuck with 7, and neither is touched."""
    terminal.release()
    terminal.world.stacks[TEST, StackName("shop-test-hello")] = StackState(status, {}, {})
    before = terminal.accounts()

    seen = terminal.invoke("deploy", "--env", "test")

    assert seen == (
        code,
        AWS + text("hello: nothing changed since it was built"),
        text(
            "error: changing the stack shop-test-hello in account 222222222222",
            f"  answer: {answer}",
            f"  next: {cure}",
        ),
    )
    assert terminal.accounts() == before
