"""Finds out, before anything is changed, what a plan would do to each stack. Leaves every stack as it is.

A stack that is there is asked of CloudFormation, by a change set. One that is not gets none, since CloudFormation
would make an empty stack to hold it: what it would have is read from its template.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from lockstep import iam_changes, intrinsics, making, stateful, transform
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

    Raises DeployError for one that CloudFormation cannot plan, GateError for a template that was altered.
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
    secrets = _secrets(template)
    was, now_given = _masked(old.parameters, secrets), _masked(dict(step.parameters), secrets)
    here = Stack(step.stack, environment.account, environment.region)
    return StackPlan(
        service=step.service,
        stack=step.stack,
        change=step.change,
        resources=update.resources,
        images=_images(step, now),
        parameters=_parameters(was, now_given, secrets if _has_new_settings(tags) else set()),
        tags=tags,
        access=iam_changes.compare(
            update.before, replace(here, parameters=was), update.after, replace(here, parameters=now_given)
        ),
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


def _secrets(template: Template) -> set[str]:
    """Return the parameters that a template declares to be kept secret."""
    declared = template.get("Parameters") or {}
    return {name for name, body in declared.items() if str((body or {}).get("NoEcho")).lower() == "true"}


def _masked(values: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    return {name: _SECRET if name in secrets else value for name, value in values.items()}


def _has_new_settings(tags: Iterable[ValueChange]) -> bool:
    return any(one.name == SETTINGS_TAG for one in tags)


def _parameters(old: Mapping[str, str], new: Mapping[str, str], doubtful: Collection[str]) -> tuple[ValueChange, ...]:
    """Return which parameters change, and those of which nobody can tell: secrets, where any setting is new."""
    found = {one.name: one for one in value_changes(old, new)}
    kept = {name: ValueChange(name, _SECRET, _SECRET) for name in doubtful if name in old and name in new}
    return tuple(one for _, one in sorted((kept | found).items()))
