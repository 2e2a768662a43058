"""The artifact bucket: read, list, write once, where it is; and what a missing, foreign or forbidden one becomes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from lockstep.aws.s3 import Bucket
from lockstep.errors import ConfigError, IdentityError, LockstepError, UnavailableError
from lockstep.model import AccountId
from tests.adapters.stubs import stubbed

OWNER = AccountId("111111111111")
WHERE = {"Bucket": "artifacts", "ExpectedBucketOwner": OWNER}
KEY = {**WHERE, "Key": "releases/1.json"}
PUT = {**KEY, "Body": b"new", "IfNoneMatch": "*"}
CALLS: dict[str, Callable[[Bucket], object]] = {
    "get_object": lambda bucket: bucket.get("releases/1.json"),
    "put_object": lambda bucket: bucket.put_once("releases/1.json", b"new"),
    "list_objects_v2": lambda bucket: bucket.keys("releases/"),
}

S3 = tuple[Bucket, Stubber]


@pytest.fixture
def s3() -> Iterator[S3]:
    """Have a bucket whose answers a test puts in."""
    with stubbed("s3") as (session, stub):
        yield Bucket(session, "artifacts", OWNER), stub


def test_a_key_is_read(s3: S3) -> None:
    """A key's content is read, from a bucket of the tooling account and no other."""
    bucket, stub = s3
    stub.add_response("get_object", {"Body": StreamingBody(io.BytesIO(b"content"), 7)}, KEY)

    assert bucket.get("releases/1.json") == b"content"


def test_a_key_that_is_not_there(s3: S3) -> None:
    """A key that is not there is no error."""
    bucket, stub = s3
    stub.add_client_error("get_object", "NoSuchKey", expected_params=KEY)

    assert bucket.get("releases/1.json") is None


def test_a_key_is_written(s3: S3) -> None:
    """A key is written on the condition that it is not there."""
    bucket, stub = s3
    stub.add_response("put_object", {}, PUT)

    assert bucket.put_once("releases/1.json", b"new")


def test_a_key_that_is_there_is_kept(s3: S3) -> None:
    """A key that is there already is left as it is, which is no error."""
    bucket, stub = s3
    stub.add_client_error("put_object", "PreconditionFailed", http_status_code=412, expected_params=PUT)

    assert not bucket.put_once("releases/1.json", b"new")


@pytest.mark.parametrize("written", [True, False])
def test_two_who_write_at_once(s3: S3, *, written: bool) -> None:
    """Where S3 cannot say who was first it is asked again, and the second answer counts."""
    bucket, stub = s3
    stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409, expected_params=PUT)
    if written:
        stub.add_response("put_object", {}, PUT)
    else:
        stub.add_client_error("put_object", "PreconditionFailed", http_status_code=412, expected_params=PUT)

    assert bucket.put_once("releases/1.json", b"new") is written


def test_a_conflict_that_does_not_end(s3: S3) -> None:
    """Where S3 never says who was first, that is an error: nobody is told that a key is there that is not."""
    bucket, stub = s3
    for _ in range(3):
        stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)

    with pytest.raises(UnavailableError, match=r"writing s3://artifacts/releases/1\.json"):
        bucket.put_once("releases/1.json", b"new")


def test_keys_are_listed(s3: S3) -> None:
    """The keys that begin with a prefix are listed."""
    bucket, stub = s3
    stub.add_response("list_objects_v2", {"Contents": [{"Key": "a"}, {"Key": "b"}]}, {**WHERE, "Prefix": "releases/"})

    assert bucket.keys("releases/") == ("a", "b")


def test_no_keys_are_listed(s3: S3) -> None:
    """A prefix that no key begins with has no keys."""
    bucket, stub = s3
    stub.add_response("list_objects_v2", {}, {**WHERE, "Prefix": "releases/"})

    assert bucket.keys("releases/") == ()


@pytest.mark.parametrize("call", sorted(CALLS))
def test_a_missing_bucket(s3: S3, call: str) -> None:
    """A bucket that does not exist ends with 2 and says how to make it, whatever was wanted of it."""
    bucket, stub = s3
    stub.add_client_error(call, "NoSuchBucket", http_status_code=404)

    with pytest.raises(ConfigError) as caught:
        CALLS[call](bucket)

    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        "error: opening the bucket artifacts\n  answer: it does not exist\n  next: invoke bootstrap"
    )


@pytest.mark.parametrize(
    ("code", "error"),
    [("AccessDenied", IdentityError), ("ExpiredToken", IdentityError), ("SlowDown", UnavailableError)],
)
@pytest.mark.parametrize("call", sorted(CALLS))
def test_refusals(s3: S3, call: str, code: str, error: type[LockstepError]) -> None:
    """A refusal names bucket and key; a read that is refused is never taken for a key that is not there."""
    bucket, stub = s3
    stub.add_client_error(call, code, http_status_code=403)

    with pytest.raises(error) as caught:
        CALLS[call](bucket)

    assert "s3://artifacts/releases/" in caught.value.tried
    assert caught.value.answer.startswith(code)


def test_where_a_bucket_is(s3: S3) -> None:
    """A bucket of the tooling account tells its region."""
    bucket, stub = s3
    stub.add_response("head_bucket", {"BucketRegion": "eu-west-1"}, WHERE)

    assert bucket.region() == "eu-west-1"


FOREIGN = "invoke bootstrap; if another account has a bucket of that name, choose another project name"


@pytest.mark.parametrize(
    ("code", "status", "answer", "cure"),
    [
        ("404", 404, "it does not exist", "invoke bootstrap"),
        ("NoSuchBucket", 404, "it does not exist", "invoke bootstrap"),
        ("403", 403, "403: it is not that account's, or you may not see it", FOREIGN),
    ],
)
def test_a_bucket_that_cannot_be_found(s3: S3, code: str, status: int, answer: str, cure: str) -> None:
    """A bucket that is missing, or another account's, ends with 2 and says what to do about it."""
    bucket, stub = s3
    stub.add_client_error("head_bucket", code, http_status_code=status)

    with pytest.raises(ConfigError) as caught:
        bucket.region()

    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"error: looking for the bucket artifacts of account {OWNER}\n  answer: {answer}\n  next: {cure}"
    )


def test_a_bucket_that_is_not_told_of(s3: S3) -> None:
    """An S3 that is busy has not said that a bucket is missing."""
    bucket, stub = s3
    stub.add_client_error("head_bucket", "503", http_status_code=503)

    with pytest.raises(UnavailableError, match=f"looking for the bucket artifacts of account {OWNER}"):
        bucket.region()
