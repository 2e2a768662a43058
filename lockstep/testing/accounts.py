"""Fakes of what an administrator may do in an account, and of what can be looked at there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lockstep import intrinsics, policy, template, trust
from lockstep.account_ports import Administrator
from lockstep.errors import ConfigError, IdentityError
from lockstep.intrinsics import Stack
from lockstep.model import AccountId, Change, Digest, ResourceChange, StackName, StackPreview, StoredImage
from lockstep.ports import StackContent
from lockstep.settings import Settings
from lockstep.testing.fakes import DEPLOYED, FakeFunctions, FakeStacks, FakeStore, World

_DAY = "2026-01-08"
_RESULTS = {Change.CREATE: "created", Change.UPDATE: "updated", Change.NONE: "unchanged"}


@dataclass
class FakeAccountStacks(FakeStacks):
    """The stacks of one account, with what an administrator may do to them."""

    def preview(self, stack: StackName, wanted: StackContent) -> StackPreview:
        """Say that a stack is made, or updated as a whole, or stays."""
        differences = self.differences(stack, wanted)
        protection = wanted.protected if "protection" in differences else None
        if not {*differences} - {"protection"}:
            return StackPreview(Change.NONE if protection is None else Change.UPDATE, protection=protection)
        made = self._resources(stack, wanted).items()
        if differences == ("missing",):
            added = tuple(ResourceChange("add", name, body["Type"]) for name, body in made)
            return StackPreview(Change.CREATE, added, protection=wanted.protected or None)
        changes = tuple(ResourceChange("modify", name, body["Type"], ("Tags",)) for name, body in made)
        self.world.call(f"plan {stack}")
        return StackPreview(Change.UPDATE, changes, f"change set of {stack}", protection)

    def apply(self, stack: StackName, wanted: StackContent, shown: StackPreview) -> str:
        """Make a stack, and the key that is in it; or find it unchanged."""
        if shown.change is not Change.NONE:
            self.world.call(f"apply {stack}")
            self.world.account_stacks[self.account, stack] = wanted
        if shown.change is Change.CREATE:
            for body in self._resources(stack, wanted).values():
                if body["Type"] == "AWS::KMS::Key":
                    self.world.keys[f"{len(self.world.keys) + 1}"] = body["Properties"]["Description"]
        return _RESULTS[shown.change]

    def _resources(self, stack: StackName, wanted: StackContent) -> Mapping[str, Any]:
        parsed = template.read(wanted.template, stack)
        where = Stack(stack, self.account, "eu-west-1", intrinsics.split_lists(parsed, wanted.parameters))
        return intrinsics.resources(parsed, where)

    def discard(self, stack: StackName, shown: StackPreview) -> None:
        """Note that a change set was taken away."""
        if shown.change_set:
            self.world.call(f"discard {stack}")

    def names(self) -> tuple[StackName, ...]:
        """Every stack of the account."""
        everything = (*self.world.stacks, *self.world.account_stacks)
        return tuple(stack for account, stack in everything if account == self.account)

    def buckets(self, stack: StackName) -> tuple[str, ...]:
        """The buckets among a stack's resources."""
        state = self.describe(stack)
        return tuple(name for name in (state.resources.values() if state else ()) if name in self.world.buckets)

    def delete(self, stack: StackName) -> None:
        """Delete a stack with its functions, unless it is protected; nothing where there is none."""
        state = self.describe(stack)
        if state is None:
            return
        self.world.call(f"delete {stack}")
        if state.protected:
            raise ConfigError(f"deleting {stack}", "it is protected")
        for name in state.resources.values():
            if self.world.buckets.get(name):
                raise ConfigError(f"deleting {stack}", f"the bucket {name} holds files")
            self.world.buckets.pop(name, None)
            self.world.running.pop(name, None)
        self.world.stacks.pop((self.account, stack), None)
        self.world.account_stacks.pop((self.account, stack), None)


@dataclass
class FakeIdentity:
    """Somebody who can become exactly whom the settings say, unless the world says otherwise."""

    world: World
    settings: Settings
    caller: str

    def refusal(self, role: str, *, hoped: bool) -> str:
        """Nothing where the settings or the world allow it."""
        del hoped
        as_said = trust.expected(self.settings, self.caller)[role]
        allowed = self.world.trusts.get((trust.short(self.caller), trust.short(role)), as_said)
        return "" if allowed else "AccessDenied"

    def become(self, role: str) -> FakeIdentity:
        """Become a role."""
        if refused := self.refusal(role, hoped=True):
            raise IdentityError(f"assuming {role} as {self.caller}", refused)
        account, name = role.split(":")[4], role.rpartition("/")[2]
        return FakeIdentity(self.world, self.settings, f"arn:aws:sts::{account}:assumed-role/{name}/x")


@dataclass
class FakeRights:
    """An administrator who may everything but what the world says is lacking."""

    world: World
    account: AccountId

    def refused(self, wanted: Mapping[str, Collection[str]]) -> tuple[str, ...]:
        """What is wanted and lacking."""
        asked = {action for actions in wanted.values() for action in actions}
        return tuple(action for action in self.world.lacking.get(self.account, ()) if action in asked)


