"""The artifact bucket: reads, lists, and writes what is not there. Replaces and deletes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import ConfigError, UnavailableError
from lockstep.model import AccountId

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 3


@dataclass(frozen=True)
class Bucket:
    """The artifact bucket, which must belong to `owner`: a bucket of that name in another account is refused."""

    session: Session
    name: str
    owner: AccountId

    @cached_property
    def _s3(self) -> S3Client:
        client: S3Client = self.session.client("s3")
        return client

    def get(self, key: str) -> bytes | None:
        """Return the content of a key, None where there is none; raises ConfigError where the bucket is missing."""
        with answers(f"reading s3://{self.name}/{key}"):
            try:
                answer = self._s3.get_object(Bucket=self.name, Key=key, ExpectedBucketOwner=self.owner)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                self._explain(error)
                raise
            return answer["Body"].read()

    def put_once(self, key: str, content: bytes) -> bool:
        """Write a key that is not there; return False where it is.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        tried = f"writing s3://{self.name}/{key}"
        for _ in range(_ATTEMPTS):
            with answers(tried):
                try:
                    self._s3.put_object(
                        Bucket=self.name, Key=key, Body=content, IfNoneMatch="*", ExpectedBucketOwner=self.owner
                    )
                except ClientError as error:
                    if code_of(error) == "PreconditionFailed":
                        return False
                    if code_of(error) == "ConditionalRequestConflict":
                        # Somebody else is at it and may yet fail: only another attempt tells whether it is there.
                        continue
                    self._explain(error)
                    raise
            return True
        raise UnavailableError(tried, "ConditionalRequestConflict: somebody else is writing it", "try again")

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys that begin with `prefix`, at most a thousand."""
        with answers(f"listing s3://{self.name}/{prefix}"):
            try:
                found = self._s3.list_objects_v2(Bucket=self.name, Prefix=prefix, ExpectedBucketOwner=self.owner)
            except ClientError as error:
                self._explain(error)
                raise
        return tuple(item["Key"] for item in found.get("Contents", []))

    def _explain(self, error: ClientError) -> None:
        if code_of(error) == "NoSuchBucket":
            raise ConfigError(f"opening the bucket {self.name}", "it does not exist", "invoke bootstrap") from error
