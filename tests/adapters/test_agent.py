"""What a service's session of a role does: its files, its keys; and what is deployed for it to run."""

from __future__ import annotations

import io

import pytest
from botocore.response import StreamingBody

from lockstep.aws.action_stacks import ActionStacks
from lockstep.aws.agent import Agent
from lockstep.aws.codepipeline import Deployed
from lockstep.aws.parameters import Vault
from lockstep.errors import ConfigError, DeniedError
from lockstep.model import AccountId
from lockstep.testing import a_pipeline, a_project, a_stage, an_approval
from tests.adapters.stubs import ACCESS, SECRET, TOKEN, stubbed

OWNER = AccountId("111111111111")
FILE = {"Bucket": "b", "Key": "k", "ExpectedBucketOwner": OWNER}
PROJECT = a_project("build") | {"environment": a_project("x")["environment"] | {"computeType": "BUILD_GENERAL1_SMALL"}}


def test_a_file_that_is_read() -> None:
    """A file is read from a bucket of the account alone."""
    with stubbed("s3") as (session, stub):
        stub.add_response("get_object", {"Body": StreamingBody(io.BytesIO(b"zip"), 3)}, FILE)

        assert Agent(session, OWNER).get("b", "k") == b"zip"


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchBucket"])
def test_a_file_that_is_missing(code: str) -> None:
    """A file that is missing is said to be."""
    with stubbed("s3") as (session, stub):
        stub.add_client_error("get_object", code)

        with pytest.raises(ConfigError, match="reading s3://b/k"):
            Agent(session, OWNER).get("b", "k")


def test_a_file_that_the_role_may_not_read() -> None:
    """A role that lacks the right fails by AWS's own words."""
    with stubbed("s3") as (session, stub):
        stub.add_client_error("get_object", "AccessDenied")

        with pytest.raises(DeniedError):
            Agent(session, OWNER).get("b", "k")


@pytest.mark.parametrize("key", ["", "the-key"])
def test_a_file_that_is_written(key: str) -> None:
    """A file is written with the key of the pipeline's store, where it has one."""
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
    with stubbed("s3") as (session, stub):
        stub.add_response("put_object", {}, {**FILE, "Body": b"zip", **encrypted})

        Agent(session, OWNER).put("b", "k", b"zip", key)


def test_the_keys_of_a_role() -> None:
    """A build gets the session's keys, which are in no text of them."""
    with stubbed("s3") as (session, _):
        agent = Agent(session, OWNER)

    keys = agent.keys()

    assert (keys.access, keys.secret, keys.token) == (ACCESS, SECRET, TOKEN)
    assert SECRET not in repr(keys)
    assert agent.vault() == Vault(session)


def test_a_pipeline_that_is_deployed() -> None:
    """A pipeline is given as AWS tells it."""
    document = a_pipeline(a_stage("Approve", an_approval(CustomData="Go?")))
    with stubbed("codepipeline") as (session, stub):
        stub.add_response("get_pipeline", document, {"name": "shop-pipeline"})

        found = Deployed(session).pipeline("shop-pipeline")

    assert found["pipeline"]["stages"] == document["pipeline"]["stages"]


def test_a_pipeline_that_is_not() -> None:
    """Where there is no such pipeline, the way to one is said; any other refusal is AWS's."""
    with stubbed("codepipeline") as (session, stub):
        stub.add_client_error("get_pipeline", "PipelineNotFoundException")
        stub.add_client_error("get_pipeline", "AccessDeniedException")

        with pytest.raises(ConfigError) as caught:
            Deployed(session).pipeline("shop-pipeline")
        with pytest.raises(DeniedError):
            Deployed(session).pipeline("shop-pipeline")

    assert caught.value.cure == "invoke pipeline.deploy"


def test_projects() -> None:
    """Projects are given as AWS tells them; none is asked for where none is used; a missing one is named."""
    with stubbed("codebuild") as (session, stub):
        stub.add_response("batch_get_projects", {"projects": [PROJECT]}, {"names": ["shop-build"]})
        stub.add_response("batch_get_projects", {"projects": [], "projectsNotFound": ["other"]}, {"names": ["other"]})
        deployed = Deployed(session)

        assert deployed.projects([]) == ()
        assert deployed.projects(["shop-build"]) == [PROJECT]
        with pytest.raises(ConfigError, match="reading the CodeBuild projects other") as caught:
            deployed.projects(["other"])

    assert caught.value.answer == "not there: other"


def test_the_stacks_of_a_role() -> None:
    """A role's stacks are those of the account that is named, by the role's own session."""
    with stubbed("cloudformation") as (session, _):
        found = Agent(session, OWNER, 0.5).stacks(AccountId("222222222222"))

    assert found == ActionStacks(session, AccountId("222222222222"), 0.5)
