"""Fakes of every port.

A World is what they share: the published files, the pushed images, what runs in each account. It behaves like the
real outside as far as the use cases can tell, in memory and at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lockstep import policy
from lockstep.errors import ConfigError, RegistryError
from lockstep.model import (
    AccountId,
    Architecture,
    DeployStack,
    Digest,
    ImageFunction,
    ImageRef,
    Scan,
    Sha256,
    StackName,
    SuiteOutcome,
)
from lockstep.pipeline.buildspec import Secret
from lockstep.ports import Say, StackContent, StackState, StackUpdate, Suite
from lockstep.testing.builders import a_digest


@dataclass
class FakeConsole:
    """Keeps what was printed: words, errors and results, and all of it in order in `lines`."""

    as_json: bool = False
    answer: bool | None = None
    word: str | None = None
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    documents: list[object] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Keep a line."""
        self.lines.append(line)

    def complain(self, text: str) -> None:
        """Keep an error."""
        self.errors.append(text)

    def result(self, lines: tuple[str, ...], document: object) -> None:
        """Keep a result: its lines, or its document where JSON was asked for."""
        if self.as_json:
            self.documents.append(document)
        else:
            self.lines.extend(lines)

    def alone(self, word: str) -> None:
        """Keep the word as a line."""
        self.lines.append(word)

    def confirm(self, question: str) -> bool | None:
        """Keep the question and give the answer that was set; by default nobody is there to give one."""
        self.lines.append(question)
        return self.answer

    def ask(self, question: str) -> str | None:
        """Keep the question and give the word that was set; by default nobody is there to give one."""
        self.lines.append(question)
        return self.word


@dataclass
class FakeClock:
    """A clock that goes on by one second each time it is looked at, and whose time of day only sleep moves."""

    ticks: float = 0.0
    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def seconds(self) -> float:
        """One second later each time."""
        self.ticks += 1.0
        return self.ticks

    def now(self) -> str:
        """The same moment, until somebody sleeps."""
        return self.moment.isoformat()

    def sleep(self, seconds: float) -> None:
        """Go on by so many seconds at once."""
        self.ticks += seconds
        self.moment += timedelta(seconds=seconds)


@dataclass
class World:
    """What the fakes share. Everything in it may be set by a test, and looked at afterwards."""

    files: dict[str, bytes] = field(default_factory=dict)
    local: set[str] = field(default_factory=set)
    pushed: dict[str, Digest] = field(default_factory=dict)
    stacks: dict[tuple[AccountId, StackName], StackState] = field(default_factory=dict)
    running: dict[str, Digest] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    account_stacks: dict[tuple[AccountId, StackName], StackContent] = field(default_factory=dict)
    repositories: set[str] = field(default_factory=set)
    buckets: dict[str, list[str]] = field(default_factory=dict)
    logs: dict[AccountId, set[str]] = field(default_factory=dict)
    # By id what each key says of itself, and which of them wait for their deletion.
    keys: dict[str, str] = field(default_factory=dict)
    doomed: set[str] = field(default_factory=set)
    policies: dict[str, policy.Document] = field(default_factory=dict)
    # Who can become whom against what the settings say, by the short names of both.
    trusts: dict[tuple[str, str], bool] = field(default_factory=dict)
    lacking: dict[AccountId, tuple[str, ...]] = field(default_factory=dict)
    skew: float = 0.0
    drift: dict[StackName, tuple[str, ...]] = field(default_factory=dict)
    # By repository what each look at a scan says, the last one from then on; without one there is nothing to find.
    scans: dict[str, list[Scan]] = field(default_factory=dict)
    # The parameters and secrets of tooling by their names.
    vault: dict[str, str] = field(default_factory=dict)
    # When a file was written or a digest was pushed; three days before FakeClock's time where it says nothing.
    dates: dict[str, str] = field(default_factory=dict)
    # What a change set says of a stack, by default that no resource of it would change.
    updates: dict[StackName, StackUpdate] = field(default_factory=dict)
    # By service what its integration tests end with; without anything they pass.
    failing: dict[str, str] = field(default_factory=dict)
    sandbox_runs: bool = False
    calls: list[str] = field(default_factory=list)
    fails: dict[str, BaseException] = field(default_factory=dict)

    def call(self, name: str) -> None:
        """Note a call that changes something, and fail where the test says so."""
        self.calls.append(name)
        for begin, error in self.fails.items():
            if name.startswith(begin):
                raise error


