"""What people and programs are told of what runs where, and of what was deployed when."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lockstep import status_report
from lockstep.errors import IdentityError
from lockstep.model import Deployment, EnvironmentStatus, Kind, RunningService, StackName
from lockstep.testing import PROD, a_build, a_digest, an_environment, what_runs
from tests.unit.deployed import a_record, a_release_id, a_service_in, records

A, B, C, D = (a_release_id(name) for name in "ABCD")
HISTORY = records(a_record("A"), a_record("B"), a_record("C"))


def runs(name: str = "hello", release: object = C, **changes: object) -> RunningService:
    """Return a service that runs a release, for 3 days."""
    values = {"release": release, "commit": "c0ffee0" + "1" * 33, "age": 3 * 86_400.0 + 7}
    return what_runs(a_build(name), **(values | changes))


def absent(name: str = "hello") -> RunningService:
    """Return a service that is not deployed."""
    return RunningService(name, StackName(f"shop-prod-{name}"), None)


def in_test(*services: RunningService, deployments: tuple[Deployment, ...] = HISTORY) -> EnvironmentStatus:
    """Return what runs in test."""
    return EnvironmentStatus(an_environment(), services or (runs(),), deployments)


def prod(*services: RunningService, deployments: tuple[Deployment, ...] | None = None) -> EnvironmentStatus:
    """Return what runs in prod, by default recorded as it runs."""
    made = (a_record("x", a_service_in(s.name)) for s in services)
    told = tuple(replace(one, release=s.release) for one, s in zip(made, services, strict=True) if s.release)
    where = an_environment(name="prod", account=PROD)
    return EnvironmentStatus(where, services, told if deployments is None else deployments)


def test_what_runs_in_words() -> None:
    """Each service has a row: its stack, its release and commit, since when, and the digest of each function."""
    mixed = runs("orders", images=(("OrdersFunction", a_digest()), ("Other", None)), commit="c0ffee0x-dirty", age=59.0)
    shown = status_report.lines((in_test(runs(), mixed), prod(absent(), absent("orders"))))

    digest = a_digest()[7:19]
    assert shown[:5] == (
        "ENVIRONMENT  SERVICE  STACK            RELEASE       COMMIT         AGE  RUNS",
        f"test         hello    CREATE_COMPLETE  {C[:12]}  c0ffee0        3 d  HelloFunction {digest}",
        f"test         orders   CREATE_COMPLETE  {C[:12]}  c0ffee0-dirty  now  OrdersFunction {digest}, Other gone",
        "prod         hello    not deployed     -             -              -    -",
        "prod         orders   not deployed     -             -              -    -",
    )


@pytest.mark.parametrize(
    ("seconds", "word"), [(0.0, "now"), (60.0, "1 min"), (3_599.0, "59 min"), (3_600.0, "1 h"), (86_400.0, "1 d")]
)
def test_ages(seconds: float, word: str) -> None:
    """An age is told in the largest unit of which it has one, and rounded down."""
    shown = status_report.lines((in_test(replace(runs(), age=seconds)),))

    assert word in shown[1]


def test_drift_is_shown_where_it_was_looked_for() -> None:
    """Drift has a column where somebody asked for it: what of a stack was changed beside it, or none."""
    drifted = replace(runs(), drift=("HelloFunction MODIFIED",))
    shown = status_report.lines((in_test(drifted, replace(runs("orders"), drift=())),))

    assert [line.split("  ")[-1] for line in shown[:3]] == ["DRIFT", "HelloFunction MODIFIED", "none"]


def test_an_environment_that_may_not_be_seen() -> None:
    """An environment that the caller may not look at has a row that says so, and an error for programs."""
    denied = EnvironmentStatus(an_environment(name="prod"), error=IdentityError("assuming", "AccessDenied"))
    document = status_report.document((in_test(), denied), "aws")

    assert "prod         -        not allowed" in status_report.lines((in_test(), denied))[2]
    assert document["environments"][1]["error"] == "assuming: AccessDenied"  # type: ignore[index]  # JSON


def test_what_runs_for_programs() -> None:
    """A document has for each service its stack, release, commit, template and digests, and the notes."""
    document = status_report.document((in_test(),), "aws")

    assert document["environments"][0] == {  # type: ignore[index]  # JSON
        "name": "test",
        "account_id": "222222222222",
        "release": C,
        "services": [
            {
                "name": "hello",
                "stack_status": "CREATE_COMPLETE",
                "release": C,
                "commit": "c0ffee0" + "1" * 33,
                "template_sha256": a_build().template_sha256,
                "changed": None,
                "images": {"HelloFunction": a_digest()},
            }
        ],
    }


def test_drift_for_programs() -> None:
    """Drift is in the document where somebody asked for it."""
    document = status_report.document((in_test(replace(runs(), drift=())),), "aws")

    assert document["environments"][0]["services"][0]["drift"] == []  # type: ignore[index]  # JSON


@pytest.mark.parametrize(
    ("release", "note"),
    [
        (C, "prod runs the release that test runs."),
        (B, "prod is 1 release behind test."),
        (A, "prod is 2 releases behind test."),
        (D, f"prod runs release {D[:12]}, which is not among those that led to what test runs."),
        (None, "prod runs nothing of what test runs."),
    ],
)
def test_how_far_behind(release: object, note: str) -> None:
    """Words say how many releases an environment is behind the one before it."""
    later = prod(absent()) if release is None else prod(runs(release=release))

    assert status_report.notes((in_test(), later)) == (note,)


def test_services_that_are_not_equally_far() -> None:
    """Where an environment's services are not equally far behind, each is told, and that they are mixed."""
    two = records(*(a_record(name, a_service_in(), a_service_in("orders")) for name in "ABC"))
    later = prod(runs(release=B), runs("orders"))

    assert status_report.notes((in_test(runs(), runs("orders"), deployments=two), later)) == (
        f"prod: its services are not of one release: hello {B[:12]}, orders {C[:12]}.",
        "hello of prod is 1 release behind test.",
        "orders of prod runs the release that test runs.",
    )


