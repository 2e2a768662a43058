"""A pipeline that is deployed, what runs it, and a repository: fakes of the runner's ports, and builders."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockstep.errors import ConfigError, DeniedError, DeployError
from lockstep.model import AccountId, StackName
from lockstep.pipeline_ports import Keys, Revision, StackOrder
from lockstep.testing.builders import TOOLING
from lockstep.testing.fakes import FakeVault, World

Document = dict[str, Any]
PIPELINE, BUCKET, KEY = "shop-pipeline", "shop-artifacts", "the-key"
REGION = "eu-west-1"
_CODEBUILD = {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}


def a_source(**changes: Any) -> Document:  # noqa: ANN401 - any JSON
    """Return a source action."""
    kind = {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"}
    configuration = {"RepositoryName": "shop", "BranchName": "main", "PollForSourceChanges": "false"}
    return {
        "name": "Source",
        "actionTypeId": kind,
        "runOrder": 1,
        "configuration": configuration,
        "outputArtifacts": [{"name": "Source"}],
        "namespace": "SourceVariables",
    } | changes


def a_build_action(name: str, variables: Mapping[str, str] | None = None, **changes: Any) -> Document:  # noqa: ANN401 - any JSON
    """Return an action that builds the project of its name, in small letters."""
    given = [{"name": one, "value": value, "type": "PLAINTEXT"} for one, value in (variables or {}).items()]
    configuration = {"ProjectName": f"shop-{name.lower()}"}
    configuration |= {"EnvironmentVariables": json.dumps(given)} if given else {}
    return {
        "name": name,
        "actionTypeId": _CODEBUILD,
        "runOrder": 1,
        "configuration": configuration,
        "inputArtifacts": [{"name": "Source"}],
        "namespace": name,
    } | changes


def a_stack_action(name: str, **configuration: str) -> Document:
    """Return an action that has CloudFormation do something, with the source as its input."""
    kind = {"category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1"}
    return {
        "name": name,
        "actionTypeId": kind,
        "runOrder": 1,
        "configuration": configuration,
        "inputArtifacts": [{"name": "Source"}],
        "namespace": name,
    }


def an_approval(**configuration: str) -> Document:
    """Return an action that asks a person."""
    kind = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    return {"name": "Approve", "actionTypeId": kind, "runOrder": 1, "configuration": configuration}


def a_stage(name: str, *actions: Document, **changes: Any) -> Document:  # noqa: ANN401 - any JSON
    """Return a stage."""
    return {"name": name, "actions": list(actions)} | changes


def a_trigger(*includes: str, excludes: Sequence[str] = ()) -> Document:
    """Return a trigger by pushes to branches that these patterns fit, and none of others."""
    push = {"branches": {"includes": [*includes], "excludes": [*excludes]}}
    git = {"sourceActionName": "Source", "push": [push]}
    return {"providerType": "CodeStarSourceConnection", "gitConfiguration": git}


def a_pipeline(*stages: Document, **changes: Any) -> Document:  # noqa: ANN401 - any JSON
    """Return GetPipeline's answer for a pipeline with a source and these stages."""
    return {
        "pipeline": {
            "name": PIPELINE,
            "roleArn": f"arn:aws:iam::{TOOLING}:role/shop-pipeline",
            "artifactStore": {"type": "S3", "location": BUCKET, "encryptionKey": {"id": KEY, "type": "KMS"}},
            "stages": [a_stage("Source", a_source()), *stages],
            "version": 1,
            "executionMode": "QUEUED",
            "pipelineType": "V2",
        }
        | changes
    }


def a_project(name: str, **changes: Any) -> Document:  # noqa: ANN401 - any JSON
    """Return a project of BatchGetProjects' answer, whose buildspec has its name."""
    return {
        "name": f"shop-{name}",
        "arn": f"arn:aws:codebuild:{REGION}:{TOOLING}:project/shop-{name}",
        "source": {"type": "CODEPIPELINE", "buildspec": f"buildspecs/{name}.yml"},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard", "computeType": "SMALL"},
        "serviceRole": f"arn:aws:iam::{TOOLING}:role/shop-{name}",
    } | changes


