"""Integration tests on real tools: hello's own against its container, and one that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.conftest import RELEASER

if TYPE_CHECKING:
    from tests.e2e.conftest import Place

REPORT = "reports/integration-test-hello.xml"


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
    tests = place.folder / "services" / "hello" / "integration" / "test_more.py"
    tests.write_text("import os\n\n\ndef test_more():\n    assert os.environ['AWS_SECRET_ACCESS_KEY'] == ''\n")

    ran = place.invoke("integration", "--env", "test")

    assert ran.status == 6, ran.stdout + ran.stderr
    assert "hello: integration tests FAILED: 1 failed, 3 passed in " in ran.stdout
    assert "error: integration tests of hello in test" in ran.stderr
    assert f"read {REPORT}" in ran.stderr
    assert "********" in ran.stdout
    assert "********" in (place.folder / REPORT).read_text()
