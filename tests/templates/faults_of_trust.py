"""Faults of who may become whom. Each check yields what it finds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockstep import trust
from tests.templates.judge import almighty
from tests.templates.sample import IDENTITY, ORGANIZATION, RESOURCE, TRUST, Project, Said

_EXACT = re.compile(r"arn:aws:iam::\d{12}:(role|user)/[\w+=,.@/-]+")
_STRANGER = "999999999999"
_FOREIGN = {"aws:PrincipalOrgID": "o-stranger00"}


def trust_is_in_exact_arns(project: Project) -> Iterator[str]:
    """A role trusts roles and users by their whole ARNs, or a service; never an account, a tag or everybody."""
    for said in project.said:
        if said.sort == TRUST:
            principal = said.statement.get("Principal")
            if not isinstance(principal, dict) or principal.keys() - {"AWS", "Service"}:
                yield f"{said.place}: trusts {principal}"
            elif inexact := [arn for arn in said.principals("AWS") if not _EXACT.fullmatch(arn)]:
                yield f"{said.place}: trusts {inexact}"
            if said.is_allow and said.actions != ("sts:AssumeRole",):
                yield f"{said.place}: allows {said.actions}"
            keys = [key for keys in said.statement.get("Condition", {}).values() for key in keys]
            yield from (f"{said.place}: is gated by {key}" for key in keys if "tag" in key.lower())


def services_are_trusted_for_one_source(project: Project) -> Iterator[str]:
    """CodeBuild takes a role for one project of the role's own account, EventBridge the one that starts the pipeline.

    CodePipeline takes the pipeline's role without such conditions: it is not documented that it sends them.
    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-service-role-cli.html
    CloudFormation takes an execution role without such conditions: it is not documented that it sends them with a
    stack's role, and then every deployment would be refused. What guards that role is who may pass it, in its account.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    names, region = project.names, project.settings.region
    job = f"arn:{names.partition}:codebuild:{region}:{names.tooling}:project/{names.project}"
    role = names.build_role.removesuffix("build")
    wanted = {names.build_role: f"{job}-build", f"{role}verify": f"{job}-verify", names.planner_role: f"{job}-plan"}
    wanted |= {names.updater_role: f"{job}-pipeline-update", f"{role}build-batch": f"{job}-build"}
    rule = f"arn:{names.partition}:events:{region}:{names.tooling}:rule/{names.pipeline_stack}-start"
    starts = {f"{role}pipeline-start": rule}
    for environment in project.settings.environments:
        wanted[names.deployer_role(environment.name)] = f"{job}-deploy-{environment.name}"
    for said in project.allowed(TRUST):
        name = str(said.made.properties["RoleName"])
        arn = f"arn:{names.partition}:iam::{said.made.step.account}:role/{name}"
        for service in said.principals("Service"):
            if service == "cloudformation.amazonaws.com":
                is_right = name.startswith(f"{names.project}-execution-")
            elif service == "codepipeline.amazonaws.com":
                is_right = name == names.pipeline_stack
            else:
                sources = said.condition("ArnEquals", "aws:SourceArn")
                account = said.condition("StringEquals", "aws:SourceAccount")
                known = {"codebuild.amazonaws.com": wanted, "events.amazonaws.com": starts}.get(service, {})
                is_right = account == (said.made.step.account,) and sources == (known.get(arn),)
            if not is_right:
                yield f"{said.place}: trusts {service} for {said.statement.get('Condition')}"


def everybody_becomes_whom_the_settings_say(project: Project) -> Iterator[str]:
    """Who is named in the settings, and each role, becomes exactly whom the settings say; so does nobody else.

    A role of another account with one of our names, one whose name only begins like ours, a tooling administrator
    with the tags of a deployer: each is nobody.
    """
    judge, names = project.judge, project.names
    tags = {"aws:PrincipalTag/Role": "deployer", "aws:RequestTag/Role": "deployer", "sts:TransitiveTagKeys": "Role"}
    named = {*project.settings.tooling.developers, *(arn for one in project.settings.targets for arn in one.deployers)}
    named |= {arn for said in project.said if said.sort == TRUST for arn in said.principals("AWS")}
    everyone = [role.identity for role in judge.access.roles.values()]
    everyone += [almighty(arn) for arn in named if _EXACT.fullmatch(arn) and arn not in judge.access.roles]
    for arn in judge.access.roles:
        everyone += [almighty(f"{arn}s"), almighty(arn.replace(arn.split(":")[4], _STRANGER))]
    everyone.append(almighty(f"arn:{names.partition}:iam::{names.tooling}:role/administrator"))
    for who in everyone:
        for role, expected in trust.expected(project.settings, who.arn).items():
            if role in judge.access.roles and judge.becomes(who, role, tags) != expected:
                yield f"{who.arn} {'does not become' if expected else 'becomes'} {role}"


