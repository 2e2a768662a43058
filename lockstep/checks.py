"""Looks whether the accounts are set up as the settings and infra/ say. Each check says what it found, or raises.

Changes nothing. Looks as whoever asks: what the caller may not see is a check that does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

from lockstep import access, plan, trust
from lockstep.account_ports import Overview
from lockstep.account_stacks import KEY_ARN, AccountStack, content
from lockstep.errors import ConfigError, IdentityError, wrong_clock
from lockstep.model import Environment, Service
from lockstep.names import Names
from lockstep.ports import Stacks, Target
from lockstep.settings import Settings

Look = Callable[[], str]
_BY_HAND = "invoke bootstrap; if that finds nothing to do, put that policy back by hand, in the {} console"


def of_accounts(
    settings: Settings,
    services: tuple[Service, ...],
    steps: tuple[AccountStack, ...],
    root: Path,
    overview: Overview,
    reader: Callable[[str], Target],
) -> Iterator[tuple[str, Look]]:
    """Yield each check of the accounts: its name, and how it is made."""
    names = settings.names
    yield "clock", partial(_clock, overview.skew)
    yield "bucket", partial(_bucket, overview, settings)
    for step in steps:
        if step.account == names.tooling:
            yield f"stack {step.stack}", partial(_stack, step, root, lambda: overview.stacks)
        else:
            yield f"stack {step.stack}", partial(_stack, step, root, partial(_stacks_of, reader, step.where))
    # Not before it is asked for: a template that cannot be read fails the checks that need it, and no others.
    expected = cache(partial(access.read, steps, root, settings.region))
    yield "key policy", partial(_key, overview, names, expected)
    for service in services:
        for image in service.images:
            repository = names.repository(service.name, image.logical_id)
            yield f"repository {repository}", partial(_repository, overview, repository, expected)
    for environment in settings.environments:
        yield f"services in {environment.name}", partial(_services, environment, services, names, reader)


def of_roles(settings: Settings, overview: Overview) -> Iterator[tuple[str, Look]]:
    """Yield a check for each role that the caller may, or may not, become; they are tried one after the other."""
    accounts = {settings.names.tooling, *(environment.account for environment in settings.environments)}
    for tried in trust.look(settings, [(overview.identity, accounts)]):
        yield f"{trust.short(tried.who)} as {trust.short(tried.role)}", partial(_role, tried)


def _clock(skew: float) -> str:
    if wrong := wrong_clock("comparing clocks", skew):
        raise wrong
    return f"{skew:+.0f} s"


def _bucket(overview: Overview, settings: Settings) -> str:
    region = overview.store.region()
    if region != settings.region:
        cure = "choose another project name, or that region"
        raise ConfigError("looking for the artifact bucket", f"it is in {region}, not {settings.region}", cure)
    return f"{settings.names.bucket} in {region}, account {settings.names.tooling}"


def _stacks_of(reader: Callable[[str], Target], environment: str) -> Stacks:
    return reader(environment).stacks


def _stack(step: AccountStack, root: Path, stacks: Callable[[], Stacks]) -> str:
    account_stacks = stacks()
    state = account_stacks.describe(step.stack)
    where = f"comparing {step.stack} with infra/{step.template}"
    if state is None:
        raise ConfigError(where, "it is not there", "invoke bootstrap")
    plan.check_stack(step.stack, step.account, state.status)
    key = state.parameters.get(KEY_ARN, "")
    if differences := account_stacks.differences(step.stack, content(step, root, key)):
        raise ConfigError(where, f"not as there: its {' and its '.join(differences)}", "invoke bootstrap --dry-run")
    return f"{state.status}, as in infra/{step.template}"


def _key(overview: Overview, names: Names, expected: Callable[[], access.Access]) -> str:
    state = overview.stacks.describe(names.tooling_resources_stack)
    key = state.outputs.get(KEY_ARN) if state else None
    if key is None:
        raise ConfigError("reading the key's policy", "there is no key", "invoke bootstrap")
    if not access.same(overview.keys.policy(key), expected().resources["AWS::KMS::Key"]):
        answer = "it is not the one that infra/tooling-resources.yaml gives it"
        raise ConfigError("comparing the key's policy", answer, _BY_HAND.format("KMS"))
    return "as in infra/tooling-resources.yaml"


def _repository(overview: Overview, repository: str, expected: Callable[[], access.Access]) -> str:
    if not access.same(overview.registry.policy(repository), expected().resources[repository]):
        answer = "it is not the one for the environments of the settings"
        raise ConfigError(f"comparing the policy of {repository}", answer, _BY_HAND.format("ECR"))
    return "for every environment"


def _services(
    environment: Environment, services: tuple[Service, ...], names: Names, reader: Callable[[str], Target]
) -> str:
    stacks = reader(environment.name).stacks
    found: list[str] = []
    for service in services:
        stack = names.service_stack(environment.name, service.name)
        state = stacks.describe(stack)
        plan.check_stack(stack, environment.account, state.status if state else None)
        found.append(f"{service.name} {state.status if state else 'not deployed'}")
    return ", ".join(found)


def _role(tried: trust.Tried) -> str:
    if tried.is_right:
        return "may, as it should" if tried.expected else "refused, as it should be"
    what = f"{tried.who} becoming {tried.role}"
    if tried.expected:
        raise IdentityError(what, tried.refusal, "invoke bootstrap")
    raise IdentityError(what, "nobody refused it", "invoke bootstrap; then see who changed that role's trust")
