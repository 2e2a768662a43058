"""What the use cases need of the outside, as Protocols. lockstep.testing ships a fake of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lockstep import policy
from lockstep.model import (
    AccountId,
    Architecture,
    Commit,
    DeployStack,
    Digest,
    ImageFunction,
    ImageRef,
    ResourceChange,
    Scan,
    ScanException,
    Service,
    Sha256,
    StackName,
    SuiteOutcome,
)

if TYPE_CHECKING:
    from lockstep.account_ports import Administrator, Overview
    from lockstep.needs import Knowledge
    from lockstep.pipeline.build import Vault
    from lockstep.pipeline_ports import Machinery, Repository
    from lockstep.settings import Settings

Say = Callable[[str], None]


class Console(Protocol):
    """Where words and results go. Words never mix with a JSON document."""

    def say(self, line: str) -> None:
        """Print one line of words."""

    def complain(self, text: str) -> None:
        """Print an error."""

    def result(self, lines: tuple[str, ...], document: object) -> None:
        """Print a result: its lines, or the document where JSON was asked for."""

    def alone(self, word: str) -> None:
        """Print the one word that whoever runs this waits for, on stdout."""

    def confirm(self, question: str) -> bool | None:
        """Ask a yes-or-no question; None where nobody is there to answer."""

    def ask(self, question: str) -> str | None:
        """Ask for a word; None where nobody is there to answer."""


class Clock(Protocol):
    """Time, as far as it is shown to people."""

    def seconds(self) -> float:
        """A monotonic reading in seconds."""

    def now(self) -> str:
        """The time of day in UTC, ISO 8601."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Images(Protocol):
    """Local container images."""

    def ping(self) -> str:
        """The engine's version; raises BuildError where none answers."""

    def has(self, tag: str) -> bool:
        """Is there a local image with this tag?"""

    def build(self, folder: Path, image: ImageFunction, tag: str, labels: Mapping[str, str], say: Say) -> None:
        """Build an image of the service in `folder` and tag it; raises BuildError with the build's last words."""

    def push(self, tag: str, say: Say) -> None:
        """Push a tag with the registry login of the tooling account; raises RegistryError."""

    def base(self, tag: str) -> str | None:
        """What a local image was built from, by digest or else by id; None where there is no such image here."""

    def remove(self, tag: str) -> None:
        """Take a tag from a local image; nothing where there is none."""

    def check(self, ref: ImageRef, architecture: Architecture) -> None:
        """Read a pushed image back from its registry; raises BuildError for one that Lambda does not run."""


class Registry(Protocol):
    """The tooling account's ECR."""

    @property
    def host(self) -> str:
        """Where images are pushed to."""

    def find(self, repository: str, tag: str) -> ImageRef | None:
        """The image that carries a tag; raises RegistryError where the repository is missing."""

    def has(self, ref: ImageRef) -> bool:
        """Is there an image with this digest?"""

    def layers(self, ref: ImageRef) -> tuple[str, tuple[int, ...]]:
        """The media type of an image, and the compressed size of each of its layers in bytes; raises RegistryError."""

    def scan(self, ref: ImageRef) -> Scan:
        """What the registry's scan found in an image."""

    def policy(self, repository: str) -> policy.Document:
        """A repository's policy; raises RegistryError where the repository is missing."""


class Store(Protocol):
    """The artifact bucket, where published files are written once."""

    def get(self, key: str) -> bytes | None:
        """The content of a key, None where there is none."""

    def put_once(self, key: str, content: bytes) -> bool:
        """Write a key that is not there; False, and nothing written, where it is."""

    def keys(self, prefix: str) -> tuple[str, ...]:
        """The keys that begin with a prefix, in order."""

    def region(self) -> str:
        """Where the bucket is; raises ConfigError where it is missing or somebody else's."""


class Signer(Protocol):
    """The asymmetric key of the tooling account that signs releases."""

    @property
    def key(self) -> str:
        """Its ARN."""

    @property
    def algorithm(self) -> str:
        """The signatures' algorithm, by KMS's name."""

    def sign(self, sha256: Sha256) -> bytes:
        """Sign a hash; raises IdentityError for who may not."""

    def verify(self, sha256: Sha256, signature: bytes) -> bool:
        """Is it the key's signature of this hash?"""


