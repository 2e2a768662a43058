"""Sets the accounts up: says what would change, sees that it can be done, does it in order.

A failure ends it, and the next run goes on there. A stack that is there is changed by the very change set that was
shown, which waits meanwhile. A new one gets none before it is made: what its template holds was shown. Of one that
changes once the key is made nothing could be shown.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockstep import intrinsics, needs, template
from lockstep.account_ports import Administrator
from lockstep.account_stacks import KEY_ARN, AccountStack, content
from lockstep.errors import IdentityError, LockstepError
from lockstep.intrinsics import Stack
from lockstep.model import AccountId, Change, StackPreview
from lockstep.names import partition_of
from lockstep.needs import Knowledge
from lockstep.ports import Clock, Say, StackContent

Opened = Mapping[AccountId, Administrator]
# What CloudFormation does to a resource, by what is shown of it. One that is removed is in no template any more.
_OPERATIONS = {
    "add": ("create", "read"),
    "modify": ("read", "update"),
    "may_replace": ("read", "update"),
    "replace": ("create", "delete", "read"),
}
# What changing a stack takes, beside what is in it.
_CHANGING = (
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:ListStackResources",
)
_PROTECTING = "cloudformation:UpdateTerminationProtection"


@dataclass(frozen=True)
class Planned:
    """A stack and what applying it would do; with nothing shown, that can be told only once the key is there."""

    step: AccountStack
    content: StackContent
    shown: StackPreview | None

    @property
    def is_needed(self) -> bool:
        """Is there anything to do?"""
        return self.shown is None or self.shown.change is not Change.NONE


@dataclass(frozen=True)
class Applied:
    """How a stack ended: created, updated or unchanged, and how long that took, in seconds."""

    step: AccountStack
    result: str
    seconds: float


def preview(steps: tuple[AccountStack, ...], root: Path, opened: Opened) -> tuple[Planned, ...]:
    """Say for each stack what applying it would do. Change sets are left waiting; `discard` takes them away."""
    planned: list[Planned] = []
    try:
        key = _key(steps, opened)
        for step in steps:
            wanted = content(step, root, key)
            stacks = opened[step.account].stacks
            unknown = step.needs_key and not key and stacks.describe(step.stack) is not None
            planned.append(Planned(step, wanted, None if unknown else stacks.preview(step.stack, wanted)))
    except BaseException:
        discard(tuple(planned), opened)
        raise
    return tuple(planned)


def discard(planned: tuple[Planned, ...], opened: Opened) -> None:
    """Take away what was left waiting, as far as that can be done: the next run takes away the rest."""
    for one in planned:
        if one.shown is not None:
            with contextlib.suppress(LockstepError):
                opened[one.step.account].stacks.discard(one.step.stack, one.shown)


def check_rights(planned: tuple[Planned, ...], opened: Opened, knowledge: Knowledge, region: str) -> None:
    """See that each administrator may do what the plan takes; raises IdentityError before anything is changed."""
    for account, administrator in opened.items():
        mine = [one for one in planned if one.step.account == account and one.is_needed]
        wanted: dict[str, list[str]] = {}
        for resource, action in (right for one in mine for right in _rights(one, knowledge, region)):
            wanted.setdefault(resource, []).append(action)
        if refused := administrator.rights.refused(wanted):
            raise IdentityError(
                f"changing {mine[0].step.where}, account {account}, as {administrator.identity.caller}",
                f"it may not: {', '.join(refused[:6])}" + (f", and {len(refused) - 6} more" if refused[6:] else ""),
                "use an administrator of that account; nothing was changed",
            )


def apply(planned: tuple[Planned, ...], root: Path, opened: Opened, clock: Clock, say: Say) -> tuple[Applied, ...]:
    """Do what was planned, in order; return what came of each stack. Where one fails, the rest is left as it was."""
    results: list[Applied] = []
    try:
        for one in planned:
            began = clock.seconds()
            result = _apply(one, tuple(other.step for other in planned), root, opened)
            results.append(Applied(one.step, result, clock.seconds() - began))
            if one.is_needed:
                say(f"  {one.step.where}: {one.step.stack} {result} ({results[-1].seconds:.1f} s)")
    finally:
        discard(planned[len(results) + 1 :], opened)
    return tuple(results)


def _apply(one: Planned, steps: tuple[AccountStack, ...], root: Path, opened: Opened) -> str:
    step, stacks = one.step, opened[one.step.account].stacks
    # Only now is the key sure to be there.
    wanted = content(step, root, _key(steps, opened)) if one.is_needed and step.needs_key else one.content
    shown = stacks.preview(step.stack, wanted) if one.shown is None else one.shown
    return stacks.apply(step.stack, wanted, shown)


def _key(steps: tuple[AccountStack, ...], opened: Opened) -> str:
    """Return the ARN of the key, empty where it is not made yet; its stack is the first."""
    state = opened[steps[0].account].stacks.describe(steps[0].stack)
    return "" if state is None else state.outputs.get(KEY_ARN, "")


def _rights(one: Planned, knowledge: Knowledge, region: str) -> Iterator[tuple[str, str]]:
    """Yield on what an administrator has to be allowed which action, to change a stack and what is in it.

    CloudFormation makes resources with the administrator's own rights.
    """
    step = one.step
    # AWS chooses the end of it.
    stack = f"arn:{partition_of(region)}:cloudformation:{region}:{step.account}:stack/{step.stack}/*"
    protect = one.shown is not None and one.shown.protection is not None
    yield from ((stack, action) for action in (*_CHANGING, *([_PROTECTING] if protect else [])))
    parsed = template.read(one.content.template, step.template)
    where = Stack(step.stack, step.account, region, intrinsics.split_lists(parsed, one.content.parameters))
    changes = {} if one.shown is None else {change.logical_id: change.action for change in one.shown.resources}
    for logical_id, body in intrinsics.resources(parsed, where).items():
        if logical_id in changes:
            kind, properties = body["Type"], body.get("Properties") or {}
            operations = _OPERATIONS[changes[logical_id]]
            found = needs.of_resource(kind, logical_id, properties, where, knowledge, step.account, operations)
            yield from ((need.resource, need.action) for need in found if need.certain)
