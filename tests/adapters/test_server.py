"""The sandbox's server: its port, its state and its errors; and its life, with a stand-in for the emulator itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockstep import canonical, schemas
from lockstep.errors import LockstepError, UnavailableError
from lockstep.images import Images
from lockstep.sandbox import engine
from lockstep.sandbox.server import EMULATOR, Server
from lockstep.testing import SETTINGS, some_settings
from tests.adapters import fake_aws, fake_engine

REPOSITORY = Path(__file__).parents[2]
SERVES = f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\nfrom tests.adapters import fake_aws\nfake_aws.main()\n"
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere.sock"}

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Have a working tree with nothing in it."""
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


@pytest.fixture
def server(root: Path) -> Server:
    """Have a sandbox that was never started, on a machine without an engine."""
    return a_server(root)


@pytest.fixture
def installed(root: Path) -> Iterator[Server]:
    """Have a sandbox whose Python environment is there, with a stand-in for the emulator, and an engine; stop it."""
    stand_in(root, SERVES)
    (root / "requirements").mkdir()
    (root / "requirements" / "sandbox.txt").write_text("locked")
    venv = root / ".lockstep" / "sandbox" / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "installed").write_text(canonical.sha256(b"locked"))
    with fake_engine.running() as docker:
        found = a_server(root, DOCKER_HOST=docker.host)
        yield found
        found.stop(lambda _line: None)


def a_server(root: Path, **environ: str) -> Server:
    """Return the sandbox of a working tree."""
    settings = some_settings(SETTINGS.replace("[tooling]", "[sandbox]\n[tooling]"))
    return Server(root, {"PATH": os.environ["PATH"], **NO_ENGINE, **environ}, settings, Images)


def stand_in(root: Path, code: str) -> None:
    """Put a program where the emulator is started from."""
    package = root / "lockstep" / "sandbox"
    package.mkdir(parents=True, exist_ok=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "emulator.py").write_text(code)


def remember(root: Path, text: str) -> None:
    """Have a sandbox that was started before."""
    home = root / ".lockstep" / "sandbox"
    home.mkdir(parents=True, exist_ok=True)
    (home / "server.json").write_text(text)


def said_by(call: Callable[[Callable[[str], None]], None]) -> list[str]:
    """Return what is said while something is done."""
    said: list[str] = []
    call(said.append)
    return said


def test_the_port_is_remembered(root: Path) -> None:
    """A sandbox gets a free port the first time it is asked for, and has it ever after."""
    first = a_server(root).registry()

    assert first == a_server(root).registry()
    assert first == f"127.0.0.1:{json.loads((root / '.lockstep/sandbox/server.json').read_text())['port']}"


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"'])
def test_a_state_that_cannot_be_read(root: Path, server: Server, text: str) -> None:
    """A file of state that was cut off is as good as none."""
    remember(root, text)

    assert server.registry().startswith("127.0.0.1:")


def test_a_sandbox_that_does_not_run(server: Server) -> None:
    """A sandbox that was never started runs nothing, has no endpoint, and leaves no trace of having been asked."""
    assert server.status() == {"endpoint": None, "engine": None, "profiles": None}
    with pytest.raises(UnavailableError) as caught:
        server.endpoint()

    assert caught.value.exit_code == 10
    assert str(caught.value) == ("error: calling the sandbox\n  answer: it does not run\n  next: invoke sandbox.start")
    assert list(server.root.iterdir()) == []


def test_stopping_what_does_not_run(server: Server) -> None:
    """Stopping a sandbox that was never started does nothing."""
    assert said_by(server.stop) == []
    assert list(server.root.iterdir()) == []


def test_a_process_of_somebody_else_is_left_alone(root: Path, server: Server) -> None:
    """Stopping ends no process that only has the number that the sandbox's process had."""
    remember(root, json.dumps({"port": 1, "pid": os.getpid()}))

    assert said_by(server.stop) == []


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (500, False)])
def test_a_sandbox_that_runs(root: Path, server: Server, status: int, *, healthy: bool) -> None:
    """A sandbox whose server says that it is well has an endpoint; one that says otherwise has none."""
    with fake_aws.running() as aws:
        aws.status = status
        remember(root, json.dumps({"port": aws.port, "pid": os.getpid()}))

        assert server.status()["endpoint"] == (aws.endpoint if healthy else None)


def test_a_server_that_is_gone(root: Path, server: Server) -> None:
    """A sandbox whose server ended by itself has no endpoint."""
    with fake_aws.running() as aws:
        remember(root, json.dumps({"port": aws.port, "pid": os.getpid()}))

    assert server.status()["endpoint"] is None


