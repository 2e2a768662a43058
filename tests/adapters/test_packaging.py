"""Templates packaged: once for each source, at the digests of its images, whoever packages them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lockstep import VERSION, canonical, making, names
from lockstep.errors import BuildError, RegistryError
from lockstep.making import Maker
from lockstep.model import Architecture, ImageDetails, ImageRef, Sha256
from lockstep.ports import Say, Tooling
from lockstep.testing import (
    TOOLING,
    FakeImages,
    FakePackager,
    FakeRegistry,
    FakeStore,
    World,
    a_build,
    a_commit,
    a_digest,
    a_service,
    some_names,
)

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Resources:
  HelloFunction:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: app, DockerTag: latest}
    Properties: {PackageType: Image, Policies: [{Version: 2012-10-17}]}
"""
HELLO = a_service()
MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
REPOSITORY = "registry/shop/hello/hellofunction"
ONE, TWO = ({"HelloFunction": ImageRef(REPOSITORY, a_digest(which))} for which in ("one", "two"))


def a_world() -> World:
    """Return a world with both images in the registry."""
    return World(pushed={f"shop/hello/hellofunction:{which}": a_digest(which) for which in ("one", "two")})


def function(image: str) -> dict[str, object]:
    """Return the function of the template as it is deployed."""
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {"PackageType": "Image", "Policies": [{"Version": "2012-10-17"}], "ImageUri": image},
    }


def document(image: str) -> bytes:
    """Return the template as it is deployed, with an image."""
    return canonical.encode({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"HelloFunction": function(image)}})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a repository with the template of hello."""
    (tmp_path / "services/hello").mkdir(parents=True)
    (tmp_path / "services/hello/template.yaml").write_text(TEMPLATE)
    return tmp_path


@dataclass
class Packager(FakePackager):
    """A packager that keeps the templates that it is given."""

    given: list[bytes] = field(default_factory=list)

    def package(self, folder: Path, template: bytes, repositories: Mapping[str, str], say: Say) -> bytes:
        """Keep the template and package it."""
        self.given.append(template)
        return super().package(folder, template, repositories, say)


def a_maker(
    root: Path, world: World, packager: FakePackager | None = None, *, unchanged: bool = True
) -> tuple[Maker, list[str]]:
    """Return a maker in a repository, and what it will say."""
    said: list[str] = []
    tooling = Tooling(
        caller=f"arn:aws:sts::{TOOLING}:assumed-role/shop-developer/x",
        images=FakeImages(world),
        registry=FakeRegistry(world),
        store=FakeStore(world),
        packager=packager or FakePackager(world),
    )
    return Maker(root, some_names(), tooling, a_commit(), said.append, lambda _service: unchanged), said


def test_a_template_is_packaged_and_pinned(root: Path) -> None:
    """A packaged template names each image by digest, is kept by its hash, and dates in it stay as they are written."""
    world = a_world()
    maker, said = a_maker(root, world)

    build = maker.package(HELLO, ONE)

    expected = document(str(ONE["HelloFunction"]))
    details = ImageDetails(MEDIA_TYPE, Architecture.X86_64, size=2048, layers=2, base=None)
    assert build == a_build(
        images=tuple(ONE.items()),
        template_sha256=canonical.sha256(expected),
        details=(("HelloFunction", details),),
        tools=(("aws-sam-cli", "1.170.0"), ("docker", "20.10"), ("lockstep", VERSION)),
    )
    assert world.files[names.template_key(build.template_sha256)] == expected
    assert making.read_template(FakeStore(world), build) == expected
    assert said == ["hello: packaging", "  packaged hello"]


def test_sam_sees_no_image(root: Path) -> None:
    """What SAM packages has nothing to build and no digest of any image, so that one package serves them all."""
    world = a_world()
    packager = Packager(world)

    a_maker(root, world, packager)[0].package(HELLO, ONE)

    assert packager.given == [document(f"{REPOSITORY}@sha256:{'0' * 64}")]


def test_a_template_is_packaged_once(root: Path) -> None:
    """A template that was packaged before is pinned to other images without packaging it again."""
    world = a_world()
    maker, _ = a_maker(root, world)
    maker.package(HELLO, ONE)
    world.calls.clear()

    build = maker.package(a_service(source_hash=Sha256("f" * 64)), TWO)

    assert world.calls == ["put templates", "put builds"]
    assert making.read_template(FakeStore(world), build) == document(str(TWO["HelloFunction"]))


def test_whoever_was_first_is_right(root: Path) -> None:
    """Of two machines that build one source at once, both end with the build of the first."""
    world = a_world()
    first, _ = a_maker(root, world)
    build = first.package(HELLO, ONE)

    assert a_maker(root, world)[0].package(HELLO, TWO) == build
    assert first.known(HELLO) == build


@dataclass
class Overtaken(FakePackager):
    """A packager that is overtaken: when it is done, another machine has packaged the same source."""

    def package(self, folder: Path, template: bytes, repositories: Mapping[str, str], say: Say) -> bytes:
        """Package, and leave what another machine made of it where it belongs."""
        made = super().package(folder, template, repositories, say)
        other = json.loads(made) | {"Description": "the other's"}
        self.world.files[names.package_key("hello", HELLO.package_hash)] = canonical.encode(other)
        return made


def test_the_first_package_is_everybodys(root: Path) -> None:
    """Of two machines that package one source at once, both deploy the package of the first."""
    world = a_world()
    maker, _ = a_maker(root, world, Overtaken(world))

    build = maker.package(HELLO, ONE)

    assert json.loads(making.read_template(FakeStore(world), build))["Description"] == "the other's"


def test_a_service_is_made_from_nothing(root: Path) -> None:
    """Where nothing is there yet, a service's images are built and pushed and its template packaged, in this order."""
    world = World()
    maker, _ = a_maker(root, world)

    build = maker.make(HELLO)

    tag = maker.tag_of(HELLO, HELLO.images[0])
    assert build.images == (("HelloFunction", ImageRef(REPOSITORY, a_digest(tag))),)
    assert world.calls == [
        "build hello HelloFunction",
        f"push {tag}",
        f"check {REPOSITORY} x86_64",
        "package hello ['HelloFunction']",
        "put packages",
        "put templates",
        "put builds",
        "put smoke",
    ]


def test_what_is_pushed_is_packaged(root: Path) -> None:
    """Packaging takes the images that are in the registry, without building anything."""
    world = World()
    maker, _ = a_maker(root, world)
    world.pushed[maker.tag_of(HELLO, HELLO.images[0]).partition("/")[2]] = a_digest("one")

    (build,) = making.packaged(maker, (HELLO,))

    assert build.images == tuple(ONE.items())
    assert [call.split()[0] for call in world.calls] == ["check", "package", "put", "put", "put"]


def test_what_is_not_pushed_is_not_packaged(root: Path) -> None:
    """A service with an image that is not in the registry cannot be packaged."""
    maker, _ = a_maker(root, World())

    with pytest.raises(RegistryError) as caught:
        making.packaged(maker, (HELLO,))

    assert str(caught.value) == (
        "error: packaging hello\n  answer: HelloFunction is not in the registry\n  next: invoke push"
    )


def test_a_file_saved_while_a_template_is_packaged(root: Path) -> None:
    """A template that was packaged from other files than it is named after is kept nowhere."""
    world = World()
    maker, _ = a_maker(root, world, unchanged=False)

    with pytest.raises(BuildError) as caught:
        maker.package(HELLO, ONE)

    assert str(caught.value) == (
        "error: packaging hello\n  answer: the source changed while it was packaged\n  next: repeat"
    )
    assert world.files == {}
