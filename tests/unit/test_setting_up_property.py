"""Wherever setting the accounts up fails, the next run goes on there."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.errors import StackError
from lockstep.model import AccountId, StackName
from lockstep.testing import World
from tests.unit.set_up import TAGGED, set_up, waiting
from tests.unit.standing import Breaking, stand


@cache
def unbroken() -> dict[tuple[AccountId, StackName], object]:
    """Return the stacks that a run makes in which nothing fails."""
    world = World()
    set_up(world, TAGGED)
    return dict(world.account_stacks)


@settings(max_examples=15, deadline=None)
@given(st.booleans(), st.lists(st.integers(1, 15), min_size=1, max_size=3))
def test_again_after_failures(is_there: bool, numbers: list[int]) -> None:
    """Whichever steps fail, the next run goes on there, leaves nothing waiting, and ends as an unbroken one."""
    world = Breaking(account_stacks=stand(World()).account_stacks if is_there else {})

    for number in numbers:
        world.at = len(world.calls) + number
        try:
            set_up(world, TAGGED)
        except StackError as error:
            # A change set that failed to be made is not there to be taken away.
            world.calls.append(f"discard {error.tried.rpartition(' ')[2]}")
        assert waiting(world) == set()
    world.at = 0
    set_up(world, TAGGED)

    assert world.account_stacks == unbroken()
