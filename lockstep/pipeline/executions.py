"""What is known of an execution of the pipeline, kept below .lockstep/pipeline/ as JSON, so that an approval can wait.

Each execution has a folder of its id: record.json, the pipeline's definition at its start, and the actions' logs.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lockstep.errors import BusyError
from lockstep.pipeline_ports import Revision

IN_PROGRESS, SUCCEEDED, FAILED, WAITING, STOPPED = "InProgress", "Succeeded", "Failed", "Waiting", "Stopped"
# The pipeline was changed before the execution was done.
CANCELLED = "Cancelled"
_RECORD, _DEFINITION = "record.json", "definition.json"


@dataclass
class ActionRun:
    """One action of a run: how it ended, in how many seconds, where its log is, what it gave on."""

    name: str
    provider: str
    status: str = IN_PROGRESS
    seconds: float = 0.0
    summary: str = ""
    build: str = ""
    log: str = ""
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class StageRun:
    """One stage of a run."""

    name: str
    status: str = IN_PROGRESS
    seconds: float = 0.0
    actions: list[ActionRun] = field(default_factory=list)

    def action(self, name: str, provider: str) -> ActionRun:
        """Return the run of an action, a new one where there is none yet."""
        for one in self.actions:
            if one.name == name:
                return one
        self.actions.append(ActionRun(name, provider))
        return self.actions[-1]


@dataclass
class Execution:
    """A run of the pipeline. `variables` are by namespace; `artifacts` are the keys of the bucket, by their names.

    `unset` has, by `namespace.NAME`, where a buildspec exports a variable that nothing set.
    """

    id: str
    pipeline: str
    started: str
    revision: Revision
    status: str = IN_PROGRESS
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    unset: dict[str, str] = field(default_factory=dict)
    stages: list[StageRun] = field(default_factory=list)

    def stage(self, name: str) -> StageRun:
        """Return the run of a stage, a new one where there is none yet."""
        for one in self.stages:
            if one.name == name:
                return one
        self.stages.append(StageRun(name))
        return self.stages[-1]

    @property
    def waits_in(self) -> str:
        """The stage in which it waits for approval; empty where it does not."""
        return next((one.name for one in self.stages if one.status == WAITING), "")

    @property
    def failed_in(self) -> str:
        """The stage that failed; empty where none did."""
        return next((one.name for one in self.stages if one.status == FAILED), "")

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        found = asdict(self)
        return {"execution": found.pop("id"), "pipeline": found.pop("pipeline"), "status": found.pop("status"), **found}


def of_document(document: Mapping[str, Any]) -> Execution:
    """Return the execution of a document that `document` gave."""
    stages = [
        StageRun(one["name"], one["status"], one["seconds"], [ActionRun(**each) for each in one["actions"]])
        for one in document["stages"]
    ]
    rest = {name: document[name] for name in ("pipeline", "started", "status", "variables", "artifacts")}
    # Earlier versions kept no such thing.
    rest["unset"] = document.get("unset", {})
    return Execution(id=document["execution"], revision=Revision(**document["revision"]), stages=stages, **rest)


@dataclass(frozen=True)
class Executions:
    """The executions that this working tree has had, each in a folder of its own."""

    folder: Path

    def place(self, execution: str) -> Path:
        """Return the folder of an execution."""
        return self.folder / execution

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs of this working tree out, as a queue does; raises BusyError where one is under way."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                answer = "another run of this working tree is under way"
                raise BusyError("running the pipeline", answer, "wait until it ends") from None
            yield

    def begin(self, execution: Execution, definition: Mapping[str, Any]) -> None:
        """Keep a new execution, and the pipeline as it is at its start."""
        place = self.place(execution.id)
        place.mkdir(parents=True)
        (place / _DEFINITION).write_text(json.dumps(definition, indent=2, default=str), encoding="utf-8")
        self.keep(execution)

    def keep(self, execution: Execution) -> None:
        """Keep how an execution stands; who reads meanwhile reads the old record or the new one, whole."""
        file = self.place(execution.id) / _RECORD
        new = file.with_suffix(".new")
        new.write_text(json.dumps(execution.document(), indent=2), encoding="utf-8")
        new.replace(file)

    def definition(self, execution: str) -> Any:  # noqa: ANN401 - any JSON
        """Return the pipeline as it was when an execution began."""
        return json.loads((self.place(execution) / _DEFINITION).read_text(encoding="utf-8"))

    def waiting(self, pipeline: str) -> Execution | None:
        """Return the execution of a pipeline that waits for approval, the first one; None where none does."""
        records = [json.loads(file.read_text(encoding="utf-8")) for file in self.folder.glob(f"*/{_RECORD}")]
        found = [of_document(one) for one in records if one["pipeline"] == pipeline and one["status"] == WAITING]
        return min(found, key=lambda one: one.started, default=None)
