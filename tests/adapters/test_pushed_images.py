"""Pushing, checking and importing images: by the real Docker client, with a tiny engine that remembers it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.errors import BuildError, LockstepError, RegistryError
from lockstep.images import Images
from lockstep.model import Architecture, ImageRef
from lockstep.testing import a_digest
from tests.adapters import fake_engine

REPOSITORY = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/hello/hellofunction"
TAG = f"{REPOSITORY}:source-c0ffee"
REF = ImageRef(REPOSITORY, a_digest())
PUSHED, READ, LOCAL = f"POST /images/{REPOSITORY}/push", f"GET /distribution/{REF}/json", f"GET /images/{TAG}/json"
OCI = "application/vnd.oci.image.manifest.v1+json"

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def engine() -> Iterator[fake_engine.Engine]:
    """Run an engine that pushes, and whose registry has one image."""
    with fake_engine.running() as found:
        found.answers |= {
            PUSHED: (200, ({"status": "Pushed"},)),
            READ: (200, manifest()),
            LOCAL: (200, {"Id": "sha256:1", "Config": None}),
        }
        yield found


@pytest.fixture
def images(engine: fake_engine.Engine) -> Images:
    """Talk to that engine, with a login for its registry."""
    return Images(engine.host, lambda: ("AWS", "planted-password"))


def manifest(media_type: str = OCI, *architectures: str) -> dict[str, Any]:
    """Return what a registry says of an image."""
    platforms = [{"architecture": name, "os": "linux"} for name in architectures or ("amd64",)]
    return {"Descriptor": {"mediaType": media_type, "digest": a_digest(), "size": 1}, "Platforms": platforms}


def test_a_push_carries_its_login_and_leaves_none(engine: fake_engine.Engine, images: Images, alone: Path) -> None:
    """A push carries the registry's login with it; nothing of it is written or said."""
    said: list[str] = []

    images.push(TAG, said.append)

    asked = engine.at(f"/images/{REPOSITORY}/push")
    assert asked.query == {"tag": "source-c0ffee"}
    assert asked.login == {"username": "AWS", "password": "planted-password"}
    assert said == [f"pushed {TAG}"]
    assert list(alone.rglob("*")) == []
    assert "planted-password" not in repr(images)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, ({"status": "Preparing"}, {"error": "denied: not authorized"})), "denied: not authorized"),
        ((404, {"message": "An image does not exist locally"}), "An image does not exist locally"),
        ((500, ({"message": "out of order"},)), "out of order"),
    ],
)
def test_a_push_that_fails(engine: fake_engine.Engine, images: Images, answer: object, words: str) -> None:
    """A push that fails ends with 5, in the registry's words and without the login."""
    engine.answers[PUSHED] = answer
    said: list[str] = []

    with pytest.raises(RegistryError) as caught:
        images.push(TAG, said.append)

    assert caught.value.exit_code == 5
    assert caught.value.tried == f"pushing {TAG}"
    assert words in caught.value.answer
    assert "planted-password" not in str(caught.value)
    assert said == []


def test_a_push_that_is_cut_off(engine: fake_engine.Engine, images: Images) -> None:
    """A push that breaks off is an error that says to try again."""
    engine.broken = True

    with pytest.raises(RegistryError, match="pushing") as caught:
        images.push(TAG, print)

    assert caught.value.cure == "try again"


def test_a_stand_in_is_not_pushed(engine: fake_engine.Engine, images: Images) -> None:
    """An image that an earlier build made on the sandbox's stand-in never reaches the registry of real accounts."""
    engine.answers[LOCAL] = (
        200,
        {"Id": "sha256:1", "Config": {"Labels": {"lockstep.stand-in": "public.ecr.aws/lambda/python:3.13"}}},
    )

    with pytest.raises(BuildError, match="pushing") as caught:
        images.push(TAG, print)

    assert caught.value.answer == "its base is the sandbox's stand-in for public.ecr.aws/lambda/python:3.13"
    assert [asked.path for asked in engine.asked if asked.path.endswith("/push")] == []


