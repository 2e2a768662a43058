"""Builds: when a command fails, the log, variables, secrets and odd folders. By the real sh and bash.

Which phases run and what goes on from command to command is in tests/conformance.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lockstep.errors import ConfigError
from lockstep.pipeline import buildspec
from lockstep.pipeline.build import Build, PhaseOutcome
from lockstep.testing import FakeClock
from tests.adapters.building import PATH, Site, names, phases, states

KEPT = "artifacts: {files: [kept]}\n"
SHELLS = ("/bin/sh", "bash")
# Commands of one item and whether they fail.
STATUS = {
    "any status but 0": ("exit 77", False),
    "no such command": ("no-such-command", False),
    "no shell": ("if", False),
    "an open quote": ("echo '", False),
    "a signal": ("kill -9 $$", False),
    "a comment": ("true # not more", True),
    "many lines": ("for a in 1 2\ndo\n  [ $a ]\ndone", True),
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Have a source with one file."""
    made = Site(tmp_path)
    made.write("kept")
    return made


@pytest.mark.parametrize(("command", "good"), STATUS.values(), ids=STATUS)
@pytest.mark.parametrize("shell", SHELLS)
def test_when_a_command_fails(site: Site, shell: str, command: str, *, good: bool) -> None:
    """A command of many lines has the status of its last one; one that the shell cannot read has failed."""
    ended = site.run(f"env: {{shell: {shell}}}\n{phases(build=(command,))}")

    assert (ended.failed is None) == good


def test_succeeding_in_finally(site: Site) -> None:
    """What always runs sees CODEBUILD_BUILD_SUCCEEDING as it was when its phase began."""
    say = "echo $CODEBUILD_BUILD_SUCCEEDING"
    site.run(phases(build=("false",), build_finally=(say,), post_build=("true",), post_build_finally=(say,)))

    assert site.said() == ["1", "0"]


def test_the_log(site: Site) -> None:
    """The log of a build has CodeBuild's words, and a command's output between them as it is."""
    site.run(phases(build=("echo one", "echo two >&2; exit 3")) + KEPT + "cache: {paths: [a]}")

    at = "[Container] 2026/01/01 00:00:00.000000 "
    failed = "Error while executing command: echo two >&2; exit 3. Reason: exit status 3"
    assert [line.removeprefix(at) for line in site.lines] == [
        "YAML location is b.yml",
        "Processing environment variables",
        "A cache is declared; none is kept here",
        f"Moving to directory {site.source}",
        "Phases found in YAML: 1",
        " BUILD: 2 commands",
        "Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED",
        "Phase context status code:  Message: ",
        "Entering phase INSTALL",
        "Phase complete: INSTALL State: SUCCEEDED",
        "Phase context status code:  Message: ",
        "Entering phase PRE_BUILD",
        "Phase complete: PRE_BUILD State: SUCCEEDED",
        "Phase context status code:  Message: ",
        "Entering phase BUILD",
        "Running command echo one",
        "one",
        "Running command echo two >&2; exit 3",
        "two",
        "Command did not exit successfully echo two >&2; exit 3 exit status 3",
        "Phase complete: BUILD State: FAILED",
        f"Phase context status code: COMMAND_EXECUTION_ERROR Message: {failed}",
        "Entering phase POST_BUILD",
        "Phase complete: POST_BUILD State: SUCCEEDED",
        "Phase context status code:  Message: ",
        "Expanding base directory path: .",
        "Expanding file paths for base directory .",
        "Expanding kept",
        "Found 1 file(s)",
        "Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED",
        "Phase context status code:  Message: ",
    ]


def test_the_failed_phase(site: Site) -> None:
    """How a build failed is told by its first phase that did, with CodeBuild's code and message."""
    ended = site.run(phases(build=("exit 3",), post_build=("exit 4",)))

    message = "Error while executing command: exit 3. Reason: exit status 3"
    assert ended.failed == PhaseOutcome("BUILD", "FAILED", 1.0, "COMMAND_EXECUTION_ERROR", message)


@pytest.mark.parametrize("shell", SHELLS)
def test_exported_variables(site: Site, shell: str) -> None:
    """What is exported is what a variable is in the end, whatever characters it holds; what nobody set is left out."""
    ended = site.run(
        f"env: {{shell: {shell}, variables: {{A: first, B: x}}, exported-variables: [A, B, C]}}\n"
        + phases(build=('A=\'$(id) "a"\n../\'"\'"',), post_build=("unset C",))
    )

    assert ended.exported == {"A": '$(id) "a"\n../\'', "B": "x"}


def test_what_goes_before(site: Site) -> None:
    """A pipeline's variable goes before one of the buildspec, that before the machine's, and none is expanded."""
    spec = "env: {variables: {A: $PATH, B: b, LANG: C}, exported-variables: [A, B, LANG]}\n"

    ended = site.run(spec + phases(build=("true",)), {"B": "$(id)"})

    assert ended.exported == {"A": "$PATH", "B": "$(id)", "LANG": "C"}


