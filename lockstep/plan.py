"""Says what a deployment will do. Pure: a release and what runs there in, a plan out."""

from __future__ import annotations

from lockstep import canonical
from lockstep.errors import BusyError, ConfigError, LockstepError, StackError
from lockstep.model import (
    Change,
    DeployStack,
    Environment,
    Plan,
    ProveAccount,
    Release,
    RunningService,
    Service,
    ServiceBuild,
    SmokeTest,
)
from lockstep.names import COMMIT_TAG, RELEASE_TAG, SETTINGS_TAG, TEMPLATE_TAG, Names

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
    services: tuple[Service, ...],
    running: tuple[RunningService, ...],
    names: Names,
    declared: dict[str, frozenset[str]],
) -> Plan:
    """Return the plan that brings `environment` from what is `running` to `release`, for `services` alone.

    `declared` holds each service's template parameters. Raises BusyError where a stack is being changed by
    somebody else, StackError where one is stuck, ConfigError for a parameter that the template lacks.
    """
    now = {service.name: service for service in running}
    stacks = tuple(
        _deploy_stack(environment, release, release.build_of(s.name), now[s.name], names, declared[s.name])
        for s in services
    )
    prove = ProveAccount(environment.account, names.deploy_role(environment.name, environment.account))
    return Plan(environment, release.release_id, (prove, *stacks, *smoke(environment, services, names)))


def smoke(environment: Environment, services: tuple[Service, ...], names: Names) -> tuple[SmokeTest, ...]:
    """Return every smoke test of the services, in their order."""
    return tuple(
        SmokeTest(service.name, names.service_stack(environment.name, service.name), event)
        for service in services
        for event in service.smoke
    )


def check_stack(stack: str, environment: Environment, status: str | None) -> None:
    """Refuse a stack that cannot be deployed to; raises BusyError or StackError with what to do about it."""
    if status in _EMPTY or status in _READY:
        return
    where = f"deploying to {stack} in account {environment.account}, {environment.region}"
    if status is not None and status.endswith("_IN_PROGRESS"):
        raise BusyError(where, f"the stack is {status}: another deployment is changing it", "try again when it is done")
    cures = {
        "ROLLBACK_COMPLETE": "its first creation failed, so it holds nothing: delete the stack, then deploy again",
        "UPDATE_ROLLBACK_FAILED": "continue its rollback in the CloudFormation console, then deploy again",
        "UPDATE_FAILED": "roll it back in the CloudFormation console, then deploy again",
    }
    raise StackError(where, f"the stack is {status}", cures.get(str(status), "delete the stack, then deploy again"))


def check_parameters(
    service: str, wanted: tuple[tuple[str, str], ...], declared: frozenset[str], environment: str
) -> None:
    """Refuse a parameter that a service's template does not declare; raises ConfigError."""
    for name, _ in wanted:
        if name not in declared:
            raise ConfigError(
                f"setting the parameter {name} of {service} in {environment}",
                f"its template declares: {', '.join(sorted(declared)) or 'none'}",
            )


def _deploy_stack(
    environment: Environment,
    release: Release,
    build: ServiceBuild,
    now: RunningService,
    names: Names,
    declared: frozenset[str],
) -> DeployStack:
    check_stack(now.stack, environment, now.status)
    wanted = environment.parameters_of(build.name)
    check_parameters(build.name, wanted, declared, environment.name)
    ours = {
        "Environment": environment.name,
        "PermissionsBoundary": names.boundary(environment.name, environment.account),
    }
    parameters = tuple(sorted(({k: v for k, v in ours.items() if k in declared} | dict(wanted)).items()))
    settings = canonical.hash_of([parameters, sorted(environment.tags)])[:16]
    tags = {
        **dict(environment.tags),
        RELEASE_TAG: release.release_id,
        COMMIT_TAG: release.commit.sha + ("-dirty" if release.commit.dirty else ""),
        TEMPLATE_TAG: build.template_sha256,
        SETTINGS_TAG: settings,
    }
    change, reason = _change(release, build, now, settings)
    return DeployStack(build.name, now.stack, change, reason, build, parameters, tuple(sorted(tags.items())))


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


def require_services(release: Release, services: tuple[Service, ...]) -> None:
    """Refuse a release that lacks one of the services; raises ConfigError."""
    for service in services:
        try:
            release.build_of(service.name)
        except LockstepError as error:
            held = ", ".join(build.name for build in release.services)
            raise ConfigError(
                f"deploying {service.name} from release {release.release_id[:12]}",
                f"it holds: {held}",
                "name the services to deploy with --service, or invoke release",
            ) from error
