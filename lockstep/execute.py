"""Carries a plan out: stack by stack, then the smoke tests.

Stops at the first failure, and says what was not started.
"""

from __future__ import annotations

from lockstep import making, plan, smoke
from lockstep.errors import DeployError, IdentityError, LockstepError
from lockstep.model import (
    Change,
    DeployStack,
    Outcome,
    Plan,
    ProveAccount,
    Result,
    RunningService,
    ServiceOutcome,
    SmokeOutcome,
    SmokeTest,
    StackName,
    Step,
)
from lockstep.names import RELEASE_TAG, SETTINGS_TAG, TEMPLATE_TAG
from lockstep.ports import Clock, Say, Store, Target

_RESULTS = {Change.CREATE: Result.CREATED, Change.UPDATE: Result.UPDATED, Change.NONE: Result.UNCHANGED}


def run(steps: Plan, target: Target, store: Store, clock: Clock, say: Say) -> Outcome:
    """Carry out `steps` and return what came of each. A failed step ends the run; later ones are not started."""
    done: list[ServiceOutcome] = []
    tested: list[SmokeOutcome] = []
    for index, step in enumerate(steps.steps):
        rest = steps.steps[index + 1 :]
        if isinstance(step, ProveAccount):
            _prove(step, target)
        elif isinstance(step, DeployStack):
            done.append(_deploy(step, steps, target, store, clock, say))
            if done[-1].error is not None:
                return Outcome(steps, tuple(done), tuple(tested), _not_started(rest))
        else:
            tested.append(smoke_test(step, target, say))
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
        template_sha256=state.tags.get(TEMPLATE_TAG),  # type: ignore[arg-type]
        images=images,
        settings_hash=state.tags.get(SETTINGS_TAG),
    )


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
        return SmokeOutcome(step.service, step.event.name, passed=False, difference=f"{error.tried}: {error.answer}")
    found = smoke.difference(step.event.expect, answer)
    return SmokeOutcome(step.service, step.event.name, passed=not found, difference=found)


def _prove(step: ProveAccount, target: Target) -> None:
    if f":{step.account}:" not in target.caller:
        raise IdentityError(f"deploying to account {step.account}", f"the caller is {target.caller}", "invoke doctor")


def _not_started(rest: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(step for step in rest if not isinstance(step, ProveAccount))


def _deploy(step: DeployStack, steps: Plan, target: Target, store: Store, clock: Clock, say: Say) -> ServiceOutcome:
    began = clock.seconds()
    try:
        if step.change is not Change.NONE:
            say(f"{step.service}: {step.change} {step.stack} in {steps.environment.name} ({step.reason})")
            _bring(step, making.read_template(store, step.build), target, say)
            _verify(step, target)
    except LockstepError as error:
        return ServiceOutcome(step.service, Result.FAILED, clock.seconds() - began, error)
    return ServiceOutcome(step.service, _RESULTS[step.change], clock.seconds() - began)


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
