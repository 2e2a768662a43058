"""The pipeline in the sandbox: its stack is made as in AWS, and what CloudFormation resolved is what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lockstep import administration, pipelines
from lockstep.destroy import Asked
from lockstep.errors import IdentityError
from lockstep.pipeline import definition as definition_room
from lockstep.pipeline import projects
from lockstep.pipeline.definition import Build
from lockstep.pipeline.projects import Batches
from tests.sandbox.accounts import Accounts
from tests.sandbox.conftest import REGION, TOOLING, Keys, Server, allow, message, outcome, served

PROPERTIES = {
    "Name": "ours",
    "RoleArn": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/pipeline"},
    "ArtifactStore": {"Type": "S3", "Location": "bucket"},
    "Stages": [{"Name": "Source", "Actions": []}],
    "RestartExecutionOnUpdate": True,
    "Tags": [{"Key": "Team", "Value": "shop"}],
}
PIPELINE = {"Type": "AWS::CodePipeline::Pipeline", "Properties": PROPERTIES}
RULE = {
    "Type": "AWS::CodeStarNotifications::NotificationRule",
    "Properties": {"Name": "ours", "Resource": "arn", "DetailType": "FULL", "EventTypeIds": [], "Targets": []},
}


PROJECT = {
    "Name": "batched",
    "ServiceRole": f"arn:aws:iam::{TOOLING}:role/build",
    "Source": {"Type": "CODEPIPELINE", "BuildSpec": "b.yml"},
    "Artifacts": {"Type": "CODEPIPELINE"},
    "Environment": {"Type": "LINUX_CONTAINER", "ComputeType": "BUILD_GENERAL1_SMALL", "Image": "image"},
}
BATCHES = {
    "ServiceRole": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/batch"},
    "Restrictions": {"MaximumBuildsAllowed": 3},
    "TimeoutInMins": 180,
}


CONNECTED = """source = "codeconnections"
repository = "here/lockstep"
branch = "main"
connection = "arn:aws:codeconnections:eu-west-1:111111111111:connection/00000000-0000-0000-0000-000000000000"
branches = ["feature/**"]
"""
CODECOMMIT = """source = "codecommit"
repository = "lockstep"
branch = "main"
"""


@pytest.fixture(scope="module")
def server(sandbox_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Have a MiniStack of our own."""
    with served(sandbox_python, tmp_path_factory.mktemp("pipelines")) as found:
        yield found


