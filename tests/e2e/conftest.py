"""A copy of this working tree in which the demo has run, on the real Docker engine and the real SAM CLI.

The copy has a sandbox of its own, on a port of its own. The engine is whichever answers, else one that is started
below this working tree, so that its stand-in base image is built once. A missing engine is a failure, never a skip.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lockstep import process
from lockstep.aws.session import Reach, code_of, open_session
from lockstep.sandbox import engine
from tests.e2e.recorder import Recorder

ROOT = Path(__file__).parents[2]
TOOLING, TEST, PROD = "111111111111", "222222222222", "333333333333"
# Verifying this repository takes minutes, and CI does it beside: here the stage shows its tools and its role.
VERIFY = """\
version: 0.2
phases:
  install:
    commands:
      - pip install --quiet --no-deps --require-hashes -r requirements/run.txt
  build:
    commands:
      - nox --list
"""
REGION, RELEASER = "eu-west-1", "lockstep-sandbox-releaser"


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """The one JSON document that stdout holds."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Place:
    """A copy of the working tree, and how to act in it as its user would."""

    folder: Path
    env: Mapping[str, str]
    recorder: Recorder

    def run(self, *argv: str, **env: str) -> Ran:
        """Run a command there."""
        ended = subprocess.run(
            argv, cwd=self.folder, env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def invoke(self, *argv: str, **env: str) -> Ran:
        """Run a task there, with the environment that the demo left."""
        if argv[0] in {"sandbox.stop", "sandbox.reset"}:
            self.recorder.name(self.caller)
        return self.run(str(self.folder / ".venv" / "bin" / "invoke"), *argv, **env)

    def commit(self) -> None:
        """Commit whatever was changed in the files."""
        author = ("-c", "user.name=tests", "-c", "user.email=tests@example.invalid")
        self.run("git", "add", "--all")
        self.run("git", *author, "commit", "-q", "-m", "a change")

    def restore(self) -> None:
        """Put back whatever was changed in the files, and the commit."""
        self.run("git", "reset", "-q", "--hard", "start")
        self.run("git", "clean", "-q", "-d", "--force", "services", "infra")

    def caller(self, key: str) -> str:
        """Whose an access key is, as CloudTrail has it."""
        attribute = [{"AttributeKey": "AccessKeyId", "AttributeValue": key}]
        for account in (TOOLING, TEST, PROD):
            for event in self.client("cloudtrail", account).lookup_events(LookupAttributes=attribute)["Events"]:
                return str(json.loads(event["CloudTrailEvent"])["userIdentity"]["arn"])
        return "unknown"

    def endpoint(self) -> str:
        """Where the sandbox of this place listens."""
        port = json.loads((self.folder / ".lockstep" / "sandbox" / "server.json").read_text())["port"]
        return f"http://127.0.0.1:{port}"

    def client(self, service: str, account: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Look into an account as its root."""
        session: Any = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint())

    def assume(self, role: str, profile: str) -> str:
        """Try to assume a role as a person of the sandbox; return 'allowed' or AWS's code."""
        files = self.folder / ".lockstep" / "sandbox" / "aws"
        reach = Reach(REGION, self.endpoint(), files / "config", files / "credentials")
        sts = open_session(reach, profile, "testing").client("sts")
        try:
            sts.assume_role(RoleArn=role, RoleSessionName="tests")
        except ClientError as error:
            return code_of(error)
        return "allowed"

    def accounts(self) -> dict[str, Any]:
        """What is in the accounts: stacks with their status and tags, images, published files; locks left out."""
        found: dict[str, Any] = {}
        for account in (TOOLING, TEST, PROD):
            stacks = self.client("cloudformation", account).describe_stacks()["Stacks"]
            found[account] = {s["StackName"]: (s["StackStatus"], s.get("LastUpdatedTime"), s["Tags"]) for s in stacks}
        ecr = self.client("ecr", TOOLING)
        for repository in ecr.describe_repositories()["repositories"]:
            name = repository["repositoryName"]
            found[name] = sorted(i["imageDigest"] for i in ecr.describe_images(repositoryName=name)["imageDetails"])
        bucket = f"lockstep-artifacts-{TOOLING}-{REGION}"
        listed = self.client("s3", TOOLING).list_objects_v2(Bucket=bucket).get("Contents", [])
        found[bucket] = sorted(item["Key"] for item in listed if "/locks/" not in item["Key"])
        return found


@pytest.fixture(scope="session")
def docker_host() -> Iterator[str]:
    """The engine that answers, or one of ours for as long as the tests run."""
    folder = ROOT / ".lockstep"
    folder.mkdir(exist_ok=True)
    before = engine.recorded(folder)
    running = engine.ensure(folder, os.environ, print)
    yield running.host
    if running.pid is not None and before is None:
        engine.stop(folder, print)


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    """Listens to every call of the run, and writes who made which."""
    found, record = Recorder(), ROOT / "reports" / "calls.json"
    # What an earlier run called says nothing of this one.
    record.unlink(missing_ok=True)
    yield found
    found.close()
    found.write(record)


def copy(to: Path, docker_host: str, recorder: Recorder) -> Place:
    """Copy what git knows or would add of this working tree, and commit it there."""
    listed = subprocess.run(
        ("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        capture_output=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    (to / "buildspecs" / "verify.yml").write_text(VERIFY)
    home = to.parent / "home"
    home.mkdir()
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {"HOME": str(home), "PATH": tools, "DOCKER_HOST": docker_host, "LOCKSTEP_CONFIG": "infra/sandbox.toml"}
    env = process.child_environment(os.environ, **own, **recorder.env)
    place = Place(to, env, recorder)
    place.run("git", "init", "-q", "-b", "main")
    place.commit()
    place.run("git", "tag", "start")
    return place


@pytest.fixture(scope="session")
def demo(docker_host: str, recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Ran]]:
    """The place where the demo has run, and how it ended."""
    folder = tmp_path_factory.mktemp("e2e") / "lockstep"
    folder.mkdir()
    place = copy(folder, docker_host, recorder)
    ran = place.run("nox", "-s", "demo")
    yield place, ran
    place.invoke("sandbox.stop")
    shutil.rmtree(folder.parent)


def settle(place: Place) -> None:
    """Bring both environments to the release of the tree, which is committed."""
    place.commit()
    for argv in (("deploy", "--env", "test"), ("promote", "--to", "prod", "--profile", RELEASER)):
        ran = place.invoke(*argv)
        assert ran.status == 0, ran.stdout + ran.stderr


@pytest.fixture
def place(demo: tuple[Place, Ran], recorder: Recorder) -> Iterator[Place]:
    """The place as the demo left it; what a test changes in its files is put back."""
    there, ran = demo
    assert ran.status == 0, ran.stdout + ran.stderr
    yield there
    recorder.name(there.caller)
    there.restore()


@pytest.fixture
def expendable(place: Place) -> Iterator[Place]:
    """The place, whose accounts a test may change: they are set up and deployed to again afterwards."""
    yield place
    place.restore()
    assert place.invoke("bootstrap", "--yes").status == 0
    settle(place)
