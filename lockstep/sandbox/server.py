"""Starts and stops the embedded AWS: its own Python environment, its process, its port, its state.

Everything lies below .lockstep/ of the working tree. The server listens on loopback only, and enforces IAM.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockstep import canonical, process, schemas
from lockstep.errors import LockstepError, UnavailableError
from lockstep.ports import Say
from lockstep.sandbox import engine, people, standin
from lockstep.settings import Settings

if TYPE_CHECKING:
    from lockstep.images import Images

LOOPBACK = "127.0.0.1"
# What CodeBuild needs no counterpart of: AWS is found by its region.
PORT = "LOCKSTEP_SANDBOX_PORT"
START_SECONDS, STOP_SECONDS = 60.0, 60.0
# What the process is started as, its path aside.
EMULATOR = ("python", "-m", "lockstep.sandbox.emulator")


@dataclass(frozen=True)
class Server:
    """The sandbox of the working tree at `root`."""

    root: Path
    environ: Mapping[str, str]
    settings: Settings
    open_images: Callable[[str], Images]

    @property
    def folder(self) -> Path:
        """Where everything of it lies."""
        return self.root / ".lockstep"

    @property
    def home(self) -> Path:
        """Where the emulator's own files lie."""
        return self.folder / "sandbox"

    @property
    def named(self) -> str:
        """The port of a sandbox that runs elsewhere, as a build of its pipeline is told it; empty where none is."""
        return self.environ.get(PORT, "")

    @property
    def profiles(self) -> people.Profiles:
        """The sandbox's AWS profiles."""
        return people.Profiles(self.home / "aws")

    def registry(self) -> str:
        """Return where images are pushed: the emulator serves its registry on its own port."""
        return f"{LOOPBACK}:{self._port()}"

    def endpoint(self) -> str:
        """Return the endpoint; raises UnavailableError where the sandbox does not run."""
        if not self._healthy():
            raise UnavailableError("calling the sandbox", "it does not run", "invoke sandbox.start")
        return f"http://{self.registry()}"

    def start(self, say: Say) -> None:
        """Start the engine, the emulator and the people, and see to the base images; nothing that is there already."""
        self.home.mkdir(parents=True, exist_ok=True)
        running = engine.ensure(self.folder, self.environ, say)
        say(f"Docker engine: {running.host}")
        python = self._environment(say)
        if not self._healthy():
            say(f"starting the AWS of this machine at http://{LOOPBACK}:{self._port()}")
            self._launch(python, running.host)
        empty = not self.profiles.credentials.exists()
        people.seed(self.settings, self.profiles, self.endpoint())
        images = self.open_images(running.host)
        lock = self.root / "requirements" / "standin.txt"
        standin.ensure(self._base_images(), images, self.folder, lock, self.environ, say)
        if empty:
            say("its accounts are empty; next: invoke bootstrap --yes")

    def stop(self, say: Say) -> None:
        """End the emulator, its containers, and the engine if it is ours; keep their state."""
        state = self._state()
        if engine.is_running(state.get("pid"), EMULATOR):
            say("stopping the AWS of this machine")
            os.kill(state["pid"], signal.SIGTERM)
            self._wait(lambda: not engine.is_running(state["pid"], EMULATOR), STOP_SECONDS, "stopping")
        if state:
            self._remember(port=state.get("port"))
        engine.stop(self.folder, say)

    def reset(self, say: Say) -> None:
        """Stop, and forget what was in the accounts; images and installed tools stay."""
        self.stop(say)
        for name in ("state", "s3", "aws", "tmp"):
            shutil.rmtree(self.home / name, ignore_errors=True)
        (self.home / "server.json").unlink(missing_ok=True)
        say("the sandbox's accounts are empty")

    def status(self) -> Mapping[str, str | None]:
        """Return what runs where, None where nothing does."""
        own = engine.recorded(self.folder)
        return {
            "endpoint": f"http://{self.registry()}" if self._healthy() else None,
            "engine": engine.find(self.environ) or (own.host if own and engine.answers(own.host) else None),
            "profiles": str(self.profiles.config) if self.profiles.config.is_file() else None,
        }

    def _environment(self, say: Say) -> Path:
        """Ensure the emulator's own Python environment; return its interpreter."""
        lock = self.root / "requirements" / "sandbox.txt"
        wanted = canonical.sha256(lock.read_bytes())
        venv, mark = self.home / "venv", self.home / "venv" / "installed"
        python = venv / "bin" / "python"
        if mark.is_file() and mark.read_text() == wanted and python.exists():
            return python
        say("installing the AWS of this machine (requirements/sandbox.txt)")
        shutil.rmtree(venv, ignore_errors=True)
        env = process.child_environment(self.environ)
        install = (str(python), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", str(lock))
        for argv in ((sys.executable, "-m", "venv", str(venv)), install):
            ended = process.run(argv, env)
            if ended.status != 0:
                raise LockstepError(
                    "installing requirements/sandbox.txt", process.tail(ended.output), "look at the network"
                )
        mark.write_text(wanted)
        return python

    def _launch(self, python: Path, docker_host: str) -> None:
        port, log = self._port(), self.home / "server.log"
        scratch = self.home / "tmp"
        scratch.mkdir(exist_ok=True)
        env = process.child_environment(
            self.environ,
            PYTHONPATH=str(self.root),
            PYTHONDONTWRITEBYTECODE="1",
            TMPDIR=str(scratch),
            BIND_HOST=LOOPBACK,
            GATEWAY_PORT=str(port),
            AUTH="true",
            MINISTACK_ACCOUNT_ID=self.settings.tooling.account,
            MINISTACK_REGION=self.settings.region,
            CLOUDTRAIL_RECORDING="1",
            IOT_MTLS_ENABLED="0",
            DOCKER_HOST=docker_host,
            PERSIST_STATE="1",
            STATE_DIR=str(self.home / "state"),
            S3_PERSIST="1",
            S3_DATA_DIR=str(self.home / "s3"),
            LOCKSTEP_SCHEMAS=str(schemas.installed()),
        )
        pid = process.start((str(python), *EMULATOR[1:]), env, log, cwd=self.home)
        self._remember(port=port, pid=pid)
        self._wait(lambda: self._healthy() or not engine.is_running(pid, EMULATOR), START_SECONDS, "starting")
        if not self._healthy():
            raise UnavailableError(
                "starting the sandbox",
                process.tail(log.read_text(errors="replace")),
                f"read {log}; another port: sandbox.reset",
            )

    def _base_images(self) -> tuple[str, ...]:
        dockerfiles = sorted((self.root / "services").glob("*/**/Dockerfile*"))
        found = (standin.base_images(file.read_text(encoding="utf-8")) for file in dockerfiles if file.is_file())
        return tuple(dict.fromkeys(image for images in found for image in images))

    def _state(self) -> dict[str, int]:
        try:
            found = json.loads((self.home / "server.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _remember(self, **values: int | None) -> None:
        known = {name: value for name, value in values.items() if value is not None}
        (self.home / "server.json").write_text(json.dumps(known), encoding="utf-8")

    def _port(self) -> int:
        """Return the sandbox's port: that of the named one, else a free one the first time, the same one ever after."""
        state = self._state()
        if self.named:
            return int(self.named)
        if "port" not in state:
            with socket.socket() as probe:
                probe.bind((LOOPBACK, 0))
                state["port"] = probe.getsockname()[1]
            self.home.mkdir(parents=True, exist_ok=True)
            self._remember(**state)
        return state["port"]

    def _healthy(self) -> bool:
        if "pid" not in self._state() and not self.named:
            return False
        connection = http.client.HTTPConnection(LOOPBACK, self._port(), timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        return False

    @staticmethod
    def _wait(is_done: Callable[[], bool], seconds: float, doing: str) -> None:
        end = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() > end:
                raise UnavailableError(
                    f"{doing} the sandbox", f"not done after {seconds:.0f} s", "invoke sandbox.status"
                )
            time.sleep(0.05)
