"""invoke pipeline.run: stages in order, failures, approvals, variables; builds are real shells in clean folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockstep.pipeline.executions import Executions
from lockstep.testing import a_buildspec
from tests.journeys.piped import COMMIT, record, stages

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal


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
        "shop-plan for project/shop-plan",
        "shop-plan reads shop-artifacts/shop-pipeline/Source",
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
    """At an approval the run ends with 3, with the question, the plan, the link and what to do; no more has run."""
    seen = deployed.invoke("pipeline.run")

    assert seen.code == 3
    question = "Deploy r1? to prod: update hello to r1 (its template changed)."
    for said in (question, "https://x", "invoke pipeline.run --approve Approve-prod", "--reject Approve-prod"):
        assert said in seen.out
    assert stages(record(deployed)) == {"Source": "Succeeded", "Release": "Succeeded", "Approve-prod": "Waiting"}


def test_a_plan_that_fails(deployed: Terminal) -> None:
    """Where there is no plan nobody is asked: the stage has failed, and nothing after it runs."""
    deployed.workshop.source["buildspecs/plan.yml"] = a_buildspec("exit 7")

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert seen.code == 6
    assert "Deploy r1?" not in seen.out
    assert stages(record(deployed)) == {"Source": "Succeeded", "Release": "Succeeded", "Approve-prod": "Failed"}


def test_an_approval_is_given(deployed: Terminal) -> None:
    """An execution that waits goes on where it was, with its own release: nothing before the approval runs again."""
    deployed.invoke("pipeline.run")
    deployed.workshop.calls.clear()

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert seen.code == 0
    assert "deploying r1" in seen.out
    assert record(deployed)["status"] == "Succeeded"
    assert {call.split()[0] for call in deployed.workshop.calls} == {"shop-deploy"}


def test_an_execution_of_an_earlier_version(deployed: Terminal) -> None:
    """An execution that waits since Lockstep kept less of it is approved as any other, and goes on."""
    deployed.invoke("pipeline.run")
    (file,) = (deployed.root / ".lockstep" / "pipeline").glob("*/record.json")
    file.write_text(json.dumps({name: value for name, value in record(deployed).items() if name != "unset"}))

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert (seen.code, seen.err) == (0, "")
    assert "deploying r1" in seen.out


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


@pytest.mark.parametrize(("flag", "value"), [("--commit", "other"), ("--branch", "main")])
def test_a_waiting_execution_has_its_commit(deployed: Terminal, flag: str, value: str) -> None:
    """Who approves an execution cannot give it another commit."""
    deployed.invoke("pipeline.run")

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod", flag, value)

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


def test_an_exported_variable_that_nothing_sets(deployed: Terminal) -> None:
    """An action that takes a variable which a buildspec exports and never sets fails, with file and line of that."""
    spec = "version: 0.2\nenv:\n  exported-variables:\n    - LOCKSTEP_RELEASE\nphases:\n  build:\n    commands: [':']\n"
    deployed.workshop.source["buildspecs/release.yml"] = spec

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    assert seen.code == 6
    summary = record(deployed)["stages"][2]["actions"][0]["summary"]
    assert "resolving #{Release.LOCKSTEP_RELEASE}" in summary
    assert "buildspecs/release.yml:4 exports it, and no command set it" in summary


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
            {"actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "ECS", "version": "1"}},
            "ECS",
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


def test_no_pipeline(terminal: Terminal) -> None:
    """Without a pipeline the task ends with 2 and says how to deploy one."""
    seen = terminal.invoke("pipeline.run")

    assert seen.code == 2
    assert "next: invoke pipeline.deploy" in seen.err


def test_approved_and_rejected(deployed: Terminal) -> None:
    """Who approves and rejects one stage at once has decided nothing, and nothing runs."""
    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod", "--reject", "Approve-prod")

    assert (seen.code, "it is approved and rejected at once" in seen.err) == (2, True)
    assert deployed.workshop.calls == []


def test_two_runs_at_once(deployed: Terminal) -> None:
    """While one run is under way a second one of the same working tree ends with 8."""
    kept = Executions(deployed.root / ".lockstep" / "pipeline")

    with kept.alone():
        seen = deployed.invoke("pipeline.run")

    assert (seen.code, "another run of this working tree is under way" in seen.err) == (8, True)
    assert deployed.invoke("pipeline.run").code == 3
