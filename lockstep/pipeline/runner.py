"""Executes the pipeline that is deployed in the sandbox: stages in order, actions by their run order.

What CodePipeline does beside that is said and not done: it retries no stage, rolls none back and notifies nobody.
Actions of one run order, and the builds of a batch, run one after the other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from lockstep.errors import ConfigError, DeployError, LockstepError
from lockstep.pipeline import stacks
from lockstep.pipeline.batches import BatchJob, Started, batch_of
from lockstep.pipeline.definition import Action, Approval, Build, Source, Stage
from lockstep.pipeline.executions import (
    CANCELLED,
    FAILED,
    IN_PROGRESS,
    STOPPED,
    SUCCEEDED,
    WAITING,
    ActionRun,
    Execution,
    Executions,
    StageRun,
)
from lockstep.pipeline.jobs import Around, Done, Job, artifact_key, buildspec_of
from lockstep.pipeline.stack_actions import StackAction
from lockstep.pipeline.stacks import StackJob
from lockstep.pipeline.substitution import substitute
from lockstep.pipeline_ports import Repository
from lockstep.ports import Say

_ON_FAILURE = {
    "RETRY": "In AWS CodePipeline would retry this stage; the local runner does not.",
    "ROLLBACK": "In AWS CodePipeline would roll this stage back to its last good execution; the local runner does not.",
}


@dataclass(frozen=True)
class Wish:
    """What a person says of an execution: where it is approved, where rejected, after which stage it shall stop."""

    approved: Collection[str] = ()
    rejected: str = ""
    until: str = ""


@dataclass(frozen=True)
class Runner:
    """Runs one execution on, from where it is, as long as the pipeline `is_current`: deployed as it was read."""

    around: Around
    repository: Repository
    kept: Executions
    execution: Execution
    wish: Wish
    say: Say
    new_id: Callable[[], str]
    is_current: Callable[[], bool]

    def run(self) -> Execution:
        """Run it to its end, to an approval, or to the last stage that is wanted; return it as it is then.

        Raises ConfigError, before the first stage, for a file of the source that CodeBuild would refuse, or we do.
        """
        self.execution.status = IN_PROGRESS
        try:
            self._check()
            self.execution.status = self._stages()
        finally:
            # What was interrupted did not go on: nobody may take it for one that still runs.
            if self.execution.status == IN_PROGRESS:
                self.execution.status = STOPPED
            self.kept.keep(self.execution)
        return self.execution

    def _stages(self) -> str:
        """Run the stages that are left, and return how the execution is then."""
        for stage in self.around.pipeline.stages:
            run = self.execution.stage(stage.name)
            if run.status != SUCCEEDED:
                self._stage(stage, run)
            if run.status != SUCCEEDED:
                return run.status
            if not self.is_current():
                self.say("The pipeline was changed: CodePipeline cancels an execution of what it was before.")
                return CANCELLED
            if stage.name == self.wish.until:
                return STOPPED
        return SUCCEEDED

    def _stage(self, stage: Stage, run: StageRun) -> None:
        self.say(f"Stage {stage.name}")
        run.status = IN_PROGRESS
        with self._timed(run):
            for _, together in groupby(stage.actions, key=lambda action: action.order):
                ended = [self._action(stage, action, run.action(action.name, action.kind)) for action in together]
                if bad := next((status for status in (FAILED, WAITING) if status in ended), ""):
                    run.status = bad
                    break
            else:
                run.status = SUCCEEDED
        self.say(f"Stage {stage.name}: {run.status} after {run.seconds:.1f} s")
        if run.status == FAILED and stage.on_failure:
            self.say(_ON_FAILURE[stage.on_failure.partition(" ")[0]])

    def _action(self, stage: Stage, action: Action, run: ActionRun) -> str:
        """Run an action, unless it was before, and return how it ended."""
        if run.status == SUCCEEDED:
            return run.status
        self.say(f"Action {stage.name}.{action.name} ({action.kind})")
        run.status = IN_PROGRESS
        with self._timed(run):
            try:
                done = self._do(stage, action, run)
            except LockstepError as error:
                run.status, run.summary = FAILED, "; ".join((*str(error).splitlines(), *self._unset(error)))
                self.say(f"Action {stage.name}.{action.name} failed: {run.summary}")
                return run.status
            if done is None:
                run.status = WAITING
                return run.status
            run.status, run.variables = SUCCEEDED, dict(done.variables)
            self.execution.artifacts |= done.artifacts
            if action.namespace:
                self.execution.variables[action.namespace] = dict(done.variables)
                self.execution.unset |= {f"{action.namespace}.{name}": place for name, place in done.unset.items()}
        return run.status

    def _unset(self, error: LockstepError) -> Iterator[str]:
        """Say where the variables that an action failed for are exported, though nothing had set them."""
        for name, place in self.execution.unset.items():
            if f"#{{{name}}}" in error.tried:
                yield f"{place} exports it, and no command set it"

    @contextmanager
    def _timed(self, run: StageRun | ActionRun) -> Iterator[None]:
        """Keep how an action or a stage stands before and after, and count its seconds."""
        clock, begun = self.around.clock, self.around.clock.seconds()
        self.kept.keep(self.execution)
        try:
            yield
        finally:
            run.seconds = round(run.seconds + clock.seconds() - begun, 3)
            self.kept.keep(self.execution)

    def _do(self, stage: Stage, action: Action, run: ActionRun) -> Done | None:
        """Do what an action is for; None where that has to wait for a person."""
        if isinstance(action.work, Source):
            return self._source(action, action.work)
        if isinstance(action.work, Approval):
            return self._approval(stage, action.work)
        if isinstance(action.work, StackAction):
            given = (self.execution.id, self.execution.variables, self.execution.artifacts)
            return StackJob(self.around, action, *given, self.say).run()
        return self._build(stage, action, action.work, run)

    def _source(self, action: Action, work: Source) -> Done:
        pipeline, revision = self.around.pipeline, self.execution.revision
        self.say(
            f"  commit {revision.commit} of {revision.branch}, of this repository, which stands in for {work.name}"
        )
        arn = self.around.pipeline_arn
        agent = self.around.machinery.become(action.role or pipeline.role, arn, self.execution.id)
        artifacts = {name: artifact_key(pipeline.name, name) for name in action.outputs}
        for key in artifacts.values():
            agent.put(pipeline.bucket, key, self._files, pipeline.key)
        variables = {
            "CommitId": revision.commit,
            "BranchName": revision.branch,
            "AuthorDate": revision.date,
            "CommitMessage": revision.message,
        }
        return Done(variables, artifacts)

    def _approval(self, stage: Stage, work: Approval) -> Done | None:
        for text in (work.message, work.link):
            if text:
                self.say(f"  {substitute(text, self.execution.variables)}")
        if work.topic:
            self.say(f"  In AWS it is told to {work.topic}; the local runner tells nobody else.")
        if stage.name in self.wish.approved:
            self.say("  Approved.")
            return Done({}, {})
        if stage.name == self.wish.rejected:
            raise DeployError(f"asking for approval in {stage.name}", "it was rejected", "run the pipeline anew")
        self.say(f"  To go on: invoke pipeline.run --approve {stage.name}")
        self.say(f"  To end it: invoke pipeline.run --reject {stage.name}")
        return None

    def _build(self, stage: Stage, action: Action, work: Build, run: ActionRun) -> Done:
        where = f"{stage.name}.{action.name}"
        run.log = str(self._log_of(where))
        with self._started(work.project, where, "batch" if work.is_batch else "build") as started:
            run.build = started.id
            given = (self.execution.variables, self.execution.artifacts)
            job = Job(self.around, action, run.build, *given, self.execution.revision.commit, started.say)
            if work.is_batch:
                return BatchJob(job, lambda entry: self._started(work.project, f"{where}.{entry.identifier}")).run()
            return job.run()

    def _log_of(self, where: str) -> Path:
        return self.kept.place(self.execution.id) / f"{where}.log"

    @contextmanager
    def _started(self, project: str, where: str, what: str = "build") -> Iterator[Started]:
        """Give a build an id, and a log of its own, which is shown too."""
        new, file = f"{project}:{self.new_id()}", self._log_of(where)
        self.say(f"  {what} {new}, log {file}")
        with file.open("a", encoding="utf-8", errors="replace") as log:

            def say(line: str) -> None:
                log.write(line + "\n")
                log.flush()
                self.say(f"  {line}")

            yield Started(new, say)

    @cached_property
    def _files(self) -> bytes:
        """The files of the commit, as a zip."""
        with tempfile.TemporaryDirectory(prefix="source-") as folder:
            file = Path(folder) / "source.zip"
            self.repository.archive(self.execution.revision.commit, file)
            return file.read_bytes()

    def _check(self) -> None:
        """See that AWS would take each buildspec, and what else is a file of the source; nothing where it has begun."""
        if self.execution.artifacts:
            return
        actions = [action for stage in self.around.pipeline.stages for action in stage.actions]
        for action in actions:
            if action.region not in ("", self.around.names.region):
                answer = f"it is in {action.region}; the local runner runs all in {self.around.names.region}"
                raise ConfigError(f"running the action {action.name}", answer, "take its Region out")
        sources = {name for action in actions if isinstance(action.work, Source) for name in action.outputs}
        for action in actions:
            try:
                self._judge(action, sources)
            except DeployError as error:
                raise ConfigError(error.tried, error.answer, error.cure) from error

    def _judge(self, action: Action, sources: Collection[str]) -> None:
        """Judge what an action takes from the source; raises ConfigError, or DeployError for a file that is missing."""
        if isinstance(action.work, StackAction):
            stacks.check(action.work, sources, lambda: self._files)
        elif isinstance(action.work, Build) and (action.work.primary or action.inputs[0]) in sources:
            judge = batch_of if action.work.is_batch else buildspec_of
            judge(action, self.around.project(action.work.project), self._files)
