"""The use cases that bring an environment to a release: deploy, promote, roll back, and the plan of each.

All go one way: find the release, lock what will change, look at what runs, plan, pass the gates, show what would
change, carry it out, smoke-test it, record it. They differ in which release it is and in which gates it has to pass.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from lockstep import (
    catalog,
    deployments,
    execute,
    gates,
    history,
    locks,
    making,
    permissions,
    plan,
    preview,
    preview_report,
    report,
    scans,
    signing,
)
from lockstep.errors import ConfigError, GateError, LockstepError
from lockstep.execute import Fence
from lockstep.history import Circumstances, Deployments
from lockstep.locks import Locks
from lockstep.model import (
    Change,
    Environment,
    Holder,
    Kind,
    Outcome,
    Plan,
    Release,
    ReleaseId,
    Result,
    RunningService,
    ServiceBuild,
)
from lockstep.names import branch_slug
from lockstep.ports import Releases, Target, Wiring
from lockstep.preview_report import StackPlan
from lockstep.settings import Settings
from lockstep.usecase import environment_of, say_which, target_of, use_case

# Between two looks at who deploys, each with new credentials.
_PAUSE = 15.0
_RELEASED = {True: "Released.", False: "Nothing was released. To release it without a question: --yes"}


@dataclass(frozen=True)
class Wish:
    """How a deployment was asked for. `services` are those that it is about, all of the release where none is named.

    With `allow_replace` what holds data may go from a protected environment.
    """

    services: Collection[str] = ()
    force: bool = False
    wait: bool = False
    dry_run: bool = False
    allow_replace: bool = False
    branch: str | None = None


@dataclass(frozen=True)
class _Passed:
    """What a record keeps of the gates: what was passed by force, and which findings of scans were accepted."""

    forced: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Order:
    """What is to be brought where, and who may: `earlier` is the environment that the release has to have passed."""

    kind: Kind
    environment: Environment
    earlier: Environment | None
    release: Release
    wish: Wish
    releases: Releases
    target: Target

    @property
    def builds(self) -> tuple[ServiceBuild, ...]:
        return plan.select(self.release, self.wish.services)


@use_case
def deploy(wiring: Wiring, named: str | None, wanted: str | None, wish: Wish) -> int:
    """Bring an environment to a release, made from the working tree where none is named, and smoke-test it."""
    say_which(wiring)
    environment = _environment(wiring, named, wish)
    if wanted is None:
        catalog.select(wiring.services(), wish.services)
    # Before anything is built: who may not deploy there learns it at once, and has changed nothing.
    releases, target = wiring.deployer(environment.name)
    if wanted is None:
        made, _ = making.make_release(wiring)
    # Again, since the session lasts an hour and a build may have taken it.
    releases, target = _opened(wiring, environment, wish)
    if wanted is not None:
        made = making.find_release(releases.store, wanted)
    return _carry_out(wiring, _order(wiring, Kind.DEPLOY, environment, made, wish, releases, target))


@use_case
def promote(wiring: Wiring, to: str | None, source: str | None, wish: Wish) -> int:
    """Bring an environment to the release that runs in an earlier one. Builds nothing and needs no engine."""
    say_which(wiring)
    environment = _environment(wiring, to, wish, flag="--to")
    earlier = wiring.settings().source_of(environment.name, source)
    releases, target = _opened(wiring, environment, wish)
    release = _running_release(wiring, earlier, environment.name, releases, wish.services)
    return _carry_out(wiring, _order(wiring, Kind.PROMOTE, environment, release, wish, releases, target))


@use_case
def roll_back(wiring: Wiring, named: str | None, wanted: str | None, wish: Wish) -> int:
    """Bring an environment back to a release that ran there: by default the one before what runs now."""
    say_which(wiring)
    environment = _environment(wiring, named, wish)
    releases, target = _opened(wiring, environment, wish)
    names = wiring.settings().names
    records = deployments.read(target.store, names, environment.account)
    running = execute.all_running(wish.services or history.services(records), environment, names, target)
    wanted = wanted or _release_before(environment, records, running)
    release = making.find_release(releases.store, wanted)
    wish = replace(wish, services=_that_ran(environment, release, records, running, wish.services))
    return _carry_out(wiring, _order(wiring, Kind.ROLLBACK, environment, release, wish, releases, target))


@use_case
def unlock(wiring: Wiring, named: str | None, services: Collection[str] = (), *, yes: bool = False) -> int:
    """Release the locks that somebody holds in an environment, after showing whose they are and asking."""
    say_which(wiring)
    environment = environment_of(wiring.settings(), named)
    releases, target = wiring.deployer(environment.name)
    there = _locks(wiring, environment, target)
    found = there.all_current(services)
    for lock in found:
        wiring.console.say(f"{lock.service}: held by {locks.words(lock)}")
    released = bool(found) and _is_agreed(wiring, yes=yes)
    for lock in found if released else ():
        there.release(lock, releases.caller)
    words = _RELEASED[released] if found else f"Nothing is locked in {environment.name}."
    document = {"target": target_of(wiring), "environment": environment.name, "released": released}
    wiring.console.result((words,), {**document, "locks": [locks.document(lock) for lock in found]})
    return 0


def _is_agreed(wiring: Wiring, *, yes: bool) -> bool:
    wiring.console.say("What its holder began in CloudFormation goes on; whoever still runs ends at its next step.")
    answer = True if yes else wiring.console.confirm("Release it?")
    if answer is None:
        raise ConfigError("asking whether to release it", "nobody can answer here", "repeat it with --yes")
    return answer


def _locks(wiring: Wiring, environment: Environment, target: Target) -> Locks:
    return Locks(environment, wiring.settings().names, target.store, wiring.clock, wiring.console.say)


def _opened(wiring: Wiring, environment: Environment, wish: Wish) -> tuple[Releases, Target]:
    """Open an environment; who waits gets it once nobody deploys there, with credentials that last for all the rest."""
    releases, target = wiring.deployer(environment.name)
    if not wish.wait or wish.dry_run:
        return releases, target
    end, told = wiring.clock.seconds() + locks.LONGEST_WAIT, False
    while wiring.clock.seconds() < end:
        busy = _locks(wiring, environment, target).all_current(wish.services)
        if not busy:
            break
        if not told:
            wiring.console.say(f"{busy[0].service}: waiting for {locks.words(busy[0])}")
            told = True
        wiring.clock.sleep(_PAUSE)
        releases, target = wiring.deployer(environment.name)
    return releases, target


def _environment(wiring: Wiring, named: str | None, wish: Wish, flag: str = "--env") -> Environment:
    environment = environment_of(wiring.settings(), named, flag)
    gates.check_force(environment, force=wish.force)
    return environment if wish.branch is None else _beside(wiring.settings(), environment, wish.branch)


def _beside(settings: Settings, environment: Environment, branch: str) -> Environment:
    """Return what a feature branch has beside an environment; raises ConfigError where it may not have anything."""
    tried = f"deploying the branch {branch!r} to {environment.name}"
    released = settings.pipeline.branch if settings.pipeline else ""
    for wrong, answer, cure in (
        (not branch.strip(), "its name is empty", "give it, or leave --branch out"),
        (branch == released, "that is the branch that is released", "leave --branch out"),
        (environment.protect, "it is protected", "take an environment that is not"),
        (settings.earlier(environment.name) != (), "releases come here from another environment",
         f"--env {settings.targets[0].name}"),
    ):  # fmt: skip
        if wrong:
            raise ConfigError(tried, answer, cure)
    return replace(environment, branch=branch)


def _order(
    wiring: Wiring,
    kind: Kind,
    environment: Environment,
    release: Release,
    wish: Wish,
    releases: Releases,
    target: Target,
) -> _Order:
    earlier = wiring.settings().earlier(environment.name)
    return _Order(kind, environment, earlier[-1] if earlier else None, release, wish, releases, target)


def _running_release(
    wiring: Wiring, source: Environment, through: str, releases: Releases, services: Collection[str]
) -> Release:
    """Return the release whose digests an environment runs; raises GateError where its services do not run one."""
    names, opened = wiring.settings().names, wiring.reader(source.name, through)
    records = deployments.read(opened.store, names, source.account)
    running = execute.all_running(services or history.services(records), source, names, opened)
    named = dict.fromkeys(now.release for now in running if now.release is not None)
    found = tuple(making.find_release(releases.store, one) for one in named)
    release = gates.one_release(source.name, running, found)
    gates.check_runs(source.name, release, running)
    return release


def _release_before(environment: Environment, records: Deployments, running: tuple[RunningService, ...]) -> ReleaseId:
    """Return the release before what runs; raises GateError where there is none, or not the same for all services."""
    before = {now.name: history.previous(records, now.name, now.release) for now in running}
    found = {release for release in before.values() if release is not None}
    tried, cure = f"rolling {environment.name} back", f"invoke history --env {environment.name}, then --to a release"
    if not found:
        raise GateError(tried, "nothing that runs there has a good release before it", cure)
    if len(found) > 1:
        told = ", ".join(f"{name} {release[:12]}" for name, release in before.items() if release)
        raise GateError(tried, f"its services had different releases before: {told}", f"{cure}, or with --service")
    return found.pop()


def _that_ran(
    environment: Environment,
    release: Release,
    records: Deployments,
    running: tuple[RunningService, ...],
    wanted: Collection[str],
) -> tuple[str, ...]:
    """Return the services to bring back to a release; raises GateError for one that never ran it there."""
    held = [build.name for build in plan.select(release, wanted)]
    there = {now.name for now in running}
    ran = [name for name in held if history.was_deployed(records, release.release_id, name) and name in there]
    if (wanted and ran != held) or not ran:
        never = ", ".join(name for name in held if name not in ran)
        raise GateError(
            f"rolling {environment.name} back to release {release.release_id[:12]}",
            f"{never} never ran it there",
            f"invoke history --env {environment.name}, or invoke deploy --env {environment.name}",
        )
    return tuple(ran)


def _carry_out(wiring: Wiring, order: _Order) -> int:
    """Bring an environment to a release, as far as its gates let it; return the exit code."""
    environment, wish = order.environment, order.wish
    with _locked(wiring, order) as fence:
        running = _running(wiring, order)
        steps = _plan(wiring, order, running)
        passed, refusal = _pass_gates(wiring, order, steps)
        _check_rights(wiring, order, steps)
        previews, lost = _preview(wiring, order, steps, running)
        if wish.dry_run:
            words = (f"Dry run: nothing was changed in {environment.name}.",)
            wiring.console.result(words, _plan_document(wiring, steps, previews))
            if refused := refusal or lost:
                raise refused
            return 0
        outcomes = [_run(wiring, order, steps, running, fence, passed)]
        if outcomes[0].is_disproven and environment.rollback_on_failed_smoke:
            outcomes += _go_back(wiring, order, outcomes[0], running, fence)
    wiring.console.result(report.outcomes_lines(outcomes), report.outcomes_document(outcomes, target_of(wiring)))
    for failure in (failure for outcome in outcomes for failure in report.failures(outcome)):
        wiring.console.complain(failure)
    return outcomes[0].exit_code


def _locked(wiring: Wiring, order: _Order) -> AbstractContextManager[Fence]:
    """Keep others from deploying the same services; a dry run changes nothing, so it locks nothing."""
    if order.wish.dry_run:
        return nullcontext(lambda: None)
    holder = Holder(order.releases.caller, wiring.host(), wiring.execution(), wiring.token())
    branch = order.environment.branch
    beside = f"--{branch_slug(branch)}" if branch else ""
    services = tuple(f"{build.name}{beside}" for build in order.builds)
    return locks.held(_locks(wiring, order.environment, order.target), services, holder, wait=order.wish.wait)


def _running(wiring: Wiring, order: _Order) -> tuple[RunningService, ...]:
    return execute.running_builds(order.builds, order.environment, wiring.settings().names, order.target)


def _plan(wiring: Wiring, order: _Order, running: tuple[RunningService, ...]) -> Plan:
    """Plan with what the release itself holds, verified, and show it."""
    store, builds = order.releases.store, order.builds
    steps = plan.deploy(
        order.environment,
        order.release,
        running,
        wiring.settings().names,
        making.declared_parameters(store, builds),
        {build.name: making.read_smoke(store, build) for build in builds},
        back=order.kind is Kind.ROLLBACK,
    )
    for line in report.plan_lines(steps):
        wiring.console.say(line)
    return steps


def _pass_gates(wiring: Wiring, order: _Order, steps: Plan) -> tuple[_Passed, GateError | None]:
    """Return how the gates are passed. A dry run gets the refusal too, to show what else there is to see."""
    try:
        return _gates(wiring, order, steps), None
    except GateError as error:
        if not order.wish.dry_run:
            raise
        return _Passed(), error


def _gates(wiring: Wiring, order: _Order, steps: Plan) -> _Passed:
    environment, release, registry = order.environment, order.release, order.releases.registry
    changing = tuple(step.build for step in steps.deployments if step.change is not Change.NONE)
    reasons: tuple[str, ...] = ()
    verdict = scans.Verdict()
    if order.earlier is not None:
        gates.check_images(release, changing, registry, environment.name)
        if order.releases.signer is not None:
            signing.verify(order.releases.store, order.releases.signer, release.release_id)
        reasons += gates.unclean(release)
        if order.kind is not Kind.ROLLBACK:
            opened = wiring.reader(order.earlier.name, environment.name)
            passed = deployments.read(opened.store, wiring.settings().names, order.earlier.account)
            reasons += gates.unproven(release, order.builds, order.earlier.name, passed)
    if environment.scan_threshold is not None:
        judge = scans.Judge(registry, wiring.scan_exceptions(), wiring.clock, wiring.console.say)
        verdict = judge.look(changing, environment.scan_threshold)
    forced = gates.decide(release, environment, reasons + verdict.refused, order.earlier, force=order.wish.force)
    return _Passed(forced, verdict.accepted)


def _check_rights(wiring: Wiring, order: _Order, steps: Plan) -> None:
    """See that the execution role may do what the plan takes, before anything is changed."""
    store, policies, names = order.releases.store, order.target.policies, wiring.settings().names
    permissions.check(steps, store, policies, wiring.knowledge(), names, wiring.console.say)


def _preview(
    wiring: Wiring, order: _Order, steps: Plan, running: tuple[RunningService, ...]
) -> tuple[tuple[StackPlan, ...], GateError | None]:
    """Find out what the plan does to each stack, and show it. A dry run gets the refusal of what holds data too."""
    say = wiring.console.say
    previews = preview.of_plan(steps, running, order.releases.store, order.target, say)
    for line in preview_report.lines(previews):
        say(line)
    try:
        preview.check(previews, order.environment, allow_replace=order.wish.allow_replace)
    except GateError as error:
        if not order.wish.dry_run:
            raise
        return previews, error
    return previews, None


def _plan_document(wiring: Wiring, steps: Plan, previews: tuple[StackPlan, ...]) -> dict[str, object]:
    services = [step.service for step in steps.deployments]
    return report.plan_document(steps, target_of(wiring), preview_report.documents(services, previews))


def _run(
    wiring: Wiring,
    order: _Order,
    steps: Plan,
    running: tuple[RunningService, ...],
    fence: Fence,
    passed: _Passed = _Passed(),
    *,
    automatic: bool = False,
) -> Outcome:
    """Carry a plan out and record what came of it, where that is news; the outcome says where it could not be."""
    caller, at = order.releases.caller, wiring.clock.now()
    about = Circumstances(
        order.kind, at, caller, wiring.execution(), passed.forced, passed.accepted, automatic=automatic
    )
    outcome = execute.run(steps, order.target, order.releases, wiring.clock, wiring.console.say, fence)
    if order.environment.branch:
        return outcome
    record = history.of_outcome(outcome, order.release, running, about)
    try:
        deployments.append_news(order.target.store, wiring.settings().names, order.environment.account, record)
    except LockstepError as error:
        return replace(outcome, unrecorded=error)
    return outcome


def _go_back(
    wiring: Wiring, order: _Order, failed: Outcome, running: tuple[RunningService, ...], fence: Fence
) -> tuple[Outcome, ...]:
    """Bring every service that a deployment updated back to the release that it ran before, all of them together."""
    updated = {one.name for one in failed.services if one.result in {Result.CREATED, Result.UPDATED}}
    before: dict[ReleaseId, list[str]] = {}
    for now in running:
        if now.name in updated and now.release not in {None, order.release.release_id}:
            before.setdefault(now.release, []).append(now.name)
    for name in sorted(updated - {name for names in before.values() for name in names}):
        wiring.console.say(f"{name}: it ran no other release before, so there is nothing to go back to")
    outcomes: list[Outcome] = []
    for release_id, services in before.items():
        wiring.console.say(f"Going back to release {report.short(release_id)}, since a smoke test failed.")
        try:
            release = making.find_release(order.releases.store, release_id)
            wish = Wish(services, allow_replace=order.wish.allow_replace)
            back = replace(order, kind=Kind.ROLLBACK, release=release, wish=wish)
            left = _running(wiring, back)
            steps = _plan(wiring, back, left)
            if order.environment.protect:
                _preview(wiring, back, steps, left)
            outcomes.append(_run(wiring, back, steps, left, fence, automatic=True))
        except LockstepError as error:
            wiring.console.complain(str(error))
    return tuple(outcomes)
