"""The pipeline's template with its environments: stages in order, approvals, projects, what a failure does."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import account_stacks, report, template
from lockstep.account_stacks import AccountStack
from lockstep.errors import ConfigError
from lockstep.model import Environment, OnFailure
from lockstep.pipeline import batch, rendering, substitution
from lockstep.pipeline.rendering import Pipeline, Push
from lockstep.shards import Shard
from lockstep.testing import CODECOMMIT, CODECONNECTIONS, CONNECTION, PROD, SETTINGS, TEST, an_environment
from lockstep.testing import some_settings as parsed

FILE = Path(__file__).parents[2] / "infra" / "pipeline.yaml"
BASE = template.read(FILE.read_text(encoding="utf-8"), "infra/pipeline.yaml")
STAGING = '[[environments]]\nname = "staging"\naccount = "444444444444"\n'


def step(text: str) -> AccountStack:
    """Return the stack of the pipeline for some settings."""
    return account_stacks.pipeline(parsed(text))


def resources(*environments: Environment, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any value of a pipeline
    """Return the resources of a pipeline through some environments."""
    pipeline = Pipeline(environments, **({"partition": "aws"} | more))
    return dict(rendering.render(BASE, pipeline)["Resources"])


def statements(made: dict[str, Any]) -> list[str]:
    """Return what the statements of the pipeline's role are called."""
    (policy,) = made["PipelineRole"]["Properties"]["Policies"]
    return [one["Sid"] for one in policy["PolicyDocument"]["Statement"] if "Sid" in one]


