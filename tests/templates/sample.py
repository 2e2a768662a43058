"""The sample projects whose account templates are judged, as bootstrap would make them: resolved, stack by stack.

Three, since a template says other things for other settings. Reads infra/, asks no account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from lockstep import account_stacks, intrinsics, policy, schemas, template
from lockstep.access import Access, Role
from lockstep.account_stacks import KEY_ARN, AccountStack
from lockstep.intrinsics import Stack
from lockstep.names import Names
from lockstep.policy import Document, Identity
from lockstep.schemas import Schemas
from lockstep.settings import Settings
from lockstep.template import Template
from lockstep.testing import CODECOMMIT, CODECONNECTIONS, PROD, SETTINGS, TOOLING, a_service, some_settings
from tests.templates.judge import Judge

ROOT = Path(__file__).parents[2]
ORGANIZATION = "o-a1b2c3d4e5"
SIGNING_KEY = f"arn:aws:kms:eu-west-1:{TOOLING}:key/01234567-89ab-cdef-0123-456789abcdef"
# Of an organization, with prod protected, releases signed, nobody named: only what CodeBuild runs builds and deploys.
STRICT = f'organization = "{ORGANIZATION}"\n' + "\n".join(
    line
    + ("\nprotect = true\napproval = true" if line == f'account = "{PROD}"' else "")
    + (f'\nsigning_key = "{SIGNING_KEY}"' if line == "[tooling]" else "")
    for line in SETTINGS.splitlines()
    if not line.startswith(("developers", "deployers"))
)
# Of an organization, with people named.
MEMBERS = f'organization = "{ORGANIZATION}"\n{SETTINGS}'
# One that takes feature branches too, updates itself, and makes releases on several machines.
MORE = 'branches = ["feature/**", "fix-*"]\nupdate = true\nshards = 3\n'
# Each with a pipeline: from CodeCommit, or over a connection.
TEXTS = (SETTINGS + CODECOMMIT, f"{STRICT}\n{CODECONNECTIONS}{MORE}", f"{MEMBERS}{CODECOMMIT}update = true\n")
KEY = f"arn:aws:kms:eu-west-1:{TOOLING}:key/made"
TRUST, IDENTITY, RESOURCE = "trust", "identity", "resource"
_OWN_POLICY = {
    "AWS::ECR::Repository": ("RepositoryPolicyText", "RepositoryName"),
    "AWS::KMS::Key": ("KeyPolicy", ""),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Bucket"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", ""),
}


@dataclass(frozen=True)
class Made:
    """One resource of an account stack, as it would be made."""

    step: AccountStack
    logical_id: str
    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its type."""
        return str(self.body["Type"])

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties, resolved."""
        return self.body.get("Properties") or {}

    @property
    def place(self) -> str:
        """How a finding names it."""
        return f"{self.step.template} {self.logical_id} ({self.step.stack})"

    def policies(self) -> Iterator[tuple[str, Document]]:
        """Yield the policies in it, each with its sort: who may take a role, what one may do, who may do it here."""
        if self.kind == "AWS::IAM::Role":
            yield TRUST, self.properties["AssumeRolePolicyDocument"]
            yield from ((IDENTITY, one["PolicyDocument"]) for one in self.properties.get("Policies", ()))
        elif self.kind == "AWS::IAM::ManagedPolicy":
            yield IDENTITY, self.properties["PolicyDocument"]
        elif self.kind in _OWN_POLICY:
            yield RESOURCE, self.properties.get(_OWN_POLICY[self.kind][0], {})


@dataclass(frozen=True)
class Said:
    """One statement of a policy: which resource has it, and of which sort the policy is."""

    made: Made
    sort: str
    statement: Mapping[str, Any]

    @property
    def place(self) -> str:
        """How a finding names it."""
        return f"{self.made.place}, {self.statement.get('Sid') or self.sort}"

    @property
    def is_allow(self) -> bool:
        """Does it allow anything?"""
        return bool(self.statement["Effect"] == "Allow")

    @property
    def actions(self) -> tuple[str, ...]:
        """Its actions."""
        return policy.listed(self.statement.get("Action"))

    @property
    def resources(self) -> tuple[str, ...]:
        """Its resources."""
        return policy.listed(self.statement.get("Resource"))

    def principals(self, sort: str) -> tuple[str, ...]:
        """Return its principals of a sort, `AWS` or `Service`; whom everybody stands for is both."""
        principal = self.statement.get("Principal", {})
        return policy.listed(principal.get(sort) if isinstance(principal, Mapping) else principal)

    def condition(self, operator: str, key: str) -> tuple[str, ...]:
        """Return the values that a condition asks for; empty where there is none."""
        return policy.listed(self.statement.get("Condition", {}).get(operator, {}).get(key))


@dataclass(frozen=True)
class Project:
    """What the account templates amount to for some settings."""

    settings: Settings
    steps: tuple[AccountStack, ...]
    templates: Mapping[str, Template]
    made: tuple[Made, ...]

    @property
    def names(self) -> Names:
        """What the project calls its things."""
        return self.settings.names

    def with_template(self, file: str, changed: Template) -> Project:
        """Return the project as it would be with another template in place of one."""
        others = tuple(one for one in self.made if one.step.template != file)
        anew = tuple(
            one for step in self.steps if step.template == file for one in _made(step, changed, self.settings.region)
        )
        return replace(self, templates={**self.templates, file: changed}, made=others + anew)

    def of(self, *kinds: str) -> tuple[Made, ...]:
        """Return the resources of some types."""
        return tuple(one for one in self.made if one.kind in kinds)

    @cached_property
    def said(self) -> tuple[Said, ...]:
        """Every statement of every policy."""
        return tuple(
            Said(one, sort, statement)
            for one in self.made
            for sort, document in one.policies()
            for statement in policy.statements(document)
        )

    def allowed(self, sort: str) -> Iterator[Said]:
        """Yield the statements that allow something, of one sort of policy."""
        yield from (said for said in self.said if said.sort == sort and said.is_allow)

    @cached_property
    def judge(self) -> Judge:
        """What the accounts answer to a request."""
        return Judge(self._access(), self.settings)

    def _access(self) -> Access:
        region = self.settings.region
        managed = {
            intrinsics.arn(one.kind, one.properties["ManagedPolicyName"], one.step.account, region): document
            for one in self.of("AWS::IAM::ManagedPolicy")
            for _, document in one.policies()
        }
        roles = {}
        for one in self.of("AWS::IAM::Role"):
            arn = intrinsics.arn(one.kind, one.properties["RoleName"], one.step.account, region)
            (_, trust), *inline = one.policies()
            attached = (managed[name] for name in one.properties.get("ManagedPolicyArns", ()) if name in managed)
            roles[arn] = Role(Identity(arn, (*attached, *(document for _, document in inline))), trust)
        own = {
            str(one.properties.get(_OWN_POLICY[one.kind][1], one.kind)): document
            for one in self.of(*_OWN_POLICY)
            for _, document in one.policies()
        }
        return Access(roles, own, managed)


def _made(step: AccountStack, parsed: Template, region: str) -> Iterator[Made]:
    parameters = {**step.parameters, **({KEY_ARN: KEY} if step.needs_key else {})}
    where = Stack(step.stack, step.account, region, intrinsics.split_lists(parsed, parameters))
    for logical_id, body in intrinsics.resources(account_stacks.rendered(parsed, step), where).items():
        yield Made(step, logical_id, body)


@cache
def templates() -> dict[str, Template]:
    """Return every account template, parsed. Change a copy only."""
    files = sorted((ROOT / "infra").glob("*.yaml"))
    return {file.name: template.read(file.read_text(encoding="utf-8"), file.name) for file in files}


@cache
def projects() -> tuple[Project, ...]:
    """Return the three sample projects."""
    return tuple(_project(some_settings(text)) for text in TEXTS)


def _project(settings: Settings) -> Project:
    steps = (*account_stacks.plan(settings, (a_service(),)), account_stacks.pipeline(settings))
    made = tuple(one for step in steps for one in _made(step, templates()[step.template], settings.region))
    return Project(settings, steps, templates(), made)


@cache
def knowledge() -> Schemas:
    """Return what IAM knows of actions and their resources."""
    return Schemas(schemas.installed(), some_settings().region)
