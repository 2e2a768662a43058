"""Plans that are made of what runs in a world of fakes, and carried out there."""

from __future__ import annotations

from dataclasses import replace

from lockstep import canonical, execute, plan
from lockstep.execute import Fence
from lockstep.model import Environment, Outcome, Plan, Release, ServiceBuild, StackName
from lockstep.names import template_key
from lockstep.ports import Releases, Target
from lockstep.testing import (
    TEST,
    FakeChangeSets,
    FakeClock,
    FakeFunctions,
    FakePolicies,
    FakeRegistry,
    FakeSam,
    FakeStacks,
    FakeStore,
    FakeSuites,
    World,
    a_build,
    a_service,
    an_environment,
    some_names,
)

STACK = StackName("shop-test-hello")


def published(world: World, name: str = "hello") -> ServiceBuild:
    """Put a service's packaged template into the world's bucket, its image into the registry; return its build."""
    build = a_build(name)
    functions = {function: {"Properties": {"ImageUri": str(ref)}} for function, ref in build.images}
    content = canonical.encode({"Resources": functions, "Service": name})
    build = replace(build, template_sha256=canonical.sha256(content))
    world.files[template_key(build.template_sha256)] = content
    for _, ref in build.images:
        world.pushed[ref.repository.removeprefix("registry/") + ":source"] = ref.digest
    return build


def target(world: World) -> Target:
    """Open the environment test, as the role that deploys there."""
    caller = f"arn:aws:sts::{TEST}:assumed-role/shop-deploy-test/x"
    functions, sam = FakeFunctions(world), FakeSam(world, TEST)
    stacks, policies = FakeStacks(world, TEST), FakePolicies(world, TEST)
    store, changes = FakeStore(world), FakeChangeSets(world)
    return Target(caller, store, stacks, functions, sam, policies, changes, FakeSuites(world))


def planned(world: World, release: Release, environment: Environment | None = None) -> Plan:
    """Return the plan that brings test to a release, from what runs in the world."""
    environment = environment or an_environment()
    services = tuple(a_service(build.name) for build in release.services)
    names, opened = some_names(), target(world)
    running = tuple(execute.running(s.name, names.service_stack("test", s.name), (), opened) for s in services)
    declared: dict[str, dict[str, str | None]] = {service.name: {} for service in services}
    events = {service.name: service.smoke for service in services}
    return plan.deploy(environment, release, running, names, declared, events)


def passing() -> None:
    """Let a deployment go on."""


def run(world: World, steps: Plan, opened: Target | None = None, fence: Fence = passing) -> tuple[Outcome, list[str]]:
    """Carry a plan out and return what came of it, and what was said."""
    said: list[str] = []
    releases = Releases("deployer", FakeStore(world), FakeRegistry(world))
    outcome = execute.run(steps, opened or target(world), releases, FakeClock(), said.append, fence)
    return outcome, said
