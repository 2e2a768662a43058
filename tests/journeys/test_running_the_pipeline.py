"""invoke pipeline.run: stages in order, failures, approvals, variables; builds are real shells in clean folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockstep.testing import a_build_action, a_buildspec, a_pipeline, a_project, a_stage, an_approval

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

COMMIT = "c" * 40
RELEASE = {"LOCKSTEP_RELEASE": "#{Release.LOCKSTEP_RELEASE}", "BY": "#{codepipeline.PipelineExecutionId}"}


@pytest.fixture
def deployed(terminal: Terminal) -> Terminal:
    """A terminal with a pipeline: Source, Release, Approve-prod, Deploy-prod. The release is r1."""
    terminal.workshop.pipeline = a_pipeline(
        a_stage("Release", a_build_action("Release", {"LOCKSTEP_COMMIT": "#{SourceVariables.CommitId}"})),
        a_stage(
            "Approve-prod",
            an_approval(CustomData="Deploy #{Release.LOCKSTEP_RELEASE}?", ExternalEntityLink="https://x"),
        ),
        a_stage("Deploy-prod", a_build_action("Deploy", RELEASE)),
    )
    terminal.workshop.projects = [a_project("release"), a_project("deploy")]
    terminal.workshop.source = {
        "buildspecs/release.yml": a_buildspec(
            'export LOCKSTEP_RELEASE="r1"',
            "echo making $LOCKSTEP_RELEASE of $LOCKSTEP_COMMIT",
            exported=["LOCKSTEP_RELEASE"],
        ),
        "buildspecs/deploy.yml": a_buildspec("echo deploying $LOCKSTEP_RELEASE"),
    }
    return terminal


def record(terminal: Terminal) -> Any:  # noqa: ANN401 - any JSON
    """The one record that there is."""
    (file,) = (terminal.root / ".lockstep" / "pipeline").glob("*/record.json")
    return json.loads(file.read_text())


def stages(document: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON
    """Each stage of a record, and how it ended."""
    return {one["name"]: one["status"] for one in document["stages"]}


def test_from_source_to_prod(deployed: Terminal) -> None:
    """With approval given the pipeline runs from the source to prod, and hands the release on as a variable."""
    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert (seen.code, seen.err) == (0, "")
    assert f"making r1 of {COMMIT}" in seen.out
    assert "Deploy r1?" in seen.out
    assert "deploying r1" in seen.out
    found = record(deployed)
    assert found["status"] == "Succeeded"
    assert stages(found) == dict.fromkeys(("Source", "Release", "Approve-prod", "Deploy-prod"), "Succeeded")
    assert found["variables"]["Release"] == {"LOCKSTEP_RELEASE": "r1"}
    assert found["variables"]["codepipeline"] == {"PipelineExecutionId": found["execution"]}


def test_each_role_does_its_own(deployed: Terminal) -> None:
    """The pipeline's role writes the source, and each build reads it as its own project's role."""
    deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert deployed.workshop.calls == [
        "shop-pipeline for shop-pipeline",
        "shop-pipeline writes shop-artifacts/shop-pipeline/Source with the-key",
        "shop-release for project/shop-release",
        "shop-release reads shop-artifacts/shop-pipeline/Source",
        "shop-deploy for project/shop-deploy",
        "shop-deploy reads shop-artifacts/shop-pipeline/Source",
    ]


def test_the_record_as_json(deployed: Terminal) -> None:
    """With --json stdout holds the record alone: stages, actions, seconds, the logs of the builds."""
    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod", "--json")

    assert seen.document == record(deployed)
    release = seen.document["stages"][1]["actions"][0]
    assert (release["provider"], release["variables"]) == ("CodeBuild", {"LOCKSTEP_RELEASE": "r1"})
    assert "making r1" in Path(release["log"]).read_text()
    assert release["build"].startswith("shop-release:")


def test_an_approval_waits(deployed: Terminal) -> None:
    """At an approval the run ends with 3, with the message, the link and what to do; nothing after it has run."""
    seen = deployed.invoke("pipeline.run")

    assert seen.code == 3
    for said in ("Deploy r1?", "https://x", "invoke pipeline.run --approve Approve-prod", "--reject Approve-prod"):
        assert said in seen.out
    assert stages(record(deployed)) == {"Source": "Succeeded", "Release": "Succeeded", "Approve-prod": "Waiting"}


def test_an_approval_is_given(deployed: Terminal) -> None:
    """An execution that waits goes on where it was, with its own release: nothing before the approval runs again."""
    deployed.invoke("pipeline.run")
    deployed.workshop.calls.clear()

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert seen.code == 0
    assert "deploying r1" in seen.out
    assert record(deployed)["status"] == "Succeeded"
    assert {call.split()[0] for call in deployed.workshop.calls} == {"shop-deploy"}


def test_an_approval_is_refused(deployed: Terminal) -> None:
    """An execution that is rejected ends failed: its later stages do not run, and nothing waits any more."""
    deployed.invoke("pipeline.run")

    seen = deployed.invoke("pipeline.run", "--reject", "Approve-prod")

    assert seen.code == 0
    assert record(deployed)["status"] == "Failed"
    assert "it was rejected" in seen.out
    assert "Deploy-prod" not in stages(record(deployed))
    assert deployed.invoke("pipeline.run", "--reject", "Approve-prod").code == 2


def test_another_run_while_one_waits(deployed: Terminal) -> None:
    """While an execution waits no other begins, as in CodePipeline's queue: it ends with 8 and says how to decide."""
    deployed.invoke("pipeline.run")

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 8
    assert "--approve Approve-prod, or --reject Approve-prod" in seen.err


