"""The Docker engine of the sandbox. Uses one that answers; else starts one of its own, and stops only that one.

Of its own engine, images and log lie in `<folder>/engine` and outlive it; its socket and its runtime files lie in
`/run/lockstep-<hash of the folder>`, since a unix socket's path ends at 107 bytes and a clone may lie deep.
Speaks to an engine only to ask whether it is there (docs.docker.com/reference/api/engine: GET /_ping). Builds and
runs nothing in it, and never touches an engine that somebody else started.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import platform
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lockstep import process
from lockstep.errors import BuildError, ConfigError

SYSTEM_SOCKET = Path("/var/run/docker.sock")
DESKTOP_SOCKET = ".docker/run/docker.sock"  # below the home folder: Docker Desktop
BRIDGE = "docker0"
PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "debootstrap": "debootstrap"}
ADMIN_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
PING_SECONDS, START_SECONDS, STOP_SECONDS = 5.0, 60.0, 30.0


@dataclass(frozen=True)
class EngineState:
    """The engine in use: its DOCKER_HOST url; for one of ours its process id, and what stop must take away."""

    host: str
    pid: int | None = None
    made_bridge: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether we started it, and so may stop it."""
        return self.pid is not None


@dataclass(frozen=True)
class Machine:
    """What decides whether an engine can be started and installed here."""

    system: str
    distribution: frozenset[str]
    is_root: bool

    @classmethod
    def this(cls, release: Path = Path("/etc/os-release")) -> Machine:
        """Return the machine that this runs on."""
        system = platform.system()
        text = release.read_text(encoding="utf-8") if release.is_file() else ""
        return cls(system, distribution(text), system == "Linux" and os.geteuid() == 0)


def distribution(release: str) -> frozenset[str]:
    """Return the names of a distribution and of those it is like, from the text of its os-release."""
    values = re.findall(r"^(?:ID|ID_LIKE)=(.*)$", release, re.MULTILINE)
    return frozenset(name for value in values for name in value.strip(" \"'").split())


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PING_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PING_SECONDS)
        self.sock.connect(self._path)


def answers(host: str) -> bool:
    """Whether an engine answers at `host`, a unix:// or tcp:// url."""
    url = urlsplit(host)
    try:
        connection = (
            _UnixConnection(url.netloc + url.path)
            if url.scheme == "unix"
            else http.client.HTTPConnection(url.hostname or "", url.port or 2375, timeout=PING_SECONDS)
        )
        with contextlib.closing(connection):
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, ValueError, http.client.HTTPException):
        return False


def find(env: Mapping[str, str], system_socket: Path = SYSTEM_SOCKET) -> str | None:
    """Return the DOCKER_HOST url of an engine that answers, or None; one that DOCKER_HOST names is the only one asked.

    Only unix:// and plain tcp:// can be asked: a host behind ssh, npipe or TLS is returned as it is.
    """
    named = env.get("DOCKER_HOST", "")
    if named and (urlsplit(named).scheme not in {"unix", "tcp", "http"} or env.get("DOCKER_TLS_VERIFY")):
        return named
    sockets = (system_socket, Path(env.get("HOME") or "/", DESKTOP_SOCKET))
    hosts = (named,) if named else tuple(f"unix://{path}" for path in sockets if path.exists())
    return next((host for host in hosts if answers(host)), None)


