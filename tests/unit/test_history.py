"""What an environment's records say: what is proven there, which release came before, how far another is behind."""

from __future__ import annotations

import json

import pytest

from lockstep import history
from lockstep.errors import DeployError, GateError
from lockstep.history import Circumstances
from lockstep.model import Kind, Outcome, Plan, Result, ServiceOutcome, SmokeOutcome
from lockstep.testing import a_build, a_digest, a_release, an_environment, what_runs
from tests.unit.deployed import a_record, a_release_id, a_service_in, records

A, B, C = (a_release_id(name) for name in "ABC")
FAILED = a_service_in(result=Result.FAILED, passed=None)
BAD = a_service_in(passed=False)


def test_a_record_reads_back_as_it_was_written() -> None:
    """A record is written and read back whole, whatever came of each service."""
    services = (BAD, a_service_in("orders", before=A, result=Result.CREATED, passed=None))
    one = a_record("B", *services, kind=Kind.ROLLBACK, forced=("a reason",), execution="build:1", automatic=True)

    assert history.decode(history.encode(one), "key") == one


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", history.encode(a_record("A")).replace(b'"format":1', b'"format":2')],
)
def test_a_damaged_record_is_refused(content: bytes) -> None:
    """What is no record, or one of another format, is refused by its key, and never taken for nothing."""
    with pytest.raises(GateError) as refused:
        history.decode(content, "environments/1/deployments/00000001.json")

    assert "environments/1/deployments/00000001.json" in refused.value.tried


@pytest.mark.parametrize("field", sorted(json.loads(history.encode(a_record("A")))))
def test_a_record_without_a_part_is_refused(field: str) -> None:
    """A record that lacks any of its parts is refused."""
    stored = json.loads(history.encode(a_record("A")))
    del stored[field]

    with pytest.raises(GateError):
        history.decode(json.dumps(stored).encode(), "key")


def test_a_record_of_an_outcome() -> None:
    """A record says of each service that was reached what ran before, how it ended, and what its tests answered."""
    release = a_release(a_build("hello"), a_build("orders"))
    services = (
        ServiceOutcome("hello", Result.UPDATED, 2.0),
        ServiceOutcome("orders", Result.FAILED, 1.0, DeployError("x")),
    )
    outcome = Outcome(
        Plan(an_environment(), release.release_id, ()), services, (SmokeOutcome("hello", "greets", passed=True),)
    )

    made = history.of_outcome(
        outcome, release, [what_runs(a_build("hello"), release=A)], Circumstances(Kind.PROMOTE, "now", "me")
    )

    assert (made.kind, made.at, made.caller, made.release) == (Kind.PROMOTE, "now", "me", release.release_id)
    assert [(one.name, one.before, one.result, one.smoke) for one in made.services] == [
        ("hello", A, Result.UPDATED, (("greets", True),)),
        ("orders", None, Result.FAILED, ()),
    ]
    assert made.services[0].images == (("HelloFunction", a_digest()),)


@pytest.mark.parametrize(
    ("service", "proven", "deployed"),
    [
        (a_service_in(), True, True),
        (BAD, False, True),
        (a_service_in(passed=None), False, True),
        (FAILED, False, False),
        (a_service_in("other"), False, False),
    ],
)
def test_what_proves_a_release(service: object, proven: bool, deployed: bool) -> None:
    """A release is proven for a service that runs it once at least one smoke test was run and all passed."""
    found = records(a_record("A", service))  # type: ignore[arg-type]  # a service of some kind

    assert (history.is_proven(found, A, "hello"), history.was_deployed(found, A, "hello")) == (proven, deployed)


def test_the_last_test_counts() -> None:
    """A later smoke test of the same release proves it, or takes the proof away."""
    again = a_record("A", a_service_in(result=Result.UNCHANGED), kind=Kind.SMOKE)
    failed = a_record("A", a_service_in(result=Result.UNCHANGED, passed=False), kind=Kind.SMOKE)

    assert history.is_proven(records(a_record("A", BAD), again), A, "hello")
    assert not history.is_proven(records(a_record("A"), failed), A, "hello")


def test_going_back_takes_away_what_was_left() -> None:
    """After A, B and back to A, what came before is before A: B is not brought again, and neither is C's fault B's."""
    gone_back = records(a_record("A"), a_record("B"), a_record("A", kind=Kind.ROLLBACK))
    gone_on = records(*gone_back, a_record("C"))

    assert history.line(gone_back, "hello") == (A,)
    assert history.line(gone_on, "hello") == (A, C)
    assert [history.previous(gone_back, "hello", A), history.previous(gone_on, "hello", C)] == [None, A]


def test_going_back_to_what_is_no_longer_recorded() -> None:
    """A rollback to a release whose own record is too old to be read goes on from there."""
    assert history.line(records(a_record("B"), a_record("A", kind=Kind.ROLLBACK)), "hello") == (B, A)


def test_a_release_that_is_deployed_again() -> None:
    """A release that is deployed again comes after what was deployed meanwhile; tests and failures change nothing."""
    test = a_record("A", a_service_in(result=Result.UNCHANGED), kind=Kind.SMOKE)
    found = records(a_record("A"), a_record("A"), a_record("B"), a_record("C", FAILED), test, a_record("A"))

    assert history.line(found, "hello") == (B, A)


def test_the_release_before_is_one_that_is_proven() -> None:
    """The release to go back to is the last one before that passed its smoke tests."""
    found = records(a_record("A"), a_record("B", BAD), a_record("C"))

    assert history.previous(found, "hello", C) == A


def test_what_runs_without_a_record() -> None:
    """What runs counts: where a killed run left no record, the last recorded release is the one before."""
    found = records(a_record("A"))

    assert history.previous(found, "hello", B) == A


def test_how_far_behind() -> None:
    """An environment is behind by the releases that came after its own in the earlier one, if it is among them."""
    found = records(a_record("A"), a_record("B"), a_record("C"))

    assert [history.behind(found, release, "hello") for release in (A, B, C, a_release_id("D"))] == [2, 1, 0, None]


def test_the_last_that_runs() -> None:
    """The last record by which a service came to a release is found, failures left out; nothing where there is none."""
    found = records(a_record("A"), a_record("B", FAILED))

    latest = history.latest(found, "hello")

    assert latest is not None
    assert latest[0].release == A
    assert history.latest(found, "orders") is None


def test_services_and_images() -> None:
    """The records name every service that was ever deployed, and the digests that a release names for it."""
    found = records(a_record("A", a_service_in("orders")), a_record("B"))

    assert history.services(found) == ("hello", "orders")
    assert history.images(found, B, "hello") == {"HelloFunction": a_digest()}
    assert history.images(found, A, "hello") == {}


@pytest.mark.parametrize(
    ("service", "news"),
    [
        (a_service_in(result=Result.UNCHANGED), False),
        (a_service_in(result=Result.UNCHANGED, passed=False), True),
        (a_service_in(), True),
        (FAILED, True),
        (a_service_in("orders", result=Result.UNCHANGED, passed=None), True),
    ],
)
def test_what_is_news(service: object, news: bool) -> None:
    """A change, a failure, another answer of a test, and what was never recorded are news; the rest is not."""
    known = records(a_record("A"))

    assert history.is_news(known, a_record("A", service)) is news  # type: ignore[arg-type]  # a service of some kind
