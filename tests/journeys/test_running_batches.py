"""invoke pipeline.run where an action is a batch: its builds in order, each for itself, and what a failed one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockstep import account_stacks, template
from lockstep.testing import (
    CODECOMMIT,
    SETTINGS,
    TOOLING,
    a_build_action,
    a_buildspec,
    a_pipeline,
    a_project,
    a_stage,
    some_settings,
)
from tests.journeys.piped import record, stages

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

CONFIGURED = {"buildBatchConfig": {"serviceRole": f"arn:aws:iam::{TOOLING}:role/shop-batch"}}


def a_build(name: str, *after: str, **variables: str) -> dict[str, Any]:
    """Return a build of a batch with its buildspec of make.yml."""
    more = {"depend-on": list(after)} if after else {}
    return {"identifier": name, "buildspec": "buildspecs/make.yml", "env": {"variables": variables}, **more}


def deploy(terminal: Terminal, *builds: dict[str, Any], **batch: Any) -> Terminal:  # noqa: ANN401 - any JSON
    """Deploy a pipeline: a stage Make with a batch of builds, then a single build that joins them."""
    # With line breaks, by which a buildspec that is written out is told from a path.
    graph = json.dumps({"version": 0.2, "batch": {**batch, "build-graph": list(builds)}}, indent=1)
    variables = json.dumps([{"name": "COMMIT", "value": "#{SourceVariables.CommitId}", "type": "PLAINTEXT"}])
    many = {
        "ProjectName": "shop-make",
        "BatchEnabled": "true",
        "BuildspecOverride": graph,
        "EnvironmentVariables": variables,
    }
    terminal.workshop.pipeline = a_pipeline(
        a_stage(
            "Make",
            a_build_action("Parts", configuration=many, namespace=""),
            a_build_action("Join", runOrder=2),
        )
    )
    terminal.workshop.projects = [a_project("make", **CONFIGURED), a_project("join")]
    terminal.workshop.source = {
        "buildspecs/make.yml": a_buildspec(
            "echo I am $CODEBUILD_BATCH_BUILD_IDENTIFIER: $PART of $COMMIT", 'test "$PART" != broken'
        ),
        "buildspecs/join.yml": a_buildspec("echo joined${CODEBUILD_BATCH_BUILD_IDENTIFIER}"),
    }
    return terminal


def deploy_shards(terminal: Terminal, shards: int) -> Terminal:
    """Deploy the Release stage that is rendered for so many machines; no shard 3 can be made."""
    settings = some_settings(f"{SETTINGS}{CODECOMMIT}shards = {shards}\n")
    wanted = account_stacks.pipeline(settings)
    text = (Path(__file__).parents[2] / "infra" / wanted.template).read_text(encoding="utf-8")
    made = account_stacks.rendered(template.read(text, wanted.template), wanted)["Resources"]
    (actions,) = (one["Actions"] for one in made["Pipeline"]["Properties"]["Stages"] if one["Name"] == "Release")
    terminal.workshop.pipeline = a_pipeline(
        a_stage(
            "Release",
            *(
                a_build_action(
                    one["Name"],
                    runOrder=one["RunOrder"],
                    namespace=one.get("Namespace", ""),
                    configuration={**one["Configuration"], "ProjectName": "shop-build"},
                )
                for one in actions
            ),
        )
    )
    source = {"type": "CODEPIPELINE", "buildspec": "buildspecs/release.yml"}
    terminal.workshop.projects = [a_project("build", source=source, **CONFIGURED)]
    terminal.workshop.source = {
        "buildspecs/shard.yml": a_buildspec(
            'test "$LOCKSTEP_SHARD" != 3/3', "echo shard $LOCKSTEP_SHARD of $LOCKSTEP_COMMIT on $LOCKSTEP_BRANCH"
        ),
        "buildspecs/release.yml": a_buildspec("export LOCKSTEP_RELEASE=r1", exported=["LOCKSTEP_RELEASE"]),
    }
    return terminal


def log(terminal: Terminal, name: str) -> str:
    """What stands in one log of the one execution."""
    (file,) = (terminal.root / ".lockstep" / "pipeline").glob(f"*/{name}.log")
    return file.read_text()


def said(terminal: Terminal) -> list[str]:
    """What the log of the batch says of each build in the end."""
    return [line for line in log(terminal, "Make.Parts").splitlines() if ": shop-make:" not in line]


def test_each_build_has_its_own(terminal: Terminal) -> None:
    """Each build has its variables, the action's, its identifier, an id and a log; what follows is no part of it."""
    deploy(terminal, a_build("one", PART="1/2"), a_build("two", PART="2/2"))

    seen = terminal.invoke("pipeline.run")

    assert (seen.code, seen.err) == (0, ""), seen.out
    for name, part in (("one", "1/2"), ("two", "2/2")):
        assert f"I am {name}: {part} of {'c' * 40}\n" in log(terminal, f"Make.Parts.{name}")
    assert "joined\n" in log(terminal, "Make.Join")
    assert said(terminal) == ["build one: succeeded", "build two: succeeded"]
    parts, join = record(terminal)["stages"][1]["actions"]
    assert (parts["status"], parts["variables"], join["status"]) == ("Succeeded", {}, "Succeeded")
    assert parts["log"] == str(Path(parts["log"]).parent / "Make.Parts.log")
    ids = [line.split()[-1] for line in log(terminal, "Make.Parts").splitlines() if "shop-make:" in line]
    assert len({parts["build"], join["build"], *ids}) == 4