@dataclass
class FakeImages:
    """An engine whose builds always succeed, unless the world says otherwise."""

    world: World

    def ping(self) -> str:
        """A version, or the error that the world holds for the engine."""
        if "engine" in self.world.fails:
            raise self.world.fails["engine"]
        return "20.10"

    def has(self, tag: str) -> bool:
        """Was it built here?"""
        return tag in self.world.local

    def build(self, folder: Path, image: ImageFunction, tag: str, labels: Mapping[str, str], say: Say) -> None:
        """Build at once."""
        self.ping()
        self.world.call(f"build {folder.name} {image.logical_id}")
        say(f"  labels {sorted(labels)}")
        self.world.local.add(tag)

    def push(self, tag: str, say: Say) -> None:
        """Push at once; the digest is that of the tag."""
        self.world.call(f"push {tag}")
        self.world.pushed[tag.partition("/")[2]] = a_digest(tag)
        say(f"pushed {tag}")

    def base(self, tag: str) -> str | None:
        """A base of its own for each image that was built here."""
        return f"base@{a_digest('base')}" if tag in self.world.local else None

    def remove(self, tag: str) -> None:
        """Forget what was built."""
        self.world.local.discard(tag)

    def check(self, ref: ImageRef, architecture: Architecture) -> None:
        """Find every image good, unless the world says otherwise."""
        self.world.call(f"check {ref.repository} {architecture}")


@dataclass
class FakeRegistry:
    """A registry that has every repository."""

    world: World
    host: str = "registry"

    def find(self, repository: str, tag: str) -> ImageRef | None:
        """The digest that was pushed under a tag."""
        if "registry" in self.world.fails:
            raise self.world.fails["registry"]
        digest = self.world.pushed.get(f"{repository}:{tag}")
        return None if digest is None else ImageRef(f"{self.host}/{repository}", digest)

    def has(self, ref: ImageRef) -> bool:
        """Was this digest pushed to its repository, under any tag?"""
        images = {(f"{self.host}/{name.partition(':')[0]}", digest) for name, digest in self.world.pushed.items()}
        return (ref.repository, ref.digest) in images

    def layers(self, ref: ImageRef) -> tuple[str, tuple[int, ...]]:
        """Two layers of one kilobyte each."""
        if not self.has(ref):
            raise RegistryError(f"reading the manifest of {ref}", "it is not in the registry", "invoke push")
        return "application/vnd.docker.distribution.manifest.v2+json", (1024, 1024)

    def scan(self, ref: ImageRef) -> Scan:
        """The scan that the world holds, by default one that found nothing."""
        scans = self.world.scans.get(ref.repository.partition("/")[2], [Scan("COMPLETE", is_done=True)])
        return scans.pop(0) if len(scans) > 1 else scans[0]

    def policy(self, repository: str) -> policy.Document:
        """The policy that the world holds for a repository."""
        return self.world.policies.get(repository, {})


@dataclass
class FakeStore:
    """A bucket in memory, where a file is written once."""

    world: World

    def get(self, key: str) -> bytes | None:
        """The content of a key."""
        return self.world.files.get(key)

    def put_once(self, key: str, content: bytes) -> bool:
        """Write a key that is not there."""
        if key in self.world.files:
            return False
        self.world.call(f"put {key.partition('/')[0]}")
        self.world.files[key] = content
        return True

    def keys(self, prefix: str) -> tuple[str, ...]:
        """The keys that begin with a prefix."""
        return tuple(sorted(key for key in self.world.files if key.startswith(prefix)))

    def region(self) -> str:
        """Where the bucket is."""
        if "bucket" in self.world.fails:
            raise self.world.fails["bucket"]
        return "eu-west-1"


