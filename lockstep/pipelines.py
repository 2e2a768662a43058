"""The use cases of the pipeline. One for each task; each returns its code."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lockstep import account_report, account_stacks, agreeing, report
from lockstep.account_ports import Administrator
from lockstep.account_stacks import KEY_ARN, AccountStack
from lockstep.agreeing import Job
from lockstep.errors import BusyError, ConfigError, DeployError, did_you_mean
from lockstep.names import Names
from lockstep.pipeline import definition, executions
from lockstep.pipeline.definition import Pipeline
from lockstep.pipeline.executions import Execution, Executions
from lockstep.pipeline.jobs import Around
from lockstep.pipeline.runner import Runner, Wish
from lockstep.pipeline_ports import Machinery
from lockstep.ports import StackState, Wiring
from lockstep.settings import Settings
from lockstep.usecase import say_which, target_of, use_case


@use_case
def deploy(wiring: Wiring, *, yes: bool = False, dry_run: bool = False) -> int:
    """Make or update the stack of the pipeline, as the administrator of tooling."""
    say_which(wiring)
    settings = wiring.settings()
    step = account_stacks.pipeline(settings)
    opened = {step.account: wiring.admin(step.account)}
    job = Job("pipeline.deploy", (_with_key(step, settings, opened[step.account]),), yes=yes, dry_run=dry_run)
    done = agreeing.carry_out(wiring, job, opened, target_of(wiring))
    if done is not None:
        wiring.console.result(
            (account_report.applied_line(done.applied),),
            account_report.applied_document(done.document, done.applied, (), ""),
        )
    return 0


def _with_key(step: AccountStack, settings: Settings, tooling: Administrator) -> AccountStack:
    """Return a stack with the key that bootstrap made; raises ConfigError where it, or a role that builds, is not."""
    names = settings.names
    needed = (
        names.tooling_resources_stack,
        names.tooling_roles_stack,
        *(names.deployer_stack(environment.name) for environment in settings.environments),
    )
    there = {stack: state for stack in needed if (state := tooling.stacks.describe(stack)) and not state.is_hollow}
    if missing := [stack for stack in needed if stack not in there]:
        raise ConfigError("deploying the pipeline", f"not there yet: {', '.join(missing)}", "invoke bootstrap")
    _see_that_somebody_plans(settings, there[names.tooling_roles_stack])
    key = there[names.tooling_resources_stack].outputs[KEY_ARN]
    return replace(step, needs_key=False, parameters={**step.parameters, KEY_ARN: key})


def _see_that_somebody_plans(settings: Settings, roles: StackState) -> None:
    """See that the role that plans for approvals may look where the settings ask for one; raises ConfigError."""
    lacking = {*account_stacks.planned(settings)} - set(roles.parameters.get(account_stacks.PLANNED, "").split(","))
    if lacking:
        answer = f"{settings.names.planner_role} may not become {', '.join(sorted(lacking))} yet"
        raise ConfigError("deploying the pipeline", answer, "invoke bootstrap")


# A person is asked, so the run ends before its end.
WAITING = 3


@dataclass(frozen=True)
class Asked:
    """What `invoke pipeline.run` was given. Without a commit it is the newest one of the branch."""

    until: str = ""
    approve: Collection[str] = ()
    reject: str = ""
    commit: str | None = None
    branch: str | None = None

    @property
    def wish(self) -> Wish:
        """What of it the runner is told."""
        return Wish(self.approve, self.reject, self.until)


@use_case
def run(wiring: Wiring, asked: Asked) -> int:
    """Execute the pipeline that is deployed in the sandbox, or go on with an execution that waits for approval."""
    say_which(wiring)
    kept = Executions(wiring.root / ".lockstep" / "pipeline")
    with kept.alone():
        ended = _run(wiring, asked, kept)
        if ended.status == executions.CANCELLED:
            # RestartExecutionOnUpdate. What was approved was the pipeline as it was before.
            ended = _run(wiring, replace(asked, commit=ended.revision.commit, approve=()), kept)
        if ended.status == executions.CANCELLED:
            answer = "it was changed again by the very commit that changed it before"
            raise DeployError(f"running {ended.pipeline}", answer, "see what of it is new each time it is deployed")
    wiring.console.result(_lines(ended), ended.document())
    if ended.status == executions.WAITING:
        return WAITING
    was_rejected = bool(asked.reject) and ended.failed_in == asked.reject
    return DeployError.exit_code if ended.status == executions.FAILED and not was_rejected else 0


def _run(wiring: Wiring, asked: Asked, kept: Executions) -> Execution:
    """Begin an execution of the pipeline as it is deployed now, or go on with one, and return it as it ended."""
    names, machinery = wiring.settings().names, wiring.machinery()
    document = _document(machinery, names, asked.branch)
    pipeline = definition.read(document)
    around = Around(machinery, wiring.clock, pipeline, names)
    _check(asked, pipeline)
    execution = kept.waiting(pipeline.name)
    if execution is None:
        execution = _begin(wiring, asked, pipeline)
        kept.begin(execution, document)
    else:
        _see_that_it_is_meant(execution, asked, is_same=kept.definition(execution.id) == document)
    wiring.console.say(f"Execution {execution.id} of {pipeline.name}, recorded in {kept.place(execution.id)}")

    def is_current() -> bool:
        return bool(_as_json(machinery.pipeline(pipeline.name)) == document)

    ids = (str(uuid.uuid4()) for _ in itertools.count())
    say = wiring.console.say
    return Runner(around, wiring.repository(), kept, execution, asked.wish, say, ids.__next__, is_current).run()


def _document(machinery: Machinery, names: Names, branch: str | None) -> Any:  # noqa: ANN401 - any JSON
    """Return the pipeline that a push to a branch starts, as a file of it reads; raises ConfigError for none."""
    document = _as_json(machinery.pipeline(names.pipeline_stack))
    released = definition.read(document).source.branch
    if branch in {None, released}:
        return document
    tried = f"running the pipeline for the branch {branch!r}"
    cure = "add it to branches in [pipeline], then invoke pipeline.deploy"
    try:
        document = _as_json(machinery.pipeline(names.branches_pipeline))
    except ConfigError as error:
        raise ConfigError(tried, f"a pipeline is deployed for {released} alone", cure) from error
    triggers = definition.read(document).triggers
    if not any(one.fits(str(branch)) for one in triggers):
        known = ", ".join((released, *(pattern for one in triggers for pattern in one.includes)))
        raise ConfigError(tried, f"pipelines are deployed for {known}", cure)
    return document


def _as_json(document: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return of GetPipeline's answer the pipeline, as a file of it reads; the rest is of the answer, or of its time."""
    return json.loads(json.dumps({"pipeline": document.get("pipeline")}, default=str))


