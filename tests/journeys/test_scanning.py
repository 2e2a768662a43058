"""Image scans on the way to an environment that sets a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockstep.model import Finding, Scan, ScanException, Severity
from lockstep.testing import SETTINGS
from tests.journeys.terminal import Outside

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

STRICT = SETTINGS.replace('name = "test"', 'name = "test"\nscan_threshold = "low"\nallow_force = true')
FOUND = {
    "shop/hello/hellofunction": [Scan("COMPLETE", (Finding("CVE-1", Severity.HIGH),), is_done=True)],
}


class Reviewed(Outside):
    """A working tree whose file of exceptions accepts the finding for now."""

    def scan_exceptions(self) -> tuple[ScanException, ...]:
        """The one exception."""
        return (ScanException(finding="CVE-1", until="2026-01-01", reason="not called"),)


def test_a_finding_that_is_too_bad(terminal: Terminal) -> None:
    """A release with a finding above the environment's threshold is refused with 9, and nothing is deployed."""
    terminal.settings, terminal.world.scans = STRICT, FOUND

    seen = terminal.invoke("deploy", "--env", "test")

    assert (seen.code, terminal.world.stacks) == (9, {})
    assert "answer: HelloFunction of hello: its scan found worse than low: CVE-1 (high)" in seen.err


def test_a_finding_that_was_accepted(terminal: Terminal) -> None:
    """A finding that was reviewed and accepted is deployed, and the record says which, until when and why."""
    terminal.settings, terminal.world.scans, terminal.outside = STRICT, FOUND, Reviewed

    seen = terminal.invoke("deploy", "--env", "test")

    (record,) = terminal.invoke("history", "--env", "test", "--json").document["deployments"]
    assert (seen.code, record["forced"]) == (0, [])
    assert record["accepted"] == ["HelloFunction of hello: CVE-1 accepted until 2026-01-01: not called"]


def test_a_finding_passed_by_force(terminal: Terminal) -> None:
    """Force passes a finding where the settings allow it, and the record says so."""
    terminal.settings, terminal.world.scans = STRICT, FOUND

    forced = terminal.invoke("deploy", "--env", "test", "--force")
    (record,) = terminal.invoke("history", "--env", "test", "--json").document["deployments"]

    assert (forced.code, record["forced"]) == (
        0,
        ["HelloFunction of hello: its scan found worse than low: CVE-1 (high)"],
    )


def test_a_finding_where_no_threshold_is_set(terminal: Terminal) -> None:
    """Without a threshold no scan is looked at."""
    terminal.world.scans = FOUND

    assert terminal.invoke("deploy", "--env", "test").code == 0