@dataclass
class FakeSigner:
    """A key whose signature of a hash is its own name and the hash."""

    key: str
    algorithm: str = "ECDSA_SHA_256"

    def sign(self, sha256: Sha256) -> bytes:
        """Sign at once."""
        return f"{self.key} {sha256}".encode()

    def verify(self, sha256: Sha256, signature: bytes) -> bool:
        """Was it signed by this key?"""
        return signature == self.sign(sha256)


@dataclass
class FakeVault:
    """The parameters and secrets that the world holds; the keys of a secret's JSON are part of its name."""

    world: World

    def parameters(self, names: tuple[str, ...]) -> dict[str, str]:
        """Those that the world holds."""
        return {name: self._get(name) for name in names}

    def secret(self, wanted: Secret) -> str:
        """The one that the world holds."""
        return self._get(":".join(part for part in (wanted.id, wanted.key) if part))

    def _get(self, name: str) -> str:
        if name not in self.world.vault:
            raise ConfigError(f"reading {name}", "it is missing")
        return self.world.vault[name]


@dataclass
class FakePackager:
    """Packages by giving the template back."""

    world: World

    def version(self) -> str:
        """A version."""
        return "1.170.0"

    def package(self, folder: Path, template: bytes, repositories: Mapping[str, str], say: Say) -> bytes:
        """Give the template back, in another form, as SAM does."""
        self.world.call(f"package {folder.name} {sorted(repositories)}")
        say(f"  packaged {folder.name}")
        return json.dumps(json.loads(template), indent=2).encode()


@dataclass
class FakeStacks:
    """The stacks of one account."""

    world: World
    account: AccountId

    def describe(self, stack: StackName) -> StackState | None:
        """A stack as the world holds it; an account stack has the key's ARN among its outputs."""
        made = self.world.account_stacks.get((self.account, stack))
        if made is None:
            return self.world.stacks.get((self.account, stack))
        outputs = {"KeyArn": "arn:aws:kms:::key/1"}
        return StackState("CREATE_COMPLETE", made.tags, {}, (), outputs, made.parameters, made.protected)

    def differences(self, stack: StackName, wanted: StackContent) -> tuple[str, ...]:
        """What of an account stack is not as wanted."""
        made = self.world.account_stacks.get((self.account, stack))
        if made is None:
            return ("missing",)
        names = {"template": "template", "parameters": "parameters", "tags": "tags", "protected": "protection"}
        return tuple(said for name, said in names.items() if getattr(made, name) != getattr(wanted, name))

    def drift(self, stack: StackName) -> tuple[str, ...]:
        """What the world holds of a stack's drift."""
        return self.world.drift.get(stack, ())

    def protect(self, stack: StackName, *, on: bool) -> None:
        """Keep a stack from being deleted, or no more."""
        self.world.call(f"protect {stack} {on}")
        where = (self.account, stack)
        if where in self.world.stacks:
            self.world.stacks[where] = replace(self.world.stacks[where], protected=on)
        else:
            self.world.account_stacks[where] = replace(self.world.account_stacks[where], protected=on)


@dataclass
class FakeChangeSets:
    """What updates would do in one account: what the world says."""

    world: World

    def preview(
        self, stack: StackName, template: bytes, parameters: Mapping[str, str], tags: Mapping[str, str]
    ) -> StackUpdate:
        """What the world holds for a stack, or the error that it holds for all."""
        del template, parameters, tags
        if "change set" in self.world.fails:
            raise self.world.fails["change set"]
        return self.world.updates.get(stack, StackUpdate())


