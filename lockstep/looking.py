"""The use cases that look at environments: what runs there, what was deployed, what answers, what would change."""

from __future__ import annotations

import shlex
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
    Service,
    ServiceOutcome,
    SmokeOutcome,
    StackName,
    SuiteOutcome,
    smoke_exit_code,
)
from lockstep.names import INTEGRATION
from lockstep.ports import Releases, Say, Suite, Target, Wiring
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
    tried = f"smoke-testing {environment.name}"
    for release, tested in _as_released(wiring, tried, chosen, environment, releases, target):
        outcome = _test(wiring, environment, release, tested, releases, target)
        _see_unchanged(wiring, tried, environment, tested, target)
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


@use_case
def integration(wiring: Wiring, named: str | None, services: Collection[str] = (), branch: str | None = None) -> int:
    """Run the integration tests of the tree's services against what runs in an environment. Nothing is recorded."""
    say_which(wiring)
    environment = _beside(environment_of(wiring.settings(), named), branch)
    chosen = _with_tests(catalog.select(wiring.services(), services), services)
    releases, target = wiring.deployer(environment.name)
    outcomes: list[SuiteOutcome] = []
    nothing = f"no service has a folder {INTEGRATION}/"
    if chosen:
        tried = f"integration-testing {environment.name}"
        found = _as_released(wiring, tried, chosen, environment, releases, target)
        running = tuple(now for _, tested in found for now in tested)
        outcomes += (_run_suite(now, target, wiring.console.say) for now in running)
        _see_unchanged(wiring, tried, environment, running, target)
    else:
        target.suites.skip(nothing)
    told = {"target": target_of(wiring), "environment": environment.name}
    document = {**told, "integration": report.suites_document(outcomes)}
    wiring.console.result(report.suites_lines(outcomes) or (f"Nothing was tested: {nothing}.",), document)
    for failure in report.suites_failures(environment.name, outcomes, _flags(environment)):
        wiring.console.complain(failure)
    return 0 if all(one.passed for one in outcomes) else DeployError.exit_code


def _beside(environment: Environment, branch: str | None) -> Environment:
    """Return an environment, or what a feature branch has beside it; raises ConfigError for one without a name."""
    if branch is not None and not branch.strip():
        tried = f"integration-testing a branch of {environment.name}"
        raise ConfigError(tried, "its name is empty", "give it, or leave --branch out")
    return replace(environment, branch=branch or "")


def _flags(environment: Environment) -> str:
    return f" --branch {shlex.quote(environment.branch)}" if environment.branch else ""


def _with_tests(services: Collection[Service], named: Collection[str]) -> list[str]:
    """Return which services have integration tests; raises ConfigError for a named one that has none."""
    without = [service.name for service in services if not service.has_integration]
    if named and without:
        folders = ", ".join(f"services/{name}/{INTEGRATION}" for name in without)
        cure = "add tests there, or leave --service out"
        raise ConfigError(f"integration-testing {', '.join(without)}", f"there is no folder {folders}", cure)
    return [service.name for service in services if service.has_integration]


def _run_suite(now: RunningService, target: Target, say: Say) -> SuiteOutcome:
    state = target.stacks.describe(now.stack)
    say(f"{now.name}: integration tests against {now.stack}")
    if state is None:
        raise BusyError(f"integration-testing {now.stack}", "it was removed meanwhile", "invoke status")
    functions = {name: state.resources[name] for name in state.functions if name in state.resources}
    return target.suites.run(Suite(now.name, now.stack, state.outputs, functions), say)


def _as_released(
    wiring: Wiring,
    tried: str,
    chosen: Collection[str],
    environment: Environment,
    releases: Releases,
    target: Target,
) -> tuple[tuple[Release, tuple[RunningService, ...]], ...]:
    """Return what runs of some services, by their releases, after it was seen that they run these releases' digests.

    Raises DeployError for a service that is not there, GateError for one that runs something else.
    """
    running = execute.all_running(chosen, environment, wiring.settings().names, target)
    if absent := ", ".join(name for name in chosen if name not in {now.name for now in running}):
        cure = f"invoke deploy --env {environment.name}{_flags(environment)}"
        raise DeployError(tried, f"{absent} does not run there", cure)
    for now in running:
        plan.check_stack(now.stack, environment.account, now.status)
    found = []
    for release_id in dict.fromkeys(now.release for now in running):
        if release_id is None:
            raise GateError(tried, "a stack there names no release", "invoke status")
        release = making.find_release(releases.store, release_id)
        tested = tuple(now for now in running if now.release == release_id)
        gates.check_runs(environment.name, release, tested)
        found.append((release, tested))
    return tuple(found)


def _see_unchanged(
    wiring: Wiring, tried: str, environment: Environment, tested: tuple[RunningService, ...], target: Target
) -> None:
    """See that what was tested still runs; raises BusyError where nobody knows what it was that was tested."""
    names = wiring.settings().names
    now = {one.name: one for one in execute.all_running([one.name for one in tested], environment, names, target)}
    if now != {one.name: one for one in tested}:
        raise BusyError(tried, "what runs there was changed meanwhile", "repeat")


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