class Packager(Protocol):
    """SAM's packaging."""

    def version(self) -> str:
        """SAM's version."""

    def package(self, folder: Path, template: bytes, repositories: Mapping[str, str], say: Say) -> bytes:
        """Build and upload whatever of a template in `folder` is no image; return the template that names it."""


# A stack that holds nothing: its creation was never begun, or it failed and was rolled back.
_HOLLOW = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})


@dataclass(frozen=True)
class StackState:
    """What CloudFormation says of a stack: `resources` are physical ids by logical id, `functions` logical ids.

    `changed` is when it last was, in UTC, ISO 8601.
    """

    status: str
    tags: Mapping[str, str]
    resources: Mapping[str, str]
    functions: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    changed: str | None = None

    @property
    def is_hollow(self) -> bool:
        """Does it hold nothing?"""
        return self.status in _HOLLOW


@dataclass(frozen=True)
class StackContent:
    """What a stack is made of: the text of its template, its parameters, its tags; `protected` from being deleted."""

    template: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False


class Stacks(Protocol):
    """CloudFormation in one account."""

    def describe(self, stack: StackName) -> StackState | None:
        """A stack as it is now, None where there is none."""

    def differences(self, stack: StackName, wanted: StackContent) -> tuple[str, ...]:
        """Say in what a stack is not as wanted; empty where it is, ('missing',) where there is none."""

    def drift(self, stack: StackName) -> tuple[str, ...]:
        """Which resources of a stack are not as its template says, each with how."""

    def protect(self, stack: StackName, *, on: bool) -> None:
        """Keep a stack from being deleted, or no more."""


@dataclass(frozen=True)
class StackUpdate:
    """What an update would do to a stack; `before` and `after` are its templates as CloudFormation processed them."""

    resources: tuple[ResourceChange, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


class ChangeSets(Protocol):
    """What updates would do in one account, as CloudFormation says beforehand."""

    def preview(
        self, stack: StackName, template: bytes, parameters: Mapping[str, str], tags: Mapping[str, str]
    ) -> StackUpdate:
        """Say what an update would do to a stack that is there, and leave it as it is; raises DeployError."""


class Policies(Protocol):
    """IAM in one account: what its roles may do."""

    def identity(self, role: str) -> policy.Identity:
        """A role's own policies and its boundary; raises ConfigError where there is no such role."""

    def document(self, arn: str) -> policy.Document:
        """What a managed policy says; raises ConfigError where there is no such policy."""

    def roles(self, prefix: str) -> tuple[str, ...]:
        """Every role whose name begins so."""


class Functions(Protocol):
    """Lambda in one account."""

    def image(self, function: str) -> Digest | None:
        """The digest that a function runs; None where there is no such function or it is no image."""

    def images(self, prefix: str) -> dict[str, str]:
        """The image, as its function names it, of every image function whose name begins so."""

    def names(self, prefix: str) -> tuple[str, ...]:
        """Every function whose name begins so."""

    def invoke(self, function: str, event: object) -> object:
        """Call a function and return its answer as JSON holds it; raises DeployError where it fails."""


class Sam(Protocol):
    """SAM's deployment with one environment's credentials."""

    def deploy(self, step: DeployStack, template: bytes, say: Say) -> None:
        """Create or update the stack and wait; raises DeployError."""


@dataclass(frozen=True)
class Suite:
    """The integration tests of a service, and the stack that they are about; `functions` are names by logical ids."""

    service: str
    stack: StackName
    outputs: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)


class Suites(Protocol):
    """Integration tests with one environment's credentials. Whatever becomes of them, a JUnit report is left."""

    def run(self, suite: Suite, say: Say) -> SuiteOutcome:
        """Run the tests of one service."""

    def skip(self, reason: str) -> None:
        """Leave the report of a run in which there was nothing to test."""


