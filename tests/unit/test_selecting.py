"""Which services of a release are deployed."""

from __future__ import annotations

import pytest

from lockstep import plan
from lockstep.errors import ConfigError
from lockstep.testing import a_build, a_release

RELEASE = a_release(a_build("hello"), a_build("orders"))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [((), ("hello", "orders")), (("orders",), ("orders",)), (("orders", "hello"), ("hello", "orders"))],
)
def test_services_of_a_release(wanted: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """All services of a release are meant where none is named, else the named ones, in the release's order."""
    assert tuple(build.name for build in plan.select(RELEASE, wanted)) == expected


@pytest.mark.parametrize(("wanted", "cure"), [("order", "did you mean 'orders'?"), ("stock", "invoke release")])
def test_a_service_that_a_release_lacks(wanted: str, cure: str) -> None:
    """A service that a release does not hold is refused with those that it does, and the nearest name."""
    with pytest.raises(ConfigError) as caught:
        plan.select(RELEASE, ("hello", wanted))

    assert str(caught.value) == (
        f"error: looking for service '{wanted}' in release {RELEASE.release_id[:12]}\n"
        f"  answer: it holds: hello, orders\n  next: {cure}"
    )
