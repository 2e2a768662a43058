"""A working tree whose sandbox runs, as far as wiring can tell: a tiny AWS with people and bootstrap's roles."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockstep.testing import SETTINGS, TEST, TOOLING
from lockstep.wiring import RealWiring
from tests.adapters import fake_aws

NAMES = ("developer", "releaser", "tooling-admin", "test-admin", "stranger")
SANDBOX = SETTINGS.replace("[tooling]", "[sandbox]\n[tooling]")
DEVELOPER, RELEASER = f"arn:aws:iam::{TOOLING}:user/developer", f"arn:aws:iam::{TOOLING}:user/releaser"
ADMINISTRATOR = "arn:aws:iam::{}:user/administrator"
ELSEWHERE = "arn:aws:iam::999999999999:user/stranger"
ROLE = "arn:aws:iam::{}:role/shop-{}"
AS_DEPLOYER = f"arn:aws:sts::{TOOLING}:assumed-role/shop-deployer-test/developer"


@dataclass
class Outside:
    """A working tree whose sandbox runs."""

    root: Path
    aws: fake_aws.Aws

    def wiring(self, profile: str | None = None, **environ: str) -> RealWiring:
        """Open the outside as somebody."""
        return wiring(self.root, profile, environ)


def wiring(root: Path, profile: str | None = None, environ: Mapping[str, str] | None = None) -> RealWiring:
    """Return the wiring of a tree, on a machine without an engine."""
    found = {"PATH": os.environ["PATH"], "HOME": str(root), "DOCKER_HOST": "unix:///nowhere.sock", **(environ or {})}
    return RealWiring(root, profile=profile, environ=found)


def write(root: Path, file: str, text: str) -> Path:
    """Write a file of the working tree, and return the tree."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)
    return root


@contextmanager
def running(root: Path) -> Iterator[Outside]:
    """Have a sandbox that runs, with its people and the roles that bootstrap makes."""
    with fake_aws.running() as aws:
        write(root, "infra/sandbox.toml", SANDBOX)
        home = ".lockstep/sandbox"
        write(root, f"{home}/server.json", json.dumps({"port": aws.port, "pid": os.getpid()}))
        write(root, f"{home}/aws/config", "".join(f"[profile {name}]\n" for name in NAMES))
        keys = [f"[{name}]\naws_access_key_id = {name}\naws_secret_access_key = secret\n" for name in NAMES]
        write(root, f"{home}/aws/credentials", "".join(keys))
        callers = (DEVELOPER, RELEASER, *(ADMINISTRATOR.format(account) for account in (TOOLING, TEST)), ELSEWHERE)
        aws.callers |= dict(zip(NAMES, callers, strict=True))
        aws.trusts = {
            ROLE.format(TOOLING, "deployer-test"): DEVELOPER,
            ROLE.format(TEST, "deploy-test"): AS_DEPLOYER,
            ROLE.format(TEST, "status-test"): DEVELOPER,
        }
        yield Outside(root, aws)
