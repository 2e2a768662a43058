"""Constructs the real adapters. The only place that does, and with settings.py the only one that reads the environment.

Nothing is opened before it is asked for, and no account before its caller is proven to be in it.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from lockstep import ports, process
from lockstep.console import Console
from lockstep.errors import INTERRUPTION, ConfigError
from lockstep.model import AccountId, Commit, ScanException, Service

if TYPE_CHECKING:
    from lockstep.account_ports import Administrator, Overview
    from lockstep.aws.session import Reach, Session
    from lockstep.callers import Caller, Callers
    from lockstep.pipeline.build import Vault
    from lockstep.pipeline_ports import Machinery, Repository
    from lockstep.sandbox.server import Server
    from lockstep.schemas import Schemas
    from lockstep.settings import Settings


# How many seconds a role that was just made may take to be known everywhere.
_PATIENCE = 30.0


class RealClock:
    """The machine's clock."""

    def seconds(self) -> float:
        """A monotonic reading in seconds."""
        return time.monotonic()

    def now(self) -> str:
        """The time of day in UTC, ISO 8601."""
        return datetime.now(UTC).isoformat(timespec="seconds")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def read_environment() -> dict[str, str]:
    """Return this process's environment, with this interpreter's own tools first on the PATH."""
    environ = dict(os.environ)
    environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environ.get("PATH", os.defpath)))
    return environ


def end_on_termination() -> None:
    """Let SIGTERM, which CodeBuild sends when it stops a build, end the run with exit code 143 and a word on stderr."""

    def end(_signal: int, _frame: FrameType | None) -> NoReturn:
        # Python refuses to print where the signal has cut into a print; the end must come all the same.
        with suppress(RuntimeError):
            Console().complain(INTERRUPTION)
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, end)


