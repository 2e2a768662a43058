"""Wiring: which AWS is meant, what stops a run before anything is opened, and what the tooling account gets."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lockstep.aws.ecr import Registry
from lockstep.aws.s3 import Bucket
from lockstep.errors import ConfigError, IdentityError, UnavailableError
from lockstep.images import Images
from lockstep.sam import Sam
from lockstep.testing import SETTINGS, TOOLING
from tests.adapters.outside import DEVELOPER, RELEASER, SANDBOX, Outside, wiring, write

SERVICES = Path(__file__).parents[2] / "services"

pytestmark = pytest.mark.usefixtures("alone")


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
    assert found.images.takes_standins
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
