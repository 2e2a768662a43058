"""KMS: what a key's policy says, how a key ends, and what one signs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from lockstep.aws.kms import Keys, Signer
from lockstep.errors import IdentityError, LockstepError
from lockstep.model import Sha256
from tests.adapters.stubs import stubbed

KEY = "arn:aws:kms:eu-west-1:111111111111:key/1"
BY_KEY = {"KeyId": KEY}
DAY = datetime(2026, 1, 8, 12, tzinfo=UTC)

Kms = tuple[Keys, Stubber]


@pytest.fixture
def kms() -> Iterator[Kms]:
    """Have an account's keys, whose answers a test puts in."""
    with stubbed("kms") as (session, stub):
        yield Keys(session), stub


def described(stub: Stubber, key: str, state: str, **more: object) -> None:
    """Have a key be looked at."""
    stub.add_response("describe_key", {"KeyMetadata": {"KeyId": key, "KeyState": state, **more}}, {"KeyId": key})


def test_what_a_key_allows(kms: Kms) -> None:
    """A key's policy is told as it stands."""
    keys, stub = kms
    document = {"Version": "2012-10-17", "Statement": []}
    stub.add_response("get_key_policy", {"Policy": json.dumps(document)}, {**BY_KEY, "PolicyName": "default"})

    assert keys.policy(KEY) == document


def test_a_key_whose_policy_may_not_be_read(kms: Kms) -> None:
    """Who may not read a key's policy is told of which key."""
    keys, stub = kms
    stub.add_client_error("get_key_policy", "AccessDeniedException", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"reading the policy of {KEY}"):
        keys.policy(KEY)


def test_a_key_ends(kms: Kms) -> None:
    """A key is deleted after the shortest time that AWS allows, and the day of it is told."""
    keys, stub = kms
    described(stub, KEY, "Enabled")
    stub.add_response("schedule_key_deletion", {"KeyId": KEY}, {**BY_KEY, "PendingWindowInDays": 7})
    described(stub, KEY, "PendingDeletion", DeletionDate=DAY)

    assert keys.schedule_deletion(KEY) == "2026-01-08"


def test_a_key_that_ends_already(kms: Kms) -> None:
    """A key whose deletion was scheduled before keeps its day."""
    keys, stub = kms
    described(stub, KEY, "PendingDeletion", DeletionDate=DAY)

    assert keys.schedule_deletion(KEY) == "2026-01-08"


def test_a_key_without_a_day(kms: Kms) -> None:
    """A key that waits for its deletion without a day is told as that."""
    keys, stub = kms
    described(stub, KEY, "PendingDeletion")

    assert keys.schedule_deletion(KEY) == "an unknown day"


def test_a_key_that_may_not_be_deleted(kms: Kms) -> None:
    """Who may not delete a key is told which."""
    keys, stub = kms
    described(stub, KEY, "Enabled")
    stub.add_client_error("schedule_key_deletion", "AccessDeniedException", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"scheduling the deletion of {KEY}"):
        keys.schedule_deletion(KEY)


def test_keys_by_what_they_say(kms: Kms) -> None:
    """Of all keys those of one description are told; a day is with each that waits for its deletion."""
    keys, stub = kms
    stub.add_response("list_keys", {"Keys": [{"KeyId": "1"}, {"KeyId": "2"}], "Truncated": True, "NextMarker": "m"}, {})
    described(stub, "1", "PendingDeletion", Description="ours", DeletionDate=DAY)
    described(stub, "2", "Enabled", Description="ours")
    stub.add_response("list_keys", {"Keys": [{"KeyId": "3"}, {"KeyId": "4"}]}, {"Marker": "m"})
    described(stub, "3", "PendingDeletion", Description="theirs", DeletionDate=DAY)
    described(stub, "4", "PendingDeletion", Description="ours")

    assert keys.find("ours") == {"1": "2026-01-08", "2": "", "4": "an unknown day"}


def test_keys_of_others(kms: Kms) -> None:
    """A key whose own policy lets nobody look is not one of ours, and hides none that is."""
    keys, stub = kms
    stub.add_response("list_keys", {"Keys": [{"KeyId": "1"}, {"KeyId": "2"}]}, {})
    stub.add_client_error("describe_key", "AccessDeniedException", "no resource-based policy allows it")
    described(stub, "2", "PendingDeletion", Description="ours", DeletionDate=DAY)

    assert keys.find("ours") == {"2": "2026-01-08"}


def test_a_key_that_fails_to_be_described(kms: Kms) -> None:
    """Any other answer than a refusal is an error: nobody knows what is left."""
    keys, stub = kms
    stub.add_response("list_keys", {"Keys": [{"KeyId": "1"}]}, {})
    stub.add_client_error("describe_key", "KMSInternalException", "try later")

    with pytest.raises(LockstepError, match="looking for the key that says: ours"):
        keys.find("ours")


def test_keys_that_may_not_be_listed(kms: Kms) -> None:
    """Keys that may not be listed are an error, and not none."""
    keys, stub = kms
    stub.add_client_error("list_keys", "AccessDeniedException", "User: A is not authorized")

    with pytest.raises(IdentityError, match="looking for the key that says: ours"):
        keys.find("ours")


ASKED = {
    "KeyId": KEY,
    "Message": bytes(32),
    "MessageType": "DIGEST",
    "SigningAlgorithm": "ECDSA_SHA_256",
}
NAUGHT = Sha256("0" * 64)


@pytest.fixture
def signer() -> Iterator[tuple[Signer, Stubber]]:
    """Have a key that signs, whose answers a test puts in."""
    with stubbed("kms") as (session, stub):
        yield Signer(session, KEY), stub


def test_a_signature(signer: tuple[Signer, Stubber]) -> None:
    """A hash is signed as it is, and not hashed again."""
    key, stub = signer
    stub.add_response("sign", {"Signature": b"signature"}, ASKED)

    assert key.sign(NAUGHT) == b"signature"


def test_a_good_signature(signer: tuple[Signer, Stubber]) -> None:
    """A signature of the key is good."""
    key, stub = signer
    stub.add_response("verify", {"SignatureValid": True}, {**ASKED, "Signature": b"signature"})

    assert key.verify(NAUGHT, b"signature") is True


def test_a_bad_signature(signer: tuple[Signer, Stubber]) -> None:
    """A signature of something else is no error, and not good."""
    key, stub = signer
    stub.add_client_error("verify", "KMSInvalidSignatureException")

    assert key.verify(NAUGHT, b"signature") is False


def test_a_signature_that_may_not_be_verified(signer: tuple[Signer, Stubber]) -> None:
    """Who may not verify is told so, and does not go on."""
    key, stub = signer
    stub.add_client_error("verify", "AccessDeniedException")

    with pytest.raises(IdentityError, match="verifying a signature"):
        key.verify(NAUGHT, b"signature")
