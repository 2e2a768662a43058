"""invoke pipeline.run: what a build sees and what it hands on; builds are real shells in clean folders."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockstep.testing import a_build_action, a_buildspec, a_project, a_stage, a_trigger
from tests.adapters import wheels
from tests.journeys.piped import COMMIT

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal


def test_nothing_of_the_caller_is_seen(deployed: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys, a profile and a home folder of who runs the pipeline are seen by no build; its own role's keys are."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id = PLANTED\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "DOCKER_HOST", "LOCKSTEP_CONFIG"):
        monkeypatch.setenv(name, "PLANTED")
    monkeypatch.setenv("HOME", str(tmp_path))
    ask = (
        "import json, os, urllib.request as u; r = u.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], "
        "headers={'Authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']}); "
        "print(json.load(u.urlopen(r))['AccessKeyId'])"
    )
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec(
        "env", "ls -a $HOME", "ls -a", f'python -c "{ask}"', "export LOCKSTEP_RELEASE=r1", exported=["LOCKSTEP_RELEASE"]
    )

    seen = deployed.invoke("pipeline.run", "--until", "Release")

    assert seen.code == 0
    assert "PLANTED" not in seen.out
    assert ".aws" not in seen.out
    assert ".git" not in seen.out
    assert "key-of-shop-release" in seen.out


def test_what_a_build_installs(deployed: Terminal) -> None:
    """What one build of a pipeline installs no later one sees, and it is gone with the build."""
    content = base64.b64encode(wheels.wheel(deployed.root, "2.0").read_bytes()).decode()
    see = 'python -c "import sys, tiny; print(tiny.VERSION, sys.prefix)"'
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec(
        f"echo {content} | base64 -d > tiny-2.0-py3-none-any.whl",
        "pip install --quiet --no-deps --no-index tiny-2.0-py3-none-any.whl",
        see,
        "export LOCKSTEP_RELEASE=r1",
        exported=["LOCKSTEP_RELEASE"],
    )
    deployed.workshop.source["buildspecs/deploy.yml"] = a_buildspec(see)

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    (place,) = re.findall(r"^  2\.0 (/.+)$", seen.out, re.MULTILINE)
    assert seen.code == 6
    assert "No module named 'tiny'" in seen.out
    assert not Path(place).exists()


def test_what_codebuild_sets(deployed: Terminal) -> None:
    """A build has CodeBuild's documented variables, and its action's before its project's before its buildspec's."""
    environment = a_project("release")["environment"]
    own = [{"name": name, "value": "project", "type": "PLAINTEXT"} for name in ("LOCKSTEP_COMMIT", "MINE")]
    deployed.workshop.projects[0] = a_project("release", environment=environment | {"environmentVariables": own})
    codebuilds = "$CODEBUILD_INITIATOR ${CODEBUILD_BUILD_ID%:*} $CODEBUILD_RESOLVED_SOURCE_VERSION"
    said = f"echo $LOCKSTEP_COMMIT $MINE $YOURS {codebuilds}"
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec(
        said, 'test "$PWD" = "$CODEBUILD_SRC_DIR"', env={"variables": {"MINE": "spec", "YOURS": "spec"}}
    )

    seen = deployed.invoke("pipeline.run", "--until", "Release")

    assert seen.code == 0, seen.out
    assert f"{COMMIT} project spec codepipeline/shop-pipeline shop-release {COMMIT}" in seen.out


def test_an_engine_only_where_it_is_privileged(deployed: Terminal) -> None:
    """Only a privileged project finds a Docker engine."""
    environment = a_project("release")["environment"] | {"privilegedMode": True}
    deployed.workshop.projects[0] = a_project("release", environment=environment)
    for name in ("release", "deploy"):
        spec = a_buildspec('echo engine "$DOCKER_HOST"', "export LOCKSTEP_RELEASE=r", exported=["LOCKSTEP_RELEASE"])
        deployed.workshop.source[f"buildspecs/{name}.yml"] = spec

    seen = deployed.invoke("pipeline.run", "--approve", "Approve-prod")

    engines = [line.strip() for line in seen.out.splitlines() if line.strip().startswith("engine")]
    assert engines == ["engine unix:///engine", "engine"]


def test_artifacts_go_on(deployed: Terminal) -> None:
    """An action's artifact is in the bucket, and the next action has it in a folder of its own beside the source."""
    assert deployed.workshop.pipeline is not None
    deployed.workshop.pipeline["pipeline"]["stages"][1:] = [
        a_stage("Make", a_build_action("Release", outputArtifacts=[{"name": "Made"}])),
        a_stage(
            "Use",
            a_build_action(
                "Deploy",
                inputArtifacts=[{"name": "Made"}, {"name": "Source"}],
                configuration={"ProjectName": "shop-deploy", "PrimarySource": "Source"},
            ),
        ),
    ]
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec(
        "echo of the build before > it", artifacts={"files": ["it"]}
    )
    deployed.workshop.source["buildspecs/deploy.yml"] = a_buildspec("cat $CODEBUILD_SRC_DIR_Made/it")

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 0, seen.out
    assert "of the build before" in seen.out
    assert "shop-release writes shop-artifacts/shop-pipeline/Made with the-key" in deployed.workshop.calls


def test_an_artifact_that_is_not_made(deployed: Terminal) -> None:
    """An artifact that a pipeline wants and a buildspec does not make fails the action."""
    assert deployed.workshop.pipeline is not None
    deployed.workshop.pipeline["pipeline"]["stages"][1]["actions"][0]["outputArtifacts"] = [{"name": "Made"}]

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 6
    assert "its buildspec makes no such artifact" in seen.out


@pytest.mark.parametrize("hostile", ["$(touch planted)", "`touch planted`", "../../x; touch planted", "a'b", "#{x.y}"])
def test_hostile_words(deployed: Terminal, hostile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch, a commit message or a file with a command in its name runs nothing and breaks nothing."""
    monkeypatch.chdir(tmp_path)
    deployed.workshop.message = hostile + '"\n'
    deployed.workshop.source[f"files/{hostile.replace('/', '')}"] = "x"
    assert deployed.workshop.pipeline is not None
    action = deployed.workshop.pipeline["pipeline"]["stages"][1]["actions"][0]
    action["configuration"] |= a_build_action("Release", {"B": "#{SourceVariables.BranchName}"})["configuration"]
    deployed.workshop.source["buildspecs/release.yml"] = a_buildspec('printf "%s\\n" "branch $B"', "ls")
    branches = {**deployed.workshop.pipeline["pipeline"], "name": "shop-branches", "triggers": [a_trigger("**")]}
    deployed.workshop.others = {"shop-branches": {"pipeline": branches}}

    seen = deployed.invoke("pipeline.run", "--until", "Release", "--branch", hostile)

    assert seen.code == 0, seen.out
    assert f"branch {hostile}" in seen.out
    assert "planted" not in [line.strip() for line in seen.out.splitlines()]
    assert not list(tmp_path.rglob("planted"))


def test_a_value_that_breaks_json(deployed: Terminal) -> None:
    """A quote in a variable of an action breaks it, as in CodePipeline, and cannot add a variable to it."""
    assert deployed.workshop.pipeline is not None
    action = deployed.workshop.pipeline["pipeline"]["stages"][1]["actions"][0]
    action["configuration"] |= a_build_action("Release", {"M": "#{SourceVariables.CommitMessage}"})["configuration"]
    deployed.workshop.message = 'x"},{"name":"LOCKSTEP_RELEASE","value":"evil'

    seen = deployed.invoke("pipeline.run")

    assert seen.code == 6
    assert "CodePipeline does not escape" in seen.out
