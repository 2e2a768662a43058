"""Accounts that are being set up, in memory: what would change in a world, and that it is done."""

from __future__ import annotations

from lockstep import account_stacks, bootstrap
from lockstep.account_stacks import AccountStack
from lockstep.bootstrap import Applied, Opened, Planned
from lockstep.testing import SETTINGS, FakeClock, World, a_service, some_settings
from tests.unit.standing import ROOT, opened

TAGGED = SETTINGS.replace("[tooling]", '[tooling]\ntags = { Team = "shop" }').replace(
    "[[environments]]", '[[environments]]\ntags = { Team = "shop" }'
)
STACKS = (
    "shop-tooling-resources",
    "shop-tooling-roles",
    "shop-deployer-test",
    "shop-deployer-prod",
    "shop-repository-hello-hellofunction",
    "shop-account-test",
    "shop-account-prod",
)


def steps(text: str = SETTINGS) -> tuple[AccountStack, ...]:
    """Return the account stacks for some settings."""
    return account_stacks.plan(some_settings(text), (a_service(),))


def admins(world: World) -> Opened:
    """Open every account of a world."""
    return opened(world, some_settings())


def preview(world: World, text: str = SETTINGS) -> tuple[Planned, ...]:
    """Say what would change in a world."""
    return bootstrap.preview(steps(text), ROOT, admins(world))


def apply(world: World, planned: tuple[Planned, ...], said: list[str] | None = None) -> tuple[Applied, ...]:
    """Do what was planned."""
    return bootstrap.apply(planned, ROOT, admins(world), FakeClock(), (list[str]() if said is None else said).append)


def set_up(world: World, text: str = SETTINGS) -> tuple[Applied, ...]:
    """Set the accounts of a world up."""
    return apply(world, preview(world, text))


def waiting(world: World) -> set[str]:
    """Return the stacks of which a change set was left waiting."""
    left: set[str] = set()
    for call in world.calls:
        verb, _, stack = call.partition(" ")
        left = left | {stack} if verb == "plan" else left - {stack}
    return left
