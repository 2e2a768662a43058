"""The use cases of services: load, plan, show, execute, report. One for each task; each returns its exit code.

Every case gets a Wiring and opens no more of the outside than it needs.
"""

from __future__ import annotations

import functools
from collections.abc import Collection

from lockstep import catalog, execute, making, permissions, plan, report
from lockstep.making import Maker
from lockstep.model import Environment, Plan, Release, Service, ServiceBuild, smoke_exit_code
from lockstep.ports import Releases, Target, Wiring
from lockstep.usecase import environment_of, say_which, select_services, target_of, use_case


@use_case
def build(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Build the images of the services on this machine."""
    selected = select_services(wiring, services)
    tags = making.built_tags(_maker(wiring), selected)
    wiring.console.result(report.images_lines(tags), report.images_document(tags, target_of(wiring)))
    return 0


@use_case
def push(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Push built images and read their digests back."""
    selected = select_services(wiring, services)
    refs = making.pushed_refs(_maker(wiring), selected)
    wiring.console.result(report.images_lines(refs), report.images_document(refs, target_of(wiring)))
    return 0


@use_case
def package(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Package the templates of the services whose images are in the registry."""
    selected = select_services(wiring, services)
    builds = making.packaged(_maker(wiring), selected)
    wiring.console.result(report.builds_lines(builds), report.builds_document(builds, target_of(wiring)))
    return 0


@use_case
def release(wiring: Wiring) -> int:
    """Make the release of the working tree: build, push, package, publish, each only where it is needed."""
    made, new = _make_release(wiring, select_services(wiring, ()))
    wiring.console.result(report.release_lines(made, new=new), report.release_document(made, new=new))
    return 0


@use_case
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
    say_which(wiring)
    environment = environment_of(wiring.settings(), named)
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
    say = wiring.console.say
    for line in report.plan_lines(steps):
        say(line)
    permissions.check(steps, releases.store, target.policies, wiring.knowledge(), wiring.settings().names, say)
    if dry_run:
        words = (f"Dry run: nothing was changed in {environment.name}.",)
        wiring.console.result(words, report.plan_document(steps, target_of(wiring)))
        return 0
    outcome = execute.run(steps, target, releases, wiring.clock, say)
    wiring.console.result(report.outcome_lines(outcome), report.outcome_document(outcome, target_of(wiring)))
    for failure in report.failures(outcome):
        wiring.console.complain(failure)
    return outcome.exit_code


@use_case
def smoke(wiring: Wiring, named: str | None, services: Collection[str] = ()) -> int:
    """Smoke-test what runs in an environment."""
    say_which(wiring)
    settings = wiring.settings()
    target_settings = environment_of(settings, named)
    environment = target_settings.name
    chosen = catalog.select(wiring.services(), services)
    _, target = wiring.deployer(environment)
    tests = plan.smoke(target_settings, chosen, settings.names)
    outcomes = tuple(execute.smoke_test(test, target, wiring.console.say) for test in tests)
    document = {
        "target": target_of(wiring),
        "environment": environment,
        "smoke": report.smoke_document(outcomes),
    }
    untested = f"Nothing was tested: {', '.join(s.name for s in chosen)} has no smoke.json."
    wiring.console.result(tuple(report.smoke_lines(outcomes)) or (untested,), document)
    for failure in report.smoke_failures(environment, outcomes):
        wiring.console.complain(failure)
    return smoke_exit_code(outcomes)


@use_case
def status(wiring: Wiring) -> int:
    """Show what runs where, as the accounts say it."""
    say_which(wiring)
    settings = wiring.settings()
    services = wiring.services()
    found = tuple(execute.status(e, services, settings.names, wiring.reader) for e in settings.environments)
    wiring.console.result(report.status_lines(found), report.status_document(found, target_of(wiring)))
    errors = [one.error for one in found if one.error]
    for error in errors:
        wiring.console.complain(str(error))
    return errors[0].exit_code if errors else 0


@use_case
def sandbox_start(wiring: Wiring) -> int:
    """Start the sandbox; nothing where it runs."""
    wiring.sandbox().start(wiring.console.say)
    return _show_sandbox(wiring)


@use_case
def sandbox_stop(wiring: Wiring) -> int:
    """Stop the sandbox and keep its accounts."""
    wiring.sandbox().stop(wiring.console.say)
    return _show_sandbox(wiring)


@use_case
def sandbox_reset(wiring: Wiring) -> int:
    """Stop the sandbox and forget its accounts."""
    wiring.sandbox().reset(wiring.console.say)
    return _show_sandbox(wiring)


@use_case
def sandbox_status(wiring: Wiring) -> int:
    """Show what of the sandbox runs."""
    return _show_sandbox(wiring)


def _show_sandbox(wiring: Wiring) -> int:
    found = dict(wiring.sandbox().status())
    lines = tuple(f"{name}: {value or 'none'}" for name, value in found.items())
    wiring.console.result(lines, {"target": target_of(wiring), **found})
    return 0


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
