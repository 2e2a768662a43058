"""Carries out a batch: its builds one after the other, each a build of its own, in an order that its graph allows.

What CodeBuild does is in https://docs.aws.amazon.com/codebuild/latest/userguide/batch-build.html. It runs builds at the
same time; which of them go on where one fails is the same here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from lockstep.errors import ConfigError, DeployError, LockstepError
from lockstep.pipeline import action_variables, batch
from lockstep.pipeline.batch import Batch, Entry
from lockstep.pipeline.definition import Action
from lockstep.pipeline.definition import Build as BuildWork
from lockstep.pipeline.jobs import Done, Job, buildspec_of, written
from lockstep.pipeline.projects import Project
from lockstep.ports import Say

_NO_BATCHES = "the project has no batch configuration, without which CodeBuild starts no batch"
_ORDER = "AWS does not document which of the two goes before"


@dataclass(frozen=True)
class Started:
    """A build that begins: its id, and where its log goes."""

    id: str
    say: Say


def batch_of(action: Action, project: Project, source: bytes) -> Batch:
    """Return the batch of an action, after each of its buildspecs was judged.

    Raises ConfigError for what CodeBuild would refuse or does not document, DeployError where a file is missing.
    """
    if project.batches is None:
        raise ConfigError(f"reading the batch of {action.name}", f"{project.name}: {_NO_BATCHES}", "see its template")
    found, most = batch.parse(*written(action, project, source)), project.batches.most
    if 0 < most < len(found.entries):
        answer = f"it has {len(found.entries)} builds, of which {project.name} allows {most}"
        raise ConfigError(f"reading the batch of {action.name}", answer, "see maximumBuildsAllowed")
    for entry in found.entries:
        spec = buildspec_of(action, project, source, entry)
        given = {*_set_elsewhere(action, project), *spec.variables, *spec.parameters, *spec.secrets}
        if twice := sorted(given & entry.variables.keys()):
            raise found.refused(entry, f"{twice[0]} has a value from elsewhere too: {_ORDER}", "give it another name")
    return found


def _set_elsewhere(action: Action, project: Project) -> Iterator[str]:
    """Give the names of the variables that an action and its project set."""
    assert isinstance(action.work, BuildWork)  # noqa: S101 - only such actions have a batch
    of_action = action_variables.of_text(action.work.variables, f"the action {action.name}")
    yield from (one.name for one in (*project.variables, *of_action))


@dataclass(frozen=True)
class BatchJob:
    """The batch of one CodeBuild action. `whole` is the action as one build: the batch itself, which has a log too.

    `begin` opens the log of one of its builds and gives it an id.
    """

    whole: Job
    begin: Callable[[Entry], AbstractContextManager[Started]]

    def run(self) -> Done:
        """Run its builds; raises DeployError where one fails, and whatever else stops it before the first of them."""
        job = self.whole
        found = batch_of(job.action, job.project, job.fetch(job.primary))
        self._see_trust()
        # Which did not succeed, and why.
        lost: dict[str, str] = {}
        for entry in found.entries:
            waits = [name for name in entry.after if name in lost]
            if waits or (lost and found.fast_fail):
                lost[entry.identifier] = f"not run, since {(waits or list(lost))[0]} did not succeed"
            elif fault := self._run(entry):
                lost[entry.identifier] = fault
            job.say(f"build {entry.identifier}: {lost.get(entry.identifier, 'succeeded')}")
        if lost:
            told = "; ".join(f"{name}: {why}" for name, why in lost.items())
            raise DeployError(f"building the batch {job.id}", told, "read the log of each")
        return Done({}, {})

    def _see_trust(self) -> None:
        """Take the role that starts the builds, as CodeBuild does; raises IdentityError where it is not trusted."""
        project = self.whole.project
        if project.batches:
            session = f"AWSCodeBuild-{self.whole.id.rpartition(':')[2]}"
            self.whole.around.machinery.become(project.batches.role, project.arn, session)

    def _run(self, entry: Entry) -> str:
        """Run one build; return why it failed, nothing where it did not."""
        try:
            with self.begin(entry) as started:
                self.whole.say(f"build {entry.identifier}: {started.id}")
                replace(self.whole, id=started.id, say=started.say, entry=entry).run()
        except LockstepError as error:
            return "; ".join(str(error).splitlines())
        return ""
