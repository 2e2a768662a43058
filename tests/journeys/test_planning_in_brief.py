"""invoke plan --brief: one line for who approves, made by one who may only look."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockstep.testing import SETTINGS, a_service
from tests.journeys.terminal import changed, text

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

AWS = text("AWS: a fake one")


def brief(*argv: str) -> tuple[str, ...]:
    """Return the command with some flags."""
    return ("plan", "--brief", *argv)


def test_nothing_runs_there(terminal: Terminal) -> None:
    """Stdout holds one line and nothing else, though the caller may not deploy there; nothing is changed or asked."""
    release = terminal.release()
    terminal.changes()
    terminal.world.fails["change set"] = AssertionError("nobody is asked")
    before = terminal.accounts()

    seen = terminal.invoke(*brief("--env", "prod", "--release", release))

    assert seen == (0, text("to prod, where no release runs: create hello (it is not there yet)"), AWS)
    assert terminal.invoke("plan", "--env", "prod", "--release", release).code == 3
    assert (terminal.changes(), terminal.accounts()) == ([], before)


def test_what_an_update_changes(terminal: Terminal) -> None:
    """The line has each service with what would become of it and why, and the release that runs there."""
    terminal.services = (a_service("hello"), a_service("orders"))
    terminal.write_template("orders")
    terminal.invoke("deploy", "--env", "test")
    first = terminal.release()
    terminal.services = (changed(terminal.services[0]), terminal.services[1])
    second = terminal.release()
    terminal.changes()

    again, new = (terminal.invoke(*brief("--env", "test", "--release", one)) for one in (first, second[:12]))

    head = f"to test, where release {first[:12]} runs: "
    stays = "(it runs this release already)"
    assert again == (0, text(f"{head}leave hello {stays}; leave orders {stays}"), AWS)
    assert new.out == text(
        f"{head}update hello (HelloFunction runs another image); "
        "update orders (the same images, named by another release)"
    )
    assert terminal.changes() == []


def test_one_service(terminal: Terminal) -> None:
    """With --service the line is about that service alone."""
    terminal.services = (a_service("hello"), a_service("orders"))
    terminal.write_template("orders")
    release = terminal.release()

    seen = terminal.invoke(*brief("--env", "test", "--release", release, "--service", "orders"))

    assert seen.out == text("to test, where no release runs: create orders (it is not there yet)")


def test_what_the_settings_change(terminal: Terminal) -> None:
    """Parameters and tags of the settings count, as the release's own template declares them."""
    terminal.write_template("hello", Parameters={"LogLevel": {"Type": "String", "Default": "INFO"}})
    terminal.invoke("deploy", "--env", "test")
    release = terminal.release()
    terminal.settings = SETTINGS.replace('name = "test"', 'name = "test"\nparameters.hello.LogLevel = "DEBUG"')

    seen = terminal.invoke(*brief("--env", "test", "--release", release))

    assert seen.out.endswith(" runs: update hello (its parameters or tags changed)\n")


def in_state(terminal: Terminal, status: str) -> str:
    """Deploy to test and let the stack be in a state; return the release."""
    terminal.invoke("deploy", "--env", "test")
    ((where, state),) = terminal.world.stacks.items()
    terminal.world.stacks[where] = replace(state, status=status)
    return terminal.release()


def test_while_somebody_deploys(terminal: Terminal) -> None:
    """While the execution before still deploys there, the line says so: an approval can be asked for all the same."""
    release = in_state(terminal, "UPDATE_IN_PROGRESS")

    seen = terminal.invoke(*brief("--env", "test", "--release", release))

    told = "wait for hello (another deployment is changing it)"
    assert seen == (0, text(f"to test, where release {release[:12]} runs: {told}"), AWS)


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--env", "test"), 2, "no release is named, and who may only look makes none\n  next: add --release"),
        (("--env", "test", "--release", "abcd", "--json"), 2, "a line is no document\n  next: leave --brief or --json"),
        (("--release", "abcd"), 2, "choosing the environment"),
        (("--env", "tset", "--release", "abcd"), 2, "unknown environment 'tset'"),
        (("--env", "test", "--release", "abcd"), 9, "looking for release 'abcd'"),
    ],
)
def test_what_makes_no_plan(terminal: Terminal, argv: tuple[str, ...], code: int, said: str) -> None:
    """What cannot be planned so is refused with the exit codes of any plan, and stdout stays empty."""
    seen = terminal.invoke(*brief(*argv))

    assert (seen.code, seen.out) == (code, "")
    assert said in seen.err


def test_a_stack_that_needs_a_person(terminal: Terminal) -> None:
    """A stack that no deployment can change ends it with 7, as it ends any plan."""
    release = in_state(terminal, "UPDATE_ROLLBACK_FAILED")

    seen = terminal.invoke(*brief("--env", "test", "--release", release))

    assert (seen.code, seen.out) == (7, "")


def test_a_template_that_was_altered(terminal: Terminal) -> None:
    """What was altered in the store is refused with 9 here too."""
    release = terminal.release()
    for key in [key for key in terminal.world.files if key.startswith("templates/")]:
        terminal.world.files[key] += b" "

    seen = terminal.invoke(*brief("--env", "test", "--release", release))

    assert (seen.code, seen.out) == (9, "")
    assert "it was altered" in seen.err
