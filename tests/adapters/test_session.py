"""Sessions: who is let in where, as whom, and that no secret is ever shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import boto3
import botocore.session
import pytest

from lockstep.aws.session import Reach, Session, open_session
from lockstep.errors import IdentityError, LockstepError, UnavailableError
from lockstep.model import AccountId
from tests.adapters import fake_aws
from tests.adapters.stubs import ACCESS, REGION, SECRET, TOKEN, a_boto_session, stubbed

TOOLING, TEST = AccountId("111111111111"), AccountId("222222222222")
DEVELOPER = f"arn:aws:iam::{TOOLING}:user/developer"
ROLE = f"arn:aws:iam::{TEST}:role/shop-deploy-test"
PROFILES = """
[profile developer]
region = us-east-1
[profile broken]
role_arn = arn:aws:iam::1:role/x
source_profile = y
"""
KEYS = f"[developer]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def aws() -> Iterator[fake_aws.Aws]:
    """Run an AWS that lets the developer in."""
    with fake_aws.running() as found:
        found.callers[ACCESS] = DEVELOPER
        yield found


@pytest.fixture
def reach(tmp_path: Path, aws: fake_aws.Aws) -> Reach:
    """Have files with the developer's profile, and AWS within reach."""
    (tmp_path / "config").write_text(PROFILES)
    (tmp_path / "credentials").write_text(KEYS)
    return Reach(REGION, aws.endpoint, tmp_path / "config", tmp_path / "credentials")


def test_the_right_account() -> None:
    """A caller in the account that the configuration names is told who it is."""
    with stubbed("sts") as (session, stub):
        stub.add_response("get_caller_identity", {"Account": TOOLING, "Arn": DEVELOPER, "UserId": "id"})

        arn = session.prove(TOOLING, "opening the tooling account")

    assert arn == DEVELOPER


def test_the_wrong_account() -> None:
    """A caller in another account is stopped, with both accounts named."""
    with stubbed("sts") as (session, stub):
        stub.add_response("get_caller_identity", {"Account": TOOLING, "Arn": DEVELOPER, "UserId": "id"})

        with pytest.raises(IdentityError) as caught:
            session.prove(TEST, "opening test")

    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"error: opening test: the configuration says account {TEST}\n"
        f"  answer: the caller is {DEVELOPER}, in account {TOOLING}\n"
        "  next: use a profile of the right account; nothing was changed"
    )


@pytest.mark.parametrize("ahead", [0, 3600, -600])
def test_a_clock_that_is_wrong(ahead: int) -> None:
    """How far this machine's clock is ahead of AWS's, or behind it, is told by the date of AWS's answer."""
    told = format_datetime(datetime.now(UTC) - timedelta(seconds=ahead), usegmt=True)
    with stubbed("sts") as (session, stub):
        stub.add_response("get_caller_identity", {"ResponseMetadata": {"HTTPHeaders": {"date": told}}})

        skew = session.skew()

    assert round(skew / 60) == ahead / 60


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_an_aws_that_tells_no_time(headers: dict[str, str]) -> None:
    """An answer without a date, or with what is none, is an error, and not a clock that is right."""
    with stubbed("sts") as (session, stub):
        stub.add_response("get_caller_identity", {"ResponseMetadata": {"HTTPHeaders": headers}})

        with pytest.raises(LockstepError) as caught:
            session.skew()

    told = headers.get("date", "")
    assert str(caught.value) == f"error: asking AWS what time it is\n  answer: it says '{told}'"


def test_a_profile_lets_in(reach: Reach) -> None:
    """A profile's keys open a session, in the region of the configuration and not of the profile."""
    session = open_session(reach, "developer", "opening tooling")

    assert session.prove(TOOLING, "opening tooling") == DEVELOPER
    assert session.boto.region_name == REGION