@dataclass(frozen=True)
class Tooling:
    """The tooling account, opened as the caller, who was proven to be in it; without `signer` nothing is signed."""

    caller: str
    images: Images
    registry: Registry
    store: Store
    packager: Packager
    signer: Signer | None = None


@dataclass(frozen=True)
class Target:
    """One environment's account, opened as a role that was proven to be in it. `store` holds its own files."""

    caller: str
    store: Store
    stacks: Stacks
    functions: Functions
    sam: Sam
    policies: Policies
    change_sets: ChangeSets
    suites: Suites


@dataclass(frozen=True)
class Releases:
    """The tooling account as far as a deployment needs it: published files, images and who signed them."""

    caller: str
    store: Store
    registry: Registry
    signer: Signer | None = None


class Sandbox(Protocol):
    """The embedded AWS on this machine."""

    def start(self, say: Say) -> None:
        """Start it and what it needs; nothing where it runs. Raises LockstepError."""

    def stop(self, say: Say) -> None:
        """End every process that `start` started; keep its state."""

    def reset(self, say: Say) -> None:
        """Stop it and forget its accounts."""

    def status(self) -> Mapping[str, str | None]:
        """`endpoint`, `engine`, `state`: what runs where, None where nothing does."""


class Wiring(Protocol):
    """Opens the outside, piece by piece, no piece before it is needed."""

    @property
    def root(self) -> Path:
        """The working tree."""

    @property
    def console(self) -> Console:
        """Where words and results go."""

    @property
    def clock(self) -> Clock:
        """What time it is, as far as people are shown."""

    def host(self) -> str:
        """The name of this machine."""

    def token(self) -> str:
        """A word that no other run has."""

    def execution(self) -> str:
        """The pipeline execution, or the build, that this runs in; empty where it runs in none."""

    def settings(self) -> Settings:
        """The settings in use; raises ConfigError."""

    def which_aws(self) -> str:
        """One line: which AWS is meant, and by which file."""

    def services(self) -> tuple[Service, ...]:
        """The catalog of services/; raises ConfigError."""

    def scan_exceptions(self) -> tuple[ScanException, ...]:
        """The findings of image scans that were reviewed and accepted; raises ConfigError."""

    def commit(self) -> Commit:
        """What the working tree was made from; raises ConfigError outside git."""

    def copy_source(self, folder: Path) -> None:
        """Copy every file that git tracks, as it is now, into a new folder; raises ConfigError outside git."""

    def outfit(self) -> Mapping[str, str]:
        """What a build on this machine begins with: PATH, language, the way to package registries; no caller's own."""

    def vault(self) -> Vault:
        """Open the parameter store and the secrets of tooling as the caller; raises IdentityError."""

    def tooling(self) -> Tooling:
        """Open the tooling account as the caller; raises IdentityError where it is another account."""

    def deployer(self, environment: str) -> tuple[Releases, Target]:
        """Open an environment for a deployment, through its deployer role; raises IdentityError."""

    def reader(self, environment: str, through: str | None = None) -> Target:
        """Open an environment to look at it, perhaps as the deployer of a later one; raises IdentityError."""

    def viewer(self, environment: str) -> tuple[Store, Target]:
        """Open an environment to look at it, with what is published; raises IdentityError."""

    def admin(self, account: AccountId) -> Administrator:
        """Open an account as its administrator, for bootstrap, destroy and prune; raises IdentityError."""

    def overview(self, *, patient: bool = False) -> Overview:
        """Open the tooling account to look at how it is set up; raises IdentityError where it is another account.

        Be patient where roles were just made: it takes AWS some seconds to know them.
        """

    def machinery(self) -> Machinery:
        """CodePipeline and CodeBuild of the sandbox; raises ConfigError where real accounts are meant."""

    def repository(self) -> Repository:
        """The git repository of the working tree."""

    def knowledge(self) -> Knowledge:
        """What CloudFormation and IAM know of resource types and actions."""

    def sandbox(self) -> Sandbox:
        """The sandbox of this working tree."""

    def tools(self) -> tuple[tuple[str, str | None, str], ...]:
        """Each tool that is needed: name, version or None, and what to do where it is missing."""
