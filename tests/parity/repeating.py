"""Runs one action of an execution again, as it is deployed or changed: the same interpreter, role, keys and source.

What is changed is changed in what CodePipeline and CodeBuild answer, before the runner's own job gets to see it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lockstep.errors import LockstepError
from lockstep.pipeline import definition, executions
from lockstep.pipeline.jobs import Around, Job
from lockstep.wiring import RealWiring

if TYPE_CHECKING:
    from lockstep.pipeline_ports import Machinery
    from tests.e2e.conftest import Place

STAGE, ACTION, PROJECT = "Deploy-test", "Deploy", "lockstep-deploy-test"


@dataclass(frozen=True)
class _Changed:
    """The machinery, with another answer about projects."""

    machinery: Machinery
    told: list[dict[str, Any]]

    def projects(self, _names: Sequence[str]) -> list[dict[str, Any]]:
        """The projects, as they were changed."""
        return self.told

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the machinery has
        """Whatever else the machinery does."""
        return getattr(self.machinery, name)


def as_it_is(_action: dict[str, Any], _project: dict[str, Any]) -> None:
    """Change nothing."""


def run_again(place: Place, change: Callable[[dict[str, Any], dict[str, Any]], None] = as_it_is) -> list[str]:
    """Run the action that deploys to test again, with what `change` does to it and its project; return its log."""
    wiring = RealWiring(place.folder, environ=dict(place.env))
    machinery, names = wiring.machinery(), wiring.settings().names
    document = json.loads(json.dumps({"pipeline": machinery.pipeline(names.pipeline_stack)["pipeline"]}, default=str))
    stage = next(one for one in document["pipeline"]["stages"] if one["name"] == STAGE)
    deployed = json.loads(json.dumps(machinery.projects([PROJECT]), default=str))
    change(next(one for one in stage["actions"] if one["name"] == ACTION), deployed[0])

    pipeline = definition.read(document)
    action = next(one for one in _stage(pipeline, STAGE).actions if one.name == ACTION)
    around = Around(cast("Machinery", _Changed(machinery, deployed)), wiring.clock, pipeline, names)
    execution = _last(place)
    given = (execution.variables, execution.artifacts, execution.revision.commit)
    log: list[str] = []
    try:
        Job(around, action, f"{PROJECT}:{uuid.uuid4()}", *given, log.append).run()
    except LockstepError as error:
        log.append(str(error))
    return log


def _stage(pipeline: definition.Pipeline, name: str) -> definition.Stage:
    return next(one for one in pipeline.stages if one.name == name)


def _last(place: Place) -> executions.Execution:
    (record,) = (place.folder / ".lockstep" / "pipeline").glob("*/record.json")
    return executions.of_document(json.loads(record.read_text(encoding="utf-8")))


def with_command(place: Place, old: str, new: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """Return a change that gives the action its own buildspec with another command in it."""
    text = (place.folder / "buildspecs" / "deploy.yml").read_text(encoding="utf-8")
    assert old in text

    def change(action: dict[str, Any], _project: dict[str, Any]) -> None:
        action["configuration"]["BuildspecOverride"] = text.replace(old, new)

    return change


def with_variable(name: str, value: str | None) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """Return a change that sets a variable of the project, or with None takes it away."""

    def change(_action: dict[str, Any], project: dict[str, Any]) -> None:
        kept = [one for one in project["environment"]["environmentVariables"] if one["name"] != name]
        assert len(kept) < len(project["environment"]["environmentVariables"])
        added = [] if value is None else [{"name": name, "value": value, "type": "PLAINTEXT"}]
        project["environment"]["environmentVariables"] = [*kept, *added]

    return change
