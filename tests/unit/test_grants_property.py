"""Whatever a permissions.yaml holds, it is read or refused; never does reading it break."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep import grants, policy, schemas
from lockstep.errors import ConfigError
from lockstep.model import Grants
from lockstep.schemas import Schemas
from lockstep.testing import TEST

KNOWLEDGE = Schemas(schemas.installed(), "eu-west-1")
WORDS = st.sampled_from(
    [
        "*",
        "arn:aws:s3:::x",
        "${AWS::StackName}",
        "arn:aws:iam::${AWS::AccountId}:role/${AWS::StackName}-x",
        "s3:GetObject",
        "iam:PassRole",
        "iam:PassedToService",
        "StringEquals",
        "Bool",
        "Null",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
STATEMENTS = st.dictionaries(st.sampled_from(["Sid", "Action", "Resource", "Condition", "Effect"]), VALUES)
FILES = st.dictionaries(st.sampled_from(["Execution", "Boundary", "Other"]), VALUES | st.lists(STATEMENTS, max_size=3))
PIECES = st.sampled_from(
    [
        "Execution:",
        "\n",
        " ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&a",
        "*a",
        "!!int",
        "!!bool",
        "!!set",
        "?",
        "'",
        '"',
        "<<:",
        "x",
    ]
)


def outcome(text: str) -> Grants | ConfigError:
    """Read a file of this text; return what came of it."""
    try:
        return grants.read(text, "services/orders/permissions.yaml", KNOWLEDGE)
    except ConfigError as error:
        return error


@settings(deadline=None)
@given(st.text(max_size=60) | st.lists(PIECES, max_size=20).map("".join))
def test_any_text(text: str) -> None:
    """Any text is read as a file or refused as one."""
    found = outcome(text)

    assert isinstance(found, Grants | ConfigError)


@pytest.mark.parametrize(
    "text",
    [
        "Execution: !!int ''",
        "Execution: !!bool x",
        "Execution: !!timestamp x",
        "Execution: 2026-13-45",
        "Execution: " + "9" * 5000,
        "Execution: " + "[" * 5000,
        "? [a]\n: b",
        "a: b\n--- c",
        "Execution: [",
        "\x00",
    ],
)
def test_what_yaml_does_not_read(text: str) -> None:
    """A text that is no YAML, or holds what its tags say it is not, is refused."""
    found = outcome(text)

    assert isinstance(found, ConfigError)
    assert (found.tried, found.cure) == ("reading services/orders/permissions.yaml", "see docs/tour.md")


@pytest.mark.parametrize(
    "text",
    [
        "Execution: &a [{Condition: {StringEquals: *a}}]",
        "Execution: [{Condition: {StringEquals: {a: 2026-01-01}}}]",
        "Execution: [.nan]",
        "Execution: !!set {a}",
    ],
)
def test_what_json_cannot_hold(text: str) -> None:
    """A loop, a date and whatever else a policy cannot hold is refused."""
    found = outcome(text)

    assert isinstance(found, ConfigError)
    assert found.answer == "it holds what JSON cannot: a date without quotes, .nan, or a loop"


@settings(deadline=None)
@given(FILES)
def test_whatever_is_read_can_be_granted(file: dict[str, Any]) -> None:
    """What is read of any file is statements that stand in a policy, and in which nothing gives rights away."""
    found = outcome(json.dumps(file))

    if isinstance(found, Grants):
        resolved = grants.resolved((*found.execution, *found.boundary), "shop-test-orders", TEST, "eu-west-1")
        actions = policy.actions((json.loads(json.dumps({"Statement": resolved})),))
        assert [action for action in actions if action.startswith(("sts:", "*")) or "${" in action] == []
