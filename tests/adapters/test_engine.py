"""The sandbox's Docker engine: which one is found, what is said where there is none, what stop leaves alone."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lockstep import process
from lockstep.errors import BuildError
from lockstep.sandbox import engine
from lockstep.sandbox.engine import EngineState, Machine

UBUNTU = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n'
FEDORA = 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=43\n'
NOWHERE = Path("/nowhere/docker.sock")


class Ping(BaseHTTPRequestHandler):
    """Answers /_ping as an engine does, and nothing else."""

    status = 200

    def do_GET(self) -> None:
        """Answer one request."""
        self.send_response(self.status if self.path == "/_ping" else 404)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Keep quiet."""


@contextmanager
def listening(path: Path | None, status: int = 200) -> Iterator[str]:
    """Serve an engine from a thread, on a unix socket or else over TCP; its DOCKER_HOST url."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    handler = type("Handler", (Ping,), {"status": status})
    server = socketserver.UnixStreamServer(str(path), handler) if path else HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"unix://{path}" if path else f"tcp://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a path short enough for sockets, which pytest's own need not be."""
    with tempfile.TemporaryDirectory(prefix="l-", dir="/tmp") as folder:
        yield Path(folder)


def tool(place: Path, name: str, script: str = "exit 0") -> None:
    """Put a program into the `bin` of a folder."""
    file = place / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def note(place: Path, text: str) -> None:
    """Leave a state file behind, as an earlier start would have."""
    (place / "engine").mkdir()
    (place / "engine" / "state.json").write_text(text, encoding="utf-8")


def machine(folder: Path, release: str = UBUNTU, *, is_root: bool = True) -> Machine:
    """Make a Linux machine without any engine, whose tools are those in `<folder>/bin`."""
    return Machine("Linux", engine.distribution(release), is_root, NOWHERE, str(folder / "bin"))


def test_an_engine_over_tcp_is_found() -> None:
    """An engine that DOCKER_HOST names by address and port is asked over TCP."""
    with listening(None) as host:
        found = engine.find({"DOCKER_HOST": host}, NOWHERE)

    assert found == host


def test_the_system_engine_is_found_first(place: Path) -> None:
    """Without DOCKER_HOST the system's engine comes before Docker Desktop's."""
    with listening(place / "system.sock") as host, listening(place / ".docker/run/docker.sock"):
        found = engine.find({"HOME": str(place)}, place / "system.sock")

    assert found == host


def test_docker_desktop_is_found(place: Path) -> None:
    """Docker Desktop's engine is found in the home folder where the system has none."""
    with listening(place / ".docker/run/docker.sock") as host:
        found = engine.find({"HOME": str(place)}, NOWHERE)

    assert found == host


def test_no_other_engine_stands_in_for_the_named_one(place: Path) -> None:
    """Where DOCKER_HOST names an engine that does not answer, another one that would is not used."""
    with listening(place / "system.sock"):
        found = engine.find({"DOCKER_HOST": f"unix://{place}/none.sock"}, place / "system.sock")

    assert found is None


@pytest.mark.parametrize(
    ("host", "tls"),
    [
        ("ssh://me@build", ""),
        ("npipe:////./pipe/docker_engine", ""),
        ("https://127.0.0.1:1", ""),
        ("127.0.0.1:1", ""),
        ("tcp://127.0.0.1:1", "1"),
    ],
)
def test_an_engine_out_of_reach_is_refused(host: str, tls: str) -> None:
    """A DOCKER_HOST behind ssh, a named pipe or TLS is refused at once, with what is supported."""
    with pytest.raises(BuildError) as caught:
        engine.find({"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": tls}, NOWHERE)

    assert str(caught.value) == (
        f"error: using the Docker engine at {host}, which DOCKER_HOST names\n"
        "  answer: only unix sockets and plain tcp, without TLS, are supported\n"
        "  next: set DOCKER_HOST to unix:///<path> or tcp://<host>:<port>, or unset it"
    )


def test_tls_matters_to_no_socket(place: Path) -> None:
    """DOCKER_TLS_VERIFY says nothing of a unix socket, as with Docker's own client."""
    with listening(place / "a.sock") as host:
        found = engine.find({"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1"}, NOWHERE)

    assert found == host


def test_a_broken_engine_does_not_count(place: Path) -> None:
    """A socket that answers with an error is no engine."""
    with listening(place / "a.sock", 500) as host:
        is_there = engine.answers(host)

    assert not is_there


@pytest.mark.parametrize("host", ["unix:///nowhere", "tcp://127.0.0.1:1", "tcp://127.0.0.1:port", "tcp://"])
def test_nothing_is_no_engine(host: str) -> None:
    """An address where nobody listens, or that is none, is no engine and no crash."""
    is_there = engine.answers(host)

    assert not is_there


def test_somebody_elses_engine_is_used_and_left_alone(place: Path) -> None:
    """An engine that already answers is used, and stop does nothing to it."""
    said: list[str] = []
    with listening(place / "a.sock") as host:
        state = engine.ensure(place / "folder", {"DOCKER_HOST": host}, said.append, machine(place))
        engine.stop(place / "folder", said.append)
        still_there = engine.answers(host)

    assert (state, still_there, said) == (EngineState(host), True, [])


def test_a_named_engine_that_is_silent_is_an_error(place: Path) -> None:
    """Where DOCKER_HOST names an engine that does not answer, the error names it and none is started."""
    with pytest.raises(BuildError) as caught:
        engine.ensure(place, {"DOCKER_HOST": "unix:///no.sock"}, print, machine(place))

    assert (
        str(caught.value)
        == "error: no Docker engine answers at unix:///no.sock\n  next: start it, or unset DOCKER_HOST"
    )


