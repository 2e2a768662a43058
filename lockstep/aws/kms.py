"""KMS in one account: a key's policy, the signatures of releases, and for destroy alone the end of a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.model import Sha256
from lockstep.policy import Document

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

# https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html: 7 to 30 days
_SHORTEST_WAIT = 7
_PENDING = "PendingDeletion"


@dataclass(frozen=True)
class Signer:
    """An asymmetric key of the tooling account, of the kind ECC_NIST_P256, by its ARN."""

    session: Session
    key: str
    algorithm: Literal["ECDSA_SHA_256"] = "ECDSA_SHA_256"

    @cached_property
    def _kms(self) -> KMSClient:
        client: KMSClient = self.session.client("kms")
        return client

    def sign(self, sha256: Sha256) -> bytes:
        """Sign a hash; raises IdentityError for who may not."""
        with answers(f"signing with {self.key}"):
            return self._kms.sign(
                KeyId=self.key,
                Message=bytes.fromhex(sha256),
                MessageType="DIGEST",
                SigningAlgorithm=self.algorithm,
            )["Signature"]

    def verify(self, sha256: Sha256, signature: bytes) -> bool:
        """Is it the key's signature of this hash?"""
        with answers(f"verifying a signature with {self.key}"):
            try:
                return self._kms.verify(
                    KeyId=self.key,
                    Message=bytes.fromhex(sha256),
                    MessageType="DIGEST",
                    Signature=signature,
                    SigningAlgorithm=self.algorithm,
                )["SignatureValid"]
            except ClientError as error:
                # https://docs.aws.amazon.com/kms/latest/APIReference/API_Verify.html: an error, and never false
                if code_of(error) == "KMSInvalidSignatureException":
                    return False
                raise


@dataclass(frozen=True)
class Keys:
    """The keys of one account in one region."""

    session: Session

    @cached_property
    def _kms(self) -> KMSClient:
        client: KMSClient = self.session.client("kms")
        return client

    def policy(self, key: str) -> Document:
        """Return a key's policy."""
        with answers(f"reading the policy of {key}"):
            found: Document = json.loads(self._kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        return found

    def schedule_deletion(self, key: str) -> str:
        """Have a key deleted after the shortest time that AWS allows; return the day. Is it so already, it stays."""
        with answers(f"scheduling the deletion of {key}"):
            found = self._kms.describe_key(KeyId=key)["KeyMetadata"]
            if found.get("KeyState") != _PENDING:
                self._kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=_SHORTEST_WAIT)
                found = self._kms.describe_key(KeyId=key)["KeyMetadata"]
        return _day(found)

    def find(self, description: str) -> dict[str, str]:
        """Return the keys of this description, each with the day of its deletion, empty where it does not wait."""
        with answers(f"looking for the key that says: {description}"):
            found = [key for key in self._all() if key.get("Description") == description]
        return {key["KeyId"]: _day(key) if key.get("KeyState") == _PENDING else "" for key in found}

    def _all(self) -> Iterator[KeyMetadataTypeDef]:
        """Yield every key, but those whose own policies keep even administrators from looking: none of ours does."""
        for page in self._kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                try:
                    found = self._kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
                except ClientError as error:
                    if code_of(error) != "AccessDeniedException":
                        raise
                else:
                    yield found


def _day(key: KeyMetadataTypeDef) -> str:
    return f"{key['DeletionDate']:%Y-%m-%d}" if "DeletionDate" in key else "an unknown day"
