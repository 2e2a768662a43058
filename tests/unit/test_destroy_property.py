"""Wherever taking something down fails, doing it again ends as if it had not; and doing it twice changes nothing.

At each call that changes anything, whatever AWS service it goes to: tests/sandbox kills it at those of stacks only.
"""

from __future__ import annotations

import copy
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep import administration
from lockstep.destroy import Asked
from lockstep.errors import StackError
from lockstep.names import branch_slug
from lockstep.testing import PROD, SETTINGS, TEST, TOOLING, FakeWiring, World, a_service, some_settings
from tests.unit.standing import ROOT, Breaking, give_bucket, publish, run, run_foreign, stand

TEXT = SETTINGS + "protect = true\n"
SERVICES = (a_service("hello"), a_service("hello-world"))
SCOPES = (
    Asked(everything=True),
    Asked(environment="test"),
    Asked(environment="prod"),
    Asked(service="hello"),
    Asked(branch="main"),
    Asked(environment="test", service="hello"),
)
ASKED = pytest.mark.parametrize("asked", SCOPES)


@cache
def template() -> World:
    """Return a world in which everything stands and runs, prod protected; a service is gone from the tree.

    Somebody else has things of like names there.
    """
    services = (*SERVICES, a_service("gone"))
    world = publish(stand(World(), some_settings(TEXT), services), *(service.name for service in services))
    run_foreign(world, TEST, "shop-test-network")
    run_foreign(world, TOOLING, "shop-network")
    world.repositories.add("shop/base")
    world.logs[TEST].add("/aws/lambda/shop-test-hello-Gone-1A")
    for stack in ("shop-test-hello", "shop-test-hello-world", f"shop-test-hello--{branch_slug('main')}"):
        run(world, TEST, stack)
    run(world, PROD, "shop-prod-hello", protected=True)
    give_bucket(world, TEST, "shop-test-hello", "a", "a")
    return world


def everything(at: int = 0) -> Breaking:
    """Return a world of one's own in which everything stands, and one call fails."""
    return Breaking(**copy.deepcopy(vars(template())), at=at)


def take_down(world: World, asked: Asked) -> int:
    """Take something down as the task does it; return its exit code."""
    wiring = FakeWiring(ROOT, world=world, text=TEXT, catalog=SERVICES)
    return administration.take_down(wiring, asked, unprotect=True, confirm="shop")


def state(world: World) -> object:
    """Return what is in the accounts of a world."""
    groups = {account: names for account, names in world.logs.items() if names}
    stacks = world.stacks, world.account_stacks
    kept = world.running, world.repositories, world.buckets, world.keys, world.doomed, world.policies
    return copy.deepcopy((*stacks, *kept, groups))


@cache
def unbroken(asked: Asked) -> tuple[object, int]:
    """Return how taking something down ends where nothing fails, and how many calls that takes."""
    world = everything()
    assert take_down(world, asked) == 0
    return state(world), len(world.calls)


@ASKED
def test_twice(asked: Asked) -> None:
    """Taking the same down twice changes nothing the second time."""
    world = everything()
    take_down(world, asked)
    once = state(world)

    code = take_down(world, asked)

    assert (code, state(world)) == (0, once)


@ASKED
def test_again_after_a_failure(asked: Asked) -> None:
    """Whichever call fails, the same task once more ends in the state that an unbroken run ends in."""
    whole, calls = unbroken(asked)
    odd: list[object] = []

    for at in range(1, calls + 1):
        world = everything(at)
        codes = take_down(world, asked), take_down(world, asked)
        odd += [] if (codes, state(world)) == ((StackError.exit_code, 0), whole) else [(world.calls[at - 1], codes)]

    assert odd == []


@ASKED
def test_what_is_somebody_else_s(asked: Asked) -> None:
    """Whatever is taken down, what only has a name like ours stays, with all that is in it."""
    world = everything()

    take_down(world, asked)

    assert {stack for _, stack in world.stacks} >= {"shop-test-network", "shop-network"}
    assert set(world.running) >= {"shop-test-network-Other", "shop-network-Other"}
    assert world.repositories >= {"shop/base"}
    assert "/aws/lambda/shop-test-network-Other" in world.logs[TEST]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SCOPES), st.lists(st.integers(0, 1000), min_size=2, max_size=4))
def test_again_after_many_failures(asked: Asked, numbers: list[int]) -> None:
    """However often it fails, and wherever, the task comes to the same end once it is let through."""
    whole, calls = unbroken(asked)
    world = everything()

    for number in numbers:
        world.at = len(world.calls) + 1 + number % calls
        take_down(world, asked)
    world.at = 0
    code = take_down(world, asked)

    assert (code, state(world)) == (0, whole)
