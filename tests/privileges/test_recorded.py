"""What the whole e2e run was recorded to call, against what the account templates allow: neither is wider.

`nox -s e2e` records, `nox -s privileges` judges, as coverage does.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockstep import access, account_stacks, catalog, policy, schemas, settings
from lockstep.images import context_files

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "reports" / "calls.json"
# What IAM calls a call where it has another name for it.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
ACTIONS = {
    "cloudwatch logs": "logs",
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
}
# AWS lets everybody ask this: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
FREE = {"sts:GetCallerIdentity"}
# Whose own calls nobody can record: CloudFormation acts as it. tests/templates/test_execution_rights.py judges it.
UNHEARD = {"execution"}
# What a build may, it may by the same policy as a developer: what one of them called was needed.
SAME = {"build": "developer"}
ENCRYPTION = "S3 asks for it on the caller's behalf: no call of its own"
PASSING = "CloudFormation asks for it when it is given a role: no call of its own"
DRIFT = "CloudFormation asks for it for each resource of a stack whose drift is detected: no call of its own"
DOCKER = "the Docker engine pushes and pulls by the registry's own protocol, which reports nothing"
JOB = "CodeBuild writes the log of a build; the local runner keeps it on this machine"
REPORT = "CodeBuild writes the report of a build; the local runner only sees that it is there and readable"
SOURCE = "CodeBuild itself fetches the source of a job"
# What a policy allows though nobody called it, each with the reason for which it stays.
PUBLISHING = {
    "ecr:BatchCheckLayerAvailability": DOCKER,
    "ecr:CompleteLayerUpload": DOCKER,
    "ecr:InitiateLayerUpload": DOCKER,
    "ecr:PutImage": DOCKER,
    "ecr:UploadLayerPart": DOCKER,
    "kms:Decrypt": ENCRYPTION,
    "kms:GenerateDataKey": ENCRYPTION,
}
WORKING = {"logs:CreateLogStream": JOB, "logs:PutLogEvents": JOB, "s3:GetObjectVersion": SOURCE}
REPORTING = dict.fromkeys(
    ("codebuild:BatchPutTestCases", "codebuild:CreateReport", "codebuild:CreateReportGroup", "codebuild:UpdateReport"),
    REPORT,
)
JUSTIFIED: dict[str, dict[str, str]] = {
    "build": PUBLISHING | WORKING,
    "developer": PUBLISHING,
    "planner": WORKING | {"kms:Decrypt": ENCRYPTION},
    "deployer": WORKING | REPORTING | {"kms:Decrypt": ENCRYPTION},
    "deploy": {
        "iam:PassRole": PASSING,
        "kms:Decrypt": ENCRYPTION,
        "kms:GenerateDataKey": ENCRYPTION,
    },
    "status": {"cloudformation:DetectStackResourceDrift": DRIFT, "kms:Decrypt": ENCRYPTION},
}


SIGNING_KEY = "arn:aws:kms:eu-west-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture(scope="module")
def recorded() -> dict[str, set[str]]:
    """The actions that each identity took, by its ARN; those that were denied are not among them."""
    if not RECORD.is_file():
        pytest.fail("nothing was recorded yet: nox -s e2e")
    found: dict[str, dict[str, int]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return {who: {action(call) for call in calls} - FREE for who, calls in found.items()}


@pytest.fixture(scope="module")
def roles() -> dict[str, access.Role]:
    """The roles of the sandbox's accounts, as the templates make them."""
    known = schemas.Schemas(schemas.installed(), "eu-west-1")
    loaded = settings.load(ROOT / "infra" / "sandbox.toml", ROOT)
    # As a test of e2e has it, where releases are signed.
    found = replace(loaded, tooling=loaded.tooling.model_copy(update={"signing_key": SIGNING_KEY}))
    steps = account_stacks.plan(found, catalog.load(ROOT, context_files, known))
    return dict(access.read(steps, ROOT, found.region).roles)


def action(call: str) -> str:
    """Return what IAM calls a call."""
    service, _, name = call.partition(":")
    prefix = ACTIONS.get(service.lower(), service.lower())
    return ACTIONS.get(f"{prefix}:{name}", f"{prefix}:{name}")


def kind(role: str) -> str:
    """Return what a role is, without project and environment."""
    return role.rpartition("/")[2].split("-")[1]


def allowed(role: access.Role) -> set[str]:
    """Return the actions that a role's own policies allow."""
    return set(policy.actions(role.identity.policies))


def test_every_call_has_a_caller(recorded: dict[str, set[str]]) -> None:
    """Every recorded call was made by somebody who is known."""
    assert recorded.get("unknown", set()) == set()


def test_calls_are_within_policies(recorded: dict[str, set[str]], roles: dict[str, access.Role]) -> None:
    """No role got away with a call that its policy does not list."""
    beyond = {who: sorted(calls - allowed(roles[who])) for who, calls in recorded.items() if who in roles}

    assert {who: calls for who, calls in beyond.items() if calls} == {}


def test_policies_are_within_calls(recorded: dict[str, set[str]], roles: dict[str, access.Role]) -> None:
    """No policy lists an action that nobody takes, but those with a reason."""
    taken: dict[str, set[str]] = {}
    listed: dict[str, set[str]] = {}
    for arn, role in roles.items():
        taken.setdefault(kind(arn), set()).update(recorded.get(arn, set()))
        listed.setdefault(kind(arn), set()).update(allowed(role))
    unused = {
        name: listed[name] - taken[name] - taken[SAME.get(name, name)] - JUSTIFIED[name].keys()
        for name in listed.keys() - UNHEARD
    }

    assert {name: sorted(actions) for name, actions in unused.items() if actions} == {}


def test_reasons_are_needed(recorded: dict[str, set[str]], roles: dict[str, access.Role]) -> None:
    """Every reason is for an action that is allowed and was not called."""
    stale: list[Any] = []
    for arn, role in roles.items():
        reasons = JUSTIFIED[kind(arn)].keys() if kind(arn) not in UNHEARD else ()
        stale += [(kind(arn), one) for one in reasons if one not in allowed(role) or one in recorded.get(arn, set())]

    assert stale == []
