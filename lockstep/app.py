"""The use cases: load, plan, show, execute, report. One for each task; each returns its exit code.

Every case gets a Wiring and opens no more of the outside than it needs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Concatenate, ParamSpec

from lockstep import bootstrap as account_stacks
from lockstep import catalog, execute, making, plan, report
from lockstep.errors import INTERRUPTION, ConfigError, LockstepError
from lockstep.making import Maker
from lockstep.model import AccountId, Environment, Plan, Release, Service, ServiceBuild, smoke_exit_code
from lockstep.ports import Releases, Target, Wiring
from lockstep.settings import Settings

P = ParamSpec("P")
INTERRUPTED = 130


def _use_case(case: Callable[Concatenate[Wiring, P], int]) -> Callable[Concatenate[Wiring, P], int]:
    """Print a use case's error and return its exit code; anything else is our bug and keeps its traceback."""

    @functools.wraps(case)
    def ended(wiring: Wiring, /, *args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return case(wiring, *args, **kwargs)
        except LockstepError as error:
            wiring.console.complain(str(error))
            return error.exit_code
        except KeyboardInterrupt:
            wiring.console.complain(INTERRUPTION)
            return INTERRUPTED

    return ended


@_use_case
def doctor(wiring: Wiring) -> int:
    """Look at the tools, the configuration, the engine and the credentials; change nothing."""
    try:
        _say_which(wiring)
        target = _target(wiring)
    except LockstepError:
        target = None  # What is wrong stands in the table.
    rows: list[report.Lines] = [
        (name, version or "MISSING", "" if version else cure) for name, version, cure in wiring.tools()
    ]
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("configuration", wiring.which_aws),
        ("services", lambda: ", ".join(service.name for service in wiring.services())),
        ("commit", lambda: wiring.commit().sha[:12]),
        ("caller", lambda: wiring.tooling().caller),
    )
    failed = [row[0] for row in rows if row[1] == "MISSING"]
    for name, look in checks:
        try:
            rows.append((name, look(), ""))
        except LockstepError as error:
            failed.append(name)
            rows.append((name, "FAILED", report.on_one_line(error)))
    document = report.checks_document(rows, target, ok=not failed)
    wiring.console.result(report.table(("CHECK", "FOUND", "NEXT"), rows), document)
    return 2 if failed else 0


