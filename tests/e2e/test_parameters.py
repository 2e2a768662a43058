"""Parameters and tags of an environment, as they reach a real stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.conftest import TEST

if TYPE_CHECKING:
    from tests.e2e.conftest import Place

SET = '\n[environments.parameters.hello]\nLogLevel = "DEBUG"\n'


def log_level(place: Place) -> str:
    """The value of hello's LogLevel in test."""
    stack = place.client("cloudformation", TEST).describe_stacks(StackName="lockstep-test-hello")["Stacks"][0]
    return str({p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}["LogLevel"])


def test_a_parameter_that_is_taken_back_is_the_template_s_again(place: Place) -> None:
    """A parameter set for an environment reaches its stack; removed again, the stack has the template's default."""
    file = place.folder / "infra" / "sandbox.toml"
    plain = file.read_text()
    head, mark, tail = plain.partition("# Only the releaser")

    file.write_text(f"{head.rstrip()}\n{SET}\n{mark}{tail}")
    first = place.invoke("deploy", "--env", "test").status, log_level(place)
    file.write_text(plain)
    second = place.invoke("deploy", "--env", "test").status, log_level(place)

    assert (first, second) == ((0, "DEBUG"), (0, "INFO"))