def test_each_build_does_it_as_its_project(terminal: Terminal) -> None:
    """The batch's role is taken to start the builds, and each build reads the source as the project's own role."""
    deploy(terminal, a_build("one"), a_build("two"))

    terminal.invoke("pipeline.run")

    reads = ["shop-make for project/shop-make", "shop-make reads shop-artifacts/shop-pipeline/Source"]
    assert [call for call in terminal.workshop.calls if "join" not in call and "shop-pipeline " not in call] == [
        *reads, "shop-batch for project/shop-make", *reads, *reads,
    ]  # fmt: skip


def test_builds_that_wait(terminal: Terminal) -> None:
    """A build runs behind those that it depends on, wherever it stands."""
    deploy(terminal, a_build("last", "one", "two"), a_build("two", "one"), a_build("one"))

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 0
    assert said(terminal) == ["build one: succeeded", "build two: succeeded", "build last: succeeded"]


def test_a_build_that_fails(terminal: Terminal) -> None:
    """A build that fails fails the action with 6: what depends on it is not run, the others are, nothing joins them."""
    deploy(terminal, a_build("one", PART="broken"), a_build("late", "one"), a_build("later", "late"), a_build("two"))

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 6
    assert stages(record(terminal)) == {"Source": "Succeeded", "Make": "Failed"}
    (parts,) = record(terminal)["stages"][1]["actions"]
    assert "one: error: building shop-make:" in parts["summary"]
    assert "late: not run, since one did not succeed" in parts["summary"]
    assert said(terminal)[0].startswith("build one: error: building shop-make:")
    assert said(terminal)[1:] == [
        "build late: not run, since one did not succeed",
        "build later: not run, since late did not succeed",
        "build two: succeeded",
    ]
    assert "Phase complete: BUILD State: FAILED" in log(terminal, "Make.Parts.one")


def test_failing_fast(terminal: Terminal) -> None:
    """With fast-fail none is begun after one has failed."""
    deploy(terminal, a_build("one", PART="broken"), a_build("two"), **{"fast-fail": True})

    assert terminal.invoke("pipeline.run").code == 6
    assert said(terminal)[1:] == ["build two: not run, since one did not succeed"]


@pytest.mark.parametrize("role", ["shop-batch", "shop-make"])
def test_a_role_that_does_not_trust(terminal: Terminal, role: str) -> None:
    """Without the trust of the role that starts builds, or of the project's own, no build is run."""
    deploy(terminal, a_build("one"))
    terminal.workshop.distrusts = {role}

    assert terminal.invoke("pipeline.run").code == 6
    assert "AccessDenied" in record(terminal)["stages"][1]["actions"][0]["summary"]
    assert list((terminal.root / ".lockstep" / "pipeline").glob("*/Make.Parts.one.log")) == []


def test_a_batch_in_a_file(terminal: Terminal) -> None:
    """The graph may stand in a file of the source, as the project's own buildspec does."""
    deploy(terminal)
    assert terminal.workshop.pipeline is not None
    action = terminal.workshop.pipeline["pipeline"]["stages"][1]["actions"][0]
    action["configuration"]["BuildspecOverride"] = "buildspecs/graph.yml"
    graph = {"version": 0.2, "batch": {"build-graph": [a_build("one", PART="1")]}}
    terminal.workshop.source["buildspecs/graph.yml"] = json.dumps(graph)

    assert "I am one: 1" in terminal.invoke("pipeline.run").out


