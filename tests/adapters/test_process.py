"""Processes: what a child sees, what comes back of it, and that none outlives an interrupted run."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep import process
from lockstep.errors import ConfigError

# With a UTF-8 locale Python adds nothing of its own to a child's environment.
ENV = {"PATH": os.defpath, "LANG": "C.UTF-8"}
PATIENCE = 0.2
# A child that would run for a minute, says who it is, and treats an interruption as the text says.
LONG = """
import os, pathlib, signal, sys, time
def tidy(*_):
    time.sleep(0.6)
    pathlib.Path("tidied").touch()
    sys.exit(0)
{}
print(os.getpid(), flush=True)
time.sleep(60)
"""
TIDY = LONG.format("signal.signal(signal.SIGINT, tidy)")
STUBBORN = LONG.format("[signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]")


def python(code: str, *argv: str) -> tuple[str, ...]:
    """Return the command of a child that runs some Python."""
    return (sys.executable, "-c", code, *argv)


def runs(pid: int) -> bool:
    """Is there still such a process?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def interrupted_by(reason: BaseException, tell: bool = False) -> tuple[list[int], Callable[[str], None]]:  # noqa: FBT002 - a test's own switch
    """Return a list for the child's pid, and a reader of lines that notes it and is interrupted."""
    pids: list[int] = []

    def on_line(line: str) -> None:
        pids.append(int(line))
        if tell:
            os.kill(pids[0], signal.SIGINT)
        raise reason

    return pids, on_line


def test_a_child_sees_what_it_is_given() -> None:
    """A child's environment is the one that it is given, and nothing of ours."""
    ended = process.run(python("import json, os; print(json.dumps(dict(os.environ)))"), ENV | {"GIVEN": "yes"})

    assert json.loads(ended.output) == ENV | {"GIVEN": "yes"}


def test_a_childs_environment_is_carried_by_name() -> None:
    """Tools, home and the way to the package registries are carried into a child; credentials are only added."""
    environ = dict.fromkeys(process.CARRIED, "x") | {"AWS_PROFILE": "mine", "AWS_SECRET_ACCESS_KEY": "s", "EDITOR": "e"}

    env = process.child_environment(environ, AWS_REGION="eu-west-1", HOME="/elsewhere")

    assert env == dict.fromkeys(process.CARRIED, "x") | {"AWS_REGION": "eu-west-1", "HOME": "/elsewhere"}


def test_no_credential_is_carried() -> None:
    """Of AWS, Docker and CodeBuild a child gets no more than certificates, and where an SDK reports its calls."""
    found = [name for name in process.CARRIED if name.startswith(("AWS", "DOCKER", "CODEBUILD", "GITHUB"))]

    assert found == [
        "AWS_CA_BUNDLE",
        "AWS_CSM_ENABLED",
        "AWS_CSM_HOST",
        "AWS_CSM_PORT",
        "AWS_CSM_CLIENT_ID",
    ]


def test_lines_come_in_their_order() -> None:
    """What a child writes to stdout and stderr comes back line by line, in the order it was written."""
    code = "import sys\nfor n in range(3): print(n, flush=True); print('error', n, file=sys.stderr, flush=True)"
    lines: list[str] = []

    ended = process.run(python(code), ENV, on_line=lines.append)

    assert lines == ["0", "error 0", "1", "error 1", "2", "error 2"]
    assert ended == process.Completed(0, "\n".join(lines))


def test_an_exit_status_is_an_answer() -> None:
    """A child that fails is no exception: its status and what it said come back."""
    ended = process.run(python("import sys; sys.exit('no')"), ENV)

    assert ended == process.Completed(1, "no")


def test_secrets_are_masked() -> None:
    """A child that prints its secrets gives stars back, in each line and in the whole."""
    env = ENV | {"AWS_SECRET_ACCESS_KEY": "planted/secret", "AWS_SESSION_TOKEN": "planted==token"}
    code = "import os; print('keys', os.environ['AWS_SECRET_ACCESS_KEY'], os.environ['AWS_SESSION_TOKEN'] * 2)"
    lines: list[str] = []

    ended = process.run(python(code), env, on_line=lines.append)

    assert lines == ["keys ******** ****************"]
    assert ended.output == lines[0]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("as AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE", "as ********, ********"),
        ("from https://me:secret@index.example/simple", "from https://********@index.example/simple"),
        ("http://:a@b@host and socks5://u:p@[::1]:1", "http://********@host and socks5://********@[::1]:1"),
        ("http://host:80/a@b ssh://git@host ASIA", "http://host:80/a@b ssh://git@host ASIA"),
    ],
)
def test_keys_and_logins_are_masked(said: str, shown: str) -> None:
    """Whatever looks like an access key's id, or like a login in a URL, is masked wherever it came from."""
    lines: list[str] = []

    ended = process.run(python("import sys; print(sys.argv[1])", said), ENV, on_line=lines.append)

    assert (lines, ended.output) == ([shown], shown)


