"""The execution role fits what every service may hold: a service with all of it lacks nothing, and leaves nothing over.

CloudFormation's calls with that role are recorded by nobody; the provider schemas say which they are.
"""

from __future__ import annotations

import pytest

from lockstep import access, permissions, policy, schemas, template
from lockstep.access import Role
from lockstep.intrinsics import Stack
from lockstep.permissions import Fit
from lockstep.policy import Document
from lockstep.testing import TEST, some_names
from tests.templates.sample import ROOT, projects

SERVICE = ROOT / "tests" / "templates" / "full_service.yaml"
BOUNDARY = f"arn:aws:iam::{TEST}:policy/shop-boundary-test"
# What is allowed though no property of the service asks for it, each with the reason for which it stays.
JUSTIFIED = {
    "cloudformation:CreateChangeSet": "CloudFormation asks for it itself, for a template that has a transform",
    "iam:ListRoleTags": "looking at a role's tags, before they change",
    "iam:UpdateRoleDescription": "changing the description of a role that is there",
    "kms:Decrypt": "S3 asks for it on behalf of whoever reads a file of the artifact bucket",
    "lambda:ListTags": "looking at the tags of a function or an event source, before they change",
}


@pytest.fixture(scope="module")
def role() -> Role:
    """The execution role of test, as its account template makes it."""
    roles = access.read(projects()[0].steps, ROOT, "eu-west-1").roles
    (found,) = (role for arn, role in roles.items() if arn.endswith("role/shop-execution-test"))
    return found


@pytest.fixture(scope="module")
def full(role: Role) -> Fit:
    """How a service fits that has all that the execution role is for."""
    knowledge = schemas.Schemas(schemas.installed(), "eu-west-1")
    stack = Stack("shop-test-full", TEST, "eu-west-1", {"PermissionsBoundary": BOUNDARY})
    boundary: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    of = template.read(SERVICE.read_text(encoding="utf-8"), SERVICE.name)
    return permissions.fit("full", of, stack, role.identity, boundary, knowledge, some_names())


def test_a_service_with_everything_lacks_nothing(full: Fit) -> None:
    """Functions as images and as files, aliases, layers, APIs and log groups need no permissions.yaml."""
    assert (full.missing, full.doubtful) == ((), ())


def test_nothing_is_left_over(full: Fit, role: Role) -> None:
    """The execution role may take no action that such a service does not, but those with a reason."""
    taken = {need.action for need in full.needed if need.certain or need.perhaps}

    unused = {
        one
        for one in policy.actions(role.identity.policies)
        if not any(policy.matches(action, one, is_action=True) for action in taken)
    }

    assert unused == JUSTIFIED.keys()
