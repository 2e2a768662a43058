"""What the runner of a deployed pipeline needs of the outside, as Protocols. lockstep.testing ships a fake of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lockstep.model import AccountId, StackName

if TYPE_CHECKING:
    from lockstep.pipeline.build import Vault


@dataclass(frozen=True)
class Keys:
    """Credentials of a role's session, and when they end, in UTC, ISO 8601. They are never part of its text."""

    access: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(repr=False)
    expires: str


@dataclass(frozen=True)
class Revision:
    """A commit as a source action tells it. All but the commit was written by anybody: it is data alone."""

    commit: str
    branch: str
    date: str
    message: str


@dataclass(frozen=True)
class StackOrder:
    """What a stack is to be made of; `role` is the one that CloudFormation makes its resources with."""

    stack: StackName
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...]
    role: str


class ActionStacks(Protocol):
    """CloudFormation in one account, as a pipeline's action uses it.

    Each of these waits until it is done, and raises LockstepError with AWS's reason where it fails.
    """

    def apply(self, order: StackOrder) -> str:
        """Create or update a stack; 'created', 'updated' or 'unchanged'."""

    def plan(self, order: StackOrder, change_set: str) -> bool:
        """Make a change set in the place of one of that name; False where it changes nothing."""

    def execute(self, stack: StackName, change_set: str) -> str:
        """Execute a change set; 'created', 'updated' or, where it changes nothing, 'unchanged'."""

    def delete(self, stack: StackName, role: str) -> bool:
        """Delete a stack with a role; False where there is none."""

    def outputs(self, stack: StackName) -> Mapping[str, str]:
        """The outputs of a stack by their names; none where there is no stack."""


class Agent(Protocol):
    """A role that a service of AWS has taken for a resource of its own, or one that such a role has taken."""

    def keys(self) -> Keys:
        """The keys of the session."""

    def get(self, bucket: str, key: str) -> bytes:
        """A file of a bucket; raises LockstepError where it is missing, or the role may not read it."""

    def put(self, bucket: str, key: str, content: bytes, encryption_key: str) -> None:
        """Write a file to a bucket; raises LockstepError where the role may not."""

    def vault(self) -> Vault:
        """The parameters and secrets that the role may read."""

    def become(self, role: str) -> Agent:
        """Take another role; raises IdentityError where this one may not, or is not trusted."""

    def stacks(self, account: AccountId) -> ActionStacks:
        """The stacks of the account that the role is in."""


class Machinery(Protocol):
    """CodePipeline and CodeBuild of the tooling account: what is deployed there, and the roles that they take."""

    def pipeline(self, name: str) -> Mapping[str, Any]:
        """A pipeline, as GetPipeline gives it; raises ConfigError where there is none."""

    def projects(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Projects, as BatchGetProjects gives them; raises ConfigError where one is missing."""

    def become(self, role: str, source: str, session: str) -> Agent:
        """Take a role as the service whose resource `source` is; raises IdentityError where it is not trusted."""

    def environment(self, *, privileged: bool) -> Mapping[str, str]:
        """What a build needs of this machine: its tools, its network, its AWS, and its Docker engine if privileged."""


class Repository(Protocol):
    """The local repository, which stands in for the one that a pipeline's source names."""

    def revision(self, commit: str | None, branch: str) -> Revision:
        """A commit, or a branch's newest; raises ConfigError where there is none."""

    def archive(self, commit: str, file: Path) -> None:
        """Write the files of a commit as a zip, without .git."""