def test_an_empty_secret_masks_nothing() -> None:
    """An empty secret leaves the output as it is."""
    ended = process.run(python("print('as it is')"), ENV | {"AWS_SESSION_TOKEN": ""})

    assert ended.output == "as it is"


def test_bytes_that_are_no_text_do_no_harm() -> None:
    """Output that is not UTF-8 comes back with its broken bytes replaced."""
    ended = process.run(python("import sys; sys.stdout.buffer.write(b'a\\xffb')"), ENV)

    assert ended.output == "a\ufffdb"


def test_a_child_cannot_ask() -> None:
    """A child that reads its input finds the end of it: nothing waits for an answer that nobody gives."""
    ended = process.run(python("import sys; print(repr(sys.stdin.read()))"), ENV)

    assert ended.output == "''"


def test_a_child_runs_where_it_is_told_to(tmp_path: Path) -> None:
    """A child runs in the folder that it is given."""
    ended = process.run(python("import os; print(os.getcwd())"), ENV, cwd=tmp_path)

    assert ended.output == str(tmp_path)


@pytest.mark.parametrize("env", [{}, {"PATH": ""}, {"PATH": "/nowhere"}])
def test_a_missing_tool_is_named(env: dict[str, str]) -> None:
    """A tool that is not on the child's own PATH is an error that names it, even where it is on ours."""
    with pytest.raises(ConfigError) as caught:
        process.run(("python3", "--version"), env)

    assert str(caught.value) == "error: 'python3' is not on the PATH\n  next: invoke doctor"


def test_an_argument_is_no_shell_text(tmp_path: Path) -> None:
    """What a shell would run, expand or split reaches the child as the one argument that it is."""
    hostile = "; touch owned $(touch owned) `touch owned` * \"'\n"

    ended = process.run(python("import sys; print(repr(sys.argv[1:]))", hostile), ENV, cwd=tmp_path)

    assert ended.output == repr([hostile])
    assert list(tmp_path.iterdir()) == []


def test_a_child_ends_with_a_build_that_is_stopped(tmp_path: Path) -> None:
    """When CodeBuild stops a build, the tool that it runs is ended too and waited for."""
    pids, on_line = interrupted_by(SystemExit(143))

    with pytest.raises(SystemExit):
        process.run(python(LONG.format("")), ENV, cwd=tmp_path, on_line=on_line)

    assert not runs(pids[0])


def test_a_child_may_tidy_up_after_ctrl_c(tmp_path: Path) -> None:
    """On Ctrl-C, which reaches the tool too, the tool has the time to tidy up before we go."""
    pids, on_line = interrupted_by(KeyboardInterrupt(), tell=True)

    with pytest.raises(KeyboardInterrupt):
        process.run(python(TIDY), ENV, cwd=tmp_path, on_line=on_line)

    assert (tmp_path / "tidied").exists()
    assert not runs(pids[0])


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), SystemExit(143), ValueError()])
def test_a_child_that_does_not_listen_is_ended(tmp_path: Path, reason: BaseException) -> None:
    """A tool that ignores every request to end is killed: nothing of ours goes on after us."""
    pids, on_line = interrupted_by(reason)

    with pytest.raises(type(reason)):
        process.run(python(STUBBORN), ENV, cwd=tmp_path, on_line=on_line, patience=PATIENCE)

    assert not runs(pids[0])


def test_a_child_that_is_started_goes_on_by_itself(tmp_path: Path) -> None:
    """What is started has a session of its own, so that no Ctrl-C reaches it, and adds its output to its log."""
    log = tmp_path / "log"
    log.write_text("before\n")
    code = "import os, sys; print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()), dict(os.environ), os.getcwd())"

    pid = process.start(python(code), ENV, log, cwd=tmp_path)

    assert os.waitpid(pid, 0) == (pid, 0)
    assert log.read_text() == f"before\nTrue '' {ENV} {tmp_path}\n"


def test_nothing_is_started_without_its_tool(tmp_path: Path) -> None:
    """A tool to be started that is not there is an error, as it is for one to be run."""
    with pytest.raises(ConfigError, match="'nothing' is not on the PATH"):
        process.start(("nothing",), ENV, tmp_path / "log")
