"""Promoting what runs in one environment to the next, and what is refused on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockstep.testing import SETTINGS, a_commit, a_digest, a_service, engine_down
from tests.journeys.terminal import changed

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

PROMOTE = ("promote", "--to", "prod", "--profile", "releaser")
FORCING = SETTINGS.replace('name = "prod"', 'name = "prod"\nallow_force = true')
THREE = SETTINGS + '\n[[environments]]\nname = "live"\naccount = "444444444444"\n'


def digests(terminal: Terminal) -> dict[str, str]:
    """Return what every function runs."""
    return dict(terminal.world.running)


def test_what_runs_in_test_goes_to_prod(terminal: Terminal) -> None:
    """A promotion brings the digests and the template of the earlier environment, and says so."""
    terminal.invoke("deploy", "--env", "test")

    seen = terminal.invoke(*PROMOTE)

    runs = digests(terminal)
    status = terminal.invoke("status", "--json").document
    assert seen.code == 0
    assert runs["shop-prod-hello-HelloFunction"] == runs["shop-test-hello-HelloFunction"]
    assert len({service["template_sha256"] for one in status["environments"] for service in one["services"]}) == 1
    assert status["notes"] == ["prod runs the release that test runs."]


def test_nothing_is_built(terminal: Terminal) -> None:
    """A promotion needs no Docker engine, whatever the working tree holds by now, and makes nothing."""
    terminal.invoke("deploy", "--env", "test")
    terminal.services = (changed(a_service()),)
    terminal.world.fails["engine"] = engine_down()
    terminal.changes()

    seen = terminal.invoke(*PROMOTE)

    made = [call.split()[0] for call in terminal.changes()]
    assert (seen.code, set(made) & {"build", "push", "package", "put"}) == (0, set())


def test_a_release_that_never_reached_test(terminal: Terminal) -> None:
    """A release that runs nowhere is not promoted; neither is it deployed to prod by its name: exit code 9."""
    release = terminal.release()

    promoted = terminal.invoke(*PROMOTE)
    deployed = terminal.invoke("deploy", "--env", "prod", "--release", release, "--profile", "releaser")

    assert (promoted.code, deployed.code) == (9, 9)
    assert "nothing was deployed there" in promoted.err
    assert f"its hello was never deployed to test\n  next: invoke deploy --env test --release {release[:12]}" in (
        deployed.err
    )
    assert terminal.world.stacks == {}


def test_a_failed_smoke_test(terminal: Terminal) -> None:
    """What failed its smoke test and was left in place is not promoted; once it passes there, it is."""
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nrollback_on_failed_smoke = false')
    terminal.world.answers["shop-test-hello-HelloFunction"] = {"statusCode": 500}
    failed = terminal.invoke("deploy", "--env", "test")

    refused = terminal.invoke(*PROMOTE)
    terminal.world.answers.clear()
    mended = terminal.invoke("smoke", "--env", "test")
    promoted = terminal.invoke(*PROMOTE)

    assert (failed.code, refused.code, mended.code, promoted.code) == (6, 9, 0, 0)
    assert "its hello has not passed its smoke tests in test" in refused.err


def test_no_smoke_test_at_all(terminal: Terminal) -> None:
    """A service without smoke tests proves nothing, so it is not promoted."""
    terminal.services = (a_service(smoke=()),)
    terminal.invoke("deploy", "--env", "test")

    refused = terminal.invoke(*PROMOTE)

    assert refused.code == 9
    assert "its hello has no smoke test, services/hello/smoke.json" in refused.err


def test_a_dirty_tree(terminal: Terminal) -> None:
    """A release of changes that nobody committed reaches the first environment and no other."""
    terminal.commit = a_commit(dirty=True)
    deployed = terminal.invoke("deploy", "--env", "test")

    refused = terminal.invoke(*PROMOTE)

    assert (deployed.code, refused.code) == (0, 9)
    assert "it was made from changes that nobody committed" in refused.err


def test_skewed_services(two: Terminal) -> None:
    """Services of several releases are not promoted together; one of them is, by its name."""
    two.invoke("deploy", "--env", "test")
    two.services = (changed(a_service("hello")), a_service("orders"))
    two.invoke("deploy", "--env", "test", "--service", "hello")

    together = two.invoke(*PROMOTE)
    alone = two.invoke(*PROMOTE, "--service", "hello")

    assert (together.code, alone.code) == (9, 0)
    assert "its services are not all from one release: hello: " in together.err
    assert [stack for _, stack in two.world.stacks] == ["shop-test-hello", "shop-test-orders", "shop-prod-hello"]


def test_an_image_that_is_gone(terminal: Terminal) -> None:
    """A release whose image is not in the registry any more is refused before anything is touched."""
    terminal.invoke("deploy", "--env", "test")
    terminal.world.pushed.clear()

    refused = terminal.invoke(*PROMOTE)

    assert refused.code == 9
    assert "not in the registry: HelloFunction of hello" in refused.err


def test_a_function_that_was_changed_beside(terminal: Terminal) -> None:
    """A function that runs another digest than its stack's release is no proof of anything."""
    terminal.invoke("deploy", "--env", "test")
    terminal.world.running["shop-test-hello-HelloFunction"] = a_digest("somebody's")

    refused = terminal.invoke(*PROMOTE)

    assert refused.code == 9
    assert "HelloFunction of hello runs another image than release" in refused.err


