"""Faults of what the roles may do, and on what. Each check yields what it finds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockstep import policy
from tests.templates.sample import IDENTITY, RESOURCE, SIGNING_KEY, Project, Said, knowledge

# What takes something away for good, lets it be changed unseen, or makes somebody who stays.
NEVER = (
    "cloudformation:CreateStack", "cloudformation:DeleteStack", "cloudformation:SetStackPolicy",
    "cloudformation:UpdateStack", "ecr:BatchDeleteImage", "ecr:DeleteLifecyclePolicy", "ecr:DeleteRepository",
    "ecr:DeleteRepositoryPolicy", "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:SetRepositoryPolicy",
    "iam:AddUserToGroup", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreatePolicy",
    "iam:CreatePolicyVersion", "iam:CreateUser", "iam:DeletePolicy", "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUser", "iam:PutUserPolicy", "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy",
    "kms:CreateGrant", "kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "s3:DeleteBucketPolicy",
    "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketPolicy", "s3:PutBucketVersioning", "s3:PutObjectAcl",
    "secretsmanager:GetSecretValue",
)  # fmt: skip
# Patterns of the key's policy that stand for a short list, as the pages of AWS give them.
_SPELLED_SHORT = ("kms:GenerateDataKey*", "kms:ReEncrypt*")
_BUCKET = "arn:aws:s3:::shop-artifacts-111111111111-eu-west-1"
_APIS = "arn:aws:apigateway:eu-west-1::"
# What an environment's roles reach that has neither its name nor its account, each with the reason.
SHARED = {
    f"{_APIS}/restapis": "the ids of APIs cannot be known beforehand",
    f"{_APIS}/restapis/*": "the ids of APIs cannot be known beforehand",
    f"{_APIS}/apis": "the ids of APIs cannot be known beforehand",
    f"{_APIS}/apis/*": "the ids of APIs cannot be known beforehand",
    f"{_APIS}/tags/*": "an API is tagged by its id, which cannot be known beforehand",
    "arn:aws:cloudformation:eu-west-1:aws:transform/Serverless-2016-10-31": "the SAM transform is AWS's own",
    "arn:aws:ecr:eu-west-1:111111111111:repository/shop/*": "one image is made for all environments",
    "arn:aws:kms:eu-west-1:111111111111:key/made": "one key encrypts the artifact bucket",
    SIGNING_KEY: "one key signs the releases, for all environments",
    _BUCKET: "its own policy narrows what an environment may list",
    f"{_BUCKET}/artifacts/*": "function code is packaged once for all environments",
    f"{_BUCKET}/releases/*": "a release is made for all environments",
    f"{_BUCKET}/shop-pipeline/Source/*": "one source is deployed to all environments",
    f"{_BUCKET}/signatures/*": "a release is signed for all environments",
    f"{_BUCKET}/smoke/*": "the smoke tests of a release are for all environments",
    f"{_BUCKET}/templates/*": "the templates of a release are for all environments",
}


def actions_are_listed(project: Project) -> Iterator[str]:
    """Every action that is allowed is a whole one that IAM knows.

    The one exception is kms:* for the account's own administration of its key, which AWS asks for: without it nobody
    could change the key any more.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    for said in project.said:
        if "Action" not in said.statement or {"NotAction", "NotResource", "NotPrincipal"} & said.statement.keys():
            yield f"{said.place}: says what it is not about"
        is_key = said.sort == RESOURCE and said.made.kind == "AWS::KMS::Key"
        exempt = (*_SPELLED_SHORT, "kms:*") if is_key else ()
        for action in said.actions if said.is_allow else ():
            if action not in exempt and knowledge().arn_forms(action) is None:
                yield f"{said.place}: {action} is not one action"


