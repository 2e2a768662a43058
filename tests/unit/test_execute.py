"""Plans carried out in an account that is a fake: what changes there, and what is told of it."""

from __future__ import annotations

from dataclasses import replace

from lockstep import canonical
from lockstep.model import Change, DeployStack, Outcome, Result, ServiceOutcome, SmokeOutcome
from lockstep.testing import TEST, World, a_release, an_environment
from tests.unit.carried_out import STACK, planned, published, run


def test_a_first_deployment() -> None:
    """A plan is carried out step by step, each told before it begins, and its outcome is that of every step."""
    world = World()
    release = a_release(published(world, "hello"), published(world, "orders"))
    steps = planned(world, release)

    outcome, said = run(world, steps)

    assert outcome == Outcome(
        steps,
        (ServiceOutcome("hello", Result.CREATED, 1.0), ServiceOutcome("orders", Result.CREATED, 1.0)),
        (SmokeOutcome("hello", "greets", passed=True), SmokeOutcome("orders", "greets", passed=True)),
    )
    assert said == [
        "hello: create shop-test-hello in test (it is not there yet)",
        "  CREATE_COMPLETE shop-test-hello",
        "orders: create shop-test-orders in test (it is not there yet)",
        "  CREATE_COMPLETE shop-test-orders",
        "hello: smoke test 'greets'",
        "orders: smoke test 'greets'",
    ]


def test_what_was_deployed_is_what_runs() -> None:
    """After a deployment the account says that it runs the release, and planning again finds nothing to change."""
    world = World()
    release = a_release(published(world))
    run(world, planned(world, release))

    again = planned(world, release)

    assert [step.change for step in again.steps if isinstance(step, DeployStack)] == [Change.NONE]


def test_what_runs_already_is_only_tested() -> None:
    """A service that runs the release already is not touched, and tested all the same."""
    world = World()
    release = a_release(published(world))
    run(world, planned(world, release))
    world.calls.clear()

    outcome, said = run(world, planned(world, release))

    assert (outcome.services, outcome.exit_code) == ((ServiceOutcome("hello", Result.UNCHANGED, 1.0),), 0)
    assert world.calls == ["invoke shop-test-hello-HelloFunction {}"]
    assert said == ["hello: smoke test 'greets'"]


def test_a_later_deployment() -> None:
    """A stack that runs something else is updated."""
    world = World()
    build = published(world)
    run(world, planned(world, a_release(build)))
    other = a_release(replace(build, source_hash=canonical.hash_of("other")))

    outcome, _ = run(world, planned(world, other))

    assert outcome.services == (ServiceOutcome("hello", Result.UPDATED, 1.0),)


def test_a_stack_is_protected() -> None:
    """In a protected environment a stack is protected once it is deployed, and not again the next time."""
    world, environment = World(), an_environment(protect=True)
    release = a_release(published(world))

    outcome, said = run(world, planned(world, release, environment))
    run(world, planned(world, release, environment))

    assert outcome.services == (ServiceOutcome("hello", Result.CREATED, 1.0),)
    assert said[2] == "hello: keeping shop-test-hello from being deleted"
    assert world.stacks[TEST, STACK].protected
    assert [call for call in world.calls if call.startswith("protect")] == ["protect shop-test-hello True"]
