"""What a deployment will do, from a release and what runs there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep import plan
from lockstep.errors import BusyError, StackError
from lockstep.model import (
    Change,
    DeployStack,
    Environment,
    Plan,
    ProtectStack,
    ProveAccount,
    Release,
    ReleaseId,
    RunningService,
    Sha256,
    SmokeTest,
    StackName,
)
from lockstep.names import SETTINGS_TAG
from lockstep.testing import (
    TEST,
    a_build,
    a_commit,
    a_digest,
    a_release,
    a_service,
    a_smoke_event,
    an_environment,
    some_names,
    what_runs,
)

DECLARED = {"Environment": "local", "PermissionsBoundary": "", "LogLevel": "INFO"}
STACK = StackName("shop-test-hello")
NOTHING = RunningService("hello", STACK, None)
READY = [
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE",
]  # fmt: skip
DELETE = "delete the stack, then try again"


def planned(
    *running: RunningService,
    release: Release | None = None,
    environment: Environment | None = None,
    declared: Mapping[str, str | None] = DECLARED,
) -> Plan:
    """Return the plan that brings hello, or what runs of other services too, to a release."""
    services = tuple(a_service(now.name) for now in running)
    release = release or a_release(*(a_build(service.name) for service in services))
    return plan.deploy(
        environment or an_environment(),
        release,
        running,
        some_names(),
        {service.name: declared for service in services},
        {service.name: service.smoke for service in services},
    )


def deployed(found: Plan) -> DeployStack:
    """Return the first step of a plan that changes something."""
    return next(step for step in found.steps if isinstance(step, DeployStack))


def after(found: Plan, **changes: object) -> RunningService:
    """Return hello as it runs once a plan was carried out, but for `changes`."""
    step = deployed(found)
    values = {"release": found.release, "settings_hash": dict(step.tags)[SETTINGS_TAG]}
    return what_runs(step.build, **(values | changes))


def test_a_first_deployment() -> None:
    """A plan proves the account, brings up each stack by digest, and then tests each service, in this order."""
    release = a_release(a_build("hello"), a_build("orders"))

    found = planned(NOTHING, RunningService("orders", StackName("shop-test-orders"), None), release=release)

    parameters = (
        ("Environment", "test"),
        ("LogLevel", "INFO"),
        ("PermissionsBoundary", "arn:aws:iam::222222222222:policy/shop-boundary-test"),
    )
    settings = dict(deployed(found).tags)[SETTINGS_TAG]
    expected = [
        DeployStack(
            service=build.name,
            stack=StackName(f"shop-test-{build.name}"),
            change=Change.CREATE,
            reason="it is not there yet",
            build=build,
            parameters=parameters,
            tags=(
                ("lockstep:commit", release.commit.sha),
                ("lockstep:release", release.release_id),
                ("lockstep:settings", settings),
                ("lockstep:template", build.template_sha256),
            ),
        )
        for build in release.services
    ]
    assert found.steps == (
        ProveAccount(TEST, "arn:aws:iam::222222222222:role/shop-deploy-test"),
        *expected,
        SmokeTest("hello", STACK, a_smoke_event()),
        SmokeTest("orders", StackName("shop-test-orders"), a_smoke_event()),
    )
    assert (found.environment, found.release) == (an_environment(), release.release_id)


def test_stacks_that_are_to_be_protected() -> None:
    """In a protected environment each stack that is not protected yet becomes so after all are deployed."""
    services = [what_runs(a_build(name), protected=name == "orders") for name in ("hello", "orders", "stock")]
    services[2] = RunningService("stock", StackName("shop-test-stock"), None)

    found = planned(*services, environment=an_environment(protect=True))

    kinds = [type(step) for step in found.steps]
    protected = [step for step in found.steps if isinstance(step, ProtectStack)]
    assert kinds == [ProveAccount, *[DeployStack] * 3, *[ProtectStack] * 2, *[SmokeTest] * 3]
    assert protected == [ProtectStack("hello", STACK), ProtectStack("stock", StackName("shop-test-stock"))]


def test_stacks_that_need_no_protection() -> None:
    """Where the settings do not ask for it no stack is protected, and none that was is laid open."""
    found = planned(what_runs(a_build("hello")), what_runs(a_build("orders"), protected=True))

    assert [step for step in found.steps if isinstance(step, ProtectStack)] == []


def test_a_commit_that_is_not_all() -> None:
    """A release from a tree that differs from its commit is tagged as such."""
    release = a_release(commit=a_commit(dirty=True))

    found = planned(NOTHING, release=release)

    assert dict(deployed(found).tags)["lockstep:commit"] == f"{release.commit.sha}-dirty"


def test_what_runs_already_is_left_alone() -> None:
    """A service that runs the release, with the same settings, is left as it is."""
    step = deployed(planned(after(planned(NOTHING))))

    assert (step.change, step.reason) == (Change.NONE, "it runs this release already")


OTHER: dict[str, tuple[object, str]] = {
    "images": ((("HelloFunction", a_digest("other")),), "HelloFunction runs another image"),
    "template_sha256": (Sha256("other"), "its template changed"),
    "settings_hash": ("other", "its parameters or tags changed"),
    "release": (ReleaseId("other"), "the same images, named by another release"),
}


@pytest.mark.parametrize("field", OTHER)
def test_each_difference_is_an_update(field: str) -> None:
    """Whatever differs from what runs there leads to an update, and the plan says what it is."""
    other, reason = OTHER[field]

    step = deployed(planned(after(planned(NOTHING), **{field: other})))

    assert (step.change, step.reason) == (Change.UPDATE, reason)


@given(st.sets(st.sampled_from(sorted(OTHER))), st.sampled_from(READY))
def test_only_what_is_wholly_equal_is_left_alone(differing: set[str], status: str) -> None:
    """A service is left as it is exactly if images, template, settings and release are all equal."""
    changes = {field: OTHER[field][0] for field in differing}

    step = deployed(planned(after(planned(NOTHING), status=status, **changes)))

    assert (step.change is Change.NONE) == (not differing)


STATES = st.builds(
    lambda name, status, changes: what_runs(a_build(name), status=status, **changes),
    st.sampled_from(("hello", "orders", "stock")),
    st.sampled_from([*READY, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE", None]),
    st.dictionaries(st.sampled_from(("release", "template_sha256", "settings_hash")), st.none() | st.text()),
)
PARAMETERS = st.lists(st.tuples(st.just("LogLevel"), st.text()), max_size=2).map(tuple)


@given(st.lists(STATES, min_size=1, unique_by=lambda state: state.name), PARAMETERS)
def test_plans_are_certain(running: list[RunningService], parameters: tuple[tuple[str, str], ...]) -> None:
    """The same release and the same state give the same plan, and its first step proves the account."""
    environment = an_environment(parameters=(("hello", parameters),))

    found, again = (planned(*running, environment=environment) for _ in range(2))

    assert found == again
    assert [isinstance(step, ProveAccount) for step in found.steps].index(True) == 0


def test_the_order_of_tags_is_not_seen() -> None:
    """Tags that only changed places in the settings file are no reason to update."""
    team, stage = ("Team", "shop"), ("Stage", "test")
    running = after(planned(NOTHING, environment=an_environment(tags=(team, stage))))

    found = planned(running, environment=an_environment(tags=(stage, team)))

    assert deployed(found).change is Change.NONE


@pytest.mark.parametrize("status", [*READY, None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"])
def test_stacks_that_can_be_deployed_to(status: str | None) -> None:
    """A stack that is complete or holds nothing is created or updated."""
    expected = Change.UPDATE if status in READY else Change.CREATE

    assert deployed(planned(what_runs(a_build(), status=status))).change is expected


@pytest.mark.parametrize(
    "status",
    ["CREATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"],
)
def test_stacks_that_somebody_else_changes(status: str) -> None:
    """A stack that is being changed is left to whoever changes it."""
    with pytest.raises(BusyError) as caught:
        planned(what_runs(a_build(), status=status))

    assert str(caught.value) == (
        "error: changing the stack shop-test-hello in account 222222222222\n"
        f"  answer: the stack is {status}: another deployment is changing it\n"
        "  next: try again when it is done"
    )


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("ROLLBACK_COMPLETE", "its first creation failed, so it holds nothing: delete the stack, then try again"),
        ("UPDATE_ROLLBACK_FAILED", "continue its rollback in the CloudFormation console, then try again"),
        ("UPDATE_FAILED", "roll it back in the CloudFormation console, then try again"),
        ("ROLLBACK_FAILED", DELETE),
        ("CREATE_FAILED", DELETE),
        ("DELETE_FAILED", DELETE),
    ],
)
def test_stacks_that_need_a_person(status: str, cure: str) -> None:
    """A stuck stack is answered with what to do about it: nobody is told to delete one that serves."""
    with pytest.raises(StackError) as caught:
        planned(what_runs(a_build(), status=status))

    assert str(caught.value) == (
        "error: changing the stack shop-test-hello in account 222222222222\n"
        f"  answer: the stack is {status}\n"
        f"  next: {cure}"
    )


def test_functions_that_are_gone_differ() -> None:
    """A function that is gone, or was never there, does not run the digest of the build."""
    one, two = a_build().images[0], ("Other", a_build().images[0][1])
    build = a_build(images=(one, two))

    assert plan.differing_images(build, what_runs(build, images=(("HelloFunction", None),))) == (
        "HelloFunction",
        "Other",
    )
