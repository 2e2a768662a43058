"""The values that travel between the rooms. Frozen, comparable, no I/O.

Words are those of docs/tour.md: a service is a folder, a release is immutable, an environment is an account.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, NewType

from lockstep.errors import LockstepError

AccountId = NewType("AccountId", str)
Digest = NewType("Digest", str)
StackName = NewType("StackName", str)
ReleaseId = NewType("ReleaseId", str)
Sha256 = NewType("Sha256", str)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest(text: str) -> Digest:
    """Return `text` as an image digest, `sha256:` and 64 hex digits; raises LockstepError for anything else."""
    if not _DIGEST.fullmatch(text):
        raise LockstepError(f"'{text}' is not an image digest")
    return Digest(text)


class Architecture(StrEnum):
    """A Lambda instruction set, by the name that a SAM template gives it."""

    X86_64 = "x86_64"
    ARM64 = "arm64"

    @property
    def docker(self) -> str:
        """The name that an image's own configuration uses."""
        return {"x86_64": "amd64", "arm64": "arm64"}[self.value]


@dataclass(frozen=True)
class ImageRef:
    """An image in a registry, by digest. There is no reference by tag."""

    repository: str
    digest: Digest

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"

    @classmethod
    def parse(cls, uri: str) -> ImageRef:
        """Read `host/repository@sha256:...`; raises LockstepError where no digest is named."""
        repository, _, name = uri.partition("@")
        return cls(repository, digest(name))


@dataclass(frozen=True)
class StoredImage:
    """An image as its repository has it, under whatever tags: its compressed size in bytes, and when it was pushed.

    That moment is in UTC, ISO 8601, to the second.
    """

    digest: Digest
    size: int
    at: str


@dataclass(frozen=True)
class ImageFunction:
    """An image function of a template: what its Metadata tells SAM to build. Paths are relative to the service."""

    logical_id: str
    context: PurePosixPath
    dockerfile: PurePosixPath
    architecture: Architecture = Architecture.X86_64
    build_args: tuple[tuple[str, str], ...] = ()
    target: str | None = None


@dataclass(frozen=True)
class SmokeEvent:
    """One named invocation and the answer that proves the service works.

    `expect` is compared with the function's answer: a mapping must be contained in it, anything else be equal.
    A `body` that is itself JSON text is compared as JSON.
    """

    name: str
    function: str
    event: object
    expect: object


Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Grants:
    """What a service needs beyond what every service may, as statements of IAM with placeholders in them.

    `execution` is what CloudFormation needs to make its resources, `boundary` what its functions do when they run.
    """

    execution: tuple[Statement, ...] = ()
    boundary: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Service:
    """A folder in services/: one stack in each environment.

    `package_hash` covers what the packaged template depends on, `image_hashes` each image's build inputs,
    `source_hash` both. Smoke events and integration tests are no part of what is deployed.
    """

    name: str
    images: tuple[ImageFunction, ...]
    smoke: tuple[SmokeEvent, ...]
    source_hash: Sha256
    package_hash: Sha256
    image_hashes: tuple[tuple[str, Sha256], ...] = ()
    grants: Grants = Grants()
    has_integration: bool = False


