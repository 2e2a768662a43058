"""The use cases that look at environments: what runs there, what was deployed, what answers, what would change."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from lockstep import catalog, deployments, execute, gates, history, making, plan, report, status_report
from lockstep.errors import (
    BusyError,
    ConfigError,
    DeployError,
    GateError,
    IdentityError,
    LockstepError,
    UnavailableError,
)
from lockstep.history import Circumstances, Deployments
from lockstep.model import (
    Environment,
    EnvironmentStatus,
    Kind,
    Outcome,
    Plan,
    Release,
    Result,
    RunningService,
    ServiceOutcome,
    SmokeOutcome,
    StackName,
    smoke_exit_code,
)
from lockstep.ports import Releases, Target, Wiring
from lockstep.usecase import environment_of, number, say_which, target_of, use_case


@use_case
def status(wiring: Wiring, *, drift: bool = False) -> int:
    """Show what runs where, as the accounts say it, and where what they say does not agree."""
    say_which(wiring)
    found = tuple(_look(wiring, environment, drift=drift) for environment in wiring.settings().environments)
    wiring.console.result(status_report.lines(found), status_report.document(found, target_of(wiring)))
    errors = [one.error for one in found if one.error]
    for error in errors:
        wiring.console.complain(str(error))
    return errors[0].exit_code if errors else 0


@use_case
def recorded(wiring: Wiring, named: str | None, last: str) -> int:
    """Show the last deployments of an environment, by its records."""
    say_which(wiring)
    count = number(last, "--last", 1, deployments.LAST)
    environment = environment_of(wiring.settings(), named)
    store = wiring.reader(environment.name).store
    found = deployments.read(store, wiring.settings().names, environment.account)[-count:]
    document = status_report.history_document(found, environment.name, target_of(wiring))
    nothing = (f"Nothing was deployed to {environment.name} yet.",)
    wiring.console.result(status_report.history_lines(found) if found else nothing, document)
    return 0


@use_case
def smoke(wiring: Wiring, named: str | None, services: Collection[str] = ()) -> int:
    """Smoke-test what runs in an environment by the tests of its own release, and record it where that is news."""
    say_which(wiring)
    names, environment = wiring.settings().names, environment_of(wiring.settings(), named)
    releases, target = wiring.deployer(environment.name)
    chosen = [service.name for service in catalog.select(wiring.services(), services)]
    outcomes: list[SmokeOutcome] = []
    running = execute.all_running(chosen, environment, names, target)
    if absent := ", ".join(name for name in chosen if name not in {now.name for now in running}):
        cure = f"invoke deploy --env {environment.name}"
        raise DeployError(f"smoke-testing {environment.name}", f"{absent} does not run there", cure)
    for now in running:
        plan.check_stack(now.stack, environment.account, now.status)
    for release_id in dict.fromkeys(now.release for now in running):
        if release_id is None:
            raise GateError(f"smoke-testing {environment.name}", "a stack there names no release", "invoke status")
        release = making.find_release(releases.store, release_id)
        tested = tuple(now for now in running if now.release == release_id)
        gates.check_runs(environment.name, release, tested)
        outcome = _test(wiring, environment, release, tested, releases, target)
        if execute.all_running([now.name for now in tested], environment, names, target) != tested:
            raise BusyError(f"smoke-testing {environment.name}", "what runs there was changed meanwhile", "repeat")
        about = Circumstances(Kind.SMOKE, wiring.clock.now(), releases.caller, wiring.execution())
        record = history.of_outcome(outcome, release, tested, about)
        deployments.append_news(target.store, names, environment.account, record)
        outcomes += outcome.smoke
    document = {"target": target_of(wiring), "environment": environment.name, "smoke": report.smoke_document(outcomes)}
    untested = f"Nothing was tested: {', '.join(chosen)} has no smoke test there."
    wiring.console.result(tuple(report.smoke_lines(outcomes)) or (untested,), document)
    for failure in report.smoke_failures(environment.name, outcomes):
        wiring.console.complain(failure)
    return smoke_exit_code(tuple(outcomes))


@use_case
def brief(
    wiring: Wiring, named: str | None, wanted: str | None, services: Collection[str] = (), *, as_json: bool = False
) -> int:
    """Say in one line what bringing an environment to a release would do, without a right to deploy there.

    Nobody asks CloudFormation for a change set and no gate is asked. A stack that is being changed just now is told of
    and fails nothing: in a pipeline that is the execution before.
    """
    tried = "planning in one line"
    if as_json:
        raise ConfigError(tried, "a line is no document", "leave --brief or --json out")
    if wanted is None:
        raise ConfigError(tried, "no release is named, and who may only look makes none", "add --release")
    say_which(wiring)
    names, environment = wiring.settings().names, environment_of(wiring.settings(), named)
    store, target = wiring.viewer(environment.name)
    release = making.find_release(store, wanted)
    builds = plan.select(release, services)
    running = execute.running_builds(builds, environment, names, target)
    steady = tuple(now for now in running if not plan.is_busy(now.status))
    steps = plan.deploy(environment, release, steady, names, making.declared_parameters(store, builds), {})
    wiring.console.alone(report.plan_brief(steps, running))
    return 0


def _test(
    wiring: Wiring,
    environment: Environment,
    release: Release,
    running: tuple[RunningService, ...],
    releases: Releases,
    target: Target,
) -> Outcome:
    """Smoke-test services that run a release; they count as deployed and unchanged."""
    names = wiring.settings().names
    events = {now.name: making.read_smoke(releases.store, release.build_of(now.name)) for now in running}
    tests = plan.smoke(environment, events, names)
    unchanged = tuple(ServiceOutcome(now.name, Result.UNCHANGED, 0.0) for now in running)
    tested = tuple(execute.smoke_test(test, target, wiring.console.say) for test in tests)
    return Outcome(Plan(environment, release.release_id, tests), unchanged, tested)


def _look(wiring: Wiring, environment: Environment, *, drift: bool) -> EnvironmentStatus:
    """Ask an environment's account what runs there; what of it cannot be looked at, the answer says.

    Records that cannot be read keep nobody from seeing what runs.
    """
    names, now = wiring.settings().names, datetime.fromisoformat(wiring.clock.now())
    found: list[RunningService] = []
    records: Deployments = ()
    error: LockstepError | None = None
    try:
        target = wiring.reader(environment.name)
        try:
            records = deployments.read(target.store, names, environment.account)
        except LockstepError as refused:
            error = refused
        services = dict.fromkeys([*(service.name for service in wiring.services()), *history.services(records)])
        found = [execute.running(name, names.service_stack(environment.name, name), (), target) for name in services]
        if drift:
            found = [one if one.status is None else replace(one, drift=_drift(target, one.stack)) for one in found]
    except (DeployError, IdentityError, UnavailableError) as refused:
        return EnvironmentStatus(environment, error=refused)
    return EnvironmentStatus(environment, tuple(_with_age(one, now) for one in found), records, error)


def _drift(target: Target, stack: StackName) -> tuple[str, ...]:
    """Say what of a stack was changed beside CloudFormation, or why nobody could tell."""
    try:
        return target.stacks.drift(stack)
    except LockstepError as error:
        return (f"not looked at: {report.on_one_line(error)}",)


def _with_age(one: RunningService, now: datetime) -> RunningService:
    if one.changed is None:
        return one
    return replace(one, age=(now - datetime.fromisoformat(one.changed)).total_seconds())
