"""The Docker engine of the sandbox. Uses one that answers; else starts one of its own, and stops only that.

The images and the log of its own lie in `<folder>/engine` and outlive it. Its socket and runtime files lie in
`/run/lockstep-<hash of the folder>`: a unix socket's path has at most 107 bytes, and a clone may lie deep.
Asks an engine only whether it is there (docs.docker.com/reference/api/engine: GET /_ping); runs nothing in it.
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
from lockstep.errors import BuildError
from lockstep.ports import Say

SYSTEM_SOCKET = Path("/var/run/docker.sock")
BRIDGE, LOG, STATE = "docker0", "dockerd.log", "state.json"
PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "debootstrap": "debootstrap"}
ADMIN_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
PING_SECONDS, START_SECONDS, STOP_SECONDS = 5.0, 60.0, 30.0


@dataclass(frozen=True)
class EngineState:
    """The engine in use: its DOCKER_HOST url; if it is ours, process id, and whether it made the bridge."""

    host: str
    pid: int | None = None
    made_bridge: bool = False


@dataclass(frozen=True)
class Machine:
    """What decides whether an engine can be started and installed here; `path` is where its tools are."""

    system: str
    distribution: frozenset[str]
    is_root: bool
    socket: Path = SYSTEM_SOCKET
    path: str = ADMIN_PATH

    @classmethod
    def this(cls, release: Path = Path("/etc/os-release")) -> Machine:
        """Return the machine that this runs on."""
        system = platform.system()
        text = release.read_text(encoding="utf-8") if release.is_file() else ""
        return cls(system, distribution(text), system == "Linux" and os.geteuid() == 0)


def distribution(release: str) -> frozenset[str]:
    """Return the names of a distribution and of those it is like, from the text of its os-release."""
    return frozenset(re.findall(r"[\w.-]+", " ".join(re.findall(r"^(?:ID|ID_LIKE)=(.*)$", release, re.MULTILINE))))


def answers(host: str) -> bool:
    """Whether an engine answers at `host`, a unix:// or tcp:// url."""
    url = urlsplit(host)
    try:
        connection = http.client.HTTPConnection(url.hostname or "localhost", url.port or 2375, timeout=PING_SECONDS)
        with contextlib.closing(connection):
            if url.scheme == "unix":
                connection.sock = socket.socket(socket.AF_UNIX)
                connection.sock.settimeout(PING_SECONDS)
                connection.sock.connect(url.path)
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, ValueError, http.client.HTTPException):
        return False


def named(env: Mapping[str, str]) -> str:
    """Return what DOCKER_HOST names, "" for nothing; raises BuildError for an engine behind TLS, ssh or npipe."""
    host = env.get("DOCKER_HOST", "")
    scheme = urlsplit(host).scheme
    if host and scheme != "unix" and (scheme not in {"tcp", "http"} or env.get("DOCKER_TLS_VERIFY")):
        answer = "only unix sockets and plain tcp, without TLS, are supported"
        cure = "set DOCKER_HOST to unix:///<path> or tcp://<host>:<port>, or unset it"
        raise BuildError(f"using the Docker engine at {host}, which DOCKER_HOST names", answer, cure)
    return host


def find(env: Mapping[str, str], system_socket: Path = SYSTEM_SOCKET) -> str | None:
    """Return the DOCKER_HOST url of an engine that answers, Docker Desktop's among them, or None.

    Where DOCKER_HOST is set, no other is asked. Raises BuildError as `named` does.
    """
    host = named(env)
    sockets = (system_socket, Path(env.get("HOME") or "/", ".docker/run/docker.sock"))
    hosts = (host,) if host else tuple(f"unix://{path}" for path in sockets if path.exists())
    return next(filter(answers, hosts), None)