class Severity(StrEnum):
    """How bad a finding of an image scan is, by ECR's name, mildest first; `none` is milder than any finding."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    def is_worse_than(self, other: Severity) -> bool:
        """Is it?"""
        ranks = list(Severity)
        return ranks.index(self) > ranks.index(other)


@dataclass(frozen=True)
class Finding:
    """What an image scan found: its name, such as `CVE-2026-0001`, and how bad it is."""

    name: str
    severity: Severity


@dataclass(frozen=True)
class Scan:
    """What ECR says of an image's scan. Only a scan that `is_done` tells of all there is to find.

    `status` is ECR's own word for it; `is_pending` where waiting helps.
    """

    status: str
    findings: tuple[Finding, ...] = ()
    is_done: bool = False
    is_pending: bool = False


@dataclass(frozen=True)
class ScanException:
    """A finding that was reviewed and may be deployed until a day, that day included, and why.

    `until` is in ISO 8601; without a service it holds for all of them.
    """

    finding: str
    until: str
    reason: str
    service: str | None = None

    def covers(self, service: str, finding: str, day: str) -> bool:
        """Does it accept a finding in a service on a day?"""
        return self.finding == finding and self.service in {None, service} and day <= self.until


class OnFailure(StrEnum):
    """What the pipeline does where a deployment to an environment fails."""

    STOP = "stop"
    RETRY = "retry"
    ROLL_BACK = "rollback"


@dataclass(frozen=True)
class Environment:
    """A target account, in promotion order. With `protect`, what is deployed there is kept from being deleted.

    Then no deployment replaces or removes what holds data there, unless it is told to.
    `scan_threshold` is the worst finding of an image scan that may be deployed there; with None no scan is read. With
    `approval` the pipeline waits for a person's word before it. With `branch` the stacks are meant that a feature
    branch has beside the environment's own; they prove no release and last until they are destroyed.
    """

    name: str
    account: AccountId
    region: str
    tags: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    protect: bool = False
    allow_force: bool = False
    rollback_on_failed_smoke: bool = True
    scan_threshold: Severity | None = None
    approval: bool = False
    on_failure: OnFailure = OnFailure.STOP
    branch: str = ""

    def parameters_of(self, service: str) -> tuple[tuple[str, str], ...]:
        """The template parameters that this environment sets for a service."""
        return dict(self.parameters).get(service, ())


@dataclass(frozen=True)
class Commit:
    """What the working tree was made from. `dirty`: tracked or new files differ from the commit."""

    sha: str
    branch: str
    dirty: bool


@dataclass(frozen=True)
class ImageDetails:
    """What is known of a pushed image. `size` is that of its compressed layers together, in bytes.

    `base` is the image that it was built from, by digest, or by its id where no registry gave it; None where the image
    was found in the registry and not built here.
    """

    media_type: str
    architecture: Architecture
    size: int
    layers: int
    base: str | None


@dataclass(frozen=True)
class ServiceBuild:
    """What building a service gave: by logical id its images, and its packaged template by content.

    `details` are facts about the images, `tools` the versions of what built them, those of whoever built this source
    first. `smoke_sha256` is that of its smoke file, by which it was not built: None where it has none.
    """

    name: str
    source_hash: Sha256
    images: tuple[tuple[str, ImageRef], ...]
    template_sha256: Sha256
    smoke_sha256: Sha256 | None = None
    details: tuple[tuple[str, ImageDetails], ...] = ()
    tools: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Release:
    """An immutable manifest: a commit and the builds of its services. `release_id` is the hash of the rest."""

    release_id: ReleaseId
    commit: Commit
    services: tuple[ServiceBuild, ...]

    def build_of(self, service: str) -> ServiceBuild:
        """The build of one service; raises LockstepError where the release has none."""
        for build in self.services:
            if build.name == service:
                return build
        raise LockstepError(f"release {self.release_id} holds no service '{service}'")


@dataclass(frozen=True)
class RunningService:
    """What an account says of one service's stack: `images` by logical id, None where a function is gone.

    `commit` is as `names.commit_name` gives it; `changed` is when the stack last was, in UTC, ISO 8601, and `age` how
    many seconds ago, where that was asked for. `drift` names what of it is not as its template says, None where
    nobody looked.
    """

    name: str
    stack: StackName
    status: str | None
    release: ReleaseId | None = None
    template_sha256: Sha256 | None = None
    images: tuple[tuple[str, Digest | None], ...] = ()
    settings_hash: str | None = None
    protected: bool = False
    commit: str | None = None
    changed: str | None = None
    age: float | None = None
    drift: tuple[str, ...] | None = None


class Change(StrEnum):
    """What a deployment does, or did, to a service's stack."""

    CREATE = "create"
    UPDATE = "update"
    NONE = "unchanged"


@dataclass(frozen=True)
class ProveAccount:
    """Compare the caller's account with the configuration. The first step of every plan."""

    account: AccountId
    role: str


@dataclass(frozen=True)
class DeployStack:
    """Bring one service's stack to its build in the release."""

    service: str
    stack: StackName
    change: Change
    reason: str
    build: ServiceBuild
    parameters: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ProtectStack:
    """Keep one service's stack from being deleted."""

    service: str
    stack: StackName


@dataclass(frozen=True)
class SmokeTest:
    """Invoke one function in the environment and compare its answer."""

    service: str
    stack: StackName
    event: SmokeEvent


Step = ProveAccount | DeployStack | ProtectStack | SmokeTest


@dataclass(frozen=True)
class Plan:
    """What a deployment will do, in order."""

    environment: Environment
    release: ReleaseId
    steps: tuple[Step, ...]

    @property
    def deployments(self) -> tuple[DeployStack, ...]:
        """The steps that bring a stack to its build, also where nothing is to be done."""
        return tuple(step for step in self.steps if isinstance(step, DeployStack))


