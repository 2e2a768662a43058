"""Plans that fail on the way: what was done stays done and told, and what was not started is named."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from lockstep.errors import BusyError, DeployError, GateError, IdentityError, RegistryError, UnavailableError
from lockstep.model import DeployStack, Outcome, Result, ServiceOutcome
from lockstep.names import template_key
from lockstep.ports import Say
from lockstep.testing import TEST, FakeSam, World, a_digest, a_release, an_environment
from tests.unit.carried_out import planned, published, run, target


def test_a_failure_ends_the_run() -> None:
    """A stack that fails ends the run: what was done stays told, and what was not started is named."""
    world = World()
    builds = [published(world, name) for name in ("hello", "orders", "stock")]
    failure = DeployError("deploying orders", "no")
    world.fails["sam deploy shop-test-orders"] = failure
    steps = planned(world, a_release(*builds))

    outcome, _ = run(world, steps)

    assert outcome == Outcome(
        steps,
        (ServiceOutcome("hello", Result.CREATED, 1.0), ServiceOutcome("orders", Result.FAILED, 1.0, failure)),
        (),
        steps.steps[3:],
    )
    assert outcome.exit_code == 6


def test_a_deployment_that_may_not_go_on() -> None:
    """Before every change of a stack it is asked whether the deployment may go on; where not, it ends there."""
    world = World()
    steps = planned(world, a_release(*(published(world, name) for name in ("hello", "orders"))))
    asked: list[str] = []

    def fence() -> None:
        asked.append("")
        if len(asked) == 2:
            raise BusyError("going on", "somebody else holds it")

    outcome, _ = run(world, steps, fence=fence)

    assert [(one.name, one.result) for one in outcome.services] == [
        ("hello", Result.CREATED),
        ("orders", Result.FAILED),
    ]
    assert outcome.exit_code == 8
    assert world.calls == ["sam deploy shop-test-hello"]


def test_a_stack_that_cannot_be_protected() -> None:
    """A stack that cannot be protected ends the run: its service failed, the others' end stays, nothing is tested."""
    world = World()
    builds = [published(world, name) for name in ("hello", "orders")]
    failure = UnavailableError("protecting the stack shop-test-hello", "Throttling")
    world.fails["protect shop-test-hello"] = failure
    steps = planned(world, a_release(*builds), an_environment(protect=True))

    outcome, _ = run(world, steps)

    assert outcome == Outcome(
        steps,
        (
            ServiceOutcome("hello", Result.FAILED, 1.0, failure),
            ServiceOutcome("orders", Result.CREATED, 1.0),
        ),
        (),
        steps.steps[4:],
    )
    assert outcome.exit_code == 10


def test_the_caller_of_another_account_changes_nothing() -> None:
    """Whoever is in another account than the plan's is stopped before the first change."""
    world = World()
    steps = planned(world, a_release(published(world)))
    opened = replace(target(world), caller="arn:aws:sts::333333333333:assumed-role/shop-deploy-prod/x")

    with pytest.raises(IdentityError) as caught:
        run(world, steps, opened)

    assert str(caught.value) == (
        "error: deploying to account 222222222222\n"
        "  answer: the caller is arn:aws:sts::333333333333:assumed-role/shop-deploy-prod/x\n"
        "  next: invoke doctor"
    )
    assert world.calls == []


def test_an_image_that_is_gone() -> None:
    """Where one image of all that is to change is not in the registry, nothing is deployed, not even the others."""
    world = World()
    builds = [published(world, name) for name in ("hello", "orders")]
    del world.pushed["shop/orders/hellofunction:source"]

    with pytest.raises(RegistryError) as caught:
        run(world, planned(world, a_release(*builds)))

    assert str(caught.value) == (
        "error: looking for the image of HelloFunction of orders\n"
        f"  answer: registry/shop/orders/hellofunction@{a_digest()} is gone\n"
        "  next: change a file of the service and release it, or deploy another release"
    )
    assert (world.calls, world.stacks) == ([], {})