def test_an_environment_in_between_that_may_not_be_seen() -> None:
    """What cannot be seen is compared with nothing."""
    denied = EnvironmentStatus(an_environment(name="stage"), error=IdentityError("assuming"))

    assert status_report.notes((in_test(), denied, prod(runs()))) == ("prod runs the release that test runs.",)


def test_what_runs_is_no_release() -> None:
    """A stack without a release among others is told as unknown, and is no release of the environment."""
    one = in_test(runs(), runs("orders", release=None))

    assert status_report.notes((one,)) == (
        f"test: its services are not of one release: hello {C[:12]}, orders unknown.",
        "orders in test: its stack names no release.",
    )
    assert status_report.document((one,), "aws")["environments"][0]["release"] is None  # type: ignore[index]  # JSON


def test_nothing_tells_of_it() -> None:
    """A stack that no record tells of is named."""
    assert status_report.notes((in_test(deployments=()),)) == ("hello in test: no record tells of its deployment.",)


def test_tag_and_record_do_not_agree() -> None:
    """A stack that names another release than its last record is named, with both."""
    assert status_report.notes((in_test(runs(release=B)),)) == (
        f"hello in test: its stack names release {B[:12]}, its last record {C[:12]}.",
    )


@pytest.mark.parametrize(("digest", "word"), [(a_digest("other"), a_digest("other")[7:19]), (None, "nothing")])
def test_digest_and_release_do_not_agree(digest: object, word: str) -> None:
    """A function that runs another digest than its release names is named, and what runs counts."""
    assert status_report.notes((in_test(runs(images=(("HelloFunction", digest),))),)) == (
        f"hello in test: HelloFunction runs {word}, release {C[:12]} names {a_digest()[7:19]}; what runs counts.",
    )


def test_a_history_in_words() -> None:
    """Records are laid out with the last one first: what, which release and commit, how its tests went, by whom."""
    back = a_record("A", kind=Kind.ROLLBACK, automatic=True, commit="c0ffee" + "0" * 34 + "-dirty")
    both = a_record("B", a_service_in(passed=False), a_service_in("orders", passed=None), forced=("a reason",))

    shown = status_report.history_lines(records(a_record("A", a_service_in(passed=None)), both, back))

    at, who = "2026-01-01 00:00:00", "developer"
    assert [re.split(" {2,}", line) for line in shown] == [
        ["NO", "WHEN (UTC)", "WHAT", "RELEASE", "COMMIT", "SERVICES", "SMOKE TESTS", "BY"],
        ["3", at, "rollback, by itself", A[:12], "c0ffee0-dirty", "hello updated", "1 of 1 passed", who],
        ["2", at, "deploy, forced", B[:12], "c0ffee0", "hello updated, orders updated", "0 of 1 passed", who],
        ["1", at, "deploy", A[:12], "c0ffee0", "hello updated", "none", who],
    ]


def test_a_history_for_programs() -> None:
    """Records are given whole, the last one first."""
    document = status_report.history_document(HISTORY, "test", "aws")

    told = [one["number"] for one in document["deployments"]]  # type: ignore[attr-defined]  # JSON
    assert (document["environment"], told) == ("test", [3, 2, 1])
