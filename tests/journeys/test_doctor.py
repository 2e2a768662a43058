"""Looking whether all is well: `doctor` checks this machine and the accounts, each with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockstep.errors import ConfigError, IdentityError
from lockstep.testing import engine_down
from tests.journeys.account_stacks_shown import AWS, STACKS, link_templates
from tests.journeys.checks_shown import ACCOUNTS, CALLER, MACHINE, failures, stand
from tests.journeys.terminal import Outside, text

if TYPE_CHECKING:
    from lockstep.model import Service
    from tests.journeys.terminal import Terminal


@pytest.fixture
def standing(terminal: Terminal) -> Terminal:
    """A terminal whose accounts are set up, with nothing wrong about them."""
    return stand(terminal)


def test_all_is_well(standing: Terminal) -> None:
    """Where nothing is wrong, doctor shows what it found of machine, accounts and roles, and changes nothing."""
    seen = standing.invoke("doctor")

    rows = {**MACHINE, **ACCOUNTS}
    width = max(len(name) for name in rows)
    table = [f"{name.ljust(width)}  {found}" for name, found in rows.items()]
    assert seen == (0, text(AWS, f"{'CHECK'.ljust(width)}  FOUND  NEXT", *table), "")
    assert standing.changes() == []


def test_as_json(standing: Terminal) -> None:
    """With --json doctor is one document of the same checks."""
    seen = standing.invoke("doctor", "--json", "--profile", "me")

    rows = {**MACHINE, "caller": CALLER.replace("/developer", "/me"), **ACCOUNTS}
    checks = [{"name": name, "found": found, "next": ""} for name, found in rows.items()]
    assert (seen.code, seen.err) == (0, text(AWS))
    assert seen.document == {"target": "aws", "ok": True, "checks": checks}


def test_nothing_is_set_up(terminal: Terminal) -> None:
    """Before the accounts are set up, doctor says what is missing and how to make it."""
    link_templates(terminal)

    seen = terminal.invoke("doctor", "--json")

    missing = {f"stack {stack}": f"comparing {stack} with infra/{file}" for stack, (_, file, _) in STACKS.items()}
    assert seen.code == 2
    assert failures(seen) == {
        **{name: f"{tried}: it is not there. invoke bootstrap" for name, tried in missing.items()},
        "key policy": "reading the key's policy: there is no key. invoke bootstrap",
        "repository shop/hello/hellofunction": (
            "comparing the policy of shop/hello/hellofunction: it is not the one for the environments of the settings. "
            "invoke bootstrap; if that finds nothing to do, put that policy back by hand, in the ECR console"
        ),
    }


class Unwell(Outside):
    """An outside with a broken configuration, whose message has no answer, and a service without a template."""

    def which_aws(self) -> str:
        """Fail."""
        raise ConfigError("there is no infra/environments.toml", cure="commit one")

    def services(self) -> tuple[Service, ...]:
        """Fail with several lines."""
        raise ConfigError("reading services/empty/template.yaml", "no such\n  file", "add it")


def test_an_unwell_machine(terminal: Terminal) -> None:
    """Whatever is wrong, doctor looks at everything, says on one line each what to do, and ends with exit code 2."""
    terminal.outside = Unwell
    terminal.world.fails |= {
        "engine": engine_down(),
        "identity": IdentityError("opening the tooling account", "ExpiredToken", "log in again"),
    }

    seen = terminal.invoke("doctor")

    assert seen == (
        2,
        text(
            "CHECK          FOUND    NEXT",
            "python         3.13",
            "docker engine  MISSING  start Docker",
            "configuration  FAILED   there is no infra/environments.toml. commit one",
            "services       FAILED   reading services/empty/template.yaml: no such file. add it",
            "commit         c0ffee000000",
            "caller         FAILED   opening the tooling account: ExpiredToken. log in again",
        ),
        "",
    )


def test_an_unwell_machine_as_json(terminal: Terminal) -> None:
    """With --json doctor is one document, also where something is wrong."""
    terminal.outside = Unwell
    terminal.world.fails["engine"] = engine_down()

    seen = terminal.invoke("doctor", "--json")

    assert (seen.code, seen.err) == (2, "")
    assert (seen.document["target"], seen.document["ok"]) == (None, False)
    assert failures(seen) == {
        "docker engine": "start Docker",
        "configuration": "there is no infra/environments.toml. commit one",
        "services": "reading services/empty/template.yaml: no such file. add it",
    }