@_use_case
def build(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Build the images of the services on this machine."""
    chosen = _chosen(wiring, services)
    tags = making.built_tags(_maker(wiring), chosen)
    wiring.console.result(report.images_lines(tags), report.images_document(tags, _target(wiring)))
    return 0


@_use_case
def push(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Push built images and read their digests back."""
    chosen = _chosen(wiring, services)
    refs = making.pushed_refs(_maker(wiring), chosen)
    wiring.console.result(report.images_lines(refs), report.images_document(refs, _target(wiring)))
    return 0


@_use_case
def package(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Package the templates of the services whose images are in the registry."""
    chosen = _chosen(wiring, services)
    builds = making.packaged(_maker(wiring), chosen)
    wiring.console.result(report.builds_lines(builds), report.builds_document(builds, _target(wiring)))
    return 0


@_use_case
def release(wiring: Wiring) -> int:
    """Make the release of the working tree: build, push, package, publish, each only where it is needed."""
    made, new = _make_release(wiring, _chosen(wiring, ()))
    wiring.console.result(report.release_lines(made, new=new), report.release_document(made, new=new))
    return 0


@_use_case
def deploy(
    wiring: Wiring,
    named: str | None,
    wanted: str | None = None,
    services: Collection[str] = (),
    *,
    dry_run: bool = False,
) -> int:
    """Bring an environment to a release, made from the working tree where none is named, and smoke-test it.

    The smoke events are those of the working tree, whichever release it is; a later version stores them with it.
    """
    _say_which(wiring)
    environment = _environment(wiring.settings(), named)
    tree = wiring.services()
    if wanted is None:
        catalog.select(tree, services)
    # Before anything is built: who may not deploy there learns it at once, and has changed nothing.
    releases, target = wiring.deployer(environment.name)
    if wanted is None:
        made, _ = _make_release(wiring, tree)
        # Again, since the session lasts an hour and a build may have taken it.
        releases, target = wiring.deployer(environment.name)
    else:
        made = making.find_release(releases.store, wanted)
    steps = _plan(wiring, environment, tree, made, plan.select(made, services), releases, target)
    for line in report.plan_lines(steps):
        wiring.console.say(line)
    if dry_run:
        words = (f"Dry run: nothing was changed in {environment.name}.",)
        wiring.console.result(words, report.plan_document(steps, _target(wiring)))
        return 0
    outcome = execute.run(steps, target, releases, wiring.clock, wiring.console.say)
    wiring.console.result(report.outcome_lines(outcome), report.outcome_document(outcome, _target(wiring)))
    for failure in report.failures(outcome):
        wiring.console.complain(failure)
    return outcome.exit_code


@_use_case
def smoke(wiring: Wiring, named: str | None, services: Collection[str] = ()) -> int:
    """Smoke-test what runs in an environment."""
    _say_which(wiring)
    settings = wiring.settings()
    target_settings = _environment(settings, named)
    environment = target_settings.name
    chosen = catalog.select(wiring.services(), services)
    _, target = wiring.deployer(environment)
    tests = plan.smoke(target_settings, chosen, settings.names)
    outcomes = tuple(execute.smoke_test(test, target, wiring.console.say) for test in tests)
    document = {
        "target": _target(wiring),
        "environment": environment,
        "smoke": report.smoke_document(outcomes),
    }
    untested = f"Nothing was tested: {', '.join(s.name for s in chosen)} has no smoke.json."
    wiring.console.result(tuple(report.smoke_lines(outcomes)) or (untested,), document)
    for failure in report.smoke_failures(environment, outcomes):
        wiring.console.complain(failure)
    return smoke_exit_code(outcomes)


@_use_case
def status(wiring: Wiring) -> int:
    """Show what runs where, as the accounts say it."""
    _say_which(wiring)
    settings = wiring.settings()
    services = wiring.services()
    found = tuple(execute.status(e, services, settings.names, wiring.reader) for e in settings.environments)
    wiring.console.result(report.status_lines(found), report.status_document(found, _target(wiring)))
    errors = [one.error for one in found if one.error]
    for error in errors:
        wiring.console.complain(str(error))
    return errors[0].exit_code if errors else 0


@_use_case
def bootstrap(wiring: Wiring, *, yes: bool = False, dry_run: bool = False) -> int:
    """Make or update the account stacks, in order, each with its own account's credentials."""
    _say_which(wiring)
    steps = account_stacks.plan(wiring.settings(), wiring.services())
    wiring.console.say("Plan for bootstrap, in this order:")
    for step in steps:
        wiring.console.say(f"  {step.where} ({step.account}): {step.stack} from infra/{step.template}")
    document = {"target": _target(wiring), "dry_run": dry_run, "stacks": {step.stack: None for step in steps}}
    if dry_run:
        wiring.console.result(("Dry run: nothing was changed.",), document)
        return 0
    agreed = yes or wiring.console.confirm("Apply it?")
    if agreed is None:
        raise ConfigError("asking whether to apply it", "nobody can answer here", "invoke bootstrap --yes")
    if not agreed:
        wiring.console.say("Nothing was changed. To apply it without a question: invoke bootstrap --yes")
        wiring.console.result((), document)
        return 0
    opened = {account: wiring.admin(account) for account in dict.fromkeys(AccountId(s.account) for s in steps)}
    results = account_stacks.apply(steps, wiring.root, opened, wiring.clock, wiring.console.say)
    changed = sum(result != "unchanged" for result in results.values())
    words = f"{changed} of {len(results)} stacks changed." if changed else "Nothing to do: every stack is as planned."
    wiring.console.result((words,), {**document, "stacks": results})
    return 0


@_use_case
def sandbox_start(wiring: Wiring) -> int:
    """Start the sandbox; nothing where it runs."""
    wiring.sandbox().start(wiring.console.say)
    return _show_sandbox(wiring)


@_use_case
def sandbox_stop(wiring: Wiring) -> int:
    """Stop the sandbox and keep its accounts."""
    wiring.sandbox().stop(wiring.console.say)
    return _show_sandbox(wiring)


@_use_case
def sandbox_reset(wiring: Wiring) -> int:
    """Stop the sandbox and forget its accounts."""
    wiring.sandbox().reset(wiring.console.say)
    return _show_sandbox(wiring)


@_use_case
def sandbox_status(wiring: Wiring) -> int:
    """Show what of the sandbox runs."""
    return _show_sandbox(wiring)


def _show_sandbox(wiring: Wiring) -> int:
    found = dict(wiring.sandbox().status())
    lines = tuple(f"{name}: {value or 'none'}" for name, value in found.items())
    wiring.console.result(lines, {"target": _target(wiring), **found})
    return 0


def _target(wiring: Wiring) -> str:
    return "sandbox" if wiring.settings().sandbox else "aws"


def _say_which(wiring: Wiring) -> None:
    wiring.console.say(wiring.which_aws())


def _environment(settings: Settings, named: str | None) -> Environment:
    if not named:
        names = ", ".join(target.name for target in settings.targets)
        raise ConfigError("choosing the environment", f"none is named; {settings.path} has {names}", "add --env")
    return settings.environment(named).value


def _chosen(wiring: Wiring, services: Collection[str]) -> tuple[Service, ...]:
    _say_which(wiring)
    return catalog.select(wiring.services(), services)


def _maker(wiring: Wiring) -> Maker:
    commit = wiring.commit()
    unchanged = functools.partial(catalog.is_unchanged, wiring.services)
    return Maker(wiring.root, wiring.settings().names, wiring.tooling(), commit, wiring.console.say, unchanged)


def _make_release(wiring: Wiring, services: tuple[Service, ...]) -> tuple[Release, bool]:
    maker = _maker(wiring)
    return maker.publish(tuple(maker.make(service) for service in services), wiring.clock)


def _plan(
    wiring: Wiring,
    environment: Environment,
    services: tuple[Service, ...],
    made: Release,
    builds: tuple[ServiceBuild, ...],
    releases: Releases,
    target: Target,
) -> Plan:
    names = wiring.settings().names
    tree = {service.name: service for service in services}
    if gone := ", ".join(build.name for build in builds if build.name not in tree):
        wiring.console.say(f"Not in services/ any more, so deployed without smoke tests: {gone}")
    return plan.deploy(
        environment,
        made,
        tuple(tree[build.name] for build in builds if build.name in tree),
        execute.running_builds(builds, environment, names, target),
        names,
        making.declared_parameters(releases.store, builds),
    )
