"""Whom a caller may become: tried at once, and for a while where it does not end as it should."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.stub import Stubber

from lockstep.aws.identity import Identity
from lockstep.aws.session import Reach, open_session
from lockstep.errors import IdentityError, LockstepError, UnavailableError
from lockstep.testing import TEST, TOOLING
from tests.adapters import fake_aws
from tests.adapters.stubs import REGION, stubbed

DEVELOPER = f"arn:aws:iam::{TOOLING}:user/developer"
ROLE = f"arn:aws:iam::{TEST}:role/shop-status-test"
ASSUMED = f"arn:aws:sts::{TEST}:assumed-role/shop-status-test/developer"
REFUSED = "AccessDenied: not authorized to perform: sts:AssumeRole"
ENDS = datetime(2100, 1, 1, tzinfo=UTC)
KEYS = {"AccessKeyId": "A" * 16, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": ENDS}
MINUTE = 60.0


def refuse(stub: Stubber, times: int = 1) -> None:
    """Have a role be refused some times."""
    for _ in range(times):
        stub.add_client_error("assume_role", "AccessDenied", "not authorized to perform: sts:AssumeRole")


def test_a_role_that_can_be_taken() -> None:
    """A role that can be taken is not refused, and one try shows it."""
    with stubbed("sts") as (session, stub):
        asked = {"RoleArn": ROLE, "RoleSessionName": "developer", "DurationSeconds": 3600}
        stub.add_response("assume_role", {"Credentials": KEYS}, asked)

        assert Identity(session, DEVELOPER, MINUTE).refusal(ROLE, hoped=True) == ""


def test_a_role_that_is_known_late() -> None:
    """A role that was just made is tried until AWS knows it."""
    with stubbed("sts") as (session, stub):
        refuse(stub, times=3)
        stub.add_response("assume_role", {"Credentials": KEYS})

        assert Identity(session, DEVELOPER, MINUTE, pause=0.0).refusal(ROLE, hoped=True) == ""


def test_somebody_who_is_forgotten_late() -> None:
    """Who may not take a role any more is tried until AWS knows that."""
    with stubbed("sts") as (session, stub):
        for _ in range(3):
            stub.add_response("assume_role", {"Credentials": KEYS})
        refuse(stub)

        assert Identity(session, DEVELOPER, MINUTE, pause=0.0).refusal(ROLE, hoped=False) == REFUSED


def test_somebody_who_gets_in() -> None:
    """A role that is taken by who may not is told so, at once where nobody has patience."""
    with stubbed("sts") as (session, stub):
        stub.add_response("assume_role", {"Credentials": KEYS})

        assert Identity(session, DEVELOPER).refusal(ROLE, hoped=False) == ""


@pytest.mark.parametrize(("patience", "hoped"), [(0.0, True), (MINUTE, False)])
def test_a_role_that_is_refused(patience: float, hoped: bool) -> None:
    """A refusal is told in AWS's words, at once where nobody has patience, or where it is what is hoped for."""
    with stubbed("sts") as (session, stub):
        refuse(stub)

        assert Identity(session, DEVELOPER, patience).refusal(ROLE, hoped=hoped) == REFUSED


@pytest.mark.parametrize("hoped", [True, False])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("Throttling", UnavailableError),
        ("ExpiredToken", IdentityError),
        ("InvalidClientTokenId", IdentityError),
        ("SignatureDoesNotMatch", IdentityError),
        ("RegionDisabledException", LockstepError),
    ],
)
def test_what_is_no_refusal(code: str, error: type[LockstepError], hoped: bool) -> None:
    """An AWS that is busy, or does not know who asks, refuses nobody: that is another error, whatever is hoped for."""
    with stubbed("sts") as (session, stub):
        stub.add_client_error("assume_role", code, "no")

        with pytest.raises(error, match=f"assuming {ROLE} as {DEVELOPER}") as caught:
            Identity(session, DEVELOPER, MINUTE).refusal(ROLE, hoped=hoped)

    assert caught.value.answer == f"{code}: no"


@pytest.mark.usefixtures("alone")
def test_somebody_else(tmp_path: Path) -> None:
    """Who takes a role is that role, as AWS says it, and as patient as before."""
    keys = tmp_path / "credentials"
    keys.write_text("[developer]\naws_access_key_id = key\naws_secret_access_key = secret\n")
    with fake_aws.running() as aws:
        aws.callers["key"] = aws.trusts[ROLE] = DEVELOPER
        session = open_session(Reach(REGION, aws.endpoint, keys, keys), "developer", "looking")

        found = Identity(session, DEVELOPER, MINUTE, pause=0.5).become(ROLE)

        assert found == Identity(found.session, ASSUMED, MINUTE, pause=0.5)
        assert found.session.caller("looking") == (TEST, ASSUMED)


def test_nobody_else() -> None:
    """A role that cannot be taken ends with 3 and names both sides."""
    with stubbed("sts") as (session, stub):
        refuse(stub)

        with pytest.raises(IdentityError) as caught:
            Identity(session, DEVELOPER).become(ROLE)

    assert str(caught.value) == (
        f"error: assuming {ROLE} as {DEVELOPER}\n  answer: {REFUSED}\n  next: invoke bootstrap"
    )
