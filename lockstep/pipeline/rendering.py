"""infra/pipeline.yaml and the environments -> the template that is deployed. Pure.

Owns what the pipeline has for each environment: a project with the one role that deploys there, an approval where the
settings ask for it, a stage that deploys and smoke-tests, and what happens where that fails; which pushes start it; and
on how many machines a release is made.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lockstep.model import Environment, OnFailure
from lockstep.shards import Shard
from lockstep.template import Template

_RELEASE, _EXECUTION = "#{Release.LOCKSTEP_RELEASE}", "#{codepipeline.PipelineExecutionId}"
_SHARD = "buildspecs/shard.yml"
# The statement of the pipeline's role that batches need.
_RUN_BATCHES = "RunBatchesOfBuilds"
_CODEBUILD = {"Category": "Build", "Owner": "AWS", "Provider": "CodeBuild", "Version": "1"}
_APPROVAL = {"Category": "Approval", "Owner": "AWS", "Provider": "Manual", "Version": "1"}
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-codepipeline-pipeline-failureconditions.html
_ON_FAILURE: dict[OnFailure, dict[str, Any]] = {
    OnFailure.STOP: {},
    OnFailure.RETRY: {"OnFailure": {"Result": "RETRY", "RetryConfiguration": {"RetryMode": "FAILED_ACTIONS"}}},
    OnFailure.ROLL_BACK: {"OnFailure": {"Result": "ROLLBACK"}},
}
_CONSOLES = {"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn"}
_CONSOLE_OF_GOVERNMENT = "console.amazonaws-us-gov.com"


@dataclass(frozen=True)
class Push:
    """Which pushes to a connected repository start a pipeline: with no paths, each one to the branch."""

    paths: tuple[str, ...] = ()
    ignored_paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """What of the settings makes one pipeline unlike another: its environments in order, the mail of who is told.

    With no `push` a rule of the template starts it, as CodeCommit needs. With several `shards` a release is made by as
    many machines, and by one more that joins what they made.
    """

    environments: tuple[Environment, ...]
    partition: str
    push: Push | None = None
    notify: tuple[str, ...] = ()
    shards: int = 1


def render(template: Template, pipeline: Pipeline) -> Template:
    """Return the template with what each environment has in it; what was given stays as it was."""
    rendered: Template = copy.deepcopy(template)
    resources = rendered["Resources"]
    if pipeline.push is not None:
        resources["Pipeline"]["Properties"]["Triggers"] = [_trigger(pipeline.push)]
    if pipeline.notify:
        resources["Topic"]["Properties"]["Subscription"] = [
            {"Protocol": "email", "Endpoint": mail} for mail in pipeline.notify
        ]
    if pipeline.shards > 1:
        _fan_out(resources, pipeline.shards)
    else:
        _leave_batches_out(resources)
    for environment in pipeline.environments:
        resources[_project_id(environment)] = _project(resources["VerifyProject"], environment)
        resources["Pipeline"]["Properties"]["Stages"] += _stages(environment, pipeline.partition)
    return rendered


def _leave_batches_out(resources: dict[str, Any]) -> None:
    """Take away whatever lets anybody run a batch."""
    del resources["BuildBatchRole"], resources["BuildProject"]["Properties"]["BuildBatchConfig"]
    for policy in resources["PipelineRole"]["Properties"]["Policies"]:
        document = policy["PolicyDocument"]
        document["Statement"] = [one for one in document["Statement"] if one.get("Sid") != _RUN_BATCHES]


def _fan_out(resources: dict[str, Any], shards: int) -> None:
    """Have a batch of builds run before the build that publishes the release, which then finds what they made."""
    build = resources["BuildProject"]["Properties"]
    # The batch has a first build of its own, that reads its graph. AWS does not document whether it is counted.
    # https://docs.aws.amazon.com/cli/latest/reference/codebuild/start-build-batch.html
    build["ConcurrentBuildLimit"] = shards + 1
    build["BuildBatchConfig"]["Restrictions"]["MaximumBuildsAllowed"] = shards + 1
    stages = resources["Pipeline"]["Properties"]["Stages"]
    actions = next(stage["Actions"] for stage in stages if stage["Name"] == "Release")
    release = next(action for action in actions if action["Name"] == "Release")
    batch = {name: value for name, value in copy.deepcopy(release).items() if name != "Namespace"} | {"Name": "Shards"}
    batch["Configuration"] |= {"BatchEnabled": "true", "BuildspecOverride": _graph(shards)}
    release["RunOrder"] += 1
    actions.insert(0, batch)


def _graph(shards: int) -> str:
    """Return a batch of builds, one for each shard. A configuration's value has at most 1000 letters.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html
    """
    builds = (
        f"  - {{identifier: shard{number}, buildspec: {_SHARD}, "
        f'env: {{variables: {{LOCKSTEP_SHARD: "{Shard(number, shards)}"}}}}}}\n'
        for number in range(1, shards + 1)
    )
    # Who fails ends no other: what was made is found by the next try.
    return f"version: 0.2\nbatch:\n fast-fail: false\n build-graph:\n{''.join(builds)}"


def _trigger(push: Push) -> dict[str, Any]:
    paths = {"Includes": [*push.paths], "Excludes": [*push.ignored_paths]}
    chosen = {name: patterns for name, patterns in paths.items() if patterns}
    event = {"Branches": {"Includes": [{"Ref": "Branch"}]}, **({"FilePaths": chosen} if chosen else {})}
    git = {"SourceActionName": "Source", "Push": [event]}
    return {"ProviderType": "CodeStarSourceConnection", "GitConfiguration": git}


def _project_id(environment: Environment) -> str:
    return f"Deploy{environment.name.capitalize()}Project"


def _project(model: dict[str, Any], environment: Environment) -> dict[str, Any]:
    """Return the project that deploys to an environment: the one that verifies, with another role and another job."""
    made, name = copy.deepcopy(model), f"${{Project}}-deploy-{environment.name}"
    made["Properties"] |= {
        "Name": {"Fn::Sub": name},
        "Description": f"Deploys releases to {environment.name}",
        "ServiceRole": {
            "Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{Project}}-deployer-{environment.name}"
        },
        "Source": {"Type": "CODEPIPELINE", "BuildSpec": "buildspecs/deploy.yml"},
        "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": {"Fn::Sub": f"/aws/codebuild/{name}"}}},
    }
    made["Properties"]["Environment"]["EnvironmentVariables"] += [
        {"Name": "LOCKSTEP_ENVIRONMENT", "Value": environment.name}
    ]
    return made


def _stages(environment: Environment, partition: str) -> Iterator[dict[str, Any]]:
    if environment.approval:
        yield {"Name": f"Approve-{environment.name}", "Actions": [_approval(environment, partition)]}
    yield {
        "Name": f"Deploy-{environment.name}",
        **_ON_FAILURE[environment.on_failure],
        "Actions": [_action(environment, "Deploy", 1), _action(environment, "Smoke", 2)],
    }


def _approval(environment: Environment, partition: str) -> dict[str, Any]:
    console = _CONSOLES.get(partition, _CONSOLE_OF_GOVERNMENT)
    pages = f"https://{console}/codesuite/codepipeline/pipelines/${{Project}}-pipeline"
    return {
        "Name": "Approve",
        "ActionTypeId": _APPROVAL,
        "Configuration": {
            "NotificationArn": {"Ref": "Topic"},
            "CustomData": (
                f"Release {_RELEASE} to {environment.name}: commit #{{SourceVariables.CommitId}}. "
                f"What it would change: invoke plan --env {environment.name} --release {_RELEASE}"
            ),
            "ExternalEntityLink": {"Fn::Sub": f"{pages}/executions/{_EXECUTION}/timeline?region=${{AWS::Region}}"},
        },
        "RunOrder": 1,
    }


def _action(environment: Environment, name: str, order: int) -> dict[str, Any]:
    """Return an action of the environment's project, with that action's own buildspec."""
    variables = (("LOCKSTEP_RELEASE", _RELEASE), ("LOCKSTEP_EXECUTION", _EXECUTION))
    return {
        "Name": name,
        "ActionTypeId": _CODEBUILD,
        "Configuration": {
            "ProjectName": {"Ref": _project_id(environment)},
            "BuildspecOverride": f"buildspecs/{name.lower()}.yml",
            "EnvironmentVariables": json.dumps(
                [{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in variables], separators=(",", ":")
            ),
        },
        "InputArtifacts": [{"Name": "Source"}],
        "RunOrder": order,
    }
