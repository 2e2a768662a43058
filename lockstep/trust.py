"""Looks whether everybody can become whom the settings say, and nobody else: tries each role and keeps what came of it.

A role that is taken to see whether it can be is not used for anything but to see what it can become in turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from lockstep import policy
from lockstep.account_ports import Identity
from lockstep.settings import Settings


@dataclass(frozen=True)
class Tried:
    """One attempt of `who` to become `role`: whether it should have gone well, and why AWS refused it if it did."""

    who: str
    role: str
    expected: bool
    refusal: str

    @property
    def is_right(self) -> bool:
        """Did it end as the settings say?"""
        return self.expected == (not self.refusal)


def expected(settings: Settings, caller: str) -> dict[str, bool]:
    """Return by role whether a caller should be able to become it; the caller's own role is left out."""
    names, me = settings.names, policy.role_of(caller)
    developers = settings.tooling.developers
    roles: dict[str, bool] = {names.build_role: False}
    if developers:
        roles[names.developer_role] = _is_listed(me, developers)
    if settings.approved:
        roles[names.planner_role] = False
    for target in settings.targets:
        account, deployer = target.value.account, names.deployer_role(target.name)
        roles[deployer] = _is_listed(me, target.deployers)
        roles[names.deploy_role(target.name, account)] = me == deployer
        lookers = {deployer, names.developer_role, *(names.deployer_role(e.name) for e in settings.later(target.name))}
        lookers |= {names.planner_role} if target.value in settings.approved else set()
        roles[names.status_role(target.name, account)] = me in lookers
        roles[names.execution_role(target.name, account)] = False
    roles.pop(me, None)
    return roles


def look(settings: Settings, starts: Iterable[tuple[Identity, Collection[str]]]) -> Iterator[Tried]:
    """Try the roles of some accounts as each identity, and then as whoever of the tasks it becomes; nothing twice."""
    refusals: dict[tuple[str, str], str] = {}
    for identity, accounts in starts:
        yield from _look(settings, identity, accounts, refusals, set())


def _look(
    settings: Settings,
    identity: Identity,
    accounts: Collection[str],
    refusals: dict[tuple[str, str], str],
    became: set[str],
) -> Iterator[Tried]:
    names, me = settings.names, policy.role_of(identity.caller)
    followed = {names.developer_role, *(names.deployer_role(target.name) for target in settings.targets)}
    for role, hoped in expected(settings, identity.caller).items():
        if role.split(":")[4] not in accounts:
            continue
        if (me, role) not in refusals:
            refusals[me, role] = identity.refusal(role, hoped=hoped)
            yield Tried(identity.caller, role, hoped, refusals[me, role])
        if not refusals[me, role] and role in followed - became:
            became.add(role)
            yield from _look(settings, identity.become(role), accounts, refusals, became)


def short(arn: str) -> str:
    """Return how people call a role or a user: its name, of a session that of its role."""
    return policy.role_of(arn).rpartition("/")[2]


def _is_listed(me: str, listed: tuple[str, ...]) -> bool:
    """Is somebody among those listed? A session tells its role without the path that the list has."""
    return any(_plain(me) == _plain(arn) for arn in listed)


def _plain(arn: str) -> tuple[str, str]:
    """Return account and kind, and the name without its path."""
    start, _, resource = arn.rpartition(":")
    return f"{start}:{resource.partition('/')[0]}", resource.rpartition("/")[2]