def test_a_profile_that_is_named_is_used(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that is named is used even where the environment holds somebody else's keys."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")

    session = open_session(reach, "developer", "opening tooling")

    assert session.prove(TOOLING, "opening tooling") == DEVELOPER


def test_a_job_is_who_its_machine_says(aws: fake_aws.Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a profile the credentials are those that the machine gives to a job."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    session = open_session(Reach(REGION, aws.endpoint), None, "opening tooling")

    assert session.prove(TOOLING, "opening tooling") == DEVELOPER


def test_a_profile_that_takes_a_role_asks_the_same_aws(reach: Reach, aws: fake_aws.Aws) -> None:
    """A profile that takes a role takes it from the AWS within reach, with the session name it asks for."""
    aws.trusts[ROLE] = DEVELOPER
    assert reach.config_file is not None
    with reach.config_file.open("a") as out:
        out.write(f"[profile deployer]\nrole_arn = {ROLE}\nrole_session_name = me\nsource_profile = developer\n")
        out.write(f"endpoint_url = {aws.endpoint}\n")

    session = open_session(reach, "deployer", "opening test")

    assert session.prove(TEST, "opening test") == f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/me"


@pytest.mark.parametrize("profile", ["nobody", "broken"])
def test_a_profile_that_is_none(reach: Reach, profile: str) -> None:
    """A profile that does not exist, or builds on one that does not, ends with 3 and names it."""
    with pytest.raises(IdentityError) as caught:
        open_session(reach, profile, "opening tooling").caller("opening tooling")

    assert caught.value.tried == "opening tooling"
    assert profile in caught.value.answer


def test_keys_that_aws_does_not_know(reach: Reach, aws: fake_aws.Aws) -> None:
    """Keys that were deleted end with 3 and say to sign in again."""
    aws.callers.clear()

    with pytest.raises(IdentityError, match="opening tooling") as caught:
        open_session(reach, "developer", "opening tooling").caller("opening tooling")

    assert caught.value.cure == "sign in again, then repeat"


def test_a_role_is_assumed(reach: Reach, aws: fake_aws.Aws) -> None:
    """A caller who may take a role is that role from then on, under the caller's own name."""
    aws.trusts[ROLE] = DEVELOPER

    session = open_session(reach, "developer", "opening test").assume(ROLE, DEVELOPER, "invoke bootstrap")

    assert session.prove(TEST, "opening test") == f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/developer"


def test_a_role_that_is_refused(reach: Reach) -> None:
    """A refused role ends with 3, names both sides and the cure, and nothing goes on as the caller."""
    session = open_session(reach, "developer", "opening test")

    with pytest.raises(IdentityError) as caught:
        session.assume(ROLE, DEVELOPER, "invoke bootstrap")

    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"error: assuming {ROLE} as {DEVELOPER}\n"
        f"  answer: AccessDenied: User: {DEVELOPER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}\n"
        "  next: invoke bootstrap"
    )


def test_a_caller_who_has_to_sign_in_again() -> None:
    """Whose session is over is not told how to be let into a role, but to sign in again."""
    with stubbed("sts") as (session, stub):
        stub.add_client_error("assume_role", "ExpiredToken", "The security token included in the request is expired")

        with pytest.raises(IdentityError) as caught:
            session.assume(ROLE, DEVELOPER, "invoke bootstrap")

    assert caught.value.cure == "sign in again, then repeat"


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        (DEVELOPER, "developer"),
        (f"arn:aws:sts::{TOOLING}:assumed-role/shop-build/AWSCodeBuild-1", "AWSCodeBuild-1"),
        (f"arn:aws:iam::{TOOLING}:root", f"arn-aws-iam--{TOOLING}-root"),
        (f"arn:aws:iam::{TOOLING}:user/{'n' * 70}", "n" * 64),
        (f"arn:aws:iam::{TOOLING}:user/x", "lockstep-x"),
    ],
)
def test_whose_session_it_is_can_be_seen(caller: str, name: str) -> None:
    """A role's session carries the caller's name, in a form that STS takes."""
    ends = datetime(2100, 1, 1, tzinfo=UTC)
    keys = {"AccessKeyId": "A" * 16, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": ends}
    with stubbed("sts") as (session, stub):
        expected = {"RoleArn": ROLE, "RoleSessionName": name, "DurationSeconds": 3600}
        stub.add_response("assume_role", {"Credentials": keys}, expected)

        assumed = session.assume(ROLE, caller, "")

    assert assumed.child_environment()["AWS_ACCESS_KEY_ID"] == "A" * 16


def test_throttling_is_no_refusal() -> None:
    """Being throttled while assuming a role is not told as a lack of rights."""
    with stubbed("sts") as (session, stub):
        stub.add_client_error("assume_role", "Throttling", "Rate exceeded")

        with pytest.raises(UnavailableError):
            session.assume(ROLE, DEVELOPER, "invoke bootstrap")


def test_no_secret_is_shown(reach: Reach) -> None:
    """Neither a session's text nor its errors hold a secret."""
    session = open_session(reach, "developer", "opening test")

    with pytest.raises(IdentityError) as caught:
        session.assume(ROLE, DEVELOPER, "invoke bootstrap")

    shown = f"{session!r} {session} {reach!r} {caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert SECRET not in shown
    assert ACCESS not in shown


def test_a_child_becomes_this_caller_and_no_other() -> None:
    """A child gets keys, region and endpoint, and neither files nor a machine's role to become anybody else by."""
    env = Session(Reach(REGION, "http://127.0.0.1:1"), a_boto_session()).child_environment()

    assert env == {
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_keys_without_a_token_make_no_token(reach: Reach) -> None:
    """A user's own keys come without a token, and a child gets none."""
    assert "AWS_SESSION_TOKEN" not in open_session(reach, "developer", "").child_environment()


def test_there_is_nothing_to_pass_on() -> None:
    """A session without credentials says so before a child is started."""
    session = open_session(Reach(REGION), None, "opening tooling")

    with pytest.raises(IdentityError, match="passing credentials to a child process"):
        session.child_environment()


def test_half_of_the_keys_is_passed_on_to_nobody() -> None:
    """Credentials that are not whole are told before a child is started with them."""
    core = botocore.session.Session()
    core.set_credentials(ACCESS, None)  # type: ignore[arg-type]  # as a broken provider gives them

    with pytest.raises(IdentityError) as caught:
        Session(Reach(REGION), boto3.Session(botocore_session=core)).child_environment()

    assert str(caught.value) == (
        "error: passing credentials to a child process\n  answer: they are not whole\n  next: invoke doctor"
    )


def test_a_client_is_patient_and_stays_in_its_region(reach: Reach) -> None:
    """A client retries what AWS throttles, waits for no dead connection, and is in the session's region."""
    client = open_session(reach, "developer", "").client("s3")

    assert client.meta.region_name == REGION
    assert client.meta.endpoint_url == reach.endpoint
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 8}
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (5, 60)
    assert client.meta.config.s3 == {"addressing_style": "path"}
