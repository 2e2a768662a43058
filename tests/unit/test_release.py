"""Releases: named by their content, refused where it is another."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import canonical, release
from lockstep.errors import GateError
from lockstep.model import (
    Architecture,
    Commit,
    ImageDetails,
    ImageRef,
    Release,
    ReleaseId,
    ServiceBuild,
    Sha256,
)
from lockstep.testing import a_build, a_commit, a_digest, a_release

CURE = "see the versions of that file in S3; deploy another release meanwhile"
MADE = {"by": "arn:aws:iam::111111111111:user/developer", "at": "2026-01-01T00:00:00+00:00"}
HASHES = st.text().map(canonical.hash_of)
REFS = st.builds(ImageRef, st.from_regex("[a-z0-9./]{1,20}", fullmatch=True), st.text().map(a_digest))
NAMES = st.from_regex("[a-z](-?[a-z0-9]){0,9}", fullmatch=True)
IMAGES = st.dictionaries(st.from_regex("[A-Za-z0-9]{1,9}", fullmatch=True), REFS, max_size=3).map(
    lambda images: tuple(sorted(images.items()))
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(min_value=0)
DETAILS = st.builds(ImageDetails, WORDS, st.sampled_from(Architecture), NUMBERS, NUMBERS, st.none() | WORDS)
TOOLS = st.dictionaries(WORDS, WORDS, max_size=2).map(lambda tools: tuple(sorted(tools.items())))


def with_details(build: ServiceBuild, details: ImageDetails) -> ServiceBuild:
    """Return a build that has details of each of its images."""
    return replace(build, details=tuple((name, details) for name, _ in build.images))


RECORDS = st.builds(with_details, st.builds(ServiceBuild, NAMES, HASHES, IMAGES, HASHES, tools=TOOLS), DETAILS)
BUILDS = st.lists(
    st.builds(lambda build, sha256: replace(build, smoke_sha256=sha256), RECORDS, st.none() | HASHES),
    max_size=3,
    unique_by=lambda build: build.name,
)
SMOKE = canonical.hash_of("smoke")
COMMITS = st.builds(Commit, st.from_regex("[0-9a-f]{40}", fullmatch=True), st.text(), st.booleans())
PLACES = st.integers(min_value=0, max_value=10_000)


def stored(made: Release) -> bytes:
    """Return a release of the project shop as it is stored."""
    return release.encode("shop", made, MADE)


def refusal(content: bytes, release_id: str) -> str:
    """Return what is said of a stored release that is refused."""
    with pytest.raises(GateError) as caught:
        release.decode(content, ReleaseId(release_id))
    return str(caught.value)


def test_how_a_release_is_stored() -> None:
    """A release is stored as canonical JSON: what it holds, and beside it who made it, when, on which branch."""
    details = ImageDetails("application/vnd.oci.image.manifest.v1+json", Architecture.ARM64, 2048, 2, "python@sha256:1")
    build = a_build(details=(("HelloFunction", details),), tools=(("docker", "20.10"),), smoke_sha256=SMOKE)

    content = stored(a_release(build))

    assert content == canonical.encode(
        {
            "manifest": {
                "format": 2,
                "project": "shop",
                "commit": {"sha": a_commit().sha, "dirty": False},
                "services": {
                    "hello": {
                        "source_hash": build.source_hash,
                        "images": {
                            "HelloFunction": {
                                "uri": f"registry/shop/hello/hellofunction@{a_digest()}",
                                "media_type": "application/vnd.oci.image.manifest.v1+json",
                                "architecture": "arm64",
                                "size": 2048,
                                "layers": 2,
                                "base": "python@sha256:1",
                            }
                        },
                        "template": {
                            "key": f"templates/{build.template_sha256}.json",
                            "sha256": build.template_sha256,
                        },
                        "tools": {"docker": "20.10"},
                        "smoke": {"key": f"smoke/{SMOKE}.json", "sha256": SMOKE},
                    }
                },
            },
            "made": {"branch": "main", **MADE},
            "made_sha256": canonical.hash_of({"branch": "main", **MADE}),
        }
    )


@given(COMMITS, BUILDS)
def test_releases_come_back_as_they_were_stored(commit: Commit, builds: list[ServiceBuild]) -> None:
    """A release that was stored is read back the same."""
    made = release.make("shop", commit, tuple(sorted(builds, key=lambda build: build.name)))

    assert release.decode(stored(made), made.release_id) == made


@given(BUILDS.flatmap(lambda builds: st.tuples(st.just(builds), st.permutations(builds))))
def test_the_name_does_not_depend_on_any_order(orders: tuple[list[ServiceBuild], list[ServiceBuild]]) -> None:
    """The same builds give the same release in whatever order they were made."""
    one, other = (release.make("shop", a_commit(), tuple(builds)) for builds in orders)

    assert one.release_id == other.release_id


def test_the_name_does_not_depend_on_who_made_it() -> None:
    """The same commit and builds give the same name on any branch, and it is read back whoever made it."""
    main, side = a_release(), a_release(commit=a_commit(branch="side"))

    content = release.encode("shop", side, {"by": "somebody else"})

    assert main.release_id == side.release_id
    assert release.decode(content, main.release_id) == side


@pytest.mark.parametrize(
    "other",
    [
        a_release(a_build("orders")),
        a_release(a_build(source_hash=Sha256("0" * 64))),
        a_release(a_build(template_sha256=Sha256("0" * 64))),
        a_release(a_build(images=())),
        a_release(a_build(smoke_sha256=SMOKE)),
        a_release(a_build(tools=(("docker", "27"),))),
        a_release(commit=a_commit(sha="0" * 40)),
        a_release(commit=a_commit(dirty=True)),
        release.make("another", a_commit(), (a_build(),)),
    ],
)
def test_the_name_depends_on_all_that_is_deployed(other: Release) -> None:
    """A release of another project, commit, source, image or template has another name."""
    assert other.release_id != a_release().release_id


@given(PLACES, st.integers(0, 255))
def test_any_changed_byte_of_the_manifest_is_refused(place: int, byte: int) -> None:
    """Whichever byte of a stored manifest is changed, the release is refused."""
    made = a_release()
    content = bytearray(stored(made))
    begin = content.index(b'"manifest"')
    place = begin + place % (len(content) - begin - 2)
    content[place] = byte if content[place] != byte else byte ^ 1

    said = refusal(bytes(content), made.release_id)

    assert said.endswith(f"  next: {CURE}")


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_no_content_is_our_bug(content: bytes) -> None:
    """Whatever is stored under a release's name is refused, with no traceback."""
    assert refusal(content, "x") == (
        f"error: reading the manifest of release x\n  answer: it is damaged\n  next: {CURE}"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        stored(a_release()).replace(b'"format":2', b'"format":NaN'),
        stored(a_release()).replace(b'"format":2', b'"format":2,"more":"\\ud800"'),
        stored(a_release()).replace(b'"format":2,', b""),
    ],
)
def test_a_release_that_was_altered_to_break_its_reader(content: bytes) -> None:
    """A release that was altered into what no writer writes is refused like any other, with no traceback."""
    assert refusal(content, a_release().release_id).endswith(f"  next: {CURE}")


