"""What an account says that it runs, and whether it answers as it should."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lockstep import execute
from lockstep.errors import DeployError, LockstepError, UnavailableError
from lockstep.model import Digest, ReleaseId, RunningService, Sha256, SmokeOutcome, SmokeTest, StackName
from lockstep.ports import StackState, Target
from lockstep.testing import (
    TEST,
    FakeChangeSets,
    FakeFunctions,
    FakePolicies,
    FakeSam,
    FakeStacks,
    FakeStore,
    FakeSuites,
    World,
    a_digest,
    a_smoke_event,
)

STACK = StackName("shop-test-hello")
SMOKE = SmokeTest("hello", STACK, a_smoke_event())


def target(world: World, stacks: FakeStacks | None = None) -> Target:
    """Open the environment test, as the role that deploys there."""
    caller = f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/x"
    functions, sam = FakeFunctions(world), FakeSam(world, TEST)
    stacks, policies = stacks or FakeStacks(world, TEST), FakePolicies(world, TEST)
    store, changes = FakeStore(world), FakeChangeSets(world)
    return Target(caller, store, stacks, functions, sam, policies, changes, FakeSuites(world))


def test_what_runs_where_nothing_is() -> None:
    """A stack that is not there runs nothing."""
    assert execute.running("hello", STACK, (), target(World())) == RunningService("hello", STACK, None)


STATE = StackState(
    "UPDATE_COMPLETE",
    {
        "lockstep:release": "r",
        "lockstep:template": "t",
        "lockstep:settings": "s",
        "Team": "shop",
    },
    {"One": "one", "Two": "two", "Zip": "zip", "Table": "table"},
    functions=("One", "Two", "Zip"),
    protected=True,
)


@pytest.mark.parametrize(
    ("functions", "images"),
    [
        ((), (("One", a_digest("1")), ("Two", a_digest("2")))),
        (("Two", "Zip", "Gone"), (("Two", a_digest("2")), ("Zip", None), ("Gone", None))),
    ],
)
def test_what_runs_in_a_stack(functions: tuple[str, ...], images: tuple[tuple[str, str | None], ...]) -> None:
    """A stack says what it runs of every image function, or of those asked for, where they are gone too."""
    world = World(stacks={(TEST, STACK): STATE}, running={"one": a_digest("1"), "two": a_digest("2")})

    found = execute.running("hello", STACK, functions, target(world))

    assert found == RunningService(
        name="hello",
        stack=STACK,
        status="UPDATE_COMPLETE",
        release=ReleaseId("r"),
        template_sha256=Sha256("t"),
        images=tuple((name, None if digest is None else Digest(digest)) for name, digest in images),
        settings_hash="s",
        protected=True,
    )


def smoked(world: World, opened: Target | None = None) -> SmokeOutcome:
    """Smoke-test the service hello."""
    return execute.smoke_test(SMOKE, opened or target(world), list[str]().append)


def running() -> World:
    """Return a world in which hello runs."""
    return World(stacks={(TEST, STACK): StackState("CREATE_COMPLETE", {}, {"HelloFunction": "f"})})


def test_an_answer_that_differs() -> None:
    """A smoke test whose answer is another than expected fails with the difference."""
    world = running()
    world.answers["f"] = {"statusCode": 500}

    assert smoked(world) == SmokeOutcome(
        "hello", "greets", passed=False, difference="answer.statusCode is 500, expected 200"
    )


@pytest.mark.parametrize("world", [World(), World(stacks={(TEST, STACK): StackState("CREATE_COMPLETE", {}, {})})])
def test_what_does_not_run_fails_its_test(world: World) -> None:
    """A smoke test of a stack that is not there, or lacks the function, fails."""
    assert smoked(world) == SmokeOutcome("hello", "greets", passed=False, difference="shop-test-hello does not run")


@pytest.mark.parametrize("error", [DeployError("invoking f", "boom"), UnavailableError("invoking f", "boom")])
def test_a_function_that_does_not_answer(error: LockstepError) -> None:
    """A smoke test whose function fails, or cannot be reached, fails with what came back."""
    world = running()
    world.fails["invoke"] = error

    assert smoked(world) == SmokeOutcome("hello", "greets", passed=False, difference="invoking f: boom", error=error)


@dataclass
class Silent(FakeStacks):
    """A CloudFormation that does not answer."""

    def describe(self, stack: StackName) -> StackState | None:
        """Answer nothing."""
        raise UnavailableError(f"looking at {stack}", "timeout")


def test_an_account_that_does_not_answer_after_a_deployment() -> None:
    """A smoke test that cannot even find its function fails, so that what was deployed before is still told."""
    world = World()

    outcome = smoked(world, target(world, Silent(world, TEST)))

    assert outcome.difference == "looking at shop-test-hello: timeout"
    assert (outcome.passed, type(outcome.error)) == (False, UnavailableError)
