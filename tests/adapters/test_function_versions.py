"""Lambda's versions: which digests anybody could call, of every function of an account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from lockstep.aws.lambda_ import Functions
from lockstep.errors import DeployError, IdentityError
from lockstep.testing import a_digest
from tests.adapters.stubs import stubbed

URI = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/hello"

Lambda = tuple[Functions, Stubber]


@pytest.fixture
def functions() -> Iterator[Lambda]:
    """Have functions whose answers a test puts in."""
    with stubbed("lambda") as (session, stub):
        yield Functions(session, "222222222222"), stub


def versions(stub: Stubber, function: str, *uris: str) -> None:
    """Have a function have versions, the unpublished one first, of these images; one without an image is gone."""
    names = ["$LATEST", *(str(number) for number in range(1, len(uris)))]
    first = {"Versions": [{"Version": name} for name in names[:1]], "NextMarker": "more"}
    stub.add_response("list_versions_by_function", first, {"FunctionName": function})
    rest = {"Versions": [{"Version": name} for name in names[1:]]}
    stub.add_response("list_versions_by_function", rest, {"FunctionName": function, "Marker": "more"})
    for name, uri in zip(names, uris, strict=True):
        asked = {"FunctionName": function, "Qualifier": name}
        if uri:
            stub.add_response("get_function", {"Code": {"ImageUri": uri}}, asked)
        else:
            stub.add_client_error("get_function", "ResourceNotFoundException", "no", 404, expected_params=asked)


def test_every_digest_that_can_be_called(functions: Lambda) -> None:
    """The digest of each version of each image function is told; what is deleted meanwhile is no error."""
    lambda_, stub = functions
    found = [{"FunctionName": name, "PackageType": "Image"} for name in ("a", "b", "gone")]
    listed = {"Functions": [*found, {"FunctionName": "zip", "PackageType": "Zip"}]}
    stub.add_response("list_functions", listed, {})
    versions(stub, "a", f"{URI}@{a_digest('new')}", f"{URI}@{a_digest('old')}", "")
    versions(stub, "b", f"{URI}@{a_digest('new')}")
    stub.add_client_error("list_versions_by_function", "ResourceNotFoundException", "no", 404)

    assert lambda_.digests() == {a_digest("new"), a_digest("old")}


def test_a_version_without_a_digest(functions: Lambda) -> None:
    """A version of which nobody can tell the digest is an error that names it: it may be any image."""
    lambda_, stub = functions
    stub.add_response("list_functions", {"Functions": [{"FunctionName": "a", "PackageType": "Image"}]}, {})
    versions(stub, "a", f"{URI}@{a_digest()}", f"{URI}:tag")

    with pytest.raises(DeployError) as caught:
        lambda_.digests()

    assert str(caught.value) == (
        "error: looking at every version of the functions of account 222222222222\n"
        "  answer: a:1 names no image by its digest\n"
        "  next: deploy it by a digest, or delete it"
    )


@pytest.mark.parametrize("call", ["list_functions", "list_versions_by_function", "get_function"])
def test_versions_that_may_not_be_seen(functions: Lambda, call: str) -> None:
    """Versions that may not be listed or looked at are an error, and not none."""
    lambda_, stub = functions
    answers = {
        "list_functions": {"Functions": [{"FunctionName": "a", "PackageType": "Image"}]},
        "list_versions_by_function": {"Versions": [{"Version": "1"}]},
        "get_function": {},
    }
    for name, found in answers.items():
        if name == call:
            stub.add_client_error(name, "AccessDeniedException", "no", 403)
            break
        stub.add_response(name, found)

    with pytest.raises(IdentityError, match="looking at every version of the functions of account 222222222222"):
        lambda_.digests()
