"""The outside as a whole, in memory: what a task is handed in a test."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lockstep import ports, schemas
from lockstep import settings as settings_room
from lockstep.account_ports import Administrator, Overview
from lockstep.errors import IdentityError
from lockstep.model import (
    AccountId,
    Commit,
    ScanException,
    Service,
)
from lockstep.schemas import Schemas
from lockstep.testing.accounts import FakeIdentity, FakeKeys, FakePolicies, administrator
from lockstep.testing.builders import SETTINGS, TOOLING, a_commit, a_service, some_settings
from lockstep.testing.fakes import (
    FakeChangeSets,
    FakeClock,
    FakeConsole,
    FakeFunctions,
    FakeImages,
    FakePackager,
    FakeRegistry,
    FakeSam,
    FakeSandbox,
    FakeSigner,
    FakeStacks,
    FakeStore,
    FakeSuites,
    FakeVault,
    World,
)
from lockstep.testing.pipeline import FakeMachinery, FakeRepository, Workshop

_TOKENS = itertools.count(1)


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
    job: str = ""
    accepted: tuple[ScanException, ...] = ()
    workshop: Workshop = field(default_factory=Workshop)

    @cached_property
    def console(self) -> FakeConsole:
        """Where words and results go."""
        return FakeConsole(self.as_json)

    def host(self) -> str:
        """A machine."""
        return "laptop"

    def token(self) -> str:
        """The next of a row of words."""
        return str(next(_TOKENS))

    def execution(self) -> str:
        """None, or the one that was set."""
        return self.job

    def settings(self) -> settings_room.Settings:
        """The settings that `text` holds."""
        return some_settings(self.text)

    def which_aws(self) -> str:
        """One line."""
        return "AWS: a fake one"

    def services(self) -> tuple[Service, ...]:
        """The catalog that was set."""
        return self.catalog

    def scan_exceptions(self) -> tuple[ScanException, ...]:
        """The findings that were accepted."""
        return self.accepted

    def commit(self) -> Commit:
        """The commit that was set."""
        return self.checked_out

    def copy_source(self, folder: Path) -> None:
        """Copy everything that is in the working tree."""
        shutil.copytree(self.root, folder, symlinks=True, dirs_exist_ok=True)

    def outfit(self) -> dict[str, str]:
        """Where the shells of any machine are."""
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm"}

    def vault(self) -> FakeVault:
        """Open the vault of the world, unless it holds an error for the caller's identity."""
        if "identity" in self.world.fails:
            raise self.world.fails["identity"]
        return FakeVault(self.world)

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
            signer=self._signer(),
        )

    def _signer(self) -> FakeSigner | None:
        key = self.settings().tooling.signing_key
        return None if key is None else FakeSigner(key)

    def deployer(self, environment: str) -> tuple[ports.Releases, ports.Target]:
        """Open an environment, where this caller may deploy to it."""
        if "identity" in self.world.fails:
            raise self.world.fails["identity"]
        if environment not in self.may_deploy and self.profile != "releaser":
            raise IdentityError(f"assuming the deployer of {environment}", "AccessDenied", "ask who may do this")
        releases = ports.Releases("deployer", FakeStore(self.world), FakeRegistry(self.world), self._signer())
        return releases, self.reader(environment)

    def reader(self, environment: str, through: str | None = None) -> ports.Target:
        """Open an environment to look at it, whoever it is."""
        del through
        account = self.settings().environment(environment).value.account
        return ports.Target(
            caller=f"arn:aws:sts::{account}:assumed-role/shop-deploy-{environment}/x",
            store=FakeStore(self.world),
            stacks=FakeStacks(self.world, account),
            functions=FakeFunctions(self.world),
            sam=FakeSam(self.world, account),
            policies=FakePolicies(self.world, account),
            change_sets=FakeChangeSets(self.world),
            suites=FakeSuites(self.world, environment),
        )

    def viewer(self, environment: str) -> tuple[ports.Store, ports.Target]:
        """Open an environment to look at it, whoever it is, with what is published."""
        return FakeStore(self.world), self.reader(environment)

    def admin(self, account: AccountId) -> Administrator:
        """Open an account as its administrator, unless the world holds an error for that."""
        if f"admin {account}" in self.world.fails:
            raise self.world.fails[f"admin {account}"]
        return administrator(self.world, self.settings(), account)

    def overview(self, *, patient: bool = False) -> Overview:
        """Open the fake tooling account to look at it."""
        del patient
        caller = self.tooling().caller
        return Overview(
            identity=FakeIdentity(self.world, self.settings(), caller),
            stacks=FakeStacks(self.world, TOOLING),
            store=FakeStore(self.world),
            registry=FakeRegistry(self.world),
            keys=FakeKeys(self.world),
            skew=self.world.skew,
        )

    def machinery(self) -> FakeMachinery:
        """The services of the workshop."""
        return FakeMachinery(self.workshop)

    def repository(self) -> FakeRepository:
        """The repository of the workshop."""
        return FakeRepository(self.workshop)

    def knowledge(self) -> Schemas:
        """What is known everywhere."""
        return Schemas(schemas.installed(), self.settings().region)

    def sandbox(self) -> ports.Sandbox:
        """The fake sandbox."""
        return FakeSandbox(self.world)

    def tools(self) -> tuple[tuple[str, str | None, str], ...]:
        """One tool that is there; the engine, where the world does not say it is down."""
        engine = None if "engine" in self.world.fails else "20.10"
        return (("python", "3.13", ""), ("docker engine", engine, "start Docker"))
