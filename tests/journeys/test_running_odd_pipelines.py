"""invoke pipeline.run where a pipeline is less usual: buildspecs of its own, several artifacts, interruptions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lockstep.testing import (
    FakeAgent,
    FakeMachinery,
    a_build_action,
    a_buildspec,
    a_pipeline,
    a_project,
    a_stage,
    an_approval,
)
from tests.journeys.terminal import Outside

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

FILES = ("buildspecs/make.yml", "buildspecs/use.yml")


def deploy(terminal: Terminal, *stages: Any) -> Terminal:  # noqa: ANN401 - any JSON
    """Deploy a pipeline of these stages and of the projects make and use."""
    terminal.workshop.pipeline = a_pipeline(*stages)
    terminal.workshop.projects = [a_project("make"), a_project("use")]
    terminal.workshop.source = {
        name: a_buildspec(f"echo {name}") for name in ("buildspecs/make.yml", "buildspecs/use.yml")
    }
    return terminal


def record(terminal: Terminal) -> Any:  # noqa: ANN401 - any JSON
    """The one record that there is."""
    (file,) = (terminal.root / ".lockstep" / "pipeline").glob("*/record.json")
    return json.loads(file.read_text())


def overridden(buildspec: str) -> Any:  # noqa: ANN401 - any JSON
    """An action with a buildspec of its own."""
    return a_build_action("Make", configuration={"ProjectName": "shop-make", "BuildspecOverride": buildspec})


def test_a_buildspec_in_the_pipeline(terminal: Terminal) -> None:
    """An action's own buildspec goes before its project's; it may stand in the pipeline itself."""
    spec = json.dumps({"version": 0.2, "phases": {"build": {"commands": ["echo in place"]}}}, indent=1)
    deploy(terminal, a_stage("Make", overridden(spec)))

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 0
    assert "in place" in seen.out


def test_a_buildspec_of_another_name(terminal: Terminal) -> None:
    """An action may name another file of the source."""
    deploy(terminal, a_stage("Make", overridden("buildspecs/use.yml")))

    assert "echo buildspecs/use.yml" in terminal.invoke("pipeline.run").out


def test_a_buildspec_that_is_elsewhere(terminal: Terminal) -> None:
    """A buildspec in a bucket is refused before anything runs."""
    deploy(terminal, a_stage("Make", overridden("arn:aws:s3:::bucket/spec.yml")))

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 2
    assert "the local runner takes a file of the source" in seen.err


def test_a_project_without_a_buildspec(terminal: Terminal) -> None:
    """A project that names no buildspec has buildspec.yml."""
    deploy(terminal, a_stage("Make", a_build_action("Make")))
    terminal.workshop.projects[0] = a_project("make", source={"type": "CODEPIPELINE"})
    terminal.workshop.source["buildspec.yml"] = a_buildspec("echo the usual one")

    assert "the usual one" in terminal.invoke("pipeline.run").out


def test_several_artifacts(terminal: Terminal) -> None:
    """Of several outputs each is the secondary artifact of its name."""
    make = a_build_action("Make", outputArtifacts=[{"name": "One"}, {"name": "Two"}])
    use = a_build_action(
        "Use", inputArtifacts=[{"name": name} for name in ("Source", "One", "Two")],
        configuration={"ProjectName": "shop-use", "PrimarySource": "Source"},
    )  # fmt: skip
    deploy(terminal, a_stage("Make", make), a_stage("Use", use))
    both = {name: {"files": [name]} for name in ("One", "Two")}
    terminal.workshop.source["buildspecs/make.yml"] = a_buildspec(
        "echo first > One", "echo second > Two", artifacts={"files": ["One"], "secondary-artifacts": both}
    )
    terminal.workshop.source["buildspecs/use.yml"] = a_buildspec(
        "cat $CODEBUILD_SRC_DIR_One/One $CODEBUILD_SRC_DIR_Two/Two"
    )

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 0, seen.out
    assert [line for line in ("  first", "  second") if line in seen.out.splitlines()] == ["  first", "  second"]


def test_an_approval_after_a_build(terminal: Terminal) -> None:
    """In a stage that builds and then asks, what was built before the question is not built again after it."""
    ask = an_approval() | {"runOrder": 2}
    deploy(terminal, a_stage("Make", a_build_action("Make"), ask, a_build_action("Use", runOrder=3)))
    waits = terminal.invoke("pipeline.run")

    goes_on = terminal.invoke("pipeline.run", "--approve", "Make")

    assert (waits.code, goes_on.code) == (3, 0)
    assert ("make.yml" in waits.out, "use.yml" in waits.out) == (True, False)
    assert ("make.yml" in goes_on.out, "use.yml" in goes_on.out) == (False, True)


def test_together(terminal: Terminal) -> None:
    """Of actions of one run order all are run, also after one has failed; those of a later order are not."""
    deploy(terminal, a_stage("Make", a_build_action("Make"), a_build_action("Use"), a_build_action("Late", runOrder=2)))
    terminal.workshop.projects.append(a_project("late"))
    terminal.workshop.source["buildspecs/late.yml"] = a_buildspec("echo late")
    terminal.workshop.source["buildspecs/make.yml"] = a_buildspec("false")

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 6
    assert [(one["name"], one["status"]) for one in record(terminal)["stages"][1]["actions"]] == [
        ("Make", "Failed"),
        ("Use", "Succeeded"),
    ]


def test_the_variables_of_the_pipeline(terminal: Terminal) -> None:
    """A variable of the pipeline has its default value."""
    deploy(terminal, a_stage("Make", a_build_action("Make", {"MOOD": "#{variables.mood}"})))
    assert terminal.workshop.pipeline is not None
    terminal.workshop.pipeline["pipeline"]["variables"] = [{"name": "mood", "defaultValue": "good"}]
    terminal.workshop.source["buildspecs/make.yml"] = a_buildspec("echo a $MOOD one")

    assert "a good one" in terminal.invoke("pipeline.run").out


def test_parameters_of_a_buildspec(terminal: Terminal) -> None:
    """Parameters and secrets of a buildspec are read as the project's role, and shown in no log."""
    deploy(terminal, a_stage("Make", a_build_action("Make")))
    terminal.workshop.vault = {"/shop/mood": "hidden-value"}
    terminal.workshop.source["buildspecs/make.yml"] = a_buildspec(
        'test "$MOOD" = hidden-value', "echo $MOOD", env={"parameter-store": {"MOOD": "/shop/mood"}}
    )

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 0
    assert "hidden-value\n" not in seen.out.replace("= hidden-value", "")


class Interrupted(FakeMachinery):
    """Services at whose first role somebody presses Ctrl-C."""

    def become(self, role: str, source: str, session: str) -> FakeAgent:
        """Be interrupted."""
        del role, source, session
        raise KeyboardInterrupt


@dataclass
class Impatient(Outside):
    """An outside that is interrupted."""

    def machinery(self) -> FakeMachinery:
        """Open services that are interrupted."""
        return Interrupted(self.workshop)


@pytest.mark.parametrize("again", [[], ["--until", "Source"]])
def test_an_interruption(terminal: Terminal, again: list[str]) -> None:
    """A run that is interrupted ends with 130 and is recorded as stopped; the next run begins anew."""
    deploy(terminal, a_stage("Make", a_build_action("Make")))
    terminal.outside = Impatient

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 130
    assert record(terminal)["status"] == "Stopped"
    terminal.outside = Outside
    assert terminal.invoke("pipeline.run", *again).code == 0
