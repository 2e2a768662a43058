"""Three accounts as bootstrap leaves them, in a MiniStack of their own: who there is, and how to act as them."""

# What boto3 makes at run time has no type.
# ruff: noqa: ANN401

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lockstep import settings as settings_room
from lockstep.aws.session import Reach, Session, code_of, open_session
from lockstep.names import Names
from lockstep.sandbox import people
from lockstep.sandbox.mended_policies import SOURCE_HEADER
from lockstep.settings import Settings
from lockstep.wiring import RealWiring
from tests.sandbox.conftest import REGION, REPOSITORY, TEST, TOOLING, Keys, Server

PROD = "333333333333"
ACCOUNTS = {"test": TEST, "prod": PROD}
DENIED = {"AccessDenied", "AccessDeniedException", "403"}


@dataclass(frozen=True)
class Accounts:
    """The accounts of the sandbox's settings in a server of their own; `root` is a working tree of ours."""

    server: Server
    root: Path

    @cached_property
    def settings(self) -> Settings:
        """The sandbox's settings."""
        return settings_room.load(self.root / "infra" / "sandbox.toml", self.root)

    @property
    def names(self) -> Names:
        """What everything is called."""
        return self.settings.names

    @property
    def profiles(self) -> people.Profiles:
        """Where the people's profiles are."""
        return people.Profiles(self.root / ".lockstep" / "sandbox" / "aws")

    @property
    def reach(self) -> Reach:
        """How to get there."""
        files = self.profiles
        return Reach(REGION, f"http://127.0.0.1:{self.server.port}", files.config, files.credentials)

    def seed(self) -> None:
        """Make the tree and the people; nothing is bootstrapped yet."""
        for name in ("infra", "services"):
            if not (self.root / name).exists():
                shutil.copytree(REPOSITORY / name, self.root / name)
        shutil.rmtree(self.profiles.folder, ignore_errors=True)
        self.listen_at(self.server.port)
        people.seed(self.settings, self.profiles, f"http://127.0.0.1:{self.server.port}")

    def anew(self) -> None:
        """Forget everything in every account, and have people in them again."""
        self.server.reset()
        self.seed()

    def add_settings(self, text: str) -> None:
        """Add to the settings, and have the people that are in them then."""
        file = self.root / "infra" / "sandbox.toml"
        file.write_text(file.read_text() + text)
        people.seed(self.wiring().settings(), self.profiles, f"http://127.0.0.1:{self.server.port}")

    def replace_settings(self, old: str, new: str) -> None:
        """Put other words into the settings; the people stay as they are."""
        file = self.root / "infra" / "sandbox.toml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def listen_at(self, port: int) -> None:
        """Have the tree find its sandbox at a port."""
        home = self.root / ".lockstep" / "sandbox"
        home.mkdir(parents=True, exist_ok=True)
        (home / "server.json").write_text(json.dumps({"port": port, "pid": os.getpid()}))

    def snapshot(self) -> dict[str, Any]:
        """What is in the accounts, but for what AWS chooses anew each time: stacks, roles, policies, and the rest."""
        found: dict[str, Any] = {"stacks": {}, "roles": {}}
        for account in (TOOLING, *ACCOUNTS.values()):
            for stack in self.server.client("cloudformation", account).describe_stacks()["Stacks"]:
                kept = ("StackStatus", "Parameters", "Tags", "EnableTerminationProtection")
                found["stacks"][stack["StackName"]] = [stack.get(name) for name in kept]
            iam = self.server.client("iam", account)
            for role in iam.list_roles()["Roles"]:
                name = role["RoleName"]
                inline = {one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"]
                          for one in iam.list_role_policies(RoleName=name)["PolicyNames"]}  # fmt: skip
                attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
                found["roles"][name] = [role["AssumeRolePolicyDocument"], inline, attached]
            found[f"logs of {account}"] = [
                group["logGroupName"]
                for group in self.server.client("logs", account).describe_log_groups()["logGroups"]
            ]
        kms, s3, ecr = (self.server.client(name, TOOLING) for name in ("kms", "s3", "ecr"))
        keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
        found["keys"] = sorted((key["Description"], key["KeyState"]) for key in keys if key["KeyManager"] == "CUSTOMER")
        found["buckets"] = sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"])
        found["repositories"] = [one["repositoryName"] for one in ecr.describe_repositories()["repositories"]]
        text = json.dumps(found, default=str, sort_keys=True)
        return dict(json.loads(re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)))

    def wiring(self) -> RealWiring:
        """Open everything as a developer on a machine without an engine would."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.root), "LOCKSTEP_CONFIG": "infra/sandbox.toml"}
        return RealWiring(self.root, as_json=True, environ=environ)

    def person(self, name: str) -> Session:
        """Become a person of the sandbox."""
        return open_session(self.reach, f"{self.settings.project}-sandbox-{name}", "testing")

    def become(self, who: str) -> Session:
        """Become a role, in the way that its trust policy leaves open."""
        if who == "developer":
            return self.person("developer")
        kind, _, environment = who.partition("-")
        if kind == "deployer":
            person = self.person("developer" if environment == "test" else "releaser")
            return person.assume(self.names.deployer_role(environment), who, "")
        if kind in {"build", "planner"}:
            role = {"build": self.names.build_role, "planner": self.names.planner_role}[kind]
            return self._as_service(role, self.names.job({"planner": "plan"}.get(kind, kind)))
        account = self.settings.environment(environment).value.account
        if kind == "execution":
            stack = f"arn:aws:cloudformation:{REGION}:{account}:stack/lockstep-{environment}-hello/1"
            return self._as_service(self.names.execution_role(environment, account), stack)
        role = {"deploy": self.names.deploy_role, "status": self.names.status_role}[kind](environment, account)
        return self.become(f"deployer-{environment}").assume(role, who, "")

    def _as_service(self, role: str, source: str) -> Session:
        """Take a role as an AWS service does, for a resource of its own."""
        root = open_session(self.reach, f"root-{role.split(':')[4]}", "testing")
        client = root.client("sts")
        client.meta.events.register(
            "before-sign.sts.*", lambda request, **_: request.headers.add_header(SOURCE_HEADER, source)
        )
        found = client.assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
        keys = Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return SessionOfKeys(self.reach, root.boto, self.server, keys)


@dataclass(frozen=True)
class SessionOfKeys(Session):
    """A session that has its keys already."""

    server: Server
    keys: Keys

    def client(self, service: str, *, attempts: int = 1, timeout: int = 60) -> Any:
        """Make a client with the keys."""
        del attempts, timeout
        return self.server.client(service, self.keys)


def attempt(session: Session, service: str, operation: str, **arguments: Any) -> str:
    """Try a call; return 'allowed' or 'refused'. That what is asked for is not there, or is wrong, is no refusal."""
    try:
        getattr(session.client(service, attempts=1), operation)(**arguments)
    except ClientError as error:
        return "refused" if code_of(error) in DENIED else "allowed"
    return "allowed"
