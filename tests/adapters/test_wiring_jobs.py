"""Wiring: who a job is, how a build in the sandbox finds it, and how the services there take roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockstep.errors import ConfigError, IdentityError
from lockstep.pipeline import credentials
from lockstep.pipeline_ports import Keys
from lockstep.repository import Repository
from lockstep.sandbox import people
from lockstep.testing import SETTINGS, TEST, TOOLING
from tests.adapters import outside as outsides
from tests.adapters.outside import ROLE, SANDBOX, Outside

JOB = {"CODEBUILD_BUILD_ID": "shop-build:1", "LOCKSTEP_CONFIG": "infra/sandbox.toml"}
BUILDER = f"arn:aws:sts::{TOOLING}:assumed-role/shop-build/AWSCodeBuild-1"
PIPELINE = f"arn:aws:codepipeline:eu-west-1:{TOOLING}:shop-pipeline"

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def build(outside: Outside, tmp_path: Path) -> Path:
    """The source of a build in the sandbox, which is elsewhere: it has the settings and no profiles."""
    outside.aws.callers["BUILDER"] = BUILDER
    return outsides.write(tmp_path / "build", "infra/sandbox.toml", SANDBOX)


def test_a_build_is_its_role(outside: Outside, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a build the profile of the settings counts for nothing: the caller is whom the container makes it."""
    keys = Keys("BUILDER", "secret", "token", "2100-01-01T00:00:00+00:00")
    environ = JOB | {"LOCKSTEP_SANDBOX_PORT": str(outside.aws.port)}
    with credentials.served(lambda: keys) as doors:
        for name, value in doors.items():
            monkeypatch.setenv(name, value)

        caller = outsides.wiring(build, environ=environ).tooling().caller

    assert caller == BUILDER


def test_a_build_without_credentials(outside: Outside, build: Path) -> None:
    """A build that its machine gives no credentials is nobody, also where the settings name a profile."""
    environ = JOB | {"LOCKSTEP_SANDBOX_PORT": str(outside.aws.port)}

    with pytest.raises(IdentityError, match="the machine's own credentials"):
        outsides.wiring(build, environ=environ).tooling()


def test_a_build_is_its_account_s_administrator(outside: Outside, build: Path) -> None:
    """In a build the profile of an administrator counts for nothing either."""
    environ = JOB | {"LOCKSTEP_SANDBOX_PORT": str(outside.aws.port)}

    with pytest.raises(IdentityError, match="opening tooling with the machine's own credentials"):
        outsides.wiring(build, environ=environ).admin(outsides.wiring(build).settings().tooling.account)


def test_the_pipeline_updates_itself(outside: Outside, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job in which the pipeline updates itself administers tooling as the role that it has, and takes no other."""
    updater = f"arn:aws:sts::{TOOLING}:assumed-role/shop-pipeline-update/AWSCodeBuild-1"
    outside.aws.callers["BUILDER"] = updater
    keys = Keys("BUILDER", "secret", "token", "2100-01-01T00:00:00+00:00")
    environ = JOB | {"LOCKSTEP_SANDBOX_PORT": str(outside.aws.port)}
    with credentials.served(lambda: keys) as doors:
        for name, value in doors.items():
            monkeypatch.setenv(name, value)
        wiring = outsides.wiring(build, environ=environ)

        assert wiring.admin(wiring.settings().names.tooling).identity.caller == updater
        with pytest.raises(IdentityError, match="opening test with the machine's own credentials"):
            wiring.admin(wiring.settings().targets[0].account)


def _have_root(outside: Outside) -> None:
    """Have the root of tooling, as which the services there act."""
    with (outside.root / ".lockstep/sandbox/aws/config").open("a") as file:
        file.write(f"[profile {people.root_profile(TOOLING)}]\n")
    with (outside.root / ".lockstep/sandbox/aws/credentials").open("a") as file:
        file.write(f"[{people.root_profile(TOOLING)}]\naws_access_key_id = root\naws_secret_access_key = x\n")
    outside.aws.callers["root"] = f"arn:aws:iam::{TOOLING}:root"


def test_a_service_takes_its_role(outside: Outside) -> None:
    """A service takes a role that trusts it, as the root of the account; its session ends, and can sign."""
    role = ROLE.format(TOOLING, "pipeline")
    _have_root(outside)
    outside.aws.trusts[role] = f"arn:aws:iam::{TOOLING}:root"

    machinery = outside.wiring().machinery()
    keys = machinery.become(role, PIPELINE, "run-1").keys()

    assert outside.aws.callers[keys.access] == f"arn:aws:sts::{TOOLING}:assumed-role/shop-pipeline/run-1"
    assert keys.expires == "2100-01-01T00:00:00+00:00"
    with pytest.raises(IdentityError) as caught:
        machinery.become(ROLE.format(TOOLING, "build"), PIPELINE, "run-1")
    assert PIPELINE in caught.value.cure


def test_a_service_s_role_takes_another(outside: Outside) -> None:
    """A role that a service took takes one of another account, under the same name; who does not trust it is named."""
    role, other = ROLE.format(TOOLING, "pipeline"), ROLE.format(TEST, "deploy-test")
    taken = f"arn:aws:sts::{TOOLING}:assumed-role/shop-pipeline/run-1"
    _have_root(outside)
    outside.aws.trusts |= {role: f"arn:aws:iam::{TOOLING}:root", other: taken}
    pipeline = outside.wiring().machinery().become(role, PIPELINE, "run-1")

    keys = pipeline.become(other).keys()

    assert outside.aws.callers[keys.access] == f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/run-1"
    with pytest.raises(IdentityError) as caught:
        pipeline.become(ROLE.format(TEST, "other"))
    assert caught.value.cure == f"see whom {ROLE.format(TEST, 'other')} trusts, and that {taken} may sts:AssumeRole it"


def test_what_a_build_gets_of_the_machine(outside: Outside) -> None:
    """A build gets tools, AWS's port, and an engine where its project is privileged: nothing of who runs it."""
    machinery = outside.wiring(AWS_PROFILE="me", AWS_ACCESS_KEY_ID="me", PIP_INDEX_URL="https://x").machinery()

    plain, privileged = machinery.environment(privileged=False), machinery.environment(privileged=True)

    own = {"PATH", "LANG", "TERM", "PIP_INDEX_URL"}
    assert set(plain) == own | {"AWS_EC2_METADATA_DISABLED", "DOCKER_HOST", "LOCKSTEP_SANDBOX_PORT"}
    assert plain["LOCKSTEP_SANDBOX_PORT"] == str(outside.aws.port)
    assert privileged["DOCKER_HOST"] == "unix:///nowhere.sock"
    assert plain["DOCKER_HOST"] != privileged["DOCKER_HOST"]


def test_real_accounts_run_their_own(tmp_path: Path) -> None:
    """Where real accounts are meant, nobody stands in for their services."""
    outsides.write(tmp_path, "infra/environments.toml", SETTINGS)

    with pytest.raises(ConfigError, match="running the pipeline on this machine"):
        outsides.wiring(tmp_path).machinery()


def test_the_repository(tmp_path: Path) -> None:
    """The repository is that of the working tree; git sees no credentials."""
    found = outsides.wiring(tmp_path, environ={"AWS_ACCESS_KEY_ID": "me"}).repository()

    assert isinstance(found, Repository)
    assert (found.root, set(found.env)) == (tmp_path, {"PATH", "HOME"})
