"""The artifact bucket: reads, lists, writes what is not there.

For prune alone files in it are deleted, for destroy alone buckets are emptied and deleted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import ConfigError, LockstepError, UnavailableError
from lockstep.model import AccountId

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteObjectsOutputTypeDef, ObjectIdentifierTypeDef, ObjectTypeDef

_ATTEMPTS = 3
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_AT_ONCE = 1000


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

    def url(self, key: str) -> str:
        """Return where CloudFormation finds a key: the bucket in the path, as `sam deploy` gives it."""
        return f"{self._s3.meta.endpoint_url}/{self.name}/{key}"

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys that begin with `prefix`, in order."""
        return tuple(item["Key"] for item in self._list(prefix))

    def _list(self, prefix: str) -> list[ObjectTypeDef]:
        with answers(f"listing s3://{self.name}/{prefix}"):
            try:
                pages = self._s3.get_paginator("list_objects_v2").paginate(
                    Bucket=self.name, Prefix=prefix, ExpectedBucketOwner=self.owner
                )
                return [item for page in pages for item in page.get("Contents", [])]
            except ClientError as error:
                self._explain(error)
                raise

    def region(self) -> str:
        """Return where the bucket is; raises ConfigError where it is missing or another account's."""
        tried = f"looking for the bucket {self.name} of account {self.owner}"
        with answers(tried):
            try:
                return self._s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self.owner)["BucketRegion"]
            except ClientError as error:
                # HEAD has no body: S3 gives the status alone.
                if code_of(error) in {"404", "NoSuchBucket"}:
                    raise ConfigError(tried, "it does not exist", "invoke bootstrap") from error
                if code_of(error) == "403":
                    cure = "invoke bootstrap; if another account has a bucket of that name, choose another project name"
                    raise ConfigError(tried, "403: it is not that account's, or you may not see it", cure) from error
                raise

    def _explain(self, error: ClientError) -> None:
        if code_of(error) == "NoSuchBucket":
            raise ConfigError(f"opening the bucket {self.name}", "it does not exist", "invoke bootstrap") from error


@dataclass(frozen=True)
class Archive(Bucket):
    """The artifact bucket, for who may delete files in it. It keeps versions, so what was deleted can be had again."""

    def dates(self, prefix: str) -> dict[str, str]:
        """Return the keys that begin with `prefix`, and when each was written: in UTC, ISO 8601, to the second."""
        found = self._list(prefix)
        return {item["Key"]: item["LastModified"].astimezone(UTC).isoformat(timespec="seconds") for item in found}

    def delete(self, keys: Collection[str]) -> None:
        """Delete files; one that is gone already is no error."""
        tried = f"deleting files in s3://{self.name}"
        objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
        for start in range(0, len(objects), _AT_ONCE):
            with answers(tried):
                answer = self._s3.delete_objects(
                    Bucket=self.name,
                    Delete={"Objects": objects[start : start + _AT_ONCE], "Quiet": True},
                    ExpectedBucketOwner=self.owner,
                )
            _see_deleted(answer, tried)


@dataclass(frozen=True)
class Buckets:
    """The buckets of `owner`, for who may delete them. One of that name in another account counts as none."""

    session: Session
    owner: AccountId

    @cached_property
    def _s3(self) -> S3Client:
        client: S3Client = self.session.client("s3")
        return client

    def exist(self, names: Collection[str]) -> tuple[str, ...]:
        """Return which of some buckets are there."""
        with answers(f"listing the buckets of account {self.owner}"):
            own = {bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]}
        return tuple(name for name in names if name in own)

    def holds(self, bucket: str, prefix: str) -> bool:
        """Return whether there is a version of a file that begins so; not where there is no bucket."""
        if not self.exist([bucket]):
            return False
        with answers(f"looking into s3://{bucket}/{prefix}"):
            page = self._s3.list_object_versions(
                Bucket=bucket, Prefix=prefix, MaxKeys=1, ExpectedBucketOwner=self.owner
            )
        return bool(page.get("Versions") or page.get("DeleteMarkers"))

    def empty(self, bucket: str, prefix: str = "") -> int:
        """Delete every version of every file that begins so and return how many; nothing where there is no bucket."""
        if not self.exist([bucket]):
            return 0
        deleted, tried = 0, f"emptying s3://{bucket}/{prefix}"
        with answers(tried):
            for page in self._s3.get_paginator("list_object_versions").paginate(
                Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=self.owner
            ):
                found = (*page.get("Versions", []), *page.get("DeleteMarkers", []))
                versions = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
                if versions:
                    answer = self._s3.delete_objects(
                        Bucket=bucket,
                        Delete={"Objects": versions, "Quiet": True},  # type: ignore[typeddict-item]  # as S3 takes them
                        ExpectedBucketOwner=self.owner,
                    )
                    _see_deleted(answer, tried)
                deleted += len(versions)
        return deleted

    def delete(self, bucket: str) -> None:
        """Delete an empty bucket; nothing where there is none."""
        if self.exist([bucket]):
            with answers(f"deleting the bucket {bucket}"):
                self._s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner=self.owner)


def _see_deleted(answer: DeleteObjectsOutputTypeDef, tried: str) -> None:
    """See that S3 deleted all that it was asked to; raises LockstepError, in its words, where it did not."""
    for error in answer.get("Errors", []):
        cure = "see the bucket's policy and locks, then repeat"
        raise LockstepError(tried, f"{error.get('Key')}: {error.get('Message')}", cure)
