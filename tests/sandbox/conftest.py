"""Starts MiniStack for the tests, once with the mends and once as it comes, and ends both.

Each server has a free loopback port, a throwaway folder and nothing of this process's AWS configuration.
Skips nothing: without the sandbox's own Python the tests fail and say how to get it.
"""

# What boto3 makes at run time has no type, and what a call takes is the call's affair.
# ruff: noqa: ANN401

from __future__ import annotations

import functools
import http.client
import io
import json
import os
import signal
import socket
import time
import zipfile
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lockstep import process, schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[2]
REGION = "eu-west-1"
TOOLING = "111111111111"
TEST = "222222222222"
PATIENCE = 30.0
# Trust of a role that CloudFormation uses for a stack.
FOR_STACKS = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True)
class Keys:
    """Credentials: an account's root is its id with any secret, a session also has a token."""

    key: str
    secret: str = "any"
    token: str | None = None


@dataclass(frozen=True)
class Server:
    """A running MiniStack."""

    port: int

    def client(self, service: str, keys: Keys | str) -> Any:
        """Return a client for a session's keys, or for the root of an account."""
        keys = Keys(keys) if isinstance(keys, str) else keys
        makes: Any = _session()  # typed for each service by its name, which is not known here
        return makes.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=keys.key,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def reset(self) -> None:
        """Forget everything in every account."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.request("POST", "/_ministack/reset")
            assert connection.getresponse().status == http.HTTPStatus.OK

    def role(self, account: str, name: str, *statements: dict[str, Any], **options: Any) -> str:
        """Make a role that its own account may assume, or whom the option `trust` names; return its ARN."""
        trusted = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
        trust = policy(options.pop("trust", trusted))
        iam = self.client("iam", account)
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **options)["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return str(arn)

    def assume(self, role: str, caller: Keys | str | None = None) -> Keys:
        """Return a session of a role, assumed by the root of its account or by the caller named."""
        sts = self.client("sts", caller or role.split(":")[4])
        found = sts.assume_role(RoleArn=role, RoleSessionName="tester")["Credentials"]
        return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def bucket(self, name: str, *statements: dict[str, Any], file: bytes | None = None) -> None:
        """Make a bucket of the tooling account, with `file` in it and a policy on all that is in it."""
        s3 = self.client("s3", TOOLING)
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if file is not None:
            s3.put_object(Bucket=name, Key="file", Body=file)
        if statements:
            everything = {"Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]}
            s3.put_bucket_policy(Bucket=name, Policy=policy(*(given | everything for given in statements)))

    def settled(self, name: str, keys: Keys | str) -> str:
        """Wait until nothing changes a stack and return its status."""
        client = self.client("cloudformation", keys)
        return str(until(lambda: _settled(client.describe_stacks(StackName=name)["Stacks"][0]), "end of the stack"))

    def deploy(self, keys: Keys, name: str, resources: dict[str, Any], **options: Any) -> tuple[str, str]:
        """Create a stack by a change set, as SAM does; return how it ended and why it failed, if it did."""
        client = self.client("cloudformation", keys)
        template = json.dumps({"Resources": resources})
        named = {"StackName": name, "ChangeSetName": "change"}
        client.create_change_set(**named, ChangeSetType="CREATE", TemplateBody=template, **options)
        available = ("CREATE_COMPLETE", "FAILED")
        until(lambda: client.describe_change_set(**named)["Status"] in available, "change set")
        client.execute_change_set(**named)
        status = self.settled(name, keys)
        events = reversed(client.describe_stack_events(StackName=name)["StackEvents"])
        failed = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
        return status, failed[0]["ResourceStatusReason"] if failed else ""


@functools.cache
def _session() -> boto3.Session:
    # One for all: what takes long is to read the services' descriptions, which a session remembers.
    return boto3.Session(region_name=REGION)


def _settled(stack: dict[str, Any]) -> str:
    status = str(stack["StackStatus"])
    return "" if status.endswith("_IN_PROGRESS") else status


def policy(*statements: dict[str, Any]) -> str:
    """Return a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    """Return a statement that allows something."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def outcome(call: Callable[..., Any], **arguments: object) -> str:
    """Return "done", or the code of the error that a call ended with."""
    return _error(call, arguments, "Code")


def message(call: Callable[..., Any], **arguments: object) -> str:
    """Return "done", or the message of the error that a call ended with."""
    return _error(call, arguments, "Message")


def _error(call: Callable[..., Any], arguments: dict[str, Any], what: Literal["Code", "Message"]) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"][what])
    return "done"


def zipped() -> bytes:
    """Return a zip archive with one file, always the same."""
    with io.BytesIO() as whole:
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr(zipfile.ZipInfo("code.py"), "def handler(event, context): return None\n")
        return whole.getvalue()


def until(answers: Callable[[], Any], what: str) -> Any:
    """Ask until there is an answer; fails the test where there is none in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := answers():
            return found
        time.sleep(0.05)
    pytest.fail(f"no {what} within {PATIENCE:.0f} s")


@pytest.fixture(scope="session")
def sandbox_python() -> str:
    """The Python of the sandbox's own environment."""
    found = os.environ.get("LOCKSTEP_SANDBOX_PYTHON")
    if not found:
        pytest.fail("LOCKSTEP_SANDBOX_PYTHON does not name the sandbox's Python; run these tests with nox")
    return found


@pytest.fixture(scope="session")
def mended(sandbox_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MiniStack with the mends, as the sandbox starts it."""
    with served(sandbox_python, tmp_path_factory.mktemp("mended")) as server:
        yield server


@pytest.fixture(scope="session")
def unmended(sandbox_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MiniStack as it comes."""
    with _served(sandbox_python, ("ministack",), tmp_path_factory.mktemp("unmended")) as server:
        yield server


@contextmanager
def served(python: str, folder: Path) -> Iterator[Server]:
    """Serve a MiniStack with the mends, measured."""
    with _served(python, ("coverage", "run", "-m", "lockstep.sandbox.emulator"), folder) as server:
        yield server


@contextmanager
def _served(python: str, module: tuple[str, ...], folder: Path) -> Iterator[Server]:
    port = _free_port()
    env = process.child_environment(
        os.environ,
        PYTHONPATH=str(REPOSITORY),
        GATEWAY_PORT=str(port),
        BIND_HOST="127.0.0.1",
        AUTH="true",
        MINISTACK_ACCOUNT_ID=TOOLING,
        MINISTACK_REGION=REGION,
        CLOUDTRAIL_RECORDING="1",
        IOT_MTLS_ENABLED="0",
        TMPDIR=str(folder),
        HOME=str(folder),
        LOCKSTEP_SCHEMAS=str(schemas.installed()),
        COVERAGE_FILE=str(REPOSITORY / ".coverage.emulator"),
    )
    log = folder / "log"
    pid = process.start((python, "-m", *module), env, log, cwd=REPOSITORY)
    try:
        until(lambda: _is_healthy(port) or not _is_running(pid), "health")
        if not _is_running(pid):
            pytest.fail(f"{module[-1]} did not start:\n{log.read_text(encoding='utf-8')}")
        yield Server(port)
    finally:
        _end(pid)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _is_running(pid: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    return False


def _end(pid: int) -> None:
    if _is_running(pid):
        os.kill(pid, signal.SIGTERM)
        until(lambda: not _is_running(pid), "end of MiniStack")
