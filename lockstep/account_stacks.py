"""Says which account stacks there are, in which order, and what each is made of. Reads infra/, asks no account.

One pass, no pasted ARN: every name is derived, a stack names only what an earlier one made or what need not exist,
and the one value that AWS chooses, the key's ARN, is taken from its stack's outputs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockstep import grants
from lockstep import template as templates
from lockstep.errors import ConfigError
from lockstep.model import AccountId, Environment, Service, StackName, Statement
from lockstep.names import Names
from lockstep.pipeline import rendering
from lockstep.pipeline.rendering import Pipeline, Push
from lockstep.ports import StackContent, StackState
from lockstep.settings import EXAMPLE, Settings

KEY_ARN, PLANNED = "KeyArn", "PlannedStatusRoles"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: characters, white space left out
_INLINE, _MANAGED = 10_240, 6_144


@dataclass(frozen=True)
class Granted:
    """What one service's permissions.yaml adds in an environment: statements as they stand in its account."""

    service: str
    execution: tuple[Statement, ...]
    boundary: tuple[Statement, ...]


@dataclass(frozen=True)
class AccountStack:
    """One stack that bootstrap makes. With `needs_key` it takes the ARN of the key that an earlier stack made."""

    account: AccountId
    where: str
    stack: StackName
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    needs_key: bool = False
    protected: bool = False
    granted: tuple[Granted, ...] = ()
    pipeline: Pipeline | None = None


def plan(settings: Settings, services: tuple[Service, ...]) -> tuple[AccountStack, ...]:
    """Return the account stacks in the order in which they must be applied."""
    names, environments = settings.names, settings.environments
    return (
        _resources(settings, names, environments),
        _roles(settings, names, environments),
        *(_deployer(settings, names, environment) for environment in environments),
        *(
            _repository(settings, names, environments, names.repository_stack(service.name, image.logical_id))
            for service in services
            for image in service.images
        ),
        *(_account(settings, names, environment, services) for environment in environments),
    )


def pipeline(settings: Settings) -> AccountStack:
    """Return the stack of the pipeline; raises ConfigError where the settings have none, or lie outside of the source.

    Made apart from the others, since it is no account's but a project's, and a project can do without one.
    """
    names, wanted = settings.names, settings.pipeline
    tried = "planning the pipeline"
    if wanted is None:
        raise ConfigError(tried, f"{settings.path} has no [pipeline]", f"add it; {EXAMPLE} explains every key")
    if settings.path.is_absolute():
        raise ConfigError(tried, f"{settings.path} is not in its source", "have the settings in the repository")
    push = Push(wanted.paths, wanted.ignored_paths, wanted.branches) if wanted.connection else None
    jobs = ["verify", "build", *_planning(settings), *(["pipeline-update"] if wanted.update else [])]
    jobs += [f"deploy-{environment.name}" for environment in settings.environments]
    return AccountStack(
        account=names.tooling,
        where="tooling",
        stack=names.pipeline_stack,
        template="pipeline.yaml",
        parameters={
            "Project": names.project,
            "Settings": settings.path.as_posix(),
            "ArtifactBucket": names.bucket,
            "SourceFiles": _list(_sources(settings)),
            "Projects": _list(names.job(job) for job in jobs),
            "Repository": wanted.repository,
            "Branch": wanted.branch,
            "ConnectionArn": wanted.connection or "",
        },
        tags=settings.tooling.tags,
        needs_key=True,
        protected=_is_protected(settings),
        pipeline=Pipeline(settings.environments, names.partition, push, wanted.notify, wanted.update, wanted.shards),
    )


def planned(settings: Settings) -> tuple[str, ...]:
    """Return the status roles that the role which plans for approvals takes; with none there is no such role."""
    return tuple(settings.names.status_role(one.name, one.account) for one in settings.approved)


