"""A terminal whose outside is in memory: runs tasks through Invoke itself, keeps what a person would see."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from invoke import Collection, Program

import tasks
from lockstep import canonical, ports
from lockstep.console import Console
from lockstep.errors import IdentityError
from lockstep.names import image_tag
from lockstep.testing import SETTINGS, FakeIdentity, FakeWiring, Workshop, World, a_commit, a_digest, a_service

if TYPE_CHECKING:
    import pytest

    from lockstep.account_ports import Overview
    from lockstep.model import Commit, Service

TEMPLATE = {
    "Parameters": {"Environment": {"Type": "String"}},
    "Resources": {
        "HelloFunction": {
            "Type": "AWS::Serverless::Function",
            "Metadata": {"Dockerfile": "Dockerfile", "DockerContext": "app"},
            "Properties": {"PackageType": "Image"},
        }
    },
}


class Seen(NamedTuple):
    """How a command ended, and all that it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """The one JSON document that stdout holds, and nothing else."""
        return json.loads(self.out)


def text(*lines: str) -> str:
    """Return lines as they are printed."""
    return "".join(f"{line}\n" for line in lines)


def made(environment: str, service: str = "hello") -> tuple[str, ...]:
    """Return the lines that show what a service's first deployment makes."""
    tag = image_tag(canonical.hash_of([service, "image"]))
    digest = a_digest(f"registry/shop/{service}/hellofunction:{tag}")
    return (
        f"  create shop-{environment}-{service}:",
        "    add      HelloFunction (AWS::Serverless::Function)",
        f"    image    HelloFunction: none -> {digest[:19]} (commit c0ffee000000)",
        f"    parameter Environment: none -> {environment}",
    )


def changed(service: Service, what: str = "a line of the handler") -> Service:
    """Return a service after its image's source changed."""
    image = canonical.hash_of([service.name, "image", what])
    return a_service(
        service.name,
        smoke=service.smoke,
        image_hashes=(("HelloFunction", image),),
        source_hash=canonical.hash_of([service.name, "source", what]),
    )


@dataclass(frozen=True)
class Attended(Console):
    """A console at which somebody sits and answers."""

    answer: bool | None = None
    word: str | None = None

    def confirm(self, question: str) -> bool | None:
        """Print the question and give the answer that was set; ask as the real one does where none was."""
        if self.answer is None:
            return super().confirm(question)
        self.complain(f"{question} [y/N] {'y' if self.answer else 'n'}")
        return self.answer

    def ask(self, question: str) -> str | None:
        """Print the question and give the word that was set; ask as the real one does where none was."""
        if self.word is None:
            return super().ask(question)
        self.complain(f"{question} {self.word}")
        return self.word


@dataclass
class Outside(FakeWiring):
    """The fakes, with the real console before them."""

    answer: bool | None = None
    word: str | None = None

    @cached_property
    def console(self) -> ports.Console:  # type: ignore[override]  # what it prints is the point here
        """Where words and results go: to stdout and stderr, as for a person."""
        return Attended(self.as_json, self.answer, self.word)


class SignedOut(FakeIdentity):
    """Somebody whose session has ended."""

    def refusal(self, role: str, *, hoped: bool) -> str:
        """Be asked to sign in again."""
        del hoped
        raise IdentityError(f"assuming {role} as {self.caller}", "ExpiredToken: it is expired", "sign in again")


class Ending(Outside):
    """An outside in which the caller's session ends before any role is tried."""

    def overview(self, *, patient: bool = False) -> Overview:
        """Open the tooling account and let the session end."""
        found = super().overview(patient=patient)
        ended = SignedOut(self.world, self.settings(), found.identity.caller)
        return replace(found, identity=ended)


@dataclass
class Terminal:
    """A working tree with services, a world around it, and somebody who types. All of it may be set by a test."""

    root: Path
    capsys: pytest.CaptureFixture[str]
    world: World = field(default_factory=World)
    services: tuple[Service, ...] = field(default_factory=lambda: (a_service(),))
    settings: str = SETTINGS
    answer: bool | None = None
    word: str | None = None
    commit: Commit = field(default_factory=a_commit)
    outside: type[Outside] = Outside
    workshop: Workshop = field(default_factory=Workshop)

    def __post_init__(self) -> None:
        for service in self.services:
            self.write_template(service.name)

    def write_template(self, service: str, **changes: object) -> None:
        """Write a service's template into the working tree."""
        folder = self.root / "services" / service
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "template.yaml").write_text(json.dumps(TEMPLATE | changes), encoding="utf-8")

    def invoke(self, *argv: str) -> Seen:
        """Type `invoke` and some arguments, through Invoke's own program, and see what comes of it."""
        namespace = Collection.from_module(tasks, config={"wiring": self._open})
        try:
            Program(namespace=namespace).run(["invoke", *argv])
        except SystemExit as ended:
            return Seen(int(ended.code or 0), *self.capsys.readouterr())
        return Seen(0, *self.capsys.readouterr())

    def release(self) -> str:
        """Make a release and return its name."""
        return str(self.invoke("release", "--json").document["release"])

    def accounts(self) -> object:
        """What is in the accounts: published files, images, stacks, functions. Locks come and go, so they are none."""
        world = self.world
        files = {key: content for key, content in world.files.items() if "/locks/" not in key}
        return copy.deepcopy((files, world.pushed, world.stacks, world.running, world.account_stacks))

    def environments(self) -> object:
        """What is in the environments' accounts: stacks and functions."""
        return copy.deepcopy((self.world.stacks, self.world.running))

    def changes(self) -> list[str]:
        """What was changed or called since the last look, in the words of the fakes; locks and records left out."""
        calls, self.world.calls = self.world.calls, []
        return [call for call in calls if call != "put environments"]

    def _open(self, _root: Path, *, as_json: bool, profile: str | None) -> ports.Wiring:
        return self.outside(
            root=self.root,
            as_json=as_json,
            profile=profile,
            world=self.world,
            text=self.settings,
            catalog=self.services,
            checked_out=self.commit,
            answer=self.answer,
            word=self.word,
            workshop=self.workshop,
        )
