"""The use cases of accounts: set them up, look at them, take them down. One for each task; each returns its code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

from lockstep import (
    account_report,
    account_stacks,
    agreeing,
    bootstrap,
    catalog,
    checks,
    destroy,
    permissions,
    plan,
    report,
    template,
    trust,
)
from lockstep.account_ports import Identity
from lockstep.agreeing import Job, Opened
from lockstep.destroy import Asked, Removal
from lockstep.errors import ConfigError, IdentityError, LockstepError
from lockstep.intrinsics import Stack
from lockstep.model import AccountId, Environment, Service
from lockstep.ports import Wiring
from lockstep.settings import Settings
from lockstep.usecase import environment_of, say_which, target_of, use_case


@use_case
def set_up(wiring: Wiring, named: str | None = None, *, yes: bool = False, dry_run: bool = False) -> int:
    """Make or update the account stacks, in order, each as its own account's administrator; then look again.

    With `named`, of the environments' accounts only that one's is opened and changed.
    """
    say_which(wiring)
    settings = wiring.settings()
    only = None if named is None else environment_of(settings, named).account
    steps = account_stacks.plan(settings, wiring.services())
    steps = tuple(step for step in steps if only is None or step.account in {settings.names.tooling, only})
    # Every account, before anything is changed in one of them.
    opened = {account: wiring.admin(account) for account in dict.fromkeys(AccountId(step.account) for step in steps)}
    done = agreeing.carry_out(wiring, Job("bootstrap", steps, yes=yes, dry_run=dry_run), opened, target_of(wiring))
    if done is None:
        return 0
    tried: list[trust.Tried] = []
    starts, unseen = _who_looks(wiring, opened)
    try:
        tried.extend(trust.look(settings, starts))
    finally:
        # What was applied is told even where looking fails.
        wiring.console.result(
            (*account_report.trust_lines(tried), account_report.applied_line(done.applied)),
            account_report.applied_document(done.document, done.applied, tried, unseen),
        )
    if wrong := account_report.wrong(tried):
        cure = "invoke doctor; see who changed that role's trust"
        raise IdentityError("looking whether everybody can become whom they may", "; ".join(wrong), cure)
    return 0


def _who_looks(wiring: Wiring, opened: Opened) -> tuple[list[tuple[Identity, Collection[str]]], str]:
    """Return whoever uses the tasks here, who looks at all accounts, and each administrator, who looks at its own.

    Also why nobody was there who uses the tasks; that is empty where somebody was.
    """
    administrators: list[tuple[Identity, Collection[str]]] = [(one.identity, {a}) for a, one in opened.items()]
    try:
        # First, for it waits for what was just made to be known.
        return [(wiring.overview(patient=True).identity, opened), *administrators], ""
    except LockstepError as error:
        unseen = report.on_one_line(error)
        wiring.console.say(f"Not looked at as a developer: {unseen}")
        return administrators, unseen


@use_case
def fit(wiring: Wiring, named: str | None, services: Collection[str] = ()) -> int:
    """Compare what CloudFormation needs for the services of the working tree with what an environment lets it do."""
    say_which(wiring)
    settings = wiring.settings()
    environment = environment_of(settings, named)
    tree = wiring.services()
    chosen = {service.name for service in catalog.select(tree, services)}
    names, policies = settings.names, wiring.reader(environment.name).policies
    execution = policies.identity(names.execution_role(environment.name, environment.account))
    boundary = policies.document(names.boundary(environment.name, environment.account))
    # Of all services, since what is unused by one may be used by another.
    fits, suggestions, declared = [], {}, {}
    for service in tree:
        parsed, stack = _as_deployed(wiring, environment, service)
        fits.append(permissions.fit(service.name, parsed, stack, execution, boundary, wiring.knowledge(), names))
        if service.name in chosen:
            if asked := permissions.declared(fits[-1], service.grants, stack):
                declared[service.name] = asked
            if suggestion := permissions.suggestion(fits[-1], stack, asked):
                suggestions[service.name] = suggestion
    unused = permissions.unused(execution, fits)
    shown = tuple(one for one in fits if one.service in chosen)
    wiring.console.result(
        account_report.permissions_lines(shown, unused, suggestions, declared),
        account_report.permissions_document(shown, unused, suggestions, declared, target_of(wiring), environment.name),
    )
    return IdentityError.exit_code if any(one.missing for one in shown) else 0


def _as_deployed(wiring: Wiring, environment: Environment, service: Service) -> tuple[template.Template, Stack]:
    """Return a service's template, its images in the registry but at no digest yet, and the stack that it would be."""
    names, file = wiring.settings().names, f"services/{service.name}/template.yaml"
    parsed = template.read((wiring.root / file).read_text(encoding="utf-8"), file)
    repositories = {
        i.logical_id: f"{names.registry}/{names.repository(service.name, i.logical_id)}" for i in service.images
    }
    values = plan.parameters(environment, service.name, names, template.parameters(parsed))
    stack = names.service_stack(environment.name, service.name)
    return template.unpinned(parsed, repositories), Stack(stack, environment.account, environment.region, values)


