"""What doctor says where something is wrong with the accounts: one check fails, with its cure on one line."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from lockstep.errors import ConfigError, IdentityError
from lockstep.model import StackName
from lockstep.ports import StackState
from lockstep.testing import PROD, SETTINGS, TEST, TOOLING
from tests.journeys.checks_shown import CALLER, failures, stand
from tests.journeys.terminal import Ending, Outside

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockstep.ports import Target
    from lockstep.testing import World
    from tests.journeys.terminal import Terminal


@pytest.fixture
def standing(terminal: Terminal) -> Terminal:
    """A terminal whose accounts are set up, with nothing wrong about them."""
    return stand(terminal)


def late(world: World) -> None:
    """Set the clock of this machine back."""
    world.skew = -600.0


def no_bucket(world: World) -> None:
    """Take the bucket away."""
    world.fails["bucket"] = ConfigError("looking for the artifact bucket", "it is missing", "invoke bootstrap")


def changed_stack(world: World) -> None:
    """Change a stack by hand."""
    where = TEST, StackName("shop-account-test")
    world.account_stacks[where] = dataclasses.replace(world.account_stacks[where], tags={"Team": "x"})


def gone_stack(world: World) -> None:
    """Take a stack away."""
    del world.account_stacks[TOOLING, StackName("shop-deployer-prod")]


def opened_key(world: World) -> None:
    """Change the key's policy by hand."""
    world.policies["AWS::KMS::Key"] = {"Statement": []}


def opened_repository(world: World) -> None:
    """Change a repository's policy by hand."""
    world.policies["shop/hello/hellofunction"] = {"Statement": []}


def busy_service(world: World) -> None:
    """Begin a deployment."""
    world.stacks[PROD, StackName("shop-prod-hello")] = StackState("UPDATE_IN_PROGRESS", {}, {})


def opened_role(world: World) -> None:
    """Let developers become the deploy role of prod."""
    world.trusts["shop-developer", "shop-deploy-prod"] = True


def closed_role(world: World) -> None:
    """Let developers no more become the status role of prod."""
    world.trusts["shop-developer", "shop-status-prod"] = False


@pytest.mark.parametrize(
    ("break_", "check", "tried", "answer", "cure"),
    [
        (late, "clock", "comparing clocks", "this machine is 600 s behind AWS", "set its clock, by NTP"),
        (no_bucket, "bucket", "looking for the artifact bucket", "it is missing", "invoke bootstrap"),
        (
            changed_stack,
            "stack shop-account-test",
            "comparing shop-account-test with infra/environment.yaml",
            "not as there: its tags",
            "invoke bootstrap --dry-run",
        ),
        (
            gone_stack,
            "stack shop-deployer-prod",
            "comparing shop-deployer-prod with infra/tooling-deployer.yaml",
            "it is not there",
            "invoke bootstrap",
        ),
        (
            opened_key,
            "key policy",
            "comparing the key's policy",
            "it is not the one that infra/tooling-resources.yaml gives it",
            "invoke bootstrap; if that finds nothing to do, put that policy back by hand, in the KMS console",
        ),
        (
            opened_repository,
            "repository shop/hello/hellofunction",
            "comparing the policy of shop/hello/hellofunction",
            "it is not the one for the environments of the settings",
            "invoke bootstrap; if that finds nothing to do, put that policy back by hand, in the ECR console",
        ),
        (
            busy_service,
            "services in prod",
            f"changing the stack shop-prod-hello in account {PROD}",
            "the stack is UPDATE_IN_PROGRESS: another deployment is changing it",
            "try again when it is done",
        ),
        (
            opened_role,
            "shop-developer as shop-deploy-prod",
            f"{CALLER} becoming arn:aws:iam::{PROD}:role/shop-deploy-prod",
            "nobody refused it",
            "invoke bootstrap; then see who changed that role's trust",
        ),
        (
            closed_role,
            "shop-developer as shop-status-prod",
            f"{CALLER} becoming arn:aws:iam::{PROD}:role/shop-status-prod",
            "AccessDenied",
            "invoke bootstrap",
        ),
    ],
)
def test_one_thing_is_wrong(
    standing: Terminal, break_: Callable[[World], None], check: str, tried: str, answer: str, cure: str
) -> None:
    """Whatever is wrong with the accounts, its check alone fails, on one line with what to do: exit code 2."""
    break_(standing.world)

    seen = standing.invoke("doctor", "--json")

    assert (seen.code, failures(seen), seen.document["ok"]) == (2, {check: f"{tried}: {answer}. {cure}"}, False)


def test_a_bucket_in_another_region(standing: Terminal) -> None:
    """A bucket of the project's name in another region than the settings' is told with both."""
    standing.settings = SETTINGS.replace("eu-west-1", "eu-west-3")

    seen = standing.invoke("doctor", "--json")

    assert failures(seen)["bucket"] == (
        "looking for the artifact bucket: it is in eu-west-1, not eu-west-3. "
        "choose another project name, or that region"
    )


class HalfOpen(Outside):
    """An outside in which the caller may not look at prod."""

    def reader(self, environment: str, through: str | None = None) -> Target:
        """Open test alone."""
        if environment == "prod":
            raise IdentityError("assuming the status role of prod", "AccessDenied", "invoke bootstrap")
        return super().reader(environment, through)


def test_a_session_that_ends(standing: Terminal) -> None:
    """Where no role can be tried, that fails with its reason, and what was found before is told."""
    standing.outside = Ending

    seen = standing.invoke("doctor", "--json")

    build = f"arn:aws:iam::{TOOLING}:role/shop-build"
    assert seen.code == 2
    assert failures(seen) == {"roles": f"assuming {build} as {CALLER}: ExpiredToken: it is expired. sign in again"}


def test_what_may_not_be_seen(standing: Terminal) -> None:
    """What the caller may not look at fails, and everything else is looked at."""
    standing.outside = HalfOpen

    seen = standing.invoke("doctor", "--json")

    refused = "assuming the status role of prod: AccessDenied. invoke bootstrap"
    assert failures(seen) == {"stack shop-account-prod": refused, "services in prod": refused}


def test_a_broken_template(standing: Terminal) -> None:
    """An account template that cannot be read fails the checks that need it, and the rest is shown."""
    folder = standing.root / "own"
    folder.mkdir()
    for file in (standing.root / "infra").iterdir():
        if file.suffix == ".yaml":
            (folder / file.name).write_bytes(b"]" if file.name == "environment.yaml" else file.read_bytes())
    (standing.root / "infra").unlink()
    folder.rename(standing.root / "infra")

    seen = standing.invoke("doctor", "--json")

    assert (seen.code, sorted(failures(seen))) == (
        2,
        [
            "key policy",
            "repository shop/hello/hellofunction",
            "stack shop-account-prod",
            "stack shop-account-test",
        ],
    )