def test_another_release_under_its_name() -> None:
    """A release whose content is another's is refused as altered."""
    assert refusal(stored(a_release(a_build("orders"))), "x") == (
        "error: verifying the manifest of release x\n"
        "  answer: its content is not what its name says: it was altered\n"
        f"  next: {CURE}"
    )


def test_a_release_of_another_format() -> None:
    """A release in a format that this version does not know is refused, even under its right name."""
    manifest = json.loads(stored(a_release()))["manifest"] | {"format": 1}
    made = {"branch": "main"}
    content = canonical.encode({"manifest": manifest, "made": made, "made_sha256": canonical.hash_of(made)})

    assert refusal(content, canonical.hash_of(manifest)) == (
        f"error: verifying the manifest of release {canonical.hash_of(manifest)}\n"
        "  answer: its format is 1, this version reads 2\n"
        "  next: invoke release"
    )


@given(st.lists(RECORDS, max_size=3))
def test_builds_come_back_as_they_were_stored(builds: list[ServiceBuild]) -> None:
    """A service's build that was stored is read back the same."""
    read = [release.decode_build(build.name, release.encode_build(build)) for build in builds]

    assert read == builds


def test_a_file_that_is_what_its_release_says() -> None:
    """A stored file passes if its hash is the one in its release."""
    release.verify(b"template", canonical.sha256(b"template"), "the packaged template of hello")


def test_a_file_that_was_altered() -> None:
    """A stored file with another hash than in its release is refused by what it is, with both."""
    wanted = canonical.sha256(b"template")

    with pytest.raises(GateError) as caught:
        release.verify(b"Template", wanted, "the packaged template of hello")

    assert str(caught.value) == (
        "error: verifying the packaged template of hello\n"
        f"  answer: its SHA-256 is {canonical.sha256(b'Template')}, the release says {wanted}: it was altered\n"
        f"  next: {CURE}"
    )


@pytest.mark.parametrize("part", ["template", "smoke"])
def test_a_key_that_is_not_that_of_its_hash(part: str) -> None:
    """A manifest that names a file elsewhere than where its hash says is refused, even under its right name."""
    made = a_release(a_build(smoke_sha256=SMOKE))
    manifest = json.loads(stored(made))["manifest"]
    manifest["services"]["hello"][part]["key"] = "releases/other.json"
    content = canonical.encode({"manifest": manifest, "made": {"branch": "main"}})

    assert "it is damaged" in refusal(content, canonical.hash_of(manifest))


@pytest.mark.parametrize("name", ["branch", "by", "at"])
def test_an_altered_maker(name: str) -> None:
    """Who made a release, when and on which branch is no part of its name, and does not change unnoticed either."""
    made = a_release()
    document = json.loads(stored(made))
    document["made"][name] = "other"

    assert "it was altered" in refusal(canonical.encode(document), made.release_id)


def test_a_smoke_file_by_another_name() -> None:
    """A release whose smoke file is not kept by its hash is damaged: what it names would not be what it holds."""
    made = a_release(a_build(smoke_sha256=SMOKE))
    document = json.loads(stored(made))
    document["manifest"]["services"]["hello"]["smoke"]["key"] = "smoke/other.json"
    name = canonical.hash_of(document["manifest"])

    assert "it is damaged" in refusal(canonical.encode(document), name)
