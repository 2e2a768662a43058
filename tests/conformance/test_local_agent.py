"""The script that runs the buildspecs by AWS's local agent: how it reads a log, and what it asks of Docker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import cases, local_agent
from tests.conformance.cases import Case, Outcome
from tests.conformance.local_agent import Agent
from tests.journeys.terminal import Terminal

BUILD_FAILS = next(case for case in cases.cases() if case.name == "finally")
# Prints what it was asked for into a file, and on its output the log of a build.
DOCKER = """#!/bin/sh
printf '%s\\n' "$@" > "{0}/asked"
cat "{0}/log"
"""


@pytest.mark.parametrize("before", ["", "agent_1  | ", "agent-1 | "])
def test_a_log_is_read(terminal: Terminal, before: str) -> None:
    """The log of one of our builds tells its phases and what was said, also with the name of a container before it."""
    (terminal.root / "buildspec.yml").write_text(BUILD_FAILS.file.read_text())
    log = terminal.invoke("buildspec.run", "buildspec.yml").out

    found = cases.outcome(f"{before}{line}\r\n" for line in log.splitlines())

    assert found == Outcome("INSTALL PRE_BUILD BUILD! POST_BUILD UPLOAD_ARTIFACTS", ("always",))
    assert found.is_that_of(BUILD_FAILS)


def test_a_source_that_fails() -> None:
    """Of the source's own phase a log tells only where it has failed."""
    line = "[Container] 2030/01/01 00:00:00 Phase complete: DOWNLOAD_SOURCE State: {}"

    assert cases.outcome([line.format("FAILED")]).phases == "DOWNLOAD_SOURCE!"
    assert cases.outcome([line.format("SUCCEEDED"), "nothing else"]) == Outcome("", ())


def test_what_docker_is_asked() -> None:
    """The agent gets the socket, both images and the folders; no other image is named, and nothing of AWS."""
    argv = Agent("the-agent", "the-image", "/my.sock").argv(Path("/source"), Path("/artifacts"))

    assert argv == (
        "docker", "run", "--rm", "--volume", "/my.sock:/var/run/docker.sock",
        "--env", "IMAGE_NAME=the-image", "--env", "ARTIFACTS=/artifacts", "--env", "SOURCE=/source",
        "--env", "LOCAL_AGENT_IMAGE_NAME=the-agent", "--env", "INITIATOR=conformance", "the-agent",
    )  # fmt: skip


@pytest.mark.parametrize(("state", "code"), [("FAILED", 0), ("SUCCEEDED", 1)])
def test_a_comparison(tmp_path: Path, state: str, code: int) -> None:
    """What the agent's log tells is compared with the table; where it differs both are shown, and the code is 1."""
    phases = {"INSTALL": "SUCCEEDED", "PRE_BUILD": "SUCCEEDED", "BUILD": state, "POST_BUILD": "SUCCEEDED"}
    lines = [
        f"agent_1  | [Container] 2030/01/01 00:00:00 Phase complete: {name} State: {value}"
        for name, value in (phases | {"UPLOAD_ARTIFACTS": "SUCCEEDED"}).items()
    ]
    (tmp_path / "log").write_text("\n".join(("Attaching to agent_1", *lines, "agent_1  | says always", "")))
    (tmp_path / "docker").write_text(DOCKER.format(tmp_path))
    (tmp_path / "docker").chmod(0o755)
    said: list[str] = []

    ended = local_agent.main(["the-agent", "the-image", "--only", "finally"], {"PATH": f"{tmp_path}:/bin"}, said.append)

    asked = (tmp_path / "asked").read_text().splitlines()
    assert (ended, asked[:2], asked[-1]) == (code, ["run", "--rm"], "the-agent")
    if not code:
        assert said == [f"same   finally: {BUILD_FAILS.phases}", "all are the same"]
    else:
        assert said[1:] == [
            f"       expected {BUILD_FAILS.phases} ['always']",
            "       found    INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS ['always']",
            "1 of 1 differ",
        ]


def test_a_case_that_says_nothing() -> None:
    """Where the table says nothing of what is said, only the phases count."""
    case = Case("a", "a", "BUILD", "b")

    assert Outcome("BUILD", ("x",)).is_that_of(case)
    assert not Outcome("BUILD!", ()).is_that_of(case)