def test_a_path_that_leads_nowhere(site: Site) -> None:
    """A PATH of the buildspec is not expanded, so no command is found any more, as in CodeBuild."""
    ended = site.run('env: {variables: {PATH: "$PATH:/x"}}\n' + phases(build=("ls",)))

    assert states(ended) == "INSTALL PRE_BUILD BUILD! POST_BUILD UPLOAD_ARTIFACTS"


def test_parameters_and_secrets(site: Site) -> None:
    """Parameters and secrets are variables, and no line that is printed shows their values."""
    site.world.vault |= {"/shop/a": "open sesame", "shop/b:key": "two\nlines"}
    env = "env: {parameter-store: {A: /shop/a}, secrets-manager: {B: 'shop/b:key'}}\n"

    site.run(env + phases(build=('echo "$A"; echo "$B"; echo "<$A>"', 'printf %s "$A$B" > kept')), {"TOKEN": "t"})

    assert (site.source / "kept").read_text() == "open sesametwo\nlines"
    assert site.said() == ["***", "***", "***", "<***>"]


@pytest.mark.parametrize("source", ["parameter-store", "secrets-manager"])
def test_a_value_that_is_missing(site: Site, source: str) -> None:
    """A parameter or a secret that is not there ends the build before its first command."""
    with pytest.raises(ConfigError, match="reading /shop/none"):
        site.run(f"env: {{{source}: {{A: /shop/none}}}}\n" + phases(build=("echo ran",)))

    assert site.lines == []


def test_no_vault(site: Site) -> None:
    """A build that wants a parameter and was given no vault does not begin."""
    spec = buildspec.parse("version: 0.2\nenv: {parameter-store: {A: a}}\n" + phases(build=("true",)), "b.yml")

    with pytest.raises(ConfigError, match=r"running b\.yml"):
        Build(spec, site.source, site.root, {"PATH": PATH}, site.lines.append, FakeClock()).run()


def test_the_credentials_token_is_not_shown(site: Site) -> None:
    """What opens the endpoint of a build's credentials is masked where a command prints it."""
    site.run(phases(build=("env",)), {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "let-me-in"})

    assert "let-me-in" not in "\n".join(site.lines)
    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN=***" in site.said()


def test_another_python(site: Site) -> None:
    """A buildspec for another Python than this one does not begin, and one for this one does."""
    install = "phases: {install: {runtime-versions: {python: '%s'}, commands: [echo ran]}}"

    with pytest.raises(ConfigError, match="runtime-versions"):
        site.run(install % "3.99")
    site.run(install % f"{sys.version_info.major}.{sys.version_info.minor}")

    assert site.said() == ["ran"]


def test_a_shell_that_is_not_there(site: Site) -> None:
    """A build whose shell is not on its PATH does not begin."""
    with pytest.raises(ConfigError, match="'bash' is not on the PATH"):
        site.run("env: {shell: bash}\n" + phases(build=("true",)), {"PATH": str(site.root)})


def test_a_folder_that_is_gone(site: Site) -> None:
    """A command whose folder was removed by the one before fails and runs nowhere else."""
    ended = site.run(phases(build=("mkdir a; cd a; rmdir ../a", "touch here")))

    assert states(ended) == "INSTALL PRE_BUILD BUILD! POST_BUILD UPLOAD_ARTIFACTS"
    assert list(site.source.iterdir()) == [site.source / "kept"]


def test_nothing_of_the_caller_s(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command sees credentials, a profile or the home of whoever runs the build."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "HOME", "PYTHONPATH"):
        monkeypatch.setenv(name, "planted")

    site.run(phases(install=("env",), build=("env",)), {"HOME": "/own", "LANG": "C.UTF-8"})

    assert "HOME=/own" in site.said()
    assert "planted" not in "\n".join(site.lines)


def test_a_hostile_folder(tmp_path: Path) -> None:
    """A source in a folder whose name holds quotes, a command and a newline is built like any other."""
    site = Site(tmp_path / "it's $(touch ran)\n\"")
    site.root.mkdir()
    site.write("kept")

    ended = site.run(KEPT + phases(build=("cp kept 'a\nb'", "test -f 'a\nb'")))

    assert ended.failed is None
    assert names(ended.artifacts[""]) == ["kept"]
    assert [path.name for path in tmp_path.iterdir()] == [site.root.name]


def test_an_exported_variable_that_is_not_set(site: Site) -> None:
    """An exported variable that nothing sets is told of, with file and line, and is not handed on."""
    ended = site.run("env:\n  exported-variables: [A, B]\n" + phases(build=("A=1",)))

    assert ended.exported == {"A": "1"}
    assert any(line.endswith("b.yml:3: the exported variable B is not set") for line in site.lines)