@dataclass
class FakeBuckets:
    """The buckets of the world: each a list of the names of its files, one for each version."""

    world: World
    account: AccountId

    def exist(self, names: Collection[str]) -> tuple[str, ...]:
        """Those that are there and have this account in their names, as ours have."""
        return tuple(name for name in names if name in self.world.buckets and self.account in name)

    def holds(self, bucket: str, prefix: str) -> bool:
        """Does a file begin so?"""
        return any(file.startswith(prefix) for file in self.world.buckets.get(bucket, []))

    def empty(self, bucket: str, prefix: str = "") -> int:
        """Forget the files that begin so."""
        files = self.world.buckets.get(bucket, [])
        kept = [file for file in files if not file.startswith(prefix)]
        if bucket in self.world.buckets:
            self.world.call(f"empty {bucket}/{prefix}")
            self.world.buckets[bucket] = kept
        return len(files) - len(kept)

    def delete(self, bucket: str) -> None:
        """Forget an empty bucket."""
        if bucket in self.world.buckets:
            self.world.call(f"delete bucket {bucket}")
            if self.world.buckets[bucket]:
                raise ConfigError(f"deleting {bucket}", "BucketNotEmpty")
            del self.world.buckets[bucket]


@dataclass
class FakeRepositories:
    """The repositories of the world."""

    world: World

    def names(self, prefix: str) -> tuple[str, ...]:
        """Those whose names begin so."""
        return tuple(sorted(name for name in self.world.repositories if name.startswith(prefix)))

    def delete(self, repository: str) -> None:
        """Forget one."""
        self.world.call(f"delete repository {repository}")
        self.world.repositories.discard(repository)

    def images(self, repository: str) -> tuple[StoredImage, ...]:
        """What was pushed there, each image once and of 50 MB."""
        pushed = {digest for name, digest in self.world.pushed.items() if name.startswith(f"{repository}:")}
        return tuple(StoredImage(one, 50_000_000, self.world.dates.get(one, DEPLOYED)) for one in sorted(pushed))

    def remove(self, repository: str, digests: Collection[Digest]) -> None:
        """Forget images with all their tags."""
        self.world.call(f"delete {len(digests)} images of {repository}")
        for name, digest in list(self.world.pushed.items()):
            if name.startswith(f"{repository}:") and digest in digests:
                del self.world.pushed[name]


@dataclass
class FakeArchive(FakeStore):
    """A bucket in memory, for who may delete files in it."""

    def dates(self, prefix: str) -> Mapping[str, str]:
        """When each file that begins so was written, as the world says."""
        return {key: self.world.dates.get(key, DEPLOYED) for key in self.keys(prefix)}

    def delete(self, keys: Collection[str]) -> None:
        """Forget files."""
        self.world.call(f"delete {len(keys)} files")
        for key in keys:
            self.world.files.pop(key, None)


@dataclass
class FakeAccountFunctions(FakeFunctions):
    """The functions of one account, each version of which the world holds under a name of its own."""

    account: AccountId

    def digests(self) -> frozenset[Digest]:
        """Every digest that runs, unless the world holds an error for looking."""
        if f"functions {self.account}" in self.world.fails:
            raise self.world.fails[f"functions {self.account}"]
        return frozenset(self.world.running.values())


@dataclass
class FakeKeys:
    """The keys of the world. The policy of each is the one that it holds under their type."""

    world: World

    def policy(self, key: str) -> policy.Document:
        """The policy that the world holds."""
        del key
        return self.world.policies.get("AWS::KMS::Key", {})

    def schedule_deletion(self, key: str) -> str:
        """Note that the key goes."""
        self.world.call(f"delete key {key}")
        self.world.doomed.add(key)
        return _DAY

    def find(self, description: str) -> Mapping[str, str]:
        """Those of the description; a day for those whose deletion was scheduled."""
        mine = (key for key, said in self.world.keys.items() if said == description)
        return {key: _DAY if key in self.world.doomed else "" for key in mine}


@dataclass
class FakeLogs:
    """The log groups of one account."""

    world: World
    account: AccountId

    def names(self, prefix: str) -> tuple[str, ...]:
        """Those whose names begin so."""
        return tuple(sorted(name for name in self.world.logs.get(self.account, ()) if name.startswith(prefix)))

    def delete(self, group: str) -> None:
        """Forget one."""
        self.world.call(f"delete log {group}")
        self.world.logs.get(self.account, set()).discard(group)


@dataclass
class FakePolicies:
    """The roles of one account; each may everything but what the world says is lacking."""

    world: World
    account: AccountId

    def identity(self, role: str) -> policy.Identity:
        """A role that may everything, unless the world holds its policy."""
        return policy.Identity(role, (self.document(role),))

    def document(self, arn: str) -> policy.Document:
        """The policy that the world holds under this name, by default one that allows everything."""
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        return self.world.policies.get(arn, {"Version": "2012-10-17", "Statement": [everything]})

    def roles(self, prefix: str) -> tuple[str, ...]:
        """Those of which the world holds a policy; all others are in stacks."""
        begin = f"arn:aws:iam::{self.account}:role/"
        names = (arn.removeprefix(begin) for arn in self.world.policies if arn.startswith(begin))
        return tuple(name for name in names if name.startswith(prefix))


def administrator(world: World, settings: Settings, account: AccountId) -> Administrator:
    """Return a fake administrator of an account. Only that of tooling finds repositories and a key."""
    here = world if account == settings.names.tooling else World()
    return Administrator(
        identity=FakeIdentity(world, settings, f"arn:aws:iam::{account}:user/administrator"),
        stacks=FakeAccountStacks(world, account),
        rights=FakeRights(world, account),
        buckets=FakeBuckets(world, account),
        store=FakeArchive(world),
        repositories=FakeRepositories(here),
        keys=FakeKeys(here),
        logs=FakeLogs(world, account),
        functions=FakeAccountFunctions(world, account),
        policies=FakePolicies(world, account),
    )
