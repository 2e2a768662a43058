"""infra/pipeline.yaml and the environments -> the template that is deployed. Pure.

Owns what the pipeline has for each environment: a project with the one role that deploys there, a plan and an approval
where the settings ask for it, a stage that deploys and tests, and what happens where that fails; which pushes start it;
whether it updates itself; and on how many machines a release is made.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.model import Environment, OnFailure
from lockstep.shards import Shard
from lockstep.template import Template

_RELEASE, _EXECUTION = "#{Release.LOCKSTEP_RELEASE}", "#{codepipeline.PipelineExecutionId}"
_BRANCH = {"Ref": "Branch"}
# What an action gives to its tasks, by name.
_VARIABLES = {"LOCKSTEP_RELEASE": _RELEASE, "LOCKSTEP_EXECUTION": _EXECUTION}
# Each is an action of the Deploy stage, one after the other; its buildspec is called like it.
_STEPS = ("Deploy", "Smoke", "Integration")
_PLAN_PROJECT = "PlanProject"
_SHARD = "buildspecs/shard.yml"
# The stage in which the pipeline updates itself, and the statement that lets it leave projects their roles.
_UPDATE, _KEEP_ROLES = "UpdatePipeline", "TheProjectsKeepTheirRoles"
_UPDATE_PROJECT = "UpdateProject"
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
    """Which pushes to a connected repository start a pipeline: with no paths, each one to the branch.

    A push to one of the `branches`, which are patterns, starts the pipeline of feature branches.
    """

    paths: tuple[str, ...] = ()
    ignored_paths: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """What of the settings makes one pipeline unlike another: its environments in order, the mail of who is told.

    With no `push` a rule of the template starts it, as CodeCommit needs. With `updates` it first updates itself. With
    several `shards` a release is made by as many machines, and by one more that joins what they made.
    """

    environments: tuple[Environment, ...]
    partition: str
    push: Push | None = None
    notify: tuple[str, ...] = ()
    updates: bool = False
    shards: int = 1


def render(template: Template, pipeline: Pipeline) -> Template:
    """Return the template with what each environment has in it; what was given stays as it was."""
    rendered: Template = copy.deepcopy(template)
    resources = rendered["Resources"]
    released = resources["Pipeline"]["Properties"]
    if pipeline.shards > 1:
        _fan_out(resources, pipeline.shards)
    else:
        _leave_batches_out(resources)
    if (push := pipeline.push) is not None:
        released["Triggers"] = [_trigger(push, {"Includes": [_BRANCH]})]
        if push.branches:
            resources["BranchesPipeline"] = _branches_pipeline(resources["Pipeline"], push, pipeline.environments[0])
            resources["BranchesNotifications"] = _branches_notifications(resources["Notifications"])
    if not pipeline.updates:
        _leave_updates_out(resources)
    if pipeline.notify:
        resources["Topic"]["Properties"]["Subscription"] = [
            {"Protocol": "email", "Endpoint": mail} for mail in pipeline.notify
        ]
    for environment in pipeline.environments:
        resources[_project_id(environment)] = _project(resources["VerifyProject"], environment)
        released["Stages"] += _stages(environment, pipeline.partition)
    if any(environment.approval for environment in pipeline.environments):
        resources[_PLAN_PROJECT] = _plan_project(resources["VerifyProject"])
    if pipeline.updates:
        _let_updates_keep_roles(resources)
    _limit_builds(resources)
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


def _trigger(push: Push, branches: dict[str, list[Any]]) -> dict[str, Any]:
    paths = {"Includes": [*push.paths], "Excludes": [*push.ignored_paths]}
    chosen = {name: patterns for name, patterns in paths.items() if patterns}
    event = {"Branches": branches, **({"FilePaths": chosen} if chosen else {})}
    git = {"SourceActionName": "Source", "Push": [event]}
    return {"ProviderType": "CodeStarSourceConnection", "GitConfiguration": git}


def _limit_builds(resources: dict[str, Any]) -> None:
    """Let each project have as many builds at once as the pipelines can want of it: CodeBuild refuses one more.

    In a stage that is queued is one execution at a time. https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html
    """
    pipelines = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::CodePipeline::Pipeline"]
    stages = [stage["Actions"] for pipeline in pipelines for stage in pipeline["Stages"]]
    for name, project in resources.items():
        if project["Type"] == "AWS::CodeBuild::Project":
            batch = project["Properties"].get("BuildBatchConfig", {}).get("Restrictions", {})
            starting = sum(any(_builds(action, name) for action in actions) for actions in stages)
            # What updates the pipeline may still be ending where the next execution begins.
            most = starting * batch.get("MaximumBuildsAllowed", 1) + (name == _UPDATE_PROJECT)
            project["Properties"]["ConcurrentBuildLimit"] = most


def _builds(action: dict[str, Any], project: str) -> bool:
    return bool(action.get("Configuration", {}).get("ProjectName") == {"Ref": project})


def _leave_updates_out(resources: dict[str, Any]) -> None:
    """Take away whatever lets the pipeline change itself."""
    for name in ("UpdateRole", "UpdateLog", "UpdateProject"):
        del resources[name]
    _of_no_updates(resources["Pipeline"]["Properties"])


def _let_updates_keep_roles(resources: dict[str, Any]) -> None:
    """Let the pipeline leave each project, and its batches, the role that it has: an update names that again."""
    projects = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::CodeBuild::Project"]
    named = [*projects, *(project.get("BuildBatchConfig", {}) for project in projects)]
    (policy,) = resources["UpdateRole"]["Properties"]["Policies"]
    kept = next(one for one in policy["PolicyDocument"]["Statement"] if one.get("Sid") == _KEEP_ROLES)
    there = kept["Resource"] if isinstance(kept["Resource"], list) else [kept["Resource"]]
    # Its own role is there by its name: a policy cannot ask for the role that it is of.
    own = resources["UpdateProject"]["Properties"]["ServiceRole"]
    roles = [one["ServiceRole"] for one in named if "ServiceRole" in one]
    kept["Resource"] = [*there, *(role for role in roles if role not in (*there, own))]


def _of_no_updates(pipeline: dict[str, Any]) -> None:
    """Have a pipeline begin with its source and go on with what verifies that."""
    del pipeline["RestartExecutionOnUpdate"]
    pipeline["Stages"] = [stage for stage in pipeline["Stages"] if stage["Name"] != _UPDATE]


def _branches_pipeline(model: dict[str, Any], push: Push, environment: Environment) -> dict[str, Any]:
    """Return the pipeline of feature branches: up to its release as the model, then beside what the environment runs.

    Each branch gets stacks of its own there, which `invoke destroy --branch` takes away.
    """
    made = copy.deepcopy(model)
    _of_no_updates(made["Properties"])
    variables = {**_VARIABLES, "LOCKSTEP_BRANCH": "#{SourceVariables.BranchName}"}
    deploy = _action(environment, "Deploy", 1, "branch", variables)
    made["Properties"] |= {
        "Name": {"Fn::Sub": "${Project}-branches"},
        # The branch that is released has a pipeline of its own, also where a pattern fits it.
        "Triggers": [_trigger(push, {"Includes": [*push.branches], "Excludes": [_BRANCH]})],
        "Stages": [*made["Properties"]["Stages"], {"Name": f"Deploy-{environment.name}", "Actions": [deploy]}],
    }
    return made


def _branches_notifications(model: dict[str, Any]) -> dict[str, Any]:
    """Return what tells of failures in the pipeline of feature branches; nobody is asked there."""
    made = copy.deepcopy(model)
    made["Properties"] |= {
        "Name": {"Fn::Sub": "${Project}-branches"},
        "Resource": {
            "Fn::Sub": "arn:${AWS::Partition}:codepipeline:${AWS::Region}:${AWS::AccountId}:${BranchesPipeline}"
        },
        "EventTypeIds": ["codepipeline-pipeline-pipeline-execution-failed"],
    }
    return made


def _project_id(environment: Environment) -> str:
    return f"Deploy{environment.name.capitalize()}Project"


def _project(model: dict[str, Any], environment: Environment) -> dict[str, Any]:
    """Return the project that deploys to an environment."""
    name = environment.name
    made = _like(model, f"deploy-{name}", f"Deploys releases to {name}", f"deployer-{name}", "deploy")
    made["Properties"]["Environment"]["EnvironmentVariables"] += [{"Name": "LOCKSTEP_ENVIRONMENT", "Value": name}]
    return made


def _plan_project(model: dict[str, Any]) -> dict[str, Any]:
    """Return the project that plans for who approves, as a role that may look."""
    return _like(model, "plan", "Says what a release would change, and may change nothing", "planner", "plan")


def _like(model: dict[str, Any], job: str, description: str, role: str, buildspec: str) -> dict[str, Any]:
    """Return a project as the one that verifies, with another role of bootstrap's and another job."""
    made, name = copy.deepcopy(model), f"${{Project}}-{job}"
    made["Properties"] |= {
        "Name": {"Fn::Sub": name},
        "Description": description,
        "ServiceRole": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{Project}}-{role}"},
        "Source": {"Type": "CODEPIPELINE", "BuildSpec": f"buildspecs/{buildspec}.yml"},
        "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": {"Fn::Sub": f"/aws/codebuild/{name}"}}},
    }
    return made


