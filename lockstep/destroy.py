"""Takes down what Lockstep made: says what, in the order that is safe, and does it. Finds things by their names.

Every step does nothing where it was done before, so a run that was interrupted is simply repeated. What another
environment runs is never deleted, and neither is a protected stack unless that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lockstep.account_ports import Administrator
from lockstep.account_stacks import KEY_ARN
from lockstep.errors import ConfigError, GateError
from lockstep.model import AccountId, Environment, StackName
from lockstep.names import BUILDS_PREFIX, PACKAGES_PREFIX, Names
from lockstep.ports import Say
from lockstep.settings import Settings

Opened = Mapping[AccountId, Administrator]


@dataclass(frozen=True)
class Scope:
    """What is to go: everything, or a service or branch in some environments, or with neither a whole environment."""

    environments: tuple[Environment, ...]
    everything: bool = False
    service: str = ""
    branch: str = ""
    is_everywhere: bool = True


class Kind(StrEnum):
    """What can be removed, as it is said to people."""

    STACK = "stack"
    LOG = "log group"
    LOGS = "log groups"
    REPOSITORY = "repository with its images"
    FILES = "files"
    BUCKET = "bucket"
    KEY = "key"
    REFERENCES = "rights of"


@dataclass(frozen=True)
class Removal:
    """One thing that goes. `name` is that of a stack, repository or bucket, a path of files, a beginning of names."""

    kind: Kind
    name: str
    where: str
    account: AccountId
    protected: bool = False

    def __str__(self) -> str:
        kept = ", which is protected" if self.protected else ""
        some = "*" if self.kind in {Kind.FILES, Kind.LOGS} else ""
        return f"{self.where}: {self.kind} {self.name}{some}{kept}"


@dataclass(frozen=True)
class Asked:
    """What somebody asked to take down, in the words of the task's flags."""

    everything: bool = False
    environment: str | None = None
    service: str | None = None
    branch: str | None = None


def choose(settings: Settings, asked: Asked) -> Scope:
    """Return what is to be taken down; raises ConfigError where nothing was asked for, or too much at once."""
    tried, part = "choosing what to destroy", asked.service or asked.branch
    if "" in (asked.environment, asked.service, asked.branch):
        # What a script's unset variable becomes must not widen what goes.
        raise ConfigError(tried, "a name is empty", "give it, or leave its flag out")
    if asked.everything and (asked.environment or part):
        raise ConfigError(tried, "--all leaves nothing to choose", "give --all alone, or leave it out")
    if not (asked.everything or asked.environment or part):
        raise ConfigError(tried, "nothing is named", "give --env, --service, --branch or --all")
    if asked.environment and not part and len(settings.targets) == 1:
        raise ConfigError(tried, f"{asked.environment} is the only environment", "invoke destroy --all")
    some = (settings.environment(asked.environment).value,) if asked.environment else settings.environments
    wanted = asked.service or "", asked.branch or ""
    return Scope(some, asked.everything, *wanted, is_everywhere=not asked.environment)


def plan(scope: Scope, settings: Settings, opened: Opened) -> tuple[Removal, ...]:
    """Return what there is to take down, in the order in which that is safe; asks the accounts what is there."""
    names = settings.names
    found = [one for e in scope.environments for one in _services(scope, e, names, opened[e.account])]
    if scope.service and scope.is_everywhere and not scope.branch:
        found += _service_in_tooling(scope.service, names, opened)
    if not (scope.service or scope.branch):
        found += [one for e in scope.environments for one in _account(e, names, opened)]
        if scope.everything:
            found += _tooling(names, opened)
        else:
            found += [one for e in scope.environments for one in _environment_in_tooling(e, names, opened)]
    return tuple(found)


def apply(
    removals: tuple[Removal, ...], settings: Settings, opened: Opened, forget: Callable[[], None], say: Say
) -> None:
    """Take everything down, in order; a failure ends it. `forget` updates what names an environment that goes."""
    for one in removals:
        say(f"  {one}")
        administrator = opened[one.account]
        if one.kind is Kind.STACK:
            _delete_stack(StackName(one.name), administrator)
        elif one.kind is Kind.LOG:
            administrator.logs.delete(one.name)
        elif one.kind is Kind.LOGS:
            for group in administrator.logs.names(one.name):
                administrator.logs.delete(group)
        elif one.kind is Kind.REPOSITORY:
            _see_that_nobody_runs(one.name, settings, opened)
            administrator.repositories.delete(one.name)
        elif one.kind is Kind.FILES:
            bucket, _, prefix = one.name.partition("/")
            administrator.buckets.empty(bucket, prefix)
        elif one.kind is Kind.BUCKET:
            administrator.buckets.delete(one.name)
        elif one.kind is Kind.KEY:
            administrator.keys.schedule_deletion(one.name)
        else:
            forget()


def left(settings: Settings, opened: Opened) -> tuple[str, ...]:
    """Say what of the project is still in the accounts that are open."""
    names, mine = settings.names, f"{settings.project}-"
    found: list[str] = []
    for account, administrator in opened.items():
        here = [f"stack {stack}" for stack in administrator.stacks.names() if stack.startswith(mine)]
        here += [f"role {role}" for role in administrator.policies.roles(mine)]
        here += [f"log group {group}" for group in administrator.logs.names(names.function_log(mine))]
        here += [f"log group {group}" for group in administrator.logs.names(names.job_logs)]
        here += [f"bucket {bucket}" for bucket in administrator.buckets.exist([names.bucket, names.log_bucket])]
        here += [f"repository {one}" for one in administrator.repositories.names(f"{names.project}/")]
        here += administrator.keys.pending(names.key_description)
        where = next((e.name for e in settings.environments if e.account == account), "tooling")
        found += [f"{where}: {one}" for one in here]
    return tuple(found)