@dataclass(frozen=True)
class RealWiring:
    """The outside of the working tree at `root`, as the person or job with `profile`."""

    root: Path
    as_json: bool = False
    profile: str | None = None
    environ: Mapping[str, str] = field(default_factory=read_environment, repr=False)
    clock: ports.Clock = field(default_factory=RealClock)

    @cached_property
    def console(self) -> ports.Console:
        """Where words and results go."""
        return Console(self.as_json)

    def host(self) -> str:
        """Return the name of this machine."""
        return platform.node()

    def token(self) -> str:
        """Return a word that no other run has."""
        return uuid.uuid4().hex

    def execution(self) -> str:
        """Return the pipeline execution that LOCKSTEP_EXECUTION names, else CodeBuild's build; empty in neither."""
        return self.environ.get("LOCKSTEP_EXECUTION") or self.environ.get("CODEBUILD_BUILD_ID", "")

    @cached_property
    def _settings(self) -> Settings:
        from lockstep import settings

        return settings.load(settings.find(self.root, self.environ), self.root)

    def settings(self) -> Settings:
        """Return the settings in use; raises ConfigError."""
        return self._settings

    @cached_property
    def _server(self) -> Server:
        from lockstep.images import Images
        from lockstep.sandbox.server import Server

        return Server(self.root, self.environ, self.settings(), Images)

    def sandbox(self) -> ports.Sandbox:
        """Return the sandbox of this working tree; raises ConfigError where the configuration means real accounts."""
        if not self.settings().sandbox:
            raise ConfigError(
                "using the sandbox",
                f"{self.settings().path} names real accounts",
                "unset LOCKSTEP_CONFIG, or move the file away",
            )
        return self._server

    def which_aws(self) -> str:
        """Return one line: which AWS is meant, and by which file."""
        settings = self.settings()
        if settings.sandbox:
            return f"AWS: the sandbox on this machine ({settings.path})"
        where = f"tooling account {settings.tooling.account}, {settings.region}"
        return f"AWS: {settings.project} in {where} ({settings.path})"

    def services(self) -> tuple[Service, ...]:
        """Return the catalog of services/; raises ConfigError."""
        from lockstep import catalog, settings
        from lockstep.images import context_files

        services = catalog.load(self.root, context_files, self.knowledge())
        settings.check_services(self.settings(), [service.name for service in services])
        return services

    def knowledge(self) -> Schemas:
        """Return what CloudFormation and IAM know of resource types and actions; raises ConfigError."""
        from lockstep import schemas

        return schemas.Schemas(schemas.installed(), self.settings().region)

    def scan_exceptions(self) -> tuple[ScanException, ...]:
        """Return the findings of image scans that were reviewed and accepted, none without a file of them."""
        from lockstep import scan_exceptions

        file = self.root / scan_exceptions.FILE
        return scan_exceptions.parse(file.read_text(encoding="utf-8")) if file.exists() else ()

    def commit(self) -> Commit:
        """Return what the working tree was made from; raises ConfigError outside git.

        In CodeBuild a source without .git is what the pipeline's variables say.
        """
        from lockstep import git

        if git.is_given(self.root, self.environ):
            return git.given(self.environ)
        return git.commit(self.root, process.child_environment(self.environ))

    def copy_source(self, folder: Path) -> None:
        """Copy every file that git tracks, as it is now, into a new folder; raises ConfigError outside git."""
        from lockstep import git

        git.copy(self.root, folder, process.child_environment(self.environ))

    def outfit(self) -> dict[str, str]:
        """Return what a build on this machine begins with; nothing in it tells who the caller is."""
        return process.outfit(self.environ, str(Path(sys.executable).parent))

    def vault(self) -> Vault:
        """Open the parameter store and the secrets of tooling as the caller; raises IdentityError."""
        from lockstep.aws.parameters import Vault

        session, _ = self._callers.base
        return Vault(session)

    @cached_property
    def _reach(self) -> Reach:
        from lockstep.aws.session import Reach

        settings = self.settings()
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            if self.environ.get(name, settings.region) != settings.region:
                raise ConfigError(
                    f"using region {settings.region}, which {settings.path} says",
                    f"{name} says {self.environ[name]}",
                    f"unset {name}, or correct the configuration",
                )
        if not settings.sandbox:
            return Reach(settings.region)
        files = self._server.profiles
        return Reach(settings.region, self._server.endpoint(), files.config, files.credentials)

    @cached_property
    def _callers(self) -> Callers:
        from lockstep.callers import Callers

        is_job = bool(self.environ.get("CODEBUILD_BUILD_ID"))
        return Callers(self.settings(), self._reach, self.profile, is_job=is_job)

    def machinery(self) -> Machinery:
        """Open CodePipeline and CodeBuild of the sandbox; raises ConfigError where real accounts are meant."""
        from lockstep.sandbox.services import Services

        if not self.settings().sandbox:
            raise ConfigError(
                "running the pipeline on this machine",
                f"{self.settings().path} names real accounts, where CodePipeline runs it",
                "push a commit; or LOCKSTEP_CONFIG=infra/sandbox.toml",
            )
        tooling = AccountId(self.settings().tooling.account)
        return Services(self._reach, tooling, self.environ, self._engine)

    def repository(self) -> Repository:
        """Return the git repository of the working tree."""
        from lockstep.repository import Repository

        return Repository(self.root, process.child_environment(self.environ))

    @property
    def _registry_host(self) -> str:
        settings = self.settings()
        return self._server.registry() if settings.sandbox else settings.names.registry

    @property
    def _engine(self) -> str:
        """The Docker engine that builds images; the sandbox's own, which has stand-ins, is for the sandbox alone."""
        from lockstep.sandbox import engine

        if named := engine.named(self.environ):
            return named
        # Doctor looks for an engine with a broken configuration too, of which it tells apart.
        with suppress(ConfigError):
            own = engine.recorded(self.root / ".lockstep") if self.settings().sandbox else None
            if own and engine.answers(own.host):
                return own.host
        return engine.find(self.environ) or f"unix://{engine.SYSTEM_SOCKET}"

    def tooling(self) -> ports.Tooling:
        """Open the tooling account as the caller; raises IdentityError where it is another account."""
        from lockstep.aws.ecr import Registry
        from lockstep.aws.s3 import Bucket
        from lockstep.images import Images
        from lockstep.sam import Sam

        session, caller = self._callers.base
        settings = self.settings()
        registry = Registry(session, self._registry_host)
        return ports.Tooling(
            caller=caller,
            images=Images(self._engine, registry.login, takes_standins=settings.sandbox),
            registry=registry,
            store=Bucket(session, settings.names.bucket, settings.names.tooling),
            packager=Sam(self._sam_environment(session), settings.region, settings.names.bucket),
            signer=self._signer(session),
        )

    def _signer(self, session: Session) -> ports.Signer | None:
        from lockstep.aws.kms import Signer

        key = self.settings().tooling.signing_key
        return None if key is None else Signer(session, key)

    def deployer(self, environment: str) -> tuple[ports.Releases, ports.Target]:
        """Open an environment for a deployment, through its deployer role; raises IdentityError.

        A caller who already is the deployer, as in CodeBuild, assumes nothing in tooling.
        """
        from lockstep.aws.ecr import Registry
        from lockstep.aws.s3 import Bucket

        names = self.settings().names
        deployer = self._callers.deployer(environment)
        session, caller = deployer
        store, registry = Bucket(session, names.bucket, names.tooling), Registry(session, self._registry_host)
        target = self._target(self._callers.deploy_role(environment, deployer), environment)
        return ports.Releases(caller, store, registry, self._signer(session)), target

    def reader(self, environment: str, through: str | None = None) -> ports.Target:
        """Open an environment to look at it, as the caller or else as its deployer, or that of a later one.

        Raises IdentityError.
        """
        return self._target(self._callers.status_role(environment, through or environment), environment)

    def viewer(self, environment: str) -> tuple[ports.Store, ports.Target]:
        """Open an environment to look at it, with what is published: as the caller or else as its deployer.

        Raises IdentityError.
        """
        from lockstep.aws.s3 import Bucket

        names = self.settings().names
        (session, _), opened = self._callers.viewer(environment, environment)
        return Bucket(session, names.bucket, names.tooling), self._target(opened, environment)

    def _target(self, opened: Caller, environment: str) -> ports.Target:
        from lockstep.aws.change_sets import ChangeSets
        from lockstep.aws.cloudformation import Stacks
        from lockstep.aws.iam import Policies
        from lockstep.aws.lambda_ import Functions
        from lockstep.aws.s3 import Bucket
        from lockstep.sam import Sam
        from lockstep.suites import Suites

        settings, (session, caller) = self.settings(), opened
        account = settings.environment(environment).value.account
        role = settings.names.execution_role(environment, account)
        store = Bucket(session, settings.names.bucket, settings.names.tooling)
        return ports.Target(
            caller=caller,
            store=store,
            stacks=Stacks(session, account),
            functions=Functions(session, account),
            policies=Policies(session, account),
            sam=Sam(
                env=self._sam_environment(session),
                region=settings.region,
                bucket=settings.names.bucket,
                prefix=settings.names.environment_prefix(account),
                role=role,
                account=account,
            ),
            change_sets=ChangeSets(session, account, role, store, self._poll),
            suites=Suites(self.root, environment, self._suite_environment(session)),
        )

    def admin(self, account: AccountId) -> Administrator:
        """Open an account as its administrator, for bootstrap, destroy and prune; raises IdentityError."""
        from lockstep import account_ports
        from lockstep.aws.ecr import Repositories
        from lockstep.aws.iam import Policies, Rights
        from lockstep.aws.identity import Identity
        from lockstep.aws.kms import Keys
        from lockstep.aws.lambda_ import Functions
        from lockstep.aws.logs import Logs
        from lockstep.aws.s3 import Archive, Buckets
        from lockstep.aws.stack_changes import AccountStacks

        names = self.settings().names
        session, caller = self._callers.administrator(account)
        return account_ports.Administrator(
            identity=Identity(session, caller),
            stacks=AccountStacks(session, account, self.console.say, self._poll),
            rights=Rights(session, caller),
            buckets=Buckets(session, account),
            store=Archive(session, names.bucket, names.tooling),
            repositories=Repositories(session),
            keys=Keys(session),
            logs=Logs(session),
            functions=Functions(session, account),
            policies=Policies(session, account),
        )

    def overview(self, *, patient: bool = False) -> Overview:
        """Open the tooling account to look at how it is set up; raises IdentityError where it is another account."""
        from lockstep import account_ports
        from lockstep.aws.cloudformation import Stacks
        from lockstep.aws.ecr import Registry
        from lockstep.aws.identity import Identity
        from lockstep.aws.kms import Keys
        from lockstep.aws.s3 import Bucket

        settings = self.settings()
        names, patience = settings.names, (_PATIENCE if patient and not settings.sandbox else 0.0)
        session, caller = self._callers.base_within(patience)
        return account_ports.Overview(
            identity=Identity(session, caller, patience),
            stacks=Stacks(session, names.tooling),
            store=Bucket(session, names.bucket, names.tooling),
            registry=Registry(session, self._registry_host),
            keys=Keys(session),
            skew=session.skew(),
        )

    @property
    def _poll(self) -> float:
        """Seconds between two looks at a stack: AWS throttles, this machine does not."""
        return 0.05 if self.settings().sandbox else 3.0

    def _sam_environment(self, session: Session) -> dict[str, str]:
        return process.child_environment(
            self.environ,
            **session.child_environment(),
            SAM_CLI_TELEMETRY="0",
            SAM_CLI_POLL_DELAY=str(self._poll),
            PYTHONUTF8="1",
        )

    def _suite_environment(self, session: Session) -> dict[str, str]:
        """Return what integration tests get of this machine: the way to AWS, and who they are there."""
        return {**process.bare(self.environ, str(Path(sys.executable).parent)), **session.child_environment()}

    def tools(self) -> tuple[tuple[str, str | None, str], ...]:
        """Return each tool that is needed: name, version or None, and what to do where it is missing."""
        from lockstep.doctor import tools

        return tools(process.child_environment(self.environ), lambda: self._engine)
