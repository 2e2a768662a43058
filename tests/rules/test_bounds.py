"""The never-rules that a file's text cannot show: what happens at import, and what the build role may do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lockstep import template

ROOT = Path(__file__).parents[2]
INERT = """
import importlib, pathlib, socket, subprocess, sys
def refuse(*_given, **_named):
    raise AssertionError("something was opened at import")
socket.socket.connect = subprocess.Popen.__init__ = refuse
for file in sorted(pathlib.Path("lockstep").rglob("*.py")):
    if file.stem != "__init__":
        importlib.import_module(".".join(file.with_suffix("").parts))
import tasks
print("inert")
"""


def statements(name: str) -> list[dict[str, Any]]:
    """Every policy statement of an account template, wherever it stands."""
    return statements_in(template.read((ROOT / "infra" / name).read_text(encoding="utf-8"), name)["Resources"])


def statements_in(parsed: object) -> list[dict[str, Any]]:
    """Every policy statement in a part of a template, also one that is there on a condition."""
    found: list[dict[str, Any]] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "Effect" in value:
                found.append(value)
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(parsed)
    return found


def actions(statement: dict[str, Any]) -> set[str]:
    """The actions of a statement."""
    named = statement["Action"]
    return set(named) if isinstance(named, list) else {named}


def test_nothing_happens_at_import() -> None:
    """Rule 7: importing every module opens no connection and starts no process, with no configuration at all."""
    ran = subprocess.run((sys.executable, "-c", INERT), cwd=ROOT, env={}, capture_output=True, text=True, check=False)

    assert ran.stdout == "inert\n", ran.stderr


def test_the_build_role_assumes_nothing() -> None:
    """Rule 11: what the build role has and what is attached to it allows no sts:AssumeRole."""
    parsed = template.read((ROOT / "infra" / "tooling-roles.yaml").read_text(encoding="utf-8"), "tooling-roles.yaml")
    build = parsed["Resources"]["BuildRole"]["Properties"]
    found = [parsed["Resources"]["PublishPolicy"], *build["Policies"]]

    allowed = {action for statement in statements_in(found) for action in actions(statement)}

    assert build["ManagedPolicyArns"] == [{"Ref": "PublishPolicy"}]
    assert not any(action.startswith(("sts:", "*")) for action in allowed)


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "infra").glob("*.yaml")))
def test_nothing_is_allowed_in_the_large(file: str) -> None:
    """No statement allows every action; only the key's own account does so, to its key."""
    wide = [s.get("Sid") for s in statements(file) if s["Effect"] == "Allow" and actions(s) & {"*", "kms:*", "iam:*"}]

    assert wide == (["AdministeredByThisAccount"] if file == "tooling-resources.yaml" else [])


def test_each_deployer_reaches_one_environment() -> None:
    """Rule 11: a deployer role may assume deploy and status of its one environment, and the status roles before it."""
    assumed = [
        s["Resource"] for s in statements("tooling-deployer.yaml") if "sts:AssumeRole" in actions(s) and "Resource" in s
    ]

    assert assumed == [
        [
            {"Fn::Sub": "arn:${AWS::Partition}:iam::${EnvironmentAccount}:role/${Project}-deploy-${Environment}"},
            {"Fn::Sub": "arn:${AWS::Partition}:iam::${EnvironmentAccount}:role/${Project}-status-${Environment}"},
        ],
        {"Ref": "EarlierStatusRoles"},
    ]
