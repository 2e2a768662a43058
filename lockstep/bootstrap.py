"""Says which account stacks there are, in which order, with which parameters, and applies them.

`plan` is pure. `apply` reads the templates of infra/ and changes the accounts, through the ports that it is handed.

One pass, no pasted ARN: every name is derived, each stack names only what an earlier one made, and the one value
that AWS chooses, the key's ARN, is taken from its stack's outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockstep.model import AccountId, Environment, Service, StackName
from lockstep.names import Names
from lockstep.ports import AccountStacks, Clock, Say
from lockstep.settings import Settings

KEY_ARN = "KeyArn"


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


def plan(settings: Settings, services: tuple[Service, ...]) -> tuple[AccountStack, ...]:
    """Return the account stacks in the order in which they must be applied."""
    names, environments = settings.names, settings.environments
    return (
        _roles(settings, names, environments),
        *(_deployer(settings, names, environment) for environment in environments),
        _resources(settings, names, environments),
        *(
            _repository(settings, names, environments, service.name, image.logical_id)
            for service in services
            for image in service.images
        ),
        *(_account(settings, names, environment) for environment in environments),
    )


def apply(
    steps: tuple[AccountStack, ...],
    root: Path,
    opened: Mapping[AccountId, AccountStacks],
    clock: Clock,
    say: Say,
) -> dict[str, str]:
    """Apply the stacks in order and return by stack what came of it. A failure ends it; the next run goes on there."""
    results: dict[str, str] = {}
    key = ""
    for step in steps:
        began = clock.seconds()
        parameters = {**step.parameters, **({KEY_ARN: key} if step.needs_key else {})}
        template = (root / "infra" / step.template).read_text(encoding="utf-8")
        results[step.stack] = opened[step.account].apply(step.stack, template, parameters, step.tags)
        say(f"  {step.where}: {step.stack} {results[step.stack]} ({clock.seconds() - began:.1f} s)")
        state = opened[step.account].describe(step.stack)
        key = state.outputs.get(KEY_ARN, key) if state else key
    return results


def _list(items: Iterable[str]) -> str:
    """Return a CommaDelimitedList parameter's value."""
    return ",".join(items)


def _publishers(settings: Settings, names: Names) -> list[str]:
    return [names.build_role, *([names.developer_role] if settings.tooling.developers else [])]


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
            "Developers": _list(settings.tooling.developers),
            "AssumableRoles": _list(assumable),
        },
        tags=settings.tooling.tags,
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
            "Deployers": _list(settings.environment(environment.name).deployers),
        },
        tags=settings.tooling.tags,
    )


def _resources(settings: Settings, names: Names, environments: tuple[Environment, ...]) -> AccountStack:
    return AccountStack(
        account=names.tooling,
        where="tooling",
        stack=names.tooling_resources_stack,
        template="tooling-resources.yaml",
        parameters={
            "Project": names.project,
            "ArtifactBucket": names.bucket,
            "Publishers": _list(_publishers(settings, names)),
            "Deployers": _list(names.deployer_role(e.name) for e in environments),
            "EnvironmentAccounts": _list(e.account for e in environments),
            "DeployRoles": _list(names.deploy_role(e.name, e.account) for e in environments),
            "ExecutionRoles": _list(names.execution_role(e.name, e.account) for e in environments),
        },
        tags=settings.tooling.tags,
    )


def _repository(
    settings: Settings, names: Names, environments: tuple[Environment, ...], service: str, function: str
) -> AccountStack:
    return AccountStack(
        account=names.tooling,
        where="tooling",
        stack=names.repository_stack(service, function),
        template="tooling-repository.yaml",
        parameters={
            "Repository": names.repository(service, function),
            "EnvironmentAccounts": _list(e.account for e in environments),
            "ExecutionRoles": _list(names.execution_role(e.name, e.account) for e in environments),
            "Functions": _list(names.function_pattern(e.name, e.account) for e in environments),
        },
        tags=settings.tooling.tags,
        needs_key=True,
    )


def _account(settings: Settings, names: Names, environment: Environment) -> AccountStack:
    developer = [names.developer_role] if settings.tooling.developers else []
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
            "StatusReaders": _list([names.deployer_role(environment.name), *developer]),
            "ArtifactBucket": names.bucket,
        },
        tags=dict(environment.tags),
        needs_key=True,
    )
