"""What people and programs are told of plans, outcomes and status."""

from __future__ import annotations

from dataclasses import replace

from lockstep import report
from lockstep.errors import DeployError, IdentityError
from lockstep.model import (
    Change,
    DeployStack,
    Outcome,
    Plan,
    ProtectStack,
    ProveAccount,
    ReleaseId,
    Result,
    ServiceOutcome,
    SmokeOutcome,
    SmokeTest,
    StackName,
    Step,
    SuiteOutcome,
)
from lockstep.testing import TEST, a_build, a_commit, a_digest, a_release, a_smoke_event, an_environment

RELEASE = ReleaseId("0123456789abcdef" * 4)
BEFORE = ReleaseId("fedcba9876543210" * 4)
STACK = StackName("shop-test-hello")
DEPLOY = DeployStack("hello", STACK, Change.CREATE, "it is not there yet", a_build(), (), ())
PROTECT = ProtectStack("hello", STACK)
SMOKE = SmokeTest("hello", STACK, a_smoke_event())
STEPS: tuple[Step, ...] = (ProveAccount(TEST, "arn:deploy"), DEPLOY, PROTECT, SMOKE)
PLAN = Plan(an_environment(), RELEASE, STEPS)
REF = f"registry/shop/hello/hellofunction@{a_digest()}"


def test_a_plan_in_words() -> None:
    """A plan says who it will be, what it will do to each stack and why, what it will protect and what test."""
    assert report.plan_lines(PLAN) == (
        "Plan for test, release 0123456789ab:",
        "  be arn:deploy in account 222222222222",
        "  create    shop-test-hello: it is not there yet",
        "  protect   shop-test-hello: from being deleted",
        "  smoke     shop-test-hello: greets",
    )


def test_a_plan_for_programs() -> None:
    """A plan's document says what a dry run would do to each service, and what that would change."""
    assert report.plan_document(PLAN, "aws", {"hello": {"resources": []}}) == {
        "target": "aws",
        "environment": "test",
        "release": RELEASE,
        "dry_run": True,
        "services": [{"name": "hello", "change": "create", "reason": "it is not there yet", "resources": []}],
    }


def test_a_good_outcome_in_words() -> None:
    """A deployment that did everything ends with the release that runs now."""
    outcome = Outcome(
        PLAN, (ServiceOutcome("hello", Result.CREATED, 12.34),), (SmokeOutcome("hello", "greets", passed=True),)
    )

    assert report.outcome_lines(outcome) == (
        "hello: created in test (12.3 s)",
        "hello: smoke test 'greets' passed",
        "test runs release 0123456789ab: hello.",
    )


def test_a_bad_outcome_in_words() -> None:
    """A deployment that failed says what was done, what failed and what was not started, and claims no success."""
    outcome = Outcome(
        PLAN,
        (ServiceOutcome("hello", Result.FAILED, 1.0, DeployError("deploying")),),
        (SmokeOutcome("hello", "greets", passed=False, difference="answer.statusCode is 500, expected 200"),),
        (DEPLOY, PROTECT, SMOKE),
    )

    assert report.outcome_lines(outcome) == (
        "hello: failed in test (1.0 s)",
        "hello: smoke test 'greets' FAILED",
        "not started: create shop-test-hello: it is not there yet",
        "not started: protect shop-test-hello: from being deleted",
        "not started: smoke shop-test-hello: greets",
        "test was not brought to release 0123456789ab.",
    )


def test_an_outcome_that_failed_its_smoke_test_in_words() -> None:
    """A deployment of which only a smoke test failed says that the release runs, and that it did not pass."""
    outcome = Outcome(
        PLAN, (ServiceOutcome("hello", Result.CREATED, 1.0),), (SmokeOutcome("hello", "greets", passed=False),)
    )

    assert report.outcome_lines(outcome)[-2:] == (
        "hello: smoke test 'greets' FAILED",
        "test runs release 0123456789ab, but not every smoke test passed.",
    )


def test_an_outcome_for_programs() -> None:
    """An outcome's document says how each service and each smoke test ended."""
    outcome = Outcome(
        PLAN, (ServiceOutcome("hello", Result.UPDATED, 1.23456),), (SmokeOutcome("hello", "greets", passed=False),)
    )

    assert report.outcomes_document([outcome], "sandbox") == {
        "target": "sandbox",
        "environment": "test",
        "release": RELEASE,
        "services": [{"name": "hello", "result": "updated", "seconds": 1.235}],
        "smoke": [{"service": "hello", "name": "greets", "passed": False}],
    }


def test_going_back_in_words() -> None:
    """Of a deployment that was taken back both are told, and last that it went back."""
    updated = (ServiceOutcome("hello", Result.UPDATED, 1.0),)
    bad = Outcome(PLAN, updated, (SmokeOutcome("hello", "greets", passed=False),))
    back = Outcome(replace(PLAN, release=BEFORE), updated)

    assert report.outcomes_lines([bad, back])[-3:] == (
        "hello: updated in test (1.0 s)",
        f"test runs release {BEFORE[:12]}: hello.",
        "test went back from release 0123456789ab.",
    )
    assert report.outcomes_lines([bad]) == report.outcome_lines(bad)


def test_going_back_for_programs() -> None:
    """A document of a deployment that was taken back has what it went back to."""
    bad, back = Outcome(PLAN, (), ()), Outcome(replace(PLAN, release=BEFORE), ())

    document = report.outcomes_document([bad, back], "aws")

    told = {"environment": "test", "release": BEFORE, "services": [], "smoke": []}
    assert (document["release"], document["rolled_back"]) == (RELEASE, [told])