def runtime_folder(folder: Path) -> Path:
    """Return where the engine of `folder` has its socket and runtime files: short, however deep that lies."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()
    return Path("/run", f"lockstep-{digest[:8]}")


def own_host(folder: Path) -> str:
    """Return the DOCKER_HOST url that the engine of `folder` has, running or not."""
    return f"unix://{runtime_folder(folder)}/docker.sock"


def daemon_argv(folder: Path) -> tuple[str, ...]:
    """Return the command of the engine of `folder`."""
    runtime, data = runtime_folder(folder), folder.resolve() / "engine" / "data"
    where = ("--data-root", str(data), "--exec-root", f"{runtime}/exec", "--pidfile", f"{runtime}/dockerd.pid")
    return ("dockerd", *where, "--host", own_host(folder))


def admin_environment(env: Mapping[str, str], tools: str = ADMIN_PATH, **extra: str) -> dict[str, str]:
    """Return a child's environment that finds dockerd and its like, often not on a plain user's PATH."""
    path = ":".join(part for part in (env.get("PATH", ""), tools) if part)
    return process.child_environment(env, PATH=path, **extra)


def ensure(folder: Path, env: Mapping[str, str], say: Say, machine: Machine | None = None) -> EngineState:
    """Return an engine that answers; where none does, start one for `folder`, which runs until `stop`.

    Starting one needs Linux and root; what it needs is installed first where apt can. Raises BuildError where
    none answers and none can be started, quoting the end of its log if it tried to.
    """
    here = machine or Machine.this()
    wanted, own = named(env), recorded(folder)
    if own and answers(own.host):
        return own
    if host := find(env, here.socket):
        return EngineState(host)
    if wanted not in {"", own_host(folder)}:
        raise BuildError(f"no Docker engine answers at {wanted}", cure="start it, or unset DOCKER_HOST")
    if own is None or not is_running(own.pid, daemon_argv(folder)):
        provide(("dockerd", "iptables"), env, say, here)
        if host := find(env, here.socket):  # where systemd runs, installing the package has started its service
            return EngineState(host)
        if not here.is_root:
            raise BuildError("no Docker engine answers", "only root can start one", "start Docker; try again")
        own = _start(folder, env, say)
    return _wait_until_ready(folder, own, say)


def provide(tools: Sequence[str], env: Mapping[str, str], say: Say, machine: Machine | None = None) -> None:
    """See that `tools`, keys of PACKAGES, are installed; install what is not on Debian and its like, as root.

    Installs all of PACKAGES at once, since fetching the lists is slow. Raises BuildError where it cannot.
    """
    here = machine or Machine.this()
    admin = admin_environment(env, here.path, DEBIAN_FRONTEND="noninteractive")
    missing = [tool for tool in tools if not shutil.which(tool, path=admin["PATH"])]
    if not missing:
        return
    tried = f"the sandbox needs {' and '.join(missing)} on this machine"
    if not here.distribution & {"debian", "ubuntu"} or not here.is_root:
        needed = " ".join(PACKAGES[tool] for tool in missing)
        cure = f"start a Docker engine that has the base images, or as root install {needed} (names on Debian)"
        raise BuildError(tried, "not installed, and not a machine where we may use apt-get", cure)
    packages = [package for tool, package in PACKAGES.items() if not shutil.which(tool, path=admin["PATH"])]
    say(f"installing {', '.join(packages)} with apt-get: this machine has none; about half a minute")
    install = ("apt-get", "install", "-q", "-y", "--no-install-recommends", *packages)
    for argv in (("apt-get", "update", "-q"), install):
        done = process.run(argv, admin)
        if done.status:
            raise BuildError(f"'{' '.join(argv)}' failed", process.tail(done.output), "mend apt-get; try again")


def stop(folder: Path, say: Say) -> None:
    """Stop the engine that `ensure` started for `folder`, with all that runs in it; keep its images.

    Does nothing where there is none. Takes away processes, mounts, runtime folder and, if it made it, the
    bridge; leaves the packet filter's rules, which are harmless. Raises BuildError where a mount stays.
    """
    state, argv = recorded(folder), daemon_argv(folder)
    if state is None:
        return
    say("stopping the sandbox's Docker engine")
    if state.pid and is_running(state.pid, argv):
        os.kill(state.pid, signal.SIGTERM)
        _wait(lambda: not is_running(state.pid, argv), STOP_SECONDS)
    _clear(folder)
    admin = admin_environment({})
    if state.made_bridge and shutil.which("ip", path=admin["PATH"]):
        process.run(("ip", "link", "delete", BRIDGE), admin)
    (folder / "engine" / STATE).unlink()


def recorded(folder: Path) -> EngineState | None:
    """Return what was noted of the engine that was started for `folder`, or None; it may have ended since."""
    try:
        return EngineState(**json.loads((folder / "engine" / STATE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_running(pid: int | None, argv: Sequence[str], proc: Path = Path("/proc"), tools: str = ADMIN_PATH) -> bool:
    """Whether process `pid` is there and still is the one that was started as `argv`, its path aside."""
    if pid is None:
        return False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    if not proc.is_dir():  # as on macOS, where ps tells the command as one text
        ps = ("ps", "-o", "state=", "-o", "command=", "-p", str(pid))
        said = process.run(ps, admin_environment({}, tools)).output.strip()
        return said.endswith(" ".join(("", *argv[1:]))) and not said.startswith("Z")
    try:
        command = (proc / str(pid) / "cmdline").read_text(errors="replace")
        state = (proc / str(pid) / "stat").read_text(errors="replace").rpartition(") ")[2][0]
    except OSError:
        return False
    # Both a process that has just been started and one that has ended but not been reaped have no command.
    return state != "Z" and command.split("\0")[1:-1] in ([], list(argv[1:]))


def mounts_below(folder: Path, table: str | None = None) -> tuple[Path, ...]:
    """Return what is mounted at or below `folder`, innermost first; `table` is a mountinfo (see proc(5))."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8") if table is None else table
    points = (line.split()[4] for line in text.splitlines())
    paths = [Path(re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), point)) for point in points]
    return tuple(path for path in reversed(paths) if path.is_relative_to(folder.resolve()))


