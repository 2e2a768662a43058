"""A terminal with a pipeline that is deployed, and what its one record says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lockstep.testing import a_build_action, a_buildspec, a_pipeline, a_project, a_stage, an_approval

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

COMMIT = "c" * 40
QUESTION = "Deploy #{Release.LOCKSTEP_RELEASE}? #{PlanProd.LOCKSTEP_PLAN}."
RELEASE = {"LOCKSTEP_RELEASE": "#{Release.LOCKSTEP_RELEASE}", "BY": "#{codepipeline.PipelineExecutionId}"}


def deploy(terminal: Terminal) -> Terminal:
    """Deploy a pipeline: Source, Release, Approve-prod with a plan before it, Deploy-prod. The release is r1."""
    terminal.workshop.pipeline = a_pipeline(
        a_stage("Release", a_build_action("Release", {"LOCKSTEP_COMMIT": "#{SourceVariables.CommitId}"})),
        a_stage(
            "Approve-prod",
            a_build_action("Plan", {"LOCKSTEP_RELEASE": "#{Release.LOCKSTEP_RELEASE}"}, namespace="PlanProd"),
            {**an_approval(CustomData=QUESTION, ExternalEntityLink="https://x"), "runOrder": 2},
        ),
        a_stage("Deploy-prod", a_build_action("Deploy", RELEASE)),
    )
    terminal.workshop.projects = [a_project("release"), a_project("plan"), a_project("deploy")]
    terminal.workshop.source = {
        "buildspecs/release.yml": a_buildspec(
            'export LOCKSTEP_RELEASE="r1"',
            "echo making $LOCKSTEP_RELEASE of $LOCKSTEP_COMMIT",
            exported=["LOCKSTEP_RELEASE"],
        ),
        "buildspecs/plan.yml": a_buildspec(
            'export LOCKSTEP_PLAN="to prod: update hello to $LOCKSTEP_RELEASE (its template changed)"',
            exported=["LOCKSTEP_PLAN"],
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
