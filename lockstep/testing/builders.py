"""Builders with defaults: a test spells out only what it is about."""

from __future__ import annotations

from pathlib import PurePosixPath

from lockstep import canonical, release
from lockstep import settings as settings_room
from lockstep.errors import BuildError
from lockstep.model import (
    AccountId,
    Commit,
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

CONNECTION = f"arn:aws:codeconnections:eu-west-1:{TOOLING}:connection/01234567-89ab-cdef-0123-456789abcdef"
# What the settings say of a pipeline, before any environment: from CodeCommit, and over a connection.
CODECOMMIT = """
[pipeline]
source = "codecommit"
repository = "shop"
branch = "main"
"""
CODECONNECTIONS = f"""
[pipeline]
source = "codeconnections"
repository = "acme/shop"
branch = "main"
connection = "{CONNECTION}"
paths = ["services/**", "infra/**"]
ignored_paths = ["docs/**"]
notify = ["team@example.com"]
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


def engine_down() -> BuildError:
    """Return the error of an engine that does not answer."""
    return BuildError("talking to the Docker engine", "no such file", "start Docker")
