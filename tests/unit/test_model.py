"""The values that travel: what they hold, what they refuse."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import model
from lockstep.errors import BusyError, DeployError, LockstepError, StackError, UnavailableError
from lockstep.model import (
    Architecture,
    Change,
    DeployStack,
    Digest,
    ImageRef,
    Outcome,
    Plan,
    ProveAccount,
    ReleaseId,
    Result,
    ServiceOutcome,
    SmokeOutcome,
    StackName,
)
from lockstep.testing import TEST, a_build, a_digest, a_release, an_environment

PLAN = Plan(an_environment(), ReleaseId("f" * 64), ())
CREATED = ServiceOutcome("hello", Result.CREATED, 1.0)
BUSY = ServiceOutcome("orders", Result.FAILED, 1.0, BusyError("deploying"))
STUCK = ServiceOutcome("stock", Result.FAILED, 1.0, StackError("deploying"))
DOWN = SmokeOutcome("hello", "z", passed=False, error=UnavailableError("invoking"))
BROKEN = SmokeOutcome("hello", "w", passed=False, error=DeployError("invoking"))
PASSED, FAILED = SmokeOutcome("hello", "x", passed=True), SmokeOutcome("hello", "y", passed=False)


def test_values_are_frozen() -> None:
    """No value can be changed after it was made."""
    values = [kind for kind in vars(model).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)]

    thawed = [kind.__name__ for kind in values if not kind.__dataclass_params__.frozen]  # type: ignore[attr-defined]  # the type checker does not know what dataclass leaves there

    assert values
    assert thawed == []


def test_a_digest() -> None:
    """A digest is sha256: and 64 hex digits."""
    text = "sha256:" + "0123456789abcdef" * 4

    assert model.digest(text) == Digest(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "f" * 64,
        "sha256:" + "f" * 63,
        "sha256:" + "f" * 65,
        "sha256:" + "F" * 64,
        "sha512:" + "f" * 64,
        f"sha256:{'f' * 64}\n",
    ],
)
def test_what_is_no_digest(text: str) -> None:
    """Anything but sha256: and 64 small hex digits is refused as a digest."""
    with pytest.raises(LockstepError) as caught:
        model.digest(text)

    assert str(caught.value) == f"error: '{text}' is not an image digest"


@given(st.from_regex("[a-z0-9.]{1,20}(/[a-z0-9]{1,9}){1,3}", fullmatch=True), st.text())
def test_image_references_come_back_as_they_were_written(repository: str, image: str) -> None:
    """A reference to an image, written and read again, is the same."""
    ref = ImageRef(repository, a_digest(image))

    assert ImageRef.parse(str(ref)) == ref


@pytest.mark.parametrize("uri", ["host/shop/hello", "host/shop/hello:latest", "host/shop/hello@latest", ""])
def test_images_are_not_named_by_tag(uri: str) -> None:
    """A reference that names no digest is refused."""
    with pytest.raises(LockstepError, match="is not an image digest"):
        ImageRef.parse(uri)


def test_architectures_as_docker_calls_them() -> None:
    """Each architecture of Lambda has the name that image configurations use."""
    assert {one.value: one.docker for one in Architecture} == {"x86_64": "amd64", "arm64": "arm64"}


@pytest.mark.parametrize(("service", "expected"), [("hello", (("LogLevel", "DEBUG"),)), ("orders", ())])
def test_parameters_of_a_service(service: str, expected: tuple[tuple[str, str], ...]) -> None:
    """An environment gives a service the parameters that it sets for it, and none where it sets none."""
    environment = an_environment(parameters=(("hello", (("LogLevel", "DEBUG"),)),))

    assert environment.parameters_of(service) == expected


def test_the_build_of_a_service() -> None:
    """A release gives the build of each service that it holds."""
    hello, orders = a_build("hello"), a_build("orders")

    assert a_release(hello, orders).build_of("orders") == orders


def test_a_service_that_a_release_lacks() -> None:
    """A release that is asked for a service it does not hold says so."""
    release = a_release()

    with pytest.raises(LockstepError) as caught:
        release.build_of("orders")

    assert str(caught.value) == f"error: release {release.release_id} holds no service 'orders'"


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome(PLAN), 0),
        (Outcome(PLAN, (CREATED,), (PASSED,)), 0),
        (Outcome(PLAN, (CREATED,), (PASSED, FAILED)), 6),
        (Outcome(PLAN, (CREATED,), (PASSED, DOWN, FAILED)), 10),
        (Outcome(PLAN, (CREATED,), (), (ProveAccount(TEST, "x"),)), 6),
        (Outcome(PLAN, (CREATED, BUSY, STUCK), (FAILED,), (ProveAccount(TEST, "x"),)), 8),
        (Outcome(PLAN, (CREATED,), (PASSED,), unrecorded=UnavailableError("recording")), 10),
        (Outcome(PLAN, (CREATED,), (FAILED,), unrecorded=UnavailableError("recording")), 6),
    ],
)
def test_the_exit_code_of_an_outcome(outcome: Outcome, code: int) -> None:
    """An outcome ends with the first error's code, 6 where a step is left or an answer differs, else 0."""
    assert outcome.exit_code == code


@pytest.mark.parametrize(
    ("outcome", "disproven"),
    [
        (Outcome(PLAN, (CREATED,), (PASSED,)), False),
        (Outcome(PLAN, (CREATED,), (PASSED, FAILED)), True),
        (Outcome(PLAN, (CREATED,), (DOWN,)), False),
        (Outcome(PLAN, (CREATED,), (DOWN, FAILED)), True),
        (Outcome(PLAN, (CREATED,), (BROKEN,)), True),
        (Outcome(PLAN, (CREATED, STUCK), (FAILED,)), False),
        (Outcome(PLAN, (CREATED,), (FAILED,), (ProveAccount(TEST, "x"),)), False),
    ],
)
def test_what_disproves_a_release(outcome: Outcome, disproven: bool) -> None:
    """A wrong answer, or a function that breaks, disproves what was deployed whole; no answer at all says nothing."""
    assert outcome.is_disproven is disproven


def test_the_deployments_of_a_plan() -> None:
    """A plan gives its steps that bring stacks to their builds, and no other."""
    step = DeployStack("hello", StackName("shop-test-hello"), Change.NONE, "", a_build(), (), ())

    assert dataclasses.replace(PLAN, steps=(ProveAccount(TEST, "x"), step)).deployments == (step,)