def resources_are_named(project: Project) -> Iterator[str]:
    """What is allowed is allowed on resources with names of ours, wherever the action takes a resource.

    In a key's policy `*` has to stand, which means the key.
    """
    for said in project.said:
        if said.sort == IDENTITY:
            for resource in said.resources:
                if resource == "*":
                    narrower = [action for action in said.actions if knowledge().arn_forms(action) != ()]
                    yield from (f"{said.place}: {action} on everything" for action in narrower)
                elif resource not in SHARED and not _is_narrow(resource, project.names.project):
                    yield f"{said.place}: {resource}"
        elif said.made.kind == "AWS::S3::BucketPolicy":
            bucket = f"arn:{project.names.partition}:s3:::{said.made.properties['Bucket']}"
            strange = [one for one in said.resources if one != bucket and not one.startswith(f"{bucket}/")]
            yield from (f"{said.place}: {resource}" for resource in strange)


def environments_name_only_themselves(project: Project) -> Iterator[str]:
    """What a role of an environment reaches has that environment's name or account, or is shared for a given reason."""
    accounts = {environment.name: environment.account for environment in project.settings.environments}
    for said in project.allowed(IDENTITY):
        environment = said.made.step.parameters.get("Environment", "")
        for resource in said.resources if environment in accounts else ():
            if resource not in {"*", *SHARED, *_earlier_status_roles(project, said), *_branches(project, environment)}:
                own = rf"\b{project.names.project}-([a-z]+-)?{environment}\b|/environments/{accounts[environment]}/"
                if not re.search(own, resource):
                    yield f"{said.place}: {resource} is not of {environment}"
                if resource.split(":")[4] not in {"", accounts[environment], project.names.tooling}:
                    yield f"{said.place}: {resource} is in another account"


def _branches(project: Project, environment: str) -> set[str]:
    """Return what the first environment reads, to which feature branches go."""
    wanted, names = project.settings.pipeline, project.names
    is_first = environment == project.settings.environments[0].name
    return {names.source_files(names.branches_pipeline)} if is_first and wanted and wanted.branches else set()


def _earlier_status_roles(project: Project, said: Said) -> set[str]:
    """Return whom a deployer may become to look at what a release has passed before."""
    environment = said.made.step.parameters["Environment"]
    earlier = project.settings.earlier(environment) if said.made.step.account == project.names.tooling else ()
    return {project.names.status_role(one.name, one.account) for one in earlier}


def nobody_deletes_what_is_kept(project: Project) -> Iterator[str]:
    """No role deletes images, files or stacks, makes users or access keys, or changes who may do what."""
    patterns = {action for said in project.allowed(IDENTITY) for action in said.actions}
    for pattern in patterns:
        found = [never for never in NEVER if policy.matches(never, pattern, is_action=True)]
        for said in project.allowed(IDENTITY) if found else ():
            yield from (f"{said.place}: {never}" for never in found if pattern in said.actions)


def roles_have_our_policies_only(project: Project) -> Iterator[str]:
    """What is attached to a role is a policy of ours, and a session lasts an hour."""
    for one in project.of("AWS::IAM::Role"):
        strange = set(one.properties.get("ManagedPolicyArns", ())) - project.judge.access.boundaries.keys()
        yield from (f"{one.place}: has {attached}" for attached in strange)
        if one.properties.get("MaxSessionDuration", 3600) != 3600:
            yield f"{one.place}: lasts {one.properties['MaxSessionDuration']} s"


def roles_are_passed_to_one_service(project: Project) -> Iterator[str]:
    """A deploy role passes its execution role to CloudFormation, that one the services' roles to Lambda; that is all.

    The names of services' roles are generated, so they are known by their prefix; each of them has the boundary.
    """
    judge, names = project.judge, project.names
    services = ("cloudformation.amazonaws.com", "lambda.amazonaws.com", "ec2.amazonaws.com", "")
    allowed, roles = set(), set(judge.access.roles)
    for environment in project.settings.environments:
        made = f"arn:{names.partition}:iam::{environment.account}:role/{names.service_stack(environment.name, 'a')}-R"
        execution = names.execution_role(environment.name, environment.account)
        roles |= {made, made.replace(f"-{environment.name}-", "-other-")}
        allowed |= {
            (f"deploy-{environment.name}", execution, services[0]),
            (f"execution-{environment.name}", made, services[1]),
        }
    for name in judge.roles:
        for role in roles:
            for service in services:
                context = {"iam:PassedToService": service} if service else {}
                passes = judge.may(judge.identity(name), "iam:PassRole", role, context)
                if passes != ((name, role, service) in allowed):
                    yield f"{name}: passing {role} to {service or 'anything'} is {passes}"


