"""Buckets as they are taken down: found, emptied of every version, deleted; another account's are left alone.

And the artifact bucket as it is pruned: files are told with their dates, and deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from botocore.stub import Stubber

from lockstep.aws.s3 import Archive, Buckets
from lockstep.errors import ConfigError, IdentityError, LockstepError
from lockstep.model import AccountId
from tests.adapters.stubs import stubbed

OWNER = AccountId("111111111111")
WHERE = {"Bucket": "artifacts", "ExpectedBucketOwner": OWNER}
LISTED = {**WHERE, "Prefix": "environments/"}

S3 = tuple[Buckets, Stubber]


@pytest.fixture
def s3() -> Iterator[S3]:
    """Have an account's buckets, whose answers a test puts in."""
    with stubbed("s3") as (session, stub):
        yield Buckets(session, OWNER), stub


def there(stub: Stubber, *names: str) -> None:
    """Have an account have some buckets."""
    stub.add_response("list_buckets", {"Buckets": [{"Name": name} for name in names]}, {})


def deleting(*versions: str) -> dict[str, object]:
    """Return the question to delete some versions of the file a."""
    objects = [{"Key": "a", "VersionId": version} for version in versions]
    return {**WHERE, "Delete": {"Objects": objects, "Quiet": True}}


def test_buckets_that_are_there(s3: S3) -> None:
    """Of some buckets those are told that the account has, in the order in which they were asked for."""
    buckets, stub = s3
    there(stub, "logs", "other", "artifacts")

    assert buckets.exist(["artifacts", "gone", "logs"]) == ("artifacts", "logs")


def test_buckets_that_may_not_be_listed(s3: S3) -> None:
    """Buckets that may not be listed are an error, and not none."""
    buckets, stub = s3
    stub.add_client_error("list_buckets", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match=f"listing the buckets of account {OWNER}"):
        buckets.exist(["artifacts"])


def test_a_bucket_is_emptied(s3: S3) -> None:
    """Every version of every file that begins so is deleted, marks of deletion too, and they are counted."""
    buckets, stub = s3
    there(stub, "artifacts")
    pages = [
        {"Versions": [{"Key": "a", "VersionId": "1"}], "DeleteMarkers": [{"Key": "a", "VersionId": "2"}]},
        {"Versions": [{"Key": "a", "VersionId": "3"}]},
        {},
    ]
    for number, page in enumerate(pages):
        more = {"IsTruncated": True, "NextKeyMarker": f"k{number}", "NextVersionIdMarker": f"v{number}"}
        after = {"KeyMarker": f"k{number - 1}", "VersionIdMarker": f"v{number - 1}"} if number else {}
        stub.add_response("list_object_versions", page | (more if page else {}), LISTED | after)
        if page:
            versions = [one["VersionId"] for kind in page.values() for one in kind]
            stub.add_response("delete_objects", {}, deleting(*versions))

    assert buckets.empty("artifacts", "environments/") == 3


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ({"Versions": [{"Key": "environments/a", "VersionId": "1"}]}, True),
        ({"DeleteMarkers": [{"Key": "environments/a", "VersionId": "1"}]}, True),
        ({}, False),
    ],
)
def test_whether_a_bucket_holds_files(s3: S3, page: dict[str, object], *, expected: bool) -> None:
    """A bucket holds what begins so where there is any version of such a file, a mark of deletion too."""
    buckets, stub = s3
    there(stub, "artifacts")
    stub.add_response("list_object_versions", page, {**LISTED, "MaxKeys": 1})

    assert buckets.holds("artifacts", "environments/") is expected


def test_a_bucket_that_is_not_there_holds_nothing(s3: S3) -> None:
    """A bucket that is not there, or another account's, holds no files and is not looked into."""
    buckets, stub = s3
    there(stub, "logs")

    assert buckets.holds("artifacts", "environments/") is False


def test_a_bucket_that_is_not_there_is_not_emptied(s3: S3) -> None:
    """A bucket that is not there, or another account's, has nothing to delete."""
    buckets, stub = s3
    there(stub, "logs")

    assert buckets.empty("artifacts") == 0


def test_a_file_that_cannot_be_deleted(s3: S3) -> None:
    """A file that S3 keeps is an error in its words: the bucket is not empty."""
    buckets, stub = s3
    there(stub, "artifacts")
    stub.add_response("list_object_versions", {"Versions": [{"Key": "a", "VersionId": "1"}]}, {**WHERE, "Prefix": ""})
    kept = {"Key": "a", "VersionId": "1", "Code": "AccessDenied", "Message": "Access Denied because of object lock"}
    stub.add_response("delete_objects", {"Errors": [kept]}, deleting("1"))

    with pytest.raises(LockstepError) as caught:
        buckets.empty("artifacts")

    assert str(caught.value) == (
        "error: emptying s3://artifacts/\n"
        "  answer: a: Access Denied because of object lock\n"
        "  next: see the bucket's policy and locks, then repeat"
    )


