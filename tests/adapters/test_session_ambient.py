"""Sessions: what a shell or a home folder says of AWS leads no session to anybody else, nor anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.aws.session import Reach, open_session
from lockstep.errors import IdentityError, LockstepError
from lockstep.model import AccountId
from tests.adapters import fake_aws
from tests.adapters.stubs import ACCESS, REGION, SECRET

TOOLING, TEST = AccountId("111111111111"), AccountId("222222222222")
DEVELOPER = f"arn:aws:iam::{TOOLING}:user/developer"
ROLE = f"arn:aws:iam::{TEST}:role/shop-deploy-test"
TAKEN = f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/me"
CONFIG = f"[profile deployer]\nrole_arn = {ROLE}\nrole_session_name = me\nsource_profile = developer\n"
KEYS = "[{}]\naws_access_key_id = " + ACCESS + "\naws_secret_access_key = " + SECRET + "\n"
NOWHERE = "http://127.0.0.1:1"

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def aws() -> Iterator[fake_aws.Aws]:
    """Run an AWS that lets the developer in, and to the role."""
    with fake_aws.running() as found:
        found.callers[ACCESS] = DEVELOPER
        found.trusts[ROLE] = DEVELOPER
        yield found


@pytest.fixture
def reach(tmp_path: Path, aws: fake_aws.Aws) -> Reach:
    """Have files with the developer's profiles, and AWS within reach."""
    return Reach(REGION, aws.endpoint, *files(tmp_path, "developer"))


def files(folder: Path, keys: str) -> tuple[Path, Path]:
    """Write AWS's two files, with the keys of one profile."""
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(CONFIG)
    (folder / "credentials").write_text(KEYS.format(keys))
    return folder / "config", folder / "credentials"


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_role_is_taken_whatever_profile_the_shell_names(
    reach: Reach, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A role is assumed in a shell that names a profile, even one that does not exist."""
    monkeypatch.setenv(name, "nobody")

    session = open_session(reach, "developer", "opening test").assume(ROLE, "me", "")

    assert session.prove(TEST, "opening test") == TAKEN


@pytest.mark.parametrize("service", ["sts", "s3", "lambda"])
def test_real_accounts_are_asked_at_their_own_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    """An endpoint that a shell names for another AWS is not asked for what is meant for real accounts."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service.upper()}", NOWHERE)

    client = open_session(Reach(REGION, None, *files(tmp_path, "developer")), "developer", "").client(service)

    assert client.meta.endpoint_url == f"https://{service}.{REGION}.amazonaws.com"


def test_a_real_role_is_taken_from_no_other_aws(
    tmp_path: Path, aws: fake_aws.Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile that takes a role does not take it from an endpoint that the shell names."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint)
    monkeypatch.setenv("HTTPS_PROXY", aws.endpoint)  # which refuses: nothing here leaves the machine
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    session = open_session(Reach(REGION, None, *files(tmp_path, "developer")), "deployer", "opening test")
    with pytest.raises(LockstepError, match="opening test"):
        session.caller("opening test")

    assert aws.made == 0


@pytest.mark.parametrize("line", ["", "endpoint_url = {}\n"])
def test_the_sandboxs_role_is_taken_from_the_sandbox(
    reach: Reach, aws: fake_aws.Aws, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """In the sandbox a profile's role is taken there, whatever the shell names and whether its file says so or not."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    assert reach.config_file is not None
    reach.config_file.write_text(CONFIG + line.format(aws.endpoint))

    session = open_session(reach, "deployer", "opening test")

    assert session.prove(TEST, "opening test") == TAKEN


def test_a_job_is_its_machine_whatever_profile_the_shell_names(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a profile in the configuration, one that the shell names opens nothing."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    session = open_session(reach, None, "opening tooling")

    assert session.prove(TOOLING, "opening tooling") == DEVELOPER


@pytest.mark.parametrize("keys", ["default", "developer"])
def test_nobodys_files_are_a_jobs_credentials(
    alone: Path, reach: Reach, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    """Without a profile neither the shell's one nor [default], nor an old program's file, lets anybody in."""
    files(alone / ".aws", keys)
    (alone / ".boto").write_text(KEYS.format("Credentials"))
    monkeypatch.setenv("AWS_PROFILE", "developer")

    with pytest.raises(IdentityError) as caught:
        open_session(reach, None, "opening tooling").caller("opening tooling")

    assert caught.value.tried == "opening tooling"
    assert "credentials" in caught.value.answer
