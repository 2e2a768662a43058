"""Serves a build the keys of its role on loopback, as CodeBuild's container does; refuses whoever lacks the token.

The build finds it by AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN, the provider of
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html: its keys stand in no variable.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lockstep.pipeline_ports import Keys

_LOOPBACK, _PATH = "127.0.0.1", "/credentials"


@contextmanager
def served(issue: Callable[[], Keys]) -> Iterator[Mapping[str, str]]:
    """Serve the keys that `issue` gives, as long as the block runs; yield the variables that lead a build to them."""
    token = secrets.token_urlsafe(32)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "").encode("latin-1", "replace")
            if not hmac.compare_digest(given, token.encode()):
                self._answer(HTTPStatus.FORBIDDEN, {"code": "Forbidden", "message": "the token is not the build's"})
            elif self.path != _PATH:
                self._answer(HTTPStatus.NOT_FOUND, {"code": "NotFound", "message": "there is nothing here"})
            else:
                self._answer(HTTPStatus.OK, _document(issue()))

        def _answer(self, status: HTTPStatus, document: Mapping[str, str]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Keep quiet: the log is the build's."""

    with ThreadingHTTPServer((_LOOPBACK, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{_LOOPBACK}:{server.server_address[1]}{_PATH}",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
            }
        finally:
            server.shutdown()
            thread.join()


def _document(keys: Keys) -> Mapping[str, str]:
    return {
        "AccessKeyId": keys.access,
        "SecretAccessKey": keys.secret,
        "Token": keys.token,
        "Expiration": keys.expires,
    }
