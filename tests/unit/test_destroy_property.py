"""Wherever taking something down fails, doing it again ends as if it had not; and doing it twice changes nothing."""

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
from lockstep.testing import PROD, SETTINGS, TEST, FakeWiring, World, a_service, some_settings
from tests.unit.standing import ROOT, Breaking, publish, run, stand

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
    """Return a world in which everything stands and runs, prod protected."""
    world = publish(stand(World(), some_settings(TEXT), SERVICES), "hello", "hello-world")
    for stack in ("shop-test-hello", "shop-test-hello-world", f"shop-test-hello--{branch_slug('main')}"):
        run(world, TEST, stack)
    run(world, PROD, "shop-prod-hello", protected=True)
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
    return copy.deepcopy((*stacks, world.running, world.repositories, world.buckets, groups, world.policies))


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


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SCOPES), st.integers(0, 1000))
def test_again_after_a_failure(asked: Asked, number: int) -> None:
    """Whichever step fails, the same task once more ends in the state that an unbroken run ends in."""
    whole, calls = unbroken(asked)
    world = everything(at=1 + number % calls)

    codes = take_down(world, asked), take_down(world, asked)

    assert (codes, state(world)) == ((StackError.exit_code, 0), whole)


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
