"""The pipeline that is deployed, read strictly: what is known becomes values, all else is an error by its name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.errors import ConfigError
from lockstep.pipeline import action_variables, definition, projects
from lockstep.pipeline.action_variables import Variable
from lockstep.pipeline.definition import Action, Approval, Build, Source, Stage
from lockstep.pipeline.projects import Batches
from lockstep.testing import a_build_action, a_pipeline, a_project, a_source, a_stage, an_approval

GIVEN = a_pipeline(
    a_stage("Release", a_build_action("Release", {"COMMIT": "#{SourceVariables.CommitId}"})),
    a_stage("Approve", an_approval(CustomData="Deploy?", ExternalEntityLink="https://x", NotificationArn="arn")),
    a_stage("Deploy", a_build_action("Deploy"), onFailure={"result": "ROLLBACK"}),
    variables=[{"name": "mood", "defaultValue": "good"}],
)

ENVIRONMENT = a_project("x")["environment"]


def refused(document: Any) -> str:  # noqa: ANN401 - any JSON
    """Why a pipeline cannot be run."""
    with pytest.raises(ConfigError) as caught:
        definition.read(document)
    return str(caught.value)


def changed(place: tuple[str | int, ...], value: object) -> Any:  # noqa: ANN401 - any JSON
    """The pipeline with one value changed."""
    document = copy.deepcopy(GIVEN)
    inner: Any = document["pipeline"]
    for one in place[:-1]:
        inner = inner[one]
    inner[place[-1]] = value
    return document


def test_what_is_read() -> None:
    """Stages, actions and what they do are read as they are deployed."""
    found = definition.read(GIVEN)

    assert (found.name, found.bucket, found.key, found.mode) == ("shop-pipeline", "shop-artifacts", "the-key", "QUEUED")
    assert found.source == Source("CodeCommit", "shop", "main")
    assert found.source.name == "shop of CodeCommit"
    assert found.variables == {"mood": "good"}
    assert found.approvals() == ("Approve",)
    assert [stage.name for stage in found.stages] == ["Source", "Release", "Approve", "Deploy"]
    assert found.stages[2].actions[0].work == Approval("Deploy?", "https://x", "arn")
    build = Build("shop-deploy", "", "", "")
    assert found.stages[3] == Stage("Deploy", (Action("Deploy", 1, build, ("Source",), (), "Deploy"),), "ROLLBACK")
    assert [stage.actions[0].kind for stage in found.stages] == ["Source", "CodeBuild", "Manual", "CodeBuild"]


def test_what_stands_where_nothing_is_said() -> None:
    """Without an execution mode it is SUPERSEDED, without a key there is none, without an order it is 1."""
    document = copy.deepcopy(GIVEN)
    del document["pipeline"]["executionMode"], document["pipeline"]["artifactStore"]["encryptionKey"]
    del document["pipeline"]["stages"][0]["actions"][0]["runOrder"]

    found = definition.read(document)

    assert (found.mode, found.key, found.stages[0].actions[0].order) == ("SUPERSEDED", "", 1)


def test_a_connection() -> None:
    """A source behind a connection is read as one in CodeCommit is."""
    kind = {"category": "Source", "owner": "AWS", "provider": "CodeStarSourceConnection", "version": "1"}
    configuration = {
        "ConnectionArn": "arn", "FullRepositoryId": "me/shop", "BranchName": "main", "OutputArtifactFormat": "CODE_ZIP",
    }  # fmt: skip
    source = a_source(actionTypeId=kind, configuration=configuration, roleArn="role")

    found = definition.read(a_pipeline(stages=[a_stage("Source", source)]))

    assert found.source == Source("CodeConnections", "me/shop", "main")
    assert found.stages[0].actions[0].role == "role"


def test_actions_in_their_order() -> None:
    """Actions come in their run order, those of one order as they stand."""
    stage = a_stage("S", a_build_action("C", runOrder=2), a_build_action("A"), a_build_action("B"))

    found = definition.read(a_pipeline(stage))

    assert [action.name for action in found.stages[1].actions] == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("place", "value", "answer"),
    [
        (("pipelineType",), "V1", "pipelineType: 'V1' is not one that the local runner knows: V2"),
        (("artifactStore", "type"), "disk", "'disk' is not one"),
        (("stages", 1, "onFailure"), {"result": "FAIL"}, "'FAIL' is not one"),
        (("stages", 1, "beforeEntry"), {"conditions": [1]}, "stages[1]: unknown field 'beforeEntry'"),
        (("stages", 1, "actions", 0, "commands"), ["ls"], "stages[1].actions[0]: unknown field 'commands'"),
        (("stages", 1, "actions", 0, "actionTypeId", "owner"), "Custom", "no action Build Custom CodeBuild 1"),
        (("stages", 1, "actions", 0, "configuration", "BatchEnabled"), "yes", "'yes' is not one"),
        (("stages", 1, "actions", 0, "configuration", "BatchEnabled"), "true", "Release.Release is a batch, of which"),
        (("stages", 1, "actions", 0, "configuration", "CombineArtifacts"), "true", "unknown field 'CombineArtifacts'"),
        (("stages", 1, "actions", 0, "configuration", "Odd"), "x", "unknown field 'Odd'"),
        (("stages", 0, "actions", 0, "configuration", "OutputArtifactFormat"), "CODEBUILD_CLONE_REF", "CODE_ZIP"),
        (("stages", 0, "actions", 0, "configuration", "PollForSourceChanges"), "maybe", "'maybe' is not one"),
        (("stages", 1, "actions", 0, "runOrder"), "1", "it is not a whole number"),
        (("stages", 1, "actions", 0, "name"), "..", "'..' is no name that CodePipeline takes"),
        (("stages", 1, "actions", 0, "name"), 7, "it is not text"),
        (("stages", 1, "name"), "a/../b", "is no name that CodePipeline takes"),
        (("stages", 1, "name"), "Source", "is there twice"),
        (("stages", 1, "actions"), "none", "it is not a list"),
        (("stages", 1), "none", "it is not a table of fields"),
        (("stages", 1, "actions"), [], "'actions' is missing"),
        (("stages", 1, "actions", 0, "inputArtifacts"), [], "has no input artifact"),
        (("stages", 1, "actions", 0, "inputArtifacts"), [{"name": "Other"}], "which nothing before it gives"),
        (("stages", 1, "actions", 0, "outputArtifacts"), [{"name": "Source"}], "which there is already"),
        (("stages", 1, "actions", 0, "namespace"), "codepipeline", "which there is already"),
        (("stages", 3, "actions", 0, "configuration", "EnvironmentVariables"), "[{}]", "'name' is missing"),
        (("stages", 3, "actions", 0, "configuration", "EnvironmentVariables"), "{", "it is not JSON"),
        (("stages", 3, "actions", 0, "configuration", "EnvironmentVariables"), "x" * 1001, "1001 letters"),
        (("stages", 2, "actions", 0, "configuration", "CustomData"), "#{Deploy.X}", "nothing before it has that"),
        (("stages", 1), a_stage("Two", a_source(name="Again")), "2 source actions"),
        (("variables",), [{"name": "mood"}], "it has no default value"),
    ],
)  # fmt: skip
def test_what_is_refused(place: tuple[str | int, ...], value: object, answer: str) -> None:
    """What the runner cannot execute as AWS would is refused with its place."""
    assert answer in refused(changed(place, value))


def test_a_batch() -> None:
    """An action may be a batch of builds; one that is told to be none is a single build."""
    actions = [
        a_build_action(name, namespace="", configuration={"ProjectName": "shop-x", "BatchEnabled": value})
        for name, value in (("Many", "true"), ("One", "false"))
    ]

    found = definition.read(a_pipeline(a_stage("Make", *actions))).stages[1]

    assert [action.work for action in found.actions] == [
        Build("shop-x", "", "", "", is_batch=True), Build("shop-x", "", "", "", is_batch=False),
    ]  # fmt: skip


def test_a_batch_that_hands_on_an_artifact() -> None:
    """What a batch would hand on is refused by the action's name, since the runner hands on nothing of one."""
    configuration = {"ProjectName": "shop-x", "BatchEnabled": "true"}
    make = a_build_action("Make", namespace="", configuration=configuration, outputArtifacts=[{"name": "Made"}])

    assert "Build.Make is a batch, of which the local runner hands on no artifact" in refused(
        a_pipeline(a_stage("Build", make))
    )