def test_an_altered_template_is_not_deployed() -> None:
    """A packaged template that is not what its release says fails its service before the stack is touched."""
    world = World()
    build = published(world)
    world.files[template_key(build.template_sha256)] += b" "

    outcome, _ = run(world, planned(world, a_release(build)))

    assert [(s.result, type(s.error)) for s in outcome.services] == [(Result.FAILED, GateError)]
    assert (outcome.exit_code, world.calls) == (9, [])


@dataclass
class OldImages(FakeSam):
    """A deployment that says it went well and left the old image where it was."""

    def deploy(self, step: DeployStack, template: bytes, say: Say) -> None:
        """Deploy, and run another image."""
        super().deploy(step, template, say)
        self.world.running[f"{step.stack}-HelloFunction"] = a_digest("old")


def test_success_is_checked() -> None:
    """A deployment after which another digest runs than the release names is a failure, whatever it said itself."""
    world = World()
    opened = replace(target(world), sam=OldImages(world, TEST))

    outcome, _ = run(world, planned(world, a_release(published(world))), opened)

    assert str(outcome.services[0].error) == (
        "error: verifying shop-test-hello after its deployment\n"
        "  answer: HelloFunction does not run the digest that the release names\n"
        "  next: invoke status"
    )


@dataclass
class GaveUp(FakeSam):
    """A SAM that gives up on a stack and leaves it in `status`, deployed as far as `tagged` says."""

    status: str = "UPDATE_COMPLETE"
    tagged: bool = True

    def deploy(self, step: DeployStack, template: bytes, say: Say) -> None:
        """Deploy, and report a failure."""
        before = self.world.stacks.get((self.account, step.stack))
        super().deploy(step, template, say)
        state = self.world.stacks[self.account, step.stack]
        kept = state if self.tagged or before is None else before
        self.world.stacks[self.account, step.stack] = replace(kept, status=self.status)
        raise DeployError(f"deploying {step.stack}", "sam lost it", "invoke status")


def test_sam_that_gives_up_on_a_stack_that_ends_well() -> None:
    """Where SAM reports a failure and the account says that the stack is as it should be, the account is right."""
    world = World()
    opened = replace(target(world), sam=GaveUp(world, TEST))

    outcome, said = run(world, planned(world, a_release(published(world))), opened)

    assert outcome.exit_code == 0
    assert said[2] == "hello: sam reported a failure, but the stack is UPDATE_COMPLETE with this release"


@pytest.mark.parametrize(
    ("status", "answer", "cure"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "sam lost it", "invoke status"),
        ("REVIEW_IN_PROGRESS", "sam lost it", "invoke status"),
        (
            "UPDATE_IN_PROGRESS",
            "sam lost it | the stack goes on: UPDATE_IN_PROGRESS",
            "wait, then invoke status",
        ),
    ],
)
def test_sam_that_gives_up(status: str, answer: str, cure: str) -> None:
    """Where SAM reports a failure and the stack did not end well, the failure stands, with what the stack does."""
    world = World()
    opened = replace(target(world), sam=GaveUp(world, TEST, status=status))

    outcome, _ = run(world, planned(world, a_release(published(world))), opened)

    assert str(outcome.services[0].error) == (f"error: deploying shop-test-hello\n  answer: {answer}\n  next: {cure}")


def test_a_failed_change_of_settings_is_a_failure() -> None:
    """Where only parameters or tags were to change and SAM failed, the release that runs already is no success."""
    world = World()
    release = a_release(published(world))
    run(world, planned(world, release))
    steps = planned(world, release, an_environment(tags=(("Stage", "test"),)))
    opened = replace(target(world), sam=GaveUp(world, TEST, tagged=False))

    outcome, _ = run(world, steps, opened)

    assert (outcome.services[0].result, outcome.exit_code) == (Result.FAILED, 6)
