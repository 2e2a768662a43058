"""Releases that are signed, and those that are not, on their way beyond the first environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lockstep import canonical
from lockstep.testing import SETTINGS, TOOLING

if TYPE_CHECKING:
    from tests.journeys.terminal import Terminal

KEY = f"arn:aws:kms:eu-west-1:{TOOLING}:key/01234567-89ab-cdef-0123-456789abcdef"
SIGNED = SETTINGS.replace("[tooling]", f'[tooling]\nsigning_key = "{KEY}"')
PROMOTE = ("promote", "--to", "prod", "--profile", "releaser")


def signature(terminal: Terminal) -> str:
    """Return where the one signature is."""
    (found,) = (key for key in terminal.world.files if key.startswith("signatures/"))
    return found


@pytest.fixture
def signing(terminal: Terminal) -> Terminal:
    """Return a terminal whose one release is signed and was deployed to test."""
    terminal.settings = SIGNED
    assert terminal.invoke("deploy", "--env", "test").code == 0
    return terminal


def test_a_signed_release(signing: Terminal) -> None:
    """A release is signed with the key of the settings, over all of its stored manifest, and may go on."""
    key = signature(signing)
    document = json.loads(signing.world.files[key])
    manifest = signing.world.files[f"releases/{key.removeprefix('signatures/')}"]

    assert (document["key"], document["sha256"]) == (KEY, canonical.sha256(manifest))
    assert signing.invoke(*PROMOTE).code == 0


def test_a_release_from_before_there_was_a_key(terminal: Terminal) -> None:
    """A release that was published before releases were signed is signed when it is made again."""
    terminal.release()
    terminal.settings = SIGNED

    terminal.release()

    assert signature(terminal)


def test_an_unsigned_release(signing: Terminal) -> None:
    """A release without a signature goes to test and no further: promote ends with 9, whatever force is given."""
    del signing.world.files[signature(signing)]
    signing.settings = SIGNED.replace('name = "prod"', 'name = "prod"\nallow_force = true')

    seen = signing.invoke(*PROMOTE, "--force")

    assert seen.code == 9
    assert f"with {KEY}\n  answer: it has none" in seen.err


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"{}", "is damaged"),
        (b'{"signature": "!"}', "is damaged"),
        (b'{"signature": "b3RoZXI="}', "it is not of this manifest and this key"),
    ],
)
def test_another_signature(signing: Terminal, content: bytes, answer: str) -> None:
    """A signature that is damaged, or of something else, is refused with 9, and prod stays as it was."""
    signing.world.files[signature(signing)] = content
    before = signing.accounts()

    seen = signing.invoke(*PROMOTE)

    assert (seen.code, answer in seen.err) == (9, True), seen.err
    assert signing.accounts() == before


def test_a_signature_of_another_maker(signing: Terminal) -> None:
    """Who made a release, and when, is signed too: the part of a manifest that its name does not cover."""
    name = signature(signing).replace("signatures", "releases")
    stored = json.loads(signing.world.files[name])
    stored["made"]["by"] = "somebody else"
    signing.world.files[name] = canonical.encode(stored)

    assert signing.invoke(*PROMOTE).code == 9


def test_no_key_no_signature(terminal: Terminal) -> None:
    """Where the settings name no key, nothing is signed and no signature asked for."""
    terminal.invoke("deploy", "--env", "test")

    assert terminal.invoke(*PROMOTE).code == 0
    assert not any(key.startswith("signatures/") for key in terminal.world.files)
