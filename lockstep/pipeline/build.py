"""Carries out one buildspec as CodeBuild does, in CodeBuild's words: phases, and which of them follow a failure.

INSTALL or PRE_BUILD fails: the build ends. BUILD fails: POST_BUILD runs, and artifacts are collected all the same.
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details.html#view-build-details-phases
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from lockstep.errors import ConfigError
from lockstep.pipeline import collecting
from lockstep.pipeline.buildspec import PHASES, PRIMARY, Buildspec, Command, Phase, Secret
from lockstep.pipeline.shell import Shell
from lockstep.ports import Clock, Say

SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
# After these nothing else of the build runs.
_ENDING = {"INSTALL", "PRE_BUILD"}
_MASK = "***"
# What CodeBuild's credentials endpoint is opened with.
_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - the variable's name


class Vault(Protocol):
    """The parameter store and the secrets of the tooling account."""

    def parameters(self, names: tuple[str, ...]) -> Mapping[str, str]:
        """The values of these parameters; raises ConfigError where one is missing."""

    def secret(self, wanted: Secret) -> str:
        """A secret, or the value in it that is wanted; raises ConfigError where it is missing."""


@dataclass(frozen=True)
class PhaseOutcome:
    """How a phase ended, in CodeBuild's words."""

    name: str
    state: str
    seconds: float
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class BuildOutcome:
    """How a build ended: the phases that ran, variables for later actions, and the zip of each artifact by its name.

    `unset` has of each variable that it should have exported, and that nothing set, where the buildspec says so.
    """

    phases: tuple[PhaseOutcome, ...]
    exported: Mapping[str, str]
    artifacts: Mapping[str, Path]
    unset: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> PhaseOutcome | None:
        """The first phase that failed, None where the build succeeded."""
        return next((phase for phase in self.phases if phase.state == FAILED), None)