@pytest.mark.parametrize(
    ("builds", "config", "answer"),
    [
        ([a_build("one")], {}, "shop-make: the project has no batch configuration"),
        (
            [a_build("one"), a_build("two")],
            {"buildBatchConfig": {"serviceRole": "arn", "restrictions": {"maximumBuildsAllowed": 1}}},
            "it has 2 builds, of which shop-make allows 1",
        ),
        ([a_build("one", "two")], CONFIGURED, "there is no build 'two' in this batch"),
        ([a_build("one") | {"buildspec": "buildspecs/mkae.yml"}], CONFIGURED, "the source has no such file"),
        ([a_build("one") | {"buildspec": "buildspecs/odd.yml"}], CONFIGURED, "buildspecs/odd.yml:1: cannot use batch"),
        ([a_build("one", COMMIT="x")], CONFIGURED, "COMMIT has a value from elsewhere too: AWS does not document"),
        ([a_build("one", OF_PROJECT="x")], CONFIGURED, "OF_PROJECT has a value from elsewhere too"),
        (
            [a_build("one", OF_FILE="x") | {"buildspec": "buildspecs/file.yml"}], CONFIGURED,
            "OF_FILE has a value from elsewhere too",
        ),
    ],
)  # fmt: skip
def test_a_batch_that_is_refused(
    terminal: Terminal, builds: list[dict[str, Any]], config: dict[str, Any], answer: str
) -> None:
    """A batch that CodeBuild would refuse or does not document ends the run with 2 before its first stage."""
    deploy(terminal, *builds)
    project = a_project("make", **config)
    project["environment"] |= {"environmentVariables": [{"name": "OF_PROJECT", "value": "1"}]}
    terminal.workshop.projects[0] = project
    terminal.workshop.source |= {
        "buildspecs/odd.yml": json.dumps({"version": 0.2, "batch": {}, "phases": {"build": {"commands": ["true"]}}}),
        "buildspecs/file.yml": a_buildspec("true", env={"variables": {"OF_FILE": "1"}}),
    }

    seen = terminal.invoke("pipeline.run")

    assert (seen.code, terminal.workshop.calls) == (2, [])
    assert answer in seen.err
    assert record(terminal)["status"] == "Stopped"


def test_a_batch_that_is_none(terminal: Terminal) -> None:
    """A graph where a single build is meant is refused by file, line and key, as CodeBuild runs no batch of it."""
    deploy(terminal, a_build("one"))
    assert terminal.workshop.pipeline is not None
    terminal.workshop.pipeline["pipeline"]["stages"][1]["actions"][0]["configuration"]["BatchEnabled"] = "false"

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 2
    assert "the buildspec of Parts:3: cannot use batch" in seen.err


def test_a_release_of_two_machines(terminal: Terminal) -> None:
    """The Release stage of two machines runs each shard with the commit, then the release, whose id it hands on."""
    deploy_shards(terminal, 2)

    seen = terminal.invoke("pipeline.run")

    assert (seen.code, seen.err) == (0, "")
    for number in (1, 2):
        assert f"shard {number}/2 of {'c' * 40} on main\n" in log(terminal, f"Release.Shards.shard{number}")
    assert record(terminal)["variables"]["Release"] == {"LOCKSTEP_RELEASE": "r1"}
    assert [(one["name"], one["status"]) for one in record(terminal)["stages"][1]["actions"]] == [
        ("Shards", "Succeeded"), ("Release", "Succeeded"),
    ]  # fmt: skip


def test_a_shard_that_fails(terminal: Terminal) -> None:
    """Where a shard fails no release is made of the others: the stage fails with 6, and they are there for the next."""
    deploy_shards(terminal, 3)

    seen = terminal.invoke("pipeline.run")

    assert seen.code == 6
    (batch,) = record(terminal)["stages"][1]["actions"]
    assert (batch["name"], batch["status"]) == ("Shards", "Failed")
    assert batch["summary"].count("shard") == 1
    assert "shard 2/3" in log(terminal, "Release.Shards.shard2")
