"""A service's session of a role: the files, parameters and secrets that the role may read, and its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import ConfigError, IdentityError
from lockstep.model import AccountId
from lockstep.pipeline_ports import Keys

# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
_AT_ONCE = 10


@dataclass(frozen=True)
class Agent:
    """A role that a service took. Buckets must belong to `owner`."""

    session: Session
    owner: AccountId

    def keys(self) -> Keys:
        """Return the keys of the session."""
        found = self.session.boto.get_credentials()
        if found is None:
            raise IdentityError("handing a build the keys of its role", "there are none")
        frozen = found.get_frozen_credentials()
        return Keys(frozen.access_key or "", frozen.secret_key or "", frozen.token or "", self.session.until)

    def get(self, bucket: str, key: str) -> bytes:
        """Return a file of a bucket; raises ConfigError where it is missing, IdentityError where the role may not."""
        tried = f"reading s3://{bucket}/{key}"
        with answers(tried):
            try:
                answer = self.session.client("s3").get_object(Bucket=bucket, Key=key, ExpectedBucketOwner=self.owner)
            except ClientError as error:
                if code_of(error) in {"NoSuchKey", "NoSuchBucket"}:
                    raise ConfigError(tried, "it does not exist", "run the pipeline anew") from error
                raise
            content: bytes = answer["Body"].read()
        return content

    def put(self, bucket: str, key: str, content: bytes, encryption_key: str) -> None:
        """Write a file to a bucket, encrypted with a key where one is named; raises IdentityError where it may not."""
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption_key} if encryption_key else {}
        with answers(f"writing s3://{bucket}/{key}"):
            self.session.client("s3").put_object(
                Bucket=bucket, Key=key, Body=content, ExpectedBucketOwner=self.owner, **extra
            )

    def parameters(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return parameters of Systems Manager, decrypted; raises ConfigError where one is missing."""
        tried, found, missing = f"reading the parameters {', '.join(names)}", dict[str, str](), list[str]()
        with answers(tried):
            for start in range(0, len(names), _AT_ONCE):
                wanted = list(names[start : start + _AT_ONCE])
                answer = self.session.client("ssm").get_parameters(Names=wanted, WithDecryption=True)
                found |= {one["Name"]: one["Value"] for one in answer["Parameters"]}
                missing += answer.get("InvalidParameters", [])
        if missing:
            raise ConfigError(tried, f"there is no {', '.join(missing)}", "make it, or correct its name")
        return found

    def secret(self, name: str, key: str, stage: str, version: str) -> str:
        """Return a secret, or the value of a key in it; raises ConfigError where it is missing."""
        tried = f"reading the secret {name}"
        which = {"VersionStage": stage} if stage else {"VersionId": version} if version else {}
        with answers(tried):
            try:
                text = str(
                    self.session.client("secretsmanager").get_secret_value(SecretId=name, **which)["SecretString"]
                )
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    raise ConfigError(tried, "it does not exist", "make it, or correct its name") from error
                raise
        return _of_key(tried, text, key) if key else text


def _of_key(tried: str, text: str, key: str) -> str:
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or key not in found:
        raise ConfigError(tried, f"it is no JSON that has the key {key}", "correct the secret, or the key")
    return str(found[key])