def stages(*environments: Environment, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any value of a pipeline
    """Return the stages of a pipeline that depend on its environments."""
    return list(resources(*environments, **more)["Pipeline"]["Properties"]["Stages"][3:])


def test_two_environments() -> None:
    """Each environment is deployed to and tested twice in a stage of its own, in order, by the release's id alone."""
    release = {"name": "LOCKSTEP_RELEASE", "value": "#{Release.LOCKSTEP_RELEASE}", "type": "PLAINTEXT"}
    execution = {"name": "LOCKSTEP_EXECUTION", "value": "#{codepipeline.PipelineExecutionId}", "type": "PLAINTEXT"}

    found = stages(an_environment(name="test"), an_environment(name="prod"))

    told = [
        (
            stage["Name"],
            action["Name"],
            action["RunOrder"],
            action["InputArtifacts"],
            action["Configuration"]["ProjectName"],
            action["Configuration"]["BuildspecOverride"],
            json.loads(action["Configuration"]["EnvironmentVariables"]),
        )
        for stage in found
        for action in stage["Actions"]
    ]
    assert told == [
        (
            f"Deploy-{name}", action, order, [{"Name": "Source"}], {"Ref": f"Deploy{name.capitalize()}Project"},
            f"buildspecs/{action.lower()}.yml", [release, execution],
        )
        for name in ("test", "prod")
        for order, action in ((1, "Deploy"), (2, "Smoke"), (3, "Integration"))
    ]  # fmt: skip


def test_three_environments_one_approved() -> None:
    """Before an environment that asks for it somebody has to approve, in a stage of its own."""
    found = stages(*(an_environment(name=name, approval=name == "prod") for name in ("test", "staging", "prod")))

    assert [stage["Name"] for stage in found] == ["Deploy-test", "Deploy-staging", "Approve-prod", "Deploy-prod"]


@pytest.mark.parametrize(
    ("partition", "console"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_what_is_approved(partition: str, console: str) -> None:
    """The question names the release, its commit and what it would change, and links to the execution."""
    _, action = stages(an_environment(name="prod", approval=True), partition=partition)[0]["Actions"]

    release = "#{Release.LOCKSTEP_RELEASE}"
    assert action["ActionTypeId"]["Provider"] == "Manual"
    assert action["Configuration"] == {
        "NotificationArn": {"Ref": "Topic"},
        "CustomData": (
            f"Release {release} to prod: commit #{{SourceVariables.CommitId}}. "
            f"#{{PlanProd.LOCKSTEP_PLAN}}. More: invoke plan --env prod --release {release}"
        ),
        "ExternalEntityLink": {
            "Fn::Sub": (
                f"https://{console}/codesuite/codepipeline/pipelines/${{Project}}-pipeline/executions/"
                "#{codepipeline.PipelineExecutionId}/timeline?region=${AWS::Region}"
            )
        },
    }


def test_a_plan_before_each_approval() -> None:
    """Before somebody is asked, a job that may only look says what that release would change there."""
    found = resources(*(an_environment(name=name, approval=name != "test") for name in ("test", "staging", "prod")))

    asked = [one["Actions"] for one in found["Pipeline"]["Properties"]["Stages"] if one["Name"].startswith("Approve-")]
    told = [
        (
            [(action["Name"], action["RunOrder"]) for action in (plan, approve)],
            plan["Namespace"],
            plan["InputArtifacts"],
            plan["Configuration"]["ProjectName"],
            [(one["name"], one["value"]) for one in json.loads(plan["Configuration"]["EnvironmentVariables"])],
        )
        for plan, approve in asked
    ]
    assert told == [
        (
            [("Plan", 1), ("Approve", 2)],
            f"Plan{name.capitalize()}",
            [{"Name": "Source"}],
            {"Ref": "PlanProject"},
            [("LOCKSTEP_ENVIRONMENT", name), ("LOCKSTEP_RELEASE", "#{Release.LOCKSTEP_RELEASE}")],
        )
        for name in ("staging", "prod")
    ]


def test_the_project_that_plans() -> None:
    """What plans is the project that verifies with a role that may look; where nobody is asked there is none."""
    found = resources(an_environment(name="prod", approval=True))

    verify, plan = (found[name]["Properties"] for name in ("VerifyProject", "PlanProject"))
    assert {name: value for name, value in plan.items() if verify[name] != value} == {
        "Name": {"Fn::Sub": "${Project}-plan"},
        "Description": "Says what a release would change, and may change nothing",
        "ServiceRole": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Project}-planner"},
        "Source": {"Type": "CODEPIPELINE", "BuildSpec": "buildspecs/plan.yml"},
        "LogsConfig": {
            "CloudWatchLogs": {"Status": "ENABLED", "GroupName": {"Fn::Sub": "/aws/codebuild/${Project}-plan"}}
        },
    }
    assert "PlanProject" not in resources(an_environment(name="prod"))


def test_what_is_approved_is_not_too_long() -> None:
    """With the longest name, ids, commit and plan the question is as long as CodePipeline takes, before and after."""
    _, action = stages(an_environment(name="e234567890", approval=True))[0]["Actions"]
    longest = {
        "Release": {"LOCKSTEP_RELEASE": "a" * 64},
        "SourceVariables": {"CommitId": "b" * 64},
        "PlanE234567890": {"LOCKSTEP_PLAN": "c" * report.BRIEF},
    }

    asked = action["Configuration"]["CustomData"]

    # https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
    assert len(asked) < len(substitution.substitute(asked, longest)) <= 1000


@pytest.mark.parametrize(
    ("on_failure", "said"),
    [
        (OnFailure.STOP, None),
        (OnFailure.RETRY, {"Result": "RETRY", "RetryConfiguration": {"RetryMode": "FAILED_ACTIONS"}}),
        (OnFailure.ROLL_BACK, {"Result": "ROLLBACK"}),
    ],
)
def test_what_a_failure_does(on_failure: OnFailure, said: object) -> None:
    """A failed deployment stops the pipeline, is tried once more or rolled back; an approval is asked for once."""
    approve, deploy = stages(an_environment(approval=True, on_failure=on_failure))

    assert (approve.get("OnFailure"), deploy.get("OnFailure")) == (None, said)


def test_the_project_of_an_environment() -> None:
    """An environment's project is that which verifies with the one role that deploys there; it is not privileged."""
    found = resources(an_environment(name="prod"))

    verify, deploy = (found[name]["Properties"] for name in ("VerifyProject", "DeployProdProject"))
    role = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Project}-deployer-prod"
    assert {name: value for name, value in deploy.items() if verify[name] != value} == {
        "Name": {"Fn::Sub": "${Project}-deploy-prod"},
        "Description": "Deploys releases to prod",
        "ServiceRole": {"Fn::Sub": role},
        "Source": {"Type": "CODEPIPELINE", "BuildSpec": "buildspecs/deploy.yml"},
        "LogsConfig": {
            "CloudWatchLogs": {"Status": "ENABLED", "GroupName": {"Fn::Sub": "/aws/codebuild/${Project}-deploy-prod"}}
        },
        "Environment": {
            **verify["Environment"],
            "EnvironmentVariables": [
                {"Name": "LOCKSTEP_CONFIG", "Value": {"Ref": "Settings"}},
                {"Name": "LOCKSTEP_ENVIRONMENT", "Value": "prod"},
            ],
        },
    }
    assert verify["Environment"]["PrivilegedMode"] is False


def test_who_is_told() -> None:
    """Whom the settings name gets mail; without anybody the topic is as it was."""
    told = resources(notify=("team@example.com",))["Topic"]["Properties"]

    assert told["Subscription"] == [{"Protocol": "email", "Endpoint": "team@example.com"}]
    assert resources()["Topic"] == BASE["Resources"]["Topic"]


NAMES = st.lists(st.from_regex("[a-z][a-z0-9]{1,9}", fullmatch=True), unique=True, max_size=5)


@given(NAMES, st.lists(st.tuples(st.booleans(), st.sampled_from(OnFailure)), min_size=5, max_size=5))
def test_any_environments(names: list[str], wishes: list[tuple[bool, OnFailure]]) -> None:
    """Whatever the environments, each has one project and one stage, in order; the template given stays as it was."""
    before = copy.deepcopy(BASE)
    chosen = [an_environment(name=n, approval=a, on_failure=f) for n, (a, f) in zip(names, wishes, strict=False)]

    found = resources(*chosen)

    made = [stage["Name"] for stage in found["Pipeline"]["Properties"]["Stages"]]
    assert [name for name in made if name.startswith("Deploy-")] == [f"Deploy-{one.name}" for one in chosen]
    assert [name for name in made if name.startswith("Approve-")] == [f"Approve-{o.name}" for o in chosen if o.approval]
    planned = any(one.approval for one in chosen)
    left_out = ("BuildBatchRole", "UpdateRole", "UpdateLog", "UpdateProject")
    assert len(found) == len(BASE["Resources"]) + len(chosen) + planned - len(left_out)
    assert before == BASE


def test_one_machine() -> None:
    """Where one machine makes a release nothing runs batches, and nobody may."""
    made = resources()

    (release,) = made["Pipeline"]["Properties"]["Stages"][2]["Actions"]
    assert (release["Name"], release["RunOrder"], "BatchEnabled" in release["Configuration"]) == ("Release", 1, False)
    # As it is called in actions, roles and projects.
    assert "BuildBatch" not in repr(made)
    assert made["BuildProject"]["Properties"]["ConcurrentBuildLimit"] == 1


def test_several_machines() -> None:
    """Several machines make a release in a batch of so many builds; after it the release is made as by one machine."""
    one, made = resources(), resources(shards=3)

    (release,) = one["Pipeline"]["Properties"]["Stages"][2]["Actions"]
    batch, join = made["Pipeline"]["Properties"]["Stages"][2]["Actions"]
    assert join == {**release, "RunOrder": 2}
    more = {"BatchEnabled": "true", "BuildspecOverride": batch["Configuration"]["BuildspecOverride"]}
    assert {**batch, "Namespace": "Release"} == {
        **release, "Name": "Shards", "Configuration": {**release["Configuration"], **more},
    }  # fmt: skip
    assert "Namespace" not in batch


def test_how_many_builds_at_once() -> None:
    """A project may have a build for each stage of both pipelines that starts it: CodeBuild refuses one more."""
    environments = (
        an_environment(name="test"),
        *(an_environment(name=name, approval=True) for name in ("staging", "prod")),
    )

    made = resources(*environments, push=Push(branches=("feature/**",)), updates=True, shards=3)

    limits = {name: one["Properties"].get("ConcurrentBuildLimit") for name, one in made.items()}
    assert {name: most for name, most in limits.items() if most} == {
        "VerifyProject": 2,
        "UpdateProject": 2,
        "BuildProject": 8,
        "PlanProject": 2,
        "DeployTestProject": 2,
        "DeployStagingProject": 1,
        "DeployProdProject": 1,
    }


def test_who_runs_a_batch() -> None:
    """A batch's builds, and the first one of its own, are all that may run at once; the pipeline may start a batch."""
    one, made = resources(), resources(shards=3)

    build = made["BuildProject"]["Properties"]
    assert build == {
        **one["BuildProject"]["Properties"],
        "ConcurrentBuildLimit": 4,
        "BuildBatchConfig": {
            "ServiceRole": {"Fn::GetAtt": ["BuildBatchRole", "Arn"]},
            "Restrictions": {"MaximumBuildsAllowed": 4},
            "TimeoutInMins": 180,
        },
    }
    assert made["BuildBatchRole"] == BASE["Resources"]["BuildBatchRole"]
    assert set(statements(made)) - set(statements(one)) == {"RunBatchesOfBuilds"}


@pytest.mark.parametrize("shards", range(2, 10))
def test_each_shard_once(shards: int) -> None:
    """The batch has each of so many shards once, none waits for another, and CodePipeline takes it as it is."""
    text = resources(shards=shards)["Pipeline"]["Properties"]["Stages"][2]["Actions"][0]["Configuration"][
        "BuildspecOverride"
    ]

    found = batch.parse(text, "it")

    assert [one.variables for one in found.entries] == [
        {"LOCKSTEP_SHARD": str(Shard(number, shards))} for number in range(1, shards + 1)
    ]
    assert {(one.buildspec, one.after) for one in found.entries} == {("buildspecs/shard.yml", ())}
    assert not found.fast_fail
    assert len(text) <= 1000


def test_the_stack_of_a_pipeline_on_several_machines() -> None:
    """How many machines make a release is what the settings say."""
    found = step(SETTINGS.replace("[tooling]", f"{CODECOMMIT}shards = 3\n[tooling]")).pipeline

    assert found is not None
    assert found.shards == 3


def test_the_stack_of_a_pipeline_from_codecommit() -> None:
    """From CodeCommit there is no connection and no filter; each project may be started by its exact ARN."""
    found = step(SETTINGS.replace("[tooling]", f"{CODECOMMIT}\n[tooling]") + STAGING)

    job = "arn:aws:codebuild:eu-west-1:111111111111:project/shop-"
    assert (found.stack, found.template, found.where, found.needs_key) == (
        "shop-pipeline", "pipeline.yaml", "tooling", True,
    )  # fmt: skip
    assert found.parameters == {
        "Project": "shop",
        "Settings": "infra/environments.toml",
        "ArtifactBucket": "shop-artifacts-111111111111-eu-west-1",
        "SourceFiles": "arn:aws:s3:::shop-artifacts-111111111111-eu-west-1/shop-pipeline/Source/*",
        "Projects": ",".join(
            f"{job}{name}" for name in ("verify", "build", "deploy-test", "deploy-prod", "deploy-staging")
        ),
        "Repository": "shop",
        "Branch": "main",
        "ConnectionArn": "",
    }
    assert found.pipeline is not None
    assert found.pipeline.push is None


def test_the_projects_of_a_pipeline_that_asks() -> None:
    """A pipeline that asks for an approval may start what plans for it, too."""
    found = step(f"{SETTINGS}approval = true\n{CODECOMMIT}").parameters["Projects"]

    assert [arn.rpartition("/")[2] for arn in found.split(",")] == [
        "shop-verify", "shop-build", "shop-plan", "shop-deploy-test", "shop-deploy-prod",
    ]  # fmt: skip


def test_the_stack_of_a_pipeline_over_a_connection() -> None:
    """Over a connection its ARN is given, and which pushes start the pipeline."""
    found = step(SETTINGS.replace("[tooling]", f"{CODECONNECTIONS}\n[tooling]"))

    assert [found.parameters[name] for name in ("Repository", "ConnectionArn")] == ["acme/shop", CONNECTION]
    assert found.pipeline is not None
    assert found.pipeline.push == Push(("services/**", "infra/**"), ("docs/**",))


@pytest.mark.parametrize(
    ("push", "paths"),
    [
        (Push(), None),
        (Push(("a/**",)), {"Includes": ["a/**"]}),
        (Push((), ("b/**",)), {"Excludes": ["b/**"]}),
        (Push(("a/**",), ("b/**",)), {"Includes": ["a/**"], "Excludes": ["b/**"]}),
    ],
)
def test_which_pushes_start_it(push: Push, paths: object) -> None:
    """A push to the branch starts the pipeline where it changes what the settings name."""
    (trigger,) = resources(push=push)["Pipeline"]["Properties"]["Triggers"]

    (event,) = trigger["GitConfiguration"]["Push"]
    assert (trigger["ProviderType"], trigger["GitConfiguration"]["SourceActionName"]) == (
        "CodeStarSourceConnection", "Source",
    )  # fmt: skip
    assert (event["Branches"], event.get("FilePaths")) == ({"Includes": [{"Ref": "Branch"}]}, paths)


def test_it_updates_itself() -> None:
    """Where the settings ask for it, the pipeline first becomes what the source says, and then begins anew."""
    found = resources(an_environment(name="test"), updates=True)["Pipeline"]["Properties"]

    assert [stage["Name"] for stage in found["Stages"]] == [
        "Source", "UpdatePipeline", "Verify", "Release", "Deploy-test",
    ]  # fmt: skip
    (action,) = found["Stages"][1]["Actions"]
    assert (action["Configuration"], action["InputArtifacts"]) == (
        {"ProjectName": {"Ref": "UpdateProject"}}, [{"Name": "Source"}],
    )  # fmt: skip
    assert found["RestartExecutionOnUpdate"] is True


def test_what_an_update_keeps() -> None:
    """The projects that the pipeline may update keep the roles that they and their batches have, and no other."""
    environments = (an_environment(name="test"), an_environment(name="prod", approval=True))

    (policy,) = resources(*environments, updates=True, shards=2)["UpdateRole"]["Properties"]["Policies"]

    (kept,) = (one for one in policy["PolicyDocument"]["Statement"] if one.get("Sid") == "TheProjectsKeepTheirRoles")
    role = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Project}-"
    named = [
        {"Fn::Sub": role + name} for name in ("build", "pipeline-update", "deployer-test", "deployer-prod", "planner")
    ]
    made = [{"Fn::GetAtt": [name, "Arn"]} for name in ("VerifyRole", "BuildBatchRole")]
    assert sorted(map(json.dumps, kept["Resource"])) == sorted(map(json.dumps, [*named, *made]))


