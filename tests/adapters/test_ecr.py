"""ECR: an image that is there, one that is not, a repository that is missing; its policy and its end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from lockstep.aws.ecr import Registry, Repositories
from lockstep.errors import IdentityError, LockstepError, RegistryError, UnavailableError
from lockstep.model import Finding, ImageRef, Scan, Severity
from lockstep.testing import a_digest
from tests.adapters.stubs import stubbed

HOST = "111111111111.dkr.ecr.eu-west-1.amazonaws.com"
REPOSITORY, TAG = "shop/hello/hellofunction", "source-c0ffee"
ASKED = {"repositoryName": REPOSITORY, "imageIds": [{"imageTag": TAG}]}

IMAGE = ImageRef(f"{HOST}/{REPOSITORY}", a_digest())
BY_DIGEST = {"repositoryName": REPOSITORY, "imageIds": [{"imageDigest": a_digest()}]}
SCAN, SCANNED = "describe_image_scan_findings", {"repositoryName": REPOSITORY, "imageId": {"imageDigest": a_digest()}}

Ecr = tuple[Registry, Stubber]


@pytest.fixture
def ecr() -> Iterator[Ecr]:
    """Have a registry whose answers a test puts in."""
    with stubbed("ecr") as (session, stub):
        yield Registry(session, HOST), stub


def test_an_image_that_is_there(ecr: Ecr) -> None:
    """An image that carries the tag is found, by its digest."""
    registry, stub = ecr
    stub.add_response("describe_images", {"imageDetails": [{"imageDigest": a_digest()}]}, ASKED)

    found = registry.find(REPOSITORY, TAG)

    assert found == ImageRef(f"{HOST}/{REPOSITORY}", a_digest())


def test_an_image_that_is_not_there(ecr: Ecr) -> None:
    """A tag that no image carries is no error."""
    registry, stub = ecr
    stub.add_client_error("describe_images", "ImageNotFoundException", expected_params=ASKED)

    assert registry.find(REPOSITORY, TAG) is None


def test_an_image_that_is_not_there_in_other_words(ecr: Ecr) -> None:
    """An empty list says the same as an error does: there is no such image."""
    registry, stub = ecr
    stub.add_response("describe_images", {"imageDetails": []}, ASKED)

    assert registry.find(REPOSITORY, TAG) is None


def test_a_missing_repository(ecr: Ecr) -> None:
    """A repository that is missing ends with 5 and is never made on the way, since its name may be a typo."""
    registry, stub = ecr
    stub.add_client_error("describe_images", "RepositoryNotFoundException", "it does not exist", 400)

    with pytest.raises(RegistryError) as caught:
        registry.find(REPOSITORY, TAG)

    assert caught.value.exit_code == 5
    assert str(caught.value) == (
        f"error: looking for the repository {REPOSITORY}\n"
        "  answer: RepositoryNotFoundException\n"
        "  next: invoke bootstrap"
    )


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ExpiredTokenException", 400, IdentityError),
        ("AccessDeniedException", 400, IdentityError),
        ("ThrottlingException", 400, UnavailableError),
        ("ServerException", 500, UnavailableError),
    ],
)
def test_refusals(ecr: Ecr, code: str, status: int, error: type[LockstepError]) -> None:
    """A refusal names the image that was looked for."""
    registry, stub = ecr
    stub.add_client_error("describe_images", code, http_status_code=status)

    with pytest.raises(error) as caught:
        registry.find(REPOSITORY, TAG)

    assert caught.value.tried == f"looking for {REPOSITORY}:{TAG}"


def test_a_login(ecr: Ecr) -> None:
    """A login is ECR's token, taken apart at its first colon."""
    registry, stub = ecr
    token = base64.b64encode(b"AWS:secret:with:colons").decode()
    stub.add_response("get_authorization_token", {"authorizationData": [{"authorizationToken": token}]})

    assert registry.login() == ("AWS", "secret:with:colons")


def test_a_login_that_is_refused(ecr: Ecr) -> None:
    """A caller who may not log in is told so."""
    registry, stub = ecr
    stub.add_client_error("get_authorization_token", "AccessDeniedException")

    with pytest.raises(IdentityError, match="asking ECR for a login"):
        registry.login()


BY_DIGEST = {"repositoryName": REPOSITORY, "imageIds": [{"imageDigest": a_digest()}]}
REF = ImageRef(f"{HOST}/{REPOSITORY}", a_digest())


