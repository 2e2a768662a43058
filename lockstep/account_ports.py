"""What bootstrap, destroy, prune and doctor need of the accounts, as Protocols.

lockstep.testing ships a fake of each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from lockstep.model import Digest, StackName, StackPreview, StoredImage
from lockstep.policy import Document
from lockstep.ports import Functions, Policies, Registry, StackContent, Stacks, Store


class AccountStacks(Stacks, Protocol):
    """CloudFormation with the rights of an account's administrator, for bootstrap and destroy alone."""

    def preview(self, stack: StackName, wanted: StackContent) -> StackPreview:
        """Say what applying would do; for a stack that is there, by a change set that waits to be applied."""

    def apply(self, stack: StackName, wanted: StackContent, shown: StackPreview) -> str:
        """Do what was shown and wait; return 'created', 'updated' or 'unchanged'. Raises StackError, BusyError."""

    def discard(self, stack: StackName, shown: StackPreview) -> None:
        """Take away the change set that was shown and will not be applied."""

    def names(self) -> tuple[StackName, ...]:
        """Every stack that is there."""

    def buckets(self, stack: StackName) -> tuple[str, ...]:
        """The buckets that go with a stack; those that its template keeps are not among them."""

    def delete(self, stack: StackName) -> None:
        """Delete a stack, also one that is being created, and wait; nothing where there is none. Raises StackError."""


class Identity(Protocol):
    """Somebody in an account, who may try to become somebody else."""

    @property
    def caller(self) -> str:
        """The ARN of who this is."""

    def refusal(self, role: str, *, hoped: bool) -> str:
        """Try to take a role; say why AWS refused it, nothing where it did not. Try for a while where that is wrong.

        Raises LockstepError for whatever else comes back.
        """

    def become(self, role: str) -> Identity:
        """Take a role; raises IdentityError."""


class Rights(Protocol):
    """What the caller may do in an account."""

    def refused(self, wanted: Mapping[str, Collection[str]]) -> tuple[str, ...]:
        """Say which of some actions, by the ARN that they are on, are not allowed; raises IdentityError."""


class Buckets(Protocol):
    """S3 in one account, with the right to delete."""

    def exist(self, names: Collection[str]) -> tuple[str, ...]:
        """Which of some buckets are there and this account's."""

    def holds(self, bucket: str, prefix: str) -> bool:
        """Is there a version of a file that begins so? Not where there is no bucket."""

    def empty(self, bucket: str, prefix: str = "") -> int:
        """Delete every version of every file that begins so; return how many. Nothing where there is no bucket."""

    def delete(self, bucket: str) -> None:
        """Delete an empty bucket; nothing where there is none."""


class Repositories(Protocol):
    """ECR in one account, with the right to delete."""

    def names(self, prefix: str) -> tuple[str, ...]:
        """Every repository whose name begins so."""

    def delete(self, repository: str) -> None:
        """Delete a repository and the images in it; nothing where there is none."""

    def images(self, repository: str) -> tuple[StoredImage, ...]:
        """Every image of a repository, under however many tags."""

    def remove(self, repository: str, digests: Collection[Digest]) -> None:
        """Delete images with all their tags; one that is gone already is no error. Raises RegistryError."""


class Archive(Store, Protocol):
    """The artifact bucket, with the right to delete files in it."""

    def dates(self, prefix: str) -> Mapping[str, str]:
        """The keys that begin with a prefix, and when each was written: in UTC, ISO 8601, to the second."""

    def delete(self, keys: Collection[str]) -> None:
        """Delete files; one that is gone already is no error."""


class AccountFunctions(Functions, Protocol):
    """Lambda in one account, with the right to look at every function."""

    def digests(self) -> frozenset[Digest]:
        """The digest of every version of every image function; raises DeployError for one that names none."""


class Keys(Protocol):
    """KMS in one account."""

    def policy(self, key: str) -> Document:
        """A key's policy."""

    def schedule_deletion(self, key: str) -> str:
        """Have a key deleted after the shortest time that AWS allows; return when. As it is where that was done."""

    def find(self, description: str) -> Mapping[str, str]:
        """The keys of this description: the day until which each waits for its deletion, nothing where it does not."""


class Logs(Protocol):
    """CloudWatch Logs in one account."""

    def names(self, prefix: str) -> tuple[str, ...]:
        """Every log group whose name begins so."""

    def delete(self, group: str) -> None:
        """Delete a log group; nothing where there is none."""


@dataclass(frozen=True)
class Administrator:
    """One account, opened as its administrator, for bootstrap, destroy and prune alone.

    `store` is the artifact bucket, which is in tooling.
    """

    identity: Identity
    stacks: AccountStacks
    rights: Rights
    buckets: Buckets
    store: Archive
    repositories: Repositories
    keys: Keys
    logs: Logs
    functions: AccountFunctions
    policies: Policies


@dataclass(frozen=True)
class Overview:
    """The tooling account, opened by the caller to look at how it is set up. `skew`: seconds that we are ahead."""

    identity: Identity
    stacks: Stacks
    store: Store
    registry: Registry
    keys: Keys
    skew: float
