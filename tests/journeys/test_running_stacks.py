"""invoke pipeline.run with actions of CloudFormation: what a stack is made of, as whom, and what is handed on."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from lockstep.pipeline_ports import StackOrder
from lockstep.testing import a_build_action, a_buildspec, a_pipeline, a_project, a_stack_action, a_stage
from tests.journeys.piped import record, stages

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

OTHER = "222222222222"
DEPLOYER = f"arn:aws:iam::{OTHER}:role/shop-deployer"
ROLE = f"arn:aws:iam::{OTHER}:role/shop-execution"
TEMPLATE = '{"Parameters": {"Commit": {"Type": "String"}}, "Resources": {}}'
NET = {
    "StackName": "shop-#{SourceVariables.BranchName}",
    "RoleArn": ROLE,
    "TemplatePath": "Source::infra/net.json",
    "Capabilities": "CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND",
    "ParameterOverrides": '{"Commit": "#{SourceVariables.CommitId}"}',
}
ORDER = StackOrder(
    stack="shop-main",  # type: ignore[arg-type]  # a name is text
    template=TEMPLATE,
    parameters={"Commit": "c" * 40},
    tags={},
    capabilities=("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"),
    role=ROLE,
)
STACK = (OTHER, "shop-main")


def an_action(mode: str = "CREATE_UPDATE", given: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """An action on the stack, in the other account."""
    return a_stack_action("Net", ActionMode=mode, **(NET | (given or {}))) | {"roleArn": DEPLOYER} | changes


def deploy(terminal: Terminal, *actions: dict[str, Any]) -> Terminal:
    """Deploy a pipeline with these actions, a stage for each."""
    terminal.workshop.pipeline = a_pipeline(*(a_stage(f"Net{number}", one) for number, one in enumerate(actions)))
    terminal.workshop.source = {"infra/net.json": TEMPLATE}
    return terminal


def test_a_stack_is_made(terminal: Terminal) -> None:
    """A stack is made of its template, in the account and as the role of the action, which the pipeline takes."""
    seen = deploy(terminal, an_action()).invoke("pipeline.run")

    assert (seen.code, seen.err) == (0, "")
    assert f"CREATE_UPDATE of the stack shop-main in account {OTHER}, as {DEPLOYER}\n  shop-main: created" in seen.out
    assert terminal.workshop.stacks == {STACK: ORDER}
    assert terminal.workshop.calls[2:] == [
        "shop-pipeline for shop-pipeline",
        "shop-deployer for shop-pipeline",
        "shop-deployer reads shop-artifacts/shop-pipeline/Source",
        "shop-deployer applies shop-main",
    ]
    action = record(terminal)["stages"][1]["actions"][0]
    assert (action["provider"], action["status"]) == ("CloudFormation", "Succeeded")


def test_as_the_pipeline(terminal: Terminal) -> None:
    """Without a role of its own an action is the pipeline's, in the pipeline's account."""
    action = an_action()
    del action["roleArn"]

    deploy(terminal, action).invoke("pipeline.run")

    assert terminal.workshop.calls[-1] == "shop-pipeline applies shop-main"
    assert [account for account, _ in terminal.workshop.stacks] == ["111111111111"]


def test_a_stack_is_updated(terminal: Terminal) -> None:
    """Another run with another template updates the stack, and one with the same finds nothing to change."""
    deploy(terminal, an_action()).invoke("pipeline.run")

    again = terminal.invoke("pipeline.run")
    terminal.workshop.source["infra/net.json"] = '{"Resources": {"A": {}}}'
    other = terminal.invoke("pipeline.run")

    assert (again.code, other.code) == (0, 0)
    assert "shop-main: unchanged" in again.out
    assert "shop-main: updated" in other.out


def test_a_stack_that_fails(terminal: Terminal) -> None:
    """A stack that cannot be made fails its action with the reason, and no later stage runs."""
    terminal.workshop.failing["shop-main"] = "Key (AWS::KMS::Key) CREATE_FAILED: too many"

    seen = deploy(terminal, an_action(), an_action(namespace="Later")).invoke("pipeline.run")

    assert seen.code == 6
    assert "Action Net0.Net failed: error: changing the stack shop-main in account 222222222222" in seen.out
    assert "Key (AWS::KMS::Key) CREATE_FAILED: too many" in record(terminal)["stages"][1]["actions"][0]["summary"]
    assert stages(record(terminal)) == {"Source": "Succeeded", "Net0": "Failed"}


def test_a_change_set(terminal: Terminal) -> None:
    """A change set is made by one action and executed by a later one, and nothing is changed between them."""
    set_name = {"ChangeSetName": "plan-#{codepipeline.PipelineExecutionId}"}
    plan = an_action("CHANGE_SET_REPLACE", set_name)
    deploy(terminal, plan, an_action("CHANGE_SET_EXECUTE", set_name, namespace="Made"))

    planned = terminal.invoke("pipeline.run", "--until", "Net0")
    waiting = (dict(terminal.workshop.stacks), list(terminal.workshop.change_sets.values()))
    executed = terminal.invoke("pipeline.run")

    execution = record_of(terminal, executed.out)
    assert (planned.code, waiting) == (0, ({}, [ORDER]))
    assert f"the change set plan-{execution} waits" in executed.out
    assert "shop-main: created" in executed.out
    assert terminal.workshop.stacks == {STACK: ORDER}


def record_of(terminal: Terminal, said: str) -> str:
    """The execution that a run tells of first."""
    (found,) = [one for one in terminal.root.glob(".lockstep/pipeline/*-*") if f"Execution {one.name} of" in said]
    return found.name


def test_a_change_set_with_nothing_in_it(terminal: Terminal) -> None:
    """A change set that would change nothing is made and executed well."""
    set_name = {"ChangeSetName": "plan"}
    plan, execute = (an_action(mode, set_name) for mode in ("CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE"))
    deploy(terminal, an_action(namespace="A"), plan, execute | {"namespace": "Made"})

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 0
    assert "the change set plan would change nothing" in seen.out
    assert seen.out.count("shop-main: unchanged") == 1


def test_a_stack_is_deleted(terminal: Terminal) -> None:
    """A stack is deleted with the role that it names; where there is none there is nothing to do."""
    deploy(terminal, an_action(), an_action("DELETE_ONLY", namespace="Gone"))

    seen = terminal.invoke("pipeline.run")
    terminal.workshop.pipeline = a_pipeline(a_stage("Net0", an_action("DELETE_ONLY")))
    again = terminal.invoke("pipeline.run")

    assert (seen.code, again.code) == (0, 0)
    assert "shop-main: deleted" in seen.out
    assert "shop-main: not there" in again.out
    assert "shop-deployer with shop-execution deletes shop-main" in terminal.workshop.calls
    assert terminal.workshop.stacks == {}


def test_what_a_stack_puts_out(terminal: Terminal) -> None:
    """Outputs are variables of the action's namespace, and a file of its artifact, which later actions take."""
    made = an_action(given={"OutputFileName": "out.json"}, outputArtifacts=[{"name": "Out"}])
    build = a_build_action("Make", {"VPC": "#{Net.Vpc}"}, inputArtifacts=[{"name": "Source"}, {"name": "Out"}])
    build["configuration"]["PrimarySource"] = "Source"
    deploy(terminal, made, build)
    terminal.workshop.outputs["shop-main"] = {"Vpc": "vpc-1"}
    terminal.workshop.projects = [a_project("make")]
    terminal.workshop.source["buildspecs/make.yml"] = a_buildspec("echo in $VPC", "cat $CODEBUILD_SRC_DIR_Out/out.json")

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 0
    assert "in vpc-1" in seen.out
    assert '"Vpc": "vpc-1"' in seen.out
    assert record(terminal)["variables"]["Net"] == {"Vpc": "vpc-1"}


