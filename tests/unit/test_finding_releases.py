"""Releases and templates found again in the bucket, or refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lockstep import canonical, making, names, release
from lockstep.errors import GateError
from lockstep.model import Release, Sha256
from lockstep.ports import Store
from lockstep.testing import FakeStore, World, a_build, a_release


def published(made: Release) -> dict[str, bytes]:
    """Return a release's manifest, by the key that it is kept under."""
    return {names.release_key(made.release_id): release.encode("shop", made, {})}


def refusal(tried: Callable[[], object]) -> str:
    """Return what is said of something that is refused."""
    with pytest.raises(GateError) as caught:
        tried()
    return str(caught.value)


def releases(*prefixes: str) -> Store:
    """Return a bucket with a file for each of some releases' names."""
    return FakeStore(World(files={f"releases/{prefix}.json": b"x" for prefix in prefixes}))


def test_a_release_by_the_beginning_of_its_name() -> None:
    """A release is found by as much of its name as is unique."""
    made = a_release()
    store = FakeStore(World(files=published(made) | published(a_release(a_build("orders")))))

    assert making.find_release(store, made.release_id[:6]) == made


@pytest.mark.parametrize(
    ("wanted", "answer", "cure"),
    [
        ("abcd", "2 releases begin so", "give more of its name"),
        ("abcdef1", "there is no such release", "invoke status, or invoke release"),
        ("abc", "there is no such release", "invoke status, or invoke release"),
        ("", "there is no such release", "invoke status, or invoke release"),
        ("../builds/hello", "there is no such release", "invoke status, or invoke release"),
    ],
)
def test_a_release_that_is_not_found(wanted: str, answer: str, cure: str) -> None:
    """A name that is no beginning of one release alone, or no name of a release at all, is refused."""
    store = releases("abcd1", "abcd2")

    said = refusal(lambda: making.find_release(store, wanted))

    assert said == f"error: looking for release '{wanted}'\n  answer: {answer}\n  next: {cure}"


def test_a_release_that_was_altered() -> None:
    """A release that is found and was altered is refused."""
    said = refusal(lambda: making.find_release(releases("abcd1"), "abcd"))

    assert said == (
        "error: reading the manifest of release abcd1\n  answer: it is damaged\n"
        "  next: see the versions of that file in S3; deploy another release meanwhile"
    )


def test_a_packaged_template_is_read() -> None:
    """The packaged template of a build is read by its hash."""
    build = a_build(template_sha256=canonical.sha256(b"template"))
    store = FakeStore(World(files={names.template_key(build.template_sha256): b"template"}))

    assert making.read_template(store, build) == b"template"


def test_parameters_are_those_of_the_release() -> None:
    """The parameters of a deployment, and their defaults, are those of the release's own templates."""
    content = b'{"Resources": {}, "Parameters": {"LogLevel": {"Default": "INFO"}, "Size": {}}}'
    build = a_build(template_sha256=canonical.sha256(content))
    store = FakeStore(World(files={names.template_key(build.template_sha256): content}))

    assert making.declared_parameters(store, (build,)) == {"hello": {"LogLevel": "INFO", "Size": None}}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "error: reading the packaged template of hello\n  answer: there is no templates/x.json in the bucket"),
        (
            {"templates/x.json": b"altered"},
            "error: verifying the packaged template of hello\n  answer: its SHA-256 is ",
        ),
    ],
)
def test_a_packaged_template_that_is_no_good(files: dict[str, bytes], said: str) -> None:
    """A packaged template that is missing, or not what its release says, is refused."""
    store, build = FakeStore(World(files=files)), a_build(template_sha256=Sha256("x"))

    assert refusal(lambda: making.read_template(store, build)).startswith(said)
