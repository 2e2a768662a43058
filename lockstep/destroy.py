"""Takes down what Lockstep made: says what, in the order that is safe, and does it.

A thing is found by its name, and is Lockstep's where a tag, a parameter or a stack says so as well. Every step does
nothing where it was done before, so a run that was interrupted is simply repeated. What another environment runs is
never deleted, and neither is a protected stack unless that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lockstep.account_ports import Administrator
from lockstep.errors import ConfigError, GateError
from lockstep.model import AccountId, Environment, StackName
from lockstep.names import BUILDS_PREFIX, PACKAGES_PREFIX, RELEASE_TAG, Names
from lockstep.ports import Say, StackState
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
    REPOSITORY = "repository with its images"
    FILES = "files"
    BUCKET = "bucket"
    KEY = "key"
    REFERENCES = "rights of"


@dataclass(frozen=True)
class Removal:
    """One thing that goes. `name` is that of a stack, log group, repository or bucket, a path of files, a key's id."""

    kind: Kind
    name: str
    where: str
    account: AccountId
    protected: bool = False

    def __str__(self) -> str:
        kept = ", which is protected" if self.protected else ""
        some = "*" if self.kind is Kind.FILES else ""
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
    """Say what of the project is still in the accounts that are open, and what only has a name like that."""
    names, mine = settings.names, f"{settings.project}-"
    found: list[str] = []
    for account, administrator in opened.items():
        here = [f"stack {stack}" for stack in administrator.stacks.names() if stack.startswith(mine)]
        here += [f"role {role}" for role in administrator.policies.roles(mine)]
        here += [f"log group {group}" for group in administrator.logs.names(names.function_log(mine))]
        # An environment's administrator need not be able to look for what only tooling has.
        here += _left_in_tooling(names, administrator) if account == names.tooling else ()
        where = next((e.name for e in settings.environments if e.account == account), "tooling")
        found += [f"{where}: {one}" for one in here]
    return tuple(found)


def _left_in_tooling(names: Names, administrator: Administrator) -> Iterator[str]:
    for group in administrator.logs.names(names.job_logs):
        yield f"log group {group}"
    for bucket in administrator.buckets.exist([names.bucket, names.log_bucket]):
        yield f"bucket {bucket}"
    for repository in administrator.repositories.names(f"{names.project}/"):
        yield f"repository {repository}"
    for key, day in administrator.keys.find(names.key_description).items():
        yield f"key {key}" + (f" until {day}" if day else "")


def standing(names: Names, tooling: Administrator) -> dict[StackName, StackState]:
    """Return the stacks of ours in tooling, but those that hold nothing."""
    mine = _ours(lambda name: name.startswith(f"{names.project}-"), names, tooling)
    return {stack: state for stack, state in mine if not state.is_hollow}


def _ours(
    is_meant: Callable[[str], bool], names: Names, administrator: Administrator
) -> Iterator[tuple[StackName, StackState]]:
    """Yield the stacks whose names are meant and that Lockstep made, or that hold nothing and do not say whose."""
    for stack in administrator.stacks.names():
        state = administrator.stacks.describe(stack) if is_meant(stack) else None
        if state is not None and (_is_ours(stack, state, names) or _is_nobodys(state)):
            yield stack, state


def _is_nobodys(state: StackState) -> bool:
    return state.is_hollow and not state.tags and not state.parameters


def _is_ours(stack: StackName, state: StackState, names: Names) -> bool:
    """Does more than its name say so? Of a service's stack our tag, of an account stack its parameters."""
    given = state.parameters
    if names.is_repository_stack(stack):
        return given.get("Repository") == names.repository_of(stack)
    environment = given.get("Environment", "")
    of_tooling = names.tooling_resources_stack, names.tooling_roles_stack, names.pipeline_stack
    if stack in {*of_tooling, names.deployer_stack(environment), names.account_stack(environment)}:
        return given.get("Project") == names.project
    return RELEASE_TAG in state.tags


def _services(scope: Scope, environment: Environment, names: Names, administrator: Administrator) -> Iterator[Removal]:
    """Yield the services' stacks of an environment, the files in their buckets before, what they logged after them."""
    where, account = environment.name, environment.account
    logged: set[str] = set()
    for stack, state in _ours(
        lambda name: names.is_service_stack(name, where, scope.service, scope.branch), names, administrator
    ):
        # CloudFormation deletes no bucket that holds a file.
        for bucket in administrator.stacks.buckets(stack):
            yield Removal(Kind.FILES, f"{bucket}/", where, account)
        yield Removal(Kind.STACK, stack, where, account, protected=state.protected)
        # A function that is called meanwhile would make its log group again.
        for group in (names.function_log(state.resources[function]) for function in state.functions):
            logged.add(group)
            if group in administrator.logs.names(group):
                yield Removal(Kind.LOG, group, where, account)
    for group in _logs_of_the_gone(scope, environment, names, administrator):
        if group not in logged:
            yield Removal(Kind.LOG, group, where, account)


