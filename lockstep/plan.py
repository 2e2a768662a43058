"""Says what a deployment will do. Pure: a release and what runs there in, a plan out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from lockstep import canonical
from lockstep.errors import BusyError, ConfigError, StackError, did_you_mean
from lockstep.model import (
    AccountId,
    Change,
    DeployStack,
    Environment,
    Plan,
    ProtectStack,
    ProveAccount,
    Release,
    RunningService,
    ServiceBuild,
    SmokeEvent,
    SmokeTest,
)
from lockstep.names import COMMIT_TAG, RELEASE_TAG, SETTINGS_TAG, TEMPLATE_TAG, Names, commit_name

# Of a template: the default of each parameter, None where it has none.
Parameters = Mapping[str, str | None]
_READY = frozenset(
    {
        "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)  # fmt: skip
# A stack without resources: its creating change set was never executed, or it was deleted.
_EMPTY = frozenset({None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"})


def deploy(
    environment: Environment,
    release: Release,
    running: tuple[RunningService, ...],
    names: Names,
    declared: Mapping[str, Parameters],
    events: Mapping[str, tuple[SmokeEvent, ...]],
    *,
    back: bool = False,
) -> Plan:
    """Return the plan that brings `environment` from what is `running` to `release`, and then smoke-tests it.

    `declared` holds each running service's template parameters, `events` its smoke tests. Raises BusyError where a
    stack is being changed by somebody else, StackError where one is stuck, ConfigError for a parameter that the
    template lacks or the settings. With `back` the release is an earlier one, whose templates need not know yet what
    the settings say by now.
    """
    wanted = _as_far_as_declared(environment, declared) if back else environment
    stacks = tuple(
        _deploy_stack(wanted, release, release.build_of(now.name), now, names, declared[now.name]) for now in running
    )
    prove = ProveAccount(environment.account, names.deploy_role(environment.name, environment.account))
    protect = tuple(ProtectStack(now.name, now.stack) for now in running if environment.protect and not now.protected)
    return Plan(environment, release.release_id, (prove, *stacks, *protect, *smoke(environment, events, names)))


def smoke(
    environment: Environment, events: Mapping[str, tuple[SmokeEvent, ...]], names: Names
) -> tuple[SmokeTest, ...]:
    """Return every smoke test of the services, in their order."""
    return tuple(
        SmokeTest(service, names.service_stack(environment.name, service, environment.branch), event)
        for service, of in events.items()
        for event in of
    )


def is_busy(status: str | None) -> bool:
    """Is somebody changing a stack that is in this state?"""
    return status not in _EMPTY and str(status).endswith("_IN_PROGRESS")


def check_stack(stack: str, account: AccountId, status: str | None) -> None:
    """Refuse a stack that cannot be changed; raises BusyError or StackError with what to do about it."""
    if status in _EMPTY or status in _READY:
        return
    where = f"changing the stack {stack} in account {account}"
    if is_busy(status):
        raise BusyError(where, f"the stack is {status}: another deployment is changing it", "try again when it is done")
    cures = {
        "ROLLBACK_COMPLETE": "its first creation failed, so it holds nothing: delete the stack, then try again",
        "UPDATE_ROLLBACK_FAILED": "continue its rollback in the CloudFormation console, then try again",
        "UPDATE_FAILED": "roll it back in the CloudFormation console, then try again",
    }
    raise StackError(where, f"the stack is {status}", cures.get(str(status), "delete the stack, then try again"))


def parameters(environment: Environment, service: str, names: Names, declared: Parameters) -> dict[str, str]:
    """Return a value for each parameter that a service's template declares: ours, the settings', or its default.

    All of them, since SAM lets a stack keep its previous value for each that it is not given
    (samcli/lib/deploy/deployer.py, UsePreviousValue). Raises ConfigError for one of the settings that the template
    lacks or that is ours to set, and for one without any value.
    """
    ours = {
        "Environment": environment.name,
        "PermissionsBoundary": names.boundary(environment.name, environment.account),
    }
    wanted = dict(environment.parameters_of(service))
    for name in wanted:
        answer = f"its template declares: {', '.join(sorted(declared)) or 'none'}"
        if name in ours or name not in declared:
            raise ConfigError(
                f"setting the parameter {name} of {service} in {environment.name}",
                "Lockstep sets it itself" if name in ours else answer,
                f"remove parameters.{service}.{name}" if name in ours else "",
            )
    values: dict[str, str] = {}
    for name, default in declared.items():
        value = (wanted | ours).get(name, default)
        if value is None:
            raise ConfigError(
                f"giving {service} its parameter {name} in {environment.name}",
                "the settings have no value, and its template has no default",
                f"set parameters.{service}.{name} of the environment {environment.name}",
            )
        values[name] = value
    return values


def _as_far_as_declared(environment: Environment, declared: Mapping[str, Parameters]) -> Environment:
    """Return an environment that sets no parameter that a service's template lacks."""
    fitting = (
        (service, tuple((name, value) for name, value in values if name in declared.get(service, ())))
        for service, values in environment.parameters
    )
    return replace(environment, parameters=tuple(fitting))


def _deploy_stack(
    environment: Environment,
    release: Release,
    build: ServiceBuild,
    now: RunningService,
    names: Names,
    declared: Parameters,
) -> DeployStack:
    check_stack(now.stack, environment.account, now.status)
    values = tuple(sorted(parameters(environment, build.name, names, declared).items()))
    settings = canonical.hash_of([values, sorted(environment.tags)])[:16]
    tags = {
        **dict(environment.tags),
        RELEASE_TAG: release.release_id,
        COMMIT_TAG: commit_name(release.commit),
        TEMPLATE_TAG: build.template_sha256,
        SETTINGS_TAG: settings,
    }
    change, reason = _change(release, build, now, settings)
    return DeployStack(build.name, now.stack, change, reason, build, values, tuple(sorted(tags.items())))


def _change(release: Release, build: ServiceBuild, now: RunningService, settings: str) -> tuple[Change, str]:
    if now.status in _EMPTY:
        return Change.CREATE, "it is not there yet"
    if missing := differing_images(build, now):
        return Change.UPDATE, f"{', '.join(missing)} runs another image"
    if now.template_sha256 != build.template_sha256:
        return Change.UPDATE, "its template changed"
    if now.settings_hash != settings:
        return Change.UPDATE, "its parameters or tags changed"
    if now.release != release.release_id:
        return Change.UPDATE, "the same images, named by another release"
    return Change.NONE, "it runs this release already"


def differing_images(build: ServiceBuild, now: RunningService) -> tuple[str, ...]:
    """Name the functions that do not run the digest that the build names."""
    running = dict(now.images)
    return tuple(name for name, ref in build.images if running.get(name) != ref.digest)


def select(release: Release, wanted: Collection[str]) -> tuple[ServiceBuild, ...]:
    """Return the builds of a release called `wanted`, all where none is; raises ConfigError for a name it lacks."""
    held = [build.name for build in release.services]
    for name in wanted:
        if name not in held:
            raise ConfigError(
                f"looking for service '{name}' in release {release.release_id[:12]}",
                f"it holds: {', '.join(held)}",
                did_you_mean(name, held) or "invoke release",
            )
    return tuple(build for build in release.services if not wanted or build.name in wanted)
