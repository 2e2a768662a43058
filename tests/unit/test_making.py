"""Releases made from what is there already: nothing that exists is made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lockstep import canonical, making, names, release
from lockstep.errors import BuildError, GateError, LockstepError, RegistryError
from lockstep.making import Maker
from lockstep.model import ImageDetails, ImageFunction, ImageRef, Release, Service, ServiceBuild, Sha256
from lockstep.ports import Say, Tooling
from lockstep.testing import (
    TOOLING,
    FakeClock,
    FakeImages,
    FakePackager,
    FakeRegistry,
    FakeStore,
    World,
    a_build,
    a_commit,
    a_digest,
    a_release,
    a_service,
    an_image,
    some_names,
)

HELLO, FUNCTION = a_service(), an_image()
SOURCE = names.image_tag(dict(HELLO.image_hashes)["HelloFunction"])
REPOSITORY = "shop/hello/hellofunction"
TAG = f"registry/{REPOSITORY}:{SOURCE}"
REF = ImageRef(f"registry/{REPOSITORY}", a_digest())
PUSHED = {f"{REPOSITORY}:{SOURCE}": a_digest()}
CHECK = f"check registry/{REPOSITORY} x86_64"
RECORD = names.build_key("hello", HELLO.source_hash)


def a_maker(world: World, *, unchanged: bool = True, **tooling: object) -> tuple[Maker, list[str]]:
    """Return a maker in a world, and what it will say; `tooling` stands in for parts of the tooling account."""
    opened = Tooling(
        caller=f"arn:aws:sts::{TOOLING}:assumed-role/shop-developer/x",
        images=FakeImages(world),
        registry=FakeRegistry(world),
        store=FakeStore(world),
        packager=FakePackager(world),
    )
    said: list[str] = []
    opened = replace(opened, **tooling)  # type: ignore[arg-type]  # the parts are the test's own
    return Maker(Path("nowhere"), some_names(), opened, a_commit(), said.append, lambda _service: unchanged), said


def recorded(build: ServiceBuild) -> dict[str, bytes]:
    """Return the record of a build, by the key that it is kept under."""
    return {names.build_key(build.name, build.source_hash): canonical.encode(release.encode_build(build))}


def published(made: Release) -> dict[str, bytes]:
    """Return a release's manifest, by the key that it is kept under."""
    return {names.release_key(made.release_id): release.encode("shop", made, {})}


def refusal(tried: Callable[[], object], kind: type[LockstepError] = GateError) -> str:
    """Return what is said of something that is refused."""
    with pytest.raises(kind) as caught:
        tried()
    return str(caught.value)


def test_an_image_is_built() -> None:
    """An image is built under the name of its repository and the tag of its source."""
    world = World()
    maker, said = a_maker(world)

    tag = maker.build(HELLO, FUNCTION)

    assert (tag, world.local, world.calls) == (TAG, {TAG}, ["build hello HelloFunction"])
    assert said[0] == "hello: building HelloFunction from services/hello/app"


def test_an_image_that_is_here_is_not_built() -> None:
    """An image that was built from this source is not built again."""
    world = World(local={TAG})
    maker, said = a_maker(world)

    assert (maker.build(HELLO, FUNCTION), world.calls) == (TAG, [])
    assert said == ["hello: HelloFunction is built already"]


@dataclass
class Labelled(FakeImages):
    """An engine that keeps the labels of what it builds."""

    labels: dict[str, str] = field(default_factory=dict)

    def build(self, folder: Path, image: ImageFunction, tag: str, labels: Mapping[str, str], say: Say) -> None:
        """Build at once and keep the labels."""
        super().build(folder, image, tag, labels, say)
        self.labels.update(labels)


@pytest.mark.parametrize(("dirty", "commit"), [(False, a_commit().sha), (True, f"{a_commit().sha}-dirty")])
def test_an_image_says_where_it_comes_from(dirty: bool, commit: str) -> None:
    """An image carries its commit, and whether the tree differed from it, and the hash of its source as labels."""
    world = World()
    images = Labelled(world)
    maker, _ = a_maker(world, images=images)

    replace(maker, commit=a_commit(dirty=dirty)).build(HELLO, FUNCTION)

    assert images.labels == {
        "org.opencontainers.image.revision": commit,
        "lockstep.source-hash": dict(HELLO.image_hashes)["HelloFunction"],
    }