@pytest.mark.parametrize("flag", ["--commit", "--branch"])
def test_a_waiting_execution_has_its_commit(deployed: Terminal, flag: str) -> None:
    """Who approves an execution cannot give it another commit."""
    deployed.invoke("pipeline.run")

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod", flag, "other")

    assert seen.code == 2
    assert "it has its commit already" in seen.err


def test_a_pipeline_that_changed_meanwhile(deployed: Terminal) -> None:
    """An execution does not go on with another pipeline than it began with; it can be rejected."""
    deployed.invoke("pipeline.run")
    assert deployed.workshop.pipeline is not None
    deployed.workshop.pipeline["pipeline"]["version"] = 2

    approved = deployed.invoke("pipeline.run", "--approve", "Approve-prod")
    rejected = deployed.invoke("pipeline.run", "--reject", "Approve-prod")

    assert (approved.code, rejected.code) == (2, 0)
    assert "deployed anew since it began" in approved.err


def test_until(deployed: Terminal) -> None:
    """With --until the run stops after that stage, and ends well."""
    seen = deployed.invoke("pipeline.run", "--until", "Release")

    assert seen.code == 0
    assert record(deployed)["status"] == "Stopped"
    assert stages(record(deployed)) == {"Source": "Succeeded", "Release": "Succeeded"}


@pytest.mark.parametrize(
    ("flag", "name"), [("--until", "Relaese"), ("--approve", "Release"), ("--reject", "Aprove-prod")]
)
def test_a_stage_that_is_none(deployed: Terminal, flag: str, name: str) -> None:
    """A stage that the pipeline has not, or that asks nobody, is refused before anything runs."""
    seen = deployed.invoke("pipeline.run", flag, name)

    assert seen.code == 2
    assert f"looking for the stage {name} of {flag}" in seen.err
    assert deployed.workshop.calls == []


def test_a_command_that_fails(deployed: Terminal) -> None:
    """A failing command fails its stage with 6; post_build runs, later stages do not, and the log has the phases."""
    spec = a_buildspec("exit 7", phases={"build": {"commands": ["exit 7"]}, "post_build": {"commands": ["echo after"]}})
    deployed.workshop.source["buildspecs/release.yml"] = spec

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert seen.code == 6
    found = record(deployed)
    assert (found["status"], stages(found)) == ("Failed", {"Source": "Succeeded", "Release": "Failed"})
    log = Path(found["stages"][1]["actions"][0]["log"]).read_text()
    assert "Phase complete: BUILD State: FAILED" in log
    assert "Phase complete: POST_BUILD State: SUCCEEDED" in log
    assert "exit status 7" in found["stages"][1]["actions"][0]["summary"]


@pytest.mark.parametrize("result", ["RETRY", "ROLLBACK"])
def test_what_aws_would_do_on_failure(deployed: Terminal, result: str) -> None:
    """Where AWS would retry a failed stage or roll it back, that is said, and not done."""
    assert deployed.workshop.pipeline is not None
    deployed.workshop.pipeline["pipeline"]["stages"][1]["onFailure"] = {"result": result}
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec("false")

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 6
    assert "the local runner does not" in seen.out