def test_the_life_of_a_sandbox(installed: Server) -> None:
    """A start brings up what a status shows, a second start finds it there, and a stop ends it and keeps its port."""
    started = said_by(installed.start)
    status = installed.status()
    again = said_by(installed.start)
    pid = json.loads((installed.home / "server.json").read_text())["pid"]
    stopped = said_by(installed.stop)

    host = installed.environ["DOCKER_HOST"]
    endpoint = f"http://{installed.registry()}"
    assert started == [
        f"Docker engine: {host}",
        f"starting the AWS of this machine at {endpoint}",
        "its accounts are empty; next: invoke bootstrap --yes",
    ]
    assert status == {"endpoint": endpoint, "engine": host, "profiles": str(installed.profiles.config)}
    assert again == [f"Docker engine: {host}"]
    assert stopped == ["stopping the AWS of this machine"]
    assert installed.status()["endpoint"] is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_reset_forgets_the_accounts(installed: Server) -> None:
    """A reset takes away accounts, people and port; what was installed stays."""
    installed.start(lambda _line: None)
    (installed.home / "state").mkdir()

    said = said_by(installed.reset)

    assert said[-1] == "the sandbox's accounts are empty"
    assert sorted(path.name for path in installed.home.iterdir()) == ["server.log", "venv"]


def test_the_emulator_has_no_environment_of_ours(installed: Server) -> None:
    """The emulator gets its own settings, on loopback, IAM enforced by what is known of AWS; none of the person's."""
    notes = "import json, os, pathlib\npathlib.Path('env').write_text(json.dumps(dict(os.environ)))\n"
    stand_in(installed.root, notes + SERVES)

    installed.start(lambda _line: None)

    env = json.loads((installed.home / "env").read_text())
    assert (env["BIND_HOST"], env["AUTH"], env["MINISTACK_ACCOUNT_ID"]) == ("127.0.0.1", "true", "111111111111")
    assert env["LOCKSTEP_SCHEMAS"] == str(schemas.installed())
    assert [name for name in env if name.startswith("AWS_")] == []


def test_an_emulator_that_does_not_start(installed: Server) -> None:
    """An emulator that ends at once is an error that quotes its log and says where the log is."""
    stand_in(installed.root, "import sys\nsys.exit('error: a mend does not fit')\n")

    with pytest.raises(UnavailableError) as caught:
        installed.start(lambda _line: None)

    assert str(caught.value) == (
        "error: starting the sandbox\n"
        "  answer: error: a mend does not fit\n"
        f"  next: read {installed.home / 'server.log'}; another port: sandbox.reset"
    )


def test_an_installation_that_fails(installed: Server) -> None:
    """Requirements that cannot be installed are an error, and the next start tries again."""
    (installed.root / "requirements" / "sandbox.txt").write_text("no-such-package==1 --hash=sha256:" + "0" * 64)
    offline = Server(installed.root, {**installed.environ, "PIP_CONFIG_FILE": str(no_index(installed.root))},
                     installed.settings, Images)  # fmt: skip
    said: list[str] = []

    with pytest.raises(LockstepError) as caught:
        offline.start(said.append)

    assert said[-1] == "installing the AWS of this machine (requirements/sandbox.txt)"
    assert caught.value.tried == "installing requirements/sandbox.txt"
    assert "no-such-package" in caught.value.answer
    assert not (installed.home / "venv" / "installed").exists()


def test_an_installation(installed: Server) -> None:
    """An installation that does what the lock file says is done once."""
    (installed.root / "requirements" / "sandbox.txt").write_text("# nothing to install\n")

    first, second = said_by(installed.start), said_by(installed.start)

    assert first[1] == "installing the AWS of this machine (requirements/sandbox.txt)"
    assert len(second) == 1


def no_index(root: Path) -> Path:
    """Return a configuration of pip that knows no index."""
    (root / "pip.conf").write_text("[global]\nno-index = true\n")
    return root / "pip.conf"


def test_what_services_build_from(installed: Server, root: Path) -> None:
    """The images that services build from are seen to at the start; one that cannot be had is named."""
    (root / "services" / "hello" / "app").mkdir(parents=True)
    (root / "services" / "hello" / "app" / "Dockerfile").write_text("FROM example.org/base:1\nFROM scratch\n")

    with pytest.raises(LockstepError, match=r"example\.org/base:1 is not here"):
        installed.start(lambda _line: None)


@pytest.mark.parametrize(
    ("said", "running"),
    [
        ("Ss   /Users/My Name/tree/.lockstep/sandbox/venv/bin/python -m lockstep.sandbox.emulator", True),
        ("S+   /Library/Python.app/Contents/MacOS/Python -m lockstep.sandbox.emulator", True),
        ("Z    (Python) -m lockstep.sandbox.emulator", False),
        ("S    -zsh", False),
        ("S    /usr/bin/python -m lockstep.sandbox.emulator.other", False),
        ("", False),
    ],
)
def test_a_process_is_known_again_on_a_mac(tmp_path: Path, said: str, *, running: bool) -> None:
    """Where there is no /proc, as on macOS, a process is known by what ps says of it."""
    (tmp_path / "ps").write_text(f"#!/bin/sh\n[ \"$*\" = '-o state= -o command= -p {os.getpid()}' ] && echo '{said}'\n")
    (tmp_path / "ps").chmod(0o755)

    found = engine.is_running(os.getpid(), EMULATOR, tmp_path / "proc", str(tmp_path))

    assert found is running
