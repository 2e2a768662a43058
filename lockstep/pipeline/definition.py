"""The pipeline that is deployed, as CodePipeline's GetPipeline tells it, as frozen values. Pure.

Strict: a provider, category, field or configuration key that the local runner cannot execute is an error by its name.
https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.pipeline import action_variables, stack_actions
from lockstep.pipeline.reading import Part
from lockstep.pipeline.stack_actions import StackAction
from lockstep.pipeline.substitution import names as variables_in

_STARS = re.compile(r"(\*\*|\*)")
_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9.@_-]{1,100}")
# Namespaces that no action may have: the pipeline's own variables, and CodePipeline's.
OWN = ("variables", "codepipeline")


@dataclass(frozen=True)
class Source:
    """Where a commit comes from. The local repository stands in for either provider."""

    provider: str
    repository: str
    branch: str

    @property
    def name(self) -> str:
        """What it is called, with its provider."""
        return f"{self.repository} of {self.provider}"


@dataclass(frozen=True)
class Build:
    """A build of a CodeBuild project, or a batch of them; `variables` is JSON text, as the pipeline has it."""

    project: str
    primary: str
    buildspec: str
    variables: str
    is_batch: bool = False


@dataclass(frozen=True)
class Approval:
    """A person's word."""

    message: str
    link: str
    topic: str


@dataclass(frozen=True)
class Action:
    """One thing that a stage does. Its namespace is empty where it has none."""

    name: str
    order: int
    work: Source | Build | StackAction | Approval
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    namespace: str = ""
    role: str = ""
    region: str = ""

    @property
    def kind(self) -> str:
        """What it is, in CodePipeline's words."""
        known = {Build: "CodeBuild", StackAction: "CloudFormation", Approval: "Manual"}
        return known.get(type(self.work), "Source")


@dataclass(frozen=True)
class Stage:
    """Actions in the order in which they run, and what AWS does where one fails: nothing, RETRY or ROLLBACK."""

    name: str
    actions: tuple[Action, ...]
    on_failure: str = ""


@dataclass(frozen=True)
class Trigger:
    """Pushes to which branches start a pipeline: to one that a pattern of `includes` fits and none of `excludes`.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html: `*` stops at a slash, `**` does not.
    """

    includes: tuple[str, ...]
    excludes: tuple[str, ...]

    def fits(self, branch: str) -> bool:
        """Does a push to a branch start the pipeline?"""
        is_in, is_out = (any(_fits(one, branch) for one in patterns) for patterns in (self.includes, self.excludes))
        return is_in and not is_out


def _fits(pattern: str, branch: str) -> bool:
    parts = (".*" if part == "**" else "[^/]*" if part == "*" else re.escape(part) for part in _STARS.split(pattern))
    return re.fullmatch("".join(parts), branch) is not None


@dataclass(frozen=True)
class Pipeline:
    """A pipeline as it is deployed: the role that it runs as, the bucket of its artifacts, its stages in order."""

    name: str
    role: str
    bucket: str
    key: str
    mode: str
    stages: tuple[Stage, ...]
    variables: Mapping[str, str]
    triggers: tuple[Trigger, ...] = ()

    @property
    def source(self) -> Source:
        """Where its commit comes from."""
        works = (action.work for stage in self.stages for action in stage.actions)
        return next(work for work in works if isinstance(work, Source))

    def approvals(self) -> tuple[str, ...]:
        """Return the stages in which somebody is asked."""
        return tuple(
            stage.name for stage in self.stages if any(isinstance(action.work, Approval) for action in stage.actions)
        )


