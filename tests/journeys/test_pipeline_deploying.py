"""Deploying the pipeline: planned, asked, applied as tooling's administrator, refused without its accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.model import StackName
from lockstep.testing import CODECOMMIT, SETTINGS, TOOLING
from tests.journeys.account_stacks_shown import AWS, link_templates, stacks
from tests.journeys.terminal import text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

WITH_PIPELINE = SETTINGS.replace("[tooling]", f"{CODECOMMIT}\n[tooling]")
APPROVED = WITH_PIPELINE + "approval = true\n"
RESOURCES = (
    "Pipeline AWS::CodePipeline::Pipeline",
    "PipelineRole AWS::IAM::Role",
    "VerifyRole AWS::IAM::Role",
    "VerifyLog AWS::Logs::LogGroup",
    "VerifyProject AWS::CodeBuild::Project",
    "BuildProject AWS::CodeBuild::Project",
    "Topic AWS::SNS::Topic",
    "TopicPolicy AWS::SNS::TopicPolicy",
    "Notifications AWS::CodeStarNotifications::NotificationRule",
    "StartRule AWS::Events::Rule",
    "StartRole AWS::IAM::Role",
    "DeployTestProject AWS::CodeBuild::Project",
    "DeployProdProject AWS::CodeBuild::Project",
)
PLAN = (
    AWS,
    "Plan for pipeline.deploy, in this order:",
    "  tooling (111111111111): shop-pipeline is created, from infra/pipeline.yaml",
    *(f"    + {one}" for one in RESOURCES),
)


@pytest.fixture(autouse=True)
def _our_account_templates(terminal: Terminal) -> None:
    """Let the working tree hold the account templates of this one, and the settings tell of a pipeline."""
    link_templates(terminal)
    terminal.settings = WITH_PIPELINE


def test_the_plan(terminal: Terminal) -> None:
    """A dry run shows the pipeline's resources, those of each environment too, and changes nothing."""
    terminal.invoke("bootstrap", "--yes")
    terminal.changes()

    seen = terminal.invoke("pipeline.deploy", "--dry-run")

    assert seen == (0, text(*PLAN, "Dry run: nothing was changed."), "")
    assert terminal.changes() == []


def test_applied(terminal: Terminal) -> None:
    """With --yes the pipeline is made, and the second time there is nothing to do."""
    terminal.invoke("bootstrap", "--yes")

    first, second = (terminal.invoke("pipeline.deploy", "--yes") for _ in range(2))

    done = "  tooling: shop-pipeline created (1.0 s)"
    assert first == (0, text(*PLAN, done, "1 of 1 stacks changed."), "")
    assert (second.code, second.out.splitlines()[-1]) == (0, "Nothing to do: every stack is as planned.")
    assert "shop-pipeline" in stacks(terminal)


def test_the_plan_before_an_approval(terminal: Terminal) -> None:
    """Where somebody is asked, the pipeline has a project more: the one that plans for them."""
    terminal.settings = APPROVED
    terminal.invoke("bootstrap", "--yes")

    seen = terminal.invoke("pipeline.deploy", "--dry-run")

    assert seen == (
        0,
        text(*PLAN, "    + PlanProject AWS::CodeBuild::Project", "Dry run: nothing was changed."),
        "",
    )


def test_an_approval_that_goes(terminal: Terminal) -> None:
    """Where nobody is asked any more, the pipeline plans no more, whether the role is gone already or not."""
    terminal.settings = APPROVED
    terminal.invoke("bootstrap", "--yes")
    terminal.invoke("pipeline.deploy", "--yes")
    terminal.settings = WITH_PIPELINE

    seen = terminal.invoke("pipeline.deploy", "--yes")

    assert (seen.code, seen.out.splitlines()[-1]) == (0, "1 of 1 stacks changed.")
    assert terminal.invoke("bootstrap", "--yes").code == 0


def test_as_json(terminal: Terminal) -> None:
    """With --json what came of the pipeline is one document."""
    terminal.invoke("bootstrap", "--yes")

    document = terminal.invoke("pipeline.deploy", "--yes", "--json").document

    assert [one["stack"] for one in document["plan"]] == ["shop-pipeline"]
    assert document["stacks"] == {"shop-pipeline": {"result": "created", "seconds": 1.0}}


def test_a_change_of_the_settings(terminal: Terminal) -> None:
    """An approval that is new in the settings updates the pipeline, once there is the role that plans for it."""
    terminal.invoke("bootstrap", "--yes")
    terminal.invoke("pipeline.deploy", "--yes")
    terminal.settings = APPROVED

    refused = terminal.invoke("pipeline.deploy", "--yes")
    terminal.invoke("bootstrap", "--yes")
    seen = terminal.invoke("pipeline.deploy", "--yes")

    roles = "arn:aws:iam::111111111111:role/shop-planner may not become arn:aws:iam::333333333333:role/shop-status-prod"
    assert refused.code == 2
    assert refused.err == f"error: deploying the pipeline\n  answer: {roles} yet\n  next: invoke bootstrap\n"
    assert "shop-pipeline is updated" in seen.out
    assert seen.out.splitlines()[-1] == "1 of 1 stacks changed."


