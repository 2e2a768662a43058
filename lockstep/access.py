"""Who there is and what they may do, as the account templates say it: every role, every resource with a policy.

Reads what bootstrap would make, out of its plan and infra/; asks no account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep import intrinsics, policy, template
from lockstep.account_stacks import AccountStack, content
from lockstep.intrinsics import Stack
from lockstep.policy import Document, Identity

# Where in a resource its own policy stands, and what that is a policy of: the property that names it.
_POLICIES = {
    "AWS::ECR::Repository": ("RepositoryPolicyText", "RepositoryName"),
    "AWS::KMS::Key": ("KeyPolicy", ""),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Bucket"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", ""),
}


@dataclass(frozen=True)
class Role:
    """A role that bootstrap makes: what its policies are, and who may become it."""

    identity: Identity
    trust: Document


@dataclass(frozen=True)
class Access:
    """All roles by ARN; the policies of buckets and repositories by name, of key and topic by type."""

    roles: Mapping[str, Role]
    resources: Mapping[str, Document]
    boundaries: Mapping[str, Document]


def read(steps: tuple[AccountStack, ...], root: Path, region: str) -> Access:
    """Return what the account stacks amount to once all are made; raises ConfigError for a broken template."""
    made = [(step, body) for step in steps for body in _resources(step, root, region)]
    managed = {
        intrinsics.arn(body["Type"], properties["ManagedPolicyName"], step.account, region): properties[
            "PolicyDocument"
        ]
        for step, (_, body) in made
        if body["Type"] == "AWS::IAM::ManagedPolicy" and (properties := body["Properties"])
    }
    roles, policies = {}, {}
    for step, (_, body) in made:
        kind, properties = body["Type"], body.get("Properties") or {}
        if kind == "AWS::IAM::Role":
            arn = intrinsics.arn(kind, properties["RoleName"], step.account, region)
            roles[arn] = _role(arn, properties, managed)
        elif kind in _POLICIES:
            where, name = _POLICIES[kind]
            policies[str(properties.get(name, kind))] = properties[where]
    return Access(roles, policies, managed)


def _resources(step: AccountStack, root: Path, region: str) -> Iterator[tuple[str, dict[str, Any]]]:
    key = intrinsics.arn("AWS::KMS::Key", "", _tooling(step), region)
    wanted = content(step, root, key)
    parsed = template.read(wanted.template, step.template)
    where = Stack(step.stack, step.account, region, intrinsics.split_lists(parsed, wanted.parameters))
    yield from intrinsics.resources(parsed, where).items()


def _tooling(step: AccountStack) -> str:
    """Return the account that has the key: that of every stack but an environment's, which names it."""
    return str(step.parameters.get("ToolingAccount", step.account))


def _role(arn: str, properties: Mapping[str, Any], managed: Mapping[str, Document]) -> Role:
    attached = tuple(managed[one] for one in properties.get("ManagedPolicyArns", ()))
    inline = tuple(one["PolicyDocument"] for one in properties.get("Policies", ()))
    return Role(Identity(arn, attached + inline), properties["AssumeRolePolicyDocument"])


def same(one: Document, other: Document) -> bool:
    """Do two policies say the same? AWS orders lists, turns single values into lists, and accounts into ARNs."""
    return _plain(one) == _plain(other)


def _plain(document: Document) -> list[str]:
    return sorted(repr(_sorted(statement)) for statement in policy.statements(document))


def _sorted(value: object) -> object:
    if isinstance(value, Mapping):
        return sorted((key, _sorted(item)) for key, item in value.items() if item not in ({}, []))
    return sorted({_account(str(item)) for item in policy.listed(value)})


def _account(text: str) -> str:
    parts = text.split(":")
    return parts[4] if len(parts) == 6 and parts[2] == "iam" and parts[5] == "root" else text
