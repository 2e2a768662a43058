"""What image scans keep from an environment, how long they are waited for, and which findings were accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockstep import scan_exceptions, scans
from lockstep.errors import ConfigError
from lockstep.model import Finding, Scan, ScanException, Severity
from lockstep.testing import FakeClock, FakeConsole, FakeRegistry, World, a_build

TODAY = "2026-01-01"
REPOSITORY = "shop/hello/hellofunction"
PENDING = Scan("IN_PROGRESS", is_pending=True)
KNOWN = ScanException("CVE-1", TODAY, "not called")


def done(*found: tuple[str, str]) -> Scan:
    """Return a scan that is done and found this."""
    return Scan("COMPLETE", tuple(Finding(name, Severity(severity)) for name, severity in found), is_done=True)


def refusals(world: World, threshold: Severity = Severity.HIGH) -> tuple[tuple[str, ...], list[str]]:
    """Judge the image of hello; return what is refused and what was said."""
    said = FakeConsole()
    judge = scans.Judge(FakeRegistry(world), (), FakeClock(), said.say)
    return judge.look((a_build(),), threshold).refused, said.lines


@given(some.sampled_from(Severity), some.lists(some.sampled_from(list(Severity)[1:])))
def test_what_is_worse_than_the_threshold(threshold: Severity, found: list[Severity]) -> None:
    """A scan is refused exactly where one of its findings is worse than the threshold."""
    scan = Scan("COMPLETE", tuple(Finding(f"CVE-{n}", severity) for n, severity in enumerate(found)), is_done=True)
    order = ["none", "low", "medium", "high", "critical"]

    refused = tuple(scans.judge("hello", scan, threshold, (), TODAY))

    assert bool(refused) == any(order.index(one) > order.index(threshold) for one in found)


def test_the_words_of_a_refusal() -> None:
    """A refusal names what is worse than the threshold, at most five of it, and not the rest."""
    scan = done(("CVE-0", "medium"), *((f"CVE-{number}", "critical") for number in range(1, 8)))

    (refused,) = scans.judge("hello", scan, Severity.HIGH, (), TODAY)

    assert refused == (
        "its scan found worse than high: CVE-1 (critical), CVE-2 (critical), CVE-3 (critical), CVE-4 (critical), "
        "CVE-5 (critical) and 2 more"
    )


@pytest.mark.parametrize("exception", [KNOWN, replace(KNOWN, service="hello"), replace(KNOWN, until="2026-01-02")])
def test_an_accepted_finding(exception: ScanException) -> None:
    """A finding that was accepted in writing passes, the last day included."""
    assert tuple(scans.judge("hello", done(("CVE-1", "high")), Severity.NONE, (exception,), TODAY)) == ()


@pytest.mark.parametrize("exception", [replace(KNOWN, finding="CVE-2"), replace(KNOWN, service="orders")])
def test_another_finding_was_accepted(exception: ScanException) -> None:
    """What was accepted of another finding, or in another service, passes nothing."""
    refused = tuple(scans.judge("hello", done(("CVE-1", "high")), Severity.LOW, (exception,), TODAY))

    assert refused == ("its scan found worse than low: CVE-1 (high)",)


def test_an_exception_that_has_ended() -> None:
    """An exception does not hold after its day, and the refusal says that there was one."""
    ended = replace(KNOWN, until="2025-12-31")

    (refused,) = scans.judge("hello", done(("CVE-1", "high")), Severity.LOW, (ended,), TODAY)

    assert refused.endswith("CVE-1 (high); ended in infra/scan-exceptions.toml: CVE-1 on 2025-12-31")


def test_a_scan_under_way_is_waited_for() -> None:
    """A scan that is under way is waited for, which is said once."""
    world = World(scans={REPOSITORY: [PENDING, PENDING, done(("CVE-1", "critical"))]})

    refused, said = refusals(world)

    assert refused == ("HelloFunction of hello: its scan found worse than high: CVE-1 (critical)",)
    assert said == [f"hello: waiting for the scan of {REPOSITORY}"]


def test_a_scan_that_does_not_end() -> None:
    """A scan that goes on and on is refused in the end."""
    refused, _ = refusals(World(scans={REPOSITORY: [PENDING]}))

    assert refused == ("HelloFunction of hello: its scan says IN_PROGRESS, so nothing is known of what is in it",)


def test_a_scan_that_found_nothing() -> None:
    """A scan that found nothing passes the strictest threshold at once."""
    assert refusals(World(), Severity.NONE) == ((), [])


def test_a_file_of_exceptions() -> None:
    """The file holds exceptions, each with its finding, its last day, its reason and perhaps its service."""
    text = '[[exceptions]]\nfinding = "CVE-1"\nuntil = 2026-01-01\nreason = "not called"\nservice = "hello"\n'

    assert scan_exceptions.parse(text) == (replace(KNOWN, service="hello"),)
    assert scan_exceptions.parse("") == ()


@pytest.mark.parametrize(
    ("text", "tried"),
    [
        ("[[exceptions]]\nfinding = 1", "reading exceptions.0.finding of infra/scan-exceptions.toml"),
        ('[[exceptions]]\nfinding = "CVE-1"\nreason = "x"', "reading exceptions.0.until of infra/scan-exceptions.toml"),
        ("[[exception]]", "reading exception of infra/scan-exceptions.toml"),
        ("[[", "reading infra/scan-exceptions.toml"),
    ],
)
def test_a_wrong_file_of_exceptions(text: str, tried: str) -> None:
    """An exception without an end, a misspelled key and a file that is no TOML are refused, by where they are."""
    with pytest.raises(ConfigError) as caught:
        scan_exceptions.parse(text)

    assert caught.value.tried == tried