def _check(asked: Asked, pipeline: Pipeline) -> None:
    """See that the stages that were named are there; raises ConfigError."""
    stages, approvals = [stage.name for stage in pipeline.stages], pipeline.approvals()
    given = [("--until", asked.until, stages), ("--reject", asked.reject, approvals)]
    given += [("--approve", name, approvals) for name in asked.approve]
    if asked.reject in asked.approve:
        raise ConfigError(f"deciding on {asked.reject}", "it is approved and rejected at once", "leave one of them out")
    for flag, name, known in given:
        if name and name not in known:
            answer = f"{pipeline.name} has {', '.join(known) or 'none'}"
            raise ConfigError(f"looking for the stage {name} of {flag}", answer, did_you_mean(name, known))


def _begin(wiring: Wiring, asked: Asked, pipeline: Pipeline) -> Execution:
    if asked.reject:
        raise ConfigError(f"rejecting {asked.reject}", "no execution waits for approval", "invoke pipeline.run")
    revision = wiring.repository().revision(asked.commit, asked.branch or pipeline.source.branch)
    new = str(uuid.uuid4())
    variables = {"codepipeline": {"PipelineExecutionId": new}, "variables": dict(pipeline.variables)}
    return Execution(new, pipeline.name, wiring.clock.now(), revision, variables=variables)


def _see_that_it_is_meant(execution: Execution, asked: Asked, *, is_same: bool) -> None:
    """See that a person decided on the execution that waits; raises BusyError, or ConfigError, where none did."""
    stage, tried = execution.waits_in, f"going on with execution {execution.id}, which waits in {execution.waits_in}"
    decide = f"invoke pipeline.run --approve {stage}, or --reject {stage}"
    if stage not in {*asked.approve, asked.reject}:
        raise BusyError(f"running {execution.pipeline}", f"execution {execution.id} waits in {stage}", decide)
    if asked.commit or asked.branch:
        raise ConfigError(tried, "it has its commit already", decide)
    if not is_same and stage != asked.reject:
        cure = f"invoke pipeline.run --reject {stage}, then run it anew"
        raise ConfigError(tried, "the pipeline was deployed anew since it began", cure)


def _lines(execution: Execution) -> tuple[str, ...]:
    rows = [
        (stage.name, action.name, action.status, f"{action.seconds:.1f}", action.log)
        for stage in execution.stages
        for action in stage.actions
    ]
    said = f"Execution {execution.id}: {execution.status}"
    return (*report.table(("STAGE", "ACTION", "STATUS", "SECONDS", "LOG"), rows), said)