def test_several_machines(terminal: Terminal) -> None:
    """With shards the plan shows the role that starts a batch's builds, and the pipeline is made with it."""
    terminal.invoke("bootstrap", "--yes")
    terminal.settings = SETTINGS.replace("[tooling]", f"{CODECOMMIT}shards = 3\n[tooling]")

    shown, made = (terminal.invoke("pipeline.deploy", flag) for flag in ("--dry-run", "--yes"))

    resources = [line.removeprefix("    + ") for line in shown.out.splitlines() if line.startswith("    + ")]
    assert [one for one in resources if one not in RESOURCES] == ["BuildBatchRole AWS::IAM::Role"]
    assert made.out.splitlines()[-1] == "1 of 1 stacks changed."


@pytest.mark.parametrize(("answer", "made"), [(True, True), (False, False)])
def test_asked(terminal: Terminal, answer: bool, made: bool) -> None:
    """Without --yes somebody is asked, and it is done only if they agree."""
    terminal.invoke("bootstrap", "--yes")
    terminal.answer = answer

    seen = terminal.invoke("pipeline.deploy")

    assert (seen.code, seen.err) == (0, f"Apply it? [y/N] {'y' if answer else 'n'}\n")
    assert ("shop-pipeline" in stacks(terminal)) == made


def test_nobody_to_ask(terminal: Terminal) -> None:
    """Where nobody can answer it ends with 2 and says how to go on."""
    terminal.invoke("bootstrap", "--yes")

    seen = terminal.invoke("pipeline.deploy")

    assert seen.code == 2
    assert seen.err == (
        "error: asking whether to apply it\n  answer: nobody can answer here\n  next: invoke pipeline.deploy --yes\n"
    )


def test_without_a_pipeline_in_the_settings(terminal: Terminal) -> None:
    """Where the settings tell of no pipeline, the task says what to add."""
    terminal.settings = SETTINGS

    seen = terminal.invoke("pipeline.deploy", "--yes")

    assert (seen.code, seen.out) == (2, text(AWS))
    assert seen.err.splitlines()[0] == "error: planning the pipeline"
    assert "has no [pipeline]" in seen.err


def test_before_bootstrap(terminal: Terminal) -> None:
    """Before there are accounts for it, the pipeline is refused with what is missing."""
    seen = terminal.invoke("pipeline.deploy", "--yes")

    missing = "shop-tooling-resources, shop-tooling-roles, shop-deployer-test, shop-deployer-prod"
    assert seen == (
        2,
        text(AWS),
        f"error: deploying the pipeline\n  answer: not there yet: {missing}\n  next: invoke bootstrap\n",
    )


def test_destroyed_first(terminal: Terminal) -> None:
    """Destroying everything takes the pipeline before the roles that it uses."""
    terminal.invoke("bootstrap", "--yes")
    terminal.invoke("pipeline.deploy", "--yes")

    seen = terminal.invoke("destroy", "--all", "--dry-run")

    removed = [line for line in seen.out.splitlines() if line.startswith("  tooling: stack ")]
    assert removed[0] == "  tooling: stack shop-pipeline"


def test_an_environment_that_goes(terminal: Terminal) -> None:
    """Destroying an environment takes it out of the pipeline, before the role that deploys there goes."""
    terminal.invoke("bootstrap", "--yes")
    terminal.invoke("pipeline.deploy", "--yes")
    terminal.changes()

    seen = terminal.invoke("destroy", "--env", "prod", "--confirm", "shop")

    changes = terminal.changes()
    assert seen.code == 0, seen
    assert changes.index("apply shop-pipeline") < changes.index("delete shop-deployer-prod")


def test_an_approved_environment_that_goes(terminal: Terminal) -> None:
    """Destroying the one environment that asks for approval takes what plans for it out of tooling and the pipeline."""
    terminal.settings = APPROVED
    terminal.invoke("bootstrap", "--yes")
    terminal.invoke("pipeline.deploy", "--yes")
    kept = terminal.world.account_stacks

    seen = terminal.invoke("destroy", "--env", "prod", "--confirm", "shop")

    roles, pipeline = (kept[TOOLING, StackName(f"shop-{name}")] for name in ("tooling-roles", "pipeline"))
    assert seen.code == 0, seen
    assert roles.parameters["PlannedStatusRoles"] == ""
    assert "PlanProject" not in pipeline.template
    assert "shop-plan" not in pipeline.parameters["Projects"]
