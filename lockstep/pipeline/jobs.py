"""Carries out one CodeBuild action: a clean folder, an environment from nothing, the keys of the project's own role.

What CodeBuild sets is in https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html. Artifacts
are read and written as the project's role, as CodeBuild does, so that a role that lacks the right fails here too.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from lockstep.errors import DeployError
from lockstep.names import Names, pipeline_prefix
from lockstep.pipeline import action_variables, archives, buildspec, credentials, own_python, projects, variables
from lockstep.pipeline.batch import Entry
from lockstep.pipeline.build import Build, BuildOutcome
from lockstep.pipeline.buildspec import PRIMARY, Buildspec
from lockstep.pipeline.definition import Action, Pipeline
from lockstep.pipeline.definition import Build as BuildWork
from lockstep.pipeline.projects import Project
from lockstep.pipeline.substitution import Variables, substitute_in_json
from lockstep.pipeline_ports import Agent, Machinery
from lockstep.ports import Clock, Say

DEFAULT_BUILDSPEC = "buildspec.yml"


@dataclass(frozen=True)
class Around:
    """What a run of the pipeline gives each of its jobs: the outside, and what was deployed."""

    machinery: Machinery
    clock: Clock
    pipeline: Pipeline
    names: Names

    def project(self, name: str) -> Project:
        """Return a project as it is deployed now: an earlier stage may have changed it."""
        (found,) = self.machinery.projects([name])
        return projects.read(found)

    @property
    def pipeline_arn(self) -> str:
        """ARN of the pipeline, for which CodePipeline takes its role."""
        names = self.names
        return f"arn:{names.partition}:codepipeline:{names.region}:{names.tooling}:{self.pipeline.name}"


@dataclass(frozen=True)
class Done:
    """What an action gave on: variables of its namespace, and the key of each artifact.

    `unset` has of each variable that it should have given where a buildspec says so.
    """

    variables: Mapping[str, str]
    artifacts: Mapping[str, str]
    unset: Mapping[str, str] = field(default_factory=dict)


def artifact_key(pipeline: str, artifact: str) -> str:
    """Return a new key for an artifact, where CodePipeline would put it."""
    return f"{pipeline_prefix(pipeline, artifact)}{secrets.token_hex(4)[:7]}.zip"


def written(action: Action, project: Project, source: bytes) -> tuple[str, str]:
    """Return the text of an action's buildspec, its own or the project's, and what it is called.

    It is a file of the source or written out in place; raises DeployError where there is no such file.
    """
    assert isinstance(action.work, BuildWork)  # noqa: S101 - only such actions have one
    named = action.work.buildspec or project.buildspec or DEFAULT_BUILDSPEC
    if "\n" in named:
        return named, f"the buildspec of {action.name}"
    if named.startswith("arn:"):
        raise DeployError(f"reading the buildspec {named}", "the local runner takes a file of the source", "name one")
    return archives.text(source, named), named


def buildspec_of(action: Action, project: Project, source: bytes, entry: Entry | None = None) -> Buildspec:
    """Return the buildspec of an action, or of one build of its batch.

    Raises ConfigError for what CodeBuild or the interpreter does not take, DeployError where there is no such file.
    """
    if entry is not None:
        return buildspec.parse(archives.text(source, entry.buildspec), entry.buildspec)
    return buildspec.parse(*written(action, project, source))


@dataclass(frozen=True)
class Job:
    """One CodeBuild action of one execution, or with `entry` one build of its batch.

    `artifacts` are the keys of its inputs, `commit` is the source's.
    """

    around: Around
    action: Action
    id: str
    variables: Variables
    artifacts: Mapping[str, str]
    commit: str
    say: Say
    entry: Entry | None = None

    def run(self) -> Done:
        """Run the build; raises DeployError where it fails, and whatever else stops it before its first command."""
        contents = {name: self.fetch(name) for name in self.action.inputs}
        spec = buildspec_of(self.action, self.project, contents[self.primary], self.entry)
        with tempfile.TemporaryDirectory(prefix="codebuild-") as made:
            folder = Path(made).resolve()
            for name, content in contents.items():
                archives.unpack(content, folder / name, f"the artifact {name}")
            for own in ("home", "scratch"):
                (folder / own).mkdir()
            with credentials.served(self._agent.keys) as doors:
                environment = {**self._environment(folder), **doors}
                source, scratch = folder / self.primary, folder / "scratch"
                clock, vault, machine = self.around.clock, self._agent.vault(), self._machine(folder)
                outcome = Build(spec, source, scratch, environment, self.say, clock, vault, machine).run()
            self._see_success(outcome)
            return Done(outcome.exported, self._upload(outcome), outcome.unset)

    def fetch(self, name: str) -> bytes:
        """Return an input as CodeBuild fetches it: as the project's role."""
        return self._agent.get(self._bucket, self.artifacts[name])

    @cached_property
    def _work(self) -> BuildWork:
        assert isinstance(self.action.work, BuildWork)  # noqa: S101 - the runner makes jobs of no other actions
        return self.action.work

    @cached_property
    def project(self) -> Project:
        """The project that it is a build of."""
        return self.around.project(self._work.project)

    @property
    def _bucket(self) -> str:
        return self.around.pipeline.bucket

    @property
    def primary(self) -> str:
        """The input in which its buildspec is, and where its commands begin."""
        return self._work.primary or self.action.inputs[0]

    @cached_property
    def _agent(self) -> Agent:
        # CodeBuild calls a session so; the id of its build is what comes after the project's name.
        return self.around.machinery.become(
            self.project.role, self.project.arn, f"AWSCodeBuild-{self.id.rpartition(':')[2]}"
        )

    def _machine(self, folder: Path) -> dict[str, str]:
        """Return what the build finds on its machine, whatever its buildspec makes of that."""
        found = self.around.machinery.environment(privileged=self.project.privileged)
        return own_python.given({**found, "HOME": str(folder / "home")}, folder / "python", own_python.current())

    def _environment(self, folder: Path) -> dict[str, str]:
        """Return the variables of the build, none of them the caller's: project's, action's, batch's, CodeBuild's."""
        text = substitute_in_json(self._work.variables, self.variables)
        of_action = action_variables.of_text(text, f"the action {self.action.name}")
        return {
            **{one.name: one.value for one in (*self.project.variables, *of_action)},
            **(self.entry.variables if self.entry else {}),
            **self._of_codebuild(folder),
        }

    def _of_codebuild(self, folder: Path) -> dict[str, str]:
        """Return what CodeBuild says to a build of itself, and where each of its inputs lies."""
        project, pipeline, primary = self.project, self.around.pipeline, self.primary
        job = variables.Job(
            project=project.name,
            id=self.id.rpartition(":")[2],
            initiator=f"codepipeline/{pipeline.name}",
            source_version=f"arn:{self.around.names.partition}:s3:::{self._bucket}/{self.artifacts[primary]}",
            commit=self.commit,
            folder=str(folder / primary),
            image=project.image,
            started=round(datetime.fromisoformat(self.around.clock.now()).timestamp() * 1000),
            batch=self.entry.identifier if self.entry else "",
        )
        others = {f"CODEBUILD_SRC_DIR_{name}": str(folder / name) for name in self.action.inputs if name != primary}
        key = {"CODEBUILD_KMS_KEY_ID": project.key} if project.key else {}
        return {**variables.of(job, self.around.names), **key, **others}

    def _see_success(self, outcome: BuildOutcome) -> None:
        failed = outcome.failed
        if failed:
            raise DeployError(f"building {self.id}", f"{failed.name}: {failed.code}: {failed.message}", "read its log")

    def _upload(self, outcome: BuildOutcome) -> dict[str, str]:
        """Put what the build made into the bucket: one output is its artifact, of several each is a secondary one."""
        outputs, found = self.action.outputs, dict[str, str]()
        for name in outputs:
            made = outcome.artifacts.get(PRIMARY if len(outputs) == 1 else name)
            if made is None:
                answer = "its buildspec makes no such artifact"
                raise DeployError(f"handing on the artifact {name} of {self.action.name}", answer, "see its artifacts")
            found[name] = artifact_key(self.around.pipeline.name, name)
            self._agent.put(self._bucket, found[name], made.read_bytes(), self.around.pipeline.key)
        return found