def test_a_file_of_values(terminal: Terminal) -> None:
    """Parameters come of a configuration file too, with tags; what the action itself gives goes before."""
    overrides = {
        "Commit": "own",
        "Image": {"Fn::GetParam": ["Source", "images.json", "app"]},
        "Bucket": {"Fn::GetArtifactAtt": ["Source", "BucketName"]},
        "Key": {"Fn::GetArtifactAtt": ["Source", "ObjectKey"]},
    }
    given = {"TemplateConfiguration": "Source::net.config.json", "ParameterOverrides": json.dumps(overrides)}
    deploy(terminal, an_action(given=given))
    config = {"Parameters": {"Commit": "file", "Size": "2"}, "Tags": {"team": "shop"}}
    terminal.workshop.source |= {"net.config.json": json.dumps(config), "images.json": '{"app": "sha256:1"}'}

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 0
    found = terminal.workshop.stacks[STACK]
    key = record(terminal)["artifacts"]["Source"]
    assert found.parameters == {
        "Commit": "own", "Size": "2", "Image": "sha256:1", "Bucket": "shop-artifacts", "Key": key,
    }  # fmt: skip
    assert found.tags == {"team": "shop"}


@pytest.mark.parametrize(
    ("files", "given", "answer"),
    [
        ({}, {"TemplatePath": "Source::other.json"}, "reading other.json"),
        ({}, {"TemplateConfiguration": "Source::other.json"}, "reading other.json"),
        (
            {"a.json": '{"StackPolicy": {"Statement": []}}'},
            {"TemplateConfiguration": "Source::a.json"},
            "StackPolicy: the local runner sets no policy of a stack",
        ),
        ({}, {"ActionMode": "REPLACE_ON_FAILURE"}, "'REPLACE_ON_FAILURE' is not one that the local runner knows"),
        ({}, {"TemplatePath": "s3://bucket/net.json"}, "'s3://bucket/net.json' is not Artifact::file"),
        ({}, {"StackPolicy": "x"}, "unknown field 'StackPolicy'"),
    ],
)
def test_what_is_refused(terminal: Terminal, files: dict[str, str], given: dict[str, str], answer: str) -> None:
    """What the runner cannot do, or finds not in the source, ends the run before the first stage."""
    action = an_action()
    action["configuration"] |= given
    deploy(terminal, action)
    terminal.workshop.source |= files

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 2
    assert answer in seen.err
    assert terminal.workshop.calls == []


