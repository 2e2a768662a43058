"""IAM in one account: what a role's policies say, and what the caller may do. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lockstep import policy
from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import ConfigError, DeniedError
from lockstep.policy import Document

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import EvaluationResultTypeDef


@dataclass(frozen=True)
class Policies:
    """The roles of one account."""

    session: Session
    account: str

    @cached_property
    def _iam(self) -> IAMClient:
        client: IAMClient = self.session.client("iam")
        return client

    def identity(self, role: str) -> policy.Identity:
        """Return a role's own policies and its boundary; raises ConfigError where there is no such role.

        What somebody else attached to it and the caller may not read is left out.
        """
        name = role.rpartition("/")[2]
        with answers(f"reading the policies of {role}"):
            try:
                found = self._iam.get_role(RoleName=name)["Role"]
            except ClientError as error:
                if code_of(error) == "NoSuchEntity":
                    raise ConfigError(f"reading the role {role}", "it does not exist", "invoke bootstrap") from error
                raise
            attached = self._iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
            inline = self._iam.get_paginator("list_role_policies").paginate(RoleName=name)
            documents = (
                *(self._readable(one["PolicyArn"]) for page in attached for one in page["AttachedPolicies"]),
                *(self._inline(name, policy_name) for page in inline for policy_name in page["PolicyNames"]),
            )
            boundary = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
            return policy.Identity(
                role,
                tuple(document for document in documents if document is not None),
                None if boundary is None else self._readable(boundary),
                is_whole=None not in documents,
            )

    def document(self, arn: str) -> Document:
        """Return what a managed policy says; raises ConfigError where there is no such policy."""
        with answers(f"reading the policy {arn}"):
            try:
                return self._managed(arn)
            except ClientError as error:
                if code_of(error) == "NoSuchEntity":
                    raise ConfigError(f"reading the policy {arn}", "it does not exist", "invoke bootstrap") from error
                raise

    def roles(self, prefix: str) -> tuple[str, ...]:
        """Return every role whose name begins so."""
        with answers(f"listing the roles {prefix}*"):
            pages = self._iam.get_paginator("list_roles").paginate()
            return tuple(r["RoleName"] for page in pages for r in page["Roles"] if r["RoleName"].startswith(prefix))

    def _managed(self, arn: str) -> Document:
        version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found: Any = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        return dict(found)

    def _readable(self, arn: str) -> Document | None:
        try:
            return self._managed(arn)
        except ClientError as error:
            if code_of(error) == "AccessDenied":
                return None
            raise

    def _inline(self, role: str, name: str) -> Document:
        found: Any = self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        return dict(found)


@dataclass(frozen=True)
class Rights:
    """What the caller, `arn`, may do in its account, as IAM's policy simulator says it."""

    session: Session
    arn: str

    def refused(self, wanted: Mapping[str, Collection[str]]) -> tuple[str, ...]:
        """Return which of some actions, by the ARN that they are on, are not allowed; nothing for an account's root.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html: asks the policies of the
        caller and its organization's. What they make depend on a real request, on its MFA for example, is not among
        them. Raises DeniedError where the caller may not ask.
        """
        if not wanted or self.arn.endswith(":root"):
            return ()
        iam: IAMClient = self.session.client("iam")
        found: dict[str, None] = {}
        try:
            with answers(f"asking IAM what {self.arn} may do"):
                source = self._source(iam)
                for resource, actions in wanted.items():
                    pages = iam.get_paginator("simulate_principal_policy").paginate(
                        PolicySourceArn=source, ActionNames=sorted(set(actions)), ResourceArns=[resource]
                    )
                    results = (result for page in pages for result in page["EvaluationResults"])
                    found |= {result["EvalActionName"]: None for result in results if _is_refused(result)}
        except DeniedError as error:
            cure = "let it iam:GetRole and iam:SimulatePrincipalPolicy, or use an administrator; nothing was changed"
            raise DeniedError(error.tried, error.answer, cure) from error
        return tuple(found)

    def _source(self, iam: IAMClient) -> str:
        """Return the ARN whose policies are the caller's: of a session its role's, which may have a path."""
        role = policy.role_of(self.arn)
        return self.arn if role == self.arn else iam.get_role(RoleName=role.rpartition("/")[2])["Role"]["Arn"]


def _is_refused(result: EvaluationResultTypeDef) -> bool:
    """Is an action not allowed, whatever the request holds?

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html: with an ARN the missing values are
    told of each resource.
    """
    parts = (result, *result.get("ResourceSpecificResults", []))
    is_undecided = any(part.get("MissingContextValues") for part in parts)
    return result["EvalDecision"] != "allowed" and not is_undecided