def _stages(environment: Environment, partition: str) -> Iterator[dict[str, Any]]:
    if environment.approval:
        actions = [_plan(environment), _approval(environment, partition)]
        yield {"Name": f"Approve-{environment.name}", "Actions": actions}
    yield {
        "Name": f"Deploy-{environment.name}",
        **_ON_FAILURE[environment.on_failure],
        "Actions": [_action(environment, name, order, name.lower()) for order, name in enumerate(_STEPS, 1)],
    }


def _plan_namespace(environment: Environment) -> str:
    return f"Plan{environment.name.capitalize()}"


def _plan(environment: Environment) -> dict[str, Any]:
    """Return the action whose variable says what a release would change in an environment, before anybody is asked."""
    return {
        "Name": "Plan",
        "Namespace": _plan_namespace(environment),
        "ActionTypeId": _CODEBUILD,
        "Configuration": {
            "ProjectName": {"Ref": _PLAN_PROJECT},
            "EnvironmentVariables": _variables(LOCKSTEP_ENVIRONMENT=environment.name, LOCKSTEP_RELEASE=_RELEASE),
        },
        "InputArtifacts": [{"Name": "Source"}],
        "RunOrder": 1,
    }


def _approval(environment: Environment, partition: str) -> dict[str, Any]:
    console = _CONSOLES.get(partition, _CONSOLE_OF_GOVERNMENT)
    pages = f"https://{console}/codesuite/codepipeline/pipelines/${{Project}}-pipeline"
    return {
        "Name": "Approve",
        "ActionTypeId": _APPROVAL,
        "Configuration": {
            "NotificationArn": {"Ref": "Topic"},
            # At most 1000 characters once its variables are in it; the plan has 400 of them (lockstep/report.py).
            # https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
            "CustomData": (
                f"Release {_RELEASE} to {environment.name}: commit #{{SourceVariables.CommitId}}. "
                f"#{{{_plan_namespace(environment)}.LOCKSTEP_PLAN}}. "
                f"More: invoke plan --env {environment.name} --release {_RELEASE}"
            ),
            "ExternalEntityLink": {"Fn::Sub": f"{pages}/executions/{_EXECUTION}/timeline?region=${{AWS::Region}}"},
        },
        "RunOrder": 2,
    }


def _action(
    environment: Environment, name: str, order: int, buildspec: str, variables: Mapping[str, str] = _VARIABLES
) -> dict[str, Any]:
    """Return an action of the environment's project, with a buildspec of its own."""
    return {
        "Name": name,
        "ActionTypeId": _CODEBUILD,
        "Configuration": {
            "ProjectName": {"Ref": _project_id(environment)},
            "BuildspecOverride": f"buildspecs/{buildspec}.yml",
            "EnvironmentVariables": _variables(**variables),
        },
        "InputArtifacts": [{"Name": "Source"}],
        "RunOrder": order,
    }


def _variables(**values: str) -> str:
    """Return an action's variables as CodePipeline takes them: JSON in a text."""
    variables = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in values.items()]
    return json.dumps(variables, separators=(",", ":"))