@use_case
def take_down(
    wiring: Wiring, asked: Asked, *, unprotect: bool = False, confirm: str = "", dry_run: bool = False
) -> int:
    """Delete what Lockstep made, in the order that is safe, after the project's name was given; show what is left."""
    say_which(wiring)
    settings = wiring.settings()
    scope = destroy.choose(settings, asked)
    accounts = (settings.names.tooling, *(one.account for one in scope.environments))
    opened = {account: wiring.admin(account) for account in accounts}
    removals = destroy.plan(scope, settings, opened)
    say = wiring.console.say
    for line in account_report.removal_plan(removals):
        say(line)
    if dry_run:
        document = account_report.removal_document(removals, target_of(wiring), None)
        wiring.console.result(("Dry run: nothing was removed.",), document)
        return 0
    _see_that_it_is_meant(wiring, removals, unprotect=unprotect, confirm=confirm)
    destroy.apply(removals, settings, opened, partial(_forget, wiring, asked.environment or "", opened), say)
    left = destroy.left(settings, opened)
    wiring.console.result(
        account_report.removal_lines(removals, left, scope),
        account_report.removal_document(removals, target_of(wiring), left),
    )
    return 0


def _see_that_it_is_meant(wiring: Wiring, removals: tuple[Removal, ...], *, unprotect: bool, confirm: str) -> None:
    """Refuse what is protected, and ask for the project's name; raises ConfigError where it is not given."""
    if not removals:
        return
    tried, project = "destroying what was listed", wiring.settings().project
    kept = [one.name for one in removals if one.protected]
    if kept and not unprotect:
        raise ConfigError(tried, f"protected from being deleted: {', '.join(kept)}", "repeat it with --unprotect")
    given = confirm or wiring.console.ask(f"This cannot be undone. The project's name, to go on ({project}):")
    if given is None:
        raise ConfigError(tried, "nobody can give the project's name here", f"repeat it with --confirm {project}")
    if given != project:
        raise ConfigError(tried, f"'{given}' is not the project's name; nothing was removed", "give the project's name")


def _forget(wiring: Wiring, environment: str, opened: Opened) -> None:
    """Update the stacks in tooling that name an environment to settings that have it no more; make none."""
    without = wiring.settings().without(environment)
    names = without.names
    steps = account_stacks.standing(without, destroy.standing(names, opened[names.tooling]))
    if steps:  # Somebody else may have taken them down meanwhile.
        planned = bootstrap.preview(steps, wiring.root, opened)
        bootstrap.apply(planned, wiring.root, opened, wiring.clock, wiring.console.say)


@use_case
def doctor(wiring: Wiring) -> int:
    """Look at the tools, the configuration, the engine, the credentials and the accounts; change nothing."""
    try:
        say_which(wiring)
        target = target_of(wiring)
    except LockstepError:
        target = None  # What is wrong stands in the table.
    rows: list[report.Lines] = [
        (name, version or "MISSING", "" if version else cure) for name, version, cure in wiring.tools()
    ]
    here: tuple[tuple[str, Callable[[], str]], ...] = (
        ("configuration", wiring.which_aws),
        ("services", lambda: ", ".join(service.name for service in wiring.services())),
        ("commit", lambda: wiring.commit().sha[:12]),
        ("caller", lambda: wiring.overview().identity.caller),
    )
    rows += [_row(name, look) for name, look in here]
    if all(row[1] != "FAILED" for row in rows if row[0] in {"configuration", "services", "caller"}):
        rows += _account_rows(wiring, wiring.settings())
    ok = all(row[1] not in {"MISSING", "FAILED"} for row in rows)
    wiring.console.result(report.table(("CHECK", "FOUND", "NEXT"), rows), report.checks_document(rows, target, ok=ok))
    return 0 if ok else ConfigError.exit_code


def _account_rows(wiring: Wiring, settings: Settings) -> Iterator[report.Lines]:
    services = wiring.services()
    steps, overview = account_stacks.plan(settings, services), wiring.overview()
    for name, look in checks.of_accounts(settings, services, steps, wiring.root, overview, wiring.reader):
        yield _row(name, look)
    # A role is tried when its check is asked for: what comes back may be no answer at all.
    try:
        for name, look in checks.of_roles(settings, overview):
            yield _row(name, look)
    except LockstepError as error:
        yield ("roles", "FAILED", report.on_one_line(error))


def _row(name: str, look: Callable[[], str]) -> report.Lines:
    try:
        return (name, look(), "")
    except LockstepError as error:
        return (name, "FAILED", report.on_one_line(error))