@pytest.mark.parametrize(("release", "is_root"), [(FEDORA, True), (UBUNTU, False), ("", True)])
def test_what_cannot_be_installed_is_named(place: Path, release: str, *, is_root: bool) -> None:
    """Where apt cannot be used, the error says which packages to install."""
    with pytest.raises(BuildError) as caught:
        engine.ensure(place, {}, print, machine(place, release, is_root=is_root))

    assert str(caught.value) == (
        "error: the sandbox needs dockerd and iptables on this machine\n"
        "  answer: not installed, and not a machine where we may use apt-get\n"
        "  next: start a Docker engine that has the base images, or as root install docker.io iptables"
        " (names on Debian)"
    )
    assert caught.value.exit_code == 4


def test_only_root_starts_an_engine(place: Path) -> None:
    """Where an engine is installed but not running, a plain user is told so, and nothing is installed again."""
    tool(place, "dockerd")
    tool(place, "iptables")

    with pytest.raises(BuildError) as caught:
        engine.ensure(place, {}, print, machine(place, is_root=False))

    assert (caught.value.tried, caught.value.answer) == ("no Docker engine answers", "only root can start one")


def test_what_is_missing_is_installed_with_apt(place: Path) -> None:
    """As root on Ubuntu what is missing is installed, without questions and without recommended packages."""
    said: list[str] = []
    tool(place, "apt-get", f'echo "$DEBIAN_FRONTEND: $@" >> {place}/calls')
    tool(place, "iptables")

    engine.provide(("dockerd",), {}, said.append, machine(place))

    assert (place / "calls").read_text(encoding="utf-8") == (
        "noninteractive: update -q\nnoninteractive: install -q -y --no-install-recommends docker.io debootstrap\n"
    )
    assert said == ["installing docker.io, debootstrap with apt-get: this machine has none; about half a minute"]


def test_a_failed_installation_is_quoted(place: Path) -> None:
    """Where apt fails, the error holds its last words."""
    tool(place, "apt-get", "echo 'E: no network'; exit 100")

    with pytest.raises(BuildError) as caught:
        engine.provide(("dockerd",), {}, lambda _line: None, machine(place))

    assert (
        str(caught.value)
        == "error: 'apt-get update -q' failed\n  answer: E: no network\n  next: mend apt-get; try again"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="an engine keeps its socket below /run, where only root may write")
def test_an_engine_that_dies_is_quoted_and_cleared_away(place: Path) -> None:
    """An engine that ends while it starts is an error with the end of its log; nothing of it stays."""
    tool(place, "dockerd", "echo 'level=info'; echo 'no cgroups'; exit 1")
    tool(place, "iptables")

    with pytest.raises(BuildError) as caught:
        engine.ensure(place, {"PATH": str(place / "bin")}, lambda _line: None, machine(place))

    assert caught.value.answer == "it ended: level=info | no cgroups"
    assert not engine.runtime_folder(place).exists()
    assert engine.recorded(place) is None


def test_stop_spares_a_process_that_has_the_number_by_now(place: Path) -> None:
    """Where the engine has ended and its process id is another's, stop ends nobody and forgets it."""
    note(place, json.dumps({"host": engine.own_host(place), "pid": os.getpid(), "made_bridge": False}))

    engine.stop(place, lambda _line: None)

    assert engine.recorded(place) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"host": "a", "more": 1}'])
def test_a_damaged_note_is_no_engine(place: Path, text: str) -> None:
    """A state file that another version or an interrupted run left counts as none."""
    note(place, text)

    noted = engine.recorded(place)

    assert noted is None


def test_the_socket_of_a_deep_clone_is_short(place: Path) -> None:
    """However deep a clone lies, its engine's socket fits the 107 bytes that a unix socket's path may have."""
    host = engine.own_host(place / ("deep/" * 100))

    assert len(host.removeprefix("unix://")) <= 107


def test_each_clone_has_its_own_engine(place: Path) -> None:
    """Two clones on one machine do not share a socket."""
    hosts = {engine.own_host(place / "a"), engine.own_host(place / "b"), engine.own_host(place / "b" / ".." / "a")}

    assert len(hosts) == 2


def test_a_process_is_known_by_its_command(tmp_path: Path) -> None:
    """A process counts as running while it is there with the command that it was started with, and not after."""
    argv = ("sleep", "60")
    pid = process.start(argv, {"PATH": engine.ADMIN_PATH}, tmp_path / "log")

    during = (engine.is_running(pid, argv), engine.is_running(os.getpid(), argv))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    after = engine.is_running(pid, argv)

    assert (during, after) == ((True, False), False)


def test_mounts_are_listed_innermost_first(tmp_path: Path) -> None:
    """Of the mounts below a folder the inner come before the outer, with spaces in their names put back."""
    table = (
        "20 1 0:1 / / rw - ext4 /dev/a rw\n"
        f"21 20 0:2 / {tmp_path}/a\\040b rw - overlay overlay rw\n"
        f"22 21 0:3 / {tmp_path}/a\\040b/proc rw - proc proc rw\n"
        f"23 20 0:4 / {tmp_path}-other rw - tmpfs tmpfs rw\n"
    )

    mounts = engine.mounts_below(tmp_path, table)

    assert mounts == (tmp_path / "a b" / "proc", tmp_path / "a b")


def test_a_distribution_is_known_by_what_it_is_like(tmp_path: Path) -> None:
    """A distribution that says that it is like Debian counts as such."""
    release = tmp_path / "os-release"
    release.write_text('ID="linuxmint"\nID_LIKE="ubuntu debian"\n', encoding="utf-8")

    here = Machine.this(release)

    assert here.distribution == {"linuxmint", "ubuntu", "debian"}
