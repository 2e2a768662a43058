"""Deploying a release by its name: its own services and parameters, whatever the working tree holds by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockstep.testing import a_commit

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal


def test_a_release_by_its_beginning(terminal: Terminal) -> None:
    """A release is found by as much of its name as is unique."""
    release = terminal.release()

    seen = terminal.invoke("deploy", "--env", "test", "--release", release[:8], "--json")

    assert (seen.code, seen.document["release"]) == (0, release)


def test_an_older_release_keeps_its_own_parameters(terminal: Terminal) -> None:
    """A release is deployed with the parameters of its own template, whatever the working tree's says by now."""
    release = terminal.release()
    terminal.write_template("hello", Parameters={})

    seen = terminal.invoke("deploy", "--env", "test", "--release", release)

    (state,) = terminal.world.stacks.values()
    assert seen.code == 0
    assert state.outputs == {"Environment": "test"}


def test_a_service_that_is_gone(two: Terminal) -> None:
    """A release is deployed and tested with all its services, also those that the working tree has no more."""
    release = two.release()
    two.services = two.services[:1]

    seen = two.invoke("deploy", "--env", "test", "--release", release)

    assert seen.code == 0
    assert seen.out.splitlines()[-3:] == [
        "hello: smoke test 'greets' passed",
        "orders: smoke test 'greets' passed",
        f"test runs release {release[:12]}: hello, orders.",
    ]
    assert [stack for _, stack in two.world.stacks] == ["shop-test-hello", "shop-test-orders"]


def test_a_service_that_came_later(two: Terminal) -> None:
    """A release that was made before a service was added is deployed as it is, without that one."""
    both, two.services = two.services, two.services[:1]
    release = two.release()
    two.services = both

    seen = two.invoke("deploy", "--env", "test", "--release", release)

    assert (seen.code, seen.out.splitlines()[-1]) == (0, f"test runs release {release[:12]}: hello.")


def test_a_release_of_uncommitted_changes(terminal: Terminal) -> None:
    """A plan says of its release that it was made from changes that nobody committed."""
    terminal.commit = a_commit(dirty=True)

    seen = terminal.invoke("deploy", "--env", "test", "--dry-run")

    assert f"Plan for test, release {terminal.release()[:12]}, made from uncommitted changes:" in seen.out.splitlines()