def test_another_region(terminal: Terminal) -> None:
    """An action in another region is refused by that: the sandbox has one."""
    seen = deploy(terminal, an_action(region="us-east-1")).invoke("pipeline.run")

    assert seen.code == 2
    assert "running the action Net" in seen.err
    assert "it is in us-east-1" in seen.err
    assert terminal.workshop.calls == []


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"StackName": "#{SourceVariables.AuthorDate}"}, "is no name of a stack"),
        ({"TemplatePath": "#{SourceVariables.BranchName}::net.json"}, "reading the artifact main for Net"),
        ({"TemplatePath": "Source::#{SourceVariables.BranchName}"}, "reading main"),
        (
            {"ParameterOverrides": '{"A": "#{SourceVariables.CommitMessage}"}'},
            "putting the value of #{SourceVariables.CommitMessage} into ParameterOverrides",
        ),
    ],
)
def test_a_variable_that_does_not_fit(terminal: Terminal, given: dict[str, str], answer: str) -> None:
    """What a variable makes of a text is judged when it has its value, and fails the action."""
    terminal.workshop.message = 'a "quoted" change'

    seen = deploy(terminal, an_action(given=given)).invoke("pipeline.run")

    assert seen.code == 6
    assert answer in seen.out
    assert terminal.workshop.stacks == {}


def test_a_role_that_does_not_trust(terminal: Terminal) -> None:
    """An action whose role the pipeline's may not take fails by the role's name, and changes nothing."""
    terminal.workshop.distrusts = {"shop-deployer"}

    seen = deploy(terminal, an_action()).invoke("pipeline.run")

    assert seen.code == 6
    assert f"assuming {DEPLOYER}" in seen.out
    assert terminal.workshop.stacks == {}


def test_the_file_of_outputs(terminal: Terminal) -> None:
    """The output artifact is a zip with the one file that is named."""
    made = an_action(given={"OutputFileName": "out.json"}, outputArtifacts=[{"name": "Out"}])
    deploy(terminal, made)
    terminal.workshop.outputs["shop-main"] = {"Vpc": "vpc-1"}

    terminal.invoke("pipeline.run")

    content = terminal.workshop.bucket[record(terminal)["artifacts"]["Out"]]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["out.json"]
        assert json.loads(archive.read("out.json")) == {"Vpc": "vpc-1"}
