"""Wiring: what it takes of the machine itself: tools, engine, environment, signals and time."""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path

import pytest

from lockstep import process
from lockstep.console import Console
from lockstep.testing import SETTINGS
from lockstep.wiring import RealClock, RealWiring, end_on_termination, read_environment
from tests.adapters import fake_engine
from tests.adapters.outside import SANDBOX

pytestmark = pytest.mark.usefixtures("alone")


def wiring(root: Path, **environ: str) -> RealWiring:
    """Return the wiring of a tree, on a machine without an engine."""
    return RealWiring(root, environ={"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nowhere.sock", **environ})


def versions(wire: RealWiring) -> dict[str, str | None]:
    """Return each tool's version."""
    return {name: version for name, version, _ in wire.tools()}


def write(root: Path, file: str, text: str) -> Path:
    """Write a file of the working tree, and return the tree."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)
    return root


def test_the_tools(tmp_path: Path) -> None:
    """Each tool is told with its version; one that is missing has none, and says how to get it."""
    with fake_engine.running() as engine:
        found = versions(wiring(tmp_path, DOCKER_HOST=engine.host))

    git = process.run(("git", "--version"), {"PATH": os.environ["PATH"]}).output.split()[2]
    assert found == {
        "python": sys.version.split()[0],
        "invoke": metadata.version("invoke"),
        "boto3": metadata.version("boto3"),
        "docker": metadata.version("docker"),
        "aws-sam-cli": metadata.version("aws-sam-cli"),
        "git": git,
        "docker engine": "20.10.24",
    }


def test_tools_that_are_missing(tmp_path: Path) -> None:
    """A machine without git and engine is told what to do for each."""
    found = {name: (version, cure) for name, version, cure in wiring(tmp_path, PATH="/nowhere").tools()}

    assert found["git"] == (None, "install git")
    assert found["docker engine"] == (None, "start Docker, or invoke sandbox.start")


def test_the_version_of_apples_git(tmp_path: Path) -> None:
    """A version is found within whatever a tool says of itself, and a tool that says nothing counts as missing."""
    write(tmp_path, "bin/git", "#!/bin/sh\necho 'git version 2.39.5 (Apple Git-154)'\n")
    (tmp_path / "bin/git").chmod(0o755)
    apples = versions(wiring(tmp_path, PATH=str(tmp_path / "bin")))
    write(tmp_path, "bin/git", "#!/bin/sh\nexit 1\n")
    silent = versions(wiring(tmp_path, PATH=str(tmp_path / "bin")))

    assert (apples["git"], silent["git"]) == ("2.39.5", None)


def test_the_engine_that_builds(tmp_path: Path) -> None:
    """Images are built with the engine that DOCKER_HOST names, else with the sandbox's own, else with the system's."""
    root = write(tmp_path, "infra/sandbox.toml", SANDBOX)
    with fake_engine.running() as engine:
        write(root, ".lockstep/engine/state.json", json.dumps({"host": engine.host}))
        named = versions(wiring(root))
        own = versions(wiring(root, DOCKER_HOST=""))

    assert (named["docker engine"], own["docker engine"]) == (None, "20.10.24")


@pytest.mark.parametrize("text", [SETTINGS, "broken"])
def test_the_sandboxs_engine_is_the_sandboxs_alone(tmp_path: Path, alone: Path, text: str) -> None:
    """For real accounts nothing is built with the sandbox's engine, which holds its stand-ins; doctor still looks."""
    with fake_engine.running() as own, fake_engine.running() as other:
        root = write(tmp_path, "infra/environments.toml", text)
        write(root, ".lockstep/engine/state.json", json.dumps({"host": own.host}))
        (alone / ".docker/run").mkdir(parents=True)
        (alone / ".docker/run/docker.sock").symlink_to(other.host.removeprefix("unix://"))
        versions(wiring(root, DOCKER_HOST="", HOME=str(alone)))

    assert own.asked == []


def test_an_engine_out_of_reach(tmp_path: Path) -> None:
    """A tool's row says what is supported where DOCKER_HOST names an engine that is out of reach."""
    found = {name: (version, cure) for name, version, cure in wiring(tmp_path, DOCKER_HOST="ssh://me@build").tools()}

    assert found["docker engine"] == (
        None,
        "set DOCKER_HOST to unix:///<path> or tcp://<host>:<port>, or unset it",
    )


def test_this_interpreters_tools_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools that were installed beside this interpreter come before others of the same name."""
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("KEPT", "yes")

    found = read_environment()

    assert found["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert found["KEPT"] == "yes"
    assert os.environ["PATH"] == "/usr/bin"


def test_an_environment_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment has no PATH the system's own is taken."""
    monkeypatch.delenv("PATH")

    assert read_environment()["PATH"] == f"{Path(sys.executable).parent}:{os.defpath}"


def test_no_secret_of_the_environment_is_shown(tmp_path: Path) -> None:
    """The text of a wiring shows nothing of the environment."""
    assert "planted" not in repr(wiring(tmp_path, AWS_SECRET_ACCESS_KEY="planted"))


def test_a_build_that_is_stopped_ends_with_143(capsys: pytest.CaptureFixture[str]) -> None:
    """SIGTERM, which CodeBuild sends when it stops a build, ends the run with 143 and says what goes on."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        end_on_termination()

        with pytest.raises(SystemExit) as caught:
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert caught.value.code == 143
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        "interrupted; where a deployment had begun, it goes on in AWS: see invoke status\n",
    )


def test_the_clock_and_the_console(tmp_path: Path) -> None:
    """Time goes on, the time of day is told in UTC, and words go to the console."""
    clock = RealClock()

    first, second = clock.seconds(), clock.seconds()

    assert first <= second
    assert datetime.fromisoformat(clock.now()).utcoffset() is not None
    assert clock.now().endswith("+00:00")
    assert RealWiring(tmp_path, as_json=True, environ={}).console == Console(as_json=True)
