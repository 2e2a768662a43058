"""Carries a plan out: stack by stack, then the smoke tests.

Stops at the first failure, and says what was not started.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from lockstep import making, plan, smoke
from lockstep.errors import DeployError, IdentityError, LockstepError, RegistryError
from lockstep.model import (
    Change,
    DeployStack,
    Environment,
    Outcome,
    Plan,
    ProtectStack,
    ProveAccount,
    Result,
    RunningService,
    ServiceBuild,
    ServiceOutcome,
    SmokeOutcome,
    SmokeTest,
    StackName,
)
from lockstep.names import COMMIT_TAG, RELEASE_TAG, SETTINGS_TAG, TEMPLATE_TAG, Names
from lockstep.ports import Clock, Registry, Releases, Say, Store, Target

Fence = Callable[[], None]
_RESULTS = {Change.CREATE: Result.CREATED, Change.UPDATE: Result.UPDATED, Change.NONE: Result.UNCHANGED}


def run(steps: Plan, target: Target, releases: Releases, clock: Clock, say: Say, fence: Fence) -> Outcome:
    """Carry out `steps` and return what came of each. A failed step ends the run; later ones are not started.

    `fence` is asked before every change of a stack, and raises where the deployment may not go on. Raises
    RegistryError, with nothing deployed, where an image of a stack that will change is not in the registry.
    """
    _ensure_images(steps, releases.registry)
    done: list[ServiceOutcome] = []
    tested: list[SmokeOutcome] = []
    for index, step in enumerate(steps.steps):
        if isinstance(step, ProveAccount):
            _prove(step, target)
        elif isinstance(step, DeployStack):
            done.append(_deploy(step, steps, target, releases.store, clock, say, fence))
        elif isinstance(step, ProtectStack):
            done = [_protect(step, target, say, one, fence) if one.name == step.service else one for one in done]
        else:
            tested.append(smoke_test(step, target, say))
        if any(one.error is not None for one in done):
            return Outcome(steps, tuple(done), tuple(tested), steps.steps[index + 1 :])
    return Outcome(steps, tuple(done), tuple(tested))


def running(service: str, stack: StackName, functions: tuple[str, ...], target: Target) -> RunningService:
    """Ask an account what runs of a service: its stack, its release, the digest of each of `functions`.

    With no functions named, every image function of the stack is told of.
    """
    state = target.stacks.describe(stack)
    if state is None:
        return RunningService(service, stack, None)
    found = {
        name: target.functions.image(state.resources[name]) if name in state.resources else None
        for name in (functions or state.functions)
    }
    images = tuple((name, digest) for name, digest in found.items() if digest is not None or functions)
    return RunningService(
        name=service,
        stack=stack,
        status=state.status,
        release=state.tags.get(RELEASE_TAG),  # type: ignore[arg-type]  # tags are text until they are compared
        template_sha256=state.tags.get(TEMPLATE_TAG),  # type: ignore[arg-type]  # tags are text until they are compared
        images=images,
        settings_hash=state.tags.get(SETTINGS_TAG),
        commit=state.tags.get(COMMIT_TAG),
        changed=state.changed,
        protected=state.protected,
    )


def running_builds(
    builds: tuple[ServiceBuild, ...], environment: Environment, names: Names, target: Target
) -> tuple[RunningService, ...]:
    """Ask an environment's account what runs of the functions that the builds name."""
    return tuple(
        running(
            build.name,
            names.service_stack(environment.name, build.name, environment.branch),
            tuple(name for name, _ in build.images),
            target,
        )
        for build in builds
    )


def all_running(
    services: Collection[str], environment: Environment, names: Names, target: Target
) -> tuple[RunningService, ...]:
    """Ask an environment's account what runs of some services, and leave out those that have no stack there."""
    stacks = ((name, names.service_stack(environment.name, name, environment.branch)) for name in sorted(services))
    found = (running(name, stack, (), target) for name, stack in stacks)
    return tuple(now for now in found if now.status is not None)