def test_a_digest_that_is_there(ecr: Ecr) -> None:
    """An image of a release is there as long as its digest is, whatever tags it has."""
    registry, stub = ecr
    stub.add_response("describe_images", {"imageDetails": [{"imageDigest": a_digest()}]}, BY_DIGEST)

    assert registry.has(REF)


def test_a_digest_that_is_gone(ecr: Ecr) -> None:
    """An image that was deleted is told as missing, by an error as by an empty list."""
    registry, stub = ecr
    stub.add_client_error("describe_images", "ImageNotFoundException", expected_params=BY_DIGEST)
    stub.add_response("describe_images", {"imageDetails": []}, BY_DIGEST)

    assert (registry.has(REF), registry.has(REF)) == (False, False)


def test_a_digest_in_another_registry(ecr: Ecr) -> None:
    """An image that another registry holds is not in this one, and nobody is asked."""
    registry, _ = ecr

    assert not registry.has(ImageRef(f"elsewhere/{REPOSITORY}", a_digest()))


def test_a_digest_without_its_repository(ecr: Ecr) -> None:
    """A repository that is gone with its images ends with 5, as it does for a tag."""
    registry, stub = ecr
    stub.add_client_error("describe_images", "RepositoryNotFoundException", "it does not exist", 400)

    with pytest.raises(RegistryError, match=f"looking for the repository {REPOSITORY}"):
        registry.has(REF)


def test_who_may_pull(ecr: Ecr) -> None:
    """A repository's policy is told as it stands."""
    registry, stub = ecr
    document = {"Version": "2012-10-17", "Statement": []}
    stub.add_response("get_repository_policy", {"policyText": json.dumps(document)}, {"repositoryName": REPOSITORY})

    assert registry.policy(REPOSITORY) == document


def test_a_repository_without_a_policy(ecr: Ecr) -> None:
    """A repository that has no policy allows nobody anything, which is no error."""
    registry, stub = ecr
    stub.add_client_error("get_repository_policy", "RepositoryPolicyNotFoundException", "no", 400)

    assert registry.policy(REPOSITORY) == {}


def test_the_policy_of_a_missing_repository(ecr: Ecr) -> None:
    """A repository that is missing ends with 5, and is not taken for one without a policy."""
    registry, stub = ecr
    stub.add_client_error("get_repository_policy", "RepositoryNotFoundException", "no", 400)

    with pytest.raises(RegistryError) as caught:
        registry.policy(REPOSITORY)

    assert str(caught.value) == (
        f"error: reading the policy of the repository {REPOSITORY}\n"
        "  answer: RepositoryNotFoundException\n"
        "  next: invoke bootstrap"
    )


def test_a_policy_that_may_not_be_read(ecr: Ecr) -> None:
    """Who may not read a repository's policy is told of which repository."""
    registry, stub = ecr
    stub.add_client_error("get_repository_policy", "AccessDeniedException", "no")

    with pytest.raises(IdentityError, match=f"reading the policy of the repository {REPOSITORY}"):
        registry.policy(REPOSITORY)


def test_repositories_by_their_beginning() -> None:
    """Every repository whose name begins so is told, however many there are."""
    with stubbed("ecr") as (session, stub):
        first = {"repositories": [{"repositoryName": "shop/a"}, {"repositoryName": "shopping/a"}], "nextToken": "2"}
        stub.add_response("describe_repositories", first, {})
        stub.add_response("describe_repositories", {"repositories": [{"repositoryName": "shop/b"}]}, {"nextToken": "2"})

        assert Repositories(session).names("shop/") == ("shop/a", "shop/b")


def test_repositories_that_may_not_be_listed() -> None:
    """Repositories that may not be listed are an error, and not none."""
    with stubbed("ecr") as (session, stub):
        stub.add_client_error("describe_repositories", "AccessDeniedException", "no")

        with pytest.raises(IdentityError, match=r"listing the repositories shop/\*"):
            Repositories(session).names("shop/")


def test_a_repository_is_deleted() -> None:
    """A repository is deleted with the images in it; where there is none that is no error."""
    with stubbed("ecr") as (session, stub):
        asked = {"repositoryName": REPOSITORY, "force": True}
        stub.add_response("delete_repository", {}, asked)
        stub.add_client_error("delete_repository", "RepositoryNotFoundException", "no", 400, expected_params=asked)

        Repositories(session).delete(REPOSITORY)
        Repositories(session).delete(REPOSITORY)