def a_buildspec(*commands: str, exported: Sequence[str] = (), **changes: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a buildspec that runs commands in its build phase."""
    env = {"env": {"exported-variables": list(exported)}} if exported else {}
    return json.dumps({"version": 0.2, **env, "phases": {"build": {"commands": list(commands)}}, **changes})


@dataclass
class Workshop:
    """What the fakes share: what is deployed, what is in the source and the bucket, who may not be become."""

    pipeline: Document | None = None
    # More pipelines, by their names.
    others: dict[str, Document] = field(default_factory=dict)
    projects: list[Document] = field(default_factory=list)
    source: dict[str, str] = field(default_factory=dict)
    bucket: dict[str, bytes] = field(default_factory=dict)
    vault: dict[str, str] = field(default_factory=dict)
    distrusts: set[str] = field(default_factory=set)
    message: str = "a change"
    # By account and name: what each stack was made of, and each change set that waits, by its own name too.
    stacks: dict[tuple[str, str], StackOrder] = field(default_factory=dict)
    change_sets: dict[tuple[str, str, str], StackOrder] = field(default_factory=dict)
    # By stack: what it puts out, and why it cannot be changed.
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    # Who took which role for what, and who wrote and read which file.
    calls: list[str] = field(default_factory=list)


@dataclass
class FakeAgent:
    """A role that was taken; it may do whatever it is asked to."""

    workshop: Workshop
    role: str

    def keys(self) -> Keys:
        """Keys that name the role."""
        return Keys(f"key-of-{self.role}", "secret", "token", "2100-01-01T00:00:00+00:00")

    def get(self, bucket: str, key: str) -> bytes:
        """A file of the bucket."""
        self.workshop.calls.append(f"{self.role} reads {bucket}/{key.rpartition('/')[0]}")
        return self.workshop.bucket[key]

    def put(self, bucket: str, key: str, content: bytes, encryption_key: str) -> None:
        """Write a file to the bucket."""
        self.workshop.calls.append(f"{self.role} writes {bucket}/{key.rpartition('/')[0]} with {encryption_key}")
        self.workshop.bucket[key] = content

    def vault(self) -> FakeVault:
        """The parameters that were set."""
        return FakeVault(World(vault=self.workshop.vault))

    def become(self, role: str) -> FakeAgent:
        """Take another role, unless it trusts nobody."""
        name = role.rpartition("/")[2]
        if name in self.workshop.distrusts:
            raise DeniedError(f"assuming {role}", "AccessDenied", f"see whom {role} trusts: it has to be {self.role}")
        self.workshop.calls.append(f"{name} for {self.role}")
        return FakeAgent(self.workshop, name)

    def stacks(self, account: AccountId) -> FakeActionStacks:
        """The stacks of an account that were made."""
        return FakeActionStacks(self.workshop, self.role, account)


@dataclass
class FakeActionStacks:
    """CloudFormation that does at once what it is asked to, unless a test says why it cannot."""

    workshop: Workshop
    role: str
    account: AccountId

    def apply(self, order: StackOrder) -> str:
        """Remember what a stack is made of."""
        self._note("applies", order.stack)
        return self._made(order)

    def plan(self, order: StackOrder, change_set: str) -> bool:
        """Remember a change set."""
        self._note(f"plans {change_set} of", order.stack)
        self.workshop.change_sets[self.account, order.stack, change_set] = order
        return self.workshop.stacks.get((self.account, order.stack)) != order

    def execute(self, stack: StackName, change_set: str) -> str:
        """Make a stack of what was planned."""
        self._note(f"executes {change_set} of", stack)
        where = (self.account, stack, change_set)
        if where not in self.workshop.change_sets:
            raise DeployError(f"executing {change_set}", f"ChangeSet [{change_set}] does not exist")
        return self._made(self.workshop.change_sets.pop(where))

    def delete(self, stack: StackName, role: str) -> bool:
        """Forget a stack."""
        self._note(f"with {role.rpartition('/')[2]} deletes", stack)
        return self.workshop.stacks.pop((self.account, stack), None) is not None

    def outputs(self, stack: StackName) -> Mapping[str, str]:
        """The outputs that were set, of a stack that is there."""
        return self.workshop.outputs.get(stack, {}) if (self.account, stack) in self.workshop.stacks else {}

    def _made(self, order: StackOrder) -> str:
        before = self.workshop.stacks.get((self.account, order.stack))
        self.workshop.stacks[self.account, order.stack] = order
        return "created" if before is None else "unchanged" if before == order else "updated"

    def _note(self, what: str, stack: StackName) -> None:
        self.workshop.calls.append(f"{self.role} {what} {stack}")
        if stack in self.workshop.failing:
            tried = f"changing the stack {stack} in account {self.account}"
            raise DeployError(tried, self.workshop.failing[stack], "mend the cause, then repeat")


@dataclass
class FakeMachinery:
    """The services of a workshop. Builds are real ones, with the tools of this machine's system."""

    workshop: Workshop

    def pipeline(self, name: str) -> Mapping[str, Any]:
        """A pipeline that was set."""
        found = self.workshop.others.get(name, self.workshop.pipeline if name == PIPELINE else None)
        if found is None:
            raise ConfigError(f"reading the pipeline {name}", "it is not deployed", "invoke pipeline.deploy")
        # Each answer has an id of its own.
        return {**found, "ResponseMetadata": {"RequestId": str(len(self.workshop.calls))}}

    def projects(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """The projects that were set."""
        return [one for one in self.workshop.projects if one["name"] in names]

    def become(self, role: str, source: str, session: str) -> FakeAgent:
        """Take a role, unless it trusts nobody."""
        del session
        name = role.rpartition("/")[2]
        if name in self.workshop.distrusts:
            raise DeniedError(f"assuming {role}", "AccessDenied", f"see whom {role} trusts: it has to be {source}")
        self.workshop.calls.append(f"{name} for {source.rpartition(':')[2]}")
        return FakeAgent(self.workshop, name)

    def environment(self, *, privileged: bool) -> Mapping[str, str]:
        """The tools of the system and of this interpreter; an engine where it is privileged."""
        path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin"))
        return {"PATH": path, **({"DOCKER_HOST": "unix:///engine"} if privileged else {})}


@dataclass
class FakeRepository:
    """A repository whose one commit has the files that were set."""

    workshop: Workshop

    def revision(self, commit: str | None, branch: str) -> Revision:
        """The commit that is asked for, of whatever branch."""
        return Revision(commit or "c" * 40, branch, "2030-01-02T03:04:05+00:00", self.workshop.message)

    def archive(self, commit: str, file: Path) -> None:
        """Write the files that were set."""
        del commit
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in self.workshop.source.items():
                archive.writestr(name, text)
        file.write_bytes(packed.getvalue())