def test_several_inputs() -> None:
    """Of several input artifacts one has to be named as the primary one."""
    make = a_build_action("Make", outputArtifacts=[{"name": "Made"}])
    use = a_build_action("Use", inputArtifacts=[{"name": "Source"}, {"name": "Made"}])

    assert "its PrimarySource is none of them" in refused(a_pipeline(a_stage("A", make), a_stage("B", use)))


def test_what_is_no_pipeline() -> None:
    """An answer that is no pipeline is refused."""
    assert "it is not a table of fields" in refused({"pipeline": "x"})
    assert "it is not text" in refused({"pipeline": {"stages": []}})
    assert "'pipeline' is missing" in refused({})


def test_how_a_failure_is_retried() -> None:
    """The mode of a retry is read with it."""
    failure = {"result": "RETRY", "retryConfiguration": {"retryMode": "FAILED_ACTIONS"}}

    found = definition.read(changed(("stages", 1, "onFailure"), failure))

    assert found.stages[1].on_failure == "RETRY FAILED_ACTIONS"


@pytest.mark.parametrize(
    ("variables", "answer"),
    [
        ([{"name": "A", "value": "1", "type": "SECRETS_MANAGER"}], "'SECRETS_MANAGER' is not one"),
        ([{"name": "A-B", "value": "1"}], "'A-B' is no name of a variable"),
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "'A' stands there twice"),
        ([{"name": "A"}], "it is not text"),
        (["A"], "it is not a table of fields"),
    ],
)
def test_variables_that_are_refused(variables: object, answer: str) -> None:
    """A variable of an action has a name, a plain value, and stands there once."""
    with pytest.raises(ConfigError) as caught:
        action_variables.of_text(json.dumps(variables), "it")

    assert answer in str(caught.value)