def _services(scope: Scope, environment: Environment, names: Names, administrator: Administrator) -> Iterator[Removal]:
    """Yield the services' stacks of an environment, and what their functions logged where no stack holds that."""
    where, account, stacks = environment.name, environment.account, administrator.stacks
    for stack in stacks.names():
        if not names.is_service_stack(stack, where, scope.service, scope.branch):
            continue
        state = stacks.describe(stack)
        if state is not None:
            groups = [names.function_log(state.resources[function]) for function in state.functions]
            for group in groups:
                if group in administrator.logs.names(group):
                    yield Removal(Kind.LOG, group, where, account)
            yield Removal(Kind.STACK, stack, where, account, protected=state.protected)
    everything = names.function_log(names.service_stack(where, ""))
    if not (scope.service or scope.branch) and administrator.logs.names(everything):
        yield Removal(Kind.LOGS, everything, where, account)


def _account(environment: Environment, names: Names, opened: Opened) -> Iterator[Removal]:
    stack = names.account_stack(environment.name)
    yield from _stacks(lambda name: name == stack, environment.name, environment.account, opened)


def _stacks(is_meant: Callable[[str], bool], where: str, account: AccountId, opened: Opened) -> Iterator[Removal]:
    """Yield those stacks of an account that are meant."""
    stacks = opened[account].stacks
    for stack in stacks.names():
        if is_meant(stack):
            state = stacks.describe(stack)
            yield Removal(Kind.STACK, stack, where, account, protected=state is not None and state.protected)


def _repositories(begin: str, names: Names, opened: Opened) -> Iterator[Removal]:
    for repository in opened[names.tooling].repositories.names(begin):
        yield Removal(Kind.REPOSITORY, repository, "tooling", names.tooling)


def _files(prefix: str, names: Names, opened: Opened) -> Iterator[Removal]:
    if opened[names.tooling].buckets.holds(names.bucket, prefix):
        yield Removal(Kind.FILES, f"{names.bucket}/{prefix}", "tooling", names.tooling)


def _service_in_tooling(service: str, names: Names, opened: Opened) -> Iterator[Removal]:
    """Yield a service's images, and the records by which its source would still count as built."""
    yield from _repositories(names.repository(service, ""), names, opened)
    yield from _stacks(lambda name: names.is_repository_stack(name, service), "tooling", names.tooling, opened)
    for prefix in (BUILDS_PREFIX, PACKAGES_PREFIX):
        yield from _files(f"{prefix}/{service}/", names, opened)


def _environment_in_tooling(environment: Environment, names: Names, opened: Opened) -> Iterator[Removal]:
    """Yield what tooling has of one environment; the stacks that name it are updated before its role goes."""
    yield from _files(f"{names.environment_prefix(environment.account)}/", names, opened)
    if _is_named(environment, names, opened[names.tooling]):
        yield Removal(Kind.REFERENCES, environment.name, "tooling", names.tooling)
    deployer = names.deployer_stack(environment.name)
    yield from _stacks(lambda name: name == deployer, "tooling", names.tooling, opened)


def _is_named(environment: Environment, names: Names, tooling: Administrator) -> bool:
    """Does a stack in tooling still give one of the environment's roles a right?"""
    where = (environment.name, environment.account)
    roles = {names.deploy_role(*where), names.execution_role(*where), names.status_role(*where)}
    mine = (stack for stack in tooling.stacks.names() if stack.startswith(f"{names.project}-"))
    states = (tooling.stacks.describe(stack) for stack in mine)
    return any(roles & set(value.split(",")) for state in states if state for value in state.parameters.values())


def _tooling(names: Names, opened: Opened) -> Iterator[Removal]:
    """Yield all of tooling: images and roles first, the key before the stack that tells its ARN, buckets last."""
    where = ("tooling", names.tooling, opened)
    yield from _repositories(f"{names.project}/", names, opened)
    yield from _stacks(names.is_repository_stack, *where)
    yield from _stacks(lambda name: name.startswith(names.deployer_stack("")), *where)
    yield from _stacks(lambda name: name == names.tooling_roles_stack, *where)
    administrator = opened[names.tooling]
    state = administrator.stacks.describe(names.tooling_resources_stack)
    if state is not None and KEY_ARN in state.outputs:
        yield Removal(Kind.KEY, state.outputs[KEY_ARN], "tooling", names.tooling)
    yield from _stacks(lambda name: name == names.tooling_resources_stack, *where)
    for bucket in administrator.buckets.exist([names.bucket, names.log_bucket]):
        yield Removal(Kind.FILES, f"{bucket}/", "tooling", names.tooling)
        yield Removal(Kind.BUCKET, bucket, "tooling", names.tooling)


def _delete_stack(stack: StackName, administrator: Administrator) -> None:
    state = administrator.stacks.describe(stack)
    if state is None:
        return
    if state.protected:
        administrator.stacks.protect(stack, on=False)
    # CloudFormation deletes no bucket that holds a file.
    for bucket in administrator.stacks.buckets(stack):
        administrator.buckets.empty(bucket)
    administrator.stacks.delete(stack)


def _see_that_nobody_runs(repository: str, settings: Settings, opened: Opened) -> None:
    """Refuse, whatever was planned, to delete images that somebody still runs; raises GateError."""
    for environment in settings.environments:
        if environment.account in opened:
            images = opened[environment.account].functions.images(f"{settings.project}-{environment.name}-")
            users = ", ".join(function for function, uri in images.items() if f"/{repository}@" in uri)
            if users:
                answer = f"{users} in {environment.name} runs an image of it"
                raise GateError(f"deleting the repository {repository}", answer, "destroy that service's stack first")
