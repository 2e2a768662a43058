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


def definition(accounts: Accounts) -> dict[str, Any]:
    """Return the pipeline as CodePipeline tells it."""
    told = accounts.server.client("codepipeline", TOOLING).get_pipeline(name="lockstep-pipeline")
    return dict(told["pipeline"])


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