@dataclass(frozen=True)
class Build:
    """One build: what it runs, where, and with which variables.

    `source` is the folder of its own copy of the source; `scratch` a folder of its own for everything else. Its
    variables are those of the `machine`, PATH among them, then the buildspec's, then those of its `environment`, a
    later one going before; and no others. Without parameters and secrets in the buildspec it needs no vault.
    """

    spec: Buildspec
    source: Path
    scratch: Path
    environment: Mapping[str, str]
    say: Say
    clock: Clock
    vault: Vault | None = None
    machine: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> BuildOutcome:
        """Carry it out. Raises ConfigError, before its first command, for what it has not got."""
        self.spec.check_python(f"{sys.version_info.major}.{sys.version_info.minor}")
        self._shell.begin(self.source, self._variables)
        self._announce()
        done = list(self._phases())
        artifacts: dict[str, Path] = {}
        if done[-1].state == SUCCEEDED or done[-1].name not in _ENDING:
            uploaded, artifacts = self._upload()
            done.append(uploaded)
        exported = self._shell.values(self.spec.exported)
        place = f"{self.spec.file}:{self.spec.exported_line}"
        unset = {name: place for name in self.spec.exported if name not in exported}
        for name in unset:
            self._log(f"{place}: the exported variable {name} is not set")
        return BuildOutcome(tuple(done), exported, artifacts, unset)

    @cached_property
    def _shell(self) -> Shell:
        return Shell(self.spec.shell, self.scratch / "tmp", {**self.machine, **self.environment}.get("PATH", ""))

    @cached_property
    def _kept(self) -> Mapping[str, str]:
        """The values of the parameters and secrets that the buildspec names."""
        spec = self.spec
        if self.vault is None:
            if spec.parameters or spec.secrets:
                raise ConfigError(f"running {spec.file}", "it wants parameters or secrets, and there is no vault")
            return {}
        values = self.vault.parameters(tuple(dict.fromkeys(spec.parameters.values()))) if spec.parameters else {}
        parameters = {name: values[parameter] for name, parameter in spec.parameters.items()}
        return parameters | {name: self.vault.secret(wanted) for name, wanted in spec.secrets.items()}

    @property
    def _variables(self) -> dict[str, str]:
        return {**self.machine, **self.spec.variables, **self._kept, **self.environment}

    @cached_property
    def _masked(self) -> tuple[str, ...]:
        """Every line of what must not be shown, the longest first."""
        hidden = "\n".join((*self._kept.values(), self.environment.get(_TOKEN, "")))
        return tuple(sorted({line for line in hidden.splitlines() if line.strip()}, key=len, reverse=True))

    def _print(self, line: str) -> None:
        for hidden in self._masked:
            line = line.replace(hidden, _MASK)
        self.say(line)

    def _log(self, line: str) -> None:
        now = datetime.fromisoformat(self.clock.now())
        self._print(f"[Container] {now:%Y/%m/%d %H:%M:%S.%f} {line}")

    def _announce(self) -> None:
        self._log(f"YAML location is {self.spec.file}")
        self._log("Processing environment variables")
        if self.spec.cache:
            self._log("A cache is declared; none is kept here")
        self._log(f"Moving to directory {self.source}")
        self._log(f"Phases found in YAML: {len(self.spec.phases)}")
        for phase in self.spec.phases:
            self._log(f" {phase.name.upper()}: {len(phase.commands) + len(phase.always)} commands")
        self._ended(PhaseOutcome("DOWNLOAD_SOURCE", SUCCEEDED, 0.0))

    def _ended(self, outcome: PhaseOutcome) -> PhaseOutcome:
        self._log(f"Phase complete: {outcome.name} State: {outcome.state}")
        self._log(f"Phase context status code: {outcome.code} Message: {outcome.message}")
        return outcome

    def _phases(self) -> Iterator[PhaseOutcome]:
        """Run the phases that hold commands, up to the one after which none follows."""
        phases, succeeding = {phase.name: phase for phase in self.spec.phases}, True
        yield PhaseOutcome("DOWNLOAD_SOURCE", SUCCEEDED, 0.0)
        for name in PHASES:
            outcome = self._run(phases.get(name, Phase(name)), succeeding=succeeding)
            yield outcome
            succeeding = succeeding and outcome.state == SUCCEEDED
            if not succeeding and outcome.name in _ENDING:
                return

    def _run(self, phase: Phase, *, succeeding: bool) -> PhaseOutcome:
        """Run a phase's commands up to the first that fails, then in any case what it always runs."""
        name, begun = phase.name.upper(), self.clock.seconds()
        self._log(f"Entering phase {name}")
        faults = [self._commands(commands, succeeding=succeeding) for commands in (phase.commands, phase.always)]
        message = next((fault for fault in faults if fault), "")
        state, code = (FAILED, "COMMAND_EXECUTION_ERROR") if message else (SUCCEEDED, "")
        return self._ended(PhaseOutcome(name, state, self.clock.seconds() - begun, code, message))

    def _commands(self, commands: tuple[Command, ...], *, succeeding: bool) -> str:
        """Run commands up to the first that fails; return why it did, nothing where none does."""
        for command in commands:
            self._log(f"Running command {command.text}")
            status = self._shell.run(command.text, self._print, succeeding=succeeding)
            if status:
                self._log(f"Command did not exit successfully {command.text} exit status {status}")
                return f"Error while executing command: {command.text}. Reason: exit status {status}"
        return ""

    def _upload(self) -> tuple[PhaseOutcome, dict[str, Path]]:
        """Check the reports and pack the artifacts: each is tried, whatever became of the one before."""
        begun, faults, artifacts = self.clock.seconds(), list[str](), dict[str, Path]()
        for report in self.spec.reports:
            try:
                for path in collecting.collect(self.source, report.files, self._log).values():
                    collecting.check_report(path, report)
            except ConfigError as error:
                faults.append(f"report {report.name}: {error.answer} ({self.spec.file}:{report.files.line})")
        for name, files in self.spec.artifacts.items():
            target = self.scratch / "artifacts" / (f"secondary/{name}.zip" if name != PRIMARY else "primary.zip")
            try:
                collecting.pack(collecting.collect(self.source, files, self._log), target)
                artifacts[name] = target
            except ConfigError as error:
                faults.append(f"{error.answer} ({self.spec.file}:{files.line})")
        state, code = (FAILED, "CLIENT_ERROR") if faults else (SUCCEEDED, "")
        ended = PhaseOutcome("UPLOAD_ARTIFACTS", state, self.clock.seconds() - begun, code, "; ".join(faults))
        return self._ended(ended), artifacts
