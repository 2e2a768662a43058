"""Fakes of every port, and builders with defaults: for our tests and for those of whoever builds on Lockstep.

A World is what the fakes share: the published files, the pushed images, what runs in each account. It behaves like
the real outside as far as the use cases can tell, in memory and at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from lockstep import canonical, ports, release
from lockstep import settings as settings_room
from lockstep.errors import BuildError, IdentityError
from lockstep.model import (
    AccountId,
    Architecture,
    Commit,
    DeployStack,
    Digest,
    Environment,
    ImageFunction,
    ImageRef,
    Release,
    RunningService,
    Service,
    ServiceBuild,
    SmokeEvent,
    StackName,
)
from lockstep.names import Names
from lockstep.ports import Say, StackState

TOOLING, TEST, PROD = AccountId("111111111111"), AccountId("222222222222"), AccountId("333333333333")
SETTINGS = f"""
project = "shop"
region = "eu-west-1"
[tooling]
account = "{TOOLING}"
profile = "developer"
admin_profile = "tooling-admin"
developers = ["arn:aws:iam::{TOOLING}:user/developer"]
[[environments]]
name = "test"
account = "{TEST}"
admin_profile = "test-admin"
deployers = ["arn:aws:iam::{TOOLING}:role/shop-developer"]
[[environments]]
name = "prod"
account = "{PROD}"
admin_profile = "prod-admin"
"""


def a_digest(of: str = "image") -> Digest:
    """Return the digest of a made-up image."""
    return Digest("sha256:" + canonical.hash_of(of))


def an_image(logical_id: str = "HelloFunction", **changes: object) -> ImageFunction:
    """Return an image function that is built from app/Dockerfile."""
    values = {"context": PurePosixPath("app"), "dockerfile": PurePosixPath("Dockerfile")} | changes
    return ImageFunction(logical_id, **values)  # type: ignore[arg-type]  # the changes are the test's own


def a_smoke_event(**changes: object) -> SmokeEvent:
    """Return a smoke event that expects status 200."""
    values: dict[str, object] = {
        "name": "greets",
        "function": "HelloFunction",
        "event": {},
        "expect": {"statusCode": 200},
    }
    return SmokeEvent(**(values | changes))  # type: ignore[arg-type]  # the changes are the test's own


def a_service(name: str = "hello", **changes: object) -> Service:
    """Return a service with one image function and one smoke event; its hashes come from its name."""
    values: dict[str, object] = {
        "images": (an_image(),),
        "smoke": (a_smoke_event(),),
        "source_hash": canonical.hash_of([name, "source"]),
        "package_hash": canonical.hash_of([name, "package"]),
        "image_hashes": (("HelloFunction", canonical.hash_of([name, "image"])),),
    }
    return Service(name=name, **(values | changes))  # type: ignore[arg-type]  # the changes are the test's own


def a_commit(**changes: object) -> Commit:
    """Return a clean commit on main."""
    values: dict[str, object] = {"sha": "c0ffee" + "0" * 34, "branch": "main", "dirty": False}
    return Commit(**(values | changes))  # type: ignore[arg-type]  # the changes are the test's own


def a_build(name: str = "hello", **changes: object) -> ServiceBuild:
    """Return a service's build with one image."""
    values: dict[str, object] = {
        "source_hash": canonical.hash_of([name, "source"]),
        "images": (("HelloFunction", ImageRef(f"registry/shop/{name}/hellofunction", a_digest())),),
        "template_sha256": canonical.hash_of([name, "template"]),
    }
    return ServiceBuild(name=name, **(values | changes))  # type: ignore[arg-type]  # the changes are the test's own


def a_release(*builds: ServiceBuild, commit: Commit | None = None) -> Release:
    """Return the release of some builds, by default one of hello."""
    return release.make("shop", commit or a_commit(), builds or (a_build(),))


def an_environment(**changes: object) -> Environment:
    """Return the environment test."""
    values: dict[str, object] = {"name": "test", "account": TEST, "region": "eu-west-1"}
    return Environment(**(values | changes))  # type: ignore[arg-type]  # the changes are the test's own


def some_names() -> Names:
    """Return the names of the project shop."""
    return Names("shop", TOOLING, "eu-west-1")


def some_settings(text: str = SETTINGS) -> settings_room.Settings:
    """Return the settings of the project shop."""
    return settings_room.parse(text, "infra/environments.toml")


def what_runs(build: ServiceBuild, **changes: object) -> RunningService:
    """Return a service that runs a build in test, complete but for its release."""
    values: dict[str, object] = {
        "stack": StackName(f"shop-test-{build.name}"),
        "status": "CREATE_COMPLETE",
        "template_sha256": build.template_sha256,
        "images": tuple((name, ref.digest) for name, ref in build.images),
    }
    return RunningService(name=build.name, **(values | changes))  # type: ignore[arg-type]  # the changes are the test's own


@dataclass
class FakeConsole:
    """Keeps what was printed: words, errors and results, and all of it in order in `lines`."""

    as_json: bool = False
    answer: bool = False
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

    def confirm(self, question: str) -> bool:
        """Keep the question and give the answer that was set."""
        self.lines.append(question)
        return self.answer


@dataclass
class FakeClock:
    """A clock that goes on by one second each time it is looked at."""

    ticks: float = 0.0

    def seconds(self) -> float:
        """One second later each time."""
        self.ticks += 1.0
        return self.ticks

    def now(self) -> str:
        """Always the same moment."""
        return "2026-01-01T00:00:00+00:00"


