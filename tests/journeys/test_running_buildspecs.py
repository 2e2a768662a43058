"""Running one buildspec: `buildspec.run`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from lockstep.errors import IdentityError
from lockstep.testing import a_buildspec
from tests.adapters import wheels
from tests.adapters.building import names
from tests.journeys.terminal import text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

AT = "[Container] 2026/01/01 00:00:00.000000 "
OK = "Phase context status code:  Message: "
GOOD = """\
version: 0.2
env:
  exported-variables: [SAID]
phases:
  build:
    commands:
      - SAID="$GIVEN"
      - touch out
artifacts:
  files: [out]
  secondary-artifacts:
    more: {files: [out]}
"""
BAD = "version: 0.2\nphases: {build: {commands: [exit 3]}}\nartifacts: {files: [b.yml]}\n"


def write(terminal: Terminal, content: str) -> None:
    """Write a buildspec into the working tree."""
    (terminal.root / "b.yml").write_text(content)


def test_a_build_that_succeeds(terminal: Terminal) -> None:
    """A buildspec is run with what is set, in a copy of the tree; its exports are shown and its artifacts kept."""
    write(terminal, GOOD)

    seen = terminal.invoke("buildspec.run", "b.yml", "--set", "GIVEN=it's $(touch ran)", "--set", "OTHER=")

    lines = seen.out.splitlines()
    assert (seen.code, seen.err, lines[0], lines[1]) == (0, "", "AWS: a fake one", f"{AT}YAML location is b.yml")
    assert lines[-4:] == [
        "b.yml: SUCCEEDED",
        '  SAID="it\'s $(touch ran)"',
        "  artifact primary: .lockstep/builds/b/primary.zip",
        "  artifact more: .lockstep/builds/b/secondary/more.zip",
    ]
    assert names(terminal.root / ".lockstep/builds/b/secondary/more.zip") == ["out"]
    assert not (terminal.root / "out").exists()


def test_what_a_build_installs(terminal: Terminal) -> None:
    """What a build installs is seen by its later commands, and neither by whoever started it nor by the next build."""
    file = wheels.wheel(terminal.root, "2.0")
    see = 'python -c "import tiny; print(tiny.VERSION)"'
    write(terminal, a_buildspec(f"pip install --quiet --no-deps --no-index {file.name}", see))
    installed = terminal.invoke("buildspec.run", "b.yml")
    write(terminal, a_buildspec(see))

    seen = terminal.invoke("buildspec.run", "b.yml")

    assert (installed.code, "\n2.0\n" in installed.out) == (0, True)
    assert (seen.code, "No module named 'tiny'" in seen.out) == (6, True)
    assert importlib.util.find_spec("tiny") is None


def test_a_build_that_fails(terminal: Terminal) -> None:
    """A command that fails in BUILD: POST_BUILD still runs, artifacts are kept, and the run ends with exit code 6."""
    write(terminal, BAD)

    seen = terminal.invoke("buildspec.run", "b.yml")

    message = "Error while executing command: exit 3. Reason: exit status 3"
    assert seen.code == 6
    assert seen.err == text(
        "error: running b.yml: BUILD failed", f"  answer: {message}", "  next: the log above says more"
    )
    assert [line.removeprefix(AT) for line in seen.out.splitlines()][-15:] == [
        "Running command exit 3",
        "Command did not exit successfully exit 3 exit status 3",
        "Phase complete: BUILD State: FAILED",
        f"Phase context status code: COMMAND_EXECUTION_ERROR Message: {message}",
        "Entering phase POST_BUILD",
        "Phase complete: POST_BUILD State: SUCCEEDED",
        OK,
        "Expanding base directory path: .",
        "Expanding file paths for base directory .",
        "Expanding b.yml",
        "Found 1 file(s)",
        "Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED",
        OK,
        "b.yml: FAILED",
        "  artifact primary: .lockstep/builds/b/primary.zip",
    ]


def test_a_build_as_json(terminal: Terminal) -> None:
    """With --json the outcome is one document on stdout, also of a build that fails, and the log is on stderr."""
    write(terminal, "version: 0.2\nphases: {install: {commands: [exit 1]}}")

    seen = terminal.invoke("buildspec.run", "b.yml", "--json")

    message = "Error while executing command: exit 1. Reason: exit status 1"
    assert seen.code == 6
    assert seen.document == {
        "file": "b.yml",
        "state": "FAILED",
        "phases": [
            {"name": "DOWNLOAD_SOURCE", "state": "SUCCEEDED", "seconds": 0.0, "code": "", "message": ""},
            {"name": "INSTALL", "state": "FAILED", "seconds": 1.0, "code": "COMMAND_EXECUTION_ERROR",
             "message": message},
        ],
        "exported": {},
        "artifacts": {},
    }  # fmt: skip
    assert seen.err.startswith(f"AWS: a fake one\n{AT}YAML location is b.yml\n")


def test_what_a_build_knows(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build knows what CodeBuild and the pipeline say, has a home of its own, and sees nothing of the caller."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "HOME"):
        monkeypatch.setenv(name, "planted")
    write(terminal, "version: 0.2\nphases: {build: {commands: [env, ls -A ~]}}")

    seen = terminal.invoke("buildspec.run", "b.yml")

    known = dict(line.split("=", 1) for line in seen.out.splitlines() if "=" in line and not line.startswith("["))
    assert "planted" not in seen.out
    assert known["HOME"].endswith("/home")
    assert known["CODEBUILD_BUILD_ID"].startswith("shop-local:")
    assert {name: known[name] for name in ("AWS_REGION", "LOCKSTEP_COMMIT", "LOCKSTEP_BRANCH", "LOCKSTEP_CONFIG")} == {
        "AWS_REGION": "eu-west-1",
        "LOCKSTEP_COMMIT": terminal.commit.sha,
        "LOCKSTEP_BRANCH": terminal.commit.branch,
        "LOCKSTEP_CONFIG": "infra/environments.toml",
    }


def test_a_parameter(terminal: Terminal) -> None:
    """A parameter comes from the tooling account, and its value is not shown by a command that prints it."""
    terminal.world.vault["/shop/a"] = "sesame"
    write(terminal, "version: 0.2\nenv: {parameter-store: {A: /shop/a}}\nphases: {build: {commands: [echo open $A]}}")

    seen = terminal.invoke("buildspec.run", "b.yml")

    assert seen.code == 0
    assert "open ***" in seen.out.splitlines()
    assert "sesame" not in seen.out


def test_a_parameter_for_nobody(terminal: Terminal) -> None:
    """Who cannot open the tooling account runs no buildspec that wants a parameter, but one that wants none."""
    terminal.world.fails["identity"] = IdentityError("opening the tooling account", "it is expired", "sign in again")
    write(terminal, "version: 0.2\nenv: {parameter-store: {A: /shop/a}}\nphases: {build: {commands: [echo $A]}}")
    refused = terminal.invoke("buildspec.run", "b.yml")
    write(terminal, "version: 0.2\nphases: {build: {commands: [echo ran]}}")

    assert (refused.code, refused.out) == (3, text("AWS: a fake one"))
    assert terminal.invoke("buildspec.run", "b.yml").code == 0


@pytest.mark.parametrize(
    ("content", "argv", "told"),
    [
        ("version: 0.2\nphases: {}\nbatch: {}", ("b.yml",), "b.yml:3: cannot use batch"),
        ("version: 0.2\nenv: {parameter-store: {A: /no}}\nphases: {build: {commands: [a]}}", ("b.yml",), "reading /no"),
        (BAD, ("b.yml", "--set", "CODEBUILD_CI=1"), "setting the variable CODEBUILD_CI"),
        (BAD, ("none.yml",), "reading none.yml"),
        (BAD, ("../b.yml",), "reading ../b.yml"),
        ("\udcff", ("b.yml",), "reading b.yml"),
    ],
)
def test_what_is_refused(terminal: Terminal, content: str, argv: tuple[str, ...], told: str) -> None:
    """A file that is wrong or missing, and a variable that nobody may set, end with 2 before any command runs."""
    (terminal.root / "b.yml").write_bytes(content.encode(errors="surrogateescape"))

    seen = terminal.invoke("buildspec.run", *argv)

    assert (seen.code, seen.out) == (2, text("AWS: a fake one"))
    assert seen.err.splitlines()[0] == f"error: {told}"


def test_artifacts_of_the_run_before(terminal: Terminal) -> None:
    """A run takes away the artifacts of the run before, so that none is mistaken for its own."""
    write(terminal, GOOD)
    terminal.invoke("buildspec.run", "b.yml")
    write(terminal, "version: 0.2\nphases: {build: {commands: ['true']}}")

    terminal.invoke("buildspec.run", "b.yml")

    assert not (terminal.root / ".lockstep/builds/b").exists()
