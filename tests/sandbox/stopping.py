"""A way to AWS that ends somebody's process at one of its requests: after it was answered, before they hear of it."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

# The calls that change something of a stack: all that bootstrap changes anything by. What destroy does between two of
# them, to images, files, logs and the key, is stopped at by tests/unit/test_destroy_property.py, on fakes.
CHANGING = frozenset(
    {"CreateChangeSet", "DeleteChangeSet", "DeleteStack", "ExecuteChangeSet", "UpdateTerminationProtection"}
)
_HOP = frozenset({"connection", "content-length", "transfer-encoding"})


@dataclass
class Way:
    """What of CHANGING went through, in its order. At number `stop_at` of it the process `victim` is killed."""

    port: int = 0
    stop_at: int | None = None
    victim: int = 0
    passed: list[str] = field(default_factory=list)

    def is_the_end(self, body: bytes) -> bool:
        """Note a request, and kill whoever made it where it is the one to stop at."""
        operation = (parse_qs(body.decode("latin-1")).get("Action") or [""])[0]
        if operation not in CHANGING:
            return False
        self.passed.append(operation)
        if len(self.passed) - 1 != self.stop_at:
            return False
        os.kill(self.victim, signal.SIGKILL)
        return True


class _Server(http.server.ThreadingHTTPServer):
    """A server that passes everything on to another port."""

    def __init__(self, way: Way, to: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.way, self.to = way, to


class _Passing(http.server.BaseHTTPRequestHandler):
    """Passes a request on as it is, its Host included, which is signed."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.server.to, timeout=60)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        if self.server.way.is_the_end(body):
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    # The names that http.server asks for.
    do_GET = do_POST = do_PUT = do_DELETE = _pass  # noqa: N815 - as above

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Say nothing."""


@contextlib.contextmanager
def way_to(port: int) -> Iterator[Way]:
    """Open a way to the server at `port` of this machine."""
    way = Way()
    server = _Server(way, port)
    way.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
