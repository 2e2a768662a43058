"""The parameter store and Secrets Manager: what a build may want of them, and what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lockstep.aws.parameters import Vault
from lockstep.errors import ConfigError, DeniedError
from lockstep.pipeline.buildspec import Secret
from tests.adapters.stubs import stubbed

SECRET = json.dumps({"key": "value", "number": 7})
# What is wanted, what Secrets Manager is asked, and the answer.
SECRETS: list[tuple[Secret, dict[str, str], str]] = [
    (Secret("s"), {"SecretId": "s", "VersionStage": "AWSCURRENT"}, SECRET),
    (Secret("s", "key"), {"SecretId": "s", "VersionStage": "AWSCURRENT"}, "value"),
    (Secret("s", "number"), {"SecretId": "s", "VersionStage": "AWSCURRENT"}, "7"),
    (Secret("s", "key", "AWSPREVIOUS"), {"SecretId": "s", "VersionStage": "AWSPREVIOUS"}, "value"),
    (Secret("s", "key", "", "v" * 32), {"SecretId": "s", "VersionId": "v" * 32}, "value"),
]
# What a secret holds that is of no use, for a key and for none.
USELESS = [
    (Secret("s", "none"), {"SecretString": SECRET}, "it has no key 'none'"),
    (Secret("s", "key"), {"SecretString": "no JSON"}, "it is not JSON, so it has no key 'key'"),
    (Secret("s", "key"), {"SecretString": "[]"}, "it has no key 'key'"),
    (Secret("s"), {"SecretBinary": b"bytes"}, "it holds no text"),
]


def a_parameter(name: str, value: str, **more: str) -> dict[str, str]:
    """Return a parameter as the store answers with it."""
    return {"Name": name, "Value": value, **more}


def test_parameters_are_read_ten_at_a_time() -> None:
    """Parameters are read decrypted, ten with one question."""
    names = tuple(f"/shop/{number}" for number in range(11))
    with stubbed("ssm") as (session, stub):
        for some in (names[:10], names[10:]):
            answer: Any = {"Parameters": [a_parameter(name, name[-1]) for name in some]}
            stub.add_response("get_parameters", answer, {"Names": list(some), "WithDecryption": True})

        assert Vault(session).parameters(names) == {name: name[-1] for name in names}


def test_a_version_of_a_parameter() -> None:
    """A parameter may be wanted by its ARN, or in one version."""
    arn = "arn:aws:ssm:eu-west-1:111111111111:parameter/b"
    with stubbed("ssm") as (session, stub):
        found = [a_parameter("/a", "x", Selector=":3"), a_parameter("/b", "y", ARN=arn)]
        stub.add_response("get_parameters", {"Parameters": found})

        assert Vault(session).parameters(("/a:3", arn)) == {"/a:3": "x", arn: "y"}


def test_a_parameter_that_is_missing() -> None:
    """A parameter that is not there is an error that names it."""
    with stubbed("ssm") as (session, stub):
        stub.add_response("get_parameters", {"Parameters": [a_parameter("/a", "x")], "InvalidParameters": ["/b"]})

        with pytest.raises(ConfigError, match="missing: /b"):
            Vault(session).parameters(("/a", "/b"))


def test_parameters_that_may_not_be_read() -> None:
    """Who may not read a parameter is told so, with its name."""
    with stubbed("ssm") as (session, stub):
        stub.add_client_error("get_parameters", "AccessDeniedException", "User: A is not authorized")

        with pytest.raises(DeniedError, match="reading the parameters /a"):
            Vault(session).parameters(("/a",))


@pytest.mark.parametrize(("wanted", "asked", "value"), SECRETS)
def test_secrets(wanted: Secret, asked: dict[str, str], value: str) -> None:
    """A secret is its whole text, or one value in it, of the version that is wanted; the current one by default."""
    with stubbed("secretsmanager") as (session, stub):
        stub.add_response("get_secret_value", {"SecretString": SECRET}, asked)

        assert Vault(session).secret(wanted) == value


@pytest.mark.parametrize(("wanted", "held", "told"), USELESS)
def test_a_secret_of_no_use(wanted: Secret, held: dict[str, Any], told: str) -> None:
    """A secret that lacks what is wanted is an error that shows nothing of it."""
    with stubbed("secretsmanager") as (session, stub):
        stub.add_response("get_secret_value", held)

        with pytest.raises(ConfigError) as caught:
            Vault(session).secret(wanted)

    assert str(caught.value) == f"error: reading the secret s\n  answer: {told}"


@pytest.mark.parametrize(
    ("code", "error"), [("ResourceNotFoundException", ConfigError), ("AccessDeniedException", DeniedError)]
)
def test_a_secret_that_is_missing_or_forbidden(code: str, error: type[Exception]) -> None:
    """A secret that is not there, and one that may not be read, are different errors that name it."""
    with stubbed("secretsmanager") as (session, stub):
        stub.add_client_error("get_secret_value", code, "no")

        with pytest.raises(error, match="reading the secret s"):
            Vault(session).secret(Secret("s"))