def test_an_outcome_without_a_record() -> None:
    """A deployment that could not be recorded has that among its failures."""
    outcome = Outcome(PLAN, unrecorded=DeployError("writing the record", "no"))

    assert report.failures(outcome) == ("error: writing the record\n  answer: no",)


def test_a_new_release_in_words() -> None:
    """A release says its name, its commit, and each image that it holds by digest."""
    release = a_release()

    assert report.release_lines(release, new=True) == (
        f"Release {release.release_id} (new), commit c0ffee000000",
        f"  hello: HelloFunction {REF}",
    )


def test_a_release_of_a_changed_tree_in_words() -> None:
    """A release that no commit holds says so, and one that was there before says that."""
    release = a_release(commit=a_commit(dirty=True))

    assert report.release_lines(release, new=False) == (
        f"Release {release.release_id} (known already), commit c0ffee000000",
        "  the working tree differs from that commit",
        f"  hello: HelloFunction {REF}",
    )


def test_a_release_for_programs() -> None:
    """A release's document names each image by digest and each template by hash."""
    release = a_release()

    assert report.release_document(release, new=True) == {
        "release": release.release_id,
        "new": True,
        "services": {"hello": {"images": {"HelloFunction": REF}, "template_sha256": a_build().template_sha256}},
    }


def test_images_in_words() -> None:
    """Images are told one to a line, with the function that they are of."""
    images = {"hello": {"A": "tag-a", "B": "tag-b"}, "orders": {"C": "tag-c"}}

    assert report.images_lines(images) == ("hello: A tag-a", "hello: B tag-b", "orders: C tag-c")


def test_images_for_programs() -> None:
    """The document of images names them by service and function."""
    images = {"hello": {name: ref for name, ref in a_build().images}}  # noqa: C416 - the type of a plain dict is too narrow

    assert report.images_document(images, "aws") == {
        "target": "aws",
        "services": {"hello": {"images": {"HelloFunction": REF}}},
    }


def test_hashes_are_shortened_for_people() -> None:
    """People read the first twelve digits of a hash, without the name of its kind."""
    assert (report.short(f"sha256:{RELEASE}"), report.short(RELEASE)) == ("0123456789ab", "0123456789ab")


def test_tables_without_rows() -> None:
    """A table without rows is its head."""
    assert report.table(("A", "B"), []) == ("A  B",)


def test_what_ends_a_row_may_be_long() -> None:
    """What stands last in a row runs over the empty columns after it, and widens none."""
    rows = [("a", "long and last", ""), ("b", "no", "why")]

    assert report.table(("A", "B", "C"), rows) == ("A  B   C", "a  long and last", "b  no  why")


def test_failures_of_an_outcome() -> None:
    """Everything that failed in an outcome is told with its error: first the stacks, then the smoke tests."""
    outcome = Outcome(
        PLAN,
        (
            ServiceOutcome("hello", Result.CREATED, 1.0),
            ServiceOutcome("orders", Result.FAILED, 1.0, DeployError("deploying", "no", "again")),
        ),
        (
            SmokeOutcome("hello", "greets", passed=True),
            SmokeOutcome("hello", "parts", passed=False, difference="answer is 1, expected 2"),
            SmokeOutcome("hello", "a", passed=False, difference="x: y", error=IdentityError("x", "y", "log in")),
            SmokeOutcome("hello", "b", passed=False, difference="x: y", error=IdentityError("x", "y")),
        ),
    )
    mend = "mend the service or its smoke.json; to repeat the test: invoke smoke --env test"

    assert report.failures(outcome) == (
        "error: deploying\n  answer: no\n  next: again",
        (f"error: smoke test 'parts' of hello in test\n  answer: answer is 1, expected 2\n  next: {mend}"),
        "error: smoke test 'a' of hello in test\n  answer: x: y\n  next: log in",
        f"error: smoke test 'b' of hello in test\n  answer: x: y\n  next: {mend}",
    )


def test_integration_tests() -> None:
    """Of integration tests is told how each service's ended; of those that failed also their report, and a way back."""
    outcomes = (
        SuiteOutcome("hello", passed=True, summary="2 passed in 0.02s", report="reports/h.xml"),
        SuiteOutcome("orders", passed=False, summary="1 failed in 0.01s", report="reports/o.xml"),
    )

    assert report.suites_lines(outcomes) == (
        "hello: integration tests passed: 2 passed in 0.02s",
        "orders: integration tests FAILED: 1 failed in 0.01s",
    )
    (failure,) = report.suites_failures("test", outcomes, " --branch x")
    assert failure == (
        "error: integration tests of orders in test\n"
        "  answer: 1 failed in 0.01s\n"
        "  next: read reports/o.xml; to repeat: invoke integration --env test --branch x --service orders"
    )
    assert report.suites_document(outcomes) == [
        {"service": "hello", "passed": True, "summary": "2 passed in 0.02s", "report": "reports/h.xml"},
        {"service": "orders", "passed": False, "summary": "1 failed in 0.01s", "report": "reports/o.xml"},
    ]


def test_errors_in_a_table() -> None:
    """An error in a table is one line of what it says, as far as it says it."""
    errors = (
        DeployError("doing x", "no:\n  really", "try y"),
        DeployError("doing x", cure="try y"),
        DeployError("doing x"),
    )

    assert [report.on_one_line(error) for error in errors] == [
        "doing x: no: really. try y",
        "doing x. try y",
        "doing x",
    ]