@pytest.fixture(scope="module")
def accounts(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    """Have accounts that are set up, with the pipeline in tooling."""
    found = Accounts(server, tmp_path_factory.mktemp("tree"))
    found.anew()
    assert administration.set_up(found.wiring(), yes=True) == 0
    assert pipelines.deploy(found.wiring(), yes=True) == 0
    return found


@pytest.fixture
def from_codecommit(accounts: Accounts) -> Iterator[Accounts]:
    """Have the pipeline take its source from CodeCommit, for one test."""
    accounts.replace_settings(CONNECTED, CODECOMMIT)
    assert pipelines.deploy(accounts.wiring(), yes=True) == 0
    yield accounts
    accounts.replace_settings(CODECOMMIT, CONNECTED)
    assert pipelines.deploy(accounts.wiring(), yes=True) == 0


def batched(server: Server, stack: str) -> tuple[Any, Any]:
    """Make a project with a batch configuration, then take that away; return what is told of it each time."""
    client, told = server.client("codebuild", TOOLING), []
    cloudformation = server.client("cloudformation", TOOLING)
    project = {"Type": "AWS::CodeBuild::Project", "Properties": {**PROJECT, "BuildBatchConfig": BATCHES}}
    server.deploy(Keys(TOOLING), stack, {"Project": project})
    told.append(client.batch_get_projects(names=["batched"])["projects"][0].get("buildBatchConfig"))
    without = {"Resources": {"Project": {**project, "Properties": {**PROJECT, "Description": "without"}}}}
    cloudformation.update_stack(StackName=stack, TemplateBody=json.dumps(without))
    server.settled(stack, TOOLING)
    (now,) = client.batch_get_projects(names=["batched"])["projects"]
    assert now["description"] == "without"
    return told[0], now.get("buildBatchConfig")


def definition(accounts: Accounts) -> dict[str, Any]:
    """Return the pipeline as CodePipeline tells it."""
    told = accounts.server.client("codepipeline", TOOLING).get_pipeline(name="lockstep-pipeline")
    return dict(told["pipeline"])


def policy(server: Server, role: str, name: str) -> list[dict[str, Any]]:
    """Return the statements of a role's policy."""
    found = server.client("iam", TOOLING).get_role_policy(RoleName=role, PolicyName=name)
    return list(found["PolicyDocument"]["Statement"])


def test_a_stack_has_a_pipeline(mended: Server, unmended: Server) -> None:
    """A stack makes a pipeline and what tells of it; MiniStack as it comes cannot."""
    resources = {"Pipeline": PIPELINE, "Rule": RULE}

    assert mended.deploy(Keys(TOOLING), "pipelines", resources) == ("CREATE_COMPLETE", "")
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        unmended.deploy(Keys(TOOLING), "pipelines", resources)


def test_pipelines_are_told(mended: Server, unmended: Server) -> None:
    """CodePipeline gives a pipeline of a stack in its own words, and lists it; MiniStack as it comes has none."""
    mended.deploy(Keys(TOOLING), "told", {"Pipeline": {**PIPELINE, "Properties": {**PROPERTIES, "Name": "told"}}})
    client, bare = (server.client("codepipeline", TOOLING) for server in (mended, unmended))

    told = client.get_pipeline(name="told")

    assert told["pipeline"] == {
        "name": "told",
        "roleArn": f"arn:aws:iam::{TOOLING}:role/pipeline",
        "artifactStore": {"type": "S3", "location": "bucket"},
        "stages": [{"name": "Source", "actions": []}],
        "version": 1,
    }
    assert told["metadata"]["pipelineArn"] == f"arn:aws:codepipeline:{REGION}:{TOOLING}:told"
    assert "told" in [one["name"] for one in client.list_pipelines()["pipelines"]]
    assert outcome(client.get_pipeline, name="other") == "PipelineNotFoundException"
    assert outcome(client.delete_pipeline, name="told") == "UnknownOperationException"
    assert outcome(bare.list_pipelines) != "done"


def test_projects_have_batches(mended: Server) -> None:
    """A project has the batch configuration of its stack, resolved, until an update takes it away."""
    config = {
        "serviceRole": f"arn:aws:iam::{TOOLING}:role/batch",
        "restrictions": {"maximumBuildsAllowed": 3},
        "timeoutInMins": 180,
    }

    assert batched(mended, "batched") == (config, None)


def test_upstream_still_lacks_batches(unmended: Server) -> None:
    """Once this fails, upstream has it: delete the mend `projects_have_batches`."""
    assert batched(unmended, "batched") == (None, None)


def test_who_may_see_a_pipeline(mended: Server) -> None:
    """Who asks for a pipeline needs the right to, on that pipeline."""
    may = allow("codepipeline:GetPipeline", f"arn:aws:codepipeline:{REGION}:{TOOLING}:mine")
    keys = mended.assume(mended.role(TOOLING, "pipeline-reader", may))
    client = mended.client("codepipeline", keys)

    assert outcome(client.get_pipeline, name="mine") == "PipelineNotFoundException"
    assert outcome(client.get_pipeline, name="other") == "AccessDeniedException"
    assert "codepipeline:ListPipelines" in message(client.list_pipelines)


def test_every_stage_is_resolved(accounts: Accounts) -> None:
    """After bootstrap and pipeline.deploy the pipeline has its stages in order, with nothing left to resolve."""
    found = definition(accounts)

    names = accounts.names
    assert [stage["name"] for stage in found["stages"]] == [
        "Source", "Verify", "Release", "Deploy-test", "Approve-prod", "Deploy-prod",
    ]  # fmt: skip
    assert (found["pipelineType"], found["executionMode"]) == ("V2", "QUEUED")
    assert found["artifactStore"]["location"] == names.bucket
    assert found["artifactStore"]["encryptionKey"]["id"].startswith(f"arn:aws:kms:{REGION}:{TOOLING}:key/")
    connection = "arn:aws:codeconnections:eu-west-1:111111111111:connection/00000000-0000-0000-0000-000000000000"
    assert found["stages"][0]["actions"][0]["configuration"] == {
        "ConnectionArn": connection,
        "FullRepositoryId": "here/lockstep",
        "BranchName": "main",
        "OutputArtifactFormat": "CODE_ZIP",
        "DetectChanges": "false",
    }
    projects = [a["configuration"].get("ProjectName") for stage in found["stages"][1:] for a in stage["actions"]]
    assert projects == [
        "lockstep-verify", "lockstep-build", *["lockstep-deploy-test"] * 3, "lockstep-plan", None,
        *["lockstep-deploy-prod"] * 3,
    ]  # fmt: skip
    assert [word for word in ('"Ref"', "Fn::", "${") if word in json.dumps(found)] == []


def test_the_projects(accounts: Accounts) -> None:
    """Each project runs as its own role, in a supported image; the one that builds images alone is privileged."""
    names = [f"lockstep-{job}" for job in ("verify", "build", "plan", "deploy-test", "deploy-prod")]

    found = accounts.server.client("codebuild", TOOLING).batch_get_projects(names=names)["projects"]

    told = {
        one["name"].removeprefix("lockstep-"): (
            one["serviceRole"].rpartition("/")[2],
            one["source"]["buildspec"],
            one["environment"]["privilegedMode"],
            {variable["name"]: variable["value"] for variable in one["environment"]["environmentVariables"]},
        )
        for one in found
    }
    settings = {"LOCKSTEP_CONFIG": "infra/sandbox.toml"}
    assert told == {
        "verify": ("lockstep-verify", "buildspecs/verify.yml", False, settings),
        "build": ("lockstep-build", "buildspecs/release.yml", True, settings),
        "plan": ("lockstep-planner", "buildspecs/plan.yml", False, settings),
        "deploy-test": (
            "lockstep-deployer-test", "buildspecs/deploy.yml", False, settings | {"LOCKSTEP_ENVIRONMENT": "test"},
        ),
        "deploy-prod": (
            "lockstep-deployer-prod", "buildspecs/deploy.yml", False, settings | {"LOCKSTEP_ENVIRONMENT": "prod"},
        ),
    }  # fmt: skip
    assert {one["environment"]["image"] for one in found} == {"aws/codebuild/amazonlinux-x86_64-standard:5.0"}


def test_again_there_is_nothing_to_do(accounts: Accounts, capsys: pytest.CaptureFixture[str]) -> None:
    """The second pipeline.deploy changes nothing."""
    assert pipelines.deploy(accounts.wiring(), yes=True) == 0

    (result,) = json.loads(capsys.readouterr().out)["stacks"].values()
    assert result["result"] == "unchanged"


def test_several_machines(accounts: Accounts) -> None:
    """With shards in the settings the project that builds may run batches, by a role that CodeBuild takes for it alone.

    Without them again there is neither.
    """
    one, many = 'branch = "main"\n', 'branch = "main"\nshards = 2\n'
    role, source = f"arn:aws:iam::{TOOLING}:role/lockstep-build-batch", f"arn:aws:codebuild:{REGION}:{TOOLING}:project/"
    accounts.replace_settings(one, many)

    assert pipelines.deploy(accounts.wiring(), yes=True) == 0

    machinery = accounts.wiring().machinery()
    actions = definition_room.read({"pipeline": definition(accounts)}).stages[2].actions
    (build,) = machinery.projects(["lockstep-build"])
    assert [(one.name, one.work.is_batch) for one in actions if isinstance(one.work, Build)] == [
        ("Shards", True), ("Release", False),
    ]  # fmt: skip
    assert projects.read(build).batches == Batches(role, 3)
    assert machinery.become(role, f"{source}lockstep-build", "AWSCodeBuild-1").keys().access
    with pytest.raises(IdentityError):
        machinery.become(role, f"{source}lockstep-verify", "AWSCodeBuild-1")

    accounts.replace_settings(many, one)

    assert pipelines.deploy(accounts.wiring(), yes=True) == 0
    assert projects.read(machinery.projects(["lockstep-build"])[0]).batches is None
    with pytest.raises(IdentityError):
        machinery.become(role, f"{source}lockstep-build", "AWSCodeBuild-1")


def test_a_pipeline_from_codecommit(from_codecommit: Accounts) -> None:
    """From CodeCommit a rule starts the pipeline, as a role that may do that alone; no connection is used."""
    found, server = definition(from_codecommit), from_codecommit.server

    (source,) = found["stages"][0]["actions"]
    assert source["actionTypeId"]["provider"] == "CodeCommit"
    assert source["configuration"] == {
        "RepositoryName": "lockstep",
        "BranchName": "main",
        "OutputArtifactFormat": "CODE_ZIP",
        "PollForSourceChanges": "false",
    }
    assert "triggers" not in found
    events, pipeline = server.client("events", TOOLING), f"arn:aws:codepipeline:{REGION}:{TOOLING}:lockstep-pipeline"
    rule = events.describe_rule(Name="lockstep-pipeline-start")
    pattern = json.loads(rule["EventPattern"])
    assert (rule["State"], pattern["source"]) == ("ENABLED", ["aws.codecommit"])
    assert pattern["resources"] == [f"arn:aws:codecommit:{REGION}:{TOOLING}:lockstep"]
    assert pattern["detail"]["referenceName"] == ["main"]
    (target,) = events.list_targets_by_rule(Rule="lockstep-pipeline-start")["Targets"]
    role = f"arn:aws:iam::{TOOLING}:role/lockstep-pipeline-start"
    assert (target["Arn"], target["RoleArn"]) == (pipeline, role)
    (statement,) = policy(server, "lockstep-pipeline-start", "start")
    assert (statement["Action"], statement["Resource"]) == ("codepipeline:StartPipelineExecution", pipeline)
    allowed = {one["Sid"]: one for one in policy(server, "lockstep-pipeline", "run")}["ReadOneRepository"]
    assert {action.partition(":")[0] for action in allowed["Action"]} == {"codecommit"}
    assert allowed["Resource"] == f"arn:aws:codecommit:{REGION}:{TOOLING}:lockstep"


def test_nothing_is_left(server: Server, tmp_path: Path) -> None:
    """Destroying everything takes the pipeline too, before what it needs."""
    accounts = Accounts(server, tmp_path)
    accounts.anew()
    assert administration.set_up(accounts.wiring(), yes=True) == 0
    assert pipelines.deploy(accounts.wiring(), yes=True) == 0

    ended = administration.take_down(
        accounts.wiring(), Asked(everything=True), unprotect=True, confirm=accounts.settings.project
    )

    client = server.client("codepipeline", TOOLING)
    assert (ended, client.list_pipelines()["pipelines"]) == (0, [])
