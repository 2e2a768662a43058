"""A tiny Docker engine on a unix socket: enough of its API for the real client, and everything it was asked.

https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import base64
import io
import json
import socketserver
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request, without the API's version in its path."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def login(self) -> dict[str, str]:
        """The login that came with it."""
        found: dict[str, str] = json.loads(base64.urlsafe_b64decode(self.headers["X-Registry-Auth"]))
        return found

    @property
    def files(self) -> list[str]:
        """The files in the tar that came with it."""
        with tarfile.open(fileobj=io.BytesIO(self.body)) as tar:
            return sorted(member.name for member in tar if not member.isdir())


@dataclass
class Engine:
    """What the engine answers, by method and path: a status and a document, or a tuple: the lines of a stream.

    `broken` cuts a stream off in its middle.
    """

    host: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    broken: bool = False

    def at(self, path: str) -> Asked:
        """Return the last request for a path."""
        return [asked for asked in self.asked if asked.path == path][-1]


class _Handler(BaseHTTPRequestHandler):
    """Answers one request for each connection, so that no thread waits for a second one."""

    protocol_version = "HTTP/1.1"
    engine: Engine

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.close_connection = True
        url = urlsplit(self.path)
        path = unquote(url.path.partition("/v1.41")[2] or url.path)
        asked = Asked(self.command, path, dict(parse_qsl(url.query)), dict(self.headers.items()), self._body())
        self.engine.asked.append(asked)
        absent = (404, {"message": f"No such image: {path}"})
        status, document = self.engine.answers.get(f"{self.command} {path}", absent)
        self.send_response(status)
        self.send_header("Connection", "close")
        if isinstance(document, tuple):
            self._stream([json.dumps(line).encode() + b"\r\n" for line in document])
        else:
            content = json.dumps(document).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _stream(self, pieces: list[bytes]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"ff\r\n{" if self.engine.broken else b"0\r\n\r\n")

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, *_words: object) -> None:
        """Keep quiet."""


@contextmanager
def running() -> Iterator[Engine]:
    """Run an engine that answers to ping and knows its version, and has no image."""
    engine = Engine()
    engine.answers = {
        "GET /version": (200, {"Version": "20.10.24", "ApiVersion": "1.41"}),
        "GET /_ping": (200, {}),
    }
    handler = type("Handler", (_Handler,), {"engine": engine})
    # A socket's path must be short, which pytest's own folders need not be.
    with tempfile.TemporaryDirectory(prefix="l-", dir="/tmp") as folder:
        path = Path(folder, "docker.sock")
        with socketserver.ThreadingUnixStreamServer(str(path), handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            engine.host = f"unix://{path}"
            try:
                yield engine
            finally:
                server.shutdown()
                thread.join()
