"""A plan on one line: what it does to each service, what runs there, and that it does no harm where it is put."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lockstep import plan, report
from lockstep.model import Plan, Release, ReleaseId, RunningService, StackName
from lockstep.testing import a_build, a_digest, a_release, an_environment, some_names, what_runs

PROD = an_environment(name="prod")
RUNS = ReleaseId("0123456789ab" + "c" * 52)


def brief(release: Release, *running: RunningService) -> str:
    """Return the line for a release where some services run."""
    steady = tuple(now for now in running if not plan.is_busy(now.status))
    declared: dict[str, dict[str, str | None]] = {now.name: {} for now in running}
    return report.plan_brief(plan.deploy(PROD, release, steady, some_names(), declared, {}), running)


def settled(release: Release, name: str) -> RunningService:
    """Return a service that runs a release, with the settings that prod has."""
    there = what_runs(release.build_of(name), release=release.release_id)
    steps = plan.deploy(PROD, release, (there,), some_names(), {name: {}}, {})
    return replace(there, settings_hash=dict(steps.deployments[0].tags)["lockstep:settings"])


def test_nothing_runs_yet() -> None:
    """Where nothing runs, the line says so and what would be created."""
    there = RunningService("hello", StackName("shop-prod-hello"), None)

    assert brief(a_release(), there) == "to prod, where no release runs: create hello (it is not there yet)"


def test_what_changes_and_what_stays() -> None:
    """What changes comes first with the reason, then what stays as it is; the release that runs is named."""
    release = a_release(a_build("carts"), a_build("hello"), a_build("orders"))
    carts, hello, orders = (settled(release, name) for name in ("carts", "hello", "orders"))
    hello = replace(hello, images=(("HelloFunction", a_digest("another")),))

    found = brief(release, carts, hello, replace(orders, template_sha256=None))

    assert found == (
        f"to prod, where release {release.release_id[:12]} runs: update hello (HelloFunction runs another image); "
        "update orders (its template changed); leave carts (it runs this release already)"
    )


def test_several_releases_run() -> None:
    """Where services run several releases, it is said how many."""
    release = a_release(a_build("hello"), a_build("orders"))
    hello, orders = (settled(release, name) for name in ("hello", "orders"))

    found = brief(release, hello, replace(orders, release=RUNS))

    assert found.startswith("to prod, where 2 releases run: update orders (the same images, named by another release)")


def test_somebody_else_is_deploying() -> None:
    """A service whose stack is being changed just now is told of, since nobody knows yet what will run."""
    release = a_release(a_build("hello"), a_build("orders"))
    hello, orders = (settled(release, name) for name in ("hello", "orders"))

    found = brief(release, replace(hello, status="UPDATE_IN_PROGRESS", release=RUNS), replace(orders, release=RUNS))

    assert found == (
        "to prod, where release 0123456789ab runs: wait for hello (another deployment is changing it); "
        "update orders (the same images, named by another release)"
    )


def test_more_than_fits() -> None:
    """Of many services those that fit are named whole, and the others counted."""
    builds = tuple(a_build(f"service{number:02}") for number in range(20))
    nothing = (RunningService(build.name, StackName(f"shop-prod-{build.name}"), None) for build in builds)

    found = brief(a_release(*builds), *nothing)

    named = "; ".join(f"create service{number:02} (it is not there yet)" for number in range(8))
    assert found == f"to prod, where no release runs: {named}; and 12 more"
    assert len(found) <= report.BRIEF


def test_a_reason_that_is_too_long() -> None:
    """A service with so many functions that the reason is too long is named without it."""
    images = a_build().images[0][1]
    build = a_build(images=tuple((f"{'Function' * 4}{number}", images) for number in range(9)))

    found = brief(a_release(build), what_runs(build, images=()))

    assert found == "to prod, where no release runs: update hello"


TEXTS = st.text(max_size=200)


@given(TEXTS, st.lists(st.tuples(TEXTS, TEXTS, TEXTS, st.booleans()), max_size=12))
def test_any_names(environment: str, services: list[tuple[str, str, str, bool]]) -> None:
    """Whatever a build wrote as names, it is one short line without quotes, backslashes or anything to be resolved."""
    image = a_build().images[0][1]
    builds = tuple(a_build(name, images=((function, image),)) for name, function, _, _ in services)
    running = tuple(
        RunningService(name, StackName("s"), "CREATE_COMPLETE" if is_there else None, release=ReleaseId(runs))
        for name, _, runs, is_there in services
    )
    where = an_environment(name=environment)
    declared: dict[str, dict[str, str | None]] = {now.name: {} for now in running}
    steps = (
        plan.deploy(where, a_release(*builds), running, some_names(), declared, {})
        if services
        else Plan(where, RUNS, ())
    )

    line = report.plan_brief(steps, running)

    assert len(line) <= report.BRIEF
    assert re.fullmatch("[A-Za-z0-9 .,:;()?-]*", line)
    assert json.dumps(line) == f'"{line}"'