@dataclass(frozen=True)
class ResourceChange:
    """What happens to one resource of a stack: `action` is add, modify, replace, may_replace or remove."""

    action: str
    logical_id: str
    kind: str
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackPreview:
    """What applying a template would do to a stack, and the id of the change set that waits to do it, if one does.

    `protection` from being deleted goes on or off; None where it stays.
    """

    change: Change
    resources: tuple[ResourceChange, ...] = ()
    change_set: str = ""
    protection: bool | None = None


class Result(StrEnum):
    """How a service's deployment ended."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True)
class ServiceOutcome:
    """How one service's deployment ended, and how long it took in seconds."""

    name: str
    result: Result
    seconds: float
    error: LockstepError | None = None


@dataclass(frozen=True)
class SmokeOutcome:
    """How one smoke event ended; `difference` says what did not match, `error` why there was no answer."""

    service: str
    name: str
    passed: bool
    difference: str = ""
    error: LockstepError | None = None


def smoke_exit_code(outcomes: tuple[SmokeOutcome, ...]) -> int:
    """0 only if every smoke test passed; else what the first failure ends with: 6, or its error's own."""
    failed = (6 if test.error is None else test.error.exit_code for test in outcomes if not test.passed)
    return next(failed, 0)


@dataclass(frozen=True)
class SuiteOutcome:
    """How a service's integration tests ended, in their last words; `report` is a path in the working tree."""

    service: str
    passed: bool
    summary: str
    report: str


@dataclass(frozen=True)
class Outcome:
    """What came of a plan: what was done, what failed, what was never started.

    `unrecorded` says why the record of it could not be written, where it could not.
    """

    plan: Plan
    services: tuple[ServiceOutcome, ...] = ()
    smoke: tuple[SmokeOutcome, ...] = ()
    not_started: tuple[Step, ...] = ()
    unrecorded: LockstepError | None = None

    @property
    def exit_code(self) -> int:
        """0 only if every step was done and recorded and every smoke test passed."""
        for service in self.services:
            if service.error is not None:
                return service.error.exit_code
        recorded = 0 if self.unrecorded is None else self.unrecorded.exit_code
        return 6 if self.not_started else smoke_exit_code(self.smoke) or recorded

    @property
    def is_disproven(self) -> bool:
        """Was everything deployed, and did a function then give a wrong answer? None at all says nothing of it."""
        complete = not self.not_started and all(one.error is None for one in self.services)
        wrong = (test for test in self.smoke if not test.passed)
        return complete and any(test.error is None or test.error.exit_code == 6 for test in wrong)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: the ARN of the caller, the machine, and the pipeline's execution where there is one.

    `token` is this run's own, and no other's: by it a run knows its own lock again.
    """

    caller: str
    host: str
    execution: str = ""
    token: str = ""


@dataclass(frozen=True)
class Lock:
    """One deployment's right to change a service in an environment; `number` is its fencing token.

    `start` and `until` are in UTC, ISO 8601; without an end it holds until it is released. `is_new` is true for who
    took it just now.
    """

    service: str
    number: int
    holder: Holder
    start: str
    until: str
    is_new: bool = False


class Kind(StrEnum):
    """What a record in an environment's history tells of."""

    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    SMOKE = "smoke"


@dataclass(frozen=True)
class DeployedService:
    """What a deployment did to one service, as its record keeps it.

    `before` is the release that ran, None where none did; `images` are by logical id the digests that its release
    names; `smoke` says of each smoke test by name whether it passed, and is empty where none was run.
    """

    name: str
    before: ReleaseId | None
    result: Result
    seconds: float
    template_sha256: Sha256
    images: tuple[tuple[str, Digest], ...] = ()
    smoke: tuple[tuple[str, bool], ...] = ()

    @property
    def runs(self) -> bool:
        """Did the service run the deployment's release when it ended?"""
        return self.result is not Result.FAILED

    @property
    def is_proven(self) -> bool:
        """Did it run it, with at least one smoke test, all of which passed?"""
        return self.runs and bool(self.smoke) and all(passed for _, passed in self.smoke)


@dataclass(frozen=True)
class Deployment:
    """One record of an environment's history; they are numbered from 1, without a gap, and none is ever changed.

    `at` is in UTC, ISO 8601; `forced` are the gates that were passed by --force, `accepted` the findings of image
    scans that an exception let pass; `execution` is the pipeline's.
    """

    number: int
    kind: Kind
    at: str
    caller: str
    release: ReleaseId
    commit: str
    services: tuple[DeployedService, ...]
    forced: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    execution: str = ""
    automatic: bool = False


@dataclass(frozen=True)
class EnvironmentStatus:
    """What runs in one environment and the records of what was deployed there, or why the caller may not look."""

    environment: Environment
    services: tuple[RunningService, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    error: LockstepError | None = None
