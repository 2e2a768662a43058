"""Finds out, before anything is changed, what a plan would do to each stack. Leaves every stack as it is.

A stack that is there is asked of CloudFormation, by a change set. One that is not gets none, since CloudFormation
would make an empty stack to hold it: what it would have is read from its template.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from lockstep import intrinsics, making, stateful, transform
from lockstep.errors import ConfigError, GateError
from lockstep.intrinsics import Stack
from lockstep.model import Change, DeployStack, Environment, Plan, ResourceChange, RunningService
from lockstep.names import COMMIT_TAG, SETTINGS_TAG
from lockstep.ports import Say, StackState, StackUpdate, Store, Target
from lockstep.preview_report import ImageChange, StackPlan, ValueChange, said, value_changes
from lockstep.template import Template

_SECRET = "****"  # noqa: S105 - what CloudFormation says instead of a secret


def of_plan(
    steps: Plan, running: Iterable[RunningService], store: Store, target: Target, say: Say
) -> tuple[StackPlan, ...]:
    """Return what would become of each stack that the plan changes.

    Raises StackError for one that CloudFormation cannot plan, GateError for a template that was altered.
    """
    before = {now.name: now for now in running}
    changing = (step for step in steps.deployments if step.change is not Change.NONE)
    return tuple(_of_step(step, steps.environment, before[step.service], store, target, say) for step in changing)


def check(previews: Iterable[StackPlan], environment: Environment, *, allow_replace: bool) -> None:
    """Refuse to replace or remove what holds data where the environment is protected; raises GateError naming it."""
    found = [
        f"{said(change)} {change.logical_id} ({change.kind}) of {plan.stack}"
        for plan in previews
        for change in plan.resources
        if stateful.gives_up_data(change)
    ]
    if environment.protect and found and not allow_replace:
        raise GateError(
            f"deploying to {environment.name}, which is protected",
            f"its data would go, or might: {'; '.join(found)}",
            "keep what is named as it is, or save its data and repeat with --allow-replace",
        )


def _of_step(
    step: DeployStack, environment: Environment, now: RunningService, store: Store, target: Target, say: Say
) -> StackPlan:
    content = making.read_template(store, step.build)
    template = json.loads(content)
    state = None
    if step.change is Change.CREATE:
        update = _creation(step, environment, template, say)
    else:
        say(f"{step.service}: asking CloudFormation what would change in {step.stack}")
        update = target.change_sets.preview(step.stack, content, dict(step.parameters), dict(step.tags))
        state = target.stacks.describe(step.stack)
    old = state or StackState("", {}, {})
    tags = value_changes(old.tags, dict(step.tags))
    return StackPlan(
        service=step.service,
        stack=step.stack,
        change=step.change,
        resources=update.resources,
        images=_images(step, now),
        parameters=_parameters(step, old, template, {one.name for one in tags}),
        tags=tags,
    )


def _creation(step: DeployStack, environment: Environment, template: Template, say: Say) -> StackUpdate:
    """Return what a new stack would have, as far as SAM here can translate its template."""
    where = Stack(step.stack, environment.account, environment.region, dict(step.parameters))
    try:
        plain = transform.plain(template, where.parameters, where.region, f"services/{step.service}/template.yaml")
    except ConfigError as error:
        say(f"{step.service}: what {step.stack} would have was not looked at: {error.answer}")
        return StackUpdate()
    where = replace(where, parameters=intrinsics.split_lists(plain, where.parameters))
    made = intrinsics.resources(plain, where)
    added = tuple(ResourceChange("add", logical_id, body["Type"]) for logical_id, body in made.items())
    return StackUpdate(added, {}, plain)


def _images(step: DeployStack, now: RunningService) -> tuple[ImageChange, ...]:
    old, commit = dict(now.images), dict(step.tags).get(COMMIT_TAG)
    return tuple(
        ImageChange(name, old.get(name), now.commit, ref.digest, commit)
        for name, ref in step.build.images
        if old.get(name) != ref.digest
    )


def _parameters(
    step: DeployStack, old: StackState, template: Template, changed: Collection[str]
) -> tuple[ValueChange, ...]:
    """Return which parameters change. Of a secret nobody can tell: it may have changed where any parameter did."""
    declared = template.get("Parameters") or {}
    secrets = {name for name, body in declared.items() if str((body or {}).get("NoEcho")).lower() == "true"}

    def masked(values: Mapping[str, str]) -> dict[str, str]:
        return {name: _SECRET if name in secrets else value for name, value in values.items()}

    new = dict(step.parameters)
    found = value_changes(masked(old.parameters), masked(new))
    if SETTINGS_TAG not in changed:
        return found
    told = {one.name for one in found}
    kept = sorted(secrets & {*new} - told)
    return tuple(sorted((*found, *(ValueChange(name, _SECRET, _SECRET) for name in kept)), key=lambda one: one.name))