def test_a_variable_that_nothing_gives(deployed: Terminal) -> None:
    """A variable that the action before did not export fails the action that takes it, by name."""
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec("echo nothing exported")

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert seen.code == 6
    assert "resolving #{Release.LOCKSTEP_RELEASE}" in seen.out
    assert stages(record(deployed))["Approve-prod"] == "Failed"


def test_a_role_that_does_not_trust(deployed: Terminal) -> None:
    """A project whose role does not trust CodeBuild for it fails before its first command."""
    deployed.workshop.distrusts = {"shop-release"}

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 6
    assert "AccessDenied" in record(deployed)["stages"][1]["actions"][0]["summary"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        (
            {"actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1"}},
            "CloudFormation",
        ),
        ({"commands": ["make"]}, "unknown field 'commands'"),
    ],
)
def test_an_action_that_is_unknown(deployed: Terminal, changes: dict[str, Any], word: str) -> None:
    """An action provider or a field that the runner does not know is an error by name before anything runs."""
    assert deployed.workshop.pipeline is not None
    deployed.workshop.pipeline["pipeline"]["stages"][3]["actions"][0] |= changes

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 2
    assert word in seen.err
    assert deployed.workshop.calls == []


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        (json.dumps({"version": 0.2, "phases": {"biuld": {"commands": ["true"]}}}), "biuld"),
        (json.dumps({"version": 0.2, "batch": {}, "phases": {"build": {"commands": ["true"]}}}), "batch"),
        (None, "no such file"),
    ],
)
def test_a_buildspec_that_codebuild_refuses(deployed: Terminal, spec: str | None, word: str) -> None:
    """A buildspec that CodeBuild would refuse, or that is not there, ends the run before its first stage."""
    if spec is None:
        del deployed.workshop.source["buildspecs/deploy.yml"]
    else:
        deployed.workshop.source["buildspecs/deploy.yml"] = spec

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 2
    assert "buildspecs/deploy.yml" in seen.err
    assert word in seen.err
    assert (deployed.workshop.calls, record(deployed)["status"]) == ([], "Stopped")


