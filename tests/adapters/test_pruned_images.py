"""Images as prune takes them away: all of a repository told with size and date, deleted by digest, failures told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from botocore.stub import Stubber

from lockstep.aws.ecr import Repositories
from lockstep.errors import IdentityError, RegistryError
from lockstep.model import StoredImage
from lockstep.testing import a_digest
from tests.adapters.stubs import stubbed

REPOSITORY = "shop/hello/hellofunction"
WHERE = {"repositoryName": REPOSITORY}
A, B = a_digest("a"), a_digest("b")

Ecr = tuple[Repositories, Stubber]


@pytest.fixture
def ecr() -> Iterator[Ecr]:
    """Have repositories whose answers a test puts in."""
    with stubbed("ecr") as (session, stub):
        yield Repositories(session), stub


def test_images_of_a_repository(ecr: Ecr) -> None:
    """Every image is told once under however many tags, with its size and when it was pushed, in UTC."""
    repositories, stub = ecr
    there = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    first = {"imageDigest": A, "imageTags": ["1", "2"], "imageSizeInBytes": 5, "imagePushedAt": there}
    second = {"imageDigest": B, "imagePushedAt": datetime(2026, 1, 2, 0, 0, 0, 9, tzinfo=UTC)}
    stub.add_response("describe_images", {"imageDetails": [first], "nextToken": "2"}, WHERE)
    stub.add_response("describe_images", {"imageDetails": [second]}, {**WHERE, "nextToken": "2"})

    assert repositories.images(REPOSITORY) == (
        StoredImage(A, 5, "2026-01-01T00:00:00+00:00"),
        StoredImage(B, 0, "2026-01-02T00:00:00+00:00"),
    )


def test_images_that_may_not_be_listed(ecr: Ecr) -> None:
    """Images that may not be listed are an error, and not none."""
    repositories, stub = ecr
    stub.add_client_error("describe_images", "AccessDeniedException", "no")

    with pytest.raises(IdentityError, match=f"listing the images of {REPOSITORY}"):
        repositories.images(REPOSITORY)


def test_images_are_deleted(ecr: Ecr) -> None:
    """Images are deleted by their digests, a hundred at a time; one that is gone already is no error."""
    repositories, stub = ecr
    digests = [a_digest(str(number)) for number in range(101)]
    asked = [{"imageDigest": one} for one in digests]
    gone = {"imageId": asked[0], "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
    stub.add_response("batch_delete_image", {"failures": [gone]}, {**WHERE, "imageIds": asked[:100]})
    stub.add_response("batch_delete_image", {"failures": []}, {**WHERE, "imageIds": asked[100:]})

    repositories.remove(REPOSITORY, digests)


def test_an_image_that_stays(ecr: Ecr) -> None:
    """An image that ECR keeps is an error in its words, with its digest: exit code 5."""
    repositories, stub = ecr
    kept = {
        "imageId": {"imageDigest": A},
        "failureCode": "ImageReferencedByManifestList",
        "failureReason": "it is referenced",
    }
    stub.add_response("batch_delete_image", {"failures": [kept]})

    with pytest.raises(RegistryError) as caught:
        repositories.remove(REPOSITORY, [A])

    assert str(caught.value) == (
        f"error: deleting images of {REPOSITORY}\n"
        f"  answer: {A}: ImageReferencedByManifestList: it is referenced\n"
        "  next: see what refers to them, then repeat"
    )


def test_images_that_may_not_be_deleted(ecr: Ecr) -> None:
    """Who may not delete images is told of which repository."""
    repositories, stub = ecr
    stub.add_client_error("batch_delete_image", "AccessDeniedException", "no")

    with pytest.raises(IdentityError, match=f"deleting images of {REPOSITORY}"):
        repositories.remove(REPOSITORY, [A])