@given(st.dictionaries(st.from_regex("[A-Z_]{1,8}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_variables_as_they_are(values: dict[str, str]) -> None:
    """Whatever an action's variables hold, it is read as it is."""
    text = json.dumps([{"name": name, "value": value} for name, value in values.items()])

    assert action_variables.of_text(text, "it") == tuple(Variable(*one) for one in values.items())


def paths(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:  # noqa: ANN401 - any JSON
    """The place of every table of fields in a document."""
    found = [place] if isinstance(value, dict) else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [one for name, each in inner for one in paths(each, (*place, name))]


@given(st.sampled_from(paths(GIVEN["pipeline"])), st.from_regex("[a-z]{3,12}Of", fullmatch=True))
def test_no_field_is_skipped(place: tuple[str | int, ...], name: str) -> None:
    """A field that nobody knows is an error by its name, wherever in the pipeline it stands."""
    assert f"unknown field '{name}'" in refused(changed((*place, name), "x"))


def test_a_project() -> None:
    """A project is read as it is deployed."""
    environment = ENVIRONMENT | {
        "privilegedMode": True, "environmentVariables": [{"name": "A", "value": "", "type": "PLAINTEXT"}],
    }  # fmt: skip

    found = projects.read(a_project("x", environment=environment, encryptionKey="key", badge={"badgeEnabled": False}))

    assert (found.name, found.buildspec, found.privileged, found.key) == ("shop-x", "buildspecs/x.yml", True, "key")
    assert found.variables == (Variable("A", ""),)


@pytest.mark.parametrize(
    ("more", "most"),
    [
        ({}, 0),
        ({"restrictions": {}, "combineArtifacts": False, "batchReportMode": "REPORT_AGGREGATED_BATCH"}, 0),
        ({"restrictions": {"maximumBuildsAllowed": 3}, "timeoutInMins": 180}, 3),
    ],
)
def test_a_project_of_batches(more: dict[str, Any], most: int) -> None:
    """A project that runs batches has a role that starts their builds, and may say how many there are at most."""
    found = projects.read(a_project("x", buildBatchConfig={"serviceRole": "arn", **more}))

    assert found.batches == Batches("arn", most)


def test_a_project_that_says_little() -> None:
    """A project without a buildspec, a key, privilege and batches has none."""
    found = projects.read(a_project("x", source={"type": "CODEPIPELINE"}))

    assert (found.buildspec, found.privileged, found.key, found.variables) == ("", False, "", ())
    assert found.batches is None


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"vpcConfig": {"vpcId": "v"}}, "unknown field 'vpcConfig'"),
        ({"source": {"type": "GITHUB"}}, "'GITHUB' is not one"),
        ({"artifacts": {"type": "S3"}}, "'S3' is not one"),
        ({"environment": {"type": "WINDOWS_CONTAINER", "image": "i", "computeType": "c"}}, "'WINDOWS_CONTAINER'"),
        (
            {
                "environment": a_project("x")["environment"]
                | {"environmentVariables": [{"name": "CODEBUILD_X", "value": "1"}]}
            },
            "'CODEBUILD_X' is CodeBuild's own",
        ),
        ({"environment": ENVIRONMENT | {"privilegedMode": "yes"}}, "it is neither true nor false"),
        ({"buildBatchConfig": {"timeoutInMins": 9}}, "buildBatchConfig: 'serviceRole' is missing"),
        ({"buildBatchConfig": {"serviceRole": "arn", "combineArtifacts": True}}, "combines no artifacts"),
        (
            {"buildBatchConfig": {"serviceRole": "arn", "restrictions": {"fleetsAllowed": ["f"]}}},
            "unknown field 'fleetsAllowed'",
        ),
    ],
)
def test_a_project_that_is_refused(changes: dict[str, Any], answer: str) -> None:
    """What of a project the runner cannot honour is refused by its name."""
    with pytest.raises(ConfigError) as caught:
        projects.read(a_project("x", **changes))

    assert answer in str(caught.value)
