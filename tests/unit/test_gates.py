"""Which releases may go on to the next environment, what a refusal says, and what force passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockstep import canonical, gates
from lockstep.errors import ConfigError, GateError
from lockstep.model import Kind, Release, Result, RunningService
from lockstep.testing import (
    FakeRegistry,
    World,
    a_build,
    a_commit,
    a_digest,
    a_release,
    an_environment,
    what_runs,
)
from tests.unit.deployed import a_record, a_service_in, records

TESTED = a_build(smoke_sha256=canonical.hash_of("smoke"))
RELEASE = a_release(TESTED)
PROD, FORCING = an_environment(name="prod"), an_environment(name="prod", allow_force=True)
TEST = an_environment()
MIXED = "its services are not all from one release: "
SHORT = RELEASE.release_id[:12]


@pytest.mark.parametrize(
    ("service", "reasons"),
    [
        (a_service_in(), ()),
        (a_service_in(passed=False), ("its hello has not passed its smoke tests in test",)),
        (a_service_in(passed=None), ("its hello has not passed its smoke tests in test",)),
        (a_service_in(result=Result.FAILED), ("its hello was never deployed to test",)),
        (a_service_in("orders"), ("its hello was never deployed to test",)),
    ],
)
def test_what_a_release_has_to_have_passed(service: object, reasons: tuple[str, ...]) -> None:
    """A release goes on once each of its services ran in the earlier environment and passed its smoke tests there."""
    found = records(replace(a_record("x", service), release=RELEASE.release_id))  # type: ignore[arg-type]  # a service

    assert gates.unproven(RELEASE, RELEASE.services, "test", found) == reasons


def test_a_service_without_smoke_tests() -> None:
    """A service that has no smoke test is not proven by having run."""
    release = a_release(a_build())
    found = records(replace(a_record("x"), release=release.release_id))

    reasons = gates.unproven(release, release.services, "test", found)

    assert reasons == ("its hello has no smoke test, services/hello/smoke.json",)


def test_another_release_proves_nothing() -> None:
    """What another release passed says nothing of this one."""
    assert gates.unproven(RELEASE, RELEASE.services, "test", records(a_record("x"))) != ()


def test_a_dirty_tree() -> None:
    """A release of changes that nobody committed is unclean; one of a commit is not."""
    dirty = a_release(TESTED, commit=a_commit(dirty=True))

    assert gates.unclean(dirty) == ("it was made from changes that nobody committed",)
    assert gates.unclean(RELEASE) == ()


def test_a_refusal() -> None:
    """A refusal gives every reason and what to do about them."""
    with pytest.raises(GateError) as refused:
        gates.decide(RELEASE, PROD, ("one", "two"), TEST, force=False)

    assert (refused.value.tried, refused.value.answer) == (f"bringing release {SHORT} to prod", "one; two")
    assert refused.value.cure == f"invoke deploy --env test --release {SHORT}, or mend what is named"


def test_a_refusal_where_force_is_allowed() -> None:
    """Where the settings allow force, a refusal says that it could be passed."""
    with pytest.raises(GateError, match="bringing") as refused:
        gates.decide(RELEASE, FORCING, ("one",), None, force=False)

    assert refused.value.cure == "mend what is named; --force passes it, and is recorded"


def test_force_passes_what_it_is_told() -> None:
    """Force passes the reasons and gives them back, to be recorded; nothing is passed where there are none."""
    assert gates.decide(RELEASE, FORCING, ("one",), TEST, force=True) == ("one",)
    assert gates.decide(RELEASE, PROD, (), TEST, force=False) == ()


def test_force_has_to_be_allowed() -> None:
    """Force is refused where the environment's settings do not allow it."""
    gates.check_force(FORCING, force=True)
    gates.check_force(PROD, force=False)

    with pytest.raises(ConfigError, match="forcing a deployment to prod"):
        gates.check_force(PROD, force=True)


def test_an_image_that_is_gone() -> None:
    """A release whose image is not in the registry is refused by its name, and no force brings it."""
    world = World()
    with pytest.raises(GateError) as refused:
        gates.check_images(RELEASE, RELEASE.services, FakeRegistry(world), "prod")

    world.pushed["shop/hello/hellofunction:source"] = a_digest()
    gates.check_images(RELEASE, RELEASE.services, FakeRegistry(world), "prod")

    assert refused.value.answer.startswith("not in the registry: HelloFunction of hello, registry/shop/hello/hello")


def run(*pairs: tuple[str, Release | None]) -> tuple[RunningService, ...]:
    """Return services by name, each with the release that it runs."""
    return tuple(what_runs(a_build(name), release=release and release.release_id) for name, release in pairs)


BOTH, LATER = (a_release(a_build("hello"), a_build("orders"), commit=a_commit(sha=sha * 40)) for sha in "12")
HELLO, ORDERS = a_release(a_build("hello")), a_release(a_build("orders"))


@pytest.mark.parametrize(
    ("running", "release"),
    [
        ((("hello", BOTH), ("orders", BOTH)), BOTH),
        ((("hello", BOTH),), BOTH),
        ((("hello", HELLO), ("orders", BOTH)), HELLO),
        ((("hello", HELLO), ("orders", None)), HELLO),
    ],
)
def test_one_release_runs(running: tuple[tuple[str, Release | None], ...], release: Release) -> None:
    """The release of an environment is the one that all services that it holds run, whatever else is left there."""
    assert gates.one_release("test", run(*running), (BOTH, HELLO)) == release


@pytest.mark.parametrize(
    ("running", "answer"),
    [
        ((), "nothing was deployed there"),
        ((("hello", None),), f"{MIXED}hello: none"),
        ((("hello", BOTH), ("orders", None)), f"{MIXED}hello: {BOTH.release_id[:12]}; orders: none"),
        (
            (("hello", BOTH), ("orders", LATER)),
            f"{MIXED}hello: {BOTH.release_id[:12]}; orders: {LATER.release_id[:12]}",
        ),
        (
            (("hello", HELLO), ("orders", ORDERS)),
            f"{MIXED}hello: {HELLO.release_id[:12]}; orders: {ORDERS.release_id[:12]}",
        ),
    ],
)
def test_skewed_services(running: tuple[tuple[str, Release | None], ...], answer: str) -> None:
    """Services that are not all from one release are refused, each named with its own."""
    there = tuple(dict.fromkeys(release for _, release in running if release))

    with pytest.raises(GateError) as refused:
        gates.one_release("test", run(*running), there)

    assert refused.value.answer == answer


def test_what_runs_is_what_its_stack_names() -> None:
    """A function that runs another digest than its release names is refused, whatever its stack's tags say."""
    named = what_runs(TESTED, release=RELEASE.release_id)
    gates.check_runs("test", RELEASE, (named, what_runs(a_build("left"), images=())))

    with pytest.raises(GateError, match="looking at what runs in test") as refused:
        gates.check_runs("test", RELEASE, (replace(named, images=(("HelloFunction", a_digest("other")),)),))

    assert refused.value.cure == f"invoke deploy --env test --release {SHORT}"


def test_a_rollback_in_the_earlier_environment_proves() -> None:
    """A release that was brought back there and passed its tests is proven."""
    found = records(replace(a_record("x", kind=Kind.ROLLBACK), release=RELEASE.release_id))

    assert gates.unproven(RELEASE, RELEASE.services, "test", found) == ()
