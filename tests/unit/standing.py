"""Accounts that stand as bootstrap leaves them, in memory, for the tests of what looks at them or takes them down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lockstep import access, account_stacks
from lockstep.account_ports import Administrator
from lockstep.errors import StackError
from lockstep.model import AccountId, Service, StackName
from lockstep.names import RELEASE_TAG
from lockstep.ports import StackState
from lockstep.settings import Settings
from lockstep.testing import PROD, TEST, TOOLING, World, a_digest, a_service, administrator, some_settings

ROOT = Path(__file__).parents[2]
KEY = "arn:aws:kms:::key/1"
BUCKET = f"shop-artifacts-{TOOLING}-eu-west-1"


@dataclass
class Breaking(World):
    """A world in which one call that changes something fails: the one of that number, before it has changed it."""

    at: int = 0

    def call(self, name: str) -> None:
        """Note a call, and fail where it is the one."""
        super().call(name)
        if len(self.calls) == self.at:
            raise StackError(f"doing {name}", "ROLLBACK")


def stand(world: World, settings: Settings | None = None, services: tuple[Service, ...] | None = None) -> World:
    """Put every account stack into a world, and the policies of the key and the repositories; return it."""
    known = settings or some_settings()
    steps = account_stacks.plan(known, (a_service(),) if services is None else services)
    for step in steps:
        world.account_stacks[step.account, step.stack] = account_stacks.content(step, ROOT, KEY)
    world.policies |= access.read(steps, ROOT, known.region).resources
    world.keys["1"] = known.names.key_description
    return world


def opened(world: World, settings: Settings, *accounts: AccountId) -> dict[AccountId, Administrator]:
    """Open accounts of a world as their administrators, by default all of the settings."""
    every = accounts or (settings.names.tooling, *(one.account for one in settings.environments))
    return {account: administrator(world, settings, account) for account in every}


def run(
    world: World, account: AccountId, stack: str, function: str = "HelloFunction", *, protected: bool = False
) -> None:
    """Put a service's stack into a world, as a deployment leaves it: a function that runs, and has logged."""
    _run(world, account, stack, function, {RELEASE_TAG: "1"}, protected=protected)


def run_foreign(world: World, account: AccountId, stack: str) -> None:
    """Put a stack that no deployment of ours made into a world, whatever its name: its function runs, and logged."""
    _run(world, account, stack, "Other", {"owner": "somebody"})


def _run(
    world: World, account: AccountId, stack: str, function: str, tags: dict[str, str], *, protected: bool = False
) -> None:
    physical = f"{stack}-{function}"
    state = StackState("CREATE_COMPLETE", tags, {function: physical}, (function,), protected=protected)
    world.stacks[account, StackName(stack)] = state
    world.running[physical] = a_digest()
    world.logs.setdefault(account, set()).add(f"/aws/lambda/{physical}")


def give_bucket(world: World, account: AccountId, stack: str, *files: str) -> str:
    """Put a bucket that holds files into a stack of a world; return its name."""
    where, bucket = (account, StackName(stack)), f"{stack}-files"
    resources = {**world.stacks[where].resources, "Files": bucket}
    world.stacks[where] = replace(world.stacks[where], resources=resources)
    world.buckets[bucket] = [*files]
    return bucket


def publish(world: World, *services: str) -> World:
    """Put what tooling holds of some services into a world: buckets with files, and repositories; return it."""
    files = [f"{kind}/{service}/1.json" for kind in ("builds", "packages") for service in services]
    files += ["releases/1.json", f"environments/{TEST}/1", f"environments/{PROD}/1"]
    world.buckets |= {BUCKET: files, f"shop-logs-{TOOLING}-eu-west-1": ["artifacts/1"]}
    world.repositories |= {f"shop/{service}/hellofunction" for service in services}
    return world