def the_key_is_used_through_s3(project: Project) -> Iterator[str]:
    """Whoever may use the key may use it for what is in the bucket only; the pipeline also for what it asks."""
    services = [(f"{service}.{project.settings.region}.amazonaws.com",) for service in ("s3", "sns")]
    for said in project.allowed(IDENTITY):
        uses = [action for action in said.actions if action in {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}]
        asks = said.made.properties.get("RoleName") == project.names.pipeline_stack
        if uses and said.condition("StringEquals", "kms:ViaService") not in services[: 1 + asks]:
            yield f"{said.place}: {uses} past S3"


def publishers_write_where_releases_are(project: Project) -> Iterator[str]:
    """Developers and builds read and write below the prefixes of releases, and nothing of an environment's."""
    judge, new = project.judge, {"s3:if-none-match": "*"}
    own = ("artifacts", "builds", "packages", "releases", "signatures", "smoke", "templates")
    others = [f"environments/{environment.account}" for environment in project.settings.environments]
    for name in sorted({"build", "developer"} & judge.roles.keys()):
        for prefix in (*own, *others, "elsewhere"):
            for action in ("s3:GetObject", "s3:PutObject"):
                if judge.may(judge.identity(name), action, f"{judge.bucket}/{prefix}/a", new) != (prefix in own):
                    yield f"{name}: {action} below {prefix}/"


def deployers_read_releases_only(project: Project) -> Iterator[str]:
    """A deployer reads releases and their templates, and writes nothing."""
    judge, new = project.judge, {"s3:if-none-match": "*"}
    for environment in project.settings.environments:
        deployer = judge.identity(f"deployer-{environment.name}")
        own = ("releases", "signatures", "smoke", "templates")
        for prefix in ("artifacts", "builds", f"environments/{environment.account}", *own):
            file = f"{judge.bucket}/{prefix}/a"
            if judge.may(deployer, "s3:GetObject", file) != (prefix in own):
                yield f"deployer-{environment.name}: reading {prefix}/"
            if judge.may(deployer, "s3:PutObject", file, new):
                yield f"deployer-{environment.name}: writing {prefix}/"


def publishers_sign_and_deployers_verify(project: Project) -> Iterator[str]:
    """Where the settings name a key that signs, who publishes may sign with it, a deployer verify, and nobody else."""
    signing, judge = project.settings.tooling.signing_key is not None, project.judge
    for name in judge.roles:
        wanted = {"kms:Sign": name in {"build", "developer"}, "kms:Verify": name.startswith("deployer-")}
        for action, may in wanted.items():
            if judge.may(judge.identity(name), action, SIGNING_KEY) != (may and signing):
                yield f"{name}: {action}"


def looking_changes_nothing(project: Project) -> Iterator[str]:
    """The status role describes, detects, lists and gets, and does nothing else; the key decrypts what it gets."""
    for said in project.allowed(IDENTITY):
        if str(said.made.properties.get("RoleName")).startswith(f"{project.names.project}-status-"):
            changes = [
                one for one in said.actions if not re.fullmatch(r"\w+:(Describe|Detect|Get|List)\w+|kms:Decrypt", one)
            ]
            yield from (f"{said.place}: {action}" for action in changes)


def _is_narrow(resource: str, project: str) -> bool:
    """Is it exact, or does its last part alone have wildcards, behind the project's name?"""
    *place, name = resource.split(":", 5)
    fixed = name.partition("*")[0]
    is_placed = len(place) == 5 and "*" not in "".join(place)
    return is_placed and ("*" not in name or f"{project}-" in fixed or f"/{project}/" in fixed)


CHECKS = (
    actions_are_listed,
    resources_are_named,
    environments_name_only_themselves,
    nobody_deletes_what_is_kept,
    roles_have_our_policies_only,
    roles_are_passed_to_one_service,
    the_key_is_used_through_s3,
    publishers_write_where_releases_are,
    deployers_read_releases_only,
    publishers_sign_and_deployers_verify,
    looking_changes_nothing,
)