def test_nothing_of_the_caller_is_seen(deployed: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys, a profile and a home folder of who runs the pipeline are seen by no build; its own role's keys are."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id = PLANTED\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "DOCKER_HOST", "LOCKSTEP_CONFIG"):
        monkeypatch.setenv(name, "PLANTED")
    monkeypatch.setenv("HOME", str(tmp_path))
    ask = (
        "import json, os, urllib.request as u; r = u.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], "
        "headers={'Authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']}); "
        "print(json.load(u.urlopen(r))['AccessKeyId'])"
    )
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec(
        "env", "ls -a $HOME", "ls -a", f'python -c "{ask}"', "export LOCKSTEP_RELEASE=r1", exported=["LOCKSTEP_RELEASE"]
    )

    seen = deployed.invoke("pipeline.run", "--until", "Release")

    assert seen.code == 0
    assert "PLANTED" not in seen.out
    assert ".aws" not in seen.out
    assert ".git" not in seen.out
    assert "key-of-shop-release" in seen.out


def test_what_codebuild_sets(deployed: Terminal) -> None:
    """A build has CodeBuild's documented variables, and its action's before its project's before its buildspec's."""
    environment = a_project("release")["environment"]
    own = [{"name": name, "value": "project", "type": "PLAINTEXT"} for name in ("LOCKSTEP_COMMIT", "MINE")]
    deployed.workshop.projects[0] = a_project("release", environment=environment | {"environmentVariables": own})
    codebuilds = "$CODEBUILD_INITIATOR ${CODEBUILD_BUILD_ID%:*} $CODEBUILD_RESOLVED_SOURCE_VERSION"
    said = f"echo $LOCKSTEP_COMMIT $MINE $YOURS {codebuilds}"
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec(
        said, 'test "$PWD" = "$CODEBUILD_SRC_DIR"', env={"variables": {"MINE": "spec", "YOURS": "spec"}}
    )

    seen = deployed.invoke("pipeline.run", "--until", "Release")

    assert seen.code == 0, seen.out
    assert f"{COMMIT} project spec codepipeline/shop-pipeline shop-release {COMMIT}" in seen.out


def test_an_engine_only_where_it_is_privileged(deployed: Terminal) -> None:
    """Only a privileged project finds a Docker engine."""
    environment = a_project("release")["environment"] | {"privilegedMode": True}
    deployed.workshop.projects[0] = a_project("release", environment=environment)
    for name in ("release", "deploy"):
        spec = a_buildspec('echo engine "$DOCKER_HOST"', "export LOCKSTEP_RELEASE=r", exported=["LOCKSTEP_RELEASE"])
        deployed.workshop.source[f"buildspecs/{name}.yml"] = spec

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    engines = [line.strip() for line in seen.out.splitlines() if line.strip().startswith("engine")]
    assert engines == ["engine unix:///engine", "engine"]


def test_artifacts_go_on(deployed: Terminal) -> None:
    """An action's artifact is in the bucket, and the next action has it in a folder of its own beside the source."""
    assert deployed.workshop.pipeline is not None
    deployed.workshop.pipeline["pipeline"]["stages"][1:] = [
        a_stage("Make", a_build_action("Release", outputArtifacts=[{"name": "Made"}])),
        a_stage(
            "Use",
            a_build_action(
                "Deploy",
                inputArtifacts=[{"name": "Made"}, {"name": "Source"}],
                configuration={"ProjectName": "shop-deploy", "PrimarySource": "Source"},
            ),
        ),
    ]
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec(
        "echo of the build before > it", artifacts={"files": ["it"]}
    )
    deployed.workshop.source["buildspecs/deploy.yml"] = a_buildspec("cat $CODEBUILD_SRC_DIR_Made/it")

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 0, seen.out
    assert "of the build before" in seen.out
    assert "shop-release writes shop-artifacts/shop-pipeline/Made with the-key" in deployed.workshop.calls


def test_an_artifact_that_is_not_made(deployed: Terminal) -> None:
    """An artifact that a pipeline wants and a buildspec does not make fails the action."""
    assert deployed.workshop.pipeline is not None
    deployed.workshop.pipeline["pipeline"]["stages"][1]["actions"][0]["outputArtifacts"] = [{"name": "Made"}]

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 6
    assert "its buildspec makes no such artifact" in seen.out


@pytest.mark.parametrize("hostile", ["$(touch planted)", "`touch planted`", "../../x; touch planted", "a'b", "#{x.y}"])
def test_hostile_words(deployed: Terminal, hostile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch, a commit message or a file with a command in its name runs nothing and breaks nothing."""
    monkeypatch.chdir(tmp_path)
    deployed.workshop.message = hostile + '"\n'
    deployed.workshop.source[f"files/{hostile.replace('/', '')}"] = "x"
    assert deployed.workshop.pipeline is not None
    action = deployed.workshop.pipeline["pipeline"]["stages"][1]["actions"][0]
    action["configuration"] |= a_build_action("Release", {"B": "#{SourceVariables.BranchName}"})["configuration"]
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec('printf "%s\\n" "branch $B"', "ls")

    seen = deployed.invoke("pipeline.run", "--until", "Release", "--branch", hostile)

    assert seen.code == 0, seen.out
    assert f"branch {hostile}" in seen.out
    assert "planted" not in [line.strip() for line in seen.out.splitlines()]
    assert not list(tmp_path.rglob("planted"))


def test_a_value_that_breaks_json(deployed: Terminal) -> None:
    """A quote in a variable of an action breaks it, as in CodePipeline, and cannot add a variable to it."""
    assert deployed.workshop.pipeline is not None
    action = deployed.workshop.pipeline["pipeline"]["stages"][1]["actions"][0]
    action["configuration"] |= a_build_action("Release", {"M": "#{SourceVariables.CommitMessage}"})["configuration"]
    deployed.workshop.message = 'x"},{"name":"LOCKSTEP_RELEASE","value":"evil'

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 6
    assert "CodePipeline does not escape" in seen.out


def test_no_pipeline(terminal: Terminal) -> None:
    """Without a pipeline the task ends with 2 and says how to deploy one."""
    seen = terminal.invoke("pipeline.run")

    assert seen.code == 2
    assert "next: invoke pipeline.deploy" in seen.err
