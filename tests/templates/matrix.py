"""Who may do what in the sample project, and what an attacker tries: each row is a request and its answer.

A row's `who` is one of our roles, by what follows the project in its name, or the whole ARN of somebody whose own
policies allow everything: what stops them is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockstep.testing import PROD, TEST, TOOLING, some_names
from tests.templates.sample import KEY, ORGANIZATION, SIGNING_KEY

NAMES = some_names()
BUILD, DEVELOPER = NAMES.build_role, NAMES.developer_role
PLANNER = NAMES.planner_role
DEPLOYER_TEST, DEPLOYER_PROD = NAMES.deployer_role("test"), NAMES.deployer_role("prod")
DEPLOY_TEST, DEPLOY_PROD = NAMES.deploy_role("test", TEST), NAMES.deploy_role("prod", PROD)
EXECUTION_TEST, EXECUTION_PROD = NAMES.execution_role("test", TEST), NAMES.execution_role("prod", PROD)
STATUS_TEST, STATUS_PROD = NAMES.status_role("test", TEST), NAMES.status_role("prod", PROD)
BOUNDARY = NAMES.boundary("test", TEST)
# What no approval is asked for, and what deploys where one is.
UNAPPROVED = (DEPLOYER_TEST, DEPLOYER_PROD, DEPLOY_TEST, DEPLOY_PROD, EXECUTION_TEST, EXECUTION_PROD, STATUS_TEST)
TARGETS = (DEPLOYER_TEST, DEPLOYER_PROD, DEPLOY_TEST, DEPLOY_PROD, STATUS_TEST, STATUS_PROD)
ROLES = (BUILD, DEVELOPER, *TARGETS, EXECUTION_TEST, EXECUTION_PROD)
# The same by what follows the project in their names.
OURS = ("developer", "build", "deployer-test", "deployer-prod", "deploy-test", "deploy-prod", "execution-test",
        "execution-prod", "status-test", "status-prod")  # fmt: skip

OTHER = f"arn:aws:iam::{TOOLING}:role/other"
FORGED = f"arn:aws:iam::999999999999:role/{DEPLOYER_TEST.rpartition('/')[2]}"
ADMINISTRATOR = f"arn:aws:iam::{TOOLING}:role/administrator"
PERSON = f"arn:aws:iam::{TOOLING}:user/developer"

BUCKET = f"arn:aws:s3:::{NAMES.bucket}"
RELEASE, TEMPLATE, CODE = f"{BUCKET}/releases/r.json", f"{BUCKET}/templates/t.json", f"{BUCKET}/artifacts/c"
OF_TEST, OF_PROD = f"{BUCKET}/environments/{TEST}/f", f"{BUCKET}/environments/{PROD}/f"
RECORD_TEST, RECORD_PROD = (f"{BUCKET}/environments/{account}/deployments/1" for account in (TEST, PROD))
RECORD = f"{BUCKET}/builds/hello/b.json"
PLANNED = f"{BUCKET}/environments/{TEST}/templates/t.json"
REPORT_TEST, REPORT_PROD, REPORT_OTHER = (
    f"arn:aws:codebuild:eu-west-1:{TOOLING}:report-group/shop-{name}"
    for name in ("deploy-test-integration", "deploy-prod-integration", "verify-verify")
)
WRITABLE = (RELEASE, TEMPLATE, CODE, RECORD, OF_PROD, RECORD_PROD)
IMAGE = f"arn:aws:ecr:eu-west-1:{TOOLING}:repository/shop/hello/hellofunction"
STACK_TEST = f"arn:aws:cloudformation:eu-west-1:{TEST}:stack/shop-test-hello/1"
STACK_PROD = f"arn:aws:cloudformation:eu-west-1:{PROD}:stack/shop-prod-hello/1"
OURS_TEST = f"arn:aws:cloudformation:eu-west-1:{TEST}:stack/shop-account-test/1"
FUNCTION_TEST = f"arn:aws:lambda:eu-west-1:{TEST}:function:shop-test-hello-Hello"
FUNCTION_OTHER = f"arn:aws:lambda:eu-west-1:{TEST}:function:shop-prod-hello-Hello"
JOB_BUILD, JOB_TEST = NAMES.job("build"), NAMES.job("deploy-test")
BATCH = f"arn:aws:iam::{TOOLING}:role/shop-build-batch"
MADE = f"arn:aws:iam::{TEST}:role/shop-test-hello-HelloRole"
ELSEWHERE = f"arn:aws:iam::{TEST}:role/shop-testing-hello"

NEW = {"s3:if-none-match": "*"}
NO_TLS = {"aws:SecureTransport": "false"}
EXTERNAL = {"sts:ExternalId": "from-a-third-party"}
TAGGED = {
    "aws:PrincipalTag/Role": "deployer",
    "aws:PrincipalTag/Project": "shop",
    "aws:RequestTag/Environment": "test",
    "aws:TagKeys": "Environment",
}
OUTSIDE = {"aws:PrincipalOrgID": "o-somebodyelse"}
BY_S3 = {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}
AS_TEST = {"cloudformation:RoleArn": EXECUTION_TEST}
AS_PROD = {"cloudformation:RoleArn": EXECUTION_PROD}
AS_OTHER = {"cloudformation:RoleArn": f"arn:aws:iam::{TEST}:role/administrator"}
TO_CLOUDFORMATION = {"iam:PassedToService": "cloudformation.amazonaws.com"}
TO_LAMBDA = {"iam:PassedToService": "lambda.amazonaws.com"}
TO_EC2 = {"iam:PassedToService": "ec2.amazonaws.com"}
BOUNDED = {"iam:PermissionsBoundary": BOUNDARY}
OTHERWISE_BOUNDED = {"iam:PermissionsBoundary": f"arn:aws:iam::{TEST}:policy/administrator"}


@dataclass(frozen=True)
class Row:
    """One request of somebody, whether it is allowed, and why. With `organization` the settings name one."""

    who: str
    action: str
    resource: str
    allowed: bool
    why: str
    context: Mapping[str, str] = field(default_factory=dict)
    organization: bool = False

    def __str__(self) -> str:
        who, what = (text.rpartition("/")[2] for text in (self.who, self.resource))
        place = f" of {self.who.split(':')[4]}" if ":" in self.who else ""
        return f"{who}{place} {self.action} {what}: {self.why}"


def may(who: str, action: str, resource: str, why: str, context: Mapping[str, str] | None = None) -> Row:
    """Return a row that is allowed."""
    return Row(who, action, resource, allowed=True, why=why, context=context or {})


def may_not(who: str, action: str, resource: str, why: str, context: Mapping[str, str] | None = None) -> Row:
    """Return a row that is refused."""
    return Row(who, action, resource, allowed=False, why=why, context=context or {})


def becomes(who: str, role: str, why: str, context: Mapping[str, str] | None = None) -> Row:
    """Return a role that is taken."""
    return may(who, "sts:AssumeRole", role, why, context)


def becomes_not(who: str, role: str, why: str, context: Mapping[str, str] | None = None) -> Row:
    """Return a role that is refused."""
    return may_not(who, "sts:AssumeRole", role, why, context)


def none_of(who: str, roles: tuple[str, ...], why: str, context: Mapping[str, str] | None = None) -> tuple[Row, ...]:
    """Return a row for each of some roles that is refused."""
    return tuple(becomes_not(who, role, why, context) for role in roles)


def inside(row: Row) -> Row:
    """Return a row for settings that name an organization; who asks is of it unless the row says otherwise."""
    context = {"aws:PrincipalOrgID": ORGANIZATION, **row.context}
    return Row(row.who, row.action, row.resource, allowed=row.allowed, why=row.why, context=context, organization=True)


TRUST = (
    becomes(PERSON, DEVELOPER, "named in the settings"),
    becomes("developer", STATUS_TEST, "a developer looks"),
    becomes("developer", STATUS_PROD, "a developer looks at prod too"),
    becomes("developer", DEPLOYER_TEST, "the settings name the developer role for test"),
    becomes_not("developer", DEPLOYER_PROD, "the settings name nobody for prod"),
    becomes_not("developer", DEPLOY_TEST, "only a deployer deploys"),
    becomes_not("developer", EXECUTION_TEST, "that role is CloudFormation's"),
    becomes_not("developer", BUILD, "that role is CodeBuild's"),
    *none_of("build", ROLES, "a build becomes nobody"),
    *none_of(BUILD, TARGETS, "no role trusts the build role, whatever it may"),
    becomes("deployer-test", DEPLOY_TEST, "that is what it is for"),
    becomes("deployer-test", STATUS_TEST, "it looks before it deploys"),
    becomes("deployer-prod", DEPLOY_PROD, "that is what it is for"),
    *none_of("deployer-test", (DEPLOY_PROD, STATUS_PROD, EXECUTION_PROD), "of another environment"),
    *none_of(DEPLOYER_TEST, (DEPLOY_PROD, STATUS_PROD), "prod does not trust it, whatever it may"),
    becomes("deployer-prod", STATUS_TEST, "it looks at what passed in test"),
    *none_of("deployer-prod", (DEPLOY_TEST, EXECUTION_TEST), "of another environment"),
    inside(becomes("planner", STATUS_PROD, "it looks where somebody approves")),
    inside(becomes_not("planner", STATUS_PROD, "not of the organization any more", OUTSIDE)),
    inside(becomes_not("planner", STATUS_PROD, "talked into it", EXTERNAL)),
    *(inside(row) for row in none_of("planner", (*UNAPPROVED, BUILD), "it can deploy nowhere, nor look elsewhere")),
    *(inside(row) for row in none_of(PLANNER, UNAPPROVED, "nobody else trusts it, whatever it may")),
    *(inside(becomes_not(who, PLANNER, "that role is CodeBuild's")) for who in (BUILD, OTHER, ADMINISTRATOR)),
    *none_of("deploy-test", (EXECUTION_TEST, STATUS_TEST, DEPLOY_PROD), "a chain ends there"),
    *none_of("status-test", (DEPLOY_TEST, EXECUTION_TEST, STATUS_PROD), "looking leads nowhere"),
    *none_of("execution-test", (DEPLOY_TEST, DEPLOY_PROD), "what makes resources becomes nobody"),
    *none_of(OTHER, ROLES, "a role of tooling that nobody named"),
    *none_of(f"{DEPLOYER_TEST}-2", ROLES, "its name begins like a deployer's"),
    *none_of(OTHER, ROLES, "tags change nothing", TAGGED),
    *none_of("build", TARGETS, "tags change nothing", TAGGED),
    becomes_not("deployer-test", DEPLOY_PROD, "tags change nothing", TAGGED),
    *none_of(FORGED, ROLES, "the right name in another account"),
    *none_of(ADMINISTRATOR, (DEPLOY_TEST, DEPLOY_PROD), "tooling's administrator is not a deployer"),
    *none_of("deployer-test", (DEPLOY_TEST, STATUS_TEST), "talked into it", EXTERNAL),
    becomes_not("developer", STATUS_TEST, "talked into it", EXTERNAL),
    *(inside(becomes("deployer-test", role, "of the organization")) for role in (DEPLOY_TEST, STATUS_TEST)),
    *(inside(becomes_not("deployer-test", role, "not of it any more", OUTSIDE)) for role in (DEPLOY_TEST, STATUS_TEST)),
)  # fmt: skip
FILES = (
    may("developer", "s3:PutObject", RELEASE, "a release is new", NEW),
    may_not("developer", "s3:PutObject", RELEASE, "a release is replaced"),
    may("build", "s3:PutObject", TEMPLATE, "a template is new", NEW),
    may_not("build", "s3:PutObject", TEMPLATE, "a template is replaced"),
    may_not(ADMINISTRATOR, "s3:PutObject", RELEASE, "not even an administrator replaces a release"),
    may("developer", "s3:PutObject", CODE, "SAM writes code by its content"),
    may_not("developer", "s3:PutObject", OF_TEST, "files of an environment", NEW),
    may_not("build", "s3:GetObject", OF_PROD, "files of an environment"),
    may("deployer-test", "s3:GetObject", RELEASE, "what is deployed is read"),
    may_not("deployer-test", "s3:PutObject", RELEASE, "a deployer publishes nothing", NEW),
    may_not("deployer-prod", "s3:PutObject", OF_PROD, "the deploy role writes there"),
    inside(may("planner", "s3:GetObject", RELEASE, "what is planned is read")),
    inside(may("planner", "s3:GetObject", TEMPLATE, "its templates too")),
    *(inside(may_not("planner", "s3:GetObject", what, "a plan needs none")) for what in (CODE, RECORD, RECORD_PROD)),
    *(inside(may_not("planner", "s3:PutObject", what, "a plan writes nothing", NEW)) for what in WRITABLE),
    inside(may_not("planner", "kms:GenerateDataKey", KEY, "it writes nothing", BY_S3)),
    inside(may_not("planner", "kms:Decrypt", KEY, "past S3")),
    inside(may_not("planner", "kms:Sign", SIGNING_KEY, "it makes no release")),
    may("deploy-test", "s3:PutObject", OF_TEST, "its own prefix"),
    may("deploy-test", "s3:GetObject", OF_TEST, "its own prefix"),
    may_not("deploy-test", "s3:PutObject", OF_PROD, "prod's prefix"),
    may_not(DEPLOY_TEST, "s3:PutObject", OF_PROD, "prod's prefix, whatever it may"),
    may_not(DEPLOY_TEST, "s3:GetObject", OF_PROD, "prod's prefix, whatever it may"),
    may_not("deploy-test", "s3:PutObject", RELEASE, "a release", NEW),
    may_not(DEPLOY_TEST, "s3:PutObject", RELEASE, "a release, whatever it may", NEW),
    may_not("deploy-test", "s3:PutObject", f"{BUCKET}/environments/999999999999/f", "another account's prefix"),
    may_not(f"{DEPLOY_TEST}-2", "s3:PutObject", OF_TEST, "its name begins like the deploy role's"),
    may_not(f"arn:aws:iam::{TEST}:role/other", "s3:PutObject", OF_TEST, "tags change nothing", TAGGED),
    may_not(FORGED, "s3:GetObject", RELEASE, "a stranger"),
    may_not("developer", "s3:GetObject", RELEASE, "without TLS", NO_TLS),
    may_not("deploy-test", "s3:PutObject", OF_TEST, "without TLS", NO_TLS),
    may_not(ADMINISTRATOR, "s3:ListBucket", BUCKET, "without TLS", NO_TLS),
    may("deploy-test", "s3:ListBucket", BUCKET, "its own prefix", {"s3:prefix": f"environments/{TEST}/"}),
    may_not("deploy-test", "s3:ListBucket", BUCKET, "releases", {"s3:prefix": "releases/"}),
    may("execution-test", "s3:GetObject", CODE, "function code is read"),
    may_not("execution-test", "s3:GetObject", RELEASE, "it needs no release"),
    may_not("execution-test", "s3:GetObject", OF_TEST, "the deploy role reads there"),
    may_not("status-test", "s3:GetObject", OF_TEST, "no file but the records"),
    may("status-test", "s3:GetObject", RECORD_TEST, "what was deployed is told"),
    may("status-test", "s3:ListBucket", BUCKET, "its records", {"s3:prefix": f"environments/{TEST}/deployments/"}),
    may_not("status-test", "s3:ListBucket", BUCKET, "more than its records", {"s3:prefix": f"environments/{TEST}/"}),
    may_not("status-test", "s3:GetObject", RECORD_PROD, "prod's records"),
    may_not("status-test", "s3:PutObject", RECORD_TEST, "looking records nothing", NEW),
    may("deploy-test", "s3:PutObject", RECORD_TEST, "a deployment is recorded", NEW),
    may_not("deploy-test", "s3:PutObject", RECORD_TEST, "a record is replaced"),
    may_not("deploy-test", "s3:PutObject", RECORD_PROD, "prod's records", NEW),
    may("deploy-test", "s3:PutObject", PLANNED, "a change set is made from it", NEW),
    may_not("deploy-test", "s3:PutObject", PLANNED, "a template is replaced"),
    may_not("deployer-prod", "s3:GetObject", RECORD_TEST, "the status role of test reads there"),
    may("deploy-test", "kms:Decrypt", KEY, "through S3", BY_S3),
    may_not("deploy-test", "kms:Decrypt", KEY, "past S3"),
    may_not("execution-test", "kms:GenerateDataKey", KEY, "it writes nothing", BY_S3),
    may("status-test", "kms:Decrypt", KEY, "records are encrypted", BY_S3),
    may_not("status-test", "kms:Decrypt", KEY, "past S3"),
    may_not("status-test", "kms:GenerateDataKey", KEY, "it writes nothing", BY_S3),
    inside(may("build", "kms:Sign", SIGNING_KEY, "a release is signed by who publishes it")),
    inside(may_not("build", "kms:Sign", KEY, "that key encrypts")),
    inside(may("deployer-prod", "kms:Verify", SIGNING_KEY, "a signature is verified")),
    inside(may_not("deployer-prod", "kms:Sign", SIGNING_KEY, "a deployer makes no release")),
    inside(may_not("deploy-prod", "kms:Verify", SIGNING_KEY, "the deployer verifies")),
    may_not("developer", "kms:Sign", SIGNING_KEY, "the settings name no such key"),
    *(
        may_not(who, "s3:DeleteObject", what, "nobody but an administrator deletes a file")
        for who in (*OURS, DEPLOY_TEST, EXECUTION_TEST)
        for what in (RELEASE, TEMPLATE, RECORD, OF_TEST)
    ),
    may(ADMINISTRATOR, "s3:DeleteObject", RELEASE, "prune removes what nothing needs"),
    inside(may("deploy-test", "s3:PutObject", OF_TEST, "of the organization")),
    inside(may_not("deploy-test", "s3:PutObject", OF_TEST, "not of it any more", OUTSIDE)),
    inside(may_not("execution-test", "s3:GetObject", CODE, "not of it any more", OUTSIDE)),
    inside(may_not("deploy-test", "kms:Decrypt", KEY, "not of it any more", {**BY_S3, **OUTSIDE})),
)  # fmt: skip
IMAGES = (
    may("developer", "ecr:PutImage", IMAGE, "a developer pushes"),
    may("build", "ecr:PutImage", IMAGE, "a build pushes"),
    may("execution-test", "ecr:BatchGetImage", IMAGE, "the function's image is pulled"),
    may("deployer-test", "ecr:DescribeImages", IMAGE, "a deployer looks at images"),
    may_not("deployer-test", "ecr:PutImage", IMAGE, "a deployer pushes nothing"),
    inside(may_not("planner", "ecr:PutImage", IMAGE, "a plan pushes nothing")),
    may_not("execution-test", "ecr:PutImage", IMAGE, "an environment pushes nothing"),
    may_not("deploy-test", "ecr:BatchGetImage", IMAGE, "the execution role pulls"),
    may_not(f"arn:aws:iam::{TEST}:role/other", "ecr:BatchGetImage", IMAGE, "the execution role alone pulls"),
    may_not(f"{EXECUTION_TEST}-2", "ecr:BatchGetImage", IMAGE, "its name begins like the execution role's"),
    may_not(FORGED, "ecr:BatchGetImage", IMAGE, "a stranger"),
    inside(may_not("execution-test", "ecr:BatchGetImage", IMAGE, "not of it any more", OUTSIDE)),
    *(
        may_not(who, "ecr:BatchDeleteImage", IMAGE, "nobody but an administrator deletes an image")
        for who in (*OURS, EXECUTION_TEST, DEPLOY_TEST)
    ),
    may(ADMINISTRATOR, "ecr:BatchDeleteImage", IMAGE, "prune removes what nothing needs"),
)  # fmt: skip
REPORTS = (
    may("deployer-test", "codebuild:CreateReport", REPORT_TEST, "its integration tests are reported"),
    may("deployer-test", "codebuild:BatchPutTestCases", REPORT_TEST, "its integration tests are reported"),
    may_not("deployer-test", "codebuild:CreateReport", REPORT_PROD, "prod's report"),
    may_not("deployer-test", "codebuild:CreateReport", REPORT_OTHER, "the report of another job"),
    may_not("deployer-test", "codebuild:DeleteReport", REPORT_TEST, "a report stays"),
    may_not("deploy-test", "codebuild:CreateReport", REPORT_TEST, "the tests themselves report nothing"),
    may_not("build", "codebuild:CreateReport", REPORT_TEST, "a build reports no tests"),
)  # fmt: skip
CHANGES = "cloudformation:CreateChangeSet"
STACKS = (
    may("deploy-test", CHANGES, STACK_TEST, "as the execution role", AS_TEST),
    may_not("deploy-test", CHANGES, STACK_TEST, "as itself"),
    may_not("deploy-test", CHANGES, STACK_TEST, "as another role", AS_OTHER),
    may_not("deploy-test", CHANGES, STACK_PROD, "prod's stack", {"cloudformation:RoleArn": EXECUTION_PROD}),
    may_not("deploy-test", CHANGES, OURS_TEST, "the stack of its own rights", AS_TEST),
    may("deploy-test", "cloudformation:ExecuteChangeSet", STACK_TEST, "what was looked at is done"),
    may_not("deploy-test", "cloudformation:ExecuteChangeSet", OURS_TEST, "the stack of its own rights"),
    may("deploy-test", "cloudformation:DeleteChangeSet", STACK_TEST, "what was only looked at goes"),
    may_not("deploy-test", "cloudformation:DeleteChangeSet", OURS_TEST, "the stack of its own rights"),
    may("deploy-test", "cloudformation:GetTemplate", STACK_TEST, "what its roles may is compared"),
    may_not("deploy-test", "cloudformation:GetTemplate", STACK_PROD, "prod's stack"),
    may_not("deploy-test", "cloudformation:DeleteStack", STACK_TEST, "a deployment deletes nothing"),
    may_not("deploy-test", "cloudformation:CreateStack", STACK_TEST, "past a change set", AS_TEST),
    may_not("deploy-test", "cloudformation:UpdateTerminationProtection", STACK_TEST, "test is not protected"),
    inside(may("deploy-prod", "cloudformation:UpdateTerminationProtection", STACK_PROD, "prod is protected")),
    may_not("deployer-test", CHANGES, STACK_TEST, "it only becomes who may", AS_TEST),
    may_not("developer", CHANGES, STACK_TEST, "a developer changes no environment", AS_TEST),
    may_not("build", CHANGES, STACK_TEST, "a build changes no environment", AS_TEST),
    inside(may_not("planner", CHANGES, STACK_PROD, "no change set is made before the approval", AS_PROD)),
    inside(may_not("status-prod", CHANGES, STACK_PROD, "nor by whom it becomes", AS_PROD)),
    may("status-test", "cloudformation:DescribeStacks", STACK_TEST, "that is what it is for"),
    may_not("status-test", CHANGES, STACK_TEST, "looking changes nothing", AS_TEST),
    may("deploy-test", "lambda:InvokeFunction", FUNCTION_TEST, "smoke tests"),
    may_not("deploy-test", "lambda:InvokeFunction", FUNCTION_OTHER, "not of its environment"),
    may_not("deploy-test", "lambda:UpdateFunctionCode", FUNCTION_TEST, "past CloudFormation"),
    may_not("status-test", "lambda:InvokeFunction", FUNCTION_TEST, "looking runs nothing"),
    may("execution-test", "lambda:UpdateFunctionCode", FUNCTION_TEST, "that is what it is for"),
    may_not("execution-test", "lambda:UpdateFunctionCode", FUNCTION_OTHER, "not of its environment"),
)  # fmt: skip
RIGHTS = (
    may("deploy-test", "iam:PassRole", EXECUTION_TEST, "its execution role", TO_CLOUDFORMATION),
    may_not("deploy-test", "iam:PassRole", EXECUTION_TEST, "to another service", TO_LAMBDA),
    may_not("deploy-test", "iam:PassRole", EXECUTION_TEST, "to any service"),
    may_not("deploy-test", "iam:PassRole", MADE, "another role", TO_CLOUDFORMATION),
    may_not("deploy-test", "iam:PassRole", EXECUTION_PROD, "another environment's", TO_CLOUDFORMATION),
    may_not("deploy-prod", "iam:PassRole", EXECUTION_TEST, "another environment's", TO_CLOUDFORMATION),
    may("execution-test", "iam:PassRole", MADE, "a service's role", TO_LAMBDA),
    may_not("execution-test", "iam:PassRole", MADE, "to another service", TO_EC2),
    may_not("execution-test", "iam:PassRole", DEPLOY_TEST, "a role of ours", TO_LAMBDA),
    may_not("execution-test", "iam:PassRole", EXECUTION_TEST, "itself", TO_LAMBDA),
    may("execution-test", "iam:CreateRole", MADE, "with the boundary", BOUNDED),
    may_not("execution-test", "iam:CreateRole", MADE, "without the boundary"),
    may_not("execution-test", "iam:CreateRole", MADE, "with another boundary", OTHERWISE_BOUNDED),
    may_not("execution-test", "iam:CreateRole", ELSEWHERE, "outside of its prefix", BOUNDED),
    may_not("execution-test", "iam:CreateRole", MADE, "tags change nothing", TAGGED),
    may("execution-test", "iam:PutRolePolicy", MADE, "of a bounded role", BOUNDED),
    may_not("execution-test", "iam:PutRolePolicy", MADE, "of a role without the boundary"),
    may_not("execution-test", "iam:AttachRolePolicy", DEPLOY_TEST, "to a role of ours", BOUNDED),
    may_not("execution-test", "iam:PutRolePolicy", EXECUTION_TEST, "to itself", BOUNDED),
    may_not("execution-test", "iam:PutRolePermissionsBoundary", MADE, "another boundary", OTHERWISE_BOUNDED),
    may_not("execution-test", "iam:DeleteRolePermissionsBoundary", MADE, "the boundary stays", BOUNDED),
    may_not("execution-test", "iam:UpdateAssumeRolePolicy", MADE, "whom a role trusts stays", BOUNDED),
    may_not("execution-test", "iam:CreatePolicyVersion", BOUNDARY, "the boundary stays"),
    may_not("execution-test", "iam:CreateUser", f"arn:aws:iam::{TEST}:user/shop-test-hello", "there are no users"),
    may_not("execution-test", "iam:CreateAccessKey", f"arn:aws:iam::{TEST}:user/shop-test-hello", "there are no keys"),
    may_not("status-test", "iam:PutRolePolicy", EXECUTION_TEST, "looking changes nothing", BOUNDED),
    may("status-test", "iam:GetRolePolicy", EXECUTION_TEST, "what it may is looked at"),
)  # fmt: skip
# Several machines make the releases of the project that is of an organization, one those of the other.
BATCHES = (
    inside(may("pipeline", "codebuild:StartBuildBatch", JOB_BUILD, "its Release stage begins with a batch")),
    inside(may("pipeline", "codebuild:BatchGetBuildBatches", JOB_BUILD, "it waits for the end")),
    inside(may_not("pipeline", "codebuild:StartBuildBatch", JOB_TEST, "a deployment is no batch")),
    may_not("pipeline", "codebuild:StartBuildBatch", JOB_BUILD, "one machine makes the release"),
    inside(may("build-batch", "codebuild:StartBuild", JOB_BUILD, "that is what it is for")),
    inside(may("build-batch", "codebuild:StopBuild", JOB_BUILD, "that is what it is for")),
    inside(may("build-batch", "codebuild:RetryBuild", JOB_BUILD, "that is what it is for")),
    inside(may_not("build-batch", "codebuild:StartBuild", JOB_TEST, "another project")),
    inside(may_not("build-batch", "codebuild:StartBuild", f"{JOB_BUILD}-2", "its name begins like the project's")),
    inside(may_not("build-batch", "codebuild:StartBuildBatch", JOB_BUILD, "no batch begins another")),
    inside(may_not("build-batch", "codebuild:UpdateProject", JOB_BUILD, "the project stays")),
    inside(may_not("build-batch", "s3:GetObject", RELEASE, "its builds read as their own role")),
    inside(may_not("build-batch", "iam:PassRole", BUILD, "the project has its role")),
    inside(may_not("build", "codebuild:StartBuild", JOB_BUILD, "a build begins no other")),
    inside(may_not("build", "codebuild:StartBuildBatch", JOB_BUILD, "a build begins no other")),
    may_not("developer", "codebuild:StartBuild", JOB_BUILD, "a developer builds as a developer"),
    *(inside(becomes_not(who, BATCH, "that role is CodeBuild's")) for who in ("build", "deployer-test", ADMINISTRATOR)),
)  # fmt: skip
ROWS = (*TRUST, *FILES, *IMAGES, *REPORTS, *STACKS, *RIGHTS, *BATCHES)
