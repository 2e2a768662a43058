"""What can be said of a pipeline without running it: commands, files, variables and who sets them. Pure.

Each claim takes the pipeline as it is deployed and the texts of the source, and returns what is wrong with them; a
test gives it the real ones and a changed copy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from lockstep.pipeline import batch, buildspec
from lockstep.pipeline.buildspec import Buildspec
from lockstep.pipeline.substitution import names as variables_in

INSTALL = "pip install --quiet --no-deps --require-hashes -r requirements/run.txt"
# The assignments, one in each of two files: a child cannot set its parent's variables.
EXPORTS = {
    "release.yml": 'export LOCKSTEP_RELEASE="$(invoke release --id)"',
    "plan.yml": (
        'export LOCKSTEP_PLAN="$(invoke plan --env "$LOCKSTEP_ENVIRONMENT" --release "$LOCKSTEP_RELEASE" --brief)"'
    ),
}
TASK = re.compile(r'invoke ([a-z][\w.]*)((?: --[a-z-]+(?: "\$LOCKSTEP_[A-Z]+")?)*)')
JUDGE = re.compile(r"nox -s( \w+)+")
NAMED = re.compile(r"(?:[\w.-]+/)+[\w.-]+\.(?:ya?ml|toml|txt|json)")
# What both providers of sources give: their variables of the same name.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
SOURCE = {"AuthorDate", "BranchName", "CommitId", "CommitMessage"}
OWN = {("codepipeline", "PipelineExecutionId")}
# Which tasks read what of the environment, by what the library's wiring, settings and git rooms ask for.
READ_BY_TASKS = {
    "LOCKSTEP_CONFIG": {"deploy", "integration", "pipeline.deploy", "plan", "release", "smoke"},
    "LOCKSTEP_EXECUTION": {"deploy", "smoke"},
    "LOCKSTEP_COMMIT": {"release"},
    "LOCKSTEP_BRANCH": {"release"},
}


@dataclass(frozen=True)
class Job:
    """A build: where its action stands, its buildspec's file, what is set for it, the texts of project and action.

    A batch is a build for each of its entries.
    """

    where: str
    file: str
    given: frozenset[str]
    namespace: str
    text: str


@dataclass(frozen=True)
class Shipped:
    """What ships: the rendered resources, each buildspec by its path, which other files exist, and which pipeline."""

    resources: Mapping[str, Any]
    buildspecs: Mapping[str, str]
    files: frozenset[str]
    pipeline: str = "Pipeline"

    def spec(self, file: str) -> Buildspec:
        """Return a buildspec as the interpreter reads it."""
        return buildspec.parse(self.buildspecs[file], file)

    def actions(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Give every action with its stage, in the order in which they run, each branch of a condition for itself."""
        for stage in self.resources[self.pipeline]["Properties"]["Stages"]:
            found = [one for action in stage["Actions"] for one in _branches(action)]
            for action in sorted(found, key=lambda one: int(one["RunOrder"])):
                yield f"{stage['Name']}.{action['Name']}", action

    def jobs(self) -> Iterator[Job]:
        """Give every build of a CodeBuild action."""
        for where, action in self.actions():
            if action["ActionTypeId"]["Provider"] == "CodeBuild":
                configuration = action["Configuration"]
                project = self.resources[configuration["ProjectName"]["Ref"]]["Properties"]
                of_action = json.loads(configuration.get("EnvironmentVariables", "[]"))
                of_project = project["Environment"]["EnvironmentVariables"]
                given = {*(one["name"] for one in of_action), *(one["Name"] for one in of_project)}
                for place, file, more in _builds(where, configuration, project):
                    yield Job(
                        where=place,
                        file=file,
                        given=frozenset(given | more),
                        namespace=action.get("Namespace", ""),
                        text=repr((action, project)),
                    )


def _builds(
    where: str, configuration: Mapping[str, Any], project: Mapping[str, Any]
) -> Iterator[tuple[str, str, set[str]]]:
    """Give where each build of an action stands, its buildspec's file, and what its batch sets for it."""
    named = configuration.get("BuildspecOverride", project["Source"]["BuildSpec"])
    if configuration.get("BatchEnabled") != "true":
        yield where, named, set()
        return
    for entry in batch.parse(named, where).entries:
        yield f"{where}.{entry.identifier}", entry.buildspec, set(entry.variables)


def commands(text: str) -> tuple[str, ...]:
    """Return every command of a buildspec, in order."""
    phases = yaml.safe_load(text)["phases"].values()
    return tuple(one for phase in phases for one in (*phase.get("commands", ()), *phase.get("finally", ())))


def disallowed(file: str, found: tuple[str, ...], flags: Mapping[str, set[str]]) -> list[str]:
    """Return the commands that are no task with flags of its own, nor a line that its file may hold beside tasks."""
    name = file.rpartition("/")[2]
    beside = {INSTALL, EXPORTS.get(name, INSTALL)}

    def is_allowed(command: str) -> bool:
        if command in beside or (name == "verify.yml" and JUDGE.fullmatch(command)):
            return True
        task = TASK.fullmatch(command)
        return task is not None and set(re.findall(r"--([a-z-]+)", task[2])) <= flags.get(task[1], set())

    return [command for command in found if not is_allowed(command)]


def missing_files(shipped: Shipped) -> list[tuple[str, str]]:
    """Return where an action, its project or its buildspec names a file that does not exist."""
    wrong = []
    for job in shipped.jobs():
        text = job.text + shipped.buildspecs.get(job.file, "")
        named = {job.file, *NAMED.findall(text)}
        wrong += [(job.where, file) for file in sorted(named) if file not in shipped.files and "*" not in file]
    return wrong


def without_producer(shipped: Shipped) -> list[tuple[str, str]]:
    """Return every `#{namespace.NAME}` that nothing gives before it is read, with the action that reads it."""
    given, wrong = set(OWN), []
    files = {job.where: job.file for job in shipped.jobs()}
    for where, action in shipped.actions():
        read = variables_in(json.dumps(action["Configuration"]))
        wrong += [(where, f"#{{{space}.{name}}}") for space, name in read if (space, name) not in given]
        if action["ActionTypeId"]["Category"] == "Source":
            given |= {(action["Namespace"], name) for name in SOURCE}
        elif where in files and "Namespace" in action:
            given |= {(action["Namespace"], name) for name in _exported(shipped, files[where])}
    return wrong


def _exported(shipped: Shipped, file: str) -> set[str]:
    """Return what a buildspec exports and does set; a name that it exports and sets nowhere has no value."""
    spec = shipped.spec(file)
    text = "\n".join(commands(shipped.buildspecs[file]))
    is_set = {*re.findall(r"^export (\w+)=", text, re.MULTILINE), *spec.variables}
    return set(spec.exported) & is_set


def unset_variables(shipped: Shipped) -> list[tuple[str, str]]:
    """Return every variable that a job's commands or its tasks read, and that nothing sets for it."""
    wrong = []
    for job in shipped.jobs():
        found = commands(shipped.buildspecs[job.file])
        tasks = {task for command in found for task in re.findall(r"\binvoke ([a-z][\w.]*)", command)}
        read = set(re.findall(r"\$\{?(LOCKSTEP_\w+)", "\n".join(found)))
        read |= {name for name, readers in READ_BY_TASKS.items() if readers & tasks}
        wrong += [(job.where, name) for name in sorted(read - job.given - set(shipped.spec(job.file).variables))]
    return wrong


def _branches(action: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return an action, or both of those between which a condition chooses."""
    return list(action["Fn::If"][1:]) if "Fn::If" in action else [action]