def test_a_bucket_that_may_not_be_emptied(s3: S3) -> None:
    """Who may not see what is in a bucket is told which."""
    buckets, stub = s3
    there(stub, "artifacts")
    stub.add_client_error("list_object_versions", "AccessDenied", "User: A is not authorized")

    with pytest.raises(IdentityError, match="emptying s3://artifacts/environments/"):
        buckets.empty("artifacts", "environments/")


def test_a_bucket_is_deleted(s3: S3) -> None:
    """An empty bucket of the account is deleted; one that is not there is no error."""
    buckets, stub = s3
    there(stub, "artifacts")
    stub.add_response("delete_bucket", {}, WHERE)
    there(stub)

    buckets.delete("artifacts")
    buckets.delete("artifacts")


def test_a_bucket_that_is_not_empty(s3: S3) -> None:
    """A bucket that somebody wrote to meanwhile is an error in S3's words."""
    buckets, stub = s3
    there(stub, "artifacts")
    stub.add_client_error("delete_bucket", "BucketNotEmpty", "The bucket you tried to delete is not empty", 409)

    with pytest.raises(LockstepError) as caught:
        buckets.delete("artifacts")

    assert caught.value.tried == "deleting the bucket artifacts"
    assert caught.value.answer == "BucketNotEmpty: The bucket you tried to delete is not empty"


@pytest.fixture
def archive() -> Iterator[tuple[Archive, Stubber]]:
    """Have the artifact bucket, whose answers a test puts in."""
    with stubbed("s3") as (session, stub):
        yield Archive(session, "artifacts", OWNER), stub


def test_dates_of_files(archive: tuple[Archive, Stubber]) -> None:
    """Every file that begins so is told with when it was written, in UTC and to the second."""
    bucket, stub = archive
    first = {"Key": "builds/a", "LastModified": datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}
    second = {"Key": "builds/b", "LastModified": datetime(2026, 1, 2, 0, 0, 0, 9, tzinfo=UTC)}
    asked = {**WHERE, "Prefix": "builds/"}
    page = {"Contents": [first], "IsTruncated": True, "NextContinuationToken": "2"}
    stub.add_response("list_objects_v2", page, asked)
    stub.add_response("list_objects_v2", {"Contents": [second]}, {**asked, "ContinuationToken": "2"})

    assert bucket.dates("builds/") == {
        "builds/a": "2026-01-01T00:00:00+00:00",
        "builds/b": "2026-01-02T00:00:00+00:00",
    }


def test_dates_without_a_bucket(archive: tuple[Archive, Stubber]) -> None:
    """A bucket that is missing is an error, and not one without files."""
    bucket, stub = archive
    stub.add_client_error("list_objects_v2", "NoSuchBucket", "no", 404)

    with pytest.raises(ConfigError, match="opening the bucket artifacts"):
        bucket.dates("builds/")


def test_files_are_deleted(archive: tuple[Archive, Stubber]) -> None:
    """Files are deleted by their keys, a thousand at a time, and their versions stay; of none nobody is asked."""
    bucket, stub = archive
    keys = [f"builds/{number}" for number in range(1001)]
    for some in (keys[:1000], keys[1000:]):
        asked = {"Objects": [{"Key": key} for key in some], "Quiet": True}
        stub.add_response("delete_objects", {}, {**WHERE, "Delete": asked})

    bucket.delete(keys)
    bucket.delete([])


def test_a_file_that_is_kept(archive: tuple[Archive, Stubber]) -> None:
    """A file that S3 keeps is an error in its words."""
    bucket, stub = archive
    kept = {"Key": "builds/a", "Code": "AccessDenied", "Message": "Access Denied"}
    stub.add_response("delete_objects", {"Errors": [kept]})

    with pytest.raises(LockstepError) as caught:
        bucket.delete(["builds/a"])

    assert str(caught.value) == (
        "error: deleting files in s3://artifacts\n"
        "  answer: builds/a: Access Denied\n"
        "  next: see the bucket's policy and locks, then repeat"
    )


def test_files_that_may_not_be_deleted(archive: tuple[Archive, Stubber]) -> None:
    """Who may not delete files is told in which bucket."""
    bucket, stub = archive
    stub.add_client_error("delete_objects", "AccessDenied", "no", 403)

    with pytest.raises(IdentityError, match="deleting files in s3://artifacts"):
        bucket.delete(["builds/a"])