def test_it_does_not_update_itself() -> None:
    """Unless the settings ask for it, no push changes the pipeline."""
    found = resources(an_environment(name="test"))["Pipeline"]["Properties"]

    assert "UpdatePipeline" not in [stage["Name"] for stage in found["Stages"]]
    assert "RestartExecutionOnUpdate" not in found


def test_feature_branches() -> None:
    """A push to a branch that fits is verified, released, and deployed beside what the first environment runs."""
    environments = (an_environment(name="test"), an_environment(name="prod", approval=True))

    found = resources(*environments, push=Push(("a/**",), (), ("feature/**",)), updates=True)

    branches, released = (found[name]["Properties"] for name in ("BranchesPipeline", "Pipeline"))
    assert branches["Name"] == {"Fn::Sub": "${Project}-branches"}
    (event,) = branches["Triggers"][0]["GitConfiguration"]["Push"]
    assert event == {
        "Branches": {"Includes": ["feature/**"], "Excludes": [{"Ref": "Branch"}]}, "FilePaths": {"Includes": ["a/**"]},
    }  # fmt: skip
    assert [stage["Name"] for stage in branches["Stages"]] == ["Source", "Verify", "Release", "Deploy-test"]
    same = {stage["Name"]: stage for stage in released["Stages"]}
    assert branches["Stages"][:3] == [same[name] for name in ("Source", "Verify", "Release")]
    (action,) = branches["Stages"][3]["Actions"]
    assert action["Configuration"]["BuildspecOverride"] == "buildspecs/branch.yml"
    assert {one["name"]: one["value"] for one in json.loads(action["Configuration"]["EnvironmentVariables"])} == {
        "LOCKSTEP_RELEASE": "#{Release.LOCKSTEP_RELEASE}",
        "LOCKSTEP_EXECUTION": "#{codepipeline.PipelineExecutionId}",
        "LOCKSTEP_BRANCH": "#{SourceVariables.BranchName}",
    }


