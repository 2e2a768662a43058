"""Deploying: from nothing to test, again, after a change, and the same digest to prod."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockstep.errors import IdentityError
from lockstep.testing import SETTINGS, TEST, FakeSam
from tests.journeys.terminal import Outside, changed, made, text

if TYPE_CHECKING:
    from lockstep.model import DeployStack
    from lockstep.ports import Releases, Say, Target
    from tests.journeys.terminal import Terminal


def test_from_nothing_to_test(terminal: Terminal) -> None:
    """The first deployment makes a release, shows its plan, creates the stack and smoke-tests it."""
    seen = terminal.invoke("deploy", "--env", "test")

    release = terminal.release()[:12]
    assert seen == (
        0,
        text(
            "AWS: a fake one",
            "hello: building HelloFunction from services/hello/app",
            "  labels ['lockstep.source-hash', 'org.opencontainers.image.revision']",
            "hello: pushing HelloFunction",
            "pushed registry/shop/hello/hellofunction:source-d8fc8d98a00a687516ebc1aa516f9d42",
            "hello: packaging",
            "  packaged hello",
            f"Plan for test, release {release}:",
            "  be arn:aws:iam::222222222222:role/shop-deploy-test in account 222222222222",
            "  create    shop-test-hello: it is not there yet",
            "  smoke     shop-test-hello: greets",
            *made("test"),
            "hello: create shop-test-hello in test (it is not there yet)",
            "  CREATE_COMPLETE shop-test-hello",
            "hello: smoke test 'greets'",
            "hello: created in test (1.0 s)",
            "hello: smoke test 'greets' passed",
            f"test runs release {release}: hello.",
        ),
        "",
    )


def test_nothing_changed(terminal: Terminal) -> None:
    """Deploying what runs already says so, builds nothing, calls no sam, and smoke-tests it again."""
    terminal.invoke("deploy", "--env", "test")
    before = terminal.accounts()
    terminal.changes()

    seen = terminal.invoke("deploy", "--env", "test")

    release = terminal.release()[:12]
    assert seen == (
        0,
        text(
            "AWS: a fake one",
            "hello: nothing changed since it was built",
            f"Plan for test, release {release}:",
            "  be arn:aws:iam::222222222222:role/shop-deploy-test in account 222222222222",
            "  unchanged shop-test-hello: it runs this release already",
            "  smoke     shop-test-hello: greets",
            "hello: smoke test 'greets'",
            "hello: unchanged in test (1.0 s)",
            "hello: smoke test 'greets' passed",
            f"test runs release {release}: hello.",
        ),
        "",
    )
    assert terminal.changes() == ["invoke shop-test-hello-HelloFunction {}"]
    assert terminal.accounts() == before


def test_one_changed_source(terminal: Terminal) -> None:
    """After a change of the source the same command updates the stack to the new digest."""
    terminal.invoke("deploy", "--env", "test")
    before = dict(terminal.world.running)
    terminal.services = (changed(terminal.services[0]),)

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, seen.err) == (0, "")
    assert seen.out.splitlines()[-6:] == [
        "hello: update shop-test-hello in test (HelloFunction runs another image)",
        "  UPDATE_COMPLETE shop-test-hello",
        "hello: smoke test 'greets'",
        "hello: updated in test (1.0 s)",
        "hello: smoke test 'greets' passed",
        f"test runs release {terminal.release()[:12]}: hello.",
    ]
    assert terminal.world.running.keys() == before.keys()
    assert terminal.world.running != before


def test_the_same_digest_to_prod(terminal: Terminal) -> None:
    """Who may deploy to prod brings it the very digest that was tested, and nothing is built for it."""
    terminal.invoke("deploy", "--env", "test")
    release = terminal.release()
    terminal.changes()

    seen = terminal.invoke("deploy", "--env", "prod", "--release", release, "--profile", "releaser")

    assert seen == (
        0,
        text(
            "AWS: a fake one",
            f"Plan for prod, release {release[:12]}:",
            "  be arn:aws:iam::333333333333:role/shop-deploy-prod in account 333333333333",
            "  create    shop-prod-hello: it is not there yet",
            "  smoke     shop-prod-hello: greets",
            *made("prod"),
            "hello: create shop-prod-hello in prod (it is not there yet)",
            "  CREATE_COMPLETE shop-prod-hello",
            "hello: smoke test 'greets'",
            "hello: created in prod (1.0 s)",
            "hello: smoke test 'greets' passed",
            f"prod runs release {release[:12]}: hello.",
        ),
        "",
    )
    assert terminal.changes() == ["sam deploy shop-prod-hello", "invoke shop-prod-hello-HelloFunction {}"]
    assert (
        terminal.world.running["shop-prod-hello-HelloFunction"]
        == terminal.world.running["shop-test-hello-HelloFunction"]
    )


def test_a_protected_environment(terminal: Terminal) -> None:
    """What is deployed to a protected environment is kept from being deleted, also after the next deployment."""
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nprotect = true')
    first = terminal.invoke("deploy", "--env", "test")
    terminal.services = (changed(terminal.services[0]),)

    second = terminal.invoke("deploy", "--env", "test")

    said = "hello: keeping shop-test-hello from being deleted"
    assert (first.code, second.code) == (0, 0)
    assert "  protect   shop-test-hello: from being deleted" in first.out.splitlines()
    assert [said in seen.out.splitlines() for seen in (first, second)] == [True, False]
    assert [state.protected for state in terminal.world.stacks.values()] == [True]


def test_a_deployment_as_json(terminal: Terminal) -> None:
    """With --json a deployment is one document on stdout, and every word is on stderr."""
    seen = terminal.invoke("deploy", "--env", "test", "--json")

    assert (seen.code, seen.document) == (
        0,
        {
            "target": "aws",
            "environment": "test",
            "release": terminal.release(),
            "services": [{"name": "hello", "result": "created", "seconds": 1.0}],
            "smoke": [{"service": "hello", "name": "greets", "passed": True}],
        },
    )
    assert seen.err.splitlines()[0] == "AWS: a fake one"
    assert seen.err.splitlines()[-1] == "hello: smoke test 'greets'"


def test_a_dry_run(terminal: Terminal) -> None:
    """A dry run shows the plan, says that it is one, and changes nothing in the environment."""
    release = terminal.release()
    before = terminal.accounts()
    terminal.changes()

    seen = terminal.invoke("deploy", "--env", "test", "--dry-run")

    assert seen == (
        0,
        text(
            "AWS: a fake one",
            "hello: nothing changed since it was built",
            f"Plan for test, release {release[:12]}:",
            "  be arn:aws:iam::222222222222:role/shop-deploy-test in account 222222222222",
            "  create    shop-test-hello: it is not there yet",
            "  smoke     shop-test-hello: greets",
            *made("test"),
            "Dry run: nothing was changed in test.",
        ),
        "",
    )
    assert terminal.changes() == []
    assert terminal.accounts() == before


def test_a_dry_run_as_json(terminal: Terminal) -> None:
    """With --json a dry run is its plan: each service, what would be done to it and why, and what that changes."""
    release = terminal.release()

    seen = terminal.invoke("deploy", "--env", "test", "--dry-run", "--json")

    document = seen.document
    (service,) = document.pop("services")
    tags = service.pop("tags")
    assert document == {"target": "aws", "environment": "test", "release": release, "dry_run": True}
    assert service == {
        "name": "hello",
        "change": "create",
        "reason": "it is not there yet",
        "resources": [
            {
                "action": "add",
                "logical_id": "HelloFunction",
                "type": "AWS::Serverless::Function",
                "properties": [],
                "gives_up_data": False,
            }
        ],
        "images": [
            {
                "function": "HelloFunction",
                "from": None,
                "to": {"digest": next(iter(terminal.world.pushed.values())), "commit": terminal.commit.sha},
            }
        ],
        "parameters": [{"name": "Environment", "from": None, "to": "test"}],
        "iam": [],
    }
    assert {"name": "lockstep:release", "from": None, "to": release} in tags


def test_one_service_of_two(two: Terminal) -> None:
    """With --service that service alone is deployed, tested, and said to run the release."""
    seen = two.invoke("deploy", "--env", "test", "--service", "orders")

    assert seen.code == 0
    assert seen.out.splitlines()[-1] == f"test runs release {two.release()[:12]}: orders."
    assert [stack for _, stack in two.world.stacks] == ["shop-test-orders"]


def test_an_environment_sets_parameters(terminal: Terminal) -> None:
    """Parameters of the settings reach the stack, and one that is taken out of them goes back to its default."""
    parameters = {"Environment": {"Type": "String"}, "LogLevel": {"Type": "String", "Default": "INFO"}}
    terminal.write_template("hello", Parameters=parameters)
    terminal.invoke("deploy", "--env", "test")
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nparameters.hello.LogLevel = "DEBUG"')

    set_ = terminal.invoke("deploy", "--env", "test", "--json")
    (debugged,) = terminal.world.stacks.values()
    terminal.settings = SETTINGS
    unset = terminal.invoke("deploy", "--env", "test", "--json")

    (state,) = terminal.world.stacks.values()
    updated = [{"name": "hello", "result": "updated", "seconds": 1.0}]
    assert (set_.document["services"], unset.document["services"]) == (updated, updated)
    assert debugged.outputs == {"Environment": "test", "LogLevel": "DEBUG"}
    assert state.outputs == {"Environment": "test", "LogLevel": "INFO"}


class OneHour(Outside):
    """An outside whose sessions last no longer than a build."""

    def deployer(self, environment: str) -> tuple[Releases, Target]:
        """Open an environment until the next image is built."""
        releases, opened = super().deployer(environment)
        return releases, replace(opened, sam=Expiring(self.world, TEST, self.builds()))

    def builds(self) -> int:
        """How many images were built until now."""
        return sum(call.startswith("build") for call in self.world.calls)


@dataclass
class Expiring(FakeSam):
    """A SAM whose credentials were good when `builds` images were built, and no longer."""

    builds: int

    def deploy(self, step: DeployStack, template: bytes, say: Say) -> None:
        """Deploy, where nothing was built meanwhile."""
        if self.builds != sum(call.startswith("build") for call in self.world.calls):
            raise IdentityError(f"deploying {step.stack}", "ExpiredToken")
        super().deploy(step, template, say)


def test_a_long_build(terminal: Terminal) -> None:
    """However long the build took, the deployment after it has a session of a full hour."""
    terminal.outside = OneHour

    assert terminal.invoke("deploy", "--env", "test").code == 0


def test_an_unneeded_image(terminal: Terminal) -> None:
    """The image of a stack that runs the release already may be gone from the registry."""
    terminal.invoke("deploy", "--env", "test")
    terminal.world.pushed.clear()

    assert terminal.invoke("deploy", "--env", "test").code == 0


def test_no_engine_is_needed_to_deploy(terminal: Terminal) -> None:
    """A release that is made already is deployed without a Docker engine."""
    release = terminal.release()
    terminal.world.fails["engine"] = terminal.world.fails["build"] = AssertionError("no engine is asked for")

    named = terminal.invoke("deploy", "--env", "test", "--release", release)
    found = terminal.invoke("deploy", "--env", "test")

    assert (named.code, found.code) == (0, 0)
