"""Wiring: what is opened, as whom, and what stops it; on a tiny AWS that stands where the sandbox's would."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lockstep.aws.cloudformation import Stacks
from lockstep.aws.ecr import Registry
from lockstep.aws.lambda_ import Functions
from lockstep.aws.s3 import Bucket
from lockstep.errors import ConfigError, IdentityError, UnavailableError
from lockstep.images import Images
from lockstep.model import AccountId
from lockstep.sam import Sam
from lockstep.testing import PROD, SETTINGS, TEST, TOOLING
from lockstep.wiring import RealWiring
from tests.adapters import fake_aws

SERVICES = Path(__file__).parents[2] / "services"
NAMES = ("developer", "releaser", "tooling-admin", "test-admin", "stranger")
SANDBOX = SETTINGS.replace("[tooling]", "[sandbox]\n[tooling]")
DEVELOPER, RELEASER = f"arn:aws:iam::{TOOLING}:user/developer", f"arn:aws:iam::{TOOLING}:user/releaser"
CI = f"arn:aws:sts::{TOOLING}:assumed-role/shop-deployer-test/AWSCodeBuild-1"
ELSEWHERE = "arn:aws:iam::999999999999:user/stranger"
ROLE = "arn:aws:iam::{}:role/shop-{}"
AS_DEPLOYER = f"arn:aws:sts::{TOOLING}:assumed-role/shop-deployer-test/developer"

pytestmark = pytest.mark.usefixtures("alone")


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


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    """Have a sandbox that runs, with its people and the roles that bootstrap makes."""
    with fake_aws.running() as aws:
        write(tmp_path, "infra/sandbox.toml", SANDBOX)
        home = ".lockstep/sandbox"
        write(tmp_path, f"{home}/server.json", json.dumps({"port": aws.port, "pid": os.getpid()}))
        write(tmp_path, f"{home}/aws/config", "".join(f"[profile {name}]\n" for name in NAMES))
        keys = [f"[{name}]\naws_access_key_id = {name}\naws_secret_access_key = secret\n" for name in NAMES]
        write(tmp_path, f"{home}/aws/credentials", "".join(keys))
        callers = (DEVELOPER, RELEASER, f"arn:aws:iam::{TOOLING}:root", f"arn:aws:iam::{TEST}:root", ELSEWHERE)
        aws.callers |= dict(zip(NAMES, callers, strict=True))
        aws.trusts = {
            ROLE.format(TOOLING, "deployer-test"): DEVELOPER,
            ROLE.format(TEST, "deploy-test"): AS_DEPLOYER,
            ROLE.format(TEST, "status-test"): DEVELOPER,
        }
        yield Outside(tmp_path, aws)


def test_which_aws_the_sandbox(tmp_path: Path) -> None:
    """The line that says which AWS is meant says so where it is none of Amazon's."""
    root = write(tmp_path, "infra/sandbox.toml", SANDBOX)

    assert wiring(root).which_aws() == "AWS: the sandbox on this machine (infra/sandbox.toml)"


def test_which_aws_a_real_one(tmp_path: Path) -> None:
    """The line that says which AWS is meant names project, account, region and file of a real one."""
    root = write(tmp_path, "infra/environments.toml", SETTINGS)

    assert wiring(root).which_aws() == (f"AWS: shop in tooling account {TOOLING}, eu-west-1 (infra/environments.toml)")


def test_settings_are_read_once(tmp_path: Path) -> None:
    """What a run goes by does not change under it."""
    wire = wiring(write(tmp_path, "infra/sandbox.toml", SANDBOX))
    before = wire.settings()
    write(tmp_path, "infra/sandbox.toml", "broken")

    assert wire.settings() is before


def test_no_sandbox_for_real_accounts(tmp_path: Path) -> None:
    """Where the configuration means real accounts no task touches the sandbox."""
    root = write(tmp_path, "infra/environments.toml", SETTINGS)

    with pytest.raises(ConfigError) as caught:
        wiring(root).sandbox()

    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        "error: using the sandbox\n"
        "  answer: infra/environments.toml names real accounts\n"
        "  next: unset LOCKSTEP_CONFIG, or move the file away"
    )