@dataclass
class World:
    """What the fakes share. Everything in it may be set by a test, and looked at afterwards."""

    files: dict[str, bytes] = field(default_factory=dict)
    local: set[str] = field(default_factory=set)
    pushed: dict[str, Digest] = field(default_factory=dict)
    stacks: dict[tuple[AccountId, StackName], StackState] = field(default_factory=dict)
    running: dict[str, Digest] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    account_stacks: dict[tuple[AccountId, StackName], tuple[str, dict[str, str]]] = field(default_factory=dict)
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


@dataclass
class FakePackager:
    """Packages by giving the template back."""

    world: World

    def package(self, folder: Path, template: bytes, repositories: Mapping[str, str], say: Say) -> bytes:
        """Give the template back, in another form, as SAM does."""
        self.world.call(f"package {folder.name} {sorted(repositories)}")
        say(f"  packaged {folder.name}")
        return json.dumps(json.loads(template), indent=2).encode()


@dataclass
class FakeStacks:
    """The stacks of one account, with what an administrator may do to them."""

    world: World
    account: AccountId

    def describe(self, stack: StackName) -> StackState | None:
        """A stack as the world holds it; an account stack has the key's ARN among its outputs."""
        if (self.account, stack) in self.world.account_stacks:
            return StackState("CREATE_COMPLETE", {}, {}, outputs={"KeyArn": "arn:aws:kms:::key/1"})
        return self.world.stacks.get((self.account, stack))

    def apply(self, stack: StackName, template: str, parameters: Mapping[str, str], tags: Mapping[str, str]) -> str:
        """Make a stack, or find it unchanged."""
        self.world.call(f"apply {stack}")
        wanted = (template, {**parameters, **tags})
        before = self.world.account_stacks.get((self.account, stack))
        self.world.account_stacks[self.account, stack] = wanted
        if before is None:
            return "created"
        return "unchanged" if before == wanted else "updated"


@dataclass
class FakeFunctions:
    """The functions of one account, by physical id."""

    world: World

    def image(self, function: str) -> Digest | None:
        """The digest that a function runs."""
        return self.world.running.get(function)

    def invoke(self, function: str, event: object) -> object:
        """The answer that the world holds, by default a status of 200."""
        self.world.call(f"invoke {function} {json.dumps(event)}")
        return self.world.answers.get(function, {"statusCode": 200, "body": "{}"})


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
        status = "UPDATE_COMPLETE" if (self.account, step.stack) in self.world.stacks else "CREATE_COMPLETE"
        functions = tuple(name for name, _ in step.build.images)
        state = StackState(status, dict(step.tags), physical, functions, outputs=dict(step.parameters))
        self.world.stacks[self.account, step.stack] = state
        say(f"  {status} {step.stack}")


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


@dataclass
class FakeWiring:
    """The outside, in memory. `caller` is who asks; only those in `may_deploy` become an environment's deployer."""

    root: Path
    as_json: bool = False
    profile: str | None = None
    world: World = field(default_factory=World)
    text: str = SETTINGS
    catalog: tuple[Service, ...] = field(default_factory=lambda: (a_service(),))
    checked_out: Commit = field(default_factory=a_commit)
    may_deploy: tuple[str, ...] = ("test",)
    clock: ports.Clock = field(default_factory=FakeClock)

    @cached_property
    def console(self) -> FakeConsole:
        """Where words and results go."""
        return FakeConsole(self.as_json)

    def settings(self) -> settings_room.Settings:
        """The settings that `text` holds."""
        return some_settings(self.text)

    def which_aws(self) -> str:
        """One line."""
        return "AWS: a fake one"

    def services(self) -> tuple[Service, ...]:
        """The catalog that was set."""
        return self.catalog

    def commit(self) -> Commit:
        """The commit that was set."""
        return self.checked_out

    def tooling(self) -> ports.Tooling:
        """Open the fake tooling account, unless the world holds an error for the caller's identity."""
        if "identity" in self.world.fails:
            raise self.world.fails["identity"]
        return ports.Tooling(
            caller=f"arn:aws:sts::{TOOLING}:assumed-role/shop-developer/{self.profile or 'developer'}",
            images=FakeImages(self.world),
            registry=FakeRegistry(self.world),
            store=FakeStore(self.world),
            packager=FakePackager(self.world),
        )

    def deployer(self, environment: str) -> tuple[ports.Releases, ports.Target]:
        """Open an environment, where this caller may deploy to it."""
        if "identity" in self.world.fails:
            raise self.world.fails["identity"]
        if environment not in self.may_deploy and self.profile != "releaser":
            raise IdentityError(f"assuming the deployer of {environment}", "AccessDenied", "ask who may do this")
        return ports.Releases("deployer", FakeStore(self.world)), self.reader(environment)

    def reader(self, environment: str) -> ports.Target:
        """Open an environment to look at it."""
        account = self.settings().environment(environment).value.account
        return ports.Target(
            caller=f"arn:aws:sts::{account}:assumed-role/shop-deploy-{environment}/x",
            stacks=FakeStacks(self.world, account),
            functions=FakeFunctions(self.world),
            sam=FakeSam(self.world, account),
        )

    def admin(self, account: AccountId) -> ports.AccountStacks:
        """Open an account as its administrator."""
        return FakeStacks(self.world, account)

    def sandbox(self) -> ports.Sandbox:
        """The fake sandbox."""
        return FakeSandbox(self.world)

    def tools(self) -> tuple[tuple[str, str | None, str], ...]:
        """One tool that is there; the engine, where the world does not say it is down."""
        engine = None if "engine" in self.world.fails else "20.10"
        return (("python", "3.13", ""), ("docker engine", engine, "start Docker"))


def engine_down() -> BuildError:
    """Return the error of an engine that does not answer."""
    return BuildError("talking to the Docker engine", "no such file", "start Docker")
