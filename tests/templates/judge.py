"""Asks the evaluator what somebody may do in a project: their own policies, and that of the resource, taken together.

Knows what every request has of itself, TLS and the caller's organization; all else a question says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lockstep.access import Access, Role
from lockstep.names import Names
from lockstep.policy import Document, Identity, Request
from lockstep.settings import Settings

EVERYTHING: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def almighty(arn: str) -> Identity:
    """Return somebody whose own policies allow everything: what stops them is not theirs."""
    return Identity(arn, (EVERYTHING,))


@dataclass(frozen=True)
class Judge:
    """What the accounts of some settings answer to a request."""

    access: Access
    settings: Settings

    @property
    def names(self) -> Names:
        """What the project calls its things."""
        return self.settings.names

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Every role by what follows the project in its name, such as deploy-test."""
        start = f":role/{self.names.project}-"
        return {arn.rpartition(start)[2]: role for arn, role in self.access.roles.items()}

    def identity(self, name: str) -> Identity:
        """Return one of the roles as it would be made."""
        return self.roles[name].identity

    @cached_property
    def key(self) -> str:
        """The ARN of the key."""
        return f"arn:{self.names.partition}:kms:{self.settings.region}:{self.names.tooling}:key/made"

    @property
    def bucket(self) -> str:
        """The ARN of the artifact bucket."""
        return f"arn:{self.names.partition}:s3:::{self.names.bucket}"

    def repository(self, name: str) -> str:
        """Return the ARN of an image repository in tooling."""
        return f"arn:{self.names.partition}:ecr:{self.settings.region}:{self.names.tooling}:repository/{name}"

    def stack(self, name: str, account: str) -> str:
        """Return the ARN of a stack."""
        return f"arn:{self.names.partition}:cloudformation:{self.settings.region}:{account}:stack/{name}/made"

    def function(self, name: str, account: str) -> str:
        """Return the ARN of a function."""
        return f"arn:{self.names.partition}:lambda:{self.settings.region}:{account}:function:{name}"

    def through_s3(self) -> dict[str, str]:
        """Return the context of a use of the key that S3 makes for somebody."""
        return {"kms:ViaService": f"s3.{self.settings.region}.amazonaws.com"}

    def may(self, who: Identity, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
        """May somebody do it? A resource of another account without a policy of its own lets nobody in."""
        document, owner = self._guard(resource)
        account = resource.split(":")[4] if resource.count(":") > 4 else ""
        if document is None and account.isdigit() and account != who.arn.split(":")[4]:
            return False
        return who.may(Request(action, resource, who.arn, self._with(context)), document, owner)

    def becomes(self, who: Identity, role: str, context: Mapping[str, str] | None = None) -> bool:
        """May somebody take a role of the project?"""
        return who.may_become(role, self.access.roles[role].trust, self._with(context))

    def _with(self, context: Mapping[str, str] | None) -> dict[str, str]:
        member = {"aws:PrincipalOrgID": self.settings.organization} if self.settings.organization else {}
        return {"aws:SecureTransport": "true", **member, **(context or {})}

    def _guard(self, resource: str) -> tuple[Document | None, str]:
        """Return the policy that a resource has of its own, and whose it is."""
        service = resource.split(":")[2] if resource.startswith("arn:") else ""
        names = {
            "ecr": resource.partition(":repository/")[2],
            "kms": "AWS::KMS::Key",
            "sns": "AWS::SNS::TopicPolicy",
            "s3": resource.partition(":::")[2].partition("/")[0],
        }
        return self.access.resources.get(names.get(service, "")), self.names.tooling