def unmount_below(folder: Path) -> None:
    """Unmount all that is mounted at or below `folder`; raises BuildError where something stays."""
    for option in ("--verbose", "--lazy"):
        for path in mounts_below(folder):
            process.run(("umount", option, str(path)), admin_environment({}))
    if left := mounts_below(folder):
        raise BuildError(f"{left[0]} could not be unmounted", cure=f"umount {left[0]}; try again")


def _start(folder: Path, env: Mapping[str, str], say: Say) -> EngineState:
    say("starting a Docker engine for the sandbox: none answers on this machine")
    _clear(folder)
    runtime_folder(folder).mkdir(mode=0o700)
    log = folder / "engine" / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    made_before = (before := recorded(folder)) is not None and before.made_bridge
    made_bridge = made_before or all(name != BRIDGE for _, name in socket.if_nameindex())
    pid = process.start(daemon_argv(folder), admin_environment(env), log)
    state = EngineState(own_host(folder), pid, made_bridge)
    (folder / "engine" / STATE).write_text(json.dumps(asdict(state)), encoding="utf-8")
    return state


def _wait_until_ready(folder: Path, state: EngineState, say: Say) -> EngineState:
    argv = daemon_argv(folder)
    has_ended = _wait(lambda: answers(state.host) or not is_running(state.pid, argv), START_SECONDS)
    if answers(state.host):
        return state
    log, why = folder / "engine" / LOG, "it ended" if has_ended else "no answer in time"
    stop(folder, say)
    last = process.tail(log.read_text(encoding="utf-8", errors="replace"))
    raise BuildError("the sandbox's Docker engine did not start", f"{why}: {last}", f"read {log}")


def _wait(is_done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_done():
            return True
        time.sleep(0.05)
    return False


def _family(folder: Path) -> set[int]:
    """Return the engine's processes and all that descend from them: its containers run below its shims."""
    parents: dict[int, int] = {}
    family: set[int] = set()
    mark = f"{runtime_folder(folder)}/".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        program = command.partition(b"\0")[0].rpartition(b"/")[2]
        if mark in command and program.startswith((b"dockerd", b"containerd")):
            family.add(int(entry.name))
    while children := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= children
    return family


def _clear(folder: Path) -> None:
    """Take away what an engine leaves that did not end by itself; one that did leaves little."""
    for pid in _family(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _wait(lambda: not _family(folder), STOP_SECONDS)
    for place in (runtime_folder(folder), folder / "engine"):
        unmount_below(place)
    shutil.rmtree(runtime_folder(folder), ignore_errors=True)