def test_who_is_told_of_feature_branches() -> None:
    """A failure in the pipeline of feature branches is told as one in the other is; nobody is asked there."""
    made = resources(an_environment(name="test"), push=Push(branches=("feature/**",)))

    told, branches = (made[name]["Properties"] for name in ("Notifications", "BranchesNotifications"))
    assert {name for name, value in told.items() if branches[name] != value} == {"Name", "Resource", "EventTypeIds"}
    assert branches["Resource"]["Fn::Sub"].endswith(":${BranchesPipeline}")
    assert branches["EventTypeIds"] == ["codepipeline-pipeline-pipeline-execution-failed"]


def test_no_feature_branches() -> None:
    """Where the settings name no branches there is no pipeline for them."""
    assert "BranchesPipeline" not in resources(an_environment(name="test"), push=Push())


def test_who_reads_the_source_of_a_branch() -> None:
    """What builds, and what deploys to the first environment, reads the source of feature branches; nobody else."""
    text = SETTINGS.replace("[tooling]", f'{CODECONNECTIONS}branches = ["feature/**"]\n[tooling]')
    released, branches = (
        f"arn:aws:s3:::shop-artifacts-111111111111-eu-west-1/shop-{name}/Source/*" for name in ("pipeline", "branches")
    )

    stacks = {one.stack: one.parameters for one in account_stacks.plan(parsed(text), ())}

    assert {name: given["SourceFiles"].split(",") for name, given in stacks.items() if "SourceFiles" in given} == {
        "shop-tooling-roles": [released, branches],
        "shop-deployer-test": [released, branches],
        "shop-deployer-prod": [released],
    }


def test_what_is_deployed_is_rendered(tmp_path: Path) -> None:
    """What a stack is made of is the template with its environments."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "pipeline.yaml").write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    wanted = step(SETTINGS.replace("[tooling]", f"{CODECOMMIT}\n[tooling]"))

    made = template.read(account_stacks.content(wanted, tmp_path, "key").template, "made")

    environments = (an_environment(name="test", account=TEST), an_environment(name="prod", account=PROD))
    assert made == rendering.render(BASE, Pipeline(environments, "aws"))


def test_settings_without_a_pipeline() -> None:
    """Where the settings tell of no pipeline there is none to deploy."""
    with pytest.raises(ConfigError, match=r"planning the pipeline") as caught:
        step(SETTINGS)

    assert caught.value.answer.endswith("has no [pipeline]")
