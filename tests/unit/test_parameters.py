"""Parameters: each that a template declares gets a value with every deployment, or the deployment is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lockstep import plan
from lockstep.errors import ConfigError
from lockstep.model import Change, DeployStack, RunningService, StackName
from lockstep.names import SETTINGS_TAG
from lockstep.testing import a_build, a_release, an_environment, some_names, what_runs

DECLARED = {"Environment": "local", "PermissionsBoundary": "", "LogLevel": "INFO"}
NOTHING = RunningService("hello", StackName("shop-test-hello"), None)


def planned(
    running: RunningService = NOTHING,
    parameters: tuple[tuple[str, str], ...] = (),
    declared: Mapping[str, str | None] = DECLARED,
) -> DeployStack:
    """Return what a plan does to hello in an environment that sets some parameters for it."""
    environment = an_environment(parameters=(("hello", parameters),))
    steps = plan.deploy(environment, a_release(), (running,), some_names(), {"hello": declared}, {}).steps
    return next(step for step in steps if isinstance(step, DeployStack))


def refusal(parameters: tuple[tuple[str, str], ...], declared: Mapping[str, str | None]) -> str:
    """Return what is said of parameters that are refused."""
    with pytest.raises(ConfigError) as caught:
        planned(NOTHING, parameters, declared)
    return str(caught.value)


def test_parameters_of_an_environment() -> None:
    """Every parameter gets a value: ours where it is ours, what the environment sets, or else its default."""
    declared = {"LogLevel": "INFO", "Environment": None, "Size": "", "Debug": "true"}

    step = planned(NOTHING, (("LogLevel", "DEBUG"),), declared)

    assert step.parameters == (("Debug", "true"), ("Environment", "test"), ("LogLevel", "DEBUG"), ("Size", ""))


@pytest.mark.parametrize(
    ("before", "change"),
    [((("LogLevel", "DEBUG"),), Change.UPDATE), ((("LogLevel", "INFO"),), Change.NONE), ((), Change.NONE)],
)
def test_a_parameter_that_is_set_no_more(before: tuple[tuple[str, str], ...], change: Change) -> None:
    """A parameter that is taken out of the settings goes back to its template's default."""
    first = planned(NOTHING, before)
    tags = dict(first.tags)
    running = what_runs(a_build(), release=a_release().release_id, settings_hash=tags[SETTINGS_TAG])

    step = planned(running)

    assert (dict(step.parameters)["LogLevel"], step.change) == ("INFO", change)


def test_a_parameter_without_a_value() -> None:
    """A parameter that neither the settings nor the template give a value is refused with the key to set."""
    assert refusal((), {"Size": None}) == (
        "error: giving hello its parameter Size in test\n"
        "  answer: the settings have no value, and its template has no default\n"
        "  next: set parameters.hello.Size of the environment test"
    )


@pytest.mark.parametrize("name", ["Environment", "PermissionsBoundary"])
@pytest.mark.parametrize("declared", [{}, DECLARED])
def test_parameters_that_are_ours(name: str, declared: dict[str, str | None]) -> None:
    """The parameters that are ours to set are refused in the settings, whether the template declares them or not."""
    assert refusal(((name, "x"),), declared) == (
        f"error: setting the parameter {name} of hello in test\n"
        "  answer: Lockstep sets it itself\n"
        f"  next: remove parameters.hello.{name}"
    )


@pytest.mark.parametrize(("declared", "answer"), [(("B", "A"), "A, B"), ((), "none")])
def test_parameters_that_a_template_lacks(declared: tuple[str, ...], answer: str) -> None:
    """A parameter that a service's template does not declare is refused with those that it does."""
    assert refusal((("LogLevel", "DEBUG"),), dict.fromkeys(declared)) == (
        f"error: setting the parameter LogLevel of hello in test\n  answer: its template declares: {answer}"
    )