def read(document: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline in GetPipeline's answer; raises ConfigError for whatever the runner cannot execute."""
    part = Part("the pipeline", "", document).fields(["pipeline"])["pipeline"]
    name = _name(part.at("name", part.value.get("name")) if isinstance(part.value, Mapping) else part)
    fields = Part(f"the pipeline {name}", "", part.value).fields(
        ["name", "roleArn", "artifactStore", "stages", "pipelineType"],
        ["version", "executionMode", "triggers", "variables"],
    )
    fields["pipelineType"].choice(["V2"])
    store = fields["artifactStore"].fields(["type", "location"], ["encryptionKey"])
    store["type"].choice(["S3"])
    key = store["encryptionKey"].fields(["id", "type"])["id"].text() if "encryptionKey" in store else ""
    mode = fields["executionMode"].choice(["QUEUED", "SUPERSEDED", "PARALLEL"]) if "executionMode" in fields else ""
    found = Pipeline(
        name=name,
        role=fields["roleArn"].text(),
        bucket=store["location"].text(),
        key=key,
        mode=mode or "SUPERSEDED",
        stages=tuple(_stage(one) for one in fields["stages"].items()),
        variables=dict(_default(one) for one in _items(fields.get("variables"))),
        triggers=tuple(found for one in _items(fields.get("triggers")) for found in _triggers(one)),
    )
    _check(found, fields["stages"])
    return found


def _name(part: Part) -> str:
    if not _NAME.fullmatch(part.text()):
        raise part.refuse(f"'{part.text()}' is no name that CodePipeline takes")
    return part.text()


def _default(part: Part) -> tuple[str, str]:
    fields = part.fields(["name"], ["defaultValue", "description"])
    if "defaultValue" not in fields:
        raise part.refuse("it has no default value, and the local runner hands on none")
    return fields["name"].text(), fields["defaultValue"].text()


def _items(part: Part | None) -> list[Part]:
    return part.items() if part else []


def _triggers(part: Part) -> Iterator[Trigger]:
    fields = part.fields(["providerType", "gitConfiguration"])
    git = fields["gitConfiguration"].fields(["sourceActionName", "push"])
    for push in git["push"].items():
        branches = push.fields(["branches"], ["filePaths"])["branches"].fields([], ["includes", "excludes"])
        patterns = [tuple(one.text() for one in _items(branches.get(name))) for name in ("includes", "excludes")]
        yield Trigger(*patterns)


def _stage(part: Part) -> Stage:
    fields = part.fields(["name", "actions"], ["onFailure"])
    actions = [_action(one) for one in fields["actions"].items()]
    result = ""
    if "onFailure" in fields:
        failure = fields["onFailure"].fields(["result"], ["retryConfiguration"])
        result = failure["result"].choice(["RETRY", "ROLLBACK"])
        if "retryConfiguration" in failure:
            mode = failure["retryConfiguration"].fields(["retryMode"])["retryMode"]
            result = f"{result} {mode.choice(['FAILED_ACTIONS', 'ALL_ACTIONS'])}"
    return Stage(_name(fields["name"]), tuple(sorted(actions, key=lambda action: action.order)), result)


def _action(part: Part) -> Action:
    fields = part.fields(
        ["name", "actionTypeId"],
        ["runOrder", "configuration", "outputArtifacts", "inputArtifacts", "roleArn", "namespace", "region",
         "timeoutInMinutes"],
    )  # fmt: skip
    kind = fields["actionTypeId"].fields(["category", "owner", "provider", "version"])
    asked = tuple(kind[name].text() for name in ("category", "owner", "provider", "version"))
    if asked not in _WORKS:
        known = ", ".join(f"{category} {provider}" for category, _, provider, _ in _WORKS)
        raise kind["provider"].refuse(
            f"the local runner knows no action {' '.join(asked)}; it knows {known}", "it skips none: take it out"
        )
    configuration = fields.get("configuration", part.at(f"{part.place}.configuration", {}))
    return Action(
        name=_name(fields["name"]),
        order=fields["runOrder"].number() if "runOrder" in fields else 1,
        work=_WORKS[asked](configuration),
        inputs=_artifacts(fields.get("inputArtifacts")),
        outputs=_artifacts(fields.get("outputArtifacts")),
        namespace=_name(fields["namespace"]) if "namespace" in fields else "",
        role=fields["roleArn"].text() if "roleArn" in fields else "",
        region=fields["region"].text() if "region" in fields else "",
    )


def _artifacts(part: Part | None) -> tuple[str, ...]:
    return tuple(_name(one.fields(["name"])["name"]) for one in _items(part))


def _connection(part: Part) -> Source:
    fields = part.fields(["ConnectionArn", "FullRepositoryId", "BranchName"], ["OutputArtifactFormat", "DetectChanges"])
    return _source(fields, "CodeConnections", "FullRepositoryId")


def _code_commit(part: Part) -> Source:
    fields = part.fields(["RepositoryName", "BranchName"], ["OutputArtifactFormat", "PollForSourceChanges"])
    return _source(fields, "CodeCommit", "RepositoryName")


def _source(fields: Mapping[str, Part], provider: str, repository: str) -> Source:
    for name in fields.keys() & {"DetectChanges", "PollForSourceChanges"}:
        fields[name].choice(["true", "false"])
    if "OutputArtifactFormat" in fields:
        fields["OutputArtifactFormat"].choice(["CODE_ZIP"])
    return Source(provider, fields[repository].text(), fields["BranchName"].text())


def _build(part: Part) -> Build:
    fields = part.fields(
        ["ProjectName"], ["PrimarySource", "BuildspecOverride", "EnvironmentVariables", "BatchEnabled"]
    )
    is_batch = "BatchEnabled" in fields and fields["BatchEnabled"].choice(["true", "false"]) == "true"
    given = {name: one.text() for name, one in fields.items()}
    action_variables.of_text(given.get("EnvironmentVariables", ""), f"{part.what}, {part.place}")
    return Build(
        project=given["ProjectName"],
        primary=given.get("PrimarySource", ""),
        buildspec=given.get("BuildspecOverride", ""),
        variables=given.get("EnvironmentVariables", ""),
        is_batch=is_batch,
    )


def _approval(part: Part) -> Approval:
    given = {
        name: one.text()
        for name, one in part.fields([], ["CustomData", "ExternalEntityLink", "NotificationArn"]).items()
    }
    return Approval(given.get("CustomData", ""), given.get("ExternalEntityLink", ""), given.get("NotificationArn", ""))


_WORKS: dict[tuple[str, ...], Callable[[Part], Source | Build | StackAction | Approval]] = {
    ("Source", "AWS", "CodeStarSourceConnection", "1"): _connection,
    ("Source", "AWS", "CodeCommit", "1"): _code_commit,
    ("Build", "AWS", "CodeBuild", "1"): _build,
    ("Test", "AWS", "CodeBuild", "1"): _build,
    ("Deploy", "AWS", "CloudFormation", "1"): stack_actions.read,
    ("Approval", "AWS", "Manual", "1"): _approval,
}


def _check(pipeline: Pipeline, part: Part) -> None:
    """See that what each action takes is there before it runs; raises ConfigError for what nothing gives."""
    sources = [one for stage in pipeline.stages for one in stage.actions if isinstance(one.work, Source)]
    if len(sources) != 1:
        raise part.refuse(f"it has {len(sources)} source actions; the local repository stands in for exactly one")
    artifacts: set[str] = set()
    namespaces = set(OWN)
    stages: set[str] = set()
    for stage in pipeline.stages:
        if stage.name in stages or len({one.name for one in stage.actions}) != len(stage.actions):
            raise part.refuse(f"the stage {stage.name}, or an action in it, is there twice")
        stages.add(stage.name)
        for order in sorted({one.order for one in stage.actions}):
            together = [one for one in stage.actions if one.order == order]
            for action in together:
                _check_action(action, f"{stage.name}.{action.name}", (artifacts, namespaces), part)
            artifacts |= {name for one in together for name in one.outputs}
            namespaces |= {one.namespace for one in together if one.namespace}


def _check_action(action: Action, where: str, given: tuple[set[str], set[str]], part: Part) -> None:
    artifacts, namespaces = given
    if missing := [name for name in action.inputs if name not in artifacts]:
        raise part.refuse(f"{where} takes the artifact {missing[0]}, which nothing before it gives")
    if taken := [name for name in (*action.outputs,) if name in artifacts]:
        raise part.refuse(f"{where} gives the artifact {taken[0]}, which there is already")
    if action.namespace in namespaces:
        raise part.refuse(f"{where} has the namespace {action.namespace}, which there is already")
    texts = [value for value in vars(action.work).values() if isinstance(value, str)]
    for namespace, name in (found for text in texts for found in variables_in(text)):
        if namespace not in namespaces:
            raise part.refuse(f"{where} takes #{{{namespace}.{name}}}, and nothing before it has that namespace")
    for fault in _faults(action):
        raise part.refuse(f"{where} {fault}")


def _faults(action: Action) -> Iterator[str]:
    """Say what is wrong with what an action takes and gives."""
    if isinstance(action.work, StackAction):
        yield from stack_actions.faults(action.work, action.inputs, action.outputs)
    elif isinstance(action.work, Build):
        if not action.inputs:
            yield "has no input artifact"
        elif len(action.inputs) > 1 and action.work.primary not in action.inputs:
            yield "has several input artifacts, and its PrimarySource is none of them"
        if action.work.is_batch and (action.outputs or action.namespace):
            yield "is a batch, of which the local runner hands on no artifact and no variable"