def test_an_image_is_pushed_and_read_back() -> None:
    """A built image is pushed, and what the registry has then is checked and named by digest."""
    world = World(local={TAG})
    maker, said = a_maker(world)

    ref = maker.push(HELLO, FUNCTION)

    assert ref == ImageRef(f"registry/{REPOSITORY}", a_digest(TAG))
    assert world.calls == [f"push {TAG}", CHECK]
    assert said == ["hello: pushing HelloFunction", f"pushed {TAG}"]


def test_an_image_in_the_registry_is_not_pushed() -> None:
    """An image that the registry has from this source is not pushed again."""
    world = World(pushed=dict(PUSHED))
    maker, said = a_maker(world)

    assert (maker.push(HELLO, FUNCTION), world.calls) == (REF, [CHECK])
    assert said == ["hello: HelloFunction is in the registry already"]


@pytest.mark.parametrize("second", [Maker.ensure, Maker.push, Maker.published])
def test_an_image_that_failed_its_check(second: Callable[[Maker, Service, ImageFunction], object]) -> None:
    """An image that was pushed and failed its check is refused the second time too: a failure is no build."""
    world = World(fails={"check": BuildError("checking it", "it is for arm64")})
    maker, _ = a_maker(world)

    first = refusal(lambda: maker.ensure(HELLO, FUNCTION), BuildError)
    again = refusal(lambda: second(maker, HELLO, FUNCTION), BuildError)

    assert (first, again) == ("error: checking it\n  answer: it is for arm64",) * 2


def test_a_file_saved_while_an_image_is_built() -> None:
    """An image that was built from other files than its tag names is neither kept nor pushed."""
    world = World()
    maker, _ = a_maker(world, unchanged=False)

    assert refusal(lambda: maker.ensure(HELLO, FUNCTION), BuildError) == (
        "error: building HelloFunction of hello\n  answer: the source changed while it was built\n  next: repeat"
    )
    assert (world.local, world.pushed) == (set(), {})


def test_an_image_that_was_never_built_is_not_pushed() -> None:
    """An image that is not on this machine cannot be pushed."""
    maker, _ = a_maker(World())

    assert refusal(lambda: maker.push(HELLO, FUNCTION), BuildError) == (
        "error: pushing HelloFunction of hello\n  answer: no image was built from this source\n  next: invoke build"
    )


def test_a_push_that_leaves_nothing() -> None:
    """A push after which the registry does not have the image is a failure, whatever the push said."""

    class Empty(FakeRegistry):
        def find(self, repository: str, tag: str) -> ImageRef | None:
            del repository, tag
            return None

    world = World(local={TAG})
    maker, _ = a_maker(world, registry=Empty(world))

    assert refusal(lambda: maker.push(HELLO, FUNCTION), RegistryError) == (
        f"error: reading {TAG} back after the push\n  answer: the registry does not have it\n  next: invoke push"
    )


@pytest.mark.parametrize(
    ("world", "calls"),
    [
        (World(pushed=dict(PUSHED)), [CHECK]),
        (World(local={TAG}), [f"push {TAG}", CHECK]),
        (World(), ["build hello HelloFunction", f"push {TAG}", CHECK]),
    ],
)
def test_only_what_is_missing_is_made(world: World, calls: list[str]) -> None:
    """An image is built only where it is not on this machine, and pushed only where it is not in the registry."""
    maker, _ = a_maker(world)

    ref = maker.ensure(HELLO, FUNCTION)

    assert world.calls == calls
    assert ref == maker.published(HELLO, FUNCTION)


def test_a_service_that_was_built_before_is_not_built() -> None:
    """A service of which exactly this source was built before, by anyone, is taken from its record."""
    build = a_build()
    world = World(files=recorded(build))
    maker, said = a_maker(world)

    assert (maker.make(replace(HELLO, smoke=())), world.calls) == (build, [])
    assert said == ["hello: nothing changed since it was built"]


def test_a_build_for_another_registry_is_unknown() -> None:
    """A build whose images lie in another registry than this project's is no build of it."""
    elsewhere = ImageRef("elsewhere/shop/hello/hellofunction", a_digest())
    maker, _ = a_maker(World(files=recorded(a_build(images=(("HelloFunction", elsewhere),)))))

    assert maker.known(HELLO) is None


@pytest.mark.parametrize(
    "record", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"source_hash": 1, "images": {"A": "x:latest"}}']
)
def test_a_damaged_record(record: bytes) -> None:
    """A record of a build that cannot be read is refused with what to do, and no traceback."""
    maker, _ = a_maker(World(files={RECORD: record}))

    assert refusal(lambda: maker.known(HELLO)) == (
        "error: reading the build record of hello\n  answer: it is damaged\n  next: change a file and build again"
    )