def runtime_folder(folder: Path) -> Path:
    """Return where the socket and the runtime files of the engine of `folder` are; short, however deep it lies."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()
    return Path("/run", f"lockstep-{digest[:8]}")


def own_host(folder: Path) -> str:
    """Return the DOCKER_HOST url that the engine of `folder` has, running or not."""
    return f"unix://{runtime_folder(folder)}/docker.sock"


def daemon_argv(folder: Path) -> tuple[str, ...]:
    """Return the command of the engine of `folder`."""
    runtime = runtime_folder(folder)
    return (
        "dockerd",
        *("--data-root", str(folder.resolve() / "engine" / "data")),
        *("--exec-root", str(runtime / "exec")),
        *("--pidfile", str(runtime / "dockerd.pid")),
        *("--host", own_host(folder)),
    )


def admin_environment(env: Mapping[str, str], **extra: str) -> dict[str, str]:
    """Return a child's environment whose PATH ends where administration tools are, as a plain user's often does not."""
    path = ":".join(part for part in (env.get("PATH", ""), ADMIN_PATH) if part)
    return process.child_environment(env, PATH=path, **extra)


def ensure(
    folder: Path,
    env: Mapping[str, str],
    say: Callable[[str], None],
    machine: Machine | None = None,
    system_socket: Path = SYSTEM_SOCKET,
) -> EngineState:
    """Return an engine that answers; start one for `folder` where none does, installing it first where apt can.

    Starting one needs Linux and root. It outlives us until `stop`. Raises BuildError where there can be none.
    """
    named = env.get("DOCKER_HOST", "")
    ours = recorded(folder)
    if ours and ours.pid and is_running(ours.pid, daemon_argv(folder)) and named in {"", ours.host}:
        return _wait_until_ready(folder, ours, say)
    others = {name: value for name, value in env.items() if name != "DOCKER_HOST" or value != own_host(folder)}
    if host := find(others, system_socket):
        return EngineState(host)
    if "DOCKER_HOST" in others and named:
        raise BuildError(
            "reach the Docker engine that DOCKER_HOST names", f"nothing answers at {named}", "start it, or unset DOCKER_HOST"
        )
    provide(("dockerd", "iptables"), env, say, machine or Machine.this())
    # Where systemd runs, installing the package has started its service.
    if host := find(others, system_socket):
        return EngineState(host)
    return _start(folder, env, say)


def provide(
    tools: Sequence[str], env: Mapping[str, str], say: Callable[[str], None], machine: Machine | None = None
) -> None:
    """See that `tools`, names in PACKAGES, are installed; on Debian and its like install what is not, as root.

    Installs all that the sandbox may come to need at once, since fetching the package lists is the slow part.
    Raises BuildError where that cannot be done, naming what to install.
    """
    here = machine or Machine.this()
    admin = admin_environment(env, DEBIAN_FRONTEND="noninteractive")
    missing = [tool for tool in tools if not _has(tool, admin)]
    if not missing:
        return
    tried = f"find {' and '.join(missing)}, which the sandbox needs where no Docker engine answers"
    if here.system != "Linux":
        raise BuildError(tried, f"this is {here.system}", "start Docker Desktop, or another Docker engine, and try again")
    if not here.distribution & {"debian", "ubuntu"} or not here.is_root:
        needed = " ".join(PACKAGES[tool] for tool in missing)
        raise BuildError(tried, "not installed", f"as root, install {needed} (their names on Debian), and try again")
    packages = [package for tool, package in PACKAGES.items() if not _has(tool, admin)]
    say(f"installing {', '.join(packages)} with apt-get: this machine has none; about half a minute")
    for argv in (
        ("apt-get", "update", "-q"),
        ("apt-get", "install", "-q", "-y", "--no-install-recommends", *packages),
    ):
        done = process.run(argv, admin)
        if done.status:
            raise BuildError(" ".join(argv), _tail(done.output), "see that apt-get works, and try again")


def stop(folder: Path, say: Callable[[str], None]) -> None:
    """Stop the engine that `ensure` started for `folder`, with all that runs in it; keep its images.

    Does nothing where it started none. Takes away its processes, mounts, runtime folder and, if it made it, the
    bridge; leaves the packet filter's rules, which name nothing that is still there. Raises BuildError where a
    mount stays.
    """
    state = recorded(folder)
    if state is None or state.pid is None:
        return
    say("stopping the sandbox's Docker engine")
    family = _family(folder)
    if is_running(state.pid, daemon_argv(folder)):
        os.kill(state.pid, signal.SIGTERM)
        _wait(lambda: not is_running(state.pid or 0, daemon_argv(folder)), STOP_SECONDS)
    # Nothing, where it ended by itself: it takes its containers with it. All of it, where it had to be killed.
    _kill(family | _family(folder))
    _clear(folder)
    admin = admin_environment({})
    if state.made_bridge and BRIDGE in _interfaces() and _has("ip", admin):
        process.run(("ip", "link", "delete", BRIDGE), admin)
    _state_file(folder).unlink()


def recorded(folder: Path) -> EngineState | None:
    """Return what was noted of the engine that was started for `folder`, or None; it may have ended since."""
    try:
        return EngineState(**json.loads(_state_file(folder).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_running(pid: int, argv: Sequence[str]) -> bool:
    """Whether process `pid` is there and still is the one that was started as `argv`, its path aside."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        command = Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return False
    return command.decode(errors="replace").split("\0")[1:-1] == list(argv[1:])


def mounts_below(folder: Path, table: str | None = None) -> tuple[Path, ...]:
    """Return what is mounted at or below `folder`, innermost first; `table` is mountinfo's text (see proc(5))."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8") if table is None else table
    points = (line.split()[4] for line in text.splitlines() if line)
    paths = [Path(re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), point)) for point in points]
    return tuple(path for path in reversed(paths) if path.is_relative_to(folder.resolve()))


def unmount_below(folder: Path) -> None:
    """Unmount everything at or below `folder`; raises BuildError, before anyone deletes through it, where one stays."""
    for path in mounts_below(folder):
        process.run(("umount", str(path)), admin_environment({}))
    for path in mounts_below(folder):
        process.run(("umount", "--lazy", str(path)), admin_environment({}))
    if left := mounts_below(folder):
        raise BuildError(f"unmount {left[0]}", "it is still mounted", f"umount {left[0]}, and try again")


def _start(folder: Path, env: Mapping[str, str], say: Callable[[str], None]) -> EngineState:
    if not Machine.this().is_root:
        raise BuildError("start a Docker engine for the sandbox", "not root", "start Docker, or try again as root")
    say("starting a Docker engine for the sandbox: none answers on this machine")
    _kill(_family(folder))
    _clear(folder)
    runtime_folder(folder).mkdir(mode=0o700)
    _log(folder).parent.mkdir(parents=True, exist_ok=True)
    _log(folder).write_bytes(b"")
    made_bridge = BRIDGE not in _interfaces()
    pid = process.start(daemon_argv(folder), admin_environment(env), _log(folder))
    state = EngineState(own_host(folder), pid, made_bridge)
    _state_file(folder).write_text(json.dumps(asdict(state)), encoding="utf-8")
    return _wait_until_ready(folder, state, say)


def _wait_until_ready(folder: Path, state: EngineState, say: Callable[[str], None]) -> EngineState:
    def ended() -> bool:
        return not is_running(state.pid or 0, daemon_argv(folder))

    _wait(lambda: answers(state.host) or ended(), START_SECONDS)
    if answers(state.host):
        return state
    answer = "it ended" if ended() else f"no answer in {START_SECONDS:.0f} s"
    stop(folder, say)
    last = _tail(_log(folder).read_text(encoding="utf-8", errors="replace"))
    raise BuildError("start a Docker engine for the sandbox", f"{answer}: {last}", f"read {_log(folder)}")