@dataclass
class FakeFunctions:
    """The functions of one account, by physical id."""

    world: World

    def image(self, function: str) -> Digest | None:
        """The digest that a function runs."""
        return self.world.running.get(function)

    def images(self, prefix: str) -> dict[str, str]:
        """The image of every function whose name begins so, in a repository called like its service."""
        begin = len(prefix)
        found = {name: digest for name, digest in self.world.running.items() if name.startswith(prefix)}
        return {name: f"registry/shop/{_repository(name[begin:])}@{digest}" for name, digest in found.items()}

    def names(self, prefix: str) -> tuple[str, ...]:
        """Every function whose name begins so."""
        return tuple(name for name in self.world.running if name.startswith(prefix))

    def invoke(self, function: str, event: object) -> object:
        """The answer that the world holds for the function or for the digest that it runs, else a status of 200."""
        self.world.call(f"invoke {function} {json.dumps(event)}")
        of_digest = self.world.answers.get(self.world.running.get(function, ""), {"statusCode": 200, "body": "{}"})
        return self.world.answers.get(function, of_digest)


def _repository(rest: str) -> str:
    """Return the repository of a function that is called service-Function."""
    service, _, function = rest.rpartition("-")
    return f"{service}/{function.lower()}"


# When everything in a world was deployed: three days before FakeClock's time.
DEPLOYED = "2025-12-29T00:00:00+00:00"


@dataclass
class FakeSam:
    """Deploys by writing into the world what CloudFormation would have made of the template."""

    world: World
    account: AccountId

    def deploy(self, step: DeployStack, template: bytes, say: Say) -> None:
        """Create or update the stack at once."""
        self.world.call(f"sam deploy {step.stack}")
        resources = json.loads(template)["Resources"]
        physical = {name: f"{step.stack}-{name}" for name in resources}
        for name, _ in step.build.images:
            self.world.running[physical[name]] = ImageRef.parse(resources[name]["Properties"]["ImageUri"]).digest
        before = self.world.stacks.get((self.account, step.stack))
        status = "UPDATE_COMPLETE" if before else "CREATE_COMPLETE"
        functions = tuple(name for name, _ in step.build.images)
        given = dict(step.parameters)
        state = StackState(status, dict(step.tags), physical, functions, given, given, changed=DEPLOYED)
        # An update leaves a stack as protected as it was.
        self.world.stacks[self.account, step.stack] = replace(state, protected=before is not None and before.protected)
        say(f"  {status} {step.stack}")


@dataclass
class FakeSuites:
    """Integration tests that pass at once, unless the world says otherwise."""

    world: World
    environment: str = "test"

    def run(self, suite: Suite, say: Say) -> SuiteOutcome:
        """Note what the tests are told, and end as the world says."""
        told = " ".join((suite.stack, json.dumps(dict(suite.outputs)), json.dumps(dict(suite.functions))))
        self.world.call(f"integration tests of {suite.service} in {self.environment}: {told}")
        failed = self.world.failing.get(suite.service)
        say(f"  test_{suite.service}.py::test_{suite.service} {'FAILED' if failed else 'PASSED'}")
        file = f"reports/integration-{self.environment}-{suite.service}.xml"
        return SuiteOutcome(suite.service, failed is None, failed or "1 passed in 0.01s", file)

    def skip(self, reason: str) -> None:
        """Note the reason."""
        self.world.call(f"a report of {self.environment} that {reason}")


@dataclass
class FakeSandbox:
    """A sandbox that starts at once."""

    world: World

    def start(self, say: Say) -> None:
        """Start."""
        self.world.sandbox_runs = True
        say("starting")

    def stop(self, say: Say) -> None:
        """Stop."""
        self.world.sandbox_runs = False
        say("stopping")

    def reset(self, say: Say) -> None:
        """Stop and forget."""
        self.stop(say)
        self.world.stacks.clear()

    def status(self) -> Mapping[str, str | None]:
        """What runs."""
        return {"endpoint": "http://sandbox" if self.world.sandbox_runs else None}