def the_build_role_becomes_nobody(project: Project) -> Iterator[str]:
    """Rule 11: what builds may ask STS for nothing, and is trusted by nobody."""
    judge = project.judge
    build = judge.identity("build")
    for said in project.said:
        attached = f"{project.names.project}-publish"
        if said.sort == IDENTITY and said.is_allow and attached in str(said.made.properties.get("ManagedPolicyName")):
            yield from (f"{said.place}: {action}" for action in said.actions if action.startswith("sts:"))
    yield from (f"build becomes {role}" for role in judge.access.roles if judge.becomes(build, role))
    yield from (
        f"{role} trusts the build role"
        for role in judge.access.roles
        if role != build.arn and judge.becomes(almighty(build.arn), role)
    )


def roles_are_taken_by_exact_arn(project: Project) -> Iterator[str]:
    """Whoever may take roles may take roles that are named in full, and they are ours."""
    for said in project.allowed(IDENTITY):
        if any(action.lower().startswith(("sts:", "*")) for action in said.actions):
            known = set(project.judge.access.roles)
            if said.actions != ("sts:AssumeRole",) or not known.issuperset(said.resources):
                yield f"{said.place}: {said.actions} on {said.resources}"


def each_deployer_reaches_one_environment(project: Project) -> Iterator[str]:
    """A deployer role becomes its environment's deploy and status role, the status roles before it, and no other."""
    judge, names = project.judge, project.names
    for environment in project.settings.environments:
        own = {
            names.deploy_role(environment.name, environment.account),
            names.status_role(environment.name, environment.account),
            *(names.status_role(one.name, one.account) for one in project.settings.earlier(environment.name)),
        }
        deployer = judge.identity(f"deployer-{environment.name}")
        becomes = {role for role in judge.access.roles if judge.becomes(deployer, role)}
        if becomes != own:
            yield f"deployer-{environment.name} becomes {sorted(becomes)}"


def external_ids_are_refused(project: Project) -> Iterator[str]:
    """Who comes from another account with an external id was talked into it, and becomes nobody.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    judge = project.judge
    for who in judge.access.roles.values():
        for role in judge.access.roles:
            is_foreign = role.split(":")[4] != who.identity.arn.split(":")[4]
            if is_foreign and judge.becomes(who.identity, role, {"sts:ExternalId": "any"}):
                yield f"{who.identity.arn} becomes {role} with an external id"


def other_accounts_are_of_the_organization(project: Project) -> Iterator[str]:
    """What lets people or another account in asks for the organization where the settings name one, and only there."""
    for said in project.said:
        if said.sort != IDENTITY and said.is_allow:
            asked = said.condition("StringEquals", "aws:PrincipalOrgID")
            wanted = (ORGANIZATION,) if project.settings.organization and _lets_others_in(said) else ()
            if asked != wanted:
                yield f"{said.place}: asks for the organization {asked}"
            if str(said.statement).count("PrincipalOrg") != len(asked):
                yield f"{said.place}: asks for the organization in another way"


def outsiders_become_nobody(project: Project) -> Iterator[str]:
    """Where the settings name an organization, nobody outside of it takes a role."""
    judge = project.judge
    people = {*project.settings.tooling.developers, *(arn for one in project.settings.targets for arn in one.deployers)}
    for who in (*judge.access.roles, *people) if project.settings.organization else ():
        for role in judge.access.roles:
            if judge.becomes(almighty(who), role, _FOREIGN):
                yield f"{who} becomes {role} from outside of the organization"


def principals_are_named(project: Project) -> Iterator[str]:
    """What is allowed on a resource is allowed to accounts of the settings or to a service, and never to everybody."""
    accounts = {environment.account for environment in project.settings.environments}
    root = f"arn:{project.names.partition}:iam::{project.names.tooling}:root"
    for said in project.allowed(RESOURCE):
        if not accounts | {root} >= set(said.principals("AWS")) or "*" in said.principals("Service"):
            yield f"{said.place}: allows {said.statement.get('Principal')}"


def _lets_others_in(said: Said) -> bool:
    """Does a statement let in whom the settings name, or another account? What the settings name may be anywhere."""
    return any(said.sort == TRUST or said.made.step.account not in name for name in said.principals("AWS"))


CHECKS = (
    trust_is_in_exact_arns,
    services_are_trusted_for_one_source,
    everybody_becomes_whom_the_settings_say,
    the_build_role_becomes_nobody,
    roles_are_taken_by_exact_arn,
    each_deployer_reaches_one_environment,
    external_ids_are_refused,
    other_accounts_are_of_the_organization,
    outsiders_become_nobody,
    principals_are_named,
)