def test_a_sandbox_that_does_not_run(tmp_path: Path) -> None:
    """Whatever needs the sandbox ends with 10 where it does not run, and says how to start it."""
    root = write(tmp_path, "infra/sandbox.toml", SANDBOX)

    with pytest.raises(UnavailableError) as caught:
        wiring(root).tooling()

    assert caught.value.exit_code == 10
    assert caught.value.cure == "invoke sandbox.start"
    assert wiring(root).sandbox().status()["endpoint"] is None


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_another_region(outside: Outside, name: str) -> None:
    """A region in the environment that is not the configuration's stops everything: nobody knows which is meant."""
    with pytest.raises(ConfigError) as caught:
        outside.wiring(**{name: "us-east-1"}).tooling()

    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        "error: using region eu-west-1, which infra/sandbox.toml says\n"
        f"  answer: {name} says us-east-1\n"
        f"  next: unset {name}, or correct the configuration"
    )


def test_the_tooling_account(outside: Outside) -> None:
    """The tooling account is opened as the configuration's profile, in the same region if the environment names it."""
    found = outside.wiring(AWS_REGION="eu-west-1").tooling()

    assert isinstance(found.images, Images)
    assert isinstance(found.registry, Registry)
    assert isinstance(found.store, Bucket)
    assert isinstance(found.packager, Sam)
    assert found.caller == DEVELOPER
    assert found.images.host == "unix:///nowhere.sock"
    assert found.registry.host == f"127.0.0.1:{outside.aws.port}"
    assert (found.store.name, found.store.owner) == (f"shop-artifacts-{TOOLING}-eu-west-1", TOOLING)
    assert found.packager.env["AWS_ENDPOINT_URL"] == outside.aws.endpoint


def test_a_profile_is_chosen(outside: Outside) -> None:
    """A profile that is passed comes before the configuration's."""
    assert outside.wiring("releaser").tooling().caller == RELEASER


def test_a_stranger_is_stopped(outside: Outside) -> None:
    """A caller in another account is stopped before anything is opened."""
    with pytest.raises(IdentityError) as caught:
        outside.wiring("stranger").tooling()

    assert caught.value.tried == (
        f"opening the tooling account with profile stranger: the configuration says account {TOOLING}"
    )