def smoke_test(step: SmokeTest, target: Target, say: Say) -> SmokeOutcome:
    """Invoke one function and compare its answer."""
    say(f"{step.service}: smoke test '{step.event.name}'")
    try:
        state = target.stacks.describe(step.stack)
        physical = None if state is None else state.resources.get(step.event.function)
        if physical is None:
            return SmokeOutcome(step.service, step.event.name, passed=False, difference=f"{step.stack} does not run")
        answer = target.functions.invoke(physical, step.event.event)
    except LockstepError as error:
        # Whatever it was, the stacks are deployed by now, and that has to be reported too.
        difference = f"{error.tried}: {error.answer}"
        return SmokeOutcome(step.service, step.event.name, passed=False, difference=difference, error=error)
    found = smoke.difference(step.event.expect, answer)
    return SmokeOutcome(step.service, step.event.name, passed=not found, difference=found)


def _ensure_images(steps: Plan, registry: Registry) -> None:
    for step in steps.steps:
        if isinstance(step, DeployStack) and step.change is not Change.NONE:
            for name, ref in step.build.images:
                if not registry.has(ref):
                    cure = "change a file of the service and release it, or deploy another release"
                    raise RegistryError(f"looking for the image of {name} of {step.service}", f"{ref} is gone", cure)


def _prove(step: ProveAccount, target: Target) -> None:
    if f":{step.account}:" not in target.caller:
        raise IdentityError(f"deploying to account {step.account}", f"the caller is {target.caller}", "invoke doctor")


def _deploy(
    step: DeployStack, steps: Plan, target: Target, store: Store, clock: Clock, say: Say, fence: Fence
) -> ServiceOutcome:
    began = clock.seconds()
    try:
        if step.change is not Change.NONE:
            fence()
            say(f"{step.service}: {step.change} {step.stack} in {steps.environment.name} ({step.reason})")
            _bring(step, making.read_template(store, step.build), target, say)
            _verify(step, target)
    except LockstepError as error:
        return ServiceOutcome(step.service, Result.FAILED, clock.seconds() - began, error)
    return ServiceOutcome(step.service, _RESULTS[step.change], clock.seconds() - began)


def _protect(step: ProtectStack, target: Target, say: Say, deployed: ServiceOutcome, fence: Fence) -> ServiceOutcome:
    """Keep a stack from being deleted, and return how its deployment ended, which failed where this does."""
    say(f"{step.service}: keeping {step.stack} from being deleted")
    try:
        fence()
        target.stacks.protect(step.stack, on=True)
    except LockstepError as error:
        return replace(deployed, result=Result.FAILED, error=error)
    return deployed


def _bring(step: DeployStack, template: bytes, target: Target, say: Say) -> None:
    """Let SAM deploy; where it reports a failure, ask the account, since SAM also gives up on stacks that end well."""
    try:
        target.sam.deploy(step, template, say)
    except DeployError as error:
        now = running(step.service, step.stack, (), target)
        status = now.status or "gone"
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            answer = f"{error.answer} | the stack goes on: {status}"
            raise DeployError(error.tried, answer, "wait, then invoke status") from error
        # The release alone would not do: it may have run before, and its parameters were to change.
        found = {RELEASE_TAG: now.release, TEMPLATE_TAG: now.template_sha256, SETTINGS_TAG: now.settings_hash}
        if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"} or not found.items() <= dict(step.tags).items():
            raise
        say(f"{step.service}: sam reported a failure, but the stack is {status} with this release")


def _verify(step: DeployStack, target: Target) -> None:
    now = running(step.service, step.stack, tuple(name for name, _ in step.build.images), target)
    if wrong := plan.differing_images(step.build, now):
        raise DeployError(
            f"verifying {step.stack} after its deployment",
            f"{', '.join(wrong)} does not run the digest that the release names",
            "invoke status",
        )
