"""invoke pipeline.run where the pipeline updates itself, and for feature branches, which have one of their own."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lockstep.testing import (
    FakeMachinery,
    a_build_action,
    a_buildspec,
    a_pipeline,
    a_project,
    a_stage,
    a_trigger,
    an_approval,
)
from tests.journeys.piped import COMMIT
from tests.journeys.terminal import Outside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.journeys.terminal import Terminal

UPDATE, BUILD = a_stage("UpdatePipeline", a_build_action("Update")), a_stage("Build", a_build_action("Build"))


def records(terminal: Terminal) -> dict[str, Any]:
    """Return every record, by how the execution ended."""
    files = (terminal.root / ".lockstep" / "pipeline").glob("*/record.json")
    return {found["status"]: found for found in (json.loads(file.read_text()) for file in files)}


class Updated(FakeMachinery):
    """Services in which the pipeline has a stage more once its update has run; with `restless` after each update."""

    restless = False

    def pipeline(self, name: str) -> Mapping[str, Any]:
        """The pipeline as it is by now."""
        updates = self.workshop.calls.count("shop-update for project/shop-update")
        found: dict[str, Any] = copy.deepcopy(dict(super().pipeline(name)))
        found["pipeline"]["stages"] += [BUILD] * min(updates, 1)
        found["pipeline"]["version"] = 1 + (updates if self.restless else min(updates, 1))
        return found


class Restless(Updated):
    """Services in which each update changes the pipeline."""

    restless = True


@dataclass
class Updating(Outside):
    """An outside in which the pipeline is updated."""

    def machinery(self) -> FakeMachinery:
        """Open those services."""
        return Updated(self.workshop)


@dataclass
class Endless(Outside):
    """An outside in which the pipeline is updated each time."""

    def machinery(self) -> FakeMachinery:
        """Open those services."""
        return Restless(self.workshop)


@pytest.fixture
def updating(terminal: Terminal) -> Terminal:
    """A terminal with a pipeline that updates itself."""
    terminal.workshop.pipeline = a_pipeline(UPDATE)
    terminal.workshop.projects = [a_project("update"), a_project("build")]
    terminal.workshop.source = {f"buildspecs/{name}.yml": a_buildspec(f"echo {name}") for name in ("update", "build")}
    return terminal


def test_it_begins_anew(updating: Terminal) -> None:
    """Where a stage changed the pipeline, that execution is cancelled, and the same commit goes through the new one."""
    updating.outside = Updating

    seen = updating.invoke("pipeline.run", "--commit", "d" * 40)

    assert seen.code == 0
    assert "The pipeline was changed: CodePipeline cancels an execution of what it was before." in seen.out
    found = records(updating)
    assert [one["name"] for one in found["Cancelled"]["stages"]] == ["Source", "UpdatePipeline"]
    assert [one["name"] for one in found["Succeeded"]["stages"]] == ["Source", "UpdatePipeline", "Build"]
    assert {one["revision"]["commit"] for one in found.values()} == {"d" * 40}


def test_an_approval_of_what_it_was(updating: Terminal) -> None:
    """An approval given beforehand is of the pipeline as it was: after an update somebody is asked again."""
    assert updating.workshop.pipeline is not None
    updating.workshop.pipeline["pipeline"]["stages"].append(a_stage("Approve-prod", an_approval()))
    updating.outside = Updating

    seen = updating.invoke("pipeline.run", "--approve", "Approve-prod")

    assert seen.code == 3
    assert sorted(records(updating)) == ["Cancelled", "Waiting"]


def test_it_never_ends(updating: Terminal) -> None:
    """A pipeline that each update changes ends with 6, and says what to look for."""
    updating.outside = Endless

    seen = updating.invoke("pipeline.run")

    assert seen.code == 6
    assert "it was changed again by the very commit that changed it before" in seen.err


class Reworked(FakeMachinery):
    """Services in which an update changes what a project of a later stage says, and nothing of the pipeline."""

    def projects(self, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """The projects as they are by now."""
        found = copy.deepcopy([*super().projects(names)])
        if "shop-update for project/shop-update" in self.workshop.calls:
            for one in found:
                one["environment"]["environmentVariables"] = [{"name": "V", "value": "new"}]
        return found


@dataclass
class Reworking(Outside):
    """An outside in which projects are updated."""

    def machinery(self) -> FakeMachinery:
        """Open those services."""
        return Reworked(self.workshop)


def test_a_project_that_changed(updating: Terminal) -> None:
    """Where a stage changed a project of a later one and not the pipeline, that is built as the project is by then."""
    assert updating.workshop.pipeline is not None
    updating.workshop.pipeline["pipeline"]["stages"].append(BUILD)
    updating.workshop.source["buildspecs/build.yml"] = a_buildspec('echo "it is ${V-old}"')
    updating.outside = Reworking

    seen = updating.invoke("pipeline.run")

    assert seen.code == 0
    assert "it is new" in seen.out
    assert [*records(updating)] == ["Succeeded"]


def test_nothing_to_update(updating: Terminal) -> None:
    """A pipeline that is as the source says goes on in the same execution."""
    assert updating.workshop.pipeline is not None
    updating.workshop.pipeline["pipeline"]["stages"].append(BUILD)

    seen = updating.invoke("pipeline.run")

    assert seen.code == 0
    assert [*records(updating)] == ["Succeeded"]


@pytest.fixture
def branching(terminal: Terminal) -> Terminal:
    """A terminal with a pipeline that releases main, and one for feature branches."""
    trigger = a_trigger("feature/**", "fix-*", excludes=["feature/main"])
    build = a_stage("Build", a_build_action("Build", {"BRANCH": "#{SourceVariables.BranchName}"}))
    terminal.workshop.pipeline = a_pipeline(BUILD)
    terminal.workshop.others = {"shop-branches": a_pipeline(build, name="shop-branches", triggers=[trigger])}
    terminal.workshop.projects = [a_project("build")]
    terminal.workshop.source = {"buildspecs/build.yml": a_buildspec('echo "of ${BRANCH-nothing}"')}
    return terminal


@pytest.mark.parametrize("branch", ["feature/a", "feature/a/b", "fix-it"])
def test_a_feature_branch(branching: Terminal, branch: str) -> None:
    """A branch that a trigger fits is run by the pipeline that the trigger is of."""
    seen = branching.invoke("pipeline.run", "--branch", branch)

    assert seen.code == 0
    assert f"of {branch}" in seen.out
    (found,) = records(branching).values()
    assert (found["pipeline"], found["revision"]["branch"]) == ("shop-branches", branch)


@pytest.mark.parametrize("given", [[], ["--branch", "main"]])
def test_the_branch_that_is_released(branching: Terminal, given: list[str]) -> None:
    """The branch that is released has its own pipeline, which is also the one that runs without a branch."""
    branching.invoke("pipeline.run", *given)

    (found,) = records(branching).values()
    assert (found["pipeline"], found["revision"]["commit"]) == ("shop-pipeline", COMMIT)


@pytest.mark.parametrize("branch", ["other", "fix-a/b", "feature/main", "a/feature/b"])
def test_a_branch_that_starts_nothing(branching: Terminal, branch: str) -> None:
    """A branch that fits no trigger is refused, with those that do."""
    seen = branching.invoke("pipeline.run", "--branch", branch)

    assert (seen.code, seen.out.count("Stage")) == (2, 0)
    assert "pipelines are deployed for main, feature/**, fix-*" in seen.err


def test_no_pipeline_of_branches(branching: Terminal) -> None:
    """Where only one pipeline is deployed, another branch than its own is refused, with what to set."""
    branching.workshop.others.clear()

    seen = branching.invoke("pipeline.run", "--branch", "feature/a")

    assert seen.code == 2
    assert "a pipeline is deployed for main alone" in seen.err
    assert "add it to branches in [pipeline], then invoke pipeline.deploy" in seen.err


def test_a_trigger_that_is_unknown(branching: Terminal) -> None:
    """A trigger that the runner cannot judge is refused by its name."""
    trigger = a_trigger()
    trigger["gitConfiguration"]["push"] = [{"tags": {"includes": ["v*"]}}]
    branching.workshop.others["shop-branches"] = a_pipeline(BUILD, name="shop-branches", triggers=[trigger])

    seen = branching.invoke("pipeline.run", "--branch", "feature/a")

    assert seen.code == 2
    assert "tags" in seen.err