def test_a_repository_that_may_not_be_deleted() -> None:
    """Who may not delete a repository is told which."""
    with stubbed("ecr") as (session, stub):
        stub.add_client_error("delete_repository", "AccessDeniedException", "no")

        with pytest.raises(IdentityError, match=f"deleting the repository {REPOSITORY}"):
            Repositories(session).delete(REPOSITORY)


def test_the_layers_of_an_image(ecr: Ecr) -> None:
    """An image's media type and its layers' sizes are those of its manifest."""
    registry, stub = ecr
    manifest = json.dumps({"mediaType": "application/x", "layers": [{"size": 3}, {"size": 4}]})
    stub.add_response("batch_get_image", {"images": [{"imageManifest": manifest}]}, BY_DIGEST)

    assert registry.layers(IMAGE) == ("application/x", (3, 4))


def test_the_layers_of_no_image(ecr: Ecr) -> None:
    """An image that is not in the registry ends with 5."""
    registry, stub = ecr
    stub.add_response("batch_get_image", {"images": [], "failures": []}, BY_DIGEST)

    with pytest.raises(RegistryError, match="reading the manifest"):
        registry.layers(IMAGE)


def test_a_basic_scan(ecr: Ecr) -> None:
    """A basic scan tells of each finding on each of its pages; one that nobody has judged yet counts as high."""
    registry, stub = ecr
    words = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL", "UNDEFINED")
    pages = [[{"name": word, "severity": word} for word in words[:3]], [{"name": w, "severity": w} for w in words[3:]]]
    complete = {"imageScanStatus": {"status": "COMPLETE"}}
    stub.add_response(SCAN, {**complete, "imageScanFindings": {"findings": pages[0]}, "nextToken": "more"}, SCANNED)
    stub.add_response(SCAN, {**complete, "imageScanFindings": {"findings": pages[1]}}, SCANNED | {"nextToken": "more"})

    found = registry.scan(IMAGE)

    judged = ("low", "low", "medium", "high", "critical", "high")
    assert found == Scan(
        "COMPLETE", tuple(Finding(name, Severity(word)) for name, word in zip(words, judged, strict=True)), is_done=True
    )


def test_an_enhanced_scan(ecr: Ecr) -> None:
    """An enhanced scan goes on for good; its findings are named by their vulnerability, or else by their title."""
    registry, stub = ecr
    findings = [
        {"severity": "UNTRIAGED", "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-1"}, "title": "CVE-1 - curl"},
        {"severity": "LOW", "title": "something else"},
    ]
    answer = {"imageScanStatus": {"status": "ACTIVE"}, "imageScanFindings": {"enhancedFindings": findings}}
    stub.add_response(SCAN, answer, SCANNED)

    found = registry.scan(IMAGE)

    told = (Finding("CVE-1", Severity.HIGH), Finding("something else", Severity.LOW))
    assert found == Scan("ACTIVE", told, is_done=True)


@pytest.mark.parametrize(
    ("status", "pending"), [("IN_PROGRESS", True), ("PENDING", True), ("FAILED", False), ("UNSUPPORTED_IMAGE", False)]
)
def test_a_scan_that_is_not_done(ecr: Ecr, status: str, pending: bool) -> None:
    """A scan that is under way may be waited for; one that failed says nothing, and waiting does not help."""
    registry, stub = ecr
    stub.add_response(SCAN, {"imageScanStatus": {"status": status}}, SCANNED)

    assert registry.scan(IMAGE) == Scan(status, is_pending=pending)


def test_an_image_that_was_never_scanned(ecr: Ecr) -> None:
    """An image without a scan is no error, and not one in which nothing was found."""
    registry, stub = ecr
    stub.add_client_error(SCAN, "ScanNotFoundException", expected_params=SCANNED)

    assert registry.scan(IMAGE) == Scan("ScanNotFoundException")


def test_a_scan_that_may_not_be_read(ecr: Ecr) -> None:
    """Who may not read a scan is told so."""
    registry, stub = ecr
    stub.add_client_error(SCAN, "AccessDeniedException", expected_params=SCANNED)

    with pytest.raises(IdentityError, match="reading the scan"):
        registry.scan(IMAGE)
