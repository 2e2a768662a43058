"""What a reader of the table of who may do what asks of each identity. The evaluator answers.

Of the sample project: its environment test stands for E, prod for every other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockstep.policy import Identity
from lockstep.testing import TEST
from tests.templates import matrix
from tests.templates.judge import Judge
from tests.templates.sample import KEY


@dataclass(frozen=True)
class Probe:
    """Something to try: each action on each resource. Whoever may one of them can do it."""

    what: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Mapping[str, str] = field(default_factory=dict)

    def is_refused(self, judge: Judge, who: Identity) -> bool:
        """Can somebody do none of it?"""
        return not any(
            judge.becomes(who, resource, self.context)
            if action == "sts:AssumeRole"
            else judge.may(who, action, resource, self.context)
            for action in self.actions
            for resource in self.resources
        )


_CHANGE = ("cloudformation:CreateChangeSet", "cloudformation:CreateStack", "cloudformation:UpdateStack")
_RIGHTS = ("iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:CreatePolicyVersion")
_OURS = (*matrix.ROLES, matrix.BOUNDARY, f"arn:aws:iam::{TEST}:policy/shop-execution-test")
_USER = (f"arn:aws:iam::{TEST}:user/shop-test-hello", "arn:aws:iam::111111111111:user/shop-developer")
_ELSEWHERE = (matrix.DEPLOYER_PROD, matrix.DEPLOY_PROD, matrix.EXECUTION_PROD)

PROBES = (
    Probe("become deploy-E", ("sts:AssumeRole",), (matrix.DEPLOY_TEST,)),
    Probe("deploy to another environment", ("sts:AssumeRole",), _ELSEWHERE),
    Probe("push an image", ("ecr:PutImage",), (matrix.IMAGE,)),
    Probe("pull an image", ("ecr:BatchGetImage",), (matrix.IMAGE,)),
    Probe("delete an image", ("ecr:BatchDeleteImage", "ecr:DeleteRepository"), (matrix.IMAGE,)),
    Probe("publish a release", ("s3:PutObject",), (matrix.RELEASE,), matrix.NEW),
    Probe("replace a release", ("s3:PutObject", "s3:DeleteObject"), (matrix.RELEASE, matrix.TEMPLATE, matrix.RECORD)),
    Probe("write the files of E", ("s3:PutObject",), (matrix.OF_TEST,)),
    Probe("write those of another environment", ("s3:PutObject",), (matrix.OF_PROD,)),
    Probe("start a build", ("codebuild:StartBuild", "codebuild:StartBuildBatch"), (matrix.JOB_BUILD, matrix.JOB_TEST)),
    Probe("use the key past S3", ("kms:Decrypt", "kms:GenerateDataKey"), (KEY,)),
    Probe("change a stack of a service", _CHANGE, (matrix.STACK_TEST,), matrix.AS_TEST),
    Probe("change such a stack without execution-E", _CHANGE, (matrix.STACK_TEST,), matrix.AS_OTHER),
    Probe("delete a stack", ("cloudformation:DeleteStack",), (matrix.STACK_TEST, matrix.OURS_TEST)),
    Probe("change a stack of bootstrap", _CHANGE, (matrix.OURS_TEST,), matrix.AS_TEST),
    Probe("change a role or policy of bootstrap", _RIGHTS, _OURS, matrix.BOUNDED),
    Probe("change a function's code", ("lambda:UpdateFunctionCode",), (matrix.FUNCTION_TEST,)),
    Probe("make a role without boundary-E", ("iam:CreateRole",), (matrix.MADE, matrix.ELSEWHERE)),
    Probe("take boundary-E off a role", ("iam:DeleteRolePermissionsBoundary",), (matrix.MADE,), matrix.BOUNDED),
    Probe("pass execution-E to a function", ("iam:PassRole",), (matrix.EXECUTION_TEST,), matrix.TO_LAMBDA),
    Probe("make a user or an access key", ("iam:CreateUser", "iam:CreateAccessKey"), _USER),
)