def _logs_of_the_gone(
    scope: Scope, environment: Environment, names: Names, administrator: Administrator
) -> Iterator[str]:
    """Yield the log groups of functions that are not there any more, by the stack's name in theirs."""
    begin = names.service_stack(environment.name, "")
    there = administrator.functions.names(begin)
    for group in administrator.logs.names(names.function_log(begin)):
        function = group.removeprefix(names.function_log(""))
        stack = StackName(names.stack_of(function))
        is_meant = names.is_service_stack(stack, environment.name, scope.service, scope.branch)
        if is_meant and function not in there and not _is_foreign(stack, names, administrator):
            yield group


def _is_foreign(stack: StackName, names: Names, administrator: Administrator) -> bool:
    """Is there a stack of that name, which somebody else made?"""
    state = administrator.stacks.describe(stack)
    return state is not None and not _is_ours(stack, state, names)


def _account(environment: Environment, names: Names, opened: Opened) -> Iterator[Removal]:
    stack = names.account_stack(environment.name)
    yield from _stacks(lambda name: name == stack, environment.name, environment.account, names, opened)


def _stacks(
    is_meant: Callable[[str], bool], where: str, account: AccountId, names: Names, opened: Opened
) -> Iterator[Removal]:
    """Yield those stacks of ours in an account that are meant."""
    for stack, state in _ours(is_meant, names, opened[account]):
        yield Removal(Kind.STACK, stack, where, account, protected=state.protected)


def _repositories(service: str, names: Names, opened: Opened) -> Iterator[Removal]:
    """Yield the repositories of a service, or of all, each before its stack: by that alone it is known as ours."""
    administrator = opened[names.tooling]
    there = administrator.repositories.names(f"{names.project}/")
    for stack, state in _ours(lambda name: names.is_repository_stack(name, service), names, administrator):
        if names.repository_of(stack) in there and not state.is_hollow:
            yield Removal(Kind.REPOSITORY, names.repository_of(stack), "tooling", names.tooling)
        yield Removal(Kind.STACK, stack, "tooling", names.tooling, protected=state.protected)


def _files(prefix: str, names: Names, opened: Opened) -> Iterator[Removal]:
    if opened[names.tooling].buckets.holds(names.bucket, prefix):
        yield Removal(Kind.FILES, f"{names.bucket}/{prefix}", "tooling", names.tooling)


def _service_in_tooling(service: str, names: Names, opened: Opened) -> Iterator[Removal]:
    """Yield a service's images, and the records by which its source would still count as built."""
    yield from _repositories(service, names, opened)
    for prefix in (BUILDS_PREFIX, PACKAGES_PREFIX):
        yield from _files(f"{prefix}/{service}/", names, opened)


def _environment_in_tooling(environment: Environment, names: Names, opened: Opened) -> Iterator[Removal]:
    """Yield what tooling has of one environment; the stacks that name it are updated before its role goes."""
    yield from _files(f"{names.environment_prefix(environment.account)}/", names, opened)
    if _is_named(environment, names, opened[names.tooling]):
        yield Removal(Kind.REFERENCES, environment.name, "tooling", names.tooling)
    deployer = names.deployer_stack(environment.name)
    yield from _stacks(lambda name: name == deployer, "tooling", names.tooling, names, opened)


def _is_named(environment: Environment, names: Names, tooling: Administrator) -> bool:
    """Does a stack in tooling still give one of the environment's roles a right, or start its deployments?"""
    where = (environment.name, environment.account)
    roles = {names.deploy_role(*where), names.execution_role(*where), names.status_role(*where)}
    roles.add(names.job(f"deploy-{environment.name}"))
    values = (value for state in standing(names, tooling).values() for value in state.parameters.values())
    return any(roles & set(value.split(",")) for value in values)


def _tooling(names: Names, opened: Opened) -> Iterator[Removal]:
    """Yield all of tooling: pipeline, images, roles, then what their stack keeps: the buckets, last the key."""
    administrator, where = opened[names.tooling], ("tooling", names.tooling, names, opened)
    # It starts what the roles below are for.
    yield from _stacks(lambda name: name == names.pipeline_stack, *where)
    yield from _repositories("", names, opened)
    yield from _stacks(lambda name: name.startswith(names.deployer_stack("")), *where)
    yield from _stacks(lambda name: name == names.tooling_roles_stack, *where)
    yield from _stacks(lambda name: name == names.tooling_resources_stack, *where)
    for bucket in administrator.buckets.exist([names.bucket, names.log_bucket]):
        yield Removal(Kind.FILES, f"{bucket}/", "tooling", names.tooling)
        yield Removal(Kind.BUCKET, bucket, "tooling", names.tooling)
    for key, day in administrator.keys.find(names.key_description).items():
        if not day:
            yield Removal(Kind.KEY, key, "tooling", names.tooling)


def _delete_stack(stack: StackName, administrator: Administrator) -> None:
    state = administrator.stacks.describe(stack)
    if state is None:
        return
    if state.protected:
        administrator.stacks.protect(stack, on=False)
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
