"""Wrong inputs: one clear error, the documented exit code, and no change in any account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Place


def no_change(_place: Place) -> None:
    """Leave the files as they are."""


def malformed_toml(place: Place) -> None:
    """Break the settings."""
    (place.folder / "infra" / "sandbox.toml").write_text("project = \n")


def no_template(place: Place) -> None:
    """Add a folder that is no service."""
    (place.folder / "services" / "empty").mkdir()


def failing_dockerfile(place: Place) -> None:
    """Make the image fail to build."""
    file = place.folder / "services" / "hello" / "app" / "Dockerfile"
    file.write_text(file.read_text() + "RUN echo no such luck && exit 7\n")


def changed_line(place: Place) -> None:
    """Change the handler, so that there is something to build."""
    file = place.folder / "services" / "hello" / "app" / "app.py"
    file.write_text(file.read_text() + "# not built yet\n")


@dataclass(frozen=True)
class Wrong:
    """A wrong input: what to break, what to run, how it must end."""

    argv: tuple[str, ...]
    status: int
    says: tuple[str, ...]
    spoil: Callable[[Place], None] = no_change
    env: dict[str, str] = field(default_factory=dict)


WRONG = {
    "unknown environment": Wrong(("deploy", "--env", "tset"), 2, ("tset", "test")),
    "unknown service": Wrong(("deploy", "--env", "test", "--service", "helo"), 2, ("helo", "did you mean 'hello'?")),
    "engine down": Wrong(
        ("deploy", "--env", "test"), 4, ("Docker engine", "sandbox.start"), changed_line,
        {"DOCKER_HOST": "tcp://127.0.0.1:9"},
    ),
    "malformed TOML": Wrong(("deploy", "--env", "test"), 2, ("infra/sandbox.toml", "line 1"), malformed_toml),
    "no template": Wrong(("deploy", "--env", "test"), 2, ("services/empty/template.yaml", "no such file"), no_template),
    "failing Dockerfile": Wrong(("deploy", "--env", "test"), 4, ("hello/app", "exit 7"), failing_dockerfile),
    "other account": Wrong(
        ("deploy", "--env", "test", "--profile", "lockstep-sandbox-test-admin"), 3, ("111111111111", "222222222222")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_input_is_one_error_and_no_change(place: Place, name: str) -> None:
    """Each wrong input ends with its documented exit code and one error of three lines at most, and changes nothing."""
    wrong = WRONG[name]
    before = place.accounts()
    wrong.spoil(place)

    ran = place.invoke(*wrong.argv, **wrong.env)

    place.run("git", "checkout", "-q", ".")
    said = ran.stdout + ran.stderr
    assert ran.status == wrong.status, said
    assert all(words in said for words in wrong.says), said
    assert said.count("error: ") <= 1, said
    assert "Traceback" not in said
    assert place.accounts() == before
