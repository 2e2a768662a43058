"""Integration tests on real tools: hello's own against its container, and one that fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.conftest import RELEASER

if TYPE_CHECKING:
    from tests.e2e.conftest import Place

REPORT = "reports/integration-test-hello.xml"
# Shows the keys that it was given, and keeps them in a file beside it.
FAILS = """\
import json
import os
from pathlib import Path


def test_more():
    keys = [os.environ[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
    Path(__file__).with_name("keys.json").write_text(json.dumps(keys))
    print(*keys)
    assert keys[0] == ""
"""


def test_hello_is_tested(place: Place) -> None:
    """The integration tests of hello pass in test and in prod, each with a report, and change no account."""
    planted = {"AWS_ACCESS_KEY_ID": "PLANTED", "AWS_SECRET_ACCESS_KEY": "PLANTED", "PYTEST_ADDOPTS": "--planted"}
    before = place.accounts()

    test = place.invoke("integration", "--env", "test", "--json", **planted)
    prod = place.invoke("integration", "--env", "prod", "--json", "--profile", RELEASER)

    assert test.status == 0, test.stdout + test.stderr
    assert prod.status == 0, prod.stdout + prod.stderr
    for ran, environment in ((test, "test"), (prod, "prod")):
        (told,) = ran.document["integration"]
        assert (told["service"], told["passed"], told["summary"][:9]) == ("hello", True, "3 passed ")
        assert told["report"] == REPORT.replace("test", environment, 1)
        assert (place.folder / told["report"]).is_file()
    assert place.accounts() == before


def test_a_test_that_fails(place: Place) -> None:
    """An integration test that fails ends with 6 and names service and report, in which no key of anybody's stands."""
    tests = place.folder / "services" / "hello" / "integration"
    (tests / "test_more.py").write_text(FAILS)

    ran = place.invoke("integration", "--env", "test")

    assert ran.status == 6, ran.stdout + ran.stderr
    assert "hello: integration tests FAILED: 1 failed, 3 passed in " in ran.stdout
    assert "error: integration tests of hello in test" in ran.stderr
    assert f"read {REPORT}" in ran.stderr
    report = (place.folder / REPORT).read_text()
    assert "********" in ran.stdout
    assert "********" in report
    secret, token = json.loads((tests / "keys.json").read_text())
    assert min(len(secret), len(token)) > 8
    assert [key in text for key in (secret, token) for text in (ran.stdout, ran.stderr, report)] == [False] * 6