def standing(settings: Settings, there: Mapping[StackName, StackState]) -> tuple[AccountStack, ...]:
    """Return, as the settings want them, those stacks of tooling that are there, and no other.

    A repository's is among them though its service is gone from the tree, and so is the pipeline's. Each keeps the key
    that it has.
    """
    names = settings.names
    mine = [step for step in plan(settings, ()) if step.account == names.tooling and step.stack in there]
    mine += [_repository(settings, names, settings.environments, s) for s in there if names.is_repository_stack(s)]
    mine += [pipeline(settings)] if settings.pipeline and names.pipeline_stack in there else []
    return tuple(
        replace(step, needs_key=False, parameters={**step.parameters, KEY_ARN: there[step.stack].parameters[KEY_ARN]})
        if step.needs_key
        else step
        for step in mine
    )


def content(step: AccountStack, root: Path, key: str) -> StackContent:
    """Return what a stack is made of, with the ARN of the key where it takes one.

    Raises ConfigError where what services ask for in permissions.yaml is more than a policy holds.
    """
    text = (root / "infra" / step.template).read_text(encoding="utf-8")
    if step.granted or step.pipeline:
        text = json.dumps(rendered(templates.read(text, f"infra/{step.template}"), step), indent=1)
    parameters = {**step.parameters, **({KEY_ARN: key} if step.needs_key else {})}
    return StackContent(text, parameters, step.tags, step.protected)


def rendered(template: templates.Template, step: AccountStack) -> templates.Template:
    """Return a template with what is added to it for a stack; raises ConfigError where a policy gets too long."""
    if step.pipeline:
        return rendering.render(template, step.pipeline)
    return _with_granted(template, step) if step.granted else template


def _with_granted(template: templates.Template, step: AccountStack) -> templates.Template:
    """Return the environment's template with what the services ask for: a policy of each, and a wider boundary."""
    role, boundary = (template["Resources"][name]["Properties"] for name in ("ExecutionRole", "Boundary"))
    role["Policies"] = [
        {"PolicyName": granted.service, "PolicyDocument": {"Version": "2012-10-17", "Statement": [*granted.execution]}}
        for granted in step.granted
        if granted.execution
    ]
    # A Sid has to be the only one of its name in a policy; these come from many files.
    boundary["PolicyDocument"]["Statement"] += [
        {name: value for name, value in statement.items() if name != "Sid"}
        for granted in step.granted
        for statement in granted.boundary
    ]
    for what, policy, most in (
        ("Execution", role["Policies"], _INLINE),
        ("Boundary", boundary["PolicyDocument"], _MANAGED),
    ):
        size = len(re.sub(r"\s", "", json.dumps(policy)))
        if size > most:
            services = ", ".join(f"services/{granted.service}/{grants.FILE}" for granted in step.granted)
            answer = f"{size} characters, and IAM takes {most}"
            raise ConfigError(f"adding {what} of {services} to {step.where}", answer, "name fewer actions there")
    return template


def _sources(settings: Settings, environment: Environment | None = None) -> tuple[str, ...]:
    """Return the ARNs of the pipelines' sources: of those that deploy to an environment, or of all.

    Feature branches are deployed to the first environment alone.
    """
    names, wanted = settings.names, settings.pipeline
    is_first = environment is None or environment == settings.environments[0]
    branches = (names.branches_pipeline,) if wanted and wanted.branches and is_first else ()
    return tuple(names.source_files(pipeline) for pipeline in (names.pipeline_stack, *branches))


def _list(items: Iterable[str]) -> str:
    """Return a CommaDelimitedList parameter's value."""
    return ",".join(items)


def _planning(settings: Settings) -> tuple[str, ...]:
    """Return the job that plans, where somebody is asked for an approval."""
    return ("plan",) if settings.approved else ()


def _is_protected(settings: Settings) -> bool:
    """Is what every environment needs kept from being deleted? Where one environment is."""
    return any(target.protect for target in settings.targets)


def _resources(settings: Settings, names: Names, environments: tuple[Environment, ...]) -> AccountStack:
    return AccountStack(
        account=names.tooling,
        where="tooling",
        stack=names.tooling_resources_stack,
        template="tooling-resources.yaml",
        parameters={
            "Project": names.project,
            "ArtifactBucket": names.bucket,
            "EnvironmentAccounts": _list(e.account for e in environments),
            "DeployRoles": _list(names.deploy_role(e.name, e.account) for e in environments),
            "ExecutionRoles": _list(names.execution_role(e.name, e.account) for e in environments),
            "StatusRoles": _list(names.status_role(e.name, e.account) for e in environments),
            "Organization": settings.organization,
        },
        tags=settings.tooling.tags,
        protected=_is_protected(settings),
    )


