"""A build's credentials on loopback: served to who has its token, to nobody else, and no longer than it runs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

import boto3
import pytest

from lockstep.pipeline import credentials
from lockstep.pipeline_ports import Keys

URI, TOKEN = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"
KEYS = Keys("ACCESS", "secret", "token", "2100-01-01T00:00:00+00:00")

pytestmark = pytest.mark.usefixtures("alone")


def ask(address: str, headers: Mapping[str, str]) -> object:
    """Ask for the credentials; return them, or the status of the refusal."""
    request = urllib.request.Request(address, headers=dict(headers))  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code


def test_who_has_the_token() -> None:
    """Who has the token gets the keys, in the form that SDKs read."""
    with credentials.served(lambda: KEYS) as doors:
        found = ask(doors[URI], {"Authorization": doors[TOKEN]})

    assert found == {
        "AccessKeyId": "ACCESS", "SecretAccessKey": "secret", "Token": "token", "Expiration": KEYS.expires,
    }  # fmt: skip


@pytest.mark.parametrize("headers", [{}, {"Authorization": "other"}, {"Authorization": "\xff"}])
def test_who_has_not(headers: Mapping[str, str]) -> None:
    """Without the token, or with another one, nobody gets anything."""
    with credentials.served(lambda: KEYS) as doors:
        found = ask(doors[URI], headers)

    assert found == 403


def test_another_path() -> None:
    """There is nothing else to be had."""
    with credentials.served(lambda: KEYS) as doors:
        found = ask(doors[URI] + "/other", {"Authorization": doors[TOKEN]})

    assert found == 404


def test_it_ends_with_the_build() -> None:
    """After the build nobody answers any more, and its token was its own."""
    with credentials.served(lambda: KEYS) as doors:
        pass
    with credentials.served(lambda: KEYS) as others:
        pass

    assert doors[URI].startswith("http://127.0.0.1:")
    assert doors[TOKEN] != others[TOKEN]
    with pytest.raises(urllib.error.URLError):
        ask(doors[URI], {"Authorization": doors[TOKEN]})


def test_an_sdk_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An SDK that has the two variables, and nothing else, is let in with the keys of the role."""
    with credentials.served(lambda: KEYS) as doors:
        for name, value in doors.items():
            monkeypatch.setenv(name, value)
        found = boto3.Session().get_credentials()
        frozen = found.get_frozen_credentials() if found else None

    assert frozen is not None
    assert tuple(frozen)[:3] == ("ACCESS", "secret", "token")
