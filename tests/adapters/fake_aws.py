"""A tiny AWS over HTTP: STS and as much of IAM as the sandbox's people need. Needs the standard library only.

Whoever has a key in `callers` is let in; a role is assumed by those whom `trusts` names for it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape


class RefusedError(Exception):
    """An answer that is an error: its code and its message."""


@dataclass
class Aws:
    """Callers by access key; for each role who may take it; by their ARN users with their policies, and their keys.

    `refuses` is the code of an error that everybody gets for everything, `late` how many calls are refused before AWS
    knows what was just made. With `roots`, an account's id is the key of
    its root, as it is for the sandbox's emulator.
    """

    port: int = 0
    status: int = 200
    refuses: str = ""
    late: int = 0
    roots: bool = False
    callers: dict[str, str] = field(default_factory=dict)
    trusts: dict[str, str] = field(default_factory=dict)
    users: dict[str, dict[str, str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    made: int = 0

    @property
    def endpoint(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, action: str, key: str, given: dict[str, str]) -> str:
        """Return the inside of the answer to one action; raises RefusedError."""
        if self.refuses:
            raise RefusedError(self.refuses, "no")
        if self.late:
            self.late -= 1
            raise RefusedError("AccessDenied", "not known yet")
        root = f"arn:aws:iam::{key}:root" if self.roots and re.fullmatch("[0-9]{12}", key) else None
        caller = self.callers.get(key, root)
        if caller is None:
            raise RefusedError("InvalidClientTokenId", "The security token included in the request is invalid.")
        does = {
            "GetCallerIdentity": self._identity,
            "AssumeRole": self._assume,
            "CreateUser": self._create_user,
            "PutUserPolicy": self._put_policy,
            "AttachUserPolicy": self._attach_policy,
            "ListAccessKeys": self._list_keys,
            "CreateAccessKey": self._create_key,
            "DeleteAccessKey": self._delete_key,
        }
        return does[action](caller, given)

    def _identity(self, caller: str, _given: dict[str, str]) -> str:
        return _xml(Arn=caller, UserId="id", Account=caller.split(":")[4])

    def _assume(self, caller: str, given: dict[str, str]) -> str:
        role = given["RoleArn"]
        if self.trusts.get(role) != caller:
            raise RefusedError(
                "AccessDenied", f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}"
            )
        _, _, _, _, account, name = role.split(":")
        arn = f"arn:aws:sts::{account}:assumed-role/{name.partition('/')[2]}/{given['RoleSessionName']}"
        key = self._key()
        self.callers[key] = arn
        inside = _xml(AccessKeyId=key, SecretAccessKey=f"secret-of-{key}", SessionToken=f"token-of-{key}",
                      Expiration="2100-01-01T00:00:00Z")  # fmt: skip
        return f"<Credentials>{inside}</Credentials>"

    def _create_user(self, caller: str, given: dict[str, str]) -> str:
        if _user(caller, given) in self.users:
            raise RefusedError("EntityAlreadyExists", "there is one")
        self.users[_user(caller, given)] = {}
        return ""

    def _put_policy(self, caller: str, given: dict[str, str]) -> str:
        self.users[_user(caller, given)][given["PolicyName"]] = given["PolicyDocument"]
        return ""

    def _attach_policy(self, caller: str, given: dict[str, str]) -> str:
        self.users[_user(caller, given)][given["PolicyArn"]] = "attached"
        return ""

    def _list_keys(self, caller: str, given: dict[str, str]) -> str:
        found = [_xml(AccessKeyId=key) for key, user in self.keys.items() if user == _user(caller, given)]
        members = "".join(f"<member>{one}</member>" for one in found)
        return f"<AccessKeyMetadata>{members}</AccessKeyMetadata><IsTruncated>false</IsTruncated>"

    def _create_key(self, caller: str, given: dict[str, str]) -> str:
        user = _user(caller, given)
        if list(self.keys.values()).count(user) == 2:
            raise RefusedError("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
        key = self._key()
        self.keys[key] = self.callers[key] = user
        inside = _xml(UserName=given["UserName"], AccessKeyId=key, SecretAccessKey=f"secret-of-{key}", Status="Active")
        return f"<AccessKey>{inside}</AccessKey>"

    def _delete_key(self, _caller: str, given: dict[str, str]) -> str:
        del self.keys[given["AccessKeyId"]], self.callers[given["AccessKeyId"]]
        return ""

    def _key(self) -> str:
        self.made += 1
        return f"KEY{self.made:013}"


class _Handler(BaseHTTPRequestHandler):
    aws: Aws

    def do_GET(self) -> None:
        self._send(self.aws.status, "")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = {name: values[0] for name, values in form.items()}
        found = re.search(r"Credential=([^/]+)/", self.headers["Authorization"])
        action, key = given["Action"], found[1] if found else ""
        try:
            inside = self.aws.answer(action, key, given)
        except RefusedError as error:
            code, message = error.args
            self._send(403, f"<ErrorResponse><Error>{_xml(Code=code, Message=message)}</Error></ErrorResponse>")
        else:
            self._send(200, f"<{action}Response><{action}Result>{inside}</{action}Result></{action}Response>")

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_words: object) -> None:
        """Keep quiet."""


def _user(caller: str, given: dict[str, str]) -> str:
    """Return the ARN of a user of the caller's account."""
    return f"arn:aws:iam::{caller.split(':')[4]}:user/{given['UserName']}"


def _xml(**values: str) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())


def server(aws: Aws) -> ThreadingHTTPServer:
    """Return a server of `aws`, bound to its port."""
    found = ThreadingHTTPServer(("127.0.0.1", aws.port), type("Handler", (_Handler,), {"aws": aws}))
    found.daemon_threads = False
    aws.port = found.socket.getsockname()[1]
    return found


@contextmanager
def running() -> Iterator[Aws]:
    """Run an AWS that nobody may enter yet."""
    aws = Aws()
    with server(aws) as serves:
        thread = threading.Thread(target=serves.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield aws
        finally:
            serves.shutdown()
            thread.join()


def main() -> None:
    """Serve as the sandbox's emulator would, at the port that the environment names, until SIGTERM."""
    with server(Aws(int(os.environ["GATEWAY_PORT"]), roots=True)) as serves:
        print("Ready.", flush=True)
        serves.serve_forever(poll_interval=0.01)