def test_a_job_without_a_profile(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any profile a job is who its machine says, and an error names no profile."""
    write(outside.root, "infra/sandbox.toml", SANDBOX.replace('profile = "developer"\n', "", 1))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    with pytest.raises(IdentityError, match="opening the tooling account with the machine's own credentials"):
        outside.wiring().tooling()


def test_what_sam_gets(outside: Outside) -> None:
    """SAM gets the keys of the one it works for, what every tool gets, and nothing else of the person's environment."""
    ambient = {"AWS_PROFILE": "mine", "SECRET": "s", "LANG": "C.UTF-8"}

    packager = outside.wiring(**ambient).tooling().packager

    assert isinstance(packager, Sam)
    assert packager.env == {
        "PATH": os.environ["PATH"],
        "HOME": str(outside.root),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": "developer",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": outside.aws.endpoint,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.05",
        "PYTHONUTF8": "1",
    }


def test_a_deployer(outside: Outside) -> None:
    """A deployment goes by the deployer role to the environment's deploy role, and hands SAM the execution role."""
    releases, target = outside.wiring().deployer("test")

    assert isinstance(target.sam, Sam)
    assert isinstance(target.stacks, Stacks)
    assert isinstance(target.functions, Functions)
    assert releases.caller == AS_DEPLOYER
    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/developer"
    assert (target.stacks.account, target.functions.account, target.sam.account) == (TEST, TEST, TEST)
    assert target.sam.role == f"arn:aws:iam::{TEST}:role/shop-execution-test"
    assert target.sam.prefix == f"environments/{TEST}"
    assert outside.aws.callers[target.sam.env["AWS_ACCESS_KEY_ID"]] == target.caller


def test_a_job_that_is_the_deployer(outside: Outside) -> None:
    """A job that runs as the deployer role already, as in CodeBuild, takes no role in the tooling account."""
    outside.aws.callers["developer"] = CI
    outside.aws.trusts = {ROLE.format(TEST, "deploy-test"): CI}

    releases, target = outside.wiring().deployer("test")

    assert releases.caller == CI
    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/AWSCodeBuild-1"


def test_a_caller_who_may_not_deploy(outside: Outside) -> None:
    """Who is not listed for an environment is stopped, and told where to be listed."""
    with pytest.raises(IdentityError) as caught:
        outside.wiring("releaser").deployer("test")

    role = ROLE.format(TOOLING, "deployer-test")
    assert str(caught.value) == (
        f"error: assuming {role} as {RELEASER}\n"
        f"  answer: AccessDenied: User: {RELEASER} is not authorized to perform: sts:AssumeRole on resource: {role}\n"
        "  next: have test.deployers in infra/sandbox.toml name you, then invoke bootstrap"
    )


def test_an_environment_that_does_not_trust_us(outside: Outside) -> None:
    """An environment whose role does not trust the deployer stops a deployment, and both roles are named."""
    del outside.aws.trusts[ROLE.format(TEST, "deploy-test")]

    with pytest.raises(IdentityError) as caught:
        outside.wiring().deployer("test")

    deploy, deployer = ROLE.format(TEST, "deploy-test"), ROLE.format(TOOLING, "deployer-test")
    assert caught.value.tried == f"assuming {deploy} as {AS_DEPLOYER}"
    assert caught.value.cure == f"invoke bootstrap, which makes {deploy} trust {deployer}"


def test_an_environment_that_is_unknown(outside: Outside) -> None:
    """An environment that the configuration does not name is an error before anybody is asked."""
    with pytest.raises(ConfigError, match="unknown environment 'tets'"):
        outside.wiring().deployer("tets")


def test_a_reader(outside: Outside) -> None:
    """Who looks at an environment does so in a role that changes nothing."""
    target = outside.wiring().reader("test")

    assert target.caller == f"arn:aws:sts::{TEST}:assumed-role/shop-status-test/developer"


@pytest.mark.parametrize("account", [TOOLING, TEST])
def test_an_administrator(outside: Outside, account: AccountId) -> None:
    """Each account is set up by its own administrator."""
    stacks = outside.wiring().admin(account)

    assert isinstance(stacks, Stacks)
    assert (stacks.account, stacks.poll) == (account, 0.05)


def test_an_administrator_of_another_account(outside: Outside) -> None:
    """An administrator's profile that leads to another account sets up nothing."""
    keys = "[prod-admin]\naws_access_key_id = test-admin\naws_secret_access_key = secret\n"
    write(outside.root, ".lockstep/sandbox/aws/config", "[profile prod-admin]\n")
    write(outside.root, ".lockstep/sandbox/aws/credentials", keys)

    with pytest.raises(IdentityError, match=f"opening prod with profile prod-admin: .* says account {PROD}"):
        outside.wiring().admin(PROD)


def test_no_administrator(outside: Outside) -> None:
    """An account without an administrator's profile is an error that names what to set."""
    write(outside.root, "infra/sandbox.toml", SANDBOX.replace('admin_profile = "prod-admin"\n', ""))

    with pytest.raises(IdentityError) as caught:
        outside.wiring().admin(PROD)

    assert str(caught.value) == (
        f"error: opening account {PROD} to bootstrap prod\n"
        "  answer: infra/sandbox.toml names no admin_profile for it\n"
        "  next: set admin_profile of prod"
    )


def test_real_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With real accounts the profiles are the person's own, and a missing one is an error before any call."""
    root = write(tmp_path, "infra/environments.toml", SETTINGS)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(write(tmp_path, "aws", "[profile other]\n") / "aws"))

    with pytest.raises(IdentityError) as caught:
        wiring(root).tooling()

    assert caught.value.tried == "opening the tooling account with profile developer"
    assert "developer" in caught.value.answer


def test_the_catalog_and_the_commit(outside: Outside) -> None:
    """Services come from services/, and the commit from git."""
    shutil.copytree(SERVICES / "hello", outside.root / "services" / "hello")
    (outside.root / ".git").write_text("gitdir: nowhere\n")

    assert [service.name for service in outside.wiring().services()] == ["hello"]
    with pytest.raises(ConfigError, match="asking git about"):
        outside.wiring().commit()


def test_parameters_of_a_service_that_is_not_there(outside: Outside) -> None:
    """Parameters for a service that does not exist are a mistake in the configuration."""
    shutil.copytree(SERVICES / "hello", outside.root / "services" / "hello")
    write(outside.root, "infra/sandbox.toml", f'{SANDBOX}\n[environments.parameters.helo]\nA = "1"\n')

    with pytest.raises(ConfigError, match=r"environments.*helo"):
        outside.wiring().services()