def test_a_new_release_is_published() -> None:
    """A release that is new is written with who made it and when, and read back the same."""
    world = World()
    maker, _ = a_maker(world)

    made, new = maker.publish((a_build(),), FakeClock())

    assert (made, new) == (a_release(), True)
    assert making.find_release(FakeStore(world), made.release_id) == made
    assert json.loads(world.files[names.release_key(made.release_id)])["made"] == {
        "by": f"arn:aws:sts::{TOOLING}:assumed-role/shop-developer/x",
        "at": "2026-01-01T00:00:00+00:00",
        "branch": "main",
    }


def test_a_known_release_is_left_as_it_is() -> None:
    """A release that is there already is not written again."""
    world = World(files=published(a_release()))
    maker, _ = a_maker(world)

    assert (maker.publish((a_build(),), FakeClock()), world.calls) == ((a_release(), False), [])


def two_services() -> tuple[Service, Service]:
    """Return two services; the second has two image functions from one source."""
    images = (an_image("A"), an_image("B"))
    return HELLO, a_service("orders", images=images, image_hashes=(("A", Sha256("a" * 64)), ("B", Sha256("a" * 64))))


def test_all_images_are_built_and_pushed() -> None:
    """Every image of every service is built and pushed, each for its own repository."""
    world = World()
    maker, _ = a_maker(world)

    tags = making.built_tags(maker, two_services())
    refs = making.pushed_refs(maker, two_services())

    tag = f"source-{'a' * 32}"
    assert tags == {
        "hello": {"HelloFunction": TAG},
        "orders": {"A": f"registry/shop/orders/a:{tag}", "B": f"registry/shop/orders/b:{tag}"},
    }
    assert refs == {
        service: {name: ImageRef(of.rpartition(":")[0], a_digest(of)) for name, of in images.items()}
        for service, images in tags.items()
    }


def test_what_was_packaged_before_is_not_packaged() -> None:
    """A service that was packaged from this source before is taken from its record."""
    world = World(files=recorded(a_build()), pushed=dict(PUSHED))
    maker, _ = a_maker(world)

    assert (making.packaged(maker, (HELLO,)), world.calls) == ((a_build(),), [])


def test_smoke_tests_are_kept_by_their_content() -> None:
    """A service's smoke tests are stored once, by their content, and read back the same."""
    world = World(files=recorded(a_build()))
    maker, _ = a_maker(world)

    first, second = maker.make(HELLO), maker.make(HELLO)

    assert first == second
    assert first.smoke_sha256 is not None
    assert making.read_smoke(FakeStore(world), first) == HELLO.smoke
    assert world.calls == ["put smoke"]


def test_other_smoke_tests_make_another_release_of_the_same_build() -> None:
    """Where only the smoke tests changed nothing is built, and the release is another."""
    maker, _ = a_maker(World(files=recorded(a_build())))

    first = maker.make(HELLO)
    second = maker.make(replace(HELLO, smoke=(replace(HELLO.smoke[0], name="other"),)))

    assert replace(first, smoke_sha256=None) == replace(second, smoke_sha256=None)
    assert a_release(first).release_id != a_release(second).release_id


@pytest.mark.parametrize("files", [{}, {"smoke/x.json": b"altered"}])
def test_smoke_tests_that_are_no_good(files: dict[str, bytes]) -> None:
    """A smoke file that is missing, or not what its release says, is refused by its name."""
    store, build = FakeStore(World(files=files)), a_build(smoke_sha256=Sha256("x"))

    assert "the smoke file of hello" in refusal(lambda: making.read_smoke(store, build))


def test_a_service_without_smoke_tests() -> None:
    """A service that has no smoke test has no file for them, and none are read."""
    maker, _ = a_maker(world := World(files=recorded(a_build())))

    build = maker.make(replace(HELLO, smoke=()))

    assert (build.smoke_sha256, making.read_smoke(FakeStore(world), build)) == (None, ())


def test_what_is_known_of_an_image() -> None:
    """Of an image is known what the registry says of it, and what it was built from where it was built here."""
    world = World()
    maker, _ = a_maker(world)
    maker.build(HELLO, FUNCTION)
    ref = maker.push(HELLO, FUNCTION)

    made = maker.details(HELLO, FUNCTION, ref)

    kind = "application/vnd.docker.distribution.manifest.v2+json"
    assert made == ImageDetails(kind, FUNCTION.architecture, 2048, 2, f"base@{a_digest('base')}")
    world.local.clear()
    assert maker.details(HELLO, FUNCTION, ref).base is None