@pytest.mark.parametrize("prefix", ["releases/", "templates/", "smoke/"])
def test_an_altered_file(terminal: Terminal, prefix: str) -> None:
    """A changed byte of manifest, template or smoke file is refused with 9, and prod stays as it was."""
    terminal.invoke("deploy", "--env", "test")
    (key,) = (key for key in terminal.world.files if key.startswith(prefix))
    terminal.world.files[key] = terminal.world.files[key].replace(b'"', b"'", 1)

    refused = terminal.invoke(*PROMOTE)

    what = {"releases/": "manifest", "templates/": "packaged template of hello", "smoke/": "smoke file of hello"}
    assert (refused.code, what[prefix] in refused.err) == (9, True), refused.err
    assert [stack for _, stack in terminal.world.stacks] == ["shop-test-hello"]


def test_force_is_recorded(terminal: Terminal) -> None:
    """Where the settings allow force a refusal is passed, and the record names it and who did."""
    terminal.settings, terminal.commit = FORCING, a_commit(dirty=True)
    terminal.invoke("deploy", "--env", "test")

    forced = terminal.invoke(*PROMOTE, "--force")
    (record,) = terminal.invoke("history", "--env", "prod", "--json").document["deployments"]
    shown = terminal.invoke("history", "--env", "prod")

    assert forced.code == 0
    assert (record["kind"], record["forced"]) == ("promote", ["it was made from changes that nobody committed"])
    assert "promote, forced" in shown.out


def test_force_where_it_is_not_allowed(terminal: Terminal) -> None:
    """Force is refused with 2 where the settings do not allow it, before anything is looked at."""
    seen = terminal.invoke(*PROMOTE, "--force")

    assert (seen.code, "its settings do not allow it" in seen.err) == (2, True)


def test_from_an_earlier_environment(terminal: Terminal) -> None:
    """With --from the release comes from another earlier environment, and has to have passed the one in between."""
    terminal.settings = THREE
    terminal.invoke("deploy", "--env", "test")
    to_live = ("promote", "--to", "live", "--profile", "releaser")

    early = terminal.invoke(*to_live, "--from", "test")
    terminal.invoke(*PROMOTE)
    late = terminal.invoke(*to_live, "--from", "test")

    assert (early.code, late.code) == (9, 0)
    assert "its hello was never deployed to prod" in early.err


@pytest.mark.parametrize(
    ("argv", "answer"),
    [
        (("--to", "test"), "it is the first environment"),
        (("--to", "prod", "--from", "prod"), "'prod' does not come before it"),
        (("--to", "prod", "--from", "tset"), "unknown environment"),
        ((), "--to"),
    ],
)
def test_from_nowhere(terminal: Terminal, argv: tuple[str, ...], answer: str) -> None:
    """The first environment has nothing before it, and an environment is promoted from an earlier one alone."""
    seen = terminal.invoke("promote", *argv)

    assert (seen.code, answer in seen.err) == (2, True), seen.err


def test_a_dry_run(terminal: Terminal) -> None:
    """A dry run shows the plan and changes nothing; what would be refused is shown and refused at its end."""
    terminal.commit = a_commit(dirty=True)
    terminal.invoke("deploy", "--env", "test")
    before = terminal.accounts()

    seen = terminal.invoke(*PROMOTE, "--dry-run")

    assert (seen.code, terminal.accounts()) == (9, before)
    assert "Dry run: nothing was changed in prod." in seen.out
    assert "it was made from changes that nobody committed" in seen.err


def test_a_smoke_test_of_something_else_proves_nothing(terminal: Terminal) -> None:
    """A smoke test is refused where a function runs another digest than its stack's release, and while it changes."""
    terminal.invoke("deploy", "--env", "test")
    ((where, state),) = terminal.world.stacks.items()
    terminal.world.stacks[where] = replace(state, status="UPDATE_IN_PROGRESS")
    changing = terminal.invoke("smoke", "--env", "test")
    terminal.world.stacks[where] = state
    terminal.world.running["shop-test-hello-HelloFunction"] = a_digest("somebody's")

    other = terminal.invoke("smoke", "--env", "test")

    assert (changing.code, other.code) == (8, 9)
    assert "runs another image than release" in other.err


def test_a_release_that_a_smoke_test_alone_knows(terminal: Terminal) -> None:
    """That a release was smoke-tested does not say that it was deployed: a record of that is asked for."""
    terminal.invoke("deploy", "--env", "test")
    for key in [key for key in terminal.world.files if "/deployments/" in key]:
        del terminal.world.files[key]
    terminal.invoke("smoke", "--env", "test")

    refused = terminal.invoke("deploy", "--env", "prod", "--release", terminal.release(), "--profile", "releaser")

    assert (refused.code, "its hello was never deployed to test" in refused.err) == (9, True)
