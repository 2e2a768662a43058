"""The account templates and bootstrap, held against each other: parameters, names, and what services may touch."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from lockstep import account_stacks, template
from lockstep.account_stacks import KEY_ARN, AccountStack
from lockstep.testing import CODECOMMIT, SETTINGS, TEST, a_service, some_names, some_settings

ROOT = Path(__file__).parents[2]
LONGEST = SETTINGS.replace('project = "shop"', 'project = "s234567890"').replace('"test"', '"t234567890"')
SHORTEST = SETTINGS.replace('project = "shop"', 'project = "s1"').replace('"test"', '"t1"')


def plan(text: str = SETTINGS) -> tuple[AccountStack, ...]:
    """Return the account stacks of a project with one service, and that of its pipeline."""
    settings = some_settings(text + CODECOMMIT)
    return (*account_stacks.plan(settings, (a_service(),)), account_stacks.pipeline(settings))


def read(name: str) -> template.Template:
    """Read an account template."""
    return template.read((ROOT / "infra" / name).read_text(encoding="utf-8"), name)


def filled(text: object) -> str:
    """Return a text of a template with what it says of project, environment and account filled in for shop's test."""
    found = str(text["Fn::Sub"] if isinstance(text, dict) else text)
    values = {"Project": "shop", "Environment": "test", "AWS::AccountId": TEST, "AWS::Partition": "aws"}
    return re.sub(r"\$\{([\w:]+)\}", lambda name: values.get(name[1], name[0]), found)


STEPS: dict[str, AccountStack] = {step.stack: step for step in plan()}


def test_every_template_is_used() -> None:
    """Each account template is one that bootstrap applies."""
    assert {step.template for step in plan()} == {path.name for path in (ROOT / "infra").glob("*.yaml")}


@pytest.mark.parametrize("stack", STEPS)
def test_parameters_are_those_of_the_template(stack: str) -> None:
    """Bootstrap gives each stack every parameter that its template declares, and no other."""
    step = STEPS[stack]

    given = {*step.parameters, *([KEY_ARN] if step.needs_key else [])}

    assert given == template.parameters(read(step.template)).keys()


@pytest.mark.parametrize("text", [SETTINGS, LONGEST, SHORTEST])
def test_parameters_are_what_the_template_allows(text: str) -> None:
    """What settings take as project, environment and account, every template takes too."""
    refused = [
        (step.stack, name, value)
        for step in plan(text)
        for name, declared in read(step.template)["Parameters"].items()
        if (value := step.parameters.get(name)) is not None
        and not re.fullmatch(declared.get("AllowedPattern", ".*"), value)
    ]

    assert refused == []


def test_the_key_comes_from_the_resources() -> None:
    """The one value that AWS chooses, the key's ARN, is an output of the stack that makes the key."""
    makers = [step for step in plan() if KEY_ARN in read(step.template).get("Outputs", {})]

    assert [step.template for step in makers] == ["tooling-resources.yaml"]


def test_names_are_derived_alike() -> None:
    """What templates call their roles, policies and repositories is what everything else knows them by."""
    names, kinds = some_names(), {"AWS::IAM::Role": "role", "AWS::IAM::ManagedPolicy": "policy"}
    made = {
        f"{kinds[resource['Type']]}/"
        + filled(resource["Properties"].get("RoleName") or resource["Properties"]["ManagedPolicyName"])
        for file in {step.template for step in plan()}
        for resource in read(file)["Resources"].values()
        if resource["Type"] in kinds
    }

    known = {
        names.build_role,
        names.developer_role,
        names.planner_role,
        names.updater_role,
        names.deployer_role("test"),
        names.deploy_role("test", TEST),
        names.execution_role("test", TEST),
        names.status_role("test", TEST),
        names.boundary("test", TEST),
    }

    beside = {"policy/shop-publish", "policy/shop-execution-test"}
    assert made == {arn.rpartition(":")[2] for arn in known} | beside | {
        "role/shop-build-batch", "role/shop-pipeline", "role/shop-pipeline-start", "role/shop-verify",
    }  # fmt: skip


def test_services_reach_no_role_of_ours() -> None:
    """What the execution role may change about roles are those that services make, and never one of ours."""
    names, execution = some_names(), read("environment.yaml")["Resources"]["ExecutionPolicy"]
    reach = [
        filled(statement["Resource"])
        for statement in execution["Properties"]["PolicyDocument"]["Statement"]
        if any(action.startswith("iam:") for action in statement["Action"]) or statement["Action"] == "iam:PassRole"
    ]
    ours = [names.deploy_role("test", TEST), names.execution_role("test", TEST), names.status_role("test", TEST)]

    assert len(reach) == 3
    assert [(arn, pattern) for arn in ours for pattern in reach if fnmatchcase(arn, pattern)] == []
    assert all(fnmatchcase(f"arn:aws:iam::{TEST}:role/shop-test-hello-Role", pattern) for pattern in reach)