def _roles(settings: Settings, names: Names, environments: tuple[Environment, ...]) -> AccountStack:
    assumable = [names.status_role(e.name, e.account) for e in environments]
    assumable += [names.deployer_role(t.name) for t in settings.targets if names.developer_role in t.deployers]
    return AccountStack(
        account=names.tooling,
        where="tooling",
        stack=names.tooling_roles_stack,
        template="tooling-roles.yaml",
        parameters={
            "Project": names.project,
            "ArtifactBucket": names.bucket,
            "SourceFiles": _list(_sources(settings)),
            "Developers": _list(settings.tooling.developers),
            "SigningKey": settings.tooling.signing_key or "",
            "Organization": settings.organization,
            "AssumableRoles": _list(assumable),
            PLANNED: _list(planned(settings)),
        },
        tags=settings.tooling.tags,
        needs_key=True,
        protected=_is_protected(settings),
    )


def _deployer(settings: Settings, names: Names, environment: Environment) -> AccountStack:
    return AccountStack(
        account=names.tooling,
        where="tooling",
        stack=names.deployer_stack(environment.name),
        template="tooling-deployer.yaml",
        parameters={
            "Project": names.project,
            "Environment": environment.name,
            "EnvironmentAccount": environment.account,
            "ArtifactBucket": names.bucket,
            "SourceFiles": _list(_sources(settings, environment)),
            "EarlierStatusRoles": _list(
                names.status_role(e.name, e.account) for e in settings.earlier(environment.name)
            ),
            "SigningKey": settings.tooling.signing_key or "",
            "Deployers": _list(settings.environment(environment.name).deployers),
            "Organization": settings.organization,
        },
        tags=settings.tooling.tags,
        needs_key=True,
        protected=environment.protect,
    )


def _repository(
    settings: Settings, names: Names, environments: tuple[Environment, ...], stack: StackName
) -> AccountStack:
    return AccountStack(
        account=names.tooling,
        where="tooling",
        stack=stack,
        template="tooling-repository.yaml",
        parameters={
            "Repository": names.repository_of(stack),
            "EnvironmentAccounts": _list(e.account for e in environments),
            "ExecutionRoles": _list(names.execution_role(e.name, e.account) for e in environments),
            "Functions": _list(names.function_pattern(e.name, e.account) for e in environments),
            "Organization": settings.organization,
        },
        tags=settings.tooling.tags,
        needs_key=True,
        protected=_is_protected(settings),
    )


def _account(settings: Settings, names: Names, environment: Environment, services: tuple[Service, ...]) -> AccountStack:
    developer = [names.developer_role] if settings.tooling.developers else []
    later = settings.later(environment.name)
    planner = [names.planner_role] if environment in settings.approved else []
    return AccountStack(
        account=environment.account,
        where=environment.name,
        stack=names.account_stack(environment.name),
        template="environment.yaml",
        parameters={
            "Project": names.project,
            "Environment": environment.name,
            "ToolingAccount": names.tooling,
            "DeployerRole": names.deployer_role(environment.name),
            "StatusReaders": _list(
                [
                    names.deployer_role(environment.name),
                    *(names.deployer_role(e.name) for e in later),
                    *developer,
                    *planner,
                ]
            ),
            "ArtifactBucket": names.bucket,
            "Organization": settings.organization,
            "Protected": str(environment.protect).lower(),
        },
        tags=dict(environment.tags),
        needs_key=True,
        protected=environment.protect,
        granted=tuple(found for service in services if (found := _granted(names, environment, service))),
    )


def _granted(names: Names, environment: Environment, service: Service) -> Granted | None:
    stack = names.service_stack(environment.name, service.name)
    where = (stack, environment.account, environment.region)
    execution = grants.resolved(service.grants.execution, *where)
    boundary = grants.resolved(service.grants.boundary, *where)
    return Granted(service.name, execution, boundary) if execution or boundary else None