def test_one_login_for_many_images(engine: fake_engine.Engine) -> None:
    """However many images are looked at, the registry is asked for a login once."""
    logins = iter([("AWS", "planted-password")])
    images = Images(engine.host, lambda: next(logins))

    for _ in range(3):
        images.check(REF, Architecture.X86_64)

    assert engine.at(f"/distribution/{REF}/json").login["password"] == "planted-password"


@pytest.mark.parametrize("media_type", [OCI, "application/vnd.docker.distribution.manifest.v2+json"])
def test_an_image_that_lambda_runs(engine: fake_engine.Engine, images: Images, media_type: str) -> None:
    """An image that is one manifest for the right processor passes, read with the registry's login."""
    engine.answers[READ] = (200, manifest(media_type))

    images.check(REF, Architecture.X86_64)

    assert engine.at(f"/distribution/{REF}/json").login["password"] == "planted-password"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (manifest("application/vnd.oci.image.index.v1+json"), "which Lambda refuses"),
        (manifest("application/vnd.docker.distribution.manifest.list.v2+json"), "which Lambda refuses"),
        (manifest(OCI, "arm64"), "it is for ['arm64'], the template says x86_64"),
        (manifest(OCI, "amd64", "arm64"), "it is for ['amd64', 'arm64'], the template says x86_64"),
    ],
)
def test_an_image_that_lambda_does_not_run(
    engine: fake_engine.Engine, images: Images, found: object, words: str
) -> None:
    """An index of several images, or an image for another processor, is refused before anything is deployed."""
    engine.answers[READ] = (200, found)

    with pytest.raises(BuildError) as caught:
        images.check(REF, Architecture.X86_64)

    assert caught.value.tried == f"checking {REF} in the registry"
    assert words in caught.value.answer


def test_an_image_that_the_registry_lacks(engine: fake_engine.Engine) -> None:
    """An image that the registry does not give is an error in its words."""
    engine.answers[READ] = (404, {"message": "manifest unknown"})

    with pytest.raises(RegistryError) as caught:
        Images(engine.host).check(REF, Architecture.X86_64)

    assert (caught.value.answer, caught.value.cure) == ("manifest unknown", "invoke push")


def test_which_images_run(engine: fake_engine.Engine, images: Images) -> None:
    """The images of the containers that run are told by the names they were started with."""
    engine.answers["GET /containers/json"] = (200, [{"Image": TAG}])

    assert images.running() == (TAG,)


@pytest.mark.parametrize(("status", "pulled"), [(200, True), (404, False)])
def test_a_pull(engine: fake_engine.Engine, images: Images, status: int, *, pulled: bool) -> None:
    """A pull tells whether the image can be had."""
    engine.answers["POST /images/create"] = (status, ({"status": "x"},) if pulled else {"message": "not found"})

    assert images.pull(TAG) is pulled


def test_an_import(engine: fake_engine.Engine, images: Images) -> None:
    """A file system becomes an image under its tag, with the instructions that go with it."""
    engine.answers["POST /images/create"] = (200, ({"status": "sha256:1"},))

    images.import_rootfs(iter([b"tar in ", b"pieces"]), "public.ecr.aws/lambda/python:3.13", ("ENV A=1", "WORKDIR /"))

    asked = engine.at("/images/create")
    assert (asked.query["repo"], asked.query["tag"]) == ("public.ecr.aws/lambda/python", "3.13")
    assert asked.body == b"tar in pieces"


@pytest.mark.parametrize("answer", [(500, {"message": "no space left"}), (200, ({"error": "no space left"},))])
def test_an_import_that_fails(engine: fake_engine.Engine, images: Images, answer: object) -> None:
    """An import that fails is an error in the engine's words, also where it fails only at its end."""
    engine.answers["POST /images/create"] = answer

    with pytest.raises(LockstepError) as caught:
        images.import_rootfs(iter([b"x"]), "base:1", ())

    assert (caught.value.tried, caught.value.answer) == ("making the image base:1", "no space left")
